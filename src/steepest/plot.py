"""Pictures of a descent: loss curves, contours with a path, polynomial fits, schedules.

Every function takes the axes to draw on as ``ax=``, makes a small figure of its own if there are
none, and returns the axes. Nothing is shown and no global setting is changed, so the pictures go
into notebooks, scripts and other figures alike: ``ax.figure.savefig("loss.pdf")``.

matplotlib is needed when a function is called, not when this module is imported
(``pip install steepest[plot]``). The colours are those of Okabe and Ito, which people with any
common form of colour blindness can tell apart.

References
----------
.. [1] M. Okabe and K. Ito, *Color Universal Design*, 2008, https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "contour",
    "loss_curve",
    "overfitting",
    "polynomial_degrees",
    "polynomial_fit",
    "schedule",
]

FloatArray: TypeAlias = NDArray[np.float64]

# Okabe and Ito's palette without its yellow, which is too pale for a line on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_LINE_STYLES: tuple[Any, ...] = ("-", "-.", (0, (5, 1, 1, 1, 1, 1)))  # once the colours are used up
_DATA_COLOUR = "#333333"
_GRID_COLOUR = "#DDDDDD"
_HILLS = ("#FFFFFF", "#EDECEA", "#D2D0CC", "#B3B0AB")  # valley to height, pale under the paths
_STYLE: dict[Any, Any] = {  # any key: matplotlib types them one by one
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
_SKY = 1e300  # heights beyond it would overflow the differences of levels
_MANY = 7  # a longer legend stands beside the axes


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
    curves = [_read_curve(source, k) for k, source in enumerate(models_or_histories)]
    names = _names(labels, len(curves), _default_names(curves))
    with _style():
        ax = _axes(ax)
        styles = _unused_styles(ax, len(curves))
        scores: Axes | None = None
        dashes = {}
        for curve, name, (colour, line_style) in zip(curves, names, styles, strict=True):
            _line(ax, curve.at, curve.loss, color=colour, linestyle=line_style, label=name)
            if validation and curve.validation_loss is not None:
                dashes["validation"] = "--"
                _line(ax, curve.at, curve.validation_loss, color=colour, linestyle="--")
            elif validation and curve.validation_score is not None:
                dashes["validation score (right)"] = ":"
                scores = scores or _right_axis(ax, "validation score")
                _line(scores, curve.at, curve.validation_score, color=colour, linestyle=":")
        units = {curve.unit for curve in curves}
        ax.set_xlabel(units.pop() if len(units) == 1 else "iteration")
        ax.set_ylabel("loss")
        _set_log(ax, log)
        # The right axis lies over this one and its legend: out of their way.
        _legend_of_curves(ax, dashes, always=labels is not None, above=scores is not None)
    return ax


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
    limits = _range("x_range", x_range), _range("y_range", y_range)
    levels, resolution = _at_least("levels", levels, 2), _at_least("resolution", resolution, 2)
    paths = [_read_path(one, k) for k, one in enumerate(_list_of_paths(path))]
    names = _names(labels, len(paths), [""] * len(paths))
    star = None if minimum is None else _vector("minimum", minimum, size=2)
    grid_x, grid_y = (np.linspace(low, high, resolution) for low, high in limits)
    heights = _heights(fun, grid_x, grid_y)
    with _style():
        ax = _axes(ax)
        _draw_hills(ax, grid_x, grid_y, heights, _levels(heights, levels, log_levels))
        styles = _unused_styles(ax, len(paths))
        for k, (points, name, (colour, _)) in enumerate(zip(paths, names, styles, strict=True)):
            # Descents share their valleys: the later a line is drawn, the thinner, so that those
            # below stay to be seen.
            above = len(paths) - 1 - k
            _draw_path(ax, points, name, colour, width=1.2 + min(1.4 * above, 5.0))
        if star is not None:
            ax.plot(*star, "*", color=_DATA_COLOUR, markersize=9, label="minimum", zorder=6)
        ax.set_xlim(*limits[0])
        ax.set_ylim(*limits[1])
        ax.set_xlabel("$x_0$")
        ax.set_ylabel("$x_1$")
        if paths or star is not None:
            _legend_of_paths(ax, bool(paths))
    return ax


def polynomial_fit(
    model: Any,
    x: ArrayLike,
    y: ArrayLike,
    x_validation: ArrayLike | None = None,
    y_validation: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a fitted polynomial over its data.

    The view follows the data: a polynomial that swings far beyond them leaves it.

    Parameters
    ----------
    model : estimator
        Fitted; ``model.predict`` takes arrays of shape (n, 1).
    x : array_like of shape (n,) or (n, 1)
        The inputs.
    y : array_like of shape (n,)
        The targets.
    x_validation, y_validation : array_like, optional
        Data that were not fitted, drawn as squares; both or neither.
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
        If ``model`` has no ``predict``, the data are not numbers, or ``ax`` is not a matplotlib
        Axes.
    ValueError
        If the data are empty, not finite, of different lengths or not of one input, or only one of
        ``x_validation`` and ``y_validation`` is given.
    """
    _require_predict(model)
    data = _Data.read(x, y, x_validation, y_validation)
    degree = getattr(model, "degree", None)
    name = "fit" if degree is None else f"fit, degree {degree}"
    curve = _predict(model, data.grid())
    with _style():
        ax = _axes(ax)
        _draw_fits(ax, data, {name: curve})
    return ax


def polynomial_degrees(
    degrees: ArrayLike,
    train_errors: ArrayLike,
    validation_errors: ArrayLike,
    ax: Axes | None = None,
    *,
    log: bool = True,
) -> Axes:
    """Draw training and validation error against the degree, and mark the best validation degree.

    Where the training error still falls while the validation error rises, the polynomial overfits.

    Parameters
    ----------
    degrees : array_like of shape (n,)
        The degrees, in any order.
    train_errors, validation_errors : array_like of shape (n,)
        The errors at those degrees.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.
    log : bool, default True
        Logarithmic axis for the error (linear all the same if an error is negative or all are 0).

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If the values are not numbers, or ``ax`` is not a matplotlib Axes.
    ValueError
        If the three are not of one length, are empty, or no validation error is finite.
    """
    at = _vector("degrees", degrees)
    train = _vector("train_errors", train_errors, size=at.size)
    held_out = _vector("validation_errors", validation_errors, size=at.size)
    if not np.isfinite(held_out).any():
        raise ValueError("validation_errors has no finite entry: there is no best degree to mark")
    order = np.argsort(at, kind="stable")
    at, train, held_out = at[order], train[order], held_out[order]
    best = int(np.argmin(np.where(np.isfinite(held_out), held_out, np.inf)))
    with _style():
        from matplotlib.ticker import MaxNLocator

        ax = _axes(ax)
        ax.plot(at, train, "o-", color=_COLOURS[0], label="training")
        ax.plot(at, held_out, "s--", color=_COLOURS[1], label="validation")
        ax.axvline(at[best], color=_DATA_COLOUR, linewidth=0.8, linestyle=":", zorder=1)
        ax.plot(
            at[best : best + 1],
            held_out[best : best + 1],
            "*",
            color=_DATA_COLOUR,
            markersize=10,
            zorder=5,
            label=f"best: degree {at[best]:g}",
        )
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.set_xlabel("degree")
        ax.set_ylabel("error")
        _set_log(ax, log)
        _legend(ax)
    return ax


def overfitting(
    x: ArrayLike,
    y: ArrayLike,
    x_validation: ArrayLike,
    y_validation: ArrayLike,
    degrees: Iterable[int],
    make_model: Callable[[int], Any] | None = None,
    axes: Sequence[Axes] | NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Fit one polynomial of each degree and draw what happens to the errors.

    On the first axes the data with the fits of the lowest, the best and the highest degree; on the
    second the training and validation errors of all of them (`polynomial_degrees`). The error is
    the mean squared one, (1/n) sum (f(x) - y)^2.

    Parameters
    ----------
    x, x_validation : array_like of shape (n,) or (n, 1)
        The inputs to fit and those to validate on.
    y, y_validation : array_like of shape (n,)
        Their targets.
    degrees : iterable of int
        The degrees to try.
    make_model : callable, optional
        Takes a degree and returns an estimator that is not fitted yet. Default:
        ``steepest.PolynomialRegression(degree=degree)``.
    axes : sequence of two matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure with two axes side by side.

    Returns
    -------
    ndarray of shape (2,)
        The two matplotlib Axes.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If the data are not numbers, or ``axes`` doesn't hold matplotlib Axes.
    ValueError
        If the data are empty, not finite, of different lengths or not of one input, ``degrees`` is
        empty, or ``axes`` are not two.
    """
    data = _Data.read(x, y, x_validation, y_validation)
    tried = sorted({int(degree) for degree in degrees})
    if not tried:
        raise ValueError("degrees is empty: give at least one degree to try")
    with _style():  # axes that will not do are refused before the work
        panels = None if axes is None else _two_axes(axes)
    build = _polynomial_regression if make_model is None else make_model
    models = {degree: build(degree) for degree in tried}
    for model in models.values():
        model.fit(data.x[:, np.newaxis], data.y)
    errors = [_mean_squared_error(model, data.x, data.y) for model in models.values()]
    held_out = [
        _mean_squared_error(model, data.x_validation, data.y_validation)
        for model in models.values()
    ]
    best = tried[int(np.argmin(np.where(np.isfinite(held_out), held_out, np.inf)))]
    shown = sorted({tried[0], best, tried[-1]})
    at = data.grid()
    curves = {f"degree {k}{' (best)' if k == best else ''}": _predict(models[k], at) for k in shown}
    with _style():
        panels = _two_axes(None) if panels is None else panels
        _draw_fits(panels[0], data, curves)
    polynomial_degrees(tried, errors, held_out, ax=panels[1])
    panels[1].set_ylabel("mean squared error")
    return panels


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
        (str(name) if several else type(part).__name__, *_read_schedule(part, n))
        for name, part in (schedule.items() if several else (("", schedule),))
    ]
    units = {unit for _, unit, _ in curves}
    if len(units) != 1:
        raise ValueError(
            "the schedules of a dict must have one unit to be drawn on one axis, but have "
            f"{' and '.join(sorted(units)) or 'none: it is empty'}"
        )
    with _style():
        ax = _axes(ax)
        for (label, unit, factors), (colour, line_style) in zip(
            curves, _unused_styles(ax, len(curves)), strict=True
        ):
            _line(
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
            _legend(ax)
    return ax


# --- reading what was given -----------------------------------------------------------------------


def _read_schedule(schedule: Any, n: Any) -> tuple[str, FloatArray]:
    """Return the unit of a schedule and its factors."""
    if not callable(getattr(schedule, "preview", None)):
        raise TypeError(
            f"schedule must have a method preview(n), as those of steepest.schedules do; got "
            f"{type(schedule).__name__}"
        )
    size = _at_least("n", n, 1) if np.ndim(n) == 0 else np.size(n)
    unit = getattr(schedule, "unit", None)
    factors = _vector("schedule.preview(n)", schedule.preview(n), size=size)
    return unit if isinstance(unit, str) else "step", factors


@dataclass(frozen=True)
class _Curve:
    """One history: its losses, where they stand on the x-axis, and what that axis counts."""

    kind: str
    unit: str
    at: FloatArray  # (n,)
    loss: FloatArray  # (n,)
    validation_loss: FloatArray | None  # (n,)
    validation_score: FloatArray | None  # (n,)


def _read_curve(source: Any, position: int) -> _Curve:
    where = f"argument {position} of loss_curve ({type(source).__name__})"
    history, unit, kind = _history(source, where)
    if "loss" not in history:
        known = ", ".join(map(repr, history)) or "none"
        raise ValueError(f"{where} has no 'loss' in its history; its keys: {known}")
    loss = _vector(f"the loss of {where}", history["loss"])
    columns = {}
    for key in ("validation_loss", "validation_score", "epoch", "step"):
        column = history.get(key)
        if column is not None and np.size(column):
            columns[key] = _vector(f"the {key} of {where}", column, size=loss.size)
    at = np.arange(loss.size, dtype=np.float64)
    if unit == "iteration":  # a plain mapping may say what it counts
        unit = next((key for key in ("epoch", "step") if key in columns), unit)
    return _Curve(
        kind=kind,
        unit=unit,
        at=columns.get(unit, at),
        loss=loss,
        validation_loss=_unless_empty(columns.get("validation_loss")),
        validation_score=_unless_empty(columns.get("validation_score")),
    )


def _history(source: Any, where: str) -> tuple[Mapping[str, Any], str, str]:
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


def _unless_empty(column: FloatArray | None) -> FloatArray | None:
    """Return the column, or None where nothing in it can be drawn."""
    return column if column is not None and np.isfinite(column).any() else None


@dataclass(frozen=True)
class _Data:
    """Inputs and targets of a polynomial; the validation part may have no rows."""

    x: FloatArray  # (n,)
    y: FloatArray  # (n,)
    x_validation: FloatArray  # (k,)
    y_validation: FloatArray  # (k,)

    @classmethod
    def read(cls, x: Any, y: Any, x_validation: Any, y_validation: Any) -> _Data:
        if (x_validation is None) != (y_validation is None):
            missing = "x_validation" if x_validation is None else "y_validation"
            raise ValueError(f"x_validation and y_validation go together: {missing} is missing")
        inputs = _column("x", x)
        targets = _column("y", y, size=inputs.size)
        if x_validation is None:
            return cls(inputs, targets, np.empty(0), np.empty(0))
        held_out = _column("x_validation", x_validation)
        return cls(
            inputs, targets, held_out, _column("y_validation", y_validation, size=held_out.size)
        )

    def grid(self) -> FloatArray:
        """Return the points at which a curve over all these data is drawn."""
        inputs = np.concatenate([self.x, self.x_validation])
        return np.linspace(inputs.min(), inputs.max(), 500)


def _column(name: str, value: Any, size: int | None = None) -> FloatArray:
    """Return finite values of shape (n,) or (n, 1) as (n,)."""
    array = np.asarray(value)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    column = _vector(name, array, size)
    finite = np.isfinite(column)
    if not finite.all():
        row = int(finite.argmin())
        raise ValueError(f"{name} must be finite; row {row} is {column[row]}")
    return column


def _vector(name: str, value: Any, size: int | None = None) -> FloatArray:
    """Return ``value`` as a float64 array of shape (n,), n > 0."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers; got dtype {array.dtype}")
    wanted = "(n,)" if size is None else f"({size},)"
    if array.ndim != 1 or (size is not None and array.size != size):
        raise ValueError(f"{name} must have shape {wanted}; got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} is empty")
    return array.astype(np.float64, copy=False)


def _list_of_paths(path: Any) -> list[Any]:
    if path is None:
        return []
    if hasattr(path, "path"):
        return [path]
    if isinstance(path, np.ndarray):
        return [path] if path.ndim == 2 else list(path)
    several = all(hasattr(one, "path") or np.ndim(one) == 2 for one in path)
    return list(path) if several else [path]


def _read_path(path: Any, position: int) -> FloatArray:
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


def _range(name: str, value: Any) -> tuple[float, float]:
    low, high = (float(end) for end in _vector(name, value, size=2))
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{name} must be (low, high), finite and low < high; got {value!r}")
    return low, high


def _at_least(name: str, value: int, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer, at least {least}; got {value!r}")
    return int(value)


def _names(labels: str | Sequence[str] | None, n: int, default: list[str]) -> list[str]:
    if labels is None:
        return default
    given = [labels] if isinstance(labels, str) else [str(label) for label in labels]
    if len(given) != n:
        raise ValueError(
            f"labels must have one entry for each curve or path, {n}; got {len(given)}"
        )
    return given


def _default_names(curves: list[_Curve]) -> list[str]:
    kinds = [curve.kind for curve in curves]
    return [
        kind if kinds.count(kind) == 1 else f"{kind} {kinds[:k].count(kind) + 1}"
        for k, kind in enumerate(kinds)
    ]


def _require_predict(model: Any) -> None:
    if not callable(getattr(model, "predict", None)):
        raise TypeError(f"model must have a method predict; got {type(model).__name__}")


# --- values to draw -------------------------------------------------------------------------------


def _heights(fun: Callable[[FloatArray], Any], x: FloatArray, y: FloatArray) -> FloatArray:
    """Return fun([x[j], y[i]]) at [i, j], with nan where it is not finite."""
    heights = np.empty((y.size, x.size))
    with np.errstate(all="ignore"):  # a plane may reach beyond the function's domain
        for i, second in enumerate(y):
            for j, first in enumerate(x):
                value = np.asarray(fun(np.array([first, second])))
                if value.size != 1:
                    raise ValueError(
                        f"fun must return one number; it returned an array of shape {value.shape}"
                    )
                heights[i, j] = value.item()
    heights[~(np.abs(heights) < _SKY)] = np.nan
    if np.isnan(heights).all():
        raise ValueError("fun is finite nowhere on x_range x y_range")
    return heights


def _levels(heights: FloatArray, n: int, log_levels: bool) -> FloatArray:
    """Return ascending levels from the lowest to the highest value."""
    low, high = float(np.nanmin(heights)), float(np.nanmax(heights))
    if not low < high:  # a plane: one band around it
        margin = max(1.0, abs(low)) * 1e-3
        return np.linspace(low - margin, low + margin, n)
    if not log_levels:
        return np.unique(np.linspace(low, high, n))
    # Four decades of height are as many as a picture can show; and a first line around less
    # than a hundredth of the plane would fray on the grid.
    rise = high - low
    first = max(rise * 1e-4, float(np.nanquantile(heights, 0.01)) - low)
    levels = low + np.concatenate([[0.0], np.geomspace(min(first, rise / 2), rise, n - 1)])
    levels[-1] = high
    return np.unique(levels)


def _mean_squared_error(model: Any, x: FloatArray, y: FloatArray) -> float:
    with np.errstate(over="ignore", invalid="ignore"):  # an infinite error is drawn as none
        return float(np.mean((_predict(model, x) - y) ** 2))


def _predict(model: Any, x: FloatArray) -> FloatArray:
    values = np.asarray(model.predict(x[:, np.newaxis]), dtype=np.float64).reshape(-1)
    if values.size != x.size:
        raise ValueError(
            f"model.predict must return one value for each row, {x.size}; got {values.size}"
        )
    return values


def _polynomial_regression(degree: int) -> Any:
    # Not at import: the estimators load scikit-learn.
    return importlib.import_module("steepest").PolynomialRegression(degree=degree)


# --- drawing --------------------------------------------------------------------------------------


def _style() -> AbstractContextManager[None]:
    """Return a context with the style of these pictures; outside it nothing is changed."""
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise ImportError(
            "steepest.plot needs matplotlib, which is not installed: pip install steepest[plot]"
        ) from error
    return mpl.rc_context(_STYLE)


def _axes(ax: Any) -> Axes:
    from matplotlib.axes import Axes

    if ax is None:
        from matplotlib import pyplot as plt

        _, ax = plt.subplots(layout="constrained")
        return _dressed(ax)
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be a matplotlib Axes; got {type(ax).__name__}")
    return ax


def _two_axes(axes: Any) -> NDArray[Any]:
    panels = np.empty(2, dtype=object)
    if axes is None:
        from matplotlib import pyplot as plt

        _, made = plt.subplots(1, 2, figsize=(8.0, 3.4), layout="constrained")
        panels[:] = [_dressed(ax) for ax in made]
        return panels
    given = list(np.ravel(np.asarray(axes, dtype=object)))
    if len(given) != 2:
        raise ValueError(f"axes must be two matplotlib Axes; got {len(given)}")
    panels[:] = [_axes(ax) for ax in given]
    return panels


def _dressed(ax: Axes) -> Axes:
    # Ticks and grid lines are made when the picture is drawn, outside the style's context: what
    # they are to look like has to be said to the axes themselves.
    ax.tick_params(labelsize=_STYLE["xtick.labelsize"])
    ax.grid(True, color=_GRID_COLOUR, linewidth=0.6)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax


def _right_axis(ax: Axes, label: str) -> Axes:
    """Return the axis of that label at the right of ``ax``, the one of an earlier call if any."""
    for other in ax.figure.axes:
        if other.get_ylabel() == label and other.get_position().bounds == ax.get_position().bounds:
            return other
    right = ax.twinx()
    right.set_ylabel(label)
    right.tick_params(labelsize=_STYLE["ytick.labelsize"])
    right.spines["top"].set_visible(False)
    return right


def _unused_styles(ax: Axes, n: int) -> list[tuple[str, Any]]:
    """Return n pairs of colour and line style, beginning after those already on ``ax``."""
    from matplotlib.colors import to_hex

    used = {to_hex(line.get_color()).upper() for line in ax.get_lines()}
    free = [k for k, colour in enumerate(_COLOURS) if colour not in used]
    start = free[0] if free else 0
    places = range(start, start + n)
    return [
        (_COLOURS[k % len(_COLOURS)], _LINE_STYLES[k // len(_COLOURS) % len(_LINE_STYLES)])
        for k in places
    ]


def _line(ax: Axes, x: FloatArray, y: FloatArray, **style: Any) -> None:
    # A single point is no line: it needs a marker to be seen.
    ax.plot(x, y, marker="o" if x.size == 1 else "", **style)


def _set_log(ax: Axes, log: bool) -> None:
    """Make the y-axis logarithmic if asked for and if the lines have logarithms."""
    values = np.concatenate([np.ravel(np.asarray(line.get_ydata())) for line in ax.get_lines()])
    values = values[np.isfinite(values)]
    drawable = values.size > 0 and values.min() >= 0.0 and values.max() > 0.0
    ax.set_yscale("log" if log and drawable else "linear")


def _legend(ax: Axes, handles: list[Any] | None = None, above: bool = False) -> None:
    """Draw the legend where it is best, or above the axes; beside them if it is long."""
    handles = ax.get_legend_handles_labels()[0] if handles is None else handles
    place: dict[str, Any] = {}
    if above:
        place = {"bbox_to_anchor": (0.0, 1.02), "loc": "lower left", "borderaxespad": 0.0}
        place |= {"ncols": 2 if len(handles) < 5 else 3, "columnspacing": 1.2}
    elif len(handles) > _MANY:
        place = {"bbox_to_anchor": (1.02, 1.0), "loc": "upper left", "borderaxespad": 0.0}
    ax.legend(handles=handles, **place)


def _legend_of_curves(ax: Axes, dashes: dict[str, str], always: bool, above: bool) -> None:
    """Name the curves by colour and, once for all of them, training and validation by dashes."""
    from matplotlib.lines import Line2D

    handles, _ = ax.get_legend_handles_labels()
    keys: dict[str, Any] = {"training": "-", **dashes} if dashes else {}
    proxies: list[Any] = [
        Line2D([], [], color=_DATA_COLOUR, linestyle=style, label=name)
        for name, style in keys.items()
    ]
    if len(handles) > 1 or always:
        _legend(ax, handles + proxies, above)
    elif proxies:
        _legend(ax, proxies, above)


def _legend_of_paths(ax: Axes, paths: bool) -> None:
    from matplotlib.lines import Line2D

    handles, _ = ax.get_legend_handles_labels()
    if paths:
        look: dict[str, Any] = {"color": _DATA_COLOUR, "linestyle": "", "markersize": 5}
        handles += [
            Line2D([], [], marker="o", markerfacecolor="white", label="start", **look),
            Line2D([], [], marker="s", label="end", **look),
        ]
    _legend(ax, handles)


def _draw_hills(
    ax: Axes, x: FloatArray, y: FloatArray, heights: FloatArray, levels: FloatArray
) -> None:
    from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("hills", _HILLS, N=max(256, levels.size))
    masked = np.ma.masked_invalid(heights)
    # By rank, not by value: however uneven the levels, each band has its own shade.
    norm = BoundaryNorm(levels, colours.N)
    ax.grid(False)
    ax.contourf(x, y, masked, levels=levels, cmap=colours, norm=norm, zorder=0)
    ax.contour(
        x, y, masked, levels=levels, colors="#77746F", linewidths=0.4, linestyles="-", zorder=1
    )


def _draw_path(ax: Axes, points: FloatArray, name: str, colour: str, width: float) -> None:
    dots = "." if len(points) <= 200 else ""  # more of them would only thicken the line
    label: dict[str, Any] = {"label": name} if name else {}
    ax.plot(*points.T, marker=dots, color=colour, linewidth=width, zorder=3, **label)
    ends = points[np.isfinite(points).all(axis=1)]  # a descent that diverged may end in nan
    if len(ends):
        ax.plot(*ends[0], "o", color=colour, markerfacecolor="white", markersize=6, zorder=4)
        ax.plot(*ends[-1], "s", color=colour, markersize=5, zorder=5)


def _draw_fits(ax: Axes, data: _Data, curves: dict[str, FloatArray]) -> None:
    """Draw the data and over them the curves, each of them values on the data's grid."""
    ax.plot(data.x, data.y, "o", color=_DATA_COLOUR, alpha=0.8, label="training data")
    if data.x_validation.size:
        ax.plot(
            data.x_validation,
            data.y_validation,
            "s",
            color=_DATA_COLOUR,
            markerfacecolor="white",
            alpha=0.8,
            label="validation data",
        )
    for (name, values), colour in zip(curves.items(), _COLOURS, strict=False):
        ax.plot(data.grid(), values, color=colour, label=name, zorder=3)
    ax.set_ylim(*_view([data.y, data.y_validation], list(curves.values())))
    ax.set_xlabel("x")
    ax.set_ylabel("y")
    _legend(ax, above=len(curves) > 1)


def _view(data: list[FloatArray], curves: list[FloatArray]) -> tuple[float, float]:
    """Return the limits that show all data, and the curves as far as a third beyond them."""
    targets = np.concatenate(data)
    low, high = float(targets.min()), float(targets.max())
    room = (high - low) / 3 or 1.0
    drawn = np.concatenate(curves)
    drawn = np.clip(drawn[np.isfinite(drawn)], low - room, high + room)
    low, high = float(drawn.min(initial=low)), float(drawn.max(initial=high))
    margin = 0.05 * (high - low) or 0.5
    return low - margin, high + margin
