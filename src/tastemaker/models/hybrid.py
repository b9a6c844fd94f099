"""The default model: counts, words, a sequence model and freshness, of which validation keeps what helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.run import Advance, Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.models import storage
from tastemaker.models.base import DenseRecommender
from tastemaker.models.fusion import STEPS, pool_size, rounded
from tastemaker.models.learned_fusion import LearnedFusion
from tastemaker.models.pool import Pool
from tastemaker.models.ranker_choice import Choice, Sample, learn, standard_error
from tastemaker.models.ranking_features import Feature

Floats = NDArray[np.float64]

_ERRORS: Final = 1.0


@dataclass(frozen=True)
class Part:
    """What became of a part.

    Attributes:
        name: Its name.
        kept: Whether it is in use.
        why: The reason, in words.
        seconds: What its fit took.
        alone: NDCG@10 on validation of it alone; ``None`` where it was not asked.
        gain: What it added to NDCG@10 on validation when it was taken in, or would have added at the end.
        error: Standard error of ``gain`` over people.
    """

    name: str
    kept: bool
    why: str
    seconds: float = 0.0
    alone: float | None = None
    gain: float | None = None
    error: float | None = None


class Hybrid(LearnedFusion):
    """Counts of what follows what, words, neighbours, a transformer over the history, and what is popular of late.

    Parts are fitted in the order in which they are named, the quick ones first. Where the time of the run
    (`tastemaker.core.run.Run.minutes`) is over, the others are left out; a part that trains in epochs stops when it
    is. So is left out what lacks its data (times, words) or its extra: without torch there is no sequence model.

    Then validation chooses. The best part stands first; each time the part whose scores, weighed best, add most to
    NDCG@10 joins it, as long as the gain is larger than its standard error over people. The first items of the sum are
    ranked anew if that helps (see `LearnedFusion`), by a ranker that looks at the parts of the sum, or at all parts if
    that is better by more than the standard error of the difference. What neither needs is dropped, so that it costs
    neither time nor memory when answering.

    It keeps no people: whoever is new is folded in by their history. Items that nobody has touched are found by their
    words.

    Args:
        sources: The parts, by name.
        weights: The weight of each; ``None`` chooses on validation, or takes them equal without it.
        normalise: As in `Fusion`.
        ranker: As in `LearnedFusion`.
        depth: As in `LearnedFusion`.

    Attributes:
        parts_: What became of each part, and why.
    """

    name: ClassVar[str] = "hybrid"
    usual: ClassVar[tuple[str, ...]] = (
        "recent-popularity",
        "sequential-rules",
        "content-knn",
        "item-knn",
        "user-knn",
        "sasrec",
    )

    parts_: dict[str, Part]
    _only_read: frozenset[str]
    _known_parts: dict[str, Part] | None = None

    def _fit_sources(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        self.parts_ = {}
        super()._fit_sources(train, valid, run)

    def _say(self, name: str, kept: bool, why: str, seconds: float = 0.0) -> None:
        super()._say(name, kept, why, seconds)
        self.parts_[name] = Part(name, kept, why, round(seconds, 3))

    def _choose(self, train: Dataset, valid: HeldOut, run: Run) -> None:
        names = list(self.sources)
        sample = valid.sample(pool_size(valid, len(names)), run.rng("fusion"))
        forms = (False, True) if self.normalise is None else (self.normalise,)
        with run.track("Choosing the parts", len(sample)) as advance:
            pool = Pool.of(list(self.sources.values()), sample, train.items.ids, advance=advance)
        with run.track("Weighing the parts") as advance:
            grown = [_Growth.of(pool, divided, run, advance) for divided in forms]
        best = max(grown, key=lambda growth: growth.value)
        self.normalise_ = forms[grown.index(best)]
        self.settings_tried_ += sum(growth.tried for growth in grown)
        for place, name in enumerate(names):
            self._judge(name, best, place)
        self.weights_ = dict(zip(names, best.weights, strict=True))

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Self:
        """Fit the parts, choose among them on ``valid``, and learn a ranker on it.

        Raises:
            DataError: No part could be fitted.
            MissingExtraError: Boosted trees were asked for, and LightGBM is not installed.
            ModelError: The weights name no part, there is no such ranker, or one that was taken over lacks a part.
        """
        self._only_read = frozenset()
        super().fit(train, valid, run=run)
        if self._known_parts is not None:
            self.parts_ = {**self.parts_, **self._known_parts}
        if valid is not None and len(valid):
            self._drop([name for name, weight in self.weights_.items() if not weight and name not in self._only_read])
        return self

    @property
    def training_(self) -> list[dict[str, Any]]:
        """What is known of each epoch of the part that was trained in epochs; empty where none was."""
        return next((source.training_ for source in self.sources.values() if hasattr(source, "training_")), [])

    def with_choices_fixed(self, sources: Mapping[str, DenseRecommender]) -> Self:
        """Return an unfitted model of other parts under the same names, with what was chosen here fixed."""
        copy = super().with_choices_fixed(sources)
        copy._known_parts = self.parts_
        return copy

    def _chosen(self, kinds: tuple[str, ...], sample: Sample, features: Sequence[Feature], run: Run) -> Choice:
        """Learn rankers that look at the parts in the sum alone, and at all; keep the former unless all are better."""
        idle = frozenset(name for name, weight in self.weights_.items() if not weight)
        used = np.flatnonzero([feature.source not in idle for feature in features])
        few = learn(kinds, sample.reading(used), [features[place] for place in used.tolist()], run)
        every = learn(kinds, sample, features, run) if idle else few
        if every.ranker is None or not idle:
            return few
        gains = every.people - few.people
        if len(gains) and gains.mean() <= _ERRORS * standard_error(gains):
            return few
        self._only_read = idle
        for name in idle & self.parts_.keys():
            why = "adds too little to the sum, but the ranker looks at it"
            self.parts_[name] = replace(self.parts_[name], kept=True, why=why)
            self.left_out_.pop(name, None)
        return every

    def _drop(self, names: Sequence[str]) -> None:
        for name in names:
            if self.parts_[name].kept:  # nothing was chosen: the weights were given
                self.parts_[name] = replace(self.parts_[name], kept=False, why="has no weight")
        self.sources = {name: source for name, source in self.sources.items() if name not in names}
        self.weights_ = {name: self.weights_[name] for name in self.sources}
        self.settings_ |= {"weights": self.weights_}

    def _judge(self, name: str, growth: _Growth, place: int) -> None:
        """Say why a part was kept or dropped."""
        gain, error = growth.gains[place], growth.errors[place]
        kept = bool(growth.weights[place])
        if kept and place == growth.order[0]:
            why = "the best alone"
        elif kept:
            why = f"adds {gain:+.4f} ± {error:.4f} to NDCG@10"
        else:
            why = f"adds {gain:+.4f} ± {error:.4f} to NDCG@10, too little to keep"
        known = self.parts_[name]
        self.parts_[name] = Part(name, kept, why, known.seconds, growth.alone[place], gain, error)
        if not kept:
            self.left_out_[name] = why

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        fitted, tensors = super()._state()
        return {**fitted, "parts": [asdict(part) for part in self.parts_.values()]}, tensors

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        super()._restore(fitted, tensors)
        self.parts_ = {each["name"]: Part(**each) for each in fitted["parts"]}


@dataclass
class _Growth:
    """How parts joined, one after the other, for ``s`` parts and ``u`` people.

    Attributes:
        weights: Weight of each part; 0 of those that did not join.
        order: Parts in the order in which they joined.
        alone: NDCG@10 of each alone.
        gains: What each added when it joined, or would have added at the end.
        errors: Standard errors of the gains.
        value: NDCG@10 of the sum.
        tried: How many sums were tried.
    """

    weights: list[float]
    order: list[int]
    alone: list[float]
    gains: list[float]
    errors: list[float]
    value: float
    tried: int

    @classmethod
    def of(cls, pool: Pool, divided: bool, run: Run, advance: Advance) -> _Growth:
        """Let parts join as long as the best of them gains more than its standard error."""
        scores = pool.divided() if divided else pool.scores
        typical = np.median(np.abs(pool.largest), axis=0)
        unit = np.ones(scores.shape[1]) if divided else 1 / np.where(typical > 0, typical, 1)
        asked = _Asked(pool, scores, unit, run, advance)
        count = scores.shape[1]
        singles = [asked.people(np.eye(count)[place]) for place in range(count)]
        alone = [float(each.mean()) for each in singles]
        first = int(np.argmax(alone))
        weights, current = np.eye(count)[first], singles[first]
        order, gains, errors = [first], np.zeros(count), np.zeros(count)
        gains[first], errors[first] = alone[first], standard_error(current)
        while len(order) < count:
            trials = {place: asked.best_step(weights, place) for place in range(count) if place not in order}
            for place, (_, found) in trials.items():
                gains[place], errors[place] = (found - current).mean(), standard_error(found - current)
            best = max(trials, key=lambda place: gains[place])
            if gains[best] <= _ERRORS * errors[best]:
                break
            weights, current = trials[best]
            order.append(best)
            for place in order:
                again, found = asked.best_step(weights, place)
                if found.mean() > current.mean():
                    weights, current = again, found
        told = [rounded(weight) for weight in weights * unit / unit[first]]
        return cls(told, order, alone, gains.tolist(), errors.tolist(), float(current.mean()), asked.tried)


class _Asked:
    """Answers what a sum of parts comes to."""

    def __init__(self, pool: Pool, scores: NDArray[np.float32], unit: Floats, run: Run, advance: Advance) -> None:
        self.pool, self.scores, self.unit, self.run, self.advance = pool, scores, unit, run, advance
        self.tried = 0

    def people(self, weights: Floats) -> Floats:
        """Return NDCG@10 of each person, float64 ``[u]``, for weights in units."""
        self.tried += 1
        self.advance(1)
        return self.pool.people(self.scores @ (weights * self.unit).astype(np.float32), self.run.rng("ties"))

    def best_step(self, weights: Floats, place: int) -> tuple[Floats, Floats]:
        """Return the weights with the best one above 0 for a part, and NDCG@10 of each person."""
        found: list[tuple[Floats, Floats]] = []
        for step in filter(None, STEPS):
            trial = weights.copy()
            trial[place] = step
            found.append((trial, self.people(trial)))
        return max(found, key=lambda each: each[1].mean())
