"""minimize_many: descents from many starts, or on many functions, at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest import _native
from steepest._minimize import (
    Compiled,
    ValueAndGradient,
    as_function,
    descent_config,
    start_array,
    with_result,
)
from steepest._validate import Array, check_flag, check_thread_count
from steepest.optimizers import Optimizer
from steepest.schedules import ScheduleLike
from steepest.stopping import MESSAGES, StopRule

__all__ = ["MinimizeManyResult", "minimize_many"]


@dataclass(frozen=True, repr=False)
class MinimizeManyResult:
    """Where k descents have ended, and why; the i-th entries belong to the i-th start.

    Attributes
    ----------
    x : array, (k, ...)
        The last points, or the best finite ones of descents that diverged. Of the shape of ``X0``.
    fun : array, (k,)
        J there; NaN where a descent was interrupted or had not begun.
    grad : array, (k, ...)
        The gradients there; NaN in the same cases.
    n_steps, n_evaluations : array of int, (k,)
        Steps taken, and calls of the function for its value and gradient.
    converged : array of bool, (k,)
        Whether the gradient's norm is at most ``gtol``.
    status : array of str, (k,)
        The names of the rules that ended the descents, see :mod:`steepest.stopping`.
    best : int or None
        Which has the lowest value; None if none has any.
    """

    x: Array
    fun: Array
    grad: Array
    n_steps: Array
    n_evaluations: Array
    converged: Array
    status: Array

    @property
    def best(self) -> int | None:
        """Which has the lowest value; None if none has any."""
        known = ~np.isnan(self.fun)
        return int(np.argmin(np.where(known, self.fun, np.inf))) if known.any() else None

    def message(self, i: int) -> str:
        """Return in a sentence why the i-th descent has ended."""
        return MESSAGES[str(self.status[i])]

    def __len__(self) -> int:
        return len(self.fun)

    def __repr__(self) -> str:
        names, counts = np.unique(self.status, return_counts=True)
        ends = ", ".join(f"{name}: {count}" for name, count in zip(names, counts, strict=True))
        best = self.best
        lowest = "" if best is None else f"; the lowest value {self.fun[best]:.3g} at {best}"
        return f"MinimizeManyResult({len(self)} descents; {ends}{lowest})"


def minimize_many(
    fun: Any,
    X0: ArrayLike,
    grad: Callable[[Array], Any] | None = None,
    optimizer: Optimizer | None = None,
    schedule: ScheduleLike | None = None,
    max_steps: int = 10_000,
    gtol: float = 1e-8,
    stop: Iterable[StopRule] = (),
    *,
    vectorized: bool = False,
    n_threads: int | None = None,
) -> MinimizeManyResult:
    r"""Minimize from many starts, or many functions, each as :func:`steepest.minimize` does.

    Every descent has the steps, and the bits, that ``minimize`` has from its start with the same
    arguments, on any number of threads (if ``vectorized``, as far as the function has the same bits
    at one point and at many). One that ends makes room for the next at once. Histories
    aren't kept: call ``minimize`` for the one that is of interest.

    Parameters
    ----------
    fun : callable or compiled function, or a sequence of k of them
        As in ``minimize``; in a sequence, each for its start. Functions that differ in their data
        alone are ``[CompiledFunction(f, data) for data in problems]``.

        Compiled functions, and with them those of :mod:`steepest.functions`, run on all threads
        without Python; they must bear being called from several at once. Functions in Python run
        on the calling thread, one descent after the other.
    X0 : array, (k, ...)
        The starts, each of the shape of a point.
    grad : callable or sequence of k, optional
        As in ``minimize``.
    optimizer, schedule, max_steps, gtol, stop
        As in ``minimize``, the same for all. A limit of seconds counts from each descent's own
        start.
    vectorized : bool, default False
        ``fun`` and ``grad`` are Python functions of many points at once: they take an array (k',
        ...) and return values (k',) and gradients (k', ...). The descents then go in lockstep, one
        call a step for all that have not ended (one after the other, where the optimizer reports another
        point than it steps, or searches along a line). ``fun`` may have a method ``gradient`` in place of
        ``grad``.
    n_threads : int, optional
        At most so many threads, for compiled functions; :func:`steepest.get_num_threads` by
        default.

    Returns
    -------
    MinimizeManyResult

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described, or a function returns something else.
    Exception
        Whatever a function raises, and KeyboardInterrupt, end all descents and go through; the
        result so far is then in the exception's attribute ``partial_result``.

    Examples
    --------
    >>> import numpy as np
    >>> import steepest as st
    >>> f = st.functions.Himmelblau()
    >>> starts = np.random.default_rng(0).uniform(-5, 5, (100, 2))
    >>> res = st.minimize_many(f, starts, optimizer=st.SGD(0.01), gtol=1e-6)
    >>> bool(res.converged.all()), np.unique(res.x.round(3) + 0.0, axis=0).tolist()
    (True, [[-3.779, -3.283], [-2.805, 3.131], [3.0, 2.0], [3.584, -1.848]])
    """
    starts = start_array("X0", X0)
    if starts.ndim == 0:
        raise ValueError("X0 must have one start in each row, but is a single number")
    check_flag("vectorized", vectorized)
    threads = (
        _native.get_num_threads()
        if n_threads is None
        else check_thread_count("n_threads", n_threads)
    )
    chosen, config = descent_config(optimizer, schedule, max_steps, gtol, stop)
    if not isinstance(chosen, Optimizer):
        raise TypeError(f"optimizer must be one that steps here; {chosen!r} is for minimize alone")
    optimizer = chosen
    config |= {"record_every": 0, "n_threads": threads}
    x = starts.reshape(len(starts), -1)
    slots = _slots(optimizer, x)
    if vectorized:
        batch = _batch_function(fun, grad, starts)
        searches = getattr(optimizer, "line_search", None) is not None
        if optimizer.reported_slot is None and not searches:
            raw = _native.core.minimize_in_lockstep(batch, x, slots, config)
        else:  # a step takes gradients at more than one point
            raw = _one_after_the_other([_OfOne(batch)], x, slots, config)
    else:
        functions = _functions(fun, grad, starts)
        if all(isinstance(function, Compiled) for function in functions):
            forms = [function.core_form for function in functions]
            raw = _native.core.minimize_many(forms, x, slots, config)
        else:
            raw = _one_after_the_other(functions, x, slots, config)
    status = np.array(raw["status"])
    result = MinimizeManyResult(
        x=x.reshape(starts.shape),
        fun=raw["loss"],
        grad=raw["gradient"].reshape(starts.shape),
        n_steps=raw["n_steps"],
        n_evaluations=raw["n_evaluations"],
        converged=status == "converged",
        status=status,
    )
    error = raw["exception"]
    if error is not None:
        raise with_result(error, result)
    return result


def _slots(optimizer: Optimizer, x: Array) -> list[Array]:
    """Return the optimizer's slots for all starts, one array (k m,) each."""
    states = optimizer.init(x.reshape(-1))
    return [states[slot] for slot in optimizer.slots]


def _functions(fun: Any, grad: Any, starts: Array) -> list[ValueAndGradient | Compiled]:
    """Return one function for all starts, or one for each."""
    if not _is_sequence(fun):
        if _is_sequence(grad):
            raise TypeError("grad must be one function, as fun is, but is a sequence")
        return [as_function(fun, grad, starts[0])]
    grads = list(grad) if _is_sequence(grad) else [grad] * len(fun)
    for name, given in (("fun", fun), ("grad", grads)):
        if len(given) != len(starts):
            raise ValueError(
                f"{name} must be one function, or one for each of the {len(starts)} starts in X0, but "
                f"has {len(given)}"
            )
    return [as_function(f, g, start) for f, g, start in zip(fun, grads, starts, strict=True)]


def _is_sequence(fun: Any) -> bool:
    return isinstance(fun, (list, tuple)) and type(fun).__name__ != "LowLevelCallable"


def _one_after_the_other(
    functions: Sequence[ValueAndGradient | Compiled | _OfOne],
    x: Array,
    slots: list[Array],
    config: dict[str, Any],
) -> dict[str, Any]:
    """Descend from each start in turn, and answer as the core's minimize_many does."""
    k, m = x.shape
    of_each = [slot.reshape(k, m) for slot in slots]
    raw: dict[str, Any] = {
        "loss": np.full(k, np.nan),
        "gradient": np.full_like(x, np.nan),
        "n_steps": np.zeros(k, np.int64),
        "n_evaluations": np.zeros(k, np.int64),
        "status": ["interrupted"] * k,
        "exception": None,
    }
    for i in range(k):
        function = functions[i if len(functions) > 1 else 0]
        own = [slot[i].copy() for slot in of_each]
        one = _native.core.minimize(function.core_form, x[i], own, config, None, False)
        raw["n_steps"][i], raw["n_evaluations"][i] = one["n_steps"], one["n_evaluations"]
        raw["status"][i], raw["exception"] = one["status"], one["exception"]
        raw["loss"][i], raw["gradient"][i] = one["loss"], one["gradient"]
        if one["exception"] is not None:
            break
    return raw


class _OfOne:
    """A function of many flat points, called with one."""

    def __init__(self, batch: Callable[[Array], tuple[Array, Array]]) -> None:
        self.batch, self.core_form = batch, self

    def __call__(self, flat: Array) -> tuple[float, Array]:
        values, gradients = self.batch(flat[np.newaxis])
        return float(values[0]), gradients[0]


def _batch_function(fun: Any, grad: Any, starts: Array) -> Callable[[Array], tuple[Array, Array]]:
    """Return fun and grad as one function of flat points, with every fault of theirs named."""
    if not callable(fun):
        raise TypeError(
            f"fun must be one function if vectorized, callable from Python, but is {fun!r}"
        )
    if grad is None:
        grad = getattr(fun, "gradient", None)
    if not callable(grad):
        raise TypeError(f"grad must be a function of many points if vectorized, but is {grad!r}")
    shape, dtype = starts.shape[1:], starts.dtype

    def value_and_gradient(flat: Array) -> tuple[Array, Array]:
        points = flat.reshape(-1, *shape)
        arrays = []
        for name, function, wanted in (
            ("fun", fun, points.shape[:1]),
            ("grad", grad, points.shape),
        ):
            array = np.asarray(function(points))
            if array.shape != wanted or array.dtype.kind not in "fiub":
                raise ValueError(
                    f"{name} must return real numbers of shape {wanted} for points of shape {points.shape} "
                    f"if vectorized, but returned shape {array.shape}, dtype {array.dtype}"
                )
            arrays.append(array)
        values = np.ascontiguousarray(arrays[0], dtype=np.float64)
        return values, np.ascontiguousarray(arrays[1], dtype=dtype).reshape(flat.shape)

    return value_and_gradient
