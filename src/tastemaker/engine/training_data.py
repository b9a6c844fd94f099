"""What a store holds as a data set to train on: the log, the items and the people. Nothing is fitted here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.core.query import NEGATIVE_EVENTS
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue, Users, as_flags
from tastemaker.data.dataset import Dataset
from tastemaker.data.importing.events import read_events
from tastemaker.data.interactions import TIME, Interactions
from tastemaker.engine.json_columns import column_of
from tastemaker.store.ports import EventLog, Records, Row, StoredEvent, TenantStore

UNTIMED: Final = "untimed"
"""Of an event without a time the context says this; its timestamp then gives its place and no moment."""

IMPRESSIONS: Final = frozenset({"impression", "impressions"})
"""Kinds of events by which nobody did anything: what was shown."""

_TAKEN_BACK: Final = {"unhide": "hide"}
"""A kind of event -> the kind, of the same person and item, that it takes back."""

_NOTHING: Final[Row] = {}
_PAGE: Final = 10_000
_SHARE: Final = 0.01
"""What fewer events than this say in their context becomes no column."""


def dataset_of(
    store: TenantStore,
    name: str,
    *,
    weights: Mapping[str, float],
    until: int | None = None,
    last_offset: int | None = None,
    run: Run,
) -> Dataset:
    """Return everything that a store holds as a data set to train on.

    Events are in the order of the log; what counts for their weight is said in `kind_weights`. Of people who did not
    agree nothing but their events is told. Not there is what was only shown to somebody (`IMPRESSIONS`, served lists),
    and what was taken back: what is hidden and then no longer hidden leaves no event.

    Args:
        store: Whose events, items and people.
        name: What the data set is called.
        weights: Kind of event -> how much it counts, as `tastemaker import` takes them.
        until: Only what happened before this moment, microseconds since the epoch.
        last_offset: Only events up to this place of the log, so that the same can be read again; all by default.
        run: Progress.

    Raises:
        DataError: There are no such events.
    """
    end = store.events.last_offset() if last_offset is None else last_offset
    frame = _without_taken_back(_log_frame(store.events, end, until, run))
    if not frame.height:
        raise DataError(
            "the store has no events to train on",
            where=f"tenant '{store.tenant.name}'",
            remedy="Take a data set in, or send events to the server.",
        )
    kinds = kind_weights(frame["event"].unique().to_list(), weights)
    names = {kind: ours for kind, (ours, _) in kinds.items()}
    stated, told = pl.col("weight"), pl.col("event")
    by_kind = told.replace_strict({kind: amount for kind, (_, amount) in kinds.items()}, return_dtype=pl.Float64)
    frame = frame.with_columns(
        told.replace_strict(names, return_dtype=pl.String).alias("event"),
        pl.when(by_kind < 0).then(-stated.fill_null(by_kind).abs()).otherwise(stated.fill_null(by_kind)),
    )
    catalogue = table_of(store.items, "item_id")
    return Dataset.of(
        Interactions.from_frame(frame),
        None if catalogue is None else Catalogue(catalogue),
        users=_users(store.people),
        name=name,
    )


def kind_weights(kinds: Iterable[str], weights: Mapping[str, float]) -> dict[str, tuple[str, float]]:
    """Return for each kind of event our name for it, and how much it counts where the event says nothing else.

    The names and weights are those of `tastemaker import`; what speaks against an item does so whatever is said.

    >>> kind_weights(["click", "dislike", "wave"], {"dislike": 0.5, "click": 0.2})
    {'click': ('view', 0.2), 'dislike': ('dislike', -0.5), 'wave': ('wave', 1.0)}
    """
    column = pl.Series("event", sorted(set(kinds)), dtype=pl.String)
    told = {kind.strip().lower(): float(amount) for kind, amount in weights.items()}
    ours, amounts, _ = read_events(column, told)
    rounded = [round(float(amount), 6) for amount in amounts]  # from float32
    return {
        kind: (name, -abs(amount) if name in NEGATIVE_EVENTS else amount)
        for kind, name, amount in zip(column, ours, rounded, strict=True)
    }


def _log_frame(log: EventLog, end: int, until: int | None, run: Run) -> pl.DataFrame:
    pages, contexts = [], list[Row]()
    offset = 0
    with run.track("Reading the log", end) as advance:
        while offset < end and (page := log.after(offset, _PAGE)):
            moved = min(page[-1].offset, end) - offset
            kept = [stored for stored in page if _counts(stored, end, until)]
            pages.append(_page_frame(kept))
            contexts += [stored.event.context or _NOTHING for stored in kept]
            offset = page[-1].offset
            advance(moved)
    frame = pl.concat([_page_frame([]), *pages])
    columns = [_context_column(name, contexts) for name in _context_names(contexts, frame.columns)]
    frame = frame.with_columns(column for column in columns if column is not None)
    return frame.drop(name for name in ("rating", "session_id") if frame[name].null_count() == frame.height)


def standing(events: Iterable[StoredEvent]) -> list[StoredEvent]:
    """Return of one person's events, in the order of the log, those that `dataset_of` tells."""
    kept: list[StoredEvent] = []
    for stored in events:
        kind, item = stored.event.event, stored.event.item_id
        if kind in _TAKEN_BACK:
            kept = [each for each in kept if (each.event.item_id, each.event.event) != (item, _TAKEN_BACK[kind])]
        elif kind not in IMPRESSIONS:
            kept.append(stored)
    return kept


def _without_taken_back(frame: pl.DataFrame) -> pl.DataFrame:
    for back, kind in _TAKEN_BACK.items():
        if (frame["event"] == back).any():
            place, event = pl.col("_place"), pl.col("event")
            frame = frame.with_row_index("_place")
            last = pl.when(event == back).then(place).max().over("user_id", "item_id")
            frame = frame.filter(~(event.is_in([back, kind]) & (place <= last).fill_null(False))).drop("_place")
    return frame


def _counts(stored: StoredEvent, end: int, until: int | None) -> bool:
    event = stored.event
    return stored.offset <= end and event.event not in IMPRESSIONS and (until is None or event.timestamp < until)


def _page_frame(page: Sequence[StoredEvent]) -> pl.DataFrame:
    events = [stored.event for stored in page]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "user_id": pl.String,
        "item_id": pl.String,
        "timestamp": TIME,
        "event": pl.String,
        "weight": pl.Float64,
        "rating": pl.Float64,
        "session_id": pl.String,
    }
    times = [None if event.context.get(UNTIMED) is True else event.timestamp for event in events]
    columns = {name: times if name == "timestamp" else [getattr(event, name) for event in events] for name in schema}
    return pl.DataFrame(columns, schema=schema)


def _context_names(contexts: Sequence[Mapping[str, Any]], taken: Sequence[str]) -> list[str]:
    """Return what enough events say of their moment; names that have a meaning of their own are passed over."""
    counts = Counter(name for context in contexts for name in context)
    reserved = {*taken, UNTIMED, "order", "position", "_time", "_unread", "_reason"}
    return sorted(name for name, count in counts.items() if count >= _SHARE * len(contexts) and name not in reserved)


def _context_column(name: str, contexts: Sequence[Mapping[str, Any]]) -> pl.Series | None:
    return column_of(name, [context.get(name) for context in contexts])


def rows_of(records: Records) -> Iterator[tuple[str, Row]]:
    """Yield all rows of a table in the order of their ids."""
    after = ""
    while page := records.scan(after, _PAGE):
        yield from page
        after = page[-1][0]


def table_of(records: Records, identity: str) -> pl.DataFrame | None:
    """Return all rows of a table as a frame, or ``None`` where there is none."""
    rows = list(rows_of(records))
    if not rows:
        return None
    names = dict.fromkeys(name for _, row in rows for name in row if name != identity)
    columns = [column_of(name, [row.get(name) for _, row in rows]) for name in names]
    known = [column for column in columns if column is not None]
    return pl.DataFrame([pl.Series(identity, [row_id for row_id, _ in rows], dtype=pl.String), *known])


def _users(people: Records) -> Users | None:
    table = table_of(people, "user_id")
    if table is None or "consent" not in table.columns:
        return None if table is None else Users(table)
    agreed = pl.col("consent")
    attributes = [name for name in table.columns if name not in ("user_id", "consent")]
    told = table.with_columns(as_flags(table["consent"]).fill_null(True))
    return Users(told.with_columns(pl.when(agreed).then(pl.col(name)).alias(name) for name in attributes))
