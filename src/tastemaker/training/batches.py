"""Sequences as views into one sorted array, cut into windows and put together with others of their length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_POOL = 32
"""Batches' worth of windows that are sorted by length together: more pad less, and mix less."""


@dataclass(frozen=True)
class Windows:
    """Stretches of consecutive events of one person each, oldest first.

    Attributes:
        starts: First event of each window, int64 ``[w]``, a place in arrays of events.
        ends: One past its last, int64 ``[w]``.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def lengths(self) -> NDArray[np.int64]:
        """Return the number of events of each window, int64 ``[w]``."""
        return self.ends - self.starts


def windows(indptr: NDArray[np.int64], longest: int, rng: np.random.Generator | None = None) -> Windows:
    """Cut each person's events into windows of at most ``longest``, of which each shares one event with the next.

    The shared event is a target in one window and an input in the other, so that every event but a person's first is
    a target exactly once.

    Args:
        indptr: Events of person ``i`` are ``indptr[i]:indptr[i + 1]``, int64 ``[u + 1]``.
        longest: Events in a window, 2 or more.
        rng: Moves the cuts of whoever has more than one window; without it the latest window is full.

    >>> windows(np.array([0, 5, 6]), 3).starts.tolist(), windows(np.array([0, 5, 6]), 3).ends.tolist()
    ([0, 2], [3, 5])
    """
    first, last = indptr[:-1], indptr[1:]
    steps = last - first - 1  # targets of each person
    stride = longest - 1
    kept = steps > 0
    first, last, steps = first[kept], last[kept], steps[kept]
    shift = np.zeros(len(steps), dtype=np.int64)
    if rng is not None:
        shift = np.where(steps > stride, rng.integers(0, stride, len(steps)), 0)
    count = -(-(steps + shift) // stride)
    owner = np.repeat(np.arange(len(steps)), count)
    from_end = np.cumsum(count)[owner] - np.arange(count.sum()) - 1
    ends = np.minimum(last[owner] + shift[owner] - from_end * stride, last[owner])
    starts = np.maximum(last[owner] + shift[owner] - (from_end + 1) * stride - 1, first[owner])
    return Windows(starts, ends)


def batches(lengths: NDArray[np.int64], most: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Return a random partition of windows into batches of similar length, each a list of their numbers, int64.

    Args:
        lengths: Events of each window, int64 ``[w]``.
        most: Padded events in a batch at most; a window that is longer stands alone.
        rng: Decides which windows meet, and in which order batches come.
    """
    order = rng.permutation(len(lengths))
    mean = float(lengths.mean()) if len(lengths) else 1.0
    pool = max(1, int(_POOL * most / max(mean, 1.0)))
    found: list[NDArray[np.int64]] = []
    for start in range(0, len(order), pool):
        part = order[start : start + pool]
        part = part[np.argsort(lengths[part], kind="stable")]
        found += _cut(part, lengths[part], most)
    return [found[place] for place in rng.permutation(len(found))]


def roomy(length: int) -> int:
    """Return a length a little larger, so that most batches have one of few shapes.

    For each shape of a matrix product oneDNN prepares a program of its own, which takes as long as some products and
    stays in memory.

    >>> [roomy(length) for length in (7, 16, 17, 50, 130)]
    [7, 16, 20, 52, 144]
    """
    step = 1 if length <= 16 else 4 if length <= 64 else 16
    return -(-length // step) * step


def _cut(part: NDArray[np.int64], lengths: NDArray[np.int64], most: int) -> list[NDArray[np.int64]]:
    """Cut windows, longest last, into pieces of at most ``most`` padded events; how many depends on the longest."""
    pieces, end = [], len(part)
    while end:
        start = max(0, end - max(1, most // (roomy(int(lengths[end - 1]) - 1) + 1)))
        pieces.append(part[start:end])
        end = start
    return pieces


def padded(
    values: NDArray[np.generic], chosen: Windows, fill: int = 0, width: int | None = None
) -> NDArray[np.generic]:
    """Return some windows of an array of events as rows, ``[w, width]``, filled up on the right.

    Without ``width`` it is the length of the longest.
    """
    lengths = chosen.lengths()
    places = chosen.starts[:, None] + np.arange(int(lengths.max(initial=0)) if width is None else width)
    inside = places < chosen.ends[:, None]
    return np.where(inside, values[np.minimum(places, len(values) - 1)], np.asarray(fill, values.dtype))


def share(all_of_them: Sequence[NDArray[np.int64]], rank: int, size: int) -> list[NDArray[np.int64] | None]:
    """Return the batches that process ``rank`` of ``size`` works on; ``None`` where it has none in a step.

    >>> share([np.array([0]), np.array([1]), np.array([2])], 1, 2)
    [array([1]), None]
    """
    steps = range(0, len(all_of_them), size)
    return [all_of_them[step + rank] if step + rank < len(all_of_them) else None for step in steps]
