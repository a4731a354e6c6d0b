"""steepest beside torch, JAX and scikit-learn: measures, keeps the numbers, prints tables, draws pictures.

Each part runs in processes of its own, once with every library on one and the same core and once on all
of them, because some libraries read their number of threads only when they are loaded.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import machine

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
# What each part is measured on: one core, or all of them ("all").
PARTS = {
    "training": ("1", "all"),
    "variants": ("1", "all"),
    "widths": ("1",),
    "sweep": ("1", "all"),
    "single": ("1",),
    "digits": ("1",),
    "users": ("1",),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python benchmarks/peers", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; default: all"
    )
    parser.add_argument("--cores", choices=("1", "all"), help="only on one core, or only on all")
    parser.add_argument(
        "--smoke", action="store_true", help="run each case once, verify, keep nothing"
    )
    parser.add_argument(
        "--render", action="store_true", help="measure nothing: tables and pictures"
    )
    parser.add_argument("--worker", choices=("1", "all"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    parts = arguments.parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"unknown part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if arguments.worker:
        print(json.dumps(work(parts[0], arguments.worker, arguments.smoke)))
        return
    if not arguments.render:
        for part in parts:
            run(part, arguments.cores, arguments.smoke)
    if not arguments.smoke:
        import report

        report.write(RESULTS)


def run(part: str, only: str | None, smoke: bool) -> None:
    """Measure one part in its processes, and keep what they found."""
    kept = RESULTS / f"{part}.json"
    found: dict[str, Any] = json.loads(kept.read_text())["cores"] if only and kept.exists() else {}
    for cores in PARTS[part][:1] if smoke else PARTS[part]:
        if only and only != cores:
            continue
        begin = time.perf_counter()
        print(f"{part}, {'one core' if cores == '1' else 'all cores'}", file=sys.stderr, flush=True)
        command = [sys.executable, str(HERE), part, "--worker", cores, *["--smoke"] * smoke]
        done = subprocess.run(command, env=environment(cores), stdout=subprocess.PIPE, check=False)
        if done.returncode != 0:
            sys.exit(f"{part} failed")
        found[cores] = json.loads(done.stdout.splitlines()[-1])
        print(f"  {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
    if found and not smoke:
        RESULTS.mkdir(exist_ok=True)
        saved = {"machine": machine.description(), "cores": found}
        kept.write_text(json.dumps(saved) + "\n")


def environment(cores: str) -> dict[str, str]:
    """Return the environment of a process in which every library has so many threads."""
    n = str(n_threads(cores))
    settings = {
        f"{name}_NUM_THREADS": n for name in ("OMP", "MKL", "OPENBLAS", "BLIS", "VECLIB_MAXIMUM")
    }
    if cores == "1":
        settings["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return {**os.environ, **settings, "JAX_PLATFORMS": "cpu"}


def n_threads(cores: str) -> int:
    return 1 if cores == "1" else len(machine.cpus())


def work(part: str, cores: str, smoke: bool) -> Any:
    """Measure in this process; what it prints on the way goes to the terminal."""
    threads = n_threads(cores)
    if cores == "1" and not smoke:
        machine.pin_to_one_core()
    printed, sys.stdout = sys.stdout, sys.stderr
    try:
        module = importlib.import_module(
            {"variants": "training", "widths": "training"}.get(part, part)
        )
        if module.__name__ == "training":
            return module.measure(part, threads, smoke)
        return module.measure(threads, smoke)
    finally:
        sys.stdout = printed


if __name__ == "__main__":
    main()
