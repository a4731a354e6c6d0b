"""What is measured: sizes and dtypes by name, and the data of each case.

A case is frozen, prints itself as it stands in the table, and makes its own data, the same each
time.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise, product
from typing import Any

import numpy as np

from steepest.optimizers import SGD, Adam, AdamW, Momentum, Optimizer

RIVALS = ("steepest", "numpy", "cython")
DTYPES = ("float32", "float64")
SEED = 20240301


def generator() -> np.random.Generator:
    return np.random.default_rng(SEED)


@dataclass(frozen=True)
class LossCase:
    n: int
    dtype: str

    def __str__(self) -> str:
        return f"{self.n:,} entries, {self.dtype}"

    def data(self) -> tuple[Any, Any]:
        """Prediction and target, (n,) each."""
        prediction, target = generator().standard_normal((2, self.n)).astype(self.dtype)
        return prediction, target


@dataclass(frozen=True)
class PolynomialCase:
    n: int
    degree: int
    dtype: str

    def __str__(self) -> str:
        return f"degree {self.degree}, {self.n:,} points, {self.dtype}"

    def data(self) -> tuple[Any, Any, Any]:
        """Theta (degree + 1,), x in [-1, 1] and y, (n,) each."""
        rng = generator()
        theta = rng.standard_normal(self.degree + 1).astype(self.dtype)
        x = rng.uniform(-1.0, 1.0, self.n).astype(self.dtype)
        y = np.sin(3.0 * x) + 0.1 * rng.standard_normal(self.n)
        return theta, x, y.astype(self.dtype)


@dataclass(frozen=True)
class NetworkCase:
    widths: tuple[int, ...]
    batch: int
    dtype: str

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.widths))}, batch {self.batch}, {self.dtype}"

    def data(self) -> tuple[list[Any], list[Any], Any, Any]:
        """Weights (n_in, n_out), biases (n_out,), X (batch, n_in), y (batch, n_out of the last)."""
        return _network_data(self.widths, self.batch, self.dtype)


@dataclass(frozen=True)
class OptimizerCase:
    optimizer: Optimizer
    n: int
    dtype: str

    def __str__(self) -> str:
        return f"{self.n:,} parameters, {self.dtype}"

    def data(self) -> tuple[Any, Any, dict[str, Any]]:
        """Theta and gradient, (n,) each, and a state in the middle of a descent."""
        rng = generator()
        theta, gradient = rng.standard_normal((2, self.n)).astype(self.dtype)
        state: dict[str, Any] = {"step": 7}
        for slot in self.optimizer.slots:
            moment = rng.standard_normal(self.n)
            state[slot] = (moment**2 if slot == "second_moment" else moment).astype(self.dtype)
        return theta, gradient, state


@dataclass(frozen=True)
class TrainingCase:
    widths: tuple[int, ...]
    rows: int
    batch: int
    optimizer: Adam
    seed: int
    dtype: str

    def __str__(self) -> str:
        widths = "-".join(map(str, self.widths))
        return f"{widths}, {self.rows:,} rows, batch {self.batch}, {self.dtype}"

    @property
    def steps(self) -> int:
        return -(-self.rows // self.batch)

    def data(self) -> tuple[list[Any], list[Any], Any, Any]:
        """Weights, biases, X (rows, n_in) and y (rows, n_out of the last layer)."""
        return _network_data(self.widths, self.rows, self.dtype)


def _network_data(
    widths: tuple[int, ...], rows: int, dtype: str
) -> tuple[list[Any], list[Any], Any, Any]:
    rng = generator()
    weights, biases = [], []
    for n_in, n_out in pairwise(widths):
        weights.append((rng.standard_normal((n_in, n_out)) * np.sqrt(2.0 / n_in)).astype(dtype))
        biases.append((0.1 * rng.standard_normal(n_out)).astype(dtype))
    X = rng.standard_normal((rows, widths[0]))
    y = np.sin(X @ rng.standard_normal((widths[0], widths[-1])) / np.sqrt(widths[0]))
    return weights, biases, X.astype(dtype), y.astype(dtype)


LOSSES = [LossCase(n, dtype) for n, dtype in product((1_000, 100_000), DTYPES)]
POLYNOMIALS = [PolynomialCase(n=100_000, degree=10, dtype="float64")]
NETWORKS = [
    NetworkCase(widths, batch, dtype)
    for (widths, batch), dtype in product((((8, 64, 1), 32), ((64, 128, 10), 64)), DTYPES)
]
OPTIMIZERS = [
    OptimizerCase(optimizer, n, dtype)
    for optimizer, n, dtype in product(
        (SGD(), Momentum(), Adam(), AdamW()), (1_000, 100_000), DTYPES
    )
]
TRAININGS = [
    TrainingCase((8, 64, 1), rows=1_000, batch=32, optimizer=Adam(1e-3), seed=0, dtype=dtype)
    for dtype in DTYPES
]


def identifier(case: Any) -> str:
    """Return the case's name in a test's id: its values, without blanks or commas."""
    if isinstance(case, str):
        return case
    values = (getattr(case, field.name) for field in fields(case))
    return "-".join(_word(value) for value in values)


def _word(value: Any) -> str:
    if isinstance(value, Optimizer):
        return type(value).__name__
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
