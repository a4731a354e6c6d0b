"""A parameter that is not what it should be raises what scikit-learn raises, and the message names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from steepest._validate import check_integer


class InvalidParameterError(ValueError, TypeError):
    """A parameter of an estimator is of the wrong type or out of range.

    As in scikit-learn it is both errors, so that code which expects either one catches it.
    """


@contextmanager
def invalid_parameters() -> Iterator[None]:
    """Turn what the block's checks raise into InvalidParameterError."""
    try:
        yield
    except InvalidParameterError:
        raise
    except (TypeError, ValueError) as error:
        raise InvalidParameterError(str(error)) from None


def check_random_state_parameter(value: Any) -> None:
    """Raise unless it is what scikit-learn takes: None, a RandomState, or an integer in [0, 2**32)."""
    if value is None or isinstance(value, np.random.RandomState):
        return
    try:
        check_integer("random_state", value, low=0, high=2**32 - 1)
    except (TypeError, ValueError):
        raise InvalidParameterError(
            "random_state must be None, an integer >= 0 and <= 2**32 - 1 to seed with, or a "
            f"numpy.random.RandomState, but is {value!r}"
        ) from None


def check_verbose(value: Any) -> None:
    """Raise unless it is True, False or a level, an integer of at least 0."""
    if not isinstance(value, (bool, np.bool_)):
        check_integer("verbose", value, low=0)


def check_patience(value: Any) -> None:
    """Raise unless it is an integer of at least 1, or infinite."""
    if not (isinstance(value, float) and value == np.inf):
        check_integer("n_iter_no_change", value, low=1)
