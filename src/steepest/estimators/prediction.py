"""What a fitted network says of new rows. One pass over X in the core: forward, what is asked, the look for NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest import _native
from steepest._validate import Array, check_finite, plain
from steepest.estimators.base import check_inputs, check_threads
from steepest.estimators.sparse import Inputs, core_inputs


def answers(
    estimator: Any,
    X: Any,
    weights: Sequence[Array],
    biases: Sequence[Array],
    answer: str = "output",
    hidden: Any = "identity",
) -> Array:
    """Return what is made of the network's output z (n, K), before any activation of the last layer.

    Parameters
    ----------
    estimator : estimator
        Its features are checked against those of X, and its ``n_threads`` are used.
    X : array or sparse matrix, (n, d)
    weights, biases : lists of arrays, (n_in, n_out) and (n_out,)
    answer : str
        "output", "exponential", "logistic", "softmax" or "log_softmax", (n, K); or "two_classes" or
        "log_two_classes", (n, 2), for K = 1. See :func:`steepest.reference.network_answer`.
    hidden : str
        Activation of the layers before the last.

    Raises
    ------
    ValueError, TypeError
        If X is not finite, or not of the shape that the estimator was fitted with.
    """
    inputs, parameters = _arguments(estimator, X, weights, biases)
    found = _native.core.network_answer(
        *parameters, core_inputs(inputs), hidden, answer, check_threads(estimator.n_threads)
    )
    return _finite(found, inputs)


def labels(
    estimator: Any,
    X: Any,
    weights: Sequence[Array],
    biases: Sequence[Array],
    classes: Array,
    hidden: Any = "identity",
) -> Array:
    """Return each row's label, (n,): the class of the largest output; of one output, the second if it is positive.

    ``classes`` are the labels, (K,), of two or one for K = 1. Everything else is as in :func:`answers`.
    """
    inputs, parameters = _arguments(estimator, X, weights, biases)
    known = classes if len(classes) > 1 else np.repeat(classes, 2)
    # The core copies labels of numbers and text; what is an object of Python's is counted through.
    counted = known.dtype.hasobject
    copied = np.arange(len(known)) if counted else plain(known, known.dtype)
    found = _native.core.network_classes(
        *parameters, core_inputs(inputs), hidden, copied, check_threads(estimator.n_threads)
    )
    found = _finite(found, inputs)
    return known.take(found) if counted else found


def _arguments(
    estimator: Any, X: Any, weights: Sequence[Array], biases: Sequence[Array]
) -> tuple[Inputs, tuple[list[Array], list[Array]]]:
    inputs: Inputs = check_inputs(estimator, X, reset=False, finite=False)
    dtype = inputs.dtype
    return inputs, ([plain(w, dtype) for w in weights], [plain(b, dtype) for b in biases])


def _finite(found: Array | None, inputs: Any) -> Array:
    """Return what the core found; None stands for an entry that is not finite, which is named here."""
    if found is None:
        check_finite("X", inputs)
    assert found is not None
    return found
