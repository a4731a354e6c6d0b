"""Prodigy: alone, in minimize and in models. Steps of optax's are among those of test_optimizer_presets."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from tolerances import assert_close, in_float64

import steepest as st
from steepest import reference as ref

KINDS = {
    "plain": st.Prodigy(initial_d=1e-3),
    "corrected": st.Prodigy(bias_correction=True, initial_d=1e-3),
    "decays": st.Prodigy(0.5, initial_d=0.01, weight_decay=0.1, l2=0.2),
    "grows": st.Prodigy(initial_d=0.01, growth_rate=1.2, coefficient=2.0, beta_3=0.9),
    "warms": st.Prodigy(0.7, initial_d=0.01, safeguard_warmup=True),
    "clips": st.Prodigy(initial_d=0.01, clip_global_norm=1.0),
}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def optimizer(request):
    return request.param


SHAPES = ((3, 5), (17,), ())


def arrays(rng, dtype):
    return [np.asarray(rng.standard_normal(s).astype(dtype)) for s in SHAPES]


def run(optimizer, theta, noise, step, state=None):
    """Descend from theta to 2 in each parameter, with some noise on the way."""
    theta = [part.copy() for part in theta]
    state = optimizer.init(theta) if state is None else state
    for parts in noise:
        gradient = [x - x.dtype.type(2) + r for x, r in zip(theta, parts, strict=True)]
        step(optimizer, theta, [np.asarray(g) for g in gradient], state)
    return theta, state


def test_steps_are_those_of_the_reference(isa, dtype, rng, optimizer):
    theta, noise = arrays(rng, dtype), [arrays(rng, dtype) for _ in range(40)]
    ends, state = run(optimizer, theta, noise, st.Prodigy.step)
    wide, wide_state = run(
        optimizer, in_float64(theta), [in_float64(r) for r in noise], ref.optimizer_step
    )
    # d follows from sums over all steps so far, and the next step from d.
    assert_close(ends, wide, dtype, "steps", 4000, scale=4.0)
    for name in ("d", "d_max", "numerator"):
        assert_close(state[name], wide_state[name], dtype, "steps", 4000, scale=0.0)
    assert state["d"] > 2 * optimizer.initial_d
    assert state["step"] == 40


def test_a_rate_of_0_leaves_all_but_the_count(isa, dtype, rng, optimizer):
    """As in the authors' code: with no rate there is no step to learn from."""
    start, noise = arrays(rng, dtype), [arrays(rng, dtype) for _ in range(3)]

    def without_rate(step, theta, state):
        before = copy.deepcopy((theta, state))
        step(optimizer, theta, [np.ones_like(part) for part in theta], state, 0.0)
        assert state.pop("step") == before[1].pop("step") + 1
        np.testing.assert_equal((theta, state), before)

    without_rate(st.Prodigy.step, *run(optimizer, start, noise, st.Prodigy.step))
    without_rate(ref.optimizer_step, *run(optimizer, start, noise, ref.optimizer_step))


def test_resuming_is_never_having_stopped(isa, dtype, rng, optimizer):
    theta, gradients = arrays(rng, dtype), [arrays(rng, dtype) for _ in range(10)]
    whole, state = run(optimizer, theta, gradients, st.Prodigy.step)
    part, saved = run(optimizer, theta, gradients[:4], st.Prodigy.step)
    part, resumed = run(optimizer, part, gradients[4:], st.Prodigy.step, state=copy.deepcopy(saved))
    for a, b in zip(whole, part, strict=True):
        np.testing.assert_array_equal(a, b)
    assert resumed["d"] == state["d"]


def test_the_state_before_the_first_step(isa, dtype):
    theta = np.arange(3, dtype=dtype)
    state = st.Prodigy(initial_d=0.5).init(theta)
    np.testing.assert_array_equal(state["start"], theta)
    assert state["start"] is not theta
    assert {k: state[k] for k in ("step", "d", "d_max", "numerator")} == {
        "step": 0,
        "d": 0.5,
        "d_max": 0.5,
        "numerator": 0.0,
    }


def test_a_gradient_of_0_moves_nothing(isa, dtype):
    optimizer = st.Prodigy(epsilon=0.0, weight_decay=0.1)
    theta = np.ones(5, dtype)
    state = optimizer.init(theta)
    optimizer.step(theta, np.zeros(5, dtype), state)
    np.testing.assert_array_equal(theta, np.ones(5))
    assert state["d"] == optimizer.initial_d


def test_minimize_from_any_distance_with_one_setting(isa):
    """The estimate ends at the order of the distance, 50 to 5e5 times as large as it began."""
    for distance in (1e-2, 1.0, 100.0):
        centre = np.array([distance, -distance])

        def value(x, centre=centre):
            return float(np.abs(x - centre).sum())

        found = st.minimize(
            value,
            np.zeros(2),
            lambda x, centre=centre: np.sign(x - centre),
            st.Prodigy(),
            st.schedules.Cosine(2000),
            max_steps=2000,
        )
        assert value(found.x) < 0.01 * value(np.zeros(2))
        assert 0.2 * distance < found.state["d"] < 5 * distance


def test_minimize_takes_the_steps_of_the_reference(isa, dtype):
    optimizer = st.Prodigy(initial_d=0.01)
    curvature = np.array([1.0, 3.0])

    def loss_gradient(x, rows=None):
        return float(0.5 * x @ (curvature * x)), (curvature * x).astype(x.dtype)

    found = st.minimize(
        lambda x: loss_gradient(x)[0],
        np.array([2.0, 1.0], dtype),
        lambda x: loss_gradient(x)[1],
        optimizer,
        max_steps=30,
    )
    expected = ref.descend(loss_gradient, np.array([2.0, 1.0]), optimizer, n_epochs=30)
    assert_close(found.x, expected["theta"], dtype, "steps", 2000, scale=2.0)
    assert set(found.state) == {"step", "d", "d_max", "numerator", *optimizer.slots}


@pytest.mark.parametrize("batch_size", [None, 20])
def test_linear_models(isa, rng, batch_size):
    X = rng.standard_normal((100, 3))
    y = X @ [30.0, -20.0, 10.0] + 5.0
    model = st.LinearRegression(
        optimizer=st.Prodigy(), batch_size=batch_size, max_epochs=3000, tol=1e-6, random_state=0
    )
    if batch_size is None:
        model.fit(X, y)
    else:
        with pytest.warns(st.estimators.base.ConvergenceWarning):
            model.fit(X, y)
    np.testing.assert_allclose(model.coef_, [30.0, -20.0, 10.0], rtol=1e-4)


def test_proximal_steps_end_where_lasso_does(isa, rng):
    from sklearn.linear_model import Lasso

    X = rng.standard_normal((50, 8))
    y = X[:, 0] * 3 - X[:, 3] + 0.1 * rng.standard_normal(50)
    theirs = Lasso(0.2, tol=1e-12).fit(X, y)
    ours = st.LinearRegression(
        alpha=0.4,
        l1_ratio=1.0,
        optimizer=st.Prodigy(),
        schedule=st.schedules.Exponential(0.999),
        tol=1e-6,
        max_epochs=30_000,
        standardize=False,
    ).fit(X, y)
    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)


def test_networks_go_on_in_partial_fit(isa, dtype, rng):
    """The numbers of the state go on too: three calls are three epochs, to the last bit."""
    X, y = rng.standard_normal((60, 3)).astype(dtype), rng.standard_normal(60).astype(dtype)
    settings = {"optimizer": st.Prodigy(initial_d=1e-3), "batch_size": 16, "shuffle": False}
    whole = st.MLPRegressor(hidden_layer_sizes=(6,), random_state=0, **settings).partial_fit(
        X, y, epochs=3
    )
    parts = st.MLPRegressor(hidden_layer_sizes=(6,), random_state=0, **settings)
    for _ in range(3):
        parts.partial_fit(X, y)
    for a, b in zip(
        whole.coefs_ + whole.intercepts_, parts.coefs_ + parts.intercepts_, strict=True
    ):
        np.testing.assert_array_equal(a, b)
    assert whole.loss_curve_ == parts.loss_curve_
    assert whole.loss_curve_[-1] < whole.loss_curve_[0]


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"initial_d": 0.0}, ValueError, "initial_d must be a finite number > 0, but is 0.0"),
        ({"coefficient": -1}, ValueError, "coefficient must be"),
        ({"growth_rate": 0.9}, ValueError, "growth_rate must be a number >= 1"),
        ({"beta_3": 1.0}, ValueError, "beta_3 must be a number >= 0 and < 1"),
        ({"bias_correction": 1}, TypeError, "bias_correction must be True or False"),
        ({"safeguard_warmup": None}, TypeError, "safeguard_warmup must be True or False"),
    ],
)
def test_refused(keywords, error, message):
    with pytest.raises(error, match=message):
        st.Prodigy(**keywords)


def test_a_state_without_its_numbers_is_refused(isa):
    optimizer = st.Prodigy()
    theta = np.ones(2)
    state = optimizer.init(theta)
    del state["d"]
    with pytest.raises(ValueError, match="with 'd' in it"):
        optimizer.step(theta, theta, state)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_was_frozen_began_where_it_was(isa, dtype, rng):
    X = rng.standard_normal((30, 4)).astype(dtype)
    model = st.MLPRegressor(hidden_layer_sizes=(5,), batch_size=30, shuffle=False, random_state=0)
    model.set_params(optimizer=st.Prodigy(initial_d=0.01), freeze=[0])
    model.partial_fit(X, X[:, 0])
    start = [model.coefs_[0].copy(), model.intercepts_[0].copy()]
    model.partial_fit(X, X[:, 0]).set_params(freeze=()).partial_fit(X, X[:, 0])
    weights, biases = model._resume["state"].slots[3]
    np.testing.assert_array_equal(weights[0], start[0])
    np.testing.assert_array_equal(biases[0], start[1])
    assert not np.array_equal(model.coefs_[0], start[0])
