"""Folders by content beside the database, and in it what is known of them and the names that point at them."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Any, Final

from tastemaker.core.clock import Clock, to_microseconds
from tastemaker.core.errors import DataError, StorageError
from tastemaker.core.files import atomic_folder
from tastemaker.store.ports import Artefact, Row
from tastemaker.store.sqlite.database import Database
from tastemaker.store.sqlite.trouble import RESTORE
from tastemaker.store.values import checked_name, checked_row, checked_text

_SELECT: Final = "SELECT artefact_id, kind, created, facts FROM artefacts"
_MEANT: Final = "SELECT artefact_id FROM pointers WHERE name = ? ORDER BY number DESC LIMIT 1"
_IN_USE: Final = (
    "SELECT name FROM pointers WHERE artefact_id = ? AND number IN (SELECT max(number) FROM pointers GROUP BY name)"
)
_Seen = list[tuple[str, int, int]]


class SQLiteArtefacts:
    """Keeps `Artefacts`.

    Args:
        database: What is known of them.
        folder: Where the folders are, each named by its content.
        clock: When they come.
    """

    def __init__(self, database: Database, folder: Path, clock: Clock) -> None:
        self._database = database
        self._folder = folder
        self._clock = clock
        self._verified: dict[str, _Seen] = {}
        self.unchanged = RLock()
        """Held by who needs the folders to stay as they are: a back-up."""
        for left in folder.glob(".*"):  # of a copy or a deletion that was cut off
            shutil.rmtree(left, ignore_errors=True)

    def put(self, kind: str, folder: Path, facts: Row) -> Artefact:
        """See `Artefacts.put`; of what is there already, kind and facts stay as well.

        Raises:
            DataError: The folder holds no files, or the facts what JSON cannot.
            StorageError: It cannot be read or copied, or was changed meanwhile.
        """
        checked_name(kind, "an artefact", "kind")
        about = checked_row(facts, f"an artefact '{kind}'", "facts")
        artefact_id = folder_hash(folder)
        with self.unchanged:
            if not self._is_whole(artefact_id):
                self._copy(folder, artefact_id)
            row = (artefact_id, kind, to_microseconds(self._clock()), about)
            insert = (
                "INSERT INTO artefacts (artefact_id, kind, created, facts) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
            )
            self._database.writer.run(lambda connection: connection.execute(insert, row).rowcount)
        return self._found("WHERE artefact_id = ?", artefact_id)[0]

    def open(self, artefact_id: str) -> Path:
        """See `Artefacts.open`; files that have not changed since they were checked are not read again."""
        if not self._found("WHERE artefact_id = ?", artefact_id):
            raise _unknown(artefact_id)
        if not self._is_whole(artefact_id):
            raise StorageError(
                "the artefact is damaged: its files are not those that were put",
                where=str(self._folder / artefact_id),
                remedy=f"Put the same files again, or point at another one. {RESTORE}",
            )
        return self._folder / artefact_id

    def of_kind(self, kind: str) -> list[Artefact]:
        """See `Artefacts.of_kind`."""
        return self._found("WHERE kind = ? ORDER BY number", kind)

    def point(self, name: str, artefact_id: str, reason: str = "") -> None:
        """See `Artefacts.point`."""
        checked_name(name, "a pointer", "name")
        checked_text(reason, f"pointer {name}", "reason")
        row = (name, to_microseconds(self._clock()), artefact_id, reason)

        def work(connection: sqlite3.Connection) -> None:
            if connection.execute(f"{_SELECT} WHERE artefact_id = ?", (artefact_id,)).fetchone() is None:
                raise _unknown(artefact_id)
            connection.execute("INSERT INTO pointers (name, at, artefact_id, reason) VALUES (?, ?, ?, ?)", row)

        self._database.writer.run(work)

    def pointed(self, name: str) -> Artefact | None:
        """See `Artefacts.pointed`."""
        found = self._found(f"WHERE artefact_id = ({_MEANT})", name)
        return found[0] if found else None

    def history(self, name: str) -> list[tuple[int, str, str]]:
        """See `Artefacts.history`."""
        query = "SELECT at, artefact_id, reason FROM pointers WHERE name = ? ORDER BY number"
        return [(at, artefact_id, reason) for at, artefact_id, reason in self._database.rows(query, (name,))]

    def delete(self, artefact_id: str) -> None:
        """See `Artefacts.delete`; where there is none nothing happens."""

        def work(connection: sqlite3.Connection) -> int:
            if names := [name for (name,) in connection.execute(_IN_USE, (artefact_id,)).fetchall()]:
                raise StorageError(
                    f"the artefact is in use under the name '{names[0]}'",
                    where=artefact_id,
                    remedy="Let the name point at another one first.",
                )
            return connection.execute("DELETE FROM artefacts WHERE artefact_id = ?", (artefact_id,)).rowcount

        with self.unchanged:
            if self._database.writer.run(work):
                # Under another name first: what is cut off here is not half an artefact, and is swept up later.
                going = self._folder / f".{uuid.uuid4().hex}"
                with suppress(OSError):
                    (self._folder / artefact_id).rename(going)
                shutil.rmtree(going, ignore_errors=True)

    def copy_to(self, folder: Path) -> None:
        """Copy the folders of all artefacts; call it with `unchanged` held."""
        folder.mkdir(parents=True, exist_ok=True)
        for (artefact_id,) in self._database.rows("SELECT artefact_id FROM artefacts"):
            _copy_files(self.open(artefact_id), folder / artefact_id)

    def _copy(self, source: Path, artefact_id: str) -> None:
        with atomic_folder(self._folder / artefact_id) as copy:
            _copy_files(source, copy)
            if folder_hash(copy) != artefact_id:
                raise StorageError(
                    "the folder changed while it was copied",
                    where=str(source),
                    remedy="Put it again when nothing writes to it.",
                )

    def _is_whole(self, artefact_id: str) -> bool:
        folder = self._folder / artefact_id
        try:
            seen = [(name, path.stat().st_mtime_ns, path.stat().st_size) for name, path in _files(folder)]
            if not seen or (self._verified.get(artefact_id) != seen and folder_hash(folder) != artefact_id):
                return False
        except (OSError, StorageError):
            return False
        self._verified[artefact_id] = seen
        return True

    def _found(self, rest: str, given: str) -> list[Artefact]:
        return [_artefact(row) for row in self._database.rows(f"{_SELECT} {rest}", (given,))]


def folder_hash(folder: Path) -> str:
    """Return the SHA-256 over the names and contents of a folder's files, in the order of the names, in hexadecimal.

    Each name, with ``/`` between its parts, is followed by a zero and the SHA-256 of its file.

    Raises:
        DataError: There are no files.
        StorageError: They cannot be read.
    """
    whole = hashlib.sha256()
    files = list(_files(folder))
    if not files:
        raise DataError("the folder holds no files", where=str(folder), remedy="Name the folder of a saved model.")
    try:
        for name, path in files:
            with path.open("rb") as file:
                whole.update(name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    except OSError as error:
        raise StorageError(f"could not read: {error.strerror or error}", where=str(folder)) from error
    return whole.hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    yield from sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())


def _copy_files(source: Path, target: Path) -> None:
    for name, path in _files(source):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _unknown(artefact_id: str) -> StorageError:
    return StorageError(
        "there is no such artefact", where=artefact_id, remedy="`of_kind` returns those that there are."
    )


def _artefact(row: tuple[Any, ...]) -> Artefact:
    artefact_id, kind, created, facts = row
    return Artefact(artefact_id, kind, created, json.loads(facts))
