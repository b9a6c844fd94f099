"""Paired bootstrap over users: how far a number, or a difference of two, might be off for want of users.

All columns are resampled with the same users, so that a difference of two columns is judged within people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError

LEVEL: Final = 0.95
REPLICATES: Final = 1_000
_WEIGHTS_PER_BLOCK: Final = 2_000_000

STANDARD_ERRORS_WIDE: Final = 2 * 1.96
"""Width of a 95 % interval in standard errors."""

STANDARD_ERRORS_DETECTABLE: Final = 1.96 + 0.84
"""A true difference of so many standard errors is found at the 5 % level in 80 of 100 tests."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and the interval it is known to lie in; bounds are NaN where none was computed."""

    value: float
    low: float = float("nan")
    high: float = float("nan")

    def excludes_zero(self) -> bool:
        """Whether zero lies outside; false where there is no interval.

        >>> Interval(0.2, 0.1, 0.3).excludes_zero(), Interval(0.2).excludes_zero()
        (True, False)
        """
        return self.low > 0 or self.high < 0

    def detectable(self) -> float:
        """Return the smallest true difference that such a test finds four times in five.

        2.8 standard errors, at the 5 % level (Bloom 1995, "Minimum detectable effects"); the standard error is
        taken from the width of the interval.

        >>> round(Interval(0.0, -0.0196, 0.0196).detectable(), 4)
        0.028
        """
        return (self.high - self.low) / STANDARD_ERRORS_WIDE * STANDARD_ERRORS_DETECTABLE


def resampled_counts(users: int, replicates: int, seed: int | list[int]) -> Iterator[NDArray[np.float64]]:
    """Yield how often each user was drawn in a few replicates at a time, float64 ``[block, u]``; see `resampled_means`.

    Raises:
        DataError: There are no users.
    """
    if not users:
        raise DataError("there are no users to resample")
    rng = np.random.default_rng(seed)
    size = max(1, min(replicates, _WEIGHTS_PER_BLOCK // users))
    for start in range(0, replicates, size):
        yield _counts(users, min(size, replicates - start), rng)


def _counts(users: int, block: int, rng: np.random.Generator) -> NDArray[np.float64]:
    drawn = rng.integers(0, users, size=(block, users))
    drawn += np.arange(block)[:, None] * users
    return np.bincount(drawn.ravel(), minlength=block * users).reshape(block, users).astype(np.float64)


def resampled_means(
    values: NDArray[np.float64], *, replicates: int = REPLICATES, seed: int | list[int] = 0
) -> NDArray[np.float64]:
    """Return the means of all columns over users drawn with replacement, float64 ``[replicates, m]``.

    Source: Efron and Tibshirani (1993), chapter 6. How often each user was drawn is counted for a few replicates
    at a time, and one matrix product then gives the means of every column.

    Args:
        values: One row a user, one column for each model and metric, float64 ``[u, m]``.
        replicates: How many samples of ``u`` users to draw.
        seed: Start of the draws; the same users are drawn for every column.

    Raises:
        DataError: There are no users.
    """
    # By map, which lets go of the counts of one block before those of the next are made.
    means = map(lambda counts: counts @ values / len(values), resampled_counts(len(values), replicates, seed))
    return np.concatenate(list(means))


def interval(value: float, samples: NDArray[np.floating[Any]], level: float = LEVEL) -> Interval:
    """Return ``value`` with the percentile interval of its bootstrap ``samples``, float ``[replicates]``.

    Source: Efron and Tibshirani (1993), section 13.3. Samples that are NaN, because nobody of a small part was drawn,
    are left out.

    >>> interval(50.0, np.arange(101.0), level=0.5)
    Interval(value=50.0, low=25.0, high=75.0)
    """
    known = samples[np.isfinite(samples)]
    if not len(known):
        return Interval(value)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))
