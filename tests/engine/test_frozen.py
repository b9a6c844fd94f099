"""Frozen queries stay the same, ask only what can be answered, and know who has been erased."""

from __future__ import annotations

from typing import Any

from tests.engine.memory import MemoryTenant

from tastemaker.core.clock import from_microseconds
from tastemaker.core.run import Run
from tastemaker.engine.frozen import FrozenQueries
from tastemaker.engine.intake import take_in
from tastemaker.store.ports import NewEvent
from tastemaker.testing import small_shop

DAY = 86_400_000_000


def tell(store: MemoryTenant, user: str, *items: str, kind: str = "view", begin: int = 0, **more: Any) -> None:
    """Let somebody turn to one item a day."""
    offset = store.events.last_offset()
    store.events.append(
        [
            NewEvent(
                event_id=f"e{offset + step}",
                user_id=user,
                item_id=item,
                event=kind,
                timestamp=(begin + step) * DAY,
                **more,
            )
            for step, item in enumerate(items, start=1)
        ]
    )


def asked(frozen: FrozenQueries) -> dict[str | None, tuple[list[str], set[str]]]:
    return {
        query.user_id: ([event.item_id for event in query.history or ()], set(held))
        for query, held in zip(frozen.queries, frozen.held, strict=True)
    }


def test_the_last_new_item_of_each_is_held_back(store: MemoryTenant) -> None:
    tell(store, "a", "x", "y", "z")
    tell(store, "again", "x", "y", "z", "x")
    tell(store, "short", "x", "y")
    tell(store, "same", "x", "x", "x")
    frozen = FrozenQueries.freeze(store)
    assert asked(frozen) == {"a": (["x", "y"], {"z"}), "again": (["x", "y"], {"z"})}
    assert frozen.cut == 3 * DAY


def test_what_speaks_against_an_item_is_no_answer(store: MemoryTenant) -> None:
    tell(store, "a", "x", "y", "z")
    tell(store, "a", "w", kind="hide", begin=5)
    frozen = FrozenQueries.freeze(store)
    assert asked(frozen) == {"a": (["x", "y"], {"z"})}


def test_with_a_moment_histories_end_there(store: MemoryTenant) -> None:
    tell(store, "a", "v", "w", "v", "x", "y", "v")
    tell(store, "early", "x", "y", "z")
    tell(store, "late", "x", "y", "z", begin=10)
    frozen = FrozenQueries.freeze(store, before=4 * DAY)
    assert asked(frozen) == {"a": (["v", "w", "v"], {"x", "y"})}
    assert frozen.cut == 4 * DAY
    assert frozen.queries[0].now == from_microseconds(4 * DAY)


def test_at_most_ten_items_are_held_back(store: MemoryTenant) -> None:
    tell(store, "a", *(f"i{number:02}" for number in range(30)))
    (held,) = FrozenQueries.freeze(store, before=5 * DAY).held
    assert held == {f"i{number:02}" for number in range(4, 14)}


def test_events_weigh_what_their_kinds_do(store: MemoryTenant) -> None:
    tell(store, "a", "x", kind="view")
    tell(store, "a", "y", kind="dislike", begin=1, weight=2.0)
    tell(store, "a", "z", kind="buy", begin=2, weight=0.5)
    tell(store, "a", "w", kind="buy", begin=3)
    (query,) = FrozenQueries.freeze(store, weights={"view": 0.1}).queries
    assert query.history is not None
    assert [(event.item_id, event.weight) for event in query.history] == [("x", 0.1), ("y", -2.0), ("z", 0.5)]


def test_the_same_people_are_asked_the_same_until_they_are_frozen_anew(store: MemoryTenant) -> None:
    take_in(small_shop(), store, Run())
    frozen = FrozenQueries.freeze(store, n=7, seed=3)
    assert len(frozen) == 7
    tell(store, "u001", "new", begin=30_000)
    again = FrozenQueries.open(store)
    assert again == frozen
    assert FrozenQueries.freeze(store, n=7, seed=4).fingerprint != frozen.fingerprint


def test_the_draw_follows_its_seed(store: MemoryTenant) -> None:
    take_in(small_shop(), store, Run())
    drawn = [FrozenQueries.freeze(store, n=5, seed=seed).fingerprint for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_nothing_is_frozen_before_somebody_does(store: MemoryTenant) -> None:
    assert FrozenQueries.open(store) is None
    empty = FrozenQueries.freeze(store)
    assert len(empty) == 0
    assert empty.cut is None
    assert FrozenQueries.open(store) == empty


def test_who_is_erased_is_asked_no_more(store: MemoryTenant) -> None:
    tell(store, "a", "x", "y", "z")
    tell(store, "b", "x", "y", "z")
    FrozenQueries.freeze(store)
    assert FrozenQueries.forget(store, ["a"]) == 1
    assert FrozenQueries.people(store) == ["b"]
    assert FrozenQueries.forget(store, ["a"]) == 0
    store.events.erase("b")
    left = FrozenQueries.open(store)
    assert left is not None
    assert len(left) == 0


def test_people_who_were_merged_are_one(store: MemoryTenant) -> None:
    tell(store, "a", "x", "y", "z")
    tell(store, "b", "u", "v", "w", begin=5)
    FrozenQueries.freeze(store)
    store.events.merge("a", "b")
    merged = FrozenQueries.open(store)
    assert merged is not None
    assert asked(merged) == {"b": (["x", "y", "z", "u", "v"], {"w"})}
    assert FrozenQueries.forget(store, ["b"]) == 2
    assert FrozenQueries.people(store) == []


def test_events_without_times_are_asked_without_a_moment(store: MemoryTenant) -> None:
    tell(store, "a", "x", "y", "z", context={"untimed": True})
    (query,) = FrozenQueries.freeze(store).queries
    assert query.now is None
    assert query.history is not None
    assert [event.timestamp for event in query.history] == [None, None]
