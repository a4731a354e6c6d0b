"""One thread for everybody, the contest that checks before it times, and the table at the end."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Before NumPy is imported: its BLAS reads these once.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["BLIS_NUM_THREADS"] = "1"
os.environ["VECLIB_MAXIMUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import Cython
import cython_build
import numpy as np
import pytest
import report
import threadpoolctl

import steepest as st

MEASUREMENTS = pytest.StashKey[list[report.Measurement]]()
CYTHON_TYPES = {"float32": "float", "float64": "double"}


class Contest:
    """Runs one rival on one case: check the answer, then time it, and remember the median."""

    def __init__(self, benchmark: Any, measurements: list[report.Measurement]) -> None:
        self._benchmark = benchmark
        self._measurements = measurements

    def run(
        self,
        workload: str,
        case: object,
        rival: str,
        function: Callable[..., Any],
        arguments: Callable[[], tuple[Any, ...]],
        check: Callable[..., None],
        rounds: int | None = None,
    ) -> None:
        """Check ``function(*arguments())``, then time it.

        `check` takes the result and then the arguments, which the function may have changed. With
        `rounds`, that many calls are timed, each on arguments of its own; by default as many as
        pytest-benchmark thinks right, all on the same ones.
        """
        given = arguments()
        check(function(*given), *given)

        self._benchmark.group = workload
        self._benchmark.extra_info.update(case=str(case), rival=rival)
        if rounds is None:
            self._benchmark(function, *arguments())
        else:
            self._benchmark.pedantic(
                function, setup=lambda: (arguments(), {}), rounds=rounds, warmup_rounds=5
            )
        if self._benchmark.stats is not None:  # None in a smoke run, with --benchmark-disable
            median = self._benchmark.stats.stats.median
            self._measurements.append(report.Measurement(workload, str(case), rival, median))


@pytest.fixture
def contest(benchmark: Any, pytestconfig: pytest.Config) -> Contest:
    return Contest(benchmark, pytestconfig.stash.setdefault(MEASUREMENTS, []))


@pytest.fixture(scope="session")
def cython_loops() -> Callable[[str, str], Callable[..., Any]]:
    """Return name, dtype -> the loops for that dtype, so that no call has to find it out."""
    module = cython_build.load()
    return lambda name, dtype: getattr(module, name)[CYTHON_TYPES[dtype]]


@pytest.fixture
def implementation(cython_loops: Any) -> Callable[[str, str, str], Callable[..., Any]]:
    """Return rival, name, dtype -> the rival's function of that name."""

    def choose(rival: str, name: str, dtype: str) -> Callable[..., Any]:
        if rival == "cython":
            return cython_loops(name, dtype)
        return getattr(st.kernels if rival == "steepest" else st.reference, name)

    return choose


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    n_threads = st.get_num_threads()
    st.set_num_threads(1)
    with threadpoolctl.threadpool_limits(1):  # for a NumPy that was imported before this file
        many = [pool for pool in threadpoolctl.threadpool_info() if pool["num_threads"] != 1]
        assert not many, f"every rival runs on one thread, but these have more: {many}"
        yield
    st.set_num_threads(n_threads)


def machine_details() -> dict[str, Any]:
    build = st.build_info()
    pools = threadpoolctl.threadpool_info()
    blas = [f"{p['internal_api']} {p['version']}" for p in pools if p["user_api"] == "blas"]
    return {
        "instruction_set": build["instruction_set"],
        "blas": ", ".join(blas) or "no BLAS known to threadpoolctl",
        "steepest_build": {key: build[key] for key in ("compiler", "flags", "threads")},
        "cython_flags": cython_build.compile_flags(),
        "versions": {
            "steepest": build["version"],
            "Python": platform.python_version(),
            "NumPy": np.__version__,
            "Cython": Cython.__version__,
        },
    }


def pytest_configure(config: pytest.Config) -> None:
    # Said at teardown when a check fails before the clock starts; the failure says it better.
    config.addinivalue_line("filterwarnings", "ignore:Benchmark fixture was not used at all")


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    machine_info.update(machine_details())


@pytest.hookimpl(trylast=True)  # below the tables of pytest-benchmark
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    measurements = config.stash.get(MEASUREMENTS, [])
    if measurements:
        terminalreporter.section("steepest and its rivals")
        for line in [*report.table(measurements), "", *report.legend(machine_details())]:
            terminalreporter.write_line(line)
