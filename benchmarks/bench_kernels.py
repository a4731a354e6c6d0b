"""Losses, a polynomial, networks and optimizer steps: one call each."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from cases import (
    LOSSES,
    NETWORKS,
    OPTIMIZERS,
    POLYNOMIALS,
    RIVALS,
    LossCase,
    NetworkCase,
    OptimizerCase,
    PolynomialCase,
    identifier,
)
from tolerances import assert_close, in_float64

from steepest import reference


def every(cases):
    """Parametrize by case and rival, so that the rivals of a case run one after the other."""

    def decorate(test):
        test = pytest.mark.parametrize("rival", RIVALS)(test)
        return pytest.mark.parametrize("case", cases, ids=identifier)(test)

    return decorate


@every(LOSSES)
def test_mse(case: LossCase, rival, contest, implementation):
    data = case.data()
    desired = reference.mse(*in_float64(data))

    def check(loss, *_):
        assert_close(loss, desired, case.dtype, "reduction", case.n)

    function = implementation(rival, "mse", case.dtype)
    contest.run("MSE", case, rival, function, lambda: data, check)


@every(LOSSES)
def test_mse_gradient(case: LossCase, rival, contest, implementation):
    prediction, target = data = case.data()
    desired = reference.mse_gradient(*in_float64(data))
    scale = 2 / case.n * (np.abs(prediction) + np.abs(target))

    def check(gradient, *_):
        assert gradient.dtype == case.dtype
        assert_close(gradient, desired, case.dtype, "elementwise", scale=scale)

    function = implementation(rival, "mse_gradient", case.dtype)
    contest.run("MSE gradient", case, rival, function, lambda: data, check)


@every(POLYNOMIALS)
def test_polynomial_loss_gradient(case: PolynomialCase, rival, contest, implementation):
    data = case.data()
    theta, x, y = in_float64(data)
    desired_loss, desired_gradient = reference.polynomial_loss_gradient(theta, x, y)
    design = reference.basis_matrix(x, case.degree)
    scale = np.abs(design).T @ np.abs(reference.mse_gradient(design @ theta, y))

    def check(result, *_):
        loss, gradient = result
        assert gradient.dtype == case.dtype
        assert_close(loss, desired_loss, case.dtype, "reduction", case.n)
        assert_close(gradient, desired_gradient, case.dtype, "reduction", case.n, scale)

    function = implementation(rival, "polynomial_loss_gradient", case.dtype)
    contest.run("polynomial loss and gradient", case, rival, function, lambda: data, check)


@every(NETWORKS)
def test_network_forward(case: NetworkCase, rival, contest, implementation):
    weights, biases, X, _ = case.data()
    output, hidden = reference.relu_network_forward(*in_float64([weights, biases, X]))

    def check(result, *_):
        assert result[0].dtype == case.dtype
        assert_close(result[0], output, case.dtype, "matmul chain", case.widths[:-1])
        assert_close(result[1], hidden, case.dtype, "matmul chain", case.widths[:-1])

    function = implementation(rival, "relu_network_forward", case.dtype)
    contest.run("network forward", case, rival, function, lambda: (weights, biases, X), check)


@every(NETWORKS)
def test_network_loss_gradient(case: NetworkCase, rival, contest, implementation):
    data = case.data()
    loss, d_weights, d_biases = reference.relu_network_loss_gradient(*in_float64(data))
    # Forward through every width but the last, back through all but the first, then over the rows.
    chain = (*case.widths[:-1], *case.widths[:0:-1], case.batch)

    def check(result, *_):
        for actual, desired in zip(result, (loss, d_weights, d_biases), strict=True):
            assert_close(actual, desired, case.dtype, "matmul chain", chain)
        assert all(part.dtype == case.dtype for part in (*result[1], *result[2]))

    function = implementation(rival, "relu_network_loss_gradient", case.dtype)
    contest.run("network forward and backward", case, rival, function, lambda: data, check)


@every(OPTIMIZERS)
def test_optimizer_step(case: OptimizerCase, rival, contest, cython_loops):
    name = type(case.optimizer).__name__
    function = {
        "steepest": lambda: case.optimizer.step,
        "numpy": lambda: partial(reference.optimizer_step, case.optimizer),
        "cython": lambda: partial(cython_loops(name, case.dtype), case.optimizer),
    }[rival]()

    theta, gradient, state = case.data()
    theta, gradient = in_float64([theta, gradient])
    state = {slot: value if slot == "step" else in_float64(value) for slot, value in state.items()}
    reference.optimizer_step(case.optimizer, theta, gradient, state)

    def check(_, stepped, __, after):
        assert stepped.dtype == case.dtype
        assert after["step"] == state["step"]
        assert_close(stepped, theta, case.dtype, "steps", 1)
        for slot in case.optimizer.slots:
            assert_close(after[slot], state[slot], case.dtype, "steps", 1)

    contest.run(f"{name} step", case, rival, function, case.data, check)
