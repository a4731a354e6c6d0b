"""Model files: the format, its faults, atomic writing, and estimators' way through it."""

from __future__ import annotations

import errno
import json
import os
import stat
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest
from steepest import _model_file
from steepest._model_file import (
    Pipeline,
    load_arrays,
    load_pipeline,
    save_arrays,
    save_pipeline,
    write_atomically,
)

ARRAYS = {
    "matrix": np.arange(12, dtype=np.float32).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(20.0)[::-3],
    "scalar": np.array(2.5),
    "empty": np.empty((0, 5)),
    "bytes": np.array([0, 255], dtype=np.uint8),
    "whole": np.array([-(2**63), 2**63 - 1]),
    "short": np.array([-1, 1], dtype=np.int16),
    "half": np.array([0.1, 65504], dtype=np.float16),
    "unsigned": np.array([2**32 - 1], dtype=np.uint32),
    "truth": np.array([[True], [False]]),
    "swapped": np.array([1.5, -2.0], dtype=">f8"),
    "special": np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324]),
    'name with "quotes", ümlaut and .dots': np.array([1], dtype=np.int32),
}


def assert_same_arrays(got: dict[str, Any], expected: dict[str, Any]) -> None:
    assert set(got) == set(expected)
    for name, array in expected.items():
        assert got[name].dtype == array.dtype.newbyteorder("=")
        assert got[name].shape == array.shape
        np.testing.assert_array_equal(got[name], array)


# ---- arrays ------------------------------------------------------------------------------------


def test_arrays_come_back(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.safetensors", ARRAYS, {"who": "ü", "what": ""})
    arrays, metadata = load_arrays(tmp_path / "a.safetensors")
    assert_same_arrays(arrays, ARRAYS)
    assert metadata == {"who": "ü", "what": ""}
    assert np.signbit(arrays["special"][3])
    assert all(array.flags.writeable and array.flags.owndata for array in arrays.values())


def test_nothing_is_a_file_too(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a", {})
    assert load_arrays(tmp_path / "a") == ({}, {})


def test_layout_is_that_of_the_format(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a", {"b": np.array([1], np.uint8), "a": np.array([1.0, 2.0])})
    data = (tmp_path / "a").read_bytes()
    length = int.from_bytes(data[:8], "little")
    assert length % 8 == 0
    assert json.loads(data[8 : 8 + length]) == {
        "a": {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]},
        "b": {"dtype": "U8", "shape": [1], "data_offsets": [16, 17]},
    }
    assert data[8 + length :] == np.array([1.0, 2.0], "<f8").tobytes() + b"\x01"


def test_safetensors_reads_ours(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors")
    from safetensors.numpy import load_file

    save_arrays(tmp_path / "a", ARRAYS, {"key": "value"})
    assert_same_arrays(load_file(tmp_path / "a"), ARRAYS)
    with safetensors.safe_open(tmp_path / "a", framework="numpy") as file:
        assert file.metadata() == {"key": "value"}


def test_ours_reads_safetensors(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    from safetensors.numpy import save_file

    arrays = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in ARRAYS.items()}
    arrays["swapped"] = arrays["swapped"].astype(np.float64)
    save_file(arrays, tmp_path / "a", metadata={"key": "value"})
    got, metadata = load_arrays(tmp_path / "a")
    assert_same_arrays(got, arrays)
    assert metadata == {"key": "value"}


@pytest.mark.parametrize(
    "array", [np.array(["a"]), np.array([1j]), np.array([None]), np.array(["2020"], "M8[D]")]
)
def test_other_dtypes_are_refused(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"array 'x' has dtype .*; stored are BOOL"):
        save_arrays(tmp_path / "a", {"x": array})
    assert not list(tmp_path.iterdir())


def test_names_and_metadata_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="__metadata__"):
        save_arrays(tmp_path / "a", {"__metadata__": np.zeros(1)})
    with pytest.raises(ValueError, match="metadata must map str to str"):
        save_arrays(tmp_path / "a", {}, {"a": 1})  # type: ignore[dict-item]


def file_of(header: bytes | dict[str, Any], data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: Any = "U8", shape: Any = (4,), offsets: Any = (0, 4)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


FAULTS = {
    "empty": (b"", "fewer than the 8"),
    "short": (b"1234567", "fewer than the 8"),
    "truncated header": (b"\x10" + bytes(7) + b"{}", "truncated"),
    "huge header": (b"\xff" * 8 + b"{}", "more than the 100000000"),
    "over the cap": ((100_000_001).to_bytes(8, "little") + b"{}", "more than the 100000000"),
    "no object": (file_of(b"[]"), "does not start with"),
    "blank first": (file_of(b" {}"), "does not start with"),
    "no JSON": (file_of(b"{a}"), "not valid JSON"),
    "no UTF-8": (file_of(b'{"\xff": 1}'), "utf-8"),
    "NaN": (file_of(b'{"a": NaN}'), "NaN is not JSON"),
    "name twice": (file_of(b'{"a": 1, "a": 2}'), "twice"),
    "nested": (file_of(b'{"a":' + b"[" * 200_000), "nested too deeply"),
    "metadata list": (file_of({"__metadata__": []}), "__metadata__"),
    "metadata number": (file_of({"__metadata__": {"a": 1}}), "__metadata__"),
    "entry list": (file_of({"a": []}), "needs exactly"),
    "entry part": (file_of({"a": {"dtype": "U8", "shape": [0]}}), "needs exactly"),
    "dtype": (file_of({"a": entry("C64")}, bytes(4)), "has dtype 'C64'; known are"),
    "dtype list": (file_of({"a": entry([])}, bytes(4)), "has dtype"),
    "negative shape": (file_of({"a": entry(shape=[-4])}, bytes(4)), "shape"),
    "bool shape": (file_of({"a": entry(shape=[True])}, bytes(4)), "shape"),
    "float shape": (file_of({"a": entry(shape=[4.0])}, bytes(4)), "shape"),
    "rank": (file_of({"a": entry(shape=[1] * 33, offsets=[0, 1])}, bytes(1)), "shape"),
    "overflow": (file_of({"a": entry(shape=[0, 2**62, 2**62], offsets=[0, 0])}), "shape"),
    "product": (file_of({"a": entry(shape=[2**62, 2**62])}, bytes(4)), "bytes, not 4"),
    "extent": (file_of({"a": entry("F32", [2])}, bytes(4)), r"F32 of \[2\] is 8 bytes, not 4"),
    "one offset": (file_of({"a": entry(offsets=[0])}, bytes(4)), "data_offsets"),
    "backwards": (file_of({"a": entry(offsets=[4, 0])}, bytes(4)), "data_offsets"),
    "beyond": (file_of({"a": entry()}, bytes(3)), "ends at byte 4, the data at 3"),
    "rest": (file_of({"a": entry()}, bytes(5)), "its data at 5"),
    "overlap": (
        file_of({"a": entry(), "b": entry(offsets=[2, 6])}, bytes(6)),
        "'b' at byte 2 overlaps",
    ),
    "twice the same": (file_of({"a": entry(), "b": entry()}, bytes(4)), "overlaps"),
    "gap": (file_of({"a": entry(), "b": entry(offsets=[5, 9])}, bytes(9)), "gap"),
    "gap at front": (file_of({"a": entry(offsets=[1, 5])}, bytes(5)), "gap"),
    "bool": (file_of({"a": entry("BOOL", [2], [0, 2])}, b"\x00\x02"), "other than 0 and 1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(tmp_path: Path, fault: str) -> None:
    content, message = FAULTS[fault]
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_arrays(path)
    assert str(path) in str(caught.value)


def test_zero_size_arrays_share_an_offset(tmp_path: Path) -> None:
    header = {"a": entry(), "b": entry(shape=[0], offsets=[4, 4]), "c": entry(offsets=[4, 8])}
    (tmp_path / "a").write_bytes(file_of(header, bytes(8)))
    assert {name: len(a) for name, a in load_arrays(tmp_path / "a")[0].items()} == {
        "a": 4,
        "b": 0,
        "c": 4,
    }


def test_missing_file_stays_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_arrays(tmp_path / "none")


# ---- atomic writing ----------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    path = tmp_path / "a"
    write_atomically(path, [b"old"])

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, [b"new"])
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomically(path, [b"old"])

    def chunks() -> Any:
        yield b"ne"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, chunks())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "none" / "a", [b""])


@pytest.mark.skipif(os.name != "posix", reason="POSIX files")
def test_only_regular_files_are_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError, match="not a regular file"):
            write_atomically(path, [b""])
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.skipif(os.name != "posix", reason="POSIX files")
def test_links_and_modes_are_kept(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "link", [b"a", b"b"])
    finally:
        os.umask(before)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"ab"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


# ---- values ------------------------------------------------------------------------------------


def test_values_come_back() -> None:
    value = {
        "none": None,
        "truth": [True, np.bool_(False)],
        "whole": (1, -(10**30), np.int32(7)),
        "float": [0.1, -0.0, 5e-324, np.float64(1e308)],
        "special": {"a": float("inf"), "b": float("-inf")},
        "single": np.float32(0.1),
        "text": "ü\n",
        "nested": [[np.arange(3)], (np.zeros((2, 2), np.float32), [])],
        "names": np.array(["a", "longer"]),
        "objects": np.array(["a", "longer"], dtype=object),
        "a.b": np.zeros(1),
        "a": {"b": np.ones(2)},
    }
    arrays: dict[str, Any] = {}
    text = json.dumps(_model_file._encode(value, "value", arrays), allow_nan=False)
    got = _model_file._decode(json.loads(text), arrays)
    np.testing.assert_equal(got, value)
    assert isinstance(got["whole"], tuple)
    assert isinstance(got["nested"][1], tuple)
    assert all(type(v) is float for v in got["float"])
    assert got["objects"].dtype == object
    assert len(got["a.b"]) == 1
    assert len(got["a"]["b"]) == 2
    assert np.isnan(_model_file._decode(_model_file._encode(np.nan, "", {}), {}))


@pytest.mark.parametrize("value", [object(), 1j, {(1, 2): 3}, {1}, print, np.array([1j]), b"bytes"])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(TypeError):
        _model_file._encode([value], "value", {})


@pytest.mark.parametrize(
    "value",
    [[1], {}, {"a": 1, "b": 2}, {"python": "os.system"}, {"array": "none"}, {"array": []},
     {"float": "1.5"}, {"list": {}}, {"dict": []}, {"strings": [1]}, {"tuple": [{}]}],
)  # fmt: skip
def test_unknown_descriptions_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="can't read"):
        _model_file._decode(value, {"a": np.zeros(1)})


# ---- estimators --------------------------------------------------------------------------------


def small_data(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(5)
    X = generator.normal(size=(n, 3))
    return X, X @ [1.0, -2.0, 0.5] + 0.1 * generator.normal(size=n)


def fitted(model: str) -> tuple[Any, np.ndarray]:
    X, y = small_data()
    if model == "PolynomialRegression":
        return steepest.PolynomialRegression(degree=4).fit(X[:, :1], y), X[:, :1]
    if model == "LinearRegression":
        return steepest.LinearRegression().fit(X, y), X
    if model == "LogisticRegression":
        return steepest.LogisticRegression().fit(X, np.digitize(y, [-1.0, 1.0])), X
    if model == "MLPRegressor":
        network = steepest.MLPRegressor(
            hidden_layer_sizes=(8, 4), max_iter=5, random_state=0, tol=0.0
        )
        return fit_quietly(network, X, y), X
    network = steepest.MLPClassifier((8,), max_iter=5, random_state=0, tol=0.0)
    return fit_quietly(network, X, np.digitize(y, [-1.0, 1.0])), X


def fit_quietly(estimator: Any, X: np.ndarray, y: np.ndarray) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # five epochs are too few to converge
        return estimator.fit(X, y)


@pytest.mark.parametrize("model", _model_file.MODELS)
def test_estimators_come_back(tmp_path: Path, model: str) -> None:
    estimator, X = fitted(model)
    preprocessing = {"columns": [], "scale": 0.1}
    save_pipeline(tmp_path / "m", Pipeline(estimator, preprocessing, ["a", "b", 3]))
    loaded = load_pipeline(tmp_path / "m")
    assert type(loaded.estimator) is type(estimator)
    assert loaded.preprocessing == preprocessing
    assert loaded.classes == ["a", "b", 3]
    np.testing.assert_array_equal(loaded.estimator.predict(X), estimator.predict(X), strict=True)
    if hasattr(estimator, "predict_proba"):
        np.testing.assert_array_equal(
            loaded.estimator.predict_proba(X), estimator.predict_proba(X), strict=True
        )
    ours, theirs = loaded.estimator.get_params(), estimator.get_params()
    assert {k: v for k, v in ours.items() if k != "callbacks"} == {
        k: v for k, v in theirs.items() if k != "callbacks"
    }
    for name in ("coef_", "intercept_", "coefs_", "intercepts_", "loss_curve_", "n_features_in_"):
        assert hasattr(loaded.estimator, name) == hasattr(estimator, name)
        if hasattr(estimator, name):
            np.testing.assert_equal(getattr(loaded.estimator, name), getattr(estimator, name))


def test_loaded_estimator_can_be_fitted_again(tmp_path: Path) -> None:
    estimator, X = fitted("LinearRegression")
    save_pipeline(tmp_path / "m", Pipeline(estimator))
    again = load_pipeline(tmp_path / "m").estimator.fit(X, small_data()[1])
    np.testing.assert_array_equal(again.coef_, estimator.coef_)


def test_what_can_not_be_saved_is_refused(tmp_path: Path) -> None:
    class Other(steepest.LinearRegression):
        pass

    with pytest.raises(ValueError, match="Other can't be saved"):
        save_pipeline(tmp_path / "m", Pipeline(Other()))
    with pytest.raises(ValueError, match="not fitted"):
        save_pipeline(tmp_path / "m", Pipeline(steepest.LinearRegression()))
    estimator, _ = fitted("LinearRegression")
    estimator.random_state = np.random.RandomState(0)
    with pytest.raises(ValueError, match="parameter random_state can't be saved"):
        save_pipeline(tmp_path / "m", Pipeline(estimator))
    assert not list(tmp_path.iterdir())


def test_callbacks_are_not_saved(tmp_path: Path) -> None:
    estimator, X = fitted("LinearRegression")
    estimator.set_params(callbacks=[print])
    save_pipeline(tmp_path / "m", Pipeline(estimator))
    loaded = load_pipeline(tmp_path / "m").estimator
    assert not loaded.callbacks
    np.testing.assert_array_equal(loaded.predict(X), estimator.predict(X))


def test_weights_of_classes_are_saved_and_a_scorer_is_not(tmp_path: Path) -> None:
    estimator, X = fitted("LogisticRegression")
    for class_weight in ({0: 2.0, 1: 1, "other": 3.0}, {"a": 1.5}, "balanced", None):
        estimator.set_params(class_weight=class_weight, scoring=lambda estimator, X, y: 0.0)
        save_pipeline(tmp_path / "m", Pipeline(estimator))
        loaded = load_pipeline(tmp_path / "m").estimator
        assert loaded.class_weight == class_weight
        assert loaded.scoring is None
    save_pipeline(tmp_path / "m", Pipeline(estimator.set_params(scoring="roc_auc")))
    assert load_pipeline(tmp_path / "m").estimator.scoring == "roc_auc"
    np.testing.assert_array_equal(loaded.predict(X), estimator.predict(X))


def rewritten(path: Path, change: Any) -> None:
    """Change a model file's description, with a checksum that fits."""
    arrays, metadata = load_arrays(path)
    document = json.loads(metadata["steepest"])
    del document["checksum"]
    change(document)
    document["checksum"] = _model_file._checksum(document, arrays)
    save_arrays(path, arrays, {"steepest": json.dumps(document)})


def set_attribute(name: str) -> Any:
    return lambda document: document["attributes"].update({name: 1})


CHANGES = {
    "newer": (lambda d: d.update(format=2, version="9.9"), "format version 2, by steepest 9.9"),
    "no format": (lambda d: d.pop("format"), "no format version"),
    "text format": (lambda d: d.update(format="1"), "no format version"),
    "no model": (lambda d: d.pop("model"), "no usable 'model'"),
    "other model": (lambda d: d.update(model="build_info"), "its model is 'build_info'"),
    "list": (lambda d: d.update(parameters=[]), "no usable 'parameters'"),
    "parameter": (lambda d: d["parameters"].update(power=1), "power"),
    "method": (set_attribute("predict"), "no name of a fitted attribute"),
    "dunder": (set_attribute("__class__"), "no name of a fitted attribute"),
    "private": (set_attribute("_x_"), "no name of a fitted attribute"),
    "array": (lambda d: d["attributes"].update(coef_={"array": "none"}), "can't read"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_descriptions_are_checked(tmp_path: Path, change: str) -> None:
    path = tmp_path / "m.safetensors"
    save_pipeline(path, Pipeline(fitted("LinearRegression")[0]))
    edit, message = CHANGES[change]
    rewritten(path, edit)
    with pytest.raises(ValueError, match=message) as caught:
        load_pipeline(path)
    assert str(path) in str(caught.value)


def test_newer_format_says_what_to_do(tmp_path: Path) -> None:
    save_pipeline(tmp_path / "m", Pipeline(fitted("LinearRegression")[0]))
    rewritten(tmp_path / "m", lambda document: document.update(format=2))
    with pytest.raises(ValueError, match="reads up to format version 1: upgrade steepest"):
        load_pipeline(tmp_path / "m")


def test_other_safetensors_files_are_no_models(tmp_path: Path) -> None:
    save_arrays(tmp_path / "m", ARRAYS)
    with pytest.raises(ValueError, match="not by `steepest fit`"):
        load_pipeline(tmp_path / "m")


@pytest.mark.parametrize("text", ["", "1", "[]", "{}", "nonsense", "[" * 100_000, '{"format": 1}'])
def test_garbage_descriptions_are_refused(tmp_path: Path, text: str) -> None:
    save_arrays(tmp_path / "m", {}, {"steepest": text})
    with pytest.raises(ValueError, match="not a usable model file"):
        load_pipeline(tmp_path / "m")


def test_deep_descriptions_are_refused(tmp_path: Path) -> None:
    save_pipeline(tmp_path / "m", Pipeline(fitted("LinearRegression")[0]))
    arrays, metadata = load_arrays(tmp_path / "m")
    for depth in (100, 300, 900, 3000, 30_000):
        deep = '{"list":[' * depth + "]}" * depth
        text = metadata["steepest"].replace('"preprocessing":{}', f'"preprocessing":{{"a":{deep}}}')
        save_arrays(tmp_path / "m", arrays, {"steepest": text})
        with pytest.raises(ValueError, match=r"nested|checksum"):
            load_pipeline(tmp_path / "m")


def test_changed_weights_are_noticed(tmp_path: Path) -> None:
    save_pipeline(tmp_path / "m", Pipeline(fitted("LinearRegression")[0]))
    arrays, metadata = load_arrays(tmp_path / "m")
    arrays["coef_"] = arrays["coef_"] + 1e-15
    save_arrays(tmp_path / "m", arrays, metadata)
    with pytest.raises(ValueError, match="checksum"):
        load_pipeline(tmp_path / "m")


# ---- damage ------------------------------------------------------------------------------------


def damaged(data: bytes, generator: np.random.Generator) -> bytes:
    """Return `data` with a few bytes changed, cut, inserted or doubled; often in the header."""
    content = bytearray(data)
    header = 8 + int.from_bytes(data[:8], "little")
    for _ in range(generator.integers(1, 4)):
        end = len(content) if generator.random() < 0.5 else min(header, len(content))
        place = int(generator.integers(0, max(end, 1)))
        kind = generator.integers(0, 6)
        if kind == 0:
            del content[place:]
        elif kind == 1 and place < len(content):
            content[place] ^= 1 << int(generator.integers(0, 8))
        elif kind == 2 and place < len(content):
            content[place] = int(generator.integers(0, 256))
        elif kind == 3:
            content[place:place] = generator.bytes(int(generator.integers(1, 5)))
        elif kind == 4 and place < len(content):
            content[place] = int(generator.choice(list(b'0123456789{}[]",:-.eE')))
        else:
            content[place:place] = content[place : place + int(generator.integers(1, 40))]
    return bytes(content)


def give(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Let reading any file give `content`: rewriting one thousands of times is slow."""
    monkeypatch.setattr(Path, "read_bytes", lambda _: content)


def test_damaged_arrays_only_raise_value_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    save_arrays(path, ARRAYS, {"key": "value"})
    data = path.read_bytes()
    generator = np.random.default_rng(1)
    refused = 0
    for _ in range(10_000):
        give(monkeypatch, damaged(data, generator))
        try:
            load_arrays(path)
        except ValueError as error:
            refused += 1
            assert str(path) in str(error)  # noqa: PT017
    assert refused > 5000


def test_damaged_models_raise_or_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m"
    estimator, X = fitted("MLPRegressor")
    save_pipeline(path, Pipeline(estimator, {"columns": []}, None))
    data, expected = path.read_bytes(), estimator.predict(X)
    generator = np.random.default_rng(2)
    for _ in range(10_000):
        give(monkeypatch, damaged(data, generator))
        try:
            loaded = load_pipeline(path)
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017
        else:  # damage to blanks, or undone by itself
            np.testing.assert_array_equal(loaded.estimator.predict(X), expected)


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    save_arrays(path, {"a": np.arange(5.0), "b": np.arange(3, dtype=np.int32)}, {"k": "v"})
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="not a valid safetensors file"):
            load_arrays(path)
