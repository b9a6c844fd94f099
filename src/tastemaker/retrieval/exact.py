"""Exact vector search: every product is computed, in blocks, and only the best are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tastemaker.core.files import atomic_folder
from tastemaker.retrieval import folder as stored
from tastemaker.retrieval.best import Best, careful_scores
from tastemaker.retrieval.port import Allowed, Numbers, Scores, checked_k, checked_mask, checked_vectors

_SCORES: Final = 1 << 20
"""Scores of a block: 4 MB, which stay in the cache until the best of them are taken."""
_ROWS: Final = 4_096
_MOST_ROWS: Final = 131_072
_QUERIES: Final = 256
_GATHER: Final = 500
"""Copying a vector out of a block takes as long as multiplying about so many numbers of those that stay in order."""
_TOGETHER: Final = 8
"""So many queries at once take about twice as long as one: the vectors are read only once."""


class ExactIndex:
    """Compares a query with every vector that is allowed.

    Scores are summed in float64 for what is returned, so that they depend neither on the number of queries nor on
    the blocks. One query over 100,000 vectors of 384 dimensions costs little more than the product alone.

    Args:
        vectors: Numbers in rows ``[n, d]``; float32 is not copied, and must not be changed afterwards.

    Raises:
        DataError: They are no such table, or hold NaN or infinities.
    """

    kind: ClassVar[str] = "exact"

    def __init__(self, vectors: ArrayLike) -> None:
        self._vectors = checked_vectors(vectors)
        self._longest = longest_of(self._vectors)

    @property
    def dim(self) -> int:
        """How long a vector is."""
        return int(self._vectors.shape[1])

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The vectors, float32 ``[n, dim]``."""
        return self._vectors

    @property
    def longest(self) -> float:
        """The length of the longest vector."""
        return self._longest

    def __len__(self) -> int:
        return len(self._vectors)

    def add(self, vectors: ArrayLike) -> None:
        """Take in more vectors ``[m, dim]``; all are copied, so many at once cost less than one by one."""
        new = checked_vectors(vectors, self.dim)
        self._vectors = np.concatenate([self._vectors, new])
        self._longest = max(self._longest, longest_of(new))

    def search(self, queries: ArrayLike, k: int, allowed: ArrayLike | None = None) -> tuple[Numbers, Scores]:
        """Return the best ``k`` for each query: see `VectorIndex.search`."""
        asked, k = checked_vectors(queries, self.dim, "queries"), checked_k(k)
        mask = checked_mask(allowed, len(self))
        parts = [self._search(asked[start : start + _QUERIES], k, mask) for start in range(0, len(asked), _QUERIES)]
        parts = parts or [self._search(asked, k, mask)]
        return np.concatenate([numbers for numbers, _ in parts]), np.concatenate([scores for _, scores in parts])

    def _search(self, queries: NDArray[np.float32], k: int, mask: Allowed | None) -> tuple[Numbers, Scores]:
        lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
        # A sum of d products is wrong by d half units at most (Higham, 2002, equation 3.5), and so is the k-th best.
        margin = self.dim * np.finfo(np.float32).eps * lengths * self._longest
        best = Best(len(queries), k, margin)
        rows = min(_MOST_ROWS, max(_ROWS, _SCORES // max(len(queries), 1)))
        for start in range(0, len(self), rows):
            stop = min(start + rows, len(self))
            part = None if mask is None else mask[start:stop]
            if part is not None and not part.any():
                continue
            self._offer(best, queries, start, stop, part)
        return best.result(lambda query, numbers: careful_scores(self._vectors, queries[query], numbers))

    def _offer(self, best: Best, queries: NDArray[np.float32], start: int, stop: int, allowed: Allowed | None) -> None:
        """Score a block of vectors: only those that are allowed, or all where that is cheaper."""
        few = None if allowed is None else np.flatnonzero(allowed)
        if few is not None and len(few) <= self._worth_copying(len(queries)) * (stop - start):
            numbers = (start + few).astype(np.int32)
            for first in range(0, len(numbers), _ROWS):
                some = numbers[first : first + _ROWS]
                for query, scores in enumerate(queries @ np.take(self._vectors, some, axis=0).T):
                    best.offer(query, scores, some)
            return
        found = queries @ self._vectors[start:stop].T
        if allowed is not None:
            found += np.where(allowed, np.float32(0), np.float32(-np.inf))
        for query, scores in enumerate(found):
            best.offer(query, scores, start)

    def _worth_copying(self, queries: int) -> float:
        """Return up to which share of allowed vectors it is cheaper to copy them than to score all."""
        work = self.dim * (1 + queries / _TOGETHER)
        return work / (work + _GATHER)

    def save(self, folder: Path) -> None:
        """Write the vectors as a folder, whole or not at all."""
        with atomic_folder(Path(folder), replaces=stored.ABOUT) as place:
            stored.write_array(place / stored.VECTORS, self._vectors)
            stored.write_about(place, self.kind, {"vectors": len(self), "dim": self.dim, "longest": self._longest})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; the vectors stay on disk until they are needed.

        Raises:
            DataError: The folder is incomplete, damaged, or of something else.
        """
        return cls.of_folder(folder, stored.read_about(folder, cls.kind))

    @classmethod
    def of_folder(cls, folder: Path, about: dict[str, Any]) -> Self:
        """Return an index over the vectors of a folder, which were checked when they were written."""
        vectors = stored.read_vectors(folder, about)
        index = cls(vectors[:0])
        index._vectors, index._longest = vectors, float(stored.number(about, "longest", folder))
        return index


def longest_of(vectors: NDArray[np.float32]) -> float:
    """Return the length of the longest of some vectors; 0 of none."""
    parts: list[Any] = [
        np.einsum("nd,nd->n", part, part).max()
        for part in (vectors[start : start + _ROWS] for start in range(0, len(vectors), _ROWS))
    ]
    return float(np.sqrt(max(parts, default=0.0)))
