"""The answer is a table of distinct items, best first, for each query; contributions say where a score came from."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tastemaker.core.recommendations import Contribution, Contributions, Recommendation, Recommendations


@pytest.fixture
def answer() -> Recommendations:
    def column(*ids: str) -> np.ndarray:
        return np.asarray([*ids, None], dtype=object)[:-1]

    return Recommendations.of(
        [
            (column("a", "b"), np.asarray([0.5, 0.25], np.float32)),
            (column(), np.asarray([], np.float32)),
            (column("c"), np.asarray([2.0], np.float32)),
        ],
        degraded=("no history",),
    )


def test_each_query_has_its_items_and_scores(answer: Recommendations) -> None:
    assert [answer.items(query) for query in range(3)] == [["a", "b"], [], ["c"]]
    assert answer.scores(0).tolist() == [0.5, 0.25]
    assert answer.scores(1).tolist() == []
    assert answer.queries == 3
    assert len(answer) == 3
    assert answer.degraded == ("no history",)


def test_ranks_start_at_one_in_each_query(answer: Recommendations) -> None:
    assert answer.rank.tolist() == [1, 2, 1]
    assert list(answer) == [
        Recommendation(0, "a", 0.5, 1),
        Recommendation(0, "b", 0.25, 2),
        Recommendation(2, "c", 2.0, 1),
    ]


def test_the_table_is_a_frame_with_agreed_columns(answer: Recommendations) -> None:
    frame = answer.to_frame()
    assert frame.schema == {"query": pl.Int32, "item_id": pl.String, "score": pl.Float32, "rank": pl.Int32}
    assert frame.row(2) == (2, "c", 2.0, 1)


def test_no_queries_and_no_items_are_answers_too() -> None:
    empty = Recommendations.of([])
    assert (len(empty), empty.queries, list(empty)) == (0, 0, [])
    assert empty.to_frame().height == 0
    nothing = Recommendations.of([(np.empty(0, object), np.empty(0, np.float32))])
    assert nothing.items() == []
    assert nothing.to_frame().schema["item_id"] == pl.String


def test_contributions_are_summed_by_item_and_by_source_largest_first() -> None:
    parts = (
        Contribution("item", "a", 0.125, "rules"),
        Contribution("item", "b", 0.5, "rules"),
        Contribution("item", "a", 1.0, "words"),
        Contribution("text", "calm", 0.25, "words"),
        Contribution("popularity", "popularity", -0.5, "rules"),
    )
    contributions = Contributions("x", 1.375, parts)
    assert contributions.by_item() == {"a": 1.125, "b": 0.5}
    assert list(contributions.by_item()) == ["a", "b"]
    assert contributions.by_source() == {"words": 1.25, "rules": 0.125}
    assert list(contributions.by_source()) == ["words", "rules"]
