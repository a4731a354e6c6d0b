"""What the layers of a perceptron have one by one: their initial weights, their activation and their dropout."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from steepest._validate import Array, check_number, chunks, one_for_each_layer
from steepest.estimators.base import NetworkState


def initial_bounds(activation: str | list[str], widths: Sequence[int]) -> list[float]:
    r"""Return the bound of each layer's initial weights and biases, :math:`\sqrt{c / (n_{in} + n_{out})}`.

    c is 2 for logistic units and 6 for others; for the output layer it is that of the last hidden layer, so that
    a list of equal words is the word, which is scikit-learn's rule.
    """
    n_layers = len(widths) - 1
    words = [activation] * n_layers if isinstance(activation, str) else activation + activation[-1:]
    factors = [2.0 if word == "logistic" else 6.0 for word in words] or [6.0]
    return [
        float(np.sqrt(factor / (n_in + n_out)))
        for factor, (n_in, n_out) in zip(factors, pairwise(widths), strict=True)
    ]


def initial_state(
    activation: str | list[str],
    widths: Sequence[int],
    random_state: np.random.RandomState,
    dtype: np.dtype[Any],
) -> NetworkState:
    """Return initial weights and biases, drawn layer by layer as scikit-learn draws them."""
    weights, biases = [], []
    bounds = initial_bounds(activation, widths)
    for (n_in, n_out), bound in zip(pairwise(widths), bounds, strict=True):
        weights.append(uniform_draws(random_state, bound, n_in * n_out, dtype).reshape(n_in, n_out))
        biases.append(uniform_draws(random_state, bound, n_out, dtype))
    return NetworkState(weights, biases)


def uniform_draws(
    random_state: np.random.RandomState, bound: float, n: int, dtype: np.dtype[Any]
) -> Array:
    """Return n draws from [-bound, bound); in another type than float64 with only a part of them in that."""
    part = n if dtype == np.float64 else 65536
    if n <= part:
        return random_state.uniform(-bound, bound, n).astype(dtype, copy=False)
    values = np.empty(n, dtype)
    for i in chunks(n, part):
        values[i] = random_state.uniform(-bound, bound, i.stop - i.start)
    return values


def dropout_rates(dropout: Any, n_hidden: int) -> list[float] | None:
    """Return the probability for each hidden layer, or raise; None if no unit is ever dropped."""
    if hasattr(dropout, "__iter__") and not isinstance(dropout, str):
        entries = one_for_each_layer("dropout", dropout, n_hidden)
        rates = [check_rate(f"dropout[{i}]", p) for i, p in enumerate(entries)]
    else:
        rates = [check_rate("dropout", dropout)] * n_hidden
    return rates if any(rates) else None


def check_rate(name: str, p: Any) -> float:
    """Return p as a float, or raise: it must be a probability below 1."""
    return check_number(name, p, low=0.0, below=1.0)
