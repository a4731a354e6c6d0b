"""What the CPU can run, and on how many threads."""

def available_instruction_sets() -> list[str]:
    """Return those of the instruction sets of this build that the CPU has, the best one last."""

def get_num_threads() -> int:
    """Return how many threads a call may use that is not told a number of its own."""

def set_num_threads(n: int, /) -> None:
    """Set it; less than 1 is taken for 1."""
