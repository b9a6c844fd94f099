"""Writing files and folders whole or not at all: temporary name, fsync, rename."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tastemaker.core.errors import StorageError


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary_sibling(target: Path) -> Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.tmp")


def _storage_error(target: Path, error: OSError) -> StorageError:
    return StorageError(
        f"could not write: {error.strerror or error}",
        where=str(target),
        remedy="Free some space or choose another folder; what stood there before is untouched.",
    )


@contextmanager
def refusals_of(*kinds: type[Exception]) -> Iterator[None]:
    """Let the errors by which a library reports a write that the system refused be an `OSError`, as they are."""
    try:
        yield
    except kinds as error:
        raise OSError(str(error)) from error


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; on success it takes ``target``'s name.

    On any error, an interrupt included, the temporary file is removed and ``target`` stays as it was.

    Raises:
        StorageError: The operating system refused a write (full disk, read-only folder).
    """
    temporary = _temporary_sibling(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        os.replace(temporary, target)
        _sync(target.parent)
    except OSError as error:
        raise _storage_error(target, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def atomic_folder(target: Path, replaces: str | None = None) -> Iterator[Path]:
    """Yield an empty temporary folder; on success it replaces ``target`` as a whole.

    A reader sees the old folder or the new one, never a mixture; between the two renames it may, for an
    instant, see none. On any error, an interrupt included, the old folder stays.

    Args:
        target: The folder to write; where it is a link, the folder that it points to.
        replaces: A file by which an older version is known; a folder that holds other things and not this file is
            left alone. ``None`` replaces whatever is there.

    Raises:
        StorageError: The operating system refused a write (full disk, read-only folder), or something else is there.
    """
    target = target.resolve()
    _need_replaceable(target, replaces)
    temporary = _temporary_sibling(target)
    retired = _temporary_sibling(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        yield temporary
        for path in sorted(temporary.rglob("*")):
            _sync(path)
        _sync(temporary)
        if target.exists():
            os.replace(target, retired)
        os.replace(temporary, target)
        _sync(target.parent)
    except OSError as error:
        raise _storage_error(target, error) from error
    finally:
        if retired.exists() and not target.exists():
            os.replace(retired, target)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)


def _need_replaceable(target: Path, replaces: str | None) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise StorageError("a file is in the way of a folder", where=str(target), remedy="Choose another name.")
    if replaces is not None and not (target / replaces).exists() and any(target.iterdir()):
        raise StorageError(
            f"the folder holds other things and would be replaced (it has no {replaces})",
            where=str(target),
            remedy="Choose a new or an empty folder; nothing was touched.",
        )
