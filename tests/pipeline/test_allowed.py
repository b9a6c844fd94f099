"""What may be recommended, and what is to blame where nothing may."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.asking import asked, numbers, row, shop, slate

from tastemaker.core.errors import TastemakerError
from tastemaker.core.query import Event
from tastemaker.pipeline.allowed import Allowed, Asked, allowed_in, matching, sift
from tastemaker.pipeline.stage import Person


def test_everything_that_is_there_may_be_recommended_to_a_stranger() -> None:
    allowed = Allowed.of(asked(shop(5)))
    assert allowed.items.tolist() == [0, 1, 2, 3, 4]
    assert sum(allowed.removed.values()) == 0


def test_what_was_removed_from_the_shelf_may_not() -> None:
    shelf = shop(5)
    shelf.remove(["i2"])
    assert Allowed.of(asked(shelf)).items.tolist() == [0, 1, 3, 4]


def test_what_is_not_available_may_not() -> None:
    shelf = shop(3)
    shelf.put({"i1": row(1, available=False)})
    allowed = Allowed.of(asked(shelf))
    assert allowed.items.tolist() == [0, 2]
    assert allowed.removed["unavailable"] == 1


def test_the_filter_of_the_request_and_those_of_the_pipeline_all_count() -> None:
    allowed = Allowed.of(asked(shop(12), filters='brand = "anvil"'), ["price > 2"])
    assert allowed.items.tolist() == [3, 6, 9]


def test_hidden_items_stay_out_even_where_seen_ones_may_come_back() -> None:
    person = Person(hidden=numbers(1), seen=numbers(1, 2))
    assert Allowed.of(asked(shop(4), person)).items.tolist() == [0, 3]
    assert Allowed.of(asked(shop(4), person, exclude_seen=False)).items.tolist() == [0, 2, 3]


@pytest.mark.parametrize("exclude_seen", [True, False])
def test_what_was_disliked_stays_out(exclude_seen: bool) -> None:
    history = (Event("i0", "dislike"), Event("i1"))
    context = asked(shop(5), history=history, disliked=("i3",), exclude_seen=exclude_seen)
    assert Allowed.of(context).items.tolist() == ([2, 4] if exclude_seen else [1, 2, 4])


def test_what_was_hidden_and_taken_back_may_come_again() -> None:
    history = (Event("i0", "hide"), Event("i1", "hide"), Event("i0", "unhide"))
    assert Allowed.of(asked(shop(3), history=history, exclude_seen=False)).items.tolist() == [0, 2]
    assert Allowed.of(asked(shop(3), history=history, disliked=("i0",), exclude_seen=False)).items.tolist() == [2]


def test_what_a_profile_and_the_request_say_can_be_filtered_by() -> None:
    person = Person(profile={"budget": 2, "favourite": "anvil"})
    allowed = Allowed.of(asked(shop(9), person, context={"budget": 6}), ["price <= $budget", "brand = $favourite"])
    assert allowed.items.tolist() == [0, 3, 6]


def test_a_place_can_be_filtered_by() -> None:
    shelf = shop(0)
    shelf.put({"near": {"lat": 48.0, "lon": 2.0}, "far": {"lat": 40.0, "lon": 2.0}})
    context = asked(shelf, context={"lat": 48.1, "lon": 2.1})
    assert Allowed.of(context, ["distance(here) < 50 km"]).items.tolist() == [0]


def test_items_of_the_request_count_as_seen() -> None:
    context = asked(shop(6), session=(Event("i0"),), liked=("i1",), items=("i2",))
    assert Allowed.of(context).items.tolist() == [3, 4, 5]


def test_exclusions_and_candidates_hold() -> None:
    context = asked(shop(6), exclude=("i1", "nowhere"), candidates={"i1", "i2", "i5", "nowhere"})
    assert Allowed.of(context).items.tolist() == [2, 5]


def test_a_filter_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(TastemakerError):
        Allowed.of(asked(shop(3), filters="price is a bargain"))


def test_numbers_that_are_none_may_not_be_recommended() -> None:
    allowed = Allowed.of(asked(shop(3)))
    assert allowed.holds(np.array([-1, 0, 2, 3, 99])).tolist() == [False, True, True, False, False]


def test_what_came_later_is_not_held() -> None:
    shelf = shop(3)
    allowed = Allowed.of(asked(shelf))
    shelf.put({"new": row(0)})
    assert not allowed.holds(shelf.numbers(["new"])).any()
    assert allowed.revision != shelf.revision


def test_what_was_allowed_stays_what_it_was_when_the_shelf_changes() -> None:
    shelf = shop(3)
    allowed = Allowed.of(asked(shelf))
    shelf.remove(["i1"])
    assert allowed.items.tolist() == [0, 1, 2]
    assert sift(slate([0, 1, 2]), allowed).items.tolist() == [0, 1, 2]


def test_the_one_filter_without_which_there_would_be_something_is_named() -> None:
    context = asked(shop(12), filters='brand = "anvil"')
    allowed = Allowed.of(context, ["price > 100", "price >= 0"])
    assert allowed.without() == {"price > 100": 4}
    assert "4 without 'price > 100'" in allowed.why_few()


def test_an_empty_shelf_is_called_empty() -> None:
    assert Allowed.of(asked(shop(0))).why_few() == "the catalogue is empty"


def test_filters_that_only_together_leave_nothing_are_all_named() -> None:
    allowed = Allowed.of(asked(shop(12)), ["price > 100", "price < 0", "price > 200"])
    assert allowed.without() == {}
    assert "'price > 100'" in allowed.why_few()


def test_it_is_worked_out_once_a_request() -> None:
    context = Asked.over(asked(shop(4)))
    assert allowed_in(context) is allowed_in(context)


def test_the_trace_of_the_request_stays_the_same_list() -> None:
    context = asked(shop(1))
    assert Asked.over(context).trace is context.trace


def test_a_condition_is_asked_of_items_by_number() -> None:
    found = matching(asked(shop(6)), 'brand = "bodkin"', np.array([4, 0, 1, -1]))
    assert found.tolist() == [True, False, True, False]


def test_sifting_names_what_took_each_candidate() -> None:
    person = Person(hidden=numbers(1), seen=numbers(2))
    allowed = Allowed.of(asked(shop(6), person), ["price < 5"])
    found = sift(slate([5, 4, 2, 1, 0]), allowed)
    assert found.items.tolist() == [4, 0]
    assert {name: gone.tolist() for name, gone in found.dropped.items() if len(gone)} == {
        "hidden": [1],
        "seen": [2],
        "price < 5": [5],
    }
    assert set(found.applied) == {"unavailable", "hidden", "seen", "price < 5"}


ids = st.frozensets(st.integers(0, 9), max_size=6)


@settings(max_examples=40)
@given(hidden=ids, seen=ids, exclude=ids, candidates=st.none() | ids, dearest=st.integers(-1, 10))
def test_what_is_left_is_what_no_condition_takes(
    hidden: frozenset[int],
    seen: frozenset[int],
    exclude: frozenset[int],
    candidates: frozenset[int] | None,
    dearest: int,
) -> None:
    person = Person(hidden=numbers(*hidden), seen=numbers(*seen))
    chosen = None if candidates is None else {f"i{item}" for item in candidates}
    context = asked(shop(10), person, exclude=[f"i{item}" for item in exclude], candidates=chosen)
    allowed = Allowed.of(context, [f"price <= {dearest}"])
    expected = set(range(dearest + 1 if dearest < 10 else 10)) - hidden - seen - exclude
    expected &= set(range(10)) if candidates is None else candidates
    assert set(allowed.items.tolist()) == expected
    assert 10 - sum(allowed.removed.values()) == len(expected)
    assert all(count > len(expected) for count in allowed.without().values())
