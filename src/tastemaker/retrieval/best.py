"""Keeping the best of scores that come in blocks: no list is ever sorted whole, and equal scores have an order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.retrieval.port import NOTHING, Numbers, Scores

_LOWEST: Final = float(np.finfo(np.float32).min)
_SLACK: Final = 4
"""A pool is thinned when it holds this many times ``k``."""
_AT_ONCE: Final = 1 << 22

Rescore = Callable[[int, Numbers], Scores]
"""Gives the scores of some numbers for one query, the same whatever stands beside them."""


class Best:
    """The candidates for the best ``k`` of each query, while scores come in blocks.

    A block only adds what reaches the k-th best so far, less a margin: products of matrices round differently in
    blocks of other sizes, and whoever is that close may still be among the best when scored carefully.

    Args:
        queries: How many.
        k: How many are wanted for each.
        margin: By how much a score may be wrong, for each query, ``[q]``.
    """

    def __init__(self, queries: int, k: int, margin: NDArray[np.floating[Any]]) -> None:
        self._k = k
        self._margin = [float(one) for one in margin]
        self._floor = [_LOWEST] * queries
        self._sizes = [0] * queries
        self._numbers: list[list[Numbers]] = [[] for _ in range(queries)]
        self._scores: list[list[Scores]] = [[] for _ in range(queries)]

    def offer(self, query: int, scores: Scores, numbers: Numbers | int) -> None:
        """Take what is good enough.

        Args:
            query: Whose scores these are.
            scores: Float32 ``[b]``; minus infinity is never taken.
            numbers: The number of each, ascending over all blocks, or the first of consecutive ones.
        """
        if self._sizes[query] < self._k < len(scores):
            self._raise_floor(query, scores)
        taken = np.flatnonzero(scores >= self._floor[query])
        if not len(taken):
            return
        found = numbers + taken.astype(np.int32) if isinstance(numbers, int) else numbers[taken]
        self._numbers[query].append(found)
        self._scores[query].append(scores[taken])
        self._sizes[query] += len(taken)
        if self._sizes[query] > _SLACK * self._k:
            self._thin(query)

    def _raise_floor(self, query: int, scores: Scores) -> None:
        place = len(scores) - self._k
        kth = float(np.partition(scores, place)[place])
        self._floor[query] = max(kth - self._margin[query], self._floor[query])

    def _thin(self, query: int) -> None:
        numbers, scores = self._pool(query)
        self._raise_floor(query, scores)
        kept = scores >= self._floor[query]
        self._numbers[query], self._scores[query] = [numbers[kept]], [scores[kept]]
        # Many equal ones stay; counting only what is new keeps thinning as rare as it was.
        self._sizes[query] = self._k

    def _pool(self, query: int) -> tuple[Numbers, Scores]:
        if not self._numbers[query]:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        return np.concatenate(self._numbers[query]), np.concatenate(self._scores[query])

    def result(self, rescore: Rescore) -> tuple[Numbers, Scores]:
        """Return the best ``k`` of each query by their careful scores, int32 and float32 ``[q, k]``."""
        found = np.full((len(self._floor), self._k), NOTHING, dtype=np.int32)
        scores = np.full(found.shape, -np.inf, dtype=np.float32)
        for query in range(len(found)):
            numbers, rough = self._pool(query)
            if len(numbers) > self._k:
                self._raise_floor(query, rough)
                kept = rough >= self._floor[query]
                numbers, rough = numbers[kept], rough[kept]
            careful = rescore(query, numbers) if self._margin[query] else rough
            put_best(found[query], scores[query], numbers, careful)
        return found, scores


def put_best(into: Numbers, scores_into: Scores, numbers: Numbers, scores: Scores) -> None:
    """Write the best of some numbers into a row of results, equal ones by number; what is left over stays."""
    order = np.lexsort((numbers, -scores))[: len(into)]
    into[: len(order)] = numbers[order]
    scores_into[: len(order)] = scores[order]


def careful_scores(vectors: NDArray[np.float32], query: NDArray[np.float32], numbers: Numbers) -> Scores:
    """Return the inner products of some vectors and a query, summed in float64 in one order, float32 ``[c]``."""
    wide = query.astype(np.float64)
    rows = max(1, _AT_ONCE // max(len(query), 1))
    parts = [
        np.einsum("nd,d->n", vectors[numbers[start : start + rows]].astype(np.float64), wide)
        for start in range(0, len(numbers), rows)
    ]
    return np.concatenate(parts or [np.empty(0)]).astype(np.float32)
