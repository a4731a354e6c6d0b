"""Compare the steps of torch, Keras, optax, schedulefree and scikit-learn with steepest's; ``--write`` stores them.

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
    DECAY,
    GROUPS,
    KEPT,
    SIZE,
    STORED,
    Case,
    label,
    losses,
    path_of,
    preset_of,
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
    average = keywords.pop("average", None)
    grouped = keywords.pop("groups", False)
    parts = [[i] for i in range(SIZE)] if grouped else [list(range(SIZE))]
    theta = [torch.tensor(start[part], dtype=torch.float64, requires_grad=True) for part in parts]
    groups = [{"params": [part]} for part in theta]
    factors = [1.0] * len(theta)
    if grouped:
        for layer, kind, factor, decay in GROUPS:
            for at in range(2) if layer is None else (layer,):
                part = 2 * at + (kind == "biases")
                factors[part] = factor
                groups[part] |= {} if decay is None else {"weight_decay": decay}
    optimizer = getattr(torch.optim, name)(groups, **keywords)
    averaged = None
    if average is not None:
        swa, module = torch.optim.swa_utils, torch.nn.ParameterList(theta)
        theta = list(module)
        optimizer = getattr(torch.optim, name)(theta, **keywords)
        rule = swa.get_ema_multi_avg_fn(DECAY) if average == "exponential" else None
        averaged = swa.AveragedModel(module, multi_avg_fn=rule)
    path = []
    for rate, gradient in zip(rates(optimizer.defaults["lr"]), gradients, strict=True):
        for group, factor in zip(optimizer.param_groups, factors, strict=True):
            group["lr"] = float(rate) * factor
        for entry, part in zip(theta, parts, strict=True):
            entry.grad = torch.tensor(gradient[part])
        optimizer.step()
        reported = theta
        if averaged is not None:
            averaged.update_parameters(module)
            reported = list(averaged.module)
        path.append(np.concatenate([entry.detach().numpy() for entry in reported]))
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
        average = optimizer._model_variables_moving_average[0] if optimizer.use_ema else theta
        path.append(np.array(average.value))
    return np.array(path)


def optax_steps(name: str, keywords: dict[str, Any]) -> np.ndarray:
    """Return the parameters after each step, (STEPS, SIZE)."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import optax

    start, gradients = problem()
    mean = optax.ema(DECAY, debias=True) if keywords.pop("average", None) else None
    module = optax
    if name == "polyak_sgd":
        optimizer = optax.polyak_sgd(**keywords)
    else:
        if name == "prodigy" or name.startswith("schedule_free"):
            module = optax.contrib
        default = {"schedule_free_sgd": 1.0, "schedule_free_adamw": 0.0025}.get(name)
        table = jax.numpy.asarray(rates(keywords.get("learning_rate", default)))
        moved = {**keywords, "learning_rate": lambda count: table[count]}
        optimizer = getattr(module, name)(**moved)
    theta = jax.numpy.asarray(start)
    state = optimizer.init(theta)
    state_of_mean = None if mean is None else mean.init(theta)
    path = []
    for gradient, loss in zip(gradients, losses(), strict=True):
        extra = {"value": loss} if name == "polyak_sgd" else {}
        updates, state = optimizer.update(jax.numpy.asarray(gradient), state, theta, **extra)
        theta = optax.apply_updates(theta, updates)
        reported = theta
        if name.startswith("schedule_free"):
            reported = optax.contrib.schedule_free_eval_params(state, theta)
        if mean is not None:
            reported, state_of_mean = mean.update(theta, state_of_mean)
        path.append(np.array(reported))
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


def schedulefree_steps(name: str, keywords: dict[str, Any]) -> np.ndarray:
    """Return the parameters to evaluate after each step, (STEPS, SIZE), by the method's authors."""
    import schedulefree
    import torch

    start, gradients = problem()
    theta = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(schedulefree, name)([theta], **keywords)
    (group,) = optimizer.param_groups
    path = []
    for rate, gradient in zip(rates(group["lr"]), gradients, strict=True):
        optimizer.train()
        group["lr"] = float(rate)
        theta.grad = torch.tensor(gradient)
        optimizer.step()
        optimizer.eval()
        path.append(theta.detach().numpy().copy())
    return np.array(path)


THEIRS = {
    "torch": torch_steps,
    "keras": keras_steps,
    "optax": optax_steps,
    "sklearn": sklearn_steps,
    "schedulefree": schedulefree_steps,
}


def our_steps(case: Case, step: Any = None) -> np.ndarray:
    """Return what is reported after each step of the preset, (STEPS, SIZE); `step` in place of the compiled one."""
    optimizer = preset_of(case)
    if step is None:
        return path_of(optimizer, optimizer.step)
    return path_of(optimizer, lambda *arguments, **extra: step(optimizer, *arguments, **extra))


def main() -> None:
    """Compare all cases; exit with 1 if any differs by more than the tolerance."""
    before = stored() if STORED.exists() else {}
    made, worst = {}, 0.0
    twin = st.reference.optimizer_step if "--twin" in sys.argv else None
    for case in CASES:
        theirs = THEIRS[case[0]](case[1], dict(case[2]))
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
