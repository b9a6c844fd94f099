"""The gate looks at the shelf and the person as they are now, not as they were."""

from __future__ import annotations

import numpy as np
import pytest
from tests.pipeline.asking import asked, numbers, row, shop, slate

from tastemaker.pipeline.allowed import Asked
from tastemaker.pipeline.gate import Gate
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.stage import Context, Person


def test_it_cuts_to_length() -> None:
    assert Gate()(slate([3, 1, 2]), asked(shop(4), k=2)).items.tolist() == [3, 1]
    assert Gate(1)(slate([3, 1, 2]), asked(shop(4), k=2)).items.tolist() == [3]
    assert Gate(9)(slate([3, 1, 2]), asked(shop(4), k=2)).items.tolist() == [3, 1]


def test_what_may_not_be_shown_is_named_and_the_next_move_up() -> None:
    context = asked(shop(6), Person(hidden=numbers(3)), filters="price < 4", k=2)
    found = Gate()(slate([5, 4, 3, 2, 1, 0]), context)
    assert found.items.tolist() == [2, 1]
    assert found.dropped["price < 4"].tolist() == [5, 4]
    assert found.dropped["hidden"].tolist() == [3]


def test_an_item_that_sold_out_since_is_not_shown() -> None:
    shelf = shop(4)
    context = Asked.over(asked(shelf, k=2))
    assert context.allowed.holds(numbers(3)).all()
    shelf.put({"i3": row(3, available=False)})
    found = Gate()(slate([3, 1, 2]), context)
    assert found.items.tolist() == [1, 2]
    assert found.dropped["unavailable"].tolist() == [3]


def test_an_item_that_no_longer_passes_a_filter_of_the_pipeline_is_not_shown() -> None:
    shelf = shop(4)
    context = Asked.over(asked(shelf), ["price < 10"])
    assert context.allowed.holds(numbers(3)).all()
    shelf.put({"i3": row(3, price=11.0)})
    assert Gate()(slate([3, 1]), context).items.tolist() == [1]


def test_an_item_that_was_hidden_a_moment_ago_is_not_shown() -> None:
    context = Asked.over(asked(shop(4)))
    assert context.allowed.holds(numbers(3)).all()
    gate = Gate(newest=lambda _: Person(hidden=numbers(3)))
    assert gate(slate([3, 1]), context).items.tolist() == [1]


def test_what_was_seen_a_moment_ago_goes_only_where_seen_items_are_left_out() -> None:
    gate = Gate(newest=lambda _: Person(seen=numbers(3)))
    assert gate(slate([3, 1]), asked(shop(4))).items.tolist() == [1]
    assert gate(slate([3, 1]), asked(shop(4), exclude_seen=False)).items.tolist() == [3, 1]


def test_the_newest_state_is_asked_for_by_request() -> None:
    asks: list[Context] = []

    def newest(context: Context) -> Person:
        asks.append(context)
        return context.person

    context = asked(shop(2))
    Gate(newest=newest)(slate([0]), context)
    assert asks == [context]


def test_where_the_newest_state_cannot_be_had_the_one_at_hand_serves(caplog: pytest.LogCaptureFixture) -> None:
    def newest(context: Context) -> Person:
        raise OSError("the disk is gone")

    found = Gate(newest=newest)(slate([3, 1]), asked(shop(4), Person(hidden=numbers(3))))
    assert found.items.tolist() == [1]
    assert found.degraded == ("what the person did in the last moments could not be looked up",)
    assert "the disk is gone" in caplog.text


def test_nothing_is_shown_twice() -> None:
    twice = Slate(numbers(2, 1, 2, 1, 0), np.arange(5, 0, -1).astype(np.float32))
    assert Gate()(twice, asked(shop(3))).items.tolist() == [2, 1, 0]


def test_numbers_that_are_no_items_are_not_shown() -> None:
    assert Gate()(slate([-1, 0, 77]), asked(shop(3))).items.tolist() == [0]


def test_propensities_stay_with_their_items() -> None:
    found = Gate()(
        slate([5, 4, 3], propensities=np.array([0.1, 0.2, 0.3])), asked(shop(6), Person(hidden=numbers(5)), k=1)
    )
    assert found.propensities is not None
    assert found.propensities.tolist() == [0.2]


def test_what_was_applied_is_told_whether_it_took_something_or_not() -> None:
    found = Gate()(slate([0]), asked(shop(2), filters="price < 4"))
    assert found.applied == ("unavailable", "price < 4", "hidden", "seen")
