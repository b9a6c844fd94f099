"""Models that compare a history with those of known people and let the most similar ones vote.

Nobody's id is kept: the history of a person who was never seen is compared like any other.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.models import storage
from tastemaker.models.base import Scores, Settings
from tastemaker.models.item_to_item import dense, popularity, prior
from tastemaker.models.selection import BlockScorer, GridRecommender
from tastemaker.models.similarity import (
    column_weights,
    keep_entries,
    row_of_entry,
    similarity,
    squared_norms,
    weighted,
)


@dataclass(frozen=True)
class WeightedRows:
    """The rows of people as they are compared.

    Attributes:
        rows: float32 ``[p, n]``.
        by_item: The same by columns, float32 ``[n, p]``.
        norms: Squared length of each row, float32 ``[p]``.
        columns: What an item of a history counts, float32 ``[n]``.
    """

    rows: sparse.csr_array
    by_item: sparse.csr_array
    norms: NDArray[np.floating[Any]]
    columns: NDArray[np.floating[Any]]


class PeopleKNN(GridRecommender):
    """Base of the models whose neighbours are people (or sessions): one row each.

    A subclass says what a history looks like (`_asked`), who is near it (`_near`), and how they vote (`_scored`,
    `_votes`). What a neighbour says is in proportion to ``history . neighbour``, so that every score is a sum over
    the events of the history.

    Attributes:
        rows_: Who touched what: for each person and item where the item was last met in the person's events, from 1,
            float32 ``[p, n]``.
        popularity_: Training events of each item, float32 ``[n]``.
    """

    capabilities = Capabilities(incremental=True)

    rows_: sparse.csr_array
    popularity_: NDArray[np.float32]

    # -- what a subclass provides ------------------------------------------------------------------------------

    @abstractmethod
    def _asked(self, queries: QueryBatch, settings: Settings) -> sparse.csr_array:
        """Return what each history says of its items, float32 ``[q, n]``."""

    @abstractmethod
    def _near(self, queries: QueryBatch, asked: sparse.csr_array, settings: Settings) -> sparse.csr_array:
        """Return the similarity of each history's neighbours, float32 ``[q, p]``, above 0."""

    @abstractmethod
    def _scored(self, queries: QueryBatch, settings: Settings) -> Scores | sparse.csr_array:
        """Return the votes for each item, ``[q, n]``."""

    @abstractmethod
    def _votes(self, query: QueryBatch, near: sparse.csr_array, item: int) -> NDArray[np.float32]:
        """Return what a point of similarity of each stored neighbour of one query says for ``item``."""

    # -- learning ----------------------------------------------------------------------------------------------

    def _learn(self, train: Dataset, settings: Settings) -> None:
        self.rows_ = _last_places(train, np.arange(len(train.items)), len(train.items))
        self.popularity_ = popularity(train)
        self._forget_caches()

    def _forget_caches(self) -> None:
        for name in ("_prior", "_weighted", "_touched"):
            self.__dict__.pop(name, None)

    def _candidates(
        self, train: Dataset, sample: HeldOut, combinations: list[Settings]
    ) -> Iterator[tuple[Settings, BlockScorer]]:
        self._learn(train, combinations[0])
        for settings in combinations:
            yield settings, partial(self._scored, settings=settings)

    def _absorb(self, dataset: Dataset) -> None:
        numbers = self.items_.index(dataset.items.ids)
        added = _last_places(dataset, numbers, len(self.items_))
        self.rows_ = sparse.csr_array(sparse.vstack([self.rows_, added]))
        np.add.at(self.popularity_, numbers, popularity(dataset))
        self._forget_caches()

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        self.popularity_ = np.append(self.popularity_, np.zeros(new, np.float32))
        self.rows_ = sparse.csr_array(self.rows_)
        self.rows_.resize((self.rows_.shape[0], len(self.items_)))
        self._forget_caches()

    # -- answering ---------------------------------------------------------------------------------------------

    @cached_property
    def _prior(self) -> NDArray[np.float32]:
        return prior(self.popularity_)

    @cached_property
    def _touched(self) -> sparse.csr_array:
        """Ones where somebody touched something, float32 ``[p, n]``."""
        ones = np.ones(self.rows_.nnz, dtype=np.float32)
        return sparse.csr_array((ones, self.rows_.indices, self.rows_.indptr), shape=self.rows_.shape)

    @cached_property
    def _weighted(self) -> dict[str, WeightedRows]:
        return {}

    def _rows_weighted(self, weighting: str) -> WeightedRows:
        """Return the rows under a weighting; kept once worked out."""
        if weighting not in self._weighted:
            rows = weighted(self._touched, weighting)
            columns = column_weights(self._touched, weighting)
            self._weighted[weighting] = WeightedRows(rows, sparse.csr_array(rows.T), squared_norms(rows), columns)
        return self._weighted[weighting]

    def _alike(
        self, asked: sparse.csr_array, *, weighting: str, kind: str, alpha: float, shrinkage: float
    ) -> sparse.csr_array:
        """Return the similarity of each history to all who share an item with it, float32 ``[q, p]``, above 0."""
        known = self._rows_weighted(weighting)
        near = sparse.csr_array(asked @ known.by_item)
        near.sort_indices()
        near.data = similarity(
            near.data,
            squared_norms(asked)[row_of_entry(near)],
            known.norms[near.indices],
            kind=kind,
            alpha=alpha,
            shrinkage=shrinkage,
        )
        return keep_entries(near, near.data > 0)

    def score(self, queries: QueryBatch) -> Scores:
        """Score the whole vocabulary, float32 ``[q, n]``."""
        self._need_fitted()
        return dense(self._scored(queries, self.settings_)) + self._prior

    def _parts(self, query: Query, item: int) -> Contributions:
        batch = QueryBatch.of([query])
        asked = self._asked(batch, self.settings_)
        near = self._near(batch, asked, self.settings_)
        shares = self._rows_weighted(self.settings_.get("weighting", "none")).rows[near.indices]
        met = dense(asked).ravel()
        said = near.data * self._votes(batch, near, item) / (shares @ met)
        amounts = met * (shares.T @ said)
        parts = [Contribution("item", self.items_.ids[number], float(amounts[number])) for number in asked.indices]
        parts.append(Contribution("popularity", "popularity", float(self._prior[item])))
        return Contributions(self.items_.ids[item], float(sum(part.amount for part in parts)), tuple(parts))

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        return {}, {"popularity": self.popularity_} | storage.pack_sparse("rows", self.rows_)

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        self.popularity_ = tensors["popularity"]
        self.rows_ = storage.unpack_sparse("rows", tensors)
        self._forget_caches()


def _last_places(dataset: Dataset, numbers: NDArray[Any], n: int) -> sparse.csr_array:
    """Return where each person last met each item, counted from 1 over the events that speak for an item."""
    sequences = dataset.sequences
    keep = sequences.weights > 0
    codes, users = numbers[sequences.codes[keep]], sequences.user_of_event()[keep]
    places = np.arange(len(codes)) - np.searchsorted(users, users) + 1
    pairs = users * n + codes
    last = len(pairs) - 1 - np.unique(pairs[::-1], return_index=True)[1]
    shape = (len(sequences.user_ids), n)
    met = (users[last].astype(np.int32), codes[last].astype(np.int32))
    return sparse.csr_array((places[last].astype(np.float32), met), shape=shape)
