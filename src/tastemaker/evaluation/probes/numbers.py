"""Numberings of the items that a model might read: raw ids, integer columns of the catalogue, our vocabulary."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.data.dataset import Dataset

_NUMBERED: Final = re.compile(r"(\D*?)0*(\d{1,18})")

VOCABULARY: Final = "vocabulary"
RAW_IDS: Final = "item_id"


@dataclass(frozen=True)
class Numbering:
    """Items in an order that something gave them.

    Attributes:
        name: Where it comes from.
        rank: Place of each item in that order, from 0 without gaps, int64 ``[n]``, by its number in the vocabulary.
        is_number: Whether the order is one of numbers, so that "the next one" means something to a reader of them.
    """

    name: str
    rank: NDArray[np.int64]
    is_number: bool


def numberings(dataset: Dataset) -> list[Numbering]:
    """Return the orders that a reader of ids could know: raw ids, columns that number the items, the vocabulary.

    Raw ids are numbers if each is a whole number, or each is the same text before a whole number (``i07``);
    otherwise their order is that of text. A column numbers the items if it holds distinct whole numbers.
    """
    found = [raw_ids(dataset)]
    frame = dataset.catalogue.frame
    place = dataset.items.index(frame["item_id"])
    for column in frame.columns:
        values = _whole_numbers(frame[column]) if column != RAW_IDS else None
        if values is not None:
            ordered = np.empty(len(place), dtype=np.int64)
            ordered[place] = values
            found.append(Numbering(column, _ranks(ordered), True))
    found.append(Numbering(VOCABULARY, np.arange(len(dataset.items), dtype=np.int64), True))
    return found


def raw_ids(dataset: Dataset) -> Numbering:
    """Return the order of the raw item ids, as numbers if they are numbers, else as text."""
    ids = dataset.items.ids.tolist()
    parsed = [_NUMBERED.fullmatch(raw) for raw in ids]
    known = [match for match in parsed if match is not None]
    if ids and len(known) == len(ids) and len({match[1] for match in known}) == 1:
        return Numbering(RAW_IDS, _ranks(np.asarray([int(match[2]) for match in known])), True)
    return Numbering(RAW_IDS, _ranks(np.asarray(ids)), False)


def _ranks(values: NDArray[np.int64] | NDArray[np.str_]) -> NDArray[np.int64]:
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks


def as_numbers(column: pl.Series) -> pl.Series | None:
    """Return a column of numbers as it is, one of text that is all numbers (from CSV) parsed, else ``None``."""
    if column.dtype != pl.String:
        return column if column.dtype.is_numeric() else None
    for kind in (pl.Int64, pl.Float64):
        parsed = column.cast(kind, strict=False)
        if parsed.null_count() == column.null_count() < len(column):
            return parsed
    return None


def _whole_numbers(column: pl.Series) -> NDArray[np.int64] | None:
    numbers = as_numbers(column)
    if numbers is None or numbers.null_count() or numbers.n_unique() < len(numbers):
        return None
    if not numbers.dtype.is_integer() and not (numbers.is_finite().all() and (numbers == numbers.round()).all()):
        return None
    return numbers.cast(pl.Int64).to_numpy()
