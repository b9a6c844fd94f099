"""The numbers of items: given in the order in which they come, and never to another item."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastemaker.pipeline.slate import Numbers


class Numbering:
    """Raw ids and their numbers.

    Attributes:
        arrivals: Grows when new numbers are given.
    """

    def __init__(self) -> None:
        self.arrivals = 0
        self._number_of: dict[str, int] = {}
        self._ids = np.empty(0, dtype=object)
        self._n = 0
        self._remembered: dict[int, tuple[weakref.ref[NDArray[Any]], int, Numbers]] = {}

    def __len__(self) -> int:
        return self._n

    @property
    def ids(self) -> NDArray[Any]:
        """Raw ids by number, object ``[n]``, read-only."""
        return view(self._ids, self._n)

    def number(self, raw_id: object) -> int:
        """Return the number of one item; -1 where it never came."""
        return self._number_of.get(raw_id, -1)  # type: ignore[call-overload, no-any-return]

    def numbers(self, raw_ids: Sequence[str]) -> Numbers:
        """Return the numbers of items, int32 ``[m]``; -1 for those that never came."""
        get = self._number_of.get
        return np.fromiter(map(get, raw_ids, repeat(-1)), np.int32, len(raw_ids))

    def grow(self, capacity: int) -> None:
        """Make room for so many items."""
        self._ids = longer(self._ids, capacity)

    def enter(self, ids: Sequence[str], numbers: Numbers) -> None:
        """Give numbers to new items; they do not count before `publish`."""
        self._ids[numbers] = ids
        self._number_of.update(zip(ids, numbers.tolist(), strict=True))

    def publish(self, n: int) -> None:
        """Let the items up to a number count."""
        self.arrivals += n > self._n
        self._n = n

    def of_model(self, ids: NDArray[Any]) -> Numbers:
        """Return the number of each raw id of an array, int32 ``[m]``, read-only; -1 for those that never came.

        It is remembered for as long as the array lives, which must not be changed.
        """
        key, arrivals, known = id(ids), self.arrivals, self._remembered.get(id(ids))
        if known is None or known[0]() is not ids:
            found = self.numbers(ids.tolist())
        elif known[1] == arrivals:
            return known[2]
        else:
            # Numbers never change: only those that had none can have got one.
            found = known[2].copy()
            absent = np.flatnonzero(found < 0)
            found[absent] = self.numbers(ids[absent].tolist())
        found.setflags(write=False)
        forget = self._remembered.pop
        self._remembered[key] = (weakref.ref(ids, lambda _: forget(key, None)), arrivals, found)
        return found


def view(array: NDArray[Any], n: int) -> NDArray[Any]:
    """Return the used part of an array, read-only."""
    used = array[:n]
    used.setflags(write=False)
    return used


def longer(array: NDArray[Any], capacity: int) -> NDArray[Any]:
    """Return an array with room for more at its end, where it is zero."""
    return np.concatenate([array, np.zeros(capacity - len(array), array.dtype)])
