"""Steps of several arrays as one, for what needs all of the gradient first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from steepest._validate import check_integer, check_number, parameter_pairs, plain

if TYPE_CHECKING:
    from steepest.optimizers.base import Optimizer, Parameters, State

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
        neutral = None if name in CLIPS else 0.0
        if value != neutral:
            raise ValueError(f"{name} must be {neutral} {why}, but is {value!r}")


def is_whole(optimizer: Optimizer) -> bool:
    """Whether a step looks at more than one entry of the gradient, or at more than one gradient."""
    return (
        optimizer.accumulate > 1
        or bool(optimizer.scalars)
        or optimizer.finds_rate
        or any(getattr(optimizer, name) is not None for name in CLIPS)
    )


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
    if len({part.dtype for part, _, _ in pairs}) > 1:
        raise TypeError(
            f"theta must be arrays of one dtype for {type(optimizer).__name__} as it is set, but they are of "
            f"{', '.join(sorted({str(part.dtype) for part, _, _ in pairs}))}"
        )
    missing = [name for name in optimizer.scalars if name not in state]
    if missing:
        raise ValueError(f"state must be the dict that init returned, with {missing[0]!r} in it")
    scalars = [check_number(f"state[{name!r}]", state[name]) for name in optimizer.scalars]
    gradients = [plain(g, part.dtype) for part, g, _ in pairs]
    n_slots = len(optimizer.slots)
    if optimizer.accumulate > 1:
        count = check_integer(
            "state['accumulated']",
            state.get("accumulated"),
            low=0,
            high=optimizer.accumulate - 1,
        )
        for g, (_, _, arrays) in zip(gradients, pairs, strict=True):
            arrays[-1][...] += g
        state["accumulated"] = count + 1
        if count + 1 < optimizer.accumulate:
            return
        gradients = [
            plain(arrays[-1] / part.dtype.type(optimizer.accumulate), part.dtype)
            for part, _, arrays in pairs
        ]
    targets = [[part, *arrays[:n_slots]] for part, _, arrays in pairs]
    flat = [[plain(array, part[0].dtype) for array in part] for part in targets]
    number = int(state["step"]) + 1
    after = stepper.whole_step(
        [part[0] for part in flat],
        gradients,
        [part[1:] for part in flat],
        scalars,
        number,
        optimizer.learning_rate if learning_rate is None else learning_rate,
        loss,
    )
    for part, stepped in zip(targets, flat, strict=True):
        for array, result in zip(part, stepped, strict=True):
            if result is not array:  # strided or of another byte order: stepped in a copy
                array[...] = result
    if optimizer.accumulate > 1:
        for _, _, arrays in pairs:
            arrays[-1][...] = 0
        state["accumulated"] = 0
    state |= dict(zip(optimizer.scalars, after, strict=False))
    state["step"] = number
