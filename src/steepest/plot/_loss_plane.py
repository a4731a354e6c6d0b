"""A network's loss on a plane in the space of its parameters, with the path of its training."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.plot._contour import contour, draw_path, legend_of_paths
from steepest.plot._read import FloatArray, around, interval, require_callable
from steepest.plot._style import COLOURS, DATA_COLOUR, draw_legend, pictured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from steepest.landscape import Plane


def loss_plane(
    loss: Callable[[FloatArray], Any],
    plane: Plane,
    path: ArrayLike | None = None,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    levels: int = 16,
    log_levels: bool = True,
    ax: Axes | None = None,
    *,
    resolution: int = 41,
) -> Axes:
    """Draw a network's loss on a plane of its parameters, and where the training came through.

    Contour lines have their losses written on them. The path is projected: off the plane, the loss at its points is
    another than that of the picture. The legend says how much of the path's variance the plane has.

    Parameters
    ----------
    loss : callable
        Takes parameters, (m,): a `steepest.calculus.NetworkLoss`, or any function.
    plane : steepest.landscape.Plane
        By `random_plane`, `path_plane` or `plane_through`.
    path : array_like of shape (k, m), optional
        Points of the space, such as `steepest.recording.ParameterPath` records them.
    x_range, y_range : (float, float), optional
        What to show of the plane. Default: the path and a fifth around it; from -1 to 1 without one.
    levels : int, default 16
        How many contour lines.
    log_levels : bool, default True
        Space the levels by equal ratios above the lowest loss on the plane.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.
    resolution : int, default 41
        The loss is computed on a grid of this many points in each direction.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If ``loss`` is not callable, ``plane`` is not a Plane, or ``ax`` is not a matplotlib Axes.
    ValueError
        If the path's points have another size than the plane's, a range is not two ascending numbers, or the
        loss is finite nowhere.
    """
    from steepest.landscape import Plane

    require_callable("loss", loss)
    if not isinstance(plane, Plane):
        raise TypeError(f"plane must be a steepest.landscape.Plane; got {type(plane).__name__}")
    points = None if path is None else plane.project(path)
    shown = [(-1.0, 1.0)] * 2 if points is None else [around(column, 0.2) for column in points.T]
    x_range = shown[0] if x_range is None else interval("x_range", x_range)
    y_range = shown[1] if y_range is None else interval("y_range", y_range)
    ax = contour(
        plane.restrict(loss),
        x_range,
        y_range,
        levels=levels,
        log_levels=log_levels,
        ax=ax,
        resolution=resolution,
    )
    with pictured():
        _write_levels(ax)
        ax.set_xlabel(plane.names[0])
        ax.set_ylabel(plane.names[1])
        ax.locator_params(nbins=6)
        if points is None:
            ax.plot(0, 0, "*", color=DATA_COLOUR, markersize=9, label="the network", zorder=6)
            draw_legend(ax, above=True)
        else:
            share = plane.share(np.asarray(path))
            name = f"path, {share:.0%} of its variance"
            draw_path(ax, points, name, COLOURS[0], width=1.5)
            legend_of_paths(ax, True, above=True)
    return ax


def _write_levels(ax: Axes) -> None:
    from matplotlib.contour import QuadContourSet

    lines = [c for c in ax.collections if isinstance(c, QuadContourSet) and not c.filled][-1]
    ax.clabel(
        lines,
        np.asarray(lines.levels)[1:-1:3],
        fontsize=7,
        fmt="%.2g",
        inline_spacing=2,
        colors=DATA_COLOUR,
    )
