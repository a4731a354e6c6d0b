"""A network's full-batch fit by SciPy's L-BFGS-B, with the compiled loss and gradient."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from steepest import _native
from steepest._lbfgs import Stopped
from steepest._validate import Array, plain
from steepest.estimators.base import Data, NetworkState
from steepest.estimators.callbacks import Hook
from steepest.estimators.freezing import Frozen, live_entries
from steepest.estimators.penalties import divided


class FlatObjective:
    """Loss and gradient of a network on all rows, of its parameters in one flat float64 vector.

    It remembers every loss, and the best point, for a run that is interrupted.
    """

    def __init__(self, start: NetworkState, training: Data, model: dict[str, Any]) -> None:
        self._training, self._model = training, model
        arrays = start.weights + start.biases
        self._layers = len(start.weights)
        self._shapes = [array.shape for array in arrays]
        self._ends = np.cumsum([array.size for array in arrays])
        weights = training.sample_weight
        rows = training.X.shape[0] if weights is None else float(weights.sum(dtype=np.float64))
        self._l2 = divided(model["l2"], rows)
        self.frozen: Frozen | tuple[()] = ()
        self.origin = np.concatenate([a.ravel() for a in arrays]).astype(np.float64)
        self.shapes = self._shapes
        self.losses: list[float] = []
        self.gradient = self.origin  # of the last evaluation
        self.best_loss, self.best = np.inf, self.origin
        self.on_evaluation: Callable[[], None] | None = None

    def split(self, flat: Array) -> tuple[list[Array], list[Array]]:
        """Return the weights and biases that a flat vector holds."""
        parts = [
            plain(part.reshape(shape), self._training.X.dtype)
            for part, shape in zip(np.split(flat, self._ends[:-1]), self._shapes, strict=True)
        ]
        return parts[: self._layers], parts[self._layers :]

    def __call__(self, flat: Array) -> tuple[float, Array]:
        """Return loss and gradient at a flat vector."""
        if self.on_evaluation is not None:
            self.on_evaluation()
        model = self._model
        loss, d_weights, d_biases = _native.core.network_loss_gradient(
            *self.split(flat),
            *self._training.as_tuple(),
            model["hidden"],
            model["output"],
            model["loss"],
            model["output_scale"],
            self._l2,
            self.frozen,
        )
        self.losses.append(loss)
        if loss < self.best_loss:
            self.best_loss, self.best = loss, flat.copy()
        gradient = np.concatenate([g.ravel() for g in (*d_weights, *d_biases)])
        self.gradient = gradient.astype(np.float64)
        return loss, self.gradient


class LiveObjective:
    """The same as a function of those parameters alone that may move, (m,) of them.

    Parameters
    ----------
    objective : FlatObjective
        At whose origin the others stay.
    live : bool array
        Which may move, in the objective's order.
    """

    def __init__(self, objective: FlatObjective, live: Array) -> None:
        self._objective, self._live = objective, live
        self.origin = objective.origin[live]

    def __call__(self, part: Array) -> tuple[float, Array]:
        """Return loss and gradient."""
        loss, gradient = self._objective(self.whole(part))
        self._objective.gradient = np.where(self._live, gradient, 0.0)
        return loss, gradient[self._live]

    def whole(self, part: Array) -> Array:
        """Return all parameters."""
        flat = self._objective.origin.copy()
        flat[self._live] = part
        return flat


class Iterations:
    """L-BFGS's iterations as a descent's epochs, for those who watch.

    SciPy says when one has ended. The next has begun when the objective is evaluated after that.
    """

    def __init__(
        self,
        objective: FlatObjective,
        hook: Hook,
        whole: Callable[[Array], Array] | None = None,
    ) -> None:
        self._objective, self._hook, self._whole = objective, hook, whole
        self.count, self._start = 0, time.perf_counter()
        self._is_open = False
        self.point, self.loss = objective.origin, float("nan")
        self.error: Exception | None = None
        if hook.lend is not None:
            hook.lend(lambda: objective.split(self.point))
        objective.on_evaluation = self._evaluated

    def _evaluated(self) -> None:
        if not self._is_open and self._hook.begin is not None:
            self._guarded(self._hook.begin)
        self._is_open = True

    def __call__(self, flat: Array) -> None:
        """End an iteration, which has led here; raises Stopped if somebody asks for it."""
        objective = self._objective
        self.point = flat.copy() if self._whole is None else self._whole(flat)
        self.loss, self._is_open = objective.losses[-1], False
        norm = math.sqrt(float(objective.gradient @ objective.gradient))
        seconds = time.perf_counter() - self._start
        nan = float("nan")
        record = (self.count, self.count, self.loss, norm, nan, seconds, nan, nan)
        self.count += 1
        if self._guarded(lambda: self._hook(record)):
            raise Stopped

    def _guarded(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:  # the parameters so far are kept, as in every descent
            self.error = error
            raise Stopped from error


def lbfgs_descent(
    state: NetworkState,
    training: Data,
    model: dict[str, Any],
    *,
    max_iter: int,
    max_fun: int,
    tol: float,
    hook: Hook | None = None,
    masks: list[Array] | None = None,
) -> dict[str, Any]:
    """Minimise; the state's parameters are replaced by those of the end.

    Returns a result like a descent's, with the "losses" of all evaluations and the "loss" at the end. One that
    Ctrl-C ended has the best parameters so far, one that a callback ended those of the last iteration; what was
    raised is under "exception".
    """
    from scipy import optimize

    minimize: Any = optimize.minimize  # its stubs don't know jac=True with float arrays
    objective = FlatObjective(state, training, model)
    frozen = model.get("frozen")
    live = live_entries(frozen, masks, objective.shapes)
    objective.frozen = frozen or ()
    moving = objective if live is None else LiveObjective(objective, live)
    options = {"maxfun": max_fun, "maxiter": max_iter, "gtol": tol}
    result: dict[str, Any] = {"exception": None, "n_epochs": 0}
    whole = moving.whole if isinstance(moving, LiveObjective) else None
    iterations = None if hook is None else Iterations(objective, hook, whole)
    try:
        found = minimize(
            moving,
            moving.origin,
            method="L-BFGS-B",
            jac=True,
            options=options,
            callback=iterations,
        )
        end = found.x if whole is None else whole(found.x)
        result["loss"] = float(found.fun)
        limited = found.nit >= max_iter or found.nfev > max_fun
        result["status"] = (
            "converged" if found.success else "max_epochs" if limited else "no_improvement"
        )
        result["n_epochs"] = min(int(found.nit), max_iter)
        if not found.success:
            warnings.warn(
                f"lbfgs failed to converge after {result['n_epochs']} iteration(s) (status={found.status}):\n"
                f"{found.message}\n\n"
                + (f"Increase max_iter={max_iter}. " if found.nit >= max_iter else "")
                + "Inputs of mean 0 and variance 1 converge faster.",
                ConvergenceWarning,
                stacklevel=5,
            )
    except Stopped:
        assert iterations is not None
        end, result["loss"] = iterations.point, iterations.loss
        result |= {"status": "callback", "exception": iterations.error}
        result["n_epochs"] = iterations.count
    except KeyboardInterrupt as interrupt:
        end, result["loss"] = objective.best, objective.best_loss
        result |= {"status": "interrupted", "exception": interrupt}
    state.weights, state.biases = objective.split(end)
    return {**result, "losses": objective.losses}
