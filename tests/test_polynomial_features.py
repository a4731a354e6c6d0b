"""Polynomials of several features: terms, bases, fits against scikit-learn, and the exact way to powers of x."""

from __future__ import annotations

import pickle
import warnings
from itertools import product

import mpmath
import numpy as np
import pandas as pd
import peak_memory
import pytest
from numpy.polynomial import chebyshev, legendre, polynomial
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, LinearRegression, PoissonRegressor
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures
from test_bits import FUSED, bits, needs_two, on
from tolerances import assert_close

import steepest as st
from steepest import reference as ref
from steepest._bases import domain_map
from steepest._model_file import Pipeline, load_pipeline, save_pipeline
from steepest._products import count_terms, powers_of_terms, products_to_monomial, term_names
from steepest.losses import Huber

KNOWN = ("chebyshev", "legendre", "monomial")
BASES = (*KNOWN, "orthonormal")


def quietly(fit, *arguments, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit(*arguments, **named)


def on_window(X, domain):
    middle, half = np.array([domain_map(tuple(row)) for row in domain]).T
    return (X - middle) / half


def design_of(model, X):
    """The terms at points, of a known basis."""
    return ref.product_matrix(on_window(X, model.domain_), model.powers_, model.basis_)


@pytest.fixture
def points(rng):
    """Features of other sizes that depend on each other, targets, and weights."""
    z = rng.standard_normal((150, 3))
    X = np.stack([z[:, 0], 3 + 10 * (z[:, 0] + z[:, 1]), 1e-3 * np.exp(0.5 * z[:, 2])], axis=1)
    y = np.sin(z[:, 0]) * z[:, 1] + z[:, 2] ** 2 + 0.1 * rng.standard_normal(150)
    return X, y, rng.uniform(0.1, 4.0, 150)


# ---------------------------------------------------------------- terms


@pytest.mark.parametrize("d", [1, 2, 3, 6])
@pytest.mark.parametrize("degree", [0, 1, 2, 5])
@pytest.mark.parametrize("only", [False, True])
def test_terms_are_those_of_polynomial_features(d, degree, only):
    theirs = PolynomialFeatures(degree, interaction_only=only).fit(np.zeros((1, d)))
    powers = powers_of_terms(d, degree, None, only)
    np.testing.assert_array_equal(powers, theirs.powers_)
    assert count_terms(d, degree, None, only) == len(powers)
    names = [f"x{j}" for j in range(d)]
    assert term_names(powers, names) == theirs.get_feature_names_out().tolist()
    for order in (1, 2, 9):
        kept = powers[(powers > 0).sum(axis=1) <= order]
        np.testing.assert_array_equal(powers_of_terms(d, degree, order, only), kept)
        assert count_terms(d, degree, order, only) == len(kept)


def test_many_features_of_a_low_order_are_quick():
    """All monomials of this degree would be 10^11."""
    assert len(powers_of_terms(300, 6, 1, False)) == count_terms(300, 6, 1, False) == 1801


def test_term_names_of_a_model(points):
    X, y, _ = points
    frame = pd.DataFrame(X, columns=["height", "weight", "age"])
    model = st.PolynomialRegression(2).fit(frame, y)
    theirs = PolynomialFeatures(2).fit(frame)
    assert model.get_term_names().tolist() == theirs.get_feature_names_out().tolist()
    assert model.get_term_names(["a", "b", "c"])[5] == "a b"
    assert st.PolynomialRegression(2).fit(X[:, 0], y).get_term_names().tolist() == [
        "1",
        "x0",
        "x0^2",
    ]
    with pytest.raises(ValueError, match="input_features must be 3 names, but are 2"):
        model.get_term_names(["a", "b"])


# ---------------------------------------------------------------- values


VALUES = {
    "chebyshev": (chebyshev.chebval2d, chebyshev.chebval3d),
    "legendre": (legendre.legval2d, legendre.legval3d),
    "monomial": (polynomial.polyval2d, polynomial.polyval3d),
}


@pytest.mark.parametrize("basis", KNOWN)
@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("rows", [1, 31, 100])
def test_predictions_are_numpys(isa, rng, dtype, basis, d, rows):
    X = rng.uniform(-1, 1, (50, d)).astype(dtype)
    model = st.PolynomialRegression(4, basis).fit(X, X[:, 0])
    model.coef_ = rng.standard_normal((2, len(model.powers_)))
    points = rng.uniform(-1.2, 1.2, (rows, d)).astype(dtype)
    u = on_window(points.astype(np.float64), model.domain_)
    for k in range(2):
        table = np.zeros((5,) * d)
        table[tuple(model.powers_.T)] = model.coef_[k]
        expected = VALUES[basis][d - 2](*u.T, table)
        scale = np.abs(design_of(model, points)) @ np.abs(model.coef_[k])
        error = np.abs(model.predict(points)[:, k] - expected)
        assert (error <= 20 * np.finfo(dtype).eps * scale).all()
    assert model.predict(points).dtype == dtype


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("targets", [1, 2])
def test_input_gradient_is_the_slope_of_the_prediction(isa, points, basis, targets):
    X, y, _ = points
    Y = y if targets == 1 else np.stack([y, -2 * y], axis=1)
    model = quietly(st.PolynomialRegression(4, basis, max_epochs=50).fit, X, Y)
    gradient = model.input_gradient(X)
    assert gradient.shape == (*Y.shape, 3)
    for j in range(3):
        h = np.zeros(3)
        h[j] = 1e-5 * np.ptp(X[:, j])
        slope = (model.predict(X + h) - model.predict(X - h)) / (2 * h[j])
        atol = 1e-6 * np.abs(slope).max()
        np.testing.assert_allclose(gradient[..., j], slope, rtol=1e-6, atol=atol)


def test_input_gradient_of_counts(points):
    X, y, _ = points
    counts = np.round(np.exp(y.clip(-2, 2)))
    model = quietly(st.PolynomialRegression(2, loss="poisson", max_epochs=500).fit, X, counts)
    h = np.array([1e-6, 0, 0])
    slope = (model.predict(X + h) - model.predict(X - h)) / 2e-6
    np.testing.assert_allclose(model.input_gradient(X)[:, 0], slope, rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- fits


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("only", [False, True])
def test_the_fit_is_scikit_learns(isa, points, basis, weighted, only):
    X, y, s = points
    Y = np.stack([y, 100 + 7 * y**2], axis=1)
    theirs = make_pipeline(
        MinMaxScaler((-1, 1)), PolynomialFeatures(3, interaction_only=only), LinearRegression()
    )
    theirs.fit(X, Y, linearregression__sample_weight=s if weighted else None)
    model = st.PolynomialRegression(3, basis, interaction_only=only, max_epochs=100_000)
    model.fit(X, Y, s if weighted else None)
    assert model.coef_.shape == (2, 8 if only else 20)
    np.testing.assert_allclose(model.predict(X), theirs.predict(X), rtol=1e-6, atol=1e-6)
    alone = st.PolynomialRegression(3, basis, interaction_only=only, max_epochs=100_000)
    alone.fit(X, y, s if weighted else None)
    assert alone.coef_.shape == (8 if only else 20,)
    np.testing.assert_allclose(alone.predict(X), theirs.predict(X)[:, 0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("basis", BASES)
def test_float32(isa, points, basis):
    """The moments are those of the points as they are, in double."""
    X, y, _ = (values.astype(np.float32) for values in points)
    model = st.PolynomialRegression(3, basis, max_epochs=100_000).fit(X, y)
    wide = make_pipeline(MinMaxScaler((-1, 1)), PolynomialFeatures(3), LinearRegression())
    expected = wide.fit(X.astype(np.float64), y).predict(X.astype(np.float64))
    assert model.predict(X).dtype == np.float32
    tolerance = 5e-5 * np.abs(y).max()  # where descent ends by the tolerance of float32
    np.testing.assert_allclose(
        model.predict(X), expected, atol=tolerance * (1 if basis == "orthonormal" else 100)
    )


def test_an_additive_model(points):
    """No interactions: the minimum over sums of polynomials of one variable each."""
    X, y, _ = points
    model = st.PolynomialRegression(3, "orthonormal", interaction_order=1).fit(X, y)
    assert ((model.powers_ > 0).sum(axis=1) <= 1).all()
    design = np.hstack([np.ones((150, 1)), *(on_window(X, model.domain_) ** k for k in (1, 2, 3))])
    expected = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-10)


@pytest.mark.parametrize("basis", BASES)
def test_one_feature_has_no_interactions(points, basis):
    X, y, s = points
    line = st.PolynomialRegression(4, basis, interaction_only=True).fit(X[:, 0], y, s)
    assert line.powers_.tolist() == [[0], [1]]
    same = st.PolynomialRegression(1, basis).fit(X[:, :1], y, s)
    assert bits([line.coef_, line.predict(X[:, :1])]) == bits([same.coef_, same.predict(X[:, 0])])
    whole = st.PolynomialRegression(4, basis).fit(X[:, 0], y)
    alike = st.PolynomialRegression(4, basis, interaction_order=1).fit(X[:, 0], y)
    assert bits([whole.coef_]) == bits([alike.coef_])


OPTIMIZERS = [st.SGD(0.1), st.Momentum(0.05, nesterov=True), st.Adam(0.05)]


def loss_gradient(design, Y, s, alpha):
    """J of the docstring and its gradient, for theta (K, n_terms) and a batch of rows."""

    def at(theta, rows):
        rows = slice(None) if rows is None else rows
        residual = design[rows] @ theta.T - Y[rows]
        weighted = s[rows, None] * residual
        live = theta.copy()
        live[:, 0] = 0
        loss = np.sum(weighted * residual) / residual.size + alpha / 2 * np.sum(live**2)
        return loss, 2 / residual.size * weighted.T @ design[rows] + alpha * live

    return at


@pytest.mark.parametrize("basis", KNOWN)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("batch_size", [None, 8])
def test_steps_are_the_reference_loop(isa, rng, basis, optimizer, targets, batch_size):
    X = rng.uniform(-1, 1, (37, 2))
    X[:2] = [[-1, -1], [1, 1]]  # on the window
    Y = rng.standard_normal((37, targets))
    Y *= 1.5 / np.sqrt(np.mean(Y**2))  # sizes from 1 to 2 have the unit 1
    s = rng.uniform(0.5, 2.0, 37)
    s /= s.mean()
    model = st.PolynomialRegression(
        3,
        basis,
        optimizer=optimizer,
        batch_size=batch_size,
        max_epochs=4,
        shuffle=False,
        tol=0,
        alpha=0.02,
    )
    quietly(model.fit, X, Y if targets > 1 else Y[:, 0], sample_weight=s)
    at = loss_gradient(ref.product_matrix(X, model.powers_, basis), Y, s, 0.02)
    start = np.zeros((targets, 10))
    expected = ref.descend(at, start, optimizer, n_rows=37, batch_size=batch_size, n_epochs=4)
    chain = [10, 8 if batch_size else 37] * 20
    coef = expected["theta"] if targets > 1 else expected["theta"][0]
    assert_close(model.coef_, coef, np.float64, "matmul chain", chain, 1.0)
    losses = expected["loss"][: len(model.loss_curve_)]
    assert_close(model.loss_curve_[: len(losses)], losses, np.float64, "matmul chain", chain)


@pytest.mark.parametrize("basis", KNOWN)
def test_steps_from_moments_are_those_on_the_points(isa, points, basis):
    """A limit of steps decides which it is."""
    X, y, s = points
    settings = {"optimizer": st.Momentum(0.02), "tol": 0, "alpha": 0.01}
    few = st.PolynomialRegression(3, basis, max_epochs=2, **settings)
    many = st.PolynomialRegression(3, basis, max_epochs=1000, **settings)
    quietly(few.fit, X, y, s)
    quietly(many.fit, X, y, s)
    n = len(few.loss_curve_)
    np.testing.assert_allclose(few.loss_curve_, many.loss_curve_[:n], rtol=1e-13)
    gradients = [model.history_["gradient_norm"][:n] for model in (few, many)]
    np.testing.assert_allclose(*gradients, rtol=1e-12)


def test_the_gradient_is_that_of_the_loss(points):
    """The first step of plain descent, against central differences of the loss that is reported."""
    X, y, s = points
    y = 1.5 * y / np.sqrt(np.mean(y**2))  # sizes from 1 to 2 have the unit 1
    for loss, basis in product(("squared_error", Huber(0.3), "poisson"), BASES):
        target = np.round(np.abs(y)) if loss == "poisson" else y
        settings = {"loss": loss, "optimizer": st.SGD(1e-3), "max_epochs": 1, "tol": 0}
        model = st.PolynomialRegression(2, basis, warm_start=True, **settings)
        quietly(model.fit, X, target, s)
        start = model.coef_.copy()
        quietly(model.fit, X, target, s)
        gradient = (start - model.coef_) / 1e-3

        def at(coef, model=model, target=target):
            model.coef_ = coef
            return quietly(model.fit, X, target, s).loss_curve_[0]

        for t in range(len(start)):
            h = np.zeros_like(start)
            h[t] = 1e-4
            slope = (at(start + h) - at(start - h)) / 2e-4
            assert gradient[t] == pytest.approx(slope, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("settings", [{}, {"batch_size": 8}, {"max_epochs": 2}], ids=repr)
@pytest.mark.parametrize("basis", BASES)
def test_validation_is_scikit_learns_score(points, settings, basis):
    X, y, s = points
    model = st.PolynomialRegression(2, basis, random_state=0, **{"max_epochs": 20} | settings)
    quietly(model.fit, X[:100], y[:100], validation_data=(X[100:], y[100:], s[100:]))
    score = r2_score(y[100:], model.predict(X[100:]), sample_weight=s[100:])
    assert model.history_["validation_score"][-1] == pytest.approx(score, rel=1e-9)


def test_counts_are_scikit_learns(points):
    X, y, s = points
    counts = np.round(np.exp(y.clip(-2, 2)))
    model = st.PolynomialRegression(2, loss="poisson", max_epochs=200_000, tol=1e-9)
    model.fit(X, counts, s)
    theirs = PoissonRegressor(alpha=0, tol=1e-12, max_iter=100_000, solver="newton-cholesky")
    theirs.fit(design_of(model, X)[:, 1:], counts, s)
    expected = theirs.predict(design_of(model, X)[:, 1:])
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-4)


def test_the_elastic_net_is_scikit_learns(points):
    X, y, _ = points
    model = st.PolynomialRegression(3, alpha=0.02, l1_ratio=0.7, max_epochs=200_000).fit(X, y)
    theirs = ElasticNet(alpha=0.01, l1_ratio=0.7, tol=1e-12, max_iter=1_000_000)
    theirs.fit(design_of(model, X)[:, 1:], y)
    np.testing.assert_allclose(model.coef_[1:], theirs.coef_, atol=1e-7)
    assert ((model.coef_[1:] == 0) == (np.abs(theirs.coef_) < 1e-9)).all()
    assert (model.coef_ == 0).any()


def test_refinement_goes_to_the_last_digits(points):
    """Of the terms as they are rounded, whose solution SciPy's QR has to its condition number's digits."""
    X, y, _ = points
    model = st.PolynomialRegression(3, "monomial", tol=1e-22, max_epochs=10**6).fit(X, y)
    with mpmath.workdps(40):
        design = mpmath.matrix(design_of(model, X).tolist())
        solution = mpmath.lu_solve(design.T * design, design.T * mpmath.matrix(y.tolist()))
    # the same terms up to the rounding of a product or two
    expected = np.array([float(v) for v in solution])
    np.testing.assert_allclose(model.coef_, expected, rtol=1e-11)
    assert np.abs(model.coef_rest_).max() > 0


# ---------------------------------------------------------------- orthonormal on the data


def orthonormal_design(model, X):
    u = on_window(X, model.domain_)
    factors = [ref.recurrence_matrix(u[:, j], *model.recurrence_[j]) for j in range(u.shape[1])]
    columns = [P[:, model.powers_[:, j]] for j, P in enumerate(factors)]
    return np.prod(columns, axis=0) @ model.mixing_.T


@pytest.mark.parametrize(
    "settings", [{}, {"interaction_only": True}, {"interaction_order": 2}], ids=repr
)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("degree", [0, 1, 4, 6])
def test_it_is_orthonormal_on_the_data(isa, points, degree, weighted, settings):
    X, y, s = points
    s = s if weighted else np.ones_like(s)
    model = st.PolynomialRegression(degree, "orthonormal", **settings).fit(X, y, s)
    Q = orthonormal_design(model, X)
    np.testing.assert_allclose(Q.T @ (s[:, None] / s.sum() * Q), np.eye(Q.shape[1]), atol=1e-9)
    np.testing.assert_allclose(model.predict(X), Q @ model.coef_, atol=1e-9)
    twin = ref.orthonormal_mixing(Q @ np.linalg.inv(model.mixing_).T, s)
    np.testing.assert_allclose(model.mixing_, twin, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("degree", [0, 1, 3, 6])
@pytest.mark.parametrize("targets", [1, 2])
def test_descent_ends_in_one_step(isa, points, degree, targets):
    X, y, s = points
    Y = y if targets == 1 else np.stack([y, y**3], axis=1)
    model = st.PolynomialRegression(degree, "orthonormal").fit(X, Y, s)
    assert model.status_ == "converged"
    assert len(model.loss_curve_) <= 2
    design = PolynomialFeatures(degree).fit_transform(on_window(X, model.domain_))
    root = np.sqrt(s)
    best = np.linalg.lstsq(root[:, None] * design, (root * Y.T).T, rcond=None)[0]
    np.testing.assert_allclose(model.predict(X), design @ best, atol=1e-8)


@pytest.mark.parametrize("loss", ["huber", "squared_error"])
def test_mini_batches_in_the_orthonormal_basis(isa, points, loss):
    X, y, s = points
    model = st.PolynomialRegression(
        3,
        "orthonormal",
        loss=loss,
        batch_size=30,
        max_epochs=1,
        shuffle=False,
        optimizer=st.SGD(0.01),
    )
    quietly(model.fit, X, y, s)
    Q = orthonormal_design(model, X)
    plain = st.LinearRegression(
        loss=loss,
        batch_size=30,
        max_epochs=1,
        shuffle=False,
        optimizer=st.SGD(0.01),
        standardize=False,
    )
    quietly(plain.fit, Q[:, 1:], y, s)
    coef = np.append(plain.intercept_, plain.coef_)
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-9, atol=1e-10)


def test_terms_that_the_points_do_not_determine(rng):
    X = rng.standard_normal((40, 3))
    y = X[:, 0]
    orthonormal = st.PolynomialRegression(2, "orthonormal")
    X[:, 1] = X[:, 0] ** 2  # known before x0^2 is
    with pytest.raises(ValueError, match=r"the term x0\^2 cannot be told from those before it"):
        orthonormal.fit(X, y)
    X[:, 1] = X[:, 0] > 0
    with pytest.raises(ValueError, match=r"the term x1\^2 cannot be told"):
        orthonormal.fit(X, y)
    st.PolynomialRegression(2, "orthonormal", interaction_only=True).fit(X, y)
    with pytest.raises(ValueError, match=r"the term x1 x2 cannot be told"):
        orthonormal.fit(rng.standard_normal((8, 3)), y[:8])
    assert not hasattr(orthonormal, "coef_")


# ---------------------------------------------------------------- powers of x


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("degree", [0, 1, 5])
def test_monomial_coefficients_are_exact(rng, basis, degree):
    """The two forms have the same values, in 60 digits, at points far from the data as well."""
    X = rng.uniform(-1, 1, (80, 2)) * [1.0, 30.0] + [1e3, 7.0]
    model = st.PolynomialRegression(degree, basis).fit(X, rng.standard_normal(80))
    found = model.monomial_coef_
    with mpmath.workdps(60):
        for x in ([1000.3, -20.0], [0.0, 1.0], [2e3, 1e2]):
            terms = [
                mpmath.mpf(x[0]) ** int(a) * mpmath.mpf(x[1]) ** int(b) for a, b in model.powers_
            ]
            value = mpmath.fdot(terms, [mpmath.mpf(float(c)) for c in found])
            size = mpmath.fsum(abs(t * c) for t, c in zip(terms, found.tolist(), strict=True))
            assert abs(value - exact_value(model, x)) <= 2.0**-52 * size


def exact_value(model, x):
    factors = []
    for value, domain, (a, b, c) in zip(x, model.domain_, model.recurrence_, strict=True):
        middle, half = map(mpmath.mpf, domain_map(tuple(domain)))
        u, p = (mpmath.mpf(value) - middle) / half, [mpmath.mpf(0), mpmath.mpf(1)]
        for k in range(len(a)):
            p.append((mpmath.mpf(a[k]) * u + mpmath.mpf(b[k])) * p[-1] - mpmath.mpf(c[k]) * p[-2])
        factors.append(p[1:])
    terms = [factors[0][a] * factors[1][b] for a, b in model.powers_]
    if model.mixing_ is not None:
        terms = [mpmath.fdot(terms, [mpmath.mpf(float(m)) for m in row]) for row in model.mixing_]
    return mpmath.fdot(terms, [mpmath.mpf(float(c)) for c in model.coef_])


def test_a_known_polynomial_is_found(points):
    X, _, _ = points
    y = 1 - 2 * X[:, 0] + 3 * X[:, 0] * X[:, 1] + 5e5 * X[:, 2] ** 2
    for basis in BASES:
        model = st.PolynomialRegression(2, basis, max_epochs=100_000).fit(
            X, np.stack([y, -y], axis=1)
        )
        expected = dict.fromkeys(model.get_term_names(), 0.0)
        expected |= {"1": 1.0, "x0": -2.0, "x0 x1": 3.0, "x2^2": 5e5}
        size = 1 / np.abs(PolynomialFeatures(2).fit_transform(X)).max(axis=0)
        error = model.monomial_coef_ - np.outer([1, -1], list(expected.values()))
        assert (np.abs(error) < 2e-4 * size).all()


@pytest.mark.parametrize("basis", ["chebyshev", "legendre", "orthonormal"])
def test_twelve_digits_of_a_polynomial_of_integers(isa, basis):
    """Two variables of what NIST's Wampler1 is of one: all coefficients are 1, and y is exact."""
    X = np.array([*product(range(12), range(10))], dtype=np.float64)
    y = PolynomialFeatures(3).fit_transform(X).sum(axis=1)
    model = st.PolynomialRegression(3, basis, tol=1e-24, max_epochs=10**6).fit(X, y)
    np.testing.assert_allclose(model.monomial_coef_, 1.0, rtol=0, atol=1e-12)


def test_rows_of_weight_0_are_not_there(points):
    """Nor in the domain; so they decide nothing where the points determine less than the polynomial."""
    X, y, s = points
    s = np.where(np.arange(150) < 12, s, 0.0)
    for basis in KNOWN:
        model = quietly(st.PolynomialRegression(3, basis).fit, X, y, s)
        alone = quietly(st.PolynomialRegression(3, basis).fit, X[:12], y[:12], s[:12])
        assert bits([model.domain_]) == bits([alone.domain_])
        np.testing.assert_allclose(model.coef_, alone.coef_, atol=1e-7)


def test_a_constant_feature(points):
    X, y, _ = points
    X = X.copy()
    X[:, 1] = 4.0
    model = st.PolynomialRegression(2, max_epochs=100_000).fit(X, y)
    rest = st.PolynomialRegression(2, max_epochs=100_000).fit(X[:, [0, 2]], y)
    np.testing.assert_allclose(model.predict(X), rest.predict(X[:, [0, 2]]), atol=1e-7)
    assert (model.monomial_coef_[model.powers_[:, 1] > 0] == 0).all()
    assert (model.input_gradient(X)[:, 1] == 0).all()


def test_coefficients_that_are_not_finite():
    powers, recurrences = powers_of_terms(2, 1, None, False), np.ones((2, 3, 1))
    found = products_to_monomial(
        np.array([1.0, np.inf, 0.0]),
        np.zeros(3),
        powers,
        recurrences,
        np.array([[-1.0, 1.0]] * 2),
        None,
    )
    assert np.isnan(found).all()


# ---------------------------------------------------------------- going on, saving, converting


@pytest.mark.parametrize("basis", BASES)
def test_going_on(points, basis):
    """Epochs of partial_fit are as many calls; the basis and the domain are the first data's."""
    X, y, s = points
    settings = {"batch_size": 20, "shuffle": False, "optimizer": st.SGD(0.01)}
    once = st.PolynomialRegression(2, basis, **settings).partial_fit(X, y, s, epochs=3)
    thrice = st.PolynomialRegression(2, basis, **settings)
    for _ in range(3):
        thrice.partial_fit(X, y, s)
    assert bits([once.coef_]) == bits([thrice.coef_])
    known = bits([once.domain_, once.recurrence_])
    once.partial_fit(10 * X[:20], y[:20])
    assert bits([once.domain_, once.recurrence_]) == known
    warm = st.PolynomialRegression(2, basis, warm_start=True, max_epochs=100_000).fit(X, y)
    start = warm.coef_
    warm.fit(X, y)
    np.testing.assert_allclose(warm.coef_, start, atol=1e-8)
    assert warm.n_iter_ <= 2


def test_terms_that_have_changed(points):
    X, y, _ = points
    model = st.PolynomialRegression(2, warm_start=True).fit(X, y)
    for change in ({"degree": 3}, {"interaction_only": True}, {"interaction_order": 1}):
        with pytest.raises(ValueError, match=r"go on from coef_ of the 10 terms powers_"):
            st.PolynomialRegression(2, warm_start=True).fit(X, y).set_params(**change).fit(X, y)
    with pytest.raises(ValueError, match=r"go on from coef_ of the 10 terms"):
        model.fit(X[:, :2], y)
    with pytest.raises(ValueError, match=r"go on from coef_"):
        model.fit(X[:, 0], y)
    assert model.n_features_in_ == 3


def test_a_later_fit_forgets_the_first(points):
    X, y, _ = points
    model = st.PolynomialRegression(2, "orthonormal").fit(X, y)
    model.set_params(basis="chebyshev", max_epochs=100_000).fit(X, y)
    assert model.mixing_ is None
    fresh = st.PolynomialRegression(2, max_epochs=100_000).fit(X, y)
    assert bits([model.predict(X), model.monomial_coef_]) == bits(
        [fresh.predict(X), fresh.monomial_coef_]
    )
    model.fit(X[:, 0], y)
    assert model.domain_ == (X[:, 0].min(), X[:, 0].max())


@pytest.mark.parametrize("basis", BASES)
def test_a_saved_model_is_the_same(points, basis, tmp_path):
    X, y, _ = points
    model = quietly(st.PolynomialRegression(2, basis, interaction_order=2, max_epochs=50).fit, X, y)
    path = tmp_path / "model.safetensors"
    save_pipeline(path, Pipeline(model))
    for copy in (load_pipeline(path).estimator, pickle.loads(pickle.dumps(model))):
        assert bits([copy.predict(X), copy.input_gradient(X), copy.monomial_coef_]) == bits(
            [model.predict(X), model.input_gradient(X), model.monomial_coef_]
        )
        assert copy.get_term_names().tolist() == model.get_term_names().tolist()


@pytest.mark.parametrize(
    "settings",
    [{}, {"interaction_only": True}, {"interaction_order": 1}, {"degree": 0}, {"degree": 1}],
    ids=repr,
)
@pytest.mark.parametrize("targets", [1, 2])
def test_it_is_a_pipeline_of_scikit_learns(points, settings, targets):
    X, y, _ = points
    Y = y if targets == 1 else np.stack([y, -(y**2)], axis=1)
    model = quietly(
        st.PolynomialRegression(
            **{"degree": 3, "basis": "monomial", "max_epochs": 99} | settings
        ).fit,
        X,
        Y,
    )
    np.testing.assert_allclose(
        model.to_sklearn().predict(X), model.predict(X), rtol=1e-11, atol=1e-11
    )


def test_too_many_terms_for_a_pipeline(rng):
    X = rng.standard_normal((50, 100))
    model = st.PolynomialRegression(5, "monomial", interaction_order=1, max_epochs=1)
    with pytest.raises(ValueError, match=r"knows no interaction_order.*96,560,646 terms"):
        quietly(model.fit, X, X[:, 0]).to_sklearn()


# ---------------------------------------------------------------- bits


SETTINGS = [
    {},
    {"basis": "orthonormal"},
    {"basis": "orthonormal", "batch_size": 50, "loss": "huber", "max_epochs": 2},
    {"batch_size": 64, "max_epochs": 2, "basis": "legendre"},
]


@pytest.fixture
def many(rng):
    X = rng.standard_normal((20_000, 3))
    return X, np.sin(X[:, 0]) * X[:, 1] + rng.standard_normal(20_000)


@pytest.mark.parametrize("settings", SETTINGS, ids=repr)
def test_threads_do_not_show(isa, many, settings):
    X, y = many
    fits = [
        quietly(st.PolynomialRegression(4, random_state=0, n_threads=t, **settings).fit, X, y)
        for t in (1, 2)
    ]
    assert len({tuple(bits([m.coef_, m.predict(X), m.input_gradient(X)])) for m in fits}) == 1


@needs_two
@pytest.mark.parametrize("settings", SETTINGS, ids=repr)
def test_instruction_sets_do_not_show(many, settings):
    X, y = many

    def results():
        model = st.PolynomialRegression(4, random_state=0, **settings)
        quietly(model.fit, X[:1001], y[:1001])
        return bits(
            [model.coef_, model.predict(X[:99]), model.input_gradient(X[:99]), model.recurrence_]
        )

    first, *others = (on(name, results) for name in FUSED)
    assert all(other == first for other in others)


# ---------------------------------------------------------------- memory

PROGRAM = """
import json, warnings
import numpy as np
import steepest as st
from peak_memory import peak_above

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = rng.standard_normal((40_000, 5))
y = X[:, 0] * X[:, 1] + X[:, 2]
used = {}
for name, settings in {
    "moments": {},
    "orthonormal": {"basis": "orthonormal"},
    "batches": {"batch_size": 256, "optimizer": st.Adam()},
    "points": {"loss": "huber"},
}.items():
    model = st.PolynomialRegression(4, max_epochs=2, random_state=0, n_threads=2, **settings)
    model.fit(X[:100], y[:100]) if name != "orthonormal" else model.fit(X[:500], y[:500])
    used[name] = peak_above(lambda: model.fit(X, y))
    used[name + ", predict"] = peak_above(lambda: model.predict(X))
    used[name + ", slopes"] = peak_above(lambda: model.input_gradient(X))
print(json.dumps(used))
"""


@pytest.mark.skipif(not peak_memory.CAN_MEASURE, reason="peak_memory says why")
def test_the_design_matrix_is_never_whole():
    """It would be of 40,000 rows and 126 terms, 40 MB; the points are 1.6 MB, and their slopes as much."""
    used = peak_memory.run(PROGRAM)
    assert max(used.values()) < 8_000_000, used


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (
            {"interaction_order": 0},
            ValueError,
            "interaction_order must be an integer >= 1, but is 0",
        ),
        ({"interaction_order": 1.5}, TypeError, "interaction_order must be an integer"),
        ({"interaction_only": 1}, TypeError, "interaction_only must be True or False, but is 1"),
        (
            {"degree": 40, "loss": "absolute_error"},
            ValueError,
            r"degree=40 of 3 features has 12,341 terms, whose products would take 2\.27 GiB",
        ),
        (
            {"degree": 3000, "optimizer": st.SGD(0.1), "batch_size": 10},
            ValueError,
            r"has 4,509,005,501 terms, whose powers alone would take 101 GiB; lower degree",
        ),
    ],
)
def test_bad_parameters(points, parameters, error, message):
    model = st.PolynomialRegression(**parameters)
    with pytest.raises(error, match=message):
        model.fit(*points[:2])
    assert set(vars(model)) == set(model.get_params())


def test_many_terms_in_mini_batches(rng):
    """More than have moments: 5151 terms, with an optimizer."""
    X = rng.uniform(-1, 1, (60, 100))
    model = st.PolynomialRegression(2, optimizer=st.SGD(1e-4), batch_size=20, max_epochs=2)
    quietly(model.fit, X, X[:, 0])
    assert model.coef_.shape == (5151,)
    assert np.isfinite(model.predict(X)).all()


def test_auto_of_many_terms(rng):
    """More than have moments: Nesterov momentum at the inverse of the largest curvature."""
    X = rng.uniform(-1, 1, (100, 91))
    y = X[:, 0] * X[:, 1]
    model = quietly(st.PolynomialRegression(2, "legendre", max_epochs=30).fit, X, y)
    assert model.loss_curve_[-1] < 1e-6 * model.loss_curve_[0]
    design = design_of(model, X)
    largest = np.linalg.eigvalsh(2 / 100 * design @ design.T)[-1]
    # The power iteration comes from below, to within some percent.
    assert 1 - 1e-9 < largest * model.history_["learning_rate"][0] < 1.03
    with pytest.raises(ValueError, match=r"4,278 terms.*choose another basis"):
        st.PolynomialRegression(2, "orthonormal").fit(X, y)


def test_bad_data(points):
    X, y, _ = points
    model = st.PolynomialRegression(2).fit(X, y)
    with pytest.raises(
        ValueError, match="X has 2 features, but PolynomialRegression is expecting 3"
    ):
        model.predict(X[:, :2])
    with pytest.raises(ValueError, match="X has 1 features"):
        model.predict(X[:, 0])
    bad = X.copy()
    bad[3, 1] = np.nan
    for call in (
        model.predict,
        model.input_gradient,
        lambda Z: st.PolynomialRegression().fit(Z, y),
    ):
        with pytest.raises(ValueError, match=r"X must be finite.*row 3.*column 1|row 3, column 1"):
            call(bad)
    with pytest.raises(ValueError, match="validation_data: X has 2 features"):
        st.PolynomialRegression().fit(X, y, validation_data=(X[:, :2], y))
