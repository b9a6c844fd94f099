"""The file of a database before anybody works with it: making it, bringing it up to date, locking it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Final

from tastemaker.core.errors import StorageError
from tastemaker.core.files import atomic_file
from tastemaker.store.sqlite.trouble import RESTORE

_PATIENCE: Final = 10.0
"""Seconds to wait for another process that writes to the same file; only keys are shared so."""
_SETTINGS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "secure_delete = ON",
    "temp_store = MEMORY",
    "cache_size = -16000",
    # Only on macOS: a flush that also empties the cache of the disk.
    "fullfsync = ON",
    "checkpoint_fullfsync = ON",
)


def migrations(kind: str) -> list[str]:
    """Return the steps that lead to today's tables, in SQL: the n-th makes version n of version n - 1."""
    folder = resources.files("tastemaker.store.sqlite") / "migrations" / kind
    return [file.read_text() for file in sorted(folder.iterdir(), key=lambda file: file.name) if file.is_file()]


def connect(path: Path) -> sqlite3.Connection:
    """Open a database for whoever holds the connection, in autocommit mode."""
    return sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)


def connect_to_write(path: Path) -> sqlite3.Connection:
    """Open a database to write durably."""
    connection = connect(path)
    for setting in _SETTINGS:
        connection.execute(f"PRAGMA {setting}")
    return connection


def make_ready(path: Path, steps: Sequence[str]) -> None:
    """Make a database that is not there, bring one of an older version up to date.

    Raises:
        StorageError: It was written by a newer version, or is no store.
    """
    if not path.exists():
        if (journal := path.with_name(f"{path.name}-wal")).exists():
            raise StorageError("the file is missing, and its journal is there", where=str(journal), remedy=RESTORE)
        # Under another name until it is whole: an empty file under this one is always a damage.
        with atomic_file(path) as temporary, closing(connect_to_write(temporary)) as connection:
            connection.execute("PRAGMA synchronous = OFF")  # it is flushed as a whole before it gets its name
            _migrate(connection, steps, 0)
    with closing(connect(path)) as connection:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            raise StorageError("the file is empty, or is no store", where=str(path), remedy=RESTORE)
        if version > len(steps):
            raise StorageError(
                f"the store was written by a newer version of Tastemaker (its tables have version {version},"
                f" and {len(steps)} is known here)",
                where=str(path),
                remedy="Install that version, or open another folder; nothing was changed.",
            )
        _migrate(connection, steps, version)


def _migrate(connection: sqlite3.Connection, steps: Sequence[str], version: int) -> None:
    for number, step in enumerate(steps[version:], version + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{step}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


class Lock:
    """A file that one process holds at a time.

    Through SQLite's own locks: they work on every system, end with the process, and its children do not inherit them.

    Args:
        path: The file.
        patience: Seconds to wait for somebody else.

    Raises:
        StorageError: Somebody else holds it.
    """

    def __init__(self, path: Path, patience: float = 0.0) -> None:
        self._connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            self._connection.close()
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            raise StorageError(
                "another process has this store open, and only one can write to it",
                where=str(path.parent),
                remedy="Stop that process (or close the other store of this one), or choose another folder.",
            ) from error

    def release(self) -> None:
        """Let others have it."""
        self._connection.close()
