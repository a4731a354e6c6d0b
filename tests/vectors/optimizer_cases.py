"""The optimizers of other libraries whose steps are stored, and the problem that they all take 200 steps on.

The gradients are given, not computed from the parameters, so that rounding errors only add up. The rate falls from
step to step: conventions that agree at a constant rate part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import steepest as st

STORED = Path(__file__).with_name("optimizers.npz")
STEPS = 200
SIZE = 4
KEPT = [*range(8), *range(24, STEPS, 25)]  # steps that are stored, counted from 0
FALL = 0.99  # of the rate, from step to step

Case = tuple[str, str, dict[str, Any]]
CASES: list[Case] = [
    ("torch", "SGD", {"lr": 0.02}),
    ("torch", "SGD", {"lr": 0.02, "weight_decay": 0.1}),
    ("torch", "SGD", {"lr": 0.02, "momentum": 0.9}),
    ("torch", "SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("torch", "SGD", {"lr": 0.02, "momentum": 0.8, "dampening": 0.3}),
    ("torch", "Adagrad", {}),
    ("torch", "Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1}),
    ("torch", "Adadelta", {}),
    ("torch", "Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1}),
    ("torch", "RMSprop", {}),
    ("torch", "RMSprop", {"centered": True, "eps": 1e-3, "weight_decay": 0.1}),
    ("torch", "RMSprop", {"lr": 1e-3, "alpha": 0.9, "momentum": 0.9}),
    ("torch", "RMSprop", {"lr": 1e-3, "momentum": 0.9, "centered": True}),
    ("torch", "Adam", {}),
    ("torch", "Adam", {"lr": 0.05, "betas": (0.8, 0.99), "eps": 1e-3, "weight_decay": 0.1}),
    ("torch", "Adam", {"lr": 0.05, "amsgrad": True}),
    ("torch", "AdamW", {"lr": 0.05}),
    ("torch", "AdamW", {"lr": 0.05, "amsgrad": True, "weight_decay": 0.2}),
    ("torch", "Adamax", {}),
    ("torch", "Adamax", {"lr": 0.05, "eps": 0.01, "weight_decay": 0.1}),
    ("torch", "NAdam", {}),
    ("torch", "NAdam", {"lr": 0.05, "momentum_decay": 0.1, "weight_decay": 0.1}),
    ("torch", "NAdam", {"lr": 0.05, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("torch", "RAdam", {}),
    ("torch", "RAdam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    ("torch", "Rprop", {}),
    ("torch", "Rprop", {"etas": (0.3, 1.5), "step_sizes": (1e-3, 0.05)}),
    ("torch", "SGD", {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1, "groups": True}),
    ("torch", "AdamW", {"lr": 0.05, "weight_decay": 0.1, "groups": True}),
    ("torch", "SGD", {"lr": 0.02, "momentum": 0.9, "average": "exponential"}),
    ("torch", "Adam", {"lr": 0.05, "average": "uniform"}),
    ("keras", "SGD", {}),
    ("keras", "SGD", {"momentum": 0.9, "weight_decay": 0.1}),
    ("keras", "SGD", {"momentum": 0.9, "nesterov": True}),
    ("keras", "Adagrad", {}),
    ("keras", "Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.5}),
    ("keras", "Adadelta", {}),
    ("keras", "Adadelta", {"learning_rate": 1.0, "epsilon": 1e-4, "weight_decay": 0.1}),
    ("keras", "RMSprop", {}),
    ("keras", "RMSprop", {"momentum": 0.9, "epsilon": 1e-3}),
    ("keras", "RMSprop", {"momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    ("keras", "Adam", {}),
    ("keras", "Adam", {"learning_rate": 0.05, "epsilon": 1e-3, "weight_decay": 0.1}),
    ("keras", "Adam", {"learning_rate": 0.05, "amsgrad": True}),
    ("keras", "AdamW", {"learning_rate": 0.05}),
    ("keras", "Adamax", {"learning_rate": 0.05, "epsilon": 0.01}),
    ("keras", "Nadam", {}),
    ("keras", "Nadam", {"learning_rate": 0.05, "beta_1": 0.8, "epsilon": 1e-3}),
    ("keras", "Lion", {}),
    ("keras", "Lion", {"learning_rate": 0.01, "weight_decay": 0.1}),
    ("keras", "SGD", {"momentum": 0.9, "clipvalue": 0.5}),
    ("keras", "Adam", {"learning_rate": 0.05, "clipnorm": 1.5, "weight_decay": 0.1}),
    ("keras", "Adam", {"learning_rate": 0.05, "gradient_accumulation_steps": 3}),
    ("keras", "RMSprop", {"global_clipnorm": 1.0, "gradient_accumulation_steps": 4}),
    ("optax", "sgd", {"learning_rate": 0.02}),
    ("optax", "sgd", {"learning_rate": 0.02, "momentum": 0.9}),
    ("optax", "sgd", {"learning_rate": 0.02, "momentum": 0.9, "nesterov": True}),
    ("optax", "adagrad", {"learning_rate": 0.1}),
    ("optax", "adadelta", {"learning_rate": 1.0}),
    ("optax", "adadelta", {"learning_rate": 1.0, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1}),
    ("optax", "rmsprop", {"learning_rate": 0.01}),
    ("optax", "rmsprop", {"learning_rate": 0.01, "eps": 1e-3, "eps_in_sqrt": False}),
    ("optax", "rmsprop", {"learning_rate": 1e-3, "centered": True, "momentum": 0.9}),
    ("optax", "adam", {"learning_rate": 0.05}),
    ("optax", "adamw", {"learning_rate": 0.05, "weight_decay": 0.1}),
    ("optax", "nadam", {"learning_rate": 0.05}),
    ("optax", "nadamw", {"learning_rate": 0.05, "b1": 0.8, "eps": 1e-3}),
    ("optax", "amsgrad", {"learning_rate": 0.05}),
    ("optax", "adamax", {"learning_rate": 0.05, "eps": 0.01}),
    ("optax", "adamaxw", {"learning_rate": 0.05, "weight_decay": 0.1}),
    ("optax", "radam", {"learning_rate": 0.05}),
    ("optax", "radam", {"learning_rate": 0.05, "b1": 0.8, "b2": 0.95, "eps": 1e-3}),
    ("optax", "adabelief", {"learning_rate": 0.05}),
    ("optax", "adabelief", {"learning_rate": 0.05, "eps": 1e-3, "eps_root": 1e-4}),
    ("optax", "lion", {"learning_rate": 0.01}),
    ("optax", "polyak_sgd", {"scaling": 0.7, "max_learning_rate": 0.5, "eps": 0.01}),
    ("optax", "prodigy", {"learning_rate": 0.02}),
    ("optax", "prodigy", {"learning_rate": 1.0, "estim_lr0": 0.01, "weight_decay": 0.1}),
    (
        "optax",
        "prodigy",
        {
            "learning_rate": 0.5,
            "betas": (0.8, 0.95),
            "beta3": 0.9,
            "estim_lr_coef": 2.0,
            "safeguard_warmup": True,
        },
    ),
    ("keras", "SGD", {"momentum": 0.9, "use_ema": True, "ema_momentum": 0.9}),
    ("keras", "Adam", {"learning_rate": 0.05, "use_ema": True}),
    ("optax", "schedule_free_sgd", {}),
    ("optax", "schedule_free_sgd", {"learning_rate": 0.1, "b1": 0.8, "weight_decay": 0.1}),
    ("optax", "schedule_free_adamw", {}),
    ("optax", "schedule_free_adamw", {"learning_rate": 0.05, "weight_decay": 0.1, "b2": 0.99}),
    ("schedulefree", "SGDScheduleFree", {"lr": 0.1, "weight_decay": 0.1}),
    ("schedulefree", "SGDScheduleFree", {"lr": 0.1, "warmup_steps": 20, "momentum": 0.8}),
    ("schedulefree", "SGDScheduleFree", {"lr": 0.1, "warmup_steps": 9, "r": 1.5}),
    ("schedulefree", "AdamWScheduleFree", {}),
    ("schedulefree", "AdamWScheduleFree", {"lr": 0.05, "warmup_steps": 20, "weight_decay": 0.1}),
    ("schedulefree", "AdamWScheduleFree", {"lr": 0.05, "r": 2.0, "weight_lr_power": 1.5}),
    ("optax", "sgd", {"learning_rate": 0.02, "average": "debiased"}),
    ("sklearn", "sgd", {}),
    ("sklearn", "sgd", {"nesterovs_momentum": False, "learning_rate_init": 0.02}),
    ("sklearn", "adam", {}),
    ("sklearn", "adam", {"learning_rate_init": 0.05, "epsilon": 1e-3}),
]

# Of the parameters as a list of one-entry arrays, the weights and the biases of two layers: layer, kind, factor of
# the rate, and the decay in place of the optimizer's.
GROUPS: list[tuple[int | None, str, float, float | None]] = [
    (0, "weights", 0.5, 0.3),
    (1, "weights", 2.0, None),
    (None, "biases", 3.0, 0.0),
]

DECAY = 0.9  # of the exponential averages
AVERAGES = {
    "exponential": st.optimizers.EMA(DECAY),
    "debiased": st.optimizers.EMA(DECAY, debias=True),
    "uniform": st.optimizers.PolyakRuppert(),
}


def label(case: Case) -> str:
    """Return a name that tells the case from the others."""
    library, name, keywords = case
    return f"{library} {name} " + ", ".join(f"{k}={v}" for k, v in keywords.items())


def problem() -> tuple[np.ndarray, np.ndarray]:
    """Return the start (SIZE,) and the gradients (STEPS, SIZE), of which some change their sign at times."""
    rng = np.random.default_rng(5)
    gradients = rng.standard_normal((STEPS, SIZE)) + np.linspace(0.0, 2.0, SIZE)
    return rng.standard_normal(SIZE), gradients


def losses() -> np.ndarray:
    """Return the loss at each step, (STEPS,), positive, for those that ask for it."""
    return np.random.default_rng(6).uniform(0.01, 3.0, STEPS)


def rates(learning_rate: float, falls: bool = True) -> np.ndarray:
    """Return the rate of each step, (STEPS,)."""
    return learning_rate * (FALL if falls else 1.0) ** np.arange(STEPS)


def preset_of(case: Case) -> st.optimizers.Optimizer:
    """Return our optimizer for the case."""
    library, name, keywords = case
    rest = {key: value for key, value in keywords.items() if key not in ("groups", "average")}
    optimizer = st.optimizers.preset(library, name, **rest)
    if "average" in keywords:
        return replace(optimizer, average=AVERAGES[keywords["average"]])
    if "groups" not in keywords:
        return optimizer
    decays = "weight_decay" if optimizer.weight_decay else "l2"
    groups = [
        st.optimizers.Group(layers=layer, kind=kind, learning_rate=factor, **{decays: decay})
        for layer, kind, factor, decay in GROUPS
    ]
    return replace(optimizer, groups=groups)


def path_of(optimizer: st.optimizers.Optimizer, step: Callable[..., None]) -> np.ndarray:
    """Return what the optimizer reports after each ``step(theta, gradient, state, rate)``, (STEPS, SIZE).

    One that asks for the loss has it as ``loss=``, and a constant rate.
    """
    start, gradients = problem()
    theta: Any = list(start[:, None]) if optimizer.groups else start
    state = optimizer.init(theta)
    path = []
    by_loss = isinstance(optimizer, st.PolyakStep)
    all_rates = rates(optimizer.learning_rate, not by_loss)
    for rate, gradient, loss in zip(all_rates, gradients, losses(), strict=True):
        extra = {"loss": float(loss)} if by_loss else {}
        parts = list(gradient[:, None]) if optimizer.groups else gradient
        step(theta, parts, state, float(rate), **extra)
        path.append(np.array(optimizer.reported(theta, state)).ravel())
    return np.array(path)


def stored() -> dict[str, np.ndarray]:
    """Return what is stored of each case, by its label: (len(KEPT), SIZE)."""
    with np.load(STORED) as file:
        return dict(zip(file["labels"].tolist(), file["steps"], strict=True))
