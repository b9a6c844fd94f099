"""How well lists of items name the held-out answers: the measure that the probes of models share."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import NotDenseError
from tastemaker.core.recommender import Recommender
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.evaluation.probes.chance import Exchange
from tastemaker.evaluation.ranking import rank_targets

NOBODY: Final = -1

Lists = NDArray[np.int64]
"""Items of each query, best first, by their number in the dictionary of the queries; int64 ``[q, k]``, -1 for none."""


def lists_of(model: Recommender, held: HeldOut, k: int, run: Run) -> Lists:
    """Ask a fitted model for its first ``k`` items, those of the history left out."""
    dictionary = held.queries.dictionary
    place = {raw: number for number, raw in enumerate(dictionary)}
    try:
        ranking = rank_targets(model.score, held, model.item_ids, k=k, seed=run.seed, name=model.name)
    except NotDenseError:
        return _recommended(model, held, k, place)
    numbers = np.asarray([*(place.get(raw, NOBODY) for raw in model.item_ids), NOBODY], dtype=np.int64)
    return numbers[ranking.lists]


def _recommended(model: Recommender, held: HeldOut, k: int, place: dict[str, int]) -> Lists:
    answer = model.recommend(held.queries, k=k)
    lists = np.full((len(held), k), NOBODY, dtype=np.int64)
    lists[answer.query, answer.rank - 1] = [place.get(raw, NOBODY) for raw in answer.item_id]
    return lists


def popular_lists(train: Dataset, exchange: Exchange, queries: int, k: int, share: float = 1.0) -> Lists:
    """Return the items with the most events in the latest ``share`` of training, those of the history left out."""
    sequences = train.sequences
    order = np.lexsort((sequences.rows, sequences.timestamps))
    codes = sequences.codes[order[len(order) - max(1, round(share * len(order))) :]]
    by_count = np.argsort(-np.bincount(codes, minlength=exchange.items), kind="stable")
    lists = np.full((queries, k), NOBODY, dtype=np.int64)
    filled = np.zeros(queries, dtype=np.int64)
    for item in by_count:
        open_lists = np.flatnonzero(filled < k)
        if not len(open_lists):
            break
        new = open_lists[~np.isin(open_lists * exchange.items + item, exchange.met, assume_unique=True)]
        lists[new, filled[new]] = item
        filled[new] += 1
    return lists


def gains(lists: Lists, targets: NDArray[np.int64], query: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return ``1 / log2(rank + 1)`` of each answer in the list of its query, 0 where it is not in it; float64 ``[t]``.

    With one answer a query this is NDCG.
    """
    return np.asarray((lists[query] == targets[:, None]) @ discounts(lists.shape[1]))


def discounts(k: int) -> NDArray[np.float64]:
    """Return ``1 / log2(rank + 1)`` for the ranks 1 to ``k``, float64."""
    return 1.0 / np.log2(np.arange(2, k + 2))


def exposure(lists: Lists, exchange: Exchange) -> NDArray[np.float64]:
    """Return the mean gain of each item as an answer to anybody who has not met it, float64 ``[n]``."""
    shown = np.where(lists >= 0, lists, exchange.items)
    weights = np.tile(discounts(lists.shape[1]), len(lists))
    total = np.bincount(shown.ravel(), weights=weights, minlength=exchange.items + 1)[:-1]
    met = np.bincount(exchange.met % exchange.items, minlength=exchange.items)
    return np.asarray(total / np.maximum(len(lists) - met, 1))
