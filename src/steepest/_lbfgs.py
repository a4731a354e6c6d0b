"""L-BFGS of a function, by SciPy, with the record and the stop rules of a descent by points."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from steepest._validate import Array
from steepest.optimizers import LBFGS

OnRecord = Callable[[tuple[Any, ...], Array, Array], bool]
NO_LIMIT = 2**31 - 1  # of SciPy's own: the rules here are asked after each iteration


class Stopped(Exception):  # noqa: N818 - no error
    """A rule or a callback ends a run of SciPy's; its argument is the status."""


class _Iterations:
    """The function as SciPy asks for it, and the points where its iterations begin."""

    def __init__(
        self,
        function: Callable[[Array], tuple[float, Array]],
        x: Array,
        config: dict[str, Any],
        on_record: OnRecord | None,
        record_path: bool,
    ) -> None:
        self._function, self._config, self._on_record = function, config, on_record
        self._dtype, self._keeps_path = x.dtype, record_path
        self._began = time.perf_counter()
        self._asked: Array | None = None  # where the function was last asked
        self.columns: list[tuple[int, float, float, float]] = []  # step, loss, norm, seconds
        self.steps = -1  # iterations done
        self.last: tuple[int, float, float, float] | None = None  # recorded or not
        self.path: list[Array] = []
        self.loss = math.nan  # at the last point
        self.evaluations = 0
        self.point = x.copy()
        self.gradient = np.full_like(x, math.nan)
        self.best: tuple[Array, float, Array] | None = None  # point, value, gradient
        self._lowest, self._stale = math.inf, 0

    def __call__(self, at: Array) -> tuple[float, Array]:
        """Return value and gradient, in float64; raises Stopped where they are not finite."""
        if self._asked is None or not np.array_equal(at, self._asked):
            value, gradient = self._function(at.astype(self._dtype))
            self.evaluations += 1
            if not (math.isfinite(value) and np.isfinite(gradient).all()):
                raise Stopped("diverged")
            self._asked, self._value, self._last_gradient = at.copy(), value, gradient
        return self._value, self._last_gradient.astype(np.float64)

    def record(self, at: Array) -> None:
        """Note a point, and ask the rules in the order in which a compiled descent asks them."""
        if self.steps >= 0 and np.array_equal(self.point, at.astype(self._dtype)):
            return  # a line search that ended where it began
        self(at)
        loss, gradient, config = self._value, self._last_gradient, self._config
        self.point, self.gradient = at.astype(self._dtype), gradient
        wide = gradient.astype(np.float64)
        is_largest = config.get("gradient_largest")
        norm = float(np.max(np.abs(wide))) if is_largest else math.sqrt(float(wide @ wide))
        if not math.isfinite(norm):
            raise Stopped("diverged")
        self.steps += 1
        step, seconds = self.steps, time.perf_counter() - self._began
        self.loss, self.last = loss, (step, loss, norm, seconds)
        is_recorded = step % config.get("record_every", 1) == 0
        asked = is_recorded and self.note()
        if loss < self._lowest:
            self.best = self.point, loss, gradient
        self._count_patience(loss)
        if norm <= config.get("gradient_tolerance", -1.0):
            raise Stopped("converged")
        if asked:
            raise Stopped("callback")
        if 0 < config.get("patience", 0) <= self._stale:
            raise Stopped("no_improvement")
        if seconds > config.get("max_seconds", math.inf):
            raise Stopped("max_seconds")
        for rule in ("max_epochs", "max_steps"):
            if 0 <= config.get(rule, -1) <= step:
                raise Stopped(rule)

    def after_iteration(self, at: Array) -> None:
        """Do what :meth:`record` does, as SciPy's callback: SciPy takes a StopIteration for a wish to stop."""
        try:
            self.record(at)
        except StopIteration as raised:
            raise Stopped("interrupted") from raised

    def note(self) -> bool:
        """Record the last point, unless it is recorded; return whether the callback asks to stop."""
        if self.last is None or (self.columns and self.columns[-1] == self.last):
            return False
        self.columns.append(self.last)
        if self._keeps_path:
            self.path.append(self.point)
        if self._on_record is None:
            return False
        step, loss, norm, seconds = self.last
        nan = math.nan
        record = (step, step, loss, norm, nan, seconds, nan, nan)
        return self._on_record(record, self.point.copy(), self.gradient.copy())

    def return_to_best(self) -> None:
        """Go back to the best point, which is the start if the function is not finite there."""
        if self.best is None:
            self.loss, self.gradient = self._function(self.point.copy())
            self.evaluations += 1
        else:
            self.point, self.loss, self.gradient = self.best

    def _count_patience(self, loss: float) -> None:
        known = self._lowest < math.inf
        margin = max(
            self._config.get("absolute", 0.0),
            self._config.get("relative", 0.0) * abs(self._lowest) if known else 0.0,
        )
        self._stale = 0 if loss < self._lowest - margin else self._stale + 1
        self._lowest = min(self._lowest, loss)


def lbfgs_descent(
    function: Callable[[Array], tuple[float, Array]],
    x: Array,
    optimizer: LBFGS,
    config: dict[str, Any],
    on_record: OnRecord | None,
    record_path: bool,
) -> dict[str, Any]:
    """Minimise from x (m,), which becomes the end; return what a compiled descent returns.

    SciPy's own tests of convergence are off, but for its line search, which may find no lower point. The lengths of
    the steps are unknown: NaN stands for the learning rate.
    """
    from scipy import optimize

    run: Any = optimize.minimize  # its stubs don't know jac=True with float arrays
    iterations = _Iterations(function, x, config, on_record, record_path)
    options = {
        "maxcor": int(optimizer.memory),
        "maxls": int(optimizer.max_line_search),
        "ftol": 0.0,
        "gtol": 0.0,
        "maxiter": NO_LIMIT,
        "maxfun": NO_LIMIT,
    }
    status = "line_search"
    error: BaseException | None = None
    try:
        start = x.astype(np.float64)
        iterations.record(start)
        run(
            iterations,
            start,
            method="L-BFGS-B",
            jac=True,
            options=options,
            callback=iterations.after_iteration,
        )
    except Stopped as stopped:
        (status,) = stopped.args
        error = stopped.__cause__
    except BaseException as raised:  # Ctrl-C too: the result so far goes with it
        status, error = "interrupted", raised
    try:
        if error is None and status != "diverged":
            iterations.note()
    except BaseException as raised:
        status, error = "interrupted", raised
    if status == "diverged":
        iterations.return_to_best()
    x[:] = iterations.point
    steps, losses, norms, seconds = np.array(iterations.columns).reshape(-1, 4).T
    raw = {
        "status": status,
        "exception": error,
        "n_steps": max(iterations.steps, 0),
        "n_evaluations": iterations.evaluations,
        "loss": iterations.loss,
        "gradient": iterations.gradient,
        "history": {
            "step": steps.astype(np.int64),
            "loss": losses,
            "gradient_norm": norms,
            "learning_rate": np.full(len(losses), np.nan),
            "seconds": seconds,
        },
    }
    if record_path:
        raw["path"] = np.array(iterations.path, dtype=x.dtype).reshape(-1)
    return raw
