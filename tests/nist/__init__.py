"""NIST's certified regressions: their data, the fits that are tried on them, and the digits that these reach."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

import steepest as st
from steepest._bases import to_unit

Array = NDArray[np.float64]
SETS = (
    "Norris",
    "Pontius",
    "Longley",
    "Filip",
    "Wampler1",
    "Wampler2",
    "Wampler3",
    "Wampler4",
    "Wampler5",
)


@dataclass(frozen=True)
class Certified:
    """A set: X (n, d), y (n,), and the certified coefficients, the constant's first, as they are printed."""

    name: str
    X: Array
    y: Array
    coefficients: list[Decimal]

    @property
    def degree(self) -> int | None:
        """Of the polynomial that is fitted; None for several features."""
        return len(self.coefficients) - 1 if self.X.shape[1] == 1 else None


def load(name: str) -> Certified:
    """Read a set from its file."""
    text = (Path(__file__).parent / f"{name}.dat").read_text("ascii")
    certified = re.findall(r"^\s+B\d+\s+(\S+)\s+\S+\s*$", text, re.MULTILINE)
    rows = [line.split() for line in text[text.rindex("Data:") :].splitlines()[1:] if line.strip()]
    table = np.array(rows, dtype=np.float64)
    return Certified(name, table[:, 1:], table[:, 0], [Decimal(value) for value in certified])


def digits(coefficients: Array, certified: list[Decimal]) -> float:
    """Return the least correct digits of all coefficients.

    The log relative error -log10 |c - certified| / |certified|, and 15 where it is more: no more are certified.
    """
    errors = [
        abs(Decimal(float(c)) - exact) / abs(exact)
        for c, exact in zip(coefficients, certified, strict=True)
    ]
    return min(15.0 if error == 0 else min(15.0, -math.log10(error)) for error in errors)


def quietly(model: st.LinearRegression | st.PolynomialRegression, of: Certified) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(of.X, of.y)


def by_moments(basis: str) -> Callable[[Certified], Array | None]:
    """Full-batch descent on moments, in a basis, to the last digits."""

    def coefficients(of: Certified) -> Array | None:
        if of.degree is None:
            return None
        model = st.PolynomialRegression(of.degree, basis, tol=1e-24)
        quietly(model, of)
        return model.monomial_coef_

    return coefficients


def linear(of: Certified) -> Array | None:
    """LinearRegression, the same way; of the sets that are linear."""
    if of.degree not in (None, 1):
        return None
    model = st.LinearRegression(tol=1e-24)
    quietly(model, of)
    return np.array([model.intercept_, *model.coef_])


def iterated(of: Certified) -> Array | None:
    """Full-batch descent in the orthonormal basis with default arguments: coefficients are float64."""
    if of.degree is None:
        return None
    return st.PolynomialRegression(of.degree, "orthonormal").fit(of.X, of.y).monomial_coef_


def on_points(of: Certified) -> Array | None:
    """Ten steps of plain gradient descent on the points themselves, in the orthonormal basis, all in float64."""
    if of.degree is None:
        return None
    x = of.X[:, 0]
    model = st.PolynomialRegression(of.degree, "orthonormal", max_epochs=0)
    quietly(model, of)
    basis = tuple(model.recurrence_)
    theta = np.zeros(of.degree + 1)
    for _ in range(10):
        theta -= (
            0.5
            * st.kernels.polynomial_loss_gradient(theta, to_unit(x, model.domain_), of.y, basis)[1]
        )
    model.coef_ = theta
    return model.monomial_coef_


# How coefficients are found, and the digits that are asked of them. On points, Wampler5 allows no more than 8: its
# residuals, up to 2e7, multiply the rounding of the basis polynomials' values, and its coefficients are 1. Sums in
# more digits do not help there; polynomials in more digits, as moments have them, do.
FITS: dict[str, tuple[Callable[[Certified], Array | None], float]] = {
    "linear": (linear, 12.0),
    "chebyshev": (by_moments("chebyshev"), 12.0),
    "legendre": (by_moments("legendre"), 12.0),
    "orthonormal": (by_moments("orthonormal"), 12.0),
    "iterated": (iterated, 9.0),
    "on points": (on_points, 8.0),
}
