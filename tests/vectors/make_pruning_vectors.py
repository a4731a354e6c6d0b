"""Compare masks with those of torch.nn.utils.prune; ``--write`` stores torch's, for the test suite.

``make parity`` runs it with the bench group's packages.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from vectors.pruning_cases import CASES, STORED, masks_of, problem


def torch_masks(how: str, amounts: tuple[float | int, ...]) -> list[np.ndarray]:
    """Return the masks of all layers after one amount after the other."""
    import torch
    from torch.nn.utils import prune

    layers: list[Any] = []
    for w in problem():
        layer = torch.nn.Linear(*w.shape, dtype=torch.float64)
        layer.weight = torch.nn.Parameter(torch.tensor(w.T.copy()))
        layers.append(layer)
    for amount in amounts:
        if how == "global":
            pairs = [(layer, "weight") for layer in layers]
            prune.global_unstructured(pairs, prune.L1Unstructured, amount=amount)
        for layer in layers[: -1 if how == "neurons" else None]:
            if how == "magnitude":
                prune.l1_unstructured(layer, "weight", amount=amount)
            elif how == "neurons":
                prune.ln_structured(layer, "weight", amount=amount, n=2, dim=0)
    masks = [getattr(layer, "weight_mask", torch.ones_like(layer.weight)) for layer in layers]
    return [mask.numpy().T.astype(bool) for mask in masks]


def main() -> None:
    """Store torch's masks, or compare."""
    theirs = {}
    for name, (how, amounts) in CASES.items():
        for layer, mask in enumerate(torch_masks(how, amounts)):
            theirs[f"{name} {layer}"] = mask
        for layer, mask in enumerate(masks_of(how, amounts)):
            if not np.array_equal(mask, theirs[f"{name} {layer}"]):
                raise SystemExit(f"{name}: layer {layer} is masked otherwise than by torch")
    if "--write" in sys.argv:
        np.savez_compressed(STORED, **theirs)
    print(f"{len(CASES)} sequences of prunings are torch's")


if __name__ == "__main__":
    main()
