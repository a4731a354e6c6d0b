"""The three ways in which a polynomial descends: on moments, on the points, and as the linear model of its basis.

theta: (K, degree + 1), a row of coefficients for each target; it changes in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steepest import _native
from steepest._bases import (
    Basis,
    domain_map,
    exactly,
    explicit_recurrence,
    recurrence,
    to_unit,
    two_floats,
)
from steepest._schedule_config import with_schedules
from steepest._validate import Array, plain
from steepest.estimators.base import Data, NetworkState, network_descent
from steepest.losses import Poisson, RegressionLoss, SquaredError
from steepest.optimizers import Optimizer

OnRecord = Callable[[tuple[Any, ...]], bool] | None


@dataclass(frozen=True)
class Units:
    """Of a fit: a basis up to a degree on a domain that is mapped onto [-1, 1], and the unit of y.

    ``exact``: moments are to be those of the points as they are, not of points rounded to [-1, 1].
    """

    basis: Basis
    degree: int
    domain: tuple[float, float]
    y_scale: float
    exact: bool = False

    @property
    def n_terms(self) -> int:
        """The constant included."""
        return self.degree + 1

    def measuring(self, outputs: int) -> float:
        """Return the multiply-adds for a row that measuring the moments takes."""
        return 10.0 * self.n_terms * outputs

    def fitted(self) -> dict[str, Any]:
        """Return the fitted attributes that say what the coefficients belong to."""
        return {
            "domain_": self.domain,
            "powers_": np.arange(self.n_terms)[:, None],
            "recurrence_": np.array(explicit_recurrence(self.basis, self.degree)),
            "mixing_": None,
        }


def unit_of_targets(loss: RegressionLoss, size: float, one_pass: bool) -> float:
    """Return the unit of y in which a fit runs: a power of two near its size, by which dividing rounds nothing.

    Counts have none; nor have the points of a single pass, of which the next may have another size.
    """
    unit = 2.0 ** (math.frexp(size)[1] - 1) if size else 1.0
    if unit > 1e153:
        raise ValueError("y has values too large to be squared; scale it down")
    return 1.0 if one_pass or isinstance(loss, Poisson) else unit


@dataclass
class Points:
    """Points x (n,), their targets y (n, K), and weights (n,) with mean 1 or None."""

    x: Array
    y: Array
    sample_weight: Array | None
    measured: dict[Any, Any] = field(default_factory=dict, repr=False)

    n_features = 1

    def in_units(self, units: Units, dtype: Any) -> Points:
        """Return the points on [-1, 1] and the targets in their unit, as a descent reads them."""
        weights = self.sample_weight
        return Points(
            plain(to_unit(self.x, units.domain), dtype),
            plain(self.y / units.y_scale, dtype),
            None if weights is None else plain(weights, dtype),
        )

    def rows(self, units: Units) -> Data:
        """Return the rows of the linear model that a polynomial is, in float64 and in the fit's units."""
        points = self.in_units(units, np.float64)
        # Of degree 0: a linear term at points 0, which nothing moves.
        x = points.x if units.degree else np.zeros_like(points.x)
        rows = BasisRows(x, max(units.degree, 1), units.basis)
        return Data(rows, points.y, points.sample_weight)

    def moments(self, units: Units, n_threads: int) -> Any:
        """Return the core's moments of the fit, in its units; x is read where it lies."""
        if units.exact or not isinstance(units.basis, str):
            basis = np.array(explicit_recurrence(units.basis, units.degree))
            return self._chebyshev_moments(units, n_threads).in_basis(_ratio(units), basis)
        return self._moments(units, units.basis, domain_map(units.domain)[1], n_threads)

    def orthonormal_basis(self, units: Units, n_threads: int) -> Basis:
        """Return the recurrence of the polynomials that are orthonormal on the points with their weights.

        By the Stieltjes procedure, in double-double, with the moments for a scalar product.
        """
        a, b, c = self.known_recurrence(units, n_threads)
        if len(a) < units.degree:
            raise ValueError(
                f'basis="orthonormal" needs points that determine the polynomial, more than degree={units.degree} '
                f"of them that differ and have weight, but these X determine none above degree {len(a)}"
            )
        return a, b, c

    def known_recurrence(self, units: Units, n_threads: int) -> Array:
        """Return the same, (3, k), up to the highest degree k that the points determine."""
        moments = self._chebyshev_moments(units, n_threads)
        if not moments.finite():
            raise ValueError(
                'X and y have values too large for the moments that basis="orthonormal" is made of; scale them down'
            )
        recurrence: Array = moments.orthonormal_recurrence(_ratio(units))
        return recurrence

    def _chebyshev_moments(self, units: Units, n_threads: int) -> Any:
        """Return the moments in Chebyshev polynomials of (x - middle) / power of two: only x - middle rounds.

        They are measured once.
        """
        key = units.degree, units.domain, units.y_scale
        if key not in self.measured:
            self.measured[key] = self._moments(units, "chebyshev", _power_of_two(units), n_threads)
        return self.measured[key]

    def _moments(self, units: Units, basis: Basis, half: float, n_threads: int) -> Any:
        return _native.core.polynomial_moments(
            (self.x, np.ascontiguousarray(self.y.T), self.sample_weight),
            recurrence(basis, 2 * units.degree),
            units.degree,
            domain_map(units.domain)[0],
            half,
            units.y_scale,
            n_threads,
        )


def _power_of_two(units: Units) -> float:
    """Return a power of two near half of the length of the domain, no less but for the largest; 0 for 0."""
    half = domain_map(units.domain)[1]
    return math.ldexp(1.0, min(math.frexp(half)[1], 1023)) if half else 0.0


def _ratio(units: Units) -> Array:
    """Return what a point in units of that power of two is multiplied by to be on [-1, 1], as two floats."""
    half = domain_map(units.domain)[1]
    if half == 0:
        return np.array([1.0, 0.0])
    above, below = exactly(np.array([_power_of_two(units), half]))
    return np.array(two_floats(above / below))


def moments_hessian(moments: Any, l2: float) -> Array:
    """Return the Hessian of the objective for one target, (degree + 1, degree + 1)."""
    if not moments.finite():
        raise ValueError(
            "X lies so far outside of domain_, which warm_start keeps, that the curvature overflows; "
            "fit without warm_start"
        )
    hessian: Array = moments.hessian(l2)
    return hessian


def coefficients(parameters: Any, shape: tuple[int, int]) -> Array:
    """Return theta (K, degree + 1) from what the core lends while it descends, a flat array or layers."""
    if isinstance(parameters, np.ndarray):
        return parameters.reshape(shape)
    (weights,), (bias,) = parameters
    return np.concatenate([bias[:, None], weights.T], axis=1)[:, : shape[1]]


@dataclass(frozen=True)
class BasisRows:
    """The inputs of a linear model that is a polynomial: p_1 ... p_degree at points (n,), made as they are read."""

    points: Array
    degree: int
    basis: Basis

    @property
    def shape(self) -> tuple[int, int]:
        """(n, degree)."""
        return self.points.size, self.degree

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the points."""
        return self.points.dtype

    def as_tuple(self) -> tuple[Array, int, tuple[Array, Array, Array]]:
        """Return what the core takes for such an X."""
        return self.points, self.degree, explicit_recurrence(self.basis, self.degree)


def points_descent(
    theta: Array,
    units: Any,
    loss: RegressionLoss,
    optimizer: Optimizer,
    training: Any,
    validation: Any,
    penalty: tuple[float, float],
    config: dict[str, Any],
    on_record: OnRecord,
) -> dict[str, Any]:
    """Run the descent on the points; theta changes in place.

    The squared error of one target and one variable needs no basis in memory, nor a copy of the points in float64.
    Otherwise it is a linear model of the basis, of which a block is made at a time.

    Parameters
    ----------
    theta : array, (K, n_terms)
    units : Units or ProductUnits
    training, validation : Points or ProductPoints
        validation may be None.
    """
    if not (isinstance(loss, SquaredError) and len(theta) == 1 and isinstance(training, Points)):
        model = {
            "hidden": "identity",
            "output": "identity",
            "loss": loss.in_unit(units.y_scale).config(),
            "output_scale": 1.0 / len(theta),
            "l1": penalty[0],
            "l2": penalty[1],
        }
        held_out = None if validation is None else validation.rows(units)
        return linear_descent(theta, training.rows(units), held_out, model, config, on_record)
    training = training.in_units(units, training.x.dtype)
    if validation is not None:
        validation = validation.in_units(units, training.x.dtype)

    def columns(points: Points) -> tuple[Array, Array, Array | None]:
        return points.x, points.y[:, 0], points.sample_weight

    begin = optimizer.init(theta[0])
    result: dict[str, Any] = _native.core.polynomial_descent(
        theta[0],
        [begin[slot] for slot in optimizer.slots],
        columns(training),
        None if validation is None else columns(validation),
        recurrence(units.basis, units.degree),
        *penalty,
        with_schedules(config),
        on_record,
    )
    return result


def linear_descent(
    theta: Array,
    training: Data,
    validation: Data | None,
    model: dict[str, Any],
    config: dict[str, Any],
    on_record: OnRecord,
) -> dict[str, Any]:
    """Run the descent of the linear model that a polynomial is; of a constant it has one column that is 0."""
    terms = theta.shape[1] - 1
    weights = np.zeros((training.X.shape[1], len(theta)))
    weights[:terms] = theta[:, 1:].T
    state = NetworkState([weights], [theta[:, 0].copy()])
    result = network_descent(state, training, validation, model, config, on_record)
    theta[:, 0] = state.biases[0]
    theta[:, 1:] = state.weights[0][:terms].T
    return result
