"""What happens in a network while it is trained: its parameters, and statistics of each layer.

Recorders follow scikit-learn's callback protocol (1.9 or newer): put them into ``callbacks=`` of a
network, and they measure it before the first epoch and after each one::

    statistics = LayerStatistics()
    path = ParameterPath()
    st.MLPClassifier(callbacks=[statistics, path]).fit(X, y)

With an older scikit-learn, or in a loop of one's own, :meth:`record` measures a fitted network as it is::

    for epoch in range(20):
        model.partial_fit(X, y)
        statistics.record(model, X, y)

`steepest.plot` draws what they have recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest import kernels
from steepest._validate import Array, check_activations, numeric_array, plain

__all__ = ["LayerStatistics", "ParameterPath"]

FloatArray = NDArray[np.float64]


class Recorder:
    """A callback that measures a network before its first epoch and after each one."""

    def setup(self, estimator: Any, context: Any) -> None:
        """Forget what was recorded; scikit-learn calls this as a fit begins."""
        require_network(estimator)
        self.clear()

    def on_fit_task_begin(
        self,
        estimator: Any,
        context: Any,
        *,
        X: Any = None,
        y: Any = None,
        fitted_estimator: Any = None,
    ) -> None:
        """Record the network as it begins its first epoch."""
        if fitted_estimator is not None and len(self) == 0:
            self.record(fitted_estimator, X, y)

    def on_fit_task_end(
        self,
        estimator: Any,
        context: Any,
        *,
        X: Any = None,
        y: Any = None,
        fitted_estimator: Any = None,
    ) -> bool:
        """Record the network after an epoch; never ask to stop."""
        if context.task_name != "fit" and fitted_estimator is not None:
            self.record(fitted_estimator, X, y)
        return False

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do nothing: what was recorded stays."""

    def clear(self) -> None:
        """Forget what was recorded."""
        raise NotImplementedError

    def record(self, model: Any, X: Any = None, y: Any = None) -> None:
        """Measure a network as it is now."""
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError


class ParameterPath(Recorder):
    """The parameters of a network at the start and after each epoch, as points in their space.

    A callback; see the module. The points are what `steepest.landscape` lays planes through.

    Attributes
    ----------
    points : ndarray of float64, (k, m)
        One row for each record; in a row the weights of all layers row by row, then all biases, as in
        :attr:`steepest.calculus.NetworkLoss.parameters`.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> from steepest.recording import ParameterPath
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 1.0, 2.0])
    >>> model, path = st.MLPRegressor(hidden_layer_sizes=(2,), random_state=0), ParameterPath()
    >>> for _ in range(3):
    ...     path.record(model.partial_fit(X, y))
    >>> path.points.shape
    (3, 7)
    """

    def __init__(self) -> None:
        self._points: list[FloatArray] = []

    @property
    def points(self) -> FloatArray:
        """The recorded parameters, (k, m), a copy."""
        if not self._points:
            raise ValueError("nothing was recorded yet: pass the recorder as callbacks= to a fit")
        return np.stack(self._points)

    def record(self, model: Any, X: Any = None, y: Any = None) -> None:
        """Append the parameters of a fitted network.

        Parameters
        ----------
        model : MLPRegressor or MLPClassifier
            Fitted.
        X, y
            Not used.

        Raises
        ------
        TypeError
            If ``model`` isn't one of the two.
        NotFittedError
            If it isn't fitted.
        ValueError
            If its layers have other sizes than before.
        """
        point = flat_parameters(model)
        if self._points and point.size != self._points[0].size:
            raise ValueError(
                f"model must have {self._points[0].size} parameters, as those before; it has "
                f"{point.size}"
            )
        self._points.append(point)

    def clear(self) -> None:
        """Forget what was recorded."""
        self._points = []

    def __len__(self) -> int:
        return len(self._points)


class LayerStatistics(Recorder):
    r"""Quantiles of each layer's activations, gradients and updates, at the start and after each epoch.

    A callback; see the module. Each record costs a pass forward and one backward over the rows that it looks
    at: give a few hundred of them where there are many. Each row counts once, whatever its sample weight.

    Parameters
    ----------
    X : array, (n, d), optional
        The rows to look at. Default: those that the network is trained on.
    y : array, (n,) or (n, K), optional
        Their targets; with ``X``.
    quantiles : sequence of float, default (0.05, 0.25, 0.5, 0.75, 0.95)
        Ascending, from 0 to 1.

    Attributes
    ----------
    layer_sizes : tuple of int
        The widths, from the inputs to the outputs: L + 1 of them for L layers of weights.
    activations : list of L arrays of float64, (k, q)
        Quantiles of what a layer passes on, over rows and units; that of the last layer before softmax,
        logistic or exponential.
    gradients : list of L arrays, (k, q)
        Quantiles of :math:`|\partial L / \partial w|` over the weights of a layer; L is the loss that is
        reported, on the rows that are looked at, with its L2 penalty.
    updates : list of L arrays, (k, q)
        Quantiles of :math:`|w_k - w_{k-1}|`, the way of each weight in one epoch; nan in the first row.
    update_ratios : ndarray, (k, L)
        :math:`\|W_k - W_{k-1}\|_F / \|W_{k-1}\|_F`, the way of an epoch; nan in the first row.
    dead : ndarray, (k, L - 1)
        The share of a hidden layer's units that are 0 on all rows: with ReLU, those that get no gradient from
        them. nan where the layer's activation is another.

    Raises
    ------
    TypeError, ValueError
        If only one of ``X`` and ``y`` is given, or ``quantiles`` are no ascending numbers from 0 to 1.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> from steepest.recording import LayerStatistics
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 1.0, 2.0])
    >>> statistics = LayerStatistics(X, y)
    >>> model = st.MLPRegressor(hidden_layer_sizes=(4,), random_state=0)
    >>> for _ in range(3):
    ...     statistics.record(model.partial_fit(X, y))
    >>> statistics.layer_sizes, statistics.gradients[0].shape, statistics.dead.shape
    ((1, 4, 1), (3, 5), (3, 1))
    """

    def __init__(
        self,
        X: Any = None,
        y: Any = None,
        *,
        quantiles: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95),
    ) -> None:
        if (X is None) != (y is None):
            raise ValueError(f"X and y go together: {'X' if X is None else 'y'} is missing")
        self.X, self.y, self.quantiles = X, y, as_quantiles(quantiles)
        self.clear()

    def clear(self) -> None:
        """Forget what was recorded."""
        self.layer_sizes: tuple[int, ...] = ()
        self._weights: list[Array] = []  # of the last record
        self._rows: dict[str, list[FloatArray]] = {
            name: [] for name in ("activations", "gradients", "updates", "update_ratios", "dead")
        }

    def __len__(self) -> int:
        return len(self._rows["dead"])

    @property
    def activations(self) -> list[FloatArray]:
        """Quantiles of what each layer passes on, (k, q) each."""
        return self._by_layer("activations")

    @property
    def gradients(self) -> list[FloatArray]:
        """Quantiles of the sizes of each layer's derivatives, (k, q) each."""
        return self._by_layer("gradients")

    @property
    def updates(self) -> list[FloatArray]:
        """Quantiles of the ways of each layer's weights in an epoch, (k, q) each."""
        return self._by_layer("updates")

    @property
    def update_ratios(self) -> FloatArray:
        """The way of each layer's weights in an epoch, relative to their norm, (k, L)."""
        return self._stacked("update_ratios")

    @property
    def dead(self) -> FloatArray:
        """The share of dead units of each hidden layer, (k, L - 1)."""
        return self._stacked("dead")

    def record(self, model: Any, X: Any = None, y: Any = None) -> None:
        """Measure a fitted network as it is now.

        Parameters
        ----------
        model : MLPRegressor or MLPClassifier
            Fitted, and with the layers of those before.
        X, y : arrays, optional
            The rows to look at, where the recorder was given none.

        Raises
        ------
        TypeError, ValueError
            If ``model`` isn't one of the two or has other layers than before, ``X`` is sparse, or there are no
            rows to look at.
        NotFittedError
            If ``model`` isn't fitted.
        """
        require_network(model)
        X, y = (X, y) if self.X is None else (self.X, self.y)
        if X is None or y is None:
            raise ValueError("there are no rows to look at: give record X and y, or the recorder")
        if hasattr(X, "tocsr"):
            raise TypeError(
                "X must be dense here; look at some rows: LayerStatistics(rows, targets)"
            )
        weights, activations, gradients = measured(model, X, y)
        sizes = (weights[0].shape[0], *(w.shape[1] for w in weights))
        if self.layer_sizes and sizes != self.layer_sizes:
            raise ValueError(
                f"model must have layers {self.layer_sizes}, as before; it has {sizes}"
            )
        before = self._weights or [np.full_like(w, np.nan) for w in weights]
        updates = [now - then for now, then in zip(weights, before, strict=True)]
        ratios = [
            _norm(step) / _norm(then) if _norm(then) else np.nan
            for step, then in zip(updates, before, strict=True)
        ]
        self.layer_sizes, self._weights = sizes, weights
        self._append("activations", self._quantiles(activations))
        self._append("gradients", self._quantiles([np.abs(g) for g in gradients]))
        self._append("updates", self._quantiles([np.abs(u) for u in updates]))
        self._append("update_ratios", np.array(ratios))
        self._append("dead", dead_shares(model, activations[:-1]))

    def _append(self, name: str, row: FloatArray) -> None:
        self._rows[name].append(row)

    def _quantiles(self, arrays: list[Array]) -> FloatArray:
        return np.array([np.quantile(array, self.quantiles) for array in arrays], dtype=np.float64)

    def _stacked(self, name: str) -> FloatArray:
        if not self._rows[name]:
            raise ValueError("nothing was recorded yet: pass the recorder as callbacks= to a fit")
        return np.stack(self._rows[name])

    def _by_layer(self, name: str) -> list[FloatArray]:
        return list(np.moveaxis(self._stacked(name), 1, 0))


def require_network(model: Any) -> None:
    """Raise unless the model is one of the two networks."""
    from steepest.estimators.mlp_base import MultiLayerPerceptron

    if not isinstance(model, MultiLayerPerceptron):
        raise TypeError(
            f"model must be an MLPRegressor or MLPClassifier; got {type(model).__name__}"
        )


def flat_parameters(model: Any) -> FloatArray:
    """Return a fitted network's parameters, (m,): all weights row by row, then all biases."""
    from steepest.estimators.base import require_fitted
    from steepest.estimators.given_layers import given_layers

    require_network(model)
    require_fitted(model)
    weights, biases = given_layers(model)
    return np.concatenate([np.ravel(array) for array in (*weights, *biases)]).astype(np.float64)


def measured(model: Any, X: Any, y: Any) -> tuple[list[Array], list[Array], list[Array]]:
    """Return each layer's weights, what it passes on, and the derivatives of the loss, in float64."""
    from steepest.calculus import NetworkLoss

    loss = NetworkLoss(model, X, y)
    weights, biases = loss.split(loss.parameters)
    gradients, _ = loss.split(loss.gradient(loss.parameters))
    inputs = plain(numeric_array("X", X), np.dtype(np.float64))
    activation = check_activations(model.activation, len(weights) - 1)
    output, hidden = kernels.relu_network_forward(weights, biases, inputs, "identity", activation)
    return weights, [*hidden, output], gradients


def dead_shares(model: Any, hidden: list[Array]) -> FloatArray:
    """Return the share of units of each ReLU layer that are 0 on all rows; nan for other layers."""
    given = check_activations(model.activation, len(hidden))
    names = [given] * len(hidden) if isinstance(given, str) else given
    return np.array(
        [
            (layer == 0).all(axis=0).mean() if name == "relu" else np.nan
            for layer, name in zip(hidden, names, strict=True)
        ]
    )


def as_quantiles(quantiles: ArrayLike) -> tuple[float, ...]:
    """Return them as numbers, or raise."""
    levels = np.asarray(numeric_array("quantiles", quantiles), dtype=np.float64)
    inside = levels.ndim == 1 and levels.size > 0 and ((levels >= 0) & (levels <= 1)).all()
    if not inside or (np.diff(levels) <= 0).any():
        raise ValueError(f"quantiles must be ascending numbers from 0 to 1; got {quantiles!r}")
    return tuple(float(level) for level in levels)


def _norm(array: Array) -> float:
    return float(np.linalg.norm(array))
