"""Ranks by counting are the ranks of sorting, whatever the block, the storage or the vocabulary."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse, stats

from tastemaker.core.errors import ModelError
from tastemaker.data import HeldOut
from tastemaker.evaluation import ranking
from tastemaker.evaluation.metrics import ndcg
from tastemaker.evaluation.ranking import columns_of, rank_targets, validation_ndcg, validation_ranks
from tastemaker.evaluation.targets import NEVER, per_user

Ask = Callable[..., HeldOut]
InOrder = Callable[[Any], Callable[[Any], Any]]


@st.composite
def problems(draw: st.DrawFn) -> tuple[NDArray[np.float32], list[int], list[list[int]]]:
    """Scores with many ties, targets, and histories that may repeat items."""
    items = draw(st.integers(1, 40))
    queries = draw(st.integers(1, 6))
    levels = draw(st.integers(1, 6))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (queries, items)).astype(np.float32)
    if draw(st.booleans()):
        scores[rng.random(scores.shape) < 0.2] = -np.inf
    targets = rng.integers(0, items, queries).tolist()
    histories = [rng.integers(0, items, rng.integers(0, items + 1)).tolist() for _ in targets]
    return scores, targets, histories


def bounds(scores: NDArray[np.float32], targets: list[int], histories: list[list[int]]) -> tuple[list[int], list[int]]:
    """Return the best and the worst rank that ties allow, by looking at every item."""
    best, worst = [], []
    for row, target, history in zip(scores, targets, histories, strict=True):
        others = [item for item in range(len(row)) if item != target and item not in history]
        best.append(1 + sum(row[item] > row[target] for item in others))
        worst.append(best[-1] + sum(row[item] == row[target] for item in others))
    return best, worst


@given(problem=problems(), k=st.integers(1, 12))
@settings(max_examples=300, deadline=None)
def test_ranks_lie_where_sorting_puts_them_and_lists_agree(ask: Ask, in_order: InOrder, problem: Any, k: int) -> None:
    scores, targets, histories = problem
    held = ask(targets, histories, items=scores.shape[1])
    found = rank_targets(in_order(scores), held, held.queries.dictionary, k=k)
    best, worst = bounds(scores, targets, histories)
    assert (np.asarray(best) <= found.ranks).all()
    assert (found.ranks <= np.asarray(worst)).all()
    for row, target, history, rank, listed in zip(scores, targets, histories, found.ranks, found.lists, strict=True):
        shown = listed[listed >= 0].tolist()
        unseen = [item for item in range(len(row)) if item == target or item not in history]
        possible = sorted((row[item] for item in unseen if row[item] > -np.inf), reverse=True)
        assert [row[item] for item in shown] == possible[:k]
        assert len(set(shown)) == len(shown)
        assert set(shown) <= set(unseen)
        assert (target in shown) == (rank <= k and row[target] > -np.inf)
        if target in shown:
            assert shown[rank - 1] == target


@given(problem=problems(), block=st.integers(1, 7), seed=st.integers(0, 5))
@settings(deadline=None)
def test_the_size_of_blocks_changes_nothing(ask: Ask, in_order: InOrder, problem: Any, block: int, seed: int) -> None:
    scores, targets, histories = problem
    held = ask(targets, histories, items=scores.shape[1])
    whole = rank_targets(in_order(scores), held, held.queries.dictionary, k=3, seed=seed)
    cut = rank_targets(in_order(scores), held, held.queries.dictionary, k=3, seed=seed, block=block)
    assert whole.ranks.tolist() == cut.ranks.tolist()
    assert whole.lists.tolist() == cut.lists.tolist()


@given(problem=problems(), seed=st.integers(0, 5), shuffle=st.booleans())
@settings(deadline=None)
def test_sparse_scores_rank_as_dense_ones(ask: Ask, in_order: InOrder, problem: Any, seed: int, shuffle: bool) -> None:
    scores, targets, histories = problem
    scores = np.maximum(scores, 0)
    held = ask(targets, histories, items=scores.shape[1])
    rows = sparse.csr_array(scores)
    if shuffle and rows.nnz:
        for start, end in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
            rows.indices[start:end] = rows.indices[start:end][::-1].copy()
            rows.data[start:end] = rows.data[start:end][::-1].copy()
        rows.has_sorted_indices = False
    dense = validation_ranks(in_order(scores), held, held.queries.dictionary, seed=seed)
    thin = validation_ranks(in_order(rows), held, held.queries.dictionary, seed=seed)
    assert dense.tolist() == thin.tolist()


def test_explicit_zeros_are_no_scores(ask: Ask) -> None:
    held = ask([0], items=3)
    rows = sparse.csr_array(
        (np.array([0.0, 2.0, 0.0], dtype=np.float32), np.array([0, 1, 2]), np.array([0, 3])), shape=(1, 3)
    )
    plain = sparse.csr_array(rows.toarray())

    def ranks(scores: Any) -> list[int]:
        seeds = range(20)
        return [int(validation_ranks(lambda batch: scores, held, ids, seed=seed)[0]) for seed in seeds]

    ids = held.queries.dictionary
    assert set(ranks(rows)) == {2, 3}
    assert ranks(rows) == ranks(plain)


def test_every_order_of_equal_scores_is_equally_likely(ask: Ask) -> None:
    queries, items, k = 12_000, 6, 3
    held = ask([2] * queries, [[5]] * queries, items=items)
    scores = np.array([4, 1, 1, 1, 1, 9], dtype=np.float32)
    found = rank_targets(lambda batch: np.broadcast_to(scores, (len(batch), items)), held, held.queries.dictionary, k=k)
    assert stats.chisquare(np.bincount(found.ranks, minlength=6)[2:6]).pvalue > 1e-4
    assert (found.lists[:, 0] == 0).all()
    for place in (1, 2):
        assert stats.chisquare(np.bincount(found.lists[:, place], minlength=5)[1:5]).pvalue > 1e-4
    pairs = np.unique(found.lists[:, 1] * 10 + found.lists[:, 2], return_counts=True)[1]
    assert len(pairs) == 12
    assert stats.chisquare(pairs).pvalue > 1e-4


def test_a_crowd_of_equal_scores_is_drawn_from_evenly(ask: Ask) -> None:
    queries, items, k = 3_000, 500, 5
    held = ask([0] * queries, items=items)
    scores = np.zeros(items, dtype=np.float32)
    found = rank_targets(lambda batch: np.broadcast_to(scores, (len(batch), items)), held, held.queries.dictionary, k=k)
    assert stats.chisquare(np.bincount(found.lists.ravel(), minlength=items)).pvalue > 1e-4
    assert stats.kstest(found.ranks, stats.randint(1, items + 1).cdf).pvalue > 1e-4


def test_another_seed_breaks_ties_another_way(ask: Ask) -> None:
    held = ask([0] * 50, items=100)

    def ranks(seed: int) -> bytes:
        scores = np.zeros((50, 100), np.float32)
        return validation_ranks(lambda batch: scores, held, held.queries.dictionary, seed=seed).tobytes()

    assert ranks(1) == ranks(1)
    assert ranks(1) != ranks(2)


def test_seen_items_are_out_of_the_question_but_the_target_never_is(ask: Ask, in_order: InOrder) -> None:
    scores = np.array([[9, 8, 7, 6]], dtype=np.float32)
    held = ask([2], [[0, 1, 1, 2]], items=4)
    found = rank_targets(in_order(scores), held, held.queries.dictionary, k=4)
    assert found.ranks.tolist() == [1]
    assert found.lists.tolist() == [[2, 3, -1, -1]]


def test_items_without_a_score_come_last_and_are_not_listed(ask: Ask, in_order: InOrder) -> None:
    scores = np.full((40, 5), -np.inf, dtype=np.float32)
    scores[:, 0] = 1.0
    held = ask([4] * 40, [[1]] * 40, items=5)
    found = rank_targets(in_order(scores), held, held.queries.dictionary, k=3)
    assert set(found.ranks.tolist()) == {2, 3, 4}
    assert found.lists.tolist() == [[0, -1, -1]] * 40


def test_the_model_may_number_items_its_own_way(ask: Ask) -> None:
    held = ask([0, 1, 2], [[1], [2], [0]], items=3)
    own = np.asarray(["i2", "other", "i0"], dtype=object)
    scores = np.array([3, 2, 1], dtype=np.float32)
    found = rank_targets(lambda batch: np.broadcast_to(scores, (len(batch), 3)), held, own, k=2)
    assert found.ranks.tolist() == [3, NEVER, 1]
    assert found.unknown_targets == 1
    assert found.lists.tolist() == [[0, 1], [1, 2], [0, 1]]


def test_an_unknown_target_is_missed_even_where_the_catalogue_is_shorter_than_the_list(ask: Ask) -> None:
    held = ask([1], items=2)
    scores = np.ones((1, 1), dtype=np.float32)
    assert validation_ndcg(lambda batch: scores, held, np.asarray(["i0"], dtype=object), k=10) == 0.0
    thin = sparse.csr_array(scores)
    assert validation_ndcg(lambda batch: thin, held, np.asarray(["i0"], dtype=object), k=10) == 0.0


def test_the_same_dictionary_needs_no_look_up(ask: Ask) -> None:
    dictionary = ask([0], items=5).queries.dictionary
    assert columns_of(dictionary, dictionary).tolist() == columns_of(dictionary, dictionary.copy()).tolist()


def test_validation_ndcg_averages_users_not_queries(ask: Ask, in_order: InOrder) -> None:
    scores = np.array([[3, 2, 1], [1, 2, 3], [1, 2, 3]], dtype=np.float32)
    held = ask([0, 0, 1], items=3, users=[0, 1, 1])
    ranks = np.array([1, 3, 2])
    expected = per_user(ndcg(ranks, 2), held.users).mean()
    assert validation_ndcg(in_order(scores), held, held.queries.dictionary, k=2) == pytest.approx(expected)
    assert expected == pytest.approx((1 + (0 + 1 / np.log2(3)) / 2) / 2)


def test_scores_of_the_model_are_left_as_they_were(ask: Ask, in_order: InOrder) -> None:
    scores = np.arange(12, dtype=np.float32).reshape(2, 6)
    held = ask([0, 1], [[2, 3], [4]], items=6)
    rank_targets(in_order(scores), held, held.queries.dictionary, k=3)
    assert scores.tolist() == np.arange(12).reshape(2, 6).tolist()


def test_double_precision_is_kept(ask: Ask) -> None:
    held = ask([0], items=2)
    close = np.array([[1.0, 1.0 + 1e-12]])
    assert validation_ranks(lambda batch: close, held, held.queries.dictionary).tolist() == [2]


@pytest.mark.parametrize("wrap", [np.asarray, sparse.csr_array])
def test_scores_that_are_not_numbers_name_the_model(ask: Ask, wrap: Any) -> None:
    held = ask([0], items=3)
    scores = wrap(np.array([[1.0, np.nan, 2.0]], dtype=np.float32))
    with pytest.raises(ModelError, match="gru gave scores that are not numbers"):
        validation_ranks(lambda batch: scores, held, held.queries.dictionary, name="gru")


def test_scores_of_a_wrong_shape_name_the_model(ask: Ask) -> None:
    held = ask([0, 1], items=3)
    with pytest.raises(ModelError, match=r"gru gave scores of shape \(2, 2\) where \(2, 3\)"):
        validation_ranks(lambda batch: np.zeros((2, 2)), held, held.queries.dictionary, name="gru")


def test_negative_sparse_scores_are_refused(ask: Ask) -> None:
    held = ask([0], items=3)
    scores = sparse.csr_array(np.array([[-1.0, 0.0, 2.0]]))
    with pytest.raises(ModelError, match="negative scores"):
        validation_ranks(lambda batch: scores, held, held.queries.dictionary)


def test_lists_need_dense_scores(ask: Ask) -> None:
    held = ask([0], items=3)
    with pytest.raises(ModelError, match="sparse scores where an array"):
        rank_targets(lambda batch: sparse.csr_array((1, 3)), held, held.queries.dictionary, k=2)


def test_users_times_items_never_exist_at_once(ask: Ask) -> None:
    held = ask([0] * 1000, items=4000)
    sizes = []

    def score(batch: Any) -> Any:
        sizes.append(len(batch))
        return np.zeros((len(batch), 4000), dtype=np.float32)

    done: list[int] = []
    rank_targets(score, held, held.queries.dictionary, advance=done.append)
    assert sum(sizes) == sum(done) == 1000
    assert max(sizes) * 4000 <= ranking._SCORES_PER_BLOCK
