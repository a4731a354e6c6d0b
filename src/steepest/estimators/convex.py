"""What the linear, polynomial and logistic models share: one descent from zero, by points or by epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from steepest import _native
from steepest._schedule_config import with_schedules
from steepest._validate import Array, check_integer, check_number
from steepest.estimators.base import (
    check_threads,
    continued,
    descent_config,
    history_of,
    random_seed,
)
from steepest.estimators.callbacks import (
    AttributesAt,
    CallbackSupport,
    Hook,
    Watch,
)
from steepest.estimators.parameters import check_random_state_parameter
from steepest.estimators.penalties import elastic_net
from steepest.estimators.report import Reports
from steepest.estimators.sparse import Inputs
from steepest.estimators.whole_gradient import accumulated, check_whole_gradient
from steepest.optimizers import Optimizer, PolyakStep
from steepest.schedules import ScheduleLike
from steepest.stopping import StopRule, combined_config


class ConvexModel(CallbackSupport, Reports, BaseEstimator):
    """Parameters, configuration and record of a model with one minimum.

    With all rows in every batch the descent is recorded by points and has converged by ``tol``; with mini-batches
    it is recorded by epochs.
    """

    # set by the subclasses' __init__
    learning_rate: float | str
    optimizer: Optimizer | None
    schedule: ScheduleLike | None
    stop: Sequence[StopRule]
    batch_size: int | None
    shuffle: bool
    max_epochs: int
    tol: float
    alpha: float
    l1_ratio: float
    warm_start: bool
    random_state: Any
    callbacks: Sequence[Callable[[dict[str, Any]], Any]]
    verbose: bool
    n_threads: int | None
    scoring: Any

    loss_: float
    loss_curve_: list[float]
    history_: dict[str, Array]
    n_iter_: int
    status_: str

    def _penalty(self) -> tuple[float, float]:
        check_threads(self.n_threads)
        return elastic_net(self.alpha, self.l1_ratio)

    def _rows_of_a_step(self) -> int | None:
        """Return how many rows a step sees, or None for all."""
        if self.batch_size is None:
            return None
        return check_integer("batch_size", self.batch_size, low=1) * accumulated(self.optimizer)

    def _is_full_batch(self, rows: int) -> bool:
        of_a_step = self._rows_of_a_step()
        return of_a_step is None or of_a_step >= rows

    def _descent_config(
        self, optimizer: Optimizer, X: Inputs, *, validated: bool
    ) -> dict[str, Any]:
        """Return the configuration of a descent on the rows of X (n, d)."""
        full = self._is_full_batch(X.shape[0])
        check_whole_gradient(optimizer, full, has_l1=self._penalty()[0] != 0)
        check_random_state_parameter(self.random_state)
        limits: dict[str, Any] = {"max_epochs": check_integer("max_epochs", self.max_epochs, low=0)}
        if full:
            limits["gradient_tolerance"] = gradient_tolerance(self.tol, X)
        return descent_config(
            optimizer,
            self.schedule,
            self.stop,
            limits,
            batch_size=0 if full else self._rows_of_a_step(),
            shuffle=bool(self.shuffle) and not full,
            seed=random_seed(check_random_state(self.random_state)),
            by_points=full,
            n_rows=X.shape[0],
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

    def _hook(
        self,
        watch: Watch,
        config: dict[str, Any],
        attributes_at: AttributesAt,
        loss_scale: float = 1.0,
    ) -> Hook | None:
        if config["by_points"]:  # ends by ``tol``, long before the limit of steps
            return watch.hook(attributes_at, loss_scale, task="step")
        return watch.hook(attributes_at, loss_scale, n_tasks=config["max_epochs"])

    def _record(
        self, result: dict[str, Any], loss_scale: float = 1.0, *, best_restored: bool = False
    ) -> None:
        """Set what a descent leaves beside the coefficients; losses times ``loss_scale`` are the user's."""
        self.history_ = history_of(result, loss_scale)
        self.loss_curve_ = self.history_["loss"].tolist()
        self.loss_ = self._loss_at_end(result, best_restored)
        self.n_iter_ = max(int(result["n_epochs"]), 1)

    def _loss_at_end(self, result: dict[str, Any], best_restored: bool) -> float:
        """Return the recorded loss of the parameters that are given back."""
        if not self.loss_curve_:
            return float("nan")
        if result["status"] == "diverged":
            return min(self.loss_curve_)
        return self.loss_curve_[result["best_epoch"] if best_restored else -1]

    def _passes(self, epochs: Any, attributes: Sequence[str], fit: Callable[[Any], Any]) -> Any:
        """Make passes over data for ``partial_fit``, each as if it were alone; return the result to report.

        ``fit`` runs a descent with the estimator that it is given and returns its result.
        """
        for _ in range(check_integer("epochs", epochs, low=1)):
            step = self._one_pass(attributes)
            result = self._take_over(step, fit(step))
            if result["exception"] is not None or result["status"] in ("diverged", "callback"):
                break
        return result

    def _one_pass(self, attributes: Sequence[str]) -> ConvexModel:
        """Return an estimator that makes one pass in the data's own units, from this one's fitted attributes."""
        parameters = self.get_params(deep=False)
        settings = {"warm_start": True, "standardize": False, "max_epochs": 1}
        settings = {name: value for name, value in settings.items() if name in parameters}
        step = type(self)(**{**parameters, **settings})
        for name in attributes:
            if hasattr(self, name):
                setattr(step, name, getattr(self, name))
        return step

    def _take_over(self, step: ConvexModel, result: dict[str, Any]) -> dict[str, Any]:
        """Take over what one pass fitted; history and epochs go on. Return the result to report."""
        curve = [*getattr(self, "loss_curve_", []), *step.loss_curve_]
        history = continued(getattr(self, "history_", {}), step.history_)
        epochs = step.n_iter_ + getattr(self, "n_iter_", 0)
        self.__dict__.update({k: v for k, v in vars(step).items() if k.endswith("_")})
        self.loss_curve_, self.history_, self.n_iter_ = curve, history, epochs
        if result["status"] == "max_epochs":  # one pass is what was asked for
            return {**result, "status": "max_steps"}
        return result


def moments_descent(
    theta: Array,
    optimizer: Optimizer,
    moments: Any,
    validation: Any,
    l1: float,
    l2: float,
    config: dict[str, Any],
    on_record: Callable[[tuple[Any, ...]], bool] | None,
) -> dict[str, Any]:
    """Run the compiled descent on the moments of the data; theta, (outputs, features), changes in place."""
    state = optimizer.init(theta)
    slots = [state[slot] for slot in optimizer.slots]
    result: dict[str, Any] = _native.core.moments_descent(
        theta,
        slots,
        moments,
        validation,
        l1,
        l2,
        with_schedules(config),
        on_record,
    )
    return result


def in_units(optimizer: Any, unit: float, degree: int) -> Any:
    """Return the optimizer for targets in some unit, in which a loss is unit**degree times smaller.

    What it says of the objective is said of that in the data's own units: an l2, its own or of a group, and the
    minimum that Polyak's step goes to.
    """
    if isinstance(optimizer, PolyakStep):
        with np.errstate(all="ignore"):
            f_min = np.float64(optimizer.f_min) / np.float64(unit) ** degree
        return replace(optimizer, f_min=float(np.nan_to_num(f_min)))
    factor = float(unit) ** (2 - degree)
    if factor == 1 or not isinstance(optimizer, Optimizer) or not optimizer.has_l2:
        return optimizer
    groups = [g if g.l2 is None else replace(g, l2=g.l2 * factor) for g in optimizer.groups]
    return replace(optimizer, l2=optimizer.l2 * factor, groups=tuple(groups))


def is_below_float64(tol: float, X: Inputs) -> bool:
    """Whether ``tol`` asks for a smaller gradient than steps in float64 reach on data in float64."""
    return X.dtype == np.float64 and 0 < check_number("tol", tol, low=0.0) < _reachable(X)


REFINEMENT = (
    1e-4  # of the gradient, in one descent: what float64 leaves of a condition number up to 1e11
)


def refine(
    theta: Array,
    optimizer: Optimizer,
    moments: Any,
    validation: Any,
    rows: int,
    tol: float,
    config: dict[str, Any],
    result: dict[str, Any],
) -> Array:
    """Go on from where a descent on moments has converged until the gradient's norm is at most ``tol``.

    Iterative refinement (Wilkinson 1963): the same descent, from zero, for what has to be added to theta, whose
    gradient at zero is that at theta, computed in double-double; theta is a sum of two floats. Such a descent makes
    the gradient smaller by ``REFINEMENT``, and then the next begins.

    Parameters
    ----------
    theta : array, (outputs, features)
        Changes in place.
    optimizer, moments, validation, config
        Of the descent so far; no penalty.
    rows : int
        Of the data.
    tol : float
        At most this is to be the norm of the gradient.
    result : dict
        Of the descent so far: status, history and counts go on.

    Returns
    -------
    array, (outputs, features)
        What is to be added to theta, less than its rounding.
    """
    rest = np.zeros_like(theta)
    while result["status"] == "converged":
        both = np.stack([theta, rest])
        residual = moments.about(both)
        gradient = 2.0 / (rows * len(theta)) * residual.cross().sum(axis=0)
        norm = math.sqrt(math.fsum((gradient**2).ravel()))
        if norm <= tol:
            break
        step = np.zeros_like(theta)
        used = {
            "max_epochs": result["n_epochs"],
            "max_steps": result["n_steps"],
            "max_seconds": float(result["history"]["seconds"][-1]),
        }
        left = {key: config[key] - used[key] for key in used if config.get(key, -1) >= 0}
        end = moments_descent(
            step,
            optimizer,
            residual,
            None if validation is None else validation.about(both),
            0.0,
            0.0,
            {
                **config,
                **left,
                "gradient_tolerance": max(tol, REFINEMENT * norm),
                "first_step": result["n_steps"],
                "first_epoch": result["n_epochs"],
            },
            None,
        )
        total = theta + step
        rest += (theta - (total - step)) + (step - (total - (total - step)))
        theta[:] = total + rest
        rest -= theta - total
        _append(result, end)
    return rest


def _append(result: dict[str, Any], end: dict[str, Any]) -> None:
    """Let a result end as a later descent did, whose first record repeats the last one."""
    before, after = result["history"], end["history"]
    after["seconds"] += before["seconds"][-1:].sum()
    result["history"] = {key: np.concatenate([before[key], after[key][1:]]) for key in before}
    for key in ("n_steps", "n_epochs", "n_evaluations"):
        result[key] += end[key]
    result["status"], result["exception"] = end["status"], end["exception"]


def _reachable(X: Inputs) -> float:
    return float(8.0 * float(np.finfo(X.dtype).eps) * np.sqrt(X.shape[1] + 1.0))


def gradient_tolerance(tol: float, X: Inputs) -> float:
    """Return ``tol``, or what rounding lets a gradient reach in X's dtype if that is more."""
    return max(check_number("tol", tol, low=0.0), _reachable(X))
