"""Replies kept on disk by the hash of their call: what was asked before in exactly this way is not asked again."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from tastemaker.core.clock import Clock, system_clock, to_microseconds
from tastemaker.core.errors import StorageError
from tastemaker.core.generator import Choice, Generator
from tastemaker.core.tenant import Tenant
from tastemaker.data.assets import cache_folder
from tastemaker.language.encoders.identity import fingerprint_of
from tastemaker.language.generators.calls import Call, Result, plain_result, read_result
from tastemaker.language.generators.wrapper import Around, Wrapper

_FORMAT: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, tenant TEXT NOT NULL, generator TEXT NOT NULL, made INTEGER NOT NULL, value TEXT NOT NULL
) WITHOUT ROWID
"""
_logger: Final = logging.getLogger("tastemaker.generators")


def replies_file() -> Path:
    """Return where replies are kept if nothing else is said."""
    return cache_folder() / "replies" / "replies.sqlite"


class ReplyCache:
    """A file of results by key, for any number of threads and processes.

    A file that is damaged, full or not ours is no obstacle: then nothing is found and nothing kept, with a warning.

    Args:
        file: The file; its folder is made.
        clock: When results come.
    """

    def __init__(self, file: Path | None = None, *, clock: Clock = system_clock) -> None:
        self.file = file or replies_file()
        self._clock = clock
        self._lock = threading.Lock()
        self._connections: dict[int, sqlite3.Connection] = {}

    def get(self, key: str) -> Result | None:
        """Return a result that was kept, or ``None``."""
        try:
            with self._lock:
                row = self._here().execute("SELECT value FROM replies WHERE key = ?", (key,)).fetchone()
            return None if row is None else read_result(json.loads(row[0]), cached=True)
        except (OSError, sqlite3.Error, ValueError, KeyError, TypeError) as error:
            _logger.warning("%s is damaged and passed over: %s", self.file, error)
            return None

    def put(self, key: str, result: Result, *, tenant: str, generator: str) -> None:
        """Keep a result; the first of several stays."""
        row = (key, tenant, generator, to_microseconds(self._clock()), json.dumps(plain_result(result)))
        try:
            with self._lock:
                self._here().execute("INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?)", row)
        except (OSError, sqlite3.Error) as error:
            _logger.warning("a reply is not kept: %s (%s)", error, self.file)

    def forget(
        self, *, tenant: str | None = None, generator: str | None = None, older_than: timedelta | None = None
    ) -> int:
        """Delete what fits all that is said, everything if nothing is, and return how much that was.

        Args:
            tenant: Whose.
            generator: The fingerprint of the one that wrote it.
            older_than: How long ago it came, at least.

        Raises:
            StorageError: It could not be deleted.
        """
        before = None if older_than is None else to_microseconds(self._clock() - older_than)
        given = {"tenant = ?": tenant, "generator = ?": generator, "made <= ?": before}
        asked = {rule: value for rule, value in given.items() if value is not None}
        try:
            with self._lock:
                rules = " AND ".join(asked) or "true"
                gone = self._here().execute(f"DELETE FROM replies WHERE {rules}", list(asked.values())).rowcount
                self._here().execute("PRAGMA wal_checkpoint(TRUNCATE)")
                return gone
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"replies could not be deleted: {error}", where=str(self.file), remedy="Delete the file itself."
            ) from error

    def __len__(self) -> int:
        with self._lock:
            return int(self._here().execute("SELECT count(*) FROM replies").fetchone()[0])

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        with self._lock:
            if (connection := self._connections.pop(os.getpid(), None)) is not None:
                connection.close()

    def __del__(self) -> None:
        with suppress(Exception):
            self.close()

    def _here(self) -> sqlite3.Connection:
        """Return the connection of this process: one that was opened before a fork may not be used after it."""
        connection = self._connections.get(os.getpid())
        if connection is None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.touch(0o600)
            connection = sqlite3.connect(self.file, timeout=10, isolation_level=None, check_same_thread=False)
            try:
                # What a power cut loses of a cache is asked again. What is deleted is overwritten.
                for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON"):
                    connection.execute(f"PRAGMA {pragma}")
                connection.execute(_SCHEMA)
            except sqlite3.Error:
                connection.close()
                raise
            self._connections[os.getpid()] = connection
        return connection


class Cached(Wrapper):
    """Equal calls are answered once: the same generator, messages, schema, sampling, options, prior and tenant.

    Never a call that is only alike: "without horror" lies close to "with horror". What was withheld is not kept.

    Args:
        of: The generator.
        cache: Where results are kept.
        tenant: Whose calls these are; tenants have nothing in common.
    """

    def __init__(self, of: Generator, cache: ReplyCache | None = None, *, tenant: Tenant | None = None) -> None:
        super().__init__(of)
        self.cache = ReplyCache() if cache is None else cache
        self.tenant = (tenant or Tenant()).name

    def around(self, call: Call) -> Around:
        """See `Wrapper.around`."""
        generator = self.fingerprint
        key = fingerprint_of(_FORMAT, self.tenant, generator, call.key)
        if (kept := self.cache.get(key)) is not None:
            return kept
        result = yield call
        if isinstance(result, Choice) or result.finish != "refused":
            self.cache.put(key, replace(result, cached=False), tenant=self.tenant, generator=generator)
        return result
