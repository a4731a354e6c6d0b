"""Multi-layer perceptrons with scikit-learn's parameters, trained by the compiled descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.base import ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target

from steepest._validate import Array, check_choice
from steepest.estimators.base import (
    check_targets,
    check_weights,
    require_fitted,
    unchanged_on_error,
)
from steepest.estimators.class_weights import class_weighted, refuse_balanced
from steepest.estimators.given_layers import given_layers
from steepest.estimators.linear import activation_of, check_range_of_targets
from steepest.estimators.logistic import (
    check_labels,
    clipped_probabilities,
    encode,
    has_logits,
    has_probabilities,
    require_same_classes,
)
from steepest.estimators.mlp_base import MultiLayerPerceptron
from steepest.estimators.mlp_parameters import (
    CLASS_WEIGHT_PARAMETER,
    CLASSIFIER_LOSS,
    PARAMETERS,
    REGRESSOR_LOSS,
    SCORING_PARAMETER,
    STRUCTURE_PARAMETERS,
)
from steepest.estimators.mlp_partial_fit import is_stochastic
from steepest.estimators.prediction import labels
from steepest.estimators.sparse import Inputs
from steepest.losses import ClassificationLoss, LogLoss, RegressionLoss, check_loss
from steepest.optimizers import Optimizer
from steepest.pruning import Gradual
from steepest.schedules import ScheduleLike
from steepest.stopping import StopRule


def has_margins(estimator: Any) -> bool:
    """Whether the outputs are no probabilities' logits; scikit-learn's classifier has no decision_function."""
    if not has_logits(estimator):
        return True
    raise AttributeError(
        "decision_function is there for losses of margins; for 'log_loss' use predict_proba"
    )


def plain_labels(labels: Array) -> Array:
    """Return labels as scikit-learn's MLP keeps them: objects as what NumPy makes of them, such as texts."""
    return np.asarray(labels.tolist()) if labels.dtype.kind == "O" else labels


class MLPRegressor(  # noqa: D101 - the docstring is put together below
    MultiOutputMixin, RegressorMixin, MultiLayerPerceptron
):
    __doc__ = (
        r"""Regression with a feed-forward network; takes the place of scikit-learn's MLPRegressor.

    Arguments, methods and fitted attributes mean what they mean there, and the same integer ``random_state`` gives
    the same training. :meth:`from_sklearn` and :meth:`to_sklearn` convert.

    The objective on a batch of B rows, reported and differentiated, is half the squared error, summed over the
    outputs, with scikit-learn's penalty:

    .. math:: J = \frac{1}{2B} \sum_{ik} s_i (f_k(x_i) - y_{ik})^2 + \frac{\alpha}{B}
              \left( \rho \lVert W \rVert_1 + \frac{1 - \rho}{2} \lVert W \rVert^2 \right)

    with :math:`\rho` = ``l1_ratio``, by default 0. scikit-learn trains on the same and reports the squared error
    divided by the number of outputs (its issue 8349); the loss reported here is the one that is differentiated,
    and ``tol`` is compared as there. With ``loss="poisson"`` it is half the Poisson deviance, :math:`\sum y
    \log(y/\mu) - y + \mu`, of the mean :math:`\mu = \exp f`. Any other ``loss``, as :mod:`steepest.losses` states
    it, takes the place of half the squared error, summed over the outputs likewise. ``loss_curve_`` has each
    epoch's mean over its batches, each measured before its step.

    Parameters
    ----------"""
        + REGRESSOR_LOSS
        + PARAMETERS
        + SCORING_PARAMETER.format(default="R^2")
        + STRUCTURE_PARAMETERS
        + """
    Attributes
    ----------
    coefs_, intercepts_ : lists of arrays
        Weights (n_in, n_out) and biases (n_out,) of each layer.
    loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, n_iter_, t_
        As in scikit-learn's MLPRegressor. The validation score is R^2, or by ``scoring``; there are scores with
        ``validation_data``, too. With "lbfgs" ``loss_curve_`` has the loss of each evaluation, which scikit-learn
        does not keep.
    history_ : dict of arrays
        One number an epoch: "loss", "gradient_norm" (of the epoch's last batch), "learning_rate", "seconds", and
        with validation data "validation_loss" (without penalty) and "validation_score".
    status_ : str
        Why the descent ended; see :mod:`steepest.stopping`.
    masks_ : list of bool arrays, (n_in, n_out)
        After :meth:`prune` or with ``pruning``: which weights are kept; the others stay 0. Delete it to set them
        free.
    n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As in scikit-learn.
    """
    )

    def __init__(
        self,
        loss: str | RegressionLoss = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
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
        super().__init__(
            hidden_layer_sizes,
            activation,
            loss=loss,
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
            dropout=dropout,
            l1_ratio=l1_ratio,
            scoring=scoring,
            freeze=freeze,
            pruning=pruning,
            group_lasso=group_lasso,
            max_norm=max_norm,
        )

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_loss(self.loss, RegressionLoss)

    def _targets(self, y: Any, X: Inputs, *, reset: bool, fitting: bool = False) -> Array:
        targets, _ = check_targets(y, X.shape[0], X.dtype)
        check_range_of_targets(check_loss(self.loss, RegressionLoss), targets)
        if reset or not hasattr(self, "n_outputs_"):
            self.n_outputs_ = targets.shape[1]
        elif targets.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y must have {self.n_outputs_} targets, as before, but has {targets.shape[1]}"
            )
        return targets

    def _output(self, targets: Array) -> tuple[int, str | dict[str, Any], str]:
        loss = check_loss(self.loss, RegressionLoss)
        return targets.shape[1], loss.config(), activation_of(loss)

    @available_if(is_stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, epochs: int = 1) -> Any:
        """Train for one epoch, or several, on more data, from where the last call ended: optimizer state included.

        As in scikit-learn, an integer ``random_state`` shuffles in the same way in each call but the first; give a
        RandomState for new orders. ``n_iter_`` counts the epochs of the last call. It starts from ``coefs_`` and
        ``intercepts_`` as they are, also where arrays were replaced; the optimizer's moments go on.

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
        require_fitted(self)
        output = self._answers(X, "exponential" if self.out_activation_ == "exp" else "output")
        return output if output.shape[1] > 1 else output[:, 0]

    def input_gradient(self, X: Any) -> Array:
        """Return the derivatives of the prediction by the inputs, from the compiled backward pass.

        Parameters
        ----------
        X : array or sparse matrix, (n, d)
            Inputs.

        Returns
        -------
        array, (n, d) for one target, (n, K, d) for several
            Entry [i, k, j] is d predict(X)[i, k] / d X[i, j], dense and in X's dtype; for ``loss="poisson"`` that
            of the mean, exp f. ReLU'(0) is 0.
        """
        require_fitted(self)
        return self._input_gradient(X, self.out_activation_)


class MLPClassifier(  # noqa: D101 - the docstring is put together below
    ClassifierMixin, MultiLayerPerceptron
):
    __doc__ = (
        r"""Classification with a feed-forward network: softmax, or logistic for two classes and for several labels.

    It takes the place of scikit-learn's MLPClassifier: arguments, methods and fitted attributes mean what they mean
    there, and the same integer ``random_state`` gives the same training. :meth:`from_sklearn` and
    :meth:`to_sklearn` convert.

    The objective on a batch of B rows, reported and differentiated, is the cross-entropy, computed from logits,
    with scikit-learn's penalty (for several labels it is summed over the outputs):

    .. math:: J = -\frac1B \sum_i s_i \log p_{i,y_i} + \frac{\alpha}{B}
              \left( \rho \lVert W \rVert_1 + \frac{1 - \rho}{2} \lVert W \rVert^2 \right)

    with :math:`\rho` = ``l1_ratio``, by default 0. ``loss_curve_`` has each epoch's mean over its batches, each
    measured before its step. scikit-learn's is the same except where the probability of the true class is below the
    last digit of 1: there it is cut off.

    Another ``loss`` takes the place of the cross-entropy, summed over the outputs: one for two classes, otherwise
    one for each class, which it tells from the rest (the largest output decides), or for each label. There is a
    ``decision_function`` then, and probabilities for "modified_huber" alone.

    Parameters
    ----------"""
        + CLASSIFIER_LOSS
        + PARAMETERS
        + CLASS_WEIGHT_PARAMETER
        + SCORING_PARAMETER.format(default="the accuracy")
        + STRUCTURE_PARAMETERS
        + """
    Attributes
    ----------
    classes_ : array
        The labels.
    multilabel_ : bool
        Whether y had an indicator for each of several labels.
    coefs_, intercepts_ : lists of arrays
        Weights (n_in, n_out) and biases (n_out,) of each layer.
    loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, n_iter_, t_
        As in scikit-learn's MLPClassifier. The validation score is the accuracy, or by ``scoring``; there are
        scores with ``validation_data``, too.
    history_, status_, masks_, n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As in :class:`MLPRegressor`.
    """
    )

    _sparse_labels = False  # whether the labels in training were a sparse matrix

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        loss: str | ClassificationLoss = "log_loss",
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
        class_weight: Any = None,
        scoring: Any = None,
        freeze: Sequence[Any] = (),
        pruning: Gradual | None = None,
        group_lasso: float | Sequence[float] = 0.0,
        max_norm: float | Sequence[float | None] | None = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            activation,
            loss=loss,
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
            dropout=dropout,
            l1_ratio=l1_ratio,
            scoring=scoring,
            freeze=freeze,
            pruning=pruning,
            group_lasso=group_lasso,
            max_norm=max_norm,
        )
        self.class_weight = class_weight

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_loss(self.loss, ClassificationLoss)

    def _targets(self, y: Any, X: Inputs, *, reset: bool, fitting: bool = False) -> Array:
        sparse_labels = issparse(y)
        if sparse_labels:
            y = y.toarray()
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
            labels, classes = plain_labels(labels), plain_labels(classes)
        if reset or not hasattr(self, "multilabel_"):
            self._sparse_labels, self.multilabel_ = sparse_labels, multilabel
        elif multilabel != self.multilabel_:
            kinds = ("one label for each row", "indicators (n, K) of several labels")
            raise ValueError(
                f"y must have {kinds[self.multilabel_]}, as before, but has {kinds[multilabel]}"
            )
        if reset or not hasattr(self, "classes_"):
            self.classes_ = classes
        elif fitting and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start needs the classes of the last fit, {self.classes_}, but y has {classes}"
            )
        if multilabel:
            if indicators.shape[1] != len(self.classes_):
                raise ValueError(
                    f"y must have a column for each of the labels {self.classes_}, but has {indicators.shape[1]}"
                )
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

    def _output(self, targets: Array) -> tuple[int, str | dict[str, Any], str]:
        loss = check_loss(self.loss, ClassificationLoss)
        outputs = targets.shape[1] if targets.ndim == 2 else len(self.classes_)
        if not isinstance(loss, LogLoss):
            return outputs, loss.config(), "identity"
        word = "logistic" if targets.ndim == 2 else "softmax"
        return outputs, word, word

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _stratify(self, targets: Array) -> Array | None:
        # As in scikit-learn: only where there is one output.
        return targets[:, 0] if targets.ndim == 2 and targets.shape[1] == 1 else None

    @available_if(is_stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None, epochs: int = 1
    ) -> Any:
        """Train for one epoch, or several, on more data, from where the last call ended: optimizer state included.

        As in scikit-learn, an integer ``random_state`` shuffles in the same way in each call but the first; give a
        RandomState for new orders. ``n_iter_`` counts the epochs of the last call. It starts from ``coefs_`` and
        ``intercepts_`` as they are, also where arrays were replaced; the optimizer's moments go on.

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
                self.classes_ = np.unique(plain_labels(np.asarray(classes)))
            else:
                require_same_classes(classes, self.classes_)
            result = self._partial_fit(X, y, sample_weight, epochs)
        return self._after_epoch(result)

    @available_if(has_margins)  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> Array:
        """Return the outputs, (n,) for two classes, otherwise (n, K); for other losses than "log_loss"."""
        require_fitted(self)
        outputs = self._answers(X, "output")
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    @available_if(has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities of the classes (of the labels, if there are several), (n, K)."""
        require_fitted(self)
        if self.out_activation_ == "identity":
            return self._clipped_probabilities(self._answers(X, "output"))
        if self.out_activation_ == "softmax":
            return self._answers(X, "softmax")
        if self.n_outputs_ > 1:
            return self._answers(X, "logistic")
        both = self._answers(X, "two_classes")
        return both if len(self.classes_) == 2 else np.ones((len(both), 1), both.dtype)

    def _clipped_probabilities(self, outputs: Array) -> Array:
        if self.multilabel_:
            return np.asarray((np.clip(outputs, -1, 1) + 1) / 2)
        if len(self.classes_) == 1:
            return np.ones_like(outputs)
        return clipped_probabilities(outputs[:, 0] if outputs.shape[1] == 1 else outputs)

    @available_if(has_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of the probabilities, (n, K)."""
        require_fitted(self)
        if self.out_activation_ == "softmax":
            return self._answers(X, "log_softmax")
        if self.n_outputs_ == 1 and len(self.classes_) == 2 and self.out_activation_ == "logistic":
            return self._answers(X, "log_two_classes")
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    def input_gradient(self, X: Any, output: str = "probability") -> Array:
        """Return the derivatives of what the network says with respect to its inputs, by the backward pass.

        Parameters
        ----------
        X : array or sparse matrix, (n, d)
            Inputs.
        output : {"probability", "logit"}, default "probability"
            What is differentiated: the columns of :meth:`predict_proba`, for how sensitive a prediction is; or
            their logits, the last layer's values before softmax or the logistic function, as saliency maps use
            them: they don't vanish where the network is sure. Of other losses than "log_loss" both are those of
            :meth:`decision_function`.

        Returns
        -------
        array, (n, d) for two classes, (n, K, d) for more and for several labels
            Entry [i, k, j] is the derivative of output k by X[i, j], dense and in X's dtype. With two classes it is
            that of ``classes_[1]``, whose logit is the only one; the other probability's is its negative.
            ReLU'(0) is 0.

        Raises
        ------
        ValueError
            If ``output`` is neither word.
        """
        require_fitted(self)
        check_choice("output", output, ("probability", "logit"))
        gradient = self._input_gradient(
            X, self.out_activation_ if output == "probability" else "identity"
        )
        certain = len(self.classes_) == 1 and self.out_activation_ == "logistic"
        if output == "probability" and certain:
            return np.zeros_like(gradient)  # it is 1 everywhere
        return gradient

    def predict(self, X: Any) -> Any:
        """Return the best label of each row, (n,); for several labels their indicators, (n, K).

        As in scikit-learn these are sparse (CSR) if the labels in training were.
        """
        require_fitted(self)
        several = self.out_activation_ == "logistic" and self.n_outputs_ > 1
        if several or (self.out_activation_ == "identity" and self.multilabel_):
            indicators = (self._answers(X, "output") > 0).astype(int)
            return csr_matrix(indicators) if self._sparse_labels else indicators
        weights, biases = given_layers(self)
        return labels(self, X, weights, biases, self.classes_, self._activations())
