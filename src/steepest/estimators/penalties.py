"""The elastic net, alpha (l1_ratio |W|_1 + (1 - l1_ratio) / 2 |W|^2), of all layers or of each its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np

from steepest._validate import check_number

Strength: TypeAlias = float | list[float]  # for all layers, or one for each


def elastic_net(alpha: Any, l1_ratio: Any) -> tuple[float, float]:
    """Return the strengths (l1, l2) of l1 |w|_1 + l2 / 2 |w|^2, or raise."""
    strength = check_number("alpha", alpha, low=0.0, finite=True)
    ratio = check_number("l1_ratio", l1_ratio, low=0.0, high=1.0)
    return strength * ratio, strength * (1.0 - ratio)


def layer_penalties(alpha: Any, l1_ratio: Any, layers: int) -> tuple[Strength, Strength]:
    """Return (l1, l2), where ``alpha`` and ``l1_ratio`` are numbers or sequences with one for each layer."""
    if not _is_sequence(alpha) and not _is_sequence(l1_ratio):
        return elastic_net(alpha, l1_ratio)
    alphas, ratios = _each("alpha", alpha, layers), _each("l1_ratio", l1_ratio, layers)
    pairs = [elastic_net(a, ratio) for a, ratio in zip(alphas, ratios, strict=True)]
    return [l1 for l1, _ in pairs], [l2 for _, l2 in pairs]


def has_l1(l1: Strength) -> bool:
    """Whether any layer has an L1 penalty."""
    return any(l1) if isinstance(l1, list) else l1 > 0


def neuron_strengths(name: str, value: Any, layers: int, none: float) -> list[float] | None:
    """Return what holds the neurons of each layer of weights, or raise; None if nothing does.

    A number is for the hidden neurons, a sequence has one for each layer; ``none`` stands for a layer without, and
    for None.
    """
    if _is_sequence(value):
        entries = [(f"{name}[{i}]", v) for i, v in enumerate(_each(name, value, layers))]
    else:
        entries = [(name, value)] * (layers - 1) + [(name, None)]
        if value is not None:  # also where there is no hidden layer
            _neuron_strength(name, value, none)
    strengths = [_neuron_strength(label, v, none) for label, v in entries]
    return None if all(s == none for s in strengths) else strengths


def _neuron_strength(name: str, value: Any, none: float) -> float:
    if value is None:
        return none
    if none == 0:
        return check_number(name, value, low=0.0, finite=True)
    return check_number(name, value, above=0.0)


def divided(strength: Strength, by: float) -> Strength:
    """Return strength / by."""
    return [s / by for s in strength] if isinstance(strength, list) else strength / by


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str) and np.ndim(value) == 1  # type: ignore[arg-type]


def _each(name: str, value: Any, layers: int) -> list[Any]:
    if not _is_sequence(value):
        return [value] * layers
    values = list(value)
    if len(values) != layers:
        raise ValueError(
            f"{name} must be a number or have one entry for each of the {layers} layers of weights, "
            f"but has {len(values)}"
        )
    return values
