"""Single numbers: optimizer steps, full-batch fits, calls, start-up and memory.

Each measurement returns the times, in seconds, of what takes turns in it: a list for each name, one entry a
round. "limit" is what no implementation could beat here: touching the same bytes, or a call of nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import machine
import numpy as np
import rivals

import steepest as st

HERE = Path(__file__).resolve().parent
Contest = dict[str, Callable[[], Any]]
Times = dict[str, list[float]]

smoke_only = False  # one round of one call each


def in_turns(contest: Contest, budget: float, rounds: tuple[int, int] = (5, 15)) -> Times:
    """Time the functions in turns, each for about a hundredth of a second a round, at least once."""
    repeats = {}
    for name, function in contest.items():
        function()
        begin = time.perf_counter()
        function()
        spent = time.perf_counter() - begin
        repeats[name] = 1 if smoke_only else int(np.clip(0.01 / max(spent, 1e-9), 1, 100_000))
    times: Times = {name: [] for name in contest}
    begin = time.perf_counter()
    for done in range(1 if smoke_only else rounds[1]):
        if done >= rounds[0] and time.perf_counter() - begin > budget:
            break
        for name, function in contest.items():
            n = range(repeats[name])
            start = time.perf_counter()
            for _ in n:
                function()
            times[name].append((time.perf_counter() - start) / len(n))
    return times


def has(name: str) -> bool:
    return name in rivals.present()


# ---------------------------------------------------------------- optimizer step alone


def optimizer_step(n: int) -> Times:
    """One step of Adam, float32, on given gradients."""
    rng = np.random.default_rng(0)
    theta, gradient = rng.standard_normal((2, n), np.float32)
    optimizer = st.Adam(1e-3)
    state = optimizer.init(theta)
    # Seven words for each parameter are read or written, so half of them are copied.
    source = np.ones(7 * n // 2, np.float32)
    target = np.zeros_like(source)
    arrays = (np.ones(n, np.float32), np.zeros(n, np.float32), *np.ones((2, n), np.float32))
    contest: Contest = {
        "steepest": lambda: optimizer.step(theta, gradient, state),
        "limit": lambda: machine.native().touch(*arrays),
        "copy": lambda: np.copyto(target, source),
    }
    if has("torch"):
        import torch

        parameter = torch.nn.Parameter(torch.from_numpy(theta.copy()))
        parameter.grad = torch.from_numpy(gradient)
        contest["torch"] = torch.optim.Adam([parameter], 1e-3, fused=True).step
        torch.set_num_threads(1)
        for _ in range(3):
            contest["torch"]()
        check, fresh = theta.copy(), optimizer.init(theta)
        for _ in range(3):
            optimizer.step(check, gradient, fresh)
        np.testing.assert_allclose(parameter.detach().numpy(), check, rtol=1e-5, atol=1e-6)
    return in_turns(contest, 1.5)


# ---------------------------------------------------------------- full batch: polynomials and lines


def polynomial_data(n: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 1.0, n)
    x[:2] = -1.0, 1.0  # so that mapping the range onto [-1, 1] changes nothing
    return x, np.sin(3 * x) + 0.1 * rng.standard_normal(n)


def linear_data(n: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 100))
    return X, X @ rng.standard_normal(100) + 0.1 * rng.standard_normal(n)


def torch_descent(design: Any, y: Any, learning_rate: float) -> tuple[Any, Callable[[], None]]:
    """Return theta and one full-batch step; the design matrix is built once, outside the clock."""
    import torch

    torch.set_num_threads(1)
    A, target = torch.from_numpy(design), torch.from_numpy(y)
    theta = torch.zeros(A.shape[1], dtype=A.dtype, requires_grad=True)
    optimizer = torch.optim.SGD([theta], learning_rate, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(A @ theta, target).backward()
        optimizer.step()

    return theta, step


def full_batch(
    model: Callable[[int], Any], data: tuple[Any, Any], design: Any, learning_rate: float
) -> Times:
    """1000 full-batch steps: a whole fit of steepest's; of torch's a few, times as many."""
    X, y = data
    check, steps = 20, 1000
    fitted = model(check).fit(X, y)
    coefficients = fitted.coef_
    theta = np.zeros(design.shape[1])
    for _ in range(check):
        theta -= learning_rate * 2 / len(y) * (design.T @ (design @ theta - y))
    np.testing.assert_allclose(coefficients, theta, rtol=1e-11, atol=1e-12 * np.abs(theta).max())
    contest: Contest = {"steepest": lambda: model(steps).fit(X, y)}
    few = 3
    if has("torch"):
        torch_theta, step = torch_descent(design, y, learning_rate)
        for _ in range(check):
            step()
        np.testing.assert_allclose(torch_theta.detach().numpy(), theta, rtol=1e-11, atol=1e-13)
        contest["torch"] = lambda: [step() for _ in range(few)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that they could go on
        times = in_turns(contest, 2.0, (3, 9))
    return {
        name: [t * (steps / few if name == "torch" else 1) for t in values]
        for name, values in times.items()
    }


def polynomial_descent(n: int) -> Times:
    """Degree 10, float64."""
    x, y = polynomial_data(n)

    def model(steps: int) -> Any:
        settings = {"optimizer": st.SGD(0.1), "max_epochs": steps, "tol": 0.0}
        return st.PolynomialRegression(10, "monomial", **settings)

    return full_batch(quietly(model), (x, y), np.vander(x, 11, increasing=True), 0.1)


def linear_descent(n: int) -> Times:
    """d = 100, float64, no intercept."""

    def model(steps: int) -> Any:
        settings = {"optimizer": st.SGD(0.1), "max_epochs": steps, "tol": 0.0}
        return st.LinearRegression(standardize=False, fit_intercept=False, **settings)

    X, y = linear_data(n)
    return full_batch(quietly(model), (X, y), X, 0.1)


def quietly(model: Callable[[int], Any]) -> Callable[[int], Any]:
    """Return the same, with fits that don't warn that they could go on."""
    warnings.simplefilter("ignore")
    return model


def loss_gradient(
    ours: Callable[[], Any], jax_loss: Any, data: tuple[Any, Any], design: Any, parameters: Any
) -> Times:
    """One call for loss and gradient: steepest's kernel, JAX's compiled gradient, torch's with a design matrix."""
    X, y = data
    contest: Contest = {"steepest": ours}
    contest["limit"] = lambda: (machine.native().read_all(X), machine.native().read_all(y))
    desired = ours()

    def check(loss: Any, gradient: Any) -> None:
        np.testing.assert_allclose(loss, desired[0], rtol=1e-11)
        np.testing.assert_allclose(
            gradient, desired[1], rtol=1e-9, atol=1e-12 * np.abs(desired[1]).max()
        )

    if has("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
        compiled = jax.jit(jax.value_and_grad(jax_loss))
        arrays = jax.numpy.asarray(parameters), jax.numpy.asarray(X), jax.numpy.asarray(y)
        contest["jax"] = lambda: jax.block_until_ready(compiled(*arrays))
        check(*contest["jax"]())
    if has("torch"):
        import torch

        torch.set_num_threads(1)
        A, target = torch.from_numpy(design), torch.from_numpy(y)
        theta = torch.from_numpy(parameters.copy()).requires_grad_()

        def call() -> Any:
            theta.grad = None
            loss = torch.nn.functional.mse_loss(A @ theta, target)
            loss.backward()
            return loss.detach(), theta.grad

        contest["torch"] = call
        check(*call())
    return in_turns(contest, 1.0)


def polynomial_loss_gradient(n: int, degree: int) -> Times:
    x, y = polynomial_data(n)
    theta = np.random.default_rng(1).standard_normal(degree + 1)

    def horner_loss(theta: Any, x: Any, y: Any) -> Any:
        value = theta[-1]
        for coefficient in theta[-2::-1]:
            value = value * x + coefficient
        return ((value - y) ** 2).mean()

    design = np.vander(x, degree + 1, increasing=True)
    ours = lambda: st.kernels.polynomial_loss_gradient(theta, x, y)  # noqa: E731
    return loss_gradient(ours, horner_loss, (x, y), design, theta)


def linear_loss_gradient(n: int) -> Times:
    X, y = linear_data(n)
    theta = np.random.default_rng(1).standard_normal(101)

    def loss(theta: Any, X: Any, y: Any) -> Any:
        return ((X @ theta[1:] + theta[0] - y) ** 2).mean()

    design = np.hstack([np.ones((n, 1)), X])
    ours = lambda: st.kernels.linear_loss_gradient(theta, X, y)  # noqa: E731
    return loss_gradient(ours, loss, (X, y), design, theta)


# ---------------------------------------------------------------- calls, start-up, memory


def calls(kernel: str) -> Times:
    """A kernel on next to nothing, beside a pybind11 function that does nothing with two arguments."""
    one, two = np.ones((2, 1))
    nothing = machine.native().nothing
    function = {
        "mse": lambda: st.kernels.mse(one, two),
        "mse_gradient": lambda: st.kernels.mse_gradient(one, two),
        "polynomial_loss_gradient": lambda: st.kernels.polynomial_loss_gradient(one, one, two),
    }[kernel]
    return in_turns({"steepest": function, "limit": lambda: nothing(one, two)}, 0.3)


FRESH = {
    # How much longer than `import numpy` does `import steepest` take?
    "import": """
import time, numpy
begin = time.perf_counter()
import steepest
print(time.perf_counter() - begin)
""",
    # The first fit in a process, of a tiny model; scikit-learn is loaded when the class is first named.
    "first fit": """
import time, warnings
import numpy as np, steepest as st
warnings.simplefilter("ignore")
X = np.linspace(-1, 1, 64)[:, None]
y = X[:, 0] ** 2
model = st.MLPRegressor(hidden_layer_sizes=(16,), batch_size=32, max_iter=10)
begin = time.perf_counter()
model.fit(X, y)
print(time.perf_counter() - begin)
""",
    # The highest resident memory during a fit above that before it, in bytes. Three epochs: from the second on
    # a descent holds its best parameters and those that this epoch started from.
    "memory": """
import warnings
import numpy as np, steepest as st
from peak_memory import peak_above
warnings.simplefilter("ignore")
inputs, width, outputs, batch, rows = {sizes}
rng = np.random.default_rng(0)
X, y = rng.random((rows, inputs), np.float32), rng.random((rows, outputs), np.float32)
settings = dict(hidden_layer_sizes=(width,), batch_size=batch, max_iter=3)
st.MLPRegressor(**{{**settings, "hidden_layer_sizes": (1,)}}).fit(X[:batch], y[:batch])
model = st.MLPRegressor(**settings)
print(peak_above(lambda: model.fit(X, y)))
""",
}


def fresh(program: str, runs: int) -> list[float]:
    """Return what the program prints, in so many processes of their own."""
    package, tests = (
        Path(st.__file__).resolve().parents[1],
        Path(__file__).resolve().parents[2] / "tests",
    )
    paths = [str(package), str(tests), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, "-c", program]
    found = []
    for _ in range(runs):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        found.append(float(json.loads(done.stdout)))
    return found


def memory(inputs: int, width: int, outputs: int, batch: int, runs: int) -> dict[str, Any]:
    """Bytes beyond the caller's arrays while a network is trained with Adam, in float32.

    Two sizes of the batch tell what a parameter takes from what a row of the batch takes, both in words.
    """
    parameters = (inputs + 1) * width + (width + 1) * outputs
    few = batch // 8
    found, with_few = (
        fresh(FRESH["memory"].format(sizes=(inputs, width, outputs, rows, 2 * batch)), runs)
        for rows in (batch, few)
    )
    row = float(np.median(found) - np.median(with_few)) / (batch - few)
    return {
        "bytes": found,
        "parameters": parameters,
        "words a parameter": [round((n - batch * row) / 4 / parameters, 2) for n in found],
        "words a row of the batch": round(row / 4),
        "widest layer": max(inputs, width, outputs),
    }


def measure(n_threads: int, smoke: bool = False) -> dict[str, Any]:
    global smoke_only
    assert n_threads == 1
    smoke_only = smoke
    small = 100 if smoke else 1  # sizes are divided by this
    runs = 1 if smoke else 9
    million = 1_000_000 // small
    measurements: dict[str, Callable[[], Any]] = {
        "Adam step, 1e3 parameters": lambda: optimizer_step(1000),
        "Adam step, 1e5 parameters": lambda: optimizer_step(100_000),
        "Adam step, 1e7 parameters": lambda: optimizer_step(10_000_000 // small),
        "polynomial, degree 10, 1e6 points: 1000 steps": lambda: polynomial_descent(million),
        "polynomial, degree 10: loss and gradient": lambda: polynomial_loss_gradient(million, 10),
        "polynomial, degree 4: loss and gradient": lambda: polynomial_loss_gradient(million, 4),
        "linear, 1e5 x 100: 1000 steps": lambda: linear_descent(million // 10),
        "linear, 1e5 x 100: loss and gradient": lambda: linear_loss_gradient(million // 10),
        "call: mse": lambda: calls("mse"),
        "call: mse_gradient": lambda: calls("mse_gradient"),
        "call: polynomial_loss_gradient": lambda: calls("polynomial_loss_gradient"),
        "import beyond NumPy's": lambda: {"steepest": fresh(FRESH["import"], runs)},
        "first fit of a tiny network": lambda: {"steepest": fresh(FRESH["first fit"], runs)},
    }
    if sys.platform == "linux":
        measurements |= {
            f"memory, {'-'.join(map(str, widths))}, batch {batch}": lambda widths=widths, batch=batch: (
                memory(*widths, batch, min(runs, 3))
            )
            for widths, batch in [
                ((784, 512, 10), 128),
                ((4096, 1024, 1), 128),
                ((1024, 4096, 256), 512),
            ]
        }
    found = {}
    for name, measurement in measurements.items():
        found[name] = measurement()
        shown = {k: f"{np.median(v):.3g}" for k, v in found[name].items()}
        print(f"  {name:48}", shown, file=sys.stderr, flush=True)
    return found
