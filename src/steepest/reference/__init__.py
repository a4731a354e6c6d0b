"""NumPy twins of the compiled kernels: the shortest correct code, to be read and to test against.

Each function has the name, arguments and meaning of its twin in `steepest.kernels`. It computes in
the dtype of its arguments: to judge a float32 kernel, pass the same values as float64.

To read in this order: `losses`, `loss_terms`, `linear`, `polynomial`, `moments`, `network`, `prediction`,
`whole_gradient`, `optimizers`, `proximal`, `neurons`, `random`, `descent`.
"""

from __future__ import annotations

from .descent import batches, descend
from .linear import linear_loss_gradient, linear_predict
from .loss_terms import loss_terms
from .losses import (
    log_softmax,
    logistic,
    logistic_cross_entropy,
    mse,
    mse_gradient,
    softmax_cross_entropy,
)
from .moments import moments, moments_loss_gradient, products_from_moments
from .network import (
    activate,
    activation_derivative,
    dense_backward,
    dense_forward,
    dropout_network_loss_gradient,
    relu_network_forward,
    relu_network_input_gradient,
    relu_network_loss_gradient,
)
from .neurons import group_soft_threshold, least_group_subgradient, limit_norms
from .optimizers import optimizer_step
from .polynomial import (
    basis_matrix,
    orthonormal_mixing,
    orthonormal_recurrence,
    polynomial_loss_gradient,
    polynomial_predict,
    product_matrix,
    recurrence_matrix,
)
from .prediction import network_answer, network_classes
from .proximal import least_subgradient, proximal_step, soft_threshold
from .random import bounded_integer, dropout_mask, permutation, philox, philox_draws
from .whole_gradient import (
    armijo_search,
    barzilai_borwein_length,
    clip_gradient,
    polyak_length,
    prodigy_step,
    wolfe_conditions,
)

__all__ = [
    "activate",
    "activation_derivative",
    "armijo_search",
    "barzilai_borwein_length",
    "basis_matrix",
    "batches",
    "bounded_integer",
    "clip_gradient",
    "dense_backward",
    "dense_forward",
    "descend",
    "dropout_mask",
    "dropout_network_loss_gradient",
    "group_soft_threshold",
    "least_group_subgradient",
    "least_subgradient",
    "limit_norms",
    "linear_loss_gradient",
    "linear_predict",
    "log_softmax",
    "logistic",
    "logistic_cross_entropy",
    "loss_terms",
    "moments",
    "moments_loss_gradient",
    "mse",
    "mse_gradient",
    "network_answer",
    "network_classes",
    "optimizer_step",
    "orthonormal_mixing",
    "orthonormal_recurrence",
    "permutation",
    "philox",
    "philox_draws",
    "polyak_length",
    "polynomial_loss_gradient",
    "polynomial_predict",
    "prodigy_step",
    "product_matrix",
    "products_from_moments",
    "proximal_step",
    "recurrence_matrix",
    "relu_network_forward",
    "relu_network_input_gradient",
    "relu_network_loss_gradient",
    "soft_threshold",
    "softmax_cross_entropy",
    "wolfe_conditions",
]
