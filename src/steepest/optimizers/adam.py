"""Adam and those that differ from it in one idea each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from steepest._validate import check_flag, check_number
from steepest.optimizers.base import Optimizer, check_decay, check_size

__all__ = ["AMSGrad", "AdaBelief", "Adam", "AdamW", "Adamax", "NAdam", "RAdam"]


@dataclass(frozen=True)
class Adam(Optimizer):
    r"""Adam: momentum and a step length of its own for each parameter, both corrected for their start at 0.

    .. math::
        m &\leftarrow \beta_1 m + (1-\beta_1) g, \qquad v \leftarrow \beta_2 v + (1-\beta_2) g^2 \\
        \hat m &= m/(1-\beta_1^t), \qquad \hat v = v/(1-\beta_2^t) \\
        x &\leftarrow x - \eta\,\hat m / (\sqrt{\hat v} + \varepsilon)

    Parameters
    ----------
    learning_rate : float, default 0.001
        :math:`\eta`; about the length of a step in each parameter.
    beta_1, beta_2 : float in [0, 1), default 0.9 and 0.999
        Decay of the two moments.
    epsilon : float, default 1e-8
        Added to the root, outside it, as torch does.
    epsilon_hat : bool, default False
        The folded form of the paper's section 2, :math:`\eta\sqrt{1-\beta_2^t}/(1-\beta_1^t)\; m/(\sqrt v +
        \varepsilon)`, which Keras and scikit-learn use. It is Adam with an epsilon of
        :math:`\varepsilon/\sqrt{1-\beta_2^t}`: 31.6 times larger at the first step, fading later.
    l2, weight_decay : float, default 0.0
        See :class:`Optimizer`.

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization".
    """

    learning_rate: float = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    epsilon_hat: bool = False

    _slots: ClassVar[tuple[str, ...]] = ("first_moment", "second_moment")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_decay(self, "beta_1", "beta_2")
        check_size(self, "epsilon")
        check_flag("epsilon_hat", self.epsilon_hat)


@dataclass(frozen=True)
class AdamW(Adam):
    r"""Adam with decoupled weight decay: the weights shrink first, and the moments never see it.

    .. math:: x \leftarrow (1 - \eta\lambda)\, x, \qquad\text{then Adam's step}

    In a network the decay leaves biases alone; used on bare arrays it applies to all of them.

    Parameters
    ----------
    learning_rate, beta_1, beta_2, epsilon, epsilon_hat
        As in :class:`Adam`.
    weight_decay : float, default 0.01
        :math:`\lambda`. It is multiplied by the current learning rate, as torch does.
    l2 : float, default 0.0
        See :class:`Optimizer`.

    References
    ----------
    Loshchilov and Hutter (2019), "Decoupled weight decay regularization".
    """

    weight_decay: float = field(default=0.01, kw_only=True)


@dataclass(frozen=True)
class AMSGrad(Adam):
    r"""Adam whose second moment never shrinks, so that its rates do not grow back.

    .. math::
        m &\leftarrow \beta_1 m + (1-\beta_1) g, \qquad v \leftarrow \beta_2 v + (1-\beta_2) g^2, \qquad
        u \leftarrow \max(u, v) \\
        x &\leftarrow x - \eta\,\frac{m}{1-\beta_1^t} \Big/ \Big(\sqrt{u/(1-\beta_2^t)} + \varepsilon\Big)

    Parameters
    ----------
    learning_rate, beta_1, beta_2, epsilon, epsilon_hat, l2, weight_decay
        As in :class:`Adam`. The folded form is Keras's, the other torch's.
    maximum : {"raw", "corrected"}, default "raw"
        What the maximum is of: v, as in torch and Keras, or :math:`\hat v = v/(1-\beta_2^t)`, as in optax, and then
        the root is :math:`\sqrt u + \varepsilon`.

    References
    ----------
    Reddi, Kale and Kumar (2018), "On the convergence of Adam and beyond", whose algorithm corrects neither moment.
    """

    maximum: Literal["raw", "corrected"] = "raw"

    _slots: ClassVar[tuple[str, ...]] = ("first_moment", "second_moment", "largest_moment")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.maximum not in ("raw", "corrected"):
            raise ValueError(f'maximum must be "raw" or "corrected", but is {self.maximum!r}')
        if self.maximum == "corrected" and self.epsilon_hat:
            raise ValueError('epsilon_hat must be False with maximum="corrected"')


@dataclass(frozen=True)
class Adamax(Optimizer):
    r"""Adam with the largest of the recent gradients in place of their root mean square.

    .. math::
        m \leftarrow \beta_1 m + (1-\beta_1) g, \qquad u \leftarrow \max(\beta_2 u, |g| + \varepsilon), \qquad
        x \leftarrow x - \frac{\eta}{1-\beta_1^t}\, m / u

    Parameters
    ----------
    learning_rate : float, default 0.002
        :math:`\eta`.
    beta_1, beta_2 : float in [0, 1), default 0.9 and 0.999
        Decay of the mean and of the maximum.
    epsilon : float, default 1e-8
        Against division by 0.
    epsilon_inside : bool, default True
        Inside the maximum, as torch and optax do; else :math:`u \leftarrow \max(\beta_2 u, |g|)` and the division
        is by :math:`u + \varepsilon`, as Keras does.
    l2, weight_decay : float, default 0.0
        See :class:`Optimizer`.

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization", section 7.1.
    """

    learning_rate: float = 2e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    epsilon_inside: bool = True

    _slots: ClassVar[tuple[str, ...]] = ("first_moment", "infinity_norm")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_decay(self, "beta_1", "beta_2")
        check_size(self, "epsilon")
        check_flag("epsilon_inside", self.epsilon_inside)


@dataclass(frozen=True)
class NAdam(Optimizer):
    r"""Adam with Nesterov's momentum: the step is made with the mean that the next gradient would meet.

    .. math::
        m &\leftarrow \beta_1 m + (1-\beta_1) g, \qquad v \leftarrow \beta_2 v + (1-\beta_2) g^2, \qquad
        \mu_t = \beta_1 \Big(1 - \tfrac12\, 0.96^{\psi t}\Big) \\
        \hat m &= \frac{\mu_{t+1}}{1 - \prod_{i=1}^{t+1} \mu_i}\, m + \frac{1-\mu_t}{1 - \prod_{i=1}^t \mu_i}\, g,
        \qquad x \leftarrow x - \eta\,\hat m / \Big(\sqrt{v/(1-\beta_2^t)} + \varepsilon\Big)

    Parameters
    ----------
    learning_rate : float, default 0.002
        :math:`\eta`.
    beta_1, beta_2 : float in [0, 1), default 0.9 and 0.999
        Decay of the two moments.
    epsilon : float, default 1e-8
        Added to the root, outside it.
    momentum_decay : float or None, default 0.004
        :math:`\psi`: 0.004 in torch and in Dozat's text, 1 in Keras. None is optax's form, in which :math:`\mu_t =
        \beta_1` throughout.
    l2, weight_decay : float, default 0.0
        See :class:`Optimizer`.

    References
    ----------
    Dozat (2016), "Incorporating Nesterov momentum into Adam".
    """

    learning_rate: float = 2e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    momentum_decay: float | None = 4e-3

    _slots: ClassVar[tuple[str, ...]] = ("first_moment", "second_moment")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_decay(self, "beta_1", "beta_2")
        check_size(self, "epsilon")
        if self.momentum_decay is not None:
            check_number("momentum_decay", self.momentum_decay, low=0.0, finite=True)


@dataclass(frozen=True)
class RAdam(Optimizer):
    r"""Adam that begins as descent with momentum, until the second moment is worth something.

    .. math::
        m &\leftarrow \beta_1 m + (1-\beta_1) g, \qquad v \leftarrow \beta_2 v + (1-\beta_2) g^2, \qquad
        \hat m = m/(1-\beta_1^t) \\
        \rho_\infty &= \frac{2}{1-\beta_2} - 1, \qquad \rho_t = \rho_\infty - \frac{2 t \beta_2^t}{1-\beta_2^t},
        \qquad r_t = \sqrt{\frac{(\rho_t-4)(\rho_t-2)\rho_\infty}{(\rho_\infty-4)(\rho_\infty-2)\rho_t}} \\
        x &\leftarrow x - \eta\, r_t\, \hat m \Big/ \Big(\sqrt{v/(1-\beta_2^t)} + \varepsilon\Big)
        \text{ where } \rho_t > 5, \text{ else } x - \eta\,\hat m

    Parameters
    ----------
    learning_rate : float, default 0.001
        :math:`\eta`.
    beta_1, beta_2 : float in [0, 1), default 0.9 and 0.999
        Decay of the two moments.
    epsilon : float, default 1e-8
        Added to the root, outside it.
    epsilon_hat : bool, default False
        Add it to the root of v before that is corrected, :math:`\sqrt{1-\beta_2^t}\,/\,(\sqrt v + \varepsilon)`, as
        torch does; optax does not.
    threshold : float, at least 4, default 5.0
        What :math:`\rho_t` must be above; 4 in the paper, 5 in torch and optax.
    l2, weight_decay : float, default 0.0
        See :class:`Optimizer`.

    References
    ----------
    Liu, Jiang, He, Chen, Liu, Gao and Han (2020), "On the variance of the adaptive learning rate and beyond".
    """

    learning_rate: float = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    epsilon_hat: bool = False
    threshold: float = 5.0

    _slots: ClassVar[tuple[str, ...]] = ("first_moment", "second_moment")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_decay(self, "beta_1", "beta_2")
        check_size(self, "epsilon")
        check_flag("epsilon_hat", self.epsilon_hat)
        check_number("threshold", self.threshold, low=4.0, finite=True)


@dataclass(frozen=True)
class AdaBelief(Optimizer):
    r"""Adam whose steps are long where gradients are as their mean said: it divides by their spread around it.

    .. math::
        m &\leftarrow \beta_1 m + (1-\beta_1) g, \qquad
        s \leftarrow \beta_2 s + (1-\beta_2) (g - m)^2 + \varepsilon_s \\
        x &\leftarrow x - \eta\,\frac{m}{1-\beta_1^t} \Big/ \Big(\sqrt{s/(1-\beta_2^t)} + \varepsilon\Big)

    Parameters
    ----------
    learning_rate : float, default 0.001
        :math:`\eta`.
    beta_1, beta_2 : float in [0, 1), default 0.9 and 0.999
        Decay of the mean and of the spread.
    epsilon : float, default 1e-16
        Added to the root, outside it.
    epsilon_root : float, default 1e-16
        :math:`\varepsilon_s`, added to the spread at each step. Both defaults are optax's.
    l2, weight_decay : float, default 0.0
        See :class:`Optimizer`.

    References
    ----------
    Zhuang, Tang, Ding, Tatikonda, Dvornek, Papademetris and Duncan (2020), "AdaBelief optimizer: adapting stepsizes
    by the belief in observed gradients".
    """

    learning_rate: float = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-16
    epsilon_root: float = 1e-16

    _slots: ClassVar[tuple[str, ...]] = ("first_moment", "spread")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_decay(self, "beta_1", "beta_2")
        check_size(self, "epsilon", "epsilon_root")
