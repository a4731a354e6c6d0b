"""Draw what gradient descent looks like, on real runs: every kind of picture of ``st.plot``.

Run by ``make pictures``. Writes to ``demo/``, and those that README shows to ``benchmarks/results/``. Every run has
a fixed seed and one thread; says for each picture what it shows, with its numbers. Given names, draws only those.
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
from PIL import Image
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


def digits(n: int) -> list[Any]:
    """X, y of so many training rows, and X, y of 800 others."""
    return prepared(*datasets.load_digits(return_X_y=True), n, 800, stratify=True)


def diabetes(n: int) -> list[Any]:
    """X, y of so many training rows, and X, y of 200 others; targets of mean 0 and variance 1."""
    X, y = datasets.load_diabetes(return_X_y=True)
    return prepared(X, (y - y.mean()) / y.std(), n, 200)


def prepared(X: Any, y: Any, n: int, n_validation: int, stratify: bool = False) -> list[Any]:
    X, X_validation, y, y_validation = train_test_split(
        X, y, train_size=n, test_size=n_validation, random_state=0, stratify=y if stratify else None
    )
    scaler = StandardScaler().fit(X)
    return [scaler.transform(X), y, scaler.transform(X_validation), y_validation]


def figure(columns: int, rows: int = 1, width: float = 4.3, height: float = 3.6) -> Any:
    _, axes = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), layout="constrained", squeeze=False
    )
    for ax in axes.ravel():
        ax.grid(True, color="#DDDDDD", linewidth=0.6)
        ax.tick_params(which="both", labelsize=8)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
    return axes[0] if rows == 1 else axes


def save(name: str, ax: Any, readme: bool = False) -> None:
    drawn = ax.get_figure()
    drawn.savefig(PICTURES / f"{name}.png", dpi=150)
    plt.close(drawn)
    if readme:  # in 256 colours: a third of the bytes
        picture = Image.open(PICTURES / f"{name}.png").convert("RGB")
        small = picture.resize((1100, round(1100 * picture.height / picture.width)), Image.LANCZOS)
        small.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=2).save(
            IN_README / f"{name}.png", optimize=True
        )


# ---------------------------------------------------------------- losses over time


def seeds() -> str:
    """Loss and accuracy over epochs, with bands over seeds."""
    X, y, X_test, y_test = digits(200)
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
    st.plot.metric_bands(*groups, metric=["loss", "validation_loss"], labels=labels, ax=axes[0])
    st.plot.metric_bands(*groups, metric="validation_score", labels=labels, log=False, ax=axes[1])
    axes[0].set_title("digits, 200 training rows: cross-entropy")
    axes[1].set_title("accuracy on 800 others")
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
        "step": st.schedules.Step(50, 0.5),
    }
    axes = figure(1)
    st.plot.schedule(shown, n, ax=axes[0])
    axes[0].set_ylabel("learning rate factor")
    save("schedules", axes[0])
    return f"{len(shown)} schedules of {n} steps"


def range_test() -> str:
    """Range tests of the learning rate, of two optimizers on one network."""
    X, y, *_ = digits(900)
    axes = figure(2)
    said = []
    for ax, optimizer in zip(axes, (st.SGD(), st.Adam()), strict=True):
        model = st.MLPClassifier((64,), batch_size=32, optimizer=optimizer, random_state=0)
        found = st.lr_find(model, X, y, low=1e-5, high=100.0, n_steps=200)
        st.plot.lr_find(found, ax=ax)
        name = type(optimizer).__name__
        ax.set_title(f"digits, 64-64-10, {name}")
        said.append(f"{name} {found.suggestion:.2g}, steepest fall at {found.steepest:.2g}")
    save("range_test", axes[0])
    return "suggested rates: " + "; ".join(said)


# ---------------------------------------------------------------- functions of two parameters

RIVALS = {  # in Himmelblau's valleys
    "SGD": st.SGD(0.003),
    "Momentum": st.Momentum(0.003),
    "RMSprop": st.RMSprop(0.03),
    "Adam": st.Adam(0.1),
}
START = [-0.5, -4.5]


def descents(f: Any, start: Any, optimizers: dict[str, Any], max_steps: int = 20_000) -> Any:
    """Return the results until the gradient is below 1e-3, and labels with their numbers of steps."""
    results = [
        st.minimize(f, start, optimizer=optimizer, max_steps=max_steps, gtol=1e-3, record_path=True)
        for optimizer in optimizers.values()
    ]
    labels = [
        f"{name}, {result.n_steps:,} steps" + ("" if result.converged else ": not there")
        for name, result in zip(optimizers, results, strict=True)
    ]
    return results, labels


def obstacles() -> str:
    """Gradient descent and momentum at a local minimum, a saddle and a plateau."""
    rates = {"SGD": st.SGD(0.01), "Momentum": st.Momentum(0.01, momentum=0.9)}
    camel, well, plateau = (
        st.functions.ThreeHumpCamel(),
        st.functions.DoubleWell(),
        st.functions.Plateau(0.05),
    )
    cases = [
        ("a local minimum: three-hump camel", camel, (2.2, 1.0), (-2.5, 2.5), (-1.6, 2.4)),
        ("a saddle: double well", well, (1.0, 1e-4), (-0.5, 1.3), (-1.5, 1.5)),
        ("a plateau", plateau, (4.5, 1.0), (-1.5, 5.0), (-1.3, 1.9)),
    ]
    axes = figure(3, width=3.6)
    said = []
    for ax, (title, f, start, x_range, y_range) in zip(axes, cases, strict=True):
        results, labels = descents(f, start, rates)
        st.plot.contour(
            f, x_range, y_range, results, labels, levels=20, minimum=f.minima[0].x, ax=ax
        )
        ax.set_title(title)
        if ax is not axes[0]:  # one key of the marks will do
            ax.legend(
                handles=[line for line in ax.get_lines() if line.get_label() in labels], fontsize=8
            )
        ends = " and ".join(
            f"f = {result.fun:.2g} after {result.n_steps:,} steps" for result in results
        )
        said.append(f"{title}: SGD and Momentum end at {ends}")
    save("obstacles", axes[0], readme=True)
    return "; ".join(said)


def optimizers() -> str:
    """The same start, four optimizers, among Himmelblau's minima: from above, and in space."""
    f = st.functions.Himmelblau()
    results, labels = descents(f, START, RIVALS)
    drawn = plt.figure(figsize=(9.2, 4.0), layout="constrained")
    flat, space = drawn.add_subplot(1, 2, 1), drawn.add_subplot(1, 2, 2, projection="3d")
    flat.tick_params(labelsize=8)
    space.tick_params(labelsize=8, pad=-2)
    st.plot.contour(f, *f.domain, results, labels, ax=flat)
    st.plot.surface(f, *f.domain, results, ax=space, azimuth=-65, elevation=45)
    space.get_legend().remove()
    save("optimizers", flat)
    return "Himmelblau until the gradient is below 1e-3: " + ", ".join(
        f"{label} to {r.x.round(2)}" for label, r in zip(labels, results, strict=True)
    )


def valley() -> str:
    """Rosenbrock's valley in space, by the logarithm of its height."""
    f = st.functions.Rosenbrock()
    rivals = {"SGD": st.SGD(1e-3), "Momentum": st.Momentum(1e-3), "Adam": st.Adam(0.05)}
    results, labels = descents(f, [-1.2, 1.0], rivals)
    ax = st.plot.surface(
        f,
        (-1.6, 1.6),
        (-0.7, 1.9),
        results,
        labels,
        True,
        f.minima[0].x,
        azimuth=-110,
        elevation=55,
    )
    save("valley", ax)
    return "Rosenbrock until the gradient is below 1e-3: " + ", ".join(labels)


def descent() -> str:
    """The same four in motion: a GIF and a page."""
    f = st.functions.Himmelblau()
    results, labels = descents(f, START, RIVALS)
    film = st.plot.animation(f, *f.domain, results, labels, frames=60, spacing="log")
    for ending in ("gif", "html"):
        film.save(PICTURES / f"descent.{ending}")
    plt.close(film.axes.get_figure())
    return f"{len(film.steps)} frames of {film.steps[-1]} steps, as descent.gif and descent.html"


# ---------------------------------------------------------------- networks


def landscape() -> str:
    """A network's loss around its training, on two planes."""
    X, y, *_ = digits(500)
    path = ParameterPath()
    model = st.MLPClassifier(
        (16,), batch_size=32, max_iter=40, callbacks=[path], random_state=0
    ).fit(X, y)
    loss = NetworkLoss(model, X, y)
    ours, random = path_plane(path.points), random_plane(loss)
    axes = figure(2)
    st.plot.loss_plane(loss, ours, path.points, ax=axes[0])
    st.plot.loss_plane(loss, random, ax=axes[1])
    save("landscape", axes[0], readme=True)
    return (
        f"digits, 64-16-10, {len(path) - 1} epochs; {ours.share(path.points):.1%} of the path's variance is in "
        f"its plane, {random.share(path.points):.1%} in the random one; loss at the end {loss(loss.parameters):.3g}"
    )


def layers() -> str:
    """Activations, gradients and updates of each layer, dead ReLUs and update ratios, over epochs."""
    X, y, *_ = digits(500)
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
    X, y = datasets.make_moons(200, noise=0.25, random_state=0)
    model = st.MLPClassifier(
        (32, 32), alpha=1.0, max_iter=300, learning_rate_init=0.01, random_state=0
    ).fit(X, y)
    st.plot.decision_regions(model, X, y, ax=axes[0])
    blobs, labels = datasets.make_blobs(240, centers=5, cluster_std=1.3, random_state=3)
    labels %= 3
    three = st.MLPClassifier(
        (32, 32), alpha=1.0, max_iter=300, learning_rate_init=0.01, random_state=0
    ).fit(blobs, labels)
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
    for ax, alpha in zip(axes, (0.0, 1.0), strict=True):
        model = st.MLPClassifier(
            (8,),
            alpha=alpha,
            l1_ratio=1.0 if alpha else 0.0,
            max_iter=400,
            learning_rate_init=0.01,
            random_state=0,
        ).fit(X, y)
        names = datasets.load_iris().target_names
        st.plot.network(model, output_names=list(names), ax=ax)
        counts.append(sum(int(np.count_nonzero(w)) for w in model.coefs_))
        ax.set_title("L1 penalty, alpha = 1" if alpha else "no penalty")
    save("network", axes[0])
    return f"weights that are not 0: {counts[0]} without a penalty, {counts[1]} with L1"


# ---------------------------------------------------------------- fit and overfitting


def overfitting() -> str:
    """Error against the degree of a polynomial, and a network's width, training rows and epochs."""
    axes = figure(2, 2, height=3.1)
    rng = np.random.default_rng(0)

    def points(n: int) -> Any:
        x = rng.uniform(-3.0, 3.0, n)
        return x[:, np.newaxis], np.sin(2.0 * x) + 0.3 * x + 0.25 * rng.standard_normal(n)

    st.plot.capacity_curve(
        lambda degree, seed: st.PolynomialRegression(degree, "orthonormal"),
        range(1, 17),
        *points(25),
        *points(400),
        name="degree",
        ax=axes[0, 0],
    )
    axes[0, 0].set_title("polynomials on 25 noisy points")
    st.plot.capacity_curve(
        lambda width, seed: network(width, seed),
        [2, 4, 8, 16, 32, 64, 128],
        *digits(200),
        name="hidden units",
        seeds=SEEDS,
        log_values=True,
        ax=axes[0, 1],
    )
    axes[0, 1].set_title("networks on 200 rows of digits")
    st.plot.learning_curve(
        lambda seed: network(32, seed),
        [32, 64, 128, 256, 512, 900],
        *digits(900),
        seeds=SEEDS,
        ax=axes[1, 0],
    )
    axes[1, 0].set_title("32 hidden units on ever more rows of digits")
    best = epochs(axes[1, 1])
    save("overfitting", axes[0, 0], readme=True)
    return (
        "against degree, width, rows and epochs; on diabetes the median validation loss is lowest after "
        f"{best} epochs"
    )


def network(width: int, seed: int) -> st.MLPClassifier:
    return st.MLPClassifier((width,), batch_size=32, max_iter=100, random_state=seed)


def epochs(ax: Any) -> int:
    """Draw the losses over the epochs of networks that overfit; return the best epoch."""
    X, y, X_validation, y_validation = diabetes(200)
    fits = [
        st.MLPRegressor(
            hidden_layer_sizes=(64,), batch_size=32, max_iter=150, random_state=seed
        ).fit(X, y, validation_data=(X_validation, y_validation))
        for seed in SEEDS
    ]
    losses = [
        np.stack([fit.history_[key] for fit in fits], axis=1) for key in ("loss", "validation_loss")
    ]
    at = np.arange(1, len(losses[0]) + 1)
    st.plot.error_curve(at, *losses, name="epoch", log=False, ax=ax)
    ax.set_ylabel(ax.get_ylabel().replace("error", "loss"))
    ax.set_title("64 hidden units on 200 rows of diabetes")
    return int(at[np.argmin(np.median(losses[1], axis=1))])


DRAWN: dict[str, Callable[[], str]] = {
    "seeds": seeds,
    "schedules": schedules,
    "range_test": range_test,
    "obstacles": obstacles,
    "optimizers": optimizers,
    "valley": valley,
    "descent": descent,
    "landscape": landscape,
    "layers": layers,
    "regions": regions,
    "network": graph,
    "overfitting": overfitting,
}


def main(names: list[str]) -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)  # limits of epochs are meant here
    st.set_num_threads(1)
    mpl.rcParams.update(
        {"font.size": 9, "axes.titlesize": 9, "axes.labelsize": 9}
    )  # as st.plot's own
    PICTURES.mkdir(exist_ok=True)
    for name in names or DRAWN:
        start = time.perf_counter()
        print(f"demo/{name}: {DRAWN[name]()} ({time.perf_counter() - start:.1f} s)", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
