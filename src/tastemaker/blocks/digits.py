"""Codes out of the digits of numbers, and numbers in the order in which training events name items."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tastemaker.blocks.codes import PADDING, Codes
from tastemaker.core.errors import DataError
from tastemaker.data.dataset import Dataset


def digit_codes(numbers: ArrayLike, width: int | None = None, base: int = 10) -> Codes:
    """Return the digits of each item's number, the first digit first.

    Args:
        numbers: Distinct, at least 0, int ``[n]``.
        width: Digits of every number, with leading zeros; without it an end token closes each code.
        base: Values of a digit: 100 writes 8668 as ``86 68``, as word pieces do that hold two decimal digits.

    Raises:
        DataError: Numbers repeat, are negative, or have more digits than ``width``.
    """
    given = np.asarray(numbers, dtype=np.int64)
    if len(np.unique(given)) < len(given) or (given < 0).any():
        raise DataError("numbers of items repeat or are negative", remedy="Give each item a number of its own, from 0.")
    powers = base ** np.arange(1, 64 // int(base - 1).bit_length(), dtype=np.int64)
    longest = 1 + int(np.searchsorted(powers, given.max(initial=0), side="right"))
    if width is not None and longest > width:
        raise DataError(
            f"a number has {longest} digits, but there is room for {width}",
            where=f"item {given.argmax()}",
            remedy=f"Use width={longest} or more, or no width, which ends each code with a token.",
        )
    columns = longest if width is None else width
    digits = given[:, None] // base ** np.arange(columns - 1, -1, -1, dtype=np.int64) % base
    if width is not None:
        return Codes(digits.astype(np.int32), base, None, _words(base))
    lengths = np.searchsorted(powers, given, side="right") + 1
    places = np.arange(columns) + (columns - lengths)[:, None]
    tokens = np.full((len(given), columns + 1), PADDING, dtype=np.int32)
    inside = np.arange(columns) < lengths[:, None]
    tokens[:, :-1][inside] = np.take_along_axis(digits, np.minimum(places, columns - 1), axis=1)[inside]
    tokens[np.arange(len(given)), lengths] = base
    return Codes(tokens, base + 1, None, (*_words(base), "<end>"))


def smallest_base(count: int, width: int) -> int:
    """Return the smallest base in which ``count`` numbers from 0 have no more than ``width`` digits.

    >>> smallest_base(12_101, 2), smallest_base(12_100, 2)
    (111, 110)
    """
    base: int = max(1, round(count ** (1 / width)) - 1)
    while int(base**width) < count:
        base += 1
    return base


def _words(base: int) -> tuple[str, ...]:
    places = len(str(base - 1))
    return tuple(f"{value:0{places}}" for value in range(base))


def numbers_of(codes: Codes, base: int = 10) -> NDArray[np.int64]:
    """Return the numbers that `digit_codes` took, int64 ``[n]``."""
    found = np.zeros(len(codes), dtype=np.int64)
    for column in codes.tokens.T:
        digit = (column >= 0) & (column < base)
        found = np.where(digit, found * base + column, found)
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
