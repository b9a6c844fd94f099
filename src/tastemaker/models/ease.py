"""EASE: every item predicted from all others by ridge regression in closed form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg.lapack import spotrf, spotri

from tastemaker.core.errors import ModelError
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.models.base import Settings
from tastemaker.models.item_to_item import DECAY_GRID, ItemToItem, interaction_matrix, popularity
from tastemaker.models.selection import BlockScorer
from tastemaker.models.space import Choice, Real, Space

_BLOCK: Final = 512
"""Rows and columns that are moved at a time."""


class EASE(ItemToItem):
    """Embarrassingly shallow autoencoder (Steck, 2019, equation 8).

    With ``P = (X'X + regularisation * I)^-1``, item ``j`` speaks for item ``i`` with
    ``B[j, i] = -P[j, i] / P[i, i]`` and not for itself; scores are ``X B``.

    Time grows with the cube of the number of items that somebody touched, memory with the square: 4 bytes for each
    pair of items while it is fitted, twice that while ``regularisation`` is chosen. 12,000 items take 0.6 GB.

    Args:
        regularisation: The ridge, lambda.
        age_decay: A key of `tastemaker.models.history.AGE_DECAYS`; ``uniform`` is Steck's model.
    """

    name: ClassVar[str] = "ease"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "regularisation": (200.0, 50.0, 500.0, 1000.0),
        "age_decay": ("uniform", *[decay for decay in DECAY_GRID if decay != "uniform"]),
    }
    space: ClassVar[Space] = {"regularisation": Real(1, 1e7, log=True), "age_decay": Choice(DECAY_GRID)}

    weights_: NDArray[np.float32]

    def __init__(self, *, regularisation: float | None = None, age_decay: str | None = None) -> None:
        self.regularisation = regularisation
        self.age_decay = age_decay

    def _learn(self, train: Dataset, settings: Settings) -> None:
        self.popularity_ = popularity(train)
        self._forget_caches()
        touched = np.flatnonzero(self.popularity_)
        room = np.empty(len(train.items) ** 2, dtype=np.float32)
        _fill_with_gram(_system(room, len(touched)), interaction_matrix(train)[:, touched])
        self.weights_ = _solve(room, touched, len(train.items), settings["regularisation"])

    def _candidates(
        self, train: Dataset, sample: HeldOut, combinations: list[Settings]
    ) -> Iterator[tuple[Settings, BlockScorer]]:
        """Count the pairs once, and invert once for each ``regularisation``."""
        self.popularity_ = popularity(train)
        self._forget_caches()
        touched, n = np.flatnonzero(self.popularity_), len(train.items)
        gram = np.empty((len(touched), len(touched)), dtype=np.float32)
        _fill_with_gram(gram, interaction_matrix(train)[:, touched])
        room, weights = np.empty(n**2, dtype=np.float32), np.empty((0, 0), dtype=np.float32)
        solved: float | None = None
        for settings in combinations:
            if settings["regularisation"] != solved:
                solved = settings["regularisation"]
                _system(room, len(touched))[...] = gram
                weights = _solve(room, touched, n, solved)
            yield settings, partial(self._weighed, weights=weights, decay=settings["age_decay"])


def _system(room: NDArray[np.float32], m: int) -> NDArray[np.float32]:
    """Return the first ``m * m`` places of ``room`` as a matrix."""
    return room[: m * m].reshape(m, m)


def _fill_with_gram(gram: NDArray[np.float32], matrix: sparse.csr_array) -> None:
    """Write ``X'X`` into ``gram``, some rows at a time so that the sparse product stays small."""
    transposed = sparse.csr_array(matrix.T)
    for start in range(0, len(gram), _BLOCK):
        rows = slice(start, start + _BLOCK)
        gram[rows] = (transposed[rows] @ matrix).toarray()


def _solve(room: NDArray[np.float32], touched: NDArray[np.int64], n: int, regularisation: float) -> NDArray[np.float32]:
    """Turn the Gram matrix of the touched items, which opens ``room``, into ``B``, float32 ``[n, n]``, in place.

    Items without events get rows and columns of zeros.
    """
    weights = _system(room, len(touched))
    weights.flat[:: len(touched) + 1] += np.float32(regularisation)
    if len(touched) and not _invert(weights):
        raise ModelError(
            "EASE's system cannot be solved",
            where=f"regularisation={regularisation}",
            remedy="Use a larger one.",
        )
    weights *= -1 / np.diagonal(weights)
    np.fill_diagonal(weights, 0)
    if len(touched) < n:
        _spread(room, touched, n)
    return _system(room, n)


def _invert(matrix: NDArray[np.float32]) -> bool:
    """Invert a symmetric positive definite matrix in place by its Cholesky factor; say whether it is one.

    LAPACK reads by columns, so that its lower triangle is the upper one here.
    """
    factor, failed = spotrf(matrix.T, lower=True, clean=False, overwrite_a=True)
    if not failed:
        _, failed = spotri(factor, lower=True, overwrite_c=True)
    for start in range(0, len(matrix), _BLOCK):
        end = start + _BLOCK
        corner = matrix[start:end, start:end]
        corner[...] = np.triu(corner) + np.triu(corner, 1).T
        matrix[end:, start:end] = matrix[start:end, end:].T
    return not failed


def _spread(room: NDArray[np.float32], touched: NDArray[np.int64], n: int) -> None:
    """Move the matrix that opens ``room`` to the rows and columns ``touched`` of ``n``, in place, from the end on."""
    m, end = len(touched), n
    for row in range(m - 1, -1, -1):
        values = room[row * m : (row + 1) * m].copy()
        place = touched[row]
        room[place * n : end * n] = 0
        room[place * n + touched] = values
        end = place
    room[: end * n] = 0
