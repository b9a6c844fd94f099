"""From a data set into a tenant's store; the way back is `tastemaker.engine.training_data`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.engine.item_rows import RowCheck, read_numbers
from tastemaker.engine.json_columns import as_json_frame, json_rows
from tastemaker.engine.training_data import UNTIMED, dataset_of, kind_weights
from tastemaker.store.ports import NewEvent, Row, TenantStore

__all__ = ["Taken", "dataset_of", "take_in"]

NOTE: Final = "intake"
"""The note that says how far each data set is: its name -> what `_Progress` holds."""

_OWN: Final = ("rating", "session_id", "recommendation_id")
_NAMED: Final = 100
"""Of so many rows that were set aside it is kept what was wrong with them; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What `take_in` did.

    Attributes:
        events: Events that were handed to the log.
        fresh: How many of them were new to it.
        items: Rows of items that were written.
        people: Rows of people that were written.
        left_out: Columns, and tables, that a store cannot hold.
        seconds: How long it took.
        set_aside: Rows of items that were not written because a value is of another kind than its column's, over all
            attempts.
        wrong: What was wrong with the first 100 of those, each with its item and field.
    """

    events: int
    fresh: int
    items: int
    people: int
    left_out: tuple[str, ...]
    seconds: float
    set_aside: int = 0
    wrong: tuple[str, ...] = ()

    @property
    def speed(self) -> float:
        """Rows of all tables a second."""
        return (self.events + self.items + self.people) / max(self.seconds, 1e-9)

    def sentence(self) -> str:
        """Say it in words."""
        if not self.events + self.items + self.people:
            return "Nothing new: all of it is in the store."
        said = (
            f"Took in {self.fresh:,} new events of {self.events:,}, {self.items:,} items and {self.people:,} people "
            f"in {self.seconds:.1f} s: {self.speed:,.0f} rows/s"
        )
        if not self.set_aside:
            return said
        were = "item was" if self.set_aside == 1 else "items were"
        return f"{said}. {self.set_aside:,} {were} set aside, the first because {self.wrong[0]}"


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far a data set is taken in: rows that are durably there, and how many events there are in all."""

    fingerprint: str
    of: int
    items: int = 0
    people: int = 0
    events: int = 0
    done: bool = False
    set_aside: int = 0
    wrong: list[str] = field(default_factory=list)


def take_in(dataset: Dataset, store: TenantStore, run: Run, *, batch: int = 5_000) -> Taken:
    """Put a data set's items, people and events into a store; a second time adds nothing.

    What was interrupted goes on after the last batch that was noted down. An event is called by the data set's
    fingerprint and its original row, so that a batch that was written and not noted is not written twice. Events come
    into the log in the order of time, and within a person in the order of the data set.

    An event without a time gets the time of the event before it, or after it, of the same person. Of somebody without
    any time the original row number counts as microseconds since 1970-01-01, so that order is kept and nothing looks
    recent. Both are marked as `UNTIMED`, and are without a time again in `dataset_of`.

    The weight of an event is kept where it is another than the one that `tastemaker import` gives its kind: what the
    settings say of a kind later holds for the others. Of people who did not agree, only that they did not is kept.
    Relations are not.

    A row of an item with a value of another kind than its column's is set aside: it is counted and named in what is
    returned, and not written. Text that is a number counts as one in the fields that hold numbers.

    Args:
        dataset: What to take in.
        store: Where to.
        run: Progress.
        batch: So many rows are made durable together.

    Raises:
        DataError: Another version of a data set of this name is in the store: its events would count twice.
        StorageError: They could not be kept.
    """
    began = time.perf_counter()
    progress = _resumed(dataset, store)
    if progress.done:
        return Taken(0, 0, 0, 0, (), time.perf_counter() - began)
    events, context = _events_frame(dataset.interactions.frame)
    items, no_items = as_json_frame(dataset.catalogue.frame.slice(progress.items))
    people, no_people = as_json_frame(_people_frame(dataset).slice(progress.people))
    left_out = [*context, *no_items, *no_people, *(["relations"] if dataset.relations is not None else [])]
    if left_out:
        run.notify(f"What a store has no place for stays behind: {', '.join(left_out)}")
    fresh = 0
    todo = events.height - progress.events
    with run.track(f"Taking in {dataset.name}", items.height + people.height + todo) as advance:
        check = RowCheck(store.items) if items.height else None
        written = 0
        for part in items.iter_slices(batch):
            assert check is not None
            rows, wrong = check.sorted(_by_id(part, "item_id", numbers=True))
            store.items.put(rows)
            written += len(rows)
            progress = _aside(progress, wrong)
            progress = _noted(store, dataset.name, progress, {"items": part.height})
            advance(part.height)
        for part in people.iter_slices(batch):
            store.people.put(_by_id(part, "user_id"))
            progress = _noted(store, dataset.name, progress, {"people": part.height})
            advance(part.height)
        for part in events.slice(progress.events).iter_slices(batch):
            receipts = store.events.append(list(_new_events(part, dataset.fingerprint)))
            fresh += sum(receipt.fresh for receipt in receipts)
            progress = _noted(store, dataset.name, progress, {"events": part.height})
            advance(part.height)
    _noted(store, dataset.name, replace(progress, done=True), {})
    return Taken(
        events=todo,
        fresh=fresh,
        items=written,
        people=people.height,
        left_out=tuple(left_out),
        seconds=time.perf_counter() - began,
        set_aside=progress.set_aside,
        wrong=tuple(progress.wrong),
    )


def _by_id(part: pl.DataFrame, identity: str, *, numbers: bool = False) -> dict[str, Row]:
    rows = {row.pop(identity): row for row in json_rows(part)}
    return {name: read_numbers(row) for name, row in rows.items()} if numbers else dict(rows)


def _aside(progress: _Progress, wrong: Sequence[str]) -> _Progress:
    named = [*progress.wrong, *wrong][:_NAMED]
    return replace(progress, set_aside=progress.set_aside + len(wrong), wrong=named)


def _resumed(dataset: Dataset, store: TenantStore) -> _Progress:
    known = (store.notes.get(NOTE) or {}).get(dataset.name)
    begin = _Progress(dataset.fingerprint, len(dataset.interactions))
    if known is None:
        return begin
    progress = _Progress(**known)
    if progress.fingerprint != begin.fingerprint:
        raise DataError(
            f"another version of '{dataset.name}' is in the store already, and its events would count twice",
            where=f"{progress.fingerprint[:12]} there, {begin.fingerprint[:12]} here",
            remedy="Send new events to the server one by one, or begin a new store with the new version.",
        )
    return progress if progress.of == begin.of else begin


def _noted(store: TenantStore, name: str, progress: _Progress, moved: Mapping[str, int]) -> _Progress:
    progress = replace(progress, **{table: getattr(progress, table) + rows for table, rows in moved.items()})
    entry = {field: getattr(progress, field) for field in _Progress.__slots__}
    store.notes.put(NOTE, {**(store.notes.get(NOTE) or {}), name: entry})
    return progress


def _people_frame(dataset: Dataset) -> pl.DataFrame:
    if dataset.users is None:
        return pl.DataFrame({"user_id": []}, schema={"user_id": pl.String})
    frame = dataset.users.frame.filter(pl.col("user_id").is_not_null())
    if "consent" not in frame.columns:
        return frame
    agreed = pl.col("consent").fill_null(False)
    attributes = [name for name in frame.columns if name not in ("user_id", "consent")]
    return frame.with_columns(agreed, *(pl.when(agreed).then(pl.col(name)).alias(name) for name in attributes))


def _events_frame(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Return events as the log takes them, and the columns that JSON cannot hold."""
    stated = pl.col("timestamp").dt.epoch("us")
    filled = stated.forward_fill().backward_fill().over("user_id", order_by="order")
    base = ("user_id", "item_id", "timestamp", "order", "event", "weight")
    plain, left_out = as_json_frame(frame.drop(base))
    own = [
        pl.col(name).cast(pl.Float64 if name == "rating" else pl.String, strict=False)
        for name in _OWN
        if name in plain.columns
    ]
    timed = frame.select(
        "user_id",
        "item_id",
        "event",
        "order",
        _own_weight(frame),
        filled.fill_null(pl.col("order")).alias("at"),
        stated.is_null().alias(UNTIMED),
    )
    whole = pl.concat([timed, plain.with_columns(own)], how="horizontal") if plain.width else timed
    return whole.sort("at", "order", maintain_order=True), left_out


def _own_weight(frame: pl.DataFrame) -> pl.Expr:
    """Return the weights that say something; null where it is what the kind of event says anyway."""
    usual = {kind: amount for kind, (_, amount) in kind_weights(frame["event"].unique().to_list(), {}).items()}
    by_kind = pl.col("event").replace_strict(usual, return_dtype=pl.Float32)
    return pl.when(pl.col("weight") != by_kind).then(pl.col("weight").cast(pl.Float64)).alias("weight")


def _new_events(part: pl.DataFrame, fingerprint: str) -> Iterator[NewEvent]:
    base = ("user_id", "item_id", "event", "at", "weight", "order", UNTIMED)
    columns = [part[name].to_list() for name in base]
    own = {name: part[name].to_list() for name in _OWN if name in part.columns}
    others = part.drop(base, *own)
    contexts = list(json_rows(others)) if others.width else None
    for row, (user, item, event, at, weight, order, untimed) in enumerate(zip(*columns, strict=True)):
        context = contexts[row] if contexts is not None else {}
        yield NewEvent(
            event_id=f"{fingerprint[:12]}:{order}",
            user_id=user,
            item_id=item,
            event=event,
            timestamp=at,
            weight=weight,
            context={**context, UNTIMED: True} if untimed else context,
            **{name: values[row] for name, values in own.items()},
        )
