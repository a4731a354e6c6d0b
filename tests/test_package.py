"""The package as a whole: version, lazy import, instruction sets, what is shipped and documented."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.metadata
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
import types
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import steepest as st
from steepest import _native

KNOWN = {"baseline", "avx2", "avx512", "neon"}
# What only an extra brings: modules that need it are imported where it is installed.
EXTRAS = {"matplotlib", "typer", "rich", "pandas", "pyarrow", "safetensors"}


def run(code, **environment):
    """Run code in a fresh interpreter; return what it printed."""
    environment = {**os.environ, **environment}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def printed(code, **environment):
    status, output, errors = run(code, **environment)
    assert status == 0, errors
    return output


def modules():
    """Return the package and all its importable modules but the compiled ones."""
    found = [st]
    for info in pkgutil.walk_packages(st.__path__, "steepest."):
        if info.name.split(".")[-1].startswith(("_core_", "_cpu", "__main__")):
            continue
        try:
            found.append(importlib.import_module(info.name))
        except ModuleNotFoundError as error:
            if error.name.split(".")[0] not in EXTRAS:
                raise
    return found


MODULES = modules()


# ---------------------------------------------------------------- version


def test_the_version_is_one():
    assert re.fullmatch(r"\d+\.\d+\.\d+([.+\w-]*)", st.__version__)
    assert importlib.metadata.version("steepest") == st.__version__
    assert st.build_info()["version"] == st.__version__
    for name in st.available_instruction_sets():
        assert _native.load(name).build_info()["version"] == st.__version__


def test_the_version_is_written_in_one_place():
    project = Path(__file__).parents[1] / "pyproject.toml"
    if not project.exists():
        pytest.skip("not in a source tree")
    configuration = tomllib.loads(project.read_text())
    assert "version" in configuration["project"]["dynamic"]
    assert "version" not in configuration["project"]


def test_metadata():
    metadata = importlib.metadata.metadata("steepest")
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Requires-Python"] == ">=3.11"
    assert {"plot", "cli", "all"} <= set(metadata.get_all("Provides-Extra"))
    required = [r for r in importlib.metadata.requires("steepest") if "extra ==" not in r]
    names = {re.match(r"[\w-]+", requirement).group() for requirement in required}
    assert names == {"numpy", "scikit-learn"}
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="steepest")
    assert callable(script.load())


# ---------------------------------------------------------------- import


def test_import_is_lazy():
    """Neither scikit-learn nor SciPy nor matplotlib, nor what only the command line needs."""
    heavy = ["sklearn", "scipy", "matplotlib", "pandas", "joblib", "typer", "rich"]
    code = f"import sys, steepest; print([m for m in {heavy} if m in sys.modules])"
    assert printed(code) == "[]"


def test_the_numerical_core_needs_no_scikit_learn():
    """Kernels, optimizers, schedules, minimize and calculus work without it."""
    code = """
import sys, numpy as np, steepest as st
st.kernels.mse(np.ones(3), np.zeros(3))
st.minimize(lambda x: float(x @ x), [1.0], optimizer=st.SGD(0.1), schedule=st.schedules.Exponential(0.9),
            stop=[st.stopping.MaxSteps(3)])
st.calculus.gradient(lambda x: float(x @ x), np.ones(2))
st.reference.mse(np.ones(3), np.zeros(3))
print([m for m in ("sklearn", "scipy", "matplotlib", "pandas") if m in sys.modules])
"""
    assert printed(code) == "[]"


def test_estimators_load_what_scikit_learn_loads():
    """scikit-learn itself may look for pandas and others; these estimators add nothing to that."""
    code = """
import sys
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split
LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
before = set(sys.modules)
import steepest
steepest.LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
added = {m.split(".")[0] for m in set(sys.modules) - before}
print(sorted(added & {"matplotlib", "pandas", "pyarrow", "typer", "rich", "safetensors"}))
"""
    assert printed(code) == "[]"


def test_every_public_name_is_there():
    for name in st.__all__:
        assert getattr(st, name) is not None
        assert name in dir(st)
    assert sorted(st.__all__) == sorted(set(st.__all__))


def test_star_import():
    names = {}
    exec("from steepest import *", names)
    assert set(st.__all__) <= set(names)


def test_the_names_of_the_design():
    expected = {
        "LinearRegression",
        "LogisticRegression",
        "PolynomialRegression",
        "MLPRegressor",
        "MLPClassifier",
        "minimize",
        "minimize_many",
        "CompiledFunction",
        "lr_find",
        "SGD",
        "Momentum",
        "Adam",
        "AdamW",
        "optimizers",
        "schedules",
        "stopping",
        "kernels",
        "reference",
        "calculus",
        "plot",
        "landscape",
        "recording",
        "instruction_set",
        "available_instruction_sets",
        "use_instruction_set",
        "set_num_threads",
        "build_info",
    }
    assert expected <= set(st.__all__)


def test_lazy_names_are_the_objects_of_their_modules():
    from steepest import _minimize, estimators, optimizers

    for name in ("SGD", "Momentum", "Adam", "AdamW"):
        assert getattr(st, name) is getattr(optimizers, name)
    for name in estimators.__all__:
        assert getattr(st, name) is getattr(estimators, name)
    assert st.minimize is _minimize.minimize


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match=r"module 'steepest' has no attribute 'Adamw'"):
        _ = st.Adamw
    assert not hasattr(st, "no_such_thing")


def test_each_module_says_what_is_public():
    for module in MODULES:
        names = getattr(module, "__all__", [])
        for name in names:
            assert hasattr(module, name), f"{module.__name__}.{name}"


# ---------------------------------------------------------------- instruction sets


def test_build_info():
    info = st.build_info()
    assert {
        "version",
        "compiler",
        "flags",
        "instruction_set",
        "available_instruction_sets",
        "vector_bytes",
        "fused_multiply_add",
        "assertions",
        "threads",
    } <= set(info)
    assert info["instruction_set"] == st.instruction_set()
    assert info["available_instruction_sets"] == st.available_instruction_sets()
    assert info["threads"] == st.get_num_threads()
    assert "-ffp-contract=off" in info["flags"]
    assert "-ffast-math" not in info["flags"]
    assert info["vector_bytes"] in (16, 32, 64)
    json.dumps(info)


def test_available_instruction_sets():
    names = st.available_instruction_sets()
    assert names
    assert set(names) <= KNOWN
    assert len(set(names)) == len(names)
    names.append("meddled with")
    assert "meddled with" not in st.available_instruction_sets()


def test_the_best_one_is_the_default():
    code = "import steepest; print(steepest.instruction_set())"
    environment = {k: v for k, v in os.environ.items() if k != "STEEPEST_ISA"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == st.available_instruction_sets()[-1]
    assert printed(code, STEEPEST_ISA="") == st.available_instruction_sets()[-1]


@pytest.mark.parametrize("name", st.available_instruction_sets())
def test_the_environment_forces_one(name):
    code = """
import sys, numpy as np, steepest as st
st.kernels.mse(np.ones(3), np.zeros(3))
print(st.instruction_set(), st.build_info()["instruction_set"],
      *[m for m in sys.modules if m.startswith("steepest._core_")])
"""
    # Only the forced one is loaded: code of another could not even run on an older CPU.
    assert printed(code, STEEPEST_ISA=name) == f"{name} {name} steepest._core_{name}"


@pytest.mark.parametrize("name", ["sse9", "AVX2", "avx2 ", "../avx2"])
def test_an_unknown_name_in_the_environment(name):
    status, _, errors = run("import steepest", STEEPEST_ISA=name)
    assert status != 0
    assert f"instruction set {name!r} is not available here" in errors
    for available in st.available_instruction_sets():
        assert available in errors


def test_instruction_sets_side_by_side():
    """All loaded in one process, each computing what the others do."""
    results = {}
    x = np.linspace(-1, 1, 1001)
    before = st.instruction_set()
    try:
        for name in st.available_instruction_sets():
            st.use_instruction_set(name)
            assert st.instruction_set() == st.build_info()["instruction_set"] == name
            results[name] = st.kernels.mse(x, x**2)
    finally:
        st.use_instruction_set(before)
    loaded = {_native.load(name) for name in results}
    assert len(loaded) == len(results)
    np.testing.assert_allclose(list(results.values()), np.mean((x - x**2) ** 2), rtol=1e-14)


@pytest.mark.parametrize("name", ["sse9", "", None, 2])
def test_an_unknown_instruction_set_changes_nothing(name):
    before, core = st.instruction_set(), _native.core
    with pytest.raises((ValueError, TypeError), match=r"."):
        st.use_instruction_set(name)
    assert st.instruction_set() == before
    assert _native.core is core


def test_a_message_for_an_unknown_instruction_set():
    with pytest.raises(ValueError, match=r"'sse9' is not available here; available: \['"):
        st.use_instruction_set("sse9")


def test_threads():
    before = st.get_num_threads()
    try:
        st.set_num_threads(2)
        assert st.get_num_threads() == st.build_info()["threads"] == 2
    finally:
        st.set_num_threads(before)


@pytest.mark.parametrize("n", [0, -1, 1.5, "two", None, True])
def test_bad_numbers_of_threads(n):
    before = st.get_num_threads()
    with pytest.raises((ValueError, TypeError), match=r"n must be an integer >= 1"):
        st.set_num_threads(n)
    assert st.get_num_threads() == before


def test_numpys_integers_are_integers():
    before = st.get_num_threads()
    try:
        st.set_num_threads(np.int64(2))
        assert st.get_num_threads() == 2
    finally:
        st.set_num_threads(before)


# ---------------------------------------------------------------- what is shipped


def test_typed():
    assert (files("steepest") / "py.typed").is_file()


def test_nothing_but_the_package_is_installed():
    """No sources, no tests, no module beside the package."""
    top = {
        file.parts[0]
        for file in importlib.metadata.files("steepest") or ()
        if not file.parts[0].startswith(("..", "_editable", "__pycache__"))
    }
    assert {name for name in top if not name.endswith(".dist-info")} == {"steepest"}
    shipped = [str(file) for file in importlib.metadata.files("steepest") or ()]
    assert not [name for name in shipped if name.endswith((".cpp", ".hpp"))]


# ---------------------------------------------------------------- documentation


def public_things():
    """Yield (qualified name, object) for everything public that is defined in the package."""
    seen = set()
    for module in MODULES:
        if any(part.startswith("_") for part in module.__name__.split(".")[1:]):
            continue
        yield module.__name__, module
        for name in getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")]):
            thing = getattr(module, name)
            home = getattr(thing, "__module__", "") or ""
            if isinstance(thing, types.ModuleType) or not home.startswith("steepest"):
                continue
            if not callable(thing) or id(thing) in seen:
                continue
            seen.add(id(thing))
            yield f"{home}.{name}", thing
            if inspect.isclass(thing):
                for attribute, value in vars(thing).items():
                    if not attribute.startswith("_") and inspect.isfunction(value):
                        yield f"{home}.{name}.{attribute}", value


@pytest.mark.parametrize(
    ("name", "thing"), list(public_things()), ids=lambda v: v if isinstance(v, str) else ""
)
def test_everything_public_has_a_docstring(name, thing):
    documentation = inspect.getdoc(thing)
    assert documentation, name
    assert len(documentation.splitlines()[0]) > 5, name


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_examples_in_docstrings(module):
    if module.__name__.startswith("steepest.plot"):
        matplotlib = pytest.importorskip("matplotlib")
        matplotlib.use("agg")
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, _ = doctest.testmod(module, optionflags=flags)
    assert failed == 0


def test_there_are_examples():
    found = doctest.DocTestFinder(exclude_empty=True)
    count = sum(len(test.examples) for module in MODULES for test in found.find(module))
    assert count > 10


def test_type_checkers_see_every_public_name():
    """What is imported lazily is imported once more for those who only read."""
    (block,) = (
        node
        for node in ast.parse(Path(st.__file__).read_text()).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    seen = {alias.name for node in block.body for alias in node.names}
    assert set(st.__all__) - set(vars(_native)) == seen
