"""Polynomials by other losses than the squared error: minima by SciPy and scikit-learn, units, counts."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.optimize import linprog, minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import PoissonRegressor

import steepest as st
from steepest import losses
from steepest import reference as ref

BASES = ("chebyshev", "legendre", "monomial")
SMOOTH = [losses.Huber(0.3), losses.SquaredEpsilonInsensitive(0.2)]
KINKED = [losses.AbsoluteError(), losses.Quantile(0.8), losses.EpsilonInsensitive(0.1)]


def quietly(fit, *arguments, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit(*arguments, **named)


def on_window(x):
    return (2 * x - (x.min() + x.max())) / (x.max() - x.min())


def objective(c, x, y, loss, basis, s=None, alpha=0.0):
    """J as the class's docstring states it, of one target."""
    s = np.ones(len(x)) if s is None else s / np.mean(s)
    f = ref.basis_matrix(on_window(x), len(c) - 1, basis) @ c
    return np.mean(s * loss.value(f, y)) + alpha / 2 * np.sum(c[1:] ** 2)


@pytest.fixture
def points(rng):
    x = rng.uniform(-3.0, 5.0, 90)
    return x, 40 * np.sin(x) + 10 * rng.standard_t(2, 90)


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("loss", SMOOTH, ids=repr)
def test_smooth_losses_reach_scipys_minimum(points, basis, loss):
    x, y = points
    loss = type(loss)(20 * next(iter(vars(loss).values())))
    model = st.PolynomialRegression(4, basis, loss=loss, max_epochs=200_000, tol=1e-9)
    quietly(model.fit, x, y)
    found = minimize(
        objective, model.coef_, (x, y, loss, basis), method="BFGS", options={"gtol": 1e-9}
    )
    assert objective(model.coef_, x, y, loss, basis) == pytest.approx(found.fun, rel=1e-9)
    assert model.loss_ == pytest.approx(objective(model.coef_, x, y, loss, basis), rel=1e-10)


def least_by_linear_programming(x, y, degree, basis, up, down):
    """Return the least mean of up max(r, 0) + down max(-r, 0), r = f - y."""
    P = ref.basis_matrix(on_window(x), degree, basis)
    n, p = P.shape
    cost = np.concatenate([np.zeros(p), np.full(n, up / n), np.full(n, down / n)])
    equal = np.hstack([P, -np.eye(n), np.eye(n)])
    bounds = [(None, None)] * p + [(0, None)] * 2 * n
    return linprog(cost, A_eq=equal, b_eq=y, bounds=bounds).fun


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize(
    ("loss", "up", "down"), [(losses.AbsoluteError(), 1, 1), (losses.Quantile(0.8), 0.2, 0.8)]
)
def test_kinked_losses_reach_the_linear_programs_minimum(points, basis, loss, up, down):
    x, y = points
    model = quietly(st.PolynomialRegression(4, basis, loss=loss).fit, x, y)
    least = least_by_linear_programming(x, y, 4, basis, up, down)
    assert objective(model.coef_, x, y, loss, basis) == pytest.approx(least, rel=2e-3)
    assert model.loss_ == pytest.approx(objective(model.coef_, x, y, loss, basis), rel=1e-9)


@pytest.mark.parametrize("basis", BASES)
def test_counts_are_scikit_learns(rng, basis):
    x = rng.uniform(-1, 3, 300)
    y = rng.poisson(np.exp(1 + np.sin(x))).astype(float)
    model = st.PolynomialRegression(3, basis, loss="poisson", tol=1e-8, max_epochs=50_000)
    quietly(model.fit, x, y)
    P = ref.basis_matrix(on_window(x), 3, basis)[:, 1:]
    theirs = PoissonRegressor(alpha=0, tol=1e-10, max_iter=10_000).fit(P, y)
    np.testing.assert_allclose(model.predict(x), theirs.predict(P), rtol=1e-4)
    with pytest.raises(ValueError, match="y must not be negative"):
        st.PolynomialRegression(loss="poisson").fit(x, y - 1)


@pytest.mark.parametrize("loss", [*SMOOTH, *KINKED, losses.SquaredError()], ids=repr)
@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("batch_size", [None, 7])
def test_steps_are_the_references(isa, rng, loss, basis, targets, batch_size):
    """Whatever the unit of y: two and more steps of plain descent in the loss that the docstring states."""
    x = rng.uniform(-1, 1, 29)
    x[:2] = -1, 1
    Y = 100 * rng.standard_normal((29, targets))
    s = rng.uniform(0.5, 2, 29)
    weights = s / s.mean()
    rate = 0.01
    P = ref.basis_matrix(x, 3, basis)

    def loss_gradient(theta, rows):
        rows = slice(None) if rows is None else rows
        f, w = P[rows] @ theta.T, weights[rows, None]
        terms = w * loss.value(f, Y[rows])
        return terms.mean(), (w * loss.derivative(f, Y[rows])).T @ P[rows] / terms.size

    expected = ref.descend(
        loss_gradient,
        np.zeros((targets, 4)),
        st.SGD(rate),
        n_rows=29,
        batch_size=batch_size,
        n_epochs=3,
    )
    model = st.PolynomialRegression(
        3, basis, loss=loss, optimizer=st.SGD(rate), batch_size=batch_size, shuffle=False, tol=0,
        max_epochs=3,
    )  # fmt: skip
    y = Y[:, 0] if targets == 1 else Y
    quietly(model.fit, x, y, sample_weight=s)
    if loss.degree == 2:  # steps scale with the loss; of degree 1 their length is in units of y
        np.testing.assert_allclose(np.atleast_2d(model.coef_), expected["theta"], rtol=1e-10)
        np.testing.assert_allclose(model.loss_curve_[:3], expected["loss"], rtol=1e-10)
    else:
        assert model.loss_curve_[-1] < model.loss_curve_[0]
        if batch_size is None:
            assert model.loss_curve_[0] == pytest.approx(expected["loss"][0], rel=1e-10)


def test_a_loss_of_classes_is_refused(points):
    with pytest.raises(ValueError, match="loss must be one of 'squared_error'"):
        st.PolynomialRegression(loss="hinge").fit(*points)


@pytest.mark.parametrize("loss", ["huber", "absolute_error"])
def test_an_outlier_pulls_less(rng, loss):
    x = rng.uniform(0, 1, 60)
    y = 1 + x
    y[5] = 1000.0
    robust = quietly(st.PolynomialRegression(1, loss=loss).fit, x, y)
    squares = st.PolynomialRegression(1).fit(x, y)
    assert abs(robust.predict([0.5])[0] - 1.5) < 0.1 < abs(squares.predict([0.5])[0] - 1.5)


def test_slopes_are_those_of_the_prediction(rng):
    x = rng.uniform(-1, 3, 50)
    y = rng.poisson(np.exp(1 + np.sin(x))).astype(float)
    model = quietly(st.PolynomialRegression(3, loss="poisson").fit, x, y)
    h = 1e-6
    slopes = (model.predict(x + h) - model.predict(x - h)) / (2 * h)
    np.testing.assert_allclose(model.input_gradient(x)[:, 0], slopes, rtol=1e-6, atol=1e-6)
