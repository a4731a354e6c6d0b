"""The compiled optimizers against the reference, and the identities that tie them together."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from tolerances import assert_close, in_float64

from steepest import reference as ref
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
from steepest.schedules import Constant, Cosine, Exponential, InverseTime, Step

F64 = np.float64
SIZES = (0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 100)
STEPS = 50
ALL = {
    "sgd": SGD(0.1),
    **{
        f"momentum-{velocity}{'-nesterov' * nesterov}": Momentum(
            0.05, momentum=0.9, velocity=velocity, nesterov=nesterov
        )
        for velocity in ("gradient", "step", "average")
        for nesterov in (False, True)
    },
    "adam": Adam(0.01),
    "adam-epsilon_hat": Adam(0.01, epsilon_hat=True, epsilon=1e-3),
    "adam-other": Adam(0.1, beta_1=0.5, beta_2=0.9, epsilon=0.1),
    "adamw": AdamW(0.01, weight_decay=0.1),
    "adamw-epsilon_hat": AdamW(0.01, epsilon_hat=True, weight_decay=0.1),
    "sgd-decays": SGD(0.1, l2=0.1, weight_decay=0.2),
    "momentum-dampening": Momentum(0.05, 0.9, dampening=0.3, l2=0.1),
    "adagrad": Adagrad(0.1),
    "adagrad-inside": Adagrad(0.1, 0.01, epsilon_inside=True, initial_sum=0.5),
    "adadelta": Adadelta(epsilon=1e-3),
    "rmsprop": RMSprop(0.01, 0.9),
    "rmsprop-inside": RMSprop(0.01, 0.9, 0.01, epsilon_inside=True, momentum=0.9),
    "rmsprop-centered": RMSprop(0.01, 0.9, 0.1, centered=True),
    "rmsprop-all": RMSprop(0.01, 0.9, 0.1, momentum=0.5, centered=True, velocity="step", l2=0.1),
    "amsgrad": AMSGrad(0.01, weight_decay=0.1),
    "amsgrad-hat": AMSGrad(0.01, epsilon_hat=True, epsilon=1e-3),
    "amsgrad-corrected": AMSGrad(0.01, beta_2=0.9, maximum="corrected"),
    "adamax": Adamax(0.01, beta_2=0.9),
    "adamax-outside": Adamax(0.01, epsilon=0.1, epsilon_inside=False, l2=0.1),
    "nadam": NAdam(0.01),
    "nadam-constant": NAdam(0.01, momentum_decay=None),
    "radam": RAdam(0.01, beta_2=0.9),
    "radam-hat": RAdam(0.01, beta_2=0.95, epsilon_hat=True, epsilon=1e-3, threshold=4.5),
    "adabelief": AdaBelief(0.01, beta_2=0.9),
    "lion": Lion(0.01, weight_decay=0.1, l2=0.01),
    "rprop": Rprop(0.01, largest=0.1),
}
SCHEDULES = (Constant(), Step(7, 0.5), Exponential(0.95), InverseTime(0.1), Cosine(40, warmup=10))


@pytest.fixture(params=ALL.values(), ids=ALL)
def optimizer(request):
    return request.param


def run(optimizer, theta, gradients, rates=None, state=None, step=None):
    """Return theta after each step, and the last state; `theta` itself stays as it was."""
    theta = theta.copy()
    state = optimizer.init(theta) if state is None else state
    step = optimizer.step if step is None else step
    path = []
    for k, gradient in enumerate(gradients):
        step(theta, gradient, state, None if rates is None else rates[k])
        path.append(theta.copy())
    return np.array(path), state


def reference_run(optimizer, theta, gradients, rates=None):
    def step(*arguments):
        ref.optimizer_step(optimizer, *arguments)

    return run(optimizer, in_float64(theta), in_float64(gradients), rates, step=step)


def problem(rng, size, dtype, steps=STEPS):
    """Gradients of order 1 and far from 0, by which Adam divides."""
    theta = rng.standard_normal(size).astype(dtype)
    gradients = rng.choice([-1, 1], (steps, size)) * rng.uniform(0.1, 2, (steps, size))
    return theta, gradients.astype(dtype)


def assert_same_state(a, b):
    assert a.keys() == b.keys()
    for key in a:
        np.testing.assert_array_equal(a[key], b[key])


# ---------------------------------------------------------------- against the reference


def test_one_step(isa, dtype, rng, optimizer):
    """Whole vectors and tails, and not from the start: the moments are those of a tenth step."""
    for size in SIZES:
        assert_tenth_step(rng, optimizer, size, dtype)


def assert_tenth_step(rng, optimizer, size, dtype):
    theta, gradients = problem(rng, size, dtype, 1)
    state = optimizer.init(theta)
    state["step"] = 9
    for slot in optimizer.slots:  # a mean whose square is below every second moment
        state[slot][...] = rng.uniform(0.1, 0.3 if slot == "gradient_average" else 1, size)
    wide_state = {k: in_float64(v) if isinstance(v, np.ndarray) else v for k, v in state.items()}
    path, state = run(optimizer, theta, gradients, state=state)
    wide, *_ = in_float64([theta])
    ref.optimizer_step(optimizer, wide, in_float64(gradients[0]), wide_state)
    scale = np.abs(in_float64(theta)) + np.abs(in_float64(gradients[0])) + 1
    assert_close(path[0], wide, dtype, "steps", 1, scale=scale, name=f"theta of {size}")
    assert state["step"] == wide_state["step"] == 10
    for slot in optimizer.slots:
        assert state[slot].dtype == dtype
        assert_close(state[slot], wide_state[slot], dtype, "steps", 1, scale=scale**2, name=slot)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
def test_fifty_steps_with_a_schedule(isa, dtype, rng, optimizer, schedule):
    """Three velocities that agree at a constant rate part here."""
    theta, gradients = problem(rng, 17, dtype)
    rates = optimizer.learning_rate * schedule.preview(STEPS)
    path, state = run(optimizer, theta, gradients, rates)
    desired, desired_state = reference_run(optimizer, theta, gradients, rates)
    assert path.dtype == dtype
    assert_close(path, desired, dtype, "steps", STEPS)
    for slot in optimizer.slots:
        assert_close(state[slot], desired_state[slot], dtype, "steps", STEPS, name=slot)
    assert state["step"] == STEPS


@pytest.mark.parametrize("steps", [1, 2, 1000])
def test_bias_correction_early_and_late(isa, dtype, rng, steps):
    theta, gradients = problem(rng, 9, dtype, steps)
    for optimizer in (Adam(0.01), Adam(0.01, epsilon_hat=True), AdamW(0.01)):
        path, _ = run(optimizer, theta, gradients)
        desired, _ = reference_run(optimizer, theta, gradients)
        assert_close(path[-1], desired[-1], dtype, "steps", steps, scale=10.0)


# ---------------------------------------------------------------- identities


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("velocity", ["gradient", "step", "average"])
def test_momentum_zero_is_sgd(isa, dtype, rng, velocity, nesterov):
    theta, gradients = problem(rng, 17, dtype)
    path, _ = run(Momentum(0.1, 0.0, velocity, nesterov), theta, gradients)
    sgd, _ = run(SGD(0.1), theta, gradients)
    if velocity == "step":  # here the step is rounded before it is subtracted
        assert_close(path, sgd, dtype, "steps", STEPS)
    else:
        np.testing.assert_array_equal(path, sgd)


def test_velocities_agree_at_a_constant_rate(isa, dtype, rng):
    """v_step = lr v_gradient, and "average" at 1 / (1 - momentum) times the rate is "gradient"."""
    theta, gradients = problem(rng, 17, dtype)
    for nesterov in (False, True):
        path, _ = run(Momentum(0.05, 0.75, "gradient", nesterov), theta, gradients)
        step, _ = run(Momentum(0.05, 0.75, "step", nesterov), theta, gradients)
        average, _ = run(Momentum(0.2, 0.75, "average", nesterov), theta, gradients)
        assert_close(step, path, dtype, "steps", STEPS)
        assert_close(average, path, dtype, "steps", STEPS)


def test_velocities_part_when_the_rate_moves(isa):
    """As in the reference's test: gradients 1 and 2, rates 0.1 and 0.2, momentum 1/2."""
    ends = set()
    for velocity in ("gradient", "step", "average"):
        for nesterov in (False, True):
            optimizer = Momentum(0.1, 0.5, velocity, nesterov)
            path, _ = run(optimizer, np.zeros(1), np.array([[1.0], [2.0]]), [0.1, 0.2])
            ends.add(round(float(path[-1, 0]), 12))
    assert ends == {-0.55, -0.775, -0.6, -0.8, -0.3, -0.4}


def test_adam_without_first_moment_is_bias_corrected_rmsprop(isa, dtype, rng):
    theta, gradients = problem(rng, 17, dtype)
    path, _ = run(Adam(0.01, beta_1=0.0, beta_2=0.99), theta, gradients)
    x, v, expected = in_float64(theta), np.zeros(17), []
    for t, g in enumerate(in_float64(gradients), start=1):
        v = 0.99 * v + 0.01 * g**2
        x = x - 0.01 * g / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
        expected.append(x)
    assert_close(path, expected, dtype, "steps", STEPS)


def test_first_step_of_adam_is_the_rate_times_the_sign(isa, dtype, rng):
    g = (rng.choice([-1, 1], 33) * 10.0 ** rng.uniform(-3, 3, 33)).astype(dtype)
    path, _ = run(Adam(0.5, epsilon=0.0), np.zeros_like(g), [g])
    assert_close(path[0], -0.5 * np.sign(g), dtype, "steps", 1)


def test_epsilon_hat_is_an_epsilon_that_grows_at_first(isa, dtype, rng):
    """The folded form at step 1 is Adam with epsilon / sqrt(1 - beta_2)."""
    theta, gradients = problem(rng, 17, dtype, 1)
    folded, _ = run(Adam(0.1, beta_2=0.99, epsilon=0.05, epsilon_hat=True), theta, gradients)
    plain, _ = run(Adam(0.1, beta_2=0.99, epsilon=0.5), theta, gradients)
    other, _ = run(Adam(0.1, beta_2=0.99, epsilon=0.05), theta, gradients)
    assert_close(folded, plain, dtype, "steps", 1, scale=1.0)
    assert np.all(np.abs(folded - other) > 1e-3)


def test_adamw_without_decay_is_adam(isa, dtype, rng):
    theta, gradients = problem(rng, 17, dtype)
    adamw, state = run(AdamW(0.01, weight_decay=0.0), theta, gradients)
    adam, adam_state = run(Adam(0.01), theta, gradients)
    np.testing.assert_array_equal(adamw, adam)
    assert_same_state(state, adam_state)


def test_decay_is_decoupled(isa, dtype, rng):
    """The moments never see it, and a zero gradient leaves it alone: x (1 - lr decay)^t."""
    theta, gradients = problem(rng, 17, dtype)
    _, state = run(AdamW(0.01, weight_decay=0.5), theta, gradients)
    _, adam_state = run(Adam(0.01), theta, gradients)
    assert_same_state(state, adam_state)
    path, _ = run(AdamW(0.1, weight_decay=0.5), theta, np.zeros_like(gradients))
    shrunk = np.outer(0.95 ** np.arange(1, STEPS + 1), in_float64(theta))
    assert_close(path, shrunk, dtype, "steps", STEPS)


def test_decay_follows_the_schedule(isa):
    path, _ = run(AdamW(0.1, weight_decay=0.5), np.ones(1), np.zeros((2, 1)), [0.2, 0.4])
    assert_close(path[:, 0], [0.9, 0.9 * 0.8], F64, "steps", 2)


def test_rate_zero_moves_nothing(isa, dtype, rng, optimizer):
    theta, gradients = problem(rng, 17, dtype, 3)
    if isinstance(optimizer, Rprop):
        return  # whose rate is that of the first step alone
    path, state = run(optimizer, theta, gradients, [0.0] * 3)
    np.testing.assert_array_equal(path, [theta] * 3)
    assert state["step"] == 3


# ---------------------------------------------------------------- state


def test_resuming_is_never_having_stopped(isa, dtype, rng, optimizer):
    """Bit for bit, with the state through pickle, and by another object of equal parameters."""
    theta, gradients = problem(rng, 17, dtype)
    rates = optimizer.learning_rate * Cosine(STEPS, warmup=5).preview(STEPS)
    path, state = run(optimizer, theta, gradients, rates)
    first, saved = run(optimizer, theta, gradients[:20], rates[:20])
    saved = pickle.loads(pickle.dumps(saved))
    second, resumed = run(replace(optimizer), first[-1], gradients[20:], rates[20:], saved)
    np.testing.assert_array_equal(np.concatenate([first, second]), path)
    assert_same_state(resumed, state)


@pytest.mark.parametrize("container", [np.ndarray, list])
def test_step_count_may_be_a_numpy_integer(isa, dtype, rng, optimizer, container):
    """As it comes back from an array file: the step is taken all the same."""
    theta, gradients = problem(rng, 9, dtype, 1)
    ends = []
    for count in (9, np.int64(9)):
        part = theta.copy()
        many, g = (part, gradients[0]) if container is np.ndarray else ([part], [gradients[0]])
        state = {**optimizer.init(many), "step": count}
        optimizer.step(many, g, state)
        assert state["step"] == 10
        ends.append(part)
    assert not np.array_equal(ends[0], theta)
    np.testing.assert_array_equal(ends[1], ends[0])


def test_state_is_plain(isa, dtype, optimizer):
    theta = np.ones((2, 3), dtype)
    state = optimizer.init(theta)
    assert list(state) == ["step", *optimizer.slots]
    assert state["step"] == 0
    for slot in optimizer.slots:
        assert state[slot].dtype == dtype
        np.testing.assert_array_equal(state[slot], np.full((2, 3), optimizer.initial(slot), dtype))
    state = optimizer.init([theta, theta[0]])
    for slot in optimizer.slots:
        assert [a.shape for a in state[slot]] == [(2, 3), (3,)]


def test_no_state_is_hidden_in_the_optimizer(isa, dtype, rng, optimizer):
    """Two descents may share one optimizer, step by step in turn."""
    theta, gradients = problem(rng, 17, dtype, 6)
    alone, _ = run(optimizer, theta, gradients)
    a, b = theta.copy(), -theta
    state_a, state_b = optimizer.init(a), optimizer.init(b)
    for g in gradients:
        assert optimizer.step(a, g, state_a) is None
        optimizer.step(b, -g, state_b)
    np.testing.assert_array_equal(a, alone[-1])
    np.testing.assert_array_equal(b, -a)
    with pytest.raises(FrozenInstanceError):
        optimizer.learning_rate = 1.0


@pytest.mark.parametrize("container", [list, tuple])
def test_many_arrays_are_stepped_as_each_alone(isa, dtype, rng, optimizer, container):
    shapes = [(3, 5), (), (5,), (0,), (2, 2, 4), (33,)]
    parts = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    gradients = [[rng.standard_normal(s).astype(dtype) for s in shapes] for _ in range(10)]
    parts = [np.asarray(part) for part in parts]
    theta = container(part.copy() for part in parts)
    state = optimizer.init(theta)
    for g in gradients:
        optimizer.step(theta, container(np.asarray(part) for part in g), state)
    assert state["step"] == 10
    for i, part in enumerate(parts):
        path, alone = run(optimizer, part, [np.asarray(g[i]) for g in gradients])
        np.testing.assert_array_equal(theta[i], path[-1])
        for slot in optimizer.slots:
            np.testing.assert_array_equal(state[slot][i], alone[slot])


def test_each_parameter_goes_its_own_way(isa, dtype, rng, optimizer):
    """Cut anywhere, the parameters take the same steps: no vector's neighbour matters."""
    theta, gradients = problem(rng, 37, dtype, 10)
    whole, state = run(optimizer, theta, gradients)
    for cut in (1, 7, 8, 16, 36):
        for piece in (slice(0, cut), slice(cut, 37)):
            part, part_state = run(
                optimizer, theta[piece].copy(), [g[piece].copy() for g in gradients]
            )
            np.testing.assert_array_equal(part, whole[:, piece])
            for slot in optimizer.slots:
                np.testing.assert_array_equal(part_state[slot], state[slot][piece])


def test_nothing_but_theta_and_state_is_written(isa, dtype, rng, optimizer):
    """Arrays that lie between others leave these alone, and the gradient stays as it was."""
    for size in SIZES:
        walls = 8
        buffers = np.full((2 + len(optimizer.slots), size + 2 * walls), 7, dtype)
        inside = buffers[:, walls : walls + size]
        theta, gradient, *slots = inside
        gradient[...] = rng.standard_normal(size)
        kept = gradient.copy()
        state = {"step": 0, **dict(zip(optimizer.slots, slots, strict=True))}
        for name, slot in zip(optimizer.slots, slots, strict=True):
            slot[...] = optimizer.initial(name)
        optimizer.step(theta, gradient, state)
        np.testing.assert_array_equal(gradient, kept)
        assert np.all(buffers[:, :walls] == 7)
        assert np.all(buffers[:, walls + size :] == 7)


def test_nan_gradient_is_a_nan_parameter_and_no_other(isa, dtype, rng, optimizer):
    theta, gradients = problem(rng, 17, dtype, 1)
    for position in range(17):
        g = gradients[0].copy()
        g[position] = np.nan
        path, state = run(optimizer, theta, [g])
        np.testing.assert_array_equal(np.isnan(path[0]), np.arange(17) == position)
        for slot in optimizer.slots:
            if slot != "step_size":  # NaN has no sign to agree
                np.testing.assert_array_equal(np.isnan(state[slot]), np.arange(17) == position)


# ---------------------------------------------------------------- arrays as users hold them

LAYOUTS = {
    "every second entry": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "backwards": lambda a: a[..., ::-1].copy()[..., ::-1],
    "Fortran order": np.asfortranarray,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(isa, dtype, rng, optimizer, layout):
    """A step moves the parameters whatever the strides: silence would be the worst answer."""
    theta = rng.standard_normal((3, 5)).astype(dtype)
    gradient = rng.standard_normal((3, 5)).astype(dtype)
    expected, expected_state = run(optimizer, theta, [gradient])
    change = LAYOUTS[layout]
    for which in ("theta", "gradient", "state"):
        actual = change(theta) if which == "theta" else theta.copy()
        g = change(gradient) if which == "gradient" else gradient
        state = optimizer.init(theta)
        if which == "state":
            state = {k: change(v) if isinstance(v, np.ndarray) else v for k, v in state.items()}
        optimizer.step(actual, g, state)
        np.testing.assert_array_equal(actual, expected[0], which)
        assert_same_state(state, expected_state)


def test_gradient_of_any_real_dtype(isa, dtype, optimizer):
    """Small integers are the same number in all of them; theta's dtype decides the arithmetic."""
    theta, gradient = np.linspace(-1, 1, 9, dtype=dtype), np.arange(-4, 5)
    expected, _ = run(optimizer, theta, [gradient.astype(dtype)])
    for kind in (np.float16, np.float32, np.float64, ">f4", ">f8", np.int64, np.longdouble):
        actual, _ = run(optimizer, theta, [gradient.astype(kind)])
        np.testing.assert_array_equal(actual, expected, str(kind))


def test_gradient_as_a_list(isa, dtype, optimizer):
    theta = np.linspace(-1, 1, 3, dtype=dtype)
    expected, _ = run(optimizer, theta, [np.array([1, 2, 3], dtype)])
    actual, _ = run(optimizer, theta, [[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(actual, expected)


def test_hyper_parameters_of_any_number_type(isa, rng):
    theta, gradients = problem(rng, 9, F64, 3)
    plain, _ = run(Momentum(0.5, 0.25, "gradient", True), theta, gradients)
    numpys = Momentum(np.float32(0.5), np.float64(0.25), "gradient", np.bool_(True))
    np.testing.assert_array_equal(run(numpys, theta, gradients)[0], plain)
    integers, _ = run(SGD(1), theta, gradients)
    np.testing.assert_array_equal(integers, run(SGD(1.0), theta, gradients)[0])


def test_optimizers_are_values(optimizer):
    assert replace(optimizer) == optimizer
    assert hash(copy.deepcopy(optimizer)) == hash(optimizer)
    assert eval(repr(optimizer)) == optimizer
    assert pickle.loads(pickle.dumps(optimizer)) == optimizer
