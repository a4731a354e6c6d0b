"""Frozen layers: no step, no decay, no moments, no gradient below the lowest live layer."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from test_bits import bits
from test_descent import (
    OPTIMIZERS,
    OUTPUTS,
    Reference,
    assert_same_parameters,
    compiled,
    dimensions,
    problem,
)
from test_proximal import LAYOUTS, TANH, ProximalReference, data_of
from tolerances import assert_close

import steepest as st
from steepest import _native
from steepest.estimators.freezing import frozen_layers
from steepest.stopping import MaxSteps

FREEZES = {
    "lowest": [0],
    "two lowest": [0, 1],
    "middle": [1],
    "last": [-1],
    "weights": ["weights"],
    "biases": ["biases"],
    "parts": [(0, "weights"), (1, "biases"), (-1, "weights")],
}
WIDTHS = (5, 9, 4, OUTPUTS)

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer", "ignore:lbfgs failed to converge"
)


class FrozenReference(ProximalReference):
    """The reference's steps, after each of which what is frozen is put back."""

    def __init__(self, weights, biases, data, model):
        super().__init__(weights, biases, data, model)
        frozen = model.get("frozen") or [(False, False)] * self.layers
        self.frozen = [w for w, _ in frozen] + [b for _, b in frozen]

    def loss_gradient(self, theta, rows):
        for part, start, frozen in zip(theta, self.theta, self.frozen, strict=True):
            if frozen:
                part[...] = start
        loss, gradient = super().loss_gradient(theta, rows)
        return loss, [
            np.zeros_like(g) if frozen else g
            for g, frozen in zip(gradient, self.frozen, strict=True)
        ]

    def steps(self, optimizer, epochs, **settings):
        path, losses, norms = super().steps(optimizer, epochs, **settings)
        for theta in path:
            for part, start, frozen in zip(theta, self.theta, self.frozen, strict=True):
                if frozen:
                    part[...] = start
        return path, losses, norms


def arrays_of(state):
    return [*state.weights, *state.biases]


# ---------------------------------------------------------------- step for step


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("freeze", FREEZES)
def test_every_step_is_the_reference_step(rng, freeze, optimizer):
    weights, biases, data = problem(rng, np.float64, widths=WIDTHS)
    frozen = frozen_layers(FREEZES[freeze], 3)
    model = {**TANH, "l1": [0.05, 0.0, 0.1], "l2": [0.1, 0.0, 0.3], "frozen": frozen}
    path, losses, _ = FrozenReference(weights, biases, data, model).steps(optimizer, epochs=2)
    for k in (1, 4, 10):
        state, result = compiled(weights, biases, data, model, optimizer, stop=[MaxSteps(k)])
        assert_same_parameters(state, path[k], np.float64, WIDTHS, k)
        if k == 1:
            inner = dimensions(WIDTHS, 8, 1)
            # All of the penalty is reported; the gradient is that of what is trained.
            assert_close(
                result["history"]["loss"], losses[:1], np.float64, "matmul chain", inner, 1.0
            )
    for i, is_frozen in enumerate([w for w, _ in frozen] + [b for _, b in frozen]):
        start = [*weights, *biases][i]
        assert (bits([arrays_of(state)[i]]) == bits([start])) == is_frozen
        if is_frozen:
            for w, b in state.slots:
                initial = np.unique([*w, *b][i])
                assert initial.size == 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_live_layers_move_as_with_their_part_of_the_gradient(isa, rng, dtype, layout):
    """The bits of one step of all parameters, but for what is frozen: in every layout and for sparse inputs."""
    layout = LAYOUTS[layout]
    weights, biases, data, _ = data_of(layout, rng, dtype)
    depth, optimizer = len(weights), st.Momentum(0.05)
    every, _ = compiled(
        weights, biases, data, TANH, optimizer, stop=[MaxSteps(1)], batch_size=layout.batch
    )
    for kinds in (
        [(0, "weights")],
        [(0, "biases")],
        [0] if depth > 1 else [(-1, "biases")],
        ["biases"],
    ):
        frozen = frozen_layers(kinds, depth)
        model = {**TANH, "frozen": frozen}
        state, _ = compiled(
            weights, biases, data, model, optimizer, stop=[MaxSteps(1)], batch_size=layout.batch
        )
        of_weights = [
            w if is_frozen else e
            for w, e, (is_frozen, _) in zip(weights, every.weights, frozen, strict=True)
        ]
        of_biases = [
            b if is_frozen else e
            for b, e, (_, is_frozen) in zip(biases, every.biases, frozen, strict=True)
        ]
        assert bits(state.weights) == bits(of_weights)
        assert bits(state.biases) == bits(of_biases)


def test_the_gradient_of_what_is_frozen_is_zero(rng, dtype):
    weights, biases, data = problem(rng, dtype, widths=WIDTHS)
    arguments = (data.X, data.y, None, "relu", "identity", "squared", 0.5, 0.1)
    loss, *every = _native.core.network_loss_gradient(weights, biases, *arguments)
    frozen = [(True, True), (False, True), (True, False)]
    same, *live = _native.core.network_loss_gradient(weights, biases, *arguments, frozen)
    assert same == loss
    for kind, (ours, full) in enumerate(zip(live, every, strict=True)):
        for layer, (g, whole) in enumerate(zip(ours, full, strict=True)):
            expected = np.zeros_like(whole) if frozen[layer][kind] else whole
            assert bits([g]) == bits([expected])


def test_the_same_bits_for_any_number_of_threads(rng):
    X, y = rng.standard_normal((900, 64)), rng.standard_normal(900)
    model = st.MLPRegressor(
        hidden_layer_sizes=(128, 96), max_iter=2, random_state=0, batch_size=300, freeze=[0]
    )
    one, two = (clone(model).set_params(n_threads=n).fit(X, y) for n in (1, 2))
    assert bits(one.coefs_) == bits(two.coefs_)


# ---------------------------------------------------------------- estimators


def data(rng, rows=120):
    X = rng.standard_normal((rows, 6))
    return X, np.sin(X[:, 0]) + X[:, 1]


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_fine_tuning_moves_the_last_layer_alone(rng, solver):
    X, y = data(rng)
    model = st.MLPRegressor(
        hidden_layer_sizes=(8, 7), max_iter=8, random_state=0, warm_start=True, solver=solver
    )
    model.fit(X, y)
    before = [[a.copy() for a in part] for part in (model.coefs_, model.intercepts_)]
    model.set_params(freeze=[0, -2]).fit(X, y)
    for part, start in zip((model.coefs_, model.intercepts_), before, strict=True):
        assert bits(part[:2]) == bits(start[:2])
        assert not np.array_equal(part[2], start[2])
    assert bits(pickle.loads(pickle.dumps(model)).coefs_) == bits(model.coefs_)


def test_lbfgs_finds_the_least_squares_of_the_last_layer(rng):
    """With the layers below frozen it is a linear model of their output: NumPy's lstsq."""
    X, y = data(rng)
    model = st.MLPRegressor(
        hidden_layer_sizes=(9,),
        solver="lbfgs",
        random_state=1,
        alpha=0.0,
        freeze=[0],
        max_iter=2000,
        tol=1e-10,
    ).fit(X, y)
    hidden = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0)
    design = np.column_stack([hidden, np.ones(len(X))])
    best = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    assert model.loss_ == pytest.approx(np.mean((best - y) ** 2) / 2, rel=1e-5)


def test_decay_and_moments_of_a_frozen_layer_rest(rng):
    X, y = data(rng)
    optimizer = st.AdamW(0.01, weight_decay=0.1)
    model = st.MLPRegressor(
        hidden_layer_sizes=(8,), optimizer=optimizer, random_state=0
    ).partial_fit(X, y, epochs=2)
    slots = [[a.copy() for a in w] for w, _ in model._resume["state"].slots]
    weights = model.coefs_[0].copy()
    model.set_params(freeze=[0]).partial_fit(X, y, epochs=3)
    assert bits([model.coefs_[0]]) == bits([weights])
    for (now, _), then in zip(model._resume["state"].slots, slots, strict=True):
        assert bits([now[0]]) == bits([then[0]])
        assert not np.array_equal(now[1], then[1])


def test_sparse_inputs_below_a_frozen_layer(rng):
    X = sparse.random_array((80, 300), density=0.02, rng=rng, format="csr")
    y = rng.standard_normal(80)
    models = [
        st.MLPRegressor(
            hidden_layer_sizes=(24, 5),
            max_iter=3,
            tol=0,
            n_iter_no_change=9,
            random_state=0,
            freeze=freeze,
        )
        for freeze in ([0], [(0, "weights")])
    ]
    for model in models:
        entries = clone(model).fit(X, y)
        dense = clone(model).fit(X.toarray(), y)
        assert bits(entries.coefs_) == bits(dense.coefs_)


@pytest.mark.parametrize(
    ("freeze", "message"),
    [
        ([3], r"freeze\[0\] must be a layer from 0 to 2, or from the end, -1 to -3, but is 3"),
        ([0, -4], r"freeze\[1\] must be a layer"),
        ([True], r"freeze\[0\] must be a layer's number"),
        ([0.5], r"freeze\[0\] must be a layer's number"),
        (["bias"], r"freeze\[0\] must name 'weights' or 'biases', but has 'bias'"),
        ([(0, "kernel")], r"freeze\[0\] must name"),
        ("weights", "freeze must be a sequence of layers"),
        (1, "freeze must be a sequence of layers"),
        (iter([0]), "freeze must be a sequence of layers"),
        ([0, 1, 2], "freeze must leave something to train"),
        (["weights", "biases"], "freeze must leave something to train"),
    ],
)
def test_bad_values_are_named(rng, freeze, message):
    X, y = data(rng)
    model = st.MLPRegressor(hidden_layer_sizes=(4, 3), freeze=freeze)
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")


def test_scikit_learn_has_no_such_word(rng):
    X, y = data(rng)
    model = st.MLPRegressor(hidden_layer_sizes=(4,), max_iter=500, freeze=[0], random_state=0).fit(
        X, y
    )
    with pytest.warns(UserWarning, match="no such freeze"):
        theirs = model.to_sklearn()
    np.testing.assert_allclose(theirs.predict(X), model.predict(X))


def test_the_reference_without_a_frozen_layer_is_the_plain_one(rng):
    weights, biases, data_ = problem(rng, np.float64, widths=WIDTHS)
    path, _, _ = FrozenReference(weights, biases, data_, TANH).steps(st.SGD(0.1), epochs=1)
    plain = Reference(weights, biases, data_, TANH).steps(st.SGD(0.1), None, epochs=1)
    for ours, theirs in zip(path, plain, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
