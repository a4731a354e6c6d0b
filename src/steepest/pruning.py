"""Which weights of a network to prune, and when: magnitudes, whole neurons, and a schedule of sparsities.

A mask is True where a weight is kept. The methods are torch's, of ``torch.nn.utils.prune``, whose weights are the
transposed ones: "magnitude" is ``l1_unstructured`` of each layer, "global" ``global_unstructured`` with
``L1Unstructured``, and "neurons" ``ln_structured`` with n = 2 along the outputs. An amount counts of what is not
pruned yet; a fraction of it is rounded to the nearest number, halves to even. Of equal ones the first is pruned
first. Biases are never pruned.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest._validate import Array, check_choice, check_integer, check_number

__all__ = ["METHODS", "Gradual", "pruned_masks"]

METHODS = ("magnitude", "global", "neurons")


@dataclass(frozen=True)
class Gradual:
    r"""A network that becomes sparse while it is trained: MLP's parameter ``pruning``.

    After e epochs, from ``begin_epoch`` to ``end_epoch``, the smallest weights are pruned, so many that of all
    weights (of "neurons": of the hidden neurons of each layer) the fraction

    .. math:: s_e = s_f + (s_i - s_f) \left(1 - \frac{e - e_0}{e_1 - e_0}\right)^3

    is. What is pruned stays so. Layers whose weights are frozen are left as they are, and count for nothing. What
    was best before ``end_epoch`` counts no more, so that neither patience nor ``early_stopping`` ends with a
    network that is less sparse; with ``max_iter`` above ``end_epoch`` training goes on with the final masks. Epochs
    are those of the optimizer's state: they go on in ``partial_fit``, and ``warm_start`` counts anew.

    Parameters
    ----------
    final : float in (0, 1)
        Sparsity at the end, :math:`s_f`; at least one weight, or neuron, stays in each layer ("global": in all).
    begin_epoch : int, default 0
        :math:`e_0`; 0 is before the first epoch.
    end_epoch : int, default 10
        :math:`e_1`, above ``begin_epoch``.
    every : int, default 1
        Epochs between two steps; at ``end_epoch`` there is one in any case.
    how : {"magnitude", "global", "neurons"}, default "magnitude"
        See :meth:`MLPRegressor.prune <steepest.MLPRegressor.prune>`.
    initial : float in [0, 1), default 0.0
        Sparsity at ``begin_epoch``, :math:`s_i`, not above ``final``.

    Raises
    ------
    ValueError, TypeError
        If a parameter is not as described.

    References
    ----------
    Zhu and Gupta (2017), "To prune, or not to prune: exploring the efficacy of pruning for model compression".

    Examples
    --------
    >>> from steepest.pruning import Gradual
    >>> [round(Gradual(0.9, end_epoch=4).sparsity(e), 4) for e in range(6)]
    [0.0, 0.5203, 0.7875, 0.8859, 0.9, 0.9]
    """

    final: float
    begin_epoch: int = 0
    end_epoch: int = 10
    every: int = 1
    how: str = "magnitude"
    initial: float = 0.0

    def __post_init__(self) -> None:
        check_number("final", self.final, above=0.0, below=1.0)
        check_number("initial", self.initial, low=0.0, high=float(self.final))
        check_integer("begin_epoch", self.begin_epoch, low=0)
        check_integer("end_epoch", self.end_epoch, low=self.begin_epoch + 1)
        check_integer("every", self.every, low=1)
        check_choice("how", self.how, METHODS)

    def sparsity(self, epoch: int) -> float:
        """Return the sparsity that is aimed at when so many epochs are done; 0 before ``begin_epoch``."""
        if epoch < self.begin_epoch:
            return 0.0
        left = max(1.0 - (epoch - self.begin_epoch) / (self.end_epoch - self.begin_epoch), 0.0)
        return float(self.final + (self.initial - self.final) * left**3)

    def is_due(self, epoch: int) -> bool:
        """Whether there is a step of pruning when so many epochs are done."""
        if not self.begin_epoch <= epoch <= self.end_epoch:
            return False
        return (epoch - self.begin_epoch) % self.every == 0 or epoch == self.end_epoch

    def masks(
        self,
        epoch: int,
        weights: Sequence[Array],
        masks: Sequence[Array],
        frozen: Collection[int] = (),
    ) -> list[Array]:
        """Return the masks with which the sparsity at an epoch is reached; those that are given stay pruned.

        ``frozen``: layers that are left as they are.
        """
        most = len(weights) - (self.how == "neurons")
        layers = [layer for layer in range(most) if layer not in frozen]
        counts = [_size_and_kept(masks[layer], self.how) for layer in layers]
        if self.how == "global" and layers:
            size, kept = (int(total) for total in np.sum(counts, axis=0))
            return pruned_masks(weights, masks, self._amount(epoch, size, kept), "global", layers)
        result = list(masks)
        for layer, (size, kept) in zip(layers, counts, strict=True):
            amount = self._amount(epoch, size, kept)
            result = pruned_masks(weights, result, amount, self.how, [layer])
        return result

    def _amount(self, epoch: int, size: int, kept: int) -> int:
        """Return how many more to prune of so many, of which some are kept; one stays."""
        wanted = min(round(self.sparsity(epoch) * size), size - 1)
        return max(wanted - (size - kept), 0)


def pruned_masks(
    weights: Sequence[Array],
    masks: Sequence[Array],
    amount: int | float,
    how: str,
    layers: Sequence[int],
) -> list[Array]:
    """Return new masks that prune so many more weights, or neurons, of these layers.

    Parameters
    ----------
    weights : sequence of array, (n_in, n_out) for each layer
    masks : sequence of bool array, shaped as ``weights``
        What is kept so far.
    amount : float in [0, 1] or int
        Fraction of what is not pruned yet, or the number itself: in each layer, and for "global" in all of them.
    how : {"magnitude", "global", "neurons"}
    layers : sequence of int
        Which may be pruned.

    Returns
    -------
    list of bool array
    """
    result = [np.array(mask, dtype=bool) for mask in masks]
    if how == "global":
        flat = np.concatenate([np.abs(weights[layer]).ravel() for layer in layers])
        kept = np.concatenate([result[layer].ravel() for layer in layers])
        pruned = _without_smallest(flat, kept, amount)
        ends = np.cumsum([result[layer].size for layer in layers])[:-1]
        for layer, part in zip(layers, np.split(pruned, ends), strict=True):
            result[layer] = part.reshape(result[layer].shape)
        return result
    for layer in layers:
        w, mask = weights[layer], result[layer]
        if how == "magnitude":
            kept = _without_smallest(np.abs(w).ravel(), mask.ravel(), amount)
            result[layer] = kept.reshape(w.shape)
        else:  # the weights into each neuron
            norms = np.linalg.norm(np.where(mask, w, 0).astype(np.float64), axis=0)
            result[layer] = mask & _without_smallest(norms, np.asarray(mask.any(axis=0)), amount)
    return result


def _without_smallest(sizes: Array, kept: Array, amount: int | float) -> Array:
    """Return ``kept`` without the smallest of those that it has."""
    candidates = np.flatnonzero(kept)
    count = number_of(amount, candidates.size)
    smallest = candidates[np.argsort(sizes[candidates], kind="stable")[:count]]
    result = kept.copy()
    result[smallest] = False
    return result


def number_of(amount: int | float, size: int) -> int:
    """Return how many of ``size`` an amount is."""
    if isinstance(amount, (int, np.integer)):
        return min(int(amount), size)
    return round(float(amount) * size)


def check_amount(amount: Any) -> int | float:
    """Return the amount, or raise: a fraction in [0, 1] or a number of weights or neurons."""
    if isinstance(amount, (int, np.integer)) and not isinstance(amount, bool):
        return check_integer("amount", amount, low=0)
    return check_number("amount", amount, low=0.0, high=1.0)


def _size_and_kept(mask: Array, how: str) -> tuple[int, int]:
    """Return how many weights or neurons a layer has, and how many are not pruned."""
    if how == "neurons":
        return mask.shape[1], int(mask.any(axis=0).sum())
    return mask.size, int(mask.sum())
