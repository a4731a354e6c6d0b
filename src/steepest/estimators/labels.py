"""Labels of classes: which there are, and the position of each. Integers close together need no sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest._validate import Array

WIDEST = 65536  # of the integers' range, for which there is a table


def distinct(labels: Array) -> Array:
    """Return the different labels (K,) among labels (n,), sorted, as ``np.unique`` does."""
    above = _above_the_least(labels)
    if above is None:
        return np.unique(labels)
    classes: Array = labels.min() + np.flatnonzero(np.bincount(above)).astype(labels.dtype)
    return classes


def positions(labels: Array, classes: Array) -> Array:
    """Return the position (n,) of each label in the sorted classes (K,); any, for a label that isn't there."""
    above = _above_the_least(labels) if labels.dtype == classes.dtype else None
    if above is None:
        return np.asarray(np.minimum(np.searchsorted(classes, labels), len(classes) - 1))
    low = labels.min()
    values = np.arange(int(above.max()) + 1).astype(labels.dtype) + low
    codes: Array = np.minimum(np.searchsorted(classes, values), len(classes) - 1).take(above)
    return codes


def _above_the_least(labels: Array) -> Array | None:
    """Return labels - min(labels), integers from 0 to WIDEST; None if there are none such."""
    if labels.dtype.kind not in "iu" or labels.size == 0:
        return None
    low: Any = labels.min()
    if int(labels.max()) - int(low) >= min(WIDEST, labels.size):
        return None
    if labels.dtype.kind == "i" and labels.dtype != np.int64:  # where the difference could overflow
        labels = labels.astype(np.int64)
    above: Array = (labels - low).astype(np.intp)
    return above
