"""Logistic (softmax) regression by gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from steepest import _native
from steepest._validate import Array, check_number
from steepest.estimators.base import (
    Data,
    NetworkState,
    check_inputs,
    check_threads,
    check_weights,
    network_descent,
    report_ending,
    require_fitted,
    unchanged_on_error,
    validation_parts,
)
from steepest.estimators.callbacks import Watch, watched
from steepest.estimators.class_weights import class_weighted, refuse_balanced
from steepest.estimators.conversion import LinearConversion
from steepest.estimators.convex import ConvexModel
from steepest.estimators.linear import Scaling
from steepest.estimators.prediction import answers, labels
from steepest.estimators.quadratic import (
    MOST_FEATURES,
    curvature_range,
    is_automatic,
    largest_curvature,
    nesterov,
)
from steepest.estimators.sparse import Inputs
from steepest.optimizers import SGD, Optimizer
from steepest.schedules import Schedule
from steepest.stopping import StopRule


class LogisticRegression(LinearConversion, ClassifierMixin, ConvexModel):
    r"""Logistic regression by gradient descent; softmax for more than two classes.

    The objective, reported in ``loss_curve_`` and differentiated, is the mean cross-entropy

    .. math:: J = -\frac1N \sum_i s_i \log p_{i, y_i} + \alpha \sum_{jk} \left( \rho\, |\sigma_j w_{jk}|
              + \frac{1 - \rho}{2} (\sigma_j w_{jk})^2 \right), \qquad p_i = \operatorname{softmax}(x_i W + b)

    with :math:`\rho` = ``l1_ratio``, computed from the logits by log-sum-exp, with sample weights s scaled to mean
    1; for two classes one logit and the logistic function. :math:`\sigma_j` is the standard deviation of feature j
    with ``standardize=True`` and 1 otherwise, as in :class:`LinearRegression`. The intercept is not penalised.

    Parameters
    ----------
    learning_rate : float or "auto", default "auto"
        A number is that of plain gradient descent. "auto" takes 1/L, with L the largest curvature that the
        cross-entropy can have on this data (for more than 4096 features by power iteration), and Nesterov momentum
        0.9, or 0.98 with an L1 penalty (mini-batches: a rate that is stable).
    optimizer, schedule, stop, batch_size, shuffle, standardize, fit_intercept, warm_start, random_state
        As in :class:`LinearRegression`.
    max_epochs : int, default 5000
        Limit of passes over the data.
    tol : float, default 1e-6
        With a full batch the descent has converged where the gradient's norm is at most this.
    alpha : float, default 1e-4
        Strength of the penalty. Without any, separable classes drive the weights to infinity. scikit-learn's C is
        1 / (N alpha), on standardised features.
    callbacks, verbose, n_threads, l1_ratio
        As in :class:`LinearRegression`.
    class_weight : dict or "balanced", optional
        Weights of the classes, by label (1 for those that are not named), which multiply those of the rows.
        "balanced" gives each class the same sum of weights. ``validation_data`` count without.
    scoring : str or callable, optional
        As in :class:`LinearRegression`; by default accuracy.

    Attributes
    ----------
    classes_ : array, (K,)
        The labels.
    coef_ : array, (1, d) for two classes, otherwise (K, d)
    intercept_ : array, (1,) or (K,)
    loss_, loss_curve_, history_, n_iter_, status_, n_features_in_, feature_names_in_
        As in :class:`LinearRegression`; the validation score is the accuracy, or by ``scoring``.

    References
    ----------
    Cox (1958), "The regression analysis of binary sequences"; Böhning (1992), "Multinomial logistic regression
    algorithm", for the bound of the curvature.
    """

    classes_: Array
    coef_: Array
    intercept_: Array

    def __init__(
        self,
        *,
        learning_rate: float | str = "auto",
        optimizer: Optimizer | None = None,
        schedule: Schedule | None = None,
        stop: Sequence[StopRule] = (),
        batch_size: int | None = None,
        shuffle: bool = True,
        max_epochs: int = 5000,
        tol: float = 1e-6,
        alpha: float = 1e-4,
        fit_intercept: bool = True,
        standardize: bool = True,
        warm_start: bool = False,
        random_state: Any = None,
        callbacks: Sequence[Any] = (),
        verbose: bool = False,
        n_threads: int | None = None,
        l1_ratio: float = 0.0,
        class_weight: Any = None,
        scoring: Any = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.schedule = schedule
        self.stop = stop
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.max_epochs = max_epochs
        self.tol = tol
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.warm_start = warm_start
        self.random_state = random_state
        self.callbacks = callbacks
        self.verbose = verbose
        self.n_threads = n_threads
        self.l1_ratio = l1_ratio
        self.class_weight = class_weight
        self.scoring = scoring

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None
    ) -> LogisticRegression:
        """Fit the coefficients.

        Parameters
        ----------
        X : array or sparse matrix, (n, d)
            Inputs, finite; float32 stays float32.
        y : array, (n,)
            Labels of any kind, at least two different ones.
        sample_weight : array, (n,), optional
            Not negative.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Measured after every epoch, for the history and for stop rules that monitor it.

        Returns
        -------
        LogisticRegression
            Itself.

        Raises
        ------
        ValueError, TypeError
            If data or parameters are not as described; the estimator is then as it was.
        """
        with unchanged_on_error(self), watched(self, X, y, sample_weight) as watch:
            inputs = check_inputs(self, X, reset=True)
            labels, classes = check_labels(y, inputs.shape[0])
            if len(classes) < 2:
                raise ValueError(
                    f"y must have at least two classes, but all {len(labels)} labels are {classes[0]!r} "
                    "(1 class)"
                )
            codes = encode(labels, classes)
            result = self._fit(inputs, classes, codes, sample_weight, validation_data, 1.0, watch)
            watch.finish(result)
        report_ending(self, result)
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None, epochs: int = 1
    ) -> LogisticRegression:
        """Make one pass over more data, or several, from the coefficients so far.

        The pass runs in the features' own units, whatever ``standardize`` says, since there is no whole data to
        standardise by; nor to balance by, so that ``class_weight="balanced"`` is refused.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.
        classes : array, (K,), optional
            All labels that will ever be seen; needed in the first call.
        epochs : int, default 1
            How many passes, as in :meth:`LinearRegression.partial_fit`.

        Returns
        -------
        LogisticRegression
            Itself.
        """
        with unchanged_on_error(self):
            first = not hasattr(self, "coef_")
            refuse_balanced(self.class_weight)
            if first and classes is None:
                raise ValueError("classes must be given in the first call of partial_fit")
            inputs = check_inputs(self, X, reset=first)
            labels, _ = check_labels(y, inputs.shape[0])
            if not first:
                require_same_classes(classes, self.classes_)
            known = np.unique(classes) if first else self.classes_
            codes = encode(labels, known)
            result = self._passes(
                epochs,
                ("coef_", "intercept_", "classes_"),
                lambda step: step._fit(
                    inputs,
                    known,
                    codes,
                    sample_weight,
                    None,
                    0.1,
                    Watch(step, X, y, whole_fit=False),
                ),
            )
        report_ending(self, result)
        return self

    def _fit(
        self,
        X: Inputs,
        classes: Array,
        codes: Array,
        sample_weight: Any,
        validation_data: Any,
        rate_scale: float,
        watch: Watch,
    ) -> dict[str, Any]:
        l1, l2 = self._penalty()
        full = self._is_full_batch(X.shape[0])
        outputs = 1 if len(classes) == 2 else len(classes)
        weights = check_weights(sample_weight, X)
        if self.class_weight is not None:
            labels = classes[codes]
            weights = check_weights(class_weighted(self.class_weight, labels, classes, weights), X)
        zero = np.zeros((X.shape[0], 1), X.dtype)
        automatic = self.optimizer is None and is_automatic(self.learning_rate)
        power = automatic and full and X.shape[1] + bool(self.fit_intercept) > MOST_FEATURES
        training, sums = Data(X, zero, weights), None
        if automatic or self.standardize:
            sums = _native.core.linear_moments(
                training.as_tuple(),
                automatic and full and not power,
                check_threads(self.n_threads),
            )
        scaling = Scaling.of(sums, X, zero, self.standardize, self.fit_intercept)
        training = scaling.apply(training)
        training.y = class_targets(codes, outputs, X.dtype)
        validation = None
        if validation_data is not None:
            validation = self._validation(validation_data, scaling, classes, outputs, X.dtype)
            watch.validate_on(*validation_data)
        optimizer = self.optimizer
        if power:
            largest = largest_curvature(training.X, weights, self.fit_intercept)
            optimizer = nesterov(curvature_bound(outputs) * largest + l2, l1)
        elif optimizer is None:
            optimizer = self._default_optimizer(scaling, sums, l1, l2, outputs, full, rate_scale)
        config = self._descent_config(optimizer, X, validated=validation is not None)
        start = (np.zeros((X.shape[1], outputs), X.dtype), np.zeros(outputs, X.dtype))
        if self.warm_start and hasattr(self, "coef_"):
            if self.coef_.shape != (outputs, X.shape[1]) or not np.array_equal(
                self.classes_, classes
            ):
                raise ValueError(
                    f"warm_start needs the features and classes of the last fit, coef_ of shape "
                    f"{self.coef_.shape} for {self.classes_}, but X and y ask for "
                    f"{(outputs, X.shape[1])} for {classes}"
                )
            coef, bias = scaling.invert(self.coef_.T, self.intercept_)
            start = (np.ascontiguousarray(coef, X.dtype), np.ascontiguousarray(bias, X.dtype))

        def attributes_at(parameters: Any, epochs: int) -> dict[str, Any]:
            coef, intercept = scaling.restore(parameters[0][0], parameters[1][0])
            return {
                "classes_": classes,
                "coef_": np.ascontiguousarray(coef.T),
                "intercept_": intercept,
                "n_iter_": max(epochs, 1),
            }

        state = NetworkState([start[0]], [start[1]])
        result = network_descent(
            state,
            training,
            validation,
            {
                "hidden": "identity",
                "output": "identity",
                "loss": "logistic" if outputs == 1 else "softmax",
                "l1": l1,
                "l2": l2,
                "no_bias": not self.fit_intercept,
            },
            config,
            self._hook(watch, config, attributes_at),
        )
        end = state.weights[0], state.biases[0]
        coef, intercept = scaling.restore_finite(end, start, result)
        self.classes_ = classes
        self.coef_ = np.ascontiguousarray(coef.T)
        self.intercept_ = intercept
        self._record(result)
        return result

    def _default_optimizer(
        self,
        scaling: Scaling,
        sums: Any,
        l1: float,
        l2: float,
        outputs: int,
        full: bool,
        rate_scale: float,
    ) -> Optimizer:
        if not is_automatic(self.learning_rate):
            return SGD(check_number("learning_rate", self.learning_rate, low=0.0, finite=True))
        bound = curvature_bound(outputs)
        if not full:
            trace = 0.5 * bound * scaling.trace(sums, 0.0, self.fit_intercept)
            return SGD(0.5 * rate_scale / (trace + l2))
        _, largest = curvature_range(0.5 * bound * scaling.hessian(sums, 0.0, self.fit_intercept))
        return nesterov(largest + l2, l1)

    def _validation(
        self, data: Any, scaling: Scaling, classes: Array, outputs: int, dtype: Any
    ) -> Data:
        X, y, sample_weight = validation_parts(data)
        inputs = check_inputs(self, X, reset=False, dtype=dtype)
        labels, _ = check_labels(y, inputs.shape[0])
        weights = check_weights(sample_weight, inputs)
        scaled = scaling.apply(
            Data(inputs, np.zeros((len(labels), outputs), inputs.dtype), weights)
        )
        scaled.y = class_targets(encode(labels, classes), outputs, inputs.dtype)
        return scaled

    def _answers(self, X: Any, answer: str) -> Array:
        """Return what is made of the logits, (n, K); see :func:`steepest.estimators.prediction.answers`."""
        return answers(self, X, [self.coef_.T], [self.intercept_], answer)

    def decision_function(self, X: Any) -> Array:
        """Return the logits, (n,) for two classes, otherwise (n, K)."""
        require_fitted(self)
        logits = self._answers(X, "output")
        return logits[:, 0] if logits.shape[1] == 1 else logits

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities of the classes, (n, K)."""
        require_fitted(self)
        return self._answers(X, "two_classes" if len(self.intercept_) == 1 else "softmax")

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of the probabilities, (n, K); finite where those underflow."""
        require_fitted(self)
        return self._answers(X, "log_two_classes" if len(self.intercept_) == 1 else "log_softmax")

    def predict(self, X: Any) -> Array:
        """Return the most probable label of each row, (n,)."""
        require_fitted(self)
        return labels(self, X, [self.coef_.T], [self.intercept_], self.classes_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def curvature_bound(outputs: int) -> float:
    """Return the most that the Hessian can be of that of half the mean square: 1/4 of it, or for softmax 1/2."""
    return 0.25 if outputs == 1 else 0.5


def check_labels(y: Any, rows: int) -> tuple[Array, Array]:
    """Return labels (n,) and the different ones among them, sorted, or raise."""
    if y is None:
        raise ValueError("The estimator requires y to be passed, but the target y is None")
    array = np.asarray(y)
    if array.ndim == 1 and array.dtype.kind in "iubU" and array.shape[0] == rows:
        classes = np.unique(array)
        if len(classes) <= max(2, rows // 2):  # not so many that scikit-learn warns
            return array, classes
    labels = column_or_1d(array, warn=True)
    if labels.dtype.kind == "f":
        bad = ~np.isfinite(labels)
        if bad.any():
            raise ValueError(
                f"y must be labels, but row {int(np.argmax(bad))} is {labels[np.argmax(bad)]} (NaN or infinite)"
            )
    check_classification_targets(labels)
    if labels.shape[0] != rows:
        raise ValueError(
            f"y must have {rows} rows, as X has, but has {labels.shape[0]}: "
            "Found input variables with inconsistent numbers of samples"
        )
    return np.asarray(labels), np.unique(labels)


def require_same_classes(classes: Any, known: Array) -> None:
    """Raise if a later call of partial_fit names other classes than the first; None names none."""
    if classes is not None and not np.array_equal(np.unique(classes), known):
        raise ValueError(f"classes must be those of the first call, {known}, but are {classes}")


def encode(labels: Array, classes: Array) -> Array:
    """Return the position of every label in the sorted classes, or raise for a label that isn't there."""
    codes = np.searchsorted(classes, labels)
    codes = np.minimum(codes, len(classes) - 1)
    unknown = classes[codes] != labels
    if unknown.any():
        row = int(np.argmax(unknown))
        raise ValueError(f"y has a label that is not in classes: row {row} is {labels[row]!r}")
    return codes


def class_targets(codes: Array, outputs: int, dtype: Any) -> Array:
    """Return 0/1 floats (n, 1) for one logistic output, int64 codes (n,) for softmax."""
    if outputs == 1:
        return np.ascontiguousarray(codes[:, None], dtype=dtype)
    return np.ascontiguousarray(codes, dtype=np.int64)
