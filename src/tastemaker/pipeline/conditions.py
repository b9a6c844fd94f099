"""What a filter says, as a tree of conditions, and how that is written; nothing is evaluated here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, TypeAlias

from tastemaker.pipeline.places import Place
from tastemaker.pipeline.written import Named, Value, field_written, several_written, time_written, written


@dataclass(frozen=True)
class Leaf:
    """A condition about one field.

    Attributes:
        field: Its name, as it was written.
        place: Where it was written.
    """

    field: str
    _: KW_ONLY
    place: Place | None = dataclasses.field(default=None, compare=False, repr=False)
    _operation: ClassVar[str] = ""

    @property
    def operation(self) -> str:
        """What it asks."""
        return self._operation

    @property
    def values(self) -> tuple[Value, ...]:
        """What it compares with."""
        return ()

    @property
    def reads(self) -> frozenset[str]:
        """What it takes from the moment."""
        return frozenset(value.name for value in self.values if isinstance(value, Named))


@dataclass(frozen=True)
class Comparison(Leaf):
    """A value equals another, or comes before or after it."""

    sign: str
    value: Value

    @property
    def operation(self) -> str:
        """See `Leaf.operation`."""
        return self.sign

    @property
    def values(self) -> tuple[Value, ...]:
        """See `Leaf.values`."""
        return (self.value,)

    def __str__(self) -> str:
        return f"{field_written(self.field)} {self.sign} {written(self.value)}"


@dataclass(frozen=True)
class Among(Leaf):
    """A value is one of several."""

    choices: tuple[Value, ...]
    _operation = "in"

    @property
    def values(self) -> tuple[Value, ...]:
        """See `Leaf.values`."""
        return self.choices

    def __str__(self) -> str:
        return f"{field_written(self.field)} in {several_written(self.choices)}"


@dataclass(frozen=True)
class Has(Leaf):
    """A list holds one of several texts, or ``every`` one."""

    choices: tuple[Value, ...]
    every: bool = False
    _operation = "has"

    @property
    def values(self) -> tuple[Value, ...]:
        """See `Leaf.values`."""
        return self.choices

    def __str__(self) -> str:
        if self.every:
            return f"{field_written(self.field)} has all {several_written(self.choices)}"
        if len(self.choices) > 1:
            return f"{field_written(self.field)} has any {several_written(self.choices)}"
        return f"{field_written(self.field)} has {written(self.choices[0])}"


@dataclass(frozen=True)
class Between(Leaf):
    """A value lies between two others, or is one of them."""

    low: Value
    high: Value
    _operation = "between"

    @property
    def values(self) -> tuple[Value, ...]:
        """See `Leaf.values`."""
        return (self.low, self.high)

    def __str__(self) -> str:
        return f"{field_written(self.field)} between {written(self.low)} and {written(self.high)}"


@dataclass(frozen=True)
class Known(Leaf):
    """There is a value, or none."""

    missing: bool
    _operation = "is"

    def __str__(self) -> str:
        return f"{field_written(self.field)} is {'missing' if self.missing else 'present'}"


@dataclass(frozen=True)
class Wording(Leaf):
    """A text contains another or starts with it, whatever the case of letters; of a list, one of its texts."""

    how: str
    value: Value

    @property
    def operation(self) -> str:
        """See `Leaf.operation`."""
        return self.how

    @property
    def values(self) -> tuple[Value, ...]:
        """See `Leaf.values`."""
        return (self.value,)

    def __str__(self) -> str:
        return f"{field_written(self.field)} {self.how} {written(self.value)}"


@dataclass(frozen=True)
class Within(Leaf):
    """A moment lies no further back than so many microseconds, and not ahead."""

    microseconds: int
    _operation = "within"

    @property
    def reads(self) -> frozenset[str]:
        """See `Leaf.reads`."""
        return frozenset(("now",))

    def __str__(self) -> str:
        return f"{field_written(self.field)} within {time_written(self.microseconds)}"


@dataclass(frozen=True)
class Distance(Leaf):
    """The way to a point, along the surface of the earth, is shorter or longer than so many kilometres.

    ``point`` is latitude and longitude in degrees, ``None`` for where the request comes from.
    """

    point: tuple[float, float] | None
    sign: str
    kilometres: float
    _operation = "distance"

    @property
    def reads(self) -> frozenset[str]:
        """See `Leaf.reads`."""
        return frozenset(("here",)) if self.point is None else frozenset()

    def __str__(self) -> str:
        point = "here" if self.point is None else ", ".join(map(written, self.point))
        return f"distance({point}) {self.sign} {written(self.kilometres)} km"


@dataclass(frozen=True)
class Always:
    """Holds for every item, or for none."""

    holds: bool

    def __str__(self) -> str:
        return written(self.holds)


@dataclass(frozen=True)
class Not:
    """The opposite of a condition, which is no opposite itself; made by `opposite`."""

    condition: Condition

    def __str__(self) -> str:
        return f"not {_bracketed(self.condition, And, Or)}"


@dataclass(frozen=True)
class And:
    """All of two or more conditions, none of which is such a list itself; made by `all_of`."""

    conditions: tuple[Condition, ...]

    def __str__(self) -> str:
        return " and ".join(_bracketed(condition, Or) for condition in self.conditions)


@dataclass(frozen=True)
class Or:
    """Any of two or more conditions, none of which is such a choice itself; made by `any_of`."""

    conditions: tuple[Condition, ...]

    def __str__(self) -> str:
        return " or ".join(map(str, self.conditions))


Condition: TypeAlias = Leaf | Always | Not | And | Or


def _bracketed(condition: Condition, *kinds: type[And] | type[Or]) -> str:
    return f"({condition})" if isinstance(condition, kinds) else str(condition)


def opposite(condition: Condition) -> Condition:
    """Return the opposite of a condition; that of an opposite is what it was the opposite of."""
    return condition.condition if isinstance(condition, Not) else Not(condition)


def all_of(conditions: Iterable[Condition]) -> Condition:
    """Return a condition that holds where all of one or more do; of none, one that always holds."""
    flat = [each for one in conditions for each in (one.conditions if isinstance(one, And) else (one,))]
    return And(tuple(flat)) if len(flat) > 1 else flat[0] if flat else Always(True)


def any_of(conditions: Iterable[Condition]) -> Condition:
    """Return a condition that holds where one or more of some do; of none, one that never holds."""
    flat = [each for one in conditions for each in (one.conditions if isinstance(one, Or) else (one,))]
    return Or(tuple(flat)) if len(flat) > 1 else flat[0] if flat else Always(False)


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Give the conditions about fields, from left to right."""
    if isinstance(condition, Leaf):
        yield condition
    elif isinstance(condition, Not):
        yield from leaves(condition.condition)
    elif isinstance(condition, And | Or):
        for part in condition.conditions:
            yield from leaves(part)
