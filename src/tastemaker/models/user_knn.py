"""People who touched the same items: what the most similar of them touched besides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.query import QueryBatch
from tastemaker.models.base import Settings
from tastemaker.models.history import History
from tastemaker.models.item_to_item import DECAY_GRID
from tastemaker.models.people_knn import PeopleKNN
from tastemaker.models.similarity import SIMILARITIES, WEIGHTINGS, strongest
from tastemaker.models.space import Choice, Integer, Real, Space


class UserKNN(PeopleKNN):
    """Scores ``sum over neighbours v of similarity(history, v)`` for the items that ``v`` touched.

    Neighbours are the people of the training data whose rows are most similar to the history (Resnick et al., 1994,
    in its form for ranking: Ferrari Dacrema et al., 2021, section 3.2); `tastemaker.models.similarity.similarity` has
    the formulas. The history is a row whose entries fall with the age of the event; people are the documents of
    ``tf-idf`` and ``bm25`` and items their words, so that an item that few touched says much.

    Args:
        similarity: ``cosine``, ``jaccard`` or ``dot``.
        weighting: ``none``, ``tf-idf`` or ``bm25``; see `tastemaker.models.similarity.weighted`.
        alpha: Share of the history in the norm of the cosine; 0.5 is the cosine, anything else the asymmetric cosine
            (Aiolli, 2013).
        neighbours: How many people vote.
        shrinkage: Pulls similarities that few items support towards zero.
        age_decay: A key of `tastemaker.models.history.AGE_DECAYS`; ``uniform`` is the classical model.
    """

    name: ClassVar[str] = "user-knn"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "similarity": SIMILARITIES,
        "weighting": WEIGHTINGS,
        "alpha": (0.5, 0.3, 0.7),
        "neighbours": (200, 50, 500, 1000),
        "shrinkage": (10.0, 0.0, 50.0, 200.0),
        "age_decay": DECAY_GRID,
    }
    steps = (("similarity", "weighting"), ("neighbours", "age_decay"), ("shrinkage",), ("alpha",))
    space: ClassVar[Space] = {
        "similarity": Choice(SIMILARITIES),
        "weighting": Choice(WEIGHTINGS),
        "alpha": Real(0, 1),
        "neighbours": Integer(5, 1000, log=True),
        "shrinkage": Real(0.1, 1000, log=True),
        "age_decay": Choice(DECAY_GRID),
    }

    def __init__(
        self,
        *,
        similarity: str | None = None,
        weighting: str | None = None,
        alpha: float | None = None,
        neighbours: int | None = None,
        shrinkage: float | None = None,
        age_decay: str | None = None,
    ) -> None:
        self.similarity = similarity
        self.weighting = weighting
        self.alpha = alpha
        self.neighbours = neighbours
        self.shrinkage = shrinkage
        self.age_decay = age_decay

    def _asked(self, queries: QueryBatch, settings: Settings) -> sparse.csr_array:
        asked = History.of(queries, self.items_).matrix(len(self.items_), settings["age_decay"])
        asked.data *= self._rows_weighted(settings["weighting"]).columns[asked.indices]
        return asked

    def _near(self, queries: QueryBatch, asked: sparse.csr_array, settings: Settings) -> sparse.csr_array:
        alike = self._alike(
            asked,
            weighting=settings["weighting"],
            kind=settings["similarity"],
            alpha=settings["alpha"],
            shrinkage=settings["shrinkage"],
        )
        return strongest(alike, settings["neighbours"])

    def _scored(self, queries: QueryBatch, settings: Settings) -> sparse.csr_array:
        near = self._near(queries, self._asked(queries, settings), settings)
        return sparse.csr_array(near @ self._touched)

    def _votes(self, query: QueryBatch, near: sparse.csr_array, item: int) -> NDArray[np.float32]:
        return np.asarray(self._touched[near.indices][:, [item]].toarray(), dtype=np.float32).ravel()
