"""What SQLite complains about, in our words: the file, and what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from tastemaker.core.errors import DataError, StorageError

RESTORE: Final = "Put a back-up in its place (`Store.backup` writes them); keep the damaged file for a look."

_KNOWN: Final = {
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", RESTORE),
    sqlite3.SQLITE_NOTADB: ("the file is damaged, or is no store", RESTORE),
    sqlite3.SQLITE_FULL: ("the disk is full; nothing of this was kept", "Free some space and try again."),
    sqlite3.SQLITE_BUSY: ("another process is using the file", "Try again, or stop the other process."),
    sqlite3.SQLITE_CANTOPEN: ("the file cannot be opened", "Check that the folder exists and can be written."),
    sqlite3.SQLITE_READONLY: ("the file cannot be written", "Check who owns the folder and its files."),
    sqlite3.SQLITE_IOERR: ("the system could not read or write", "Look at the system's log for the disk."),
}


def explained(error: Exception, path: Path) -> Exception:
    """Return our error for one of SQLite or of the system; others as they are."""
    if isinstance(error, sqlite3.Error):
        # The lowest eight bits say what kind it is, those above which of that kind.
        message, remedy = _KNOWN.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, ("SQLite refused", None))
        ours: Exception = StorageError(f"{message}: {error}", where=str(path), remedy=remedy)
    elif isinstance(error, OSError):
        ours = StorageError(f"could not write: {error.strerror or error}", where=str(path))
    elif isinstance(error, UnicodeEncodeError | OverflowError):
        ours = DataError(f"a name or number was given that no store can hold: {error}")
    else:
        return error
    ours.__cause__ = error
    return ours


def closed(path: Path) -> StorageError:
    """Return the error for work that comes after the end."""
    return StorageError("the store was closed", where=str(path), remedy="Open it again.")
