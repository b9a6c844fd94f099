"""SLIM: every item predicted from a few others by a sparse linear model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.models.base import Settings
from tastemaker.models.item_to_item import DECAY_GRID, ItemToItem, interaction_matrix, popularity, quickest
from tastemaker.models.linear_solvers import elastic_nets
from tastemaker.models.selection import BlockScorer, rows_in_order
from tastemaker.models.space import Choice, Integer, Real, Space

_BATCH_BYTES: Final = 32_000_000

Penalty: TypeAlias = tuple[float, float]
"""``l1`` and ``l2``."""


class SLIM(ItemToItem):
    """Sparse linear method (Ning & Karypis, 2011, equation 3), each column over the items nearest to its item.

    Column ``i`` of the weights minimises ``|a_i - A w|^2 / 2 + l2 |w|^2 / 2 + l1 |w|_1`` with ``w_i = 0`` and, with
    ``non_negative``, ``w >= 0``, where ``A`` says who touched what; scores are ``A W``. Solved by coordinate descent
    on ``A'A``, many columns at a time.

    Only the ``top_neighbours`` items with the largest cosine to ``i`` may speak for it (fsSLIM, section 4.3 there):
    this makes it feasible, about 10 seconds for 12,000 items and 100 neighbours, and grows with the square of their
    number. As many neighbours as items give the whole problem, exactly, which is for a few thousand items at most.
    Items that share nobody with ``i`` get no weight in the non-negative problem in any case.

    Args:
        l1: What makes the weights few.
        l2: What makes them small.
        top_neighbours: How many items may speak for each.
        non_negative: Keep the weights from being negative.
        age_decay: A key of `tastemaker.models.history.AGE_DECAYS`; ``uniform`` is the published model.
    """

    name: ClassVar[str] = "slim"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "l1": (1.0, 0.3, 3.0),
        "l2": (50.0, 10.0, 200.0),
        "top_neighbours": (100,),
        "non_negative": (True,),
        "age_decay": DECAY_GRID,
    }
    space: ClassVar[Space] = {
        "l1": Real(0.01, 30, log=True),
        "l2": Real(1, 1000, log=True),
        # Time grows with the square: 300 take nine times as long as the 100 of the grid.
        "top_neighbours": Integer(20, 300, log=True),
        "age_decay": Choice(DECAY_GRID),
    }

    weights_: sparse.csr_array

    def __init__(
        self,
        *,
        l1: float | None = None,
        l2: float | None = None,
        top_neighbours: int | None = None,
        non_negative: bool | None = None,
        age_decay: str | None = None,
    ) -> None:
        self.l1 = l1
        self.l2 = l2
        self.top_neighbours = top_neighbours
        self.non_negative = non_negative
        self.age_decay = age_decay

    def _learn(self, train: Dataset, settings: Settings) -> None:
        self.popularity_ = popularity(train)
        self._forget_caches()
        penalty = (settings["l1"], settings["l2"])
        self.weights_ = _solve(_gram(train), [penalty], settings["top_neighbours"], settings["non_negative"])[penalty]

    def _candidates(
        self, train: Dataset, sample: HeldOut, combinations: list[Settings]
    ) -> Iterator[tuple[Settings, BlockScorer]]:
        """Count the pairs once, and lay out the problems once for all penalties."""
        gram = _gram(train)
        decays = list(dict.fromkeys(settings["age_decay"] for settings in combinations))
        histories = {decay: self._history_matrix(sample.queries, train.items, decay) for decay in decays}

        def layout(settings: Settings) -> tuple[int, bool]:
            return settings["top_neighbours"], settings["non_negative"]

        for (most, non_negative), group in groupby(sorted(combinations, key=layout), key=layout):
            same = list(group)
            penalties = list(dict.fromkeys((settings["l1"], settings["l2"]) for settings in same))
            solved = _solve(gram, penalties, most, non_negative)
            for settings in same:
                weights = quickest(solved[settings["l1"], settings["l2"]])
                yield settings, rows_in_order(histories[settings["age_decay"]] @ weights)


def _gram(train: Dataset) -> sparse.csr_array:
    matrix = interaction_matrix(train)
    return sparse.csr_array(matrix.T @ matrix)


def _solve(
    gram: sparse.csr_array, penalties: list[Penalty], most: int, non_negative: bool
) -> dict[Penalty, sparse.csr_array]:
    """Return the weights for each pair of ``l1, l2``, float32 ``[n, n]``."""
    near = _nearest(gram, most, non_negative)
    columns: dict[Penalty, list[sparse.coo_array]] = {penalty: [] for penalty in penalties}
    for items in _batches(np.asarray([len(found) for found in near])):
        grams, targets = _problems(gram, [near[item] for item in items], items)
        speakers = np.zeros(targets.shape, dtype=np.int32)
        for place, item in enumerate(items):
            speakers[place, : len(near[item])] = near[item]
        for penalty in penalties:
            found = elastic_nets(grams, targets, *penalty, non_negative)
            problem, rank = np.nonzero(found)
            where = (speakers[problem, rank], items[problem].astype(np.int32))
            columns[penalty].append(sparse.coo_array((found[problem, rank], where), shape=gram.shape))
    empty = sparse.csr_array(gram.shape, dtype=np.float32)
    return {penalty: sparse.csr_array(sum(parts, empty)) for penalty, parts in columns.items()}


def _batches(lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the items that have neighbours, those with like numbers of them together."""
    order = np.argsort(lengths, kind="stable")
    order = order[np.searchsorted(lengths[order], 1) :]
    while len(order):
        size = min(len(order), max(1, _BATCH_BYTES // (4 * int(lengths[order[0]]) ** 2)))
        size = min(size, max(1, _BATCH_BYTES // (4 * int(lengths[order[size - 1]]) ** 2)))
        yield order[:size]
        order = order[size:]


def _nearest(gram: sparse.csr_array, most: int, sharing: bool) -> list[NDArray[np.int64]]:
    """Return which items may speak for each: the nearest by cosine, only those that share somebody if ``sharing``."""
    norms = np.sqrt(gram.diagonal())
    touched = np.flatnonzero(norms)
    found = []
    for item in range(gram.shape[0]):
        cut = slice(gram.indptr[item], gram.indptr[item + 1])
        others = gram.indices[cut]
        likeness = gram.data[cut] / norms[others]
        others, likeness = others[others != item], likeness[others != item]
        if len(others) > most:
            others = others[np.argsort(-likeness, kind="stable")[:most]]
        if not sharing and norms[item]:
            rest = np.setdiff1d(touched, np.append(others, item))[: most - len(others)]
            others = np.append(others, rest)
        found.append(np.sort(others))
    return found


def _problems(
    gram: sparse.csr_array, near: list[NDArray[np.int64]], items: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return ``A'A`` among the neighbours, ``[b, l, l]``, and of them with the item, ``[b, l]``; the rest is 0."""
    most = max(map(len, near))
    problems = np.zeros((len(items), most + 1, most), dtype=np.float32)
    place = np.full(gram.shape[0], -1, dtype=np.int32)
    for problem, others, item in zip(problems, near, items, strict=True):
        place[others] = np.arange(len(others), dtype=np.int32)
        read = np.append(others, item)
        lengths = gram.indptr[read + 1] - gram.indptr[read]
        entries = np.arange(lengths.sum()) + np.repeat(gram.indptr[read] - np.cumsum(lengths) + lengths, lengths)
        column = place[gram.indices[entries]]
        row = np.repeat(np.append(np.arange(len(others)), most), lengths)
        among = np.flatnonzero(column >= 0)
        problem[row[among], column[among]] = gram.data[entries[among]]
        place[others] = -1
    return problems[:, :-1], problems[:, -1]
