"""Metrics hold the values that trec_eval, RecTools, implicit and RePlay agree on, and their own formulas."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.errors import DataError
from tastemaker.evaluation.metrics import hit_rate, mrr, ndcg, precision, recall
from tastemaker.evaluation.targets import NEVER, NONE, per_user, ranks_in_lists

# The example of RePlay's tests; values confirmed with pytrec-eval-terrier, RecTools and implicit.
LISTS = [[3, 7, 10, 11, 2], [5, 8, 11, 1, 3], [4, 9, 2]]
TRUTH = [{5, 6, 7, 8, 9, 10}, {4, 6, 7, 10, 11}, {1, 2, 3, 4, 5}]
GOLDEN = {
    precision: (0.555556, 0.333333, 0.166667),
    recall: (0.311111, 0.311111, 0.311111),
    hit_rate: (1.0, 1.0, 1.0),
    mrr: (0.611111, 0.611111, 0.611111),
    ndcg: (0.489760, 0.353962, 0.340181),
}
CASES = [(metric, k, value) for metric, values in GOLDEN.items() for k, value in zip((3, 5, 10), values, strict=True)]
METRICS: list[Any] = list(GOLDEN)


@pytest.mark.parametrize(("metric", "k", "value"), CASES)
def test_metrics_agree_with_the_published_answers(metric: Any, k: int, value: float) -> None:
    assert metric(ranks_in_lists(LISTS, TRUTH), k).mean() == pytest.approx(value, abs=1e-6)


def test_lists_of_one_target_give_the_same_as_its_rank() -> None:
    lists = [list("abcdefghij")] * 4
    truth = [{"a"}, {"c"}, {"j"}, {"z"}]
    ranks = np.array([1, 3, 10, NEVER])
    for metric in METRICS:
        assert metric(ranks_in_lists(lists, truth), 5).tolist() == metric(ranks, 5).tolist()


def test_an_item_that_a_list_repeats_is_one_hit_at_its_first_place() -> None:
    ranks = ranks_in_lists([["a", "a", "a", "b"]], [{"a", "b"}])
    assert ranks.tolist() == [[1, 4]]
    assert recall(ranks, 3).tolist() == [0.5]
    assert precision(ranks, 4).tolist() == [0.5]


def test_a_query_without_relevant_items_scores_nothing() -> None:
    ranks = ranks_in_lists([["a"], ["a"]], [set(), {"a"}])
    assert ranks.tolist() == [[NONE], [1]]
    for metric in METRICS:
        assert metric(ranks, 1).tolist() == [0.0, 1.0]


def test_no_queries_give_no_values() -> None:
    for metric in METRICS:
        assert metric(ranks_in_lists([], []), 3).shape == (0,)


def test_the_best_order_of_many_relevant_items_has_an_ndcg_of_one() -> None:
    ranks = ranks_in_lists([[1, 2, 3]], [{1, 2, 3, 4, 5}])
    assert ndcg(ranks, 3).tolist() == [1.0]
    assert ndcg(ranks, 5)[0] < 1.0


def test_a_cut_off_below_one_is_refused() -> None:
    with pytest.raises(DataError, match="k = 0"):
        ndcg(np.array([1]), 0)


def test_lists_and_truths_must_come_in_pairs() -> None:
    with pytest.raises(DataError, match="2 lists cannot be judged by 1"):
        ranks_in_lists([[1], [2]], [{1}])


lists_and_truth = st.lists(
    st.tuples(st.lists(st.integers(0, 12), max_size=12), st.sets(st.integers(0, 12), max_size=6)),
    min_size=1,
    max_size=5,
)


@given(lists_and_truth, st.integers(1, 15))
def test_metrics_lie_between_nothing_and_one(pairs: list[tuple[list[int], set[int]]], k: int) -> None:
    ranks = ranks_in_lists([items for items, _ in pairs], [relevant for _, relevant in pairs])
    for metric in METRICS:
        values = metric(ranks, k)
        assert ((values >= 0) & (values <= 1 + 1e-12)).all()


@given(lists_and_truth, st.integers(1, 15), st.randoms(use_true_random=False))
def test_the_order_of_queries_does_not_matter(pairs: Any, k: int, random: Any) -> None:
    order = list(range(len(pairs)))
    random.shuffle(order)
    for metric in METRICS:
        plain = metric(ranks_in_lists(*zip(*pairs, strict=True)), k)
        shuffled = metric(ranks_in_lists(*zip(*(pairs[place] for place in order), strict=True)), k)
        assert plain[order].tolist() == shuffled.tolist()


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6, unique=True), st.integers(1, 30))
def test_ndcg_is_the_formula(places: list[int], k: int) -> None:
    gain = sum(1 / np.log2(place + 1) for place in places if place <= k)
    ideal = sum(1 / np.log2(place + 1) for place in range(1, min(k, len(places)) + 1))
    assert ndcg(np.array([places]), k)[0] == pytest.approx(gain / ideal)


def test_users_count_the_same_however_often_they_ask() -> None:
    users = np.array([1, 0, 1, 1, 1], dtype=np.int32)
    assert per_user(np.array([0.0, 1.0, 0.0, 0.0, 1.0]), users).tolist() == [1.0, 0.25]


def test_metrics_grow_with_the_cut_off_except_precision() -> None:
    ranks = np.array([1, 2, 5, 9, NEVER])
    for metric in (hit_rate, recall, mrr, ndcg):
        means = [metric(ranks, k).mean() for k in range(1, 12)]
        assert all(before <= after for before, after in itertools.pairwise(means))
