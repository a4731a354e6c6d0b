"""What a model makes of an optimizer that gathers several batches, or that must see all rows at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from steepest.optimizers import Optimizer, PolyakStep, Prodigy
from steepest.optimizers._whole_step import has_clip

SIZED = (PolyakStep, Prodigy)  # whose steps depend on the size of the whole gradient


def accumulated(optimizer: Optimizer | None) -> int:
    """Return how many batches make a step.

    Their gradients' mean over rows is the gradient of all of them as one batch, and the core goes over a batch in
    blocks of rows: so nothing needs to be kept, and an epoch's last step is made with what is left.
    """
    return optimizer.accumulate if isinstance(optimizer, Optimizer) else 1


def check_whole_gradient(
    optimizer: Any,
    full: bool,
    *,
    has_l1: bool,
    has_dropout: bool = False,
    held: Collection[str] = (),
) -> None:
    """Raise if the optimizer compares losses or gradients that are not of one differentiable function.

    ``held``: what holds whole neurons, ``"group_lasso"`` or ``"max_norm"``.
    """
    if not isinstance(optimizer, Optimizer):
        return
    if "group_lasso" in held and (has_clip(optimizer) or isinstance(optimizer, SIZED)):
        what = type(optimizer).__name__
        what = what if isinstance(optimizer, SIZED) else "a clip of the gradient"
        raise ValueError(
            f"optimizer: {what} sees the gradient without that of group_lasso, whose proximal steps would be out "
            "of proportion; use l1_ratio, or another optimizer without a clip"
        )
    if not optimizer.needs_full_batch:
        return
    searches = getattr(optimizer, "line_search", None) is not None
    name = f"{type(optimizer).__name__}{' with line_search' if searches else ''}"
    if not full:
        raise ValueError(
            f"optimizer: {name} compares gradients of one function, and each batch is another; give a batch_size "
            "of at least the number of rows"
        )
    if has_dropout:
        raise ValueError(
            f"optimizer: {name} compares gradients of one function, and dropout makes another of it in each pass; "
            "dropout must be 0"
        )
    for name in sorted({"group_lasso", "max_norm"} & set(held)):
        if searches:
            raise ValueError(
                f"optimizer: {name} moves the weights behind a step, and does not go together with line_search"
            )
    if has_l1 and searches:
        raise ValueError(
            f"optimizer: {name} needs a differentiable objective, which an L1 penalty is not: l1_ratio must be 0; "
            "BarzilaiBorwein takes proximal steps"
        )
