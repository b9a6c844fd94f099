"""How much every item was wanted lately: counts of events that fade with time, kept current with the log."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import MICROSECONDS_PER_DAY
from tastemaker.core.query import NO_TIME
from tastemaker.data.dataset import Dataset
from tastemaker.engine.interests import Interests
from tastemaker.pipeline.shelf import Shelf
from tastemaker.store.ports import StoredEvent, TenantStore

HALF_LIFE_DAYS: Final = 30.0
NOTE: Final = "wanted"
"""The note under which a store keeps the counts, and up to where they are true."""

_FAR: Final = 16.0
"""Half-lives after which the unit is moved, so that sums stay numbers that float32 can hold."""

_FIRST: Final = 1024
_PAGE: Final = 10_000
_WINDOW: Final = 4_096
"""Of so many of the latest events at most it is known one by one that they were counted."""


class Wanted:
    """Weights of events, summed for each item, of which half is left after every half-life.

    Sums are kept in the unit of one moment: an event of time ``t`` adds ``weight * 2 ** ((t - moment) / half_life)``.
    So none has to be touched as time goes by, and their order is that of the faded sums at any moment. The moment moves
    on when events are far beyond it.

    Args:
        shelf: What numbers items.
        half_life: In days.
        interests: What a kind of event weighs; what speaks against an item adds nothing.
    """

    def __init__(self, shelf: Shelf, half_life: float = HALF_LIFE_DAYS, interests: Interests | None = None) -> None:
        self._shelf, self._half_life = shelf, half_life * MICROSECONDS_PER_DAY
        self._interests = interests or Interests()
        self._lock = threading.Lock()
        self._sums: NDArray[np.float64] = np.zeros(_FIRST)
        self._moment: int | None = None
        # All events up to the floor are counted, and of those beyond it the ones that are named.
        self._floor = 0
        self._counted: set[int] = set()

    @property
    def offset(self) -> int:
        """Place in the log of the newest event that was counted."""
        with self._lock:
            return max(self._counted, default=self._floor)

    def __call__(self) -> NDArray[np.float64]:
        """Return the sums by the items' numbers; items beyond the end were never wanted."""
        return self._sums

    def add(self, items: NDArray[np.int32], amounts: NDArray[np.float64], times: NDArray[np.int64]) -> None:
        """Count events of items with these numbers, amounts and times in microseconds."""
        with self._lock:
            self._add(items, amounts, times)

    def _add(self, items: NDArray[np.int32], amounts: NDArray[np.float64], times: NDArray[np.int64]) -> None:
        real = (items >= 0) & (amounts > 0)
        items, amounts, times = items[real], amounts[real], times[real]
        if not len(items):
            return
        if items.max() >= len(self._sums):
            longer = np.zeros(max(2 * len(self._sums), int(items.max()) + 1))
            longer[: len(self._sums)] = self._sums
            self._sums = longer
        moment = self._moved(int(times.max()))
        np.add.at(self._sums, items, amounts * np.exp2((times - moment) / self._half_life))

    def _moved(self, latest: int) -> int:
        """Return the moment of the unit, moved where ``latest`` is far beyond it."""
        if self._moment is None:
            self._moment = latest
        beyond = (latest - self._moment) / self._half_life
        if beyond > _FAR:
            # Not in place: a request may be reading.
            self._sums = self._sums * np.exp2(-beyond)
            self._moment = latest
        return self._moment

    def take(self, events: Iterable[StoredEvent]) -> None:
        """Count events of the log, each once, in whatever order several threads tell them."""
        told = list(events)
        items = self._shelf.numbers([stored.event.item_id for stored in told])
        amounts = np.asarray(
            [self._interests.amount(each.event.event, each.event.weight, each.event.rating) for each in told]
        )
        times = np.asarray([stored.event.timestamp for stored in told], dtype=np.int64)
        # What is counted and which events that were change together, or `keep` would write one without the other.
        with self._lock:
            fresh = np.asarray([self._is_fresh(stored.offset) for stored in told], dtype=np.bool_)
            self._add(items[fresh], amounts[fresh], times[fresh])
            self._settle()

    def _is_fresh(self, offset: int) -> bool:
        if offset <= self._floor or offset in self._counted:
            return False
        self._counted.add(offset)
        return True

    def _settle(self) -> None:
        if len(self._counted) > _WINDOW:
            offsets = sorted(self._counted)
            gone = len(offsets) - _WINDOW // 2
            self._floor, self._counted = offsets[gone - 1], set(offsets[gone:])

    def take_dataset(self, dataset: Dataset) -> None:
        """Count the events of a data set; those without a time as if all were of one."""
        sequences = dataset.sequences
        times = np.where(sequences.timestamps == NO_TIME, 0, sequences.timestamps)
        numbers = self._shelf.numbers(dataset.items.ids.tolist())
        self.add(numbers[sequences.codes], sequences.weights.astype(np.float64), times)

    def load(self, store: TenantStore) -> None:
        """Take back what `keep` wrote, and count what the log holds beyond it."""
        kept = store.notes.get(NOTE)
        if kept and kept["half_life"] == self._half_life:
            numbers = self._shelf.numbers(list(kept["sums"]))
            known = numbers >= 0
            sums = np.asarray(list(kept["sums"].values()), dtype=np.float64)
            self.add(numbers[known], sums[known], np.full(int(known.sum()), kept["moment"], dtype=np.int64))
            with self._lock:
                self._floor, self._counted = kept["offset"], set(kept.get("beyond", ()))
        place = self._floor
        while page := store.events.after(place, _PAGE):
            self.take(page)
            place = page[-1].offset
        with self._lock:
            # All of it was read, so that nothing up to here is still to come.
            self._floor = max(self._floor, place)
            self._counted = {offset for offset in self._counted if offset > self._floor}

    def keep(self, store: TenantStore) -> None:
        """Write the counts down, so that the next start need not read the whole log; a loss costs time alone."""
        with self._lock:
            wanted = np.flatnonzero(self._sums)
            sums = dict(zip(self._shelf.ids[wanted].tolist(), self._sums[wanted].tolist(), strict=True))
            kept = {
                "half_life": self._half_life,
                "moment": self._moment or 0,
                "offset": self._floor,
                "beyond": sorted(self._counted),
                "sums": sums,
            }
        store.notes.put(NOTE, kept)
