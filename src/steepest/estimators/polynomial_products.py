"""The fit of a polynomial of several variables: its points, its terms, its moments.

What :mod:`steepest.estimators.polynomial_fit` is for one variable. theta: (K, n_terms), the constant first. Terms
are made of the points as they are read, a group of rows at a time; no array has all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from steepest import _native
from steepest._bases import domain_map, explicit_recurrence
from steepest._products import table_of_terms, term_names
from steepest._validate import FLOATS, Array, plain
from steepest.estimators.base import Data
from steepest.estimators.polynomial_fit import BasisRows, Points, Units


@dataclass(frozen=True)
class ProductUnits:
    """Of a fit: the terms, each feature's polynomials on a domain that is mapped onto [-1, 1], and the unit of y.

    ``mixing`` makes what is orthonormal on the data of the terms; (n_terms, n_terms), a lower triangle.
    """

    powers: Array  # (n_terms, n_features)
    recurrences: Array  # (n_features, 3, highest power)
    domain: Array  # (n_features, 2)
    y_scale: float
    mixing: Array | None = None
    table: Array = field(repr=False, default_factory=lambda: np.empty((0, 3), np.int64))

    @classmethod
    def of(cls, powers: Array, basis: str, domain: Array, y_scale: float) -> ProductUnits:
        """Return those of the same known basis for all features."""
        recurrence = np.array(explicit_recurrence(basis, int(powers.max(initial=0))))
        recurrences = np.repeat(recurrence[None], powers.shape[1], axis=0)
        return cls(powers, recurrences, domain, y_scale, None, table_of_terms(powers))

    @property
    def n_terms(self) -> int:
        """The constant included."""
        return len(self.powers)

    def measuring(self, outputs: int) -> float:
        """Return the multiply-adds for a row that measuring the moments takes."""
        return self.n_terms * (self.n_terms / 2 + outputs + 8)

    def fitted(self) -> dict[str, Any]:
        """Return the fitted attributes that say what the coefficients belong to."""
        return {
            "domain_": self.domain,
            "powers_": self.powers,
            "recurrence_": self.recurrences,
            "mixing_": self.mixing,
        }

    def inputs(self, x: Array, *, mixed: bool = True) -> ProductInputs:
        """Return the terms at points (n, n_features)."""
        return ProductInputs(x, self, mixed)


@dataclass(frozen=True)
class ProductInputs:
    """The inputs of a linear model that is a polynomial: all terms but the constant, made as they are read."""

    points: Array
    units: ProductUnits
    mixed: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n_terms - 1)."""
        return len(self.points), self.units.n_terms - 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the points."""
        return self.points.dtype

    def as_tuple(self) -> tuple[Any, ...]:
        """Return what the core takes for such an X."""
        units = self.units
        maps = np.stack(domain_map((units.domain[:, 0], units.domain[:, 1])), axis=1)
        mixing = units.mixing if self.mixed else None
        return self.points, maps, units.recurrences, units.table, mixing


@dataclass
class ProductPoints:
    """Points x (n, n_features), their targets y (n, K), and weights (n,) with mean 1 or None."""

    x: Array
    y: Array
    sample_weight: Array | None
    measured: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def n_features(self) -> int:
        """Of the points."""
        return int(self.x.shape[1])

    def extent(self) -> Array:
        """Return the range of each feature, (n_features, 2), among the points that have weight."""
        x = self.x
        if self.sample_weight is not None and not self.sample_weight.all():
            x = x[self.sample_weight > 0]
        return np.stack([x.min(axis=0), x.max(axis=0)], axis=1).astype(np.float64)

    def rows(self, units: ProductUnits) -> Data:
        """Return the rows of the linear model, in float64 and in the fit's units."""
        y = plain(self.y / units.y_scale, FLOATS[1])
        weights = None if self.sample_weight is None else plain(self.sample_weight, FLOATS[1])
        if units.n_terms == 1:  # a linear term at points 0, which nothing moves
            return Data(BasisRows(np.zeros(len(y)), 1, "monomial"), y, weights)
        return Data(units.inputs(plain(self.x, FLOATS[1])), y, weights)

    def moments(self, units: ProductUnits, n_threads: int) -> Any:
        """Return the core's moments of the fit, in its units; x is read where it lies."""
        moments = self._moments(units, n_threads)
        return moments if units.mixing is None else moments.mixed(units.mixing)

    def orthonormal(self, units: ProductUnits, names: list[str], n_threads: int) -> ProductUnits:
        """Return the units with the basis that is orthonormal on the points with their weights.

        Each feature has the polynomials that are orthonormal on its own values; of their products in their order,
        what is orthogonal to those before is kept, by Gram and Schmidt's procedure on the moments.
        """
        recurrences = [
            self._orthonormal_recurrence(units, names, j, n_threads) for j in range(self.x.shape[1])
        ]
        units = replace(units, recurrences=np.array(recurrences))
        moments = self._moments(units, n_threads)
        if not moments.finite():
            raise ValueError(
                'X and y have values too large for the moments that basis="orthonormal" is made of; scale them down'
            )
        known, mixing = moments.orthonormal_mixing()
        if known < units.n_terms:
            raise _undetermined(term_names(units.powers[known : known + 1], names)[0])
        return replace(units, mixing=mixing)

    def _orthonormal_recurrence(
        self, units: ProductUnits, names: list[str], j: int, n_threads: int
    ) -> Array:
        """Return that of feature j, (3, highest power)."""
        degree = units.recurrences.shape[2]
        domain = float(units.domain[j, 0]), float(units.domain[j, 1])
        column = np.ascontiguousarray(self.x[:, j])
        points = Points(column, np.zeros((len(column), 1), column.dtype), self.sample_weight)
        known = points.known_recurrence(Units("chebyshev", degree, domain, 1.0), n_threads)
        if known.shape[1] < degree:
            powers = np.zeros((1, len(names)), np.int64)
            powers[0, j] = known.shape[1] + 1
            raise _undetermined(term_names(powers, names)[0])
        return known

    def _moments(self, units: ProductUnits, n_threads: int) -> Any:
        """Return the moments before any mixing, measured once."""
        key = units.recurrences.tobytes(), units.domain.tobytes(), units.y_scale
        if key not in self.measured:
            self.measured[key] = self._measure(units, n_threads)
        return self.measured[key]

    def _measure(self, units: ProductUnits, n_threads: int) -> Any:
        if units.n_terms == 1:
            nowhere = Points(np.zeros(len(self.x), self.x.dtype), self.y, self.sample_weight)
            return nowhere.moments(Units("chebyshev", 0, (0.0, 0.0), units.y_scale), n_threads)
        inputs = units.inputs(self.x, mixed=False).as_tuple()
        sums = _native.core.linear_moments((inputs, self.y, self.sample_weight), True, n_threads)
        columns, outputs = units.n_terms - 1, self.y.shape[1]
        return sums.standardised(
            np.zeros(columns), np.ones(columns), np.zeros(outputs), units.y_scale, True
        )


def _undetermined(term: str) -> ValueError:
    return ValueError(
        'basis="orthonormal" needs points that determine the polynomial, but on these X the term '
        f"{term} cannot be told from those before it; lower degree or interaction_order, set interaction_only, "
        "or choose another basis"
    )
