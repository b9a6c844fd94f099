"""Matrix factorisation of ratings: levels, and how the tastes of person and item fit, by alternating least squares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.run import Run
from tastemaker.models.base import Settings
from tastemaker.models.rating_factors import Array, RatingFactors, Ratings
from tastemaker.models.space import Integer, Real, Space

_SPREAD: Final = 0.1
"""Expected length of an item's first vector."""


class BiasedMF(RatingFactors):
    """Predicts ``mean + b_u + b_i + p_u'q_i`` (Koren, Bell & Volinsky, 2009, equation 4).

    Minimises ``sum over the ratings of (r_ui - mean - b_u - b_i - p_u'q_i)^2 + regularisation * (sum_u n_u^v
    (b_u^2 + |p_u|^2) + sum_i n_i^v (b_i^2 + |q_i|^2))``, where ``n`` counts ratings and ``v`` is ``frequency_power``:
    with 1 it is the weighted ridge of Zhou et al. (2008, "Large-scale parallel collaborative filtering for the Netflix
    prize"), with 0 the plain one. Level and vector of a person, then of an item, are found together by a dense solve,
    so that every half of a sweep lowers the loss.

    It learns from given ratings alone and predicts ratings: it is no ranking baseline, and no report shows it as one.
    For rankings use `IALS`, which also learns from what was not touched.

    Args:
        dimensions: Length of the vectors.
        regularisation: lambda.
        frequency_power: v.
        sweeps: How often people and items are solved in turn.
    """

    name: ClassVar[str] = "biased-mf"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "dimensions": (16, 64),
        "regularisation": (0.1, 0.05, 0.075, 0.13),
        "frequency_power": (1.0,),
        "sweeps": (20,),
    }
    steps: ClassVar[tuple[tuple[str, ...], ...]] = (("regularisation", "frequency_power", "sweeps"), ("dimensions",))
    # With the frequency_power of the grid: with others regularisation is on another scale.
    space: ClassVar[Space] = {"dimensions": Integer(4, 128, log=True), "regularisation": Real(0.01, 1, log=True)}

    def __init__(
        self,
        *,
        dimensions: int | None = None,
        regularisation: float | None = None,
        frequency_power: float | None = None,
        sweeps: int | None = None,
    ) -> None:
        self.dimensions = dimensions
        self.regularisation = regularisation
        self.frequency_power = frequency_power
        self.sweeps = sweeps

    def _ridges(self, counts: NDArray[np.int64], settings: Settings, side: str) -> Array:
        return np.asarray(settings["regularisation"] * np.maximum(counts, 1.0) ** settings["frequency_power"])

    def _factorise(self, ratings: Ratings, settings: Settings, run: Run) -> None:
        n, d = len(self.counts_), settings["dimensions"]
        reverse = ratings.by_item(n)
        ridges = [self._ridges(one.counts(), settings, "") for one in (ratings, reverse)]
        start = run.rng("biased-mf").standard_normal((n, d)) * (_SPREAD / np.sqrt(max(d, 1)))
        items = np.column_stack([np.zeros(n), start])
        with run.track("Alternating", settings["sweeps"]) as advance:
            for _ in range(settings["sweeps"]):
                people = _other_side(ratings, self.mean_, items, ridges[0])
                items = _other_side(reverse, self.mean_, people, ridges[1])
                advance(1)
        self.offsets_, self.vectors_ = items[:, 0], items[:, 1:]


def _other_side(ratings: Ratings, mean: float, known: Array, ridge: Array) -> Array:
    """Return level and vector of each owner, given those of the others, float64 ``[owners, 1 + d]``."""
    factors = np.column_stack([np.ones(len(known)), known[:, 1:]])
    return ratings.solved(factors, ratings.values - mean - known[ratings.items, 0], ridge)
