"""Central differences, with the points that they use and the error that they have."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from steepest.calculus._arguments import (
    EPSILON,
    ROUNDINGS,
    FloatArray,
    ScalarFunction,
    as_real,
    entry_name,
    require_finite_value,
    unravel,
    value_of,
)
from steepest.calculus._norm import norm

# The steps that balance what the differences cut off with the rounding of f: h^2 against eps / h for
# first derivatives, and against eps / h^2 for second ones.
RELATIVE_STEP = EPSILON ** (1 / 3)
SECOND_RELATIVE_STEP = EPSILON ** (1 / 4)


def central_differences(
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
    upper, lower = neighbours(point, steps(point, step))
    result = np.empty(point.size)
    for i in range(point.size):
        result[i] = quotient(f, point, i, upper, lower, require_finite)
    return result.reshape(point.shape), 2 * point.size


def differences_with_error(
    f: ScalarFunction, point: FloatArray, step: ArrayLike | None
) -> tuple[FloatArray, FloatArray]:
    """Return the gradient of ``f`` at ``point`` and an estimate of its error, entry by entry.

    The error of a central difference is c h^2 + O(h^4), so the difference of two quotients with
    steps 2h and h is three times the error of the second: a cautious estimate. To that come the
    rounding of the two values of ``f``, and that of ``x``, which moves the derivative by up to
    eps |x_i| |f''|.
    """
    h = steps(point, step)
    near, far = neighbours(point, h), neighbours(point, 2.0 * h)
    middle = value_of(f, point.copy())
    require_finite_value(middle, point, None, 0.0)
    result, error = np.empty(point.size), np.empty(point.size)
    for i in range(point.size):
        above, below = (_value_at(f, point, i, side) for side in near)
        width = float(near[0][i] - near[1][i])
        result[i] = (above - below) / width
        rounding = EPSILON * (abs(above) + abs(below)) / width
        curvature = abs((above - middle) + (below - middle)) / (0.5 * width) ** 2
        rounding += EPSILON * abs(float(point.reshape(-1)[i])) * curvature
        error[i] = abs(quotient(f, point, i, *far) - result[i]) + ROUNDINGS * rounding
    return result.reshape(point.shape), error.reshape(point.shape)


def ends_along(
    point: FloatArray, unit: FloatArray, steps: FloatArray
) -> tuple[FloatArray, FloatArray, float, float]:
    """Return x + h v, x - h v, their distance in units of v, and h, for a v with largest entry in [1/2, 1)."""
    with np.errstate(divide="ignore", over="ignore"):
        reach = np.where(unit == 0.0, np.inf, steps / np.abs(unit))
        pivot = np.unravel_index(int(reach.argmin()), point.shape)  # the entry that limits the step
        h = 2.0 ** math.floor(math.log2(reach[pivot]))  # a power of two: h * unit is exact
        ends = np.asarray(point + h * unit), np.asarray(point - h * unit)
    # Like that of a partial derivative, the width is that of the two points really used.
    width = (float(ends[0][pivot]) - float(ends[1][pivot])) / float(unit[pivot])
    if width == 0.0 or not all(np.isfinite(end).all() for end in ends):
        raise ValueError(f"step {h * norm(unit):.3g} along v is too small or too large for this x")
    return *ends, width, h


def along(f: ScalarFunction, point: FloatArray, unit: FloatArray, steps: FloatArray) -> float:
    """Return the derivative of ``f`` along ``unit``, which has a largest entry in [1/2, 1)."""
    upper, lower, width, h = ends_along(point, unit, steps)
    above, below = value_of(f, upper), value_of(f, lower)
    for value, where in ((above, "along v"), (below, "against v")):
        if not math.isfinite(value):
            raise ValueError(
                f"f returned {value} at distance {h * norm(unit):.3g} from x {where}; f must be "
                "finite around x (a smaller step may stay inside its domain)"
            )
    return (above - below) / width


def quotient(
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
    value = value_of(f, moved)
    if require_finite:
        require_finite_value(value, point, i, float(entries[i]))
    return value


def steps(point: FloatArray, step: ArrayLike | None, relative: float = RELATIVE_STEP) -> FloatArray:
    """Return the step of every entry: the user's, or relative max(1, |x_i|) as a power of two."""
    if step is None:
        ideal = relative * np.maximum(1.0, np.abs(point))
        return np.asarray(np.ldexp(1.0, np.rint(np.log2(ideal)).astype(np.intc)))
    steps = as_real("step", step)
    if steps.shape not in ((), point.shape):
        raise ValueError(
            f"step must be one number or have the shape of x, {point.shape}; "
            f"got shape {steps.shape}"
        )
    if not (np.isfinite(steps) & (steps > 0.0)).all():
        raise ValueError(f"step must be positive and finite; got {step!r}")
    return np.broadcast_to(steps, point.shape)


def neighbours(point: FloatArray, steps: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return all x_i + h_i and all x_i - h_i, flat."""
    with np.errstate(over="ignore"):
        upper, lower = (point + steps).reshape(-1), (point - steps).reshape(-1)
    usable = np.isfinite(upper) & np.isfinite(lower) & (upper > lower)
    if not usable.all():
        i = int(usable.argmin())
        raise ValueError(
            f"step {float(steps.reshape(-1)[i]):.3g} is too small or too large for "
            f"{entry_name('x', unravel(i, point.shape))} = {float(point.reshape(-1)[i]):.6g}"
        )
    return upper, lower
