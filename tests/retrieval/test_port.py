"""What every vector index keeps: the best by inner product, among what is allowed, the same alone and in a batch.

Another adapter, over pgvector for instance, is one more entry of `KINDS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tastemaker.core.errors import DataError, QueryError
from tastemaker.retrieval import ExactIndex, UsearchIndex, VectorIndex, approximate, load_index

Array = NDArray[Any]
Make = Callable[[Array], VectorIndex]

KINDS: dict[str, Make] = {"exact": ExactIndex, "usearch": UsearchIndex}
RECALL = {"exact": 1.0, "usearch": 0.98}


@pytest.fixture(params=["exact", pytest.param("usearch", marks=pytest.mark.needs_extra("ann"))])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(kind: str, monkeypatch: pytest.MonkeyPatch) -> Make:
    # As few vectors as a test has would all be compared; the graph is to be walked wherever it can be.
    monkeypatch.setattr(approximate, "COST", 0)
    return KINDS[kind]


def unit(count: int, dim: int = 16, seed: int = 0) -> Array:
    """Return vectors of length 1 around some centres, as texts about some subjects have."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((12, dim))
    vectors = centres[rng.integers(12, size=count)] + 0.6 * rng.standard_normal((count, dim))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def brute(vectors: Array, queries: Array, k: int, allowed: Array | None = None) -> tuple[Array, Array]:
    """Return the answer of a full sort of the products in float64."""
    scores = (queries.astype(np.float64) @ vectors.astype(np.float64).T).astype(np.float32)
    numbers = np.full((len(queries), k), -1)
    found = np.full((len(queries), k), -np.inf)
    for row, values in enumerate(scores):
        there = np.arange(len(vectors)) if allowed is None else np.flatnonzero(allowed)
        order = there[np.lexsort((there, -values[there]))][:k]
        numbers[row, : len(order)], found[row, : len(order)] = order, values[order]
    return numbers, found


def recall(found: Array, truth: Array) -> float:
    """Return the share of what should be found that was, or 1 where nothing should be."""
    wanted = truth >= 0
    hits = sum(len(np.intersect1d(a[a >= 0], b[b >= 0])) for a, b in zip(found, truth, strict=True))
    return float(hits / max(wanted.sum(), 1))


def assert_well_formed(numbers: Array, scores: Array, shape: tuple[int, int]) -> None:
    assert (numbers.shape, scores.shape) == (shape, shape)
    assert (str(numbers.dtype), str(scores.dtype)) == ("int32", "float32")
    assert np.array_equal(numbers == -1, scores == -np.inf)
    for row, values in zip(numbers, scores, strict=True):
        there = row[row >= 0]
        assert (row[: len(there)] >= 0).all(), "what is missing stands at the end"
        assert len(set(there.tolist())) == len(there)
        pairs = list(zip((-values[: len(there)]).tolist(), there.tolist(), strict=True))
        assert pairs == sorted(pairs), "best first, equal ones by number"


def test_it_keeps_the_port(make: Make) -> None:
    index = make(unit(30))
    assert isinstance(index, VectorIndex)
    assert (len(index), index.dim) == (30, 16)


@pytest.mark.parametrize("k", [1, 10, 100])
def test_it_finds_what_a_full_sort_finds(kind: str, make: Make, k: int) -> None:
    vectors, queries = unit(3000), unit(40, seed=1)
    numbers, scores = make(vectors).search(queries, k)
    assert_well_formed(numbers, scores, (40, k))
    truth, _ = brute(vectors, queries, k)
    assert recall(numbers, truth) >= RECALL[kind]
    true_scores = np.take_along_axis(queries @ vectors.T, numbers.astype(int), axis=1)
    assert np.allclose(scores, true_scores, atol=1e-6)


def test_vectors_need_not_have_length_1(kind: str, make: Make) -> None:
    vectors = unit(3000) * np.random.default_rng(2).uniform(0.8, 1.25, (3000, 1)).astype(np.float32)
    queries = 3 * unit(20, seed=1)
    numbers, _ = make(vectors).search(queries, 10)
    assert recall(numbers, brute(vectors, queries, 10)[0]) >= min(RECALL[kind], 0.95)


def test_a_query_finds_the_same_alone_and_among_others(make: Make) -> None:
    vectors, queries = unit(4500, dim=33), unit(37, dim=33, seed=1)
    index = make(vectors)
    numbers, scores = index.search(queries, 20)
    for place in range(len(queries)):
        alone = index.search(queries[place : place + 1], 20)
        assert np.array_equal(alone[0][0], numbers[place])
        assert np.array_equal(alone[1][0], scores[place])


@pytest.mark.parametrize("share", [0.001, 0.02, 0.1, 0.3, 0.6, 0.99])
def test_only_what_is_allowed_is_found_and_the_list_is_full(kind: str, make: Make, share: float) -> None:
    vectors, queries = unit(3000), unit(15, seed=1)
    allowed = np.random.default_rng(5).random(3000) < share
    allowed[7] = True
    numbers, scores = make(vectors).search(queries, 25, allowed)
    assert_well_formed(numbers, scores, (15, 25))
    found = numbers[numbers >= 0]
    assert allowed[found].all()
    assert len(found) == 15 * min(25, allowed.sum())
    assert recall(numbers, brute(vectors, queries, 25, allowed)[0]) >= RECALL[kind]


def test_what_is_nearest_may_not_be_allowed(kind: str, make: Make) -> None:
    vectors, queries = unit(4000), unit(10, seed=1)
    nearest, _ = brute(vectors, queries, 800)
    allowed = np.ones(4000, dtype=bool)
    allowed[np.unique(nearest)] = False
    numbers, scores = make(vectors).search(queries, 10, allowed)
    assert_well_formed(numbers, scores, (10, 10))
    assert (numbers >= 0).all()
    assert recall(numbers, brute(vectors, queries, 10, allowed)[0]) >= RECALL[kind]


def test_all_allowed_is_like_no_mask(make: Make) -> None:
    index, queries = make(unit(500)), unit(4, seed=1)
    with_mask, without = index.search(queries, 9, np.ones(500, dtype=bool)), index.search(queries, 9)
    assert np.array_equal(with_mask[0], without[0])


def test_nothing_allowed_finds_nothing(make: Make) -> None:
    numbers, scores = make(unit(300)).search(unit(3, seed=1), 5, np.zeros(300, dtype=bool))
    assert_well_formed(numbers, scores, (3, 5))
    assert (numbers == -1).all()


def test_one_allowed_is_all_that_is_found(make: Make) -> None:
    allowed = np.zeros(300, dtype=bool)
    allowed[123] = True
    numbers, scores = make(unit(300)).search(unit(2, seed=1), 4, allowed)
    assert_well_formed(numbers, scores, (2, 4))
    assert numbers.tolist() == [[123, -1, -1, -1]] * 2


def test_more_are_asked_for_than_there_are(make: Make) -> None:
    numbers, scores = make(unit(6)).search(unit(2, seed=1), 10)
    assert_well_formed(numbers, scores, (2, 10))
    assert (numbers[:, :6] >= 0).all()
    assert (numbers[:, 6:] == -1).all()


def test_an_index_of_nothing_finds_nothing(make: Make) -> None:
    index = make(np.empty((0, 16), dtype=np.float32))
    numbers, scores = index.search(unit(2), 3)
    assert_well_formed(numbers, scores, (2, 3))
    assert (len(index), (numbers == -1).all()) == (0, True)


def test_no_queries_find_nothing(make: Make) -> None:
    numbers, scores = make(unit(50)).search(np.empty((0, 16), dtype=np.float32), 3)
    assert_well_formed(numbers, scores, (0, 3))


def test_the_same_vector_many_times_has_one_score_and_comes_in_order(make: Make) -> None:
    vectors = np.repeat(unit(40, dim=30), 30, axis=0)
    numbers, scores = make(vectors).search(unit(5, dim=30, seed=1), 60)
    assert_well_formed(numbers, scores, (5, 60))
    assert all(len(set(row.tolist())) <= 2 + 60 // 30 for row in scores)


def test_equal_scores_beyond_k_are_cut_by_number() -> None:
    # Only exact search can promise that; of a graph's equal neighbours any may be found.
    index = ExactIndex(np.repeat(unit(3, dim=7), 5000, axis=0))
    query = unit(1, dim=7)
    for count in (1, 33):
        numbers, _ = index.search(np.repeat(query, count, axis=0), 12)
        assert (numbers == np.arange(12)).all()


def test_vectors_of_zeros_are_found_after_what_fits_and_before_what_does_not(make: Make) -> None:
    axis = np.zeros((1, 16), dtype=np.float32)
    axis[0, 0] = 1
    vectors = np.concatenate([-axis, np.zeros((3, 16), dtype=np.float32), axis])
    numbers, scores = make(vectors).search(axis, 5)
    assert numbers.tolist() == [[4, 1, 2, 3, 0]]
    assert scores.tolist() == [[1, 0, 0, 0, -1]]


def test_a_query_of_zeros_scores_all_alike(make: Make) -> None:
    numbers, scores = make(unit(400)).search(np.zeros((1, 16), dtype=np.float32), 5)
    assert_well_formed(numbers, scores, (1, 5))
    assert (scores == 0).all()


def test_what_is_added_is_numbered_on_and_found(kind: str, make: Make) -> None:
    vectors, queries = unit(5000), unit(20, seed=1)
    index = make(vectors[:3000])
    index.add(vectors[3000:4999])
    index.add(vectors[4999:])
    index.add(vectors[:0])
    assert len(index) == 5000
    numbers, scores = index.search(queries, 15)
    assert_well_formed(numbers, scores, (20, 15))
    assert recall(numbers, brute(vectors, queries, 15)[0]) >= RECALL[kind]
    itself, _ = index.search(vectors[4999:], 1)
    assert itself.tolist() == [[4999]]


def test_something_is_added_to_nothing(make: Make) -> None:
    index = make(np.empty((0, 16), dtype=np.float32))
    index.add(unit(20))
    assert index.search(unit(20)[11:12], 1)[0].tolist() == [[11]]


def test_a_saved_index_answers_the_same_and_takes_more(make: Make, tmp_path: Path) -> None:
    vectors, queries = unit(3000), unit(10, seed=1)
    index = make(vectors)
    index.save(tmp_path / "index")
    index.save(tmp_path / "index")
    read = load_index(tmp_path / "index")
    assert type(read) is type(index)
    assert (len(read), read.dim) == (3000, 16)
    for before, after in zip(index.search(queries, 12), read.search(queries, 12), strict=True):
        assert np.array_equal(before, after)
    read.add(queries)
    assert read.search(queries[:1], 1)[0].tolist() == [[3000]]


def test_an_empty_index_can_be_saved(make: Make, tmp_path: Path) -> None:
    make(np.empty((0, 16), dtype=np.float32)).save(tmp_path / "index")
    read = load_index(tmp_path / "index")
    read.add(unit(5))
    assert read.search(unit(5)[2:3], 1)[0].tolist() == [[2]]


def test_a_folder_of_other_things_is_not_replaced(make: Make, tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(Exception, match="other things"):
        make(unit(5)).save(tmp_path)
    assert (tmp_path / "diary.txt").read_text() == "mine"


def test_a_damaged_folder_is_refused(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    make(unit(200)).save(folder)
    for file in sorted(folder.iterdir()):
        whole = file.read_bytes()
        for damage in (whole[: len(whole) // 2], b""):
            file.write_bytes(damage)
            with pytest.raises(DataError):
                load_index(folder)
        file.unlink()
        with pytest.raises(DataError):
            load_index(folder)
        file.write_bytes(whole)
    load_index(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 99}, "format 99"),
        ({"kind": "tree"}, "'tree'"),
        ({"vectors": 3}, "does not hold"),
        ({"longest": None}, "does not say 'longest'"),
        ({"files": 3}, "cannot be read"),
    ],
)
def test_a_folder_of_another_kind_is_refused(make: Make, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    make(unit(20)).save(tmp_path / "index")
    path = tmp_path / "index" / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=said):
        load_index(tmp_path / "index")


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_with_its_place(make: Make, wrong: float) -> None:
    vectors = unit(20)
    vectors[13, 3] = wrong
    with pytest.raises(DataError, match=r"not finite.*row 13"):
        make(vectors)
    index = make(unit(20))
    with pytest.raises(DataError, match=r"queries.*row 13"):
        index.search(vectors, 3)
    with pytest.raises(DataError, match="row 13"):
        index.add(vectors)
    assert len(index) == 20


def test_other_lengths_and_shapes_are_refused(make: Make) -> None:
    index = make(unit(20))
    with pytest.raises(DataError, match="15 dimensions, and 16 are needed"):
        index.search(unit(2, dim=15), 3)
    with pytest.raises(DataError, match="15 dimensions"):
        index.add(unit(2, dim=15))
    with pytest.raises(DataError, match="one row"):
        index.search(unit(1)[0], 3)
    with pytest.raises(DataError, match="numbers"):
        make(np.asarray([["a"]]))
    with pytest.raises(DataError, match="longer"):
        make(np.full((2, 3), 1e30))


@pytest.mark.parametrize("mask", [np.ones(19, bool), np.ones((20, 1), bool), np.ones(20, int)])
def test_a_mask_of_another_length_or_kind_is_refused(make: Make, mask: Array) -> None:
    with pytest.raises(DataError, match="must be bool"):
        make(unit(20)).search(unit(1), 3, mask)


@pytest.mark.parametrize("k", [0, -1])
def test_k_is_at_least_1(make: Make, k: int) -> None:
    with pytest.raises(QueryError, match="at least 1"):
        make(unit(5)).search(unit(1), k)


def test_wider_numbers_are_taken(make: Make) -> None:
    vectors: Any = unit(50).astype(np.float64)
    assert make(vectors).search(vectors[3:4], 1)[0].tolist() == [[3]]


small = st.integers(-3, 3).map(float)


@given(
    vectors=st.integers(1, 4).flatmap(
        lambda d: st.lists(st.lists(small, min_size=d, max_size=d), min_size=2, max_size=40)
    ),
    k=st.integers(1, 45),
    seed=st.integers(0, 999),
)
def test_exact_search_is_a_full_sort_whatever_the_ties(vectors: list[list[float]], k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = np.asarray(vectors, dtype=np.float32)
    queries = table[rng.integers(len(table), size=3)]
    allowed = rng.random(len(table)) < rng.random()
    for mask in (None, allowed):
        numbers, scores = ExactIndex(table).search(queries, k, mask)
        truth, true_scores = brute(table, queries, k, mask)
        assert numbers.tolist() == truth.tolist()
        assert scores.tolist() == true_scores.tolist()


def test_exact_search_is_a_full_sort_over_many_blocks() -> None:
    vectors = np.round(np.random.default_rng(0).standard_normal((12_000, 8)), 1).astype(np.float32)
    queries = np.round(np.random.default_rng(1).standard_normal((260, 8)), 1).astype(np.float32)
    allowed = np.random.default_rng(2).random(12_000) < np.linspace(0, 1, 12_000)
    for mask in (None, allowed):
        numbers, scores = ExactIndex(vectors).search(queries, 50, mask)
        truth, true_scores = brute(vectors, queries, 50, mask)
        assert np.array_equal(numbers, truth)
        assert np.array_equal(scores, true_scores.astype(np.float32))


@pytest.mark.needs_extra("ann")
@pytest.mark.parametrize("share", [1.0, 0.5, 0.01])
def test_few_vectors_are_compared_without_the_graph(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    index = UsearchIndex(unit(2000))

    def walked(*given: Any) -> Any:
        raise AssertionError("the graph was walked")

    monkeypatch.setattr(index, "_walk", walked)
    allowed = np.random.default_rng(0).random(2000) < share
    numbers, _ = index.search(unit(5, seed=1), 10, allowed)
    assert numbers.tolist() == brute(unit(2000), unit(5, seed=1), 10, allowed)[0].tolist()


@pytest.mark.needs_extra("ann")
def test_the_graph_of_one_thread_is_the_same_each_time() -> None:
    found = [UsearchIndex(unit(3000), expansion_search=20).search(unit(20, seed=1), 10)[0] for _ in range(2)]
    assert np.array_equal(found[0], found[1])
