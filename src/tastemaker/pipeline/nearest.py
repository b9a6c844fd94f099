"""Candidates that lie near: to what a person is drawn to, or to items that the request names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.recommender import Recommender
from tastemaker.pipeline.allowed import Asked, allowed_in, at
from tastemaker.pipeline.item_vectors import ItemVectors
from tastemaker.pipeline.retrievers import USUAL, FromModel
from tastemaker.pipeline.slate import Numbers, Scores, Slate
from tastemaker.pipeline.sources import add
from tastemaker.pipeline.stage import RETRIEVAL, Context
from tastemaker.retrieval.text_search import as_directions


class Nearest:
    """The items nearest to each of the vectors that a person is drawn to; nothing for whoever has none.

    A person with several interests gets candidates for each, by their strengths: of ``n`` candidates an interest of
    strength .3 names .3 n that no stronger one has named. An item's score is the largest cosine with any of them.

    Args:
        space: Name of the space, as in `Person.vectors`.
        index: The items' vectors in that space.
        n: How many candidates; at least as many as are asked for.
        name: Its name in the trace.
        needed: Whether it is asked even after the deadline.
    """

    part = RETRIEVAL

    def __init__(
        self, space: str, index: ItemVectors, n: int = USUAL, *, name: str | None = None, needed: bool = True
    ) -> None:
        self.space, self.index, self.n, self.needed = space, index, n, needed
        self.name = name or f"nearest {space}"

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Add the nearest items, scored by their cosines."""
        if not self.index.dim:
            return slate.note(f"no item has a vector in '{self.space}' yet")
        vectors = context.person.vectors.get(self.space)
        if vectors is None or not len(vectors):
            return slate
        strengths = context.person.strengths.get(self.space, np.full(len(vectors), 1 / len(vectors)))
        n = max(self.n, context.query.k)
        found = self.index.search(vectors, n, allowed_in(context).mask)
        numbers = _dealt(found, shares(strengths, n))
        scores = (self.index.take(numbers) @ vectors.T).max(axis=1, initial=-1.0)
        order = np.lexsort((numbers, -scores))
        return add(slate, self.name, numbers[order], scores[order])


class SimilarTo:
    """The items most similar to those that the request names; nothing where it names none, and never those.

    Args:
        by: A fitted model, asked as if the items were a history; or the items' vectors, of which the mean is taken.
        n: How many candidates; at least as many as are asked for.
        name: Its name in the trace.
        needed: Whether it is asked even after the deadline.
    """

    part = RETRIEVAL

    def __init__(
        self, by: Recommender | ItemVectors, n: int = USUAL, *, name: str = "similar", needed: bool = True
    ) -> None:
        self.by, self.n, self.name, self.needed = by, n, name, needed

    def __call__(self, slate: Slate, context: Context) -> Slate:
        """Add the similar items, scored by the model or by their cosines with the mean."""
        if not context.query.items:
            return slate
        numbers = context.shelf.numbers(list(context.query.items))
        others = np.ones(len(allowed_in(context).mask), dtype=bool)
        others[numbers[at(others, numbers)]] = False
        narrow = Asked.over(context, known=allowed_in(context).within("the items themselves", others))
        if not isinstance(self.by, ItemVectors):
            return FromModel(self.by, self.n, name=self.name)(slate, narrow)
        mean = as_directions(self.by.take(numbers).sum(axis=0, keepdims=True))
        if not mean.any():
            return slate.note(f"'{self.name}' has no vectors of the items that are asked about")
        found = self.by.search(mean, max(self.n, context.query.k), narrow.allowed.mask)
        return add(slate, self.name, *found[0])


def shares(strengths: NDArray[np.floating[Any]], n: int) -> list[int]:
    """Return ``n`` divided by strengths into whole numbers, the largest remainders rounded up.

    >>> shares(np.array([0.5, 0.3, 0.2]), 5)
    [3, 1, 1]
    """
    wide = np.maximum(np.asarray(strengths, dtype=np.float64), 0)
    exact = n * wide / wide.sum() if wide.sum() > 0 else np.full(len(wide), n / len(wide))
    whole = np.floor(exact).astype(np.int64)
    whole[np.argsort(-(exact - whole), kind="stable")[: n - whole.sum()]] += 1
    return [int(count) for count in whole]


def _dealt(found: list[tuple[Numbers, Scores]], counts: list[int]) -> Numbers:
    """Return what each list gives: its first so many that none before it gave."""
    taken = np.empty(0, dtype=np.int32)
    for (numbers, _), count in zip(found, counts, strict=True):
        taken = np.concatenate([taken, numbers[~np.isin(numbers, taken)][:count]])
    return taken
