"""Polynomial bases as three-term recurrences, the form in which the compiled core reads them.

p_0 = 1,  p_{k+1} = (a_k x + b_k) p_k - c_k p_{k-1}.

Of the basis that is orthonormal on the data the recurrence is only known once these are.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from steepest._validate import Array, check_choice

KNOWN_BASES = ("monomial", "chebyshev", "legendre")
BASES = (*KNOWN_BASES, "orthonormal")

Recurrence = tuple[Array, Array, Array]
Basis = str | Recurrence


def recurrence(basis: Basis, degree: int) -> Recurrence | None:
    """Return (a, b, c), each (degree,), of a basis up to a degree; None for monomials."""
    if isinstance(basis, (tuple, list, np.ndarray)):
        return _given(basis, degree)
    check_choice("basis", basis, KNOWN_BASES)
    return None if basis == "monomial" else _coefficients(basis, degree)


def _given(basis: Sequence[Array], degree: int) -> Recurrence:
    try:
        arrays = [np.ascontiguousarray(part, dtype=np.float64) for part in basis]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"basis must be one of {KNOWN_BASES} or three arrays a, b, c of numbers, but is {basis!r}"
        ) from error
    if len(arrays) != 3 or any(part.shape != (degree,) for part in arrays):
        raise ValueError(
            f"basis must be three arrays a, b, c of shape ({degree},) for this degree, but their shapes are "
            f"{[part.shape for part in arrays]}"
        )
    return arrays[0], arrays[1], arrays[2]


def explicit_recurrence(basis: Basis, degree: int) -> Recurrence:
    """Return (a, b, c), each (degree,), of any basis, monomials too."""
    return recurrence(basis, degree) or (np.ones(degree), np.zeros(degree), np.zeros(degree))


@lru_cache(maxsize=64)
def _coefficients(basis: str, degree: int) -> Recurrence:
    k = np.arange(degree, dtype=np.float64)
    if basis == "chebyshev":  # T_{k+1} = 2 x T_k - T_{k-1}, but T_1 = x
        a, c = np.full(degree, 2.0), np.ones(degree)
        a[:1], c[:1] = 1.0, 0.0
    else:  # (k+1) P_{k+1} = (2k+1) x P_k - k P_{k-1}
        a, c = (2 * k + 1) / (k + 1), k / (k + 1)
    for array in (a, c):
        array.flags.writeable = False
    return a, np.zeros(degree), c


def to_monomial(
    coefficients: Array, basis: Basis, domain: tuple[float, float], rest: Array | None = None
) -> Array:
    """Return monomial coefficients in x of sum_k c_k p_k(u), with u mapping the domain onto [-1, 1].

    In rational arithmetic, rounded once at the end: the powers of u and of x cancel to many digits. ``rest`` is
    what rounding has left off the coefficients.
    """
    n = len(coefficients)
    if not np.isfinite(coefficients).all():
        return np.full(n, np.nan)
    a, b, c = (exactly(part) for part in explicit_recurrence(basis, n - 1))
    values = exactly(coefficients)
    if rest is not None:
        values = [value + more for value, more in zip(values, exactly(rest), strict=True)]
    in_u = in_powers(values, a, b, c)
    middle, half = (Fraction(part) for part in domain_map(domain))
    if half == 0:  # one point, mapped onto 0: only the value there is known
        return np.array([rounded(in_u[0]), *([0.0] * (n - 1))])
    # Horner's rule for sum_j d_j half^(n-1-j) (x - middle)^j, all of dyadic numbers; the division comes last.
    in_x = [Fraction(0)] * n
    power = Fraction(1)
    for d in reversed(in_u):
        in_x = [
            (in_x[j - 1] if j > 0 else 0) - middle * in_x[j] + (d * power if j == 0 else 0)
            for j in range(n)
        ]
        power *= half
    scale = half ** (n - 1)
    return np.array([rounded(value / scale) for value in in_x])


def in_powers(
    values: list[Fraction], a: list[Fraction], b: list[Fraction], c: list[Fraction]
) -> list[Fraction]:
    """Return the coefficients of u^j in sum_k values_k p_k(u), by Clenshaw's recurrence.

    y_k = values_k + (a_k u + b_k) y_{k+1} - c_{k+1} y_{k+2}, with polynomials in u.
    """
    n = len(values)
    zero = Fraction(0)
    y, later = [zero] * n, [zero] * n  # y_{k+1} and y_{k+2}
    a, b, c = [*a, zero], [*b, zero], [*c, zero, zero]
    for k in reversed(range(n)):
        product = [b[k] * y[j] - c[k + 1] * later[j] for j in range(n)]
        product[0] += values[k]
        for j in range(1, n):
            product[j] += a[k] * y[j - 1]
        y, later = product, y
    return y


def exactly(values: Array) -> list[Fraction]:
    """Return finite floats as fractions."""
    return [Fraction(value) for value in values.tolist()]


def two_floats(value: Fraction) -> tuple[float, float]:
    """Return a fraction as a float and the float nearest to what that leaves."""
    high = float(value)
    return high, float(value - Fraction(high))


def rounded(value: Fraction) -> float:
    """Return the nearest float, infinity beyond the largest."""
    try:
        return float(value)
    except OverflowError:  # powers of x where the range is tiny
        return float("inf") if value > 0 else float("-inf")


def domain_map(domain: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return the middle and half of the length of a domain, or of several: (x - middle) / half is in [-1, 1]."""
    low, high = domain
    return 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low  # halved first: no overflow


def to_unit(x: Array, domain: tuple[float, float]) -> Array:
    """Map the domain onto [-1, 1]; a domain of one point maps onto 0."""
    if domain[0] == domain[1]:
        return np.zeros_like(x)
    middle, half = domain_map(domain)
    return np.asarray((x - middle) / half, dtype=x.dtype)
