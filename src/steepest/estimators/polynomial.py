"""Polynomial regression in one variable, by gradient descent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from steepest import kernels
from steepest._bases import BASES, Basis, explicit_recurrence, to_monomial, to_unit
from steepest._validate import Array, check_choice, check_finite, check_integer, check_range
from steepest.estimators.base import (
    about_validation_data,
    check_inputs,
    check_targets,
    check_threads,
    check_weights,
    report_ending,
    require_fitted,
    unchanged_on_error,
    validation_parts,
)
from steepest.estimators.callbacks import Watch, watched
from steepest.estimators.conversion import PolynomialConversion
from steepest.estimators.convex import (
    ConvexModel,
    gradient_tolerance,
    is_below_float64,
    moments_descent,
    refine,
)
from steepest.estimators.halving import halving, optimizer_of_loss
from steepest.estimators.input_gradient import polynomial_slope
from steepest.estimators.linear import activation_of, activation_of_fitted, check_range_of_targets
from steepest.estimators.polynomial_fit import (
    Points,
    Units,
    coefficients,
    moments_hessian,
    points_descent,
    unit_of_targets,
)
from steepest.estimators.quadratic import (
    default_optimizer,
    is_automatic,
    moments_are_faster,
)
from steepest.losses import Poisson, RegressionLoss, SquaredError, check_loss
from steepest.optimizers import Optimizer
from steepest.schedules import ScheduleLike
from steepest.stopping import StopRule

# Points, the range of x, the size of y, and whether y was given as (n, K).
MeasuredPoints = tuple[Points, tuple[float, float], float, bool]


class PolynomialRegression(MultiOutputMixin, PolynomialConversion, RegressorMixin, ConvexModel):
    r"""A polynomial of one variable by gradient descent: least squares or another loss, without a design matrix.

    The data's range, ``domain_``, is mapped onto [-1, 1], where the basis polynomials :math:`p_k` live. The
    objective, reported in ``loss_curve_`` and differentiated, is

    .. math:: J = \frac{1}{NK} \sum_{ij} s_i\, l\Bigl(\sum_k c_{jk}\, p_k(u(x_i)),\, y_{ij}\Bigr)
              + \alpha \sum_{j,\,k\ge1} \left( \rho\, |c_{jk}| + \frac{1 - \rho}{2} c_{jk}^2 \right)

    with a loss l of :mod:`steepest.losses`, by default the squared error, sample weights s scaled to mean 1 and
    :math:`\rho` = ``l1_ratio``. The basis does not change the minimum (without penalty), only how fast descent gets
    there: the condition number of monomials grows exponentially with the degree, that of Chebyshev and Legendre
    polynomials on evenly spread points hardly at all. The polynomials of the basis ``"orthonormal"`` are made for
    the training data, whatever their distribution and their weights:

    .. math:: p_0 = 1, \quad p_{k+1} = (a_k u + b_k)\, p_k - c_k\, p_{k-1}, \qquad
              \frac1N \sum_i s_i\, p_j(u_i)\, p_k(u_i) = \delta_{jk}.

    In them the Hessian of the mean squared error is :math:`2 I` (for K targets :math:`2 I / K`): every direction is
    equally steep, and a full-batch step of plain gradient descent at the rate 1/2, which is what ``"auto"`` takes,
    ends at the minimum, from anywhere, for any degree. Descent converges at once; the step that follows only finds
    that. The a, b, c are found by the Stieltjes procedure, with scalar products from moments in double-double: one
    pass over the data.

    Full-batch least squares needs the points once: where that is faster, by shape and limits alone, the same steps
    are made from the moments :math:`\sum_i s_i p_k(u_i)` and :math:`\sum_i s_i y_i\, p_k(u_i)`, each independent of
    N. They are carried in double-double (some 30 digits). With a ``tol`` below what float64 coefficients reach (see
    there), and in the orthonormal basis, they are those of the points as they are, not of points that are rounded
    to [-1, 1], and steps are made from them in every shape.

    Parameters
    ----------
    degree : int, default 3
        Highest power, at least 0.
    basis : {"chebyshev", "legendre", "monomial", "orthonormal"}, default "chebyshev"
        :math:`p_k`. The orthonormal one needs more than ``degree`` different points. With ``warm_start`` and
        ``partial_fit`` the first data decide it, as they decide ``domain_``.
    loss, learning_rate, optimizer, schedule, stop, batch_size, shuffle, max_epochs, tol, warm_start, random_state
        As in :class:`LinearRegression`.
    alpha : float, default 0
        Strength of the penalty on all coefficients but the constant's.
    callbacks, verbose, n_threads, l1_ratio, scoring
        As in :class:`LinearRegression`.

    Attributes
    ----------
    coef_ : array, (degree + 1,) or (K, degree + 1)
        c, in the basis, lowest degree first; float64.
    coef_rest_ : array, like coef_
        What rounding has left off ``coef_``: their sum is known to more digits than float64 has. 0 unless ``tol``
        is below what float64 reaches. It matters for ``monomial_coef_``, where large numbers cancel.
    basis_ : str
        The basis that ``coef_`` is in.
    recurrence_ : array, (3, degree)
        Its a, b and c: :math:`p_{k+1} = (a_k u + b_k) p_k - c_k p_{k-1}`, with u on [-1, 1].
    domain_ : tuple of float
        What is mapped onto [-1, 1]: the range of the training data.
    monomial_coef_ : array, (degree + 1,) or (K, degree + 1)
        The same polynomial in powers of x, lowest power first. Computed when it is asked for, in rational
        arithmetic and rounded once. Ill-conditioned for high degrees: for looking at, not for computing with.
    loss_, loss_curve_, history_, n_iter_, status_, out_activation_, n_features_in_, feature_names_in_
        As in :class:`LinearRegression`.

    References
    ----------
    Trefethen (2013), *Approximation theory and approximation practice*, for the bases; Forsythe (1957), *Generation
    and use of orthogonal polynomials for data-fitting with a digital computer*, for the one that is orthonormal on
    the data; Gautschi (1982), *On generating orthogonal polynomials*, for the Stieltjes procedure and for the Gram
    matrix from moments of the basis; Polyak (1964) for the momentum of ``learning_rate="auto"``.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> x = np.linspace(0, 4, 50)
    >>> model = st.PolynomialRegression(degree=2).fit(x, 1 - 2 * x + 3 * x**2)
    >>> (model.monomial_coef_.round(6) + 0).tolist()
    [1.0, -2.0, 3.0]
    """

    coef_: Array
    coef_rest_: Array
    basis_: str
    recurrence_: Array
    domain_: tuple[float, float]

    def __init__(
        self,
        degree: int = 3,
        basis: str = "chebyshev",
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
        warm_start: bool = False,
        random_state: Any = None,
        callbacks: Sequence[Any] = (),
        verbose: bool = False,
        n_threads: int | None = None,
        l1_ratio: float = 0.0,
        scoring: Any = None,
    ) -> None:
        self.degree = degree
        self.basis = basis
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
        self.warm_start = warm_start
        self.random_state = random_state
        self.callbacks = callbacks
        self.verbose = verbose
        self.n_threads = n_threads
        self.l1_ratio = l1_ratio
        self.scoring = scoring

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None
    ) -> PolynomialRegression:
        """Fit the coefficients.

        Parameters
        ----------
        X : array, (n, 1) or (n,)
            Points, finite.
        y : array, (n,) or (n, K)
            Targets, finite.
        sample_weight : array, (n,), optional
            Not negative.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Measured after every epoch, for the history and for stop rules that monitor it.

        Returns
        -------
        PolynomialRegression
            Itself.

        Raises
        ------
        ValueError, TypeError
            If data or parameters are not as described; the estimator is then as it was.
        """
        with unchanged_on_error(self), watched(self, X, y, sample_weight) as watch:
            measured = self._data(X, y, sample_weight, reset=True)
            result = self._fit(measured, validation_data, watch)
            watch.finish(result)
        report_ending(self, result)
        return self

    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, epochs: int = 1
    ) -> PolynomialRegression:
        """Make one pass over more points, or several, from the coefficients so far.

        The first points that are ever seen give ``domain_``, which stays: let them span the range. An optimizer
        starts afresh in each pass.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.
        epochs : int, default 1
            How many passes, as in :meth:`LinearRegression.partial_fit`.

        Returns
        -------
        PolynomialRegression
            Itself.
        """
        with unchanged_on_error(self):
            measured = self._data(X, y, sample_weight, reset=not hasattr(self, "coef_"))
            result = self._passes(
                epochs,
                ("coef_", "basis_", "recurrence_", "domain_"),
                lambda step: step._fit(
                    measured, None, Watch(step, X, y, whole_fit=False), one_pass=True
                ),
            )
        report_ending(self, result)
        return self

    def _fit(
        self,
        measured: MeasuredPoints,
        validation_data: Any,
        watch: Watch,
        one_pass: bool = False,
    ) -> dict[str, Any]:
        degree = check_integer("degree", self.degree, low=0)
        basis = check_choice("basis", self.basis, BASES)
        (l1, l2), loss = self._penalty(), check_loss(self.loss, RegressionLoss)
        data, extent, y_size, multi = measured
        outputs = data.y.shape[1]
        domain = (getattr(self, "domain_", None) if self.warm_start else None) or extent
        y_scale = unit_of_targets(loss, y_size, one_pass)
        full = self._is_full_batch(data.x.size)
        exact = (
            isinstance(loss, SquaredError)
            and full
            and not (one_pass or l1 or l2 or getattr(self.optimizer, "has_l2", False))
            and is_below_float64(self.tol, data.x[:, None])
        )
        l1 /= y_scale ** (loss.degree - 1)  # of coefficients in units of y_scale
        l2 *= y_scale ** (2 - loss.degree)
        theta = self._start(data, basis, y_scale, loss)
        n_threads = check_threads(self.n_threads)
        units = Units("chebyshev", degree, domain, y_scale, exact)
        units = replace(units, basis=self._basis(basis, data, units, n_threads))
        held_out = None
        if validation_data is not None:
            held_out = self._held_out(validation_data, outputs)
            watch.validate_on(*validation_data)

        least_squares = isinstance(loss, SquaredError)
        automatic = self.optimizer is None and is_automatic(self.learning_rate)
        measuring = 0.0 if automatic else 10.0 * (degree + 1) * outputs
        by_moments = (
            least_squares
            and full
            and (
                exact
                or (basis == "orthonormal" and not one_pass)  # there they are, and exact
                or moments_are_faster(
                    data.x.size, degree + 1, outputs, self._most_steps(), measuring
                )
            )
        )
        moments = None
        if automatic or by_moments:
            moments = data.moments(units, n_threads)
            by_moments &= moments.finite()
        optimizer = self.optimizer or self._default_optimizer(
            loss, moments, outputs, y_size / y_scale, (l1, l2), full, one_pass
        )
        config = self._descent_config(optimizer, data.x[:, None], validated=held_out is not None)
        if automatic and loss.curvature is None and not one_pass:
            tolerance = gradient_tolerance(self.tol, data.x[:, None])
            config = halving(config, optimizer.learning_rate, tolerance, full)

        rest = np.zeros_like(theta)

        def attributes_at(parameters: Any, epochs: int) -> dict[str, Any]:
            coef = y_scale * coefficients(parameters, (outputs, degree + 1))
            left_off = y_scale * rest
            return {
                "domain_": domain,
                "basis_": basis,
                "recurrence_": np.array(explicit_recurrence(units.basis, degree)),
                "coef_": coef if multi else coef[0],
                "coef_rest_": left_off if multi else left_off[0],
                "n_iter_": max(epochs, 1),
                "out_activation_": activation_of(loss),
            }

        loss_scale = y_scale**loss.degree
        hook = self._hook(watch, config, attributes_at, loss_scale)
        if by_moments:
            validation = None if held_out is None else held_out.moments(units, n_threads)
            result = moments_descent(theta, optimizer, moments, validation, l1, l2, config, hook)
            if exact and not config["restore_best"] and optimizer.reported_slot is None:
                rest = refine(
                    theta, optimizer, moments, validation, data.x.size, self.tol, config, result
                )
        else:
            result = points_descent(
                theta, units, loss, optimizer, data, held_out, (l1, l2), config, hook
            )
        self.__dict__.update(attributes_at(theta, result["n_epochs"]))
        self._record(result, loss_scale, best_restored=config["restore_best"])
        return result

    def _default_optimizer(
        self,
        loss: RegressionLoss,
        moments: Any,
        outputs: int,
        y_size: float,
        penalty: tuple[float, float],
        full: bool,
        one_pass: bool,
    ) -> Optimizer:
        """Return what ``learning_rate`` means; ``y_size`` is that of the targets in their unit."""
        l1, l2 = penalty

        def trace(l2: float) -> float:
            return math.fsum(np.diag(moments_hessian(moments, l2)))

        if isinstance(loss, SquaredError) or not is_automatic(self.learning_rate):
            return default_optimizer(
                self.learning_rate,
                lambda: moments_hessian(moments, l2),
                lambda: trace(l2),
                full,
                one_pass,
                l1=l1,
            )
        count = int(self.degree) + 1

        def size() -> float:
            typical = math.sqrt(count / (0.5 * outputs * trace(0.0)))
            return typical if isinstance(loss, Poisson) else typical * (y_size or 1.0)

        return optimizer_of_loss(
            loss,
            lambda: moments_hessian(moments, 0.0),
            lambda: trace(0.0),
            size,
            penalty,
            full,
            one_pass,
        )

    def _start(self, data: Points, basis: str, y_scale: float, loss: RegressionLoss) -> Array:
        """Return the coefficients (K, degree + 1) to start from."""
        shape = data.y.shape[1], int(self.degree) + 1
        if not (self.warm_start and hasattr(self, "coef_")):
            theta = np.zeros(shape)
            if isinstance(loss, Poisson):  # the logarithm of the mean
                mean = np.average(data.y, axis=0, weights=data.sample_weight)
                theta[mean > 0, 0] = np.log(mean[mean > 0])
            return theta
        coef = np.atleast_2d(self.coef_)
        if coef.shape != shape:
            raise ValueError(
                f"partial_fit and warm_start go on from coef_ of degree {coef.shape[1] - 1} and of "
                f"{coef.shape[0]} targets, but degree is {self.degree} and y has {shape[0]}"
            )
        if getattr(self, "basis_", basis) != basis:
            raise ValueError(
                f"partial_fit and warm_start go on from coef_ in basis_, {self.basis_!r}, but basis is "
                f"{basis!r}"
            )
        return np.asarray(coef / y_scale)

    def _basis(self, basis: str, data: Points, units: Units, n_threads: int) -> Basis:
        """Return the basis as polynomials are computed in it: a word, or the recurrence of the first data."""
        if basis != "orthonormal":
            return basis
        if self.warm_start and hasattr(self, "recurrence_"):
            return fitted_basis(self)
        return data.orthonormal_basis(units, n_threads)

    @property
    def monomial_coef_(self) -> Array:
        """The coefficients in powers of x, lowest power first."""
        rows = [
            to_monomial(coef, fitted_basis(self), self.domain_, rest)
            for coef, rest in zip(
                np.atleast_2d(self.coef_), np.atleast_2d(self.coef_rest_), strict=True
            )
        ]
        return rows[0] if self.coef_.ndim == 1 else np.array(rows)

    def _data(self, X: Any, y: Any, sample_weight: Any = None, *, reset: bool) -> MeasuredPoints:
        """Return the points, and what is known of them."""
        x = self._points(X, reset=reset)
        low, high, _ = check_range("X", x[:, None])
        target, multi = check_targets(y, x.size, x.dtype, finite=False)
        _, _, size = check_range("y", target[:, 0] if target.shape[1] == 1 else target)
        check_range_of_targets(check_loss(self.loss, RegressionLoss), target)
        return Points(x, target, check_weights(sample_weight, x)), (low, high), size, multi

    def _held_out(self, data: Any, outputs: int) -> Points:
        with about_validation_data():
            points, _, _, _ = self._data(*validation_parts(data), reset=False)
        if points.y.shape[1] != outputs:
            raise ValueError(
                f"validation_data must have {outputs} targets, as y has, but has {points.y.shape[1]}"
            )
        return points

    def _points(self, X: Any, *, reset: bool) -> Array:
        if np.ndim(X) == 1:  # an array, a list or a column of a table
            X = np.asarray(X)[:, None]
        inputs = check_inputs(self, X, reset=reset, finite=False)
        if inputs.shape[1] != 1:
            raise ValueError(
                f"X must have one feature, shape (n, 1) or (n,), but has shape {inputs.shape}; "
                "polynomials here are of one variable"
            )
        return np.ascontiguousarray(inputs[:, 0])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags

    def predict(self, X: Any) -> Array:
        """Return the polynomial's values, or for "poisson" their exp, (n,) or (n, K), for X (n, 1) or (n,)."""
        require_fitted(self)
        x = self._points(X, reset=False)
        check_finite("X", x[:, None])
        u = to_unit(x.astype(np.float64), self.domain_)
        basis = fitted_basis(self)
        values = [kernels.polynomial_predict(c, u, basis) for c in np.atleast_2d(self.coef_)]
        prediction = values[0] if self.coef_.ndim == 1 else np.stack(values, axis=1)
        if activation_of_fitted(self) == "exp":
            prediction = np.exp(prediction)
        return prediction.astype(x.dtype)

    def input_gradient(self, X: Any) -> Array:
        """Return the slopes of the prediction, (n, 1) or (n, K, 1), for X of shape (n, 1) or (n,), in X's dtype."""
        require_fitted(self)
        x = self._points(X, reset=False)
        check_finite("X", x[:, None])
        slopes = [
            polynomial_slope(c, fitted_basis(self), self.domain_, x)
            for c in np.atleast_2d(self.coef_)
        ]
        gradient = slopes[0] if self.coef_.ndim == 1 else np.stack(slopes, axis=1)
        if activation_of_fitted(self) == "exp":
            gradient = gradient * self.predict(X)
        return gradient[..., None].astype(x.dtype)


def fitted_basis(model: Any) -> Basis:
    """Return the basis of a fitted polynomial as the core computes it: a word, or the recurrence (a, b, c)."""
    if model.basis_ != "orthonormal":
        return str(model.basis_)
    a, b, c = model.recurrence_
    return a, b, c
