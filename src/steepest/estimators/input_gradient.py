"""The derivatives of what a fitted model predicts with respect to its inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest import _native, kernels
from steepest._bases import Basis, Recurrence, domain_map, to_unit
from steepest._validate import Array
from steepest.estimators.base import check_inputs
from steepest.estimators.given_layers import Layers, as_plain
from steepest.estimators.sparse import core_inputs


def network_input_gradient(
    estimator: Any, X: Any, layers: Layers, output: str = "identity", hidden: Any = "identity"
) -> Array:
    """Return d output / d input of a network: (n, d) for one output, (n, K, d) for several.

    ``output`` is the function of the last layer that is differentiated: "identity", "exp", "logistic" or "softmax".
    """
    inputs = check_inputs(estimator, X, reset=False)
    gradient: Array = _native.core.network_input_gradient(
        *as_plain(layers, inputs.dtype), core_inputs(inputs), hidden, output
    )
    return gradient if gradient.shape[1] > 1 else gradient[:, 0]


_DERIVATIVE = {
    "monomial": np.polynomial.polynomial.polyder,
    "chebyshev": np.polynomial.chebyshev.chebder,
    "legendre": np.polynomial.legendre.legder,
}


def polynomial_slope(coef: Array, basis: Basis, domain: tuple[float, float], x: Array) -> Array:
    """Return f'(x), (n,) in float64, of f(x) = sum_k coef_k p_k(u), where u maps the domain onto [-1, 1]."""
    half = float(domain_map(domain)[1])
    if len(coef) == 1 or half == 0:
        return np.zeros(len(x))
    u = to_unit(x.astype(np.float64), domain)
    if not isinstance(basis, str):
        return _recurrence_slope(coef, basis, u) / half
    slope = np.asarray(_DERIVATIVE[basis](coef)) / half
    return kernels.polynomial_predict(slope, u, basis)


def _recurrence_slope(coef: Array, basis: Recurrence, u: Array) -> Array:
    """Return sum_k coef_k p_k'(u), by p_{k+1}' = (a_k u + b_k) p_k' + a_k p_k - c_k p_{k-1}'."""
    p, p_before = np.ones_like(u), np.zeros_like(u)
    slope, slope_before = np.zeros_like(u), np.zeros_like(u)
    total = np.zeros_like(u)
    for coefficient, a, b, c in zip(coef[1:], *basis, strict=True):
        line = a * u + b
        slope, slope_before = line * slope + a * p - c * slope_before, slope
        p, p_before = line * p - c * p_before, p
        total += coefficient * slope
    return total
