"""Weights of the classes, as scikit-learn's ``class_weight`` has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from steepest._validate import Array


def class_weighted(
    class_weight: Any, labels: Array, classes: Array, sample_weight: Array | None
) -> Array | None:
    r"""Return the weights of the rows: their own times their class's.

    "balanced" gives class c the weight :math:`S / (K S_c)`, with S the sum of the rows' own weights, :math:`S_c`
    that of the rows in the class and K the number of classes, so that all classes count alike.

    Parameters
    ----------
    class_weight : None, "balanced", dict, or for several labels list of dict
        Weights by label; those that a dict doesn't name have weight 1.
    labels : array, (n,); for several labels indicators (n, K)
        Of the rows.
    classes : array, (K,)
        All labels there are.
    sample_weight : array, (n,), or None
        The rows' own weights, checked.

    Raises
    ------
    ValueError, TypeError
        If ``class_weight`` is something else, names unknown classes in place of known ones, has a weight that is
        negative or not finite, or leaves no row a weight.
    """
    if class_weight is None:
        return sample_weight
    if labels.ndim == 2:
        weights = _of_labels(class_weight, labels)
    else:
        codes = np.searchsorted(classes, labels)
        weights = _of_classes(class_weight, codes, classes, sample_weight)[codes]
    if sample_weight is not None:
        weights = (weights * sample_weight).astype(sample_weight.dtype)
    if not weights.any():
        raise ValueError(
            f"class_weight must leave some row a positive weight, but {class_weight!r} leaves none"
        )
    return weights


def refuse_balanced(class_weight: Any) -> None:
    """Raise if the weights depend on the whole data, of which partial_fit sees a part."""
    if isinstance(class_weight, str):
        raise ValueError(
            f"class_weight {class_weight!r} is not supported for partial_fit, which sees only a part of the data; "
            "give the weights that sklearn.utils.class_weight.compute_class_weight finds in a large enough sample, "
            "as a dict by label"
        )


def _of_classes(
    class_weight: Any, codes: Array, classes: Array, sample_weight: Array | None
) -> Array:
    if isinstance(class_weight, str) and class_weight == "balanced":
        weights = None if sample_weight is None else sample_weight.astype(np.float64)
        sums = np.bincount(codes, weights=weights, minlength=len(classes))
        present = sums > 0  # a class without weight has no rows that count
        balanced = np.ones(len(classes))
        balanced[present] = sums.sum() / (len(classes) * sums[present])
        return balanced
    if not isinstance(class_weight, dict):
        raise TypeError(
            f'class_weight must be None, "balanced" or a dict by label, but is {class_weight!r}'
        )
    _check_values(class_weight)
    return np.asarray(compute_class_weight(class_weight, classes=classes, y=classes))


def _of_labels(class_weight: Any, indicators: Array) -> Array:
    if isinstance(class_weight, list):
        for of_label in class_weight:
            if not isinstance(of_label, dict):
                raise TypeError(
                    "class_weight for several labels must be a list of dicts, "
                    f"but one is {of_label!r}"
                )
            _check_values(of_label)
    elif not (isinstance(class_weight, str) and class_weight == "balanced"):
        raise TypeError(
            'class_weight for several labels must be "balanced" or a list with one dict {0: ..., 1: ...} a label, '
            f"but is {class_weight!r}"
        )
    return np.asarray(compute_sample_weight(class_weight, indicators.astype(np.int64)))


def _check_values(class_weight: dict[Any, Any]) -> None:
    for label, weight in class_weight.items():
        is_number = isinstance(weight, (int, float, np.number)) and not isinstance(weight, bool)
        if not is_number or not np.isfinite(weight) or weight < 0:
            raise ValueError(
                f"class_weight must have finite weights that are not negative, but label {label!r} has {weight!r}"
            )
