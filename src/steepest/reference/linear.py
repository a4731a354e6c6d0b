"""The linear model: an intercept and one coefficient for each column of X."""

from __future__ import annotations

import numpy as np

from ._support import Array, as_floats
from .losses import mse, mse_gradient


def linear_predict(theta: Array, X: Array) -> Array:
    r"""Linear model :math:`f = \theta_0 + X \theta_{1:}`.

    Parameters
    ----------
    theta : array, (1 + d,) or (1 + d, K)
        ``theta[0]`` is the intercept; one column for each of K outputs.
    X : array, (n, d)

    Returns
    -------
    array, (n,) or (n, K)
    """
    theta, X = as_floats(theta, X)
    prediction: Array = theta[0] + X @ theta[1:]
    return prediction


def linear_loss_gradient(theta: Array, X: Array, y: Array) -> tuple[float, Array]:
    r"""Mean squared error of the linear model, and its gradient.

    .. math::
        L = \mathrm{mse}(f, y), \qquad
        \frac{\partial L}{\partial\theta_0} = \sum_i r_i, \qquad
        \frac{\partial L}{\partial\theta_{1:}} = X^T r, \qquad r = \frac{2}{N}(f - y)

    Parameters
    ----------
    theta : array, (1 + d,) or (1 + d, K)
    X : array, (n, d)
    y : array, (n,) or (n, K)

    Returns
    -------
    loss : float
    gradient : array, shape of `theta`

    Raises
    ------
    ValueError
        If the shapes do not fit or there are no rows.
    """
    prediction = linear_predict(theta, X)
    d_prediction = mse_gradient(prediction, y)
    d_intercept = np.sum(d_prediction, axis=0, keepdims=True)
    d_coef = np.transpose(X) @ d_prediction
    return mse(prediction, y), np.concatenate([d_intercept, d_coef])
