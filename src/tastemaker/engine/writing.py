"""What people do and what is known of them, on its way into the store and into what was derived of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from tastemaker.core.clock import Clock, to_microseconds
from tastemaker.engine.erasure import erase_person, export_person
from tastemaker.engine.keeping import Keeper
from tastemaker.engine.people import People
from tastemaker.engine.wanted import Wanted
from tastemaker.store.ports import NewEvent, Receipt, Row, StoredEvent, TenantStore


class Writer:
    """Writes events and people; what it returns from is durable, and known to the next answer.

    Args:
        store: Where they are kept.
        people: Who follows them.
        wanted: Gives what counts how much each item is wanted.
        keeper: What lists are kept by.
        clock: Where "now" comes from.
    """

    def __init__(
        self, store: TenantStore, people: People, wanted: Callable[[], Wanted], keeper: Keeper, clock: Clock
    ) -> None:
        self._store, self._people, self._wanted, self._keeper, self._clock = store, people, wanted, keeper, clock
        self._lock = threading.Lock()

    def submit(self, events: Sequence[NewEvent]) -> Future[list[Receipt]]:
        """Take in events; the future is done once they are durable and applied.

        Raises:
            ServiceError: There is more to write than the store can.
        """
        done: Future[list[Receipt]] = Future()
        now = to_microseconds(self._clock())

        def applied(committed: Future[list[Receipt]]) -> None:
            try:
                receipts = committed.result()
                fresh = self._as_stored(events, receipts, now)
                self._people.apply(fresh)
                self._wanted().take(fresh)
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(receipts)

        self._store.events.submit(events).add_done_callback(applied)
        return done

    def _as_stored(self, events: Sequence[NewEvent], receipts: Sequence[Receipt], now: int) -> list[StoredEvent]:
        """Return what is new of events in the order of the log, under the names that people have by now."""
        fresh = [(receipt.offset, event) for event, receipt in zip(events, receipts, strict=True) if receipt.fresh]
        names = self._store.events.renamed({event.user_id for _, event in fresh})
        fresh.sort(key=lambda entry: entry[0])
        return [
            StoredEvent(offset, now, replace(event, user_id=names[event.user_id]) if event.user_id in names else event)
            for offset, event in fresh
        ]

    def profile(self, user_id: str) -> Row | None:
        """Return what is stored of a person, ``None`` where nothing is."""
        name = self._store.events.current(user_id)
        return self._store.people.get([name]).get(name)

    def put(self, rows: Mapping[str, Row]) -> int:
        """Write what is known of people; return the newest revision."""
        current = self._store.events.current
        revision = self._store.people.put({current(name): row for name, row in rows.items()})
        self._people.follow()
        return revision

    def patch(self, user_id: str, changes: Row) -> Row:
        """Change some of what is known of a person, ``None`` taking something away; return all of it."""
        name = self._store.events.current(user_id)
        with self._lock:
            row = self._store.people.patch(name, changes)
            if row is None:
                row = {field: value for field, value in changes.items() if value is not None}
                self._store.people.put({name: row})
        self._people.follow()
        return row

    def merge(self, source: str, target: str) -> int:
        """Make one person of two; return how many events changed hands.

        Raises:
            QueryError: A person cannot be merged with themselves.
        """
        store = self._store
        self._keeper.flush()
        moved = store.events.merge(source, target)
        into = store.events.current(target)
        store.served.merge(source, into)
        rows = store.people.get([source, into])
        if source in rows:
            store.people.put({into: {**rows[source], **rows.get(into, {})}})
            store.people.delete([source])
        self._people.forget(*store.events.names(into))
        self._people.follow()
        return moved

    def export(self, user_id: str) -> Iterator[Mapping[str, Any]]:
        """Return all that is stored of a person, as lines of JSON values."""
        return export_person(self._store, user_id)

    def erase(self, user_id: str) -> Mapping[str, Any]:
        """Forget a person everywhere, physically, while others are answered; return the receipt."""
        names = {*self._store.events.names(user_id), user_id}
        with self._keeper.forgetting(names):
            receipt = erase_person(self._store, user_id, now=self._clock())
            self._people.forget(*names)
            pages = self._keeper.forget_pages(names)
        return {**receipt, "removed": {**receipt.get("removed", {}), "pages": pages}}
