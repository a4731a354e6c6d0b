"""Schedules on their way to the core: which hyper-parameters they move, and Python functions evaluated ahead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from steepest.schedules import Plateau, Schedule

SCHEDULED = ("learning_rate", "momentum", "beta_1", "beta_2", "weight_decay")
MOST_CHECKED = 100_000  # values of a hyper-parameter that are looked at before a descent


def check_schedule(schedule: Any, optimizer: Any, *, validated: bool) -> dict[str, Schedule]:
    """Return the schedule of each hyper-parameter, or raise.

    ``validated``: whether there are validation data, which a :class:`Plateau` may monitor.
    """
    given = schedule if isinstance(schedule, Mapping) else {"learning_rate": schedule}
    if optimizer.finds_rate and "learning_rate" in given:
        raise ValueError(
            f"schedule: {type(optimizer).__name__} finds the length of each step itself; nothing is left for a "
            "schedule of the learning rate to move"
        )
    for name, part in given.items():
        where = f"schedule[{name!r}]" if isinstance(schedule, Mapping) else "schedule"
        if isinstance(schedule, Mapping):
            _check_name(name, optimizer)
        if not isinstance(part, Schedule):
            raise TypeError(
                f"{where} must be one of steepest.schedules, but is {part!r}{_hint(part)}"
            )
        if isinstance(part, Plateau):
            if name != "learning_rate":
                raise ValueError(f"{where}: Plateau lowers the learning rate and nothing else")
            if part.monitor != "loss" and not validated:
                raise ValueError(
                    f"{where} monitors {part.monitor}, but there is no validation data; give "
                    "validation_data to fit"
                )
    return dict(given)


def _check_name(name: Any, optimizer: Any) -> None:
    known = [key for key in SCHEDULED if hasattr(optimizer, key)]
    if name not in known:
        raise ValueError(
            f"schedule: {type(optimizer).__name__} has no hyper-parameter {name!r} that a schedule can move; "
            f"it has {', '.join(map(repr, known))}"
        )


def _hint(given: Any) -> str:
    if callable(given) and not isinstance(given, type):
        return '; wrap a function as Function(f, unit="step") or unit="epoch"'
    if isinstance(given, (list, tuple, np.ndarray)):
        return '; wrap values as Table(values, unit="step") or unit="epoch"'
    return ""


def with_schedules(config: dict[str, Any], X: Any = None) -> dict[str, Any]:
    """Return the configuration of a descent as the core reads it.

    Its rows are ``n_rows`` of the configuration, or those of ``X``; a function has none.
    """
    given = config.get("schedule")
    if given is None or "kind" in given:
        return config
    n_rows = config.get("n_rows", 0 if X is None else X.shape[0])
    config = {**config, "n_rows": n_rows}
    del config["schedule"]
    others = {}
    for name, schedule in given.items():
        if isinstance(schedule, Plateau):
            config["plateau"] = schedule.config()
            continue
        times = _times(config, n_rows, schedule)
        compiled = schedule.config() if times is None else schedule.config_over(times)
        if name == "learning_rate":
            config["schedule"] = compiled
            continue
        _check_values(name, config["optimizer"][name], schedule, times)
        others[name] = compiled
    if others:
        config["hyper_schedules"] = others
    return config


def _times(config: dict[str, Any], n_rows: int, schedule: Any) -> range | None:
    """Return the times that a descent can reach, in the schedule's unit; None if there is no limit."""
    if schedule.unit == "sample" and n_rows == 0:
        raise ValueError(
            "schedule: a function has no samples; its unit must be 'step' or 'epoch' (the same here)"
        )
    size = config.get("batch_size") or n_rows
    steps_per_epoch = -(-n_rows // size) if n_rows else 1
    steps, epochs = config.get("max_steps", -1), config.get("max_epochs", -1)
    limits = []
    if epochs >= 0:
        limits.append(epochs * steps_per_epoch)
    if steps >= 0:
        limits.append(steps)
    if not limits:
        return None
    n_steps = min(limits) + 1  # by points, the last one has a rate that nothing is done with
    first_epoch = config.get("first_epoch", 0)
    if schedule.unit == "step":
        first, count = config.get("first_step", 0), n_steps
    elif schedule.unit == "epoch":
        first, count = first_epoch, -(-n_steps // steps_per_epoch)
    else:
        first, count = first_epoch * n_rows, -(-n_steps // steps_per_epoch) * n_rows
    return range(first, first + count)


def _check_values(name: str, whole: float, schedule: Any, times: range | None) -> None:
    """Raise if a hyper-parameter would leave its range at one of the first times."""
    first = 0 if times is None else times.start
    count = MOST_CHECKED if times is None else min(len(times), MOST_CHECKED)
    if times is None and getattr(schedule, "length", 0) is None:
        return
    values = whole * schedule(np.arange(first, first + count))
    bad = values < 0 if name == "weight_decay" else (values < 0) | (values >= 1)
    if bad.any():
        at = int(np.argmax(bad))
        wanted = "not be negative" if name == "weight_decay" else "be at least 0 and below 1"
        raise ValueError(
            f"schedule[{name!r}]: {name} must {wanted}, but is {values[at]:g} at {schedule.unit} {first + at} "
            f"({whole:g} times the factor {values[at] / whole:g})"
        )
