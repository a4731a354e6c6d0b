"""Models of the command line: making, choosing, training and scoring them."""

from __future__ import annotations

import signal
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from steepest.cli.preprocessing import NumericColumn, Preprocessing, Target, split_rows
from steepest.cli.tables import FloatArray, InputError, IntArray, quoted

CLASSES = {
    ("linear", "regression"): "LinearRegression",
    ("polynomial", "regression"): "PolynomialRegression",
    ("mlp", "regression"): "MLPRegressor",
    ("logistic", "classification"): "LogisticRegression",
    ("mlp", "classification"): "MLPClassifier",
}
DEGREE = 3
FEW_ROWS = 20  # with fewer training rows, --model auto doesn't hold any out to compare models


@dataclass(frozen=True)
class Options:
    """What the user chose; None is the estimator's own default."""

    model: str = "auto"
    task: str = "auto"
    degree: int | None = None
    hidden: tuple[int, ...] | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.task != "auto" and self.model != "auto" and (self.model, self.task) not in CLASSES:
            fits = " and ".join(model for model, task in CLASSES if task == self.task)
            raise InputError(f"--model {self.model} does not do {self.task}; {fits} do")
        if self.degree is not None and self.model not in ("polynomial", "auto"):
            raise InputError(f"--degree belongs to --model polynomial, not {self.model}")
        if self.hidden is not None and self.model not in ("mlp", "auto"):
            raise InputError(f"--hidden belongs to --model mlp, not {self.model}")

    @property
    def implied_task(self) -> str:
        """The task, which the model alone may decide."""
        tasks = {task for model, task in CLASSES if model == self.model}
        return tasks.pop() if self.task == "auto" and len(tasks) == 1 else self.task


def candidates(options: Options, preprocessing: Preprocessing, task: str) -> list[str]:
    """Return the models to train, the simplest first; more than one only for ``auto``."""
    columns = preprocessing.columns
    one_number = len(columns) == 1 and isinstance(columns[0], NumericColumn)
    other = [column.name for column in columns if not isinstance(column, NumericColumn)]
    if options.model == "polynomial" and other:
        numeric = [column.name for column in columns if isinstance(column, NumericColumn)]
        raise InputError(
            "--model polynomial needs features that are all numeric; the table has "
            f"{len(numeric)} numeric ({quoted(numeric) or 'none'}) and {len(other)} of categories "
            f"({quoted(other)}); --drop leaves columns out"
        )
    if options.model != "auto":
        return [options.model]
    fitting = [model for model, its_task in CLASSES if its_task == task]
    return [model for model in fitting if model != "polynomial" or one_number]


def make_estimator(
    model: str, task: str, options: Options, callbacks: Sequence[Callable[..., bool]]
) -> Any:
    """Return the unfitted estimator of a model."""
    import steepest

    estimator = getattr(steepest, CLASSES[model, task])()
    known = estimator.get_params(deep=False)
    # Estimators with scikit-learn's names say max_iter and learning_rate_init.
    epochs = "max_iter" if "max_iter" in known else "max_epochs"
    rate = "learning_rate_init" if "learning_rate_init" in known else "learning_rate"
    chosen: dict[str, Any] = {
        "callbacks": list(callbacks),
        "random_state": options.seed,
        epochs: options.epochs,
        rate: options.learning_rate,
    }
    if model == "polynomial":
        chosen["degree"] = DEGREE if options.degree is None else options.degree
    if model == "mlp":
        chosen["hidden_layer_sizes"] = options.hidden
    chosen = {name: value for name, value in chosen.items() if value is not None}
    return estimator.set_params(**{k: v for k, v in chosen.items() if k in known})


def max_epochs(estimator: Any) -> int | None:
    """Return the number of epochs after which the estimator stops at the latest, if it has one."""
    known = estimator.get_params(deep=False)
    value = known.get("max_iter", known.get("max_epochs"))
    return None if value is None else int(value)


# ---- watching ----------------------------------------------------------------------------------


class Watcher:
    """The estimators' callback: shows progress, and passes on Ctrl-C.

    Inside the `with` block the first Ctrl-C asks the training to end with the current epoch, so
    that there is a model to save; the second one raises KeyboardInterrupt.

    Parameters
    ----------
    quiet : bool
        Show nothing. Nothing is shown either when stderr is no terminal.
    """

    def __init__(self, quiet: bool) -> None:
        console = Console(stderr=True)
        self.interrupted = False
        self._epochs = 0
        self._shown = 0.0
        self._previous: Any = None
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("epoch {task.completed}{task.fields[loss]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._bar = self._progress.add_task("", loss="", visible=False)

    def __enter__(self) -> Watcher:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._on_interrupt)
        if not self._progress.disable:  # some versions of rich print an empty line nevertheless
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._progress.disable:
            self._progress.stop()
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def start(self, description: str, total: int | None) -> None:
        """Begin the bar of another model."""
        self._epochs = 0
        self._progress.reset(self._bar, description=description, total=total, loss="", visible=True)

    def __call__(self, record: Mapping[str, Any]) -> bool:
        """Take note of an epoch; True asks the estimator to stop."""
        self._epochs += 1
        now = time.monotonic()
        # An epoch can be shorter than the update of a bar; ten of these a second are enough.
        if now - self._shown > 0.1:
            self._shown = now
            self._progress.update(self._bar, completed=self._epochs, loss=_losses(record))
        return self.interrupted

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True


def _losses(record: Mapping[str, Any]) -> str:
    words = ""
    for name in ("loss", "validation_loss"):
        if record.get(name) is not None:
            words += f", {name.replace('_', ' ')} {float(record[name]):.6g}"
    return words


# ---- training ----------------------------------------------------------------------------------


@dataclass
class Fit:
    """A trained model.

    Attributes
    ----------
    model : str
        Its name on the command line.
    estimator : estimator
        Fitted, unless Ctrl-C came before the first epoch was over.
    seconds : float
        Duration of its training.
    notes : list of str
        Warnings and choices the user should know of.
    """

    model: str
    estimator: Any
    seconds: float
    notes: list[str] = field(default_factory=list)

    @property
    def is_fitted(self) -> bool:
        """Whether there is anything to save."""
        return hasattr(self.estimator, "coefs_") or hasattr(self.estimator, "coef_")

    @property
    def n_epochs(self) -> int:
        """Number of epochs."""
        return int(np.max(getattr(self.estimator, "n_iter_", 0)))

    @property
    def status(self) -> str:
        """Why the training ended, as the estimator names it."""
        return str(getattr(self.estimator, "status_", "unknown"))


def train(model: str, X: FloatArray, target: Target, options: Options, watcher: Watcher) -> Fit:
    """Train one model on all given rows."""
    estimator = make_estimator(model, target.task, options, [watcher])
    watcher.start(type(estimator).__name__, max_epochs(estimator))
    begin = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            estimator.fit(X, target.values)
        except KeyboardInterrupt:
            watcher.interrupted = True
        except ValueError as error:  # a parameter it can't accept, such as a degree too high
            raise InputError(f"{type(estimator).__name__}: {error}") from error
    fit = Fit(model, estimator, time.perf_counter() - begin)
    developers = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
    messages = [str(w.message) for w in caught if not issubclass(w.category, developers)]
    fit.notes += dict.fromkeys(messages)
    watcher.interrupted |= fit.status == "interrupted"
    return fit


def train_best(
    models: Sequence[str], X: FloatArray, target: Target, options: Options, watcher: Watcher
) -> Fit:
    """Train the only model, or the one that does best on a quarter of the rows held out.

    The best one is trained again, on all rows; ties go to the one named first. After Ctrl-C the
    model in training is returned.
    """
    if len(models) == 1 or len(X) < FEW_ROWS:
        return train(models[0], X, target, options, watcher)
    rows, held_out = split_rows(target, 0.25, np.random.default_rng(options.seed))
    losses = {}
    seconds = 0.0
    for model in models:
        fit = train(model, X[rows], target.take(rows), options, watcher)
        if watcher.interrupted:
            return fit
        seconds += fit.seconds
        losses[model] = _loss(fit.estimator, X[held_out], target.take(held_out))
    best = min(losses, key=lambda model: (not np.isfinite(losses[model]), losses[model]))
    fit = train(best, X, target, options, watcher)
    fit.seconds += seconds
    what = "log loss" if target.labels else "mean squared error of the standardised target"
    scores = ", ".join(f"{model} {loss:.4g}" for model, loss in losses.items())
    fit.notes.insert(0, f"auto chose {best} by the {what} on {len(held_out)} rows: {scores}")
    return fit


# ---- scores ------------------------------------------------------------------------------------


def _loss(estimator: Any, X: FloatArray, target: Target) -> float:
    if target.labels is None:
        return float(np.mean((np.ravel(estimator.predict(X)) - target.values) ** 2))
    return log_loss(estimator.predict_proba(X), target.values)


def log_loss(probabilities: FloatArray, codes: FloatArray | IntArray) -> float:
    """Return -mean log p[i, codes[i]], with p kept away from 0 by float64's epsilon."""
    own = probabilities[np.arange(len(codes)), codes.astype(np.int64)]
    return float(-np.mean(np.log(np.clip(own, np.finfo(np.float64).eps, 1.0))))


def regression_scores(prediction: FloatArray, y: FloatArray) -> dict[str, float]:
    """Return R2 = 1 - sum (y-f)^2/sum (y-mean y)^2, nan for a constant y, and RMSE."""
    error, spread = np.sum((y - prediction) ** 2), np.sum((y - np.mean(y)) ** 2)
    r2 = 1.0 - error / spread if spread > 0 else np.nan
    return {"R2": float(r2), "RMSE": float(np.sqrt(error / len(y)))}


def scores(
    estimator: Any, X: FloatArray, test: Target, training: Target, preprocessing: Preprocessing
) -> tuple[dict[str, float], dict[str, float], str]:
    """Return the model's scores, those of a baseline without features, and the baseline's name."""
    if test.labels is None:
        mean, scale = preprocessing.target_mean, preprocessing.target_scale
        y = test.values.astype(np.float64)
        model = regression_scores(np.ravel(estimator.predict(X)) * scale + mean, y)
        return model, regression_scores(np.full(len(X), mean), y), "mean"
    frequency = np.bincount(training.values.astype(np.int64), minlength=len(test.labels))
    shares = np.tile(frequency / len(training.values), (len(X), 1))
    right = np.asarray(estimator.predict(X)) == test.values
    model = {
        "accuracy": float(np.mean(right)),
        "log loss": log_loss(estimator.predict_proba(X), test.values),
    }
    baseline = {
        "accuracy": float(np.mean(test.values == np.argmax(frequency))),
        "log loss": log_loss(shares, test.values),
    }
    return model, baseline, "most frequent class"
