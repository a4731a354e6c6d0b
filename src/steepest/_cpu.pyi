"""What the CPU can run."""

def available_instruction_sets() -> list[str]:
    """Return those of the instruction sets of this build that the CPU has, the best one last."""
