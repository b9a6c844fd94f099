"""Equal times: the order of the file, or one that is drawn; nothing else moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME
from tastemaker.core.run import Run
from tastemaker.data import Dataset, leave_one_out
from tastemaker.data.split import Rules, make_split, random_ratio
from tastemaker.data.splits.ties import shuffle_ties

Of = Callable[..., Dataset]
Questions = Callable[..., list[tuple[str, str, str]]]

# Two users with all their events at one time, one with distinct times, one with a tie in the middle.
LOG = [
    *(("t", item, 1) for item in "abcdefgh"),
    *(("u", item, 2) for item in "hgfedcba"),
    *(("v", item, day) for day, item in enumerate("abcdefgh")),
    *(("w", item, day) for item, day in zip("abcdefgh", (1, 2, 3, 3, 3, 4, 5, 6), strict=True)),
]
SHUFFLE = Rules(ties="shuffle")


def test_file_order_takes_the_last_row_and_swapping_rows_swaps_the_answer(of: Of, questions: Questions) -> None:
    log = [("u", "a", 0), ("u", "b", 1), ("u", "c", 1)]
    assert [target for _, _, target in questions(leave_one_out(of(log)).test)] == ["c"]
    assert [target for _, _, target in questions(leave_one_out(of([log[0], log[2], log[1]])).test)] == ["b"]


def test_a_shuffle_moves_events_of_equal_time_only(of: Of, questions: Questions) -> None:
    data = of(LOG)
    seen: Counter[Any] = Counter()
    for seed in range(40):
        split = leave_one_out(data, rules=SHUFFLE, run=Run(seed=seed))
        found = {user: (history, target) for user, history, target in questions(split.test)}
        assert sorted("".join(found["t"])) == list("abcdefgh")
        assert found["v"] == ("abcdefg", "h")
        history, target = found["w"]
        assert (history[:2], sorted(history[2:5]), history[5:], target) == ("ab", ["c", "d", "e"], "fg", "h")
        seen[found["t"][1]] += 1
        seen["w", history[2:5]] += 1
    assert len([item for item in seen if len(item) == 1]) > 4
    assert len([item for item in seen if item[0] == "w"]) == 6  # each of the orders of three


def test_training_follows_the_same_order_as_histories(of: Of, questions: Questions) -> None:
    split = leave_one_out(of(LOG), rules=SHUFFLE, run=Run(seed=3))
    for user, history, _ in questions(split.valid):
        assert split.train.history(user) == list(history)


def test_rows_and_fingerprint_stay_those_of_the_data(of: Of) -> None:
    data = of(LOG)
    view = shuffle_ties(data, np.random.default_rng(1))
    assert view.fingerprint == data.fingerprint
    assert view.items is data.items
    assert sorted(view.sequences.rows) == list(range(len(LOG)))
    items = view.items.ids[view.sequences.codes]
    assert [LOG[row][1] for row in view.sequences.rows] == items.tolist()
    assert view.provenance().overlap(data.fingerprint, data.sequences.rows) == len(LOG)
    split = leave_one_out(data, rules=SHUFFLE)
    assert split.train.provenance().overlap(data.fingerprint, np.sort(split.test.rows)) == 0


def test_the_seed_and_the_policy_are_in_the_hash(of: Of) -> None:
    data = of(LOG)
    hashes = [
        leave_one_out(data).hash,
        leave_one_out(data, rules=SHUFFLE).hash,
        leave_one_out(data, rules=SHUFFLE, run=Run(seed=1)).hash,
        leave_one_out(data, rules=Rules(ties="shuffle", tie_unit="day")).hash,
    ]
    assert len(set(hashes)) == 4
    assert leave_one_out(data, run=Run(seed=1)).hash == hashes[0]
    assert leave_one_out(data, rules=SHUFFLE).knobs["ties"] == "shuffled"


def test_the_events_of_a_day_are_shuffled_and_only_their_day_is_known(of: Of) -> None:
    hour = 1 / 24
    log = [("u", item, 1 + hour * place) for place, item in enumerate("abcdef")]  # 18:05 to 23:05, 2021-09-01
    log += [("u", "g", 1 + 6 * hour), ("u", "h", 3)]  # 00:05 on the day after
    orders = set()
    for seed in range(20):
        view = shuffle_ties(of(log), np.random.default_rng(seed), "day")
        order = "".join(view.history("u"))
        assert (sorted(order[:6]), order[6:]) == (list("abcdef"), "gh")
        orders.add(order)
        times = view.interactions.frame["timestamp"]
        assert times.dt.hour().to_list() == [0] * 8
        assert times.is_sorted()
    assert len(orders) > 10


def test_days_before_1970_are_days_too() -> None:
    times = ["1969-12-31T23:00:00Z", "1969-12-31T01:00:00Z", "1970-01-01T01:00:00Z"]
    data = Dataset.of(pl.DataFrame({"user_id": ["u"] * 3, "item_id": list("abc"), "timestamp": times}))
    found = {"".join(shuffle_ties(data, np.random.default_rng(seed), "day").history("u")) for seed in range(20)}
    assert found == {"abc", "bac"}


def test_an_event_without_a_time_keeps_its_place(of: Of) -> None:
    days = (1, None, 1, 1, None, 2, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)
    log = [("u", item, day) for item, day in zip("abcdefghijklmnopqrst", days, strict=True)]
    orders = set()
    for seed in range(10):
        view = shuffle_ties(of(log), np.random.default_rng(seed))
        order = "".join(view.history("u"))
        assert (order[1], order[4], order[9:]) == ("b", "e", "jklmnopqrst")
        assert sorted(order[:4]) == list("abcd")
        assert (view.sequences.timestamps == NO_TIME).nonzero()[0].tolist() == [1, 4]
        orders.add(order)
    assert len(orders) > 3


def test_without_times_there_are_no_ties_to_shuffle(of: Of) -> None:
    with pytest.raises(DataError, match="shuffling ties needs times, and these events have none"):
        leave_one_out(of([("u", item, None) for item in "abcd"]), rules=SHUFFLE)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [({"ties": "shuffel"}, "Did you mean 'shuffle'"), ({"tie_unit": "week"}, "tie_unit is 'week'"), ({"ties": 1}, "1")],
)
def test_unknown_policies_are_refused(of: Of, knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make_split(of(LOG), "leave-one-out", **knobs)


LOGS = st.lists(
    st.tuples(st.sampled_from("stu"), st.sampled_from("abcdefgh"), st.integers(0, 4)), min_size=3, max_size=40
)


@given(log=LOGS, seed=st.integers(0, 50))
@settings(max_examples=60)
def test_shuffling_is_a_permutation_within_each_user_and_time(of: Of, log: list[Any], seed: int) -> None:
    data = of(log)
    view = shuffle_ties(data, np.random.default_rng(seed))
    before, after = data.interactions.frame, view.interactions.frame
    assert after.select("user_id", "timestamp").equals(before.select("user_id", "timestamp"))
    assert sorted(after.rows()) == sorted(before.rows())


def test_where_no_times_are_equal_nothing_changes(of: Of) -> None:
    log = [(user, item, day) for user in "stu" for day, item in enumerate("abcdefghij")]
    data = of(log)
    assert shuffle_ties(data, np.random.default_rng(2)).interactions.frame.equals(data.interactions.frame)
    first, other = random_ratio(data), random_ratio(data, rules=SHUFFLE)
    assert first.test.rows.tolist() == other.test.rows.tolist()
