"""One epoch of a small network: the whole loop of shuffled mini-batches and Adam steps.

Only the compiled descent draws the epoch's order of rows inside the clock. Its rivals are given the
order, because the reference draws it with a loop in Python that no NumPy user would write.
"""

from __future__ import annotations

import numpy as np
import pytest
from cases import RIVALS, TRAININGS, TrainingCase, identifier
from tolerances import assert_close, in_float64

from steepest import _native, reference

ROUNDS = 200


def zeros_like(parts):
    return [np.zeros_like(part) for part in parts]


def steepest_epoch(case: TrainingCase):
    """Return the compiled descent, called as the estimators call it."""
    config = {
        "optimizer": case.optimizer.config(),
        "max_epochs": 1,
        "batch_size": case.batch,
        "shuffle": True,
        "seed": case.seed,
        "by_points": False,
    }
    model = {
        "hidden": "relu",
        "output": "identity",
        "loss": "squared",
        "output_scale": 1.0 / case.widths[-1],
        "l2": 0.0,
    }
    descent = _native.core.network_descent

    def epoch(weights, biases, slots, X, y):
        result = descent(weights, biases, slots, (X, y, None), None, model, config, None)
        assert result["exception"] is None
        return result["weights"], result["biases"], result["history"]["loss"][0]

    return epoch


def reference_epoch(case: TrainingCase, weights, biases, X, y, **shuffling):
    """Return weights, biases and mean loss after the reference's descent; nothing is changed."""
    depth = len(weights)

    def loss_gradient(theta, rows):
        loss, d_weights, d_biases = reference.relu_network_loss_gradient(
            theta[:depth], theta[depth:], X[rows], y[rows]
        )
        return loss, d_weights + d_biases

    result = reference.descend(
        loss_gradient,
        weights + biases,
        case.optimizer,
        n_rows=case.rows,
        batch_size=case.batch,
        **shuffling,
    )
    return result["theta"][:depth], result["theta"][depth:], result["loss"][0]


def numpy_epoch(case: TrainingCase, order):
    """Return the reference's descent on the rows in the given order; it keeps its own slots."""

    def epoch(weights, biases, _, X, y):
        return reference_epoch(case, weights, biases, X[order], y[order])

    return epoch


def cython_epoch(case: TrainingCase, order, cython_loops):
    """Return the nested loops, on the rows in the given order."""
    loops = cython_loops("adam_epoch", case.dtype)

    def epoch(weights, biases, slots, X, y):
        loss = loops(case.optimizer, weights, biases, slots, X, y, order, case.batch)
        return weights, biases, loss

    return epoch


@pytest.mark.parametrize("case", TRAININGS, ids=identifier)
@pytest.mark.parametrize("rival", RIVALS)
def test_epoch(case: TrainingCase, rival, contest, cython_loops):
    weights, biases, X, y = case.data()
    wide = in_float64([weights, biases, X, y])
    desired = reference_epoch(case, *wide, shuffle=True, seed=case.seed)
    order = reference.permutation(case.rows, case.seed, 0)

    def check(result, *_):
        for actual, wanted in zip(result, desired, strict=True):
            assert_close(actual, wanted, case.dtype, "steps", case.steps)
        assert all(part.dtype == case.dtype for part in (*result[0], *result[1]))

    # Loops change parameters and slots in place, the descent empties the lists, and each round starts
    # from the same ones: left to go on, the first moments of silent units would decay into subnormal
    # numbers, which are slow.
    def arguments():
        parameters = [part.copy() for part in weights], [part.copy() for part in biases]
        slots = [(zeros_like(weights), zeros_like(biases)) for _ in case.optimizer.slots]
        return *parameters, slots, X, y

    function = {
        "steepest": lambda: steepest_epoch(case),
        "numpy": lambda: numpy_epoch(case, order),
        "cython": lambda: cython_epoch(case, order, cython_loops),
    }[rival]()
    contest.run("one epoch, Adam, shuffled", case, rival, function, arguments, check, ROUNDS)
