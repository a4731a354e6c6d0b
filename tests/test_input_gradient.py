"""Derivatives by the inputs: against the reference, differences of what is predicted, and closed forms."""

from __future__ import annotations

import warnings
from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from tolerances import assert_close, in_float64

import steepest as st
from steepest import kernels
from steepest import reference as ref

ACTIVATIONS = ("identity", "relu", "tanh", "logistic")
OUTPUTS = ("identity", "relu", "logistic", "softmax")
WIDTHS = (
    (1, 1),
    (7, 3),
    (2, 16, 1),  # the small kind
    (1, 5, 2),
    (9, 17, 2),
    (33, 1, 17, 9),
    (70, 40, 23, 6),
)
STEP = 2.0**-17


def quietly(call, *arguments, **named):
    """Call without the warnings that a limit of epochs was reached."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return call(*arguments, **named)


def network(rng, widths, dtype):
    weights = [(rng.standard_normal(s) / np.sqrt(s[0])).astype(dtype) for s in pairwise(widths)]
    return weights, [rng.standard_normal(width).astype(dtype) for width in widths[1:]]


def differences(f, X):
    """Central differences of f: (n, d) -> (n, K), of each output by each input, (n, K, d)."""
    columns = []
    for j in range(X.shape[1]):
        above, below = X.copy(), X.copy()
        above[:, j] += STEP
        below[:, j] -= STEP
        columns.append((f(above) - f(below)) / (2 * STEP))
    return np.stack(columns, axis=-1)


# ---------------------------------------------------------------- kernel


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_kernel_is_the_references(isa, dtype, rng, widths, output, activation):
    weights, biases = network(rng, widths, dtype)
    X = rng.standard_normal((300, widths[0])).astype(dtype)  # two blocks of rows
    gradient = kernels.relu_network_input_gradient(weights, biases, X, output, activation)
    assert gradient.shape == (300, widths[-1], widths[0])
    assert gradient.dtype == dtype
    weights, biases, X = in_float64(weights), in_float64(biases), in_float64(X)
    if activation == "relu" or output == "relu":
        far = away_from_kinks(weights, biases, X, activation)
        gradient, X = gradient[far], X[far]
    desired = ref.relu_network_input_gradient(weights, biases, X, output, activation)
    scale = reduce(np.matmul, [np.abs(w) for w in weights]).max()
    chain = [w + 1 for w in widths] * 2
    assert_close(gradient, desired, dtype, "matmul chain", chain, scale=scale)


def away_from_kinks(weights, biases, X, activation):
    """Whether no pre-activation of a row, the output's included, is near 0."""
    h, far = X, np.ones(len(X), bool)
    for W, b in zip(weights, biases, strict=True):
        z = h @ W + b
        far &= (np.abs(z) > 1e-4).all(axis=1)
        h = ref.activate(z, activation)
    return far


@pytest.mark.parametrize("output", ["identity", "logistic", "softmax"])
@pytest.mark.parametrize("activation", ["identity", "tanh", "logistic"])
def test_reference_is_the_derivative(rng, output, activation):
    weights, biases = network(rng, (4, 6, 5, 3), np.float64)
    X = rng.standard_normal((9, 4))
    gradient = ref.relu_network_input_gradient(weights, biases, X, output, activation)
    numerical = differences(
        lambda at: ref.relu_network_forward(weights, biases, at, output, activation)[0], X
    )
    assert_close(gradient, numerical, np.float64, "finite_difference", scale=1.0)


@pytest.mark.parametrize("logit", [20.0, 40.0, -40.0, 80.0])
def test_sure_probabilities_keep_their_digits(isa, dtype, logit):
    """p (1 - p) is about exp(-|f|), far below one ulp of p; so is that of a softmax of two."""
    one, X = [np.ones((1, 1), dtype)], np.array([[logit]], dtype)
    exact = 1.0 / (np.exp(abs(logit)) + 2.0 + np.exp(-abs(logit)))
    gradient = kernels.relu_network_input_gradient(one, [np.zeros(1, dtype)], X, "logistic")
    assert_close(gradient, [[[exact]]], dtype, "transcendental")
    two = [np.array([[1.0, 0.0]], dtype)]
    gradient = kernels.relu_network_input_gradient(two, [np.zeros(2, dtype)], X, "softmax")
    assert_close(gradient, [[[exact], [-exact]]], dtype, "transcendental")


def test_kernel_takes_lists_and_says_what_does_not_fit(rng):
    weights, biases = network(rng, (3, 4, 2), np.float64)
    X = rng.standard_normal((5, 3))
    desired = ref.relu_network_input_gradient(weights, biases, X)
    given = [w.tolist() for w in weights], [b.tolist() for b in biases], X.tolist()
    assert_close(
        kernels.relu_network_input_gradient(*given), desired, np.float64, "matmul chain", [4, 5, 3]
    )
    assert kernels.relu_network_input_gradient(weights, biases, X[:0]).shape == (0, 2, 3)
    with pytest.raises(ValueError, match="must have 2 rows"):
        kernels.relu_network_input_gradient(weights, biases, X[:, :2])
    with pytest.raises(ValueError, match="output_activation must be one of"):
        kernels.relu_network_input_gradient(weights, biases, X, "exp")


# ---------------------------------------------------------------- estimators


def table(rng, n=50, d=4):
    X = rng.standard_normal((n, d))
    return X, X @ rng.standard_normal((d, 3)) + 0.5


@pytest.mark.parametrize(
    "activation", ["identity", "tanh", "logistic", ("tanh", "logistic")], ids=str
)
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_regressor(isa, rng, activation, outputs, loss):
    X, y = table(rng)
    y = y[:, :outputs] if loss == "squared_error" else rng.poisson(2.0, (50, outputs))
    y = y if outputs > 1 else y[:, 0]
    model = st.MLPRegressor(loss, (6, 5), activation, max_iter=5, random_state=0, solver="lbfgs")
    quietly(model.fit, X, y)
    gradient = model.input_gradient(X)
    assert gradient.shape == ((50, 3, 4) if outputs == 3 else (50, 4))
    numerical = differences(lambda at: model.predict(at).reshape(len(at), -1), X)
    scale = 1 + np.abs(model.predict(X)).max()
    assert_close(
        gradient.reshape(numerical.shape), numerical, np.float64, "finite_difference", scale=scale
    )


def test_regressor_with_relu_is_piecewise_linear(isa, dtype, rng):
    """The prediction is f(x) = x . gradient(x) + what is the same in a neighbourhood of x."""
    X, y = (a.astype(dtype) for a in table(rng))
    model = quietly(
        st.MLPRegressor(hidden_layer_sizes=(20, 10), max_iter=20, random_state=0).fit, X, y
    )
    gradient = model.input_gradient(X)
    assert gradient.dtype == dtype
    weights, biases = in_float64(model.coefs_), in_float64(model.intercepts_)
    _, hidden = ref.relu_network_forward(weights, biases, in_float64(X))
    on = [h > 0 for h in hidden]
    for i in range(len(X)):
        linear = weights[0] * on[0][i] @ weights[1] * on[1][i] @ weights[2]
        assert_close(gradient[i], linear.T, dtype, "matmul chain", [5, 21, 11], scale=10.0)


@pytest.mark.parametrize("problem", ["two classes", "four classes", "labels"])
@pytest.mark.parametrize("output", ["probability", "logit"])
def test_classifier(isa, rng, problem, output):
    X, f = table(rng)
    y = {"two classes": f[:, 0] > 0, "four classes": np.arange(50) % 4, "labels": f > 0}[problem]
    model = st.MLPClassifier(
        hidden_layer_sizes=(6, 5), activation=("tanh", "logistic"), max_iter=30, random_state=0
    )
    quietly(model.fit, X, y.astype(int))

    def predicted(at):
        p = model.predict_proba(at)
        if problem == "two classes":
            p = p[:, 1:]
        if output == "probability":
            return p
        if problem == "four classes":  # up to the same number for all classes
            return np.log(p) - np.log(p).mean(axis=1, keepdims=True)
        return np.log(p) - np.log1p(-p)

    gradient = model.input_gradient(X, output)
    if output == "probability":
        np.testing.assert_array_equal(gradient, model.input_gradient(X))
    if problem == "four classes":
        if output == "logit":
            gradient = gradient - gradient.mean(axis=1, keepdims=True)
        else:  # probabilities add up to 1 everywhere
            assert_close(gradient.sum(axis=1), np.zeros((50, 4)), np.float64, "reduction", 4, 1.0)
    numerical = differences(predicted, X)
    assert gradient.shape == ((50, 4) if problem == "two classes" else numerical.shape)
    assert_close(
        gradient.reshape(numerical.shape), numerical, np.float64, "finite_difference", scale=1.0
    )


def test_without_a_hidden_layer_it_is_the_coefficients(isa, dtype, rng):
    X, y = (a.astype(dtype) for a in table(rng))
    model = quietly(st.MLPRegressor(hidden_layer_sizes=(), max_iter=5, random_state=0).fit, X, y)
    expected = np.broadcast_to(model.coefs_[0].T, (50, 3, 4))
    np.testing.assert_array_equal(model.input_gradient(X), expected)


@pytest.mark.parametrize("density", [0.05, 0.5], ids=["by entries", "made dense"])
def test_sparse_inputs(isa, dtype, rng, density):
    X = scipy.sparse.random(300, 80, density, "csr", dtype=dtype, random_state=1)
    y = rng.integers(0, 3, 300)
    model = quietly(
        st.MLPClassifier(hidden_layer_sizes=(9, 6), max_iter=2, random_state=0).fit, X, y
    )
    gradient = model.input_gradient(X)
    assert type(gradient) is np.ndarray
    np.testing.assert_array_equal(gradient, model.input_gradient(X.toarray()))
    np.testing.assert_array_equal(gradient, model.input_gradient(X.tocsc()))


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("loss", ["squared_error", "huber", "poisson"])
def test_linear_regression(dtype, rng, outputs, loss):
    X, y = (a.astype(dtype) for a in table(rng))
    y = np.abs(y[:, :outputs] if outputs > 1 else y[:, 0])
    model = quietly(st.LinearRegression(loss=loss, max_epochs=20, random_state=0).fit, X, y)
    gradient = model.input_gradient(X)
    assert gradient.dtype == dtype
    assert gradient.shape == ((50, 3, 4) if outputs == 3 else (50, 4))
    slope = model.predict(X)[..., None] if loss == "poisson" else 1.0
    expected = np.broadcast_to(slope * model.coef_, gradient.shape)
    assert_close(gradient, expected, dtype, "transcendental")


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("output", ["probability", "logit"])
def test_logistic_regression(rng, classes, output):
    X, _ = table(rng)
    model = quietly(st.LogisticRegression(max_epochs=20).fit, X, np.arange(50) % classes)
    gradient = model.input_gradient(X, output)

    def predicted(at):
        if output == "logit":
            return model.decision_function(at).reshape(len(at), -1)
        return model.predict_proba(at)[:, 1:] if classes == 2 else model.predict_proba(at)

    numerical = differences(predicted, X)
    assert gradient.shape == ((50, 4) if classes == 2 else (50, 4, 4))
    assert_close(
        gradient.reshape(numerical.shape), numerical, np.float64, "finite_difference", scale=1.0
    )
    with pytest.raises(ValueError, match="output must be one of 'probability', 'logit'"):
        model.input_gradient(X, "margin")


def test_margins_have_no_probabilities(rng):
    X, _ = table(rng)
    model = quietly(st.LogisticRegression(loss="hinge", max_epochs=5).fit, X, np.arange(50) % 2)
    np.testing.assert_array_equal(model.input_gradient(X), np.tile(model.coef_, (50, 1)))


@pytest.mark.parametrize("basis", ["monomial", "chebyshev", "legendre"])
@pytest.mark.parametrize("degree", [0, 1, 5])
@pytest.mark.parametrize("outputs", [1, 2])
def test_polynomial(rng, basis, degree, outputs):
    x = rng.uniform(-3, 5, (60, 1))
    y = np.sin(x + np.arange(outputs)) if outputs > 1 else np.sin(x[:, 0])
    model = quietly(st.PolynomialRegression(degree, basis=basis, max_epochs=50).fit, x, y)
    gradient = model.input_gradient(x)
    assert gradient.shape == ((60, 2, 1) if outputs == 2 else (60, 1))
    numerical = differences(lambda at: model.predict(at).reshape(60, -1), x)
    assert_close(
        gradient.reshape(numerical.shape), numerical, np.float64, "finite_difference", scale=10.0
    )
    np.testing.assert_array_equal(model.input_gradient(x[:, 0]), gradient)


def test_polynomial_of_one_point(rng):
    model = quietly(st.PolynomialRegression(2, max_epochs=5).fit, np.ones((4, 1)), np.ones(4))
    np.testing.assert_array_equal(model.input_gradient(np.arange(3.0)), np.zeros((3, 1)))


def test_one_class_does_not_depend_on_anything(rng):
    X, _ = table(rng)
    model = quietly(st.MLPClassifier(max_iter=2).fit, X, np.zeros(50))
    assert not model.input_gradient(X).any()
    assert model.input_gradient(X, "logit").shape == (50, 4)


def test_what_is_wrong_is_said(rng):
    X, y = table(rng)
    with pytest.raises(NotFittedError):
        st.MLPRegressor().input_gradient(X)
    with pytest.raises(NotFittedError):
        st.MLPClassifier().input_gradient(X)
    model = quietly(st.MLPClassifier(max_iter=2).fit, X, (y[:, 0] > 0))
    with pytest.raises(
        ValueError, match="output must be one of 'probability', 'logit', but is 'p'"
    ):
        model.input_gradient(X, "p")
    with pytest.raises(ValueError, match="features"):
        model.input_gradient(X[:, :3])
