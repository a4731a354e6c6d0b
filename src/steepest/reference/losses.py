"""Losses and their derivatives with respect to the prediction."""

from __future__ import annotations

import numpy as np

from ._support import Array, as_floats

# Loss sums are carried in float64 whatever the dtype of the arrays: hence dtype=np.float64 below.


def mse(prediction: Array, target: Array) -> float:
    r"""Mean squared error over all entries, :math:`\frac{1}{N}\sum (f - y)^2`.

    Parameters
    ----------
    prediction, target : array of equal shape, (n,) or (n, K)
        The mean runs over all N = n (or n K) entries; there is no factor 1/2.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the shapes differ (nothing is broadcast) or there are no rows.
    """
    prediction, target = _paired("prediction", prediction, target)
    return float(np.mean((prediction - target) ** 2, dtype=np.float64))


def mse_gradient(prediction: Array, target: Array) -> Array:
    r"""Differentiate `mse` with respect to the prediction: :math:`\frac{2}{N}(f - y)`.

    Parameters and errors are those of `mse`; the result has the shape of `prediction`.
    """
    prediction, target = _paired("prediction", prediction, target)
    return 2 / prediction.size * (prediction - target)


def softmax_cross_entropy(logits: Array, target: Array) -> tuple[float, Array]:
    r"""Cross-entropy of the softmax of `logits`, and its derivative.

    .. math::
        L = -\frac{1}{n}\sum_{ik} t_{ik} \log\mathrm{softmax}(z_i)_k, \qquad
        \frac{\partial L}{\partial z_{ik}}
        = \frac{1}{n}\Bigl(\mathrm{softmax}(z_i)_k \sum_j t_{ij} - t_{ik}\Bigr)

    Parameters
    ----------
    logits : array, (n, K)
        Scores before the softmax.
    target : integer array, (n,), or array, (n, K)
        Classes 0 ... K-1, or one row of probabilities (or weights) for each row of logits.

    Returns
    -------
    loss : float
    d_logits : array, (n, K)

    Raises
    ------
    ValueError
        If the shapes do not fit, a class is not in 0 ... K-1, or there are no rows.
    """
    (logits,) = as_floats(logits)
    if logits.ndim != 2:
        raise ValueError(f"logits has shape {logits.shape}: it must be (n, K)")
    if np.ndim(target) == 1:
        target = _one_hot(np.asarray(target), logits)
    logits, target = _paired("logits", logits, target)
    n = len(logits)
    log_probability = log_softmax(logits)
    loss = -float(np.sum(target * log_probability, dtype=np.float64)) / n
    weight = np.sum(target, axis=1, keepdims=True)  # 1 for a row of probabilities
    return loss, (np.exp(log_probability) * weight - target) / n


def logistic_cross_entropy(logits: Array, target: Array) -> tuple[float, Array]:
    r"""Binary cross-entropy of ``logistic(logits)``, entry by entry, and its derivative.

    .. math::
        L = \frac{1}{N}\sum \max(z, 0) - z t + \log(1 + e^{-|z|}), \qquad
        \frac{\partial L}{\partial z} = \frac{1}{N}(\sigma(z) - t)

    This form of :math:`-t\log\sigma(z) - (1-t)\log(1-\sigma(z))` overflows for no z.

    Parameters
    ----------
    logits, target : array of equal shape, (n,) or (n, K)
        Scores before the logistic function, and probabilities in [0, 1]. Mean over all N entries.

    Returns
    -------
    loss : float
    d_logits : array, shape of `logits`

    Raises
    ------
    ValueError
        If the shapes differ or there are no rows.
    """
    z, t = _paired("logits", logits, target)
    loss = np.mean(np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))), dtype=np.float64)
    return float(loss), (logistic(z) - t) / z.size


def logistic(z: Array) -> Array:
    r"""Logistic function :math:`\sigma(z) = 1/(1 + e^{-z})`, without overflow."""
    decay = np.exp(-np.abs(z))  # in (0, 1]: never overflows
    return np.where(z >= 0, 1.0, decay) / (1.0 + decay)


def log_softmax(z: Array) -> Array:
    r"""Row by row :math:`z_k - \log\sum_j e^{z_j}`, with the row's maximum taken out first."""
    z = z - np.max(z, axis=1, keepdims=True)
    log_sum: Array = np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return z - log_sum


def _one_hot(classes: Array, logits: Array) -> Array:
    """Return the (n, K) array with a one at each row's class."""
    n_classes = logits.shape[1]
    if classes.dtype.kind not in "iu":
        raise ValueError(f"target has dtype {classes.dtype}: classes must be integers")
    wrong = np.flatnonzero((classes < 0) | (classes >= n_classes))
    if wrong.size:
        row = wrong[0]
        raise ValueError(
            f"target[{row}] is {classes[row]}: logits has {n_classes} columns, "
            f"so a class must be in 0 ... {n_classes - 1}"
        )
    return np.eye(n_classes, dtype=logits.dtype)[classes]


def _paired(name: str, prediction: Array, target: Array) -> tuple[Array, ...]:
    """Return both as floating arrays after checking that their entries form at least one pair."""
    prediction, target = as_floats(prediction, target)
    if prediction.shape != target.shape:
        raise ValueError(
            f"{name} has shape {prediction.shape} and target has shape {target.shape}: "
            "they must be equal"
        )
    if prediction.size == 0:
        empty = "rows" if len(prediction) == 0 else "columns"
        raise ValueError(f"{name} has no {empty} (shape {prediction.shape}): there is no mean")
    return prediction, target
