"""The vectors of one space in memory, to search: an exact index of what was read, and what changed since then."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.store.ports import Vectors

if TYPE_CHECKING:
    from tastemaker.retrieval.exact import ExactIndex

_MOST_NEWER: Final = 1_024
_SHARE: Final = 8
Hits = list[tuple[str, float]]


class Space:
    """Answers as if all vectors were compared, whatever was put and deleted while it was filled or since.

    Changes may come from the moment that it is made, before `fill`: a change counts more than what is filled in.
    """

    def __init__(self) -> None:
        self.filling = Lock()
        """Held by who fills it."""
        self.filled = False
        self._lock = Lock()
        self._ids: list[str] = []
        self._numbers: dict[str, int] = {}
        self._index: ExactIndex | None = None
        self._current: NDArray[np.bool_] = np.empty(0, np.bool_)
        self._changed: dict[str, NDArray[np.float32] | None] = {}
        self._newer: tuple[list[str], ExactIndex] | None = None

    def fill(self, ids: list[str], vectors: Vectors | None) -> None:
        """Take in all vectors of the space, float32 ``[n, d]``, in the order of their ids; ``None`` for none."""
        from tastemaker.retrieval.exact import ExactIndex

        index, numbers = (
            None if vectors is None else ExactIndex(vectors),
            {name: number for number, name in enumerate(ids)},
        )
        current = np.ones(len(ids), np.bool_)
        with self._lock:
            current[[numbers[name] for name in self._changed if name in numbers]] = False
            self._ids, self._numbers, self._index, self._current = ids, numbers, index, current
            self.filled = True

    def change(self, ids: Sequence[str], vectors: Vectors | None) -> bool:
        """Take in what was put, or deleted (``None``); return whether so much changed that a new space is better."""
        with self._lock:
            for place, name in enumerate(ids):
                self._changed[name] = None if vectors is None else vectors[place]
                if name in self._numbers:
                    self._current[self._numbers[name]] = False
            self._newer = None
            return len(self._changed) > max(_MOST_NEWER, len(self._ids) // _SHARE)

    def search(self, queries: Vectors, k: int, allowed: frozenset[str] | None) -> list[Hits]:
        """Return the best ``k`` for each query, best first, equal ones by id."""
        with self._lock:
            index, ids, current = self._index, self._ids, self._current.copy()
            newer_ids, newer = self._newer or self._index_newer()
            if allowed is not None:
                current &= self._mask(allowed)
        found: list[Hits] = [[] for _ in range(len(queries))]
        if index is not None:
            _collect(found, index, ids, queries, k, current)
        if newer_ids:
            mask = np.array([allowed is None or name in allowed for name in newer_ids])
            _collect(found, newer, newer_ids, queries, k, mask)
        return [sorted(hits, key=lambda hit: (-hit[1], hit[0]))[:k] for hits in found]

    def _index_newer(self) -> tuple[list[str], ExactIndex]:
        from tastemaker.retrieval.exact import ExactIndex

        put = {name: vector for name, vector in sorted(self._changed.items()) if vector is not None}
        vectors = np.stack(list(put.values())) if put else np.empty((0, 1), np.float32)
        self._newer = list(put), ExactIndex(vectors)
        return self._newer

    def _mask(self, allowed: frozenset[str]) -> NDArray[np.bool_]:
        mask = np.zeros(len(self._ids), np.bool_)
        mask[[self._numbers[name] for name in allowed if name in self._numbers]] = True
        return mask


def _collect(
    found: list[Hits], index: ExactIndex, ids: list[str], queries: Vectors, k: int, mask: NDArray[np.bool_]
) -> None:
    numbers, scores = index.search(queries, min(k, len(index)), mask)
    for hits, some, their in zip(found, numbers.tolist(), scores.tolist(), strict=True):
        hits += [(ids[number], score) for number, score in zip(some, their, strict=True) if number >= 0]
