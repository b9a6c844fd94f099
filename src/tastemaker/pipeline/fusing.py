"""Fusion: one order from what several sources gave the candidates of a slate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from tastemaker.pipeline.slate import Scores, Slate
from tastemaker.pipeline.stage import RETRIEVAL, Context
from tastemaker.retrieval.fusion import Found, reciprocal_rank_fusion, score_fusion


class Fuse:
    """Orders the candidates by all sources together: by their ranks in each, or by their scores from 0 to 1.

    See `tastemaker.retrieval.reciprocal_rank_fusion` and `tastemaker.retrieval.score_fusion`. What no source has named
    comes last.

    Args:
        weights: Name of a source -> how much it counts, 0 or more; 1 for those not named.
        method: ``rrf`` by ranks, ``scores`` by scores.
        name: Its name in the trace.
    """

    needed = True
    part = RETRIEVAL

    def __init__(
        self,
        weights: Mapping[str, float] | None = None,
        method: Literal["rrf", "scores"] = "rrf",
        *,
        name: str = "fuse",
    ) -> None:
        self.weights, self.method, self.name = dict(weights or {}), method, name

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Order the candidates anew."""
        if not len(slate) or not slate.sources:
            return slate
        lists = [_ranked(column, slate) for column in slate.sources.values()]
        weights = [self.weights.get(name, 1.0) for name in slate.sources]
        fuse: Any = reciprocal_rank_fusion if self.method == "rrf" else score_fusion
        places, fused = fuse(lists, len(slate), weights=weights)
        found = places[0] >= 0
        scores = np.zeros(len(slate), dtype=np.float32)
        scores[places[0][found]] = fused[0][found]
        return slate.ordered(scores)


def _ranked(column: Scores, slate: Slate) -> Found:
    """Return what a source named, best first and equal ones by number, as places in the slate."""
    named = np.flatnonzero(~np.isnan(column))
    order = named[np.lexsort((slate.items[named], -column[named]))]
    return order.astype(np.int32)[None], column[order][None]
