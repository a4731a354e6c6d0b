r"""Losses: what a model pays for a prediction f where y was right.

A loss is a frozen dataclass, given to an estimator as ``loss=``; scikit-learn's word for it means the object with
its defaults::

    MLPRegressor(loss="huber")
    MLPRegressor(loss=steepest.losses.Huber(delta=0.5))

Each class states the loss l(f, y) of one entry. An estimator states in its own docstring how it adds them up: what
is reported is what is differentiated. Where l has a kink the derivative that is used there is named.

===================================== =============================== =======================================
for numbers                           word                            l, with r = f - y
===================================== =============================== =======================================
:class:`SquaredError`                 "squared_error"                 r^2
:class:`AbsoluteError`                "absolute_error"                ``|r|``
:class:`Huber`                        "huber"                         r^2 / 2, linear from delta on
:class:`Quantile`                     "quantile"                      (1 - q) max(r, 0) + q max(-r, 0)
:class:`Poisson`                      "poisson"                       y log y - y - y f + exp f
:class:`EpsilonInsensitive`           "epsilon_insensitive"           max(``|r|`` - epsilon, 0)
:class:`SquaredEpsilonInsensitive`    "squared_epsilon_insensitive"   max(``|r|`` - epsilon, 0)^2
===================================== =============================== =======================================

===================================== =============================== =======================================
for classes                           word                            l, with m = f for the class, -f against it
===================================== =============================== =======================================
:class:`LogLoss`                      "log_loss"                      log(1 + exp(-m))
:class:`Hinge`                        "hinge"                         max(1 - m, 0)
:class:`SquaredHinge`                 "squared_hinge"                 max(1 - m, 0)^2
:class:`ModifiedHuber`                "modified_huber"                max(1 - m, 0)^2, linear below -1
:class:`Perceptron`                   "perceptron"                    max(-m, 0)
===================================== =============================== =======================================
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, TypeVar

from steepest import _native
from steepest._validate import Array, check_number, float_type, numeric_array, plain

__all__ = [
    "AbsoluteError",
    "ClassificationLoss",
    "EpsilonInsensitive",
    "Hinge",
    "Huber",
    "LogLoss",
    "Loss",
    "ModifiedHuber",
    "Perceptron",
    "Poisson",
    "Quantile",
    "RegressionLoss",
    "SquaredEpsilonInsensitive",
    "SquaredError",
    "SquaredHinge",
]

Self = TypeVar("Self", bound="RegressionLoss")


@dataclass(frozen=True)
class Loss:
    """What every loss has in common.

    Attributes
    ----------
    word : str
        Its name as a string.
    curvature : float or None
        The largest second derivative; None where there is no bound, or a kink.
    """

    word: ClassVar[str]
    curvature: ClassVar[float | None] = None
    _kind: ClassVar[str]  # the core's name

    def config(self) -> str | dict[str, Any]:
        """Return the loss as the compiled core reads it."""
        parameters = {field.name: float(getattr(self, field.name)) for field in fields(self)}
        return {"kind": self._kind, **parameters} if parameters else self._kind

    def value(self, prediction: Any, target: Any) -> Array:
        """Return l of each entry.

        Parameters
        ----------
        prediction, target : array of equal shape
            f and y; for classes the target is 1 where it is the output's class, and 0 where not.

        Returns
        -------
        array of float64

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        return self._terms(prediction, target)[0]

    def derivative(self, prediction: Any, target: Any) -> Array:
        """Return dl/df of each entry, in the dtype of the arrays; arguments as in :meth:`value`."""
        return self._terms(prediction, target)[1]

    def _terms(self, prediction: Any, target: Any) -> tuple[Array, Array]:
        f, y = numeric_array("prediction", prediction), numeric_array("target", target)
        if f.shape != y.shape:
            raise ValueError(
                f"prediction has shape {f.shape} and target has shape {y.shape}: they must be equal"
            )
        dtype = float_type(f, y)
        terms: tuple[Array, Array] = _native.core.loss_terms(
            plain(f, dtype), plain(y, dtype), self.config()
        )
        return terms


@dataclass(frozen=True)
class RegressionLoss(Loss):
    r"""A loss for numbers.

    Attributes
    ----------
    degree : int
        With y, f and the loss's parameter in another unit, c times as large, the loss is c**degree as large.
    """

    degree: ClassVar[int]

    def in_unit(self: Self, unit: float) -> Self:
        """Return the loss for numbers that have been divided by ``unit``."""
        return self


@dataclass(frozen=True)
class SquaredError(RegressionLoss):
    r"""The square :math:`r^2` of r = f - y: least at the mean.

    :class:`~steepest.MLPRegressor` minimises half of it, as scikit-learn's does.

    References
    ----------
    Legendre (1805), "Nouvelles méthodes pour la détermination des orbites des comètes".
    """

    word, curvature, degree, _kind = "squared_error", 2.0, 2, "squared"


@dataclass(frozen=True)
class AbsoluteError(RegressionLoss):
    r"""The magnitude :math:`|r|` of r = f - y: least at the median. The derivative at r = 0 is 0.

    References
    ----------
    Laplace (1793); Koenker and Bassett (1978), "Regression quantiles".
    """

    word, degree, _kind = "absolute_error", 1, "absolute"


@dataclass(frozen=True)
class Huber(RegressionLoss):
    r"""Squared near 0 and linear in the tails, so that outliers pull no harder than delta.

    .. math:: l = r^2/2 \;\text{ for } |r| \le \delta, \qquad \delta\,(|r| - \delta/2) \;\text{ beyond}

    scikit-learn's ``HuberRegressor`` estimates a scale as well, of which its ``epsilon`` is a multiple;
    its ``SGDRegressor(loss="huber")`` is this loss with delta = ``epsilon``.

    Parameters
    ----------
    delta : float, default 1.35
        Positive, in the unit of y. 1.35 standard deviations of a normal noise give 95 % of the mean's efficiency.

    References
    ----------
    Huber (1964), "Robust estimation of a location parameter".
    """

    delta: float = 1.35

    word, curvature, degree, _kind = "huber", 1.0, 2, "huber"

    def __post_init__(self) -> None:
        check_number("delta", self.delta, above=0.0, finite=True)

    def in_unit(self, unit: float) -> Huber:
        """Return the loss for numbers that have been divided by ``unit``."""
        return replace(self, delta=self.delta / unit)


@dataclass(frozen=True)
class Quantile(RegressionLoss):
    r"""The pinball loss, least at the quantile q of y: :math:`(1-q)\max(r, 0) + q\max(-r, 0)`.

    As in ``sklearn.metrics.mean_pinball_loss``; at q = 1/2 it is half the absolute error. The derivative at r = 0
    is 0.

    Parameters
    ----------
    quantile : float, default 0.5
        q, strictly between 0 and 1.

    References
    ----------
    Koenker and Bassett (1978), "Regression quantiles".
    """

    quantile: float = 0.5

    word, degree, _kind = "quantile", 1, "quantile"

    def __post_init__(self) -> None:
        check_number("quantile", self.quantile, above=0.0, below=1.0)


@dataclass(frozen=True)
class Poisson(RegressionLoss):
    r"""Half the Poisson deviance of the mean :math:`\mu = e^f`: :math:`y\log(y/\mu) - y + \mu`, for y >= 0.

    f is the logarithm of the prediction, which is exp(f). 0 log 0 = 0.

    References
    ----------
    Nelder and Wedderburn (1972), "Generalized linear models".
    """

    word, degree, _kind = "poisson", 1, "poisson"


@dataclass(frozen=True)
class EpsilonInsensitive(RegressionLoss):
    r"""The magnitude of r = f - y beyond a tolerance: :math:`\max(|r| - \epsilon, 0)`.

    The loss of support vector regression. The derivative at :math:`|r| = \epsilon` is 0.

    Parameters
    ----------
    epsilon : float, default 0.1
        Not negative, in the unit of y.

    References
    ----------
    Vapnik (1995), "The nature of statistical learning theory".
    """

    epsilon: float = 0.1

    word, degree, _kind = "epsilon_insensitive", 1, "epsilon_insensitive"

    def __post_init__(self) -> None:
        check_number("epsilon", self.epsilon, low=0.0, finite=True)

    def in_unit(self, unit: float) -> EpsilonInsensitive:
        """Return the loss for numbers that have been divided by ``unit``."""
        return replace(self, epsilon=self.epsilon / unit)


@dataclass(frozen=True)
class SquaredEpsilonInsensitive(RegressionLoss):
    r"""The square beyond a tolerance: :math:`\max(|r| - \epsilon, 0)^2`, r = f - y.

    Parameters
    ----------
    epsilon : float, default 0.1
        Not negative, in the unit of y.

    References
    ----------
    Vapnik (1995), "The nature of statistical learning theory".
    """

    epsilon: float = 0.1

    word, curvature, degree = "squared_epsilon_insensitive", 2.0, 2
    _kind = "squared_epsilon_insensitive"

    def __post_init__(self) -> None:
        check_number("epsilon", self.epsilon, low=0.0, finite=True)

    def in_unit(self, unit: float) -> SquaredEpsilonInsensitive:
        """Return the loss for numbers that have been divided by ``unit``."""
        return replace(self, epsilon=self.epsilon / unit)


@dataclass(frozen=True)
class ClassificationLoss(Loss):
    """A loss for classes, a function of the margin m: f for the class that an output stands for, -f against it.

    Of two classes there is one output, of more one for each, told from the rest; but see :class:`LogLoss`.
    """


@dataclass(frozen=True)
class LogLoss(ClassificationLoss):
    r"""Cross-entropy, the logarithm of the probability of what was observed.

    For one output, and for several labels, :math:`\log(1 + e^{-m})`, computed from f without overflow. Of more than
    two classes the outputs are the logits of a softmax, and the loss is
    :math:`\log\sum_k e^{f_k} - f_c` for the class c. The only loss here whose outputs are calibrated.

    References
    ----------
    Cox (1958), "The regression analysis of binary sequences".
    """

    word, curvature, _kind = "log_loss", 0.25, "logistic"


@dataclass(frozen=True)
class Hinge(ClassificationLoss):
    r"""The loss of support vector machines, :math:`\max(1 - m, 0)`. dl/dm at m = 1 is -1, as below it.

    References
    ----------
    Cortes and Vapnik (1995), "Support-vector networks".
    """

    word, _kind = "hinge", "hinge"


@dataclass(frozen=True)
class SquaredHinge(ClassificationLoss):
    r"""The square of the hinge, :math:`\max(1 - m, 0)^2`.

    References
    ----------
    Cortes and Vapnik (1995), "Support-vector networks".
    """

    word, curvature, _kind = "squared_hinge", 2.0, "squared_hinge"


@dataclass(frozen=True)
class ModifiedHuber(ClassificationLoss):
    r"""The squared hinge with a linear tail: :math:`\max(1 - m, 0)^2` for m >= -1, :math:`-4m` below.

    (f + 1) / 2, cut off to [0, 1], estimates the probability of the class.

    References
    ----------
    Zhang (2004), "Statistical behavior and consistency of classification methods based on convex risk
    minimization".
    """

    word, curvature, _kind = "modified_huber", 2.0, "modified_huber"


@dataclass(frozen=True)
class Perceptron(ClassificationLoss):
    r"""The loss of Rosenblatt's perceptron, :math:`\max(-m, 0)`. dl/dm at m = 0 is -1, as below it.

    Any multiple of parameters that separate the classes is a minimum, and so is 0, at which descent starts: what is
    found depends on the optimizer.

    References
    ----------
    Rosenblatt (1958), "The perceptron".
    """

    word, _kind = "perceptron", "perceptron"


_WORDS: dict[type[Loss], dict[str, type[Loss]]] = {
    family: {loss.word: loss for loss in losses}
    for family, losses in {
        RegressionLoss: (
            SquaredError,
            AbsoluteError,
            Huber,
            Quantile,
            Poisson,
            EpsilonInsensitive,
            SquaredEpsilonInsensitive,
        ),
        ClassificationLoss: (LogLoss, Hinge, SquaredHinge, ModifiedHuber, Perceptron),
    }.items()
}


def loss_named(word: str, **parameters: float) -> Loss:
    """Return the loss of a word with these parameters."""
    for words in _WORDS.values():
        if word in words:
            return words[word](**parameters)
    raise ValueError(f"there is no loss {word!r}")


def means(loss: Any, *kinds: type[Loss]) -> bool:
    """Whether a word or an object means a loss of one of these classes; anything else doesn't."""
    return isinstance(loss, kinds) or loss in [kind.word for kind in kinds]


Family = TypeVar("Family", bound=Loss)


def check_loss(loss: Any, family: type[Family]) -> Family:
    """Return the loss that a word or an object means, or raise: it must be of this family."""
    words = _WORDS[family]
    found = words[loss]() if isinstance(loss, str) and loss in words else loss
    if isinstance(found, family):
        return found
    listed = ", ".join(repr(word) for word in words)
    kind = "regression" if family is RegressionLoss else "classification"
    raise ValueError(
        f"loss must be one of {listed}, or an object of steepest.losses for {kind}, but is {loss!r}"
    )
