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
    """Set how many threads one call may use, where it is not told a number of its own by ``n_threads``.

    Results do not depend on it. Small work stays on the thread that calls, and calls from several Python threads
    at the same time share the workers. It is one number for the process, inherited by forked children, and the one
    that ``threadpoolctl.threadpool_limits`` sets once an estimator has been imported.

    Before the first call it is the environment's ``STEEPEST_NUM_THREADS``; or else ``OMP_NUM_THREADS``, which
    joblib sets for its worker processes; or else the number of CPUs that this process may use.

    Parameters
    ----------
    n : int
        At least 1, the calling thread included.

    Raises
    ------
    ValueError, TypeError
        If it is not an integer of at least 1.
    """
    from steepest._validate import check_thread_count

    _cpu.set_num_threads(check_thread_count("n", n))


def get_num_threads() -> int:
    """Return how many threads one call may use; see :func:`set_num_threads`."""
    return _cpu.get_num_threads()


def _default_num_threads() -> int:
    """Return the number of threads before anybody has set one."""
    given = os.environ.get("STEEPEST_NUM_THREADS", "").strip()
    if given:
        if not _is_count(given):
            raise ValueError(f"STEEPEST_NUM_THREADS must be an integer >= 1, but is {given!r}")
        return int(given)
    openmp = os.environ.get("OMP_NUM_THREADS", "").strip()
    if _is_count(openmp):  # OpenMP also knows lists, for nested loops
        return int(openmp)
    process_cpu_count = getattr(os, "process_cpu_count", None)  # since Python 3.13
    if process_cpu_count is not None:
        return process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) < 2**31


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
        "threads": get_num_threads(),
    }


use_instruction_set(os.environ.get("STEEPEST_ISA") or available_instruction_sets()[-1])
_cpu.set_num_threads(_default_num_threads())
