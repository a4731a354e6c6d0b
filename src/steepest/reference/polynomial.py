"""Polynomials in one variable or several, in a basis that is built by a three-term recurrence.

The reference builds the design matrix that the compiled kernels never build: with it a polynomial
is a linear model, and its gradient is one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ._support import Array, as_floats, choose
from .losses import mse, mse_gradient

# p_0 = 1, p_1 = x and p_{k+1} = a_k x p_k - b_k p_{k-1}; each entry is k -> (a_k, b_k), k >= 1.
_RECURRENCE: dict[str, Callable[[int], tuple[float, float]]] = {
    "monomial": lambda k: (1.0, 0.0),
    "chebyshev": lambda k: (2.0, 1.0),
    "legendre": lambda k: ((2 * k + 1) / (k + 1), k / (k + 1)),
}


def basis_matrix(x: Array, degree: int, basis: str = "monomial") -> Array:
    r"""Design matrix whose column k is the basis polynomial :math:`p_k(x)`.

    With :math:`p_0 = 1`, :math:`p_1 = x` and :math:`k \ge 1`,

    ============= ========================================================
    "monomial"    :math:`p_{k+1} = x p_k`
    "chebyshev"   :math:`p_{k+1} = 2 x p_k - p_{k-1}`
    "legendre"    :math:`(k+1) p_{k+1} = (2k+1) x p_k - k p_{k-1}`
    ============= ========================================================

    Parameters
    ----------
    x : array, (n,)
        Used as it is: nothing is mapped to [-1, 1] here.
    degree : int
    basis : {"monomial", "chebyshev", "legendre"}

    Returns
    -------
    array, (n, degree + 1)

    Raises
    ------
    ValueError
        If `basis` is none of the three.
    """
    (x,) = as_floats(x)
    recurrence = choose(_RECURRENCE, "basis", basis)
    columns = [np.ones_like(x), x]
    for k in range(1, degree):
        a, b = recurrence(k)
        columns.append(a * x * columns[k] - b * columns[k - 1])
    return np.stack(columns[: degree + 1], axis=-1)


def orthonormal_recurrence(
    x: Array, degree: int, sample_weight: Array | None = None
) -> tuple[Array, Array, Array]:
    r"""Recurrence of the polynomials that are orthonormal on points, by the Stieltjes procedure.

    :math:`p_{k+1} = (a_k x + b_k)\, p_k - c_k\, p_{k-1}` from :math:`p_0 = 1`, with a scalar product
    :math:`\langle f, g \rangle = \sum_i s_i f(x_i) g(x_i) / \sum_i s_i`: x p_k without its components along p_k and
    p_{k-1} is orthogonal to all that came before; it is divided by its norm.

    Parameters
    ----------
    x : array, (n,)
        More than ``degree`` of them differ.
    degree : int
    sample_weight : array, (n,), optional
        s.

    Returns
    -------
    a, b, c : array, (degree,)

    References
    ----------
    Gautschi (1982), *On generating orthogonal polynomials*.
    """
    (x,) = as_floats(x)
    s = np.ones_like(x) if sample_weight is None else np.asarray(sample_weight, dtype=x.dtype)
    s = s / np.sum(s)
    p, before = np.ones_like(x), np.zeros_like(x)
    rows = []
    for _ in range(degree):
        mean, back = np.sum(s * x * p * p), np.sum(s * x * p * before)
        rest = (x - mean) * p - back * before
        norm = np.sqrt(np.sum(s * rest**2))
        rows.append((1.0 / norm, -mean / norm, back / norm))
        p, before = rest / norm, p
    a, b, c = np.array(rows, dtype=x.dtype).reshape(degree, 3).T
    return a, b, c


def recurrence_matrix(x: Array, a: Array, b: Array, c: Array) -> Array:
    r"""Design matrix, (n, degree + 1), of :math:`p_{k+1} = (a_k x + b_k)\, p_k - c_k\, p_{k-1}` from 1.

    Parameters
    ----------
    x : array, (n,)
    a, b, c : array, (degree,)

    Returns
    -------
    array, (n, degree + 1)
    """
    (x,) = as_floats(x)
    columns = [np.zeros_like(x), np.ones_like(x)]
    for a_k, b_k, c_k in zip(a, b, c, strict=True):
        columns.append((a_k * x + b_k) * columns[-1] - c_k * columns[-2])
    return np.stack(columns[1:], axis=-1)


def product_matrix(X: Array, powers: Array, basis: str = "monomial") -> Array:
    r"""Design matrix of a polynomial of several variables: column t is :math:`\prod_j p_{a_{tj}}(x_j)`.

    Parameters
    ----------
    X : array, (n, d)
        Used as it is.
    powers : array of int, (n_terms, d)
        a.
    basis : {"monomial", "chebyshev", "legendre"}
        See `basis_matrix`.

    Returns
    -------
    array, (n, n_terms)
    """
    (X,) = as_floats(X)
    factors = [basis_matrix(x, int(np.max(powers)), basis) for x in X.T]
    terms: Array = np.prod([P[:, powers[:, j]] for j, P in enumerate(factors)], axis=0)
    return terms


def orthonormal_mixing(design: Array, sample_weight: Array | None = None) -> Array:
    r"""Lower triangle M for which the columns of A M^T are orthonormal: :math:`M A^T S A M^T = (\sum_i s_i) I`.

    By Gram and Schmidt's procedure in the order of the columns, made twice: what rounding has left of the
    components along earlier columns the second time removes (Giraud, Langou and Rozloznik 2005).

    Parameters
    ----------
    design : array, (n, p)
        A, of rank p.
    sample_weight : array, (n,), optional
        The diagonal of S.

    Returns
    -------
    array, (p, p)
    """
    (design,) = as_floats(design)
    n, p = design.shape
    s = np.ones(n) if sample_weight is None else sample_weight
    s = s / np.sum(s)
    q, mixing = np.zeros_like(design), np.eye(p)
    for t in range(p):
        q[:, t] = design[:, t]
        for _ in range(2):
            along = q[:, :t].T @ (s * q[:, t])
            q[:, t] -= q[:, :t] @ along
            mixing[t] -= along @ mixing[:t]
        norm = np.sqrt(np.sum(s * q[:, t] ** 2))
        q[:, t] /= norm
        mixing[t] /= norm
    return mixing


def polynomial_predict(theta: Array, x: Array, basis: str = "monomial") -> Array:
    r"""Polynomial :math:`f(x) = \sum_k \theta_k p_k(x)`.

    Parameters
    ----------
    theta : array, (degree + 1,)
        Lowest degree first: in the monomial basis ``theta[k]`` multiplies ``x**k``.
    x : array, (n,)
    basis : {"monomial", "chebyshev", "legendre"}
        See `basis_matrix`.

    Returns
    -------
    array, (n,)
    """
    theta, x = as_floats(theta, x)
    return basis_matrix(x, len(theta) - 1, basis) @ theta


def polynomial_loss_gradient(
    theta: Array, x: Array, y: Array, basis: str = "monomial"
) -> tuple[float, Array]:
    r"""Mean squared error of the polynomial, and its gradient.

    .. math::
        L = \mathrm{mse}(f, y), \qquad
        \frac{\partial L}{\partial\theta_k} = \frac{2}{n}\sum_i (f(x_i) - y_i)\, p_k(x_i)

    Parameters
    ----------
    theta : array, (degree + 1,)
    x, y : array, (n,)
    basis : {"monomial", "chebyshev", "legendre"}

    Returns
    -------
    loss : float
    gradient : array, (degree + 1,)

    Raises
    ------
    ValueError
        If the shapes differ, there are no rows, or `basis` is unknown.
    """
    theta, x = as_floats(theta, x)
    design = basis_matrix(x, len(theta) - 1, basis)
    prediction = design @ theta
    return mse(prediction, y), design.T @ mse_gradient(prediction, y)
