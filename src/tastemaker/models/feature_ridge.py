"""Ridge regression of ratings on what is known of people and items: for items and people without any ratings."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import linalg, sparse

from tastemaker.core.errors import DataError
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.labelled import LabelledEvents
from tastemaker.data.vocabulary import Vocabulary
from tastemaker.evaluation.labels import rmse
from tastemaker.models import storage
from tastemaker.models.base import Scores, Settings
from tastemaker.models.event_model import EventModel
from tastemaker.models.features import EVERY_COLUMN, ITEM_COLUMNS, Columns, Features, as_setting, chosen_columns
from tastemaker.models.ragged import row_pairs
from tastemaker.models.rating_factors import Array, Ratings
from tastemaker.models.space import Choice, Real, Space

MOST_ALONE: Final = 1000
"""Tokens of people, and of items, that have a weight of their own: those of the most events."""

MOST_CROSSED: Final = 40
"""Tokens of people, and of items, whose pairs have weights."""

_EVENTS_AT_ONCE: Final = 200_000


class FeatureRidge(EventModel):
    """Predicts ``mean + a'x_u + b'z_i + x_u'W z_i`` from tokens ``x_u`` of the person and ``z_i`` of the item.

    The weights are the exact minimum of ``sum (r_ui - prediction)^2 + regularisation * (|a|^2 + |b|^2 + |W|^2)``, by
    its normal equations (Hoerl & Kennard, 1970). Tokens are those of `tastemaker.models.features`: a word of a column
    (``gender=F``), an entry of a list (``categories=Drama``), a number between two deciles (``year=1990 to 1995``).

    Neither ratings of the person nor ids are looked at: this is what can be said of a newcomer and of a new item. What
    `Users` say of people is kept in the model, so a saved model holds it.

    Args:
        regularisation: lambda.
        crosses: Whether there is a ``W``; without it everybody gets the same order.
        people_columns: Columns of people that are read; ``all`` for every one.
        item_columns: Columns of items that are read; ``all`` for those of `ITEM_COLUMNS`.

    Attributes:
        person_weights_: ``a``, float64 ``[tp]``; 0 for tokens that were left out.
        item_weights_: ``b``, float64 ``[ti]``.
        cross_weights_: ``W``, float64 ``[tp, ti]``.
    """

    name: ClassVar[str] = "ridge"
    capabilities = Capabilities(cold_items=True, reads=frozenset({"user"}), comparable_scores=True, score_kind="rating")
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "regularisation": (10.0, 1.0, 100.0, 1000.0),
        "crosses": (True, False),
        "people_columns": (EVERY_COLUMN,),
        "item_columns": (EVERY_COLUMN,),
    }
    space: ClassVar[Space] = {"regularisation": Real(0.1, 1e5, log=True), "crosses": Choice((True, False))}

    mean_: float
    range_: tuple[float, float]
    person_weights_: Array
    item_weights_: Array
    cross_weights_: Array

    def __init__(
        self,
        *,
        regularisation: float | None = None,
        crosses: bool | None = None,
        people_columns: Columns | None = None,
        item_columns: Columns | None = None,
    ) -> None:
        self.regularisation = regularisation
        self.crosses = crosses
        self.people_columns = as_setting(people_columns)
        self.item_columns = as_setting(item_columns)

    def _learn(self, train: Dataset, settings: Settings) -> None:
        ratings = Ratings.of(train)
        users = None if train.users is None else train.users.frame
        self._known = Vocabulary(
            np.asarray([*([] if users is None else users["user_id"]), None], dtype=object)[:-1], ()
        )
        catalogue = train.catalogue.frame
        people_columns = chosen_columns(users, settings["people_columns"], None)
        item_columns = chosen_columns(catalogue, settings["item_columns"], ITEM_COLUMNS)
        self._people = Features.learnt(users, "user_id", list(self._known.ids), people_columns)
        self._items = Features.learnt(catalogue, "item_id", list(self.items_.ids), item_columns)
        if not self._people.names and not self._items.names:
            raise DataError(
                "nothing is known of people or items that could be learnt from",
                where=train.name,
                remedy=f"Give people attributes (users.parquet), or items {', '.join(ITEM_COLUMNS)}; or use 'bias'.",
            )
        self.mean_ = float(ratings.values.mean())
        self.range_ = float(ratings.values.min()), float(ratings.values.max())
        person = self._people.of_rows(self._known.index(train.sequences.user_ids))[ratings.owner]
        self._solve(sparse.csr_array(person), sparse.csr_array(self._items.rows[ratings.items]), ratings, settings)

    def _solve(self, person: sparse.csr_array, item: sparse.csr_array, ratings: Ratings, settings: Settings) -> None:
        """Set the weights from the tokens of person and item of each rating."""
        alone = [_most_frequent(side, MOST_ALONE) for side in (person, item)]
        crossed = [_most_frequent(side, MOST_CROSSED if settings["crosses"] else 0) for side in (person, item)]
        widths = len(alone[0]), len(alone[1]), len(crossed[0]) * len(crossed[1])
        gram, side = np.zeros((sum(widths), sum(widths))), np.zeros(sum(widths))
        left = ratings.values - self.mean_
        for start in range(0, len(left), _EVENTS_AT_ONCE):
            block = slice(start, start + _EVENTS_AT_ONCE)
            here = person[block], item[block]
            pairs = crossed_rows(here[0][:, crossed[0]], here[1][:, crossed[1]])
            design = sparse.csr_array(sparse.hstack([here[0][:, alone[0]], here[1][:, alone[1]], pairs]))
            gram += (design.T @ design).toarray()
            side += design.T @ left[block]
        gram[np.diag_indices_from(gram)] += settings["regularisation"]
        found = linalg.solve(gram, side, assume_a="pos") if len(side) else side
        own, other, both = np.split(found, np.cumsum(widths)[:2])
        self.person_weights_, self.item_weights_ = np.zeros(person.shape[1]), np.zeros(item.shape[1])
        self.person_weights_[alone[0]], self.item_weights_[alone[1]] = own, other
        self.cross_weights_ = np.zeros((person.shape[1], item.shape[1]))
        self.cross_weights_[np.ix_(*crossed)] = both.reshape(len(crossed[0]), len(crossed[1]))

    # -- answering ---------------------------------------------------------------------------------------------

    def _asking(self, user_ids: NDArray[np.object_]) -> sparse.csr_array:
        return self._people.of_rows(self._known.index(user_ids))

    def score(self, queries: QueryBatch) -> Scores:
        """Return the expected rating of every item, float32 ``[q, n]``, also where it leaves the scale."""
        self._need_fitted()
        person = self._asking(queries.user_ids)
        weights = self.item_weights_ + person @ self.cross_weights_
        levels = self.mean_ + person @ self.person_weights_
        return np.asarray(levels[:, None] + (self._items.rows @ weights.T).T, dtype=np.float32)

    def predict(self, held: HeldOut, context: pl.DataFrame | None = None) -> Array:
        """Return the expected rating of each target, float64 ``[t]``, within the range of the training ratings."""
        self._need_fitted()
        numbers, place = np.unique(self._known.index(held.queries.user_ids), return_inverse=True)
        person, of_event = self._people.of_rows(numbers), place[held.query]
        weights = self.item_weights_ + person @ self.cross_weights_
        found = np.asarray(self.mean_ + person @ self.person_weights_)[of_event]
        item = self._items.of_rows(self.items_.index(held.queries.dictionary)[held.targets])
        for start in range(0, len(found), _EVENTS_AT_ONCE):
            block = slice(start, start + _EVENTS_AT_ONCE)
            entries = item[block]
            row = np.repeat(np.arange(entries.shape[0]), np.diff(entries.indptr))
            said = weights[of_event[block][row], entries.indices]
            found[block] += np.bincount(row, said, entries.shape[0])
        return np.asarray(np.clip(found, *self.range_))

    def _loss(self, held: LabelledEvents) -> float:
        return rmse(self.predict(held.unanswered()), held.answers)

    def _parts(self, query: Query, item: int) -> Contributions:
        person = self._asking(np.asarray([query.user_id, None], dtype=object)[:1]).indices
        tokens = self._items.rows[[item]].indices
        parts = [Contribution("feature", "the average rating", self.mean_)]
        amounts = {self._people.names[own]: self.person_weights_[own] for own in person}
        amounts |= {self._items.names[token]: self.item_weights_[token] for token in tokens}
        amounts |= {
            f"{self._people.names[own]} and {self._items.names[token]}": self.cross_weights_[own, token]
            for own in person
            for token in tokens
        }
        parts += [Contribution("feature", name, float(amount)) for name, amount in amounts.items() if amount]
        return Contributions(self.items_.ids[item], float(sum(part.amount for part in parts)), tuple(parts))

    # -- keeping and extending ---------------------------------------------------------------------------------

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        people, people_tensors = self._people.pack("people")
        items, item_tensors = self._items.pack("items")
        weights = {
            "person_weights": self.person_weights_,
            "item_weights": self.item_weights_,
            "cross_weights": self.cross_weights_,
        }
        fitted = {"mean": self.mean_, "range": list(self.range_), "known": self._known.ids.tolist()}
        return fitted | people | items, weights | people_tensors | item_tensors

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        self.mean_, (low, high) = float(fitted["mean"]), fitted["range"]
        self.range_ = float(low), float(high)
        self._known = Vocabulary(np.asarray([*fitted["known"], None], dtype=object)[:-1], ())
        self._people = Features.unpack("people", fitted, tensors)
        self._items = Features.unpack("items", fitted, tensors)
        self.person_weights_, self.item_weights_ = tensors["person_weights"], tensors["item_weights"]
        self.cross_weights_ = tensors["cross_weights"]

    def twin(self) -> Self:
        """See `DenseRecommender.twin`."""
        other = super().twin()
        other._items = copy.deepcopy(self._items)
        return other

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        self._items.add(catalogue.frame, "item_id", list(self.items_.ids[-new:]))


def crossed_rows(first: sparse.csr_array, second: sparse.csr_array) -> sparse.csr_array:
    """Return the products of every column of one with every column of the other, row by row, ``[m, a * b]``."""
    first, second = sparse.csr_array(first), sparse.csr_array(second)
    row, one, other = row_pairs(first.indptr, second.indptr)
    columns = first.indices[one].astype(np.int64) * second.shape[1] + second.indices[other]
    shape = (first.shape[0], first.shape[1] * second.shape[1])
    return sparse.csr_array((first.data[one] * second.data[other], (row, columns)), shape=shape)


def _most_frequent(tokens: sparse.csr_array, most: int) -> NDArray[np.int64]:
    """Return the numbers of the tokens of the most events, ascending; of equal ones the first."""
    counts = np.bincount(tokens.indices, minlength=tokens.shape[1])
    best = np.argsort(-counts, kind="stable")[:most]
    return np.sort(best[counts[best] > 0])
