"""Curves of several fits as one: a line in the middle, and a band for their spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.plot._curves import history_of
from steepest.plot._read import FloatArray, names_of, one_of, vector
from steepest.plot._style import (
    DATA_COLOUR,
    draw_legend,
    draw_line,
    own_axes,
    pictured,
    set_log,
    unused_styles,
    whole_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BANDS = {"quartiles": "median and quartiles", "deviation": "mean ± standard deviation"}
DASHES: tuple[Any, ...] = ("-", "--", ":")
NAMES = {"loss": "training", "validation_loss": "validation"}  # what the key of a history means


def metric_bands(
    *groups: Sequence[Any],
    metric: str | Sequence[str] = "loss",
    labels: str | Sequence[str] | None = None,
    band: str = "quartiles",
    log: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw the curves of fits that differ by their seed as a middle with a band, a pair for each group.

    The axis says what middle and band are, and of how many fits. A curve ends where the first fit of its
    group has ended: beyond that the middle would be one of other fits.

    Parameters
    ----------
    *groups : sequence of fitted estimators, results of minimize, mappings or arrays
        Each group becomes one colour; its members are what :func:`loss_curve` takes.
    metric : str or sequence of up to three, default "loss"
        Keys of the histories, such as "loss", "validation_loss", "validation_score" or
        "gradient_norm"; the second is dashed, the third dotted.
    labels : str or sequence of str, optional
        One for each group.
    band : {"quartiles", "deviation"}, default "quartiles"
        "quartiles" draws the median, and from the first to the third quartile; "deviation" the
        mean, and one standard deviation (that of the sample, with n - 1) to both sides.
    log : bool, default True
        Logarithmic axis, where all that is drawn has logarithms.
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
        If a history doesn't hold numbers, a group is no sequence of fits, or ``ax`` is not a
        matplotlib Axes.
    ValueError
        If nothing is given, a group is empty, a fit has no such metric, fits of one group are
        recorded at different steps, or ``band`` or the number of labels is wrong.

    Examples
    --------
    >>> from steepest.plot import metric_bands
    >>> seeds = [[4.0, 1.0, 0.5], [4.0, 2.0, 0.7], [4.0, 1.5, 0.6]]
    >>> ax = metric_bands(seeds, labels="three seeds")  # doctest: +SKIP
    """
    one_of("band", band, BANDS)
    metrics = [metric] if isinstance(metric, str) else list(metric)
    if not 0 < len(metrics) <= len(DASHES):
        raise ValueError(f"metric must name one to {len(DASHES)} metrics; got {len(metrics)}")
    if not groups:
        raise ValueError("metric_bands needs at least one group of fits to draw")
    members = [_members(group, k) for k, group in enumerate(groups)]
    bundles = [[_read_bundle(group, key, k) for key in metrics] for k, group in enumerate(members)]
    names = names_of(labels, len(groups), [f"group {k + 1}" for k in range(len(groups))])
    with pictured():
        ax = own_axes(ax)
        styles = unused_styles(ax, len(groups))
        for bundle, name, (colour, _) in zip(bundles, names, styles, strict=True):
            for curves, dash in zip(bundle, DASHES, strict=False):
                label = name if dash == "-" else None
                draw_band(ax, curves.at, curves.values, band, colour, dash, label)
        units = {curves.unit for bundle in bundles for curves in bundle}
        whole_ticks(ax)
        ax.set_xlabel(units.pop() if len(units) == 1 else "iteration")
        ax.set_ylabel(f"{_axis_name(metrics)}\n({says(band, [len(group) for group in members])})")
        set_log(ax, log)
        _draw_key(ax, metrics, several=len(groups) > 1 or labels is not None)
    return ax


@dataclass(frozen=True)
class Bundle:
    """The curves of one group, at the same steps."""

    unit: str
    at: FloatArray  # (n,)
    values: FloatArray  # (n, fits)


def _members(group: Any, position: int) -> list[Any]:
    where = f"group {position}"
    if isinstance(group, str) or not hasattr(group, "__iter__") or hasattr(group, "keys"):
        raise TypeError(f"{where} must be a list of fits or histories; got {type(group).__name__}")
    members = list(group)
    if not members:
        raise ValueError(f"{where} is empty")
    if all(np.ndim(member) == 0 and isinstance(member, (int, float)) for member in members):
        raise TypeError(f"{where} must be a list of fits or histories; got a list of numbers")
    return members


def _read_bundle(group: list[Any], metric: str, position: int) -> Bundle:
    curves = [
        _read_metric(fit, metric, f"fit {k} of group {position}") for k, fit in enumerate(group)
    ]
    length = min(values.size for _, _, values in curves)
    unit, at, _ = curves[0]
    for k, (its_unit, its_at, _) in enumerate(curves):
        if its_unit != unit or not np.array_equal(its_at[:length], at[:length]):
            raise ValueError(
                f"fit {k} of group {position} is recorded at other steps than fit 0: "
                f"{its_unit} {its_at[:3]}, not {unit} {at[:3]}"
            )
    return Bundle(unit, at[:length], np.stack([v[:length] for _, _, v in curves], axis=1))


def _read_metric(fit: Any, metric: str, where: str) -> tuple[str, FloatArray, FloatArray]:
    """Return the unit, the steps and the values of one metric of one fit."""
    history, unit, _ = history_of(fit, where)
    column = history.get(metric)
    if column is None or np.size(column) == 0:
        known = ", ".join(repr(key) for key, values in history.items() if np.size(values)) or "none"
        raise ValueError(f"{where} has no {metric!r} in its history; its keys: {known}")
    values = vector(f"the {metric} of {where}", column)
    if unit == "iteration":  # a plain mapping may say what it counts
        unit = next((key for key in ("epoch", "step") if np.size(history.get(key, ()))), unit)
    steps = history.get(unit)
    if steps is None or np.size(steps) == 0:
        return unit, np.arange(values.size, dtype=np.float64), values
    return unit, vector(f"the {unit} of {where}", steps, size=values.size), values


def middle_and_band(values: FloatArray, band: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the middle, the low and the high end over the second axis of values (n, fits)."""
    if values.shape[1] == 1:
        return values[:, 0], values[:, 0], values[:, 0]
    if band == "quartiles":
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=1)
        return middle, low, high
    mean = values.mean(axis=1)
    spread = values.std(axis=1, ddof=1)
    return mean, mean - spread, mean + spread


def draw_band(
    ax: Axes,
    at: FloatArray,
    values: FloatArray,  # (n, fits)
    band: str,
    colour: str,
    dash: Any = "-",
    label: str | None = None,
) -> None:
    middle, low, high = middle_and_band(values, band)
    draw_line(ax, at, middle, color=colour, linestyle=dash, label=label)
    if values.shape[1] > 1:
        ax.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0, zorder=1.5)


def says(band: str, counts: Sequence[int]) -> str:
    """Return in words what is drawn, of how many fits."""
    least, most = min(counts), max(counts)
    if most == 1:
        return "one fit each" if len(counts) > 1 else "one fit"
    return f"{BANDS[band]} of {most if least == most else f'{least} to {most}'} fits"


def _axis_name(metrics: list[str]) -> str:
    if len(metrics) > 1 and all(name in NAMES for name in metrics):
        return "loss"
    return ", ".join(name.replace("_", " ") for name in metrics)


def _draw_key(ax: Axes, metrics: list[str], several: bool) -> None:
    """Name the groups by colour and, once for all of them, the metrics by dashes."""
    from matplotlib.lines import Line2D

    handles = list(ax.get_legend_handles_labels()[0]) if several else []
    if len(metrics) > 1:
        meant = [NAMES.get(name, name.replace("_", " ")) for name in metrics]
        handles += [
            Line2D([], [], color=DATA_COLOUR, linestyle=dash, label=name)
            for name, dash in zip(meant, DASHES, strict=False)
        ]
    if handles:
        draw_legend(ax, handles)
