"""Compare the steps of torch, Keras, optax and scikit-learn with steepest's; ``--write`` stores them.

``make parity`` runs it with the bench group's packages. The stored steps, optimizers.npz, are what the test suite
compares with, which needs none of these.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

import steepest as st
from vectors.optimizer_cases import (
    CASES,
    KEPT,
    STORED,
    Case,
    label,
    losses,
    problem,
    rates,
    stored,
)

TOLERANCE = 1e-12


def torch_steps(name: str, keywords: dict[str, Any]) -> np.ndarray:
    """Return the parameters after each step, (STEPS, SIZE)."""
    import torch

    torch.set_default_dtype(torch.float64)  # else NAdam keeps the product of its momenta in float32
    start, gradients = problem()
    theta = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, name)([theta], **keywords)
    (group,) = optimizer.param_groups
    path = []
    for rate, gradient in zip(rates(group["lr"]), gradients, strict=True):
        group["lr"] = float(rate)
        theta.grad = torch.tensor(gradient)
        optimizer.step()
        path.append(theta.detach().numpy().copy())
    return np.array(path)


def keras_steps(name: str, keywords: dict[str, Any]) -> np.ndarray:
    """Return the parameters after each step, (STEPS, SIZE)."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import keras

    keras.config.set_floatx("float64")
    start, gradients = problem()
    theta = keras.Variable(start, dtype="float64")
    optimizer = getattr(keras.optimizers, name)(**keywords)
    path = []
    for rate, gradient in zip(rates(float(optimizer.learning_rate)), gradients, strict=True):
        optimizer.learning_rate = rate
        optimizer.apply([keras.ops.convert_to_tensor(gradient, dtype="float64")], [theta])
        path.append(np.array(theta.value))
    return np.array(path)


def optax_steps(name: str, keywords: dict[str, Any]) -> np.ndarray:
    """Return the parameters after each step, (STEPS, SIZE)."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import optax

    start, gradients = problem()
    if name == "polyak_sgd":
        optimizer = optax.polyak_sgd(**keywords)
    else:
        table = jax.numpy.asarray(rates(keywords["learning_rate"]))
        module = optax.contrib if name == "prodigy" else optax
        moved = {**keywords, "learning_rate": lambda count: table[count]}
        optimizer = getattr(module, name)(**moved)
    theta = jax.numpy.asarray(start)
    state = optimizer.init(theta)
    path = []
    for gradient, loss in zip(gradients, losses(), strict=True):
        extra = {"value": loss} if name == "polyak_sgd" else {}
        updates, state = optimizer.update(jax.numpy.asarray(gradient), state, theta, **extra)
        theta = optax.apply_updates(theta, updates)
        path.append(np.array(theta))
    return np.array(path)


def sklearn_steps(name: str, keywords: dict[str, Any]) -> np.ndarray:
    """Return the parameters after each step, (STEPS, SIZE), by the optimizers of its perceptrons."""
    from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

    start, gradients = problem()
    theta = start.copy()
    ours = {"nesterovs_momentum": "nesterov"}
    given = {ours.get(key, key): value for key, value in keywords.items()}
    optimizer = {"sgd": SGDOptimizer, "adam": AdamOptimizer}[name]([theta], **given)
    rate_name = "learning_rate" if name == "sgd" else "learning_rate_init"
    learning_rate = keywords.get("learning_rate_init", 0.001)
    path = []
    for rate, gradient in zip(rates(learning_rate), gradients, strict=True):
        setattr(optimizer, rate_name, rate)
        optimizer.update_params([theta], [gradient])
        path.append(theta.copy())
    return np.array(path)


THEIRS = {
    "torch": torch_steps,
    "keras": keras_steps,
    "optax": optax_steps,
    "sklearn": sklearn_steps,
}


def our_steps(case: Case, step: Any = None) -> np.ndarray:
    """Return the parameters after each step of the preset, (STEPS, SIZE); `step` in place of the compiled one."""
    library, name, keywords = case
    optimizer = st.optimizers.preset(library, name, **keywords)
    theta, gradients = problem()
    state = optimizer.init(theta)
    path = []
    by_loss = isinstance(optimizer, st.PolyakStep)
    all_rates = rates(optimizer.learning_rate, not by_loss)
    for rate, gradient, loss in zip(all_rates, gradients, losses(), strict=True):
        extra = {"loss": float(loss)} if by_loss else {}
        if step is None:
            optimizer.step(theta, gradient, state, float(rate), **extra)
        else:
            step(optimizer, theta, gradient, state, float(rate), **extra)
        path.append(theta.copy())
    return np.array(path)


def main() -> None:
    """Compare all cases; exit with 1 if any differs by more than the tolerance."""
    before = stored() if STORED.exists() else {}
    made, worst = {}, 0.0
    twin = st.reference.optimizer_step if "--twin" in sys.argv else None
    for case in CASES:
        theirs = THEIRS[case[0]](*case[1:])
        made[label(case)] = theirs[KEPT]
        apart = float(np.max(np.abs(our_steps(case, twin) - theirs)))
        moved = (
            float(np.max(np.abs(before[label(case)] - theirs[KEPT])))
            if label(case) in before
            else np.nan
        )
        worst = max(worst, apart, 0.0 if np.isnan(moved) else moved)
        print(f"{apart:8.1e}  stored {moved:8.1e}  {label(case)}")
    print(f"{len(CASES)} cases; the largest difference is {worst:.1e}, {TOLERANCE:.0e} is allowed")
    if "--write" in sys.argv:
        np.savez_compressed(STORED, labels=list(made), steps=list(made.values()))
    elif worst > TOLERANCE:
        sys.exit(1)


if __name__ == "__main__":
    main()
