"""Vectors of items that come and go, and the search among them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.asking import numbers

from tastemaker.core.errors import DataError
from tastemaker.pipeline.item_vectors import ItemVectors


def test_vectors_are_kept_at_length_1_by_number() -> None:
    table = ItemVectors(2)
    table.put(numbers(5, 2), [[3.0, 4.0], [0.0, 2.0]])
    expected = np.array([[0, 1], [0.6, 0.8], [0, 0], [0, 0], [0, 0]])
    np.testing.assert_allclose(table.take(numbers(2, 5, 0, 99, -1)), expected)
    assert table.has(numbers(2, 5, 0, 99, -1)).tolist() == [True, True, False, False, False]


def test_a_vector_is_replaced_and_removed() -> None:
    table = ItemVectors.of([[1.0, 0.0], [0.0, 1.0]])
    table.put(numbers(0), [[0.0, -1.0]])
    assert table.take(numbers(0)).tolist() == [[0, -1]]
    table.remove(numbers(0, 77, -1))
    assert len(table) == 1
    assert [found.tolist() for found, _ in table.search(np.eye(2, dtype=np.float32), 5, np.ones(9, bool))] == [[1], [1]]


def test_zeros_say_nothing_and_are_never_found() -> None:
    table = ItemVectors.of([[0.0, 0.0], [1.0, 1.0]])
    assert len(table) == 1
    table.put(numbers(1), [[0.0, 0.0]])
    assert len(table) == 0


def test_unknown_numbers_are_passed_over() -> None:
    table = ItemVectors(2)
    table.put(numbers(-1, 0), [[1.0, 0.0], [0.0, 1.0]])
    assert len(table) == 1


def test_it_grows() -> None:
    table = ItemVectors.of([[1.0, 0.0]])
    table.put(np.array([5_000]), [[0.0, 1.0]])
    assert table.take(np.array([0, 5_000])).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("vectors", [[[1.0]], [[1.0, np.nan]], [[1.0, 0.0], [0.0, 1.0]]])
def test_vectors_that_do_not_fit_are_refused(vectors: list[list[float]]) -> None:
    with pytest.raises(DataError):
        ItemVectors(2).put(numbers(0), vectors)


def test_the_first_vectors_may_say_how_long_all_are_and_another_table_may_take_their_place() -> None:
    table = ItemVectors()
    assert (table.dim, table.take(numbers(0)).shape) == (0, (1, 0))
    table.put(numbers(1), [[0.0, 2.0]])
    assert (table.dim, table.take(numbers(0, 1)).tolist()) == (2, [[0, 0], [0, 1]])
    table.become(ItemVectors.of([[3.0, 0.0, 0.0]]))
    assert (table.dim, table.take(numbers(0, 1)).tolist()) == (3, [[1, 0, 0], [0, 0, 0]])


@settings(max_examples=40)
@given(st.integers(0, 1000), st.floats(0, 1), st.integers(1, 8))
def test_a_search_is_that_of_all_products(seed: int, share: float, n: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(40, 3))
    table = ItemVectors.of(vectors)
    allowed = rng.random(35) < share
    query = rng.normal(size=(2, 3)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for one, (found, scores) in zip(query, table.search(query, n, allowed), strict=True):
        products = np.where(np.append(allowed, np.zeros(5, bool)), unit @ one, -np.inf)
        expected = np.argsort(-products)[: min(n, int(allowed.sum()))]
        assert found.tolist() == expected.tolist()
        np.testing.assert_allclose(scores, products[expected], rtol=1e-4, atol=1e-5)
