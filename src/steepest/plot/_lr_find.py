"""A learning rate range test."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.plot._read import FloatArray, vector
from steepest.plot._style import COLOURS, DATA_COLOUR, draw_legend, own_axes, pictured, set_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def lr_find(found: Any, log: bool = True, ax: Axes | None = None) -> Axes:
    """Draw a range test: the loss against the learning rate, the steepest fall, the suggestion.

    Parameters
    ----------
    found : result of steepest.lr_find
        With ``learning_rates``, ``losses`` and ``smoothed``, (n,) each, the rates ``suggestion`` and
        ``steepest``, and ``diverged_at``, a rate or None; possibly with ``limit``, the largest stable rate. A
        rate that is None or nan is not marked.
    log : bool, default True
        Logarithmic axis for the loss, where it has logarithms; that of the rates always is.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If ``found`` has other attributes, these don't hold numbers, or ``ax`` is not a matplotlib Axes.
    ValueError
        If the three arrays are not of one length, are empty, or a rate is not positive.
    """
    wanted = ("learning_rates", "losses", "smoothed", "suggestion", "steepest", "diverged_at")
    missing = [name for name in wanted if not hasattr(found, name)]
    if missing:
        raise TypeError(
            f"found must be a result of steepest.lr_find; {type(found).__name__} has no {missing[0]}"
        )
    rates = vector("found.learning_rates", found.learning_rates)
    if not (rates > 0).all():
        raise ValueError(f"found.learning_rates must be positive; one is {rates.min()}")
    losses = vector("found.losses", found.losses, size=rates.size)
    smoothed = vector("found.smoothed", found.smoothed, size=rates.size)
    with pictured():
        ax = own_axes(ax)
        raw: dict[str, Any] = {"markersize": 2.5, "markeredgewidth": 0, "alpha": 0.55}
        ax.plot(rates, losses, "o", color=DATA_COLOUR, label="loss", **raw)
        ax.plot(rates, smoothed, color=COLOURS[0], label="smoothed")
        ax.set_xscale("log")
        set_log(ax, log)
        _limit(ax, losses, smoothed)
        marks = (  # a dashed line lets one see that below it, where two rates are the same
            ("suggestion", found.suggestion, COLOURS[2], "-"),
            ("steepest fall", found.steepest, COLOURS[4], "--"),
            ("diverged", found.diverged_at, COLOURS[1], ":"),
            ("stable up to", getattr(found, "limit", None), COLOURS[3], "-."),
        )
        for name, rate, colour, dash in marks:
            if rate is not None and math.isfinite(rate):
                label = f"{name}: {rate:.2g}"
                ax.axvline(rate, color=colour, linestyle=dash, linewidth=1.5, zorder=1, label=label)
        ax.set_xlabel("learning rate")
        ax.set_ylabel("loss")
        draw_legend(ax)
    return ax


def _limit(ax: Axes, losses: FloatArray, smoothed: FloatArray) -> None:
    """Keep the view where the descent is: a loss that explodes would flatten all before it."""
    finite = smoothed[np.isfinite(smoothed)]
    if finite.size == 0:
        return
    start, low = float(finite[0]), float(finite.min())
    top = start + (start - low if start > low else abs(start) or 1.0)
    if finite.max() <= top:
        return
    both = np.concatenate([losses, smoothed])
    shown = both[np.isfinite(both) & (both <= top)]
    if ax.get_yscale() == "log":
        low = float(shown[shown > 0].min())
        ax.set_ylim(low * (low / top) ** 0.05, top)
    else:
        low = float(shown.min())
        ax.set_ylim(low - 0.05 * (top - low), top)
