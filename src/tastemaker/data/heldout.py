"""Questions whose answers are known: histories, and the items that came after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import QueryBatch


@dataclass(frozen=True)
class HeldOut:
    """Questions whose answers are known.

    Attributes:
        queries: ``q`` histories: all events before the predicted ones.
        targets: The items that came, by their number in ``queries.dictionary``, int32 ``[t]``, ``t >= q``.
        query: Which query each target belongs to, int32 ``[t]``, ascending; every query has one at least.
        users: Position of each query's user among the distinct users, int32 ``[q]``; a user's queries are
            averaged first, so that everybody counts the same.
        rows: Original row numbers of the targets, int64 ``[t]``.
        fingerprint: Fingerprint of the data set that the rows belong to.
        repeats: Events left out because the item was in the history already.
        dropped: How many events were left out, by reason, the repeats among them.
    """

    queries: QueryBatch
    targets: NDArray[np.int32]
    query: NDArray[np.int32]
    users: NDArray[np.int32]
    rows: NDArray[np.int64]
    fingerprint: str
    repeats: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def user_count(self) -> int:
        """Number of distinct users."""
        return int(self.users.max()) + 1 if len(self) else 0

    def sample(self, size: int, rng: np.random.Generator) -> HeldOut:
        """Return the queries of randomly drawn users, about ``size`` of them; all if there are fewer."""
        if len(self) <= size:
            return self
        wanted = max(1, round(size * self.user_count / len(self)))
        drawn = np.zeros(self.user_count, dtype=bool)
        drawn[rng.choice(self.user_count, size=wanted, replace=False)] = True
        return self[np.flatnonzero(drawn[self.users])]

    def __getitem__(self, block: NDArray[np.int64]) -> HeldOut:
        """Return the queries at the ascending positions ``block``."""
        place = np.full(len(self), -1, dtype=np.int32)
        place[block] = np.arange(len(block), dtype=np.int32)
        kept = place[self.query] >= 0
        users = np.unique(self.users[block], return_inverse=True)[1].astype(np.int32)
        return HeldOut(
            self.queries[block],
            self.targets[kept],
            place[self.query[kept]],
            users,
            self.rows[kept],
            self.fingerprint,
            self.repeats,
            self.dropped,
        )
