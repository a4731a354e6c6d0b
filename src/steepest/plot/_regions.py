"""Which class a classifier of two features gives to each point of the plane, and how surely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.plot._read import FloatArray, around, at_least, interval, require_predict
from steepest.plot._style import COLOURS, DATA_COLOUR, draw_legend, own_axes, pictured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "os^Dv<>"  # as many as colours
STRONG = 0.5  # of a class's colour, where its probability is 1: data stand out from it
FLAT = 0.35  # the same everywhere, where a model has no probabilities


def decision_regions(
    model: Any,
    X: ArrayLike,
    y: ArrayLike,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    ax: Axes | None = None,
    *,
    resolution: int = 201,
) -> Axes:
    """Draw the regions of a classifier with two features, and data over them.

    A region has the colour of its class: the stronger, the more probable the class is there, and white where all
    classes are equally so. Without ``predict_proba`` the colour is the same all over. Lines are where
    the class that is predicted changes. Data of a class have its colour and a marker of their own.

    Parameters
    ----------
    model : classifier
        Fitted on two features; with ``predict``, ``classes_`` and possibly ``predict_proba``.
    X : array_like of shape (n, 2)
        The data.
    y : array_like of shape (n,)
        Their classes.
    x_range, y_range : (float, float), optional
        What to show. Default: the data, and a tenth around them.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a new figure.
    resolution : int, default 201
        The model is asked at a grid of this many points in each direction.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If ``model`` has no ``predict``, ``X`` doesn't hold numbers, or ``ax`` is not a matplotlib Axes.
    ValueError
        If ``X`` or ``y`` has another shape, ``X`` is not finite, ``y`` has a class that the model doesn't know, the
        model is not a fitted classifier of one label, or a range is not two ascending numbers.
    """
    require_predict(model)
    classes = _classes(model)
    points, members = _data(X, y, classes)
    limits = [
        around(points[:, k], 0.1) if given is None else interval(name, given)
        for k, (name, given) in enumerate((("x_range", x_range), ("y_range", y_range)))
    ]
    side = at_least("resolution", resolution, 2)
    xs, ys = (np.linspace(low, high, side) for low, high in limits)
    shares, strengths = _shares(model, xs, ys, classes)
    # Beyond the colours, classes are told apart by their markers.
    colours = [COLOURS[k % len(COLOURS)] for k in range(len(classes))]
    with pictured():
        ax = own_axes(ax)
        ax.grid(False)
        ax.imshow(
            _shades(shares.argmax(axis=-1), strengths, colours),
            extent=_extent(xs, ys),
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            zorder=0,
        )
        _draw_borders(ax, xs, ys, shares)
        for k, (label, colour) in enumerate(zip(classes, colours, strict=True)):
            marker = MARKERS[(k + k // len(COLOURS)) % len(MARKERS)]
            look: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.6}
            own = points[members == k]
            ax.plot(*own.T, marker, color=colour, markersize=5, label=str(label), zorder=3, **look)
        ax.set_xlim(*limits[0])
        ax.set_ylim(*limits[1])
        ax.set_xlabel("$x_0$")
        ax.set_ylabel("$x_1$")
        draw_legend(ax)
    return ax


def _classes(model: Any) -> NDArray[Any]:
    classes = getattr(model, "classes_", None)
    if classes is None:
        raise ValueError(
            f"model must be a fitted classifier; {type(model).__name__} has no classes_"
        )
    if isinstance(classes, list) or np.ndim(classes) != 1:
        raise ValueError("model must predict one label for each row; it has several outputs")
    return np.asarray(classes)


def _data(X: Any, y: Any, classes: NDArray[Any]) -> tuple[FloatArray, NDArray[np.intp]]:
    points, labels = np.asarray(X), np.asarray(y)
    if points.dtype.kind not in "biuf":
        raise TypeError(f"X must hold real numbers; got dtype {points.dtype}")
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise ValueError(f"X must have shape (n, 2), n > 0: two features; got shape {points.shape}")
    if labels.shape != points.shape[:1]:
        raise ValueError(f"y must have shape {points.shape[:1]}; got shape {labels.shape}")
    finite = np.isfinite(points).all(axis=1)
    if not finite.all():
        row = int(finite.argmin())
        raise ValueError(f"X must be finite; row {row} is {points[row]}")
    known = {label: k for k, label in enumerate(classes.tolist())}
    strangers = [label for label in labels.tolist() if label not in known]
    if strangers:
        raise ValueError(f"y must hold classes of the model; {strangers[0]!r} is none")
    members = np.array([known[label] for label in labels.tolist()], dtype=np.intp)
    return points.astype(np.float64, copy=False), members


def _shares(
    model: Any, xs: FloatArray, ys: FloatArray, classes: NDArray[Any]
) -> tuple[FloatArray, FloatArray]:
    """Return the classes' shares on the grid, (len(ys), len(xs), K), and how strong to colour each point.

    The shares are probabilities; 0 and 1 where a model has none.
    """
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    shape, n_classes = (len(ys), len(xs)), len(classes)
    if not hasattr(model, "predict_proba"):
        predicted = np.asarray(model.predict(grid))
        if predicted.shape != (len(grid),):
            raise ValueError(
                f"model.predict must return one label for each row, {len(grid)}; got shape "
                f"{predicted.shape}"
            )
        shares = (predicted[:, np.newaxis] == classes).astype(np.float64)
        return shares.reshape(*shape, n_classes), np.full(shape, FLAT)
    shares = np.asarray(model.predict_proba(grid), dtype=np.float64)
    if shares.shape != (len(grid), n_classes):
        raise ValueError(
            f"model.predict_proba must return shape {(len(grid), n_classes)}; got {shares.shape}"
        )
    least = 1.0 / n_classes  # where all are equally probable
    sure = (shares.max(axis=-1) - least) / (1.0 - least) if n_classes > 1 else np.ones(len(grid))
    return shares.reshape(*shape, n_classes), STRONG * sure.reshape(shape)


def _shades(winners: NDArray[np.intp], strengths: FloatArray, colours: list[str]) -> FloatArray:
    """Return red, green and blue of each point, (rows, columns, 3): white to the winner's colour."""
    from matplotlib.colors import to_rgb

    full = np.array([to_rgb(colour) for colour in colours])[winners]
    return np.asarray(1.0 - strengths[..., np.newaxis] * (1.0 - full))


def _extent(xs: FloatArray, ys: FloatArray) -> tuple[float, float, float, float]:
    """Return the edges of an image whose pixels have their middles at these points."""
    across, up = (0.5 * (values[1] - values[0]) for values in (xs, ys))
    return xs[0] - across, xs[-1] + across, ys[0] - up, ys[-1] + up


def _draw_borders(ax: Axes, xs: FloatArray, ys: FloatArray, shares: FloatArray) -> None:
    """Draw where a class's share is that of the best other one."""
    n_classes = shares.shape[-1]
    for k in range(n_classes if n_classes > 2 else n_classes - 1):
        lead = shares[..., k] - np.delete(shares, k, axis=-1).max(axis=-1)
        if lead.min() < 0.0 < lead.max():
            ax.contour(xs, ys, lead, levels=[0.0], colors=DATA_COLOUR, linewidths=1.0, zorder=2)
