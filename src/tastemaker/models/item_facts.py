"""What is known of items without asking anybody: when they were touched, what they cost, and what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.clock import MICROSECONDS_PER_DAY
from tastemaker.core.query import NO_TIME, QueryBatch
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.models import storage
from tastemaker.models.features import Features
from tastemaker.models.ragged import entries_of

Days = NDArray[np.int64]
Values = NDArray[np.float64]

_DAYS: Final = 1 << 23
"""More days than any two moments lie apart, so that an item and a day are one number."""

_NUMBERS: Final = ("price", "year")
_NONE: Final = -1


@dataclass(frozen=True)
class ItemFacts:
    """Facts about ``n`` items.

    Everything that is counted is counted up to a day, that day left out: what was known in the morning. Events that
    speak against an item do not count, nor do those without a time where others have one.

    Attributes:
        indptr: Events of item ``i`` are ``days[indptr[i]:indptr[i + 1]]``, int64 ``[n + 1]``.
        days: Days since 1970 of the events, ascending within an item, int32 ``[e]``; all 0 where no event has a time.
        timed: Whether events have times.
        numbers: Price and year, NaN where unknown, float64 ``[n]`` each.
        brand: Number of the brand in ``brands``, int32 ``[n]``; -1 where unknown.
        brands: Names of brands.
        categories: The steps of category paths as tokens.
    """

    indptr: NDArray[np.int64]
    days: NDArray[np.int32]
    timed: bool
    numbers: Mapping[str, Values]
    brand: NDArray[np.int32]
    brands: Sequence[str]
    categories: Features

    @classmethod
    def of(cls, train: Dataset) -> Self:
        """Collect what is known from training events and from the catalogue."""
        timed = train.interactions.has_times
        codes, days = _events(train, timed)
        catalogue, ids = train.catalogue.frame, train.items.ids
        columns = [name for name in ("categories",) if name in catalogue.columns]
        named = _column(catalogue, ids, "brand")
        brands = sorted({brand for brand in named if brand})
        return cls(
            *_sorted(codes, days, len(ids)),
            timed,
            {name: _numbers(catalogue, ids, name) for name in _NUMBERS},
            _places(named, brands),
            brands,
            Features.learnt(catalogue, "item_id", list(ids), columns),
        )

    def grown(self, catalogue: Catalogue, ids: NDArray[np.object_]) -> ItemFacts:
        """Return the facts with those of new items, object ``[m]``, appended; brands that are new are remembered."""
        frame = catalogue.frame
        named = _column(frame, ids, "brand")
        brands = [*self.brands, *sorted({brand for brand in named if brand} - set(self.brands))]
        categories = replace(self.categories)
        categories.add(frame, "item_id", list(ids))
        return replace(
            self,
            indptr=np.append(self.indptr, np.full(len(ids), self.indptr[-1])),
            numbers={name: np.append(known, _numbers(frame, ids, name)) for name, known in self.numbers.items()},
            brand=np.append(self.brand, _places(named, brands)),
            brands=brands,
            categories=categories,
        )

    def with_events(self, dataset: Dataset, numbers: NDArray[np.int32]) -> ItemFacts:
        """Return the facts with more events; ``numbers`` says which item each of the data set's items is."""
        codes, days = _events(dataset, self.timed)
        items = np.repeat(np.arange(len(self.brand)), np.diff(self.indptr))
        together = _sorted(np.append(items, numbers[codes]), np.append(self.days, days), len(self.brand))
        return replace(self, indptr=together[0], days=together[1])

    # -- what was known on a day -------------------------------------------------------------------------------

    @cached_property
    def _keys(self) -> Days:
        return _key(np.repeat(np.arange(len(self.brand)), np.diff(self.indptr)), self.days)

    @cached_property
    def after_all(self) -> int:
        """The day after the last event; what happens later is not known."""
        return int(self.days.max(initial=-1)) + 1

    def days_of(self, queries: QueryBatch) -> Days:
        """Return the day of each query, int64 ``[q]``: of its moment, else of its latest event, `after_all` at most."""
        latest = queries.timestamps[np.maximum(queries.ends, 1) - 1] if len(queries.timestamps) else queries.now
        latest = np.where(queries.lengths() > 0, latest, NO_TIME)
        moments = np.where(queries.now == NO_TIME, latest, queries.now)
        days = np.where(moments == NO_TIME, self.after_all, moments // MICROSECONDS_PER_DAY)
        return np.asarray(np.minimum(days, self.after_all))

    def events_before(self, items: NDArray[np.integer], days: Days) -> Days:
        """Count the events of each item before a day, int64 ``[m]``; without times all of them."""
        if not self.timed:
            return np.asarray(self.indptr[items + 1] - self.indptr[items])
        return np.asarray(np.searchsorted(self._keys, _key(items, days)) - self.indptr[items])

    def first_and_last(self, items: NDArray[np.integer], before: Days) -> tuple[Values, Values]:
        """Return the days of each item's first event and of its ``before``-th, float64 ``[m]``, NaN without any."""
        there = (before > 0) & self.timed
        first, last = np.full(len(items), np.nan), np.full(len(items), np.nan)
        starts = self.indptr[items[there]]
        first[there] = self.days[starts]
        last[there] = self.days[starts + before[there] - 1]
        return first, last

    # -- how alike two items are -------------------------------------------------------------------------------

    def same_brand(self, items: NDArray[np.integer], others: NDArray[np.integer]) -> Values:
        """Return 1 where two items are of one brand, else 0, float64 ``[m]``; NaN where one is of unknown brand."""
        one, other = self.brand[items], self.brand[others]
        return np.where((one == _NONE) | (other == _NONE), np.nan, one == other)

    def shared_categories(self, items: NDArray[np.integer], others: NDArray[np.integer]) -> Values:
        """Return which share of the steps of either's categories two items have in common, float64 ``[m]``.

        NaN where one has none.
        """
        rows = self.categories.rows
        distinct, which = np.unique(others, return_inverse=True)
        has = np.zeros((len(distinct), rows.shape[1]), dtype=bool)
        owner, places = entries_of(rows.indptr, distinct)
        has[owner, rows.indices[places]] = True
        sizes = has.sum(axis=1)[which]
        owner, places = entries_of(rows.indptr, items)
        common = np.bincount(owner[has[which[owner], rows.indices[places]]], minlength=len(items))
        own = rows.indptr[items + 1] - rows.indptr[items]
        known = (own > 0) & (sizes > 0)
        return np.where(known, common / np.where(known, own + sizes - common, 1), np.nan)

    # -- keeping -----------------------------------------------------------------------------------------------

    def pack(self) -> tuple[dict[str, Any], storage.Tensors]:
        """Return the facts as JSON values and as tensors."""
        fitted, tensors = self.categories.pack("categories")
        arrays: storage.Tensors = {"indptr": self.indptr, "days": self.days, "brand": self.brand, **self.numbers}
        tensors |= {f"facts.{name}": array for name, array in arrays.items()}
        return {**fitted, "timed": self.timed, "brands": list(self.brands)}, tensors

    @classmethod
    def unpack(cls, fitted: Mapping[str, Any], tensors: storage.Tensors) -> Self:
        """Read what `pack` wrote."""
        return cls(
            tensors["facts.indptr"],
            tensors["facts.days"],
            bool(fitted["timed"]),
            {name: tensors[f"facts.{name}"] for name in _NUMBERS},
            tensors["facts.brand"],
            list(fitted["brands"]),
            Features.unpack("categories", fitted, tensors),
        )


def _events(dataset: Dataset, timed: bool) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return item and day of each event that counts."""
    sequences = dataset.sequences
    keep = sequences.weights > 0
    if timed:
        keep &= sequences.timestamps != NO_TIME
    days = sequences.timestamps[keep] // MICROSECONDS_PER_DAY if timed else np.zeros(int(keep.sum()))
    return sequences.codes[keep], days.astype(np.int32)


def _sorted(items: NDArray[np.integer], days: NDArray[np.int32], n: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    indptr = np.append(0, np.cumsum(np.bincount(items, minlength=n))).astype(np.int64)
    return indptr, days[np.lexsort((days, items))]


def _key(items: NDArray[np.integer], days: NDArray[np.integer]) -> Days:
    return items.astype(np.int64) * _DAYS + days + _DAYS // 2


def _column(frame: pl.DataFrame, ids: NDArray[np.object_], name: str) -> list[Any]:
    """Return a column in the order of ``ids``, ``None`` where nothing is known."""
    if name not in frame.columns:
        return [None] * len(ids)
    known = dict(zip(frame["item_id"].to_list(), frame[name].to_list(), strict=True))
    return [known.get(item) for item in ids]


def _numbers(frame: pl.DataFrame, ids: NDArray[np.object_], name: str) -> Values:
    values = _column(frame, ids, name)
    return np.asarray([np.nan if value is None else value for value in values], dtype=np.float64)


def _places(named: Sequence[str | None], brands: Sequence[str]) -> NDArray[np.int32]:
    places = {brand: place for place, brand in enumerate(brands)}
    return np.asarray([places[brand] if brand else _NONE for brand in named], dtype=np.int32)
