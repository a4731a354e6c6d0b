"""How long until a network reads handwritten digits: test accuracy after each epoch, and the time so far.

Every library starts from the same weights, on the same split, in orders of its own. The clock stops while
accuracy is measured, by the same few lines of NumPy for all.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import rivals
from cases import Case
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

EPOCHS, SEEDS = 30, range(5)


@dataclass(frozen=True)
class Digits(Case):
    """The digits of scikit-learn, three quarters to train on; the seed chooses split and weights."""

    seed: int = 0

    @property
    def learning_rate(self) -> float:
        return 2e-3

    def split(self) -> Any:
        X, y = load_digits(return_X_y=True)
        return train_test_split(
            (X / 16).astype(self.dtype), y, random_state=self.seed, stratify=y, train_size=self.rows
        )

    def data(self) -> tuple[list[Any], list[Any], Any, Any]:
        rng = np.random.default_rng(self.seed)
        sizes = list(zip(self.widths, self.widths[1:], strict=False))
        weights = [(rng.standard_normal(s) * np.sqrt(2 / s[0])).astype(self.dtype) for s in sizes]
        biases = [np.zeros(n_out, self.dtype) for _, n_out in sizes]
        X_train, _, y_train, _ = self.split()
        return weights, biases, X_train, y_train


def accuracy(parameters: Any, X: Any, y: Any) -> float:
    """Return the share of rows whose largest output is that of their class."""
    *hidden, (w, b) = zip(*parameters, strict=True)
    for weights, biases in hidden:
        X = np.maximum(X @ weights + biases, 0)
    return float(np.mean((X @ w + b).argmax(axis=1) == y))


def learn(case: Digits, name: str, epochs: int) -> dict[str, list[float]]:
    """Return the seconds so far and the test accuracy after each epoch."""
    rival = rivals.MAKERS[name](case, 1)
    _, X_test, _, y_test = case.split()
    rival.train(1)  # compiles, warms up
    rival.reset()
    if name == "sklearn":
        rival.plant()
        step = lambda: rival.model.partial_fit(rival.X, rival.y)  # noqa: E731
    else:
        step = lambda: rival.train(1)  # noqa: E731
    seconds, spent, accuracies = [], 0.0, []
    for _ in range(epochs):
        begin = time.perf_counter()
        step()
        spent += time.perf_counter() - begin
        seconds.append(spent)
        accuracies.append(accuracy(rival.parameters(), X_test, y_test))
    return {"seconds": np.round(seconds, 7).tolist(), "accuracy": np.round(accuracies, 4).tolist()}


def measure(n_threads: int, smoke: bool = False) -> dict[str, list[dict[str, list[float]]]]:
    """Return for each library one learning curve a seed; the libraries take turns."""
    assert n_threads == 1
    curves: dict[str, list[Any]] = {name: [] for name in rivals.present()}
    for seed in SEEDS[:1] if smoke else SEEDS:
        case = Digits((64, 128, 10), 32, 1344, "softmax", seed=seed)
        for name, found in curves.items():
            found.append(learn(case, name, 2 if smoke else EPOCHS))
    return curves
