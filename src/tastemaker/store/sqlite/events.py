"""The log of events, in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from typing import Any, Final

from tastemaker.core.clock import Clock, to_microseconds
from tastemaker.core.errors import QueryError
from tastemaker.store.ports import NewEvent, Receipt, StoredEvent
from tastemaker.store.sqlite.database import Database
from tastemaker.store.sqlite.erasing import Erased, take_away
from tastemaker.store.values import checked_name, checked_number, checked_row, checked_text, checked_whole

CURRENT: Final = "coalesce((SELECT target FROM aliases WHERE source = ?1), ?1)"
"""The name that a person has now, in SQL."""

_COLUMNS: Final = "event_id, user_id, item_id, event, timestamp, weight, rating, session_id, recommendation_id, context"
_INSERT: Final = (
    f"INSERT INTO events (user_id, event_id, item_id, event, timestamp, weight, rating, session_id,"
    f" recommendation_id, context, received) VALUES ({CURRENT}, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
    " ON CONFLICT (event_id) DO NOTHING"
)
_SELECT: Final = f"SELECT place, received, {_COLUMNS} FROM events"

# The index is asked for the next name each time: a row of the answer costs one look, however many events there are.
_USERS: Final = """
WITH RECURSIVE found (name) AS (
    SELECT min(user_id) FROM events WHERE user_id > ?
    UNION ALL
    SELECT (SELECT min(user_id) FROM events WHERE user_id > name) FROM found WHERE name IS NOT NULL
)
SELECT name FROM found WHERE name IS NOT NULL LIMIT ?
"""


class SQLiteEventLog:
    """Keeps `EventLog`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def submit(self, events: Sequence[NewEvent]) -> Future[list[Receipt]]:
        """See `EventLog.submit`.

        Raises:
            DataError: An event holds what cannot be kept; none is handed in.
            BusyError: Too much waits already.
        """
        received = to_microseconds(self._clock())
        rows = [(*_values(event), received) for event in events]
        return self._database.writer.submit(lambda connection: _take_in(connection, rows), rows=len(rows))

    def append(self, events: Sequence[NewEvent]) -> list[Receipt]:
        """See `EventLog.append`."""
        return self.submit(events).result()

    def after(self, offset: int, limit: int = 10_000) -> list[StoredEvent]:
        """See `EventLog.after`."""
        return self._found(f"{_SELECT} WHERE place > ? ORDER BY place LIMIT ?", (offset, limit))

    def of_user(self, user_id: str, *, after: int = 0, latest: int | None = None) -> list[StoredEvent]:
        """See `EventLog.of_user`."""
        query = f"{_SELECT} WHERE user_id = {CURRENT} AND place > ?2 ORDER BY place"
        if latest is None:
            return self._found(query, (user_id, after))
        return self._found(f"{query} DESC LIMIT ?3", (user_id, after, latest))[::-1]

    def users(self, after: str = "", limit: int = 10_000) -> list[str]:
        """See `EventLog.users`."""
        return [name for (name,) in self._database.rows(_USERS, (after, limit))]

    def last_offset(self) -> int:
        """See `EventLog.last_offset`."""
        return int(self._database.value("SELECT max(place) FROM events") or 0)

    def __len__(self) -> int:
        return int(self._database.value("SELECT count(*) FROM events"))

    def merge(self, source: str, target: str) -> int:
        """See `EventLog.merge`; to do it again changes nothing.

        Raises:
            QueryError: They are the same person, or ``source`` was merged into somebody else before.
        """
        checked_name(source, "merging", "source")
        checked_name(target, "merging", "target")
        return self._database.writer.run(lambda connection: _merge(connection, source, target))

    def current(self, user_id: str) -> str:
        """See `EventLog.current`."""
        return str(self._database.value(f"SELECT {CURRENT}", (user_id,)))

    def renamed(self, user_ids: Collection[str]) -> dict[str, str]:
        """See `EventLog.renamed`."""
        query = "SELECT source, target FROM aliases WHERE source IN (SELECT value FROM json_each(?))"
        return dict(self._database.rows(query, (json.dumps(list(user_ids)),)))

    def names(self, user_id: str) -> list[str]:
        """See `EventLog.names`."""
        current = self.current(user_id)
        merged = self._database.rows("SELECT source FROM aliases WHERE target = ? ORDER BY source", (current,))
        return [current, *(str(source) for (source,) in merged)]

    def erase(self, user_id: str) -> int:
        """See `EventLog.erase`; any of a person's names will do."""
        return self._database.erase(lambda connection: _erase(connection, user_id))

    def _found(self, query: str, given: Sequence[Any]) -> list[StoredEvent]:
        return [_event(row) for row in self._database.rows(query, given)]


def _values(event: NewEvent) -> tuple[Any, ...]:
    """Return the columns of an event in the order of `_INSERT`, checked."""
    owner = f"event {event.event_id}"
    return (
        checked_name(event.user_id, owner, "user_id"),
        checked_name(event.event_id, owner, "event_id"),
        checked_name(event.item_id, owner, "item_id"),
        checked_name(event.event, owner, "event"),
        checked_whole(event.timestamp, owner, "timestamp"),
        None if event.weight is None else checked_number(event.weight, owner, "weight"),
        None if event.rating is None else checked_number(event.rating, owner, "rating"),
        None if event.session_id is None else checked_text(event.session_id, owner, "session_id"),
        None if event.recommendation_id is None else checked_text(event.recommendation_id, owner, "recommendation_id"),
        checked_row(event.context, owner, "context"),
    )


def _event(row: tuple[Any, ...]) -> StoredEvent:
    place, received, event_id, user_id, item_id, event, timestamp, weight, rating, session, recommendation, said = row
    return StoredEvent(
        place,
        received,
        NewEvent(
            event_id=event_id,
            user_id=user_id,
            item_id=item_id,
            event=event,
            timestamp=timestamp,
            weight=weight,
            rating=rating,
            session_id=session,
            recommendation_id=recommendation,
            context={} if said == "{}" else json.loads(said),
        ),
    )


def _take_in(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> list[Receipt]:
    receipts = []
    cursor = connection.cursor()
    for row in rows:
        cursor.execute(_INSERT, row)
        if cursor.rowcount:
            receipts.append(Receipt(int(cursor.lastrowid or 0), fresh=True))
        else:
            cursor.execute("SELECT place FROM events WHERE event_id = ?", (row[1],))
            receipts.append(Receipt(cursor.fetchone()[0], fresh=False))
    return receipts


def _merge(connection: sqlite3.Connection, source: str, target: str) -> int:
    (into,) = connection.execute(f"SELECT {CURRENT}", (target,)).fetchone()
    (known,) = connection.execute(f"SELECT {CURRENT}", (source,)).fetchone()
    if into == source:
        raise QueryError(
            f"'{source}' cannot be merged into themselves",
            where=f"{source} -> {target}",
            remedy="Name two people; somebody who was merged before goes by the name of the other.",
        )
    if known not in (source, into):
        raise QueryError(
            f"'{source}' was merged into '{known}' before",
            where=f"{source} -> {target}",
            remedy=f"Merge '{known}' into '{target}' if all three are the same person.",
        )
    moved = connection.execute("UPDATE events SET user_id = ? WHERE user_id = ?", (into, source)).rowcount
    connection.execute("UPDATE aliases SET target = ? WHERE target = ?", (into, source))
    connection.execute("INSERT INTO aliases VALUES (?, ?) ON CONFLICT DO NOTHING", (source, into))
    # What was derived of either is true of neither now.
    connection.execute("DELETE FROM states WHERE user_id IN (?, ?)", (source, into))
    return moved


def _erase(connection: sqlite3.Connection, user_id: str) -> Erased:
    (name,) = connection.execute(f"SELECT {CURRENT}", (user_id,)).fetchone()
    events = take_away(
        connection,
        "events",
        "user_id = ?",
        (name,),
        keys=("user_id", "event_id"),
        contents=("session_id", "recommendation_id", "context"),
    )
    names = take_away(connection, "aliases", "target = ?", (name,), keys=("source", "target"))
    # The name itself, although nothing may be left of it: an erasure that was cut off is asked for again.
    return Erased(events.count, [*events.keys, *names.keys, name], events.contents)
