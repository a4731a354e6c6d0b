"""Derivatives without cancellation, by a step into the complex plane."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.calculus._arguments import (
    FloatArray,
    as_direction,
    as_point,
    entry_name,
    require_callable,
    unravel,
)

# So small that its square, the relative size of what is cut off, is far below a rounding for any x
# that isn't as small itself; and a power of two, so that the division is exact.
_STEP = 2.0**-332


def complex_step(
    f: Callable[[NDArray[np.complex128]], ArrayLike], x: ArrayLike, v: ArrayLike | None = None
) -> FloatArray:
    r"""Return the derivatives of a function that also takes complex numbers, to its own precision.

    .. math:: \partial_j f(x) = \frac{\operatorname{Im} f(x + i h e_j)}{h} + O(h^2),
              \qquad h = 2^{-332} \approx 10^{-100}

    Nothing is subtracted, so that h can be as small as this and the error is that of evaluating
    ``f``, a few :math:`\varepsilon`, where central differences reach :math:`\varepsilon^{2/3}` [1]_
    [2]_. One evaluation of ``f`` for each entry, or one in all with ``v``.

    ``f`` has to be analytic, and real for real x: sums, products, powers, ``np.exp``, ``np.sin`` and
    their like. A function with ``abs``, ``np.conj``, ``np.vdot`` or ``np.linalg.norm`` in it isn't
    and gets wrong derivatives; ``check_gradient(f, lambda x: complex_step(f, x), x)`` tells.

    Parameters
    ----------
    f : callable
        Takes a complex128 array of the shape of ``x`` and returns complex numbers: one, or an array
        of any shape.
    x : array_like
        The point, real; any shape, a scalar included.
    v : array_like of the shape of x, optional
        Return the derivative along v, :math:`\sum_j v_j \partial_j f`, instead of all of them.

    Returns
    -------
    ndarray of float64
        Of the shape of f(x) followed by that of x: the gradient for one value, the Jacobian for
        many. With ``v``, of the shape of f(x).

    Raises
    ------
    TypeError
        If ``f`` is not callable, or doesn't return complex numbers; if ``x`` or ``v`` doesn't hold
        real numbers.
    ValueError
        If ``x`` is empty, ``v`` has another shape, either or what ``f`` returns isn't finite, or
        ``f`` returns arrays of different shapes.

    References
    ----------
    .. [1] W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real
       functions", *SIAM Review* 40 (1998) 110-112.
    .. [2] J. R. R. A. Martins, P. Sturdza and J. J. Alonso, "The complex-step derivative
       approximation", *ACM Transactions on Mathematical Software* 29 (2003) 245-262.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest.calculus import complex_step
    >>> bool(complex_step(np.exp, 1.0) == np.exp(1.0))
    True
    >>> complex_step(lambda x: x[0] ** 2 * x[1], [3, 5])
    array([30.,  9.])
    """
    require_callable(f)
    point = as_point(x)
    if v is not None:
        direction = as_direction(v, point)
        # v is brought to size 1 by a power of two, which is exact.
        exponent = int(np.frexp(np.abs(direction).max())[1]) if direction.any() else 0
        return np.ldexp(_imaginary(f, point, np.ldexp(direction, -exponent)), exponent)
    columns = []
    for i in range(point.size):
        axis = np.zeros(point.shape)
        axis.reshape(-1)[i] = 1.0
        columns.append(_imaginary(f, point, axis))
        if columns[i].shape != columns[0].shape:
            raise ValueError(
                f"f must return arrays of one shape; it returned {columns[0].shape} and "
                f"{columns[i].shape}"
            )
    matrix = np.stack(columns, axis=-1)
    return matrix.reshape(matrix.shape[:-1] + point.shape)


def _imaginary(
    f: Callable[[NDArray[np.complex128]], ArrayLike], point: FloatArray, direction: FloatArray
) -> FloatArray:
    """Return Im f(x + i h v) / h."""
    value = np.asarray(f(np.asarray(point + 1j * (_STEP * direction))))
    if value.dtype.kind != "c":
        raise TypeError(
            f"f must return complex numbers for a complex x; it returned dtype {value.dtype} (a function "
            "with abs, float or real parts in it isn't analytic: use gradient or jacobian)"
        )
    if not np.isfinite(value).all():
        index = unravel(int(np.isfinite(value).argmin()), value.shape)
        raise ValueError(f"{entry_name('f(x)', index)} is {value[index]}; it must be finite")
    return np.asarray(value.imag / _STEP, dtype=np.float64)
