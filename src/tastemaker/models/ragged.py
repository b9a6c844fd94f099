"""Rows of different lengths, one after the other in one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths.

    Attributes:
        indptr: Entries of row ``r`` are ``indptr[r]:indptr[r + 1]``, ``[m + 1]``.
        values: ``[entries]``.
    """

    indptr: NDArray[np.integer]
    values: NDArray[Any]

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def rows(self) -> Places:
        """Return the row of each entry, int64 ``[entries]``."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))

    def __getitem__(self, block: slice) -> Ragged:
        """Return the rows from ``block.start`` to ``block.stop``."""
        indptr = self.indptr[block.start : block.stop + 1]
        return Ragged(indptr - indptr[0], self.values[indptr[0] : indptr[-1]])

    @classmethod
    def at(cls, rows: Places, values: NDArray[Any], count: int) -> Ragged:
        """Put one entry into each of ``rows``, ascending, and none into the others of ``count``."""
        return cls(np.searchsorted(rows, np.arange(count + 1)), values)


def merged(parts: Sequence[Ragged]) -> Ragged:
    """Return rows that hold the entries of the same rows of all ``parts``.

    >>> first, second = Ragged(np.array([0, 1, 1]), np.array([7])), Ragged(np.array([0, 1, 2]), np.array([8, 9]))
    >>> merged([first, second]).values.tolist()
    [7, 8, 9]
    """
    order = np.argsort(np.concatenate([part.rows() for part in parts]), kind="stable")
    indptr = np.sum([part.indptr for part in parts], axis=0)
    return Ragged(indptr, np.concatenate([part.values for part in parts])[order])


def entries_of(indptr: NDArray[np.integer], rows: NDArray[np.integer]) -> tuple[Places, Places]:
    """Return the entries of some rows, one row after the other.

    Args:
        indptr: Entries of row ``r`` are those from ``indptr[r]`` to ``indptr[r + 1]``, ``[m + 1]``.
        rows: Which rows, ``[w]``; one may come more than once.

    Returns:
        Which of ``rows`` each entry belongs to, and where it stands, int64.

    >>> [each.tolist() for each in entries_of(np.array([0, 2, 2, 3]), np.array([2, 0, 1]))]
    [[0, 1, 1], [2, 0, 1]]
    """
    starts = indptr[rows].astype(np.int64)
    sizes = indptr[rows + 1] - starts
    owner = np.repeat(np.arange(len(rows)), sizes)
    ends = np.cumsum(sizes)
    return owner, np.arange(len(owner)) + np.repeat(starts - ends + sizes, sizes)


def row_pairs(first: NDArray[np.integer], second: NDArray[np.integer]) -> tuple[Places, Places, Places]:
    """Return every pair of entries within each row of two ragged arrays.

    Args:
        first: ``indptr`` of one, ``[m + 1]``.
        second: ``indptr`` of the other, ``[m + 1]``.

    Returns:
        The row of each pair, and where its entries stand in the one and in the other, int64.

    >>> [each.tolist() for each in row_pairs(np.array([0, 2, 3]), np.array([0, 1, 3]))]
    [[0, 0, 1, 1], [0, 1, 2, 2], [0, 0, 1, 2]]
    """
    widths = np.diff(second)
    pairs = np.diff(first) * widths
    row = np.repeat(np.arange(len(pairs)), pairs)
    within = np.arange(len(row)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    return row, first[:-1][row] + within // widths[row], second[:-1][row] + within % widths[row]
