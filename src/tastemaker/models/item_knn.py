"""Items that the same people touched: neighbours by the similarity of their columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, ClassVar

from scipy import sparse

from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.models.base import Settings
from tastemaker.models.item_to_item import DECAY_GRID, ItemToItem, interaction_matrix, popularity, quickest
from tastemaker.models.selection import BlockScorer, rows_in_order
from tastemaker.models.similarity import (
    SIMILARITIES,
    WEIGHTINGS,
    keep_entries,
    row_of_entry,
    similarity,
    strongest,
    weighted,
)
from tastemaker.models.space import Choice, Integer, Real, Space


class ItemKNN(ItemToItem):
    """Sums the similarity of an item to those of the history (Deshpande & Karypis, 2004).

    Items are rows of ones, a column for each person who touched them, weighted by `weighting` (an item is the
    document, its people are the words, so that people who touch much say little). Each item ``a`` of a history speaks
    for the ``neighbours`` items ``b`` it is most similar to; `tastemaker.models.similarity.similarity` has the
    formulas. Without a weighting the cosine is ``n_ab / (sqrt(n_a * n_b) + shrinkage)`` where ``n_ab`` people
    touched both.

    Args:
        similarity: ``cosine``, ``jaccard``, or ``dot``, which with ``bm25`` is the model of the library `implicit`.
        weighting: ``none``, ``tf-idf`` or ``bm25``; see `tastemaker.models.similarity.weighted`.
        alpha: Share of the history's item in the norm of the cosine; 0.5 is the cosine, anything else the asymmetric
            cosine (Aiolli, 2013).
        neighbours: How many similar items each item keeps.
        shrinkage: Pulls similarities that few people support towards zero.
        age_decay: A key of `tastemaker.models.history.AGE_DECAYS`.
    """

    name: ClassVar[str] = "item-knn"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "similarity": SIMILARITIES,
        "weighting": WEIGHTINGS,
        "alpha": (0.5, 0.3, 0.7),
        "neighbours": (200, 50, 1000),
        "shrinkage": (10.0, 0.0, 50.0, 200.0),
        "age_decay": DECAY_GRID,
    }
    steps = (("similarity", "weighting"), ("shrinkage", "age_decay"), ("alpha",), ("neighbours",))
    space: ClassVar[Space] = {
        "similarity": Choice(SIMILARITIES),
        "weighting": Choice(WEIGHTINGS),
        "alpha": Real(0, 1),
        "neighbours": Integer(5, 1000, log=True),
        "shrinkage": Real(0.1, 1000, log=True),
        "age_decay": Choice(DECAY_GRID),
    }

    weights_: sparse.csr_array

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

    def _learn(self, train: Dataset, settings: Settings) -> None:
        self.popularity_ = popularity(train)
        self._forget_caches()
        self.weights_ = _similar(_common(train, settings["weighting"]), settings)

    def _candidates(
        self, train: Dataset, sample: HeldOut, combinations: list[Settings]
    ) -> Iterator[tuple[Settings, BlockScorer]]:
        """Share what items have in common between all of one weighting, and similarities between all ``age_decay``."""
        order = sorted(combinations, key=lambda s: (s["weighting"], _formula(s)))
        for weighting, of_weighting in groupby(order, key=lambda s: s["weighting"]):
            common = _common(train, weighting)
            for _, group in groupby(of_weighting, key=_formula):
                first, *others = group
                weights = quickest(_similar(common, first))
                for settings in (first, *others):
                    history = self._history_matrix(sample.queries, train.items, settings["age_decay"])
                    yield settings, rows_in_order(history @ weights)


def _formula(settings: Settings) -> tuple[Any, ...]:
    return tuple(settings[name] for name in ("similarity", "alpha", "shrinkage", "neighbours"))


def _common(train: Dataset, weighting: str) -> sparse.csr_array:
    """Return the products of all pairs of items that somebody touched both of, float32 ``[n, n]``."""
    items = weighted(sparse.csr_array(interaction_matrix(train).T), weighting)
    common = sparse.csr_array(items @ items.T)
    common.sort_indices()
    return common


def _similar(common: sparse.csr_array, settings: Settings) -> sparse.csr_array:
    norms, row = common.diagonal(), row_of_entry(common)
    values = similarity(
        common.data,
        norms[row],
        norms[common.indices],
        kind=settings["similarity"],
        alpha=settings["alpha"],
        shrinkage=settings["shrinkage"],
    )
    pairs = sparse.csr_array((values, common.indices, common.indptr), shape=common.shape)
    return strongest(keep_entries(pairs, row != common.indices), settings["neighbours"])
