"""Schedules against their formulas, and the compiled ones against Python's."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError

import mpmath
import numpy as np
import pytest
from tolerances import assert_close

from steepest import _native
from steepest.schedules import Constant, Cosine, Exponential, InverseTime, Step

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
]


@pytest.fixture(params=ALL, ids=repr)
def schedule(request):
    return request.param


def exact(schedule, t):
    """Compute the factor at time t from the definition, to 100 bits."""
    name = type(schedule).__name__
    with mpmath.workprec(100):
        if name == "Constant":
            return 1.0
        if name == "Step":
            return float(mpmath.mpf(schedule.factor) ** (t // schedule.every))
        if name == "Exponential":
            return float(mpmath.mpf(schedule.decay) ** (mpmath.mpf(t) / schedule.every))
        if name == "InverseTime":
            return float(1 / (1 + mpmath.mpf(schedule.decay) * t / schedule.every))
        w, total, final = schedule.warmup, schedule.total, mpmath.mpf(schedule.final)
        if t < w:
            return float(mpmath.mpf(t + 1) / w)
        u = min(mpmath.mpf(1), mpmath.mpf(t - w) / (total - w))
        return float(final + (1 - final) * (1 + mpmath.cos(mpmath.pi * u)) / 2)


def test_python_against_the_definition(schedule):
    desired = [exact(schedule, t) for t in range(N)]
    scale = 1.0 if isinstance(schedule, Cosine) else None  # 1 + cos cancels at the end
    assert_close(schedule.preview(N), desired, F64, "steps", N, scale=scale)


def test_compiled_against_the_definition(isa, schedule):
    """The loop's own powers are repeated products: their error grows with t as that of t steps."""
    factors = _native.core.schedule_factors(schedule.config(), N)
    desired = [exact(schedule, t) for t in range(N)]
    for t in range(N):
        scale = 1.0 if isinstance(schedule, Cosine) else abs(desired[t])
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
