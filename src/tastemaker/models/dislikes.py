"""What a dislike says of other items where items are directions: it pushes away what is near, and draws in nothing."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.models.linear_solvers import products

_AT_ONCE: Final = 64


def nearness(disliked: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much nearer items are to disliked ones than items are on average, at least 0, float32 ``[e, n]``.

    Vectors of texts have a cosine well above 0 with each other, and an item that is unlike a disliked one is no better
    for it: so only what is nearer than the average counts.

    Args:
        disliked: Vectors of the disliked items, float32 ``[e, d]``.
        vectors: Of all items, float32 ``[n, d]``.
    """
    near = products(disliked, vectors)
    own = np.square(disliked).sum(axis=1, keepdims=True)
    near -= (near.sum(axis=1, keepdims=True) - own) / max(len(vectors) - 1, 1)
    return np.asarray(np.maximum(near, 0, out=near))


def pushed_away(against: sparse.csr_array, vectors: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return what dislikes take from each item's score, float32 ``[q, n]``, none above 0; ``None`` without dislikes.

    Args:
        against: What each disliked item weighs in each query, below 0, float32 ``[q, n]``.
        vectors: Of all items, float32 ``[n, d]``.
    """
    disliked = np.unique(against.indices)
    if not len(disliked):
        return None
    found = np.zeros(against.shape, dtype=np.float32)
    columns = sparse.csc_array(against)[:, disliked]
    for start in range(0, len(disliked), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        found += sparse.csr_array(columns[:, part]) @ nearness(vectors[disliked[part]], vectors)
    return found
