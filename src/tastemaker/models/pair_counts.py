"""Decayed counts of pairs of a person's events: how often, and how soon, one item comes after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.data.dataset import Dataset

Steps: TypeAlias = list[tuple[int, float]]
"""How many events away, and what that counts."""

_PAIRS_AT_ONCE: Final = 5_000_000
_CELLS_AT_ONCE: Final = 4_000_000
_CELLS_A_PAIR: Final = 8
"""Up to so many cells for each pair, filling all of them is quicker than sorting the pairs."""


@dataclass(frozen=True)
class LikedEvents:
    """Events with a positive weight, and where each item stands in them.

    Attributes:
        codes: Items, person by person, oldest first, int32 ``[e]``.
        before: How many events the same person has before each, int32 ``[e]``.
        after: How many they have after it, int32 ``[e]``.
        places: Positions in ``codes``, item by item, int64 ``[e]``.
        ends: Where the positions of each item end in ``places``, int64 ``[n]``.
    """

    codes: NDArray[np.int32]
    before: NDArray[np.int32]
    after: NDArray[np.int32]
    places: NDArray[np.int64]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, dataset: Dataset) -> LikedEvents:
        """Take what was liked from a data set."""
        sequences = dataset.sequences
        keep = sequences.weights > 0
        codes = sequences.codes[keep]
        lengths = np.bincount(sequences.user_of_event()[keep], minlength=len(sequences.user_ids))
        last = np.repeat(np.cumsum(lengths) - 1, lengths)
        after = (last - np.arange(len(codes))).astype(np.int32)
        before = (np.repeat(lengths, lengths) - 1 - after).astype(np.int32)
        ends = np.cumsum(np.bincount(codes, minlength=len(dataset.items)))
        return cls(codes, before, after, np.argsort(codes, kind="stable"), ends)

    def pairs(self, decay: Callable[[int], float], first: int, last: int, *, reverse: float = 0.0) -> sparse.csr_array:
        """Return ``decay(gap)`` summed over pairs of events that are ``first`` to ``last`` apart, float32 ``[n, n]``.

        Row ``a``, column ``b`` holds ``a`` before ``b``, plus ``reverse`` times ``b`` before ``a``. Some rows are
        counted at a time, and what is done grows in place: little more memory is taken than the answer needs.
        """
        last = min(last, int(self.after.max(initial=0)))
        steps = [(gap, decay(gap)) for gap in range(first, last + 1)]
        steps += [(-gap, reverse * amount) for gap, amount in steps if reverse]
        n = len(self.ends)
        if not steps:
            return sparse.csr_array((n, n), dtype=np.float32)
        data, indices = np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int32)
        lengths = [np.zeros(1, dtype=np.int64)]
        for start, end, full in self._blocks(len(steps)):
            rows = self._full_rows(start, end, steps) if full else self._rows(start, end, steps)
            done = len(data)
            for whole, part in ((data, rows.data), (indices, rows.indices)):
                whole.resize(done + len(part), refcheck=False)
                whole[done:] = part
            lengths.append(np.diff(rows.indptr))
        indptr = np.cumsum(np.concatenate(lengths))
        if len(data) <= np.iinfo(np.int32).max:
            indptr = indptr.astype(np.int32)
        return sparse.csr_array((data, indices, indptr), shape=(n, n))

    def _blocks(self, steps: int) -> Iterator[tuple[int, int, bool]]:
        """Cut the items into runs of some pairs or some cells, and say whether so many cells are filled."""
        n = len(self.ends)
        full = n * n <= _CELLS_A_PAIR * len(self.codes) * steps
        load = n * np.arange(1, n + 1) // _CELLS_AT_ONCE if full else self.ends * steps // _PAIRS_AT_ONCE
        for start, end in pairwise([0, *(np.flatnonzero(np.diff(load)) + 1).tolist(), n]):
            yield start, end, full

    def _pairs(
        self, start: int, end: int, steps: Steps
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32], float]]:
        """Yield rows, counted from ``start``, columns and amount of the pairs of items ``start`` to ``end``."""
        places = self.places[self.ends[start - 1] if start else 0 : self.ends[end - 1]]
        items = self.codes[places] - np.int32(start)
        room = {True: self.after[places], False: self.before[places]}
        for step, amount in steps:
            there = np.flatnonzero(room[step > 0] >= abs(step))
            yield items[there], self.codes[places[there] + step], amount

    def _full_rows(self, start: int, end: int, steps: Steps) -> sparse.csr_array:
        """Return some rows by way of all their cells, which is quick where many are not zero."""
        n = len(self.ends)
        cells = np.zeros((end - start) * n, dtype=np.float32)
        for row, column, amount in self._pairs(start, end, steps):
            np.add.at(cells, row.astype(np.int64) * n + column, np.float32(amount))
        found = np.flatnonzero(cells)
        indptr = np.searchsorted(found, n * np.arange(end - start + 1))
        return sparse.csr_array((cells[found], (found % n).astype(np.int32), indptr), shape=(end - start, n))

    def _rows(self, start: int, end: int, steps: Steps) -> sparse.csr_array:
        """Return some rows by sorting their pairs."""
        rows, columns, amounts = zip(*self._pairs(start, end, steps), strict=True)
        values = np.repeat(np.asarray(amounts, dtype=np.float32), [len(row) for row in rows])
        pairs = (np.concatenate(rows), np.concatenate(columns))
        return sparse.csr_array((values, pairs), shape=(end - start, len(self.ends)))
