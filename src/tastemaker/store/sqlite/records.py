"""Rows of named values by id, with revisions, in SQLite: items, or people."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tastemaker.store.ports import Row
from tastemaker.store.sqlite.database import Database
from tastemaker.store.sqlite.erasing import Erased, take_away
from tastemaker.store.values import checked_name, checked_row

_AT_ONCE: Final = 500
NOBODY: Final = ""
"""Stands for the people who were deleted: their names are not kept."""


class SQLiteRecords:
    """Keeps `Records`.

    Args:
        database: Where.
        table: ``items`` or ``people``.
        keeps_names: Whether the ids of deleted rows stay, so that who follows can tell which they were.
    """

    def __init__(self, database: Database, table: str, *, keeps_names: bool) -> None:
        self._database = database
        self._table = table
        self._keeps_names = keeps_names
        self._upsert = (
            f"INSERT INTO {table} (id, revision, content) VALUES (?, ?, ?) ON CONFLICT (id)"
            " DO UPDATE SET revision = excluded.revision, content = excluded.content"
        )

    def put(self, rows: Mapping[str, Row]) -> int:
        """See `Records.put`.

        Raises:
            DataError: A row holds what JSON cannot.
        """
        written = [(self._name(record_id), checked_row(row, record_id, "row")) for record_id, row in rows.items()]

        def work(connection: sqlite3.Connection) -> int:
            newest = self._revision(connection)
            numbered = [(record_id, newest + number, row) for number, (record_id, row) in enumerate(written, 1)]
            connection.executemany(self._upsert, numbered)
            return newest + len(written)

        return self._database.writer.run(work)

    def patch(self, record_id: str, changes: Row) -> Row | None:
        """See `Records.patch`."""
        checked_row(changes, record_id, "changes")

        def work(connection: sqlite3.Connection) -> Row | None:
            query = f"SELECT content FROM {self._table} WHERE id = ? AND content IS NOT NULL"
            found = connection.execute(query, (record_id,)).fetchone()
            if found is None:
                return None
            whole = {**json.loads(found[0]), **changes}
            text = checked_row({name: value for name, value in whole.items() if value is not None}, record_id, "row")
            connection.execute(self._upsert, (record_id, self._revision(connection) + 1, text))
            row: Row = json.loads(text)
            return row

        return self._database.writer.run(work)

    def delete(self, ids: Sequence[str]) -> int:
        """See `Records.delete`."""
        return self._database.erase(lambda connection: self._delete(connection, ids))

    def get(self, ids: Sequence[str]) -> dict[str, Row]:
        """See `Records.get`."""
        found: dict[str, Row] = {}
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            query = f"SELECT id, content FROM {self._table} WHERE content IS NOT NULL AND id IN ({marks})"
            found.update((record_id, json.loads(text)) for record_id, text in self._database.rows(query, some))
        return {record_id: found[record_id] for record_id in ids if record_id in found}

    def scan(self, after: str = "", limit: int = 10_000) -> list[tuple[str, Row]]:
        """See `Records.scan`."""
        query = f"SELECT id, content FROM {self._table} WHERE content IS NOT NULL AND id > ? ORDER BY id LIMIT ?"
        found = self._database.rows(query, (after, limit))
        # One text for all is read in half the time.
        rows: list[Row] = json.loads(f"[{','.join(text for _, text in found)}]")
        return [(record_id, row) for (record_id, _), row in zip(found, rows, strict=True)]

    def changes(self, after: int, limit: int = 10_000) -> list[tuple[int, str, Row | None]]:
        """See `Records.changes`."""
        query = f"SELECT revision, id, content FROM {self._table} WHERE revision > ? ORDER BY revision LIMIT ?"
        found = self._database.rows(query, (after, limit))
        return [(revision, name, None if text is None else json.loads(text)) for revision, name, text in found]

    def revision(self) -> int:
        """See `Records.revision`."""
        with self._database.reading() as connection:
            return self._revision(connection)

    def __len__(self) -> int:
        return int(self._database.value(f"SELECT count(*) FROM {self._table} WHERE content IS NOT NULL"))

    def _name(self, record_id: Any) -> str:
        return checked_name(record_id, f"a row of {self._table}", "id")

    def _revision(self, connection: sqlite3.Connection) -> int:
        return int(connection.execute(f"SELECT max(revision) FROM {self._table}").fetchone()[0] or 0)

    def _delete(self, connection: sqlite3.Connection, ids: Sequence[str]) -> Erased:
        revision = self._revision(connection)
        gone, contents = 0, []
        for record_id in dict.fromkeys(ids):
            condition = "id = ? AND content IS NOT NULL"
            erased = take_away(connection, self._table, condition, (record_id,), keys=("id",), contents=("content",))
            if not erased.count:
                continue
            gone += 1
            contents += erased.contents
            left = record_id if self._keeps_names else NOBODY
            connection.execute(self._upsert, (left, revision + gone, None))
        # Where names may stay nothing is about anybody: no need to look for traces of it in the file.
        return Erased(gone, [], []) if self._keeps_names else Erased(gone, list(ids), contents)
