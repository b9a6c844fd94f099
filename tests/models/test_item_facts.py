"""Facts about items are what was known on the morning of a day, whatever came later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tastemaker.core.clock import MICROSECONDS_PER_DAY
from tastemaker.core.query import Event, Query, QueryBatch
from tastemaker.data import Catalogue, Dataset, Interactions
from tastemaker.models.item_facts import ItemFacts

START = datetime(2024, 3, 1, tzinfo=UTC)
DAY = (START - datetime(1970, 1, 1, tzinfo=UTC)).days
ITEMS = pl.DataFrame(
    {
        "item_id": ["pan", "wok", "harp", "book"],
        "price": [20.0, 40.0, 900.0, None],
        "brand": ["Tefal", "Tefal", "Salvi", None],
        "categories": [["home > kitchen > pans"], ["home > kitchen"], ["music"], None],
        "year": [2020, 2021, 1999, None],
    }
)


def at(day: int, hour: int = 12) -> datetime:
    return START + timedelta(days=day, hours=hour - START.hour)


def shop(rows: Sequence[tuple[str, str, datetime | None, float]], items: pl.DataFrame = ITEMS) -> Dataset:
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "weight"], orient="row")
    return Dataset.of(Interactions.from_frame(log), Catalogue(items))


ROWS = [
    ("a", "pan", at(0), 1.0),
    ("b", "pan", at(2, 1), 1.0),
    ("c", "pan", at(2, 23), 1.0),
    ("d", "pan", at(3), -1.0),
    ("d", "harp", at(9), 1.0),
]


def numbers(data: Dataset, *ids: str) -> np.ndarray:
    return data.items.index(ids)


def days(*after: int) -> np.ndarray:
    return np.asarray(after, dtype=np.int64) + DAY


def test_events_count_before_the_day_and_not_on_it() -> None:
    data = shop(ROWS)
    facts = ItemFacts.of(data)
    pans = numbers(data, "pan", "pan", "pan", "pan", "wok")
    assert facts.events_before(pans, days(0, 1, 2, 3, 50)).tolist() == [0, 1, 1, 3, 0]


def test_first_and_last_are_those_before_the_day() -> None:
    data = shop(ROWS)
    facts = ItemFacts.of(data)
    pans, when = numbers(data, "pan", "pan", "pan"), days(0, 2, 40)
    first, last = facts.first_and_last(pans, facts.events_before(pans, when))
    np.testing.assert_array_equal(first - DAY, [np.nan, 0, 0])
    np.testing.assert_array_equal(last - DAY, [np.nan, 0, 2])


def test_what_comes_later_changes_nothing() -> None:
    data, longer = shop(ROWS), shop([*ROWS, ("e", "pan", at(20), 1.0), ("e", "wok", at(21), 1.0)])
    items, when = numbers(data, "pan", "wok", "harp"), days(5, 5, 5)
    for facts in (ItemFacts.of(longer), ItemFacts.of(data)):
        before = facts.events_before(items, when)
        assert before.tolist() == [3, 0, 0]
        np.testing.assert_array_equal(facts.first_and_last(items, before)[1] - DAY, [2, np.nan, np.nan])


def test_a_query_is_of_its_moment_else_of_its_latest_event_and_never_after_all_that_is_known() -> None:
    facts = ItemFacts.of(shop(ROWS))
    history = (Event("pan", timestamp=at(1)), Event("wok", timestamp=at(4)))
    queries = [
        Query(history=history, now=at(6)),
        Query(history=history),
        Query(history=(Event("pan"),)),
        Query(history=()),
        Query(history=history, now=at(500)),
    ]
    assert (facts.days_of(QueryBatch.of(queries)) - DAY).tolist() == [6, 4, 10, 10, 10]
    assert (facts.days_of(QueryBatch.of(queries[3:4])) - DAY).tolist() == [10]


def test_without_times_all_events_count_and_nothing_is_said_of_days() -> None:
    data = shop([(user, item, None, weight) for user, item, _, weight in ROWS])
    facts = ItemFacts.of(data)
    items = numbers(data, "pan", "wok", "harp")
    before = facts.events_before(items, np.zeros(3, np.int64))
    assert before.tolist() == [3, 0, 1]
    assert np.isnan(facts.first_and_last(items, before)).all()


def test_brands_and_categories_of_two_items_are_compared() -> None:
    data = shop(ROWS)
    facts = ItemFacts.of(data)
    one, other = numbers(data, "pan", "pan", "pan", "wok"), numbers(data, "wok", "harp", "book", "wok")
    np.testing.assert_array_equal(facts.same_brand(one, other), [1, 0, np.nan, 1])
    # home, home > kitchen are shared; home > kitchen > pans is not
    np.testing.assert_allclose(facts.shared_categories(one, other), [2 / 3, 0, np.nan, 1])


def test_nothing_is_known_where_the_catalogue_says_nothing() -> None:
    data = shop(ROWS, ITEMS.select("item_id"))
    facts = ItemFacts.of(data)
    every = np.arange(4)
    for values in (*facts.numbers.values(), facts.same_brand(every, every), facts.shared_categories(every, every)):
        assert np.isnan(values).all()


def test_new_items_and_new_events_are_as_if_they_had_been_there_from_the_start() -> None:
    data = shop(ROWS)
    vocabulary = data.items.extend(["lute", "oud"])
    new = pl.DataFrame(
        {
            "item_id": ["oud", "lute"],
            "price": [300.0, 200.0],
            "brand": ["Sur", "Salvi"],
            "categories": [["music"], ["music"]],
            "year": [2001, 2002],
        }
    )
    facts = ItemFacts.of(data).grown(Catalogue(new), vocabulary.ids[-2:])
    later = shop([("z", "oud", at(12), 1.0), ("z", "pan", at(1), 1.0)], new)
    facts = facts.with_events(later, vocabulary.index(later.items.ids))
    items = vocabulary.index(["pan", "oud", "lute"])
    assert facts.events_before(items, days(2, 50, 50)).tolist() == [2, 1, 0]
    assert facts.numbers["price"][items].tolist() == [20, 300, 200]
    assert facts.after_all == DAY + 13
    harps = np.repeat(vocabulary.index(["harp"]), 3)
    np.testing.assert_array_equal(facts.same_brand(items, harps), [0, 0, 1])
    np.testing.assert_array_equal(facts.shared_categories(items, harps), [0, 1, 1])


@pytest.mark.parametrize("timed", [True, False])
def test_packing_keeps_all_of_it(timed: bool) -> None:
    data = shop([(user, item, when if timed else None, weight) for user, item, when, weight in ROWS])
    facts = ItemFacts.of(data)
    again = ItemFacts.unpack(*facts.pack())
    every, when = np.arange(4), np.full(4, DAY + 5)
    assert again.after_all == facts.after_all
    np.testing.assert_array_equal(again.events_before(every, when), facts.events_before(every, when))
    for left in every:
        lefts = np.full(4, left)
        np.testing.assert_array_equal(again.same_brand(every, lefts), facts.same_brand(every, lefts))
        np.testing.assert_array_equal(again.shared_categories(every, lefts), facts.shared_categories(every, lefts))
    for name, values in facts.numbers.items():
        np.testing.assert_array_equal(again.numbers[name], values)


def test_days_before_1970_are_days() -> None:
    old = datetime(1950, 6, 1, tzinfo=UTC)
    data = shop([("a", "pan", old, 1.0), ("a", "wok", old + timedelta(days=3), 1.0)])
    facts = ItemFacts.of(data)
    day = (old - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) // MICROSECONDS_PER_DAY
    assert facts.events_before(numbers(data, "pan", "pan", "wok"), np.asarray([day, day + 1, day + 2])).tolist() == [
        0,
        1,
        0,
    ]
