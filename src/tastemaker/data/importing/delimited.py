"""CSV and its kin: well-formed blocks are parsed by Polars at once, the others record by record."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.data.importing.careful import RecordReader, split_quoted
from tastemaker.data.importing.rows import Batch, joined
from tastemaker.data.importing.streams import open_stream
from tastemaker.data.importing.text import LATIN_NOTE, Block, Encoding, Limits, TextInput, header_line

DELIMITERS: Final = (",", "\t", ";", "|")
_SNIFFED: Final = 1 << 16
_PIECE: Final = 1 << 16
_QUOTE, _NEWLINE = 34, 10


def open_delimited(
    path: Path,
    *,
    delimiter: str | None = None,
    header: bool | None = None,
    encoding: Encoding | None = None,
    limits: Limits | None = None,
) -> TextInput:
    """Open a CSV file.

    Args:
        path: The file.
        delimiter: Between fields; ``None`` finds out.
        header: Whether the first line names the columns; ``None``: unless a field of it is a number.
        encoding: ``None`` finds out.
        limits: How much is held at once.

    Raises:
        DataError: The file is missing or empty, or two columns have one name.
    """
    limits = limits or Limits()
    with open_stream(path) as stream:
        first = header_line(stream, str(path), limits)
        start = stream.read(_SNIFFED)
        more = start.splitlines()[: -1 if len(start) == _SNIFFED else None][:50]
    if not first.strip():
        raise DataError("the first line is empty", where=f"{path}, line 1", remedy="It should name the columns.")
    delimiter = _one_byte(delimiter, path) if delimiter else _sniff([first, *more])
    names = _fields(first, delimiter, path)
    header = _looks_like_names(names) if header is None else header
    if header and _one_more(more, delimiter, len(names)):
        names.append("")
    columns = _distinct(names, path) if header else [f"column_{number}" for number in range(1, len(names) + 1)]
    return TextInput(path, Delimited(columns, delimiter), limits, header=header, encoding=encoding)


def _one_byte(delimiter: str, path: Path) -> str:
    known = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
    delimiter = known.get(delimiter, delimiter)
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
        raise DataError(
            f"'{delimiter}' cannot separate fields", where=str(path), remedy=f"One character, or: {', '.join(known)}."
        )
    return delimiter


def _sniff(lines: list[bytes]) -> str:
    """Return the delimiter that most lines have as often as the first line."""

    def agreement(delimiter: str) -> tuple[float, int]:
        counts = [line.count(delimiter.encode()) for line in lines]
        return (sum(count == counts[0] for count in counts) / len(counts), counts[0]) if counts[0] else (0.0, 0)

    return max(DELIMITERS, key=agreement)


def _one_more(lines: list[bytes], delimiter: str, names: int) -> bool:
    """Say whether most lines end with a delimiter that the line of names lacks: an empty field after the last."""
    ended = [line.endswith(delimiter.encode()) and line.count(delimiter.encode()) == names for line in lines]
    return 2 * sum(ended) > len(lines)


def _fields(line: bytes, delimiter: str, path: Path) -> list[str]:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = line.decode("cp1252", errors="replace")
    fields = split_quoted(text.rstrip("\r\n"), delimiter)
    if isinstance(fields, list):
        return fields
    raise DataError(
        f"the names of the columns cannot be read: {fields or 'a quote is not closed'}",
        where=f"{path}, line 1",
        remedy="Write them on one line, each quote closed.",
    )


def _looks_like_names(fields: list[str]) -> bool:
    numbers = pl.Series(fields, dtype=pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    return numbers.is_null().all()


def _distinct(names: list[str], path: Path) -> list[str]:
    columns = [name.strip() or f"column_{number}" for number, name in enumerate(names, start=1)]
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        listed = ", ".join(f"'{name}'" for name in twice)
        places = ", ".join(str(place) for place, name in enumerate(columns, start=1) if name == twice[0])
        raise DataError(
            f"several columns have the same name: {listed}",
            where=f"{path}, line 1, columns {places}",
            remedy="Give each column a name of its own.",
        )
    return columns


class Delimited:
    """Fields between delimiters, quoted as RFC 4180 has it where they hold one.

    Args:
        columns: Names of the columns.
        delimiter: One ASCII character.
    """

    def __init__(self, columns: list[str], delimiter: str) -> None:
        self.columns = columns
        self._delimiter = delimiter
        self._careful = RecordReader(columns, delimiter)

    def parse(self, block: Block, limits: Limits, ids: frozenset[str]) -> tuple[Batch, int]:
        """Return the rows of a block and how many bytes they were."""
        return self._at_once(block, limits) or self._in_pieces(block, limits)

    def _in_pieces(self, block: Block, limits: Limits) -> tuple[Batch, int]:
        """Parse small parts of a block at once where they allow it, and record by record where not."""
        batches: list[Batch] = []
        start, size, line = 0, _PIECE, block.line
        while start < len(block.data):
            data = block.data[start : start + size]
            whole = start + size >= len(block.data)
            piece = Block(data, block.last and whole, block.encoding, line)
            used = 0
            if piece.last or b"\n" in data:
                batch, used = self._at_once(piece, limits) or self._careful.parse(piece, limits)
            if used:
                batches.append(batch)
                start, size, line = start + used, _PIECE, line + batch.read
            elif whole:
                break
            else:  # a record is longer than the piece
                size *= 2
        return joined(batches), start

    def _at_once(self, block: Block, limits: Limits) -> tuple[Batch, int] | None:
        """Parse a block in which each record is well-formed; ``None`` where one is not."""
        data = block.data
        if b"\0" in data or (b"\r" in data and data.count(b"\r") != data.count(b"\r\n")):
            return None
        ends = record_ends(block, ord(self._delimiter), len(self.columns) - 1)
        if ends is None or not len(ends):
            return None
        starts = np.append(0, ends[:-1])
        used = int(ends[-1])
        part = data[:used]
        if (ends - starts).max() > limits.line or part.startswith((b"\n", b"\r\n")):
            return None
        if (ends - starts).min() < 3 and (b"\n\n" in part or b"\n\r\n" in part):
            return None
        try:
            frame = self._frame(block, part)
        except (UnicodeDecodeError, pl.exceptions.PolarsError):
            return None
        if frame.height != len(ends):
            return None
        return _batch(block, frame, starts, ends), used

    def _frame(self, block: Block, part: bytes) -> pl.DataFrame:
        if b"\r" in part:
            part = part.replace(b"\r\n", b"\n")
        if not part.isascii():
            text = block.decode(part)
            part = text.encode() if block.encoding == "latin-1" else part
        quoted = b'"' in part
        frame = pl.read_csv(
            part,
            has_header=False,
            schema=dict.fromkeys(self.columns, pl.String),
            separator=self._delimiter,
            quote_char='"' if quoted else None,
        )
        return frame.with_columns(pl.all().replace("", None)) if quoted else frame


def record_ends(block: Block, delimiter: int, delimiters: int) -> NDArray[np.int64] | None:
    """Return where each whole record of a block ends, or ``None`` where a record is not well-formed.

    Quotes must open after a delimiter and close before one, and there must be ``delimiters`` a record on average
    (that none has more is left to the parser).
    """
    data = np.frombuffer(block.data, dtype=np.uint8)
    newlines = np.flatnonzero(data == _NEWLINE)
    end = len(data) if block.last else int(newlines[-1]) + 1
    if b'"' not in block.data:
        ends = newlines + 1
        if not len(ends) or ends[-1] < end:
            ends = np.append(ends, end)
        found = block.data.count(bytes([delimiter]), 0, end)
        return ends if found == delimiters * len(ends) else None
    quotes = np.flatnonzero(data == _QUOTE)
    outside = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    ends = outside + 1
    if block.last and len(data) and (not len(ends) or ends[-1] < len(data)):
        ends = np.append(ends, len(data))
    if not len(ends):
        return None
    end = int(ends[-1])
    quotes = quotes[quotes < end]
    if len(quotes) % 2 or not _well_placed(data[:end], quotes, delimiter):
        return None
    marks = np.flatnonzero(data[:end] == delimiter)
    between = np.count_nonzero(np.searchsorted(quotes, marks) % 2 == 0)
    return ends if between == delimiters * len(ends) else None


def _well_placed(data: NDArray[np.uint8], quotes: NDArray[np.int64], delimiter: int) -> bool:
    opening, closing = quotes[0::2], quotes[1::2]
    before = np.where(opening > 0, data[opening - 1], _NEWLINE)
    after = np.where(closing + 1 < len(data), data[np.minimum(closing + 1, len(data) - 1)], _NEWLINE)
    good_before = (before == delimiter) | (before == _NEWLINE) | (before == _QUOTE)
    good_after = (after == delimiter) | (after == _NEWLINE) | (after == _QUOTE) | (after == ord("\r"))
    return bool(good_before.all() and good_after.all())


def _batch(block: Block, frame: pl.DataFrame, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Batch:
    data = block.data
    used = int(ends[-1])
    read = len(ends)
    if b'"' in data:
        read = data.count(b"\n", 0, used) + (not data.endswith(b"\n", 0, used))
    if read == len(ends):
        lines, kept_lines = np.arange(block.line, block.line + len(ends), dtype=np.int64), None
    else:
        newlines = np.flatnonzero(np.frombuffer(data, dtype=np.uint8)[:used] == _NEWLINE)
        before = np.searchsorted(newlines, starts)
        kept_lines = np.diff(np.append(before, read))
        lines = before + block.line

    def raw(row: int) -> str:
        return block.decode(data[starts[row] : ends[row]]).rstrip("\r\n")

    latin = block.encoding == "latin-1" and not data[:used].isascii()
    notes = {LATIN_NOTE: sum(not line.isascii() for line in data[:used].split(b"\n"))} if latin else {}
    return Batch(frame, lines, raw, {}, read, kept_lines, notes=notes)
