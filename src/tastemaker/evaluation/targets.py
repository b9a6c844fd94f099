"""What metrics of ranks look at: the places of each query's relevant items, and averages over people."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError

NEVER: Final = int(np.iinfo(np.int32).max)
"""The rank of an item that is never recommended."""

NONE: Final = 0
"""Fills up a row of ranks whose query has fewer relevant items than others."""


@dataclass(frozen=True)
class TargetRanks:
    """Ranks of relevant items one after the other, each with the query that it belongs to.

    Attributes:
        ranks: From 1, int ``[t]``; those of one query differ, but for `NEVER`.
        query: Number of the query, int ``[t]``, ascending.
        queries: How many queries there are.
    """

    ranks: NDArray[np.integer[Any]]
    query: NDArray[np.integer[Any]]
    queries: int

    def sum(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Add up one value a target within each query, float64 ``[q]``."""
        return np.bincount(self.query, weights=values, minlength=self.queries).astype(np.float64)

    def relevant(self) -> NDArray[np.int64]:
        """Count the relevant items of each query, int64 ``[q]``."""
        return np.bincount(self.query, minlength=self.queries)


Ranks = NDArray[np.integer[Any]] | TargetRanks


def ranks_in_lists(lists: Sequence[Sequence[Hashable]], truth: Sequence[AbstractSet[Hashable]]) -> NDArray[np.int64]:
    """Return the places of the relevant items in recommended lists, int64 ``[q, t]``.

    An item that a list holds twice counts once, where it stands first.

    Args:
        lists: For each query the recommended ids, best first.
        truth: For each query the relevant ids.

    Raises:
        DataError: There are more lists than truths, or fewer.

    >>> ranks_in_lists([["a", "b", "a"], ["c"]], [{"a"}, {"c", "d"}]).tolist() == [[1, 0], [1, NEVER]]
    True
    """
    if len(lists) != len(truth):
        raise DataError(f"{len(lists)} lists cannot be judged by {len(truth)} sets of relevant items")
    ranks = np.full((len(lists), max(map(len, truth), default=0)), NONE, dtype=np.int64)
    for row, (items, relevant) in enumerate(zip(lists, truth, strict=True)):
        place: dict[Hashable, int] = {}
        for position, item in enumerate(items, start=1):
            place.setdefault(item, position)
        ranks[row, : len(relevant)] = sorted(place.get(item, NEVER) for item in relevant)
    return ranks


def as_targets(ranks: Ranks) -> TargetRanks:
    """Return ranks of any form as `TargetRanks`."""
    if isinstance(ranks, TargetRanks):
        return ranks
    table = ranks if ranks.ndim == 2 else ranks[:, None]
    query, place = np.nonzero(table != NONE)
    return TargetRanks(table[query, place], query, len(table))


def per_user(values: NDArray[np.float64], users: NDArray[np.int32]) -> NDArray[np.float64]:
    """Average the queries of each user, float64 ``[u]``, so that everybody counts the same.

    Args:
        values: One value a query, float64 ``[q]``.
        users: User of each query, from 0 without gaps, int32 ``[q]``.

    >>> per_user(np.array([1.0, 0.0, 1.0]), np.array([0, 0, 1], dtype=np.int32)).tolist()
    [0.5, 1.0]
    """
    return np.bincount(users, weights=values) / np.bincount(users)
