"""A limit of time for one row: whoever reports progress is stopped when the time is up."""

from __future__ import annotations

import time

from tastemaker.core.errors import TimeLimitError
from tastemaker.core.run import Advance, Progress


class Clock:
    """Says when the time of a row is up."""

    def __init__(self, minutes: float) -> None:
        self._minutes = minutes
        self._end = time.monotonic() + 60 * minutes

    def check(self) -> None:
        """Raise `TimeLimitError` once the time is up."""
        if time.monotonic() > self._end:
            raise TimeLimitError(
                f"it took longer than its {self._minutes:g} minutes", remedy="Give its trial more, or a smaller grid"
            )


class Watched:
    """Progress that looks at the clock: whoever reports how far it is stops when its time is up."""

    def __init__(self, inner: Progress, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock

    def start(self, description: str, total: int | None) -> Advance:
        """Begin a task."""
        self._clock.check()
        return _Step(self._inner.start(description, total), self._clock)

    def describe(self, advance: Advance, description: str) -> None:
        """Say of a task how it stands."""
        self._inner.describe(advance.inner if isinstance(advance, _Step) else advance, description)

    def finish(self, advance: Advance) -> None:
        """End a task."""
        self._inner.finish(advance.inner if isinstance(advance, _Step) else advance)


class _Step:
    """A task under way."""

    def __init__(self, inner: Advance, clock: Clock) -> None:
        self.inner = inner
        self._clock = clock

    def __call__(self, units: int) -> None:
        self.inner(units)
        self._clock.check()
