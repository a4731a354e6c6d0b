"""One look for all pictures: colours, sizes, axes, legends."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from steepest.plot._read import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette without its yellow, which is too pale for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES: tuple[Any, ...] = ("-", "--", ":", "-.")
LINE_STYLES: tuple[Any, ...] = ("-", "-.", (0, (5, 1, 1, 1, 1, 1)))  # once the colours are used up
DATA_COLOUR = "#333333"
GRID_COLOUR = "#DDDDDD"
STYLE: dict[Any, Any] = {  # any key: matplotlib types them one by one
    "figure.figsize": (4.8, 3.4),
    "figure.dpi": 120,
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "axes.axisbelow": True,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": True,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "legend.borderpad": 0.3,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
}
MANY = 7  # a longer legend stands beside the axes


def pictured() -> AbstractContextManager[None]:
    """Return a context with the style of these pictures; outside it nothing is changed."""
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise ImportError(
            "steepest.plot needs matplotlib, which is not installed: pip install steepest[plot]"
        ) from error
    return mpl.rc_context(STYLE)


def own_axes(ax: Any) -> Axes:
    from matplotlib.axes import Axes

    if ax is None:
        from matplotlib import pyplot as plt

        _, ax = plt.subplots(layout="constrained")
        return dressed(ax)
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be a matplotlib Axes; got {type(ax).__name__}")
    return ax


def two_axes(axes: Any) -> NDArray[Any]:
    if axes is not None and len(given := list(np.ravel(np.asarray(axes, dtype=object)))) != 2:
        raise ValueError(f"axes must be two matplotlib Axes; got {len(given)}")
    return grid_of_axes(axes, 1, 2).reshape(2)


def grid_of_axes(axes: Any, rows: int, columns: int) -> NDArray[Any]:
    """Return the given axes as an array (rows, columns), or those of a new figure."""
    if axes is None:
        from matplotlib import pyplot as plt

        size = (4.0, 3.4) if rows == 1 else (2.3, 1.9)  # a board's are small
        _, made = plt.subplots(
            rows,
            columns,
            figsize=(size[0] * columns + (rows > 1) * 0.9, size[1] * rows),
            layout="constrained",
            squeeze=False,
        )
        for ax in made.ravel():
            dressed(ax)
        return np.asarray(made)
    given = np.asarray(axes, dtype=object)
    if given.size != rows * columns:
        raise ValueError(
            f"axes must be {rows} x {columns} matplotlib Axes; got {given.size} of them"
        )
    for ax in given.ravel():
        own_axes(ax)
    return given.reshape(rows, columns)


def dressed(ax: Axes) -> Axes:
    # Ticks and grid lines are made when the picture is drawn, outside the style's context: what
    # they are to look like has to be said to the axes themselves.
    ax.tick_params(which="both", labelsize=STYLE["xtick.labelsize"])
    ax.grid(True, color=GRID_COLOUR, linewidth=0.6)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax


def right_axis(ax: Axes, label: str) -> Axes:
    """Return the axis of that label at the right of ``ax``, the one of an earlier call if any."""
    for other in ax.figure.axes:
        if other.get_ylabel() == label and other.get_position().bounds == ax.get_position().bounds:
            return other
    right = ax.twinx()
    right.set_ylabel(label)
    right.tick_params(labelsize=STYLE["ytick.labelsize"])
    right.spines["top"].set_visible(False)
    return right


def unused_styles(ax: Axes, n: int) -> list[tuple[str, Any]]:
    """Return n pairs of colour and line style, beginning after those already on ``ax``."""
    from matplotlib.colors import to_hex

    used = {to_hex(line.get_color()).upper() for line in ax.get_lines()}
    free = [k for k, colour in enumerate(COLOURS) if colour not in used]
    start = free[0] if free else 0
    places = range(start, start + n)
    return [
        (COLOURS[k % len(COLOURS)], LINE_STYLES[k // len(COLOURS) % len(LINE_STYLES)])
        for k in places
    ]


def whole_ticks(ax: Axes) -> None:
    """Have whole numbers alone on the x-axis: it counts something."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def draw_line(ax: Axes, x: FloatArray, y: FloatArray, **style: Any) -> None:
    # A single point is no line: it needs a marker to be seen.
    ax.plot(x, y, marker="o" if x.size == 1 else "", **style)


def set_log(ax: Axes, log: bool) -> None:
    """Make the y-axis logarithmic if asked for and if the lines have logarithms."""
    values = np.concatenate([np.ravel(np.asarray(line.get_ydata())) for line in ax.get_lines()])
    values = values[np.isfinite(values)]
    drawable = values.size > 0 and values.min() >= 0.0 and values.max() > 0.0
    ax.set_yscale("log" if log and drawable else "linear")


def draw_legend(ax: Axes, handles: list[Any] | None = None, above: bool = False) -> None:
    """Draw the legend where it is best, or above the axes; beside them if it is long."""
    handles = ax.get_legend_handles_labels()[0] if handles is None else handles
    place: dict[str, Any] = {}
    if above:
        place = {"bbox_to_anchor": (0.0, 1.02), "loc": "lower left", "borderaxespad": 0.0}
        place |= {"ncols": 3 if len(handles) in (3, 5, 6) else 2, "columnspacing": 1.2}
    elif len(handles) > MANY:
        place = {"bbox_to_anchor": (1.02, 1.0), "loc": "upper left", "borderaxespad": 0.0}
    ax.legend(handles=handles, **place)
