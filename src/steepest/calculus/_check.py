"""The check of a gradient worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from steepest.calculus._arguments import (
    FloatArray,
    ScalarFunction,
    as_point,
    as_real,
    entry_name,
    require_callable,
)
from steepest.calculus._differences import differences_with_error


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
    require_callable(f)
    point = as_point(x)
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise ValueError(f"tolerance must be positive and finite; got {tolerance!r}")
    analytic = as_real("grad", grad(point.copy()) if callable(grad) else grad).copy()
    if analytic.shape != point.shape:
        raise ValueError(
            f"grad must have the shape of x, {point.shape}; got shape {analytic.shape}"
        )
    numeric, uncertainty = differences_with_error(f, point, step)
    error = _relative_error(analytic, numeric, uncertainty / tolerance)
    worst = np.unravel_index(int(error.argmax()), point.shape)
    worst_index = tuple(int(k) for k in worst)
    max_error = float(error[worst_index])
    values = f"{float(analytic[worst_index]):.6g}", f"{float(numeric[worst_index]):.6g}"
    n_wrong = int((error > tolerance).sum())
    if n_wrong:
        message = (
            f"gradient is wrong: {entry_name('grad', worst_index)} is {values[0]} and should be about "
            f"{values[1]} (relative error {max_error:.3g}, tolerance {tolerance:g}); {n_wrong} of "
            f"{point.size} {'entries is' if n_wrong == 1 else 'entries are'} wrong"
        )
    else:
        message = (
            f"gradient agrees with the differences of f: the largest relative error is "
            f"{max_error:.3g}, of {entry_name('grad', worst_index)} ({values[0]} against {values[1]}; "
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


def _relative_error(analytic: FloatArray, numeric: FloatArray, floor: FloatArray) -> FloatArray:
    size = np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), floor)
    with np.errstate(invalid="ignore"):
        error = np.abs(analytic - numeric) / np.where(size == 0.0, 1.0, size)
    return np.where(np.isnan(error), np.inf, error)  # an analytic entry that is not finite
