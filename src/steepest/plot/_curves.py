"""Loss curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.plot._read import FloatArray, names_of, vector
from steepest.plot._style import (
    DATA_COLOUR,
    draw_legend,
    draw_line,
    own_axes,
    pictured,
    right_axis,
    set_log,
    unused_styles,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def loss_curve(
    *models_or_histories: Any,
    labels: str | Sequence[str] | None = None,
    validation: bool = True,
    log: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw the loss of one or several fits against their steps or epochs.

    Parameters
    ----------
    *models_or_histories : fitted estimator, result of minimize, mapping or array_like of shape (n,)
        What to draw: an estimator (its ``history_``, else its ``loss_curve_``), a result with a
        ``history``, such a history itself (a mapping with the key ``"loss"`` and possibly
        ``"validation_loss"`` or ``"validation_score"``), or the losses as a plain array.
    labels : str or sequence of str, optional
        One for each. Default: the names of the classes, numbered where there are several of one.
    validation : bool, default True
        Draw the validation losses too, dashed; where there are none, the validation scores, dotted
        and on an axis of their own at the right.
    log : bool, default True
        Logarithmic axis for the loss. Losses of 0 have no place on it and are left out; a history
        with a negative loss, or with nothing but zeros, is drawn on a linear axis instead.
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
        If a history doesn't hold numbers, or ``ax`` is not a matplotlib Axes.
    ValueError
        If nothing is given, an estimator is not fitted, a history is empty, not one-dimensional or
        has no ``"loss"``, or the number of labels is another than that of the fits.

    Examples
    --------
    >>> from steepest.plot import loss_curve
    >>> fast, slow = [4.0, 1.0, 0.25], [4.0, 2.0, 1.0]
    >>> ax = loss_curve(fast, slow, labels=["fast", "slow"])  # doctest: +SKIP
    """
    if not models_or_histories:
        raise ValueError("loss_curve needs at least one fitted model, result or history to draw")
    curves = [read_curve(source, k) for k, source in enumerate(models_or_histories)]
    names = names_of(labels, len(curves), default_names(curves))
    with pictured():
        ax = own_axes(ax)
        styles = unused_styles(ax, len(curves))
        scores: Axes | None = None
        dashes = {}
        for curve, name, (colour, line_style) in zip(curves, names, styles, strict=True):
            draw_line(ax, curve.at, curve.loss, color=colour, linestyle=line_style, label=name)
            if validation and curve.validation_loss is not None:
                dashes["validation"] = "--"
                draw_line(ax, curve.at, curve.validation_loss, color=colour, linestyle="--")
            elif validation and curve.validation_score is not None:
                dashes["validation score (right)"] = ":"
                scores = scores or right_axis(ax, "validation score")
                draw_line(scores, curve.at, curve.validation_score, color=colour, linestyle=":")
        units = {curve.unit for curve in curves}
        ax.set_xlabel(units.pop() if len(units) == 1 else "iteration")
        ax.set_ylabel("loss")
        set_log(ax, log)
        # The right axis lies over this one and its legend: out of their way.
        legend_of_curves(ax, dashes, always=labels is not None, above=scores is not None)
    return ax


@dataclass(frozen=True)
class Curve:
    """One history: its losses, where they stand on the x-axis, and what that axis counts."""

    kind: str
    unit: str
    at: FloatArray  # (n,)
    loss: FloatArray  # (n,)
    validation_loss: FloatArray | None  # (n,)
    validation_score: FloatArray | None  # (n,)


def read_curve(source: Any, position: int) -> Curve:
    where = f"argument {position} of loss_curve ({type(source).__name__})"
    history, unit, kind = history_of(source, where)
    if "loss" not in history:
        known = ", ".join(map(repr, history)) or "none"
        raise ValueError(f"{where} has no 'loss' in its history; its keys: {known}")
    loss = vector(f"the loss of {where}", history["loss"])
    columns = {}
    for key in ("validation_loss", "validation_score", "epoch", "step"):
        column = history.get(key)
        if column is not None and np.size(column):
            columns[key] = vector(f"the {key} of {where}", column, size=loss.size)
    at = np.arange(loss.size, dtype=np.float64)
    if unit == "iteration":  # a plain mapping may say what it counts
        unit = next((key for key in ("epoch", "step") if key in columns), unit)
    return Curve(
        kind=kind,
        unit=unit,
        at=columns.get(unit, at),
        loss=loss,
        validation_loss=unless_empty(columns.get("validation_loss")),
        validation_score=unless_empty(columns.get("validation_score")),
    )


def history_of(source: Any, where: str) -> tuple[Mapping[str, Any], str, str]:
    """Return the history of what was given, the unit of its x-axis, and a name for its kind."""
    kind = type(source).__name__
    if isinstance(source, Mapping):
        return source, "iteration", "curve"
    if isinstance(getattr(source, "history_", None), Mapping):
        return source.history_, "epoch", kind
    if isinstance(getattr(source, "history", None), Mapping):
        return source.history, "step", "result"
    if getattr(source, "loss_curve_", None) is not None:
        scores = getattr(source, "validation_scores_", None)
        return {"loss": source.loss_curve_, "validation_score": scores}, "epoch", kind
    if hasattr(source, "fit"):
        raise ValueError(f"{where} has no loss curve: fit it first (history_ or loss_curve_)")
    return {"loss": source}, "iteration", "curve"


def unless_empty(column: FloatArray | None) -> FloatArray | None:
    """Return the column, or None where nothing in it can be drawn."""
    return column if column is not None and np.isfinite(column).any() else None


def default_names(curves: list[Curve]) -> list[str]:
    kinds = [curve.kind for curve in curves]
    return [
        kind if kinds.count(kind) == 1 else f"{kind} {kinds[:k].count(kind) + 1}"
        for k, kind in enumerate(kinds)
    ]


def legend_of_curves(ax: Axes, dashes: dict[str, str], always: bool, above: bool) -> None:
    """Name the curves by colour and, once for all of them, training and validation by dashes."""
    from matplotlib.lines import Line2D

    handles, _ = ax.get_legend_handles_labels()
    keys: dict[str, Any] = {"training": "-", **dashes} if dashes else {}
    proxies: list[Any] = [
        Line2D([], [], color=DATA_COLOUR, linestyle=style, label=name)
        for name, style in keys.items()
    ]
    if len(handles) > 1 or always:
        draw_legend(ax, handles + proxies, above)
    elif proxies:
        draw_legend(ax, proxies, above)
