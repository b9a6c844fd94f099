"""Choosing the settings of a stage that reranks, on people whom they are not judged by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from tastemaker.core.run import Advance, Run
from tastemaker.models.base import DenseRecommender, Settings
from tastemaker.models.front import Floats, Front
from tastemaker.models.pool import Pool
from tastemaker.models.ranker_choice import standard_error
from tastemaker.models.rerankers import Stage

_ERRORS: Final = 1.0
_FEWEST: Final = 20


class Trial:
    """What settings of one stage make of the pools of validation queries.

    Args:
        stage: The stage.
        source: The fitted model that it looks at.
        pool: Queries and answers.
        front: The same pools without the answers.
        scores: Scores before the stage, float64 ``[m]``.
    """

    def __init__(self, stage: Stage, source: DenseRecommender, pool: Pool, front: Front, scores: Floats) -> None:
        self.stage, self.source, self.pool, self.front, self.scores = stage, source, pool, front, scores
        self._said: dict[str, Floats] = {}

    def after(self, settings: Settings) -> Floats:
        """Return the scores after the stage, float64 ``[m]``; what it says is the same whatever it weighs."""
        if not settings["weight"]:
            return self.scores
        key = repr({**settings, "weight": None})
        if key not in self._said:
            self._said[key] = self.stage.says(self.front, self.source, settings)
        return self.stage.raised(self.scores, self._said[key], self.front, settings["weight"])

    def best(self, options: Sequence[Settings], run: Run, advance: Advance) -> tuple[Settings, dict[str, Any]]:
        """Choose settings by NDCG@10.

        The best of many settings is better than none by chance as well. People are therefore halved at random, and the
        gain is that of each half with what is best for the other. Where the stage's weight is open, it must be larger
        than its standard error over people, or the settings without weight are kept; so they are for fewer than 20
        people.

        Args:
            options: The settings, those without weight first if the weight is open.
            run: Decides ties and halves.
            advance: Is told of each trial.

        Returns:
            The settings, and ``stage, gain, error, kept`` as in `tastemaker.models.reranked.Reranked`.
        """
        before = self.pool.people(self.scores, run.rng("ties"))
        values = np.empty((len(options), len(before)))
        for place, settings in enumerate(options):
            values[place] = self.pool.people(self.after(settings), run.rng("ties"))
            advance(1)
        best = options[int(values.mean(axis=1).argmax())]
        half = run.rng("halves").permutation(len(before)) < len(before) / 2
        gains = np.zeros(len(before))
        if len(before) >= _FEWEST:
            for part in (half, ~half):
                found = int(values[:, part].mean(axis=1).argmax())
                gains[~part] = values[found, ~part] - before[~part]
        gain, error = float(gains.mean()), standard_error(gains)
        kept = self.stage.weight is not None or (bool(best["weight"]) and gain > _ERRORS * error)
        told = {"stage": self.stage.name, "gain": gain, "error": error, "kept": kept}
        return best if kept else options[0], told
