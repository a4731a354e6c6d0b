"""What holds the weights into each neuron: a penalty on their norm, and a largest norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._support import Array
from .proximal import least_subgradient, soft_threshold


def group_soft_threshold(weights: Array, threshold: Any) -> Array:
    r"""Return the proximal point of the group penalty, column by column.

    .. math:: \arg\min_z \; \lVert z \rVert + \sum_i \frac{(z_i - w_i)^2}{2 c_i}

    With equal :math:`c_i` that is :math:`w \max(0, 1 - c / \lVert w \rVert)`. Otherwise :math:`z_i = t w_i / (t +
    c_i)` with :math:`t = \lVert z \rVert`, found by bisection, or 0.

    Parameters
    ----------
    weights : array, (n_in, n_out)
        A group is a column.
    threshold : float or array, (n_in, n_out)
        The positive :math:`c`: the strength of the penalty times the step of each weight.

    Returns
    -------
    array, (n_in, n_out)

    References
    ----------
    Yuan and Lin (2006), "Model selection and estimation in regression with grouped variables".
    """
    c = np.broadcast_to(threshold, weights.shape)
    low, high = np.zeros(weights.shape[1]), np.linalg.norm(weights, axis=0)
    vanish = np.sum((weights / c) ** 2, axis=0) <= 1
    for _ in range(1100):  # down to the smallest numbers
        t = (low + high) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            above = np.sum((weights / (t + c)) ** 2, axis=0) > 1
        low, high = np.where(above, t, low), np.where(above, high, t)
        if np.all(high - low <= np.spacing(high)):
            break
    return np.where(vanish, 0.0, weights * (high / (high + c)))


def limit_norms(weights: Array, largest: float) -> Array:
    r"""Return the weights with each column's 2-norm limited: :math:`w \min(1, r / \lVert w \rVert)`.

    Parameters
    ----------
    weights : array, (n_in, n_out)
    largest : float
        The norm that no neuron's weights exceed.

    References
    ----------
    Srivastava et al. (2014), "Dropout: a simple way to prevent neural networks from overfitting".
    """
    norms = np.linalg.norm(weights, axis=0)
    with np.errstate(divide="ignore"):
        factors: Array = np.minimum(1.0, largest / norms)
    return weights * factors


def least_group_subgradient(weights: Array, gradient: Array, l1: float, group: float) -> Array:
    r"""Return the subgradient of least norm of J + l1 \|W\|_1 + group sum_j \|W_j\|.

    Parameters
    ----------
    weights, gradient : array, (n_in, n_out)
        The gradient is that of J.
    l1, group : float
    """
    norms = np.linalg.norm(weights, axis=0)
    slope = weights / np.where(norms > 0, norms, 1.0)
    rest = least_subgradient(weights, gradient + group * slope, l1)
    free = soft_threshold(gradient, l1)
    sizes = np.linalg.norm(free, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(sizes > group, 1.0 - group / sizes, 0.0)
    return np.where(norms > 0, rest, left * free)
