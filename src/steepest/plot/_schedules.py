"""Schedules of hyper-parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.plot._read import FloatArray, at_least, vector
from steepest.plot._style import draw_legend, draw_line, own_axes, pictured, unused_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def schedule(schedule: Any, n: int | ArrayLike, ax: Axes | None = None) -> Axes:
    """Draw the first ``n`` values of a schedule, or of those of several hyper-parameters.

    Draw another on the same axes to compare the two.

    Parameters
    ----------
    schedule : schedule, or dict of them
        One of `steepest.schedules`, or anything with ``preview(n)``, the factors of the learning
        rate at 0, ..., n - 1. Of a dict, one line for each hyper-parameter, labelled with its name.
    n : int, or array of shape (n,)
        How many steps, epochs or samples, by the schedule's own ``unit``. For a `Plateau` the
        values that it monitors, one for each epoch.
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
        If ``schedule`` has no ``preview``, or ``ax`` is not a matplotlib Axes.
    ValueError
        If ``n`` is not a positive integer, or the preview has another length, or the schedules of a
        dict have more than one unit.
    """
    several = isinstance(schedule, Mapping)
    curves = [
        (str(name) if several else type(part).__name__, *read_schedule(part, n))
        for name, part in (schedule.items() if several else (("", schedule),))
    ]
    units = {unit for _, unit, _ in curves}
    if len(units) != 1:
        raise ValueError(
            "the schedules of a dict must have one unit to be drawn on one axis, but have "
            f"{' and '.join(sorted(units)) or 'none: it is empty'}"
        )
    with pictured():
        ax = own_axes(ax)
        for (label, unit, factors), (colour, line_style) in zip(
            curves, unused_styles(ax, len(curves)), strict=True
        ):
            draw_line(
                ax,
                np.arange(factors.size, dtype=np.float64),
                factors,
                color=colour,
                linestyle=line_style,
                drawstyle="steps-post",  # the factor holds for the whole step
                label=label,
            )
            ax.set_xlabel(unit)
        ax.set_ylabel("factor" if several else "learning rate factor")
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
        if len(ax.get_lines()) > 1:
            draw_legend(ax, above=len(ax.get_lines()) > 2)  # such curves leave no corner free
    return ax


def read_schedule(schedule: Any, n: Any) -> tuple[str, FloatArray]:
    """Return the unit of a schedule and its factors."""
    if not callable(getattr(schedule, "preview", None)):
        raise TypeError(
            f"schedule must have a method preview(n), as those of steepest.schedules do; got "
            f"{type(schedule).__name__}"
        )
    size = at_least("n", n, 1) if np.ndim(n) == 0 else np.size(n)
    unit = getattr(schedule, "unit", None)
    factors = vector("schedule.preview(n)", schedule.preview(n), size=size)
    return unit if isinstance(unit, str) else "step", factors
