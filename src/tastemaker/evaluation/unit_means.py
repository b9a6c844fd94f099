"""Means over units, such as events, questions or texts, with intervals over those whom the units belong to."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.evaluation.bootstrap import REPLICATES, Interval, interval, resampled_means

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Units:
    """What has a value each.

    Where units come in clusters, such as the events of one person, the mean is still over units, and the interval comes
    of drawing whole clusters: two events of one person say less than those of two people (Cameron, Gelbach and Miller
    2008, "Bootstrap-based improvements for inference with clustered errors").

    Attributes:
        count: How many there are.
        clusters: Number of the cluster of each, from 0 without gaps, int64 ``[u]``; ``None`` draws units themselves.
        seed: Start of the draws; two objects with the same units and seed draw the same.
        replicates: Bootstrap samples.
    """

    count: int
    clusters: NDArray[np.int64] | None = field(default=None, repr=False)
    seed: int = 0
    replicates: int = REPLICATES

    def __post_init__(self) -> None:
        if self.clusters is not None and self.clusters.shape != (self.count,):
            raise DataError(f"there are {self.count} units, and {len(self.clusters)} of them have a cluster")

    @property
    def drawn(self) -> int:
        """How many clusters there are, or units where there are none."""
        return self.count if self.clusters is None else int(self.clusters.max(initial=-1)) + 1

    def mean(self, values: Floats, *, rooted: bool = False) -> Interval:
        """Return the mean of the values that are known, with its interval.

        Args:
            values: float64 ``[u]``, NaN where a unit has none.
            rooted: Take the root of the mean, as of squared errors.

        Returns:
            NaN where no unit has a value.

        >>> Units(4).mean(np.array([1.0, 0.0, np.nan, 2.0])).value
        1.0
        """
        found = self._means([values], ~np.isnan(values), rooted)
        return interval(float(found[0, 0]), found[1:, 0])

    def difference(self, one: Floats, other: Floats, *, rooted: bool = False) -> Interval:
        """Return the mean of ``one`` minus that of ``other`` over the units that have both, with its paired interval.

        Args:
            one: float64 ``[u]``.
            other: float64 ``[u]``.
            rooted: Take the difference of the roots of the means.

        >>> round(Units(2).difference(np.array([9.0, 9.0]), np.array([4.0, 4.0]), rooted=True).value, 9)
        1.0
        """
        found = self._means([one, other], ~(np.isnan(one) | np.isnan(other)), rooted)
        return interval(float(found[0, 0] - found[0, 1]), found[1:, 0] - found[1:, 1])

    def _means(self, columns: list[Floats], known: NDArray[np.bool_], rooted: bool) -> Floats:
        """Return means over all units, then over those of each draw, float64 ``[1 + replicates, columns]``."""
        if not known.any():
            return np.full((1, len(columns)), np.nan)
        sums = np.stack([self._sums(np.where(known, values, 0.0)) for values in (*columns, known)], axis=1)
        drawn = resampled_means(sums, replicates=self.replicates, seed=self.seed)
        every = np.concatenate([sums.mean(axis=0, keepdims=True), drawn])
        means = np.full((len(every), len(columns)), np.nan)
        np.divide(every[:, :-1], every[:, -1:], out=means, where=every[:, -1:] > 0)
        return np.sqrt(means) if rooted else means

    def _sums(self, values: Floats) -> Floats:
        if self.clusters is None:
            return values.astype(np.float64)
        return np.bincount(self.clusters, values, self.drawn).astype(np.float64)
