"""The counter-based random numbers: what a seed promises, on every machine.

Draw number i of a stream is a pure function of (seed, stream, index, i), so no order of evaluation
and no number of threads can change it. The function is Philox4x32 with 10 rounds, of Salmon,
Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

SHUFFLE_STREAM = 1  # the stream of `permutation`; a new use of random numbers takes a new one
DROPOUT_STREAM = 2  # of `dropout_mask` for the first hidden layer, and 2**16 more for each after it
GROUP = 8  # blocks whose draws come together, word by word

_LOW = np.uint64(2**32 - 1)
_HIGH = np.uint64(32)
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)


def philox(counter: NDArray[np.uint64], key: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Philox4x32-10: four words for each counter of four words, under a key of two.

    Parameters
    ----------
    counter : uint64 array, (4, n)
        Words in 0 ... 2**32 - 1.
    key : uint64 array, (2,)
        Words in 0 ... 2**32 - 1.

    Returns
    -------
    uint64 array, (4, n)
        Words in 0 ... 2**32 - 1.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (p1 >> _HIGH) ^ c1 ^ k0, p1 & _LOW, (p0 >> _HIGH) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _WEYL[0]) & _LOW, (k1 + _WEYL[1]) & _LOW
    return np.stack([c0, c1, c2, c3])


def philox_draws(seed: int, stream: int, index: int, n: int) -> NDArray[np.uint32]:
    """First `n` draws, 32-bit words, of one (seed, stream, index).

    Block b = 0, 1, 2, ... is Philox at the counter (b, index mod 2**32, index div 2**32, stream)
    under the key (seed mod 2**32, seed div 2**32). Draws come from groups of 8 blocks: the first
    words of all 8, then their second words, their third and their fourth.

    Parameters
    ----------
    seed, index : int
        Each in 0 ... 2**64 - 1.
    stream : int
        In 0 ... 2**32 - 1.
    n : int
        Number of draws, at most 2**34.

    Returns
    -------
    uint32 array, (n,)

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """
    for name, value, bits in (("seed", seed, 64), ("stream", stream, 32), ("index", index, 64)):
        if not 0 <= value < 2**bits:
            raise ValueError(f"{name} is {value}: it must be in 0 ... 2**{bits} - 1")
    groups = -(-n // (4 * GROUP))
    counter = np.zeros((4, groups * GROUP), dtype=np.uint64)
    counter[0] = np.arange(groups * GROUP)
    counter[1], counter[2], counter[3] = index % 2**32, index >> 32, stream
    words = philox(counter, np.array([seed % 2**32, seed >> 32], dtype=np.uint64))
    by_group = words.reshape(4, groups, GROUP).transpose(1, 0, 2)
    return by_group.reshape(-1)[:n].astype(np.uint32)


def dropout_mask(
    n: int, width: int, rate: float, seed: int, step: int, hidden_layer: int = 0
) -> NDArray[np.float64]:
    """Factors of the activations of a hidden layer in one step of training with dropout.

    The draws of ``philox_draws(seed, stream=2 + 2**16 hidden_layer, index=step)`` are cut into
    halves of 16 bits, the low one first; number ``i width + j`` decides unit j of row i of the
    batch, and the unit is dropped if it is less than ``2**16 rate``, rounded to a whole number from
    1 to 2**16 - 1. This whole number also gives the factor of the units that stay.

    Parameters
    ----------
    n, width : int
        Rows of the batch, units of the layer.
    rate : float
        Probability to be dropped, in [0, 1).
    seed, step : int
        Each in 0 ... 2**64 - 1.
    hidden_layer : int, default 0
        Number of the layer, counted from 0.

    Returns
    -------
    array, (n, width)
        0, or 1 / (1 - rate).
    """
    if rate == 0:
        return np.ones((n, width))
    dropped = min(max(int(2**16 * rate + 0.5), 1), 2**16 - 1)
    draws = philox_draws(seed, DROPOUT_STREAM + 2**16 * hidden_layer, step, -(-n * width // 2))
    halves = draws.astype("<u4").view("<u2")[: n * width].reshape(n, width)
    return np.where(halves < dropped, 0.0, 2**16 / (2**16 - dropped))


def permutation(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Random order of 0 ... n-1 for one epoch: Fisher-Yates from the top.

    For i = n-1, ..., 1: draw j in 0 ... i and swap entries i and j. Each j is a `bounded_integer`
    of ``philox_draws(seed, stream=1, index=epoch)``.

    Parameters
    ----------
    n : int
        Less than 2**32.
    seed, epoch : int
        Each in 0 ... 2**64 - 1.

    Returns
    -------
    int64 array, (n,)

    Raises
    ------
    ValueError
        If n, seed or epoch is out of its range.
    """
    if not 0 <= n < 2**32:
        raise ValueError(f"n is {n}: it must be in 0 ... 2**32 - 1")
    words = _stream(seed, SHUFFLE_STREAM, epoch, n)
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        j = bounded_integer(words, i + 1)
        order[i], order[j] = order[j], order[i]
    return np.array(order, dtype=np.int64)


def bounded_integer(words: Iterator[int], bound: int) -> int:
    """Uniform integer in 0 ... bound-1, exactly uniform if the 32-bit `words` are.

    Multiply-shift with rejection, of D. Lemire, "Fast random integer generation in an interval",
    ACM Trans. Model. Comput. Simul. 29 (2019): the high half of ``word * bound`` is the draw, and
    a word whose low half is below ``2**32 % bound`` is passed over, which leaves the same number of
    words for each draw.

    Parameters
    ----------
    words : iterator of int
        Words in 0 ... 2**32 - 1; at least one is taken.
    bound : int
        In 1 ... 2**32.

    Returns
    -------
    int
    """
    while True:
        product = next(words) * bound
        if product % 2**32 >= 2**32 % bound:
            return product >> 32


def _stream(seed: int, stream: int, index: int, expected: int) -> Iterator[int]:
    """Yield the draws one by one; about `expected` of them will be taken."""
    n = 0
    while True:
        more = max(expected, 4 * GROUP) if n == 0 else 2 * n
        for draw in philox_draws(seed, stream, index, more)[n:]:
            yield int(draw)
        n = more
