"""Rules that take the gradient at one point, y, and report another, x: the array that is stepped is y."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._support import Array


def two_point_rules(optimizer: Any) -> Callable[..., None] | None:
    """Return the optimizer's rule if it is one of these."""
    kind = type(optimizer).__name__
    if kind == "Momentum" and optimizer.nesterov == "lookahead":
        return _lookahead
    if kind == "ScheduleFreeSGD":
        return _schedule_free_sgd
    return _schedule_free_adamw if kind == "ScheduleFreeAdamW" else None


def schedule_free_share(optimizer: Any, rate: float, state: dict[str, Any]) -> float:
    """Return c_t, the share of this step's z in the mean; the state's sum of weights goes on."""
    if not type(optimizer).__name__.startswith("ScheduleFree"):
        return 0.0
    rate *= _warmup(optimizer, state["step"])
    state["largest_rate"] = max(state["largest_rate"], rate)
    weight = state["step"] ** optimizer.r * state["largest_rate"] ** optimizer.weight_lr_power
    state["weight_sum"] += weight
    return float(weight / state["weight_sum"]) if state["weight_sum"] > 0 else 0.0


def _warmup(optimizer: Any, step: int) -> float:
    return min(1.0, step / optimizer.warmup_steps) if optimizer.warmup_steps else 1.0


def _lookahead(
    optimizer: Any,
    rate: float,
    decay: float,
    share: float,
    step: int,
    y: Array,
    g: Array,
    v: Array,
    x: Array,
) -> None:
    beta = optimizer.momentum
    entering, leaving = {
        "step": (rate, 1.0),
        "gradient": (1.0, rate),
        "average": (1.0 - beta, rate),
    }[optimizer.velocity]
    v[...] = beta * v + entering * g
    x[...] = (1.0 - rate * decay) * x - leaving * v
    y[...] = x - leaving * beta * v


def _schedule_free_sgd(
    optimizer: Any,
    rate: float,
    decay: float,
    share: float,
    step: int,
    y: Array,
    g: Array,
    z: Array,
    x: Array,
) -> None:
    z -= rate * _warmup(optimizer, step) * (g + decay * y)
    _average_in(optimizer.beta, share, y, z, x)


def _schedule_free_adamw(
    optimizer: Any,
    rate: float,
    decay: float,
    share: float,
    step: int,
    y: Array,
    g: Array,
    v: Array,
    z: Array,
    x: Array,
) -> None:
    v[...] = optimizer.beta_2 * v + (1.0 - optimizer.beta_2) * g**2
    root = np.sqrt(v / (1.0 - optimizer.beta_2**step)) + optimizer.epsilon
    direction = np.divide(g, root, out=np.zeros_like(g), where=g != 0)
    z -= rate * _warmup(optimizer, step) * (direction + decay * y)
    _average_in(optimizer.beta_1, share, y, z, x)


def _average_in(beta: float, share: float, y: Array, z: Array, x: Array) -> None:
    x[...] = (1.0 - share) * x + share * z
    y[...] = (1.0 - beta) * z + beta * x
