"""Draw a polynomial's steps against the condition number of its basis, to ``demo/bases.png``.

Run by ``make demo``. Degrees 1 to 10 on 400 uneven points, all four bases, ``learning_rate="auto"``: heavy-ball
momentum at the rate and momentum that are optimal for the curvatures. Prints the numbers as well.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

import steepest as st
from steepest import kernels
from steepest._bases import BASES, to_unit

COLOURS = {
    "monomial": "#D55E00",
    "legendre": "#009E73",
    "chebyshev": "#0072B2",
    "orthonormal": "#000000",
}
MARKERS = {"monomial": "s", "legendre": "^", "chebyshev": "o", "orthonormal": "*"}
DEGREES = range(1, 11)
TOL = 1e-10


def data() -> tuple[np.ndarray, np.ndarray]:
    """Return points that crowd at one end, and what is measured there."""
    rng = np.random.default_rng(0)
    x = 5.0 * rng.beta(1.2, 3.0, 400)
    return x, np.sin(2.0 * x) + 0.1 * rng.standard_normal(400)


def condition(model: st.PolynomialRegression, x: np.ndarray) -> float:
    """Return the condition number of the Hessian, that of the Gram matrix of the basis."""
    u = to_unit(x, model.domain_)
    design = np.stack(
        [
            kernels.polynomial_predict(row, u, tuple(model.recurrence_))
            for row in np.eye(model.degree + 1)
        ],
        axis=1,
    )
    return float(np.linalg.cond(design)) ** 2


def measure() -> dict[str, tuple[list[float], list[int]]]:
    x, y = data()
    curves = {}
    for basis in BASES:
        conditions, steps = [], []
        for degree in DEGREES:
            model = st.PolynomialRegression(degree, basis, tol=TOL, max_epochs=3_000_000)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(x, y)
            conditions.append(condition(model, x))
            steps.append(len(model.loss_curve_) - 1)
            print(f"{basis:12} {degree:2}  {conditions[-1]:9.3g}  {steps[-1]:7}  {model.status_}")
        curves[basis] = conditions, steps
    return curves


def draw(curves: dict[str, tuple[list[float], list[int]]], path: Path) -> None:
    figure, ax = plt.subplots(figsize=(5.2, 3.6), layout="constrained")
    for basis, (conditions, steps) in curves.items():
        ax.plot(
            conditions,
            steps,
            color=COLOURS[basis],
            marker=MARKERS[basis],
            markersize=10 if basis == "orthonormal" else 5,
            linewidth=1,
            label=basis,
        )
    for basis, offset in {"monomial": (-8, -3), "legendre": (-8, 4), "chebyshev": (8, -8)}.items():
        conditions, steps = curves[basis]
        ax.annotate(
            "degree 10",
            (conditions[-1], steps[-1]),
            xytext=offset,
            textcoords="offset points",
            ha="right" if offset[0] < 0 else "left",
            fontsize=8,
            color=COLOURS[basis],
        )
    ax.annotate(
        "every degree",
        (curves["orthonormal"][0][0], curves["orthonormal"][1][-1]),
        xytext=(10, -3),
        textcoords="offset points",
        fontsize=8,
    )
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="condition number of the Hessian",
        ylabel=f"steps until the gradient is below {TOL:g}",
    )
    ax.grid(color="#DDDDDD", linewidth=0.6)
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    figure.savefig(path, dpi=150)


def main() -> None:
    path = Path("demo/bases.png")
    path.parent.mkdir(exist_ok=True)
    draw(measure(), path)
    print(path)


if __name__ == "__main__":
    main()
