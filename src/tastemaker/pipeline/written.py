"""How names, values and lengths of time are written in a filter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

KEYWORDS: Final = frozenset(
    (
        *("and", "or", "not", "in", "has", "any", "all", "between", "within"),
        *("is", "missing", "present", "contains", "starts", "with"),
    )
)
"""Words that are no bare name of a field, in small letters."""

BARE_NAME: Final = re.compile(r"[^\W\d]\w*")
MICROSECONDS: Final = {
    "second": 1_000_000,
    "minute": 60_000_000,
    "hour": 3_600_000_000,
    "day": 86_400_000_000,
    "week": 604_800_000_000,
}
"""Unit of time -> microseconds."""

_EXACT: Final = 1e15
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Named:
    """A value that the request gives: ``now``, ``age``, or ``$`` and a name of its context."""

    name: str

    def __str__(self) -> str:
        return self.name


Value: TypeAlias = float | str | bool | Named


def written(value: Value) -> str:
    """Return a value as a filter writes it.

    >>> print(written(20.0), written(True), written("Le Creuset"))
    20 true "Le Creuset"
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{"".join(_ESCAPES.get(letter, letter) for letter in value)}"'
    if isinstance(value, Named):
        return value.name
    return str(int(value)) if abs(value) < _EXACT and value == int(value) else repr(value)


def field_written(name: str) -> str:
    """Return the name of a field as a filter writes it: bare, or between backquotes.

    >>> print(field_written("price"), field_written("screen size"), field_written("all"))
    price `screen size` `all`
    """
    if BARE_NAME.fullmatch(name) and name.lower() not in KEYWORDS:
        return name
    return f"`{name.replace('`', '``')}`"


def time_written(microseconds: int) -> str:
    """Return a length of time in the largest unit, up to days, that it is whole in.

    >>> time_written(604_800_000_000), time_written(5_400_000_000), time_written(1_500_000)
    ('7 days', '90 minutes', '1.5 seconds')
    """
    for unit in ("day", "hour", "minute", "second"):
        count, rest = divmod(microseconds, MICROSECONDS[unit])
        if count and not rest:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    whole, rest = divmod(microseconds, MICROSECONDS["second"])
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".") + " seconds"


def several_written(values: Sequence[Value]) -> str:
    """Return values as a filter writes a list of them."""
    return f"({', '.join(map(written, values))})"
