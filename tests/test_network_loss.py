"""A network's loss as a function of its parameters, against formulas in NumPy and scikit-learn."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from tolerances import tolerance

import steepest as st
from steepest.calculus import (
    NetworkLoss,
    _network_loss,
    check_gradient,
    complex_step,
    hessian,
    hessian_vector_product,
    jacobian,
)

FIRST = tolerance(np.float64, "finite_difference")["atol"]
SUMS = tolerance(np.float64, "reduction", 100)["rtol"]
ALPHA, ROWS = 0.1, 40


def data(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(ROWS, 3))
    return X, np.column_stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]])


def fitted(cls=st.MLPRegressor, y=None):
    X, targets = data()
    model = cls(hidden_layer_sizes=(4, 3), activation="tanh", alpha=ALPHA, random_state=1)
    more = {} if y is None else {"classes": np.unique(y)}
    return model.partial_fit(X, targets if y is None else y, **more)


def penalty(layers, total):
    return ALPHA / (2 * total) * sum((w**2).sum() for w in layers)


def squared_loss(flat, X, y, weights):
    """The objective as MLPRegressor states it, of real or complex parameters."""
    w1, w2, w3, b1, b2, b3 = np.split(flat, np.cumsum([12, 12, 6, 4, 3]))
    w1, w2, w3 = w1.reshape(3, 4), w2.reshape(4, 3), w3.reshape(3, 2)
    output = np.tanh(np.tanh(X @ w1 + b1) @ w2 + b2) @ w3 + b3
    each = ((output - y) ** 2).sum(axis=1) / 2
    return (weights * each).sum() / weights.sum() + penalty((w1, w2, w3), weights.sum())


@pytest.mark.parametrize("weighted", [False, True])
def test_loss_gradient_and_hessian_of_a_regressor(weighted):
    X, y = data()
    weights = np.random.default_rng(2).uniform(0, 2, ROWS) if weighted else np.ones(ROWS)
    loss = NetworkLoss(fitted(), X, y, weights if weighted else None)
    p = loss.parameters

    def twin(flat):
        return squared_loss(flat, X, y, weights)

    # Loss, gradient and parameters are of order 1; sums have 40 rows, and derivatives a few factors.
    assert loss(p) == pytest.approx(twin(p), rel=SUMS)
    assert_allclose(loss.gradient(p), complex_step(twin, p), rtol=0, atol=SUMS * 10)
    assert check_gradient(loss, loss.gradient, p)
    exact = jacobian(lambda q: complex_step(twin, q), p)
    second = hessian(loss, p, loss.gradient)
    assert_allclose(second, exact, rtol=0, atol=FIRST * 20)
    v = np.random.default_rng(3).normal(size=p.size)
    product = hessian_vector_product(loss, p, v, loss.gradient)
    assert_allclose(product, exact @ v, rtol=0, atol=FIRST * 20 * np.abs(v).sum())


def test_loss_of_a_classifier_is_scikit_learns():
    X, _ = data()
    y = np.array(["a", "b", "c"])[(X[:, 0] > 0) * 1 + (X[:, 1] > 1)]
    model = fitted(st.MLPClassifier, y)
    loss = NetworkLoss(model, X, y)
    expected = log_loss(y, model.predict_proba(X)) + penalty(model.coefs_, ROWS)
    assert loss(loss.parameters) == pytest.approx(expected, rel=10 * SUMS)
    assert check_gradient(loss, loss.gradient, loss.parameters)


@pytest.mark.parametrize("word", ["huber", "poisson"])
def test_other_losses_have_their_gradients(word):
    X, y = data()
    counts = np.abs(y)  # Poisson's are not negative
    model = st.MLPRegressor(
        loss=word, hidden_layer_sizes=(4, 3), activation="tanh", alpha=ALPHA, random_state=1
    )
    loss = NetworkLoss(model.partial_fit(X, counts), X, counts)
    assert check_gradient(loss, loss.gradient, loss.parameters)


def test_minimize_goes_on_where_the_model_is_and_the_model_stays():
    X, y = data()
    model = fitted()
    before = [w.copy() for w in model.coefs_]
    loss = NetworkLoss(model, X, y)
    assert_array_equal(loss.parameters[:12], before[0].ravel())
    found = st.minimize(loss, loss.parameters, optimizer=st.Momentum(0.05), max_steps=200)
    assert found.fun < 0.8 * loss(loss.parameters)
    for w, old in zip(model.coefs_, before, strict=True):
        assert_array_equal(w, old)
    model.coefs_, model.intercepts_ = loss.split(found.x)
    error = ((model.predict(X) - y) ** 2).sum() / (2 * ROWS) + penalty(model.coefs_, ROWS)
    assert found.fun == pytest.approx(error, rel=SUMS)


def test_models_and_parameters_that_do_not_fit():
    X, y = data()
    with pytest.raises(TypeError, match="model must be an MLPRegressor or MLPClassifier; got dict"):
        NetworkLoss({}, X, y)
    with pytest.raises(NotFittedError):
        NetworkLoss(st.MLPRegressor(), X, y)
    with pytest.raises(ValueError, match="X has 2 features"):
        NetworkLoss(fitted(), X[:, :2], y)
    with pytest.raises(ValueError, match="y must have 2 targets"):
        NetworkLoss(fitted(), X, y[:, 0])
    loss = NetworkLoss(fitted(), X, y)
    with pytest.raises(ValueError, match=r"parameters must have shape \(39,\); got shape \(3,\)"):
        loss([1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="parameters must hold real numbers"):
        loss.gradient(loss.parameters * 1j)


def test_examples():
    found = doctest.testmod(_network_loss)
    assert found.attempted > 0
    assert found.failed == 0
