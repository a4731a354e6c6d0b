"""What every file of the reference needs: the array type and two input helpers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
_Value = TypeVar("_Value")


def as_floats(*arrays: Array) -> tuple[Array, ...]:
    """Return each argument as an array that keeps its floating dtype; all else becomes float64."""
    given = [np.asarray(array) for array in arrays]
    return tuple(a if a.dtype.kind == "f" else a.astype(np.float64) for a in given)


def choose(table: Mapping[str, _Value], argument: str, name: str) -> _Value:
    """Return ``table[name]``; a name it does not have is a ValueError that lists those it has."""
    if name not in table:
        raise ValueError(f"{argument} is {name!r}: it must be one of {', '.join(map(repr, table))}")
    return table[name]
