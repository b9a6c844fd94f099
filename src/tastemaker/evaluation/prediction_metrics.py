"""How far predictions of ratings or labels are off, for everybody and for any resample of people.

Every metric is that of `tastemaker.evaluation.labels`, written as sums over people, so that its interval can be had
from how often each person was drawn.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.evaluation.labels import SMALLEST, auc_of_groups

Array = NDArray[np.float64]

BINS: Final = 15
LOWER_IS_BETTER: Final = frozenset({"rmse", "mae", "log_loss", "ece"})


class Metrics(ABC):
    """Predictions of the events of some people.

    Args:
        predicted: float64 ``[m]``.
        answers: Ratings, or labels 0 and 1, float64 ``[m]``.
        people: Number of the person of each event, from 0, int64 ``[m]``.
    """

    def __init__(self, predicted: Array, answers: Array, people: NDArray[np.integer]) -> None:
        self.predicted, self.answers, self.people = predicted, answers, people
        self.events = self._per_person(np.ones(len(answers)))

    @abstractmethod
    def of(self, drawn: Array) -> dict[str, Array]:
        """Return each metric where each person counts as often as they were drawn.

        Args:
            drawn: float64 ``[replicates, people]``.

        Returns:
            Metric -> float64 ``[replicates]``.
        """

    def whole(self) -> dict[str, float]:
        """Return each metric where everybody counts once."""
        return {name: float(values[0]) for name, values in self.of(np.ones((1, len(self.events)))).items()}

    def _per_person(self, values: Array) -> Array:
        return np.bincount(self.people, values).astype(np.float64)

    def _mean(self, drawn: Array, values: Array) -> Array:
        """Return the mean over the events of the people drawn, float64 ``[replicates]``."""
        return np.asarray(drawn @ self._per_person(values) / (drawn @ self.events))


class RatingMetrics(Metrics):
    """``rmse`` and ``mae`` over all events of the people drawn."""

    def of(self, drawn: Array) -> dict[str, Array]:
        """Return each metric where each person counts as often as they were drawn."""
        off = self.predicted - self.answers
        return {"rmse": np.sqrt(self._mean(drawn, off**2)), "mae": self._mean(drawn, np.abs(off))}


class ClickMetrics(Metrics):
    """``log_loss``, ``auc``, ``gauc`` (weighed by events) and ``ece`` (15 bins of equal width)."""

    def __init__(self, predicted: Array, answers: Array, people: NDArray[np.integer]) -> None:
        super().__init__(predicted, answers, people)
        self._order = np.argsort(predicted, kind="stable")
        self._ties = np.flatnonzero(np.diff(predicted[self._order], prepend=-np.inf))
        self._own_auc = auc_of_groups(predicted, answers, people)

    def of(self, drawn: Array) -> dict[str, Array]:
        """Return each metric where each person counts as often as they were drawn."""
        kept = np.clip(self.predicted, SMALLEST, 1 - SMALLEST)
        surprise = -np.where(self.answers == 1, np.log(kept), np.log1p(-kept))
        return {
            "log_loss": self._mean(drawn, surprise),
            "auc": np.asarray([self._auc(row) for row in drawn]),
            "gauc": self._gauc(drawn),
            "ece": self._ece(drawn),
        }

    def _auc(self, drawn: Array) -> float:
        weights = drawn[self.people[self._order]]
        labels = self.answers[self._order]
        positive, negative = (np.add.reduceat(weights * kind, self._ties) for kind in (labels, 1 - labels))
        pairs = positive.sum() * negative.sum()
        below = np.cumsum(negative) - negative / 2
        return float(positive @ below / pairs) if pairs else float("nan")

    def _gauc(self, drawn: Array) -> Array:
        both = ~np.isnan(self._own_auc)
        weights = drawn[:, both] * self.events[both]
        total = weights.sum(axis=1)
        found = np.full(len(drawn), np.nan)
        np.divide(weights @ self._own_auc[both], total, out=found, where=total > 0)
        return found

    def _ece(self, drawn: Array) -> Array:
        place = np.minimum((self.predicted * BINS).astype(np.int64), BINS - 1)
        cells = np.bincount(self.people * BINS + place, self.answers - self.predicted, len(self.events) * BINS)
        return np.asarray(np.abs(drawn @ cells.reshape(-1, BINS)).sum(axis=1) / (drawn @ self.events))


METRICS: Final[Mapping[str, Callable[[Array, Array, NDArray[np.integer]], Metrics]]] = {
    "ratings": RatingMetrics,
    "clicks": ClickMetrics,
}
"""Task -> its metrics."""
