"""The rows that ``early_stopping`` holds out, drawn as scikit-learn draws them."""

from __future__ import annotations

import numpy as np

from steepest._validate import Array
from steepest.estimators.base import Data


def hold_out(
    data: Data, fraction: float, labels: Array | None, random_state: np.random.RandomState
) -> tuple[Array, Array]:
    """Return the rows to train on and those to hold out, or raise if there are too few.

    Parameters
    ----------
    data : Data
        All rows.
    fraction : float
        The part to hold out, ``validation_fraction``.
    labels : array, (n,), or None
        Each of them is held out in proportion.
    random_state : RandomState
        The rows are drawn from it.
    """
    from sklearn.model_selection import train_test_split  # slow to import, seldom needed

    n = data.X.shape[0]
    if fraction == 0:
        raise ValueError("early_stopping needs a validation_fraction above 0, but it is 0")
    if n < 2 or int(np.ceil(fraction * n)) >= n:
        raise ValueError(
            f"early_stopping needs rows to hold out and rows to train on, but X has {n} (n_samples={n})"
        )
    train, held = train_test_split(
        np.arange(n), test_size=fraction, random_state=random_state, stratify=labels
    )
    if len(held) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            f"dataset: {len(held)} of {n} rows would be held out"
        )
    if data.sample_weight is not None and not data.sample_weight[held].any():
        raise ValueError(
            "the weight is 0 for all rows that early_stopping held out, so that they have no score; give "
            "validation_data, or another random_state"
        )
    return train, held
