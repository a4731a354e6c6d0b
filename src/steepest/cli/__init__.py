"""The command line: ``steepest info``, ``steepest fit`` and ``steepest predict``.

``info`` needs nothing but the package itself; the other commands need the extra ``cli``
(typer, rich, pandas, pyarrow).
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from importlib import metadata

__all__ = ["info_text", "main"]

_EXTRA = {"click", "rich", "typer"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    Parameters
    ----------
    arguments : sequence of str, default=None
        What follows the program's name; None means ``sys.argv[1:]``, nothing means ``info``.

    Raises
    ------
    SystemExit
        Always: code 0, 2 for a fault in the arguments or the data, 130 after Ctrl-C.
    """
    words = list(sys.argv[1:] if arguments is None else arguments) or ["info"]
    try:
        from steepest.cli.app import app
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in _EXTRA:
            raise
        raise SystemExit(_without_extra(words, error.name)) from None
    app(args=words, prog_name="steepest")


def info_text() -> str:
    """Return the version, the build and what it runs on, one `name: value` a line."""
    import steepest

    facts: dict[str, object] = {"version": steepest.__version__}
    facts |= steepest.build_info()
    facts |= {
        "instruction set": steepest.instruction_set(),
        "available instruction sets": steepest.available_instruction_sets(),
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "numpy": metadata.version("numpy"),
        "scikit-learn": metadata.version("scikit-learn"),
        "platform": platform.platform(),
    }
    # One spelling, so that build_info's own entry of the same name doesn't appear twice.
    lines = {name.replace("_", " "): _words(value) for name, value in facts.items()}
    width = max(map(len, lines)) + 2
    return "\n".join(f"{name + ':':<{width}}{value}".rstrip() for name, value in lines.items())


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _without_extra(words: list[str], missing: str) -> int:
    if words == ["info"]:
        print(info_text())
        return 0
    print(
        f"steepest {words[0]} needs {missing}, which is not installed: "
        "pip install 'steepest[cli]'\n(`steepest info` works without it)",
        file=sys.stderr,
    )
    return 2
