"""The k-core of a data set: what is left when rare users and rare items are taken out until none is rare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.data.dataset import Dataset
from tastemaker.data.splits.checks import count


@dataclass(frozen=True)
class Core:
    """What a k-core kept and what it dropped.

    Attributes:
        dataset: A view of what is left; vocabulary, catalogue and fingerprint are those of the whole.
        dropped_events: How many events were dropped.
        dropped_users: How many users lost all of their events.
        dropped_items: How many items that had events have none now; the catalogue keeps them.
        rounds: How often it was counted anew.
    """

    dataset: Dataset
    dropped_events: int
    dropped_users: int
    dropped_items: int
    rounds: int


def k_core(dataset: Dataset, users: int = 5, items: int = 5) -> Core:
    """Keep the users with at least ``users`` events and the items with at least ``items``, counted until it holds.

    Every event counts, also one with an item that the user has met before. The result does not depend on the
    order in which users and items are looked at: it is the largest set of events of this kind (Seidman 1983).

    Args:
        dataset: What to filter.
        users: Events that each user has in the end; 0 and 1 ask for nothing.
        items: Events that each item has in the end; 0 and 1 ask for nothing.

    Raises:
        DataError: A number is negative, or nothing is left.
    """
    count("users", users)
    count("items", items)
    sequences = dataset.sequences
    user, codes = sequences.user_of_event(), sequences.codes
    left, rounds = np.arange(len(codes)), 0
    while len(left):
        rounds += 1
        frequent_user = np.bincount(user[left], minlength=1) >= users
        frequent_item = np.bincount(codes[left], minlength=1) >= items
        kept = left[frequent_user[user[left]] & frequent_item[codes[left]]]
        if len(kept) == len(left):
            break
        left = kept
    if not len(left):
        raise DataError(
            f"nothing is left where each user has {users} events and each item {items}",
            where=dataset.name,
            remedy="Use smaller numbers, or more data.",
        )
    if len(left) == len(codes):
        return Core(dataset, 0, 0, 0, rounds)
    keep = np.zeros(len(codes), dtype=bool)
    keep[left] = True
    return Core(
        dataset.where(keep),
        dropped_events=len(codes) - len(left),
        dropped_users=_distinct(user) - _distinct(user[left]),
        dropped_items=_distinct(codes) - _distinct(codes[left]),
        rounds=rounds,
    )


def _distinct(numbers: NDArray[np.integer]) -> int:
    return int(np.count_nonzero(np.bincount(numbers)))
