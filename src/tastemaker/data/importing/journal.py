"""The work folder of an import: finished blocks, each whole or not there, so that a killed import goes on.

It stands beside the target under a hidden name and goes away when the target is complete.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import polars as pl

from tastemaker.core.errors import StorageError
from tastemaker.core.files import atomic_file
from tastemaker.data.importing.rows import Place, Reject

try:
    import fcntl
except ImportError:  # Windows: two imports into one folder at a time are then the user's to avoid
    fcntl = None  # type: ignore[assignment]

_PLAN, _LOCK, _BUILT, _BEFORE = "plan.json", "lock", "built", "before"


class Journal:
    """Finished blocks of each input.

    A block is a Parquet file of rows, a file of bad rows where it has any, and a record of both that is written
    last: only a block with its record counts.

    Args:
        folder: The work folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def beside(cls, target: Path) -> Journal:
        """Return the journal of imports into ``target``."""
        return cls(target.with_name(f".{target.name}.import"))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one import; where nothing is left in it, it goes away.

        Raises:
            StorageError: Another process imports into the same folder, or nothing can be written.
        """
        with _reported(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / _LOCK).open("w")
        with lock:
            _take(lock, self.folder)
            try:
                yield
            finally:
                if [path.name for path in self.folder.glob("*")] == [_LOCK]:
                    self.discard()

    def begin(self, plan: Mapping[str, Any]) -> bool:
        """Make ready for an import of ``plan``; return whether one was begun before.

        What was begun under another plan is thrown away.
        """
        if self._holds(plan):
            return True
        with _reported(self.folder):
            for path in self.folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name != _LOCK:
                    path.unlink()
            with atomic_file(self.folder / _PLAN) as temporary:
                temporary.write_text(json.dumps(plan, sort_keys=True), encoding="utf-8")
        return False

    def recover(self, target: Path) -> None:
        """Put back what stood at ``target`` if an import died while it took its place."""
        if (self.folder / _BEFORE).exists() and not target.exists():
            os.replace(self.folder / _BEFORE, target)

    @contextmanager
    def replacing(self, target: Path) -> Iterator[Path]:
        """Yield an empty folder that takes the place of ``target`` when it is done.

        Unlike a folder under a temporary name of its own, it is found again after a kill at any moment.

        Raises:
            StorageError: It cannot be written; what stood there stays.
        """
        built = self.folder / _BUILT
        try:
            with _reported(self.folder):
                shutil.rmtree(built, ignore_errors=True)
                built.mkdir()
                yield built
                for path in [*built.iterdir(), built]:
                    _sync(path)
                if target.exists():
                    os.replace(target, self.folder / _BEFORE)
                os.replace(built, target)
                _sync(target.parent)
        finally:
            self.recover(target)
            shutil.rmtree(built, ignore_errors=True)

    def _holds(self, plan: Mapping[str, Any]) -> bool:
        try:
            return bool(json.loads((self.folder / _PLAN).read_text(encoding="utf-8")) == json.loads(json.dumps(plan)))
        except (OSError, ValueError):
            return False

    def discard(self) -> None:
        """Throw everything away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def forget(self, number: int) -> None:
        """Throw away the blocks of one input."""
        for path in self.folder.glob(f"{number:03d}-*"):
            path.unlink()

    def records(self, number: int) -> list[dict[str, Any]]:
        """Return the records of an input's finished blocks, in order."""
        found: list[dict[str, Any]] = []
        while True:
            path = self._path(number, len(found), "json")
            try:
                found.append(json.loads(path.read_text(encoding="utf-8")))
            except FileNotFoundError:
                return found

    def commit(
        self, number: int, block: int, rows: pl.DataFrame, rejects: list[Reject], place: Place, record: dict[str, Any]
    ) -> None:
        """Keep a block for good.

        Raises:
            StorageError: It cannot be written; the blocks before it stay.
        """
        with _reported(self.folder):
            if rows.height:
                buffer = BytesIO()
                rows.write_parquet(buffer, compression="lz4", statistics=False)
                _write(self._path(number, block, "parquet"), buffer.getbuffer())
            if rejects:
                lines = (json.dumps(_told(reject), ensure_ascii=False) for reject in rejects)
                _write(self._path(number, block, "rejects.jsonl"), ("\n".join(lines) + "\n").encode())
            whole = {**record, "place": place, "has_rows": bool(rows.height), "has_rejects": bool(rejects)}
            with atomic_file(self._path(number, block, "json")) as temporary:
                temporary.write_text(json.dumps(whole), encoding="utf-8")

    def parts(self, number: int, records: list[dict[str, Any]]) -> list[Path]:
        """Return the Parquet files of an input's blocks."""
        return [self._path(number, block, "parquet") for block, record in enumerate(records) if record["has_rows"]]

    def rejected(self, number: int, records: list[dict[str, Any]]) -> list[Path]:
        """Return the files of bad rows of an input's blocks."""
        return [
            self._path(number, block, "rejects.jsonl") for block, record in enumerate(records) if record["has_rejects"]
        ]

    def _path(self, number: int, block: int, kind: str) -> Path:
        return self.folder / f"{number:03d}-{block:07d}.{kind}"


def _told(reject: Reject) -> dict[str, Any]:
    told = {"line": reject.line, "reason": reject.reason, "column": reject.column, "text": reject.text}
    return {name: value for name, value in told.items() if value is not None}


def _write(path: Path, data: bytes | memoryview) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _take(lock: IO[str], folder: Path) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StorageError(
            "another import into the same folder is under way", where=str(folder), remedy="Wait until it is done."
        ) from error


@contextmanager
def _reported(folder: Path) -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        raise _storage_error(folder, error.message.removeprefix("could not write: ")) from error
    except OSError as error:
        raise _storage_error(folder, error.strerror or str(error)) from error


def _storage_error(folder: Path, problem: str) -> StorageError:
    return StorageError(
        f"could not write: {problem}",
        where=str(folder),
        remedy="Free some space and run the same import again: it goes on where it stopped. The data set is untouched.",
    )
