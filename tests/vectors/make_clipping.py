"""Clip gradients by torch, Keras and optax and compare with steepest; ``--write`` stores them in clipping.json.

torch divides by the norm plus 1e-6, which no other library does; its limit is raised by as much here, so that what
is compared is the rest of it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

import steepest as st
from vectors.clipping_cases import CLIPPED, STORED, arrays

TOLERANCE = 1e-12
TORCH_EPSILON = 1e-6


def by_torch(name: str, limit: float) -> list[np.ndarray]:
    """Return the gradients as torch.nn.utils clips them."""
    import torch

    parameters = [torch.zeros(g.shape, dtype=torch.float64, requires_grad=True) for g in arrays()]
    for parameter, g in zip(parameters, arrays(), strict=True):
        parameter.grad = torch.tensor(g)
    if name == "clip_grad_norm_":
        norm = float(np.sqrt(sum(np.sum(g**2) for g in arrays())))
        limit *= 1 + TORCH_EPSILON / norm if limit < norm else 1
    getattr(torch.nn.utils, name)(parameters, limit)
    return [parameter.grad.numpy() for parameter in parameters]


def by_keras(name: str, limit: float) -> list[np.ndarray]:
    """Return minus the step of plain descent from 0 at rate 1."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import keras

    keras.config.set_floatx("float64")
    variables = [keras.Variable(np.zeros(g.shape), dtype="float64") for g in arrays()]
    optimizer = keras.optimizers.SGD(1.0, **{name: limit})
    optimizer.apply([keras.ops.convert_to_tensor(g, dtype="float64") for g in arrays()], variables)
    return [-keras.ops.convert_to_numpy(variable) for variable in variables]


def by_optax(name: str, limit: float) -> list[np.ndarray]:
    """Return the gradients as an optax transformation clips them."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import optax

    clip = getattr(optax, name)(limit)
    gradients = [jax.numpy.asarray(g) for g in arrays()]
    clipped, _ = clip.update(gradients, clip.init(gradients))
    return [np.array(part) for part in clipped]


THEIRS = {"torch": by_torch, "keras": by_keras, "optax": by_optax}


def by_steepest(field: str, limit: float) -> list[np.ndarray]:
    """Return minus the step of plain descent from 0 at rate 1."""
    optimizer = st.SGD(1.0, **{field: limit})
    theta = [np.zeros_like(g) for g in arrays()]
    optimizer.step(theta, arrays(), optimizer.init(theta))
    return [-part for part in theta]


def main() -> None:
    """Compare all cases; exit with 1 if any differs by more than the tolerance."""
    made: dict[str, Any] = {}
    worst = 0.0
    for case in CLIPPED:
        library, name, field, limit = case
        theirs = THEIRS[library](name, limit)
        apart = max(
            float(np.max(np.abs(a - b)))
            for a, b in zip(by_steepest(field, limit), theirs, strict=True)
        )
        worst = max(worst, apart)
        made[str(case)] = [part.ravel().tolist() for part in theirs]
        print(f"{apart:8.1e}  {case}")
    print(
        f"{len(CLIPPED)} cases; the largest difference is {worst:.1e}, {TOLERANCE:.0e} is allowed"
    )
    if "--write" in sys.argv:
        STORED.write_text(json.dumps(made, indent=1) + "\n")
    elif worst > TOLERANCE:
        sys.exit(1)


if __name__ == "__main__":
    main()
