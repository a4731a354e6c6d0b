"""Builds a Cython module at first use, and again when its source, flags or interpreter change.

The interpreter's own compiler flags and -O3, nothing else: no -march and no fast-math, as in a
wheel that has to run on any CPU of its architecture.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
LOOPS = HERE / "cython_loops.pyx"
FUNCTIONS = HERE / "cython_functions.pyx"
FLAGS = ("-O3",)


def load(source: Path = LOOPS) -> ModuleType:
    """Return the compiled module, built first if need be."""
    path = _target(source)
    if not path.exists():
        _build_in_a_process(source)
    spec = importlib.util.spec_from_file_location(source.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compile_flags() -> str:
    """Return the flags that the loops are compiled with."""
    return " ".join([sysconfig.get_config_var("CFLAGS") or "", *FLAGS]).strip()


def _target(source: Path) -> Path:
    import Cython

    made_of = [source.read_bytes(), compile_flags().encode(), Cython.__version__.encode()]
    key = hashlib.sha256(b"\0".join(made_of)).hexdigest()[:12]
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    return HERE / "_build" / key / f"{source.stem}{suffix}"


def _build_in_a_process(source: Path) -> None:
    # A process of its own keeps setuptools out of the one that measures, and its warnings out of
    # pytest's filter. Flags from the environment, such as a stray -march=native, would make it
    # another rival than the table says.
    environment = {k: v for k, v in os.environ.items() if k not in ("CFLAGS", "CPPFLAGS")}
    command = [sys.executable, str(Path(__file__).resolve()), str(source)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(
            f"{source.name} does not build; it needs Cython, setuptools and a C compiler\n"
            f"{done.stdout}\n{done.stderr}"
        )


def build(source: Path) -> Path:
    """Translate and compile in this process, and put the module in its place in one move."""
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    target = _target(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        extension = Extension(source.stem, [str(source)], extra_compile_args=list(FLAGS))
        distribution = Distribution(
            {"ext_modules": cythonize([extension], build_dir=scratch, language_level=3)}
        )
        command = build_ext(distribution)
        command.build_lib = command.build_temp = scratch
        command.ensure_finalized()
        command.run()
        Path(command.get_ext_fullpath(source.stem)).replace(target)
    return target


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
