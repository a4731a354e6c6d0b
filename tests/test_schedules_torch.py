"""Schedules against torch's, by the rates that tests/vectors/make_schedules.py had from torch 2.13."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import steepest as st
from steepest import _native
from steepest.schedules import (
    Constant,
    Cosine,
    Cyclic,
    Exponential,
    Function,
    MultiStep,
    OneCycle,
    Plateau,
    Polynomial,
    Sequence,
    Step,
    Table,
    WarmRestarts,
    Warmup,
)

VECTORS = Path(__file__).parent / "vectors"
TORCH = json.loads((VECTORS / "schedules.json").read_text())
_spec = importlib.util.spec_from_file_location("make_schedules", VECTORS / "make_schedules.py")
maker = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(maker)
N = maker.N
TOLERANCE = {"rtol": 1e-12, "atol": 1e-12}

OURS = {
    "StepLR": Step(7, 0.6),
    "MultiStepLR": MultiStep([10, 25, 26, 90], 0.3),
    "ConstantLR": Sequence([Constant(0.25), Constant()], [9]),
    "LinearLR": Warmup(40, start=0.1),
    "LinearLR falling": Warmup(33, start=0.9, final=0.2),
    "ExponentialLR": Exponential(0.97),
    "PolynomialLR 1": Polynomial(80),
    "PolynomialLR 2": Polynomial(80, 2),
    "PolynomialLR 0.9": Polynomial(110, 0.9),
    "CosineAnnealingLR": Cosine(N, final=0.05),
    "WarmRestarts 1": WarmRestarts(17, final=0.1),
    "WarmRestarts 2": WarmRestarts(10, 2),
    "WarmRestarts 3": WarmRestarts(1, 3, final=0.01),
    "OneCycle": OneCycle(N),
    "OneCycle, momentum": OneCycle(N, start=0.95, peak=0.85, final=0.95),
    "OneCycle linear": OneCycle(N, rise=0.41, start=1 / 5, final=1 / 5e4, linear=True),
    "OneCycle three phases": OneCycle(N, rise=0.35, final=1 / 25e2, three_phases=True),
    "Cyclic triangular": Cyclic(9, 14, low=0.2),
    "Cyclic, momentum": Cyclic(9, 14, low=0.9 / 0.8),
    "Cyclic triangular2": Cyclic(11, low=0.05, mode="triangular2"),
    "Cyclic exp_range": Cyclic(8, 5, mode="exp_range", decay=0.98),
    "LambdaLR": Function(lambda t: 1 / (1 + t) ** 0.5, length=N),
    "SequentialLR": Sequence(
        [Warmup(12, start=0.1), Cosine(60), Constant(0.01)],
        [12, 70],
    ),
}


def rates_of(name):
    if name == "Cyclic, momentum":
        return np.array(TORCH["Cyclic triangular, momentum"]) / 0.8
    return np.array(TORCH[name])


@pytest.mark.parametrize("name", OURS)
def test_rates_are_those_of_torch(isa, name):
    np.testing.assert_allclose(OURS[name].preview(N), rates_of(name), **TOLERANCE)
    compiled = _native.core.schedule_factors(OURS[name].config(), N)
    np.testing.assert_allclose(compiled, rates_of(name), **TOLERANCE)


PLATEAUS = {
    "rel": Plateau(0.5, 2),
    "wide": Plateau(0.3, 1, relative=0.1),
    "abs": Plateau(0.1, 0, relative=0, absolute=0.02),
    "cooldown": Plateau(0.7, 1, cooldown=4),
    "min_lr": Plateau(0.2, 1, least=0.03),
    "max": Plateau(0.5, 1, relative=0.01, monitor="validation_score"),
}


@pytest.mark.parametrize("name", PLATEAUS)
def test_plateaus_are_those_of_torch(name):
    values = np.array(maker.monitored())
    values = 3 - values if name == "max" else values
    factors, torch = PLATEAUS[name].preview(values), rates_of(f"Plateau {name}")
    moves = torch > 1e-7  # below, torch no longer lowers a rate: its eps is 1e-8
    np.testing.assert_allclose(factors[moves], torch[moves], **TOLERANCE)
    assert len(np.unique(torch[moves])) > 2
    assert moves.sum() > 20


@pytest.mark.parametrize("name", ["rel", "wide", "abs", "cooldown", "min_lr"])
def test_the_compiled_plateau_is_that_of_torch(isa, name):
    """A function whose values are those that torch's scheduler was given: a point is an epoch."""
    given = iter(maker.monitored())
    result = st.minimize(
        lambda x: next(given),
        [1.0],
        grad=lambda x: np.ones(1),
        optimizer=st.SGD(1.0),
        schedule=PLATEAUS[name],
        max_steps=N - 1,
    )
    torch = rates_of(f"Plateau {name}")
    moves = torch > 1e-7
    np.testing.assert_allclose(result.history["learning_rate"][moves], torch[moves], **TOLERANCE)


def test_one_cycle_of_adamw_moves_rate_and_beta_as_in_torch(isa):
    """Bias corrections and decoupled decay with the beta and the rate of the step."""
    curvatures = np.array([1.0, 3.0, 10.0])
    result = st.minimize(
        lambda x: float(x @ (curvatures * x)) / 2,
        [1.0, -2.0, 0.5],
        grad=lambda x: curvatures * x,
        optimizer=st.AdamW(0.1, 0.95, 0.99, weight_decay=0.05),
        schedule={
            "learning_rate": OneCycle(61),
            "beta_1": OneCycle(61, start=1, peak=0.85 / 0.95, final=1),
        },
        max_steps=60,
        gtol=0,
        record_path=True,
    )
    np.testing.assert_allclose(result.path[1:], TORCH["AdamW, cycled beta_1"], **TOLERANCE)


def test_a_table_of_torch_rates_is_the_schedule():
    np.testing.assert_array_equal(Table(TORCH["OneCycle"]).preview(N), TORCH["OneCycle"])


def test_the_vectors_are_those_that_torch_makes():
    pytest.importorskip("torch", minversion="2.13")
    made = maker.rates()
    assert made.keys() == TORCH.keys() - {"made with"}
    for name, rates in made.items():
        np.testing.assert_allclose(rates, TORCH[name], rtol=1e-12, atol=1e-15, err_msg=name)
