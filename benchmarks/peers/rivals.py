"""One trainer for each library, all with the same four methods.

``reset`` goes back to the initial parameters, outside the clock. ``follow(orders)`` trains on the rows
in the given orders (epochs, rows) and returns each epoch's mean loss: that is how they are compared.
``train(epochs)`` does the same on orders that the library draws itself: that is what is timed. Both go on
from where the last call ended. ``parameters`` returns weights and biases as NumPy arrays. Each keeps the
losses of its steps, as users do who want to see a curve.
"""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from cases import Case


class Steepest:
    """The compiled descent, called as the estimators call it.

    With ``like_sklearn`` on scikit-learn's objective, half the squared error, and its form of Adam.
    """

    def __init__(self, case: Case, n_threads: int, like_sklearn: bool = False) -> None:
        import steepest as st
        from steepest import _native

        st.set_num_threads(n_threads)
        self.descent, self.permutation = _native.core.network_descent, _native.core.permutation
        self.case = case
        weights, biases, self.X, self.y = case.data()
        self.start = weights, biases
        optimizer = (
            st.Adam(case.learning_rate, epsilon_hat=like_sklearn)
            if case.optimizer == "Adam"
            else st.Momentum(case.learning_rate, momentum=0.9)
        )
        self.config = {
            "optimizer": optimizer.config(),
            "batch_size": case.batch,
            "shuffle": True,
            "seed": 0,
            "by_points": False,
            "n_threads": n_threads,
        }
        squared = case.loss == "squared"
        self.model = {
            "hidden": case.activation,
            "output": "identity",
            "loss": case.loss,
            "output_scale": (0.5 if like_sklearn else 1.0) / case.widths[-1] if squared else 1.0,
            "l2": 0.0,
        }
        self.reset()

    def orders(self, epochs: int) -> Any:
        """Return the orders (epochs, rows) in which `train` takes the rows after a reset."""
        rows = len(self.X)
        return np.array([self.permutation(rows, 0, epoch) for epoch in range(epochs)], np.int64)

    def reset(self) -> None:
        weights, biases = self.start
        self.held: Any = list(weights), list(biases)  # the descent empties the lists
        self.slots: Any = None
        self.done = {"first_epoch": 0, "first_step": 0}

    def parameters(self) -> Any:
        return self.held

    def train(self, epochs: int) -> Any:
        result = self.descent(
            *self.held,
            self.slots,
            (self.X, self.y, None),
            None,
            self.model,
            {**self.config, **self.done, "max_epochs": epochs},
            None,
        )
        self.held, self.slots = (result["weights"], result["biases"]), result["slots"]
        self.done["first_epoch"] += result["n_epochs"]
        self.done["first_step"] += result["n_steps"]
        return result["history"]["loss"]


class Torch:
    """Eager modules, the fused optimizer, batches gathered by index_select."""

    def __init__(self, case: Case, n_threads: int) -> None:
        import torch

        torch.set_num_threads(n_threads)
        self.torch, self.case = torch, case
        weights, biases, X, y = case.data()
        self.X, self.y = torch.from_numpy(X), torch.from_numpy(y)
        self.start = (
            [torch.from_numpy(w.T.copy()) for w in weights],
            list(map(torch.from_numpy, biases)),
        )
        activation = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "logistic": torch.nn.Sigmoid}
        layers: list[Any] = []
        for w in weights:
            layers += [torch.nn.Linear(*w.shape, dtype=self.X.dtype), activation[case.activation]()]
        self.net, self.linear = torch.nn.Sequential(*layers[:-1]), layers[::2]
        self.loss = torch.nn.MSELoss() if case.loss == "squared" else torch.nn.CrossEntropyLoss()
        self.reset()

    def reset(self) -> None:
        torch, case = self.torch, self.case
        with torch.no_grad():
            for layer, w, b in zip(self.linear, *self.start, strict=True):
                layer.weight.copy_(w)
                layer.bias.copy_(b)
        parameters = self.net.parameters()
        if case.optimizer == "Adam":
            self.optimizer = torch.optim.Adam(parameters, case.learning_rate, fused=True)
        else:
            self.optimizer = torch.optim.SGD(
                parameters, case.learning_rate, momentum=0.9, fused=True
            )

    def parameters(self) -> Any:
        arrays = [(x.weight.detach().numpy().T, x.bias.detach().numpy()) for x in self.linear]
        return tuple(zip(*arrays, strict=True))

    def epoch(self, order: Any) -> Any:
        X, y, net, loss_of, optimizer = self.X, self.y, self.net, self.loss, self.optimizer
        losses = []
        for rows in order.split(self.case.batch):
            loss = loss_of(net(X.index_select(0, rows)), y.index_select(0, rows))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return self.torch.stack(losses).mean().item()

    def follow(self, orders: Any) -> Any:
        return [self.epoch(order) for order in self.torch.from_numpy(orders)]

    def train(self, epochs: int) -> Any:
        return [self.epoch(self.torch.randperm(self.case.rows)) for _ in range(epochs)]


class Jax:
    """One compiled function for all epochs: orders drawn inside, a scan over batches of indices."""

    def __init__(self, case: Case, n_threads: int) -> None:
        del n_threads  # XLA reads it from the environment, at start
        import jax
        import jax.numpy as jnp
        import optax

        jax.config.update("jax_enable_x64", case.dtype == "float64")
        self.jax, self.jnp, self.case = jax, jnp, case
        weights, biases, X, y = case.data()
        X, y = jnp.asarray(X), jnp.asarray(y, None if case.loss == "squared" else jnp.int32)
        self.start = [
            (jnp.asarray(w), jnp.asarray(b)) for w, b in zip(weights, biases, strict=True)
        ]
        hidden = {"relu": jax.nn.relu, "tanh": jnp.tanh, "logistic": jax.nn.sigmoid}[
            case.activation
        ]
        optimizer = (
            optax.adam(case.learning_rate)
            if case.optimizer == "Adam"
            else optax.sgd(case.learning_rate, momentum=0.9)
        )

        def loss_of(layers: Any, x: Any, target: Any) -> Any:
            for w, b in layers[:-1]:
                x = hidden(x @ w + b)
            w, b = layers[-1]
            x = x @ w + b
            if case.loss == "squared":
                return jnp.mean((x - target) ** 2)
            return optax.softmax_cross_entropy_with_integer_labels(x, target).mean()

        def step(carry: Any, rows: Any) -> Any:
            layers, state = carry
            loss, gradient = jax.value_and_grad(loss_of)(layers, X[rows], y[rows])
            updates, state = optimizer.update(gradient, state)
            return (optax.apply_updates(layers, updates), state), loss

        def epoch(carry: Any, order: Any) -> Any:
            carry, losses = jax.lax.scan(step, carry, order.reshape(case.steps, case.batch))
            return carry, losses.mean()

        def shuffled_epoch(carry: Any, key: Any) -> Any:
            return epoch(carry, jax.random.permutation(key, jnp.arange(case.rows, dtype=jnp.int32)))

        self.initial_state = optimizer.init(self.start)
        self.scan_orders = jax.jit(lambda carry, orders: jax.lax.scan(epoch, carry, orders))
        self.scan_keys = jax.jit(lambda carry, keys: jax.lax.scan(shuffled_epoch, carry, keys))
        self.key = jax.random.key(0)
        self.reset()

    def reset(self) -> None:
        self.jax.config.update("jax_enable_x64", self.case.dtype == "float64")
        self.carry = self.start, self.initial_state

    def parameters(self) -> Any:
        return tuple(zip(*self.jax.device_get(self.carry[0]), strict=True))

    def follow(self, orders: Any) -> Any:
        self.carry, losses = self.scan_orders(self.carry, self.jnp.asarray(orders, self.jnp.int32))
        return losses

    def train(self, epochs: int) -> Any:
        self.key, key = self.jax.random.split(self.key)
        self.carry, losses = self.scan_keys(self.carry, self.jax.random.split(key, epochs))
        return self.jax.block_until_ready(losses)


class JaxOrdersByNumpy(Jax):
    """The same, on orders that NumPy draws: XLA's sort on the CPU is the slow part of an epoch."""

    def train(self, epochs: int) -> Any:
        rng = np.random.default_rng(0)
        orders = np.array([rng.permutation(self.case.rows) for _ in range(epochs)], np.int32)
        return self.jax.block_until_ready(self.follow(orders))


class Sklearn:
    """MLPRegressor or MLPClassifier; its time is that of its epochs, without the start of a fit."""

    def __init__(self, case: Case, n_threads: int) -> None:
        del n_threads  # BLAS reads it from the environment, at start
        import sklearn.neural_network

        squared = case.loss == "squared"
        base = getattr(sklearn.neural_network, "MLPRegressor" if squared else "MLPClassifier")

        class Clocked(base):  # type: ignore[misc, valid-type]
            """Notes the time at the end of each epoch."""

            def _update_no_improvement_count(self, *args: Any) -> None:
                super()._update_no_improvement_count(*args)
                self.ends.append(time.perf_counter())

        self.model_class, self.case = Clocked, case
        self.weights, self.biases, self.X, self.y = case.data()
        if squared and case.widths[-1] == 1:
            self.y = self.y.ravel()
        # For squared errors in several outputs it reports one number and differentiates another.
        self.follows = not squared or case.widths[-1] == 1
        self.reset()

    def reset(self) -> None:
        case = self.case
        self.model = self.model_class(
            hidden_layer_sizes=case.widths[1:-1],
            activation=case.activation,
            solver="adam" if case.optimizer == "Adam" else "sgd",
            learning_rate_init=case.learning_rate,
            momentum=0.9,
            nesterovs_momentum=False,
            batch_size=case.batch,
            alpha=0.0,
            tol=0.0,
            n_iter_no_change=10**9,
            random_state=0,
        )
        self.model.ends = []

    def parameters(self) -> Any:
        return self.model.coefs_, self.model.intercepts_

    def plant(self) -> None:
        """Give the model the initial parameters, for which it has no argument."""
        model, batch = self.model, self.case.batch
        squared = self.case.loss == "squared"
        classes = {} if squared else {"classes": np.arange(self.case.widths[-1])}
        model.partial_fit(self.X[:batch], self.y[:batch], **classes)
        model.coefs_ = [w.copy() for w in self.weights]
        model.intercepts_ = [b.copy() for b in self.biases]
        del model._optimizer

    def follow(self, orders: Any) -> Any:
        """Take the steps one by one, by partial_fit."""
        self.plant()
        losses = []
        for rows in orders.reshape(-1, self.case.batch):
            self.model.partial_fit(self.X[rows], self.y[rows])
            losses.append(self.model.loss_)
        return np.reshape(losses, (len(orders), -1)).mean(axis=1)

    def train(self, epochs: int) -> Any:
        """Run one epoch more than asked for: the first one's start is hidden in the set-up."""
        self.model.max_iter = epochs + 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it could go on
            self.model.fit(self.X, self.y)
        return self.model.loss_curve_

    def seconds(self) -> float:
        """Return the time of the epochs of the last `train` but its first."""
        return float(self.model.ends[-1] - self.model.ends[0])


MAKERS: dict[str, Callable[..., Any]] = {
    "steepest": Steepest,
    "jax": Jax,
    "jax_numpy": JaxOrdersByNumpy,
    "torch": Torch,
    "sklearn": Sklearn,
}
NEEDS = {"jax": ("jax", "optax"), "jax_numpy": ("jax", "optax"), "torch": ("torch",)}


def present() -> list[str]:
    """Return the names of the libraries that are installed, steepest first."""
    return [
        name for name in MAKERS if all(importlib.util.find_spec(m) for m in NEEDS.get(name, ()))
    ]
