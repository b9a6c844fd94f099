"""Ratings as a sum of levels: of all ratings, of the item, and of the person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

from tastemaker.core.errors import ModelError, nearest
from tastemaker.core.run import Run
from tastemaker.models.base import Settings
from tastemaker.models.rating_factors import Array, RatingFactors, Ratings
from tastemaker.models.space import Choice, Real, Space

CONVENTIONS: Final = ("ridge", "damped-means")


class Bias(RatingFactors):
    """Predicts ``mean + b_u + b_i``: the baseline of every report on ratings. It does not put items in personal order.

    - ``convention="ridge"``: the exact minimum of ``sum (r_ui - mean - b_u - b_i)^2 + user_damping * sum b_u^2 +
      item_damping * sum b_i^2`` over both levels together (Koren, Bell & Volinsky, 2009, "Matrix factorization
      techniques for recommender systems", equation 5 without the factors).
    - ``convention="damped-means"``: one after the other, ``b_i = sum_u (r_ui - mean) / (item_damping + n_i)`` and then
      ``b_u = sum_i (r_ui - mean - b_i) / (user_damping + n_u)`` (Koren, 2010, "Factor in the neighbors", section 2.1,
      with 25 and 10 for Netflix).

    In both the level of a person is the damped mean of what the items leave over in their history.

    Args:
        convention: A name of `CONVENTIONS`.
        item_damping: How many ratings of the mean an item is taken to have had.
        user_damping: How many ratings of the mean a person is taken to have given.
    """

    name: ClassVar[str] = "bias"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "convention": CONVENTIONS,
        "item_damping": (5.0, 2.0, 10.0, 25.0),
        "user_damping": (5.0, 2.0, 10.0, 25.0),
    }
    space: ClassVar[Space] = {
        "convention": Choice(CONVENTIONS),
        "item_damping": Real(0.1, 100, log=True),
        "user_damping": Real(0.1, 100, log=True),
    }

    def __init__(
        self,
        *,
        convention: str | None = None,
        item_damping: float | None = None,
        user_damping: float | None = None,
    ) -> None:
        self.convention = convention
        self.item_damping = item_damping
        self.user_damping = user_damping

    def _ridges(self, counts: NDArray[np.int64], settings: Settings, side: str) -> Array:
        return np.full(len(counts), float(settings["user_damping" if side == "people" else "item_damping"]))

    def _factorise(self, ratings: Ratings, settings: Settings, run: Run) -> None:
        convention = settings["convention"]
        if convention not in CONVENTIONS:
            raise ModelError(f"bias has no convention '{convention}'", remedy=nearest(convention, CONVENTIONS))
        left = ratings.values - self.mean_
        damping = self._ridges(self.counts_, settings, "items")
        sums = np.bincount(ratings.items, left, len(self.counts_)).astype(np.float64)
        if convention == "ridge":
            self.offsets_ = _levels(ratings, left, sums, self.counts_ + damping, settings["user_damping"])
        else:
            self.offsets_ = sums / np.maximum(self.counts_ + damping, 1e-12)
        self.vectors_ = np.zeros((len(self.counts_), 0))


def _levels(ratings: Ratings, left: Array, sums: Array, diagonal: Array, user_damping: float) -> Array:
    """Return ``b_i`` of the joint minimum: the normal equations without the people, who are worked out of them."""
    shape = (ratings.owners, len(sums))
    pairs = sparse.csr_array((np.ones(len(left)), (ratings.owner, ratings.items)), shape=shape)
    per_person = 1 / np.maximum(ratings.counts() + user_damping, 1e-12)
    diagonal = np.maximum(diagonal, 1e-12)

    def product(levels: Array) -> Array:
        return np.asarray(diagonal * levels - pairs.T @ (per_person * (pairs @ levels)))

    size = len(sums)
    system = linalg.LinearOperator((size, size), matvec=product, dtype=np.float64)
    easy = linalg.LinearOperator((size, size), matvec=lambda levels: levels / diagonal, dtype=np.float64)
    side = sums - pairs.T @ (per_person * ratings.sums(left))
    found, unfinished = linalg.cg(system, side, rtol=1e-11, atol=0.0, M=easy, maxiter=10_000)
    if unfinished:
        raise ModelError("the levels of people and items did not settle", remedy="Use larger dampings.")
    return np.asarray(found)
