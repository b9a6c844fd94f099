"""What may be shown to anybody at one state of a shelf, and what is remembered of that until the shelf changes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import NO_TIME
from tastemaker.pipeline.columns import Mask

UNAVAILABLE: Final = "unavailable"

_BYTES: Final = 32 * 2**20
_FEWEST: Final = 4
_MOST: Final = 256

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Common:
    """What passes all conditions that do not depend on who asks, among the first ``n`` items of a shelf.

    Attributes:
        checks: Each condition by its name, bool ``[n]``: which items pass it; the first is that they are available.
        mask: Which items pass all of them, bool ``[n]``, read-only.
        removed: Condition -> how many items it took out of those that passed the ones before it.
        total: How many items are on the shelf.
        revision: State of the shelf that this is true of.
    """

    checks: tuple[tuple[str, Mask], ...]
    mask: Mask
    removed: Mapping[str, int]
    total: int
    revision: int

    @classmethod
    def of(cls, checks: Sequence[tuple[str, Mask]], total: int, revision: int) -> Self:
        """Put conditions together."""
        mask, left, removed = checks[0][1].copy(), total, dict[str, int]()
        for name, passed in checks:
            mask &= passed
            before, left = left, int(np.count_nonzero(mask))
            removed[name] = removed.get(name, 0) + before - left
        mask.setflags(write=False)
        return cls(tuple(checks), mask, MappingProxyType(removed), total, revision)


@dataclass(frozen=True)
class Opening:
    """Which items are available, bool ``[n]``, read-only, from one moment until just before another.

    Attributes:
        mask: Which items.
        total: How many there are, available or not.
        since: Microseconds since the epoch; ``-inf`` where it was never otherwise.
        until: The next moment at which an item opens or closes; ``inf`` where none does.
    """

    mask: Mask
    total: int
    since: float
    until: float

    def holds_at(self, now: int) -> bool:
        """Say whether it is true of a moment."""
        return self.since <= now < self.until


def opening(
    available: Mask, total: int, opens: NDArray[np.int64] | None, closes: NDArray[np.int64] | None, now: int
) -> Opening:
    """Return which items are available at a moment, and for how long that stays so.

    Args:
        available: Which items are not said to be unavailable, bool ``[n]``.
        total: How many items there are.
        opens: Before when each is not available, int64 microseconds ``[n]``, `NO_TIME` for ever; ``None`` for all.
        closes: After when each is not available, likewise.
        now: The moment.
    """
    mask, since, until = available.copy(), -np.inf, np.inf
    if opens is not None:
        mask &= opens <= now
        since, until = _between(opens[opens != NO_TIME], now, since, until)
    if closes is not None:
        known = closes != NO_TIME
        mask &= (closes >= now) | ~known
        # Just after the last moment at which it may still be had.
        since, until = _between(closes[known] + 1, now, since, until)
    mask.setflags(write=False)
    return Opening(mask, total, since, until)


def _between(edges: NDArray[np.int64], now: int, since: float, until: float) -> tuple[float, float]:
    past, ahead = edges[edges <= now], edges[edges > now]
    # As Python's numbers, which compare exactly whatever their size.
    return (
        max(since, int(past.max())) if len(past) else since,
        min(until, int(ahead.min())) if len(ahead) else until,
    )


class Remembered(Generic[Kept]):
    """What was worked out of a shelf, by what was asked, as much as fits; what was asked for longest ago makes room.

    >>> masks = Remembered[str](most_bytes=20, fewest=1)
    >>> for key in "abca":
    ...     _ = masks.get(key) or masks.put(key, key.upper(), 10)
    >>> [masks.get(key) for key in "abc"]
    ['A', None, 'C']
    """

    def __init__(self, *, most_bytes: int = _BYTES, fewest: int = _FEWEST, most: int = _MOST) -> None:
        self._most_bytes, self._fewest, self._most = most_bytes, fewest, most
        self._kept: dict[Hashable, tuple[Kept, int]] = {}
        self._bytes = 0

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._kept)

    def get(self, key: Hashable) -> Kept | None:
        """Return what is kept under a key, if it is still there."""
        found = self._kept.pop(key, None)
        if found is None:
            return None
        self._kept[key] = found
        return found[0]

    def put(self, key: Hashable, value: Kept, nbytes: int) -> None:
        """Keep something that takes so many bytes under a key that is not there."""
        self._kept[key] = value, nbytes
        self._bytes += nbytes
        while len(self._kept) > self._most or (self._bytes > self._most_bytes and len(self._kept) > self._fewest):
            self._bytes -= self._kept.pop(next(iter(self._kept)))[1]

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._bytes = 0
