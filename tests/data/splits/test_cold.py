"""Items and users that training has never met."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data import Dataset, Split
from tastemaker.data.split import Rules, cold_item, cold_user

Of = Callable[..., Dataset]
Parts = Callable[[Split], tuple[list[int], list[int], list[int]]]
Questions = Callable[..., list[tuple[str, str, str]]]
Words = Callable[..., list[tuple[str, str, float]]]


def test_the_items_first_seen_last_are_cold(of: Of, questions: Questions, words: Words) -> None:
    data = of(words(u="abcxdye", v="abdcexy"))
    # First seen: a, b, c, d on days 1 to 4 (x on 4 too), e on 5, x on 4, y on 6.
    split = cold_item(data, by="first-seen", valid=0.15, test=0.15)
    assert questions(split.valid) == [("u", "abcxd", "e"), ("v", "abdc", "e")]
    assert questions(split.test) == [("u", "abcxd", "y"), ("v", "abdcx", "y")]
    assert split.train.history("u") == list("abcxd")
    assert sorted(split.train.catalogue.frame["item_id"]) == list("abcdexy")
    assert split.knobs["history_at_test"] == "all events before whose items are in training"


@pytest.mark.parametrize("by", ["random", "first-seen"])
@pytest.mark.parametrize("seed", range(4))
def test_training_and_histories_hold_no_cold_item_and_targets_nothing_else(
    of: Of, questions: Questions, words: Words, by: str, seed: int
) -> None:
    data = of(words(u="abcdefghij", v="jihgfedcba", w="acegibdfhj"))
    split = cold_item(data, valid=0.2, test=0.2, by=by, run=Run(seed=seed))
    learnt = set(split.train.interactions.frame["item_id"])
    cold = [set(held.queries.dictionary[held.targets]) for held in (split.valid, split.test)]
    assert [len(items) for items in (learnt, *cold)] == [6, 2, 2]
    assert learnt | cold[0] | cold[1] == set("abcdefghij")
    for held in (split.valid, split.test):
        for user, history, _ in questions(held):
            assert set(history) <= learnt
            sequence = "".join(data.history(user))
            assert history in "".join(item for item in sequence if item in learnt)
    assert len(split.test) == 6


def test_nobody_is_asked_more_than_the_cap(of: Of, words: Words) -> None:
    data = of(words(u="abcdefghij", v="jihgfedcba"))
    assert len(cold_item(data, valid=0.2, test=0.3, targets_per_user=None).test) == 6
    assert len(cold_item(data, valid=0.2, test=0.3, targets_per_user=1).test) == 2


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"by": "age"}, "by is 'age', which is no choice"),
        ({"valid": 0.5, "test": 0.5}, "leave nothing to learn from"),
        ({"valid": 0.01}, "of 10 items, shares of valid=0.01 and test=0.1 are 0 and 1"),
        ({"rules": Rules(drop_cold_items=True)}, "drop_cold_items would leave nothing"),
        ({"targets_per_user": 0}, "targets_per_user is 0"),
    ],
)
def test_item_knobs_out_of_place_are_refused(of: Of, words: Words, knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        cold_item(of(words(u="abcdefghij", v="jihgfedcba")), **knobs)


def test_first_seen_needs_times(of: Of) -> None:
    log = [("u", item, None) for item in "abcdefghij"]
    with pytest.raises(DataError, match="cold-item by first-seen needs times"):
        cold_item(of(log), by="first-seen")
    with pytest.raises(DataError, match="of 1 items"):
        cold_item(of([("u", "a", 1), ("v", "a", 1)]))


# -- users --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "asked", "expected"),
    [(3, 1, ("abc", "d")), (1, 2, ("a", "bc")), (0, 1, ("", "a")), (4, 9, ("abcd", "e"))],
)
def test_some_events_are_shown_and_the_next_are_asked(
    of: Of, questions: Questions, words: Words, shown: int, asked: int, expected: tuple[str, str]
) -> None:
    data = of(words(**{user: "abcde" for user in "mnopqrstvw"}))
    split = cold_user(data, shown=shown, asked=asked, valid=0.2, test=0.3)
    tested = {user for user, _, _ in questions(split.test)}
    chosen_on = {user for user, _, _ in questions(split.valid)}
    assert (len(tested), len(chosen_on)) == (3, 2)
    assert {(history, targets) for _, history, targets in questions(split.test)} == {expected}
    assert set(split.train.sequences.user_ids) == set("mnopqrstvw") - tested - chosen_on
    assert split.knobs["history_at_test"] == f"the first {shown} events"
    learnt = cold_user(
        data, shown=shown, asked=asked, valid=0.2, test=0.3, rules=Rules(train_on_valid=True)
    ).train.sequences
    assert set(learnt.user_ids) == set("mnopqrstvw") - tested
    assert len(learnt.rows) == 35


def test_users_with_nothing_to_ask_after_what_is_shown_are_learnt_from(
    of: Of, questions: Questions, words: Words
) -> None:
    data = of(words(m="abcd", n="abce", o="bacd", p="abc", q="bca"))
    for seed in range(5):
        split = cold_user(data, shown=3, valid=0.34, test=0.34, run=Run(seed=seed))
        assert {"p", "q"} <= set(split.train.sequences.user_ids)
        assert len({user for user, _, _ in questions(split.test) + questions(split.valid)}) == 2


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"shown": 5}, "cold-user shows 5 events and asks for the next, and nobody has more than 5"),
        ({"shown": -1}, "shown is -1"),
        ({"asked": 0}, "asked is 0"),
        ({"test": 0.01}, "of 4 users with more than 3 events, shares of valid=0.1 and test=0.01 are 0 and 0"),
        ({"valid": 0.6, "test": 0.39}, r"of 4 users with more than 3 events, .* are 2 and 2"),
        ({"valid": 0.7, "test": 0.3}, "leave nothing to learn from"),
        ({"rules": Rules(drop_cold_users=True)}, "drop_cold_users would leave nothing"),
        ({"valid": 0.3, "test": 0.3, "rules": Rules(min_history=4)}, "with a short history"),
    ],
)
def test_user_knobs_out_of_place_are_refused(of: Of, words: Words, knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        cold_user(of(words(m="abcde", n="abcde", o="abcde", p="abcde")), **knobs)


def test_strangers_need_others(of: Of, words: Words) -> None:
    with pytest.raises(DataError, match="cold-user needs at least 3 users, and here is 1"):
        cold_user(of(words(u="abcdef")))


def test_splits_that_differ_in_what_is_shown_ask_the_same_people_for_the_same_answers(
    of: Of, parts: Parts, questions: Questions, words: Words
) -> None:
    data = of(words(u="abcdefg", v="gfedcba", w="bdfaceg", x="cegbdfa", y="fbagced", z="ab"))
    splits = [cold_user(data, shown=shown, after=3, asked=2, valid=0.2, test=0.2) for shown in (0, 1, 3)]
    assert len({str(parts(split)) for split in splits}) == 1
    for shown, split in zip((0, 1, 3), splits, strict=True):
        (user, history, answers) = questions(split.test)[0]
        whole = "".join(data.history(user))
        assert history == whole[3 - shown : 3]
        assert answers == whole[3:5]
        assert split.knobs["history_at_test"] == (
            "the first 3 events" if shown == 3 else f"the latest {shown} of the first 3 events"
        )
    assert len({split.hash for split in splits}) == 3
    assert splits[2].train.history(questions(splits[2].test)[0][0]) == []


def test_a_cold_item_is_learnt_from_as_often_as_it_is_shown(of: Of, parts: Parts, words: Words) -> None:
    data = of(words(u="abcdefghij", v="jihgfedcba", w="acegibdfhj", x="bdfhjacegi"))
    first, second = (cold_item(data, shown=shown, after=2, valid=0.2, test=0.2) for shown in (0, 2))
    assert parts(first)[1:] == parts(second)[1:]
    cold = {*first.valid.queries.dictionary[first.valid.targets], *first.test.queries.dictionary[first.test.targets]}
    assert len(cold) == 4
    assert not cold & set(first.train.interactions.frame["item_id"])
    counts = second.train.interactions.frame["item_id"].to_list()
    assert [counts.count(item) for item in cold] == [2] * 4
    whole = data.interactions.frame.sort("timestamp", "order")
    for item in cold:
        earliest = whole.filter(whole["item_id"] == item)["order"].to_list()[:2]
        learnt = second.train.interactions.frame
        assert sorted(learnt.filter(learnt["item_id"] == item)["order"]) == sorted(earliest)


@pytest.mark.parametrize("protocol", [cold_item, cold_user])
def test_what_is_shown_comes_before_what_is_asked(of: Of, words: Words, protocol: Callable[..., Split]) -> None:
    with pytest.raises(DataError, match="2 events cannot be shown of the 1 before"):
        protocol(of(words(u="abcdefghij", v="jihgfedcba")), shown=2, after=1)
