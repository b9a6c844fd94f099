"""Ranks among sampled candidates are those of sorting them, whatever the blocks; who reads candidates is told them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse, stats

from tastemaker.core.errors import ModelError
from tastemaker.core.query import QueryBatch
from tastemaker.data import Dataset, HeldOut, Split
from tastemaker.evaluation import Judge
from tastemaker.evaluation.metrics import ndcg
from tastemaker.evaluation.negatives import Negatives
from tastemaker.evaluation.ranking_sampled import rank_sampled
from tastemaker.evaluation.targets import NEVER, per_user
from tastemaker.models import Popularity, SequentialRules

Ask = Callable[..., HeldOut]


def by_person(scores: NDArray[Any]) -> Callable[[QueryBatch], Any]:
    """Return a scorer that gives person ``p`` the row ``p``, however often and in whatever block they ask."""
    return lambda batch: scores[batch.user_ids.astype(int)]


def slow_bounds(scores: NDArray[Any], negatives: Negatives, known: int) -> list[list[tuple[int, int]]]:
    """Return the best and the worst rank that ties allow for each draw and target, by looking at every candidate.

    Of the items only the first ``known`` are known to the model.
    """
    held, found = negatives.asked, []
    for draw in negatives.drawn(slice(0, len(held.targets))):
        bounds = []
        for query, target, others in zip(held.query, held.targets, draw, strict=True):
            row = scores[query]
            if target >= known:
                bounds.append((NEVER, NEVER))
                continue
            others = [other for other in others if 0 <= other < known]
            best = 1 + sum(row[other] > row[target] for other in others)
            bounds.append((best, best + sum(row[other] == row[target] for other in others)))
        found.append(bounds)
    return found


@st.composite
def problems(draw: st.DrawFn) -> tuple[NDArray[np.float32], list[list[int]], list[list[int]]]:
    """Scores with many ties, one target or more for each query, and histories."""
    items, queries = draw(st.integers(12, 30)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.integers(0, draw(st.integers(1, 9)), (queries, items)).astype(np.float32)
    if draw(st.booleans()):
        scores[rng.random(scores.shape) < 0.3] = -np.inf
    targets = [rng.choice(items, rng.integers(1, 4), replace=False).tolist() for _ in range(queries)]
    histories = [rng.integers(0, items, rng.integers(0, 5)).tolist() for _ in targets]
    return scores, targets, histories


@given(
    problem=problems(), unknown=st.integers(0, 4), k=st.integers(0, 8), count=st.integers(1, 5), seed=st.integers(0, 3)
)
@settings(max_examples=120)
def test_ranks_lie_where_sorting_the_candidates_puts_them_and_lists_agree(
    ask: Ask, dataset: Dataset, problem: Any, unknown: int, k: int, count: int, seed: int
) -> None:
    scores, targets, histories = problem
    held, known = ask(targets, histories, items=scores.shape[1]), scores.shape[1] - unknown
    negatives = Negatives(held, dataset, count=count, seeds=(0, 1, 2))
    item_ids = held.queries.dictionary[:known]
    found = rank_sampled(by_person(scores[:, :known]), negatives, item_ids, k=k, seed=seed)
    assert found.ranks.shape == (3, len(held.targets))
    assert found.lists.shape == (len(held.targets), k)
    assert found.unknown_targets == sum(target >= known for target in held.targets)
    for ranks, bounds in zip(found.ranks, slow_bounds(scores, negatives, known), strict=True):
        assert all(best <= rank <= worst for rank, (best, worst) in zip(ranks, bounds, strict=True))
    for row, target, others, rank, listed in zip(
        scores[held.query], held.targets, negatives.drawn(slice(0, len(held.targets)))[0], found.ranks[0], found.lists,
        strict=True,
    ):  # fmt: skip
        shown = listed[listed >= 0].tolist()
        candidates = [item for item in (target, *others) if 0 <= item < known]
        assert set(shown) <= set(candidates)
        possible = sorted((row[item] for item in candidates if row[item] > -np.inf), reverse=True)
        assert [row[item] for item in shown] == possible[:k]
        if target < known and row[target] > -np.inf:
            assert (shown.index(target) + 1 if target in shown else k + 1) == min(rank, k + 1)


@given(problem=problems(), block=st.integers(1, 5), seed=st.integers(0, 3), reads=st.booleans())
@settings(max_examples=40)
def test_the_size_of_blocks_changes_nothing(
    ask: Ask, dataset: Dataset, problem: Any, block: int, seed: int, reads: bool
) -> None:
    scores, targets, histories = problem
    held = ask(targets, histories, items=scores.shape[1])
    negatives = Negatives(held, dataset, count=5, seeds=(0, 1))
    whole, cut = (
        rank_sampled(
            by_person(scores), negatives, held.queries.dictionary, reads_candidates=reads, k=3, seed=seed, block=size
        )
        for size in (None, block)
    )
    assert whole.ranks.tolist() == cut.ranks.tolist()
    assert whole.lists.tolist() == cut.lists.tolist()


@pytest.mark.parametrize("kind", ["random", "constant", "nothing"])
def test_chance_finds_a_tenth_among_a_hundred(ask: Ask, dataset: Dataset, kind: str) -> None:
    people, items = 4000, 150
    rng = np.random.default_rng(2)

    def score(batch: QueryBatch) -> NDArray[np.float64]:
        if kind == "random":
            return rng.random((len(batch), items))
        return np.full((len(batch), items), 0.0 if kind == "constant" else -np.inf)

    held = ask(rng.integers(0, items, people).tolist(), items=items)
    negatives = Negatives(held, dataset, seeds=(0, 1))
    found = rank_sampled(score, negatives, held.queries.dictionary)
    for ranks in found.ranks:
        # One question is a draw with probability 1/10: three standard errors.
        assert abs((ranks <= 10).mean() - 0.1) < 3 * np.sqrt(0.1 * 0.9 / people)
        assert stats.kstest(ranks, stats.randint(1, 101).cdf).pvalue > 1e-4
    if kind != "random":  # ties are drawn anew for every draw of candidates
        assert abs(stats.pearsonr(*found.ranks).statistic) < 4 / np.sqrt(people)


def test_another_seed_breaks_ties_another_way_among_the_same_candidates(ask: Ask, dataset: Dataset) -> None:
    held = ask([0] * 50, items=150)
    negatives = Negatives(held, dataset, seeds=(0,))

    def ranks(seed: int) -> list[int]:
        flat = np.zeros((50, 150), np.float32)
        return list(rank_sampled(by_person(flat), negatives, held.queries.dictionary, seed=seed).ranks[0])

    assert ranks(1) == ranks(1)
    assert ranks(1) != ranks(2)


class Watching:
    """Scores by the candidates that it is told: only they have a score, the target's neighbours by number the best."""

    def __init__(self, items: int) -> None:
        self.items = items
        self.told: list[NDArray[np.int32] | None] = []

    def __call__(self, batch: QueryBatch) -> NDArray[np.float32]:
        self.told.append(batch.candidates)
        scores = np.full((len(batch), self.items), -np.inf, dtype=np.float32)
        if batch.candidates is not None:
            for row, candidates in zip(scores, batch.candidates, strict=True):
                row[candidates[candidates >= 0]] = candidates[candidates >= 0]
        return scores


def test_a_model_that_reads_candidates_is_told_each_draw(ask: Ask, dataset: Dataset) -> None:
    held = ask([[0, 7], 19], [[3], []], items=20)
    negatives = Negatives(held, dataset, count=6, seeds=(0, 1, 2))
    watching = Watching(20)
    found = rank_sampled(watching, negatives, held.queries.dictionary, reads_candidates=True, k=4)
    drawn = negatives.drawn(slice(0, 3))
    assert len(watching.told) == 3
    for told, others, ranks in zip(watching.told, drawn, found.ranks, strict=True):
        assert told is not None
        assert [set(row) for row in told] == [{target, *row} for target, row in zip([0, 7, 19], others, strict=True)]
        assert ranks.tolist() == [7, 1 + int((others[1] > 7).sum()), 1]
    assert found.lists[2].tolist() == sorted([19, *drawn[0, 2]], reverse=True)[:4]


def test_a_model_that_does_not_read_them_is_asked_once_for_all_draws(ask: Ask, dataset: Dataset) -> None:
    held = ask([[0, 7], 19], items=20)
    watching = Watching(20)
    rank_sampled(watching, Negatives(held, dataset, count=6), held.queries.dictionary)
    assert len(watching.told) == 1
    assert watching.told == [None]


def test_scores_are_checked_as_elsewhere(ask: Ask, dataset: Dataset) -> None:
    held = ask([0], items=20)
    negatives = Negatives(held, dataset, count=6)
    for wrong, message in (
        (np.full((1, 20), np.nan), "not numbers"),
        (np.zeros((1, 19)), r"scores of shape \(1, 19\) where \(1, 20\)"),
        (sparse.csr_array((1, 20)), "sparse scores where an array was asked for"),
    ):
        with pytest.raises(ModelError, match=message):
            rank_sampled(by_person(wrong), negatives, held.queries.dictionary)


def test_metrics_are_means_over_the_draws_within_each_query(split: Split) -> None:
    negatives = Negatives(split.test, split.train, [split.valid], count=20, seeds=(0, 1, 2))
    model = Popularity().fit(split.train)
    found = rank_sampled(model.score, negatives, model.item_ids, k=5)
    judge = Judge(negatives.held, split.train, (5, 1), negatives=negatives)
    measured = judge.measure("popularity", found.ranks, found.lists, 1.0)
    for k in (5, 1):
        each = [per_user(ndcg(ranks, k), split.test.users) for ranks in found.ranks]
        assert measured.per_user[f"ndcg@{k}"] == pytest.approx(np.mean(each, axis=0))
        assert measured.metrics[f"hr@{k}"] == pytest.approx(np.mean(found.ranks <= k))
    assert measured.ranks.shape == (3, len(split.test))


def test_candidates_of_a_query_change_no_score_of_a_model_that_does_not_read_them(split: Split) -> None:
    model = SequentialRules().fit(split.train)
    negatives = Negatives(split.test, split.train, count=9, seeds=(0,))
    part = slice(0, 20)
    told = negatives.with_candidates(part, negatives.drawn(part)[0], 0)
    assert model.score(told).tolist() == model.score(split.test.queries[part]).tolist()
