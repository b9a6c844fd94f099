"""A pipeline over a fixed catalogue as a recommender, so that it stands in the same tables as counting."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import Clock, from_microseconds, system_clock
from tastemaker.core.errors import NotFittedError
from tastemaker.core.query import NO_TIME, Event, Query, QueryBatch, as_events, as_ids
from tastemaker.core.recommendations import Contributions, Recommendations
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.provenance import Provenance
from tastemaker.models.base import DenseRecommender, Scores
from tastemaker.models.registry import load_model
from tastemaker.pipeline.pipeline import Pipeline
from tastemaker.pipeline.retrievers import FromModel
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.stage import Chance, Context, Person, Stage

Build: TypeAlias = Callable[[DenseRecommender, Shelf], Sequence[Stage]]
"""Makes the stages, of a fitted model and the shelf they work on."""

_STEP: Final = 1e-3


def model_alone(model: DenseRecommender, shelf: Shelf) -> Sequence[Stage]:
    """Return the plainest pipeline: what the model recommends."""
    return (FromModel(model),)


class PipelineRecommender:
    """A model, the stages behind it, and the gate, asked like any model.

    The catalogue is that of the training data, as it stands; nobody is known but by the history of the query. What is
    reported of it is the list of ``k`` that a person would be shown: `score` puts that first, and lets what the model
    gives order the rest.

    The folder that `save` writes is the model's: stages and catalogue are named again when it is loaded.

    Args:
        model: The model, fitted or not.
        build: Makes the stages; by default the model alone.
        catalogue: The items; by default those of the training data, or those that the fitted model knows.
        k: Length of the list that `score` puts first.
        name: Its name in reports.
        clock: Tells the moment of a request that does not say it.
    """

    def __init__(
        self,
        model: DenseRecommender,
        build: Build = model_alone,
        *,
        catalogue: Catalogue | None = None,
        k: int = 10,
        name: str | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self.model, self.build, self.catalogue, self.k, self.clock = model, build, catalogue, k, clock
        self.name = name or f"pipeline of {model.name}"
        self._running: tuple[Shelf, Pipeline] | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do; the list depends on history, candidates and the moment, whatever the model reads."""
        known = self.model.capabilities
        reads = known.reads | {"history", "candidates", "context"}
        return replace(known, dense=True, comparable_scores=False, reads=reads)

    @property
    def item_ids(self) -> NDArray[np.object_]:
        """Raw ids of the model's vocabulary, object ``[n]``."""
        return self.model.item_ids

    @property
    def provenance_(self) -> Provenance:
        """What the model has seen."""
        return self.model.provenance_

    @property
    def settings_(self) -> dict[str, Any]:
        """The model's settings, and the names of the stages."""
        stages = [stage.name for stage in self._pipeline()[1].stages]
        return {"model": {"name": self.model.name, **self.model.settings_}, "stages": stages}

    @property
    def settings_tried_(self) -> int:
        """How many settings of the model were compared on validation."""
        return self.model.settings_tried_

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Self:
        """Fit the model, and take the catalogue of the training data."""
        self._running = None
        self.model.fit(train, valid, run=run)
        self.catalogue = train.catalogue
        return self

    def _pipeline(self) -> tuple[Shelf, Pipeline]:
        if not hasattr(self.model, "items_"):
            raise NotFittedError(f"'{self.name}' is not fitted", remedy="Call fit(train) or load(folder) first.")
        if self._running is None:
            catalogue = self.catalogue or Catalogue.of_ids(self.model.item_ids.tolist())
            shelf = Shelf.of_catalogue(catalogue)
            self._running = shelf, Pipeline(self.build(self.model, shelf))
        return self._running

    def slate(self, query: Query) -> Slate:
        """Return the answer to one query as the pipeline gives it, with everything that is known of it."""
        shelf, pipeline = self._pipeline()
        now: datetime = query.now or self.clock()
        events = query.events()
        touched = np.unique(shelf.numbers([event.item_id for event in events]))
        person = Person(user_id=query.user_id, history=events, seen=touched[touched >= 0])
        seed = [query.seed, zlib.crc32((query.user_id or "").encode())]
        return pipeline(Context(replace(query, now=now), person, shelf, now, Chance(seed)))

    def recommend(
        self,
        queries: Query | Sequence[Query] | QueryBatch | None = None,
        *,
        user: Any = None,
        history: Iterable[Any] | None = None,
        items: Iterable[Any] | None = None,
        text: str | None = None,
        k: int = 10,
        allowed: Iterable[Any] | None = None,
        exclude_seen: bool = True,
    ) -> Recommendations:
        """Answer queries, or the one query that the keywords describe: see `DenseRecommender.recommend`.

        Raises:
            NotFittedError: The model was not fitted.
            QueryError: The request makes no sense.
        """
        shelf = self._pipeline()[0]
        if queries is None:
            queries = Query(
                user_id=user,
                history=None if history is None else as_events(history),
                items=() if items is None else as_ids("items", items),
                text=text,
                k=k,
                exclude_seen=exclude_seen,
            )
        if isinstance(queries, QueryBatch):
            asked = [replace(query, k=k, exclude_seen=exclude_seen) for query in _queries(queries)]
        else:
            asked = [queries] if isinstance(queries, Query) else list(queries)
        only = None if allowed is None else self._ids(allowed)
        slates = [self.slate(query if only is None else _within(query, only)) for query in asked]
        lists = [(shelf.ids[slate.items], slate.scores) for slate in slates]
        return Recommendations.of(lists, slates[0].degraded if len(slates) == 1 else ())

    def _ids(self, allowed: Iterable[Any]) -> frozenset[str]:
        if isinstance(allowed, np.ndarray) and allowed.dtype == np.bool_:
            return frozenset(self.item_ids[allowed].tolist())
        return frozenset(as_ids("allowed", allowed))

    def score(self, queries: QueryBatch) -> Scores:
        """Score the model's vocabulary, float32 ``[q, n]``: above all else the list of ``k``, then by the model.

        What the person has seen is not in that list, and keeps what the model gives it.
        """
        shelf = self._pipeline()[0]
        scores = np.array(self.model.score(queries), dtype=np.float32)
        numbering = shelf.numbering(self.item_ids)
        column = np.full(len(shelf.ids), -1, dtype=np.int64)
        column[numbering[numbering >= 0]] = np.flatnonzero(numbering >= 0)
        for row, query in zip(scores, _queries(queries), strict=True):
            listed = column[self.slate(replace(query, k=self.k)).items]
            listed = listed[listed >= 0]
            top = float(np.max(row, where=np.isfinite(row), initial=0.0))
            row[listed] = top + _STEP * max(abs(top), 1.0) * np.arange(len(listed), 0, -1)
        return scores

    def score_candidates(self, queries: QueryBatch, candidates: Sequence[Any]) -> Scores:
        """Return what the model gives the same candidates for every query, float32 ``[q, c]``."""
        return self.model.score_candidates(queries, candidates)

    def extend(self, items: Catalogue | None = None, interactions: Dataset | None = None) -> Self:
        """Take in new items, new events, or both: see `DenseRecommender.extend`."""
        shelf = self._pipeline()[0]
        self.model.extend(items, interactions)
        for catalogue in (items, None if interactions is None else interactions.catalogue):
            if catalogue is not None:
                rows = {row.pop("item_id"): row for row in catalogue.frame.iter_rows(named=True)}
                new = shelf.numbers(list(rows)) < 0
                shelf.put({item: rows[item] for item, lacks in zip(rows, new.tolist(), strict=True) if lacks})
        return self

    def explain(self, query: Query, item_id: str) -> Contributions:
        """Say where the model's score of one item comes from."""
        return self.model.explain(query, item_id)

    def save(self, folder: str | Path) -> None:
        """Write the model as a folder; stages and catalogue are not part of it."""
        self.model.save(folder)

    @classmethod
    def load(cls, folder: str | Path, build: Build = model_alone, *, catalogue: Catalogue | None = None) -> Self:
        """Read the model that `save` wrote.

        Raises:
            ModelFormatError: The folder does not hold a whole model.
        """
        return cls(load_model(folder), build, catalogue=catalogue)


def _within(query: Query, only: frozenset[str]) -> Query:
    return replace(query, candidates=only if query.candidates is None else only & query.candidates)


def _queries(batch: QueryBatch) -> Iterator[Query]:
    """Return the queries of a batch one by one."""
    for row in range(len(batch)):
        own = slice(batch.starts[row], batch.ends[row])
        ratings = [None] * (own.stop - own.start) if batch.ratings is None else batch.ratings[own].tolist()
        columns = batch.dictionary[batch.codes[own]], batch.weights[own], batch.timestamps[own], ratings
        yield Query(
            user_id=batch.user_ids[row],
            history=tuple(
                Event(str(item), "interaction", _moment(int(at)), float(weight), _known(rating))
                for item, weight, at, rating in zip(*columns, strict=True)
            ),
            text=None if batch.texts is None else batch.texts[row],
            now=_moment(int(batch.now[row])),
            candidates=_candidates(batch, row),
        )


def _candidates(batch: QueryBatch, row: int) -> frozenset[str] | None:
    if batch.candidates is None:
        return None
    given = batch.candidates[row]
    given = given[given >= 0]
    return frozenset(batch.dictionary[given].tolist()) if len(given) else None


def _moment(microseconds: int) -> datetime | None:
    return None if microseconds == NO_TIME else from_microseconds(microseconds)


def _known(rating: float | None) -> float | None:
    return None if rating is None or np.isnan(rating) else rating
