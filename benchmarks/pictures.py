"""Draw what gradient descent looks like, on real runs: every kind of picture of ``st.plot``.

Run by ``make pictures``. Writes to ``demo/``, and those that README shows to ``benchmarks/results/``. Every run has a
fixed seed and one thread; says for each picture what it shows, with its numbers. Names as arguments draw only those.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
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
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import steepest as st
from steepest.calculus import NetworkLoss
from steepest.landscape import path_plane, random_plane
from steepest.recording import LayerStatistics, ParameterPath

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "demo"
IN_README = ROOT / "benchmarks" / "results"
SEEDS = range(9)


def digits(n_train: int) -> list[Any]:
    """X_train, X_test, y_train, y_test; so many rows to train on, 800 to validate on."""
    X, y = datasets.load_digits(return_X_y=True)
    parts = train_test_split(
        X, y, train_size=n_train, test_size=800, random_state=0, stratify=y
    )
    scaler = StandardScaler().fit(parts[0])
    return [scaler.transform(parts[0]), scaler.transform(parts[1]), *parts[2:]]


def moons(n: int, noise: float, seed: int) -> Any:
    return datasets.make_moons(n, noise=noise, random_state=seed)


def figure(columns: int, rows: int = 1, width: float = 4.3, height: float = 3.6) -> Any:
    _, axes = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), layout="constrained", squeeze=False
    )
    for ax in axes.ravel():
        ax.grid(True, color="#DDDDDD", linewidth=0.6)
        ax.tick_params(labelsize=8)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
    return axes[0] if rows == 1 else axes


def save(name: str, ax: Any, readme: bool = False) -> None:
    drawn = ax.get_figure()
    drawn.savefig(PICTURES / f"{name}.png", dpi=150)
    if readme:  # half the size: a few dozen kilobytes that still are sharp
        drawn.savefig(IN_README / f"{name}.png", dpi=110)
    plt.close(drawn)


# ---------------------------------------------------------------- losses over time


def seeds() -> str:
    """Loss and accuracy over epochs, with bands over seeds."""
    X, X_test, y, y_test = digits(200)
    groups = [
        [
            st.MLPClassifier(
                (width,), batch_size=32, max_iter=120, scoring="accuracy", random_state=seed
            ).fit(X, y, validation_data=(X_test, y_test))
            for seed in SEEDS
        ]
        for width in (8, 64)
    ]
    labels = ["8 hidden units", "64 hidden units"]
    axes = figure(2)
    st.plot.metric_bands(
        *groups, metric=["loss", "validation_loss"], labels=labels, ax=axes[0]
    )
    st.plot.metric_bands(
        *groups, metric="validation_score", labels=labels, log=False, ax=axes[1]
    )
    axes[0].set_title("digits, 200 training rows: cross-entropy", fontsize=9)
    axes[1].set_title("accuracy on 800 others", fontsize=9)
    save("seeds", axes[0])
    final = [np.median([m.history_["validation_score"][-1] for m in group]) for group in groups]
    return (
        f"{len(SEEDS)} seeds each; median accuracy at the end {final[0]:.3f} with 8 hidden units, "
        f"{final[1]:.3f} with 64"
    )


def schedules() -> str:
    """Learning rates over 200 steps."""
    n = 200
    shown = {
        "cosine": st.schedules.Cosine(n),
        "one cycle": st.schedules.OneCycle(n),
        "warm restarts": st.schedules.WarmRestarts(25, 2),
        "exponential": st.schedules.Exponential(0.98),
        "step": st.schedules.Step(50, 0.5),
    }
    axes = figure(1)
    st.plot.schedule(shown, n, ax=axes[0])
    axes[0].set_ylabel("learning rate factor")
    save("schedules", axes[0])
    return f"{len(shown)} schedules of {n} steps"


# ---------------------------------------------------------------- functions of two parameters

OPTIMIZERS = {
    "SGD": st.SGD(1e-3),
    "Momentum": st.Momentum(1e-3),
    "RMSprop": st.RMSprop(0.01),
    "Adam": st.Adam(0.05),
}


def descents(f: Any, start: Any, optimizers: dict[str, Any], max_steps: int) -> tuple[list[Any], list[str]]:
    results = [
        st.minimize(
            f, start, optimizer=optimizer, max_steps=max_steps, gtol=1e-3, record_path=True
        )
        for optimizer in optimizers.values()
    ]
    labels = [
        f"{name}, {result.n_steps:,} steps" for name, result in zip(optimizers, results, strict=True)
    ]
    return results, labels


def paths() -> str:
    """The same start, four optimizers, in Rosenbrock's valley: from above, and in space."""
    f = st.functions.Rosenbrock()
    results, labels = descents(f, [-1.2, 1.0], OPTIMIZERS, 20_000)
    figure_ = plt.figure(figsize=(9.2, 4.0), layout="constrained")
    flat, space = figure_.add_subplot(1, 2, 1), figure_.add_subplot(1, 2, 2, projection="3d")
    ranges = (-1.6, 1.6), (-0.7, 1.9)
    minimum = f.minima[0].x
    st.plot.contour(f, *ranges, results, labels, minimum=minimum, ax=flat)
    st.plot.surface(
        f, *ranges, results, labels, log_heights=True, minimum=minimum, ax=space, azimuth=-110, elevation=55
    )
    space.get_legend().remove()
    save("optimizers", flat)
    return "Rosenbrock until the gradient is below 1e-3: " + ", ".join(labels)


def saddle() -> str:
    """Four optimizers past a saddle, as GIF and as a page."""
    f = st.functions.Beale()
    results, labels = descents(f, [-3.0, 3.0], OPTIMIZERS, 4000)
    film = st.plot.animation(
        f, (-4.5, 4.5), (-4.5, 4.5), results, labels, minimum=f.minima[0].x, frames=60, spacing="log"
    )
    film.save(PICTURES / "descent.gif")
    film.save(PICTURES / "descent.html")
    plt.close(film.axes.get_figure())
    return ", ".join(labels)


# ---------------------------------------------------------------- networks


def landscape() -> str:
    """A network's loss around its training, on two planes."""
    X, _, y, _ = digits(500)
    path = ParameterPath()
    model = st.MLPClassifier(
        (16,), batch_size=32, max_iter=40, callbacks=[path], random_state=0
    ).fit(X, y)
    loss = NetworkLoss(model, X, y)
    ours, random = path_plane(path.points), random_plane(loss)
    axes = figure(2)
    st.plot.loss_plane(loss, ours, path.points, ax=axes[0])
    st.plot.loss_plane(loss, random, ax=axes[1])
    axes[0].set_title("principal components of the path", fontsize=9)
    axes[1].set_title("random directions, filter-normalised", fontsize=9)
    save("landscape", axes[0])
    return (
        f"digits, 64-16-10, {len(path) - 1} epochs; {ours.share(path.points):.1%} of the path's variance is in "
        f"its plane, {random.share(path.points):.1%} in the random one; loss at the end {loss(loss.parameters):.3g}"
    )


def layers() -> str:
    """Activations, gradients and updates of each layer, dead ReLUs and update ratios, over epochs."""
    X, _, y, _ = digits(500)
    statistics = LayerStatistics()
    st.MLPClassifier(
        (32, 32, 32), batch_size=32, max_iter=30, callbacks=[statistics], random_state=0
    ).fit(X, y)
    board = st.plot.layer_statistics(statistics)
    save("layers", board[0, 0])
    axes = figure(2)
    st.plot.layer_rates(statistics, "dead", ax=axes[0])
    st.plot.layer_rates(statistics, "update_ratios", ax=axes[1])
    save("layer_rates", axes[0])
    return f"dead at the end {statistics.dead[-1].round(3)}, update ratios {statistics.update_ratios[-1].round(4)}"


def regions() -> str:
    """Decision regions of networks, of two and of three classes."""
    axes = figure(2)
    X, y = moons(200, 0.25, 0)
    model = st.MLPClassifier((32, 32), max_iter=300, learning_rate_init=0.01, random_state=0).fit(X, y)
    st.plot.decision_regions(model, X, y, ax=axes[0])
    blobs, labels = datasets.make_blobs(240, centers=5, cluster_std=1.3, random_state=3)
    labels %= 3
    three = st.MLPClassifier((32, 32), max_iter=300, learning_rate_init=0.01, random_state=0).fit(blobs, labels)
    st.plot.decision_regions(three, blobs, labels, ax=axes[1])
    save("regions", axes[0])
    return f"training accuracy {model.score(X, y):.3f} on moons, {three.score(blobs, labels):.3f} on three classes"


def graph() -> str:
    """Networks as graphs, dense and made sparse by an L1 penalty."""
    X, y = datasets.load_iris(return_X_y=True, as_frame=True)
    X = X.rename(columns=lambda name: name.removesuffix(" (cm)"))
    X = (X - X.mean()) / X.std()
    axes = figure(2)
    counts = []
    for ax, alpha in zip(axes, (0.0, 0.02), strict=True):
        model = st.MLPClassifier(
            (8,), alpha=alpha, l1_ratio=1.0 if alpha else 0.0, max_iter=400, learning_rate_init=0.01, random_state=0
        ).fit(X, y)
        names = datasets.load_iris().target_names
        st.plot.network(model, output_names=list(names), ax=ax)
        counts.append(sum(int(np.count_nonzero(w)) for w in model.coefs_))
        ax.set_title(f"L1 {alpha}" if alpha else "no penalty", fontsize=9)
    save("network", axes[0])
    return f"weights that are not 0: {counts[0]} without a penalty, {counts[1]} with L1"


# ---------------------------------------------------------------- fit and overfitting


def overfitting() -> str:
    """Error against degree, width, rows and epochs."""
    axes = figure(2, 2)
    rng = np.random.default_rng(0)

    def targets(x: Any) -> Any:
        return np.sin(2.0 * x) + 0.3 * x + 0.25 * rng.standard_normal(x.size)

    x, x_validation = np.sort(rng.uniform(-3, 3, 25)), np.sort(rng.uniform(-3, 3, 200))
    y, y_validation = targets(x), targets(x_validation)
    st.plot.capacity_curve(
        lambda degree, seed: st.PolynomialRegression(degree, "orthonormal"),
        range(1, 17), x[:, None], y, x_validation[:, None], y_validation, "degree", ax=axes[0, 0],
    )
    X, X_test, labels, labels_test = digits(200)

    def network(width: int, seed: int) -> Any:
        return st.MLPClassifier((width,), batch_size=32, max_iter=100, random_state=seed)

    st.plot.capacity_curve(
        network, [2, 4, 8, 16, 32, 64, 128], X, labels, X_test, labels_test, "hidden units", SEEDS,
        log_values=True, log=False, ax=axes[0, 1],
    )
    X, X_test, labels, labels_test = digits(900)
    st.plot.learning_curve(
        lambda seed: network(32, seed), [25, 50, 100, 200, 400, 900], X, labels, X_test, labels_test, SEEDS,
        log=False, ax=axes[1, 0],
    )
    return ""


DRAWN: dict[str, Callable[[], str]] = {
    "seeds": seeds,
    "schedules": schedules,
    "optimizers": paths,
    "descent": saddle,
    "landscape": landscape,
    "layers": layers,
    "regions": regions,
    "network": graph,
}


def main(names: list[str]) -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)  # limits of epochs are meant here
    st.set_num_threads(1)
    PICTURES.mkdir(exist_ok=True)
    for name in names or DRAWN:
        start = time.perf_counter()
        print(f"demo/{name}: {DRAWN[name]()} ({time.perf_counter() - start:.1f} s)", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
