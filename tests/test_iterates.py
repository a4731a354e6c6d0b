"""What is reported where gradients are taken elsewhere: averages, descent without a schedule, look-ahead."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from tolerances import assert_close, in_float64

import steepest as st
from steepest import reference as ref
from steepest.optimizers import (
    EMA,
    SGD,
    Adam,
    AMSGrad,
    Average,
    Momentum,
    PolyakRuppert,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
)

STEPS = 40
AVERAGES = {
    "ema": EMA(0.9),
    "debiased": EMA(0.9, debias=True),
    "uniform": PolyakRuppert(),
    "late": PolyakRuppert(start=15),
}
TWO_POINTS = {
    "schedule-free": ScheduleFreeSGD(0.1, beta=0.8, warmup_steps=5, r=0.5),
    "schedule-free-adamw": ScheduleFreeAdamW(0.05, warmup_steps=7, weight_decay=0.1),
    "lookahead-gradient": Momentum(0.05, 0.9, "gradient", "lookahead"),
    "lookahead-step": Momentum(0.05, 0.9, "step", "lookahead", weight_decay=0.1),
    "lookahead-average": Momentum(0.05, 0.9, "average", "lookahead", l2=0.1),
}
REPORTING = {
    **TWO_POINTS,
    **{f"adam-{name}": Adam(0.05, average=average) for name, average in AVERAGES.items()},
    "amsgrad-ema": AMSGrad(0.05, average=EMA(0.8)),
}


@pytest.fixture(params=REPORTING.values(), ids=REPORTING)
def optimizer(request):
    return request.param


@pytest.fixture(params=AVERAGES.values(), ids=AVERAGES)
def average(request):
    return request.param


def mean_of(average, path):
    """Return the mean of the iterates (t, n) by the sum that defines it."""
    t = len(path)
    if isinstance(average, PolyakRuppert):
        return path[-1] if t <= average.start else np.mean(path[average.start :], axis=0)
    weights = (1 - average.decay) * average.decay ** np.arange(t - 1.0, -1.0, -1.0)
    if not average.debias:
        weights[0] = average.decay ** (t - 1)
    return weights / weights.sum() @ path


def run(optimizer, theta, gradients, step=None):
    """Return the parameters that are stepped and those that are reported, after each step."""
    theta = theta.copy()
    state = optimizer.init(theta)
    stepped, reported = [], []
    for gradient in gradients:
        if step is None:
            optimizer.step(theta, gradient, state)
        else:
            step(optimizer, theta, gradient, state)
        stepped.append(theta.copy())
        reported.append(np.array(optimizer.reported(theta, state)))
    return np.array(stepped), np.array(reported)


# ---------------------------------------------------------------- stand-alone steps


@pytest.mark.parametrize("size", [1, 7, 33])
def test_steps_are_those_of_the_reference(isa, dtype, rng, optimizer, size):
    theta = rng.standard_normal(size).astype(dtype)
    gradients = rng.choice([-1, 1], (STEPS, size)) * rng.uniform(0.1, 2, (STEPS, size))
    ours = run(optimizer, theta, gradients.astype(dtype))
    theirs = run(
        optimizer, in_float64(theta), gradients.astype(dtype).astype(float), ref.optimizer_step
    )
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == dtype
        assert_close(a, b, dtype, "steps", STEPS, scale=np.max(np.abs(b)) + 1)


def test_an_average_is_the_sum_that_defines_it(isa, rng, average):
    theta, gradients = rng.standard_normal(9), rng.standard_normal((STEPS, 9))
    stepped, reported = run(Momentum(0.1, average=average), theta, gradients)
    plain, _ = run(Momentum(0.1), theta, gradients)
    np.testing.assert_array_equal(stepped, plain)
    for t in range(1, STEPS + 1):
        np.testing.assert_allclose(reported[t - 1], mean_of(average, plain[:t]), rtol=0, atol=1e-14)


def test_weights_are_those_of_the_class(average):
    """``Average.weight`` says what the compiled average does."""
    mean = np.zeros(3)
    path = np.random.default_rng(0).standard_normal((STEPS, 3))
    for t, x in enumerate(path, start=1):
        mean += average.weight(t) * (x - mean)
        np.testing.assert_allclose(mean, mean_of(average, path[:t]), rtol=0, atol=1e-14)


def test_average_of_a_quadratic_is_known():
    """x_t = (1 - rate)^t x_0, and so the debiased average is a ratio of geometric sums."""
    decay, rate, t = 0.9, 0.2, 25
    q = (1 - rate) / decay
    wanted = (1 - decay) / (1 - decay**t) * decay**t * q * (1 - q**t) / (1 - q)
    res = st.minimize(
        lambda x: 0.5 * x @ x,
        [1.0],
        lambda x: x,
        SGD(rate, average=EMA(decay, debias=True)),
        max_steps=t,
    )
    np.testing.assert_allclose(res.x, wanted, rtol=1e-13)
    np.testing.assert_allclose(res.state["stepped"], 0.8**t, rtol=1e-13)


@pytest.mark.parametrize("velocity", ["gradient", "step", "average"])
def test_lookahead_by_its_definition(isa, velocity):
    """The gradient is taken at x - beta b v; and in those points it is Nesterov's simplified form."""
    H, beta, rate = np.diag([1.0, 10.0]), 0.8, 0.05
    x, v, path = np.array([1.0, -2.0]), np.zeros(2), []
    a, b = {"gradient": (1, rate), "step": (rate, 1), "average": (1 - beta, rate)}[velocity]
    for _ in range(STEPS):
        path.append(x)
        v = beta * v + a * (H @ (x - beta * b * v))
        x = x - b * v
    ours = minimized(Momentum(rate, beta, velocity, "lookahead"), H, path[0])
    np.testing.assert_allclose(ours.path, [*path, x], rtol=0, atol=1e-14)
    values = [0.5 * p @ H @ p for p in ours.path]
    np.testing.assert_allclose(ours.history["loss"], values, rtol=1e-14)
    theirs = minimized(Momentum(rate, beta, velocity, nesterov=True), H, path[0])
    np.testing.assert_allclose(ours.state["stepped"], theirs.x, rtol=0, atol=1e-15)


def minimized(optimizer, H, start, **more):
    def value(x):
        return 0.5 * x @ H @ x

    return st.minimize(
        value,
        start,
        lambda x: H @ x,
        optimizer,
        max_steps=STEPS,
        gtol=0.0,
        record_path=True,
        **more,
    )


# ---------------------------------------------------------------- minimize


def test_minimize_reports_the_same_point_everywhere(isa, dtype, optimizer):
    """x, fun, grad, path, history and callbacks are of the reported point, and the descent of the other."""
    H = np.diag([1.0, 4.0, 9.0]).astype(dtype)
    start = np.array([1.0, -1.0, 0.5], dtype)
    points = []
    res = minimized(optimizer, H, start, callback=lambda point: points.append(point))
    theta, state, path = start.copy(), optimizer.init(start), [start]
    for _ in range(STEPS):
        optimizer.step(theta, H @ theta, state)
        path.append(np.array(optimizer.reported(theta, state)))
    np.testing.assert_array_equal(res.path, path)
    np.testing.assert_array_equal(res.x, path[-1])
    np.testing.assert_array_equal([p.x for p in points], path)
    curvature, eps = in_float64(H) + optimizer.l2 * np.eye(3), np.finfo(dtype).eps
    np.testing.assert_allclose([p.grad for p in points], path @ curvature, rtol=0, atol=40 * eps)
    np.testing.assert_array_equal(res.grad, points[-1].grad)
    values = [0.5 * p @ curvature @ p for p in in_float64(np.array(path))]
    np.testing.assert_allclose([p.fun for p in points], values, rtol=8 * eps)
    assert res.fun == points[-1].fun == res.history["loss"][-1]
    np.testing.assert_array_equal(res.state.pop("stepped"), theta)
    assert res.state.keys() == state.keys()
    for key in state:
        np.testing.assert_array_equal(res.state[key], state[key])


def test_convergence_is_of_the_reported_point(isa):
    """The iterates converge first; where their mean lags behind, the descent goes on."""
    for average in (None, EMA(0.9)):
        res = st.minimize(lambda x: x @ x, [1.0], lambda x: 2 * x, SGD(0.25, average=average))
        assert res.converged
        assert abs(2 * res.x[0]) <= 1e-8
        if average is None:
            at_once = res
    assert res.n_steps > 3 * at_once.n_steps
    assert at_once.n_evaluations == at_once.n_steps + 1
    # At every point, and for every step but the first two, where the mean is the iterate.
    assert res.n_evaluations == (res.n_steps + 1) + (res.n_steps - 2)


def test_a_descent_that_diverges_returns_the_best_reported(isa):
    with np.errstate(over="ignore"):
        res = st.minimize(lambda x: x @ x, [1.0], lambda x: 2 * x, SGD(50.0, average=EMA(0.5)))
    assert res.status == "diverged"
    np.testing.assert_array_equal(res.x, [1.0])


def test_schedule_free_needs_no_schedule(isa):
    """On noisy gradients its error falls like that of the average, while SGD's stays at the noise."""
    rng = np.random.default_rng(3)
    noisy = {"grad": lambda x: x - 1 + rng.standard_normal(x.shape), "max_steps": 3000, "gtol": 0.0}
    start = np.zeros(20)

    def error(optimizer):
        res = st.minimize(lambda x: 0.5 * np.sum((x - 1) ** 2), start, optimizer=optimizer, **noisy)
        return np.linalg.norm(res.x - 1) / np.sqrt(20)

    assert error(ScheduleFreeSGD(0.2)) < 0.06
    assert error(SGD(0.2, average=PolyakRuppert(start=200))) < 0.06
    assert error(SGD(0.2)) > 0.2


# ---------------------------------------------------------------- estimators

DATA = np.random.default_rng(1)
X = DATA.standard_normal((90, 5))
Y = X @ [1.0, -2.0, 0.5, 0.0, 3.0] + 0.5 + 0.3 * DATA.standard_normal(90)
LABELS = (Y > 0).astype(int)


def network(optimizer, **more):
    return st.MLPRegressor(
        hidden_layer_sizes=(6,), optimizer=optimizer, random_state=0, batch_size=20, **more
    )


def test_a_network_reports_the_mean_of_its_iterates(isa, average):
    """The iterates are those of the same network without an average, stopped after each step."""
    steps = 18
    stop = [st.stopping.MaxSteps(steps)]
    averaged = network(Adam(0.02, average=average), stop=stop).fit(X, Y)
    plain = [
        network(Adam(0.02), stop=[st.stopping.MaxSteps(t)]).fit(X, Y) for t in range(1, steps + 1)
    ]
    for layer in range(2):
        for name in ("coefs_", "intercepts_"):
            path = np.array([getattr(model, name)[layer].ravel() for model in plain])
            ours = getattr(averaged, name)[layer].ravel()
            np.testing.assert_allclose(ours, mean_of(average, path), rtol=0, atol=1e-14)
    assert averaged.loss_curve_ == plain[-1].loss_curve_  # of the iterates


def test_partial_fit_goes_on_exactly(isa, dtype, optimizer):
    inputs, targets = X.astype(dtype), Y.astype(dtype)
    by_one = network(optimizer)
    for _ in range(4):
        by_one.partial_fit(inputs, targets)
        by_one = pickle.loads(pickle.dumps(by_one))
    at_once = network(optimizer, shuffle=False)
    by_two = network(optimizer, shuffle=False)
    at_once.partial_fit(inputs, targets, epochs=4)
    by_two.partial_fit(inputs, targets, epochs=2).partial_fit(inputs, targets, epochs=2)
    for a, b in zip(
        at_once.coefs_ + at_once.intercepts_, by_two.coefs_ + by_two.intercepts_, strict=True
    ):
        assert a.dtype == dtype
        np.testing.assert_array_equal(a, b)
    assert by_one.loss_ < by_one.loss_curve_[0]


def test_steps_of_a_network_are_stand_alone_steps(isa, optimizer):
    """Full batches of a network without hidden layers, whose gradient is known."""
    optimizer = replace(optimizer, l2=0.0, weight_decay=0.0)  # which leave a network's bias alone

    def linear(optimizer):
        return st.MLPRegressor(
            hidden_layer_sizes=(),
            alpha=0.0,
            optimizer=optimizer,
            batch_size=90,
            shuffle=False,
            random_state=0,
        )

    start = linear(SGD(0.0)).partial_fit(X, Y)
    theta = np.append(start.coefs_[0][:, 0], start.intercepts_[0])
    model = linear(optimizer).partial_fit(X, Y, epochs=7)
    state, inputs = optimizer.init(theta), np.column_stack([X, np.ones(90)])
    for _ in range(7):
        optimizer.step(theta, inputs.T @ (inputs @ theta - Y) / 90, state)
    ours = np.append(model.coefs_[0][:, 0], model.intercepts_[0])
    np.testing.assert_allclose(ours, optimizer.reported(theta, state), rtol=0, atol=1e-12)


def test_replaced_weights_are_where_training_starts(isa):
    """An average goes on from what it was, and with other weights there is none."""
    optimizer = Adam(0.02, average=EMA(0.9))
    model = network(optimizer, shuffle=False).partial_fit(X, Y, epochs=2)
    model.coefs_[0][...] = 0.5
    fresh = pickle.loads(pickle.dumps(model))
    del fresh._resume
    for a, b in zip(model.partial_fit(X, Y).coefs_, fresh.partial_fit(X, Y).coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_compacted_network_trains_on(isa, optimizer):
    """Its optimizer starts anew: the parameters that were stepped may use what the reported ones do not."""
    model = network(optimizer).partial_fit(X, Y)
    model.coefs_[0][:, 2] = 0.0
    model.coefs_[1][2] = 0.0
    small = model.compact()
    np.testing.assert_allclose(small.predict(X), model.predict(X), rtol=0, atol=1e-12)
    assert small.hidden_layer_sizes == (5,)
    assert small.partial_fit(X, Y, epochs=3).loss_ < model.loss_


def test_gradual_pruning_prunes_what_is_reported(isa, optimizer):
    schedule = st.pruning.Gradual(0.5, end_epoch=3)
    model = network(optimizer, pruning=schedule, max_iter=5)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, Y)
    zeros = sum(np.count_nonzero(w == 0) for w in model.coefs_)
    assert zeros == sum(w.size for w in model.coefs_) // 2
    stepped = model._resume["state"].stepped[0]
    for reported, also in zip(model.coefs_, stepped, strict=True):
        assert np.all(also[reported == 0] == 0)


def test_early_stopping_judges_the_reported(isa, optimizer):
    model = network(optimizer, early_stopping=True, max_iter=8, n_iter_no_change=100)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, Y, validation_data=(X[:30], Y[:30]))
    scores = model.validation_scores_
    assert model.score(X[:30], Y[:30]) == pytest.approx(max(scores), abs=1e-12)


def test_scorers_see_the_reported(isa, optimizer):
    """A scorer gets a copy of the parameters while the descent runs."""
    model = network(optimizer, scoring="neg_mean_absolute_error", max_iter=5)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, Y, validation_data=(X[:30], Y[:30]))
    error = np.mean(np.abs(model.predict(X[:30]) - Y[:30]))
    assert model.validation_scores_[-1] == pytest.approx(-error, rel=1e-12)


def linear_models(optimizer):
    return [
        st.LinearRegression(optimizer=optimizer, max_epochs=60, tol=0.0, standardize=False),
        st.LinearRegression(loss="huber", optimizer=optimizer, max_epochs=60, tol=0.0),
        st.LinearRegression(optimizer=optimizer, max_epochs=20, batch_size=30),
        st.PolynomialRegression(3, optimizer=optimizer, max_epochs=60, tol=0.0),
        st.PolynomialRegression(3, optimizer=optimizer, max_epochs=60, batch_size=30),
        st.LogisticRegression(alpha=0.0, optimizer=optimizer, max_epochs=60, tol=0.0),
    ]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_linear_model_reports_it(isa, optimizer):
    """What callbacks see at the end and on validation data is what is returned."""
    for model in linear_models(optimizer):
        inputs = X[:, :1] if isinstance(model, st.PolynomialRegression) else X
        targets = LABELS if isinstance(model, st.LogisticRegression) else Y
        model.fit(inputs, targets, validation_data=(inputs, targets))
        assert model.history_["validation_score"][-1] == pytest.approx(
            model.score(inputs, targets), abs=1e-10
        )
        if (
            model.batch_size is None and not optimizer.l2
        ):  # by points, the loss is that of the point
            assert model.history_["loss"][-1] == pytest.approx(
                model.history_["validation_loss"][-1], rel=1e-9
            )
        assert model.loss_ < model.loss_curve_[0]


def test_a_mean_of_the_iterates_of_a_linear_model(isa):
    """The gradient is known: the mean of what the descent without an average visits."""
    model = st.LinearRegression(
        optimizer=SGD(0.1, average=PolyakRuppert(4)),
        stop=[st.stopping.MaxSteps(12)],
        tol=0.0,
        standardize=False,
        fit_intercept=False,
    ).fit(X, Y)
    theta, path = np.zeros(5), []
    for _ in range(12):
        theta = theta - 0.1 * 2 / 90 * X.T @ (X @ theta - Y)
        path.append(theta)
    np.testing.assert_allclose(model.coef_, np.mean(path[4:], axis=0), rtol=0, atol=1e-12)
    assert model.loss_ == pytest.approx(np.mean((X @ model.coef_ - Y) ** 2), rel=1e-12)


def test_l1_with_lookahead_is_fista(isa):
    """Exact zeros, and the minimum of the whole: 0 is in g + l1 d|x|."""
    optimizer = Momentum(0.1, 0.8, nesterov="lookahead")
    model = st.LinearRegression(
        optimizer=optimizer, alpha=1.0, l1_ratio=1.0, standardize=False, tol=1e-12, max_epochs=5000
    ).fit(X, Y)
    gradient = 2 / 90 * X.T @ (model.predict(X) - Y)
    held = model.coef_ == 0
    assert 0 < held.sum() < 5
    np.testing.assert_allclose(gradient[~held], -np.sign(model.coef_[~held]), rtol=0, atol=1e-9)
    assert np.all(np.abs(gradient[held]) < 1)


# ---------------------------------------------------------------- arguments


class OwnAverage(EMA):
    """Which the compiled core knows nothing of."""


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: EMA(1.0), ValueError, "decay must be"),
        (lambda: EMA(debias=1), TypeError, "debias must be True or False"),
        (lambda: PolyakRuppert(-1), ValueError, "start must be"),
        (lambda: Adam(average=0.9), TypeError, "average must be None, EMA"),
        (lambda: Adam(average=Average()), TypeError, "average must be None, EMA"),
        (lambda: Adam(average=OwnAverage()), TypeError, "average must be None, EMA"),
        (lambda: ScheduleFreeSGD(average=EMA()), ValueError, "reports an average already"),
        (lambda: ScheduleFreeSGD(beta=1.5), ValueError, "beta must be"),
        (lambda: ScheduleFreeAdamW(warmup_steps=1.5), TypeError, "warmup_steps must be an integer"),
        (lambda: ScheduleFreeAdamW(r=-1), ValueError, "r must be"),
        (lambda: Momentum(nesterov="ahead"), ValueError, "nesterov must be True, False"),
        (lambda: Momentum(nesterov="lookahead", average=EMA()), ValueError, "average must be None"),
        (lambda: Momentum(nesterov="lookahead", dampening=0.1), ValueError, "dampening must be 0"),
        (
            lambda: st.optimizers.preset("keras", "SGD", use_ema=True, ema_overwrite_frequency=2),
            ValueError,
            "None here",
        ),
        (
            lambda: st.optimizers.preset(
                "keras", "SGD", use_ema=True, gradient_accumulation_steps=2
            ),
            ValueError,
            "Keras averages after every batch",
        ),
        (
            lambda: st.optimizers.preset("optax", "schedule_free_sgd", warmup_steps=5),
            ValueError,
            "warmup_steps must be",
        ),
    ],
)
def test_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_what_has_a_place_is_what_the_documentation_begins_with():
    assert ScheduleFreeSGD(0.5, 0.8) == ScheduleFreeSGD(learning_rate=0.5, beta=0.8)
    named = ScheduleFreeAdamW(learning_rate=0.5, beta_1=0.8, beta_2=0.9, epsilon=1e-6)
    assert ScheduleFreeAdamW(0.5, 0.8, 0.9, 1e-6) == named


def test_a_state_without_its_sums_is_refused(isa):
    optimizer = ScheduleFreeSGD()
    theta = np.ones(3)
    state = optimizer.init(theta)
    del state["weight_sum"]
    with pytest.raises(ValueError, match="with the key 'weight_sum'"):
        optimizer.step(theta, np.ones(3), state)
    np.testing.assert_array_equal(theta, 1)


def test_a_refused_step_leaves_the_gradients_that_wait(isa):
    optimizer = ScheduleFreeSGD(accumulate=2)
    theta = np.ones(3)
    state = optimizer.init(theta)
    optimizer.step(theta, np.ones(3), state)
    spoilt = {**state, "weight_sum": None}
    with pytest.raises(TypeError, match="weight_sum"):
        optimizer.step(theta, np.ones(3), spoilt)
    assert spoilt["accumulated"] == 1
    np.testing.assert_array_equal(spoilt["gradient_sum"], 1)
    np.testing.assert_array_equal(theta, 1)


def test_the_share_of_the_average_comes_after_the_rate():
    assert ScheduleFreeSGD(0.1, 0.8) == ScheduleFreeSGD(learning_rate=0.1, beta=0.8)
    assert ScheduleFreeAdamW(0.1, 0.8, 0.9) == ScheduleFreeAdamW(0.1, beta_1=0.8, beta_2=0.9)


def test_compiled_functions_and_many_starts(isa, optimizer):
    """The same points as on the same function in Python, and from each start as from that one alone."""
    f = st.functions.Rosenbrock()
    starts = np.random.default_rng(0).uniform(-1, 1, (5, 2))
    optimizer = replace(optimizer, learning_rate=0.01 * optimizer.learning_rate, l2=0.01)
    kwargs = {"optimizer": optimizer, "max_steps": 30, "gtol": 0.0}
    many = st.minimize_many(f, starts, **kwargs)
    in_turn = st.minimize_many(lambda x: f(x), starts, lambda x: f.gradient(x), **kwargs)
    for i, start in enumerate(starts):
        one = st.minimize(f, start, **kwargs)
        python = st.minimize(lambda x: f(x), start, lambda x: f.gradient(x), **kwargs)
        np.testing.assert_array_equal(many.x[i], one.x)
        np.testing.assert_array_equal(in_turn.x[i], python.x)
        np.testing.assert_allclose(one.x, python.x, rtol=1e-9)
        assert many.fun[i] == one.fun == pytest.approx(f(one.x) + 0.005 * one.x @ one.x)
        assert in_turn.fun[i] == python.fun
        np.testing.assert_array_equal(many.grad[i], one.grad)
        assert many.status[i] == one.status == "max_steps"
