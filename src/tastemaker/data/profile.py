"""What a log looks like before anything is fitted: sizes, ranges, repeats, and signs that its order or its ids lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.clock import from_microseconds
from tastemaker.core.query import NO_TIME
from tastemaker.data.dataset import Dataset
from tastemaker.data.orders import orders, read_coded, slices

EXACT_EVENTS: Final = 10_000_000
"""Logs up to this size are looked at whole; of longer ones every n-th person is, drawn by a hash of the id."""

_FEWEST_TO_RISE: Final = 20
_MOST_KINDS: Final = 50
_STRETCHES: Final = 60
_SORTED_SHARE: Final = 0.5
_COMMON_SHARE: Final = 0.9
_ARRIVAL_SHARE: Final = 0.9
_TIED_SHARE: Final = 0.25
_SITTING_SHARE: Final = 0.5
_QUANTILES: Final = {"fewest": 0.0, "p25": 0.25, "median": 0.5, "p75": 0.75, "p90": 0.9, "p99": 0.99, "most": 1.0}
_HEADS: Final = (0.01, 0.1)


@dataclass(frozen=True)
class DataProfile:
    """Facts about a log of events. A share is between 0 and 1, and ``None`` where nobody is asked about.

    Attributes:
        events: How many events there are.
        users: How many people.
        items: How many items have events.
        first: The earliest time, ISO 8601 in UTC; ``None`` without times.
        last: The latest time.
        without_time: Events that have no time.
        kinds: How many events there are of each kind, the frequent ones first, at most 50.
        negative: Events whose weight is below zero.
        repeated_pairs: Events whose person had an event with the item before.
        repeated_events: Events that repeat person, item and time of another.
        tied_last_two: Share of people with two timed events or more whose last two carry the same time. For them
            the last event, which leave-one-out asks for, is a matter of the file's order.
        sorted_histories: Share of people with five items or more whose items stand in the order of their ids.
            Chance gives less than one in a hundred; more means that the order was lost.
        common_order: Where two items are neighbours in several histories: how often two of these agree which comes
            first, over pairs of items. Time gives 0.5 to 0.75; near 1 all histories are sorted by one key.
        arrival_order: Share of items, in the order in which they first occur, whose id is greater than that of the
            item before; by time, or along one person's history after the other, whichever is more. Chance gives one
            half; near 1 the ids were handed out in that order, and a model that reads them can guess the future.
        one_sitting: Share of people with two timed events or more who have all within 24 hours.
        events_per_user: Quantiles by name.
        users_by_events: ``(least, most, people)``: how many people have that many events.
        events_by_time: ``(beginning, events)`` of equal stretches of time.
        head: Share of the events that fall on the most popular 1 % and 10 % of the items.
        padded_ids: Ids that begin or end with a space.
        one_in: 1 if everybody was looked at; otherwise the shares, the repeats and the distribution over people are
            of one person in so many (the repeats scaled up).
    """

    events: int
    users: int
    items: int
    first: str | None
    last: str | None
    without_time: int
    kinds: Mapping[str, int]
    negative: int
    repeated_pairs: int
    repeated_events: int
    tied_last_two: float | None
    sorted_histories: float | None
    common_order: float | None
    arrival_order: float | None
    one_sitting: float | None
    events_per_user: Mapping[str, float]
    users_by_events: tuple[tuple[int, int, int], ...]
    events_by_time: tuple[tuple[str, int], ...]
    head: Mapping[str, float]
    padded_ids: int
    one_in: int = 1

    @property
    def has_times(self) -> bool:
        """Whether at least nine in ten events carry a time, as a split by time needs."""
        return self.without_time <= 0.1 * self.events

    @property
    def order_lost(self) -> bool:
        """Whether histories are sorted by id, or all by one key, so that nothing tells what came after what."""
        return (self.sorted_histories or 0) > _SORTED_SHARE or (self.common_order or 0) > _COMMON_SHARE

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as JSON values."""
        return asdict(self)

    def suspicions(self) -> list[str]:
        """Say in sentences what should be looked into before results are believed."""
        found: list[str] = []
        if self.sorted_histories is not None and self.sorted_histories > _SORTED_SHARE:
            found.append(
                f"{self.sorted_histories:.0%} of the people have their items in the order of the items' ids: the "
                "order of the events was probably lost. Nothing that asks for the next item can be measured."
            )
        elif self.order_lost:
            found.append(
                f"Items that are neighbours in several histories stand in the same order in {self.common_order:.0%} of "
                "them: all histories are sorted by one key, which is not time unless items are episodes. Nothing that "
                "asks for the next item can be measured."
            )
        if self.arrival_order is not None and self.arrival_order > _ARRIVAL_SHARE:
            found.append(
                "Item ids rise in the order in which items first appear: an id tells when its item arrived. "
                "Tastemaker renumbers items at random; a model that reads the ids themselves sees the future."
            )
        if self.tied_last_two is not None and self.tied_last_two > _TIED_SHARE:
            found.append(
                f"{self.tied_last_two:.0%} of the people have two last events of the same time: what leave-one-out "
                "asks for is then the order of rows in the file."
            )
        if self.one_sitting is not None and self.one_sitting > _SITTING_SHARE:
            found.append(
                f"{self.one_sitting:.0%} of the people have all their events within 24 hours: their order may be "
                "that of a page rather than of taste."
            )
        if self.repeated_events:
            found.append(f"{self.repeated_events:,} events repeat person, item and time of another event.")
        if self.padded_ids:
            found.append(f"{self.padded_ids:,} ids begin or end with a space and will not match ids without it.")
        return found


def profile(dataset: Dataset) -> DataProfile:
    """Return the facts about the events of a data set."""
    return profile_events(dataset.interactions.frame.sort("order").lazy())


def profile_events(events: pl.LazyFrame, *, exact: int = EXACT_EVENTS) -> DataProfile:
    """Return the facts about a log, given in the order of its file.

    Args:
        events: ``user_id, item_id, event, weight`` and, where known, ``timestamp``.
        exact: Up to how many events everybody is looked at.
    """
    if "timestamp" not in events.collect_schema().names():
        events = events.with_columns(pl.lit(None, pl.Datetime("us", "UTC")).alias("timestamp"))
    whole = events.select(
        pl.len().alias("events"),
        pl.col("timestamp").min().dt.epoch("us").alias("first"),
        pl.col("timestamp").max().dt.epoch("us").alias("last"),
        pl.col("timestamp").null_count().alias("without_time"),
        (pl.col("weight") < 0).sum().alias("negative"),
    )
    totals = whole.collect(engine="streaming").row(0, named=True)
    one_in = max(1, -(-int(totals["events"]) // exact))
    by_user = _counts(events, "user_id", totals["events"]).sort("row")
    by_item = _counts(events, "item_id", totals["events"]).sort("first", "row")
    by_item = by_item.with_columns(_ranks(by_item["item_id"]))
    kinds = _counts(events, "event", totals["events"]).sort("len", "event", descending=[True, False]).head(_MOST_KINDS)
    item_ids = by_item.sort("rank")["item_id"]
    users, items, times = read_coded(events, totals["events"], by_user["user_id"], item_ids, one_in)
    facts = orders(users, items, times, by_user["len"], by_item.height)
    lengths = by_user["len"].to_numpy()
    return DataProfile(
        events=totals["events"],
        users=by_user.height,
        items=by_item.height,
        first=_iso(totals["first"]),
        last=_iso(totals["last"]),
        without_time=totals["without_time"],
        kinds=dict(kinds.select("event", "len").rows()),
        negative=totals["negative"],
        repeated_pairs=facts.repeated_pairs * one_in,
        repeated_events=facts.repeated_events * one_in,
        tied_last_two=_share(facts.tied_last_two),
        sorted_histories=_share(facts.sorted_histories),
        common_order=facts.common_order(),
        arrival_order=_rising(by_item["rank"].to_numpy(), facts.ranks_by_history()),
        one_sitting=_share(facts.one_sitting),
        events_per_user={name: float(np.quantile(lengths, share)) for name, share in _QUANTILES.items()},
        users_by_events=_by_doubling(lengths),
        events_by_time=_by_time(times, totals["first"], totals["last"], one_in),
        head=_head(np.sort(by_item["len"].to_numpy())[::-1]),
        padded_ids=_padded(by_user["user_id"]) + _padded(by_item["item_id"]),
        one_in=one_in,
    )


def _counts(events: pl.LazyFrame, column: str, rows: int) -> pl.DataFrame:
    """Return for each value how many events have it, and when and in which row it occurs first."""
    found = pl.DataFrame()
    for start, some in slices(events.select(column, "timestamp"), rows):
        grouped = some.with_row_index("row", offset=start).group_by(column)
        part = grouped.agg(pl.len(), pl.col("row").min(), pl.col("timestamp").min().alias("first")).collect()
        both = pl.concat([found, part]) if found.height else part
        found = both.group_by(column).agg(pl.col("len").sum(), pl.col("row", "first").min())
    return found


def _iso(microseconds: int | None) -> str | None:
    return None if microseconds is None else from_microseconds(microseconds).isoformat()


def _padded(ids: pl.Series) -> int:
    return int((ids.str.strip_chars() != ids).sum())


def _ranks(items: pl.Series) -> pl.Series:
    """Return the place of each item when sorted by id: as numbers if all are, otherwise as text."""
    numeric = items.str.contains(r"^\d{1,18}$").all()
    return (items.cast(pl.Int64) if numeric else items).rank("ordinal").cast(pl.Int64).alias("rank")


def _rising(*orders: NDArray[np.int64]) -> float | None:
    """Return the share of items that have a higher rank than the item before, in the order where it is highest."""
    return max((float((np.diff(ranks) > 0).mean()) for ranks in orders if len(ranks) > _FEWEST_TO_RISE), default=None)


def _share(held: NDArray[np.int64]) -> float | None:
    return float(held[0] / held[1]) if held[1] else None


def _by_doubling(lengths: NDArray[np.uint32]) -> tuple[tuple[int, int, int], ...]:
    powers = np.floor(np.log2(np.maximum(lengths, 1))).astype(int)
    counts = np.bincount(powers) if len(powers) else np.empty(0, dtype=int)
    return tuple((2**power, 2 ** (power + 1) - 1, int(count)) for power, count in enumerate(counts))


def _by_time(times: NDArray[np.int64], first: int | None, last: int | None, one_in: int) -> tuple[tuple[str, int], ...]:
    if first is None or last is None:
        return ()
    width = max(1, -(-(last - first + 1) // _STRETCHES))
    counts = np.bincount((times[times != NO_TIME] - first) // width, minlength=(last - first) // width + 1)
    return tuple(
        (from_microseconds(first + place * width).isoformat(), int(count) * one_in)
        for place, count in enumerate(counts)
    )


def _head(counts: NDArray[np.uint32]) -> dict[str, float]:
    total = max(1, int(counts.sum()))
    return {f"{share:.0%}": float(counts[: max(1, round(share * len(counts)))].sum() / total) for share in _HEADS}
