"""What every reader hands on: rows as text, where each stood, and the rows that could not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

SHOWN: Final = 500
"""Characters of a bad row that are kept."""

Place = dict[str, Any]
"""Where to go on reading, as JSON: whatever a reader needs to continue exactly here."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was set aside.

    Attributes:
        line: Where it begins: the line of a text file, the row of a table; from 1.
        reason: What is wrong with it; particulars follow a colon.
        text: What stood there, at most `SHOWN` characters.
        column: The file's column that is wrong, where one is.
    """

    line: int
    reason: str
    text: str
    column: str | None = None

    @property
    def kind(self) -> str:
        """What is wrong without the particulars, as it is counted."""
        return self.reason.partition(":")[0]


def shown(text: str | bytes) -> str:
    r"""Return the beginning of a bad row in a form that can be written as JSON in UTF-8.

    >>> shown(b"caf\xe9")
    'caf\\xe9'
    """
    part = text[: SHOWN + 1]
    words = part.decode(errors="backslashreplace") if isinstance(part, bytes) else part
    words = words.encode(errors="backslashreplace").decode()
    return words if len(words) <= SHOWN else words[:SHOWN] + "…"


@dataclass
class Batch:
    """Some consecutive rows.

    Attributes:
        frame: The rows that could be read, under the file's own column names.
        lines: Where each of them begins, int64 ``[rows]``.
        raw: Returns what stood in the file for a row of ``frame``.
        place: Where the next batch begins.
        read: Lines (rows of a table) that were read, blank lines included.
        kept_lines: Lines that the rows of ``frame`` take up, int64 ``[rows]``; ``None``: one each.
        blank: How many lines were empty.
        rejects: The rows that could not be read; each takes up one line.
        notes: What else is worth knowing, counted.
    """

    frame: pl.DataFrame
    lines: NDArray[np.int64]
    raw: Callable[[int], str]
    place: Place
    read: int
    kept_lines: NDArray[np.int64] | None = None
    blank: int = 0
    rejects: list[Reject] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)

    def lines_of(self, row: int) -> int:
        """Return how many lines a row of ``frame`` takes up."""
        return 1 if self.kept_lines is None else int(self.kept_lines[row])


def joined(batches: list[Batch]) -> Batch:
    """Return consecutive batches as one; its place is that of the last."""
    if len(batches) == 1:
        return batches[0]
    ends = np.cumsum([batch.frame.height for batch in batches])

    def raw(row: int) -> str:
        number = int(np.searchsorted(ends, row, side="right"))
        return batches[number].raw(row - int(ends[number]) + batches[number].frame.height)

    notes: dict[str, int] = {}
    for batch in batches:
        for note, count in batch.notes.items():
            notes[note] = notes.get(note, 0) + count
    spans = [np.ones(len(b.lines), dtype=np.int64) if b.kept_lines is None else b.kept_lines for b in batches]
    return Batch(
        pl.concat([batch.frame for batch in batches]),
        np.concatenate([batch.lines for batch in batches]),
        raw,
        batches[-1].place,
        sum(batch.read for batch in batches),
        np.concatenate(spans),
        sum(batch.blank for batch in batches),
        [reject for batch in batches for reject in batch.rejects],
        notes,
    )


class Input(Protocol):
    """One file or query.

    Attributes:
        label: How it is called in messages.
        unit: What its rows are counted in: ``line`` or ``row``.
        columns: Names of its columns.
    """

    label: str
    unit: str
    columns: list[str]

    def sample(self) -> pl.DataFrame:
        """Return the first rows."""
        ...

    def batches(self, place: Place | None, ids: frozenset[str]) -> Iterator[Batch]:
        """Read on from ``place``, or from the beginning; ``ids`` are the columns that hold ids."""
        ...


def text_frame(rows: list[list[str | None]], columns: list[str]) -> pl.DataFrame:
    """Return rows of text as a frame."""
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
