"""Ranks and lists of one block of queries with dense scores: what the evaluation spends its time on.

Rows are taken one at a time, so that a row of scores stays in the processor's cache while it is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import QueryBatch
from tastemaker.evaluation.ties import distinct_places, mixed, ordinals, places

_WIDEST_GROUP: Final = 32
_GROUPS_PER_PLACE: Final = 4
_CROWD: Final = 4
_SORT_FROM: Final = 16
"""With so many targets a row is sorted once; with fewer it is compared with each of them."""


@dataclass(frozen=True)
class Block:
    """A block of queries in terms of the columns of its scores.

    Attributes:
        targets: Column of each target, int32 ``[t]``; -1 where the model does not know it.
        owner: Row of the block that each target belongs to, int64 ``[t]``, ascending.
        draws: A random number for each query, uint64 ``[b]``.
        indptr: Seen items of query ``i`` are ``seen[indptr[i]:indptr[i + 1]]``, int64 ``[b + 1]``.
        seen: Columns of the history's items without the targets, int32 ``[s]``; may repeat within a query.
    """

    targets: NDArray[np.int32]
    owner: NDArray[np.int64]
    draws: NDArray[np.uint64]
    indptr: NDArray[np.int64]
    seen: NDArray[np.int32]

    @classmethod
    def of(
        cls,
        queries: QueryBatch,
        columns: NDArray[np.int32],
        targets: NDArray[np.int32],
        owner: NDArray[np.int64],
        draws: NDArray[np.uint64],
    ) -> Block:
        """Look up the histories of ``queries``; ``columns`` maps codes to columns of the scores."""
        indptr, positions = queries.flatten()
        seen = columns[queries.codes[positions]]
        row = np.repeat(np.arange(len(queries)), np.diff(indptr))
        if len(targets) == len(queries):
            keep = (seen >= 0) & (seen != targets[row])
        else:
            n = int(columns.max(initial=0)) + 1
            keep = (seen >= 0) & ~np.isin(row * n + seen, (owner * n + targets)[targets >= 0])
        return cls(targets, owner, draws, np.searchsorted(row[keep], np.arange(len(queries) + 1)), seen[keep])

    def rows(self) -> list[slice]:
        """Return for each query the slice of its seen items."""
        return [slice(start, end) for start, end in pairwise(self.indptr.tolist())]

    def ranks(self, above: NDArray[np.int64], tied: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return ranks, int64 ``[t]``, from how many score higher and how many others score the same.

        Targets of one query that tie with one another get different places.
        """
        if len(self.owner) == len(self.draws):
            return 1 + above + places(self.draws, tied)
        ordinal = ordinals(self.owner)
        draws = self.draws[self.owner]
        later = ordinal > 0
        draws[later] = mixed(draws[later] ^ ordinal[later].astype(np.uint64))
        return 1 + above + distinct_places(draws, tied, self.owner, above)


def rank_dense(scores: NDArray[np.floating[Any]], block: Block, k: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Rank the targets in dense scores ``[b, n]``, and list the first ``k`` columns of each row.

    Returns:
        Ranks, int64 ``[t]``, without meaning where the target is unknown; and lists, int32 ``[b, k]``, -1 where
        no item with a score above minus infinity is left. A target's place in its list is its rank.
    """
    size, n = scores.shape
    length = min(k, n)
    width = max(1, min(_WIDEST_GROUP, n // (_GROUPS_PER_PLACE * length))) if length else 1
    row = np.full(-(-n // width) * width, -np.inf, dtype=np.result_type(scores.dtype, np.float32))
    flags = np.empty(len(row), dtype=np.bool_)
    tally = Tally.of(block.targets, n)
    best: list[tuple[NDArray[np.int64], NDArray[np.floating[Any]]]] = []
    bounds = np.searchsorted(block.owner, np.arange(size + 1)).tolist()
    for i, part in enumerate(block.rows()):
        row[:n] = scores[i]
        seen = block.seen[part]
        row[seen] = -np.inf
        first, end = bounds[i], bounds[i + 1]
        count = tally.compare if end - first < _SORT_FROM else tally.sort
        listable = count(row, flags, seen, first, end)
        if length:
            for column in listable:
                row[column] = -np.inf
            best.append(_best(row, flags, length, width, block.draws[i : i + 1]))
    ranks = block.ranks(tally.above, tally.tied)
    if not length:
        return ranks, np.full((size, k), -1, dtype=np.int32)
    return ranks, with_targets(_ordered(best, block.draws, k), ranks, block.targets, block.owner, tally.listable)


@dataclass(frozen=True)
class Tally:
    """How the targets of a block compare with the other items of their rows.

    Attributes:
        targets: Columns, list of ``t``; -1 where unknown.
        items: Number of columns.
        above: How many score higher, int64 ``[t]``; below 0, and no number twice, where the target is unknown.
        tied: How many others score the same, int64 ``[t]``.
        listable: Whether the target's score is above minus infinity, bool ``[t]``.
    """

    targets: list[int]
    items: int
    above: NDArray[np.int64]
    tied: NDArray[np.int64]
    listable: NDArray[np.bool_]

    @classmethod
    def of(cls, targets: NDArray[np.int32], items: int) -> Tally:
        """Return a tally in which nothing is counted yet."""
        size = len(targets)
        return cls(targets.tolist(), items, -1 - np.arange(size), np.zeros(size, np.int64), np.zeros(size, np.bool_))

    def compare(
        self,
        row: NDArray[np.floating[Any]],
        flags: NDArray[np.bool_],
        seen: NDArray[np.int32],
        first: int,
        end: int,
    ) -> list[int]:
        """Compare a row with each of its targets ``first .. end``; return the columns of those with a score."""
        listable = []
        for place in range(first, end):
            target = self.targets[place]
            if target < 0:
                continue
            wanted = row[target]
            above = np.count_nonzero(np.greater(row, wanted, out=flags))
            self.above[place] = above
            if wanted > -np.inf:
                self.tied[place] = np.count_nonzero(np.equal(row, wanted, out=flags)) - 1
                self.listable[place] = True
                listable.append(target)
            else:
                self.tied[place] = self.items - len(np.unique(seen)) - above - 1
        return listable

    def sort(
        self,
        row: NDArray[np.floating[Any]],
        flags: NDArray[np.bool_],
        seen: NDArray[np.int32],
        first: int,
        end: int,
    ) -> list[int]:
        """Do what `compare` does by sorting the row once; cheaper for many targets."""
        ordered = np.sort(row)
        columns = np.asarray(self.targets[first:end])
        known = np.flatnonzero(columns >= 0)
        wanted = row[columns[known]]
        past = np.searchsorted(ordered, wanted, side="right")
        above = len(row) - past
        tied = past - np.searchsorted(ordered, wanted, side="left") - 1
        scored = wanted > -np.inf
        if not scored.all():
            tied[~scored] = self.items - len(np.unique(seen)) - above[~scored] - 1
        self.above[first + known] = above
        self.tied[first + known] = tied
        self.listable[first + known] = scored
        return list(columns[known[scored]])


def _best(
    row: NDArray[np.floating[Any]],
    flags: NDArray[np.bool_],
    length: int,
    width: int,
    draw: NDArray[np.uint64],
) -> tuple[NDArray[np.int64], NDArray[np.floating[Any]]]:
    """Return the columns of the ``length`` highest scores above minus infinity, or a few more, and the scores.

    The row is cut into interleaved groups; the ``length``-th highest of the groups' maxima is a score that at
    least ``length`` columns reach, so that only columns that reach it need to be looked at again.
    """
    peaks = row.reshape(width, -1).max(axis=0) if width > 1 else row.copy()
    peaks.partition(len(peaks) - length)
    bound = peaks[len(peaks) - length]
    columns = (np.greater_equal if bound > -np.inf else np.greater)(row, bound, out=flags).nonzero()[0]
    values = row[columns]
    if len(columns) > _CROWD * length:
        last = np.partition(values, len(values) - length)[len(values) - length]
        sure, even = columns[values > last], columns[values == last]
        left = length - len(sure)
        columns = np.concatenate([sure, even[np.argpartition(tie_keys(even, draw), left - 1)[:left]]])
        values = row[columns]
    return columns, values


def tie_keys(columns: NDArray[np.integer[Any]], draws: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return random numbers that order the columns of a query where their scores do not."""
    return mixed(mixed(columns.astype(np.uint64)) ^ draws)


def _ordered(
    best: list[tuple[NDArray[np.int64], NDArray[np.floating[Any]]]], draws: NDArray[np.uint64], length: int
) -> NDArray[np.int32]:
    """Sort each query's columns by score, ties at random; int32 ``[b, length]`` filled up with -1."""
    lengths = np.asarray([len(columns) for columns, _ in best])
    row = np.repeat(np.arange(len(best)), lengths)
    columns = np.concatenate([columns for columns, _ in best])
    values = np.concatenate([values for _, values in best])
    order = np.lexsort((tie_keys(columns, draws[row]), -values, row))
    place = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    keep = place < length
    listed = np.full((len(best), length), -1, dtype=np.int32)
    listed[row[keep], place[keep]] = columns[order][keep]
    return listed


def with_targets(
    others: NDArray[np.int32],
    ranks: NDArray[np.int64],
    targets: NDArray[np.int32],
    owner: NDArray[np.int64],
    listable: NDArray[np.bool_],
) -> NDArray[np.int32]:
    """Put the targets into lists of other items at the places that their ranks say; int32 ``[b, k]``.

    Args:
        others: The first other items of each row, int32 ``[b, k]``.
        ranks: Rank of each target, int64 ``[t]``.
        targets: Column of each target, int32 ``[t]``.
        owner: Row of each target, int64 ``[t]``.
        listable: Whether the target may be listed, bool ``[t]``.
    """
    hit = listable & (ranks <= others.shape[1])
    at = owner[hit], ranks[hit] - 1
    taken = np.zeros(others.shape, dtype=np.bool_)
    taken[at] = True
    free = np.cumsum(~taken, axis=1) - 1
    listed = np.take_along_axis(others, np.maximum(free, 0), axis=1)
    listed[at] = targets[hit]
    return listed
