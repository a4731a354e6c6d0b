"""The p-norm."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from steepest.calculus._arguments import as_order, as_real


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
    order = as_order(p)
    size = np.abs(as_real("v", v)).reshape(-1)
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
