"""Ratings and labels are read from the events, and held-out ones keep their answers apart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import DataError, QueryError
from tastemaker.core.query import Event, Query, QueryBatch
from tastemaker.data import Dataset, labels_of, ratings_of, split_events
from tastemaker.data.labelled import TEXTS, texts_of, with_labels
from tastemaker.testing import small_shop


def log(**columns: list[Any]) -> Dataset:
    ids = {"user_id": ["u", "u", "v", "v"], "item_id": ["a", "b", "a", "c"]}
    return Dataset.of(pl.DataFrame(ids | columns, strict=False))


def test_ratings_are_read_and_missing_ones_are_no_number() -> None:
    assert ratings_of(log(rating=[5, None, 2, 3.5])).tolist()[::2] == [5, 2]
    assert np.isnan(ratings_of(log(rating=[5, None, 2, 3.5]))[1])


@pytest.mark.parametrize("columns", [{}, {"rating": [None] * 4}])
def test_events_without_ratings_say_what_to_do(columns: dict[str, list[Any]]) -> None:
    with pytest.raises(DataError, match=r"no ratings.*Name the column 'rating'"):
        ratings_of(log(**columns))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"label": [1, 0, None, 1], "rating": [1, 5, 5, 1]}, [1, 0, None, 1]),
        ({"label": [True, False, False, True]}, [1, 0, 0, 1]),
        ({"rating": [5, 3.9, None, 4]}, [1, 0, None, 1]),
        ({"weight": [1, 0, -1, 0.5]}, [1, 0, 0, 1]),
        ({"event": ["click", "hide", "buy", "dislike"]}, [1, 0, 1, 0]),
    ],
)
def test_a_label_is_the_column_else_the_rating_else_the_weight(
    columns: dict[str, list[Any]], expected: list[float | None]
) -> None:
    found = [None if np.isnan(label) else label for label in labels_of(log(**columns))]
    assert found == expected


def test_what_was_written_of_an_event_is_read_and_is_no_context() -> None:
    data = small_shop()
    said = pl.concat_str(pl.lit("no. "), pl.int_range(pl.len()).cast(pl.String))
    data = Dataset.of(data.interactions.frame.with_columns(**dict.fromkeys(TEXTS, said), slot=pl.lit("web")))
    split = split_events(data, "ratings", "random-ratio")
    assert split.test.context.columns == ["timestamp", "slot"]
    assert texts_of(split.train, "summary") == split.train.interactions.frame["summary"].to_list()
    assert len(texts_of(split.train, "text")) < len(texts_of(data, "text"))


@pytest.mark.parametrize("columns", [{}, {"summary": [None] * 4}, {"summary": [["a"], [], ["b"], []]}])
def test_events_without_texts_say_what_to_do(columns: dict[str, list[Any]]) -> None:
    with pytest.raises(DataError, match=r"no texts in a column 'summary'.*\[interactions\]"):
        texts_of(log(**columns), "summary")
    assert texts_of(log(summary=[None, "good", "", 5]), "summary") == ["", "good", "", "5"]


def test_where_a_like_begins_can_be_said() -> None:
    assert labels_of(log(rating=[5, 3.9, 1, 4]), liked_from=4.5).tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "all events are likes, so there is nothing to tell apart"),
        ({"rating": [1, 2, 1, 2]}, "all events are dislikes"),
        ({"label": [0, 1, 2, 1]}, "1 labels are neither 0 nor 1"),
    ],
)
def test_labels_of_one_kind_or_another_are_refused(columns: dict[str, list[Any]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        labels_of(log(**columns))


def test_labels_can_be_written_beside_the_events() -> None:
    data = with_labels(log(rating=[5, 3, None, 4]))
    assert data.interactions.frame["label"].to_list() == [1, 0, None, 1]
    assert data.fingerprint == log(rating=[5, 3, None, 4]).fingerprint


def test_a_history_carries_its_ratings_to_the_models() -> None:
    data = log(rating=[5, None, 2, 3])
    batch = data.histories(["u", "v"])
    assert batch.ratings is not None
    assert np.array_equal(batch.ratings[batch.starts[0] : batch.ends[0]], [5, np.nan], equal_nan=True)
    assert data.rated_history("u") == (Event("a", rating=5.0), Event("b"))
    again = QueryBatch.of([Query(history=data.rated_history("u")), Query(liked=("a",))])
    assert again.ratings is not None
    assert np.array_equal(again.ratings, [5, np.nan, np.nan], equal_nan=True)
    assert again[1:].ratings is again.ratings


def test_a_batch_without_ratings_has_none() -> None:
    assert QueryBatch.of([Query(liked=("a",))]).ratings is None
    assert log().histories(["u"]).ratings is None
    assert log().rated_history("u") == (Event("a"), Event("b"))


def test_a_rating_that_is_no_number_is_refused() -> None:
    with pytest.raises(QueryError, match="the rating of an event is nan"):
        Event("a", rating=float("nan"))


def test_a_part_of_labelled_events_keeps_their_answers_and_context() -> None:
    held = split_events(small_shop(), "ratings", test=0.2).test
    block = np.asarray([1, 4, 5])
    part = held[block]
    assert part.answers.tolist() == held.answers[block].tolist()
    assert part.context.equals(held.context[block.tolist()])
    assert part.rows.tolist() == held.rows[block].tolist()
    assert not hasattr(part.unanswered(), "answers")


def test_a_history_carries_times_and_weights_to_the_models() -> None:
    frame = pl.DataFrame(
        {
            "user_id": ["u", "u"],
            "item_id": ["a", "b"],
            "timestamp": [1_500_000_000, 1_500_000_060],
            "weight": [0.5, -1.0],
        }
    )
    data = Dataset.of(frame)
    first, second = data.rated_history("u")
    assert (first.weight, second.weight) == (0.5, -1.0)
    assert first.timestamp is not None
    assert second.timestamp == first.timestamp + timedelta(minutes=1)
    asked, stored = QueryBatch.of([Query(history=data.rated_history("u"))]), data.histories(["u"])
    assert asked.timestamps.tolist() == stored.timestamps[stored.starts[0] : stored.ends[0]].tolist()
