"""A few small values by name, in SQLite."""

from __future__ import annotations

import json
import sqlite3

from tastemaker.store.ports import Json
from tastemaker.store.sqlite.database import Database
from tastemaker.store.sqlite.erasing import Erased, take_away
from tastemaker.store.values import checked_json, checked_name


class SQLiteNotes:
    """Keeps `Notes`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> Json:
        """See `Notes.get`."""
        text = self._database.value("SELECT content FROM notes WHERE name = ?", (name,))
        return None if text is None else json.loads(text)

    def put(self, name: str, value: Json) -> None:
        """See `Notes.put`.

        Raises:
            DataError: JSON cannot hold the value.
        """
        checked_name(name, "a note", "name")
        if value is None:
            self._database.erase(lambda connection: _forget(connection, name))
            return
        text = checked_json(value, f"note {name}", "value")
        query = "INSERT INTO notes VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET content = excluded.content"
        self._database.writer.run(lambda connection: connection.execute(query, (name, text)).rowcount)


def _forget(connection: sqlite3.Connection, name: str) -> Erased:
    return take_away(connection, "notes", "name = ?", (name,), keys=("name",), contents=("content",))
