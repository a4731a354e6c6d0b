"""The textbook's examples, worked by hand, against the reference and central differences."""

from __future__ import annotations

import numpy as np
import pytest
from gradcheck import assert_gradient, numerical_gradient
from tolerances import assert_close

from steepest import reference as ref
from steepest.optimizers import SGD

F64 = np.float64


# ---------------------------------------------------------------- partial derivatives


def bowl(p):
    x, y = p
    return x**2 + y**2 + x * y


def bowl_gradient(p):
    x, y = p
    return np.array([2 * x + y, 2 * y + x])


def test_gradient_of_the_bowl_at_1_3():
    """J = x^2 + y^2 + x y: grad J = (2x + y, 2y + x) = (5, 7), of norm sqrt(74)."""
    p = np.array([1.0, 3.0])
    np.testing.assert_array_equal(bowl_gradient(p), [5.0, 7.0])
    assert_gradient(bowl, p, np.array([5.0, 7.0]), quadratic=True, length=3)
    norm = np.linalg.norm(numerical_gradient(bowl, p))
    assert_close(norm, np.sqrt(74), F64, "finite_difference", scale=bowl(p))


def test_no_direction_is_steeper_than_the_gradient():
    """The slope along a unit vector at angle a from (5, 7) is sqrt(74) cos(a)."""
    p, angle = np.array([1.0, 3.0]), np.linspace(-np.pi, np.pi, 13)
    along = np.array([5.0, 7.0]) / np.sqrt(74)
    across = np.array([-along[1], along[0]])
    for a in angle:
        direction = np.cos(a) * along + np.sin(a) * across
        slope = numerical_gradient(lambda t, d=direction: bowl(p + t * d), np.array(0.0))
        assert_close(slope, np.sqrt(74) * np.cos(a), F64, "finite_difference", scale=bowl(p))


def test_two_steps_of_descent_on_the_bowl():
    """From (1, 3) at rate 0.1: (1, 3) - 0.1 (5, 7) = (0.5, 2.3), then - 0.1 (3.3, 5.1)."""

    def loss_gradient(p, rows):
        return bowl(p), bowl_gradient(p)

    result = ref.descend(loss_gradient, np.array([1.0, 3.0]), SGD(0.1), n_epochs=2)
    assert_close(result["theta"], [0.17, 1.79], F64, "steps", 2, scale=3.0)
    assert_close(result["loss"], [13.0, 6.69], F64, "reduction", 3)
    norms = [np.sqrt(74), np.sqrt(3.3**2 + 5.1**2)]
    assert_close(result["gradient_norm"], norms, F64, "reduction", 3)
    result = ref.descend(loss_gradient, np.array([1.0, 3.0]), SGD(0.1), n_epochs=500)
    assert_close(result["theta"], [0.0, 0.0], F64, "steps", 500, scale=1.0)  # the minimum


def test_quadratic_in_a_and_b():
    """J = 2a^2 + b^2 + 3ab + 4: grad J = (4a + 3b, 2b + 3a), and no minimum."""

    def f(p):
        a, b = p
        return 2 * a**2 + b**2 + 3 * a * b + 4

    for a, b in [(0.0, 0.0), (1.0, 2.0), (-3.0, 0.5)]:
        gradient = np.array([4 * a + 3 * b, 2 * b + 3 * a])
        assert_gradient(f, np.array([a, b]), gradient, quadratic=True, length=4)
    hessian = np.array([[4.0, 3.0], [3.0, 2.0]])
    downhill, uphill = np.linalg.eigvalsh(hessian)
    assert downhill < 0 < uphill  # (0, 0) is a saddle: descent runs away along one axis


# ---------------------------------------------------------------- the chain rule


@pytest.mark.parametrize(
    "point", [(1.0, 2.0, 3.0, -1.0), (0.5, -1.0, 2.0, 1.5), (0.0, 0.0, 1.0, 1.0)]
)
def test_square_of_a_sum_times_a_product(point):
    """J = (a x + b y)^2 x y = q^2 p, with q = a x + b y and p = x y: dJ = 2 q p dq + q^2 dp."""

    def f(theta):
        a, b, x, y = theta
        return (a * x + b * y) ** 2 * x * y

    a, b, x, y = point
    q, p = a * x + b * y, x * y
    d_q, d_p = np.array([x, y, a, b]), np.array([0.0, 0.0, y, x])
    chain_rule = 2 * q * p * d_q + q**2 * d_p
    closed_form = np.array(  # of J = a^2 x^3 y + 2 a b x^2 y^2 + b^2 x y^3
        [
            2 * a * x**3 * y + 2 * b * x**2 * y**2,
            2 * a * x**2 * y**2 + 2 * b * x * y**3,
            3 * a**2 * x**2 * y + 4 * a * b * x * y**2 + b**2 * y**3,
            a**2 * x**3 + 4 * a * b * x**2 * y + 3 * b**2 * x * y**2,
        ]
    )
    assert_close(chain_rule, closed_form, F64, "reduction", 8)
    assert_gradient(f, np.array(point), chain_rule)


@pytest.mark.parametrize("t", [0.0, 0.7, 3.0])
def test_product_of_two_functions_of_time(t):
    """P = Q R with Q = 2 + sin t and R = e^(-t/2): dP/dt = R dQ/dt + Q dR/dt."""
    Q, R = 2 + np.sin(t), np.exp(-t / 2)
    d_Q, d_R = np.cos(t), -R / 2
    d_P = R * d_Q + Q * d_R
    assert_gradient(lambda t: (2 + np.sin(t)) * np.exp(-t / 2), np.array(t), np.array(d_P))
    # The same by the chain rule from (Q, R), the gradient of whose product is (R, Q).
    d_product = numerical_gradient(lambda p: p[0] * p[1], np.array([Q, R]))
    assert_close(d_product @ [d_Q, d_R], d_P, F64, "finite_difference", scale=Q * R + Q + R)


# ---------------------------------------------------------------- two layers, one unit in each


def scalar_network(x, y, w1, b1, w2, b2):
    """Loss and gradient by the reference: L = (f - y)^2, f = relu(w2 relu(w1 x + b1) + b2)."""
    weights, biases = [np.array([[w1]]), np.array([[w2]])], [np.array([b1]), np.array([b2])]
    X, Y = np.array([[x]]), np.array([[y]])
    loss, d_weights, d_biases = ref.relu_network_loss_gradient(
        weights, biases, X, Y, output_activation="relu"
    )
    d_w1, d_w2, d_b1, d_b2 = (part.item() for part in d_weights + d_biases)
    return loss, np.array([d_w1, d_b1, d_w2, d_b2])


def by_the_chain_rule(x, y, w1, b1, w2, b2):
    """The same, factor by factor: relu' is 1 above zero and 0 at zero and below."""
    z1 = w1 * x + b1
    h = max(z1, 0.0)
    z2 = w2 * h + b2
    f = max(z2, 0.0)
    d_f = 2 * (f - y)
    d_z2 = d_f * (z2 > 0)
    d_h = d_z2 * w2
    d_z1 = d_h * (z1 > 0)
    return (f - y) ** 2, np.array([d_z1 * x, d_z1, d_z2 * h, d_z2])


@pytest.mark.parametrize(
    ("case", "x", "y", "theta", "loss", "gradient"),
    [
        # h = 7, f = 22, f - y = 2: 4 (w2 x, w2, h, 1)
        ("both active", 2.0, 20.0, (3.0, 1.0, 3.0, 1.0), 4.0, (24.0, 12.0, 28.0, 4.0)),
        # z1 = -5, h = 0, f = b2 = 1, f - y = -2: only b2 is felt
        ("hidden off", 2.0, 3.0, (-3.0, 1.0, 3.0, 1.0), 4.0, (0.0, 0.0, 0.0, -4.0)),
        # h = 7, z2 = -20, f = 0: the unit is dead, whatever its loss
        ("output off", 2.0, 3.0, (3.0, 1.0, -3.0, 1.0), 9.0, (0.0, 0.0, 0.0, 0.0)),
        # z1 = 2 * 0.5 - 1 = 0: the hidden unit passes nothing back
        ("kink in the hidden unit", 2.0, 3.0, (0.5, -1.0, 3.0, 1.0), 4.0, (0.0, 0.0, 0.0, -4.0)),
        # z2 = 2 * 2 - 4 = 0
        ("kink in the output unit", 2.0, 3.0, (1.0, 0.0, 2.0, -4.0), 9.0, (0.0, 0.0, 0.0, 0.0)),
        ("all zero", 0.0, 1.0, (0.0, 0.0, 0.0, 0.0), 1.0, (0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_two_layer_scalar_network(case, x, y, theta, loss, gradient):
    """Whole numbers, so nothing is rounded and everything must be equal."""
    for computed_loss, computed_gradient in [
        scalar_network(x, y, *theta),
        by_the_chain_rule(x, y, *theta),
    ]:
        assert computed_loss == loss
        np.testing.assert_array_equal(computed_gradient, gradient)
    if "kink" not in case and case != "all zero":  # there is a derivative to approximate
        assert_gradient(
            lambda theta: scalar_network(x, y, *theta)[0], np.array(theta), np.array(gradient)
        )


def test_one_sided_slopes_at_the_kink():
    """At z1 = 0 the slope in w1 is 0 from below and 2 (f - y) w2 x = -24 from above: we say 0."""
    x, y, w1, *others = 2.0, 3.0, 0.5, -1.0, 3.0, 1.0
    h = 2.0**-20

    def loss(w1):
        return scalar_network(x, y, w1, *others)[0]

    below, above = (loss(w1) - loss(w1 - h)) / h, (loss(w1 + h) - loss(w1)) / h
    assert below == 0.0
    assert above == -24.0 + 36.0 * h  # L = (6 h - 2)^2 there; h is a power of two
    assert scalar_network(x, y, w1, *others)[1][0] == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_two_layer_scalar_network_at_random_points(seed):
    x, y, *theta = np.random.default_rng(seed).uniform(0.2, 2.0, 6)
    for signs in np.ndindex(2, 2, 2, 2):
        signed = theta * np.where(signs, -1.0, 1.0)
        loss, gradient = scalar_network(x, y, *signed)
        expected_loss, expected_gradient = by_the_chain_rule(x, y, *signed)
        assert_close(loss, expected_loss, F64, "matmul chain", (1, 1), scale=y**2)
        assert_close(gradient, expected_gradient, F64, "matmul chain", (1, 1), scale=1.0)
        assert_gradient(lambda p: scalar_network(x, y, *p)[0], signed, gradient)
