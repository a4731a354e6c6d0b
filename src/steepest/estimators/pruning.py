"""Pruned networks: ``prune``, the masks that last through further training, and gradual pruning in a descent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from steepest._validate import Array, check_choice
from steepest.estimators.base import NetworkState, require_fitted
from steepest.estimators.callbacks import Hook
from steepest.estimators.given_layers import given_layers
from steepest.pruning import METHODS, Gradual, check_amount, pruned_masks


class Pruning:
    """``prune`` of the multi-layer perceptrons."""

    def prune(
        self: Any,
        amount: int | float,
        how: str = "magnitude",
        layers: Sequence[int] | None = None,
    ) -> Any:
        """Set the smallest weights of the fitted network to 0, where they stay in all further training.

        The masks are in ``masks_``. ``partial_fit``, and ``fit`` with ``warm_start``, keep masked weights and their
        moments at exactly 0, with any optimizer; ``fit`` without ``warm_start`` trains a new network without masks.
        Biases are not pruned. :meth:`compact` then removes neurons of which nothing is left.

        Parameters
        ----------
        amount : float in [0, 1] or int
            How many of the weights that are not pruned yet: a fraction (rounded to the nearest number, halves to
            even) or the number itself, in each layer; with "global" in all of them together. With "neurons" so many
            neurons.
        how : {"magnitude", "global", "neurons"}, default "magnitude"
            "magnitude": the weights of least magnitude in each layer, as torch's ``l1_unstructured``; "global": in
            all layers together, as ``global_unstructured`` with ``L1Unstructured``; "neurons": all weights into the
            hidden neurons whose weights have the least 2-norm, as ``ln_structured`` with n = 2 along the outputs
            (their biases stay, as there, and :meth:`compact` moves what they add into the next layer).
        layers : sequence of int, optional
            Which layers of weights; negative ones count from the end. By default all; with "neurons" the hidden
            ones.

        Returns
        -------
        object
            The estimator itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter is not as described, or a layer would have nothing left; the estimator is then as it was.
        sklearn.exceptions.NotFittedError
            If it is not fitted.

        References
        ----------
        Han, Pool, Tran and Dally (2015), "Learning both weights and connections for efficient neural networks".
        """
        require_fitted(self)
        amount = check_amount(amount)
        check_choice("how", how, METHODS)
        weights, _ = given_layers(self)
        chosen = _layers(layers, len(weights), how)
        before = kept_masks(self, weights)
        self._set_masks(
            pruned_masks(weights, before, _possible(amount, before, chosen, how), how, chosen)
        )
        return self

    def _set_masks(self: Any, masks: list[Array]) -> None:
        """Mask the weights and the optimizer's moments."""
        self.masks_ = masks
        self.coefs_ = [
            masked(w, mask) for w, mask in zip(given_layers(self)[0], masks, strict=True)
        ]
        resume = getattr(self, "_resume", None)
        if resume is None or resume["state"].slots is None:
            return
        optimizer, state = resume["optimizer"], resume["state"]
        stepped = state.stepped
        if stepped is not None:
            pairs = zip(stepped[0], masks, strict=True)
            stepped = [masked(w, mask) for w, mask in pairs], stepped[1]
        slots = [
            ([masked(w, m, optimizer.initial(name)) for w, m in zip(ws, masks, strict=True)], bs)
            for name, (ws, bs) in zip(optimizer.slots, state.slots, strict=True)
        ]
        state = replace(state, weights=self.coefs_, slots=slots, stepped=stepped)
        self._resume = {**resume, "state": state}


def masked(values: Array, mask: Array, otherwise: float = 0.0) -> Array:
    """Return the values where the mask is True."""
    return np.where(mask, values, values.dtype.type(otherwise))


def kept_masks(estimator: Any, weights: Sequence[Array]) -> list[Array]:
    """Return the masks of a fitted network, all True where there are none, or raise if they don't fit."""
    masks = getattr(estimator, "masks_", None)
    if masks is None:
        return [np.ones(w.shape, dtype=bool) for w in weights]
    shapes, wanted = [np.shape(m) for m in masks], [w.shape for w in weights]
    if shapes != wanted:
        raise ValueError(
            f"masks_ must have the shapes of coefs_, {wanted}, but has {shapes}; delete it to train without"
        )
    return [np.asarray(mask, dtype=bool) for mask in masks]


def _layers(layers: Any, depth: int, how: str) -> list[int]:
    most = depth - (how == "neurons")  # the output's neurons stay
    if layers is None:
        if most == 0:
            raise ValueError("how='neurons' prunes hidden neurons, but there is no hidden layer")
        return list(range(most))
    if isinstance(layers, (str, bytes)) or not hasattr(layers, "__iter__"):
        raise TypeError(f"layers must be a sequence of layers' numbers, but is {layers!r}")
    chosen = set()
    for i, layer in enumerate(layers):
        if isinstance(layer, bool) or not isinstance(layer, (int, np.integer)):
            raise TypeError(f"layers[{i}] must be a layer's number, but is {layer!r}")
        if not -depth <= layer < depth:
            raise ValueError(
                f"layers[{i}] must be from 0 to {depth - 1}, or from the end, -1 to {-depth}, but is {layer}"
            )
        if layer % depth >= most:
            raise ValueError(f"layers[{i}] is the output layer, whose neurons can't be pruned")
        chosen.add(int(layer) % depth)
    if not chosen:
        raise ValueError("layers must name a layer, but is empty")
    return sorted(chosen)


def _possible(
    amount: int | float, masks: Sequence[Array], layers: Sequence[int], how: str
) -> int | float:
    """Return the amount, or raise: at least one weight or neuron must be left."""
    what = "neurons" if how == "neurons" else "weights"
    kept = [int((masks[i].any(axis=0) if how == "neurons" else masks[i]).sum()) for i in layers]
    left = [sum(kept)] if how == "global" else kept
    for layer, count in zip(layers, left, strict=False):
        number = amount if isinstance(amount, int) else round(amount * count)
        if number >= count and number > 0:
            where = "" if how == "global" else f" of layer {layer}"
            raise ValueError(
                f"amount must leave some of the {count} {what}{where} that are not pruned yet, "
                f"but {amount!r} is {'all of' if number == count else 'more than'} them"
            )
    return amount


class GradualPruning:
    """What the core calls while it descends, for a schedule of pruning; it passes on what others watch.

    ``masks`` are the present ones, as the estimator has them.
    """

    def __init__(
        self,
        schedule: Gradual,
        masks: list[Array],
        frozen: Collection[int],
        dtype: Any,
        inner: Hook | None,
    ) -> None:
        self._schedule, self.masks, self._frozen = schedule, masks, frozen
        self._dtype, self._inner = dtype, inner
        self._parameters: Callable[[], Any]
        self.begin = None if inner is None else inner.begin
        self.score = None if inner is None else inner.score

    def lend(self, parameters: Callable[[], Any]) -> None:
        """Take what returns copies of the current parameters."""
        self._parameters = parameters
        if self._inner is not None and self._inner.lend is not None:
            self._inner.lend(parameters)

    def __call__(self, values: tuple[Any, ...]) -> bool:
        """Pass a record on."""
        return self._inner is not None and self._inner(values)

    def reshape(self, epochs: int) -> list[Array] | bool:
        """Return the new masks after so many epochs; or whether what was best until then counts no more."""
        if not self._schedule.is_due(epochs):
            return epochs < self._schedule.end_epoch
        weights, _ = self._parameters()
        self.masks = self._schedule.masks(epochs, weights, self.masks, self._frozen)
        return as_floats(self.masks, self._dtype)


def as_floats(masks: Sequence[Array], dtype: Any) -> list[Array]:
    """Return masks as the core takes them."""
    return [np.ascontiguousarray(mask, dtype=dtype) for mask in masks]


def check_pruning(pruning: Any) -> Gradual | None:
    """Return the schedule, or raise."""
    if pruning is not None and not isinstance(pruning, Gradual):
        raise TypeError(
            "pruning must be a schedule such as steepest.pruning.Gradual(0.9, end_epoch=20), "
            f"but is {pruning!r}"
        )
    return pruning


def prune_before(
    schedule: Gradual, state: NetworkState, masks: list[Array], frozen: Collection[int]
) -> list[Array]:
    """Return the masks with which a descent from this state begins."""
    if state.n_epochs > 0 or not schedule.is_due(0):
        return masks
    return schedule.masks(0, state.weights, masks, frozen)
