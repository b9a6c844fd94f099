"""What a person wants of an item, wish by wish: who said it where, whether it must hold, and whether it still does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from tastemaker.core.errors import DataError

Sign: TypeAlias = Literal["is", "is not", "at least", "at most"]
Source: TypeAlias = Literal["words", "model", "click", "memory"]
Status: TypeAlias = Literal["active", "retracted", "replaced"]

SIGNS: Final = ("is", "is not", "at least", "at most")
SOURCES: Final = ("words", "model", "click", "memory")
STATUSES: Final = ("active", "retracted", "replaced")
OPPOSITE: Final[Mapping[Sign, Sign]] = {"is": "is not", "is not": "is", "at least": "at most", "at most": "at least"}

ABOUT: Final = "about"
"""The slot of a wish for which the catalogue has no field: it is compared with what items say of themselves."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing that is wanted, or not.

    Attributes:
        slot: Name of a slot (`tastemaker.agents.slots`), or `ABOUT`.
        sign: How the value is meant.
        value: A number, or a text of the slot's own values or of a step of its paths; ``True`` of a flag, which is
            wanted or not; of `ABOUT` the person's words.
        hard: Whether an item must fulfil it. What has no field cannot be checked, and is never hard.
        turn: In which turn of the person it was said, 0 for what was known before.
        words: The person's own words that say it; empty where a click did.
        source: What took it for a wish.
        status: Whether it still holds, was taken back, or gave way to a later one.
        ended: In which turn it stopped holding.
        proxy: What stands for what was wished, where the catalogue has no field for that, such as the categories for
            children that stand for an age; said to the person.
    """

    slot: str
    sign: Sign
    value: str | float
    hard: bool = True
    turn: int = 0
    words: str = ""
    source: Source = "words"
    status: Status = "active"
    ended: int | None = None
    proxy: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.value, float) and not math.isfinite(self.value):
            raise DataError(f"a wish of the slot '{self.slot}' has the value {self.value}")
        if self.slot == ABOUT and self.hard:
            object.__setattr__(self, "hard", False)

    @property
    def active(self) -> bool:
        """Whether it holds."""
        return self.status == "active"

    def ended_by(self, turn: int, status: Status = "retracted") -> Wish:
        """Return the wish as one that holds no more."""
        return replace(self, status=status, ended=turn)

    def same_matter(self, other: Wish) -> bool:
        """Say whether both are about the same value, or the same bound of the same slot."""
        if self.slot != other.slot:
            return False
        bounds = {"at least", "at most"}
        if self.sign in bounds or other.sign in bounds:
            return self.sign == other.sign
        return self.value == other.value

    def contradicts(self, other: Wish) -> bool:
        """Say whether no item can fulfil both."""
        if self.slot != other.slot:
            return False
        signs = {self.sign, other.sign}
        if signs == {"is", "is not"}:
            return self.value == other.value
        if signs == {"at least", "at most"}:
            low, high = (self, other) if self.sign == "at least" else (other, self)
            return isinstance(low.value, float) and isinstance(high.value, float) and low.value > high.value
        return False

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, without what is as usual."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) != _USUAL.get(name, ...)}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Wish:
        """Read what `to_json` wrote.

        Raises:
            DataError: It is no wish.
        """
        known = (
            (given.get("sign"), SIGNS),
            (given.get("source", "words"), SOURCES),
            (given.get("status", "active"), STATUSES),
        )
        if any(value not in allowed for value, allowed in known):
            raise DataError("what should be a wish is none", where=str(given)[:120])
        try:
            return cls(**given)
        except TypeError as error:
            raise DataError(f"what should be a wish is none: {error}", where=str(given)[:120]) from error


_USUAL: Final[Mapping[str, Any]] = {
    "hard": True,
    "turn": 0,
    "words": "",
    "source": "words",
    "status": "active",
    "ended": None,
    "proxy": "",
}
