"""Schedules: the learning rate as a function of the step or the epoch.

A schedule is a factor: the rate at time t is ``optimizer.learning_rate * schedule(t)``. Time is counted from 0, in
steps or in epochs, as ``unit`` says. Calling a schedule with an array gives the array of factors; ``preview(n)``
gives the first n. The compiled loop evaluates the same formulas.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from steepest._validate import check_choice, check_integer, check_number

__all__ = ["Constant", "Cosine", "Exponential", "InverseTime", "Schedule", "Step"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Unit = Literal["step", "epoch"]


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

    def _factors(self, t: Floats) -> Floats:
        raise NotImplementedError

    def __post_init__(self) -> None:
        check_choice("unit", getattr(self, "unit", "step"), ("step", "epoch"))


@dataclass(frozen=True)
class Constant(Schedule):
    """The factor 1 at all times.

    Parameters
    ----------
    unit : {"step", "epoch"}, default "step"
        What time is counted in.
    """

    unit: Unit = "step"

    def _factors(self, t: Floats) -> Floats:
        return np.ones_like(t)


@dataclass(frozen=True)
class Step(Schedule):
    r"""A drop after every so many steps or epochs: :math:`\text{factor}^{\lfloor t/\text{every} \rfloor}`.

    Parameters
    ----------
    every : int
        Time between drops, at least 1.
    factor : float, default 0.1
        What the rate is multiplied by at each drop, positive.
    unit : {"step", "epoch"}, default "step"
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
    unit : {"step", "epoch"}, default "step"
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
    unit : {"step", "epoch"}, default "step"
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
    unit : {"step", "epoch"}, default "step"
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
