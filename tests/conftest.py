"""What all tests share: instruction sets, dtypes, random numbers, and the table of all kernels."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import hypothesis
import numpy as np
import pytest
import threadpoolctl

import steepest
from steepest import kernels
from steepest import reference as ref

SEED = int(os.environ.get("STEEPEST_TEST_SEED", "20240229"))

hypothesis.settings.register_profile(
    "steepest",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=40,
    # The isa and dtype fixtures are the same for all examples of a test, as they should be.
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("steepest")


def pytest_report_header() -> list[str]:
    instruction_sets = ", ".join(steepest.available_instruction_sets())
    return [
        f"steepest: {instruction_sets}; {steepest.instruction_set()} by default",
        f"rng: seed {SEED} (STEEPEST_TEST_SEED)",
    ]


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread():
    """The reference's products are small: threads would spend longer waiting than multiplying."""
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(params=steepest.available_instruction_sets())
def isa(request):
    """Run the test once on each instruction set that this CPU has."""
    before = steepest.instruction_set()
    steepest.use_instruction_set(request.param)
    yield request.param
    steepest.use_instruction_set(before)


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture
def rng():
    return np.random.default_rng(SEED)


# ---------------------------------------------------------------- all kernels, by one interface


@dataclass(frozen=True)
class Kernel:
    """A kernel with its options, and arguments for any number of rows and columns."""

    id: str
    name: str  # in steepest.kernels and in steepest.reference
    draw: Callable[[np.random.Generator, int, int], list[Any]]  # (rng, rows, columns), as float64
    options: dict[str, Any] = field(default_factory=dict)
    is_loss: bool = True  # a mean: it needs a row

    def arguments(self, rng: Any, rows: int, columns: int, dtype: Any) -> list[Any]:
        return self.map(
            lambda a: a.astype(dtype) if a.dtype.kind == "f" else a, self.draw(rng, rows, columns)
        )

    def __call__(self, arguments: list[Any]) -> list[Any]:
        """Return all results, the losses and the arrays of all lists, as one flat list."""
        return _flat(getattr(kernels, self.name)(*arguments, **self.options))

    def reference(self, arguments: list[Any]) -> list[Any]:
        return _flat(getattr(ref, self.name)(*arguments, **self.options))

    @staticmethod
    def map(f: Callable[[Any], Any], arguments: list[Any]) -> list[Any]:
        """Apply `f` to each array of the arguments, those in lists included."""
        return [[f(a) for a in part] if isinstance(part, list) else f(part) for part in arguments]


def _flat(result: Any) -> list[Any]:
    if isinstance(result, (list, tuple)):
        return [leaf for part in result for leaf in _flat(part)]
    return [result]


def _normal(*shapes: Callable[[int, int], tuple[int, ...]]) -> Any:
    return lambda rng, n, m: [rng.standard_normal(shape(n, m)) for shape in shapes]


def _dense(activation: str) -> Any:
    def draw(rng: Any, n: int, m: int) -> list[Any]:
        X, W, z, d = (rng.standard_normal(s) for s in [(n, m), (m, 5), (n, 5), (n, 5)])
        return [X, W, ref.activate(z, activation), d]

    return draw


def _network(output_activation: str, with_target: bool) -> Any:
    def draw(rng: Any, n: int, m: int) -> list[Any]:
        widths = [m, 9, 2, m, 3]
        weights = [rng.standard_normal(shape) for shape in pairwise(widths)]
        biases = [rng.standard_normal(width) for width in widths[1:]]
        X = rng.standard_normal((n, m))
        y = rng.integers(0, 3, n) if output_activation == "softmax" else rng.random((n, 3))
        return [weights, biases, X, y] if with_target else [weights, biases, X]

    return draw


def _kernels() -> list[Kernel]:
    flat, table = lambda n, m: (n,), lambda n, m: (n, m)
    table_3, theta, theta_3 = lambda n, m: (n, 3), lambda n, m: (m + 1,), lambda n, m: (m + 1, 3)
    found = [
        Kernel("mse", "mse", _normal(table, table)),
        Kernel("mse-flat", "mse", _normal(flat, flat)),
        Kernel("mse_gradient", "mse_gradient", _normal(table, table)),
        Kernel("mse_gradient-flat", "mse_gradient", _normal(flat, flat)),
        Kernel(
            "softmax-classes",
            "softmax_cross_entropy",
            lambda rng, n, m: [rng.standard_normal((n, m)), rng.integers(0, m, n)],
        ),
        Kernel(
            "softmax-probabilities",
            "softmax_cross_entropy",
            lambda rng, n, m: [rng.standard_normal((n, m)), rng.random((n, m))],
        ),
        Kernel(
            "logistic",
            "logistic_cross_entropy",
            lambda rng, n, m: [rng.standard_normal((n, m)), rng.random((n, m))],
        ),
        Kernel("linear_predict-flat", "linear_predict", _normal(theta, table), is_loss=False),
        Kernel("linear_predict", "linear_predict", _normal(theta_3, table), is_loss=False),
        Kernel("linear-flat", "linear_loss_gradient", _normal(theta, table, flat)),
        Kernel("linear", "linear_loss_gradient", _normal(theta_3, table, table_3)),
    ]
    for basis in ("monomial", "chebyshev", "legendre"):
        options = {"basis": basis}
        found += [
            Kernel(
                f"polynomial_predict-{basis}",
                "polynomial_predict",
                lambda rng, n, m: [rng.standard_normal(m + 1), rng.uniform(-1, 1, n)],
                options,
                is_loss=False,
            ),
            Kernel(
                f"polynomial-{basis}",
                "polynomial_loss_gradient",
                lambda rng, n, m: [rng.standard_normal(m + 1), *rng.uniform(-1, 1, (2, n))],
                options,
            ),
        ]
    for activation in ("identity", "relu", "tanh", "logistic"):
        options = {"activation": activation}
        found += [
            Kernel(
                f"dense_forward-{activation}",
                "dense_forward",
                _normal(table, lambda n, m: (m, 5), lambda n, m: (5,)),
                options,
                is_loss=False,
            ),
            Kernel(
                f"dense_backward-{activation}",
                "dense_backward",
                _dense(activation),
                options,
                is_loss=False,
            ),
        ]
    for output in ("identity", "relu", "logistic", "softmax"):
        options = {"output_activation": output}
        found += [
            Kernel(
                f"network_forward-{output}",
                "relu_network_forward",
                _network(output, with_target=False),
                options,
                is_loss=False,
            ),
            Kernel(
                f"network-{output}",
                "relu_network_loss_gradient",
                _network(output, with_target=True),
                options,
            ),
            Kernel(
                f"input_gradient-{output}",
                "relu_network_input_gradient",
                _network(output, with_target=False),
                options,
                is_loss=False,
            ),
        ]
    mixed = {"activation": ("tanh", "relu", "logistic")}
    for kind, with_target in (
        ("forward", False),
        ("loss_gradient", True),
        ("input_gradient", False),
    ):
        found.append(
            Kernel(
                f"network_{kind}-mixed",
                f"relu_network_{kind}",
                _network("identity", with_target),
                mixed,
                is_loss=with_target,
            )
        )
    return found


@pytest.fixture(params=_kernels(), ids=lambda kernel: kernel.id)
def kernel(request):
    """Run the test once for each kernel, with all its options."""
    return request.param


@pytest.fixture
def no_picture_is_left(monkeypatch):
    """Check that a test of pictures shows none, changes no setting, and leaves no figure behind."""
    mpl = pytest.importorskip("matplotlib")
    from matplotlib import pyplot as plt

    def shown():
        raise AssertionError("a picture was shown")

    monkeypatch.setattr(plt, "show", shown)
    plt.close("all")
    before = mpl.rcParams.copy()
    yield
    assert dict(mpl.rcParams) == dict(before)
    plt.close("all")
