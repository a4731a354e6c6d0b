"""minimize: gradient descent on any function, in Python or compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest import _native
from steepest._compiled import SIGNATURE, CompiledFunction, is_compiled, is_own_function
from steepest._lbfgs import lbfgs_descent
from steepest._schedule_config import check_schedule, with_schedules
from steepest._validate import (
    Array,
    check_finite,
    check_integer,
    check_number,
    is_true,
    numeric_array,
)
from steepest.calculus._differences import central_differences
from steepest.optimizers import LBFGS, Adam, Optimizer
from steepest.schedules import ScheduleLike
from steepest.stopping import MESSAGES, StopRule, combined_config

__all__ = ["MinimizeResult", "Point", "minimize"]


@dataclass(frozen=True)
class Point:
    """One point of a descent, as a callback sees it.

    Attributes
    ----------
    x, grad : array
        The point and the gradient there; copies, to keep.
    fun : float
        J(x).
    step : int
        Steps taken to get there.
    gradient_norm, learning_rate, seconds : float
        The gradient's norm, the rate of the step that comes next, and the time since the start.
    """

    x: Array
    fun: float
    grad: Array
    step: int
    gradient_norm: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class MinimizeResult:
    """Where a descent ended, how it got there, and why it ended. Complete for every way of ending.

    Attributes
    ----------
    x : array
        The last point, or the best finite one if the descent diverged. Of the shape of ``x0``.
    fun : float
        J(x), with the penalty l2/2 ||x||^2 if the optimizer has an ``l2``. NaN, in the ``partial_result`` of an
        exception, where that came before it was known.
    grad : array
        The gradient at x, of the same; NaN in the same case.
    n_steps : int
        Steps taken.
    n_evaluations : int
        Calls of the function for its value and gradient; with ``grad=None`` each of them costs 2m+1 calls.
    n_function_calls : int
        Calls of ``fun`` itself; of a compiled one, which gives both, as many as evaluations.
    converged : bool
        Whether the gradient's norm is at most ``gtol``.
    status : str
        The name of the rule that ended the descent, see :mod:`steepest.stopping`.
    message : str
        The same in a sentence.
    history : dict of arrays
        ``"step"``, ``"loss"``, ``"gradient_norm"``, ``"learning_rate"`` and ``"seconds"``, one entry for each
        point that was recorded: with ``record_every=1``, for all n_steps + 1. The rate is the length of the step
        where the optimizer finds that; L-BFGS does not tell (NaN).
    path : array, (points recorded, m), or None
        These points, flattened, if ``record_path``. A point where ``fun`` or ``grad`` were not finite or raised
        is not among them, nor in ``history``.
    state : dict
        The optimizer's state after the last step. Where the optimizer reports another point than it steps,
        ``"stepped"`` is the one that it goes on from, flattened.
    """

    x: Array
    fun: float
    grad: Array
    n_steps: int
    n_evaluations: int
    n_function_calls: int
    converged: bool
    status: str
    message: str
    history: dict[str, Array] = field(repr=False)
    path: Array | None = field(repr=False)
    state: dict[str, Any] = field(repr=False)


class ValueAndGradient:
    """fun and grad as one function of a flat point, with every fault of theirs named."""

    def __init__(
        self,
        fun: Callable[[Array], Any],
        grad: Callable[[Array], Any] | None,
        x0: Array,
    ) -> None:
        self.fun, self.grad, self.shape, self.dtype = fun, grad, x0.shape, x0.dtype
        self.function_calls = 0

    @property
    def core_form(self) -> Any:
        """What the compiled core calls."""
        return self

    def value(self, x: Array) -> float:
        self.function_calls += 1
        returned = self.fun(x)
        if type(returned) is float:
            return returned
        value = np.asarray(returned)
        if value.size != 1 or value.dtype.kind not in "fiub":
            raise ValueError(
                "fun must return one real number, but returned "
                f"{f'shape {value.shape}' if value.size != 1 else repr(returned)}, dtype {value.dtype}"
            )
        return float(value.reshape(()))

    def __call__(self, flat: Array) -> tuple[float, Array]:
        x = flat.reshape(self.shape)
        value = self.value(x)
        if self.grad is None:
            gradient = np.full(self.shape, np.nan)
            if np.isfinite(value):  # otherwise the descent has diverged here already
                point = x.astype(np.float64)
                gradient, _ = central_differences(self.value, point, require_finite=False)
        else:
            gradient = np.asarray(self.grad(x))
            if gradient.shape != self.shape:
                raise ValueError(
                    f"grad must return an array of the shape {self.shape} of x0, "
                    f"but returned shape {gradient.shape}"
                )
            if gradient.dtype.kind not in "fiub":
                raise ValueError(
                    f"grad must return real numbers, but returned an array of dtype {gradient.dtype}"
                )
        return value, np.ascontiguousarray(gradient, dtype=self.dtype).reshape(-1)


class Compiled:
    """A compiled function of a flat point."""

    def __init__(self, function: CompiledFunction) -> None:
        self.function, self.core_form = function, function.core_form

    def __call__(self, flat: Array) -> tuple[float, Array]:
        return self.function.value_and_gradient(flat)


def as_function(fun: Any, grad: Any, start: Array) -> ValueAndGradient | Compiled:
    """Return fun and grad as one function of a flat point; ``start`` has the shape and type of points."""
    if grad is None and is_own_function(fun) and start.dtype == np.float64:
        if start.shape == (fun.n,):  # if not, its own message says so
            return Compiled(fun.compiled())
    elif is_compiled(fun) and not (callable(fun) and callable(grad)):
        if grad is not None:
            raise TypeError(
                f"grad must be None: fun is compiled and gives its gradient; got {grad!r}"
            )
        if start.dtype != np.float64:
            raise TypeError(
                f"x0 must be of float64 for a compiled function, {SIGNATURE}, but is of {start.dtype}"
            )
        function = fun if isinstance(fun, CompiledFunction) else CompiledFunction(fun)
        function.check_size("x0", start.size)
        return Compiled(function)
    if not callable(fun):
        raise TypeError(f"fun must be callable, or a compiled function, but is {fun!r}")
    if grad is None and callable(getattr(fun, "gradient", None)):
        grad = fun.gradient
    if grad is not None and not callable(grad):
        raise TypeError(f"grad must be callable or None, but is {grad!r}")
    return ValueAndGradient(fun, grad, start)


def minimize(
    fun: Any,
    x0: ArrayLike,
    grad: Callable[[Array], Any] | None = None,
    optimizer: Optimizer | LBFGS | None = None,
    schedule: ScheduleLike | None = None,
    max_steps: int = 10_000,
    gtol: float = 1e-8,
    stop: Iterable[StopRule] = (),
    callback: Callable[[Point], Any] | None = None,
    record_path: bool = False,
    record_every: int = 1,
) -> MinimizeResult:
    r"""Minimize a function by gradient descent: :math:`x \leftarrow x - \eta\,\nabla J(x)` and its refinements.

    Parameters
    ----------
    fun : callable, or compiled function
        J: takes an array of the shape of ``x0``, which it must not change, and returns a number. Or value and
        gradient in machine code, of the signature
        ``double f(int n, const double *x, double *gradient, void *user_data)``: a ``scipy.LowLevelCallable``, a
        numba ``cfunc``, a ctypes function, a Cython function's capsule, or a :class:`steepest.CompiledFunction`,
        where all of these are described. Then the whole descent runs without Python and without its GIL. The
        objects of :mod:`steepest.functions` are compiled already.
    x0 : array
        Where to start; any shape. float32 stays float32, everything else becomes float64, which is what compiled
        functions take. It is not changed.
    grad : callable, optional
        Takes the same array, returns the gradient, of its shape. By default the method ``gradient`` of ``fun`` if
        it has one, as the objects of :mod:`steepest.functions` do, otherwise central differences, at 2m calls of
        ``fun`` for m parameters. A compiled function gives its own.
    optimizer : Optimizer or LBFGS, default ``Adam(0.1)``
        The step. With an ``l2`` of its own, J(x) + l2/2 ||x||^2 is what is minimized and reported.
        :class:`steepest.LBFGS` has no schedule, and no learning rates to record.
    schedule : Schedule or dict of them, optional
        Factor of the learning rate over the steps; in a dict, that of each hyper-parameter by its name.
    max_steps : int, default 10000
        Limit of steps.
    gtol : float, default 1e-8
        The descent has converged where the gradient's Euclidean norm is at most this.
    stop : sequence of StopRule
        More rules; an epoch is a step here.
    callback : callable, optional
        Called with a :class:`Point` at every point from ``x0`` on that is recorded; returning True stops the
        descent.
    record_path : bool, default False
        Keep all points that are recorded in ``path``.
    record_every : int, default 1
        Record the points at steps 0, k, 2k, ... and the one where the descent ends: a record takes 64 bytes while
        the descent runs, and 40 after it. Rules are asked at every point, whatever is recorded.

    Returns
    -------
    MinimizeResult
        Complete for every way of ending.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described, or ``fun`` or ``grad`` return something else.
    Exception
        Whatever ``fun``, ``grad`` or ``callback`` raise, and KeyboardInterrupt, go through; the result so far is
        then in the exception's attribute ``partial_result``.

    Examples
    --------
    >>> import steepest as st
    >>> res = st.minimize(lambda x: (x[0] - 1) ** 2 + 10 * x[1] ** 2, [0.0, 1.0], optimizer=st.SGD(0.05))
    >>> res.status, res.x.round(6).tolist()
    ('converged', [1.0, 0.0])
    """
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable or None, but is {callback!r}")
    start = start_array("x0", x0)
    function = as_function(fun, grad, start)
    optimizer, config = descent_config(optimizer, schedule, max_steps, gtol, stop)
    config["record_every"] = check_integer("record_every", record_every, low=1)

    x = start.reshape(-1)
    state = optimizer.init(x) if isinstance(optimizer, Optimizer) else {}
    on_record = None
    if callback is not None:
        shape = start.shape

        def on_record(record: tuple[Any, ...], at: Array, gradient: Array) -> bool:
            _, step, loss, norm, rate, seconds, *_ = record
            point = Point(
                at.reshape(shape), loss, gradient.reshape(shape), step, norm, rate, seconds
            )
            return is_true(callback(point))

    if isinstance(optimizer, LBFGS):
        raw = lbfgs_descent(function, x, optimizer, config, on_record, record_path)
        state["step"] = raw["n_steps"]
    else:
        raw = _native.core.minimize(
            function.core_form,
            x,
            [state[slot] for slot in optimizer.slots],
            config,
            on_record,
            record_path,
        )
        state |= optimizer.numbers_after(raw)
    error = raw["exception"]
    result = _result(raw, x, function, state, start.shape)
    if error is not None:
        raise with_result(error, result)
    return result


def with_result(error: BaseException, result: Any) -> BaseException:
    """Return an exception with the result so far, if it takes it: a frozen one doesn't."""
    with suppress(Exception):
        error.partial_result = result  # type: ignore[attr-defined]
    return error


def start_array(name: str, x0: ArrayLike) -> Array:
    """Return a copy of the start, or the starts, in float32 or float64; or raise."""
    start = numeric_array(name, x0)
    dtype = np.float32 if start.dtype == np.float32 else np.float64
    start = np.array(start, dtype=dtype, order="C")
    if start.size == 0:
        raise ValueError(f"{name} must have at least one entry, but has shape {start.shape}")
    check_finite(name, start.reshape(-1))
    return start


def descent_config(
    optimizer: Optimizer | LBFGS | None,
    schedule: ScheduleLike | None,
    max_steps: int,
    gtol: float,
    stop: Iterable[StopRule],
) -> tuple[Optimizer | LBFGS, dict[str, Any]]:
    """Return the optimizer and the descent's configuration for the core, or raise."""
    optimizer = Adam(0.1) if optimizer is None else optimizer
    if not isinstance(optimizer, (Optimizer, LBFGS)):
        raise TypeError(
            f"optimizer must be one of steepest's, such as Adam(0.1), but is {optimizer!r}"
        )
    if isinstance(optimizer, LBFGS) and schedule is not None:
        raise ValueError("schedule must be None with LBFGS, which has no hyper-parameter to move")
    if isinstance(optimizer, Optimizer) and optimizer.accumulate > 1:
        raise ValueError(
            f"accumulate of the optimizer must be 1, as a function has no batches, but is {optimizer.accumulate}"
        )
    config: dict[str, Any] = {
        **combined_config(
            stop,
            {
                "max_steps": check_integer("max_steps", max_steps, low=0),
                "gradient_tolerance": check_number("gtol", gtol, low=0.0),
            },
        ),
    }
    if config.get("monitor", "loss") != "loss":
        raise ValueError(f"stop: a function has no {config['monitor']}; monitor must be 'loss'")
    if isinstance(optimizer, Optimizer):
        config["optimizer"] = optimizer.config()
        if optimizer.groups:
            raise ValueError(
                "optimizer: groups divide the layers of a model, but x0 is one array; give the optimizer no groups"
            )
    if schedule is not None and isinstance(optimizer, Optimizer):
        config["schedule"] = check_schedule(schedule, optimizer, validated=False)
        config = with_schedules(config)
    return optimizer, config


def _result(
    raw: dict[str, Any],
    x: Array,
    function: ValueAndGradient | Compiled,
    state: dict[str, Any],
    shape: tuple[int, ...],
) -> MinimizeResult:
    evaluations = raw["n_evaluations"]
    return MinimizeResult(
        x=x.reshape(shape),
        fun=raw["loss"],
        grad=raw["gradient"].reshape(shape),
        n_steps=raw["n_steps"],
        n_evaluations=evaluations,
        n_function_calls=(
            evaluations if isinstance(function, Compiled) else function.function_calls
        ),
        converged=raw["status"] == "converged",
        status=raw["status"],
        message=MESSAGES[raw["status"]],
        history=raw["history"],
        path=raw["path"].reshape(-1, x.size) if "path" in raw else None,
        state=state,
    )
