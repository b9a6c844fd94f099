"""The columns of a shelf by name: which there are, of what kind, and what a row or a frame says in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType, NoneType
from typing import Any, Final, TypeAlias

import polars as pl

from tastemaker.core.errors import DataError, QueryError, nearest
from tastemaker.data.catalogue import as_flags
from tastemaker.pipeline.columns import Column, FlagColumn, NumberColumn, TimeColumn
from tastemaker.pipeline.fitting import resolved
from tastemaker.pipeline.kinds import ALIASES, KNOWN, LEFT_OUT, Kind, kind_of, taken
from tastemaker.pipeline.slate import Numbers
from tastemaker.pipeline.text_columns import TextColumn, TitleColumn
from tastemaker.pipeline.text_lists import TextListColumn

Checked: TypeAlias = Mapping[str, tuple[Kind, list[Any]]]
"""Field -> its kind, and a plain value for each item."""

_SCALARS: Final = frozenset((str, float, int, bool, NoneType))

MAX_FIELDS: Final = 256
"""How many fields items may have together: each takes memory for every item."""


class Table:
    """What fields say of items, a column each; a column is made when an item says something in it.

    Attributes:
        columns: Field -> its column.
        kinds: Field -> what it holds, those that every shelf has among them.
    """

    def __init__(self) -> None:
        self._capacity = 0
        self._kinds: dict[str, Kind] = dict(KNOWN)
        self.kinds: Mapping[str, Kind] = MappingProxyType(self._kinds)
        # An item came at some moment, and is available unless it is said not to be.
        self.columns: dict[str, Column] = {"added": TimeColumn(0), "available": FlagColumn(0, default=True)}

    def column(self, name: str) -> Column | None:
        """Return the column of a field, ``None`` while no item says anything in it.

        Raises:
            QueryError: There is no such field.
        """
        field = resolved(name, self._kinds)
        if field not in self._kinds:
            raise QueryError(f"no item has a field '{name}'", where=name, remedy=nearest(name, self._kinds))
        return self.columns.get(field)

    def grow(self, capacity: int) -> None:
        """Make room for so many items."""
        for column in self.columns.values():
            column.grow(capacity)
        self._capacity = capacity

    def checked(self, ids: Sequence[str], given: Mapping[str, list[Any]]) -> dict[str, tuple[Kind, list[Any]]]:
        """Return what rows say as plain values; nothing is written.

        Args:
            ids: Whose rows they are.
            given: Field -> a value for each item, ``None`` for missing.

        Raises:
            DataError: A value is of another kind than its field's, or there are too many fields.
        """
        found: dict[str, tuple[Kind, list[Any]]] = {}
        for name, said in _in_own_names(given).items():
            values = said if name in KNOWN else _of_some_kind(said)
            kind = self._kinds.get(name) or _kind_at_first_sight(values)
            if kind is not None:
                found[name] = (kind, taken(name, kind, values, ids))
        if len(self._kinds.keys() | found) > MAX_FIELDS:
            raise DataError(
                f"items have more than {MAX_FIELDS} fields",
                where=f"item '{ids[0]}'" if len(ids) == 1 else None,
                remedy="Put what is said of few items into a list of text, such as tags.",
            )
        return found

    def write(self, numbers: Numbers, checked: Checked) -> None:
        """Keep what rows say."""
        for name, (kind, values) in checked.items():
            if name not in self.columns:
                self.columns[name] = new_column(name, kind, self._capacity)
                self._kinds[name] = kind
            self.columns[name].write(numbers, values)

    def clear(self, numbers: Numbers) -> None:
        """Forget what all fields say of some items."""
        for column in self.columns.values():
            column.clear(numbers)


def new_column(name: str, kind: Kind, capacity: int) -> Column:
    """Return the column of a field of which nothing is known yet."""
    if kind == "text":
        return TitleColumn(capacity) if name == "title" else TextColumn(capacity)
    if kind == "list of text":
        return TextListColumn(capacity, paths=name == "categories")
    if kind == "yes or no":
        return FlagColumn(capacity)
    return NumberColumn(capacity) if kind == "number" else TimeColumn(capacity)


def _in_own_names(given: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Return fields without what is none, and ``timestamp`` as what ``added`` is where that says nothing."""
    own = {name: values for name, values in given.items() if name not in LEFT_OUT and name != "timestamp"}
    stamps = given.get("timestamp")
    if stamps is not None:
        own["added"] = [
            stamp if value is None else value
            for value, stamp in zip(own.get("added", [None] * len(stamps)), stamps, strict=True)
        ]
    return own


def _of_some_kind(values: list[Any]) -> list[Any]:
    """Return values with those missing that are of no kind, such as objects.

    They are never an error: whether they came before the first value of a kind, or after it, must make no difference,
    or a shelf could not be filled again in another order.
    """
    if set(map(type, values)) <= _SCALARS:
        return values
    return [value if kind_of(value) else None for value in values]


def _kind_at_first_sight(values: Sequence[Any]) -> Kind | None:
    """Return the kind of the first value that has one; a field of nothing but objects, say, is none."""
    return next((kind for value in values if (kind := kind_of(value)) is not None), None)


def item_columns(frame: pl.DataFrame) -> dict[str, list[Any]]:
    """Return the columns of a catalogue's frame by which items can be filtered, as Python values.

    Numbers and truth values of known fields that stand there as text are read; text that is no number is missing, as
    a `Catalogue` reads prices.
    """
    columns: dict[str, list[Any]] = {}
    for series in frame:
        if series.name in LEFT_OUT:
            continue
        plain = _plain(series, KNOWN.get(ALIASES.get(series.name, series.name)))
        if plain is not None:
            columns[series.name] = plain.to_list()
    return columns


def _plain(series: pl.Series, known: Kind | None) -> pl.Series | None:
    """Return a column of values that have a kind; ``None`` where they have none."""
    if known == "yes or no":
        return as_flags(series)
    if known == "time" and series.dtype.is_numeric():
        return series
    if series.dtype.is_numeric() or (known == "number" and series.dtype == pl.String):
        return series.cast(pl.Float64, strict=False)
    if isinstance(series.dtype, pl.Categorical | pl.Enum):
        return series.cast(pl.String)
    if isinstance(series.dtype, pl.Array):
        series = series.arr.to_list()
    if isinstance(series.dtype, pl.List):
        return series.list.drop_nulls() if series.dtype.inner == pl.String else None
    return series if series.dtype in (pl.String, pl.Boolean, pl.Date, pl.Datetime) else None
