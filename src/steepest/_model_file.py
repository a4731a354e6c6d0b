"""Model files: a fitted estimator as arrays and text, in the safetensors format.

The layout is that of https://github.com/huggingface/safetensors: eight bytes with the length of
the header (little-endian), the header in JSON (name -> dtype, shape, data_offsets), then the
arrays' bytes. Reading one can only ever produce arrays, strings and numbers: nothing in the file
is executed, and the model's class is looked up in a fixed list.

What `safetensors` doesn't define is kept in ``__metadata__["steepest"]``, one JSON document: format
and library version, the model's class and parameters, its fitted attributes, the preprocessing of
its columns, the classes, and a checksum over all of it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.losses import Loss, loss_named
from steepest.pruning import Gradual

__all__ = [
    "Pipeline",
    "load_arrays",
    "load_pipeline",
    "save_arrays",
    "save_pipeline",
    "write_atomically",
]

FORMAT = 1
HEADER_CAP = 100_000_000
MODELS = (
    "LinearRegression",
    "LogisticRegression",
    "MLPClassifier",
    "MLPRegressor",
    "PolynomialRegression",
)

_KEY = "steepest"
_MAX_RANK = 32  # the most that every supported NumPy can hold
_DTYPES = {
    "BOOL": np.dtype("?"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "F16": np.dtype("<f2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "F32": np.dtype("<f4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Pipeline:
    """A fitted estimator with what has to happen to a table before and after it.

    Attributes
    ----------
    estimator : estimator
        A fitted estimator of `steepest`.
    preprocessing : dict
        JSON values that say how columns become inputs and outputs become predictions.
    classes : list or None
        The label of each class the estimator numbers 0, 1, ...; None for regression.
    """

    estimator: Any
    preprocessing: dict[str, Any] = field(default_factory=dict)
    classes: list[Any] | None = None


# ---- arrays ------------------------------------------------------------------------------------


def save_arrays(
    path: str | os.PathLike[str],
    arrays: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write arrays and strings to a safetensors file, all of it or nothing.

    Parameters
    ----------
    path : path-like
        The file; replaced only once the new one is complete on the disk.
    arrays : dict of str -> ndarray
        Booleans, integers and floats of any shape; stored little-endian and in C order.
    metadata : dict of str -> str, default=None
        Stored as the header's ``__metadata__``.

    Raises
    ------
    ValueError
        An array's name or dtype, or an entry of `metadata`, can't be stored.
    OSError
        The file can't be written; whatever was at `path` before is still there.
    """
    header: dict[str, Any] = {}
    if metadata:
        for key, value in metadata.items():
            if not (isinstance(key, str) and isinstance(value, str)):
                raise ValueError(f"metadata must map str to str, got {key!r}: {type(value)}")
        header["__metadata__"] = dict(metadata)
    stored = {name: _little_endian(name, array) for name, array in arrays.items()}
    # Wide dtypes first, as the format's own writer does: then every array is aligned in the file.
    order = sorted(stored, key=lambda name: (-stored[name].dtype.itemsize, name))
    end = 0
    for name in order:
        begin, end = end, end + stored[name].nbytes
        header[name] = {
            "dtype": _CODES[stored[name].dtype],
            "shape": list(stored[name].shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > HEADER_CAP:
        raise ValueError(f"the header would have {len(text)} bytes, more than {HEADER_CAP}")
    chunks = (stored[name].tobytes() for name in order)
    write_atomically(path, (len(text).to_bytes(8, "little"), text, *chunks))


def load_arrays(path: str | os.PathLike[str]) -> tuple[Arrays, dict[str, str]]:
    """Read the arrays and the metadata of a safetensors file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    arrays : dict of str -> ndarray
        Writable copies in the machine's byte order.
    metadata : dict of str -> str
        The header's ``__metadata__``, empty if there is none.

    Raises
    ------
    ValueError
        The file isn't a safetensors file or is damaged; the message names the file and the fault.
    OSError
        The file can't be opened or read.
    """
    data = Path(path).read_bytes()
    try:
        return _parse(data)
    except ValueError as fault:
        raise ValueError(f"{os.fspath(path)} is not a valid safetensors file: {fault}") from None


def write_atomically(path: str | os.PathLike[str], chunks: Iterable[bytes]) -> None:
    """Write a file so that a crash leaves the old content or the new, never a part.

    Parameters
    ----------
    path : path-like
        The file; a symbolic link is followed.
    chunks : iterable of bytes
        The content. If producing or writing it fails, the temporary file is removed.

    Raises
    ------
    OSError
        The directory is missing, not writable or full, or `path` is no regular file.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        # Replacing would put a plain file in the place of a device or a pipe.
        raise OSError(f"{os.fspath(path)} exists and is not a regular file")
    # Not tempfile: its files are readable by their owner alone, whatever the umask.
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    # The rename itself is on the disk only after the directory is.
    if os.name == "posix":
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _little_endian(name: str, array: NDArray[Any]) -> NDArray[Any]:
    array = np.asarray(array)
    if not isinstance(name, str) or name == "__metadata__":
        raise ValueError(f"{name!r} can't be an array's name")
    dtype = array.dtype.newbyteorder("<")
    if dtype not in _CODES:
        raise ValueError(f"array {name!r} has dtype {array.dtype}; stored are {', '.join(_DTYPES)}")
    return array.astype(dtype, order="C", copy=False)


def _parse(data: bytes) -> tuple[Arrays, dict[str, str]]:
    if len(data) < 8:
        raise ValueError(f"it has {len(data)} bytes, fewer than the 8 of the header's length")
    length = int.from_bytes(data[:8], "little")
    if length > HEADER_CAP:
        raise ValueError(f"its header claims {length} bytes, more than the {HEADER_CAP} allowed")
    if 8 + length > len(data):
        raise ValueError(f"its header claims {length} bytes, {len(data) - 8} are left: truncated?")
    header = _parse_header(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    if not _is_dict_of(metadata, str):
        raise ValueError("its __metadata__ does not map strings to strings")
    payload = memoryview(data)[8 + length :]
    arrays: Arrays = {}
    extents = []
    for name, entry in header.items():
        arrays[name], begin, end = _parse_array(name, entry, payload)
        extents.append((begin, end, name))
    position = 0
    for begin, end, name in sorted(extents):
        if begin != position:
            fault = "overlaps the one before" if begin < position else "leaves a gap before it"
            raise ValueError(f"array {name!r} at byte {begin} {fault}, which ends at {position}")
        position = end
    if position != len(payload):
        raise ValueError(f"its arrays end at byte {position}, its data at {len(payload)}")
    return arrays, metadata


def _parse_header(text: bytes) -> dict[str, Any]:
    if not text.startswith(b"{"):
        raise ValueError("its header does not start with '{'")
    header: dict[str, Any] = _parse_json(text.decode("utf-8"), "header")
    return header


def _parse_json(text: str, what: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs):
            raise ValueError("a name appears twice")
        return members

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except RecursionError:
        raise ValueError(f"its {what} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"its {what} is not valid JSON: {error}") from None


def _parse_array(name: str, entry: Any, payload: memoryview) -> tuple[NDArray[Any], int, int]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"array {name!r} needs exactly dtype, shape and data_offsets")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in _DTYPES:
        raise ValueError(f"array {name!r} has dtype {code!r}; known are {', '.join(_DTYPES)}")
    if not _is_counts(shape) or len(shape) > _MAX_RANK:
        raise ValueError(f"array {name!r}: the shape must be up to {_MAX_RANK} whole numbers >= 0")
    if not _is_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError(f"array {name!r}: data_offsets must be two whole numbers, begin <= end")
    begin, end = offsets
    if end > len(payload):
        raise ValueError(f"array {name!r} ends at byte {end}, the data at {len(payload)}")
    dtype = _DTYPES[code]
    size = math.prod(shape) * dtype.itemsize
    if size != end - begin:
        raise ValueError(f"array {name!r}: {code} of {shape} is {size} bytes, not {end - begin}")
    try:
        array: NDArray[Any] = np.ndarray(shape, dtype, buffer=payload[begin:end])
    except (ValueError, TypeError, OverflowError) as error:  # [0, 2**62, 2**62] gets this far
        raise ValueError(f"array {name!r} of shape {shape}: {error}") from None
    if code == "BOOL" and array.view(np.uint8).max(initial=0) > 1:
        raise ValueError(f"array {name!r} is BOOL and has bytes other than 0 and 1")
    return array.astype(dtype.newbyteorder("=")), begin, end


def _is_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(v) is int and 0 <= v < 2**63 for v in values)


def _is_dict_of(value: Any, kind: type) -> bool:
    return isinstance(value, dict) and all(isinstance(v, kind) for v in value.values())


# ---- estimators --------------------------------------------------------------------------------


def save_pipeline(path: str | os.PathLike[str], pipeline: Pipeline) -> None:
    """Write a fitted estimator with its preprocessing to a model file.

    Stored are the constructor's parameters, except what is code, `callbacks` and a callable `scoring`, and every
    public fitted attribute (``name_``) made of numbers, strings, None, arrays, lists, tuples and dicts. A loss may
    be an object of `steepest.losses`, and `pruning` is one of `steepest.pruning`.

    Parameters
    ----------
    path : path-like
        The file, written as by `save_arrays`.
    pipeline : Pipeline
        The estimator must be fitted and of one of the classes in `MODELS`.

    Raises
    ------
    ValueError
        The estimator is of another class, isn't fitted, or has a parameter that can't be stored.
    OSError
        The file can't be written.
    """
    estimator = pipeline.estimator
    model = type(estimator).__name__
    if model not in MODELS:
        raise ValueError(f"{model} can't be saved; the classes that can are {', '.join(MODELS)}")
    arrays: Arrays = {}
    parameters = {}
    for name, value in estimator.get_params(deep=False).items():
        if name == "callbacks" or (name == "scoring" and callable(value)):
            continue
        try:
            parameters[name] = _encode(value, f"parameters.{name}", arrays)
        except TypeError as error:
            raise ValueError(f"{model}'s parameter {name} can't be saved: {error}") from None
    attributes = {}
    for name, value in vars(estimator).items():
        if _is_fitted_attribute(name):
            found: Arrays = {}
            with contextlib.suppress(TypeError):  # an object of some class: not part of the model
                attributes[name] = _encode(value, name, found)
                arrays |= found
    if not attributes:
        raise ValueError(f"this {model} is not fitted: there is nothing to save")
    document = {
        "format": FORMAT,
        "version": _library_version(),
        "model": model,
        "parameters": parameters,
        "attributes": attributes,
        "preprocessing": pipeline.preprocessing,
        "classes": pipeline.classes,
    }
    document["checksum"] = _checksum(document, arrays)
    save_arrays(path, arrays, {_KEY: _dump(document)})


def load_pipeline(path: str | os.PathLike[str]) -> Pipeline:
    """Read a model file back into a fitted estimator with its preprocessing.

    Parameters
    ----------
    path : path-like
        A file by `save_pipeline`.

    Returns
    -------
    pipeline : Pipeline
        The estimator predicts the same bits as the one that was saved.

    Raises
    ------
    ValueError
        The file is damaged, isn't a model file, or was written in a newer format; the message
        names the file and the fault.
    OSError
        The file can't be opened or read.
    """
    arrays, metadata = load_arrays(path)
    try:
        if _KEY not in metadata:
            raise ValueError("it holds arrays, but not by `steepest fit`")
        return _rebuild(_check_document(_parse_json(metadata[_KEY], "description"), arrays), arrays)
    except RecursionError:
        raise ValueError(f"{os.fspath(path)}: its description is nested too deeply") from None
    except ValueError as fault:
        raise ValueError(f"{os.fspath(path)} is not a usable model file: {fault}") from None


def _check_document(document: Any, arrays: Arrays) -> dict[str, Any]:
    if not isinstance(document, dict) or type(document.get("format")) is not int:
        raise ValueError("its description names no format version")
    if document["format"] > FORMAT:
        raise ValueError(
            f"it has format version {document['format']}, by steepest {document.get('version')}; "
            f"this is steepest {_library_version()}, which reads up to format version {FORMAT}: "
            "upgrade steepest"
        )
    kinds: dict[str, type | tuple[type, ...]] = {
        "version": str,
        "model": str,
        "parameters": dict,
        "attributes": dict,
        "preprocessing": dict,
        "classes": (list, type(None)),
        "checksum": str,
    }
    for key, kind in kinds.items():
        if not isinstance(document.get(key, ...), kind):
            raise ValueError(f"its description has no usable {key!r}")
    stored = document.pop("checksum")
    if stored != _checksum(document, arrays):
        raise ValueError("its checksum does not match: the file was changed or damaged")
    return document


def _rebuild(document: dict[str, Any], arrays: Arrays) -> Pipeline:
    import steepest

    model = document["model"]
    if model not in MODELS:
        raise ValueError(f"its model is {model!r}; known are {', '.join(MODELS)}")
    parameters = {name: _decode(v, arrays) for name, v in document["parameters"].items()}
    try:
        estimator = getattr(steepest, model)(**parameters)
        for name, value in document["attributes"].items():
            if not _is_fitted_attribute(name):
                raise ValueError(f"{name!r} is no name of a fitted attribute")
            setattr(estimator, name, _decode(value, arrays))
    except (TypeError, AttributeError) as error:
        raise ValueError(
            f"steepest {document['version']} wrote it, and this is {_library_version()}: {error}"
        ) from None
    return Pipeline(estimator, document["preprocessing"], document["classes"])


_KEYS = (int, float, str)  # of a dict, such as the labels in class_weight


def _encode(value: Any, name: str, arrays: Arrays) -> Any:
    """Return `value` as JSON, with its arrays put into `arrays`; TypeError if that can't be."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, np.ndarray):
        return _encode_array(value, name, arrays)
    if isinstance(value, Loss):
        return {"loss": [value.word, {key: float(v) for key, v in asdict(value).items()}]}
    if isinstance(value, Gradual):
        return {"gradual": asdict(value)}
    if isinstance(value, list) and value and all(isinstance(v, float) for v in value):
        return {"floats": _keep(np.array(value, np.float64), name, arrays)}
    if isinstance(value, list | tuple):
        members = [_encode(v, f"{name}.{i}", arrays) for i, v in enumerate(value)]
        return {"list" if isinstance(value, list) else "tuple": members}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _encode(v, f"{name}.{key}", arrays) for key, v in value.items()}}
    if isinstance(value, dict):
        pairs = [(key.item() if isinstance(key, np.generic) else key, value[key]) for key in value]
        if all(isinstance(key, _KEYS) and key == key for key, _ in pairs):
            return {"pairs": [[key, _encode(v, f"{name}.{key}", arrays)] for key, v in pairs]}
    raise TypeError(f"it is of {type(value)}")


def _encode_array(array: NDArray[Any], name: str, arrays: Arrays) -> dict[str, Any]:
    if array.dtype.newbyteorder("<") in _CODES:
        return {"array": _keep(array, name, arrays)}
    if array.ndim == 1 and array.dtype.kind in "OU" and all(isinstance(v, str) for v in array):
        return {"objects" if array.dtype.kind == "O" else "strings": [str(v) for v in array]}
    raise TypeError(f"it is an array of {array.dtype}")


def _keep(array: NDArray[Any], name: str, arrays: Arrays) -> str:
    while name in arrays:  # the keys "a.b" and "a" -> "b" of nested dicts lead to one name
        name += "'"
    arrays[name] = array
    return name


def _decode(value: Any, arrays: Arrays) -> Any:
    """Undo `_encode`; ValueError for anything it doesn't write."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict) and len(value) == 1:
        (kind, content), *_ = value.items()
        if kind == "float" and content in ("nan", "inf", "-inf"):
            return float(content)
        if kind in ("array", "floats") and isinstance(content, str) and content in arrays:
            return arrays[content] if kind == "array" else arrays[content].tolist()
        if kind in ("objects", "strings") and isinstance(content, list):
            if all(isinstance(v, str) for v in content):
                return np.array(content, dtype=object if kind == "objects" else str)
        elif kind in ("list", "tuple") and isinstance(content, list):
            members = [_decode(v, arrays) for v in content]
            return members if kind == "list" else tuple(members)
        elif kind == "dict" and isinstance(content, dict):
            return {key: _decode(v, arrays) for key, v in content.items()}
        elif kind == "loss" and isinstance(content, list) and len(content) == 2:
            word, parameters = content
            if isinstance(word, str) and _is_dict_of(parameters, float):
                return loss_named(word, **parameters)
        elif kind == "gradual" and isinstance(content, dict):
            return Gradual(**content)
        elif kind == "pairs" and _are_pairs(content):
            return {key: _decode(v, arrays) for key, v in content}
    raise ValueError(f"its description has an entry this version can't read: {str(value)[:60]}")


def _are_pairs(content: Any) -> bool:
    return isinstance(content, list) and all(
        isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], _KEYS) for pair in content
    )


def _is_fitted_attribute(name: str) -> bool:
    return name.isidentifier() and name.endswith("_") and not name.startswith("_")


def _dump(document: dict[str, Any]) -> str:
    return json.dumps(document, allow_nan=False, sort_keys=True, separators=(",", ":"))


def _checksum(document: dict[str, Any], arrays: Arrays) -> str:
    """CRC-32 of the description and the arrays: against damage, not against an author."""
    crc = zlib.crc32(_dump(document).encode())
    for name in sorted(arrays):
        stored = _little_endian(name, arrays[name])
        crc = zlib.crc32(f"{name} {stored.dtype.str} {stored.shape}".encode(), crc)
        crc = zlib.crc32(stored.tobytes(), crc)
    return f"{crc:08x}"


def _library_version() -> str:
    import steepest

    return str(steepest.__version__)
