# cython: language_level=3
# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The kernels as nested loops over typed memoryviews: what one writes before reaching for C++.

Signatures are those of steepest.kernels and steepest.reference, for the arguments that are measured. The inner loop
of each product runs over contiguous memory, so that the compiler may vectorize it, and ReLU is a choice of value, not
a branch, because signs are hard to predict. No BLAS, no intrinsics.
"""

import numpy as np

from cython cimport floating
from libc.math cimport pow, sqrt, sqrtf


cdef object empty(shape, floating like):
    if floating is float:
        return np.empty(shape, dtype=np.float32)
    else:
        return np.empty(shape, dtype=np.float64)


cdef inline floating root(floating x) noexcept:
    if floating is float:
        return sqrtf(x)
    else:
        return sqrt(x)


# ---------------------------------------------------------------- losses


def mse(floating[::1] prediction, floating[::1] target):
    cdef Py_ssize_t i, n = prediction.shape[0]
    cdef double error, total = 0.0
    for i in range(n):
        error = prediction[i] - target[i]
        total += error * error
    return total / n


def mse_gradient(floating[::1] prediction, floating[::1] target):
    cdef Py_ssize_t i, n = prediction.shape[0]
    cdef floating factor = <floating>(2.0 / n)
    gradient = empty(n, factor)
    cdef floating[::1] out = gradient
    for i in range(n):
        out[i] = factor * (prediction[i] - target[i])
    return gradient


# ---------------------------------------------------------------- polynomial


def polynomial_loss_gradient(floating[::1] theta, floating[::1] x, floating[::1] y):
    cdef Py_ssize_t i, k, n = x.shape[0], terms = theta.shape[0]
    cdef floating error, power
    cdef double loss = 0.0
    gradient = empty(terms, x[0])
    cdef floating[::1] d_theta = gradient
    for k in range(terms):
        d_theta[k] = 0
    for i in range(n):
        error = 0
        for k in range(terms - 1, -1, -1):
            error = error * x[i] + theta[k]
        error = error - y[i]
        loss += <double>error * error
        power = error
        for k in range(terms):
            d_theta[k] += power
            power = power * x[i]
    for k in range(terms):
        d_theta[k] *= <floating>(2.0 / n)
    return loss / n, gradient


# ---------------------------------------------------------------- network


cdef void dense_forward(
    Py_ssize_t n,
    floating[:, ::1] X,  # (n, n_in)
    floating[:, ::1] weights,  # (n_in, n_out)
    floating[::1] bias,  # (n_out,)
    floating[:, ::1] output,  # (n, n_out), overwritten
    bint relu,
) noexcept:
    cdef Py_ssize_t i, j, k, n_in = weights.shape[0], n_out = weights.shape[1]
    cdef floating x
    for i in range(n):
        for j in range(n_out):
            output[i, j] = bias[j]
        for k in range(n_in):
            x = X[i, k]
            for j in range(n_out):
                output[i, j] += x * weights[k, j]
        if relu:
            for j in range(n_out):
                output[i, j] = output[i, j] if output[i, j] > 0 else 0


cdef double squared_error(
    Py_ssize_t n,
    floating[:, ::1] output,  # (n, K)
    floating[:, ::1] y,  # (n, K)
    floating[:, ::1] d_output,  # (n, K), overwritten
) noexcept:
    cdef Py_ssize_t i, j, K = output.shape[1]
    cdef floating error, factor = <floating>(2.0 / (n * K))
    cdef double total = 0.0
    for i in range(n):
        for j in range(K):
            error = output[i, j] - y[i, j]
            total += <double>error * error
            d_output[i, j] = factor * error
    return total / (n * K)


cdef void dense_backward_parameters(
    Py_ssize_t n,
    floating[:, ::1] X,  # (n, n_in)
    floating[:, ::1] d_output,  # (n, n_out), before the activation
    floating[:, ::1] d_weights,  # (n_in, n_out), overwritten
    floating[::1] d_bias,  # (n_out,), overwritten
) noexcept:
    cdef Py_ssize_t i, j, k, n_in = d_weights.shape[0], n_out = d_weights.shape[1]
    cdef floating x
    for j in range(n_out):
        d_bias[j] = 0
    for k in range(n_in):
        for j in range(n_out):
            d_weights[k, j] = 0
    for i in range(n):
        for j in range(n_out):
            d_bias[j] += d_output[i, j]
        for k in range(n_in):
            x = X[i, k]
            for j in range(n_out):
                d_weights[k, j] += x * d_output[i, j]


cdef void dense_backward_input(
    Py_ssize_t n,
    floating[:, ::1] hidden,  # (n, n_in), the ReLU layer's output
    floating[:, ::1] weights,  # (n_in, n_out)
    floating[:, ::1] d_output,  # (n, n_out)
    floating[:, ::1] d_hidden,  # (n, n_in), before the ReLU; overwritten
) noexcept:
    cdef Py_ssize_t i, j, k, n_in = weights.shape[0], n_out = weights.shape[1]
    cdef floating total
    for i in range(n):
        for k in range(n_in):
            total = 0
            for j in range(n_out):
                total += d_output[i, j] * weights[k, j]
            d_hidden[i, k] = total if hidden[i, k] > 0 else 0


def relu_network_forward(list weights, list biases, floating[:, ::1] X):
    cdef Py_ssize_t layer, n = X.shape[0], last = len(weights) - 1
    cdef floating[:, ::1] layer_input = X, W, output
    cdef floating[::1] b
    outputs = []
    for layer in range(last + 1):
        W = weights[layer]
        b = biases[layer]
        outputs.append(empty((n, W.shape[1]), X[0, 0]))
        output = outputs[layer]
        dense_forward(n, layer_input, W, b, output, layer < last)
        layer_input = output
    return outputs[last], outputs[:last]


def relu_network_loss_gradient(list weights, list biases, floating[:, ::1] X, floating[:, ::1] y):
    cdef Py_ssize_t layer, n = X.shape[0], last = len(weights) - 1
    cdef floating[:, ::1] layer_input, W, d_W, output, d_output, d_input
    cdef floating[::1] d_b
    prediction, hidden = relu_network_forward(weights, biases, X)
    output = prediction
    d_output = empty((n, output.shape[1]), X[0, 0])
    loss = squared_error(n, output, y, d_output)
    d_weights, d_biases = [None] * (last + 1), [None] * (last + 1)
    for layer in range(last, -1, -1):
        W = weights[layer]
        d_weights[layer] = empty((W.shape[0], W.shape[1]), X[0, 0])
        d_biases[layer] = empty(W.shape[1], X[0, 0])
        d_W, d_b = d_weights[layer], d_biases[layer]
        layer_input = X if layer == 0 else hidden[layer - 1]
        dense_backward_parameters(n, layer_input, d_output, d_W, d_b)
        if layer > 0:
            d_input = empty((n, W.shape[0]), X[0, 0])
            dense_backward_input(n, layer_input, W, d_output, d_input)
            d_output = d_input
    return loss, d_weights, d_biases


# ---------------------------------------------------------------- optimizers


cdef void adam(
    floating[::1] theta,
    floating[::1] gradient,
    floating[::1] first_moment,
    floating[::1] second_moment,
    Py_ssize_t step,
    double learning_rate,
    double beta_1,
    double beta_2,
    double epsilon,
) noexcept:
    cdef Py_ssize_t i
    cdef floating b1 = <floating>beta_1, c1 = <floating>(1.0 - beta_1)
    cdef floating b2 = <floating>beta_2, c2 = <floating>(1.0 - beta_2)
    cdef floating eps = <floating>epsilon
    cdef floating rate = <floating>(learning_rate / (1.0 - pow(beta_1, step)))
    cdef floating scale = <floating>(1.0 / (1.0 - pow(beta_2, step)))
    for i in range(theta.shape[0]):
        first_moment[i] = b1 * first_moment[i] + c1 * gradient[i]
        second_moment[i] = b2 * second_moment[i] + c2 * gradient[i] * gradient[i]
        theta[i] -= rate * first_moment[i] / (root(scale * second_moment[i]) + eps)


def SGD(optimizer, floating[::1] theta, floating[::1] gradient, dict state):
    cdef Py_ssize_t i
    cdef floating rate = optimizer.learning_rate
    state["step"] += 1
    for i in range(theta.shape[0]):
        theta[i] -= rate * gradient[i]


def Momentum(optimizer, floating[::1] theta, floating[::1] gradient, dict state):
    cdef Py_ssize_t i
    cdef floating rate = optimizer.learning_rate, momentum = optimizer.momentum
    cdef floating[::1] velocity = state["velocity"]
    state["step"] += 1
    for i in range(theta.shape[0]):
        velocity[i] = momentum * velocity[i] + gradient[i]
        theta[i] -= rate * velocity[i]


def Adam(optimizer, floating[::1] theta, floating[::1] gradient, dict state):
    cdef floating[::1] first_moment = state["first_moment"], second_moment = state["second_moment"]
    cdef Py_ssize_t step = state["step"] + 1
    cdef double rate = optimizer.learning_rate, epsilon = optimizer.epsilon
    cdef double beta_1 = optimizer.beta_1, beta_2 = optimizer.beta_2
    state["step"] = step
    adam(theta, gradient, first_moment, second_moment, step, rate, beta_1, beta_2, epsilon)


def AdamW(optimizer, floating[::1] theta, floating[::1] gradient, dict state):
    cdef floating[::1] first_moment = state["first_moment"], second_moment = state["second_moment"]
    cdef Py_ssize_t i, step = state["step"] + 1
    cdef double rate = optimizer.learning_rate, epsilon = optimizer.epsilon
    cdef double beta_1 = optimizer.beta_1, beta_2 = optimizer.beta_2
    cdef floating kept = <floating>(1.0 - rate * <double>optimizer.weight_decay)
    state["step"] = step
    for i in range(theta.shape[0]):
        theta[i] *= kept
    adam(theta, gradient, first_moment, second_moment, step, rate, beta_1, beta_2, epsilon)


# ---------------------------------------------------------------- training


def adam_epoch(
    optimizer,
    list weights,
    list biases,
    list slots,
    floating[:, ::1] X,  # (n, n_in)
    floating[:, ::1] y,  # (n, K)
    const long long[::1] order,  # (n,), the epoch's permutation of the rows
    Py_ssize_t batch_size,
):
    """One epoch of a network with one hidden layer; weights, biases and slots are changed in place."""
    cdef floating[:, ::1] W1 = weights[0], W2 = weights[1]
    cdef floating[::1] b1 = biases[0], b2 = biases[1]
    cdef Py_ssize_t n_in = W1.shape[0], width = W1.shape[1], K = W2.shape[1]
    cdef Py_ssize_t n = X.shape[0], first, count, i, j, row, step = 0
    cdef double loss = 0.0
    cdef double rate = optimizer.learning_rate, epsilon = optimizer.epsilon
    cdef double beta_1 = optimizer.beta_1, beta_2 = optimizer.beta_2

    # Every buffer once for the epoch, and each parameter once more as a flat view.
    arrays = [
        empty(shape, X[0, 0])
        for shape in ((batch_size, n_in), (batch_size, K), (batch_size, width), (batch_size, K),
                      (batch_size, K), (batch_size, width), (n_in, width), (width, K), width, K)
    ]
    cdef floating[:, ::1] X_batch = arrays[0], y_batch = arrays[1], hidden = arrays[2]
    cdef floating[:, ::1] output = arrays[3], d_output = arrays[4], d_hidden = arrays[5]
    cdef floating[:, ::1] d_W1 = arrays[6], d_W2 = arrays[7]
    cdef floating[::1] d_b1 = arrays[8], d_b2 = arrays[9]
    cdef floating[::1] W1_flat = weights[0].reshape(-1), W2_flat = weights[1].reshape(-1)
    cdef floating[::1] d_W1_flat = arrays[6].reshape(-1), d_W2_flat = arrays[7].reshape(-1)
    (m_weights, m_biases), (v_weights, v_biases) = slots
    cdef floating[::1] m_W1 = m_weights[0].reshape(-1), m_W2 = m_weights[1].reshape(-1)
    cdef floating[::1] v_W1 = v_weights[0].reshape(-1), v_W2 = v_weights[1].reshape(-1)
    cdef floating[::1] m_b1 = m_biases[0], m_b2 = m_biases[1]
    cdef floating[::1] v_b1 = v_biases[0], v_b2 = v_biases[1]

    for first in range(0, n, batch_size):
        count = min(batch_size, n - first)
        for i in range(count):
            row = order[first + i]
            for j in range(n_in):
                X_batch[i, j] = X[row, j]
            for j in range(K):
                y_batch[i, j] = y[row, j]
        dense_forward(count, X_batch, W1, b1, hidden, True)
        dense_forward(count, hidden, W2, b2, output, False)
        loss += count * squared_error(count, output, y_batch, d_output)
        dense_backward_parameters(count, hidden, d_output, d_W2, d_b2)
        dense_backward_input(count, hidden, W2, d_output, d_hidden)
        dense_backward_parameters(count, X_batch, d_hidden, d_W1, d_b1)
        step += 1
        adam(W1_flat, d_W1_flat, m_W1, v_W1, step, rate, beta_1, beta_2, epsilon)
        adam(b1, d_b1, m_b1, v_b1, step, rate, beta_1, beta_2, epsilon)
        adam(W2_flat, d_W2_flat, m_W2, v_W2, step, rate, beta_1, beta_2, epsilon)
        adam(b2, d_b2, m_b2, v_b2, step, rate, beta_1, beta_2, epsilon)
    return loss / n
