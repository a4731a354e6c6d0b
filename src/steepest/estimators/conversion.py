"""Models to and from scikit-learn's: its parameters, its fitted attributes, and its optimizer's state.

A conversion copies: neither model sees what is done to the other. scikit-learn's classes are taken as they are, not
their subclasses, which may predict in other ways.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from steepest._products import count_terms
from steepest._validate import Array
from steepest.estimators.base import NetworkState, require_fitted
from steepest.estimators.given_layers import Layers, given_layers
from steepest.losses import LogLoss, Poisson, SquaredError, means
from steepest.optimizers import Adam, Momentum


class NetworkConversion:
    """``from_sklearn`` and ``to_sklearn`` of the multi-layer perceptrons."""

    @classmethod
    def from_sklearn(cls: Any, model: Any) -> Any:
        """Return the same model as one of steepest's.

        Parameters
        ----------
        model : scikit-learn's estimator of the same name
            Fitted or not. A fitted one keeps its weights, so that predictions are the same, its record, and its
            optimizer's state: ``partial_fit`` and ``warm_start`` go on as they would have there.

        Returns
        -------
        estimator
            With its parameters, and those of steepest's own at their defaults. What scikit-learn does not record
            is not known: ``status_`` is not set, and ``history_`` has NaN but for losses and scores. Losses of
            several outputs stay in scikit-learn's units (see the class).

        Raises
        ------
        TypeError
            If the model is of another class.
        """
        theirs = _network_class(cls)
        _require_class(model, [theirs], cls)
        given = model.get_params(deep=False)
        unknown = [name for name in _changed(given, theirs()) if name not in cls._get_param_names()]
        if unknown:
            raise ValueError(f"model has parameters that are not known here: {', '.join(unknown)}")
        converted = cls(**_copies(given, cls._get_param_names()))
        if hasattr(model, "coefs_"):
            _network_from(model, converted)
        return converted

    def to_sklearn(self: Any) -> Any:
        """Return the same model as scikit-learn's estimator of the same name.

        A fitted model keeps its weights, so that predictions are the same, its record, and the state of its
        optimizer, if that is the solver's: ``partial_fit`` and ``warm_start`` go on as they would have here.

        Returns
        -------
        sklearn.neural_network.MLPRegressor or MLPClassifier

        Raises
        ------
        ValueError
            If scikit-learn has no such model: one that predicts in a way of steepest's own, or one that is not
            fitted and has parameters of steepest's own.

        Warns
        -----
        UserWarning
            If a fitted model has parameters of steepest's own: it predicts the same, but would not train the same.
        """
        theirs = _network_class(type(self))
        fitted = hasattr(self, "coefs_")
        parameters, own = _scikit_learns_parameters(self, theirs)
        if hasattr(self, "masks_"):
            own.append("masks_")  # their training moves what is pruned
        if fitted:
            _require_output(self, theirs)
        if own:
            lacks = f"scikit-learn's {theirs.__name__} has no such {', '.join(own)}"
            if not fitted:
                raise ValueError(f"{lacks}; only a fitted model can be converted, to predict with")
            warnings.warn(
                f"{lacks}: the converted model predicts the same, but would not train the same",
                UserWarning,
                stacklevel=2,
            )
        converted = theirs(**parameters)
        if fitted:
            _network_to(self, converted)
        return converted


def _network_class(kind: type) -> Any:
    """Return scikit-learn's class that a perceptron of ours stands for."""
    from sklearn import neural_network

    classifies = issubclass(kind, ClassifierMixin)
    return neural_network.MLPClassifier if classifies else neural_network.MLPRegressor


def _require_class(model: Any, kinds: list[type], ours: type) -> None:
    if type(model) not in kinds:
        names = ", ".join(kind.__name__ for kind in kinds)
        raise TypeError(
            f"model must be scikit-learn's {names} for {ours.__name__}.from_sklearn, and no subclass, but is "
            f"{type(model).__module__}.{type(model).__qualname__}"
        )


def _copies(parameters: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return copies of the named parameters: two models must not draw from one stream."""
    return {name: copy.deepcopy(parameters[name]) for name in names if name in parameters}


def _changed(parameters: dict[str, Any], default: Any) -> list[str]:
    """Return the names of the parameters that are not those of a new estimator."""
    defaults = default.get_params(deep=False)
    changed = []
    for name, value in parameters.items():
        usual = defaults.get(name)
        same = value is usual or repr(value) == repr(usual)
        # None and any empty sequence mean as much as an empty tuple.
        nothing = usual == () and (value is None or (hasattr(value, "__len__") and len(value) == 0))
        if not same and not nothing:
            changed.append(name)
    return changed


def _scikit_learns_parameters(estimator: Any, theirs: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the parameters for scikit-learn's class, and the names of those that mean nothing to it.

    The latter are at their defaults there. How many threads are used, and who watches, is not part of a model.
    """
    given = estimator.get_params(deep=False)
    names = theirs._get_param_names()
    own = [
        name
        for name in _changed(given, type(estimator)())
        if name not in (*names, "loss", "n_threads", "callbacks")
    ]
    parameters = _copies(given, names)
    if not isinstance(parameters["activation"], str):
        raise ValueError(
            f"scikit-learn's {theirs.__name__} has one activation for all layers, but activation is "
            f"{estimator.activation!r}"
        )
    if not isinstance(parameters["alpha"], (int, float, np.number)):
        own.append("alpha")
        del parameters["alpha"]
    known = [SquaredError, Poisson] if "loss" in names else [SquaredError, LogLoss]
    words = [kind.word for kind in known if means(estimator.loss, kind)]
    if not words:
        own.append("loss")
    if "loss" in names:
        parameters["loss"] = words[0] if words else SquaredError.word
    return parameters, own


def _require_output(estimator: Any, theirs: Any) -> None:
    """Raise if scikit-learn's class would make other predictions of the same output."""
    outputs = ["softmax", "logistic"]
    if not hasattr(estimator, "classes_"):
        outputs = ["identity"]
        if "loss" in theirs._get_param_names():  # since scikit-learn 1.7
            outputs.append("exp")
    if estimator.out_activation_ not in outputs:
        raise ValueError(
            f"scikit-learn's MLP predicts by {' or '.join(outputs)}, but out_activation_ is "
            f"{estimator.out_activation_!r}, from loss={estimator.loss!r}"
        )


# ---------------------------------------------------------------- fitted attributes

FEATURES = ("n_features_in_", "feature_names_in_")
NETWORK = (
    *FEATURES,
    "n_iter_",
    "t_",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "loss_",
    "best_loss_",
    "loss_curve_",
    "validation_scores_",
    "best_validation_score_",
    "classes_",
)


def _copy(source: Any, target: Any, names: Iterable[str]) -> None:
    for name in names:
        if hasattr(source, name):
            setattr(target, name, copy.deepcopy(getattr(source, name)))


def _network_from(model: Any, converted: Any) -> None:
    """Give a perceptron of ours the fitted attributes of scikit-learn's."""
    _copy(model, converted, (*NETWORK, "coefs_", "intercepts_"))
    if hasattr(model, "classes_"):
        binarizer = model._label_binarizer
        converted._sparse_labels = bool(binarizer.sparse_input_)
        converted.multilabel_ = binarizer.y_type_.startswith("multilabel")
    curve = getattr(model, "loss_curve_", [])
    unknown = np.full(len(curve), np.nan)
    history = {"loss": np.array(curve), "gradient_norm": unknown, "learning_rate": unknown.copy()}
    history["seconds"] = unknown.copy()
    if getattr(model, "validation_scores_", None):
        history["validation_loss"] = unknown.copy()
        history["validation_score"] = np.array(model.validation_scores_)
    converted.history_ = history
    converted.loss_curve_ = list(history["loss"])
    optimizer = getattr(model, "_optimizer", None)
    if optimizer is None:
        return
    state = NetworkState(converted.coefs_, converted.intercepts_)
    state.n_epochs = len(curve)
    resume = _optimizer_from(optimizer, state)
    scored = model.best_validation_score_ is not None
    converted._resume = {
        "state": state,
        "early_stopping": scored,
        # The core looks for the least, so it keeps scores with a minus.
        "best": float(-model.best_validation_score_ if scored else model.best_loss_),
        "stale": int(model._no_improvement_count),
        **resume,
    }


def _optimizer_from(theirs: Any, state: NetworkState) -> dict[str, Any]:
    """Return our optimizer and its rate; put the moments of scikit-learn's into the state."""
    layers = len(state.weights)

    def slot(arrays: list[Array], sign: int = 1) -> Layers:
        signed = [sign * array for array in arrays]
        return signed[:layers], signed[layers:]

    rate = float(theirs.learning_rate_init)
    if hasattr(theirs, "velocities"):
        # Ours is subtracted, theirs added.
        state.slots = [slot(theirs.velocities, -1)]
        optimizer = Momentum(rate, theirs.momentum, "step", bool(theirs.nesterov))
        divided = theirs.learning_rate if theirs.lr_schedule == "adaptive" else rate
        return {"optimizer": optimizer, "base_rate": float(divided)}
    state.slots, state.n_steps = [slot(theirs.ms), slot(theirs.vs)], int(theirs.t)
    adam = Adam(rate, theirs.beta_1, theirs.beta_2, theirs.epsilon, epsilon_hat=True)
    return {"optimizer": adam, "base_rate": rate}


def _network_to(estimator: Any, converted: Any) -> None:
    """Give scikit-learn's perceptron the fitted attributes of ours."""
    from sklearn.preprocessing import LabelBinarizer

    weights, biases = given_layers(estimator)
    _copy(estimator, converted, NETWORK)
    # Arrays that can be stepped in place, as scikit-learn does it.
    converted.coefs_ = [np.array(w, order="C") for w in weights]
    converted.intercepts_ = [np.array(b) for b in biases]
    # The same arrays, as after a fit there: its next one steps both.
    converted._best_coefs, converted._best_intercepts = converted.coefs_, converted.intercepts_
    if hasattr(estimator, "classes_"):
        labels = estimator.classes_
        if estimator.multilabel_:
            labels = np.eye(estimator.n_outputs_, dtype=int)  # an indicator of several labels
            labels = csr_matrix(labels) if estimator._sparse_labels else labels
        converted._label_binarizer = LabelBinarizer().fit(labels)
    if estimator._solver() == "lbfgs":  # which has no epochs there
        for name in ("loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"):
            converted.__dict__.pop(name, None)
        return
    resume = getattr(estimator, "_resume", None)
    converted._no_improvement_count = 0 if resume is None else int(resume["stale"])
    if resume is None:
        return
    if not resume["early_stopping"]:
        converted.best_loss_ = np.float64(resume["best"])  # in the units that tol is compared in
    if estimator.optimizer is None and resume["optimizer"] == estimator._optimizer():
        converted._optimizer = _optimizer_to(estimator, resume, converted)


def _optimizer_to(estimator: Any, resume: dict[str, Any], converted: Any) -> Any:
    """Return scikit-learn's optimizer with the state of ours."""
    from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

    parameters = converted.coefs_ + converted.intercepts_
    state, optimizer = resume["state"], resume["optimizer"]
    slots = [[*w, *b] for w, b in state.slots]
    if estimator.solver == "adam":
        adam = AdamOptimizer(
            parameters,
            optimizer.learning_rate,
            optimizer.beta_1,
            optimizer.beta_2,
            optimizer.epsilon,
        )
        adam.t = state.n_steps
        adam.ms, adam.vs = ([array.copy() for array in slot] for slot in slots)
        return adam
    sgd = SGDOptimizer(
        parameters,
        optimizer.learning_rate,
        estimator.learning_rate,
        optimizer.momentum,
        optimizer.nesterov,
        estimator.power_t,
    )
    sgd.velocities = [-array for array in slots[0]]
    sgd.learning_rate = resume["base_rate"]
    sgd.iteration_ends(estimator.t_)  # the rate of "invscaling"
    return sgd


# ---------------------------------------------------------------- linear models

# Those whose predictions are X coef + intercept, and those with probabilities as ours.
REGRESSORS = (
    "LinearRegression",
    "Ridge",
    "RidgeCV",
    "Lasso",
    "LassoCV",
    "ElasticNet",
    "ElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskElasticNet",
    "HuberRegressor",
    "QuantileRegressor",
    "SGDRegressor",
)
CLASSIFIERS = ("LogisticRegression", "LogisticRegressionCV", "SGDClassifier")


class LinearConversion:
    """``from_sklearn`` and ``to_sklearn`` of the linear models."""

    @classmethod
    def from_sklearn(cls: Any, model: Any) -> Any:
        """Return a fitted linear model of scikit-learn's as one of steepest's, with equal predictions.

        Of its parameters ``fit_intercept`` and ``warm_start`` are taken over; penalties and solvers have other
        meanings here. ``partial_fit``, and ``fit`` with ``warm_start``, go on from the coefficients.

        Parameters
        ----------
        model : fitted linear model of scikit-learn
            For LinearRegression: LinearRegression, Ridge, Lasso, ElasticNet (and those with CV), MultiTaskLasso,
            MultiTaskElasticNet, HuberRegressor, QuantileRegressor or SGDRegressor. For LogisticRegression:
            LogisticRegression, LogisticRegressionCV or SGDClassifier, if it has the same probabilities.

        Returns
        -------
        LinearRegression or LogisticRegression

        Raises
        ------
        TypeError
            If the model is of another class.
        ValueError
            If its probabilities are others.
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        """
        from sklearn import linear_model

        classifies = issubclass(cls, ClassifierMixin)
        names = CLASSIFIERS if classifies else REGRESSORS
        _require_class(model, [getattr(linear_model, name) for name in names], cls)
        check_is_fitted(model)
        if classifies:
            _require_softmax(model)
        converted = cls(fit_intercept=model.fit_intercept)
        converted.warm_start = getattr(model, "warm_start", False)
        _copy(model, converted, (*FEATURES, "classes_"))
        coef = model.coef_
        coef = (
            coef.toarray() if hasattr(coef, "toarray") else np.array(coef)
        )  # sparsify() makes it so
        intercept = np.broadcast_to(model.intercept_, coef.shape[:-1] or (1,)).astype(coef.dtype)
        converted.out_activation_ = "identity"
        if classifies:
            converted.out_activation_ = "logistic" if len(coef) == 1 else "softmax"
        converted.coef_ = coef
        converted.intercept_ = intercept if coef.ndim == 2 else float(intercept[0])
        return converted

    def to_sklearn(self: Any) -> Any:
        """Return a fitted model as scikit-learn's of the same name, with equal predictions.

        Of the parameters ``fit_intercept`` and ``warm_start`` are taken over; others have other meanings there.

        Returns
        -------
        sklearn.linear_model.LinearRegression or LogisticRegression

        Raises
        ------
        ValueError
            If that class would predict otherwise.
        sklearn.exceptions.NotFittedError
            If the model is not fitted.
        """
        from sklearn import linear_model

        require_fitted(self)
        _require_own_loss(self)
        if hasattr(self, "classes_"):
            converted = linear_model.LogisticRegression(
                fit_intercept=self.fit_intercept, warm_start=self.warm_start
            )
            converted.n_iter_ = np.array([getattr(self, "n_iter_", 0)], dtype=np.int32)
        else:
            converted = linear_model.LinearRegression(fit_intercept=self.fit_intercept)
        _copy(self, converted, (*FEATURES, "classes_", "coef_", "intercept_"))
        return converted


def _require_softmax(model: Any) -> None:
    """Raise unless probabilities are softmax's, or for two classes the logistic function's."""
    given = model.get_params(deep=False)
    two = len(model.classes_) == 2
    loss, solver = given.get("loss", "log_loss"), given.get("solver")
    scheme = given.get("multi_class", "auto")  # until scikit-learn 1.7
    one_against_rest = "loss" in given or solver == "liblinear" or scheme == "ovr"
    if loss != "log_loss":
        raise ValueError(f"model has loss={loss!r}, but LogisticRegression has 'log_loss'")
    if (not two and one_against_rest) or (two and scheme == "multinomial"):
        raise ValueError(
            f"model, a {type(model).__name__} of {len(model.classes_)} classes, has other probabilities than "
            f"{'the logistic function' if two else 'softmax'} gives"
        )


def _require_own_loss(estimator: Any) -> None:
    """Raise if a linear model's loss makes other predictions of X coef + intercept than scikit-learn's class."""
    # What was fitted decides; ``loss`` where coefficients were put in by hand.
    activation, loss = getattr(estimator, "out_activation_", None), estimator.loss
    if hasattr(estimator, "classes_"):
        if activation == "identity" or (activation is None and not means(loss, LogLoss)):
            raise ValueError(
                "scikit-learn's LogisticRegression has the logistic loss, but the model was fitted with another: "
                f"loss is {loss!r}"
            )
    elif activation == "exp" or (activation is None and means(loss, Poisson)):
        raise ValueError(
            "scikit-learn's LinearRegression predicts X coef + intercept, but of a model fitted with "
            "loss='poisson' its exp is the prediction; sklearn.linear_model.PoissonRegressor is such a model"
        )


# ---------------------------------------------------------------- polynomials


MOST_TERMS = 1_000_000  # of PolynomialFeatures, most of them 0


class PolynomialConversion:
    """``to_sklearn`` of a polynomial."""

    def to_sklearn(self: Any) -> Any:
        """Return a fitted polynomial of the monomial basis as scikit-learn's pipeline, with equal predictions.

        Its steps are MinMaxScaler, which maps ``domain_`` onto [-1, 1], PolynomialFeatures and LinearRegression,
        where terms that ``interaction_order`` leaves out have the coefficient 0.

        Returns
        -------
        sklearn.pipeline.Pipeline
            For X of shape (n, n_features).

        Raises
        ------
        ValueError
            If the basis is another: PolynomialFeatures has monomials alone, and writing the polynomial in them
            would lose digits.
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        """
        from sklearn import linear_model, pipeline, preprocessing

        require_fitted(self)
        _require_own_loss(self)
        if self.basis_ != "monomial":
            raise ValueError(
                f"scikit-learn's PolynomialFeatures has monomials alone, but basis is {self.basis_!r}; fit with "
                "basis='monomial' to convert"
            )
        d = self.n_features_in_
        powers = np.arange(self.coef_.shape[-1])[:, None] if d == 1 else self.powers_
        degree = int(powers.sum(axis=1).max())
        only = degree > 1 and int(powers.max()) == 1
        # The ends of the domain are all that the scaler asks of its data.
        scaler = preprocessing.MinMaxScaler((-1, 1)).fit(np.reshape(self.domain_, (d, 2)).T)
        if (terms := count_terms(d, degree, None, only)) > MOST_TERMS:
            raise ValueError(
                f"scikit-learn's PolynomialFeatures knows no interaction_order, and without it there are {terms:,} "
                f"terms of degree {degree}; up to {MOST_TERMS:,} are converted"
            )
        features = preprocessing.PolynomialFeatures(degree, interaction_only=only)
        features.fit(np.zeros((1, d)))
        line = linear_model.LinearRegression(fit_intercept=False)
        line.coef_, line.intercept_ = _placed(self.coef_, powers, features.powers_), 0.0
        line.n_features_in_ = len(features.powers_)
        _copy(self, scaler, FEATURES)
        return pipeline.make_pipeline(scaler, features, line)


def _placed(coef: Array, powers: Array, among: Array) -> Array:
    """Return coefficients (..., n_terms) in the places that their terms have among others, and 0 elsewhere."""
    place = {row.tobytes(): t for t, row in enumerate(among.astype(np.int64))}
    placed = np.zeros((*coef.shape[:-1], len(among)))
    placed[..., [place[row.tobytes()] for row in powers.astype(np.int64)]] = coef
    return placed
