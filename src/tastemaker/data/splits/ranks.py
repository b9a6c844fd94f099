"""Orders within groups by one sort of whole numbers, which is several times as fast as sorting by several keys."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_BITS: Final = 63
_LEAST_DRAW_BITS, _MOST_DRAW_BITS = 20, 53


def run_starts(groups: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return where each run of equal numbers begins, int64 ``[r]``."""
    return np.flatnonzero(_new(groups))


def run_numbers(groups: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return for each place the number of its run of equal numbers, from 0, int64."""
    return np.cumsum(_new(groups)) - 1


def rank_within(groups: NDArray[np.integer], draws: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rank of each draw among those of its group, from 0; the earlier is first where two are equal.

    Args:
        groups: Ascending numbers.
        draws: Numbers from 0 to 1, 1 excluded.

    >>> rank_within(np.array([0, 0, 0, 4]), np.array([0.3, 0.1, 0.2, 0.9])).tolist()
    [2, 0, 1, 0]
    """
    run, starts, place = _places(groups)
    ranks = np.empty(len(groups), dtype=np.int64)
    low = _width(place)
    middle = min(_BITS - low - _width(run), _MOST_DRAW_BITS)
    if middle >= _LEAST_DRAW_BITS:
        packed = np.sort((((run << middle) | (draws * 2.0**middle).astype(np.int64)) << low) | place)
        order = starts[run] + (packed & ((1 << low) - 1))
    else:
        order = np.lexsort((draws, groups))
    ranks[order] = place
    return ranks


def first_within(
    groups: NDArray[np.integer], values: NDArray[np.integer], late: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Mark each value where it occurs in its group for the first time.

    Args:
        groups: Ascending numbers.
        values: Numbers of at least 0.
        late: Places that count as if they came after all others of their group.

    >>> first_within(np.array([0, 0, 0, 1]), np.array([5, 6, 5, 5])).tolist()
    [True, True, False, True]
    >>> first_within(np.array([0, 0, 0]), np.array([5, 6, 5]), np.array([True, True, False])).tolist()
    [False, True, True]
    """
    run, starts, place = _places(groups)
    first = np.zeros(len(groups), dtype=bool)
    low, middle, last = _width(place), _width(values), 0 if late is None else 1
    if _width(run) + middle + last + low <= _BITS:
        packed = (run << middle) | values
        if late is not None:
            packed = (packed << 1) | late
        packed = np.sort((packed << low) | place)
        packed = packed[_new(packed >> (low + last))]
        first[starts[packed >> (low + last + middle)] + (packed & ((1 << low) - 1))] = True
    else:
        order = np.lexsort((place, np.zeros(len(run)) if late is None else late, values, run))
        first[order[_new(run[order]) | _new(values[order])]] = True
    return first


def _new(groups: NDArray[np.integer]) -> NDArray[np.bool_]:
    new = np.ones(len(groups), dtype=bool)
    np.not_equal(groups[1:], groups[:-1], out=new[1:])
    return new


def _places(groups: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return run, starts of runs, and place within the run."""
    run, starts = run_numbers(groups), run_starts(groups)
    return run, starts, np.arange(len(groups)) - starts[run]


def _width(numbers: NDArray[np.integer]) -> int:
    """Return how many bits hold each of the numbers, none of which is below 0."""
    return int(numbers.max(initial=0)).bit_length()
