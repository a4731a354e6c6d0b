"""What the hidden layers of a perceptron have one by one: their activation and their dropout."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from steepest._validate import check_number, one_for_each_layer


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
