"""Queries with several answers: each has its own place among all unseen items, and one answer is the plain case."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse, stats

from tastemaker.data import HeldOut
from tastemaker.evaluation import counting
from tastemaker.evaluation.metrics import hit_rate, ndcg, recall
from tastemaker.evaluation.ranking import of_targets, rank_targets, validation_ndcg, validation_ranks
from tastemaker.evaluation.targets import NEVER, TargetRanks, per_user
from tastemaker.evaluation.ties import distinct_places, stream

Ask = Callable[..., HeldOut]
InOrder = Callable[[Any], Callable[[Any], Any]]
Problem = tuple[NDArray[np.float32], list[list[int]], list[list[int]]]


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Scores with many ties, one target or more for each query, and histories that may hold targets."""
    items, queries = draw(st.integers(1, 40)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.integers(0, draw(st.integers(1, 6)), (queries, items)).astype(np.float32)
    if draw(st.booleans()):
        scores[rng.random(scores.shape) < 0.2] = -np.inf
    sizes = rng.integers(1, items + 1, queries)
    targets = [rng.choice(items, size, replace=False).tolist() for size in sizes]
    histories = [rng.integers(0, items, rng.integers(0, items + 1)).tolist() for _ in targets]
    return scores, targets, histories


@given(problem=problems(), k=st.integers(1, 45), seed=st.integers(0, 3))
@settings(max_examples=300)
def test_ranks_are_places_in_one_list_of_all_unseen_items(
    ask: Ask, in_order: InOrder, problem: Problem, k: int, seed: int
) -> None:
    scores, targets, histories = problem
    held = ask(targets, histories, items=scores.shape[1])
    found = rank_targets(in_order(scores), held, held.queries.dictionary, k=k, seed=seed)
    for number, (row, wanted, history) in enumerate(zip(scores, targets, histories, strict=True)):
        ranks = found.ranks[held.query == number].tolist()
        assert len(set(ranks)) == len(ranks)
        unseen = [item for item in range(len(row)) if item in wanted or item not in history]
        for target, rank in zip(wanted, ranks, strict=True):
            best = 1 + sum(row[item] > row[target] for item in unseen)
            assert best <= rank < best + sum(row[item] == row[target] for item in unseen)
        shown = [item for item in found.lists[number].tolist() if item >= 0]
        assert [row[item] for item in shown] == sorted((row[i] for i in unseen if row[i] > -np.inf), reverse=True)[:k]
        assert len(set(shown)) == len(shown)
        assert set(shown) <= set(unseen)
        places = {target: rank for target, rank in zip(wanted, ranks, strict=True) if row[target] > -np.inf}
        assert {item: place for place, item in enumerate(shown, 1) if item in wanted} == {
            target: rank for target, rank in places.items() if rank <= k
        }


@given(problem=problems(), block=st.integers(1, 4), sort_from=st.sampled_from([1, 3, 100]))
def test_neither_blocks_nor_the_way_of_counting_change_anything(
    ask: Ask, in_order: InOrder, problem: Problem, block: int, sort_from: int
) -> None:
    scores, targets, histories = problem
    held = ask(targets, histories, items=scores.shape[1])
    whole = rank_targets(in_order(scores), held, held.queries.dictionary, k=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "_SORT_FROM", sort_from)
        cut = rank_targets(in_order(scores), held, held.queries.dictionary, k=3, block=block)
    assert whole.ranks.tolist() == cut.ranks.tolist()
    assert whole.lists.tolist() == cut.lists.tolist()


@given(problem=problems(), seed=st.integers(0, 3))
def test_sparse_scores_rank_as_dense_ones(ask: Ask, in_order: InOrder, problem: Problem, seed: int) -> None:
    scores, targets, histories = problem
    scores = np.maximum(scores, 0)
    held = ask(targets, histories, items=scores.shape[1])
    dense = validation_ranks(in_order(scores), held, held.queries.dictionary, seed=seed)
    thin = validation_ranks(in_order(sparse.csr_array(scores)), held, held.queries.dictionary, seed=seed)
    assert dense.tolist() == thin.tolist()


def test_equal_targets_share_the_places_evenly(ask: Ask) -> None:
    queries, items = 12_000, 5
    held = ask([[1, 2]] * queries, items=items)
    scores = np.array([9, 1, 1, 1, 0], dtype=np.float32)
    found = validation_ranks(lambda batch: np.broadcast_to(scores, (len(batch), items)), held, held.queries.dictionary)
    pairs = np.unique(found.reshape(-1, 2) @ [10, 1], return_counts=True)
    assert pairs[0].tolist() == [23, 24, 32, 34, 42, 43]
    assert stats.chisquare(pairs[1]).pvalue > 1e-4


@given(st.integers(1, 8), st.integers(0, 8), st.integers(0, 50))
def test_targets_that_tie_never_share_a_place(targets: int, others: int, seed: int) -> None:
    size = np.zeros(targets, dtype=np.int64)
    found = distinct_places(stream(seed, np.arange(targets)), size + targets + others - 1, size, size)
    assert len(set(found.tolist())) == targets
    assert set(found.tolist()) <= set(range(targets + others))


def test_targets_that_the_model_does_not_know_are_missed_and_the_others_are_not(ask: Ask, in_order: InOrder) -> None:
    held = ask([[0, 1], [1], [2, 0]], [[2], [], [1]], items=3)
    own = np.asarray(["i2", "other", "i0"], dtype=object)
    scores = np.array([3, 2, 1], dtype=np.float32)
    for wrap in (np.asarray, sparse.csr_array):
        rows = wrap(np.tile(scores, (3, 1)))
        found = rank_targets(in_order(rows), held, own)
        assert found.ranks.tolist() == [2, NEVER, NEVER, 1, 3]
        assert found.unknown_targets == 2
    listed = rank_targets(lambda batch: np.tile(scores, (3, 1)), held, own, k=3)
    assert listed.lists.tolist() == [[1, 2, -1], [0, 1, 2], [0, 1, 2]]


def test_metrics_are_those_of_the_set_of_answers(ask: Ask, in_order: InOrder) -> None:
    scores = np.array([[5, 4, 3, 2, 1], [5, 4, 3, 2, 1]], dtype=np.float32)
    held = ask([[0, 2, 4], [3]], [[], [0]], items=5, users=[0, 0])
    ranks = of_targets(validation_ranks(in_order(scores), held, held.queries.dictionary), held)
    assert isinstance(ranks, TargetRanks)
    assert recall(ranks, 2).tolist() == [1 / 3, 0.0]
    assert hit_rate(ranks, 3).tolist() == [1.0, 1.0]
    gains = [(1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3) + 1 / np.log2(4)), 1 / np.log2(4)]
    assert ndcg(ranks, 3) == pytest.approx(gains)
    found = validation_ndcg(in_order(scores), held, held.queries.dictionary, k=3)
    assert found == pytest.approx(per_user(np.array(gains), held.users)[0])


def test_a_part_of_the_queries_keeps_its_targets(ask: Ask, in_order: InOrder) -> None:
    scores = np.arange(20, dtype=np.float32).reshape(4, 5)
    held = ask([[0, 1], [2], [3, 4, 0], [1]], items=5)
    whole = validation_ranks(in_order(scores), held, held.queries.dictionary)
    part = held[np.array([0, 2])]
    assert (
        validation_ranks(in_order(scores[[0, 2]]), part, held.queries.dictionary).tolist()
        == whole[[0, 1, 3, 4, 5]].tolist()
    )
