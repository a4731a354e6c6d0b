"""Schedules against their formulas, and the compiled ones against Python's."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from tolerances import assert_close

from steepest import _native
from steepest.schedules import (
    Constant,
    Cosine,
    Cyclic,
    Exponential,
    InverseTime,
    MultiStep,
    OneCycle,
    Polynomial,
    Sequence,
    Step,
    Table,
    WarmRestarts,
    Warmup,
)

F64 = np.float64
N = 300
ALL = [
    Constant(),
    Step(1, 0.9),
    Step(7),
    Step(100, 0.5),
    Step(30, 2.0),
    Exponential(0.99),
    Exponential(0.5, every=30),
    Exponential(0.1, every=62.5),
    Exponential(1.01),
    InverseTime(0.0),
    InverseTime(0.1),
    InverseTime(2, every=7),
    Cosine(1),
    Cosine(200),
    Cosine(200, warmup=1),
    Cosine(200, warmup=40, final=0.1),
    Cosine(2, warmup=1, final=2.0),
    Cosine(1000, warmup=999),
    Constant(0.3),
    MultiStep((1,), 0.25),
    MultiStep((0, 7, 8, 150), 0.7),
    Warmup(1),
    Warmup(40, start=0.25),
    Warmup(333, start=2.0, final=0.1),
    Polynomial(200),
    Polynomial(250, power=3, final=0.1),
    Polynomial(299, power=0.5),
    Polynomial(400, power=2.7, final=0.01),
    WarmRestarts(1),
    WarmRestarts(50, final=0.2),
    WarmRestarts(10, multiplier=2),
    WarmRestarts(7, multiplier=3, final=0.5),
    OneCycle(2),
    OneCycle(10, rise=0.1),
    OneCycle(250),
    OneCycle(250, rise=0.45, start=0.5, peak=2.0, final=0.1, linear=True),
    OneCycle(250, rise=0.4, three_phases=True),
    OneCycle(400, rise=0.5, three_phases=True, linear=True),
    Cyclic(1),
    Cyclic(40, low=0.0),
    Cyclic(13, 40, mode="triangular2"),
    Cyclic(13, 4, mode="exp_range", decay=0.99),
    Cyclic(20, low=1.125),
    Table((0.5, 0.25, 1.0, 0.0)),
    Sequence((Exponential(0.9),), ()),
    Sequence((Warmup(20), Exponential(0.98)), (20,)),
    Sequence(
        (Warmup(5), Sequence((Cosine(60), WarmRestarts(25, 2)), (60,)), Constant(0.1)), (5, 200)
    ),
]
COSINES = (Cosine, WarmRestarts, OneCycle, Sequence)  # 1 + cos cancels at the end


@pytest.fixture(params=ALL, ids=repr)
def schedule(request):
    return request.param


def exact(schedule, t):
    """Compute the factor at time t from the definition, to 100 bits."""
    with mpmath.workprec(100):
        return float(DEFINITIONS[type(schedule).__name__](schedule, t))


def between(start, final, progress, linear=False):
    progress = min(mpmath.mpf(1), progress)
    weight = 1 - progress if linear else (1 + mpmath.cos(mpmath.pi * progress)) / 2
    return weight * mpmath.mpf(start) + (1 - weight) * mpmath.mpf(final)


def exact_cosine(s, t):
    if t < s.warmup:
        return mpmath.mpf(t + 1) / s.warmup
    return between(1, s.final, mpmath.mpf(t - s.warmup) / (s.total - s.warmup))


def exact_restarts(s, t):
    length = s.period
    while t >= length:
        t -= length
        length *= s.multiplier
    return between(1, s.final, mpmath.mpf(t) / length)


def exact_one_cycle(s, t):
    # r T in float64: whether a phase ends at t or just after it is part of the definition.
    top, end = s.rise * s.total - 1, s.total - 1
    corners = [(0.0, s.start), (top, s.peak), (end, s.final)]
    if s.three_phases:
        corners.insert(2, (2 * top, s.start))
    phases = list(pairwise(corners))
    (a, low), (b, high) = next((p for p in phases if t <= p[1][0]), phases[-1])
    progress = (mpmath.mpf(t) - a) / (mpmath.mpf(b) - a) if b > a else 1
    return between(low, high, progress, s.linear)


def exact_cyclic(s, t):
    down = s.up if s.down is None else s.down
    cycle, phase = divmod(t, s.up + down)
    height = mpmath.mpf(phase) / s.up if phase <= s.up else 1 - mpmath.mpf(phase - s.up) / down
    sizes = {"triangular2": mpmath.mpf(0.5) ** cycle, "exp_range": mpmath.mpf(s.decay) ** t}
    return s.low + (1 - mpmath.mpf(s.low)) * height * sizes.get(s.mode, 1)


def exact_sequence(s, t):
    begin = max((m for m in s.milestones if m <= t), default=0)
    return exact(s.schedules[sum(m <= t for m in s.milestones)], t - begin)


DEFINITIONS = {
    "Constant": lambda s, t: s.factor,
    "Step": lambda s, t: mpmath.mpf(s.factor) ** (t // s.every),
    "Exponential": lambda s, t: mpmath.mpf(s.decay) ** (mpmath.mpf(t) / s.every),
    "InverseTime": lambda s, t: 1 / (1 + mpmath.mpf(s.decay) * t / s.every),
    "Cosine": exact_cosine,
    "MultiStep": lambda s, t: mpmath.mpf(s.factor) ** sum(m <= t for m in s.milestones),
    "Warmup": lambda s, t: between(s.start, s.final, mpmath.mpf(t) / s.total, linear=True),
    "Polynomial": lambda s, t: (
        s.final + (1 - mpmath.mpf(s.final)) * (1 - mpmath.mpf(min(t, s.total)) / s.total) ** s.power
    ),
    "WarmRestarts": exact_restarts,
    "OneCycle": exact_one_cycle,
    "Cyclic": exact_cyclic,
    "Table": lambda s, t: s.values[min(t, len(s.values) - 1)],
    "Sequence": exact_sequence,
}


def test_python_against_the_definition(schedule):
    desired = [exact(schedule, t) for t in range(N)]
    scale = 1.0 if isinstance(schedule, COSINES) else None
    assert_close(schedule.preview(N), desired, F64, "steps", N, scale=scale)


def test_compiled_against_the_definition(isa, schedule):
    """The loop's own powers are repeated products: their error grows with t as that of t steps."""
    factors = _native.core.schedule_factors(schedule.config(), N)
    desired = [exact(schedule, t) for t in range(N)]
    for t in range(N):
        scale = 1.0 if isinstance(schedule, COSINES) else abs(desired[t])
        assert_close(factors[t], desired[t], F64, "steps", t + 1, scale=scale, name=f"t = {t}")


def test_calling_is_previewing(schedule):
    preview = schedule.preview(N)
    assert preview.shape == (N,)
    assert preview.dtype == F64
    assert type(schedule(3)) is float
    assert type(schedule(np.int64(3))) is float
    # NumPy's power of an array and of one number may differ in the last bit.
    assert_close([schedule(t) for t in range(N)], preview, F64, "elementwise")
    np.testing.assert_array_equal(schedule(np.arange(N)), preview)
    np.testing.assert_array_equal(schedule(np.arange(N).reshape(3, -1)), preview.reshape(3, -1))
    np.testing.assert_array_equal(schedule([0, 5]), preview[[0, 5]])
    assert schedule.preview(0).shape == (0,)


def test_factors_are_positive_or_zero_and_finite(isa, schedule):
    for factors in (
        schedule.preview(N),
        _native.core.schedule_factors(schedule.config(), N),
    ):
        assert np.all(np.isfinite(factors))
        assert np.all(factors >= 0)


def test_schedules_are_values(schedule):
    assert copy.deepcopy(schedule) == schedule
    assert hash(copy.copy(schedule)) == hash(schedule)
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert eval(repr(schedule)) == schedule
    assert schedule.unit == "step"
    assert schedule.config()["kind"] == type(schedule).__name__
    with pytest.raises(FrozenInstanceError):
        schedule.unit = "epoch"


@pytest.mark.parametrize(
    ("schedule", "times", "factors"),
    [
        (Constant(), [0, 10**6], [1, 1]),
        (Step(10, 0.5), [0, 9, 10, 19, 20, 29, 30], [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]),
        (Exponential(0.25), [0, 1, 2], [1, 0.25, 0.0625]),
        (Exponential(0.25, every=2), [0, 1, 2, 3], [1, 0.5, 0.25, 0.125]),
        (InverseTime(0.5), [0, 2, 6], [1, 0.5, 0.25]),
        (InverseTime(1, every=4), [0, 4, 12], [1, 0.5, 0.25]),
        (Cosine(8), [0, 4, 8, 100], [1, 0.5, 0, 0]),
        (Cosine(8, final=0.5), [0, 4, 8, 100], [1, 0.75, 0.5, 0.5]),
        (Cosine(12, warmup=4), [0, 1, 2, 3, 4, 8, 12], [0.25, 0.5, 0.75, 1, 1, 0.5, 0]),
        (Cosine(1), [0, 1], [1, 0]),
    ],
    ids=repr,
)
def test_by_hand(isa, schedule, times, factors):
    assert_close(schedule(times), factors, F64, "transcendental", scale=1.0)
    compiled = _native.core.schedule_factors(schedule.config(), max(times) + 1)
    assert_close(compiled[times], factors, F64, "transcendental", scale=1.0)


def test_cosine_never_rises_after_its_warm_up(isa):
    schedule = Cosine(200, warmup=40, final=0.1)
    for factors in (schedule.preview(N), _native.core.schedule_factors(schedule.config(), N)):
        assert np.all(np.diff(factors[:41]) >= 0)
        assert np.all(np.diff(factors[40:]) <= 0)
        assert_close(factors[200:], np.full(N - 200, 0.1), F64, "elementwise", scale=1.0)


def test_unit_is_part_of_the_configuration():
    by_epoch = Step(10, unit="epoch")
    assert by_epoch.config() == {"kind": "Step", "every": 10, "factor": 0.1, "unit": "epoch"}
    assert by_epoch != Step(10)
    np.testing.assert_array_equal(by_epoch.preview(30), Step(10).preview(30))
