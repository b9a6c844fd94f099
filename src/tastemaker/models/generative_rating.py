"""A language model as a model of ratings: it reads who and what, and says how likely each number of stars is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.data.heldout import HeldOut
from tastemaker.data.labelled import LabelledEvents
from tastemaker.evaluation.labels import rmse
from tastemaker.models.base import Scores
from tastemaker.models.event_model import EventModel
from tastemaker.models.generative import Generative
from tastemaker.models.prompting import Ints


class GenerativeRating(Generative, EventModel):
    """Predicts ratings by writing: a prompt of person and item goes in, one token comes out (P5: Geng et al., 2022).

    There is a token for each level of the training ratings, and the prediction is the mean of the levels, each by its
    probability among them; so it never leaves their range. The network is that of `Generative`, with the same settings,
    and learns the other tasks beside the rating if ``tasks`` says so. Neither times nor what else the person has rated
    are read: of somebody who is not known the item alone is told, and of an item without a code the person alone.

    Training stops by the RMSE of a `LabelledEvents`; of other validation queries nothing can be chosen, and it goes
    through all ``epochs``.
    """

    name: ClassVar[str] = "generative-rating"
    capabilities = Capabilities(reads=frozenset({"user"}), comparable_scores=True, score_kind="rating")
    usual_tasks: ClassVar[Mapping[str, float]] = {"rating": 20.0}
    questions: ClassVar[tuple[str, ...]] = ("rating",)

    def _value(self, network: Any) -> float | None:
        """Return ``1 / (1 + RMSE)`` on the sample of validation events."""
        if not isinstance(self._sample, LabelledEvents):
            return None
        self.network_ = network
        return 1 / (1 + self._loss(self._sample))

    def _loss(self, held: LabelledEvents) -> float:
        return rmse(self.predict(held.unanswered()), held.answers)

    def predict(self, held: HeldOut, context: pl.DataFrame | None = None) -> NDArray[np.float64]:
        """Return the expected rating of each target, float64 ``[t]``, within the range of the training ratings."""
        self._need_fitted()
        items = self.items_.index(held.queries.dictionary)[held.targets].astype(np.int64)
        return self._rated(self._askers(held.queries)[held.query], items)

    def score(self, queries: QueryBatch) -> Scores:
        """Return the expected rating of every item, float32 ``[q, n]``: a prompt for each person and item."""
        self._need_fitted()
        people, row_of = np.unique(self._askers(queries), return_inverse=True)
        count = len(self.items_)
        found = self._rated(np.repeat(people, count), np.tile(np.arange(count), len(people)))
        return found.reshape(len(people), count)[row_of].astype(np.float32)

    def _open_scores(self, queries: QueryBatch, out: NDArray[np.bool_]) -> Scores:
        scores = self.score(queries)
        scores[out] = -np.inf
        return scores

    def _askers(self, queries: QueryBatch) -> Ints:
        """Return the place of each person, -1 for strangers, int64 ``[q]``."""
        return np.array([self._places.get(user, -1) for user in queries.user_ids], dtype=np.int64)

    def _degraded(self, batch: QueryBatch, numbers: NDArray[np.int32]) -> tuple[str, ...]:
        notes = super()._degraded(batch, numbers)
        if len(batch) == 1 and batch.user_ids[0] not in self._places:
            notes = (*notes, "nobody that the model knows: what everybody rates highest")
        return notes

    def _parts(self, query: Query, item: int) -> Contributions:
        """Take the score apart: what is said of nothing in particular, what the item adds, what the person adds."""
        people = np.append([-1, -1], self._askers(QueryBatch.of([query])))
        average, alone, whole = self._rated(people, np.array([-1, item, item]))
        parts = (
            Contribution("feature", "the average rating", float(average)),
            Contribution("feature", "how this item is rated", float(alone - average)),
            Contribution("feature", "how this person rates it", float(whole - alone)),
        )
        return Contributions(self.items_.ids[item], float(whole), parts)
