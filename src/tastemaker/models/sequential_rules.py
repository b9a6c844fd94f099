"""What tends to follow what: decayed counts of ordered pairs, the counting baseline of every report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any, ClassVar, Final

import numpy as np
from scipy import sparse

from tastemaker.core.errors import ModelError, nearest
from tastemaker.core.recommender import Capabilities
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.models.base import Settings
from tastemaker.models.history import AGE_DECAYS, MAX_HISTORY
from tastemaker.models.item_to_item import ItemToItem, popularity, quickest
from tastemaker.models.pair_counts import LikedEvents
from tastemaker.models.selection import BlockScorer, rows_in_order
from tastemaker.models.space import Choice, Integer, Real, Space

GAP_DECAYS: Final[Mapping[str, Callable[[int], float]]] = {
    "1/log10(d+1.7)": lambda d: 1 / float(np.log10(d + 1.7)),
    "1/d": lambda d: 1 / d,
    "0.7^(d-1)": lambda d: 0.7 ** (d - 1),
}
"""What a pair counts whose second item came ``d`` events after the first."""


class SequentialRules(ItemToItem):
    """Counts ``b`` after ``a`` within a window, and sums the counts over a history that ages.

    ``T[a, b] = sum over users, gaps d <= window of gap_decay(d) for a before b, plus reverse * gap_decay(d) for
    b before a``; the score of an item is ``sum over the 20 latest events j of age_decay(age_j) * T[j, item]``
    (sequential rules: Ludewig & Jannach, 2018, generalised by a window, a reverse share and an age).

    Args:
        window: Largest gap that counts, in events.
        gap_decay: A key of `GAP_DECAYS`.
        reverse: What a pair in the other order counts, from 0 to 1.
        age_decay: A key of `tastemaker.models.history.AGE_DECAYS`.
    """

    name: ClassVar[str] = "sequential-rules"
    capabilities = Capabilities(incremental=True)
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "window": (10, 20, 30),
        "gap_decay": tuple(GAP_DECAYS),
        "reverse": (0.25, 0.0, 0.5, 1.0),
        "age_decay": ("1/a", "1/a^2", "0.6^(a-1)", "0.8^(a-1)"),
    }
    space: ClassVar[Space] = {
        "window": Integer(1, 50, log=True),
        "gap_decay": Choice(tuple(GAP_DECAYS)),
        "reverse": Real(0, 1),
        "age_decay": Choice(tuple(AGE_DECAYS)),
    }
    last: ClassVar[int | None] = MAX_HISTORY

    weights_: sparse.csr_array

    def __init__(
        self,
        *,
        window: int | None = None,
        gap_decay: str | None = None,
        reverse: float | None = None,
        age_decay: str | None = None,
    ) -> None:
        self.window = window
        self.gap_decay = gap_decay
        self.reverse = reverse
        self.age_decay = age_decay

    def _learn(self, train: Dataset, settings: Settings) -> None:
        self.popularity_ = popularity(train)
        self._forget_caches()
        self.weights_ = _rules(train, settings)

    def _candidates(
        self, train: Dataset, sample: HeldOut, combinations: list[Settings]
    ) -> Iterator[tuple[Settings, BlockScorer]]:
        """Share the counts between all that differ in how they are summed, and the products between all ``reverse``."""
        events, queries = LikedEvents.of(train), sample.queries
        order = sorted(combinations, key=lambda s: (s["gap_decay"], s["window"], s["age_decay"]))
        for gap_decay, of_decay in groupby(order, key=lambda s: s["gap_decay"]):
            forward, counted = sparse.csr_array((len(train.items),) * 2, dtype=np.float32), 0
            for window, of_window in groupby(of_decay, key=lambda s: s["window"]):
                forward = sparse.csr_array(forward + events.pairs(_decay(gap_decay), counted + 1, window))
                counted = window
                ahead_of, behind_of = quickest(forward), quickest(sparse.csr_array(forward.T))
                for age_decay, of_age in groupby(of_window, key=lambda s: s["age_decay"]):
                    history = self._history_matrix(queries, train.items, age_decay)
                    ahead, behind = history @ ahead_of, history @ behind_of
                    for settings in of_age:
                        total = ahead + settings["reverse"] * behind if settings["reverse"] else ahead
                        yield settings, rows_in_order(total)

    def _absorb(self, dataset: Dataset) -> None:
        self._add_counts(dataset, _rules(dataset, self.settings_))


def _rules(dataset: Dataset, settings: Settings) -> sparse.csr_array:
    decay = _decay(settings["gap_decay"])
    return LikedEvents.of(dataset).pairs(decay, 1, settings["window"], reverse=settings["reverse"])


def _decay(name: str) -> Callable[[int], float]:
    if name not in GAP_DECAYS:
        raise ModelError(f"there is no gap decay '{name}'", remedy=nearest(name, GAP_DECAYS))
    return GAP_DECAYS[name]
