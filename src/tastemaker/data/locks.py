"""A lock between processes and threads; the system frees the lock of one that dies."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tastemaker.core.errors import StorageError


@contextmanager
def locked(path: Path, name: str, notify: Callable[[str], None]) -> Iterator[None]:
    """Let one process or thread at a time fetch the asset ``name``; the others wait and are told so."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
    except OSError as error:
        raise StorageError(
            f"could not write to the cache: {error.strerror or error}",
            where=str(path.parent),
            remedy="Set TASTEMAKER_CACHE to a folder that can be written.",
        ) from error
    with file:
        waited = False
        while not _try_lock(file.fileno()):
            if not waited:
                notify(f"Another process is fetching {name}; waiting for it")
                waited = True
            time.sleep(0.05)
        yield


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
