"""Other libraries' optimizers, by their own names and keywords, in their exact conventions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from steepest.optimizers.adam import AdaBelief, Adam, Adamax, AdamW, AMSGrad, NAdam, RAdam
from steepest.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from steepest.optimizers.averaging import EMA
from steepest.optimizers.base import Optimizer
from steepest.optimizers.momentum import SGD, Momentum
from steepest.optimizers.prodigy import Prodigy
from steepest.optimizers.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from steepest.optimizers.sign import Lion, Rprop
from steepest.optimizers.step_length import PolyakStep

__all__ = ["preset"]

Keywords = dict[str, Any]
Table = dict[
    str, tuple[Keywords, Callable[[Keywords], Optimizer]]
]  # defaults; what is made of them
_REQUIRED = object()


def preset(
    library: Literal["torch", "keras", "optax", "sklearn", "schedulefree"],
    name: str,
    /,
    **keywords: Any,
) -> Optimizer:
    """Return the optimizer that takes another library's steps.

    From the same start, on the same gradients and rates, the parameters agree to the rounding of float64.

    Parameters
    ----------
    library : {"torch", "keras", "optax", "sklearn", "schedulefree"}
        torch 2.13, Keras 3.15, optax 0.2.8 (with the schedule-free two of ``optax.contrib``), the solvers of
        scikit-learn 1.9's multi-layer perceptrons, or schedulefree 1.4, by the authors of that method.
    name : str
        As the library spells it, in upper or lower case: "RMSprop", "adamw".
    **keywords
        That library's keywords; the others have its defaults. Those that only say how it computes (torch's
        ``foreach``, ``fused``, ``capturable``, ``differentiable``; Keras's ``name``) are accepted and mean nothing.

    Returns
    -------
    Optimizer

    Raises
    ------
    ValueError
        If library or name is unknown, or a keyword asks for what the optimizers here don't do.
    TypeError
        If the library's optimizer has no such keyword, or one that it requires is missing.

    Notes
    -----
    torch's ``weight_decay`` is coupled, our ``l2``, unless it is AdamW's or ``decoupled_weight_decay=True``;
    Keras's and optax's is decoupled, but for optax's adadelta. In a model it applies to weights alone.
    Keras's ``use_ema=True`` is our ``average=EMA(ema_momentum)``. optax's
    ``rprop`` is missing: it applies each step one call late. torch's NAdam keeps the product of its momenta in
    its default dtype: with float32, and parameters of float64, it differs in the tenth digit. optax's prodigy is
    that of ``optax.contrib``; its polyak_sgd goes uphill where the loss is below ``f_min``, unless it is "sps+".

    Examples
    --------
    >>> import steepest as st
    >>> st.optimizers.preset("keras", "Nadam", beta_1=0.8).momentum_decay
    1.0
    """
    if library not in _LIBRARIES:
        raise ValueError(f"library must be one of {_listed(_LIBRARIES)}, but is {library!r}")
    table, fixed, ignored = _LIBRARIES[library]
    spelled = {key.lower(): key for key in table}.get(str(name).lower())
    if spelled is None:
        raise ValueError(f"name must be one of {library}'s {_listed(table)}, but is {name!r}")
    defaults, make = table[spelled]
    label = f"{library}'s {spelled}"
    for key, value in keywords.items():
        if key in fixed and value != fixed[key]:
            raise ValueError(f"{key} of {label} must be {fixed[key]!r} here, but is {value!r}")
        if key not in defaults and key not in fixed and key not in ignored:
            raise TypeError(f"{label} has no keyword {key!r}; it has {_listed(defaults)}")
    given = {**defaults, **{key: value for key, value in keywords.items() if key in defaults}}
    for key, value in given.items():
        if value is _REQUIRED:
            raise TypeError(f"{label} requires {key}")
    optimizer = make(given)
    if keywords.get("use_ema"):
        optimizer = replace(optimizer, average=_keras_average(keywords))
    return optimizer


def _listed(names: Any) -> str:
    return ", ".join(repr(name) for name in names)


def _only(k: Keywords, key: str, value: Any, instead: str = "") -> None:
    """Raise unless a keyword has the one value that is supported."""
    if k[key] != value:
        raise ValueError(f"{key} must be {value!r} here, but is {k[key]!r}{instead}")


# ---------------------------------------------------------------- torch


def _torch_decay(k: Keywords) -> Keywords:
    decoupled = k.get("decoupled_weight_decay", False)
    return {"weight_decay" if decoupled else "l2": k["weight_decay"]}


def _torch_betas(k: Keywords) -> Keywords:
    beta_1, beta_2 = k["betas"]
    return {"learning_rate": k["lr"], "beta_1": beta_1, "beta_2": beta_2, "epsilon": k["eps"]}


def _torch_sgd(k: Keywords) -> Optimizer:
    if k["momentum"] == 0:
        if k["nesterov"]:
            raise ValueError("nesterov=True requires a momentum above 0")
        return SGD(k["lr"], l2=k["weight_decay"])
    return Momentum(
        k["lr"],
        k["momentum"],
        nesterov=k["nesterov"],
        dampening=k["dampening"],
        l2=k["weight_decay"],
    )


def _torch_adam(k: Keywords) -> Optimizer:
    kind = AMSGrad if k["amsgrad"] else Adam
    return kind(**_torch_betas(k), **_torch_decay(k))


def _torch_adamw(k: Keywords) -> Optimizer:
    kind = AMSGrad if k["amsgrad"] else AdamW
    return kind(**_torch_betas(k), weight_decay=k["weight_decay"])


def _torch_adagrad(k: Keywords) -> Optimizer:
    _only(k, "lr_decay", 0, "; the same is schedule=InverseTime(lr_decay)")
    return Adagrad(k["lr"], k["eps"], initial_sum=k["initial_accumulator_value"], **_torch_decay(k))


def _torch_rmsprop(k: Keywords) -> Optimizer:
    return RMSprop(
        k["lr"],
        k["alpha"],
        k["eps"],
        momentum=k["momentum"],
        centered=k["centered"],
        **_torch_decay(k),
    )


_TORCH: Table = {
    "SGD": (
        {"lr": 1e-3, "momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": False},
        _torch_sgd,
    ),
    "Adagrad": (
        {
            "lr": 1e-2,
            "lr_decay": 0,
            "weight_decay": 0,
            "initial_accumulator_value": 0,
            "eps": 1e-10,
        },
        _torch_adagrad,
    ),
    "Adadelta": (
        {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0},
        lambda k: Adadelta(k["lr"], k["rho"], k["eps"], **_torch_decay(k)),
    ),
    "RMSprop": (
        {
            "lr": 1e-2,
            "alpha": 0.99,
            "eps": 1e-8,
            "weight_decay": 0,
            "momentum": 0,
            "centered": False,
        },
        _torch_rmsprop,
    ),
    "Adam": (
        {
            "lr": 1e-3,
            "betas": (0.9, 0.999),
            "eps": 1e-8,
            "weight_decay": 0,
            "amsgrad": False,
            "decoupled_weight_decay": False,
        },
        _torch_adam,
    ),
    "AdamW": (
        {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-2, "amsgrad": False},
        _torch_adamw,
    ),
    "Adamax": (
        {"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0},
        lambda k: Adamax(**_torch_betas(k), **_torch_decay(k)),
    ),
    "NAdam": (
        {
            "lr": 2e-3,
            "betas": (0.9, 0.999),
            "eps": 1e-8,
            "weight_decay": 0,
            "momentum_decay": 4e-3,
            "decoupled_weight_decay": False,
        },
        lambda k: NAdam(**_torch_betas(k), momentum_decay=k["momentum_decay"], **_torch_decay(k)),
    ),
    "RAdam": (
        {
            "lr": 1e-3,
            "betas": (0.9, 0.999),
            "eps": 1e-8,
            "weight_decay": 0,
            "decoupled_weight_decay": False,
        },
        lambda k: RAdam(**_torch_betas(k), epsilon_hat=True, **_torch_decay(k)),
    ),
    "Rprop": (
        {"lr": 1e-2, "etas": (0.5, 1.2), "step_sizes": (1e-6, 50)},
        lambda k: Rprop(k["lr"], *k["etas"], *k["step_sizes"]),
    ),
}

# ---------------------------------------------------------------- Keras


def _keras_base(k: Keywords) -> Keywords:
    shared = {"beta_1", "beta_2", "epsilon", "rho"}
    return {
        "learning_rate": k["learning_rate"],
        "weight_decay": k["weight_decay"] or 0.0,
        "clip_value": k["clipvalue"],
        "clip_norm": k["clipnorm"],
        "clip_global_norm": k["global_clipnorm"],
        "accumulate": k["gradient_accumulation_steps"] or 1,
        **{key: k[key] for key in shared & k.keys()},
    }


def _keras_average(k: Keywords) -> EMA:
    if k.get("ema_overwrite_frequency") is not None:
        raise ValueError(
            "ema_overwrite_frequency must be None here: the average is reported, and never overwrites the weights"
        )
    if (k.get("gradient_accumulation_steps") or 1) > 1:
        raise ValueError(
            "gradient_accumulation_steps must be None with use_ema=True here: Keras averages after every batch, "
            "whether it has made a step or not"
        )
    return EMA(k.get("ema_momentum", 0.99))


def _keras_sgd(k: Keywords) -> Optimizer:
    if k["momentum"] == 0:
        return SGD(**_keras_base(k))
    return Momentum(
        **_keras_base(k), momentum=k["momentum"], velocity="step", nesterov=k["nesterov"]
    )


def _keras_adam(k: Keywords) -> Optimizer:
    kind = AMSGrad if k["amsgrad"] else Adam
    return kind(**_keras_base(k), epsilon_hat=True)


def _keras_adamw(k: Keywords) -> Optimizer:
    kind = AMSGrad if k["amsgrad"] else AdamW
    return kind(**_keras_base(k), epsilon_hat=True)


def _keras_rmsprop(k: Keywords) -> Optimizer:
    return RMSprop(
        **_keras_base(k),
        epsilon_inside=True,
        momentum=k["momentum"],
        centered=k["centered"],
        velocity="step",
    )


_KERAS_ANY: Keywords = {
    "weight_decay": None,
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "gradient_accumulation_steps": None,
}
_KERAS_RATE: Keywords = {"learning_rate": 0.001, **_KERAS_ANY}
_KERAS_BETAS: Keywords = {**_KERAS_RATE, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
_KERAS: Table = {
    "SGD": (
        {**_KERAS_ANY, "learning_rate": 0.01, "momentum": 0.0, "nesterov": False},
        _keras_sgd,
    ),
    "Adagrad": (
        {**_KERAS_RATE, "initial_accumulator_value": 0.1, "epsilon": 1e-7},
        lambda k: Adagrad(
            **_keras_base(k), epsilon_inside=True, initial_sum=k["initial_accumulator_value"]
        ),
    ),
    "Adadelta": (
        {**_KERAS_RATE, "rho": 0.95, "epsilon": 1e-7},
        lambda k: Adadelta(**_keras_base(k)),
    ),
    "RMSprop": (
        {**_KERAS_RATE, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False},
        _keras_rmsprop,
    ),
    "Adam": ({**_KERAS_BETAS, "amsgrad": False}, _keras_adam),
    "AdamW": ({**_KERAS_BETAS, "weight_decay": 0.004, "amsgrad": False}, _keras_adamw),
    "Adamax": (_KERAS_BETAS, lambda k: Adamax(**_keras_base(k), epsilon_inside=False)),
    "Nadam": (_KERAS_BETAS, lambda k: NAdam(**_keras_base(k), momentum_decay=1.0)),
    "Lion": (
        {**_KERAS_RATE, "beta_1": 0.9, "beta_2": 0.99},
        lambda k: Lion(**_keras_base(k)),
    ),
}

# ---------------------------------------------------------------- optax


def _optax_betas(k: Keywords) -> Keywords:
    if "eps_root" in k:
        _only(k, "eps_root", 0.0)
    betas = {"learning_rate": k["learning_rate"], "beta_1": k["b1"], "beta_2": k["b2"]}
    return {**betas, "epsilon": k["eps"], "weight_decay": k.get("weight_decay", 0.0)}


def _optax_adam(k: Keywords) -> Optimizer:
    if k["nesterov"]:
        return NAdam(**_optax_betas(k), momentum_decay=None)
    return (AdamW if "weight_decay" in k else Adam)(**_optax_betas(k))


def _optax_amsgrad(k: Keywords) -> Optimizer:
    _only(k, "bias_correction_mu", True)
    _only(k, "bias_correction_nu", True)
    return AMSGrad(**_optax_betas(k), maximum="corrected")


def _optax_radam(k: Keywords) -> Optimizer:
    _only(k, "nesterov", False)
    return RAdam(**_optax_betas(k), threshold=k["threshold"])


def _optax_adabelief(k: Keywords) -> Optimizer:
    _only(k, "nesterov", False)
    return AdaBelief(k["learning_rate"], k["b1"], k["b2"], k["eps"], k["eps_root"])


def _optax_rmsprop(k: Keywords) -> Optimizer:
    _only(k, "initial_scale", 0.0)
    _only(k, "nesterov", False)
    _only(k, "bias_correction", False)
    return RMSprop(
        k["learning_rate"],
        k["decay"],
        k["eps"],
        k["eps_in_sqrt"],
        k["momentum"] or 0.0,
        k["centered"],
        "step",
    )


def _optax_sgd(k: Keywords) -> Optimizer:
    if k["momentum"] is None:
        return SGD(k["learning_rate"])
    return Momentum(k["learning_rate"], k["momentum"], "gradient", k["nesterov"])


def _optax_lion(k: Keywords) -> Optimizer:
    return Lion(k["learning_rate"], k["b1"], k["b2"], weight_decay=k["weight_decay"])


def _optax_prodigy(k: Keywords) -> Optimizer:
    beta_1, beta_2 = k["betas"]
    return Prodigy(
        k["learning_rate"],
        beta_1,
        beta_2,
        k["beta3"],
        k["eps"],
        k["estim_lr0"],
        k["estim_lr_coef"],
        bias_correction=True,
        safeguard_warmup=k["safeguard_warmup"],
        weight_decay=k["weight_decay"],
    )


def _optax_polyak(k: Keywords) -> Optimizer:
    if k["variant"] not in ("sps", "sps+"):
        raise ValueError(f"variant must be 'sps' or 'sps+', but is {k['variant']!r}")
    scale = k["scaling"]  # optax applies it to the gradient first: to that of the norm, too
    return PolyakStep(1 / scale, k["f_min"], scale**2 * k["max_learning_rate"], k["eps"] / scale**2)


def _optax_schedule_free(k: Keywords) -> Keywords:
    _only(k, "warmup_steps", None, "; optax's first step has the rate 0 and no weight")
    _only(k, "state_dtype", None)
    shared = {"learning_rate", "weight_lr_power"}
    return {"weight_decay": k["weight_decay"] or 0.0, **{key: k[key] for key in shared}}


_OPTAX_SCHEDULE_FREE: Keywords = {
    "warmup_steps": None,
    "b1": 0.9,
    "weight_lr_power": 2.0,
    "state_dtype": None,
}
_OPTAX_RATE: Keywords = {"learning_rate": _REQUIRED}
_OPTAX_BETAS: Keywords = {**_OPTAX_RATE, "b1": 0.9, "b2": 0.999, "eps": 1e-8}
_OPTAX_ADAM: Keywords = {**_OPTAX_BETAS, "eps_root": 0.0, "nesterov": False}
_OPTAX_DECAY: Keywords = {"weight_decay": 1e-4}
_OPTAX: Table = {
    "sgd": ({**_OPTAX_RATE, "momentum": None, "nesterov": False}, _optax_sgd),
    "adagrad": (
        {**_OPTAX_RATE, "initial_accumulator_value": 0.1, "eps": 1e-7},
        lambda k: Adagrad(k["learning_rate"], k["eps"], True, k["initial_accumulator_value"]),
    ),
    "adadelta": (
        {**_OPTAX_RATE, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0},
        lambda k: Adadelta(k["learning_rate"], k["rho"], k["eps"], l2=k["weight_decay"]),
    ),
    "rmsprop": (
        {
            **_OPTAX_RATE,
            "decay": 0.9,
            "eps": 1e-8,
            "initial_scale": 0.0,
            "eps_in_sqrt": True,
            "centered": False,
            "momentum": None,
            "nesterov": False,
            "bias_correction": False,
        },
        _optax_rmsprop,
    ),
    "adam": (_OPTAX_ADAM, _optax_adam),
    "adamw": ({**_OPTAX_ADAM, **_OPTAX_DECAY}, _optax_adam),
    "nadam": ({**_OPTAX_ADAM, "nesterov": True}, _optax_adam),
    "nadamw": ({**_OPTAX_ADAM, **_OPTAX_DECAY, "nesterov": True}, _optax_adam),
    "amsgrad": (
        {
            **_OPTAX_BETAS,
            "eps_root": 0.0,
            "bias_correction_mu": True,
            "bias_correction_nu": True,
        },
        _optax_amsgrad,
    ),
    "adamax": (_OPTAX_BETAS, lambda k: Adamax(**_optax_betas(k))),
    "adamaxw": ({**_OPTAX_BETAS, **_OPTAX_DECAY}, lambda k: Adamax(**_optax_betas(k))),
    "radam": ({**_OPTAX_ADAM, "threshold": 5.0}, _optax_radam),
    "adabelief": ({**_OPTAX_ADAM, "eps": 1e-16, "eps_root": 1e-16}, _optax_adabelief),
    "lion": ({**_OPTAX_RATE, "b1": 0.9, "b2": 0.99, "weight_decay": 1e-3}, _optax_lion),
    "polyak_sgd": (
        {"max_learning_rate": 1.0, "scaling": 1.0, "f_min": 0.0, "eps": 0.0, "variant": "sps"},
        _optax_polyak,
    ),
    "prodigy": (
        {
            "learning_rate": 1.0,
            "betas": (0.9, 0.999),
            "beta3": None,
            "eps": 1e-8,
            "estim_lr0": 1e-6,
            "estim_lr_coef": 1.0,
            "weight_decay": 0.0,
            "safeguard_warmup": False,
        },
        _optax_prodigy,
    ),
    "schedule_free_sgd": (
        {"learning_rate": 1.0, "weight_decay": None, **_OPTAX_SCHEDULE_FREE},
        lambda k: ScheduleFreeSGD(beta=k["b1"], **_optax_schedule_free(k)),
    ),
    "schedule_free_adamw": (
        {
            "learning_rate": 0.0025,
            "b2": 0.999,
            "eps": 1e-8,
            "weight_decay": 0.0,
            **_OPTAX_SCHEDULE_FREE,
        },
        lambda k: ScheduleFreeAdamW(
            beta_1=k["b1"], beta_2=k["b2"], epsilon=k["eps"], **_optax_schedule_free(k)
        ),
    ),
}

# ---------------------------------------------------------------- scikit-learn

_SKLEARN: Table = {
    "sgd": (
        {"learning_rate_init": 0.001, "momentum": 0.9, "nesterovs_momentum": True},
        lambda k: Momentum(k["learning_rate_init"], k["momentum"], "step", k["nesterovs_momentum"]),
    ),
    "adam": (
        {"learning_rate_init": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
        lambda k: Adam(
            k["learning_rate_init"], k["beta_1"], k["beta_2"], k["epsilon"], epsilon_hat=True
        ),
    ),
}

# ---------------------------------------------------------------- schedulefree


def _schedule_free(k: Keywords) -> Keywords:
    shared = {"weight_decay", "warmup_steps", "r", "weight_lr_power"}
    return {"learning_rate": k["lr"], **{key: k[key] for key in shared}}


_SCHEDULE_FREE_KEYWORDS: Keywords = {
    "weight_decay": 0,
    "warmup_steps": 0,
    "r": 0.0,
    "weight_lr_power": 2.0,
}
_SCHEDULE_FREE: Table = {
    "SGDScheduleFree": (
        {"lr": 1.0, "momentum": 0.9, **_SCHEDULE_FREE_KEYWORDS},
        lambda k: ScheduleFreeSGD(beta=k["momentum"], **_schedule_free(k)),
    ),
    "AdamWScheduleFree": (
        {"lr": 0.0025, "betas": (0.9, 0.999), "eps": 1e-8, **_SCHEDULE_FREE_KEYWORDS},
        lambda k: ScheduleFreeAdamW(
            beta_1=k["betas"][0], beta_2=k["betas"][1], epsilon=k["eps"], **_schedule_free(k)
        ),
    ),
}

# library -> its optimizers; keywords that must have one value; keywords that do not change the numbers
_LIBRARIES: dict[str, tuple[Table, Keywords, tuple[str, ...]]] = {
    "torch": (
        _TORCH,
        {"maximize": False},
        ("foreach", "fused", "capturable", "differentiable"),
    ),
    "keras": (
        _KERAS,
        {
            "loss_scale_factor": None,
        },
        ("name", "use_ema", "ema_momentum", "ema_overwrite_frequency"),
    ),
    "optax": (
        _OPTAX,
        {"mu_dtype": None, "accumulator_dtype": None, "mask": None, "weight_decay_mask": None},
        (),
    ),
    "sklearn": (_SKLEARN, {}, ()),
    "schedulefree": (_SCHEDULE_FREE, {}, ("foreach",)),
}
