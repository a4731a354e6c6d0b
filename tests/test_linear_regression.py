"""LinearRegression: its objective by finite differences, and its minimum by numpy.linalg.lstsq."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from gradcheck import numerical_gradient
from hypothesis import given
from hypothesis import strategies as some
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.linear_model import Ridge
from tolerances import assert_close

import steepest as st
from steepest import reference as ref
from steepest.stopping import MaxEpochs, MaxSteps, NoImprovement

EPS = {np.float32: np.finfo(np.float32).eps, np.float64: np.finfo(np.float64).eps}


def problem(rng, n=50, d=4, outputs=None, noise=0.3):
    """Correlated features with means of their own; y of shape (n,), or (n, outputs)."""
    X = rng.standard_normal((n, d)) @ (np.eye(d) + 0.3 * rng.standard_normal((d, d)))
    X += rng.uniform(-2, 2, d)
    shape = (n,) if outputs is None else (n, outputs)
    coef = rng.standard_normal((d, *shape[1:]))
    return X, X @ coef + 0.7 + noise * rng.standard_normal(shape)


def quietly(fit, *arguments, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit(*arguments, **named)


def parameters(model):
    """Return coefficients (d, K) and intercepts (K,)."""
    return np.atleast_2d(model.coef_).T.astype(float), np.atleast_1d(model.intercept_).astype(float)


def lstsq(X, y, weights=None, fit_intercept=True):
    """Return the least-squares coefficients and intercepts, solved in centred and scaled columns."""
    s = np.ones(len(X)) if weights is None else weights / weights.mean()
    Y = y.reshape(len(X), -1)
    mean = np.average(X, axis=0, weights=s) if fit_intercept else np.zeros(X.shape[1])
    y_mean = np.average(Y, axis=0, weights=s) if fit_intercept else np.zeros(Y.shape[1])
    scale = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=s))
    scale[scale == 0] = 1.0
    root = np.sqrt(s)[:, None]
    coef = (
        np.linalg.lstsq(root * (X - mean) / scale, root * (Y - y_mean), rcond=None)[0]
        / scale[:, None]
    )
    return coef, y_mean - mean @ coef


def assert_least_squares(model, X, y, weights=None, fit_intercept=True, tol=1e-10):
    """Assert that the coefficients are those of lstsq, as far as the stop rule promises.

    In standardised units the descent ends with a gradient of at most `tol`, or of a few units of the dtype's
    precision. On a quadratic the distance to the minimum is then at most that over the least curvature.
    """
    dtype = np.dtype(model.coef_.dtype).type
    coef, intercept = lstsq(X.astype(float), y.astype(float), weights, fit_intercept)
    found_coef, found_intercept = parameters(model)

    s = np.ones(len(X)) if weights is None else weights / weights.mean()
    mean = np.average(X, axis=0, weights=s) if fit_intercept else np.zeros(X.shape[1])
    scale = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=s))
    scale[scale == 0] = 1.0
    Z = (X - mean) / scale
    Y = y.reshape(len(X), -1)
    center = np.average(Y, axis=0, weights=s) if fit_intercept else 0.0
    y_scale = np.sqrt(np.average((Y - center) ** 2, axis=0, weights=s).mean()) or 1.0
    singular = np.linalg.svd(np.sqrt(s)[:, None] * Z, compute_uv=False)
    singular = singular[singular > 1e-10 * singular[0]]
    least_curvature = 2 * singular[-1] ** 2 / Y.size
    condition = singular[0] / singular[-1]

    eps = EPS[dtype]
    reached = max(tol, 8 * eps * np.sqrt(X.shape[1] + 1)) + 2 * np.sqrt(len(X)) * eps
    distance = reached / least_curvature + 20 * eps * condition**2
    allowed = y_scale * distance / scale
    assert (np.abs(found_coef - coef) <= allowed[:, None] + 8 * eps * np.abs(coef)).all()
    allowed_intercept = y_scale * distance * (1 + np.abs(mean / scale).sum())
    size = np.abs(intercept) + np.abs(mean) @ np.abs(coef)
    assert (np.abs(found_intercept - intercept) <= allowed_intercept + 8 * eps * size).all()


def objective(coef, intercept, X, y, s=None, alpha=0.0, sigma=1.0):
    """J as the class's docstring states it; coef (d, K), intercept (K,)."""
    s = np.ones(len(X)) if s is None else np.asarray(s) / np.mean(s)
    residual = X @ coef + intercept - y.reshape(len(X), -1)
    penalty = (np.reshape(sigma, (-1, 1)) * coef) ** 2
    return np.sum(s[:, None] * residual**2) / residual.size + alpha / 2 * np.sum(penalty)


def standard_deviation(X, s):
    return np.sqrt(np.average((X - np.average(X, axis=0, weights=s)) ** 2, axis=0, weights=s))


# ---------------------------------------------------------------- the minimum


@pytest.mark.parametrize("outputs", [None, 1, 3])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("d", [1, 2, 7])
def test_reaches_least_squares(isa, rng, outputs, standardize, d):
    X, y = problem(rng, 60, d, outputs)
    model = st.LinearRegression(standardize=standardize)
    with warnings.catch_warnings():
        if outputs == 1:
            warnings.simplefilter("ignore", DataConversionWarning)
        model.fit(X, y)
    assert model.status_ == "converged"
    tol = 1e-10 if standardize else 1e-10 * np.linalg.norm(y)
    assert_least_squares(model, X, y, tol=tol * (1 + np.abs(X).max()) ** 2)


@pytest.mark.parametrize("standardize", [True, False])
def test_reaches_least_squares_without_intercept(rng, standardize):
    X, y = problem(rng)
    model = st.LinearRegression(fit_intercept=False, standardize=standardize).fit(X, y)
    assert model.intercept_ == 0.0
    assert_least_squares(model, X, y, fit_intercept=False)
    np.testing.assert_allclose(model.coef_, np.linalg.lstsq(X, y, rcond=None)[0], atol=1e-8)


@pytest.mark.parametrize("offset", [1.0, 100.0, 1e6])
def test_without_intercept_a_mean_does_not_slow_the_descent(rng, offset):
    """One feature far from 0 is nothing but a feature of another size."""
    X, y = problem(rng)
    X[:, 0] += offset
    model = st.LinearRegression(fit_intercept=False).fit(X, y)
    assert model.status_ == "converged"
    assert model.n_iter_ < 500
    np.testing.assert_allclose(
        model.predict(X), X @ np.linalg.lstsq(X, y, rcond=None)[0], atol=1e-7
    )


@pytest.mark.parametrize("value", [1e-6, 1.0, 1e6])
def test_without_intercept_a_constant_feature_is_one(rng, value):
    X, y = problem(rng)
    with_intercept = st.LinearRegression().fit(X, y)
    X_one = np.column_stack([X, np.full(len(X), value)])
    model = st.LinearRegression(fit_intercept=False).fit(X_one, y)
    assert model.status_ == "converged"
    np.testing.assert_allclose(model.coef_[-1] * value, with_intercept.intercept_, rtol=1e-6)
    np.testing.assert_allclose(model.coef_[:-1], with_intercept.coef_, atol=1e-7)


def test_the_penalty_of_a_constant_feature_without_intercept_is_as_reported(rng):
    """sigma is 0 for it, or whatever the docstring says: the loss must be the objective's."""
    X, y = problem(rng, d=3)
    X[:, 1] = 2.0
    model = st.LinearRegression(fit_intercept=False, alpha=0.4, max_epochs=20)
    quietly(model.fit, X, y)
    coef, intercept = parameters(model)
    by_deviation = objective(coef, intercept, X, y, alpha=0.4, sigma=X.std(axis=0))
    by_size = objective(coef, intercept, X, y, alpha=0.4, sigma=np.sqrt(np.mean(X**2, axis=0)))
    assert model.loss_ == pytest.approx(by_deviation) or model.loss_ == pytest.approx(by_size)


def test_reaches_least_squares_with_weights(rng):
    X, y = problem(rng, outputs=2)
    weights = rng.uniform(0, 3, len(X))
    weights[:5] = 0.0
    model = st.LinearRegression().fit(X, y, sample_weight=weights)
    assert_least_squares(model, X, y, weights)


def test_integer_weights_are_repetitions(rng):
    X, y = problem(rng)
    weights = rng.integers(0, 4, len(X))
    weighted = st.LinearRegression().fit(X, y, sample_weight=weights)
    repeated = st.LinearRegression().fit(X.repeat(weights, axis=0), y.repeat(weights))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-8)
    np.testing.assert_allclose(weighted.intercept_, repeated.intercept_, rtol=1e-8)
    np.testing.assert_allclose(weighted.loss_, repeated.loss_, rtol=1e-10)


def test_the_scale_of_the_weights_does_not_matter(rng):
    X, y = problem(rng)
    weights = rng.uniform(0.5, 2, len(X))
    a = st.LinearRegression(alpha=0.1).fit(X, y, weights)
    b = st.LinearRegression(alpha=0.1).fit(X, y, 1024 * weights)
    np.testing.assert_allclose(a.coef_, b.coef_, rtol=1e-12)


@pytest.mark.parametrize("outputs", [None, 3])
def test_float32_stays_float32(rng, outputs):
    X, y = (a.astype(np.float32) for a in problem(rng, outputs=outputs))
    model = st.LinearRegression().fit(X, y)
    assert model.status_ == "converged"
    assert model.coef_.dtype == np.float32
    assert model.predict(X).dtype == np.float32
    assert_least_squares(model, X, y)


@pytest.mark.parametrize("unit", [1e-12, 1e-6, 1e6, 1e12])
@pytest.mark.parametrize("y_unit", [1e-12, 1.0, 1e12])
def test_units_do_not_matter(rng, dtype, unit, y_unit):
    X, y = problem(rng)
    X[:, 1] *= unit
    X, y = X.astype(dtype), (y * y_unit).astype(dtype)
    model = st.LinearRegression().fit(X, y)
    assert model.status_ == "converged"
    assert_least_squares(model, X.astype(float), y.astype(float))
    assert model.score(X, y) > 0.9


@given(exponents=some.lists(some.integers(-40, 40), min_size=3, max_size=3))
def test_units_that_are_powers_of_two_change_no_digit(exponents):
    rng = np.random.default_rng(5)
    X, y = problem(rng, 30, 3)
    plain = st.LinearRegression().fit(X, y)
    units = 2.0 ** np.array(exponents)
    scaled = st.LinearRegression().fit(X * units, y)
    np.testing.assert_array_equal(scaled.coef_ * units, plain.coef_)
    assert scaled.n_iter_ == plain.n_iter_
    assert scaled.loss_curve_ == plain.loss_curve_


@pytest.mark.parametrize("offset", [1e3, 1e6, 1e8])
def test_a_large_mean_does_not_matter(rng, offset):
    X, y = problem(rng)
    model = st.LinearRegression().fit(X + offset, y)
    shifted = X + offset  # what is left of X after rounding
    assert_least_squares(model, shifted, y)
    assert model.n_iter_ < 500


def test_one_sample():
    model = st.LinearRegression().fit([[2.0, 3.0]], [5.0])
    np.testing.assert_allclose(model.predict([[2.0, 3.0]]), [5.0])
    assert not model.coef_.any()


def test_two_points_are_joined_by_their_line():
    model = st.LinearRegression().fit([[1.0], [3.0]], [2.0, 8.0])
    np.testing.assert_allclose(model.coef_, [3.0], rtol=1e-9)
    np.testing.assert_allclose(model.intercept_, -1.0, rtol=1e-8)


def test_fewer_rows_than_features_are_interpolated(rng):
    X, y = problem(rng, 5, 12)
    model = st.LinearRegression().fit(X, y)
    np.testing.assert_allclose(model.predict(X), y, atol=1e-7)
    # Started at 0, descent in standardised units ends at the solution of least norm in them.
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    least = np.linalg.pinv(Z) @ (y - y.mean())
    np.testing.assert_allclose(model.coef_ * X.std(axis=0), least, atol=1e-7)


def test_a_repeated_feature_shares_its_coefficient(rng):
    X, y = problem(rng, d=2)
    model = st.LinearRegression().fit(np.column_stack([X, X[:, 0]]), y)
    single = st.LinearRegression().fit(X, y)
    np.testing.assert_allclose(model.coef_[0], model.coef_[2], rtol=1e-10)
    np.testing.assert_allclose(model.coef_[0] + model.coef_[2], single.coef_[0], rtol=1e-7)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e9, -3e-9])
def test_a_constant_feature_gets_no_coefficient(rng, dtype, value):
    X, y = problem(rng)
    X[:, 2] = value
    model = st.LinearRegression().fit(X.astype(dtype), y.astype(dtype))
    assert abs(model.coef_[2] * value) <= 8 * np.finfo(dtype).eps
    rest = st.LinearRegression().fit(np.delete(X, 2, axis=1).astype(dtype), y.astype(dtype))
    tolerance = 1e-8 if dtype is np.float64 else 2e-5
    np.testing.assert_allclose(
        np.delete(model.coef_, 2), rest.coef_, rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize("value", [0.0, 3.0, 0.1, -1e12, 1e-12])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_constant_target(rng, value, fit_intercept):
    X, _ = problem(rng)
    model = st.LinearRegression(fit_intercept=fit_intercept).fit(X, np.full(len(X), value))
    assert model.status_ == "converged"
    if fit_intercept:
        np.testing.assert_allclose(model.predict(X), value, rtol=1e-9)
        assert np.abs(model.coef_).max() <= 1e-9 * abs(value)
    else:
        expected = np.linalg.lstsq(X, np.full(len(X), value), rcond=None)[0]
        np.testing.assert_allclose(model.coef_, expected, atol=1e-8 * abs(value))


def test_nearly_dependent_features_converge(rng):
    """A condition number of 1e4 in the features: descent with the best momentum takes some 1e4 epochs."""
    X, y = problem(rng, 100, 2)
    X[:, 1] = X[:, 0] + 1e-3 * X[:, 1]
    model = st.LinearRegression(max_epochs=200_000).fit(X, y)
    assert model.status_ == "converged"
    assert_least_squares(model, X, y)


# ---------------------------------------------------------------- the penalty


@pytest.mark.parametrize("outputs", [None, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [1e-3, 0.1, 10.0])
def test_alpha_is_that_of_ridge(rng, outputs, fit_intercept, alpha):
    """sum of squares + a |w|^2 is NK times our objective if a = alpha N K / 2."""
    X, y = problem(rng, outputs=outputs)
    model = st.LinearRegression(alpha=alpha, standardize=False, fit_intercept=fit_intercept)
    model.fit(X, y)
    ridge = Ridge(alpha * y.size / 2, fit_intercept=fit_intercept, solver="cholesky").fit(X, y)
    np.testing.assert_allclose(model.coef_, ridge.coef_, atol=1e-8)
    np.testing.assert_allclose(model.intercept_, ridge.intercept_, atol=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
def test_alpha_in_standardised_features(rng, weighted):
    X, y = problem(rng)
    s = rng.uniform(0.5, 2, len(X)) if weighted else np.ones(len(X))
    s /= s.mean()
    model = st.LinearRegression(alpha=0.3).fit(X, y, s if weighted else None)
    Z = (X - np.average(X, axis=0, weights=s)) / standard_deviation(X, s)
    ridge = Ridge(0.3 * len(X) / 2, solver="cholesky").fit(Z, y, s)
    np.testing.assert_allclose(model.coef_ * standard_deviation(X, s), ridge.coef_, atol=1e-8)
    np.testing.assert_allclose(model.predict(X), ridge.predict(Z), atol=1e-8)


def test_a_large_alpha_leaves_the_mean(rng):
    X, y = problem(rng)
    model = st.LinearRegression(alpha=1e4).fit(X, y)
    np.testing.assert_allclose(model.predict(X), y.mean(), atol=0.01)


# ---------------------------------------------------------------- the loss that is reported


CASES = [
    {},
    {"alpha": 0.4},
    {"standardize": False},
    {"standardize": False, "alpha": 0.4},
    {"fit_intercept": False},
    {"fit_intercept": False, "alpha": 0.4},
    {"fit_intercept": False, "alpha": 0.4, "standardize": False},
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("outputs", [None, 3])
@pytest.mark.parametrize("weighted", [False, True])
class TestObjective:
    def data(self, rng, outputs, weighted):
        X, y = problem(rng, 40, 3, outputs)
        return X, y, rng.uniform(0.1, 3, 40) if weighted else None

    def sigma(self, X, s, case):
        if not case.get("standardize", True):
            return np.ones(X.shape[1])
        if case.get("fit_intercept", True):
            return standard_deviation(X, s)
        return np.sqrt(np.average(X**2, axis=0, weights=s))  # nothing is centred

    def test_the_loss_is_the_objective_at_the_coefficients(self, rng, case, outputs, weighted):
        X, y, s = self.data(rng, outputs, weighted)
        sigma = self.sigma(X, s, case)
        for epochs in (0, 1, 5):
            model = quietly(st.LinearRegression(max_epochs=epochs, **case).fit, X, y, s)
            J = objective(*parameters(model), X, y, s, case.get("alpha", 0.0), sigma)
            assert_close(model.loss_, J, np.float64, "reduction", y.size)
            assert model.loss_ == model.loss_curve_[-1]
            assert len(model.loss_curve_) == epochs + 1

    def test_the_step_is_along_the_gradient_of_the_objective(self, rng, case, outputs, weighted):
        """One step of gradient descent from random coefficients, against central differences of J.

        In standardised units u = sigma w and with the intercept at the features' mean, a step of rate r moves w
        by -r / sigma^2 dJ/dw and that intercept by -r dJ/dc.
        """
        X, y, s = self.data(rng, outputs, weighted)
        alpha, rate = case.get("alpha", 0.0), 0.1
        sigma = self.sigma(X, s, case)
        K = 1 if outputs is None else outputs
        mean, unit = np.zeros(3), np.ones(3)
        if case.get("standardize", True):
            unit = sigma
            if case.get("fit_intercept", True):  # nothing is centred without an intercept
                mean = np.average(X, axis=0, weights=s)
        w, c = rng.standard_normal((3, K)), rng.standard_normal(K)
        if not case.get("fit_intercept", True):
            c[:] = 0.0

        def J(parameters):
            w, c = parameters
            return objective(w, c - mean @ w, X, y, s, alpha, sigma)

        d_w, d_c = numerical_gradient(J, [w, c])
        model = st.LinearRegression(optimizer=st.SGD(rate), max_epochs=1, warm_start=True, **case)
        bias = c - mean @ w
        model.coef_ = w[:, 0] if outputs is None else w.T
        model.intercept_ = float(bias[0]) if outputs is None else bias
        quietly(model.fit, X, y, s)
        coef, intercept = parameters(model)
        expected = w - rate * d_w / unit[:, None] ** 2
        assert_close(coef, expected, np.float64, "finite_difference", scale=10.0)
        if case.get("fit_intercept", True):
            c_expected = c - rate * d_c
            assert_close(
                intercept, c_expected - mean @ expected, np.float64, "finite_difference", scale=10.0
            )
        else:
            assert not intercept.any()
        assert_close(model.loss_curve_[0], J([w, c]), np.float64, "reduction", y.size)


def test_without_a_penalty_the_loss_is_the_mean_squared_error(rng):
    X, y = problem(rng, outputs=2)
    model = st.LinearRegression().fit(X, y)
    np.testing.assert_allclose(model.loss_, st.kernels.mse(model.predict(X), y), rtol=1e-12)


def test_full_batch_losses_fall_to_the_minimum(rng):
    X, y = problem(rng)
    model = st.LinearRegression(learning_rate=0.1).fit(X, y)
    assert (np.diff(model.loss_curve_) <= 1e-15).all()
    coef, intercept = lstsq(X, y)
    assert model.loss_ == pytest.approx(objective(coef, intercept, X, y), rel=1e-12)


def test_mini_batch_losses_are_means_over_the_epochs_batches(rng):
    """Each batch is measured before its step: with a rate of 0 the mean is the loss at the start."""
    X, y = problem(rng, 37)
    model = st.LinearRegression(
        optimizer=st.SGD(0.0), batch_size=8, max_epochs=3, standardize=False, random_state=0
    )
    quietly(model.fit, X, y)
    np.testing.assert_allclose(model.loss_curve_, [np.mean(y**2)] * 3, rtol=1e-12)
    assert model.n_iter_ == 3


def test_mini_batches_are_the_reference_loop(rng):
    X, y = problem(rng, 37, 3)
    model = st.LinearRegression(
        learning_rate=0.02, batch_size=8, max_epochs=4, standardize=False, shuffle=False
    )
    quietly(model.fit, X, y)
    expected = ref.descend(
        lambda theta, rows: ref.linear_loss_gradient(theta, X[rows], y[rows]),
        np.zeros(4),
        st.SGD(0.02),
        n_rows=37,
        batch_size=8,
        n_epochs=4,
    )
    theta = np.concatenate([[model.intercept_], model.coef_])
    assert_close(theta, expected["theta"], np.float64, "matmul chain", [3, 8] * 20, 1.0)
    assert_close(model.loss_curve_, expected["loss"], np.float64, "matmul chain", [3, 8] * 20)


def test_mini_batches_come_close_to_least_squares(rng):
    X, y = problem(rng, 200, 3, noise=0.1)
    model = st.LinearRegression(
        batch_size=10, max_epochs=200, schedule=st.schedules.InverseTime(0.05), random_state=0
    )
    quietly(model.fit, X, y)
    coef, _ = lstsq(X, y)
    np.testing.assert_allclose(model.coef_, coef[:, 0], atol=0.02)


def test_a_batch_of_all_rows_is_full_batch(rng):
    X, y = problem(rng)
    whole = st.LinearRegression().fit(X, y)
    for size in (len(X), len(X) + 1, 10**6):
        model = st.LinearRegression(batch_size=size).fit(X, y)
        np.testing.assert_array_equal(model.coef_, whole.coef_)
        assert model.loss_curve_ == whole.loss_curve_


# ---------------------------------------------------------------- the ways to get there


@pytest.mark.parametrize(
    "optimizer",
    [
        st.SGD(0.1),
        st.Momentum(0.05),
        st.Momentum(0.05, velocity="step", nesterov=True),
        st.Adam(0.05),
        st.AdamW(0.05, weight_decay=0.0),
    ],
    ids=repr,
)
def test_all_optimizers_reach_the_minimum(rng, optimizer):
    X, y = problem(rng)
    model = st.LinearRegression(optimizer=optimizer, tol=1e-8).fit(X, y)
    assert model.status_ == "converged"
    assert_least_squares(model, X, y, tol=1e-8)


def test_the_automatic_rate_needs_no_more_than_the_theory(rng):
    """Heavy ball shrinks the error by about (sqrt(kappa)-1)/(sqrt(kappa)+1) in each step."""
    X, y = problem(rng, 200, 6)
    model = st.LinearRegression().fit(X, y)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    curvature = np.linalg.eigvalsh(Z.T @ Z / len(Z))
    kappa = max(curvature[-1], 1.0) / min(curvature[0], 1.0)
    rate = (np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1)
    assert model.n_iter_ <= 2 * np.log(1e-10) / np.log(rate)


def test_a_learning_rate_is_that_of_gradient_descent(rng):
    X, y = problem(rng)
    a = quietly(st.LinearRegression(learning_rate=0.05, max_epochs=7).fit, X, y)
    b = quietly(st.LinearRegression(optimizer=st.SGD(0.05), max_epochs=7).fit, X, y)
    np.testing.assert_array_equal(a.coef_, b.coef_)
    assert (a.history_["learning_rate"] == 0.05).all()


def test_the_optimizer_wins_over_the_learning_rate(rng):
    X, y = problem(rng)
    model = st.LinearRegression(learning_rate=1e9, optimizer=st.SGD(0.05), max_epochs=3)
    assert (quietly(model.fit, X, y).history_["learning_rate"] == 0.05).all()


def test_a_schedule_multiplies_the_rate(rng):
    X, y = problem(rng)
    schedule = st.schedules.Exponential(0.9)
    model = st.LinearRegression(learning_rate=0.1, schedule=schedule, max_epochs=5)
    quietly(model.fit, X, y)
    np.testing.assert_allclose(model.history_["learning_rate"], 0.1 * schedule.preview(6))


def test_the_seed_decides_the_order(rng):
    X, y = problem(rng)

    def fit(seed, **named):
        model = st.LinearRegression(batch_size=7, max_epochs=3, random_state=seed, **named)
        return quietly(model.fit, X, y).coef_

    np.testing.assert_array_equal(fit(1), fit(1))
    np.testing.assert_array_equal(fit(np.random.RandomState(1)), fit(np.random.RandomState(1)))
    assert not np.array_equal(fit(1), fit(2))
    np.testing.assert_array_equal(fit(1, shuffle=False), fit(2, shuffle=False))
    np.testing.assert_array_equal(fit(1), fit(1, n_threads=2))


def test_fitting_twice_is_fitting_once(rng):
    X, y = problem(rng)
    model = st.LinearRegression(batch_size=7, max_epochs=3, random_state=0)
    first = quietly(model.fit, X, y).coef_.copy()
    np.testing.assert_array_equal(quietly(model.fit, X, y).coef_, first)


# ---------------------------------------------------------------- going on


def test_warm_start_goes_on(rng):
    X, y = problem(rng)
    model = st.LinearRegression(warm_start=True, learning_rate=0.05, max_epochs=10)
    quietly(model.fit, X, y)
    first = model.loss_curve_
    quietly(model.fit, X, y)
    np.testing.assert_allclose(model.loss_curve_[0], first[-1], rtol=1e-12)
    whole = quietly(st.LinearRegression(learning_rate=0.05, max_epochs=20).fit, X, y)
    np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-12)


def test_a_warm_start_at_the_minimum_ends_at_once(rng):
    X, y = problem(rng)
    model = st.LinearRegression(warm_start=True, tol=1e-8).fit(X, y)
    coef = model.coef_.copy()
    model.fit(X, y)
    assert model.status_ == "converged"
    assert len(model.loss_curve_) <= 3
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-7)


@pytest.mark.parametrize("outputs", [None, 2])
def test_warm_start_with_other_data_shapes_is_refused(rng, outputs):
    X, y = problem(rng, d=4, outputs=outputs)
    model = st.LinearRegression(warm_start=True).fit(X, y)
    coef = model.coef_.copy()
    with pytest.raises(ValueError, match=r"warm_start"):
        model.fit(X[:, :3], y)
    with pytest.raises(ValueError, match=r"warm_start"):
        model.fit(X, np.column_stack([y, y, y]))
    np.testing.assert_array_equal(model.coef_, coef)
    assert model.n_features_in_ == 4


@pytest.mark.parametrize("outputs", [None, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_partial_fit_is_one_pass(rng, outputs, weighted):
    X, y = problem(rng, 30, 3, outputs)
    s = rng.uniform(0.5, 2, 30) if weighted else None
    model = st.LinearRegression(learning_rate=0.05)
    w, b = np.zeros((3, outputs or 1)), np.zeros(outputs or 1)
    for k in range(3):
        rows = slice(10 * k, 10 * k + 10)
        part = None if s is None else s[rows]
        model.partial_fit(X[rows], y[rows], part)
        scaled = np.ones(10) if part is None else part / part.mean()
        residual = scaled[:, None] * (X[rows] @ w + b - y[rows].reshape(10, -1))
        w = w - 0.05 * 2 / residual.size * X[rows].T @ residual
        b = b - 0.05 * 2 / residual.size * residual.sum(axis=0)
        coef, intercept = parameters(model)
        np.testing.assert_allclose(coef, w, rtol=1e-12)
        np.testing.assert_allclose(intercept, b, rtol=1e-12)
        assert model.n_iter_ == k + 1
    assert np.shape(model.coef_) == ((3,) if outputs is None else (outputs, 3))


def test_partial_fit_learns(rng):
    X, y = problem(rng, 500, 3, noise=0.0)
    model = st.LinearRegression(batch_size=10, random_state=0)
    for _ in range(40):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.999
    assert model.n_iter_ == 40
    assert len(model.loss_curve_) == 40


def test_partial_fit_with_the_automatic_rate(rng):
    X, y = problem(rng, 500, 3, noise=0.0)
    model = st.LinearRegression()
    for _ in range(300):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.99


def test_partial_fit_after_fit_goes_on_from_there(rng):
    X, y = problem(rng)
    model = st.LinearRegression().fit(X, y)
    coef = model.coef_.copy()
    model.partial_fit(X, y)
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-7)


def test_partial_fit_with_other_features_is_refused(rng):
    X, y = problem(rng)
    model = st.LinearRegression().partial_fit(X, y)
    coef = model.coef_.copy()
    with pytest.raises(ValueError, match=r"4 features"):
        model.partial_fit(X[:, :3], y)
    with pytest.raises(ValueError, match=r"target"):
        model.partial_fit(X, np.column_stack([y, y]))
    np.testing.assert_array_equal(model.coef_, coef)


# ---------------------------------------------------------------- what comes out


def test_shapes(rng):
    X, y = problem(rng, outputs=2)
    one = st.LinearRegression().fit(X, y[:, 0])
    assert one.coef_.shape == (4,)
    assert isinstance(one.intercept_, float)
    assert one.predict(X).shape == (50,)
    two = st.LinearRegression().fit(X, y)
    assert two.coef_.shape == (2, 4)
    assert two.intercept_.shape == (2,)
    assert two.predict(X).shape == (50, 2)
    assert two.predict(X[:1]).shape == (1, 2)
    np.testing.assert_allclose(
        two.predict(X), X @ two.coef_.T + two.intercept_, rtol=1e-12, atol=1e-14
    )
    assert two.n_features_in_ == 4


def test_each_output_of_several_is_fitted_as_if_alone(rng):
    X, y = problem(rng, outputs=3)
    both = st.LinearRegression().fit(X, y)
    for k in range(3):
        alone = st.LinearRegression().fit(X, y[:, k])
        np.testing.assert_allclose(both.coef_[k], alone.coef_, atol=1e-8)


def test_a_column_as_target_is_a_vector(rng):
    X, y = problem(rng)
    with pytest.warns(DataConversionWarning, match=r"column-vector"):
        model = st.LinearRegression().fit(X, y[:, None])
    assert model.coef_.shape == (4,)


def test_history(rng):
    X, y = problem(rng)
    model = st.LinearRegression().fit(X[:40], y[:40], validation_data=(X[40:], y[40:]))
    assert set(model.history_) == {
        "loss",
        "gradient_norm",
        "learning_rate",
        "seconds",
        "validation_loss",
        "validation_score",
    }
    assert all(len(column) == len(model.loss_curve_) for column in model.history_.values())
    assert len(model.loss_curve_) == model.n_iter_ + 1
    residual = model.predict(X[40:]) - y[40:]
    np.testing.assert_allclose(model.history_["validation_loss"][-1], np.mean(residual**2))
    np.testing.assert_allclose(model.history_["validation_score"][-1], model.score(X[40:], y[40:]))
    plain = st.LinearRegression().fit(X, y)
    assert set(plain.history_) == {"loss", "gradient_norm", "learning_rate", "seconds"}


def test_validation_loss_with_weights_and_outputs(rng):
    X, y = problem(rng, outputs=2)
    s = rng.uniform(0.1, 3, 10)
    model = st.LinearRegression(alpha=0.1)
    model.fit(X[:40], y[:40], validation_data=(X[40:], y[40:], s))
    square = (model.predict(X[40:]) - y[40:]) ** 2
    np.testing.assert_allclose(
        model.history_["validation_loss"][-1], np.average(square.mean(axis=1), weights=s)
    )
    np.testing.assert_allclose(
        model.history_["validation_score"][-1], model.score(X[40:], y[40:], s)
    )


def test_validation_data_do_not_change_the_fit(rng):
    X, y = problem(rng)
    a = st.LinearRegression().fit(X, y)
    b = st.LinearRegression().fit(X, y, validation_data=(X[:5], y[:5]))
    np.testing.assert_array_equal(a.coef_, b.coef_)


def test_early_stopping_by_validation_loss(rng):
    X, y = problem(rng, 60)
    model = st.LinearRegression(
        batch_size=5, random_state=0, stop=[NoImprovement(3, monitor="validation_loss")]
    )
    model.fit(X[:40], y[:40], validation_data=(X[40:], y[40:]))
    assert model.status_ == "no_improvement"


def test_parameters_are_not_touched_by_fit(rng):
    X, y = problem(rng)
    stop = [MaxSteps(3), MaxEpochs(5)]
    model = st.LinearRegression(stop=stop)
    before = dict(model.get_params())
    quietly(model.fit, X, y)
    assert model.get_params() == before


def test_the_example_of_the_docstring():
    X = np.array([[0.0], [1.0], [2.0]])
    model = st.LinearRegression().fit(X, [1.0, 3.0, 5.0])
    np.testing.assert_allclose([model.coef_[0], model.intercept_], [2.0, 1.0], rtol=1e-9)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"learning_rate": "fast"}, ValueError, r"learning_rate must be a number or \"auto\""),
        ({"learning_rate": -1.0}, ValueError, r"learning_rate must be a finite number >= 0"),
        ({"learning_rate": None}, TypeError, r"learning_rate"),
        ({"optimizer": "adam"}, TypeError, r"optimizer must be one of steepest's"),
        ({"optimizer": st.Adam}, TypeError, r"optimizer must be one of steepest's"),
        ({"schedule": 0.5}, TypeError, r"schedule must be one of steepest.schedules"),
        ({"batch_size": 0}, ValueError, r"batch_size must be an integer >= 1"),
        ({"batch_size": 2.5}, TypeError, r"batch_size must be an integer"),
        ({"max_epochs": -1}, ValueError, r"max_epochs must be an integer >= 0"),
        ({"max_epochs": "many"}, TypeError, r"max_epochs must be an integer"),
        ({"tol": -1e-3}, ValueError, r"tol must be a number >= 0"),
        ({"tol": np.nan}, ValueError, r"tol must be a number >= 0"),
        ({"alpha": -1.0}, ValueError, r"alpha must be a finite number >= 0"),
        ({"alpha": np.inf}, ValueError, r"alpha must be a finite number >= 0"),
        ({"alpha": "strong"}, TypeError, r"alpha must be a finite number"),
        ({"random_state": "seed"}, ValueError, r"seed"),
        ({"callbacks": [None]}, TypeError, r"callbacks must be callables"),
        ({"n_threads": 0}, ValueError, r"n_threads"),
        ({"n_threads": "two"}, (TypeError, ValueError), r"n_threads"),
    ],
)
def test_bad_parameters(rng, parameters, error, message):
    X, y = problem(rng)
    model = st.LinearRegression(**parameters)
    with pytest.raises(error, match=message):
        model.fit(X, y)
    assert set(vars(model)) == set(model.get_params())
