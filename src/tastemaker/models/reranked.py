"""A model whose first items stages put in another order, each of them alone to be measured, behind whatever model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError, ModelError
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.vocabulary import UNKNOWN
from tastemaker.models import storage
from tastemaker.models.base import DenseRecommender, Scores, Settings
from tastemaker.models.front import Floats, Front
from tastemaker.models.fusion import Fusion, pool_size
from tastemaker.models.history import History
from tastemaker.models.pool import DEPTH, Pool
from tastemaker.models.rerankers import Stage, model_of, spec_of, stage_of
from tastemaker.models.stage_choice import Trial


class _Answer(NamedTuple):
    """What came of some queries.

    Attributes:
        scores: Scores in the new order, float32 ``[q, n]``.
        front: The items that were reranked.
        steps: Their scores by the model, and after each stage, float64 ``[m]`` each.
    """

    scores: Scores
    front: Front
    steps: list[Floats]


class Reranked(Fusion):
    """Reranks the first items of another model by stages, one after the other; what comes after them stays as it is.

    The pool of a query is what scores at least as much as its ``depth``-th best item among those that may be
    recommended: allowed, and not in the history. Each stage adds to the scores of the pool, on a scale that all models
    have in common (see `tastemaker.models.rerankers.Stage`): ``recency`` raises what is like the latest events,
    ``injection`` what another model scores highly. Where a score would fall below the least that the pool had, the
    whole pool is lifted, so that all else stays below it. Items of the history that score as much are raised like the
    others, but no scale goes by them.

    What a stage leaves open is chosen on ``valid`` by NDCG@10, after the stages before it. The best of so many settings
    is better than none by chance as well; people are therefore halved at random, and the gain is that of each half with
    what is best for the other. A stage whose weight is open is kept only if that gain is larger than its standard error
    over people; else its weight is 0, and what it looked at is dropped. So it is for fewer than 20 people, and where
    there is nothing to choose on. With all stages left out the model answers as if it stood alone.

    It is a `Fusion` in that it holds other models, of which only the first is summed up.

    Args:
        model: What is reranked: the name of a model, a mapping with its ``name`` and hyper-parameters, or an unfitted
            model.
        stages: Names of `tastemaker.models.rerankers.STAGES`, mappings of a ``name`` and settings, or stages.
        depth: How many items of the model are reranked.

    Attributes:
        chosen_: The settings of each stage.
        gains_: What each ``stage`` added to NDCG@10 of people whom its settings were not chosen on (``gain``), the
            standard error of that over people (``error``), and whether it was ``kept``; ``None`` for a stage that left
            nothing open, or had nothing to choose on.

    Raises:
        ModelError: There is no such model or stage, or a setting is out of range.
    """

    name: ClassVar[str] = "reranked"
    usual: ClassVar[tuple[str, ...]] = ("sequential-rules",)

    chosen_: list[Settings]
    gains_: list[dict[str, Any] | None]

    def __init__(
        self,
        *,
        model: str | Mapping[str, Any] | DenseRecommender = usual[0],
        stages: Sequence[str | Mapping[str, Any] | Stage] = ("recency",),
        depth: int = DEPTH,
    ) -> None:
        if depth < 1:
            raise ModelError(f"{depth} items are to be reranked, but 1 is the least", where="depth")
        base = model_of(model)
        self.stages = tuple(stage_of(each) for each in stages)
        self.depth = depth
        self._base, self._looked_at = base.name, list[str]()
        sources = {base.name: base}
        for stage in self.stages:
            key = self._base if stage.source is None else _free_key(stage.source, sources)
            self._looked_at.append(key)
            if stage.source is not None and stage.weight != 0:
                sources[key] = stage.source
        super().__init__(sources, weights={self._base: 1.0}, normalise=False)

    @classmethod
    def with_models(cls, settings: Mapping[str, Any], named: Callable[[str], DenseRecommender]) -> Settings:
        """Return the constructor's arguments with each model that is given by its name as ``named`` makes it.

        Raises:
            ModelError: It is to rerank itself.
        """

        def made(given: Any) -> Any:
            if given == cls.name:
                raise ModelError(f"'{cls.name}' cannot rerank itself", remedy="Name another model.")
            return named(given) if isinstance(given, str) else given

        found = {**settings, "model": made(settings.get("model", cls.usual[0]))}
        if "stages" in found:
            found["stages"] = [
                {**each, "model": made(each["model"])} if isinstance(each, Mapping) and "model" in each else each
                for each in found["stages"]
            ]
        return found

    # -- the contract of a fusion ------------------------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        """What the models can do together, and what the stages read; pools are taken from the candidates."""
        found, stages = super().capabilities, self._stages_in_use()
        return replace(found, reads=found.reads.union(*({"candidates", *stage.reads} for stage in stages)))

    def _stages_in_use(self) -> list[Stage]:
        weights = [settings["weight"] for settings in getattr(self, "chosen_", [])]
        weights = weights or [stage.weight for stage in self.stages]
        return [stage for stage, weight in zip(self.stages, weights, strict=True) if weight != 0]

    def _heard(self) -> list[str]:
        """Return the names of the models that matter: those that nothing looks at are not there any more."""
        return list(self.sources)

    def _understands(self, text: str) -> bool:
        return any(source._understands(text) for source in self.sources.values())

    def settings(self) -> Settings:
        """Return the constructor's arguments, ``None`` where a choice was left open."""
        stages = [stage.settings() for stage in self.stages]
        return {"model": spec_of(self._offered[self._base]), "stages": stages, "depth": self.depth}

    def is_settled(self) -> bool:
        """Say whether nothing is left to be chosen on validation queries."""
        return all(len(stage.options()) == 1 for stage in self.stages) and all(
            source.is_settled() for source in self._offered.values()
        )

    def with_choices_fixed(self, sources: Mapping[str, DenseRecommender]) -> Self:
        """Return an unfitted model of other models under the same names, with what was chosen here fixed."""
        stages = []
        for stage, settings, key in zip(self.stages, self.chosen_, self._looked_at, strict=True):
            spec = {**stage.settings(), **settings}
            stages.append({**spec, "model": sources.get(key, stage.source)} if "model" in spec else spec)
        return type(self)(model=sources[self._base], stages=stages, depth=self.depth)

    # -- learning ----------------------------------------------------------------------------------------------

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Self:
        """Fit the model and what the stages look at, then choose what the stages leave open on ``valid``.

        Raises:
            DataError: A model lacks what it needs.
            ModelError: The stages go by vectors of items, and the model has none.
        """
        run = run or Run()
        self.__dict__.pop("chosen_", None)
        super().fit(train, valid, run=run)
        try:
            self._settle(train, valid, run)
        except BaseException:
            del self.items_  # half a fit is none
            raise
        used = {self._base, *(key for _, _, key in self._in_use())}
        self.sources = {name: source for name, source in self.sources.items() if name in used}
        self.weights_ = {name: self.weights_[name] for name in self.sources}
        stages = [{**stage.settings(), **chosen} for stage, chosen in zip(self.stages, self.chosen_, strict=True)]
        for told, key in zip(stages, self._looked_at, strict=True):
            if "model" in told and key in self.sources:
                told["model"] = self._settled(key)
        self.settings_ = {"model": self._settled(self._base), "stages": stages, "depth": self.depth}
        return self

    def _settled(self, key: str) -> Settings:
        return {"name": self.sources[key].name, **self.sources[key].settings_}

    def _fit_sources(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        super()._fit_sources(train, valid, run)
        if self.left_out_:
            raise DataError(
                f"'{next(iter(self.left_out_))}', which is reranked or which a stage looks at, cannot be fitted",
                where="; ".join(self.left_out_.values()),
                remedy="Name another model, or leave the stage out.",
            )

    def _settle(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        """Set ``chosen_`` and ``gains_``."""
        options = [stage.options() for stage in self.stages]
        self.chosen_ = [each[0] for each in options]
        self.gains_ = [None] * len(options)
        for stage, key in zip(self.stages, self._looked_at, strict=True):
            stage.check(self.sources.get(key, self.sources[self._base]))
        if valid is None or not len(valid) or all(len(each) == 1 for each in options):
            return
        sample = valid.sample(pool_size(valid, max(1, self.depth // DEPTH)), run.rng("reranking"))
        base = self.sources[self._base]
        with run.track("Choosing the stages", len(sample) + sum(map(len, options))) as advance:
            pool = Pool.of([base], sample, train.items.ids, depth=self.depth, advance=advance)
            everything = np.ones(len(pool.items), dtype=bool)
            front = Front(sample.queries, self.items_, pool.query, pool.items.astype(np.int64), everything)
            scores = pool.scores[:, 0].astype(np.float64)
            for place, stage in enumerate(self.stages):
                source = self.sources.get(self._looked_at[place], base)
                trial = Trial(stage, source, pool, front, scores)
                if len(options[place]) > 1:
                    self.chosen_[place], self.gains_[place] = trial.best(options[place], run, advance)
                    self.settings_tried_ += len(options[place])
                scores = trial.after(self.chosen_[place])

    def _in_use(self) -> list[tuple[Stage, Settings, str]]:
        """Return the stages that change something, their settings, and the names of what they look at."""
        every = zip(self.stages, self.chosen_, self._looked_at, strict=True)
        return [each for each in every if each[1]["weight"]]

    # -- answering ---------------------------------------------------------------------------------------------

    def score(self, queries: QueryBatch) -> Scores:
        """Score the whole vocabulary, float32 ``[q, n]``."""
        self._need_fitted()
        if not self._in_use():
            return self.sources[self._base].score(queries)
        return self._answer(queries, np.zeros((len(queries), len(self.items_)), dtype=bool)).scores

    def _open_scores(self, queries: QueryBatch, out: NDArray[np.bool_]) -> Scores:
        if not self._in_use():
            return super()._open_scores(queries, out)
        scores = self._answer(queries, out).scores
        scores[out] = -np.inf
        return scores

    def _answer(self, queries: QueryBatch, out: NDArray[np.bool_]) -> _Answer:
        """Rerank the first items that are not ``out``, bool ``[q, n]``."""
        scores = np.array(self.sources[self._base].score(queries), dtype=np.float32)
        front, floor = self._front(queries, scores, out)
        steps = [scores[front.query, front.items].astype(np.float64)]
        for stage, settings, key in self._in_use():
            said = stage.says(front, self.sources[key], settings)
            steps.append(stage.raised(steps[-1], said, front, settings["weight"]))
        lift = np.maximum(floor - front.span(steps[-1])[0], 0)
        scores[front.query, front.items] = np.maximum(steps[-1] + lift[front.query], floor[front.query])
        return _Answer(scores, front, steps)

    def _front(self, queries: QueryBatch, scores: Scores, out: NDArray[np.bool_]) -> tuple[Front, Floats]:
        """Return the pools, and the least score in each, float64 ``[q]``."""
        history = History.of(queries, self.items_)
        met = np.zeros(scores.shape, dtype=bool)
        met[history.query, history.items] = True
        out = out | self._not_asked(queries)
        unmet = np.where(met | out, -np.inf, scores)
        place = max(scores.shape[1] - self.depth, 0)
        floor = np.partition(unmet, place, axis=1)[:, place]
        inside = (scores >= floor[:, None]) & ~out & np.isfinite(unmet.max(axis=1, initial=-np.inf))[:, None]
        query, items = np.nonzero(inside)
        return Front(queries, self.items_, query, items, ~met[query, items]), floor.astype(np.float64)

    def _not_asked(self, queries: QueryBatch) -> NDArray[np.bool_]:
        """Return which items are no candidates of a query that has some, bool ``[q, n]``."""
        asked = np.ones((len(queries), len(self.items_)), dtype=bool)
        if queries.candidates is not None:
            asked[(queries.candidates >= 0).any(axis=1)] = False
            numbers = np.append(self.items_.index(queries.dictionary), np.int32(UNKNOWN))[queries.candidates]
            row, place = np.nonzero(numbers != UNKNOWN)
            asked[row, numbers[row, place]] = True
        return ~asked

    def _parts(self, query: Query, item: int) -> Contributions:
        model, stages = super()._parts(query, item), self._in_use()
        if not stages:
            return model
        answer = self._answer(QueryBatch.of([query]), np.zeros((1, len(self.items_)), dtype=bool))
        place = np.flatnonzero(answer.front.items == item)
        if not len(place):
            return model
        steps = [float(step[place[0]]) for step in answer.steps]
        parts = list(model.parts)
        for (stage, settings, key), before, after in zip(stages, steps, steps[1:], strict=False):
            if after != before:
                parts += stage.parts(answer.front, item, after - before, self.sources[key], settings)
        lift = float(answer.scores[0, item]) - np.float32(steps[-1])
        if lift:
            parts.append(Contribution("feature", f"among the first {self.depth}", float(lift)))
        return Contributions(model.item_id, sum(part.amount for part in parts), tuple(parts))

    # -- keeping -----------------------------------------------------------------------------------------------

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        fitted, tensors = super()._state()
        return {**fitted, "chosen": self.chosen_, "gains": self.gains_, "looked_at": self._looked_at}, tensors

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        super()._restore(fitted, tensors)
        self.chosen_, self.gains_ = list(fitted["chosen"]), list(fitted["gains"])
        self._looked_at = list(fitted["looked_at"])

    @classmethod
    def _of_settings(cls, settings: Mapping[str, Any]) -> Self:
        return cls(**settings)

    def _read(self, folder: Path, stored: storage.Stored) -> None:
        offered = self._offered
        super()._read(folder, stored)
        self._offered = {**offered, **self.sources}


def _free_key(model: DenseRecommender, taken: Mapping[str, DenseRecommender]) -> str:
    """Return the name of a model, with a number behind it if another model has that name."""
    names = chain([model.name], (f"{model.name}-{number}" for number in count(2)))
    return next(name for name in names if taken.get(name, model) is model)
