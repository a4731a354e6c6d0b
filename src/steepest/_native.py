"""Chooses and loads the compiled core: one extension module per instruction set, the best by default.

``core`` is the active module. Everything in the package reads it through this module's attribute, at call time,
so that :func:`use_instruction_set` takes effect at once.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import Any

from steepest import _cpu

core: Any
_name: str

_n_threads = 1


def available_instruction_sets() -> list[str]:
    """Return the instruction sets that this build has and this CPU can run, the best one last.

    Returns
    -------
    list of str
        Some of ``"baseline"``, ``"avx2"``, ``"avx512"``, ``"neon"``.
    """
    return list(_cpu.available_instruction_sets())


def load(name: str) -> ModuleType:
    """Return the extension module of one instruction set; several can be loaded side by side."""
    available = available_instruction_sets()
    if name not in available:
        raise ValueError(f"instruction set {name!r} is not available here; available: {available}")
    return importlib.import_module(f"steepest._core_{name}")


def use_instruction_set(name: str) -> None:
    """Compute with the named instruction set from now on, in all threads of this process.

    Parameters
    ----------
    name : str
        One of :func:`available_instruction_sets`.

    Raises
    ------
    ValueError
        If the CPU or the build does not have it.
    """
    global core, _name
    core = load(name)
    _name = name


def instruction_set() -> str:
    """Return the name of the instruction set that is in use."""
    return _name


def set_num_threads(n: int) -> None:
    """Set how many threads one call may use.

    Reserved: today every call runs on the thread that makes it, with the GIL released, so that descents in
    several Python threads run side by side. Results will never depend on the number.

    Parameters
    ----------
    n : int
        At least 1.
    """
    global _n_threads
    from steepest._validate import check_integer

    _n_threads = check_integer("n", n, low=1)


def get_num_threads() -> int:
    """Return the number set by :func:`set_num_threads`."""
    return _n_threads


def build_info() -> dict[str, Any]:
    """Return what is running: version, compiler, flags, instruction sets, threads.

    Returns
    -------
    dict
        ``version``, ``compiler``, ``flags``, ``instruction_set``, ``available_instruction_sets``,
        ``vector_bytes``, ``fused_multiply_add``, ``assertions`` and ``threads``.
    """
    info: dict[str, Any] = core.build_info()
    return {
        **info,
        "available_instruction_sets": available_instruction_sets(),
        "threads": _n_threads,
    }


use_instruction_set(os.environ.get("STEEPEST_ISA") or available_instruction_sets()[-1])
