"""Who is compared with whom, and in which order: chunks, balanced orders, pairs, and strengths from comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Places: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

_PHANTOM: Final = 0.1
"""Wins and losses that everybody is taken to have had against one of strength 1, so that no strength is infinite."""
_STEPS: Final = 1000
_SETTLED: Final = 1e-10


def chunks(count: int, most: int, rng: np.random.Generator) -> list[Places]:
    """Return ``count`` places in chunks of about one size, none above ``most``, each with its share of the first ones.

    Of every run of as many neighbours as there are chunks each chunk gets one, drawn at random: scores that are
    relative to a chunk can then be compared between chunks.

    Args:
        count: How many places, 2 or more.
        most: The most places of a chunk, 3 or more, so that none is left with one.
        rng: Draws who goes where.

    Returns:
        Places of each chunk, int64, ascending; sizes differ by 1 at most.
    """
    number = -(-count // most)
    dealt: list[list[int]] = [[] for _ in range(number)]
    for start in range(0, count, number):
        run = range(start, min(start + number, count))
        for place, chunk in zip(run, rng.permutation(number).tolist(), strict=False):
            dealt[chunk].append(place)
    return [np.asarray(chunk, dtype=np.int64) for chunk in dealt]


def balanced_orders(count: int, rng: np.random.Generator) -> Iterator[Places]:
    """Yield orders of ``count`` places for ever: among each ``count`` of them every place is in every slot once.

    They are the rows, in random order, of a cyclic Latin square whose columns and symbols were shuffled; after its last
    row another square is drawn. So no two orders of a square put the same place in the same slot, and who stands
    beside whom changes, as it does not where one order is rotated.

    Yields:
        The place in each slot, int64 ``[count]``.
    """
    while True:
        symbols, columns = rng.permutation(count), rng.permutation(count)
        for offset in rng.permutation(count):
            yield symbols[(columns + offset) % count]


def next_pairs(strengths: Floats, met: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the pairs of a round of a Swiss tournament: neighbours by strength that have not met, each once at most.

    Args:
        strengths: Of each, float64 ``[c]``; equal ones stand by place.
        met: Who has met whom, bool ``[c, c]``, symmetric.
    """
    left: list[Any] = np.argsort(-strengths, kind="stable").tolist()
    pairs = []
    while left:
        first = left.pop(0)
        rival = next((other for other in left if not met[first, other]), None)
        if rival is not None:
            left.remove(rival)
            pairs.append((first, rival))
    return pairs


def bradley_terry(wins: Floats) -> Floats:
    """Return how strong each is by its comparisons: log-strengths, float64 ``[c]``, 0 for who was never compared.

    The maximum of the likelihood in which ``i`` beats ``j`` with the odds ``p_i : p_j`` (Bradley & Terry, 1952), by
    Hunter's iteration (2004, "MM algorithms for generalized Bradley-Terry models", equation 3). Everybody has a tenth
    of a win and of a loss against a phantom of strength 1 beside.

    Args:
        wins: How often ``i`` beat ``j``, in parts if need be, float64 ``[c, c]``.
    """
    met = wins + wins.T
    won = wins.sum(axis=1) + _PHANTOM
    strengths = np.ones(len(wins))
    for _ in range(_STEPS):
        against = (met / (strengths[:, None] + strengths[None, :])).sum(axis=1) + 2 * _PHANTOM / (strengths + 1)
        better = won / against
        settled = np.abs(np.log(better / strengths)).max(initial=0.0) < _SETTLED
        strengths = better
        if settled:
            break
    return np.asarray(np.log(strengths))
