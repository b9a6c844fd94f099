"""k-means and spectral clustering find planted groups; residual k-means says more with every level."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.blocks.clustering import k_means, nearest_centres, spectral_tree
from tastemaker.blocks.quantiser import ResidualKMeans
from tastemaker.core.errors import ConfigError, ModelError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def groups(labels: NDArray[np.int64]) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def planted(sizes: list[int], inside: float, between: float) -> tuple[sparse.csr_matrix, NDArray[np.int64]]:
    """A graph whose nodes, in shuffled order, meet their own group more often than others."""
    random = rng(5)
    labels = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    chances = np.where(labels[:, None] == labels, inside, between)
    upper = np.triu(random.random(chances.shape) < chances, 1).astype(np.float64)
    return sparse.csr_matrix(upper + upper.T), labels


def test_the_nearest_centre_is_the_nearest_and_of_equals_the_first() -> None:
    points, centres = rng().normal(size=(50, 3)).astype(np.float32), rng(1).normal(size=(7, 3)).astype(np.float32)
    labels, distances = nearest_centres(points, np.concatenate([centres, centres]))
    apart = ((points[:, None] - centres) ** 2).sum(axis=2)
    assert labels.tolist() == apart.argmin(axis=1).tolist()
    np.testing.assert_allclose(distances, apart.min(axis=1), rtol=1e-4, atol=1e-5)


def test_k_means_finds_clouds_that_are_far_apart() -> None:
    truth = rng().permutation(np.repeat(np.arange(4), [5, 40, 60, 20]))
    points = (10 * np.eye(4)[truth] + 0.3 * rng(1).normal(size=(125, 4))).astype(np.float32)
    centres, labels = k_means(points, 4, rng(), starts=3)
    assert groups(labels) == groups(truth)
    for label in range(4):
        np.testing.assert_allclose(centres[label], points[labels == label].mean(axis=0), rtol=1e-4, atol=1e-4)


def test_k_means_leaves_clusters_empty_where_fewer_points_differ() -> None:
    points = np.repeat(np.eye(2, dtype=np.float32), 3, axis=0)
    centres, labels = k_means(points, 5, rng())
    assert centres.shape == (5, 2)
    assert groups(labels) == {frozenset({0, 1, 2}), frozenset({3, 4, 5})}


def test_a_centre_that_lost_its_points_takes_another() -> None:
    points = np.array([[0, 1], [1, 1], [2, 1], [5, 4], [4, 3], [1, 3]], dtype=np.float32)
    for seed in range(20):
        assert len(np.unique(k_means(points, 4, rng(seed))[1])) == 4


def test_no_point_or_no_cluster_is_refused() -> None:
    with pytest.raises(ConfigError, match="0 points cannot make 2 clusters"):
        k_means(np.empty((0, 2), dtype=np.float32), 2, rng())
    with pytest.raises(ConfigError, match="cannot be made"):
        spectral_tree(sparse.csr_matrix((3, 3)), 1, 2, rng())


@pytest.mark.parametrize("sizes", [[30, 50, 40], [150, 150, 200]], ids=["dense", "by Lanczos"])
def test_spectral_clusters_are_the_planted_groups(sizes: list[int]) -> None:
    graph, truth = planted(sizes, 0.4, 0.02)
    tree = spectral_tree(graph, 3, max(sizes), rng())
    assert {len(path) for path in tree} == {1}
    assert groups(np.asarray([path[0] for path in tree])) == groups(truth)


def test_groups_within_groups_make_paths() -> None:
    near, far = np.kron(np.eye(4), np.ones((20, 20))), np.kron(np.eye(2), np.ones((40, 40)))
    graph = near + 0.2 * far + 0.01
    np.fill_diagonal(graph, 0)
    tree = spectral_tree(graph, 2, 20, rng())
    assert {len(path) for path in tree} == {2}
    assert groups(np.asarray([path[0] for path in tree])) == groups(np.repeat([0, 1], 40))
    assert groups(np.asarray([2 * first + second for first, second in tree])) == groups(np.repeat(np.arange(4), 20))


@pytest.mark.parametrize("graph", [np.zeros((90, 90)), np.ones((90, 90)) - np.eye(90)], ids=["no edge", "every edge"])
def test_a_graph_without_groups_is_cut_small_all_the_same(graph: NDArray[np.float64]) -> None:
    tree = spectral_tree(graph, 4, 7, rng())
    assert max(tree.count(path) for path in tree) <= 7
    assert max(map(len, tree)) <= 20


def test_a_graph_that_is_small_enough_is_not_split() -> None:
    assert spectral_tree(np.ones((5, 5)) - np.eye(5), 3, 5, rng()) == [()] * 5


def error(vectors: NDArray[np.float32], meant: NDArray[np.float32]) -> float:
    return float(((vectors - meant) ** 2).sum(axis=1).mean())


def test_each_level_lowers_the_error_and_random_numbers_do_not() -> None:
    vectors = rng().normal(size=(600, 8)).astype(np.float32)
    quantiser = ResidualKMeans.fit(vectors, 4, 16, rng(1))
    numbers = quantiser.encode(vectors)
    errors = [error(vectors, quantiser.decode(numbers[:, :levels])) for levels in range(5)]
    assert all(after < 0.85 * before for before, after in pairwise(errors))
    assert errors[0] == pytest.approx(float((vectors**2).sum(axis=1).mean()), rel=1e-5)
    random = rng(2).integers(0, 16, numbers.shape).astype(np.int32)
    assert error(vectors, quantiser.decode(random)) > 2 * errors[4]


def test_a_vector_takes_the_nearest_centre_of_what_is_left() -> None:
    books = np.array([[[0, 0], [10, 0]], [[0, 1], [0, -1]]], dtype=np.float32)
    numbers = ResidualKMeans(books).encode(np.array([[9, 2], [1, -3]], dtype=np.float32))
    assert numbers.tolist() == [[1, 0], [0, 1]]
    assert ResidualKMeans(books).decode(numbers).tolist() == [[10, 1], [0, -1]]


def test_normalised_codes_do_not_see_lengths() -> None:
    vectors = rng().normal(size=(100, 4)).astype(np.float32)
    quantiser = ResidualKMeans.fit(vectors, 2, 8, rng(), normalised=True)
    assert quantiser.encode(2 * vectors).tolist() == quantiser.encode(vectors).tolist()
    with pytest.raises(ModelError, match="cannot be put together"):
        quantiser.decode(quantiser.encode(vectors))


def test_vectors_of_another_encoder_are_refused() -> None:
    quantiser = ResidualKMeans(np.zeros((2, 3, 4), dtype=np.float32))
    with pytest.raises(ModelError, match=r"\[1, 5\], but the codebooks want \[items, 4\]"):
        quantiser.encode(np.zeros((1, 5), dtype=np.float32))
    with pytest.raises(ConfigError, match="0 levels of 4"):
        ResidualKMeans.fit(np.ones((2, 2), dtype=np.float32), 0, 4, rng())
