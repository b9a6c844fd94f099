"""Delimited text record by record: slower, and able to say of each bad line what is wrong with it."""

from __future__ import annotations

import numpy as np

from tastemaker.data.importing.rows import Batch, Reject, shown, text_frame
from tastemaker.data.importing.text import LATIN_NOTE, Block, Limits, too_long


class RecordReader:
    """Reads a block line by line; a quoted field may go on over several lines if the record is then right.

    Where a quote opens and no right record comes of it, its line is set aside alone and reading goes on with the
    next line: a stray quote costs one line, not all up to the next quote.

    Args:
        columns: Names of the columns.
        delimiter: One ASCII character.
    """

    def __init__(self, columns: list[str], delimiter: str) -> None:
        self.columns = columns
        self._delimiter = delimiter

    def parse(self, block: Block, limits: Limits) -> tuple[Batch, int]:
        """Return the rows of a block and how many bytes they were."""
        lines = block.data.split(b"\n")
        torn = lines.pop() if not block.last or lines[-1] == b"" else b""
        ended = not (block.last and lines and not block.data.endswith(b"\n"))
        rows: list[list[str | None]] = []
        places: list[tuple[int, int]] = []
        rejects: list[Reject] = []
        blank = latin = place = 0
        while place < len(lines):
            if lines[place] in (b"", b"\r"):
                blank, place = blank + 1, place + 1
                continue
            found = self._record(block, lines, place, limits)
            if found is None:  # it goes on in the next block
                break
            fields, count = found
            if isinstance(fields, str):
                if place == len(lines) - 1 and not ended and fields.startswith(("wrong number", "quote")):
                    fields = f"torn last line: the file ends within it ({fields})"
                rejects.append(Reject(block.line + place, fields, shown(lines[place].rstrip(b"\r"))))
            else:
                rows.append([field or None for field in fields])
                places.append((place, count))
                if block.encoding == "latin-1":
                    latin += sum(not line.isascii() for line in lines[place : place + count])
            place += count
        used = len(block.data) - len(torn) if place == len(lines) else sum(len(line) + 1 for line in lines[:place])

        def raw(row: int) -> str:
            first, count = places[row]
            return block.decode(b"\n".join(lines[first : first + count])).rstrip("\r")

        spans = np.asarray(places, dtype=np.int64).reshape(-1, 2)
        batch = Batch(
            text_frame(rows, self.columns),
            spans[:, 0] + block.line,
            raw,
            {},
            place,
            spans[:, 1],
            blank,
            rejects,
            {LATIN_NOTE: latin} if latin else {},
        )
        return batch, used

    def _record(
        self, block: Block, lines: list[bytes], place: int, limits: Limits
    ) -> tuple[list[str] | str, int] | None:
        """Return the fields of the record that begins at ``place``, or what is wrong, and how many lines it took."""
        text = self._text(block, lines[place], limits)
        if isinstance(text, _Wrong):
            return text.reason, 1
        if '"' not in text:
            return self._counted(text.split(self._delimiter)), 1
        fields = split_quoted(text, self._delimiter)
        if fields is not None:
            return fields if isinstance(fields, str) else self._counted(fields), 1
        return self._over_lines(block, lines, place, limits, text)

    def _over_lines(
        self, block: Block, lines: list[bytes], place: int, limits: Limits, text: str
    ) -> tuple[list[str] | str, int] | None:
        """Follow an open quote over the next lines; ``None`` where the block ends before it is closed."""
        size = len(lines[place]) + 1
        for more, line in enumerate(lines[place + 1 :], start=1):
            size += len(line) + 1
            following = self._text(block, line, limits)
            if isinstance(following, _Wrong) or size > limits.line:
                return "quote is not closed", 1
            text += "\n" + following
            if '"' in following and (fields := split_quoted(text, self._delimiter)) is not None:
                right = isinstance(fields, list) and len(fields) == len(self.columns)
                return (fields, more + 1) if right else ("quote is not closed on its line", 1)
        whole = sum(len(line) + 1 for line in lines[:place])
        if block.last or len(block.data) - whole > limits.line:
            return "quote is not closed", 1
        return None

    def _text(self, block: Block, line: bytes, limits: Limits) -> str | _Wrong:
        if len(line) >= limits.line:
            return _Wrong(too_long(limits))
        if b"\0" in line:
            return _Wrong("NUL byte")
        try:
            return block.decode(line.removesuffix(b"\r"))
        except UnicodeDecodeError as error:
            return _Wrong(f"not UTF-8: byte 0x{line[error.start]:02x} at position {error.start + 1}")

    def _counted(self, fields: list[str]) -> list[str] | str:
        if len(fields) == len(self.columns):
            return fields
        return f"wrong number of fields: {len(fields)} instead of {len(self.columns)}"


class _Wrong:
    def __init__(self, reason: str) -> None:
        self.reason = reason


def split_quoted(text: str, delimiter: str) -> list[str] | str | None:
    """Return the fields of a record, or what is wrong with its quotes, or ``None`` where one is still open.

    A quote within a field that does not begin with one is an ordinary character.

    >>> split_quoted('a,"b, c",5" pipe', ",")
    ['a', 'b, c', '5" pipe']
    >>> split_quoted('"a"b,c', ",")
    'text after a closing quote'
    """
    fields: list[str] = []
    start = 0
    while True:
        if text.startswith('"', start):
            end = text.find('"', start + 1)
            while end >= 0 and text.startswith('"', end + 1):
                end = text.find('"', end + 2)
            if end < 0:
                return None
            fields.append(text[start + 1 : end].replace('""', '"'))
            stop = end + 1
            if stop < len(text) and not text.startswith(delimiter, stop):
                return "text after a closing quote"
        else:
            stop = text.find(delimiter, start)
            stop = len(text) if stop < 0 else stop
            fields.append(text[start:stop])
            if "\n" in fields[-1]:
                return "text after a closing quote"
        if stop == len(text):
            return fields
        start = stop + 1
