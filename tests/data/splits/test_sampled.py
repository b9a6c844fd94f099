"""Events drawn at random, and splits that data bring along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME
from tastemaker.core.run import Run
from tastemaker.data import Dataset, Split
from tastemaker.data.split import Rules, given_frames, given_split, random_ratio

Of = Callable[..., Dataset]
Parts = Callable[[Split], tuple[list[int], list[int], list[int]]]
Questions = Callable[..., list[tuple[str, str, str]]]
Words = Callable[..., list[tuple[str, str, float]]]


def test_each_user_gives_the_same_share_and_training_is_the_history(
    of: Of, parts: Parts, questions: Questions, words: Words
) -> None:
    data = of(words(u="abcdefghij", v="klmnopqrst"))
    split = random_ratio(data, valid=0.2, test=0.3)
    assert [len(part) for part in parts(split)] == [10, 4, 6]
    for (user, history, targets), (_, known, chosen_on) in zip(
        questions(split.test), questions(split.valid), strict=True
    ):
        learnt = "".join(split.train.history(user))
        assert known == learnt
        assert sorted(history) == sorted(learnt + chosen_on)
        assert sorted(history + targets) == sorted("abcdefghij" if user == "u" else "klmnopqrst")
    assert set(split.test.queries.now) == {NO_TIME}
    assert split.knobs["history_at_valid"] == "the user's events in training, whatever their time"
    assert split.knobs["history_at_test"] == "the user's events in training and validation, whatever their time"


def test_a_history_keeps_the_order_of_time(of: Of, questions: Questions, words: Words) -> None:
    for user, history, targets in questions(random_ratio(of(words(u="abcdefghij"))).test):
        assert user == "u"
        assert history == "".join(sorted(history))
        assert len(targets) == 1


def test_a_share_of_all_events(of: Of, parts: Parts, words: Words) -> None:
    data = of(words(u="abcdefghijklmnop", v="ab", w="ba"))
    split = random_ratio(data, valid=0.25, test=0.25, per="all")
    assert [len(part) for part in parts(split)] == [10, 5, 5]


def test_the_seed_draws(of: Of, parts: Parts, words: Words) -> None:
    data = of(words(u="abcdefghij", v="klmnopqrst"))
    assert parts(random_ratio(data)) == parts(random_ratio(data, run=Run(seed=0)))
    assert parts(random_ratio(data)) != parts(random_ratio(data, run=Run(seed=1)))


def test_an_item_in_training_is_no_answer(of: Of, words: Words) -> None:
    data = of(words(u="ab" * 10, v="abcdefghij"))
    for seed in range(5):
        split = random_ratio(data, valid=0.3, test=0.3, run=Run(seed=seed))
        learnt = set(zip(*split.train.interactions.frame.select("user_id", "item_id"), strict=True))
        frame = data.interactions.frame.filter(pl.col("order").is_in(split.valid.rows))
        assert not learnt & set(zip(*frame.select("user_id", "item_id"), strict=True))
        assert split.test.dropped["for items met before"] == split.test.repeats > 0


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"per": "item"}, "per is 'item', which is no choice"),
        ({"test": 1.0}, "leave nothing to learn from"),
        ({"test": 0.01}, "the test part of random-ratio is empty"),
    ],
)
def test_knobs_out_of_place_are_refused(of: Of, words: Words, knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        random_ratio(of(words(u="abcdefgh", v="cdefgh")), **knobs)


# -- splits that data bring along ---------------------------------------------------------------------------------


def test_rows_may_be_named_or_masked(of: Of, parts: Parts, questions: Questions, words: Words) -> None:
    data = of(words(u="abcd", v="bcde"))
    split = given_split(data, test_rows=[1, 6], valid_rows=np.arange(8) == 0)
    assert parts(split) == ([2, 3, 4, 5, 7], [0], [1, 6])
    assert questions(split.valid) == [("u", "cd", "a")]
    assert questions(split.test) == [("u", "acd", "b"), ("v", "bce", "d")]
    before = given_split(data, test_rows=[3, 7], valid_rows=[2], history="before")
    assert questions(before.test) == [("u", "abc", "d"), ("v", "bcd", "e")]


def test_validation_is_drawn_from_training(of: Of, parts: Parts, words: Words) -> None:
    data = of(words(u="abcdefghij", v="bcdefghija"))
    train, valid, test = parts(given_split(data, test_rows=[9, 19], valid=0.2))
    assert test == [9, 19]
    assert [len(train), len(valid)] == [14, 4]
    assert len([row for row in valid if row < 10]) == 2
    assert parts(given_split(data, test_rows=[9, 19], valid=0.2, run=Run(seed=2)))[1] != valid
    everything = given_split(data, test_rows=[9, 19], rules=Rules(train_on_valid=True))
    assert parts(everything) == ([*range(9), *range(10, 19)], [], [9, 19])


def test_tables_of_a_given_split_are_put_together() -> None:
    train = pl.DataFrame({"user_id": ["u", "v", "u", None], "item_id": ["a", "b", "c", "d"]})
    test = pl.DataFrame({"item_id": ["d", "a"], "user_id": ["u", "v"], "weight": [1.0, 1.0]})
    valid = pl.DataFrame({"user_id": ["v"], "item_id": ["c"]})
    data, rows = given_frames(train, test, valid, name="given")
    assert (data.name, data.interactions.rejected["order"].to_list()) == ("given", [3])
    assert {name: found.tolist() for name, found in rows.items()} == {"test_rows": [4, 5], "valid_rows": [6]}
    assert "_part" not in data.interactions.frame.columns
    split = given_split(data, **rows)
    assert sorted(split.train.sequences.rows.tolist()) == [0, 1, 2]
    assert split.test.rows.tolist() == [4, 5]


def test_tables_with_positions_keep_their_parts() -> None:
    train = pl.DataFrame({"user_id": ["v", "u", "u"], "item_id": ["b", "c", "a"], "position": [0, 1, 0]})
    test = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["b", "a"], "position": [2, 1]})
    data, rows = given_frames(train, test)
    split = given_split(data, **rows, rules=Rules(train_on_valid=True))
    assert split.train.history("u") == ["a", "c"]
    assert split.test.queries.dictionary[split.test.targets].tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"test_rows": []}, "test_rows names no rows"),
        ({"test_rows": "test"}, "test_rows names no rows"),
        ({"test_rows": [0.5]}, "test_rows names no rows"),
        ({"test_rows": [99]}, "not one of the rows in test_rows is an event of the data"),
        ({"test_rows": [0, 1], "valid_rows": [1, 2]}, "1 rows are in test_rows and in valid_rows"),
        ({"test_rows": [3], "history": "all"}, "history is 'all', which is no choice"),
        ({"test_rows": [3], "valid": 1.5}, "a share of valid=1.5 leaves nothing to learn from"),
    ],
)
def test_rows_out_of_place_are_refused(of: Of, words: Words, knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        given_split(of(words(u="abcd", v="bcde")), **knobs)
