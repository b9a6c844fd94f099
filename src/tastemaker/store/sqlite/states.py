"""Derived states of people, in SQLite; nobody waits until they are written."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from threading import Lock

from tastemaker.core.errors import BusyError
from tastemaker.store.ports import Snapshot
from tastemaker.store.sqlite.database import Database
from tastemaker.store.sqlite.erasing import Erased, take_away
from tastemaker.store.values import checked_name

_logger = logging.getLogger("tastemaker.store")


class SQLiteStates:
    """Keeps `States`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guard = Lock()
        self._writing: dict[str, Future[None]] = {}

    def put(self, snapshots: Sequence[Snapshot]) -> None:
        """See `States.put`; when the store has too much to write these are not written."""
        rows = [
            (checked_name(one.user_id, "a state", "user_id"), one.offset, one.fingerprint, bytes(one.content))
            for one in snapshots
        ]
        with self._guard:
            try:
                future = self._database.writer.submit(lambda connection: _put(connection, rows), rows=len(rows))
            except BusyError:
                _logger.warning("%d states were not written: the store is busy", len(rows))
                return
            self._writing.update((one.user_id, future) for one in snapshots)
        future.add_done_callback(partial(self._written, [one.user_id for one in snapshots]))

    def get(self, user_id: str, fingerprint: str) -> Snapshot | None:
        """See `States.get`; it waits for a `put` of the same person that is on its way."""
        with self._guard:
            writing = self._writing.get(user_id)
        if writing is not None:
            writing.exception()
        query = "SELECT place, content FROM states WHERE user_id = ? AND fingerprint = ?"
        found = self._database.rows(query, (user_id, fingerprint))
        return Snapshot(user_id, found[0][0], fingerprint, found[0][1]) if found else None

    def delete(self, user_id: str) -> bool:
        """See `States.delete`."""

        def work(connection: sqlite3.Connection) -> Erased:
            erased = take_away(
                connection, "states", "user_id = ?", (user_id,), keys=("user_id",), contents=("content",)
            )
            return Erased(erased.count, [user_id], erased.contents)

        return bool(self._database.erase(work))

    def clear(self) -> int:
        """See `States.clear`."""
        return self._database.erase(
            lambda connection: take_away(connection, "states", "true", (), keys=("user_id",), contents=("content",))
        )

    def _written(self, names: list[str], future: Future[None]) -> None:
        with self._guard:
            for name in names:
                if self._writing.get(name) is future:
                    del self._writing[name]
        if failure := future.exception():
            _logger.warning("%d states were not written: %s", len(names), failure)


def _put(connection: sqlite3.Connection, rows: Sequence[tuple[str, int, str, bytes]]) -> None:
    connection.executemany(
        "INSERT INTO states (user_id, place, fingerprint, content) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (user_id) DO UPDATE SET place = excluded.place, fingerprint = excluded.fingerprint,"
        " content = excluded.content WHERE excluded.place >= states.place",
        rows,
    )
