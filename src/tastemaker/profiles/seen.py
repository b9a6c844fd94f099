"""What a profiler is shown: the events of a person, or what is known of an item, a line each, and where they end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import NO_TIME
from tastemaker.data.dataset import Dataset
from tastemaker.language.texts import in_words
from tastemaker.profiles.facts import content_words, is_decade, item_facts

About: TypeAlias = Literal["person", "item"]

COMPANIONS: Final = 5
"""How many people who liked an item have a say in what is shown of it."""

_STEPS: Final = 4
_TEXT: Final = 300


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that a claim may cite.

    Attributes:
        item_id: Raw id of the item that it is about.
        words: What a prompt says of it.
        tone: 1 where the person liked the item, -1 where they did not, 0 where nothing shows either.
        facts: The words by which a claim is recognised as one about it.
    """

    item_id: str
    words: str
    tone: int
    facts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Cut:
    """Which events stand behind a profile.

    Attributes:
        dataset: Name of the data set.
        fingerprint: Fingerprint of the whole data set that the rows belong to.
        events: How many events of the person were seen; the last one seen has this number.
        last_event: Microseconds since the epoch of the latest event seen, or ``None`` without times.
        rows: Original row numbers of all events seen, those of other people that had a part among them, ascending.
    """

    dataset: str
    fingerprint: str
    events: int
    last_event: int | None
    rows: tuple[int, ...]

    def with_rows(self, rows: Sequence[int]) -> Cut:
        """Return the cut of something that has seen these rows too."""
        return replace(self, rows=tuple(sorted({*self.rows, *rows})))


@dataclass(frozen=True)
class Seen:
    """What a profiler is shown of one person or item, oldest first."""

    about: str
    of: About
    lines: tuple[Line, ...]
    cut: Cut

    @cached_property
    def content(self) -> str:
        """Hash of the lines, hexadecimal: equal where a profiler would be shown the same."""
        return self.content_of(len(self.lines))

    def content_of(self, first: int) -> str:
        """Return the hash of the first lines."""
        said = [[line.item_id, line.tone, line.words] for line in self.lines[:first]]
        return hashlib.sha256(json.dumps([self.of, self.about, said]).encode()).hexdigest()


def middle_of(ratings: NDArray[np.float32] | None) -> float | None:
    """Return the middle of a scale of ratings, from the lowest to the highest that was given; ``None`` without any.

    >>> middle_of(np.array([1, 5, np.nan], dtype=np.float32))
    3.0
    """
    given = ratings[~np.isnan(ratings)] if ratings is not None else np.empty(0, dtype=np.float32)
    return float(given.min() + given.max()) / 2 if len(given) and given.min() < given.max() else None


def tone_of(weight: float, rating: float | None, middle: float | None) -> int:
    """Return 1 for an event that speaks for its item, -1 for one that speaks against it, 0 for neither.

    Whatever has a weight below 0 speaks against. Where there are ratings, those above the middle of the scale speak
    for and those below it against; an event without a rating speaks for.

    >>> [tone_of(1.0, rating, 3.0) for rating in (4.0, 3.0, 2.5, None)], tone_of(-1.0, 5.0, 3.0)
    ([1, 0, -1, 1], -1)
    """
    if weight < 0:
        return -1
    if rating is None or middle is None or np.isnan(rating):
        return 1
    return int(rating > middle) - int(rating < middle)


class Shown:
    """Makes what is shown of the people and items of a data set, or of the view of one that may be learnt from.

    Args:
        dataset: The events; nothing beyond them is seen.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.facts: Mapping[str, tuple[str, ...]] = item_facts(dataset.catalogue, dataset.items.ids, dataset.relations)
        self._middle = middle_of(dataset.sequences.ratings)
        self._places = {user: place for place, user in enumerate(dataset.sequences.user_ids)}
        self._lines: dict[tuple[str, int], Line] = {}

    def person(self, user_id: str) -> Seen:
        """Return the events of a person, none for somebody unknown."""
        sequences, place = self.dataset.sequences, self._places.get(str(user_id))
        own = slice(0, 0) if place is None else slice(*sequences.indptr[place : place + 2].tolist())
        lines = [
            self._line(str(item), tone)
            for item, tone in zip(self.dataset.items.ids[sequences.codes[own]], self._tones[own].tolist(), strict=True)
        ]
        return Seen(str(user_id), "person", tuple(lines), self._cut(np.arange(own.start, own.stop)))

    def item(self, item_id: str, companions: int = COMPANIONS) -> Seen:
        """Return an item's own facts, and then what a few people who liked it liked besides, the latest of them.

        Raises:
            UnknownItemError: There is no such item.
        """
        row = self.dataset.catalogue.item(item_id)
        own = self._line(item_id, 1)
        text = in_words(row.get("text"))[:_TEXT]
        if text:
            own = replace(own, words=f"{own.words}. {text}", facts=own.facts | content_words(text))
        lines = [own]
        events = self._others(item_id, companions)
        codes = self.dataset.sequences.codes[events[1::2]]
        lines += [self._line(str(other), 1) for other in self.dataset.items.ids[codes]]
        return Seen(item_id, "item", tuple(lines), self._cut(events))

    def _others(self, item_id: str, companions: int) -> NDArray[np.int64]:
        """Return events in pairs, int64 ``[2c]``: somebody liked the item, and something else just before or after."""
        code = int(self.dataset.items.index([item_id])[0])
        order, starts = self._by_item
        found: list[int] = []
        for event in reversed(order[starts[code] : starts[code + 1]].tolist()):
            beside = [near for near in (event - 1, event + 1) if self._companion(event, near)]
            if self._tones[event] > 0 and beside:
                found += (event, beside[0])
            if len(found) >= 2 * companions:
                break
        return np.asarray(found, dtype=np.int64)

    def _companion(self, event: int, other: int) -> bool:
        codes, people = self.dataset.sequences.codes, self._people
        if not 0 <= other < len(codes) or people[event] != people[other]:
            return False
        return bool(self._tones[other] > 0 and codes[event] != codes[other])

    @cached_property
    def _people(self) -> NDArray[np.int64]:
        return self.dataset.sequences.user_of_event()

    @cached_property
    def _by_item(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the events item by item, the oldest first, and where each item's begin."""
        sequences = self.dataset.sequences
        order = np.lexsort((sequences.timestamps, sequences.codes))
        counts = np.bincount(sequences.codes, minlength=len(self.dataset.items))
        return order, np.append(0, np.cumsum(counts))

    @cached_property
    def _tones(self) -> NDArray[np.int64]:
        sequences = self.dataset.sequences
        given = sequences.ratings if sequences.ratings is not None else np.full(len(sequences.codes), np.nan)
        pairs = zip(sequences.weights.tolist(), given.tolist(), strict=True)
        return np.asarray([tone_of(weight, rating, self._middle) for weight, rating in pairs], dtype=np.int64)

    def _cut(self, events: NDArray[np.int64]) -> Cut:
        sequences = self.dataset.sequences
        times = sequences.timestamps[events]
        known = times[times != NO_TIME]
        rows = sorted(set(sequences.rows[events].tolist()))
        last = int(known.max()) if len(known) else None
        return Cut(self.dataset.name, self.dataset.fingerprint, len(events), last, tuple(rows))

    def _line(self, item_id: str, tone: int) -> Line:
        if (item_id, tone) not in self._lines:
            facts = self.facts.get(item_id, ())
            title = self.dataset.catalogue.title_and_year(item_id)
            told = [fact for fact in facts if not is_decade(fact)][:_STEPS]  # the year is there
            words = f"{title}, {', '.join(told)}" if told else title
            self._lines[item_id, tone] = Line(item_id, words, tone, content_words(f"{title} {' '.join(facts)}"))
        return self._lines[item_id, tone]
