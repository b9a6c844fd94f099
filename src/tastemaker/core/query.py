"""One request for recommendations, and a batch of them as columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import accumulate, chain
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import to_microseconds
from tastemaker.core.errors import QueryError
from tastemaker.core.profile import as_profile

NO_TIME = np.iinfo(np.int64).min
"""Stands for a missing timestamp in integer arrays."""

LIKE_WEIGHT, DISLIKE_WEIGHT = 1.0, -1.0
NEGATIVE_EVENTS: Final = ("dislike", "hide")
"""Kinds of events that speak against an item."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a person did with an item.

    Attributes:
        item_id: Raw id of the item.
        event: Kind of event, such as ``view``, ``buy``, ``like``, ``dislike``.
        timestamp: When, if known; naive datetimes are read as UTC.
        weight: How much it says; of the kinds in `NEGATIVE_EVENTS` it speaks against, whatever its sign.
        rating: What the person gave the item, on the scale of the data; ``None`` where they gave nothing.
    """

    item_id: str
    event: str = "interaction"
    timestamp: datetime | None = None
    weight: float = 1.0
    rating: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "item_id", str(self.item_id))
        if not math.isfinite(self.weight):
            raise QueryError(f"the weight of an event is {self.weight}, not a number", where=f"item '{self.item_id}'")
        if self.rating is not None and not math.isfinite(self.rating):
            raise QueryError(f"the rating of an event is {self.rating}, not a number", where=f"item '{self.item_id}'")
        if self.event in NEGATIVE_EVENTS:
            object.__setattr__(self, "weight", -abs(self.weight))


class Events(tuple[Event, ...]):
    """Events, oldest first, whose columns are made once, however many queries hold them."""

    @cached_property
    def columns(self) -> EventColumns:
        """The events as columns."""
        return EventColumns.of([self])

    @cached_property
    def any_against(self) -> bool:
        """Whether any of them speaks against its item."""
        return any(event.weight < 0 for event in self)


class EventColumns(NamedTuple):
    """Events as arrays, read-only.

    Attributes:
        dictionary: Distinct raw item ids in the order in which they come first, object ``[d]``.
        codes: The item of each event, as its place in the dictionary, int32 ``[e]``.
        weights: float32 ``[e]``.
        timestamps: Microseconds since the epoch, int64 ``[e]``; ``NO_TIME`` where unknown.
        ratings: float32 ``[e]``, NaN where nothing was given; ``None`` where nothing ever was.
    """

    dictionary: NDArray[np.object_]
    codes: NDArray[np.int32]
    weights: NDArray[np.float32]
    timestamps: NDArray[np.int64]
    ratings: NDArray[np.float32] | None

    @classmethod
    def of(cls, histories: Sequence[Sequence[Event]], more: Iterable[str] = ()) -> EventColumns:
        """Return the events of some histories one after the other; ``more`` ids join the dictionary."""
        places: dict[str, int] = {}
        codes: list[int] = []
        weights: list[float] = []
        times: list[int] = []
        ratings: list[float | None] = []
        for events in histories:
            codes += [places.setdefault(event.item_id, len(places)) for event in events]
            weights += [event.weight for event in events]
            times += [NO_TIME if event.timestamp is None else to_microseconds(event.timestamp) for event in events]
            ratings += [event.rating for event in events]
        for item in more:
            places.setdefault(item, len(places))
        rated = ratings.count(None) < len(ratings)
        found = cls(
            dictionary=np.asarray([*places, None], dtype=object)[:-1],
            codes=np.asarray(codes, dtype=np.int32),
            weights=np.asarray(weights, dtype=np.float32),
            timestamps=np.asarray(times, dtype=np.int64),
            ratings=np.asarray(ratings, dtype=np.float32) if rated else None,
        )
        for column in found:
            if column is not None:
                column.setflags(write=False)
        return found


def as_ids(name: str, values: Iterable[Any]) -> tuple[str, ...]:
    """Return ids given as text or numbers as text; ``name`` is what an error calls them."""
    if isinstance(values, str):
        raise QueryError(f"{name} must be a list of ids, not one string", remedy=f"Write {name}=['{values}'].")
    return tuple(str(value) for value in values)


def as_events(history: Iterable[Any]) -> tuple[Event, ...]:
    """Return raw ids, numbers or events, oldest first, as events.

    >>> as_events(["50", 181])[1].item_id
    '181'
    """
    if isinstance(history, str):
        raise QueryError("history must be a list, not one string", remedy=f"Write history=['{history}'].")
    if isinstance(history, Events) or (isinstance(history, tuple) and set(map(type, history)) <= {Event}):
        return history
    return tuple(entry if isinstance(entry, Event) else Event(str(entry)) for entry in history)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One request for recommendations.

    Attributes:
        user_id: The person, if known.
        history: Their events, oldest first; replaces what is stored. ``None`` means: use what is stored.
        session: Events of the present visit, appended to the history.
        liked: Items that count as events of the present; they are not recommended again.
        disliked: Items that speak against similar ones; never recommended.
        text: What the person asks for, in words.
        profile: What is known of the person, by name; becomes words of ``text`` before a model sees the query, which
            an `Engine` does. See `tastemaker.core.profile.as_profile` for what it may hold.
        items: Recommend what is similar to these, instead of what fits the history; dislikes count all the same.
        candidates: Recommend from these items only; ``None`` means the whole catalogue.
        exclude: Leave these out of this answer; that says nothing against them.
        exclude_seen: Leave out items of the history.
        filters: What every recommended item has to fulfil, in the filter language; an `Engine` reads it, no model does.
        scenario: The placement that asks, such as ``home``; an `Engine` has a pipeline for each.
        context: What else is known of the moment: place, occasion, device.
        locale: Language and country of the person, such as ``en-GB``.
        deadline: Milliseconds that an answer may take before what is not needed is left out.
        cursor: The name of an earlier answer, of which this is to be the next page.
        k: How many items at most, 1 or more.
        now: The moment of the request; ``None`` means the present.
        seed: Seed of whatever is random in the answer.

    Raises:
        QueryError: A field is out of range or of the wrong kind.
    """

    user_id: str | None = None
    history: tuple[Event, ...] | None = None
    session: tuple[Event, ...] = ()
    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    text: str | None = None
    profile: Mapping[str, Any] | None = field(default=None, hash=False)
    items: tuple[str, ...] = ()
    candidates: frozenset[str] | None = None
    exclude: tuple[str, ...] = ()
    exclude_seen: bool = True
    filters: str | None = None
    scenario: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict, hash=False)
    locale: str | None = None
    deadline: float | None = None
    cursor: str | None = None
    k: int = 10
    now: datetime | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        if isinstance(self.k, bool) or not isinstance(self.k, int | np.integer) or self.k < 1:
            raise QueryError(f"k is {self.k!r}, but must be a whole number of at least 1", where="k")
        if self.user_id is not None:
            if not str(self.user_id):
                raise QueryError("the user id is empty", where="user_id", remedy="Leave it out for somebody unknown.")
            put("user_id", str(self.user_id))
        if self.history is not None:
            put("history", as_events(self.history))
        put("session", as_events(self.session))
        for name in ("liked", "disliked", "items", "exclude"):
            put(name, as_ids(name, getattr(self, name)))
        if self.deadline is not None and not self.deadline > 0:
            raise QueryError(f"the deadline is {self.deadline}, and must be milliseconds above 0", where="deadline")
        if self.profile is not None:
            put("profile", as_profile(self.profile))
        if self.candidates is not None:
            put("candidates", frozenset(as_ids("candidates", self.candidates)))

    def events(self) -> tuple[Event, ...]:
        """Return what speaks for and against items: history, session, likes, dislikes, in this order."""
        if self.history is not None and not (self.session or self.liked or self.disliked):
            return self.history
        return (
            *(self.history or ()),
            *self.session,
            *(Event(item, "like", self.now, LIKE_WEIGHT) for item in self.liked),
            *self._dislikes(),
        )

    def _dislikes(self) -> tuple[Event, ...]:
        return tuple(Event(item, "dislike", self.now, DISLIKE_WEIGHT) for item in self.disliked)

    def asked_with(self) -> tuple[Event, ...]:
        """Return the events that a model goes by: `events`, or those of ``items`` where these are given."""
        return (*as_events(self.items), *self._dislikes()) if self.items else self.events()


@dataclass(frozen=True)
class QueryBatch:
    """Histories of ``q`` queries as views into shared event columns.

    The events of query ``i`` are ``codes[starts[i]:ends[i]]``, oldest first; several queries may look at
    overlapping parts of the same columns, so the prefixes of one person's history cost no copies.

    Attributes:
        dictionary: Distinct raw item ids, object ``[d]``; ``codes`` point into it.
        codes: Items of the events, int32 ``[e]``.
        weights: Weights of the events, float32 ``[e]``.
        timestamps: Microseconds since the epoch, int64 ``[e]``; ``NO_TIME`` where unknown.
        starts: First event of each query, int64 ``[q]``.
        ends: One past the last event of each query, int64 ``[q]``.
        user_ids: Who asks, object ``[q]``; ``None`` where unknown.
        now: Moment of each request in microseconds, int64 ``[q]``; ``NO_TIME`` where unknown.
        texts: What is asked for in words, or ``None`` for a batch without words.
        ratings: What the events' items were given, float32 ``[e]``, NaN where nothing; ``None`` for a batch without.
        candidates: The items that each query asks about, as places in ``dictionary``, int32 ``[q, c]``, -1 for none;
            a row of nothing but -1 asks about the whole catalogue, and so does ``None`` for every query.
    """

    dictionary: NDArray[np.object_]
    codes: NDArray[np.int32]
    weights: NDArray[np.float32]
    timestamps: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    user_ids: NDArray[np.object_]
    now: NDArray[np.int64]
    texts: tuple[str | None, ...] | None = None
    ratings: NDArray[np.float32] | None = None
    candidates: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, block: slice | NDArray[Any]) -> QueryBatch:
        """Return the queries of ``block``; the event columns are shared, not copied."""
        if isinstance(block, slice):
            texts = self.texts[block] if self.texts else None
        else:
            texts = tuple(np.asarray(self.texts, dtype=object)[block]) if self.texts else None
        return QueryBatch(
            self.dictionary,
            self.codes,
            self.weights,
            self.timestamps,
            self.starts[block],
            self.ends[block],
            self.user_ids[block],
            self.now[block],
            texts,
            self.ratings,
            None if self.candidates is None else self.candidates[block],
        )

    def saying(self, texts: Sequence[str | None]) -> QueryBatch:
        """Return the same queries with what each asks for in words."""
        if len(texts) != len(self):
            raise QueryError(f"{len(texts)} texts cannot be those of {len(self)} queries")
        return replace(self, texts=tuple(texts) if any(texts) else None)

    def lengths(self) -> NDArray[np.int64]:
        """Return the number of events of each query, int64 ``[q]``."""
        return self.ends - self.starts

    def flatten(self, last: int | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the events of all queries one after the other.

        Args:
            last: Keep only the latest ``last`` events of each query.

        Returns:
            ``indptr`` int64 ``[q + 1]`` and ``positions`` int64 ``[m]``: where in the event columns the
            events of query ``i`` stand is ``positions[indptr[i]:indptr[i + 1]]``, oldest first.
        """
        starts = self.starts if last is None else np.maximum(self.starts, self.ends - last)
        lengths = self.ends - starts
        if len(self) == 1:
            return np.append(0, lengths), np.arange(starts[0], self.ends[0])
        indptr = np.zeros(len(self) + 1, dtype=np.int64)
        np.cumsum(lengths, out=indptr[1:])
        positions = np.arange(indptr[-1], dtype=np.int64) + np.repeat(starts - indptr[:-1], lengths)
        return indptr, positions

    @classmethod
    def of(cls, queries: Sequence[Query]) -> QueryBatch:
        """Return single queries as one batch; a query with ``items`` is asked with those as its history.

        Candidates stand in the order of their raw ids, which is the same for the same query always.
        """
        histories = [query.asked_with() for query in queries]
        known = histories[0] if len(histories) == 1 else None
        if isinstance(known, Events) and queries[0].candidates is None:
            columns, candidates = known.columns, None
        else:
            named = (sorted(query.candidates or ()) for query in queries)
            columns = EventColumns.of(histories, chain.from_iterable(named))
            candidates = _candidates(queries, columns.dictionary)
        edges = np.asarray([0, *accumulate(map(len, histories))], dtype=np.int64)
        return cls(
            dictionary=columns.dictionary,
            codes=columns.codes,
            weights=columns.weights,
            timestamps=columns.timestamps,
            starts=edges[:-1],
            ends=edges[1:],
            user_ids=np.asarray([query.user_id for query in queries], dtype=object),
            now=np.asarray(
                [NO_TIME if query.now is None else to_microseconds(query.now) for query in queries],
                dtype=np.int64,
            ),
            texts=tuple(query.text for query in queries) if any(query.text for query in queries) else None,
            ratings=columns.ratings,
            candidates=candidates,
        )


def _candidates(queries: Sequence[Query], dictionary: NDArray[np.object_]) -> NDArray[np.int32] | None:
    """Return the candidates of queries, all of which are in a dictionary, as places there, int32 ``[q, c]``."""
    given = [query.candidates for query in queries]
    if all(each is None for each in given):
        return None
    places = {raw: place for place, raw in enumerate(dictionary.tolist())}
    found = np.full((len(given), max(len(each or ()) for each in given)), -1, dtype=np.int32)
    for row, each in zip(found, given, strict=True):
        row[: len(each or ())] = [places[raw] for raw in sorted(each or ())]
    return found
