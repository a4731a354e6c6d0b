"""Optimizers: hyper-parameters, an explicit state, and one step in place.

An optimizer is a frozen dataclass of hyper-parameters. Everything that changes from step to step is in the
state, a plain dictionary of numbers and arrays that the caller owns, can save, copy and compare::

    optimizer = Adam(learning_rate=1e-3)
    state = optimizer.init(theta)
    optimizer.step(theta, gradient, state)  # theta and state change in place

Where ``average`` or the rule itself says so, the parameters to use are others than those that are stepped:
``optimizer.reported(theta, state)``.

The same dataclasses configure the estimators and :func:`steepest.minimize`, where the step runs inside the
compiled loop. ``steepest.reference.optimizer_step`` is the NumPy twin of ``step``.
"""

from __future__ import annotations

from steepest.optimizers.adam import AdaBelief, Adam, Adamax, AdamW, AMSGrad, NAdam, RAdam
from steepest.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from steepest.optimizers.averaging import EMA, Average, PolyakRuppert
from steepest.optimizers.base import Optimizer, Parameters, State
from steepest.optimizers.groups import Group
from steepest.optimizers.lbfgs import LBFGS
from steepest.optimizers.line_search import Armijo, LineSearch, Wolfe
from steepest.optimizers.momentum import SGD, Momentum
from steepest.optimizers.presets import preset
from steepest.optimizers.prodigy import Prodigy
from steepest.optimizers.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from steepest.optimizers.sign import Lion, Rprop
from steepest.optimizers.step_length import BarzilaiBorwein, PolyakStep

__all__ = [
    "EMA",
    "LBFGS",
    "SGD",
    "AMSGrad",
    "AdaBelief",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Armijo",
    "Average",
    "BarzilaiBorwein",
    "Group",
    "LineSearch",
    "Lion",
    "Momentum",
    "NAdam",
    "Optimizer",
    "Parameters",
    "PolyakRuppert",
    "PolyakStep",
    "Prodigy",
    "RAdam",
    "RMSprop",
    "Rprop",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "State",
    "Wolfe",
    "preset",
]
