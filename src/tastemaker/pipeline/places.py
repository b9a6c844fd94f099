"""Where in the text of a filter something stands, and the error that points there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tastemaker.core.errors import QueryError
from tastemaker.pipeline.kinds import printable

_WIDTH: Final = 100
_INDENT: Final = "    "


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a filter's text.

    Attributes:
        name: What the filter is called.
        text: All of it.
        start: Where the part begins.
        end: One past where it ends.
    """

    name: str
    text: str
    start: int
    end: int

    @property
    def line(self) -> int:
        """The line in which the part begins, from 1."""
        return self.text.count("\n", 0, self.start) + 1

    @property
    def column(self) -> int:
        """The column in which the part begins, from 1."""
        return self.start - self.text.rfind("\n", 0, self.start)

    def excerpt(self) -> str:
        """Return the line with carets under the part; of a long line what surrounds it."""
        begin = self.start - self.column + 1
        line = self.text[begin:].split("\n", 1)[0]
        skipped = max(0, self.column - 1 - _WIDTH // 2)
        visible = printable(line[skipped : skipped + _WIDTH])
        before = self.column - 1 - skipped
        carets = max(1, min(self.end - self.start, len(visible) - before))
        return f"{_INDENT}{visible}\n{_INDENT}{' ' * before}{'^' * carets}"


class FilterError(QueryError):
    """A filter cannot be read, or asks of a field what it does not hold.

    Args:
        message: What is wrong.
        place: Which part of the filter it is about; ``None`` where the filter was not read from text.
        remedy: What to write.
    """

    def __init__(self, message: str, *, place: Place | None = None, remedy: str | None = None) -> None:
        where = f"{place.name}, line {place.line}, column {place.column}" if place else None
        super().__init__(message, where=where, remedy=remedy)
        self.place = place

    @property
    def position(self) -> int | None:
        """Where in the text the part begins that is wrong, from 0."""
        return self.place.start if self.place else None

    def __str__(self) -> str:
        return super().__str__() if self.place is None else f"{super().__str__()}\n{self.place.excerpt()}"
