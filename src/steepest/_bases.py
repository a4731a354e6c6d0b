"""Polynomial bases as three-term recurrences, the form in which the compiled core reads them.

p_0 = 1,  p_{k+1} = (a_k x + b_k) p_k - c_k p_{k-1}.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from steepest._validate import Array, check_choice

BASES = ("monomial", "chebyshev", "legendre")

Recurrence = tuple[Array, Array, Array]


def recurrence(basis: str, degree: int) -> Recurrence | None:
    """Return (a, b, c), each (degree,), of a basis up to a degree; None for monomials."""
    check_choice("basis", basis, BASES)
    return None if basis == "monomial" else _coefficients(basis, degree)


def explicit_recurrence(basis: str, degree: int) -> Recurrence:
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


def to_monomial(coefficients: Array, basis: str, domain: tuple[float, float]) -> Array:
    """Return monomial coefficients in x of sum_k c_k p_k(u), with u mapping the domain onto [-1, 1]."""
    if domain[0] == domain[1]:  # one point, mapped onto 0: only the value there is known
        constant = to_monomial(coefficients, basis, (-1.0, 1.0))[:1]
        return np.pad(constant, (0, len(coefficients) - 1))
    n = len(coefficients)
    a, b, c = explicit_recurrence(basis, n)
    low, high = domain
    middle, half = 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low
    slope, shift = 1.0 / half, -middle / half  # u = slope x + shift
    # Clenshaw's recurrence, y_k = coefficient_k + (a_k u + b_k) y_{k+1} - c_{k+1} y_{k+2}, with polynomials in x.
    # Few enough numbers for lists, whose overflow (powers of x where the range is tiny) is silent as well.
    y, later = [0.0] * (n + 1), [0.0] * (n + 1)  # y_{k+1} and y_{k+2}
    values = coefficients.tolist()
    a_k, b_k, c_k = a.tolist(), b.tolist(), [*c.tolist(), 0.0]
    for k in reversed(range(n)):
        at_0, up, back = a_k[k] * shift + b_k[k], a_k[k] * slope, c_k[k + 1]
        product = [at_0 * y[0] - back * later[0] + values[k]]
        product += [at_0 * y[j] + up * y[j - 1] - back * later[j] for j in range(1, n + 1)]
        y, later = product, y
    return np.array(y[:n])


def domain_map(domain: tuple[float, float]) -> tuple[float, float]:
    """Return the middle and half of the length of a domain: (x - middle) / half is in [-1, 1]."""
    low, high = domain
    return 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low  # halved first: no overflow


def to_unit(x: Array, domain: tuple[float, float]) -> Array:
    """Map the domain onto [-1, 1]; a domain of one point maps onto 0."""
    if domain[0] == domain[1]:
        return np.zeros_like(x)
    middle, half = domain_map(domain)
    return np.asarray((x - middle) / half, dtype=x.dtype)
