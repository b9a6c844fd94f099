"""Which items are ranked: the whole catalogue, those that nobody has touched in training, or a sample of negatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError, nearest
from tastemaker.core.query import QueryBatch
from tastemaker.core.recommender import Recommender
from tastemaker.data.split import Split
from tastemaker.evaluation.judge import Judge
from tastemaker.evaluation.negatives import Negatives

SAMPLED: Final = {
    "uniform": "the answer and a uniform sample of the items that its person never met",
    "popular": "the answer and a sample, by events in training, of the items that its person never met",
}
"""What may be ranked where a table was made so, and what a report says of it."""

CANDIDATES: Final = {
    "all": "the whole catalogue",
    "cold": "items without an event in training, among themselves",
    **SAMPLED,
}
"""What may be ranked, and what a report says of it."""


@dataclass(frozen=True)
class Sample:
    """Negatives for both parts of a split.

    Attributes:
        valid: Those of the questions that choices are made on.
        test: Those of the questions that are reported on.
    """

    valid: Negatives
    test: Negatives

    @property
    def knobs(self) -> dict[str, Any]:
        """What decided the draws."""
        return {"negatives": self.test.count, "negative_seeds": list(self.test.seeds)}


def sampled(split: Split, candidates: str, negatives: int, seeds: Sequence[int]) -> Sample | None:
    """Return what the targets of a split are ranked among, or ``None`` where nothing is sampled.

    Items that a person met in any part of the split, as history or as answer, are negatives of none of their targets.

    Args:
        split: The split.
        candidates: A key of `CANDIDATES`.
        negatives: How many for each target.
        seeds: Each draws once.

    Raises:
        DataError: The numbers make no sense, or people leave too few items.
    """
    if candidates not in SAMPLED:
        return None
    popular = candidates == "popular"
    return Sample(
        Negatives(split.valid, split.train, [split.test], popular=popular, count=negatives, seeds=seeds),
        Negatives(split.test, split.train, [split.valid], popular=popular, count=negatives, seeds=seeds),
    )


def among(model: Recommender, candidates: str, judge: Judge) -> Recommender:
    """Return a fitted model as it ranks ``candidates`` alone: whatever else there is comes after them.

    What is sampled differs from answer to answer, and is ranked by `tastemaker.evaluation.ranking_sampled`.

    Args:
        model: The model.
        candidates: A key of `CANDIDATES`.
        judge: Knows what was touched in training.
    """
    if candidates != "cold":
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
