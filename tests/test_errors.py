"""What is refused, how the message puts it, and that nothing is half-changed by then."""

from __future__ import annotations

import copy
import inspect
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import steepest
from steepest import kernels
from steepest.optimizers import SGD, Adam, AdamW, Momentum
from steepest.schedules import Constant, Cosine, Exponential, InverseTime, Step
from steepest.stopping import (
    GradientNorm,
    MaxEpochs,
    MaxSeconds,
    MaxSteps,
    NoImprovement,
    combined_config,
)

ones, zeros = np.ones, np.zeros


def refuse(call, *fragments, error=ValueError):
    """Assert that `call` raises, with each of the fragments in the message, as whole words."""
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    for fragment in fragments:
        assert re.search(rf"(?<!\w){re.escape(fragment)}(?!\w)", message), (
            f"{fragment!r} is not in {message!r}"
        )


# ---------------------------------------------------------------- shapes that do not fit

WRONG_SHAPES = {
    "mse: lengths": (lambda: kernels.mse(ones(3), ones(4)), "target", "(3,)", "(4,)"),
    "mse: would broadcast": (
        lambda: kernels.mse(ones(3), ones((3, 1))),
        "target",
        "(3,)",
        "(3, 1)",
    ),
    "mse: no axes": (lambda: kernels.mse(ones(()), ones(())), "prediction", "()", "(n, K)"),
    "mse: rank 3": (
        lambda: kernels.mse(ones((2, 2, 2)), ones((2, 2, 2))),
        "prediction",
        "(2, 2, 2)",
    ),
    "mse_gradient: shapes": (
        lambda: kernels.mse_gradient(ones((2, 3)), ones((3, 2))),
        "target",
        "(2, 3)",
        "(3, 2)",
    ),
    "mse_gradient: rank 3": (
        lambda: kernels.mse_gradient(ones((1, 1, 1)), ones((1, 1, 1))),
        "prediction",
    ),
    "logistic: shapes": (
        lambda: kernels.logistic_cross_entropy(ones((2, 1)), ones(2)),
        "target",
        "(2, 1)",
        "(2,)",
    ),
    "softmax: logits of rank 1": (
        lambda: kernels.softmax_cross_entropy(ones(3), np.array([0, 1, 2])),
        "logits",
        "(3,)",
        "(n, K)",
    ),
    "softmax: number of classes": (
        lambda: kernels.softmax_cross_entropy(ones((3, 2)), np.array([0, 1])),
        "target",
        "(3,)",
        "(2,)",
    ),
    "softmax: probabilities": (
        lambda: kernels.softmax_cross_entropy(ones((3, 2)), ones((3, 3))),
        "target",
        "(3, 2)",
        "(3, 3)",
    ),
    "softmax: classes as floats": (
        lambda: kernels.softmax_cross_entropy(ones((3, 2)), zeros(3)),
        "target",
        "(3,)",
        "float64",
    ),
    "softmax: class too large": (
        lambda: kernels.softmax_cross_entropy(ones((3, 2)), np.array([0, 1, 2])),
        "target",
        "0 ... 1",
        "row 2 is 2",
    ),
    "softmax: class negative": (
        lambda: kernels.softmax_cross_entropy(ones((3, 2)), np.array([0, -1, 1])),
        "target",
        "row 1 is -1",
    ),
    "softmax: class beyond int64": (
        lambda: kernels.softmax_cross_entropy(ones((1, 2)), np.array([2**64 - 1], np.uint64)),
        "target",
        "row 0 is 18446744073709551615",
    ),
    "linear_predict: theta without axes": (
        lambda: kernels.linear_predict(ones(()), ones((4, 2))),
        "theta",
        "()",
        "(1 + d,)",
    ),
    "linear_predict: theta of rank 3": (
        # One row: where this was not refused, what it overran was still the allocator's own slack.
        lambda: kernels.linear_predict(ones((3, 2, 1)), ones((1, 2))),
        "theta",
        "(3, 2, 1)",
    ),
    "linear_predict: X without axes": (
        lambda: kernels.linear_predict(ones(3), ones(())),
        "X",
        "()",
        "(n, d)",
    ),
    "linear_predict: X of rank 1": (
        lambda: kernels.linear_predict(ones(3), ones(2)),
        "X",
        "(2,)",
        "(n, d)",
    ),
    "linear_predict: X of rank 3": (
        lambda: kernels.linear_predict(ones(3), ones((4, 2, 1))),
        "X",
        "(4, 2, 1)",
    ),
    "linear_predict: no row for the intercept": (
        lambda: kernels.linear_predict(ones(2), ones((4, 2))),
        "theta",
        "(4, 2)",
        "(2,)",
        "intercept",
    ),
    "linear: theta of rank 3": (
        lambda: kernels.linear_loss_gradient(ones((3, 2, 2)), ones((4, 2)), ones((4, 2, 2))),
        "theta",
        "(3, 2, 2)",
    ),
    "linear: y without axes": (
        lambda: kernels.linear_loss_gradient(ones(3), ones((4, 2)), ones(())),
        "y",
        "(4,)",
        "()",
    ),
    "linear: y too short": (
        lambda: kernels.linear_loss_gradient(ones(3), ones((4, 2)), ones(3)),
        "y",
        "(4,)",
        "(3,)",
    ),
    "linear: y is a column": (
        lambda: kernels.linear_loss_gradient(ones(3), ones((4, 2)), ones((4, 1))),
        "y",
        "(4,)",
        "(4, 1)",
    ),
    "linear: y has too few columns": (
        lambda: kernels.linear_loss_gradient(ones((3, 2)), ones((4, 2)), ones((4, 1))),
        "y",
        "(4, 2)",
        "(4, 1)",
    ),
    "polynomial_predict: theta of rank 2": (
        lambda: kernels.polynomial_predict(ones((2, 1)), ones(3)),
        "theta",
        "(2, 1)",
        "(degree + 1,)",
    ),
    "polynomial_predict: no theta": (
        lambda: kernels.polynomial_predict(ones(0), ones(3)),
        "theta",
        "empty",
    ),
    "polynomial_predict: x is a column": (
        lambda: kernels.polynomial_predict(ones(2), ones((3, 1))),
        "x",
        "(3, 1)",
        "(n,)",
    ),
    "polynomial: lengths": (
        lambda: kernels.polynomial_loss_gradient(ones(2), ones(3), ones(4)),
        "y",
        "(3,)",
        "(4,)",
    ),
    "polynomial: y is a column": (
        lambda: kernels.polynomial_loss_gradient(ones(2), ones(3), ones((3, 1))),
        "y",
        "(3,)",
        "(3, 1)",
    ),
    "dense_forward: X of rank 1": (
        lambda: kernels.dense_forward(ones(2), ones((2, 3)), ones(3)),
        "X",
        "(2,)",
        "(n, n_in)",
    ),
    "dense_forward: weights of rank 1": (
        lambda: kernels.dense_forward(ones((4, 2)), ones(2), ones(1)),
        "weights",
        "(2,)",
        "(n_in, n_out)",
    ),
    "dense_forward: X and weights": (
        lambda: kernels.dense_forward(ones((4, 2)), ones((3, 2)), ones(2)),
        "weights",
        "(4, 2)",
        "(3, 2)",
    ),
    "dense_forward: bias": (
        lambda: kernels.dense_forward(ones((4, 2)), ones((2, 3)), ones(2)),
        "bias",
        "(3,)",
        "(2,)",
    ),
    "dense_forward: bias of rank 2": (
        lambda: kernels.dense_forward(ones((4, 2)), ones((2, 3)), ones((1, 3))),
        "bias",
        "(3,)",
        "(1, 3)",
    ),
    "dense_backward: output": (
        lambda: kernels.dense_backward(ones((4, 2)), ones((2, 3)), ones((4, 2)), ones((4, 3))),
        "output",
        "(4, 3)",
        "(4, 2)",
    ),
    "dense_backward: d_output": (
        lambda: kernels.dense_backward(ones((4, 2)), ones((2, 3)), ones((4, 3)), ones((3, 3))),
        "d_output",
        "(4, 3)",
        "(3, 3)",
    ),
    "dense_backward: d_output of rank 1": (
        lambda: kernels.dense_backward(ones((4, 2)), ones((2, 1)), ones((4, 1)), ones(4)),
        "d_output",
        "(4, 1)",
        "(4,)",
    ),
    "network: no layers": (
        lambda: kernels.relu_network_forward([], [], ones((4, 2))),
        "weights",
        "biases",
    ),
    "network: more weights than biases": (
        lambda: kernels.relu_network_forward([ones((2, 2))] * 2, [ones(2)], ones((4, 2))),
        "weights",
        "biases",
        "2",
        "1",
    ),
    "network: layers do not chain": (
        lambda: kernels.relu_network_forward(
            [ones((2, 3)), ones((2, 1))], [ones(3), ones(1)], ones((4, 2))
        ),
        "weights[1]",
        "weights[0]",
        "3",
        "(2, 1)",
    ),
    "network: X": (
        lambda: kernels.relu_network_forward([ones((3, 1))], [ones(1)], ones((4, 2))),
        "weights[0]",
        "(4, 2)",
        "(3, 1)",
    ),
    "network: X of rank 1": (
        lambda: kernels.relu_network_forward([ones((2, 1))], [ones(1)], ones(2)),
        "X",
        "(2,)",
    ),
    "network: weights of rank 1": (
        lambda: kernels.relu_network_forward(
            [ones((2, 3)), ones(3)], [ones(3), ones(1)], ones((4, 2))
        ),
        "weights[1]",
        "(3,)",
    ),
    "network: bias": (
        lambda: kernels.relu_network_forward(
            [ones((2, 3)), ones((3, 1))], [ones(3), ones(2)], ones((4, 2))
        ),
        "biases[1]",
        "(1,)",
        "(2,)",
    ),
    "network: y": (
        lambda: kernels.relu_network_loss_gradient(
            [ones((2, 3))], [ones(3)], ones((4, 2)), ones((4, 2))
        ),
        "y",
        "(4, 3)",
        "(4, 2)",
    ),
    "network: flat y for three outputs": (
        lambda: kernels.relu_network_loss_gradient(
            [ones((2, 3))], [ones(3)], ones((4, 2)), ones(4)
        ),
        "y",
        "(4, 3)",
        "(4,)",
    ),
    "network: classes": (
        lambda: kernels.relu_network_loss_gradient(
            [ones((2, 3))], [ones(3)], ones((4, 2)), np.array([0, 1, 2, 3]), "softmax"
        ),
        "y",
        "0 ... 2",
        "row 3 is 3",
    ),
    "network: classes as floats": (
        lambda: kernels.relu_network_loss_gradient(
            [ones((2, 3))], [ones(3)], ones((4, 2)), zeros(4), "softmax"
        ),
        "y",
        "classes",
        "(4, 3)",
        "(4,)",
        "float64",
    ),
    "network: number of classes": (
        lambda: kernels.relu_network_loss_gradient(
            [ones((2, 3))], [ones(3)], ones((4, 2)), np.array([0, 1, 2]), "softmax"
        ),
        "y",
        "(4,)",
        "(3,)",
    ),
}


@pytest.mark.parametrize("case", WRONG_SHAPES)
def test_shapes_are_named(isa, case):
    call, *fragments = WRONG_SHAPES[case]
    refuse(call, *fragments)


NO_ROWS = {
    "mse": (lambda: kernels.mse(ones(0), ones(0)), "prediction", "(0,)"),
    "mse_gradient": (lambda: kernels.mse_gradient(ones((0, 3)), ones((0, 3))), "(0, 3)"),
    "logistic": (lambda: kernels.logistic_cross_entropy(ones(0), ones(0)), "logits", "(0,)"),
    "softmax": (
        lambda: kernels.softmax_cross_entropy(ones((0, 3)), np.empty(0, int)),
        "logits",
        "(0, 3)",
    ),
    "linear": (lambda: kernels.linear_loss_gradient(ones(3), ones((0, 2)), ones(0)), "X", "(0, 2)"),
    "linear without columns": (
        lambda: kernels.linear_loss_gradient(ones(1), ones((0, 0)), ones(0)),
        "X",
        "(0, 0)",
    ),
    "polynomial": (
        lambda: kernels.polynomial_loss_gradient(ones(2), ones(0), ones(0)),
        "x",
        "(0,)",
    ),
    "network": (
        lambda: kernels.relu_network_loss_gradient(
            [ones((2, 1))], [ones(1)], ones((0, 2)), ones((0, 1))
        ),
        "X",
        "(0, 2)",
    ),
}


@pytest.mark.parametrize("case", NO_ROWS)
def test_no_rows(isa, case):
    call, *fragments = NO_ROWS[case]
    refuse(call, "no rows", *fragments)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("prediction", lambda: kernels.mse(ones((4, 0)), ones((4, 0)))),
        ("logits", lambda: kernels.softmax_cross_entropy(ones((4, 0)), zeros(4, int))),
        ("logits", lambda: kernels.logistic_cross_entropy(ones((4, 0)), ones((4, 0)))),
        (
            "y",
            lambda: kernels.linear_loss_gradient(ones((3, 0)), ones((4, 2)), ones((4, 0))),
        ),
        *(
            (
                "y",
                lambda output=output: kernels.relu_network_loss_gradient(
                    [ones((2, 0))], [ones(0)], ones((4, 2)), ones((4, 0)), output
                ),
            )
            for output in ("identity", "relu", "logistic")
        ),
    ],
)
def test_no_columns(isa, name, call):
    """Four rows of nothing have no mean either; no NaN, and no division by zero."""
    with pytest.raises(ValueError) as caught:
        call()
    assert "no " in str(caught.value)
    assert "0)" in str(caught.value)


def test_no_columns_of_a_softmax_network(isa):
    """In a process of its own: a row's largest logit, where there is none, lies anywhere."""
    code = f"""
import numpy as np, steepest
steepest.use_instruction_set({isa!r})
try:
    steepest.kernels.relu_network_loss_gradient(
        [np.ones((2, 0))], [np.ones(0)], np.ones((4, 2)), np.ones((4, 0)), "softmax"
    )
except ValueError as error:
    print("refused:", error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("refused: ")
    assert "no " in run.stdout


# ---------------------------------------------------------------- entries that are no numbers


def numbered(kernel, arguments):
    """Yield (name in messages, function that puts something else in its place)."""
    names = list(inspect.signature(getattr(kernels, kernel.name)).parameters)
    for i, (name, part) in enumerate(zip(names, arguments, strict=False)):
        if isinstance(part, list):
            for j in range(len(part)):
                yield (
                    f"{name}[{j}]",
                    part[j],
                    lambda other, i=i, j=j: [
                        *arguments[:i],
                        [*arguments[i][:j], other, *arguments[i][j + 1 :]],
                        *arguments[i + 1 :],
                    ],
                )
        else:
            yield (
                name,
                part,
                lambda other, i=i: [*arguments[:i], other, *arguments[i + 1 :]],
            )


def test_complex_numbers_are_refused(rng, kernel):
    for name, array, put in numbered(kernel, kernel.arguments(rng, 4, 3, np.float64)):
        refuse(lambda: kernel(put(array + 0j)), name, "real", "complex128")  # noqa: B023


@pytest.mark.parametrize(
    "what", ["words", np.array(None), b"bytes", object(), {"a": 1}], ids=lambda v: type(v).__name__
)
def test_what_is_no_number_is_refused(rng, kernel, what):
    for name, array, put in numbered(kernel, kernel.arguments(rng, 4, 3, np.float64)):
        bad = np.full(array.shape, what, object) if not isinstance(what, np.ndarray) else what
        refuse(lambda: kernel(put(bad)), name, error=(TypeError, ValueError))  # noqa: B023


def test_strings_are_refused(rng, kernel):
    for name, array, put in numbered(kernel, kernel.arguments(rng, 4, 3, np.float64)):
        bad = np.full(array.shape, "word")
        refuse(lambda: kernel(put(bad)), name, "numbers", error=TypeError)  # noqa: B023


def test_what_only_converts_to_numbers_is_refused(rng, kernel):
    """Days since 1970, a record's one field, digits in a string: nobody meant these as data."""
    for name, array, put in numbered(kernel, kernel.arguments(rng, 4, 3, np.float64)):
        for kind in ("M8[D]", "m8[s]", [("a", "f8")], "U4", "S4"):
            bad = np.ones(array.shape, "i8").astype(kind)
            refuse(lambda: kernel(put(bad)), name, "numbers", error=TypeError)  # noqa: B023


def test_ragged_lists_are_refused(rng, kernel):
    """NumPy's own message would not say which argument it was."""
    for name, _, put in numbered(kernel, kernel.arguments(rng, 4, 3, np.float64)):
        refuse(
            lambda: kernel(put([[1.0, 2.0], [3.0]])),  # noqa: B023
            name,
            error=(TypeError, ValueError),
        )


def test_none_is_refused(rng, kernel):
    for name, _, put in numbered(kernel, kernel.arguments(rng, 4, 3, np.float64)):
        refuse(lambda: kernel(put(None)), name, error=(TypeError, ValueError))  # noqa: B023


@pytest.mark.parametrize("name", ["weights", "biases"])
def test_a_network_without_lists_is_refused(name):
    arguments = {"weights": [ones((2, 1))], "biases": [ones(1)], "X": ones((4, 2)), name: None}
    refuse(lambda: kernels.relu_network_forward(**arguments), name, error=(TypeError, ValueError))


CHOICES = {
    "basis": lambda name: kernels.polynomial_predict(ones(2), ones(3), name),
    "basis of the loss": lambda name: kernels.polynomial_loss_gradient(
        ones(2), ones(3), ones(3), name
    ),
    "activation": lambda name: kernels.dense_forward(ones((2, 2)), ones((2, 1)), ones(1), name),
    "activation backwards": lambda name: kernels.dense_backward(
        ones((2, 2)), ones((2, 1)), ones((2, 1)), ones((2, 1)), name
    ),
    "activation of a network": lambda name: kernels.relu_network_forward(
        [ones((2, 1))], [ones(1)], ones((2, 2)), activation=name
    ),
    "output_activation": lambda name: kernels.relu_network_forward(
        [ones((2, 1))], [ones(1)], ones((2, 2)), name
    ),
    "output_activation of the loss": lambda name: kernels.relu_network_loss_gradient(
        [ones((2, 1))], [ones(1)], ones((2, 2)), ones(2), name
    ),
}


@pytest.mark.parametrize("wrong", ["hermite", "ReLU", "", None, 3, ["relu"]], ids=repr)
@pytest.mark.parametrize("case", CHOICES)
def test_unknown_names_are_refused_and_the_known_listed(case, wrong):
    argument = case.split()[0]
    listed = "'chebyshev'" if argument == "basis" else "'relu'"
    with pytest.raises((ValueError, TypeError)) as caught:
        CHOICES[case](wrong)
    message = str(caught.value)
    assert argument in message
    assert listed in message
    assert repr(wrong) in message


def test_softmax_is_no_activation_of_a_layer():
    for case in ("activation", "activation backwards", "activation of a network"):
        refuse(lambda case=case: CHOICES[case]("softmax"), "activation", "softmax")
    refuse(lambda: CHOICES["output_activation"]("tanh"), "output_activation", "tanh")


# ---------------------------------------------------------------- optimizers

NOT_A_RATE = [-0.1, np.nan, np.inf, -np.inf, "0.1", None, True, 1j, [0.1]]
NOT_A_FRACTION = [1.0, 1.5, -0.1, np.nan, "0.9", None, False, 1j]


@pytest.mark.parametrize(
    ("make", "name", "values"),
    [
        *((kind, "learning_rate", NOT_A_RATE) for kind in (SGD, Momentum, Adam, AdamW)),
        (Momentum, "momentum", NOT_A_FRACTION),
        (Momentum, "velocity", ["Gradient", "", None, 1]),
        (Momentum, "nesterov", ["no", None, 2, 0.5]),
        *((kind, "epsilon_hat", ["no", None, 2, 0.5]) for kind in (Adam, AdamW)),
        *((kind, "beta_1", NOT_A_FRACTION) for kind in (Adam, AdamW)),
        *((kind, "beta_2", NOT_A_FRACTION) for kind in (Adam, AdamW)),
        *((kind, "epsilon", NOT_A_RATE) for kind in (Adam, AdamW)),
        (AdamW, "weight_decay", NOT_A_RATE),
    ],
)
def test_hyper_parameters_are_checked(make, name, values):
    for value in values:
        refuse(lambda value=value: make(**{name: value}), name, error=(TypeError, ValueError))
        with pytest.raises((TypeError, ValueError), match=re.escape(repr(value))):
            make(**{name: value})


def test_the_ends_of_the_intervals_are_allowed():
    SGD(0)
    Momentum(momentum=0.0)
    Adam(beta_1=0, beta_2=0, epsilon=0)
    AdamW(weight_decay=0)


def frozen(array):
    array.flags.writeable = False
    return array


# What a step is given in place of something right: (argument or slot, value, fragments).
# Theta is [ones(3), ones(2)], so that the first array could be stepped before the second is refused.
BAD_STEPS = {
    "gradient: shape": ("gradient", [ones(3), ones(3)], "gradient of theta[1]", "(2,)", "(3,)"),
    "gradient: would broadcast": ("gradient", [ones(3), ones(())], "gradient of theta[1]", "()"),
    "gradient: too few": ("gradient", [ones(3)], "gradient", "2", "1"),
    "gradient: too many": ("gradient", [ones(3)] * 3, "gradient", "2", "3"),
    "gradient: complex": (
        "gradient",
        [ones(3), ones(2) * 1j],
        "gradient of theta[1]",
        "complex128",
    ),
    "gradient: words": ("gradient", [ones(3), np.array(["a", "b"])], "gradient of theta[1]"),
    "gradient: objects": ("gradient", [ones(3), np.array([{}, 1])], "gradient of theta[1]"),
    "gradient: none": ("gradient", [ones(3), None], "gradient of theta[1]"),
    "gradient: nothing": ("gradient", None, "gradient"),
    "theta: integers": ("theta", [ones(3), ones(2, int)], "theta[1]", "float32", "int64"),
    "theta: float16": ("theta", [ones(3), ones(2, np.float16)], "theta[1]", "float16"),
    "theta: complex": ("theta", [ones(3), ones(2, complex)], "theta[1]", "complex128"),
    "theta: a list": ("theta", [ones(3), [1.0, 1.0]], "theta[1]", "list"),
    "theta: numbers": ("theta", [1.0, 1.0], "theta[0]", "float"),
    "theta: read-only": ("theta", [ones(3), frozen(ones(2))], "theta[1]", "read-only"),
    "theta: shape": ("theta", [ones(3), ones(3)], "theta[1]", "(3,)", "(2,)"),
    "learning_rate: negative": ("learning_rate", -0.1, "learning_rate", "-0.1"),
    "learning_rate: nan": ("learning_rate", np.nan, "learning_rate", "nan"),
    "learning_rate: word": ("learning_rate", "fast", "learning_rate", "fast"),
    "state: none": ("state", None, "state"),
    "state: empty": ("state", {}, "state", "step"),
    "step: none": ("step", None, "state"),
    "step: word": ("step", "one", "state"),
    "step: fraction": ("step", 0.5, "state"),
    "step: negative": ("step", -1, "state"),
    "step: huge": ("step", 2**70, "state"),
}
BAD_SLOTS = {
    "missing": (lambda slots: None, "state"),
    "shape": (lambda slots: [slots[0], zeros(3)], "theta[1]", "(2,)", "(3,)"),
    "too few": (lambda slots: slots[:1], "state"),
    "integers": (lambda slots: [slots[0], zeros(2, int)], "theta[1]"),
    "read-only": (lambda slots: [slots[0], frozen(zeros(2))], "theta[1]", "read-only"),
    "a list": (lambda slots: [slots[0], [0.0, 0.0]], "theta[1]"),
    "complex": (lambda slots: [slots[0], zeros(2, complex)], "theta[1]"),
    "objects": (lambda slots: [slots[0], np.array([{}, 0.0])], "theta[1]"),
}
OPTIMIZERS = {"SGD": SGD(0.1), "Momentum": Momentum(0.1), "Adam": Adam(0.1), "AdamW": AdamW(0.1)}


def assert_step_refused(optimizer, given, fragments):
    """Step, expect an error, and find theta, gradient and state as they were."""
    kept = copy.deepcopy(vars(given))
    with pytest.raises((TypeError, ValueError)) as caught:
        optimizer.step(given.theta, given.gradient, given.state, given.learning_rate)
    assert_equal(vars(given), kept)
    for fragment in fragments:
        assert fragment in str(caught.value), f"{fragment!r} is not in {str(caught.value)!r}"


def assert_equal(a, b):
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_equal(a[key], b[key])
    elif isinstance(a, list):
        assert len(a) == len(b)
        for part, other in zip(a, b, strict=True):
            assert_equal(part, other)
    else:
        np.testing.assert_array_equal(a, b)


def step_arguments(optimizer):
    theta = [ones(3), ones(2)]
    return SimpleNamespace(
        theta=theta,
        gradient=[ones(3), ones(2)],
        state=optimizer.init(theta),
        learning_rate=None,
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("case", BAD_STEPS)
def test_a_step_that_is_refused_changes_nothing(isa, optimizer, case):
    given = step_arguments(optimizer)
    name, value, *fragments = BAD_STEPS[case]
    value = copy.deepcopy(value)
    if case.endswith("read-only"):
        frozen(value[1])
    if name == "step":
        given.state["step"] = value
    else:
        setattr(given, name, value)
    assert_step_refused(optimizer, given, fragments)


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS.values())[1:], ids=list(OPTIMIZERS)[1:])
@pytest.mark.parametrize("case", BAD_SLOTS)
def test_a_step_with_a_broken_state_changes_nothing(isa, optimizer, case):
    for slot in optimizer.slots:
        given = step_arguments(optimizer)
        change, *fragments = BAD_SLOTS[case]
        given.state[slot] = change(given.state[slot])
        if given.state[slot] is None:
            del given.state[slot]
        assert_step_refused(optimizer, given, fragments)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize(
    ("gradient", "fragments"),
    [
        (ones(4), ["gradient of theta", "(3,)", "(4,)"]),
        (ones((3, 1)), ["gradient of theta", "(3,)", "(3, 1)"]),
        (ones(3) * 1j, ["gradient of theta", "complex128"]),
        (1.0, ["gradient of theta", "()"]),
        ([ones(3)], ["gradient of theta", "(1, 3)"]),
    ],
)
def test_a_refused_step_of_one_array(isa, optimizer, gradient, fragments):
    theta = ones(3)
    given = SimpleNamespace(
        theta=theta, gradient=gradient, state=optimizer.init(theta), learning_rate=None
    )
    assert_step_refused(optimizer, given, fragments)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("count", [-1, 2**63 - 1, 2**70, 0.5, "one", None])
def test_a_count_of_steps_that_is_none(isa, optimizer, count):
    """One array of plain layout goes straight to the compiled code; it checks the count too."""
    theta = ones(3)
    state = {**optimizer.init(theta), "step": count}
    given = SimpleNamespace(theta=theta, gradient=ones(3), state=state, learning_rate=None)
    assert_step_refused(optimizer, given, ["state"])


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_read_only_parameters_are_refused_alone_too(isa, optimizer):
    theta = frozen(ones(3))
    state = optimizer.init(theta)
    given = SimpleNamespace(theta=theta, gradient=ones(3), state=state, learning_rate=None)
    assert_step_refused(optimizer, given, ["theta", "read-only"])
    for slot in optimizer.slots:
        state = optimizer.init(theta)
        frozen(state[slot])
        given = SimpleNamespace(theta=ones(3), gradient=ones(3), state=state, learning_rate=None)
        assert_step_refused(optimizer, given, ["theta", "read-only"])


def test_state_of_another_optimizer_is_refused(isa):
    theta = ones(3)
    given = SimpleNamespace(
        theta=theta, gradient=ones(3), state=Momentum().init(theta), learning_rate=None
    )
    assert_step_refused(Adam(), given, ["state", "first_moment", "second_moment"])


# ---------------------------------------------------------------- schedules

NOT_POSITIVE = [0.0, -1.0, np.nan, np.inf, "1", None, True]
NOT_A_COUNT = [0, -1, 1.5, np.nan, "1", None, True]


@pytest.mark.parametrize(
    ("make", "name", "values"),
    [
        (lambda **k: Step(**{"every": 2, **k}), "every", NOT_A_COUNT),
        (lambda **k: Step(**{"every": 2, **k}), "factor", NOT_POSITIVE),
        (lambda **k: Exponential(**{"decay": 0.9, **k}), "decay", NOT_POSITIVE),
        (lambda **k: Exponential(**{"decay": 0.9, **k}), "every", NOT_POSITIVE),
        (lambda **k: InverseTime(**{"decay": 0.9, **k}), "decay", NOT_POSITIVE[1:]),
        (lambda **k: InverseTime(**{"decay": 0.9, **k}), "every", NOT_POSITIVE),
        (lambda **k: Cosine(**{"total": 5, **k}), "total", NOT_A_COUNT),
        (lambda **k: Cosine(**{"total": 5, **k}), "warmup", [5, 6, *NOT_A_COUNT[1:]]),
        (lambda **k: Cosine(**{"total": 5, **k}), "final", NOT_POSITIVE[1:]),
        *(
            (make, "unit", ["steps", "Epoch", "", None, 1])
            for make in (
                Constant,
                lambda **k: Step(2, **k),
                lambda **k: Exponential(0.9, **k),
                lambda **k: InverseTime(0.9, **k),
                lambda **k: Cosine(5, **k),
            )
        ),
    ],
)
def test_schedules_are_checked(make, name, values):
    for value in values:
        with pytest.raises((TypeError, ValueError)) as caught:
            make(**{name: value})
        assert name in str(caught.value)
        assert repr(value) in str(caught.value)


@pytest.mark.parametrize("n", [-1, 2.5, "3", None, True])
def test_preview_is_of_a_count(n):
    refuse(lambda: Cosine(5).preview(n), "n", repr(n), error=(TypeError, ValueError))


def test_a_schedule_is_called_with_numbers():
    with pytest.raises((TypeError, ValueError)):
        Cosine(5)("soon")


# ---------------------------------------------------------------- stop rules


@pytest.mark.parametrize(
    ("make", "name", "values"),
    [
        (GradientNorm, "tolerance", [-1e-8, np.nan, "small", None, True]),
        (GradientNorm, "order", [1, 3, "2", "max", None, np.nan]),
        (NoImprovement, "patience", NOT_A_COUNT),
        (NoImprovement, "absolute", NOT_POSITIVE[1:]),
        (NoImprovement, "relative", NOT_POSITIVE[1:]),
        (NoImprovement, "monitor", ["score", "", None, 1]),
        (MaxSteps, "n", NOT_A_COUNT[1:]),
        (MaxEpochs, "n", NOT_A_COUNT[1:]),
        (MaxSeconds, "seconds", [-1.0, np.nan, "1", None, True]),
    ],
)
def test_stop_rules_are_checked(make, name, values):
    for value in values:
        with pytest.raises((TypeError, ValueError)) as caught:
            make(**{name: value})
        assert name in str(caught.value)
        assert repr(value) in str(caught.value)


def test_stop_rules_at_the_ends_are_allowed():
    GradientNorm(0.0)
    GradientNorm(order="inf")
    GradientNorm(order=np.inf)
    NoImprovement(1)
    MaxSteps(0)
    MaxEpochs(0)
    MaxSeconds(0)
    MaxSeconds(np.inf)


@pytest.mark.parametrize("wrong", [[10], ["max_steps"], [None], [MaxSteps], [MaxSteps(1), 10]])
def test_what_is_no_stop_rule_is_refused(wrong):
    refuse(lambda: combined_config(wrong, {}), "stop", repr(wrong[-1]), error=TypeError)


def test_two_rules_of_which_none_is_the_tighter_are_refused():
    for kind in (GradientNorm, NoImprovement):
        refuse(lambda kind=kind: combined_config([kind(), kind()], {}), "stop", kind.__name__)
    assert combined_config([MaxSteps(9), MaxSteps(4)], {"max_steps": 7}) == {"max_steps": 4}
    assert combined_config(MaxSeconds(2), {}) == {"max_seconds": 2.0}


# ---------------------------------------------------------------- instruction sets


def test_an_unknown_instruction_set_is_refused_and_the_old_one_stays(isa):
    available = steepest.available_instruction_sets()
    refuse(lambda: steepest.use_instruction_set("sse9"), "sse9", *available)
    assert steepest.instruction_set() == isa
