"""Diversity: an order in which what comes next is also unlike what came before."""

from __future__ import annotations

import numpy as np

from tastemaker.pipeline.item_vectors import ItemVectors
from tastemaker.pipeline.moving import from_0_to_1, rearranged
from tastemaker.pipeline.rules import share_of
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.stage import Context


class MaximalMarginalRelevance:
    """Fills the places one after the other with what is relevant and unlike what stands there already.

    The next item is the one with the largest ``(1 - weight) * relevance - weight * max cosine`` with those above it.
    Relevance is the score from 0 to 1. Only the places that are asked for are filled so; the others follow as they
    were. An item without a vector is like no other.

    Source: Carbonell and Goldstein (1998), "The use of MMR, diversity-based reranking for reordering documents and
    producing summaries"; their lambda is ``1 - weight``.

    Args:
        weight: How much unlikeness counts, from 0 (not at all) to 1 (nothing else does after the first item).
        vectors: The items' vectors.
        name: Its name in the trace.
        needed: Whether it runs even after the deadline.

    Raises:
        ConfigError: The weight is out of range.
    """

    def __init__(self, weight: float, vectors: ItemVectors, *, name: str = "diversity", needed: bool = False) -> None:
        self.weight, self.vectors = share_of(weight, "weight"), vectors
        self.name, self.needed = name, needed

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Order the candidates anew."""
        if not self.weight or len(slate) < 2:
            return slate
        if not self.vectors.dim:
            return slate.note(f"'{self.name}' has no vectors of items yet")
        vectors = self.vectors.take(slate.items)
        relevance = (1 - self.weight) * from_0_to_1(slate.scores)
        order = [int(relevance.argmax())]
        nearest = np.full(len(slate), -1.0)
        left = np.ones(len(slate), dtype=bool)
        while True:
            left[order[-1]] = False
            if len(order) >= min(context.query.k, len(slate)):
                break
            np.maximum(nearest, vectors @ vectors[order[-1]], out=nearest)
            order.append(int(np.where(left, relevance - self.weight * nearest, -np.inf).argmax()))
        return rearranged(slate, np.concatenate([order, np.flatnonzero(left)]))
