"""The basis that is orthonormal on the data: its recurrence, the one step it takes, and fits to the last digits."""

from __future__ import annotations

import warnings
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from numpy.polynomial import Chebyshev, Polynomial
from sklearn.exceptions import ConvergenceWarning
from test_bits import FUSED, bits, needs_two, on

import steepest as st
from steepest import kernels
from steepest import reference as ref
from steepest._bases import domain_map, exactly, explicit_recurrence, to_monomial, to_unit
from steepest._model_file import Pipeline, load_pipeline, save_pipeline
from steepest.estimators.polynomial_fit import Points, Units
from steepest.losses import Huber
from steepest.stopping import MaxSteps


@pytest.fixture
def points(rng):
    """Points that crowd at one end, targets, and weights."""
    x = 3.0 + 5.0 * rng.beta(1.2, 3.0, 90)
    return x, np.sin(2.0 * x) + 0.1 * rng.standard_normal(90), rng.uniform(0.1, 4.0, 90)


def orthonormal(degree, **parameters):
    return st.PolynomialRegression(degree, "orthonormal", **parameters)


def exact_recurrence(u, degree, s):
    """The Stieltjes procedure in 60 digits."""
    with mpmath.workdps(60):
        u, s = ([mpmath.mpf(float(v)) for v in values] for values in (u, s))
        weight = mpmath.fsum(s)

        def dot(p, q):
            return mpmath.fsum(si * pi * qi for si, pi, qi in zip(s, p, q, strict=True)) / weight

        p, before, rows = [mpmath.mpf(1)] * len(u), [mpmath.mpf(0)] * len(u), []
        for _ in range(degree):
            up = [ui * pi for ui, pi in zip(u, p, strict=True)]
            mean, back = dot(up, p), dot(up, before)
            rest = [a - mean * b - back * c for a, b, c in zip(up, p, before, strict=True)]
            norm = mpmath.sqrt(dot(rest, rest))
            rows.append([float(v) for v in (1 / norm, -mean / norm, back / norm)])
            p, before = [v / norm for v in rest], p
        return np.array(rows).T


# ---------------------------------------------------------------- the basis


def test_the_recurrence_is_that_of_the_stieltjes_procedure(isa, points):
    x, y, s = points
    model = orthonormal(9).fit(x, y, s)
    expected = exact_recurrence(to_unit(x, model.domain_), 9, s)
    np.testing.assert_allclose(model.recurrence_, expected, rtol=1e-11, atol=1e-11)
    twin = np.array(ref.orthonormal_recurrence(to_unit(x, model.domain_), 9, s))
    np.testing.assert_allclose(twin, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_orthonormal_on_the_data(isa, points, dtype, weighted):
    x, y, s = (values.astype(dtype) for values in points)
    s = s if weighted else np.ones_like(s)
    model = orthonormal(12).fit(x, y, s)
    u = to_unit(x.astype(np.float64), model.domain_)
    P = ref.recurrence_matrix(u, *model.recurrence_)
    gram = P.T @ (s[:, None] / s.sum(dtype=np.float64) * P)
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(gram, np.eye(13), atol=tolerance)


def test_as_many_coefficients_as_points(isa, rng):
    """The last polynomial that the points allow; numpy's exact interpolation has the same values between them."""
    x = np.sort(rng.uniform(-1, 1, 8))
    y = rng.standard_normal(8)
    model = orthonormal(7).fit(x, y)
    np.testing.assert_allclose(model.predict(x), y, atol=1e-11)


@pytest.mark.parametrize("basis", ["legendre", "any"])
def test_moments_of_another_basis_are_exact(isa, points, basis):
    """Of the points as they are: x - middle is exact here, and u = (x - middle) / half a fraction."""
    x, y, s = points
    degree, domain = 4, (3.0, 8.5)
    rows = [*np.random.default_rng(1).uniform(-1, 1, (3, degree))]
    known = tuple(rows) if basis == "any" else basis
    units = Units(known, degree, domain, 0.5, exact=True)
    moments = Points(x, y[:, None], s).moments(units, 1)
    middle, half = (Fraction(v) for v in domain_map(domain))
    u = [(Fraction(v) - middle) / half for v in x.tolist()]
    P = [[Fraction(1)] * len(u)]
    for k, (a, b, c) in enumerate(
        zip(*map(exactly, explicit_recurrence(known, degree)), strict=True)
    ):
        before = P[k - 1] if k else [Fraction(0)] * len(u)
        P.append([(a * ui + b) * p - c * q for ui, p, q in zip(u, P[k], before, strict=True)])
    s, y = exactly(s), [v / Fraction(1, 2) for v in exactly(y)]
    for i in range(degree + 1):
        weighted = [a * b for a, b in zip(s, P[i], strict=True)]
        columns = [*P, y]
        found = [*moments.gram()[:, i].T, moments.cross()[:, 0, i]]
        for column, (high, low) in zip(columns, found, strict=True):
            products = [a * b for a, b in zip(weighted, column, strict=True)]
            error = abs(sum(products) - Fraction(float(high)) - Fraction(float(low)))
            assert error <= Fraction(1e-27) * sum(map(abs, products))


def test_kernels_take_a_recurrence(isa, points):
    x, y, _ = points
    u = (x - 5.5) / 2.5
    basis = ref.orthonormal_recurrence(u, 6)
    theta = np.arange(1.0, 8.0)
    P = ref.recurrence_matrix(u, *basis)
    np.testing.assert_allclose(kernels.polynomial_predict(theta, u, basis), P @ theta, rtol=1e-12)
    loss, gradient = kernels.polynomial_loss_gradient(theta, u, y, basis)
    assert loss == pytest.approx(np.mean((P @ theta - y) ** 2), rel=1e-12)
    np.testing.assert_allclose(gradient, 2 * P.T @ (P @ theta - y) / len(x), atol=1e-10)
    with pytest.raises(ValueError, match=r"three arrays a, b, c of shape \(5,\)"):
        kernels.polynomial_predict(theta[:6], u, basis)


# ---------------------------------------------------------------- the descent


@pytest.mark.parametrize("degree", [0, 1, 3, 8, 15])
def test_descent_ends_in_one_step(isa, points, degree):
    x, y, s = points
    model = orthonormal(degree).fit(x, y, s)
    assert model.status_ == "converged"
    assert len(model.loss_curve_) <= 2
    expected = Chebyshev.fit(x, y, degree, w=np.sqrt(s))
    np.testing.assert_allclose(model.predict(x), expected(x), atol=1e-9)


def test_a_step_of_plain_gradient_descent_is_the_minimum(isa, points):
    """The Hessian is 2 I, whatever the loop that steps: here on the points, by the kernel."""
    x, y, _ = points
    model = orthonormal(6).fit(x, y)
    u = to_unit(x, model.domain_)
    for start in (np.zeros(7), np.full(7, 100.0)):
        _, gradient = kernels.polynomial_loss_gradient(start, u, y, tuple(model.recurrence_))
        np.testing.assert_allclose(start - 0.5 * gradient, model.coef_, atol=1e-11)


def test_several_targets(isa, points):
    x, y, _ = points
    Y = np.stack([y, y**2, x], axis=1)
    model = orthonormal(4).fit(x, Y)
    assert len(model.loss_curve_) <= 2
    for k in range(3):
        alone = orthonormal(4).fit(x, Y[:, k])
        np.testing.assert_allclose(model.coef_[k], alone.coef_, atol=1e-12 * np.abs(Y).max())
    assert model.monomial_coef_.shape == (3, 5)


def test_mini_batches_penalties_and_other_losses(isa, points):
    """The paths that step on points, or stop elsewhere, have the same minimum as NumPy's or the closed form."""
    x, y, _ = points
    plain = orthonormal(3).fit(x, y)
    ridge = orthonormal(3, alpha=0.5).fit(x, y)
    shrunk = plain.coef_ / (1 + np.array([0, 0.25, 0.25, 0.25]))  # (2 + alpha) c = 2 T
    np.testing.assert_allclose(ridge.coef_, shrunk, atol=1e-9)
    lasso = orthonormal(3, alpha=0.1, l1_ratio=1.0).fit(x, y)
    soft = np.sign(plain.coef_) * np.maximum(
        np.abs(plain.coef_) - np.array([0, 0.05, 0.05, 0.05]), 0
    )
    np.testing.assert_allclose(lasso.coef_, soft, atol=1e-9)
    huber = orthonormal(3, loss=Huber(1e3)).fit(x, 1.0 * y)  # half the square, all within delta
    np.testing.assert_allclose(huber.coef_, plain.coef_, atol=1e-8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        batches = orthonormal(3, batch_size=9, max_epochs=200, random_state=0).fit(x, y)
    assert batches.score(x, y) > plain.score(x, y) - 0.02


def test_the_slope(isa, points):
    x, y, _ = points
    model = orthonormal(6).fit(x, y)
    expected = Chebyshev.fit(x, y, 6).deriv()(x)
    np.testing.assert_allclose(
        model.input_gradient(x)[:, 0], expected, atol=1e-9 * abs(expected).max()
    )


# ---------------------------------------------------------------- what the first data decide


def test_warm_start_keeps_the_basis(isa, points, rng):
    x, y, _ = points
    model = orthonormal(5, warm_start=True).fit(x, y)
    first = model.recurrence_.copy()
    model.fit(rng.uniform(3.5, 7.5, 60), rng.standard_normal(60))
    np.testing.assert_array_equal(model.recurrence_, first)
    again = orthonormal(5, warm_start=True).fit(x, y)
    again.fit(x, y)
    assert again.loss_curve_[0] == pytest.approx(again.loss_, rel=1e-12)
    model.degree = 4
    with pytest.raises(ValueError, match="warm_start go on from coef_ of degree 5"):
        model.fit(x, y)


def test_partial_fit_keeps_the_basis(isa, points, rng):
    x, y, _ = points
    model = orthonormal(4).partial_fit(x, y)
    first = model.recurrence_.copy()
    np.testing.assert_allclose(model.coef_, orthonormal(4).fit(x, y).coef_, atol=1e-10)
    part = rng.permutation(90)[:3]  # fewer than the basis would need
    model.partial_fit(x[part], y[part])
    np.testing.assert_array_equal(model.recurrence_, first)


def test_a_model_file_has_the_recurrence(isa, points, tmp_path):
    x, y, _ = points
    model = orthonormal(5, tol=1e-24).fit(x, y)
    save_pipeline(tmp_path / "model", Pipeline(model))
    loaded = load_pipeline(tmp_path / "model").estimator
    np.testing.assert_array_equal(loaded.recurrence_, model.recurrence_)
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    np.testing.assert_array_equal(loaded.monomial_coef_, model.monomial_coef_)


def test_too_few_points(isa):
    x = np.array([0.0, 1.0, 2.0, 2.0])
    with pytest.raises(ValueError, match="none above degree 2"):
        orthonormal(3).fit(x, x)
    with pytest.raises(ValueError, match="none above degree 1"):  # points without weight are none
        orthonormal(2).fit(x, x, [1, 1, 0, 0])
    with pytest.raises(ValueError, match="none above degree 0"):
        orthonormal(1).fit(np.ones(5), np.ones(5))
    model = orthonormal(0).fit(np.ones(5), np.full(5, 3.0))
    assert model.coef_.tolist() == pytest.approx([3.0], rel=1e-10)


@needs_two
def test_same_bits_everywhere(points):
    x, y, s = points

    def fit():
        model = orthonormal(9, tol=1e-24).fit(x, y, s)
        return bits([model.recurrence_, model.coef_, model.coef_rest_])

    assert all(on(name, fit) == on(FUSED[0], fit) for name in FUSED)


# ---------------------------------------------------------------- to the last digits


def exact_minimum(X, y):
    """Least squares for columns X (p, n), in fractions, rounded to floats."""
    X = [[v if isinstance(v, Fraction) else Fraction(float(v)) for v in row] for row in X]
    y = [Fraction(float(v)) for v in y]
    rows = [[sum(a * b for a, b in zip(p, q, strict=True)) for q in [*X, y]] for p in X]
    for k in range(len(rows)):
        rows[k] = [v / rows[k][k] for v in rows[k]]
        for i in range(len(rows)):
            if i != k:
                rows[i] = [v - rows[i][k] * w for v, w in zip(rows[i], rows[k], strict=True)]
    return np.array([float(row[-1]) for row in rows])


@pytest.mark.parametrize("basis", ["chebyshev", "legendre", "orthonormal"])
def test_a_tiny_tolerance_gives_all_digits(isa, rng, basis):
    x = np.round(rng.uniform(2.0, 9.0, 30), 3)
    y = np.cos(x) + 0.1 * rng.standard_normal(30)
    model = st.PolynomialRegression(6, basis, tol=1e-24, max_epochs=100_000).fit(x, y)
    assert model.status_ == "converged"
    assert model.history_["gradient_norm"][-1] <= 1e-24
    assert len(model.loss_curve_) == len(model.history_["seconds"]) == model.n_iter_ + 1
    expected = exact_minimum([[Fraction(float(v)) ** k for v in x] for k in range(7)], y)
    np.testing.assert_allclose(model.monomial_coef_, expected, rtol=1e-14)
    assert (np.abs(model.coef_rest_) <= np.spacing(np.abs(model.coef_))).all()
    assert model.coef_rest_.any()


def test_linear_to_the_last_digits(isa, rng):
    X = rng.standard_normal((20, 3)) * [1, 1e3, 1e-3] + [100, 0, 1]
    y = X @ [1.0, 2e-3, 3e3] + rng.standard_normal(20)
    model = st.LinearRegression(tol=1e-24).fit(X, y)
    assert model.status_ == "converged"
    expected = exact_minimum([np.ones(20), *X.T], y)
    np.testing.assert_allclose([model.intercept_, *model.coef_], expected, rtol=2e-15)


def test_validation_and_callbacks_go_with_refinement(isa, points):
    x, y, _ = points
    calls = []
    model = st.PolynomialRegression(5, tol=1e-24, callbacks=[lambda record: calls.append(record)])
    model.fit(x[:60], y[:60], validation_data=(x[60:], y[60:]))
    assert model.status_ == "converged"
    expected = np.mean((model.predict(x[60:]) - y[60:]) ** 2)
    assert model.history_["validation_loss"][-1] == pytest.approx(expected, rel=1e-9)
    assert len(calls) < len(model.loss_curve_)


def test_powers_of_x_are_rounded_once(rng):
    """Against 60 digits, where float64 loses all of them: the powers of (x - 1000) / 2 cancel."""
    coefficients = rng.standard_normal(9)
    domain = (998.0, 1002.0)
    found = to_monomial(coefficients, "legendre", domain)
    with mpmath.workdps(120):
        u = [-mpmath.mpf(500), mpmath.mpf(1) / 2]
        p, before, total = [mpmath.mpf(1)], [mpmath.mpf(0)], [mpmath.mpf(0)] * 9
        for k in range(9):
            for j, value in enumerate(p):
                total[j] += mpmath.mpf(float(coefficients[k])) * value
            a, c = (mpmath.mpf((2 * k + 1) / (k + 1)), mpmath.mpf(k / (k + 1)))
            product = [mpmath.mpf(0)] * (len(p) + 1)
            for j, value in enumerate(p):
                product[j] += a * u[0] * value
                product[j + 1] += a * u[1] * value
            for j, value in enumerate(before):
                product[j] -= c * value
            p, before = product, p
        expected = [float(v) for v in total]
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    assert Polynomial(found).degree() == 8


def test_refinement_stays_within_the_limits(isa, points):
    x, y, _ = points
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        whole = st.PolynomialRegression(5, tol=1e-24).fit(x, y)
        short = st.PolynomialRegression(5, tol=1e-24, max_epochs=whole.n_iter_ - 5).fit(x, y)
        steps = st.PolynomialRegression(5, tol=1e-24, stop=[MaxSteps(whole.n_iter_ - 5)]).fit(x, y)
    assert whole.status_ == "converged"
    assert (short.status_, short.n_iter_) == ("max_epochs", whole.n_iter_ - 5)
    assert (steps.status_, steps.n_iter_) == ("max_steps", whole.n_iter_ - 5)
