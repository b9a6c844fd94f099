"""Models that say of each item how much it speaks for each other item, and sum that over a history."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.vocabulary import Vocabulary
from tastemaker.models import storage
from tastemaker.models.base import Scores
from tastemaker.models.history import AGE_DECAYS, History
from tastemaker.models.selection import GridRecommender

PRIOR_SCALE: Final = 1e-7
"""Share of its popularity that an item gets as a score, so that ties go to the better known."""

_DENSE_BYTES: Final = 64_000_000
_DENSE_SHARE: Final = 0.03

Weights: TypeAlias = "sparse.csr_array | NDArray[np.float32]"


def popularity(train: Dataset) -> NDArray[np.float32]:
    """Return how many events with a positive weight each item has, float32 ``[n]``."""
    sequences = train.sequences
    liked = sequences.codes[sequences.weights > 0]
    return np.bincount(liked, minlength=len(train.items)).astype(np.float32)


def prior(popularity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the score that each item has for being known: at most `PRIOR_SCALE`, so that it decides ties only."""
    return popularity * np.float32(PRIOR_SCALE / max(float(popularity.max(initial=0)), 1.0))


class ItemToItem(GridRecommender):
    """Scores ``sum_j weight_j * decay(age_j) * weights[j, i]`` over the events ``j`` of the history.

    Attributes:
        weights_: What item ``j`` says for item ``i``, float32 ``[n, n]``, sparse or dense.
        popularity_: Training events of each item, float32 ``[n]``.
    """

    last: ClassVar[int | None] = None
    """Events older than this age do not count; ``None`` counts all."""

    capabilities = Capabilities()

    weights_: Weights
    popularity_: NDArray[np.float32]

    @property
    def _decay(self) -> str:
        return str(self.settings_["age_decay"])

    @cached_property
    def _prior(self) -> NDArray[np.float32]:
        return prior(self.popularity_)

    def _forget_caches(self) -> None:
        self.__dict__.pop("_prior", None)

    def score(self, queries: QueryBatch) -> Scores:
        """Score the whole vocabulary, float32 ``[q, n]``."""
        self._need_fitted()
        return self._weighed(queries, self.weights_, self._decay)

    def _weighed(self, queries: QueryBatch, weights: Weights, decay: str) -> Scores:
        return dense(self._history_matrix(queries, self.items_, decay) @ weights) + self._prior

    def _add_counts(self, dataset: Dataset, counts: sparse.csr_array) -> None:
        """Add what was counted in new events, float32 ``[m, m]`` in the numbers of ``dataset``, to sparse counts."""
        self._forget_caches()
        numbers, n = self.items_.index(dataset.items.ids), len(self.items_)
        np.add.at(self.popularity_, numbers, popularity(dataset))
        found = counts.tocoo()
        added = sparse.csr_array((found.data, (numbers[found.row], numbers[found.col])), shape=(n, n))
        self.weights_ = sparse.csr_array(self.weights_ + added)

    def _history_matrix(self, queries: QueryBatch, items: Vocabulary, decay: str) -> sparse.csr_array:
        return History.of(queries, items).matrix(len(items), decay, self.last)

    def _column(self, history: NDArray[np.int32], item: int) -> NDArray[np.float32]:
        """Return what each item of ``history`` says for ``item``, float32 ``[h]``."""
        if isinstance(self.weights_, np.ndarray):
            return np.asarray(self.weights_[history, item])
        return dense(self.weights_[history][:, [item]]).ravel()

    def _parts(self, query: Query, item: int) -> Contributions:
        matrix = self._history_matrix(QueryBatch.of([query]), self.items_, self._decay)
        amounts = matrix.data * self._column(matrix.indices, item)
        parts = [
            Contribution("item", self.items_.ids[number], float(amount))
            for number, amount in zip(matrix.indices, amounts, strict=True)
        ]
        parts.append(Contribution("popularity", "popularity", float(self._prior[item])))
        return Contributions(self.items_.ids[item], float(sum(part.amount for part in parts)), tuple(parts))

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        tensors: storage.Tensors = {"popularity": self.popularity_}
        if sparse.issparse(self.weights_):
            tensors |= storage.pack_sparse("weights", self.weights_)
        else:
            tensors["weights"] = self.weights_
        return {}, tensors

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        self.popularity_ = tensors["popularity"]
        self._forget_caches()
        self.weights_ = tensors["weights"] if "weights" in tensors else storage.unpack_sparse("weights", tensors)

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        n = len(self.items_)
        self.popularity_ = np.append(self.popularity_, np.zeros(new, np.float32))
        self._forget_caches()
        if isinstance(self.weights_, np.ndarray):
            self.weights_ = np.pad(self.weights_, ((0, new), (0, new)))
        else:
            self.weights_ = sparse.csr_array(self.weights_)
            self.weights_.resize((n, n))


def dense(scores: Weights) -> Scores:
    """Return a product of weights as a dense array, float32."""
    whole = scores if isinstance(scores, np.ndarray) else scores.toarray()
    return np.asarray(whole, dtype=np.float32)


def quickest(weights: sparse.csr_array) -> Weights:
    """Return weights as they multiply fastest: dense where they are small and full, sparse otherwise."""
    n = weights.shape[0]
    dense = 4 * n * n <= _DENSE_BYTES and weights.nnz > _DENSE_SHARE * n * n
    return np.asarray(weights.toarray(), dtype=np.float32) if dense else weights


def interaction_matrix(train: Dataset) -> sparse.csr_array:
    """Return who touched what with a positive weight, ones, float32 ``[u, n]``."""
    sequences = train.sequences
    keep = sequences.weights > 0
    user, codes = sequences.user_of_event()[keep].astype(np.int32), sequences.codes[keep]
    shape = (len(sequences.user_ids), len(train.items))
    matrix = sparse.csr_array((np.ones(len(codes), dtype=np.float32), (user, codes)), shape=shape)
    matrix.data[:] = 1  # repeated pairs were summed
    return matrix


DECAY_GRID: Final = tuple(AGE_DECAYS)
