"""The kinds of values by which items can be filtered, and what is taken for a value of each; nothing is kept here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from itertools import chain
from types import MappingProxyType, NoneType
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from tastemaker.core.clock import to_microseconds
from tastemaker.core.errors import DataError

Kind: TypeAlias = Literal["number", "text", "yes or no", "list of text", "time"]

KNOWN: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "title": "text",
        "categories": "list of text",
        "brand": "text",
        "year": "number",
        "price": "number",
        "lat": "number",
        "lon": "number",
        "min_age": "number",
        "stock": "number",
        "available": "yes or no",
        "available_from": "time",
        "available_until": "time",
        "added": "time",
    }
)
"""Fields that every shelf has, whether an item says something about them or not."""

ALIASES: Final[Mapping[str, str]] = MappingProxyType({"category": "categories", "timestamp": "added"})
"""Other names of known fields, where a shelf has no column of that name."""

LEFT_OUT: Final = frozenset({"item_id", "text"})
"""What is in a row and no field: the id, and the description, which is long and read by models."""

REMEDIES: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "number": "Give a number, such as 19.9, or null.",
        "text": "Give text, or null.",
        "yes or no": "Give true, false or null.",
        "list of text": 'Give a list of texts, such as ["Books > Crime", "Gifts"], or null.',
        "time": 'Give a date such as "2026-03-01" or "2026-03-01T12:00:00Z", microseconds since 1970, or null.',
    }
)

_OWN: Final[Mapping[Kind, type]] = MappingProxyType({"number": float, "text": str, "yes or no": bool})
_SHOWN: Final = 40
_FURTHEST: Final = 2**63 - 1


def as_number(value: Any) -> float:
    """Return a finite number, or NaN; anything else is a TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(value)
    number = float(value)
    if math.isinf(number):
        raise ValueError(value)
    return number


def as_text(value: Any) -> str | None:
    """Return text, ``None`` for an empty one; anything else is a TypeError."""
    if not isinstance(value, str):
        raise TypeError(value)
    return value or None


def as_flag(value: Any) -> bool:
    """Return yes or no; anything else, 0 and 1 included, is a TypeError."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(value)
    return bool(value)


def as_texts(value: Any) -> tuple[str, ...] | None:
    """Return the distinct texts of a list, ``None`` where there is none; anything else is a TypeError."""
    if not isinstance(value, list | tuple):
        raise TypeError(value)
    return tuple(dict.fromkeys(text for each in value if (text := as_text(each)))) or None


def as_time(value: Any) -> int:
    """Return a moment as microseconds since the epoch: a datetime, a date, ISO 8601 text (UTC) or such a number.

    Anything else is a TypeError, ValueError or OverflowError.
    """
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return to_microseconds(value)
    if isinstance(value, date):
        return to_microseconds(datetime(value.year, value.month, value.day))
    number = (
        int(value) if isinstance(value, int | np.integer) and not isinstance(value, bool) else int(as_number(value))
    )
    if abs(number) > _FURTHEST:
        raise OverflowError(value)
    return number


TAKE: Final[Mapping[Kind, Callable[[Any], Any]]] = MappingProxyType(
    {"number": as_number, "text": as_text, "yes or no": as_flag, "list of text": as_texts, "time": as_time}
)
"""Kind -> what makes a plain value of one, or raises TypeError, ValueError or OverflowError."""


def kind_of(value: Any) -> Kind | None:
    """Return the kind of a value that is seen first in its field; ``None`` where it is of no kind."""
    if isinstance(value, bool | np.bool_):
        return "yes or no"
    if isinstance(value, int | float | np.integer | np.floating):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list | tuple):
        return "list of text" if value and all(isinstance(each, str) for each in value) else None
    return "time" if isinstance(value, date) else None


def shown(value: Any) -> str:
    """Return a value as an error shows it: in one line, and not long."""
    text = f"'{value}'" if isinstance(value, str) else str(value)
    plain = printable(text[: _SHOWN + 1])
    return plain if len(plain) <= _SHOWN else f"{plain[: _SHOWN - 3]}..."


def printable(text: str) -> str:
    """Return a text with a sign in place of what cannot be printed, each letter in its column."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _are_plain(kind: Kind, values: Sequence[Any]) -> bool:
    """Say whether values need not be looked at one by one, as most of a large catalogue do not."""
    if not set(map(type, values)) <= {NoneType, _OWN.get(kind)}:
        return False
    return kind != "number" or not (math.inf in values or -math.inf in values)


def _are_lists_of_text(values: Sequence[Any]) -> bool:
    """Say whether values are lists of nothing but text, or missing, so that their entries need not be looked at."""
    if not set(map(type, values)) <= {NoneType, list, tuple}:
        return False
    return set(map(type, chain.from_iterable(value for value in values if value))) <= {str}


def taken(field: str, kind: Kind, values: Sequence[Any], ids: Sequence[str]) -> list[Any]:
    """Return values of a field as plain values of its kind, ``None`` for those that are missing.

    Args:
        field: Name of the field.
        kind: What it holds.
        values: One an item.
        ids: Whose they are.

    Raises:
        DataError: A value is of another kind.
    """
    if _are_plain(kind, values):
        return [None if value == "" else value for value in values]
    if kind == "list of text" and _are_lists_of_text(values):
        return [None if value is None else tuple(dict.fromkeys(filter(None, value))) or None for value in values]
    take = TAKE[kind]
    plain: list[Any] = []
    try:
        for value in values:
            plain.append(None if value is None else take(value))
    except (TypeError, ValueError, OverflowError):
        place = len(plain)
        raise DataError(
            f"'{field}' of item '{ids[place]}' is {shown(values[place])}, and must be {_ARTICLES[kind]}",
            where=f"item '{ids[place]}', field '{field}'",
            remedy=REMEDIES[kind],
        ) from None
    return plain


_ARTICLES: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "number": "a number",
        "text": "text",
        "yes or no": "true or false",
        "list of text": "a list of texts",
        "time": "a date or a moment",
    }
)


def in_words(kind: Kind) -> str:
    """Return what a field of a kind holds, as a part of a sentence."""
    return _ARTICLES[kind]
