"""The one table of tolerances: how far two correct computations may differ, and why.

`actual` comes from the code under test, in float32 or float64. `desired` is the reference, always
evaluated in float64 on the very same values (`in_float64`: widening is exact). So for float32 the
whole error is that of the code under test; for float64 both sides round, and the bounds below
leave room for both: they count eps = 2 u, where one rounding is at most u.

An error is measured against the numbers that were added, not against a sum that may have cancelled
to nothing. Pass their size as `scale`: for a sum, the sum of the |terms|; for a gradient X^T r,
|X|^T |r|; one number or one for each entry. Then

    |actual - desired| <= rtol |desired| + atol scale

================== =================== ===========================================================
operation          bound, in eps       why
================== =================== ===========================================================
elementwise        8                   up to 8 correctly rounded operations on each side
transcendental     16                  exp, log, tanh to 4 ulp, in a few elementwise operations
reduction          growth(n) + 4       a sum or dot product of n terms, and what forms a term
matmul chain       sum of the          errors of successive products add up to first order: ReLU,
                   reductions + 16     tanh and the logistic function stretch nothing
steps              16 growth(k)        k optimizer steps on given gradients, 16 operations in each
finite_difference  10 eps^(2/3), not   central difference of step h = eps^(1/3): truncation
                   in eps              h^2 |f'''| / 6 and rounding eps |f| / h are both eps^(2/3)
================== =================== ===========================================================

growth(n) = min(n, 2 sqrt(n)). Any order of summation is within n u of the sum S of the |terms|. If
roundings are independent with mean zero (Higham and Mary, SIAM J. Sci. Comput. 41, 2019), the error
is a random walk of order sqrt(n) u S: for terms of one sign added one by one its standard
deviation is at most sqrt(n) u S / 3, as partial sums grow evenly and a rounding is uniform within
u. So 2 sqrt(n) eps is 12 standard deviations, and other orders of summation have smaller ones.

Three things no tolerance covers. Many equal terms, as in a sum of 0.1's, round the same way each
time: draw the data. ReLU's derivative jumps at 0: keep pre-activations away from it. Adam divides a
gradient by its own size: an entry that is all rounding error makes a full step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Length = int | Sequence[int]


def _growth(n: int) -> float:
    return min(n, 2 * np.sqrt(n))


def _chain(inner: Length) -> float:
    inner = [inner] if isinstance(inner, int) else inner
    return sum(_growth(n) + 4 + 16 for n in inner)


_BOUND: dict[str, Callable[[float, Any], float]] = {
    "elementwise": lambda eps, n: 8 * eps,
    "transcendental": lambda eps, n: 16 * eps,
    "reduction": lambda eps, n: (_growth(n) + 4) * eps,
    "matmul chain": lambda eps, n: _chain(n) * eps,
    "steps": lambda eps, n: 16 * _growth(n) * eps,
    "finite_difference": lambda eps, n: 10 * eps ** (2 / 3),
}

# Here each entry stands alone, so that by default none is excused by a larger neighbour.
_ENTRY_BY_ENTRY = ("elementwise", "transcendental")


def tolerance(dtype: Any, operation: str, length: Length = 1) -> dict[str, float]:
    """Tolerances for operands of size one, ready for ``np.testing.assert_allclose(..., **this)``.

    length: number of terms (reduction) or steps (steps); for "matmul chain" the inner dimension of
    each product in a row, as in (n_in, width, n_out).
    """
    bound = _BOUND[operation](float(np.finfo(dtype).eps), length)
    return {"rtol": bound, "atol": bound}


def in_float64(value: Any) -> Any:
    """Widen what is to be given to the reference; lists part by part, integers not at all."""
    if isinstance(value, (list, tuple)):
        return [in_float64(part) for part in value]
    value = np.asarray(value)
    return value.astype(np.float64) if value.dtype.kind == "f" else value


def assert_close(
    actual: Any,
    desired: Any,
    dtype: Any,
    operation: str,
    length: Length = 1,
    scale: Any = None,
    name: str = "actual",
) -> None:
    """Assert that `actual`, computed in `dtype`, agrees with `desired`, or name the worst entry.

    scale: size of the operands, a number or one for each entry; by default max |desired|, and 0
    (a purely relative test) for the entry-by-entry operations. Lists of arrays are compared part by
    part. Non-finite entries must be the same on both sides.
    """
    __tracebackhide__ = True
    if isinstance(desired, (list, tuple)) and any(isinstance(d, np.ndarray) for d in desired):
        assert len(actual) == len(desired), f"{name}: {len(actual)} arrays, not {len(desired)}"
        for part, (a, d) in enumerate(zip(actual, desired, strict=True)):
            assert_close(a, d, dtype, operation, length, scale, f"{name}[{part}]")
        return

    actual, desired = np.asarray(actual, np.float64), np.asarray(desired, np.float64)
    assert actual.shape == desired.shape, f"{name}: shape {actual.shape}, not {desired.shape}"
    if actual.size == 0:
        return
    if scale is None:
        entry_by_entry = operation in _ENTRY_BY_ENTRY
        scale = 0.0 if entry_by_entry else np.max(np.abs(desired[np.isfinite(desired)]), initial=0)

    bound = tolerance(dtype, operation, length)
    underflow = float(np.finfo(dtype).smallest_normal)
    allowed = bound["rtol"] * np.abs(desired) + bound["atol"] * np.asarray(scale) + underflow
    same = (actual == desired) | (np.isnan(actual) & np.isnan(desired))
    with np.errstate(invalid="ignore"):  # inf - inf
        error = np.where(same, 0.0, np.abs(actual - desired))
        excess = np.where(same, 0.0, error / allowed)
    excess = np.where(np.isfinite(error), excess, np.inf)
    if np.all(excess <= 1):
        return

    worst = np.unravel_index(np.argmax(excess), excess.shape)
    where = "[" + ", ".join(map(str, worst)) + "]" if worst else ""
    raise AssertionError(
        f"{name}: {np.count_nonzero(excess > 1)} of {excess.size} entries differ by more than "
        f"{operation!r} allows ({np.dtype(dtype)}, length {length}).\n"
        f"Worst: {name}{where} is {actual[worst]:.17g}, desired {desired[worst]:.17g}, "
        f"error {error[worst]:.3e}, allowed {allowed[worst]:.3e} "
        f"({excess[worst]:.3g} times), scale {np.broadcast_to(scale, excess.shape)[worst]:.3e}"
    )
