"""Events drawn at random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME
from tastemaker.core.run import Run
from tastemaker.data import Dataset, Split
from tastemaker.data.split import random_ratio

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
