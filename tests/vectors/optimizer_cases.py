"""The optimizers of other libraries whose steps are stored, and the problem that they all take 200 steps on.

The gradients are given, not computed from the parameters, so that rounding errors only add up. The rate falls from
step to step: conventions that agree at a constant rate part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

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
    ("sklearn", "sgd", {}),
    ("sklearn", "sgd", {"nesterovs_momentum": False, "learning_rate_init": 0.02}),
    ("sklearn", "adam", {}),
    ("sklearn", "adam", {"learning_rate_init": 0.05, "epsilon": 1e-3}),
]


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


def stored() -> dict[str, np.ndarray]:
    """Return what is stored of each case, by its label: (len(KEPT), SIZE)."""
    with np.load(STORED) as file:
        return dict(zip(file["labels"].tolist(), file["steps"], strict=True))
