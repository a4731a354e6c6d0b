"""``partial_fit`` of the multi-layer perceptrons: a descent that goes on."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from steepest._validate import Array, check_integer
from steepest.estimators.base import (
    Data,
    NetworkState,
    check_inputs,
    check_weights,
    history_of,
    is_seed,
    report_ending,
    unchanged_on_error,
)
from steepest.estimators.callbacks import Watch
from steepest.estimators.given_layers import as_plain, given_layers, layers_dtype, resumed
from steepest.estimators.parameters import invalid_parameters
from steepest.estimators.progress import Progress
from steepest.estimators.sparse import Inputs
from steepest.optimizers import BarzilaiBorwein, Optimizer
from steepest.stopping import rules_of

# What of the learning rate a descent that goes on begins with.
RATE_STATE = ("base_rate", "plateau_state", "schedule_free", "scalars")


def is_stochastic(estimator: Any) -> bool:
    """Whether there is a partial_fit; the AttributeError says why there is none."""
    if estimator._solver() == "lbfgs":
        raise AttributeError("partial_fit needs a stochastic solver, 'adam' or 'sgd', not 'lbfgs'")
    return True


class PartialFit:
    """What ``partial_fit`` of the classifier and the regressor share."""

    def _partial_fit(self: Any, X: Any, y: Any, sample_weight: Any, epochs: Any) -> dict[str, Any]:
        """Train for some epochs on more data; the optimizer's state and patience go on."""
        with unchanged_on_error(self):
            with invalid_parameters():
                self._check_parameters()
            if self.early_stopping:
                raise ValueError("partial_fit does not support early_stopping=True")
            left = check_integer("epochs", epochs, low=1)
            first = not hasattr(self, "coefs_")
            dtype = None if first else layers_dtype(given_layers(self))
            inputs = check_inputs(self, X, reset=first, dtype=dtype)
            targets = self._targets(y, inputs, reset=False)
            weights = check_weights(sample_weight, inputs, scaled=False)
            training = Data(inputs, targets, self._training_weights(targets, weights, inputs))
            random_state, one_stream = self.random_state, left > 1
            if first or one_stream or not is_seed(random_state):
                random_state = check_random_state(random_state)
            progress = Progress(self) if self.verbose else None
            hook = Watch(self, X, y, whole_fit=False).hook(lambda *_: {}, progress=progress)
            done = 0
            # Patience that runs out ends no call; what other stop rules end, they end in each epoch.
            while left > 0:
                first, optimizer = not hasattr(self, "coefs_"), self._optimizer()
                state, rate = self._state_to_go_on_from(
                    inputs, targets, optimizer, random_state, first
                )
                at_once = 1 if rules_of(self.stop) else left
                samples = 0 if first else self.t_
                config = self._config(optimizer, state, inputs.shape[0], None, at_once, samples)
                config |= self._patience(state) | rate | {"shuffle_anew": True}  # as in each call
                result: dict[str, Any] = self._descend(
                    state, training, None, config, hook, random_state, one_stream
                )
                if progress is not None:
                    progress.end(result)
                self._finish(state, result, history_of(result), training, goes_on=not first)
                self._remember(state, result, optimizer)
                done += result["n_epochs"]
                left -= max(result["n_epochs"], 1)
                if result["exception"] is not None or result["status"] in ("diverged", "callback"):
                    break
            self.n_iter_ = done
        return result

    def _after_epoch(self: Any, result: dict[str, Any]) -> Any:
        """Say how a ``partial_fit`` ended; an interrupt is raised here, where nothing is undone any more."""
        if result["status"] == "max_epochs":  # so many are what was asked for
            result = {**result, "status": "max_steps"}
        report_ending(self, result)
        return self

    def _state_to_go_on_from(
        self: Any,
        X: Inputs,
        targets: Array,
        optimizer: Optimizer,
        random_state: np.random.RandomState,
        first: bool,
    ) -> tuple[NetworkState, dict[str, Any]]:
        """Return the state, and the entries of the configuration with which a lowered rate goes on."""
        if first:
            return self._start(X, targets, random_state, keep=False), {}
        layers = given_layers(self)
        shapes = [w.shape for w in layers[0]]
        wanted = [X.shape[1], *self._widths(), self._output(targets)[0]]
        if shapes != list(pairwise(wanted)):
            raise ValueError(
                f"partial_fit goes on with the layers it has, {shapes}, but "
                f"hidden_layer_sizes={self.hidden_layer_sizes} and the data ask for "
                f"{list(pairwise(wanted))}"
            )
        resume = getattr(self, "_resume", None)
        if resume is not None and resume["optimizer"] == optimizer:
            state = resumed(resume["state"], layers, X.dtype)
            if state is not None:
                rate = {key: resume[key] for key in RATE_STATE if key in resume}
                # The last point and gradient are of what was trained then.
                if isinstance(optimizer, BarzilaiBorwein) and resume["frozen"] != self._frozen():
                    del rate["scalars"]
                return state, rate
        return NetworkState(*as_plain(layers, X.dtype)), {}
