"""The compiled loop against the reference loop, step for step, and the identities between its paces."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from tolerances import assert_close, in_float64

import steepest as st
from steepest import _native
from steepest import reference as ref
from steepest.estimators.base import Data, NetworkState, descent_config, network_descent
from steepest.schedules import Constant, Cosine, Exponential, InverseTime, Step
from steepest.stopping import MaxEpochs, MaxSeconds, MaxSteps

ROWS, INPUTS, OUTPUTS, BATCH, SEED = 37, 5, 3, 8, 12345
STEPS_PER_EPOCH = 5  # 4 of 8 rows and one of 5

SQUARED = {"hidden": "relu", "output": "identity", "loss": "squared", "output_scale": 1 / OUTPUTS}
SOFTMAX = {"hidden": "relu", "output": "identity", "loss": "softmax"}
LOGISTIC = {"hidden": "tanh", "output": "identity", "loss": "logistic", "l2": 0.1}
MODELS = {"squared": SQUARED, "softmax": SOFTMAX, "logistic": LOGISTIC}

# Adam divides a gradient by its own size, so that an epsilon of 1e-8 would let a rounding error in a small gradient
# become a whole step (see tolerances.py); 0.1 keeps the map from gradients to steps smooth.
OPTIMIZERS = [
    st.SGD(0.1),
    st.Momentum(0.05, 0.9, "gradient"),
    st.Momentum(0.05, 0.9, "step"),
    st.Momentum(0.3, 0.9, "average"),
    st.Momentum(0.05, 0.8, "gradient", nesterov=True),
    st.Momentum(0.05, 0.8, "step", nesterov=True),
    st.Momentum(0.3, 0.8, "average", nesterov=True),
    st.Adam(0.02, epsilon=0.1),
    st.Adam(0.02, beta_1=0.7, beta_2=0.95, epsilon=0.1, epsilon_hat=True),
    st.AdamW(0.02, epsilon=0.1, weight_decay=0.3),
    st.SGD(0.1, l2=0.1, weight_decay=0.2),
    st.Momentum(0.05, 0.8, dampening=0.3, l2=0.1),
    st.Adagrad(0.1, 0.1, initial_sum=0.1),
    st.Adadelta(epsilon=0.1),
    st.RMSprop(0.02, 0.9, 0.1, momentum=0.5, weight_decay=0.3),
    st.RMSprop(0.02, 0.9, 0.1, centered=True, epsilon_inside=True),
    st.AMSGrad(0.02, 0.7, 0.9, 0.1),
    st.Adamax(0.02, epsilon=0.1),
    st.NAdam(0.02, epsilon=0.1),
    st.RAdam(0.02, beta_2=0.9, epsilon=0.1),
    st.AdaBelief(0.02, epsilon=0.1, epsilon_root=0.01),
    st.Lion(0.01, weight_decay=0.1),
    st.Rprop(0.01),
]
SCHEDULES = [
    Constant(),
    Step(4, 0.5),
    Step(2, 0.5, unit="epoch"),
    Exponential(0.9),
    Exponential(0.5, every=3.0),
    Exponential(0.7, unit="epoch"),
    InverseTime(0.3),
    InverseTime(0.5, every=2.0, unit="epoch"),
    Cosine(11, warmup=3, final=0.1),
    Cosine(2, unit="epoch"),
]


def problem(rng, dtype, loss="squared", widths=(INPUTS, 9, 4, OUTPUTS), rows=ROWS):
    """Return weights, biases and data."""
    weights = [(rng.standard_normal(s) / np.sqrt(s[0])).astype(dtype) for s in pairwise(widths)]
    biases = [(0.1 * rng.standard_normal(w)).astype(dtype) for w in widths[1:]]
    X = rng.standard_normal((rows, widths[0])).astype(dtype)
    if loss == "softmax":
        y = rng.integers(0, widths[-1], rows)
    elif loss == "logistic":
        y = rng.integers(0, 2, (rows, widths[-1])).astype(dtype)
    else:
        y = rng.standard_normal((rows, widths[-1])).astype(dtype)
    return weights, biases, Data(X, y)


def compiled(weights, biases, data, model, optimizer, *, schedule=None, stop=(), **settings):
    """Run the compiled descent the way the estimators do; return its state and result."""
    settings = {
        "batch_size": BATCH,
        "shuffle": True,
        "seed": SEED,
        "by_points": False,
        **settings,
    }
    config = descent_config(optimizer, schedule, stop, {}, **settings)
    state = NetworkState(list(weights), list(biases))
    result = network_descent(state, data, None, model, config, None)
    assert result["exception"] is None
    return state, result


class Reference:
    """The same model and data for the reference loop, in float64."""

    def __init__(self, weights, biases, data, model):
        self.layers = len(weights)
        self.theta = in_float64([*weights, *biases])
        self.X, self.y = in_float64(data.X), in_float64(data.y)
        self.model = model

    def loss_gradient(self, theta, rows):
        rows = slice(None) if rows is None else rows
        output = {"softmax": "softmax", "logistic": "logistic"}.get(self.model["loss"], "identity")
        loss, d_weights, d_biases = ref.relu_network_loss_gradient(
            theta[: self.layers],
            theta[self.layers :],
            self.X[rows],
            self.y[rows],
            output,
            self.model["hidden"],
        )
        # The reference's losses are means over all entries, softmax's over the rows.
        outputs = 1 if output == "softmax" else theta[-1].size
        scale = self.model.get("output_scale", 1.0) * outputs
        l2 = self.model.get("l2", 0.0)
        if self.model.get("l2_per_row"):
            l2 /= len(self.X[rows])
        gradient = [scale * g for g in (*d_weights, *d_biases)]
        for layer in range(self.layers):
            gradient[layer] += l2 * theta[layer]
        return scale * loss + l2 / 2 * sum(np.sum(w * w) for w in theta[: self.layers]), gradient

    def steps(self, optimizer, schedule, epochs, batch_size=BATCH, shuffle=True):
        """Return the parameters after each step, the first entry being the start."""
        theta = [part.copy() for part in self.theta]
        split = self.layers
        of_biases = without_decay(optimizer)
        states = optimizer.init(theta[:split]), of_biases.init(theta[split:])
        path = [[part.copy() for part in theta]]
        for epoch in range(epochs):
            for rows in ref.batches(len(self.X), batch_size, shuffle, SEED, epoch):
                step = states[0]["step"]
                time = epoch if schedule is not None and schedule.unit == "epoch" else step
                rate = optimizer.learning_rate * (1.0 if schedule is None else schedule(time))
                _, gradient = self.loss_gradient(theta, rows)
                ref.optimizer_step(optimizer, theta[:split], gradient[:split], states[0], rate)
                ref.optimizer_step(of_biases, theta[split:], gradient[split:], states[1], rate)
                path.append([part.copy() for part in theta])
        return path


def without_decay(optimizer):
    """Return what moves the biases: both forms of decay are for the weights."""
    return replace(optimizer, l2=0.0, weight_decay=0.0)


def dimensions(widths, rows, steps):
    """Inner dimensions of the products of all steps: forward, backward and over the rows."""
    return [*widths[:-1], *widths[1:], rows] * max(steps, 1)


def assert_same_parameters(state, theta, dtype, widths, steps, rows=BATCH):
    assert_close(
        [*state.weights, *state.biases],
        theta,
        dtype,
        "matmul chain",
        dimensions(widths, rows, steps),
        scale=1.0,
        name="theta",
    )


# ---------------------------------------------------------------- step for step


@pytest.mark.parametrize("loss", MODELS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_step_is_the_reference_step(isa, rng, dtype, optimizer, loss):
    weights, biases, data = problem(rng, dtype, loss)
    widths = (INPUTS, 9, 4, OUTPUTS)
    path = Reference(weights, biases, data, MODELS[loss]).steps(optimizer, None, epochs=3)
    for k in (0, 1, 4, 5, 6, 15):
        state, result = compiled(weights, biases, data, MODELS[loss], optimizer, stop=[MaxSteps(k)])
        assert result["n_steps"] == k
        assert result["status"] == "max_steps"
        assert_same_parameters(state, path[k], dtype, widths, k)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_schedules_act_as_in_the_reference(rng, dtype, schedule):
    optimizer = st.Momentum(0.05)
    weights, biases, data = problem(rng, dtype)
    reference = Reference(weights, biases, data, SQUARED)
    expected = ref.descend(
        reference.loss_gradient,
        reference.theta,
        optimizer,
        n_rows=ROWS,
        batch_size=BATCH,
        shuffle=True,
        seed=SEED,
        schedule=schedule,
        n_epochs=3,
    )
    state, result = compiled(
        weights, biases, data, SQUARED, optimizer, schedule=schedule, stop=[MaxEpochs(3)]
    )
    widths, steps = (INPUTS, 9, 4, OUTPUTS), 3 * STEPS_PER_EPOCH
    assert_same_parameters(state, expected["theta"], dtype, widths, steps)
    history = result["history"]
    assert_close(history["learning_rate"], expected["learning_rate"], np.float64, "transcendental")
    for name in ("loss", "gradient_norm"):
        inner = dimensions(widths, BATCH, steps)
        assert_close(history[name], expected[name], dtype, "matmul chain", inner, scale=1.0)


@pytest.mark.parametrize("batch_size", [1, 2, 8, 36, 37, 100])
@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_are_those_of_the_reference(rng, dtype, batch_size, shuffle):
    """Stochastic, mini-batch with a ragged end, and full; the same permutation from the same seed."""
    weights, biases, data = problem(rng, dtype, "softmax")
    reference = Reference(weights, biases, data, SOFTMAX)
    expected = ref.descend(
        reference.loss_gradient,
        reference.theta,
        st.SGD(0.05),
        n_rows=ROWS,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=SEED,
        n_epochs=2,
    )
    state, result = compiled(
        weights,
        biases,
        data,
        SOFTMAX,
        st.SGD(0.05),
        batch_size=batch_size,
        shuffle=shuffle,
        stop=[MaxEpochs(2)],
    )
    steps = 2 * -(-ROWS // batch_size)
    assert result["n_steps"] == result["n_evaluations"] == steps
    widths = (INPUTS, 9, 4, OUTPUTS)
    assert_same_parameters(state, expected["theta"], dtype, widths, steps, batch_size)
    inner = dimensions(widths, batch_size, steps)
    for name in ("loss", "gradient_norm"):
        assert_close(result["history"][name], expected[name], dtype, "matmul chain", inner, 1.0)


def test_a_default_adam_follows_the_reference(rng):
    """With epsilon 1e-8 as well, while gradients are far above rounding: here the least is 1e-5 of the largest."""
    weights, biases, data = problem(rng, np.float64)
    reference = Reference(weights, biases, data, {**SQUARED, "hidden": "tanh"})
    path = reference.steps(st.Adam(0.01), None, epochs=2)
    state, _ = compiled(
        weights, biases, data, {**SQUARED, "hidden": "tanh"}, st.Adam(0.01), stop=[MaxEpochs(2)]
    )
    np.testing.assert_allclose(
        np.concatenate([a.ravel() for a in (*state.weights, *state.biases)]),
        np.concatenate([a.ravel() for a in path[-1]]),
        atol=1e-9,
        rtol=0,
    )


def test_scikit_learns_penalty_is_divided_by_the_rows_of_each_batch(rng, dtype):
    model = {**SQUARED, "l2": 2.0, "l2_per_row": True}
    weights, biases, data = problem(rng, dtype)
    path = Reference(weights, biases, data, model).steps(st.SGD(0.1), None, epochs=1)
    state, _ = compiled(weights, biases, data, model, st.SGD(0.1), stop=[MaxEpochs(1)])
    assert_same_parameters(state, path[-1], dtype, (INPUTS, 9, 4, OUTPUTS), STEPS_PER_EPOCH)


def test_weight_decay_leaves_biases_alone(rng, dtype):
    """With a target that is met exactly the gradient is 0, and only the decay moves anything."""
    weights, biases, data = problem(rng, dtype, widths=(INPUTS, OUTPUTS))
    data.y = st.kernels.linear_predict(np.vstack([biases[0], weights[0]]), data.X)
    optimizer = st.AdamW(0.1, epsilon=1.0, weight_decay=0.5)
    state, _ = compiled(
        weights, biases, data, {**SQUARED, "hidden": "identity"}, optimizer, stop=[MaxSteps(1)]
    )
    assert_close(state.weights[0], 0.95 * weights[0].astype(float), dtype, "elementwise", scale=1.0)
    tiny = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(state.biases[0], biases[0], rtol=0, atol=tiny)


# ---------------------------------------------------------------- identities


def test_a_record_for_each_step_changes_no_step(isa, rng, dtype):
    """The same bits; the records' means over an epoch are its record, and the last one's norm and rate."""
    weights, biases, data = problem(rng, dtype)
    settings = {"schedule": Exponential(0.9), "stop": [MaxEpochs(3)]}
    plain, by_epochs = compiled(weights, biases, data, SQUARED, st.Adam(0.05), **settings)
    same, by_steps = compiled(
        weights, biases, data, SQUARED, st.Adam(0.05), each_step=True, **settings
    )
    for a, b in zip(plain.weights + plain.biases, same.weights + same.biases, strict=True):
        np.testing.assert_array_equal(a, b)
    assert by_steps["n_steps"] == by_epochs["n_steps"] == len(by_steps["history"]["loss"])
    assert by_steps["n_epochs"] == by_epochs["n_epochs"] == 3
    per_epoch = -(-ROWS // BATCH)
    sizes = np.full(per_epoch, BATCH)
    sizes[-1] = ROWS - BATCH * (per_epoch - 1)
    losses = by_steps["history"]["loss"].reshape(3, per_epoch)
    means = np.average(losses, axis=1, weights=sizes)
    np.testing.assert_allclose(means, by_epochs["history"]["loss"], rtol=1e-13)
    for name in ("gradient_norm", "learning_rate"):
        last = by_steps["history"][name][per_epoch - 1 :: per_epoch]
        np.testing.assert_array_equal(last, by_epochs["history"][name])
    np.testing.assert_allclose(
        by_steps["history"]["learning_rate"], 0.05 * 0.9 ** np.arange(3 * per_epoch), rtol=1e-13
    )


def test_a_batch_of_all_rows_is_the_full_gradient(isa, rng, dtype):
    """By epochs with batch = n, and by points: the same bits; shuffled, the same up to rounding."""
    weights, biases, data = problem(rng, dtype)
    optimizer, stop = st.Momentum(0.05), [MaxSteps(7)]
    whole = {"batch_size": ROWS, "shuffle": False, "stop": stop}
    by_epochs, by_epochs_result = compiled(weights, biases, data, SQUARED, optimizer, **whole)
    by_points, by_points_result = compiled(
        weights,
        biases,
        data,
        SQUARED,
        optimizer,
        batch_size=0,
        shuffle=False,
        by_points=True,
        stop=stop,
    )
    for a, b in zip(
        by_epochs.weights + by_epochs.biases, by_points.weights + by_points.biases, strict=True
    ):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(
        by_epochs_result["history"]["loss"], by_points_result["history"]["loss"][:-1]
    )
    shuffled, _ = compiled(weights, biases, data, SQUARED, optimizer, **{**whole, "shuffle": True})
    widths = (INPUTS, 9, 4, OUTPUTS)
    theta = in_float64([*by_points.weights, *by_points.biases])
    assert_same_parameters(shuffled, theta, dtype, widths, 7, ROWS)


def test_momentum_zero_is_gradient_descent(rng, dtype):
    weights, biases, data = problem(rng, dtype)
    plain, _ = compiled(weights, biases, data, SQUARED, st.SGD(0.1), stop=[MaxEpochs(2)])
    for velocity in ("gradient", "step", "average"):
        for nesterov in (False, True):
            optimizer = st.Momentum(0.1, 0.0, velocity, nesterov)
            state, _ = compiled(weights, biases, data, SQUARED, optimizer, stop=[MaxEpochs(2)])
            theta = in_float64([*plain.weights, *plain.biases])
            assert_same_parameters(state, theta, dtype, (INPUTS, 9, 4, OUTPUTS), 10)


def test_adam_without_memory_of_gradients_is_bias_corrected_rmsprop(rng):
    weights, biases, data = problem(rng, np.float64)
    reference = Reference(weights, biases, data, SQUARED)
    theta, square = [p.copy() for p in reference.theta], [0.0 * p for p in reference.theta]
    t = 0
    for epoch in range(2):
        for rows in ref.batches(ROWS, BATCH, True, SEED, epoch):
            t += 1
            _, gradient = reference.loss_gradient(theta, rows)
            for x, v, g in zip(theta, square, gradient, strict=True):
                v[...] = 0.95 * v + 0.05 * g * g
                x -= 0.01 * g / (np.sqrt(v / (1 - 0.95**t)) + 0.1)
    optimizer = st.Adam(0.01, beta_1=0.0, beta_2=0.95, epsilon=0.1)
    state, _ = compiled(weights, biases, data, SQUARED, optimizer, stop=[MaxEpochs(2)])
    assert_same_parameters(state, theta, np.float64, (INPUTS, 9, 4, OUTPUTS), 10)


def test_a_network_without_hidden_layer_is_the_linear_model(rng, dtype):
    weights, biases, data = problem(rng, dtype, widths=(INPUTS, OUTPUTS))
    theta = in_float64(np.vstack([biases[0], weights[0]]))
    X, y = in_float64(data.X), in_float64(data.y)
    expected = ref.descend(
        lambda at, rows: ref.linear_loss_gradient(at, X[rows], y[rows]),
        theta,
        st.SGD(0.1),
        n_rows=ROWS,
        batch_size=BATCH,
        shuffle=True,
        seed=SEED,
        n_epochs=2,
    )
    model = {**SQUARED, "hidden": "identity"}
    state, _ = compiled(weights, biases, data, model, st.SGD(0.1), stop=[MaxEpochs(2)])
    actual = np.vstack([state.biases[0], state.weights[0]])
    assert_close(actual, expected["theta"], dtype, "matmul chain", [INPUTS, BATCH] * 10, 1.0)


def test_a_bias_that_is_held_stays_what_it_was(rng, dtype):
    weights, biases, data = problem(rng, dtype)
    model = {**SQUARED, "no_bias": True}
    state, _ = compiled(weights, biases, data, model, st.Adam(0.1), stop=[MaxEpochs(2)])
    for before, after in zip(biases, state.biases, strict=True):
        np.testing.assert_array_equal(before, after)
    assert not np.array_equal(weights[0], state.weights[0])


def test_equal_weights_are_no_weights(rng, dtype):
    weights, biases, data = problem(rng, dtype)
    weighted = Data(data.X, data.y, np.ones(ROWS, dtype))
    for by_points in (False, True):
        settings = {"stop": [MaxSteps(6)], "by_points": by_points}
        settings |= {"batch_size": 0, "shuffle": False} if by_points else {}
        a, _ = compiled(weights, biases, data, SQUARED, st.SGD(0.1), **settings)
        b, _ = compiled(weights, biases, weighted, SQUARED, st.SGD(0.1), **settings)
        theta = in_float64([*a.weights, *a.biases])
        assert_same_parameters(b, theta, dtype, (INPUTS, 9, 4, OUTPUTS), 6, ROWS)


# ---------------------------------------------------------------- counters and history


def test_counters_and_history_by_epochs(rng, dtype):
    weights, biases, data = problem(rng, dtype)
    _, result = compiled(weights, biases, data, SQUARED, st.Adam(), stop=[MaxEpochs(4)])
    assert result["status"] == "max_epochs"
    assert result["n_epochs"] == 4
    assert result["n_steps"] == result["n_evaluations"] == 4 * STEPS_PER_EPOCH
    for name in ("loss", "gradient_norm", "learning_rate", "seconds"):
        column = result["history"][name]
        assert column.shape == (4,)
        assert np.isfinite(column).all()
    for name in ("validation_loss", "validation_score"):
        assert np.isnan(result["history"][name]).all()
    assert (np.diff(result["history"]["seconds"]) >= 0).all()
    assert (result["history"]["learning_rate"] == 1e-3).all()


def test_counters_and_history_by_points(rng, dtype):
    """One record for each point from the start to the end, so one more than there are steps."""
    weights, biases, data = problem(rng, dtype)
    settings = {"batch_size": 0, "shuffle": False, "by_points": True}
    state, result = compiled(
        weights, biases, data, SQUARED, st.SGD(0.1), stop=[MaxSteps(4)], **settings
    )
    assert result["n_steps"] == result["n_epochs"] == 4
    assert result["n_evaluations"] == len(result["history"]["loss"]) == 5
    assert result["gradient_is_current"]
    reference = Reference(state.weights, state.biases, data, SQUARED)
    loss, gradient = reference.loss_gradient(reference.theta, None)
    inner = dimensions((INPUTS, 9, 4, OUTPUTS), ROWS, 1)
    assert_close(result["history"]["loss"][-1], loss, dtype, "matmul chain", inner)
    norm = np.sqrt(sum(np.sum(g * g) for g in gradient))
    assert_close(result["history"]["gradient_norm"][-1], norm, dtype, "matmul chain", inner, 1.0)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_descent_in_two_parts_is_one_descent(rng, dtype, optimizer):
    """Slots, step and epoch counters go on, and so do schedule and shuffles: the same bits."""
    weights, biases, data = problem(rng, dtype)
    schedule = Exponential(0.9)
    whole, _ = compiled(
        weights, biases, data, SQUARED, optimizer, schedule=schedule, stop=[MaxEpochs(5)]
    )
    state = NetworkState(list(weights), list(biases))
    for epochs in (2, 3):
        config = descent_config(
            optimizer,
            schedule,
            [MaxEpochs(epochs)],
            {},
            batch_size=BATCH,
            shuffle=True,
            seed=SEED,
            by_points=False,
        )
        network_descent(state, data, None, SQUARED, config, None)
    assert (state.n_epochs, state.n_steps) == (5, 5 * STEPS_PER_EPOCH)
    for a, b in zip(state.weights + state.biases, whole.weights + whole.biases, strict=True):
        np.testing.assert_array_equal(a, b)
    for (w, b), (w_whole, b_whole) in zip(state.slots, whole.slots, strict=True):
        for a, c in zip(w + b, w_whole + b_whole, strict=True):
            np.testing.assert_array_equal(a, c)


def test_validation_is_measured_after_each_epoch(rng, dtype):
    weights, biases, data = problem(rng, dtype, "softmax")
    _, _, held_out = problem(rng, dtype, "softmax", rows=11)
    config = descent_config(
        st.SGD(0.1),
        None,
        [MaxEpochs(3)],
        {},
        batch_size=BATCH,
        shuffle=True,
        seed=SEED,
        by_points=False,
    )
    state = NetworkState(list(weights), list(biases))
    result = network_descent(state, data, held_out, {**SOFTMAX, "l2": 0.5}, config, None)
    output, _ = ref.relu_network_forward(
        in_float64(state.weights), in_float64(state.biases), in_float64(held_out.X)
    )
    loss, _ = ref.softmax_cross_entropy(output, held_out.y)  # without the penalty
    inner = dimensions((INPUTS, 9, 4, OUTPUTS), 11, 1)
    assert_close(result["history"]["validation_loss"][-1], loss, dtype, "matmul chain", inner)
    score = np.mean(output.argmax(axis=1) == held_out.y)
    assert result["history"]["validation_score"][-1] == pytest.approx(score, abs=1e-15)
    assert len(result["history"]["validation_score"]) == 3


# ---------------------------------------------------------------- same seed, same bits


def fused_instruction_sets():
    return [
        name
        for name in st.available_instruction_sets()
        if _native.load(name).build_info()["fused_multiply_add"]
    ]


def run_on(name, run):
    before = st.instruction_set()
    st.use_instruction_set(name)
    try:
        return run()
    finally:
        st.use_instruction_set(before)


@pytest.mark.parametrize("loss", MODELS)
def test_instruction_sets_with_fma_give_the_same_bits(rng, dtype, loss):
    names = fused_instruction_sets()
    if len(names) < 2:
        pytest.skip("this machine has fewer than two instruction sets with FMA")
    weights, biases, data = problem(rng, dtype, loss, rows=300)

    def run():
        return compiled(
            weights, biases, data, MODELS[loss], st.Adam(0.01), stop=[MaxEpochs(5)], batch_size=32
        )

    runs = [run_on(name, run) for name in names]
    first, first_result = runs[0]
    for state, result in runs[1:]:
        for a, b in zip(state.weights + state.biases, first.weights + first.biases, strict=True):
            np.testing.assert_array_equal(a, b)
        for name in ("loss", "gradient_norm", "learning_rate"):
            np.testing.assert_array_equal(result["history"][name], first_result["history"][name])


def test_different_seeds_give_different_orders(rng):
    weights, biases, data = problem(rng, np.float64)
    a, _ = compiled(weights, biases, data, SQUARED, st.SGD(0.1), stop=[MaxEpochs(1)], seed=1)
    b, _ = compiled(weights, biases, data, SQUARED, st.SGD(0.1), stop=[MaxEpochs(1)], seed=2)
    c, _ = compiled(weights, biases, data, SQUARED, st.SGD(0.1), stop=[MaxEpochs(1)], seed=1)
    assert not np.array_equal(a.weights[0], b.weights[0])
    np.testing.assert_array_equal(a.weights[0], c.weights[0])


def test_descents_in_two_threads_equal_serial_ones(rng):
    """The GIL is released, and nothing is shared: each thread's result has the serial one's bits."""
    X = rng.standard_normal((400, 6))
    y = X @ rng.standard_normal(6) + rng.standard_normal(400)

    def fit(seed):
        model = st.MLPRegressor(
            hidden_layer_sizes=(16, 8),
            max_iter=60,
            n_iter_no_change=np.inf,
            random_state=seed,
            stop=[MaxSteps(100)],
        )
        return model.fit(X, y)

    serial = [fit(seed) for seed in range(4)]
    parallel = [None] * 4
    barrier = threading.Barrier(4)

    def work(seed):
        barrier.wait()
        parallel[seed] = fit(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for a, b in zip(serial, parallel, strict=True):
        assert a.loss_curve_ == b.loss_curve_
        for w, v in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
            np.testing.assert_array_equal(w, v)


def test_other_threads_run_during_a_descent(rng):
    """While one thread descends for a while, without callbacks, this one gets its turns."""
    X, y = rng.standard_normal((500, 3)), rng.standard_normal(500)
    model = st.MLPRegressor(
        hidden_layer_sizes=(32,), max_iter=10**9, n_iter_no_change=np.inf, random_state=0
    )
    model.set_params(stop=[MaxSeconds(0.5)])
    thread = threading.Thread(target=model.fit, args=(X, y))
    thread.start()
    turns = 0
    while thread.is_alive():
        time.sleep(0.001)
        turns += 1
    assert model.status_ == "max_seconds"
    assert turns > 10


# ---------------------------------------------------------------- the best parameters


def test_a_divergence_returns_where_the_best_epoch_started(rng, dtype):
    """Epochs get better, then worse, then diverge: the best one's start is neither the first nor the last."""
    weights, biases, data = problem(rng, dtype)
    rising = Exponential(1.3)  # more than 1: the factor grows
    start = {"schedule": rising, "batch_size": BATCH}
    lost, result = compiled(
        weights, biases, data, SQUARED, st.SGD(1e-3), stop=[MaxEpochs(99)], **start
    )
    losses = result["history"]["loss"]
    best = int(losses.argmin())
    assert result["status"] == "diverged"
    assert result["best_epoch"] == best
    assert 2 <= best < len(losses) - 2
    until, _ = compiled(
        weights, biases, data, SQUARED, st.SGD(1e-3), stop=[MaxEpochs(best)], **start
    )
    for a, b in zip(lost.weights + lost.biases, until.weights + until.biases, strict=True):
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------- the parameters belong to the caller


def test_a_descent_returns_new_arrays_and_leaves_those_it_was_given(rng, dtype):
    weights, biases, data = problem(rng, dtype)
    given = NetworkState(list(weights), list(biases))
    before = [a.copy() for a in weights + biases]
    for _ in range(2):  # the second goes on from slots
        arrays = given.weights + given.biases
        arrays += [a for w, b in given.slots or [] for a in w + b]
        for array in arrays:
            array.flags.writeable = False
        kept = [a.copy() for a in arrays]
        slots = given.slots and [(list(w), list(b)) for w, b in given.slots]
        state = NetworkState(
            list(given.weights), list(given.biases), slots, given.n_steps, given.n_epochs
        )
        config = descent_config(st.Adam(0.1), None, [MaxSteps(3)], {}, batch_size=0, by_points=True)
        network_descent(state, data, None, SQUARED, config, None)
        after = state.weights + state.biases + [a for w, b in state.slots for a in w + b]
        for a, b in zip(arrays, kept, strict=True):
            np.testing.assert_array_equal(a, b)
        for a in after:
            assert a.flags.writeable
            assert not any(np.shares_memory(a, b) for b in arrays)
        given = state
    assert given.n_steps == 6
    for a, b in zip(weights + biases, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_descent_empties_the_lists_it_was_given(rng):
    """So that nobody holds the initial arrays while it runs; but not if it can't begin."""
    weights, biases, data = problem(rng, np.float64)
    slots = [([w.copy() for w in weights], [b.copy() for b in biases])]
    config = {"optimizer": st.Momentum().config(), "max_steps": 1, "by_points": True}
    arguments = (weights, biases, slots, data.as_tuple())
    with pytest.raises(ValueError, match=r"fit"):
        _native.core.network_descent(*arguments, (data.X, data.y[:-1], None), SQUARED, config, None)
    adam = {**config, "optimizer": st.Adam().config()}
    with pytest.raises(ValueError, match=r"fit"):
        _native.core.network_descent(*arguments, None, SQUARED, adam, None)
    assert len(weights) == len(biases) == len(slots[0][0]) == len(slots[0][1]) == 3
    result = _native.core.network_descent(*arguments, None, SQUARED, config, None)
    assert weights == biases == slots[0][0] == slots[0][1] == []
    assert [len(result[name]) for name in ("weights", "biases", "slots")] == [3, 3, 1]


def test_no_slots_are_zeros(rng, dtype):
    weights, biases, data = problem(rng, dtype)
    config = {"optimizer": st.Adam(0.1).config(), "max_steps": 2, "by_points": True}

    def zeros():
        return [np.zeros_like(w) for w in weights], [np.zeros_like(b) for b in biases]

    fresh, zero = (
        _native.core.network_descent(
            list(weights), list(biases), slots, data.as_tuple(), None, SQUARED, config, None
        )
        for slots in (None, [zeros(), zeros()])
    )
    for name in ("weights", "biases"):
        for a, b in zip(fresh[name], zero[name], strict=True):
            np.testing.assert_array_equal(a, b)
    for a, b in zip(fresh["slots"], zero["slots"], strict=True):
        for c, d in zip(a[0] + a[1], b[0] + b[1], strict=True):
            np.testing.assert_array_equal(c, d)


def test_arguments_that_do_not_fit_change_nothing(rng):
    weights, biases, data = problem(rng, np.float64)
    state = NetworkState(list(weights), list(biases))
    config = descent_config(st.Adam(), None, [MaxSteps(3)], {}, batch_size=0, by_points=True)
    bad = Data(data.X[:, :-1].copy(), data.y)
    with pytest.raises(ValueError, match=r"."):
        network_descent(state, bad, None, SQUARED, config, None)
    for a, b in zip(weights + biases, state.weights + state.biases, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (state.n_steps, state.n_epochs) == (0, 0)
