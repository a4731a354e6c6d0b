"""The functional layer: losses, models and their gradients, compiled.

Every function has a NumPy twin of the same name and signature in :mod:`steepest.reference`. Arrays are float32 or
float64, and results have the same dtype: float32 if all floating-point arguments are, otherwise float64; integers
follow. A contiguous array of either dtype goes to the compiled code as it is; anything else (strided, read as
big-endian, integer, a list) is copied once. Losses are summed in double precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest import _native
from steepest._bases import Basis, recurrence
from steepest._validate import (
    ACTIVATIONS,
    Array,
    check_activations,
    check_choice,
    check_rank,
    float_type,
    numeric_array,
    plain,
)
from steepest.optimizers import Optimizer, Parameters

__all__ = [
    "dense_backward",
    "dense_forward",
    "linear_loss_gradient",
    "linear_predict",
    "logistic_cross_entropy",
    "mse",
    "mse_gradient",
    "optimizer_step",
    "polynomial_loss_gradient",
    "polynomial_predict",
    "relu_network_forward",
    "relu_network_input_gradient",
    "relu_network_loss_gradient",
    "softmax_cross_entropy",
]

OUTPUT_ACTIVATIONS = ("identity", "relu", "logistic", "softmax")


def _plain_arrays(**named: Any) -> list[Array]:
    """Return the arguments as arrays that the core takes as they are, all of one dtype."""
    arrays = [numeric_array(name, value) for name, value in named.items()]
    dtype = float_type(*arrays)
    return [plain(array, dtype) for array in arrays]


def _same_shape(**named: Array) -> None:
    (first_name, first), (second_name, second) = named.items()
    check_rank(first_name, first, (1, 2), "of shape (n,) or (n, K)")
    if first.shape != second.shape:
        raise ValueError(
            f"{second_name} must have the shape {first.shape} of {first_name}, but has {second.shape}"
        )
    _has_entries(first_name, first)


def _has_rows(name: str, array: Array) -> None:
    if array.shape[0] == 0:
        raise ValueError(
            f"{name} has no rows (shape {array.shape}); a mean loss needs at least one"
        )


def _has_entries(name: str, array: Array) -> None:
    _has_rows(name, array)
    if array.size == 0:
        raise ValueError(
            f"{name} has no columns (shape {array.shape}); a mean loss needs at least one"
        )


def mse(prediction: ArrayLike, target: ArrayLike) -> float:
    r"""Return the mean squared error over all entries.

    .. math:: \frac{1}{NK} \sum_{ik} (f_{ik} - y_{ik})^2

    Parameters
    ----------
    prediction, target : array, (n,) or (n, K)
        f and y, of the same shape.

    Returns
    -------
    float
        The loss.

    Raises
    ------
    ValueError
        If the shapes differ or there are no rows.
    """
    loss = _native.core.mse(prediction, target)
    if loss is NotImplemented:
        f, y = _plain_arrays(prediction=prediction, target=target)
        _same_shape(prediction=f, target=y)
        loss = _native.core.mse(f, y)
    return loss  # type: ignore[no-any-return]


def mse_gradient(prediction: ArrayLike, target: ArrayLike) -> Array:
    r"""Return the gradient of :func:`mse` with respect to the prediction.

    .. math:: \frac{2}{NK} (f - y)

    Parameters
    ----------
    prediction, target : array, (n,) or (n, K)
        f and y, of the same shape.

    Returns
    -------
    array
        Of the shape of ``prediction``.

    Raises
    ------
    ValueError
        If the shapes differ or there are no rows.
    """
    gradient = _native.core.mse_gradient(prediction, target)
    if gradient is NotImplemented:
        f, y = _plain_arrays(prediction=prediction, target=target)
        _same_shape(prediction=f, target=y)
        gradient = _native.core.mse_gradient(f, y)
    return gradient  # type: ignore[no-any-return]


def _class_targets(name: str, target: Array, rows: int, classes: int) -> Array:
    """Check integer classes: one for each row, in 0 ... classes - 1."""
    if target.shape != (rows,):
        raise ValueError(f"{name} must be of shape ({rows},), but has shape {target.shape}")
    if rows and (target.min() < 0 or target.max() >= classes):
        row = int(np.argmax((target < 0) | (target >= classes)))
        raise ValueError(
            f"{name} must be classes in 0 ... {classes - 1}, but row {row} is {target[row]}"
        )
    return plain(target, np.dtype(np.int64))


def softmax_cross_entropy(logits: ArrayLike, target: ArrayLike) -> tuple[float, Array]:
    r"""Return the cross-entropy of softmax probabilities and its gradient, from logits by log-sum-exp.

    .. math::
        -\frac1N \sum_{ik} t_{ik} \log p_{ik},\quad p_i = \operatorname{softmax}(z_i), \qquad
        \frac{\partial}{\partial z_{ik}} = \frac1N\Bigl(p_{ik} \sum_j t_{ij} - t_{ik}\Bigr)

    Parameters
    ----------
    logits : array, (n, K)
        z.
    target : array of int, (n,), or of float, (n, K)
        Classes in 0 ... K-1, or probabilities t.

    Returns
    -------
    loss : float
    d_logits : array, (n, K)
        The gradient.

    Raises
    ------
    ValueError
        If shapes don't fit, a class is out of range, or there are no rows.
    """
    result = _native.core.softmax_cross_entropy(logits, target)
    if result is NotImplemented:
        result = _native.core.softmax_cross_entropy(*_softmax_arrays(logits, target))
    return result  # type: ignore[no-any-return]


def _softmax_arrays(logits: ArrayLike, target: ArrayLike) -> tuple[Array, Array]:
    z, t = numeric_array("logits", logits), numeric_array("target", target)
    classes = t.dtype.kind in "iub" and t.ndim == 1
    z = plain(z, float_type(z) if classes else float_type(z, t))
    check_rank("logits", z, (2,), "of shape (n, K)")
    _has_entries("logits", z)
    if classes:
        t = _class_targets("target", t, *z.shape)
    elif t.shape != z.shape:
        raise ValueError(
            f"target must be classes of shape ({z.shape[0]},) or probabilities of shape {z.shape}, "
            f"but has shape {t.shape} and dtype {t.dtype}"
        )
    else:
        t = plain(t, z.dtype)
    return z, t


def logistic_cross_entropy(logits: ArrayLike, target: ArrayLike) -> tuple[float, Array]:
    r"""Return the binary cross-entropy from logits, the mean over all entries, and its gradient.

    .. math::
        \frac{1}{NK} \sum_{ik} \max(z, 0) - z t + \log(1 + e^{-|z|}), \qquad
        \frac{1}{NK} (\sigma(z) - t)

    Parameters
    ----------
    logits, target : array, (n,) or (n, K)
        z, and t in [0, 1], of the same shape.

    Returns
    -------
    loss : float
    d_logits : array
        The gradient, of the shape of ``logits``.

    Raises
    ------
    ValueError
        If the shapes differ or there are no rows.
    """
    result = _native.core.logistic_cross_entropy(logits, target)
    if result is NotImplemented:
        z, t = _plain_arrays(logits=logits, target=target)
        _same_shape(logits=z, target=t)
        result = _native.core.logistic_cross_entropy(z, t)
    return result  # type: ignore[no-any-return]


def _check_linear(theta: Array, X: Array) -> None:
    check_rank("theta", theta, (1, 2), "of shape (1 + d,) or (1 + d, K)")
    check_rank("X", X, (2,), "of shape (n, d)")
    if theta.shape[0] != X.shape[1] + 1:
        raise ValueError(
            f"theta must have 1 + {X.shape[1]} rows for X of shape {X.shape} (row 0 is the intercept), "
            f"but has shape {theta.shape}"
        )


def linear_predict(theta: ArrayLike, X: ArrayLike) -> Array:
    r"""Return the linear model's values :math:`f = \theta_0 + X \theta_{1:}`.

    Parameters
    ----------
    theta : array, (1 + d,) or (1 + d, K)
        ``theta[0]`` is the intercept.
    X : array, (n, d)
        Inputs.

    Returns
    -------
    array, (n,) or (n, K)

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    prediction = _native.core.linear_predict(theta, X)
    if prediction is NotImplemented:
        a, b = _plain_arrays(theta=theta, X=X)
        _check_linear(a, b)
        prediction = _native.core.linear_predict(a, b)
    return prediction  # type: ignore[no-any-return]


def linear_loss_gradient(theta: ArrayLike, X: ArrayLike, y: ArrayLike) -> tuple[float, Array]:
    r"""Return the mean squared error of the linear model, and its gradient.

    .. math:: J = \frac{1}{NK}\lVert f - y\rVert^2, \qquad
        \nabla J = \frac{2}{NK} [1\; X]^\top (f - y), \quad f = \theta_0 + X\theta_{1:}

    Parameters
    ----------
    theta : array, (1 + d,) or (1 + d, K)
        ``theta[0]`` is the intercept.
    X : array, (n, d)
        Inputs.
    y : array, (n,) or (n, K)
        Targets.

    Returns
    -------
    loss : float
    gradient : array
        dJ/dtheta, of the shape of ``theta``.

    Raises
    ------
    ValueError
        If the shapes don't fit or there are no rows.
    """
    result = _native.core.linear_loss_gradient(theta, X, y)
    if result is NotImplemented:
        a, b, c = _plain_arrays(theta=theta, X=X, y=y)
        _check_linear(a, b)
        _has_rows("X", b)
        wanted = (b.shape[0], *a.shape[1:])
        if c.shape != wanted:
            raise ValueError(
                f"y must be of shape {wanted} for theta {a.shape} and X {b.shape}, but has shape {c.shape}"
            )
        _has_entries("y", c)
        result = _native.core.linear_loss_gradient(a, b, c)
    return result  # type: ignore[no-any-return]


def _check_polynomial(theta: Array, x: Array) -> None:
    check_rank("theta", theta, (1,), "of shape (degree + 1,)")
    check_rank("x", x, (1,), "of shape (n,)")
    if theta.size == 0:
        raise ValueError("theta must have at least one coefficient, but is empty")


def _degree(theta: ArrayLike) -> int:
    array = theta if isinstance(theta, np.ndarray) else numeric_array("theta", theta)
    return max(array.size - 1, 0)


def polynomial_predict(theta: ArrayLike, x: ArrayLike, basis: Basis = "monomial") -> Array:
    r"""Return the polynomial's values :math:`f(x) = \sum_k \theta_k p_k(x)`.

    Parameters
    ----------
    theta : array, (degree + 1,)
        Coefficients, lowest degree first.
    x : array, (n,)
        Points.
    basis : {"monomial", "chebyshev", "legendre"} or three arrays (degree,), default "monomial"
        :math:`p_k`: :math:`x^k`, :math:`T_k` or :math:`P_k`. The last two belong on [-1, 1]. Arrays a, b, c are
        those of any recurrence :math:`p_{k+1} = (a_k x + b_k) p_k - c_k p_{k-1}` from :math:`p_0 = 1`.

    Returns
    -------
    array, (n,)
        Computed in double precision, rounded to the dtype of the arguments.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    coefficients = recurrence(basis, _degree(theta))
    prediction = _native.core.polynomial_predict(theta, x, coefficients)
    if prediction is NotImplemented:
        a, b = _plain_arrays(theta=theta, x=x)
        _check_polynomial(a, b)
        prediction = _native.core.polynomial_predict(a, b, coefficients)
    return prediction  # type: ignore[no-any-return]


def polynomial_loss_gradient(
    theta: ArrayLike, x: ArrayLike, y: ArrayLike, basis: Basis = "monomial"
) -> tuple[float, Array]:
    r"""Return the mean squared error of a polynomial, and its gradient; no design matrix is built.

    .. math:: J = \frac1N \sum_i (f(x_i) - y_i)^2, \qquad
        \frac{\partial J}{\partial\theta_k} = \frac2N \sum_i (f(x_i) - y_i)\, p_k(x_i)

    Parameters
    ----------
    theta : array, (degree + 1,)
        Coefficients, lowest degree first.
    x, y : array, (n,)
        Points and targets.
    basis : {"monomial", "chebyshev", "legendre"} or three arrays (degree,), default "monomial"
        As in :func:`polynomial_predict`.

    Returns
    -------
    loss : float
    gradient : array, (degree + 1,)

    Raises
    ------
    ValueError
        If the shapes don't fit or there are no points.
    """
    coefficients = recurrence(basis, _degree(theta))
    result = _native.core.polynomial_loss_gradient(theta, x, y, coefficients)
    if result is NotImplemented:
        a, b, c = _plain_arrays(theta=theta, x=x, y=y)
        _check_polynomial(a, b)
        _same_shape(x=b, y=c)
        result = _native.core.polynomial_loss_gradient(a, b, c, coefficients)
    return result  # type: ignore[no-any-return]


def _check_dense(X: Array, weights: Array, name: str = "weights") -> None:
    check_rank("X", X, (2,), "of shape (n, n_in)")
    check_rank(name, weights, (2,), "of shape (n_in, n_out)")
    if X.shape[1] != weights.shape[0]:
        raise ValueError(
            f"{name} must have {X.shape[1]} rows for X of shape {X.shape}, but has shape {weights.shape}"
        )


def dense_forward(
    X: ArrayLike, weights: ArrayLike, bias: ArrayLike, activation: str = "relu"
) -> Array:
    r"""Return a dense layer's output :math:`a(X W + b)`.

    Parameters
    ----------
    X : array, (n, n_in)
        Inputs.
    weights : array, (n_in, n_out)
        W.
    bias : array, (n_out,)
        b.
    activation : {"relu", "identity", "tanh", "logistic"}, default "relu"
        a.

    Returns
    -------
    array, (n, n_out)

    Raises
    ------
    ValueError
        If the shapes don't fit or the activation is unknown.
    """
    if activation not in ACTIVATIONS:
        check_choice("activation", activation, ACTIVATIONS)
    layers = _native.core.network_forward((weights,), (bias,), X, "identity", activation)
    if layers is NotImplemented:
        x, w, b = _plain_arrays(X=X, weights=weights, bias=bias)
        _check_dense(x, w)
        if b.shape != (w.shape[1],):
            raise ValueError(
                f"bias must be of shape ({w.shape[1]},) for weights of shape {w.shape}, "
                f"but has shape {b.shape}"
            )
        layers = _native.core.network_forward((w,), (b,), x, "identity", activation)
    return layers[0]  # type: ignore[no-any-return]


def dense_backward(
    X: ArrayLike,
    weights: ArrayLike,
    output: ArrayLike,
    d_output: ArrayLike,
    activation: str = "relu",
) -> tuple[Array, Array, Array]:
    r"""Return the gradients of a loss through a dense layer, by the chain rule.

    .. math:: d_Z = d_{out} \odot a'(Z), \qquad d_X = d_Z W^\top, \quad d_W = X^\top d_Z, \quad d_b = \sum_i d_{Z,i}

    Parameters
    ----------
    X : array, (n, n_in)
        Inputs of the forward pass.
    weights : array, (n_in, n_out)
        W.
    output : array, (n, n_out)
        What :func:`dense_forward` returned; a' is computed from it, with ReLU'(0) = 0.
    d_output : array, (n, n_out)
        dL/d output.
    activation : {"relu", "identity", "tanh", "logistic"}, default "relu"
        a.

    Returns
    -------
    d_X, d_weights, d_bias : arrays, (n, n_in), (n_in, n_out), (n_out,)

    Raises
    ------
    ValueError
        If the shapes don't fit or the activation is unknown.
    """
    if activation not in ACTIVATIONS:
        check_choice("activation", activation, ACTIVATIONS)
    gradients = _native.core.dense_backward(X, weights, output, d_output, activation)
    if gradients is NotImplemented:
        x, w, a, d = _plain_arrays(X=X, weights=weights, output=output, d_output=d_output)
        _check_dense(x, w)
        wanted = (x.shape[0], w.shape[1])
        for name, array in (("output", a), ("d_output", d)):
            if array.shape != wanted:
                raise ValueError(f"{name} must be of shape {wanted}, but has shape {array.shape}")
        gradients = _native.core.dense_backward(x, w, a, d, activation)
    return gradients  # type: ignore[no-any-return]


def _network_arrays(
    weights: Sequence[ArrayLike], biases: Sequence[ArrayLike], X: ArrayLike, **also: ArrayLike
) -> tuple[list[Array], list[Array], Array]:
    """Return a network's parameters and inputs, checked and of one dtype, which ``also`` helps to decide."""
    for name, arrays in (("weights", weights), ("biases", biases)):
        if not isinstance(arrays, Sequence) or isinstance(arrays, str):
            raise TypeError(
                f"{name} must be a list of one array for each layer, but is {type(arrays).__name__}"
            )
    if len(weights) == 0 or len(weights) != len(biases):
        raise ValueError(
            "weights and biases must be sequences of one array for each layer, but have "
            f"{len(weights)} and {len(biases)}"
        )
    named = {f"weights[{i}]": w for i, w in enumerate(weights)}
    named |= {f"biases[{i}]": b for i, b in enumerate(biases)}
    *parameters, x = _plain_arrays(**named, X=X, **also)[: len(named) + 1]
    ws, bs = parameters[: len(weights)], parameters[len(weights) :]
    _check_dense(x, ws[0], "weights[0]")
    for i, (w, b) in enumerate(zip(ws, bs, strict=True)):
        check_rank(f"weights[{i}]", w, (2,), "of shape (n_in, n_out)")
        if i and w.shape[0] != ws[i - 1].shape[1]:
            raise ValueError(
                f"weights[{i}] must have {ws[i - 1].shape[1]} rows, the columns of weights[{i - 1}], "
                f"but has shape {w.shape}"
            )
        check_rank(f"biases[{i}]", b, (1,), "of shape (n_out,)")
        if b.shape[0] != w.shape[1]:
            raise ValueError(
                f"biases[{i}] must be of shape ({w.shape[1]},), but has shape {b.shape}"
            )
    return ws, bs, x


def relu_network_forward(
    weights: Sequence[ArrayLike],
    biases: Sequence[ArrayLike],
    X: ArrayLike,
    output_activation: str = "identity",
    activation: str | Sequence[str] = "relu",
) -> tuple[Array, list[Array]]:
    r"""Return a feed-forward network's output and hidden activations.

    .. math:: H_0 = X, \qquad H_{l+1} = a(H_l W_l + b_l)

    Parameters
    ----------
    weights : sequence of arrays, (n_in, n_out) each
        W_l, one for each layer.
    biases : sequence of arrays, (n_out,) each
        b_l.
    X : array, (n, n_in)
        Inputs.
    output_activation : {"identity", "relu", "logistic", "softmax"}, default "identity"
        a of the last layer.
    activation : {"relu", "identity", "tanh", "logistic"} or sequence of these, default "relu"
        a of the hidden layers, of all or one for each.

    Returns
    -------
    output : array, (n, K)
    hidden : list of arrays, (n, width) each
        H_1 ... of the hidden layers.

    Raises
    ------
    ValueError
        If the shapes don't chain or an activation is unknown.
    """
    _check_activations(output_activation, activation, weights)
    last = "identity" if output_activation == "softmax" else output_activation
    layers = _native.core.network_forward(weights, biases, X, activation, last)
    if layers is NotImplemented:
        layers = _native.core.network_forward(
            *_network_arrays(weights, biases, X), activation, last
        )
    *hidden, output = layers
    if output_activation == "softmax":
        output = softmax(output)
    return output, hidden


def softmax(logits: Array) -> Array:
    """Return the softmax of each row of logits (n, K), in the compiled core's own exponential."""
    return _native.core.softmax(plain(logits, logits.dtype))  # type: ignore[no-any-return]


def relu_network_loss_gradient(
    weights: Sequence[ArrayLike],
    biases: Sequence[ArrayLike],
    X: ArrayLike,
    y: ArrayLike,
    output_activation: str = "identity",
    activation: str | Sequence[str] = "relu",
) -> tuple[float, list[Array], list[Array]]:
    """Return a feed-forward network's loss and its gradients, by backpropagation.

    The loss follows from the output: :func:`mse` for ``"identity"`` and ``"relu"``,
    :func:`logistic_cross_entropy` for ``"logistic"`` and :func:`softmax_cross_entropy` for ``"softmax"``, the last
    two computed from the logits.

    Parameters
    ----------
    weights, biases, X, output_activation, activation
        As in :func:`relu_network_forward`.
    y : array, (n, K), or (n,) if K = 1 or classes for softmax
        Targets.

    Returns
    -------
    loss : float
    d_weights, d_biases : lists of arrays
        The gradients, shaped as ``weights`` and ``biases``.

    Raises
    ------
    ValueError
        If shapes don't fit, an activation is unknown, or there are no rows.
    """
    _check_activations(output_activation, activation, weights)
    loss = output_activation if output_activation in ("softmax", "logistic") else "squared"
    output = "relu" if output_activation == "relu" else "identity"
    scale = 1.0 if loss == "softmax" else -1.0  # otherwise the mean over the outputs
    model = (None, activation, output, loss, scale, 0.0)
    result = _native.core.network_loss_gradient(weights, biases, X, y, *model)
    if result is NotImplemented:
        target = numeric_array("y", y)
        classes = output_activation == "softmax" and target.dtype.kind in "iub" and target.ndim == 1
        also = {} if classes else {"y": target}
        ws, bs, x = _network_arrays(weights, biases, X, **also)
        _has_rows("X", x)
        if ws[-1].shape[1] == 0:
            raise ValueError(
                f"weights[{len(ws) - 1}] has no columns (shape {ws[-1].shape}); a loss needs an output"
            )
        target = _network_target(
            target, classes, output_activation == "softmax", x, ws[-1].shape[1]
        )
        result = _native.core.network_loss_gradient(ws, bs, x, target, *model)
    return result  # type: ignore[no-any-return]


def _network_target(target: Array, classes: bool, softmax: bool, x: Array, K: int) -> Array:
    if classes:
        return _class_targets("y", target, x.shape[0], K)
    if target.shape != (x.shape[0], K) and not (K == 1 and target.shape == (x.shape[0],)):
        raise ValueError(
            f"y must be of shape {(x.shape[0], K)}"
            f"{f' or integer classes of shape {x.shape[:1]}' if softmax else ''}, "
            f"but has shape {target.shape} and dtype {target.dtype}"
        )
    return plain(target, x.dtype)


def relu_network_input_gradient(
    weights: Sequence[ArrayLike],
    biases: Sequence[ArrayLike],
    X: ArrayLike,
    output_activation: str = "identity",
    activation: str | Sequence[str] = "relu",
) -> Array:
    r"""Return the derivatives of a feed-forward network's outputs with respect to its inputs, by backpropagation.

    .. math:: G_{ikj} = \frac{\partial f_k(x_i)}{\partial x_{ij}}

    Parameters
    ----------
    weights, biases, X, output_activation, activation
        As in :func:`relu_network_forward`; f is the output after its activation.

    Returns
    -------
    array, (n, K, n_in)

    Raises
    ------
    ValueError
        If the shapes don't chain or an activation is unknown.
    """
    _check_activations(output_activation, activation, weights)
    gradient = _native.core.network_input_gradient(
        weights, biases, X, activation, output_activation
    )
    if gradient is NotImplemented:
        arrays = _network_arrays(weights, biases, X)
        gradient = _native.core.network_input_gradient(*arrays, activation, output_activation)
    return gradient  # type: ignore[no-any-return]


def _check_activations(
    output_activation: str, activation: str | Sequence[str], weights: Sequence[ArrayLike]
) -> None:
    if output_activation not in OUTPUT_ACTIVATIONS:
        check_choice("output_activation", output_activation, OUTPUT_ACTIVATIONS)
    if activation not in ACTIVATIONS:
        check_activations(activation, len(weights) - 1)


def optimizer_step(
    optimizer: Optimizer,
    theta: Parameters,
    gradient: Parameters,
    state: dict[str, Any],
    learning_rate: float | None = None,
) -> None:
    """Take one step of an optimizer in place: ``optimizer.step(theta, gradient, state, learning_rate)``.

    Parameters
    ----------
    optimizer : Optimizer
        SGD, Momentum, Adam or AdamW.
    theta, gradient, state, learning_rate
        As in :meth:`steepest.optimizers.Optimizer.step`.

    Raises
    ------
    ValueError, TypeError
        If shapes, dtypes or slots do not match; nothing has been changed then.
    """
    optimizer.step(theta, gradient, state, learning_rate)
