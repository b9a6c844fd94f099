"""One `Run` carries what a computation needs from outside: seed, progress, output folder. Never global."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from tastemaker.core.errors import ConfigError

Advance = Callable[[int], None]
"""Call with the number of units done since the last call."""


class Progress(Protocol):
    """Where long work reports how far it is."""

    def start(self, description: str, total: int | None) -> Advance:
        """Begin a task of ``total`` units (``None`` if unknown) and return its `Advance`."""
        ...

    def finish(self, advance: Advance) -> None:
        """End the task that ``start`` returned ``advance`` for, finished or not."""
        ...


class SilentProgress:
    """Reports nothing: the default in programs and tests."""

    def start(self, description: str, total: int | None) -> Advance:
        """Return an `Advance` that does nothing."""
        return lambda units: None

    def finish(self, advance: Advance) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Run:
    """What a computation is given by its surroundings.

    Attributes:
        seed: Start of every random stream of the run.
        progress: Where long work reports how far it is.
        output: Folder for logs and reports, if any.
    """

    seed: int = 0
    progress: Progress = field(default_factory=SilentProgress)
    output: Path | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"the seed is {self.seed}, but must be a whole number of at least 0", where="seed")

    def rng(self, purpose: str) -> np.random.Generator:
        """Return the random stream named ``purpose``: the same seed and name give the same numbers.

        >>> Run(seed=3).rng("ties").integers(100) == Run(seed=3).rng("ties").integers(100)
        np.True_
        """
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])

    @contextmanager
    def track(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """Report a task of ``total`` units for as long as the block runs."""
        advance = self.progress.start(description, total)
        try:
            yield advance
        finally:
            self.progress.finish(advance)
