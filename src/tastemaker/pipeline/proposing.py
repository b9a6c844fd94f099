"""Retrieval by proposals: phrases for what a person would like are searched among the items, and their finds joined.

Steps one to four of retrieval-augmented recommendation: the catalogue is embedded and kept (a search over its texts),
a model proposes in general terms, and the store turns proposals into items. Step five, the answer, is in
`tastemaker.pipeline.rag`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from tastemaker.core.query import Event
from tastemaker.data.catalogue import PATH_SEPARATOR
from tastemaker.data.titles import year_in_words
from tastemaker.language.asking.proposing import Proposal, Proposer, Taste
from tastemaker.models.base import DenseRecommender
from tastemaker.pipeline.allowed import allowed_in
from tastemaker.pipeline.retrievers import USUAL, Finder
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.sources import add
from tastemaker.pipeline.stage import Context, Stage
from tastemaker.retrieval.asking import TextsFound
from tastemaker.retrieval.fusion import reciprocal_rank_fusion
from tastemaker.retrieval.text_search import TextSearch

MOST_EVENTS: Final = 20
"""So many of the latest events are put into words."""

_KINDS: Final = ("categories", "keywords", "tags")
"""Fields whose entries say of what kind an item is, the first of which that the item has."""

Search: TypeAlias = Finder | TextSearch


class Refine:
    """Searches for each phrase of a proposal among what may be recommended, and joins the lists by reciprocal ranks.

    The words of the request are searched too, where there are any, and count as much as all phrases together: what
    somebody asks for is not outvoted by what is made of it.

    Args:
        search: What searches, by words, by meaning or both.
        proposal: The phrases.
        n: How many candidates; at least as many as are asked for.
        by: ``words``, ``vectors`` or ``both``.
        name: Its name in the trace and in the slate's columns.

    Attributes:
        found_by: Number of an item -> the phrase that put it highest, the request itself where it did.
    """

    needed = True

    def __init__(
        self, search: Search, proposal: Proposal, n: int = USUAL, *, by: str = "both", name: str = "proposed"
    ) -> None:
        self.search, self.proposal, self.n, self.by, self.name = search, proposal, n, by, name
        self.found_by: dict[int, str] = {}

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Add what was found, scored by fused reciprocal ranks."""
        request = (context.query.text or "").strip()
        asked = [*([request] if request else []), *(each for each in self.proposal.phrases if each != request)]
        slate = slate.note(*self.proposal.degraded)
        if not asked:
            return slate.note("there is nothing to search for: no request, and no history that says anything")
        n = max(self.n, context.query.k)
        found = [self._found(phrase, n, context) for phrase in asked]
        slate = slate.note(*(why for one in found for why in one.degraded))
        share = 1.0 if not request else 1 / max(len(asked) - 1, 1)
        weights = [1.0 if phrase == request else share for phrase in asked]
        lists = [(one.numbers[None], one.scores[None]) for one in found]
        numbers, scores = reciprocal_rank_fusion(lists, n, weights=weights)
        there = numbers[0] >= 0
        best: dict[int, int] = {}
        for phrase, one in zip(asked, found, strict=True):
            for rank, number in enumerate(one.numbers.tolist()):
                if rank < best.get(number, n):
                    best[number], self.found_by[number] = rank, phrase
        return add(slate, self.name, numbers[0][there], scores[0][there])

    def _found(self, phrase: str, n: int, context: Context) -> TextsFound:
        """Return what one phrase finds, by the numbers of the shelf."""
        allowed = allowed_in(context)
        if not isinstance(self.search, TextSearch):
            return self.search.find(phrase, n, by=self.by, allowed=allowed.mask)
        own = context.shelf.numbers(list(self.search.item_ids))
        found = self.search.find(phrase, n, by=self.by, allowed=allowed.holds(own))
        return TextsFound(own[found.numbers], found.scores, found.by, found.lists, found.degraded)


class Propose:
    """The items that are found by what is proposed in general terms for whoever asks.

    Args:
        search: See `Refine`.
        proposer: What proposes: `tastemaker.language.asking.proposing.FromModel`, ``templated``, or a control.
        n: How many candidates; at least as many as are asked for.
        by: ``words``, ``vectors`` or ``both``.
        name: Its name in the trace and in the slate's columns.
        needed: Whether it is asked even after the deadline; a model is then not waited for.
    """

    def __init__(
        self,
        search: Search,
        proposer: Proposer,
        n: int = USUAL,
        *,
        by: str = "both",
        name: str = "proposed",
        needed: bool = False,
    ) -> None:
        self.search, self.proposer, self.n, self.by, self.name, self.needed = search, proposer, n, by, name, needed

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Add what was found, scored by fused reciprocal ranks."""
        proposal = self.proposer(taste_of(context), monotonic_deadline(context))
        return Refine(self.search, proposal, self.n, by=self.by, name=self.name)(slate, context)


def proposing(
    search: Search, proposer: Proposer, *, by: str = "both"
) -> Callable[[DenseRecommender, Shelf], Sequence[Stage]]:
    """Return what makes a pipeline of `Propose` alone, for `tastemaker.pipeline.as_recommender.PipelineRecommender`."""
    return lambda model, shelf: (Propose(search, proposer, by=by, needed=True),)


def taste_of(context: Context) -> Taste:
    """Return what is known of somebody's wishes in words: titles and kinds of what they chose and turned down."""
    shelf, query = context.shelf, context.query
    events = query.asked_with() if query.items else _distinct_events(context)
    chosen = [event.item_id for event in events if event.weight > 0][-MOST_EVENTS:]
    refused = [event.item_id for event in events if event.weight < 0][-MOST_EVENTS:]
    liked, disliked = (_known(shelf, ids) for ids in (chosen, refused))
    return Taste(
        liked=tuple(titled(shelf, number) for number in liked),
        kinds=tuple(kinds_of(shelf, number) for number in liked),
        disliked=tuple(titled(shelf, number) for number in disliked),
        unwanted=tuple(kinds_of(shelf, number) for number in disliked),
        request=(query.text or "").strip(),
    )


def _distinct_events(context: Context) -> tuple[Event, ...]:
    """Return the events of the person and of the request, each item once, at its last event."""
    events: dict[str, Event] = {}
    for event in (*context.person.history, *context.query.events()):
        events.pop(event.item_id, None)
        events[event.item_id] = event
    return tuple(events.values())


def _known(shelf: Shelf, ids: Sequence[str]) -> list[int]:
    numbers = shelf.numbers(ids)
    return [int(number) for number in numbers if number >= 0]


def titled(shelf: Shelf, number: int) -> str:
    """Return the title of an item with its year, where it is known."""
    year = shelf.year(number)
    return shelf.title(number) if year is None else f"{shelf.title(number)} ({year_in_words(year)})"


def kinds_of(shelf: Shelf, number: int) -> tuple[str, ...]:
    """Return of which kinds an item is: the last step of each of its categories, or else its keywords."""
    fields = shelf.fields()
    for name in _KINDS:
        value = shelf.value(number, name) if name in fields else None
        if isinstance(value, tuple):
            return tuple(dict.fromkeys(str(entry).rpartition(PATH_SEPARATOR)[2] for entry in value))
    return ()


def monotonic_deadline(context: Context) -> float | None:
    """Return the deadline of a request as a moment of `time.monotonic`, as generators take it."""
    return None if context.deadline is None else time.monotonic() + context.deadline - context.clock()
