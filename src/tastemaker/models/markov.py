"""What came right after what: the first-order Markov chain."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy import sparse

from tastemaker.core.recommender import Capabilities
from tastemaker.data.dataset import Dataset
from tastemaker.models.base import Settings
from tastemaker.models.item_to_item import ItemToItem, popularity


class Markov(ItemToItem):
    """Counts how often an item came right after the latest one (a first-order Markov chain).

    ``score(i) = n(latest, i)``, where ``n(a, b)`` counts the pairs of neighbouring events ``a, b`` of one person: the
    maximum-likelihood ``P(i | latest) = n(latest, i) / n(latest)`` up to a factor that is the same for all items
    (Rendle, Freudenthaler & Schmidt-Thieme, 2010, section 3.2). What never followed is ordered by popularity.
    The latest dislike counts against what came after it.

    There is nothing to choose, so its search space is empty.

    Attributes:
        weights_: ``n(a, b)``, float32 ``[n, n]``.
    """

    name: ClassVar[str] = "markov"
    capabilities = Capabilities(incremental=True, reads=frozenset({"last"}))
    last: ClassVar[int | None] = 1

    weights_: sparse.csr_array

    @property
    def _decay(self) -> str:
        return "uniform"

    def _learn(self, train: Dataset, settings: Settings) -> None:
        self.popularity_ = popularity(train)
        self._forget_caches()
        self.weights_ = _transitions(train)

    def _absorb(self, dataset: Dataset) -> None:
        self._add_counts(dataset, _transitions(dataset))


def _transitions(dataset: Dataset) -> sparse.csr_array:
    sequences = dataset.sequences
    keep = sequences.weights > 0
    codes, users = sequences.codes[keep], sequences.user_of_event()[keep]
    same = users[1:] == users[:-1]
    ones = np.ones(int(same.sum()), dtype=np.float32)
    n = len(dataset.items)
    return sparse.csr_array((ones, (codes[:-1][same], codes[1:][same])), shape=(n, n))
