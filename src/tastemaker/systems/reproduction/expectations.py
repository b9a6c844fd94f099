"""What is expected of a cell, and whether it holds: published values, floors, and one row above another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.systems.reproduction.documents import Pair

Word = Literal["holds", "does not hold", "not decidable at this size", "not run"]

HOLDS: Final = "holds"
FAILS: Final = "does not hold"
OPEN: Final = "not decidable at this size"
NOT_RUN: Final = "not run"


class Known(Protocol):
    """What an experiment gave, of whichever kind it is."""

    @property
    def differences(self) -> Mapping[Pair, Interval]:
        """Differences of two rows; above 0 where the first is the better one."""
        ...

    def value(self, model: str, metric: str, part: str = "") -> Interval | None:
        """Return a number of a row, with its interval if it has one; ``None`` if it is not there."""
        ...


@dataclass(frozen=True)
class Verdict:
    """What came of an expectation.

    Attributes:
        word: Whether it holds.
        ours: What was measured, a value or a difference, with its interval; ``None`` where it was not.
    """

    word: Word
    ours: Interval | None = None


@dataclass(frozen=True, kw_only=True)
class Published:
    """A row should reproduce a value that somebody else measured.

    On the same people, which is the rule for published splits, two measurements of one method differ for other
    reasons than the draw of the people: the values themselves are compared. On other people the interval decides.

    Attributes:
        model: The row.
        metric: Such as ``ndcg@10``.
        value: What was published.
        tolerance: How far ours may be from it.
        source: Who measured it.
        relative: The tolerance is a share of the value.
        same_people: Whether both were measured on the same people.
        part: A part of the test, such as ``popularity: cold``; none stands for all of it.
    """

    model: str
    metric: str
    value: float
    tolerance: float
    source: str
    relative: bool = False
    same_people: bool = True
    part: str = ""

    @property
    def room(self) -> float:
        """How far ours may be from the value, in the metric's own unit."""
        return self.tolerance * (self.value if self.relative else 1.0)

    def verdict(self, record: Known) -> Verdict:
        """Say whether it holds."""
        ours = record.value(self.model, self.metric, self.part)
        if ours is None:
            return Verdict(NOT_RUN)
        least, most = self.value - self.room, self.value + self.room
        if self.same_people:
            return Verdict(HOLDS if least <= ours.value <= most else FAILS, ours)
        if least <= ours.low and ours.high <= most:
            return Verdict(HOLDS, ours)
        return Verdict(FAILS if ours.high < least or ours.low > most else OPEN, ours)


@dataclass(frozen=True, kw_only=True)
class AtLeast:
    """A row should reach a value, on the people of this test.

    Attributes:
        model: The row.
        metric: Such as ``ndcg@10``.
        value: The least.
        source: Who says so.
        part: A part of the test; none stands for all of it.
    """

    model: str
    metric: str
    value: float
    source: str
    part: str = ""

    def verdict(self, record: Known) -> Verdict:
        """Say whether it holds."""
        ours = record.value(self.model, self.metric, self.part)
        if ours is None:
            return Verdict(NOT_RUN)
        return Verdict(HOLDS if ours.value >= self.value else FAILS, ours)


@dataclass(frozen=True, kw_only=True)
class Beats:
    """A row should be above another one: the method above its control, by the paired interval over people.

    Attributes:
        model: The row that should be above.
        other: The row that should be below.
        metric: Such as ``ndcg@10``.
        by: By how much at least.
        source: Who says so; nothing where the claim is the system's own.
        part: A part of the test; none stands for all of it.
    """

    model: str
    other: str
    metric: str
    by: float = 0.0
    source: str = ""
    part: str = ""

    @property
    def pair(self) -> Pair:
        """What has to be measured for it."""
        return Pair(self.model, self.other, self.metric, self.part)

    def verdict(self, record: Known) -> Verdict:
        """Say whether it holds."""
        found = record.differences.get(self.pair)
        if found is None or math.isnan(found.low):
            return Verdict(NOT_RUN)
        if found.low > self.by:
            return Verdict(HOLDS, found)
        return Verdict(FAILS if found.high < self.by else OPEN, found)


Expectation: TypeAlias = "Published | AtLeast | Beats"
