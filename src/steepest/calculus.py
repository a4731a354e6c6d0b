r"""Derivatives of a user's function, by central differences.

Every function here takes a callable ``f`` of one array and a point ``x``. It calls ``f`` with
float64 arrays of the shape of ``x`` (a fresh one each time, so ``f`` may keep or change it) and
expects one real number back. A scalar ``x`` is a point too: ``f`` then sees arrays of shape ``()``.

The derivative along entry :math:`i` is the central difference

.. math:: \partial_i f(x) \approx \frac{f(x + h_i e_i) - f(x - h_i e_i)}{2 h_i},
          \qquad h_i \approx \varepsilon^{1/3} \max(1, |x_i|).

Its error has two parts: the terms of the Taylor series that were cut off, :math:`h^2 |f'''| / 6`,
and the rounding of the two values of ``f``, about :math:`\varepsilon |f| / h`. The first grows with
:math:`h` and the second falls, and their sum is least at
:math:`h = (3 \varepsilon |f| / |f'''|)^{1/3}`: for a function that changes on the scale of
:math:`\max(1, |x_i|)`, the step above, with an error of order
:math:`\varepsilon^{2/3} \approx 4 \cdot 10^{-11}` times that function's size. A function that
changes on another scale (the logarithm near 0, or an ``f`` that computes in float32 and is
therefore rounded more coarsely) needs another step: pass ``step``.

The default step is rounded to a power of two. It is then exactly representable, :math:`x \pm h`
almost always is, and what is divided by is the distance between the two points that were really
used. Quadratic functions of short numbers therefore come out exact.

References
----------
.. [1] J. Nocedal and S. J. Wright, *Numerical Optimization*, 2nd ed., Springer, 2006, section 8.1:
   differences and the choice of their step.
.. [2] W. H. Press, S. A. Teukolsky, W. T. Vetterling and B. P. Flannery, *Numerical Recipes*,
   3rd ed., Cambridge University Press, 2007, section 5.7: representable steps.
.. [3] S. Boyd and L. Vandenberghe, *Convex Optimization*, Cambridge University Press, 2004,
   section 9.4: steepest descent in a norm.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "GradientCheck",
    "check_gradient",
    "directional_derivative",
    "gradient",
    "norm",
    "partial_derivative",
    "steepest_direction",
]

FloatArray: TypeAlias = NDArray[np.float64]
ScalarFunction: TypeAlias = Callable[[FloatArray], object]

_EPSILON = float(np.finfo(np.float64).eps)
_RELATIVE_STEP = _EPSILON ** (1 / 3)
# An evaluation of f is seldom right to the last bit; a few roundings are taken for granted wherever
# the rounding error of a difference is estimated.
_ROUNDINGS = 8.0


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
    _require_callable(f)
    point = _as_point(x)
    flat_index = _flat_index(i, point.shape)
    upper, lower = _neighbours(point, _steps(point, step))
    return _quotient(f, point, flat_index, upper, lower)


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
    _require_callable(f)
    result, _ = _central_differences(f, _as_point(x), step=step)
    return result


def directional_derivative(
    f: ScalarFunction,
    x: ArrayLike,
    v: ArrayLike,
    *,
    normalize: bool = False,
    step: ArrayLike | None = None,
) -> float:
    r"""Return the derivative of ``f`` at ``x`` along ``v``.

    .. math:: D_v f(x) = \nabla f(x) \cdot v \approx \frac{f(x + h v) - f(x - h v)}{2 h}

    Two evaluations of ``f``, however many entries ``x`` has. The step is the largest :math:`h` that
    moves no entry by more than its own step, :math:`h |v_i| \le \varepsilon^{1/3} \max(1, |x_i|)`,
    so that the errors are no worse than those of the partial derivatives.

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
        The largest move of each entry. Default: :math:`\varepsilon^{1/3} \max(1, |x_i|)`.

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
    >>> directional_derivative(lambda x: x[0]**2 + x[1]**2 + x[0] * x[1], [1, 3], [1, -1])
    -2.0
    """
    _require_callable(f)
    point = _as_point(x)
    direction = _as_real("v", v)
    if direction.shape != point.shape:
        raise ValueError(f"v must have the shape of x, {point.shape}; got shape {direction.shape}")
    _require_finite("v", direction)
    if not direction.any():
        if normalize:
            raise ValueError("v is zero and has no direction: normalize=True needs v != 0")
        return 0.0
    # v is brought to size 1 by a power of two, which is exact: its own size then neither overflows
    # the step nor costs a rounding.
    exponent = int(np.frexp(np.abs(direction).max())[1])
    unit = np.ldexp(direction, -exponent)
    slope = _along(f, point, unit, _steps(point, step))
    return slope / norm(unit) if normalize else float(np.ldexp(slope, exponent))


def norm(v: ArrayLike, p: float = 2) -> float:
    r"""Return the p-norm of the entries of ``v``.

    .. math:: \|v\|_p = \Big( \sum_i |v_i|^p \Big)^{1/p}, \qquad \|v\|_\infty = \max_i |v_i|

    The entries are scaled before they are raised to the power, so that the norm of any vector is
    right whenever it is itself representable: neither overflow nor underflow on the way.

    Parameters
    ----------
    v : array_like
        Real numbers, any shape; a matrix is taken as the vector of its entries (for ``p=2`` the
        Frobenius norm).
    p : float, default 2
        At least 1; ``math.inf`` for the largest absolute value.

    Returns
    -------
    float
        0.0 for an empty ``v``, ``nan`` if an entry is ``nan``, otherwise ``inf`` if one is
        infinite.

    Raises
    ------
    TypeError
        If ``v`` doesn't hold real numbers.
    ValueError
        If ``p`` is below 1 (the triangle inequality fails: it is not a norm) or ``nan``.

    Examples
    --------
    >>> from steepest.calculus import norm
    >>> norm([3, 4]), norm([3, 4], p=1), norm([3, 4], p=float("inf"))
    (5.0, 7.0, 4.0)
    """
    order = _as_order(p)
    size = np.abs(_as_real("v", v)).reshape(-1)
    largest = float(size.max(initial=0.0))  # nan if any entry is nan
    if largest == 0.0 or not math.isfinite(largest) or order == math.inf:
        return largest
    with np.errstate(over="ignore", under="ignore"):
        if order == 1.0:
            return float(size.sum())
        if order == 2.0:
            # A power of two as the scale keeps every scaled entry exact.
            exponent = int(np.frexp(largest)[1])
            scaled = np.ldexp(size, -exponent)
            return float(np.ldexp(math.sqrt(float(np.sum(scaled * scaled))), exponent))
        # A scaled maximum of exactly 1 survives any power, however large p is.
        total = float(np.sum((size / largest) ** order))
        return largest * math.pow(total, 1.0 / order)


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
    _require_callable(f)
    order = _as_order(p)
    point = _as_point(x)
    slopes, error = _differences_with_error(f, point, step)
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


@dataclass(frozen=True, eq=False)
class GradientCheck:
    """What `check_gradient` found. True in a condition if the gradient passed.

    Attributes
    ----------
    ok : bool
        Whether every entry agrees: ``max_error <= tolerance``.
    max_error : float
        The largest relative error of an entry; see `check_gradient`.
    worst_index : tuple of int
        The entry that has it; ``analytic[worst_index]`` and ``numeric[worst_index]`` are its
        values.
    analytic : ndarray of float64
        What was checked: the values of ``grad``.
    numeric : ndarray of float64
        What it was checked against: the central differences of ``f``.
    tolerance : float
        The largest relative error that passes.
    message : str
        All this in a sentence.
    """

    ok: bool
    max_error: float
    worst_index: tuple[int, ...]
    analytic: FloatArray = field(repr=False)
    numeric: FloatArray = field(repr=False)
    tolerance: float
    message: str

    def __bool__(self) -> bool:
        """Return `ok`, so that ``assert check_gradient(...)`` means what it says."""
        return self.ok

    def __str__(self) -> str:
        """Return `message`."""
        return self.message


def check_gradient(
    f: ScalarFunction,
    grad: Callable[[FloatArray], ArrayLike] | ArrayLike,
    x: ArrayLike,
    *,
    tolerance: float = 1e-6,
    step: ArrayLike | None = None,
) -> GradientCheck:
    r"""Compare a gradient worked out by hand with the differences of its function.

    The relative error of entry :math:`i` is

    .. math:: \frac{|a_i - n_i|}{\max(|a_i|, |n_i|, e_i / \text{tolerance})}

    with the analytic :math:`a_i`, the numeric :math:`n_i`, and an estimate :math:`e_i` of the error
    of :math:`n_i` itself. So an entry is red when it differs from the differences by more than the
    given share of its own size *and* by more than the differences can be wrong: a gradient of small
    numbers is checked as sharply as one of large numbers, and one small wrong entry is not hidden
    by large right ones. The estimate is the difference to a second step of twice the size, plus the
    rounding of ``f`` and of ``x``: :math:`4 m + 1` evaluations of ``f`` for :math:`m` entries.

    Where ``f`` has a kink within two steps of ``x`` (a ReLU at its zero), differences say little:
    check at another point.

    Parameters
    ----------
    f : callable
        Takes a float64 array of the shape of ``x`` and returns one real number.
    grad : callable or array_like
        Takes a float64 array of the shape of ``x`` and returns its gradient, of the same shape; or
        that gradient itself. An entry that is not finite is a wrong one, with an infinite error.
    x : array_like
        The point; any shape, a scalar included. It is used as float64.
    tolerance : float, default 1e-6
        The largest relative error that passes.
    step : float or array_like of the shape of x, optional
        The steps :math:`h_i`. Default: :math:`\varepsilon^{1/3} \max(1, |x_i|)`, rounded to powers
        of two.

    Returns
    -------
    GradientCheck

    Raises
    ------
    TypeError
        If ``f`` is not callable or doesn't return a real number, or ``x``, ``step`` or what
        ``grad`` returns doesn't hold real numbers.
    ValueError
        If ``grad`` returns another shape than that of ``x``, ``x`` is empty or not finite, ``step``
        or ``tolerance`` is not positive, or ``f`` returns more than one value or one that is not
        finite.

    Examples
    --------
    >>> from steepest.calculus import check_gradient
    >>> result = check_gradient(lambda x: x[0]**2 * x[1], lambda x: [2 * x[0] * x[1], x[0]], [3, 5])
    >>> result.ok, result.worst_index, float(result.analytic[1])
    (False, (1,), 3.0)
    >>> result.message.partition(" (")[0]
    'gradient is wrong: grad[1] is 3 and should be about 9'
    """
    _require_callable(f)
    point = _as_point(x)
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise ValueError(f"tolerance must be positive and finite; got {tolerance!r}")
    analytic = _as_real("grad", grad(point.copy()) if callable(grad) else grad).copy()
    if analytic.shape != point.shape:
        raise ValueError(
            f"grad must have the shape of x, {point.shape}; got shape {analytic.shape}"
        )
    numeric, uncertainty = _differences_with_error(f, point, step)
    error = _relative_error(analytic, numeric, uncertainty / tolerance)
    worst = np.unravel_index(int(error.argmax()), point.shape)
    worst_index = tuple(int(k) for k in worst)
    max_error = float(error[worst_index])
    values = f"{float(analytic[worst_index]):.6g}", f"{float(numeric[worst_index]):.6g}"
    n_wrong = int((error > tolerance).sum())
    if n_wrong:
        message = (
            f"gradient is wrong: {_entry('grad', worst_index)} is {values[0]} and should be about "
            f"{values[1]} (relative error {max_error:.3g}, tolerance {tolerance:g}); {n_wrong} of "
            f"{point.size} {'entries is' if n_wrong == 1 else 'entries are'} wrong"
        )
    else:
        message = (
            f"gradient agrees with the differences of f: the largest relative error is "
            f"{max_error:.3g}, of {_entry('grad', worst_index)} ({values[0]} against {values[1]}; "
            f"tolerance {tolerance:g})"
        )
    return GradientCheck(
        ok=n_wrong == 0,
        max_error=max_error,
        worst_index=worst_index,
        analytic=analytic,
        numeric=numeric,
        tolerance=float(tolerance),
        message=message,
    )


# --- differences ----------------------------------------------------------------------------------


def _central_differences(
    f: ScalarFunction,
    point: FloatArray,  # any shape
    *,
    step: ArrayLike | None = None,
    require_finite: bool = True,
) -> tuple[FloatArray, int]:
    """Return the gradient of ``f`` at a float64 ``point`` and the number of evaluations, 2 size.

    ``require_finite=False`` lets a value of ``f`` that is not finite into the gradient, for a
    caller that has its own way to deal with a function that overflows.
    """
    upper, lower = _neighbours(point, _steps(point, step))
    result = np.empty(point.size)
    for i in range(point.size):
        result[i] = _quotient(f, point, i, upper, lower, require_finite)
    return result.reshape(point.shape), 2 * point.size


def _differences_with_error(
    f: ScalarFunction, point: FloatArray, step: ArrayLike | None
) -> tuple[FloatArray, FloatArray]:
    """Return the gradient of ``f`` at ``point`` and an estimate of its error, entry by entry.

    The error of a central difference is c h^2 + O(h^4), so the difference of two quotients with
    steps 2h and h is three times the error of the second: a cautious estimate. To that come the
    rounding of the two values of ``f``, and that of ``x``, which moves the derivative by up to
    eps |x_i| |f''|.
    """
    h = _steps(point, step)
    near, far = _neighbours(point, h), _neighbours(point, 2.0 * h)
    middle = _value(f, point.copy())
    _require_finite_value(middle, point, None, 0.0)
    result, error = np.empty(point.size), np.empty(point.size)
    for i in range(point.size):
        above, below = (_value_at(f, point, i, side) for side in near)
        width = float(near[0][i] - near[1][i])
        result[i] = (above - below) / width
        rounding = _EPSILON * (abs(above) + abs(below)) / width
        curvature = abs((above - middle) + (below - middle)) / (0.5 * width) ** 2
        rounding += _EPSILON * abs(float(point.reshape(-1)[i])) * curvature
        error[i] = abs(_quotient(f, point, i, *far) - result[i]) + _ROUNDINGS * rounding
    return result.reshape(point.shape), error.reshape(point.shape)


def _along(f: ScalarFunction, point: FloatArray, unit: FloatArray, steps: FloatArray) -> float:
    """Return the derivative of ``f`` along ``unit``, which has a largest entry in [1/2, 1)."""
    with np.errstate(divide="ignore", over="ignore"):
        reach = np.where(unit == 0.0, np.inf, steps / np.abs(unit))
        pivot = np.unravel_index(int(reach.argmin()), point.shape)  # the entry that limits the step
        h = 2.0 ** math.floor(math.log2(reach[pivot]))  # a power of two: h * unit is exact
        ends = np.asarray(point + h * unit), np.asarray(point - h * unit)
    # Like that of a partial derivative, the width is that of the two points really used.
    width = (float(ends[0][pivot]) - float(ends[1][pivot])) / float(unit[pivot])
    if width == 0.0 or not all(np.isfinite(end).all() for end in ends):
        raise ValueError(f"step {h * norm(unit):.3g} along v is too small or too large for this x")
    above, below = (_value(f, end) for end in ends)
    for value, where in ((above, "along v"), (below, "against v")):
        if not math.isfinite(value):
            raise ValueError(
                f"f returned {value} at distance {h * norm(unit):.3g} from x {where}; f must be "
                "finite around x (a smaller step may stay inside its domain)"
            )
    return (above - below) / width


def _quotient(
    f: ScalarFunction,
    point: FloatArray,
    i: int,
    upper: FloatArray,  # (size,)
    lower: FloatArray,  # (size,)
    require_finite: bool = True,
) -> float:
    above = _value_at(f, point, i, upper, require_finite)
    below = _value_at(f, point, i, lower, require_finite)
    return (above - below) / float(upper[i] - lower[i])


def _value_at(
    f: ScalarFunction,
    point: FloatArray,
    i: int,
    entries: FloatArray,  # (size,)
    require_finite: bool = True,
) -> float:
    """Return ``f`` at ``point`` with entry ``i`` taken from ``entries``."""
    moved = point.copy()
    moved.reshape(-1)[i] = entries[i]
    value = _value(f, moved)
    if require_finite:
        _require_finite_value(value, point, i, float(entries[i]))
    return value


def _steps(point: FloatArray, step: ArrayLike | None) -> FloatArray:
    """Return the step of every entry: the user's, or eps^(1/3) max(1, |x_i|) as a power of two."""
    if step is None:
        ideal = _RELATIVE_STEP * np.maximum(1.0, np.abs(point))
        return np.asarray(np.ldexp(1.0, np.rint(np.log2(ideal)).astype(np.intc)))
    steps = _as_real("step", step)
    if steps.shape not in ((), point.shape):
        raise ValueError(
            f"step must be one number or have the shape of x, {point.shape}; "
            f"got shape {steps.shape}"
        )
    if not (np.isfinite(steps) & (steps > 0.0)).all():
        raise ValueError(f"step must be positive and finite; got {step!r}")
    return np.broadcast_to(steps, point.shape)


def _neighbours(point: FloatArray, steps: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return all x_i + h_i and all x_i - h_i, flat."""
    with np.errstate(over="ignore"):
        upper, lower = (point + steps).reshape(-1), (point - steps).reshape(-1)
    usable = np.isfinite(upper) & np.isfinite(lower) & (upper > lower)
    if not usable.all():
        i = int(usable.argmin())
        raise ValueError(
            f"step {float(steps.reshape(-1)[i]):.3g} is too small or too large for "
            f"{_entry('x', _unravel(i, point.shape))} = {float(point.reshape(-1)[i]):.6g}"
        )
    return upper, lower


def _relative_error(analytic: FloatArray, numeric: FloatArray, floor: FloatArray) -> FloatArray:
    size = np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), floor)
    with np.errstate(invalid="ignore"):
        error = np.abs(analytic - numeric) / np.where(size == 0.0, 1.0, size)
    return np.where(np.isnan(error), np.inf, error)  # an analytic entry that is not finite


# --- arguments ------------------------------------------------------------------------------------


def _require_callable(f: object) -> None:
    if not callable(f):
        raise TypeError(
            f"f must be callable, a function of one array; got {type(f).__name__} "
            "(the function comes first, then the point)"
        )


def _as_real(name: str, value: object) -> FloatArray:
    """Return ``value`` as a float64 array; refuse what is not an array of real numbers."""
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of unequal length
        raise ValueError(f"{name} must be an array of real numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers; got dtype {array.dtype}")
    return array.astype(np.float64, copy=False)


def _as_point(x: ArrayLike) -> FloatArray:
    point = _as_real("x", x)
    if point.size == 0:
        raise ValueError(f"x has no entries: its shape is {point.shape}")
    _require_finite("x", point)
    return point


def _require_finite(name: str, array: FloatArray) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        index = _unravel(int(finite.argmin()), array.shape)
        raise ValueError(f"{name} must be finite; {_entry(name, index)} is {array[index]}")


def _as_order(p: float) -> float:
    order = float(p)
    if not order >= 1.0:  # catches nan too
        raise ValueError(
            f"p must be at least 1, or math.inf; got {p!r} (below 1 the triangle inequality fails, "
            "and it is no norm)"
        )
    return order


def _flat_index(i: int | tuple[int, ...], shape: tuple[int, ...]) -> int:
    """Return the position of entry ``i`` of an array of the given shape in its flat view."""
    entries = i if isinstance(i, tuple) else (i,)
    try:
        if any(isinstance(k, bool | np.bool_) for k in entries):
            raise TypeError
        index = tuple(operator.index(k) for k in entries)
    except TypeError:
        raise TypeError(f"i must be an integer or a tuple of integers; got {i!r}") from None
    extent = shape if shape or not index else (1,)  # a scalar point answers to () and to 0
    if len(index) != len(extent):
        raise IndexError(
            f"i must have one integer for each dimension of x, whose shape is {shape}; got {i!r}"
        )
    for k, size in zip(index, extent, strict=True):
        if not -size <= k < size:
            raise IndexError(f"x has no entry i = {i!r}: its shape is {shape}")
    position = tuple(k % size for k, size in zip(index, extent, strict=True))
    return int(np.ravel_multi_index(position, extent)) if position else 0


def _value(f: ScalarFunction, point: FloatArray) -> float:
    """Return ``f(point)`` as a float; refuse what is not one real number."""
    value = f(point)
    if isinstance(value, float):  # np.float64 is one: the usual case, without a detour
        return float(value)
    array = np.asarray(value)
    if array.size != 1:
        raise ValueError(f"f must return one number; it returned an array of shape {array.shape}")
    item = array.reshape(-1)[0]
    # Other libraries' numbers (fractions, decimals) arrive as objects and know their value.
    if array.dtype.kind not in "biuf" and not (
        array.dtype.kind == "O" and hasattr(item, "__float__")
    ):
        got = "None: is its return missing?" if value is None else f"{type(value).__name__}"
        raise TypeError(f"f must return one real number; it returned {got}")
    return float(item)


def _require_finite_value(value: float, point: FloatArray, i: int | None, entry: float) -> None:
    if math.isfinite(value):
        return
    if i is None:
        raise ValueError(f"f returned {value} at x itself; f must be finite there")
    index = _unravel(i, point.shape)
    raise ValueError(
        f"f returned {value} where {_entry('x', index)} is moved from {float(point[index]):.9g} to "
        f"{entry:.9g}; f must be finite around x (a smaller step may stay inside its domain)"
    )


def _unravel(i: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(k) for k in np.unravel_index(i, shape))


def _entry(name: str, index: tuple[int, ...]) -> str:
    """Return the name of an array's entry: x[3], x[0, 2], or x for an array of shape ()."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name
