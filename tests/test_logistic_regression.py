"""LogisticRegression: its objective by finite differences, its minimum by scikit-learn's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from gradcheck import numerical_gradient
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from tolerances import assert_close

import steepest as st
from steepest import reference as ref
from steepest.stopping import NoImprovement

OFFSET = np.array([1.0, -2.0, 0.5])
MIXING = np.array([[1.0, 0.4, 0.0], [0.0, 1.0, -0.5], [0.2, 0.0, 1.0]])


def problem(rng, classes=2, n=120):
    """Overlapping clusters with means and scales of their own."""
    y = np.arange(n) % classes
    centers = 1.2 * rng.standard_normal((classes, 3))
    X = centers[y] + rng.standard_normal((n, 3)) @ MIXING
    return X + OFFSET, y


def quietly(fit, *arguments, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit(*arguments, **named)


def unit_of(X, s, case):
    """sigma of the docstring: what a feature is divided by."""
    if not case.get("standardize", True):
        return np.ones(X.shape[1])
    if case.get("fit_intercept", True):
        return standard_deviation(X, s)
    return np.sqrt(np.average(X**2, axis=0, weights=s))  # nothing is centred


def objective(w, b, X, y, s=None, alpha=0.0, sigma=1.0):
    """J as the class's docstring states it; w (d, K), b (K,), y the classes' numbers; K = 1 for two classes."""
    s = np.ones(len(X)) if s is None else np.asarray(s) / np.mean(s)
    logits = X @ w + b
    if logits.shape[1] == 1:
        logits = np.column_stack([np.zeros(len(X)), logits])
    top = logits.max(axis=1, keepdims=True)
    log_p = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    entropy = -np.mean(s * log_p[np.arange(len(X)), y])
    return entropy + alpha / 2 * np.sum((np.reshape(sigma, (-1, 1)) * w) ** 2)


def standard_deviation(X, s=None):
    return np.sqrt(np.average((X - np.average(X, axis=0, weights=s)) ** 2, axis=0, weights=s))


def scikit_learn(X, y, alpha, s=None, **named):
    """Return the minimum of C sum of losses + |w|^2 / 2, which is ours for C = 1 / (alpha N)."""
    s = np.ones(len(X)) if s is None else s / s.mean()
    model = LogisticRegression(
        C=1 / (alpha * len(X)), tol=1e-12, solver="newton-cholesky", max_iter=1000, **named
    )
    return model.fit(X, y, s)


# ---------------------------------------------------------------- the minimum


# The gradient of at most tol = 1e-9 leaves a distance of at most tol / (least curvature); alpha bounds the latter
# from below in the weights, and the classes overlap, so that the intercepts' curvature is far larger.
@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("alpha", [1e-3, 0.1, 1.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_is_scikit_learns_minimum(isa, rng, classes, alpha, fit_intercept):
    X, y = problem(rng, classes)
    model = st.LogisticRegression(
        alpha=alpha, standardize=False, fit_intercept=fit_intercept, tol=1e-9, max_epochs=100_000
    )
    model.fit(X, y)
    assert model.status_ == "converged"
    expected = scikit_learn(X, y, alpha, fit_intercept=fit_intercept)
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-9 / alpha + 1e-8)
    # scikit-learn's softmax intercepts are free up to a common constant; ours start at a sum of 0 and keep it.
    expected_intercept = expected.intercept_
    if classes > 2:
        expected_intercept = expected_intercept - expected_intercept.mean()
        np.testing.assert_allclose(model.intercept_.sum(), 0.0, atol=1e-9)
    np.testing.assert_allclose(model.intercept_, expected_intercept, atol=1e-9 / alpha + 1e-7)
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_standardised_is_scikit_learn_on_standardised_features(rng, classes, weighted):
    X, y = problem(rng, classes)
    X = X * [1e-3, 1.0, 1e4]
    s = rng.uniform(0.2, 3, len(X)) if weighted else None
    model = st.LogisticRegression(alpha=0.05, tol=1e-9).fit(X, y, s)
    assert model.status_ == "converged"
    sigma = standard_deviation(X, s)
    Z = (X - np.average(X, axis=0, weights=s)) / sigma
    expected = scikit_learn(Z, y, 0.05, s)
    np.testing.assert_allclose(model.coef_ * sigma, expected.coef_, atol=1e-7)
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(Z), atol=1e-7)


@pytest.mark.parametrize("classes", [2, 3])
def test_with_weights(rng, classes):
    X, y = problem(rng, classes)
    s = rng.uniform(0, 3, len(X))
    s[:9] = 0.0
    model = st.LogisticRegression(alpha=0.05, tol=1e-9, standardize=False, max_epochs=50_000)
    model.fit(X, y, sample_weight=s)
    np.testing.assert_allclose(model.coef_, scikit_learn(X, y, 0.05, s).coef_, atol=1e-7)


@pytest.mark.parametrize("classes", [2, 3])
def test_integer_weights_are_repetitions(rng, classes):
    X, y = problem(rng, classes)
    s = rng.integers(0, 4, len(X))
    weighted = st.LogisticRegression(tol=1e-9, max_epochs=50_000).fit(X, y, s)
    repeated = st.LogisticRegression(tol=1e-9, max_epochs=50_000).fit(
        X.repeat(s, axis=0), y.repeat(s)
    )
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-5)
    np.testing.assert_allclose(weighted.loss_, repeated.loss_, rtol=1e-9)


def test_without_penalty_it_is_maximum_likelihood(rng):
    X, y = problem(rng)
    model = st.LogisticRegression(alpha=0.0, tol=1e-9, max_epochs=50_000).fit(X, y)
    expected = LogisticRegression(C=np.inf, tol=1e-12, solver="newton-cholesky").fit(X, y)
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-6)
    np.testing.assert_allclose(model.loss_, log_loss(y, expected.predict_proba(X)), rtol=1e-10)


def test_separable_classes_without_penalty_stay_finite(rng):
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    model = quietly(st.LogisticRegression(alpha=0.0, max_epochs=2000).fit, X, [0, 0, 1, 1])
    assert np.isfinite(model.coef_).all()
    assert model.score(X, [0, 0, 1, 1]) == 1.0
    assert model.status_ in ("max_epochs", "converged")


@pytest.mark.parametrize("classes", [2, 4])
def test_float32_stays_float32(rng, classes):
    X, y = problem(rng, classes)
    model = st.LogisticRegression(alpha=0.01).fit(X.astype(np.float32), y)
    assert model.status_ == "converged"
    assert model.coef_.dtype == model.intercept_.dtype == np.float32
    assert model.predict_proba(X.astype(np.float32)).dtype == np.float32
    wide = st.LogisticRegression(alpha=0.01).fit(X, y)
    np.testing.assert_allclose(model.coef_, wide.coef_, atol=3e-4)


@pytest.mark.parametrize("unit", [1e-12, 1e-6, 1e6, 1e12])
def test_units_do_not_matter(rng, unit):
    X, y = problem(rng, 3)
    plain = st.LogisticRegression(tol=1e-9, max_epochs=50_000).fit(X, y)
    scaled = st.LogisticRegression(tol=1e-9, max_epochs=50_000).fit(X * [1, unit, 1], y)
    np.testing.assert_allclose(
        scaled.predict_proba(X * [1, unit, 1]), plain.predict_proba(X), atol=1e-8
    )


def test_a_constant_feature_gets_no_coefficient(rng):
    X, y = problem(rng)
    X[:, 1] = 7.0
    model = st.LogisticRegression().fit(X, y)
    assert np.abs(model.coef_[:, 1]).max() <= 1e-14
    rest = st.LogisticRegression().fit(X[:, [0, 2]], y)
    np.testing.assert_allclose(model.predict_proba(X), rest.predict_proba(X[:, [0, 2]]), atol=1e-6)


def test_one_row_of_each_class():
    model = st.LogisticRegression(alpha=0.1).fit([[0.0], [2.0]], ["no", "yes"])
    assert model.predict([[0.0], [2.0]]).tolist() == ["no", "yes"]
    np.testing.assert_allclose(model.decision_function([[1.0]]), 0.0, atol=1e-6)


# ---------------------------------------------------------------- the loss that is reported


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "case",
    [
        {"alpha": 0.0},
        {"alpha": 0.4},
        {"alpha": 0.4, "standardize": False},
        {"alpha": 0.0, "fit_intercept": False},
        {"alpha": 0.4, "fit_intercept": False},
        {"alpha": 0.4, "fit_intercept": False, "standardize": False},
    ],
    ids=str,
)
class TestObjective:
    def test_the_loss_is_the_objective_at_the_coefficients(self, rng, classes, weighted, case):
        X, y = problem(rng, classes, 60)
        s = rng.uniform(0.1, 3, 60) if weighted else None
        sigma = unit_of(X, s, case)
        for epochs in (0, 1, 5):
            model = quietly(st.LogisticRegression(max_epochs=epochs, **case).fit, X, y, s)
            J = objective(model.coef_.T, model.intercept_, X, y, s, case["alpha"], sigma)
            assert_close(model.loss_, J, np.float64, "reduction", 60)
            assert len(model.loss_curve_) == epochs + 1

    def test_the_step_is_along_the_gradient_of_the_objective(self, rng, classes, weighted, case):
        """As for LinearRegression: in standardised units, with the intercept at the features' mean."""
        X, y = problem(rng, classes, 60)
        s = rng.uniform(0.1, 3, 60) if weighted else None
        standardize = case.get("standardize", True)
        intercept = case.get("fit_intercept", True)
        sigma = unit_of(X, s, case)
        mean, unit = np.zeros(3), sigma
        if standardize and intercept:
            mean = np.average(X, axis=0, weights=s)
        K = 1 if classes == 2 else classes
        w, c = rng.standard_normal((3, K)), rng.standard_normal(K) * intercept

        def J(parameters):
            w, c = parameters
            return objective(w, c - mean @ w, X, y, s, case["alpha"], sigma)

        d_w, d_c = numerical_gradient(J, [w, c])
        model = st.LogisticRegression(optimizer=st.SGD(0.1), max_epochs=1, warm_start=True, **case)
        model.coef_, model.intercept_ = w.T.copy(), c - mean @ w
        model.classes_ = np.arange(classes)
        quietly(model.fit, X, y, s)
        expected = w - 0.1 * d_w / unit[:, None] ** 2
        assert_close(model.coef_.T, expected, np.float64, "finite_difference", scale=10.0)
        assert_close(
            model.intercept_,
            (c - 0.1 * d_c) * intercept - mean @ expected,
            np.float64,
            "finite_difference",
            scale=10.0,
        )
        np.testing.assert_allclose(model.loss_curve_[0], J([w, c]), rtol=1e-12)


def test_the_first_loss_is_that_of_even_odds(rng):
    for classes in (2, 3, 7):
        X, y = problem(rng, classes)
        model = st.LogisticRegression().fit(X, y)
        np.testing.assert_allclose(model.loss_curve_[0], np.log(classes), rtol=1e-12)


def test_without_penalty_the_loss_is_the_log_loss(rng):
    X, y = problem(rng, 3)
    model = quietly(st.LogisticRegression(alpha=0.0, max_epochs=50).fit, X, y)
    np.testing.assert_allclose(model.loss_, log_loss(y, model.predict_proba(X)), rtol=1e-10)


def test_logits_of_any_size_do_not_overflow(rng):
    """Probabilities of 0 and 1 in the dtype, and still a finite loss, by log-sum-exp."""
    X, y = problem(rng)
    model = st.LogisticRegression(warm_start=True, max_epochs=0, alpha=0.0)
    model.coef_, model.intercept_, model.classes_ = np.full((1, 3), 1e4), np.zeros(1), np.arange(2)
    quietly(model.fit, X, y)
    assert np.isfinite(model.loss_)
    p = model.predict_proba(X)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-15)


@pytest.mark.parametrize("classes", [2, 3])
def test_log_probabilities_are_finite_where_probabilities_underflow(rng, classes):
    X, y = problem(rng, classes)
    model = st.LogisticRegression().fit(X, y)
    model.coef_ = model.coef_ * 1e4
    log_p = model.predict_log_proba(X)
    assert np.isfinite(log_p).all()
    assert (log_p <= 0).all()


def test_mini_batches_are_the_reference_loop(rng):
    X, y = problem(rng, 3, 37)
    model = st.LogisticRegression(
        learning_rate=0.05, batch_size=8, max_epochs=3, standardize=False, shuffle=False, alpha=0.1
    )
    quietly(model.fit, X, y)

    def loss_gradient(theta, rows):
        logits = X[rows] @ theta[1:] + theta[0]
        loss, d = ref.softmax_cross_entropy(logits, y[rows])
        gradient = np.vstack([d.sum(axis=0), X[rows].T @ d + 0.1 * theta[1:]])
        return loss + 0.05 * np.sum(theta[1:] ** 2), gradient

    expected = ref.descend(
        loss_gradient, np.zeros((4, 3)), st.SGD(0.05), n_rows=37, batch_size=8, n_epochs=3
    )
    theta = np.vstack([model.intercept_, model.coef_.T])
    assert_close(theta, expected["theta"], np.float64, "matmul chain", [3, 8] * 15, 1.0)
    assert_close(model.loss_curve_, expected["loss"], np.float64, "matmul chain", [3, 8] * 15)


def test_mini_batches_learn(rng):
    X, y = problem(rng, 3, 300)
    full = st.LogisticRegression().fit(X, y)
    model = st.LogisticRegression(batch_size=16, max_epochs=50, random_state=0)
    quietly(model.fit, X, y)
    assert model.score(X, y) >= full.score(X, y) - 0.03


def test_a_batch_of_all_rows_is_full_batch(rng):
    X, y = problem(rng, 3)
    whole = st.LogisticRegression().fit(X, y)
    model = st.LogisticRegression(batch_size=120).fit(X, y)
    np.testing.assert_array_equal(model.coef_, whole.coef_)


@pytest.mark.parametrize("optimizer", [st.SGD(0.5), st.Momentum(0.2), st.Adam(0.05)], ids=repr)
def test_all_optimizers_reach_the_minimum(rng, optimizer):
    X, y = problem(rng, 3)
    model = st.LogisticRegression(optimizer=optimizer, alpha=0.05, tol=1e-7).fit(X, y)
    assert model.status_ == "converged"
    automatic = st.LogisticRegression(alpha=0.05, tol=1e-9).fit(X, y)
    np.testing.assert_allclose(model.coef_, automatic.coef_, atol=1e-5)


def test_the_automatic_rate_never_overshoots(rng):
    """1/L is within what convexity allows: without momentum no loss is above the one before."""
    X, y = problem(rng, 4)
    automatic = quietly(st.LogisticRegression(max_epochs=1).fit, X, y)
    rate = automatic.history_["learning_rate"][0]
    model = quietly(st.LogisticRegression(learning_rate=rate, max_epochs=200).fit, X, y)
    assert (np.diff(model.loss_curve_) <= 0).all()


# ---------------------------------------------------------------- labels


@pytest.mark.parametrize(
    "labels",
    [
        [0, 1],
        [-1, 1],
        [False, True],
        ["no", "yes"],
        [10, 3],
        [0.0, 1.0],
        np.array(["b", "a"], dtype=object),
        [2**40, 5],
        ["low", "middle", "high"],
        [3, 1, 2],
    ],
    ids=str,
)
def test_labels_of_any_kind(rng, labels):
    labels = np.asarray(labels)
    X, codes = problem(rng, len(labels))
    y = labels[codes]
    model = st.LogisticRegression().fit(X, y)
    np.testing.assert_array_equal(model.classes_, np.unique(labels))
    prediction = model.predict(X)
    assert set(prediction) <= set(labels)
    assert model.score(X, y) > 0.6
    assert model.predict_proba(X).shape == (len(X), len(labels))
    best = model.classes_[model.predict_proba(X).argmax(axis=1)]
    np.testing.assert_array_equal(prediction, best)


def test_decision_function(rng):
    X, y = problem(rng)
    two = st.LogisticRegression().fit(X, y)
    logits = two.decision_function(X)
    assert logits.shape == (120,)
    np.testing.assert_allclose(logits, X @ two.coef_[0] + two.intercept_[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(two.predict(X), logits > 0)
    np.testing.assert_allclose(two.predict_proba(X)[:, 1], 1 / (1 + np.exp(-logits)), rtol=1e-12)
    assert two.coef_.shape == (1, 3)
    assert two.intercept_.shape == (1,)
    X, y = problem(rng, 4)
    four = st.LogisticRegression().fit(X, y)
    assert four.decision_function(X).shape == (120, 4)
    assert four.coef_.shape == (4, 3)
    assert four.intercept_.shape == (4,)
    np.testing.assert_allclose(four.predict_proba(X).sum(axis=1), 1.0, rtol=1e-12)


def test_two_classes_turned_round_turn_the_coefficients(rng):
    X, y = problem(rng)
    a = st.LogisticRegression(tol=1e-9).fit(X, y)
    b = st.LogisticRegression(tol=1e-9).fit(X, 1 - y)
    np.testing.assert_allclose(a.coef_, -b.coef_, atol=1e-6)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(120), r"at least two classes|1 class"),
        (np.linspace(0, 1, 120), r"[Uu]nknown label type"),
        (np.where(np.arange(120) == 7, np.nan, 1.0), r"row 7.*nan"),
        (np.arange(119) % 2, r"y must have 120 rows.*119"),
        (np.zeros((120, 2)), r"1d array"),
        (None, r"requires y to be passed"),
    ],
)
def test_bad_labels(rng, y, message):
    X, _ = problem(rng)
    model = st.LogisticRegression()
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert set(vars(model)) == set(model.get_params())


def test_a_column_of_labels_is_a_vector(rng):
    X, y = problem(rng)
    with pytest.warns(DataConversionWarning, match=r"column-vector"):
        model = st.LogisticRegression().fit(X, y[:, None])
    np.testing.assert_array_equal(model.coef_, st.LogisticRegression().fit(X, y).coef_)


# ---------------------------------------------------------------- going on


@pytest.mark.parametrize("classes", [2, 3])
def test_warm_start_goes_on(rng, classes):
    X, y = problem(rng, classes)
    model = st.LogisticRegression(warm_start=True, learning_rate=0.1, max_epochs=10)
    quietly(model.fit, X, y)
    first = model.loss_curve_
    quietly(model.fit, X, y)
    np.testing.assert_allclose(model.loss_curve_[0], first[-1], rtol=1e-12)
    whole = quietly(st.LogisticRegression(learning_rate=0.1, max_epochs=20).fit, X, y)
    np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-10)


def test_warm_start_with_other_classes_is_refused(rng):
    X, y = problem(rng, 3)
    model = st.LogisticRegression(warm_start=True).fit(X, y)
    coef = model.coef_.copy()
    for labels in (y % 2, np.array(["a", "b", "c"])[y], y + 1):
        with pytest.raises(ValueError, match=r"warm_start"):
            model.fit(X, labels)
        np.testing.assert_array_equal(model.coef_, coef)
        np.testing.assert_array_equal(model.classes_, [0, 1, 2])


@pytest.mark.parametrize("classes", [2, 3])
def test_partial_fit_learns(rng, classes):
    X, y = problem(rng, classes, 300)
    full = st.LogisticRegression().fit(X, y)
    for parameters in ({"batch_size": 10}, {}, {"learning_rate": 0.1}):
        model = st.LogisticRegression(random_state=0, **parameters)
        for k in range(300):
            rows = slice(30 * (k % 10), 30 * (k % 10) + 30)
            model.partial_fit(X[rows], y[rows], classes=np.arange(classes))
        assert model.score(X, y) >= full.score(X, y) - 0.1, parameters
        assert model.n_iter_ == 300


def test_partial_fit_is_one_pass(rng):
    X, y = problem(rng, 2, 30)
    model = st.LogisticRegression(learning_rate=0.1, alpha=0.2)
    w, b = np.zeros((3, 1)), np.zeros(1)
    for k in range(3):
        rows = slice(10 * k, 10 * k + 10)
        model.partial_fit(X[rows], y[rows], classes=[0, 1])
        p = 1 / (1 + np.exp(-(X[rows] @ w + b)))
        d = (p - y[rows][:, None]) / 10
        w, b = w - 0.1 * (X[rows].T @ d + 0.2 * w), b - 0.1 * d.sum(axis=0)
        np.testing.assert_allclose(model.coef_, w.T, rtol=1e-12)
        np.testing.assert_allclose(model.intercept_, b, rtol=1e-12)


def test_partial_fit_with_a_class_that_comes_late(rng):
    X, y = problem(rng, 3)
    model = st.LogisticRegression()
    model.partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])
    assert model.coef_.shape == (3, 3)
    model.partial_fit(X, y)
    assert model.predict_proba(X).shape == (120, 3)


def test_partial_fit_refuses_what_it_has_not_been_told(rng):
    X, y = problem(rng, 3)
    model = st.LogisticRegression()
    with pytest.raises(ValueError, match=r"classes must be"):
        model.partial_fit(X, y)
    assert set(vars(model)) == set(model.get_params())
    with pytest.raises(ValueError, match=r"not in classes: row 2 is .*2"):
        model.partial_fit(X, y, classes=[0, 1])
    assert set(vars(model)) == set(model.get_params())
    model.partial_fit(X[y < 2], y[y < 2], classes=[0, 1])
    coef = model.coef_.copy()
    with pytest.raises(ValueError, match=r"not in classes"):
        model.partial_fit(X, y)
    with pytest.raises(ValueError, match=r"classes"):
        model.partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])
    np.testing.assert_array_equal(model.coef_, coef)


# ---------------------------------------------------------------- history


@pytest.mark.parametrize("classes", [2, 3])
def test_history(rng, classes):
    X, y = problem(rng, classes)
    model = st.LogisticRegression(alpha=0.1)
    model.fit(X[:90], y[:90], validation_data=(X[90:], y[90:]))
    assert all(len(column) == len(model.loss_curve_) for column in model.history_.values())
    expected = log_loss(y[90:], model.predict_proba(X[90:]), labels=np.arange(classes))
    np.testing.assert_allclose(model.history_["validation_loss"][-1], expected, rtol=1e-9)
    np.testing.assert_allclose(
        model.history_["validation_score"][-1], model.score(X[90:], y[90:]), rtol=1e-12
    )


def test_validation_labels_must_be_known(rng):
    X, y = problem(rng, 3)
    with pytest.raises(ValueError, match=r"not in classes"):
        st.LogisticRegression().fit(X[y < 2], y[y < 2], validation_data=(X, y))


def test_early_stopping_by_validation_score(rng):
    X, y = problem(rng, 3)
    rule = NoImprovement(5, monitor="validation_score")
    model = st.LogisticRegression(stop=[rule]).fit(X[:90], y[:90], validation_data=(X[90:], y[90:]))
    assert model.status_ == "no_improvement"


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"learning_rate": "fast"}, ValueError, r"learning_rate must be a number or \"auto\""),
        ({"learning_rate": -1.0}, ValueError, r"learning_rate"),
        ({"optimizer": "adam"}, TypeError, r"optimizer"),
        ({"schedule": "cosine"}, TypeError, r"schedule"),
        ({"alpha": -1.0}, ValueError, r"alpha"),
        ({"batch_size": 0}, ValueError, r"batch_size"),
        ({"max_epochs": -1}, ValueError, r"max_epochs"),
        ({"tol": np.nan}, ValueError, r"tol"),
    ],
)
def test_bad_parameters(rng, parameters, error, message):
    X, y = problem(rng)
    model = st.LogisticRegression(**parameters)
    with pytest.raises(error, match=message):
        model.fit(X, y)
    assert set(vars(model)) == set(model.get_params())
