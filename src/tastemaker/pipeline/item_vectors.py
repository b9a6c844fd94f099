"""Vectors of items by their numbers on the shelf, searched exactly; they come and go with the items."""

from __future__ import annotations

import threading
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tastemaker.core.errors import DataError
from tastemaker.pipeline.allowed import Mask, at
from tastemaker.pipeline.slate import Numbers, Scores
from tastemaker.pipeline.sources import best_of
from tastemaker.retrieval.port import checked_vectors
from tastemaker.retrieval.text_search import as_directions

_FIRST: Final = 1024
_WORTH_COPYING: Final = 0.2
"""Up to this share of the items, copying their vectors costs less than multiplying all."""


class ItemVectors:
    """A table of vectors of length 1, a row for each number on the shelf; an item without a vector is never found.

    Reading goes on while it is written to. A vector is scaled to length 1 when it comes, so that products are cosines;
    one of zeros says nothing, and counts as none.

    Args:
        dim: Length of a vector; 0 leaves that to the first that comes.
    """

    def __init__(self, dim: int = 0) -> None:
        self.dim = dim
        self._lock = threading.Lock()
        self._table: tuple[NDArray[np.float32], Mask] = np.zeros((0, dim), np.float32), np.zeros(0, bool)

    @classmethod
    def of(cls, vectors: ArrayLike, numbers: NDArray[np.integer[Any]] | None = None) -> Self:
        """Return a table of some vectors ``[m, d]``, of the items with these numbers, or of the first ``m``."""
        given = checked_vectors(vectors)
        table = cls(given.shape[1])
        table.put(np.arange(len(given)) if numbers is None else numbers, given)
        return table

    def __len__(self) -> int:
        """Return how many items have a vector."""
        return int(np.count_nonzero(self._table[1]))

    def put(self, numbers: NDArray[np.integer[Any]], vectors: ArrayLike) -> None:
        """Keep vectors ``[m, d]``; what an item had before is replaced. Numbers below 0 are passed over.

        Raises:
            DataError: They have another length, are not finite, or are not as many as the numbers.
        """
        given = as_directions(checked_vectors(vectors, self.dim))
        if len(given) != len(numbers):
            raise DataError(f"{len(given)} vectors cannot be those of {len(numbers)} items")
        known = np.asarray(numbers) >= 0
        numbers, given = np.asarray(numbers)[known], given[known]
        with self._lock:
            if not self.dim:
                self.dim, self._table = given.shape[1], (np.zeros((0, given.shape[1]), np.float32), self._table[1])
            self._grow(int(numbers.max(initial=-1)) + 1)
            table, there = self._table
            table[numbers] = given
            there[numbers] = given.any(axis=1)

    def remove(self, numbers: NDArray[np.integer[Any]]) -> None:
        """Forget the vectors of some items."""
        with self._lock:
            table, there = self._table
            gone = numbers[(numbers >= 0) & (numbers < len(there))]
            there[gone] = False
            table[gone] = 0.0

    def become(self, other: ItemVectors) -> None:
        """Hold what another table holds, all of it at once; the other must not be written to afterwards."""
        with self._lock:
            self.dim, self._table = other.dim, other._table

    def _grow(self, size: int) -> None:
        table, there = self._table
        if size <= len(there):
            return
        longer = max(size, 2 * len(there), _FIRST)
        wider, held = np.zeros((longer, self.dim), np.float32), np.zeros(longer, bool)
        wider[: len(table)], held[: len(there)] = table, there
        self._table = wider, held

    def has(self, numbers: NDArray[np.integer[Any]]) -> Mask:
        """Say which items have a vector, bool ``[m]``."""
        return at(self._table[1], numbers)

    def take(self, numbers: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return the vectors of some items, float32 ``[m, d]``; zeros for those that have none."""
        table, there = self._table
        found = np.zeros((len(numbers), table.shape[1]), np.float32)
        known = at(there, numbers)
        found[known] = table[numbers[known]]
        return found

    def search(self, queries: NDArray[np.float32], n: int, allowed: Mask) -> list[tuple[Numbers, Scores]]:
        """Return the nearest items to each query, best first, equal ones by number.

        Args:
            queries: Float32 ``[q, d]``.
            n: How many at most.
            allowed: Which items may be found, bool by number; those beyond its end may not.

        Returns:
            For each query the numbers int32 ``[m]`` and their products float32 ``[m]``.

        Raises:
            DataError: The queries have another length, or are not finite.
        """
        asked = checked_vectors(queries, self.dim, "queries")
        table, there = self._table
        size = min(len(there), len(allowed))
        places = np.flatnonzero(there[:size] & allowed[:size])
        copying = len(places) <= _WORTH_COPYING * size
        # As `asked @ table.T` it takes twice as long: few columns suit BLAS better than few rows.
        products = table[places] @ asked.T if copying else (table[:size] @ asked.T)[places]
        best = [best_of(row, n) for row in products.T]
        return [
            (places[found].astype(np.int32), row[found].astype(np.float32))
            for row, found in zip(products.T, best, strict=True)
        ]
