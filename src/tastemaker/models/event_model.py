"""What models share that learn the answers to known events, ratings or clicks, and can predict them."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.labelled import LabelledEvents
from tastemaker.models.base import Settings
from tastemaker.models.selection import GridRecommender


class EventModel(GridRecommender):
    """Base of the models that keep `tastemaker.core.recommender.Predictor`.

    Hyper-parameters left open are chosen by how well the answers of a `LabelledEvents` are predicted; other validation
    queries hold no answers, so with them the first values stand.
    """

    _run: Run

    @abstractmethod
    def predict(self, held: HeldOut, context: pl.DataFrame | None = None) -> NDArray[np.float64]:
        """Predict the answer to each target of ``held``, float64 ``[t]``.

        Args:
            held: Who is asked after which history, and the items.
            context: What else is known of the moment, one row for each target.
        """

    @abstractmethod
    def _loss(self, held: LabelledEvents) -> float:
        """Return how far predictions are off; at least 0, and 0 if not at all."""

    def _fit(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        self._run = run
        super()._fit(train, valid if isinstance(valid, LabelledEvents) else None, run)

    def _select(
        self, train: Dataset, sample: HeldOut, combinations: list[Settings], run: Run, best: Settings, best_value: float
    ) -> tuple[Settings, float]:
        """Return the best of ``combinations``, or ``best`` where none is better, with ``1 / (1 + its loss)``."""
        assert isinstance(sample, LabelledEvents)
        if best_value >= 0:
            combinations = [settings for settings in combinations if settings != best]
        with run.track(f"Choosing {self.name}", len(combinations)) as advance:
            for settings in combinations:
                self.settings_ = settings
                self._learn(train, settings)
                value = 1 / (1 + self._loss(sample))
                if value > best_value:
                    best, best_value = settings, value
                self.settings_tried_ += 1
                advance(1)
        return best, best_value
