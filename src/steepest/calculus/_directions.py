"""The direction of steepest descent in a norm."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from steepest.calculus._arguments import (
    FloatArray,
    ScalarFunction,
    as_order,
    as_point,
    require_callable,
)
from steepest.calculus._differences import differences_with_error
from steepest.calculus._norm import norm


def steepest_direction(
    f: ScalarFunction, x: ArrayLike, p: float = 2, *, step: ArrayLike | None = None
) -> FloatArray:
    r"""Return the direction of steepest descent of ``f`` at ``x``, a vector of length 1.

    .. math:: d = -\frac{\nabla f(x)}{\|\nabla f(x)\|_2}

    More generally, the vector of p-norm 1 along which the slope :math:`\nabla f(x) \cdot d` is
    least:

    .. math:: d_i \propto -\operatorname{sign}(g_i) |g_i|^{1/(p-1)}, \qquad g = \nabla f(x).

    With ``p=inf`` these are the signs of the gradient, with ``p=1`` the one coordinate with the
    largest partial derivative (the first of them, if there are several).

    A stationary point has no such direction, and differences never find a gradient of exactly 0
    there but the noise of their own rounding. So the error of every partial derivative is estimated
    too, from a second step of twice the size: a gradient that doesn't stand out from its error
    anywhere is taken for 0. That is :math:`4 m + 1` evaluations of ``f`` for :math:`m` entries.

    Parameters
    ----------
    f : callable
        Takes a float64 array of the shape of ``x`` and returns one real number.
    x : array_like
        The point; any shape, a scalar included. It is used as float64.
    p : float, default 2
        The norm in which the direction has length 1 and is steepest; at least 1, or ``math.inf``.
    step : float or array_like of the shape of x, optional
        The steps :math:`h_i`. Default: :math:`\varepsilon^{1/3} \max(1, |x_i|)`, rounded to powers
        of two.

    Returns
    -------
    ndarray of float64, of the shape of x

    Raises
    ------
    TypeError
        If ``f`` is not callable or doesn't return a real number, or ``x`` or ``step`` doesn't hold
        real numbers.
    ValueError
        If the gradient is zero within its error, ``p`` is below 1, ``x`` is empty or not finite,
        ``step`` is not positive, or ``f`` returns more than one value or one that is not finite.

    Examples
    --------
    >>> from steepest.calculus import steepest_direction
    >>> steepest_direction(lambda x: 3 * x[0] + 4 * x[1], [0, 0])
    array([-0.6, -0.8])
    """
    require_callable(f)
    order = as_order(p)
    point = as_point(x)
    slopes, error = differences_with_error(f, point, step)
    if np.all(np.abs(slopes) <= error):
        raise ValueError(
            "x is a stationary point of f: no direction descends. The gradient's largest entry is "
            f"{np.abs(slopes).max():.3g}, within the error of its differences, {error.max():.3g}"
        )
    relative = np.abs(slopes) / np.abs(slopes).max()
    if order == 1.0:
        direction = np.zeros(point.shape)
        steepest = np.unravel_index(int(relative.argmax()), point.shape)
        direction[steepest] = -np.sign(slopes[steepest])
        return direction
    with np.errstate(under="ignore"):
        direction = -np.sign(slopes) * relative ** (1.0 / (order - 1.0))
        return np.asarray(direction / norm(direction, order) + 0.0)  # + 0.0: no negative zeros
