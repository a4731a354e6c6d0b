"""``coefs_`` and ``intercepts_`` as they are now: a user may have put other arrays in their place."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest._validate import Array, float_type, numeric_array, plain
from steepest.estimators.base import NetworkState

Layers = tuple[list[Array], list[Array]]  # weights (n_in, n_out) and biases (n_out,) of each layer


def given_layers(estimator: Any) -> Layers:
    """Return the weights and biases of a fitted network, or raise: they must fit each other and the data.

    Arrays of any dtype and memory order will do, and what can be read as such.
    """
    weights = _arrays("coefs_", estimator.coefs_)
    biases = _arrays("intercepts_", estimator.intercepts_)
    if len(weights) != len(biases) or not weights:
        raise ValueError(
            "coefs_ and intercepts_ must have an array for each layer, but coefs_ has "
            f"{len(weights)} and intercepts_ {len(biases)}"
        )
    n_in, because = estimator.n_features_in_, "n_features_in_"
    for layer, (w, b) in enumerate(zip(weights, biases, strict=True)):
        if w.ndim != 2 or w.shape[0] != n_in:
            raise ValueError(
                f"coefs_[{layer}] must have {n_in} rows, as {because} says, but has shape {w.shape}"
            )
        if b.shape != w.shape[1:]:
            raise ValueError(
                f"intercepts_[{layer}] must have shape {w.shape[1:]}, one entry for each column of "
                f"coefs_[{layer}], but has shape {b.shape}"
            )
        n_in, because = w.shape[1], f"the shape {w.shape} of coefs_[{layer}]"
    if n_in != estimator.n_outputs_:
        raise ValueError(
            f"coefs_[{len(weights) - 1}] must have {estimator.n_outputs_} columns, as n_outputs_ says, but has "
            f"shape {weights[-1].shape}"
        )
    return weights, biases


def _arrays(name: str, given: Any) -> list[Array]:
    if not isinstance(given, (list, tuple)):
        raise TypeError(f"{name} must be a list of arrays, but is {type(given).__name__}")
    return [
        a if type(a) is np.ndarray and a.dtype.kind == "f" else numeric_array(f"{name}[{i}]", a)
        for i, a in enumerate(given)
    ]


def layers_dtype(layers: Layers) -> np.dtype[Any]:
    """Return float32 if all of them are, otherwise float64."""
    return float_type(*layers[0], *layers[1])


def as_plain(layers: Layers, dtype: np.dtype[Any]) -> Layers:
    """Return them in new lists as the core reads them; arrays that are so already are not copied."""
    weights, biases = ([plain(array, dtype) for array in part] for part in layers)
    return weights, biases


def resumed(state: NetworkState, layers: Layers, dtype: np.dtype[Any]) -> NetworkState | None:
    """Return a state with these layers and the moments of ``state``.

    None if those are of other shapes, or belong to other layers: an average goes on from what it was.
    """
    weights, biases = as_plain(layers, dtype)
    shapes = [array.shape for array in (*weights, *biases)]
    slots = None
    if state.slots is not None:
        slots = [as_plain(slot, dtype) for slot in state.slots]
        if any([array.shape for array in (*w, *b)] != shapes for w, b in slots):
            return None
    stepped = None
    if state.stepped is not None:
        reported = [*slots[-1][0], *slots[-1][1]] if slots else []
        if not all(map(np.array_equal, reported, (*weights, *biases))):
            return None
        stepped = as_plain(state.stepped, dtype)
    return NetworkState(weights, biases, slots, state.n_steps, state.n_epochs, stepped)
