"""Learning rates and decays that differ between layers, and between weights and biases."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

import steepest as st
from steepest import reference as ref
from steepest.optimizers import (
    EMA,
    SGD,
    Adam,
    AdamW,
    Group,
    Momentum,
    RMSprop,
    Rprop,
    ScheduleFreeAdamW,
)

DATA = np.random.default_rng(2)
X = DATA.standard_normal((300, 7))
Y = np.column_stack([X @ DATA.standard_normal(7) + 0.3, np.tanh(X[:, 0]) - X[:, 1]])

GROUPS = (
    Group(layers=0, kind="weights", learning_rate=0.5, weight_decay=0.3),
    Group(layers=-1, kind="weights", learning_rate=2.0, l2=0.2),
    Group(kind="biases", learning_rate=3.0, weight_decay=0.1),
)
OPTIMIZERS = {
    "sgd": SGD(0.05),
    "momentum": Momentum(0.02, nesterov=True, l2=0.1),
    "adamw": AdamW(0.02, weight_decay=0.2),
    "rmsprop": RMSprop(0.005, momentum=0.5),
    "lookahead": Momentum(0.02, nesterov="lookahead", weight_decay=0.1),
    "schedule-free": ScheduleFreeAdamW(0.02, warmup_steps=3, weight_decay=0.1),
    "averaged": Adam(0.02, average=EMA(0.8), weight_decay=0.1),
}


@pytest.fixture(params=OPTIMIZERS.values(), ids=OPTIMIZERS)
def optimizer(request):
    return replace(request.param, groups=GROUPS)


def apart(optimizer, n_layers):
    """Return an optimizer without groups for the weights and the biases of each layer, as a model means them."""
    optimizers = []
    for layer in range(n_layers):
        weights = replace(optimizer, groups=())
        if layer == 0:
            weights = replace(
                weights, learning_rate=0.5 * optimizer.learning_rate, weight_decay=0.3
            )
        if layer == n_layers - 1:
            weights = replace(weights, learning_rate=2.0 * optimizer.learning_rate, l2=0.2)
        biases = replace(
            optimizer,
            learning_rate=3.0 * optimizer.learning_rate,
            l2=0.0,
            weight_decay=0.1,
            groups=(),
        )
        optimizers += [weights, biases]
    return optimizers


def descended(optimizers, theta, rows_of_steps):
    """Return theta, [W_0, b_0, W_1, ...], after steps on these rows, each array by its own optimizer."""
    theta = [part.copy() for part in theta]
    states = [o.init(part) for o, part in zip(optimizers, theta, strict=True)]
    for rows in rows_of_steps:
        _, d_weights, d_biases = st.kernels.relu_network_loss_gradient(
            theta[0::2], theta[1::2], X[rows], Y[rows], activation="tanh"
        )  # of the mean over two outputs, as half of their sum is
        gradient = [g for pair in zip(d_weights, d_biases, strict=True) for g in pair]
        for o, part, g, state in zip(optimizers, theta, gradient, states, strict=True):
            o.step(part, g, state)
    return [o.reported(p, s) for o, p, s in zip(optimizers, theta, states, strict=True)]


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("widths", [(), (5,), (40, 60), (30, 130)], ids=str)
@pytest.mark.parametrize("batch_size", [50, 300])
def test_every_layer_takes_the_steps_of_an_optimizer_of_its_own(isa, optimizer, widths, batch_size):
    """Small networks, shallow ones, and those whose steps are taken piece by piece; one or two blocks of rows."""
    grouped = optimizer
    if not widths:  # no layer may be in two groups
        weights = Group(layers=0, kind="weights", learning_rate=2.0, l2=0.2, weight_decay=0.3)
        grouped = replace(optimizer, groups=(weights, GROUPS[2]))

    def model(optimizer):
        return st.MLPRegressor(
            hidden_layer_sizes=widths,
            activation="tanh",
            alpha=0.0,
            optimizer=optimizer,
            batch_size=batch_size,
            shuffle=False,
            random_state=0,
        )

    start = model(SGD(0.0)).partial_fit(X, Y)
    ours = model(grouped).partial_fit(X, Y, epochs=2)
    theta = [p for pair in zip(start.coefs_, start.intercepts_, strict=True) for p in pair]
    batches = [range(a, a + batch_size) for a in range(0, 300, batch_size)] * 2
    theirs = descended(apart(optimizer, len(widths) + 1), theta, batches)
    for layer in range(len(widths) + 1):
        np.testing.assert_allclose(ours.coefs_[layer], theirs[2 * layer], rtol=0, atol=1e-11)
        np.testing.assert_allclose(
            ours.intercepts_[layer], theirs[2 * layer + 1], rtol=0, atol=1e-11
        )


def network(optimizer, **more):
    return st.MLPRegressor(
        hidden_layer_sizes=(20, 10), optimizer=optimizer, batch_size=60, random_state=1, **more
    )


def test_a_rate_of_zero_keeps_a_layer_as_it_is(isa, dtype):
    inputs, targets = X.astype(dtype), Y.astype(dtype)
    start = network(SGD(0.0)).partial_fit(inputs, targets)
    kept = network(Adam(0.01, groups=[Group(layers=[0, 2], learning_rate=0.0)]))
    kept.partial_fit(inputs, targets, epochs=3)
    for layer, same in enumerate((True, False, True)):
        assert np.array_equal(kept.coefs_[layer], start.coefs_[layer]) == same
        assert np.array_equal(kept.intercepts_[layer], start.intercepts_[layer]) == same


def test_groups_that_change_nothing_change_no_bit(isa, dtype):
    inputs, targets = X.astype(dtype), Y.astype(dtype)
    for plain in (SGD(0.05), AdamW(0.01), Momentum(0.01, l2=0.1)):
        grouped = replace(plain, groups=[Group(layers=1), Group(layers=0, kind="weights")])
        a, b = (network(o).partial_fit(inputs, targets, epochs=2) for o in (plain, grouped))
        for x, y in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
            np.testing.assert_array_equal(x, y)


def test_threads_do_not_change_the_bits(isa):
    def fitted(n_threads):
        return st.MLPRegressor(
            hidden_layer_sizes=(150, 150),
            optimizer=Adam(0.01, groups=GROUPS),
            batch_size=150,
            random_state=1,
            n_threads=n_threads,
        ).partial_fit(X, Y, epochs=2)

    one, two = fitted(1), fitted(2)
    for a, b in zip(one.coefs_ + one.intercepts_, two.coefs_ + two.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_schedule_moves_the_decay_of_the_groups_too(isa):
    """Without gradients, weights shrink by the product of 1 - rate * decay."""
    optimizer = SGD(
        0.1, weight_decay=0.5, groups=[Group(layers=1, kind="weights", weight_decay=2.0)]
    )
    factors = st.schedules.Table([1.0, 0.5, 0.25], unit="step")
    model = st.MLPRegressor(
        hidden_layer_sizes=(3,),
        activation="identity",
        optimizer=optimizer,
        schedule={"weight_decay": factors},
        alpha=0.0,
        batch_size=10,
        shuffle=False,
    )
    start = clone(model).set_params(optimizer=SGD(0.0), schedule=None, random_state=0)
    zeros = np.zeros((30, 2))
    start.partial_fit(zeros, np.zeros(30))
    model.set_params(random_state=0).partial_fit(zeros, np.zeros(30))  # biases keep a gradient
    shrunk = np.prod([1 - 0.1 * 0.5 * f for f in (1.0, 0.5, 0.25)])
    np.testing.assert_allclose(model.coefs_[0], shrunk * start.coefs_[0], rtol=1e-14)


# ---------------------------------------------------------------- linear models


@pytest.mark.parametrize("batch_size", [None, 300, 100])
@pytest.mark.parametrize("targets", [Y, Y[:, 0]], ids=["two", "one"])
def test_the_intercept_has_a_rate_of_its_own(isa, batch_size, targets):
    """On moments, on the data and by mini-batches."""
    groups = [Group(kind="biases", learning_rate=0.0), Group(kind="weights", learning_rate=0.5)]
    kwargs = {"batch_size": batch_size, "standardize": False, "shuffle": False, "tol": 0.0}
    stop = [st.stopping.MaxSteps(6)]
    grouped = st.LinearRegression(optimizer=SGD(0.1, groups=groups), stop=stop, **kwargs)
    plain = st.LinearRegression(optimizer=SGD(0.05), fit_intercept=False, stop=stop, **kwargs)
    grouped.fit(X - X.mean(axis=0), targets)
    plain.fit(X - X.mean(axis=0), targets)
    if batch_size != 100:  # columns of mean 0 do not see the intercept
        np.testing.assert_allclose(grouped.coef_, plain.coef_, rtol=1e-12)
    assert not np.allclose(grouped.coef_, 0)
    moved = clone(grouped).set_params(optimizer=SGD(0.1)).fit(X - X.mean(axis=0), targets)
    assert np.all(np.abs(np.atleast_1d(moved.intercept_)) > 1e-3)


@pytest.mark.parametrize(
    "model",
    [
        st.LogisticRegression(standardize=False),
        st.LinearRegression(loss="huber", standardize=False),
        st.PolynomialRegression(2, basis="chebyshev"),
    ],
    ids=lambda model: type(model).__name__,
)
def test_weights_that_have_no_rate_stay_zero(isa, model):
    optimizer = SGD(0.1, groups=[Group(layers=0, kind="weights", learning_rate=0.0)])
    model = clone(model).set_params(optimizer=optimizer, stop=[st.stopping.MaxSteps(5)], tol=0.0)
    inputs = X[:, :1] if isinstance(model, st.PolynomialRegression) else X
    targets = (Y[:, 0] > -1).astype(int) if isinstance(model, st.LogisticRegression) else Y[:, 0]
    model.fit(inputs, targets)
    if isinstance(model, st.PolynomialRegression):
        assert np.all(model.coef_[1:] == 0)
        assert model.coef_[0] != 0
    else:
        assert np.all(model.coef_ == 0)
        assert np.all(model.intercept_ != 0)


# ---------------------------------------------------------------- stand-alone steps


def test_a_list_is_weights_and_biases_by_turns(isa, dtype, optimizer):
    """Each array by an optimizer of its own, and the compiled steps by the reference."""
    rng = np.random.default_rng(0)
    shapes = [(4, 3), (3,), (3, 5), (5,), (5, 2), (2,)]
    start = [rng.standard_normal(s).astype(dtype) for s in shapes]
    gradients = [[rng.standard_normal(s).astype(dtype) for s in shapes] for _ in range(9)]
    ours, twin = [p.copy() for p in start], [p.astype(float) for p in start]
    alone = [p.copy() for p in start]
    # Bare biases decay like the weights; in GROUPS they have a decay, and l2 is the optimizer's.
    own = [
        o if i % 2 == 0 else replace(o, l2=optimizer.l2) for i, o in enumerate(apart(optimizer, 3))
    ]
    state, twin_state = optimizer.init(ours), optimizer.init(twin)
    states = [o.init(p) for o, p in zip(own, alone, strict=True)]
    for gradient in gradients:
        optimizer.step(ours, gradient, state)
        ref.optimizer_step(optimizer, twin, [g.astype(float) for g in gradient], twin_state)
        for o, p, g, s in zip(own, alone, gradient, states, strict=True):
            o.step(p, g, s)
    eps = np.finfo(dtype).eps
    for a, b, c in zip(ours, alone, twin, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=30 * eps)
        np.testing.assert_allclose(a, c, rtol=0, atol=100 * eps)
    assert state["step"] == 9


def test_optimizers_with_groups_are_compared_and_pickled(isa):
    optimizer = Adam(0.1, groups=[Group(layers=[0, 1], learning_rate=0.5)])
    theta = [np.ones((2, 2)), np.ones(2), np.ones((2, 1)), np.ones(1)]
    optimizer.step(theta, theta, optimizer.init(theta))
    again = pickle.loads(pickle.dumps(optimizer))
    assert again == optimizer == replace(optimizer)
    assert hash(again) == hash(optimizer)
    assert optimizer != Adam(0.1)


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Group(kind="bias"), ValueError, "kind must be one of 'weights', 'biases'"),
        (lambda: Group(layers=1.5), TypeError, "layers must be an integer"),
        (lambda: Group(layers="0"), TypeError, "layers must be an integer"),
        (lambda: Group(layers=[0, "a"]), TypeError, r"layers\[1\] must be an integer"),
        (lambda: Group(layers=()), ValueError, "layers must name at least one"),
        (lambda: Group(learning_rate=-1), ValueError, "learning_rate must be"),
        (lambda: Group(l2=np.inf), ValueError, "l2 must be"),
        (lambda: Adam(groups=Group()), TypeError, "groups must be a tuple of Group"),
        (lambda: Adam(groups=[1]), TypeError, r"groups\[0\] must be a Group"),
        (
            lambda: Rprop(groups=[Group(learning_rate=0.5)]),
            ValueError,
            r"groups\[0\]: learning_rate must be 1",
        ),
        (
            lambda: network(Adam(groups=[Group(layers=3)])).fit(X, Y),
            ValueError,
            r"groups\[0\]: layers names layer 3, but there are 3 layers, from 0 or -3 on",
        ),
        (
            lambda: network(Adam(groups=[Group(layers=0), Group(kind="biases")])).fit(X, Y),
            ValueError,
            r"groups\[0\] and groups\[1\] both have the biases of layer 0",
        ),
        (
            lambda: st.LinearRegression(optimizer=Adam(groups=[Group(layers=1)])).fit(X, Y),
            ValueError,
            "there is 1 layer, from 0 or -1 on",
        ),
        (
            lambda: st.minimize(lambda x: x @ x, [1.0], optimizer=Adam(groups=[Group()])),
            ValueError,
            "optimizer: groups divide the layers of a model",
        ),
        (
            lambda: Adam(groups=[Group()]).step(np.ones(3), np.ones(3), Adam().init(np.ones(3))),
            ValueError,
            "groups divide a list of arrays, .* but theta is one array",
        ),
        (
            lambda: Adam(groups=[Group()]).step(
                [np.ones(3)], [np.ones(3)], Adam().init([np.ones(3)])
            ),
            ValueError,
            "theta is 1 arrays",
        ),
    ],
)
def test_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
