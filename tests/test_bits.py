"""The same bits on every instruction set with fused multiply-add, and for a batch as for its rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from tolerances import assert_close

import steepest
from steepest import _native, kernels
from steepest.optimizers import (
    SGD,
    AdaBelief,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    Lion,
    Momentum,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
)
from steepest.schedules import Cosine, Exponential, InverseTime, Step

AVAILABLE = steepest.available_instruction_sets()
FUSED = [name for name in AVAILABLE if _native.load(name).build_info()["fused_multiply_add"]]
SHAPES = [
    (1, 1),
    (2, 3),
    (7, 4),
    (8, 8),
    (9, 7),
    (13, 16),
    (33, 17),
    (131, 9),
    (1025, 5),
    (2500, 2),
]

needs_two = pytest.mark.skipif(len(FUSED) < 2, reason="one instruction set with FMA: no other")


def on(name, f, *arguments):
    """Compute with the named instruction set, and leave things as they were."""
    before = steepest.instruction_set()
    steepest.use_instruction_set(name)
    try:
        return f(*arguments)
    finally:
        steepest.use_instruction_set(before)


def bits(values):
    """The bytes themselves: -0 is not 0 here, and NaN is NaN."""
    return [np.asarray(value).tobytes() for value in values]


@needs_two
def test_kernels_have_the_same_bits(dtype, rng, kernel):
    for shape in SHAPES:
        arguments = kernel.arguments(rng, *shape, dtype)
        first, *others = (bits(on(name, kernel, arguments)) for name in FUSED)
        assert all(other == first for other in others), shape


@needs_two
def test_kernels_have_the_same_bits_far_from_one(dtype, rng, kernel):
    """Where exponentials overflow or vanish and products are subnormal: no set flushes to zero."""
    for size in (1e-42 if dtype == np.float32 else 1e-310, 1e-20, 1e3, 1e12):
        arguments = kernel.map(
            lambda a, size=size: (a * size).astype(dtype) if a.dtype.kind == "f" else a,
            kernel.arguments(rng, 33, 9, np.float64),
        )
        first, *others = (bits(on(name, kernel, arguments)) for name in FUSED)
        assert all(other == first for other in others), size


@pytest.mark.skipif("baseline" not in AVAILABLE or not FUSED, reason="no two to compare")
def test_baseline_is_within_the_tolerance(dtype, rng, kernel):
    """Without FMA products are rounded too; the arguments and sums of |terms| are of order 10."""
    for rows, columns in SHAPES:
        arguments = kernel.arguments(rng, rows, columns, dtype)
        chain = (columns + 9, 9, columns, 9, 9, columns, rows)
        for fused, plain in zip(
            on(FUSED[-1], kernel, arguments), on("baseline", kernel, arguments), strict=True
        ):
            scale = 10 + np.max(np.abs(fused))
            name = f"({rows}, {columns})"
            assert_close(plain, fused, dtype, "matmul chain", chain, scale=scale, name=name)


def test_the_same_call_gives_the_same_bits(isa, dtype, rng, kernel):
    """Wherever the memory of inputs and results may lie."""
    arguments = kernel.arguments(rng, 131, 9, dtype)
    first = bits(kernel(arguments))
    for _ in range(5):
        assert bits(kernel(kernel.map(np.copy, arguments))) == first


def test_threads_of_python_side_by_side_have_the_same_bits(isa, dtype, rng):
    """Large work lets go of the GIL: nothing may be shared that is written to."""
    theta, X, y = (rng.standard_normal(s).astype(dtype) for s in [(34, 9), (2500, 33), (2500, 9)])
    optimizer = Adam(0.1)

    def work():
        loss, gradient = kernels.linear_loss_gradient(theta, X, y)
        x = np.ones_like(X)
        state = optimizer.init(x)
        for _ in range(3):
            optimizer.step(x, X, state)
        return bits([loss, gradient, x, *kernels.softmax_cross_entropy(X, abs(X))])

    expected = work()
    with ThreadPoolExecutor(4) as threads:
        assert all(done == expected for done in threads.map(lambda _: work(), range(16)))


# ---------------------------------------------------------------- optimizers, schedules, random

OPTIMIZERS = [
    SGD(0.1),
    *(
        Momentum(0.1, 0.9, velocity, nesterov)
        for velocity in ("gradient", "step", "average")
        for nesterov in (False, True)
    ),
    Adam(0.01),
    Adam(0.01, epsilon_hat=True),
    AdamW(0.01, weight_decay=0.1),
    Momentum(0.01, dampening=0.5, l2=0.1),
    Adagrad(0.01),
    Adadelta(),
    RMSprop(0.01, momentum=0.5, centered=True),
    AMSGrad(0.01),
    Adamax(0.01),
    NAdam(0.01),
    RAdam(0.01, beta_2=0.9),
    AdaBelief(0.01),
    Lion(0.01),
    Rprop(0.01),
]


@needs_two
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_optimizers_have_the_same_bits(dtype, rng, optimizer):
    theta = rng.standard_normal(37).astype(dtype)
    gradients = rng.standard_normal((50, 37)).astype(dtype)
    rates = optimizer.learning_rate * Cosine(50, warmup=5).preview(50)

    def run():
        x = theta.copy()
        state = optimizer.init(x)
        for gradient, rate in zip(gradients, rates, strict=True):
            optimizer.step(x, gradient, state, rate)
        return [x, *(state[slot] for slot in optimizer.slots)]

    first, *others = (bits(on(name, run)) for name in FUSED)
    assert all(other == first for other in others)


@needs_two
def test_schedules_have_the_same_bits():
    for schedule in (
        Step(7),
        Exponential(0.99),
        Exponential(0.5, every=7.5),
        InverseTime(0.1, every=3),
        Cosine(400, warmup=40, final=0.1),
    ):
        config = schedule.config()
        first, *others = (
            _native.load(name).schedule_factors(config, 500).tobytes() for name in FUSED
        )
        assert all(other == first for other in others)


@needs_two
@pytest.mark.parametrize("name", ["exp", "expm1", "tanh", "logistic", "log"])
def test_elementary_functions_have_the_same_bits(dtype, rng, name):
    x = np.concatenate(
        [rng.standard_normal(500) * size for size in (1e-300, 1e-30, 1e-5, 1, 10, 100, 1000)]
    )
    x = np.concatenate([x, [0.0, -0.0, np.inf, -np.inf]]).astype(dtype)
    first, *others = (_native.load(isa).elementary(name, x) for isa in FUSED)
    for other in others:
        # The sign of a NaN is nobody's promise.
        np.testing.assert_array_equal(np.isnan(other), np.isnan(first))
        assert np.where(np.isnan(other), 0, other).tobytes() == (
            np.where(np.isnan(first), 0, first).tobytes()
        )


@pytest.mark.parametrize("n", [0, 1, 10, 1000])
def test_random_numbers_are_the_same_everywhere(n):
    """Integers: on the baseline too."""
    orders = {_native.load(name).permutation(n, 7, 3).tobytes() for name in AVAILABLE}
    blocks = {_native.load(name).philox(7, 1, n, 3).tobytes() for name in AVAILABLE}
    assert len(orders) == len(blocks) == 1


# ---------------------------------------------------------------- a batch and its rows


@pytest.mark.parametrize("rows", [2, 5, 6, 7, 8, 9, 13, 131])
@pytest.mark.parametrize("K", [None, 2, 9])
def test_a_batch_is_predicted_as_its_rows(isa, dtype, rng, rows, K):
    """No entry depends on the tile it happened to fall in."""
    for columns in (1, 7, 8, 9, 16, 17, 33):
        X = rng.standard_normal((rows, columns)).astype(dtype)
        theta = rng.standard_normal((1 + columns, *([] if K is None else [K]))).astype(dtype)
        whole = kernels.linear_predict(theta, X)
        alone = [kernels.linear_predict(theta, X[i : i + 1])[0] for i in range(rows)]
        assert whole.tobytes() == np.array(alone).tobytes()


@pytest.mark.parametrize("rows", [7, 37])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic"])
@pytest.mark.parametrize(
    "widths", [(7, 1), (9, 17, 3), (16, 2, 33, 9), (100, 12, 150, 23, 6)], ids=str
)
@pytest.mark.parametrize("output_activation", ["identity", "logistic", "softmax"])
def test_a_batch_goes_through_a_network_as_its_rows(
    isa, dtype, rng, rows, widths, activation, output_activation
):
    weights = [rng.standard_normal(s).astype(dtype) for s in pairwise(widths)]
    biases = [rng.standard_normal(width).astype(dtype) for width in widths[1:]]
    X = rng.standard_normal((rows, widths[0])).astype(dtype)

    def forward(X):
        output, hidden = kernels.relu_network_forward(
            weights, biases, X, output_activation, activation
        )
        return [*hidden, output]

    alone = [forward(X[i : i + 1]) for i in range(rows)]
    for layer, whole in enumerate(forward(X)):
        assert whole.tobytes() == np.concatenate([row[layer] for row in alone]).tobytes()


def test_blocks_of_rows_do_not_show(isa, dtype, rng):
    """More than 1024 rows, or fewer when layers are wide, go in blocks: any cut gives the same."""
    widths = (5, 200, 9)
    weights = [rng.standard_normal(s).astype(dtype) for s in pairwise(widths)]
    biases = [rng.standard_normal(width).astype(dtype) for width in widths[1:]]
    X = rng.standard_normal((1300, 5)).astype(dtype)
    whole, _ = kernels.relu_network_forward(weights, biases, X)
    for cut in (1, 100, 1024, 1299):
        parts = [
            kernels.relu_network_forward(weights, biases, part)[0] for part in (X[:cut], X[cut:])
        ]
        assert whole.tobytes() == np.concatenate(parts).tobytes()


@pytest.mark.parametrize("rows", [5, 31, 32, 33])
@pytest.mark.parametrize("basis", ["monomial", "chebyshev", "legendre"])
@pytest.mark.parametrize("degree", [0, 1, 10])
def test_a_point_is_predicted_as_among_others(isa, dtype, rng, rows, basis, degree):
    theta = rng.standard_normal(degree + 1).astype(dtype)
    x = rng.uniform(-1, 1, rows).astype(dtype)
    whole = kernels.polynomial_predict(theta, x, basis)
    alone = [kernels.polynomial_predict(theta, x[i : i + 1], basis)[0] for i in range(rows)]
    assert whole.tobytes() == np.array(alone).tobytes()


def test_rows_of_a_loss_have_their_own_derivatives(isa, dtype, rng):
    """Up to the mean's factor: of 16 rows and of 1, a power of 2, so that nothing is rounded."""
    z = rng.standard_normal((16, 9)).astype(dtype)
    t = rng.random((16, 9)).astype(dtype)
    for loss in (kernels.softmax_cross_entropy, kernels.logistic_cross_entropy):
        _, whole = loss(z, t)
        for i in range(16):
            assert (loss(z[i : i + 1], t[i : i + 1])[1] / 16).tobytes() == whole[i].tobytes()
    whole = kernels.mse_gradient(z, t)
    for i in range(16):
        alone = kernels.mse_gradient(z[i : i + 1], t[i : i + 1])
        assert (alone / 16).tobytes() == whole[i].tobytes()
