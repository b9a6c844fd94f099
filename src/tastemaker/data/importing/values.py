"""Values of JSON, SQL and Parquet as the text that the same value has in a CSV file."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import polars as pl


def as_text(value: Any) -> str | None:
    """Return a value as text; lists and objects as JSON.

    >>> as_text(7), as_text(7.5), as_text(True), as_text(["a", 1]), as_text(None)
    ('7', '7.5', 'true', '["a", 1]', None)

    Raises:
        ValueError: It holds characters that are no text.
    """
    if value is None:
        return None
    text = value if isinstance(value, str) else _written(value)
    if "\0" in text:
        raise ValueError("NUL byte")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("half of a surrogate pair, which is no character") from None
    return text


def _written(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime() | date():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            try:
                return bytes(value).decode()
            except UnicodeDecodeError:
                raise ValueError("not UTF-8") from None
        case list() | tuple() | dict():
            return json.dumps(value, ensure_ascii=False, default=str)
        case _:
            return str(value)


def as_id(value: Any) -> str | None:
    """Return an id as text: a number without a fraction is written without one.

    >>> as_id("007"), as_id(7), as_id(7.0)
    ('007', '7', '7')

    Raises:
        ValueError: It is neither text nor a number.
    """
    if isinstance(value, bool | list | tuple | dict):
        kind = {"bool": "true or false", "dict": "an object"}.get(type(value).__name__, "a list")
        raise ValueError(f"{kind} is no id")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return as_text(value)


def ids_of(column: pl.Series) -> pl.Series:
    """Return a typed column of ids as text, row by row as `as_id` does."""
    if column.dtype.is_float():
        whole = (column == column.floor()) & column.is_finite()
        numbers = column.zip_with(whole.fill_null(False), column.clear(len(column))).cast(pl.Int64, strict=False)
        return numbers.cast(pl.String).zip_with(numbers.is_not_null(), column.cast(pl.String))
    return column.cast(pl.String)
