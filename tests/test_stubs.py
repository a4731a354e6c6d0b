"""The stubs of the compiled modules say what the modules are.

``mypy.stubtest`` finds the same, but takes longer and sees no parameters: extension functions have no signature
that ``inspect`` could read. pybind11 writes one into each docstring.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import steepest
from steepest import _cpu, _native

PACKAGE = Path(steepest.__file__).parent

# What a parameter may be called in the stub, for each type that pybind11 converts to; it writes
# "object" where the binding takes anything, and there the stub may say what it likes.
STUB_TYPES = {
    "dict": {"_Config"},
    "list": {"_Arrays", "list"},
    "tuple": {"_Data", "_CompiledFunction"},
    "str": {"str"},
    "bool": {"bool"},
    "SupportsInt": {"int"},
    "SupportsFloat": {"float"},
}


def stub_functions(name):
    """Return the functions of the stub by name, and the methods of its classes as Class.method."""

    def found(body, prefix=""):
        for node in body:
            if isinstance(node, ast.FunctionDef):
                yield prefix + node.name, node
            elif isinstance(node, ast.ClassDef):
                yield from found(node.body, f"{node.name}.")

    return dict(found(ast.parse((PACKAGE / f"{name}.pyi").read_text()).body))


def module_functions(module):
    """Return the same for a module: the signatures that pybind11 wrote, as syntax."""

    def found(namespace, prefix=""):
        for name, value in namespace.items():
            if isinstance(value, type):
                yield from found(vars(value), f"{name}.")
            elif callable(value) and (not name.startswith("_") or name == "__init__"):
                if value.__doc__ == object.__init__.__doc__:  # made by functions only
                    continue
                (signature,) = ast.parse(f"def {value.__doc__.splitlines()[0]}: ...").body
                yield prefix + name, signature

    return dict(found(vars(module)))


def outer_type(annotation):
    """Return the name that stands outermost: list of list[int], SupportsInt of typing.SupportsInt | ..."""
    while not isinstance(annotation, ast.Name | ast.Attribute):
        annotation = annotation.left if isinstance(annotation, ast.BinOp) else annotation.value
    return annotation.id if isinstance(annotation, ast.Name) else annotation.attr


def check(module, stub_name):
    stub, compiled = stub_functions(stub_name), module_functions(module)
    assert sorted(stub) == sorted(compiled)
    for name, function in compiled.items():
        stated = stub[name].args
        assert not stated.args, f"{name}: parameters are positional only, end them with /"
        assert not stated.kwonlyargs, name
        assert len(stated.posonlyargs) == len(function.args.args), name
        for parameter, actual in zip(stated.posonlyargs, function.args.args, strict=True):
            allowed = STUB_TYPES.get(outer_type(actual.annotation))
            if allowed is not None:
                assert outer_type(parameter.annotation) in allowed, f"{name}: {parameter.arg}"


@pytest.mark.parametrize("isa", steepest.available_instruction_sets())
def test_core(isa):
    check(_native.load(isa), "_core_api")


def test_cpu():
    check(_cpu, "_cpu")


def test_one_stub_for_all_instruction_sets():
    stubs = {path.stem for path in PACKAGE.glob("_core_*.pyi")} - {"_core_api"}
    assert stubs == {"_core_baseline", "_core_avx2", "_core_avx512", "_core_neon"}
    for name in stubs:
        (statement,) = ast.parse((PACKAGE / f"{name}.pyi").read_text()).body
        assert ast.unparse(statement) == "from steepest._core_api import *"


def test_marker_of_typed_package():
    assert (PACKAGE / "py.typed").is_file()
