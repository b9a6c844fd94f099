"""Histories in a model's own numbers, with the age of each event: what item-to-item models multiply by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.errors import ModelError, nearest
from tastemaker.core.query import QueryBatch
from tastemaker.data.vocabulary import UNKNOWN, Vocabulary

Decay = Callable[[NDArray[np.float64]], NDArray[np.float64]]

AGE_DECAYS: Final[Mapping[str, Decay]] = {
    "1/a": lambda a: 1 / a,
    "1/a^2": lambda a: 1 / a**2,
    "0.6^(a-1)": lambda a: 0.6 ** (a - 1),
    "0.8^(a-1)": lambda a: 0.8 ** (a - 1),
    "uniform": np.ones_like,
}
"""What an event still says when it is the ``a``-th latest, ``a`` from 1."""

MAX_HISTORY: Final = 20
"""How many of the latest events count in models that look at order."""


@dataclass(frozen=True)
class History:
    """The events of ``q`` queries that a model knows.

    Attributes:
        query: Which query each event belongs to, int64 ``[m]``, ascending.
        items: Numbers in the model's vocabulary, int32 ``[m]``.
        ages: 1 for the latest event of its sign (likes and dislikes age apart), float64 ``[m]``.
        weights: float32 ``[m]``; negative for a dislike.
        queries: ``q``.
    """

    query: NDArray[np.int64]
    items: NDArray[np.int32]
    ages: NDArray[np.float64]
    weights: NDArray[np.float32]
    queries: int

    @classmethod
    def of(cls, batch: QueryBatch, vocabulary: Vocabulary) -> History:
        """Translate a batch into the model's numbers; items that it does not know are left out."""
        indptr, positions = batch.flatten()
        items = vocabulary.index(batch.dictionary)[batch.codes[positions]]
        query = np.repeat(np.arange(len(batch)), np.diff(indptr))
        known = items != UNKNOWN
        query, items, weights = query[known], items[known], batch.weights[positions[known]]
        return cls(query, items, _ages(query, weights < 0), weights, len(batch))

    def matrix(self, n: int, decay: str, last: int | None = None) -> sparse.csr_array:
        """Return ``weight * decay(age)`` as float32 ``[q, n]``.

        Args:
            n: Size of the vocabulary.
            decay: A key of `AGE_DECAYS`.
            last: Leave out events older than this age.

        Raises:
            ModelError: There is no such decay.
        """
        keep = slice(None) if last is None else self.ages <= last
        if decay not in AGE_DECAYS:
            raise ModelError(f"there is no age decay '{decay}'", remedy=nearest(decay, AGE_DECAYS))
        ages = self.ages[keep]
        amounts = (self.weights[keep] * AGE_DECAYS[decay](ages)).astype(np.float32)
        places = (self.query[keep].astype(np.int32), self.items[keep])
        return sparse.csr_array((amounts, places), shape=(self.queries, n))


def _ages(query: NDArray[np.int64], negative: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Count from the end of each query's events, for each sign apart."""
    ages = np.empty(len(query), dtype=np.float64)
    for sign in (False, True):
        chosen = np.flatnonzero(negative == sign)
        owners = query[chosen]
        ends = np.searchsorted(owners, owners, side="right")
        ages[chosen] = ends - np.arange(len(chosen))
    return ages
