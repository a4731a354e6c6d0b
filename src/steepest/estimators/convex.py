"""What the linear, polynomial and logistic models share: one descent from zero, by points or by epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from steepest import _native
from steepest._validate import Array, check_integer, check_number
from steepest.estimators.base import (
    check_threads,
    descent_config,
    history_of,
    random_seed,
    record_hook,
)
from steepest.estimators.parameters import check_random_state_parameter
from steepest.estimators.sparse import Inputs
from steepest.optimizers import Optimizer
from steepest.schedules import Schedule
from steepest.stopping import StopRule, combined_config


class ConvexModel(BaseEstimator):
    """Parameters, configuration and record of a model with one minimum.

    With all rows in every batch the descent is recorded by points and has converged by ``tol``; with mini-batches
    it is recorded by epochs.
    """

    # set by the subclasses' __init__
    learning_rate: float | str
    optimizer: Optimizer | None
    schedule: Schedule | None
    stop: Sequence[StopRule]
    batch_size: int | None
    shuffle: bool
    max_epochs: int
    tol: float
    alpha: float
    warm_start: bool
    random_state: Any
    callbacks: Sequence[Callable[[dict[str, Any]], Any]]
    verbose: bool
    n_threads: int | None

    loss_: float
    loss_curve_: list[float]
    history_: dict[str, Array]
    n_iter_: int
    status_: str

    def _penalty(self) -> float:
        check_threads(self.n_threads)
        return check_number("alpha", self.alpha, low=0.0, finite=True)

    def _is_full_batch(self, rows: int) -> bool:
        if self.batch_size is None:
            return True
        return check_integer("batch_size", self.batch_size, low=1) >= rows

    def _descent_config(
        self, optimizer: Optimizer, X: Inputs, *, validated: bool
    ) -> dict[str, Any]:
        """Return the configuration of a descent on the rows of X (n, d)."""
        full = self._is_full_batch(X.shape[0])
        check_random_state_parameter(self.random_state)
        limits: dict[str, Any] = {"max_epochs": check_integer("max_epochs", self.max_epochs, low=0)}
        if full:
            limits["gradient_tolerance"] = gradient_tolerance(self.tol, X)
        return descent_config(
            optimizer,
            self.schedule,
            self.stop,
            limits,
            batch_size=0 if full else self.batch_size,
            shuffle=bool(self.shuffle) and not full,
            seed=random_seed(check_random_state(self.random_state)),
            by_points=full,
            n_threads=check_threads(self.n_threads),
            validated=validated,
        )

    def _most_steps(self) -> float:
        """Return the limit of a full batch's steps; infinite if there is none but time."""
        limits = combined_config(
            self.stop, {"max_epochs": check_integer("max_epochs", self.max_epochs, low=0)}
        )
        counts = [limits.get(key, -1) for key in ("max_epochs", "max_steps")]
        return min((count for count in counts if count >= 0), default=math.inf)

    def _hook(self, loss_scale: float = 1.0) -> Callable[[tuple[Any, ...]], bool] | None:
        return record_hook(self.callbacks, self.verbose, type(self).__name__, loss_scale)

    def _record(self, result: dict[str, Any], loss_scale: float = 1.0) -> None:
        """Set what a descent leaves beside the coefficients; losses times ``loss_scale`` are the user's."""
        self.history_ = history_of(result, loss_scale)
        self.loss_curve_ = self.history_["loss"].tolist()
        end = (
            min if result["status"] == "diverged" else last
        )  # of the parameters that are given back
        self.loss_ = end(self.loss_curve_) if self.loss_curve_ else float("nan")
        self.n_iter_ = max(int(result["n_epochs"]), 1)

    def _one_pass(self, attributes: Sequence[str]) -> ConvexModel:
        """Return an estimator that makes one pass in the data's own units, from this one's fitted attributes."""
        settings = {"warm_start": True, "standardize": False, "max_epochs": 1}
        step = type(self)(**{**self.get_params(deep=False), **settings})
        for name in attributes:
            if hasattr(self, name):
                setattr(step, name, getattr(self, name))
        return step

    def _take_over(self, step: ConvexModel, result: dict[str, Any]) -> dict[str, Any]:
        """Take over what one pass fitted; loss curve and epochs go on. Return the result to report."""
        curve = [*getattr(self, "loss_curve_", []), *step.loss_curve_]
        epochs = step.n_iter_ + getattr(self, "n_iter_", 0)
        self.__dict__.update({k: v for k, v in vars(step).items() if k.endswith("_")})
        self.loss_curve_, self.n_iter_ = curve, epochs
        if result["status"] == "max_epochs":  # one pass is what was asked for
            return {**result, "status": "max_steps"}
        return result


def moments_descent(
    theta: Array,
    optimizer: Optimizer,
    moments: Any,
    validation: Any,
    alpha: float,
    config: dict[str, Any],
    on_record: Callable[[tuple[Any, ...]], bool] | None,
) -> dict[str, Any]:
    """Run the compiled descent on the moments of the data; theta, (outputs, features), changes in place."""
    slots = [np.zeros_like(theta) for _ in optimizer.slots]
    result: dict[str, Any] = _native.core.moments_descent(
        theta, slots, moments, validation, alpha, config, on_record
    )
    return result


def last(values: list[float]) -> float:
    """Return the last value."""
    return values[-1]


def gradient_tolerance(tol: float, X: Inputs) -> float:
    """Return ``tol``, or what rounding lets a gradient reach in X's dtype if that is more."""
    reachable = 8.0 * float(np.finfo(X.dtype).eps) * np.sqrt(X.shape[1] + 1.0)
    return float(max(check_number("tol", tol, low=0.0), reachable))
