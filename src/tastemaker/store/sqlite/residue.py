"""Traces of erased rows in a file of SQLite: what lies between the rows, where no query ever looks.

With ``secure_delete`` SQLite blanks a row that is deleted. But where it spreads rows over neighbouring pages, copies of
those that moved may stay behind in the unused middle of their old page, and a later deletion does not know of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np

_PAGES_AT_ONCE: Final = 2_048
_HEADER: Final = 100
"""Bytes before the first page's own beginning. https://www.sqlite.org/fileformat2.html, section 1.3."""
_INDEX_INNER, _TABLE_INNER, _INDEX_LEAF, _TABLE_LEAF = 2, 5, 10, 13
_PIECE: Final = 12
_PIECES: Final = 8
"""So many pieces of one content are looked for: what was overwritten in part is found by another of them."""


@dataclass(frozen=True, slots=True)
class Residue:
    """Unused bytes that are not blank, joined: in pages of whole rows, and in those of indexes."""

    rows: bytes
    indexes: bytes

    def has(self, keys: Iterable[str], contents: Iterable[str | bytes]) -> bool:
        """Say whether something of an erased row may be left.

        Args:
            keys: Values in columns that have an index.
            contents: Values in other columns, of which only whole rows have copies.
        """
        return any(piece in self.rows or piece in self.indexes for piece in _pieces(keys)) or any(
            piece in self.rows for piece in _pieces(contents)
        )


def residue_of(file: BinaryIO) -> Residue:
    """Return what lies unused in a database whose log has been written back, while nobody writes."""
    file.seek(0)
    size = int.from_bytes(file.read(_HEADER)[16:18], "big")
    size = 65_536 if size == 1 else size
    blank, rows, indexes = bytes(size), [b""], [b""]
    file.seek(0)
    first = True
    while block := file.read(size * _PAGES_AT_ONCE):
        for start, end, of_index in _gaps(block, size, first):
            gap = block[start:end]
            if gap != blank[: end - start]:
                (indexes if of_index else rows).append(gap.strip(b"\0"))
        first = False
    return Residue(b"\0".join(rows), b"\0".join(indexes))


def _gaps(block: bytes, size: int, first: bool) -> Iterator[tuple[int, int, bool]]:
    """Return where the unused middle of each page is, after the list of its rows, and whether an index is there."""
    pages = np.frombuffer(block, np.uint8)[: len(block) // size * size].reshape(-1, size)
    number = np.arange(len(pages))
    head = np.zeros(len(pages), np.int64)
    head[:1] = _HEADER if first else 0
    kind = pages[number, head]
    cells, end = (256 * pages[number, head + at].astype(np.int64) + pages[number, head + at + 1] for at in (3, 5))
    end = np.where(end == 0, 65_536, end)
    start = head + np.where(np.isin(kind, (_INDEX_INNER, _TABLE_INNER)), 12, 8) + 2 * cells
    holds_rows = np.isin(kind, (_INDEX_INNER, _TABLE_INNER, _INDEX_LEAF, _TABLE_LEAF))
    of_index = np.isin(kind, (_INDEX_INNER, _INDEX_LEAF))
    some = holds_rows & (start < end) & (end <= size)
    places = number * size
    return zip((places + start)[some].tolist(), (places + end)[some].tolist(), of_index[some].tolist(), strict=True)


def _pieces(contents: Iterable[str | bytes]) -> set[bytes]:
    found: set[bytes] = set()
    for content in contents:
        raw = content.encode() if isinstance(content, str) else content
        step = max(_PIECE, len(raw) // _PIECES)
        found.update(raw[at : at + _PIECE] for at in range(0, max(len(raw) - _PIECE, 0) + 1, step))
    return found - {b""}
