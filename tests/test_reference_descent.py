"""The reference's optimizer steps and its loop against hand-computed steps and closed forms."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import SGDRegressor
from sklearn.neural_network import MLPRegressor
from tolerances import assert_close

from steepest import reference as ref
from steepest.optimizers import SGD, Adam, AdamW, Momentum

F64 = np.float64
VELOCITIES = ("step", "gradient", "average")
OPTIMIZERS = (SGD, Momentum, Adam, AdamW)


@pytest.fixture
def rng():
    return np.random.default_rng(20240301)


def run(optimizer, theta, gradients, rates=None):
    """Return theta after each of the steps, as an array (steps, m), and the last state."""
    theta = np.array(theta, dtype=float)
    state = optimizer.init(theta)
    path = []
    for k, gradient in enumerate(gradients):
        rate = None if rates is None else rates[k]
        ref.optimizer_step(optimizer, theta, np.array(gradient, dtype=float), state, rate)
        path.append(theta.copy())
    return np.array(path), state


# ---------------------------------------------------------------- one rule at a time, by hand


def test_sgd_by_hand():
    path, state = run(SGD(learning_rate=0.5), [1.0, 2.0], [[1.0, -1.0], [4.0, 0.0]])
    np.testing.assert_array_equal(path, [[0.5, 2.5], [-1.5, 2.5]])
    assert state == {"step": 2}


@pytest.mark.parametrize(
    ("velocity", "nesterov", "theta", "last_velocity"),
    [
        ("step", False, [-0.1, -0.55], 0.45),
        ("step", True, [-0.15, -0.775], 0.45),
        ("gradient", False, [-0.1, -0.6], 2.5),
        ("gradient", True, [-0.15, -0.8], 2.5),
        ("average", False, [-0.05, -0.3], 1.25),
        ("average", True, [-0.075, -0.4], 1.25),
    ],
)
def test_momentum_by_hand(velocity, nesterov, theta, last_velocity):
    """Gradients 1 and 2, rates 0.1 and 0.2, momentum 1/2: all six rules end elsewhere."""
    optimizer = Momentum(momentum=0.5, velocity=velocity, nesterov=nesterov)
    path, state = run(optimizer, [0.0], [[1.0], [2.0]], rates=[0.1, 0.2])
    assert_close(path[:, 0], theta, F64, "steps", 2)
    assert_close(state["velocity"], [last_velocity], F64, "steps", 2)


def test_adam_by_hand():
    """Gradients 2 and 4 with beta_1 = 1/2, beta_2 = 3/4: moments 1, 1, then 5/2, 19/4."""
    optimizer = Adam(learning_rate=0.1, beta_1=0.5, beta_2=0.75, epsilon=1.0)
    path, state = run(optimizer, [0.0], [[2.0], [4.0]])
    first = -0.1 * 2 / (2 + 1)
    second = first - 0.1 * (10 / 3) / (np.sqrt(76 / 7) + 1)
    assert_close(path[:, 0], [first, second], F64, "steps", 2)
    assert_close(state["first_moment"], [2.5], F64, "elementwise")
    assert_close(state["second_moment"], [4.75], F64, "elementwise")
    assert state["step"] == 2


def test_adam_epsilon_hat_by_hand():
    optimizer = Adam(learning_rate=0.1, beta_1=0.5, beta_2=0.75, epsilon=1.0, epsilon_hat=True)
    path, _ = run(optimizer, [0.0], [[2.0], [4.0]])
    first = -0.1 * np.sqrt(0.25) / 0.5 * 1 / (1 + 1)
    second = first - 0.1 * np.sqrt(7 / 16) / 0.75 * 2.5 / (np.sqrt(4.75) + 1)
    assert_close(path[:, 0], [first, second], F64, "steps", 2)


def test_adamw_by_hand():
    """The decay comes first and is of the parameter only: 2 -> 1.9 -> 1.9 - 0.1 * 4 / (4 + 1)."""
    optimizer = AdamW(learning_rate=0.1, epsilon=1.0, weight_decay=0.5)
    path, state = run(optimizer, [2.0], [[4.0]])
    assert_close(path[:, 0], [1.82], F64, "steps", 1)
    assert_close(state["first_moment"], [0.4], F64, "elementwise")


# ---------------------------------------------------------------- identities between the rules


def test_first_adam_step_is_the_rate_times_the_sign(rng):
    g = rng.standard_normal(20) * 10.0 ** rng.integers(-3, 4, 20)
    path, _ = run(Adam(learning_rate=0.01), np.zeros(20), [g])
    assert_close(path[0], -0.01 * g / (np.abs(g) + 1e-8), F64, "steps", 1)
    np.testing.assert_allclose(path[0], -0.01 * np.sign(g), rtol=1e-8 / np.min(np.abs(g)))


def test_adam_of_a_constant_gradient_makes_equal_steps():
    g, k = np.array([3.0, -1e-4, 0.0]), np.arange(1, 31)
    path, _ = run(Adam(learning_rate=0.01), np.zeros(3), [g] * 30)
    assert_close(path, np.outer(k, -0.01 * g / (np.abs(g) + 1e-8)), F64, "steps", 30)


def test_adam_moments_are_weighted_sums_of_the_gradients(rng):
    gradients, k = rng.standard_normal((12, 3)), 12
    _, state = run(Adam(beta_1=0.8, beta_2=0.95), np.zeros(3), gradients)
    age = np.arange(k)[::-1, None]
    m = 0.2 * np.sum(0.8**age * gradients, axis=0)
    v = 0.05 * np.sum(0.95**age * gradients**2, axis=0)
    assert_close(state["first_moment"], m, F64, "steps", k, scale=1.0)
    assert_close(state["second_moment"], v, F64, "steps", k, scale=1.0)


def test_adam_without_first_moment_is_bias_corrected_rmsprop(rng):
    gradients = rng.standard_normal((10, 4))
    path, _ = run(Adam(learning_rate=0.1, beta_1=0.0), np.ones(4), gradients)
    theta, v, expected = np.ones(4), np.zeros(4), []
    for t, g in enumerate(gradients, start=1):
        v = 0.999 * v + 0.001 * g**2
        theta = theta - 0.1 * g / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        expected.append(theta)
    assert_close(path, expected, F64, "steps", 10, scale=1.0)


def test_epsilon_hat_is_epsilon_times_the_root_of_the_correction(rng):
    g, beta_2 = rng.standard_normal(5), 0.9
    plain = Adam(beta_2=beta_2, epsilon=0.5)
    folded = Adam(beta_2=beta_2, epsilon=0.5 * np.sqrt(1 - beta_2), epsilon_hat=True)
    after_plain, after_folded = (run(adam, np.zeros(5), [g])[0] for adam in (plain, folded))
    assert_close(after_folded, after_plain, F64, "steps", 1)


def test_adamw_without_decay_is_adam(rng):
    theta, gradients = rng.standard_normal(4), rng.standard_normal((6, 4))
    adamw, _ = run(AdamW(weight_decay=0.0), theta, gradients)
    adam, _ = run(Adam(), theta, gradients)
    np.testing.assert_array_equal(adamw, adam)


def test_adamw_of_a_zero_gradient_only_decays():
    path, _ = run(AdamW(learning_rate=0.1, weight_decay=0.5), [2.0], [[0.0]] * 8)
    assert_close(path[:, 0], 2 * 0.95 ** np.arange(1, 9), F64, "steps", 8)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("velocity", VELOCITIES)
def test_momentum_zero_is_sgd(rng, velocity, nesterov):
    theta, gradients = rng.standard_normal(4), rng.standard_normal((6, 4))
    momentum = Momentum(learning_rate=0.1, momentum=0.0, velocity=velocity, nesterov=nesterov)
    path, _ = run(momentum, theta, gradients)
    sgd, _ = run(SGD(learning_rate=0.1), theta, gradients)
    np.testing.assert_array_equal(path, sgd)


@pytest.mark.parametrize("nesterov", [False, True])
def test_the_three_velocities_agree_at_a_constant_rate(rng, nesterov):
    """And "average" does so at a rate 1 / (1 - momentum) times as large."""
    theta, gradients = rng.standard_normal(4), rng.standard_normal((9, 4))
    rates = {"step": 0.1, "gradient": 0.1, "average": 0.1 / (1 - 0.75)}
    step, gradient, average = (
        run(Momentum(rates[velocity], 0.75, velocity, nesterov), theta, gradients)[0]
        for velocity in VELOCITIES
    )
    assert_close(step, gradient, F64, "steps", 9)
    assert_close(average, gradient, F64, "steps", 9)


@pytest.mark.parametrize("velocity", ["step", "gradient"])
def test_momentum_is_the_heavy_ball(velocity):
    """On J = h x^2 / 2: x_{k+1} = x_k - lr h x_k + b (x_k - x_{k-1})."""
    optimizer, h = Momentum(learning_rate=0.1, momentum=0.9, velocity=velocity), 2.0
    theta, path = np.array([1.0]), [1.0, 1.0]
    state = optimizer.init(theta)
    for _ in range(10):
        ref.optimizer_step(optimizer, theta, h * theta, state)
        expected = path[-1] - 0.1 * h * path[-1] + 0.9 * (path[-1] - path[-2])
        assert_close(theta, [expected], F64, "steps", 10, scale=1.0)
        path.append(theta[0])


# ---------------------------------------------------------------- what a step touches


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_step_works_in_place_and_leaves_the_gradient(optimizer):
    optimizer = optimizer()
    theta, gradient = np.ones((2, 3)), np.arange(1.0, 7.0).reshape(2, 3)
    state = optimizer.init(theta)
    slots = {name: slot for name, slot in state.items() if name != "step"}
    before, theta_before = gradient.copy(), theta.copy()
    assert ref.optimizer_step(optimizer, theta, gradient, state) is None
    np.testing.assert_array_equal(gradient, before)
    assert np.all(theta < theta_before)
    assert state["step"] == 1
    assert all(state[name] is slot and np.all(slot != 0) for name, slot in slots.items())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_list_of_arrays_is_stepped_as_the_arrays_would_be(rng, optimizer, dtype):
    optimizer = optimizer(learning_rate=0.1)
    parts = [rng.standard_normal(shape).astype(dtype) for shape in [(3, 2), (2,)]]
    together, alone = [p.copy() for p in parts], [p.copy() for p in parts]
    state, states = optimizer.init(together), [optimizer.init(p) for p in alone]
    for _ in range(3):
        gradients = [rng.standard_normal(p.shape).astype(dtype) for p in parts]
        ref.optimizer_step(optimizer, together, gradients, state)
        for p, g, s in zip(alone, gradients, states, strict=True):
            ref.optimizer_step(optimizer, p, g, s)
    assert state["step"] == 3
    for a, b in zip(together, alone, strict=True):
        assert a.dtype == dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_given_learning_rate_wins(optimizer):
    given, _ = run(optimizer(learning_rate=0.3), [1.0], [[2.0]] * 3, rates=[0.1] * 3)
    own, _ = run(optimizer(learning_rate=0.1), [1.0], [[2.0]] * 3)
    np.testing.assert_array_equal(given, own)
    frozen, _ = run(optimizer(), [1.0], [[2.0]], rates=[0.0])
    np.testing.assert_array_equal(frozen, [[1.0]])


def test_unknown_optimizer_is_refused():
    with pytest.raises(ValueError, match=r"optimizer is 'SimpleNamespace'.*'AdamW'"):
        ref.optimizer_step(SimpleNamespace(learning_rate=1), np.ones(1), np.ones(1), {"step": 0})


# ---------------------------------------------------------------- batches


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("n", "size"), [(10, 3), (10, 5), (10, 10), (10, 99), (10, None), (1, 1)])
def test_batches_have_every_row_once(n, size, shuffle):
    pieces = list(ref.batches(n, size, shuffle, seed=5, epoch=2))
    order = ref.permutation(n, 5, 2) if shuffle else np.arange(n)
    np.testing.assert_array_equal(np.concatenate(pieces), order)
    size = min(n, size or n)
    assert [len(piece) for piece in pieces] == [size] * (n // size) + [n % size] * (n % size > 0)


def test_batches_without_rows():
    assert list(ref.batches(None)) == [None]
    for wrong in [(0, None), (5, 0), (5, -1)]:
        with pytest.raises(ValueError, match="must be at least 1"):
            list(ref.batches(*wrong))


# ---------------------------------------------------------------- the loop


def linear_problem(rng, n=12, d=3):
    X, y, theta = rng.standard_normal((n, d)), rng.standard_normal(n), rng.standard_normal(1 + d)
    return X, y, theta, lambda theta, rows: ref.linear_loss_gradient(theta, X[rows], y[rows])


def test_full_batch_descent_has_a_closed_form(rng):
    """theta_k - theta* = (I - lr H)^k (theta_0 - theta*), with H = 2/n A^T A."""
    X, y, theta, loss_gradient = linear_problem(rng)
    A = np.column_stack([np.ones(12), X])
    minimiser, H = np.linalg.lstsq(A, y, rcond=None)[0], 2 / 12 * A.T @ A
    result = ref.descend(loss_gradient, theta, SGD(0.1), n_rows=12, n_epochs=20)
    shrink = np.linalg.matrix_power(np.eye(4) - 0.1 * H, 20)
    expected = minimiser + shrink @ (theta - minimiser)
    assert_close(result["theta"], expected, F64, "steps", 20, scale=np.max(np.abs(theta)))
    offset = (theta - minimiser)[:, None]
    first_loss = np.mean((A @ minimiser - y) ** 2) + (offset.T @ H @ offset / 2).item()
    assert_close(result["loss"][0], first_loss, F64, "reduction", 16, scale=first_loss * 4)
    assert_close(
        result["gradient_norm"][0], np.linalg.norm(H @ offset), F64, "matmul chain", (4, 12)
    )
    assert np.all(np.diff(result["loss"]) < 0)
    np.testing.assert_array_equal(result["learning_rate"], np.full(20, 0.1))


@pytest.mark.parametrize("basis", ["monomial", "chebyshev", "legendre"])
def test_descent_reaches_the_least_squares_polynomial(rng, basis):
    x, y = np.linspace(-1, 1, 15), rng.standard_normal(15)
    result = ref.descend(
        lambda theta, rows: ref.polynomial_loss_gradient(theta, x, y, basis),
        np.zeros(3),
        Momentum(learning_rate=0.3, momentum=0.8),
        n_epochs=500,
    )
    assert result["gradient_norm"][-1] < 1e-13
    expected = np.polynomial.Polynomial.fit(x, y, 2, domain=[-1, 1])(x)
    f = ref.polynomial_predict(result["theta"], x, basis)
    assert_close(f, expected, F64, "steps", 500)


def test_descend_leaves_its_start_alone(rng):
    *_, theta, loss_gradient = linear_problem(rng)
    before = theta.copy()
    one = ref.descend(loss_gradient, theta, Adam(0.1), n_rows=12, n_epochs=2)
    np.testing.assert_array_equal(theta, before)
    parts = ref.descend(
        lambda theta, rows: (0.0, (np.ones(2), np.ones(1))), (np.ones(2), np.ones(1)), SGD(0.5)
    )
    np.testing.assert_array_equal(np.concatenate(parts["theta"]), [0.5, 0.5, 0.5])
    assert_close(parts["gradient_norm"], [np.sqrt(3)], F64, "elementwise")
    assert set(one) == {"theta", "loss", "gradient_norm", "learning_rate"}
    assert [len(one[name]) for name in ("loss", "gradient_norm", "learning_rate")] == [2, 2, 2]


@pytest.mark.parametrize("shuffle", [False, True])
def test_descend_walks_the_batches(rng, shuffle):
    """Every epoch's record from a second, plain loop over the same batches."""
    X, y, theta, loss_gradient = linear_problem(rng, n=10)
    seen = []

    def recording(theta, rows):
        seen.append(rows)
        return loss_gradient(theta, rows)

    result = ref.descend(
        recording,
        theta,
        SGD(0.05),
        n_rows=10,
        batch_size=4,
        shuffle=shuffle,
        seed=9,
        n_epochs=3,
    )
    assert [len(rows) for rows in seen] == [4, 4, 2] * 3
    for epoch in range(3):
        order = ref.permutation(10, 9, epoch) if shuffle else np.arange(10)
        np.testing.assert_array_equal(np.concatenate(seen[3 * epoch : 3 * epoch + 3]), order)

    theta = theta.copy()
    for epoch in range(3):
        total = 0.0
        for rows in seen[3 * epoch : 3 * epoch + 3]:
            A = np.column_stack([np.ones(len(rows)), X[rows]])
            residual = A @ theta - y[rows]
            gradient = 2 / len(rows) * A.T @ residual
            total += residual @ residual
            theta -= 0.05 * gradient
        assert_close(result["loss"][epoch], total / 10, F64, "steps", 9)
        assert_close(result["gradient_norm"][epoch], np.linalg.norm(gradient), F64, "steps", 9)
    assert_close(result["theta"], theta, F64, "steps", 9)


@pytest.mark.parametrize(
    ("unit", "seen", "last_rates"),
    [("step", list(range(9)), [2.0, 5.0, 8.0]), ("epoch", [0] * 3 + [1] * 3 + [2] * 3, [0, 1, 2])],
)
def test_schedule_is_a_factor_of_its_own_counter(unit, seen, last_rates):
    class Counting:
        def __init__(self):
            self.unit, self.calls = unit, []

        def __call__(self, t):
            self.calls.append(t)
            return float(t)

    schedule = Counting()
    result = ref.descend(
        lambda theta, rows: (0.0, np.ones(1)),
        np.zeros(1),
        SGD(learning_rate=0.5),
        n_rows=3,
        batch_size=1,
        schedule=schedule,
        n_epochs=3,
    )
    assert schedule.calls == seen
    np.testing.assert_array_equal(result["learning_rate"], 0.5 * np.array(last_rates))
    np.testing.assert_array_equal(result["theta"], [-0.5 * sum(seen)])


def test_one_row_at_a_time_is_scikit_learns_sgd(rng):
    """SGDRegressor minimises (f - y)^2 / 2 row by row: our rate is half of its."""
    X, y, theta, loss_gradient = linear_problem(rng)
    sgd = SGDRegressor(penalty=None, learning_rate="constant", eta0=0.1, shuffle=False, tol=None)
    sgd.set_params(max_iter=3).fit(
        X, y, coef_init=theta[1:].copy(), intercept_init=theta[:1].copy()
    )
    result = ref.descend(loss_gradient, theta, SGD(0.05), n_rows=12, batch_size=1, n_epochs=3)
    expected = np.concatenate([sgd.intercept_, sgd.coef_])
    assert_close(result["theta"], expected, F64, "steps", 36, scale=1.0)


@pytest.mark.parametrize(
    ("settings", "optimizer"),
    [
        (
            {"solver": "sgd", "momentum": 0.8, "nesterovs_momentum": False},
            Momentum(0.005, 0.8, "step"),
        ),
        (
            {"solver": "sgd", "momentum": 0.8, "nesterovs_momentum": True},
            Momentum(0.005, 0.8, "step", nesterov=True),
        ),
        ({"solver": "adam"}, Adam(0.01, epsilon=2e-8, epsilon_hat=True)),
    ],
)
def test_network_descent_is_scikit_learns(rng, settings, optimizer):
    """MLPRegressor has the factor 1/2 in its loss: SGD takes half the rate, Adam twice epsilon."""
    X, y = rng.standard_normal((20, 3)), rng.standard_normal(20)
    mlp = MLPRegressor(
        hidden_layer_sizes=(6,),
        alpha=0.0,
        batch_size=8,
        shuffle=False,
        learning_rate_init=0.01,
        random_state=1,
        **settings,
    )
    mlp.partial_fit(X, y)  # draws the weights
    theta = [part.copy() for part in mlp.coefs_ + mlp.intercepts_]
    del mlp._optimizer  # so that the next call starts a new one
    for _ in range(3):
        mlp.partial_fit(X, y)

    def loss_gradient(theta, rows):
        loss, d_weights, d_biases = ref.relu_network_loss_gradient(
            theta[:2], theta[2:], X[rows], y[rows]
        )
        return loss, d_weights + d_biases

    result = ref.descend(loss_gradient, theta, optimizer, n_rows=20, batch_size=8, n_epochs=3)
    assert_close(result["theta"], mlp.coefs_ + mlp.intercepts_, F64, "steps", 100, scale=1.0)
    assert_close(result["loss"] / 2, mlp.loss_curve_[-3:], F64, "steps", 100)


@pytest.mark.parametrize("output_activation", ["identity", "relu", "logistic", "softmax"])
def test_descent_lowers_every_network_loss(rng, output_activation):
    X = rng.standard_normal((30, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    width = 2 if output_activation == "softmax" else 1
    theta = [
        rng.standard_normal((2, 8)),
        rng.standard_normal((8, width)) / 3,
        np.full(8, 0.1),
        np.full(width, 0.5),
    ]

    def loss_gradient(theta, rows):
        loss, d_weights, d_biases = ref.relu_network_loss_gradient(
            theta[:2], theta[2:], X[rows], y[rows], output_activation
        )
        return loss, d_weights + d_biases

    settings = {"n_rows": 30, "batch_size": 10, "shuffle": True, "n_epochs": 40}
    loss = ref.descend(loss_gradient, theta, Adam(0.05), **settings)["loss"]
    assert loss[-1] < loss[0] / 2
