"""How a module is trained: the numbers of a training loop, whatever it trains."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from tastemaker.core.errors import ModelError, nearest

Schedule = Literal["constant", "linear", "cosine"]
SCHEDULES: Final = ("constant", "linear", "cosine")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """The numbers of a training loop.

    Attributes:
        epochs: How often the data are gone through at most.
        learning_rate: Adam's, after the warm-up.
        weight_decay: Decoupled from the gradient (Loshchilov and Hutter, 2019).
        warmup: Steps over which the learning rate rises from 0.
        schedule: What becomes of the learning rate over all epochs: it stays, or falls to 0 in a line or a half cosine.
        clip: Largest length of the gradient of a step; 0 does not clip.
        accumulate: Batches to a step.
        patience: Validations without a gain after which training stops; 0 never stops early.

    Raises:
        ModelError: A number is out of range.
    """

    epochs: int = 100
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup: int = 0
    schedule: Schedule = "constant"
    clip: float = 0.0
    accumulate: int = 1
    patience: int = 10

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("accumulate", 1), ("warmup", 0), ("patience", 0), ("weight_decay", 0)):
            if getattr(self, name) < least:
                raise ModelError(f"{name} is {getattr(self, name)}, but must be at least {least}", where=name)
        if self.learning_rate <= 0 or self.clip < 0:
            raise ModelError("learning_rate must be above 0, and clip not below it")
        if self.schedule not in SCHEDULES:
            raise ModelError(f"there is no schedule '{self.schedule}'", remedy=nearest(self.schedule, SCHEDULES))

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate of a step.

        Args:
            step: Its number, from 0.
            steps: How many there are to be in all epochs.

        >>> TrainingSettings(learning_rate=1.0, warmup=2).rate(0, 10)
        0.5
        >>> round(TrainingSettings(learning_rate=1.0, schedule="linear").rate(9, 10), 6)
        0.1
        """
        risen = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        done = min(step / max(steps, 1), 1.0)
        left = {"constant": 1.0, "linear": 1 - done, "cosine": 0.5 * (1 + math.cos(math.pi * done))}
        return self.learning_rate * risen * left[self.schedule]
