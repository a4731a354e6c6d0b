"""The pictures of README, from the numbers that were kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from cases import TITLES

# Okabe and Ito's colours, which those who see no difference between red and green can tell apart; and a
# marker of its own for each library.
STYLES: dict[str, dict[str, Any]] = {
    "steepest": {"color": "#D55E00", "marker": "o", "linewidth": 2.2},
    "jax": {"color": "#0072B2", "marker": "s"},
    "jax_numpy": {"color": "#56B4E9", "marker": "D", "linestyle": "--"},
    "torch": {"color": "#009E73", "marker": "^"},
    "sklearn": {"color": "#000000", "marker": "v"},
}
SIZE = (5.2, 3.6)
SETTINGS = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.markersize": 4,
    "svg.hashsalt": "steepest",  # the same numbers give the same file
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "white",
}


def draw(saved: dict[str, Any], results: Path) -> list[str]:
    """Draw what there are numbers for; return the names of the files."""
    drawn = []
    with mpl.rc_context(SETTINGS):
        for name, (part, cores, panel) in PICTURES.items():
            if cores not in saved.get(part, {}).get("cores", {}):
                continue
            figure, axes = plt.subplots(figsize=SIZE)
            panel(axes, saved[part]["cores"][cores])
            figure.savefig(results / name, metadata={"Date": None})
            plt.close(figure)
            drawn.append(name)
    return drawn


def step_over_width(axes: Any, records: list[dict[str, Any]]) -> None:
    widths = [record["widths"][1] for record in records]
    for name, style in STYLES.items():
        if name in records[0]["us"]:
            medians = [np.median(record["us"][name]) for record in records]
            axes.plot(widths, medians, label=TITLES[name], **style)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="width of the hidden layer",
        ylabel="microseconds a step",
        title="64-width-10, batch 64, float32, Adam, one core",
    )
    axes.set_xticks(widths, [f"{width:,}" for width in widths], minor=False)
    axes.minorticks_off()
    axes.legend(fontsize=8, loc="upper left")


def share_of_peak(axes: Any, found: dict[str, Any]) -> None:
    points = [p for p in found["points"] if p["dtype"] == "float32"]
    kinds = {
        "1 or 8 inputs or units": ("#0072B2", "v", lambda p: min(p["widths"][:2]) <= 8),
        "batch up to 33, more of these": ("#000000", "s", lambda p: p["batch"] <= 33),
        "larger": ("#D55E00", "o", lambda p: True),
    }
    for label, (color, marker, belongs) in kinds.items():
        chosen = [p for p in points if belongs(p)]
        points = [p for p in points if not belongs(p)]
        x, y = [p["flops"] / 1e6 for p in chosen], [100 * p["of_peak"] for p in chosen]
        axes.scatter(x, y, s=13, color=color, marker=marker, label=label, alpha=0.75, linewidth=0)
    axes.plot([5, 3e4], [65, 65], color="#009E73", linewidth=1.5)
    axes.plot([5, 5], [0, 65], color="#009E73", linewidth=1.5)
    axes.annotate("wanted: 65 % from 5 MFLOP", (3e4, 88), color="#007A5A", ha="right")
    axes.set(
        xscale="log",
        ylim=(0, 100),
        xlabel="MFLOP a step",
        ylabel="% of the FMA peak",
        title=f"Training on one core, float32; the peak is {found['peak']['float32']:.0f} GFLOP/s",
    )
    axes.legend(fontsize=8, loc="upper left")


def scaling(axes: Any, found: dict[str, Any]) -> None:
    points = [p for p in found["points"] if p["dtype"] == "float32"]
    x = [p["flops"] / 1e6 for p in points]
    y = [p["scaling"] for p in points]
    axes.scatter(x, y, s=13, color="#D55E00", linewidth=0, label="one size of network and batch")
    axes.plot([5, max(x)], [1.7, 1.7], color="#009E73", linewidth=1.5)
    axes.plot([5, 5], [1, 1.7], color="#009E73", linewidth=1.5)
    axes.annotate("wanted: 1.7 from 5 MFLOP", (max(x), 1.72), color="#007A5A", ha="right")
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set(
        xscale="log",
        ylim=(0.5, 2.1),
        xlabel="MFLOP a step",
        ylabel="times as fast as on one core",
        title="All cores, float32, Adam",
    )
    axes.legend(fontsize=8, loc="lower right")


def digits(axes: Any, curves: dict[str, list[dict[str, list[float]]]]) -> None:
    for name, style in STYLES.items():
        if name not in curves:
            continue
        # The n-th epoch's median time and accuracy over the seeds.
        seconds = np.median([curve["seconds"] for curve in curves[name]], axis=0)
        accuracy = np.median([curve["accuracy"] for curve in curves[name]], axis=0)
        axes.plot(1e3 * seconds, 100 * accuracy, label=TITLES[name], **{**style, "markersize": 3})
    axes.axhline(97, color="black", linewidth=0.8, linestyle=":")
    axes.set(
        xscale="log",
        ylim=(85, 99),
        xlabel="milliseconds of training",
        ylabel="test accuracy, %",
        title="Digits, 64-128-10, batch 32, float32, Adam, one core",
    )
    axes.legend(fontsize=8, loc="lower right")


PICTURES = {
    "step_over_width.svg": ("widths", "1", step_over_width),
    "share_of_peak.svg": ("sweep", "1", share_of_peak),
    "scaling.svg": ("sweep", "all", scaling),
    "digits.svg": ("digits", "1", digits),
}
