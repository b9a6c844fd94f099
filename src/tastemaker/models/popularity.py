"""What everybody is offered: items by how often, or how lately, they were touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import MICROSECONDS_PER_DAY
from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME, Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.models import storage
from tastemaker.models.base import Scores, Settings
from tastemaker.models.item_to_item import popularity
from tastemaker.models.selection import GridRecommender
from tastemaker.models.space import Real, Space


class Popularity(GridRecommender):
    """Scores an item by its number of events; there is nothing to choose, so its search space is empty.

    Attributes:
        counts_: float32 ``[n]``.
    """

    name: ClassVar[str] = "popularity"
    capabilities = Capabilities(incremental=True, reads=frozenset(), comparable_scores=True)

    counts_: NDArray[np.float32]

    def _learn(self, train: Dataset, settings: Settings) -> None:
        self.counts_ = popularity(train)

    def score(self, queries: QueryBatch) -> Scores:
        """Score the whole vocabulary, float32 ``[q, n]``: the same row for everybody."""
        self._need_fitted()
        return np.tile(self.counts_, (len(queries), 1))

    def _parts(self, query: Query, item: int) -> Contributions:
        amount = float(self.counts_[item])
        return Contributions(self.items_.ids[item], amount, (Contribution("popularity", self.name, amount),))

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        return {}, {"counts": self.counts_}

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        self.counts_ = tensors["counts"]

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        self.counts_ = np.append(self.counts_, np.zeros(new, np.float32))

    def _absorb(self, dataset: Dataset) -> None:
        numbers = self.items_.index(dataset.items.ids)
        np.add.at(self.counts_, numbers, popularity(dataset))


class RecentPopularity(Popularity):
    """Scores an item by its events, each halved with every ``half_life_days`` that passed since.

    Args:
        half_life_days: Days after which an event counts half; ``None`` chooses on validation.

    Attributes:
        latest_: Microseconds of the latest event learnt from; ages are counted from it.
    """

    name: ClassVar[str] = "recent-popularity"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {"half_life_days": (30.0, 3.0, 7.0, 14.0, 60.0, 180.0, 365.0)}
    space: ClassVar[Space] = {"half_life_days": Real(1, 1000, log=True)}

    latest_: int

    def __init__(self, *, half_life_days: float | None = None) -> None:
        self.half_life_days = half_life_days

    def _learn(self, train: Dataset, settings: Settings) -> None:
        if not train.interactions.has_times:
            raise DataError(
                "recent popularity needs times, and these events have none",
                where=train.name,
                remedy="Name the time column in dataset.toml, or use 'popularity'.",
            )
        self.latest_ = int(train.sequences.timestamps.max())
        self.counts_ = self._decayed(train, settings, self.latest_)

    @staticmethod
    def _decayed(dataset: Dataset, settings: Settings, latest: int) -> NDArray[np.float32]:
        sequences = dataset.sequences
        keep = (sequences.weights > 0) & (sequences.timestamps != NO_TIME)
        days = (latest - sequences.timestamps[keep]) / MICROSECONDS_PER_DAY
        amounts = 0.5 ** (days / settings["half_life_days"])
        return np.bincount(sequences.codes[keep], amounts, len(dataset.items)).astype(np.float32)

    def _absorb(self, dataset: Dataset) -> None:
        latest = max(self.latest_, int(dataset.sequences.timestamps.max()))
        days = (latest - self.latest_) / MICROSECONDS_PER_DAY
        self.counts_ *= np.float32(0.5 ** (days / self.settings_["half_life_days"]))
        self.latest_ = latest
        np.add.at(self.counts_, self.items_.index(dataset.items.ids), self._decayed(dataset, self.settings_, latest))

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        return {"latest": self.latest_}, {"counts": self.counts_}

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        super()._restore(fitted, tensors)
        self.latest_ = int(fitted["latest"])
