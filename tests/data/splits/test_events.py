"""Events are cut for predictions: all of a part are asked about, and nobody sees an answer too early."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME
from tastemaker.core.run import Run
from tastemaker.data import Dataset, EventSplit, split_events
from tastemaker.testing import small_shop

SHOP = small_shop()
PROTOCOLS = pytest.mark.parametrize("protocol", ["global-time", "random-ratio"])


def rows_of(split: EventSplit) -> list[np.ndarray]:
    return [split.train.sequences.rows, split.valid.rows, split.test.rows]


@PROTOCOLS
def test_every_event_is_in_one_part(protocol: str) -> None:
    split = split_events(SHOP, "ratings", protocol)
    assert sorted(np.concatenate(rows_of(split)).tolist()) == list(range(len(SHOP.interactions)))


@PROTOCOLS
def test_answers_and_items_are_those_of_the_rows(protocol: str) -> None:
    split = split_events(SHOP, "ratings", protocol)
    frame = SHOP.interactions.frame.sort("order")
    for held in (split.valid, split.test):
        there = frame[held.rows.tolist()]
        assert held.answers.tolist() == there["rating"].to_list()
        assert held.queries.dictionary[held.targets].tolist() == there["item_id"].to_list()
        assert held.queries.user_ids[held.query].tolist() == there["user_id"].to_list()
        assert held.context["timestamp"].to_list() == there["timestamp"].to_list()
        assert set(held.context.columns) == {"timestamp"}


def test_by_time_a_question_comes_after_all_that_was_before_it() -> None:
    split = split_events(SHOP, "ratings", "global-time", valid=0.2, test=0.2)
    last = split.train.sequences.timestamps.max()
    for held in (split.valid, split.test):
        assert (held.queries.now >= last).all()
        last = held.queries.now.max()
        for query in range(len(held)):
            own = slice(held.queries.starts[query], held.queries.ends[query])
            assert (held.queries.timestamps[own] <= held.queries.now[query]).all()
            user = held.queries.user_ids[query]
            everything = [item for item in SHOP.history(user)]
            items = held.queries.dictionary[held.queries.codes[own]].tolist()
            assert items == everything[: len(items)]
            assert everything[len(items)] == held.queries.dictionary[held.targets[query]]


def test_drawn_events_are_asked_after_what_is_learnt_from() -> None:
    split = split_events(SHOP, "ratings", "random-ratio", valid=0.2, test=0.2)
    known = {"valid": set(split.train.sequences.rows), "test": {*split.train.sequences.rows, *split.valid.rows}}
    for name, held in (("valid", split.valid), ("test", split.test)):
        assert len(set(held.queries.user_ids)) == len(held) == held.user_count
        assert (held.queries.now == NO_TIME).all()
        for query in range(len(held)):
            own = slice(held.queries.starts[query], held.queries.ends[query])
            user, frame = held.queries.user_ids[query], SHOP.interactions.frame
            seen = frame.filter(pl.col("order").is_in(list(known[name])) & (pl.col("user_id") == user))
            assert held.queries.dictionary[held.queries.codes[own]].tolist() == seen["item_id"].to_list()
            assert held.queries.ratings is not None
            assert held.queries.ratings[own].tolist() == seen["rating"].to_list()


def test_dislikes_and_repeats_are_asked_about_and_what_has_no_answer_is_not() -> None:
    rows = [
        (f"u{user}", f"i{step % 5}", user * 20 + step, -1.0 if step % 2 else 1.0, None if step == 9 else 3.0)
        for user in range(6)
        for step in range(10)
    ]
    columns = ["user_id", "item_id", "timestamp", "weight", "rating"]
    data = Dataset.of(pl.DataFrame(rows, schema=columns, orient="row"))
    split = split_events(data, "ratings", "random-ratio", valid=0.3, test=0.4)
    asked = np.concatenate([split.valid.rows, split.test.rows])
    assert not (asked % 10 == 9).any()
    assert len(asked) == 60 - len(split.train.interactions) - np.isin(9 + 10 * np.arange(6), _unlearnt(split)).sum()
    assert (split.test.rows % 2).any()  # disliked
    assert any(len(set(split.test.targets[split.test.query == query])) < (split.test.query == query).sum()
               for query in range(len(split.test)))  # fmt: skip


def _unlearnt(split: EventSplit) -> np.ndarray:
    return np.setdiff1d(np.arange(60), split.train.sequences.rows)


def test_clicks_get_labels_that_models_learn_from() -> None:
    split = split_events(SHOP, "clicks", "random-ratio")
    assert set(split.test.answers) == {0.0, 1.0}
    train = split.train.interactions.frame
    assert (train["label"] == (train["rating"] >= 4).cast(pl.Int8)).all()
    strict = split_events(SHOP, "clicks", "random-ratio", liked_from=4.5)
    assert strict.test.answers.sum() < split.test.answers.sum()
    assert "label" not in split.test.context.columns


def test_the_hash_tells_splits_apart() -> None:
    made = [
        split_events(SHOP, "ratings", "random-ratio"),
        split_events(SHOP, "ratings", "random-ratio", per="all"),
        split_events(SHOP, "ratings", "random-ratio", run=Run(seed=1)),
        split_events(SHOP, "ratings", "global-time"),
        split_events(SHOP, "clicks", "global-time"),
    ]
    assert len({split.hash for split in made}) == len(made)
    assert split_events(SHOP, "ratings", "random-ratio").hash == made[0].hash


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"task": "rating"}, "task is 'rating', which is no choice"),
        ({"protocol": "leave-one-out"}, "protocol is 'leave-one-out', which is no choice"),
        ({"valid": 0.6, "test": 0.6}, "leave nothing to learn from"),
        ({"per": "item"}, "per is 'item'"),
    ],
)
def test_knobs_out_of_place_are_refused(chosen: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        split_events(SHOP, **{"task": "ratings", **chosen})


def test_without_times_the_remedy_is_to_draw() -> None:
    data = Dataset.of(pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"], "rating": [1, 2]}))
    with pytest.raises(DataError, match="--protocol random-ratio"):
        split_events(data, "ratings")
    with pytest.raises(DataError, match="part of random-ratio is empty"):
        split_events(data, "ratings", "random-ratio")
