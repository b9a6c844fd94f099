"""Several recommenders as one: their scores, as they are or divided per query, summed with weights."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import AssetError, DataError, MissingExtraError, ModelError
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Advance, Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.models import storage
from tastemaker.models.base import DenseRecommender, Scores, Settings
from tastemaker.models.pool import DEPTH, Pool

STEPS: Final = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
"""Weights that are tried for a source, in units of what makes it say as much as any other."""

_PASSES: Final = 2
_INSTANT: Final = 1e-9
_MOST_QUERIES: Final = 5000
_PAIRS_AT_ONCE: Final = 8_000_000


def normalised(scores: Scores) -> Scores:
    """Return scores divided by the largest magnitude of each query, float32 ``[q, n]``; zero rows stay zero."""
    largest = np.abs(scores).max(axis=1, keepdims=True)
    return np.asarray(scores / np.where(largest > 0, largest, 1), dtype=np.float32)


class Fusion(DenseRecommender):
    """Sums the scores of other recommenders, each with a weight.

    Scores can be taken as they are, so that a source that has seen much says more than one that has seen little; or
    each can be divided by its largest magnitude for the query, so that every source says the same in total.

    The weights are chosen whenever it is fitted, so its search space is empty; its sources have spaces of their own.

    Args:
        sources: The recommenders, by the name under which they appear in explanations.
        weights: The weight of each; ``None`` chooses them on validation, or takes them equal without it.
        normalise: Whether scores are divided by their largest magnitude for the query; ``None`` chooses that together
            with the weights, and divides where there is nothing to choose on.

    Attributes:
        weights_: Weights in use.
        normalise_: Whether scores are divided.
        left_out_: Sources that could not be fitted here (data, times, words or an extra were missing, or the time of
            the run was over), and why.
        spared_seconds_: What the fits of sources took that had been fitted on the same rows before.
    """

    name: ClassVar[str] = "fusion"
    usual: ClassVar[tuple[str, ...]] = ("sequential-rules", "item-knn", "ease", "content-knn", "recent-popularity")
    """The models that it is made of when none are named."""

    weights_: dict[str, float]
    normalise_: bool
    left_out_: dict[str, str]
    spared_seconds_: float

    def __init__(
        self,
        sources: Mapping[str, DenseRecommender],
        *,
        weights: Mapping[str, float] | None = None,
        normalise: bool | None = None,
    ) -> None:
        self.sources = dict(sources)
        self._offered = dict(sources)
        self.weights = None if weights is None else dict(weights)
        self.normalise = normalise
        self._known_factors: tuple[Query, dict[str, float]] | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What the sources can do together."""
        parts = [self.sources[name].capabilities for name in self._heard()]
        return Capabilities(
            cold_items=any(part.cold_items for part in parts),
            incremental=all(part.incremental for part in parts),
            reads=frozenset().union(*(part.reads for part in parts)),
        )

    def _heard(self) -> list[str]:
        """Return the names of the sources that matter: all but those without weight."""
        weights = getattr(self, "weights_", {})
        return [name for name in self.sources if weights.get(name, 1.0)]

    def settings(self) -> Settings:
        """Return the weights as they were given."""
        return {"weights": self.weights, "normalise": self.normalise}

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Self:
        """Fit every source, then choose the weights on ``valid`` by NDCG@10.

        A source that was fitted on the same rows with the same seed before stays as it is. Sources that lack what
        they need (times, words, an extra) are left out and named in ``left_out_``, and so are those whose turn comes
        when the time of the run (`tastemaker.core.run.Run.minutes`) is over.

        Raises:
            DataError: No source could be fitted.
            ModelError: The weights name no source.
        """
        run = run or Run()
        self.__dict__.pop("items_", None)  # half a fit is none
        self._known_factors = None
        self._fit_sources(train, valid, run)
        self.settings_tried_ = sum(source.settings_tried_ for source in self.sources.values())
        self.normalise_ = True if self.normalise is None else self.normalise
        if self.weights is not None:
            unknown = self.weights.keys() - self.sources.keys()
            if unknown - self.left_out_.keys():
                raise ModelError(f"weights name no source: {', '.join(sorted(unknown))}")
            self.weights_ = {name: float(self.weights.get(name, 0)) for name in self.sources}
        elif valid is None or not len(valid):
            self.weights_ = dict.fromkeys(self.sources, 1.0)
        else:
            self._choose(train, valid, run)
        self.provenance_ = train.provenance()
        self.items_ = train.items
        self.settings_ = {"weights": self.weights_, "normalise": self.normalise_}
        return self

    def _fit_sources(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        """Fit the sources one after the other, within the time of the run; the first one is never left out for time."""
        began = time.perf_counter()
        self.left_out_, self.spared_seconds_ = {}, 0.0
        fitted: dict[str, DenseRecommender] = {}
        for name, source in self._offered.items():
            spared = source.fitted_before(train, valid, run)
            if spared is not None:
                self.spared_seconds_ += spared
                fitted[name] = source
                self._say(name, True, "fitted before", spared)
                continue
            left = None if run.minutes is None else run.minutes - (time.perf_counter() - began) / 60
            if left is not None and left <= 0 and fitted:
                self._say(name, False, f"the time, {run.minutes:g} minutes, was over")
                continue
            started = time.perf_counter()
            own = run if left is None else replace(run, minutes=max(left, _INSTANT))
            try:
                fitted[name] = source.fit(train, valid, run=own)
            except (AssetError, DataError, MissingExtraError) as error:
                self._say(name, False, f"{error.message}. {error.remedy}" if error.remedy else error.message)
                continue
            before = float(getattr(source, "spared_seconds_", 0.0))
            self.spared_seconds_ += before
            self._say(name, True, "fitted", time.perf_counter() - started + before)
        if not fitted:
            raise DataError(f"no source of '{self.name}' could be fitted", where="; ".join(self.left_out_.values()))
        self.sources = fitted

    def _say(self, name: str, kept: bool, why: str, seconds: float = 0.0) -> None:
        """Note what became of a source."""
        if not kept:
            self.left_out_[name] = why

    def _choose(self, train: Dataset, valid: HeldOut, run: Run) -> None:
        """Ascend along one weight at a time from the best single source, with scores as they are and divided."""
        names = list(self.sources)
        sample = valid.sample(pool_size(valid, len(names)), run.rng("fusion"))
        forms = (False, True) if self.normalise is None else (self.normalise,)
        trials = len(forms) * len(names) * (1 + _PASSES * len(STEPS))
        with run.track("Weighing the sources", len(sample) + trials) as advance:
            pool = Pool.of(list(self.sources.values()), sample, train.items.ids, advance=advance)
            best = -1.0
            for form in forms:
                scores = pool.divided() if form else pool.scores
                typical = np.median(np.abs(pool.largest), axis=0)
                unit = np.ones(len(names)) if form else 1 / np.where(typical > 0, typical, 1)
                weights, value, tried = _ascend(pool, scores, unit, run, advance)
                self.settings_tried_ += tried
                if value > best:
                    best, self.normalise_ = value, form
                    self.weights_ = {name: float(weight) for name, weight in zip(names, weights, strict=True)}

    def _understands(self, text: str) -> bool:
        return any(self.weights_[name] and source._understands(text) for name, source in self.sources.items())

    def score(self, queries: QueryBatch) -> Scores:
        """Score the whole vocabulary, float32 ``[q, n]``."""
        self._need_fitted()
        return self._sum(len(queries), ((name, self.sources[name].score(queries)) for name in self._heard()))

    def _sum(self, queries: int, found: Iterable[tuple[str, Scores]]) -> Scores:
        """Return the weighted sum of what the sources gave by name; those without weight may be missing."""
        total = np.zeros((queries, len(self.items_)), dtype=np.float32)
        for name, scores in found:
            if self.weights_[name]:
                total += np.float32(self.weights_[name]) * (normalised(scores) if self.normalise_ else scores)
        return total

    def _parts(self, query: Query, item: int) -> Contributions:
        raw = self.items_.ids[item]
        parts = []
        for name, factor in self._factors(query).items():
            told = self.sources[name].explain(query, raw)
            parts += [Contribution(part.kind, part.name, factor * part.amount, name) for part in told.parts]
            if not told.additive:
                rest = told.score - sum(part.amount for part in told.parts)
                parts.append(Contribution("feature", "all events together", factor * rest, name))
        return Contributions(raw, sum(part.amount for part in parts), tuple(parts))

    def _factors(self, query: Query) -> dict[str, float]:
        """Return what a point of each source's score is worth; kept for the next item of the same query."""
        known = self._known_factors
        if known is not None and known[0] is query:
            return known[1]
        batch = QueryBatch.of([query])
        factors = {name: weight for name, weight in self.weights_.items() if weight}
        if self.normalise_:
            for name, weight in factors.items():
                largest = float(np.abs(self.sources[name].score(batch)).max())
                factors[name] = weight / largest if largest > 0 else weight
        self._known_factors = (query, factors)
        return factors

    def twin(self) -> Self:
        """See `DenseRecommender.twin`."""
        other = super().twin()
        other.sources = {name: source.twin() for name, source in self.sources.items()}
        return other

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        self._known_factors = None
        for source in self.sources.values():
            source.extend(items=catalogue)

    def _absorb(self, dataset: Dataset) -> None:
        fixed = [name for name in self._heard() if not self.sources[name].capabilities.incremental]
        if fixed:
            raise ModelError(
                f"the sources {', '.join(fixed)} cannot take in new events without a new fit",
                remedy="Fit it again.",
            )
        self._known_factors = None
        for source in self.sources.values():
            if source.capabilities.incremental:
                source.extend(interactions=dataset)

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        fitted = {"weights": self.weights_, "normalise": self.normalise_, "left_out": self.left_out_}
        return {**fitted, "sources": list(self.sources)}, {}

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        self.weights_ = dict(fitted["weights"])
        self.normalise_ = bool(fitted["normalise"])
        self.left_out_ = dict(fitted["left_out"])

    def _write(self, folder: Path) -> None:
        super()._write(folder)
        for name, source in self.sources.items():
            inner = folder / name
            inner.mkdir()
            source._write(inner)

    def with_choices_fixed(self, sources: Mapping[str, DenseRecommender]) -> Self:
        """Return an unfitted fusion of other models under the same names, with what was chosen here fixed."""
        return type(self)(sources, weights=self.weights_, normalise=self.normalise_)

    @classmethod
    def _of_settings(cls, settings: Mapping[str, Any]) -> Self:
        return cls({}, **settings)

    def _read(self, folder: Path, stored: storage.Stored) -> None:
        from tastemaker.models.registry import load_model

        self.sources = {name: load_model(folder / name) for name in stored.fitted["sources"]}
        for source in self.sources.values():
            source.items_ = self.items_
        self._offered = dict(self.sources)
        super()._read(folder, stored)


class CountsAndText(Fusion):
    """What follows what, and whose words are alike: counts where there are events, text where there are few."""

    name: ClassVar[str] = "counts-and-text"
    usual: ClassVar[tuple[str, ...]] = ("sequential-rules", "content-knn")


class CountsTextAndVectors(Fusion):
    """`CountsAndText`, and what is near in meaning by an encoder's vectors."""

    name: ClassVar[str] = "counts-text-and-vectors"
    usual: ClassVar[tuple[str, ...]] = (*CountsAndText.usual, "embedding-knn")


class FusionWithVectors(Fusion):
    """The usual sources of a `Fusion`, and what is near in meaning by an encoder's vectors."""

    name: ClassVar[str] = "fusion-with-vectors"
    usual: ClassVar[tuple[str, ...]] = (*Fusion.usual, "embedding-knn")


def pool_size(valid: HeldOut, sources: int) -> int:
    """Return how many queries a pool may hold so that each target can be compared with every candidate."""
    targets = max(1.0, len(valid.targets) / max(len(valid), 1))
    return int(min(_MOST_QUERIES, max(200, _PAIRS_AT_ONCE / (DEPTH * sources * targets))))


def _ascend(
    pool: Pool, scores: NDArray[np.float32], unit: NDArray[np.float64], run: Run, advance: Advance
) -> tuple[list[float], float, int]:
    """Return the best weights that were found, their NDCG@10, and how many were tried.

    Args:
        pool: The candidates.
        scores: Their scores, float32 ``[m, s]``.
        unit: The weight at which a source says as much as any other, float64 ``[s]``.
        run: Decides ties.
        advance: Is told of each trial.
    """
    count = scores.shape[1]
    tried = 0

    def value(weights: NDArray[np.float64]) -> float:
        nonlocal tried
        tried += 1
        return pool.ndcg(scores @ weights.astype(np.float32), run.rng("ties"))

    weights, best, singles = np.zeros(count), -1.0, []
    for single in np.diag(unit):
        singles.append(value(single))
        advance(1)
        if singles[-1] > best:
            weights, best = single.copy(), singles[-1]
    lead = unit[int(np.argmax(singles))]
    for _ in range(_PASSES):
        before = best
        for place in np.argsort(singles)[::-1]:
            for step in STEPS:
                advance(1)
                trial = weights.copy()
                trial[place] = step * unit[place]
                if trial.any() and trial[place] != weights[place] and (found := value(trial)) > best:
                    weights, best = trial, found
        if best == before:
            break
    return [rounded(weight / lead) for weight in weights], best, tried


def rounded(weight: float) -> float:
    """Return three significant digits of a weight: more would say more than a choice from so few steps can.

    >>> rounded(0.0123456)
    0.0123
    """
    return float(f"{weight:.3g}")
