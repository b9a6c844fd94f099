"""Choosing hyper-parameters on validation: the part of `fit` that models with a grid share."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar, Final, Self
from weakref import ref

import numpy as np
from scipy import sparse

from tastemaker.core.query import QueryBatch
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.evaluation.ranking import validation_ndcg
from tastemaker.models.base import DenseRecommender, Scores, Settings

BlockScorer = Callable[[QueryBatch], Scores | sparse.csr_array]

_FEWEST_QUERIES: Final = 2500
_MOST_QUERIES: Final = 5000


@dataclass(frozen=True)
class _FittedFrom:
    """What a model was fitted on, without keeping it alive, and how long that took."""

    train: ref[Dataset]
    valid: ref[Any]
    seed: int
    seconds: float


class GridRecommender(DenseRecommender):
    """Base of the recommenders whose hyper-parameters can be left open.

    A hyper-parameter left as ``None`` is chosen from `grid` by NDCG@10 on a quarter of the validation queries
    (2,500 to 5,000 of them, or all if there are fewer); without validation queries it takes the first value.
    """

    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {}

    steps: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Groups of hyper-parameters: those of a group are chosen together, after those of the groups before it and
    while the others stand at their first values. Empty: all are chosen together."""

    _fitted_from: _FittedFrom | None = None

    @abstractmethod
    def _learn(self, train: Dataset, settings: Settings) -> None:
        """Set the fitted state from ``train``; ``self.items_`` is there already."""

    def settings(self) -> Settings:
        """Return the constructor's arguments, ``None`` where a choice was left open."""
        return {name: getattr(self, name) for name in self.grid}

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Self:
        """Learn from ``train``; hyper-parameters left open are chosen on ``valid``.

        Args:
            train: What to learn from.
            valid: Held-out queries to select on.
            run: Seed and progress.

        Raises:
            DataError: The data lack what this model needs.
        """
        run = run or Run()
        started = time.perf_counter()
        self._fitted_from = None
        self.items_ = train.items
        self.provenance_ = train.provenance()
        self.settings_tried_ = 0
        try:
            with run.limited():
                self._fit(train, valid, run)
        except BaseException:
            del self.items_  # half a fit is none
            raise
        self._fitted_from = _FittedFrom(ref(train), ref(valid or train), run.seed, time.perf_counter() - started)
        return self

    def fitted_before(self, train: Dataset, valid: HeldOut | None, run: Run) -> float | None:
        """Return the seconds that a fit on these very rows with this seed took, or ``None`` if there was none."""
        known = self._fitted_from
        if known is None or known.seed != run.seed:
            return None
        return known.seconds if known.train() is train and known.valid() is (valid or train) else None

    def extend(self, items: Catalogue | None = None, interactions: Dataset | None = None) -> Self:
        """Take in new items, new events, or both; see `DenseRecommender.extend`."""
        self._fitted_from = None
        return super().extend(items, interactions)

    def _fit(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        given = self.settings()
        settings = {name: self.grid[name][0] if value is None else value for name, value in given.items()}
        left_open = [name for name, value in given.items() if value is None]
        if valid is not None and len(valid) and left_open:
            sample = valid.sample(min(max(len(valid) // 4, _FEWEST_QUERIES), _MOST_QUERIES), run.rng("selection"))
            value = -1.0
            for group in self.steps or (tuple(self.grid),):
                together = [name for name in group if name in left_open]
                values = product(*(self.grid[name] for name in together))
                combinations = [{**settings, **dict(zip(together, chosen, strict=True))} for chosen in values]
                settings, value = self._select(train, sample, combinations, run, settings, value)
        self.settings_ = settings
        self._learn(train, settings)

    def _select(
        self,
        train: Dataset,
        sample: HeldOut,
        combinations: list[Settings],
        run: Run,
        best: Settings,
        best_value: float,
    ) -> tuple[Settings, float]:
        """Return the best of ``combinations``, or ``best`` where none is better, with its value."""
        if best_value >= 0:
            combinations = [settings for settings in combinations if settings != best]
        if not combinations:
            return best, best_value
        with run.track(f"Choosing {self.name}", len(combinations)) as advance:
            for settings, scorer in self._candidates(train, sample, combinations):
                value = validation_ndcg(scorer, sample, self.items_.ids, seed=run.seed, name=self.name)
                if value > best_value:
                    best, best_value = settings, value
                self.settings_tried_ += 1
                advance(1)
        return best, best_value

    def _candidates(
        self, train: Dataset, sample: HeldOut, combinations: list[Settings]
    ) -> Iterator[tuple[Settings, BlockScorer]]:
        """Yield each combination with a scorer; a subclass that can share work between them overrides this."""
        for settings in combinations:
            self._learn(train, settings)
            yield settings, self.score


def rows_in_order(scores: Scores | sparse.csr_array) -> BlockScorer:
    """Return a scorer that hands out the rows of ``scores``, computed for all queries, block after block."""
    done = 0

    def take(batch: QueryBatch) -> Scores | sparse.csr_array:
        nonlocal done
        rows = scores[done : done + len(batch)]
        done += len(batch)
        if not isinstance(rows, np.ndarray) and rows.nnz and rows.data.min() < 0:
            return np.asarray(rows.toarray(), dtype=np.float32)  # a missing score is 0, above those of dislikes
        return rows

    return take
