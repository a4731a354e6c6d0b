"""Polynomial regression in one variable, by gradient descent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from steepest import _native, kernels
from steepest._bases import BASES, domain_map, recurrence, to_monomial, to_unit
from steepest._validate import Array, check_choice, check_finite, check_integer, check_range
from steepest.estimators.base import (
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
from steepest.estimators.convex import ConvexModel, moments_descent
from steepest.estimators.quadratic import (
    default_optimizer,
    is_automatic,
    moments_are_faster,
)
from steepest.optimizers import Optimizer
from steepest.schedules import Schedule
from steepest.stopping import StopRule

Points = tuple[Array, Array, Array | None]  # x, y and weights, (n,) each
MeasuredPoints = tuple[Points, tuple[float, float], float]  # and their range and the size of y


class PolynomialRegression(RegressorMixin, ConvexModel):
    r"""Least squares with a polynomial of one variable, by gradient descent; no design matrix is built.

    The data's range, ``domain_``, is mapped onto [-1, 1], where the basis polynomials :math:`p_k` live. The
    objective, reported in ``loss_curve_`` and differentiated, is

    .. math:: J = \frac1N \sum_i s_i \Bigl(\sum_k c_k\, p_k(u(x_i)) - y_i\Bigr)^2 + \frac\alpha2 \sum_{k\ge1} c_k^2

    with sample weights s scaled to mean 1. The basis does not change the minimum (without penalty), only how fast
    descent gets there: the condition number of monomials grows exponentially with the degree, that of Chebyshev
    and Legendre polynomials on evenly spread points hardly at all.

    Full-batch descent needs the points once: where that is faster, by shape and limits alone, the same steps are
    made from the moments :math:`\sum_i s_i p_k(u_i)` and :math:`\sum_i s_i y_i\, p_k(u_i)`, each independent of N.
    They are carried in double-double (some 30 digits).

    Parameters
    ----------
    degree : int, default 3
        Highest power, at least 0.
    basis : {"chebyshev", "legendre", "monomial"}, default "chebyshev"
        :math:`p_k`.
    learning_rate, optimizer, schedule, stop, batch_size, shuffle, max_epochs, tol, warm_start, random_state
        As in :class:`LinearRegression`.
    alpha : float, default 0
        Strength of the L2 penalty on all coefficients but the constant's.
    callbacks, verbose, n_threads, scoring
        As in :class:`LinearRegression`.

    Attributes
    ----------
    coef_ : array, (degree + 1,)
        c, in the basis, lowest degree first; float64.
    basis_ : str
        The basis that ``coef_`` is in.
    domain_ : tuple of float
        What is mapped onto [-1, 1]: the range of the training data.
    monomial_coef_ : array, (degree + 1,)
        The same polynomial in powers of x, lowest power first. Ill-conditioned for high degrees: for looking at,
        not for computing with.
    loss_, loss_curve_, history_, n_iter_, status_, n_features_in_, feature_names_in_
        As in :class:`LinearRegression`.

    References
    ----------
    Trefethen (2013), *Approximation theory and approximation practice*, for the bases; Gautschi (1982), *On
    generating orthogonal polynomials*, for the Gram matrix from moments of the basis; Polyak (1964) for the
    momentum of ``learning_rate="auto"``.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> x = np.linspace(0, 4, 50)
    >>> model = st.PolynomialRegression(degree=2).fit(x, 1 - 2 * x + 3 * x**2)
    >>> (model.monomial_coef_.round(6) + 0).tolist()
    [1.0, -2.0, 3.0]
    """

    coef_: Array
    basis_: str
    domain_: tuple[float, float]
    monomial_coef_: Array

    def __init__(
        self,
        degree: int = 3,
        basis: str = "chebyshev",
        *,
        learning_rate: float | str = "auto",
        optimizer: Optimizer | None = None,
        schedule: Schedule | None = None,
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
        scoring: Any = None,
    ) -> None:
        self.degree = degree
        self.basis = basis
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
        self.scoring = scoring

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None
    ) -> PolynomialRegression:
        """Fit the coefficients.

        Parameters
        ----------
        X : array, (n, 1) or (n,)
            Points, finite.
        y : array, (n,)
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
                ("coef_", "basis_", "domain_"),
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
        alpha = self._penalty()
        data, extent, y_size = measured
        x = data[0]
        old_domain = getattr(self, "domain_", None) if self.warm_start else None
        domain = old_domain or extent
        y_scale = 2.0 ** (math.frexp(y_size)[1] - 1) if y_size else 1.0  # scales without rounding
        if y_scale > 1e153:
            raise ValueError("y has values too large to be squared; scale it down")
        if one_pass:  # the next points may have another size
            y_scale = 1.0
        theta = self._start(degree, basis, y_scale)
        held_out = None
        if validation_data is not None:
            held_out, _, _ = self._data(*validation_parts(validation_data), reset=False)
            watch.validate_on(*validation_data)

        full = self._is_full_batch(x.size)
        n_threads = check_threads(self.n_threads)
        automatic = self.optimizer is None and is_automatic(self.learning_rate)
        measuring = 0.0 if automatic else 10.0 * (degree + 1)
        by_moments = full and moments_are_faster(
            x.size, degree + 1, 1, self._most_steps(), measuring
        )
        moments = None
        if automatic or by_moments:
            moments = measured_moments(data, degree, basis, domain, y_scale, n_threads)
            by_moments &= moments.finite()
        optimizer = self.optimizer
        if optimizer is None:
            optimizer = default_optimizer(
                self.learning_rate,
                lambda: moments_hessian(moments, alpha),
                lambda: math.fsum(np.diag(moments_hessian(moments, alpha))),
                full,
                one_pass,
            )
        config = self._descent_config(optimizer, x[:, None], validated=held_out is not None)

        def attributes_at(parameters: Array, epochs: int) -> dict[str, Any]:
            coef = parameters * y_scale
            return {
                "domain_": domain,
                "basis_": basis,
                "coef_": coef,
                "monomial_coef_": to_monomial(coef, basis, domain),
                "n_iter_": max(epochs, 1),
            }

        hook = self._hook(watch, config, attributes_at, y_scale**2)
        if by_moments:
            validation = None
            if held_out is not None:
                validation = measured_moments(held_out, degree, basis, domain, y_scale, n_threads)
            result = moments_descent(theta, optimizer, moments, validation, alpha, config, hook)
        else:
            result = _native.core.polynomial_descent(
                theta,
                [np.zeros(degree + 1) for _ in optimizer.slots],
                in_units(data, domain, y_scale, x.dtype),
                None if held_out is None else in_units(held_out, domain, y_scale, x.dtype),
                recurrence(basis, degree),
                alpha,
                config,
                hook,
            )
        self.__dict__.update(attributes_at(theta, result["n_epochs"]))
        self._record(result, y_scale**2)
        return result

    def _start(self, degree: int, basis: str, y_scale: float) -> Array:
        if not (self.warm_start and hasattr(self, "coef_")):
            return np.zeros(degree + 1)
        if self.coef_.shape != (degree + 1,):
            raise ValueError(
                f"warm_start needs the degree of the last fit, {self.coef_.size - 1}, but degree is {degree}"
            )
        if getattr(self, "basis_", basis) != basis:
            raise ValueError(
                f"warm_start needs the basis of the last fit, {self.basis_!r}, but basis is {basis!r}"
            )
        return np.asarray(self.coef_ / y_scale)

    def _data(self, X: Any, y: Any, sample_weight: Any = None, *, reset: bool) -> MeasuredPoints:
        """Return the points, the least and the largest x, and the root mean square of y."""
        x = self._points(X, reset=reset)
        low, high, _ = check_range("X", x[:, None])
        target, multi = check_targets(y, x.size, x.dtype, finite=False)
        _, _, size = check_range("y", target[:, 0] if target.shape[1] == 1 else target)
        if multi:
            raise ValueError(f"y must be of shape ({x.size},), but has shape {target.shape}")
        return (x, target[:, 0], check_weights(sample_weight, x)), (low, high), size

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
        """Return the polynomial's values, (n,), for X of shape (n, 1) or (n,)."""
        require_fitted(self)
        x = self._points(X, reset=False)
        check_finite("X", x[:, None])
        u = to_unit(x.astype(np.float64), self.domain_)
        return kernels.polynomial_predict(self.coef_, u, self.basis_).astype(x.dtype)


def in_units(data: Points, domain: tuple[float, float], y_scale: float, dtype: Any) -> Points:
    """Return the points on [-1, 1] and the targets in units of their size, as a direct descent reads them."""
    x, y, weights = data
    return (
        to_unit(x, domain).astype(dtype, copy=False),
        (y / y_scale).astype(dtype, copy=False),
        None if weights is None else weights.astype(dtype, copy=False),
    )


def measured_moments(
    data: Points,
    degree: int,
    basis: str,
    domain: tuple[float, float],
    y_scale: float,
    n_threads: int,
) -> Any:
    """Return the core's moments of the fit, in the same units; the data are read where they lie."""
    middle, half = domain_map(domain)
    return _native.core.polynomial_moments(
        data, recurrence(basis, 2 * degree), degree, middle, half, y_scale, n_threads
    )


def moments_hessian(moments: Any, alpha: float) -> Array:
    """Return the Hessian of the objective, (degree + 1, degree + 1)."""
    if not moments.finite():
        raise ValueError(
            "X lies so far outside of domain_, which warm_start keeps, that the curvature overflows; "
            "fit without warm_start"
        )
    hessian: Array = moments.hessian(alpha)
    return hessian
