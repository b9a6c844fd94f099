"""What models of ratings share that add up what is known of the person and of the item: levels, and vectors if any.

Which levels and vectors the items have is the business of `tastemaker.models.bias` and `tastemaker.models.biased_mf`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.labelled import LabelledEvents, ratings_of
from tastemaker.data.vocabulary import UNKNOWN
from tastemaker.evaluation.labels import rmse
from tastemaker.models import storage
from tastemaker.models.base import Scores, Settings
from tastemaker.models.event_model import EventModel
from tastemaker.models.linear_solvers import Rows, solve_rows

Array = NDArray[np.float64]

_QUERIES: Final = 2048


@dataclass(frozen=True)
class Ratings:
    """Ratings of known items, those of a person or a query together.

    Attributes:
        owner: Number of the person or query, int64 ``[m]``, ascending.
        items: Number of the item, int32 ``[m]``.
        values: float64 ``[m]``.
        owners: How many people or queries there are.
    """

    owner: NDArray[np.int64]
    items: NDArray[np.int32]
    values: Array
    owners: int

    @classmethod
    def of(cls, train: Dataset) -> Ratings:
        """Return the ratings of a data set, items by their number in it.

        Raises:
            DataError: There are none.
        """
        values, sequences = ratings_of(train), train.sequences
        given = ~np.isnan(values)
        return cls(
            sequences.user_of_event()[given], sequences.codes[given], values[given], len(train.sequences.user_ids)
        )

    def by_item(self, items: int) -> Ratings:
        """Return the same the other way round: those of an item together, with people as its ``items``."""
        order = np.argsort(self.items, kind="stable")
        owner = self.items[order].astype(np.int64)
        return Ratings(owner, self.owner[order].astype(np.int32), self.values[order], items)

    def counts(self) -> NDArray[np.int64]:
        """Return how many each owner has, int64 ``[owners]``."""
        return np.bincount(self.owner, minlength=self.owners)

    def sums(self, values: Array) -> Array:
        """Return the sum over each owner's ratings of ``values``, float64 ``[owners]``."""
        return np.bincount(self.owner, values, self.owners).astype(np.float64)

    def solved(self, factors: Array, left: Array, ridge: Array) -> Array:
        """Return the ``x`` of each owner that minimises ``sum (left - x'y)^2 + ridge |x|^2``, float64 ``[owners, d]``.

        Args:
            factors: ``y`` of each item, float64 ``[n, d]``.
            left: What is to be explained of each rating, float64 ``[m]``.
            ridge: float64 ``[owners]``.
        """
        indptr = np.append(0, np.cumsum(self.counts()))
        ones = np.ones(len(left), dtype=np.float32)
        rows = Rows(indptr, self.items, ones, left.astype(np.float32), ridge.astype(np.float32))
        return solve_rows(rows, factors, np.zeros(factors.shape[1]))


class RatingFactors(EventModel):
    """Predicts ``mean + b_u + b_i + p_u'q_i`` as the rating of item ``i`` by person ``u``.

    People are not kept: ``b_u`` and ``p_u`` are the exact minimum of the model's own loss over the ratings in the
    history, with the items as they are. A history without ratings says nothing. Scores are ratings, not preferences:
    who gives five stars to what they saw need not want to see more of it, and what nobody rated is not disliked.

    Attributes:
        mean_: Mean of the training ratings.
        offsets_: ``b_i``, float64 ``[n]``; 0 for items without ratings.
        vectors_: ``q_i``, float64 ``[n, d]``; zeros for items without ratings.
        counts_: Training ratings of each item, int64 ``[n]``.
        range_: The lowest and the highest training rating; `predict` does not leave it.
    """

    capabilities = Capabilities(incremental=True, comparable_scores=True, score_kind="rating")

    mean_: float
    offsets_: Array
    vectors_: Array
    counts_: NDArray[np.int64]
    range_: tuple[float, float]

    @abstractmethod
    def _factorise(self, ratings: Ratings, settings: Settings, run: Run) -> None:
        """Set ``offsets_`` and ``vectors_``; the mean is known."""

    @abstractmethod
    def _ridges(self, counts: NDArray[np.int64], settings: Settings, side: str) -> Array:
        """Return the ridge of ``people`` or ``items`` with so many ratings, float64."""

    def _learn(self, train: Dataset, settings: Settings) -> None:
        ratings = Ratings.of(train)
        self.mean_ = float(ratings.values.mean())
        self.range_ = float(ratings.values.min()), float(ratings.values.max())
        self.counts_ = np.bincount(ratings.items, minlength=len(train.items))
        self._factorise(ratings, settings, self._run)

    # -- answering ---------------------------------------------------------------------------------------------

    def _history(self, queries: QueryBatch) -> Ratings:
        """Return the ratings in some histories; events without one, and unknown items, are passed over."""
        if queries.ratings is None:
            nothing = np.empty(0, dtype=np.int64)
            return Ratings(nothing, nothing.astype(np.int32), np.empty(0), len(queries))
        indptr, positions = queries.flatten()
        items = self.items_.index(queries.dictionary)[queries.codes[positions]]
        values = queries.ratings[positions].astype(np.float64)
        given = (items != UNKNOWN) & ~np.isnan(values)
        owner = np.repeat(np.arange(len(queries)), np.diff(indptr))
        return Ratings(owner[given], items[given], values[given], len(queries))

    def _factors(self) -> Array:
        """Return what items are multiplied with, ``(1, q_i)``, float64 ``[n, 1 + d]``."""
        return np.column_stack([np.ones(len(self.offsets_)), self.vectors_])

    def _people(self, ratings: Ratings) -> Array:
        """Return ``(b_u, p_u)`` of each owner of ratings, float64 ``[owners, 1 + d]``."""
        left = ratings.values - self.mean_ - self.offsets_[ratings.items]
        return ratings.solved(self._factors(), left, self._ridges(ratings.counts(), self.settings_, "people"))

    def score(self, queries: QueryBatch) -> Scores:
        """Return the expected rating of every item, float32 ``[q, n]``, also where it leaves the scale."""
        self._need_fitted()
        people = self._people(self._history(queries))
        return (self.mean_ + self.offsets_ + people @ self._factors().T).astype(np.float32)

    def predict(self, held: HeldOut, context: pl.DataFrame | None = None) -> Array:
        """Return the expected rating of each target, float64 ``[t]``, within the range of the training ratings."""
        self._need_fitted()
        items = self.items_.index(held.queries.dictionary)[held.targets]
        offsets = np.append(self.offsets_, 0.0)  # the last is for unknown items, number -1
        factors = np.vstack([self._factors(), np.eye(1, 1 + self.vectors_.shape[1])])
        found = np.empty(len(items))
        for start in range(0, len(held), _QUERIES):
            people = self._people(self._history(held.queries[start : start + _QUERIES]))
            here = slice(*np.searchsorted(held.query, (start, start + _QUERIES)))
            own = people[held.query[here] - start]
            found[here] = self.mean_ + offsets[items[here]] + np.einsum("td,td->t", own, factors[items[here]])
        return np.clip(found, *self.range_)

    def _loss(self, held: LabelledEvents) -> float:
        return rmse(self.predict(held.unanswered()), held.answers)

    def _degraded(self, batch: QueryBatch, numbers: NDArray[np.int32]) -> tuple[str, ...]:
        notes = super()._degraded(batch, numbers)
        if len(batch) == 1 and not len(self._history(batch).values):
            notes = (*notes, "no ratings in the history: what everybody rates highest")
        return notes

    def _parts(self, query: Query, item: int) -> Contributions:
        ratings = self._history(QueryBatch.of([query]))
        factors = self._factors()
        own = factors[ratings.items]
        ridge = self._ridges(ratings.counts(), self.settings_, "people")[0]
        system = own.T @ own + max(ridge, 1e-12) * np.eye(own.shape[1])
        likeness = own @ np.linalg.solve(system, factors[item])
        amounts = (ratings.values - self.mean_ - self.offsets_[ratings.items]) * likeness
        parts = [
            Contribution("feature", "the average rating", self.mean_),
            Contribution("feature", "how this item is rated", float(self.offsets_[item])),
        ]
        parts += [
            Contribution("item", self.items_.ids[number], float(amount))
            for number, amount in zip(ratings.items, amounts, strict=True)
        ]
        return Contributions(self.items_.ids[item], float(sum(part.amount for part in parts)), tuple(parts))

    # -- keeping and extending ---------------------------------------------------------------------------------

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        tensors = {"offsets": self.offsets_, "vectors": self.vectors_, "counts": self.counts_}
        return {"mean": self.mean_, "range": list(self.range_)}, tensors

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        self.mean_, (low, high) = float(fitted["mean"]), fitted["range"]
        self.range_ = float(low), float(high)
        self.offsets_, self.vectors_, self.counts_ = tensors["offsets"], tensors["vectors"], tensors["counts"]

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        self.offsets_ = np.pad(self.offsets_, (0, new))
        self.vectors_ = np.pad(self.vectors_, ((0, new), (0, 0)))
        self.counts_ = np.pad(self.counts_, (0, new))

    def _absorb(self, dataset: Dataset) -> None:
        """Give items that had no ratings level and vector by the same loss; those that had some stay as they are."""
        given = Ratings.of(dataset)
        ratings = Ratings(given.owner, self.items_.index(dataset.items.ids)[given.items], given.values, given.owners)
        people = self._people(ratings)
        reverse = ratings.by_item(len(self.items_))
        left = reverse.values - self.mean_ - people[reverse.items, 0]
        factors = np.column_stack([np.ones(len(people)), people[:, 1:]])
        solved = reverse.solved(factors, left, self._ridges(reverse.counts(), self.settings_, "items"))
        fresh = (self.counts_ == 0) & (reverse.counts() > 0)
        self.offsets_[fresh], self.vectors_[fresh] = solved[fresh, 0], solved[fresh, 1:]
        self.counts_ = self.counts_ + reverse.counts()
