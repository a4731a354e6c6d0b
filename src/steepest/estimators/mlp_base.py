"""What the multi-layer perceptrons share: scikit-learn's parameters and fitted attributes, the compiled descent."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from steepest._validate import (
    Array,
    check_activations,
    check_choice,
    check_flag,
    check_integer,
    check_number,
)
from steepest.estimators.advice import NetworkProblem, keep_ending
from steepest.estimators.base import (
    Data,
    NetworkState,
    ShuffleStream,
    about_validation_data,
    check_inputs,
    check_optimizer,
    check_threads,
    check_weights,
    continued,
    descent_config,
    history_of,
    is_seed,
    network_descent,
    random_seed,
    report_ending,
    unchanged_on_error,
    validation_parts,
)
from steepest.estimators.callbacks import CallbackSupport, Hook, Watch, watched
from steepest.estimators.compaction import Compaction
from steepest.estimators.conversion import NetworkConversion
from steepest.estimators.freezing import Frozen, frozen_layers
from steepest.estimators.given_layers import as_plain, given_layers
from steepest.estimators.held_out import hold_out
from steepest.estimators.hidden_layers import dropout_rates, initial_state
from steepest.estimators.input_gradient import network_input_gradient
from steepest.estimators.lbfgs import lbfgs_descent
from steepest.estimators.mlp_partial_fit import RATE_STATE, PartialFit
from steepest.estimators.parameters import (
    check_patience,
    check_random_state_parameter,
    check_verbose,
    invalid_parameters,
)
from steepest.estimators.penalties import Strength, has_l1, layer_penalties, neuron_strengths
from steepest.estimators.prediction import answers
from steepest.estimators.progress import Progress
from steepest.estimators.pruning import (
    GradualPruning,
    Pruning,
    as_floats,
    check_pruning,
    kept_masks,
    masked,
    prune_before,
)
from steepest.estimators.report import Reports
from steepest.estimators.sparse import Inputs
from steepest.estimators.whole_gradient import accumulated, check_whole_gradient
from steepest.optimizers import Adam, Lion, Momentum, Optimizer, Rprop
from steepest.pruning import Gradual
from steepest.schedules import ScheduleLike
from steepest.stopping import NoImprovement, StopRule, rules_of


class MultiLayerPerceptron(
    CallbackSupport, NetworkConversion, PartialFit, Pruning, Compaction, Reports, BaseEstimator
):
    """What the classifier and the regressor share."""

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        loss: Any = "log_loss",
        solver: str = "adam",
        alpha: float | Sequence[float] = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        optimizer: Optimizer | None = None,
        schedule: ScheduleLike | None = None,
        stop: Sequence[StopRule] = (),
        callbacks: Sequence[Any] = (),
        n_threads: int | None = None,
        dropout: Any = 0.0,
        l1_ratio: float | Sequence[float] = 0.0,
        scoring: Any = None,
        freeze: Sequence[Any] = (),
        pruning: Gradual | None = None,
        group_lasso: float | Sequence[float] = 0.0,
        max_norm: float | Sequence[float | None] | None = None,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.optimizer = optimizer
        self.schedule = schedule
        self.stop = stop
        self.callbacks = callbacks
        self.n_threads = n_threads
        self.dropout = dropout
        self.l1_ratio = l1_ratio
        self.scoring = scoring
        self.freeze = freeze
        self.pruning = pruning
        self.group_lasso = group_lasso
        self.max_norm = max_norm

    def _targets(self, y: Any, X: Inputs, *, reset: bool, fitting: bool = False) -> Array:
        """Return the training targets as the core reads them."""
        raise NotImplementedError

    def _output(self, targets: Array) -> tuple[int, str | dict[str, Any], str]:
        """Return the width of the output, its loss in the core's words, and its activation."""
        raise NotImplementedError

    def _training_weights(
        self, targets: Array, sample_weight: Array | None, X: Inputs
    ) -> Array | None:
        """Return what the rows count; validation data that are given count by their own weights alone."""
        return sample_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None) -> Any:
        """Train the network, as scikit-learn's ``fit`` does with the same arguments.

        Parameters
        ----------
        X : array or sparse matrix, (n, d)
            Inputs, finite; float32 stays float32. Scale them: mean 0 and variance 1 is best.
        y : array, (n,) or (n, K)
            Targets.
        sample_weight : array, (n,), optional
            Not negative. B in the objective is then the sum of the batch's weights, as in scikit-learn.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Beyond scikit-learn: measured after every epoch, for the history and for stop rules; with
            ``early_stopping`` it takes the place of the held-out part.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If data or parameters are not as described; the estimator is then as it was. Of a parameter the error
            is both, as in scikit-learn.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` epochs were not enough, or the descent diverged: with the causes that were found (the
            learning rate, unscaled features, dead ReLU units), and their numbers. See :meth:`report`.
        """
        with unchanged_on_error(self), watched(self, X, y, sample_weight) as watch:
            with invalid_parameters():
                self._check_parameters()
            keep = self.warm_start and hasattr(self, "coefs_")
            if not keep:
                for name in ("_masks", "masks_"):
                    self.__dict__.pop(name, None)
            inputs = check_inputs(self, X, reset=True)
            targets = self._targets(y, inputs, reset=not keep, fitting=True)
            weights = check_weights(sample_weight, inputs, scaled=False)
            random_state = check_random_state(self.random_state)
            state = self._start(inputs, targets, random_state, keep)
            validation = None
            if validation_data is not None:
                validation = self._validation(validation_data, inputs.dtype)
                watch.validate_on(*validation_data)
            if self._solver() == "lbfgs":
                self._refuse_beyond_lbfgs(validation)
            elif self.pruning is not None and self.pruning.end_epoch > self.max_iter:
                raise ValueError(
                    f"pruning ends after {self.pruning.end_epoch} epochs, but max_iter={self.max_iter}"
                )
            training = Data(inputs, targets, self._training_weights(targets, weights, inputs))
            if self.early_stopping and validation is None and self._solver() != "lbfgs":
                rows, held_out = hold_out(
                    training, self.validation_fraction, self._stratify(training.y), random_state
                )
                training, validation = training.part(rows), training.part(held_out)
                watch.hold_out(rows, held_out)
            if self._solver() == "lbfgs":
                result = self._lbfgs(state, training, watch)
            else:
                given = validation_data is not None
                result = self._train(state, training, validation, random_state, keep, given, watch)
            watch.finish(result)
        self._report(result)
        return self

    def _report(self, result: dict[str, Any]) -> None:
        self.status_ = result["status"]
        if self._solver() == "lbfgs" and result["exception"] is None:
            keep_ending(self, result)
            return
        limit = result["n_epochs"] >= self.max_iter
        if result["status"] == "max_epochs" and result["exception"] is None and limit:
            self.status_ = "max_epochs"
            causes = keep_ending(self, result)
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization "
                f"hasn't converged yet.{causes}",
                ConvergenceWarning,
                stacklevel=3,
            )
            return
        report_ending(self, result, stacklevel=4)

    def _solver(self) -> str:
        return self.solver if self.optimizer is None else "optimizer"

    def _check_parameters(self) -> None:
        if self.optimizer is not None:
            check_optimizer(self.optimizer)
        widths = self._widths()
        for width in widths:
            check_integer("hidden_layer_sizes", width, low=1)
        check_activations(self.activation, len(widths))
        dropout_rates(self.dropout, len(widths))
        check_choice("solver", self.solver, ("lbfgs", "sgd", "adam"))
        check_choice("learning_rate", self.learning_rate, ("constant", "invscaling", "adaptive"))
        l1, _ = self._penalties()
        if has_l1(l1) and self._solver() == "lbfgs":
            raise ValueError(
                "solver='lbfgs' needs a differentiable objective, which an L1 penalty is not: l1_ratio must be 0, "
                f"but is {self.l1_ratio!r}; solver='adam' and 'sgd' take proximal steps"
            )
        self._check_structure()
        check_number("learning_rate_init", self.learning_rate_init, above=0.0, finite=True)
        check_number("power_t", self.power_t, low=0.0, finite=True)
        check_number("momentum", self.momentum, low=0.0, high=1.0)
        check_number("beta_1", self.beta_1, low=0.0, below=1.0)
        check_number("beta_2", self.beta_2, low=0.0, below=1.0)
        check_number("epsilon", self.epsilon, above=0.0, finite=True)
        check_threads(self.n_threads)
        check_integer("max_iter", self.max_iter, low=1)
        check_integer("max_fun", self.max_fun, low=1)
        check_number("tol", self.tol, low=0.0)
        check_number("validation_fraction", self.validation_fraction, low=0.0, below=1.0)
        check_patience(self.n_iter_no_change)
        check_random_state_parameter(self.random_state)
        check_verbose(self.verbose)
        for name in ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping"):
            check_flag(name, getattr(self, name))
        if not (isinstance(self.batch_size, str) and self.batch_size == "auto"):
            check_integer("batch_size", self.batch_size, low=1)

    def _check_structure(self) -> None:
        held = self._structure()
        by_sign = isinstance(self.optimizer, (Lion, Rprop))
        if "group_lasso" in held and (self._solver() == "lbfgs" or by_sign):
            raise ValueError(
                "group_lasso takes proximal steps, for which "
                + (
                    f"{type(self.optimizer).__name__}'s steps, by the sign of the gradient, have no size"
                    if by_sign
                    else "solver='lbfgs' has no place; solver='adam' and 'sgd' take them"
                )
            )
        optimizer = self.optimizer
        if (
            isinstance(optimizer, Optimizer)
            and optimizer.average is None
            and optimizer.reported_slot
        ):
            for name in sorted({"group_lasso", "max_norm"} & held.keys()):
                raise ValueError(
                    f"{name} holds the weights that are stepped, but {type(optimizer).__name__} reports others; "
                    "give it an optimizer that steps what it reports"
                )
        schedule = check_pruning(self.pruning)
        if schedule is not None and schedule.how == "neurons" and not self._widths():
            raise ValueError("pruning of neurons needs a hidden layer, but there is none")

    def _structure(self) -> dict[str, Any]:
        """Return the entries of the model for what holds layers and neurons."""
        layers = len(self._widths()) + 1
        held = {
            "frozen": self._frozen(),
            "group_lasso": neuron_strengths("group_lasso", self.group_lasso, layers, 0.0),
            "max_norm": neuron_strengths("max_norm", self.max_norm, layers, math.inf),
        }
        return {name: value for name, value in held.items() if value is not None}

    def _frozen(self) -> Frozen | None:
        return frozen_layers(self.freeze, len(self._widths()) + 1)

    def _penalties(self) -> tuple[Strength, Strength]:
        return layer_penalties(self.alpha, self.l1_ratio, len(self._widths()) + 1)

    def _widths(self) -> tuple[int, ...]:
        sizes = self.hidden_layer_sizes
        return tuple(sizes) if hasattr(sizes, "__iter__") else (sizes,)

    def _start(
        self, X: Inputs, targets: Array, random_state: np.random.RandomState, keep: bool
    ) -> NetworkState:
        """Return the initial weights and biases: Glorot's uniform distribution, drawn as scikit-learn draws it."""
        outputs, _, _ = self._output(targets)
        widths = [X.shape[1], *self._widths(), outputs]
        shapes = list(pairwise(widths))
        if keep:
            fitted = [np.shape(w) for w in self.coefs_]
            if fitted != shapes:
                raise ValueError(
                    f"warm_start needs the layers of the last fit, {fitted}, but the parameters and data ask "
                    f"for {shapes}"
                )
            return NetworkState(*as_plain(given_layers(self), X.dtype))
        activations = check_activations(self.activation, len(widths) - 2)
        return initial_state(activations, widths, random_state, X.dtype)

    def _validation(self, data: Any, dtype: Any) -> Data:
        X, y, sample_weight = validation_parts(data)
        with about_validation_data():
            inputs = check_inputs(self, X, reset=False, dtype=dtype)
            targets = self._targets(y, inputs, reset=False)
            weights = check_weights(sample_weight, inputs, scaled=False)
        return Data(inputs, targets, weights)

    def _refuse_beyond_lbfgs(self, validation: Data | None) -> None:
        given = {
            "schedule": self.schedule is not None,
            "stop": bool(self.stop),
            "validation_data": validation is not None,
            "dropout": dropout_rates(self.dropout, len(self._widths())) is not None,
            "scoring": self.scoring is not None,
            "pruning": self.pruning is not None,
            "max_norm": "max_norm" in self._structure(),
        }
        for name, is_given in given.items():
            if is_given:
                raise TypeError(
                    f"{name} belongs to the stochastic solvers; solver='lbfgs' can't use it"
                )

    def _stratify(self, targets: Array) -> Array | None:
        return None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _model(self, targets: Array) -> dict[str, Any]:
        _, loss, _ = self._output(targets)
        l1, l2 = self._penalties()
        return {
            "hidden": check_activations(self.activation, len(self._widths())),
            "output": "identity",
            "loss": loss,
            "output_scale": 0.5 if loss == "squared" else 1.0,
            "l1": l1,
            "l2": l2,
            "l2_per_row": True,
            "weights_by_batch": True,
            **self._structure(),
        }

    def _optimizer(self) -> Optimizer:
        if self.optimizer is not None:
            return self.optimizer
        if self.solver == "adam":
            return Adam(
                self.learning_rate_init, self.beta_1, self.beta_2, self.epsilon, epsilon_hat=True
            )
        return Momentum(self.learning_rate_init, self.momentum, "step", self.nesterovs_momentum)

    def _config(
        self,
        optimizer: Optimizer,
        state: NetworkState,
        rows: int,
        validation: Data | None,
        epochs: int,
        samples: int,
    ) -> dict[str, Any]:
        """Return the configuration of a descent from this state, before which so many samples were seen."""
        defaults: dict[str, Any] = {
            "max_epochs": epochs,
            "monitor": "validation_score" if self.early_stopping else "loss",
        }
        if np.isfinite(self.n_iter_no_change):
            defaults |= {
                "patience": int(self.n_iter_no_change) + 1,
                "absolute": float(self.tol),
                "inclusive": True,
            }
        batch = min(200, rows) if self.batch_size == "auto" else int(self.batch_size)
        if batch > rows:
            warnings.warn(
                f"Got `batch_size` less than 1 or larger than sample size. It is going to be clipped: "
                f"batch_size={batch}, rows={rows}",
                UserWarning,
                stacklevel=4,
            )
        has_dropout = dropout_rates(self.dropout, len(self._widths())) is not None
        check_whole_gradient(
            optimizer,
            batch >= rows,
            has_l1=has_l1(self._penalties()[0]),
            has_dropout=has_dropout,
            held=self._structure(),
        )
        config = descent_config(
            optimizer,
            self.schedule,
            self.stop,
            defaults,
            batch_size=min(batch * accumulated(optimizer), rows),
            shuffle=bool(self.shuffle),
            by_points=False,
            n_rows=rows,
            n_threads=check_threads(self.n_threads),
            validated=validation is not None,
            n_layers=len(self._widths()) + 1,
        )
        if any(isinstance(rule, NoImprovement) for rule in rules_of(self.stop)):
            config["inclusive"] = False
        if self.optimizer is None and self.solver == "sgd" and self.schedule is None:
            if self.learning_rate == "invscaling":
                config["schedule"] = {
                    "kind": "InversePower",
                    "unit": "epoch",
                    "every": 1.0 / rows,
                    "start": float(samples - rows * state.n_epochs),
                    "factor": float(self.power_t),
                }
            elif self.learning_rate == "adaptive":
                config |= {"divide_rate_by": 5.0, "lowest_rate": 1e-6}
        return config

    def _train(
        self,
        state: NetworkState,
        training: Data,
        validation: Data | None,
        random_state: np.random.RandomState,
        keep: bool,
        given: bool,
        watch: Watch,
    ) -> dict[str, Any]:
        """Run the descent of a fit; ``given``: the validation data were not held out here."""
        optimizer = self._optimizer()
        config = self._config(
            optimizer,
            state,
            training.X.shape[0],
            validation,
            self.max_iter,
            getattr(self, "t_", 0) if keep else 0,
        )
        if keep and (config["monitor"] == "loss" or not given):
            config |= self._patience(state)
        before = getattr(self, "t_", 0) if keep else 0

        def attributes_at(parameters: Any, epochs: int) -> dict[str, Any]:
            counts = {"n_iter_": epochs, "t_": before + epochs * training.X.shape[0]}
            attributes = self._attributes_at(parameters[0], parameters[1], training.y)
            return {**attributes, **counts, "_resume": None}

        progress = Progress(self) if self.verbose else None
        hook = watch.hook(attributes_at, n_tasks=config["max_epochs"], progress=progress)
        result = self._descend(state, training, validation, config, hook, random_state)
        if progress is not None:
            progress.end(result)
        self._finish(state, result, history_of(result), training, goes_on=keep)
        self._remember(state, result, optimizer)
        return result

    def _descend(
        self,
        state: NetworkState,
        training: Data,
        validation: Data | None,
        config: dict[str, Any],
        hook: Hook | None,
        random_state: np.random.RandomState | int,
        one_stream: bool = False,
    ) -> dict[str, Any]:
        """Run the descent; its shuffles come from the random state, which is then where the last one ended."""
        model = self._model(training.y) | self._dropout_masks(random_state)
        if model["loss"] == "squared" and config.get("inclusive"):  # tol means what it means there
            config = {**config, "data_factor": 1.0 / training.y.shape[1]}
        stream = ShuffleStream(random_state) if self.shuffle else None
        if stream is not None:
            config = {**config, "twister": stream.config}
        masks = kept_masks(self, state.weights) if hasattr(self, "masks_") else None
        gradual = None
        if self.pruning is not None:
            masks = masks or kept_masks(self, state.weights)
            masks = prune_before(self.pruning, state, masks)
            gradual = GradualPruning(self.pruning, masks, training.X.dtype, hook)
        if masks is not None:
            model["masks"] = as_floats(masks, training.X.dtype)
        result = network_descent(state, training, validation, model, config, gradual or hook)
        if gradual is not None:
            self.masks_ = gradual.masks
        if stream is not None:
            twister = result.pop("twister")
            if one_stream or not is_seed(self.random_state):  # otherwise nobody can draw from it
                stream.give_back(twister)
        if "dropout" in model:
            self._masks = model["dropout_seed"], model["dropout_step"] + result["n_steps"]
        return result

    def _dropout_masks(self, random_state: np.random.RandomState | int) -> dict[str, Any]:
        """Return the entries of the model for dropout: masks go on from the last call, or have a new key."""
        rates = dropout_rates(self.dropout, len(self._widths()))
        if rates is None:
            return {}
        masks = getattr(self, "_masks", None)
        seed, step = masks or (random_seed(check_random_state(random_state)), 0)
        return {"dropout": rates, "dropout_seed": seed, "dropout_step": step}

    def _patience(self, state: NetworkState) -> dict[str, Any]:
        """Return the entries of the configuration with which patience goes on from the last call.

        Not while a schedule of pruning is under way: what was best before its end counts no more.
        """
        if self.pruning is not None and state.n_epochs < self.pruning.end_epoch:
            return {}
        resume = getattr(self, "_resume", None)
        if resume is None or resume["early_stopping"] != self.early_stopping:
            return {}
        return {"best": resume["best"], "stale": resume["stale"]}

    def _remember(self, state: NetworkState, result: dict[str, Any], optimizer: Optimizer) -> None:
        """Keep what partial_fit goes on from; nothing of a descent that diverged."""
        if result["status"] == "diverged":
            self.__dict__.pop("_resume", None)
            return
        self._resume = {
            "state": state,
            "early_stopping": self.early_stopping,
            "optimizer": optimizer,
            "frozen": self._frozen(),
            **{key: result[key] for key in ("best", "stale", *RATE_STATE)},
        }

    def _finish(
        self,
        state: NetworkState,
        result: dict[str, Any],
        history: dict[str, Array],
        data: Data,
        *,
        goes_on: bool = False,
    ) -> None:
        """Set the fitted attributes; the history of an earlier call is kept if this one ``goes_on`` from it."""
        result["problem"] = NetworkProblem(self, data)
        if goes_on:
            history = continued(getattr(self, "history_", {}), history)
        self.__dict__.update(self._attributes_at(state.weights, state.biases, data.y))
        self.history_ = history
        self.loss_curve_ = list(history["loss"])  # of NumPy's floats, as in scikit-learn
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else float("nan")
        self.n_iter_ = int(result["n_epochs"])
        samples = self.n_iter_ * data.X.shape[0]
        self.t_ = samples + (getattr(self, "t_", 0) if goes_on else 0)
        self.best_loss_ = min(self.loss_curve_, default=float("inf"))
        self.validation_scores_ = self.best_validation_score_ = None
        if "validation_score" in history:
            self.validation_scores_ = history["validation_score"].tolist()
            scores = (score for score in self.validation_scores_ if not np.isnan(score))
            self.best_validation_score_ = max(scores, default=None)
            if self.early_stopping:
                self.best_loss_ = None

    def _attributes_at(
        self, weights: list[Array], biases: list[Array], targets: Array
    ) -> dict[str, Any]:
        """Return the fitted attributes that predicting needs."""
        outputs, _, activation = self._output(targets)
        return {
            "coefs_": weights,
            "intercepts_": biases,
            "n_layers_": len(weights) + 1,
            "n_outputs_": outputs,
            "out_activation_": activation,
        }

    def _lbfgs(self, state: NetworkState, training: Data, watch: Watch) -> dict[str, Any]:
        masks = None
        if hasattr(self, "masks_"):
            masks = kept_masks(self, state.weights)
            state.weights = [masked(w, mask) for w, mask in zip(state.weights, masks, strict=True)]
        result = lbfgs_descent(
            state,
            training,
            self._model(training.y),
            max_iter=self.max_iter,
            max_fun=self.max_fun,
            tol=self.tol,
            masks=masks,
            hook=watch.hook(
                lambda lent, _: self._attributes_at(lent[0], lent[1], training.y),
                task="iteration",
                n_tasks=self.max_iter + 1,  # the last may end without a step
                progress=Progress(self) if self.verbose else None,
            ),
        )
        samples = self.t_ if self.warm_start and hasattr(self, "coefs_") else 0
        self._finish(state, result, {"loss": np.asarray(result["losses"])}, training)
        self.__dict__.pop("_resume", None)  # there is no optimizer's state to go on from
        self.loss_ = np.float64(result["loss"])
        self.t_ = samples  # scikit-learn counts those of its stochastic solvers alone
        return result

    def _activations(self) -> str | list[str]:
        """Return the activations of the fitted network as the core takes them."""
        if isinstance(self.activation, str):
            return self.activation
        return check_activations(self.activation, len(self.coefs_) - 1)

    def _answers(self, X: Any, answer: str) -> Array:
        """Return what is made of the network's output before its activation, (n, K); see :func:`answers`."""
        return answers(self, X, *given_layers(self), answer, self._activations())

    def _input_gradient(self, X: Any, output: str) -> Array:
        """Return the derivatives by the inputs of a function of the output."""
        return network_input_gradient(self, X, given_layers(self), output, self._activations())
