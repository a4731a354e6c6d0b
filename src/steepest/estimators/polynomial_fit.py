"""The three ways in which a polynomial descends: on moments, on the points, and as the linear model of its basis.

theta: (K, degree + 1), a row of coefficients for each target; it changes in place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest import _native
from steepest._bases import domain_map, explicit_recurrence, recurrence, to_unit
from steepest._validate import Array, plain
from steepest.estimators.base import Data, NetworkState, network_descent
from steepest.optimizers import Optimizer

OnRecord = Callable[[tuple[Any, ...]], bool] | None


@dataclass
class Points:
    """Points x (n,), their targets y (n, K), and weights (n,) with mean 1 or None."""

    x: Array
    y: Array
    sample_weight: Array | None

    def in_units(self, domain: tuple[float, float], y_scale: float, dtype: Any = None) -> Points:
        """Return the points on [-1, 1] and the targets in units of their size, as a descent reads them."""
        dtype = self.x.dtype if dtype is None else dtype
        weights = self.sample_weight
        return Points(
            to_unit(self.x, domain).astype(dtype, copy=False),
            (self.y / y_scale).astype(dtype, copy=False),
            None if weights is None else weights.astype(dtype, copy=False),
        )

    def moments(
        self, degree: int, basis: str, domain: tuple[float, float], y_scale: float, n_threads: int
    ) -> Any:
        """Return the core's moments of the fit, in the same units; x is read where it lies."""
        return _native.core.polynomial_moments(
            (self.x, np.ascontiguousarray(self.y.T), self.sample_weight),
            recurrence(basis, 2 * degree),
            degree,
            *domain_map(domain),
            y_scale,
            n_threads,
        )


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
    basis: str

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
    basis: str,
    optimizer: Optimizer,
    training: Points,
    validation: Points | None,
    penalty: tuple[float, float],
    config: dict[str, Any],
    on_record: OnRecord,
) -> dict[str, Any]:
    """Run the descent of the squared error on points in units: of one target without a basis in memory."""
    if len(theta) > 1:
        model = {
            "loss": "squared",
            "output_scale": 1.0 / len(theta),
            "l1": penalty[0],
            "l2": penalty[1],
        }
        return linear_descent(theta, basis, training, validation, model, config, on_record)
    result: dict[str, Any] = _native.core.polynomial_descent(
        theta[0],
        [np.zeros(theta.shape[1]) for _ in optimizer.slots],
        (training.x, training.y[:, 0], training.sample_weight),
        None
        if validation is None
        else (validation.x, validation.y[:, 0], validation.sample_weight),
        recurrence(basis, theta.shape[1] - 1),
        *penalty,
        config,
        on_record,
    )
    return result


def linear_descent(
    theta: Array,
    basis: str,
    training: Points,
    validation: Points | None,
    model: dict[str, Any],
    config: dict[str, Any],
    on_record: OnRecord,
) -> dict[str, Any]:
    """Run the descent of any loss of K targets: a linear model of the basis, of which a block is made at a time."""
    n_powers = theta.shape[1] - 1
    degree = max(n_powers, 1)  # of degree 0: a linear term at points 0, which nothing moves

    def data(points: Points) -> Data:
        double = np.dtype(np.float64)
        x = plain(points.x, double) if n_powers else np.zeros(points.x.size)
        y = plain(points.y, double)
        weights = None if points.sample_weight is None else plain(points.sample_weight, double)
        return Data(BasisRows(x, degree, basis), y, weights)

    weights = np.zeros((degree, len(theta)))
    weights[:n_powers] = theta[:, 1:].T
    state = NetworkState([weights], [theta[:, 0].copy()])
    held_out = None if validation is None else data(validation)
    model = {"hidden": "identity", "output": "identity", **model}
    result = network_descent(state, data(training), held_out, model, config, on_record)
    theta[:, 0] = state.biases[0]
    theta[:, 1:] = state.weights[0][:n_powers].T
    return result
