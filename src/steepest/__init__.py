"""Gradient descent at the speed of the machine.

Linear, polynomial, logistic and feed-forward models, trained from NumPy arrays with the whole loop in compiled
code, and the minimisation of any function by the same optimizers. Importing the package loads neither scikit-learn
nor matplotlib; what needs them loads them on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from steepest import _native as _native
from steepest._native import (
    available_instruction_sets,
    build_info,
    get_num_threads,
    instruction_set,
    set_num_threads,
    use_instruction_set,
)

__version__ = "0.1.0"

if TYPE_CHECKING:
    from steepest import (
        calculus,
        functions,
        kernels,
        landscape,
        losses,
        optimizers,
        plot,
        pruning,
        recording,
        reference,
        schedules,
        stopping,
    )
    from steepest._compiled import CompiledFunction
    from steepest._lr_find import RangeTest, lr_find
    from steepest._minimize import MinimizeResult, minimize
    from steepest._minimize_many import MinimizeManyResult, minimize_many
    from steepest.estimators import (
        LinearRegression,
        LogisticRegression,
        MLPClassifier,
        MLPRegressor,
        PolynomialRegression,
    )
    from steepest.optimizers import (
        LBFGS,
        SGD,
        AdaBelief,
        Adadelta,
        Adagrad,
        Adam,
        Adamax,
        AdamW,
        AMSGrad,
        BarzilaiBorwein,
        Lion,
        Momentum,
        NAdam,
        PolyakStep,
        Prodigy,
        RAdam,
        RMSprop,
        Rprop,
        ScheduleFreeAdamW,
        ScheduleFreeSGD,
    )

__all__ = [
    "LBFGS",
    "SGD",
    "AMSGrad",
    "AdaBelief",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "BarzilaiBorwein",
    "CompiledFunction",
    "LinearRegression",
    "Lion",
    "LogisticRegression",
    "MLPClassifier",
    "MLPRegressor",
    "MinimizeManyResult",
    "MinimizeResult",
    "Momentum",
    "NAdam",
    "PolyakStep",
    "PolynomialRegression",
    "Prodigy",
    "RAdam",
    "RMSprop",
    "RangeTest",
    "Rprop",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "available_instruction_sets",
    "build_info",
    "calculus",
    "functions",
    "get_num_threads",
    "instruction_set",
    "kernels",
    "landscape",
    "losses",
    "lr_find",
    "minimize",
    "minimize_many",
    "optimizers",
    "plot",
    "pruning",
    "recording",
    "reference",
    "schedules",
    "set_num_threads",
    "stopping",
    "use_instruction_set",
]

# Where each lazily imported name lives; a submodule lives in itself.
_HOME = {
    **dict.fromkeys(
        (
            "SGD",
            "Adam",
            "AdamW",
            "Momentum",
            "AMSGrad",
            "AdaBelief",
            "Adadelta",
            "Adagrad",
            "Adamax",
            "Lion",
            "NAdam",
            "BarzilaiBorwein",
            "LBFGS",
            "PolyakStep",
            "Prodigy",
            "RAdam",
            "RMSprop",
            "Rprop",
            "ScheduleFreeAdamW",
            "ScheduleFreeSGD",
        ),
        "optimizers",
    ),
    **dict.fromkeys(("lr_find", "RangeTest"), "_lr_find"),
    **dict.fromkeys(("minimize", "MinimizeResult"), "_minimize"),
    **dict.fromkeys(("minimize_many", "MinimizeManyResult"), "_minimize_many"),
    "CompiledFunction": "_compiled",
    **dict.fromkeys(
        (
            "LinearRegression",
            "LogisticRegression",
            "MLPClassifier",
            "MLPRegressor",
            "PolynomialRegression",
        ),
        "estimators",
    ),
}
_SUBMODULES = (
    "calculus",
    "functions",
    "kernels",
    "landscape",
    "losses",
    "optimizers",
    "plot",
    "pruning",
    "recording",
    "reference",
    "schedules",
    "stopping",
)


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
