"""Windows of time: where they lie, what they hold, and who is asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from tastemaker.core.clock import from_microseconds
from tastemaker.core.errors import DataError
from tastemaker.data import Dataset, Split, global_time
from tastemaker.data.split import Rules, global_time_folds, make_splits

Of = Callable[..., Dataset]
Parts = Callable[[Split], tuple[list[int], list[int], list[int]]]
Questions = Callable[..., list[tuple[str, str, str]]]
Words = Callable[..., list[tuple[str, str, float]]]

# Eleven events of four people over six days, after RecTools' tests/model_selection/test_time_split.py.
ELEVEN = [
    ("1", "1", 1),
    ("1", "2", 2),
    ("2", "1", 2),
    ("2", "2", 3),
    ("3", "2", 3),
    ("3", "3", 3),
    ("3", "4", 4),
    ("1", "2", 4),
    ("3", "1", 5),
    ("4", "2", 5),
    ("3", "3", 6),
]
TWO_DAYS: dict[str, Any] = {"folds": 2, "test_days": 2, "align": "day", "targets_per_user": None}


@pytest.mark.parametrize(
    ("filters", "first", "second"),
    [
        ({}, [3, 4, 5, 6, 7], [8, 9, 10]),
        ({"drop_cold_users": True}, [3, 7], [8, 10]),
        ({"drop_cold_items": True}, [3, 4, 7], [8, 9, 10]),
        ({"drop_seen": True}, [3, 4, 5, 6], [8, 9]),
        ({"drop_cold_users": True, "drop_cold_items": True, "drop_seen": True}, [3], [8]),
    ],
)
@pytest.mark.parametrize("order", range(4))
@pytest.mark.parametrize("targets", ["each", "together"])
def test_two_windows_of_two_days(
    of: Of, filters: dict[str, bool], first: list[int], second: list[int], order: int, targets: str
) -> None:
    places = np.random.default_rng(order).permutation(11) if order else np.arange(11)
    data = of([ELEVEN[place] for place in places])
    knobs: dict[str, Any] = {"drop_seen": False, "train_on_valid": True, **filters}
    splits = make_splits(data, "global-time", **TWO_DAYS, targets=targets, **knobs)
    found = [
        (sorted(places[split.train.sequences.rows].tolist()), sorted(places[split.test.rows].tolist()))
        for split in splits
    ]
    assert found == [([0, 1, 2], first), ([*range(8)], second)]
    assert [str(from_microseconds(int(split.knobs["test_from"] or 0)))[:16] for split in splits] == [
        "2021-09-03 00:00",
        "2021-09-05 00:00",
    ]


def test_the_validation_window_is_as_long_as_the_test_window_and_comes_before_it(of: Of, parts: Parts) -> None:
    folds = global_time_folds(of(ELEVEN), **TWO_DAYS, rules=Rules(drop_seen=False))
    assert parts(folds[1]) == ([0, 1, 2], [3, 4, 5, 6, 7], [8, 9, 10])
    with pytest.raises(DataError, match="the training part of global-time is empty"):
        folds[0]  # what comes before the first window of two days is all selected on


def test_nothing_left_to_learn_from_is_refused_by_name(of: Of) -> None:
    with pytest.raises(DataError, match="the training part of global-time is empty"):
        global_time(of(ELEVEN), borders=[date(2021, 9, 3), date(2021, 9, 5)])


def test_hours_are_windows_too(of: Of, parts: Parts) -> None:
    day = [("u", item, 1 + minutes / 1440) for item, minutes in (("a", 0), ("b", 50), ("c", 250), ("d", 300))]
    split = global_time(of(day), test_days=2 / 24, align="hour", rules=Rules(train_on_valid=True))
    assert parts(split) == ([0, 1], [], [2, 3])  # from 22:00 to midnight
    with pytest.raises(DataError, match="the test part of global-time is empty"):
        list(global_time_folds(of(day), folds=2, test_days=2 / 24, align="hour", rules=Rules(train_on_valid=True)))


def test_a_last_event_on_the_border_of_a_unit_opens_the_next_unit(of: Of, parts: Parts) -> None:
    midnight = (24 * 60 - 18 * 60 - 5) / 1440  # from 18:05 to midnight, in days
    log = [("u", item, day + midnight) for day, item in enumerate("abc")]
    split = global_time(of(log), test_days=1, align="day", rules=Rules(train_on_valid=True))
    assert parts(split) == ([0, 1], [], [2])


def test_weeks_begin_on_monday(of: Of) -> None:
    log = [("u", f"i{day}", day) for day in range(1, 32)]  # up to Friday, 2021-10-01
    split = global_time(of(log), test_days=7, valid_days=3, align="week")
    assert from_microseconds(int(split.knobs["test_from"] or 0)) == datetime(2021, 9, 27, tzinfo=UTC)
    assert from_microseconds(int(split.knobs["valid_from"] or 0)) == datetime(2021, 9, 24, tzinfo=UTC)
    assert from_microseconds(int(split.knobs["test_to"] or 0)) == datetime(2021, 10, 4, tzinfo=UTC)


def test_without_alignment_the_last_window_ends_right_after_the_last_event(of: Of, parts: Parts) -> None:
    split = global_time(of([("u", f"i{day}", day) for day in range(10)]), test_days=2, valid_days=1)
    assert parts(split) == ([*range(7)], [7], [8, 9])


def test_borders_are_moments_in_utc_unless_they_have_a_zone(of: Of, parts: Parts) -> None:
    data = of([("u", f"i{day}", day) for day in range(1, 11)])
    rules = Rules(train_on_valid=True)
    expected: tuple[list[int], list[int], list[int]] = (
        [0, 1, 2, 3, 4],
        [],
        [5, 6],
    )  # from the 6th, 00:00, to before the 8th, 00:00
    borders: list[Any]
    for borders in (
        [date(2021, 9, 6), date(2021, 9, 8)],
        [datetime(2021, 9, 6), datetime(2021, 9, 8)],
        ["2021-09-06", "2021-09-08T00:00:00Z"],
        [datetime(2021, 9, 6, 9, tzinfo=timezone(timedelta(hours=9))), datetime(2021, 9, 8, tzinfo=UTC)],
    ):
        assert parts(global_time(data, borders=borders, rules=rules)) == expected
    assert parts(global_time(data, borders=["2021-09-06T18:05:00"], rules=rules)) == ([*range(5)], [], [*range(5, 10)])
    assert parts(global_time(data, borders=["2021-09-06T18:05:01"], rules=rules)) == ([*range(6)], [], [*range(6, 10)])


def test_where_only_days_are_known_a_window_is_as_long_as_its_days(of: Of, parts: Parts) -> None:
    data = of([("u", f"i{day}", day) for day in range(1, 11)])
    rules = Rules(ties="shuffle", tie_unit="day")
    assert parts(global_time(data, borders=["2021-09-09"], rules=rules)) == ([*range(6)], [6, 7], [8, 9])
    assert parts(global_time(data, test_days=2, rules=rules)) == ([*range(6)], [6, 7], [8, 9])


def test_several_borders_are_several_windows_that_touch(of: Of, parts: Parts) -> None:
    data = of([("u", f"i{day}", day) for day in range(1, 11)])
    splits = global_time_folds(data, borders=["2021-09-05", "2021-09-06", "2021-09-09"], valid_days=1)
    assert [parts(split) for split in splits] == [([0, 1, 2], [3], [4]), ([0, 1, 2, 3], [4], [5, 6, 7])]
    with pytest.raises(DataError, match="these borders make 2 windows"):
        global_time(data, borders=["2021-09-05", "2021-09-06", "2021-09-09"])


def test_shares_of_events_make_windows_that_touch(of: Of, parts: Parts) -> None:
    data = of([("u", f"i{day}", day) for day in range(1, 12)])
    splits = global_time_folds(data, folds=2, test=0.2, valid=0.1)
    assert [parts(split) for split in splits] == [
        ([*range(5)], [5], [6, 7]),
        ([*range(7)], [7], [8, 9, 10]),  # the last window holds its end
    ]
    assert [(split.knobs["fold"], split.knobs["folds"], split.knobs["window"]) for split in splits] == [
        (0, 2, "expanding"),
        (1, 2, "expanding"),
    ]
    assert parts(global_time(data, test=0.2)) == parts(splits[1])


def test_a_training_window_slides_and_the_events_before_it_serve_as_history(
    of: Of, parts: Parts, questions: Questions, words: Words
) -> None:
    data = of(words(u="abcdefghij"))
    splits = global_time_folds(data, folds=2, test_days=1, valid_days=1, train_days=3)
    assert [parts(split) for split in splits] == [([4, 5, 6], [7], [8]), ([5, 6, 7], [8], [9])]
    assert [questions(split.test) for split in splits] == [[("u", "abcdefgh", "i")], [("u", "abcdefghi", "j")]]
    assert {split.knobs["window"] for split in splits} == {"sliding"}
    warm = global_time(data, test_days=1, valid_days=1, train_from="2021-09-04T00:00:00Z")
    assert parts(warm) == ([3, 4, 5, 6, 7], [8], [9])
    assert questions(warm.valid) == [("u", "abcdefgh", "i")]


def test_users_need_events_before_the_window(of: Of, questions: Questions, words: Words) -> None:
    log = [*words(u="abcdef"), ("v", "a", 4), ("v", "b", 5), ("v", "c", 6), ("w", "a", 3), ("w", "b", 4), ("w", "c", 6)]
    knobs: dict[str, Any] = {"test_days": 2, "valid_days": 1}

    def asked(least: int) -> set[str]:
        return {user for user, _, _ in questions(global_time(of(log), **knobs, rules=Rules(min_history=least)).test)}

    # Before day 5: u has four events, v one, w two.
    assert asked(0) == {"u", "v", "w"}
    assert asked(2) == {"u", "w"}
    with pytest.raises(DataError, match="with a short history"):
        asked(5)


def test_one_question_for_each_user_and_window(of: Of, questions: Questions, words: Words) -> None:
    split = global_time(of(words(u="abcdefg", v="bcdaefa")), test_days=3, valid_days=2, targets="together")
    assert questions(split.test) == [("u", "abcd", "efg"), ("v", "bcda", "ef")]  # "a" was met before
    assert split.test.repeats == 1
    assert split.test.query.tolist() == [0, 0, 0, 1, 1]
    assert split.test.users.tolist() == [0, 1]
    capped = global_time(
        of(words(u="abcdefg", v="bcdaefa")), test_days=3, valid_days=2, targets="together", targets_per_user=2
    )
    assert np.bincount(capped.test.query).tolist() == [2, 2]
    assert questions(capped.test)[0][1] == "abcd"


def test_a_question_never_names_an_item_twice(of: Of, questions: Questions, words: Words) -> None:
    rules = Rules(drop_seen=False)
    data = of(words(u="abcdeea", v="abcdefg"))
    split = global_time(data, test_days=3, valid_days=2, targets="together", rules=rules)
    assert questions(split.test) == [("u", "abcd", "ea"), ("v", "abcd", "efg")]
    each = global_time(data, test_days=3, valid_days=2, rules=rules)
    assert questions(each.test)[:3] == [("u", "abcd", "e"), ("u", "abcde", "e"), ("u", "abcdee", "a")]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"folds": 0}, "folds is 0, but should be a whole number of at least 1"),
        ({"folds": 4, "test": 0.25}, "4 times test=1.0 leave nothing to learn from"),
        ({"test": "much"}, "leave nothing to learn from"),
        ({"test_days": -1}, "test_days is -1, but should be a number of days above 0"),
        ({"test_days": True}, "test_days is True"),
        ({"test_days": 1, "borders": ["2021-09-03"]}, "borders and test_days both say"),
        ({"train_days": 1, "train_from": "2021-09-03"}, "train_days and train_from both say"),
        ({"align": "day"}, "align needs windows of a given length"),
        ({"align": "dya", "test_days": 1}, "Did you mean 'day'"),
        ({"valid_days": 1}, "valid_days needs test_days or borders"),
        ({"borders": []}, "borders are moments that ascend"),
        ({"borders": ["2021-09-05", "2021-09-03"]}, "borders are moments that ascend"),
        ({"borders": ["soon"]}, "borders has 'soon', which is no time"),
        ({"borders": [3]}, "borders has 3, which is no time"),
        ({"borders": ["2021-09-03", "2021-09-05"], "folds": 2}, "2 borders make 1 windows, and folds is 2"),
        ({"train_from": "2022-01-01"}, "train_from lies after the first window"),
        ({"targets": "all"}, "targets is 'all', which is no choice"),
        ({"targets_per_user": 0}, "targets_per_user is 0"),
    ],
)
def test_knobs_out_of_place_are_refused(of: Of, knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        global_time_folds(of(ELEVEN), **knobs)
