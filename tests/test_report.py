"""What a model says of its fit: causes of bad endings and reports, against NumPy's eigenvalues and closed forms."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.preprocessing import StandardScaler

import steepest as st
from steepest.calculus import NetworkLoss, hessian
from steepest.estimators import advice
from steepest.stopping import MESSAGES, MaxSteps

MODELS = [
    st.LinearRegression(),
    st.LinearRegression(loss="huber"),
    st.LinearRegression(loss="poisson"),
    st.LinearRegression(batch_size=10, max_epochs=3, random_state=0),
    st.PolynomialRegression(degree=2),
    st.PolynomialRegression(degree=2, basis="orthonormal", alpha=0.1, l1_ratio=0.5),
    st.LogisticRegression(),
    st.LogisticRegression(loss="hinge", max_epochs=50),
    st.MLPRegressor(hidden_layer_sizes=(4, 3), max_iter=3, random_state=0),
    st.MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0, solver="lbfgs"),
    st.MLPClassifier(hidden_layer_sizes=(), max_iter=3, random_state=0, alpha=[0.1]),
    st.MLPClassifier(hidden_layer_sizes=(4,), activation=["tanh"], max_iter=3, random_state=0),
]


@pytest.fixture
def data(rng):
    X = rng.standard_normal((60, 3))
    return X, X @ [1.0, -2.0, 0.5] + 0.3 + 0.1 * rng.standard_normal(60)


def for_model(model, data):
    X, y = data
    if isinstance(model, st.PolynomialRegression):
        X = X[:, :1]
    if hasattr(model, "predict_proba") or hasattr(model, "decision_function"):
        y = (y > 0).astype(int)
    elif getattr(model, "loss", None) == "poisson":
        y = np.abs(y)
    return X, y


def quietly(model, X, y, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, **named)


def warning_of(model, X, y):
    with pytest.warns(ConvergenceWarning) as caught:
        model.fit(X, y)
    (warning,) = caught
    return str(warning.message)


def finding(model, kind):
    (found,) = [f for f in model.report().findings if f.kind == kind]
    return found


def linear_hessian(X, standardize, alpha=0.0, K=1):
    """The Hessian of mean (f - y)^2 + alpha / 2 |w|^2, for one output, by NumPy."""
    X = StandardScaler().fit_transform(X) if standardize else X
    design = np.column_stack([np.ones(len(X)), X])
    return 2 / (len(X) * K) * design.T @ design + alpha * np.diag([0] + [1] * X.shape[1])


# ---------------------------------------------------------------- endings that are good say nothing


@pytest.mark.parametrize(
    "model",
    [
        st.LinearRegression(),
        st.LinearRegression(stop=[MaxSteps(2)], learning_rate=0.1, standardize=False),
        st.PolynomialRegression(degree=3),
        st.LogisticRegression(),
        st.MLPRegressor(hidden_layer_sizes=(4,), stop=[MaxSteps(3)], random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_good_ending_measures_nothing(model, data, monkeypatch):
    """Also the limits that a user sets by ``stop``: they are what was asked for."""

    def refuse(*args):
        raise AssertionError("a good fit was explained")

    monkeypatch.setattr(advice, "explained", refuse)
    X, y = for_model(model, data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
        if hasattr(model, "partial_fit"):
            model.partial_fit(X, y)


# ---------------------------------------------------------------- divergence: the rate and 2/L


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_diverged_linear_model_names_two_over_l(data, standardize, batch_size, dtype):
    X, y = data[0].astype(dtype), data[1].astype(dtype)
    model = st.LinearRegression(
        learning_rate=50.0,
        standardize=standardize,
        batch_size=batch_size,
        random_state=0,
        alpha=0.2,
    )
    message = warning_of(model, X, y)
    largest = np.linalg.eigvalsh(linear_hessian(X.astype(float), standardize, 0.2))[-1]
    assert (
        f"The learning rate 50 is {50 * largest / 2:.3g} times the limit 2/L = {2 / largest:.4g}"
        in message
    )
    values = finding(model, "rate").values
    assert values["largest_curvature"] == pytest.approx(largest, rel=1e-6)
    assert values["limit"] == pytest.approx(2 / largest, rel=1e-6)
    assert values["learning_rate"] == 50.0


def test_two_targets_have_half_the_curvature(data):
    X, y = data
    model = st.LinearRegression(learning_rate=50.0)
    warning_of(model, X, np.column_stack([y, -y]))
    largest = np.linalg.eigvalsh(linear_hessian(X, True, K=2))[-1]
    assert finding(model, "rate").values["largest_curvature"] == pytest.approx(largest, rel=1e-9)


def test_sparse_inputs_and_weights(data, rng):
    X, y = data
    X = np.where(rng.uniform(size=X.shape) < 0.7, 0.0, X)
    weights = rng.uniform(0.5, 2.0, len(X))
    model = st.LinearRegression(learning_rate=1e3, standardize=False)
    with pytest.warns(ConvergenceWarning, match="times the limit"):
        model.fit(csr_matrix(X), y, sample_weight=weights)
    design = np.column_stack([np.ones(len(X)), X])
    gram = 2 * design.T @ (weights[:, None] * design) / weights.sum()
    expected = np.linalg.eigvalsh(gram)[-1]
    assert finding(model, "rate").values["largest_curvature"] == pytest.approx(expected, rel=1e-9)


def test_a_diverged_polynomial_names_two_over_l(data):
    x, y = data[0][:, 0], data[1]
    model = st.PolynomialRegression(4, "chebyshev", learning_rate=1e3)
    warning_of(model, x, y)
    u = (2 * x - x.min() - x.max()) / (x.max() - x.min())
    design = np.polynomial.chebyshev.chebvander(u, 4)
    largest = np.linalg.eigvalsh(2 / len(x) * design.T @ design)[-1]
    assert finding(model, "rate").values["limit"] == pytest.approx(2 / largest, rel=1e-9)


def test_a_batch_may_be_steeper_than_all_rows(data):
    """Between the limits of a row and of all rows."""
    X, y = 2 * data[0], data[1]
    hessian_of_all = linear_hessian(X, True)
    rate = 0.9 * 2 / np.linalg.eigvalsh(hessian_of_all)[-1]
    model = st.LinearRegression(learning_rate=rate, batch_size=1, max_epochs=1000, random_state=0)
    message = warning_of(model, X, y)
    assert model.status_ == "diverged"
    assert "batches of 1 rows are steeper" in message
    values = finding(model, "rate").values
    assert values["limit_of_a_row"] == pytest.approx(2 / np.trace(hessian_of_all), rel=1e-9)


def test_momentum_has_another_limit(data):
    X, y = data
    largest = np.linalg.eigvalsh(linear_hessian(X, True))[-1]
    for nesterov, limit in ((False, 3.8 / largest), (True, 3.8 / 2.8 / largest)):
        model = st.LinearRegression(optimizer=st.Momentum(10.0, 0.9, nesterov=nesterov))
        message = warning_of(model, X, y)
        assert finding(model, "rate").values["limit"] == pytest.approx(limit, rel=1e-9)
        assert ("Nesterov momentum β = 0.9" in message) == nesterov


@pytest.mark.parametrize("classes", [2, 3])
def test_a_diverged_classifier_names_its_bound(data, classes):
    """A quarter of X^T X / N bounds the logistic loss's curvature, a half that of softmax (Böhning 1992)."""
    X, y = data
    labels = np.digitize(y, np.quantile(y, np.arange(1, classes) / classes))
    model = st.LogisticRegression(learning_rate=1e305, alpha=1.0)
    message = warning_of(model, X, labels)
    part = 0.25 if classes == 2 else 0.5
    hessian_of_squares = linear_hessian(X, True) / 2
    bound = part * np.linalg.eigvalsh(hessian_of_squares)[-1]
    values = finding(model, "rate").values
    assert bound < values["largest_curvature"] <= bound + 1.0 + 1e-9
    assert "a bound of the Hessian's" in message


def test_a_diverged_network_names_the_curvature_where_it_is(data):
    X, y = data
    model = st.MLPRegressor(
        hidden_layer_sizes=(4,),
        activation="identity",
        optimizer=st.SGD(1e3),
        alpha=0.1,
        random_state=0,
    )
    message = warning_of(model, 10 * X, 1e3 * y)
    assert model.status_ == "diverged"
    loss = NetworkLoss(model, 10 * X, 1e3 * y)
    curvatures = np.linalg.eigvalsh(hessian(loss, loss.parameters, loss.gradient))
    values = finding(model, "rate").values
    assert values["largest_curvature"] == pytest.approx(curvatures[-1], rel=1e-2)
    assert values["largest_curvature"] <= curvatures[-1] * (1 + 1e-6)
    assert "20 Lanczos steps on all rows" in message


def test_a_budget_takes_some_of_the_rows(data):
    X, y = np.tile(data[0], (20, 1)), np.tile(data[1], 20)
    model = quietly(st.MLPRegressor(hidden_layer_sizes=(4,), max_iter=2, random_state=0), X, y)
    from steepest.estimators.base import Data

    problem = advice.NetworkProblem(model, Data(X, y[:, None]))
    whole, part = problem.curvature(), problem.curvature(5e5)
    assert "all rows" in whole.source
    assert "of the 1200 rows" in part.source
    assert part.largest == pytest.approx(whole.largest, rel=0.5)
    assert problem.curvature(1e3) is None


def test_adam_has_no_limit(data):
    X, y = data
    model = st.LinearRegression(optimizer=st.Adam(1e200), standardize=False)
    message = warning_of(model, X, y)
    assert "limit" not in message
    assert model.report().limit is None


def test_data_too_large_for_curvature_are_no_error():
    X = np.array([[1e160], [2e160], [3e160]])
    model = st.LinearRegression(learning_rate=1.0, standardize=False, batch_size=1)
    message = warning_of(model, X, [1.0, 2.0, 3.0])
    assert "diverged" in message


def test_after_many_features_the_curvature_is_that_of_power_iteration(rng):
    X = rng.standard_normal((60, 4100))
    y = X[:, 0]
    model = st.LinearRegression(learning_rate=1e3, standardize=False, fit_intercept=False)
    message = warning_of(model, X, y)
    largest = np.linalg.svd(X, compute_uv=False)[0] ** 2 * 2 / 60
    assert "power iteration" in message
    assert 0.9 * largest < finding(model, "rate").values["largest_curvature"] < largest * (1 + 1e-9)


# ---------------------------------------------------------------- crawling: the condition number


def test_a_crawling_descent_names_the_condition_number(data):
    X, y = data[0] * [1.0, 30.0, 0.1], data[1]
    model = st.LinearRegression(learning_rate=1e-4, standardize=False, max_epochs=50)
    message = warning_of(model, X, y)
    matrix = linear_hessian(X, False)
    kappa = np.linalg.cond(matrix)
    values = finding(model, "condition").values
    assert values["condition_number"] == pytest.approx(kappa, rel=1e-8)
    assert f"The condition number is {kappa:.4g}" in message
    standardised = np.linalg.cond(linear_hessian(X, True))
    assert f"standardize=True makes it {standardised:.4g}" in message
    assert values["shrinkage"] == pytest.approx(1 - 1e-4 * np.linalg.eigvalsh(matrix)[0], rel=1e-9)


@pytest.mark.parametrize(
    "optimizer",
    [
        st.SGD(0.02),
        st.SGD(0.3),
        st.Momentum(0.02, 0.5),
        st.Momentum(0.1, 0.5, nesterov=True),
        st.Momentum(0.1, 0.8, velocity="average"),
        st.SGD(0.02, l2=0.5),
        st.Momentum(0.02, 0.5, l2=0.5),
    ],
    ids=repr,
)
def test_the_steps_that_are_foretold_are_those_that_it_takes(data, optimizer):
    X, y = data[0] * [1.0, 1.6, 0.6], data[1]
    settings = {"optimizer": optimizer, "standardize": False, "tol": 1e-8}
    model = st.LinearRegression(max_epochs=60, **settings)
    warning_of(model, X, y)
    more = finding(model, "condition").values["steps_needed"]
    whole = st.LinearRegression(max_epochs=100_000, **settings).fit(X, y)
    assert whole.status_ == "converged"
    assert whole.n_iter_ - 60 == pytest.approx(more, rel=0.15)


def test_the_steps_of_auto_are_those_that_it_takes(data):
    X, y = data[0] * [1.0, 10.0, 0.1], data[1]
    settings = {"standardize": False, "tol": 1e-9}
    model = st.LinearRegression(learning_rate=1e-3, max_epochs=1, **settings)
    warning_of(model, X, y)
    foretold = finding(model, "condition").values["steps_with_optimal_momentum"]
    taken = st.LinearRegression(**settings).fit(X, y).n_iter_
    assert taken == pytest.approx(foretold, rel=0.6)  # the double root delays it


@pytest.mark.parametrize("max_epochs", [3, 30, 400])
def test_a_rate_beyond_the_limit_is_named_before_the_loss_is_infinite(data, max_epochs):
    X, y = data
    limit = 2 / np.linalg.eigvalsh(linear_hessian(X, True))[-1]
    model = st.LinearRegression(optimizer=st.SGD(1.1 * limit), max_epochs=max_epochs)
    message = warning_of(model, X, y)
    assert model.status_ == "max_epochs"
    assert f"is 1.1 times the limit 2/L = {limit:.4g}" in message
    assert "condition number" not in message
    assert finding(model, "rate").values["limit"] == pytest.approx(limit, rel=1e-9)
    (measured,) = model.report(X, y).findings
    assert measured.message == finding(model, "rate").message


@pytest.mark.parametrize(("rate", "kind"), [(20.0, "rate"), (0.5, "condition")])
def test_a_classifier_whose_loss_has_risen_names_the_rate(data, rate, kind):
    """Not the condition number of where it has ended, where all probabilities may be 0 or 1."""
    X, y = for_model(st.LogisticRegression(), data)
    settings = {"standardize": False, "max_epochs": 20, "tol": 1e-12, "alpha": 0.01}
    model = st.LogisticRegression(optimizer=st.SGD(rate), **settings)
    warning_of(model, 30 * X if kind == "rate" else X, y)
    assert (model.history_["loss"][-1] > model.history_["loss"][0]) == (kind == "rate")
    assert [f.kind for f in model.report().findings] == [kind]


@pytest.mark.parametrize("max_epochs", [10_000, 30_000])
@pytest.mark.parametrize("kind", ["linear", "polynomial"])
def test_auto_ends_low_whatever_the_condition_number(data, kind, max_epochs):
    """With the momentum that is optimal for 1e12 the swings of the steepest direction would still be growing."""
    x = data[0][:, 0]
    if kind == "linear":
        X = np.column_stack([x, x + 1e-6 * data[0][:, 1]])
        model = st.LinearRegression(max_epochs=max_epochs)
    else:
        X = np.column_stack([x, x + 1e-3 * data[0][:, 1]])
        model = st.PolynomialRegression(3, max_epochs=max_epochs)
    y = np.sin(2 * x)
    message = warning_of(model, X, y)
    report = model.report()
    assert report.condition_number > 1e11
    assert report.condition_number == pytest.approx(model.report(X, y).condition_number, rel=1e-4)
    assert f"The condition number is {report.condition_number:.4g}" in message
    loss = model.history_["loss"]
    least = np.mean((y - np.polynomial.Polynomial.fit(x, y, 1 if kind == "linear" else 3)(x)) ** 2)
    assert loss[-1] < least + 0.05 * (loss[0] - least)


def test_auto_is_optimal_where_the_steps_are_enough(data):
    X, y = data[0] * [1.0, 30.0, 1.0], data[1]
    model = st.LinearRegression(standardize=False).fit(X, y)
    low, *_, high = np.sqrt(np.linalg.eigvalsh(linear_hessian(X, False)))
    assert model.report().optimizer.momentum == pytest.approx(((high - low) / (high + low)) ** 2)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_crawling_classifier_names_the_condition_number_where_it_is(data, fit_intercept, classes):
    """Against the Hessian of the log loss by NumPy: sum_i x_i x_i^T (x) (diag p_i - p_i p_i^T) / N + alpha."""
    X, y = data[0] * [1.0, 3.0, 0.2], data[1]
    labels = np.digitize(y, np.quantile(y, np.arange(1, classes) / classes))
    model = st.LogisticRegression(
        learning_rate=0.1,
        standardize=False,
        alpha=0.01,
        max_epochs=500,
        tol=1e-12,
        fit_intercept=fit_intercept,
    )
    message = warning_of(model, X, labels)
    p = model.predict_proba(X)
    design = np.column_stack([X, np.ones(len(X))]) if fit_intercept else X
    if classes == 2:
        blocks = [p[:, 0] * p[:, 1]]
        matrix = design.T @ (blocks[0][:, None] * design) / len(X)
        penalised = np.arange(len(matrix)) < 3
    else:
        spread = np.einsum("ik,kl->ikl", p, np.eye(3)) - np.einsum("ik,il->ikl", p, p)
        matrix = np.einsum("ij,ikl,im->jkml", design, spread, design) / len(X)
        matrix = matrix.reshape(3 * design.shape[1], -1)
        penalised = np.arange(len(matrix)) < 9
    curvatures = np.linalg.eigvalsh(matrix + 0.01 * np.diag(penalised))
    curvatures = curvatures[curvatures > 1e-9]
    values = finding(model, "condition").values
    assert values["largest_curvature"] == pytest.approx(curvatures[-1], rel=1e-6)
    assert values["least_curvature"] == pytest.approx(curvatures[0], rel=1e-5)
    assert "steps more" in message
    more = values["steps_needed"]
    whole = st.LogisticRegression(
        learning_rate=0.1,
        standardize=False,
        alpha=0.01,
        max_epochs=10**6,
        tol=1e-12,
        fit_intercept=fit_intercept,
    ).fit(X, labels)
    # With three classes it was still on its way, and curvatures change.
    assert whole.n_iter_ - 500 == pytest.approx(more, rel=0.15 if classes == 2 else 0.5)


def test_a_limit_of_ones_own_is_no_warning_but_in_the_report(data):
    X, y = data[0] * [1.0, 30.0, 0.1], data[1]
    settings = {"learning_rate": 1e-4, "standardize": False}
    model = st.LinearRegression(stop=[MaxSteps(50)], **settings).fit(X, y)
    assert model.report().findings == ()
    warned = st.LinearRegression(max_epochs=50, **settings)
    warning_of(warned, X, y)
    (found,) = [f for f in model.report(X, y).findings if f.kind == "condition"]
    assert found.message == finding(warned, "condition").message
    assert [f.message for f in warned.report(X, y).findings] == [
        f.message for f in warned.report().findings
    ]


def test_a_crawling_polynomial_is_told_of_the_orthonormal_basis(data):
    x, y = data[0][:, 0], data[1]
    model = st.PolynomialRegression(9, "monomial", max_epochs=20)
    message = warning_of(model, x, y)
    u = (2 * x - x.min() - x.max()) / (x.max() - x.min())
    design = np.vander(u, 10)
    values = finding(model, "condition").values
    kappa = np.linalg.cond(design) ** 2
    assert values["condition_number"] == pytest.approx(kappa, rel=1e-5)
    assert 'basis="orthonormal"' in message
    good = st.PolynomialRegression(9, "orthonormal").fit(x, y)
    assert good.report(x, y).condition_number == pytest.approx(1.0, abs=1e-9)


# ---------------------------------------------------------------- features, and dead units


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize(
    "model",
    [
        st.LinearRegression(standardize=False, max_epochs=5),
        st.LogisticRegression(standardize=False, max_epochs=5),
        st.MLPRegressor(max_iter=2, random_state=0),
        st.MLPClassifier(max_iter=2, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_unscaled_features_are_named(model, data, as_sparse):
    X, y = for_model(model, data)
    X = np.maximum(X, 0.0) * [1.0, 1e4, 1.0]
    model = clone(model)
    message = warning_of(model, csr_matrix(X) if as_sparse else X, y)
    deviations = StandardScaler().fit(X).scale_
    values = finding(model, "features").values
    np.testing.assert_allclose(values["deviations"], deviations, rtol=1e-10)
    assert values["largest"] == 1
    assert values["ratio"] == pytest.approx(deviations.max() / deviations.min())
    assert "column 1" in message
    assert ("StandardScaler" in message) == hasattr(model, "max_iter")
    scaled = StandardScaler().fit_transform(X)
    assert "not scaled" not in warning_of(clone(model), scaled, y)


def test_features_are_named_by_their_names(data):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(data[0] * [1.0, 1e4, 1.0], columns=["a", "income", "b"])
    model = st.LinearRegression(standardize=False, max_epochs=5)
    assert "column 1 ('income')" in warning_of(model, X, data[1])


def test_features_far_from_0_are_named(data):
    X, y = data
    model = st.MLPRegressor(max_iter=2, random_state=0)
    message = warning_of(model, X + np.array([0.0, 0.0, 500.0]), y)
    assert "not centred: column 2 has mean" in message
    values = finding(model, "offset").values
    assert values["mean"] == pytest.approx((X[:, 2] + 500).mean())


def test_of_many_rows_some_are_looked_at(rng):
    X = rng.standard_normal((30_000, 50)) * np.where(np.arange(50) == 7, 100.0, 1.0)
    model = st.LinearRegression(
        standardize=False, learning_rate=1e-6, max_epochs=2, batch_size=10_000
    )
    assert "on 256 of the 30000 rows; standardize" in warning_of(model, X, X[:, 0])
    (found,) = [f for f in model.report(X).findings if f.kind == "features"]
    assert "of the 30000 rows" not in found.message
    assert found.values["ratio"] == pytest.approx(X.std(axis=0).max() / X.std(axis=0).min())


def test_standardised_models_have_no_unscaled_features(data):
    X, y = data[0] * [1.0, 1e4, 1.0], data[1]
    message = warning_of(st.LinearRegression(learning_rate=0.1, max_epochs=5), X, y)
    assert "features are not scaled" not in message


@pytest.mark.parametrize("activation", ["relu", ["tanh", "relu"]])
@pytest.mark.parametrize("as_sparse", [False, True])
def test_dead_units_are_counted(data, rng, activation, as_sparse):
    """Against NumPy's forward pass."""
    X, y = data
    model = st.MLPRegressor(
        hidden_layer_sizes=(6, 5), activation=activation, max_iter=1, random_state=0
    )
    quietly(model, X, y)
    model.intercepts_ = [b.copy() for b in model.intercepts_]
    model.intercepts_[0][[0, 3]] = -1e3
    model.intercepts_[1][[1, 2, 4]] = -1e3
    hidden = X @ model.coefs_[0] + model.intercepts_[0]
    first = np.maximum(hidden, 0) if activation == "relu" else np.tanh(hidden)
    second = np.maximum(first @ model.coefs_[1] + model.intercepts_[1], 0)
    report = model.report(csr_matrix(X) if as_sparse else X)
    dead = [int((first <= 0).all(axis=0).sum()) if activation == "relu" else None]
    dead.append(int((second == 0).all(axis=0).sum()))
    assert [layer.dead for layer in report.layers] == [*dead, None]
    (found,) = [f for f in report.findings if f.kind == "dead_units"]
    assert f"{dead[1]} of 5 in hidden layer 2" in found.message
    assert ("hidden layer 1" in found.message) == (activation == "relu")


def test_dead_units_are_in_the_warning(data):
    """Inputs of one sign, and weights that the first step drives below them."""
    X, y = np.abs(data[0]) + 1.0, data[1]
    model = st.MLPRegressor(
        hidden_layer_sizes=(20,), optimizer=st.SGD(1.0), max_iter=2, random_state=0
    )
    message = warning_of(model, X, 100 + y)
    assert f"{model.report(X).layers[0].dead} of 20 in hidden layer 1" in message


def test_a_unit_that_fires_on_one_row_is_alive(rng):
    X = np.zeros((5000, 1))
    X[3123] = 1.0
    model = quietly(
        st.MLPRegressor(hidden_layer_sizes=(2,), max_iter=1, random_state=0), X, X[:, 0]
    )
    model.coefs_ = [np.array([[1.0, -1.0]]), model.coefs_[1]]
    model.intercepts_ = [np.zeros(2), model.intercepts_[1]]
    assert model.report(X).layers[0].dead == 1


# ---------------------------------------------------------------- the report


@pytest.mark.parametrize("model", MODELS, ids=lambda model: repr(model)[:60])
def test_every_fitted_model_has_one(model, data):
    model = clone(model)
    X, y = for_model(model, data)
    with pytest.raises(NotFittedError):
        model.report()
    quietly(model, X, y)
    before = pickle.dumps(model)
    report = model.report()
    assert report.model == type(model).__name__
    assert report.status == model.status_
    assert report.message == MESSAGES[model.status_]
    assert report.loss.first == model.loss_curve_[0]
    assert report.loss.last == model.loss_curve_[-1]
    assert report.loss.best == min(model.loss_curve_)
    assert report.n_epochs == model.n_iter_
    assert report.validation_loss is None
    assert report.score is None
    weights = getattr(model, "coefs_", None) or [np.atleast_2d(model.coef_).T]
    assert report.n_parameters >= sum(w.size for w in weights)
    for layer, w in zip(report.layers, weights, strict=True):
        assert layer.shape == w.shape
        assert layer.weight_norm == pytest.approx(np.linalg.norm(w), rel=1e-12)
        assert layer.zeros == np.mean(w == 0)
    measured = model.report(X, y)
    assert measured.score == model.score(X, y)
    for text in (str(report), str(measured)):
        assert text.splitlines()[0].startswith("model")
        assert "None" not in text
        assert "nan" not in text
    assert report._repr_html_().startswith("<table>")
    assert "<Report of" in repr(report)
    assert pickle.dumps(model) == before
    assert str(pickle.loads(pickle.dumps(report))) == str(report)
    assert str(pickle.loads(before).report()) == str(report)


@pytest.mark.parametrize("standardize", [True, False])
def test_auto_shows_what_it_measured(data, standardize):
    X, y = data[0] * [1, 3, 1], data[1]
    report = st.LinearRegression(standardize=standardize).fit(X, y).report()
    curvatures = np.linalg.eigvalsh(linear_hessian(X, standardize))
    assert report.automatic
    assert report.curvature.largest == pytest.approx(curvatures[-1], rel=1e-9)
    assert report.curvature.least == pytest.approx(curvatures[0], rel=1e-7)
    assert report.condition_number == pytest.approx(curvatures[-1] / curvatures[0], rel=1e-7)
    beta = report.optimizer.momentum
    assert report.limit == pytest.approx(2 * (1 + beta) / curvatures[-1], rel=1e-9)
    assert report.learning_rate == report.optimizer.learning_rate < report.limit
    assert 'computed by learning_rate="auto"' in str(report)


def test_auto_of_a_polynomial(data):
    x, y = data[0][:, 0], data[1]
    model = st.PolynomialRegression(3, "legendre").fit(x, y)
    known, measured = model.report(), model.report(x, y)
    assert known.automatic
    assert known.condition_number == pytest.approx(measured.condition_number, rel=1e-6)
    assert measured.curvature.largest == pytest.approx(known.curvature.largest, rel=1e-9)


@pytest.mark.parametrize(
    "model",
    [st.LinearRegression(alpha=0.1, l1_ratio=0.5), st.PolynomialRegression(alpha=0.1, l1_ratio=1)],
    ids=lambda model: type(model).__name__,
)
def test_auto_with_an_l1_penalty_is_said_to_be_it(data, model):
    X, y = for_model(model, data)
    known, measured = quietly(model, X, y).report(), model.report(X, y)
    assert known.automatic
    assert known.condition_number == pytest.approx(measured.condition_number, rel=1e-6)
    assert 'computed by learning_rate="auto"' in str(known)


def test_auto_of_a_classifier_is_a_bound(data):
    X, y = for_model(st.LogisticRegression(), data)
    report = st.LogisticRegression().fit(X, y).report()
    assert report.automatic
    assert report.curvature.least is None
    assert report.curvature.largest == pytest.approx(1 / report.optimizer.learning_rate)
    assert "bound" in str(report)


def test_networks_have_no_auto(data):
    X, y = data
    with pytest.raises(ValueError, match="learning_rate must be"):
        st.MLPRegressor(learning_rate="auto").fit(X, y)
    report = quietly(st.MLPRegressor(max_iter=2, random_state=0), X, y).report()
    assert not report.automatic
    assert report.learning_rate == 0.001
    assert report.state_size == 2 * report.n_parameters  # Adam's two moments


def test_the_condition_number_of_data_is_numpys(data):
    X, y = data
    model = quietly(st.LinearRegression(optimizer=st.Adam(0.1), max_epochs=5, alpha=0.3), X, y)
    assert model.report().curvature is None or model.report().condition_number
    report = model.report(X, y)
    kappa = np.linalg.cond(linear_hessian(X, True, 0.3))
    assert report.condition_number == pytest.approx(kappa, rel=1e-9)
    assert report.limit is None


def test_the_curvature_of_a_network_is_that_of_its_hessian(data):
    X, y = data
    model = quietly(
        st.MLPRegressor(hidden_layer_sizes=(3,), activation="tanh", max_iter=50, random_state=0),
        X,
        y,
    )
    loss = NetworkLoss(model, X, y)
    largest = np.linalg.eigvalsh(hessian(loss, loss.parameters, loss.gradient))[-1]
    assert model.report(X, y).curvature.largest == pytest.approx(largest, rel=0.02)


def test_validation_numbers(data):
    X, y = data
    model = st.LinearRegression().fit(X[:40], y[:40], validation_data=(X[40:], y[40:]))
    report, history = model.report(), model.history_
    assert report.validation_loss.best == history["validation_loss"].min()
    assert report.validation_score.best == history["validation_score"].max()
    assert "validation score" in str(report)


def test_the_counts_of_batches(data):
    X, y = data
    model = quietly(st.LinearRegression(batch_size=7, max_epochs=3, random_state=0), X, y)
    report = model.report()
    assert (report.n_epochs, report.n_steps, report.batch_size) == (3, 27, 7)
    network = quietly(st.MLPRegressor(max_iter=4, batch_size=25, random_state=0), X, y).report()
    assert (network.n_epochs, network.n_steps, network.batch_size) == (4, 12, 25)
    assert quietly(st.LinearRegression(), X, y).report().batch_size == 60


def test_calls_of_partial_fit(data):
    X, y = data
    model = st.MLPRegressor(random_state=0, batch_size=20)
    for _ in range(3):
        model.partial_fit(X, y)
    report = model.report()
    assert report.n_steps == 9
    assert report.seconds == model.history_["seconds"][-1]
    assert report.loss.first == model.loss_curve_[0]


def test_zeros_of_an_l1_penalty(data):
    X, y = data
    model = st.LinearRegression(alpha=2.0, l1_ratio=1.0).fit(X, y)
    (layer,) = model.report().layers
    assert layer.zeros == np.mean(model.coef_ == 0) > 0
    assert "rho = l1_ratio = 1.0" in model.report().objective


def test_a_model_from_elsewhere_tells_what_it_has(data, tmp_path):
    from sklearn.neural_network import MLPRegressor

    X, y = data
    theirs = quietly(MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0), X, y)
    report = st.MLPRegressor.from_sklearn(theirs).report(X, y)
    assert report.status is None
    assert report.optimizer is None
    assert report.loss.last == pytest.approx(theirs.loss_curve_[-1])
    assert report.n_parameters == 3 * 4 + 4 + 4 + 1
    assert "optimizer" not in str(report)


def test_reports_of_bad_arguments(data):
    X, y = data
    model = st.LinearRegression().fit(X, y)
    with pytest.raises(ValueError, match="y belongs to X"):
        model.report(y=y)
    with pytest.raises(ValueError, match="features"):
        model.report(X[:, :2])
    with pytest.raises(ValueError, match="X must be finite"):
        model.report(np.full((2, 3), np.nan), [1.0, 2.0])


def test_an_optimizer_is_told_in_short():
    from steepest.estimators.report import in_short

    assert in_short(st.SGD(0.1)) == "SGD(learning_rate=0.1)"
    assert in_short(st.SGD()) == "SGD(learning_rate=0.01)"
    assert in_short(st.Momentum(1 / 3, 0.5, nesterov=True)) == (
        "Momentum(learning_rate=0.333333, momentum=0.5, nesterov=True)"
    )


def test_html_is_escaped(data):
    model = st.LinearRegression(loss="absolute_error").fit(*data)
    page = model.report()._repr_html_()
    assert "->" not in page
    assert "-&gt;" in page


@pytest.mark.parametrize("outputs", [1, 2])
def test_targets_that_are_far_from_0_are_named(data, outputs):
    X, y = data
    Y = 150 + 70 * y if outputs == 1 else np.stack([y, 150 + 70 * y], axis=1)
    settings = {"hidden_layer_sizes": (4,), "activation": "tanh", "max_iter": 3, "random_state": 0}
    model = st.MLPRegressor(**settings)
    message = warning_of(model, X, Y)
    far = Y if outputs == 1 else Y[:, 1]
    values = finding(model, "targets").values
    assert values["output"] == outputs - 1
    assert values["mean"] == pytest.approx(far.mean())
    assert values["deviation"] == pytest.approx(far.std())
    which = "" if outputs == 1 else " of output 1"
    assert f"The targets{which} are not scaled: their mean is {far.mean():.4g}" in message
    assert [f.kind for f in model.report(X, Y).findings] == ["targets"]
    near = y if outputs == 1 else np.stack([y, -y], axis=1)
    assert model.report(X, near).findings == ()
    quiet = quietly(st.MLPRegressor(**settings), X, near)
    assert quiet.report().findings == ()
    counts = quietly(st.MLPRegressor("poisson", **settings), X, np.abs(np.round(Y)))
    assert counts.report().findings == ()
    labels = quietly(st.MLPClassifier(**settings), X, np.where(y > 0, 500, -500))
    assert labels.report().findings == ()


def test_the_objective_has_all_penalties(data):
    X, y = data
    groups = (st.optimizers.Group(layers=0, kind="weights", l2=0.25),)
    model = st.MLPRegressor(
        hidden_layer_sizes=(4,),
        alpha=0.5,
        group_lasso=0.02,
        optimizer=st.SGD(0.01, l2=0.125, groups=groups),
        max_iter=2,
        random_state=0,
    )
    objective = quietly(model, X, y).report().objective
    assert "+ alpha / B |W|^2 / 2, alpha = 0.5" in objective
    assert "+ lambda sum over the neurons of |W_j|, lambda = group_lasso = 0.02" in objective
    assert "+ l2 |W|^2 / 2, l2 = 0.125 of the optimizer" in objective
    assert "+ l2 |W|^2 / 2, l2 = 0.25 of the optimizer's group 0" in objective
    plain = quietly(st.LinearRegression(optimizer=st.SGD(0.01, l2=0.125)), X, y).report()
    assert "+ l2 |w|^2 / 2, l2 = 0.125 of the optimizer" in plain.objective
    assert "l2" not in quietly(st.LinearRegression(), X, y).report().objective
