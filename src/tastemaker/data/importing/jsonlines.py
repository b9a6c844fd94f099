"""JSON Lines: clean blocks are parsed by Polars at once, the others line by line."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.data.importing.rows import Batch, Reject, joined, shown, text_frame
from tastemaker.data.importing.streams import open_stream
from tastemaker.data.importing.text import LATIN_NOTE, Block, Encoding, Limits, TextInput, too_long
from tastemaker.data.importing.values import as_id, as_text

_SAMPLED: Final = 10_000
_PIECE: Final = 2_000
_LOOKED_AT: Final = 500
_MOST_KEYS: Final = 20
_DOUBTFUL_ID: Final = r"^(?:true|false|-0|[\[{].*|-?\d{16,}|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)|-?\d+\.\d*)$"
_DOUBTFUL: Final = r"^(?:[\[{]|-?\d+(?:\.\d+)?[eE]|-?\d{15,})"
"""What Polars writes otherwise than we do: nested values, numbers that are no whole ids, very long numbers."""


def open_json_lines(path: Path, *, encoding: Encoding | None = None, limits: Limits | None = None) -> TextInput:
    """Open a file with one JSON object a line; its columns are the keys of the first ten thousand.

    Raises:
        DataError: The file is missing or empty, or none of those lines is an object.
    """
    limits = limits or Limits()
    names: dict[str, None] = {}
    with open_stream(path) as stream:
        lines = stream.read(limits.block).split(b"\n")[:_SAMPLED]
    for line in lines:
        parsed = _parsed(line.decode(errors="replace"))
        if isinstance(parsed, dict):
            names.update(dict.fromkeys(parsed))
    if not names:
        raise DataError(
            "none of the first lines is a JSON object",
            where=str(path),
            remedy="Write one object a line, not one list of all.",
        )
    return TextInput(path, JsonLines(list(names)), limits, header=False, encoding=encoding)


class JsonLines:
    """One JSON object a line.

    Args:
        columns: The keys that are read; others are passed over.
    """

    def __init__(self, columns: list[str]) -> None:
        self.columns = columns
        self._known = frozenset(columns)

    def parse(self, block: Block, limits: Limits, ids: frozenset[str]) -> tuple[Batch, int]:
        """Return the rows of a block and how many bytes they were."""
        used = len(block.data) if block.last else block.data.rfind(b"\n") + 1
        lines = block.data[:used].split(b"\n")
        if lines[-1] == b"":
            lines.pop()
        parsed = self._at_once(block, lines, limits, ids)
        if parsed is None:
            parsed = joined([self._piece(block, lines, start, limits, ids) for start in range(0, len(lines), _PIECE)])
        for name, count in self._passed_over(lines).items():
            parsed.notes[f"lines looked at have a key '{name}' that the first {_SAMPLED:,} lack: it is passed over"] = (
                count
            )
        return parsed, used

    def _passed_over(self, lines: list[bytes]) -> dict[str, int]:
        """Return keys that are no columns, and how many of some lines have each."""
        found: Counter[str] = Counter()
        for line in lines[:: max(1, len(lines) // _LOOKED_AT)]:
            parsed = _parsed(line.decode(errors="replace"))
            if isinstance(parsed, dict):
                found.update(name for name in parsed if name not in self._known)
        return dict(found.most_common(_MOST_KEYS))

    def _piece(self, block: Block, lines: list[bytes], start: int, limits: Limits, ids: frozenset[str]) -> Batch:
        """Parse some lines at once where they allow it, and one by one where not."""
        some = lines[start : start + _PIECE]
        last = block.last and start + _PIECE >= len(lines)
        piece = replace(block, line=block.line + start, last=last and not block.data.endswith(b"\n"))
        return self._at_once(piece, some, limits, ids) or self._careful(piece, some, limits, ids)

    def _at_once(self, block: Block, lines: list[bytes], limits: Limits, ids: frozenset[str]) -> Batch | None:
        part = b"\n".join(lines)
        # Polars reads half of a surrogate pair as something else.
        if b"\0" in part or b"\\ud" in part or b"\\uD" in part or b"\\u0000" in part or block.encoding == "latin-1":
            return None
        if max(map(len, lines), default=0) >= limits.line:
            return None
        try:
            block.decode(part)
            frame = pl.read_ndjson(part, schema=dict.fromkeys(self.columns, pl.String))
        except (UnicodeDecodeError, pl.exceptions.PolarsError):
            return None
        if frame.height != len(lines) or self._doubtful(frame, ids):
            return None
        numbers = np.arange(block.line, block.line + len(lines), dtype=np.int64)
        return Batch(frame, numbers, lambda row: block.decode(lines[row]), {}, len(lines))

    def _doubtful(self, frame: pl.DataFrame, ids: frozenset[str]) -> bool:
        patterns = {name: _DOUBTFUL_ID if name in ids else _DOUBTFUL for name in self.columns}
        found = frame.select(pl.col(name).str.contains(pattern).any() for name, pattern in patterns.items())
        return any(found.row(0))

    def _careful(self, block: Block, lines: list[bytes], limits: Limits, ids: frozenset[str]) -> Batch:
        rows: list[list[str | None]] = []
        places: list[int] = []
        rejects: list[Reject] = []
        blank = latin = 0
        for place, line in enumerate(lines):
            if not line.strip():
                blank += 1
                continue
            row = self._row(block, line, limits, ids)
            if isinstance(row, tuple):
                reason, column = row
                if place == len(lines) - 1 and block.last and reason.startswith("not valid JSON"):
                    reason = f"torn last line: the file ends within it ({reason})"
                rejects.append(Reject(block.line + place, reason, shown(line.rstrip(b"\r")), column))
                continue
            rows.append(row)
            places.append(place)
            latin += block.encoding == "latin-1" and not line.isascii()
        return Batch(
            text_frame(rows, self.columns),
            np.asarray(places, dtype=np.int64) + block.line,
            lambda row: block.decode(lines[places[row]]).rstrip("\r"),
            {},
            len(lines),
            blank=blank,
            rejects=rejects,
            notes={LATIN_NOTE: latin} if latin else {},
        )

    def _row(
        self, block: Block, line: bytes, limits: Limits, ids: frozenset[str]
    ) -> list[str | None] | tuple[str, str | None]:
        """Return the values, or what is wrong and in which column."""
        if len(line) >= limits.line:
            return too_long(limits), None
        if b"\0" in line:
            return "NUL byte", None
        try:
            text = block.decode(line)
        except UnicodeDecodeError as error:
            return f"not UTF-8: byte 0x{line[error.start]:02x} at position {error.start + 1}", None
        parsed = _parsed(text)
        if isinstance(parsed, str):
            return parsed, None
        row: list[str | None] = []
        for name in self.columns:
            value = parsed.get(name)
            try:
                row.append(as_id(value) if name in ids else as_text(value))
            except ValueError as error:
                return str(error), name
        return row


def _parsed(text: str) -> dict[str, Any] | str:
    """Return the object of a line, or what is wrong; of a repeated key the first value counts."""
    try:
        parsed = json.loads(text, parse_constant=_refuse, object_pairs_hook=_first_wins)
    except json.JSONDecodeError as error:
        return f"not valid JSON: {error.msg} at position {error.pos + 1}"
    except (ValueError, RecursionError) as error:
        return f"not valid JSON: {error}"
    return parsed if isinstance(parsed, dict) else "not a JSON object"


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
