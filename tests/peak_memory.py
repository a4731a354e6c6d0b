"""The memory that a call needs, measured in a process of its own, which has no other history."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import steepest as st

# Linux's record of the highest use; and sanitizers need memory of their own.
CAN_MEASURE = (
    Path("/proc/self/clear_refs").exists() and "-fsanitize" not in st.build_info()["flags"]
)


def peak_above(call: Callable[[], Any]) -> int:
    """Return the highest resident memory during the call above that before it, in bytes."""
    getattr(ctypes.CDLL(None), "malloc_trim", int)(
        0
    )  # what was freed before must not serve the call
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    call()
    return _status("VmHWM") - before


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(key)).split()[1])


def run(program: str, *arguments: str) -> Any:
    """Return what the program, which may import this module, prints as JSON."""
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            # Otherwise the C library keeps some of what NumPy has freed, for what it may ask for next.
            "MALLOC_MMAP_THRESHOLD_": "131072",
        },
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
