"""What several recommenders propose for queries whose answers are known, small enough to rank it again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import QueryBatch
from tastemaker.core.run import Advance
from tastemaker.data.heldout import HeldOut
from tastemaker.evaluation.metrics import ndcg
from tastemaker.evaluation.ranking import columns_of
from tastemaker.evaluation.targets import NEVER, TargetRanks, per_user

DEPTH: Final = 100
"""How many items of each source are in the pool of a query: far more than any list is long."""

_SCORES_AT_ONCE: Final = 2_000_000


class Scoring(Protocol):
    """What is needed of a source."""

    def score(self, queries: QueryBatch) -> Any:
        """Score the whole vocabulary, float32 ``[q, n]``."""


@dataclass(frozen=True)
class Pool:
    """Each source's first items, for ``q`` queries and ``s`` sources, ``m`` candidates in all.

    Ranks within it are those over the whole catalogue as far as a list of ten is concerned, as good as always: what no
    source has among its first `DEPTH` would have to come among the first ten of their sum to make a difference.

    Attributes:
        held: The queries and their targets.
        items: The candidates, numbers in the vocabulary, int32 ``[m]``.
        query: Which query each belongs to, int64 ``[m]``, ascending.
        scores: What each source gives it, float32 ``[m, s]``.
        largest: Largest magnitude of each source's scores over the whole vocabulary, float32 ``[q, s]``.
        place: Where each target stands among the candidates, int64 ``[t]``; -1 where it is not there.
    """

    held: HeldOut
    items: NDArray[np.int32]
    query: NDArray[np.int64]
    scores: NDArray[np.float32]
    largest: NDArray[np.float32]
    place: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        sources: Sequence[Scoring],
        held: HeldOut,
        item_ids: NDArray[np.object_],
        *,
        depth: int = DEPTH,
        advance: Advance | None = None,
    ) -> Self:
        """Ask every source about every query; items of the history are left out."""
        n = len(item_ids)
        columns = columns_of(held.queries.dictionary, item_ids)
        items, scores, largest, sizes = [], [], [], []
        size = max(1, _SCORES_AT_ONCE // max(n, 1))
        for start in range(0, len(held), size):
            queries = held.queries[slice(start, min(start + size, len(held)))]
            found = [np.array(source.score(queries), dtype=np.float32) for source in sources]
            largest.append(np.stack([np.abs(each).max(axis=1) for each in found], axis=1))
            for row in range(len(queries)):
                seen = columns[queries.codes[queries.starts[row] : queries.ends[row]]]
                out = np.zeros(n, dtype=bool)
                out[seen[seen >= 0]] = True
                chosen = _first(found, row, out, depth)
                items.append(chosen)
                scores.append(np.stack([each[row, chosen] for each in found], axis=1))
                sizes.append(len(chosen))
            if advance is not None:
                advance(len(queries))
        query = np.repeat(np.arange(len(held)), sizes)
        together = np.concatenate(items) if items else np.empty(0, np.int32)
        key = query * max(n, 1) + together  # ascending, for the candidates of a query are
        wanted = held.query.astype(np.int64) * max(n, 1) + columns[held.targets]
        place = np.searchsorted(key, wanted)
        there = (place < len(key)) & (columns[held.targets] >= 0)
        there[there] = key[place[there]] == wanted[there]
        count = len(sources)
        return cls(
            held,
            together,
            query,
            np.concatenate(scores) if scores else np.empty((0, count), np.float32),
            np.concatenate(largest) if largest else np.empty((0, count), np.float32),
            np.where(there, place, -1),
        )

    def divided(self) -> NDArray[np.float32]:
        """Return the scores divided by the largest magnitude of their source for the query, float32 ``[m, s]``."""
        return np.asarray(self.scores / np.where(self.largest > 0, self.largest, 1)[self.query], dtype=np.float32)

    @cached_property
    def _pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the targets that are there, and each of them with every other candidate of its query."""
        starts = np.searchsorted(self.query, np.arange(len(self.held) + 1))
        present = np.flatnonzero(self.place >= 0)
        owner = self.held.query[present]
        sizes = starts[owner + 1] - starts[owner]
        target = np.repeat(np.arange(len(present)), sizes)
        offsets = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        other = starts[owner][target] + offsets
        apart = other != self.place[present][target]
        return present, target[apart], other[apart]

    def ranks(self, totals: NDArray[Any], rng: np.random.Generator) -> TargetRanks:
        """Return the rank of each target by ``totals``, one number a candidate, ties at random."""
        present, target, other = self._pairs
        own = totals[self.place[present]][target]
        above = np.bincount(target[totals[other] > own], minlength=len(present))
        tied = np.bincount(target[totals[other] == own], minlength=len(present))
        ranks = np.full(len(self.place), NEVER, dtype=np.int64)
        ranks[present] = 1 + above + np.floor(rng.random(len(present)) * (tied + 1)).astype(np.int64)
        return TargetRanks(ranks, self.held.query, len(self.held))

    def ndcg(self, totals: NDArray[Any], rng: np.random.Generator, k: int = 10) -> float:
        """Return NDCG at ``k`` by ``totals``, averaged within each user and then over users."""
        return float(self.people(totals, rng, k).mean())

    def people(self, totals: NDArray[Any], rng: np.random.Generator, k: int = 10) -> NDArray[np.float64]:
        """Return NDCG at ``k`` by ``totals`` of each user, averaged over their queries, float64 ``[u]``."""
        return per_user(ndcg(self.ranks(totals, rng), k), self.held.users)


def _first(found: Sequence[NDArray[np.float32]], row: int, out: NDArray[np.bool_], depth: int) -> NDArray[np.int32]:
    """Return the union of each source's first ``depth`` items that are not ``out``, ascending, int32."""
    chosen = np.zeros(len(out), dtype=bool)
    for scores in found:
        mine = np.where(out, -np.inf, scores[row])
        chosen[np.argpartition(-mine, depth)[:depth] if depth < len(mine) else slice(None)] = True
    return np.flatnonzero(chosen & ~out).astype(np.int32)
