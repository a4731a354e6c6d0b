"""The loop: batch -> loss and gradient -> record -> step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._support import Array
from .optimizers import optimizer_step
from .random import permutation
from .whole_gradient import CLIPS

Parameters: TypeAlias = "Array | list[Array] | tuple[Array, ...]"
Rows: TypeAlias = NDArray[np.int64]


def descend(
    loss_gradient: Callable[[Any, Any], tuple[float, Any]],
    theta: Parameters,
    optimizer: Any,
    *,
    n_rows: int | None = None,
    batch_size: int | None = None,
    shuffle: bool = False,
    seed: int = 0,
    schedule: Any = None,
    n_epochs: int = 1,
) -> dict[str, Any]:
    """Gradient descent on all rows or on mini-batches of them.

    Parameters
    ----------
    loss_gradient : callable
        ``loss_gradient(theta, rows) -> loss, gradient``, where `rows` is the index array of a
        batch, or None when `n_rows` is None. The gradient is shaped as `theta`.
    theta : array, or list or tuple of them
        Where to start; it is not changed.
    optimizer : any of steepest.optimizers
        With its ``accumulate``, a step is made with the mean over the rows of so many batches, at the end of an
        epoch of those that are left. Not with a line search.
    n_rows : int, optional
        Number of rows of the data; None for a function without rows, one step for each epoch.
    batch_size : int, optional
        Rows for each step; by default all.
    shuffle : bool, default False
        Take the rows in the order ``permutation(n_rows, seed, epoch)``, else in their own.
    seed : int, default 0
    schedule : schedule, or dict of them, optional
        Factor of ``optimizer.learning_rate``, a function of the steps, the epochs or the rows done
        so far, as its ``unit`` says; in a dict, that of each hyper-parameter by its name.
    n_epochs : int, default 1

    Returns
    -------
    dict
        "theta", where the descent ended, as the optimizer reports it, and one entry for each epoch of
        "loss", mean over the rows, each batch measured just before its step, with the penalty
        l2/2 ||theta||^2 of the optimizer;
        "gradient_norm", 2-norm of the last batch's gradient, before its step;
        "learning_rate", of the epoch's last step.
    """
    theta = [part.copy() for part in theta] if isinstance(theta, (list, tuple)) else theta.copy()
    state = optimizer.init(theta)
    loss, gradient_norm, learning_rate = np.empty((3, n_epochs))
    for epoch in range(n_epochs):
        losses: list[float] = []
        sizes: list[int] = []
        for group in _groups(
            list(batches(n_rows, batch_size, shuffle, seed, epoch)), optimizer.accumulate
        ):
            plain = _mean_over(group, theta, loss_gradient)
            batch_loss, penalised = _penalised(plain, theta, optimizer.l2)
            # A clip comes before the l2, which is the step's then.
            gradient = plain[1] if _clips(optimizer) else penalised
            losses.append(batch_loss)
            time = {
                "step": state["step"],
                "epoch": epoch,
                "sample": epoch * (n_rows or 0) + sum(sizes),
            }
            sizes.append(sum(map(_size, group)))
            scheduled = _scheduled(optimizer, schedule, time)
            rate = scheduled.pop("learning_rate", float(optimizer.learning_rate))
            l2 = optimizer.l2 if _clips(optimizer) else 0.0
            stepped = replace(optimizer, **{"l2": l2, "accumulate": 1, **scheduled})
            optimizer_step(stepped, theta, gradient, state, rate, batch_loss)
        loss[epoch] = np.average(losses, weights=sizes)
        gradient_norm[epoch] = _norm(penalised)
        learning_rate[epoch] = rate
    return {
        "theta": optimizer.reported(theta, state),
        "loss": loss,
        "gradient_norm": gradient_norm,
        "learning_rate": learning_rate,
    }


def batches(
    n_rows: int | None,
    batch_size: int | None = None,
    shuffle: bool = False,
    seed: int = 0,
    epoch: int = 0,
) -> Iterator[Rows | None]:
    """Cut the rows of one epoch into consecutive batches; the last may be short and is kept.

    Parameters
    ----------
    n_rows, batch_size, shuffle, seed
        See `descend`.
    epoch : int, default 0

    Yields
    ------
    int64 array, (at most batch_size,), or None when `n_rows` is None

    Raises
    ------
    ValueError
        If `n_rows` or `batch_size` is less than one.
    """
    if n_rows is None:
        yield None
        return
    size = n_rows if batch_size is None else batch_size
    if n_rows < 1 or size < 1:
        raise ValueError(f"n_rows is {n_rows} and batch_size is {size}: both must be at least 1")
    order = permutation(n_rows, seed, epoch) if shuffle else np.arange(n_rows)
    for start in range(0, n_rows, size):
        yield order[start : start + size]


def _scheduled(optimizer: Any, schedule: Any, time: dict[str, int]) -> dict[str, float]:
    """Return the hyper-parameters that a schedule moves, at a time in each of the units."""
    schedules = schedule if isinstance(schedule, dict) else {"learning_rate": schedule}
    return {
        name: float(getattr(optimizer, name) * part(time[part.unit]))
        for name, part in schedules.items()
        if part is not None
    }


def _groups(parts: list[Rows | None], size: int) -> list[list[Rows | None]]:
    return [parts[first : first + size] for first in range(0, len(parts), size)]


def _size(rows: Rows | None) -> int:
    return 1 if rows is None else len(rows)


def _mean_over(group: list[Rows | None], theta: Any, loss_gradient: Any) -> tuple[float, Any]:
    """Return the mean over the rows of some batches; in each of them a row counts the same."""
    found = [loss_gradient(theta, rows) for rows in group]
    if len(found) == 1:
        return found[0][0], found[0][1]
    shares = np.array([_size(rows) for rows in group], dtype=np.float64)
    shares /= shares.sum()
    loss = float(sum(share * part for share, (part, _) in zip(shares, found, strict=True)))
    gradients = [gradient for _, gradient in found]
    if isinstance(gradients[0], (list, tuple)):
        mean: Any = [
            sum(share * part for share, part in zip(shares, arrays, strict=True))
            for arrays in zip(*gradients, strict=True)
        ]
    else:
        mean = sum(share * part for share, part in zip(shares, gradients, strict=True))
    return loss, mean


def _clips(optimizer: Any) -> bool:
    return any(getattr(optimizer, name) is not None for name in CLIPS)


def _penalised(loss_gradient: tuple[float, Any], theta: Parameters, l2: float) -> tuple[float, Any]:
    """Return loss and gradient with those of l2/2 ||theta||^2."""
    loss, gradient = loss_gradient
    if l2 == 0.0:
        return loss, gradient
    loss += 0.5 * l2 * _norm(theta) ** 2
    if isinstance(theta, (list, tuple)):
        return loss, [g + l2 * part for g, part in zip(gradient, theta, strict=True)]
    return loss, gradient + l2 * theta


def _norm(gradient: Parameters) -> float:
    parts = gradient if isinstance(gradient, (list, tuple)) else [gradient]
    return float(np.sqrt(sum(np.sum(np.square(part), dtype=np.float64) for part in parts)))
