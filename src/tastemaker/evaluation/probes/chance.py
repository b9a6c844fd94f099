"""What chance gives: tails and ranges of the statistics that the probes use, and draws with labels exchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from tastemaker.data.heldout import HeldOut


def normal_tail(z: float) -> float:
    """Return the chance that a standard normal variable is at least ``|z|`` away from 0."""
    return float(2 * scipy.stats.norm.sf(abs(z)))


def normal_range(expected: float, deviation: float, level: float) -> tuple[float, float]:
    """Return where a normal variable lies but for a share ``level`` of cases, half of them on each side."""
    reach = float(scipy.stats.norm.isf(level / 2)) * deviation
    return expected - reach, expected + reach


def more_than(share: float, successes: int, trials: int) -> float:
    """Return the chance of at least so many successes where each has a chance of ``share``.

    >>> more_than(0.5, 3, 3)
    0.125
    """
    return float(scipy.stats.binom.sf(successes - 1, trials, share)) if trials else 1.0


def counts_tail(count: float, draws: NDArray[np.float64]) -> float:
    """Return the chance of at least ``count`` hits, by a law with the mean and the variance of ``draws``.

    Negative binomial where the draws vary more than a Poisson law does, else Poisson: hits share popular items, so
    they come in bunches. A law is fitted so that tails beyond the number of draws can be told.
    """
    return float(_law(draws).sf(count - 1))


def counts_above(draws: NDArray[np.float64], level: float) -> float:
    """Return the count that is exceeded in a share ``level`` of cases, by the law of `counts_tail`."""
    return float(_law(draws).isf(level))


def _law(draws: NDArray[np.float64]) -> scipy.stats.rv_discrete:
    mean, variance = max(float(draws.mean()), 1e-9), float(draws.var(ddof=1))
    if variance <= 1.01 * mean:
        return scipy.stats.poisson(mean)
    return scipy.stats.nbinom(mean**2 / (variance - mean), mean / variance)


@dataclass(frozen=True)
class Exchange:
    """Held-out answers with the items' labels exchanged at random.

    Under the hypothesis that a list of items was made without knowing which answer belongs to which label, the
    answers with labels exchanged are as good as the answers themselves. An exchanged answer that the person has met
    already cannot be hit, because no list may hold it and no answer is one; what is hit is divided by the chance of
    being free to be, so that the expectation is that of an answer the person has not met.

    Attributes:
        targets: The answers, int64 ``[t]``.
        query: The query of each, int64 ``[t]``.
        met: Keys ``query * items + item`` of what each query's person has met, sorted, int64.
        items: Number of items.
    """

    targets: NDArray[np.int64]
    query: NDArray[np.int64]
    met: NDArray[np.int64]
    items: int

    @classmethod
    def of(cls, held: HeldOut) -> Exchange:
        """Take the answers of held-out queries."""
        items = len(held.queries.dictionary)
        indptr, positions = held.queries.flatten()
        query = np.repeat(np.arange(len(held), dtype=np.int64), np.diff(indptr))
        met = np.unique(query * items + held.queries.codes[positions])
        return cls(held.targets.astype(np.int64), held.query.astype(np.int64), met, items)

    def free(self, targets: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark those of ``targets``, one for each answer, that its person has not met, bool ``[t]``."""
        keys = self.query * self.items + targets
        if not len(self.met):
            return np.ones(len(keys), dtype=bool)
        found = self.met[np.minimum(np.searchsorted(self.met, keys), len(self.met) - 1)]
        return np.asarray(found != keys)

    def freedom_of_queries(self) -> NDArray[np.float64]:
        """Return the share of all items that the person of each answer has not met, float64 ``[t]``."""
        met = np.bincount(self.met // self.items, minlength=int(self.query.max(initial=0)) + 1)
        return 1 - met[self.query] / self.items

    def freedom_of_items(self) -> NDArray[np.float64]:
        """Return the share of queries whose person has not met the item of each answer, float64 ``[t]``."""
        met = np.bincount(self.met % self.items, minlength=self.items)
        return 1 - met[self.targets] / (int(self.query.max(initial=0)) + 1)

    def draws(self, rng: np.random.Generator, replicates: int) -> Iterator[NDArray[np.int64]]:
        """Yield the answers with exchanged labels, int64 ``[t]``."""
        for _ in range(replicates):
            yield rng.permutation(self.items)[self.targets]
