"""Where candidates come from: models, words, what is new, what is popular, what the request names.

Each searches among what may be recommended (`tastemaker.pipeline.allowed`), so that no filter leaves its list short.
What goes by vectors is in `tastemaker.pipeline.nearest`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import MICROSECONDS_PER_DAY, to_microseconds
from tastemaker.core.recommender import Recommender
from tastemaker.models.base import DenseRecommender
from tastemaker.pipeline.allowed import Asked, Mask, Where, allowed_in, moment_of
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.sources import add, best_of
from tastemaker.pipeline.stage import RETRIEVAL, Context, Stage
from tastemaker.retrieval.asking import TextsFound
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
        spare: Where it is the whole pipeline: name no more than so many beyond what is asked for, in case that the
            gate takes some out.
        name: Its name in the trace; by default the model's.
        needed: Whether it is asked even after the deadline.
    """

    part = RETRIEVAL

    def __init__(
        self,
        model: Recommender,
        n: int = USUAL,
        *,
        spare: int | None = None,
        name: str | None = None,
        needed: bool = True,
    ) -> None:
        self.model, self.n, self.spare, self.needed = model, n, spare, needed
        self.name = name or model.name

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Add what the model recommends."""
        shelf, allowed, query = context.shelf, allowed_in(context), context.query
        n = max(query.k, self.n if self.spare is None else min(self.n, query.k + self.spare))
        # What is allowed tells of the candidates already.
        asked = query if query.candidates is None else replace(query, candidates=None)
        if isinstance(self.model, DenseRecommender):
            own = shelf.numbering(self.model.item_ids)
            best = self.model.best(asked, n, allowed.holds(own))
            return add(slate.note(*best.degraded), self.name, own[best.items], best.scores)
        found = self.model.recommend(replace(asked, k=n), allowed=shelf.ids[allowed.items].tolist())
        numbers = shelf.numbers(found.item_id.tolist())
        kept = allowed.holds(numbers)
        return add(slate.note(*found.degraded), self.name, numbers[kept], found.score[kept])


class Latest:
    """The items that came last.

    Args:
        n: How many candidates; at least as many as are asked for.
        name: Its name in the trace.
        needed: Whether it is asked even after the deadline.
    """

    part = RETRIEVAL

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

    part = RETRIEVAL

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


class Finder(Protocol):
    """What finds texts by the numbers of a shelf's items, such as `tastemaker.engine.texts.ShopTexts`."""

    def find(self, text: str, k: int, *, by: str = "both", allowed: Mask | None = None) -> TextsFound:
        """Return what fits a question, among the items that are allowed, bool by number."""
        ...


class Searched:
    """The items whose texts fit the words of the request; nothing where it has none.

    Args:
        search: What searches: by the shelf's numbers, or a `TextSearch`, whose items are looked up by their ids.
        n: How many candidates; at least as many as are asked for.
        by: ``words``, ``vectors`` or ``both``.
        name: Its name in the trace.
        needed: Whether it is asked even after the deadline.
    """

    part = RETRIEVAL

    def __init__(
        self,
        search: Finder | TextSearch,
        n: int = USUAL,
        *,
        by: str = "both",
        name: str = "search",
        needed: bool = True,
    ) -> None:
        self.search, self.n, self.by, self.name, self.needed = search, n, by, name, needed

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Add what was found, scored as the search does."""
        text = context.query.text
        if not text or not text.strip():
            return slate
        n, allowed = max(self.n, context.query.k), allowed_in(context)
        if isinstance(self.search, TextSearch):
            own = context.shelf.numbers(list(self.search.item_ids))
            found = self.search.find(text, n, by=self.by, allowed=allowed.holds(own))
            numbers = own[found.numbers]
        else:
            found = self.search.find(text, n, by=self.by, allowed=allowed.mask)
            numbers = found.numbers
        return add(slate.note(*found.degraded), self.name, numbers, found.scores)


class Among:
    """Another source, asked for nothing but items that fulfil a condition, so that there are enough of those.

    Args:
        where: The condition, in the filter language.
        source: The source.
        name: Its name in the trace and in the slate's columns.
    """

    part = RETRIEVAL

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
