"""What is known of people, items and moments, as tokens such as ``gender=F`` or ``year=1990 to 1995``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.errors import DataError, nearest
from tastemaker.core.query import NO_TIME
from tastemaker.data.catalogue import PATH_SEPARATOR
from tastemaker.data.interactions import TIME
from tastemaker.language.tfidf import words
from tastemaker.models import storage

ITEM_COLUMNS: Final = ("categories", "brand", "year", "price")
"""Columns of items that are read unless others are named: what was known when the item appeared."""

EVERY_COLUMN: Final = "all"
NO_COLUMN: Final = "none"
MOMENT: Final = ("hour", "weekday")
"""What `with_moment` adds."""

_NEVER: Final = ("user_id", "item_id", "text", "consent")
_BINS: Final = 10


Columns: TypeAlias = str | Sequence[str]
"""Names of columns, or one of `EVERY_COLUMN` and `NO_COLUMN`."""


def as_setting(columns: Columns | None) -> str | list[str] | None:
    """Return columns as a saved model gives them back."""
    return columns if columns is None or isinstance(columns, str) else list(columns)


def chosen_columns(frame: pl.DataFrame | None, wanted: Columns, usual: Sequence[str] | None) -> list[str]:
    """Return the columns of a frame that are to be read.

    Args:
        frame: The people or items; ``None`` where nothing is known of them.
        wanted: Names of columns, `EVERY_COLUMN` for the usual ones, or `NO_COLUMN`.
        usual: The usual ones, as far as they are there; ``None`` for every column but ids, free text, and text that
            rows mostly have to themselves (more values than half of the rows: zip codes, names).

    Raises:
        DataError: A column that was named is not there.
    """
    there = [] if frame is None else [name for name in frame.columns if name not in _NEVER]
    if wanted == NO_COLUMN:
        return []
    if wanted == EVERY_COLUMN:
        return [name for name in there if (_groups(frame, name) if usual is None else name in usual)]
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if name not in there:
            raise DataError(f"there is no column '{name}' to learn from", remedy=nearest(name, there))
    return names


def _groups(frame: pl.DataFrame | None, name: str) -> bool:
    """Say whether a column puts rows into groups."""
    column = None if frame is None else frame[name].drop_nulls()
    return column is not None and (column.dtype != pl.String or 2 * column.n_unique() <= len(column))


@dataclass(frozen=True)
class Reader:
    """Turns rows of a frame into tokens.

    A column of numbers with more than ten values is cut at its deciles; of a list, and of a category path, every entry
    and every step gives a token; what is missing gives none.

    Attributes:
        columns: The columns that are read.
        cuts: Where columns of numbers are cut.
    """

    columns: Sequence[str]
    cuts: Mapping[str, Sequence[float]]

    @classmethod
    def of(cls, frame: pl.DataFrame, columns: Sequence[str]) -> Self:
        """Learn where numbers are cut."""
        cuts = {}
        for name in columns:
            values = frame[name].drop_nulls()
            if values.dtype.is_numeric() and values.n_unique() > _BINS:
                deciles = np.quantile(values.cast(pl.Float64).to_numpy(), np.arange(1, _BINS) / _BINS, method="nearest")
                cuts[name] = np.unique(deciles).tolist()
        return cls(list(columns), cuts)

    def tokens(self, frame: pl.DataFrame) -> list[list[str]]:
        """Return the tokens of each row; columns that the frame lacks give none."""
        found: list[list[str]] = [[] for _ in range(frame.height)]
        for name in self.columns:
            if name in frame.columns:
                for tokens, value in zip(found, frame[name].to_list(), strict=True):
                    tokens.extend(f"{name}={part}" for part in self._parts(name, value))
        return found

    def _parts(self, name: str, value: Any) -> Iterable[str]:
        if value is None or value == "" or value != value:
            return []
        if isinstance(value, list):
            paths = [str(entry).split(PATH_SEPARATOR) for entry in value]
            return [PATH_SEPARATOR.join(path[: depth + 1]) for path in paths for depth in range(len(path))]
        if name in self.cuts:
            return [_between(float(value), self.cuts[name])]
        return [f"{value:g}" if isinstance(value, float) else str(value)]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"columns": list(self.columns), "cuts": dict(self.cuts)}


def _between(value: float, cuts: Sequence[float]) -> str:
    place = int(np.searchsorted(cuts, value, side="right"))
    low, high = cuts[place - 1] if place else None, cuts[place] if place < len(cuts) else None
    if low is None:
        return f"below {high:g}"
    return f"from {low:g}" if high is None else f"{low:g} to {high:g}"


@dataclass
class Features:
    """Tokens of some things, by number.

    Attributes:
        reader: What made them.
        names: Distinct tokens.
        rows: 1 where a thing has a token, float64 ``[things, t]``.
    """

    reader: Reader
    names: list[str]
    rows: sparse.csr_array

    @classmethod
    def of(cls, reader: Reader, told: Sequence[Sequence[str]]) -> Self:
        """Number the tokens of some things."""
        names = sorted({token for tokens in told for token in tokens})
        return cls(reader, names, _ones(names, told))

    @classmethod
    def learnt(cls, frame: pl.DataFrame | None, key: str, ids: Sequence[str], columns: Sequence[str]) -> Self:
        """Describe the things ``ids`` by the columns of a frame in which ``key`` names them."""
        if frame is None:
            return cls.of(Reader([], {}), [[] for _ in ids])
        reader = Reader.of(frame, columns)
        return cls.of(reader, _in_order(reader, frame, key, ids))

    def add(self, frame: pl.DataFrame, key: str, ids: Sequence[str]) -> None:
        """Describe further things; tokens that are new mean nothing and are left out."""
        self.add_tokens(_in_order(self.reader, frame, key, ids))

    def add_tokens(self, told: Sequence[Sequence[str]]) -> None:
        """Do the same with tokens."""
        self.rows = sparse.csr_array(sparse.vstack([self.rows, _ones(self.names, told)]))

    def of_rows(self, rows: NDArray[np.integer]) -> sparse.csr_array:
        """Return the tokens of some things, float64 ``[m, t]``; of number -1 there are none."""
        known = rows >= 0
        picked = self.rows[rows[known]]
        lengths = np.zeros(len(rows), dtype=np.int64)
        lengths[known] = np.diff(picked.indptr)
        shape = (len(rows), len(self.names))
        return sparse.csr_array((picked.data, picked.indices, np.append(0, np.cumsum(lengths))), shape=shape)

    def pack(self, name: str) -> tuple[dict[str, Any], storage.Tensors]:
        """Return it as JSON values and as tensors whose names start with ``name``."""
        return {name: {"reader": self.reader.to_json(), "names": self.names}}, storage.pack_sparse(name, self.rows)

    @classmethod
    def unpack(cls, name: str, fitted: Mapping[str, Any], tensors: storage.Tensors) -> Self:
        """Read what `pack` wrote."""
        told = fitted[name]
        reader = Reader(told["reader"]["columns"], told["reader"]["cuts"])
        return cls(reader, list(told["names"]), storage.unpack_sparse(name, tensors))


def _in_order(reader: Reader, frame: pl.DataFrame, key: str, ids: Sequence[str]) -> list[list[str]]:
    known = dict(zip(frame[key].to_list(), reader.tokens(frame), strict=True))
    return [known.get(each, []) for each in ids]


def _ones(names: Sequence[str], told: Sequence[Sequence[str]]) -> sparse.csr_array:
    places = {name: place for place, name in enumerate(names)}
    found = [sorted({places[token] for token in tokens if token in places}) for tokens in told]
    indptr = np.append(0, np.cumsum([len(row) for row in found])).astype(np.int64)
    indices = np.asarray([place for row in found for place in row], dtype=np.int32)
    return sparse.csr_array((np.ones(len(indices)), indices, indptr), shape=(len(found), len(names)))


def title_tokens(catalogue: pl.DataFrame, ids: Sequence[str] | NDArray[np.object_]) -> list[list[str]]:
    """Return the words of each item's title as tokens."""
    if "title" not in catalogue.columns:
        return [[] for _ in ids]
    titles = dict(zip(catalogue["item_id"].to_list(), catalogue["title"].to_list(), strict=True))
    return [[f"word={word}" for word in words(titles.get(item) or "")] for item in ids]


def moments_of(now: NDArray[np.int64]) -> pl.DataFrame:
    """Return moments in microseconds, int64 ``[m]``, as a frame with the column ``timestamp``."""
    times = pl.Series("timestamp", now).replace(NO_TIME, None)
    return pl.DataFrame([times.cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(TIME)])


def with_moment(frame: pl.DataFrame) -> pl.DataFrame:
    """Add ``hour`` and ``weekday`` (1 for Monday) of the column ``timestamp``, in UTC."""
    if "timestamp" not in frame.columns:
        return frame
    time = pl.col("timestamp")
    return frame.with_columns(time.dt.hour().alias("hour"), time.dt.weekday().alias("weekday"))
