"""What models share that give each item a vector, and each person one that is worked out from their history."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from itertools import groupby
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import QueryBatch
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.models import storage
from tastemaker.models.base import Scores, Settings
from tastemaker.models.item_to_item import popularity, prior
from tastemaker.models.linear_solvers import products
from tastemaker.models.selection import BlockScorer, GridRecommender

_DEARER: Final = 4
"""A row here and there of a matrix costs so many times what it does among its neighbours."""


class FactorModel(GridRecommender):
    """Scores ``x'y_i`` for the vector ``x`` of a history and the vector ``y_i`` of an item; keeps no people.

    Attributes:
        item_factors_: float32 ``[n, d]``; items without events have zeros.
        popularity_: Training events of each item, float32 ``[n]``; decides ties, and the answer to an empty history.
    """

    capabilities = Capabilities()
    asked_with: ClassVar[tuple[str, ...]] = ("age_decay",)
    """Settings that matter only when a history is read: to try another value takes no new fit."""

    item_factors_: NDArray[np.float32]
    popularity_: NDArray[np.float32]

    @abstractmethod
    def _factorise(self, train: Dataset, settings: Settings, run: Run) -> None:
        """Set ``item_factors_``, and whatever else `_vectors` needs."""

    @abstractmethod
    def _vectors(self, queries: QueryBatch, settings: Settings) -> NDArray[Any]:
        """Return the vectors of some histories, ``[q, d]``."""

    def user_vectors(self, queries: QueryBatch) -> NDArray[np.float32]:
        """Return the vectors of some histories, float32 ``[q, d]``."""
        self._need_fitted()
        return np.asarray(self._vectors(queries, self.settings_), dtype=np.float32)

    def score(self, queries: QueryBatch) -> Scores:
        """Score the whole vocabulary, float32 ``[q, n]``."""
        self._need_fitted()
        return self._scored(queries, self.settings_)

    def _scored(self, queries: QueryBatch, settings: Settings) -> Scores:
        scores = products(self._vectors(queries, settings), self.item_factors_)
        scores += self._prior
        return scores

    def _scores_of_few(self, queries: QueryBatch, items: NDArray[np.int64]) -> Scores | None:
        if _DEARER * len(items) > len(self.item_factors_):
            return None
        vectors = np.asarray(self._vectors(queries, self.settings_), dtype=np.float32)
        scores: Scores = products(vectors, np.take(self.item_factors_, items, axis=0))[0]
        scores += self._prior[items]
        return scores

    @cached_property
    def _prior(self) -> NDArray[np.float32]:
        return prior(self.popularity_)

    def _forget_caches(self) -> None:
        self.__dict__.pop("_prior", None)

    def _fit(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        self._run = run
        super()._fit(train, valid, run)

    def _learn(self, train: Dataset, settings: Settings) -> None:
        self.popularity_ = popularity(train)
        self._forget_caches()
        self._factorise(train, settings, self._run)

    def _candidates(
        self, train: Dataset, sample: HeldOut, combinations: list[Settings]
    ) -> Iterator[tuple[Settings, BlockScorer]]:
        """Factorise once for all settings that differ only in how a history is read."""

        def learnt(settings: Settings) -> list[str]:
            return [repr(value) for name, value in settings.items() if name not in self.asked_with]

        for _, group in groupby(sorted(combinations, key=learnt), key=learnt):
            same = list(group)
            self._learn(train, same[0])
            for settings in same:
                yield settings, partial(self._scored, settings=settings)

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        return {}, {"item_factors": self.item_factors_, "popularity": self.popularity_}

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        self.item_factors_, self.popularity_ = tensors["item_factors"], tensors["popularity"]
        self._forget_caches()

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        self.popularity_ = np.append(self.popularity_, np.zeros(new, np.float32))
        self.item_factors_ = np.pad(self.item_factors_, ((0, new), (0, 0)))
        self._forget_caches()
