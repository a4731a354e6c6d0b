"""Jacobians, Hessians and their products with a vector."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from steepest.calculus._arguments import (
    FloatArray,
    ScalarFunction,
    array_of,
    as_direction,
    as_point,
    require_callable,
    require_finite_value,
    value_of,
)
from steepest.calculus._differences import SECOND_RELATIVE_STEP, ends_along, neighbours, steps

Field = Callable[[FloatArray], ArrayLike]


def jacobian(f: Field, x: ArrayLike, *, step: ArrayLike | None = None) -> FloatArray:
    r"""Return the Jacobian of a function with many values: all partial derivatives of all of them.

    .. math:: J_{ij} = \partial_j f_i(x) \approx \frac{f_i(x + h_j e_j) - f_i(x - h_j e_j)}{2 h_j}

    :math:`2 m` evaluations of ``f`` for m entries of x; an error of order :math:`h^2`, with the
    default step about :math:`\varepsilon^{2/3} \approx 4 \cdot 10^{-11}` of f's size [1]_.

    Parameters
    ----------
    f : callable
        Takes a float64 array of the shape of ``x`` and returns real numbers, an array of any shape,
        always the same.
    x : array_like
        The point; any shape, a scalar included. It is used as float64.
    step : float or array_like of the shape of x, optional
        The steps :math:`h_j`. Default: :math:`\varepsilon^{1/3} \max(1, |x_j|)`, rounded to powers
        of two.

    Returns
    -------
    ndarray of float64, of the shape of f(x) followed by that of x
        For vectors the matrix (number of values, number of entries).

    Raises
    ------
    TypeError
        If ``f`` is not callable or doesn't return real numbers, or ``x`` or ``step`` doesn't hold
        real numbers.
    ValueError
        If ``x`` is empty or not finite, ``step`` is not positive, or ``f`` returns values that are
        not finite, or arrays of different shapes.

    References
    ----------
    .. [1] J. Nocedal and S. J. Wright, *Numerical Optimization*, 2nd ed., Springer, 2006, section
       8.1.

    Examples
    --------
    >>> from steepest.calculus import jacobian
    >>> jacobian(lambda x: [x[0] * x[1], x[0] ** 2, 5.0], [1, 3])
    array([[3., 1.],
           [2., 0.],
           [0., 0.]])
    """
    require_callable(f)
    return _jacobian(f, as_point(x), step, "f")


def hessian(
    f: ScalarFunction, x: ArrayLike, grad: Field | None = None, *, step: ArrayLike | None = None
) -> FloatArray:
    r"""Return the Hessian of ``f`` at ``x``, the symmetric matrix of its second derivatives.

    With the gradient of ``f`` it is the Jacobian of that, made symmetric: :math:`2 m` evaluations of
    ``grad``, and an error of order :math:`h^2`, about :math:`\varepsilon^{2/3} \approx 4 \cdot
    10^{-11}` of the gradient's size. Without, it is made of the values of ``f``,

    .. math:: \partial_i \partial_j f(x) \approx \frac{f(x + h_i e_i + h_j e_j) - f(x + h_i e_i - h_j e_j)
              - f(x - h_i e_i + h_j e_j) + f(x - h_i e_i - h_j e_j)}{4 h_i h_j},

    and on the diagonal :math:`\big(f(x + h_i e_i) - 2 f(x) + f(x - h_i e_i)\big) / h_i^2` [1]_:
    :math:`2 m^2 + 1` evaluations, and an error of order :math:`h^2 + \varepsilon / h^2`, about
    :math:`\varepsilon^{1/2} \approx 1.5 \cdot 10^{-8}` of f's size.

    Parameters
    ----------
    f : callable
        Takes a float64 array of the shape of ``x`` and returns one real number. Not called if
        ``grad`` is given.
    x : array_like
        The point; any shape, a scalar included. It is used as float64.
    grad : callable, optional
        Takes the same array and returns the gradient, of its shape.
    step : float or array_like of the shape of x, optional
        The steps :math:`h_i`. Default: :math:`\varepsilon^{1/3} \max(1, |x_i|)` with ``grad`` and
        :math:`\varepsilon^{1/4} \max(1, |x_i|)` without, rounded to powers of two.

    Returns
    -------
    ndarray of float64, of the shape of x twice
        For a vector the matrix (m, m).

    Raises
    ------
    TypeError
        If ``f`` or ``grad`` is not callable or doesn't return real numbers, or ``x`` or ``step``
        doesn't hold real numbers.
    ValueError
        If ``x`` is empty or not finite, ``step`` is not positive, ``grad`` returns another shape
        than that of ``x``, or ``f`` more than one value, or one of them one that is not finite.

    References
    ----------
    .. [1] M. Abramowitz and I. A. Stegun, *Handbook of Mathematical Functions*, 1964, formulas
       25.3.23 and 25.3.26.

    Examples
    --------
    >>> from steepest.calculus import hessian
    >>> hessian(lambda x: x[0]**2 + x[1]**2 + x[0] * x[1], [1, 3])
    array([[2., 1.],
           [1., 2.]])
    """
    require_callable(f)
    point = as_point(x)
    if grad is not None:
        matrix = _jacobian(_checked_gradient(grad, point), point, step, "grad")
        matrix = matrix.reshape(point.size, point.size)
    else:
        matrix = _second_differences(f, point, steps(point, step, SECOND_RELATIVE_STEP))
    return ((matrix + matrix.T) / 2).reshape(point.shape * 2)


def hessian_vector_product(
    f: ScalarFunction,
    x: ArrayLike,
    v: ArrayLike,
    grad: Field | None = None,
    *,
    step: ArrayLike | None = None,
) -> FloatArray:
    r"""Return the product of the Hessian of ``f`` at ``x`` and a vector, without the Hessian.

    It is the derivative of the gradient along v:

    .. math:: \nabla^2 f(x)\, v \approx \frac{\nabla f(x + h v) - \nabla f(x - h v)}{2 h}

    Two evaluations of ``grad``, however many entries x has, with an error of order :math:`h^2`,
    about :math:`\varepsilon^{2/3}` of the gradient's size [1]_. Without ``grad`` each partial
    derivative on the right is a central difference: :math:`4 m` evaluations of ``f``, and an error
    about :math:`\varepsilon^{1/2}` of f's size.

    Parameters
    ----------
    f : callable
        Takes a float64 array of the shape of ``x`` and returns one real number. Not called if
        ``grad`` is given.
    x : array_like
        The point; any shape, a scalar included. It is used as float64.
    v : array_like of the shape of x
        The vector.
    grad : callable, optional
        Takes the same array and returns the gradient, of its shape.
    step : float or array_like of the shape of x, optional
        The largest move of each entry. Default: as for `hessian`.

    Returns
    -------
    ndarray of float64, of the shape of x
        Zeros for ``v`` = 0, without an evaluation.

    Raises
    ------
    TypeError
        If ``f`` or ``grad`` is not callable or doesn't return real numbers, or ``x``, ``v`` or
        ``step`` doesn't hold real numbers.
    ValueError
        If ``x`` is empty, ``v`` has another shape, either is not finite, ``step`` is not positive,
        ``grad`` returns another shape than that of ``x``, or ``f`` more than one value, or one of
        them one that is not finite.

    References
    ----------
    .. [1] B. A. Pearlmutter, "Fast exact multiplication by the Hessian", *Neural Computation* 6
       (1994) 147-160: this difference, and the exact product as its limit.

    Examples
    --------
    >>> from steepest.calculus import hessian_vector_product
    >>> f = lambda x: x[0]**2 + x[1]**2 + x[0] * x[1]
    >>> hessian_vector_product(f, [1, 3], [1, -1])
    array([ 1., -1.])
    """
    require_callable(f)
    point = as_point(x)
    direction = as_direction(v, point)
    checked = None if grad is None else _checked_gradient(grad, point)
    if not direction.any():
        return np.zeros(point.shape)
    # As in directional_derivative: a power of two brings v to size 1 without a rounding.
    exponent = int(np.frexp(np.abs(direction).max())[1])
    unit = np.ldexp(direction, -exponent)
    if checked is not None:
        upper, lower, width, _ = ends_along(point, unit, steps(point, step))
        slopes = array_of(checked, upper, "grad") - array_of(checked, lower, "grad")
        return np.asarray(np.ldexp(slopes / width, exponent))
    moves = steps(point, step, SECOND_RELATIVE_STEP)
    upper, lower, width, _ = ends_along(point, unit, moves)
    product = np.empty(point.size)
    for i in range(point.size):
        above, below, height = _moved(upper, lower, i, float(moves.reshape(-1)[i]))
        corners = [_finite_value(f, corner, point) for corner in (*above, *below)]
        product[i] = ((corners[0] - corners[1]) - (corners[2] - corners[3])) / (width * height)
    return np.asarray(np.ldexp(product, exponent).reshape(point.shape))


def _moved(
    upper: FloatArray, lower: FloatArray, i: int, h: float
) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray], float]:
    """Return both ends with entry i at + h and - h, and the distance between these."""
    corners = []
    for end in (upper, lower):
        above, below = end.copy(), end.copy()
        above.reshape(-1)[i] += h
        below.reshape(-1)[i] -= h
        corners.append((above, below))
    (above, below), _ = corners
    return corners[0], corners[1], float(above.reshape(-1)[i] - below.reshape(-1)[i])


def _jacobian(f: Field, point: FloatArray, step: ArrayLike | None, name: str) -> FloatArray:
    upper, lower = neighbours(point, steps(point, step))
    columns = []
    shape: tuple[int, ...] | None = None
    for i in range(point.size):
        ends = []
        for entries in (upper, lower):
            moved = point.copy()
            moved.reshape(-1)[i] = entries[i]
            ends.append(array_of(f, moved, name))
        shape = ends[0].shape if shape is None else shape
        for end in ends:
            if end.shape != shape:
                raise ValueError(
                    f"{name} must return arrays of one shape; it returned {shape} and {end.shape}"
                )
        columns.append((ends[0] - ends[1]) / float(upper[i] - lower[i]))
    matrix = np.stack(columns, axis=-1)
    return matrix.reshape(matrix.shape[:-1] + point.shape)


def _checked_gradient(grad: Field, point: FloatArray) -> Field:
    if not callable(grad):
        raise TypeError(
            f"grad must be callable, a function of one array; got {type(grad).__name__}"
        )

    def checked(x: FloatArray) -> ArrayLike:
        value = grad(x)
        if np.shape(value) != point.shape:
            raise ValueError(
                f"grad must have the shape of x, {point.shape}; got shape {np.shape(value)}"
            )
        return value

    return checked


def _second_differences(f: ScalarFunction, point: FloatArray, h: FloatArray) -> FloatArray:
    """Return the matrix of second differences, (size, size), of ``f``."""
    upper, lower = neighbours(point, h)
    middle = value_of(f, point.copy())
    require_finite_value(middle, point, None, 0.0)

    def at(*entries: tuple[int, float]) -> float:
        moved = point.copy()
        for i, entry in entries:
            moved.reshape(-1)[i] = entry
        return _finite_value(f, moved, point)

    flat = point.reshape(-1)
    matrix = np.empty((point.size, point.size))
    for i in range(point.size):
        up, down = float(upper[i]), float(lower[i])
        rise, fall = at((i, up)) - middle, at((i, down)) - middle
        # x ± h may be rounded: these are the distances really used.
        right, left = up - float(flat[i]), float(flat[i]) - down
        matrix[i, i] = 2.0 * (rise / right + fall / left) / (right + left)
        for j in range(i):
            high, low = float(upper[j]), float(lower[j])
            mixed = at((i, up), (j, high)) - at((i, up), (j, low))
            mixed -= at((i, down), (j, high)) - at((i, down), (j, low))
            matrix[i, j] = matrix[j, i] = mixed / ((up - down) * (high - low))
    return matrix


def _finite_value(f: ScalarFunction, where: FloatArray, point: FloatArray) -> float:
    value = value_of(f, where)
    if not np.isfinite(value):
        raise ValueError(
            f"f returned {value} at distance {float(np.abs(where - point).max()):.3g} from x; f must be "
            "finite around x (a smaller step may stay inside its domain)"
        )
    return value
