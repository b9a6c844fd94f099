"""Vectors by id in named spaces, in SQLite; a space is read into memory when it is first searched."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Final

import numpy as np

from tastemaker.core.errors import DataError
from tastemaker.store.ports import Vectors
from tastemaker.store.sqlite.database import Database
from tastemaker.store.sqlite.erasing import Erased, take_away
from tastemaker.store.sqlite.space import Space
from tastemaker.store.values import checked_name

_AT_ONCE: Final = 500
_BLOCK: Final = 4_096
_KEPT: Final = np.dtype("<f4")
_OF_SPACE: Final = "space = (SELECT number FROM spaces WHERE name = ?)"


class SQLiteVectorStore:
    """Keeps `VectorStore`; search compares all vectors of a space, in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guard = Lock()
        self._spaces: dict[str, Space] = {}

    def put(self, space: str, ids: Sequence[str], vectors: Vectors) -> None:
        """See `VectorStore.put`; of several vectors for one id the last counts."""
        from tastemaker.retrieval.port import checked_vectors

        checked_name(space, "a space", "space")
        table = checked_vectors(vectors)
        if len(table) != len(ids):
            raise DataError(f"{len(ids)} ids came with {len(table)} vectors", where=f"space {space}")
        last = {checked_name(name, f"space {space}", "id"): place for place, name in enumerate(ids)}
        if not last:
            return
        # A copy: what is kept in memory must not change when the caller goes on with their own.
        kept = table[list(last.values())]

        def work(connection: sqlite3.Connection) -> None:
            number = _number_of(connection, space, kept.shape[1])
            connection.executemany(
                "INSERT INTO vectors VALUES (?, ?, ?) ON CONFLICT (space, id) DO UPDATE SET vector = excluded.vector",
                ((number, name, row.astype(_KEPT).tobytes()) for name, row in zip(last, kept, strict=True)),
            )

        self._database.writer.run(work, committed=lambda: self._change(space, list(last), kept))

    def get(self, space: str, ids: Sequence[str]) -> tuple[list[str], Vectors]:
        """See `VectorStore.get`."""
        found: dict[str, bytes] = {}
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            query = f"SELECT id, vector FROM vectors WHERE {_OF_SPACE} AND id IN ({', '.join('?' * len(some))})"
            found.update(self._database.rows(query, (space, *some)))
        names = [name for name in ids if name in found]
        return names, _table([found[name] for name in names], self._dim(space))

    def search(
        self, space: str, queries: Vectors, k: int, allowed: frozenset[str] | None = None
    ) -> list[list[tuple[str, float]]]:
        """See `VectorStore.search`; equal ones come in the order of their ids.

        Raises:
            DataError: The queries have another length than the space's, or are not finite.
            QueryError: ``k`` is less than 1.
        """
        from tastemaker.retrieval.port import checked_k, checked_vectors

        checked_k(k)
        dim = self._dim(space)
        asked = checked_vectors(queries, dim or None, "queries")
        return self._space(space).search(asked, k, allowed) if dim else [[] for _ in range(len(asked))]

    def scan(self, space: str) -> Iterator[tuple[list[str], Vectors]]:
        """See `VectorStore.scan`; what changes meanwhile may or may not be seen."""
        dim, after = self._dim(space), ""
        query = f"SELECT id, vector FROM vectors WHERE {_OF_SPACE} AND id > ? ORDER BY id LIMIT {_BLOCK}"
        while rows := self._database.rows(query, (space, after)):
            yield [name for name, _ in rows], _table([blob for _, blob in rows], dim)
            after = rows[-1][0]

    def delete(self, space: str, ids: Sequence[str]) -> int:
        """See `VectorStore.delete`."""

        def work(connection: sqlite3.Connection) -> Erased:
            parts = [
                take_away(
                    connection, "vectors", f"{_OF_SPACE} AND id = ?", (space, name), keys=("id",), contents=("vector",)
                )
                for name in dict.fromkeys(ids)
            ]
            return Erased(
                sum(part.count for part in parts), list(ids), [blob for part in parts for blob in part.contents]
            )

        return self._database.erase(work, committed=lambda: self._change(space, ids, None))

    def spaces(self) -> dict[str, int]:
        """See `VectorStore.spaces`; one that was emptied is not named."""
        query = "SELECT name, count(*) FROM vectors JOIN spaces ON number = space GROUP BY name ORDER BY name"
        return dict(self._database.rows(query))

    def _dim(self, space: str) -> int:
        return int(self._database.value("SELECT dim FROM spaces WHERE name = ?", (space,)) or 0)

    def _space(self, name: str) -> Space:
        """Return a space in memory; the first to ask reads it, and the others wait for that."""
        # It is there before the reading begins, so that no change between that and the end of the reading is lost.
        with self._guard:
            space = self._spaces.setdefault(name, Space())
        with space.filling:
            if not space.filled:
                blocks = list(self.scan(name))
                ids = [one for names, _ in blocks for one in names]
                space.fill(ids, np.concatenate([vectors for _, vectors in blocks]) if blocks else None)
        return space

    def _change(self, name: str, ids: Sequence[str], vectors: Vectors | None) -> None:
        with self._guard:
            space = self._spaces.get(name)
            if space is not None and space.change(ids, vectors):
                del self._spaces[name]  # the next search reads it anew


def _number_of(connection: sqlite3.Connection, space: str, dim: int) -> int:
    connection.execute("INSERT INTO spaces (name, dim) VALUES (?, ?) ON CONFLICT DO NOTHING", (space, dim))
    number, there = connection.execute("SELECT number, dim FROM spaces WHERE name = ?", (space,)).fetchone()
    if there != dim:
        raise DataError(
            f"vectors have {dim} dimensions, and those of the space have {there}",
            where=f"space {space}",
            remedy="Keep what another encoder makes in a space of its own.",
        )
    return int(number)


def _table(blobs: list[bytes], dim: int) -> Vectors:
    return np.frombuffer(b"".join(blobs), _KEPT).reshape(len(blobs), dim).astype(np.float32)
