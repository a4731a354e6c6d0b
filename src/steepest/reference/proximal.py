"""The step of each optimizer with an L1 penalty: the optimizer's own, then a soft threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ._support import Array
from .optimizers import optimizer_step, unit_step
from .whole_gradient import CLIPS, clip_gradient


def proximal_step(
    optimizer: Any,
    theta: Sequence[Array],
    gradient: Sequence[Array],
    state: dict[str, Any],
    l1: Sequence[float],
    learning_rate: float | None = None,
) -> None:
    r"""Take one step on J + sum of l1 \|theta\|_1: `theta` and `state` are changed in place.

    The threshold is `l1` times the step that a constant gradient of 1 makes in the limit, entry by entry, so that
    a step from where it is 0 in g + l1 d\|x\| leads back there.

    Parameters
    ----------
    optimizer : any of steepest.optimizers
        Lion and Rprop step orthant by orthant instead: Andrew and Gao (2007).
    theta, gradient : lists of arrays
        The gradient is that of J, without the L1 penalty.
    state : dict
        As in `optimizer_step`.
    l1 : sequence of float
        One for each array.
    learning_rate : float, optional
        Used in place of ``optimizer.learning_rate``.

    References
    ----------
    Parikh and Boyd (2014), "Proximal algorithms"; Yun, Lozano and Yang (2021), "Adaptive proximal gradient methods
    for structured neural networks".
    """
    rate = float(optimizer.learning_rate if learning_rate is None else learning_rate)
    gradient = clip_gradient(optimizer, gradient, theta, l1)
    optimizer = replace(optimizer, **dict.fromkeys(CLIPS))
    if type(optimizer).__name__ in (
        "Lion",
        "Rprop",
    ):  # their steps do not depend on the gradient's size
        _orthant_step(optimizer, theta, gradient, state, l1, rate)
        return
    optimizer_step(optimizer, theta, gradient, state, rate)
    for layer, (x, strength) in enumerate(zip(theta, l1, strict=True)):
        if strength > 0:
            x[...] = soft_threshold(x, strength * unit_step(optimizer, rate, state, layer))


def soft_threshold(x: Array, threshold: Any) -> Array:
    """Return sign(x) max(|x| - threshold, 0), the proximal operator of threshold |x|."""
    clipped: Array = np.clip(x, -threshold, threshold)
    return x - clipped


def least_subgradient(theta: Array, gradient: Array, l1: float) -> Array:
    r"""Return the subgradient of J + l1 \|theta\|_1 that has the least norm; it is 0 at a minimum."""
    return np.where(theta != 0, gradient + l1 * np.sign(theta), soft_threshold(gradient, l1))


def _orthant_step(
    optimizer: Any,
    theta: Sequence[Array],
    gradient: Sequence[Array],
    state: dict[str, Any],
    l1: Sequence[float],
    rate: float,
) -> None:
    """Step by the least subgradient; what leaves the orthant in which it lies or into which it goes is 0."""
    starts = [x.copy() for x in theta]
    seen = [
        least_subgradient(x, g + optimizer.l2 * x, strength) - optimizer.l2 * x
        for x, g, strength in zip(theta, gradient, l1, strict=True)
    ]
    optimizer_step(optimizer, theta, seen, state, rate)
    for x, start, g, strength in zip(theta, starts, seen, l1, strict=True):
        if strength > 0:
            orthant = np.where(start != 0, np.sign(start), -np.sign(g))
            x[...] = np.where(x * orthant > 0, x, 0.0)
