"""Columns of one value an item: numbers, times, yes or no. Text and lists of it have modules of their own."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import NO_TIME
from tastemaker.pipeline.kinds import Kind
from tastemaker.pipeline.slate import Numbers

Mask: TypeAlias = NDArray[np.bool_]

ORDERINGS: Final[Mapping[str, Callable[[Any, Any], Any]]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
)

NOT_TOLD: Final = -1
"""The code of a missing text or flag."""


def as_mask(found: Any) -> Mask:
    """Return a comparison of an array, which is of no known type, as what it is."""
    mask: Mask = found
    return mask


class Column(ABC):
    """What one field says of every item, by number; changed in place.

    Masks are about the first ``n`` items, bool ``[n]``, and the caller's own.
    """

    kind: ClassVar[Kind]

    @abstractmethod
    def grow(self, capacity: int) -> None:
        """Make room for ``capacity`` items; those that are new are missing."""

    @abstractmethod
    def write(self, numbers: Numbers, values: Sequence[Any]) -> None:
        """Keep plain values of `kind`, ``None`` for missing, one for each of the distinct ``numbers``."""

    @abstractmethod
    def clear(self, numbers: Numbers) -> None:
        """Forget what was said of some items."""

    @abstractmethod
    def value(self, number: int) -> Any:
        """Return what is said of one item as a plain value; ``None`` where it is missing."""

    @abstractmethod
    def array(self, n: int) -> NDArray[Any]:
        """Return the values or codes of the first ``n`` items."""

    @abstractmethod
    def known(self, n: int) -> Mask:
        """Return which items have a value."""

    @abstractmethod
    def among(self, n: int, values: Sequence[Any]) -> Mask:
        """Return which items have one of some values."""

    def ordered(self, n: int, sign: str, value: Any) -> Mask:
        """Return which items have a value that is ``<``, ``<=``, ``>`` or ``>=`` another."""
        raise TypeError(f"{self.kind} has no order")

    def worded(self, n: int, how: str, sought: str) -> Mask:
        """Return which items have a text that ``contains`` or ``starts with`` what is sought, which is folded."""
        raise TypeError(f"{self.kind} has no words")


class ArrayColumn(Column):
    """Values of one size in one array."""

    dtype: ClassVar[Any]
    missing: Any

    def __init__(self, capacity: int) -> None:
        self._kept: NDArray[Any] = np.full(capacity, self.missing, self.dtype)

    def grow(self, capacity: int) -> None:
        """See `Column.grow`."""
        larger = np.full(capacity, self.missing, self.dtype)
        larger[: len(self._kept)] = self._kept
        self._kept = larger

    def write(self, numbers: Numbers, values: Sequence[Any]) -> None:
        """See `Column.write`."""
        self._kept[numbers] = [self.missing if value is None else value for value in values]

    def clear(self, numbers: Numbers) -> None:
        """See `Column.clear`."""
        self._kept[numbers] = self.missing

    def array(self, n: int) -> NDArray[Any]:
        """See `Column.array`."""
        return self._kept[:n]

    def known(self, n: int) -> Mask:
        """See `Column.known`."""
        return as_mask(self._kept[:n] != self.missing)

    def among(self, n: int, values: Sequence[Any]) -> Mask:
        """See `Column.among`."""
        kept = self._kept[:n]
        if len(values) == 1:
            return as_mask(kept == values[0])
        return np.isin(kept, np.asarray(values, dtype=self.dtype))


class NumberColumn(ArrayColumn):
    """Numbers as float64, NaN for missing."""

    kind = "number"
    dtype = np.float64
    missing = np.nan

    def value(self, number: int) -> float | None:
        """See `Column.value`."""
        found = float(self._kept[number])
        return None if np.isnan(found) else found

    def known(self, n: int) -> Mask:
        """See `Column.known`."""
        return as_mask(~np.isnan(self._kept[:n]))

    def ordered(self, n: int, sign: str, value: Any) -> Mask:
        """See `Column.ordered`."""
        return as_mask(ORDERINGS[sign](self._kept[:n], value))


class TimeColumn(ArrayColumn):
    """Moments as int64, microseconds since the epoch, `NO_TIME` for missing."""

    kind = "time"
    dtype = np.int64
    missing = NO_TIME

    def value(self, number: int) -> int | None:
        """See `Column.value`."""
        found = int(self._kept[number])
        return None if found == NO_TIME else found

    def ordered(self, n: int, sign: str, value: Any) -> Mask:
        """See `Column.ordered`."""
        found = as_mask(ORDERINGS[sign](self._kept[:n], value))
        # What is missing is the least of all integers.
        return found & self.known(n) if sign in ("<", "<=") else found


class FlagColumn(ArrayColumn):
    """Yes, no or missing as int8.

    Args:
        capacity: How many items there is room for.
        default: What is said of an item of which nothing is said; ``None`` for nothing.
    """

    kind = "yes or no"
    dtype = np.int8

    def __init__(self, capacity: int, default: bool | None = None) -> None:
        self.missing = NOT_TOLD if default is None else int(default)
        super().__init__(capacity)

    def value(self, number: int) -> bool | None:
        """See `Column.value`."""
        found = int(self._kept[number])
        return None if found == NOT_TOLD else found == 1

    def known(self, n: int) -> Mask:
        """See `Column.known`."""
        return as_mask(self._kept[:n] != NOT_TOLD)
