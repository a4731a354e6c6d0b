"""Moments in double-double, against exact rational arithmetic; descent on them, against descent on the data."""

from __future__ import annotations

import math
import tracemalloc
import warnings
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from test_bits import FUSED, bits, needs_two, on

import steepest as st
from steepest import _native, stopping
from steepest import reference as ref
from steepest._bases import recurrence
from steepest.estimators import linear, polynomial
from steepest.estimators.quadratic import moments_are_faster

BASES = ("monomial", "chebyshev", "legendre")
EXACT = 1e-27  # of the sum of magnitudes, for sums of up to a few thousand terms


def exact(values):
    """The same numbers as an array of fractions."""
    return np.vectorize(Fraction, otypes=[object])(np.asarray(values, np.float64))


def total(pair):
    """High and low parts (2, ...) as fractions."""
    return exact(pair[0]) + exact(pair[1])


def as_float(values):
    return np.vectorize(float, otypes=[float])(values)


def quietly(fit, *arguments, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit(*arguments, **named)


# ---------------------------------------------------------------- double-double


def pairs(rng, n=200):
    """Numbers of 106 bits of all sizes, as (2, n)."""
    high = rng.standard_normal(n) * 10.0 ** rng.integers(-20, 20, n)
    low = high * rng.uniform(-0.5, 0.5, n) * 2.0**-53
    return np.array([high + low, low - ((high + low) - high)])


@pytest.mark.parametrize("name", ["two_sum", "two_product"])
def test_error_free_transformations(isa, rng, name):
    a, b = pairs(rng), pairs(rng)
    result = total(_native.core.double_double(name, a, b))
    x, y = exact(a[0]), exact(b[0])
    assert (result == (x + y if name == "two_sum" else x * y)).all()


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide"])
def test_double_double_operations(isa, rng, name):
    a, b = pairs(rng), pairs(rng)
    x, y = total(a), total(b)
    expected = {"add": x + y, "subtract": x - y, "multiply": x * y, "divide": x / y}[name]
    result = _native.core.double_double(name, a, b)
    error = as_float((total(result) - expected) / expected)
    assert np.abs(error).max() <= 2.0**-100
    assert (result[0] + result[1] == result[0]).all()  # no overlap


def test_double_double_root(isa, rng):
    a = np.abs(pairs(rng))
    with mpmath.workdps(60):
        for i, root in enumerate(_native.core.double_double("sqrt", a, a).T):
            x = mpmath.mpf(float(a[0, i])) + mpmath.mpf(float(a[1, i]))
            found = mpmath.mpf(float(root[0])) + mpmath.mpf(float(root[1]))
            assert abs(found / mpmath.sqrt(x) - 1) <= 2.0**-100


# ---------------------------------------------------------------- polynomial moments


def exact_basis(x, degree, basis):
    """Basis polynomials with the core's own (rounded) coefficients, as fractions (n, degree + 1)."""
    given = recurrence(basis, degree)
    one = np.full(len(x), Fraction(1), object)
    columns = [0 * one, one]
    for k in range(degree):
        a, c = (1.0, 0.0) if given is None else (given[0][k], given[2][k])
        columns.append(Fraction(float(a)) * x * columns[-1] - Fraction(float(c)) * columns[-2])
    return np.array(columns[1:]).T


def polynomial_moments(x, y, w, degree, basis, units=(0.0, 1.0, 1.0), n_threads=1):
    return _native.core.polynomial_moments(
        (x, y, w), recurrence(basis, 2 * degree), degree, *units, n_threads
    )


def assert_moments(moments, design, y, w=None, allowed=EXACT):
    """Compare with the exact moments, each error relative to the sum of the magnitudes of its terms."""
    found = moments.gram(), moments.cross(), moments.square()
    wanted = ref.moments(design, y, w)
    magnitudes = ref.moments(abs(design), abs(y), w)
    for pair, value, magnitude in zip(found, wanted, magnitudes, strict=True):
        error = as_float(abs(total(pair) - value))
        assert (error <= allowed * as_float(magnitude)).all()


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize(("n", "degree"), [(1, 0), (1, 2), (7, 3), (40, 10), (130, 1), (16, 20)])
@pytest.mark.parametrize("weighted", [False, True])
def test_polynomial_moments_are_exact(isa, rng, basis, n, degree, weighted):
    x, y = rng.uniform(-1, 1, n), rng.standard_normal(n) * 10.0 ** rng.integers(-3, 3, n)
    w = rng.uniform(0, 3, n) if weighted else None
    design = exact_basis(exact(x), degree, basis)
    weights = None if w is None else exact(w)
    assert_moments(
        polynomial_moments(x, y, w, degree, basis),
        design,
        exact(y)[:, None],
        weights,
        1e-26 if degree <= 10 else 1e-24,
    )


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("size", [1e-3, 1.5, 30.0])
def test_polynomial_moments_outside_of_the_window(isa, rng, basis, size):
    """Points that a warm start finds outside of the domain: the grids grow with the basis."""
    x, y = rng.uniform(-size, size, 30), rng.standard_normal(30)
    design = exact_basis(exact(x), 6, basis)
    loss_of_small = 1e-22 if size < 1 and basis != "monomial" else 1e-26
    assert_moments(
        polynomial_moments(x, y, None, 6, basis), design, exact(y)[:, None], None, loss_of_small
    )


@pytest.mark.parametrize("size", [1e-12, 1e12])
def test_polynomial_moments_with_small_and_large_weights(isa, rng, size):
    x, y, w = rng.uniform(-1, 1, 50), rng.standard_normal(50), rng.uniform(0, size, 50)
    moments = polynomial_moments(x, y, w, 6, "chebyshev")
    assert_moments(
        moments, exact_basis(exact(x), 6, "chebyshev"), exact(y)[:, None], exact(w), 1e-26
    )


def test_larger_points_later_on(isa, rng):
    """The grids follow the values: what has been summed on finer ones is kept."""
    n = 3000
    x = rng.uniform(-1, 1, n) * np.linspace(0.1, 3.0, n)
    y = rng.standard_normal(n) * np.linspace(0.1, 100.0, n)
    for basis in BASES:
        design = exact_basis(exact(x), 2, basis)
        assert_moments(polynomial_moments(x, y, None, 2, basis), design, exact(y)[:, None])


def test_chunks_and_parts_of_many_points(isa, rng):
    """Sums over more than one part (some 2^16) of points that are integers: exact in Python's."""
    n = 140_001
    x, y = rng.integers(-(2**12), 2**12, n), rng.integers(-(2**20), 2**20, n)
    moments = polynomial_moments(x / 2.0**12, y / 2.0**20, None, 2, "monomial")
    powers = [[sum(int(v) ** k for v in x)] for k in range(5)]
    gram = total(moments.gram())
    for i in range(3):
        for j in range(3):
            assert gram[i, j] * 2 ** (12 * (i + j)) == powers[i + j][0]
    cross = total(moments.cross())[0]
    for k in range(3):
        want = sum(int(a) ** k * int(b) for a, b in zip(x, y, strict=True))
        assert cross[k] * 2 ** (12 * k + 20) == want
    assert total(moments.square())[0] * 2**40 == sum(int(b) ** 2 for b in y)


def test_bits_of_moments_do_not_depend_on_threads(isa, rng):
    """Several parts (some 2^16 points, 2^13 rows), of which the last is short, shared out among 1, 2, 3 threads."""
    x, y, w = rng.uniform(-1, 1, 280_001), rng.standard_normal(280_001), rng.random(280_001)
    X = rng.standard_normal((30_001, 5))
    hashes = []
    for n_threads in (1, 2, 3):
        sums = _native.core.linear_moments((X, y[:30_001, None].copy(), None), True, n_threads)
        fit = sums.standardised(np.zeros(5), np.ones(5), np.zeros(1), 1.0, True)
        curve = polynomial_moments(x, y, w, 3, "chebyshev", n_threads=n_threads)
        hashes.append(bits([m for s in (fit, curve) for m in (s.gram(), s.cross(), s.square())]))
    assert hashes[0] == hashes[1] == hashes[2]


@pytest.mark.parametrize(("half", "unit"), [(2.75, 6.7), (4.0, 0.125)])  # quotients, and products
@pytest.mark.parametrize("basis", BASES)
def test_units_are_those_of_the_direct_descent(isa, dtype, rng, basis, half, unit):
    """Mapped and scaled point by point, rounded to the data's dtype as NumPy does it."""
    x, y = (a.astype(dtype) for a in (rng.uniform(3, 8, 1500), 7 * rng.standard_normal(1500)))
    middle = 5.5
    moments = polynomial_moments(x, y, None, 3, basis, (middle, half, unit))
    u, t = ((x - middle) / half).astype(np.float64), (y / unit).astype(np.float64)
    same = polynomial_moments(u, t, None, 3, basis)
    assert bits([moments.gram(), moments.cross(), moments.square()]) == bits(
        [same.gram(), same.cross(), same.square()]
    )


def test_products_from_moments_of_the_reference(rng):
    x = rng.uniform(-1, 1, 50)
    for basis in BASES:
        for degree in (0, 1, 6):
            nu = ref.basis_matrix(x, 2 * degree, basis).sum(axis=0)
            design = ref.basis_matrix(x, degree, basis)
            gram = ref.products_from_moments(nu, degree, basis)
            np.testing.assert_allclose(gram, design.T @ design, atol=1e-12)


# ---------------------------------------------------------------- linear moments


def problem(rng, n, d, K):
    """Columns of all sizes, some of them far from zero, one of them constant."""
    X = rng.standard_normal((n, d)) * 10.0 ** rng.integers(-6, 7, d)
    X += np.where(rng.random(d) < 0.5, 1e9, 0.0)
    X[:, -1] = 0.1
    return X, rng.standard_normal((n, K)) + 100.0


@pytest.mark.parametrize(("n", "d", "K"), [(1, 1, 1), (3, 5, 1), (50, 7, 3), (600, 3, 2)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
def test_linear_moments_are_exact(isa, rng, n, d, K, weighted, intercept):
    X, y = problem(rng, n, d, K)
    w = rng.uniform(0, 3, n) if weighted else None
    sums = _native.core.linear_moments((X, y, w), True, 1)
    design = exact(X)
    if intercept:
        design = np.column_stack([np.full(n, Fraction(1), object), design])
    weights = None if w is None else exact(w)
    plain = sums.standardised(np.zeros(d), np.ones(d), np.zeros(K), 1.0, intercept)
    assert_moments(plain, design, exact(y), weights)


@pytest.mark.parametrize("weighted", [False, True])
def test_standardised_moments_are_exact(isa, rng, weighted):
    """Relative to the centred columns' own sizes: a mean of 1e9 costs no digits."""
    n, d, K = 60, 5, 2
    X, y = problem(rng, n, d, K)
    w = rng.uniform(0.1, 3, n) if weighted else None
    mean, scale = X.mean(axis=0), np.r_[X.std(axis=0)[:-1], 1.0]
    y_mean, y_scale = y.mean(axis=0), 3.0
    sums = _native.core.linear_moments((X, y, w), True, 1)
    moments = sums.standardised(mean, scale, y_mean, y_scale, True)
    Z = (exact(X) - exact(mean)) / exact(scale)
    design = np.column_stack([np.full(n, Fraction(1), object), Z])
    target = (exact(y) - exact(y_mean)) / Fraction(y_scale)
    weights = np.full(n, Fraction(1), object) if w is None else exact(w)
    gram, cross, square = ref.moments(design, target, weights)
    size = np.sqrt(np.maximum(as_float(np.diag(gram)), 1e-12))
    y_size = np.sqrt(as_float(square))
    assert (as_float(abs(total(moments.gram()) - gram)) <= EXACT * np.outer(size, size)).all()
    assert (as_float(abs(total(moments.cross()) - cross)) <= EXACT * np.outer(y_size, size)).all()
    assert (as_float(abs(total(moments.square()) - square)) <= EXACT * y_size**2).all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("pairs_too", [False, True])
def test_column_statistics(isa, dtype, rng, weighted, pairs_too):
    X, y = (a.astype(dtype) for a in problem(rng, 700, 6, 2))
    w = rng.uniform(0.1, 3, 700).astype(dtype) if weighted else None
    sums = _native.core.linear_moments((X, y, w), pairs_too, 1)
    columns = exact(np.column_stack([X, y]))
    weights = exact(np.ones(700) if w is None else w)
    mean = (columns * weights[:, None]).sum(axis=0) / weights.sum()
    for about_mean in (True, False):
        center = mean if about_mean else 0 * mean
        variance = ((columns - center) ** 2 * weights[:, None]).sum(axis=0) / weights.sum()
        found = sums.column_statistics(about_mean)
        np.testing.assert_allclose(found[0], as_float(mean), rtol=4e-16)
        np.testing.assert_allclose(found[1], np.sqrt(as_float(variance)), rtol=1e-15)
        np.testing.assert_array_equal(found[2], np.abs(np.column_stack([X, y])).max(axis=0))


@pytest.mark.parametrize("size", [1e-300, 1e-150, 1e150, 1e300])
def test_column_statistics_neither_overflow_nor_underflow(isa, rng, size):
    X = rng.standard_normal((40, 2))
    sums = _native.core.linear_moments((X * size, X[:, :1].copy(), None), True, 1)
    found = sums.column_statistics(True)
    np.testing.assert_allclose(found[1, :2], X.std(axis=0) * size, rtol=1e-13)
    np.testing.assert_allclose(
        sums.column_statistics(False)[1, :2], np.sqrt(np.mean(X**2, axis=0)) * size, rtol=1e-13
    )


@pytest.mark.parametrize("n", [1, 31, 32, 1000])
@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_root_mean_square(isa, dtype, rng, n, size):
    size = size if dtype is np.float64 else size**0.1
    x = rng.standard_normal(n).astype(dtype)
    x *= dtype(size)
    expected = np.sqrt(np.mean((x.astype(np.float64) / size) ** 2)) * size
    low, high, root = _native.core.value_range(x)
    np.testing.assert_allclose(root, expected, rtol=1e-14)
    assert (low, high) == (x.min(), x.max())
    assert _native.core.value_range(0 * x) == (0.0, 0.0, 0.0)
    for bad in (np.nan, np.inf, -np.inf):
        x[rng.integers(n)] = bad
        assert _native.core.value_range(x) is None


# ---------------------------------------------------------------- loss and gradient from moments


def loss_and_step(moments, theta):
    """The loss at theta, and theta minus the gradient there."""
    config = {"optimizer": st.SGD(1.0).config(), "max_steps": 1, "by_points": True}
    end = theta.copy()
    result = _native.core.moments_descent(end, [], moments, None, 0.0, 0.0, config, None)
    return result["history"]["loss"][0], end


@pytest.mark.parametrize("noise", [1.0, 1e-6, 1e-13])
@pytest.mark.parametrize("degree", [3, 10, 17])
def test_the_loss_near_a_perfect_fit(isa, rng, noise, degree):
    """The difference y'y - 2 theta'T + theta'G theta cancels up to 26 digits here; none is missing."""
    x, theta = rng.uniform(-1, 1, 50), rng.standard_normal(degree + 1)
    y = ref.polynomial_predict(theta, x, "chebyshev") + noise * rng.standard_normal(50)
    moments = polynomial_moments(x, y, None, degree, "chebyshev")
    loss, end = loss_and_step(moments, theta[None])
    design = exact_basis(exact(x), degree, "chebyshev")
    residual = design @ exact(theta) - exact(y)
    expected = float(residual @ residual / 50)
    if _native.core.build_info()["fused_multiply_add"] or noise > 1e-10:
        assert loss == pytest.approx(expected, rel=1e-1 if noise < 1e-10 else 1e-12)
    gradient = as_float(2 * design.T @ residual / 50)
    np.testing.assert_allclose(theta - end[0], gradient, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("K", [1, 3])
@pytest.mark.parametrize("p", [1, 2, 7, 8, 9, 17, 40])
def test_loss_and_gradient_are_those_of_the_reference(isa, rng, K, p):
    n = 100
    X, y = rng.standard_normal((n, p)), rng.standard_normal((n, K))
    sums = _native.core.linear_moments((X, y, None), True, 1)
    moments = sums.standardised(np.zeros(p), np.ones(p), np.zeros(K), 1.0, False)
    theta = rng.standard_normal((K, p))
    loss, end = loss_and_step(moments, theta)
    expected, gradient = ref.moments_loss_gradient(theta, *ref.moments(X, y), n)
    assert loss == pytest.approx(expected, rel=1e-13)
    assert loss == pytest.approx(np.mean((X @ theta.T - y) ** 2), rel=1e-13)
    np.testing.assert_allclose(theta - end, gradient, rtol=1e-12, atol=1e-13)


# ---------------------------------------------------------------- the same iterates as on the data


@pytest.fixture
def direct(monkeypatch):
    """Return a function that fits on the data, step by step, whatever is faster."""

    def fit(model, *data, **named):
        with monkeypatch.context() as patch:
            for module in (linear, polynomial):
                patch.setattr(module, "moments_are_faster", lambda *shape: False)
            return quietly(model.fit, *data, **named)

    return fit


@pytest.fixture
def from_moments(monkeypatch):
    """Return a function that fits on the moments, and fails if it doesn't."""

    def fit(model, *data, **named):
        used = []
        for module in (linear, polynomial):
            descent = module.moments_descent
            monkeypatch.setattr(
                module, "moments_descent", lambda *a, d=descent: used.append(1) or d(*a)
            )
            monkeypatch.setattr(module, "moments_are_faster", lambda *shape: True)
        fitted = quietly(model.fit, *data, **named)
        assert used == [1]
        return fitted

    return fit


def assert_same_descent(a, b, rtol, atol=None):
    """Compare histories and coefficients; atol: of the largest number in a history."""
    atol = 1e-3 * rtol if atol is None else atol
    assert a.n_iter_ == b.n_iter_
    assert a.status_ == b.status_
    assert set(a.history_) == set(b.history_)
    for name in ("loss", "gradient_norm", "validation_loss"):
        if name in a.history_:
            x, y = a.history_[name], b.history_[name]
            np.testing.assert_allclose(x, y, rtol=rtol, atol=atol * y.max())
    assert np.linalg.norm(a.coef_ - b.coef_) <= rtol * np.linalg.norm(b.coef_)


OPTIMIZERS = [  # slow enough not to arrive, where what is left would be rounding errors
    st.SGD(0.01),
    st.Momentum(0.001, 0.9),
    st.Momentum(0.001, 0.9, nesterov=True),
    st.Adam(0.001),
    st.AdamW(0.001, weight_decay=0.1),
]


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_thousand_steps_of_degree_ten(rng, direct, from_moments, basis, optimizer, weighted):
    x = rng.uniform(-1, 1, 3000)
    y = np.sin(5 * x) + 0.1 * rng.standard_normal(3000)
    w = rng.uniform(0, 2, 3000) if weighted else None
    options = {"optimizer": optimizer, "max_epochs": 1000, "tol": 0.0, "alpha": 0.01 * weighted}
    a = direct(st.PolynomialRegression(10, basis, **options), x, y, w)
    b = from_moments(st.PolynomialRegression(10, basis, **options), x, y, w)
    assert a.n_iter_ == 1000
    assert_same_descent(b, a, 1e-12)


@pytest.mark.parametrize("K", [None, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_thousand_steps_of_linear_regression(
    rng, direct, from_moments, K, fit_intercept, standardize, weighted
):
    X = rng.standard_normal((400, 20)) + rng.uniform(-1, 1, 20)
    coef = rng.standard_normal((20, *([] if K is None else [K])))
    y = X @ coef + rng.standard_normal((400, *coef.shape[1:])) + 3
    w = rng.uniform(0, 2, 400) if weighted else None
    options = {
        "optimizer": st.Momentum(0.001, 0.5),
        "max_epochs": 1000,
        "tol": 0.0,
        "fit_intercept": fit_intercept,
        "standardize": standardize,
        "alpha": 0.1 * weighted,
    }
    a = direct(st.LinearRegression(**options), X, y, w)
    b = from_moments(st.LinearRegression(**options), X, y, w)
    assert a.n_iter_ == 1000
    assert_same_descent(b, a, 1e-12)
    np.testing.assert_allclose(b.intercept_, a.intercept_, rtol=1e-11)


@pytest.mark.parametrize("Model", [st.LinearRegression, st.PolynomialRegression])
def test_in_float32_the_steps_are_those_of_float32_up_to_its_rounding(
    rng, direct, from_moments, Model
):
    x = rng.uniform(-1, 1, (500, 1)).astype(np.float32)
    y = (np.sin(3 * x[:, 0]) + 0.1 * rng.standard_normal(500)).astype(np.float32)
    options = {"optimizer": st.SGD(0.1), "max_epochs": 100, "tol": 0.0}
    a, b = direct(Model(**options), x, y), from_moments(Model(**options), x, y)
    assert a.coef_.dtype == b.coef_.dtype
    assert_same_descent(b, a, 1e-5, 1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("K", [None, 2])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_validation_is_the_same_of_linear_regression(
    rng, direct, from_moments, weighted, K, fit_intercept
):
    X = rng.standard_normal((300, 3)) + 1
    y = X @ rng.standard_normal((3, *([] if K is None else [K]))) + 2
    y += rng.standard_normal(y.shape)
    held_out = (X[200:], y[200:], *([rng.uniform(0, 2, 100)] if weighted else []))
    options = {"optimizer": st.SGD(0.1), "max_epochs": 50, "fit_intercept": fit_intercept}
    a, b = (
        fit(st.LinearRegression(**options), X[:200], y[:200], validation_data=held_out)
        for fit in (direct, from_moments)
    )
    assert_same_descent(b, a, 1e-12)
    score = "validation_score"
    np.testing.assert_allclose(b.history_[score], a.history_[score], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_validation_is_the_same_of_a_polynomial(rng, direct, from_moments, weighted):
    x = rng.uniform(-2, 5, 300)
    y = np.cos(x) + 0.1 * rng.standard_normal(300)
    held_out = (x[200:], y[200:], *([rng.uniform(0, 2, 100)] if weighted else []))
    options = {"optimizer": st.SGD(0.1), "max_epochs": 50}
    a, b = (
        fit(st.PolynomialRegression(4, **options), x[:200], y[:200], validation_data=held_out)
        for fit in (direct, from_moments)
    )
    assert_same_descent(b, a, 1e-12)
    score = "validation_score"
    np.testing.assert_allclose(b.history_[score], a.history_[score], rtol=1e-11, atol=1e-12)


def test_callbacks_schedules_and_stop_rules_are_those_of_the_one_descent(rng, direct, from_moments):
    x = rng.uniform(-1, 1, 300)
    y = np.sin(3 * x)
    seen = {}

    def options(name):
        seen[name] = []
        return {
            "optimizer": st.SGD(0.3),
            "schedule": st.schedules.Exponential(0.99),
            "stop": [stopping.MaxSteps(40)],
            "callbacks": [lambda record: seen[name].append(record["loss"]) or False],
        }

    a = direct(st.PolynomialRegression(4, **options("a")), x, y)
    b = from_moments(st.PolynomialRegression(4, **options("b")), x, y)
    assert a.status_ == b.status_ == "max_steps"
    assert len(seen["a"]) == len(seen["b"]) == 41
    np.testing.assert_allclose(seen["a"], seen["b"], rtol=1e-12)


def test_a_descent_that_diverges_is_told(rng, from_moments):
    x = rng.uniform(-1, 1, 300)
    model = st.PolynomialRegression(4, learning_rate=1e3)
    fitted = from_moments(model, x, np.sin(3 * x))
    assert fitted.status_ == "diverged"
    assert np.isfinite(fitted.coef_).all()


# ---------------------------------------------------------------- certified digits


def solve(gram, cross):
    """Solve a system of fractions by elimination."""
    a = np.column_stack([gram, cross]).astype(object)
    for k in range(len(a)):
        a[k] = a[k] / a[k, k]
        for i in range(len(a)):
            if i != k:
                a[i] = a[i] - a[i, k] * a[k]
    return a[:, -1]


def test_wamplers_certified_coefficients(isa):
    """NIST's Wampler1: y = 1 + x + ... + x^5 at 0 ... 20, where the normal equations lose 12 digits."""
    x = np.arange(21.0)
    X, y = x[:, None] ** np.arange(1, 6), (x[:, None] ** np.arange(6)).sum(axis=1)
    sums = _native.core.linear_moments((X, y[:, None].copy(), None), True, 1)
    moments = sums.standardised(np.zeros(5), np.ones(5), np.zeros(1), 1.0, True)
    theta = as_float(solve(total(moments.gram()), total(moments.cross())[0]))
    np.testing.assert_allclose(theta, np.ones(6), rtol=1e-14)


# ---------------------------------------------------------------- curvature


@pytest.mark.parametrize("n", [1, 2, 3, 8, 11, 40, 130])
@pytest.mark.parametrize("kind", ["random", "graded", "low rank", "diagonal", "indefinite"])
def test_eigenvalues_are_those_of_numpy(isa, rng, n, kind):
    A = rng.standard_normal((n, n))
    if kind == "indefinite":
        A = A + A.T
    elif kind == "diagonal":
        A = np.diag(A[0])
    else:
        if kind == "graded":
            A *= 10.0 ** -np.arange(n)
        if kind == "low rank":
            A[n // 2 :] = 0
        A = A.T @ A
    A = 0.5 * (A + A.T)
    expected = np.linalg.eigvalsh(A)
    found = _native.core.symmetric_eigenvalues(A)
    np.testing.assert_allclose(found, expected, atol=4e-16 * (n + 4) * np.abs(expected).max())
    assert (np.diff(found) >= -1e-16 * np.abs(expected).max()).all()


@pytest.mark.parametrize("n", [1, 3, 10])
def test_eigenvalues_of_nothing_and_of_one(isa, n):
    assert not _native.core.symmetric_eigenvalues(np.zeros((n, n))).any()
    np.testing.assert_allclose(_native.core.symmetric_eigenvalues(np.eye(n)), 1.0, rtol=1e-15)
    ones = _native.core.symmetric_eigenvalues(np.ones((n, n)))
    np.testing.assert_allclose(ones, [*[0.0] * (n - 1), n], atol=1e-14)


@pytest.mark.parametrize("exponent", [-1000, -300, 300, 1000])
def test_eigenvalues_scale_by_powers_of_two(isa, rng, exponent):
    A = rng.standard_normal((9, 9))
    A = A @ A.T
    found = _native.core.symmetric_eigenvalues(np.ldexp(A, exponent))
    np.testing.assert_array_equal(np.ldexp(found, -exponent), _native.core.symmetric_eigenvalues(A))


def test_range_of_curvature_leaves_out_what_is_flat(isa, rng):
    Q = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    A = Q @ np.diag([0.0, 0.0, 1e-18, 1e-3, 1.0, 5.0]) @ Q.T
    low, high = _native.core.curvature_range(0.5 * (A + A.T), 6 * np.finfo(float).eps)
    np.testing.assert_allclose([low, high], [1e-3, 5.0], rtol=1e-11)
    assert _native.core.curvature_range(np.zeros((2, 2)), 1e-15) == (0.0, 0.0)


def test_the_automatic_rate_is_polyaks(rng):
    x, y = rng.uniform(-1, 1, 200), rng.standard_normal(200)
    x[:2] = -1, 1
    model = quietly(st.PolynomialRegression(3, max_epochs=1).fit, x, y)
    V = np.polynomial.chebyshev.chebvander(x, 3)
    low, high = np.sqrt(np.linalg.eigvalsh(2 * V.T @ V / 200)[[0, -1]])
    np.testing.assert_allclose(model.history_["learning_rate"], 4 / (low + high) ** 2, rtol=1e-13)


def test_mini_batches_take_half_the_inverse_trace(rng):
    X, y = rng.standard_normal((100, 3)) * [1, 2, 3] + 1, rng.standard_normal(100)
    for standardize in (True, False):
        model = st.LinearRegression(batch_size=10, max_epochs=1, standardize=standardize, alpha=0.5)
        rate = quietly(model.fit, X, y).history_["learning_rate"][0]
        Z = (X - X.mean(axis=0)) / X.std(axis=0) if standardize else X
        trace = 2 * np.sum(Z**2) / 100 + 3 * 0.5 + 2
        assert rate == pytest.approx(0.5 / trace, rel=1e-13)


# ---------------------------------------------------------------- what is chosen


def test_the_faster_way_is_chosen_by_shape_alone():
    def faster(rows, features, steps, measuring=10.0, outputs=1):
        return moments_are_faster(rows, features, outputs, steps, measuring * features)

    assert faster(10**6, 11, 1000)
    assert faster(10**6, 11, math.inf, 0.0)
    assert not faster(10**6, 11, 1)  # a look at the data costs several steps
    assert not faster(10**6, 11, 0)
    assert faster(10**6, 11, 1, 0.0)  # but not if it is needed in any case
    assert faster(10**5, 101, 1000, 60.0)
    assert not faster(50, 101, 1000, 0.0)  # fewer rows than the Gram matrix has
    assert not faster(10, 11, 10**6)
    assert faster(10**5, 11, 100, outputs=4)


def count_calls(monkeypatch, names):
    """Count the calls of functions of the core, by name."""
    calls = dict.fromkeys(names, 0)

    class Core:
        def __getattr__(self, name):
            if name in calls:
                calls[name] += 1
            return getattr(core, name)

    core = _native.core
    monkeypatch.setattr(_native, "core", Core())
    return calls


@pytest.mark.parametrize(
    ("options", "n", "moments"),
    [
        ({}, 1000, True),
        ({"learning_rate": 0.1, "max_epochs": 1000}, 1000, True),
        ({"learning_rate": 0.1, "max_epochs": 1}, 1000, False),
        ({"learning_rate": 0.1, "stop": [stopping.MaxSteps(1)]}, 1000, False),
        ({"batch_size": 10, "max_epochs": 1}, 1000, False),
        ({"batch_size": 1000}, 1000, True),
        ({}, 4, False),
    ],
    ids=str,
)
@pytest.mark.parametrize("Model", [st.LinearRegression, st.PolynomialRegression])
def test_estimators_take_the_faster_way(rng, monkeypatch, Model, options, n, moments):
    calls = count_calls(monkeypatch, ["moments_descent", "network_descent", "polynomial_descent"])
    x = rng.uniform(-1, 1, (n, 1))
    quietly(Model(**options).fit, x, np.sin(x[:, 0]))
    assert calls["moments_descent"] == int(moments)
    assert sum(calls.values()) == 1


@pytest.mark.parametrize("Model", [st.LinearRegression, st.PolynomialRegression])
def test_training_data_are_not_copied(rng, dtype, Model):
    """Extra memory is that of the moments: a fraction of the data's."""
    X = rng.standard_normal((200_000, 8 if Model is st.LinearRegression else 1)).astype(dtype)
    y = (X[:, 0] + 0.1).astype(dtype)
    Model(max_epochs=3).get_params()
    quietly(Model().fit, X[:100], y[:100])  # what is loaded once is not the fit's
    tracemalloc.start()
    quietly(Model(max_epochs=3).fit, X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.2 * y.nbytes


# ---------------------------------------------------------------- bits


@needs_two
@pytest.mark.parametrize("weighted", [False, True])
def test_moments_have_the_same_bits(rng, dtype, weighted):
    x, y = rng.uniform(-1, 1, 3001).astype(dtype), rng.standard_normal(3001).astype(dtype)
    w = rng.uniform(0, 2, 3001).astype(dtype) if weighted else None
    X, Y = rng.standard_normal((1201, 13)).astype(dtype), rng.standard_normal((1201, 3))
    X_weights = None if w is None else w[:1201].copy()

    def compute():
        found = [polynomial_moments(x, y, w, 7, basis, (0.1, 1.1, 0.7)) for basis in BASES]
        sums = _native.core.linear_moments((X, Y.astype(dtype), X_weights), True, 1)
        found.append(sums.standardised(np.zeros(13), np.ones(13), np.zeros(3), 1.0, True))
        arrays = [part for m in found for part in (m.gram(), m.cross(), m.square())]
        arrays.append(_native.core.symmetric_eigenvalues(found[-1].hessian(0.0)))
        return bits([*arrays, sums.column_statistics(True), sums.column_statistics(False)])

    first, *others = (on(name, compute) for name in FUSED)
    assert all(other == first for other in others)


@needs_two
@pytest.mark.parametrize("options", [{}, {"optimizer": st.Adam(0.01)}, {"learning_rate": 0.1}])
def test_fits_have_the_same_bits(rng, dtype, options):
    X, y = rng.standard_normal((500, 5)).astype(dtype), rng.standard_normal((500, 2)).astype(dtype)

    def compute():
        a = quietly(st.LinearRegression(max_epochs=200, **options).fit, X, y)
        b = quietly(st.PolynomialRegression(9, max_epochs=200, **options).fit, X[:, 0], y[:, 0])
        curves = [a.loss_curve_, b.loss_curve_]
        return bits([a.coef_, a.intercept_, b.coef_, *curves])

    first, *others = (on(name, compute) for name in FUSED)
    assert all(other == first for other in others)
