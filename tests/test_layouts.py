"""Arrays as users have them: any size, alignment, stride, order and dtype gives the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from steepest import kernels

# Empty, one, and on both sides of every vector's width: 4, 8 and 16 entries.
SIZES = (1, 3, 4, 5, 7, 8, 9, 15, 16, 17)
WIDE, NARROW = (4, 5), (17, 9)  # rows and columns for what does not depend on sizes


def misaligned(a):
    """Place the entries at an odd address: no vector or scalar load is aligned."""
    memory = np.empty(a.nbytes + 1, np.uint8)
    moved = memory[1:].view(a.dtype).reshape(a.shape)
    moved[...] = a
    assert a.size == 0 or not moved.flags.aligned
    return moved


def between_nans(a):
    """Put a NaN, or a class out of range, on either side: what is read beyond the ends shows.

    Aligned for scalars and not for vectors, so the compiled code reads this memory itself.
    """
    poison = np.nan if a.dtype.kind == "f" else np.iinfo(a.dtype).max
    memory = np.full(a.size + 37, poison, a.dtype)
    inside = memory[17 : 17 + a.size].reshape(a.shape)
    inside[...] = a
    return inside


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def strided(a):
    apart = np.full((*a.shape[:-1], 3 * a.shape[-1]), 77, a.dtype)
    apart[..., ::3] = a
    return apart[..., ::3]


def rows_apart(a):
    apart = np.full((2 * a.shape[0], *a.shape[1:]), 77, a.dtype)
    apart[::2] = a
    return apart[::2]


LAYOUTS = {
    "misaligned": misaligned,
    "between NaNs": between_nans,
    "read-only": read_only,
    "every third column": strided,
    "every second row": rows_apart,
    "columns backwards": lambda a: a[..., ::-1].copy()[..., ::-1],
    "rows backwards": lambda a: a[::-1].copy()[::-1],
    "Fortran order": np.asfortranarray,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "memory map's subclass": lambda a: a.view(np.memmap),
}


def assert_same_bits(actual, desired):
    assert len(actual) == len(desired)
    for a, d in zip(actual, desired, strict=True):
        assert np.asarray(a).dtype == np.asarray(d).dtype
        np.testing.assert_array_equal(a, d)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(isa, dtype, rng, kernel, layout):
    """All arguments at once, and each alone; none is written to."""
    arguments = kernel.arguments(rng, *NARROW, dtype)
    expected = kernel(arguments)
    changed = kernel.map(LAYOUTS[layout], arguments)
    assert_same_bits(kernel(changed), expected)
    for i in range(len(arguments)):
        assert_same_bits(kernel([*arguments[:i], changed[i], *arguments[i + 1 :]]), expected)
    for given, kept in zip(changed, arguments, strict=True):
        pairs = zip(given, kept, strict=True) if isinstance(given, list) else [(given, kept)]
        for a, b in pairs:
            np.testing.assert_array_equal(a, b)


def test_nothing_beyond_the_ends_is_read(isa, dtype, rng, kernel):
    for size in SIZES:
        for rows, columns in ((size, 3), (3, size), (size, size)):
            arguments = kernel.arguments(rng, rows, columns, dtype)
            assert_same_bits(kernel(kernel.map(between_nans, arguments)), kernel(arguments))


def test_no_rows(isa, dtype, rng, kernel):
    """A prediction of nothing is nothing; a mean of nothing is an error."""
    for columns in (1, 4, 9):
        arguments = kernel.arguments(rng, 0, columns, dtype)
        if kernel.is_loss:
            with pytest.raises(ValueError, match="has no rows"):
                kernel(arguments)
            continue
        for actual, desired in zip(kernel(arguments), kernel.reference(arguments), strict=True):
            assert actual.dtype == dtype
            assert actual.shape == desired.shape
            np.testing.assert_array_equal(actual, desired)


def test_results_are_new_plain_arrays(isa, dtype, rng, kernel):
    arguments = kernel.arguments(rng, *NARROW, dtype)
    first, second = kernel(arguments), kernel(arguments)
    inputs = []
    kernel.map(inputs.append, arguments)
    for a, b in zip(first, second, strict=True):
        if isinstance(a, np.ndarray):
            assert a.flags.c_contiguous
            assert a.flags.writeable
            assert a.dtype == dtype
            assert not np.shares_memory(a, b)
            assert not any(np.shares_memory(a, array) for array in inputs)
        else:
            assert type(a) is float


def test_rows_repeated_without_memory(isa, dtype, rng, kernel):
    """Stride 0 along the first axis, as np.broadcast_to gives it; in each argument alone."""
    arguments = kernel.arguments(rng, *NARROW, dtype)

    def repeated(a):
        return np.broadcast_to(a[:1], a.shape)

    for i in range(len(arguments)):
        (changed,) = kernel.map(repeated, [arguments[i]])
        (copied,) = kernel.map(lambda a: repeated(a).copy(), [arguments[i]])
        before, after = arguments[:i], arguments[i + 1 :]
        assert_same_bits(kernel([*before, changed, *after]), kernel([*before, copied, *after]))


# ---------------------------------------------------------------- dtypes


def floats_only(f):
    """Apply `f` to floating arrays: classes keep the integers that they are."""
    return lambda a: f(a) if a.dtype.kind == "f" else a


DTYPES = {
    "float16": lambda a: a.astype(np.float16),
    "long double": lambda a: a.astype(np.longdouble),
    "int8": lambda a: np.rint(a).astype(np.int8),
    "int64": lambda a: np.rint(a).astype(np.int64),
    "bool": lambda a: a > 0.5,
    "objects": lambda a: a.astype(object),
    "list": lambda a: a.tolist(),
}


@pytest.mark.parametrize("kind", DTYPES)
def test_other_dtypes_are_taken_as_float64(rng, kernel, kind):
    arguments = kernel.arguments(rng, *WIDE, np.float64)
    converted = kernel.map(floats_only(DTYPES[kind]), arguments)
    wide = kernel.map(floats_only(lambda a: np.asarray(DTYPES[kind](a), np.float64)), arguments)
    assert_same_bits(kernel(converted), kernel(wide))


def test_float32_beside_float64_is_float64(rng, kernel):
    """One float64 array among the arguments decides, whichever it is."""
    narrow = kernel.arguments(rng, *WIDE, np.float32)
    wide = kernel.map(floats_only(lambda a: a.astype(np.float64)), narrow)
    expected = kernel(wide)
    for i in range(len(narrow)):
        if not isinstance(narrow[i], list) and narrow[i].dtype.kind != "f":
            continue
        assert_same_bits(kernel([*narrow[:i], wide[i], *narrow[i + 1 :]]), expected)


def test_integers_beside_float32_leave_it_float32(rng):
    """Small whole numbers are exact in float32: a table of counts does not widen the model."""
    theta = rng.standard_normal(3).astype(np.float32)
    X = rng.integers(0, 9, (4, 2))
    f = kernels.linear_predict(theta, X)
    assert f.dtype == np.float32
    np.testing.assert_array_equal(f, kernels.linear_predict(theta, X.astype(np.float32)))
