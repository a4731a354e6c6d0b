"""A step of the compiled descent is a gradient and an optimizer's step, bit for bit.

The descent takes its steps piece by piece, while the gradient is being computed and before all of it is known.
What it leaves must be what ``network_loss_gradient`` and ``Optimizer.step`` give, in turn, on the same batches.
There is no tolerance here: the same sums are rounded in the same order.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from test_threads import assert_same_bits, network_problem, trained

import steepest as st
from steepest import _native
from steepest.estimators.base import Data, NetworkState, descent_config, network_descent
from steepest.stopping import MaxEpochs

SEED, EPOCHS = 3, 2
PLAIN = {"hidden": "relu", "output": "identity", "loss": "squared", "output_scale": 1.0, "l2": 0.0}
MODELS = {
    "squared": PLAIN,
    "squared-l2": {**PLAIN, "hidden": "tanh", "l2": 0.01, "output_scale": 0.5},
    "squared-tanh": {**PLAIN, "output": "tanh"},
    "squared-logistic": {**PLAIN, "hidden": "logistic", "output": "logistic"},
    "softmax": {**PLAIN, "loss": "softmax"},
    "logistic-l2": {**PLAIN, "hidden": "logistic", "loss": "logistic", "l2": 0.1},
    "poisson": {**PLAIN, "hidden": "identity", "loss": "poisson"},
}
OPTIMIZERS = [
    st.SGD(0.01),
    st.Momentum(0.01, 0.9),
    st.Momentum(0.01, 0.9, "step", nesterov=True),
    st.Momentum(0.01, 0.9, "average"),
    st.Adam(0.01),
    st.AdamW(0.01, weight_decay=0.1),
    st.SGD(0.01, l2=0.1),
    st.RMSprop(0.01, momentum=0.5, centered=True, weight_decay=0.1),
    st.AMSGrad(0.01),
    st.NAdam(0.01),
    st.Rprop(0.01),
]
# widths, rows, rows of a batch: the last batch is smaller.
SHAPES = [
    ((1, 16, 1), 70, 32),
    ((1, 10, 1), 70, 32),  # units that fill no vector
    ((2, 32, 1), 70, 31),
    ((2, 9, 1), 5, 1),
    ((1, 1), 9, 4),
    ((8, 64, 1), 70, 32),
    ((3, 17, 5), 70, 7),
    ((64, 128, 10), 150, 64),
    ((300, 200, 7), 131, 129),
    ((512, 9, 8), 40, 33),  # rows of inputs 2 KiB or 4 KiB apart
    ((4, 16, 600), 40, 33),
    ((200, 21, 70, 6), 70, 33),  # few outputs behind many inputs
]
SEVERAL_BLOCKS = [((1, 16, 1), 4000, 3000), ((2, 40, 3), 4000, 3000), ((16, 300, 40), 1500, 1400)]


def problem(rng, widths, rows, loss, dtype, weighted=False):
    weights = [(rng.standard_normal(s) / np.sqrt(s[0])).astype(dtype) for s in pairwise(widths)]
    biases = [(0.1 * rng.standard_normal(width)).astype(dtype) for width in widths[1:]]
    X = rng.standard_normal((rows, widths[0])).astype(dtype)
    y = rng.random((rows, widths[-1])).astype(dtype)
    if loss == "softmax":
        y = rng.integers(0, widths[-1], rows)
    return weights, biases, Data(X, y, rng.random(rows).astype(dtype) if weighted else None)


def batches(rows, batch_size, shuffle):
    for epoch in range(EPOCHS):
        order = _native.core.permutation(rows, SEED, epoch) if shuffle else np.arange(rows)
        for first in range(0, rows, batch_size):
            yield order[first : first + batch_size]


def without_decay(optimizer):
    """Return what moves the biases."""
    return replace(optimizer, l2=0.0, weight_decay=0.0)


def by_hand(weights, biases, data, model, optimizer, batch_size, shuffle):
    """Return parameters and moments after gradients and steps, one after the other, as one list."""
    weights, biases = [w.copy() for w in weights], [b.copy() for b in biases]
    for_biases = without_decay(optimizer)
    of_weights, of_biases = optimizer.init(weights), for_biases.init(biases)
    for rows in batches(len(data.X), batch_size, shuffle):
        _, d_weights, d_biases = _native.core.network_loss_gradient(
            weights,
            biases,
            data.X[rows],
            data.y[rows],
            None if data.sample_weight is None else data.sample_weight[rows],
            *(model[name] for name in ("hidden", "output", "loss", "output_scale", "l2")),
        )
        optimizer.step(weights, d_weights, of_weights)
        for_biases.step(biases, d_biases, of_biases)
    moments = [a for slot in optimizer.slots for a in (*of_weights[slot], *of_biases[slot])]
    return [*weights, *biases, *moments]


def by_descent(weights, biases, data, model, optimizer, batch_size, shuffle):
    config = descent_config(
        optimizer,
        None,
        [MaxEpochs(EPOCHS)],
        {},
        by_points=False,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=SEED,
    )
    state = NetworkState(list(weights), list(biases))
    model = {**model, "weights_by_batch": data.sample_weight is not None}
    assert network_descent(state, data, None, model, config, None)["status"] == "max_epochs"
    return [*state.weights, *state.biases, *(a for w, b in state.slots for a in (*w, *b))]


def assert_same(actual, desired):
    assert len(actual) == len(desired)
    for a, d in zip(actual, desired, strict=True):
        np.testing.assert_array_equal(a, d)
        assert np.isfinite(a).all()


def assert_a_descent_is_its_steps(given, model, optimizer, batch_size, shuffle):
    arguments = (*given, model, optimizer, batch_size, shuffle)
    assert_same(by_descent(*arguments), by_hand(*arguments))


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize(("widths", "rows", "batch_size"), SHAPES, ids=str)
def test_a_descent_is_its_steps(isa, dtype, rng, widths, rows, batch_size, optimizer, shuffle):
    given = problem(rng, widths, rows, "squared", dtype)
    assert_a_descent_is_its_steps(given, PLAIN, optimizer, batch_size, shuffle)


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("widths", [(1, 10, 1), (2, 20, 3), (33, 21, 17), (100, 90, 9)], ids=str)
def test_a_descent_of_any_loss_is_its_steps(isa, dtype, rng, widths, name, weighted):
    model = MODELS[name]
    given = problem(rng, widths, 50, model["loss"], dtype, weighted)
    assert_a_descent_is_its_steps(given, model, st.AdamW(0.01, weight_decay=0.1), 16, True)


@pytest.mark.parametrize(("widths", "rows", "batch_size"), SEVERAL_BLOCKS, ids=str)
@pytest.mark.parametrize("name", ["squared-l2", "squared-logistic"])
def test_a_descent_of_large_batches_is_its_steps(isa, dtype, rng, widths, rows, batch_size, name):
    """A gradient is added up over blocks of rows, and the step taken with the last of them."""
    given = problem(rng, widths, rows, "squared", dtype, weighted=True)
    assert_a_descent_is_its_steps(given, MODELS[name], st.Adam(0.01), batch_size, True)


# ---------------------------------------------------------------- the smallest networks


@pytest.mark.parametrize("rows", [1, 3, 7, 16, 50, 2500])
@pytest.mark.parametrize("width", [3, 8, 9, 16, 17, 32])
@pytest.mark.parametrize("n_in", [1, 2])
@pytest.mark.parametrize("hidden", ["identity", "relu", "tanh", "logistic"])
def test_a_shallow_network_is_what_it_is_among_wider_ones(
    isa, dtype, rng, hidden, n_in, width, rows
):
    """One more input, always 0, and the network goes through the general code: no bit may change."""
    weights, biases, data = problem(rng, (n_in, width, 1), rows, "squared", dtype)
    wider = np.zeros((3, width), dtype)
    wider[:n_in] = weights[0]
    X = np.zeros((rows, 3), dtype)
    X[:, :n_in] = data.X
    model, optimizer = {**PLAIN, "hidden": hidden, "l2": 0.01}, st.Adam(0.01)
    shallow = by_descent(weights, biases, data, model, optimizer, 2000, True)
    general = by_descent(
        [wider, weights[1]], biases, Data(X, data.y, None), model, optimizer, 2000, True
    )
    for at in (0, 4, 8):  # weights of the first layer and their moments
        assert not general[at][n_in:].any()
        general[at] = general[at][:n_in]
    assert_same(shallow, general)


# ---------------------------------------------------------------- on several threads

# The widest layer makes the network large enough for threads; another has fewer pieces than there are threads.
FEW_PIECES = [
    ((4, 16, 2000), 150),
    ((1, 16, 1500), 150),
    ((30, 16, 1000), 150),
    ((30, 10, 2000, 1), 150),
    ((60, 16, 900, 16), 150),
    ((2000, 9, 3), 150),
    ((3, 2000, 5), 150),
    ((14000, 1), 150),
]


@pytest.mark.parametrize("largest", [False, True], ids=["euclidean", "largest"])
@pytest.mark.parametrize(("widths", "batch_size"), FEW_PIECES, ids=str)
def test_layers_of_fewer_pieces_than_threads_have_the_same_bits(rng, widths, batch_size, largest):
    """The history's gradient norms too; biases, above all, are stepped once."""
    given = network_problem(rng, widths, "squared", np.float32, weighted=False)
    settings = {"batch_size": batch_size, "gradient_largest": largest}
    assert_same_bits(
        lambda n: trained(
            *given, MODELS["squared-l2"], st.Adam(0.01), given[2], n_threads=n, **settings
        )
    )


def test_more_threads_than_rows_or_pieces_have_the_same_bits(rng):
    given = network_problem(rng, (64, 2100, 10), "softmax", np.float32, weighted=False)
    hashes = {
        trained(*given, MODELS["softmax"], st.Adam(0.01), batch_size=13, n_threads=n)
        for n in (1, 4, 7, 9, 16)
    }
    assert len(hashes) == 1
