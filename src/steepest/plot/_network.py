"""A network as a graph: its units, and its weights as lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from steepest.plot._read import FloatArray, at_least
from steepest.plot._style import COLOURS, DATA_COLOUR, own_axes, pictured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POSITIVE, NEGATIVE = COLOURS[0], COLOURS[1]
THICKEST = 3.0  # points, for the largest weight
SPACING = 0.7  # between units, where layers are 1 apart
FAINTEST = 0.15  # of opacity, for the smallest


def network(
    model: Any,
    max_units: int = 12,
    feature_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a network as a graph, from its inputs at the left to its outputs at the right.

    A line is a weight: blue and solid if it is positive, vermilion and dashed if it is negative; the wider and
    stronger, the larger, on one scale for the whole network. Weights that are exactly 0, pruned or by an L1
    penalty, are not drawn, and a unit with no line to it or from it is drawn empty. Biases are not drawn.

    Of a layer with more than ``max_units`` those units are drawn whose weights, to and from it, have the largest
    norm, in their order; below the layer stands how many of how many.

    Parameters
    ----------
    model : network or sequence of arrays
        Fitted, with ``coefs_``; or the weights themselves, (n_in, n_out) for each layer.
    max_units : int, default 12
        How many units of a layer are drawn at most.
    feature_names, output_names : sequence of str, optional
        Of the inputs, at their left, and of the outputs, at their right. Default: those that the model
        was fitted with, ``feature_names_in_`` and, with more than two, ``classes_``; otherwise none.
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
        If ``model`` is neither, the weights are not numbers, or ``ax`` is not a matplotlib Axes.
    ValueError
        If the weights are no chain of matrices or not finite, ``max_units`` is below 1, or the number of names is
        another than that of the units.
    """
    weights = _weights(model)
    most = at_least("max_units", max_units, 1)
    sizes = [weights[0].shape[0], *(w.shape[1] for w in weights)]
    names = {
        0: _unit_names("feature_names", feature_names, sizes[0], _known_features(model)),
        len(weights): _unit_names("output_names", output_names, sizes[-1], _known_outputs(model)),
    }
    layers = _placed(weights, most)
    with pictured():
        ax = own_axes(ax)
        ax.grid(False)
        ax.set_axis_off()
        half = SPACING * (max(len(layer.drawn) for layer in layers) - 1) / 2
        largest = max(float(np.abs(w).max()) for w in weights)
        for left, right, matrix in zip(layers[:-1], layers[1:], weights, strict=True):
            _draw_weights(ax, left, right, matrix, largest)
        for k, layer in enumerate(layers):
            _draw_units(ax, layer, k, len(weights), names.get(k), -half - 0.45)
        room = [0.45 + 0.045 * max(map(len, names[k] or [""])) for k in (0, len(weights))]
        ax.set_xlim(-room[0], len(weights) + room[1])
        ax.set_ylim(-half - 1.8, half + 0.3)
        _draw_key(ax, largest)
    return ax


@dataclass(frozen=True)
class Layer:
    """The units of a layer that are drawn, and where."""

    size: int
    drawn: NDArray[np.intp]  # (k,), ascending
    alive: NDArray[np.bool_]  # (k,): whether any weight leads to it or from it
    x: float
    y: FloatArray  # (k,)


def _weights(model: Any) -> list[FloatArray]:
    given = getattr(model, "coefs_", None)
    if given is None:
        if hasattr(model, "fit"):
            raise ValueError(
                f"model must be a fitted network; {type(model).__name__} has no coefs_"
            )
        if not isinstance(model, list | tuple):
            raise TypeError(
                "model must be a fitted network or a list of its weights; got "
                f"{type(model).__name__}"
            )
        given = model
    weights = [np.asarray(w) for w in given]
    if not weights:
        raise ValueError("model must have at least one layer of weights")
    for k, w in enumerate(weights):
        if w.dtype.kind not in "biuf":
            raise TypeError(f"weights of layer {k} must be real numbers; got dtype {w.dtype}")
        if w.ndim != 2 or w.size == 0 or (k and w.shape[0] != weights[k - 1].shape[1]):
            rows = "n_in" if k == 0 else str(weights[k - 1].shape[1])
            raise ValueError(
                f"weights of layer {k} must have shape ({rows}, n_out); got shape {w.shape}"
            )
        if not np.isfinite(w).all():
            raise ValueError(f"weights of layer {k} must be finite")
    return [w.astype(np.float64, copy=False) for w in weights]


def _known_features(model: Any) -> Sequence[str] | None:
    names = getattr(model, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _known_outputs(model: Any) -> Sequence[str] | None:
    classes = getattr(model, "classes_", None)
    if classes is None or isinstance(classes, list) or len(classes) < 3:
        return None  # two classes have one output
    return [str(label) for label in classes]


def _unit_names(
    argument: str, given: Sequence[str] | None, size: int, known: Sequence[str] | None
) -> list[str] | None:
    if given is None:
        return None if known is None or len(known) != size else list(known)
    names = [str(name) for name in given]
    if len(names) != size:
        raise ValueError(f"{argument} must have one entry for each unit, {size}; got {len(names)}")
    return names


def _placed(weights: list[FloatArray], most: int) -> list[Layer]:
    """Return for each layer the units to draw, the strongest of it, in their order."""
    square = [w**2 for w in weights]
    sizes = [weights[0].shape[0], *(w.shape[1] for w in weights)]
    layers = []
    for k, size in enumerate(sizes):
        incoming = square[k - 1].sum(axis=0) if k else np.zeros(size)
        outgoing = square[k].sum(axis=1) if k < len(weights) else np.zeros(size)
        strength = incoming + outgoing
        drawn = np.sort(np.argsort(-strength, kind="stable")[:most])
        y = SPACING * (np.arange(len(drawn))[::-1] - (len(drawn) - 1) / 2)
        layers.append(Layer(size, drawn, strength[drawn] > 0, float(k), np.asarray(y, np.float64)))
    return layers


def _draw_weights(ax: Axes, left: Layer, right: Layer, matrix: FloatArray, largest: float) -> None:
    """Draw the weights between two layers, the smallest first."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    part = matrix[np.ix_(left.drawn, right.drawn)]
    rows, columns = np.nonzero(part)
    order = np.argsort(np.abs(part[rows, columns]), kind="stable")
    rows, columns = rows[order], columns[order]
    values = part[rows, columns]
    size = np.abs(values) / largest if largest else np.abs(values)
    for sign, colour, dash in ((1, POSITIVE, "solid"), (-1, NEGATIVE, (0, (3, 1)))):
        mine = np.flatnonzero(values * sign > 0)
        lines = [[(left.x, left.y[rows[k]]), (right.x, right.y[columns[k]])] for k in mine]
        shades = [to_rgba(colour, FAINTEST + (1 - FAINTEST) * size[k]) for k in mine]
        widths = [max(0.2, THICKEST * size[k]) for k in mine]
        ax.add_collection(
            LineCollection(lines, colors=shades, linewidths=widths, linestyles=[dash], zorder=1)
        )


def _draw_units(
    ax: Axes, layer: Layer, k: int, last: int, names: list[str] | None, bottom: float
) -> None:
    for alive, face in ((True, DATA_COLOUR), (False, "white")):
        y = layer.y[layer.alive == alive]
        x = np.full(y.size, layer.x)
        ax.plot(x, y, "o", color=DATA_COLOUR, markerfacecolor=face, markersize=6, zorder=3)
    what = "inputs" if k == 0 else "outputs" if k == last else "units"
    if layer.size == 1:
        what = what[:-1]
    count = f"{layer.size:,} {what}"
    if len(layer.drawn) < layer.size:
        count = f"{len(layer.drawn)} of {count}"
    ax.text(layer.x, bottom, count, ha="center", va="top", fontsize=8)
    if names:
        side, gap = ("right", -0.08) if k == 0 else ("left", 0.08)
        for unit, y in zip(layer.drawn, layer.y, strict=True):
            ax.text(layer.x + gap, y, names[unit], ha=side, va="center", fontsize=8)


def _draw_key(ax: Axes, largest: float) -> None:
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {"linewidth": THICKEST}
    handles = [
        Line2D([], [], color=POSITIVE, label=f"weight {largest:.2g}", **look),
        Line2D([], [], color=NEGATIVE, linestyle=(0, (3, 1)), label=f"−{largest:.2g}", **look),
    ]
    ax.legend(handles=handles, loc="lower center", ncols=2)
