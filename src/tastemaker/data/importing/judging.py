"""Rows under our names and types, and what is wrong with those that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.data.importing.columns import NEEDED, Guess
from tastemaker.data.importing.events import read_events
from tastemaker.data.importing.rows import Batch, Reject, shown
from tastemaker.data.importing.times import read_times
from tastemaker.data.importing.values import ids_of

NOTHING: Final = ("null", "NULL", "Null", "\\N", "NaN", "nan", "None")
"""What exporters write where they have no value."""
IDS: Final[Mapping[str, str]] = {
    "user_id": "no user",
    "item_id": "no item",
    "head": "no head",
    "relation": "no relation",
    "tail": "no tail",
}
"""Columns that hold ids, and what is said where one is missing."""
_NUMBERS: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "weight": pl.Float32,
    "rating": pl.Float32,
    "position": pl.Float64,
}


@dataclass(frozen=True)
class Judged:
    """The outcome for one batch.

    Attributes:
        kept: The rows that can be used, under our names.
        rejects: The others, the batch's own included, by line.
        kept_lines: Lines that the kept rows take up.
        rejected_lines: Lines that the others take up.
        unknown: Kinds of event that nobody knows, and how often each occurs in the batch.
    """

    kept: pl.DataFrame
    rejects: list[Reject]
    kept_lines: int
    rejected_lines: int
    unknown: Mapping[str, int] = field(default_factory=dict)


class _Faults:
    """Collects the first thing that is wrong with each row."""

    def __init__(self, rows: int) -> None:
        self.codes = np.zeros(rows, dtype=np.int16)
        self.kinds: list[tuple[str, str]] = []

    def add(self, bad: pl.Series, reason: str, column: str) -> None:
        if bad.any():
            self.kinds.append((reason, column))
            self.codes[(self.codes == 0) & bad.fill_null(False).to_numpy()] = len(self.kinds)


def judge(batch: Batch, guess: Guess, weights: Mapping[str, float]) -> Judged:
    """Give the columns of a batch our names and types, and set rows aside that cannot be used.

    Args:
        batch: Rows as they were read.
        guess: Which column is which.
        weights: What the user said of kinds of event.
    """
    frame, columns = batch.frame, guess.columns
    faults = _Faults(frame.height)
    found: dict[str, pl.Series] = {}
    for ours in (name for name in IDS if name in columns):
        ids = _ids(frame[columns[ours]], guess.label)
        if ours in NEEDED[guess.table]:
            faults.add(_is_nothing(ids), IDS[ours], columns[ours])
        faults.add(ids.str.contains("\0", literal=True), "NUL byte", columns[ours])
        found[ours] = ids
    unknown: dict[str, int] = {}
    if guess.table == "events":
        unknown = _judge_event(frame, guess, weights, faults, found)
    else:
        found |= {ours: frame[theirs] for ours, theirs in columns.items() if ours not in found}
        if guess.separator is not None:
            found["categories"] = _parted_by(found["categories"], guess.separator)
    kept = pl.DataFrame([column.alias(ours) for ours, column in found.items()])
    own = [name for name in guess.others if name not in kept.columns]
    kept = kept.with_columns(frame[name] for name in own)
    return _parted(batch, kept, faults, unknown)


def _judge_event(
    frame: pl.DataFrame, guess: Guess, weights: Mapping[str, float], faults: _Faults, found: dict[str, pl.Series]
) -> dict[str, int]:
    columns = guess.columns
    if "timestamp" in columns:
        given = _given(frame[columns["timestamp"]])
        times, unread, outside = read_times(given, guess.unit)
        faults.add(unread, "time cannot be read", columns["timestamp"])
        faults.add(outside, "time out of range: years 1 to 9999 can be kept", columns["timestamp"])
        found["timestamp"] = times
    numbers: dict[str, pl.Series] = {}
    for ours in (name for name in _NUMBERS if name in columns):
        given = _given(frame[columns[ours]])
        values = given.cast(pl.Float64, strict=False)
        if (rest := values.is_null() & given.is_not_null()).any():
            values.scatter(rest.arg_true(), given.filter(rest).str.strip_chars().cast(pl.Float64, strict=False))
        narrow = values.cast(_NUMBERS[ours])
        faults.add(given.is_not_null() & ~narrow.is_finite().fill_null(False), f"{ours} is not a number", columns[ours])
        numbers[ours] = narrow
    kinds = pl.repeat(guess.kind, frame.height, dtype=pl.String, eager=True)
    if "event" in columns:
        kinds = _given(frame[columns["event"]])
    found["event"], usual, unknown = read_events(kinds, weights)
    stated = numbers.pop("weight", None)
    found["weight"] = usual if stated is None else stated.zip_with(stated.is_not_null(), usual)
    found |= numbers
    return unknown


def _parted_by(categories: pl.Series, separator: str) -> pl.Series:
    """Write categories as the catalogue reads them, with ``|`` between them; lists stay as they are."""
    written = categories.str.replace_all(separator, "|", literal=True)
    return written.zip_with(~categories.str.starts_with("[").fill_null(False), categories)


def _ids(column: pl.Series, label: str) -> pl.Series:
    if column.dtype.is_nested() or column.dtype == pl.Binary:
        raise DataError(
            f"column '{column.name}' holds {column.dtype}, not ids",
            where=label,
            remedy="Ids are text or whole numbers; name another column with --column.",
        )
    return ids_of(column)


def _is_nothing(text: pl.Series) -> pl.Series:
    """Find values that are none; only short ones, and those that begin with a space, are looked at closely."""
    missing = text.is_null()
    suspect = ((text.str.len_bytes() <= 4) | (text < "!")).fill_null(False)
    if suspect.any():
        close = text.filter(suspect).str.strip_chars()
        missing = missing.scatter(suspect.arg_true(), close.is_in(["", *NOTHING]))
    return missing


def _given(column: pl.Series) -> pl.Series:
    """Return a column as text, or as times, with null where it holds nothing."""
    if column.dtype in (pl.Date, pl.Datetime):
        return column
    text = column.cast(pl.String)
    return text.zip_with(~_is_nothing(text), text.clear(len(text)))


def _parted(batch: Batch, kept: pl.DataFrame, faults: _Faults, unknown: dict[str, int]) -> Judged:
    rejects = list(batch.rejects)
    bad = np.flatnonzero(faults.codes)
    for row in bad:
        reason, column = faults.kinds[faults.codes[row] - 1]
        rejects.append(Reject(int(batch.lines[row]), reason, shown(batch.raw(int(row))), column))
    rejects.sort(key=lambda reject: reject.line)
    lines = len(batch.lines) if batch.kept_lines is None else int(batch.kept_lines.sum())
    bad_lines = sum(batch.lines_of(int(row)) for row in bad)
    if len(bad):
        kept = kept.filter(pl.Series(faults.codes == 0))
    return Judged(kept, rejects, lines - bad_lines, len(batch.rejects) + bad_lines, unknown)
