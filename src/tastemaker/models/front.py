"""The first items of queries, in which they are reranked, and the scale of scores within them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import QueryBatch
from tastemaker.data.vocabulary import Vocabulary
from tastemaker.models.history import History

Floats = NDArray[np.float64]

_NOTHING: Final = 1e-12
_SCORES_AT_ONCE: Final = 2_000_000


@dataclass(frozen=True)
class Front:
    """The first items of ``q`` queries, the pools in which they are reranked, ``m`` items in all.

    Pools differ in size, so that they stand one after the other.

    Attributes:
        queries: The queries.
        vocabulary: Numbers of the items.
        query: Which query each item belongs to, int64 ``[m]``, ascending.
        items: The items' numbers, int64 ``[m]``.
        fresh: Whether each is no item of the history, bool ``[m]``; scales go by those alone.
    """

    queries: QueryBatch
    vocabulary: Vocabulary
    query: NDArray[np.int64]
    items: NDArray[np.int64]
    fresh: NDArray[np.bool_]

    @cached_property
    def history(self) -> History:
        """The events of the queries."""
        return History.of(self.queries, self.vocabulary)

    def blocks(self) -> Iterator[Self]:
        """Yield the pools of some queries at a time, so that queries times items never exist at once."""
        size = max(1, _SCORES_AT_ONCE // max(len(self.vocabulary), 1))
        for begin in range(0, len(self.queries), size):
            block = slice(begin, min(begin + size, len(self.queries)))
            part = slice(*np.searchsorted(self.query, [block.start, block.stop]).tolist())
            query, items, fresh = self.query[part] - begin, self.items[part], self.fresh[part]
            yield type(self)(self.queries[block], self.vocabulary, query, items, fresh)

    def scale(self, values: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of a value in each pool, float64 ``[q]``; 0 where all are the same."""
        count, query, known = len(self.queries), self.query[self.fresh], values[self.fresh]
        size = np.maximum(np.bincount(query, minlength=count), 1)
        mean = np.bincount(query, known, count) / size
        deviation = np.sqrt(np.bincount(query, (known - mean[query]) ** 2, count) / size)
        return mean, np.where(deviation > _NOTHING * np.abs(mean), deviation, 0.0)

    def standardised(self, values: Floats) -> Floats:
        """Return values less their mean, in standard deviations of their pool, float64 ``[m]``; constants give 0."""
        mean, deviation = (each[self.query] for each in self.scale(values))
        return np.where(deviation > 0, (values - mean) / np.where(deviation > 0, deviation, 1), 0.0)

    def span(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the least and the largest value of each pool, float64 ``[q]``; infinite where it is empty."""
        low, high = np.full(len(self.queries), np.inf), np.full(len(self.queries), -np.inf)
        np.minimum.at(low, self.query[self.fresh], values[self.fresh])
        np.maximum.at(high, self.query[self.fresh], values[self.fresh])
        return low, high
