"""The first-order Markov chain: only the latest event speaks, by what came right after it."""

from __future__ import annotations

import polars as pl
import pytest

from tastemaker.core.query import Query, as_events
from tastemaker.data import Dataset
from tastemaker.models import Markov
from tastemaker.models.item_to_item import PRIOR_SCALE


def log_of(histories: dict[str, list[str]]) -> Dataset:
    rows = [(user, item, place) for user, items in histories.items() for place, item in enumerate(items)]
    return Dataset.of(pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row"))


DATA = log_of({"u": ["a", "b", "c", "b"], "v": ["a", "c"], "w": ["a", "c", "e"]})


def asked(*items: str, disliked: tuple[str, ...] = ()) -> Query:
    return Query(history=as_events(items), disliked=disliked)


@pytest.mark.parametrize(
    ("latest", "expected"), [("a", {"b": 1, "c": 2}), ("b", {"c": 1}), ("c", {"b": 1, "e": 1}), ("e", {})]
)
def test_a_score_is_how_often_the_item_came_right_after_the_latest(latest: str, expected: dict[str, int]) -> None:
    model = Markov().fit(DATA)
    for item in "abce":
        assert model.explain(asked(latest), item).score == pytest.approx(expected.get(item, 0), abs=2 * PRIOR_SCALE)


def test_earlier_events_say_nothing() -> None:
    model = Markov().fit(DATA)
    assert model.explain(asked("a", "e"), "c").by_item() == {"e": 0}
    assert model.recommend(history=["a", "b"], k=4, exclude_seen=False).items()[0] == "c"


def test_the_last_of_one_person_is_not_followed_by_the_first_of_the_next() -> None:
    model = Markov().fit(log_of({"u": ["a", "b"], "v": ["c", "d"]}))
    assert model.explain(asked("b"), "c").score < 2 * PRIOR_SCALE


def test_what_never_followed_goes_by_popularity() -> None:
    model = Markov().fit(DATA)
    assert model.recommend(history=["e"], k=3).items()[:2] in (["a", "c"], ["c", "a"])
    assert model.recommend(history=["e"], k=4).items()[2] == "b"


def test_without_a_history_the_answer_says_that_it_is_popularity() -> None:
    assert "popular" in Markov().fit(DATA).recommend(history=[]).degraded[0]


def test_the_latest_dislike_counts_against_what_came_after_it() -> None:
    model = Markov().fit(DATA)
    assert model.explain(asked("a", disliked=("c",)), "b").score == pytest.approx(1 - 1, abs=2 * PRIOR_SCALE)


def test_new_people_count_as_if_they_had_been_there() -> None:
    grown = Markov().fit(log_of({"u": ["a", "b", "c"]})).extend(interactions=log_of({"v": ["b", "a"], "w": ["b", "z"]}))
    fresh = Markov().fit(log_of({"u": ["a", "b", "c"], "v": ["b", "a"], "w": ["b", "z"]}))
    for item in "acz":
        assert grown.explain(asked("b"), item).score == pytest.approx(fresh.explain(asked("b"), item).score)
