"""Several recommenders as one: scores normalised per query and summed with weights chosen on validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError, ModelError
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.evaluation.ranking import validation_ndcg
from tastemaker.models import storage
from tastemaker.models.base import DenseRecommender, Scores, Settings
from tastemaker.models.selection import rows_in_order

_STEPS: Final = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0)
_PASSES: Final = 2
_SCORES_AT_ONCE: Final = 100_000_000


def normalised(scores: Scores) -> Scores:
    """Return scores divided by the largest magnitude of each query, float32 ``[q, n]``; zero rows stay zero."""
    largest = np.abs(scores).max(axis=1, keepdims=True)
    return np.asarray(scores / np.where(largest > 0, largest, 1), dtype=np.float32)


class Fusion(DenseRecommender):
    """Sums the scores of other recommenders, each divided by its largest magnitude for the query.

    Args:
        sources: The recommenders, by the name under which they appear in explanations.
        weights: The weight of each; ``None`` chooses them on validation, or takes them equal without it.

    Attributes:
        weights_: Weights in use.
        left_out_: Sources that could not be fitted on the data at hand, and why.
    """

    name: ClassVar[str] = "fusion"

    weights_: dict[str, float]
    left_out_: dict[str, str]

    def __init__(self, sources: Mapping[str, DenseRecommender], *, weights: Mapping[str, float] | None = None) -> None:
        self.sources = dict(sources)
        self._offered = dict(sources)
        self.weights = None if weights is None else dict(weights)
        self._known_factors: tuple[Query, dict[str, float]] | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What the sources can do together."""
        weights = getattr(self, "weights_", {})
        parts = [source.capabilities for name, source in self.sources.items() if weights.get(name, 1.0)]
        return Capabilities(
            cold_items=any(part.cold_items for part in parts),
            incremental=all(part.incremental for part in parts),
            reads=frozenset().union(*(part.reads for part in parts)),
        )

    def settings(self) -> Settings:
        """Return the weights as they were given."""
        return {"weights": self.weights}

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Self:
        """Fit every source, then choose the weights on ``valid`` by NDCG@10.

        Sources that lack what they need (times, words) are left out and named in ``left_out_``.

        Raises:
            DataError: No source could be fitted.
        """
        run = run or Run()
        self.__dict__.pop("items_", None)  # half a fit is none
        self.left_out_ = {}
        self._known_factors = None
        self.settings_tried_ = 0
        fitted = {}
        for name, source in self._offered.items():
            try:
                fitted[name] = source.fit(train, valid, run=run)
            except DataError as error:
                self.left_out_[name] = error.message
        if not fitted:
            raise DataError("none of the fusion's sources could be fitted", where="; ".join(self.left_out_.values()))
        self.sources = fitted
        self.settings_tried_ = sum(source.settings_tried_ for source in fitted.values())
        if self.weights is not None:
            unknown = self.weights.keys() - self.sources.keys()
            if unknown - self.left_out_.keys():
                raise ModelError(f"weights name no source: {', '.join(sorted(unknown))}")
            self.weights_ = {name: float(self.weights.get(name, 0)) for name in fitted}
        elif valid is None or not len(valid):
            self.weights_ = dict.fromkeys(fitted, 1.0)
        else:
            self.weights_ = self._choose(train, valid, run)
        self.provenance_ = train.provenance()
        self.items_ = train.items
        self.settings_ = {"weights": self.weights_}
        return self

    def _choose(self, train: Dataset, valid: HeldOut, run: Run) -> dict[str, float]:
        """Ascend along one weight at a time from the best single source."""
        names = list(self.sources)
        size = max(200, min(2000, _SCORES_AT_ONCE // (len(train.items) * len(names))))
        sample = valid.sample(size, run.rng("fusion"))
        scores = [normalised(self.sources[name].score(sample.queries)) for name in names]

        def value(weights: NDArray[np.float32]) -> float:
            self.settings_tried_ += 1
            total = sum(weight * part for weight, part in zip(weights, scores, strict=True) if weight)
            return validation_ndcg(rows_in_order(np.asarray(total)), sample, train.items.ids, seed=run.seed)

        singles = np.eye(len(names), dtype=np.float32)
        with run.track("Weighing the sources", len(names) * (1 + _PASSES * len(_STEPS))) as advance:
            values = []
            for single in singles:
                values.append(value(single))
                advance(1)
            weights, best = singles[int(np.argmax(values))].copy(), max(values)
            for _ in range(_PASSES):
                before = best
                for place in np.argsort(values)[::-1]:
                    for step in _STEPS:
                        advance(1)
                        trial = weights.copy()
                        trial[place] = step
                        if trial.any() and trial[place] != weights[place] and (found := value(trial)) > best:
                            weights, best = trial, found
                if best == before:
                    break
        return {name: float(weight) for name, weight in zip(names, weights, strict=True)}

    def _understands(self, text: str) -> bool:
        return any(self.weights_[name] and source._understands(text) for name, source in self.sources.items())

    def score(self, queries: QueryBatch) -> Scores:
        """Score the whole vocabulary, float32 ``[q, n]``."""
        self._need_fitted()
        total = np.zeros((len(queries), len(self.items_)), dtype=np.float32)
        for name, source in self.sources.items():
            if self.weights_[name]:
                total += np.float32(self.weights_[name]) * normalised(source.score(queries))
        return total

    def _parts(self, query: Query, item: int) -> Contributions:
        raw = self.items_.ids[item]
        parts = [
            Contribution(part.kind, part.name, factor * part.amount, name)
            for name, factor in self._factors(query).items()
            for part in self.sources[name].explain(query, raw).parts
        ]
        return Contributions(raw, sum(part.amount for part in parts), tuple(parts))

    def _factors(self, query: Query) -> dict[str, float]:
        """Return what a point of each source's score is worth; kept for the next item of the same query."""
        known = self._known_factors
        if known is not None and known[0] is query:
            return known[1]
        batch = QueryBatch.of([query])
        factors = {}
        for name, weight in self.weights_.items():
            if weight:
                largest = float(np.abs(self.sources[name].score(batch)).max())
                factors[name] = weight / largest if largest > 0 else weight
        self._known_factors = (query, factors)
        return factors

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        self._known_factors = None
        for source in self.sources.values():
            source.extend(items=catalogue)

    def _absorb(self, dataset: Dataset) -> None:
        fixed = [name for name in self.sources if not self.sources[name].capabilities.incremental]
        fixed = [name for name in fixed if self.weights_[name]]
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
        return {"weights": self.weights_, "left_out": self.left_out_, "sources": list(self.sources)}, {}

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        self.weights_ = dict(fitted["weights"])
        self.left_out_ = dict(fitted["left_out"])

    def _write(self, folder: Path) -> None:
        super()._write(folder)
        for name, source in self.sources.items():
            inner = folder / name
            inner.mkdir()
            source._write(inner)

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


def default_sources() -> Sequence[str]:
    """Return the names of the models that a fusion is made of when none are named."""
    return ("sequential-rules", "item-knn", "ease", "content-knn", "recent-popularity")
