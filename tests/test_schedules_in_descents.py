"""Schedules in the compiled loop: units, hyper-parameters, plateaus, tables, Python functions; and their errors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from tolerances import assert_close

import steepest as st
from steepest import reference as ref
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

F64 = np.float64
ROWS, BATCH, EPOCHS = 37, 8, 6
STEPS = -(-ROWS // BATCH) * EPOCHS


@pytest.fixture
def data(rng):
    X = rng.standard_normal((ROWS, 3))
    return X, X @ [1.0, -2.0, 0.5] + 0.1 * rng.standard_normal(ROWS)


def fit(model, X, y, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged
        return model.fit(X, y, **settings)


def linear(optimizer, schedule, **settings):
    settings = {
        "batch_size": BATCH,
        "shuffle": False,
        "max_epochs": EPOCHS,
        "standardize": False,
        **settings,
    }
    return st.LinearRegression(optimizer=optimizer, schedule=schedule, **settings)


def by_reference(X, y, optimizer, schedule, batch_size=BATCH):
    """Return coefficients, intercept and the rates of the epochs' last steps."""

    def loss_gradient(theta, rows):
        residual = X[rows] @ theta[0] + theta[1] - y[rows]
        slopes = 2 * residual / len(rows)
        return np.mean(residual**2), [X[rows].T @ slopes, np.sum(slopes)]

    found = ref.descend(
        loss_gradient,
        [np.zeros(X.shape[1]), np.zeros(())],
        optimizer,
        n_rows=len(X),
        batch_size=batch_size,
        schedule=schedule,
        n_epochs=EPOCHS,
    )
    return *found["theta"], found["learning_rate"]


RATE = OneCycle(STEPS)
SCHEDULED = {
    "momentum": (
        st.Momentum(0.05, 0.9),
        {"learning_rate": RATE, "momentum": OneCycle(STEPS, start=1, peak=0.8, final=1)},
    ),
    "momentum alone": (st.Momentum(0.02, 0.9, "average"), {"momentum": Warmup(20, start=0.5)}),
    "Nesterov": (st.Momentum(0.02, 0.9, nesterov=True), {"momentum": Cyclic(3, 4, low=0.2)}),
    "Adam": (st.Adam(0.05), {"beta_1": Polynomial(25, final=0.7), "beta_2": Step(4, 0.9)}),
    "by sample": (st.Momentum(0.02, 0.9), {"momentum": Polynomial(ROWS * 4, unit="sample")}),
    "units": (
        st.Momentum(0.05, 0.9),
        {
            "learning_rate": Exponential(0.8, unit="epoch"),
            "momentum": Exponential(0.99, unit="sample"),
        },
    ),
}


@pytest.mark.parametrize("batch_size", [BATCH, None], ids=["mini-batches", "full batch"])
@pytest.mark.parametrize("name", SCHEDULED)
def test_hyper_parameters_move_as_in_the_reference(isa, data, name, batch_size):
    optimizer, schedule = SCHEDULED[name]
    model = fit(linear(optimizer, schedule, batch_size=batch_size, tol=0), *data)
    coef, intercept, rates = by_reference(*data, optimizer, schedule, batch_size)
    assert_close(model.coef_, coef, F64, "steps", STEPS * 4)
    assert_close(model.intercept_, intercept, F64, "steps", STEPS * 4, scale=1.0)
    assert_close(model.history_["learning_rate"][:EPOCHS], rates, F64, "steps", STEPS, scale=0.1)
    fixed = fit(linear(optimizer, None, batch_size=batch_size, tol=0), *data)
    assert np.abs(fixed.coef_ - model.coef_).max() > 1e-6


def test_weight_decay_moves(isa, data):
    """By a constant factor: the same as another decay."""
    decaying = st.AdamW(0.1, weight_decay=0.5)
    none = fit(linear(decaying, {"weight_decay": Constant(0.0)}), *data)
    plain = fit(linear(st.Adam(0.1), None), *data)
    np.testing.assert_array_equal(none.coef_, plain.coef_)
    halved = fit(linear(decaying, {"weight_decay": Constant(0.5)}), *data)
    same = fit(linear(st.AdamW(0.1, weight_decay=0.25), None), *data)
    np.testing.assert_array_equal(halved.coef_, same.coef_)


@pytest.mark.parametrize("batch_size", [BATCH, None])
def test_a_schedule_for_the_rate_alone_has_the_bits_of_one_without_a_name(data, batch_size):
    for optimizer in (st.SGD(0.1), st.Adam(0.1)):
        one = fit(linear(optimizer, Cosine(STEPS), batch_size=batch_size), *data)
        two = fit(linear(optimizer, {"learning_rate": Cosine(STEPS)}, batch_size=batch_size), *data)
        three = fit(
            linear(
                optimizer,
                {"learning_rate": Table(Cosine(STEPS).preview(STEPS))},
                batch_size=batch_size,
            ),
            *data,
        )
        np.testing.assert_array_equal(one.coef_, two.coef_)
        np.testing.assert_allclose(one.coef_, three.coef_, rtol=1e-12, atol=1e-12)


def test_samples_are_counted_from_row_to_row(isa, data):
    """The rate of an epoch's last step is that of the rows before it, short batches included."""
    schedule = Exponential(0.99, unit="sample")
    model = fit(linear(st.SGD(0.1), schedule), *data)
    before = ROWS * np.arange(EPOCHS) + ROWS // BATCH * BATCH
    np.testing.assert_allclose(model.history_["learning_rate"], 0.1 * schedule(before), rtol=1e-12)
    full = fit(linear(st.SGD(0.1), schedule, batch_size=None, tol=0), *data)
    times = ROWS * np.arange(len(full.history_["learning_rate"]))
    np.testing.assert_allclose(full.history_["learning_rate"], 0.1 * schedule(times), rtol=1e-12)


# ---------------------------------------------------------------- Python functions


def test_a_function_is_called_before_the_descent_once_for_each_time(isa, data):
    times = []

    def rate(t):
        assert type(t) is int
        times.append(t)
        return 0.9**t

    fitted = fit(linear(st.SGD(0.1), Function(rate)), *data)
    assert times == list(range(STEPS + 1))
    same = fit(linear(st.SGD(0.1), Exponential(0.9)), *data)
    np.testing.assert_allclose(fitted.coef_, same.coef_, rtol=1e-12)
    times.clear()
    fit(linear(st.SGD(0.1), Function(rate, unit="epoch")), *data)
    assert times == list(range(EPOCHS + 1))
    times.clear()
    fit(linear(st.SGD(0.1), Function(rate, length=4)), *data)
    assert times == [0, 1, 2, 3]
    times.clear()
    result = st.minimize(
        lambda x: float(x @ x), [1.0], optimizer=st.SGD(0.1), schedule=Function(rate), max_steps=3
    )
    assert times == [0, 1, 2, 3]
    np.testing.assert_allclose(result.history["learning_rate"], 0.1 * 0.9 ** np.arange(4))


def test_partial_fit_goes_on_in_a_function_and_in_a_sequence_of_them(data):
    X, y = data
    times = []

    def rate(t):
        times.append(t)
        return 1 / (1 + t)

    schedule = Sequence([Warmup(2, start=0.5, unit="epoch"), Function(rate, unit="epoch")], [2])
    model = st.MLPRegressor(
        hidden_layer_sizes=(4,),
        optimizer=st.SGD(0.1),
        schedule=schedule,
        random_state=np.random.RandomState(0),
    )
    for _ in range(5):
        model.partial_fit(X, y)
    np.testing.assert_allclose(
        model.history_["learning_rate"], 0.1 * schedule.preview(5), rtol=1e-12
    )
    assert set(times) <= {0, 1, 2, 3}


def test_errors_of_a_function_go_through_and_nothing_is_changed(data):
    X, y = data
    model = fit(linear(st.SGD(0.1), None), X, y)
    before = model.coef_.copy()

    def broken(t):
        raise LookupError("no rate today")

    model.schedule = Function(broken)
    with pytest.raises(LookupError, match="no rate today"):
        model.fit(X, y)
    for value, message in ((-1.0, "must not be negative"), (np.nan, "finite"), ("a", "numbers")):
        model.schedule = Function(lambda t, value=value: value)
        with pytest.raises((TypeError, ValueError), match=f"what function returns.*{message}"):
            model.fit(X, y)
    np.testing.assert_array_equal(model.coef_, before)


def test_a_function_without_an_end_says_so():
    with pytest.raises(ValueError, match="give Function"):
        Function(lambda t: 1.0).config()
    with pytest.raises(ValueError, match=r"for each of 20000001 steps .*give Function"):
        st.minimize(
            lambda x: float(x @ x), [1.0], schedule=Function(lambda t: 1.0), max_steps=20_000_000
        )


# ---------------------------------------------------------------- plateaus


def noisy_regressor(**settings):
    settings = {"hidden_layer_sizes": (5,), "max_iter": 60, "n_iter_no_change": 1000, **settings}
    return st.MLPRegressor(random_state=0, batch_size=BATCH, optimizer=st.SGD(0.2), **settings)


@pytest.mark.parametrize("monitor", ["loss", "validation_loss", "validation_score"])
def test_a_plateau_lowers_the_rate_as_its_preview_says(isa, data, monitor):
    X, y = data
    plateau = Plateau(0.5, patience=2, relative=1e-3, cooldown=2, least=0.05, monitor=monitor)
    model = noisy_regressor(schedule=plateau)
    fit(model, X[:25], y[:25], validation_data=(X[25:], y[25:]))
    factors = plateau.preview(model.history_[monitor])
    np.testing.assert_allclose(model.history_["learning_rate"], 0.2 * factors, rtol=1e-14)
    assert len(np.unique(factors)) > 2


def test_a_plateau_goes_on_in_partial_fit(data):
    plateau = Plateau(0.5, patience=2, relative=1e-3, cooldown=1)
    model = noisy_regressor(schedule=plateau).set_params(random_state=np.random.RandomState(3))
    for _ in range(60):
        model.partial_fit(*data)
    factors = plateau.preview(model.history_["loss"])
    np.testing.assert_allclose(model.history_["learning_rate"], 0.2 * factors, rtol=1e-14)
    assert factors[-1] < 0.5


def test_a_plateau_by_points(isa):
    """A rate above 2/L: the loss grows until the plateau has lowered the rate below."""
    result = st.minimize(
        lambda x: float(x @ x),
        [1.0],
        grad=lambda x: 2 * x,
        optimizer=st.SGD(1.01),
        schedule=Plateau(0.5, patience=3),
    )
    assert result.converged
    assert set(result.history["learning_rate"]) == {1.01, 0.505}
    factors = Plateau(0.5, patience=3).preview(result.history["loss"])
    np.testing.assert_array_equal(result.history["learning_rate"], 1.01 * factors)


def test_preview_of_a_plateau_is_of_values():
    with pytest.raises(TypeError, match="takes the monitored values"):
        Plateau().preview(5)
    with pytest.raises(TypeError, match="see preview"):
        Plateau()(5)
    assert Plateau().unit == "epoch"


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("schedule", "error", "message"),
    [
        ("cosine", TypeError, "schedule must be one of steepest.schedules, but is 'cosine'"),
        (np.ones(3), TypeError, r"Table\(values, unit="),
        (lambda t: 1.0, TypeError, r"Function\(f, unit="),
        (Cosine, TypeError, "schedule must be one of steepest.schedules"),
        ({"momentum": 0.9}, TypeError, r"schedule\['momentum'\] must be one of"),
        ({"beta_1": Cosine(3)}, ValueError, "Momentum has no hyper-parameter 'beta_1'.*'momentum'"),
        ({"epsilon": Cosine(3)}, ValueError, "no hyper-parameter 'epsilon'"),
        ({"momentum": Plateau()}, ValueError, "Plateau lowers the learning rate"),
        (Plateau(monitor="validation_loss"), ValueError, "no validation data"),
        (
            {"momentum": Warmup(4, start=1, final=1.2)},
            ValueError,
            r"momentum must be at least 0 and below 1, but is 1.035 at step 3 \(0.9 times",
        ),
    ],
    ids=[str(i) for i in range(10)],  # a function's own name has its address in it
)
def test_wrong_schedules_are_refused(data, schedule, error, message):
    model = linear(st.Momentum(0.1, 0.9), schedule)
    with pytest.raises(error, match=message):
        model.fit(*data)
    with pytest.raises(error, match=message):
        st.minimize(
            lambda x: float(x @ x), [1.0], optimizer=st.Momentum(0.1, 0.9), schedule=schedule
        )


def test_a_function_to_minimize_has_no_samples():
    with pytest.raises(ValueError, match="has no samples"):
        st.minimize(lambda x: float(x @ x), [1.0], schedule=Cosine(5, unit="sample"))


NOT_POSITIVE = [0.0, -1.0, np.nan, np.inf, "1", None, True]
NOT_NEGATIVE = NOT_POSITIVE[1:]
NOT_A_COUNT = [0, -1, 1.5, np.nan, "1", None, True]


@pytest.mark.parametrize(
    ("kind", "given", "name", "values"),
    [
        (Constant, {}, "factor", NOT_NEGATIVE),
        (MultiStep, {"milestones": [1]}, "milestones", [3, "ab", [], [-1], [2, 2], [3, 1], [1.5]]),
        (MultiStep, {"milestones": [1]}, "factor", NOT_POSITIVE),
        (Warmup, {"total": 3}, "total", NOT_A_COUNT),
        (Warmup, {"total": 3}, "start", NOT_NEGATIVE),
        (Warmup, {"total": 3}, "final", NOT_NEGATIVE),
        (Polynomial, {"total": 3}, "total", NOT_A_COUNT),
        (Polynomial, {"total": 3}, "power", NOT_POSITIVE),
        (Polynomial, {"total": 3}, "final", NOT_NEGATIVE),
        (WarmRestarts, {"period": 3}, "period", NOT_A_COUNT),
        (WarmRestarts, {"period": 3}, "multiplier", NOT_A_COUNT),
        (WarmRestarts, {"period": 3}, "final", NOT_NEGATIVE),
        (OneCycle, {"total": 3}, "total", [1, *NOT_A_COUNT]),
        (OneCycle, {"total": 3}, "rise", [0.0, 1.0, -0.5, np.nan, None]),
        (OneCycle, {"total": 3, "three_phases": True}, "rise", [0.0, 0.6]),
        (OneCycle, {"total": 3}, "start", NOT_NEGATIVE),
        (OneCycle, {"total": 3}, "peak", NOT_NEGATIVE),
        (OneCycle, {"total": 3}, "final", NOT_NEGATIVE),
        (OneCycle, {"total": 3}, "linear", [1, None, "yes"]),
        (OneCycle, {"total": 3}, "three_phases", [1, None, "yes"]),
        (Cyclic, {"up": 3}, "up", NOT_A_COUNT),
        (Cyclic, {"up": 3}, "down", [v for v in NOT_A_COUNT if v is not None]),
        (Cyclic, {"up": 3}, "low", NOT_NEGATIVE),
        (Cyclic, {"up": 3}, "mode", ["round", None]),
        (Cyclic, {"up": 3}, "decay", NOT_POSITIVE),
        (Table, {}, "values", [[], 1.0, [[1.0]], [-1.0], [np.nan], ["a"], None]),
        (Function, {}, "function", [1.0, None]),
        (Function, {"function": abs}, "length", [v for v in NOT_A_COUNT if v is not None]),
        (Sequence, {"milestones": []}, "schedules", [[], None, [1.0], [Plateau()], Cosine(3)]),
        (
            Sequence,
            {"schedules": [Cosine(3), Cosine(4)]},
            "milestones",
            [[], [0], [1, 2], 3, [1.5]],
        ),
        (Plateau, {}, "factor", [*NOT_POSITIVE, 1.0]),
        (Plateau, {}, "patience", NOT_A_COUNT[1:]),
        (Plateau, {}, "relative", NOT_NEGATIVE),
        (Plateau, {}, "absolute", NOT_NEGATIVE),
        (Plateau, {}, "cooldown", NOT_A_COUNT[1:]),
        (Plateau, {}, "least", [1.5, *NOT_NEGATIVE]),
        (Plateau, {}, "monitor", ["score", None]),
    ],
)
def test_parameters_are_checked(kind, given, name, values):
    for value in values:
        with pytest.raises((TypeError, ValueError), match=name):
            kind(**{**given, name: value})


def test_parts_of_a_sequence_have_one_unit():
    with pytest.raises(
        ValueError, match="schedules must have one unit, but they have epoch and step"
    ):
        Sequence([Cosine(3), Cosine(3, unit="epoch")], [3])
    assert Sequence([Cosine(3, unit="epoch")] * 2, [3]).unit == "epoch"


def test_a_schedule_of_several_can_be_cloned(data):
    schedule = {"learning_rate": Sequence([Warmup(3), Table([1, 0.5])], [3]), "momentum": Cyclic(2)}
    model = linear(st.Momentum(0.05, 0.9), schedule)
    assert clone(model).schedule == schedule
    np.testing.assert_array_equal(fit(clone(model), *data).coef_, fit(model, *data).coef_)


def test_rmsprop_goes_on_with_its_velocity_after_a_momentum_of_0(isa):
    momenta = 0.8 * np.array([1.0, 0.0, 1.0, 0.5, 1.0])
    result = st.minimize(
        lambda x: float(x @ x),
        [1.0, -2.0, 3.0],
        lambda x: 2 * x,
        optimizer=st.RMSprop(0.1, 0.9, momentum=0.8),
        schedule={"momentum": Table(momenta / 0.8)},
        max_steps=5,
    )
    x, v, w = np.array([1.0, -2.0, 3.0]), np.zeros(3), np.zeros(3)
    for momentum in momenta:
        g = 2 * x
        v = 0.9 * v + 0.1 * g**2
        w = momentum * w + g / (np.sqrt(v) + 1e-8)
        x = x - 0.1 * w
    assert_close(result.x, x, F64, "steps", 5)
