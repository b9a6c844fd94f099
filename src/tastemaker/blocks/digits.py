"""Codes out of the decimal digits of numbers, and numbers in the order in which training events name items."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tastemaker.blocks.codes import PADDING, Codes
from tastemaker.core.errors import DataError
from tastemaker.data.dataset import Dataset

_DIGITS = tuple("0123456789")


def digit_codes(numbers: ArrayLike, width: int | None = None) -> Codes:
    """Return the decimal digits of each item's number, the first digit first.

    Args:
        numbers: Distinct, at least 0, int ``[n]``.
        width: Digits of every number, with leading zeros; without it an end token closes each code.

    Raises:
        DataError: Numbers repeat, are negative, or have more digits than ``width``.
    """
    given = np.asarray(numbers, dtype=np.int64)
    if len(np.unique(given)) < len(given) or (given < 0).any():
        raise DataError("numbers of items repeat or are negative", remedy="Give each item a number of its own, from 0.")
    longest = len(str(given.max(initial=0)))
    if width is not None and longest > width:
        raise DataError(
            f"a number has {longest} digits, but there is room for {width}",
            where=f"item {given.argmax()}",
            remedy=f"Use width={longest} or more, or no width, which ends each code with a token.",
        )
    columns = longest if width is None else width
    digits = given[:, None] // 10 ** np.arange(columns - 1, -1, -1, dtype=np.int64) % 10
    if width is not None:
        return Codes(digits.astype(np.int32), 10, None, _DIGITS)
    lengths = np.searchsorted(10 ** np.arange(1, columns, dtype=np.int64), given, side="right") + 1
    places = np.arange(columns) + (columns - lengths)[:, None]
    tokens = np.full((len(given), columns + 1), PADDING, dtype=np.int32)
    inside = np.arange(columns) < lengths[:, None]
    tokens[:, :-1][inside] = np.take_along_axis(digits, np.minimum(places, columns - 1), axis=1)[inside]
    tokens[np.arange(len(given)), lengths] = 10
    return Codes(tokens, 11, None, (*_DIGITS, "<end>"))


def numbers_of(codes: Codes) -> NDArray[np.int64]:
    """Return the numbers that `digit_codes` took, int64 ``[n]``."""
    found = np.zeros(len(codes), dtype=np.int64)
    for column in codes.tokens.T:
        digit = (column >= 0) & (column < 10)
        found = np.where(digit, found * 10 + column, found)
    return found


def first_appearances(train: Dataset) -> NDArray[np.int64]:
    """Return each item's place in the order in which the events first name items, user after user, int64 ``[n]``.

    Items without events follow by item number. Give the training part alone: over whole histories the numbers tell
    which items come next.
    """
    named, first = np.unique(train.sequences.codes, return_index=True)
    numbers = np.empty(len(train.items), dtype=np.int64)
    numbers[named[np.argsort(first)]] = np.arange(len(named))
    others = np.setdiff1d(np.arange(len(train.items)), named)
    numbers[others] = len(named) + np.arange(len(others))
    return numbers
