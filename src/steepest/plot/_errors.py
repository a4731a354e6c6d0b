"""Training and validation error against what decides about overfitting: size of model, rows, epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.plot._bands import BANDS, draw_band, middle_and_band, says
from steepest.plot._read import FloatArray, at_least, one_of, require_callable, vector
from steepest.plot._style import COLOURS, DATA_COLOUR, draw_legend, own_axes, pictured, set_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ErrorOf = Callable[[Any, Any, Any], float]


def error_curve(
    values: ArrayLike,
    train_errors: ArrayLike,
    validation_errors: ArrayLike,
    name: str = "degree",
    band: str = "quartiles",
    log: bool = True,
    log_values: bool = False,
    mark_best: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw training and validation error against the degree, width, rows, epochs or whatever else.

    Where the training error still falls while the validation error rises, the model overfits. Given the
    errors of several seeds, their middle is drawn with a band; the axis says which and of how many.

    Parameters
    ----------
    values : array_like of shape (n,)
        The degrees, widths, numbers of rows or epochs, in any order.
    train_errors, validation_errors : array_like of shape (n,) or (n, seeds)
        The errors there.
    name : str, default "degree"
        What the values are; the axis's name.
    band : {"quartiles", "deviation"}, default "quartiles"
        As in :func:`metric_bands`.
    log : bool, default True
        Logarithmic axis for the error (linear all the same if an error that is drawn is not positive).
    log_values : bool, default False
        Logarithmic axis for the values.
    mark_best : bool, default True
        Mark the value with the lowest (median or mean) validation error.
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
        If the values are not numbers, or ``ax`` is not a matplotlib Axes.
    ValueError
        If the three are not of one length, are empty, no validation error is finite, or values on a
        logarithmic axis are not positive.
    """
    one_of("band", band, BANDS)
    at = vector("values", values)
    train = _errors("train_errors", train_errors, at.size)
    held_out = _errors("validation_errors", validation_errors, at.size)
    if log_values and not (at > 0).all():
        raise ValueError(f"values must be positive on a logarithmic axis; one is {at.min()}")
    order = np.argsort(at, kind="stable")
    at, train, held_out = at[order], train[order], held_out[order]
    best = best_of(held_out, band)
    with pictured():
        ax = own_axes(ax)
        draw_band(ax, at, train, band, COLOURS[0], "-", "training")
        draw_band(ax, at, held_out, band, COLOURS[1], "--", "validation")
        for line, marker in zip(ax.get_lines()[-2:], "os", strict=True):
            if at.size <= 40:  # more of them would only thicken the line
                line.set_marker(marker)
        if mark_best:
            draw_best(ax, at, middle_and_band(held_out, band)[0], best, name)
        if log_values:
            ax.set_xscale("log")
            if at.size <= 10:
                ax.set_xticks(at, [f"{value:g}" for value in at])
                ax.minorticks_off()
        ax.set_xlabel(name)
        seeds = max(train.shape[1], held_out.shape[1])
        ax.set_ylabel("error" if seeds == 1 else f"error\n({says(band, [seeds])})")
        middles = [middle_and_band(errors, band)[0] for errors in (train, held_out)]
        set_log(ax, log and not any((middle <= 0).any() for middle in middles))
        draw_legend(ax)
    return ax


def capacity_curve(
    make_model: Callable[..., Any],
    values: Iterable[Any],
    X: Any,
    y: Any,
    X_validation: Any,
    y_validation: Any,
    name: str = "width",
    seeds: Sequence[int] = (0,),
    error: ErrorOf | None = None,
    log: bool = True,
    log_values: bool = False,
    band: str = "quartiles",
    ax: Axes | None = None,
) -> Axes:
    """Fit a model of each size, from several seeds, and draw their training and validation errors.

    Parameters
    ----------
    make_model : callable
        Takes a value and a seed; returns an estimator that is not fitted.
    values : iterable of numbers
        The sizes to try: widths, degrees, penalties.
    X, y : arrays
        What to fit.
    X_validation, y_validation : arrays
        What to validate on.
    name : str, default "width"
        What the values are.
    seeds : sequence of int, default (0,)
        One fit for each value and seed.
    error : callable, optional
        Takes a fitted model, X and y; returns a number, the lower the better. Default: the share of
        rows that a classifier gets wrong, and the mean squared error of others.
    log, log_values, band, ax
        As in :func:`error_curve`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If ``make_model`` or ``error`` is not callable, or ``ax`` is not a matplotlib Axes.
    ValueError
        If there are no values or seeds, or no validation error is finite.
    """
    require_callable("make_model", make_model)
    tried = sorted(set(values))
    seeds = _some("seeds", seeds)
    if not tried:
        raise ValueError("values is empty: give at least one size to try")
    measure, kind = _measure(error)
    errors = np.empty((2, len(tried), len(seeds)))
    for (i, value), (j, seed) in _pairs(tried, seeds):
        model = make_model(value, seed)
        model.fit(X, y)
        errors[:, i, j] = measure(model, X, y), measure(model, X_validation, y_validation)
        kind = kind or _default_kind(model)
    ax = error_curve(tried, errors[0], errors[1], name, band, log, log_values, ax=ax)
    _name_error(ax, kind)
    return ax


def learning_curve(
    make_model: Callable[..., Any],
    sizes: Iterable[int],
    X: ArrayLike,
    y: ArrayLike,
    X_validation: Any,
    y_validation: Any,
    seeds: Sequence[int] = (0,),
    error: ErrorOf | None = None,
    log: bool = True,
    log_values: bool = True,
    band: str = "quartiles",
    ax: Axes | None = None,
) -> Axes:
    """Fit a model to ever more rows, from several seeds, and draw training and validation errors.

    For each seed the rows are shuffled once, and a fit takes the first of them, so that larger sets contain the
    smaller ones. The training error is that on the rows of the fit.

    Parameters
    ----------
    make_model : callable
        Takes a seed; returns an estimator that is not fitted.
    sizes : iterable of int
        The numbers of rows to try.
    X, y : arrays of n rows
        What to take them from.
    X_validation, y_validation : arrays
        What to validate on, the same for all.
    seeds : sequence of int, default (0,)
        One shuffle, and one fit for each size, for each of them.
    error : callable, optional
        As in :func:`capacity_curve`.
    log, log_values, band, ax
        As in :func:`error_curve`; the axis of the sizes is logarithmic by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If ``make_model`` or ``error`` is not callable, or ``ax`` is not a matplotlib Axes.
    ValueError
        If there are no sizes or seeds, a size is not from 1 to n, or no validation error is finite.
    """
    require_callable("make_model", make_model)
    inputs, targets = np.asarray(X), np.asarray(y)
    n = len(inputs)
    if len(targets) != n:
        raise ValueError(f"y must have {n} rows, as X has; got {len(targets)}")
    tried = sorted({at_least("sizes", size, 1) for size in sizes})
    if not tried:
        raise ValueError("sizes is empty: give at least one number of rows to try")
    if tried[-1] > n:
        raise ValueError(f"sizes must not be beyond the {n} rows of X; got {tried[-1]}")
    seeds = _some("seeds", seeds)
    measure, kind = _measure(error)
    errors = np.empty((2, len(tried), len(seeds)))
    orders = [np.random.default_rng(seed).permutation(n) for seed in seeds]
    for (i, size), (j, seed) in _pairs(tried, seeds):
        rows = orders[j][:size]
        model = make_model(seed)
        model.fit(inputs[rows], targets[rows])
        errors[0, i, j] = measure(model, inputs[rows], targets[rows])
        errors[1, i, j] = measure(model, X_validation, y_validation)
        kind = kind or _default_kind(model)
    ax = error_curve(tried, errors[0], errors[1], "training rows", band, log, log_values, False, ax)
    _name_error(ax, kind)
    return ax


def best_of(errors: FloatArray, band: str = "quartiles") -> int:
    """Return where the middle of the errors, (n, seeds), is lowest."""
    middle = middle_and_band(errors, band)[0]
    if not np.isfinite(middle).any():
        raise ValueError("validation_errors has no finite entry: there is no best one to mark")
    return int(np.argmin(np.where(np.isfinite(middle), middle, np.inf)))


def draw_best(ax: Axes, at: FloatArray, errors: FloatArray, best: int, name: str) -> None:
    """Mark the best of the values with a star and a line down to the axis."""
    ax.axvline(at[best], color=DATA_COLOUR, linewidth=0.8, linestyle=":", zorder=1)
    ax.plot(
        at[best : best + 1],
        errors[best : best + 1],
        "*",
        color=DATA_COLOUR,
        markersize=10,
        zorder=5,
        label=f"best: {name} {at[best]:g}",
    )


def _errors(name: str, given: ArrayLike, size: int) -> FloatArray:
    """Return errors as (n, seeds)."""
    array = np.asarray(given)
    if array.ndim < 2:
        return vector(name, array, size)[:, np.newaxis]
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers; got dtype {array.dtype}")
    if array.ndim != 2 or array.shape[0] != size or array.shape[1] == 0:
        raise ValueError(
            f"{name} must have shape ({size},) or ({size}, seeds); got shape {array.shape}"
        )
    return array.astype(np.float64, copy=False)


def _some(name: str, given: Iterable[Any]) -> list[Any]:
    values = list(given)
    if not values:
        raise ValueError(f"{name} is empty: give at least one")
    return values


def _pairs(
    first: list[Any], second: Sequence[Any]
) -> list[tuple[tuple[int, Any], tuple[int, Any]]]:
    return [(a, b) for a in enumerate(first) for b in enumerate(second)]


def _measure(error: ErrorOf | None) -> tuple[ErrorOf, str]:
    """Return how to measure an error, and what to call it: nothing yet, where that is the model's."""
    if error is None:
        return _default_error, ""
    require_callable("error", error)
    return error, "error"


def _default_error(model: Any, X: Any, y: Any) -> float:
    predicted = np.asarray(model.predict(X))
    if hasattr(model, "classes_"):
        return float(np.mean(predicted != np.asarray(y)))
    with np.errstate(over="ignore", invalid="ignore"):  # an infinite error is drawn as none
        return float(np.mean((predicted.reshape(np.shape(y)) - np.asarray(y)) ** 2))


def _default_kind(model: Any) -> str:
    return "share of wrong classes" if hasattr(model, "classes_") else "mean squared error"


def _name_error(ax: Axes, kind: str) -> None:
    ax.set_ylabel(ax.get_ylabel().replace("error", kind, 1))
