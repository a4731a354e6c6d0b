"""Each library in a process of its own, so that none has its work disturbed by what another leaves running.

The threads of most libraries spin for a while before they sleep, in case that there is more to do. In one
process with another library, or beside it, they would take the cores from it that it is timed on.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

TASKS = Path("/proc/self/task")
LOOK_SECONDS, PATIENCE_SECONDS = 0.001, 10.0


class Worker:
    """A process that holds one object and answers calls of its methods.

    An answer comes when all threads of the process sleep, and they do so until the next call. So at any
    time at most one worker is awake, if nobody starts a call before the last one's answer. The process
    inherits environment and cores, and ends with the one that started it.
    """

    def __init__(self, make: Callable[..., Any], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")  # no library is loaded before
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, make, *arguments), daemon=True, name=str(arguments)
        )
        self.process.start()
        theirs.close()  # so that the pipe ends if the process does

    def call(self, method: str, *arguments: Any) -> Any:
        """Return what the object's method returns."""
        self.start(method, *arguments)
        return self.answer()

    def start(self, method: str, *arguments: Any) -> None:
        """Start a call, of which `answer` is the end."""
        self.pipe.send((method, arguments))

    def answer(self) -> Any:
        try:
            succeeded, answer = self.pipe.recv()
        except EOFError:
            self.process.join()
            code = self.process.exitcode
            raise RuntimeError(f"worker {self.process.name} ended with code {code}") from None
        if not succeeded:
            raise RuntimeError(f"worker {self.process.name}:\n{answer}")
        return answer


def call_all(workers: dict[str, Worker], method: str, *arguments: Any) -> dict[str, Any]:
    """Return what each one's method returns; they run at once, so it is not for timing."""
    for worker in workers.values():
        worker.start(method, *arguments)
    return {name: worker.answer() for name, worker in workers.items()}


def _serve(pipe: Connection, make: Callable[..., Any], *arguments: Any) -> None:
    """Answer calls for as long as there is somebody to ask."""
    held = make(*arguments)
    try:
        while True:
            method, arguments = pipe.recv()
            try:
                answer = True, getattr(held, method)(*arguments)
                rest()
            except Exception:
                answer = False, traceback.format_exc()
            pipe.send(answer)
    except (EOFError, BrokenPipeError):
        return


def rest() -> None:
    """Return when all other threads of this process sleep."""
    if not TASKS.exists():  # not Linux, where one can look
        time.sleep(0.05)
        return
    end = time.perf_counter() + PATIENCE_SECONDS
    while any(map(_is_awake, TASKS.iterdir())):
        if time.perf_counter() > end:
            raise TimeoutError(f"threads still run {PATIENCE_SECONDS:.0f} s after the call's end")
        time.sleep(LOOK_SECONDS)


def _is_awake(task: Path) -> bool:
    """Whether this is another thread than the caller, and runs or waits for a core."""
    if int(task.name) == threading.get_native_id():
        return False
    try:
        stat = (task / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False  # it has ended meanwhile
    return stat.rpartition(")")[2].split()[0] == "R"  # behind its name, which may hold anything
