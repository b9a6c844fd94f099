"""Ranking: a model puts the candidates of a slate in its own order."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Literal

import numpy as np

from tastemaker.core.query import QueryBatch
from tastemaker.core.recommender import Recommender
from tastemaker.models.base import DenseRecommender
from tastemaker.pipeline.slate import Scores, Slate
from tastemaker.pipeline.sources import places_of
from tastemaker.pipeline.stage import Context


class Rank:
    """Orders the candidates by what a model gives them; those that it does not know come last, as they stood.

    Some models rank well only within a pool of their own choice, such as `tastemaker.models.LearnedFusion`, whose
    ranker sees the first items of a sum. They are asked to recommend from the candidates, and so take their pool from
    those; the others score the candidates.

    Args:
        model: A fitted model.
        by: ``candidates`` has them scored (`Recommender.score_candidates`), ``pool`` has the model recommend from them;
            ``None`` takes the latter of models that would score everything in both cases.
        name: Its name in the trace and in the slate's columns; by default ``rank`` and the model's.
        needed: Whether it runs even after the deadline.
    """

    def __init__(
        self,
        model: Recommender,
        *,
        by: Literal["candidates", "pool"] | None = None,
        name: str | None = None,
        needed: bool = False,
    ) -> None:
        self.model, self.by, self.needed = model, by, needed
        self.name = name or f"rank {model.name}"

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Order the candidates anew."""
        if not len(slate):
            return slate
        given = self._in_pool(slate, context) if self._takes_a_pool() else self._scored(slate, context)
        known = np.isfinite(given)
        if not known.any():
            return slate.note(f"'{self.name}' knows none of the candidates")
        scores = np.where(known, given, -np.inf).astype(np.float32)
        ordered = slate.ordered(scores)
        column = np.where(np.isfinite(ordered.scores), ordered.scores, np.nan).astype(np.float32)
        return replace(
            ordered,
            scores=np.maximum(ordered.scores, given[known].min()),
            sources=MappingProxyType({**ordered.sources, self.name: column}),
        )

    def _takes_a_pool(self) -> bool:
        if self.by is not None:
            return self.by == "pool"
        return getattr(type(self.model), "score_candidates", None) is DenseRecommender.score_candidates

    def _scored(self, slate: Slate, context: Context) -> Scores:
        batch = QueryBatch.of([replace(context.query, candidates=None)])
        return np.asarray(self.model.score_candidates(batch, context.shelf.ids[slate.items].tolist())[0])

    def _in_pool(self, slate: Slate, context: Context) -> Scores:
        ids = context.shelf.ids[slate.items]
        query = replace(context.query, k=len(slate), candidates=None, exclude_seen=False)
        found = self.model.recommend(query, allowed=ids.tolist())
        place = places_of(slate, context.shelf.numbers(found.item_id.tolist()))
        scores = np.full(len(slate), -np.inf, dtype=np.float32)
        scores[place[place >= 0]] = found.score[place >= 0]
        return scores
