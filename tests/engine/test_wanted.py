"""How much items were wanted lately: weights of events, halved with every half-life, whatever their order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tastemaker.core.clock import MICROSECONDS_PER_DAY
from tastemaker.core.tenant import Tenant
from tastemaker.engine.wanted import Wanted
from tastemaker.pipeline.shelf import Shelf
from tastemaker.store import open_store
from tastemaker.store.ports import NewEvent, TenantStore

DAY = MICROSECONDS_PER_DAY
NOW = 20_000 * DAY


@pytest.fixture
def shelf() -> Shelf:
    shelf = Shelf()
    shelf.put({item: {} for item in "abc"})
    return shelf


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TenantStore]:
    with closing(open_store(tmp_path)) as opened:
        yield opened.for_tenant(Tenant())


def event(number: int, item: str, day: float, kind: str = "buy") -> NewEvent:
    return NewEvent(event_id=f"e{number}", user_id="u", item_id=item, event=kind, timestamp=NOW + round(day * DAY))


def told(shelf: Shelf, days: list[float], amounts: list[float]) -> Wanted:
    wanted = Wanted(shelf, half_life=10)
    for item, (day, amount) in enumerate(zip(days, amounts, strict=True)):
        wanted.add(
            np.asarray([item], np.int32), np.asarray([amount]), np.asarray([NOW + round(day * DAY)], dtype=np.int64)
        )
    return wanted


def test_half_is_left_after_a_half_life(shelf: Shelf) -> None:
    sums = told(shelf, [0, 10, 20], [1, 1, 1])()[:3]
    np.testing.assert_allclose(sums / sums[2], [0.25, 0.5, 1])


def test_the_order_in_which_events_come_does_not_matter_nor_how_far_they_lie_apart(shelf: Shelf) -> None:
    forth = told(shelf, [-3000, 0, 10], [4, 1, 1])()[:3]
    back = Wanted(shelf, half_life=10)
    for item, day, amount in ((2, 10, 1.0), (1, 0, 1.0), (0, -3000, 4.0)):
        back.add(np.asarray([item], np.int32), np.asarray([amount]), np.asarray([NOW + day * DAY], dtype=np.int64))
    np.testing.assert_allclose(forth / forth[2], back()[:3] / back()[2])
    np.testing.assert_allclose(forth[1] / forth[2], 0.5)
    assert np.isfinite(forth.astype(np.float32)).all()


def test_what_speaks_against_an_item_and_what_is_on_no_shelf_add_nothing(shelf: Shelf, store: TenantStore) -> None:
    store.events.append([event(1, "a", 0), event(2, "b", 0, "dislike"), event(3, "elsewhere", 0)])
    wanted = Wanted(shelf)
    wanted.take(store.events.after(0))
    assert wanted()[0] > 0
    assert wanted()[1:].sum() == 0


def test_events_count_once_however_often_they_are_told(shelf: Shelf, store: TenantStore) -> None:
    store.events.append([event(1, "a", 0)])
    wanted = Wanted(shelf)
    wanted.take(store.events.after(0))
    before = wanted()[0]
    wanted.take(store.events.after(0))
    assert wanted()[0] == before


def test_what_was_kept_is_taken_back_and_the_log_beyond_it_counted(shelf: Shelf, store: TenantStore) -> None:
    store.events.append([event(1, "a", 0), event(2, "b", -10)])
    first = Wanted(shelf)
    first.load(store)
    first.keep(store)
    store.events.append([event(3, "c", 300)])
    again, anew = Wanted(shelf), Wanted(shelf)
    again.load(store)
    store.notes.put("wanted", None)
    anew.load(store)
    np.testing.assert_allclose(again()[:3] / again()[2], anew()[:3] / anew()[2])
    assert again.offset == anew.offset == 3


def test_an_item_that_came_later_has_room(shelf: Shelf) -> None:
    wanted = Wanted(shelf)
    shelf.put({f"n{number}": {} for number in range(3000)})
    wanted.add(np.asarray([2999], np.int32), np.asarray([1.0]), np.asarray([NOW], dtype=np.int64))
    assert wanted()[2999] == 1


def test_what_is_kept_names_the_events_that_it_counts_whatever_comes_meanwhile(
    shelf: Shelf, store: TenantStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.events.append([event(1, "a", 0)])
    wanted = Wanted(shelf)
    wanted.load(store)
    counted = wanted._add

    def keep_as_soon_as_it_is_counted(*given: NDArray[Any]) -> None:
        counted(*given)
        keeper.start()
        # Long enough for one that waits for nothing; what waits for the lock ends afterwards.
        keeper.join(0.2)

    keeper = Thread(target=wanted.keep, args=(store,))
    monkeypatch.setattr(wanted, "_add", keep_as_soon_as_it_is_counted)
    store.events.append([event(2, "b", 0)])
    wanted.take(store.events.after(1))
    keeper.join()
    again = Wanted(shelf)
    again.load(store)
    np.testing.assert_allclose(again()[:2], [1, 1])


def test_events_that_two_threads_tell_in_the_wrong_order_are_all_counted(shelf: Shelf, store: TenantStore) -> None:
    store.events.append([event(number, item, 0) for number, item in enumerate("abc")])
    first, second, third = store.events.after(0)
    wanted = Wanted(shelf)
    wanted.take([first, third])
    wanted.keep(store)
    wanted.take([second])
    np.testing.assert_allclose(wanted()[:3], [1, 1, 1])
    again = Wanted(shelf)
    again.load(store)
    np.testing.assert_allclose(again()[:3], [1, 1, 1])
    assert again.offset == 3


def test_what_an_earlier_version_kept_is_taken_back(shelf: Shelf, store: TenantStore) -> None:
    store.events.append([event(1, "a", 0), event(2, "b", 0)])
    kept = Wanted(shelf)
    kept.take(store.events.after(0, 1))
    kept.keep(store)
    note = store.notes.get("wanted")
    store.notes.put("wanted", {**{name: value for name, value in note.items() if name != "beyond"}, "offset": 1})
    again = Wanted(shelf)
    again.load(store)
    np.testing.assert_allclose(again()[:2], [1, 1])


def test_an_event_that_is_told_again_long_after_counts_once(shelf: Shelf, store: TenantStore) -> None:
    store.events.append([event(number, "a", 0) for number in range(5_000)])
    wanted = Wanted(shelf)
    for start in range(0, 5_000, 500):
        wanted.take(store.events.after(start, 500))
    wanted.take(store.events.after(0))
    np.testing.assert_allclose(wanted()[0], 5_000)
