"""Fusion of ranked lists: sums of reciprocal ranks, and of scores, by their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.errors import DataError, QueryError
from tastemaker.retrieval import reciprocal_rank_fusion, score_fusion
from tastemaker.retrieval.fusion import Found


def ranked(*rows: list[tuple[int, float]]) -> Found:
    """Return lists of numbers and scores, filled up to the longest."""
    width = max((len(row) for row in rows), default=0)
    numbers = np.full((len(rows), width), -1, dtype=np.int32)
    scores = np.full(numbers.shape, -np.inf, dtype=np.float32)
    for place, row in enumerate(rows):
        numbers[place, : len(row)] = [number for number, _ in row]
        scores[place, : len(row)] = [score for _, score in row]
    return numbers, scores


A = ranked([(7, 9.0), (3, 5.0), (4, 1.0)])
B = ranked([(3, 0.9), (8, 0.5)])


def test_reciprocal_ranks_by_hand() -> None:
    numbers, scores = reciprocal_rank_fusion([A, B], 4)
    assert numbers.tolist() == [[3, 7, 8, 4]]
    assert scores[0] == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63])


def test_reciprocal_ranks_take_a_constant_and_weights() -> None:
    numbers, scores = reciprocal_rank_fusion([A, B], 2, constant=0, weights=[1, 3])
    assert numbers.tolist() == [[3, 8]]
    assert scores[0] == pytest.approx([1 / 2 + 3, 3 / 2])


def test_scores_from_0_to_1_by_hand() -> None:
    numbers, scores = score_fusion([A, B], 5)
    assert numbers.tolist() == [[3, 7, 4, 8, -1]]
    assert scores[0, :4] == pytest.approx([0.5 + 1, 1, 0, 0])
    assert scores[0, 4] == -np.inf


def test_scores_as_they_are_by_hand() -> None:
    numbers, scores = score_fusion([A, B], 3, scale="as-is", weights=[1, 10])
    assert numbers.tolist() == [[3, 7, 8]]
    assert scores[0] == pytest.approx([14, 9, 5])


def test_a_list_of_equal_scores_is_all_1() -> None:
    numbers, scores = score_fusion([ranked([(5, 2.0), (6, 2.0)])], 2)
    assert (numbers.tolist(), scores.tolist()) == ([[5, 6]], [[1, 1]])


def test_equal_ones_come_by_number() -> None:
    numbers, _ = reciprocal_rank_fusion([ranked([(9, 1.0)]), ranked([(2, 1.0)])], 2)
    assert numbers.tolist() == [[2, 9]]


def test_several_queries_and_lists_with_nothing() -> None:
    first = ranked([(1, 2.0), (2, 1.0)], [])
    second = ranked([], [(4, 1.0)])
    for fuse in (reciprocal_rank_fusion, score_fusion):
        numbers, scores = fuse([first, second], 2)
        assert numbers.tolist() == [[1, 2], [4, -1]]
        assert np.array_equal(numbers == -1, scores == -np.inf)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="same queries"):
        reciprocal_rank_fusion([A, ranked([], [])], 2)
    with pytest.raises(DataError, match="same queries"):
        score_fusion([], 2)
    for weights in ([1], [1, -1], [1, np.nan]):
        with pytest.raises(DataError, match="2 numbers"):
            score_fusion([A, B], 2, weights=weights)
    with pytest.raises(QueryError, match="at least 1"):
        reciprocal_rank_fusion([A, B], 0)


lists = st.lists(st.lists(st.integers(0, 12), unique=True, max_size=8), min_size=1, max_size=4)


@given(lists, st.integers(1, 15))
def test_reciprocal_ranks_are_what_the_formula_gives(rows: list[list[int]], k: int) -> None:
    numbers, scores = reciprocal_rank_fusion([ranked([(n, -i) for i, n in enumerate(row)]) for row in rows], k)
    sums: dict[int, float] = {}
    for row in rows:
        for rank, number in enumerate(row, start=1):
            sums[number] = sums.get(number, 0) + 1 / (60 + rank)
    best = sorted(sums.values(), reverse=True)[:k]
    assert scores[0, : len(best)] == pytest.approx(best)
    found = numbers[0][numbers[0] >= 0].tolist()
    assert len(found) == len(best)
    assert [sums[number] for number in found] == pytest.approx(best)
