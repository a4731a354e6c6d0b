"""The presets against the steps of torch, Keras, optax and scikit-learn, stored by make_optimizer_vectors.py."""

from __future__ import annotations

import numpy as np
import pytest
from vectors.optimizer_cases import CASES, KEPT, label, path_of, preset_of, stored

from steepest import optimizers as opt
from steepest import reference as ref

THEIRS = stored()


def test_all_cases_are_stored():
    assert list(THEIRS) == [label(case) for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=label)
def test_two_hundred_steps_of_the_library(isa, case):
    optimizer = preset_of(case)
    assert np.max(np.abs(path_of(optimizer, optimizer.step)[KEPT] - THEIRS[label(case)])) < 1e-12


@pytest.mark.parametrize("case", CASES, ids=label)
def test_two_hundred_steps_by_the_reference(case):
    optimizer = preset_of(case)

    def step(*arguments, **extra):
        ref.optimizer_step(optimizer, *arguments, **extra)

    assert np.max(np.abs(path_of(optimizer, step)[KEPT] - THEIRS[label(case)])) < 1e-12


def test_names_are_found_in_any_case():
    assert opt.preset("torch", "RMSProp") == opt.preset("torch", "rmsprop")
    assert opt.preset("keras", "NADAM") == opt.NAdam(0.001, epsilon=1e-7, momentum_decay=1.0)


def test_decay_is_coupled_or_not():
    assert opt.preset("torch", "Adam", weight_decay=0.1).l2 == 0.1
    assert opt.preset("torch", "AdamW", weight_decay=0.1).weight_decay == 0.1
    assert opt.preset("torch", "NAdam", weight_decay=0.1, decoupled_weight_decay=True).l2 == 0
    assert opt.preset("keras", "SGD", weight_decay=0.1) == opt.SGD(0.01, weight_decay=0.1)


def test_what_does_not_change_the_numbers_is_let_through():
    assert opt.preset("torch", "SGD", foreach=True, maximize=False) == opt.SGD(1e-3)
    assert opt.preset("keras", "Adam", name="mine", clipnorm=None).epsilon == 1e-7


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        (("jax", "adam"), {}, ValueError, "library must be one of 'torch', 'keras'"),
        (("torch", "Lion"), {}, ValueError, "name must be one of torch's 'SGD', .*'Lion'"),
        (("optax", "rprop"), {}, ValueError, "name must be one of optax's"),
        (("torch", "SGD"), {"learning_rate": 1}, TypeError, "has no keyword 'learning_rate'"),
        (("torch", "SGD"), {"maximize": True}, ValueError, "maximize of torch's SGD must be False"),
        (("torch", "SGD"), {"nesterov": True}, ValueError, "requires a momentum"),
        (("torch", "Adagrad"), {"lr_decay": 0.1}, ValueError, "lr_decay .*InverseTime"),
        (
            ("keras", "Adam"),
            {"loss_scale_factor": 2.0},
            ValueError,
            "loss_scale_factor of keras's Adam must be None",
        ),
        (("optax", "adam"), {}, TypeError, "requires learning_rate"),
        (("optax", "adam"), {"learning_rate": 1, "eps_root": 1}, ValueError, "eps_root must be 0"),
    ],
)
def test_refused(arguments, keywords, error, message):
    with pytest.raises(error, match=message):
        opt.preset(*arguments, **keywords)
