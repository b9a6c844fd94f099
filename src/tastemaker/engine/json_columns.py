"""Columns as the JSON values that a store keeps, and back; what a column means is no business of this module."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import polars as pl

_ISO_DATE: Final = "iso"
_ISO_TIME: Final = "iso:strict"


def as_json_frame(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Return the columns that JSON can hold, in types that it can hold, and the names of the others.

    Scalars and lists of scalars are kept; dates and times become ISO 8601 text; a number that is none becomes null.
    Structures, lists of lists, bytes and durations are left out.
    """
    columns, left_out = [], []
    for column in frame.get_columns():
        plain = _plain(column)
        if plain is None:
            left_out.append(column.name)
        else:
            columns.append(plain)
    return pl.DataFrame(columns), left_out


def _plain(column: pl.Series) -> pl.Series | None:
    kind = column.dtype
    if isinstance(kind, pl.Array):
        column = column.arr.to_list()
    if isinstance(column.dtype, pl.List):
        inner = _scalars(column.explode())
        return None if inner is None else column.list.eval(_expression(column.dtype.inner)).list.drop_nulls()
    return _scalars(column)


def _scalars(column: pl.Series) -> pl.Series | None:
    kind = column.dtype
    if kind in (pl.String, pl.Boolean, pl.Null) or kind.is_integer():
        return column
    if kind.is_float() or kind.is_decimal() or kind.is_temporal() or isinstance(kind, pl.Categorical | pl.Enum):
        if isinstance(kind, pl.Duration):
            return None
        return column.to_frame().select(_expression(kind, column.name)).to_series()
    return None


def _expression(kind: Any, name: str | None = None) -> pl.Expr:
    """Return what turns values of one scalar type into those that JSON can hold."""
    value = pl.element() if name is None else pl.col(name)
    if kind.is_float() or kind.is_decimal():
        value = value.cast(pl.Float64)
        return pl.when(value.is_finite()).then(value)
    if kind.is_temporal():
        return value.dt.to_string(_ISO_DATE if kind == pl.Date else _ISO_TIME)
    return value.cast(pl.String) if isinstance(kind, pl.Categorical | pl.Enum) else value


def json_rows(frame: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows of what `as_json_frame` returned, each without what is null."""
    for row in frame.iter_rows(named=True):
        yield {name: value for name, value in row.items() if value is not None}


def column_of(name: str, values: Sequence[Any]) -> pl.Series | None:
    """Return JSON values as a column, or ``None`` where there is no value at all.

    Truth values throughout, whole numbers, numbers and lists keep their kind; the items of lists are text. Where kinds
    are mixed the column is text.
    """
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return None
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if kinds <= {int, float}:
        whole = kinds == {int} and all(value is None or abs(value) < 2**63 for value in values)
        return pl.Series(name, values, dtype=pl.Int64 if whole else pl.Float64, strict=False)
    if kinds == {list}:
        texts = [None if value is None else [_text(each) for each in value if each is not None] for value in values]
        return pl.Series(name, texts, dtype=pl.List(pl.String))
    return pl.Series(name, [None if value is None else _text(value) for value in values], dtype=pl.String)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
