"""Schedules: the learning rate, or another hyper-parameter, as a function of the time.

A schedule is a factor: the rate at time t is ``optimizer.learning_rate * schedule(t)``. Time is counted from 0, in
steps, epochs or samples (rows of the data, each time they are seen), as ``unit`` says. Calling a schedule with an
array gives the array of factors; ``preview(n)`` gives the first n. The compiled loop evaluates the same formulas.

Where a parameter ``schedule`` is asked for, a schedule is that of the learning rate, and a dict has one for each
hyper-parameter that moves: ``{"learning_rate": OneCycle(1000), "momentum": OneCycle(1000, start=1, peak=0.9,
final=1)}``. Possible are ``learning_rate``, ``momentum``, ``beta_1``, ``beta_2`` and ``weight_decay``, as far as
the optimizer has them. Adam's bias corrections are then ``1 - beta**t`` with the beta of the step, as in PyTorch.

The classes of ``torch.optim.lr_scheduler``, as factors of its rate (for ``OneCycleLR`` and ``CyclicLR`` of the
highest one):

======================================= ================================================================
``StepLR(s, gamma)``                    ``Step(s, gamma)``
``MultiStepLR(m, gamma)``               ``MultiStep(m, gamma)``
``ConstantLR(f, n)``                    ``Sequence([Constant(f), Constant()], [n])``
``LinearLR(a, b, n)``                   ``Warmup(n, start=a, final=b)``
``ExponentialLR(gamma)``                ``Exponential(gamma)``
``PolynomialLR(n, p)``                  ``Polynomial(n, p)``
``CosineAnnealingLR(n)``                ``Cosine(n)``, which stays at the end where that one rises again
``CosineAnnealingWarmRestarts(n, m)``   ``WarmRestarts(n, m)``
``OneCycleLR(max_lr, n)``               ``OneCycle(n)``
``CyclicLR(base, top, u, d, mode)``     ``Cyclic(u, d, low=base / top, mode=mode)``
``LambdaLR(f)``                         ``Function(f)``
``SequentialLR(o, schedules, m)``       ``Sequence(schedules, m)``
``ReduceLROnPlateau(o)``                ``Plateau()``
======================================= ================================================================

There the unit is whatever the loop calls ``step()`` after; here give ``unit="epoch"`` for the usual one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Listed
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from steepest._validate import (
    check_choice,
    check_finite,
    check_flag,
    check_integer,
    check_number,
    numeric_array,
)

__all__ = [
    "Constant",
    "Cosine",
    "Cyclic",
    "Exponential",
    "Function",
    "InverseTime",
    "MultiStep",
    "OneCycle",
    "Plateau",
    "Polynomial",
    "Schedule",
    "Sequence",
    "Step",
    "Table",
    "WarmRestarts",
    "Warmup",
]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Unit = Literal["step", "epoch", "sample"]
UNITS = ("step", "epoch", "sample")


@dataclass(frozen=True)
class Schedule:
    """What every schedule has in common: being called with a time, ``preview`` and a unit."""

    def __call__(self, time: ArrayLike) -> Any:
        """Return the factor at a time or an array of times, counted from 0."""
        factors = self._factors(np.asarray(time, dtype=np.float64))
        return float(factors) if np.ndim(time) == 0 else factors

    def preview(self, n: int) -> Floats:
        """Return the factors at the times 0, 1, ..., n-1, as an array of shape (n,)."""
        return self._factors(np.arange(check_integer("n", n, low=0), dtype=np.float64))

    def config(self) -> dict[str, Any]:
        """Return the schedule as the compiled core reads it."""
        return {"kind": type(self).__name__, **asdict(self)}

    def config_over(self, times: range) -> dict[str, Any]:
        """Return the schedule as the compiled core reads it, for these times and no others."""
        del times  # only those need them that evaluate Python ahead
        return self.config()

    def _factors(self, t: Floats) -> Floats:
        raise NotImplementedError

    def __post_init__(self) -> None:
        check_choice("unit", getattr(self, "unit", "step"), UNITS)


# One for the learning rate, or one for each hyper-parameter by its name.
ScheduleLike: TypeAlias = "Schedule | Mapping[str, Schedule]"


@dataclass(frozen=True)
class Constant(Schedule):
    """The same factor at all times.

    Parameters
    ----------
    factor : float, default 1
        Not negative.
    unit : {"step", "epoch", "sample"}, default "step"
        What time is counted in.
    """

    factor: float = 1.0
    unit: Unit = "step"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("factor", self.factor, low=0.0, finite=True)

    def _factors(self, t: Floats) -> Floats:
        return np.full_like(t, self.factor)


@dataclass(frozen=True)
class Step(Schedule):
    r"""A drop after every so many steps or epochs: :math:`\text{factor}^{\lfloor t/\text{every} \rfloor}`.

    Parameters
    ----------
    every : int
        Time between drops, at least 1.
    factor : float, default 0.1
        What the rate is multiplied by at each drop, positive.
    unit : {"step", "epoch", "sample"}, default "step"
        What time is counted in.
    """

    every: int
    factor: float = 0.1
    unit: Unit = "step"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("every", self.every, low=1)
        check_number("factor", self.factor, above=0.0, finite=True)

    def _factors(self, t: Floats) -> Floats:
        return np.asarray(self.factor ** np.floor(t / self.every))


@dataclass(frozen=True)
class Exponential(Schedule):
    r"""Exponential decay: :math:`\text{decay}^{\,t/\text{every}}`.

    Parameters
    ----------
    decay : float
        The factor reached after ``every`` steps or epochs, positive.
    every : float, default 1
        The time in which the rate falls by ``decay``, positive.
    unit : {"step", "epoch", "sample"}, default "step"
        What time is counted in.
    """

    decay: float
    every: float = 1
    unit: Unit = "step"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("decay", self.decay, above=0.0, finite=True)
        check_number("every", self.every, above=0.0, finite=True)

    def _factors(self, t: Floats) -> Floats:
        return np.asarray(self.decay ** (t / self.every))


@dataclass(frozen=True)
class InverseTime(Schedule):
    r"""Inverse-time decay: :math:`1/(1 + \text{decay}\; t/\text{every})`.

    Its steps add up to infinity and their squares don't, which is what Robbins and Monro's theorem asks of
    stochastic gradient descent.

    Parameters
    ----------
    decay : float
        Not negative; the rate is halved at ``t = every / decay``.
    every : float, default 1
        The time scale, positive.
    unit : {"step", "epoch", "sample"}, default "step"
        What time is counted in.
    """

    decay: float
    every: float = 1
    unit: Unit = "step"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("decay", self.decay, low=0.0, finite=True)
        check_number("every", self.every, above=0.0, finite=True)

    def _factors(self, t: Floats) -> Floats:
        return np.asarray(1.0 / (1.0 + self.decay * t / self.every))


@dataclass(frozen=True)
class Cosine(Schedule):
    r"""Linear warm-up, then half a cosine from 1 down to ``final``, and ``final`` from then on.

    .. math::
        (t+1)/w \;\text{ for } t < w, \qquad
        f + (1-f)\,\tfrac12\bigl(1+\cos \pi u\bigr), \quad u = \min\bigl(1, (t-w)/(T-w)\bigr)

    Parameters
    ----------
    total : int
        T, the time at which ``final`` is reached.
    warmup : int, default 0
        w, the length of the warm-up, less than ``total``.
    final : float, default 0
        f, the factor at the end.
    unit : {"step", "epoch", "sample"}, default "step"
        What time is counted in.

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm restarts".
    """

    total: int
    warmup: int = 0
    final: float = 0.0
    unit: Unit = "step"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("total", self.total, low=1)
        check_integer("warmup", self.warmup, low=0, high=self.total - 1)
        check_number("final", self.final, low=0.0, finite=True)

    def _factors(self, t: Floats) -> Floats:
        progress = np.minimum(1.0, (t - self.warmup) / (self.total - self.warmup))
        cosine = self.final + (1.0 - self.final) * 0.5 * (1.0 + np.cos(np.pi * progress))
        return np.where(t < self.warmup, (t + 1) / max(self.warmup, 1), cosine)


@dataclass(frozen=True)
class MultiStep(Schedule):
    r"""A drop at each milestone: :math:`\text{factor}^{k}`, k being the number of milestones :math:`m_i \le t`.

    Parameters
    ----------
    milestones : sequence of int
        Times of the drops, not negative and rising.
    factor : float, default 0.1
        What the rate is multiplied by at each drop, positive.
    unit : {"step", "epoch", "sample"}, default "step"
        What time is counted in.

    Examples
    --------
    >>> MultiStep([30, 80], 0.5, unit="epoch")([0, 29, 30, 80]).tolist()
    [1.0, 1.0, 0.5, 0.25]
    """

    milestones: tuple[int, ...]
    factor: float = 0.1
    unit: Unit = "step"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "milestones", _milestones(self.milestones, low=0))
        check_number("factor", self.factor, above=0.0, finite=True)

    def _factors(self, t: Floats) -> Floats:
        return np.asarray(float(self.factor) ** np.searchsorted(self.milestones, t, side="right"))


@dataclass(frozen=True)
class Warmup(Schedule):
    r"""A straight line from one factor to another, which then stays: :math:`s + (f-s)\min(1, t/T)`.

    With ``Sequence([Warmup(T), then], [T])`` another schedule takes over at its end.

    Parameters
    ----------
    total : int
        T, the time at which ``final`` is reached, at least 1.
    start : float, default 0
        s, the factor at time 0, not negative. At 0 the first step moves nothing.
    final : float, default 1
        f, the factor at the end, not negative; less than ``start`` for a line that falls.
    unit : {"step", "epoch", "sample"}, default "step"
        What time is counted in.

    References
    ----------
    Goyal et al. (2017), "Accurate, large minibatch SGD: training ImageNet in 1 hour".
    """

    total: int
    start: float = 0.0
    final: float = 1.0
    unit: Unit = "step"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("total", self.total, low=1)
        check_number("start", self.start, low=0.0, finite=True)
        check_number("final", self.final, low=0.0, finite=True)

    def _factors(self, t: Floats) -> Floats:
        return np.asarray(_line(self.start, self.final, t / self.total))


@dataclass(frozen=True)
class Polynomial(Schedule):
    r"""Polynomial decay from 1 to ``final``: :math:`f + (1-f)\,(1-\min(1, t/T))^p`.

    Parameters
    ----------
    total : int
        T, the time at which ``final`` is reached, at least 1.
    power : float, default 1
        p, positive; 1 is a straight line.
    final : float, default 0
        f, the factor at the end, not negative.
    unit : {"step", "epoch", "sample"}, default "step"
        What time is counted in.
    """

    total: int
    power: float = 1.0
    final: float = 0.0
    unit: Unit = "step"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("total", self.total, low=1)
        check_number("power", self.power, above=0.0, finite=True)
        check_number("final", self.final, low=0.0, finite=True)

    def _factors(self, t: Floats) -> Floats:
        left = 1.0 - np.minimum(1.0, t / self.total)
        return np.asarray(self.final + (1.0 - self.final) * left**self.power)


@dataclass(frozen=True)
class WarmRestarts(Schedule):
    r"""Half cosines from 1 down to ``final``, one after the other, each ``multiplier`` times as long as the last.

    .. math:: f + (1-f)\,\tfrac12\Bigl(1+\cos \pi \frac{t-t_i}{T m^i}\Bigr),
        \quad t_i = T(1 + m + \dots + m^{i-1}) \le t < t_{i+1}

    Parameters
    ----------
    period : int
        T, the length of the first cycle, at least 1.
    multiplier : int, default 1
        m, at least 1.
    final : float, default 0
        f, the factor that a cycle falls towards, not negative.
    unit : {"step", "epoch", "sample"}, default "step"
        What time is counted in.

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm restarts".
    """

    period: int
    multiplier: int = 1
    final: float = 0.0
    unit: Unit = "step"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("period", self.period, low=1, high=2**31)
        check_integer("multiplier", self.multiplier, low=1, high=2**31)
        check_number("final", self.final, low=0.0, finite=True)

    def _factors(self, t: Floats) -> Floats:
        if self.multiplier == 1:
            progress = np.mod(t, self.period) / self.period
        else:
            starts, length = [0.0], float(self.period)
            while starts[-1] + length <= np.max(t, initial=0.0):
                starts.append(starts[-1] + length)
                length *= self.multiplier
            cycle = np.searchsorted(starts, t, side="right") - 1
            lengths = self.period * float(self.multiplier) ** np.arange(len(starts))
            progress = (t - np.asarray(starts)[cycle]) / lengths[cycle]
        return np.asarray(_half_cosine(1.0, self.final, progress))


@dataclass(frozen=True)
class OneCycle(Schedule):
    r"""One rise to the highest rate and one fall far below the first.

    The factor goes from ``start`` at time 0 to ``peak`` at :math:`rT - 1`, and to ``final`` at :math:`T - 1`, the
    last of T steps. In three phases it falls as long as it rose, back to ``start`` at :math:`2rT - 2`, and then to
    ``final``. From a to b it goes along half a cosine, :math:`b + \frac{a-b}{2}(1+\cos\pi u)`, or the line :math:`a
    + (b-a)u`, with u from 0 to 1. ``learning_rate`` is the highest rate, for ``peak=1``.

    Momentum goes the other way: ``{"learning_rate": OneCycle(T), "momentum": OneCycle(T, start=1, peak=0.85/0.95,
    final=1)}`` with ``momentum=0.95``.

    Parameters
    ----------
    total : int
        T, at least 2.
    rise : float, default 0.3
        r, the part of the time in which the rate rises, between 0 and 1 (0.5 in three phases).
    start : float, default 1/25
        The factor at time 0, not negative.
    peak : float, default 1
        The factor at the top, not negative.
    final : float, default 1/250000
        The factor at the end, not negative.
    linear : bool, default False
        Straight lines in place of cosines.
    three_phases : bool, default False
        Fall back to ``start`` first.
    unit : {"step", "epoch", "sample"}, default "step"
        What time is counted in.

    References
    ----------
    Smith and Topin (2019), "Super-convergence: very fast training of neural networks using large learning rates".
    """

    total: int
    rise: float = 0.3
    start: float = 1 / 25
    peak: float = 1.0
    final: float = 1 / 25e4
    linear: bool = False
    three_phases: bool = False
    unit: Unit = "step"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("total", self.total, low=2)
        check_flag("linear", self.linear)
        check_flag("three_phases", self.three_phases)
        check_number("rise", self.rise, above=0.0, below=None if self.three_phases else 1.0)
        if self.three_phases:
            check_number("rise, of three phases,", self.rise, high=0.5)
        for name in ("start", "peak", "final"):
            check_number(name, getattr(self, name), low=0.0, finite=True)

    def _factors(self, t: Floats) -> Floats:
        top, end = self.rise * self.total - 1, float(self.total - 1)
        foot = 2 * top if self.three_phases else end
        after = self.start if self.three_phases else self.final
        between = _line if self.linear else _half_cosine

        def phase(start: float, final: float, begin: float, end: float) -> Any:
            progress = (t - begin) / (end - begin) if end > begin else np.ones_like(t)
            return between(start, final, progress)

        rise = phase(self.start, self.peak, 0.0, top)
        fall = phase(self.peak, after, top, foot)
        rest = phase(after, self.final, foot, end)
        return np.asarray(np.where(t <= top, rise, np.where(t <= foot, fall, rest)))


@dataclass(frozen=True)
class Cyclic(Schedule):
    r"""Triangles between ``low`` and 1: :math:`l + (1-l)\,h(t)\,a(t)`.

    h rises from 0 to 1 in ``up`` and falls back to 0 in ``down``, again and again. ``learning_rate`` is the highest
    rate. The amplitude a is 1 ("triangular"), halved after each cycle ("triangular2") or :math:`\text{decay}^t`
    ("exp_range").

    Parameters
    ----------
    up : int
        Length of the rise, at least 1.
    down : int, optional
        Length of the fall; by default that of the rise.
    low : float, default 0.1
        l, the lowest factor, not negative.
    mode : {"triangular", "triangular2", "exp_range"}, default "triangular"
        What the amplitude does.
    decay : float, default 1
        Of the mode "exp_range": positive.
    unit : {"step", "epoch", "sample"}, default "step"
        What time is counted in.

    References
    ----------
    Smith (2017), "Cyclical learning rates for training neural networks".
    """

    up: int
    down: int | None = None
    low: float = 0.1
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    decay: float = 1.0
    unit: Unit = "step"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("up", self.up, low=1, high=2**31)
        if self.down is not None:
            check_integer("down", self.down, low=1, high=2**31)
        check_number("low", self.low, low=0.0, finite=True)
        check_choice("mode", self.mode, ("triangular", "triangular2", "exp_range"))
        check_number("decay", self.decay, above=0.0, finite=True)

    def config(self) -> dict[str, Any]:
        """Return the schedule as the compiled core reads it."""
        return {**super().config(), "down": self._down()}

    def _down(self) -> int:
        return self.up if self.down is None else self.down

    def _factors(self, t: Floats) -> Floats:
        period = self.up + self._down()
        cycle, phase = np.divmod(t, period)
        height = np.where(phase <= self.up, phase / self.up, (period - phase) / self._down())
        size: Any = 1.0
        if self.mode == "triangular2":
            size = 0.5**cycle
        elif self.mode == "exp_range":
            size = self.decay**t
        return np.asarray(self.low + (1.0 - self.low) * height * size)


@dataclass(frozen=True)
class Table(Schedule):
    """The values of an array, by the time as index; the last one stays.

    Parameters
    ----------
    values : array of shape (n,)
        Factors, not negative and finite, at least one.
    unit : {"step", "epoch", "sample"}, default "step"
        What time is counted in.
    """

    values: tuple[float, ...]
    unit: Unit = "step"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "values", tuple(_checked_factors(self.values).tolist()))

    def config(self) -> dict[str, Any]:
        """Return the schedule as the compiled core reads it."""
        return {"kind": "Table", "unit": self.unit, "values": np.asarray(self.values)}

    def _factors(self, t: Floats) -> Floats:
        return np.asarray(self.values)[np.clip(t, 0, len(self.values) - 1).astype(np.int64)]


# The most values of a function that are made ahead: 80 MB of them.
MOST_VALUES = 10_000_000


@dataclass(frozen=True)
class Function(Schedule):
    """What a Python function says.

    It is called before a descent, once for each time that the descent can reach, and never during it: the compiled
    loop runs without Python. So it must depend on nothing but the time.

    Parameters
    ----------
    function : callable
        Takes the time, an int, and returns the factor, not negative and finite.
    length : int, optional
        How many times it is called for, from 0 on; the last value stays. By default as many as the limits of the
        descent allow (``max_iter``, ``max_epochs``, ``max_steps``).
    unit : {"step", "epoch", "sample"}, default "step"
        What time is counted in.

    Examples
    --------
    >>> Function(lambda t: 0.5 ** min(t, 3)).preview(5).tolist()
    [1.0, 0.5, 0.25, 0.125, 0.125]
    """

    function: Callable[[int], float]
    length: int | None = None
    unit: Unit = "step"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.function):
            raise TypeError(f"function must be callable, but is {self.function!r}")
        if self.length is not None:
            check_integer("length", self.length, low=1, high=MOST_VALUES)

    def config(self) -> dict[str, Any]:
        """Return the schedule as the compiled core reads it: its first ``length`` values."""
        if self.length is None:
            raise ValueError(
                "a schedule made of a Python function is evaluated before the descent, which has no limit of steps "
                "here; give Function(..., length=n), after which the last value stays"
            )
        return self.config_over(range(self.length))

    def config_over(self, times: range) -> dict[str, Any]:
        """Return the schedule as the compiled core reads it, for these times and no others."""
        if self.length is not None:
            first = min(times.start, self.length - 1)
            times = range(first, max(first + 1, min(times.stop, self.length)))
        if len(times) > MOST_VALUES:
            raise ValueError(
                f"a Python function would be called for each of {len(times)} {self.unit}s before the descent; "
                f"give Function(..., length=n) with n at most {MOST_VALUES}"
            )
        values = self._values(times)
        return {"kind": "Table", "unit": self.unit, "values": values, "first": times.start}

    def _values(self, times: Any) -> Floats:
        return _checked_factors([self.function(int(t)) for t in times], "what function returns")

    def _factors(self, t: Floats) -> Floats:
        times = t.ravel() if self.length is None else np.minimum(t.ravel(), self.length - 1)
        return self._values(times).reshape(t.shape) if times.size else np.zeros(t.shape)


@dataclass(frozen=True)
class Sequence(Schedule):
    """Schedules one after the other, each with the time counted from its own beginning.

    Parameters
    ----------
    schedules : sequence of Schedule
        At least one, all with the same ``unit``, which is that of the sequence.
    milestones : sequence of int
        When the second, the third and so on begin: one fewer than schedules, positive and rising.

    Examples
    --------
    >>> Sequence([Warmup(4), Exponential(0.5)], [4]).preview(7).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0, 0.5, 0.25]
    """

    schedules: tuple[Schedule, ...]
    milestones: tuple[int, ...]

    def __post_init__(self) -> None:
        given = self.schedules
        if not isinstance(given, Listed) or not given:
            raise TypeError(f"schedules must be a list of schedules, but is {given!r}")
        for schedule in given:
            if not isinstance(schedule, Schedule) or isinstance(schedule, Plateau):
                raise TypeError(f"schedules must be functions of time, but one is {schedule!r}")
        units = sorted({schedule.unit for schedule in given})  # type: ignore[attr-defined]
        if len(units) > 1:
            raise ValueError(f"schedules must have one unit, but they have {' and '.join(units)}")
        object.__setattr__(self, "schedules", tuple(given))
        object.__setattr__(self, "milestones", _milestones(self.milestones, low=1, empty=True))
        if len(self.milestones) != len(given) - 1:
            raise ValueError(
                f"milestones must be one fewer than the {len(given)} schedules, but are {self.milestones}"
            )

    @property
    def unit(self) -> Unit:
        """What time is counted in."""
        unit: Unit = self.schedules[0].unit  # type: ignore[attr-defined]
        return unit

    def config(self) -> dict[str, Any]:
        """Return the schedule as the compiled core reads it."""
        return self._config([schedule.config() for schedule in self.schedules])

    def config_over(self, times: range) -> dict[str, Any]:
        """Return the schedule as the compiled core reads it, for these times and no others."""
        parts = []
        bounds = [0, *self.milestones, max(times.stop, self._begin_of_last() + 1)]
        for schedule, (begin, end) in zip(self.schedules, pairwise(bounds), strict=True):
            first, last = max(times.start, begin), min(times.stop, end)
            if first < last:
                parts.append(schedule.config_over(range(first - begin, last - begin)))
            else:  # never asked for
                parts.append(Constant(unit=self.unit).config())
        return self._config(parts)

    def _begin_of_last(self) -> int:
        return self.milestones[-1] if self.milestones else 0

    def _config(self, parts: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "kind": "Sequence",
            "unit": self.unit,
            "parts": parts,
            "milestones": list(self.milestones),
        }

    def _factors(self, t: Floats) -> Floats:
        which = np.searchsorted(self.milestones, t, side="right")
        factors = np.empty_like(t)
        for i, (schedule, begin) in enumerate(
            zip(self.schedules, (0, *self.milestones), strict=True)
        ):
            factors[which == i] = schedule._factors(t[which == i] - begin)
        return factors


@dataclass(frozen=True)
class Plateau(Schedule):
    """Lower the learning rate when a monitored number stops improving.

    An epoch improves when its value is less than ``best - max(absolute, relative * |best|)``, where best is the
    value of the last epoch that did (for a score: greater). After more than ``patience`` epochs in a row without
    improvement the rate is multiplied by ``factor``, and the next ``cooldown`` epochs are not counted. In a
    full-batch descent an epoch is a step.

    It is not a function of time, so that ``preview`` takes the values that would be monitored.

    Parameters
    ----------
    factor : float, default 0.1
        Between 0 and 1.
    patience : int, default 10
        Epochs without improvement that are let pass, at least 0.
    relative : float, default 1e-4
        How much better counts as better, as a part of the best value; not negative.
    absolute : float, default 0
        The same in units of the value, not negative; the larger of the two margins holds.
    cooldown : int, default 0
        Epochs after a drop in which none is counted.
    least : float, default 0
        What is left of the learning rate at least, as a part of it; between 0 and 1.
    monitor : {"loss", "validation_loss", "validation_score"}, default "loss"
        What is watched.

    Notes ----- As PyTorch's ``ReduceLROnPlateau`` for losses that are not negative, but for its ``eps``: there a
    rate that would fall by less than 1e-8 doesn't fall.

    Examples
    --------
    >>> Plateau(0.5, patience=1).preview([3, 2, 2, 2, 1, 1]).tolist()
    [1.0, 1.0, 1.0, 1.0, 0.5, 0.5]
    """

    factor: float = 0.1
    patience: int = 10
    relative: float = 1e-4
    absolute: float = 0.0
    cooldown: int = 0
    least: float = 0.0
    monitor: Literal["loss", "validation_loss", "validation_score"] = "loss"

    def __post_init__(self) -> None:
        check_number("factor", self.factor, above=0.0, below=1.0)
        check_integer("patience", self.patience, low=0)
        check_number("relative", self.relative, low=0.0, finite=True)
        check_number("absolute", self.absolute, low=0.0, finite=True)
        check_integer("cooldown", self.cooldown, low=0)
        check_number("least", self.least, low=0.0, high=1.0)
        check_choice("monitor", self.monitor, ("loss", "validation_loss", "validation_score"))

    @property
    def unit(self) -> Unit:
        """What time is counted in: epochs."""
        return "epoch"

    def __call__(self, time: ArrayLike) -> Any:
        """Raise: there is no factor without the monitored values."""
        raise TypeError("Plateau depends on the monitored values, not on time alone; see preview")

    def preview(self, n: ArrayLike) -> Floats:
        """Return the factor in each epoch, (n,), if these are the values monitored at the epochs' ends, (n,)."""
        values = numeric_array("the monitored values", n)
        if values.ndim != 1:
            raise TypeError(
                "Plateau's preview takes the monitored values, an array of shape (n,), "
                f"but has been given {n!r}"
            )
        sign = -1.0 if self.monitor == "validation_score" else 1.0
        factor, best, stale, resting = 1.0, np.inf, 0, 0
        factors = np.empty(values.size)
        for epoch, value in enumerate(sign * values.astype(np.float64)):
            factors[epoch] = factor
            relative = self.relative * abs(best) if np.isfinite(best) else 0.0
            better = value < best - max(self.absolute, relative)
            best, stale = (value, 0) if better else (best, stale + 1)
            if resting > 0:
                resting, stale = resting - 1, 0
            if stale > self.patience:
                factor = max(factor * self.factor, min(self.least, factor))
                stale, resting = 0, self.cooldown
        return factors


def _line(start: float, final: float, progress: Any) -> Any:
    return start + (final - start) * np.minimum(1.0, progress)


def _half_cosine(start: float, final: float, progress: Any) -> Any:
    return final + (start - final) * 0.5 * (1.0 + np.cos(np.pi * np.minimum(1.0, progress)))


def _milestones(given: Any, *, low: int, empty: bool = False) -> tuple[int, ...]:
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise TypeError(f"milestones must be a sequence of integers, but is {given!r}")
    times = tuple(check_integer("each of milestones", m, low=low) for m in given)
    if not times and not empty:
        raise ValueError(f"milestones must have at least one entry, but is {given!r}")
    if any(b <= a for a, b in pairwise(times)):
        raise ValueError(f"milestones must rise, but are {given!r}")
    return times


def _checked_factors(given: Any, name: str = "values") -> Floats:
    """Return factors as an array of shape (n,), or raise, naming the first that can't be one."""
    values = numeric_array(name, given)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"{name} must have shape (n,) with n at least 1, but has {values.shape}")
    values = values.astype(np.float64)
    check_finite(name, values)
    if (values < 0).any():
        row = int(np.argmax(values < 0))
        raise ValueError(f"{name} must not be negative, but row {row} is {values[row]}")
    return values
