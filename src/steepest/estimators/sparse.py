"""Sparse inputs: what SciPy holds, checked, and in rows (CSR) as the core reads them.

Where few entries are there, the core goes over those alone. Otherwise it makes as many rows dense as pass through a
model together, and never the whole matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from steepest._validate import Array, check_finite_entries, chunks, plain


@dataclass(frozen=True)
class SparseRows:
    """A sparse (n, d) matrix.

    Row i has ``values[e]`` in column ``columns[e]`` for e in ``starts[i]`` ... ``starts[i + 1]``, columns in
    order and none twice; where it has none, entry (i, j) is ``absent[j]``.
    """

    values: Array  # (entries,)
    columns: Array  # (entries,) of int32 or int64
    starts: Array  # (n + 1,) of int32 or int64
    absent: Array  # (d,): 0, or what standardising makes of it

    @property
    def shape(self) -> tuple[int, int]:
        """(n, d)."""
        return self.starts.size - 1, self.absent.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the entries."""
        return self.values.dtype

    def __getitem__(self, rows: Array) -> SparseRows:
        """Return some rows, (m,), in this order."""
        lengths = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        entries = np.arange(starts[-1]) + np.repeat(self.starts[rows] - starts[:-1], lengths)
        return SparseRows(self.values[entries], self.columns[entries], starts, self.absent)

    def astype(self, dtype: Any) -> SparseRows:
        """Return the matrix in another floating-point type; itself if it has that one."""
        return SparseRows(
            plain(self.values, dtype), self.columns, self.starts, plain(self.absent, dtype)
        )

    def standardised(self, mean: Array, scale: Array) -> SparseRows:
        """Return (X - mean) / scale: each entry, and what the absent ones become."""
        values = np.empty_like(self.values)
        for part in chunks(values.size, 65536):
            column = self.columns[part]
            values[part] = (self.values[part] - mean[column]) / scale[column]
        absent = ((self.absent - mean) / scale).astype(self.dtype)
        n, d = self.shape
        # Of a column that has all entries nothing depends on it; far from 0 it would cost digits.
        absent[np.bincount(self.columns, minlength=d) == n] = 0
        return SparseRows(values, self.columns, self.starts, absent)

    def as_tuple(self) -> tuple[Array, Array, Array, Array]:
        """Return what the core takes for a sparse X."""
        return self.values, self.columns, self.starts, self.absent


Inputs: TypeAlias = Array | SparseRows
CoreInputs: TypeAlias = Array | tuple[Any, ...]


def core_inputs(X: Any) -> CoreInputs:
    """Return X as the core takes it: an array, or the parts of rows that the core makes dense."""
    core: CoreInputs = X if isinstance(X, np.ndarray) else X.as_tuple()
    return core


def sparse_rows(X: Any) -> SparseRows:
    """Return SciPy's CSR or CSC matrix of floats, whose structure has been checked, as the core reads it.

    CSR arrays are taken as they are, unless columns are out of order or occur twice in a row: a copy is sorted, and
    entries of the same place are added up.
    """
    n, d = X.shape
    rows = X.tocsr()
    end = int(rows.indptr[-1])  # there may be room behind the last entry
    rows = sparse.csr_array((rows.data[:end], rows.indices[:end], rows.indptr), shape=(n, d))
    # Asked of a new object: what an older one remembers may be out of date.
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    values, columns, starts = (
        plain(part, part.dtype.newbyteorder("=")) for part in (rows.data, rows.indices, rows.indptr)
    )
    check_finite_entries("X", values, columns, starts)
    return SparseRows(values, columns, starts, np.zeros(d, values.dtype))


def check_structure(X: Any) -> None:
    """Raise if the arrays of SciPy's sparse X, which anyone can change, contradict each other or its shape.

    Conversions between formats, in SciPy's compiled code, would follow them out of memory.
    """
    if len(X.shape) != 2:
        raise ValueError(f"X must be a matrix (n, d), but is sparse of shape {X.shape}")
    for name in ("data", "indices", "indptr", "row", "col", "rows", "offsets"):
        if not isinstance(part := getattr(X, name, np.empty(0)), np.ndarray):
            raise _invalid(X.format, f"needs an array for {name}, but has a {type(part).__name__}")
    if X.format == "coo":
        for name, index, size in zip(("row", "col"), (X.row, X.col), X.shape, strict=True):
            _check_indices(X.format, f"{name} indices", index, size)
            if index.shape != X.data.shape:
                raise _invalid(
                    X.format, f"has {index.size} {name} indices for {X.data.size} entries"
                )
    elif X.format in ("csr", "csc", "bsr"):
        _check_compressed(X)
    elif X.format == "lil":
        _check_lists(X)
    elif X.format == "dia":
        _check_diagonals(X)


def _check_lists(X: Any) -> None:
    """Raise if a LIL matrix has other than one list of columns, and of as many entries, for each row."""
    rows = X.shape[0]
    if X.rows.shape != (rows,) or X.data.shape != (rows,):
        raise _invalid(
            X.format,
            f"needs {rows} lists, but has {X.rows.shape} of columns, {X.data.shape} of entries",
        )
    try:
        lengths = [[len(entries) for entries in part] for part in (X.rows, X.data)]
        columns = np.fromiter(chain.from_iterable(X.rows), np.int64, sum(lengths[0]))
    except (TypeError, ValueError, OverflowError) as error:
        raise _invalid(X.format, f"needs lists of integers in rows ({error})") from None
    if lengths[0] != lengths[1]:
        row = int(np.argmax(np.asarray(lengths[0]) != lengths[1]))
        raise _invalid(
            X.format,
            f"has {lengths[0][row]} columns for {lengths[1][row]} entries in row {row}",
        )
    _check_indices(X.format, "columns", columns, X.shape[1])


def _check_diagonals(X: Any) -> None:
    """Raise if a DIA matrix has not one integer offset for each diagonal."""
    offsets = X.offsets
    if offsets.ndim != 1 or offsets.dtype.kind != "i" or X.data.shape[:-1] != offsets.shape:
        raise _invalid(
            X.format,
            f"needs an integer offset for each diagonal, but has {offsets.shape} {offsets.dtype} for "
            f"data of shape {X.data.shape}",
        )


def _check_compressed(X: Any) -> None:
    """Raise if the arrays of a CSR, CSC or BSR matrix contradict each other."""
    rank = 3 if X.format == "bsr" else 1
    if X.data.ndim != rank or 0 in X.data.shape[1:]:
        raise _invalid(X.format, f"has entries of shape {X.data.shape}")
    block = X.blocksize if X.format == "bsr" else (1, 1)
    majors, minors = (size // length for size, length in zip(X.shape, block, strict=True))
    if X.format == "csc":
        majors, minors = minors, majors
    starts, indices = X.indptr, X.indices
    if starts.ndim != 1 or starts.dtype.kind != "i" or starts.size != majors + 1:
        raise _invalid(
            X.format,
            f"needs {majors + 1} integers in indptr, but has {starts.shape} {starts.dtype}",
        )
    if starts[0] != 0 or (starts[1:] < starts[:-1]).any():
        raise _invalid(X.format, "needs an indptr that begins with 0 and never decreases")
    end = int(starts[-1])
    if indices.ndim != 1 or min(len(indices), len(X.data)) < end:
        raise _invalid(
            X.format,
            f"has {len(indices)} indices and {len(X.data)} entries, but indptr ends with {end}",
        )
    _check_indices(X.format, "indices", indices[:end], minors)


def _check_indices(kind: str, name: str, indices: Array, size: int) -> None:
    if indices.dtype.kind != "i":
        raise _invalid(kind, f"needs integers for {name}, but has {indices.dtype}")
    if indices.size and (indices.min() < 0 or indices.max() >= size):
        raise _invalid(
            kind, f"needs {name} in 0 ... {size - 1}, but has {indices.min()} ... {indices.max()}"
        )


def _invalid(kind: str, why: str) -> ValueError:
    return ValueError(f"X is not a valid sparse matrix: its {kind.upper()} form {why}")
