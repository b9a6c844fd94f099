"""Items that a random walk from the history reaches: over the people who touched it to what they touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.models.base import Settings
from tastemaker.models.item_to_item import DECAY_GRID, ItemToItem, interaction_matrix, popularity, quickest
from tastemaker.models.selection import BlockScorer, rows_in_order
from tastemaker.models.similarity import keep_entries, row_of_entry, strongest
from tastemaker.models.space import Choice, Integer, Real, Space


class RP3beta(ItemToItem):
    """Walks from the history to people and on to items, and counts popular items for less (RP3beta).

    ``weights[i, j] = sum over people u of p(i -> u)^alpha * p(u -> j)^alpha / n_j^beta`` with
    ``p(i -> u) = 1 / n_i`` and ``p(u -> j) = 1 / n_u`` where they touched each other, ``n`` the number of those that
    touched or were touched; 0 for ``j = i``. Each item keeps its ``neighbours`` largest weights, and all are divided
    by the largest of them, which changes no order. ``beta = 0`` is P3alpha (Cooper, Lee, Radzik & Siantos, 2014);
    the division by popularity is RP3beta (Christoffel, Paudel, Newell & Bernstein, 2015; Paudel, Christoffel,
    Newell & Bernstein, 2016). The first step of their three is the history itself.

    Args:
        alpha: Power of the steps; below 1 it evens them out.
        beta: Power of the popularity that is divided by, from 0 (not at all) to about 1.
        neighbours: How many items each item keeps.
        age_decay: A key of `tastemaker.models.history.AGE_DECAYS`; ``uniform`` is the published model.
    """

    name: ClassVar[str] = "rp3beta"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "alpha": (1.0, 0.4, 0.6, 0.8, 1.2),
        "beta": (0.4, 0.0, 0.2, 0.6, 0.8),
        "neighbours": (200, 50, 1000),
        "age_decay": DECAY_GRID,
    }
    steps = (("alpha", "beta"), ("neighbours", "age_decay"))
    space: ClassVar[Space] = {
        "alpha": Real(0, 2),
        "beta": Real(0, 2),
        "neighbours": Integer(5, 1000, log=True),
        "age_decay": Choice(DECAY_GRID),
    }

    weights_: sparse.csr_array

    def __init__(
        self,
        *,
        alpha: float | None = None,
        beta: float | None = None,
        neighbours: int | None = None,
        age_decay: str | None = None,
    ) -> None:
        self.alpha = alpha
        self.beta = beta
        self.neighbours = neighbours
        self.age_decay = age_decay

    def _learn(self, train: Dataset, settings: Settings) -> None:
        self.popularity_ = popularity(train)
        self._forget_caches()
        matrix = interaction_matrix(train)
        walks = _walks(matrix, settings["alpha"])
        self.weights_ = _discounted(walks, _touches(matrix), settings["beta"], settings["neighbours"])

    def _candidates(
        self, train: Dataset, sample: HeldOut, combinations: list[Settings]
    ) -> Iterator[tuple[Settings, BlockScorer]]:
        """Share the walks between all of one ``alpha``, and what is kept of them between all ``age_decay``."""
        matrix = interaction_matrix(train)
        touches = _touches(matrix)
        order = sorted(combinations, key=lambda s: (s["alpha"], s["beta"], s["neighbours"]))
        for alpha, of_alpha in groupby(order, key=lambda s: s["alpha"]):
            walks = _walks(matrix, alpha)
            for (beta, neighbours), group in groupby(of_alpha, key=lambda s: (s["beta"], s["neighbours"])):
                weights = quickest(_discounted(walks, touches, beta, neighbours))
                for settings in group:
                    history = self._history_matrix(sample.queries, train.items, settings["age_decay"])
                    yield settings, rows_in_order(history @ weights)


def _touches(matrix: sparse.csr_array) -> NDArray[np.float32]:
    return np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float32)


def _walks(matrix: sparse.csr_array, alpha: float) -> sparse.csr_array:
    """Return ``p(i -> u)^alpha * p(u -> j)^alpha`` summed over ``u``, float32 ``[n, n]``, without the way back."""
    lengths = np.diff(matrix.indptr)
    onward = sparse.csr_array(
        (np.repeat(lengths, lengths).astype(np.float32) ** -alpha, matrix.indices, matrix.indptr), shape=matrix.shape
    )
    walks = sparse.csr_array(matrix.T @ onward)
    walks.sort_indices()
    row = row_of_entry(walks)
    walks.data *= _touches(matrix)[row] ** np.float32(-alpha)
    return keep_entries(walks, row != walks.indices)


def _discounted(
    walks: sparse.csr_array, touches: NDArray[np.float32], beta: float, neighbours: int
) -> sparse.csr_array:
    values = walks.data / touches[walks.indices] ** np.float32(beta)
    values /= max(values.max(initial=0), np.finfo(np.float32).tiny)
    return strongest(sparse.csr_array((values, walks.indices, walks.indptr), shape=walks.shape), neighbours)
