"""Tables: reading them, and the meaning of their cells."""

from __future__ import annotations

import difflib
import importlib
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

TEXT_SUFFIXES = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}
PARQUET_SUFFIXES = (".parquet", ".pq")


class InputError(ValueError):
    """A fault in what the user gave: shown without a traceback, exit code 2."""


# ---- reading -----------------------------------------------------------------------------------


def read_table(path: Path) -> Any:
    """Return the table in a CSV, TSV or Parquet file as a pandas data frame, rows 0, 1, ..."""
    name = path.name.lower()
    separator = next((s for end, s in TEXT_SUFFIXES.items() if name.endswith(end)), None)
    if separator is None and not name.endswith(PARQUET_SUFFIXES):
        known = ", ".join((*TEXT_SUFFIXES, *PARQUET_SUFFIXES))
        raise InputError(f"{path} has an unknown extension; tables are read from {known}")
    if not path.is_file():
        raise InputError(f"{path} does not exist or is not a file")
    try:
        if separator is None:
            require("pyarrow", f"reading {path}")
            frame = pandas().read_parquet(path, engine="pyarrow")
        else:
            frame = _read_text(path, separator)
    except (ValueError, OSError, EOFError, NotImplementedError, Warning) as error:
        raise InputError(f"{path} can't be read: {_first_line(error)}") from None
    frame.columns = [str(column) for column in frame.columns]
    unnamed_index = all(level is None for level in frame.index.names)
    return frame.reset_index(drop=unnamed_index)


def _read_text(path: Path, separator: str) -> Any:
    with warnings.catch_warnings():
        # Rows longer than the header: by default pandas takes the first column for an index, with
        # index_col=False it warns of the cells it drops.
        warnings.simplefilter("error", pandas().errors.ParserWarning)
        # low_memory=False: a column's type must not depend on where the chunks end.
        return pandas().read_csv(path, sep=separator, index_col=False, low_memory=False)


def pandas() -> Any:
    """Return the pandas module: loaded only where a table is read."""
    return require("pandas", "reading tables")


def require(module: str, purpose: str) -> Any:
    """Import and return an optional module, or say how to get it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise InputError(f"{purpose} needs {module}: pip install 'steepest[cli]'") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def quoted(names: Iterable[object], limit: int = 10) -> str:
    """Return at most `limit` names, quoted and separated by commas."""
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(repr(str(name)) for name in names[:limit]) + more


def check_column(frame: Any, name: str, option: str) -> None:
    """Raise if the table has no column `name`, with the nearest names that it has."""
    if name in frame.columns:
        return
    columns = list(frame.columns)
    lower = {column.lower(): column for column in columns}
    near = [lower[n] for n in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    hint = f"did you mean {quoted(near)}?" if near else f"there are {quoted(columns)}"
    if len(columns) == 1:
        hint += "; if that is the whole header, the file is not separated by commas"
    raise InputError(f"{option}: there is no column {name!r}; {hint}")


# ---- cells -------------------------------------------------------------------------------------


def column_kind(series: Any) -> str:
    """Return "numeric", "categorical" or, for dates and nested values, "unsupported"."""
    types = pandas().api.types
    dtype = series.dtype
    if isinstance(dtype, pandas().CategoricalDtype) or types.is_bool_dtype(dtype):
        return "categorical"
    if types.is_numeric_dtype(dtype):
        return "unsupported" if types.is_complex_dtype(dtype) else "numeric"
    if types.is_object_dtype(dtype) or types.is_string_dtype(dtype):
        inferred = types.infer_dtype(series, skipna=True)
        if inferred in ("decimal", "integer", "floating", "mixed-integer-float"):
            return "numeric"
        return "categorical" if inferred in _CATEGORICAL else "unsupported"
    return "unsupported"


_CATEGORICAL = ("string", "boolean", "empty", "mixed-integer", "categorical")


def numbers(series: Any, source: object) -> FloatArray:
    """Return a column as float64, missing cells as nan; text and infinities are refused."""
    if column_kind(series) == "numeric":
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        if isinstance(series.dtype, pandas().CategoricalDtype):
            series = series.astype(object)
        values = pandas().to_numeric(series, errors="coerce")
        values = values.to_numpy(dtype=np.float64, na_value=np.nan)
        _refuse(np.isnan(values) & ~series.isna().to_numpy(), series, source, "is not a number")
    _refuse(np.isinf(values), series, source, "is not finite")
    return np.array(values, dtype=np.float64)  # a copy: pandas' own is read-only


def _refuse(bad: NDArray[np.bool_], series: Any, source: object, fault: str) -> None:
    rows = np.flatnonzero(bad)
    if len(rows):
        # The index keeps the place in the file, also after rows without a target were dropped.
        row = int(series.index[rows[0]]) + 1
        raise InputError(
            f"{source}: column {series.name!r}, data row {row}: "
            f"{str(series.iloc[rows[0]])[:40]!r} {fault}"
            + (f" (and {len(rows) - 1} more in this column)" if len(rows) > 1 else "")
        )


def texts(series: Any) -> tuple[IntArray, list[str]]:
    """Return each row's index into the column's distinct texts, -1 where missing, and those."""
    codes, values = pandas().factorize(series)
    return np.asarray(codes, dtype=np.int64), [_text(value) for value in values]


def _text(value: object) -> str:
    # Whole numbers read the same whether or not missing cells made the column floating-point.
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
