"""The compiled dense layer and network against the reference, the chain rule and exact integers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from gradcheck import assert_gradient
from tolerances import assert_close, in_float64, tolerance

from steepest import kernels
from steepest import reference as ref

F32, F64 = np.float32, np.float64
HIDDEN_ACTIVATIONS = ("identity", "relu", "tanh", "logistic")
OUTPUT_ACTIVATIONS = ("identity", "relu", "logistic", "softmax")
ROWS = (1, 2, 5, 6, 7, 8, 9, 13, 64, 131, 1025, 2500)
COLUMNS = (1, 7, 8, 9, 15, 16, 17, 33)
# Narrow layers lie the other way in memory: they come first, last, and between wide ones.
WIDTHS = (
    (1, 1),
    (7, 8, 1),
    (9, 17, 2),
    (8, 1, 16),
    (16, 2, 33, 9),
    (17, 33, 8, 15, 1),
    (33, 1, 17, 2, 9, 8),
    (2, 16, 33, 10),
    (100, 12, 150, 23, 70, 6),
    (58, 200, 40),  # with many rows, a gradient in packed tiles, of which some are not whole
)
CROSS_ENTROPIES = {
    "logistic": kernels.logistic_cross_entropy,
    "softmax": kernels.softmax_cross_entropy,
}


# ---------------------------------------------------------------- dense layer


def dense_problem(rng, n, n_in, n_out, activation, dtype):
    """Return X, weights, bias, what the layer gave, and the derivative of a loss by that."""
    X, W, b, z, d = (
        rng.standard_normal(shape).astype(dtype)
        for shape in [(n, n_in), (n_in, n_out), n_out, (n, n_out), (n, n_out)]
    )
    return X, W, b, ref.activate(z, activation), d


DENSE = [
    *((n, 9, K, "relu") for n in ROWS for K in (1, 9)),
    *((13, d, K, "relu") for d in COLUMNS for K in (1, 2, 4, 5, 8, 9, 16, 17, 33)),
    *((13, 9, K, a) for K in (1, 4, 7, 8, 9, 17) for a in ("identity", "tanh", "logistic")),
    *((n, 9, 33, "relu") for n in range(14, 44)),  # all remainders of a register tile's rows
    *((29, 200, K, "tanh") for K in range(1, 35)),  # all groups of few outputs
]


@pytest.mark.parametrize(("n", "n_in", "n_out", "activation"), DENSE)
def test_dense_forward(isa, dtype, rng, n, n_in, n_out, activation):
    X, W, b, *_ = dense_problem(rng, n, n_in, n_out, activation, dtype)
    output = kernels.dense_forward(X, W, b, activation)
    assert output.dtype == dtype
    X, W, b = in_float64([X, W, b])
    terms = np.abs(X) @ np.abs(W) + np.abs(b)  # no activation is steeper than 1
    desired = ref.dense_forward(X, W, b, activation)
    assert_close(output, desired, dtype, "matmul chain", n_in + 1, scale=terms)


@pytest.mark.parametrize(("n", "n_in", "n_out", "activation"), DENSE)
def test_dense_backward(isa, dtype, rng, n, n_in, n_out, activation):
    X, W, _, output, d_output = dense_problem(rng, n, n_in, n_out, activation, dtype)
    gradients = kernels.dense_backward(X, W, output, d_output, activation)
    assert [g.dtype for g in gradients] == [dtype] * 3
    X, W, output, d_output = in_float64([X, W, output, d_output])
    d_X, d_W, d_b = ref.dense_backward(X, W, output, d_output, activation)
    # 1 - a^2 cancels near |a| = 1, so errors are relative to d_output and not to its multiple.
    d = np.abs(d_output)
    for name, actual, desired, length, terms in (
        ("d_X", gradients[0], d_X, n_out, d @ np.abs(W).T),
        ("d_weights", gradients[1], d_W, n, np.abs(X).T @ d),
        ("d_bias", gradients[2], d_b, n, np.sum(d, axis=0)),
    ):
        assert_close(actual, desired, dtype, "matmul chain", length, scale=terms, name=name)


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
@pytest.mark.parametrize("n_out", [1, 2, 9])
def test_dense_backward_is_the_derivative_of_dense_forward(isa, rng, n_out, activation):
    X, W, b, _, d_output = dense_problem(rng, 5, 3, n_out, activation, F64)
    assert_away_from_kinks([W], [b], X, activation)

    def loss(parts):
        return float(np.sum(d_output * kernels.dense_forward(*parts, activation)))

    output = kernels.dense_forward(X, W, b, activation)
    gradients = kernels.dense_backward(X, W, output, d_output, activation)
    assert_gradient(loss, [X, W, b], list(gradients))


@pytest.mark.parametrize("n_out", [1, 8, 9, 17])
def test_no_rows_through_a_dense_layer(isa, dtype, rng, n_out):
    X, W, b, output, d = dense_problem(rng, 0, 3, n_out, "relu", dtype)
    assert kernels.dense_forward(X, W, b).shape == (0, n_out)
    d_X, d_W, d_b = kernels.dense_backward(X, W, output, d)
    assert d_X.shape == (0, 3)
    np.testing.assert_array_equal(d_W, np.zeros((3, n_out)))
    np.testing.assert_array_equal(d_b, np.zeros(n_out))


@pytest.mark.parametrize("n_out", [1, 8, 9, 17])
def test_derivative_of_relu_at_zero_is_zero(isa, dtype, n_out):
    """At 0, at -0, and, to see a difference, at the smallest positive number."""
    smallest = np.nextafter(dtype(0), dtype(1))
    output = np.repeat(np.array([[0.0], [-0.0], [smallest]], dtype), n_out, axis=1)
    X, W, d = np.ones((3, 1), dtype), np.ones((1, n_out), dtype), np.ones((3, n_out), dtype)
    d_X, d_W, d_b = kernels.dense_backward(X, W, output, d, "relu")
    np.testing.assert_array_equal(d_X, [[0], [0], [n_out]])
    np.testing.assert_array_equal(d_W, np.ones((1, n_out)))
    np.testing.assert_array_equal(d_b, np.ones(n_out))


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
@pytest.mark.parametrize("n_out", [1, 8, 9, 17])
def test_nan_goes_through_a_dense_layer(isa, dtype, rng, n_out, activation):
    """Both ways: ReLU takes NaN neither for negative nor for a dead unit."""
    X, W, b, _, d = dense_problem(rng, 13, 3, n_out, activation, dtype)
    X[5, 1] = np.nan
    output = kernels.dense_forward(X, W, b, activation)
    bad_row = np.broadcast_to(np.arange(13)[:, None] == 5, output.shape)
    np.testing.assert_array_equal(np.isnan(output), bad_row)
    # A loss has a NaN derivative where its argument is NaN.
    d[5] = np.nan
    d_X, d_W, d_b = kernels.dense_backward(np.ones_like(X), W, output, d, activation)
    np.testing.assert_array_equal(np.all(np.isnan(d_X), axis=1), np.arange(13) == 5)
    assert np.all(np.isnan(d_W))
    assert np.all(np.isnan(d_b))


# ---------------------------------------------------------------- network: problems and tolerances


def make_network(rng, widths, dtype):
    """Weights for activations of order 1; biases of both signs and none near zero."""
    weights = [rng.standard_normal(shape) / np.sqrt(shape[0]) for shape in pairwise(widths)]
    biases = [rng.choice([-1, 1], width) * rng.uniform(0.1, 1, width) for width in widths[1:]]
    return [w.astype(dtype) for w in weights], [b.astype(dtype) for b in biases]


def pre_activations(weights, biases, X, activation):
    for W, b in zip(weights, biases, strict=True):
        z = X @ W + b
        yield z
        X = ref.activate(z, activation)


def rows_away_from_kinks(rng, weights, biases, n, activation, dtype):
    """Return inputs no pre-activation of which is within rounding error of zero."""
    candidates = rng.standard_normal((2 * n + 10, len(weights[0]))).astype(dtype)
    wide = in_float64(weights), in_float64(biases), in_float64(candidates)
    closest = [np.min(np.abs(z), axis=1) for z in pre_activations(*wide, activation)]
    X = candidates[np.min(closest, axis=0) > 1e-4][:n]
    assert len(X) == n
    return X


def assert_away_from_kinks(weights, biases, X, activation):
    """A central difference must not step over one."""
    for z in pre_activations(weights, biases, X, activation):
        assert np.min(np.abs(z)) > 1e-3


def make_target(rng, output_activation, n, K, dtype):
    if output_activation == "softmax":
        return rng.integers(0, K, n)
    return rng.random((n, K)).astype(dtype)


def problem(rng, widths, n, output_activation, activation, dtype):
    weights, biases = make_network(rng, widths, dtype)
    X = rows_away_from_kinks(rng, weights, biases, n, activation, dtype)
    return weights, biases, X, make_target(rng, output_activation, n, widths[-1], dtype)


def sizes_of_terms(weights, biases, X):
    """Return, layer by layer, sums of |terms| that bound each activation and so its rounding."""
    sizes = [np.abs(X)]
    for W, b in zip(weights, biases, strict=True):
        sizes.append(sizes[-1] @ np.abs(W) + np.abs(b))
    return sizes


def assert_forward(weights, biases, X, output_activation, activation, dtype):
    output, hidden = kernels.relu_network_forward(weights, biases, X, output_activation, activation)
    assert [a.dtype for a in [*hidden, output]] == [dtype] * len(weights)
    weights, biases, X = in_float64(weights), in_float64(biases), in_float64(X)
    desired, desired_hidden = ref.relu_network_forward(
        weights, biases, X, output_activation, activation
    )
    _, *sizes = sizes_of_terms(weights, biases, X)
    widths = [len(W) + 1 for W in weights]
    if output_activation == "softmax":
        # A softmax moves by at most the largest move of its row's logits, at most twice.
        sizes[-1] = 2 * np.max(sizes[-1], axis=1, keepdims=True)
        widths.append(len(biases[-1]))
    for layer, (actual, wanted, size) in enumerate(
        zip([*hidden, output], [*desired_hidden, desired], sizes, strict=True)
    ):
        chain = widths if layer == len(hidden) else widths[: layer + 1]
        name = f"activation {layer}"
        assert_close(actual, wanted, dtype, "matmul chain", chain, scale=size, name=name)


def assert_loss_gradient(problem, output_activation, activation, dtype):
    weights, biases, X, y = problem
    loss, d_weights, d_biases = kernels.relu_network_loss_gradient(
        *problem, output_activation, activation
    )
    assert type(loss) is float
    assert [g.dtype for g in d_weights + d_biases] == [dtype] * 2 * len(weights)

    weights, biases, X, y = in_float64(weights), in_float64(biases), in_float64(X), in_float64(y)
    desired_loss, desired_d_weights, desired_d_biases = ref.relu_network_loss_gradient(
        weights, biases, X, y, output_activation, activation
    )
    n, K = len(X), len(biases[-1])
    sizes = sizes_of_terms(weights, biases, X)
    if output_activation in ("identity", "relu"):
        f, _ = ref.relu_network_forward(weights, biases, X, output_activation, activation)
        r = np.abs(f - y)
        loss_size, d = np.mean(r * (r + 2 * sizes[-1])), 2 / f.size * (r + sizes[-1])
    else:  # both cross-entropies change by at most 1 with a logit, and their derivatives too
        largest = np.max(sizes[-1], axis=1, keepdims=True)
        rows = n if output_activation == "softmax" else n * K
        loss_size, d = 1 + np.mean(2 * largest), (1 + np.broadcast_to(largest, (n, K))) / rows
    forward = [len(W) + 1 for W in weights] + [K]
    chain = forward if dtype == F32 else [*forward, n * K]
    assert_close(loss, desired_loss, dtype, "matmul chain", chain, scale=loss_size, name="loss")

    chain = [*forward, *(W.shape[1] for W in weights), n]
    for layer in reversed(range(len(weights))):
        for name, actual, desired, size in (
            ("d_weights", d_weights, desired_d_weights, sizes[layer].T @ d),
            ("d_biases", d_biases, desired_d_biases, np.sum(d, axis=0)),
        ):
            assert_close(
                actual[layer],
                desired[layer],
                dtype,
                "matmul chain",
                chain,
                scale=size,
                name=f"{name}[{layer}]",
            )
        d = d @ np.abs(weights[layer]).T


# ---------------------------------------------------------------- network against the reference


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("n", ROWS)
def test_sizes(isa, dtype, rng, widths, n):
    for output_activation in ("identity", "softmax") if n < 100 else ("identity",):
        parts = problem(rng, widths, n, output_activation, "relu", dtype)
        assert_forward(*parts[:3], output_activation, "relu", dtype)
        assert_loss_gradient(parts, output_activation, "relu", dtype)


@pytest.mark.parametrize("draw", range(25))
def test_any_sizes(isa, dtype, rng, draw):
    """Sizes that nobody chose: blocks, panels, pieces and tiles end anywhere, and are packed or not."""
    rng = rng.spawn(draw + 1)[draw]
    widths = [int(n) for n in np.exp(rng.uniform(0, np.log(300), rng.integers(2, 5)))]
    n = int(np.exp(rng.uniform(0, np.log(600))))
    assert_loss_gradient(
        problem(rng, widths, n, "identity", "tanh", dtype), "identity", "tanh", dtype
    )


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
@pytest.mark.parametrize("output_activation", OUTPUT_ACTIVATIONS)
@pytest.mark.parametrize("widths", [(3, 2), (9, 17, 1), (7, 16, 2, 9)], ids=str)
def test_activations(isa, dtype, rng, widths, output_activation, activation):
    parts = problem(rng, widths, 37, output_activation, activation, dtype)
    assert_forward(*parts[:3], output_activation, activation, dtype)
    assert_loss_gradient(parts, output_activation, activation, dtype)


def test_wide_layers_make_small_blocks_of_rows(isa, dtype, rng):
    """The wider the layers, the fewer rows go through them together; 300 are a few blocks here."""
    parts = problem(rng, (5, 256, 300, 3), 300, "identity", "relu", dtype)
    assert_forward(*parts[:3], "identity", "relu", dtype)
    assert_loss_gradient(parts, "identity", "relu", dtype)


def test_softmax_network_with_probabilities(isa, dtype, rng):
    weights, biases, X, _ = problem(rng, (9, 17, 3), 37, "softmax", "relu", dtype)
    y = rng.random((37, 3))
    y = (y / np.sum(y, axis=1, keepdims=True)).astype(dtype)
    assert_loss_gradient((weights, biases, X, y), "softmax", "relu", dtype)
    classes = rng.integers(0, 3, 37)
    loss, d_weights, d_biases = kernels.relu_network_loss_gradient(
        weights, biases, X, classes, "softmax"
    )
    same_loss, same_d_weights, same_d_biases = kernels.relu_network_loss_gradient(
        weights, biases, X, np.eye(3, dtype=dtype)[classes], "softmax"
    )
    assert same_loss == loss
    for same, other in zip(same_d_weights + same_d_biases, d_weights + d_biases, strict=True):
        np.testing.assert_array_equal(same, other)


@pytest.mark.parametrize("n", [1, 2, 8, 64, 1024, 2048])
@pytest.mark.parametrize("widths", [(7, 8, 1), (8, 1, 16), (9, 17, 2), (5, 2, 9, 4)], ids=str)
@pytest.mark.parametrize("output_activation", ["identity", "relu"])
def test_small_integers_are_exact(isa, dtype, rng, widths, n, output_activation):
    """No sum here needs rounding, so no order of summation can be told from another.

    Pre-activations of exactly 0 are frequent: both sides must give them the derivative 0.
    """
    weights = [rng.integers(-1, 2, shape).astype(dtype) for shape in pairwise(widths)]
    biases = [rng.integers(-1, 2, width).astype(dtype) for width in widths[1:]]
    X = rng.integers(-1, 2, (n, widths[0])).astype(dtype)
    y = rng.integers(-2, 3, (n, widths[-1])).astype(dtype)
    wide = [in_float64(part) for part in (weights, biases, X, y)]
    output, hidden = kernels.relu_network_forward(weights, biases, X, output_activation)
    desired, desired_hidden = ref.relu_network_forward(*wide[:3], output_activation)
    zeros = sum(np.count_nonzero(z == 0) for z in pre_activations(*wide[:3], "relu"))
    assert zeros > 0 or n < 64
    for a, b in zip([*hidden, output], [*desired_hidden, desired], strict=True):
        np.testing.assert_array_equal(a, b)
    loss, d_weights, d_biases = kernels.relu_network_loss_gradient(
        weights, biases, X, y, output_activation
    )
    desired_loss, desired_d_weights, desired_d_biases = ref.relu_network_loss_gradient(
        *wide, output_activation
    )
    assert loss == desired_loss
    desired = desired_d_weights + desired_d_biases
    for actual, wanted in zip(d_weights + d_biases, desired, strict=True):
        np.testing.assert_array_equal(actual, wanted)


# ---------------------------------------------------------------- network against calculus


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
@pytest.mark.parametrize("output_activation", OUTPUT_ACTIVATIONS)
@pytest.mark.parametrize("widths", [(3, 2), (3, 9, 2), (2, 1, 9, 3)], ids=str)
def test_gradient_is_that_of_the_loss(isa, rng, widths, output_activation, activation):
    weights, biases = make_network(rng, widths, F64)
    if output_activation == "relu":
        biases[-1] += 2.0  # few dead outputs
    X = rng.standard_normal((200, widths[0]))
    closest = [np.min(np.abs(z), axis=1) for z in pre_activations(weights, biases, X, activation)]
    X = X[np.min(closest, axis=0) > 1e-2][:6]
    y = make_target(rng, output_activation, len(X), widths[-1], F64)
    depth = len(weights)

    def loss(theta):
        return kernels.relu_network_loss_gradient(
            theta[:depth], theta[depth:], X, y, output_activation, activation
        )[0]

    _, d_weights, d_biases = kernels.relu_network_loss_gradient(
        weights, biases, X, y, output_activation, activation
    )
    assert np.any(d_biases[-1])
    assert_gradient(loss, [*weights, *biases], [*d_weights, *d_biases])


@pytest.mark.parametrize("n", [1, 2, 9, 64, 1025])
def test_scalar_network_with_relu_on_both_layers(isa, dtype, rng, n):
    """f = relu(w2 relu(w1 x + b1) + b2), by the chain rule written out.

    L = mean (f - y)^2;  dL/df = 2 (f - y) / n;  both ReLUs let through what is positive:
    dL/db2 = sum dL/df [f > 0],  dL/dw2 = sum dL/df [f > 0] h,
    dL/db1 = sum dL/df [f > 0] w2 [h > 0],  dL/dw1 = sum dL/df [f > 0] w2 [h > 0] x.
    """
    w1, b1, w2, b2 = -1.5, 0.3, 0.8, -0.1
    arrays = [np.array(v, dtype) for v in ([[w1]], [b1], [[w2]], [b2])]
    W1, B1, W2, B2 = arrays
    x = rows_away_from_kinks(rng, [W1, W2], [B1, B2], n, "relu", dtype)
    y = rng.random((n, 1)).astype(dtype)
    loss, (d_w1, d_w2), (d_b1, d_b2) = kernels.relu_network_loss_gradient(
        [W1, W2], [B1, B2], x, y, "relu"
    )
    x, y = in_float64(x), in_float64(y)
    w1, b1, w2, b2 = (float(a.item()) for a in arrays)
    h = np.maximum(w1 * x + b1, 0)
    f = np.maximum(w2 * h + b2, 0)
    passed = 2 / n * (f - y) * (f > 0)
    back = passed * w2 * (h > 0)
    chain = (2, 2, 1, n)
    scale = 10.0  # of all terms: |x| and |f - y| are a few at most
    assert_close(loss, np.mean((f - y) ** 2), dtype, "matmul chain", chain, scale=scale)
    for name, actual, desired in (
        ("d_w2", d_w2, [[np.sum(passed * h)]]),
        ("d_b2", d_b2, [np.sum(passed)]),
        ("d_w1", d_w1, [[np.sum(back * x)]]),
        ("d_b1", d_b1, [np.sum(back)]),
    ):
        assert_close(actual, desired, dtype, "matmul chain", chain, scale=scale, name=name)


def test_scalar_network_by_hand(isa, dtype):
    """x = 2, y = 1: h = relu(2 - 1) = 1, f = relu(3 - 1) = 2; dL/df = 2. At x = 0 all is dead."""
    weights, biases = [np.array([[1]], dtype), np.array([[3]], dtype)], [np.array([-1], dtype)] * 2
    output, (hidden,) = kernels.relu_network_forward(
        weights, biases, np.array([[2], [0]], dtype), "relu"
    )
    np.testing.assert_array_equal(output, [[2], [0]])
    np.testing.assert_array_equal(hidden, [[1], [0]])
    loss, (d_w1, d_w2), (d_b1, d_b2) = kernels.relu_network_loss_gradient(
        weights, biases, np.array([[2]], dtype), np.array([1], dtype), "relu"
    )
    assert loss == 1
    assert (d_w1, d_b1, d_w2, d_b2) == (12, 6, 2, 2)
    loss, d_weights, d_biases = kernels.relu_network_loss_gradient(
        weights, biases, np.array([[0]], dtype), np.array([1], dtype), "relu"
    )
    assert loss == 1
    assert not any(np.any(g) for g in d_weights + d_biases)


@pytest.mark.parametrize("width", [1, 8, 9, 17])
def test_units_at_zero_do_not_learn(isa, dtype, width):
    """Every pre-activation of a zero input is 0: only the last, linear layer's bias may move."""
    weights = [np.ones((2, width), dtype), np.ones((width, width), dtype)]
    biases = [np.zeros(width, dtype)] * 2
    X, y = np.zeros((3, 2), dtype), np.ones((3, width), dtype)
    _, d_weights, (d_b1, d_b2) = kernels.relu_network_loss_gradient(weights, biases, X, y)
    assert not any(np.any(g) for g in d_weights)
    assert not np.any(d_b1)
    assert np.all(d_b2 < 0)
    _, d_weights, d_biases = kernels.relu_network_loss_gradient(weights, biases, X, y, "relu")
    assert not any(np.any(g) for g in d_weights + d_biases)


# ---------------------------------------------------------------- network against other kernels


@pytest.mark.parametrize("K", [1, 2, 4, 5, 8, 9, 17])
@pytest.mark.parametrize("n", [1, 13, 1025])
def test_network_without_hidden_layer_is_the_linear_model(isa, dtype, rng, K, n):
    theta, X, y = (rng.standard_normal(shape).astype(dtype) for shape in [(10, K), (n, 9), (n, K)])
    output, hidden = kernels.relu_network_forward([theta[1:]], [theta[0]], X)
    assert hidden == []
    np.testing.assert_array_equal(output, kernels.linear_predict(theta, X))
    loss, (d_W,), (d_b,) = kernels.relu_network_loss_gradient([theta[1:]], [theta[0]], X, y)
    linear_loss, gradient = kernels.linear_loss_gradient(theta, X, y)
    d_theta = np.vstack([d_b, d_W])
    if dtype == np.float64 and K == 1:  # has a kernel of its own, which sums in another order
        assert_close(loss, linear_loss, dtype, "matmul chain", [10, n])
        assert_close(d_theta, gradient, dtype, "matmul chain", [10, n])
    else:
        assert loss == linear_loss
        np.testing.assert_array_equal(d_theta, gradient)


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_network_is_its_layers_bit_for_bit(isa, dtype, rng, widths, activation):
    n = 16
    weights, biases = make_network(rng, widths, dtype)
    X = rng.standard_normal((n, widths[0])).astype(dtype)
    y = rng.standard_normal((n, widths[-1])).astype(dtype)
    output, hidden = kernels.relu_network_forward(weights, biases, X, "identity", activation)
    inputs, outputs, names = [X, *hidden], [*hidden, output], [activation] * len(hidden)
    names.append("identity")
    for W, b, a, out, name in zip(weights, biases, inputs, outputs, names, strict=True):
        np.testing.assert_array_equal(kernels.dense_forward(a, W, b, name), out)

    _, d_weights, d_biases = kernels.relu_network_loss_gradient(
        weights, biases, X, y, "identity", activation
    )
    d = kernels.mse_gradient(output, y)
    # (1 / K) / n is not always 1 / (n K): that one rounding is all that may differ.
    exact = np.log2(widths[-1]) % 1 == 0
    bound = {"rtol": 0, "atol": 0} if exact else tolerance(dtype, "matmul chain", (*widths, n))
    for layer in reversed(range(len(weights))):
        d, d_W, d_b = kernels.dense_backward(
            inputs[layer], weights[layer], outputs[layer], d, names[layer]
        )
        np.testing.assert_allclose(d_weights[layer], d_W, **bound)
        np.testing.assert_allclose(d_biases[layer], d_b, **bound)


@pytest.mark.parametrize("output_activation", ["logistic", "softmax"])
def test_network_loss_is_the_cross_entropy_of_its_logits(isa, dtype, rng, output_activation):
    weights, biases, X, y = problem(rng, (9, 17, 3), 64, output_activation, "relu", dtype)
    loss, _, d_biases = kernels.relu_network_loss_gradient(weights, biases, X, y, output_activation)
    logits, _ = kernels.relu_network_forward(weights, biases, X)
    expected, d_logits = CROSS_ENTROPIES[output_activation](logits, y)
    assert_close(loss, expected, F64, "reduction", 64 * 3)
    d_bias = np.sum(in_float64(d_logits), axis=0)
    scale = np.sum(np.abs(d_logits), axis=0)
    assert_close(d_biases[-1], d_bias, dtype, "matmul chain", 64, scale=scale)


def test_output_activations_are_applied(isa, dtype, rng):
    weights, biases = make_network(rng, (9, 17, 3), dtype)
    X = rng.standard_normal((37, 9)).astype(dtype)
    z, hidden = kernels.relu_network_forward(weights, biases, X)
    for name in OUTPUT_ACTIVATIONS:
        output, same_hidden = kernels.relu_network_forward(weights, biases, X, name)
        desired = ref.activate(in_float64(z), name)
        scale = np.max(np.abs(z)) if name == "softmax" else None
        assert_close(output, desired, dtype, "transcendental", scale=scale)
        np.testing.assert_array_equal(same_hidden[0], hidden[0])


@pytest.mark.parametrize("output_activation", ["identity", "relu", "logistic"])
def test_one_output_takes_a_flat_target(isa, dtype, rng, output_activation):
    weights, biases, X, y = problem(rng, (3, 9, 1), 13, output_activation, "relu", dtype)
    flat = kernels.relu_network_loss_gradient(weights, biases, X, y[:, 0], output_activation)
    column = kernels.relu_network_loss_gradient(weights, biases, X, y, output_activation)
    assert flat[0] == column[0]
    for a, b in zip(flat[1] + flat[2], column[1] + column[2], strict=True):
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------- edges


@pytest.mark.parametrize("output_activation", OUTPUT_ACTIVATIONS)
@pytest.mark.parametrize("widths", [(3, 1), (3, 9, 2), (3, 9, 17)], ids=str)
def test_no_rows_through_a_network(isa, dtype, rng, widths, output_activation):
    weights, biases = make_network(rng, widths, dtype)
    output, hidden = kernels.relu_network_forward(
        weights, biases, np.empty((0, 3), dtype), output_activation
    )
    assert [a.shape for a in [*hidden, output]] == [(0, width) for width in widths[1:]]
    assert output.dtype == dtype


@pytest.mark.parametrize(
    ("output_activation", "activation"),
    [("identity", "relu"), ("relu", "tanh"), ("logistic", "identity"), ("softmax", "logistic")],
)
@pytest.mark.parametrize("widths", [(3, 9, 1), (3, 1, 17, 9)], ids=str)
@pytest.mark.parametrize("argument", ["X", "weights", "biases"])
def test_nan_in_is_nan_out(isa, dtype, rng, argument, widths, output_activation, activation):
    """No layer hides it, on the way up or down: every bias feels the NaN of a row."""
    weights, biases, X, y = problem(rng, widths, 13, output_activation, activation, dtype)
    if argument == "X":
        X[4, 1] = np.nan
    elif argument == "weights":
        weights[0][1] = np.nan
    else:
        biases[0][...] = np.nan
    output, hidden = kernels.relu_network_forward(weights, biases, X, output_activation, activation)
    bad = np.arange(13) == 4 if argument == "X" else np.full(13, True)
    for a in [*hidden, output]:
        np.testing.assert_array_equal(np.isnan(a), np.broadcast_to(bad[:, None], a.shape))
    loss, d_weights, d_biases = kernels.relu_network_loss_gradient(
        weights, biases, X, y, output_activation, activation
    )
    assert np.isnan(loss)
    for g in d_weights + d_biases:
        assert np.all(np.isnan(g))


@pytest.mark.parametrize("n_out", [1, 3, 9, 17])
@pytest.mark.parametrize("width", [1, 7, 9, 16, 17])
def test_infinite_inputs_stay_in_their_units(isa, dtype, width, n_out):
    """ReLU turns -inf into 0, and what follows is finite: no unit besides has its inf * 0.

    The rows of activations are padded for the vectors, and the padding's weights are 0.
    """
    weights = [-np.ones((1, width), dtype), np.ones((width, n_out), dtype)]
    biases = [np.zeros(width, dtype), np.ones(n_out, dtype)]
    X = np.array([[np.inf], [1]], dtype)
    output, (hidden,) = kernels.relu_network_forward(weights, biases, X)
    np.testing.assert_array_equal(hidden, np.zeros((2, width)))
    np.testing.assert_array_equal(output, np.ones((2, n_out)))
    loss, _, (_, d_bias) = kernels.relu_network_loss_gradient(
        weights, biases, X, np.zeros((2, n_out), dtype)
    )
    assert_close(loss, 1.0, F64, "reduction", 2 * n_out)
    assert_close(d_bias, np.full(n_out, 2 / n_out), dtype, "reduction", 2)


@pytest.mark.parametrize("output_activation", ["logistic", "softmax"])
def test_huge_logits_of_a_network(isa, dtype, output_activation):
    """Logits of +-1e4 and a wrong, certain answer: the loss is the logits' distance."""
    weights, biases = [np.array([[1e4, -1e4]], dtype)], [np.zeros(2, dtype)]
    X = np.ones((1, 1), dtype)
    y = np.array([1]) if output_activation == "softmax" else np.array([[0, 1]], dtype)
    loss, (d_W,), (d_b,) = kernels.relu_network_loss_gradient(
        weights, biases, X, y, output_activation
    )
    assert loss == (2e4 if output_activation == "softmax" else 1e4)
    d = [1, -1] if output_activation == "softmax" else [0.5, -0.5]
    np.testing.assert_array_equal(d_b, d)
    np.testing.assert_array_equal(d_W, [d])
