"""A network's training loss as a function of its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.calculus._arguments import FloatArray, as_real


class NetworkLoss:
    r"""The training loss of a fitted network on some data, as a function of all its parameters.

    What `fit` minimizes, on the full batch: the mean over the rows, weighted if they are, of the
    loss that the estimator states, plus the L2 penalty
    :math:`\frac{\alpha}{2 B} \sum_l \|W_l\|_F^2` with B the rows or the sum of their weights. An L1
    penalty and group lasso, which have no gradient at 0, aren't part of it, and neither is dropout;
    frozen and pruned parameters are parameters like all others. Values and
    gradients are those of the compiled core, by backpropagation [1]_, in float64.

    It goes wherever a function and its gradient go::

        loss = NetworkLoss(model, X, y)
        hessian(loss, loss.parameters, loss.gradient)
        hessian_vector_product(loss, loss.parameters, v, loss.gradient)
        st.minimize(loss, loss.parameters)

    Parameters
    ----------
    model : MLPRegressor or MLPClassifier
        Fitted. It isn't changed, and later changes of it aren't seen.
    X : array or sparse matrix, (n, d)
        Inputs.
    y : array, (n,) or (n, K)
        Targets.
    sample_weight : array, (n,), optional
        Not negative.

    Attributes
    ----------
    parameters : ndarray of float64, (m,)
        Those of the model: the weights of all layers row by row, then all biases.

    Raises
    ------
    TypeError, ValueError
        If ``model`` isn't one of the two, or the data are not as described.
    NotFittedError
        If ``model`` isn't fitted.

    References
    ----------
    .. [1] D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by
       back-propagating errors", *Nature* 323 (1986) 533-536.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> from steepest.calculus import NetworkLoss, hessian
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 1.0, 2.0])
    >>> model = st.MLPRegressor(hidden_layer_sizes=(), alpha=0.0, random_state=0).partial_fit(X, y)
    >>> loss = NetworkLoss(model, X, y)
    >>> hessian(loss, loss.parameters, loss.gradient).round(6)  # mean of x^2, x; x, 1
    array([[1.666667, 1.      ],
           [1.      , 1.      ]])
    """

    def __init__(self, model: Any, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> None:
        # scikit-learn comes with the estimators, and calculus does without it elsewhere.
        from steepest.estimators.base import (
            Data,
            NetworkState,
            check_inputs,
            check_weights,
            require_fitted,
        )
        from steepest.estimators.given_layers import as_plain, given_layers
        from steepest.estimators.lbfgs import FlatObjective
        from steepest.estimators.mlp_base import MultiLayerPerceptron

        if not isinstance(model, MultiLayerPerceptron):
            raise TypeError(
                f"model must be an MLPRegressor or MLPClassifier; got {type(model).__name__}"
            )
        require_fitted(model)
        inputs = check_inputs(model, X, reset=False, dtype=np.dtype(np.float64))
        targets = model._targets(y, inputs, reset=False)
        weights = check_weights(sample_weight, inputs, scaled=False)
        data = Data(inputs, targets, model._training_weights(targets, weights, inputs))
        state = NetworkState(*as_plain(given_layers(model), np.dtype(np.float64)))
        self._objective = FlatObjective(state, data, model._model(targets))

    @property
    def parameters(self) -> FloatArray:
        """The model's parameters, (m,), a copy."""
        return np.array(self._objective.origin, dtype=np.float64)

    def split(self, parameters: ArrayLike) -> tuple[list[FloatArray], list[FloatArray]]:
        """Return the weights and biases, layer by layer, that a vector of parameters holds.

        Parameters
        ----------
        parameters : array, (m,)
            As `parameters`.

        Returns
        -------
        weights, biases : lists of arrays, (n_in, n_out) and (n_out,)
            As a model's ``coefs_`` and ``intercepts_``.

        Raises
        ------
        TypeError, ValueError
            If they aren't m real numbers.
        """
        weights, biases = self._objective.split(self._checked(parameters))
        return [w.copy() for w in weights], [b.copy() for b in biases]

    def __call__(self, parameters: ArrayLike) -> float:
        """Return the loss at a vector of parameters, (m,)."""
        return self._value_and_gradient(parameters)[0]

    def gradient(self, parameters: ArrayLike) -> FloatArray:
        """Return the gradient at a vector of parameters, (m,)."""
        return self._value_and_gradient(parameters)[1]

    def _value_and_gradient(self, parameters: ArrayLike) -> tuple[float, FloatArray]:
        loss, gradient = self._objective(self._checked(parameters))
        self._objective.losses.clear()  # which are L-BFGS's to remember
        return float(loss), gradient

    def _checked(self, parameters: ArrayLike) -> FloatArray:
        flat = as_real("parameters", parameters)
        size = self._objective.origin.size
        if flat.shape != (size,):
            raise ValueError(f"parameters must have shape ({size},); got shape {flat.shape}")
        return flat
