"""Contours of a function of two parameters, with the paths of descents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.plot._read import FloatArray, at_least, interval, names_of, vector
from steepest.plot._style import DATA_COLOUR, draw_legend, own_axes, pictured, unused_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HILLS = ("#FFFFFF", "#EDECEA", "#D2D0CC", "#B3B0AB")  # valley to height, pale under the paths
SKY = 1e300  # heights beyond it would overflow the differences of levels
DECADES = 4  # of height are as many as a picture can show


def contour(
    fun: Callable[[FloatArray], Any],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    path: Any = None,
    labels: str | Sequence[str] | None = None,
    levels: int = 30,
    log_levels: bool = True,
    minimum: ArrayLike | None = None,
    ax: Axes | None = None,
    *,
    resolution: int = 121,
) -> Axes:
    """Draw the contours of a function of two parameters, and the paths of descents on them.

    Pale is low. A path has a dot at each of its points, a ring at its start and a square at its
    end; what lies outside the ranges is cut off.

    Parameters
    ----------
    fun : callable
        Takes an array of shape (2,) and returns a number. Where that is not finite, the plane stays
        white.
    x_range, y_range : (float, float)
        The lowest and highest value of the first and of the second parameter.
    path : array_like of shape (k, 2), result of minimize, or a list of those, optional
        The descents. A result needs its path: ``minimize(..., record_path=True)``.
    labels : str or sequence of str, optional
        One for each path.
    levels : int, default 30
        How many contour lines.
    log_levels : bool, default True
        Space the levels by equal ratios above the lowest value on the plane, so that a flat valley
        shows its shape too; otherwise by equal differences.
    minimum : array_like of shape (2,), optional
        A point to mark with a star.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.
    resolution : int, default 121
        ``fun`` is evaluated on a grid of this many points in each direction.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If ``fun`` is not callable, or ``ax`` is not a matplotlib Axes.
    ValueError
        If a range is not two finite numbers in ascending order, ``fun`` is finite nowhere or
        returns more than one number, a path or ``minimum`` has another shape, a result has no path,
        or the number of labels is another than that of the paths.
    """
    if not callable(fun):
        raise TypeError(f"fun must be callable; got {type(fun).__name__}")
    limits = interval("x_range", x_range), interval("y_range", y_range)
    levels, resolution = at_least("levels", levels, 2), at_least("resolution", resolution, 2)
    paths = [read_path(one, k) for k, one in enumerate(list_of_paths(path))]
    names = names_of(labels, len(paths), [""] * len(paths))
    star = None if minimum is None else vector("minimum", minimum, size=2)
    grid_x, grid_y = (np.linspace(low, high, resolution) for low, high in limits)
    heights = heights_of(fun, grid_x, grid_y)
    with pictured():
        ax = own_axes(ax)
        draw_hills(ax, grid_x, grid_y, heights, levels_of(heights, levels, log_levels))
        styles = unused_styles(ax, len(paths))
        for k, (points, name, (colour, _)) in enumerate(zip(paths, names, styles, strict=True)):
            draw_path(ax, points, name, colour, width=path_width(k, len(paths)))
        if star is not None:
            ax.plot(*star, "*", color=DATA_COLOUR, markersize=9, label="minimum", zorder=6)
        ax.set_xlim(*limits[0])
        ax.set_ylim(*limits[1])
        ax.set_xlabel("$x_0$")
        ax.set_ylabel("$x_1$")
        if paths or star is not None:
            legend_of_paths(ax, bool(paths))
    return ax


def list_of_paths(path: Any) -> list[Any]:
    if path is None:
        return []
    if hasattr(path, "path"):
        return [path]
    if isinstance(path, np.ndarray):
        return [path] if path.ndim == 2 else list(path)
    several = all(hasattr(one, "path") or np.ndim(one) == 2 for one in path)
    return list(path) if several else [path]


def read_path(path: Any, position: int) -> FloatArray:
    name = f"path {position}"
    if hasattr(path, "path"):
        path = path.path
        if path is None:
            raise ValueError(f"{name} was not recorded: minimize(..., record_path=True) keeps it")
    points = np.asarray(path)
    if points.ndim != 2 or points.shape[1] != 2 or points.shape[0] == 0:
        raise ValueError(f"{name} must have shape (k, 2), k > 0; got shape {points.shape}")
    if points.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers; got dtype {points.dtype}")
    return points.astype(np.float64, copy=False)


def heights_of(fun: Callable[[FloatArray], Any], x: FloatArray, y: FloatArray) -> FloatArray:
    """Return fun([x[j], y[i]]) at [i, j], with nan where it is not finite."""
    points = ((first, second) for second in y for first in x)
    heights = np.array([value_at(fun, point) for point in points]).reshape(y.size, x.size)
    if np.isnan(heights).all():
        raise ValueError("fun is finite nowhere on x_range x y_range")
    return heights


def value_at(fun: Callable[[FloatArray], Any], point: Sequence[float] | FloatArray) -> float:
    """Return fun at a point, (2,); nan where it is not finite."""
    with np.errstate(all="ignore"):  # a plane may reach beyond the function's domain
        value = np.asarray(fun(np.array(point, dtype=np.float64)))
    if value.size != 1:
        raise ValueError(f"fun must return one number; it returned an array of shape {value.shape}")
    return float(value.item()) if abs(value.item()) < SKY else float("nan")


def levels_of(heights: FloatArray, n: int, log_levels: bool) -> FloatArray:
    """Return ascending levels from the lowest to the highest value."""
    low, high = float(np.nanmin(heights)), float(np.nanmax(heights))
    if not low < high:  # a plane: one band around it
        margin = max(1.0, abs(low)) * 1e-3
        return np.linspace(low - margin, low + margin, n)
    if not log_levels:
        return np.unique(np.linspace(low, high, n))
    # A first line around less than a hundredth of the plane would fray on the grid.
    rise = high - low
    first = max(rise * 10.0**-DECADES, float(np.nanquantile(heights, 0.01)) - low)
    levels = low + np.concatenate([[0.0], np.geomspace(min(first, rise / 2), rise, n - 1)])
    levels[-1] = high
    return np.unique(levels)


def draw_hills(
    ax: Axes, x: FloatArray, y: FloatArray, heights: FloatArray, levels: FloatArray
) -> None:
    from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("hills", HILLS, N=max(256, levels.size))
    masked = np.ma.masked_invalid(heights)
    # By rank, not by value: however uneven the levels, each band has its own shade.
    norm = BoundaryNorm(levels, colours.N)
    ax.grid(False)
    ax.contourf(x, y, masked, levels=levels, cmap=colours, norm=norm, zorder=0)
    ax.contour(
        x, y, masked, levels=levels, colors="#77746F", linewidths=0.4, linestyles="-", zorder=1
    )


def path_width(k: int, n: int) -> float:
    """Return the width of the k-th of n paths.

    Descents share their valleys: the later a line is drawn, the thinner, so that those below stay to be seen.
    """
    return 1.2 + min(1.0 * (n - 1 - k), 4.0)


def edge_of(width: float) -> dict[str, Any]:
    """Return the look of a path's white edge, which lies below all paths.

    To some people some of the colours are as grey as the hills.
    """
    return {"color": "white", "linewidth": width + 1.4, "alpha": 0.8, "zorder": 2.6}


def draw_path(ax: Axes, points: FloatArray, name: str, colour: str, width: float) -> None:
    dots = "." if len(points) <= 200 else ""  # more of them would only thicken the line
    label: dict[str, Any] = {"label": name} if name else {}
    ax.plot(*points.T, **edge_of(width))
    ax.plot(*points.T, marker=dots, color=colour, linewidth=width, zorder=3, **label)
    ends = points[np.isfinite(points).all(axis=1)]  # a descent that diverged may end in nan
    if len(ends):
        ax.plot(*ends[0], "o", color=colour, markerfacecolor="white", markersize=6, zorder=4)
        ax.plot(*ends[-1], "s", color=colour, markersize=5, zorder=5)


def legend_of_paths(ax: Axes, paths: bool, above: bool = False) -> None:
    from matplotlib.lines import Line2D

    handles, _ = ax.get_legend_handles_labels()
    if paths:
        look: dict[str, Any] = {"color": DATA_COLOUR, "linestyle": "", "markersize": 5}
        handles += [
            Line2D([], [], marker="o", markerfacecolor="white", label="start", **look),
            Line2D([], [], marker="s", label="end", **look),
        ]
    draw_legend(ax, handles, above)
