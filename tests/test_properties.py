"""Laws that hold for all data: scaling, permutations, linearity, shifts, at drawn shapes.

A power of two scales floating-point numbers without rounding, so these laws hold bit for bit.
Those that change an order of summation hold within the tolerance of a sum.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tolerances import assert_close, in_float64

from steepest import kernels
from steepest import reference as ref
from steepest.optimizers import SGD, Adam, AdamW, Momentum

ROWS = st.integers(1, 40)
COLUMNS = st.integers(1, 20)
OUTPUTS = st.none() | st.integers(1, 20)
DEGREES = st.integers(0, 12)
POWERS = st.integers(-12, 12)
SEEDS = st.integers(0, 2**32 - 1)
BASES = st.sampled_from(["monomial", "chebyshev", "legendre"])
WIDTHS = st.lists(st.integers(1, 20), min_size=2, max_size=5)
OUTPUT_ACTIVATIONS = st.sampled_from(["identity", "relu", "logistic", "softmax"])
ACTIVATIONS = st.sampled_from(["identity", "relu", "tanh", "logistic"])
OPTIMIZERS = st.sampled_from(
    [
        SGD(0.1),
        *(Momentum(0.1, 0.9, v, n) for v in ("step", "gradient", "average") for n in (False, True)),
        Adam(0.01),
        Adam(0.01, epsilon_hat=True),
        AdamW(0.01, weight_decay=0.1),
    ]
)

pytestmark = pytest.mark.usefixtures("isa")


def normals(seed, dtype, *shapes):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape)).astype(dtype) for shape in shapes]


def linear_problem(seed, dtype, n, d, K):
    outputs = () if K is None else (K,)
    return normals(seed, dtype, (1 + d, *outputs), (n, d), (n, *outputs))


def network_problem(seed, dtype, widths, n):
    """Weights, biases, inputs, and targets that any loss takes."""
    shapes = list(pairwise(widths))
    *parts, X = normals(seed, dtype, *shapes, *((w,) for w in widths[1:]), (n, widths[0]))
    y = np.random.default_rng(seed).random((n, widths[-1])).astype(dtype)
    return parts[: len(shapes)], parts[len(shapes) :], X, y


def network_tolerance(widths, n):
    """Length of the chain of products, and the size that activations and derivatives may reach."""
    return (*widths, *widths, n), 10.0 * float(np.prod(np.sqrt(np.array(widths) + 4.0)))


def assert_bits(actual, desired):
    assert np.asarray(actual).dtype == np.asarray(desired).dtype
    np.testing.assert_array_equal(actual, desired)


# ---------------------------------------------------------------- scaling


@given(n=ROWS, K=OUTPUTS, k=POWERS, seed=SEEDS)
def test_mse_scales_by_the_square(dtype, n, K, k, seed):
    shape = (n,) if K is None else (n, K)
    f, y = normals(seed, dtype, shape, shape)
    c = dtype(2.0**k)
    assert kernels.mse(c * f, c * y) == 4.0**k * kernels.mse(f, y)
    assert_bits(kernels.mse_gradient(c * f, c * y), c * kernels.mse_gradient(f, y))


@given(n=ROWS, d=st.integers(0, 20), K=OUTPUTS, k=POWERS, seed=SEEDS)
def test_linear_loss_scales_with_targets_and_theta(dtype, n, d, K, k, seed):
    theta, X, y = linear_problem(seed, dtype, n, d, K)
    c = dtype(2.0**k)
    loss, gradient = kernels.linear_loss_gradient(theta, X, y)
    scaled_loss, scaled = kernels.linear_loss_gradient(c * theta, X, c * y)
    assert scaled_loss == 4.0**k * loss
    assert_bits(scaled, c * gradient)
    assert_bits(kernels.linear_predict(c * theta, X), c * kernels.linear_predict(theta, X))


@given(n=ROWS, d=COLUMNS, K=OUTPUTS, k=POWERS, seed=SEEDS)
def test_a_column_in_other_units(dtype, n, d, K, k, seed):
    """Metres for feet: the coefficient shrinks as the column grows, and its gradient grows."""
    theta, X, y = linear_problem(seed, dtype, n, d, K)
    column, c = seed % d, dtype(2.0**k)
    units = np.ones(1 + d, dtype)
    units[1 + column] = c
    per_row = units if K is None else units[:, None]
    loss, gradient = kernels.linear_loss_gradient(theta, X, y)
    other_loss, other = kernels.linear_loss_gradient(theta / per_row, X * units[1:], y)
    assert other_loss == loss
    assert_bits(other, gradient * per_row)


@given(n=ROWS, degree=DEGREES, basis=BASES, k=POWERS, seed=SEEDS)
def test_polynomial_loss_scales_with_targets_and_theta(dtype, n, degree, basis, k, seed):
    theta, x, y = normals(seed, dtype, degree + 1, n, n)
    x, c = np.tanh(x), dtype(2.0**k)
    loss, gradient = kernels.polynomial_loss_gradient(theta, x, y, basis)
    scaled_loss, scaled = kernels.polynomial_loss_gradient(c * theta, x, c * y, basis)
    assert scaled_loss == 4.0**k * loss
    assert_bits(scaled, c * gradient)


@given(n=ROWS, degree=DEGREES, k=st.integers(-2, 2), seed=SEEDS)
def test_monomials_of_x_in_other_units(dtype, n, degree, k, seed):
    theta, x, y = normals(seed, dtype, degree + 1, n, n)
    units = dtype(2.0**k) ** np.arange(degree + 1, dtype=dtype)
    loss, gradient = kernels.polynomial_loss_gradient(theta, x, y)
    other_loss, other = kernels.polynomial_loss_gradient(theta / units, x * dtype(2.0**k), y)
    assert other_loss == loss
    assert_bits(other, gradient * units)


@given(widths=WIDTHS, n=ROWS, k=POWERS, seed=SEEDS)
def test_relu_network_is_homogeneous(dtype, widths, n, k, seed):
    """All activations scale with the inputs and biases, and the loss by the square."""
    weights, biases, X, y = network_problem(seed, dtype, widths, n)
    c = dtype(2.0**k)
    scaled_biases = [c * b for b in biases]
    for output_activation in ("identity", "relu"):
        output, hidden = kernels.relu_network_forward(weights, biases, X, output_activation)
        scaled, scaled_hidden = kernels.relu_network_forward(
            weights, scaled_biases, c * X, output_activation
        )
        for a, b in zip([*scaled_hidden, scaled], [*hidden, output], strict=True):
            assert_bits(a, c * b)
        loss, d_weights, d_biases = kernels.relu_network_loss_gradient(
            weights, biases, X, y, output_activation
        )
        scaled_loss, scaled_d_weights, scaled_d_biases = kernels.relu_network_loss_gradient(
            weights, scaled_biases, c * X, c * y, output_activation
        )
        assert scaled_loss == 4.0**k * loss
        for a, b in zip(scaled_d_weights, d_weights, strict=True):
            assert_bits(a, c * c * b)
        for a, b in zip(scaled_d_biases, d_biases, strict=True):
            assert_bits(a, c * b)


@given(widths=st.lists(st.integers(1, 20), min_size=3, max_size=5), n=ROWS, k=POWERS, seed=SEEDS)
def test_what_one_layer_gains_the_next_may_lose(dtype, widths, n, k, seed):
    weights, biases, X, y = network_problem(seed, dtype, widths, n)
    c = dtype(2.0**k)
    loss, d_weights, _ = kernels.relu_network_loss_gradient(weights, biases, X, y)
    layer = seed % (len(weights) - 1)
    weights[layer], biases[layer] = c * weights[layer], c * biases[layer]
    weights[layer + 1] = weights[layer + 1] / c
    same_loss, moved, _ = kernels.relu_network_loss_gradient(weights, biases, X, y)
    assert same_loss == loss
    assert_bits(moved[layer], d_weights[layer] / c)
    assert_bits(moved[layer + 1], d_weights[layer + 1] * c)


# ---------------------------------------------------------------- permutations


@given(n=ROWS, d=COLUMNS, K=OUTPUTS, seed=SEEDS)
def test_columns_may_come_in_any_order(dtype, n, d, K, seed):
    theta, X, y = linear_problem(seed, dtype, n, d, K)
    order = np.random.default_rng(seed).permutation(d)
    rows = np.concatenate([[0], 1 + order])
    loss, gradient = kernels.linear_loss_gradient(theta, X, y)
    same_loss, permuted = kernels.linear_loss_gradient(theta[rows], X[:, order], y)
    terms = 10.0 * (d + 1)
    assert_close(same_loss, loss, dtype, "matmul chain", (d + 1, n), scale=terms**2)
    assert_close(permuted, gradient[rows], dtype, "matmul chain", (d + 1, n), scale=terms)


@given(n=ROWS, d=COLUMNS, K=st.integers(1, 20), seed=SEEDS)
def test_outputs_may_come_in_any_order(dtype, n, d, K, seed):
    """Each output is computed as if alone: bit for bit."""
    theta, X, y = linear_problem(seed, dtype, n, d, K)
    order = np.random.default_rng(seed).permutation(K)
    _, gradient = kernels.linear_loss_gradient(theta, X, y)
    _, permuted = kernels.linear_loss_gradient(theta[:, order], X, y[:, order])
    assert_bits(permuted, gradient[:, order])
    f = kernels.linear_predict(theta, X)
    assert_bits(kernels.linear_predict(theta[:, order], X), f[:, order])


@given(widths=WIDTHS, n=ROWS, output_activation=OUTPUT_ACTIVATIONS, seed=SEEDS)
def test_rows_may_come_in_any_order(dtype, widths, n, output_activation, seed):
    """Activations bit for bit, sums over the rows within their tolerance."""
    weights, biases, X, y = network_problem(seed, dtype, widths, n)
    order = np.random.default_rng(seed).permutation(n)
    output, hidden = kernels.relu_network_forward(weights, biases, X, output_activation)
    permuted, permuted_hidden = kernels.relu_network_forward(
        weights, biases, X[order], output_activation
    )
    for a, b in zip([*permuted_hidden, permuted], [*hidden, output], strict=True):
        assert_bits(a, b[order])
    loss, d_weights, d_biases = kernels.relu_network_loss_gradient(
        weights, biases, X, y, output_activation
    )
    same_loss, same_d_weights, same_d_biases = kernels.relu_network_loss_gradient(
        weights, biases, X[order], y[order], output_activation
    )
    chain, size = network_tolerance(widths, n)
    assert_close(same_loss, loss, dtype, "matmul chain", chain, scale=size + loss)
    for a, b in zip(same_d_weights + same_d_biases, d_weights + d_biases, strict=True):
        assert_close(a, b, dtype, "matmul chain", chain, scale=size * (1 + np.max(np.abs(b))))


@given(
    widths=st.lists(st.integers(1, 20), min_size=3, max_size=5),
    n=ROWS,
    activation=ACTIVATIONS,
    seed=SEEDS,
)
def test_hidden_units_may_come_in_any_order(dtype, widths, n, activation, seed):
    weights, biases, X, _ = network_problem(seed, dtype, widths, n)
    layer = seed % (len(weights) - 1)
    order = np.random.default_rng(seed).permutation(widths[layer + 1])
    output, hidden = kernels.relu_network_forward(weights, biases, X, "identity", activation)
    weights[layer], biases[layer] = weights[layer][:, order], biases[layer][order]
    weights[layer + 1] = weights[layer + 1][order]
    same, same_hidden = kernels.relu_network_forward(weights, biases, X, "identity", activation)
    assert_bits(same_hidden[layer], hidden[layer][:, order])
    chain, size = network_tolerance(widths, 1)
    assert_close(same, output, dtype, "matmul chain", chain, scale=size)


@given(n=ROWS, K=COLUMNS, seed=SEEDS)
def test_classes_may_come_in_any_order(dtype, n, K, seed):
    (z,) = normals(seed, dtype, (n, K))
    rng = np.random.default_rng(seed)
    classes, order = rng.integers(0, K, n), rng.permutation(K)
    loss, d_logits = kernels.softmax_cross_entropy(z, classes)
    same_loss, permuted = kernels.softmax_cross_entropy(z[:, order], np.argsort(order)[classes])
    assert_close(same_loss, loss, dtype, "matmul chain", K, scale=10.0)
    assert_close(permuted, d_logits[:, order], dtype, "matmul chain", K, scale=1 / n)


@given(n=ROWS, degree=DEGREES, basis=BASES, seed=SEEDS)
def test_points_may_come_in_any_order(dtype, n, degree, basis, seed):
    theta, x, y = normals(seed, dtype, degree + 1, n, n)
    x = np.tanh(x)
    order = np.random.default_rng(seed).permutation(n)
    f = kernels.polynomial_predict(theta, x, basis)
    assert_bits(kernels.polynomial_predict(theta, x[order], basis), f[order])
    loss, gradient = kernels.polynomial_loss_gradient(theta, x, y, basis)
    same_loss, same = kernels.polynomial_loss_gradient(theta, x[order], y[order], basis)
    size = float(np.mean((np.abs(f - y)) ** 2)) + 1
    assert_close(same_loss, loss, np.float64, "reduction", n, scale=size)
    assert_close(same, gradient, dtype, "reduction", n, scale=size)


# ---------------------------------------------------------------- linearity, and means of means


@given(n=ROWS, d=st.integers(0, 20), K=OUTPUTS, seed=SEEDS)
def test_linear_gradient_is_linear_in_the_residual(dtype, n, d, K, seed):
    """Residuals f - y and f + y have gradients that differ by that of 2 y, the prediction 0."""
    theta, X, y = linear_problem(seed, dtype, n, d, K)
    _, minus = kernels.linear_loss_gradient(theta, X, y)
    _, plus = kernels.linear_loss_gradient(theta, X, -y)
    _, alone = kernels.linear_loss_gradient(np.zeros_like(theta), X, -2 * y)
    chain, scale = (d + 1, n), 20.0 * (d + 1)
    assert_close(in_float64(plus) - minus, alone, dtype, "matmul chain", chain, scale=scale)


@given(n=ROWS, degree=DEGREES, basis=BASES, seed=SEEDS)
def test_polynomial_gradient_is_linear_in_the_residual(n, degree, basis, seed):
    theta, x, y = normals(seed, np.float64, degree + 1, n, n)
    x = np.tanh(x)
    _, minus = kernels.polynomial_loss_gradient(theta, x, y, basis)
    _, plus = kernels.polynomial_loss_gradient(theta, x, -y, basis)
    _, alone = kernels.polynomial_loss_gradient(np.zeros_like(theta), x, -2 * y, basis)
    chain, scale = (degree + 1, n), 20.0 * (degree + 1)
    assert_close(plus - minus, alone, np.float64, "matmul chain", chain, scale=scale)


@given(n=ROWS, n_in=COLUMNS, n_out=COLUMNS, activation=ACTIVATIONS, k=POWERS, seed=SEEDS)
def test_backward_is_linear_in_what_comes_down(dtype, n, n_in, n_out, activation, k, seed):
    X, W, output, d = normals(seed, dtype, (n, n_in), (n_in, n_out), (n, n_out), (n, n_out))
    output = ref.activate(output, activation)
    gradients = kernels.dense_backward(X, W, output, d, activation)
    c = dtype(2.0**k)
    for a, b in zip(
        kernels.dense_backward(X, W, output, c * d, activation), gradients, strict=True
    ):
        assert_bits(a, c * b)


@given(n=st.integers(1, 20), m=st.integers(1, 20), K=st.integers(1, 9), seed=SEEDS)
def test_loss_of_all_rows_is_the_mean_of_the_parts(dtype, n, m, K, seed):
    z, t = normals(seed, dtype, (n + m, K), (n + m, K))
    t = np.abs(t)
    for loss in (
        kernels.mse,
        lambda z, t: kernels.softmax_cross_entropy(z, t)[0],
        lambda z, t: kernels.logistic_cross_entropy(z, t)[0],
    ):
        parts = (n * loss(z[:n], t[:n]) + m * loss(z[n:], t[n:])) / (n + m)
        terms = 10.0 * (1 + float(np.max(np.abs(z)))) * (1 + float(np.max(t))) * K
        assert_close(loss(z, t), parts, np.float64, "reduction", (n + m) * K, scale=terms)


@given(widths=WIDTHS, n=ROWS, output_activation=OUTPUT_ACTIVATIONS, seed=SEEDS)
def test_rows_given_twice_change_nothing(dtype, widths, n, output_activation, seed):
    weights, biases, X, y = network_problem(seed, dtype, widths, n)
    loss, d_weights, d_biases = kernels.relu_network_loss_gradient(
        weights, biases, X, y, output_activation
    )
    twice_loss, twice_d_weights, twice_d_biases = kernels.relu_network_loss_gradient(
        weights, biases, np.tile(X, (2, 1)), np.tile(y, (2, 1)), output_activation
    )
    chain, size = network_tolerance(widths, 2 * n)
    assert_close(twice_loss, loss, dtype, "matmul chain", chain, scale=size + loss)
    for a, b in zip(twice_d_weights + twice_d_biases, d_weights + d_biases, strict=True):
        assert_close(a, b, dtype, "matmul chain", chain, scale=size * (1 + np.max(np.abs(b))))


# ---------------------------------------------------------------- the cross-entropies


@given(n=ROWS, K=COLUMNS, shift=st.integers(-1000, 1000), seed=SEEDS)
@example(n=3, K=4, shift=10_000, seed=0)
def test_softmax_does_not_feel_a_shift(dtype, n, K, shift, seed):
    """Logits on a grid of 1/16 shift without rounding, and so does all that follows."""
    rng = np.random.default_rng(seed)
    z = (rng.integers(-200, 201, (n, K)) / 16).astype(dtype)
    for target in (rng.integers(0, K, n), rng.random((n, K)).astype(dtype)):
        loss, d_logits = kernels.softmax_cross_entropy(z, target)
        shifted_loss, shifted = kernels.softmax_cross_entropy(z + dtype(shift), target)
        assert shifted_loss == loss
        assert_bits(shifted, d_logits)


@given(n=ROWS, K=COLUMNS, seed=SEEDS)
def test_softmax_gradient_sums_to_zero(dtype, n, K, seed):
    """The loss does not feel a shift, so the gradient has no part along it."""
    z, t = normals(seed, dtype, (n, K), (n, K))
    t = np.abs(t)
    _, d_logits = kernels.softmax_cross_entropy(3 * z, t)
    rows = np.sum(in_float64(d_logits), axis=1)
    scale = np.sum(t, axis=1) / n
    assert_close(rows, np.zeros(n), dtype, "matmul chain", K, scale=scale)


@given(n=ROWS, seed=SEEDS)
def test_softmax_of_two_classes_is_logistic(dtype, n, seed):
    z, _ = normals(seed, dtype, (n, 2), n)
    classes = np.random.default_rng(seed).integers(0, 2, n)
    loss, d_logits = kernels.softmax_cross_entropy(z, classes)
    difference = z[:, 1] - z[:, 0]
    logistic_loss, d = kernels.logistic_cross_entropy(difference, classes.astype(dtype))
    assert_close(loss, logistic_loss, dtype, "matmul chain", 2, scale=10.0)
    assert_close(d_logits[:, 1], d, dtype, "matmul chain", 2, scale=10.0 / n)


@given(n=ROWS, seed=SEEDS)
def test_logistic_loss_of_the_other_class(dtype, n, seed):
    """-z with 1 - t is the same question: the same loss, and the gradient turned around."""
    (z,) = normals(seed, dtype, n)
    t = (np.random.default_rng(seed).integers(0, 17, n) / 16).astype(dtype)
    loss, d = kernels.logistic_cross_entropy(5 * z, t)
    same_loss, turned = kernels.logistic_cross_entropy(-5 * z, 1 - t)
    assert_close(same_loss, loss, np.float64, "reduction", n, scale=20.0)
    assert_close(turned, -d, dtype, "transcendental", scale=1 / n)


@given(n=ROWS, K=COLUMNS, seed=SEEDS)
def test_cross_entropies_are_not_negative(dtype, n, K, seed):
    (z,) = normals(seed, dtype, (n, K))
    classes = np.random.default_rng(seed).integers(0, K, n)
    one_hot = np.eye(K, dtype=dtype)[classes]
    assert kernels.softmax_cross_entropy(100 * z, classes)[0] >= 0
    assert kernels.logistic_cross_entropy(100 * z, one_hot)[0] >= 0


# ---------------------------------------------------------------- any shape against the reference


@given(n=ROWS, columns=COLUMNS, seed=SEEDS)
def test_any_shape_is_as_the_reference(kernel, n, columns, seed):
    """For shapes that nobody chose; the other files have sharper tolerances, and float32."""
    arguments = kernel.arguments(np.random.default_rng(seed), n, columns, np.float64)
    chain = (columns, 9, columns, columns, 9, columns, n)
    for a, d in zip(kernel(arguments), kernel.reference(arguments), strict=True):
        scale = (1 + columns) * (1 + np.max(np.abs(d)))
        assert_close(a, d, np.float64, "matmul chain", chain, scale=scale)


# ---------------------------------------------------------------- optimizers


@given(size=st.integers(0, 40), optimizer=OPTIMIZERS, seed=SEEDS)
def test_steps_do_not_know_a_parameters_place_or_sign(dtype, size, optimizer, seed):
    theta, *gradients = normals(seed, dtype, *[size] * 4)
    order = np.random.default_rng(seed).permutation(size)

    def run(change):
        x = change(theta).copy()
        state = optimizer.init(x)
        for g in gradients:
            optimizer.step(x, np.ascontiguousarray(change(g)), state)
        return x

    end = run(lambda a: a)
    assert_bits(run(lambda a: a[order]), end[order])
    assert_bits(run(lambda a: -a), -end)


@given(shape=st.lists(st.integers(0, 6), max_size=3).map(tuple), optimizer=OPTIMIZERS, seed=SEEDS)
def test_steps_do_not_know_the_shape(dtype, shape, optimizer, seed):
    theta, gradient = normals(seed, dtype, shape, shape)
    flat = theta.ravel().copy()
    state, flat_state = optimizer.init(theta), optimizer.init(flat)
    optimizer.step(theta, gradient, state)
    optimizer.step(flat, gradient.ravel(), flat_state)
    assert_bits(theta.ravel(), flat)
    for slot in optimizer.slots:
        assert_bits(state[slot].ravel(), flat_state[slot])


@given(size=st.integers(1, 40), k=POWERS, seed=SEEDS)
def test_scale_invariance_of_adam(dtype, size, k, seed):
    """Without epsilon a gradient's units do not matter, while SGD steps in proportion."""
    theta, *gradients = normals(seed, dtype, *[size] * 4)
    c = dtype(2.0**k)
    for optimizer in (Adam(0.01, epsilon=0.0), Adam(0.01, epsilon=0.0, epsilon_hat=True)):
        ends = []
        for factor in (dtype(1), c):
            x = theta.copy()
            state = optimizer.init(x)
            for g in gradients:
                optimizer.step(x, factor * g, state)
            ends.append(x)
        assert_bits(ends[1], ends[0])
    x, y = np.zeros_like(theta), np.zeros_like(theta)
    SGD(0.1).step(x, gradients[0], {"step": 0})
    SGD(0.1).step(y, c * gradients[0], {"step": 0})
    assert_bits(y, c * x)
