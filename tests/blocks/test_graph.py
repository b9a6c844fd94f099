"""The graph of people and items: its normalisation, and what flows along it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from tastemaker.blocks.graph import handed_on, layers_of, normalised, propagate


def example(people: int = 7, items: int = 5, seed: int = 0) -> sparse.csr_array:
    rng = np.random.default_rng(seed)
    touched = (rng.random((people, items)) < 0.4).astype(np.float32)
    touched[0] = 0  # somebody who touched nothing
    touched[:, 4] = 0  # an item that nobody touched
    return sparse.csr_array(touched)


def whole(touched: sparse.csr_array) -> np.ndarray:
    """D^-1/2 A D^-1/2 of the graph as one dense matrix, people before items."""
    u, n = touched.shape
    adjacency = np.zeros((u + n, u + n))
    adjacency[:u, u:] = touched.toarray()
    adjacency += adjacency.T
    degrees = adjacency.sum(axis=1)
    root = np.divide(1, np.sqrt(degrees), out=np.zeros_like(degrees), where=degrees > 0)
    return np.asarray(root[:, None] * adjacency * root)


def vectors(count: int, length: int = 3, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, length))


def test_the_normalised_graph_is_the_block_of_the_dense_one() -> None:
    touched = example()
    assert normalised(touched).toarray() == pytest.approx(whole(touched)[:7, 7:], abs=1e-6)
    assert normalised(touched).dtype == np.float32


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_vectors_are_averaged_over_the_powers_of_the_dense_graph(layers: int) -> None:
    touched, dense = example(), whole(example())
    people, items = vectors(7), vectors(5, seed=2)
    together = np.concatenate([people, items])
    expected = sum(np.linalg.matrix_power(dense, power) @ together for power in range(layers + 1)) / (layers + 1)
    found = propagate(normalised(touched), people, items, layers)
    assert np.concatenate(found) == pytest.approx(expected, abs=1e-6)


def test_what_flows_along_is_not_changed() -> None:
    people, items = vectors(7), vectors(5, seed=2)
    before = people.copy(), items.copy()
    propagate(normalised(example()), people, items, 2)
    assert (people == before[0]).all()
    assert (items == before[1]).all()


def test_the_map_is_its_own_transpose() -> None:
    graph = normalised(example())
    one, other = (vectors(7), vectors(5, seed=2)), (vectors(7, seed=3), vectors(5, seed=4))

    def product(left: tuple[np.ndarray, ...], right: tuple[np.ndarray, ...]) -> float:
        return sum(float((a * b).sum()) for a, b in zip(left, right, strict=True))

    assert product(propagate(graph, *one, 2), other) == pytest.approx(product(one, propagate(graph, *other, 2)))


def test_a_linear_map_may_come_before_or_after() -> None:
    graph, linear = normalised(example()), vectors(3, 2, seed=5)
    people, items = vectors(7), vectors(5, seed=2)
    after = [part @ linear for part in propagate(graph, people, items, 2)]
    before = propagate(graph, people @ linear, items @ linear, 2)
    for one, other in zip(after, before, strict=True):
        assert one == pytest.approx(other)


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_what_items_hand_on_makes_the_vectors_of_the_people_who_are_there(layers: int) -> None:
    touched = example()
    graph, people, items = normalised(touched), vectors(7), vectors(5, seed=2)
    degrees = np.asarray(touched.sum(axis=0)).astype(np.float32)
    given = handed_on(graph, degrees, people, items, layers)
    sizes = np.maximum(np.asarray(touched.sum(axis=1)), 1)[:, None]
    joined = (people + (touched @ given) / np.sqrt(sizes)) / (layers + 1)
    assert joined == pytest.approx(propagate(graph, people, items, layers)[0], abs=1e-6)


def test_an_item_that_nobody_touched_hands_on_itself() -> None:
    graph, items = normalised(example()), vectors(5, seed=2)
    given = handed_on(graph, np.asarray(example().sum(axis=0)), vectors(7), items, 2)
    assert given[4] == pytest.approx(items[4])


def test_layers_are_as_many_as_were_asked_for_and_one() -> None:
    assert len(list(layers_of(normalised(example()), vectors(7), vectors(5), 3))) == 4
