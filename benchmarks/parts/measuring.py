"""What benchmarks measure with: a clock, a stopwatch of several parts, the memory that some work adds."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

from tastemaker.evaluation import memory

T = TypeVar("T")


class Clock:
    """Wall time, or the processor's time of this process."""

    name = "perf_counter"

    def now(self) -> float:
        """Return the time in seconds."""
        return float(getattr(time, self.name)())


CLOCK = Clock()


class Stopwatch:
    """Time by part; of a part inside another, only the inner one is charged."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget what was measured."""
        self.spent: dict[str, float] = {}
        self._open, self._since = ["rest"], CLOCK.now()

    def enter(self, part: str) -> None:
        """Begin a part."""
        self._charge()
        self._open.append(part)

    def leave(self) -> None:
        """End the part that was begun last."""
        self._charge()
        self._open.pop()

    def _charge(self) -> None:
        now = CLOCK.now()
        self.spent[self._open[-1]] = self.spent.get(self._open[-1], 0.0) + now - self._since
        self._since = now

    def around(self, part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return the same work, charged to a part."""

        def timed(*given: Any, **named: Any) -> Any:
            self.enter(part)
            try:
                return work(*given, **named)
            finally:
                self.leave()

        return timed


def seconds(work: Callable[[], object]) -> float:
    started = CLOCK.now()
    work()
    return CLOCK.now() - started


def verdict(good: bool, aim: str) -> str:
    return aim if good else f"{aim}: MISSED"


def peak_mb(work: Callable[[], object]) -> float:
    """Return how far the memory of the process rises above where it stands while some work is done."""
    memory.reset_peak()
    before = memory.peak_mb() or 0.0
    work()
    return (memory.peak_mb() or 0.0) - before


def apart(work: Callable[..., T], *given: Any) -> T:
    """Return what some work gives in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *given).result()
