"""What was given, as arrays and names, or an error that says what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]


def column(name: str, value: Any, size: int | None = None) -> FloatArray:
    """Return finite values of shape (n,) or (n, 1) as (n,)."""
    array = np.asarray(value)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    column = vector(name, array, size)
    finite = np.isfinite(column)
    if not finite.all():
        row = int(finite.argmin())
        raise ValueError(f"{name} must be finite; row {row} is {column[row]}")
    return column


def vector(name: str, value: Any, size: int | None = None) -> FloatArray:
    """Return ``value`` as a float64 array of shape (n,), n > 0."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers; got dtype {array.dtype}")
    wanted = "(n,)" if size is None else f"({size},)"
    if array.ndim != 1 or (size is not None and array.size != size):
        raise ValueError(f"{name} must have shape {wanted}; got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} is empty")
    return array.astype(np.float64, copy=False)


def interval(name: str, value: Any) -> tuple[float, float]:
    low, high = (float(end) for end in vector(name, value, size=2))
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{name} must be (low, high), finite and low < high; got {value!r}")
    return low, high


def around(values: FloatArray, share: float) -> tuple[float, float]:
    """Return the ends of the values' range, further apart by a share of it on both sides."""
    low, high = float(values.min()), float(values.max())
    room = share * (high - low) or 1.0
    return low - room, high + room


def at_least(name: str, value: int, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer, at least {least}; got {value!r}")
    return int(value)


def names_of(labels: str | Sequence[str] | None, n: int, default: list[str]) -> list[str]:
    if labels is None:
        return default
    given = [labels] if isinstance(labels, str) else [str(label) for label in labels]
    if len(given) != n:
        raise ValueError(
            f"labels must have one entry for each curve or path, {n}; got {len(given)}"
        )
    return given


def require_predict(model: Any) -> None:
    if not callable(getattr(model, "predict", None)):
        raise TypeError(f"model must have a method predict; got {type(model).__name__}")


def one_of(name: str, value: Any, choices: Iterable[str]) -> str:
    known = list(choices)
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}; got {value!r}")
    return str(value)


def positive(name: str, value: Any) -> float:
    number = isinstance(value, int | float | np.integer | np.floating)
    if isinstance(value, bool) or not number or not 0 < value < math.inf:
        raise ValueError(f"{name} must be a positive number; got {value!r}")
    return float(value)


def require_callable(name: str, value: Any) -> None:
    if not callable(value):
        raise TypeError(f"{name} must be callable; got {type(value).__name__}")
