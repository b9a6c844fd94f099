"""What lists are like beyond accuracy is what looking at every list and pair gives."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from tastemaker.evaluation import beyond

ITEMS = 8


@st.composite
def some_lists(draw: st.DrawFn) -> Any:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    queries, k = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    lists = np.full((queries, k), -1, dtype=np.int32)
    for row in lists:
        size = rng.integers(0, k + 1)
        row[:size] = rng.choice(ITEMS, size, replace=False)
    return lists


def pairs_of(row: Any) -> list[tuple[int, int]]:
    return list(itertools.combinations([item for item in row.tolist() if item >= 0], 2))


@given(some_lists())
def test_diversity_looks_at_every_pair(lists: Any) -> None:
    rng = np.random.default_rng(0)
    members = rng.random((ITEMS, 5)) < 0.4
    vectors = rng.random((ITEMS, 6)) * (rng.random((ITEMS, 6)) < 0.5)
    vectors[3] = 0
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    jaccard, cosine = [], []
    for row in lists:
        distances = [
            (1 - (members[a] & members[b]).sum() / max((members[a] | members[b]).sum(), 1)) for a, b in pairs_of(row)
        ]
        jaccard.append(np.mean(distances) if distances else math.nan)
        cosine.append(np.mean([1 - vectors[a] @ vectors[b] for a, b in pairs_of(row)]) if pairs_of(row) else math.nan)
    assert beyond.diversity_by_sets(lists, members) == pytest.approx(np.array(jaccard), nan_ok=True)
    found = beyond.diversity_by_vectors(lists, sparse.csr_array(vectors))
    assert found == pytest.approx(np.array(cosine), nan_ok=True, abs=1e-6)


@given(some_lists())
def test_personalisation_looks_at_every_pair_of_lists(lists: Any) -> None:
    sets = [{item for item in row.tolist() if item >= 0} for row in lists]
    distances = [1 - len(a & b) / lists.shape[1] for a, b in itertools.combinations(sets, 2)]
    expected = np.mean(distances) if distances else math.nan
    assert beyond.personalisation(lists) == pytest.approx(expected, nan_ok=True)


@given(some_lists())
def test_exposure_counts_lists(lists: Any) -> None:
    shown = beyond.exposure(lists, ITEMS)
    assert shown.tolist() == [int((lists == item).sum()) for item in range(ITEMS)]
    assert beyond.coverage(shown) == len(set(lists[lists >= 0].tolist())) / ITEMS


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12))
def test_gini_is_the_mean_difference_over_twice_the_mean(counts: list[int]) -> None:
    shown = np.array(counts)
    if not shown.sum():
        assert math.isnan(beyond.gini(shown))
        return
    expected = np.abs(shown[:, None] - shown).mean() / (2 * shown.mean())
    assert beyond.gini(shown) == pytest.approx(expected, abs=1e-12)


def test_entropy_is_a_sum_over_items_not_a_mean() -> None:
    assert beyond.entropy(np.full(50, 3)) == pytest.approx(math.log(50))
    assert beyond.entropy(np.array([7, 0, 0])) == 0


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    lists = rng.integers(-1, ITEMS, (20, 4)).astype(np.int32)
    members = rng.random((ITEMS, 3)) < 0.5
    whole = beyond.diversity_by_sets(lists, members)
    monkeypatch.setattr(beyond, "_VALUES_PER_BLOCK", 1)
    assert beyond.diversity_by_sets(lists, members) == pytest.approx(whole, nan_ok=True)
