"""Polynomial regression in one variable or several, by gradient descent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from steepest import _native, kernels
from steepest._bases import BASES, Basis, domain_map, to_monomial, to_unit
from steepest._products import (
    count_terms,
    powers_of_terms,
    products_to_monomial,
    table_of_terms,
    term_names,
)
from steepest._validate import (
    FLOATS,
    Array,
    check_choice,
    check_finite,
    check_flag,
    check_integer,
    check_range,
    plain,
)
from steepest.estimators.advice import Problem
from steepest.estimators.base import (
    Data,
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
    in_units,
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
from steepest.estimators.polynomial_products import ProductPoints, ProductUnits
from steepest.estimators.quadratic import (
    MOST_FEATURES,
    Curvatures,
    default_optimizer,
    is_automatic,
    largest_curvature,
    moments_are_faster,
    nesterov,
)
from steepest.losses import Poisson, RegressionLoss, SquaredError, check_loss
from steepest.optimizers import SGD, Optimizer
from steepest.schedules import ScheduleLike
from steepest.stopping import StopRule

# Points, the range of x or of each feature, the size of y, and whether y was given as (n, K).
MeasuredPoints = tuple[Any, Any, float, bool]

MOST_POWERS = 2**27  # entries of powers_: 1 GiB


class PolynomialRegression(MultiOutputMixin, PolynomialConversion, RegressorMixin, ConvexModel):
    r"""A polynomial by gradient descent: least squares or another loss, without a design matrix.

    Of one variable; several, with interactions, are the subject of the last part. The data's range, ``domain_``,
    is mapped onto [-1, 1], where the basis polynomials :math:`p_k` live. The objective, reported in
    ``loss_curve_`` and differentiated, is

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

    **Several features.** The terms are products of polynomials of one feature each,

    .. math:: \phi_t = \prod_j p_{a_{tj}}(u_j(x_j)), \qquad \sum_j a_{tj} \le \text{degree},

    those of scikit-learn's PolynomialFeatures in its order; ``interaction_order`` and ``interaction_only`` leave
    some out. Each feature has its own range. The objective is the same with :math:`\phi_t` in place of :math:`p_k`.
    Terms, rounded to float64, are made of the rows as they are read, a group of these at a time, and never all.
    Moments are all products of two of up to 4096 terms; beyond, "auto" measures only the largest curvature, as
    :class:`LinearRegression` does.

    Products of polynomials that are orthonormal on each feature's values are so together only if the features are
    independent in the data. The basis ``"orthonormal"`` is therefore made of them by Gram and Schmidt's
    procedure, in their order and with moments for scalar products:

    .. math:: q_t = \sum_{s \le t} M_{ts}\, \phi_s, \qquad \frac1N \sum_i s_i\, q_t(x_i)\, q_s(x_i) = \delta_{ts}.

    Descent converges at once, as of one feature; in the other bases the condition number grows with the number of
    features too, fast where points crowd, as normal ones do around their mean. The data are read first for the
    features, then for the products. A row of a mini-batch takes a time that grows with the square of the number of
    terms; of a prediction it does not, since M goes into the coefficients. (Brubeck, Nakatsukasa and Trefethen
    orthogonalise a variable times an earlier polynomial, for which all terms up to a degree must be there; here
    some may be left out.)

    Parameters
    ----------
    degree : int, default 3
        Highest power, or the largest sum of a term's powers; at least 0.
    basis : {"chebyshev", "legendre", "monomial", "orthonormal"}, default "chebyshev"
        :math:`p_k`. The orthonormal one needs more than ``degree`` different points; of several features, points
        that tell all terms apart. With ``warm_start`` and ``partial_fit`` the first data decide it, as they decide
        ``domain_``.
    loss, learning_rate, optimizer, schedule, stop, batch_size, shuffle, max_epochs, tol, warm_start, random_state
        As in :class:`LinearRegression`.
    alpha : float, default 0
        Strength of the penalty on all coefficients but the constant's.
    callbacks, verbose, n_threads, l1_ratio, scoring
        As in :class:`LinearRegression`.
    interaction_order : int, optional
        At most so many different features are in a term: 1 is an additive model, a sum of polynomials of one
        feature each, 2 has pairs. By default there is no limit but the degree.
    interaction_only : bool, default False
        Leave out the terms that have a feature to a power above 1.

    Attributes
    ----------
    coef_ : array, (n_terms,) or (K, n_terms)
        c, in the basis, in the order of ``powers_``, lowest degree first; float64. One feature has degree + 1
        terms.
    powers_ : array of int, (n_terms, n_features)
        a: the degree of each feature's polynomial in each term. :meth:`get_term_names` has them in words.
    coef_rest_ : array, like coef_
        What rounding has left off ``coef_``: their sum is known to more digits than float64 has. 0 unless ``tol``
        is below what float64 reaches. It matters for ``monomial_coef_``, where large numbers cancel.
    basis_ : str
        The basis that ``coef_`` is in.
    recurrence_ : array, (3, degree), or of several features (n_features, 3, highest power)
        Its a, b and c: :math:`p_{k+1} = (a_k u + b_k) p_k - c_k p_{k-1}`, with u on [-1, 1].
    mixing_ : array, (n_terms, n_terms), or None
        M, a lower triangle, of the orthonormal basis of several features.
    domain_ : tuple of float, or array (n_features, 2)
        What is mapped onto [-1, 1]: the range of the training data, of each feature by itself. Of several features,
        rows of weight 0 do not count.
    monomial_coef_ : array, like coef_
        The same polynomial in powers of x: in the order of ``powers_``, which are these powers. Computed when it
        is asked for, in rational arithmetic and rounded once. Ill-conditioned for high degrees: for looking at,
        not for computing with.
    loss_, loss_curve_, history_, n_iter_, status_, out_activation_, n_features_in_, feature_names_in_
        As in :class:`LinearRegression`.

    References
    ----------
    Trefethen (2013), *Approximation theory and approximation practice*, for the bases; Forsythe (1957), *Generation
    and use of orthogonal polynomials for data-fitting with a digital computer*, for the one that is orthonormal on
    the data; Gautschi (1982), *On generating orthogonal polynomials*, for the Stieltjes procedure and for the Gram
    matrix from moments of the basis; Brubeck, Nakatsukasa and Trefethen (2021), *Vandermonde with Arnoldi*, for why
    to orthogonalise on the data; Polyak (1964) for the momentum of ``learning_rate="auto"``.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> x = np.linspace(0, 4, 50)
    >>> model = st.PolynomialRegression(degree=2).fit(x, 1 - 2 * x + 3 * x**2)
    >>> (model.monomial_coef_.round(6) + 0).tolist()
    [1.0, -2.0, 3.0]

    Two features and their product:

    >>> X = np.random.default_rng(0).uniform(-2, 5, (60, 2))
    >>> model = st.PolynomialRegression(2, "orthonormal").fit(X, 4 - X[:, 0] * X[:, 1])
    >>> model.get_term_names().tolist()
    ['1', 'x0', 'x1', 'x0^2', 'x0 x1', 'x1^2']
    >>> (model.monomial_coef_.round(6) + 0).tolist()
    [4.0, 0.0, 0.0, 0.0, -1.0, 0.0]
    """

    coef_: Array
    coef_rest_: Array
    basis_: str
    recurrence_: Array
    powers_: Array
    mixing_: Array | None
    domain_: Any

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
        interaction_order: int | None = None,
        interaction_only: bool = False,
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
        self.interaction_order = interaction_order
        self.interaction_only = interaction_only

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, validation_data: Any = None
    ) -> PolynomialRegression:
        """Fit the coefficients.

        Parameters
        ----------
        X : array, (n, n_features), or (n,) for one feature
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

        Warns
        -----
        ConvergenceWarning
            If the descent diverged, or ``max_epochs`` were not enough: with the causes that were found, and their
            numbers. See :meth:`report`.
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
                ("coef_", "basis_", "recurrence_", "domain_", "powers_", "mixing_"),
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
        basis = check_choice("basis", self.basis, BASES)
        (l1, l2), loss = self._penalty(), check_loss(self.loss, RegressionLoss)
        data, extent, y_size, multi = measured
        rows, outputs = data.y.shape
        y_scale = unit_of_targets(loss, y_size, one_pass)
        full = self._is_full_batch(rows)
        least_squares = isinstance(loss, SquaredError)
        automatic = self.optimizer is None and is_automatic(self.learning_rate)
        columns = data.x.reshape(rows, -1)
        exact = (
            least_squares
            and full
            and not (one_pass or l1 or l2 or getattr(self.optimizer, "has_l2", False))
            and is_below_float64(self.tol, columns)
        )
        l1 /= y_scale ** (loss.degree - 1)  # of coefficients in units of y_scale
        l2 *= y_scale ** (2 - loss.degree)
        bounded = automatic and full and loss.curvature is not None
        all_products = basis == "orthonormal" or (automatic and not bounded)
        powers = self._powers(data.n_features, all_products)
        many = data.n_features > 1 and len(powers) > MOST_FEATURES
        exact &= not many
        theta = self._start(data, basis, powers, y_scale, loss)
        domain = self.domain_ if self.warm_start and hasattr(self, "domain_") else extent
        n_threads = check_threads(self.n_threads)
        units = self._units(basis, powers, data, domain, y_scale, exact, n_threads)
        held_out = None
        if validation_data is not None:
            held_out = self._held_out(validation_data, outputs)
            watch.validate_on(*validation_data)

        measuring = 0.0 if automatic else units.measuring(outputs)
        by_moments = (
            least_squares
            and full
            and (
                exact
                or (basis == "orthonormal" and not one_pass)  # there they are, and exact
                or moments_are_faster(rows, units.n_terms, outputs, self._most_steps(), measuring)
            )
        )
        moments = None
        if (automatic and not many) or by_moments:
            moments = data.moments(units, n_threads)
            by_moments &= moments.finite()
        optimizer = in_units(self.optimizer, y_scale, loss.degree)
        curvatures = Curvatures(lambda: moments_hessian(moments, l2))
        if automatic and many:
            optimizer = optimizer_by_power(loss, data.rows(units), (l1, l2), one_pass)
        elif optimizer is None:
            optimizer = self._default_optimizer(
                *(loss, moments, curvatures, units.n_terms, outputs, y_size / y_scale),
                *((l1, l2), full, one_pass),
            )
        config = self._descent_config(optimizer, columns, validated=held_out is not None)
        if automatic and loss.curvature is None and not one_pass:
            tolerance = gradient_tolerance(self.tol, columns)
            config = halving(config, optimizer.learning_rate, tolerance, full)

        rest = np.zeros_like(theta)

        def attributes_at(parameters: Any, epochs: int) -> dict[str, Any]:
            coef = y_scale * coefficients(parameters, theta.shape)
            left_off = y_scale * rest
            return {
                **units.fitted(),
                "basis_": basis,
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
                rest = refine(theta, optimizer, moments, validation, rows, self.tol, config, result)
        else:
            result = points_descent(
                theta, units, loss, optimizer, data, held_out, (l1, l2), config, hook
            )

        def hessian() -> Array:
            measured = data.moments(units, n_threads) if moments is None else moments
            of_loss = 0.5 * (loss.curvature or 0.0) * moments_hessian(measured, 0.0)
            return np.asarray(of_loss + np.diag(l2 * (np.arange(len(of_loss)) > 0)))

        result["problem"] = Problem(
            self,
            optimizer,
            config["batch_size"],
            columns,
            None if loss.curvature is None or many else hessian,
            theta.shape[1],
            0.0 if moments is not None else 4.0 * rows * units.measuring(outputs),
            is_quadratic=least_squares,
            automatic=automatic,
            tol=config.get("gradient_tolerance", 0.0),
            curvatures=curvatures.known,
        )
        self.__dict__.update(attributes_at(theta, result["n_epochs"]))
        self._record(result, loss_scale, best_restored=config["restore_best"])
        return result

    def _default_optimizer(
        self,
        loss: RegressionLoss,
        moments: Any,
        curvatures: Curvatures,
        n_terms: int,
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
                curvatures,
                lambda: trace(l2),
                full,
                one_pass,
                l1=l1,
                most_steps=self._most_steps(),
            )

        def size() -> float:
            typical = math.sqrt(n_terms / (0.5 * outputs * trace(0.0)))
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

    def _powers(self, d: int, by_moments: bool) -> Array:
        """Return the powers of the terms of d features, (n_terms, d), or raise if there are too many.

        ``by_moments``: whether the fit needs the products of all terms.
        """
        degree = check_integer("degree", self.degree, low=0)
        order, only = self.interaction_order, self.interaction_only
        order = None if order is None else check_integer("interaction_order", order, low=1)
        only = check_flag("interaction_only", only)
        if d == 1:
            return np.arange(min(degree, 1) + 1 if only else degree + 1)[:, None]
        terms = count_terms(d, degree, order, only)
        fewer = "lower degree, or set interaction_order or interaction_only"
        if terms * d > MOST_POWERS:
            raise ValueError(
                f"degree={degree} of {d} features has {terms:,} terms, whose powers alone would take "
                f"{8 * terms * d / 2**30:,.3g} GiB; {fewer}"
            )
        if by_moments and terms > MOST_FEATURES:
            raise ValueError(
                f"degree={degree} of {d} features has {terms:,} terms, whose products would take "
                f"{16 * terms**2 / 2**30:,.3g} GiB; the limit is {MOST_FEATURES:,} terms. {fewer.capitalize()}; or "
                'choose another basis than "orthonormal" and give an optimizer, which needs no products'
            )
        return powers_of_terms(d, degree, order, only)

    def _units(
        self,
        basis: str,
        powers: Array,
        data: Any,
        domain: Any,
        y_scale: float,
        exact: bool,
        n_threads: int,
    ) -> Any:
        """Return what the fit's coefficients belong to, which with ``warm_start`` the first data decide."""
        known = self.warm_start and hasattr(self, "recurrence_")
        if isinstance(data, ProductPoints):
            start = "chebyshev" if basis == "orthonormal" else basis
            products = ProductUnits.of(powers, start, domain, y_scale)
            if basis != "orthonormal":
                return products
            if known:
                return replace(products, recurrences=self.recurrence_, mixing=self.mixing_)
            return data.orthonormal(products, self._feature_names(data.n_features), n_threads)
        degree = len(powers) - 1
        own: Basis = basis
        if basis == "orthonormal" and known:
            own = fitted_basis(self)
        elif basis == "orthonormal":
            to_measure = Units("chebyshev", degree, domain, y_scale)
            own = data.orthonormal_basis(to_measure, n_threads)
        return Units(own, degree, domain, y_scale, exact)

    def _start(
        self, data: Any, basis: str, powers: Array, y_scale: float, loss: RegressionLoss
    ) -> Array:
        """Return the coefficients (K, n_terms) to start from."""
        shape = data.y.shape[1], len(powers)
        if not (self.warm_start and hasattr(self, "coef_")):
            theta = np.zeros(shape)
            if isinstance(loss, Poisson):  # the logarithm of the mean
                mean = np.average(data.y, axis=0, weights=data.sample_weight)
                theta[mean > 0, 0] = np.log(mean[mean > 0])
            return theta
        coef = np.atleast_2d(self.coef_)
        fitted = getattr(self, "powers_", np.empty((0, 1)))
        one = powers.shape[1] == fitted.shape[1] == 1
        if coef.shape != shape and one:
            raise ValueError(
                f"partial_fit and warm_start go on from coef_ of degree {coef.shape[1] - 1} and of "
                f"{coef.shape[0]} targets, but degree is {self.degree} and y has {shape[0]}"
            )
        if coef.shape != shape or not (one or np.array_equal(powers, fitted)):
            raise ValueError(
                f"partial_fit and warm_start go on from coef_ of the {coef.shape[1]} terms powers_ and of "
                f"{coef.shape[0]} targets, but the terms would be {shape[1]} others and y has {shape[0]}"
            )
        if getattr(self, "basis_", basis) != basis:
            raise ValueError(
                f"partial_fit and warm_start go on from coef_ in basis_, {self.basis_!r}, but basis is "
                f"{basis!r}"
            )
        return np.asarray(coef / y_scale)

    @property
    def monomial_coef_(self) -> Array:
        """The coefficients in powers of x, in the order of ``powers_``."""
        both = zip(np.atleast_2d(self.coef_), np.atleast_2d(self.coef_rest_), strict=True)
        if self.n_features_in_ > 1:
            units = self._fitted_products()
            rows = [
                products_to_monomial(
                    *(coef, rest, units.powers, units.recurrences, units.domain, units.mixing)
                )
                for coef, rest in both
            ]
        else:
            basis = fitted_basis(self)
            rows = [to_monomial(coef, basis, self.domain_, rest) for coef, rest in both]
        return rows[0] if self.coef_.ndim == 1 else np.array(rows)

    def get_term_names(self, input_features: Any = None) -> Array:
        """Return the names of the terms, in the order of ``coef_``, as scikit-learn's PolynomialFeatures has them.

        Parameters
        ----------
        input_features : sequence of str, optional
            Names of the features; by default those in the data that were fitted, or "x0", "x1" ...

        Returns
        -------
        array of str objects, (n_terms,)
            Such as "1", "x0", "x0^2", "x0 x1": what the entries of ``monomial_coef_`` are multiplied by. Those of
            ``coef_`` are multiplied by products of polynomials of these degrees.
        """
        require_fitted(self)
        names = (
            self._feature_names(self.n_features_in_)
            if input_features is None
            else [*map(str, input_features)]
        )
        if len(names) != self.n_features_in_:
            raise ValueError(
                f"input_features must be {self.n_features_in_} names, but are {len(names)}"
            )
        return np.array(term_names(self.powers_, names), dtype=object)

    def _feature_names(self, d: int) -> list[str]:
        numbered = [f"x{j}" for j in range(d)]
        return [*map(str, getattr(self, "feature_names_in_", numbered))]

    def _data(self, X: Any, y: Any, sample_weight: Any = None, *, reset: bool) -> MeasuredPoints:
        """Return the points, and what is known of them."""
        inputs = self._inputs(X, reset=reset)
        low, high, _ = check_range("X", inputs)
        target, multi = check_targets(y, len(inputs), inputs.dtype, finite=False)
        _, _, size = check_range("y", target[:, 0] if target.shape[1] == 1 else target)
        check_range_of_targets(check_loss(self.loss, RegressionLoss), target)
        weights = check_weights(sample_weight, inputs)
        if inputs.shape[1] == 1:
            return Points(inputs.reshape(-1), target, weights), (low, high), size, multi
        points = ProductPoints(inputs, target, weights)
        return points, points.extent(), size, multi

    def _held_out(self, data: Any, outputs: int) -> Any:
        with about_validation_data():
            points, _, _, _ = self._data(*validation_parts(data), reset=False)
        if points.y.shape[1] != outputs:
            raise ValueError(
                f"validation_data must have {outputs} targets, as y has, but has {points.y.shape[1]}"
            )
        return points

    def _inputs(self, X: Any, *, reset: bool) -> Array:
        if np.ndim(X) == 1:  # an array, a list or a column of a table
            X = np.asarray(X)[:, None]
        inputs: Array = check_inputs(self, X, reset=reset, finite=False)
        return inputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # Both are taken; scikit-learn's checks want those of the latter to refuse the former.
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags

    def predict(self, X: Any) -> Array:
        """Return the polynomial's values, or for "poisson" their exp.

        Parameters
        ----------
        X : array, (n, n_features), or (n,) for one feature

        Returns
        -------
        array, (n,) or (n, K)
            In X's dtype.
        """
        require_fitted(self)
        inputs = self._inputs(X, reset=False)
        check_finite("X", inputs)
        if self.n_features_in_ > 1:
            values = self._of_products(_native.core.product_predict, inputs)
        else:
            u, basis = to_unit(inputs[:, 0].astype(np.float64), self.domain_), fitted_basis(self)
            each = [kernels.polynomial_predict(c, u, basis) for c in np.atleast_2d(self.coef_)]
            values = each[0][:, None] if len(each) == 1 else np.stack(each, axis=1)
        prediction = values[:, 0] if self.coef_.ndim == 1 else values
        if activation_of_fitted(self) == "exp":
            prediction = np.exp(prediction)
        return prediction.astype(inputs.dtype)

    def input_gradient(self, X: Any) -> Array:
        """Return the derivatives of the prediction by the inputs.

        Parameters
        ----------
        X : array, (n, n_features), or (n,) for one feature

        Returns
        -------
        array, (n, n_features) for one target, (n, K, n_features) for several
            In X's dtype.
        """
        require_fitted(self)
        inputs = self._inputs(X, reset=False)
        check_finite("X", inputs)
        if self.n_features_in_ > 1:
            slopes = self._of_products(_native.core.product_slopes, inputs)
            _, half = domain_map((self.domain_[:, 0], self.domain_[:, 1]))
            slopes /= np.where(half > 0, half, np.inf)
        else:
            basis, x = fitted_basis(self), inputs[:, 0]
            each = [polynomial_slope(c, basis, self.domain_, x) for c in np.atleast_2d(self.coef_)]
            slopes = np.stack(each, axis=1)[..., None]
        gradient = slopes[:, 0] if self.coef_.ndim == 1 else slopes
        if activation_of_fitted(self) == "exp":
            gradient = gradient * self.predict(X)[..., None]
        return gradient.astype(inputs.dtype)

    def _fitted_products(self) -> ProductUnits:
        """Return what the coefficients of a polynomial of several variables belong to."""
        powers, mixing = self.powers_, self.mixing_
        table = table_of_terms(powers)
        return ProductUnits(powers, self.recurrence_, self.domain_, 1.0, mixing, table)

    def _of_products(self, function: Any, inputs: Array) -> Array:
        """Return what a function of the core says of the coefficients and the terms at points, in float64."""
        units = self._fitted_products()
        coef = np.ascontiguousarray(np.atleast_2d(self.coef_), dtype=np.float64)
        if units.mixing is not None:  # of the products that were mixed: one sum for all points
            coef = np.array([(row[:, None] * units.mixing).sum(axis=0) for row in coef])
        points = plain(inputs, FLOATS[1])
        result: Array = function(
            coef, units.inputs(points, mixed=False).as_tuple(), check_threads(self.n_threads)
        )
        return result


def optimizer_by_power(
    loss: RegressionLoss, data: Data, penalty: tuple[float, float], one_pass: bool
) -> Optimizer:
    """Return what "auto" means for a loss of bounded curvature and more terms than have moments."""
    assert loss.curvature is not None
    l1, l2 = penalty
    largest = largest_curvature(data.X, data.sample_weight, intercept=True)
    largest = loss.curvature / data.y.shape[1] * largest + l2
    return SGD(1.0 / largest) if one_pass else nesterov(largest, l1)


def fitted_basis(model: Any) -> Basis:
    """Return the basis of a fitted polynomial of one variable as the core computes it: a word, or (a, b, c)."""
    if model.basis_ != "orthonormal":
        return str(model.basis_)
    a, b, c = model.recurrence_
    return a, b, c
