"""Files as streams of UTF-8 lines: decompressed, without a byte order mark, told apart by content, not by name."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tastemaker.core.errors import DataError, MissingExtraError

_GZIP, _ZSTD, _PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
_PIECE: Final = 1 << 20
_WORDS_PER_CHARACTER_MARK: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class Stream:
    """Bytes that come in order; a read returns all that was asked for unless the end is reached."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._ahead = b""

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer at the end only."""
        parts = [self._ahead[:size]]
        self._ahead = self._ahead[size:]
        missing = size - len(parts[0])
        while missing > 0 and (part := self._read(missing)):
            parts.append(part[:missing])
            self._ahead = part[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    def unread(self, data: bytes) -> None:
        """Put bytes back at the front."""
        self._ahead = data + self._ahead

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes."""
        while size > 0 and (part := self.read(min(size, _PIECE))):
            size -= len(part)


@contextmanager
def open_stream(path: Path) -> Iterator[Stream]:
    """Open a text file: gzip and Zstandard are unpacked, UTF-16 becomes UTF-8, lines end with a newline.

    Raises:
        DataError: The file is missing, or damaged where it is compressed.
        MissingExtraError: It is Zstandard, and nothing here can read that.
    """
    file, failures = _open(path)
    try:
        with file:
            yield Stream(_as_utf8(Stream(file.read)).read)
    except failures as error:
        raise DataError(
            f"the compressed file is damaged or cut off: {error}",
            where=str(path),
            remedy="Copy or export it again.",
        ) from error


def _open(path: Path) -> tuple[Any, tuple[type[Exception], ...]]:
    start = first_bytes(path)
    if start.startswith(_GZIP):
        return gzip.open(path), (EOFError, gzip.BadGzipFile, zlib.error)
    if start.startswith(_ZSTD):
        zstd = _zstd()
        return zstd.open(path), (EOFError, zstd.ZstdError)
    return path.open("rb"), ()


def _zstd() -> Any:
    try:
        from compression import zstd  # Python 3.14
    except ImportError:
        try:
            from backports import zstd  # type: ignore[no-redef, unused-ignore]
        except ImportError as error:
            raise MissingExtraError("reading Zstandard files", "zstd") from error
    return zstd


def _as_utf8(stream: Stream) -> Stream:
    start = stream.read(1 << 16)
    if start.startswith(codecs.BOM_UTF8):
        start = start[len(codecs.BOM_UTF8) :]
    stream.unread(start)
    encoding = next((name for mark, name in _WORDS_PER_CHARACTER_MARK.items() if start.startswith(mark)), None)
    if encoding is not None:
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        stream.skip(2)

        def transcode(size: int) -> bytes:
            piece = stream.read(size)
            text = decoder.decode(piece, final=not piece)
            return text.encode() or (transcode(size) if piece else b"")

        return Stream(transcode)
    if b"\n" not in start and b"\r" in start[:-1]:  # as old Macs wrote
        return Stream(lambda size: stream.read(size).replace(b"\r", b"\n"))
    return stream


def first_bytes(path: Path) -> bytes:
    """Return the first bytes of a file, by which its kind is known.

    Raises:
        DataError: There is no such file, it cannot be read, or it is empty.
    """
    if path.is_dir():
        raise DataError("this is a folder, not a file", where=str(path), remedy="Name the files in it.")
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise DataError(
            f"cannot read the file: {error.strerror}", where=str(path), remedy="Check the path and its rights."
        ) from error
    if not start:
        raise DataError("the file is empty", where=str(path), remedy="Export it again.")
    return start


def is_parquet(path: Path) -> bool:
    """Say whether a file is Parquet, by its first bytes."""
    return first_bytes(path).startswith(_PARQUET)


def digest(path: Path, at: set[int] | None = None) -> tuple[str, dict[int, str]]:
    """Return the sha256 of a file, and that of its first ``n`` bytes for each ``n`` of ``at``."""
    first_bytes(path)
    whole = hashlib.sha256()
    marks: dict[int, str] = {}
    done = 0
    with path.open("rb") as file:
        for stop in [*sorted(at or ()), None]:
            while stop is None or done < stop:
                piece = file.read(_PIECE if stop is None else min(_PIECE, stop - done))
                if not piece:
                    break
                whole.update(piece)
                done += len(piece)
            if stop is not None and done == stop:
                marks[stop] = whole.copy().hexdigest()
    return whole.hexdigest(), marks
