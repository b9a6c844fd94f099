"""What was worked out of a shelf for everybody is never answered from once the shelf, or the moment, is another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.asking import asked, shop

from tastemaker.core.clock import to_microseconds
from tastemaker.pipeline.allowed import Allowed
from tastemaker.pipeline.common import Remembered, opening
from tastemaker.pipeline.filters import Moment, parse
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.stage import Person

BEGINNING = datetime(2026, 3, 1, tzinfo=UTC)
FILTERS: dict[str, Callable[[dict[str, Any], int], bool]] = {
    "": lambda row, budget: True,
    "price < 3": lambda row, budget: row.get("price", 9) < 3,
    "price < $budget": lambda row, budget: row.get("price", 99) < budget,
    'brand = "anvil" and price < 3': lambda row, budget: row.get("brand") == "anvil" and row.get("price", 9) < 3,
    "not (price < 3)": lambda row, budget: not row.get("price", 9) < 3,
}


def moment(minutes: int) -> datetime:
    return BEGINNING + timedelta(minutes=minutes)


items = st.integers(0, 5).map(lambda number: f"i{number}")
times = st.integers(0, 6)
rows = st.fixed_dictionaries(
    {},
    optional={
        "price": st.integers(0, 5),
        "brand": st.sampled_from(["anvil", "bodkin"]),
        "available": st.booleans(),
        "available_from": times,
        "available_until": times,
    },
)
acts = st.one_of(
    st.tuples(st.just("put"), items, rows),
    st.tuples(st.just("patch"), items, rows),
    st.tuples(st.just("remove"), items, st.none()),
    st.tuples(st.just("ask"), st.sampled_from(list(FILTERS)), st.tuples(times, st.integers(0, 5))),
)


def written(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its minutes as moments."""
    return {name: moment(value).isoformat() if name.startswith("available_") else value for name, value in row.items()}


def is_open(row: dict[str, Any], now: int) -> bool:
    since, until = row.get("available_from", now), row.get("available_until", now)
    return bool(row.get("available", True) and since <= now <= until)


@settings(max_examples=150)
@given(st.lists(acts, max_size=40))
def test_no_answer_is_that_of_an_earlier_shelf(done: list[tuple[str, str, Any]]) -> None:
    shelf, known = Shelf(), dict[str, dict[str, Any]]()
    # Every field is there, whatever comes first.
    shelf.put({"field": {"price": 1, "brand": "anvil"}})
    shelf.remove(["field"])
    for what, name, more in done:
        if what == "put":
            shelf.put({name: written(more)})
            known[name] = more
        elif what == "patch" and name in known:
            shelf.patch(name, written(more))
            known[name] = {**known[name], **more}
        elif what == "remove":
            shelf.remove([name])
            known.pop(name, None)
        elif what == "ask":
            now, budget = more
            context = asked(shelf, filters=name or None, context={"budget": budget}, exclude_seen=False)
            context.now = moment(now)
            allowed = Allowed.of(context)
            expected = {item for item, row in known.items() if is_open(row, now) and FILTERS[name](row, budget)}
            assert set(shelf.ids[allowed.items].tolist()) == expected
            assert (allowed.total, allowed.count) == (len(known), len(expected))
            assert allowed.revision == shelf.revision
            assert set(shelf.ids[shelf.open_at(to_microseconds(moment(now)))].tolist()) == {
                item for item, row in known.items() if is_open(row, now)
            }


def test_what_does_not_depend_on_who_asks_is_worked_out_once() -> None:
    shelf = shop(12)
    wanted = [parse('price < 9 and brand = "anvil"')]
    first = shelf.common(wanted, Moment(now=5))
    assert shelf.common(wanted, Moment(now=6)) is first
    assert [name for name, _ in first.checks] == ["unavailable", "price < 9", 'brand = "anvil"']
    shelf.patch("i3", {"price": 10.0})
    assert shelf.common(wanted, Moment(now=6)) is not first


def test_what_a_person_may_not_see_is_theirs_alone() -> None:
    shelf = shop(4)
    for hidden in ([0], [1], []):
        person = Person(hidden=np.asarray(hidden, np.int32))
        assert set(Allowed.of(asked(shelf, person)).items.tolist()) == {0, 1, 2, 3} - {*hidden}
    common = shelf.common([], Moment())
    assert common.mask.all()
    with pytest.raises(ValueError, match="read-only"):
        common.mask[0] = False


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.booleans(), st.none() | times, st.none() | times), min_size=1, max_size=6),
    times,
)
def test_an_opening_says_from_when_until_when_it_holds(told: list[tuple[bool, Any, Any]], now: int) -> None:
    never = np.iinfo(np.int64).min
    opens, closes = (
        np.asarray([never if row[place] is None else row[place] for row in told], np.int64) for place in (1, 2)
    )
    found = opening(np.asarray([row[0] for row in told]), len(told), opens, closes, now)

    def at(moment: int) -> list[bool]:
        return [
            there and (since is None or since <= moment) and (until is None or moment <= until)
            for there, since, until in told
        ]

    assert found.mask.tolist() == at(now)
    assert found.holds_at(now)
    assert all(at(moment) == at(now) for moment in range(-1, 9) if found.holds_at(moment))


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    kept = Remembered[int](most_bytes=100, fewest=2, most=5)
    for number in range(20):
        kept.put(number, number, 10)
    assert len(kept) == 5
    kept.put("large", 1, 1000)
    kept.put("larger", 2, 1000)
    assert (len(kept), kept.get("large"), kept.get("larger")) == (2, 1, 2)
    kept.clear()
    assert kept.get("large") is None


def test_masks_of_a_large_shelf_take_no_more_memory_than_there_is_for_them() -> None:
    shelf = shop(1)
    for number in range(300):
        shelf.common([parse("price < $budget")], Moment(context={"budget": number}))
        shelf.common([parse(f"price < {number}")], Moment())
    assert len(shelf._commons) <= 256
    assert len(shelf._masks) <= 256
