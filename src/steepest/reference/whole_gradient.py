"""What needs all of the gradient before a step: clipping, Prodigy, step lengths and line searches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._support import Array

CLIPS = ("clip_value", "clip_norm", "clip_global_norm")


def clip_gradient(
    optimizer: Any,
    gradient: Sequence[Array],
    theta: Sequence[Array] | None = None,
    l1: Sequence[float] | None = None,
) -> list[Array]:
    r"""Return the gradient, clipped as the optimizer's fields say.

    Parameters
    ----------
    optimizer : any of steepest.optimizers
    gradient : list of arrays
        It is not changed.
    theta : list of arrays, optional
        The parameters, for `l1`.
    l1 : sequence of float, optional
        Strength of an L1 penalty on each array. The subgradient s of the least norm is clipped then, and the result
        is g + clip(s) - s.

    Returns
    -------
    list of arrays
    """
    from .proximal import least_subgradient

    if all(getattr(optimizer, name) is None for name in CLIPS):
        return list(gradient)
    total = list(gradient)
    if theta is not None and l1 is not None:
        total = [least_subgradient(*part) for part in zip(theta, gradient, l1, strict=True)]
    clipped = total
    if optimizer.clip_value is not None:
        clipped = [np.clip(s, -optimizer.clip_value, optimizer.clip_value) for s in clipped]
    if optimizer.clip_norm is not None:
        clipped = [s * min(1.0, optimizer.clip_norm / max(_norm([s]), 1e-300)) for s in clipped]
    if optimizer.clip_global_norm is not None:
        norm = max(_norm(clipped), 1e-300)
        clipped = [s * min(1.0, optimizer.clip_global_norm / norm) for s in clipped]
    return [g + (c - s) for g, c, s in zip(gradient, clipped, total, strict=True)]


def prodigy_step(
    optimizer: Any,
    rate: float,
    theta: Sequence[Array],
    gradient: Sequence[Array],
    state: dict[str, Any],
) -> None:
    """Take a step of Prodigy; `state`, whose "step" counts it already, and `theta` change in place."""
    if rate == 0:
        return
    b1, b2, d, t = optimizer.beta_1, optimizer.beta_2, state["d"], state["step"]
    b3 = b2**0.5 if optimizer.beta_3 is None else optimizer.beta_3
    gamma = d * rate
    if optimizer.bias_correction:
        gamma *= (1.0 - b2**t) ** 0.5 / (1.0 - b1**t)
    names = ("first_moment", "second_moment", "weighted_sum", "start")
    parts = list(zip(theta, gradient, *(_as_list(state[name]) for name in names), strict=True))
    unit = d / optimizer.initial_d
    numerator = b3 * state["numerator"]
    for x, g_given, m, v, s, x0 in parts:
        g = g_given + optimizer.l2 * x
        numerator += unit * gamma * float(np.sum(g * (x0 - x)))
        m[...] = b1 * m + (1.0 - b1) * d * g
        v[...] = b2 * v + (1.0 - b2) * (d * g) ** 2
        s[...] = b3 * s + unit * (d if optimizer.safeguard_warmup else gamma) * g
    denominator = sum(float(np.sum(np.abs(part[4]))) for part in parts)
    if denominator == 0:
        return
    estimate = optimizer.coefficient * numerator / denominator
    d_new = max(d, estimate) if d == optimizer.initial_d else d
    d_max = max(state["d_max"], estimate)
    d_new = min(d_max, d_new * optimizer.growth_rate)
    state |= {"d": d_new, "d_max": d_max, "numerator": numerator}
    for x, _, m, v, _, _ in parts:
        x -= gamma * optimizer.weight_decay * x
        x -= gamma * m / (np.sqrt(v) + d_new * optimizer.epsilon)


def polyak_length(optimizer: Any, gradient: Sequence[Array], loss: float, rate: float) -> float:
    """Return the length of a Polyak step."""
    square = _norm(gradient) ** 2 + optimizer.epsilon
    if loss <= optimizer.f_min or square == 0:
        return 0.0
    return float(rate * min((loss - optimizer.f_min) / square, optimizer.largest))


def barzilai_borwein_length(
    optimizer: Any,
    rate: float,
    theta: Sequence[Array],
    gradient: Sequence[Array],
    state: dict[str, Any],
) -> float:
    """Return the length of a step, whose number is the state's, by the point and gradient before it."""
    if state["step_length"] == 0:
        return rate
    s = _difference(theta, state["last_point"])
    y = _difference(gradient, state["last_gradient"])
    if s @ y <= 0:
        return float(state["step_length"])
    is_long = optimizer.form == "long" or (
        optimizer.form == "alternating" and state["step"] % 2 == 0
    )
    length = s @ s / (s @ y) if is_long else s @ y / (y @ y)
    return float(np.clip(length, optimizer.smallest, optimizer.largest))


def armijo_search(
    search: Any,
    phi: Callable[[float], tuple[float, float]],
    value: float,
    slope: float,
    first: float,
) -> float | None:
    """Return the first of the lengths that is short enough; ``phi(a)`` is value and slope at a."""
    for k in range(search.max_evaluations):
        length = first * search.shrink**k
        if phi(length)[0] <= value + search.decrease * length * slope:
            return float(length)
    return None


def wolfe_conditions(
    search: Any,
    phi: Callable[[float], tuple[float, float]],
    value: float,
    slope: float,
    length: float,
) -> bool:
    """Whether a length fulfils the strong Wolfe conditions."""
    there, slope_there = phi(length)
    falls = there <= value + search.decrease * length * slope
    return bool(falls and abs(slope_there) <= search.curvature * abs(slope))


def _norm(parts: Sequence[Array]) -> float:
    return float(np.linalg.norm([np.linalg.norm(np.ravel(part)) for part in parts]))


def _difference(a: Sequence[Array], b: Any) -> Array:
    pairs = zip(a, _as_list(b), strict=True)
    return np.concatenate([np.ravel(x - y) for x, y in pairs])


def _as_list(arrays: Any) -> list[Array]:
    return list(arrays) if isinstance(arrays, (list, tuple)) else [np.asarray(arrays)]
