"""The derivatives of what a fitted network predicts with respect to its inputs."""

from __future__ import annotations

from typing import Any

from steepest import _native
from steepest._validate import Array, check_activations
from steepest.estimators.base import check_inputs, require_fitted
from steepest.estimators.given_layers import as_plain, given_layers
from steepest.estimators.sparse import core_inputs


def network_input_gradient(network: Any, X: Any, output: str) -> Array:
    """Return d output / d input of a fitted perceptron: (n, d) for one output, (n, K, d) for several.

    ``output`` is the function of the last layer that is differentiated: "identity", "exp", "logistic" or "softmax".
    """
    require_fitted(network)
    inputs = check_inputs(network, X, reset=False)
    gradient: Array = _native.core.network_input_gradient(
        *as_plain(given_layers(network), inputs.dtype),
        core_inputs(inputs),
        check_activations(network.activation, len(network.coefs_) - 1),
        output,
    )
    return gradient if gradient.shape[1] > 1 else gradient[:, 0]
