"""Taking rows away so that their bytes are gone from the file as well, and looking for what is still there."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from tastemaker.store.sqlite.residue import residue_of
from tastemaker.store.sqlite.trouble import explained

_MOST_CONTENTS: Final = 2_000
"""Where more was erased, writing the file anew is cheaper than looking for it."""
_PATIENCE_MS: Final = 50


@dataclass(frozen=True, slots=True)
class Erased:
    """What was taken away: how many rows, their values in indexes, and their other values."""

    count: int
    keys: list[str]
    contents: list[str | bytes]


def take_away(
    connection: sqlite3.Connection,
    table: str,
    condition: str,
    given: Sequence[Any],
    *,
    keys: Sequence[str],
    contents: Sequence[str] = (),
) -> Erased:
    """Delete the rows of a table that meet a condition.

    Args:
        connection: That of the writer.
        table: Which table.
        condition: Which rows, in SQL.
        given: The values of its question marks.
        keys: Columns of names that have an index.
        contents: Other columns that say something about somebody.
    """
    columns = ", ".join([*keys, *contents])
    rows = connection.execute(f"SELECT {columns} FROM {table} WHERE {condition}", given).fetchall()
    connection.execute(f"DELETE FROM {table} WHERE {condition}", given)
    named = {value for row in rows for value in row[: len(keys)] if value is not None}
    said = {value for row in rows for value in row[len(keys) :] if value is not None}
    return Erased(len(rows), sorted(named), list(said - {"{}"}))


def scrub(connection: sqlite3.Connection, file: BinaryIO, erased: Erased) -> bool:
    """Write the log back and empty it, then write the file anew if traces of what was erased are left in it.

    Returns:
        Whether it was done; ``False`` while somebody still reads what was there before.
    """
    if not _empty_log(connection):
        return False
    parts = len(erased.keys) + len(erased.contents)
    if parts and (parts > _MOST_CONTENTS or residue_of(file).has(erased.keys, erased.contents)):
        # What VACUUM sorts out on the way may be larger than memory; it only holds what stays.
        connection.execute("PRAGMA temp_store = FILE")
        try:
            connection.execute("VACUUM")
        finally:
            connection.execute("PRAGMA temp_store = MEMORY")
        return _empty_log(connection)
    return True


def _empty_log(connection: sqlite3.Connection) -> bool:
    before = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
    try:
        busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        connection.execute(f"PRAGMA busy_timeout = {before}")
    return not busy


def places_that_hold(connection: sqlite3.Connection, text: str) -> list[str]:
    """Return each ``table.column`` with a value, text or bytes, in which some text is."""
    plain = text.encode()
    within_json = json.dumps(text, ensure_ascii=False)[1:-1].encode()
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    found = []
    for (table,) in connection.execute(tables).fetchall():
        for column in [row[1] for row in connection.execute(f"PRAGMA table_info({table})").fetchall()]:
            value = f"CAST({column} AS BLOB)"
            row = connection.execute(
                f"SELECT 1 FROM {table} WHERE typeof({column}) IN ('text', 'blob')"
                f" AND (instr({value}, ?) OR instr({value}, ?)) LIMIT 1",
                (plain, within_json),
            ).fetchone()
            if row:
                found.append(f"{table}.{column}")
    return found


def copied(connection: sqlite3.Connection, path: Path) -> None:
    """Copy a database as it is at this moment; what writes goes on meanwhile."""
    copy = sqlite3.connect(path, isolation_level=None)
    try:
        connection.backup(copy)
    except sqlite3.Error as error:
        raise explained(error, path) from error
    finally:
        copy.close()
