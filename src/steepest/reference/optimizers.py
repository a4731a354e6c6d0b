"""One step of each optimizer, as its update rule is written.

The hyper-parameters come from the optimizer's own fields, the state from its ``init``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._support import Array, choose


def optimizer_step(
    optimizer: Any,
    theta: Array | Sequence[Array],
    gradient: Array | Sequence[Array],
    state: dict[str, Any],
    learning_rate: float | None = None,
) -> None:
    """Take one step: `theta` and `state` are changed in place.

    Parameters
    ----------
    optimizer : SGD, Momentum, Adam or AdamW
        Told apart by the name of its class.
    theta : floating array, or list of them
        The parameters.
    gradient : same shapes as `theta`
        The gradient at `theta`; it is not changed.
    state : dict
        What ``optimizer.init(theta)`` gave: "step", the number of steps taken, and the arrays that
        the rule keeps ("velocity"; "first_moment" and "second_moment"), shaped as `theta`.
    learning_rate : float, optional
        Used in place of ``optimizer.learning_rate``.

    Raises
    ------
    ValueError
        If the optimizer's class is none of the four.
    """
    rule, slots = choose(_RULES, "optimizer", type(optimizer).__name__)
    rate = float(optimizer.learning_rate if learning_rate is None else learning_rate)
    state["step"] += 1
    parts = [theta, gradient, *(state[slot] for slot in slots)]
    for arrays in zip(*map(_as_list, parts), strict=True):
        rule(optimizer, rate, state["step"], *arrays)


def _sgd(optimizer: Any, rate: float, step: int, x: Array, g: Array) -> None:
    x -= rate * g


def _momentum(optimizer: Any, rate: float, step: int, x: Array, g: Array, v: Array) -> None:
    b = optimizer.momentum
    # Two factors tell the three forms apart: of the gradient as it enters v, and of v in the step.
    entering, leaving = {
        "step": (rate, 1.0),
        "gradient": (1.0, rate),
        "average": (1.0 - b, rate),
    }[optimizer.velocity]
    v[...] = b * v + entering * g
    x -= leaving * (b * v + entering * g if optimizer.nesterov else v)


def _adam(optimizer: Any, rate: float, step: int, x: Array, g: Array, m: Array, v: Array) -> None:
    b1, b2, epsilon = optimizer.beta_1, optimizer.beta_2, optimizer.epsilon
    m[...] = b1 * m + (1.0 - b1) * g
    v[...] = b2 * v + (1.0 - b2) * g**2
    # m and v start at zero: dividing by these removes the bias towards it.
    correction_1, correction_2 = 1.0 - b1**step, 1.0 - b2**step
    if optimizer.epsilon_hat:
        x -= rate * correction_2**0.5 / correction_1 * m / (np.sqrt(v) + epsilon)
    else:
        x -= rate * (m / correction_1) / (np.sqrt(v / correction_2) + epsilon)


def _adamw(optimizer: Any, rate: float, step: int, x: Array, g: Array, m: Array, v: Array) -> None:
    x -= rate * optimizer.weight_decay * x  # decoupled: m and v never see the decay
    _adam(optimizer, rate, step, x, g, m, v)


# class name -> its rule, and the arrays of the state in the order in which the rule takes them
_RULES: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "SGD": (_sgd, ()),
    "Momentum": (_momentum, ("velocity",)),
    "Adam": (_adam, ("first_moment", "second_moment")),
    "AdamW": (_adamw, ("first_moment", "second_moment")),
}


def _as_list(arrays: Array | Sequence[Array]) -> list[Array]:
    return list(arrays) if isinstance(arrays, (list, tuple)) else [np.asarray(arrays)]
