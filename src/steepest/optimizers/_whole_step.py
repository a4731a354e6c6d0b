"""Steps of several arrays as one, for what needs all of the gradient first."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest._validate import Array, check_integer, check_number, parameter_pairs, plain

if TYPE_CHECKING:
    from steepest.optimizers.base import Optimizer, Parameters, State

Pairs = list[tuple[Array, Array, list[Array]]]  # each array with its gradient and its slots
CLIPS = ("clip_value", "clip_norm", "clip_global_norm")


def check_clips(optimizer: Optimizer) -> None:
    """Raise unless at most one way of clipping is given, with a positive limit."""
    given = [name for name in CLIPS if getattr(optimizer, name) is not None]
    for name in given:
        check_number(name, getattr(optimizer, name), above=0.0, finite=True)
    if len(given) > 1:
        raise ValueError(
            f"{given[1]} must be None with {given[0]}: a gradient is clipped in one way"
        )


def refuse(optimizer: Optimizer, why: str, *names: str) -> None:
    """Raise if a hyper-parameter is not at its neutral value, with which `why` does not go together."""
    for name in names:
        value = getattr(optimizer, name)
        neutral = () if name == "groups" else None if name in (*CLIPS, "average") else 0.0
        if value != neutral:
            raise ValueError(f"{name} must be {neutral} {why}, but is {value!r}")


def has_clip(optimizer: Optimizer) -> bool:
    """Whether gradients are clipped."""
    return any(getattr(optimizer, name) is not None for name in CLIPS)


def is_whole(optimizer: Optimizer) -> bool:
    """Whether a step looks at more than one entry of the gradient, or at more than one gradient."""
    return optimizer.accumulate > 1 or bool(optimizer.whole_scalars) or has_clip(optimizer)


def with_accumulator(state: State, theta: Parameters) -> State:
    """Return a state with the sum of gradients that are waiting for the others of their step."""
    single = isinstance(theta, np.ndarray)
    total: Any = np.zeros_like(theta) if single else [np.zeros_like(part) for part in theta]
    return {**state, "accumulated": 0, "gradient_sum": total}


def whole_step(
    optimizer: Optimizer,
    stepper: Any,
    theta: Parameters,
    gradient: Parameters,
    state: State,
    learning_rate: float | None,
    loss: float = float("nan"),
) -> None:
    """Take one step of all arrays in place, or only add the gradient up, as :meth:`Optimizer.step` says."""
    if getattr(optimizer, "line_search", None) is not None:
        raise TypeError(
            "a line search needs the function: give the optimizer to steepest.minimize or a model"
        )
    slots = (*optimizer.slots, *(("gradient_sum",) if optimizer.accumulate > 1 else ()))
    pairs = parameter_pairs(theta, gradient, state, slots)
    by_itself = bool(optimizer.whole_scalars) or not np.isnan(
        loss
    )  # the step needs all arrays, too
    dtypes = {part.dtype for part, _, _ in pairs}
    if len(dtypes) > 1 and (by_itself or has_clip(optimizer)):
        raise TypeError(
            f"theta must be arrays of one dtype for {type(optimizer).__name__} as it is set, but they are of "
            f"{', '.join(sorted(map(str, dtypes)))}"
        )
    missing = [name for name in optimizer.whole_scalars if name not in state]
    if missing:
        raise ValueError(f"state must be the dict that init returned, with {missing[0]!r} in it")
    optimizer._check_scalars(state)
    scalars = [check_number(f"state[{name!r}]", state[name]) for name in optimizer.whole_scalars]
    gradients = [plain(g, part.dtype) for part, g, _ in pairs]
    if optimizer.accumulate > 1:
        mean = _gathered(optimizer, pairs, gradients, state)
        if mean is None:
            return
        gradients = mean
    if by_itself:
        rate = optimizer.learning_rate if learning_rate is None else learning_rate
        after = _step_together(optimizer, stepper, pairs, gradients, scalars, state, rate, loss)
        state |= zip(optimizer.whole_scalars, after, strict=False)
        state["step"] = int(state["step"]) + 1
    else:
        if has_clip(optimizer):
            gradients = stepper.clipped(gradients)
        single = isinstance(theta, np.ndarray)
        _rule_alone(optimizer).step(
            theta, gradients[0] if single else gradients, state, learning_rate
        )
    if optimizer.accumulate > 1:
        for _, _, arrays in pairs:
            arrays[-1][...] = 0
        state["accumulated"] = 0


@lru_cache(maxsize=64)
def _rule_alone(optimizer: Optimizer) -> Optimizer:
    """Return the optimizer without what has been done to the gradient."""
    neutral: dict[str, Any] = {"accumulate": 1, **dict.fromkeys(CLIPS)}
    return replace(optimizer, **neutral)


def _gathered(
    optimizer: Optimizer, pairs: Pairs, gradients: list[Array], state: State
) -> list[Array] | None:
    """Add the gradients to those that wait; return their mean if they are enough for a step."""
    most = optimizer.accumulate
    count = check_integer("state['accumulated']", state.get("accumulated"), low=0, high=most - 1)
    for g, (_, _, arrays) in zip(gradients, pairs, strict=True):
        arrays[-1][...] += g
    state["accumulated"] = count + 1
    if count + 1 < most:
        return None
    return [
        plain(np.asarray(arrays[-1] / part.dtype.type(most)), part.dtype)
        for part, _, arrays in pairs
    ]


def _step_together(
    optimizer: Optimizer,
    stepper: Any,
    pairs: Pairs,
    gradients: list[Array],
    scalars: list[float],
    state: State,
    rate: float,
    loss: float,
) -> list[float]:
    """Take one compiled step of all arrays; return the numbers of the state after it."""
    n_slots = len(optimizer.slots)
    targets = [[part, *arrays[:n_slots]] for part, _, arrays in pairs]
    flat = [[plain(array, part[0].dtype) for array in part] for part in targets]
    after: list[float] = stepper.whole_step(
        [part[0] for part in flat],
        gradients,
        [part[1:] for part in flat],
        scalars,
        int(state["step"]) + 1,
        rate,
        loss,
    )
    for part, stepped in zip(targets, flat, strict=True):
        for array, result in zip(part, stepped, strict=True):
            if result is not array:  # strided: stepped in a copy
                array[...] = result
    return after
