"""Whole calls beside scikit-learn, as users write them: ``fit`` and ``predict``, default arguments, float64.

Both train from the same random_state: so loss curves, epochs and predictions must agree before anything is timed.
Inputs are scaled before the clock starts. BLAS, and steepest, have one thread.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import single
import sklearn.neural_network
from single import Times, in_turns
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import steepest as st

MANY = 100_000
TABLE_EPOCHS = 2  # of both libraries, where all 200 would take scikit-learn half a minute


@dataclass(frozen=True)
class Task:
    """A data set, and the class that learns it."""

    name: str
    estimator: str  # "MLPClassifier" or "MLPRegressor"
    max_iter: int = 200

    @cache  # noqa: B019, there are five, and nobody changes the arrays
    def data(self) -> tuple[Any, Any]:
        """X (n, d) and y (n,)."""
        if self.name == "digits":
            X, y = load_digits(return_X_y=True)
            return X / 16, y
        if self.name in ("diabetes", "breast cancer"):
            load = load_diabetes if self.name == "diabetes" else load_breast_cancer
            X, y = load(return_X_y=True)
            return StandardScaler().fit_transform(X), y
        rng = np.random.default_rng(0)
        X = rng.standard_normal((MANY, 20))
        y = np.sin(X @ rng.standard_normal(20)) + 0.1 * rng.standard_normal(MANY)
        return (X, y) if self.is_regression else (X, (y > 0).astype(int))

    @property
    def is_regression(self) -> bool:
        return self.estimator == "MLPRegressor"

    def model(self, library: Any, max_iter: int | None = None) -> Any:
        return getattr(library, self.estimator)(max_iter=max_iter or self.max_iter, random_state=0)

    def __str__(self) -> str:
        X, y = self.data()
        kind = "" if self.is_regression else f", {len(np.unique(y))} classes"
        epochs = f", {self.max_iter} epochs" if self.max_iter != 200 else ""
        return f"{self.name}, {X.shape[0]} x {X.shape[1]}{kind}{epochs}"


TASKS = (
    Task("digits", "MLPClassifier"),
    Task("diabetes", "MLPRegressor"),
    Task("breast cancer", "MLPClassifier"),
    Task("table", "MLPRegressor", TABLE_EPOCHS),
    Task("table", "MLPClassifier", TABLE_EPOCHS),
)


def both(task: Task, rows: int, max_iter: int | None, text: bool = False) -> tuple[Any, Any]:
    """Return both libraries' models, fitted on the first rows, and agreeing."""
    X, y = (a[:rows] for a in task.data())
    if text:
        y = np.char.add("class ", y.astype(str))
    ours, theirs = (task.model(lib, max_iter).fit(X, y) for lib in (st, sklearn.neural_network))
    # An ulp in the initial weights moves scikit-learn's own curve by some 1e-15 a step.
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-8)
    assert ours.n_iter_ == theirs.n_iter_
    return ours, theirs


def fit(task: Task, smoke: bool) -> Times:
    X, y = task.data()
    both(task, 300 if smoke else len(y), 3 if smoke else None)
    if smoke:
        X, y, task = X[:300], y[:300], Task(task.name, task.estimator, 3)
    return in_turns(
        {
            "steepest": lambda: task.model(st).fit(X, y),
            "sklearn": lambda: task.model(sklearn.neural_network).fit(X, y),
        },
        6.0,
        (5, 15),
    )


def predict(task: Task, method: str, rows: int, text: bool, smoke: bool) -> Times:
    """Of models that were trained for a moment: what they have learned takes no part in the time."""
    ours, theirs = (getattr(model, method) for model in trained(task, text, 300 if smoke else 2000))
    X = np.resize(task.data()[0], (rows, task.data()[0].shape[1]))
    found, wanted = ours(X), theirs(X)
    if found.dtype.kind == "f":
        np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-8)
    else:
        np.testing.assert_array_equal(found, wanted)
    return in_turns({"steepest": lambda: ours(X), "sklearn": lambda: theirs(X)}, 1.0, (7, 25))


@cache
def trained(task: Task, text: bool, rows: int) -> tuple[Any, Any]:
    return both(task, rows, 3, text)


def measurements(smoke: bool) -> Any:
    """Yield the name of each row of the table, and its times."""
    for task in TASKS:
        yield f"fit: {task}", fit(task, smoke)
    for task in (TASKS[0], TASKS[3], TASKS[4]):
        for method in ("predict",) if task.is_regression else ("predict", "predict_proba"):
            for rows in (1, 1797, MANY // 100 if smoke else MANY):
                X, _ = task.data()
                for text in (
                    (False,) if task.is_regression or method != "predict" else (False, True)
                ):
                    kind = "text" if text else "regression" if task.is_regression else "classes"
                    name = f"{method}, {kind}: {rows} x {X.shape[1]}"
                    yield name, predict(task, method, rows, text, smoke)


def measure(n_threads: int, smoke: bool = False) -> dict[str, Times]:
    single.smoke_only = smoke
    found = {}
    with threadpool_limits(n_threads), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that so few epochs did not converge
        for name, times in measurements(smoke):
            found[name] = times
            ratio = np.median(np.array(times["sklearn"]) / times["steepest"])
            shown = {k: f"{np.median(v):.3g}" for k, v in times.items()}
            print(f"  {name:50}", shown, f"{ratio:.3g}", file=sys.stderr, flush=True)
    return found
