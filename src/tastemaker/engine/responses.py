"""How often every item was shown lately, and how often somebody took it up: counts that fade, read from the logs."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import MICROSECONDS_PER_DAY, Clock, system_clock, to_microseconds
from tastemaker.core.errors import StorageError
from tastemaker.engine.interests import Interests
from tastemaker.pipeline.shelf import Shelf
from tastemaker.store.ports import Served, StoredEvent, TenantStore

HALF_LIFE_DAYS: Final = 30.0
NOTE: Final = "responses"
"""The note under which a store keeps the counts, and up to where in both logs they are true."""

SECONDS: Final = 1.0
"""The logs are read again at most so often."""

_FAR: Final = 16.0
_FIRST: Final = 1024
_PAGE: Final = 10_000
_REMEMBERED: Final = 100_000
_SHOWN, _TAKEN = 0, 1

_logger = logging.getLogger("tastemaker.engine")


class Responses:
    """Counts of lists that held an item, and of those of them in which somebody took it up, halved by every half-life.

    An item is taken up by an event that names the list (`NewEvent.recommendation_id`) and does not speak against the
    item; several on the same item of the same list count once. All items of a list count as shown. Both logs are read
    forward from where the counts are true, so that each list and each event counts once, however often the process
    ends in between.

    Sums are kept in the unit of one moment, as in `tastemaker.engine.wanted.Wanted`.

    Args:
        store: Where lists and events are kept.
        shelf: What numbers items.
        half_life: In days.
        interests: What tells events that speak for an item.
        clock: Where "now" comes from.
        ticks: Seconds, growing; tells when to look at the logs again.
    """

    def __init__(
        self,
        store: TenantStore,
        shelf: Shelf,
        half_life: float = HALF_LIFE_DAYS,
        interests: Interests | None = None,
        *,
        clock: Clock = system_clock,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._shelf, self._half_life = store, shelf, half_life * MICROSECONDS_PER_DAY
        self._interests, self._clock, self._ticks = interests or Interests(), clock, ticks
        self._lock = threading.Lock()
        self._sums: NDArray[np.float64] = np.zeros((2, _FIRST))
        self._moment: int | None = None
        self._place = 0
        self._offset = 0
        self._looked = -np.inf
        self._taken: OrderedDict[tuple[str, str], None] = OrderedDict()

    def __call__(self, numbers: NDArray[np.integer[Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how often each of some items was shown, and taken up, as of now; float64 ``[m]`` each."""
        if self._ticks() - self._looked >= SECONDS:
            try:
                self.follow()
            except StorageError:
                _logger.warning("what was shown could not be read; older counts stand in for it", exc_info=True)
        with self._lock:
            known = np.asarray(numbers) < self._sums.shape[1]
            found = np.zeros((2, len(numbers)))
            found[:, known] = self._sums[:, np.asarray(numbers)[known]]
            moment = self._moment
        if moment is not None:
            found *= np.exp2((moment - to_microseconds(self._clock())) / self._half_life)
        return found[_SHOWN], found[_TAKEN]

    def follow(self) -> None:
        """Count what the logs hold beyond what is counted.

        Raises:
            StorageError: They could not be read; what was counted stays, and the rest is read the next time.
        """
        with self._lock:
            self._looked = self._ticks()
            while lists := self._store.served.scan(self._place, _PAGE):
                self._count_shown([served for _, served in lists])
                self._place = lists[-1][0]
            while events := self._store.events.after(self._offset, _PAGE):
                self._count_taken(events)
                self._offset = events[-1].offset

    def _count_shown(self, lists: Sequence[Served]) -> None:
        items = [item for served in lists for item in served.item_ids]
        self._add(_SHOWN, items, [served.at for served in lists for _ in served.item_ids])

    def _count_taken(self, events: Sequence[StoredEvent]) -> None:
        items, times = [], []
        for stored in events:
            event = stored.event
            if event.recommendation_id is None:
                continue
            kind = self._interests.kind(event.event)
            if self._interests.amount(kind, event.weight, event.rating) <= 0:
                continue
            once = event.recommendation_id, event.item_id
            if once in self._taken:
                continue
            self._taken[once] = None
            if len(self._taken) > _REMEMBERED:
                self._taken.popitem(last=False)
            items.append(event.item_id)
            # A sender whose clock is ahead does not get to speak for the future.
            times.append(min(event.timestamp, stored.received))
        self._add(_TAKEN, items, times)

    def _add(self, row: int, items: Sequence[str], times: Sequence[int]) -> None:
        numbers = self._shelf.numbers(items)
        at = np.asarray(times, dtype=np.int64)[numbers >= 0]
        numbers = numbers[numbers >= 0]
        if not len(numbers):
            return
        size = int(numbers.max()) + 1
        if size > self._sums.shape[1]:
            longer = np.zeros((2, max(2 * self._sums.shape[1], size)))
            longer[:, : self._sums.shape[1]] = self._sums
            self._sums = longer
        moment = self._moved(int(at.max()))
        np.add.at(self._sums[row], numbers, np.exp2((at - moment) / self._half_life))

    def _moved(self, latest: int) -> int:
        """Return the moment of the unit, moved where ``latest`` is far beyond it."""
        if self._moment is None:
            self._moment = latest
        beyond = (latest - self._moment) / self._half_life
        if beyond > _FAR:
            self._sums *= np.exp2(-beyond)
            self._moment = latest
        return self._moment

    def load(self) -> None:
        """Take back what `keep` wrote, and count what the logs hold beyond it.

        Raises:
            StorageError: It could not be read.
        """
        kept = self._store.notes.get(NOTE)
        if kept and kept["half_life"] == self._half_life:
            numbers = self._shelf.numbers(list(kept["sums"]))
            sums = np.asarray(list(kept["sums"].values()), dtype=np.float64).reshape(-1, 2)[numbers >= 0]
            numbers = numbers[numbers >= 0]
            with self._lock:
                self._sums = np.zeros((2, max(_FIRST, int(numbers.max(initial=0)) + 1)))
                self._sums[:, numbers] = sums.T
                self._moment, self._place, self._offset = kept["moment"], kept["place"], kept["offset"]
        self.follow()

    def keep(self) -> None:
        """Write the counts down, so that the next start need not read both logs whole; a loss costs time alone.

        Raises:
            StorageError: They could not be written.
        """
        with self._lock:
            there = np.flatnonzero(self._sums.any(axis=0))
            kept = {
                "half_life": self._half_life,
                "moment": self._moment,
                "place": self._place,
                "offset": self._offset,
                "sums": dict(zip(self._shelf.ids[there].tolist(), self._sums[:, there].T.tolist(), strict=True)),
            }
        self._store.notes.put(NOTE, kept)
