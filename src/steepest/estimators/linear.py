"""Linear regression by gradient descent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from steepest import _native
from steepest._bases import exactly, two_floats
from steepest._validate import Array, chunks
from steepest.estimators.advice import Problem
from steepest.estimators.base import (
    Data,
    NetworkState,
    about_validation_data,
    check_inputs,
    check_targets,
    check_threads,
    check_weights,
    network_descent,
    report_ending,
    require_fitted,
    unchanged_on_error,
    validation_parts,
)
from steepest.estimators.callbacks import Watch, watched
from steepest.estimators.conversion import LinearConversion
from steepest.estimators.convex import (
    ConvexModel,
    gradient_tolerance,
    in_units,
    is_below_float64,
    moments_descent,
    refine,
)
from steepest.estimators.halving import halving, optimizer_of_loss
from steepest.estimators.input_gradient import network_input_gradient
from steepest.estimators.prediction import answers
from steepest.estimators.quadratic import (
    MOST_FEATURES,
    Curvatures,
    default_optimizer,
    is_automatic,
    largest_curvature,
    moments_are_faster,
    nesterov,
    root_mean_square,
)
from steepest.estimators.sparse import Inputs, SparseRows
from steepest.losses import Poisson, RegressionLoss, SquaredError, check_loss, means
from steepest.optimizers import SGD, Optimizer
from steepest.schedules import ScheduleLike
from steepest.stopping import StopRule


class LinearRegression(LinearConversion, MultiOutputMixin, RegressorMixin, ConvexModel):
    r"""Linear regression by gradient descent: full-batch, mini-batch or stochastic; least squares or another loss.

    The objective, reported in ``loss_curve_`` and differentiated, is

    .. math:: J = \frac{1}{NK} \sum_{ik} s_i\, l(x_i \cdot w_k + b_k, y_{ik})
              + \alpha \sum_{jk} \left( \rho\, |\sigma_j w_{jk}|
              + \frac{1 - \rho}{2} (\sigma_j w_{jk})^2 \right)

    with a loss l of :mod:`steepest.losses`, by default the squared error, sample weights s scaled to mean 1 and
    :math:`\rho` = ``l1_ratio``. With ``standardize=True`` the descent
    runs in features of mean 0 and variance 1, :math:`\sigma_j` is the standard deviation of feature j, and
    coefficients are mapped back: the minimum without penalty is the same, and reaching it doesn't depend on the
    features' units. Without an intercept nothing is centred, and :math:`\sigma_j` is feature j's root mean square.
    With ``standardize=False`` :math:`\sigma_j = 1`. The intercept is not penalised.

    Full-batch least squares needs the data once: where that is faster, by shape and limits alone, the same steps
    are made from the moments X^T X and X^T y, each independent of n. They are carried in double-double (some 30
    digits) and standardised there, so that no copy of X is made, and steps are in float64 whatever the dtype of X.
    Mini-batches of a standardised model, and full batches of fewer rows than four for each feature, use a
    standardised copy. Sparse X is never dense as a whole: a copy has its standardised entries, and what
    standardising makes of zeros, one number for each column. The coefficients are those of the same X dense, to
    the last bit; but where at most an eighth of the entries of 64 columns or more is there, standardised columns
    round differently. A step on few rows of many columns takes time for their entries alone with
    ``standardize=False``, ``alpha=0`` and plain gradient descent; otherwise every coefficient moves in every step,
    and batches of a hundred rows are faster.

    Parameters
    ----------
    loss : str or RegressionLoss, default "squared_error"
        "squared_error", "absolute_error", "huber", "quantile", "poisson" (y is not negative, and the prediction
        exp(x w + b)), "epsilon_insensitive", "squared_epsilon_insensitive", or an object of :mod:`steepest.losses`
        with parameters of its own. Their units are those of y, standardised or not.
    learning_rate : float or "auto", default "auto"
        A number is that of plain gradient descent. "auto" measures the curvature first, from the moments of the
        data, and uses the heavy-ball rate and momentum that are optimal for it (mini-batches: a rate that is stable
        for it). With these the loss first grows, the more the larger the condition number is: where ``max_epochs``
        steps, or 10,000, would end in that, they are those of the largest condition number for which so many steps
        are enough, 1.9e6 for 10,000. Of more than 4096 features there is only the largest curvature L, by power
        iteration: Nesterov momentum 0.9 (with an L1 penalty 0.98) at the rate 1/L. So it is for the other losses
        whose curvature has a bound ("huber", "squared_epsilon_insensitive"). For the rest it is Adam, whose rate is
        halved after 30 steps (mini-batches: 5 epochs) in a row without a smaller loss: the descent ends with status
        "no_improvement" and the best coefficients once ``tol`` is what is left of the rate.
    optimizer : Optimizer, optional
        The step, such as ``steepest.Adam(0.01)``; wins over ``learning_rate``.
    schedule : Schedule or dict of them, optional
        Factor of the learning rate; in a dict, that of each hyper-parameter by its name
        (:mod:`steepest.schedules`).
    stop : sequence of StopRule, default ()
        More stop rules.
    batch_size : int, optional
        Rows for a step; by default all.
    shuffle : bool, default True
        New order of the rows in each epoch; for mini-batches.
    max_epochs : int, default 10000
        Limit of passes over the data.
    tol : float, default 1e-10
        With a full batch the descent has converged where the gradient's norm, in standardised units, is at most
        this, or what rounding lets it reach in X's dtype, some 1e-15 in float64. A smaller number than that, but
        not 0, asks for more: full-batch least squares on float64 data without a penalty then goes on, after the
        callbacks' last step, by iterative refinement on moments in double-double until the gradient is that small,
        and coefficients are right to their last digits (1e-24 suits condition numbers to 1e8). At the minimum of a
        loss with kinks ("absolute_error", "quantile", "epsilon_insensitive") there is no such gradient: with an
        ``optimizer`` or a rate of your own, ``max_epochs`` or ``stop`` ends the descent.
    alpha : float, default 0
        Strength of the penalty.
    fit_intercept : bool, default True
        Whether b is fitted; otherwise 0.
    standardize : bool, default True
        Descend in standardised features.
    warm_start : bool, default False
        Start from the coefficients of the last fit.
    random_state : int, RandomState or None, default None
        Seeds the order of the rows.
    callbacks : sequence, default ()
        Callables, each called after every epoch with a dict ("epoch", "loss", "validation_loss", ...); and objects
        that follow scikit-learn's callback protocol, as for :meth:`set_callbacks`, to which each recorded epoch, or
        step of a full batch, is a task. Returning True stops the descent.
    verbose : bool, default False
        Print the loss after every epoch.
    n_threads : int, optional
        How many threads a fit may use; by default as many as :func:`steepest.get_num_threads` says. The result
        does not depend on it.
    l1_ratio : float in [0, 1], default 0
        The part of the penalty that is L1: 0 is ridge regression, 1 the lasso, between them the elastic net. An L1
        penalty is met by proximal steps, for every optimizer, and the coefficients that it holds are exactly 0; the
        gradient, in ``tol`` and ``history_``, is then the subgradient of the least norm, 0 at the minimum alone. On
        standardised features scikit-learn's ``ElasticNet(a, l1_ratio=r)`` has the minimum of ``alpha=2 * a``,
        ``l1_ratio=r`` for one target, since its squared error is halved.
    scoring : str or callable, optional
        A scikit-learn scorer, by name or as scorer(estimator, X, y) -> float, evaluated after every epoch on
        ``validation_data``: the validation score, in place of R^2. The rule
        ``NoImprovement(monitor="validation_score")`` stops on it, and the best coefficients come back.

    Attributes
    ----------
    coef_ : array, (d,) or (K, d)
        w.
    intercept_ : float or array, (K,)
        b.
    loss_ : float
        J at the end; for mini-batches the last epoch's mean. Where a rule watched validation data, that of the
        epoch whose coefficients came back.
    loss_curve_ : list of float
        J: with a full batch at each point from the start to the end, otherwise each epoch's mean over its
        batches, each measured before its step.
    history_ : dict of arrays
        "loss", "gradient_norm", "learning_rate", "seconds", and with validation data "validation_loss" (without
        penalty) and "validation_score" (R^2, or by ``scoring``). Losses are in the units of y; the gradient's norm
        is that of the standardised problem which the descent sees.
    n_iter_ : int
        Epochs.
    status_ : str
        Why the descent ended; see :mod:`steepest.stopping`.
    out_activation_ : {"identity", "exp"}
        What makes predictions of x w + b: "exp" after a fit with the loss "poisson".
    n_features_in_, feature_names_in_
        As in scikit-learn.

    References
    ----------
    Legendre (1805); Cauchy (1847); Polyak (1964) for the momentum of "auto"; Tibshirani (1996), "Regression
    shrinkage and selection via the lasso"; Zou and Hastie (2005), "Regularization and variable selection via the
    elastic net"; Parikh and Boyd (2014), "Proximal algorithms".

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> X = np.array([[0.0], [1.0], [2.0]])
    >>> model = st.LinearRegression().fit(X, [1.0, 3.0, 5.0])
    >>> round(float(model.coef_[0]), 6), round(float(model.intercept_), 6)
    (2.0, 1.0)
    """

    coef_: Array
    intercept_: Any

    def __init__(
        self,
        *,
        loss: str | RegressionLoss = "squared_error",
        learning_rate: float | str = "auto",
        optimizer: Optimizer | None = None,
        schedule: ScheduleLike | None = None,
        stop: Sequence[StopRule] = (),
        batch_size: int | None = None,
        shuffle: bool = True,
        max_epochs: int = 10_000,
        tol: float = 1e-10,
        alpha: float = 0.0,
        fit_intercept: bool = True,
        standardize: bool = True,
        warm_start: bool = False,
        random_state: Any = None,
        callbacks: Sequence[Any] = (),
        verbose: bool = False,
        n_threads: int | None = None,
        l1_ratio: float = 0.0,
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
        self.scoring = scoring

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None
    ) -> LinearRegression:
        """Fit the coefficients.

        Parameters
        ----------
        X : array or sparse matrix, (n, d)
            Inputs, finite; float32 stays float32.
        y : array, (n,) or (n, K)
            Targets, finite.
        sample_weight : array, (n,), optional
            Not negative.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Measured after every epoch, for the history and for stop rules that monitor it.

        Returns
        -------
        LinearRegression
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
            targets, multi = self._targets(y, inputs)
            weights = check_weights(sample_weight, inputs)
            validation = self._validation(validation_data, targets)
            if validation is not None:
                watch.validate_on(*validation_data)
            result = self._fit(inputs, targets, multi, weights, validation, watch)
            watch.finish(result)
        report_ending(self, result)
        return self

    def _targets(self, y: Any, X: Inputs) -> tuple[Array, bool]:
        """Return y as (n, K) floats that the loss can take, and whether it was given as (n, K)."""
        targets, multi = check_targets(y, X.shape[0], X.dtype)
        check_range_of_targets(check_loss(self.loss, RegressionLoss), targets)
        return targets, multi

    def _validation(self, data: Any, training_targets: Array) -> Data | None:
        if data is None:
            return None
        X, y, sample_weight = validation_parts(data)
        with about_validation_data():
            inputs = check_inputs(self, X, reset=False, dtype=training_targets.dtype)
            targets, _ = self._targets(y, inputs)
            weights = check_weights(sample_weight, inputs)
        if targets.shape[1] != training_targets.shape[1]:
            raise ValueError(
                f"validation_data must have {training_targets.shape[1]} targets, as y has, "
                f"but has {targets.shape[1]}"
            )
        return Data(inputs, targets, weights)

    def _fit(
        self,
        X: Inputs,
        y: Array,
        multi: bool,
        weights: Array | None,
        validation: Data | None,
        watch: Watch,
        one_pass: bool = False,
    ) -> dict[str, Any]:
        (l1, l2), loss = self._penalty(), check_loss(self.loss, RegressionLoss)
        least_squares = isinstance(loss, SquaredError)
        (n, d), K = X.shape, y.shape[1]
        full = self._is_full_batch(n)
        automatic = self.optimizer is None and is_automatic(self.learning_rate)
        features = d + bool(self.fit_intercept)
        measuring = 0.0 if automatic else features * (features / 2 + K + 8)
        bounded = automatic and full and loss.curvature is not None
        by_power = bounded and features > MOST_FEATURES
        exact = (
            least_squares
            and full
            and not (one_pass or l1 or l2 or getattr(self.optimizer, "has_l2", False))
            and features <= MOST_FEATURES
            and is_below_float64(self.tol, X)
        )
        by_moments = (
            least_squares
            and full
            and (exact or moments_are_faster(n, features, K, self._most_steps(), measuring))
        )

        training, sums = Data(X, y, weights), None
        with_pairs = by_moments or (bounded and not by_power)
        if automatic or by_moments or self.standardize:
            sums = _native.core.linear_moments(
                training.as_tuple(),
                with_pairs,
                check_threads(self.n_threads),
            )
        scaling = Scaling.of(sums, X, y, self.standardize, self.fit_intercept)
        if isinstance(loss, Poisson):
            scaling.leave_targets()
        loss_scale = scaling.y_scale**loss.degree
        l1 /= scaling.y_scale ** (loss.degree - 1)  # of weights in units of y_scale
        l2 *= scaling.y_scale ** (2 - loss.degree)
        moments = scaling.moments(sums, self.fit_intercept) if by_moments else None
        if moments is not None and not moments.finite():
            moments = None
        if moments is None:
            training = scaling.apply(training)
        optimizer = in_units(self.optimizer, scaling.y_scale, loss.degree)
        curvatures = Curvatures(lambda: scaling.hessian(sums, l2, self.fit_intercept))
        if by_power:
            assert loss.curvature is not None
            largest = largest_curvature(training.X, weights, self.fit_intercept)
            largest = loss.curvature / K * largest + l2
            optimizer = SGD(1.0 / largest) if one_pass else nesterov(largest, l1)
        elif automatic and not least_squares:
            optimizer = self._default_optimizer(loss, scaling, sums, (l1, l2), full, one_pass)
        elif optimizer is None:
            optimizer = default_optimizer(
                self.learning_rate,
                curvatures,
                lambda: scaling.trace(sums, l2, self.fit_intercept),
                full,
                one_pass,
                l1,
                most_steps=self._most_steps(),
            )
        config = self._descent_config(optimizer, X, validated=validation is not None)
        if automatic and loss.curvature is None and not one_pass:
            tolerance = gradient_tolerance(self.tol, X)
            config = halving(config, optimizer.learning_rate, tolerance, full)
        start = self._start(training, scaling)
        activation = activation_of(loss)
        left_off = None

        def attributes_at(parameters: Any, epochs: int) -> dict[str, Any]:
            if moments is None:
                end = parameters[0][0], parameters[1][0]
            else:
                end = unpacked(parameters.reshape(K, -1).T, start, self.fit_intercept)
            counts = {"n_iter_": max(epochs, 1), "out_activation_": activation}
            return {**fitted(*scaling.restore(*end), multi), **counts}

        hook = self._hook(watch, config, attributes_at, loss_scale)
        if moments is not None:
            held_out = None
            if validation is not None:
                held_out = scaling.moments(
                    _native.core.linear_moments(
                        validation.as_tuple(), True, check_threads(self.n_threads)
                    ),
                    self.fit_intercept,
                )
            theta = packed(start, self.fit_intercept)
            result = moments_descent(theta, optimizer, moments, held_out, l1, l2, config, hook)
            if exact and not config["restore_best"] and optimizer.reported_slot is None:
                rest = refine(theta, optimizer, moments, held_out, n, self.tol, config, result)
                left_off = unpacked(rest.T, start, self.fit_intercept)
            end = unpacked(theta.T, start, self.fit_intercept)
        else:
            state = NetworkState([start[0]], [start[1]])
            result = network_descent(
                state,
                training,
                None if validation is None else scaling.apply(validation),
                {
                    "hidden": "identity",
                    "output": "identity",
                    "loss": loss.in_unit(scaling.y_scale).config(),
                    "output_scale": 1.0 / K,
                    "l1": l1,
                    "l2": l2,
                    "no_bias": not self.fit_intercept,
                },
                config,
                hook,
            )
            end = state.weights[0], state.biases[0]
        pairs = sums if with_pairs else None
        problem = self._problem(
            optimizer, config, Data(X, y, weights), scaling, pairs, l2, automatic
        )
        problem.curvatures = curvatures.known
        result["problem"] = problem
        self.__dict__.update(fitted(*scaling.restore_finite(end, start, result, left_off), multi))
        self.out_activation_ = activation
        self._record(result, loss_scale, best_restored=config["restore_best"])
        return result

    def _problem(
        self,
        optimizer: Optimizer,
        config: dict[str, Any],
        given: Data,
        scaling: Scaling,
        pairs: Any,
        l2: float,
        automatic: bool,
    ) -> Problem:
        """Return what explains a bad ending; ``pairs`` are the moments of the data if they are known."""
        loss = check_loss(self.loss, RegressionLoss)
        bound, (n, d), K = loss.curvature, given.X.shape, given.y.shape[1]

        def hessian(standardize: bool = self.standardize) -> Array:
            known = pairs
            if known is None:
                threads = check_threads(self.n_threads)
                known = _native.core.linear_moments(given.as_tuple(), True, threads)
            within = Scaling.of(known, given.X, given.y, standardize, self.fit_intercept)
            squares = within.hessian(known, 0.0, self.fit_intercept)
            penalised = np.arange(len(squares)) >= bool(self.fit_intercept)
            return np.asarray(0.5 * (bound or 0.0) * squares + np.diag(l2 * penalised))

        def power(rows: Array | None) -> float:
            part = scaling.apply(given if rows is None else given.part(rows))
            largest = largest_curvature(part.X, part.sample_weight, self.fit_intercept)
            return float((bound or 0.0) / K * largest + l2)

        return Problem(
            self,
            optimizer,
            config["batch_size"],
            given.X,
            None if bound is None else hessian,
            d + bool(self.fit_intercept),
            0.0 if pairs is not None else 4.0 * n * (d + 1.0) ** 2,
            is_quadratic=isinstance(loss, SquaredError),
            automatic=automatic,
            tol=config.get("gradient_tolerance", 0.0),
            power=None if bound is None else power,
        )

    def _default_optimizer(
        self,
        loss: RegressionLoss,
        scaling: Scaling,
        sums: Any,
        penalty: tuple[float, float],
        full_batch: bool,
        one_pass: bool,
    ) -> Optimizer:
        """Return what "auto" means for another loss than the squared error."""

        def size() -> float:
            typical = scaling.typical_coefficient(sums, self.fit_intercept)
            return typical * (1.0 if isinstance(loss, Poisson) else scaling.spread_of_targets(sums))

        return optimizer_of_loss(
            loss,
            lambda: scaling.hessian(sums, 0.0, self.fit_intercept),
            lambda: scaling.trace(sums, 0.0, self.fit_intercept),
            size,
            penalty,
            full_batch,
            one_pass,
        )

    def _start(self, data: Data, scaling: Scaling) -> tuple[Array, Array]:
        """Return the weights (d, K) and intercepts (K,) to start from, in standardised coordinates."""
        d, K, dtype = data.X.shape[1], data.y.shape[1], data.X.dtype
        if self.warm_start and hasattr(self, "coef_"):
            coef = np.atleast_2d(self.coef_).T
            if coef.shape != (d, K):
                raise ValueError(
                    f"partial_fit and warm_start go on from coef_ of {coef.shape[0]} features and "
                    f"{coef.shape[1]} targets, but X and y have {d} and {K}"
                )
            weights, bias = scaling.invert(coef, np.atleast_1d(self.intercept_))
            return np.ascontiguousarray(weights, dtype), np.ascontiguousarray(bias, dtype)
        intercept = np.zeros(K, dtype)
        if self.fit_intercept and means(self.loss, Poisson):
            mean = np.average(data.y, axis=0, weights=data.sample_weight)
            intercept[mean > 0] = np.log(mean[mean > 0])
        return np.zeros((d, K), dtype), intercept

    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, epochs: int = 1
    ) -> LinearRegression:
        """Make one pass over more data, or several, from the coefficients so far.

        Without the whole data there is nothing to standardise by: the pass runs in the features' own units, with
        the mean of the losses as its objective, whatever ``standardize`` says. ``learning_rate="auto"`` takes
        the curvature of this data. An optimizer starts afresh in each pass.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.
        epochs : int, default 1
            How many passes; as many calls would do the same, bit for bit. (With an integer ``random_state`` each
            pass has the same order of rows, with a RandomState each has a new one.)

        Returns
        -------
        LinearRegression
            Itself.
        """
        with unchanged_on_error(self):
            first = not hasattr(self, "coef_")
            inputs = check_inputs(self, X, reset=first)
            targets, multi = self._targets(y, inputs)
            weights = check_weights(sample_weight, inputs)
            result = self._passes(
                epochs,
                ("coef_", "intercept_"),
                lambda step: step._fit(
                    inputs,
                    targets,
                    multi,
                    weights,
                    None,
                    Watch(step, X, y, whole_fit=False),
                    one_pass=True,
                ),
            )
        report_ending(self, result)
        return self

    def predict(self, X: Any) -> Array:
        """Return the predictions, (n,) or (n, K), for X of shape (n, d): x w + b, or its exp for "poisson"."""
        require_fitted(self)
        coef, intercept = np.atleast_2d(self.coef_).T, np.atleast_1d(self.intercept_)
        answer = "exponential" if activation_of_fitted(self) == "exp" else "output"
        prediction = answers(self, X, [coef], [intercept], answer)
        return prediction[:, 0] if self.coef_.ndim == 1 else prediction

    def input_gradient(self, X: Any) -> Array:
        """Return the derivatives of the prediction by the inputs.

        Parameters
        ----------
        X : array or sparse matrix, (n, d)
            Inputs.

        Returns
        -------
        array, (n, d) for one target, (n, K, d) for several
            Entry [i, k, j] is d predict(X)[i, k] / d X[i, j], dense and in X's dtype: ``coef_`` in every row; with
            "poisson" times the prediction.
        """
        require_fitted(self)
        layers = [np.atleast_2d(self.coef_).T], [np.atleast_1d(self.intercept_)]
        return network_input_gradient(self, X, layers, activation_of_fitted(self))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def activation_of(loss: RegressionLoss) -> str:
    """Return the function of the output that is the prediction: "exp" for Poisson's loss, else "identity"."""
    return "exp" if isinstance(loss, Poisson) else "identity"


def activation_of_fitted(estimator: Any) -> str:
    """Return ``out_activation_``, whatever ``loss`` has become since; by ``loss`` if coefficients were put in."""
    found = getattr(estimator, "out_activation_", None)
    return activation_of(check_loss(estimator.loss, RegressionLoss)) if found is None else found


def check_range_of_targets(loss: RegressionLoss, y: Array) -> None:
    """Raise if y (n, K) has an entry for which the loss is not defined: Poisson's takes none that is negative."""
    if isinstance(loss, Poisson) and (y < 0).any():
        row = int(np.argmax((y < 0).any(axis=1)))
        raise ValueError(
            f"y must not be negative for loss='poisson', but row {row} is {y[row].min()}"
        )


def packed(start: tuple[Array, Array], intercept: bool) -> Array:
    """Return weights (d, K) and intercepts (K,) as a descent on moments has them, (K, [1 +] d) in float64."""
    weights, bias = start
    rows = [bias[None], weights] if intercept else [weights]
    return np.ascontiguousarray(np.concatenate(rows).T, dtype=np.float64)


def unpacked(theta: Array, like: tuple[Array, Array], intercept: bool) -> tuple[Array, Array]:
    """Return the weights (d, K) and intercepts (K,) in theta, ([1 +] d, K), in the dtype of those alike."""
    weights, bias = like
    end = theta.astype(weights.dtype)
    return (end[1:], end[0]) if intercept else (end, bias)


def fitted(coef: Array, intercept: Array, multi: bool) -> dict[str, Any]:
    """Return the fitted attributes for coefficients (d, K) and intercepts (K,) in the data's own units."""
    if multi:
        return {"coef_": np.ascontiguousarray(coef.T), "intercept_": intercept}
    return {"coef_": coef[:, 0], "intercept_": float(intercept[0])}


def standardised(values: Array, mean: Array, scale: Any) -> Array:
    """Return (values - mean) / scale in the dtype of the values; only a part at a time is held in float64."""
    result = np.empty(values.shape, values.dtype)  # (n, columns)
    for rows in chunks(values.shape[0], max(1, 65536 // values.shape[1])):
        result[rows] = (values[rows] - mean) / scale
    return result


class Scaling:
    """Standardised coordinates: X' = (X - x_mean) / x_scale, y' = (y - y_mean) / y_scale, and the way back.

    One y_scale serves all outputs, so that losses in the two coordinates differ by the factor y_scale**degree.
    """

    def __init__(self, x_mean: Array, x_scale: Array, y_mean: Array, y_scale: float) -> None:
        self.x_mean, self.x_scale, self.y_mean, self.y_scale = x_mean, x_scale, y_mean, y_scale

    @classmethod
    def of(cls, sums: Any, X: Inputs, y: Array, standardize: bool, intercept: bool) -> Scaling:
        """Take the (weighted) means and standard deviations; a constant feature keeps its unit."""
        d, K = X.shape[1], y.shape[1]
        if not standardize:
            return cls(np.zeros(d), np.ones(d), np.zeros(K), 1.0)
        mean, deviation, largest = sums.column_statistics(bool(intercept))
        # What is constant up to rounding carries no information to be blown up.
        constant = (deviation <= 10 * np.finfo(X.dtype).eps * largest) | (largest < 1e-290)
        deviation[constant] = 0.0
        if not intercept:
            mean[:] = 0.0
        if not np.isfinite(deviation[:d]).all():
            raise ValueError(
                f"X has values too large to be squared in {X.dtype} "
                f"(column {int(np.argmin(np.isfinite(deviation[:d])))}); scale it down"
            )
        y_scale = root_mean_square(deviation[d:])
        if not y_scale <= 1e153:
            raise ValueError(
                f"y has values too large to be squared (up to {largest[d:].max():g}); scale it down"
            )
        x_scale = np.where(deviation[:d] > 0, deviation[:d], 1.0)
        return cls(mean[:d].copy(), x_scale, mean[d:].copy(), y_scale or 1.0)

    def leave_targets(self) -> None:
        """Leave y in its own units: those of a count are no choice."""
        self.y_mean, self.y_scale = np.zeros_like(self.y_mean), 1.0

    def spread_of_targets(self, sums: Any) -> float:
        """Return the standard deviation of y' over all outputs; 1 for constants."""
        deviation = sums.column_statistics(True)[1][self.x_mean.size :]
        return root_mean_square(deviation) / self.y_scale or 1.0

    def typical_coefficient(self, sums: Any, intercept: bool) -> float:
        """Return 1 over the root mean square of the features, 1 for an intercept among them."""
        features, K = self.x_mean.size + bool(intercept), self.y_mean.size
        squares = 0.5 * K * self.trace(sums, 0.0, intercept)
        return math.sqrt(features / squares) if squares > 0 else 1.0

    def moments(self, sums: Any, intercept: bool) -> Any:
        """Return the core's moments of the fit in standardised coordinates, from the sums over the data."""
        return sums.standardised(
            self.x_mean, self.x_scale, self.y_mean, self.y_scale, bool(intercept)
        )

    def hessian(self, sums: Any, alpha: float, intercept: bool) -> Array:
        """Return the Hessian of the objective for one output: 2/(NK) sum s [1 x][1 x]^T and the penalty."""
        hessian: Array = self.moments(sums, intercept).hessian(alpha)
        if not np.isfinite(hessian).all():
            raise ValueError("X has values too large to be squared and summed; scale it down")
        return hessian

    def trace(self, sums: Any, alpha: float, intercept: bool) -> float:
        """Return the trace of the Hessian, for which the sums and squares of the columns are enough."""
        mean, deviation, _ = sums.column_statistics(True)
        d, K = self.x_mean.size, self.y_mean.size
        with np.errstate(over="ignore"):
            spread = (deviation[:d] / self.x_scale) ** 2
            squares = spread + ((mean[:d] - self.x_mean) / self.x_scale) ** 2
            trace = math.fsum([*(2.0 / K * squares + alpha), *([2.0 / K] * bool(intercept))])
        if not math.isfinite(trace):
            raise ValueError("X has values too large to be squared and summed; scale it down")
        return trace

    def apply(self, data: Data) -> Data:
        """Return the data in standardised coordinates; without scaling, the same arrays."""
        if (
            self.y_scale == 1.0
            and not self.x_mean.any()
            and (self.x_scale == 1.0).all()
            and not self.y_mean.any()
        ):
            return data
        if isinstance(data.X, SparseRows):
            X: Inputs = data.X.standardised(self.x_mean, self.x_scale)
        else:
            X = standardised(data.X, self.x_mean, self.x_scale)
        y = standardised(data.y, self.y_mean, self.y_scale)
        return Data(X, y, data.sample_weight)

    def restore(self, weights: Array, bias: Array) -> tuple[Array, Array]:
        """Return coefficients (d, K) and intercepts (K,) in the data's own units, in the weights' dtype."""
        with np.errstate(over="ignore", invalid="ignore"):
            coef = weights.astype(np.float64) * self.y_scale / self.x_scale[:, None]
            intercept = self.y_mean + self.y_scale * bias.astype(np.float64)
            intercept -= (self.x_mean[:, None] * coef).sum(axis=0)
        return coef.astype(weights.dtype), intercept.astype(weights.dtype)

    def restore_sums(
        self, end: tuple[Array, Array], rest: tuple[Array, Array]
    ) -> tuple[Array, Array]:
        """Return what :meth:`restore` does for sums of two floats; the intercept loses no digits to large means."""
        coef, intercept = self.restore(*end)  # their shapes, and their values where they overflow
        if not (np.isfinite(coef).all() and np.isfinite(intercept).all()):
            return coef, intercept
        for k in range(len(intercept)):
            scale = Fraction(self.y_scale)
            weights = [
                w + more
                for w, more in zip(exactly(end[0][:, k]), exactly(rest[0][:, k]), strict=True)
            ]
            b = Fraction(float(end[1][k])) + Fraction(float(rest[1][k]))
            at_0 = Fraction(float(self.y_mean[k])) + scale * b
            for j, (w, unit, mean) in enumerate(
                zip(weights, exactly(self.x_scale), exactly(self.x_mean), strict=True)
            ):
                value = scale * w / unit
                coef[j, k], low = two_floats(value)
                at_0 -= mean * (Fraction(float(coef[j, k])) + Fraction(low))
            intercept[k] = float(at_0)
        return coef, intercept

    def restore_finite(
        self,
        end: tuple[Array, Array],
        start: tuple[Array, Array],
        result: dict[str, Any],
        rest: tuple[Array, Array] | None = None,
    ) -> tuple[Array, Array]:
        """Restore where the descent ended; if that overflows in the data's units, it has diverged to there."""
        coef, intercept = self.restore(*end) if rest is None else self.restore_sums(end, rest)
        if np.isfinite(coef).all() and np.isfinite(intercept).all():
            return coef, intercept
        result["status"] = "diverged"
        return self.restore(*start)

    def invert(self, coef: Array, intercept: Array) -> tuple[Array, Array]:
        """Return what :meth:`restore` would turn into these coefficients."""
        wide = coef.astype(np.float64)
        bias = (intercept + self.x_mean @ wide - self.y_mean) / self.y_scale
        return wide * self.x_scale[:, None] / self.y_scale, bias
