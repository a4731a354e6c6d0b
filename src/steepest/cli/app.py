"""The commands and what they print. Reports go to stdout, everything else to stderr."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from steepest._model_file import Pipeline, load_pipeline, save_pipeline, write_atomically
from steepest.cli import info_text
from steepest.cli.models import (
    DEGREE,
    Fit,
    Options,
    Watcher,
    candidates,
    max_epochs,
    scores,
    train_best,
)
from steepest.cli.preprocessing import (
    Preprocessing,
    Target,
    learn_columns,
    mean_and_scale,
    read_target,
    split_rows,
)
from steepest.cli.tables import InputError, check_column, pandas, read_table

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Model(StrEnum):
    """Values of --model."""

    AUTO = "auto"
    LINEAR = "linear"
    POLYNOMIAL = "polynomial"
    LOGISTIC = "logistic"
    MLP = "mlp"


class Task(StrEnum):
    """Values of --task."""

    AUTO = "auto"
    REGRESSION = "regression"
    CLASSIFICATION = "classification"


@contextlib.contextmanager
def _faults_reported() -> Iterator[None]:
    """Turn faults in the input into a message and exit code 2, Ctrl-C into 130."""
    try:
        yield
    except BrokenPipeError:
        raise  # the reader of stdout has left; typer ends quietly
    except (InputError, OSError, MemoryError) as error:  # any other ValueError is a bug
        typer.echo(f"error: {str(error) or type(error).__name__}", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(130) from None


def _print_version(wanted: bool) -> None:
    if wanted:
        import steepest

        typer.echo(f"steepest {steepest.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Train linear, polynomial and feed-forward ReLU models on tables, by gradient descent."""


@app.command()
def info() -> None:
    """Print the version, the build, and the instruction sets it can use."""
    typer.echo(info_text())


# ---- fit ---------------------------------------------------------------------------------------


@app.command()
def fit(
    data: Annotated[Path, typer.Argument(help="Table: .csv, .tsv (also .gz) or .parquet.")],
    target: Annotated[str, typer.Option(help="Column to predict.")],
    model: Annotated[
        Model, typer.Option(help="auto takes the best on a part of the training rows.")
    ] = Model.AUTO,
    task: Annotated[
        Task, typer.Option(help="auto: classification if the target is text or true/false.")
    ] = Task.AUTO,
    degree: Annotated[
        int | None, typer.Option(min=0, help=f"Of the polynomial; {DEGREE} if not given.")
    ] = None,
    hidden: Annotated[
        str | None, typer.Option(help="Widths of the mlp's hidden layers, such as 100,50.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of the optimizer.")] = None,
    test_fraction: Annotated[
        float, typer.Option(help="Share of the rows kept for the score; 0: train on all.")
    ] = 0.2,
    drop: Annotated[
        list[str] | None, typer.Option(help="Column to leave out, such as an id; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of everything random.")] = 0,
    output: Annotated[Path, typer.Option(help="The model file.")] = Path("model.safetensors"),
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Train a model on a table, save it, and print its score on rows it has not seen.

    Missing numbers become the training median, columns of text or true/false one input for each
    category; numbers are standardised. Rows without a target are dropped. Ctrl-C saves the model
    as trained so far.
    """
    with _faults_reported():
        options = Options(
            model, task, degree, _widths(hidden), epochs, _positive(learning_rate), seed
        )
        if not 0.0 <= test_fraction < 1.0:
            raise InputError(f"--test-fraction must be at least 0 and below 1, not {test_fraction}")
        _check_output(output, data)
        table = _Table(data, target, drop or [], options, test_fraction)
        with Watcher(quiet) as watcher:
            fitted = train_best(
                table.models, table.X[table.training], table.training_target, options, watcher
            )
            if not fitted.is_fitted:
                typer.echo("interrupted before the first epoch was over: nothing saved", err=True)
                raise typer.Exit(130)
            labels = table.target.labels
            save_pipeline(output, Pipeline(fitted.estimator, table.preprocessing.to_json(), labels))
        if not quiet:
            for note in (*table.notes, *fitted.notes):
                typer.echo(f"note: {note}", err=True)
            typer.echo(_report(table, fitted, watcher.interrupted, output))
        if watcher.interrupted:
            typer.echo(f"interrupted: the model trained so far is in {output}", err=True)
            raise typer.Exit(130)


class _Table:
    """The data of a fit: read, cleaned, split and encoded."""

    def __init__(
        self, path: Path, target: str, drop: list[str], options: Options, test_fraction: float
    ) -> None:
        frame = read_table(path)
        for name, option in ((target, "--target"), *((name, "--drop") for name in drop)):
            check_column(frame, name, option)
        frame, self.notes = _with_target(frame, target, path)
        self.target = read_target(frame[target], options.implied_task, path)
        self.notes += _few_values(self.target, target, options)
        self.training, self.test = split_rows(
            self.target, test_fraction, np.random.default_rng(options.seed)
        )
        if len(self.training) < 2:
            raise InputError(
                f"{path}: --test-fraction {test_fraction} leaves fewer than 2 of {len(frame)} rows "
                "to train on"
            )
        features = frame.drop(columns=[target, *drop])
        learned = learn_columns(features.iloc[self.training], path)
        self.notes += learned.notes
        mean, scale = _target_unit(self.target.take(self.training), target)
        self.preprocessing = Preprocessing(target, tuple(learned.columns), mean, scale)
        self.models = candidates(options, self.preprocessing, self.target.task)
        self.X = self.preprocessing.inputs(features, path)

    @property
    def training_target(self) -> Target:
        """The target the model is fitted to: standardised, or the classes' codes."""
        target = self.target.take(self.training)
        if target.labels is not None:
            return target
        mean, scale = self.preprocessing.target_mean, self.preprocessing.target_scale
        return Target((target.values.astype(np.float64) - mean) / scale, None)


def _with_target(frame: Any, target: str, path: Path) -> tuple[Any, list[str]]:
    """Return the rows that have a target, and a note about the others."""
    present = frame[target].notna().to_numpy()
    n_without = int(np.count_nonzero(~present))
    if n_without == len(frame):
        raise InputError(f"{path}: no row has a value in the target column {target!r}")
    if not n_without:
        return frame, []
    return frame[present], [f"{n_without} of {len(frame)} rows have no {target!r}: dropped"]


def _target_unit(training: Target, name: str) -> tuple[float, float]:
    if training.labels is not None:
        return 0.0, 1.0
    mean, scale = mean_and_scale(training.values.astype(np.float64))
    if scale == 0.0:
        raise InputError(f"--target {name}: it is constant in the training rows")
    return mean, scale


def _few_values(target: Target, name: str, options: Options) -> list[str]:
    """Return a note if a regression, by default and not by choice, may want to be told classes."""
    values = np.unique(target.values)
    chosen = target.labels is not None or options.implied_task != "auto"
    many = len(values) > 10 or len(target.values) < 5 * len(values)
    if chosen or many or not np.array_equal(values, np.rint(values)):
        return []
    return [
        f"{name!r} has only {len(values)} different values, all whole numbers: "
        "if they are classes, use --task classification"
    ]


def _widths(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        widths = tuple(int(word) for word in text.split(","))
    except ValueError:
        widths = (0,)
    if min(widths) < 1:
        raise InputError(f"--hidden must be whole numbers >= 1 such as 100,50, not {text!r}")
    return widths


def _positive(rate: float | None) -> float | None:
    if rate is not None and not (rate > 0.0 and np.isfinite(rate)):
        raise InputError(f"--learning-rate must be a positive number, not {rate}")
    return rate


def _check_output(output: Path, *inputs: Path) -> None:
    """Find out before the work, not after it, that its result can't be written."""
    folder = output.parent
    if not folder.is_dir():
        raise InputError(f"--output {output}: there is no folder {folder}")
    if output.exists() and not output.is_file():
        raise InputError(f"--output {output}: it exists and is not a regular file")
    if not os.access(folder, os.W_OK):
        raise InputError(f"--output {output}: the folder {folder} is not writable")
    if any(output.exists() and path.exists() and output.samefile(path) for path in inputs):
        raise InputError(f"--output {output}: it would replace the input")


def _report(table: _Table, fitted: Fit, interrupted: bool, output: Path) -> str:
    target, estimator, preprocessing = table.target, fitted.estimator, table.preprocessing
    limit = max_epochs(estimator)
    part = "test" if len(table.test) else "training"
    rows = table.test if len(table.test) else table.training
    model, baseline, name = scores(
        estimator,
        table.X[rows],
        target.take(rows),
        target.take(table.training),
        preprocessing,
    )
    task = f"{target.task}, {len(target.labels)} classes" if target.labels else target.task
    stop = "interrupted" if interrupted else fitted.status
    facts = {
        "model": type(estimator).__name__,
        "target": f"{preprocessing.target} ({task})",
        "rows": f"{len(target.values)}: {len(table.training)} training, {len(table.test)} test",
        "features": f"{len(preprocessing.columns)} columns, {preprocessing.n_inputs} inputs",
        "epochs": f"{fitted.n_epochs}" + (f" of at most {limit}" if limit else ""),
        "stopped": stop,
        "seconds": f"{fitted.seconds:.3f}",
    }
    for score, value in model.items():
        facts[f"{part} {score}"] = f"{value:<12.6g}(baseline, {name}: {baseline[score]:.6g})"
    facts["saved"] = str(output)
    width = max(map(len, facts)) + 2
    return "\n".join(f"{key + ':':<{width}}{value}" for key, value in facts.items())


# ---- predict -----------------------------------------------------------------------------------


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="A file by `steepest fit`.")],
    data: Annotated[Path, typer.Argument(help="Table with the columns of the training.")],
    output: Annotated[
        Path | None, typer.Option(help="CSV to write; standard output if not given.")
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Add a column for each class.")
    ] = False,
) -> None:
    """Predict every row of a table, in its order, and write the predictions as CSV.

    Columns that the training did not have are ignored, rows with missing values are predicted.
    """
    with _faults_reported():
        if not model.is_file():
            raise InputError(f"{model} does not exist or is not a file")
        if output is not None:
            _check_output(output, model, data)
        pipeline, preprocessing = _load(model)
        if probabilities and pipeline.classes is None:
            raise InputError(f"--probabilities: {model} is a regression model, without classes")
        X = preprocessing.inputs(read_table(data), data)
        text = _predictions(pipeline, preprocessing, X, probabilities).to_csv(index=False)
        if output is None:
            # Piecewise: unbuffered, one large write to a pipe whose reader left ends in silence.
            for begin in range(0, len(text), 1 << 16):
                sys.stdout.write(text[begin : begin + (1 << 16)])
            sys.stdout.flush()
        else:
            write_atomically(output, [text.encode()])


def _load(path: Path) -> tuple[Pipeline, Preprocessing]:
    try:
        pipeline = load_pipeline(path)
    except ValueError as error:
        raise InputError(str(error)) from None
    try:
        preprocessing = Preprocessing.from_json(pipeline.preprocessing)
    except ValueError as error:
        raise InputError(f"{path} is not by `steepest fit`: {error}") from None
    if preprocessing.n_inputs != pipeline.estimator.n_features_in_:
        raise InputError(
            f"{path}: its model has {pipeline.estimator.n_features_in_} inputs, "
            f"its columns make {preprocessing.n_inputs}"
        )
    return pipeline, preprocessing


def _predictions(
    pipeline: Pipeline, preprocessing: Preprocessing, X: Any, probabilities: bool
) -> Any:
    """Return the data frame to write."""
    estimator, labels = pipeline.estimator, pipeline.classes
    if labels is None:
        values = np.ravel(estimator.predict(X)) if len(X) else np.empty(0)
        values = values * preprocessing.target_scale + preprocessing.target_mean
        return pandas().DataFrame({"prediction": values})
    codes = estimator.predict(X) if len(X) else []
    columns: dict[str, Any] = {"prediction": [labels[int(code)] for code in codes]}
    if probabilities:
        shares = estimator.predict_proba(X) if len(X) else np.empty((0, len(labels)))
        columns |= {f"probability_{label}": shares[:, k] for k, label in enumerate(labels)}
    return pandas().DataFrame(columns)
