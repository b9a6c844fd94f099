"""One `Run` carries what a computation needs from outside: seed, threads, progress, output folder. Never global."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from tastemaker.core.errors import ConfigError

Advance = Callable[[int], None]
"""Call with the number of units done since the last call."""

Watch = Callable[[Sequence[float]], None]
"""Is told, after each epoch of a training, the validation metric of every epoch so far; ends the fit by raising."""

THREADS: Final = "TASTEMAKER_THREADS"
"""The environment variable that says how many threads a run takes where nobody else says it."""


class Progress(Protocol):
    """Where long work reports how far it is."""

    def start(self, description: str, total: int | None) -> Advance:
        """Begin a task of ``total`` units (``None`` if unknown) and return its `Advance`."""
        ...

    def describe(self, advance: Advance, description: str) -> None:
        """Say of a running task how it stands, such as the loss so far."""
        ...

    def finish(self, advance: Advance) -> None:
        """End the task that ``start`` returned ``advance`` for, finished or not."""
        ...


class SilentProgress:
    """Reports nothing: the default in programs and tests."""

    def start(self, description: str, total: int | None) -> Advance:
        """Return an `Advance` that does nothing."""
        return lambda units: None

    def describe(self, advance: Advance, description: str) -> None:
        """Do nothing."""

    def finish(self, advance: Advance) -> None:
        """Do nothing."""


def _say_nothing(text: str) -> None:
    """Leave a note unsaid: the default in programs and tests."""


def default_threads() -> int:
    """Return what `THREADS` says, and 1 without it.

    One, because threads that multiply matrices together wait for each other by spinning: on two cores that others
    use as well, a product that takes one thread 0.05 ms takes two of them 16 ms. How many there are also changes
    the last digits of sums, so that a number that followed the load of the machine could not be repeated.

    Raises:
        ConfigError: It is no whole number.
    """
    said = os.environ.get(THREADS) or "1"
    try:
        return int(said)
    except ValueError as error:
        raise ConfigError(f"{THREADS} is '{said}', but must be a whole number of at least 1", where=THREADS) from error


@dataclass(frozen=True)
class Run:
    """What a computation is given by its surroundings.

    Attributes:
        seed: Start of every random stream of the run.
        threads: How many threads matrix products and the like may take: see `limited`.
        progress: Where long work reports how far it is.
        output: Folder for logs, reports and checkpoints, if any.
        minutes: What a fit may take, as far as it can choose; ``None`` for no limit. What is trained in epochs stops
            after the one in which the time is over.
        notify: Is told what a person should know while it goes on, a sentence each.
        watch: Follows trainings by their validation, if anybody does.
    """

    seed: int = 0
    threads: int = field(default_factory=default_threads)
    progress: Progress = field(default_factory=SilentProgress)
    output: Path | None = None
    minutes: float | None = None
    notify: Callable[[str], None] = _say_nothing
    watch: Watch | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"the seed is {self.seed}, but must be a whole number of at least 0", where="seed")
        if self.threads < 1:
            raise ConfigError(
                f"there are to be {self.threads} threads, but 1 is the least", where="threads", remedy="Use 1 or more."
            )
        if self.minutes is not None and self.minutes <= 0:
            raise ConfigError(f"there are {self.minutes:g} minutes, but it takes more than none", where="minutes")

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

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Hold numeric libraries (BLAS, OpenMP) to ``threads`` threads for as long as the block runs.

        A library has one limit for the whole process, so two blocks with different ones must not run side by side.
        """
        from threadpoolctl import threadpool_limits

        with threadpool_limits(self.threads):
            yield
