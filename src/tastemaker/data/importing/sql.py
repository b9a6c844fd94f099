"""Rows of a database, by a query: SQLite with Python alone, PostgreSQL with the extra `postgres`."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import numpy as np
import polars as pl

from tastemaker.core.errors import DataError, MissingExtraError
from tastemaker.data.importing.rows import Batch, Place, Reject, shown, text_frame
from tastemaker.data.importing.values import as_id, as_text

ROWS: Final = 100_000
_POSTGRES: Final = ("postgres", "postgresql")


@dataclass(frozen=True, slots=True)
class Query:
    """A query of a database.

    Attributes:
        dsn: ``sqlite:///file.db`` or ``postgresql://user:password@host/database``.
        sql: A SELECT; nothing can be changed by it.
    """

    dsn: str
    sql: str

    @property
    def label(self) -> str:
        """The database without the password, and the query."""
        return f"{without_password(self.dsn)}: {' '.join(self.sql.split())}"


def without_password(dsn: str) -> str:
    """Return an address without its password.

    >>> without_password("postgresql://shop:secret@localhost/events")
    'postgresql://shop@localhost/events'
    """
    parts = urlsplit(dsn)
    host = parts.netloc.rpartition("@")[2]
    user = parts.netloc.rpartition("@")[0].partition(":")[0]
    query = re.sub(r"(?i)(password|passfile|sslpassword)=[^&]*", r"\1=...", parts.query)
    return urlunsplit(parts._replace(netloc=f"{user}@{host}" if user else host, query=query))


class SqlInput:
    """The rows that a query gives.

    Args:
        query: Database and query.
        rows: How many rows are held at once.

    Raises:
        DataError: The database is of another kind, cannot be reached, or refuses the query.
        MissingExtraError: It is PostgreSQL, and psycopg is not installed.
    """

    unit = "row"

    def __init__(self, query: Query, rows: int = ROWS) -> None:
        self.label = query.label
        self._query, self._rows = query, rows
        self._digest = hashlib.sha256()
        with self._cursor() as (cursor, _):
            self.columns = _names(cursor, self.label)

    def sample(self) -> pl.DataFrame:
        """Return the first thousand rows."""
        with self._cursor() as (cursor, failure), self._reported(failure):
            found = cursor.fetchmany(1_000)
        return self._batch(found, 1, frozenset()).frame

    def batches(self, place: Place | None, ids: frozenset[str]) -> Iterator[Batch]:
        """Read all rows; a query has no order to go on by, so ``place`` must be ``None``."""
        self._digest = hashlib.sha256()
        with self._cursor() as (cursor, failure):
            first = 1
            while True:
                with self._reported(failure):
                    found = cursor.fetchmany(self._rows)
                if not found:
                    return
                yield self._batch(found, first, ids)
                first += len(found)

    def sha256(self) -> str:
        """Return the hash of all rows that `batches` has read."""
        return self._digest.hexdigest()

    def _batch(self, found: list[Any], first: int, ids: frozenset[str]) -> Batch:
        rows: list[list[str | None]] = []
        numbers: list[int] = []
        rejects: list[Reject] = []
        for number, record in enumerate(found, start=first):
            name = ""
            row: list[str | None] = []
            try:
                for name, value in zip(self.columns, record, strict=True):
                    row.append(as_id(value) if name in ids else as_text(value))
            except ValueError as error:
                rejects.append(Reject(number, str(error), shown(repr(tuple(record))), name))
                self._digest.update(repr(record).encode(errors="backslashreplace"))
                continue
            self._digest.update(json.dumps(row).encode())
            rows.append(row)
            numbers.append(number)

        def raw(row: int) -> str:
            return shown(json.dumps(dict(zip(self.columns, rows[row], strict=True)), ensure_ascii=False))

        lines = np.asarray(numbers, dtype=np.int64)
        place = {"row": first + len(found)}
        return Batch(text_frame(rows, self.columns), lines, raw, place, len(found), rejects=rejects)

    @contextmanager
    def _cursor(self) -> Iterator[tuple[Any, type[Exception]]]:
        scheme = urlsplit(self._query.dsn).scheme.partition("+")[0]
        if scheme == "sqlite":
            opened = self._sqlite()
        elif scheme in _POSTGRES:
            opened = self._postgres()
        else:
            raise DataError(
                f"databases of the kind '{scheme}' cannot be read",
                where=without_password(self._query.dsn),
                remedy="sqlite:///FILE and postgresql://... can; from others export CSV or Parquet.",
            )
        with opened as pair:
            yield pair

    @contextmanager
    def _sqlite(self) -> Iterator[tuple[Any, type[Exception]]]:
        path = Path(unquote(urlsplit(self._query.dsn).path.removeprefix("/")))
        if not path.is_file():
            raise DataError(
                "there is no such database file",
                where=str(path),
                remedy="sqlite:///file.db is seen from here, sqlite:////folder/file.db from the root.",
            )
        with self._reported(sqlite3.Error):
            connection = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)
        with closing(connection):
            connection.text_factory = _text
            with self._reported(sqlite3.Error):
                cursor = connection.execute(self._query.sql)
            yield cursor, sqlite3.Error

    @contextmanager
    def _postgres(self) -> Iterator[tuple[Any, type[Exception]]]:
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtraError("reading PostgreSQL", "postgres") from error
        with self._reported(psycopg.Error):
            connection = psycopg.connect(re.sub(r"^\w+\+\w+:", "postgresql:", self._query.dsn), connect_timeout=10)
        with closing(connection):
            connection.read_only = True
            with closing(connection.cursor(name="tastemaker_import")) as cursor:
                with self._reported(psycopg.Error):
                    cursor.execute(self._query.sql.encode())
                yield cursor, psycopg.Error

    @contextmanager
    def _reported(self, failure: type[Exception]) -> Iterator[None]:
        try:
            yield
        except failure as error:
            raise DataError(
                f"the database says: {' '.join(str(error).split())}",
                where=self.label,
                remedy="Check the address and the query.",
            ) from error


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _names(cursor: Any, label: str) -> list[str]:
    names = [str(column[0]) for column in cursor.description or ()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        raise DataError(
            f"several columns have the same name: {', '.join(twice)}" if twice else "the query gives no rows",
            where=label,
            remedy="Name them apart with AS." if twice else "Give a SELECT.",
        )
    return names
