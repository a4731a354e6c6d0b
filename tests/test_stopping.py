"""Stop rules: each fires when it should, with its name; patience exactly; divergence; callbacks."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from sklearn.exceptions import ConvergenceWarning

import steepest as st
from steepest.stopping import (
    MESSAGES,
    GradientNorm,
    MaxEpochs,
    MaxSeconds,
    MaxSteps,
    NoImprovement,
    StopRule,
)

STATUSES = {
    "converged",
    "no_improvement",
    "max_steps",
    "max_epochs",
    "max_seconds",
    "diverged",
    "interrupted",
    "callback",
    "line_search",
}
RECORD = {
    "epoch",
    "step",
    "loss",
    "gradient_norm",
    "learning_rate",
    "seconds",
    "validation_loss",
    "validation_score",
}


@pytest.fixture
def data(rng):
    """60 rows with noise, so that mini-batches never quite settle."""
    X = rng.standard_normal((60, 3))
    return X, X @ [1.0, -2.0, 0.5] + 0.3 + 0.1 * rng.standard_normal(60)


@pytest.fixture
def labels(data):
    return (data[1] > 0).astype(int)


def quietly(fit, *arguments, **named):
    """Fit without the warning of an unfinished descent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit(*arguments, **named)


def scripted(losses, **named):
    """Run minimize on a function whose losses come from a list; it has no say in where they are taken."""
    remaining = iter(losses)
    return st.minimize(
        lambda x: next(remaining, losses[-1]),
        [0.0],
        lambda x: np.ones(1),
        **{"max_steps": len(losses) - 1, "gtol": 0.0, **named},
    )


def last_epoch(values, patience, absolute=0.0, relative=0.0):
    """Return the index at which patience runs out, as the documentation defines it, or None."""
    best, waiting = np.inf, 0
    for t, value in enumerate(values):
        margin = max(absolute, relative * abs(best)) if np.isfinite(best) else absolute
        waiting = 0 if value < best - margin else waiting + 1
        best = min(best, value)
        if waiting >= patience:
            return t
    return None


# ---------------------------------------------------------------- patience


@pytest.mark.parametrize(
    ("losses", "patience", "step"),
    [
        ([5, 4, 3, 3, 3, 3], 1, 3),
        ([5, 4, 3, 3, 3, 3], 2, 4),
        ([5, 4, 3, 3, 3, 3], 3, 5),
        ([5, 6, 4, 6, 6, 3, 9, 9, 9], 2, 4),  # in a row: the 4 starts the count again
        ([5, 6, 4, 6, 6, 3, 9, 9, 9], 3, 8),
        ([1, 1], 1, 1),
    ],
)
def test_patience_counts_epochs_in_a_row(losses, patience, step):
    result = scripted(losses, stop=[NoImprovement(patience)])
    assert result.status == "no_improvement"
    assert result.n_steps == step


def test_patience_that_is_not_exhausted():
    assert scripted([5, 4, 3, 3, 3], stop=[NoImprovement(3)]).status == "max_steps"


def test_the_first_epoch_is_an_improvement():
    result = scripted([1e300, 1e300], stop=[NoImprovement(1, relative=0.5)])
    assert result.n_steps == 1


@pytest.mark.parametrize(
    ("rule", "step"),
    [
        # 10, 9, 8.5, 8.2, 8.0, 7.9: the improvements are 1, 0.5, 0.3, 0.2, 0.1
        (NoImprovement(1), None),
        (NoImprovement(1, absolute=0.25), 4),
        (NoImprovement(1, absolute=0.5), 2),  # exactly as much is not more
        (NoImprovement(1, relative=0.03), 4),  # 0.3 > 0.03 * 8.5, but 0.2 < 0.03 * 8.2
        (NoImprovement(1, absolute=0.15, relative=0.03), 4),  # the larger of the two
        (NoImprovement(2, absolute=0.25), 5),
    ],
    ids=repr,
)
def test_what_counts_as_better(rule, step):
    result = scripted([10.0, 9.0, 8.5, 8.2, 8.0, 7.9], stop=[rule])
    if step is None:
        assert result.status == "max_steps"
    else:
        assert (result.status, result.n_steps) == ("no_improvement", step)


def test_slow_improvement_moves_the_best_value():
    """Best is the lowest value so far, whether or not it was better by enough."""
    losses = [10.0, 9.9, 9.8, 9.7, 9.6, 9.5]
    assert scripted(losses, stop=[NoImprovement(5, absolute=0.3)]).n_steps == 5


def test_relative_improvement_of_negative_losses():
    """The margin is relative * |best|: from -10, an improvement by a tenth has to be below -11."""
    rule = NoImprovement(1, relative=0.1)
    assert scripted([-10.0, -10.9, -20.0], stop=[rule]).n_steps == 1
    assert scripted([-10.0, -11.1, -20.0], stop=[rule]).status == "max_steps"


@given(
    losses=some.lists(some.integers(-4, 12).map(lambda k: k / 4), min_size=2, max_size=30),
    patience=some.integers(1, 6),
    absolute=some.sampled_from([0.0, 0.25, 0.5]),
    relative=some.sampled_from([0.0, 0.25, 0.5]),
)
def test_patience_is_as_documented(losses, patience, absolute, relative):
    rule = NoImprovement(patience, absolute=absolute, relative=relative)
    result = scripted(losses, stop=[rule])
    expected = last_epoch(losses, patience, absolute, relative)
    if expected is None:
        assert result.status == "max_steps"
        assert result.n_steps == len(losses) - 1
    else:
        assert result.status == "no_improvement"
        assert result.n_steps == expected


@pytest.mark.parametrize("monitor", ["loss", "validation_loss", "validation_score"])
@pytest.mark.parametrize("patience", [1, 3])
def test_patience_of_a_network(data, monitor, patience):
    """The epoch at which a fit ends is the one that the history's own numbers say."""
    X, y = data
    rule = NoImprovement(patience, absolute=1e-3, monitor=monitor)
    model = st.MLPRegressor(
        hidden_layer_sizes=(8,),
        learning_rate_init=0.02,
        batch_size=7,
        max_iter=2000,
        random_state=3,
        stop=[rule],
    )
    model.fit(X, y, validation_data=(X[:20] + 0.1, y[:20]))
    values = np.asarray(model.history_[monitor])
    if monitor == "validation_score":
        values = -values
    assert model.status_ == "no_improvement"
    assert last_epoch(values, patience, 1e-3) == len(values) - 1 == model.n_iter_ - 1


@pytest.mark.parametrize("monitor", ["validation_loss", "validation_score"])
def test_what_is_monitored_on_validation_data_comes_back_at_its_best(data, monitor):
    X, y = data
    held_out = X[:20] + 0.1, y[:20]
    rule = NoImprovement(5, monitor=monitor)
    model = st.MLPRegressor(
        hidden_layer_sizes=(8,),
        learning_rate_init=0.05,
        batch_size=7,
        max_iter=2000,
        random_state=3,
        stop=[rule],
    )
    model.fit(X, y, validation_data=held_out)
    prediction = model.predict(held_out[0])
    if monitor == "validation_score":
        best = model.history_[monitor].max()
        assert model.score(*held_out) == pytest.approx(best, rel=1e-10)
    else:
        best = model.history_[monitor].min()
        assert np.mean((prediction - held_out[1]) ** 2) / 2 == pytest.approx(best, rel=1e-10)


def test_monitoring_what_is_not_there_is_an_error(data, labels):
    X, y = data
    for model, target in (
        (st.MLPRegressor(), y),
        (st.MLPClassifier(), labels),
        (st.LinearRegression(), y),
        (st.LogisticRegression(), labels),
        (st.PolynomialRegression(), y),
    ):
        model.set_params(stop=[NoImprovement(3, monitor="validation_loss")])
        with pytest.raises(ValueError, match=r"validation"):
            model.fit(X[:, :1], target)


@pytest.mark.parametrize("kind", [st.LinearRegression, st.PolynomialRegression])
@pytest.mark.parametrize("monitor", ["validation_loss", "validation_score"])
def test_patience_of_the_linear_models(data, kind, monitor):
    X, y = data[0][:, :1], data[1]
    model = kind(learning_rate=0.02, stop=[NoImprovement(2, relative=0.01, monitor=monitor)])
    model.fit(X, y, validation_data=(X[::3], y[::3]))
    values = model.history_[monitor] * (-1 if monitor == "validation_score" else 1)
    assert model.status_ == "no_improvement"
    assert last_epoch(values, 2, relative=0.01) == len(values) - 1


def test_patience_of_logistic_regression(data, labels):
    model = st.LogisticRegression(stop=[NoImprovement(2, monitor="validation_score")])
    model.fit(data[0], labels, validation_data=(data[0][::2], labels[::2]))
    values = -model.history_["validation_score"]
    assert model.status_ == "no_improvement"
    assert last_epoch(values, 2) == len(values) - 1


# ---------------------------------------------------------------- each rule, by its name


ESTIMATORS = [
    st.LinearRegression(),
    st.LinearRegression(batch_size=7, random_state=0),
    st.PolynomialRegression(),
    st.PolynomialRegression(batch_size=7, random_state=0),
    st.LogisticRegression(),
    st.LogisticRegression(batch_size=7, random_state=0),
    st.MLPRegressor(hidden_layer_sizes=(4,), random_state=0, n_iter_no_change=np.inf),
    st.MLPRegressor(hidden_layer_sizes=(4,), batch_size=7, random_state=0, n_iter_no_change=np.inf),
    st.MLPClassifier((4,), batch_size=7, random_state=0, n_iter_no_change=np.inf),
]


def name_of(model):
    return repr(model).replace("\n", "")


def fitted(model, data, labels, **parameters):
    """Return a fitted copy of the model on data that suit it."""
    model = type(model)(**{**model.get_params(deep=False), **parameters})
    X, y = data
    if isinstance(model, st.PolynomialRegression):
        X = X[:, :1]
    return quietly(model.fit, X, labels if hasattr(model, "predict_proba") else y)


def assert_valid(model, data):
    X = data[0][:, : model.n_features_in_]
    assert np.isfinite(np.asarray(model.predict(X), float)).all()
    assert model.status_ in STATUSES
    assert len(model.loss_curve_) == len(model.history_.get("loss", ()))
    assert all(np.isfinite(model.loss_curve_))
    if model.loss_curve_:
        # The loss of the parameters that came back: the best ones, where a convex model diverged.
        best = model.status_ == "diverged" and not hasattr(model, "coefs_")
        assert model.loss_ == (min(model.loss_curve_) if best else model.loss_curve_[-1])


@pytest.mark.parametrize("model", ESTIMATORS, ids=name_of)
def test_max_epochs(model, data, labels):
    model = fitted(model, data, labels, stop=[MaxEpochs(3)])
    assert model.status_ == "max_epochs"
    assert model.n_iter_ == 3
    assert_valid(model, data)
    mini_batches = getattr(model, "batch_size", None) is not None
    assert len(model.loss_curve_) == (3 if mini_batches else 4)


@pytest.mark.parametrize("model", ESTIMATORS, ids=name_of)
@pytest.mark.parametrize("steps", [1, 2, 13])
def test_max_steps(model, data, labels, steps):
    """Also in the middle of an epoch, whose part then counts as its record."""
    model = fitted(model, data, labels, stop=[MaxSteps(steps)], optimizer=st.SGD(1e-3))
    assert model.status_ == "max_steps"
    assert_valid(model, data)
    assert model.n_iter_ >= 1
    assert len(model.loss_curve_) >= 1


@pytest.mark.parametrize("model", ESTIMATORS, ids=name_of)
def test_max_seconds(model, data, labels):
    limit = {"max_iter" if hasattr(model, "max_iter") else "max_epochs": 10**9}
    if not hasattr(model, "max_iter"):
        limit |= {"tol": 0.0, "optimizer": st.SGD(1e-9)}
    start = time.perf_counter()
    model = fitted(model, data, labels, stop=[MaxSeconds(0.05)], **limit)
    assert model.status_ == "max_seconds"
    assert time.perf_counter() - start > 0.05
    assert_valid(model, data)
    assert model.n_iter_ > 1


@pytest.mark.parametrize("model", ESTIMATORS, ids=name_of)
def test_no_seconds_at_all(model, data, labels):
    model = fitted(model, data, labels, stop=[MaxSeconds(0.0)])
    assert model.status_ == "max_seconds"
    assert_valid(model, data)


@pytest.mark.parametrize("model", ESTIMATORS, ids=name_of)
def test_no_epochs_at_all(model, data, labels):
    model = fitted(model, data, labels, stop=[MaxEpochs(0)])
    assert model.status_ == "max_epochs"
    assert_valid(model, data)


@pytest.mark.parametrize("model", ESTIMATORS, ids=name_of)
def test_no_steps_at_all(model, data, labels):
    model = fitted(model, data, labels, stop=[MaxSteps(0)])
    assert model.status_ == "max_steps"
    assert_valid(model, data)


@pytest.mark.parametrize("model", ESTIMATORS, ids=name_of)
def test_gradient_norm(model, data, labels):
    if isinstance(model, st.MLPRegressor):
        model = st.MLPRegressor(**{**model.get_params(), "learning_rate_init": 0.03})
    model = fitted(model, data, labels, stop=[GradientNorm(0.3)])
    assert model.status_ == "converged"
    assert_valid(model, data)
    norms = model.history_["gradient_norm"]
    assert norms[-1] <= 0.3
    assert (norms[:-1] > 0.3).all()


@pytest.mark.parametrize("model", ESTIMATORS, ids=name_of)
def test_no_improvement(model, data, labels):
    model = fitted(model, data, labels, stop=[NoImprovement(2, relative=0.2)])
    assert model.status_ == "no_improvement"
    assert_valid(model, data)
    assert last_epoch(model.loss_curve_, 2, relative=0.2) == len(model.loss_curve_) - 1


def test_the_order_of_the_norm():
    """At (3, 4) the norms are 5 and 4."""
    for order, tolerance, converged in (
        (2, 4.5, False),
        ("inf", 4.5, True),
        (np.inf, 4.5, True),
        (2, 5, True),
    ):
        result = st.minimize(
            lambda x: 0.5 * float(x @ x),
            [3.0, 4.0],
            lambda x: x,
            max_steps=0,
            stop=[GradientNorm(tolerance, order)],
        )
        assert result.converged == converged
        assert result.history["gradient_norm"][0] == (5.0 if order == 2 else 4.0)


def test_the_reasons_are_all_explained():
    assert set(MESSAGES) == STATUSES


# ---------------------------------------------------------------- several rules


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ([MaxSteps(3), MaxEpochs(2)], "max_steps"),  # an epoch has 9 steps
        ([MaxSteps(30), MaxEpochs(2)], "max_epochs"),
        ([MaxEpochs(2), MaxSteps(30)], "max_epochs"),
        ([MaxSteps(100), GradientNorm(1e9)], "converged"),
        ([MaxSeconds(1000), MaxSteps(12)], "max_steps"),
        ([NoImprovement(1, absolute=1e9), MaxEpochs(2)], "no_improvement"),
        ([NoImprovement(5, absolute=1e9), MaxEpochs(4)], "max_epochs"),
        ([MaxSeconds(1000), NoImprovement(2, absolute=1e9), MaxEpochs(40)], "no_improvement"),
    ],
)
def test_the_first_rule_to_fire_is_named(data, rules, status):
    model = st.LinearRegression(batch_size=7, random_state=0, stop=rules)
    assert quietly(model.fit, *data).status_ == status


def test_the_tighter_of_two_limits_holds(data):
    for rules in ([MaxEpochs(2), MaxEpochs(5)], [MaxEpochs(5), MaxEpochs(2)]):
        model = st.LinearRegression(batch_size=7, stop=rules, max_epochs=3)
        assert quietly(model.fit, *data).n_iter_ == 2
    model = st.LinearRegression(batch_size=7, stop=[MaxEpochs(5)], max_epochs=3)
    assert quietly(model.fit, *data).n_iter_ == 3


def test_a_rule_does_not_switch_off_the_estimators_own_tolerance(data):
    """Rules are added: whichever of gtol and the rule is met first ends the descent."""
    result = st.minimize(
        lambda x: 0.5 * float(x @ x),
        [3.0, 4.0],
        lambda x: x,
        st.SGD(0.5),
        gtol=1e-2,
        stop=[GradientNorm(1e-6)],
    )
    assert 1e-3 < result.history["gradient_norm"][-1] <= 1e-2


def test_one_rule_needs_no_list(data):
    model = st.LinearRegression(batch_size=7, stop=MaxEpochs(2))
    assert quietly(model.fit, *data).n_iter_ == 2


def test_the_rules_of_an_estimator_are_not_used_up(data):
    """A tuple, a list, the same object twice: the parameters stay what they are."""
    rules = [MaxEpochs(2)]
    model = st.LinearRegression(batch_size=7, stop=rules)
    assert quietly(model.fit, *data).n_iter_ == 2
    assert quietly(model.fit, *data).n_iter_ == 2
    assert model.stop is rules
    assert rules == [MaxEpochs(2)]


@pytest.mark.parametrize(
    "rules", [[NoImprovement(2), NoImprovement(3)], [GradientNorm(1), GradientNorm(2)]]
)
def test_two_rules_of_one_kind_that_cannot_be_merged(data, rules):
    with pytest.raises(ValueError, match=r"two rules of the kind"):
        st.LinearRegression(stop=rules).fit(*data)


@pytest.mark.parametrize("stop", [["converged"], [5], [MaxSteps], [lambda record: True]])
def test_what_is_not_a_rule(data, stop):
    with pytest.raises(TypeError, match=r"stop must be stop rules"):
        st.LinearRegression(stop=stop).fit(*data)


# ---------------------------------------------------------------- the rules' own arguments


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: NoImprovement(0), ValueError),
        (lambda: NoImprovement(1.5), TypeError),
        (lambda: NoImprovement(True), TypeError),
        (lambda: NoImprovement(absolute=-1.0), ValueError),
        (lambda: NoImprovement(relative=np.nan), ValueError),
        (lambda: NoImprovement(relative=np.inf), ValueError),
        (lambda: NoImprovement(monitor="accuracy"), ValueError),
        (lambda: GradientNorm(-1.0), ValueError),
        (lambda: GradientNorm(np.nan), ValueError),
        (lambda: GradientNorm("1"), TypeError),
        (lambda: GradientNorm(1.0, 1), ValueError),
        (lambda: GradientNorm(1.0, "two"), ValueError),
        (lambda: MaxSteps(-1), ValueError),
        (lambda: MaxSteps(2.0), TypeError),
        (lambda: MaxEpochs(-1), ValueError),
        (lambda: MaxEpochs(None), TypeError),
        (lambda: MaxSeconds(-1.0), ValueError),
        (lambda: MaxSeconds(np.nan), ValueError),
        (lambda: MaxSeconds("1"), TypeError),
    ],
)
def test_bad_rules(make, error):
    with pytest.raises(error, match=r"must be"):
        make()


def test_rules_are_values():
    assert MaxSteps(3) == MaxSteps(np.int64(3))
    assert hash(NoImprovement(2)) == hash(NoImprovement(2))
    assert repr(MaxSeconds(1.5)) == "MaxSeconds(seconds=1.5)"
    with pytest.raises(AttributeError):
        MaxSteps(3).n = 4
    for rule in (GradientNorm(), NoImprovement(), MaxSteps(1), MaxEpochs(1), MaxSeconds(1)):
        assert isinstance(rule, StopRule)


# ---------------------------------------------------------------- divergence


DIVERGING = [
    st.LinearRegression(learning_rate=1e3),
    st.LinearRegression(learning_rate=1e3, batch_size=7, random_state=0),
    st.LinearRegression(learning_rate=1e200, batch_size=7, random_state=0),
    st.LinearRegression(optimizer=st.Momentum(1e50)),
    st.PolynomialRegression(learning_rate=1e3),
    st.PolynomialRegression(learning_rate=1e3, batch_size=7, random_state=0),
    st.PolynomialRegression(learning_rate=1e200, batch_size=7, random_state=0),
    st.LogisticRegression(learning_rate=1e305, alpha=1.0),
    st.LogisticRegression(learning_rate=1e305, alpha=1.0, batch_size=7, random_state=0),
    st.MLPRegressor(
        hidden_layer_sizes=(4,),
        solver="sgd",
        learning_rate_init=1e3,
        random_state=0,
        activation="identity",
    ),
    st.MLPRegressor(
        hidden_layer_sizes=(4,),
        solver="sgd",
        learning_rate_init=1e200,
        random_state=0,
        activation="identity",
        batch_size=7,
    ),
    st.MLPRegressor(
        hidden_layer_sizes=(4,), optimizer=st.SGD(1e100), random_state=0, activation="identity"
    ),
]


@pytest.mark.parametrize("model", DIVERGING, ids=name_of)
def test_divergence_is_caught_and_leaves_finite_parameters(model, data, labels):
    X, y = data
    model = type(model)(**model.get_params(deep=False))
    X = X[:, :1] if isinstance(model, st.PolynomialRegression) else X
    y = labels if hasattr(model, "predict_proba") else y
    with pytest.warns(ConvergenceWarning, match=r"diverged at step \d+.*learning rate"):
        model.fit(X, y)
    assert model.status_ == "diverged"
    assert_valid(model, data)


@pytest.mark.parametrize("batch_size", [None, 20])
def test_after_divergence_the_best_parameters_come_back(data, batch_size):
    """The losses grow from the start on, so that the best parameters are those of the start."""
    model = st.LinearRegression(learning_rate=1e3, batch_size=batch_size, standardize=False)
    with pytest.warns(ConvergenceWarning, match=r"diverged"):
        model.fit(*data)
    if batch_size is None:
        assert not model.coef_.any()
        assert model.intercept_ == 0.0


def test_divergence_after_progress_returns_the_best_point():
    """A quadratic in float32 with an inverse schedule is no help: here the rate grows until it breaks."""
    losses = []

    def fun(x):
        losses.append(float(x[0] ** 2))
        return losses[-1] if losses[-1] < 1e10 else np.inf

    rising = st.schedules.Exponential(1.5)  # more than 1: the factor grows
    result = st.minimize(fun, [1.0], lambda x: 2 * x, st.SGD(0.05), rising, max_steps=1000)
    assert result.status == "diverged"
    assert result.n_steps > 5
    assert result.fun == result.history["loss"].min() < 0.1
    assert result.x[0] ** 2 == result.fun


@pytest.mark.parametrize("stop", [MaxSteps(1), MaxSteps(2), MaxSeconds(0.0)], ids=repr)
@pytest.mark.parametrize("kind", [st.LinearRegression, st.MLPRegressor])
def test_a_limit_does_not_hide_a_divergence(data, kind, stop):
    """A parameter that overflows in the last step before the limit is a divergence all the same."""
    X, y = data
    model = kind(optimizer=st.SGD(1e308), batch_size=7, random_state=0, stop=[stop])
    if kind is st.MLPRegressor:
        model.set_params(hidden_layer_sizes=(4,), activation="identity")
    with pytest.warns(ConvergenceWarning, match=r"diverged"):
        model.fit(X, 1e3 * y)
    assert model.status_ == "diverged"
    assert np.isfinite(model.predict(X)).all()


def test_divergence_in_float32_is_not_that_of_float64(data):
    """1e30 squared is infinite in float32's range, but a loss is carried in float64."""
    X, y = (a.astype(np.float32) for a in data)
    model = st.LinearRegression(standardize=False, max_epochs=100)
    quietly(model.fit, X, y * np.float32(1e30))
    assert model.status_ == "max_epochs"
    np.testing.assert_allclose(model.coef_ / 1e30, [1.0, -2.0, 0.5], atol=0.1)


# ---------------------------------------------------------------- callbacks of estimators


@pytest.mark.parametrize("model", ESTIMATORS, ids=name_of)
def test_callbacks_see_every_record(model, data, labels):
    records = []
    model = fitted(model, data, labels, stop=[MaxEpochs(3)], callbacks=[records.append])
    assert [set(record) for record in records] == [RECORD] * len(model.loss_curve_)
    for name in ("loss", "gradient_norm", "learning_rate", "seconds"):
        assert [record[name] for record in records] == model.history_[name].tolist()
    assert [record["epoch"] for record in records] == list(range(len(records)))
    assert all(record["validation_loss"] is None for record in records)
    assert all(record["validation_score"] is None for record in records)
    steps = [record["step"] for record in records]
    assert steps == sorted(steps)


def test_callbacks_see_validation_numbers(data):
    X, y = data
    records = []
    model = st.LinearRegression(stop=[MaxEpochs(3)], callbacks=[records.append])
    quietly(model.fit, X[:40], y[:40], validation_data=(X[40:], y[40:]))
    # In the user's units, as in the history.
    for name in ("loss", "validation_loss", "validation_score"):
        np.testing.assert_allclose(
            [record[name] for record in records], model.history_[name], rtol=1e-12
        )


@pytest.mark.parametrize("kind", [st.LinearRegression, st.PolynomialRegression])
def test_callbacks_see_losses_in_the_users_units(data, kind):
    X, y = data[0][:, :1], 1000 * data[1]
    records = []
    model = kind(callbacks=[records.append]).fit(X, y)
    np.testing.assert_allclose([r["loss"] for r in records], model.loss_curve_, rtol=1e-12)


@pytest.mark.parametrize("model", ESTIMATORS, ids=name_of)
@pytest.mark.parametrize("yes", [True, np.True_], ids=["bool", "numpy bool"])
def test_a_callback_ends_the_descent(model, data, labels, yes):
    model = fitted(
        model, data, labels, callbacks=[lambda record: yes if record["epoch"] == 2 else None]
    )
    assert model.status_ == "callback"
    assert len(model.loss_curve_) == 3
    assert_valid(model, data)


def test_every_callback_is_called_even_after_one_has_stopped(data):
    seen = []
    callbacks = [lambda r: True, lambda r: seen.append(r["epoch"])]
    assert st.LinearRegression(callbacks=callbacks).fit(*data).status_ == "callback"
    assert seen == [0]


def test_one_callback_needs_no_list(data):
    records = []
    model = st.LinearRegression(callbacks=records.append).fit(*data)
    assert len(records) == len(model.loss_curve_)


@pytest.mark.parametrize("callbacks", [[5], ["print"], 5])
def test_what_is_not_a_callback(data, callbacks):
    with pytest.raises(TypeError, match=r"callbacks must be"):
        st.LinearRegression(callbacks=callbacks).fit(*data)


class OddError(Exception):
    pass


@pytest.mark.parametrize("model", ESTIMATORS, ids=name_of)
@pytest.mark.parametrize("error", [OddError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("epoch", [0, 2])
def test_an_exception_in_a_callback_comes_through_and_leaves_a_model(
    model, data, labels, error, epoch
):
    def callback(record):
        if record["epoch"] == epoch:
            raise error("from the callback")

    model = type(model)(**{**model.get_params(deep=False), "callbacks": [callback]})
    X = data[0][:, :1] if isinstance(model, st.PolynomialRegression) else data[0]
    y = labels if hasattr(model, "predict_proba") else data[1]
    with pytest.raises(error, match=r"from the callback"):
        model.fit(X, y)
    assert model.status_ == "interrupted"
    assert len(model.loss_curve_) == epoch + 1
    assert_valid(model, data)


def test_the_callbacks_traceback_is_kept(data):
    def deep(record):
        raise OddError("here")

    with pytest.raises(OddError) as caught:
        st.LinearRegression(callbacks=[deep]).fit(*data)
    assert "deep" in [entry.name for entry in caught.traceback]


def test_an_exception_at_the_limit_of_steps_is_an_interruption(data):
    def callback(record):
        raise OddError

    model = st.LinearRegression(batch_size=7, stop=[MaxSteps(3)], callbacks=[callback])
    with pytest.raises(OddError):
        model.fit(*data)
    assert model.status_ == "interrupted"


def test_callbacks_change_no_bit(data):
    a = st.MLPRegressor(hidden_layer_sizes=(4,), random_state=0, stop=[MaxSteps(20)]).fit(*data)
    b = st.MLPRegressor(
        hidden_layer_sizes=(4,), random_state=0, stop=[MaxSteps(20)], callbacks=[lambda r: None]
    ).fit(*data)
    for v, w in zip(a.coefs_, b.coefs_, strict=True):
        np.testing.assert_array_equal(v, w)
    assert a.loss_curve_ == b.loss_curve_


@pytest.mark.parametrize("model", ESTIMATORS, ids=name_of)
def test_verbose_prints_a_line_for_each_record(model, data, labels, capsys):
    model = fitted(model, data, labels, stop=[MaxEpochs(2)], verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(model.loss_curve_)
    # The perceptrons print scikit-learn's lines.
    start = "Iteration" if type(model).__name__.startswith("MLP") else type(model).__name__
    assert all(line.startswith(start) and "loss" in line for line in lines)


# ---------------------------------------------------------------- parameters that come back


def test_a_diverged_network_comes_back_from_where_its_loss_was_measured():
    """Not with the weights that the epoch's last step threw away."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, 5)), rng.standard_normal(200)
    for rate in (1e20, 1e200):
        model = st.MLPRegressor(
            hidden_layer_sizes=(5,),
            activation="identity",
            optimizer=st.SGD(rate),
            batch_size=200,
            max_iter=20,
            random_state=0,
        )
        with pytest.warns(ConvergenceWarning, match="diverged"):
            model.fit(X, y)
        assert max(np.abs(w).max() for w in model.coefs_) < 10
        assert np.isfinite(model.predict(X)).all()


def test_adam_without_epsilon_is_no_divergence(data):
    X, y = data
    model = st.MLPRegressor(
        hidden_layer_sizes=(5,),
        activation="tanh",
        optimizer=st.Adam(1e-3, epsilon=0.0),
        max_iter=5,
        random_state=0,
    )
    quietly(model.fit, X, y)
    assert model.status_ == "max_epochs"


def test_a_time_limit_within_an_epoch_is_no_convergence():
    """The gradient's norm of a part of an epoch is measured before it is compared."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((100_000, 4)), rng.standard_normal(100_000)
    model = st.LinearRegression(
        batch_size=1, stop=[MaxSeconds(0.0), GradientNorm(1e-9)], optimizer=st.SGD(1e-6)
    )
    quietly(model.fit, X, y)
    assert model.status_ == "max_seconds"
    assert (model.history_["gradient_norm"] > 0).all()
