"""What a fitted model tells of itself: shape, ending, losses, rate, curvature, layers, advice."""

from __future__ import annotations

import html
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from steepest._validate import Array
from steepest.estimators.advice import (
    Curvature,
    Finding,
    NetworkProblem,
    Problem,
    about_condition,
    about_dead_units,
    about_features,
    about_rate,
    about_targets,
    dead_units,
    hidden_activations,
    is_too_fast,
    limit_in_words,
    problem_on,
    stable_rate,
)
from steepest.estimators.base import Data, check_inputs, check_weights, require_fitted
from steepest.losses import Loss
from steepest.stopping import MESSAGES


@dataclass(frozen=True)
class LayerReport:
    """One layer of a model.

    Attributes
    ----------
    shape : tuple (n_in, n_out)
    activation : str
        What its output goes through.
    weight_norm, bias_norm : float
        Euclidean norms.
    zeros : float
        The share of the weights that are exactly 0.
    dead : int or None
        How many of its ReLU units are 0 on all rows of the X that was given; None if none was, or it has no ReLU.
    """

    shape: tuple[int, int]
    activation: str
    weight_norm: float
    bias_norm: float
    zeros: float
    dead: int | None = None


@dataclass(frozen=True)
class LossReport:
    """A column of the history: at its first record, its last, and its best (the least loss, the greatest score)."""

    first: float
    last: float
    best: float


@dataclass(frozen=True, repr=False)
class Report:
    """How a model was fitted; printed, it is a text. What is not known is None.

    Attributes
    ----------
    model : str
        The class.
    shape : tuple of int
        Features, hidden units of each layer, outputs; of a polynomial features, terms, outputs.
    n_parameters : int
        Weights and biases.
    dtype : str
        Of the parameters.
    status, message : str or None
        How the fit ended, and what that means (:mod:`steepest.stopping`).
    objective : str
        What is differentiated and reported, as a formula in words.
    loss, validation_loss, validation_score : LossReport or None
        Of the history.
    n_epochs : int or None
        ``n_iter_``.
    n_steps : int or None
        Of the last call; of a network's ``partial_fit`` those of all calls.
    seconds : float or None
        Of the last call, measured in the descent.
    optimizer : Optimizer or None
        What took the steps; None for L-BFGS, and where it is not known.
    state_size : int or None
        Numbers in the optimizer's state.
    batch_size : int or None
        Rows for each step.
    learning_rate : float or None
        Of the last step.
    automatic : bool
        Whether ``learning_rate="auto"`` has computed the optimizer.
    curvature : Curvature or None
        Of the objective: ``largest``, ``least``, ``condition_number``, and how they are known.
    limit : float or None
        The rate beyond which this optimizer diverges at that curvature: 2/L for plain descent.
    gradient_norm : float or None
        The last one recorded.
    layers : tuple of LayerReport
    score : float or None
        ``model.score(X, y)``, if both were given.
    findings : tuple of Finding
        Causes and advice, with their numbers.
    """

    model: str
    shape: tuple[int, ...]
    n_parameters: int
    dtype: str
    status: str | None
    message: str | None
    objective: str
    loss: LossReport | None
    validation_loss: LossReport | None
    validation_score: LossReport | None
    n_epochs: int | None
    n_steps: int | None
    seconds: float | None
    optimizer: Any
    state_size: int | None
    batch_size: int | None
    learning_rate: float | None
    automatic: bool
    curvature: Curvature | None
    limit: float | None
    gradient_norm: float | None
    layers: tuple[LayerReport, ...]
    score: float | None = None
    findings: tuple[Finding, ...] = field(default=())

    @property
    def condition_number(self) -> float | None:
        """The largest curvature over the smallest positive one, where both are known."""
        return None if self.curvature is None else self.curvature.condition_number

    def rows(self) -> list[tuple[str, str]]:
        """Return what is printed, as (name, text)."""
        shape = " - ".join(map(str, self.shape))
        found = [("model", f"{self.model} {shape}, {self.n_parameters} parameters, {self.dtype}")]
        if self.status is not None:
            found.append(("ended", f"{self.status}: {self.message}"))
        found.append(("objective", self.objective))
        for name in ("loss", "validation_loss", "validation_score"):
            column: LossReport | None = getattr(self, name)
            if column is not None:
                text = f"{column.first:.6g} -> {column.last:.6g}, best {column.best:.6g}"
                found.append((name.replace("_", " "), text))
        if self.score is not None:
            found.append(("score", f"{self.score:.6g} on the data given here"))
        found += [("length", text) for text in [self._length()] if text]
        found += [("optimizer", text) for text in [self._optimizer()] if text]
        if self.learning_rate is not None:
            found.append(("learning rate", self._rate()))
        if self.gradient_norm is not None:
            found.append(("gradient", f"norm {self.gradient_norm:.3g} at the last record"))
        if self.curvature is not None:
            found.append(("curvature", self._curvature()))
        for number, layer in enumerate(self.layers, 1):
            found.append((f"layer {number}", _layer_text(layer)))
        found += [("advice", finding.message) for finding in self.findings]
        return found

    def _length(self) -> str:
        parts = [
            f"{count} {name}"
            for count, name in ((self.n_epochs, "epochs"), (self.n_steps, "steps"))
            if count is not None
        ]
        if self.batch_size is not None:
            parts.append(f"batches of {self.batch_size} rows")
        if self.seconds is not None:
            parts.append(f"{self.seconds:.3g} s")
        return ", ".join(parts)

    def _optimizer(self) -> str:
        if self.optimizer is None:
            return ""
        text = in_short(self.optimizer)
        if self.state_size is not None:
            text += f", state of {self.state_size} numbers"
        return text

    def _rate(self) -> str:
        text = f"{self.learning_rate:.6g}"
        if self.automatic:
            text += ', computed by learning_rate="auto"'
        if self.limit is not None:
            text += f"; stable up to {limit_in_words(self.optimizer, self.limit)}"
        return text

    def _curvature(self) -> str:
        curvature = self.curvature
        assert curvature is not None
        text = f"L = {curvature.largest:.6g}, {curvature.source}"
        if curvature.condition_number is not None:
            text += f"; smallest {curvature.least:.4g}, condition number {curvature.condition_number:.4g}"
        return text

    def __str__(self) -> str:
        rows = self.rows()
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)

    def __repr__(self) -> str:
        return f"<Report of {self.model}: {self.status}, {len(self.findings)} findings>"

    def _repr_html_(self) -> str:
        lines = [
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
            for name, text in self.rows()
        ]
        return f"<table>{''.join(lines)}</table>"


class Reports:
    """``report`` of a fitted estimator."""

    def report(self, X: Any = None, y: Any = None, sample_weight: Any = None) -> Report:
        """Return how the model was fitted and what it is like, with causes and advice where it ended badly.

        Everything in it was recorded by the fit or is measured now; what is neither known is None. Printed, it is a
        text, and in a notebook a table.

        Parameters
        ----------
        X : array or sparse matrix, (n, d), optional
            Data to measure on, such as the training data: dead ReLU units, unscaled features.
        y : array, (n,) or (n, K), optional
            With X: also the score, and the curvature of the objective on these data, with the condition number of
            linear and polynomial least squares. For a network that is the largest curvature where it is now.
        sample_weight : array, (n,), optional
            Of the rows of X.

        Returns
        -------
        Report

        Raises
        ------
        NotFittedError
            If the model isn't fitted.
        ValueError, TypeError
            If ``y`` is given without ``X``, or data are not as for ``fit``.
        """
        require_fitted(self)
        if X is None and y is not None:
            raise ValueError("y belongs to X: give both, X alone or neither")
        return _Measured(self, X, y, sample_weight).report()


class _Measured:
    """A fitted model with the data that its report is measured on."""

    def __init__(self, model: Any, X: Any, y: Any, sample_weight: Any) -> None:
        self.model, self.X, self.y, self.sample_weight = model, X, y, sample_weight
        self.is_network = hasattr(model, "coefs_")
        self.ending: dict[str, Any] = vars(model).get("_ending", {})
        self.history: dict[str, Array] = getattr(model, "history_", {})
        self.inputs = None
        if X is not None and not hasattr(model, "basis_"):
            self.inputs = check_inputs(model, X, reset=False)
        self.problem: Problem | NetworkProblem | None = None
        if y is not None:
            self.problem = self._network() if self.is_network else self._convex()

    def report(self) -> Report:
        model, ending = self.model, self.ending
        layers = self.layers()
        curvature = self.curvature()
        optimizer = ending.get("optimizer")
        limit = None
        if optimizer is not None and curvature is not None:
            limit = stable_rate(optimizer, curvature.largest)
        status = getattr(model, "status_", None)
        parameters = self.parameters()
        n_parameters = sum(np.size(p) for p in parameters)
        batch = ending.get("batch_size")
        return Report(
            model=type(model).__name__,
            shape=self.shape(),
            n_parameters=n_parameters,
            dtype=str(np.result_type(*[np.asarray(p).dtype for p in parameters[:1]])),
            status=status,
            message=None if status is None else MESSAGES[status],
            objective=objective_of(model, optimizer),
            loss=_column(self.history, "loss", min),
            validation_loss=_column(self.history, "validation_loss", min),
            validation_score=_column(self.history, "validation_score", max),
            n_epochs=getattr(model, "n_iter_", None),
            n_steps=self.n_steps(),
            seconds=_last(self.history, "seconds"),
            optimizer=optimizer,
            state_size=None if optimizer is None else len(optimizer.slots) * n_parameters,
            batch_size=None if batch is None else batch or ending["n_rows"],
            learning_rate=_last(self.history, "learning_rate"),
            automatic=bool(ending.get("automatic", False)),
            curvature=curvature,
            limit=limit,
            gradient_norm=_last(self.history, "gradient_norm"),
            layers=tuple(layers),
            score=self.score(),
            findings=tuple(self.findings(curvature)),
        )

    def n_steps(self) -> int | None:
        steps: int | None = self.ending.get("n_steps")
        resume = vars(self.model).get("_resume")
        if steps is None and resume is not None:
            return int(resume["state"].n_steps)
        return steps

    def parameters(self) -> list[Any]:
        model = self.model
        if self.is_network:
            return [*model.coefs_, *model.intercepts_]
        if hasattr(model, "basis_"):
            return [model.coef_]
        return [model.coef_, *([model.intercept_] if model.fit_intercept else [])]

    def shape(self) -> tuple[int, ...]:
        model = self.model
        if self.is_network:
            return (*[int(w.shape[0]) for w in model.coefs_], int(model.coefs_[-1].shape[1]))
        outputs = np.atleast_2d(model.coef_).shape[0]
        if hasattr(model, "basis_"):
            return model.n_features_in_, np.atleast_2d(model.coef_).shape[1], outputs
        return model.n_features_in_, outputs

    def layers(self) -> list[LayerReport]:
        model = self.model
        last = str(getattr(model, "out_activation_", "identity"))
        if not self.is_network:
            coef = np.atleast_2d(model.coef_).T
            if hasattr(model, "basis_"):
                return [_layer(coef, coef[:0], last)]
            return [_layer(coef, np.atleast_1d(model.intercept_), last)]
        activations = [*hidden_activations(model), last]
        dead: list[int | None] = [None] * len(model.coefs_)
        if self.inputs is not None:
            counts = dead_units(model, self.inputs)
            if counts is not None:
                dead = [
                    k if kind == "relu" else None
                    for k, kind in zip([*counts[0], 0], activations, strict=True)
                ]
                dead[-1] = None
        parts = zip(model.coefs_, model.intercepts_, activations, dead, strict=True)
        return [_layer(np.asarray(w), np.asarray(b), kind, k) for w, b, kind, k in parts]

    def curvature(self) -> Curvature | None:
        if self.y is None:
            known: Curvature | None = self.ending.get("curvature")
            return known
        return None if self.problem is None else self.problem.curvature()

    def _convex(self) -> Problem | None:
        """Return the problem of fitting the model to the data, with what took the steps of its own fit."""
        problem = problem_on(self.model, self.X, self.y, self.sample_weight)
        if problem is None or not self.ending:
            return problem
        own = {name: self.ending[name] for name in ("optimizer", "batch_size", "automatic")}
        return replace(problem, **own)

    def _network(self) -> NetworkProblem:
        model, X = self.model, self.inputs
        assert X is not None
        targets = model._targets(self.y, X, reset=False)
        weights = check_weights(self.sample_weight, X, scaled=False)
        return NetworkProblem(model, Data(X, targets, model._training_weights(targets, weights, X)))

    def score(self) -> float | None:
        if self.y is None:
            return None
        return float(self.model.score(self.X, self.y, self.sample_weight))

    def findings(self, curvature: Curvature | None) -> list[Finding]:
        """Return what the fit has found, replaced by what these data say where they are given."""
        found = {finding.kind: finding for finding in self.ending.get("findings", ())}
        if self.inputs is not None:
            wants_scaling = self.is_network or not getattr(self.model, "standardize", True)
            for kind in ("features", "offset", "dead_units"):
                found.pop(kind, None)
            if wants_scaling:
                for finding in about_features(self.model, self.inputs, self.is_network):
                    found[finding.kind] = finding
            if self.is_network:
                dead = about_dead_units(self.model, self.inputs)
                if dead is not None:
                    found["dead_units"] = dead
        if isinstance(self.problem, NetworkProblem):
            found.pop("targets", None)
            targets = about_targets(self.model, self.problem.data.y)
            if targets is not None:
                found["targets"] = targets
        if self.ending and curvature is not None and self.problem is not None:
            self._about_the_end(found, curvature)
        return list(found.values())

    def _about_the_end(self, found: dict[str, Finding], curvature: Curvature) -> None:
        """Replace the causes of a descent's end by what the curvature on these data tells."""
        rate, norm = (_last(self.history, name) for name in ("learning_rate", "gradient_norm"))
        finding, status = None, getattr(self.model, "status_", None)
        if rate is None or self.problem is None:
            return
        is_limited = status in ("max_epochs", "max_steps", "max_seconds")
        losses = self.history.get("loss", ())
        if status == "diverged" or (
            is_limited and is_too_fast(self.problem, curvature, rate, losses)
        ):
            finding = about_rate(self.problem, curvature, rate)
        elif is_limited:
            finding = about_condition(self.problem, curvature, rate, norm or 0.0)
        if finding is not None:
            found[finding.kind] = finding


def in_short(optimizer: Any) -> str:
    """Return the optimizer with its learning rate, and what else is not the default, to six digits."""
    given = [(f.name, getattr(optimizer, f.name), f.default) for f in fields(optimizer)]
    parts = [
        f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value!r}"
        for name, value, default in given
        if name == "learning_rate" or value != default
    ]
    return f"{type(optimizer).__name__}({', '.join(parts)})"


def _layer(weights: Array, biases: Array, activation: str, dead: int | None = None) -> LayerReport:
    return LayerReport(
        (int(weights.shape[0]), int(weights.shape[1])),
        activation,
        _norm(weights),
        _norm(biases),
        float(np.mean(weights == 0)) if weights.size else 0.0,
        dead,
    )


def _norm(values: Array) -> float:
    return float(np.linalg.norm(np.asarray(values, dtype=np.float64).ravel()))


def _layer_text(layer: LayerReport) -> str:
    text = (
        f"{layer.shape[0]} x {layer.shape[1]} {layer.activation}, norm of weights {layer.weight_norm:.4g}, "
        f"of biases {layer.bias_norm:.4g}, {100 * layer.zeros:.3g} % zeros"
    )
    return text if layer.dead is None else f"{text}, {layer.dead} of {layer.shape[1]} units dead"


def _column(history: dict[str, Array], name: str, best: Any) -> LossReport | None:
    values = history.get(name)
    known = [] if values is None else [float(v) for v in values if not np.isnan(v)]
    return LossReport(known[0], known[-1], best(known)) if known else None


def _last(history: dict[str, Array], name: str) -> float | None:
    values = history.get(name)
    if values is None or not len(values) or np.isnan(values[-1]):
        return None
    return float(values[-1])


# ---------------------------------------------------------------- the objective in words


def objective_of(model: Any, optimizer: Any = None) -> str:
    """Return what the model's fit differentiates and reports, in words and with its numbers.

    With the penalties of the optimizer itself, if that is known.
    """
    if hasattr(model, "coefs_"):
        text = f"sum over the batch and the outputs of {_loss_of_network(model)}, divided by the rows B"
        strength = "alpha / B"
        norm = "|W|"
    else:
        over = "mean over the rows" if hasattr(model, "classes_") else "mean over rows and outputs"
        text = f"{over} of {_loss_in_words(model.loss)}"
        strength, norm = "alpha", "|w|"
    text += _penalty_in_words(model, strength, norm)
    if np.any(getattr(model, "group_lasso", 0.0)):
        text += (
            f" + lambda sum over the neurons of |W_j|, lambda = group_lasso = {model.group_lasso}"
        )
    for name, l2 in l2_of(optimizer):
        text += f" + l2 {norm}^2 / 2, l2 = {l2:.6g} of the optimizer{name}"
    if getattr(model, "standardize", False):
        text += "; in features of mean 0 and variance 1"
    if hasattr(model, "basis_"):
        text += f"; in the {model.basis_} basis"
        if np.shape(model.domain_) == (2,):
            text += f" on [{model.domain_[0]:.6g}, {model.domain_[1]:.6g}]"
    return text


def l2_of(optimizer: Any) -> list[tuple[str, float]]:
    """Return where the optimizer's own penalties hold, in words, and their strengths."""
    if optimizer is None:
        return []
    groups = [
        (f"'s group {k}", group.l2)
        for k, group in enumerate(optimizer.groups)
        if group.l2 is not None
    ]
    return [(name, float(l2)) for name, l2 in [("", optimizer.l2), *groups] if l2]


_WORDS = {
    "squared_error": "(f - y)^2",
    "absolute_error": "|f - y|",
    "poisson": "y log y - y - y f + exp f",
    "log_loss": "-log p of the class",
    "hinge": "max(1 - m, 0)",
    "squared_hinge": "max(1 - m, 0)^2",
    "perceptron": "max(-m, 0)",
}


def _loss_in_words(loss: Any) -> str:
    if isinstance(loss, Loss):
        return _WORDS.get(loss.word, repr(loss))
    return _WORDS.get(loss, f"the {loss} loss")


def _loss_of_network(model: Any) -> str:
    words = _loss_in_words(model.loss)
    return f"{words} / 2" if words == _WORDS["squared_error"] else words


def _penalty_in_words(model: Any, strength: str, norm: str) -> str:
    alpha, ratio = model.alpha, model.l1_ratio
    if not np.any(alpha):
        return ""
    squares = f"{norm}^2 / 2"
    if not np.any(ratio):
        return f" + {strength} {squares}, alpha = {alpha}"
    return f" + {strength} (rho {norm}_1 + (1 - rho) {squares}), alpha = {alpha}, rho = l1_ratio = {ratio}"
