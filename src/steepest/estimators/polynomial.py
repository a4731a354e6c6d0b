"""Polynomial regression in one variable, by gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from steepest import _native, kernels
from steepest._bases import BASES, recurrence, to_monomial, to_unit
from steepest._validate import Array, check_choice, check_integer, chunks
from steepest.estimators.base import (
    check_inputs,
    check_targets,
    check_weights,
    report_ending,
    require_fitted,
    unchanged_on_error,
    validation_parts,
)
from steepest.estimators.convex import ConvexModel
from steepest.estimators.linear import root_mean_square
from steepest.estimators.quadratic import default_optimizer
from steepest.optimizers import Optimizer
from steepest.reference import basis_matrix
from steepest.schedules import Schedule
from steepest.stopping import StopRule


class PolynomialRegression(RegressorMixin, ConvexModel):
    r"""Least squares with a polynomial of one variable, by gradient descent; no design matrix is built.

    The data's range, ``domain_``, is mapped onto [-1, 1], where the basis polynomials :math:`p_k` live. The
    objective, reported in ``loss_curve_`` and differentiated, is

    .. math:: J = \frac1N \sum_i s_i \Bigl(\sum_k c_k\, p_k(u(x_i)) - y_i\Bigr)^2 + \frac\alpha2 \sum_{k\ge1} c_k^2

    with sample weights s scaled to mean 1. The basis does not change the minimum (without penalty), only how fast
    descent gets there: the condition number of monomials grows exponentially with the degree, that of Chebyshev
    and Legendre polynomials on evenly spread points hardly at all.

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
    callbacks, verbose, n_threads
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
    Trefethen (2013), *Approximation theory and approximation practice*, for the bases; Polyak (1964) for the
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
        callbacks: Sequence[Callable[[dict[str, Any]], Any]] = (),
        verbose: bool = False,
        n_threads: int | None = None,
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
        with unchanged_on_error(self):
            result = self._fit(X, y, sample_weight, validation_data)
        report_ending(self, result)
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, validation_data: Any) -> dict[str, Any]:
        degree = check_integer("degree", self.degree, low=0)
        basis = check_choice("basis", self.basis, BASES)
        alpha = self._penalty()
        x, target, weights = self._data(X, y, sample_weight, reset=True)
        old_domain = getattr(self, "domain_", None) if self.warm_start else None
        domain = old_domain or (float(x.min()), float(x.max()))
        y_scale = root_mean_square(target) or 1.0
        if y_scale > 1e153:
            raise ValueError("y has values too large to be squared; scale it down")
        u = to_unit(x, domain)
        optimizer = self.optimizer
        if optimizer is None:
            hessian = gram_matrix(u, weights, degree, basis) * (2.0 / x.size)
            hessian[np.diag_indices(degree + 1)] += np.where(np.arange(degree + 1) > 0, alpha, 0.0)
            optimizer = default_optimizer(self.learning_rate, hessian, self._is_full_batch(x.size))
        config = self._descent_config(optimizer, u[:, None], validated=validation_data is not None)
        validation = None
        if validation_data is not None:
            x_held, y_held, w_held = self._data(*validation_parts(validation_data), reset=False)
            validation = (
                to_unit(x_held, domain).astype(u.dtype),
                (y_held / y_scale).astype(u.dtype),
                None if w_held is None else w_held.astype(u.dtype),
            )
        theta = np.zeros(degree + 1)
        if self.warm_start and hasattr(self, "coef_"):
            if self.coef_.shape != theta.shape:
                raise ValueError(
                    f"warm_start needs the degree of the last fit, {self.coef_.size - 1}, but degree is {degree}"
                )
            if getattr(self, "basis_", basis) != basis:
                raise ValueError(
                    f"warm_start needs the basis of the last fit, {self.basis_!r}, but basis is {basis!r}"
                )
            theta = self.coef_ / y_scale
        result: dict[str, Any] = _native.core.polynomial_descent(
            theta,
            [np.zeros(degree + 1) for _ in optimizer.slots],
            (u, (target / y_scale).astype(u.dtype), weights),
            validation,
            recurrence(basis, degree),
            alpha,
            config,
            self._hook(y_scale**2),
        )
        self.domain_, self.basis_ = domain, basis
        self.coef_ = theta * y_scale
        self.monomial_coef_ = to_monomial(self.coef_, basis, domain)
        self._record(result, y_scale**2)
        return result

    def _data(
        self, X: Any, y: Any, sample_weight: Any = None, *, reset: bool
    ) -> tuple[Array, Array, Array | None]:
        x = self._points(X, reset=reset)
        target, multi = check_targets(y, x.size, x.dtype)
        if multi:
            raise ValueError(f"y must be of shape ({x.size},), but has shape {target.shape}")
        return x, target[:, 0].copy(), check_weights(sample_weight, x)

    def _points(self, X: Any, *, reset: bool) -> Array:
        if np.ndim(X) == 1:  # an array, a list or a column of a table
            X = np.asarray(X)[:, None]
        inputs = check_inputs(self, X, reset=reset)
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
        u = to_unit(x.astype(np.float64), self.domain_)
        return kernels.polynomial_predict(self.coef_, u, self.basis_).astype(x.dtype)


def gram_matrix(u: Array, weights: Array | None, degree: int, basis: str) -> Array:
    """Return sum s_i p(u_i) p(u_i)^T, (degree + 1, degree + 1), in slices that fit the cache."""
    gram = np.zeros((degree + 1, degree + 1))
    for part in chunks(u.size, 16384):
        p = basis_matrix(u[part].astype(np.float64), degree, basis)
        gram += p.T @ (p if weights is None else p * weights[part, None])
    return gram
