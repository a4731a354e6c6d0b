"""A function of two parameters as a surface in space, with the paths of descents on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.plot._contour import (
    DECADES,
    HILLS,
    edge_of,
    heights_of,
    legend_of_paths,
    list_of_paths,
    path_width,
    read_path,
    value_at,
)
from steepest.plot._read import FloatArray, at_least, interval, names_of, vector
from steepest.plot._style import DATA_COLOUR, STYLE, pictured, unused_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def surface(
    fun: Callable[[FloatArray], Any],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    path: Any = None,
    labels: str | Sequence[str] | None = None,
    log_heights: bool = False,
    minimum: ArrayLike | None = None,
    ax: Axes | None = None,
    *,
    resolution: int = 61,
    elevation: float = 40.0,
    azimuth: float = -60.0,
) -> Axes:
    """Draw a function of two parameters as a surface, and the paths of descents on it.

    Pale is low. A path has a ring at its start and a square at its end; what lies outside the ranges is
    cut off. Paths are drawn over the surface, also where it would hide them: turn it, by
    ``azimuth``, so that they lie in view.

    Parameters
    ----------
    fun : callable
        Takes an array of shape (2,) and returns a number. Where that is not finite, there is a hole.
    x_range, y_range : (float, float)
        The lowest and highest value of the first and of the second parameter.
    path : array_like of shape (k, 2), result of minimize, or a list of those, optional
        The descents. A result needs its path: ``minimize(..., record_path=True)``.
    labels : str or sequence of str, optional
        One for each path.
    log_heights : bool, default False
        Draw log10(f - f_low), with f_low the lowest value that is drawn, of surface and paths, so that the
        floor of a valley with high walls shows its shape too. What is less than 1e-4 of the
        whole height above f_low lies on the floor.
    minimum : array_like of shape (2,), optional
        A point to mark with a star.
    ax : mpl_toolkits.mplot3d.axes3d.Axes3D, optional
        Where to draw: ``figure.add_subplot(projection="3d")``. Default: a new figure.
    resolution : int, default 61
        ``fun`` is evaluated on a grid of this many points in each direction.
    elevation, azimuth : float, defaults 40 and -60
        From where to look, in degrees.

    Returns
    -------
    mpl_toolkits.mplot3d.axes3d.Axes3D

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If ``fun`` is not callable, or ``ax`` is not a matplotlib Axes of three dimensions.
    ValueError
        If a range is not two finite numbers in ascending order, ``fun`` is finite nowhere or
        returns more than one number, a path or ``minimum`` has another shape, a result has no path,
        or the number of labels is another than that of the paths.
    """
    if not callable(fun):
        raise TypeError(f"fun must be callable; got {type(fun).__name__}")
    limits = interval("x_range", x_range), interval("y_range", y_range)
    resolution = at_least("resolution", resolution, 2)
    paths = [_within(read_path(one, k), limits) for k, one in enumerate(list_of_paths(path))]
    names = names_of(labels, len(paths), [""] * len(paths))
    star = None if minimum is None else vector("minimum", minimum, size=2)
    grid_x, grid_y = (np.linspace(low, high, resolution) for low, high in limits)
    ground = heights_of(fun, grid_x, grid_y)
    lifted = [np.array([value_at(fun, point) for point in points]) for points in paths]
    if star is not None:
        lifted.append(np.array([value_at(fun, star)]))
    if log_heights:
        ground, lifted = _logarithms(ground, lifted)
    with pictured():
        space: Any = _axes_in_space(ax)
        _draw_ground(space, grid_x, grid_y, ground)
        styles = unused_styles(space, len(paths))
        for k, (points, name, (colour, _)) in enumerate(zip(paths, names, styles, strict=True)):
            _draw_path(space, points, lifted[k], name, colour, 0.7 * path_width(k, len(paths)))
        if star is not None:
            space.plot(
                *star[:, None], lifted[-1], "*", color=DATA_COLOUR, markersize=9, label="minimum"
            )
        space.set_xlim(*limits[0])
        space.set_ylim(*limits[1])
        for axis, (low, high) in zip((space.xaxis, space.yaxis), limits, strict=True):
            axis.set_ticks(_inner_ticks(low, high))
        space.locator_params(axis="z", nbins=4)
        space.set_xlabel("$x_0$", labelpad=-2)
        space.set_ylabel("$x_1$", labelpad=-2)
        space.set_zlabel("$\\log_{10}(f - f_{low})$" if log_heights else "f", labelpad=-4)
        space.view_init(elev=elevation, azim=azimuth)
        if paths or star is not None:
            legend_of_paths(space, bool(paths), above=True)
    return space  # type: ignore[no-any-return]


def _within(points: FloatArray, limits: tuple[tuple[float, float], ...]) -> FloatArray:
    """Return a path with nan where it lies outside, so that the line breaks off there."""
    inside = np.ones(len(points), dtype=bool)
    for values, (low, high) in zip(points.T, limits, strict=True):
        inside &= (values >= low) & (values <= high)
    return np.where(inside[:, None], points, np.nan)


def _logarithms(
    ground: FloatArray, lifted: list[FloatArray]
) -> tuple[FloatArray, list[FloatArray]]:
    everything = np.concatenate([ground.ravel(), *lifted])
    low, high = float(np.nanmin(everything)), float(np.nanmax(everything))
    floor = max((high - low) * 10.0**-DECADES, np.finfo(np.float64).tiny)

    def logarithm(z: FloatArray) -> FloatArray:
        return np.log10(np.maximum(z - low, floor))

    return logarithm(ground), [logarithm(z) for z in lifted]


def _axes_in_space(ax: Any) -> Any:
    from mpl_toolkits.mplot3d import Axes3D  # type: ignore[import-untyped]

    if ax is None:
        from matplotlib import pyplot as plt

        figure = plt.figure(figsize=(4.8, 4.2), layout="constrained")
        made = figure.add_subplot(projection="3d")
        made.tick_params(labelsize=STYLE["xtick.labelsize"], pad=-2)
        ax = made
    if not isinstance(ax, Axes3D):
        raise TypeError(
            f'ax must be a matplotlib Axes with projection="3d"; got {type(ax).__name__}'
        )
    # Otherwise matplotlib sorts whole artists by their distance, and a surface swallows paths.
    ax.computed_zorder = False
    return ax


def _inner_ticks(low: float, high: float) -> FloatArray:
    """Return round numbers between two, none at the ends: there the labels of two axes would meet."""
    from matplotlib.ticker import MaxNLocator

    ticks, room = np.asarray(MaxNLocator(5).tick_values(low, high)), 0.04 * (high - low)
    return ticks[(ticks > low + room) & (ticks < high - room)]


def _draw_ground(ax: Any, x: FloatArray, y: FloatArray, heights: FloatArray) -> None:
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    colours = LinearSegmentedColormap.from_list("hills", HILLS)
    ax.plot_surface(
        *np.meshgrid(x, y),
        np.ma.masked_invalid(heights),
        cmap=colours,
        norm=PowerNorm(0.5),  # more shades for the valleys
        rcount=len(y),
        ccount=len(x),
        linewidth=0.15,
        edgecolor="#8A8782",
        alpha=0.9,
        zorder=1,
    )


def _draw_path(
    ax: Any, points: FloatArray, z: FloatArray, name: str, colour: str, width: float
) -> None:
    label: dict[str, Any] = {"label": name} if name else {}
    ax.plot(*points.T, z, **edge_of(width))
    ax.plot(*points.T, z, color=colour, linewidth=width, zorder=3, **label)
    ends = np.flatnonzero(np.isfinite(z))
    if ends.size:
        first, last = ends[[0, -1]]
        ring: dict[str, Any] = {"markerfacecolor": "white", "markersize": 6}
        ax.plot(*points[first, :, None], z[[first]], "o", color=colour, zorder=4, **ring)
        ax.plot(*points[last, :, None], z[[last]], "s", color=colour, markersize=5, zorder=5)
