"""Central differences: the gradient of any function, without a derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from tolerances import assert_close

# Balances the truncation error h^2 against the rounding error eps / h.
STEP = float(np.finfo(np.float64).eps ** (1 / 3))


class Worst(NamedTuple):
    """The entry in which a gradient is furthest from the central difference."""

    part: int  # which array of theta; 0 if theta is one array
    index: tuple[int, ...]
    gradient: float
    numerical: float
    error: float


def numerical_gradient(f: Callable[[Any], float], theta: Any, step: float = STEP) -> Any:
    """Central-difference gradient of `f` at `theta`: one array or a list of arrays.

    Each entry x moves by step (1 + |x|) both ways.
    """
    return _central_differences(f, theta, step)[0]


def assert_gradient(
    f: Callable[[Any], float],
    theta: Any,
    gradient: Any,
    *,
    quadratic: bool = False,
    length: int = 1,
) -> Worst:
    """Assert that `gradient` is that of `f` at `theta`; return the worst entry.

    A central difference is exact for a quadratic function, at any step. So with ``quadratic=True``
    the step is 1 and the tolerance that of a reduction of `length` terms.
    """
    __tracebackhide__ = True
    step, operation = (1.0, "reduction") if quadratic else (STEP, "finite_difference")
    numerical, largest = _central_differences(f, theta, step)
    parts, numerical_parts = _as_list(gradient), _as_list(numerical)
    scale = max(1.0, largest, *(np.max(np.abs(p), initial=0.0) for p in numerical_parts))
    assert_close(parts, numerical_parts, np.float64, operation, length, scale, name="gradient")

    entries = [
        Worst(part, index, float(g[index]), float(d[index]), abs(float(g[index] - d[index])))
        for part, (g, d) in enumerate(zip(parts, numerical_parts, strict=True))
        for index in np.ndindex(g.shape)
    ]
    return max(entries, key=lambda entry: entry.error)


def _central_differences(f: Callable[[Any], float], theta: Any, step: float) -> tuple[Any, float]:
    """Return the gradient and the largest |f| that was met."""
    parts = [np.array(part, dtype=np.float64) for part in _as_list(theta)]
    argument = parts if isinstance(theta, list) else parts[0]
    differences, largest = [np.empty_like(part) for part in parts], 0.0
    for part, difference in zip(parts, differences, strict=True):
        for index in np.ndindex(part.shape):
            x = part[index]
            above, below = x + step * (1 + abs(x)), x - step * (1 + abs(x))
            part[index] = above
            f_above = float(f(argument))
            part[index] = below
            f_below = float(f(argument))
            part[index] = x
            difference[index] = (f_above - f_below) / (above - below)
            largest = max(largest, abs(f_above), abs(f_below))
    return (differences if isinstance(theta, list) else differences[0]), largest


def _as_list(theta: Any) -> list[Any]:
    return theta if isinstance(theta, list) else [np.asarray(theta)]
