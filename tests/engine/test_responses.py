"""How often items were shown and taken up: each list and each event counts once, fades, and outlives the process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from tests.engine.memory import MemoryEvents, MemoryTenant

from tastemaker.core.clock import to_microseconds
from tastemaker.core.errors import StorageError
from tastemaker.engine.responses import Responses
from tastemaker.pipeline.shelf import Shelf
from tastemaker.store.ports import NewEvent, Served

NOW = datetime(2024, 6, 1, tzinfo=UTC)
NUMBERS = np.arange(4, dtype=np.int32)


@pytest.fixture
def shelf() -> Shelf:
    shelf = Shelf()
    shelf.put({f"i{number}": {} for number in range(4)})
    return shelf


def show(store: MemoryTenant, name: str, items: Sequence[str], at: datetime = NOW) -> None:
    served = Served(
        recommendation_id=name, user_id="ann", scenario="home", at=to_microseconds(at), item_ids=tuple(items)
    )
    store.served.submit([served]).result()


def act(store: MemoryTenant, item: str, name: str | None, kind: str = "click", at: datetime = NOW) -> None:
    event = NewEvent(
        event_id=f"{item} {name} {kind} {len(store.events)}",
        user_id="ann",
        item_id=item,
        event=kind,
        timestamp=to_microseconds(at),
        recommendation_id=name,
    )
    store.events.append([event])
    log = store.events
    assert isinstance(log, MemoryEvents)
    log.stored[-1] = replace(log.stored[-1], received=event.timestamp)


def opened(store: MemoryTenant, shelf: Shelf, now: datetime = NOW) -> Responses:
    ticks = iter(range(0, 10_000, 10))
    responses = Responses(store, shelf, clock=lambda: now, ticks=lambda: float(next(ticks)))
    responses.load()
    return responses


def told(responses: Responses) -> tuple[list[float], list[float]]:
    shown, taken = responses(NUMBERS)
    return shown.round(6).tolist(), taken.round(6).tolist()


def test_lists_and_what_was_taken_up_of_them_are_counted(store: MemoryTenant, shelf: Shelf) -> None:
    show(store, "r1", ["i0", "i1"])
    show(store, "r2", ["i0", "i2", "gone"])
    act(store, "i0", "r2")
    responses = opened(store, shelf)
    assert told(responses) == ([2, 1, 1, 0], [1, 0, 0, 0])
    show(store, "r3", ["i3"])
    act(store, "i3", "r3", "buy")
    assert told(responses) == ([2, 1, 1, 1], [1, 0, 0, 1])


def test_only_what_speaks_for_an_item_and_names_a_list_counts_and_once_a_list(
    store: MemoryTenant, shelf: Shelf
) -> None:
    show(store, "r1", ["i0", "i1", "i2"])
    act(store, "i0", "r1", "click")
    act(store, "i0", "r1", "buy")
    act(store, "i1", "r1", "hide")
    act(store, "i1", "r1", "impression")
    act(store, "i2", None, "buy")
    assert told(opened(store, shelf))[1] == [1, 0, 0, 0]
    show(store, "r2", ["i0"])
    act(store, "i0", "r2")
    assert told(opened(store, shelf)) == ([2, 1, 1, 0], [2, 0, 0, 0])


def test_counts_are_halved_by_every_half_life(store: MemoryTenant, shelf: Shelf) -> None:
    show(store, "r1", ["i0"], NOW - timedelta(days=30))
    show(store, "r2", ["i0", "i1"], NOW)
    act(store, "i0", "r1", at=NOW - timedelta(days=30))
    assert told(opened(store, shelf)) == ([1.5, 1, 0, 0], [0.5, 0, 0, 0])
    assert told(opened(store, shelf, NOW + timedelta(days=60)))[0] == [0.375, 0.25, 0, 0]
    show(store, "r3", ["i1"], NOW + timedelta(days=900))
    later = told(opened(store, shelf, NOW + timedelta(days=900)))[0]
    assert later[1] == pytest.approx(1, abs=1e-4)
    assert later[0] < 1e-4


def test_what_was_counted_before_the_end_of_the_process_is_not_counted_again(
    store: MemoryTenant, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(store, "r1", ["i0", "i1"])
    act(store, "i0", "r1")
    first = opened(store, shelf)
    first.keep()
    show(store, "r2", ["i0"])
    act(store, "i0", "r2")
    first.follow()
    # Ended without keeping: the note is older than the logs, and true of their beginning.
    again = opened(store, shelf)
    assert told(again) == told(first) == ([2, 1, 0, 0], [2, 0, 0, 0])
    again.keep()
    scan = store.served.scan
    asked: list[int] = []

    def watched(after: int = 0, limit: int = 10_000) -> list[tuple[int, Served]]:
        asked.append(after)
        return scan(after, limit)

    monkeypatch.setattr(store.served, "scan", watched)
    assert told(opened(store, shelf)) == told(first)
    assert min(asked) > 0


def test_items_that_come_later_and_numbers_beyond_all_are_none_yet(store: MemoryTenant, shelf: Shelf) -> None:
    responses = opened(store, shelf)
    assert told(responses) == ([0, 0, 0, 0], [0, 0, 0, 0])
    shelf.put({f"new {number}": {} for number in range(3_000)})
    show(store, "r1", ["new 2999"])
    number = shelf.numbers(["new 2999", "new 0"])
    assert responses(number)[0].tolist() == [1, 0]


def test_a_log_that_cannot_be_read_leaves_older_counts(
    store: MemoryTenant, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(store, "r1", ["i0"])
    responses = opened(store, shelf)

    def fails(*_: object) -> None:
        raise StorageError("the disk is gone")

    monkeypatch.setattr(store.served, "scan", fails)
    assert told(responses)[0] == [1, 0, 0, 0]
    monkeypatch.undo()
    show(store, "r2", ["i0"])
    assert told(responses)[0] == [2, 0, 0, 0]
