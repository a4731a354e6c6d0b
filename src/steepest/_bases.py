"""Polynomial bases as three-term recurrences, the form in which the compiled core reads them.

p_0 = 1,  p_{k+1} = (a_k x + b_k) p_k - c_k p_{k-1}.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from steepest._validate import Array, check_choice

BASES = ("monomial", "chebyshev", "legendre")

Recurrence = tuple[Array, Array, Array]


def recurrence(basis: str, degree: int) -> Recurrence | None:
    """Return (a, b, c), each (degree,), of a basis up to a degree; None for monomials."""
    check_choice("basis", basis, BASES)
    return None if basis == "monomial" else _coefficients(basis, degree)


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
    from numpy.polynomial import Chebyshev, Legendre, Polynomial

    if domain[0] == domain[1]:  # one point, mapped onto 0: only the value there is known
        constant = to_monomial(coefficients, basis, (-1.0, 1.0))[:1]
        return np.pad(constant, (0, len(coefficients) - 1))
    if basis == "monomial":
        series: Any = Polynomial(coefficients, domain=domain, window=(-1.0, 1.0))
    else:
        kind = Chebyshev if basis == "chebyshev" else Legendre
        series = kind(coefficients, domain=domain, window=(-1.0, 1.0))
    converted = series.convert(kind=Polynomial, domain=(-1.0, 1.0), window=(-1.0, 1.0)).coef
    return np.pad(converted, (0, len(coefficients) - len(converted)))


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
