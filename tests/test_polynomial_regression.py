"""PolynomialRegression: its objective by finite differences, its minimum by numpy.polynomial's fits."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from gradcheck import numerical_gradient
from hypothesis import given
from hypothesis import strategies as some
from numpy.polynomial import Chebyshev, Legendre, Polynomial
from sklearn.exceptions import ConvergenceWarning
from tolerances import assert_close

import steepest as st
from steepest import reference as ref
from steepest.stopping import NoImprovement

KINDS = {"chebyshev": Chebyshev, "legendre": Legendre, "monomial": Polynomial}
BASES = tuple(KINDS)


@pytest.fixture
def points(rng):
    x = rng.uniform(-3.0, 5.0, 80)
    return x, np.sin(x) + 0.1 * x**2 + 0.2 * rng.standard_normal(80)


def quietly(fit, *arguments, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit(*arguments, **named)


def on_window(x, domain=None):
    """Map the domain, by default the range of x, onto [-1, 1]."""
    low, high = (x.min(), x.max()) if domain is None else domain
    return (2 * x - (low + high)) / (high - low)


def objective(c, x, y, basis, s=None, alpha=0.0, domain=None):
    """J as the class's docstring states it."""
    s = np.ones(len(x)) if s is None else np.asarray(s) / np.mean(s)
    f = KINDS[basis](c)(on_window(x, domain))
    return np.sum(s * (f - y) ** 2) / len(x) + alpha / 2 * np.sum(c[1:] ** 2)


def minimum(x, y, degree, basis, s=None, alpha=0.0):
    """Return the coefficients that minimise J, by least squares with the penalty as more rows."""
    s = np.ones(len(x)) if s is None else np.asarray(s) / np.mean(s)
    V = ref.basis_matrix(on_window(x), degree, basis)
    penalty = np.sqrt(alpha * len(x) / 2) * np.eye(degree + 1)[1:]
    A = np.vstack([np.sqrt(s)[:, None] * V, penalty])
    return np.linalg.lstsq(A, np.concatenate([np.sqrt(s) * y, np.zeros(degree)]), rcond=None)[0]


def allowed_distance(x, y, degree, basis, tol=1e-10, s=None):
    """How far from the minimum a gradient of `tol`, in units of y's size, may be."""
    s = np.ones(len(x)) if s is None else np.asarray(s) / np.mean(s)
    V = np.sqrt(s)[:, None] * ref.basis_matrix(on_window(x), degree, basis)
    singular = np.linalg.svd(V, compute_uv=False)
    eps = np.finfo(float).eps
    y_scale = np.sqrt(np.mean(y**2))
    least_curvature = 2 * singular[-1] ** 2 / len(x)
    reached = max(tol, 12 * eps) + 2 * np.sqrt(len(x)) * eps
    return y_scale * (reached / least_curvature + 20 * eps * (singular[0] / singular[-1]) ** 2)


# ---------------------------------------------------------------- the minimum


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("degree", [0, 1, 2, 3, 5])
def test_reaches_numpys_fit(isa, points, basis, degree):
    x, y = points
    model = st.PolynomialRegression(degree, basis).fit(x, y)
    assert model.status_ == "converged"
    expected = KINDS[basis].fit(x, y, degree)
    distance = allowed_distance(x, y, degree, basis)
    np.testing.assert_allclose(model.coef_, expected.coef, atol=distance, rtol=0)
    grid = np.linspace(x.min(), x.max(), 50)
    np.testing.assert_allclose(
        model.predict(grid), expected(grid), atol=distance * (degree + 1), rtol=0
    )
    np.testing.assert_allclose(model.domain_, expected.domain)


@pytest.mark.parametrize("basis", ["chebyshev", "legendre"])
@pytest.mark.parametrize("degree", [10, 20, 30])
def test_high_degrees_in_an_orthogonal_basis(rng, basis, degree):
    x = rng.uniform(0.0, 1e3, 500)
    y = np.cos(x / 100) + 0.01 * rng.standard_normal(500)
    model = st.PolynomialRegression(degree, basis).fit(x, y)
    assert model.status_ == "converged"
    assert model.n_iter_ < 1000
    expected = KINDS[basis].fit(x, y, degree)
    np.testing.assert_allclose(
        model.coef_, expected.coef, atol=allowed_distance(x, y, degree, basis), rtol=0
    )


def test_a_high_degree_in_powers_is_slower(points):
    """What the docstring says of the bases: the condition number decides."""
    x, y = points
    steps = {
        basis: quietly(st.PolynomialRegression(7, basis, tol=1e-6).fit, x, y).n_iter_
        for basis in BASES
    }
    assert steps["chebyshev"] < steps["monomial"] / 5
    assert steps["legendre"] < steps["monomial"] / 5


def test_all_bases_describe_the_same_polynomial(points):
    x, y = points
    models = [st.PolynomialRegression(4, basis).fit(x, y) for basis in BASES]
    for model in models[1:]:
        np.testing.assert_allclose(model.predict(x), models[0].predict(x), atol=1e-8)
        np.testing.assert_allclose(model.monomial_coef_, models[0].monomial_coef_, atol=1e-7)


@pytest.mark.parametrize("basis", BASES)
def test_powers_of_x_lowest_first(basis):
    x = np.linspace(-2, 4, 40)
    y = 1.0 - 2.0 * x + 0.5 * x**3
    model = st.PolynomialRegression(3, basis).fit(x, y)
    np.testing.assert_allclose(model.monomial_coef_, [1.0, -2.0, 0.0, 0.5], atol=1e-8)
    np.testing.assert_allclose(Polynomial(model.monomial_coef_)(x), model.predict(x), atol=1e-9)


@given(coefficients=some.lists(some.integers(-9, 9), min_size=1, max_size=5))
def test_recovers_any_polynomial(coefficients):
    x = np.linspace(-1.0, 2.0, 30)
    y = Polynomial(coefficients)(x)
    model = st.PolynomialRegression(len(coefficients) - 1).fit(x, y)
    np.testing.assert_allclose(model.monomial_coef_, coefficients, atol=1e-7)
    np.testing.assert_allclose(model.predict(x), y, atol=1e-7)


def test_a_numpy_series_reads_the_coefficients(points):
    """coef_ and domain_ are what numpy.polynomial's classes take."""
    x, y = points
    for basis, kind in KINDS.items():
        model = st.PolynomialRegression(4, basis).fit(x, y)
        series = kind(model.coef_, domain=model.domain_, window=(-1, 1))
        np.testing.assert_allclose(series(x), model.predict(x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("basis", BASES)
def test_with_weights(rng, points, basis):
    x, y = points
    s = rng.uniform(0, 3, len(x))
    s[:4] = 0
    model = st.PolynomialRegression(3, basis).fit(x, y, sample_weight=s)
    expected = minimum(x, y, 3, basis, s)
    distance = allowed_distance(x, y, 3, basis, s=s)
    np.testing.assert_allclose(model.coef_, expected, atol=10 * distance, rtol=0)


def test_integer_weights_are_repetitions(rng, points):
    x, y = points
    s = rng.integers(0, 4, len(x))
    s[[x.argmin(), x.argmax()]] = 1  # so that the domain is the same
    weighted = st.PolynomialRegression(3).fit(x, y, s)
    repeated = st.PolynomialRegression(3).fit(x.repeat(s), y.repeat(s))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-7)
    np.testing.assert_allclose(weighted.loss_, repeated.loss_, rtol=1e-10)


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("alpha", [1e-3, 0.1, 10.0])
def test_alpha_is_ridge_but_for_the_constant(points, basis, alpha):
    x, y = points
    model = st.PolynomialRegression(4, basis, alpha=alpha).fit(x, y)
    assert model.status_ == "converged"
    np.testing.assert_allclose(model.coef_, minimum(x, y, 4, basis, alpha=alpha), atol=1e-7)


def test_a_large_alpha_leaves_the_mean(points):
    x, y = points
    model = st.PolynomialRegression(4, alpha=1e4).fit(x, y)
    np.testing.assert_allclose(model.predict(x), y.mean(), atol=0.01)


@pytest.mark.parametrize("unit", [1e-12, 1e-3, 1e6, 1e12])
@pytest.mark.parametrize("y_unit", [1e-12, 1.0, 1e12])
def test_units_do_not_matter(points, dtype, unit, y_unit):
    x, y = (points[0] * unit).astype(dtype), (points[1] * y_unit).astype(dtype)
    model = st.PolynomialRegression(4).fit(x, y)
    assert model.status_ == "converged"
    expected = Chebyshev.fit(x.astype(float), y.astype(float), 4)
    tolerance = 1e-8 if dtype is np.float64 else 1e-5
    np.testing.assert_allclose(model.coef_, expected.coef, atol=tolerance * y_unit * 3, rtol=0)


def test_a_narrow_range_far_from_zero(rng):
    """Years, say: only the mapping onto [-1, 1] makes this possible."""
    x = rng.uniform(1950, 2020, 100)
    y = 1e-3 * (x - 1990) ** 3 + rng.standard_normal(100)
    model = st.PolynomialRegression(3).fit(x, y)
    expected = Chebyshev.fit(x, y, 3)
    np.testing.assert_allclose(model.coef_, expected.coef, atol=1e-7)


def test_float32_data(points):
    x, y = (a.astype(np.float32) for a in points)
    model = st.PolynomialRegression(4).fit(x, y)
    assert model.status_ == "converged"
    assert model.coef_.dtype == np.float64  # as documented
    assert model.predict(x).dtype == np.float32
    expected = Chebyshev.fit(x.astype(float), y.astype(float), 4)
    np.testing.assert_allclose(model.coef_, expected.coef, atol=2e-5)


def test_fewer_points_than_coefficients_are_interpolated():
    x, y = np.array([0.0, 1.0, 4.0]), np.array([1.0, -1.0, 2.0])
    model = st.PolynomialRegression(7).fit(x, y)
    np.testing.assert_allclose(model.predict(x), y, atol=1e-7)


@pytest.mark.parametrize("degree", [0, 1, 5])
@pytest.mark.parametrize("basis", BASES)
def test_one_point(degree, basis):
    model = st.PolynomialRegression(degree, basis).fit([[2.0]], [5.0])
    assert model.status_ == "converged"
    np.testing.assert_allclose(model.predict([[2.0]]), [5.0])
    assert np.isfinite(model.monomial_coef_).all()


@pytest.mark.parametrize("basis", BASES)
def test_a_constant_feature_is_fitted_by_the_mean(rng, basis):
    y = rng.standard_normal(20)
    model = st.PolynomialRegression(3, basis).fit(np.full(20, 7.0), y)
    np.testing.assert_allclose(model.predict(np.full(3, 7.0)), y.mean(), rtol=1e-8)
    assert model.domain_ == (7.0, 7.0)
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.predict([6.0, 8.0] @ np.eye(2))).all()


@pytest.mark.parametrize("value", [0.0, 3.0, -1e12, 1e-12])
def test_a_constant_target(points, value):
    model = st.PolynomialRegression(3).fit(points[0], np.full(80, value))
    assert model.status_ == "converged"
    np.testing.assert_allclose(model.predict(points[0]), value, rtol=1e-8)
    np.testing.assert_allclose(model.monomial_coef_[0], value, rtol=1e-7)


def test_degree_zero_is_the_mean(points):
    model = st.PolynomialRegression(0).fit(*points)
    np.testing.assert_allclose(model.coef_, [points[1].mean()], rtol=1e-10)


# ---------------------------------------------------------------- the loss that is reported


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("alpha", [0.0, 0.4])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("degree", [0, 1, 4])
class TestObjective:
    def test_the_loss_is_the_objective_at_the_coefficients(
        self, rng, points, basis, alpha, weighted, degree
    ):
        x, y = points
        s = rng.uniform(0.1, 3, len(x)) if weighted else None
        for epochs in (0, 1, 5):
            model = st.PolynomialRegression(degree, basis, alpha=alpha, max_epochs=epochs)
            quietly(model.fit, x, y, s)
            J = objective(model.coef_, x, y, basis, s, alpha)
            assert_close(model.loss_, J, np.float64, "reduction", len(x) * (degree + 1))
            assert model.loss_ == model.loss_curve_[-1]
            if model.status_ == "max_epochs":
                assert len(model.loss_curve_) == epochs + 1

    def test_the_step_is_along_the_gradient_of_the_objective(
        self, rng, points, basis, alpha, weighted, degree
    ):
        x, y = points
        s = rng.uniform(0.1, 3, len(x)) if weighted else None
        c = rng.standard_normal(degree + 1)
        gradient = numerical_gradient(lambda c: objective(c, x, y, basis, s, alpha), c)
        model = st.PolynomialRegression(
            degree, basis, alpha=alpha, optimizer=st.SGD(0.1), max_epochs=1, warm_start=True
        )
        model.coef_ = c.copy()
        quietly(model.fit, x, y, s)
        expected = c - 0.1 * gradient
        assert_close(model.coef_, expected, np.float64, "finite_difference", scale=10.0)
        np.testing.assert_allclose(
            model.loss_curve_[0], objective(c, x, y, basis, s, alpha), rtol=1e-12
        )


def test_mini_batches_are_the_reference_loop(rng):
    x, y = rng.uniform(-1, 1, 37), rng.standard_normal(37)
    x[:2] = -1.0, 1.0  # so that the domain is the window
    y /= np.sqrt(np.mean(y**2))  # and y is its own unit
    model = st.PolynomialRegression(
        3, learning_rate=0.05, batch_size=8, max_epochs=4, shuffle=False
    )
    quietly(model.fit, x, y)
    expected = ref.descend(
        lambda theta, rows: ref.polynomial_loss_gradient(theta, x[rows], y[rows], "chebyshev"),
        np.zeros(4),
        st.SGD(0.05),
        n_rows=37,
        batch_size=8,
        n_epochs=4,
    )
    assert_close(model.coef_, expected["theta"], np.float64, "matmul chain", [4, 8] * 20, 1.0)
    assert_close(model.loss_curve_, expected["loss"], np.float64, "matmul chain", [4, 8] * 20)
    assert model.n_iter_ == 4


def test_mini_batches_come_close(rng, points):
    x, y = points
    model = st.PolynomialRegression(
        3, batch_size=8, max_epochs=300, random_state=0, schedule=st.schedules.InverseTime(0.02)
    )
    quietly(model.fit, x, y)
    np.testing.assert_allclose(model.coef_, minimum(x, y, 3, "chebyshev"), atol=0.1)


def test_a_batch_of_all_rows_is_full_batch(points):
    whole = st.PolynomialRegression(3).fit(*points)
    for size in (80, 1000):
        model = st.PolynomialRegression(3, batch_size=size).fit(*points)
        np.testing.assert_array_equal(model.coef_, whole.coef_)


@pytest.mark.parametrize(
    "optimizer",
    [st.SGD(0.3), st.Momentum(0.1), st.Adam(0.02), st.AdamW(0.02, weight_decay=0.0)],
    ids=repr,
)
def test_all_optimizers_reach_the_minimum(points, optimizer):
    x, y = points
    model = st.PolynomialRegression(3, optimizer=optimizer, tol=1e-8).fit(x, y)
    assert model.status_ == "converged"
    np.testing.assert_allclose(model.coef_, minimum(x, y, 3, "chebyshev"), atol=1e-6)


def test_weight_decay_leaves_the_constant_alone(rng):
    """At the minimum the gradient is 0, and AdamW's step is the decay."""
    x = np.linspace(-1, 1, 50)
    model = st.PolynomialRegression(2).fit(x, 3.0 + x + x**2)
    coef = model.coef_.copy()
    model.set_params(optimizer=st.AdamW(0.1, epsilon=1.0, weight_decay=0.5), max_epochs=1)
    model.set_params(warm_start=True, tol=0.0)
    quietly(model.fit, x, 3.0 + x + x**2)
    np.testing.assert_allclose(model.coef_, coef * [1.0, 0.95, 0.95], rtol=1e-6)


def test_the_seed_decides_the_order(points):
    def fit(seed):
        model = st.PolynomialRegression(3, batch_size=7, max_epochs=3, random_state=seed)
        return quietly(model.fit, *points).coef_

    np.testing.assert_array_equal(fit(1), fit(1))
    assert not np.array_equal(fit(1), fit(2))


# ---------------------------------------------------------------- going on


def test_warm_start_goes_on(points):
    model = st.PolynomialRegression(3, warm_start=True, learning_rate=0.1, max_epochs=10)
    quietly(model.fit, *points)
    first = model.loss_curve_
    quietly(model.fit, *points)
    np.testing.assert_allclose(model.loss_curve_[0], first[-1], rtol=1e-12)
    whole = st.PolynomialRegression(3, learning_rate=0.1, max_epochs=20)
    np.testing.assert_allclose(model.coef_, quietly(whole.fit, *points).coef_, rtol=1e-12)


def test_warm_start_keeps_the_domain_so_that_coefficients_keep_their_meaning(points):
    x, y = points
    model = st.PolynomialRegression(3, warm_start=True).fit(x, y)
    domain = model.domain_
    model.set_params(max_epochs=0)
    before = model.predict(x)
    quietly(model.fit, x[:40], y[:40])
    assert model.domain_ == domain
    np.testing.assert_allclose(model.predict(x), before, rtol=1e-12)


def test_without_warm_start_nothing_is_left_of_the_last_fit(points):
    x, y = points
    model = st.PolynomialRegression(3).fit(x, y)
    model.fit(x[:40], y[:40])
    fresh = st.PolynomialRegression(3).fit(x[:40], y[:40])
    assert model.domain_ == fresh.domain_
    np.testing.assert_array_equal(model.coef_, fresh.coef_)


def test_warm_start_with_another_degree_is_refused(points):
    model = st.PolynomialRegression(3, warm_start=True).fit(*points)
    coef = model.coef_.copy()
    model.set_params(degree=4)
    with pytest.raises(
        ValueError, match=r"warm_start go on from coef_ of degree 3 and of 1 targets"
    ):
        model.fit(*points)
    np.testing.assert_array_equal(model.coef_, coef)


@pytest.mark.parametrize("basis", ["legendre", "monomial"])
def test_warm_start_with_another_basis_does_not_mistake_the_coefficients(points, basis):
    """Refused, or converted: but a Chebyshev coefficient is not one of another basis."""
    model = st.PolynomialRegression(3, warm_start=True).fit(*points)
    before = model.predict(points[0])
    model.set_params(basis=basis, max_epochs=0)
    try:
        quietly(model.fit, *points)
    except ValueError as error:
        assert "basis" in str(error)  # noqa: PT017
    else:
        np.testing.assert_allclose(model.predict(points[0]), before, atol=1e-8)


def test_a_change_of_basis_after_the_fit_does_not_change_predictions(points):
    """coef_ belongs to the basis that it was fitted in."""
    model = st.PolynomialRegression(3).fit(*points)
    before = model.predict(points[0])
    model.set_params(basis="legendre")
    np.testing.assert_array_equal(model.predict(points[0]), before)


# ---------------------------------------------------------------- what comes out and goes in


def test_one_axis_or_one_column(points):
    x, y = points
    a = st.PolynomialRegression(3).fit(x, y)
    b = st.PolynomialRegression(3).fit(x[:, None], y)
    np.testing.assert_array_equal(a.coef_, b.coef_)
    np.testing.assert_array_equal(a.predict(x), b.predict(x[:, None]))
    assert a.n_features_in_ == 1
    assert a.predict(x).shape == (80,)
    assert a.score(x[:, None], y) == b.score(x[:, None], y)


def test_a_list_or_a_series_is_one_axis_too(points):
    import pandas as pd

    x, y = points
    want = st.PolynomialRegression(3).fit(x, y).coef_
    for some_x in (list(x), tuple(x), pd.Series(x), pd.Series(x, name="height")):
        model = st.PolynomialRegression(3).fit(some_x, list(y))
        np.testing.assert_array_equal(model.coef_, want)
        np.testing.assert_allclose(model.predict(some_x), model.predict(x))


def test_history(points):
    x, y = points
    model = st.PolynomialRegression(3, alpha=0.1)
    model.fit(x[:60], y[:60], validation_data=(x[60:], y[60:]))
    assert all(len(column) == len(model.loss_curve_) for column in model.history_.values())
    assert len(model.loss_curve_) == model.n_iter_ + 1
    residual = model.predict(x[60:]) - y[60:]
    np.testing.assert_allclose(model.history_["validation_loss"][-1], np.mean(residual**2))
    np.testing.assert_allclose(
        model.history_["validation_score"][-1], model.score(x[60:, None], y[60:])
    )
    assert set(st.PolynomialRegression().fit(x, y).history_) == {
        "loss",
        "gradient_norm",
        "learning_rate",
        "seconds",
    }


def test_validation_data_with_weights(rng, points):
    x, y = points
    s = rng.uniform(0.1, 3, 20)
    model = st.PolynomialRegression(3).fit(x[:60], y[:60], validation_data=(x[60:], y[60:], s))
    square = (model.predict(x[60:]) - y[60:]) ** 2
    np.testing.assert_allclose(model.history_["validation_loss"][-1], np.average(square, weights=s))
    np.testing.assert_allclose(
        model.history_["validation_score"][-1], model.score(x[60:, None], y[60:], s)
    )


def test_validation_in_float64_of_a_fit_in_float32(points):
    x, y = points
    model = st.PolynomialRegression(3)
    model.fit(
        x[:60].astype(np.float32), y[:60].astype(np.float32), validation_data=(x[60:], y[60:])
    )
    residual = model.predict(x[60:]) - y[60:]
    np.testing.assert_allclose(
        model.history_["validation_loss"][-1], np.mean(residual**2), rtol=1e-5
    )


def test_early_stopping_by_validation_loss(points):
    x, y = points
    rule = NoImprovement(5, monitor="validation_loss")
    model = st.PolynomialRegression(12, learning_rate=0.3, stop=[rule])
    model.fit(x[:40], y[:40], validation_data=(x[40:], y[40:]))
    assert model.status_ == "no_improvement"


def test_overfitting_is_seen(rng):
    """Training error falls with the degree; validation error is least in between."""
    x = rng.uniform(-1, 1, 24)
    y = np.sin(3 * x) + 0.3 * rng.standard_normal(24)
    held_out = rng.uniform(-1, 1, 200)
    truth = np.sin(3 * held_out) + 0.3 * rng.standard_normal(200)
    training, validation = [], []
    for degree in range(13):
        model = quietly(st.PolynomialRegression(degree).fit, x, y)
        training.append(model.loss_)
        validation.append(np.mean((model.predict(held_out) - truth) ** 2))
    assert (np.diff(training) <= 1e-9).all()
    assert 1 <= np.argmin(validation) <= 6
    assert validation[12] > 1.5 * min(validation)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"degree": -1}, ValueError, r"degree must be an integer >= 0"),
        ({"degree": 2.0}, TypeError, r"degree must be an integer"),
        ({"basis": "fourier"}, ValueError, r"basis must be one of .*'fourier'"),
        ({"basis": None}, ValueError, r"basis must be one of"),
        ({"alpha": -1.0}, ValueError, r"alpha must be a finite number >= 0"),
        ({"learning_rate": "fast"}, ValueError, r"learning_rate"),
        ({"optimizer": "adam"}, TypeError, r"optimizer"),
        ({"schedule": "cosine"}, TypeError, r"schedule"),
        ({"batch_size": 0}, ValueError, r"batch_size must be an integer >= 1"),
        ({"max_epochs": 1.5}, TypeError, r"max_epochs must be an integer"),
        ({"tol": -1.0}, ValueError, r"tol"),
        ({"callbacks": ["x"]}, TypeError, r"callbacks"),
    ],
)
def test_bad_parameters(points, parameters, error, message):
    model = st.PolynomialRegression(**parameters)
    with pytest.raises(error, match=message):
        model.fit(*points)
    assert set(vars(model)) == set(model.get_params())
