"""Steps per second of minimize on compiled functions, beside Python's and beside SciPy.

    python benchmarks/compiled.py [--smoke]

Everybody runs in this process, on one thread, in turns whose order rotates; numbers are medians of
the turns. Answers are checked first. Numba is left out where it isn't installed.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import cython_build
import numpy as np
import scipy
from scipy.optimize import minimize as scipy_minimize

import steepest as st

START = (-1.2, 1.0)
OPTIMIZER = st.Momentum(1e-3, 0.97, nesterov=True)
GTOL = 1e-8


def rosenbrock(x: Any) -> float:
    x, y = x.tolist()
    return 100 * (y - x * x) ** 2 + (1 - x) ** 2


def rosenbrock_gradient(x: Any) -> Any:
    x, y = x.tolist()
    off_valley = y - x * x
    return np.array([-400 * x * off_valley - 2 * (1 - x), 200 * off_valley])


def numba_cfunc() -> Any:
    import numba
    from numba import types

    pointer = types.CPointer(types.double)

    @numba.cfunc(types.double(types.intc, pointer, pointer, types.voidptr))
    def f(n, x, gradient, user_data):  # type: ignore[no-untyped-def]
        off_valley = x[1] - x[0] * x[0]
        gradient[0] = -400 * x[0] * off_valley - 2 * (1 - x[0])
        gradient[1] = 200 * off_valley
        return 100 * off_valley * off_valley + (1 - x[0]) * (1 - x[0])

    return f


def ctypes_function() -> Any:
    """From C's point of view: a function pointer in some shared library, here steepest's own."""
    pointer = ctypes.POINTER(ctypes.c_double)
    prototype = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64, pointer, pointer, ctypes.c_void_p)
    return prototype(st._native.core.test_function("Rosenbrock"))  # type: ignore[attr-defined]


def compiled_functions() -> dict[str, Any]:
    """Return the same function in every kind of machine code."""
    cython = cython_build.load(cython_build.FUNCTIONS)
    kinds: dict[str, Any] = {
        "Cython, `LowLevelCallable`": scipy.LowLevelCallable.from_cython(cython, "rosenbrock"),
        "ctypes": ctypes_function(),
        "`st.functions.Rosenbrock()`": st.functions.Rosenbrock(),
    }
    try:
        return {"numba `cfunc`": numba_cfunc(), **kinds}
    except ImportError:
        return kinds


@dataclass
class Run:
    """A way to descend: what is called, and what it tells."""

    name: str
    call: Callable[[], Any]
    steps: Callable[[Any], int]
    evaluations: Callable[[Any], int]
    seconds: list[float]


def descent(name: str, fun: Any, grad: Any = None, **arguments: Any) -> Run:
    def call() -> Any:
        return st.minimize(fun, START, grad, OPTIMIZER, **arguments)

    return Run(name, call, lambda r: r.n_steps, lambda r: r.n_evaluations, [])


def by_scipy(method: str, kind: str, fun: Any, jac: Any) -> Run:
    def call() -> Any:
        return scipy_minimize(fun, START, jac=jac, method=method, options=options)

    options = {"gtol": GTOL, "ftol": 0.0} if method == "L-BFGS-B" else {"gtol": GTOL}
    return Run(f"SciPy {method}, {kind}", call, lambda r: r.nit, lambda r: r.nfev, [])


def measure(runs: list[Run], turns: int) -> None:
    for turn in range(turns):
        for run in runs[turn % len(runs) :] + runs[: turn % len(runs)]:
            begin = time.perf_counter()
            run.call()
            run.seconds.append(time.perf_counter() - begin)


def check_descents(runs: list[Run]) -> None:
    """All take the steps of the first; 200 of them tell, before roundings have grown."""
    want = st.minimize(rosenbrock, START, rosenbrock_gradient, OPTIMIZER, max_steps=200)
    for name, fun in compiled_functions().items():
        found = st.minimize(fun, START, None, OPTIMIZER, max_steps=200)
        np.testing.assert_allclose(found.x, want.x, rtol=1e-11, err_msg=name)
    for run in runs:
        result = run.call()
        assert result.n_steps > 1000, run.name


def steps_per_second(smoke: bool) -> None:
    """The same descent by each kind of function, in steps per second."""
    many, few = (20_000, 2_000) if smoke else (200_000, 5_000)
    always = {"gtol": 0.0}
    f = st.functions.Rosenbrock()
    runs = [
        descent("Python, on floats", rosenbrock, rosenbrock_gradient, max_steps=few, **always),
        descent("Python, in NumPy", f, f.gradient, max_steps=few, **always),
    ]
    in_python = len(runs)
    kinds = compiled_functions()
    for name, fun in kinds.items():
        runs.append(descent(name, fun, max_steps=many, **always))
    for name, fun in kinds.items():
        sparse = {"record_every": 1000, **always}
        runs.append(descent(f"{name}, `record_every=1000`", fun, max_steps=many, **sparse))
    check_descents(runs)
    measure(runs, 1 if smoke else 11)
    of_python = median(runs[0].seconds) / few
    print("| function | million steps a second | times Python |\n|---|---|---|")
    for i, run in enumerate(runs):
        a_step = median(run.seconds) / (few if i < in_python else many)
        print(f"| {run.name} | {1e-6 / a_step:.3g} | {of_python / a_step:.3g} |")


def to_the_minimum(smoke: bool) -> None:
    """Until the gradient is at most GTOL: steps, evaluations, time."""
    compiled = next(iter(compiled_functions().values()))
    pair = st.CompiledFunction(compiled).value_and_gradient
    runs = [
        descent("minimize, Momentum, compiled", compiled, gtol=GTOL, record_every=1000),
        descent("minimize, Momentum, Python", rosenbrock, rosenbrock_gradient, gtol=GTOL),
    ]
    for method in ("BFGS", "L-BFGS-B", "CG"):
        runs.append(by_scipy(method, "compiled", pair, True))
        runs.append(by_scipy(method, "Python", rosenbrock, rosenbrock_gradient))
    results = [run.call() for run in runs]
    for run, result in zip(runs, results, strict=True):
        # The least curvature at the minimum is 0.4, so this is a gradient of some 1e-8 at most.
        np.testing.assert_allclose(result.x, 1.0, atol=1e-7, err_msg=run.name)
    measure(runs, 1 if smoke else 21)
    print(
        "\n| to a gradient of 1e-8 | steps | evaluations | ms | steps a second |\n|---|---|---|---|---|"
    )
    for run, result in zip(runs, results, strict=True):
        steps, seconds = run.steps(result), median(run.seconds)
        print(
            f"| {run.name} | {steps:,} | {run.evaluations(result):,} | {1000 * seconds:.3g} "
            f"| {steps / seconds:,.0f} |"
        )


def many_starts(smoke: bool) -> None:
    """Descents per second from starts all over the domain, to a gradient of GTOL."""
    k = 20 if smoke else 300
    starts = np.random.default_rng(0).uniform((-2, -1), (2, 3), (k, 2))
    optimizer = st.Momentum(2e-4, 0.98)  # the rate above diverges from the corners
    fun = next(iter(compiled_functions().values()))
    function = st.functions.Rosenbrock()

    def many(*functions: Any, **arguments: Any) -> Callable[[], Any]:
        return lambda: (
            st.minimize_many(
                functions[0], starts, *functions[1:], optimizer=optimizer, gtol=GTOL, **arguments
            ).x
        )

    def one_by_one() -> Any:
        return [
            scipy_minimize(
                rosenbrock, start, jac=rosenbrock_gradient, method="BFGS", options={"gtol": GTOL}
            ).x
            for start in starts
        ]

    cores = st.get_num_threads()
    calls = {
        f"minimize_many, compiled, {n} thread{'s'[: n - 1]}": many(fun, n_threads=n)
        for n in {1, cores}
    }
    calls |= {
        "minimize_many, NumPy, `vectorized=True`": many(
            function.__call__, function.gradient, vectorized=True
        ),
        "SciPy BFGS, Python, one after the other": one_by_one,
    }
    runs = [Run(name, call, len, len, []) for name, call in calls.items()]
    for run in runs:
        np.testing.assert_allclose(run.call(), 1.0, atol=1e-6, err_msg=run.name)
    measure(runs, 1 if smoke else 5)
    print(f"\n| {k} starts | descents a second |\n|---|---|")
    for run in runs:
        print(f"| {run.name} | {k / median(run.seconds):,.0f} |")


def main() -> None:
    smoke = "--smoke" in sys.argv[1:]
    steps_per_second(smoke)
    to_the_minimum(smoke)
    many_starts(smoke)


if __name__ == "__main__":
    main()
