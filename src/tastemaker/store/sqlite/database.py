"""A database: one file, one writer, and connections that read, each used by one thread at a time."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock as ThreadLock
from typing import Any, Final

from tastemaker.core.errors import StorageError
from tastemaker.store.sqlite.erasing import Erased, copied, places_that_hold, scrub
from tastemaker.store.sqlite.files import Lock, connect, connect_to_write, make_ready
from tastemaker.store.sqlite.trouble import closed, explained
from tastemaker.store.sqlite.writer import Writer

_READERS: Final = 16
"""Connections that are kept for the next reader."""
_PATIENCE: Final = 60.0
_PAUSE: Final = 0.01


class Database:
    """A file of SQLite that keeps what was committed through a loss of power.

    Args:
        path: The file; its folder is made where it is not there.
        steps: What leads to today's tables: see `migrations`.
        shared: Other processes may write to it too; otherwise this one has it to itself until `close`.

    Raises:
        StorageError: It is in use, damaged, of a newer version, or cannot be opened.
    """

    def __init__(self, path: Path, steps: Sequence[str], *, shared: bool = False) -> None:
        self.path = path
        self._readers: list[sqlite3.Connection] = []
        self._guard = ThreadLock()
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with ExitStack() as undo:
                lock = Lock(path.with_suffix(".lock"), _PATIENCE if shared else 0.0)
                undo.callback(lock.release)
                make_ready(path, steps)
                # Closing any handle of the file ends SQLite's locks on it: this one stays open until the end.
                self._file = undo.enter_context(path.open("rb", buffering=0))
                connection = connect_to_write(path)
                undo.callback(connection.close)
                # An erasure that was cut off may have left bytes in the log.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                undo.pop_all()
        except (sqlite3.Error, OSError) as error:
            raise explained(error, path) from error
        self._lock = None if shared else lock
        if shared:
            lock.release()
        self.writer = Writer(connection, path)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that sees everything committed before each of its statements began."""
        connection = self._borrow()
        try:
            yield connection
        except (sqlite3.Error, UnicodeEncodeError, OverflowError) as error:
            raise explained(error, self.path) from error
        finally:
            self._give_back(connection)

    def rows(self, query: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        with self.reading() as connection:
            return connection.execute(query, given).fetchall()

    def value(self, query: str, given: Sequence[Any] = ()) -> Any:
        """Return the first value that a query finds, ``None`` where there is nothing."""
        found = self.rows(query, given)
        return found[0][0] if found else None

    def erase(self, work: Callable[[sqlite3.Connection], Erased], committed: Callable[[], None] | None = None) -> int:
        """Take rows away and wait until their bytes are gone; return how many rows.

        Raises:
            StorageError: The bytes could not be removed, since somebody is reading or the disk is full.
        """
        erased = self.writer.run(work, committed=committed)
        last = time.monotonic() + _PATIENCE
        try:
            while not self.writer.run(lambda connection: scrub(connection, self._file, erased), alone=True):
                if time.monotonic() > last:
                    raise StorageError("somebody has been reading for too long, such as for a back-up")
                time.sleep(_PAUSE)
        except StorageError as error:
            raise StorageError(
                f"the rows were erased, but their bytes are still in the file or its journal: {error.message}",
                where=str(self.path),
                remedy="Erase again when that is over: it is enough to ask for the same once more.",
            ) from error
        return erased.count

    def holds(self, text: str) -> list[str]:
        """Return each ``table.column`` in which some text is."""
        with self.reading() as connection:
            return places_that_hold(connection, text)

    def copy_to(self, path: Path) -> None:
        """Write a copy as of this moment."""
        with self.reading() as connection:
            copied(connection, path)

    def close(self) -> None:
        """Finish what was handed in, and let go of the file."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            readers, self._readers = self._readers, []
        for reader in readers:
            reader.close()
        self.writer.close()
        self._file.close()
        if self._lock is not None:
            self._lock.release()

    def _borrow(self) -> sqlite3.Connection:
        with self._guard:
            if self._closed:
                raise closed(self.path)
            if self._readers:
                return self._readers.pop()
        try:
            connection = connect(self.path)
            connection.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            raise explained(error, self.path) from error
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._guard:
            if not self._closed and len(self._readers) < _READERS:
                self._readers.append(connection)
                return
        connection.close()
