"""Clipped gradients and gathered batches: alone, in minimize, and in every estimator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tolerances import assert_close, in_float64
from vectors.clipping_cases import CLIPPED, arrays, stored

import steepest as st
from steepest import optimizers as opt
from steepest import reference as ref

CLIPS = ("clip_value", "clip_norm", "clip_global_norm")
OPTIMIZERS = (st.SGD(0.1), st.Momentum(0.05, nesterov=True, l2=0.1), st.Adam(0.01), st.Lion(0.01))


def data(rng, n=60, d=3, dtype=np.float64):
    X = rng.standard_normal((n, d)).astype(dtype)
    y = X @ np.array([3.0, -2.0, 0.5], dtype) + dtype(4) + rng.standard_normal(n).astype(dtype)
    return X, y.astype(dtype)


def linear(theta, X, y):
    """Loss and gradient of [coefficients, intercept]."""
    loss, d = ref.linear_loss_gradient(np.concatenate([[theta[1]], theta[0]]), X, y)
    return loss, [d[1:], d[0]]


def layers(model):
    return [*model.coefs_, *model.intercepts_]


# ---------------------------------------------------------------- against torch, Keras and optax


@pytest.mark.parametrize("case", CLIPPED, ids=str)
def test_gradients_of_the_libraries(isa, case):
    """A step of plain descent from 0 at rate 1 is the clipped gradient."""
    _, _, field, limit = case
    gradients = arrays()
    for step in (st.SGD.step, ref.optimizer_step):
        optimizer = st.SGD(1.0, **{field: limit})
        theta = [np.zeros_like(g) for g in gradients]
        step(optimizer, theta, gradients, optimizer.init(theta))
        for ours, theirs in zip(theta, stored()[str(case)], strict=True):
            np.testing.assert_allclose(-ours, theirs, rtol=1e-12, atol=1e-15)


# ---------------------------------------------------------------- one step


@pytest.mark.parametrize("field", CLIPS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_steps_are_those_of_the_reference(isa, dtype, rng, optimizer, field):
    optimizer = replace(optimizer, **{field: 0.5})
    theta = [rng.standard_normal(shape).astype(dtype) for shape in ((3, 5), (5,), (17,))]
    wide = in_float64(theta)
    state, wide_state = optimizer.init(theta), optimizer.init(wide)
    for _ in range(20):
        gradient = [rng.standard_normal(part.shape).astype(dtype) for part in theta]
        kept = [g.copy() for g in gradient]
        optimizer.step(theta, gradient, state)
        ref.optimizer_step(optimizer, wide, in_float64(gradient), wide_state)
        for g, before in zip(gradient, kept, strict=True):
            np.testing.assert_array_equal(g, before)
    assert state["step"] == 20
    assert_close(theta, wide, dtype, "steps", 20, scale=4.0)


@pytest.mark.parametrize("field", CLIPS)
def test_a_limit_that_is_not_reached_changes_no_bit(isa, dtype, rng, field):
    theta = rng.standard_normal(33).astype(dtype)
    other = theta.copy()
    optimizer = st.Momentum(0.1)
    clipped = replace(optimizer, **{field: 1e6})
    state, clipped_state = optimizer.init(theta), clipped.init(theta)
    for g in rng.standard_normal((5, 33)).astype(dtype):
        optimizer.step(theta, g, state)
        clipped.step(other, g, clipped_state)
    np.testing.assert_array_equal(theta, other)


def test_norms_whose_squares_overflow(isa, dtype):
    largest = np.finfo(dtype).max / 4
    theta, g = np.zeros(2, dtype), np.array([3, 4], dtype) * (largest / 8)
    optimizer = st.SGD(1.0, clip_norm=1.0)
    optimizer.step(theta, g, optimizer.init(theta))
    assert_close(theta, [-0.6, -0.8], dtype, "elementwise")


def test_not_a_number_stays_one(isa, dtype):
    for field in CLIPS:
        optimizer = st.SGD(1.0, **{field: 1.0})
        theta = np.zeros(2, dtype)
        optimizer.step(theta, np.array([np.nan, 3], dtype), optimizer.init(theta))
        assert np.isnan(theta[0])


@pytest.mark.parametrize("field", CLIPS)
def test_averages_and_groups_of_clipped_steps(isa, dtype, rng, field):
    """Clipped together, and then stepped as without a clip."""
    group = opt.Group(layers=0, learning_rate=0.5, l2=0.1)
    for extra in ({"average": opt.EMA(0.9)}, {"groups": (group,)}):
        optimizer = st.Momentum(0.1, **extra, **{field: 0.5})
        theta = [rng.standard_normal(s).astype(dtype) for s in ((3, 4), (4,), (4, 1), (1,))]
        wide = in_float64(theta)
        state, wide_state = optimizer.init(theta), optimizer.init(wide)
        for _ in range(5):
            gradient = [rng.standard_normal(part.shape).astype(dtype) for part in theta]
            optimizer.step(theta, gradient, state)
            ref.optimizer_step(optimizer, wide, in_float64(gradient), wide_state)
        assert_close(theta, wide, dtype, "steps", 5, scale=4.0)
        if "average" in extra:
            assert_close(state["average"], wide_state["average"], dtype, "steps", 5, scale=4.0)


@pytest.mark.parametrize("field", CLIPS)
def test_l2_comes_after_the_clip_in_models_too(isa, rng, field):
    """It is a part of the loss that is reported, and not of the gradient that is clipped."""
    X, y = data(rng)
    optimizer = st.SGD(0.05, l2=2.0, **{field: 0.7})
    model = st.LinearRegression(
        optimizer=optimizer, batch_size=20, shuffle=False, max_epochs=1, standardize=False
    )
    model.partial_fit(X, y)
    theta = [np.zeros(3), np.zeros(())]
    for first in (0, 20, 40):
        rows = slice(first, first + 20)
        _, gradient = linear(theta, X[rows], y[rows])
        clipped = ref.clip_gradient(optimizer, gradient)
        theta[0] = theta[0] - 0.05 * (clipped[0] + 2.0 * theta[0])
        theta[1] = theta[1] - 0.05 * clipped[1]
    np.testing.assert_allclose(model.coef_, theta[0], rtol=1e-11)
    np.testing.assert_allclose(model.intercept_, theta[1], rtol=1e-11)


def test_l2_comes_after_the_clip_as_in_torch(isa):
    """clip_grad_norm_, then the step with weight_decay: x - rate (clipped + l2 x)."""
    theta = np.array([10.0, 0.0])
    optimizer = st.SGD(0.1, l2=0.5, clip_norm=1.0)
    optimizer.step(theta, np.array([0.0, 4.0]), optimizer.init(theta))
    np.testing.assert_allclose(theta, [10.0 - 0.1 * 5.0, -0.1])


# ---------------------------------------------------------------- descents


@pytest.mark.parametrize("field", CLIPS)
def test_minimize(isa, dtype, field):
    """Clipped while it is far away; the norms on record are those before."""
    optimizer = st.Momentum(0.05, 0.5, **{field: 2.0})

    def value(x):
        return float(np.sum(x.astype(float) ** 2))

    found = st.minimize(
        value, np.array([30.0, 40.0], dtype), lambda x: 2 * x, optimizer, max_steps=30, gtol=0.0
    )
    expected = ref.descend(
        lambda x, rows: (value(x), 2 * x), np.array([30.0, 40.0]), optimizer, n_epochs=30
    )
    assert_close(found.x, expected["theta"], dtype, "steps", 30, scale=50.0)
    assert found.history["gradient_norm"][0] == 100.0


@pytest.mark.parametrize("field", CLIPS)
@pytest.mark.parametrize("batch_size", [None, 16])
def test_linear_models_by_moments_by_rows_and_by_the_reference(isa, rng, field, batch_size):
    """Coefficients are one array, the intercept another, on whichever way the descent goes."""
    X, y = data(rng)
    optimizer = st.SGD(0.05, **{field: 0.7})
    keywords = {
        "optimizer": optimizer,
        "max_epochs": 30,
        "tol": 0.0,
        "batch_size": batch_size,
        "shuffle": False,
        "standardize": False,
    }
    with pytest.warns(st.estimators.base.ConvergenceWarning):
        model = st.LinearRegression(**keywords).fit(X, y)

    def loss_gradient(theta, rows):
        return linear(theta, X[rows], y[rows])

    expected = ref.descend(
        loss_gradient,
        [np.zeros(3), np.zeros(())],
        optimizer,
        n_rows=60,
        batch_size=batch_size,
        n_epochs=30,
    )
    steps = 30 if batch_size is None else 120
    assert_close(model.coef_, expected["theta"][0], np.float64, "steps", 50 * steps, scale=4.0)
    assert_close(model.intercept_, expected["theta"][1], np.float64, "steps", 50 * steps, scale=4.0)


@pytest.mark.parametrize("field", CLIPS)
def test_networks_are_those_of_the_reference(isa, dtype, rng, field):
    X, y = data(rng, dtype=dtype)
    optimizer = st.Adam(0.02, epsilon=0.1, **{field: 0.3})
    model = st.MLPRegressor(
        hidden_layer_sizes=(4,),
        activation="tanh",
        alpha=0.1,
        optimizer=optimizer,
        batch_size=16,
        shuffle=False,
        random_state=0,
    )
    model.partial_fit(X, y)
    start = st.MLPRegressor(
        hidden_layer_sizes=(4,),
        activation="tanh",
        optimizer=st.SGD(0.0),
        batch_size=60,
        random_state=0,
    )
    start.partial_fit(X, y)
    theta = in_float64(layers(start))
    wide_X, wide_y = in_float64([X, y])

    def loss_gradient(theta, rows):
        loss, d_weights, d_biases = ref.relu_network_loss_gradient(
            theta[:2], theta[2:], wide_X[rows], wide_y[rows, None], activation="tanh"
        )
        l2 = 0.1 / len(rows)
        d_weights = [0.5 * d + l2 * w for d, w in zip(d_weights, theta[:2], strict=True)]
        return 0.5 * loss, [*d_weights, *(0.5 * d for d in d_biases)]

    expected = ref.descend(loss_gradient, theta, optimizer, n_rows=60, batch_size=16)
    assert_close(layers(model), expected["theta"], dtype, "steps", 300, scale=1.0)


@pytest.mark.parametrize("field", CLIPS)
def test_bits_do_not_depend_on_threads(isa, rng, field):
    X, y = rng.standard_normal((300, 40)), rng.standard_normal(300)
    ends = []
    for n_threads in (1, 3):
        model = st.MLPRegressor(
            hidden_layer_sizes=(60, 50),
            optimizer=st.Adam(**{field: 0.01}),
            random_state=1,
            batch_size=100,
            n_threads=n_threads,
        )
        ends.append(layers(model.partial_fit(X, y, epochs=3)))
    for one, many in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("field", CLIPS)
def test_an_l1_penalty_keeps_its_minimum(isa, rng, field):
    """Where the penalty holds more than the limit, and the gradient is far from 0."""
    X, y = data(rng)
    X = np.hstack([X, rng.standard_normal((60, 2))])
    settings = {"alpha": 1.0, "l1_ratio": 1.0, "max_epochs": 20_000, "tol": 1e-9}
    plain = st.LinearRegression(optimizer=st.SGD(0.05), **settings).fit(X, y)
    clipped = st.LinearRegression(optimizer=st.SGD(0.05, **{field: 0.2}), **settings).fit(X, y)
    assert (plain.coef_ == 0).any()
    np.testing.assert_array_equal(clipped.coef_ == 0, plain.coef_ == 0)
    np.testing.assert_allclose(clipped.coef_, plain.coef_, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("field", CLIPS)
def test_proximal_steps_of_networks(isa, rng, field):
    """Clipped and penalised steps by the reference."""
    X, y = data(rng, 20)
    optimizer = st.Momentum(0.05, 0.5, **{field: 0.3})
    model = st.LinearRegression(
        optimizer=optimizer,
        alpha=0.5,
        l1_ratio=1.0,
        batch_size=10,
        shuffle=False,
        max_epochs=1,
        standardize=False,
    )
    model.partial_fit(X, y)
    theta = [np.zeros(3), np.zeros(())]
    state = optimizer.init(theta)
    for rows in (slice(0, 10), slice(10, 20)):
        _, gradient = linear(theta, X[rows], y[rows])
        ref.proximal_step(optimizer, theta, gradient, state, [0.5, 0.0])
    np.testing.assert_allclose(model.coef_, theta[0], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(model.intercept_, theta[1], rtol=1e-12)


def test_training_that_diverges_without_it(isa, rng):
    X, y = data(rng)
    y = y * 1e3
    keywords = {"hidden_layer_sizes": (8,), "batch_size": 20, "random_state": 0, "max_iter": 300}
    free = st.MLPRegressor(optimizer=st.SGD(0.5), **keywords)
    with pytest.warns(st.estimators.base.ConvergenceWarning, match="diverged"):
        free.fit(X, y)
    clipped = st.MLPRegressor(optimizer=st.SGD(0.5, clip_global_norm=1.0), **keywords)
    clipped.fit(X, y)
    assert clipped.loss_ < 0.1 * clipped.loss_curve_[0]


# ---------------------------------------------------------------- several batches for a step


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
def test_a_step_of_the_mean_of_several_gradients(isa, dtype, rng, optimizer):
    gathers = replace(optimizer, accumulate=4)
    theta = rng.standard_normal(9).astype(dtype)
    other, twin = theta.copy(), in_float64(theta)
    state, plain_state, twin_state = gathers.init(theta), optimizer.init(theta), gathers.init(twin)
    for gradients in rng.standard_normal((3, 4, 9)).astype(dtype):
        for k, g in enumerate(gradients):
            assert state["accumulated"] == k
            before = theta.copy()
            gathers.step(theta, g, state)
            ref.optimizer_step(gathers, twin, in_float64(g), twin_state)
            assert np.array_equal(theta, before) == (k < 3)
        mean = ((gradients[0] + gradients[1]) + gradients[2] + gradients[3]) / dtype(4)
        optimizer.step(other, mean, plain_state)
    np.testing.assert_array_equal(theta, other)
    assert state["step"] == plain_state["step"] == 3
    assert_close(theta, twin, dtype, "steps", 12, scale=2.0)


def test_the_mean_is_what_is_clipped(isa):
    optimizer = st.SGD(1.0, clip_norm=1.0, accumulate=2)
    theta = np.zeros(1)
    state = optimizer.init(theta)
    for g in (5.0, -4.0):
        optimizer.step(theta, np.array([g]), state)
    assert theta[0] == -0.5


@pytest.mark.parametrize(
    "model",
    [
        st.MLPRegressor(hidden_layer_sizes=(5,), random_state=0, max_iter=5, alpha=0.5),
        st.LinearRegression(random_state=0, max_epochs=5),
        st.PolynomialRegression(2, random_state=0, max_epochs=5),
    ],
    ids=lambda m: type(m).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_models_gather_batches_as_one_large_batch(isa, rng, model):
    """To the last bit, with a rest at the end of the epoch, and from one call of partial_fit to the next."""
    X, y = data(rng, 50)
    if isinstance(model, st.PolynomialRegression):
        X = X[:, :1]
    for method in ("fit", "partial_fit"):
        ends = []
        for batch_size, accumulate in ((4, 3), (12, 1)):
            optimizer = st.Momentum(0.01, clip_norm=1.0, accumulate=accumulate)
            fresh = type(model)(**model.get_params())
            fresh.set_params(batch_size=batch_size, optimizer=optimizer)
            for _ in range(1 if method == "fit" else 3):
                getattr(fresh, method)(X, y)
            ends.append(fresh)
        a, b = ends
        np.testing.assert_array_equal(a.predict(X), b.predict(X))
        assert a.loss_curve_ == b.loss_curve_


def test_gathered_batches_by_the_reference(isa, rng):
    """Which computes each batch's gradient by itself."""
    X, y = data(rng, 50)
    optimizer = st.Momentum(0.05, 0.8, accumulate=3)
    model = st.LinearRegression(
        optimizer=optimizer, batch_size=4, shuffle=False, max_epochs=1, standardize=False
    )
    for _ in range(2):  # an optimizer starts afresh in each pass
        model.partial_fit(X, y)

    def loss_gradient(theta, rows):
        return linear(theta, X[rows], y[rows])

    theta = [np.zeros(3), np.zeros(())]
    for _ in range(2):
        end = ref.descend(loss_gradient, theta, optimizer, n_rows=50, batch_size=4)
        theta = end["theta"]
    np.testing.assert_allclose(model.coef_, theta[0], rtol=1e-12)
    np.testing.assert_allclose(model.loss_curve_[-1], end["loss"][-1], rtol=1e-12)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"clip_value": 0.0}, ValueError, "clip_value must be a finite number > 0, but is 0.0"),
        ({"clip_norm": -1}, ValueError, "clip_norm must be"),
        ({"clip_global_norm": np.inf}, ValueError, "clip_global_norm must be a finite number"),
        ({"clip_norm": "1"}, TypeError, "clip_norm must be a finite number > 0, but is '1'"),
        ({"clip_norm": 1, "clip_value": 1}, ValueError, "clip_norm must be None with clip_value"),
        ({"accumulate": 0}, ValueError, "accumulate must be an integer >= 1, but is 0"),
        ({"accumulate": 2.0}, TypeError, "accumulate must be an integer >= 1, but is 2.0"),
    ],
)
def test_refused(keywords, error, message):
    with pytest.raises(error, match=message):
        st.Adam(**keywords)


def test_refused_in_a_step(isa):
    optimizer = st.SGD(accumulate=2)
    theta = np.zeros(2)
    state = optimizer.init(theta)
    with pytest.raises(ValueError, match="gradient of theta must have the shape"):
        optimizer.step(theta, np.zeros(3), state)
    with pytest.raises(
        ValueError, match=r"state\['accumulated'\] must be an integer >= 0 and <= 1"
    ):
        optimizer.step(theta, np.zeros(2), {**state, "accumulated": 2})
    assert state == {"step": 0, "accumulated": 0, "gradient_sum": state["gradient_sum"]}
    mixed = [np.zeros(2), np.zeros(2, np.float32)]
    clips = st.SGD(clip_global_norm=1.0)
    with pytest.raises(TypeError, match="theta must be arrays of one dtype for SGD as it is set"):
        clips.step(mixed, mixed, clips.init(mixed))


def test_group_lasso_is_not_clipped(isa, rng):
    for optimizer in (st.SGD(clip_norm=1.0), st.Prodigy(), st.PolyakStep()):
        model = st.MLPRegressor(hidden_layer_sizes=(3,), optimizer=optimizer, group_lasso=0.1)
        with pytest.raises(ValueError, match="sees the gradient without that of group_lasso"):
            model.fit(rng.standard_normal((9, 2)), np.arange(9.0))


def test_a_function_has_no_batches(isa):
    with pytest.raises(ValueError, match="accumulate of the optimizer must be 1"):
        st.minimize(lambda x: 0.0, [1.0], lambda x: 0 * x, st.SGD(accumulate=2))


def test_keras_keywords():
    adam = opt.preset("keras", "Adam", clipnorm=1.0, gradient_accumulation_steps=3)
    assert adam.clip_norm == 1.0
    assert adam.accumulate == 3
    assert opt.preset("keras", "SGD", clipvalue=0.5, momentum=0.9).clip_value == 0.5
    assert opt.preset("keras", "Lion", global_clipnorm=2).clip_global_norm == 2
    with pytest.raises(ValueError, match="must be None with"):
        opt.preset("keras", "Adam", clipnorm=1.0, clipvalue=1.0)
