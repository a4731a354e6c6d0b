"""Partial derivatives, gradient and directional derivatives."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from steepest._validate import check_integer
from steepest.calculus._arguments import (
    FloatArray,
    ScalarFunction,
    as_direction,
    as_point,
    flat_index,
    require_callable,
)
from steepest.calculus._differences import along, central_differences, neighbours, quotient, steps
from steepest.calculus._norm import norm
from steepest.calculus._richardson import along_of_order


def partial_derivative(
    f: ScalarFunction,
    x: ArrayLike,
    i: int | tuple[int, ...],
    *,
    step: ArrayLike | None = None,
) -> float:
    r"""Return the partial derivative of ``f`` at ``x`` along entry ``i``.

    .. math:: \partial_i f(x) \approx \frac{f(x + h e_i) - f(x - h e_i)}{2 h}

    Two evaluations of ``f``.

    Parameters
    ----------
    f : callable
        Takes a float64 array of the shape of ``x`` and returns one real number.
    x : array_like
        The point; any shape, a scalar included. It is used as float64.
    i : int or tuple of int
        The entry: an integer for a point of one dimension, otherwise one integer for each
        dimension. Negative ones count from the end. A scalar point has the entry ``()``, or 0.
    step : float or array_like of the shape of x, optional
        The step :math:`h`. Default: :math:`\varepsilon^{1/3} \max(1, |x_i|)`, rounded to a power of
        two.

    Returns
    -------
    float

    Raises
    ------
    IndexError
        If ``x`` has no entry ``i``.
    TypeError
        If ``f`` is not callable or doesn't return a real number, ``x`` or ``step`` doesn't hold
        real numbers, or ``i`` is neither an integer nor a tuple of integers.
    ValueError
        If ``x`` is empty or not finite, ``step`` is not positive, or ``f`` returns more than one
        value or one that is not finite.

    Examples
    --------
    >>> from steepest.calculus import partial_derivative
    >>> partial_derivative(lambda x: x[0]**2 + x[1]**2 + x[0] * x[1], [1, 3], 0)
    5.0
    """
    require_callable(f)
    point = as_point(x)
    entry = flat_index(i, point.shape)
    upper, lower = neighbours(point, steps(point, step))
    return quotient(f, point, entry, upper, lower)


def gradient(f: ScalarFunction, x: ArrayLike, *, step: ArrayLike | None = None) -> FloatArray:
    r"""Return the gradient of ``f`` at ``x``: all its partial derivatives, in the shape of ``x``.

    .. math:: \nabla f(x) = (\partial_1 f(x), \ldots, \partial_m f(x))

    :math:`2 m` evaluations of ``f`` for :math:`m` entries.

    Parameters
    ----------
    f : callable
        Takes a float64 array of the shape of ``x`` and returns one real number.
    x : array_like
        The point; any shape, a scalar included. It is used as float64.
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
        If ``x`` is empty or not finite, ``step`` is not positive, or ``f`` returns more than one
        value or one that is not finite. The message names the entry.

    Examples
    --------
    >>> from steepest.calculus import gradient
    >>> gradient(lambda x: x[0]**2 + x[1]**2 + x[0] * x[1], [1, 3])
    array([5., 7.])
    """
    require_callable(f)
    result, _ = central_differences(f, as_point(x), step=step)
    return result


def directional_derivative(
    f: ScalarFunction,
    x: ArrayLike,
    v: ArrayLike,
    *,
    normalize: bool = False,
    step: ArrayLike | None = None,
    order: int = 1,
) -> float:
    r"""Return the derivative of ``f`` at ``x`` along ``v``, the first or a higher one.

    .. math:: D_v f(x) = \nabla f(x) \cdot v \approx \frac{f(x + h v) - f(x - h v)}{2 h}, \qquad
              D_v^k f(x) = \frac{d^k}{dt^k} f(x + t v) \Big|_{t=0}

    The first takes two evaluations of ``f``, however many entries ``x`` has. The step is the
    largest :math:`h` that moves no entry by more than its own step,
    :math:`h |v_i| \le \varepsilon^{1/3} \max(1, |x_i|)`, so that the errors are no worse than those
    of the partial derivatives. Higher orders are extrapolated, as `derivative` does; that function
    gives the error too, of :math:`t \mapsto f(x + t v)` at 0.

    Parameters
    ----------
    f : callable
        Takes a float64 array of the shape of ``x`` and returns one real number.
    x : array_like
        The point; any shape, a scalar included. It is used as float64.
    v : array_like of the shape of x
        The direction. Its length counts: the derivative along ``2 * v`` is twice that along ``v``.
    normalize : bool, default False
        Divide ``v`` by its Euclidean norm first: the result is the slope of ``f`` in that
        direction.
    step : float or array_like of the shape of x, optional
        The largest move of each entry. Default: :math:`\varepsilon^{1/3} \max(1, |x_i|)`. For
        higher orders, the width that the extrapolation starts from; default: about
        :math:`\max(1, |x_i|)`.
    order : int, default 1
        k, at least 1. The second is :math:`v^T \nabla^2 f(x)\, v`.

    Returns
    -------
    float
        0.0 for ``v`` = 0, without a call of ``f``.

    Raises
    ------
    TypeError
        If ``f`` is not callable or doesn't return a real number, or ``x``, ``v`` or ``step``
        doesn't hold real numbers.
    ValueError
        If ``x`` is empty, ``v`` has another shape, either is not finite, ``v`` is 0 with
        ``normalize=True``, ``step`` is not positive, or ``f`` returns more than one value or one
        that is not finite.

    Examples
    --------
    >>> from steepest.calculus import directional_derivative
    >>> f = lambda x: x[0]**2 + x[1]**2 + x[0] * x[1]
    >>> directional_derivative(f, [1, 3], [1, -1])
    -2.0
    >>> directional_derivative(f, [1, 3], [1, -1], order=2)
    2.0
    """
    require_callable(f)
    order = check_integer("order", order, low=1)
    point = as_point(x)
    direction = as_direction(v, point)
    if not direction.any():
        if normalize:
            raise ValueError("v is zero and has no direction: normalize=True needs v != 0")
        return 0.0
    # v is brought to size 1 by a power of two, which is exact: its own size then neither overflows
    # the step nor costs a rounding.
    exponent = int(np.frexp(np.abs(direction).max())[1])
    unit = np.ldexp(direction, -exponent)
    if order > 1:
        slope = along_of_order(f, point, unit, order, step)
        return slope / norm(unit) ** order if normalize else math.ldexp(slope, exponent * order)
    slope = along(f, point, unit, steps(point, step))
    return slope / norm(unit) if normalize else float(np.ldexp(slope, exponent))
