"""Polynomials of several targets: one descent for all of them, on moments, on points, in batches."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from tolerances import assert_close

import steepest as st
from steepest import reference as ref

BASES = ("chebyshev", "legendre", "monomial")
OPTIMIZERS = [st.SGD(0.1), st.Momentum(0.05, nesterov=True), st.Adam(0.05)]
DEGREES = [0, 1, 4, 9]


def quietly(fit, *arguments, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit(*arguments, **named)


@pytest.fixture
def points(rng):
    """On the window, in units of their own, so that nothing is scaled."""
    x = rng.uniform(-1, 1, 37)
    x[:2] = -1.0, 1.0
    Y = np.stack([np.sin(4 * x), 1.0 - x**2, rng.standard_normal(x.size)], axis=1)
    return x, 1.5 * Y / np.sqrt(np.mean(Y**2))  # sizes from 1 to 2 have the unit 1


def loss_gradient(basis, x, Y, s, alpha):
    """J of the docstring and its gradient, for theta (K, degree + 1) and a batch of rows."""

    def at(theta, rows):
        rows = slice(None) if rows is None else rows
        P = ref.basis_matrix(x[rows], theta.shape[1] - 1, basis)
        residual = P @ theta.T - Y[rows]
        weighted = residual if s is None else s[rows, None] * residual
        live = theta.copy()
        live[:, 0] = 0
        loss = np.sum(weighted * residual) / residual.size + alpha / 2 * np.sum(live**2)
        return loss, 2 / residual.size * weighted.T @ P + alpha * live

    return at


def reference_fit(basis, degree, points, optimizer, *, s=None, alpha=0.0, batch_size=None, epochs):
    x, Y = points
    return ref.descend(
        loss_gradient(basis, x, Y, s, alpha),
        np.zeros((Y.shape[1], degree + 1)),
        optimizer,
        n_rows=x.size,
        batch_size=batch_size,
        n_epochs=epochs,
    )


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_mini_batches_are_the_reference_loop(isa, rng, points, basis, degree, optimizer):
    s = rng.uniform(0.5, 2.0, 37)
    s /= s.mean()
    model = st.PolynomialRegression(
        degree, basis, optimizer=optimizer, batch_size=8, max_epochs=4, shuffle=False, alpha=0.02
    )
    quietly(model.fit, *points, sample_weight=s)
    expected = reference_fit(
        basis, degree, points, optimizer, s=s, alpha=0.02, batch_size=8, epochs=4
    )
    chain = [degree + 1, 8] * 20
    assert_close(model.coef_, expected["theta"], np.float64, "matmul chain", chain, 1.0)
    assert_close(model.loss_curve_, expected["loss"], np.float64, "matmul chain", chain)


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("max_epochs", [3, 100])  # too few for moments to be worth it, and enough
def test_full_batches_are_the_reference_loop(isa, points, basis, degree, max_epochs):
    model = st.PolynomialRegression(
        degree, basis, optimizer=st.SGD(0.1), max_epochs=max_epochs, tol=0, alpha=0.02
    )
    quietly(model.fit, *points)
    steps = len(model.loss_curve_) - 1
    expected = reference_fit(basis, degree, points, st.SGD(0.1), alpha=0.02, epochs=steps + 1)
    chain = [degree + 1, 37] * (steps + 1)
    assert_close(model.loss_curve_, expected["loss"], np.float64, "matmul chain", chain)
    before_last = reference_fit(basis, degree, points, st.SGD(0.1), alpha=0.02, epochs=steps)
    assert_close(model.coef_, before_last["theta"], np.float64, "matmul chain", chain, 1.0)


@pytest.mark.parametrize("basis", BASES)
def test_each_target_has_the_fit_that_it_has_alone(rng, basis):
    x = rng.uniform(-2, 5, 200)
    Y = np.stack([np.sin(x), 3 - 7 * x**2, np.full(x.size, 2.0)], axis=1)
    s = rng.uniform(0, 2, x.size)
    model = st.PolynomialRegression(4, basis).fit(x, Y, sample_weight=s)
    assert model.coef_.shape == model.monomial_coef_.shape == (3, 5)
    for k in range(3):
        alone = st.PolynomialRegression(4, basis).fit(x, Y[:, k], sample_weight=s)
        np.testing.assert_allclose(model.predict(x)[:, k], alone.predict(x), atol=1e-7)
        np.testing.assert_allclose(model.monomial_coef_[k], alone.monomial_coef_, atol=1e-6)


def test_one_column_is_one_target(points):
    x, Y = points
    with pytest.warns(UserWarning, match="column-vector"):
        model = st.PolynomialRegression(2).fit(x, Y[:, :1])
    assert model.coef_.shape == (3,)
    assert model.predict(x).shape == (37,)


@pytest.mark.parametrize("settings", [{}, {"batch_size": 8}, {"max_epochs": 2}], ids=repr)
def test_validation_is_scikit_learns_score(rng, settings):
    x, x_held = rng.uniform(-2, 5, 50), rng.uniform(-2, 5, 31)
    Y, Y_held = (np.stack([np.sin(p), p**3], axis=1) for p in (x, x_held))
    s = rng.uniform(0, 2, 31)
    model = st.PolynomialRegression(3, **settings)
    quietly(model.fit, x, Y, validation_data=(x_held, Y_held, s))
    residual = model.predict(x_held) - Y_held
    score, loss = model.history_["validation_score"][-1], model.history_["validation_loss"][-1]
    assert score == pytest.approx(
        r2_score(Y_held, model.predict(x_held), sample_weight=s), abs=1e-9
    )
    assert loss == pytest.approx(np.average(np.mean(residual**2, axis=1), weights=s), rel=1e-8)


def test_validation_data_of_other_targets_are_refused(points):
    x, Y = points
    with pytest.raises(ValueError, match="validation_data must have 3 targets"):
        st.PolynomialRegression().fit(x, Y, validation_data=(x, Y[:, :2]))


def test_warm_start_of_other_targets_is_refused(points):
    x, Y = points
    model = st.PolynomialRegression(2, warm_start=True).fit(x, Y)
    with pytest.raises(
        ValueError, match="warm_start go on from coef_ of degree 2 and of 3 targets"
    ):
        model.fit(x, Y[:, :2])
    assert model.coef_.shape == (3, 3)


@pytest.mark.parametrize("targets", [1, 3])
def test_partial_fit_is_one_pass_from_where_the_last_ended(points, targets):
    x, Y = points
    y = Y[:, 0] if targets == 1 else Y
    model = st.PolynomialRegression(3, learning_rate=0.1)
    for _ in range(4):
        model.partial_fit(x, y)
    whole = quietly(st.PolynomialRegression(3, learning_rate=0.1, max_epochs=4).fit, x, y)
    np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-12)
    assert model.n_iter_ == 4


def test_partial_fit_keeps_the_first_domain(points):
    x, Y = points
    model = st.PolynomialRegression(3).partial_fit(x, Y).partial_fit(x / 2, Y)
    assert model.domain_ == (-1.0, 1.0)


def test_partial_fit_comes_near_the_fit(points):
    x, Y = points
    model = st.PolynomialRegression(3, learning_rate=0.5)
    for _ in range(3000):
        model.partial_fit(x, Y)
    whole = st.PolynomialRegression(3).fit(x, Y)
    np.testing.assert_allclose(model.coef_, whole.coef_, atol=1e-7)


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_threads_do_not_show(rng, n_threads):
    x = rng.uniform(-1, 1, 70_000)
    Y = np.stack([np.sin(4 * x), x**2], axis=1)
    for settings in ({"max_epochs": 2}, {"max_epochs": 200}, {"max_epochs": 1, "batch_size": 4096}):
        models = [
            quietly(st.PolynomialRegression(6, random_state=0, n_threads=n, **settings).fit, x, Y)
            for n in (1, n_threads)
        ]
        np.testing.assert_array_equal(models[0].coef_, models[1].coef_)
