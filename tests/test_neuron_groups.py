"""Group lasso over neurons and the largest norm: closed forms, convex problems, and the loss that is reported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize
from sklearn.linear_model import MultiTaskLasso
from test_bits import FUSED, bits, needs_two, on
from test_descent import (
    OPTIMIZERS,
    SEED,
    assert_same_parameters,
    compiled,
    dimensions,
    problem,
    without_decay,
)
from test_proximal import LAYOUTS, TANH, ProximalReference, data_of
from tolerances import assert_close

import steepest as st
from steepest import reference as ref
from steepest.estimators.base import Data
from steepest.reference.optimizers import unit_step
from steepest.stopping import MaxEpochs, MaxSteps

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")

WIDTHS = (5, 9, 4, 3)
SIZED = [o for o in OPTIMIZERS if not isinstance(o, (st.Lion, st.Rprop))]


def fitted(X, y, **parameters):
    return st.MLPRegressor(**{"random_state": 0, "max_iter": 5, **parameters}).fit(X, y)


def data(rng, rows=100):
    X = rng.standard_normal((rows, 6))
    return X, np.sin(X[:, 0]) + X[:, 1]


# ---------------------------------------------------------------- the proximal point


def test_the_reference_is_the_minimum(rng):
    """Against SciPy's minimum of ||z|| + sum (z - w)^2 / (2 c), and the closed form for equal c."""
    w = rng.standard_normal((6, 5))
    c = rng.uniform(0.05, 0.8, w.shape)
    ours = ref.group_soft_threshold(w, c)
    for j in range(5):

        def objective(z, j=j):
            return np.linalg.norm(z) + np.sum((z - w[:, j]) ** 2 / (2 * c[:, j]))

        found = optimize.minimize(
            objective,
            w[:, j] / 2,
            method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-14, "maxiter": 20000, "maxfev": 20000},
        )
        assert objective(ours[:, j]) <= found.fun + 1e-12
        np.testing.assert_allclose(ours[:, j], found.x, atol=1e-5)
    norms = np.linalg.norm(w, axis=0)
    np.testing.assert_allclose(
        ref.group_soft_threshold(w, 0.7), w * np.maximum(0, 1 - 0.7 / norms), rtol=1e-13
    )
    assert not ref.group_soft_threshold(w, 1.01 * norms.max()).any()


class GroupReference(ProximalReference):
    """The reference's steps, then the group penalty's proximal step and the largest norm."""

    def objective(self, theta, rows):
        rows = slice(None) if rows is None else rows
        loss, gradient = self.loss_gradient(theta, rows)
        l1s = self.per_row(self.l1, rows)
        for layer, (l1, strength) in enumerate(zip(l1s, self.groups, strict=True)):
            w = theta[layer]
            loss += l1 * np.abs(w).sum() + strength * np.linalg.norm(w, axis=0).sum()
            gradient[layer] = ref.least_group_subgradient(w, gradient[layer], l1, strength)
        return loss, gradient

    @property
    def groups(self):
        return self.model.get("group_lasso", [0.0] * self.layers)

    def steps(self, optimizer, epochs, batch_size=8):
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
                norms.append(np.sqrt(sum(np.sum(g * g) for g in subgradient)))
                l1 = self.per_row(self.l1, rows)
                ref.proximal_step(optimizer, theta[:split], gradient[:split], states[0], l1)
                ref.optimizer_step(of_biases, theta[split:], gradient[split:], states[1])
                for layer, strength in enumerate(self.groups):
                    if strength > 0:
                        steps = unit_step(optimizer, optimizer.learning_rate, states[0], layer)
                        theta[layer][...] = ref.group_soft_threshold(theta[layer], strength * steps)
                for layer, largest in enumerate(self.model.get("max_norm", [np.inf] * split)):
                    theta[layer][...] = ref.limit_norms(theta[layer], largest)
                path.append([part.copy() for part in theta])
        return path, losses, norms


HELD = {
    "groups": {"group_lasso": [0.3, 0.4, 0.0]},
    "groups and single weights": {
        "group_lasso": [0.2, 0.0, 0.1],
        "l1": [0.1, 0.0, 0.05],
        "l2": 0.1,
    },
    "largest norm": {"max_norm": [0.8, np.inf, 0.6]},
    "both": {"group_lasso": [0.2, 0.1, 0.0], "max_norm": [0.7, 0.7, 0.7]},
}


@pytest.mark.parametrize("optimizer", SIZED, ids=repr)
@pytest.mark.parametrize("held", HELD)
def test_every_step_is_the_reference_step(rng, held, optimizer):
    weights, biases, rows = problem(rng, np.float64, widths=WIDTHS)
    model = {**TANH, **HELD[held]}
    path, losses, norms = GroupReference(weights, biases, rows, model).steps(optimizer, epochs=2)
    for k in (1, 2, 4, 10):
        state, result = compiled(weights, biases, rows, model, optimizer, stop=[MaxSteps(k)])
        assert_same_parameters(state, path[k], np.float64, WIDTHS, k)
        if k in (1, 2, 4):
            inner = dimensions(WIDTHS, 8, k)
            norm = result["history"]["gradient_norm"][-1:]
            assert_close(norm, norms[k - 1 : k], np.float64, "matmul chain", inner, 1.0)
        if k == 1:
            assert_close(
                result["history"]["loss"], losses[:1], np.float64, "matmul chain", inner, 1.0
            )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_takes_the_reference_step(isa, rng, dtype, layout):
    layout = LAYOUTS[layout]
    weights, biases, rows, dense = data_of(layout, rng, dtype)
    sizes = [np.median(np.linalg.norm(w, axis=0)) for w in weights]
    model = {
        **TANH,
        "group_lasso": [float(s) for s in sizes],
        "max_norm": [float(0.95 * s) for s in sizes],
    }
    optimizer = st.SGD(0.3)
    path, _, _ = GroupReference(weights, biases, dense, model).steps(optimizer, 2, layout.batch)
    widths = [weights[0].shape[0], *(w.shape[1] for w in weights)]
    for k in (1, 2):
        state, _ = compiled(
            weights, biases, rows, model, optimizer, stop=[MaxSteps(k)], batch_size=layout.batch
        )
        assert_same_parameters(state, path[k], dtype, widths, k, layout.batch)


@needs_two
def test_the_same_bits_on_every_instruction_set_and_for_any_number_of_threads(rng):
    X, y = rng.standard_normal((600, 40)), rng.standard_normal(600)
    parameters = {
        "hidden_layer_sizes": (90, 50),
        "group_lasso": 0.05,
        "max_norm": 0.9,
        "batch_size": 300,
        "max_iter": 3,
    }

    def train(n=1):
        return fitted(X, y, n_threads=n, **parameters).coefs_

    first = bits(train())
    assert bits(train(2)) == first
    for name in FUSED:
        assert bits(on(name, train)) == first


# ---------------------------------------------------------------- convex problems


def test_scikit_learns_multi_task_lasso_has_the_same_minimum(rng):
    r"""With X = I the network I W V is V^T W^T transposed: rows of W^T, our neurons, are its features."""
    tasks, neurons, samples = 4, 7, 12
    V, Y = rng.standard_normal((neurons, samples)), rng.standard_normal((tasks, samples))
    alpha = 0.6
    theirs = MultiTaskLasso(alpha, fit_intercept=False, tol=1e-13, max_iter=100_000).fit(V.T, Y.T)
    weights = [np.zeros((tasks, neurons)), V]
    biases = [np.zeros(neurons), np.zeros(samples)]
    model = {
        "hidden": "identity",
        "output": "identity",
        "loss": "squared",
        "output_scale": 0.5,
        "frozen": [(False, True), (True, True)],
        "group_lasso": [alpha * samples / tasks, 0.0],
    }
    for optimizer in (st.Momentum(0.05, 0.8), st.Adam(0.003)):
        state, result = compiled(
            weights,
            biases,
            Data(np.eye(tasks), Y),
            model,
            optimizer,
            batch_size=0,
            stop=[MaxEpochs(30_000)],
        )
        np.testing.assert_allclose(state.weights[0], theirs.coef_, atol=1e-6)
        zero = ~theirs.coef_.any(axis=0)
        assert 0 < zero.sum() < neurons
        assert not state.weights[0][:, zero].any()
        residual = Y - theirs.coef_ @ V
        least = (residual**2).sum() / (2 * tasks)
        least += alpha * samples / tasks * np.linalg.norm(theirs.coef_, axis=0).sum()
        assert result["history"]["loss"][-1] == pytest.approx(least, rel=1e-9)
        assert result["history"]["gradient_norm"][-1] < 1e-5


def test_the_reported_loss_is_the_one_that_is_differentiated(rng):
    """Central differences of loss_ by NumPy along the step that plain descent takes, where no group is 0."""
    model = {**TANH, "output_scale": 0.5, "group_lasso": [0.1, 0.2, 0.05], "l2": 0.3}
    weights, biases, rows = problem(rng, np.float64, widths=WIDTHS)
    reference = GroupReference(weights, biases, rows, model)
    theta = reference.theta
    loss, gradient = reference.objective(theta, None)
    _, result = compiled(
        weights, biases, rows, model, st.SGD(1e-9), stop=[MaxSteps(1)], batch_size=0
    )
    assert result["history"]["loss"][0] == pytest.approx(loss, rel=1e-13)
    norm = np.sqrt(sum(np.sum(g * g) for g in gradient))
    assert result["history"]["gradient_norm"][0] == pytest.approx(norm, rel=1e-12)
    h = 1e-6
    ahead, behind = (
        reference.objective([t + s * h * g for t, g in zip(theta, gradient, strict=True)], None)[0]
        for s in (1, -1)
    )
    assert (ahead - behind) / (2 * h) == pytest.approx(norm**2, rel=1e-7)


# ---------------------------------------------------------------- estimators


@pytest.mark.parametrize("optimizer", [None, st.Momentum(0.02)])
def test_whole_neurons_vanish_and_compact_removes_them(rng, dtype, optimizer):
    X, y = (part.astype(dtype) for part in data(rng))
    model = fitted(
        X,
        y,
        hidden_layer_sizes=(30, 10),
        group_lasso=0.03,
        max_iter=150,
        learning_rate_init=0.01,
        optimizer=optimizer,
        batch_size=50,
    )
    alive = [w.any(axis=0).sum() for w in model.coefs_[:-1]]
    assert 0 < alive[0] < 25
    small = model.compact()
    assert small.hidden_layer_sizes[0] <= alive[0]
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(small.predict(X), model.predict(X), atol=100 * eps)


def test_no_norm_is_larger(rng, dtype):
    X, y = (part.astype(dtype) for part in data(rng))
    free = fitted(X, y, hidden_layer_sizes=(12, 8))
    model = fitted(X, y, hidden_layer_sizes=(12, 8), max_norm=0.7)
    per_layer = fitted(X, y, hidden_layer_sizes=(12, 8), max_norm=[None, 0.6, 0.5])
    margin = 1 + 4 * np.finfo(dtype).eps
    norms = [
        [np.linalg.norm(w.astype(float), axis=0).max() for w in m.coefs_]
        for m in (free, model, per_layer)
    ]
    assert max(norms[0][:2]) > 0.9
    assert max(norms[1][:2]) <= 0.7 * margin
    assert norms[1][2] > 0.7
    assert norms[2][0] > 0.7
    assert norms[2][1] <= 0.6 * margin
    assert norms[2][2] <= 0.5 * margin
    assert model.intercepts_[0].any()


def test_defaults_keep_their_bits(rng):
    X, y = data(rng)
    plain = fitted(X, y, hidden_layer_sizes=(8,))
    for nothing in (
        {"group_lasso": [0, 0]},
        {"max_norm": [None, None]},
        {"max_norm": 1e30},
        {"group_lasso": 0},
    ):
        assert bits(fitted(X, y, hidden_layer_sizes=(8,), **nothing).coefs_) == bits(plain.coefs_)


def test_frozen_neurons_are_let_alone(rng):
    X, y = data(rng)
    model = fitted(
        X, y, hidden_layer_sizes=(8,), freeze=[(0, "weights")], group_lasso=0.1, max_norm=0.1
    )
    start = fitted(X, y, hidden_layer_sizes=(8,), optimizer=st.SGD(0.0))
    assert bits([model.coefs_[0]]) == bits([start.coefs_[0]])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"group_lasso": -1}, "group_lasso must be"),
        ({"group_lasso": np.inf}, "group_lasso must be"),
        ({"group_lasso": "much"}, "group_lasso must be"),
        (
            {"group_lasso": [0.1]},
            "group_lasso must be a number or have one entry for each of the 2",
        ),
        ({"group_lasso": [0.1, -1]}, r"group_lasso\[1\] must be"),
        ({"group_lasso": 0.1, "solver": "lbfgs"}, "group_lasso takes proximal steps"),
        (
            {"group_lasso": 0.1, "optimizer": st.Lion()},
            "group_lasso takes proximal steps, for which Lion",
        ),
        ({"max_norm": 0}, "max_norm must be"),
        ({"max_norm": [1.0, -1.0]}, r"max_norm\[1\] must be"),
        ({"max_norm": np.nan}, "max_norm must be"),
        ({"max_norm": 1.0, "solver": "lbfgs"}, "max_norm belongs to the stochastic solvers"),
    ],
)
def test_bad_values_are_named(rng, parameters, message):
    X, y = data(rng)
    with pytest.raises((TypeError, ValueError), match=message):
        fitted(X, y, hidden_layer_sizes=(4,), **parameters)


def test_what_is_reported_elsewhere_is_refused(rng):
    X, y = data(rng)
    for name in ("group_lasso", "max_norm"):
        with pytest.raises(ValueError, match=f"{name} holds the weights that are stepped"):
            fitted(X, y, optimizer=st.optimizers.ScheduleFreeSGD(0.1), **{name: 0.5})


def test_a_rate_of_its_own_has_a_threshold_of_its_own(rng):
    """A layer whose group has the factor k shrinks as with k times the rate everywhere."""
    X, y = data(rng)
    group = st.optimizers.Group(layers=[0], learning_rate=0.25)
    models = [
        fitted(X, y, hidden_layer_sizes=(6,), freeze=[1], group_lasso=0.3, max_iter=2, optimizer=o)
        for o in (st.Adam(0.04, groups=(group,)), st.Adam(0.01))
    ]
    assert bits(models[0].coefs_) == bits(models[1].coefs_)
