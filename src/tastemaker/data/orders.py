"""The order of people's events in a log: ties, sittings, repeats, histories sorted by id; in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.clock import MICROSECONDS_PER_DAY
from tastemaker.core.query import NO_TIME

AT_ONCE: Final = 2_000_000
FEWEST_ITEMS: Final = 5
NEVER: Final = np.iinfo(np.int64).max
_FEWEST_PAIRS: Final = 100
_MOST_NEIGHBOURS: Final = 4_000_000
_ODD: Final = 0x9E3779B97F4A7C15
"""2 to the 64th over the golden ratio: products with it spread numbers evenly (Knuth, volume 3, section 6.4)."""


def slices(events: pl.LazyFrame, rows: int) -> Iterator[tuple[int, pl.LazyFrame]]:
    """Yield consecutive rows and the number of the first: what is streamed as a whole grows with the log."""
    for start in range(0, rows, AT_ONCE):
        yield start, events.slice(start, AT_ONCE)


@dataclass
class Orders:
    """What the order of events says, summed over people.

    A share is kept as ``[people it holds for, people asked about]``; what each means, `DataProfile` says.
    """

    repeated_pairs: int = 0
    repeated_events: int = 0
    tied_last_two: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, dtype=np.int64))
    sorted_histories: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, dtype=np.int64))
    one_sitting: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, dtype=np.int64))
    events: int = 0
    first_place: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    neighbours: list[NDArray[np.int64]] = field(default_factory=list)
    one_pair_in: int = 1

    def common_order(self) -> float | None:
        """Return the share of agreement between two histories in which two items are neighbours, over pairs of items.

        Chance gives one half where items stand in any order. ``None`` for fewer than 100 such pairs of items.
        """
        if not self.neighbours:
            return None
        met = np.sort(np.concatenate(self.neighbours))
        upwards, pairs = (met & 1).astype(np.int64), met >> 1
        starts = np.flatnonzero(np.diff(pairs, prepend=-1))
        times = np.diff(np.append(starts, len(pairs)))
        up = np.add.reduceat(upwards, starts)
        several = times > 1
        if several.sum() < _FEWEST_PAIRS:
            return None
        n, up = times[several], up[several]
        return float(((up * (up - 1) + (n - up) * (n - up - 1)) / (n * (n - 1))).mean())

    def ranks_by_history(self) -> NDArray[np.int64]:
        """Return the items' ranks in the order in which they occur along the histories."""
        order = np.argsort(self.first_place, kind="stable")
        return order[self.first_place[order] < NEVER]

    def add(self, users: NDArray[np.int64], items: NDArray[np.int64], times: NDArray[np.int64]) -> None:
        """Look at some people's events, sorted by user, then time, then place in the file."""
        same_user = users[1:] == users[:-1]
        starts = np.flatnonzero(np.append(True, ~same_user))
        ends = np.append(starts[1:], len(users))
        lengths = ends - starts
        several = (times[starts] != NO_TIME) & (lengths > 1)
        self.tied_last_two += _held(times[ends - 1] == times[np.maximum(ends - 2, 0)], several)
        self.one_sitting += _held(times[ends - 1] - times[starts] <= MICROSECONDS_PER_DAY, several)
        named, places = np.unique(items, return_index=True)
        self.first_place[named] = np.minimum(self.first_place[named], self.events + places)
        self.events += len(items)
        self._meet(items[:-1][same_user], items[1:][same_user])
        falls = np.append(0, np.cumsum(same_user & (items[1:] < items[:-1])))
        pairs = users << 32 | items
        first = pl.Series(pairs).is_first_distinct().to_numpy()
        many = np.add.reduceat(first.astype(np.int64), starts) >= FEWEST_ITEMS
        self.sorted_histories += _held(falls[ends - 1] == falls[starts], many)
        self.repeated_pairs += int(len(first) - first.sum())
        again = np.flatnonzero(times != NO_TIME)
        by_pair = again[np.argsort(pairs[again], kind="stable")]
        same = (pairs[by_pair][1:] == pairs[by_pair][:-1]) & (times[by_pair][1:] == times[by_pair][:-1])
        self.repeated_events += int(same.sum())

    def _meet(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> None:
        """Keep which items are neighbours, and which of the two stands first, for some pairs of items."""
        other = left != right
        low, high = np.minimum(left, right)[other], np.maximum(left, right)[other]
        pairs = low * len(self.first_place) + high
        chosen = pairs.astype(np.uint64) * np.uint64(_ODD) >> np.uint64(32)
        kept = chosen % np.uint64(self.one_pair_in) == 0
        self.neighbours.append(pairs[kept] << 1 | (left < right)[other][kept])


def _held(what: NDArray[np.bool_], among: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.asarray([(what & among).sum(), among.sum()], dtype=np.int64)


def read_coded(
    events: pl.LazyFrame, rows: int, user_ids: pl.Series, item_ids: pl.Series, one_in: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int64]]:
    """Return each event's place of its user and of its item in the given ids, and its time in microseconds.

    Args:
        events: ``user_id, item_id, timestamp`` in the order of the file.
        rows: How many there are.
        user_ids: All of them.
        item_ids: All of them.
        one_in: Only every so-manieth user, by a hash of the id, is read.
    """
    coded = (
        pl.col("user_id").cast(pl.Enum(user_ids)).to_physical().cast(pl.UInt32),
        pl.col("item_id").cast(pl.Enum(item_ids)).to_physical().cast(pl.UInt32),
        pl.col("timestamp").dt.epoch("us").fill_null(NO_TIME),
    )
    chosen = pl.col("user_id").hash(0) % one_in == 0 if one_in > 1 else pl.lit(True)
    parts = [some.filter(chosen).select(coded).collect() for _, some in slices(events, rows)]
    frame = pl.concat(parts)
    return frame["user_id"].to_numpy(), frame["item_id"].to_numpy(), frame["timestamp"].to_numpy()


def orders(
    users: NDArray[np.uint32], items: NDArray[np.uint32], times: NDArray[np.int64], lengths: pl.Series, ranks: int
) -> Orders:
    """Look at each person's events, some millions at a time.

    Args:
        users: People by number.
        items: Items by their rank among the ids.
        times: Microseconds, or `NO_TIME`.
        lengths: At most how many events each person has.
        ranks: How many items there are.
    """
    in_time = not (times[1:] < times[:-1]).any()
    found = Orders(first_place=np.full(ranks, NEVER), one_pair_in=-(-len(users) // _MOST_NEIGHBOURS) or 1)
    upto = lengths.cast(pl.Int64).cum_sum().to_numpy()
    low = 0
    while low < len(upto) and len(users):
        done = upto[low - 1] if low else 0
        high = max(low + 1, int(np.searchsorted(upto, done + AT_ONCE)))
        some = np.flatnonzero((users >= low) & (users < high))
        if len(some):
            some = some if in_time else some[np.argsort(times[some], kind="stable")]
            # The place in the lower half makes a plain sort a stable one, which is faster than asking for it.
            order = np.sort(users[some].astype(np.int64) << 32 | np.arange(len(some))) & 0xFFFFFFFF
            some = some[order]
            found.add(users[some].astype(np.int64), items[some].astype(np.int64), times[some])
        low = high
    return found
