"""Linear classifiers by gradient descent: logistic (softmax) regression, and those of the hinge family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from steepest import _native
from steepest._validate import Array, check_choice, check_number
from steepest.estimators.advice import Problem, in_float64
from steepest.estimators.base import (
    Data,
    NetworkState,
    about_validation_data,
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
from steepest.estimators.convex import ConvexModel, gradient_tolerance
from steepest.estimators.halving import halving, unbounded_optimizer
from steepest.estimators.input_gradient import network_input_gradient
from steepest.estimators.labels import distinct, positions
from steepest.estimators.lbfgs import FlatObjective
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
from steepest.losses import (
    ClassificationLoss,
    LogLoss,
    ModifiedHuber,
    Perceptron,
    check_loss,
    means,
)
from steepest.optimizers import SGD, Optimizer
from steepest.schedules import ScheduleLike
from steepest.stopping import StopRule


def has_probabilities(estimator: Any) -> bool:
    """Whether outputs are made probabilities; the AttributeError says why not.

    What was fitted decides: ``out_activation_``, and only where that is "identity", ``loss``.
    """
    activation = getattr(estimator, "out_activation_", None)
    if means(estimator.loss, ModifiedHuber) or has_logits(estimator):
        return True
    if activation == "identity" and means(estimator.loss, LogLoss):
        raise AttributeError("the model was fitted with another loss than 'log_loss'; fit it again")
    raise AttributeError(
        f"probability estimates are not available for loss={estimator.loss!r}, only for 'log_loss' and "
        "'modified_huber'; decision_function is"
    )


def has_logits(estimator: Any) -> bool:
    """Whether the outputs are the logits of probabilities, by the fit; by ``loss`` before there is one."""
    activation = getattr(estimator, "out_activation_", None)
    return means(estimator.loss, LogLoss) if activation is None else activation != "identity"


class LogisticRegression(LinearConversion, ClassifierMixin, ConvexModel):
    r"""Logistic regression by gradient descent; softmax for more than two classes. Or a loss of the hinge family.

    The objective, reported in ``loss_curve_`` and differentiated, is the mean cross-entropy

    .. math:: J = -\frac1N \sum_i s_i \log p_{i, y_i} + \alpha \sum_{jk} \left( \rho\, |\sigma_j w_{jk}|
              + \frac{1 - \rho}{2} (\sigma_j w_{jk})^2 \right), \qquad p_i = \operatorname{softmax}(x_i W + b)

    with :math:`\rho` = ``l1_ratio``, computed from the logits by log-sum-exp, with sample weights s scaled to mean
    1; for two classes one logit and the logistic function. :math:`\sigma_j` is the standard deviation of feature j
    with ``standardize=True`` and 1 otherwise, as in :class:`LinearRegression`. The intercept is not penalised.

    With another ``loss`` it is the linear classifier of that loss, as scikit-learn's ``SGDClassifier`` and
    ``LinearSVC`` are. In place of the cross-entropy stands the mean of l over the rows, and for more than two
    classes its sum over K outputs, each of which tells its class from the rest:

    .. math:: \frac1N \sum_{ik} s_i\, l(m_{ik}), \qquad
              m_{ik} = \pm (x_i \cdot w_k + b_k), \; + \text{ if } y_i \text{ is class } k

    Parameters
    ----------
    loss : str or ClassificationLoss, default "log_loss"
        "log_loss", "hinge", "squared_hinge", "modified_huber", "perceptron", or an object of
        :mod:`steepest.losses`.
    learning_rate : float or "auto", default "auto"
        A number is that of plain gradient descent. "auto" takes 1/L, with L the largest curvature that the
        cross-entropy can have on this data (for more than 4096 features by power iteration), and Nesterov momentum
        0.9, or 0.98 with an L1 penalty (mini-batches: a rate that is stable), and the same for "squared_hinge" and
        "modified_huber". "hinge" and "perceptron" have a kink: it is Adam then, with a rate that is halved as in
        :class:`LinearRegression`.
    optimizer, schedule, stop, batch_size, shuffle, standardize, fit_intercept, warm_start, random_state
        As in :class:`LinearRegression`.
    max_epochs : int, default 5000
        Limit of passes over the data.
    tol : float, default 1e-6
        With a full batch the descent has converged where the gradient's norm is at most this. At a minimum on the
        kink of "hinge" or "perceptron" there is no such gradient: see :class:`LinearRegression`.
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
    out_activation_ : {"logistic", "softmax", "identity"}
        What makes probabilities of the outputs, by the loss of the fit; "identity" for other losses than
        "log_loss".

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
        loss: str | ClassificationLoss = "log_loss",
        learning_rate: float | str = "auto",
        optimizer: Optimizer | None = None,
        schedule: ScheduleLike | None = None,
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
        self.loss = loss
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

        Warns
        -----
        ConvergenceWarning
            If the descent diverged, or ``max_epochs`` were not enough: with the causes that were found, and their
            numbers. See :meth:`report`.
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
        (l1, l2), loss = self._penalty(), check_loss(self.loss, ClassificationLoss)
        full = self._is_full_batch(X.shape[0])
        outputs = 1 if len(classes) == 2 else len(classes)
        weights = check_weights(sample_weight, X)
        if self.class_weight is not None:
            labels = classes[codes]
            weights = check_weights(class_weighted(self.class_weight, labels, classes, weights), X)
        zero = np.zeros((X.shape[0], 1), X.dtype)
        automatic = self.optimizer is None and is_automatic(self.learning_rate)
        bounded = automatic and full and loss.curvature is not None
        power = bounded and X.shape[1] + bool(self.fit_intercept) > MOST_FEATURES
        training, sums = Data(X, zero, weights), None
        if automatic or self.standardize:
            sums = _native.core.linear_moments(
                training.as_tuple(),
                bounded and not power,
                check_threads(self.n_threads),
            )
        scaling = Scaling.of(sums, X, zero, self.standardize, self.fit_intercept)
        training = scaling.apply(training)
        training.y = class_targets(codes, outputs, X.dtype)
        validation = None
        if validation_data is not None:
            validation = self._validation(validation_data, scaling, classes, outputs, X.dtype)
            watch.validate_on(*validation_data)
        optimizer, bound = self.optimizer, curvature_bound(loss, outputs)
        if power:
            largest = largest_curvature(training.X, weights, self.fit_intercept)
            optimizer = nesterov((bound or 0.0) * largest + l2, l1)
        elif optimizer is None:
            optimizer = self._default_optimizer(scaling, sums, l1, l2, bound, full, rate_scale)
        config = self._descent_config(optimizer, X, validated=validation is not None)
        if automatic and bound is None and rate_scale == 1.0:
            tolerance = gradient_tolerance(self.tol, X)
            # The perceptron's loss is least, 0, where it starts: that is not what is asked for.
            restore = not isinstance(loss, Perceptron)
            config = halving(config, optimizer.learning_rate, tolerance, full, restore)
        start = (np.zeros((X.shape[1], outputs), X.dtype), np.zeros(outputs, X.dtype))
        if self.warm_start and hasattr(self, "coef_"):
            if self.coef_.shape != (outputs, X.shape[1]) or not np.array_equal(
                self.classes_, classes
            ):
                raise ValueError(
                    f"partial_fit and warm_start go on from coef_ of shape {self.coef_.shape} and classes "
                    f"{self.classes_}, but X and y ask for "
                    f"{(outputs, X.shape[1])} for {classes}"
                )
            coef, bias = scaling.invert(self.coef_.T, self.intercept_)
            start = (np.ascontiguousarray(coef, X.dtype), np.ascontiguousarray(bias, X.dtype))

        activation = "identity"
        if isinstance(loss, LogLoss):
            activation = "logistic" if outputs == 1 else "softmax"

        def attributes_at(parameters: Any, epochs: int) -> dict[str, Any]:
            coef, intercept = scaling.restore(parameters[0][0], parameters[1][0])
            return {
                "classes_": classes,
                "coef_": np.ascontiguousarray(coef.T),
                "intercept_": intercept,
                "n_iter_": max(epochs, 1),
                "out_activation_": activation,
            }

        state = NetworkState([start[0]], [start[1]])
        result = network_descent(
            state,
            training,
            validation,
            {
                "hidden": "identity",
                "output": "identity",
                "loss": core_loss(loss, outputs),
                "l1": l1,
                "l2": l2,
                "no_bias": not self.fit_intercept,
            },
            config,
            self._hook(watch, config, attributes_at),
        )
        end = state.weights[0], state.biases[0]
        pairs = sums if bounded and not power else None
        result["problem"] = self._problem(
            optimizer, config, training, Data(X, zero, weights), scaling, pairs, end, l2
        )
        coef, intercept = scaling.restore_finite(end, start, result)
        self.classes_ = classes
        self.coef_ = np.ascontiguousarray(coef.T)
        self.intercept_ = intercept
        self.out_activation_ = activation
        self._record(result, best_restored=config["restore_best"])
        return result

    def _problem(
        self,
        optimizer: Optimizer,
        config: dict[str, Any],
        training: Data,
        given: Data,
        scaling: Scaling,
        pairs: Any,
        end: tuple[Array, Array],
        l2: float,
    ) -> Problem:
        """Return what explains a bad ending: the descent saw ``training``, which is ``given`` standardised."""
        loss, outputs = check_loss(self.loss, ClassificationLoss), end[1].size
        bound = curvature_bound(loss, outputs)

        def hessian() -> Array:
            known = pairs
            if known is None:
                threads = check_threads(self.n_threads)
                known = _native.core.linear_moments(given.as_tuple(), True, threads)
            bounding = 0.5 * (bound or 0.0) * scaling.hessian(known, 0.0, self.fit_intercept)
            penalised = np.arange(len(bounding)) >= bool(self.fit_intercept)
            return np.asarray(bounding + np.diag(l2 * penalised))

        def power(rows: Array | None) -> float:
            part = scaling.apply(given if rows is None else given.part(rows))
            largest = largest_curvature(part.X, part.sample_weight, self.fit_intercept)
            return (bound or 0.0) * largest + l2

        def local() -> tuple[Any, Array]:
            model: dict[str, Any] = {"hidden": "identity", "output": "identity"}
            model |= {"loss": core_loss(loss, outputs), "output_scale": 1.0}
            model["l2"] = l2 * training.X.shape[0]
            coef, intercept = (part.astype(np.float64) for part in end)
            point = NetworkState([coef], [intercept])
            objective = FlatObjective(point, in_float64(training), model)
            live = objective.origin.size - (0 if self.fit_intercept else outputs)

            def gradient(flat: Array) -> Array:
                return objective(np.append(flat, objective.origin[live:]))[1][:live]

            return gradient, objective.origin[:live]

        n, d = training.X.shape
        return Problem(
            self,
            optimizer,
            config["batch_size"],
            given.X,
            None if bound is None else hessian,
            d + bool(self.fit_intercept),
            0.0 if pairs is not None else 4.0 * n * (d + 1.0) ** 2,
            is_quadratic=False,
            automatic=self.optimizer is None
            and is_automatic(self.learning_rate)
            and not config["batch_size"],
            tol=config.get("gradient_tolerance", 0.0),
            power=None if bound is None else power,
            local=None if bound is None else local,
        )

    def _default_optimizer(
        self,
        scaling: Scaling,
        sums: Any,
        l1: float,
        l2: float,
        bound: float | None,
        full: bool,
        rate_scale: float,
    ) -> Optimizer:
        if not is_automatic(self.learning_rate):
            return SGD(check_number("learning_rate", self.learning_rate, low=0.0, finite=True))
        if bound is None:
            size = scaling.typical_coefficient(sums, self.fit_intercept)
            return unbounded_optimizer(size, full, rate_scale < 1.0)
        if not full:
            trace = 0.5 * bound * scaling.trace(sums, 0.0, self.fit_intercept)
            return SGD(0.5 * rate_scale / (trace + l2))
        _, largest = curvature_range(0.5 * bound * scaling.hessian(sums, 0.0, self.fit_intercept))
        return nesterov(largest + l2, l1)

    def _validation(
        self, data: Any, scaling: Scaling, classes: Array, outputs: int, dtype: Any
    ) -> Data:
        X, y, sample_weight = validation_parts(data)
        with about_validation_data():
            inputs = check_inputs(self, X, reset=False, dtype=dtype)
            labels, _ = check_labels(y, inputs.shape[0])
            weights, codes = check_weights(sample_weight, inputs), encode(labels, classes)
        scaled = scaling.apply(
            Data(inputs, np.zeros((len(labels), outputs), inputs.dtype), weights)
        )
        scaled.y = class_targets(codes, outputs, inputs.dtype)
        return scaled

    def _answers(self, X: Any, answer: str) -> Array:
        """Return what is made of the logits, (n, K); see :func:`steepest.estimators.prediction.answers`."""
        return answers(self, X, [self.coef_.T], [self.intercept_], answer)

    def decision_function(self, X: Any) -> Array:
        """Return the outputs x w + b (of "log_loss" the logits), (n,) for two classes, otherwise (n, K)."""
        require_fitted(self)
        logits = self._answers(X, "output")
        return logits[:, 0] if logits.shape[1] == 1 else logits

    @available_if(has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities of the classes, (n, K); of "modified_huber" they are rough."""
        require_fitted(self)
        if not has_logits(self):
            return clipped_probabilities(self.decision_function(X))
        return self._answers(X, "two_classes" if len(self.intercept_) == 1 else "softmax")

    @available_if(has_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of the probabilities, (n, K); of "log_loss" finite where those underflow."""
        require_fitted(self)
        if not has_logits(self):
            with np.errstate(divide="ignore"):
                return np.asarray(np.log(self.predict_proba(X)))
        return self._answers(X, "log_two_classes" if len(self.intercept_) == 1 else "log_softmax")

    def input_gradient(self, X: Any, output: str = "probability") -> Array:
        """Return the derivatives of what the model says by the inputs.

        Parameters
        ----------
        X : array or sparse matrix, (n, d)
            Inputs.
        output : {"probability", "logit"}, default "probability"
            What is differentiated: the columns of :meth:`predict_proba`, or the outputs of
            :meth:`decision_function`, whose derivatives are ``coef_`` in every row. Of other losses than
            "log_loss" both are those of :meth:`decision_function`.

        Returns
        -------
        array, (n, d) for two classes, (n, K, d) for more
            Entry [i, k, j] is the derivative of output k by X[i, j], dense and in X's dtype. With two classes it is
            that of ``classes_[1]``; the other probability's is its negative.

        Raises
        ------
        ValueError
            If ``output`` is neither word.
        """
        require_fitted(self)
        check_choice("output", output, ("probability", "logit"))
        function = "identity"
        if output == "probability" and has_logits(self):
            function = "logistic" if len(self.intercept_) == 1 else "softmax"
        return network_input_gradient(self, X, ([self.coef_.T], [self.intercept_]), function)

    def predict(self, X: Any) -> Array:
        """Return the best label of each row, (n,)."""
        require_fitted(self)
        return labels(self, X, [self.coef_.T], [self.intercept_], self.classes_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def curvature_bound(loss: ClassificationLoss, outputs: int) -> float | None:
    """Return the most that the Hessian can be, as a multiple of that of half the mean square; for softmax 1/2."""
    return 0.5 if isinstance(loss, LogLoss) and outputs > 1 else loss.curvature


def core_loss(loss: ClassificationLoss, outputs: int) -> str | dict[str, Any]:
    """Return the loss in the core's words: of several classes the log loss is that of a softmax."""
    return "softmax" if isinstance(loss, LogLoss) and outputs > 1 else loss.config()


def check_labels(y: Any, rows: int) -> tuple[Array, Array]:
    """Return labels (n,) and the different ones among them, sorted, or raise."""
    if y is None:
        raise ValueError("The estimator requires y to be passed, but the target y is None")
    array = np.asarray(y)
    if array.ndim == 1 and array.dtype.kind in "iubU" and array.shape[0] == rows:
        classes = distinct(array)
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
    codes = positions(labels, classes)
    unknown = classes[codes] != labels
    if unknown.any():
        row = int(np.argmax(unknown))
        raise ValueError(f"y has a label that is not in classes: row {row} is {labels[row]!r}")
    return codes


def class_targets(codes: Array, outputs: int, dtype: Any) -> Array:
    """Return 0/1 floats (n, 1) for one output, int64 codes (n,) for more."""
    if outputs == 1:
        return np.ascontiguousarray(codes[:, None], dtype=dtype)
    return np.ascontiguousarray(codes, dtype=np.int64)


def clipped_probabilities(outputs: Array) -> Array:
    """Return (f + 1) / 2 cut off to [0, 1], (n, 2) of f (n,); of f (n, K) normalised, and 1/K where all are 0."""
    positive = (np.clip(outputs, -1, 1) + 1) / 2
    if positive.ndim == 1:
        return np.stack([1 - positive, positive], axis=1)
    positive[~positive.any(axis=1)] = 1
    return np.asarray(positive / positive.sum(axis=1, keepdims=True))
