"""Parameter groups: learning rates and decays that differ from layer to layer, or for weights and biases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from steepest._validate import check_choice, check_integer, check_number

__all__ = ["Group"]


@dataclass(frozen=True, kw_only=True)
class Group:
    r"""Some of the parameters, and what the optimizer does otherwise for them.

    The learning rate, ``l2`` and ``weight_decay`` may be changed, and nothing else: momentum, decays of moments and
    epsilon are the optimizer's for all parameters.

    Parameters
    ----------
    layers : int or sequence of int, optional
        Which layers, counted from 0, or from -1 backwards; by default all. A linear, logistic or polynomial model
        is one layer. In a list of bare arrays, layer l has the arrays 2l, its weights, and 2l + 1, its biases.
    kind : {"weights", "biases"}, optional
        Only these; by default both. An intercept is a bias.
    learning_rate : float, default 1.0
        Factor of the optimizer's learning rate, whatever a schedule makes of it; 0 leaves the parameters alone.
    l2, weight_decay : float, optional
        In place of the optimizer's. In a model an ``l2`` is a penalty, which leaves biases alone, and these decay
        only where a group of ``kind="biases"`` has a ``weight_decay``; in a list of bare arrays both apply to all
        arrays of the group.

    Examples
    --------
    A smaller rate for the last layer, and biases that learn twice as fast:

    >>> import steepest as st
    >>> from steepest.optimizers import Group
    >>> groups = (Group(layers=-1, kind="weights", learning_rate=0.1), Group(kind="biases", learning_rate=2.0))
    >>> st.Adam(1e-3, groups=groups).groups[0].learning_rate
    0.1
    """

    layers: int | Sequence[int] | None = None
    kind: Literal["weights", "biases"] | None = None
    learning_rate: float = 1.0
    l2: float | None = None
    weight_decay: float | None = None

    def __post_init__(self) -> None:
        given: Any = self.layers
        if isinstance(given, Iterable) and not isinstance(given, str):
            layers = tuple(check_integer(f"layers[{i}]", v) for i, v in enumerate(given))
            if not layers:
                raise ValueError("layers must name at least one layer, but is empty")
            object.__setattr__(self, "layers", layers)
        elif given is not None:
            object.__setattr__(self, "layers", check_integer("layers", given))
        if self.kind is not None:
            check_choice("kind", self.kind, ("weights", "biases"))
        check_number("learning_rate", self.learning_rate, low=0.0, finite=True)
        for name in ("l2", "weight_decay"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), low=0.0, finite=True)

    def indices(self, label: str, n_layers: int) -> list[int]:
        """Return the layers, counted from 0, or raise if there is no such layer."""
        if self.layers is None:
            return list(range(n_layers))
        given = [self.layers] if isinstance(self.layers, int) else list(self.layers)
        for layer in given:
            if not -n_layers <= layer < n_layers:
                raise ValueError(
                    f"{label}: layers names layer {layer}, but there {_are(n_layers)}, from 0 or -{n_layers} on"
                )
        return [layer % n_layers for layer in given]


class Settings(NamedTuple):
    """What is done to one array."""

    learning_rate: float  # factor
    l2: float
    weight_decay: float


def check_groups(groups: Any) -> tuple[Group, ...]:
    """Return the groups as a tuple, or raise."""
    if isinstance(groups, Group) or not isinstance(groups, (tuple, list)):
        raise TypeError(f"groups must be a tuple of Group, but is {groups!r}")
    for i, group in enumerate(groups):
        if not isinstance(group, Group):
            raise TypeError(f"groups[{i}] must be a Group, but is {group!r}")
    return tuple(groups)


def divided(
    groups: Sequence[Group], n_layers: int, l2: float, weight_decay: float, *, bare: bool
) -> list[tuple[Settings, Settings]]:
    """Return the settings of the weights and the biases of each layer.

    ``bare``: of arrays without a model, whose biases decay like the weights.
    """
    weights = Settings(1.0, l2, weight_decay)
    biases = weights if bare else Settings(1.0, 0.0, 0.0)
    layers = [{"weights": weights, "biases": biases} for _ in range(n_layers)]
    taken: dict[tuple[int, str], int] = {}
    for number, group in enumerate(groups):
        if not bare and group.kind == "biases" and group.l2:
            raise ValueError(
                f"groups[{number}]: l2 must be None or 0 for the biases of a model, which penalties leave "
                f"alone, but is {group.l2}; weight_decay makes them decay"
            )
        for layer in group.indices(f"groups[{number}]", n_layers):
            for kind in ("weights", "biases") if group.kind is None else (group.kind,):
                before = taken.setdefault((layer, kind), number)
                if before != number:
                    raise ValueError(
                        f"groups[{before}] and groups[{number}] both have the {kind} of layer {layer}"
                    )
                layers[layer][kind] = _settings(
                    group, layers[layer][kind], bare or kind == "weights" or group.kind == "biases"
                )
    return [(layer["weights"], layer["biases"]) for layer in layers]


def _settings(group: Group, default: Settings, decays: bool) -> Settings:
    l2, weight_decay = default.l2, default.weight_decay
    if decays and group.l2 is not None:
        l2 = group.l2
    if decays and group.weight_decay is not None:
        weight_decay = group.weight_decay
    return Settings(float(group.learning_rate), float(l2), float(weight_decay))


def _are(n_layers: int) -> str:
    return "is 1 layer" if n_layers == 1 else f"are {n_layers} layers"
