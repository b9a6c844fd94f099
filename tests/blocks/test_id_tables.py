"""Tables of id vectors are what their formulas say, and know nothing that was held out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from tests.blocks.random_log import random_log

from tastemaker.blocks import id_tables
from tastemaker.blocks.id_graph import IdGraph
from tastemaker.blocks.id_tables import IdSettings, make_table
from tastemaker.core.errors import ConfigError
from tastemaker.data.dataset import Dataset
from tastemaker.data.split import Split, leave_one_out

Array = NDArray[Any]


def example(people: int = 7, items: int = 6, seed: int = 0) -> IdGraph:
    touched = np.random.default_rng(seed).random((people, items)) < 0.4
    touched[0] = False  # somebody who touched nothing
    touched[:, -1] = False  # an item that nobody touched
    return IdGraph(names("u", people), names("i", items), np.argwhere(touched))


def names(side: str, count: int) -> Array:
    return np.array([f"{side}{place}" for place in range(count)], object)


def dense_kernel(graph: IdGraph, layers: int) -> Array:
    """P by its definition, with a row and a column of zeros for no id."""
    u, size = len(graph.people), graph.rows - 1
    adjacency = np.zeros((size, size))
    for person, item in graph.edges:
        adjacency[person, u + item] = adjacency[u + item, person] = 1
    degrees = adjacency.sum(axis=1)
    root = np.divide(1, np.sqrt(degrees), out=np.zeros(size), where=degrees > 0)
    normal = root[:, None] * adjacency * root
    kernel = sum(np.linalg.matrix_power(normal, power) for power in range(layers + 1)) / (layers + 1)
    return np.pad(kernel, ((1, 0), (1, 0)))


@pytest.mark.parametrize("layers", [0, 1, 2, 4])
def test_propagation_is_the_mean_of_the_powers_of_the_dense_graph(layers: int) -> None:
    graph = example()
    features = id_tables.random_features(graph.rows, 5, seed=1)
    expected = dense_kernel(graph, layers) @ features
    assert id_tables.propagated(graph, features, layers) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("count", [1, 4, 100])
def test_the_nearest_rows_are_the_largest_entries_of_the_kernel(count: int) -> None:
    graph = example()
    rows, entries = id_tables.nearest_rows(graph, 3, count, block=5)
    kernel = dense_kernel(graph, 3)
    kept = -np.sort(-kernel, axis=1)[:, : rows.shape[1]]
    assert rows.shape[1] == min(count, graph.rows - 1)
    assert -np.sort(-entries, axis=1) == pytest.approx(kept, abs=1e-6)
    assert entries == pytest.approx(np.take_along_axis(kernel, rows, axis=1), abs=1e-6)
    assert not rows[0].any()


def test_who_has_no_edge_keeps_a_share_of_what_was_drawn() -> None:
    graph = example()
    features = id_tables.random_features(graph.rows, 5, seed=1)
    found = id_tables.propagated(graph, features, 4)
    for row in (1, graph.rows - 1):
        assert found[row] == pytest.approx(features[row] / 5)


def test_inner_products_approach_the_kernel_as_vectors_grow() -> None:
    graph = example()
    kernel = dense_kernel(graph, 3)
    wanted, far = kernel @ kernel.T, []
    for dim in (100, 40_000):
        found = id_tables.propagated(graph, id_tables.random_features(graph.rows, dim, seed=2), 3).astype(np.float64)
        far.append(np.abs(found @ found.T - wanted).max() / np.diag(wanted).max())
    # Each entry's standard error is at most sqrt(2 / dim) of the largest one.
    assert far[1] < 4 * np.sqrt(2 / 40_000)
    assert far[1] < far[0] / 5


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_the_leading_directions_give_the_best_kernel_of_their_rank(layers: int) -> None:
    graph = example(people=12, items=9)
    kernel = dense_kernel(graph, layers)
    connected = np.isin(np.arange(graph.rows), np.concatenate([graph.edges[:, 0] + 1, graph.edges[:, 1] + 13]))
    kernel[~connected] = 0
    left, values, _ = np.linalg.svd(kernel)
    found = id_tables.propagated(graph, id_tables.leading_features(graph, 4, seed=0), layers)
    best = (left[:, :4] * values[:4] ** 2) @ left[:, :4].T
    assert found @ found.T == pytest.approx(best, abs=1e-5)
    assert np.linalg.norm(found, axis=0) == pytest.approx(values[:4], abs=1e-5)
    assert not found[~connected].any()


def test_directions_that_the_graph_lacks_are_zero() -> None:
    graph = IdGraph(names("u", 8), names("i", 8), np.argwhere(np.ones((3, 3), dtype=bool)))
    found = id_tables.leading_features(graph, 4, seed=0)
    assert found[:, 0].any()
    assert not found[:, 1:].any()


def test_more_directions_than_the_graph_can_have_are_refused() -> None:
    with pytest.raises(ConfigError, match="6"):
        id_tables.leading_features(example(), 6, seed=0)


@pytest.mark.parametrize("kind", ["per-id", "propagated", "svd", "given"])
@pytest.mark.parametrize("alpha", [0.25, 3.0])
def test_entries_are_as_large_as_those_of_the_tokens_times_alpha(kind: Any, alpha: float) -> None:
    graph = example()
    given = np.random.default_rng(0).normal(5, 40, (graph.rows - 1, 4))
    given[2] = 0  # nothing is known of it
    made = make_table(IdSettings(kind, alpha=alpha), graph, 4, 7.0, given)
    rows = made.vectors[made.vectors.any(axis=1)].astype(np.float64)
    assert np.sqrt((rows**2).mean()) == pytest.approx(7.0 * alpha, rel=1e-5)
    assert made.vectors.dtype == np.float32
    assert made.vectors.shape == (graph.rows, 4)
    assert not made.vectors[0].any()


def test_features_are_on_the_scale_of_what_is_made_of_them() -> None:
    graph = example()
    made = make_table(IdSettings("propagated", layers=3), graph, 4, 2.0)
    assert made.vectors == pytest.approx(dense_kernel(graph, 3) @ made.features, abs=1e-5)


@pytest.mark.parametrize("kind", ["per-id", "propagated", "svd"])
def test_the_seed_decides(kind: Any) -> None:
    graph = example()
    one, same = (make_table(IdSettings(kind, seed=3), graph, 4, 1.0).vectors for _ in range(2))
    assert (one == same).all()
    if kind != "svd":
        assert (make_table(IdSettings(kind, seed=4), graph, 4, 1.0).vectors != one)[1:].all()


@pytest.mark.parametrize("wrong", [None, np.ones((13, 4)), np.ones((12, 4)), np.full((13, 5), np.nan)])
def test_vectors_given_have_the_rows_and_the_length(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="given"):
        make_table(IdSettings("given"), example(), 5, 1.0, wrong)


def test_a_table_of_zeros_cannot_be_scaled() -> None:
    with pytest.raises(ConfigError, match="zero"):
        make_table(IdSettings("given"), example(), 4, 1.0, np.zeros((13, 4)))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "svdd"}, "svd"),
        ({"kind": "svd", "mode": "linear"}, "frozen, trained"),
        ({"alpha": 0.0}, "alpha"),
        ({"layers": -1}, "layers"),
    ],
)
def test_settings_out_of_place_are_refused(wrong: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        IdSettings(**wrong)


def test_each_kind_has_a_mode_of_its_own() -> None:
    assert IdSettings("propagated").mode == "frozen"
    assert IdSettings("positional").mode == "trained"


def with_newcomer(graph: IdGraph, items: list[int]) -> IdGraph:
    edges = [[len(graph.people), item] for item in items]
    people = np.append(graph.people, "new")
    return IdGraph(people, graph.items, np.concatenate([graph.edges, edges]))


def test_a_newcomer_has_the_row_of_a_graph_with_them_in_it_after_one_layer() -> None:
    graph = example()
    features = id_tables.random_features(graph.rows, 3, seed=1)
    handed = id_tables.handed_on_by_items(graph, features, 1)
    found = id_tables.newcomers(handed, [np.array([1, 3, 5, -1, 3]), np.array([], dtype=int)], 1)
    later = np.insert(features, 8, 0, axis=0)
    assert found[0] == pytest.approx(id_tables.propagated(with_newcomer(graph, [1, 3, 5]), later, 1)[8], abs=1e-6)
    assert not found[1].any()


def test_a_newcomer_is_near_the_row_of_a_graph_with_them_in_it_after_more_layers() -> None:
    graph = example(people=400, items=40, seed=3)
    features = id_tables.random_features(graph.rows, 256, seed=1)
    found = id_tables.newcomers(id_tables.handed_on_by_items(graph, features, 4), [np.array([0, 4, 7, 20])], 4)[0]
    later = np.insert(features, 401, 0, axis=0)
    exact = id_tables.propagated(with_newcomer(graph, [0, 4, 7, 20]), later, 4)[401]
    assert np.linalg.norm(found - exact) < 0.2 * np.linalg.norm(exact)


def hits(graph: IdGraph, split: Split, seed: int = 0) -> float:
    """How often the held-out item is among the 10 of 100 that are nearest to the person."""
    vectors = make_table(IdSettings("propagated", seed=seed), graph, 256, 1.0).vectors
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    test, rng = split.test, np.random.default_rng(seed)
    people = vectors[graph.person_rows(test.queries.user_ids[test.query])]
    items = vectors[graph.item_rows(test.queries.dictionary)]
    found = []
    for place, (vector, target) in enumerate(zip(people, test.targets, strict=True)):
        own = test.queries.codes[test.queries.starts[place] : test.queries.ends[place]]
        others = rng.permutation(np.setdiff1d(np.arange(len(items)), [*own, target]))[:99]
        found.append(int((items[others] @ vector > items[target] @ vector).sum()) < 10)
    return float(np.mean(found))


def test_untrained_vectors_of_the_training_graph_find_nothing() -> None:
    split = leave_one_out(random_log())
    assert abs(hits(IdGraph.of(split.train), split) - 0.1) < 3 * np.sqrt(0.1 * 0.9 / 400)


def test_untrained_vectors_of_a_graph_with_half_of_all_pairs_find_what_leaked() -> None:
    data = random_log()
    split, all_pairs = leave_one_out(data), IdGraph.of(data)
    drawn = np.random.default_rng(1).random(len(all_pairs.edges)) < 0.5
    assert hits(replace(all_pairs, edges=all_pairs.edges[drawn]), split) > 0.4


def test_another_held_out_item_changes_nothing() -> None:
    data = random_log(people=40, items=50)
    events = data.interactions.frame.select("user_id", "item_id", "timestamp")
    swapped = events.with_columns(
        pl.when(pl.col("timestamp") == pl.col("timestamp").max().over("user_id"))
        .then(pl.lit("i0"))
        .otherwise("item_id")
        .alias("item_id")
    )
    assert not swapped.equals(events)
    made = [
        make_table(IdSettings(), IdGraph.of(leave_one_out(log).train), 8, 1.0).vectors
        for log in (data, Dataset.of(swapped, data.catalogue))
    ]
    assert (made[0] == made[1]).all()
