"""Points, directions and values of a user's function, and every message about them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]
ScalarFunction: TypeAlias = Callable[[FloatArray], object]

EPSILON = float(np.finfo(np.float64).eps)
# An evaluation of f is seldom right to the last bit; a few roundings are taken for granted wherever
# the rounding error of a difference is estimated.
ROUNDINGS = 8.0


def require_callable(f: object) -> None:
    if not callable(f):
        raise TypeError(
            f"f must be callable, a function of one array; got {type(f).__name__} "
            "(the function comes first, then the point)"
        )


def as_real(name: str, value: object) -> FloatArray:
    """Return ``value`` as a float64 array; refuse what is not an array of real numbers."""
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of unequal length
        raise ValueError(f"{name} must be an array of real numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers; got dtype {array.dtype}")
    return array.astype(np.float64, copy=False)


def as_point(x: ArrayLike) -> FloatArray:
    point = as_real("x", x)
    if point.size == 0:
        raise ValueError(f"x has no entries: its shape is {point.shape}")
    require_finite_entries("x", point)
    return point


def as_direction(v: ArrayLike, point: FloatArray) -> FloatArray:
    direction = as_real("v", v)
    if direction.shape != point.shape:
        raise ValueError(f"v must have the shape of x, {point.shape}; got shape {direction.shape}")
    require_finite_entries("v", direction)
    return direction


def require_finite_entries(name: str, array: FloatArray) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        index = unravel(int(finite.argmin()), array.shape)
        raise ValueError(f"{name} must be finite; {entry_name(name, index)} is {array[index]}")


def as_order(p: float) -> float:
    order = float(p)
    if not order >= 1.0:  # catches nan too
        raise ValueError(
            f"p must be at least 1, or math.inf; got {p!r} (below 1 the triangle inequality fails, "
            "and it is no norm)"
        )
    return order


def flat_index(i: int | tuple[int, ...], shape: tuple[int, ...]) -> int:
    """Return the position of entry ``i`` of an array of the given shape in its flat view."""
    entries = i if isinstance(i, tuple) else (i,)
    try:
        if any(isinstance(k, bool | np.bool_) for k in entries):
            raise TypeError
        index = tuple(operator.index(k) for k in entries)
    except TypeError:
        raise TypeError(f"i must be an integer or a tuple of integers; got {i!r}") from None
    extent = shape if shape or not index else (1,)  # a scalar point answers to () and to 0
    if len(index) != len(extent):
        raise IndexError(
            f"i must have one integer for each dimension of x, whose shape is {shape}; got {i!r}"
        )
    for k, size in zip(index, extent, strict=True):
        if not -size <= k < size:
            raise IndexError(f"x has no entry i = {i!r}: its shape is {shape}")
    position = tuple(k % size for k, size in zip(index, extent, strict=True))
    return int(np.ravel_multi_index(position, extent)) if position else 0


def array_of(f: Callable[[FloatArray], object], point: FloatArray, name: str) -> FloatArray:
    """Return ``f(point)`` as a float64 array of its own; refuse what is not finite real numbers."""
    value = f(point)
    if value is None:
        raise TypeError(
            f"{name} must return real numbers; it returned None: is its return missing?"
        )
    try:
        array = np.array(value)
    except ValueError as error:  # rows of unequal length
        raise ValueError(f"{name} must return an array of real numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must return real numbers; it returned dtype {array.dtype}")
    if not np.isfinite(array).all():
        index = unravel(int(np.isfinite(array).argmin()), array.shape)
        raise ValueError(
            f"{name} returned {array[index]} (in {entry_name(name + '(x)', index)}) close to x; it must be "
            "finite around x (a smaller step may stay inside its domain)"
        )
    return array.astype(np.float64, copy=False)


def value_of(f: ScalarFunction, point: FloatArray) -> float:
    """Return ``f(point)`` as a float; refuse what is not one real number."""
    value = f(point)
    if isinstance(value, float):  # np.float64 is one: the usual case, without a detour
        return float(value)
    array = np.asarray(value)
    if array.size != 1:
        raise ValueError(f"f must return one number; it returned an array of shape {array.shape}")
    item = array.reshape(-1)[0]
    # Other libraries' numbers (fractions, decimals) arrive as objects and know their value.
    if array.dtype.kind not in "biuf" and not (
        array.dtype.kind == "O" and hasattr(item, "__float__")
    ):
        got = "None: is its return missing?" if value is None else f"{type(value).__name__}"
        raise TypeError(f"f must return one real number; it returned {got}")
    return float(item)


def require_finite_value(value: float, point: FloatArray, i: int | None, entry: float) -> None:
    if math.isfinite(value):
        return
    if i is None:
        raise ValueError(f"f returned {value} at x itself; f must be finite there")
    index = unravel(i, point.shape)
    raise ValueError(
        f"f returned {value} where {entry_name('x', index)} is moved from {float(point[index]):.9g} to "
        f"{entry:.9g}; f must be finite around x (a smaller step may stay inside its domain)"
    )


def unravel(i: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(k) for k in np.unravel_index(i, shape))


def entry_name(name: str, index: tuple[int, ...]) -> str:
    """Return the name of an array's entry: x[3], x[0, 2], or x for an array of shape ()."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name
