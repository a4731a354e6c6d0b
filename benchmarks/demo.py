"""Train on data that ships with scikit-learn, beside scikit-learn's own networks, and draw pictures.

Run by ``make demo``. Both libraries get the same rows, settings and seeds, and one thread each, and take turns.
Prints a table, writes pictures to ``demo/``, and fails if a mean test score is below scikit-learn's by more than
the spread over the seeds.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Before NumPy is imported: its BLAS reads these once.
os.environ.update(
    {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL", "VECLIB_MAXIMUM", "BLIS")}
)

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import sklearn
from sklearn import datasets, linear_model, neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import steepest as st

PICTURES = Path(__file__).resolve().parent.parent / "demo"
SEEDS = range(5)


# ---------------------------------------------------------------- networks, beside scikit-learn's


@dataclass(frozen=True)
class Task:
    """One data set, and the network that both libraries train on it."""

    name: str
    load: Callable[..., Any]
    model: str  # of steepest and of sklearn.neural_network
    settings: dict[str, Any]  # one alike for both

    @property
    def classifies(self) -> bool:
        return self.model == "MLPClassifier"

    @property
    def score_name(self) -> str:
        return "accuracy" if self.classifies else "R^2"

    def data(self) -> list[Any]:
        """X_train, X_test, y_train, y_test; inputs and real targets with mean 0 and variance 1."""
        X, y = self.load(return_X_y=True)
        stratify = y if self.classifies else None
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=stratify)
        scaler = StandardScaler().fit(X_train)
        if not self.classifies:
            mean, deviation = y_train.mean(), y_train.std()
            y_train, y_test = (y_train - mean) / deviation, (y_test - mean) / deviation
        return [scaler.transform(X_train), scaler.transform(X_test), y_train, y_test]


TASKS = [
    Task(
        "digits, 64-64-10",
        datasets.load_digits,
        "MLPClassifier",
        {"hidden_layer_sizes": (64,), "batch_size": 32, "max_iter": 60},
    ),
    Task(
        "breast cancer, 30-32-1",
        datasets.load_breast_cancer,
        "MLPClassifier",
        {"hidden_layer_sizes": (32,), "batch_size": 32, "max_iter": 60, "alpha": 0.1},
    ),
    Task(
        "diabetes, 10-32-1",
        datasets.load_diabetes,
        "MLPRegressor",
        {"hidden_layer_sizes": (32,), "batch_size": 32, "max_iter": 100, "alpha": 1.0},
    ),
]


@dataclass(frozen=True)
class Runs:
    """Test scores and seconds of one library on one task, an entry for each seed."""

    scores: list[float]
    seconds: list[float]

    @property
    def mean(self) -> float:
        return float(np.mean(self.scores))

    @property
    def deviation(self) -> float:
        return float(np.std(self.scores, ddof=1))


@dataclass(frozen=True)
class Comparison:
    task: Task
    steepest: Runs
    sklearn: Runs

    @property
    def spread(self) -> float:
        """What a difference of the means is held against: the larger standard deviation."""
        return max(self.steepest.deviation, self.sklearn.deviation)

    @property
    def holds(self) -> bool:
        return self.steepest.mean >= self.sklearn.mean - self.spread

    @property
    def ratios(self) -> list[float]:
        """How many times as long scikit-learn took, for each seed."""
        pairs = zip(self.steepest.seconds, self.sklearn.seconds, strict=True)
        return [theirs / ours for ours, theirs in pairs]

    def row(self) -> list[str]:
        low, middle, high = (f"{v:.3g}" for v in np.percentile(self.ratios, [0, 50, 100]))
        return [
            self.task.name,
            self.task.score_name,
            *(score_text(runs) for runs in (self.steepest, self.sklearn)),
            *(f"{np.median(runs.seconds):.4f}" for runs in (self.steepest, self.sklearn)),
            f"{middle} [{low}, {high}]",
        ]

    def verdict(self) -> str:
        difference = self.steepest.mean - self.sklearn.mean
        words = (
            "at least scikit-learn's, within the spread" if self.holds else "BELOW scikit-learn's"
        )
        return (
            f"{self.task.name}: steepest's mean {self.task.score_name} is {words} "
            f"(difference {difference:+.4f}, spread {self.spread:.4f})"
        )


def score_text(runs: Runs) -> str:
    low, high = min(runs.scores), max(runs.scores)
    return f"{runs.mean:.4f} ± {runs.deviation:.4f} [{low:.4f}, {high:.4f}]"


def compare(task: Task) -> Comparison:
    """Train by turns, steepest and scikit-learn, seed by seed; only fit is timed."""
    X_train, X_test, y_train, y_test = task.data()
    rivals = [getattr(st, task.model), getattr(neural_network, task.model)]
    for make in rivals:  # what is loaded on first use is not part of a fit
        make(**{**task.settings, "max_iter": 1}).fit(X_train, y_train)
    runs = [Runs([], []) for _ in rivals]
    for seed in SEEDS:
        for make, run in zip(rivals, runs, strict=True):
            model = make(random_state=seed, **task.settings)
            start = time.perf_counter()
            model.fit(X_train, y_train)
            run.seconds.append(time.perf_counter() - start)
            run.scores.append(float(model.score(X_test, y_test)))
    return Comparison(task, *runs)


def print_comparisons(comparisons: Sequence[Comparison]) -> None:
    print(
        f"Networks on data of scikit-learn, {len(SEEDS)} seeds, one thread each, Adam, batches of 32"
    )
    print()
    head = [
        ["", "", "test score, steepest", "test score, scikit-learn", "seconds", "seconds", "ratio"],
        ["task", "score", *["mean ± std [min, max]"] * 2, "steepest", "sklearn", "[min, max]"],
    ]
    print_table(head, [comparison.row() for comparison in comparisons])
    print()
    print("Seconds of a fit: medians; ratio: scikit-learn's seconds to steepest's, seed by seed.")
    print("Spread: the larger of the two standard deviations over the seeds.")
    print()
    for comparison in comparisons:
        print(comparison.verdict())


def print_table(head: list[list[str]], rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*head, *rows, strict=True)]

    def line(cells: list[str]) -> str:
        pairs = zip(cells, widths, strict=True)
        return "  ".join(cell.ljust(width) for cell, width in pairs).rstrip()

    for cells in [*head, ["-" * width for width in widths], *rows]:
        print(line(cells))


# ---------------------------------------------------------------- pictures


def save(name: str, ax: Any) -> None:
    ax.figure.savefig(PICTURES / name, dpi=150)
    plt.close(ax.figure)


def learning_curves() -> str:
    """Training and validation loss of two networks on few rows."""
    X_train, X_test, y_train, y_test = TASKS[0].data()
    models = [
        st.MLPClassifier(widths, batch_size=32, max_iter=150, random_state=0).fit(
            X_train[:200], y_train[:200], validation_data=(X_test, y_test)
        )
        for widths in ((8,), (64,))
    ]
    ax = st.plot.loss_curve(*models, labels=["8 hidden units", "64 hidden units"])
    ax.set_title("digits, 200 training rows: cross-entropy", fontsize=10)
    save("loss.png", ax)
    lows = [model.history_["validation_loss"].min() for model in models]
    return (
        f"training and validation loss on 200 rows of digits; lowest validation loss {lows[0]:.3f} "
        f"with 8 hidden units, {lows[1]:.3f} with 64"
    )


@dataclass(frozen=True)
class Landscape:
    """A function of two parameters, where its descents start, and what to show of it."""

    title: str
    fun: Callable[[Any], float]
    grad: Callable[[Any], Any]
    start: tuple[float, float]
    minimum: tuple[float, float]
    optimizers: tuple[st.SGD, st.Momentum, st.Adam]
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def draw(self, ax: Any) -> str:
        """Draw the paths until the gradient's norm is 1e-3, and return their numbers of steps."""
        results = [
            st.minimize(
                self.fun, self.start, self.grad, optimizer, None, 20_000, 1e-3, record_path=True
            )
            for optimizer in self.optimizers
        ]
        labels = [
            f"{type(optimizer).__name__}, {result.n_steps:,} steps"
            for optimizer, result in zip(self.optimizers, results, strict=True)
        ]
        st.plot.contour(
            self.fun, self.x_range, self.y_range, results, labels, minimum=self.minimum, ax=ax
        )
        ax.set_title(self.title, fontsize=10)
        return " / ".join(f"{result.n_steps:,}" for result in results)


def bowl(x: Any) -> float:
    return float(0.5 * x[0] ** 2 + 10.0 * x[1] ** 2)


def bowl_gradient(x: Any) -> Any:
    return np.array([x[0], 20.0 * x[1]])


def rosenbrock(x: Any) -> float:
    return float((1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2)


def rosenbrock_gradient(x: Any) -> Any:
    slope = 200.0 * (x[1] - x[0] ** 2)
    return np.array([-2.0 * (1.0 - x[0]) - 2.0 * slope * x[0], slope])


LANDSCAPES = [
    Landscape(
        "a narrow bowl: $x_0^2/2 + 10\\,x_1^2$",
        bowl,
        bowl_gradient,
        start=(-4.0, 1.3),
        minimum=(0.0, 0.0),
        optimizers=(st.SGD(0.09), st.Momentum(0.03), st.Adam(0.3)),
        x_range=(-4.4, 2.4),
        y_range=(-1.6, 2.6),
    ),
    Landscape(
        "Rosenbrock's valley",
        rosenbrock,
        rosenbrock_gradient,
        start=(-1.2, 1.0),
        minimum=(1.0, 1.0),
        optimizers=(st.SGD(1e-3), st.Momentum(3e-4), st.Adam(0.05)),
        x_range=(-1.6, 1.6),
        y_range=(-0.6, 2.4),
    ),
]


def descent_paths() -> str:
    """The same start, three optimizers, on a narrow bowl and in Rosenbrock's valley."""
    _, axes = plt.subplots(1, 2, figsize=(10.0, 4.4), layout="constrained")
    steps = [landscape.draw(ax) for landscape, ax in zip(LANDSCAPES, axes, strict=True)]
    save("paths.png", axes[0])
    return f"steps of SGD / Momentum / Adam: {steps[0]} in a narrow bowl, {steps[1]} in a curved valley"


def polynomials() -> str:
    """Polynomials of rising degree on few noisy points."""
    rng = np.random.default_rng(0)

    def targets(x: Any) -> Any:
        return np.sin(2.0 * x) + 0.3 * x + 0.25 * rng.standard_normal(x.size)

    x, x_validation = np.linspace(-3.0, 3.0, 20), np.sort(rng.uniform(-3.0, 3.0, 60))
    y, y_validation = targets(x), targets(x_validation)
    axes = st.plot.overfitting(x, y, x_validation, y_validation, range(1, 17))
    save("polynomial.png", axes[0])
    return "fits to 20 noisy points; from some degree on the training error alone goes on falling"


def linear_model_beside_least_squares() -> str:
    X_train, X_test, y_train, y_test = TASKS[2].data()
    descent = st.LinearRegression().fit(X_train, y_train)
    exact = linear_model.LinearRegression().fit(X_train, y_train)
    gap = np.abs(descent.coef_ - exact.coef_).max()
    return (
        f"Linear regression on diabetes: R^2 {descent.score(X_test, y_test):.4f} after "
        f"{descent.n_iter_} steps of descent, {exact.score(X_test, y_test):.4f} by scikit-learn's least "
        f"squares; largest difference of a coefficient {gap:.1e}"
    )


def main() -> int:
    # Both libraries warn where the limit of epochs ends a fit; here it is meant to.
    warnings.simplefilter("ignore", ConvergenceWarning)
    st.set_num_threads(1)
    start = time.perf_counter()
    print(
        f"steepest {st.__version__} ({st.instruction_set()}), scikit-learn {sklearn.__version__}, "
        f"NumPy {np.__version__}"
    )
    comparisons = [compare(task) for task in TASKS]
    print_comparisons(comparisons)
    print()
    print(linear_model_beside_least_squares())
    print()
    PICTURES.mkdir(exist_ok=True)
    for name, draw in (
        ("loss.png", learning_curves),
        ("paths.png", descent_paths),
        ("polynomial.png", polynomials),
    ):
        print(f"demo/{name}: {draw()}")
    print(f"{time.perf_counter() - start:.0f} s in all")
    return 0 if all(comparison.holds for comparison in comparisons) else 1


if __name__ == "__main__":
    sys.exit(main())
