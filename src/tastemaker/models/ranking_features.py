"""The first items of a fusion for each query, and what a ranker may look at when it puts them in another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import QueryBatch
from tastemaker.data.vocabulary import Vocabulary
from tastemaker.models.base import Scores
from tastemaker.models.history import History
from tastemaker.models.item_facts import Days, ItemFacts, Values

Features = NDArray[np.float32]

RECENT_DAYS: Final = 30
"""How far back "of late" reaches."""

FLOOR: Final = 0.01
"""What a score is at least, as a share of the best of the query, before its logarithm is taken."""

_DAYS_PER_YEAR: Final = 365.2425
_CHEAPEST: Final = 0.01


@dataclass(frozen=True)
class Feature:
    """Something that a ranker looks at.

    Attributes:
        name: What it is, in words.
        kind: The kind of the `tastemaker.core.recommendations.Contribution` that it makes.
        source: The source of the fusion whose scores it is made of, if it is.
        of_query: Whether all items of a query have it alike, so that it matters together with others only.
    """

    name: str
    kind: Literal["feature", "popularity"] = "feature"
    source: str = ""
    of_query: bool = False

    @property
    def key(self) -> str:
        """A name that no other feature has."""
        return f"{self.source}: {self.name}" if self.source else self.name


_OF_SOURCE: Final = ("score", "share of its best score", "rank", "best score")
_OF_FUSION: Final = (Feature("fused score"), Feature("fused rank"), Feature("best fused score", of_query=True))
_OF_ITEM: Final = (
    Feature("events so far", "popularity"),
    Feature("events of late", "popularity"),
    Feature("never touched", "popularity"),
    Feature("days since the latest event"),
    Feature("days since the first event"),
    Feature("age in years"),
    Feature("price"),
    Feature("price distance to the latest item"),
    Feature("brand of the latest item"),
    Feature("categories of the latest item"),
    Feature("length of the history", of_query=True),
)


def features_of(sources: Sequence[str]) -> tuple[Feature, ...]:
    """Return what `describe` gives for the scores of some sources, in its order."""
    own = [Feature(name, source=source, of_query=name == "best score") for source in sources for name in _OF_SOURCE]
    return (*own, *_OF_FUSION, *_OF_ITEM)


@dataclass(frozen=True)
class Shortlist:
    """The first items of each query by the fused score, best first: ``m`` for ``q`` queries and ``s`` sources.

    Attributes:
        starts: Items of query ``i`` are ``items[starts[i]:starts[i + 1]]``, int64 ``[q + 1]``.
        items: Numbers in the vocabulary, int32 ``[m]``.
        fused: float32 ``[m]``, not increasing within a query.
        scores: What each source gave, float32 ``[m, s]``.
        largest: Largest magnitude of each source's scores over the whole vocabulary, float32 ``[q, s]``.
    """

    starts: NDArray[np.int64]
    items: NDArray[np.int32]
    fused: NDArray[np.float32]
    scores: NDArray[np.float32]
    largest: NDArray[np.float32]

    @classmethod
    def of(cls, fused: Scores, found: Sequence[Scores], out: NDArray[np.bool_], depth: int) -> Self:
        """Take the first ``depth`` items of each query that are not ``out``, bool ``[q, n]``."""
        chosen = [_first(scores, np.flatnonzero(~barred), depth) for scores, barred in zip(fused, out, strict=True)]
        sizes = np.asarray([len(items) for items in chosen], dtype=np.int64)
        query = np.repeat(np.arange(len(chosen)), sizes)
        items = np.concatenate([np.empty(0, np.int32), *chosen])
        return cls(
            np.append(0, np.cumsum(sizes)),
            items,
            fused[query, items],
            np.stack([scores[query, items] for scores in found], axis=1),
            np.stack([np.abs(scores).max(axis=1, initial=0) for scores in found], axis=1),
        )

    @cached_property
    def query(self) -> NDArray[np.int64]:
        """Which query each item belongs to, int64 ``[m]``."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    @cached_property
    def best(self) -> Values:
        """The best fused score of each query, at least 0, float64 ``[q]``."""
        best = np.zeros(len(self.starts) - 1)
        some = np.diff(self.starts) > 0
        best[some] = np.maximum(self.fused[self.starts[:-1][some]], 0)
        return best

    @cached_property
    def log_fused(self) -> Values:
        """``log(1 + f / (FLOOR * best))`` of the fused scores ``f``, at least 0, float64 ``[m]``."""
        best = np.where(self.best > 0, self.best, 1)[self.query]
        return np.log1p(np.maximum(self.fused, 0) / (FLOOR * best))

    def ranks(self, scores: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the rank of each item within its query, from 0, int64 ``[m]``; equal scores have equal ranks."""
        order = np.lexsort((-scores, self.query))
        ordered = scores[order]
        begins = np.ones(len(order), dtype=bool)
        begins[1:] = (ordered[1:] != ordered[:-1]) | (self.query[1:] != self.query[:-1])
        ranks = np.empty(len(order), dtype=np.int64)
        ranks[order] = np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))
        return ranks - self.starts[self.query]


def _first(scores: NDArray[np.float32], items: NDArray[np.int64], depth: int) -> NDArray[np.int32]:
    values = -scores[items]
    if depth < len(items):
        best = np.argpartition(values, depth - 1)[:depth]
        items, values = items[best], values[best]
    return items[np.lexsort((items, values))].astype(np.int32)


@dataclass(frozen=True)
class Asked:
    """What the features need to know of ``q`` queries.

    Attributes:
        history: The events of known items.
        last: The latest item that was not disliked, int64 ``[q]``; -1 where there is none.
        days: Day of the question, see `ItemFacts.days_of`, int64 ``[q]``.
    """

    history: History
    last: NDArray[np.int64]
    days: Days

    @classmethod
    def of(cls, queries: QueryBatch, vocabulary: Vocabulary, facts: ItemFacts) -> Self:
        """Look at some queries."""
        history = History.of(queries, vocabulary)
        last = np.full(len(queries), -1, dtype=np.int64)
        latest = (history.ages == 1) & (history.weights > 0)
        last[history.query[latest]] = history.items[latest]
        return cls(history, last, facts.days_of(queries))


def describe(shortlist: Shortlist, asked: Asked, facts: ItemFacts) -> Features:
    """Describe the items of a shortlist by the features of `features_of`, float32 ``[m, f]``; NaN where unknown.

    Events count as far as they were before the day of the question; scores, counts, days and prices enter by their
    logarithms, ranks as ``1 / rank``, brands as 1 or 0, and categories as the share that two items have in common.
    """
    columns = [*_of_sources(shortlist), *_of_fusion(shortlist), *_of_items(shortlist, asked, facts)]
    return np.array(columns, dtype=np.float32).T


def _of_sources(shortlist: Shortlist) -> list[NDArray[Any]]:
    columns = []
    for score, largest in zip(shortlist.scores.T, shortlist.largest.T, strict=True):
        best = largest[shortlist.query]
        columns += [
            np.sign(score) * np.log1p(np.abs(score)),
            score / np.where(best > 0, best, 1),
            1 / (1 + shortlist.ranks(score)),
            np.log1p(best),
        ]
    return columns


def _of_fusion(shortlist: Shortlist) -> list[NDArray[Any]]:
    ranks = shortlist.ranks(shortlist.fused)
    return [shortlist.log_fused, 1 / (1 + ranks), np.log1p(shortlist.best)[shortlist.query]]


def _of_items(shortlist: Shortlist, asked: Asked, facts: ItemFacts) -> list[NDArray[Any]]:
    items, query = shortlist.items, shortlist.query
    days, last = asked.days[query], np.maximum(asked.last, 0)[query]
    before = facts.events_before(items, days)
    late = before - facts.events_before(items, days - RECENT_DAYS)
    first, latest = facts.first_and_last(items, before)
    age = 1970 + days / _DAYS_PER_YEAR - facts.numbers["year"][items]
    price, paid = (np.log(np.maximum(facts.numbers["price"][each], _CHEAPEST)) for each in (items, last))
    timed, known = (np.where(holds, 0, np.nan) for holds in (facts.timed, asked.last[query] >= 0))
    lengths = np.bincount(asked.history.query, minlength=len(asked.last))
    return [
        np.log1p(before),
        np.log1p(late) + timed,
        before == 0,
        np.log1p(days - latest),
        np.log1p(days - first),
        np.log1p(np.maximum(age, 0)) + timed,
        price,
        np.abs(price - paid) + known,
        facts.same_brand(items, last) + known,
        facts.shared_categories(items, last) + known,
        np.log1p(lengths)[query],
    ]
