"""Numbers of touched and hidden items follow the shelf without being looked up twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tests.engine.people_store import Counter

from tastemaker.engine.people_items import HiddenItems, TouchedItems

acts = st.lists(st.tuples(st.sampled_from(["touch", "arrive", "ask"]), st.integers(0, 30)), max_size=60)


@given(acts=acts)
@examples(max_examples=50)
def test_numbers_are_those_of_all_touched_items_that_have_arrived(acts: list[tuple[str, int]]) -> None:
    items, shelf, touched = TouchedItems(), Counter(), list[str]()
    handed: list[tuple[list[int], np.ndarray[tuple[int], np.dtype[np.int32]]]] = []
    for what, number in acts:
        if what == "touch":
            items.add(f"i{number}")
            touched.append(f"i{number}")
        elif what == "arrive":
            shelf.add([f"i{number}"])
        else:
            found = items.on(shelf)
            handed.append((found.tolist(), found))
    expected = {shelf.number_of[item] for item in touched if item in shelf.number_of}
    found = items.on(shelf)
    assert found.dtype == np.int32
    assert sorted(found.tolist()) == sorted(expected)
    assert all(array.tolist() == before for before, array in handed)


def test_an_item_is_looked_up_once_unless_it_was_not_there() -> None:
    shelf = Counter(["a", "b"])
    items = TouchedItems(["a", "new"])
    for _ in range(3):
        assert items.on(shelf).tolist() == [0]
    assert shelf.asked == 2
    items.add("b")
    items.add("a")
    assert items.on(shelf).tolist() == [0, 1]
    assert shelf.asked == 3
    shelf.add(["new"])
    assert items.on(shelf).tolist() == [0, 1, 2]
    assert shelf.asked == 4


def test_another_shelf_has_other_numbers() -> None:
    items = TouchedItems(["a", "b"])
    assert items.on(Counter(["a", "b"])).tolist() == [0, 1]
    assert items.on(Counter(["c", "b"])).tolist() == [1]


def test_numbers_that_were_handed_out_cannot_be_changed() -> None:
    found = TouchedItems(["a"]).on(Counter(["a"]))
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 5


def test_a_copy_of_touched_items_goes_its_own_way() -> None:
    shelf, items = Counter(["a", "b"]), TouchedItems(["a"])
    items.on(shelf)
    other = items.copy()
    other.add("b")
    assert (items.on(shelf).tolist(), other.on(shelf).tolist()) == ([0], [0, 1])


def test_what_is_said_last_about_hiding_counts_whatever_its_time() -> None:
    shelf, items = Counter(["a", "b"]), HiddenItems()
    items.say("a", 10, True)
    assert items.on(shelf).tolist() == [0]
    items.say("a", 30, False)
    assert items.on(shelf).tolist() == []
    items.say("a", 20, True)
    assert items.on(shelf).tolist() == [0]
    assert "a" in items
    assert "b" not in items
