"""Multi-layer perceptrons with scikit-learn's parameters, trained by the compiled descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target

from steepest import kernels
from steepest._validate import (
    Array,
    check_choice,
)
from steepest.estimators.base import (
    check_targets,
    check_weights,
    unchanged_on_error,
)
from steepest.estimators.class_weights import class_weighted, refuse_balanced
from steepest.estimators.logistic import (
    check_labels,
    encode,
    log_probabilities,
    probabilities,
    require_same_classes,
)
from steepest.estimators.mlp_base import MultiLayerPerceptron, is_stochastic
from steepest.estimators.sparse import Inputs
from steepest.optimizers import Optimizer
from steepest.schedules import Schedule
from steepest.stopping import StopRule

PARAMETERS = """
    hidden_layer_sizes : tuple of int, default (100,)
        Widths of the hidden layers; () is the linear model.
    activation : {"relu", "identity", "logistic", "tanh"}, default "relu"
        Of the hidden layers.
    solver : {"adam", "sgd", "lbfgs"}, default "adam"
        "adam" is ``Adam(learning_rate_init, beta_1, beta_2, epsilon, epsilon_hat=True)``; "sgd" is
        ``Momentum(learning_rate_init, momentum, velocity="step", nesterov=nesterovs_momentum)``; "lbfgs" is
        SciPy's L-BFGS-B on the full batch, with the compiled loss and gradient.
    alpha : float, default 1e-4
        Strength of the L2 penalty on the weights, divided by B, the rows of each batch.
    batch_size : int or "auto", default "auto"
        Rows for a step; "auto" is min(200, n).
    learning_rate : {"constant", "invscaling", "adaptive"}, default "constant"
        For "sgd": constant; ``learning_rate_init / (t + 1)**power_t`` with t the samples seen, refreshed after
        each epoch; or divided by 5 whenever patience runs out, down to 1e-6.
    learning_rate_init : float, default 0.001
        The learning rate.
    power_t : float, default 0.5
        The exponent of "invscaling".
    max_iter : int, default 200
        Limit of epochs (L-BFGS: iterations).
    shuffle : bool, default True
        New order of the rows in each epoch.
    random_state : int, RandomState or None, default None
        Draws the initial weights, the held-out rows and the shuffles, as scikit-learn does: the same number gives
        the same training.
    tol : float, default 1e-4
        An epoch improves when it is better than the best so far by more than this.
    verbose : bool, default False
        Print the loss after every epoch.
    warm_start : bool, default False
        Start from the weights of the last fit, with a fresh optimizer; patience and the best loss or score go on.
    momentum, nesterovs_momentum : default 0.9, True
        Of "sgd".
    early_stopping : bool, default False
        Hold out a part of the data and stop on its score; the best weights are restored.
    validation_fraction : float, default 0.1
        The part that is held out.
    beta_1, beta_2, epsilon : default 0.9, 0.999, 1e-8
        Of "adam".
    n_iter_no_change : int, default 10
        The descent ends when more epochs in a row than this have not improved.
    max_fun : int, default 15000
        Limit of function calls of "lbfgs".
    optimizer : Optimizer, optional
        Beyond scikit-learn: any of steepest's; wins over ``solver``.
    schedule : Schedule, optional
        Beyond scikit-learn: factor of the learning rate.
    stop : sequence of StopRule, default ()
        Beyond scikit-learn: more stop rules; a ``NoImprovement`` replaces ``tol`` and ``n_iter_no_change``.
    callbacks : sequence, default ()
        Beyond scikit-learn: callables, each called after every epoch (L-BFGS: iteration) with a dict ("epoch",
        "loss", "validation_loss", "validation_score", ...); and objects that follow scikit-learn's callback
        protocol, as for :meth:`set_callbacks`, to which each epoch is a task. Returning True stops the descent.
    n_threads : int, optional
        How many threads a fit may use; by default as many as :func:`steepest.get_num_threads` says. The result
        does not depend on it.
"""

SCORING_PARAMETER = """    scoring : str or callable, optional
        Beyond scikit-learn: a scorer, by name or as scorer(estimator, X, y) -> float, evaluated after every epoch
        on ``validation_data`` or on what ``early_stopping`` holds out: the validation score, in place of {default}.
        ``early_stopping`` and the rule ``NoImprovement(monitor="validation_score")`` stop on it; whatever ends the
        descent, the best weights by it come back.
"""

CLASS_WEIGHT_PARAMETER = """    class_weight : dict, list of dict or "balanced", optional
        Beyond scikit-learn: weights of the classes, by label (1 for those that are not named), which multiply
        those of the rows. "balanced" gives each class the same sum of weights. For several labels a list of dicts
        by 0 and 1, one a label, whose weights are multiplied. What ``early_stopping`` holds out counts by them,
        too, except for ``scoring``; ``validation_data`` don't.
"""

LOSS_PARAMETER = """
    loss : {"squared_error", "poisson"}, default "squared_error"
        What is minimised; "poisson" models counts by their logarithm."""


class MLPRegressor(  # noqa: D101 - the docstring is put together below
    MultiOutputMixin, RegressorMixin, MultiLayerPerceptron
):
    __doc__ = (
        r"""Regression with a feed-forward network.

    The objective on a batch of B rows, reported and differentiated, is half the squared error, summed over the
    outputs, with scikit-learn's penalty:

    .. math:: J = \frac{1}{2B} \sum_{ik} s_i (f_k(x_i) - y_{ik})^2 + \frac{\alpha}{2B} \lVert W \rVert^2

    scikit-learn trains on the same and reports the squared error divided by the number of outputs (its issue 8349);
    the loss reported here is the one that is differentiated, and ``tol`` is compared as there.
    With ``loss="poisson"`` it is half the Poisson deviance, :math:`\sum y \log(y/\mu) - y + \mu`, of the mean
    :math:`\mu = \exp f`. ``loss_curve_`` has each epoch's mean over its batches, each measured before its step.

    Parameters
    ----------"""
        + LOSS_PARAMETER
        + PARAMETERS
        + SCORING_PARAMETER.format(default="R^2")
        + """
    Attributes
    ----------
    coefs_, intercepts_ : lists of arrays
        Weights (n_in, n_out) and biases (n_out,) of each layer.
    loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, n_iter_, t_
        As in scikit-learn's MLPRegressor. The validation score is R^2, or by ``scoring``; there are scores with
        ``validation_data``, too.
    history_ : dict of arrays
        One number an epoch: "loss", "gradient_norm" (of the epoch's last batch), "learning_rate", "seconds", and
        with validation data "validation_loss" (without penalty) and "validation_score".
    status_ : str
        Why the descent ended; see :mod:`steepest.stopping`.
    n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As in scikit-learn.
    """
    )

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
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
        schedule: Schedule | None = None,
        stop: Sequence[StopRule] = (),
        callbacks: Sequence[Any] = (),
        n_threads: int | None = None,
        scoring: Any = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            optimizer=optimizer,
            schedule=schedule,
            stop=stop,
            callbacks=callbacks,
            n_threads=n_threads,
            scoring=scoring,
        )
        self.loss = loss

    def _targets(self, y: Any, X: Inputs, *, reset: bool, fitting: bool = False) -> Array:
        targets, multi = check_targets(y, X.shape[0], X.dtype)
        check_choice("loss", self.loss, ("squared_error", "poisson"))
        if self.loss == "poisson" and (targets < 0).any():
            row = int(np.argmax((targets < 0).any(axis=1)))
            raise ValueError(
                f"y must not be negative for loss='poisson', but row {row} is {targets[row].min()}"
            )
        expected = getattr(self, "n_outputs_", targets.shape[1])
        if not reset and targets.shape[1] != expected:
            raise ValueError(
                f"y must have {expected} targets, as before, but has {targets.shape[1]}"
            )
        if reset or not hasattr(self, "_y_is_2d"):
            self._y_is_2d = multi
        return targets

    def _output(self, targets: Array) -> tuple[int, str, str]:
        if self.loss == "poisson":
            return targets.shape[1], "poisson", "exp"
        return targets.shape[1], "squared", "identity"

    @available_if(is_stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, epochs: int = 1) -> Any:
        """Train for one epoch, or several, on more data, from where the last call ended: optimizer state included.

        As in scikit-learn, an integer ``random_state`` shuffles in the same way in each call but the first; give a
        RandomState for new orders. ``n_iter_`` counts the epochs of the last call.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.
        epochs : int, default 1
            Beyond scikit-learn. With a RandomState as many calls would do the same, bit for bit; an integer
            ``random_state`` gives one stream of shuffles for all epochs of a call.

        Returns
        -------
        MLPRegressor
            Itself.
        """
        return self._after_epoch(self._partial_fit(X, y, sample_weight, epochs))

    def predict(self, X: Any) -> Array:
        """Return the predictions, (n,) or (n, K), for X of shape (n, d)."""
        output = self._forward(X)
        if self.out_activation_ == "exp":
            output = np.exp(output)
        return output if output.shape[1] > 1 else output[:, 0]


class MLPClassifier(  # noqa: D101 - the docstring is put together below
    ClassifierMixin, MultiLayerPerceptron
):
    __doc__ = (
        r"""Classification with a feed-forward network: softmax, or logistic for two classes and for several labels.

    The objective on a batch of B rows, reported and differentiated, is the cross-entropy, computed from logits,
    with scikit-learn's penalty (for several labels it is summed over the outputs):

    .. math:: J = -\frac1B \sum_i s_i \log p_{i,y_i} + \frac{\alpha}{2B} \lVert W \rVert^2

    ``loss_curve_`` has each epoch's mean over its batches, each measured before its step. scikit-learn's is the
    same except where the probability of the true class is below the last digit of 1: there it is cut off.

    Parameters
    ----------"""
        + PARAMETERS
        + CLASS_WEIGHT_PARAMETER
        + SCORING_PARAMETER.format(default="the accuracy")
        + """
    Attributes
    ----------
    classes_ : array
        The labels.
    coefs_, intercepts_ : lists of arrays
        Weights (n_in, n_out) and biases (n_out,) of each layer.
    loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, n_iter_, t_
        As in scikit-learn's MLPClassifier. The validation score is the accuracy, or by ``scoring``; there are
        scores with ``validation_data``, too.
    history_, status_, n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As in :class:`MLPRegressor`.
    """
    )

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
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
        schedule: Schedule | None = None,
        stop: Sequence[StopRule] = (),
        callbacks: Sequence[Any] = (),
        n_threads: int | None = None,
        class_weight: Any = None,
        scoring: Any = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            optimizer=optimizer,
            schedule=schedule,
            stop=stop,
            callbacks=callbacks,
            n_threads=n_threads,
            scoring=scoring,
        )
        self.class_weight = class_weight

    def _targets(self, y: Any, X: Inputs, *, reset: bool, fitting: bool = False) -> Array:
        y = y if y is None else np.asarray(y)
        multilabel = y is not None and y.ndim == 2 and y.shape[1] > 1
        if multilabel:
            if type_of_target(y) != "multilabel-indicator" or not np.isin(y, (0, 1)).all():
                raise ValueError(
                    "y of shape (n, K) must be an indicator of labels, 0 and 1 only, but is "
                    f"{type_of_target(y)}"
                )
            indicators, _ = check_targets(y, X.shape[0], X.dtype)
            classes = np.arange(indicators.shape[1])
        else:
            labels, classes = check_labels(y, X.shape[0])
        if reset or not hasattr(self, "classes_"):
            self.classes_ = classes
        elif fitting and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start needs the classes of the last fit, {self.classes_}, but y has {classes}"
            )
        if multilabel:
            return indicators
        codes = encode(labels, self.classes_)
        if len(self.classes_) <= 2:
            return np.ascontiguousarray(codes[:, None], dtype=X.dtype)
        return np.ascontiguousarray(codes, dtype=np.int64)

    def _training_weights(
        self, targets: Array, sample_weight: Array | None, X: Inputs
    ) -> Array | None:
        if self.class_weight is None:
            return sample_weight
        labels = targets
        if targets.ndim == 1 or targets.shape[1] == 1:
            labels = self.classes_[targets.reshape(-1).astype(np.intp)]
        weights = class_weighted(self.class_weight, labels, self.classes_, sample_weight)
        return check_weights(weights, X, scaled=False)

    def _output(self, targets: Array) -> tuple[int, str, str]:
        if targets.ndim == 2:
            return targets.shape[1], "logistic", "logistic"
        return len(self.classes_), "softmax", "softmax"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _stratify(self, targets: Array) -> Array | None:
        # As in scikit-learn: only where there is one output.
        return targets[:, 0] if targets.ndim == 2 and targets.shape[1] == 1 else None

    @available_if(is_stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None, epochs: int = 1
    ) -> Any:
        """Train for one epoch, or several, on more data, from where the last call ended: optimizer state included.

        As in scikit-learn, an integer ``random_state`` shuffles in the same way in each call but the first; give a
        RandomState for new orders. ``n_iter_`` counts the epochs of the last call.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.
        classes : array, (K,), optional
            All labels that will ever be seen; needed in the first call.
        epochs : int, default 1
            As in :meth:`MLPRegressor.partial_fit`.

        Returns
        -------
        MLPClassifier
            Itself.
        """
        with unchanged_on_error(self):
            refuse_balanced(self.class_weight)
            if not hasattr(self, "classes_"):
                if classes is None:
                    raise ValueError("classes must be passed on the first call to partial_fit.")
                self.classes_ = np.unique(classes)
            else:
                require_same_classes(classes, self.classes_)
            result = self._partial_fit(X, y, sample_weight, epochs)
        return self._after_epoch(result)

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities of the classes (of the labels, if there are several), (n, K)."""
        logits = self._forward(X)
        if self.out_activation_ == "softmax":
            return kernels.softmax(logits)
        if logits.shape[1] == 1:
            both = probabilities(logits[:, 0])
            return both if len(self.classes_) == 2 else np.ones((len(both), 1), both.dtype)
        return np.stack([probabilities(column)[:, 1] for column in logits.T], axis=1)

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of the probabilities, (n, K)."""
        logits = self._forward(X)
        if self.out_activation_ == "softmax":
            return log_probabilities(logits)
        if logits.shape[1] == 1 and len(self.classes_) == 2:
            return log_probabilities(logits[:, 0])
        return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> Array:
        """Return the most probable label of each row, (n,); for several labels their indicators, (n, K)."""
        logits = self._forward(X)
        if self.out_activation_ == "softmax":
            return np.asarray(self.classes_.take(logits.argmax(axis=1)))
        if logits.shape[1] == 1:
            positive = (logits[:, 0] > 0) & (len(self.classes_) == 2)
            return np.asarray(self.classes_.take(positive.astype(int)))
        return (logits > 0).astype(int)
