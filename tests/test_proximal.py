"""L1 penalties and the elastic net: every optimizer's proximal step, its fixed points, and exact zeros."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn import linear_model
from sklearn.utils.fixes import parse_version
from test_bits import FUSED, bits, needs_two, on
from test_descent import (
    BATCH,
    INPUTS,
    OPTIMIZERS,
    OUTPUTS,
    SEED,
    Reference,
    assert_same_parameters,
    compiled,
    dimensions,
    problem,
    without_decay,
)
from tolerances import assert_close, in_float64

import steepest as st
from steepest import reference as ref
from steepest.estimators.base import Data
from steepest.estimators.sparse import sparse_rows
from steepest.stopping import MaxEpochs, MaxSteps

TANH = {"hidden": "tanh", "output": "identity", "loss": "squared", "output_scale": 0.5}


class ProximalReference(Reference):
    """The model with a penalty of each layer: smooth gradient, proximal step, least subgradient."""

    def __init__(self, weights, biases, data, model):
        super().__init__(weights, biases, data, {**model, "l2": 0.0})
        self.l1, self.l2 = (
            np.broadcast_to(model.get(name, 0.0), len(weights)) for name in ("l1", "l2")
        )
        self.coupled = 0.0  # the optimizer's l2, a part of the objective

    def per_row(self, strengths, rows):
        return strengths / (len(self.X[rows]) if self.model.get("l2_per_row") else 1.0)

    def loss_gradient(self, theta, rows):
        """Return the loss and the gradient of all but the L1 penalty."""
        loss, gradient = super().loss_gradient(theta, rows)
        for layer, l2 in enumerate(self.per_row(self.l2, rows) + self.coupled):
            loss += l2 / 2 * np.sum(theta[layer] ** 2)
            gradient[layer] += l2 * theta[layer]
        return loss, gradient

    def objective(self, theta, rows):
        """Return the loss with all penalties, and its least subgradient."""
        rows = slice(None) if rows is None else rows
        loss, gradient = self.loss_gradient(theta, rows)
        for layer, strength in enumerate(self.per_row(self.l1, rows)):
            loss += strength * np.abs(theta[layer]).sum()
            gradient[layer] = ref.least_subgradient(theta[layer], gradient[layer], strength)
        return loss, gradient

    def steps(self, optimizer, epochs, batch_size=BATCH):
        """Return the parameters, losses and sizes of the gradient before each step, and where the last leads."""
        theta, split = [part.copy() for part in self.theta], self.layers
        of_biases = without_decay(optimizer)
        states = optimizer.init(theta[:split]), of_biases.init(theta[split:])
        path, losses, norms = [[part.copy() for part in theta]], [], []
        self.coupled, optimizer = optimizer.l2, replace(optimizer, l2=0.0)
        for epoch in range(epochs):
            for rows in ref.batches(len(self.X), batch_size, True, SEED, epoch):
                _, gradient = self.loss_gradient(theta, rows)
                loss, subgradient = self.objective(theta, rows)
                losses.append(loss)
                norms.append(
                    (
                        np.sqrt(sum(np.sum(g * g) for g in subgradient)),
                        max(np.abs(g).max() for g in subgradient),
                    )
                )
                l1 = self.per_row(self.l1, rows)
                ref.proximal_step(optimizer, theta[:split], gradient[:split], states[0], l1)
                ref.optimizer_step(of_biases, theta[split:], gradient[split:], states[1])
                path.append([part.copy() for part in theta])
        return path, losses, norms


def zeros(weights):
    return sum(int((w == 0).sum()) for w in weights)


# ---------------------------------------------------------------- step for step


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_step_is_the_reference_step(isa, rng, dtype, optimizer):
    widths = (INPUTS, 9, 4, OUTPUTS)
    weights, biases, data = problem(rng, dtype, widths=widths)
    model = {**TANH, "l1": [0.1, 0.0, 0.2], "l2": [0.1, 0.0, 0.3]}
    path, losses, _ = ProximalReference(weights, biases, data, model).steps(optimizer, epochs=3)
    for k in (0, 1, 4, 5, 6, 15):
        state, result = compiled(weights, biases, data, model, optimizer, stop=[MaxSteps(k)])
        assert_same_parameters(state, path[k], dtype, widths, k)
        if k == 1:
            inner = dimensions(widths, BATCH, 1)
            assert_close(result["history"]["loss"], losses[:1], dtype, "matmul chain", inner, 1.0)
    assert zeros([state.weights[0]]) > 0
    assert zeros([state.weights[1]]) == 0


@dataclass(frozen=True)
class Layout:
    """What decides how parameters lie and how the step is taken."""

    widths: tuple[int, ...]
    batch: int = BATCH
    rows: int = 37
    sparse: bool = False


LAYOUTS = {
    "small": Layout((5, 9, 4, 3)),
    "at once": Layout((20, 130, 70, 3)),
    "at once, several blocks of rows": Layout((20, 130, 33, 3), batch=600, rows=700),
    "small, several blocks of rows": Layout((5, 9, 3), batch=600, rows=700),
    "few inputs": Layout((3, 70, 2)),
    "stored transposed": Layout((150, 2, 17, 1)),
    "stored transposed, five outputs": Layout((150, 5)),
    "shallow": Layout((1, 12, 1)),
    "over the entries": Layout((200, 24, 3), sparse=True),
    "over the entries, transposed": Layout((200, 2), sparse=True),
}


def data_of(layout, rng, dtype):
    weights, biases, data = problem(rng, dtype, widths=layout.widths, rows=layout.rows)
    dense = data
    if layout.sparse:
        data.X[rng.random(data.X.shape) > 0.1] = 0
        data = Data(sparse_rows(sparse.csr_array(dense.X)), dense.y)
    return weights, biases, data, dense


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "optimizer",
    [
        st.SGD(0.1),
        st.Momentum(0.05, 0.8, "step", nesterov=True),
        st.AdamW(0.02, epsilon=0.1, weight_decay=0.3),
    ],
    ids=lambda o: type(o).__name__,
)
def test_layouts_of_the_parameters(isa, rng, dtype, optimizer, layout):
    """At once, small, transposed, shallow, sparse: the step, the loss and the gradient's norm."""
    layout = LAYOUTS[layout]
    weights, biases, data, dense = data_of(layout, rng, dtype)
    model = {**TANH, "l1": 0.3 * layout.batch, "l2": 0.1 * layout.batch, "l2_per_row": True}
    reference = ProximalReference(weights, biases, dense, model)
    path, losses, norms = reference.steps(optimizer, 1, layout.batch)
    settings = {"batch_size": layout.batch, "stop": [MaxEpochs(1)]}
    steps = len(losses)
    inner = dimensions(layout.widths, layout.batch, steps)
    for largest in (False, True):
        state, result = compiled(
            weights, biases, data, model, optimizer, gradient_largest=largest, **settings
        )
        assert_same_parameters(state, path[-1], dtype, layout.widths, steps, layout.batch)
        sizes = [len(r) for r in ref.batches(layout.rows, layout.batch)]
        loss, norm = np.average(losses, weights=sizes), norms[-1][largest]
        assert_close(result["history"]["loss"], [loss], dtype, "matmul chain", inner, 2 * loss)
        assert_close(result["history"]["gradient_norm"], [norm], dtype, "matmul chain", inner, norm)
    assert zeros(state.weights) == zeros(path[-1][: len(weights)]) > 0


@pytest.mark.parametrize("largest", [False, True])
def test_by_points_is_by_epochs_with_all_rows(isa, rng, dtype, largest):
    weights, biases, data = problem(rng, dtype)
    model, optimizer = {**TANH, "l1": 0.05, "l2": 0.1}, st.Momentum(0.1)
    settings = {"shuffle": False, "stop": [MaxSteps(9)], "gradient_largest": largest}
    by_epochs, a = compiled(
        weights, biases, data, model, optimizer, batch_size=37, by_points=False, **settings
    )
    by_points, b = compiled(
        weights, biases, data, model, optimizer, batch_size=0, by_points=True, **settings
    )
    assert bits(by_epochs.weights + by_epochs.biases) == bits(by_points.weights + by_points.biases)
    np.testing.assert_array_equal(a["history"]["loss"], b["history"]["loss"][:-1])
    np.testing.assert_allclose(
        a["history"]["gradient_norm"],
        b["history"]["gradient_norm"][:-1],
        rtol=100 * np.finfo(np.float64).eps,
    )
    reference = ProximalReference(weights, biases, data, model)
    theta = in_float64([*by_points.weights, *by_points.biases])
    assert zeros(by_points.weights) > 0
    loss, subgradient = reference.objective(theta, None)
    parts = np.concatenate([g.ravel() for g in subgradient])
    norm = np.abs(parts).max() if largest else np.linalg.norm(parts)
    inner = dimensions((INPUTS, 9, 4, OUTPUTS), 37, 1)
    assert_close(b["history"]["loss"][-1], loss, dtype, "matmul chain", inner, loss)
    assert_close(b["history"]["gradient_norm"][-1], norm, dtype, "matmul chain", inner, norm)


# ---------------------------------------------------------------- the loss and the bits


def test_the_reported_loss_is_the_one_that_is_descended_on(rng):
    """Away from zeros, by central differences along the steepest direction: a slope of the gradient's norm."""
    weights, biases, data = problem(rng, np.float64)
    model = {**TANH, "l1": [0.3, 0.1, 0.2], "l2": 0.1}
    reference = ProximalReference(weights, biases, data, model)
    _, gradient = reference.objective(reference.theta, None)

    def at(step):
        moved = [p + step * g for p, g in zip(reference.theta, gradient, strict=True)]
        _, result = compiled(
            moved[:3],
            moved[3:],
            data,
            model,
            st.SGD(0.1),
            by_points=True,
            batch_size=0,
            shuffle=False,
            stop=[MaxSteps(0)],
        )
        return result["history"]["loss"][0], result["history"]["gradient_norm"][0]

    h = np.finfo(float).eps ** (1 / 3)
    norm = at(0.0)[1]
    slope = (at(h)[0] - at(-h)[0]) / (2 * h)
    assert_close(slope, norm**2, np.float64, "finite_difference", scale=norm**2)


def test_without_l1_nothing_changes(rng, dtype):
    """Absent, 0 and a list of zeros; a list of equal strengths is one strength."""
    weights, biases, data = problem(rng, dtype)

    def run(**penalty):
        state, result = compiled(
            weights, biases, data, {**TANH, **penalty}, st.Adam(0.01), stop=[MaxEpochs(3)]
        )
        record = result["history"]
        return bits(state.weights + state.biases + [record["loss"], record["gradient_norm"]])

    assert run(l2=0.1) == run(l2=0.1, l1=0.0) == run(l2=[0.1] * 3, l1=[0.0] * 3)
    assert run() == run(l1=0.0, l2=0.0) == run(l1=[0.0] * 3, l2=[0.0] * 3)
    assert run(l1=0.1) == run(l1=[0.1] * 3)
    assert run(l1=0.1) != run()


def test_penalties_that_do_not_fit_the_layers_are_refused(rng):
    weights, biases, data = problem(rng, np.float64)
    for key in ("l1", "l2"):
        with pytest.raises(ValueError, match="penalties"):
            compiled(weights, biases, data, {**TANH, key: [0.1, 0.1]}, st.SGD(0.1))


WIDE = Layout((20, 400, 300, 3), batch=250, rows=1000)


def wide_run(dtype, n_threads=1):
    weights, biases, data, _ = data_of(WIDE, np.random.default_rng(SEED), dtype)
    model = {**TANH, "l1": [0.01, 0.002, 0.02], "l2": 0.01}
    settings = {"batch_size": WIDE.batch, "n_threads": n_threads, "stop": [MaxEpochs(2)]}
    state, result = compiled(weights, biases, data, model, st.Adam(0.01), **settings)
    assert zeros(state.weights) > 0
    return bits([*state.weights, *state.biases, result["history"]["loss"]])


def test_the_same_bits_on_any_number_of_threads(dtype):
    assert wide_run(dtype, 1) == wide_run(dtype, 2) == wide_run(dtype, 3)


@needs_two
def test_the_same_bits_on_all_instruction_sets(dtype):
    first, *others = (on(name, wide_run, dtype) for name in FUSED)
    assert all(other == first for other in others)


# ---------------------------------------------------------------- where steps lead


def test_a_threshold_leaves_what_is_not_finite(rng):
    """A diverging descent ends as such, and does not hide behind zeros."""
    weights, biases, data = problem(rng, np.float64)
    _, result = compiled(
        weights, biases, data, {**TANH, "hidden": "relu", "l1": 0.1}, st.SGD(1e200), stop=[]
    )
    assert result["status"] == "diverged"


@pytest.mark.parametrize("epsilon", [0.0, 1e-8])
def test_weights_of_an_input_that_is_always_zero_vanish(rng, dtype, epsilon):
    """Adam's metric has no scale there: the threshold is large or infinite, and is met without a NaN."""
    weights, biases, data = problem(rng, dtype)
    data.X[:, 2] = 0
    optimizer = st.Adam(0.01, epsilon=epsilon)
    state, result = compiled(
        weights, biases, data, {**TANH, "l1": 1e-3}, optimizer, stop=[MaxEpochs(2)]
    )
    assert result["status"] == "max_epochs"
    assert not state.weights[0][2].any()
    assert np.isfinite(state.weights[0]).all()
    assert state.weights[0].any()


def standardised_problem(rng, n=120, d=12, outputs=1):
    """Return standardised X, centred y: a fifth of the features matter, and some are correlated."""
    X = rng.standard_normal((n, d))
    X[:, 1] = X[:, 0] + 0.5 * X[:, 1]
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    w = np.where(rng.random((d, outputs)) < 0.4, rng.standard_normal((d, outputs)), 0.0)
    y = X @ w + 0.5 * rng.standard_normal((n, outputs))
    return X, y - y.mean(axis=0)


RATES = [
    st.SGD(0.1),
    st.Momentum(0.05, 0.9, "gradient"),
    st.Momentum(0.05, 0.9, "step"),
    st.Momentum(0.5, 0.9, "average"),
    st.Momentum(0.05, 0.8, "gradient", nesterov=True),
    st.Momentum(0.05, 0.8, "step", nesterov=True),
    st.Momentum(0.3, 0.8, "average", nesterov=True),
    st.Adam(0.02, epsilon=0.1),
    st.Adam(0.02, beta_1=0.7, beta_2=0.95, epsilon=0.1, epsilon_hat=True),
    st.AdamW(0.02, epsilon=0.1, weight_decay=0.0),
]


@pytest.mark.parametrize("direct", [False, True], ids=["moments", "data"])
@pytest.mark.parametrize("optimizer", RATES, ids=repr)
def test_every_optimizer_ends_at_the_minimum(rng, optimizer, direct):
    """The same minimum, with the same zeros, that coordinate descent finds."""
    n = 20 if direct else 120  # moments are for many rows
    X, y = standardised_problem(rng, n=n)
    expected = linear_model.ElasticNet(alpha=0.1, l1_ratio=0.8, tol=1e-12, max_iter=100_000)
    expected.fit(X, y[:, 0])
    model = st.LinearRegression(
        alpha=0.2, l1_ratio=0.8, optimizer=optimizer, max_epochs=20_000, tol=1e-9
    )
    model.fit(X, y[:, 0])
    assert model.status_ == "converged"
    assert 0 < zeros([model.coef_]) < model.coef_.size
    np.testing.assert_array_equal(model.coef_ == 0, expected.coef_ == 0)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=0, atol=1e-6)


@pytest.mark.parametrize("optimizer", RATES, ids=repr)
def test_a_step_from_a_minimum_leads_back_to_it(optimizer):
    """With the state that a constant gradient has in the limit, the least subgradient 0 is a fixed point.

    x: on either side of 0, and 0 with a gradient of less, and of exactly the strength.
    """
    l1, x = 0.5, np.array([0.7, -0.3, 0.0, 0.0, 0.0])
    gradient = np.array([-0.5, 0.5, 0.2, 0.5, 0.0])
    assert not ref.least_subgradient(x, gradient, l1).any()
    start, state = [x.copy()], optimizer.init([x])
    state["step"] = 10_000
    if isinstance(optimizer, st.Momentum):
        entering = {"gradient": 1.0, "step": optimizer.learning_rate, "average": 1.0}
        limit = entering[optimizer.velocity] / (
            1.0 if optimizer.velocity == "average" else 1.0 - optimizer.momentum
        )
        state["velocity"][0][...] = limit * gradient
    if isinstance(optimizer, st.Adam):
        state["first_moment"][0][...] = gradient
        state["second_moment"][0][...] = gradient**2
    ref.proximal_step(optimizer, start, [gradient], state, [l1])
    np.testing.assert_allclose(start[0], x, rtol=0, atol=1e-15)


# ---------------------------------------------------------------- the estimators and scikit-learn


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("outputs", [1, 3])
def test_linear_regression_is_the_lasso_and_the_elastic_net(rng, l1_ratio, outputs, standardize):
    """In any units of X and y if they are standardised, with an intercept."""
    X, y = standardised_problem(rng, outputs=outputs)
    y, alpha = y if outputs > 1 else y[:, 0], 0.1
    expected = linear_model.ElasticNet(alpha, l1_ratio=l1_ratio, tol=1e-12, max_iter=100_000)
    expected.fit(X, y)
    units = 10.0 ** rng.uniform(-3, 3, X.shape[1]) if standardize else np.ones(X.shape[1])
    model = st.LinearRegression(
        alpha=2 * alpha / outputs, l1_ratio=l1_ratio, standardize=standardize
    )
    model.fit(X * units + (5.0 * standardize), y + 7.0)
    assert model.status_ == "converged"
    coef = (np.atleast_2d(model.coef_) * units).reshape(expected.coef_.shape)
    np.testing.assert_array_equal(coef == 0, expected.coef_ == 0)
    assert zeros([coef]) > 0
    np.testing.assert_allclose(coef, expected.coef_, rtol=0, atol=1e-6)
    penalty = l1_ratio * np.abs(coef).sum() + (1 - l1_ratio) / 2 * np.sum(coef**2)
    objective = np.mean((expected.predict(X) - y) ** 2)
    assert model.loss_ == pytest.approx(objective + 2 * alpha / outputs * penalty, rel=1e-9)


def test_a_scaled_lasso_is_the_scaled_solution(rng):
    """The penalty is on sigma w in the units of y: y scaled by c, and alpha with it, scales w by c."""
    X, y = standardised_problem(rng)
    small = st.LinearRegression(alpha=0.2, l1_ratio=1.0).fit(X, y[:, 0])
    large = st.LinearRegression(alpha=0.2e4, l1_ratio=1.0).fit(X, 1e4 * y[:, 0])
    np.testing.assert_allclose(large.coef_, 1e4 * small.coef_, rtol=1e-7)
    np.testing.assert_allclose(large.loss_curve_[-1], 1e8 * small.loss_curve_[-1], rtol=1e-9)


def test_more_features_than_rows(rng):
    X, y = standardised_problem(rng, n=40, d=60)
    expected = linear_model.Lasso(0.2, tol=1e-12, max_iter=100_000).fit(X, y[:, 0])
    model = st.LinearRegression(alpha=0.4, l1_ratio=1.0, max_epochs=50_000).fit(X, y[:, 0])
    assert model.status_ == "converged"
    np.testing.assert_array_equal(model.coef_ == 0, expected.coef_ == 0)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=0, atol=1e-6)


def test_float32_finds_the_same_zeros(rng):
    X, y = standardised_problem(rng)
    expected = linear_model.Lasso(0.1, tol=1e-12, max_iter=100_000).fit(X, y[:, 0])
    model = st.LinearRegression(alpha=0.2, l1_ratio=1.0).fit(
        X.astype(np.float32), y[:, 0].astype(np.float32)
    )
    assert model.coef_.dtype == np.float32
    np.testing.assert_array_equal(model.coef_ == 0, expected.coef_ == 0)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=0, atol=1e-5)


@pytest.mark.parametrize("basis", ["chebyshev", "monomial"])
@pytest.mark.parametrize("by_moments", [True, False])
def test_polynomial_regression(rng, basis, by_moments):
    x = np.concatenate([[-1.0, 1.0], rng.uniform(-1, 1, 200 if by_moments else 10)])
    y = 100 * (np.polynomial.Chebyshev([1.0, 0.0, -2.0, 0.0, 1.0])(x) + 0.1 * rng.random(x.size))
    design = ref.basis_matrix(x, 5, basis)[:, 1:]
    expected = linear_model.Lasso(10.0, tol=1e-13, max_iter=1_000_000).fit(design, y)
    model = st.PolynomialRegression(5, basis, alpha=20.0, l1_ratio=1.0).fit(x, y)
    assert model.status_ == "converged"
    np.testing.assert_array_equal(model.coef_[1:] == 0, expected.coef_ == 0)
    assert 0 < zeros([model.coef_]) < 5
    np.testing.assert_allclose(model.coef_[1:], expected.coef_, rtol=0, atol=1e-4)
    assert model.coef_[0] == pytest.approx(expected.intercept_, abs=1e-4)
    objective = np.mean((expected.predict(design) - y) ** 2) + 20 * np.abs(expected.coef_).sum()
    assert model.loss_ == pytest.approx(objective, rel=1e-9)


@pytest.mark.parametrize("rows", [10, 200])
def test_polynomial_regression_of_several_targets(rng, rows):
    """From moments, and where rows are few from the data: the squared error is a mean over the targets, too."""
    x = np.concatenate([[-1.0, 1.0], rng.uniform(-1, 1, rows)])
    y = np.stack([x**2, 3 - 2 * x], axis=1) + 0.1 * rng.standard_normal((x.size, 2))
    design = ref.basis_matrix(x, 4, "chebyshev")[:, 1:]
    expected = linear_model.Lasso(0.1, tol=1e-13, max_iter=1_000_000).fit(design, y)
    model = st.PolynomialRegression(4, alpha=0.1, l1_ratio=1.0).fit(x, y)
    assert model.status_ == "converged"
    np.testing.assert_array_equal(model.coef_[:, 1:] == 0, expected.coef_ == 0)
    np.testing.assert_allclose(model.coef_[:, 1:], expected.coef_, rtol=0, atol=1e-6)


def sklearn_logistic(l1_ratio, C):
    kind: dict[str, Any] = {"l1_ratio": l1_ratio}
    if parse_version(sklearn.__version__) < parse_version("1.8"):
        kind["penalty"] = "elasticnet"
    return linear_model.LogisticRegression(
        solver="saga", C=C, tol=1e-10, max_iter=100_000, random_state=0, **kind
    )


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_regression(rng, classes, l1_ratio):
    X, scores = standardised_problem(rng, outputs=classes)
    labels = scores.argmax(axis=1)
    expected = sklearn_logistic(l1_ratio, C=0.3).fit(X, labels)
    model = st.LogisticRegression(
        alpha=1 / (0.3 * len(X)), l1_ratio=l1_ratio, tol=1e-10, max_epochs=20_000
    )
    model.fit(100 * X - 3, labels)
    assert model.status_ == "converged"
    np.testing.assert_array_equal(model.coef_ == 0, expected.coef_ == 0)
    assert zeros([model.coef_]) > 0
    np.testing.assert_allclose(100 * model.coef_, expected.coef_, rtol=0, atol=1e-6)
    sparse_model = st.LogisticRegression(**model.get_params()).fit(
        sparse.csr_array(100 * X - 3), labels
    )
    np.testing.assert_array_equal(sparse_model.coef_, model.coef_)


def test_mini_batches_come_near_the_lasso_with_exact_zeros(rng):
    """As SGDRegressor does; its objective has half the squared error."""
    X, y = standardised_problem(rng, n=1000)
    lasso = linear_model.Lasso(0.1, tol=1e-12, max_iter=100_000).fit(X, y[:, 0])
    theirs = linear_model.SGDRegressor(
        penalty="l1", alpha=0.1, eta0=0.001, random_state=0, max_iter=200, tol=None
    ).fit(X, y[:, 0])
    ours = st.LinearRegression(
        alpha=0.2, l1_ratio=1.0, batch_size=20, random_state=0, max_epochs=100
    )
    with pytest.warns(sklearn.exceptions.ConvergenceWarning):
        ours.set_params(optimizer=st.SGD(0.002)).fit(X, y[:, 0])
    for model in (theirs, ours):
        np.testing.assert_allclose(model.coef_, lasso.coef_, rtol=0, atol=0.02)
    assert zeros([ours.coef_]) > 0
    assert not lasso.coef_[ours.coef_ == 0].any()


def test_a_warm_start_at_the_minimum_stays_there(rng):
    X, y = standardised_problem(rng)
    model = st.LinearRegression(alpha=0.2, l1_ratio=1.0, warm_start=True, optimizer=st.SGD(0.1))
    coef = model.fit(3 * X, y[:, 0]).coef_.copy()
    assert model.set_params(tol=1e-8).fit(3 * X, y[:, 0]).n_iter_ <= 1
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-9)
    np.testing.assert_array_equal(model.coef_ == 0, coef == 0)


def test_partial_fit_makes_exact_zeros(rng):
    X, y = standardised_problem(rng, n=200)
    model = st.LinearRegression(alpha=0.4, l1_ratio=1.0, batch_size=10, optimizer=st.SGD(0.01))
    for _ in range(30):
        model.partial_fit(X, y[:, 0])
    lasso = linear_model.Lasso(0.2).fit(X, y[:, 0])
    assert zeros([model.coef_]) >= zeros([lasso.coef_]) // 2 > 0


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_penalty_for_each_layer_of_a_network(rng, solver):
    """Zeros only where there is L1; the reported loss is the objective of the docstring."""
    X, y = standardised_problem(rng)
    settings = {"solver": solver, "random_state": 0, "max_iter": 50, "tol": 0.0, "shuffle": False}
    model = st.MLPRegressor(
        hidden_layer_sizes=(16, 8),
        activation="tanh",
        alpha=(3.0, 0.5, 0.1),
        l1_ratio=[1.0, 0.0, 0.3],
        batch_size=len(X),
        learning_rate_init=0.01,
        **settings,
    )
    with pytest.warns(sklearn.exceptions.ConvergenceWarning):
        model.fit(X, y[:, 0])
    assert zeros([model.coefs_[0]]) > 0
    assert zeros([model.coefs_[1]]) == 0
    penalty = 0.0
    for w, alpha, ratio in zip(model.coefs_, model.alpha, model.l1_ratio, strict=True):
        penalty += alpha * (ratio * np.abs(w).sum() + (1 - ratio) / 2 * np.sum(w**2))
    objective = 0.5 * np.mean((model.predict(X) - y[:, 0]) ** 2) + penalty / len(X)
    model.set_params(warm_start=True, max_iter=1)
    with pytest.warns(sklearn.exceptions.ConvergenceWarning):
        model.fit(X, y[:, 0])
    assert model.loss_curve_[50] == pytest.approx(objective, rel=1e-12)


def test_equal_entries_are_one_number(rng):
    X, y = standardised_problem(rng)
    settings = {"hidden_layer_sizes": (9,), "random_state": 0, "max_iter": 3}
    for solver in ("adam", "lbfgs"):
        runs = []
        for alpha, l1_ratio in ((0.5, 0.0), ([0.5, 0.5], 0.0), (0.5, (0, 0)), ((0.5, 0.5), [0, 0])):
            model = st.MLPRegressor(alpha=alpha, l1_ratio=l1_ratio, solver=solver, **settings)
            with pytest.warns(sklearn.exceptions.ConvergenceWarning):
                runs.append(bits(model.fit(X, y[:, 0]).coefs_))
        assert all(run == runs[0] for run in runs)


def test_lbfgs_minds_each_layer_and_refuses_l1(rng):
    X, y = standardised_problem(rng)
    settings = {"hidden_layer_sizes": (4,), "random_state": 0, "solver": "lbfgs", "tol": 0.01}
    model = st.MLPRegressor(activation="tanh", alpha=[2.0, 40.0], max_iter=500, **settings)
    model.fit(X, y[:, 0])
    first, second = (np.sum(w**2) for w in model.coefs_)
    penalty = 2.0 / 2 * first + 40.0 / 2 * second
    objective = 0.5 * np.mean((model.predict(X) - y[:, 0]) ** 2) + penalty / len(X)
    assert model.loss_ == pytest.approx(objective, rel=1e-12)
    for l1_ratio in (0.5, (0.0, 0.5)):
        with pytest.raises(ValueError, match=r"lbfgs.*l1_ratio must be 0"):
            st.MLPRegressor(l1_ratio=l1_ratio, **settings).fit(X, y[:, 0])
    model.set_params(l1_ratio=[0.0, 0.5], alpha=[2.0, 0.0]).fit(X, y[:, 0])


def test_partial_fit_of_a_network_is_its_fit(rng):
    X, y = standardised_problem(rng)
    settings = {"alpha": 5.0, "l1_ratio": 1.0, "shuffle": False, "batch_size": 40}
    whole = st.MLPRegressor(hidden_layer_sizes=(7,), random_state=0, max_iter=20, **settings)
    with pytest.warns(sklearn.exceptions.ConvergenceWarning):
        whole.fit(X, y[:, 0])
    parts = st.MLPRegressor(hidden_layer_sizes=(7,), random_state=0, **settings)
    for _ in range(20):
        parts.partial_fit(X, y[:, 0])
    assert bits(parts.coefs_) == bits(whole.coefs_)
    assert zeros(whole.coefs_) > 0


# ---------------------------------------------------------------- what is refused

ESTIMATORS = [
    st.LinearRegression,
    st.PolynomialRegression,
    st.LogisticRegression,
    st.MLPRegressor,
    st.MLPClassifier,
]


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("l1_ratio", "error"),
    [(-0.1, ValueError), (1.1, ValueError), (float("nan"), ValueError), ("1", TypeError)],
)
def test_a_wrong_l1_ratio_is_named(estimator, l1_ratio, error):
    model = estimator(l1_ratio=l1_ratio)
    with pytest.raises(error, match="l1_ratio must be"):
        model.fit(np.arange(8.0)[:, None], [0, 1] * 4)
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("name", ["alpha", "l1_ratio"])
@pytest.mark.parametrize("estimator", [st.MLPRegressor, st.MLPClassifier])
def test_wrong_sequences_are_named(estimator, name):
    X, y = np.arange(8.0)[:, None], [0, 1] * 4
    with pytest.raises(ValueError, match=rf"{name} must be a number or have one entry .* 3 layers"):
        estimator(hidden_layer_sizes=(2, 2), **{name: [0.1, 0.2]}).fit(X, y)
    with pytest.raises(ValueError, match=rf"{name} must be"):
        estimator(hidden_layer_sizes=(2,), **{name: [0.1, -0.2]}).fit(X, y)
    with pytest.raises(TypeError, match=rf"{name} must be"):
        estimator(hidden_layer_sizes=(2,), **{name: ["0.1", 0.2]}).fit(X, y)
