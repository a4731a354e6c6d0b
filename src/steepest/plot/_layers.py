"""What happens in each layer of a network while it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from steepest.plot._read import FloatArray, at_least, one_of
from steepest.plot._style import (
    COLOURS,
    DASHES,
    DATA_COLOUR,
    draw_legend,
    draw_line,
    grid_of_axes,
    own_axes,
    pictured,
    unused_styles,
    whole_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from steepest.recording import LayerStatistics

QUANTITIES = {"activations": "activation", "gradients": "|gradient|", "updates": "|update|"}
DECADES = 6  # of a logarithmic axis
RATES = {"dead": "share of dead ReLUs", "update_ratios": "update / weights, norms"}


def layer_bands(
    statistics: LayerStatistics,
    quantity: str,
    layer: int,
    log: bool | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the quantiles of one quantity in one layer over the epochs, as a line within bands.

    Bands reach from the lowest quantile to the highest, the next within them, and so on; the median, or what is
    in the middle, is the line. The legend says which. A logarithmic axis shows six decades at most: what is lower,
    such as the gradients of inputs that are always 0, leaves the view, and so does 0 itself.

    Parameters
    ----------
    statistics : steepest.recording.LayerStatistics
        With at least one record.
    quantity : {"activations", "gradients", "updates"}
        What to draw.
    layer : int
        Of weights, from 0.
    log : bool, optional
        Logarithmic axis. Default: for gradients and updates, where the median is never 0.
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
        If ``statistics`` is something else, or ``ax`` is not a matplotlib Axes.
    ValueError
        If nothing was recorded, or there is no such quantity or layer.
    """
    _require_statistics(statistics)
    one_of("quantity", quantity, QUANTITIES)
    by_layer = getattr(statistics, quantity)
    which = at_least("layer", layer, 0)
    if which >= len(by_layer):
        raise ValueError(f"layer must be below {len(by_layer)}, the number of layers; got {layer}")
    with pictured():
        ax = own_axes(ax)
        _draw_quantiles(ax, by_layer[which], statistics.quantiles, COLOURS[0])
        if log is None:
            log = quantity != "activations" and _has_logarithms(by_layer[which])
        ax.set_ylim(_view(by_layer[which], log))
        ax.set_yscale("log" if log else "linear")  # a band down to 0 reaches beyond the view
        whole_ticks(ax)
        ax.set_xlabel("epoch")
        ax.set_ylabel(QUANTITIES[quantity])
        ax.set_title(_layer_name(statistics, which))
        draw_legend(ax)
    return ax


def layer_rates(
    statistics: LayerStatistics, quantity: str, log: bool | None = None, ax: Axes | None = None
) -> Axes:
    """Draw one number of each layer over the epochs: dead ReLUs, or how far the weights move.

    Parameters
    ----------
    statistics : steepest.recording.LayerStatistics
        With at least one record.
    quantity : {"dead", "update_ratios"}
        The share of a hidden layer's ReLUs that are 0 on all rows; or the way of a layer's weights in an epoch,
        relative to their norm.
    log : bool, optional
        Logarithmic axis. Default: for the update ratios.
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
        If ``statistics`` is something else, or ``ax`` is not a matplotlib Axes.
    ValueError
        If nothing was recorded, there is no such quantity, or no layer is one of ReLUs.
    """
    _require_statistics(statistics)
    one_of("quantity", quantity, RATES)
    values: FloatArray = getattr(statistics, quantity)
    shown = np.flatnonzero(~np.isnan(values).all(axis=0))
    if shown.size == 0:
        raise ValueError(
            "statistics has no layer of ReLUs that could be dead"
            if quantity == "dead"
            else "statistics has no updates: they need two records"
        )
    with pictured():
        ax = own_axes(ax)
        at = np.arange(len(values), dtype=np.float64)
        for k, (layer, (colour, _)) in enumerate(
            zip(shown, unused_styles(ax, shown.size), strict=True)
        ):
            # Shares are often equal: of lines that lie on each other, all are to be seen.
            look: dict[str, Any] = {"color": colour, "linestyle": DASHES[k % len(DASHES)]}
            draw_line(ax, at, values[:, layer], label=_layer_name(statistics, int(layer)), **look)
        if log if log is not None else quantity == "update_ratios":
            ax.set_yscale("log", nonpositive="mask")
        if quantity == "dead":
            top = max(0.1, float(np.nanmax(values)))
            ax.set_ylim(-0.03 * top, 1.05 * top)
        whole_ticks(ax)
        ax.set_xlabel("epoch")
        ax.set_ylabel(RATES[quantity])
        draw_legend(ax)
    return ax


def layer_statistics(
    statistics: LayerStatistics, axes: Sequence[Axes] | NDArray[Any] | None = None
) -> NDArray[Any]:
    """Draw activations, gradients and updates of each layer over the epochs, on a board.

    A column for each layer, a row for each quantity (see :func:`layer_bands`). In a row the axes are alike, so that
    layers can be compared: gradients that vanish towards the inputs lie lower there.

    Parameters
    ----------
    statistics : steepest.recording.LayerStatistics
        With at least one record, of L layers.
    axes : array of 3 x L matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.

    Returns
    -------
    ndarray of shape (3, L)
        The matplotlib Axes.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If ``statistics`` is something else, or ``axes`` doesn't hold matplotlib Axes.
    ValueError
        If nothing was recorded, or ``axes`` are not 3 x L.
    """
    _require_statistics(statistics)
    layers = len(statistics.activations)
    with pictured():
        board = grid_of_axes(axes, len(QUANTITIES), layers)
    for row, quantity in zip(board, QUANTITIES, strict=True):
        by_layer = getattr(statistics, quantity)
        log = quantity != "activations" and any(map(_has_logarithms, by_layer))
        for layer, ax in enumerate(row):
            layer_bands(statistics, quantity, layer, log, ax)
            ax.set_ylim(_view(np.concatenate(by_layer), log))
    with pictured():
        _tidy(board)
    return board


def _tidy(board: NDArray[Any]) -> None:
    """Say on the board what holds for all of it once only."""
    for ax in board.ravel():
        ax.get_legend().remove()
        ax.set_xlim(board[0, 0].get_xlim())
    beside: dict[str, Any] = {"bbox_to_anchor": (1.02, 1.0), "loc": "upper left"}
    board[0, -1].legend(borderaxespad=0.0, **beside)
    for ax in board[:-1].ravel():
        ax.set_xlabel("")
    for ax in board[1:].ravel():
        ax.set_title("")
    for ax in board[:, 1:].ravel():
        ax.set_ylabel("")


def _require_statistics(statistics: Any) -> None:
    from steepest.recording import LayerStatistics

    if not isinstance(statistics, LayerStatistics):
        raise TypeError(
            f"statistics must be steepest.recording.LayerStatistics; got {type(statistics).__name__}"
        )


def _draw_quantiles(
    ax: Axes, values: FloatArray, levels: Sequence[float], colour: str
) -> None:  # values: (k, q)
    at = np.arange(len(values), dtype=np.float64)
    pairs = len(levels) // 2
    for k in range(pairs):
        low, high = levels[k], levels[-1 - k]
        name = f"{100 * low:g} to {100 * high:g} %"
        shade: dict[str, Any] = {"alpha": 0.5 * (k + 1) / (pairs + 1), "linewidth": 0}
        ax.fill_between(at, values[:, k], values[:, -1 - k], color=colour, label=name, **shade)
    if len(levels) % 2:
        name = "median" if levels[pairs] == 0.5 else f"{100 * levels[pairs]:g} %"
        draw_line(ax, at, values[:, pairs], color=DATA_COLOUR, label=name)


def _view(values: FloatArray, log: bool) -> tuple[float, float]:
    """Return the limits of an axis that shows all values, as far as a logarithmic one can."""
    shown = values[np.isfinite(values) & ((values > 0) | (not log))]
    if shown.size == 0:
        return (0.1, 1.0) if log else (-1.0, 1.0)
    low, high = float(shown.min()), float(shown.max())
    if log:
        low = max(low, high * 10.0**-DECADES)
        margin = max((high / low) ** 0.05, 1.1)
        return low / margin, high * margin
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def _has_logarithms(values: FloatArray) -> bool:
    """Whether the middle of the quantiles, (k, q), is positive wherever it is a number."""
    middle = values[:, values.shape[1] // 2]
    return bool((middle[~np.isnan(middle)] > 0).all()) and not bool(np.isnan(middle).all())


def _layer_name(statistics: LayerStatistics, layer: int) -> str:
    n_in, n_out = statistics.layer_sizes[layer : layer + 2]
    return f"layer {layer + 1}: {n_in} to {n_out}"
