"""Every loss in every estimator: gradients and steps against NumPy, minima against scikit-learn's and SciPy's."""

from __future__ import annotations

import pickle
import warnings
from dataclasses import astuple
from itertools import pairwise, product

import numpy as np
import pytest
from gradcheck import assert_gradient
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import HuberRegressor, PoissonRegressor, QuantileRegressor, SGDClassifier
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.svm import LinearSVC, LinearSVR
from tolerances import assert_close, in_float64

import steepest as st
from steepest import _native
from steepest import reference as ref
from steepest._model_file import Pipeline, load_pipeline, save_pipeline
from steepest.losses import (
    AbsoluteError,
    ClassificationLoss,
    EpsilonInsensitive,
    Hinge,
    Huber,
    LogLoss,
    ModifiedHuber,
    Perceptron,
    Poisson,
    Quantile,
    SquaredEpsilonInsensitive,
    SquaredError,
    SquaredHinge,
    loss_named,
)

REGRESSION = (
    SquaredError(),
    AbsoluteError(),
    Huber(0.7),
    Quantile(0.8),
    Poisson(),
    EpsilonInsensitive(0.3),
    SquaredEpsilonInsensitive(0.3),
)
MARGINS = (Hinge(), SquaredHinge(), ModifiedHuber(), Perceptron())
CLASSIFICATION = (LogLoss(), *MARGINS)
LOSSES = REGRESSION + CLASSIFICATION
OPTIMIZERS = (
    st.SGD(0.1),
    st.Momentum(0.05, 0.8, nesterov=True),
    st.Momentum(0.05, 0.8, "average"),
    st.Adam(0.03, epsilon=0.1),  # a gradient that is all rounding error makes no full step
)


def by_word(loss):
    return loss.word


def by_name(optimizer):
    return type(optimizer).__name__


def quietly(call, *arguments, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return call(*arguments, **named)


def targets(rng, loss, X, outputs):
    """Numbers (n, K), 0 and 1 for a loss of classes, that X tells something about."""
    f = X @ rng.standard_normal((X.shape[1], outputs)) + rng.standard_normal((len(X), outputs))
    if isinstance(loss, ClassificationLoss):
        return (f > 0).astype(float)
    return rng.poisson(np.exp(0.4 * f)).astype(float) if isinstance(loss, Poisson) else f


def terms(loss, f, y):
    return ref.loss_terms(f, y, loss.word, *astuple(loss))


def mean_loss(loss, f, y, s=None, scale=1.0):
    """scale / N sum s l: what every objective here is, but for its penalty."""
    return scale * np.average(terms(loss, f, y)[0].sum(axis=1), weights=s)


# ---------------------------------------------------------------- the network


def reference_gradient(weights, biases, X, y, s, loss, scale, l2):
    """Loss and gradient of a ReLU network by the chain rule."""
    output, hidden = ref.relu_network_forward(weights, biases, X)
    s = np.ones(len(X)) if s is None else s
    d_output = terms(loss, output, y)[1] * s[:, None] * scale / s.sum()
    value = mean_loss(loss, output, y, s, scale) + l2 / 2 * sum(np.sum(W**2) for W in weights)
    d_weights, d_biases = [], []
    layers = list(zip(weights, [X, *hidden], [*hidden, output], strict=True))
    for W, layer_input, layer_output in reversed(layers):
        activation = "identity" if layer_output is output else "relu"
        d_output, d_W, d_b = ref.dense_backward(layer_input, W, layer_output, d_output, activation)
        d_weights.append(d_W + l2 * W)
        d_biases.append(d_b)
    return value, d_weights[::-1], d_biases[::-1]


@pytest.mark.parametrize("loss", LOSSES, ids=by_word)
@pytest.mark.parametrize("hidden", [(), (7,), (33, 20)], ids=str)
def test_network_gradient_is_the_references(isa, dtype, rng, loss, hidden):
    """Outputs with padding and without, one by one and in rows; more rows than pass together."""
    for outputs, weighted in product([1, 3, 17], [False, True]):
        widths, n = (5, *hidden, outputs), 300
        X = rng.standard_normal((n, 5))
        weights = [rng.standard_normal(shape) / np.sqrt(shape[0]) for shape in pairwise(widths)]
        biases = [rng.standard_normal(width) for width in widths[1:]]
        data = [X, targets(rng, loss, X, outputs), rng.uniform(0, 2, n)]
        weights, biases, data = ([a.astype(dtype) for a in p] for p in (weights, biases, data))
        if not weighted:
            data[2] = None
        value, d_weights, d_biases = _native.core.network_loss_gradient(
            weights, biases, *data, "relu", "identity", loss.config(), 0.7, 0.1
        )
        data = [None if a is None else in_float64(a) for a in data]
        desired_value, *desired = reference_gradient(
            in_float64(weights), in_float64(biases), *data, loss, 0.7, 0.1
        )
        length = (*widths[:-1], *hidden, n)
        assert_close(value, desired_value, dtype, "matmul chain", length, scale=8 + desired_value)
        gradient = zip([*d_weights, *d_biases], [*desired[0], *desired[1]], strict=True)
        for actual, wanted in gradient:
            assert actual.dtype == dtype
            scale = 8 + np.abs(wanted).max()
            assert_close(actual, wanted, dtype, "matmul chain", length, scale=scale)


@pytest.mark.parametrize("loss", MARGINS, ids=by_word)
@pytest.mark.parametrize("hidden", [(), (6,)], ids=str)
def test_classes_are_indicators_of_one_against_the_rest(isa, dtype, rng, loss, hidden):
    X, classes = rng.standard_normal((50, 3)).astype(dtype), rng.integers(0, 4, 50)
    widths = (3, *hidden, 4)
    weights = [rng.standard_normal(shape).astype(dtype) for shape in pairwise(widths)]
    biases = [rng.standard_normal(width).astype(dtype) for width in widths[1:]]
    results = [
        _native.core.network_loss_gradient(
            weights, biases, X, y, None, "relu", "identity", loss.config(), 1.0, 0.0
        )
        for y in (classes, np.eye(4, dtype=dtype)[classes])
    ]
    assert results[0][0] == results[1][0]
    for one, other in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(one, other)


# ---------------------------------------------------------------- steps


def linear_model(loss, **parameters):
    make = st.LogisticRegression if isinstance(loss, ClassificationLoss) else st.LinearRegression
    return make(loss=loss, **parameters)


def labels_of(loss, y):
    """What an estimator is given for indicators or numbers (n, K)."""
    if not isinstance(loss, ClassificationLoss):
        return y if y.shape[1] > 1 else y[:, 0]
    return y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0].astype(int)


def problem(rng, loss, outputs, n=60, d=3):
    """X, the targets as the loss sees them (n, K), and as the estimator is given them."""
    X = rng.standard_normal((n, d))
    y = targets(rng, loss, X, outputs)
    if isinstance(loss, ClassificationLoss) and outputs > 1:
        y = np.eye(outputs)[rng.permutation(n) % outputs]
        X[:, :outputs] += y[:, :d]
    return X, y, labels_of(loss, y)


def linear_objective(loss, X, y, alpha=0.0, s=None):
    """Loss and gradient of theta = [w (d, K), b (K,)] on some rows, as the docstrings state them."""
    scale = 1.0 if isinstance(loss, ClassificationLoss) else 1.0 / y.shape[1]
    s = np.ones(len(X)) if s is None else s / s.mean()

    def of(theta, rows):
        w, b = theta
        f = X[rows] @ w + b
        d = terms(loss, f, y[rows])[1] * s[rows, None] * scale / len(f)
        value = np.mean(s[rows] * terms(loss, f, y[rows])[0].sum(axis=1)) * scale
        return value + alpha / 2 * np.sum(w**2), [X[rows].T @ d + alpha * w, d.sum(axis=0)]

    return of


def fitted(model):
    return [np.atleast_2d(model.coef_).T, np.atleast_1d(model.intercept_)]


@pytest.mark.parametrize("loss", [*REGRESSION, *MARGINS], ids=by_word)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=by_name)
@pytest.mark.parametrize(("outputs", "batch_size"), [(1, None), (3, 16)])
def test_any_loss_with_any_optimizer_makes_the_references_steps(
    rng, loss, optimizer, outputs, batch_size
):
    X, y, given = problem(rng, loss, outputs)
    parameters = {"optimizer": optimizer, "alpha": 0.05, "standardize": False, "max_epochs": 3}
    model = linear_model(loss, batch_size=batch_size, shuffle=False, tol=0, **parameters)
    quietly(model.fit, X, given)
    start = [np.zeros((3, y.shape[1])), np.zeros(y.shape[1])]
    if isinstance(loss, Poisson):
        start[1] = np.log(y.mean(axis=0))
    desired = ref.descend(
        linear_objective(loss, X, y, 0.05),
        start,
        optimizer,
        n_rows=len(X),
        batch_size=batch_size,
        n_epochs=3,
    )
    assert_close(fitted(model), desired["theta"], np.float64, "steps", 100, scale=1.0)
    assert_close(model.loss_curve_[:3], desired["loss"], np.float64, "steps", 100, scale=1.0)


@pytest.mark.parametrize("loss", LOSSES, ids=by_word)
@pytest.mark.parametrize(("outputs", "weighted"), [(1, True), (3, False)])
def test_what_is_reported_is_what_is_differentiated(rng, loss, outputs, weighted):
    """A plain step from any point is along the gradient of the reported loss, by differences of that."""
    rate = 2.0**-6
    X, _y, given = problem(rng, loss, outputs, n=25)
    s = rng.uniform(0.1, 2, len(X)) if weighted else None
    options = {"optimizer": st.SGD(rate), "standardize": False, "warm_start": True, "alpha": 0.3}
    model = linear_model(loss, max_epochs=1, tol=0, **options)
    quietly(model.fit, X, given, s)

    def at(theta):
        moved = clone(model)
        vars(moved).update({k: v for k, v in vars(model).items() if k.endswith("_")})
        multi = model.coef_.ndim == 2
        moved.coef_ = np.ascontiguousarray(theta[0].T) if multi else theta[0][:, 0]
        moved.intercept_ = theta[1].copy() if np.ndim(model.intercept_) else float(theta[1][0])
        return quietly(moved.fit, X, given, s)

    point = [0.5 * rng.standard_normal(part.shape) for part in fitted(model)]
    ends = fitted(at(point))
    gradient = [(before - after) / rate for before, after in zip(point, ends, strict=True)]
    assert_gradient(lambda theta: at(theta).loss_curve_[0], point, gradient)


@pytest.mark.parametrize("loss", LOSSES, ids=by_word)
@pytest.mark.parametrize(("standardize", "weighted"), [(False, True), (True, False), (True, True)])
def test_the_loss_is_that_of_the_coefficients(rng, loss, standardize, weighted):
    """In the units of y, whatever the descent runs in."""
    X, y, given = problem(rng, loss, 1 if isinstance(loss, ClassificationLoss) else 2)
    X = X * [1.0, 10.0, 0.1] + [0, 3, 0]
    if not isinstance(loss, (ClassificationLoss, Poisson)):
        y = given = y * 5 + 2
    s = rng.uniform(0.1, 2, len(X)) if weighted else None
    model = linear_model(loss, alpha=0.02, standardize=standardize, max_epochs=300)
    quietly(model.fit, X, given, s)
    mean = np.average(X, axis=0, weights=s)
    sigma = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=s)) if standardize else np.ones(3)
    w, b = fitted(model)
    value, _ = linear_objective(loss, X, y, 0.0, s)([w, b], slice(None))
    value += 0.02 / 2 * np.sum((sigma[:, None] * w) ** 2)
    np.testing.assert_allclose(model.loss_, value, rtol=1e-11)


@pytest.mark.parametrize("loss", [loss for loss in REGRESSION if loss != Poisson()], ids=by_word)
def test_the_unit_of_y_does_not_matter(rng, loss):
    """With a unit that is a power of two, to the last bit."""
    X, y, _ = problem(rng, loss, 1)
    unit = 2.0**9
    options = {"max_epochs": 400, "alpha": 0.0}
    plain = quietly(st.LinearRegression(loss=loss, **options).fit, X, y[:, 0])
    scaled_loss = loss.in_unit(1 / unit)
    scaled = quietly(st.LinearRegression(loss=scaled_loss, **options).fit, X, unit * y[:, 0])
    np.testing.assert_array_equal(scaled.coef_, unit * plain.coef_)
    np.testing.assert_allclose(scaled.loss_, unit**loss.degree * plain.loss_, rtol=1e-15)


# ---------------------------------------------------------------- minima


def regression(rng, n=300, d=4):
    X = rng.standard_normal((n, d)) * [1, 5, 0.2, 2]
    return X, X @ [1.0, -0.3, 4.0, 0.5] + 3 + rng.standard_t(3, n)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_quantiles_are_those_of_linear_programming(rng, q):
    X, y = regression(rng)
    model = st.LinearRegression(loss=Quantile(q)).fit(X, y)
    exact = QuantileRegressor(quantile=q, alpha=0.0).fit(X, y)
    least = Quantile(q).value(exact.predict(X), y).mean()
    assert model.status_ == "no_improvement"
    assert least * (1 - 1e-12) <= model.loss_ <= least * (1 + 1e-4)
    assert abs(np.mean(y < model.predict(X)) - q) <= 6 / len(
        X
    )  # all but the d + 1 rows that it meets
    if q == 0.5:
        absolute = st.LinearRegression(loss="absolute_error").fit(X, y)
        np.testing.assert_allclose(absolute.loss_, 2 * least, rtol=1e-4)


def test_huber_is_scikit_learns_at_its_scale(rng):
    X, y = regression(rng)
    theirs = HuberRegressor(epsilon=1.35, alpha=0.0, tol=1e-10, max_iter=10_000).fit(X, y)
    model = st.LinearRegression(loss=Huber(1.35 * theirs.scale_)).fit(X, y)
    assert model.status_ == "converged"
    np.testing.assert_allclose(model.coef_, theirs.coef_, rtol=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 0.1])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_poisson_is_scikit_learns(rng, alpha, fit_intercept):
    X = rng.standard_normal((200, 3))
    y = rng.poisson(np.exp(X @ [0.5, -0.3, 0.2] + fit_intercept * 3.0))
    options = {"alpha": alpha, "fit_intercept": fit_intercept}
    theirs = PoissonRegressor(tol=1e-12, solver="newton-cholesky", **options).fit(X, y)
    model = st.LinearRegression(loss="poisson", standardize=False, **options).fit(X, y)
    np.testing.assert_allclose(model.coef_, theirs.coef_, atol=1e-6)
    np.testing.assert_allclose(model.predict(X), theirs.predict(X), rtol=1e-5)
    assert model.score(X, y) == pytest.approx(r2_score(y, theirs.predict(X)), abs=1e-6)


@pytest.mark.parametrize("word", ["hinge", "squared_hinge"])
def test_the_hinges_are_support_vector_machines(rng, word):
    """Without an intercept, which liblinear penalises."""
    X, y = rng.standard_normal((200, 3)), rng.integers(0, 2, 200)
    X[:, 0] += y
    theirs = LinearSVC(loss=word, C=1 / (0.1 * 200), fit_intercept=False, tol=1e-10, max_iter=10**6)
    if word == "squared_hinge":
        theirs.set_params(C=1 / (2 * 0.1 * 200) * 2)
    theirs.fit(X, y)
    model = st.LogisticRegression(loss=word, alpha=0.1, fit_intercept=False, standardize=False)
    model.set_params(tol=1e-9).fit(X, y)
    np.testing.assert_allclose(model.coef_, theirs.coef_, atol=2e-4 if word == "hinge" else 1e-6)
    assert hasattr(model, "decision_function")
    assert model.decision_function(X).shape == (200,)


@pytest.mark.parametrize("squared", [False, True])
def test_the_insensitive_losses_are_support_vector_regression(rng, squared):
    X, y = regression(rng)
    word = "squared_epsilon_insensitive" if squared else "epsilon_insensitive"
    theirs = LinearSVR(
        epsilon=0.5, C=1 / (0.1 * 300), loss=word, fit_intercept=False, tol=1e-9, max_iter=10**6
    )
    theirs.fit(X, y - 3)
    loss = (SquaredEpsilonInsensitive if squared else EpsilonInsensitive)(0.5)
    model = st.LinearRegression(loss=loss, alpha=0.1, fit_intercept=False, standardize=False)
    model.fit(X, y - 3)
    np.testing.assert_allclose(model.coef_, theirs.coef_, atol=1e-6 if squared else 2e-3)


@pytest.mark.parametrize("loss", [*REGRESSION, *CLASSIFICATION[1:4]], ids=by_word)
@pytest.mark.parametrize("outputs", [1, 3])
def test_the_minimum_is_scipys(rng, loss, outputs):
    """Of the penalised objective in the data's own units; kinks are left to the two decimals of BFGS on them."""
    X, y, given = problem(rng, loss, outputs, n=100)
    model = linear_model(loss, alpha=0.1, standardize=False, max_epochs=20_000).fit(X, given)
    of, shape = linear_objective(loss, X, y, 0.1), (3, y.shape[1])

    def flat(theta):
        w, b = theta[:w_size].reshape(shape), theta[w_size:]
        value, gradient = of([w, b], slice(None))
        return value, np.concatenate([g.ravel() for g in gradient])

    w_size = shape[0] * shape[1]
    start = np.concatenate([part.ravel() for part in fitted(model)])
    best = min(
        minimize(flat, begin, jac=True, method="BFGS", options={"gtol": 1e-10}).fun
        for begin in (np.zeros_like(start), start)
    )
    assert model.loss_ <= best + (1e-9 if loss.curvature else 1e-5) * (1 + abs(best))


def test_a_perceptron_separates_what_can_be(rng):
    X = rng.standard_normal((100, 2))
    y = X @ [1.0, 2.0] > 0.5
    X[y] += 0.1
    X[~y] -= 0.1
    model = st.LogisticRegression(loss="perceptron", alpha=0.0).fit(X, y)
    assert model.score(X, y) == 1
    assert model.status_ == "converged"  # no row is wrong: the gradient is 0


@pytest.mark.parametrize("loss", REGRESSION, ids=by_word)
def test_mini_batches_come_near_the_minimum(rng, loss):
    X = rng.standard_normal((500, 3))
    y = targets(rng, loss, X, 1)[:, 0]
    full = quietly(st.LinearRegression(loss=loss).fit, X, y)
    model = st.LinearRegression(loss=loss, batch_size=50, max_epochs=200, random_state=0)
    quietly(model.fit, X, y)
    near = mean_loss(loss, fitted(model)[0].T @ X.T + model.intercept_, y[None].T.T, scale=1 / 500)
    assert near <= full.loss_ * 1.02


# ---------------------------------------------------------------- what ends the descent


@pytest.mark.parametrize("loss", [AbsoluteError(), EpsilonInsensitive(0.1), Hinge()], ids=by_word)
def test_the_best_point_is_given_back(rng, loss):
    X, _, given = problem(rng, loss, 1)
    model = linear_model(loss).fit(X, given)
    assert model.status_ == "no_improvement"
    assert model.loss_ == min(model.loss_curve_)
    assert model.history_["learning_rate"][-1] < 1e-5 * model.history_["learning_rate"][0]


def test_a_patience_of_ones_own_ends_the_descent(rng):
    X, y = regression(rng)
    model = st.LinearRegression(loss="absolute_error", stop=[st.stopping.NoImprovement(3)])
    model.fit(X, y)
    assert model.status_ == "no_improvement"
    assert len(set(model.history_["learning_rate"])) == 1


@pytest.mark.parametrize("loss", [Poisson(), Huber(), Hinge()], ids=by_word)
def test_partial_fit_goes_down(rng, loss):
    X, _, given = problem(rng, loss, 1)
    model = linear_model(loss)
    classes = {"classes": [0, 1]} if isinstance(loss, ClassificationLoss) else {}
    for _ in range(30):
        model.partial_fit(X, given, **classes)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.n_iter_ == 30


# ---------------------------------------------------------------- perceptrons of several layers


def mlp(loss, **parameters):
    make = st.MLPClassifier if isinstance(loss, ClassificationLoss) else st.MLPRegressor
    return make(loss=loss, hidden_layer_sizes=(6,), random_state=0, **parameters)


@pytest.mark.parametrize("loss", LOSSES, ids=by_word)
@pytest.mark.parametrize("kind", ["one", "several", "labels"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_mlp_reports_the_loss_of_its_coefficients(rng, loss, kind, solver):
    """Full batches of one epoch: the loss at the start, which L-BFGS reports at its end."""
    outputs = 1 if kind == "one" else 3
    X, y, given = problem(rng, loss, outputs)
    if kind == "labels":
        given = y = targets(rng, loss, X, 3)
    elif kind == "several" and isinstance(loss, LogLoss):
        return  # a softmax, which test_mlp.py looks after
    s = rng.uniform(0.1, 2, len(X))
    model = mlp(loss, solver=solver, max_iter=1, batch_size=60, alpha=0.7)
    if solver == "lbfgs":
        model.set_params(max_iter=20)
    quietly(model.fit, X, given, s)
    later = (
        model if solver == "lbfgs" else quietly(model.set_params(warm_start=True).fit, X, given, s)
    )
    if solver != "lbfgs":  # the second epoch's loss is that of where the first has ended
        model = quietly(
            mlp(loss, solver=solver, max_iter=1, batch_size=60, alpha=0.7).fit, X, given, s
        )
    output, _ = ref.relu_network_forward(model.coefs_, model.intercepts_, X)
    scale = 0.5 if isinstance(loss, SquaredError) else 1.0
    penalty = 0.7 / 2 / s.sum() * sum(np.sum(W**2) for W in model.coefs_)
    np.testing.assert_allclose(
        later.loss_, mean_loss(loss, output, y, s, scale) + penalty, rtol=1e-12
    )


@pytest.mark.parametrize("loss", LOSSES, ids=by_word)
def test_mlp_learns_and_stops_early_on_its_score(rng, loss):
    X = rng.standard_normal((400, 3))
    y = targets(rng, loss, X, 1)[:, 0]
    model = mlp(loss, early_stopping=True, learning_rate_init=0.01, n_iter_no_change=5)
    quietly(model.fit, X, y)
    assert model.score(X, y) > (0.7 if isinstance(loss, ClassificationLoss) else 0.2)
    validated = mlp(loss, early_stopping=True, max_iter=3)
    quietly(validated.fit, X, y, validation_data=(X, y))
    best = np.argmax(validated.validation_scores_)
    np.testing.assert_allclose(validated.score(X, y), validated.validation_scores_[best], rtol=1e-9)


@pytest.mark.parametrize("loss", MARGINS, ids=by_word)
@pytest.mark.parametrize("make", [st.LogisticRegression, st.MLPClassifier])
@pytest.mark.parametrize("classes", [2, 4])
def test_decisions_and_scores(rng, loss, make, classes):
    """The largest output decides, or the sign of the only one; so does the core for the validation score."""
    X, _, labels = problem(rng, loss, classes if classes > 2 else 1)
    names = np.array(["a", "b", "c", "d"])[labels]
    model = make(loss=loss, random_state=0)
    model = quietly(model.fit, X, names, validation_data=(X, names))
    outputs = model.decision_function(X)
    expected = outputs.argmax(axis=1) if classes > 2 else (outputs > 0).astype(int)
    assert outputs.shape == ((60, classes) if classes > 2 else (60,))
    np.testing.assert_array_equal(model.predict(X), model.classes_[expected])
    np.testing.assert_allclose(model.history_["validation_score"][-1], model.score(X, names))
    assert hasattr(model, "predict_proba") == isinstance(loss, ModifiedHuber)
    assert hasattr(model, "predict_log_proba") == isinstance(loss, ModifiedHuber)


@pytest.mark.parametrize("classes", [2, 4])
def test_probabilities_of_modified_huber_are_scikit_learns(rng, classes):
    X, _, labels = problem(rng, Hinge(), classes if classes > 2 else 1)
    model = st.LogisticRegression(loss="modified_huber").fit(X, labels)
    theirs = SGDClassifier(loss="modified_huber", max_iter=5, tol=None).fit(X, labels)
    theirs.coef_, theirs.intercept_ = model.coef_, model.intercept_
    far = np.concatenate([X, 100 * X, -100 * np.ones((1, 3))])
    np.testing.assert_allclose(model.predict_proba(far), theirs.predict_proba(far), atol=1e-12)
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(
            model.predict_log_proba(far), np.log(model.predict_proba(far))
        )
    network = st.MLPClassifier((), loss="modified_huber", max_iter=2, random_state=0)
    quietly(network.fit, X, labels)
    theirs.coef_, theirs.intercept_ = network.coefs_[0].T, network.intercepts_[0]
    np.testing.assert_allclose(network.predict_proba(far), theirs.predict_proba(far), atol=1e-12)


@pytest.mark.parametrize("make", [st.LogisticRegression, st.MLPClassifier])
def test_a_scorer_sees_margins(rng, make):
    """It is asked after every epoch, when the model is not fitted yet."""
    X, _, labels = problem(rng, Hinge(), 1)
    model = make(loss="hinge", scoring="roc_auc", random_state=0)
    quietly(model.fit, X, labels, validation_data=(X, labels))
    scores = model.history_["validation_score"]
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("loss", ["huber", "absolute_error", "hinge"])
def test_an_l1_penalty_leaves_zeros_and_the_loss_that_is_reported(rng, loss):
    loss = loss_named(loss)
    X, y, given = problem(rng, loss, 1, n=100)
    y, given = (y, given) if loss == Hinge() else (3 * y, 3 * given)
    X = np.column_stack([X, rng.standard_normal((100, 4))])
    model = linear_model(loss, alpha=0.3, l1_ratio=0.5, max_epochs=20_000).fit(X, given)
    w, b = fitted(model)
    sigma = X.std(axis=0)[:, None]
    value, _ = linear_objective(loss, X, y)([w, b], slice(None))
    value += 0.3 * np.sum(0.5 * np.abs(sigma * w) + 0.25 * (sigma * w) ** 2)
    np.testing.assert_allclose(model.loss_, value, rtol=1e-11)
    assert (w == 0).sum() >= 2


def test_why_there_are_no_probabilities():
    with pytest.raises(AttributeError, match="predict_proba") as error:
        st.LogisticRegression(loss="hinge").predict_proba  # noqa: B018
    assert "not available for loss='hinge'" in str(error.value.__cause__)
    assert not hasattr(st.MLPClassifier(), "decision_function")  # as in scikit-learn
    assert not hasattr(st.MLPClassifier(loss=["no loss"]), "predict_proba")


def test_labels_have_margins_of_their_own(rng):
    X = rng.standard_normal((80, 3))
    y = (X[:, :2] > 0).astype(int)
    model = quietly(st.MLPClassifier(loss="modified_huber", random_state=0).fit, X, y)
    assert model.multilabel_
    np.testing.assert_array_equal(model.predict(X), model.decision_function(X) > 0)
    np.testing.assert_array_equal(model.predict_proba(X) > 0.5, model.predict(X))


# ---------------------------------------------------------------- what every estimator promises


@pytest.mark.parametrize("loss", [*REGRESSION[1:], *CLASSIFICATION], ids=by_word)
@pytest.mark.parametrize("batch_size", [None, 16])
def test_sparse_input_gives_the_same_bits(rng, loss, batch_size):
    X, _y, given = problem(rng, loss, 3)
    X[rng.random(X.shape) < 0.6] = 0
    results = []
    for inputs in (X, csr_matrix(X)):
        options = {"max_epochs": 20, "random_state": 0, "batch_size": batch_size}
        model = quietly(linear_model(loss, **options).fit, inputs, given)
        results.append([model.coef_, model.intercept_, model.predict(X)])
    for dense, sparse in zip(*results, strict=True):
        np.testing.assert_array_equal(dense, sparse)


@pytest.mark.parametrize("loss", LOSSES, ids=by_word)
def test_float32_stays_float32(rng, loss):
    X, _y, given = problem(rng, loss, 3)
    X = X.astype(np.float32)
    for model in (linear_model(loss, max_epochs=20), mlp(loss, max_iter=2)):
        quietly(model.fit, X, given)
        arrays = [model.coef_] if hasattr(model, "coef_") else model.coefs_
        assert all(array.dtype == np.float32 for array in arrays)
        if not isinstance(loss, ClassificationLoss):
            assert model.predict(X).dtype == np.float32


@pytest.mark.parametrize("loss", LOSSES, ids=by_word)
def test_threads_do_not_change_a_bit(rng, loss):
    X = rng.standard_normal((600, 20)).astype(np.float32)
    y = targets(rng, loss, X, 1)[:, 0]
    models = [
        quietly(
            mlp(loss, max_iter=2, batch_size=400, n_threads=n)
            .set_params(hidden_layer_sizes=(256,))
            .fit,
            X,
            y,
        )
        for n in (1, 2)
    ]
    for one, other in zip(models[0].coefs_, models[1].coefs_, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("make", "losses"),
    [
        (st.LinearRegression, ["squared_error", "absolute_error", Huber(0.5), Quantile(0.5)]),
        (st.MLPRegressor, ["squared_error", Huber(0.5), EpsilonInsensitive(0.05)]),
        (st.LogisticRegression, ["log_loss", "hinge", SquaredHinge()]),
        (st.MLPClassifier, ["log_loss", "hinge", ModifiedHuber()]),
    ],
)
def test_grid_search_over_losses(rng, make, losses):
    loss = LogLoss() if "log_loss" in losses else SquaredError()
    X, _y, given = problem(rng, loss, 1)
    search = GridSearchCV(make(random_state=0), {"loss": losses}, cv=2)
    quietly(search.fit, X, given)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = clone(search.best_estimator_)
    assert best.loss == search.best_params_["loss"]
    assert pickle.loads(pickle.dumps(best)).loss == best.loss


@pytest.mark.parametrize("loss", [Huber(0.5), Quantile(0.9), "poisson", ModifiedHuber(), "hinge"])
def test_a_model_file_keeps_the_loss(rng, tmp_path, loss):
    X = rng.standard_normal((30, 2))
    classes = loss in ("hinge", ModifiedHuber())
    y = np.arange(30) % 3
    makes = (
        (st.LogisticRegression, st.MLPClassifier)
        if classes
        else (st.LinearRegression, st.MLPRegressor)
    )
    for make in makes:
        model = quietly(make(loss=loss, random_state=0).fit, X, y)
        save_pipeline(tmp_path / "model.safetensors", Pipeline(model))
        loaded = load_pipeline(tmp_path / "model.safetensors").estimator
        assert loaded.loss == loss
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("make", [st.LinearRegression, st.MLPRegressor])
@pytest.mark.parametrize("wrong", ["hinge", "log_loss", Hinge(), None, "squared"])
def test_regressors_refuse_other_losses(make, wrong):
    model = make(loss=wrong)
    with pytest.raises(ValueError, match=r"loss must be one of 'squared_error', .*, but is"):
        model.fit([[0.0], [1.0]], [0.0, 1.0])
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("make", [st.LogisticRegression, st.MLPClassifier])
@pytest.mark.parametrize("wrong", ["huber", "squared_error", Huber(), None, "softmax"])
def test_classifiers_refuse_other_losses(make, wrong):
    model = make(loss=wrong)
    with pytest.raises(ValueError, match=r"loss must be one of 'log_loss', .*, but is"):
        model.fit([[0.0], [1.0]], [0, 1])
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize("make", [st.LinearRegression, st.MLPRegressor])
@pytest.mark.parametrize("loss", ["poisson", Poisson()])
def test_poisson_refuses_negative_targets(make, loss):
    X, y = [[0.0], [1.0], [2.0]], [0.0, -1.0, 2.0]
    model = make(loss=loss)
    for call in (
        lambda: model.fit(X, y),
        lambda: model.partial_fit(X, y),
        lambda: model.fit(X, np.abs(y), validation_data=(X, y)),
    ):
        with pytest.raises(ValueError, match=r"y must not be negative .* row 1 is -1"):
            call()
        assert not hasattr(model, "n_features_in_")
