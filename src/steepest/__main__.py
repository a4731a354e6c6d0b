"""``python -m steepest``: the command line; without arguments, what this build is and runs on."""

from __future__ import annotations

from steepest.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
