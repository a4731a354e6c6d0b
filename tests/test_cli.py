"""The command line: what it reads, trains, writes and prints, and how it fails."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import steepest
from steepest import cli
from steepest._model_file import load_pipeline, save_arrays

pytest.importorskip("typer")
pytest.importorskip("rich")
pd = pytest.importorskip("pandas")

from steepest.cli import models, preprocessing, tables  # noqa: E402 - needs the extra

N = 240


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, str]:
        """The `name: value` lines of stdout."""
        pairs = (line.split(":", 1) for line in self.out.splitlines() if ":" in line)
        return {name: value.strip() for name, value in pairs}

    def score(self, name: str) -> tuple[float, float]:
        """Score of the model and of the baseline."""
        first, rest = self.facts[name].split(maxsplit=1)
        return float(first), float(rest.rstrip(")").rsplit(": ", 1)[1])

    @property
    def table(self) -> Any:
        return pd.read_csv(io.StringIO(self.out))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as leaving:
            cli.main([str(argument) for argument in arguments])
        code = leaving.value.code
        assert code is None or isinstance(code, int)
        return Result(code or 0, *capsys.readouterr())

    return run


def houses(n: int = N, seed: int = 0) -> Any:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "id": np.arange(n) + 1000,
            "area": generator.uniform(20.0, 200.0, n),
            "rooms": generator.integers(1, 7, n),
            "city": generator.choice(["Basel", "Bern", "Chur"], n),
            "garden": generator.random(n) < 0.3,
        }
    )
    frame["price"] = (
        3000.0 * frame["area"] + 8e4 * (frame["city"] == "Bern") + 3e4 * frame["garden"] + 1e5
    ) + generator.normal(0.0, 5e3, n)
    frame["class"] = np.where(
        frame["price"] > 5e5, "dear", np.where(frame["price"] > 3e5, "fair", "cheap")
    )
    return frame


@pytest.fixture
def data(tmp_path: Path) -> Path:
    houses().to_csv(tmp_path / "houses.csv", index=False)
    return tmp_path / "houses.csv"


def curve(path: Path, n: int = 100) -> Path:
    x = np.linspace(-1.0, 3.0, n)
    pd.DataFrame({"x": x, "y": 1.0 - 2.0 * x + 0.5 * x**3}).to_csv(path, index=False)
    return path


# ---- info --------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("info",)])
def test_info(run: Any, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.code == 0
    facts = result.facts
    assert facts["version"] == steepest.__version__
    assert facts["instruction set"] == steepest.instruction_set()
    assert steepest.instruction_set() in facts["available instruction sets"]
    assert facts["numpy"] == np.__version__
    for name in steepest.build_info():
        assert name.replace("_", " ") in facts


def test_version(run: Any) -> None:
    assert run("--version").out.strip() == f"steepest {steepest.__version__}"


def test_python_m() -> None:
    done = subprocess.run([sys.executable, "-m", "steepest"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.strip() == cli.info_text()


def test_without_the_extra(run: Any, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.delitem(sys.modules, "steepest.cli.app", raising=False)
    assert run().out.strip() == cli.info_text()
    assert run("info").code == 0
    result = run("fit", data, "--target", "price")
    assert result.code == 2
    assert "steepest fit needs typer" in result.err
    assert "pip install 'steepest[cli]'" in result.err


@pytest.mark.parametrize(("module", "name"), [("pandas", "t.csv"), ("pyarrow", "t.parquet")])
def test_without_a_reader(
    run: Any, data: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    data.with_name(name).write_bytes(b"")
    monkeypatch.setitem(sys.modules, module, None)
    result = run("fit", data.with_name(name), "--target", "price")
    assert result.code == 2
    assert f"needs {module}: pip install 'steepest[cli]'" in result.err


def test_info_loads_no_pandas() -> None:
    code = (
        "import sys\nfrom steepest.cli import main\n"
        "try:\n    main(['info'])\nexcept SystemExit: pass\n"
        "assert 'pandas' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


# ---- fit and predict ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "other", "model", "estimator"),
    [
        ("price", "class", "linear", "LinearRegression"),
        ("price", "class", "mlp", "MLPRegressor"),
        ("class", "price", "logistic", "LogisticRegression"),
        ("class", "price", "mlp", "MLPClassifier"),
    ],
)
def test_fit_and_predict(
    run: Any, data: Path, target: str, other: str, model: str, estimator: str
) -> None:
    fit = run("fit", data, "--target", target, "--drop", other, "--drop", "id", "--model", model)
    assert fit.code == 0
    assert fit.facts["model"] == estimator
    assert fit.facts["features"] == "4 columns, 7 inputs"
    assert fit.facts["stopped"] != "unknown"
    assert int(fit.facts["epochs"].split()[0]) > 0
    names = ("test R2", "test RMSE") if target == "price" else ("test accuracy", "test log loss")
    better, worse = (fit.score(name) for name in names)
    assert better[0] > better[1] + 0.2
    assert worse[0] < worse[1]

    result = run("predict", "model.safetensors", data)
    assert result.code == 0
    assert list(result.table.columns) == ["prediction"]
    truth = houses()[target]
    if target == "price":
        assert np.corrcoef(result.table["prediction"], truth)[0, 1] > 0.9
    else:
        assert (result.table["prediction"] == truth).mean() > 0.7


def test_reported_score_is_that_of_the_predictions(run: Any, data: Path) -> None:
    fit = run("fit", data, "--target", "price", "--model", "linear", "--drop", "class")
    prediction = run("predict", "model.safetensors", data).table["prediction"].to_numpy()
    y = houses()["price"].to_numpy()
    _, test = preprocessing.split_rows(preprocessing.Target(y, None), 0.2, np.random.default_rng(0))
    assert fit.facts["rows"] == f"{N}: {N - len(test)} training, {len(test)} test"
    rmse = np.sqrt(np.mean((prediction[test] - y[test]) ** 2))
    np.testing.assert_allclose(fit.score("test RMSE")[0], rmse, rtol=1e-5)
    np.testing.assert_allclose(fit.score("test R2")[0], 1 - rmse**2 / np.var(y[test]), rtol=1e-5)


def test_polynomial(run: Any, tmp_path: Path) -> None:
    path = curve(tmp_path / "curve.csv")
    fit = run("fit", path, "--target", "y", "--model", "polynomial", "--degree", "3")
    assert fit.code == 0
    assert fit.score("test R2")[0] > 0.999
    prediction = run("predict", "model.safetensors", path).table["prediction"]
    np.testing.assert_allclose(prediction, pd.read_csv(path)["y"], atol=0.1)
    estimator = load_pipeline("model.safetensors").estimator
    assert estimator.degree == 3
    assert (
        run("fit", path, "--target", "y", "--model", "polynomial", "--degree", "1").score(
            "test R2"
        )[0]
        < 0.99
    )


def test_polynomial_of_several_columns(run: Any, tmp_path: Path) -> None:
    a, b = np.random.default_rng(0).uniform(-2.0, 5.0, (2, 200))
    path = tmp_path / "surface.csv"
    pd.DataFrame({"a": a, "b": b, "y": 1.0 - a * b + 0.5 * b**2}).to_csv(path, index=False)
    fit = run("fit", path, "--target", "y", "--model", "polynomial", "--degree", "2")
    assert fit.code == 0
    assert fit.score("test R2")[0] > 0.999999
    prediction = run("predict", "model.safetensors", path).table["prediction"]
    np.testing.assert_allclose(prediction, pd.read_csv(path)["y"], atol=1e-3)


def test_options_reach_the_estimator(run: Any, data: Path) -> None:
    fit = run(
        "fit", data, "--target", "price", "--model", "mlp", "--hidden", "7, 5", "--epochs", "3",
        "--learning-rate", "0.02", "--seed", "11", "--output", "small.safetensors",
    )  # fmt: skip
    assert fit.code == 0
    estimator = load_pipeline("small.safetensors").estimator
    assert [weights.shape[1] for weights in estimator.coefs_] == [7, 5, 1]
    assert estimator.learning_rate_init == 0.02
    assert estimator.random_state == 11
    assert estimator.n_iter_ <= 3
    assert fit.facts["epochs"] == "3 of at most 3"
    assert fit.facts["saved"] == "small.safetensors"


@pytest.mark.parametrize("target", ["price", "class"])
def test_auto_takes_the_best(run: Any, data: Path, target: str) -> None:
    other = {"price": "class", "class": "price"}[target]
    fit = run("fit", data, "--target", target, "--drop", other, "--epochs", "60")
    assert fit.code == 0
    note = next(line for line in fit.err.splitlines() if "auto chose" in line)
    best = note.split("auto chose ")[1].split()[0]
    losses = dict(pair.split() for pair in note.rsplit(": ", 1)[1].split(", "))
    assert best == min(losses, key=lambda model: float(losses[model]))
    assert set(losses) == {"mlp", "linear" if target == "price" else "logistic"}


def test_auto_tries_a_polynomial_on_one_number(run: Any, tmp_path: Path) -> None:
    fit = run("fit", curve(tmp_path / "curve.csv"), "--target", "y", "--epochs", "50")
    assert "polynomial" in fit.err


def test_same_seed_same_predictions(run: Any, data: Path) -> None:
    arguments = ("fit", data, "--target", "price", "--model", "mlp", "--epochs", "4", "--seed")
    outputs = []
    for seed in (1, 1, 2):
        assert run(*arguments, seed).code == 0
        outputs.append(run("predict", "model.safetensors", data).out)
    assert outputs[0] == outputs[1] != outputs[2]


def test_parquet_gives_what_csv_gives(run: Any, data: Path) -> None:
    pytest.importorskip("pyarrow")
    parquet = data.with_suffix(".parquet")
    houses().to_parquet(parquet)
    outputs = []
    for path in (data, parquet):
        assert run("fit", path, "--target", "price", "--model", "linear").code == 0
        outputs.append(run("predict", "model.safetensors", path).table["prediction"])
    # Before version 3.1 pandas may round the last bit of a number in a CSV file wrongly.
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-9)


def test_tsv_and_compressed(run: Any, data: Path) -> None:
    for name, separator in (("t.tsv", "\t"), ("t.csv.gz", ","), ("T.CSV", ",")):
        houses().to_csv(data.with_name(name), index=False, sep=separator)
        fit = run("fit", name, "--target", "price", "--model", "linear", "--epochs", "2")
        assert fit.code == 0, fit.err


def test_training_on_all_rows(run: Any, data: Path) -> None:
    fit = run("fit", data, "--target", "price", "--model", "linear", "--test-fraction", "0")
    assert fit.facts["rows"] == f"{N}: {N} training, 0 test"
    assert "training R2" in fit.facts
    assert "test R2" not in fit.facts


def test_quiet_prints_nothing(run: Any, data: Path) -> None:
    fit = run("fit", data, "--target", "price", "--model", "mlp", "--epochs", "2", "--quiet")
    assert fit == (0, "", "")
    assert Path("model.safetensors").is_file()


def test_progress_on_a_terminal(run: Any, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("fit", data, "--target", "price", "--model", "mlp", "--epochs", "3")
    assert "MLPRegressor" not in run(*arguments).err
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert "MLPRegressor" in run(*arguments).err
    assert run(*arguments, "--quiet").err == ""


def test_warnings_become_notes(run: Any, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import warnings

    fit = steepest.LinearRegression.fit

    def warn(self: Any, *arguments: Any) -> Any:
        warnings.warn("mind the gap", UserWarning, stacklevel=2)
        warnings.warn("old", DeprecationWarning, stacklevel=2)
        return fit(self, *arguments)

    monkeypatch.setattr(steepest.LinearRegression, "fit", warn)
    result = run("fit", data, "--target", "price", "--model", "linear")
    assert "note: mind the gap\n" in result.err
    assert "old" not in result.err


# ---- cleaning ----------------------------------------------------------------------------------


def test_missing_values(run: Any, data: Path) -> None:
    frame = houses()
    frame.loc[[0, 5, 7], "price"] = np.nan
    frame.loc[[1, 2], "area"] = np.nan
    frame.loc[[3, 4], "city"] = None
    frame["garden"] = frame["garden"].astype(object)
    frame.loc[[6], "garden"] = None
    frame.to_csv(data, index=False)
    fit = run("fit", data, "--target", "price", "--model", "linear", "--drop", "class")
    assert fit.code == 0
    assert f"note: 3 of {N} rows have no 'price': dropped" in fit.err
    prediction = run("predict", "model.safetensors", data).table["prediction"]
    assert len(prediction) == N
    assert np.isfinite(prediction).all()


def test_columns_that_say_nothing_are_reported(run: Any, data: Path) -> None:
    pytest.importorskip("pyarrow")
    frame = houses()
    frame["one"] = 1.0
    frame["same"] = "x"
    frame["none"] = np.nan
    frame["day"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(N), unit="D")
    frame["name"] = [f"house {i}" for i in range(N)]
    frame["almost"] = frame["area"].astype(str)
    frame.loc[17, "almost"] = "12,5"
    frame.to_parquet(data.with_suffix(".parquet"))
    fit = run(
        "fit", data.with_suffix(".parquet"), "--target", "price", "--model", "linear",
        "--epochs", "2", "--test-fraction", "0",
    )  # fmt: skip
    assert fit.code == 0
    assert "column 'one' is left out: it is constant" in fit.err
    assert "column 'same' is left out: it is constant" in fit.err
    assert "column 'none' is left out: it is empty" in fit.err
    assert "column 'day' is left out: its type datetime64" in fit.err
    assert f"column 'name' has {N} different texts in {N} training rows, the 100 most" in fit.err
    assert "most are numbers, but data row 18 has '12,5'" in fit.err
    assert "'id'" not in fit.err


def test_whole_numbers_may_be_classes(run: Any, data: Path) -> None:
    arguments = ("fit", data, "--target", "rooms", "--drop", "id", "--epochs", "2")
    fit = run(*arguments, "--model", "mlp")
    assert "use --task classification" in fit.err
    assert fit.facts["target"] == "rooms (regression)"
    fit = run(*arguments, "--model", "mlp", "--task", "classification")
    assert "use --task" not in fit.err
    assert fit.facts["target"] == "rooms (classification, 6 classes)"
    prediction = run("predict", "model.safetensors", data).table["prediction"]
    assert set(prediction) <= set(range(1, 7))
    assert run(*arguments, "--model", "logistic").facts["model"] == "LogisticRegression"


def test_true_and_false_are_classes(run: Any, data: Path) -> None:
    fit = run("fit", data, "--target", "garden", "--model", "logistic", "--drop", "class")
    assert fit.facts["target"] == "garden (classification, 2 classes)"
    table = run("predict", "model.safetensors", data, "--probabilities").table
    assert list(table.columns) == ["prediction", "probability_False", "probability_True"]


def test_column_kinds() -> None:
    from decimal import Decimal

    kinds = {
        "numeric": [
            pd.Series([1, 2]),
            pd.Series([1.5, None]),
            pd.Series([1, None], dtype="Int64"),
            pd.Series([Decimal(1), None], dtype=object),
            pd.Series([1, 2.5], dtype=object),
        ],
        "categorical": [
            pd.Series(["a", None]),
            pd.Series(["a", None], dtype=object),
            pd.Series(["a", None], dtype="string"),
            pd.Series([True, False]),
            pd.Series([True, None], dtype="boolean"),
            pd.Series([True, None], dtype=object),
            pd.Series([1, 2], dtype="category"),
            pd.Series([None, None], dtype=object),
            pd.Series(["a", 1], dtype=object),
        ],
        "unsupported": [
            pd.Series(pd.to_datetime(["2020-01-01"])),
            pd.Series([pd.Timedelta(1)]),
            pd.Series([1j]),
            pd.Series([[1], [2]]),
            pd.Series([{}, {}]),
        ],
    }
    for kind, columns in kinds.items():
        for column in columns:
            assert tables.column_kind(column) == kind, column


def test_inputs() -> None:
    frame = pd.DataFrame(
        {
            "x": [1.0, np.nan, 3.0, 8.0],
            "c": ["b", "a", None, "b"],
            "n": pd.Series([1, None, 2, 2], dtype="Int64"),
            "t": [True, False, True, True],
        }
    )
    columns = preprocessing.learn_columns(frame, "t.csv").columns
    recipe = preprocessing.Preprocessing("y", tuple(columns))
    X = recipe.inputs(frame, "t.csv")
    x = np.array([1.0, 3.0, 3.0, 8.0])  # the median of 1, 3 and 8 is 3
    np.testing.assert_allclose(X[:, 0], (x - x.mean()) / x.std(), rtol=1e-14)
    np.testing.assert_array_equal(X[:, 1:3], [[0, 1], [1, 0], [0, 0], [0, 1]])
    np.testing.assert_allclose(X[:, 3], (np.array([1, 2, 2, 2]) - 1.75) / np.sqrt(0.1875))
    np.testing.assert_array_equal(X[:, 4:], [[0, 1], [1, 0], [0, 1], [0, 1]])

    other = pd.DataFrame({"t": ["True", "maybe"], "n": ["1", None], "c": ["z", "a"], "x": [1, 2]})
    X = recipe.inputs(other, "t.csv")
    np.testing.assert_array_equal(X[:, 1:3], [[0, 0], [1, 0]])
    np.testing.assert_array_equal(X[:, 4:], [[0, 1], [0, 0]])
    assert preprocessing.Preprocessing.from_json(recipe.to_json()) == recipe
    assert recipe.inputs(other.iloc[:0], "t.csv").shape == (0, 6)


def test_categories_of_whole_numbers_survive_missing_cells() -> None:
    column = preprocessing.CategoricalColumn("c", ("1", "2"))
    out = np.empty((3, 2))
    column.fill(out, pd.Series([1.0, np.nan, 2.0]), "t.csv")
    np.testing.assert_array_equal(out, [[1, 0], [0, 0], [0, 1]])


def test_rare_categories_share_all_zeros() -> None:
    values = ["often"] * 5 + [f"{i:03d}" for i in range(200)]
    learned = preprocessing.learn_columns(pd.DataFrame({"c": values}), "t.csv")
    (column,) = learned.columns
    assert column.width == preprocessing.MAX_CATEGORIES
    assert "often" in column.categories
    assert "205 training rows" in learned.notes[0]


@pytest.mark.parametrize("factor", [1e-300, 1.0, 1e300])
def test_mean_and_scale_at_any_magnitude(factor: float) -> None:
    values = np.array([1.0, 2.0, 3.0, 6.0])
    mean, scale = preprocessing.mean_and_scale(values * factor)
    np.testing.assert_allclose([mean, scale], np.array([3.0, values.std()]) * factor, rtol=1e-14)
    assert preprocessing.mean_and_scale(np.full(3, 0.1 * factor)) == (0.1 * factor, 0.0)


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.5, 0.99])
def test_split_keeps_every_class_on_both_sides(fraction: float) -> None:
    codes = np.repeat([0, 1, 2], [2, 30, 7])
    np.random.default_rng(0).shuffle(codes)
    target = preprocessing.Target(codes, ["a", "b", "c"])
    training, test = preprocessing.split_rows(target, fraction, np.random.default_rng(3))
    assert sorted([*training, *test]) == list(range(len(codes)))
    assert set(codes[training]) == set(codes[test]) == {0, 1, 2}
    again = preprocessing.split_rows(target, fraction, np.random.default_rng(3))
    np.testing.assert_array_equal(test, again[1])


def test_scores() -> None:
    y = np.array([1.0, 2.0, 4.0])
    assert models.regression_scores(y, y) == {"R2": 1.0, "RMSE": 0.0}
    assert np.isnan(models.regression_scores(y, np.ones(3))["R2"])
    p = np.array([[0.25, 0.75], [1.0, 0.0]])
    np.testing.assert_allclose(models.log_loss(p, np.array([1, 0])), -np.log(0.75) / 2)
    assert np.isfinite(models.log_loss(p, np.array([1, 1])))


# ---- predict -----------------------------------------------------------------------------------


@pytest.fixture
def model(run: Any, data: Path) -> Path:
    arguments = ("--model", "logistic", "--drop", "price", "--drop", "id", "--quiet")
    assert run("fit", data, "--target", "class", *arguments).code == 0
    return Path("model.safetensors")


def test_rows_keep_their_order_and_other_columns_are_ignored(
    run: Any, data: Path, model: Path
) -> None:
    expected = run("predict", model, data, "--probabilities").table
    order = np.random.default_rng(0).permutation(N)
    frame = houses().iloc[order]
    frame = frame[["garden", "city", "area", "rooms"]].assign(more=1)
    frame.to_csv("other.csv", index=False)
    result = run("predict", model, "other.csv", "--probabilities").table
    pd.testing.assert_frame_equal(result, expected.iloc[order].reset_index(drop=True))


def test_probabilities(run: Any, data: Path, model: Path) -> None:
    table = run("predict", model, data, "--probabilities").table
    shares = table[["probability_cheap", "probability_dear", "probability_fair"]]
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    names = np.array(["cheap", "dear", "fair"])
    np.testing.assert_array_equal(names[shares.to_numpy().argmax(axis=1)], table["prediction"])


def test_output_file_is_what_stdout_gets(run: Any, data: Path, model: Path) -> None:
    out = run("predict", model, data).out
    result = run("predict", model, data, "--output", "predictions.csv")
    assert result == (0, "", "")
    assert Path("predictions.csv").read_text() == out


@pytest.mark.skipif(os.name != "posix", reason="POSIX pipes")
def test_a_reader_that_leaves(run: Any, data: Path, model: Path) -> None:
    pd.concat([houses()] * 300).to_csv(data, index=False)
    command = [sys.executable, "-m", "steepest", "predict", str(model), str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"prediction\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_no_rows_no_predictions(run: Any, data: Path, model: Path) -> None:
    houses().iloc[:0].to_csv("none.csv", index=False)
    result = run("predict", model, "none.csv", "--probabilities")
    header = "prediction,probability_cheap,probability_dear,probability_fair\n"
    assert result == (0, header, "")


def test_missing_columns_are_named(run: Any, data: Path, model: Path) -> None:
    houses().drop(columns=["area", "city"]).to_csv("part.csv", index=False)
    result = run("predict", model, "part.csv")
    assert result.code == 2
    assert "part.csv has no column 'area', 'city'" in result.err
    assert result.out == ""


def test_text_in_a_column_of_numbers(run: Any, data: Path, model: Path) -> None:
    frame = houses().astype({"area": object})
    frame.loc[9, "area"] = "large"
    frame.to_csv("text.csv", index=False)
    result = run("predict", model, "text.csv")
    assert result.code == 2
    assert "text.csv: column 'area', data row 10: 'large' is not a number" in result.err


def test_predict_faults(run: Any, data: Path, model: Path) -> None:
    faults = [
        (("none.safetensors", data), "none.safetensors does not exist"),
        ((data, data), "not a valid safetensors file"),
        ((model, "none.csv"), "none.csv does not exist"),
        ((model, data, "--output", data), "it would replace the input"),
        ((model, data, "--output", model), "it would replace the input"),
        ((model, data, "--output", "none/p.csv"), "there is no folder none"),
        ((model, data, "--output", "."), "not a regular file"),
    ]
    save_arrays("arrays.safetensors", {"a": np.zeros(2)})
    faults.append((("arrays.safetensors", data), "not by `steepest fit`"))
    Path("cut.safetensors").write_bytes(model.read_bytes()[:-1])
    faults.append((("cut.safetensors", data), "cut.safetensors is not a valid safetensors file"))
    for arguments, message in faults:
        result = run("predict", *arguments)
        assert (result.code, result.out) == (2, "")
        assert message in result.err


def test_probabilities_need_classes(run: Any, data: Path) -> None:
    run("fit", data, "--target", "price", "--model", "linear", "--epochs", "2")
    result = run("predict", "model.safetensors", data, "--probabilities")
    assert result.code == 2
    assert "regression model, without classes" in result.err


# ---- faults ------------------------------------------------------------------------------------

FIT_FAULTS = [
    ("none.csv --target y", "none.csv does not exist"),
    (". --target y", "unknown extension"),
    ("t.xlsx --target y", "t.xlsx has an unknown extension; tables are read from .csv"),
    ("t.csv --target prize", "--target: there is no column 'prize'; did you mean 'price'?"),
    ("t.csv --target zzz", "there are 'id', 'area'"),
    ("t.csv --target price --drop aera", "--drop: there is no column 'aera'; did you mean 'area'"),
    ("t.csv --target one", "--target one: it is constant, 1 in every row"),
    ("t.csv --target same", "--target same: it is constant, 'x' in every row"),
    ("t.csv --target none", "no row has a value in the target column 'none'"),
    ("t.csv --target name", "every class needs at least 2 rows; 240 of 240 have one"),
    ("t.csv --target lone", "1 of 3 have one: 'b'"),
    ("t.csv --target infinite", "column 'infinite', data row 4: 'inf' is not finite"),
    ("t.csv --target price", "column 'infinite', data row 4: 'inf' is not finite"),
    ("t.csv --target class --task regression", "'class', data row 1: "),
    ("t.csv --target class --model linear", "is not a number"),
    ("t.csv --target price --model logistic --task regression", "logistic does not do regression"),
    ("t.csv --target price --model linear --task classification", "logistic and mlp do"),
    ("t.csv --target price --model polynomial --drop infinite", "features that are all numeric"),
    ("t.csv --target price --degree 2 --model mlp", "--degree belongs to --model polynomial"),
    ("t.csv --target price --hidden 5 --model linear", "--hidden belongs to --model mlp"),
    ("t.csv --target price --hidden 5,x", "--hidden must be whole numbers"),
    ("t.csv --target price --hidden 5,0", "--hidden must be whole numbers"),
    ("t.csv --target price --learning-rate 0", "--learning-rate must be a positive number"),
    ("t.csv --target price --learning-rate nan", "--learning-rate must be a positive number"),
    ("t.csv --target price --test-fraction 1", "--test-fraction must be at least 0 and below 1"),
    ("t.csv --target price --test-fraction -0.1", "--test-fraction must be at least 0"),
    ("t.csv --target price --output none/m", "there is no folder none"),
    ("t.csv --target price --output t.csv", "it would replace the input"),
    ("few.csv --target y", "leaves fewer than 2 of 2 rows to train on"),
    ("alone.csv --target y", "no column is left to learn from"),
    ("flat.csv --target y", "column 'x' is left out: it is constant"),
    ("empty.csv --target y", "empty.csv can't be read: No columns to parse"),
    ("ragged.csv --target y", "ragged.csv can't be read:"),
    ("longer.csv --target y", "longer.csv can't be read: Length of header"),
    ("latin.csv --target y", "latin.csv can't be read:"),
    ("semicolons.csv --target y", "the file is not separated by commas"),
    ("broken.parquet --target y", "broken.parquet can't be read:"),
]


@pytest.fixture
def faulty(run: Any, tmp_path: Path) -> Any:
    frame = houses()
    frame["one"] = 1
    frame["same"] = "x"
    frame["none"] = np.nan
    frame["name"] = [f"house {i}" for i in range(N)]
    frame["lone"] = ["a", "c"] * (N // 2 - 1) + ["b", "a"]
    frame["infinite"] = 1.0 * np.arange(N)
    frame.loc[3, "infinite"] = np.inf
    frame.to_csv(tmp_path / "t.csv", index=False)
    contents = {
        "t.xlsx": b"",
        "few.csv": b"x,y\n1,2\n2,3\n",
        "alone.csv": b"y\n1\n2\n3\n",
        "flat.csv": b"x,y\n1,1\n1,2\n1,3\n",
        "empty.csv": b"",
        "ragged.csv": b"x,y\n1,2\n1,2,3\n1,2,3,4\n",
        "longer.csv": b"x,y\n1,2,\n3,4,5\n",
        "latin.csv": "x,y\n\xfc,1\nb,2\n".encode("latin-1"),
        "semicolons.csv": b"x;y\n1;2\n3;4\n",
        "broken.parquet": b"PAR1 but not really",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return run


@pytest.mark.parametrize(("arguments", "message"), FIT_FAULTS)
def test_fit_faults(faulty: Any, arguments: str, message: str) -> None:
    if "parquet" in arguments:
        pytest.importorskip("pyarrow")
    before = set(Path().iterdir())
    result = faulty("fit", *arguments.split())
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert result.err.startswith("error: ")
    assert "Traceback" not in result.err
    assert set(Path().iterdir()) == before


@pytest.mark.parametrize(
    "options",
    ["--model tree", "--task ranking", "--degree -1", "--degree x", "--epochs 0", "--seed -1",
     "--test-fraction x", "--learning-rate x", "--none 1"],
)  # fmt: skip
def test_bad_options(run: Any, data: Path, options: str) -> None:
    result = run("fit", data, "--target", "price", *options.split())
    assert (result.code, result.out) == (2, "")
    assert options.split()[0] in result.err
    assert "Traceback" not in result.err
    assert not Path("model.safetensors").exists()


def test_target_is_required(run: Any, data: Path) -> None:
    result = run("fit", data)
    assert result.code == 2
    assert "--target" in result.err


def test_polynomial_names_the_columns(run: Any, data: Path) -> None:
    result = run("fit", data, "--target", "price", "--model", "polynomial")
    assert "3 numeric ('id', 'area', 'rooms') and 3 of categories" in result.err
    assert "--drop leaves columns out" in result.err


def test_an_estimators_refusal_is_a_fault(
    run: Any, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Any, *_: Any) -> None:
        raise ValueError("tol must be positive")

    monkeypatch.setattr(steepest.LinearRegression, "fit", refuse)
    result = run("fit", data, "--target", "price", "--model", "linear")
    assert result.code == 2
    assert result.err.endswith("error: LinearRegression: tol must be positive\n")


def test_full_disk(run: Any, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    before = set(Path().iterdir())
    result = run("fit", data, "--target", "price", "--model", "linear", "--epochs", "2")
    assert result.code == 2
    assert "No space left on device" in result.err
    assert set(Path().iterdir()) == before


# ---- Ctrl-C ------------------------------------------------------------------------------------


def interrupt_after(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send SIGINT to this process after n epochs, from within a callback."""
    call = models.Watcher.__call__
    epochs = 0

    def interrupting(self: models.Watcher, record: Any) -> bool:
        nonlocal epochs
        epochs += 1
        if epochs == n:
            os.kill(os.getpid(), signal.SIGINT)
        return call(self, record)

    monkeypatch.setattr(models.Watcher, "__call__", interrupting)


@pytest.mark.parametrize("name", ["mlp", "linear", "auto"])
def test_interrupted_training_is_saved(
    run: Any, data: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    interrupt_after(3, monkeypatch)
    handler = signal.getsignal(signal.SIGINT)
    result = run("fit", data, "--target", "price", "--model", name, "--epochs", "50")
    assert result.code == 130
    assert "interrupted: the model trained so far is in model.safetensors" in result.err
    assert result.facts["stopped"] == "interrupted"
    # A full-batch model is recorded at its start too: its third record comes after two epochs.
    done = 3 if name == "mlp" else 2
    assert result.facts["epochs"] == f"{done} of at most 50"
    assert signal.getsignal(signal.SIGINT) == handler
    prediction = run("predict", "model.safetensors", data).table["prediction"]
    assert np.isfinite(prediction).all()


def test_interrupted_quietly(run: Any, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_after(2, monkeypatch)
    result = run("fit", data, "--target", "price", "--model", "mlp", "--quiet")
    message = "interrupted: the model trained so far is in model.safetensors\n"
    assert result == (130, "", message)


def test_interrupted_before_there_is_a_model(
    run: Any, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Any, *_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(steepest.MLPRegressor, "fit", interrupted)
    result = run("fit", data, "--target", "price", "--model", "mlp")
    assert result.code == 130
    assert "nothing saved" in result.err
    assert not Path("model.safetensors").exists()


def test_second_interrupt_is_immediate() -> None:
    watcher = models.Watcher(quiet=True)
    with watcher:
        signal.raise_signal(signal.SIGINT)
        assert watcher({"epoch": 1, "loss": 1.0, "validation_loss": None})
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_interrupt_while_reading(run: Any, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pd, "read_csv", interrupted)
    result = run("fit", data, "--target", "price")
    assert (result.code, result.out) == (130, "")
    assert "interrupted" in result.err
