"""Where candidates come from: models, words, what is new, what is popular, what the request names.

Each searches among what may be recommended (`tastemaker.pipeline.allowed`), so that no filter leaves its list short.
What goes by vectors is in `tastemaker.pipeline.nearest`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import MICROSECONDS_PER_DAY, to_microseconds
from tastemaker.core.recommendations import Recommendations
from tastemaker.core.recommender import Recommender
from tastemaker.models.base import DenseRecommender
from tastemaker.pipeline.allowed import Asked, Where, allowed_in, moment_of
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.sources import add, best_of
from tastemaker.pipeline.stage import Context, Stage
from tastemaker.retrieval.text_search import TextSearch

Counts: TypeAlias = NDArray[Any] | Callable[[], NDArray[Any]]
"""How often each item was wanted, ``[n]`` by its number on the shelf, or what gives that now."""

USUAL: Final = 200
"""How many candidates a source gives where nobody says otherwise."""


class FromModel:
    """The items that a model recommends: its best among those that may be recommended, in one pass over its items.

    The model is told what is allowed, so that one that ranks within a pool (`tastemaker.models.LearnedFusion`) takes
    its pool from that. What it says about itself, such as that there was no history to go by, goes to the slate.

    Args:
        model: A fitted model.
        n: How many candidates; at least as many as are asked for.
        name: Its name in the trace; by default the model's.
        needed: Whether it is asked even after the deadline.
    """

    def __init__(self, model: Recommender, n: int = USUAL, *, name: str | None = None, needed: bool = True) -> None:
        self.model, self.n, self.needed = model, n, needed
        self.name = name or model.name

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Add what the model recommends."""
        shelf, allowed = context.shelf, allowed_in(context)
        found = self._asked(context, max(self.n, context.query.k))
        numbers = shelf.numbers(found.item_id.tolist())
        kept = allowed.holds(numbers)
        return add(slate.note(*found.degraded), self.name, numbers[kept], found.score[kept])

    def _asked(self, context: Context, n: int) -> Recommendations:
        shelf, allowed = context.shelf, allowed_in(context)
        query = replace(context.query, k=n, candidates=None)
        if isinstance(self.model, DenseRecommender):
            open_to_it = allowed.holds(shelf.numbering(self.model.item_ids))
            return self.model.recommend(query, allowed=open_to_it)
        return self.model.recommend(query, allowed=shelf.ids[allowed.items].tolist())


class Latest:
    """The items that came last.

    Args:
        n: How many candidates; at least as many as are asked for.
        name: Its name in the trace.
        needed: Whether it is asked even after the deadline.
    """

    def __init__(self, n: int = USUAL, *, name: str = "latest", needed: bool = True) -> None:
        self.n, self.name, self.needed = n, name, needed

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Add the newest items; their scores are minus their ages in days."""
        items = allowed_in(context).items
        added = context.shelf.added[items]
        # Differences of whole microseconds, which float32 could not tell apart.
        best = best_of((added - to_microseconds(context.now)).astype(np.float64), max(self.n, context.query.k))
        days = (added[best] - to_microseconds(context.now)) / MICROSECONDS_PER_DAY
        return add(slate, self.name, items[best], days)


class Popular:
    """The items that were wanted most; those that nobody wanted are none.

    Args:
        counts: How often each was wanted, by its number on the shelf; items beyond the end were not.
        n: How many candidates; at least as many as are asked for.
        name: Its name in the trace.
        needed: Whether it is asked even after the deadline.
    """

    def __init__(self, counts: Counts, n: int = USUAL, *, name: str = "popular", needed: bool = True) -> None:
        self.counts, self.n, self.name, self.needed = counts, n, name, needed

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Add the most popular items, scored by their counts."""
        counts = self.counts() if callable(self.counts) else self.counts
        items = allowed_in(context).items
        items = items[: np.searchsorted(items, len(counts))]
        worth = counts[items]
        best = best_of(worth.astype(np.float64), max(self.n, context.query.k))
        best = best[worth[best] > 0]
        return add(slate, self.name, items[best], worth[best])


class Searched:
    """The items whose texts fit the words of the request; nothing where it has none.

    Args:
        search: What searches.
        n: How many candidates; at least as many as are asked for.
        by: ``words``, ``vectors`` or ``both``.
        name: Its name in the trace.
        needed: Whether it is asked even after the deadline.
    """

    def __init__(
        self, search: TextSearch, n: int = USUAL, *, by: str = "both", name: str = "search", needed: bool = True
    ) -> None:
        self.search, self.n, self.by, self.name, self.needed = search, n, by, name, needed

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Add what was found, scored as the search does."""
        text = context.query.text
        if not text or not text.strip():
            return slate
        shelf, allowed = context.shelf, allowed_in(context)
        may = None if bool(allowed.mask.all()) else frozenset(shelf.ids[allowed.items].tolist())
        found = self.search.search(text, max(self.n, context.query.k), by=self.by, allowed=may)
        numbers = shelf.numbers([hit.item_id for hit in found.hits])
        scores = np.asarray([hit.score for hit in found.hits], dtype=np.float32)
        kept = allowed.holds(numbers)
        return add(slate.note(*found.degraded), self.name, numbers[kept], scores[kept])


class Given:
    """The candidates that the request names, in the order of their ids, for a ranker to put in order.

    Args:
        name: Its name in the trace.
    """

    needed = True

    def __init__(self, *, name: str = "given") -> None:
        self.name = name

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Add the candidates that may be recommended, all with the score 0."""
        numbers = context.shelf.numbers(sorted(context.query.candidates or ()))
        kept = numbers[allowed_in(context).holds(numbers)]
        return add(slate, self.name, kept, np.zeros(len(kept), dtype=np.float32))


class Among:
    """Another source, asked for nothing but items that fulfil a condition, so that there are enough of those.

    Args:
        where: The condition, in the filter language.
        source: The source.
        name: Its name in the trace and in the slate's columns.
    """

    def __init__(self, where: Where, source: Stage, *, name: str | None = None) -> None:
        self.where, self.source = where, source
        self.name = name or f"{source.name} among {where}"

    @property
    def needed(self) -> bool:
        """Whether the source is."""
        return self.source.needed

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Add what the source names."""
        mask = context.shelf.mask(self.where, moment_of(context))
        narrow = Asked.over(context, known=allowed_in(context).within(str(self.where), mask))
        found = self.source(Slate.empty(), narrow)
        return add(slate.note(*found.degraded), self.name, found.items, found.scores)
