"""Losses that are sums over entries: the value and the derivative of each, as `steepest.losses` states them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ._support import Array, as_floats, choose
from .losses import logistic

# Each takes r = f - y, or the margin m = f (2 t - 1), and the loss's parameter if it has one. A loss of classes
# gives its derivative with respect to m.
Terms = Callable[..., tuple[Array, Array]]


def _absolute(r: Array) -> tuple[Array, Array]:
    return np.abs(r), np.sign(r)


def _huber(r: Array, delta: float) -> tuple[Array, Array]:
    inside = np.abs(r) <= delta
    return np.where(inside, r**2 / 2, delta * (np.abs(r) - delta / 2)), np.clip(r, -delta, delta)


def _quantile(r: Array, q: float) -> tuple[Array, Array]:
    return np.where(r > 0, (1 - q) * r, -q * r), np.where(r > 0, 1 - q, -q) * (r != 0)


def _epsilon_insensitive(r: Array, epsilon: float) -> tuple[Array, Array]:
    beyond = np.abs(r) - epsilon
    return np.maximum(beyond, 0), np.sign(r) * (beyond > 0)


def _squared_epsilon_insensitive(r: Array, epsilon: float) -> tuple[Array, Array]:
    beyond = np.maximum(np.abs(r) - epsilon, 0)
    return beyond**2, 2 * beyond * np.sign(r)


def _hinge(m: Array) -> tuple[Array, Array]:
    return np.maximum(1 - m, 0), -1.0 * (m <= 1)


def _squared_hinge(m: Array) -> tuple[Array, Array]:
    missing = np.maximum(1 - m, 0)
    return missing**2, -2 * missing


def _modified_huber(m: Array) -> tuple[Array, Array]:
    missing = np.maximum(1 - m, 0)
    return np.where(m < -1, -4 * m, missing**2), np.where(m < -1, -4, -2 * missing)


def _perceptron(m: Array) -> tuple[Array, Array]:
    return np.maximum(-m, 0), -1.0 * (m <= 0)


_OF_RESIDUALS: dict[str, Terms] = {
    "squared_error": lambda r: (r**2, 2 * r),
    "absolute_error": _absolute,
    "huber": _huber,
    "quantile": _quantile,
    "epsilon_insensitive": _epsilon_insensitive,
    "squared_epsilon_insensitive": _squared_epsilon_insensitive,
}
_OF_MARGINS: dict[str, Terms] = {
    "hinge": _hinge,
    "squared_hinge": _squared_hinge,
    "modified_huber": _modified_huber,
    "perceptron": _perceptron,
}


def _poisson(f: Array, y: Array) -> tuple[Array, Array]:
    entropy = y * np.log(np.where(y > 0, y, 1))
    return entropy - y - y * f + np.exp(f), np.exp(f) - y


def _log_loss(f: Array, t: Array) -> tuple[Array, Array]:
    return np.maximum(f, 0) - f * t + np.log1p(np.exp(-np.abs(f))), logistic(f) - t


_OF_BOTH: dict[str, Terms] = {"poisson": _poisson, "log_loss": _log_loss}


def loss_terms(
    prediction: Array, target: Array, loss: str, *parameter: float
) -> tuple[Array, Array]:
    """Value and derivative of a loss, entry by entry.

    Parameters
    ----------
    prediction, target : array of equal shape
        f and y; for a loss of classes the target is 0 or 1.
    loss : str
        Its word, as in `steepest.losses`.
    *parameter : float
        Huber's delta, the quantile, or epsilon.

    Returns
    -------
    values : array
    derivatives : array
        With respect to the prediction.

    Raises
    ------
    ValueError
        If the word is unknown.
    """
    f, y = as_floats(prediction, target)
    if loss in _OF_BOTH:
        return _OF_BOTH[loss](f, y)
    if loss in _OF_RESIDUALS:
        return _OF_RESIDUALS[loss](f - y, *parameter)
    sign = 2 * y - 1
    values, derivatives = choose(_OF_MARGINS, "loss", loss)(sign * f)
    return values, sign * derivatives
