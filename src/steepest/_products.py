"""Polynomials of several variables: which products of powers they have, and the same one in powers of x.

A term is the product p_a(u_0) p_b(u_1) ... of polynomials of one variable each, and is named by its powers a, b ...
Of each product that is a term, those with lower powers are terms, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np

from steepest._bases import domain_map, exactly, in_powers, rounded
from steepest._validate import Array


def count_terms(n_features: int, degree: int, order: int | None, only: bool) -> int:
    """Return how many rows :func:`powers_of_terms` has."""
    most = min(n_features, degree if order is None else min(order, degree))
    return sum(comb(n_features, j) * (1 if only else comb(degree, j)) for j in range(most + 1))


def powers_of_terms(n_features: int, degree: int, order: int | None, only: bool) -> Array:
    """Return the powers of each term, (n_terms, n_features), as PolynomialFeatures orders them.

    By total degree, and then as the words that repeat each feature's index as often as its power says.

    Parameters
    ----------
    n_features, degree : int
        Powers add up to at most ``degree``.
    order : int or None
        At most so many features are in a term.
    only : bool
        No power is above 1.
    """
    most = min(n_features, degree if order is None else min(order, degree))
    words = [
        tuple(feature for feature, power in zip(chosen, powers, strict=True) for _ in range(power))
        for size in range(most + 1)
        for chosen in combinations(range(n_features), size)
        for powers in ([(1,) * size] if only else _compositions(size, degree))
    ]
    words.sort(key=lambda word: (len(word), word))
    powers_of = np.zeros((len(words), n_features), np.int64)
    for row, word in zip(powers_of, words, strict=True):
        for feature in word:
            row[feature] += 1
    return powers_of


def _compositions(parts: int, most: int) -> list[tuple[int, ...]]:
    """Return all tuples of so many integers of at least 1 that add up to at most ``most``."""
    # As bars between the units of a row: the parts end at increasing places.
    ends = combinations(range(1, most + 1), parts)
    return [tuple(int(v) for v in np.diff((0, *places))) for places in ends]


def table_of_terms(powers: Array) -> Array:
    """Return what the core makes terms of, (n_terms - 1, 3): parents, last features and the powers of these.

    The parent is the term without its last feature; the constant, term 0, has none.
    """
    return _table(powers.tobytes(), powers.shape)


@lru_cache(maxsize=16)  # every prediction asks
def _table(entries: bytes, shape: tuple[int, int]) -> Array:
    powers = np.frombuffer(entries, np.int64).reshape(shape)
    index = {row.tobytes(): t for t, row in enumerate(powers)}
    table = np.empty((len(powers) - 1, 3), np.int64)
    for entry, row in zip(table, powers[1:], strict=True):
        last = int(np.flatnonzero(row)[-1])
        parent = row.copy()
        parent[last] = 0
        entry[:] = index[parent.tobytes()], last, row[last]
    table.flags.writeable = False
    return table


def term_names(powers: Array, features: Sequence[str]) -> list[str]:
    """Return names such as "1", "x0" and "x0^2 x1", as PolynomialFeatures has them."""
    names = []
    for row in powers:
        factors = [
            features[j] if row[j] == 1 else f"{features[j]}^{row[j]}"
            for j in np.flatnonzero(row).tolist()
        ]
        names.append(" ".join(factors) or "1")
    return names


def products_to_monomial(
    coefficients: Array,  # (n_terms,)
    rest: Array,
    powers: Array,
    recurrences: Array,  # (n_features, 3, degree)
    domains: Array,
    mixing: Array | None,
) -> Array:
    """Return the coefficients, of the same terms, in powers of x, by rational arithmetic that is rounded once.

    A term's factors are changed from one basis to the other one feature after the other.
    """
    if not np.isfinite(coefficients).all():
        return np.full(len(coefficients), np.nan)
    values = [a + b for a, b in zip(exactly(coefficients), exactly(rest), strict=True)]
    if mixing is not None:
        values = _unmixed(values, mixing)
    terms = {tuple(row.tolist()): value for row, value in zip(powers, values, strict=True)}
    for j, (recurrence, domain) in enumerate(zip(recurrences, domains, strict=True)):
        in_x = _powers_of_x(recurrence, (domain[0], domain[1]))
        changed = dict.fromkeys(terms, Fraction(0))
        for term, value in terms.items():
            for power, factor in enumerate(in_x[term[j]]):
                if factor:
                    changed[(*term[:j], power, *term[j + 1 :])] += value * factor
        terms = changed
    return np.array([rounded(value) for value in terms.values()])


def _unmixed(values: list[Fraction], mixing: Array) -> list[Fraction]:
    """Return the coefficients of phi in sum_t values_t q_t, q = mixing phi."""
    total = [Fraction(0)] * len(values)
    for t, (value, row) in enumerate(zip(values, mixing, strict=True)):
        for s, weight in enumerate(exactly(row[: t + 1])):
            total[s] += value * weight
    return total


def _powers_of_x(recurrence: Array, domain: tuple[float, float]) -> list[list[Fraction]]:
    """Return the coefficients of x^0 ... x^k in p_k(u(x)) for each k of a basis."""
    a, b, c = (exactly(part) for part in recurrence)
    middle, half = (Fraction(part) for part in domain_map(domain))
    found = []
    for k in range(len(a) + 1):
        unit = [Fraction(0)] * k + [Fraction(1)]
        in_u = in_powers(unit, a[:k], b[:k], c[:k])
        if half == 0:  # one point, mapped onto 0: only the value there is known
            found.append([in_u[0], *([Fraction(0)] * k)])
            continue
        in_x = [Fraction(0)] * (k + 1)
        for value in reversed(in_u):  # Horner's rule
            in_x = [
                ((in_x[j - 1] if j > 0 else 0) - middle * in_x[j]) / half + (value if j == 0 else 0)
                for j in range(k + 1)
            ]
        found.append(in_x)
    return found
