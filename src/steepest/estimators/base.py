"""What the estimators share: checking data, running a descent, keeping its record."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import get_tags
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from steepest import _native
from steepest._schedule_config import check_schedule, with_schedules
from steepest._validate import (
    FLOATS,
    Array,
    check_finite,
    check_thread_count,
    plain,
)
from steepest.estimators.advice import keep_ending
from steepest.estimators.sparse import (
    CoreInputs,
    Inputs,
    check_structure,
    core_inputs,
    sparse_rows,
)
from steepest.optimizers import LBFGS, Optimizer
from steepest.schedules import ScheduleLike
from steepest.stopping import MESSAGES, StopRule, combined_config

FLOAT_TYPES = (np.float64, np.float32)


@dataclass
class Data:
    """Training or validation data as the core reads them.

    X: (n, d), an array, sparse, or what else has ``shape``, ``dtype`` and ``as_tuple``; y: (n, K) float or (n,)
    int64 classes; sample_weight: (n,) with mean 1, or None.
    """

    X: Any
    y: Array
    sample_weight: Array | None = None

    def as_tuple(self) -> tuple[CoreInputs, Array, Array | None]:
        """Return (X, y, sample_weight) as the core takes them."""
        return core_inputs(self.X), self.y, self.sample_weight

    def part(self, rows: Array) -> Data:
        """Return some rows, (m,)."""
        weights = self.sample_weight
        return Data(self.X[rows], self.y[rows], None if weights is None else weights[rows])


@dataclass
class NetworkState:
    """Parameters of a network and the optimizer's state, which a descent replaces by new arrays.

    weights[l]: (n_in, n_out); biases[l]: (n_out,); slots: for each moment a pair of lists shaped like them, None
    before the first descent. The arrays are as the core reads them. stepped: what a descent goes on from, if the
    optimizer reports other weights and biases than it steps; those that it reported are the last slot, too.
    """

    weights: list[Array]
    biases: list[Array]
    slots: list[tuple[list[Array], list[Array]]] | None = None
    n_steps: int = 0
    n_epochs: int = 0
    stepped: tuple[list[Array], list[Array]] | None = None


@contextmanager
def unchanged_on_error(estimator: Any) -> Iterator[None]:
    """Give the estimator back its attributes if the block raises."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def require_fitted(estimator: Any) -> None:
    """Raise scikit-learn's NotFittedError if the estimator has not been fitted."""
    if not hasattr(estimator, "n_features_in_") or hasattr(estimator, "__sklearn_is_fitted__"):
        check_is_fitted(estimator)


def is_numeric(value: Any, *ranks: int) -> bool:
    """Whether this is an array of real numbers, of such a rank and not empty.

    scikit-learn's checks, which look for data frames and much else, would let it through, at most converted;
    they take longer than a small model's training, and are left out then.
    """
    return (
        type(value) is np.ndarray
        and value.ndim in ranks
        and value.size > 0
        and value.dtype.kind in "fiu"
    )


def check_inputs(
    estimator: Any, X: Any, *, reset: bool, finite: bool = True, dtype: Any = None
) -> Any:
    """Return X (n, d) as a plain array or as SparseRows, with bad entries named by row and column.

    It is sparse if X is, which the estimator's tags must allow. ``finite=False``: bad entries of dense X
    are left to the caller; so it is in :func:`check_targets`. ``dtype``: that of the result, where it is not up to
    X.
    """
    if (
        is_numeric(X, 2)
        and not hasattr(estimator, "feature_names_in_")
        and (reset or X.shape[1] == getattr(estimator, "n_features_in_", None))
    ):
        estimator.n_features_in_ = X.shape[1]
        X = plain(X, X.dtype if X.dtype in FLOATS else FLOATS[1])
    else:
        if issparse(X):
            check_structure(X)
        X = validate_data(
            estimator,
            X,
            reset=reset,
            accept_sparse=["csr", "csc"] if get_tags(estimator).input_tags.sparse else False,
            dtype=FLOAT_TYPES,
            order="C",
            ensure_all_finite=False,
        )
        if issparse(X):
            X = sparse_rows(X)
            return X if dtype is None else X.astype(dtype)
        X = plain(X, X.dtype)
    if finite:
        check_finite("X", X)
    return X if dtype is None else plain(X, dtype)


def check_targets(y: Any, rows: int, dtype: Any, *, finite: bool = True) -> tuple[Array, bool]:
    """Return y as (n, K) floats, and whether it was given as (n, K)."""
    if y is None:
        raise ValueError("The estimator requires y to be passed, but the target y is None")
    if is_numeric(y, 1, 2):
        array = y.astype(dtype, copy=False)
    else:
        array = check_array(
            y, ensure_2d=False, ensure_all_finite=False, dtype=dtype, input_name="y", allow_nd=False
        )
    if array.ndim == 2 and array.shape[1] == 1:
        array = column_or_1d(array, warn=True)
    if finite:
        check_finite("y", array)
    if array.ndim not in (1, 2) or array.shape[0] != rows:
        raise ValueError(
            f"y must have {rows} rows, as X has, but has shape {array.shape}: "
            "Found input variables with inconsistent numbers of samples"
        )
    given_2d = array.ndim == 2
    return plain(array.reshape(rows, -1), np.dtype(dtype)), given_2d


def check_weights(sample_weight: Any, X: Inputs, *, scaled: bool = True) -> Array | None:
    """Return the weights, scaled to mean 1 so that a weighted loss is a weighted mean; None stays None."""
    if sample_weight is None:
        return None
    if is_numeric(sample_weight, 1) and sample_weight.shape[0] == X.shape[0]:
        weights = sample_weight.astype(X.dtype, copy=False)
    else:
        weights = np.asarray(_check_sample_weight(sample_weight, X, dtype=X.dtype))
    check_finite("sample_weight", weights)
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        raise ValueError(f"sample_weight must not be negative, but row {row} is {weights[row]}")
    largest = weights.max(initial=0.0)
    if largest == 0:
        raise ValueError("sample_weight must have a positive entry, but all are zero")
    if not scaled:
        return plain(weights, X.dtype)
    relative = weights.astype(np.float64) / largest  # so that the sum can't overflow
    return plain(relative * (weights.size / relative.sum()), X.dtype)


def validation_parts(data: Any) -> tuple[Any, Any, Any]:
    """Return (X, y, sample_weight or None) of ``validation_data``, or raise."""
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        kind = f"{len(data)} entries" if isinstance(data, (tuple, list)) else type(data).__name__
        raise ValueError(f"validation_data must be (X, y) or (X, y, sample_weight), but is {kind}")
    return data[0], data[1], data[2] if len(data) == 3 else None


@contextmanager
def about_validation_data() -> Iterator[None]:
    """Say of what the block's checks raise that it is about ``validation_data``."""
    try:
        yield
    except (ValueError, TypeError) as error:
        if type(error) not in (ValueError, TypeError):
            raise
        raise type(error)(f"validation_data: {error}") from None


def check_threads(n_threads: Any) -> int:
    """Return the number of threads to use, or raise: it must be None or an integer of at least 1."""
    if n_threads is None:
        return _native.get_num_threads()
    return check_thread_count("n_threads", n_threads)


def random_seed(random_state: np.random.RandomState) -> int:
    """Draw the key of the counter-based generator that shuffles the rows."""
    return int(random_state.randint(2**31 - 1))


def is_seed(random_state: Any) -> bool:
    """Whether this is a seed, so that no stream outlives the call."""
    is_integer = isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool)
    return is_integer and 0 <= random_state < 2**32


class ShuffleStream:
    """scikit-learn's source of shuffles, MT19937 as RandomState has it, lent to a descent.

    ``config`` is what the descent takes, ``give_back`` takes what it returns; a seed is a fresh RandomState.
    """

    config: int | tuple[Array, int]

    def __init__(self, random_state: np.random.RandomState | int) -> None:
        self._random_state: np.random.RandomState | None = None
        if not isinstance(random_state, np.random.RandomState):
            self.config = int(random_state)
            return
        state: Any = random_state.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":  # the core has no other: a stream drawn from it
            self.config = int(random_state.randint(2**32, dtype=np.uint32))
            return
        self._random_state, self._state = random_state, state
        self.config = state["state"]["key"], state["state"]["pos"]

    def give_back(self, twister: tuple[Array, int]) -> None:
        """Let what is drawn next be what scikit-learn would draw next.

        Unless somebody else, a callback or another thread, has drawn meanwhile: going back would repeat that.
        """
        if self._random_state is None:
            return
        state: Any = self._random_state.get_state(legacy=False)
        before, now = self._state["state"], state["state"]
        if now["pos"] == before["pos"] and np.array_equal(now["key"], before["key"]):
            words = {"key": twister[0], "pos": twister[1]}
            self._random_state.set_state({**self._state, "state": words})


def check_optimizer(optimizer: Any) -> None:
    """Raise unless it can train an estimator."""
    if isinstance(optimizer, LBFGS):
        raise TypeError(
            "optimizer: LBFGS is one of minimize alone; here networks have solver='lbfgs', and linear, polynomial "
            "and logistic models learning_rate='auto'"
        )
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"optimizer must be one of steepest's, such as steepest.Adam(1e-3), but is {optimizer!r}"
        )


def descent_config(
    optimizer: Optimizer,
    schedule: ScheduleLike | None,
    stop: Iterable[StopRule],
    defaults: dict[str, Any],
    *,
    validated: bool = True,
    n_layers: int = 1,
    **settings: Any,
) -> dict[str, Any]:
    """Return the whole configuration of a descent; `with_schedules` makes of it what the core reads."""
    check_optimizer(optimizer)
    config: dict[str, Any] = {
        "optimizer": optimizer.config(),
        **combined_config(stop, defaults),
        **settings,
    }
    if config.get("monitor", "loss") != "loss" and not validated:
        raise ValueError(
            f"stop: a rule monitors {config['monitor']}, but there is no validation data; give "
            "validation_data to fit"
        )
    config["restore_best"] = config.get("monitor", "loss") != "loss"
    if groups := optimizer.layer_groups(n_layers):
        config["groups"] = groups
    if schedule is not None:
        config["schedule"] = check_schedule(schedule, optimizer, validated=validated)
    return config


def network_descent(
    state: NetworkState,
    training: Data,
    validation: Data | None,
    model: dict[str, Any],
    config: dict[str, Any],
    on_record: Callable[[tuple[Any, ...]], bool] | None,
) -> dict[str, Any]:
    """Run the compiled descent; the state's arrays are replaced by new ones when it ends.

    Its lists are emptied meanwhile, so that arrays which nobody else holds take no memory.
    """
    config = {**config, "first_step": state.n_steps, "first_epoch": state.n_epochs}
    config = with_schedules(config, training.X)
    weights, biases = state.stepped or (state.weights, state.biases)
    result: dict[str, Any] = _native.core.network_descent(
        weights,
        biases,
        state.slots,
        training.as_tuple(),
        None if validation is None else validation.as_tuple(),
        model,
        config,
        on_record,
    )
    state.weights, state.biases = result.pop("weights"), result.pop("biases")
    state.slots, state.stepped = result.pop("slots"), result.pop("stepped", None)
    state.n_steps += result["n_steps"]
    state.n_epochs += result["n_epochs"]
    return result


def history_of(result: dict[str, Any], loss_scale: float = 1.0) -> dict[str, Array]:
    """Return the history without the columns that were not measured, its losses scaled."""
    history = dict(result["history"])
    for key in ("validation_loss", "validation_score"):
        if np.isnan(history[key]).all():
            del history[key]
    if loss_scale != 1.0:
        with np.errstate(over="ignore"):  # beyond the largest float in the user's units
            for key in history.keys() & {"loss", "validation_loss"}:
                history[key] = history[key] * loss_scale
    return history


def continued(before: dict[str, Array], after: dict[str, Array]) -> dict[str, Array]:
    """Return a history that goes on; NaN stands where one of the two has not measured what the other has."""
    if not before:
        return after

    def column(history: dict[str, Array], key: str) -> Array:
        return history[key] if key in history else np.full(len(history["loss"]), np.nan)

    keys = before | after
    return {key: np.concatenate([column(before, key), column(after, key)]) for key in keys}


def report_ending(estimator: Any, result: dict[str, Any], stacklevel: int = 3) -> None:
    """Set ``status_``; warn where the user should know, with causes; raise what a callback or Ctrl-C raised."""
    status = result["status"]
    estimator.status_ = status
    causes = keep_ending(estimator, result)
    if result["exception"] is not None:
        raise result["exception"]
    if status == "diverged":
        step = result["n_steps"]
        warnings.warn(
            f"The descent diverged at step {step}: {MESSAGES[status]}.{causes}",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )
    elif status == "max_epochs":
        history = result["history"]
        norm = history["gradient_norm"][-1] if len(history["gradient_norm"]) else np.nan
        warnings.warn(
            f"The limit of epochs was reached and the optimization hasn't converged yet "
            f"(after {result['n_epochs']} epochs; norm of the last gradient {norm:.3g}).{causes}",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )
