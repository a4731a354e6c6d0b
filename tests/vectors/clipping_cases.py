"""Gradients of three arrays, and the ways in which torch, Keras and optax clip them, stored in clipping.json."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

STORED = Path(__file__).with_name("clipping.json")
SHAPES = ((3, 5), (5,), (7,))

# library, its function or keyword, our field, the limit: below and above the norms
CLIPPED = [
    (library, name, field, limit)
    for library, name, field in (
        ("torch", "clip_grad_value_", "clip_value"),
        ("torch", "clip_grad_norm_", "clip_global_norm"),
        ("keras", "clipvalue", "clip_value"),
        ("keras", "clipnorm", "clip_norm"),
        ("keras", "global_clipnorm", "clip_global_norm"),
        ("optax", "clip", "clip_value"),
        ("optax", "clip_by_global_norm", "clip_global_norm"),
    )
    for limit in (0.5, 3.0, 50.0)
]


def arrays() -> list[np.ndarray]:
    """Return the gradients; the second has a small norm."""
    rng = np.random.default_rng(8)
    return [
        scale * rng.standard_normal(shape)
        for scale, shape in zip((2.0, 0.1, 1.0), SHAPES, strict=True)
    ]


def stored() -> dict[str, list[np.ndarray]]:
    """Return the clipped gradients of each case, by its text."""
    made = json.loads(STORED.read_text())
    return {
        case: [np.array(flat).reshape(shape) for flat, shape in zip(parts, SHAPES, strict=True)]
        for case, parts in made.items()
    }
