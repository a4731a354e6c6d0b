"""``compact``: a network without the neurons that do nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone

from steepest import _native
from steepest._validate import Array
from steepest.estimators.base import NetworkState, check_inputs, require_fitted
from steepest.estimators.given_layers import Layers, as_plain, given_layers
from steepest.estimators.pruning import kept_masks
from steepest.estimators.sparse import core_inputs

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda z: np.maximum(z, 0.0),
    "identity": lambda z: z,
    "tanh": np.tanh,
    "logistic": lambda z: 1.0 / (1.0 + np.exp(-z)),
}


class Compaction:
    """``compact`` of the multi-layer perceptrons."""

    def compact(self: Any, X: Any = None) -> Any:
        """Return a new fitted model without the hidden neurons that do nothing, smaller and faster.

        Removed are neurons all of whose outgoing weights are 0, and neurons all of whose incoming weights are 0:
        those are constant, and what they add goes into the biases of the next layer. The outputs are the same but
        for rounding, which differs as sums have fewer terms. Pruning, L1 penalties and group lasso leave such
        neurons. Each hidden layer keeps at least one neuron, and ``hidden_layer_sizes`` of the new model says how
        many.

        The moments of the optimizer and ``masks_`` shrink along, so that ``partial_fit`` and ``warm_start`` go on;
        but an optimizer that reports an average, or looks ahead, starts anew.

        Parameters
        ----------
        X : array or sparse matrix, (n, d), optional
            Removes as well the ReLU neurons that are 0 on all of these rows. The outputs are then the same on them,
            and may differ elsewhere.

        Returns
        -------
        MLPRegressor or MLPClassifier
            A copy; this model is not changed.

        Raises
        ------
        ValueError
            If X does not fit the model.
        sklearn.exceptions.NotFittedError
            If the model is not fitted.
        """
        require_fitted(self)
        weights, biases = given_layers(self)
        activations = self._activations()
        if isinstance(activations, str):
            activations = [activations] * (len(weights) - 1)
        dead = [np.zeros(w.shape[1], dtype=bool) for w in weights[:-1]]
        if X is not None:
            dead = silent_neurons(self, X, activations)
        kept, biases = live_neurons(weights, biases, activations, dead)
        return _shrunk(self, weights, biases, kept)


def silent_neurons(estimator: Any, X: Any, activations: list[str]) -> list[Array]:
    """Return which ReLU neurons of each hidden layer are 0 on all rows of X."""
    inputs = check_inputs(estimator, X, reset=False)
    weights, biases = as_plain(given_layers(estimator), inputs.dtype)
    outputs = _native.core.network_forward(
        weights, biases, core_inputs(inputs), activations, "identity"
    )
    return [
        (output <= 0).all(axis=0) & (activation == "relu")
        for output, activation in zip(outputs[:-1], activations, strict=True)
    ]


def live_neurons(
    weights: list[Array], biases: list[Array], activations: list[str], dead: list[Array]
) -> tuple[list[Array], list[Array]]:
    """Return which hidden neurons stay, one bool array a layer, and the biases with what the others add.

    Parameters
    ----------
    weights, biases : lists of arrays, (n_in, n_out) and (n_out,)
    activations : list of str
        Of the hidden layers.
    dead : list of bool array, (width,)
        Hidden neurons that go in any case, and add nothing.
    """
    sums = [b.astype(np.float64) for b in biases]
    kept = [np.ones(weights[0].shape[0], dtype=bool), *(~d for d in dead)]
    kept.append(np.ones(weights[-1].shape[1], dtype=bool))
    for layer in kept[1:-1]:
        layer[:1] |= not layer.any()
    changed = True
    while changed:
        changed = False
        for h, activation in enumerate(activations):
            before, here, after = kept[h : h + 3]
            useless = here & ~(weights[h + 1][:, after] != 0).any(axis=1)
            constant = here & ~useless & ~(weights[h][before] != 0).any(axis=0)
            going = useless | constant
            if going[here].all():  # one stays
                going[np.flatnonzero(here)[0]] = False
            constant &= going
            value = ACTIVATIONS[activation](sums[h][constant])
            sums[h + 1] += value @ weights[h + 1][constant].astype(np.float64)
            kept[h + 1] = here & ~going
            changed |= bool(going.any())
    return kept[1:-1], [s.astype(b.dtype) for s, b in zip(sums, biases, strict=True)]


def _shrunk(estimator: Any, weights: list[Array], biases: list[Array], kept: list[Array]) -> Any:
    """Return a copy of the estimator with these neurons of its hidden layers."""
    rows = [np.ones(weights[0].shape[0], dtype=bool), *kept]
    columns = [*kept, np.ones(weights[-1].shape[1], dtype=bool)]

    def of_weights(arrays: list[Array]) -> list[Array]:
        return [w[np.ix_(r, c)] for w, r, c in zip(arrays, rows, columns, strict=True)]

    def of_biases(arrays: list[Array]) -> list[Array]:
        return [b[c] for b, c in zip(arrays, columns, strict=True)]

    small = clone(estimator).set_params(hidden_layer_sizes=tuple(int(k.sum()) for k in kept))
    replaced = {"coefs_", "intercepts_", "masks_", "_resume", *estimator.get_params(deep=False)}
    for name, value in vars(estimator).items():
        if name not in replaced and not name.startswith(("_skl_", "_parent_", "_callback_")):
            setattr(small, name, copy.deepcopy(value))
    small.coefs_, small.intercepts_ = of_weights(weights), of_biases(biases)
    if hasattr(estimator, "masks_"):
        small.masks_ = of_weights(kept_masks(estimator, weights))
    resume = getattr(estimator, "_resume", None)
    # Where other parameters are stepped than those that are reported, neurons that do nothing here may do there.
    if (
        resume is not None
        and resume["state"].stepped is None
        and _fits(resume["state"], (weights, biases))
    ):
        state = resume["state"]
        slots = state.slots and [(of_weights(w), of_biases(b)) for w, b in state.slots]
        state = replace(state, weights=small.coefs_, biases=small.intercepts_, slots=slots)
        small._resume = {**resume, "state": state}
    return small


def _fits(state: NetworkState, layers: Layers) -> bool:
    """Whether the optimizer's moments are those of layers of such shapes."""
    shapes = [[array.shape for array in part] for part in layers]
    return all([[a.shape for a in part] for part in slot] == shapes for slot in state.slots or [])
