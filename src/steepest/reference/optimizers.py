"""One step of each optimizer, as its update rule is written.

The hyper-parameters come from the optimizer's own fields, the state from its ``init``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._support import Array, choose
from .two_points import schedule_free_share, two_point_rules
from .whole_gradient import (
    barzilai_borwein_length,
    clip_gradient,
    polyak_length,
    prodigy_step,
)


def optimizer_step(
    optimizer: Any,
    theta: Array | Sequence[Array],
    gradient: Array | Sequence[Array],
    state: dict[str, Any],
    learning_rate: float | None = None,
    loss: float | None = None,
) -> None:
    """Take one step: `theta` and `state` are changed in place.

    Parameters
    ----------
    optimizer : any of steepest.optimizers
        Told apart by the name of its class.
    theta : floating array, or list of them
        The parameters; with ``optimizer.groups`` a list, the weights and the biases of each layer by turns.
    gradient : same shapes as `theta`
        The gradient at `theta`; it is not changed.
    state : dict
        What ``optimizer.init(theta)`` gave: "step", the number of steps taken, and the arrays that
        the rule keeps, ``optimizer.slots``, shaped as `theta`.
    learning_rate : float, optional
        Used in place of ``optimizer.learning_rate``.
    loss : float, optional
        At `theta`; PolyakStep needs it.

    Raises
    ------
    ValueError
        If the optimizer's class is none of them.
    """
    kind = type(optimizer).__name__
    choose(_NAMES, "optimizer", kind)
    rate = float(optimizer.learning_rate if learning_rate is None else learning_rate)
    xs, gradients = _as_list(theta), _as_list(gradient)
    if optimizer.accumulate > 1:
        for total, g in zip(_as_list(state["gradient_sum"]), gradients, strict=True):
            total += g
        state["accumulated"] += 1
        if state["accumulated"] < optimizer.accumulate:
            return
        gradients = [total / optimizer.accumulate for total in _as_list(state["gradient_sum"])]
        for total in _as_list(state["gradient_sum"]):
            total[...] = 0.0
        state["accumulated"] = 0
    state["step"] += 1
    if kind == "PolyakStep":
        assert loss is not None
        rate = polyak_length(optimizer, gradients, loss, rate)
    if kind == "BarzilaiBorwein":
        rate = barzilai_borwein_length(optimizer, rate, xs, gradients, state)
        state["step_length"] = rate
    gradients = clip_gradient(optimizer, gradients)
    if kind == "Prodigy":
        prodigy_step(optimizer, rate, xs, gradients, state)
        if optimizer.average is not None:
            for x, kept in zip(xs, _as_list(state["average"]), strict=True):
                kept += optimizer.average.weight(state["step"]) * (x - kept)
        return
    share = schedule_free_share(optimizer, rate, state)
    parts = [xs, gradients, *(state[slot] for slot in optimizer.slots)]
    arrays = list(zip(*map(_as_list, parts), strict=True))
    for (x, g, *slots), (factor, l2, decay) in zip(
        arrays, _settings(optimizer, len(arrays)), strict=True
    ):
        g_penalised = g + l2 * x if l2 != 0 else g
        mean = slots.pop() if optimizer.average is not None else None
        two_points = two_point_rules(optimizer)
        if two_points is not None:  # the decay is part of the rule
            two_points(
                optimizer, factor * rate, decay, share, state["step"], x, g_penalised, *slots
            )
        else:
            if decay != 0:
                x -= factor * rate * decay * x  # decoupled: no moment sees it
            _RULES[type(optimizer).__name__](
                optimizer, factor * rate, state["step"], x, g_penalised, *slots
            )
        if mean is not None:
            mean += optimizer.average.weight(state["step"]) * (x - mean)


def _settings(optimizer: Any, count: int) -> list[tuple[float, float, float]]:
    """Return the factor of the rate and the two decays of each of the arrays."""
    settings = [(1.0, optimizer.l2, optimizer.weight_decay) for _ in range(count)]
    for group in optimizer.groups:
        layers = range(count // 2) if group.layers is None else np.atleast_1d(group.layers)
        for layer in layers:
            for i, kind in enumerate(("weights", "biases")):
                if group.kind in (None, kind):
                    at = 2 * (int(layer) % (count // 2)) + i
                    own = (group.l2, group.weight_decay)
                    l2, decay = (
                        b if a is None else a for a, b in zip(own, settings[at][1:], strict=True)
                    )
                    settings[at] = (group.learning_rate, l2, decay)
    return settings


def _sgd(optimizer: Any, rate: float, step: int, x: Array, g: Array) -> None:
    x -= rate * g


def _barzilai_borwein(
    optimizer: Any, rate: float, step: int, x: Array, g: Array, last_x: Array, last_g: Array
) -> None:
    last_x[...], last_g[...] = x, g
    x -= rate * g


def _momentum(optimizer: Any, rate: float, step: int, x: Array, g: Array, v: Array) -> None:
    b = optimizer.momentum
    # Two factors tell the three forms apart: of the gradient as it enters v, and of v in the step.
    entering, leaving = {
        "step": (rate, 1.0),
        "gradient": (1.0, rate),
        "average": (1.0 - b, rate),
    }[optimizer.velocity]
    if step > 1:  # the first gradient enters whole
        entering *= 1.0 - optimizer.dampening
    v[...] = b * v + entering * g
    x -= leaving * (b * v + entering * g if optimizer.nesterov else v)


def _adagrad(optimizer: Any, rate: float, step: int, x: Array, g: Array, s: Array) -> None:
    s[...] = s + g**2
    x -= rate * _ratio(g, _root(s, optimizer.epsilon, optimizer.epsilon_inside))


def _adadelta(
    optimizer: Any, rate: float, step: int, x: Array, g: Array, v: Array, u: Array
) -> None:
    rho, epsilon = optimizer.rho, optimizer.epsilon
    v[...] = rho * v + (1.0 - rho) * g**2
    delta = _ratio(np.sqrt(u + epsilon) * g, np.sqrt(v + epsilon))
    u[...] = rho * u + (1.0 - rho) * delta**2
    x -= rate * delta


def _rmsprop(
    optimizer: Any, rate: float, step: int, x: Array, g: Array, v: Array, *more: Array
) -> None:
    rho, slots = optimizer.rho, list(more)
    v[...] = rho * v + (1.0 - rho) * g**2
    spread = v
    if optimizer.centered:
        mean = slots.pop(0)
        mean[...] = rho * mean + (1.0 - rho) * g
        spread = np.maximum(v - mean**2, 0.0)
    d = _ratio(g, _root(spread, optimizer.epsilon, optimizer.epsilon_inside))
    if not slots:
        x -= rate * d
        return
    (velocity,) = slots
    entering, leaving = (rate, 1.0) if optimizer.velocity == "step" else (1.0, rate)
    velocity[...] = optimizer.momentum * velocity + entering * d
    x -= leaving * velocity


def _adam(optimizer: Any, rate: float, step: int, x: Array, g: Array, m: Array, v: Array) -> None:
    _moments(optimizer, g, m, v)
    _adam_step(optimizer, rate, step, x, m, v)


def _amsgrad(
    optimizer: Any, rate: float, step: int, x: Array, g: Array, m: Array, v: Array, u: Array
) -> None:
    _moments(optimizer, g, m, v)
    if optimizer.maximum == "raw":
        u[...] = np.maximum(u, v)
        _adam_step(optimizer, rate, step, x, m, u)
        return
    u[...] = np.maximum(u, v / (1.0 - optimizer.beta_2**step))
    m_hat = m / (1.0 - optimizer.beta_1**step)
    x -= rate * _ratio(m_hat, np.sqrt(u) + optimizer.epsilon)


def _adamax(optimizer: Any, rate: float, step: int, x: Array, g: Array, m: Array, u: Array) -> None:
    b1, b2, epsilon = optimizer.beta_1, optimizer.beta_2, optimizer.epsilon
    m[...] = b1 * m + (1.0 - b1) * g
    inside, outside = (epsilon, 0.0) if optimizer.epsilon_inside else (0.0, epsilon)
    u[...] = np.maximum(b2 * u, np.abs(g) + inside)
    x -= rate / (1.0 - b1**step) * _ratio(m, u + outside)


def _nadam(optimizer: Any, rate: float, step: int, x: Array, g: Array, m: Array, v: Array) -> None:
    b1, decay = optimizer.beta_1, optimizer.momentum_decay
    times = np.arange(1, step + 2)
    mu = b1 * (1.0 - 0.5 * 0.96 ** (decay * times)) if decay is not None else 0.0 * times + b1
    product, product_next = np.prod(mu[:-1]), np.prod(mu)
    _moments(optimizer, g, m, v)
    ahead = mu[-1] / (1.0 - product_next) * m + (1.0 - mu[-2]) / (1.0 - product) * g
    v_hat = v / (1.0 - optimizer.beta_2**step)
    x -= rate * _ratio(ahead, np.sqrt(v_hat) + optimizer.epsilon)


def _radam(optimizer: Any, rate: float, step: int, x: Array, g: Array, m: Array, v: Array) -> None:
    _moments(optimizer, g, m, v)
    rectification = _rectification(optimizer, step)
    if rectification is None:
        x -= rate * m / (1.0 - optimizer.beta_1**step)
    else:
        _adam_step(optimizer, rate * rectification, step, x, m, v)


def _adabelief(
    optimizer: Any, rate: float, step: int, x: Array, g: Array, m: Array, s: Array
) -> None:
    b1, b2 = optimizer.beta_1, optimizer.beta_2
    m[...] = b1 * m + (1.0 - b1) * g
    s[...] = b2 * s + (1.0 - b2) * (g - m) ** 2 + optimizer.epsilon_root
    root = np.sqrt(s / (1.0 - b2**step)) + optimizer.epsilon
    x -= rate * _ratio(m / (1.0 - b1**step), root)


def _lion(optimizer: Any, rate: float, step: int, x: Array, g: Array, m: Array) -> None:
    b1, b2 = optimizer.beta_1, optimizer.beta_2
    x -= rate * np.sign(b1 * m + (1.0 - b1) * g)
    m[...] = b2 * m + (1.0 - b2) * g


def _rprop(
    optimizer: Any, rate: float, step: int, x: Array, g: Array, last: Array, delta: Array
) -> None:
    agreement = np.sign(g) * np.sign(last)
    factor = np.where(agreement > 0, optimizer.grow, np.where(agreement < 0, optimizer.shrink, 1.0))
    delta[...] = np.clip(delta * factor, optimizer.smallest, optimizer.largest)
    last[...] = np.where(agreement < 0, 0.0, g)
    x -= delta * np.sign(last)


_RULES: dict[str, Callable[..., None]] = {
    "SGD": _sgd,
    "Momentum": _momentum,
    "Adagrad": _adagrad,
    "Adadelta": _adadelta,
    "RMSprop": _rmsprop,
    "Adam": _adam,
    "AdamW": _adam,
    "AMSGrad": _amsgrad,
    "Adamax": _adamax,
    "NAdam": _nadam,
    "RAdam": _radam,
    "AdaBelief": _adabelief,
    "Lion": _lion,
    "Rprop": _rprop,
    "PolyakStep": _sgd,
    "BarzilaiBorwein": _barzilai_borwein,
    "Prodigy": _sgd,  # which prodigy_step does
}


_NAMES = {**_RULES, "ScheduleFreeSGD": None, "ScheduleFreeAdamW": None}


def unit_step(optimizer: Any, rate: float, state: dict[str, Any], part: int) -> Any:
    """Return the step that a constant gradient of 1 makes in the limit, at the gradients' present size.

    Parameters
    ----------
    optimizer : any of steepest.optimizers but Lion and Rprop, whose steps do not depend on the gradient's size
    rate : float
    state : dict
        After a step.
    part : int
        Of which array of the parameters.

    Returns
    -------
    float, or array shaped as the parameters
    """
    kind = type(optimizer).__name__
    slots = [state[slot][part] for slot in optimizer.slots]
    epsilon = getattr(optimizer, "epsilon", 0.0)
    with np.errstate(divide="ignore"):  # an epsilon of 0 where there has been no gradient
        if kind in ("SGD", "PolyakStep", "BarzilaiBorwein"):
            return rate
        if kind == "Momentum":
            share = 1.0 - optimizer.dampening
            average = optimizer.velocity == "average"
            return rate * share / (1.0 if average else 1.0 - optimizer.momentum)
        if kind == "Adagrad":
            return rate / _root(slots[0], epsilon, optimizer.epsilon_inside)
        if kind == "Adadelta":
            return rate * np.sqrt(slots[1] + epsilon) / np.sqrt(slots[0] + epsilon)
        if kind == "RMSprop":
            spread = np.maximum(slots[0] - slots[1] ** 2, 0) if optimizer.centered else slots[0]
            root = _root(spread, epsilon, optimizer.epsilon_inside)
            return rate / (1.0 - optimizer.momentum) / root
        if kind == "Adamax":
            return rate / (slots[1] + (0.0 if optimizer.epsilon_inside else epsilon))
        if kind == "AMSGrad" and optimizer.maximum == "corrected":
            return rate / (np.sqrt(slots[2]) + epsilon)
        if kind == "RAdam":
            rectification = _rectification(optimizer, state["step"])
            if rectification is None:
                return rate
            rate = rate * rectification
        correction = 1.0 - optimizer.beta_2 ** state["step"]
        if getattr(optimizer, "epsilon_hat", False):
            return rate * correction**0.5 / (np.sqrt(slots[-1]) + epsilon)
        return rate / (np.sqrt(slots[-1] / correction) + epsilon)


def _moments(optimizer: Any, g: Array, m: Array, v: Array) -> None:
    b1, b2 = optimizer.beta_1, optimizer.beta_2
    m[...] = b1 * m + (1.0 - b1) * g
    v[...] = b2 * v + (1.0 - b2) * g**2


def _adam_step(optimizer: Any, rate: float, step: int, x: Array, m: Array, v: Array) -> None:
    # m and v start at zero: dividing by these removes the bias towards it.
    correction_1, correction_2 = 1.0 - optimizer.beta_1**step, 1.0 - optimizer.beta_2**step
    if optimizer.epsilon_hat:
        root = np.sqrt(v) + optimizer.epsilon
        x -= rate * correction_2**0.5 / correction_1 * _ratio(m, root)
    else:
        x -= rate * _ratio(m / correction_1, np.sqrt(v / correction_2) + optimizer.epsilon)


def _rectification(optimizer: Any, step: int) -> float | None:
    """Return RAdam's r_t, or None where the step is that of momentum."""
    power = optimizer.beta_2**step
    rho_inf = 2.0 / (1.0 - optimizer.beta_2) - 1.0
    rho = rho_inf - 2.0 * step * power / (1.0 - power)
    if rho <= optimizer.threshold:
        return None
    above, below = (rho - 4.0) * (rho - 2.0) * rho_inf, (rho_inf - 4.0) * (rho_inf - 2.0) * rho
    return float((above / below) ** 0.5)


def _root(square: Array, epsilon: float, inside: bool) -> Array:
    root: Array = np.sqrt(square + epsilon) if inside else np.sqrt(square) + epsilon
    return root


def _ratio(a: Array, b: Array) -> Array:
    """Return a / b, and 0 where a is 0, also over 0."""
    return np.divide(a, b, out=np.zeros_like(a), where=a != 0)


def _as_list(arrays: Array | Sequence[Array]) -> list[Array]:
    return list(arrays) if isinstance(arrays, (list, tuple)) else [np.asarray(arrays)]
