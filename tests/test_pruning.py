"""Pruning: torch's masks, weights and moments that stay 0, and Zhu and Gupta's schedule within a descent."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from test_bits import bits
from test_descent import OPTIMIZERS, assert_same_parameters, compiled, problem
from test_proximal import LAYOUTS, TANH, ProximalReference, data_of
from vectors.pruning_cases import CASES, STORED, masks_of

import steepest as st
from steepest._model_file import Pipeline, load_pipeline, save_pipeline
from steepest.pruning import Gradual
from steepest.stopping import MaxEpochs, MaxSteps, NoImprovement

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def data(rng, rows=120, dtype=np.float64):
    X = rng.standard_normal((rows, 6)).astype(dtype)
    return X, (np.sin(X[:, 0]) + X[:, 1]).astype(dtype)


def network(widths=(9, 7), **parameters):
    parameters = {"max_iter": 6, "random_state": 0, **parameters}
    return st.MLPRegressor(hidden_layer_sizes=widths, **parameters)


def assert_masked(model):
    for w, mask in zip(model.coefs_, model.masks_, strict=True):
        assert not w[~mask].any()
        assert w[mask].all()
    state = model._resume["state"]
    for name, (slot, _) in zip(model._resume["optimizer"].slots, state.slots, strict=True):
        initial = model._resume["optimizer"].initial(name)
        for part, mask in zip(slot, model.masks_, strict=True):
            np.testing.assert_array_equal(part[~mask], part.dtype.type(initial))


# ---------------------------------------------------------------- which


@pytest.mark.parametrize("name", CASES)
def test_masks_are_torchs(name):
    """Stored by tests/vectors/make_pruning_vectors.py; the same number of halves is rounded to even."""
    stored = np.load(STORED)
    for layer, mask in enumerate(masks_of(*CASES[name])):
        np.testing.assert_array_equal(mask, stored[f"{name} {layer}"])


@pytest.mark.parametrize("how", ["magnitude", "global", "neurons"])
def test_what_is_pruned_is_the_smallest(rng, how):
    X, y = data(rng)
    model = network().fit(X, y)
    before = [w.copy() for w in model.coefs_]
    assert model.prune(0.4, how) is model
    assert_masked(model)
    for w, start, mask in zip(model.coefs_, before, model.masks_, strict=True):
        assert bits([w[mask]]) == bits([start[mask]])
    sizes = [np.abs(w) for w in before]
    if how == "neurons":
        sizes = [np.linalg.norm(w, axis=0) for w in before[:-1]]
        kept = [mask.any(axis=0) for mask in model.masks_[:-1]]
        assert all((m == m[:1]).all() for m in model.masks_)
        assert model.masks_[-1].all()
    else:
        kept = model.masks_
    if how == "global":
        sizes, kept = ([np.concatenate([a.ravel() for a in part])] for part in (sizes, kept))
    for size, keep in zip(sizes, kept, strict=True):
        assert (~keep).sum() == round(0.4 * keep.size)
        assert size[~keep].max() < size[keep].min()


def test_chosen_layers(rng):
    X, y = data(rng)
    model = network().fit(X, y).prune(0.5, layers=[0, -1]).prune(2, layers=[-1])
    pruned = [(~mask).sum() for mask in model.masks_]
    assert pruned == [27, 0, round(7 / 2) + 2]


# ---------------------------------------------------------------- further training


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_step_is_the_reference_step_with_masked_gradients(rng, optimizer):
    widths = (5, 9, 4, 3)
    weights, biases, rows = problem(rng, np.float64, widths=widths)
    masks = [(rng.random(w.shape) > 0.4).astype(w.dtype) for w in weights]
    weights = [w * m for w, m in zip(weights, masks, strict=True)]
    model = {**TANH, "l1": [0.05, 0.0, 0.1], "l2": [0.1, 0.0, 0.3]}

    class Masked(ProximalReference):
        def loss_gradient(self, theta, rows):
            loss, gradient = super().loss_gradient(theta, rows)
            for g, mask in zip(gradient[: len(masks)], masks, strict=True):
                g *= mask
            return loss, gradient

    path, _, _ = Masked(weights, biases, rows, model).steps(optimizer, epochs=2)
    for k in (1, 4, 10):
        state, _ = compiled(
            weights, biases, rows, {**model, "masks": masks}, optimizer, stop=[MaxSteps(k)]
        )
        assert_same_parameters(state, path[k], np.float64, widths, k)
        for w, mask in zip(state.weights, masks, strict=True):
            assert not w[mask == 0].any()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_weights_move_as_without_masks(isa, rng, dtype, layout):
    """The bits of one step from masked weights: in every layout, fused or not, and for sparse inputs."""
    layout = LAYOUTS[layout]
    weights, biases, rows, _ = data_of(layout, rng, dtype)
    masks = [(rng.random(w.shape) > 0.5).astype(dtype) for w in weights]
    weights = [w * m for w, m in zip(weights, masks, strict=True)]
    for optimizer in (st.SGD(0.05), st.Adam(0.05)):
        states = []
        for model in (TANH, {**TANH, "masks": masks}):
            state, _ = compiled(
                weights, biases, rows, model, optimizer, stop=[MaxSteps(1)], batch_size=layout.batch
            )
            states.append(state)
        plain, masked = states
        for w, p, mask in zip(masked.weights, plain.weights, masks, strict=True):
            assert bits([w[mask == 1]]) == bits([p[mask == 1]])
            assert not w[mask == 0].any()
        assert bits(masked.biases) == bits(plain.biases)


@pytest.mark.parametrize("optimizer", [None, st.Rprop(0.01), st.AdamW(weight_decay=0.1), st.Lion()])
def test_masks_last(rng, dtype, optimizer):
    X, y = data(rng, dtype=dtype)
    model = network(optimizer=optimizer, warm_start=True).fit(X, y).prune(0.5)
    masks = model.masks_
    assert_masked(model)
    model.partial_fit(X, y, epochs=2)
    assert_masked(model)
    model.fit(X, y)
    assert_masked(model)
    assert bits(model.masks_) == bits(masks)
    again = pickle.loads(pickle.dumps(model)).partial_fit(X, y)
    assert_masked(again)
    model.set_params(warm_start=False).fit(X, y)
    assert not hasattr(model, "masks_")
    assert all(w.all() for w in model.coefs_)


def test_lbfgs_keeps_masks(rng):
    X, y = data(rng)
    model = network(solver="lbfgs", warm_start=True, max_iter=50)
    with pytest.warns(Warning, match="lbfgs failed"):
        model.fit(X, y).prune(0.5).fit(X, y)
    for w, mask in zip(model.coefs_, model.masks_, strict=True):
        assert not w[~mask].any()
        assert w[mask].all()


def test_model_files_keep_masks_and_the_schedule(rng, tmp_path):
    X, y = data(rng)
    model = network(pruning=Gradual(0.6, end_epoch=4, every=2)).fit(X, y)
    save_pipeline(tmp_path / "model", Pipeline(model))
    loaded = load_pipeline(tmp_path / "model").estimator
    assert loaded.pruning == model.pruning
    assert bits(loaded.masks_) == bits(model.masks_)
    loaded.set_params(pruning=None).partial_fit(X, y)
    assert not any(w[~mask].any() for w, mask in zip(loaded.coefs_, loaded.masks_, strict=True))


def test_scikit_learn_has_no_masks(rng):
    X, y = data(rng)
    model = network().fit(X, y).prune(0.5)
    with pytest.warns(UserWarning, match="no such masks_"):
        theirs = model.to_sklearn()
    np.testing.assert_allclose(theirs.predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.5,), "amount must be"),
        ((-0.1,), "amount must be"),
        ((-1,), "amount must be"),
        ((np.nan,), "amount must be"),
        (("half",), "amount must be"),
        ((True,), "amount must be"),
        ((1.0,), "amount must leave some of the 54 weights of layer 0"),
        ((63, "magnitude", [1]), "all of them"),
        ((64, "magnitude", [1]), "more than them"),
        ((124, "global"), "amount must leave some of the 124 weights"),
        ((9, "neurons"), "neurons of layer 0"),
        ((0.5, "l1"), "how must be"),
        ((0.5, "magnitude", [3]), r"layers\[0\] must be from 0 to 2"),
        ((0.5, "magnitude", [True]), r"layers\[0\] must be a layer's number"),
        ((0.5, "magnitude", 0), "layers must be a sequence"),
        ((0.5, "magnitude", []), "layers must name a layer"),
        ((0.5, "neurons", [-1]), r"layers\[0\] is the output layer"),
    ],
)
def test_bad_values_are_named(rng, arguments, message):
    X, y = data(rng)
    model = network().fit(X, y)
    weights = [w.copy() for w in model.coefs_]
    with pytest.raises((TypeError, ValueError), match=message):
        model.prune(*arguments)
    assert not hasattr(model, "masks_")
    assert bits(model.coefs_) == bits(weights)


def test_masks_that_do_not_fit_are_refused(rng):
    X, y = data(rng)
    model = network().fit(X, y).prune(0.5)
    model.masks_ = model.masks_[:2]
    with pytest.raises(ValueError, match="masks_ must have the shapes of coefs_"):
        model.partial_fit(X, y)


def test_pruning_needs_a_fitted_model():
    with pytest.raises(Exception, match="not fitted"):
        network().prune(0.5)


# ---------------------------------------------------------------- gradual


def test_the_schedule_is_zhu_and_guptas():
    """s_t = s_f + (s_i - s_f) (1 - (t - t_0) / (n dt))^3."""
    schedule = Gradual(0.9, begin_epoch=3, end_epoch=13, every=2, initial=0.1)
    assert [e for e in range(20) if schedule.is_due(e)] == [3, 5, 7, 9, 11, 13]
    for k in range(6):
        expected = 0.9 + (0.1 - 0.9) * (1 - 2 * k / 10) ** 3
        assert schedule.sparsity(3 + 2 * k) == pytest.approx(expected, abs=1e-15)
    assert schedule.sparsity(2) == 0
    assert schedule.sparsity(100) == 0.9
    uneven = Gradual(0.5, end_epoch=5, every=3)
    assert [e for e in range(9) if uneven.is_due(e)] == [0, 3, 5]


@pytest.mark.parametrize("how", ["magnitude", "global", "neurons"])
def test_one_descent_is_as_many_that_are_pruned_between(rng, dtype, how):
    """Bit for bit: epochs of partial_fit with prune in between, and one compiled descent with the schedule."""
    X, y = data(rng, dtype=dtype)
    schedule = Gradual(0.8, begin_epoch=1, end_epoch=7, every=2, how=how)
    gradual = network(pruning=schedule).partial_fit(X, y, epochs=9)
    by_hand = network(random_state=np.random.RandomState(0))
    gradual = network(pruning=schedule, random_state=np.random.RandomState(0))
    gradual.partial_fit(X, y, epochs=9)
    for epoch in range(1, 10):
        by_hand.partial_fit(X, y)
        if not schedule.is_due(epoch):
            continue
        depth = 2 if how == "neurons" else 3
        masks = getattr(by_hand, "masks_", [np.ones(w.shape, bool) for w in by_hand.coefs_])
        kept = [m.any(axis=0) if how == "neurons" else m for m in masks]
        if how == "global":
            size = sum(m.size for m in kept)
            by_hand.prune(
                round(schedule.sparsity(epoch) * size) - sum((~m).sum() for m in kept), how
            )
            continue
        for layer in range(depth):
            wanted = round(schedule.sparsity(epoch) * kept[layer].size)
            by_hand.prune(int(wanted - (~kept[layer]).sum()), how, [layer])
    assert bits(gradual.coefs_) == bits(by_hand.coefs_)
    assert bits(gradual.intercepts_) == bits(by_hand.intercepts_)
    assert bits(gradual.masks_) == bits(by_hand.masks_)
    assert_masked(gradual)


def test_a_fit_reaches_the_sparsity_and_trains_on(rng):
    X, y = data(rng)
    seen = []
    model = network(
        (20,),
        max_iter=12,
        pruning=Gradual(0.75, end_epoch=6, initial=0.25),
        callbacks=[lambda record: seen.append(record["epoch"])],
    ).fit(X, y)
    assert seen == list(range(12))
    assert [(~m).sum() for m in model.masks_] == [90, 15]
    assert_masked(model)
    before = [w.copy() for w in model.coefs_]
    model.partial_fit(X, y)
    assert_masked(model)
    assert bits(before) != bits(model.coefs_)


def test_something_is_left_of_every_layer(rng):
    X, y = data(rng)
    for how, left in (("magnitude", [1, 1, 1]), ("neurons", [6, 3, 2])):
        schedule = Gradual(0.99, end_epoch=3, how=how)
        model = network((3, 2), pruning=schedule).fit(X, y)
        assert [int(mask.sum()) for mask in model.masks_] == left


def test_patience_and_early_stopping_wait_for_the_final_masks(rng):
    X, y = data(rng, 300)
    for parameters in (
        {"n_iter_no_change": 1, "tol": 10.0},
        {"n_iter_no_change": 2, "early_stopping": True, "tol": 1.0},
        {"stop": [NoImprovement(2, absolute=10.0)]},
    ):
        schedule = Gradual(0.8, begin_epoch=2, end_epoch=11, every=3)
        model = network((10,), max_iter=60, pruning=schedule, **parameters).fit(X, y)
        assert model.status_ == "no_improvement"
        assert model.n_iter_ > schedule.end_epoch
        assert [(~m).sum() for m in model.masks_] == [48, 8]
        assert all(not w[~m].any() for w, m in zip(model.coefs_, model.masks_, strict=True))


def test_sparse_inputs(rng):
    X = sparse.random_array((90, 60), density=0.05, rng=rng, format="csr")
    y = rng.standard_normal(90)
    model = network((8,), pruning=Gradual(0.5, end_epoch=3), optimizer=st.SGD(0.1))
    entries, dense = clone(model).fit(X, y), clone(model).fit(X.toarray(), y)
    assert bits(entries.coefs_) == bits(dense.coefs_)
    assert bits(entries.masks_) == bits(dense.masks_)


def test_what_a_schedule_refuses(rng):
    X, y = data(rng)
    for arguments, message in (
        ({"final": 1.0}, "final must be"),
        ({"final": 0.5, "initial": 0.6}, "initial must be"),
        ({"final": 0.5, "begin_epoch": 5, "end_epoch": 5}, "end_epoch must be"),
        ({"final": 0.5, "every": 0}, "every must be"),
        ({"final": 0.5, "how": "random"}, "how must be"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            Gradual(**arguments)
    for parameters, message in (
        ({"pruning": 0.5}, "pruning must be a schedule"),
        ({"pruning": Gradual(0.5, end_epoch=7)}, "pruning ends after 7 epochs, but max_iter=6"),
        ({"pruning": Gradual(0.5, end_epoch=2), "solver": "lbfgs"}, "pruning belongs to the stoch"),
        (
            {"pruning": Gradual(0.5, how="neurons"), "hidden_layer_sizes": ()},
            "needs a hidden layer",
        ),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            network().set_params(**parameters).fit(X, y)


def test_an_interrupted_descent_keeps_its_masks(rng):
    X, y = data(rng)

    def stop(record):
        return record["epoch"] == 3

    model = network(pruning=Gradual(0.6, end_epoch=6), callbacks=[stop]).fit(X, y)
    assert model.status_ == "callback"
    assert_masked(model)
    assert (~model.masks_[0]).sum() == round(Gradual(0.6, end_epoch=6).sparsity(3) * 54)
    assert math.isfinite(model.loss_)


def test_other_rules_still_end_a_descent(rng):
    X, y = data(rng)
    model = network(pruning=Gradual(0.6, end_epoch=6), stop=[MaxEpochs(2)])
    with pytest.warns(Warning, match="limit of epochs"):
        model.fit(X, y)
    assert model.n_iter_ == 2
    assert_masked(model)


# ---------------------------------------------------------------- optimizers that report another point


@pytest.mark.parametrize(
    "optimizer",
    [
        st.Adam(0.01, average=st.optimizers.EMA(0.9)),
        st.Momentum(0.01, average=st.optimizers.PolyakRuppert()),
        st.optimizers.ScheduleFreeSGD(0.05),
        st.optimizers.ScheduleFreeAdamW(0.01),
        st.Adam(0.01, groups=(st.optimizers.Group(layers=[0], learning_rate=0.1),)),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_both_points_are_masked_and_frozen(rng, optimizer):
    X, y = data(rng)
    model = network(optimizer=optimizer, random_state=0).partial_fit(X, y, epochs=3).prune(0.5)
    frozen = model.coefs_[0].copy()
    model.set_params(freeze=[0]).partial_fit(X, y, epochs=3)
    assert bits([model.coefs_[0]]) == bits([frozen])
    model.set_params(freeze=(), pruning=Gradual(0.8, begin_epoch=7, end_epoch=9, initial=0.6))
    model.partial_fit(X, y, epochs=5)
    assert [(~m).sum() for m in model.masks_] == [43, 50, 6]
    state = model._resume["state"]
    for arrays in (model.coefs_, (state.stepped or (model.coefs_, None))[0]):
        for w, mask in zip(arrays, model.masks_, strict=True):
            assert not w[~mask].any()
            assert w[mask].any()
    small = model.compact()
    np.testing.assert_allclose(small.predict(X), model.predict(X), atol=1e-12)
    small.partial_fit(X, y)
    assert all(not w[~mask].any() for w, mask in zip(small.coefs_, small.masks_, strict=True))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_patience_of_an_earlier_fit_does_not_end_gradual_pruning(rng, early_stopping):
    X, y = data(rng)
    model = network(max_iter=500, tol=10.0, n_iter_no_change=2)
    model.set_params(early_stopping=early_stopping).fit(X, y)
    assert model.status_ == "no_improvement"
    model.set_params(warm_start=True, pruning=Gradual(0.8, end_epoch=5)).fit(X, y)
    kept = sum(int(mask.sum()) for mask in model.masks_)
    assert kept <= 0.21 * sum(mask.size for mask in model.masks_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("gradual", [False, True])
def test_an_average_is_0_where_a_sum_begins_above_it(rng, gradual):
    X, y = data(rng)
    average = st.optimizers.EMA(0.9)
    model = network(optimizer=st.optimizers.Adagrad(0.05, initial_sum=0.1, average=average))
    if gradual:
        assert_masked(model.set_params(pruning=Gradual(0.5, end_epoch=2), max_iter=3).fit(X, y))
    else:
        assert_masked(model.set_params(max_iter=3).fit(X, y).prune(0.5).partial_fit(X, y))
