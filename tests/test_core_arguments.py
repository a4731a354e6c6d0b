"""What the compiled core does with arguments that don't fit: it refuses them, and never reads beyond them."""

from __future__ import annotations

import numpy as np
import pytest

import steepest as st
from steepest import _native, kernels
from steepest._bases import explicit_recurrence

SQUARED = {"hidden": "identity", "output": "identity", "loss": "squared"}
CONFIG = {"optimizer": st.SGD(0.1).config(), "max_epochs": 1, "by_points": False}


def layer(n_in, n_out, dtype=np.float64):
    return [np.ones((n_in, n_out), dtype)], [np.zeros(n_out, dtype)]


def basis_rows(n, degree):
    return np.linspace(-1, 1, n), degree, explicit_recurrence("chebyshev", degree)


def descend(X, y, widths, loss, validation=None):
    return _native.core.network_descent(
        *layer(*widths), None, (X, y, None), validation, {**SQUARED, "loss": loss}, CONFIG, None
    )


@pytest.mark.parametrize(
    ("loss", "outputs", "classes"),
    [
        ("softmax", 4, 4),
        ("softmax", 4, -1),
        ("logistic", 4, 10**9),
        ("logistic", 1, 1),
        ("hinge", 4, 4),
        ("squared", 4, 0),
        ("huber", 1, 0),
    ],
)
def test_classes_that_no_output_has(isa, rng, loss, outputs, classes):
    """Or classes where the loss is of numbers; for training as for validation."""
    X, y = rng.standard_normal((6, 3)), np.full(6, classes)
    with pytest.raises(ValueError, match="classes do not fit"):
        descend(X, y, (3, outputs), loss)
    numbers = np.zeros((6, outputs))
    with pytest.raises(ValueError, match="classes do not fit"):
        descend(X, numbers, (3, outputs), loss, (X, y, None))
    with pytest.raises(ValueError, match="classes do not fit"):
        descend(X, np.zeros((6, 1), np.int64), (3, outputs), "softmax")


def test_a_basis_at_points_is_for_descents_alone(isa):
    """Predictions and moments read rows that are there."""
    rows = basis_rows(6, 3)
    assert descend(rows, np.zeros(6), (3, 1), "squared")["n_epochs"] == 1
    parameters = layer(3, 1)
    labels = np.arange(2)
    assert _native.core.network_answer(*parameters, rows, "identity", "output", 1) is NotImplemented
    assert _native.core.network_classes(*parameters, rows, "identity", labels, 1) is NotImplemented
    with pytest.raises(ValueError, match="fit together"):
        _native.core.linear_moments((rows, np.zeros((6, 1)), None), True, 1)


def test_a_tuple_of_rows_is_a_matrix(isa, rng):
    """Of three to five, too, although the core takes such tuples for a basis at points, and for sparse matrices."""
    weights, biases = [rng.standard_normal((3, 1))], [np.ones(1)]
    for n in (3, 4, 5):
        X, y = rng.standard_normal((n, 3)), np.zeros(n)
        for call in (
            lambda x: kernels.relu_network_forward(weights, biases, x)[0],
            lambda x: kernels.relu_network_input_gradient(weights, biases, x),
            lambda x, y=y: kernels.relu_network_loss_gradient(weights, biases, x, y)[1],
        ):
            np.testing.assert_array_equal(call(tuple(X)), call(X))


def test_products_that_do_not_fit_together(isa, rng):
    X, units, recurrences = rng.standard_normal((6, 2)), np.ones((2, 2)), np.ones((2, 3, 2))
    table = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 2]])
    right = {
        "X": X,
        "units": units,
        "recurrences": recurrences,
        "table": table,
        "mixing": np.eye(4),
    }
    theta = np.ones((1, 4))

    def products(**other):
        return tuple((right | other).values())

    assert _native.core.product_predict(theta, products(), 1).shape == (6, 1)
    assert _native.core.product_slopes(theta, products(mixing=None), 1).shape == (6, 1, 2)
    for entry in ([1, 1, 2], [-1, 1, 1], [0, 2, 1], [0, -1, 1], [0, 1, 3], [0, 1, -1]):
        wrong = table.copy()
        wrong[0] = entry
        assert _native.core.product_predict(theta, products(table=wrong), 1) is NotImplemented
    for other in (
        {"X": X[:, :1].copy()},
        {"X": X[:, 0].copy()},
        {"units": np.ones(3)},
        {"units": units.astype(np.float32)},
        {"recurrences": np.ones((2, 2, 2))},
        {"recurrences": np.ones((2, 3, 1))},
        {"recurrences": np.ones(12)},
        {"table": table.astype(np.int32)},
        {"table": table[:, :2].copy()},
        {"mixing": np.eye(3)},
    ):
        assert _native.core.product_predict(theta, products(**other), 1) is NotImplemented
        with pytest.raises(ValueError, match="fit together"):
            _native.core.linear_moments((products(**other), np.zeros((6, 1)), None), True, 1)
    for wrong in (np.ones((1, 3)), np.ones(4), np.ones((1, 4), np.float32)):
        assert _native.core.product_predict(wrong, products(), 1) is NotImplemented
        assert _native.core.product_slopes(wrong, products(), 1) is NotImplemented
    answer = _native.core.network_answer(*layer(3, 1), products(), "identity", "output", 1)
    assert answer is NotImplemented
    moments = _native.core.linear_moments((X, X[:, :1].copy(), None), True, 1).standardised(
        np.zeros(2), np.ones(2), np.zeros(1), 1.0, True
    )
    with pytest.raises(ValueError, match="does not fit the moments"):
        moments.mixed(np.eye(2))


@pytest.mark.parametrize("kind", ["object", "record", "text"])
def test_labels_that_cannot_be_copied_byte_by_byte(isa, rng, kind):
    """NumPy's text of any length lies elsewhere, as objects do."""
    if kind == "text" and np.lib.NumpyVersion(np.__version__) < "2.0.0":
        pytest.skip("since NumPy 2.0")
    dtype = {"object": object, "record": [("name", object)]}.get(kind) or np.dtypes.StringDType()
    labels = np.zeros(3, dtype) if kind != "text" else np.array(["a" * 40] * 3, dtype)
    X = rng.standard_normal((5, 2))
    found = _native.core.network_classes(*layer(2, 3), X, "identity", labels, 1)
    assert found is NotImplemented


def test_a_polynomial_without_coefficients_or_with_other_weights(isa):
    x = np.linspace(-1, 1, 4)

    def descent(theta, weights, held_out):
        return _native.core.polynomial_descent(
            theta, [], (x, x, weights), (x, x, held_out), None, 0.0, 0.0, CONFIG, None
        )

    assert descent(np.zeros(2), np.ones(4), np.ones(4))["n_epochs"] == 1
    with pytest.raises(ValueError, match="fit together"):
        descent(np.zeros(0), None, None)
    for wrong in (np.ones(3), np.ones(4, np.float32), "none"):
        with pytest.raises(ValueError, match="sample_weight does not fit"):
            descent(np.zeros(2), wrong, None)
        with pytest.raises(ValueError, match="sample_weight does not fit"):
            descent(np.zeros(2), None, wrong)


def test_what_was_lent_to_a_listener_that_fails_is_taken_back(isa, rng):
    """Its parameters are gone with the descent that has not begun."""

    class Listener:
        def lend(self, parameters):
            self.parameters = parameters
            raise KeyboardInterrupt

        def __call__(self, record):
            return False

    listener = Listener()
    X = rng.standard_normal((6, 3))
    with pytest.raises(KeyboardInterrupt):
        _native.core.network_descent(
            *layer(3, 1), None, (X, X[:, :1].copy(), None), None, SQUARED, CONFIG, listener
        )
    with pytest.raises(RuntimeError, match="has ended"):
        listener.parameters()


@pytest.mark.parametrize("parts", [(), (1, "int32", False), (0, "int32", False, 0)])
def test_a_compiled_function_without_parts_or_address(isa, parts):
    config = {"optimizer": st.SGD(0.1).config(), "max_steps": 1}
    for call in (
        lambda: _native.core.value_and_gradient(parts, np.ones(2)),
        lambda: _native.core.minimize(parts, np.ones(2), [], config, None, False),
        lambda: _native.core.minimize_many([parts], np.ones((3, 2)), [], config),
    ):
        with pytest.raises(ValueError, match="a compiled function has"):
            call()


def test_descents_in_lockstep_that_report_another_point(isa):
    config = {"optimizer": st.SGD(0.1, average=st.optimizers.EMA(0.5)).config(), "max_steps": 3}
    x = np.ones((3, 2))

    def fun(points):
        return (points**2).sum(axis=1), 2 * points

    with pytest.raises(ValueError, match="step the points that they report"):
        _native.core.minimize_in_lockstep(fun, x, [x.reshape(-1).copy()], config)
    np.testing.assert_array_equal(x, 1)


def test_arrays_of_a_step_that_do_not_fit_together(isa):
    optimizer = st.BarzilaiBorwein()
    stepper = _native.core.Stepper(optimizer.config(), list(optimizer.slots))
    x, slots = np.ones(4), [np.ones(4), np.ones(4)]

    def step(x=x, gradient=x, slots=slots):
        return stepper.whole_step([x], [gradient], [slots], [0.0], 1, 0.1, 1.0)

    assert len(step()) == 3
    wrong = [np.ones(3), np.ones(4, np.float32), np.ones(8)[::2], None]
    for array in wrong:
        for call in (
            lambda a=array: step(gradient=a),
            lambda a=array: step(slots=[slots[0], a]),
            lambda a=array: stepper.whole_step([x, a], [x, x], [slots, slots], [0.0], 1, 0.1, 1.0),
        ):
            with pytest.raises(ValueError, match="do not fit together"):
                call()
    for array in wrong[1:]:
        with pytest.raises(ValueError, match="of another type"):
            stepper.clipped([x, array])
