"""Dropout: masks against the NumPy generator, steps against the reference network, and what it must not change."""

from __future__ import annotations

import pickle
import warnings
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse
import sklearn.neural_network as sk
from gradcheck import assert_gradient
from sklearn.exceptions import ConvergenceWarning
from tolerances import assert_close, in_float64

import steepest as st
from steepest import _native
from steepest import reference as ref
from steepest.estimators.base import Data, NetworkState, descent_config, network_descent
from steepest.stopping import MaxSteps

AVAILABLE = st.available_instruction_sets()
FUSED = [name for name in AVAILABLE if _native.load(name).build_info()["fused_multiply_add"]]
SEED = 2**40 + 5
RATES = (0.0, 0.1, 0.5, 0.9)


def quietly(call, *arguments, **named):
    """Call without the warnings that a limit of epochs was reached."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return call(*arguments, **named)


def parameters_of(model):
    return [*model.coefs_, *model.intercepts_]


def assert_same(actual, desired):
    for a, b in zip(actual, desired, strict=True):
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------- the reference's masks


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_rate_of_the_masks(rate):
    """The number of kept units is binomial: six standard deviations."""
    n, width = 400, 250
    mask = ref.dropout_mask(n, width, rate, SEED, step=3)
    kept = mask > 0
    deviation = np.sqrt(rate * (1 - rate) / kept.size)
    assert abs(kept.mean() - (1 - rate)) < 6 * deviation + 2.0**-17
    np.testing.assert_allclose(mask[kept], 1 / (1 - rate), rtol=2.0**-13)
    # The mean is that of what is masked, exactly in expectation.
    assert abs(mask.mean() - 1) < 6 * deviation / (1 - rate)
    for axis, m in ((0, n), (1, width)):  # no row and no column stands out
        assert (abs(kept.mean(axis=axis) - (1 - rate)) < 7 * np.sqrt(rate * (1 - rate) / m)).all()


def test_masks_of_other_steps_layers_and_seeds_are_independent():
    def signs(**change):
        settings = {"seed": SEED, "step": 0, "hidden_layer": 0} | change
        return np.sign(ref.dropout_mask(200, 50, 0.5, **settings) - 1).ravel()

    first = signs()
    for other in ({"step": 1}, {"step": 2**33}, {"hidden_layer": 1}, {"seed": SEED + 1}):
        assert abs(np.mean(first * signs(**other))) < 6 / np.sqrt(first.size), other
    for shift in (1, 2, 49, 50, 51):
        assert abs(np.mean(first[shift:] * first[:-shift])) < 6 / np.sqrt(first.size), shift


@pytest.mark.parametrize("rate", [1e-9, 1 - 1e-9])
def test_rates_near_the_ends_are_neither_never_nor_always(rate):
    mask = ref.dropout_mask(1, 2, rate, SEED, 0)
    assert np.isfinite(mask).all()
    assert mask.max() in (0.0, 2.0**16, 2**16 / (2**16 - 1))


# ---------------------------------------------------------------- a step against the reference


def make_network(rng, widths, dtype):
    weights = [
        (rng.standard_normal((i, o)) / np.sqrt(i)).astype(dtype) for i, o in pairwise(widths)
    ]
    return weights, [(0.3 * rng.standard_normal(o)).astype(dtype) for o in widths[1:]]


def masks_of(rates, widths, rows, step):
    return [
        ref.dropout_mask(rows, width, rate, SEED, step, layer)
        for layer, (rate, width) in enumerate(zip(rates, widths[1:-1], strict=True))
    ]


def descend(
    weights,
    biases,
    data,
    hidden,
    rates,
    *,
    loss="squared",
    steps=1,
    batch_size=0,
    first_step=0,
    **more,
):
    """Run a descent of so many steps; return its result and the state at the end."""
    model = {"hidden": hidden, "output": "identity", "loss": loss, "l2": 0.0}
    model["output_scale"] = 1.0 / data.y.shape[1] if data.y.ndim == 2 else 1.0
    if rates is not None:
        model |= {"dropout": list(rates), "dropout_seed": SEED, "dropout_step": first_step}
    settings = {"by_points": False, "batch_size": batch_size, "n_threads": 1} | more
    config = descent_config(st.SGD(1.0), None, [MaxSteps(steps)], {}, **settings)
    state = NetworkState([w.copy() for w in weights], [b.copy() for b in biases])
    return network_descent(state, data, None, model, config, None), state


SHAPES = [
    ((2, 16, 1), 37),  # the small kind, which has no masks of its own
    ((3, 7, 1), 5),
    ((9, 33, 17, 3), 64),
    ((5, 1, 2, 2), 13),
    ((20, 64, 30, 2), 700),  # three blocks of rows
]


@pytest.mark.parametrize(("widths", "rows"), SHAPES, ids=str)
@pytest.mark.parametrize("hidden", ["relu", "tanh", "logistic", "identity"])
def test_a_step_is_the_references(isa, dtype, rng, widths, rows, hidden):
    """With a rate of 1, what a step takes off the parameters is the gradient."""
    weights, biases = make_network(rng, widths, dtype)
    X = rng.standard_normal((rows, widths[0])).astype(dtype)
    y = rng.standard_normal((rows, widths[-1])).astype(dtype)
    rates = [0.5, 0.2][: len(widths) - 2]
    result, state = descend(weights, biases, Data(X, y), hidden, rates, first_step=7)
    ws, bs = in_float64(weights), in_float64(biases)
    loss, d_weights, d_biases = ref.dropout_network_loss_gradient(
        ws, bs, in_float64(X), in_float64(y), masks_of(rates, widths, rows, 7), "identity", hidden
    )
    chain = [*(w + 1 for w in widths), *(w + 1 for w in widths), rows]
    assert_close(result["history"]["loss"], [loss], dtype, "matmul chain", chain, scale=2 + loss)
    scale = 10.0 + loss
    for kept, before, gradient in ((state.weights, ws, d_weights), (state.biases, bs, d_biases)):
        wanted = [p - g for p, g in zip(before, gradient, strict=True)]
        assert_close(kept, wanted, dtype, "matmul chain", chain, scale=scale)


@pytest.mark.parametrize("loss", ["softmax", "logistic"])
def test_the_other_losses_too(isa, rng, loss):
    widths, rates = (6, 12, 9, 3), (0.3, 0.6)
    weights, biases = make_network(rng, widths, np.float64)
    X = rng.standard_normal((50, 6))
    y = rng.integers(0, 3, 50) if loss == "softmax" else rng.integers(0, 2, (50, 3)).astype(float)
    hidden = ["tanh", "relu"]
    result, state = descend(weights, biases, Data(X, y), hidden, rates, loss=loss)
    masks = masks_of(rates, widths, 50, 0)
    expected, d_weights, d_biases = ref.dropout_network_loss_gradient(
        weights, biases, X, y, masks, loss, hidden
    )
    assert result["history"]["loss"][0] == pytest.approx(expected, rel=1e-12)
    for kept, before, gradient in (
        (state.weights, weights, d_weights),
        (state.biases, biases, d_biases),
    ):
        wanted = [p - g for p, g in zip(before, gradient, strict=True)]
        assert_close(kept, wanted, np.float64, "matmul chain", [7, 13, 10, 50], scale=10.0)


@pytest.mark.parametrize("loss", ["squared", "softmax", "logistic", "poisson"])
@pytest.mark.parametrize("hidden", [("tanh", "logistic"), ("logistic", "tanh")], ids=" then ".join)
def test_the_reported_loss_is_the_one_that_is_differentiated(rng, loss, hidden):
    """At a fixed mask, by central differences of what the history says."""
    widths, rates = (3, 5, 4, 2), (0.4, 0.25)
    weights, biases = make_network(rng, widths, np.float64)
    X = rng.standard_normal((20, 3))
    y = rng.integers(0, 2, 20) if loss == "softmax" else rng.integers(0, 2, (20, 2)).astype(float)

    def run(parameters):
        return descend(parameters[:3], parameters[3:], Data(X, y), list(hidden), rates, loss=loss)

    def reported(parameters):
        return run(parameters)[0]["history"]["loss"][0]

    start = [*weights, *biases]
    _, state = run(start)
    gradient = [p - q for p, q in zip(start, [*state.weights, *state.biases], strict=True)]
    assert_gradient(reported, start, gradient)


def test_a_mask_by_hand(isa, dtype):
    """One input, one ReLU unit, one row: dropped, nothing is learnt but the last bias; kept, it counts double."""
    w, b = [np.ones((1, 1), dtype)] * 2, [np.zeros(1, dtype)] * 2
    data = Data(np.array([[3.0]], dtype), np.array([[1.0]], dtype))
    seen = set()
    for step in range(20):
        result, state = descend(w, b, data, "relu", [0.5], first_step=step)
        (mask,) = ref.dropout_mask(1, 1, 0.5, SEED, step).ravel()
        seen.add(float(mask))
        f = mask * 3.0
        assert result["history"]["loss"][0] == (f - 1) ** 2
        d = 2 * (f - 1)
        moved = [1 - d * mask * 3, 1 - d * f, -d * mask, -d]
        assert [float(a.item()) for a in (*state.weights, *state.biases)] == moved
    assert seen == {0.0, 2.0}


def test_masks_count_the_steps_and_the_rows_of_the_batch(isa, rng):
    """Two batches of unequal size, twice: steps 0 ... 3, rows from 0 in each."""
    widths, rates = (4, 9, 6, 2), (0.5, 0.3)
    weights, biases = make_network(rng, widths, np.float64)
    X, y = rng.standard_normal((50, 4)), rng.standard_normal((50, 2))
    _, state = descend(weights, biases, Data(X, y), "tanh", rates, steps=4, batch_size=30)
    for step in range(4):
        rows = slice(0, 30) if step % 2 == 0 else slice(30, 50)
        n = rows.stop - rows.start
        _, d_weights, d_biases = ref.dropout_network_loss_gradient(
            weights,
            biases,
            X[rows],
            y[rows],
            masks_of(rates, widths, n, step),
            activation="tanh",
        )
        weights = [w - g for w, g in zip(weights, d_weights, strict=True)]
        biases = [b - g for b, g in zip(biases, d_biases, strict=True)]
    assert_close(state.weights, weights, np.float64, "matmul chain", [100] * 4, scale=100.0)
    assert_close(state.biases, biases, np.float64, "matmul chain", [100] * 4, scale=100.0)


def test_infinity_of_a_dropped_unit_goes_nowhere(isa, dtype):
    """A factor 0 would make it NaN."""
    weights = [np.array([[np.finfo(dtype).max, 1.0]], dtype), np.ones((2, 1), dtype)]
    biases = [np.zeros(2, dtype), np.zeros(1, dtype)]
    data = Data(np.full((1, 1), 10, dtype), np.ones((1, 1), dtype))
    outcomes = set()
    for step in range(20):
        result, _ = descend(weights, biases, data, "identity", [0.5], first_step=step)
        kept = bool(ref.dropout_mask(1, 2, 0.5, SEED, step)[0, 0] > 0)
        outcomes.add((kept, result["status"]))
    assert outcomes == {(True, "diverged"), (False, "max_steps")}


# ---------------------------------------------------------------- the same bits


def problem_of(rng, dtype, sparse=False):
    widths = (70, 64, 33, 3)
    weights, biases = make_network(rng, widths, dtype)
    X = scipy.sparse.random(900, 70, 0.05, "csr", dtype=dtype, random_state=1)
    y = rng.integers(0, 3, 900)
    return weights, biases, X if sparse else X.toarray(), y


@pytest.mark.skipif(len(FUSED) < 2, reason="one instruction set with FMA: no other")
@pytest.mark.parametrize("hidden", ["relu", "tanh", "logistic"])
def test_all_instruction_sets_have_the_same_bits(dtype, rng, hidden):
    weights, biases, X, y = problem_of(rng, dtype)
    ends = []
    before = st.instruction_set()
    for name in FUSED:
        st.use_instruction_set(name)
        _, state = descend(
            weights, biases, Data(X, y), hidden, (0.5, 0.1), loss="softmax", steps=5, batch_size=301
        )
        ends.append([*state.weights, *state.biases])
    st.use_instruction_set(before)
    for end in ends[1:]:
        assert_same(end, ends[0])


@pytest.mark.parametrize("batch_size", [0, 700, 301])
def test_any_number_of_threads_has_the_same_bits(isa, dtype, rng, batch_size):
    weights, biases, X, y = problem_of(rng, dtype)
    ends = []
    for n_threads in (1, 2, 3):
        _, state = descend(
            weights,
            biases,
            Data(X, y),
            "tanh",
            (0.5, 0.1),
            loss="softmax",
            steps=12,
            batch_size=batch_size,
            n_threads=n_threads,
        )
        ends.append([*state.weights, *state.biases])
    assert_same(ends[1], ends[0])
    assert_same(ends[2], ends[0])


def test_sparse_rows_have_the_same_masks(isa, dtype, rng):
    weights, biases, X, y = problem_of(rng, dtype, sparse=True)
    from steepest.estimators.sparse import sparse_rows

    ends = []
    for given in (sparse_rows(X), X.toarray()):
        _, state = descend(
            weights,
            biases,
            Data(given, y),
            "relu",
            (0.5, 0.0),
            loss="softmax",
            steps=3,
            batch_size=400,
        )
        ends.append([*state.weights, *state.biases])
    assert_same(*ends)


def test_rates_of_zero_are_no_dropout(isa, dtype, rng):
    """Bit for bit, though the general pass takes the place of that for the smallest networks."""
    weights, biases = make_network(rng, (2, 16, 1), dtype)
    X = rng.standard_normal((100, 2)).astype(dtype)
    data = Data(X, rng.standard_normal((100, 1)).astype(dtype))
    ends = []
    for rates in (None, [0.0]):
        result, state = descend(weights, biases, data, "tanh", rates, steps=5, batch_size=32)
        ends.append([*state.weights, *state.biases, result["history"]["loss"]])
    assert_same(*ends)


# ---------------------------------------------------------------- estimators


def table(rng, n=80):
    X = rng.standard_normal((n, 4))
    return X, np.tanh(X @ rng.standard_normal(4))


KINDS = {
    "regressor": (st.MLPRegressor, lambda y: y),
    "classifier": (st.MLPClassifier, lambda y: (y > 0).astype(int)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dropout", [0, 0.0, (0.0, 0.0), [0, 0]], ids=str)
def test_without_dropout_the_numbers_are_scikit_learns(rng, kind, dropout):
    ours, target = KINDS[kind]
    X, y = table(rng)
    parameters = {"hidden_layer_sizes": (7, 6), "max_iter": 6, "random_state": 4}
    model = quietly(ours(dropout=dropout, **parameters).fit, X, target(y))
    theirs = quietly(getattr(sk, ours.__name__)(**parameters).fit, X, target(y))
    np.testing.assert_allclose(model.loss_curve_, theirs.loss_curve_, rtol=1e-10)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_dropout_does_not_move_weights_hold_out_or_shuffles(rng, early_stopping):
    """A rate so small that nothing is dropped here: the key is drawn, and costs the shuffles one draw."""
    X, y = table(rng)
    state = np.random.RandomState(3)
    parameters = {"hidden_layer_sizes": (7,), "max_iter": 1, "early_stopping": early_stopping}
    parameters |= {"optimizer": st.SGD(0.0)}
    plain = quietly(st.MLPRegressor(random_state=3, **parameters).fit, X, y)
    dropped = quietly(st.MLPRegressor(random_state=state, dropout=0.5, **parameters).fit, X, y)
    assert_same(parameters_of(plain), parameters_of(dropped))
    if early_stopping:  # the held-out rows are the same, and none of their units is dropped
        assert plain.validation_scores_ == dropped.validation_scores_
    assert plain.loss_ != dropped.loss_


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dropout", [0.5, (0.2, 0.0)], ids=str)
def test_the_seed_decides_everything(rng, kind, dropout):
    ours, target = KINDS[kind]
    X, y = table(rng)
    fits = [
        quietly(
            ours(hidden_layer_sizes=(7, 6), dropout=dropout, max_iter=5, random_state=seed).fit,
            X,
            target(y),
        )
        for seed in (0, 0, 1)
    ]
    assert_same(parameters_of(fits[0]), parameters_of(fits[1]))
    assert fits[0].loss_curve_ == fits[1].loss_curve_ != fits[2].loss_curve_


def test_predictions_and_validation_use_all_units(rng):
    X, y = table(rng)
    model = st.MLPRegressor(
        hidden_layer_sizes=(7, 6), activation="tanh", dropout=0.5, max_iter=4, random_state=0
    )
    quietly(model.fit, X, y, validation_data=(X, y))
    output, _ = ref.relu_network_forward(model.coefs_, model.intercepts_, X, activation="tanh")
    assert_close(model.predict(X), output[:, 0], np.float64, "matmul chain", [5, 8, 7])
    error = 0.5 * np.mean((model.predict(X) - y) ** 2)
    assert model.history_["validation_loss"][-1] == pytest.approx(error, rel=1e-12)


def test_partial_fit_k_times_is_a_fit_of_k_epochs(rng):
    X, y = table(rng)
    parameters = {"hidden_layer_sizes": (7, 6), "dropout": 0.5, "shuffle": False, "batch_size": 20}
    once = quietly(st.MLPRegressor(max_iter=4, random_state=1, **parameters).fit, X, y)
    often = st.MLPRegressor(random_state=1, **parameters)
    for i in range(4):
        often.partial_fit(X, y)
        if i == 1:
            often = pickle.loads(pickle.dumps(often))
    assert_same(parameters_of(once), parameters_of(often))


def test_warm_start_goes_on_with_the_masks(rng):
    """A second fit would repeat the first one's masks otherwise: SGD without momentum shows that it doesn't."""
    X, y = table(rng)
    parameters = {"hidden_layer_sizes": (7, 6), "dropout": 0.5, "shuffle": False, "batch_size": 20}
    parameters |= {"optimizer": st.SGD(0.1), "random_state": 1}
    once = quietly(st.MLPRegressor(max_iter=4, **parameters).fit, X, y)
    twice = st.MLPRegressor(max_iter=2, warm_start=True, **parameters)
    for _ in range(2):
        quietly(twice.fit, X, y)
    assert_same(parameters_of(once), parameters_of(twice))
    again = quietly(twice.set_params(warm_start=False, max_iter=4).fit, X, y)
    assert_same(parameters_of(once), parameters_of(again))


def test_dropout_can_begin_later(rng):
    X, y = table(rng)
    runs = []
    for _ in range(2):
        model = quietly(
            st.MLPRegressor(hidden_layer_sizes=(7,), max_iter=2, random_state=0).fit, X, y
        )
        model.set_params(dropout=0.5).partial_fit(X, y)
        runs.append(parameters_of(model))
    assert_same(*runs)


def test_a_failed_fit_leaves_the_masks_as_they_were(rng):
    X, y = table(rng)
    model = st.MLPRegressor(hidden_layer_sizes=(7,), dropout=0.5, max_iter=2, random_state=0)
    quietly(model.fit, X, y)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="finite"):
        model.fit(X, np.full_like(y, np.nan))
    assert vars(model).keys() == before.keys()
    assert model._masks == before["_masks"]


@pytest.mark.parametrize(
    ("dropout", "error", "message"),
    [
        (1.0, ValueError, "dropout must be a number >= 0 and < 1, but is 1.0"),
        (-0.1, ValueError, "dropout must be a number >= 0 and < 1"),
        (np.nan, ValueError, "dropout must be"),
        ("half", TypeError, "dropout must be a number"),
        (None, TypeError, "dropout must be a number"),
        (
            (0.5,),
            ValueError,
            "dropout must have one entry for each of the 2 hidden layers, but has 1",
        ),
        ((0.5, 2), ValueError, r"dropout\[1\] must be a number >= 0 and < 1, but is 2"),
    ],
    ids=str,
)
def test_bad_rates(rng, dropout, error, message):
    X, y = table(rng)
    with pytest.raises(error, match=message):
        st.MLPRegressor(hidden_layer_sizes=(7, 6), dropout=dropout).fit(X, y)


def test_lbfgs_refuses_dropout(rng):
    X, y = table(rng)
    with pytest.raises(TypeError, match="dropout belongs to the stochastic solvers"):
        st.MLPRegressor(hidden_layer_sizes=(7,), solver="lbfgs", dropout=0.5).fit(X, y)
    quietly(st.MLPRegressor(hidden_layer_sizes=(7,), solver="lbfgs", dropout=(0.0,)).fit, X, y)


def test_without_a_hidden_layer_there_is_nothing_to_drop(rng):
    X, y = table(rng)
    parameters = {"hidden_layer_sizes": (), "max_iter": 3, "random_state": 0}
    plain = quietly(st.MLPRegressor(**parameters).fit, X, y)
    assert_same(
        parameters_of(plain),
        parameters_of(quietly(st.MLPRegressor(dropout=0.5, **parameters).fit, X, y)),
    )
