"""Full-batch squared error from the moments of the data: sums that need the data once.

Arrays of `fractions.Fraction` (dtype object) work as well, and then all of this is exact.
"""

from __future__ import annotations

import numpy as np

from ._support import Array, choose
from .polynomial import _RECURRENCE


def moments(
    design: Array, y: Array, sample_weight: Array | None = None
) -> tuple[Array, Array, Array]:
    r"""Moments :math:`G = A^T S A`, :math:`T = Y^T S A` and :math:`\sum_i s_i y_{ik}^2` of a linear model.

    Parameters
    ----------
    design : array, (n, p)
        A, the features: a column of ones for an intercept, `basis_matrix` for a polynomial.
    y : array, (n, K)
    sample_weight : array, (n,), optional
        The diagonal of S.

    Returns
    -------
    gram : array, (p, p)
    cross : array, (K, p)
    square : array, (K,)
    """
    weighted = design if sample_weight is None else design * sample_weight[:, None]
    weighted_y = y if sample_weight is None else y * sample_weight[:, None]
    return design.T @ weighted, y.T @ weighted, np.sum(weighted_y * y, axis=0)


def moments_loss_gradient(
    theta: Array, gram: Array, cross: Array, square: Array, n: int
) -> tuple[float, Array]:
    r"""Mean squared error and its gradient at `theta`, for any number n of rows at the same price.

    .. math::
        L = \frac{1}{nK} \sum_k \bigl(Y_k - 2\,\theta_k \cdot T_k + \theta_k \cdot G \theta_k\bigr), \qquad
        \frac{\partial L}{\partial\theta_k} = \frac{2}{nK} (G \theta_k - T_k)

    Parameters
    ----------
    theta : array, (K, p)
    gram, cross, square : array
        As `moments` returns them.
    n : int
        Number of rows.

    Returns
    -------
    loss : float
        Where it is far below the mean square of y, a difference of large numbers: in float64 it keeps no more
        than 16 digits of these, which is why the compiled core carries it in double-double.
    gradient : array, (K, p)
    """
    residual = theta @ gram - cross
    count = n * len(square)
    return np.sum(square + np.sum(theta * (residual - cross), axis=1)) / count, 2 * residual / count


def products_from_moments(nu: Array, degree: int, basis: str = "monomial") -> Array:
    r"""Gram matrix :math:`\sum_i s_i p_j(x_i) p_k(x_i)` from the moments of the basis alone.

    In row j of the products, :math:`x p_j p_k` read both ways gives row j + 1:
    with :math:`p_{k+1} = a_k x p_k - b_k p_{k-1}`,

    .. math:: G_{j+1,k} = \frac{a_j}{a_k} (G_{j,k+1} + b_k G_{j,k-1}) - b_j G_{j-1,k}

    Parameters
    ----------
    nu : array, (2 degree + 1,)
        Row 0: :math:`\sum_i s_i p_k(x_i)`.
    degree : int
    basis : {"monomial", "chebyshev", "legendre"}

    Returns
    -------
    array, (degree + 1, degree + 1)

    References
    ----------
    Gautschi (1982), *On generating orthogonal polynomials*, for modified moments.
    """
    coefficients = choose(_RECURRENCE, "basis", basis)
    a, b = np.array([(1.0, 0.0), *(coefficients(k) for k in range(1, 2 * degree))]).T
    rows = [np.zeros(len(nu)), nu]
    for j in range(degree):
        before, row = rows[-2:]
        k = np.arange(len(row) - 1)
        lower = np.where(k > 0, row[k - 1], 0.0)
        rows.append(a[j] / a[k] * (row[k + 1] + b[k] * lower) - b[j] * before[k])
    return np.stack([row[: degree + 1] for row in rows[1:]])
