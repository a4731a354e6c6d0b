"""Who watches a fit: plain callables, scikit-learn's callback protocol, a scorer, and ``verbose``."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import sklearn
from sklearn.utils import _safe_indexing
from sklearn.utils.metaestimators import available_if

from steepest._validate import Array, is_true
from steepest.estimators.scoring import ValidationScorer

RECORD_FIELDS = (
    "epoch",
    "step",
    "loss",
    "gradient_norm",
    "learning_rate",
    "seconds",
    "validation_loss",
    "validation_score",
)
PROTOCOL = ("setup", "on_fit_task_begin", "on_fit_task_end", "teardown")  # of a FitCallback

# Returns a model's fitted attributes at the parameters that the core holds, after so many epochs.
AttributesAt = Callable[[Any, int], dict[str, Any]]


@cache
def has_protocol() -> bool:
    """Whether scikit-learn has a callback protocol; that is since 1.9."""
    return importlib.util.find_spec("sklearn.callback") is not None


class CallbackSupport:
    """scikit-learn's CallbackSupportMixin, which is imported when it is first needed.

    With it comes rich, whose import takes as long as many a fit.
    """

    @available_if(lambda _: has_protocol())  # type: ignore[untyped-decorator]
    def set_callbacks(self, *callbacks: Any) -> Any:
        """Set the callbacks that follow scikit-learn's protocol, which then watch every :meth:`fit`.

        Clones, such as those that a grid search makes, have the same callbacks; those in the parameter
        ``callbacks`` are copied instead. Needs scikit-learn 1.9.

        Parameters
        ----------
        *callbacks : FitCallback
            Such as ``sklearn.callback.ProgressBar()``; none removes those that were set.

        Returns
        -------
        object
            The estimator itself.
        """
        from sklearn.callback import CallbackSupportMixin

        return CallbackSupportMixin.set_callbacks(self, *callbacks)


def split_callbacks(callbacks: Any) -> tuple[list[Callable[..., Any]], list[Any]]:
    """Return the callables that take a dict, and the objects that follow scikit-learn's protocol, or raise."""
    if callbacks is None:
        return [], []
    if callable(callbacks) or not hasattr(callbacks, "__iter__"):
        callbacks = [callbacks]
    plain, fit_callbacks = [], []
    for callback in callbacks:
        follows_protocol = all(hasattr(callback, name) for name in PROTOCOL)
        if follows_protocol and not isinstance(callback, type):
            fit_callbacks.append(callback)
        elif callable(callback) and not follows_protocol:
            plain.append(callback)
        else:
            raise TypeError(
                "callbacks must be callables that take a dict, or objects that follow scikit-learn's callback "
                f"protocol, but one is {callback!r}"
            )
    if fit_callbacks and not has_protocol():
        raise TypeError(
            f"callbacks: {fit_callbacks[0]!r} follows scikit-learn's callback protocol, for which this "
            f"scikit-learn, {sklearn.__version__}, is too old; install 1.9 or newer, or give a callable"
        )
    return plain, fit_callbacks


class Watch:
    """Who watches one fit.

    Parameters
    ----------
    estimator : CallbackSupport
        The one that is fitted.
    X, y, sample_weight
        As :meth:`fit` was given them: callbacks and scorers see the user's own data.
    whole_fit : bool, default True
        Otherwise it is a part of one, which scikit-learn's callbacks and scorers don't watch.
    """

    def __init__(
        self, estimator: Any, X: Any, y: Any, sample_weight: Any = None, *, whole_fit: bool = True
    ) -> None:
        self.estimator = estimator
        self._given = X, y, sample_weight
        self._rows: Array | None = None
        self._whole_fit = whole_fit
        self._plain, own = split_callbacks(estimator.callbacks)
        self._callbacks: list[Any] = []
        if whole_fit:
            others = getattr(estimator, "_skl_callbacks", [])
            self._callbacks = [*others, *(c for c in own if not any(c is o for o in others))]
            self._refuse_propagated(own)
        self._scorer: ValidationScorer | None = None
        self._tasks: Tasks | None = None

    def _refuse_propagated(self, own: list[Any]) -> None:
        # As scikit-learn does where they were set: their setup is the meta-estimator's to call.
        if own and hasattr(self.estimator, "_parent_callback_ctx"):
            for callback in own:
                if hasattr(callback, "max_propagation_depth"):
                    raise TypeError(
                        f"callbacks: {type(callback).__name__} is propagated from meta-estimators; inside of one, "
                        "register it there: meta_estimator.set_callbacks(...)"
                    )

    def hold_out(self, train: Array, held: Array) -> None:
        """Say that of the rows that were given these are trained on, and those are held out."""
        self._rows = train
        if self.estimator.scoring is not None:
            self.validate_on(*(rows_of(part, held) for part in self._given))

    def validate_on(self, X: Any, y: Any, sample_weight: Any = None) -> None:
        """Say which data the ``scoring`` parameter is measured on."""
        if self.estimator.scoring is not None:
            self._scorer = ValidationScorer(self.estimator, X, y, sample_weight)

    def hook(
        self,
        attributes_at: AttributesAt,
        loss_scale: float = 1.0,
        *,
        task: str = "epoch",
        n_tasks: int | None = None,
        progress: Callable[[dict[str, Any]], None] | None = None,
    ) -> Hook | None:
        """Return what the core calls after every record; None, which costs nothing, if nobody watches.

        Parameters
        ----------
        attributes_at : callable
            Returns the fitted attributes for what the core lends, after so many epochs.
        loss_scale : float
            The user's losses are so many of the core's.
        task : str
            What scikit-learn's callbacks read as the name of each task. A "step" is recorded before it is made.
        n_tasks : int, optional
            The most there can be; None if that is not known, or so far away that it tells nothing.
        progress : callable, optional
            Prints a record its way, where the estimator is verbose.
        """
        if self._whole_fit and self.estimator.scoring is not None and self._scorer is None:
            raise ValueError(
                "scoring is measured on validation data, but there is none; give validation_data to fit"
                + (", or set early_stopping" if hasattr(self.estimator, "early_stopping") else "")
            )
        if self._callbacks:
            self._tasks = Tasks(self.estimator, self._callbacks, self._data(), task, n_tasks)
        if not (self._plain or self._callbacks or self._scorer or self.estimator.verbose):
            return None
        return Hook(
            self._plain,
            self._tasks,
            self._scorer,
            self.estimator,
            attributes_at,
            loss_scale,
            progress=progress,
            by_points=task == "step",
        )

    def finish(self, result: dict[str, Any]) -> None:
        """End the fit's own task, once the estimator is fitted; or raise what the scorer raised."""
        exception = result["exception"]
        failed = self._scorer is not None and self._scorer.failed
        if failed and isinstance(exception, Exception):  # after Ctrl-C the fit stands
            raise exception
        if self._tasks is not None and exception is None:
            self._tasks.finish()

    def close(self) -> None:
        """Let the callbacks clean up, however the fit ended."""
        if hasattr(self.estimator, "_callback_fit_ctx"):
            from sklearn.callback import with_callbacks

            with_callbacks(lambda estimator: None)(self.estimator)  # calls every teardown

    def _data(self) -> dict[str, Callable[[], Any]]:
        """Return the training data as scikit-learn passes them on: by functions, called when somebody asks."""
        X, y, sample_weight = self._given

        def metadata() -> dict[str, Any] | None:
            return None if sample_weight is None else {"sample_weight": part(sample_weight)}

        def part(values: Any) -> Any:
            return values if self._rows is None else rows_of(values, self._rows)

        return {
            "X": cache(lambda: part(X)),
            "y": cache(lambda: part(y)),
            "metadata": cache(metadata),
        }


@contextmanager
def watched(estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> Iterator[Watch]:
    """Watch a fit; however it ends, callbacks whose setup was called get their teardown."""
    watch = Watch(estimator, X, y, sample_weight)
    try:
        yield watch
    finally:
        watch.close()


class Tasks:
    """The tasks of a fit by scikit-learn's protocol: the fit, and in it one for each record of the descent.

    Parameters
    ----------
    estimator : CallbackSupport
        The one that is fitted.
    callbacks : list of FitCallback
        Those that were set, and those in the parameter ``callbacks``.
    data : dict
        What every hook may ask for: "X", "y", "metadata", each by a function.
    task : str
        Name of the tasks.
    n_tasks : int or None
        The most there can be, if known.
    """

    def __init__(
        self,
        estimator: Any,
        callbacks: list[Any],
        data: dict[str, Any],
        task: str,
        n_tasks: int | None,
    ) -> None:
        from sklearn.callback import CallbackSupportMixin

        self._estimator, self._data, self._task_name = estimator, data, task
        before = vars(estimator).get("_skl_callbacks")
        estimator._skl_callbacks = callbacks
        try:
            self._fit = CallbackSupportMixin._init_callback_context(estimator, max_subtasks=n_tasks)
        finally:
            if before is None:
                del estimator._skl_callbacks
            else:
                estimator._skl_callbacks = before
        self._fit.call_on_fit_task_begin(estimator=estimator, **data)
        self._open: Any = None

    def begin(self, attributes: Callable[[], dict[str, Any]]) -> None:
        """Begin the next task, from where these are the fitted attributes."""
        self._open = self._fit.subcontext(task_name=self._task_name)
        self._open.call_on_fit_task_begin(
            estimator=self._estimator, **self._data, reconstruction_attributes=attributes
        )

    def end(self, attributes: Callable[[], dict[str, Any]]) -> bool:
        """End the task that was begun; return whether a callback asks to stop."""
        task, self._open = self._open, None
        stop = task.call_on_fit_task_end(
            estimator=self._estimator, **self._data, reconstruction_attributes=attributes
        )
        return bool(stop)

    def finish(self) -> None:
        """End the fit, and a task in which the descent ended without a record."""
        attributes: dict[str, Any] = {}  # those that the estimator has by now
        if self._open is not None:
            self.end(lambda: attributes)
        self._fit.call_on_fit_task_end(
            estimator=self._estimator, **self._data, reconstruction_attributes=attributes
        )


class Hook:
    """What the core calls while it descends; see csrc/bindings/listener.hpp."""

    def __init__(
        self,
        callbacks: list[Callable[..., Any]],
        tasks: Tasks | None,
        scorer: ValidationScorer | None,
        estimator: Any,
        attributes_at: AttributesAt,
        loss_scale: float,
        *,
        progress: Callable[[dict[str, Any]], None] | None,
        by_points: bool,
    ) -> None:
        self._progress = progress or self._print
        self._callbacks, self._tasks, self._scorer = callbacks, tasks, scorer
        self._verbose, self._name = estimator.verbose, type(estimator).__name__
        self._attributes_at, self._loss_scale = attributes_at, loss_scale
        self._parameters: Callable[[], Any]
        self._records, self._by_points = 0, by_points
        self.lend = self._borrow if tasks or scorer else None
        self.begin = self._begin if tasks else None
        self.score = self._score if scorer else None

    def _borrow(self, parameters: Callable[[], Any]) -> None:
        self._parameters = parameters

    def _attributes(self) -> dict[str, Any]:
        return self._attributes_at(self._parameters(), self._records)

    def _attributes_after(self) -> dict[str, Any]:
        done = self._records if self._by_points else self._records + 1
        return self._attributes_at(self._parameters(), done)

    def _begin(self) -> None:
        assert self._tasks is not None
        self._tasks.begin(self._attributes)

    def _score(self) -> float:
        assert self._scorer is not None
        return self._scorer(self._attributes_after())

    def __call__(self, values: tuple[Any, ...]) -> bool:
        """Pass a record on to everybody; return whether one of them asks to stop."""
        stop = False
        if self._callbacks or self._verbose:
            record = self._record(values)
            if self._verbose:
                self._progress(record)
            for callback in self._callbacks:  # every one, even after one has asked to stop
                stop |= is_true(callback(record))
        if self._tasks is not None:
            stop |= self._tasks.end(self._attributes_after)
        self._records += 1
        return stop

    def _print(self, record: dict[str, Any]) -> None:
        print(f"{self._name}: epoch {record['epoch'] + 1}, loss {record['loss']:.8g}")

    def _record(self, values: tuple[Any, ...]) -> dict[str, Any]:
        record = dict(zip(RECORD_FIELDS, values, strict=True))
        for key in ("validation_loss", "validation_score"):
            if np.isnan(record[key]):
                record[key] = None
        record["loss"] *= self._loss_scale
        if record["validation_loss"] is not None:
            record["validation_loss"] *= self._loss_scale
        return record


def rows_of(values: Any, rows: Array) -> Any:
    """Return some rows of an array, a sparse matrix, a table or a list; None stays None."""
    if values is None:
        return None
    if getattr(values, "format", "csr") in ("coo", "bsr", "dia", "dok", "lil", "csc"):
        values = values.tocsr()
    return _safe_indexing(values, rows)
