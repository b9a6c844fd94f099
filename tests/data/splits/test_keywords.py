"""Strangers who say keywords: who they are, what they say, what is asked, and what nobody may learn from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data import Dataset, Split
from tastemaker.data.split import Rules, keyword_user, make_split

from .test_facts import tagged

Of = Callable[..., Dataset]
Questions = Callable[..., list[tuple[str, str, str]]]
Words = Callable[..., list[tuple[str, str, float]]]


@pytest.fixture
def world(of: Of, words: Words) -> Dataset:
    """Six people; all but the last gave keywords to two items each, ``u5`` gave none."""
    log = words(**{f"u{number}": "abcdef" for number in range(6)})
    rows: list[tuple[str | None, str, str, float | None]] = []
    for number in range(5):
        user = f"u{number}"
        rows += [(user, "b", "Sea, side", 1), (user, "d", "sea  SIDE", 1), (user, "d", f"own {number}", 2)]
        rows += [(user, "z", "not touched", 2)]
    rows.append((None, "a", "a fact", None))
    return tagged(of(log), rows)


def test_a_stranger_says_what_they_said_most_often(world: Dataset, questions: Questions) -> None:
    split = keyword_user(world, keywords=2, valid=0.2, test=0.4)
    assert [(history, targets) for _, history, targets in questions(split.test)] == [("", "bd")] * 2
    assert split.test.queries.texts == tuple(f"sea side, own {user[1:]}" for user in split.test.queries.user_ids)
    one = keyword_user(world, keywords=1, valid=0.2, test=0.4)
    assert one.test.queries.texts == ("sea side",) * 2
    assert one.test.rows.tolist() == split.test.rows.tolist()
    assert one.hash != split.hash


def test_keywords_of_held_out_people_are_not_learnt_from(world: Dataset) -> None:
    split = make_split(world, "keyword-user", valid=0.2, test=0.4, run=Run(seed=3))
    held = {*split.test.queries.user_ids, *split.valid.queries.user_ids}
    assert len(held) == 3
    assert not held & set(split.train.sequences.user_ids)
    assert split.train.relations is not None
    assert not held & set(split.train.relations.frame["user_id"].drop_nulls())
    assert "a fact" in split.train.relations.frame["tail"].to_list()
    assert "u5" in split.train.sequences.user_ids


def test_a_disliked_item_is_no_answer(of: Of, words: Words, questions: Questions) -> None:
    log = words(u="ab", v="ab", w="ab", x="ab")
    data = tagged(of(log, weight=pl.Series([1.0, -1.0] * 4)), [(u, i, "tag", 1) for u in "uvwx" for i in "ab"])
    split = keyword_user(data, valid=0.25, test=0.25)
    assert [targets for _, _, targets in questions(split.test)] == ["a"]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"keywords": 0}, "keywords is 0"),
        ({"valid": 0.05}, "of 5 people with keywords, shares of valid=0.05 and test=0.5 are 0 and 3"),
        ({"rules": Rules(drop_cold_users=True)}, "asks strangers"),
        ({"rules": Rules(min_history=1)}, "asks strangers"),
    ],
)
def test_knobs_out_of_place_are_refused(world: Dataset, knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        keyword_user(world, **knobs)


def test_data_without_keywords_are_refused(of: Of, words: Words) -> None:
    with pytest.raises(DataError, match="needs keywords that people gave"):
        keyword_user(of(words(u="abc", v="abc", w="abc")))


def test_the_last_fit_may_learn_from_those_selected_on(world: Dataset) -> None:
    split: Split = keyword_user(world, valid=0.2, test=0.4, rules=Rules(train_on_valid=True))
    assert not len(split.valid)
    assert len(split.train.sequences.user_ids) == 4
