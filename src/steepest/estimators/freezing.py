"""``freeze=``: layers, or their weights or biases, that training leaves as they are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from steepest._validate import Array

Frozen = list[tuple[bool, bool]]  # of each layer: its weights, its biases
KINDS = ("weights", "biases")


def frozen_layers(freeze: Any, layers: int) -> Frozen | None:
    """Return what is frozen of each of so many layers, or raise; None if nothing is."""
    if not isinstance(freeze, Collection) or isinstance(freeze, (str, dict)):
        raise TypeError(
            f"freeze must be a sequence of layers, such as [0] or [(0, 'biases')], but is {freeze!r}"
        )
    frozen = np.zeros((layers, 2), dtype=bool)
    for i, entry in enumerate(freeze):
        rows, columns = _selected(f"freeze[{i}]", entry, layers)
        frozen[rows, columns] = True
    if frozen.all():
        raise ValueError(
            f"freeze must leave something to train, but {freeze!r} is all of the {layers} layers"
        )
    return [(bool(w), bool(b)) for w, b in frozen] if frozen.any() else None


def _selected(name: str, entry: Any, layers: int) -> tuple[Any, Any]:
    """Return the rows and columns of a table (layers, 2) that an entry of ``freeze`` stands for."""
    layer, kind = entry, None
    if isinstance(entry, str):
        layer, kind = slice(None), entry
    elif isinstance(entry, (tuple, list)) and len(entry) == 2:
        layer, kind = entry
    if kind is not None and kind not in KINDS:
        raise ValueError(f"{name} must name 'weights' or 'biases', but has {kind!r}")
    if not isinstance(layer, slice):
        if isinstance(layer, (bool, np.bool_)) or not isinstance(layer, (int, np.integer)):
            raise TypeError(
                f"{name} must be a layer's number, 'weights', 'biases', or a pair such as (0, 'biases'), "
                f"but is {entry!r}"
            )
        if not -layers <= layer < layers:
            raise ValueError(
                f"{name} must be a layer from 0 to {layers - 1}, or from the end, -1 to {-layers}, "
                f"but is {int(layer)}"
            )
    return layer, slice(None) if kind is None else KINDS.index(kind)


def live_entries(
    frozen: Frozen | None, masks: list[Array] | None, shapes: list[tuple[int, ...]]
) -> Array | None:
    """Return which parameters training may move, (m,) bool: all weights, then all biases; None for all of them.

    ``shapes``: those of the arrays in this order.
    """
    if frozen is None and masks is None:
        return None
    layers = len(shapes) // 2
    parts = []
    for i, shape in enumerate(shapes):
        kind, layer = divmod(i, layers)
        live = np.ones(shape, dtype=bool)
        if frozen is not None and frozen[layer][kind]:
            live[...] = False
        elif masks is not None and kind == 0:
            live = masks[layer]
        parts.append(live.ravel())
    return np.concatenate(parts)
