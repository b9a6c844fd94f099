"""Items that somebody touched or hid, by raw id, and their numbers on a shelf."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

_FIRST: Final = 16


class Numbering(Protocol):
    """What numbers items: a shelf. Numbers never change; items that come later get further ones."""

    @property
    def arrivals(self) -> int:
        """Grows whenever an item comes that was never there."""
        ...

    def numbers(self, ids: Sequence[str]) -> NDArray[np.integer[Any]]:
        """Return the numbers of items, ``[m]``, -1 for those that were never there."""
        ...


class TouchedItems:
    """Distinct items that only become more; each is looked up once, and again only while it is not on the shelf."""

    __slots__ = ("_arrivals", "_missing", "_new", "_numbers", "_shelf", "_size", "_told", "ids")

    def __init__(self, ids: Sequence[str] = ()) -> None:
        self.ids = dict.fromkeys(ids)
        self._shelf: Numbering | None = None
        self._restart()

    def _restart(self) -> None:
        self._new = list(self.ids)
        self._missing: list[str] = []
        self._numbers = np.empty(_FIRST, np.int32)
        self._size = 0
        self._told: NDArray[np.int32] | None = None
        self._arrivals = -1

    def __len__(self) -> int:
        return len(self.ids)

    def copy(self) -> TouchedItems:
        """Return as many that go their own way from here."""
        other = TouchedItems()
        other.ids, other._new, other._missing = self.ids.copy(), self._new.copy(), self._missing.copy()
        other._shelf, other._arrivals = self._shelf, self._arrivals
        other._numbers, other._size = self._numbers.copy(), self._size
        return other

    def add(self, item_id: str) -> None:
        """Add an item that may be there already."""
        if item_id not in self.ids:
            self.ids[item_id] = None
            self._new.append(item_id)

    def on(self, shelf: Numbering) -> NDArray[np.int32]:
        """Return the numbers of those that are on a shelf, int32, read-only; what is added later does not change it.

        As long as they are the same, so is the array.
        """
        if shelf is not self._shelf:
            self._shelf = shelf
            self._restart()
        # Read before the look-up: what arrives meanwhile is asked for again.
        arrivals = shelf.arrivals
        if arrivals != self._arrivals:
            self._new, self._missing, self._arrivals = self._missing + self._new, [], arrivals
        if self._new:
            self._find(shelf)
        if self._told is None or len(self._told) != self._size:
            self._told = self._numbers[: self._size]
            self._told.setflags(write=False)
        return self._told

    def _find(self, shelf: Numbering) -> None:
        numbers = np.asarray(shelf.numbers(self._new), dtype=np.int32)
        self._missing += [item for item, number in zip(self._new, numbers.tolist(), strict=True) if number < 0]
        self._new = []
        there = numbers[numbers >= 0]
        end = self._size + len(there)
        if end > len(self._numbers):
            longer = np.empty(max(end, 2 * len(self._numbers)), np.int32)
            longer[: self._size] = self._numbers[: self._size]
            self._numbers = longer  # what was handed out keeps the old one
        self._numbers[self._size : end] = there
        self._size = end


class HiddenItems:
    """Items that were hidden and, it may be, shown again; the latest word counts, whenever it is heard."""

    __slots__ = ("_items", "said")

    def __init__(self) -> None:
        self.said: dict[str, tuple[int, bool]] = {}
        self._items: TouchedItems | None = None

    def copy(self) -> HiddenItems:
        """Return as many that go their own way from here."""
        other = HiddenItems()
        other.said = self.said.copy()
        return other

    def say(self, item_id: str, at: int, hidden: bool) -> None:
        """Hide an item, or show it again; what is said last counts, whatever its time: clocks go wrong."""
        self.said[item_id] = at, hidden
        self._items = None

    def __contains__(self, item_id: str) -> bool:
        return self.said.get(item_id, (0, False))[1]

    def on(self, shelf: Numbering) -> NDArray[np.int32]:
        """Return the numbers of those that are hidden now, int32, read-only."""
        if self._items is None:
            self._items = TouchedItems([item for item, (_, hidden) in self.said.items() if hidden])
        return self._items.on(shelf)
