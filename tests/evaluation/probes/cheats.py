"""Models that read what they should not, and some that only look as if they did."""

from __future__ import annotations

from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import QueryBatch
from tastemaker.core.recommender import Recommender
from tastemaker.core.run import Run
from tastemaker.data import Dataset, Provenance, Split, Vocabulary


class Scorer:
    """What the models here share: random scores, drawn anew from the seed at each fit."""

    name = "scorer"
    items_: Vocabulary
    provenance_: Provenance
    noise_: NDArray[np.float32]

    @property
    def item_ids(self) -> NDArray[np.object_]:
        return self.items_.ids

    def fit(self, train: Dataset, valid: Any = None, *, run: Run | None = None) -> Self:
        self.items_, self.provenance_ = train.items, train.provenance()
        self.noise_ = (run or Run()).rng("noise").random(len(train.items), dtype=np.float32)
        self.learn(train)
        return self

    def learn(self, train: Dataset) -> None:
        """Take what there is to be taken."""

    def score(self, queries: QueryBatch) -> NDArray[np.float32]:
        scores = np.tile(self.noise_, (len(queries), 1))
        for row in range(len(queries)):
            self.add(scores[row], queries, row)
        return scores

    def add(self, scores: NDArray[np.float32], queries: QueryBatch, row: int) -> None:
        """Change the scores of one query."""


class PeeksAtTest(Scorer):
    """Knows each person's answers."""

    name = "peeks-at-test"

    def __init__(self, split: Split) -> None:
        queries = split.test.queries
        self.answers: dict[str, list[str]] = {}
        for target, query in zip(split.test.targets, split.test.query, strict=True):
            self.answers.setdefault(queries.user_ids[query], []).append(queries.dictionary[target])

    def add(self, scores: NDArray[np.float32], queries: QueryBatch, row: int) -> None:
        numbers = self.items_.index(self.answers.get(queries.user_ids[row], []))
        scores[numbers] += 5


class CountsEverything(Scorer):
    """Scores items by their events in the held-out part."""

    name = "counts-everything"

    def __init__(self, split: Split) -> None:
        self.counts = np.bincount(split.test.targets, minlength=len(split.train.items)).astype(np.float32)

    def add(self, scores: NDArray[np.float32], queries: QueryBatch, row: int) -> None:
        scores += self.counts


class ReadsNumbers(Scorer):
    """Takes ids for numbers and recommends what comes after the highest of the history."""

    name = "reads-numbers"

    def learn(self, train: Dataset) -> None:
        self.number = np.asarray([int(raw) for raw in train.items.ids])

    def add(self, scores: NDArray[np.float32], queries: QueryBatch, row: int) -> None:
        history = [int(queries.dictionary[code]) for code in queries.codes[queries.starts[row] : queries.ends[row]]]
        ahead = self.number - max(history)
        scores += np.where(ahead > 0, 5.0 / np.maximum(ahead, 1), 0.0).astype(np.float32)


class ReadsAhead(Scorer):
    """Reads one event more than the history has."""

    name = "reads-ahead"

    def add(self, scores: NDArray[np.float32], queries: QueryBatch, row: int) -> None:
        codes = queries.codes[queries.ends[row] : queries.ends[row] + 1]
        scores[self.items_.index(queries.dictionary[codes])] += 5


class Forgetful(Scorer):
    """Has no provenance."""

    name = "forgetful"

    def fit(self, train: Dataset, valid: Any = None, *, run: Run | None = None) -> Self:
        super().fit(train, valid, run=run)
        del self.provenance_
        return self


def as_model(scorer: Scorer) -> Recommender:
    """Call a scorer what the probes take it for; they ask for nothing that it lacks."""
    return cast(Recommender, scorer)
