"""Several interests in one history: groups of likes whose vectors are near each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.models.history import History
from tastemaker.models.linear_solvers import products

NEAR: Final = 0.5
"""A like joins the nearest group if its cosine with the group's mean is at least so high, or no group is left."""


@dataclass(frozen=True)
class Interests:
    """The events of ``q`` histories in at most ``m`` groups.

    Attributes:
        groups: What each event of a group weighs, float32 ``[q, n]`` for each of the groups.
        against: The same for dislikes, which are not grouped, float32 ``[q, n]``.
    """

    groups: tuple[sparse.csr_array, ...]
    against: sparse.csr_array

    @classmethod
    def of(
        cls, history: History, vectors: NDArray[np.float32], decay: str, last: int, most: int, near: float = NEAR
    ) -> Self:
        """Put the likes of histories into groups, the latest first, so that what is recent opens them.

        Args:
            history: The events.
            vectors: Of the items, float32 ``[n, d]``, of length 1 or 0.
            decay: A key of `tastemaker.models.history.AGE_DECAYS`.
            last: Leave out events older than this age.
            most: At most so many groups.
            near: See `NEAR`.
        """
        group = _grouped(history, vectors, last, most, near)

        def of_group(number: int) -> sparse.csr_array:
            mine = group == number
            part = History(
                history.query[mine], history.items[mine], history.ages[mine], history.weights[mine], history.queries
            )
            return part.matrix(len(vectors), decay, last)

        return cls(tuple(of_group(number) for number in range(most)), of_group(-1))

    def strongest(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the group that speaks most for each item says, float32 ``[q, n]``; 0 without a like."""
        best: NDArray[np.float32] | None = None
        for matrix in self.groups:
            said = products(matrix @ vectors, vectors)
            silent = np.diff(matrix.indptr) == 0
            if best is None:
                best = said  # the first group is empty only if all are
                continue
            said[silent] = -np.inf
            np.maximum(best, said, out=best)
        assert best is not None
        return best

    def speaking(self, vectors: NDArray[np.float32], towards: NDArray[np.float32]) -> sparse.csr_array:
        """Return the group of the first history that speaks most for the item with this vector, ``[1, n]``."""
        there = [matrix for matrix in self.groups if matrix.indptr[1] > 0] or [self.groups[0]]
        return max(there, key=lambda matrix: float(((matrix[[0]] @ vectors) @ towards)[0]))[[0]]


def _grouped(history: History, vectors: NDArray[np.float32], last: int, most: int, near: float) -> NDArray[np.int64]:
    """Return the group of each event, int64 ``[e]``, -1 for dislikes and -2 for what is too old."""
    liked = (history.weights > 0) & (history.ages <= last)
    group = np.where(history.weights < 0, -1, -2)
    sums = np.zeros((history.queries, most, vectors.shape[1]), dtype=np.float32)
    open_groups = np.zeros(history.queries, dtype=np.int64)
    for age in range(1, last + 1):
        events = np.flatnonzero(liked & (history.ages == age))
        if not len(events):
            break
        query, mine = history.query[events], vectors[history.items[events]]
        lengths = np.maximum(np.linalg.norm(sums[query], axis=2), 1e-12)
        cosines = np.einsum("qmd,qd->qm", sums[query], mine) / lengths
        cosines[np.arange(most) >= open_groups[query, None]] = -np.inf
        nearest, new = cosines.argmax(axis=1), open_groups[query] < most
        opens = new & (cosines.max(axis=1) < near)
        chosen = np.where(opens, open_groups[query], nearest)
        open_groups[query] += opens
        sums[query, chosen] += mine
        group[events] = chosen
    return group
