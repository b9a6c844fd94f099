"""Questions with known answers that stay the same while models come and go: what a new live model has to pass."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

import numpy as np

from tastemaker.core.clock import from_microseconds
from tastemaker.core.query import Event, Query
from tastemaker.engine.training_data import UNTIMED, kind_weights, standing
from tastemaker.store.ports import EventLog, NewEvent, StoredEvent, TenantStore

NOTE: Final = "frozen queries"
"""The note that says who is asked, and up to which place of the log."""

K: Final = 10
"""So many items are asked for."""

_FEWEST: Final = 3
_HELD: Final = 10
_HISTORY: Final = 1_000
_PAGE: Final = 10_000


@dataclass(frozen=True)
class FrozenQueries:
    """Histories of people, and what they turned to next.

    Only who is asked is kept, and up to which place of the log; histories are read from the log each time. Whoever is
    erased from the log is therefore in no question any more.

    Attributes:
        queries: One for each person, with the history before what is held back.
        held: Raw ids of the items that came next.
        cut: The moment of the earliest event that is held back, microseconds since the epoch; ``None`` where there is
            none. A model whose last event lies before it has seen no answer.
        fingerprint: Changes with the questions and their answers.
    """

    queries: tuple[Query, ...]
    held: tuple[frozenset[str], ...]
    cut: int | None
    fingerprint: str

    def __len__(self) -> int:
        return len(self.queries)

    @classmethod
    def freeze(
        cls,
        store: TenantStore,
        n: int = 500,
        seed: int = 0,
        before: int | None = None,
        *,
        weights: Mapping[str, float] | None = None,
    ) -> Self:
        """Draw people and note them down; what was frozen before is forgotten.

        People with at least 3 events are asked. Without ``before`` the last new item of each is held back: that asks
        everybody, but somebody's last event is old, so that every model that is fitted on the whole log has seen the
        answers. With ``before`` held back is what each turned to from that moment on, up to 10 items: then a model
        fitted with ``until=before`` has not seen them.

        Args:
            store: Whose events.
            n: How many people at most.
            seed: Of the draw.
            before: Where histories end, microseconds since the epoch.
            weights: Kind of event -> how much it counts.
        """
        names = _names(store.events)
        plan = {"offset": store.events.last_offset(), "before": before, "seed": seed, "weights": dict(weights or {})}
        chosen: list[str] = []
        for place in np.random.default_rng(seed).permutation(len(names)):
            if len(chosen) == n:
                break
            if _case(store.events, names[place], plan) is not None:
                chosen.append(names[place])
        store.notes.put(NOTE, {**plan, "people": sorted(chosen)})
        return cls.open(store) or cls._of([])

    @classmethod
    def open(cls, store: TenantStore) -> Self | None:
        """Return what was frozen, ``None`` where nothing was; those who were erased since are left out."""
        plan = store.notes.get(NOTE)
        if plan is None:
            return None
        # Two who were merged are one person now.
        people = dict.fromkeys(store.events.current(name) for name in plan["people"])
        cases = (_case(store.events, name, plan) for name in people)
        return cls._of([case for case in cases if case is not None])

    @classmethod
    def _of(cls, cases: Sequence[_Case]) -> Self:
        said = [[case.query.user_id, [each.item_id for each in case.history], sorted(case.held)] for case in cases]
        return cls(
            tuple(case.query for case in cases),
            tuple(case.held for case in cases),
            min((case.at for case in cases), default=None),
            hashlib.sha256(json.dumps(said).encode()).hexdigest(),
        )

    @staticmethod
    def people(store: TenantStore) -> list[str]:
        """Return who is asked, under the names that they had then."""
        plan = store.notes.get(NOTE)
        return [] if plan is None else list(plan["people"])

    @staticmethod
    def forget(store: TenantStore, names: Iterable[str]) -> int:
        """Ask some people no more, and say how many of them were asked; to be called before they leave the log."""
        gone = set(names)
        people = FrozenQueries.people(store)
        stay = [name for name in people if name not in gone and store.events.current(name) not in gone]
        if len(stay) < len(people):
            store.notes.put(NOTE, {**store.notes.get(NOTE), "people": stay})
        return len(people) - len(stay)


@dataclass(frozen=True, slots=True)
class _Case:
    """One person: what is asked, the history, the answer, and when its first item came."""

    query: Query
    history: tuple[Event, ...]
    held: frozenset[str]
    at: int


def _names(log: EventLog) -> list[str]:
    names: list[str] = []
    while page := log.users(names[-1] if names else "", _PAGE):
        names += page
    return names


def _case(log: EventLog, name: str, plan: Mapping[str, Any]) -> _Case | None:
    """Return the question of one person, ``None`` where there is nothing to ask."""
    stored = [each for each in log.of_user(name) if each.offset <= plan["offset"]]
    events = sorted(standing(stored), key=lambda each: (each.event.timestamp, each.offset))
    if len(events) < _FEWEST:
        return None
    amounts = dict(_amounts(events, plan["weights"]))
    split = _last_new(events, amounts) if plan["before"] is None else _first_after(events, amounts, plan["before"])
    if split is None:
        return None
    history = tuple(_event(each.event, amounts[each.offset]) for each in split[0][-_HISTORY:])
    asked_at = None if _untimed(split[1][0].event) else _moment(split[1][0].event)
    held = frozenset(each.event.item_id for each in split[1])
    query = Query(user_id=name, history=history, k=K, now=asked_at)
    return _Case(query, history, held, split[1][0].event.timestamp)


_Cut = tuple[Sequence[StoredEvent], Sequence[StoredEvent]]


def _last_new(events: Sequence[StoredEvent], amounts: Mapping[int, float]) -> _Cut | None:
    """Cut before the last event that speaks for an item that was new to the person."""
    seen: set[str] = set()
    last = None
    for place, each in enumerate(events):
        if each.event.item_id not in seen and amounts[each.offset] > 0 and place:
            last = place
        seen.add(each.event.item_id)
    return None if last is None else (events[:last], events[last : last + 1])


def _first_after(events: Sequence[StoredEvent], amounts: Mapping[int, float], before: int) -> _Cut | None:
    """Cut at a moment; held back is what then speaks for items that were new to the person."""
    history = [each for each in events if each.event.timestamp < before]
    seen = {each.event.item_id for each in history}
    held: list[StoredEvent] = []
    for each in events[len(history) :]:
        if each.event.item_id not in seen and amounts[each.offset] > 0:
            held.append(each)
            seen.add(each.event.item_id)
    return (history, held[:_HELD]) if history and held else None


def _amounts(events: Sequence[StoredEvent], weights: Mapping[str, float]) -> Iterator[tuple[int, float]]:
    kinds = kind_weights((each.event.event for each in events), weights)
    for each in events:
        stated, by_kind = each.event.weight, kinds[each.event.event][1]
        yield each.offset, by_kind if stated is None else -abs(stated) if by_kind < 0 else stated


def _event(event: NewEvent, amount: float) -> Event:
    at = None if _untimed(event) else _moment(event)
    return Event(event.item_id, event.event, at, amount, event.rating)


def _moment(event: NewEvent) -> datetime:
    return from_microseconds(event.timestamp)


def _untimed(event: NewEvent) -> bool:
    return event.context.get(UNTIMED) is True
