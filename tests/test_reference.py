"""The NumPy reference against finite differences, closed forms, NumPy, SciPy and scikit-learn."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
import scipy.special
import scipy.stats
from gradcheck import assert_gradient, numerical_gradient
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier, MLPRegressor
from tolerances import assert_close, in_float64, tolerance

from steepest import reference as ref

F64 = np.float64
BASES = ("monomial", "chebyshev", "legendre")
HIDDEN_ACTIVATIONS = ("identity", "relu", "tanh", "logistic")
OUTPUT_ACTIVATIONS = ("identity", "relu", "logistic", "softmax")


@pytest.fixture
def rng():
    return np.random.default_rng(20240229)


# ---------------------------------------------------------------- the instruments themselves


def test_assert_close_names_the_worst_entry():
    desired = np.ones((2, 3))
    actual = desired.copy()
    actual[0, 1] += 1e-12
    actual[1, 2] += 1e-9
    with pytest.raises(AssertionError, match=r"2 of 6 entries(.|\n)*Worst: f\[1, 2\] is 1\.0000"):
        assert_close(actual, desired, F64, "reduction", length=10, name="f")


def test_assert_close_measures_a_cancelled_sum_against_its_terms():
    with pytest.raises(AssertionError):
        assert_close(1e-16, 0.0, F64, "reduction", length=10)
    assert_close(1e-16, 0.0, F64, "reduction", length=10, scale=1.0)


def test_assert_close_takes_one_scale_for_each_entry():
    desired = np.zeros(2)
    assert_close([1e-16, 1e-10], desired, F64, "reduction", scale=[1.0, 1e6])
    with pytest.raises(AssertionError, match=r"actual\[1\]"):
        assert_close([1e-10, 1e-10], desired, F64, "reduction", scale=[1e6, 1.0])


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_assert_close_lets_no_non_finite_entry_through(wrong):
    for actual, desired in [(wrong, 1.0), (1.0, wrong), (wrong, 3 - wrong)]:
        if np.isnan(actual) and np.isnan(desired):
            continue
        with pytest.raises(AssertionError, match="1 of 2"):
            assert_close([0.0, actual], [0.0, desired], F64, "elementwise")
    assert_close([wrong, 1.0], [wrong, 1.0], F64, "elementwise")


def test_assert_close_compares_lists_part_by_part_and_shapes_exactly():
    with pytest.raises(AssertionError, match=r"d_weights\[1\]"):
        assert_close(
            [np.ones(2), np.ones(3)], [np.ones(2), np.zeros(3)], F64, "steps", name="d_weights"
        )
    with pytest.raises(AssertionError, match=r"shape \(2,\), not \(2, 1\)"):
        assert_close(np.ones(2), np.ones((2, 1)), F64, "steps")
    with pytest.raises(AssertionError, match="1 arrays, not 2"):
        assert_close([np.ones(2)], [np.ones(2), np.ones(2)], F64, "steps")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 7, 64, 1000, 10_000])
def test_reduction_tolerance_is_for_the_worst_order_of_summation(rng, dtype, n):
    """Positive terms added one by one: 20 sums stay within the bound, and not all far within."""
    x = rng.random((20, n)).astype(dtype)
    one_by_one = np.cumsum(x, axis=1, dtype=dtype)[:, -1]
    exact = np.array([math.fsum(row) for row in x.tolist()])
    assert_close(one_by_one, exact, dtype, "reduction", n)
    if n == 10_000:
        with pytest.raises(AssertionError):
            assert_close(one_by_one, exact, dtype, "reduction", 20)


def test_tolerance_table():
    eps32 = float(np.finfo(np.float32).eps)
    assert tolerance(np.float32, "elementwise") == {"rtol": 8 * eps32, "atol": 8 * eps32}
    assert tolerance("float32", "reduction", 100)["rtol"] == 24 * eps32
    assert tolerance("float32", "matmul chain", (100, 1))["rtol"] == (24 + 16 + 5 + 16) * eps32
    wide = in_float64([np.ones(1, np.float32), [np.arange(2)]])
    assert [wide[0].dtype.name, wide[1][0].dtype.kind] == ["float64", "i"]


def test_numerical_gradient_of_arrays_and_lists():
    def f(theta):
        a, b = theta
        return np.sum(np.sin(a)) + a[0] * np.sum(b**3)

    a, b = np.array([0.3, -2.0]), np.array([[1.0, 0.5]])
    worst = assert_gradient(f, [a, b], [np.cos(a) + np.array([np.sum(b**3), 0.0]), 3 * a[0] * b**2])
    assert 0 < worst.error < 1e-9
    assert_close(
        numerical_gradient(lambda x: float(x @ x), a), 2 * a, F64, "finite_difference", scale=4.0
    )


def test_assert_gradient_names_the_wrong_entry():
    theta = np.array([1.0, 2.0, 3.0])
    with pytest.raises(AssertionError, match=r"gradient\[0\]\[1\] is 4\.5, desired 4"):
        assert_gradient(lambda x: float(x @ x), theta, 2 * theta + [0, 0.5, 0])
    with pytest.raises(AssertionError, match=r"gradient\[0\]\[2\]"):
        assert_gradient(lambda x: float(x @ x), theta, 2 * theta + [0, 0, 1e-12], quadratic=True)


# ---------------------------------------------------------------- losses


def test_mse_by_hand():
    assert ref.mse(np.array([1.0, 2.0]), np.array([0.0, 4.0])) == 2.5
    prediction, target = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[0.0, 4.0], [3.0, 2.0]])
    assert ref.mse(prediction, target) == 3.5
    np.testing.assert_array_equal(ref.mse_gradient(prediction, target), [[0.5, -1.0], [0.0, 1.5]])


@pytest.mark.parametrize("shape", [(5,), (5, 1), (4, 3)])
def test_mse_gradient_is_the_gradient_of_mse(rng, shape):
    f, y = rng.standard_normal((2, *shape))
    assert_gradient(
        lambda f: ref.mse(f, y), f, ref.mse_gradient(f, y), quadratic=True, length=f.size
    )


@pytest.mark.parametrize("loss", [ref.mse, ref.mse_gradient, ref.logistic_cross_entropy])
def test_losses_refuse_shapes_that_would_broadcast(loss):
    with pytest.raises(ValueError, match=r"shape \(3,\) and target has shape \(3, 1\)"):
        loss(np.zeros(3), np.zeros((3, 1)))


@pytest.mark.parametrize(
    "loss", [ref.mse, ref.mse_gradient, ref.logistic_cross_entropy, ref.softmax_cross_entropy]
)
def test_losses_refuse_an_empty_mean(loss):
    with pytest.raises(ValueError, match="has no rows"):
        loss(np.zeros((0, 2)), np.zeros((0, 2)))
    with pytest.raises(ValueError, match="has no columns"):
        loss(np.zeros((2, 0)), np.zeros((2, 0)))


def test_log_softmax_and_logistic_against_scipy(rng):
    z = np.vstack([rng.standard_normal((6, 4)) * 10, [1000.0, 0.0, -1000.0, 999.0]])
    # The row's largest number is subtracted, so its rounding is what the small ones feel.
    scale = np.max(np.abs(z), axis=1, keepdims=True)
    log_p = scipy.special.log_softmax(z, axis=1)
    assert_close(ref.log_softmax(z), log_p, F64, "transcendental", scale=scale)
    z = np.concatenate([np.linspace(-40, 40, 41), [-700.0, 700.0, -1e4, 1e4, 0.0]])
    assert_close(ref.logistic(z), scipy.special.expit(z), F64, "transcendental")


def test_softmax_cross_entropy_is_log_loss(rng):
    logits, classes = rng.standard_normal((20, 4)) * 5, rng.integers(0, 4, 20)
    loss, d_logits = ref.softmax_cross_entropy(logits, classes)
    probability = scipy.special.softmax(logits, axis=1)
    log_loss_ = log_loss(classes, probability, labels=range(4))
    assert_close(loss, log_loss_, F64, "reduction", 20, scale=np.max(np.abs(logits)))
    one_hot = np.eye(4)[classes]
    assert_close(d_logits, (probability - one_hot) / 20, F64, "transcendental", scale=1 / 20)
    same_loss, same_d_logits = ref.softmax_cross_entropy(logits, one_hot)
    assert same_loss == loss
    np.testing.assert_array_equal(same_d_logits, d_logits)


def test_softmax_cross_entropy_gradient(rng):
    logits, target = rng.standard_normal((5, 3)), rng.random((5, 3))  # rows need not sum to one
    _, d_logits = ref.softmax_cross_entropy(logits, target)
    assert_gradient(lambda z: ref.softmax_cross_entropy(z, target)[0], logits, d_logits)
    classes = np.array([0, 2, 1, 1, 0])
    _, d_logits = ref.softmax_cross_entropy(logits, classes)
    assert_gradient(lambda z: ref.softmax_cross_entropy(z, classes)[0], logits, d_logits)


def test_softmax_cross_entropy_by_hand():
    loss, d_logits = ref.softmax_cross_entropy(np.zeros((2, 4)), np.array([0, 3]))
    assert_close(loss, np.log(4), F64, "transcendental")
    np.testing.assert_array_equal(d_logits[0], [-0.375, 0.125, 0.125, 0.125])
    loss, d_logits = ref.softmax_cross_entropy(np.array([[1000.0, -1000.0]]), np.array([1]))
    assert loss == 2000.0
    np.testing.assert_array_equal(d_logits, [[1.0, -1.0]])


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (np.array([0, 3]), r"target\[1\] is 3: .* 0 \.\.\. 2"),
        (np.array([-1, 0]), r"target\[0\] is -1"),
        (np.array([0.0, 1.0]), "float64"),
        (np.array([0, 1, 2]), r"shape \(2, 3\) and target has shape \(3, 3\)"),
        (np.zeros((3, 2)), r"shape \(2, 3\) and target has shape \(3, 2\)"),
    ],
)
def test_softmax_cross_entropy_refuses_wrong_targets(target, message):
    with pytest.raises(ValueError, match=message):
        ref.softmax_cross_entropy(np.zeros((2, 3)), target)


@pytest.mark.parametrize("shape", [(7,), (4, 3)])
def test_logistic_cross_entropy(rng, shape):
    logits, target = rng.standard_normal(shape) * 3, rng.random(shape)
    loss, d_logits = ref.logistic_cross_entropy(logits, target)
    p = scipy.special.expit(logits)
    textbook = -np.mean(target * np.log(p) + (1 - target) * np.log1p(-p))
    assert_close(loss, textbook, F64, "reduction", logits.size, scale=np.max(np.abs(logits)))
    assert_gradient(lambda z: ref.logistic_cross_entropy(z, target)[0], logits, d_logits)


def test_logistic_cross_entropy_does_not_overflow():
    loss, d_logits = ref.logistic_cross_entropy(np.array([1000.0, -1000.0]), np.array([0, 0]))
    assert loss == 500.0
    np.testing.assert_array_equal(d_logits, [0.5, 0.0])


# ---------------------------------------------------------------- linear


@pytest.mark.parametrize("outputs", [(), (3,)])
def test_linear_gradient(rng, outputs):
    X, y = rng.standard_normal((8, 2)), rng.standard_normal((8, *outputs))
    theta = rng.standard_normal((3, *outputs))
    loss, gradient = ref.linear_loss_gradient(theta, X, y)
    assert loss == ref.mse(ref.linear_predict(theta, X), y)
    assert gradient.shape == theta.shape
    assert_gradient(
        lambda theta: ref.linear_loss_gradient(theta, X, y)[0],
        theta,
        gradient,
        quadratic=True,
        length=y.size + 3,
    )


def test_linear_gradient_by_hand():
    X, y = np.array([[1.0], [2.0]]), np.array([1.0, 4.0])
    np.testing.assert_array_equal(ref.linear_predict(np.array([1.0, 2.0]), X), [3.0, 5.0])
    loss, gradient = ref.linear_loss_gradient(np.array([1.0, 2.0]), X, y)
    assert loss == 2.5  # residuals 2 and 1
    np.testing.assert_array_equal(gradient, [3.0, 4.0])


@pytest.mark.parametrize("outputs", [(), (2,)])
def test_linear_gradient_vanishes_at_the_least_squares_solution(rng, outputs):
    X, y = rng.standard_normal((30, 4)), rng.standard_normal((30, *outputs))
    design = np.column_stack([np.ones(30), X])
    theta, squares, *_ = np.linalg.lstsq(design, y, rcond=None)
    loss, gradient = ref.linear_loss_gradient(theta, X, y)
    assert_close(loss, np.sum(squares) / y.size, F64, "reduction", 30)
    scale = 2 / y.size * np.abs(design).T @ np.abs(design @ theta - y)
    # lstsq itself is a chain of reductions of the same length
    assert_close(gradient, np.zeros_like(theta), F64, "matmul chain", (5, 30, 30), scale=scale)


def test_linear_of_a_model_without_columns_is_the_mean(rng):
    y = rng.standard_normal(6)
    loss, gradient = ref.linear_loss_gradient(np.array([np.mean(y)]), np.empty((6, 0)), y)
    assert_close(loss, np.var(y), F64, "reduction", 6)
    assert_close(gradient, [0.0], F64, "reduction", 6, scale=1.0)


# ---------------------------------------------------------------- polynomial


@pytest.mark.parametrize("degree", [0, 1, 2, 9])
@pytest.mark.parametrize(
    ("basis", "vander", "value"),
    [
        ("monomial", np.polynomial.polynomial.polyvander, np.polynomial.polynomial.polyval),
        ("chebyshev", np.polynomial.chebyshev.chebvander, np.polynomial.chebyshev.chebval),
        ("legendre", np.polynomial.legendre.legvander, np.polynomial.legendre.legval),
    ],
)
def test_polynomial_against_numpy(rng, basis, vander, value, degree):
    x, theta = np.linspace(-1, 1, 11), rng.standard_normal(degree + 1)
    size = np.sum(np.abs(theta))
    assert_close(ref.basis_matrix(x, degree, basis), vander(x, degree), F64, "reduction", 10)
    f = ref.polynomial_predict(theta, x, basis)
    assert_close(f, value(x, theta), F64, "reduction", 10, scale=size)


def test_monomial_basis_is_the_vandermonde_matrix():
    x = np.arange(-3, 4)
    expected = np.vander(x, 6, increasing=True)
    np.testing.assert_array_equal(ref.basis_matrix(x, 5), expected)


def test_chebyshev_basis_is_a_cosine():
    angle = np.linspace(0, np.pi, 9)
    T = ref.basis_matrix(np.cos(angle), 7, "chebyshev")
    # cos itself is rounded, and T_k' reaches k^2
    assert_close(T, np.cos(np.outer(angle, np.arange(8))), F64, "transcendental", scale=49.0)


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("degree", [0, 1, 5])
def test_polynomial_gradient(rng, basis, degree):
    x, y, theta = rng.uniform(-1, 1, 9), rng.standard_normal(9), rng.standard_normal(degree + 1)
    loss, gradient = ref.polynomial_loss_gradient(theta, x, y, basis)
    assert loss == ref.mse(ref.polynomial_predict(theta, x, basis), y)
    assert_gradient(
        lambda theta: ref.polynomial_loss_gradient(theta, x, y, basis)[0],
        theta,
        gradient,
        quadratic=True,
        length=9 + degree,
    )


def test_polynomial_is_the_linear_model_of_its_powers(rng):
    x, y, theta = rng.uniform(-1, 1, 9), rng.standard_normal(9), rng.standard_normal(4)
    X = np.column_stack([x, x**2, x**3])
    loss, gradient = ref.polynomial_loss_gradient(theta, x, y)
    linear_loss, linear_gradient = ref.linear_loss_gradient(theta, X, y)
    assert_close(loss, linear_loss, F64, "reduction", 13)
    assert_close(gradient, linear_gradient, F64, "reduction", 13)


@pytest.mark.parametrize("basis", BASES)
def test_polynomial_recovers_numpys_fit(rng, basis):
    x, y = np.linspace(-1, 1, 21), rng.standard_normal(21)
    theta = np.linalg.lstsq(ref.basis_matrix(x, 3, basis), y, rcond=None)[0]
    expected = np.polynomial.Polynomial.fit(x, y, 3, domain=[-1, 1])(x)
    f = ref.polynomial_predict(theta, x, basis)
    assert_close(f, expected, F64, "matmul chain", (4, 21, 21), scale=np.max(np.abs(y)))


# ---------------------------------------------------------------- network


def make_network(rng, widths):
    weights = [rng.standard_normal(shape) for shape in pairwise(widths)]
    biases = [rng.uniform(0.5, 1.5, width) for width in widths[1:]]  # few dead units
    return weights, biases


def make_target(rng, output_activation, n, n_out):
    if output_activation == "softmax":
        return rng.integers(0, n_out, n)
    return rng.random((n, n_out))


@pytest.mark.parametrize(
    ("activation", "oracle"),
    [
        ("identity", lambda z: z),
        ("relu", lambda z: np.where(z > 0, z, 0)),
        ("tanh", np.tanh),
        ("logistic", scipy.special.expit),
        ("softmax", lambda z: scipy.special.softmax(z, axis=1)),
    ],
)
def test_activate(rng, activation, oracle):
    z = rng.standard_normal((6, 3)) * 4
    scale = 1.0 if activation == "softmax" else None
    assert_close(ref.activate(z, activation), oracle(z), F64, "transcendental", scale=scale)


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_activation_derivative(activation):
    z = np.array([[-2.0, -0.5, 0.25, 3.0]])
    derivative = ref.activation_derivative(ref.activate(z, activation), activation)
    assert_gradient(lambda z: float(np.sum(ref.activate(z, activation))), z, derivative)


def test_relu_derivative_at_the_kink_is_zero():
    output = ref.activate(np.array([[-0.0, 0.0, np.nextafter(0, 1)]]), "relu")
    np.testing.assert_array_equal(ref.activation_derivative(output, "relu"), [[0.0, 0.0, 1.0]])


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_dense_backward(rng, activation):
    X, W, b, d_output = (rng.standard_normal(s) for s in [(5, 3), (3, 2), 2, (5, 2)])

    def loss(parts):
        X, W, b = parts
        return float(np.sum(d_output * ref.dense_forward(X, W, b, activation)))

    output = ref.dense_forward(X, W, b, activation)
    derivatives = ref.dense_backward(X, W, output, d_output, activation)
    assert_gradient(loss, [X, W, b], list(derivatives))


def test_network_forward_is_layer_by_layer(rng):
    (W0, W1, W2), (b0, b1, b2) = weights, biases = make_network(rng, [2, 4, 3, 2])
    X = rng.standard_normal((5, 2))
    output, hidden = ref.relu_network_forward(weights, biases, X)
    h0 = np.maximum(X @ W0 + b0, 0)
    h1 = np.maximum(h0 @ W1 + b1, 0)
    assert len(hidden) == 2
    np.testing.assert_array_equal(hidden[0], h0)
    np.testing.assert_array_equal(hidden[1], h1)
    np.testing.assert_array_equal(output, h1 @ W2 + b2)
    softmax, _ = ref.relu_network_forward(weights, biases, X, "softmax")
    expected = scipy.special.softmax(h1 @ W2 + b2, axis=1)
    assert_close(softmax, expected, F64, "transcendental", scale=1.0)


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
@pytest.mark.parametrize("output_activation", OUTPUT_ACTIVATIONS)
@pytest.mark.parametrize("widths", [[3, 2], [3, 4, 2], [2, 4, 3, 2]])
def test_network_gradient(rng, widths, output_activation, activation):
    weights, biases = make_network(rng, widths)
    X = rng.standard_normal((6, widths[0]))
    y = make_target(rng, output_activation, 6, widths[-1])
    depth = len(weights)
    away_from_kinks(weights, biases, X, activation)

    def loss(theta):
        network = theta[:depth], theta[depth:]
        return ref.relu_network_loss_gradient(*network, X, y, output_activation, activation)[0]

    _, d_weights, d_biases = ref.relu_network_loss_gradient(
        weights, biases, X, y, output_activation, activation
    )
    assert all(np.any(part) for part in d_weights + d_biases)
    assert_gradient(loss, [*weights, *biases], [*d_weights, *d_biases])


def away_from_kinks(weights, biases, X, activation):
    """Assert that no pre-activation is so close to 0 that a central difference could cross it."""
    layer_input = X
    for W, b in zip(weights, biases, strict=True):
        z = layer_input @ W + b
        assert np.min(np.abs(z)) > 1e-3
        layer_input = ref.activate(z, activation)


@pytest.mark.parametrize("output_activation", OUTPUT_ACTIVATIONS)
def test_network_loss_is_that_of_its_output(rng, output_activation):
    weights, biases = make_network(rng, [3, 5, 2])
    X, y = rng.standard_normal((7, 3)), make_target(rng, output_activation, 7, 2)
    loss, *_ = ref.relu_network_loss_gradient(weights, biases, X, y, output_activation)
    output, _ = ref.relu_network_forward(weights, biases, X, output_activation)
    if output_activation == "softmax":
        expected = -np.mean(np.log(output[np.arange(7), y]))
    elif output_activation == "logistic":
        expected = -np.mean(y * np.log(output) + (1 - y) * np.log1p(-output))
    else:
        expected = np.mean((output - y) ** 2)
    # log(p) feels the rounding of p relative to the smallest p
    scale = np.max(output**2) if output_activation in ("identity", "relu") else 1 / np.min(output)
    assert_close(loss, expected, F64, "matmul chain", (3, 5, 14), scale=scale)


def test_network_without_hidden_layer_is_the_linear_model(rng):
    X, y, theta = (
        rng.standard_normal((6, 3)),
        rng.standard_normal((6, 2)),
        rng.standard_normal((4, 2)),
    )
    loss, (d_W,), (d_b,) = ref.relu_network_loss_gradient([theta[1:]], [theta[0]], X, y)
    linear_loss, gradient = ref.linear_loss_gradient(theta, X, y)
    assert_close(loss, linear_loss, F64, "reduction", 16)
    assert_close(np.vstack([d_b, d_W]), gradient, F64, "reduction", 16)


@pytest.mark.parametrize("output_activation", ["identity", "relu", "logistic"])
def test_one_output_takes_a_flat_target(rng, output_activation):
    weights, biases = make_network(rng, [3, 4, 1])
    X, y = rng.standard_normal((6, 3)), rng.random(6)
    flat = ref.relu_network_loss_gradient(weights, biases, X, y, output_activation)
    column = ref.relu_network_loss_gradient(weights, biases, X, y[:, None], output_activation)
    assert flat[0] == column[0]
    assert_close(flat[1] + flat[2], column[1] + column[2], F64, "elementwise")
    weights, biases = make_network(rng, [3, 4, 2])
    with pytest.raises(ValueError, match=r"shape \(6, 2\) and target has shape \(6, 1\)"):
        ref.relu_network_loss_gradient(weights, biases, X, y, output_activation)


@pytest.mark.parametrize(
    ("model", "n_classes", "output_activation", "factor"),
    [
        (MLPRegressor, None, "identity", 2.0),  # scikit-learn's squared loss has the factor 1/2
        (MLPClassifier, 2, "logistic", 1.0),
        (MLPClassifier, 3, "softmax", 1.0),
    ],
)
@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_network_against_scikit_learn(rng, model, n_classes, output_activation, factor, activation):
    """One plain SGD step at rate 1 moves scikit-learn's parameters by minus its gradient."""
    n = 20
    X = rng.standard_normal((n, 3))
    y = rng.standard_normal(n) if n_classes is None else np.arange(n) % n_classes
    classes = {} if n_classes is None else {"classes": np.arange(n_classes)}
    mlp = model(
        hidden_layer_sizes=(5, 4),
        activation=activation,
        solver="sgd",
        learning_rate_init=1.0,
        momentum=0.0,
        alpha=0.0,
        batch_size=n,
        random_state=0,
    )
    mlp.partial_fit(X, y, **classes)
    before = [part.copy() for part in mlp.coefs_ + mlp.intercepts_]
    weights, biases = before[:3], before[3:]
    output, _ = ref.relu_network_forward(weights, biases, X, output_activation, activation)
    if n_classes:
        p = mlp.predict_proba(X)[:, 1:] if n_classes == 2 else mlp.predict_proba(X)
        assert_close(output, p, F64, "matmul chain", (3, 5, 4), scale=1.0)
    else:
        assert_close(output[:, 0], mlp.predict(X), F64, "matmul chain", (3, 5, 4))

    mlp.partial_fit(X, y)
    step = [b - a for a, b in zip(mlp.coefs_ + mlp.intercepts_, before, strict=True)]
    _, d_weights, d_biases = ref.relu_network_loss_gradient(
        weights, biases, X, y, output_activation, activation
    )
    gradient = [part / factor for part in d_weights + d_biases]
    scale = max(np.max(np.abs(part)) for part in gradient + before)
    assert_close(step, gradient, F64, "matmul chain", (3, 5, 4, 4, 5, n), scale=scale)


# ---------------------------------------------------------------- dtypes and names


def test_every_dtype_comes_out_as_it_went_in(rng):
    X, y = rng.random((4, 2)).astype(np.float32), rng.random(4).astype(np.float32)
    theta = np.ones(3, np.float32)
    weights, biases = [np.ones((2, 2), np.float32)], [np.ones(2, np.float32)]
    arrays = [
        ref.mse_gradient(y, y),
        ref.softmax_cross_entropy(X, np.array([0, 1, 1, 0]))[1],
        ref.softmax_cross_entropy(X, X)[1],
        ref.logistic_cross_entropy(X, X)[1],
        ref.linear_predict(theta, X),
        ref.linear_loss_gradient(theta, X, y)[1],
        *(ref.polynomial_predict(theta, y, basis) for basis in BASES),
        *(ref.polynomial_loss_gradient(theta, y, y, basis)[1] for basis in BASES),
        *(ref.relu_network_forward(weights, biases, X, a)[0] for a in OUTPUT_ACTIVATIONS),
        *(
            ref.relu_network_loss_gradient(weights, biases, X, X, "relu", a)[1][0]
            for a in HIDDEN_ACTIVATIONS
        ),
        *(
            ref.dense_backward(X, *weights, X, X, activation)[0]
            for activation in HIDDEN_ACTIVATIONS
        ),
    ]
    assert [a.dtype for a in arrays] == [np.float32] * len(arrays)
    assert type(ref.mse(y, y)) is float
    assert type(ref.softmax_cross_entropy(X, X)[0]) is float
    assert type(ref.logistic_cross_entropy(X, X)[0]) is float


def test_integers_and_lists_are_taken_as_float64():
    pixels = np.array([0, 255], np.uint8)
    assert ref.mse(pixels, pixels[::-1]) == 255.0**2  # in uint8, 0 - 255 is 1
    assert ref.mse([1, 2], [0, 4]) == 2.5
    loss, gradient = ref.linear_loss_gradient([1, 2], [[1], [2]], [1, 4])
    assert loss == 2.5
    np.testing.assert_array_equal(gradient, [3.0, 4.0])
    # 100**10 does not fit in int64
    np.testing.assert_array_equal(ref.polynomial_predict([0] * 10 + [1], [100]), [1e20])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ref.basis_matrix([1.0], 1, "hermite"), "basis is 'hermite'.*'chebyshev'"),
        (lambda: ref.activate([[1.0]], "swish"), "activation is 'swish'.*'relu'"),
        (lambda: ref.activation_derivative([[1.0]], "softmax"), "activation is 'softmax'"),
        (
            lambda: ref.relu_network_forward([np.eye(1)], [np.ones(1)], [[1.0]], "tanh"),
            "output_activation is 'tanh'.*'softmax'",
        ),
    ],
)
def test_unknown_names_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---------------------------------------------------------------- random numbers

MASK = 2**32 - 1


def philox_block(counter, key):
    """Philox4x32-10 as its paper writes it: ten rounds of two 64-bit products, in Python integers."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & MASK, (p0 >> 32) ^ c3 ^ k1, p0 & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return [c0, c1, c2, c3]


@pytest.mark.parametrize(
    ("counter", "key", "published"),
    [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([MASK] * 4, [MASK] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_gives_the_published_answers(counter, key, published):
    """Known answers of philox4x32-10, from the Random123 distribution (kat_vectors)."""
    assert philox_block(counter, key) == published
    columns = np.array(counter, dtype=np.uint64)[:, None]
    assert ref.philox(columns, np.array(key, dtype=np.uint64))[:, 0].tolist() == published


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
@pytest.mark.parametrize("stream", [0, 1, MASK])
@pytest.mark.parametrize("index", [0, 1, 2**32, 2**64 - 1])
def test_philox_draws_are_groups_of_blocks_word_by_word(seed, stream, index):
    key = [seed & MASK, seed >> 32]
    blocks = [philox_block([b, index & MASK, index >> 32, stream], key) for b in range(16)]
    expected = [blocks[8 * g + b][w] for g in range(2) for w in range(4) for b in range(8)]
    draws = ref.philox_draws(seed, stream, index, 50)
    assert draws.dtype == np.uint32
    assert draws.tolist() == expected[:50]


def test_philox_draws_of_seed_zero_begin_with_the_published_answer():
    assert hex(ref.philox_draws(0, 0, 0, 1)[0]) == "0x6627e8d5"
    assert ref.philox_draws(0, 0, 0, 0).shape == (0,)


@pytest.mark.parametrize(("name", "bits"), [("seed", 64), ("stream", 32), ("index", 64)])
@pytest.mark.parametrize("beyond", [False, True])
def test_philox_draws_refuse_what_is_not_a_word(name, bits, beyond):
    value = 2**bits if beyond else -1
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        ref.philox_draws(**{"seed": 0, "stream": 0, "index": 0, name: value}, n=1)


def test_bounded_integer_by_hand():
    assert ref.bounded_integer(iter([2**31 + 1]), 6) == 3
    assert ref.bounded_integer(iter([2**32 - 1]), 6) == 5
    # 2**32 % 3 == 1: the word 0 alone is passed over
    assert ref.bounded_integer(iter([0, 1]), 3) == 0
    assert ref.bounded_integer(iter([0, 0, 2**32 - 1]), 3) == 2
    assert ref.bounded_integer(iter([0]), 4) == 0  # a power of two rejects nothing


@pytest.mark.parametrize("bound", [3, 5, 6, 7])
def test_bounded_integer_leaves_each_draw_the_same_number_of_words(bound):
    """The first and the last word of each draw, found from the definition, span equally many."""
    rejected = 2**32 % bound
    counts = []
    for j in range(bound):
        first = -(-((j << 32) + rejected) // bound)
        last = (((j + 1) << 32) - 1) // bound
        assert ref.bounded_integer(iter([first]), bound) == j
        assert ref.bounded_integer(iter([last]), bound) == j
        counts.append(last - first + 1)
    assert set(counts) == {2**32 // bound}


def test_permutation_is_this_one_for_ever():
    assert ref.permutation(10, seed=0, epoch=0).tolist() == [3, 5, 9, 6, 2, 7, 4, 0, 8, 1]
    assert ref.permutation(10, seed=2024, epoch=3).tolist() == [1, 0, 7, 6, 9, 2, 3, 8, 5, 4]


def test_permutation_from_the_draws():
    """Fisher-Yates again, from an array of draws; none is rejected at this size and seed."""
    n, seed, epoch = 12, 7, 5
    draws = ref.philox_draws(seed, 1, epoch, n).tolist()
    order = np.arange(n)
    for i, draw in zip(range(n - 1, 0, -1), draws, strict=False):
        order[[i, draw * (i + 1) >> 32]] = order[[draw * (i + 1) >> 32, i]]
    np.testing.assert_array_equal(ref.permutation(n, seed, epoch), order)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 1000, 10_000])
def test_permutation_has_every_row_once(n):
    order = ref.permutation(n, seed=3, epoch=1)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(n))


def test_permutation_changes_with_seed_and_epoch():
    orders = {tuple(ref.permutation(20, s, e)) for s in range(3) for e in range(3)}
    assert len(orders) == 9
    assert tuple(ref.permutation(20, 1, 1)) in orders


def test_permutation_is_uniform():
    counts = Counter(tuple(ref.permutation(4, seed=11, epoch=e).tolist()) for e in range(2400))
    observed = [counts[order] for order in permutations(range(4))]
    assert sum(observed) == 2400
    assert scipy.stats.chisquare(observed).pvalue > 1e-3


@pytest.mark.parametrize("n", [-1, 2**32])
def test_permutation_refuses_n_out_of_range(n):
    with pytest.raises(ValueError, match=f"n is {n}"):
        ref.permutation(n, 0, 0)
