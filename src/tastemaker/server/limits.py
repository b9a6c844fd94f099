"""Limits: how often somebody may ask, how much is worked on at once, how large and how deep a body may be."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from tastemaker.server.refusals import TooManyRequests

MAX_BODY: Final = 1_000_000
"""Bytes that the body of a request may have, unless `BODIES` says otherwise."""
BODIES: Final = {"/v1/items": 8_000_000}
"""Path -> bytes: a thousand items have texts."""
MAX_DEPTH: Final = 16
"""How deep lists and objects of a body may lie within each other; ours need five levels."""
_ASKERS: Final = 10_000
"""Of so many askers it is remembered how often they asked; beyond that the one who asked longest ago is forgotten."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be asked.

    Attributes:
        rate: Requests a second that one key, or one address where there are no keys, may make on average; as many may
            come at once.
        concurrency: Requests that are worked on at once; more are refused, not queued.
    """

    rate: float = 1000.0
    concurrency: int = 256


class Gauge:
    """Keeps to the limits: a bucket of tokens for each asker, and a count of what is under way.

    It belongs to one event loop and needs no lock.

    Args:
        limits: What is allowed.
        timer: Seconds, growing.
    """

    def __init__(self, limits: Limits, timer: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._timer = timer
        self._size = max(1.0, limits.rate)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.under_way = 0

    def take(self, asker: str) -> None:
        """Count one request.

        Raises:
            TooManyRequests: They asked more often than is allowed.
        """
        now = self._timer()
        tokens, since = self._buckets.get(asker, (self._size, now))
        tokens = min(self._size, tokens + (now - since) * self._limits.rate)
        if tokens < 1:
            raise TooManyRequests(
                f"more than {self._limits.rate:g} requests a second", (1 - tokens) / self._limits.rate
            )
        self._buckets[asker] = (tokens - 1, now)
        self._buckets.move_to_end(asker)
        if len(self._buckets) > _ASKERS:
            self._buckets.popitem(last=False)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count a request as under way.

        Raises:
            TooManyRequests: As many as can be worked on are.
        """
        if self.under_way >= self._limits.concurrency:
            raise TooManyRequests("the server is busy", 1.0)
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1


def max_body(path: str) -> int:
    """Return how many bytes the body of a request to ``path`` may have."""
    return BODIES.get(path, MAX_BODY)


def too_deep(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Say whether lists and objects lie more than ``depth`` levels within each other.

    >>> too_deep([[1]], 2), too_deep([[[1]]], 2)
    (False, True)
    """
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(depth):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)
