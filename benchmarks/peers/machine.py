"""What this machine can do at best, measured by native.cpp, and what runs on it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
import sysconfig
import threading
import time
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "native.cpp"
NAME = "_peers_native"
FLAGS = ["-std=c++20", "-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC"]
if sys.platform == "darwin":
    FLAGS += ["-undefined", "dynamic_lookup"]


@cache
def native() -> ModuleType:
    """Return the compiled module, built first if need be."""
    import pybind11

    compiler = os.environ.get("CXX", "c++")
    made_of = f"{SOURCE.read_text()}{FLAGS}{compiler}{pybind11.__version__}{cpu_model()}"
    key = hashlib.sha256(made_of.encode()).hexdigest()[:12]
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    target = HERE.parent / "_build" / key / f"{NAME}{suffix}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_suffix(f".{os.getpid()}")
        include = [f"-I{pybind11.get_include()}", f"-I{sysconfig.get_path('include')}"]
        subprocess.run([compiler, *FLAGS, *include, str(SOURCE), "-o", str(scratch)], check=True)
        scratch.replace(target)
    spec = importlib.util.spec_from_file_location(NAME, target)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def gflops_now(dtype: str, n_threads: int = 1, seconds: float = 0.004) -> float:
    """Return the rate of fused multiply-adds in registers, on so many threads at once."""
    loop = getattr(native(), f"multiply_adds_{dtype}")
    rounds = int(seconds * 1e9 / 12)
    threads = [threading.Thread(target=loop, args=(rounds,)) for _ in range(n_threads - 1)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    flops = n_threads * loop(rounds)
    for thread in threads:
        thread.join()
    return float(flops / (time.perf_counter() - begin) / 1e9)


def peak_gflops(dtype: str, n_threads: int = 1) -> float:
    """Return the highest of many short runs: another process can only make one slower."""
    return max(gflops_now(dtype, n_threads) for _ in range(25))


def cpu_model() -> str:
    """Return the CPU's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def cpus() -> set[int]:
    """Return the numbers of the CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def pin_to_one_core() -> None:
    """Keep this process, and every thread it starts, on one core, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(cpus())})


def description() -> dict[str, Any]:
    """Return what the reader of a number wants to know."""
    import numpy as np

    import steepest as st

    packages = ("numpy", "torch", "jax", "optax", "scikit-learn")
    versions = {"Python": platform.python_version(), "steepest": st.build_info()["version"]}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "cpu": cpu_model(),
        "cores": len(cpus()),
        "instruction_set": st.instruction_set(),
        "numpy_blas": np.show_config(mode="dicts")["Build Dependencies"]["blas"].get("name", ""),
        "versions": versions,
    }
