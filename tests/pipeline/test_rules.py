"""Rules of a shop, stated as what becomes of the list."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.asking import BRANDS, asked, numbers, row, shop, slate

from tastemaker.core.errors import ConfigError
from tastemaker.pipeline.rules import Boost, Bury, Fresh, Pin, Promote, Quota
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.stage import Person, Stage

SHELF = shop(12)
orders = st.permutations(range(12)).flatmap(lambda items: st.integers(0, 12).map(lambda size: list(items)[:size]))


def brand(item: int) -> str:
    return BRANDS[item % 3]


def places(found: Slate) -> dict[int, int]:
    return {item: place for place, item in enumerate(found.items.tolist(), start=1)}


def test_a_boost_by_2_halves_the_place() -> None:
    found = Boost("price = 8", 2)(slate([0, 1, 2, 3, 4, 5, 6, 8]), asked(SHELF))
    assert places(found)[8] == 4
    assert found.marks == {8: ("boosted",)}


def test_burying_by_2_doubles_the_place() -> None:
    found = Bury("price = 1", 2)(slate([0, 1, 2, 3, 4, 5]), asked(SHELF))
    assert places(found)[1] == 4
    assert found.marks == {1: ("buried",)}


def test_a_factor_of_1_changes_nothing() -> None:
    assert Boost("price > 5", 1)(slate([3, 9, 1]), asked(SHELF)).items.tolist() == [3, 9, 1]


@settings(max_examples=50)
@given(orders, st.floats(1, 20), st.floats(1, 3), st.sampled_from([Boost, Bury]))
def test_more_of_a_factor_never_moves_an_item_the_other_way(
    items: list[int], factor: float, more: float, rule: type[Boost] | type[Bury]
) -> None:
    less = places(rule('brand = "anvil"', factor)(slate(items), asked(SHELF)))
    further = places(rule('brand = "anvil"', factor * more)(slate(items), asked(SHELF)))
    sign = 1 if rule is Boost else -1
    for item in items:
        if brand(item) == "anvil":
            assert sign * further[item] <= sign * less[item] <= sign * (items.index(item) + 1)


@settings(max_examples=50)
@given(orders, st.floats(1, 20), st.sampled_from([Boost, Bury]))
def test_the_order_within_and_without_stays_and_scores_still_fall(
    items: list[int], factor: float, rule: type[Boost] | type[Bury]
) -> None:
    found = rule('brand = "anvil"', factor)(slate(items), asked(SHELF))
    for inside in (True, False):
        assert [item for item in found.items.tolist() if (brand(item) == "anvil") == inside] == [
            item for item in items if (brand(item) == "anvil") == inside
        ]
    assert found.scores.tolist() == slate(items).scores.tolist()


def test_freshness_alone_orders_by_age() -> None:
    assert Fresh(7, 1)(slate([5, 1, 3]), asked(SHELF)).items.tolist() == [1, 3, 5]


def test_freshness_is_mixed_by_its_formula() -> None:
    found = Fresh(half_life_days=2, weight=0.25)(slate([4, 2, 0], [3, 2, 1]), asked(SHELF))
    expected = {4: 0.75 * 1 + 0.25 / 4, 2: 0.75 * 0.5 + 0.25 / 2, 0: 0.25}
    assert dict(zip(found.items.tolist(), found.scores.tolist(), strict=True)) == pytest.approx(expected)


def test_without_weight_freshness_says_nothing() -> None:
    assert Fresh(7, 0)(slate([5, 1, 3]), asked(SHELF)).items.tolist() == [5, 1, 3]


def test_what_is_still_to_come_is_as_fresh_as_what_came_now() -> None:
    shelf = shop(2)
    shelf.put({"soon": row(-5)})
    found = Fresh(1, 1)(slate([2, 0]), asked(shelf))
    assert found.scores.tolist() == [1, 1]


def test_pins_stand_where_they_were_pinned() -> None:
    found = Pin({"i9": 1, "i7": 3})(slate([0, 1, 9, 2]), asked(SHELF))
    assert found.items.tolist() == [9, 0, 7, 1, 2]
    assert found.marks == {9: ("pinned",), 7: ("pinned",)}
    assert (np.diff(found.scores) <= 0).all()


def test_what_may_not_be_recommended_is_not_pinned() -> None:
    found = Pin({"i9": 1, "nowhere": 2})(slate([0, 1]), asked(SHELF, Person(hidden=numbers(9))))
    assert found.items.tolist() == [0, 1]


def test_of_two_pins_for_one_place_the_later_takes_the_next() -> None:
    assert Pin({"i9": 2, "i7": 2})(slate([0, 1]), asked(SHELF)).items.tolist() == [0, 9, 7, 1]


def test_pins_beyond_the_end_come_last() -> None:
    assert Pin({"i9": 90, "i7": 80})(slate([0, 1]), asked(SHELF)).items.tolist() == [0, 1, 7, 9]


@settings(max_examples=50)
@given(orders, st.dictionaries(st.integers(0, 11), st.integers(1, 12), max_size=5), st.frozensets(st.integers(0, 11)))
def test_pins_with_places_of_their_own_hold_if_allowed(
    items: list[int], pins: dict[int, int], hidden: frozenset[int]
) -> None:
    context = asked(SHELF, Person(hidden=numbers(*hidden)))
    given_items = [item for item in items if item not in hidden]
    found = Pin({f"i{item}": place for item, place in pins.items()})(slate(given_items), context)
    allowed = {item: place for item, place in pins.items() if item not in hidden}
    assert sorted(found.items.tolist()) == sorted({*given_items, *allowed})
    if len(set(allowed.values())) == len(allowed) and max(allowed.values(), default=0) <= len(found):
        assert {item: places(found)[item] for item in allowed} == allowed
    rest = [item for item in given_items if item not in allowed]
    assert [item for item in found.items.tolist() if item not in allowed] == rest


@settings(max_examples=50)
@given(orders, st.integers(1, 4))
def test_a_quota_lets_in_the_first_of_each_brand(items: list[int], most: int) -> None:
    found = Quota("brand", most)(slate(items), asked(SHELF))
    kept = [
        item for place, item in enumerate(items) if [brand(each) for each in items[:place]].count(brand(item)) < most
    ]
    assert found.items.tolist() == kept
    assert set(found.dropped[f"at most {most} of the same brand"].tolist()) == set(items) - set(kept)


@settings(max_examples=50)
@given(orders, st.integers(1, 4))
def test_a_quota_holds_for_each_of_an_items_categories(items: list[int], most: int) -> None:
    found = Quota("categories", most)(slate(items), asked(SHELF))
    counts = Counter(name for item in found.items.tolist() for name in row(item)["categories"])
    assert max(counts.values(), default=0) <= most


def test_items_that_say_nothing_are_under_no_quota() -> None:
    shelf = shop(0)
    shelf.put({f"i{item}": {"brand": None} for item in range(4)})
    assert len(Quota("brand", 1)(slate([0, 1, 2, 3]), asked(shelf))) == 4


def test_a_share_of_the_places_is_given_in_expectation() -> None:
    rule = Promote('brand = "chisel"', 0.25)
    given_items = [item for item in range(12) if brand(item) != "chisel"] + [2, 5, 8, 11]
    context, found = asked(SHELF, k=6, seed=7), []
    for _ in range(2_000):
        top = rule(slate(given_items), context).items[:6].tolist()
        found.append(sum(brand(item) == "chisel" for item in top))
    assert set(found) == {1, 2}
    # Bernoulli with p = 1/2 beside a sure one: four standard errors of 2,000 lists.
    assert abs(np.mean(found) - 0.25 * 6) < 4 * 0.5 / np.sqrt(2_000)


@settings(max_examples=50)
@given(orders, st.floats(0, 1), st.integers(1, 12), st.integers(0, 99))
def test_promoted_items_are_spread_evenly_and_all_keep_their_order(
    items: list[int], share: float, k: int, seed: int
) -> None:
    found = Promote('brand = "anvil"', share)(slate(items), asked(SHELF, k=k, seed=seed)).items.tolist()
    assert sorted(found) == sorted(items)
    own = [item for item in items if brand(item) == "anvil"]
    assert [item for item in found if brand(item) == "anvil"] == own
    for end in range(1, min(k, len(items)) + 1):
        have = sum(brand(item) == "anvil" for item in found[:end])
        anyway = sum(brand(item) == "anvil" for item in items[:end])
        least = min(int(np.floor(share * end)), len(own))
        assert have >= least
        assert have <= max(anyway, int(np.floor(share * end)) + 1)


def test_a_share_that_is_there_anyway_changes_nothing() -> None:
    found = Promote('brand = "anvil"', 0.5)(slate([0, 3, 6, 9, 1, 2]), asked(SHELF, k=6))
    assert found.items.tolist() == [0, 3, 6, 9, 1, 2]
    assert not found.marks


def test_what_was_promoted_is_marked() -> None:
    found = Promote('brand = "anvil"', 1)(slate([1, 2, 3]), asked(SHELF, k=1))
    assert found.items.tolist() == [3, 1, 2]
    assert found.marks == {3: ("promoted",)}


@pytest.mark.parametrize("rule", [Boost("price > 1"), Fresh(), Pin({"i1": 1}), Quota("brand", 1),
                                  Promote("price > 1", 0.5)], ids=lambda rule: rule.name)  # fmt: skip
def test_rules_are_stages_that_stand_an_empty_slate(rule: Stage) -> None:
    assert isinstance(rule, Stage)
    assert len(rule(Slate.empty(), asked(shop(0)))) == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Boost("price > 1", 0.5),
        lambda: Bury("price > 1", float("nan")),
        lambda: Fresh(0),
        lambda: Fresh(weight=1.5),
        lambda: Pin({"i1": 0}),
        lambda: Quota("brand", 0),
        lambda: Promote("price > 1", -0.1),
    ],
)
def test_settings_out_of_range_are_refused(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError):
        make()
