"""What every library trains: networks, batches, data, and the ratios that are required.

A case is frozen, prints itself as it stands in the tables, and makes its own data, the same each time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

TITLES = {
    "steepest": "steepest",
    "jax": "JAX",
    "jax_numpy": "JAX, shuffled by NumPy",
    "torch": "torch",
    "sklearn": "scikit-learn",
}


@dataclass(frozen=True)
class Case:
    """One network with its activation, loss, optimizer, batch size and dtype."""

    widths: tuple[int, ...]
    batch: int
    rows: int
    loss: str  # "squared": mean over all entries, or "softmax": cross-entropy of classes
    activation: str = "relu"
    optimizer: str = "Adam"  # or "Momentum", torch's form of it
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.widths))}, {self.batch}"

    @property
    def steps(self) -> int:
        """Steps in an epoch; every batch is full."""
        return self.rows // self.batch

    @property
    def learning_rate(self) -> float:
        return 1e-3 if self.optimizer == "Adam" else 1e-2

    @property
    def flops(self) -> float:
        """Of one step, in the matrix products alone; the inputs need no gradient."""
        products = sum(n_in * n_out for n_in, n_out in pairwise(self.widths))
        return 2.0 * self.batch * (3 * products - self.widths[0] * self.widths[1])

    @property
    def parameters(self) -> int:
        return sum((n_in + 1) * n_out for n_in, n_out in pairwise(self.widths))

    @lru_cache(maxsize=2)  # noqa: B019, cases are few and small; nobody changes the arrays
    def data(self) -> tuple[list[Any], list[Any], Any, Any]:
        """Weights (n_in, n_out), biases (n_out,), X (rows, n_in), y (rows, n_out) or classes (rows,)."""
        rng = np.random.default_rng(20240301)
        weights, biases = [], []
        for n_in, n_out in pairwise(self.widths):
            weights.append((rng.standard_normal((n_in, n_out)) / np.sqrt(n_in)).astype(self.dtype))
            biases.append((0.1 * rng.standard_normal(n_out)).astype(self.dtype))
        X = rng.standard_normal((self.rows, self.widths[0]))
        signal = X @ rng.standard_normal((self.widths[0], self.widths[-1]))
        if self.loss == "softmax":
            y = signal.argmax(axis=1)
        else:
            y = np.sin(signal / np.sqrt(self.widths[0])).astype(self.dtype)
        return weights, biases, X.astype(self.dtype), y


# The networks of the main table: float32, ReLU, Adam; and how many times as fast as each peer
# steepest is required to be on one core, and again on all of them.
MAIN = {
    Case((1, 16, 1), 32, 4096, "squared"): {"jax": 40, "torch": 500, "sklearn": 400},
    Case((8, 64, 1), 32, 4096, "squared"): {"jax": 14, "torch": 150, "sklearn": 120},
    Case((64, 128, 10), 64, 4096, "softmax"): {"jax": 4, "torch": 13, "sklearn": 12},
    Case((64, 128, 64, 10), 64, 4096, "softmax"): {"jax": 4, "torch": 13, "sklearn": 12},
    Case((784, 512, 10), 128, 2048, "softmax"): {"jax": 1.5, "torch": 1.4, "sklearn": 3.5},
    Case((1024, 4096, 256), 512, 2048, "softmax"): {"jax": 1.2, "torch": 1.1, "sklearn": 1.7},
}

# What may differ from the main table, one thing at a time, and the share of its ratios required then.
VARIANTS: dict[str, tuple[dict[str, str], float]] = {
    "tanh": ({"activation": "tanh"}, 1.0),
    "logistic": ({"activation": "logistic"}, 1.0),
    "SGD, momentum": ({"optimizer": "Momentum"}, 1.0),
    "the other loss": ({"loss": "other"}, 1.0),
    "float64": ({"dtype": "float64"}, 0.8),
}


def variant(case: Case, name: str) -> Case | None:
    """Return the case with one thing changed; None where there is no such case."""
    changes = dict(VARIANTS[name][0])
    if changes.get("loss") == "other":
        if case.loss == "squared" and case.widths[-1] == 1:
            return None  # cross-entropy needs two outputs
        changes["loss"] = "squared" if case.loss == "softmax" else "softmax"
    return replace(case, **changes)
