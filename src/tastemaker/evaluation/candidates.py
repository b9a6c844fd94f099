"""Which items are ranked: the whole catalogue, or only those that nobody has touched in training."""

from __future__ import annotations

from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError, nearest
from tastemaker.core.query import QueryBatch
from tastemaker.core.recommender import Recommender
from tastemaker.evaluation.judge import Judge

CANDIDATES: Final = {"all": "the whole catalogue", "cold": "items without an event in training, among themselves"}
"""What may be ranked, and what a report says of it."""


def among(model: Recommender, candidates: str, judge: Judge) -> Recommender:
    """Return a fitted model as it ranks ``candidates`` alone: whatever else there is comes after them.

    Args:
        model: The model.
        candidates: A key of `CANDIDATES`.
        judge: Knows what was touched in training.
    """
    if candidates == "all":
        return model
    train = judge.train
    events = np.bincount(train.sequences.codes, minlength=len(train.items))
    numbers = train.items.index(model.item_ids)
    return cast("Recommender", _Among(model, np.append(events == 0, True)[numbers]))


def check_candidates(candidates: str, judge: Judge) -> None:
    """Raise `DataError` unless there are such candidates, and targets among them."""
    if candidates not in CANDIDATES:
        raise DataError(f"there are no candidates '{candidates}'", remedy=nearest(candidates, CANDIDATES))
    if candidates == "cold" and not judge.counts["cold_targets"]:
        raise DataError(
            "cold items are to be ranked among themselves, and no answer is cold",
            where=judge.train.name,
            remedy="Use the protocol cold-item, or rank all items.",
        )


class _Among:
    """A fitted model whose scores are minus infinity but for some of its items."""

    def __init__(self, model: Recommender, ranked: NDArray[np.bool_]) -> None:
        self._model = model
        self._ranked = ranked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def score(self, queries: QueryBatch) -> NDArray[np.floating[Any]]:
        """Score the items, float ``[q, n]``."""
        return np.where(self._ranked, self._model.score(queries), -np.inf).astype(np.float32, copy=False)
