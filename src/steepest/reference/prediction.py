"""What a network says of each row: its output, its classes, or their probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ._support import Array, choose
from .losses import log_softmax, logistic
from .network import relu_network_forward


def _log_logistic(z: Array) -> Array:
    """Return the logarithm of the logistic function, -log(1 + exp(-z)), finite for every finite z."""
    return np.minimum(z, 0.0) - np.log1p(np.exp(-np.abs(z)))


_ANSWER: dict[str, Callable[[Array], Array]] = {
    "output": lambda z: z,
    "exponential": np.exp,
    "logistic": logistic,
    "softmax": lambda z: np.exp(log_softmax(z)),
    "log_softmax": log_softmax,
    "two_classes": lambda z: np.hstack([logistic(-z), logistic(z)]),
    "log_two_classes": lambda z: np.hstack([_log_logistic(-z), _log_logistic(z)]),
}


def network_answer(
    weights: Sequence[Array],
    biases: Sequence[Array],
    X: Array,
    hidden: str = "relu",
    answer: str = "output",
) -> Array:
    """Make an answer of a network's output z, (n, K), before any activation of its last layer.

    Parameters
    ----------
    weights, biases, X
        See `relu_network_forward`.
    hidden : {"relu", "identity", "tanh", "logistic"}
        Activation of all layers before the last.
    answer : {"output", "exponential", "logistic", "softmax", "log_softmax", "two_classes", "log_two_classes"}
        z itself, exp z, the logistic function of each entry, the softmax of each row or its logarithm. For one
        output also the probabilities of both classes, logistic(-z) and logistic(z), or their logarithms.

    Returns
    -------
    array, (n, K), or (n, 2) for "two_classes" and "log_two_classes"

    Raises
    ------
    ValueError
        If `answer` or `hidden` is none of these.
    """
    z, _ = relu_network_forward(weights, biases, X, activation=hidden)
    return choose(_ANSWER, "answer", answer)(z)


def network_classes(
    weights: Sequence[Array],
    biases: Sequence[Array],
    X: Array,
    hidden: str,
    labels: Array,
) -> Array:
    """Name the class of each row: that of its largest output; of one output, the second if it is positive.

    Parameters
    ----------
    weights, biases, X, hidden
        See `network_answer`.
    labels : array, (K,), or (2,) for one output

    Returns
    -------
    array, (n,)
    """
    z, _ = relu_network_forward(weights, biases, X, activation=hidden)
    codes = (z[:, 0] > 0).astype(int) if z.shape[1] == 1 else z.argmax(axis=1)
    return np.take(labels, codes)
