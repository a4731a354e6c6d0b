"""Feed-forward networks: dense layers, forwards and backwards.

``d_x`` always means dL/dx, and has the shape of x.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ._support import Array, as_floats, choose
from .losses import (
    log_softmax,
    logistic,
    logistic_cross_entropy,
    mse,
    mse_gradient,
    softmax_cross_entropy,
)

_ACTIVATION: dict[str, Callable[[Array], Array]] = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0.0),
    "tanh": np.tanh,
    "logistic": logistic,
    "softmax": lambda z: np.exp(log_softmax(z)),
}

# Each derivative is a function of the activation's result a, so that z need not be kept.
_DERIVATIVE: dict[str, Callable[[Array], Array]] = {
    "identity": np.ones_like,
    "relu": lambda a: (a > 0).astype(a.dtype),  # 0 at the kink
    "tanh": lambda a: 1.0 - a * a,
    "logistic": lambda a: a * (1.0 - a),
}

_CROSS_ENTROPY = {"logistic": logistic_cross_entropy, "softmax": softmax_cross_entropy}
_OUTPUT_ACTIVATIONS = {name: name for name in ("identity", "relu", "logistic", "softmax")}


def activate(z: Array, activation: str = "relu") -> Array:
    """Apply an activation function.

    Parameters
    ----------
    z : array, (n, width)
    activation : {"identity", "relu", "tanh", "logistic", "softmax"}
        All act entry by entry, except "softmax", which acts row by row.

    Returns
    -------
    array, (n, width)

    Raises
    ------
    ValueError
        If `activation` is none of the five.
    """
    (z,) = as_floats(z)
    return choose(_ACTIVATION, "activation", activation)(z)


def activation_derivative(output: Array, activation: str = "relu") -> Array:
    """Differentiate an entry-by-entry activation, given its result.

    Parameters
    ----------
    output : array, (n, width)
        The result of `activate`, not its argument: tanh'(z) = 1 - output**2, for example.
    activation : {"identity", "relu", "tanh", "logistic"}
        The derivative of ReLU at 0 is 0.

    Returns
    -------
    array, (n, width)

    Raises
    ------
    ValueError
        If `activation` is none of the four.
    """
    (output,) = as_floats(output)
    return choose(_DERIVATIVE, "activation", activation)(output)


def dense_forward(X: Array, weights: Array, bias: Array, activation: str = "relu") -> Array:
    r"""One dense layer, :math:`\mathrm{activation}(X W + b)`.

    Parameters
    ----------
    X : array, (n, n_in)
    weights : array, (n_in, n_out)
    bias : array, (n_out,)
    activation : {"identity", "relu", "tanh", "logistic"}

    Returns
    -------
    array, (n, n_out)
    """
    X, weights, bias = as_floats(X, weights, bias)
    return activate(X @ weights + bias, activation)


def dense_backward(
    X: Array, weights: Array, output: Array, d_output: Array, activation: str = "relu"
) -> tuple[Array, Array, Array]:
    r"""Take the derivatives of a loss back through one dense layer, by the chain rule.

    With :math:`\delta = d_{output} \odot \mathrm{activation}'`, one row for each row of X,

    .. math::
        d_X = \delta W^T, \qquad d_W = X^T \delta, \qquad d_b = \sum_i \delta_i

    Parameters
    ----------
    X : array, (n, n_in)
    weights : array, (n_in, n_out)
    output : array, (n, n_out)
        The result of `dense_forward` for the same X.
    d_output : array, (n, n_out)
    activation : {"identity", "relu", "tanh", "logistic"}

    Returns
    -------
    d_X : array, (n, n_in)
    d_weights : array, (n_in, n_out)
    d_bias : array, (n_out,)
    """
    X, weights, d_output = as_floats(X, weights, d_output)
    delta = d_output * activation_derivative(output, activation)
    return delta @ weights.T, X.T @ delta, np.sum(delta, axis=0)


def relu_network_forward(
    weights: Sequence[Array],
    biases: Sequence[Array],
    X: Array,
    output_activation: str = "identity",
    activation: str | Sequence[str] = "relu",
) -> tuple[Array, list[Array]]:
    """Apply a feed-forward network to each row of X.

    Parameters
    ----------
    weights : list of array, (n_in, n_out) for each layer
    biases : list of array, (n_out,) for each layer
    X : array, (n, n_in of the first layer)
    output_activation : {"identity", "relu", "logistic", "softmax"}
        Of the last layer.
    activation : {"relu", "identity", "tanh", "logistic"}, or a list of one for each hidden layer
        Of the layers before it.

    Returns
    -------
    output : array, (n, n_out of the last layer)
        After the output activation.
    hidden : list of array, (n, width) for each hidden layer
        After the activation.

    Raises
    ------
    ValueError
        If an activation's name is unknown.
    """
    choose(_OUTPUT_ACTIVATIONS, "output_activation", output_activation)
    hidden = []
    layer_input = X
    activations = _hidden_activations(activation, len(weights) - 1)
    for W, b, a in zip(weights[:-1], biases[:-1], activations, strict=True):
        layer_input = dense_forward(layer_input, W, b, a)
        hidden.append(layer_input)
    return dense_forward(layer_input, weights[-1], biases[-1], output_activation), hidden


def relu_network_loss_gradient(
    weights: Sequence[Array],
    biases: Sequence[Array],
    X: Array,
    y: Array,
    output_activation: str = "identity",
    activation: str | Sequence[str] = "relu",
) -> tuple[float, list[Array], list[Array]]:
    """Loss of a feed-forward network, and its gradient by backpropagation.

    The output activation decides the loss: `mse` for "identity" and "relu",
    `logistic_cross_entropy` for "logistic" and `softmax_cross_entropy` for "softmax", the last two
    from the logits.

    Parameters
    ----------
    weights, biases, X, output_activation, activation
        See `relu_network_forward`.
    y : array, (n, K)
        One column for each output. With one output also (n,); with "softmax" also n integer
        classes.

    Returns
    -------
    loss : float
    d_weights : list of array, shapes of `weights`
    d_biases : list of array, shapes of `biases`

    Raises
    ------
    ValueError
        If the shapes do not fit, there are no rows, or an activation's name is unknown.
    """
    no_masks = [1.0] * (len(weights) - 1)
    return dropout_network_loss_gradient(
        weights, biases, X, y, no_masks, output_activation, activation
    )


def dropout_network_loss_gradient(
    weights: Sequence[Array],
    biases: Sequence[Array],
    X: Array,
    y: Array,
    masks: Sequence[Array | float],
    output_activation: str = "identity",
    activation: str | Sequence[str] = "relu",
) -> tuple[float, list[Array], list[Array]]:
    """Loss of a network whose hidden activations are multiplied by masks, and its gradient.

    Parameters
    ----------
    weights, biases, X, y, output_activation, activation
        See `relu_network_loss_gradient`.
    masks : list of array, (n, width) for each hidden layer
        Given; see `dropout_mask`.

    Returns
    -------
    loss, d_weights, d_biases
        As from `relu_network_loss_gradient`.
    """
    # A cross-entropy takes the logits, so for it the last layer's own activation is none.
    cross_entropy = _CROSS_ENTROPY.get(output_activation)
    choose(_OUTPUT_ACTIVATIONS, "output_activation", output_activation)
    last_activation = "identity" if cross_entropy else output_activation
    activations = [*_hidden_activations(activation, len(weights) - 1), last_activation]
    inputs, outputs = [X], []
    for W, b, a, mask in zip(weights, biases, activations, [*masks, 1.0], strict=True):
        outputs.append(dense_forward(inputs[-1], W, b, a))
        inputs.append(mask * outputs[-1])
    if np.ndim(y) == 1 and output_activation != "softmax":
        y = np.reshape(y, (-1, 1))

    if cross_entropy:
        loss, d_input = cross_entropy(outputs[-1], y)
    else:
        loss, d_input = mse(outputs[-1], y), mse_gradient(outputs[-1], y)

    d_weights, d_biases = [], []
    for layer, mask in reversed(list(enumerate([*masks, 1.0]))):
        d_input, d_W, d_b = dense_backward(
            inputs[layer], weights[layer], outputs[layer], mask * d_input, activations[layer]
        )
        d_weights.append(d_W)
        d_biases.append(d_b)
    return loss, d_weights[::-1], d_biases[::-1]


def relu_network_input_gradient(
    weights: Sequence[Array],
    biases: Sequence[Array],
    X: Array,
    output_activation: str = "identity",
    activation: str | Sequence[str] = "relu",
) -> Array:
    """Jacobian of a feed-forward network at each row of X, by backpropagation.

    Parameters
    ----------
    weights, biases, X, output_activation, activation
        See `relu_network_forward`.

    Returns
    -------
    array, (n, K, n_in)
        Entry [i, k, j] is the derivative of output k of row i by X[i, j].
    """
    output, hidden = relu_network_forward(weights, biases, X, output_activation, activation)
    if output_activation == "softmax":  # d p_k / d z_j = p_k ([j = k] - p_j)
        jacobian = output[:, :, None] * (np.eye(output.shape[1]) - output[:, None, :])
    else:
        jacobian = (
            np.eye(output.shape[1]) * activation_derivative(output, output_activation)[:, None]
        )
    jacobian = jacobian @ weights[-1].T
    activations = _hidden_activations(activation, len(hidden))
    for W, a, h in reversed(list(zip(weights[:-1], activations, hidden, strict=True))):
        jacobian = (jacobian * activation_derivative(h, a)[:, None]) @ W.T
    return jacobian


def _hidden_activations(activation: str | Sequence[str], n_hidden: int) -> list[str]:
    return [activation] * n_hidden if isinstance(activation, str) else list(activation)
