"""Polynomials over their data, and their errors against the degree."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.plot._errors import error_curve
from steepest.plot._read import FloatArray, column, require_predict, vector
from steepest.plot._style import (
    COLOURS,
    DATA_COLOUR,
    draw_legend,
    own_axes,
    pictured,
    two_axes,
    whole_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    require_predict(model)
    data = Data.read(x, y, x_validation, y_validation)
    degree = getattr(model, "degree", None)
    name = "fit" if degree is None else f"fit, degree {degree}"
    curve = predict(model, data.grid())
    with pictured():
        ax = own_axes(ax)
        draw_fits(ax, data, {name: curve})
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
        Logarithmic axis for the error (linear all the same if an error is not positive).

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
    at = vector("degrees", degrees)
    train = vector("train_errors", train_errors, size=at.size)
    held_out = vector("validation_errors", validation_errors, size=at.size)
    ax = error_curve(at, train, held_out, name="degree", log=log, ax=ax)
    whole_ticks(ax)
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
    data = Data.read(x, y, x_validation, y_validation)
    tried = sorted({int(degree) for degree in degrees})
    if not tried:
        raise ValueError("degrees is empty: give at least one degree to try")
    with pictured():  # axes that will not do are refused before the work
        panels = None if axes is None else two_axes(axes)
    build = polynomial_regression if make_model is None else make_model
    models = {degree: build(degree) for degree in tried}
    for model in models.values():
        model.fit(data.x[:, np.newaxis], data.y)
    errors = [mean_squared_error(model, data.x, data.y) for model in models.values()]
    held_out = [
        mean_squared_error(model, data.x_validation, data.y_validation) for model in models.values()
    ]
    best = tried[int(np.argmin(np.where(np.isfinite(held_out), held_out, np.inf)))]
    shown = sorted({tried[0], best, tried[-1]})
    at = data.grid()
    curves = {f"degree {k}{' (best)' if k == best else ''}": predict(models[k], at) for k in shown}
    with pictured():
        panels = two_axes(None) if panels is None else panels
        draw_fits(panels[0], data, curves)
    polynomial_degrees(tried, errors, held_out, ax=panels[1])
    panels[1].set_ylabel("mean squared error")
    return panels


@dataclass(frozen=True)
class Data:
    """Inputs and targets of a polynomial; the validation part may have no rows."""

    x: FloatArray  # (n,)
    y: FloatArray  # (n,)
    x_validation: FloatArray  # (k,)
    y_validation: FloatArray  # (k,)

    @classmethod
    def read(cls, x: Any, y: Any, x_validation: Any, y_validation: Any) -> Data:
        if (x_validation is None) != (y_validation is None):
            missing = "x_validation" if x_validation is None else "y_validation"
            raise ValueError(f"x_validation and y_validation go together: {missing} is missing")
        inputs = column("x", x)
        targets = column("y", y, size=inputs.size)
        if x_validation is None:
            return cls(inputs, targets, np.empty(0), np.empty(0))
        held_out = column("x_validation", x_validation)
        return cls(
            inputs, targets, held_out, column("y_validation", y_validation, size=held_out.size)
        )

    def grid(self) -> FloatArray:
        """Return the points at which a curve over all these data is drawn."""
        inputs = np.concatenate([self.x, self.x_validation])
        return np.linspace(inputs.min(), inputs.max(), 500)


def mean_squared_error(model: Any, x: FloatArray, y: FloatArray) -> float:
    with np.errstate(over="ignore", invalid="ignore"):  # an infinite error is drawn as none
        return float(np.mean((predict(model, x) - y) ** 2))


def predict(model: Any, x: FloatArray) -> FloatArray:
    values = np.asarray(model.predict(x[:, np.newaxis]), dtype=np.float64).reshape(-1)
    if values.size != x.size:
        raise ValueError(
            f"model.predict must return one value for each row, {x.size}; got {values.size}"
        )
    return values


def polynomial_regression(degree: int) -> Any:
    # Not at import: the estimators load scikit-learn.
    return importlib.import_module("steepest").PolynomialRegression(degree=degree)


def draw_fits(ax: Axes, data: Data, curves: dict[str, FloatArray]) -> None:
    """Draw the data and over them the curves, each of them values on the data's grid."""
    ax.plot(data.x, data.y, "o", color=DATA_COLOUR, alpha=0.8, label="training data")
    if data.x_validation.size:
        ax.plot(
            data.x_validation,
            data.y_validation,
            "s",
            color=DATA_COLOUR,
            markerfacecolor="white",
            alpha=0.8,
            label="validation data",
        )
    for (name, values), colour in zip(curves.items(), COLOURS, strict=False):
        ax.plot(data.grid(), values, color=colour, label=name, zorder=3)
    ax.set_ylim(*view_of([data.y, data.y_validation], list(curves.values())))
    ax.set_xlabel("x")
    ax.set_ylabel("y")
    draw_legend(ax, above=len(curves) > 1)


def view_of(data: list[FloatArray], curves: list[FloatArray]) -> tuple[float, float]:
    """Return the limits that show all data, and the curves as far as a third beyond them."""
    targets = np.concatenate(data)
    low, high = float(targets.min()), float(targets.max())
    room = (high - low) / 3 or 1.0
    drawn = np.concatenate(curves)
    drawn = np.clip(drawn[np.isfinite(drawn)], low - room, high + room)
    low, high = float(drawn.min(initial=low)), float(drawn.max(initial=high))
    margin = 0.05 * (high - low) or 0.5
    return low - margin, high + margin
