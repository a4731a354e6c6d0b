"""Sequences of prunings that are compared with torch's."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from steepest.pruning import pruned_masks

STORED = Path(__file__).with_name("pruning.npz")
CASES: dict[str, tuple[str, tuple[float | int, ...]]] = {
    "magnitude": ("magnitude", (0.3,)),
    "magnitude by number": ("magnitude", (7,)),
    "magnitude, halves": ("magnitude", (0.5, 0.5, 0.5)),
    "magnitude again and again": ("magnitude", (0.3, 0.45, 5)),
    "global": ("global", (0.4,)),
    "global again": ("global", (0.4, 0.25, 11)),
    "neurons": ("neurons", (0.3,)),
    "neurons again": ("neurons", (0.25, 2)),
}


def problem() -> list[np.ndarray]:
    """Return the weights of three layers, (n_in, n_out)."""
    rng = np.random.default_rng(7)
    return [rng.standard_normal(shape) for shape in ((5, 9), (9, 7), (7, 3))]


def masks_of(how: str, amounts: tuple[float | int, ...]) -> list[np.ndarray]:
    """Return steepest's masks of all layers after one amount after the other."""
    weights = problem()
    masks = [np.ones(w.shape, dtype=bool) for w in weights]
    layers = range(len(weights) - (how == "neurons"))
    for amount in amounts:
        masks = pruned_masks(weights, masks, amount, how, list(layers))
        weights = [np.where(mask, w, 0) for w, mask in zip(weights, masks, strict=True)]
    return masks
