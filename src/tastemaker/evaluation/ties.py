"""Random order among equal scores: drawn from a seed and a query's number, never from the size of a block."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)


def mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter numbers over 64 bits, uint64 of the same shape.

    The finaliser of SplitMix64: Steele, Lea and Flood (2014), figure 19.
    """
    bits = numbers + _STEP
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return bits ^ (bits >> np.uint64(31))


def stream(seed: int, numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return one random 64-bit number for each of ``numbers``, the same for the same seed."""
    start = mixed(np.asarray([seed % 2**64], dtype=np.uint64))
    return mixed(numbers.astype(np.uint64) ^ start)


def uniform(draws: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return random 64-bit numbers as numbers from 0 up to but not including 1, float64 of the same shape.

    >>> uniform(np.array([0, 2**63], dtype=np.uint64)).tolist()
    [0.0, 0.5]
    """
    return (draws >> np.uint64(11)).astype(np.float64) * 2.0**-53


def places(draws: NDArray[np.uint64], tied: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many of the ``tied`` others come first, uniform over ``0 .. tied``, int64.

    >>> places(stream(7, np.arange(3)), np.array([0, 0, 0])).tolist()
    [0, 0, 0]
    """
    return np.floor(uniform(draws) * (tied + 1)).astype(np.int64)


def ordinals(owner: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Number the members of each owner from 0, int64, where ``owner`` is ascending.

    >>> ordinals(np.array([0, 0, 2, 3, 3, 3])).tolist()
    [0, 1, 0, 0, 1, 2]
    """
    return np.arange(len(owner)) - np.searchsorted(owner, owner)


def distinct_places(
    draws: NDArray[np.uint64],
    tied: NDArray[np.int64],
    owner: NDArray[np.int64],
    above: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return what `places` returns, but a different place for each target of a group of equals.

    Args:
        draws: A random number for each target, uint64 ``[t]``.
        tied: How many others score the same, int64 ``[t]``.
        owner: The query of each target, int64 ``[t]``, ascending.
        above: How many score higher, int64 ``[t]``; equal within a query means tied.

    >>> one = np.zeros(3, dtype=np.int64)
    >>> sorted(distinct_places(stream(7, np.arange(3)), one + 2, one, one).tolist())
    [0, 1, 2]
    """
    drawn = places(draws, tied)
    order = np.lexsort((above, owner))
    same = (np.diff(owner[order]) == 0) & (np.diff(above[order]) == 0)
    if not same.any():
        return drawn
    starts = np.flatnonzero(np.r_[True, ~same])
    ends = np.r_[starts[1:], len(order)]
    for start, end in zip(starts[ends - starts > 1], ends[ends - starts > 1], strict=True):
        taken: list[int] = []
        for ordinal, target in enumerate(order[start:end]):
            # A place among those that are left, then among all.
            place = int(places(draws[target : target + 1], tied[target : target + 1] - ordinal)[0])
            for other in sorted(taken):
                place += place >= other
            taken.append(place)
            drawn[target] = place
    return drawn
