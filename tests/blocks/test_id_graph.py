"""The graph of ids holds the positive events of training, and nothing that is held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tests.blocks.random_log import random_log

from tastemaker.blocks.id_graph import IdGraph, edges_of, refuse_held_out
from tastemaker.core.errors import LeakError
from tastemaker.data.dataset import Dataset
from tastemaker.data.split import Split, leave_one_out


@pytest.fixture(scope="module")
def split() -> Split:
    return leave_one_out(random_log(people=60, items=40))


def pair_of(graph: IdGraph, split: Split, part: str, question: int) -> tuple[int, int]:
    held = getattr(split, part)
    person = graph.person_rows([held.queries.user_ids[held.query[question]]])[0] - 1
    item = graph.item_rows([held.queries.dictionary[held.targets[question]]])[0] - 1 - len(graph.people)
    return int(person), int(item)


def planted(graph: IdGraph, pair: tuple[int, int]) -> IdGraph:
    return replace(graph, edges=np.unique(np.concatenate([graph.edges, [pair]]), axis=0))


def test_edges_are_the_pairs_with_a_positive_event_each_once() -> None:
    events = pl.DataFrame(
        [("a", "x", 1.0), ("a", "x", 2.0), ("a", "y", -1.0), ("b", "y", 1.0), ("b", "z", 0.0), ("b", "z", 1.0)],
        schema=["user_id", "item_id", "weight"],
        orient="row",
    )
    data = Dataset.of(events)
    people, items = data.sequences.user_ids, data.items.ids
    assert {(people[person], items[item]) for person, item in edges_of(data)} == {("a", "x"), ("b", "y"), ("b", "z")}
    assert edges_of(data).shape == (3, 2)
    assert edges_of(data).dtype == np.int64


def test_rows_are_nobody_then_people_then_items() -> None:
    graph = IdGraph.of(random_log(people=5, items=9))
    rows = [*graph.person_rows(graph.people), *graph.item_rows(graph.items)]
    assert rows == list(range(1, graph.rows))
    assert graph.person_rows(["u3", None, "nobody"])[1:].tolist() == [0, 0]
    assert graph.item_rows(["nothing", "i0"])[0] == 0


def test_the_graph_of_the_training_view_passes(split: Split) -> None:
    refuse_held_out(IdGraph.of(split.train), split.valid, split.test)


def test_the_graph_of_all_events_is_refused(split: Split) -> None:
    graph = IdGraph.of(random_log(people=60, items=40))
    with pytest.raises(LeakError, match="60 of 60 held-out pairs"):
        refuse_held_out(graph, split.test)


@pytest.mark.parametrize("part", ["valid", "test"])
def test_one_planted_edge_is_refused_and_named(split: Split, part: str) -> None:
    graph = IdGraph.of(split.train)
    pair = pair_of(graph, split, part, 17)
    with pytest.raises(LeakError, match="1 of 60") as refusal:
        refuse_held_out(planted(graph, pair), split.valid, split.test)
    assert f"'{graph.people[pair[0]]}'" in str(refusal.value)
    assert f"'{graph.items[pair[1]]}'" in str(refusal.value)


def test_what_a_refit_learns_from_is_no_leak_for_the_test_part(split: Split) -> None:
    graph = IdGraph.of(split.train)
    refuse_held_out(planted(graph, pair_of(graph, split, "valid", 3)), split.test)


def test_an_answer_that_the_history_holds_already_is_known(split: Split) -> None:
    graph, test = IdGraph.of(split.train), split.test
    first = test.queries.codes[test.queries.starts[test.query]]
    refuse_held_out(graph, replace(test, targets=first.astype(np.int32)))
