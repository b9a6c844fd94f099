"""Where windows of time begin and end: by shares of events, by lengths, or by borders that are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import MICROSECONDS_PER_DAY
from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME
from tastemaker.data.dataset import Sequences
from tastemaker.data.splits.checks import choice, count, days, moment, shares

_HOUR, _WEEK = MICROSECONDS_PER_DAY // 24, 7 * MICROSECONDS_PER_DAY
_UNITS: Final = {
    "none": (1, 0),
    "hour": (_HOUR, 0),
    "day": (MICROSECONDS_PER_DAY, 0),
    "week": (_WEEK, -3 * MICROSECONDS_PER_DAY),
}
"""Length of a calendar unit, and where one of them begins: 1970 began on a Thursday, weeks begin on Mondays."""


@dataclass(frozen=True)
class Window:
    """The borders of one fold in microseconds; each part holds its own first moment and not its last.

    Attributes:
        train_from: First moment that is learnt from; ``None`` for the beginning.
        valid_from: First moment that is selected on.
        test_from: First moment that is tested on.
        test_to: The first moment after; ``None`` for the end.
    """

    train_from: int | None
    valid_from: int
    test_from: int
    test_to: int | None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How windows are laid out; see `tastemaker.data.splits.by_time.global_time`."""

    folds: int = 1
    valid: float = 0.1
    test: float = 0.1
    valid_days: float | None = None
    test_days: float | None = None
    borders: Sequence[Any] | None = None
    align: str = "none"
    train_days: float | None = None
    train_from: Any = None

    def __post_init__(self) -> None:
        count("folds", self.folds, 1)
        choice("align", self.align, _UNITS)
        for name in ("valid_days", "test_days", "train_days"):
            days(name, getattr(self, name))
        for one, other in (("borders", "test_days"), ("train_days", "train_from")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise DataError(f"{one} and {other} both say where a window begins", remedy="Give one of them.")
        if self.align != "none" and self.test_days is None:
            raise DataError("align needs windows of a given length", where="align", remedy="Give test_days.")
        if self.valid_days is not None and not self.by_length:
            raise DataError("valid_days needs test_days or borders", where="valid_days", remedy="Or give shares.")
        if not self.by_length:
            shares(valid=self.valid, test=self.test)
            if self.folds > 1:
                shares(valid=self.valid, **{f"{self.folds} times test": self.test * self.folds})

    @property
    def by_length(self) -> bool:
        """Whether windows are given by time and not by shares of events."""
        return self.test_days is not None or self.borders is not None

    def windows(self, times: NDArray[np.int64], *, train_on_valid: bool, step: int = 1) -> list[Window]:
        """Return the windows of all folds, the earliest first.

        Args:
            times: The known times of all events.
            train_on_valid: Leave no room for validation.
            step: How exactly times are known, in microseconds: the last event ends so much after its time.
        """
        tests, valids = self._by_length(int(times.max()) + step) if self.by_length else self._by_share(times)
        if train_on_valid:
            valids = [start for start, _ in tests]
        first = None if self.train_from is None else moment("train_from", self.train_from)
        if first is not None and first >= valids[0]:
            raise DataError("train_from lies after the first window", where="train_from")
        length = _microseconds(self.train_days)
        return [
            Window(valid_from - length if length else first, valid_from, test_from, test_to)
            for (test_from, test_to), valid_from in zip(tests, valids, strict=True)
        ]

    def _by_share(self, times: NDArray[np.int64]) -> tuple[list[tuple[int, int | None]], list[int]]:
        left = range(self.folds, 0, -1)
        asked = [1 - self.test * number for number in left] + [1 - self.valid - self.test * number for number in left]
        found = [int(border) for border in np.quantile(times, asked, method="nearest")]
        starts = found[: self.folds]
        return list(zip(starts, [*starts[1:], None], strict=True)), found[self.folds :]

    def _by_length(self, last: int) -> tuple[list[tuple[int, int | None]], list[int]]:
        tests: list[tuple[int, int | None]]
        if self.borders is not None:
            tests = self._between_borders()
        else:
            length, (unit, origin) = _microseconds(self.test_days), _UNITS[self.align]
            end = origin - (origin - last) // unit * unit
            starts = [end - length * number for number in range(self.folds, 0, -1)]
            tests = [(start, start + length) for start in starts]
        before = _microseconds(self.valid_days)
        return tests, [start - (before or (last if end is None else end) - start) for start, end in tests]

    def _between_borders(self) -> list[tuple[int, int | None]]:
        borders = [moment("borders", border) for border in self.borders or ()]
        if not borders or sorted(set(borders)) != borders:
            raise DataError("borders are moments that ascend, one at least", where="borders")
        if len(borders) == 1:
            tests: list[tuple[int, int | None]] = [(borders[0], None)]
        else:
            tests = list(pairwise(borders))
        if self.folds not in (1, len(tests)):
            raise DataError(
                f"{len(borders)} borders make {len(tests)} windows, and folds is {self.folds}",
                where="borders",
                remedy="Leave folds out.",
            )
        return tests


def filled_times(sequences: Sequences) -> NDArray[np.int64]:
    """Return the times with each gap filled by the same user's event before it, or else after it, int64 ``[e]``.

    Events of users without any time stay without one.
    """
    times = sequences.timestamps
    known = times != NO_TIME
    if known.all():
        return times
    places = np.arange(len(times))
    before = np.maximum.accumulate(np.where(known, places, -1))
    after = np.minimum.accumulate(np.where(known, places, len(times))[::-1])[::-1]
    lengths = np.diff(sequences.indptr)
    first, end = np.repeat(sequences.indptr[:-1], lengths), np.repeat(sequences.indptr[1:], lengths)
    source = np.where(before >= first, before, np.where(after < end, after, places))
    return times[source]


def _microseconds(length: float | None) -> int:
    return 0 if length is None else max(1, round(length * MICROSECONDS_PER_DAY))
