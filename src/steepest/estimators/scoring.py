"""A scikit-learn scorer on validation data, evaluated after every epoch of a fit."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np


class ValidationScorer:
    """The ``scoring`` of an estimator on validation data, for the parameters that a descent has got to.

    Parameters
    ----------
    estimator : estimator
        The one that is fitted, with parameter ``scoring``.
    X, y, sample_weight
        The validation data as the user gave them.

    Raises
    ------
    ValueError, TypeError
        If ``scoring`` is no scorer of one number, or can't take the weights.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
        self._scorer = checked_scorer(estimator)
        self._data = X, y
        self._weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        if self._weights and not takes_weights(self._scorer):
            raise TypeError(
                f"scoring={estimator.scoring!r} takes no sample_weight, which the validation data have"
            )
        self._estimator = estimator
        self.failed = False

    def __call__(self, attributes: dict[str, Any]) -> float:
        """Return the score of the estimator with these fitted attributes; the greater the better."""
        self.failed = True
        value = self._scorer(fitted_copy(self._estimator, attributes), *self._data, **self._weights)
        number = np.asarray(value)
        if number.ndim != 0 or number.dtype.kind not in "fiub":
            raise TypeError(f"scoring must give one number, but gave {value!r}")
        self.failed = False
        return float(number)


def fitted_copy(estimator: Any, attributes: dict[str, Any]) -> Any:
    """Return a shallow copy with these fitted attributes."""
    fitted = copy.copy(estimator)
    vars(fitted).update(attributes)
    return fitted


def checked_scorer(estimator: Any) -> Any:
    """Return what the parameter ``scoring`` names: scorer(estimator, X, y) -> float."""
    from sklearn.metrics import check_scoring  # slow to import, seldom needed

    scoring = estimator.scoring
    if not isinstance(scoring, str) and not callable(scoring):
        raise TypeError(
            'scoring must be the name of a scorer, such as "roc_auc", or a callable scorer(estimator, X, y), '
            f"but is {scoring!r}"
        )
    return check_scoring(estimator, scoring)


def takes_weights(scorer: Any) -> bool:
    """Whether a scorer, or the metric that it was made of, has a parameter sample_weight."""
    parameters = inspect.signature(getattr(scorer, "_score_func", scorer)).parameters
    return "sample_weight" in parameters or any(
        parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()
    )
