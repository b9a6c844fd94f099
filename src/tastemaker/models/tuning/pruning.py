"""Trials that are given up half-way: those whose training falls behind what the trials before them came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tastemaker.models.base import Settings
from tastemaker.models.tuning.journal import frozen, optuna
from tastemaker.models.tuning.record import Trial, Tuning

_FINISHED: Final = 5
"""Trials that must be finished before one is given up."""

_EPOCHS: Final = 5
"""Epochs that every trial gets."""


class GivenUp(Exception):
    """The trial under way is not worth going on with."""


class Watcher:
    """Follows the training of a trial, and ends it by the median rule (Golovin et al., 2017).

    A trial is given up after the epoch in which the best that it has come to is below the median of what the
    finished trials had come to after as many epochs.

    Args:
        found: The search so far.
        settings: What is tried.

    Attributes:
        curve: The validation metric after each epoch.
    """

    def __init__(self, found: Tuning, settings: Settings) -> None:
        self.curve: tuple[float, ...] = ()
        self._space = found.space
        self._trial = Trial(len(found.trials) + 1, settings, None, 0.0)
        self._study = optuna().create_study(direction="maximize")
        self._study.add_trials([frozen(trial, found.space) for trial in found.trials])
        self._rule = optuna().pruners.MedianPruner(n_startup_trials=_FINISHED, n_warmup_steps=_EPOCHS)

    def __call__(self, values: Sequence[float]) -> None:
        """Take note of the metric after each epoch so far.

        Raises:
            GivenUp: The trial has fallen behind.
        """
        self.curve = tuple(values)
        running = frozen(self._trial, self._space)
        running.intermediate_values = dict(enumerate(self.curve, start=1))
        if self._rule.prune(self._study, running):
            best = f"{max(values):.4f} at best after {len(values)} epochs"
            raise GivenUp(f"{best} is below the median of the trials before it")
