"""What may be kept: names, numbers and JSON values are checked here, before a store sees them."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from tastemaker.core.errors import DataError
from tastemaker.store.ports import Json

_LARGEST: Final = 2**63 - 1
_PLAIN: Final = "Use text, numbers, true, false, null, lists of these, and objects with text as keys."
_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def checked_name(value: object, owner: str, field: str) -> str:
    """Return an id or another name: text that is not empty.

    Args:
        value: What was given.
        owner: Whose value it is, for the error: ``event e17``.
        field: What it is called there.

    Raises:
        DataError: It is something else.
    """
    if value == "":
        raise DataError(f"{owner}: '{field}' is empty", where=field, remedy="Give it a name.")
    return checked_text(value, owner, field)


def checked_text(value: object, owner: str, field: str) -> str:
    """Return text that can be written as UTF-8; see `checked_name`."""
    if not isinstance(value, str):
        _refuse(owner, field, f"is {_kind(value)}, and must be text", "Write it as text.")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            _refuse(owner, field, "holds half a character (a lone surrogate)", "Decode it anew from its source.")
    return value


def checked_whole(value: object, owner: str, field: str) -> int:
    """Return a whole number of 64 bits; see `checked_name`."""
    try:
        whole = operator.index(value)  # type: ignore[arg-type]  # that is what is asked here
    except TypeError:
        _refuse(owner, field, f"is {_kind(value)}, and must be a whole number", "Moments count microseconds.")
    if not -_LARGEST <= whole <= _LARGEST:
        _refuse(owner, field, "is larger than 64 bits hold", "Moments count microseconds.")
    return whole


def checked_number(value: object, owner: str, field: str) -> float:
    """Return a finite number; see `checked_name`."""
    try:
        number = float(value)  # type: ignore[arg-type]  # that is what is asked here
    except (TypeError, ValueError, OverflowError):
        _refuse(owner, field, f"is {_kind(value)}, and must be a number", "Leave it out if it is not known.")
    if isinstance(value, str) or not math.isfinite(number):
        _refuse(owner, field, f"is {value!r}, and must be a finite number", "Leave it out if it is not known.")
    return number


def checked_json(value: Json, owner: str, field: str) -> str:
    """Return a value as JSON without blanks; tuples become lists.

    Raises:
        DataError: JSON cannot hold it: NaN, keys that are no text, objects of other kinds.
    """
    try:
        _check(value, owner, field)
        return _write(value)
    except RecursionError:
        _refuse(owner, field, "is nested too deeply", "Flatten it.")
    except ValueError as error:
        _refuse(owner, field, f"cannot be written: {error}", _PLAIN)


def checked_row(row: object, owner: str, field: str) -> str:
    """Return a row of named values as JSON; see `checked_json`."""
    if not isinstance(row, Mapping):
        _refuse(owner, field, f"is {_kind(row)}, and must be named values", _PLAIN)
    return "{}" if not row else checked_json(dict(row), owner, field)


def _check(value: Json, owner: str, field: str) -> None:
    if value is None or isinstance(value, int):
        return
    if isinstance(value, str):
        checked_text(value, owner, field)
    elif isinstance(value, float):
        checked_number(value, owner, field)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                _refuse(owner, field, f"has the key {key!r}, which is {_kind(key)}", _PLAIN)
            _check(inner, owner, f"{field}.{checked_text(key, owner, field)}")
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            _check(inner, owner, f"{field}[{number}]")
    else:
        _refuse(owner, field, f"is {_kind(value)}, which JSON cannot hold", _PLAIN)


def _kind(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__


def _refuse(owner: str, field: str, why: str, remedy: str) -> NoReturn:
    raise DataError(f"{owner}: '{field}' {why}", where=field, remedy=remedy)
