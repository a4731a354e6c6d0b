"""Array coercion, and every message about an argument that is not what it should be.

A message names the argument, says what was wrong (shape, dtype, row and column) and what would be right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from steepest import _native

Array = np.ndarray[Any, np.dtype[Any]]

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
ACTIVATIONS = ("identity", "relu", "tanh", "logistic")


def check_number(
    name: str,
    value: Any,
    *,
    low: float | None = None,
    above: float | None = None,
    high: float | None = None,
    below: float | None = None,
    finite: bool = False,
) -> float:
    """Return ``value`` as a float, or raise: it must be a real number within the bounds."""
    # Nearly always a number of Python's own: known by its type, long before the ABC has answered.
    if (
        type(value) is not float
        and type(value) is not int
        and not _is_number(value, (Real, np.number))
    ):
        wanted = _wanted(f"{'a finite' if finite else 'a'} number", low, above, high, below)
        raise TypeError(f"{name} must be {wanted}, but is {value!r}")
    number = float(value)
    right = (
        number == number  # NaN is not
        and (low is None or number >= low)
        and (above is None or number > above)
        and (high is None or number <= high)
        and (below is None or number < below)
        and (not finite or math.isfinite(number))
    )
    if not right:
        wanted = _wanted(f"{'a finite' if finite else 'a'} number", low, above, high, below)
        raise ValueError(f"{name} must be {wanted}, but is {value!r}")
    return number


def check_integer(name: str, value: Any, *, low: int | None = None, high: int = 2**62) -> int:
    """Return ``value`` as an int, or raise: it must be an integer within the bounds."""
    # Beyond 2**62, the default, there is no number of anything.
    if type(value) is not int and not _is_number(value, (Integral, np.integer)):
        wanted = _wanted("an integer", low, high=high if high < 2**62 else None)
        raise TypeError(f"{name} must be {wanted}, but is {value!r}")
    number = int(value)
    if (low is not None and number < low) or number > high:
        wanted = _wanted("an integer", low, high=high if high < 2**62 else None)
        raise ValueError(f"{name} must be {wanted}, but is {value!r}")
    return number


def check_thread_count(name: str, value: Any) -> int:
    """Return ``value`` as an int that the core can hold, or raise: it must be an integer of at least 1."""
    return min(check_integer(name, value, low=1), 2**31 - 1)


def _is_number(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, (bool, np.bool_))


def _wanted(
    kind: str,
    low: float | None = None,
    above: float | None = None,
    high: float | None = None,
    below: float | None = None,
) -> str:
    """Return in words which values are right."""
    given = ((">=", low), (">", above), ("<=", high), ("<", below))
    bounds = [
        f"{word} {bound if isinstance(bound, int) else format(bound, 'g')}"
        for word, bound in given
        if bound is not None
    ]
    return f"{kind} {' and '.join(bounds)}" if bounds else kind


def check_flag(name: str, value: Any) -> bool:
    """Return ``value``, or raise: it must be True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, but is {value!r}")
    return bool(value)


def check_choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """Return ``value``, or raise: it must be one of the choices."""
    if not isinstance(value, str) or value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name} must be one of {listed}, but is {value!r}")
    return value


def one_for_each_layer(name: str, values: Any, n_hidden: int) -> list[Any]:
    """Return the entries of a sequence, or raise: there must be one for each hidden layer."""
    entries = list(values)
    if len(entries) != n_hidden:
        raise ValueError(
            f"{name} must have one entry for each of the {n_hidden} hidden layers, but has "
            f"{len(entries)}: {values!r}"
        )
    return entries


def check_activations(activation: Any, n_hidden: int) -> str | list[str]:
    """Return the activations as the core takes them, or raise: a word for all hidden layers or one for each."""
    if isinstance(activation, str) or not hasattr(activation, "__iter__"):
        return check_choice("activation", activation, ACTIVATIONS)
    words = one_for_each_layer("activation", activation, n_hidden)
    return [check_choice(f"activation[{i}]", word, ACTIVATIONS) for i, word in enumerate(words)]


def numeric_array(name: str, value: Any) -> Array:
    """Return ``value`` as an array of real numbers (any shape and real dtype), or raise."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array, but can't be read as one: {error}") from None
    if np.iscomplexobj(array):
        raise ValueError(f"{name} must be real, but is complex (dtype {array.dtype})")
    if array.dtype.kind not in "fiub":
        text = array.dtype.kind in "SU" or any(isinstance(v, (str, bytes)) for v in array.flat)
        if text or array.dtype.kind != "O":
            raise TypeError(
                f"{name} must be an array of numbers, but has dtype {array.dtype}"
                f"{' and holds text' if text else ''}"
            )
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{name} must be an array of numbers, but has dtype {array.dtype}: {error}"
            ) from None
    return array


def float_type(*arrays: Array) -> np.dtype[Any]:
    """Return float32 if all floating-point arrays are float32 (and there is one), otherwise float64."""
    floats = {array.dtype.newbyteorder("=") for array in arrays if array.dtype.kind == "f"}
    return FLOATS[0] if floats == {FLOATS[0]} else FLOATS[1]


def plain(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return the array in the layout that the core reads: its dtype, C order, aligned; a copy if need be."""
    flags = array.flags
    if array.dtype == dtype and flags.c_contiguous and flags.aligned:
        return array
    return np.require(array, dtype=dtype, requirements=["C", "ALIGNED"])


def is_finite(array: Array) -> bool:
    """Whether no entry is NaN or infinite; strided arrays are looked at in slices that stay in the cache."""
    known = _native.core.value_range(array)
    if known is not NotImplemented:
        return known is not None
    if array.size <= 65536:
        return bool(np.isfinite(array).all())
    rows = max(1, 65536 * array.shape[0] // array.size)
    return all(np.isfinite(array[part]).all() for part in chunks(array.shape[0], rows))


def check_range(name: str, array: Array) -> tuple[float, float, float]:
    """Return the least and the largest entry and the root mean square, or raise as check_finite does.

    The array is as :func:`plain` makes them; one pass serves both.
    """
    known: tuple[float, float, float] | None = _native.core.value_range(array)
    if known is None:
        check_finite(name, array)
    assert known is not None
    return known


def check_finite(name: str, array: Array) -> None:
    """Raise if an entry is NaN or infinite, naming the first such entry."""
    if array.dtype.kind != "f" or is_finite(array):
        return
    bad = np.argwhere(~np.isfinite(array))
    where = tuple(int(i) for i in bad[0])
    raise _not_finite(name, where, array[where], len(bad))


def check_finite_entries(name: str, values: Array, columns: Array, starts: Array) -> None:
    """Raise as check_finite does for the entries of a sparse matrix in rows (CSR)."""
    if is_finite(values):
        return
    bad = np.flatnonzero(~np.isfinite(values))
    row = int(np.searchsorted(starts, bad[0], side="right")) - 1
    raise _not_finite(name, (row, int(columns[bad[0]])), values[bad[0]], len(bad))


def _not_finite(name: str, where: tuple[int, ...], value: Any, count: int) -> ValueError:
    place = f"row {where[0]}" + (f", column {where[1]}" if len(where) > 1 else "")
    more = f" ({count} such entries in all)" if count > 1 else ""
    return ValueError(
        f"{name} must be finite, but {place} is {value}{more}; "
        "NaN (missing) and infinite values must be removed or replaced first"
    )


def is_true(answer: Any) -> bool:
    """Whether a callback returned True; anything else that is truthy is not taken for a wish to stop."""
    return isinstance(answer, (bool, np.bool_)) and bool(answer)


def check_rank(name: str, array: Array, ranks: tuple[int, ...], wanted: str) -> None:
    """Raise if the array's number of dimensions is none of ``ranks``."""
    if array.ndim not in ranks:
        raise ValueError(f"{name} must be {wanted}, but has shape {array.shape}")


def parameter_pairs(
    theta: Any, gradient: Any, state: Any, slots: tuple[str, ...]
) -> list[tuple[Array, Array, list[Array]]]:
    """Pair every parameter array with its gradient and its slots, all checked before anything is stepped."""
    if not isinstance(state, dict) or any(key not in state for key in ("step", *slots)):
        wanted = ", ".join(repr(key) for key in ("step", *slots))
        raise ValueError(f"state must be the dict that init returned, with the keys {wanted}")
    check_integer("state['step']", state["step"], low=0, high=2**62)
    single = isinstance(theta, np.ndarray)

    def parts_of(name: str, value: Any) -> list[Any]:
        if single:
            return [value]
        if not isinstance(value, (list, tuple)):
            raise TypeError(
                f"{name} must be {'an array or ' if name == 'theta' else ''}a list of arrays, "
                f"but is {type(value).__name__}"
            )
        return list(value)

    parts, gradients = parts_of("theta", theta), parts_of("gradient", gradient)
    moments = [parts_of(f"state {s!r}", state[s]) for s in slots]
    if any(len(other) != len(parts) for other in (gradients, *moments)):
        raise ValueError(
            f"theta has {len(parts)} arrays, but gradient has {len(gradients)} and the state "
            f"{[len(moment) for moment in moments]}; they must be the same number"
        )
    pairs = []
    for i, (part, part_gradient) in enumerate(zip(parts, gradients, strict=True)):
        label = "theta" if single else f"theta[{i}]"
        if not isinstance(part, np.ndarray) or part.dtype not in FLOATS:
            kind = part.dtype if isinstance(part, np.ndarray) else type(part).__name__
            raise TypeError(f"{label} must be a float32 or float64 array, but is {kind}")
        part_slots = [moment[i] for moment in moments]
        for what, array in (
            (f"gradient of {label}", part_gradient),
            *((f"state {s!r} of {label}", a) for s, a in zip(slots, part_slots, strict=True)),
        ):
            if np.shape(array) != part.shape:
                raise ValueError(
                    f"{what} must have the shape {part.shape} of {label}, but has {np.shape(array)}"
                )
        for s, array in zip(slots, part_slots, strict=True):
            if not isinstance(array, np.ndarray) or array.dtype != part.dtype:
                kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
                raise TypeError(
                    f"state {s!r} of {label} must be an array of {part.dtype}, as {label} is, but is {kind}"
                )
        for array in (part, *part_slots):
            if not array.flags.writeable:
                raise ValueError(
                    f"{label} and its state are changed in place, but one is read-only"
                )
        pairs.append((part, numeric_array(f"gradient of {label}", part_gradient), part_slots))
    return pairs


def chunks(n: int, size: int) -> Iterator[slice]:
    """Yield slices of ``size`` that cover ``range(n)``."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))
