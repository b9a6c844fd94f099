"""The models of a cell as a comparison sees them: built when their turn comes, watched by a clock, then forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from tastemaker.core.errors import MissingExtraError, ModelError
from tastemaker.core.query import QueryBatch
from tastemaker.core.recommender import Capabilities, Recommender
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.split import Split
from tastemaker.models import DenseRecommender
from tastemaker.models.refit import unfitted_copy
from tastemaker.systems.reproduction.clock import Clock, Watched
from tastemaker.systems.reproduction.system import Trial


class Attempts(Mapping[str, Recommender]):
    """Models by name; each look builds a new one, so that nothing keeps a model whose row is done.

    Args:
        trials: The rows.
        wanted: Names of the rows to run now; ``None`` runs all. Others become rows ``not run``.
        choosing: Where a model is fitted twice: the split on which its choices are made first.
        elsewhere: For rows that learn from other data: the split of these, by the names of their sources.

    Attributes:
        unsettled: Rows that were not run and might be another time: left out, or for want of an extra.
    """

    def __init__(
        self,
        trials: Mapping[str, Trial],
        wanted: frozenset[str] | None = None,
        choosing: Split | None = None,
        elsewhere: Mapping[tuple[str, ...], Split] | None = None,
    ) -> None:
        self.unsettled: set[str] = set()
        self._trials = trials
        self._wanted = wanted
        self._choosing = choosing
        self._elsewhere = elsewhere or {}

    def __getitem__(self, name: str) -> Recommender:
        trial = self._trials[name]
        if self._wanted is not None and name not in self._wanted:
            self.unsettled.add(name)
            return cast("Recommender", _LeftOut())
        elsewhere = self._elsewhere.get(tuple(trial.elsewhere))
        return cast("Recommender", _Attempt(trial, self._choosing, elsewhere, lambda: self.unsettled.add(name)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._trials)

    def __len__(self) -> int:
        return len(self._trials)


class _LeftOut:
    """A row that nobody asked for this time."""

    @property
    def capabilities(self) -> Capabilities:
        raise ModelError("it was left out of this run", remedy="Run the cell again without --row")


class _Attempt:
    """A model that is built when it is first looked at, and stops when its time is up."""

    def __init__(
        self, trial: Trial, choosing: Split | None, elsewhere: Split | None, lacks_extra: Callable[[], None]
    ) -> None:
        self._trial = trial
        self._choosing = choosing
        self._elsewhere = elsewhere
        self._lacks_extra = lacks_extra
        self._clock = Clock(trial.minutes)
        self._model: Any = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._model is None:
            self._model = self._built()
        return getattr(self._model, name)

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> _Attempt:
        """Fit the model; where choices are made on another split, fit it there first."""
        self._clock = Clock(self._trial.minutes)
        run = run or Run()
        run = replace(run, progress=Watched(run.progress, self._clock))
        self._model = None  # the one of the seed before
        try:
            self._model = self._fitted(train, valid, run)
        except MissingExtraError:
            self._lacks_extra()
            raise
        return self

    def _built(self) -> Recommender:
        try:
            return self._trial.build()
        except MissingExtraError:
            self._lacks_extra()
            raise

    def _fitted(self, train: Dataset, valid: HeldOut | None, run: Run) -> Recommender:
        model = self._built()
        if self._elsewhere is not None:
            learnt: Any = model.fit(self._elsewhere.train, self._elsewhere.valid, run=run)
            there: Recommender = learnt.transfer(train)
            return there
        if self._choosing is None or _is_settled(model):
            return model.fit(train, valid, run=run)
        chosen = model.fit(self._choosing.train, self._choosing.valid, run=run)
        self.settings_tried_ = getattr(chosen, "settings_tried_", 0)
        again = unfitted_copy(cast("DenseRecommender", chosen))
        del chosen, model
        return again.fit(train, run=run)

    def score(self, queries: QueryBatch) -> Any:
        """Score queries as the model does, while there is time."""
        self._clock.check()
        return self._model.score(queries)


def _is_settled(model: Recommender) -> bool:
    """Say whether a model has nothing left to choose, so that one fit is enough."""
    return isinstance(model, DenseRecommender) and model.is_settled()
