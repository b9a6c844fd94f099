"""Text files in blocks of whole lines: where a block ends, which encoding it has, and lines without end.

What a block holds is parsed by a `Format`; this module knows nothing of fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np
import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.data.importing.rows import Batch, Place, Reject, shown, text_frame
from tastemaker.data.importing.streams import Stream, open_stream

Encoding = Literal["utf-8", "latin-1"]

LATIN_NOTE: Final = "lines read as Windows-1252 (latin-1)"
_C1: Final = {code: bytes([code]).decode("cp1252", errors="ignore") or chr(code) for code in range(0x80, 0xA0)}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is held at once.

    Attributes:
        block: Bytes that are parsed together.
        line: Bytes of the longest line, or quoted record, that is read; a longer one is set aside.
    """

    block: int = 16 << 20
    line: int = 1 << 20

    def __post_init__(self) -> None:
        if not 0 < 2 * self.line <= self.block:
            raise ValueError("a block must hold two of the longest lines")


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes of a file that begin with a line.

    Attributes:
        data: The bytes.
        last: Whether the file ends with them.
        encoding: What is known of the encoding; ``None`` as long as all was ASCII.
        line: Number of the first line.
    """

    data: bytes
    last: bool
    encoding: Encoding | None
    line: int

    def decode(self, part: bytes) -> str:
        """Return text of this block.

        Raises:
            UnicodeDecodeError: It is not UTF-8, and the file is not latin-1.
        """
        if self.encoding == "latin-1":
            return part.decode("latin-1").translate(_C1)
        return part.decode()


class Format(Protocol):
    """Turns blocks into rows.

    Attributes:
        columns: Names of the columns.
    """

    columns: list[str]

    def parse(self, block: Block, limits: Limits, ids: frozenset[str]) -> tuple[Batch, int]:
        """Return the rows of a block and how many bytes they were; what is left begins the next block.

        The batch's place is filled in by the caller.
        """
        ...


class TextInput:
    """A text file, read block by block.

    Args:
        path: The file.
        form: Parses its blocks.
        limits: How much is held at once.
        header: Whether the first line names the columns.
        encoding: What the file is in; ``None`` finds out.
    """

    unit = "line"

    def __init__(
        self, path: Path, form: Format, limits: Limits, *, header: bool, encoding: Encoding | None = None
    ) -> None:
        self.label = str(path)
        self.columns = form.columns
        self._path, self._form, self._limits = path, form, limits
        self._header, self._encoding = header, encoding

    def sample(self) -> pl.DataFrame:
        """Return the rows of the first block, ten thousand at most."""
        return next(
            (batch.frame.head(10_000) for batch in self.batches(None, frozenset())), text_frame([], self.columns)
        )

    def batches(self, place: Place | None, ids: frozenset[str]) -> Iterator[Batch]:
        """Read on from ``place``: ``offset, line, encoding``."""
        with open_stream(self._path) as stream:
            place = place or self._start(stream)
            encoding: Encoding | None = place["encoding"]
            offset, line = place["offset"], place["line"]
            stream.skip(offset - place.get("read", 0))
            while data := stream.read(self._limits.block):
                block = Block(data, len(data) < self._limits.block, encoding, line)
                if b"\n" not in data and not block.last:
                    batch, used = self._endless(stream, block)
                else:
                    block = _with_encoding(block)
                    batch, used = self._form.parse(block, self._limits, ids)
                    stream.unread(data[used:])
                encoding = block.encoding
                line, offset = line + batch.read, offset + used
                batch.place = {"offset": offset, "line": line, "encoding": encoding}
                yield batch

    def _start(self, stream: Stream) -> Place:
        """Pass over the header."""
        read = len(header_line(stream, self.label, self._limits)) if self._header else 0
        return {"offset": read, "read": read, "line": 1 + bool(read), "encoding": self._encoding}

    def _endless(self, stream: Stream, block: Block) -> tuple[Batch, int]:
        """Pass over a line that does not end within the block."""
        used = len(block.data)
        while part := stream.read(self._limits.block):
            end = part.find(b"\n") + 1
            used += end or len(part)
            if end:
                stream.unread(part[end:])
                break
        reject = Reject(block.line, too_long(self._limits), shown(block.data))
        empty = text_frame([], self.columns)
        return Batch(empty, np.empty(0, dtype=np.int64), lambda row: "", {}, 1, rejects=[reject]), used


def too_long(limits: Limits) -> str:
    """Say that a line is longer than what is read."""
    return f"line too long: more than {limits.line:,} bytes"


def header_line(stream: Stream, label: str, limits: Limits) -> bytes:
    """Read the first line.

    Raises:
        DataError: It is too long to be one.
    """
    data = stream.read(limits.block)
    end = data.find(b"\n") + 1 or len(data)
    if end > limits.line:
        raise DataError(
            f"the first line is longer than {limits.line:,} bytes",
            where=f"{label}, line 1",
            remedy="It should name the columns. Is this a text file with lines?",
        )
    stream.unread(data[end:])
    return data[:end]


def _with_encoding(block: Block) -> Block:
    """Settle the encoding by the first block that is not ASCII: latin-1 where more lines are not UTF-8 than are."""
    if block.encoding is not None or block.data.isascii():
        return block
    whole = block.data if block.last else block.data[: block.data.rfind(b"\n") + 1]
    lines = [line for line in whole.split(b"\n") if not line.isascii()]
    known: Encoding | None = None  # a line that the block cuts in two says nothing yet
    if lines:
        known = "utf-8" if 2 * sum(map(_is_utf8, lines)) > len(lines) else "latin-1"
    return Block(block.data, block.last, known, block.line)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
