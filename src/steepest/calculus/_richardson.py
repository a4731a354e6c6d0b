"""Derivatives of any order of a function of one variable, by Richardson extrapolation."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from steepest._validate import check_choice, check_integer, check_number
from steepest.calculus._arguments import (
    EPSILON,
    ROUNDINGS,
    FloatArray,
    ScalarFunction,
    as_point,
    require_callable,
    value_of,
)
from steepest.calculus._differences import steps

# Widths are halved at most so often before the differences are all rounding, and so often more while
# f isn't finite. 25/32 has few bits, so that the points are exact where x allows it; and no
# periodic function that one would write has a period that all its halves are multiples of.
_LEVELS = 20
_RETREATS = 60
_WIDTH = 25 / 32


@dataclass(frozen=True)
class Derivative:
    """What `derivative` found; ``float(result)`` is the value.

    Attributes
    ----------
    value : float
        The derivative.
    error : float
        An estimate of its absolute error, meant to be too large rather than too small.
    order : int
        Of which order.
    n_evaluations : int
        How often ``f`` was called.
    """

    value: float
    error: float
    order: int
    n_evaluations: int

    def __float__(self) -> float:
        """Return `value`."""
        return self.value


def derivative(
    f: ScalarFunction,
    x: float,
    order: int = 1,
    *,
    side: Literal["both", "left", "right"] = "both",
    step: float | None = None,
) -> Derivative:
    r"""Return a derivative of a function of one variable, with an estimate of its error.

    Central differences of order k with widths :math:`h_j = h_0 / 2^j`,

    .. math:: T_{j0} = h_j^{-k} \sum_{i=0}^{k} (-1)^i \binom{k}{i}
                       f\big(x + (\tfrac k2 - i) h_j\big) = f^{(k)}(x) + c_1 h_j^2 + c_2 h_j^4 + \ldots

    have an error in even powers of the width, which Richardson's extrapolation removes one by one
    [1]_:

    .. math:: T_{jm} = T_{j,m-1} + \frac{T_{j,m-1} - T_{j-1,m-1}}{4^m - 1},
              \qquad T_{jm} = f^{(k)}(x) + O(h_j^{2m+2}).

    The estimate of the error of :math:`T_{jm}` is its larger distance to the two values that it was
    made of, as Ridders proposed [2]_, plus the rounding of the values of ``f`` and of the points;
    the entry with the least estimate that no narrower width contradicts is the result.
    For a function that is smooth on the scale of :math:`h_0` a first derivative has about 13 digits,
    a second 12, and each further order costs one or two; beyond the sixth the estimate can fail too.

    Where f has a kink or a jump at x itself (:math:`|x|` at 0), the differences agree with one
    another and not with a derivative, which doesn't exist: compare ``side="left"`` and ``"right"``.

    Parameters
    ----------
    f : callable
        Takes a float64 array of shape () and returns one real number.
    x : float
        The point.
    order : int, default 1
        k, at least 1.
    side : {"both", "left", "right"}, default "both"
        From where f is evaluated. For a point at the edge of f's domain: one-sided differences, of
        first order only, by `scipy.differentiate.derivative` (SciPy 1.15 or newer).
    step : float, optional
        The width :math:`h_0`. Default: :math:`\tfrac{25}{32} \max(1, |x|)`, the latter rounded to a
        power of two. It should be of the scale on which f changes. Widths for which f isn't finite
        are left out; those that make f raise an exception end with that.

    Returns
    -------
    Derivative

    Raises
    ------
    ImportError
        If one side is wanted and SciPy is older than 1.15.
    TypeError
        If ``f`` isn't callable or doesn't return a real number, or an argument isn't a number.
    ValueError
        If ``x`` isn't one finite number, ``order`` is below 1, or not 1 on one side, ``step`` isn't
        positive, or ``f`` isn't finite around x, however close.

    References
    ----------
    .. [1] L. F. Richardson and J. A. Gaunt, "The deferred approach to the limit", *Philosophical
       Transactions of the Royal Society A* 226 (1927) 299-361.
    .. [2] C. J. F. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", *Advances in
       Engineering Software* 4 (1982) 75-76.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest.calculus import derivative
    >>> result = derivative(np.sin, 1.0)
    >>> abs(result.value - np.cos(1.0)) <= result.error < 1e-12
    True
    >>> round(float(derivative(np.exp, 0.0, order=4)), 6)
    1.0
    """
    require_callable(f)
    order = check_integer("order", order, low=1)
    check_choice("side", side, ("both", "left", "right"))
    point = as_point(x)
    if point.size != 1:
        raise ValueError(
            f"x must be one number; got shape {point.shape} (gradient and jacobian take arrays, "
            "directional_derivative takes a direction)"
        )
    point = point.reshape(())
    width = float(_WIDTH * _scale(point))
    if step is not None:
        width = check_number("step", step, above=0.0, finite=True)
    if side != "both":
        if order != 1:
            raise ValueError(f"order must be 1 on one side; got {order} with side={side!r}")
        return _one_sided(f, point, -1 if side == "left" else 1, width)

    def restricted(t: float) -> float:
        return value_of(f, np.asarray(point + t))

    found = extrapolate(restricted, order, width, EPSILON * (abs(float(point)) + order * width))
    if found is None:
        raise ValueError(
            f"f isn't finite around x = {float(point):.9g}, however close; it must be (at the edge of "
            'its domain, side="left" or "right" stays on one side of x)'
        )
    return found


def along_of_order(
    f: ScalarFunction, point: FloatArray, unit: FloatArray, order: int, step: ArrayLike | None
) -> float:
    """Return the derivative of an order of ``f`` along ``unit``, with largest entry in [1/2, 1)."""
    widths = _WIDTH * _scale(point) if step is None else steps(point, step)
    moving = unit != 0.0
    with np.errstate(over="ignore"):
        width = float((widths[moving] / np.abs(unit[moving])).min())
        grain = EPSILON * float((np.abs(point[moving]) / np.abs(unit[moving])).max())
    reach = order * width
    found = extrapolate(
        lambda t: value_of(f, np.asarray(point + t * unit)),
        order,
        width,
        min(grain + EPSILON * reach, reach),
    )
    if found is None:
        raise ValueError("f isn't finite around x along v, however close; it must be")
    return found.value


def extrapolate(
    f: Callable[[float], float], order: int, width: float, grain: float
) -> Derivative | None:
    """Return the derivative of ``f`` at 0 from widths that are halved, or None if f is nowhere finite.

    ``grain`` is by how much a point may be off its place through rounding.
    """
    coefficients = [(-1) ** i * math.comb(order, i) for i in range(order + 1)]
    total = float(sum(map(abs, coefficients)))
    row: list[float] = []
    best: list[tuple[float, float]] = []  # of each row but the first: value and error
    evaluations = 0
    for level in range(_RETREATS + _LEVELS):
        h = math.ldexp(width, -level)
        with np.errstate(over="ignore"):
            scale = float(np.float64(h) ** order)
        if scale == 0.0 or len(best) == _LEVELS:
            break
        values = _finite_values(f, [(0.5 * order - i) * h for i in range(order + 1)])
        evaluations += order + 1
        if values is None or scale == math.inf:
            if row or level == _RETREATS:
                break
            continue
        slope = max(abs(b - a) for a, b in itertools.pairwise(values)) / h
        rounding = total * (ROUNDINGS * EPSILON * max(map(abs, values)) + grain * slope) / scale
        above, row = row, [math.fsum(map(operator.mul, coefficients, values)) / scale]
        entries = []
        for m, before in enumerate(above, start=1):
            row.append(row[-1] + (row[-1] - before) / (4.0**m - 1.0))
            error = max(abs(row[m] - row[m - 1]), abs(row[m] - before)) + rounding
            entries.append((error, row[m]))
        if entries:
            error, value = min(entries)
            best.append((value, error))
            if abs(row[0] - above[0]) <= rounding:
                break  # from here on the differences say nothing new
    return Derivative(*_most_certain(best), order, evaluations) if best else None


def _most_certain(best: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the value with the least error that no narrower width contradicts.

    Where widths are too large to see how f changes, its differences divided by h^k may be tiny, and
    agree with one another to something tinier still.
    """
    return min(
        (
            (value, error)
            for j, (value, error) in enumerate(best)
            if all(abs(value - other) <= error + its for other, its in best[j + 1 :])
        ),
        key=lambda found: found[1],
    )


def _finite_values(f: Callable[[float], float], offsets: list[float]) -> list[float] | None:
    with np.errstate(all="ignore"):  # f may be asked beyond its domain
        values = [f(offset) for offset in offsets]
    return values if all(map(math.isfinite, values)) else None


def _scale(point: FloatArray) -> FloatArray:
    """Return max(1, |x_i|) as a power of two."""
    return np.asarray(np.exp2(np.rint(np.log2(np.maximum(1.0, np.abs(point))))))


def _one_sided(f: ScalarFunction, point: FloatArray, direction: int, width: float) -> Derivative:
    try:
        from scipy.differentiate import derivative as scipy_derivative
    except ImportError:
        raise ImportError(
            "derivatives from one side need scipy.differentiate, which came with SciPy 1.15"
        ) from None
    evaluations = 0

    def elementwise(x: FloatArray) -> FloatArray:
        nonlocal evaluations
        evaluations += x.size
        values = [value_of(f, np.array(one)) for one in x.reshape(-1)]
        return np.array(values, dtype=np.float64).reshape(x.shape)

    with np.errstate(all="ignore"):
        found = scipy_derivative(
            elementwise,
            float(point),
            initial_step=width,
            step_direction=direction,
            tolerances={"rtol": 1e-12, "atol": 1e-300},
        )
    value, error = float(found.df), float(found.error)
    if not (math.isfinite(value) and math.isfinite(error)):
        raise ValueError(
            f"f isn't finite on the {'right' if direction > 0 else 'left'} of x = {float(point):.9g}, "
            "or has no derivative there; a smaller step may stay inside its domain"
        )
    return Derivative(value, error, 1, evaluations)
