"""Preprocessing: what turns a table's columns into a model's inputs and targets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steepest.cli.tables import (
    FloatArray,
    InputError,
    IntArray,
    column_kind,
    numbers,
    pandas,
    quoted,
    texts,
)

MAX_CATEGORIES = 100  # inputs that one column of categories may become
MANY_CATEGORIES = 50  # from here on the user is told


# ---- columns -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class NumericColumn:
    """A column of numbers: missing -> training median, then (x - mean)/scale."""

    name: str
    median: float
    mean: float
    scale: float

    width = 1

    def fill(self, out: FloatArray, series: Any, source: object) -> None:
        """Write the column's input to ``out`` of shape (n, 1)."""
        values = numbers(series, source)
        values[np.isnan(values)] = self.median
        out[:, 0] = (values - self.mean) / self.scale


@dataclass(frozen=True)
class CategoricalColumn:
    """A column of categories: one input for each, all of them zero for unknown and missing."""

    name: str
    categories: tuple[str, ...]

    @property
    def width(self) -> int:
        """Number of inputs."""
        return len(self.categories)

    def fill(self, out: FloatArray, series: Any, source: object) -> None:
        """Write the column's inputs to ``out`` of shape (n, width)."""
        codes, values = texts(series)
        place = {category: k for k, category in enumerate(self.categories)}
        # The last entry is what code -1, a missing cell, leads to.
        inputs = np.array([place.get(value, -1) for value in values] + [-1], dtype=np.int64)[codes]
        out[...] = 0.0
        rows = np.flatnonzero(inputs >= 0)
        out[rows, inputs[rows]] = 1.0


@dataclass(frozen=True)
class Preprocessing:
    """What turns a table into inputs, and outputs back into the target's unit.

    Attributes
    ----------
    target : str
        Name of the target's column.
    columns : tuple of NumericColumn or CategoricalColumn
        In the order of the inputs.
    target_mean, target_scale : float
        The model was fitted to (y - target_mean)/target_scale; 0 and 1 for classification.
    """

    target: str
    columns: tuple[NumericColumn | CategoricalColumn, ...]
    target_mean: float = 0.0
    target_scale: float = 1.0

    @property
    def n_inputs(self) -> int:
        """Number of the model's inputs."""
        return sum(column.width for column in self.columns)

    def inputs(self, frame: Any, source: object) -> FloatArray:
        """Return the inputs of shape (n, n_inputs); `source` names the table in messages."""
        missing = [column.name for column in self.columns if column.name not in frame.columns]
        if missing:
            raise InputError(
                f"{source} has no column {quoted(missing)}, which the model was trained with; "
                f"it has {quoted(frame.columns)}"
            )
        X = np.empty((len(frame), self.n_inputs))
        begin = 0
        for column in self.columns:
            end = begin + column.width
            column.fill(X[:, begin:end], frame[column.name], source)
            begin = end
        return X

    def to_json(self) -> dict[str, Any]:
        """Return JSON values from which `from_json` makes an equal object."""
        columns = [
            {"name": c.name, "median": c.median, "mean": c.mean, "scale": c.scale}
            if isinstance(c, NumericColumn)
            else {"name": c.name, "categories": list(c.categories)}
            for c in self.columns
        ]
        target = {"name": self.target, "mean": self.target_mean, "scale": self.target_scale}
        return {"columns": columns, "target": target}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Preprocessing:
        """Return the object `to_json` described; ValueError if it isn't such a description."""
        try:
            columns = tuple(
                CategoricalColumn(str(c["name"]), tuple(str(v) for v in c["categories"]))
                if "categories" in c
                else NumericColumn(
                    str(c["name"]), float(c["median"]), float(c["mean"]), float(c["scale"])
                )
                for c in values["columns"]
            )
            target = values["target"]
            return cls(str(target["name"]), columns, float(target["mean"]), float(target["scale"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"the description of its columns is incomplete: {error!r}") from None


# ---- learning the preprocessing ----------------------------------------------------------------


@dataclass
class Learned:
    """Preprocessing learned from training rows, with what the user should know about it."""

    columns: list[NumericColumn | CategoricalColumn] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def learn_columns(frame: Any, source: object) -> Learned:
    """Return how each of the training table's columns becomes inputs.

    Columns that can't tell rows apart are left out, with a note: constant, empty, or of a type
    such as dates that has no obvious inputs.
    """
    learned = Learned()
    for name in frame.columns:
        series = frame[name]
        kind = column_kind(series)
        if series.isna().all():
            learned.notes.append(f"column {name!r} is left out: it is empty in the training rows")
        elif kind == "numeric":
            _learn_numeric(learned, series, source)
        elif kind == "categorical":
            _learn_categorical(learned, series)
        else:
            learned.notes.append(
                f"column {name!r} is left out: its type {series.dtype} is neither numbers nor "
                "categories"
            )
    if not learned.columns:
        notes = "".join(f"\n  {note}" for note in learned.notes)
        raise InputError(f"{source}: no column is left to learn from{notes}")
    return learned


def _learn_numeric(learned: Learned, series: Any, source: object) -> None:
    values = numbers(series, source)
    median = float(np.median(values[~np.isnan(values)]))
    values[np.isnan(values)] = median
    mean, scale = mean_and_scale(values)
    if scale == 0.0:
        learned.notes.append(f"column {series.name!r} is left out: it is constant")
    else:
        learned.columns.append(NumericColumn(str(series.name), median, mean, scale))


def _learn_categorical(learned: Learned, series: Any) -> None:
    name = str(series.name)
    codes, values = texts(series)
    present = codes[codes >= 0]
    counts: dict[str, int] = {}
    for value, count in zip(values, np.bincount(present, minlength=len(values)), strict=True):
        counts[value] = counts.get(value, 0) + int(count)
    if len(counts) == 1 and len(present) == len(series):
        learned.notes.append(f"column {name!r} is left out: it is constant")
        return
    by_frequency = sorted(counts, key=lambda value: (-counts[value], value))
    kept = by_frequency[:MAX_CATEGORIES]
    if len(counts) > MANY_CATEGORIES or 10 < len(series) < 2 * len(counts):
        capped = (
            f", the {MAX_CATEGORIES} most frequent become inputs"
            if len(kept) < len(counts)
            else ", each becomes an input"
        )
        learned.notes.append(
            f"column {name!r} has {len(counts)} different texts in {len(series)} training rows"
            f"{capped}{_stray_text(series)} (--drop {name} leaves it out)"
        )
    learned.columns.append(CategoricalColumn(name, tuple(sorted(kept))))


def _stray_text(series: Any) -> str:
    """Return a hint if a column of categories looks like numbers with a few stray texts."""
    present = series.dropna()
    stray = pandas().to_numeric(present.astype(str), errors="coerce").isna().to_numpy()
    if not 0 < np.count_nonzero(stray) < 0.5 * len(present):
        return ""
    first = int(np.flatnonzero(stray)[0])
    row = int(present.index[first]) + 1
    return f"; most are numbers, but data row {row} has {str(present.iloc[first])[:40]!r}"


def mean_and_scale(values: FloatArray) -> tuple[float, float]:
    """Return mean and standard deviation, the latter 0.0 if all values are equal."""
    # Divided by the largest magnitude first: squares of 1e200 would overflow.
    largest = float(np.max(np.abs(values)))
    if np.min(values) == np.max(values):
        return float(values[0]), 0.0
    scaled = values / largest
    return float(np.mean(scaled)) * largest, float(np.std(scaled)) * largest


# ---- the target --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """The target of every row that has one: numbers, or places in `labels`."""

    values: FloatArray | IntArray
    labels: list[Any] | None

    @property
    def task(self) -> str:
        """The task: "regression" without labels, otherwise "classification"."""
        return "regression" if self.labels is None else "classification"

    def take(self, rows: IntArray) -> Target:
        """Return the target of some rows."""
        return Target(self.values[rows], self.labels)


def read_target(series: Any, task: str, source: object) -> Target:
    """Return the target's values, for task "regression", "classification" or "auto"."""
    kind = column_kind(series)
    if kind == "unsupported":
        raise InputError(
            f"--target {series.name}: its type {series.dtype} is neither numbers nor categories"
        )
    if task == "auto":
        task = "regression" if kind == "numeric" else "classification"
    if task == "regression":
        try:
            values = numbers(series, source)
        except InputError as error:
            hint = "; --task classification is for classes" if kind == "categorical" else ""
            raise InputError(f"{error}{hint}") from None
        if np.min(values) == np.max(values):
            raise InputError(f"--target {series.name}: it is constant, {values[0]:g} in every row")
        return Target(values, None)
    codes, labels = _classes(series, source)
    if len(labels) < 2:
        raise InputError(f"--target {series.name}: it is constant, {labels[0]!r} in every row")
    counts = np.bincount(codes, minlength=len(labels))
    rare = [label for label, count in zip(labels, counts, strict=True) if count < 2]
    if rare:
        raise InputError(
            f"--target {series.name}: every class needs at least 2 rows; {len(rare)} of "
            f"{len(labels)} have one: {quoted(rare, 5)}"
        )
    return Target(codes, labels)


def _classes(series: Any, source: object) -> tuple[IntArray, list[Any]]:
    if column_kind(series) == "numeric":
        values, codes = np.unique(numbers(series, source), return_inverse=True)
        whole = bool(np.all(values == np.rint(values)) and np.max(np.abs(values)) < 2**53)
        return codes.astype(np.int64), [int(v) if whole else float(v) for v in values]
    codes, names = texts(series)
    labels = sorted(set(names))
    place = {label: k for k, label in enumerate(labels)}
    return np.array([place[name] for name in names], dtype=np.int64)[codes], labels


def split_rows(
    target: Target, fraction: float, generator: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Return the training and the test rows, in ascending order.

    With classes, each is split by itself and keeps at least one row on either side.
    """
    n = len(target.values)
    if fraction == 0.0:
        return np.arange(n), np.arange(0)
    groups = [np.arange(n)]
    if target.labels is not None:
        groups = [np.flatnonzero(target.values == k) for k in range(len(target.labels))]
    test = []
    for rows in groups:
        n_test = min(max(1, round(fraction * len(rows))), len(rows) - 1)
        test.append(generator.permutation(rows)[:n_test])
    chosen = np.zeros(n, dtype=bool)
    chosen[np.concatenate(test)] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)
