"""A graph that holds answers of the test lifts untrained vectors far above chance, and the clean one does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from tests.blocks.random_log import random_log

from tastemaker.blocks.id_graph import IdGraph, edges_of, refuse_held_out
from tastemaker.blocks.id_tables import random_features
from tastemaker.core.errors import DataError, LeakError, MissingExtraError
from tastemaker.core.run import Run
from tastemaker.data import Dataset, Split, leave_one_out, make_split, write_folder
from tastemaker.evaluation import evaluate
from tastemaker.evaluation.bootstrap import Interval
from tastemaker.models import MODELS
from tastemaker.systems.demonstrations import graph_leak
from tastemaker.systems.demonstrations.graph_leak import DIMENSIONS, CheatingGenerative, Pairs, half_of_all_pairs
from tastemaker.systems.reproduction import Bench, Leak, Setting, System, find_system, report
from tastemaker.systems.reproduction.documents import write_document
from tastemaker.systems.reproduction.leak import Contestant, LeakRow, read_shown, write_shown
from tastemaker.systems.reproduction.leak_run import by_chance, show_leak

PEOPLE, ITEMS, EVENTS = 400, 300, 8
UNTRAINED = frozenset({"random-clean", "random-leaked"})


@pytest.fixture(scope="module")
def log() -> Dataset:
    """Sparse, and nothing in it tells anything."""
    return replace(random_log(PEOPLE, ITEMS, EVENTS, seed=1), name="noise")


@pytest.fixture(scope="module")
def split(log: Dataset) -> Split:
    return leave_one_out(log)


@pytest.fixture(scope="module")
def source(log: Dataset, tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("leak") / "noise"
    write_folder(log, home)
    return str(home)


@pytest.fixture
def leaking(system: System, source: str) -> System:
    setting = Setting(source=source, protocol="leave-one-out", ks=(10, 5, 1), candidates="uniform", negatives=99)
    found = partial(graph_leak.contestants, recipe={})
    return replace(
        system, leak=Leak(about="It leaks.", quick=setting, full=setting, contestants=found, says=graph_leak.says)
    )


def only(bench: Bench, *rows: str) -> Bench:
    return replace(bench, rows=frozenset(rows) or UNTRAINED)


def test_untrained_vectors_are_at_chance_on_the_clean_graph_and_far_above_on_the_other(
    leaking: System, bench: Bench
) -> None:
    rows = show_leak(leaking, only(bench)).by_name()
    clean, leaked, chance = (rows[name].metrics for name in ("random-clean", "random-leaked", "chance"))
    assert set(clean) == set(leaked) == set(chance) == {"hr@1", "hr@5", "hr@10", "ndcg@10"}
    for metric, share in {"hr@1": 0.01, "hr@5": 0.05, "hr@10": 0.1}.items():
        assert chance[metric].value == pytest.approx(share)
        assert abs(clean[metric].value - share) < 3 * np.sqrt(share * (1 - share) / PEOPLE)
        assert leaked[metric].low > share + 0.2
        assert leaked[metric].low < leaked[metric].value < leaked[metric].high
    assert rows["random-clean"].inside == 0
    assert abs(rows["random-leaked"].inside - 0.5) < 3 * np.sqrt(0.25 / PEOPLE)


def test_half_of_all_pairs_is_half_of_them_drawn_by_the_seed(log: Dataset, split: Split) -> None:
    first, again, other = (half_of_all_pairs(split, Run(seed=seed)).edges for seed in (3, 3, 4))
    assert first.shape == (PEOPLE * EVENTS // 2, 2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert {tuple(pair) for pair in first.tolist()} <= {tuple(pair) for pair in edges_of(log).tolist()}


def test_the_check_of_graphs_refuses_half_of_all_pairs(split: Split) -> None:
    graph = half_of_all_pairs(split, Run())
    inside = Pairs(graph, (split.valid, split.test)).answers(split.test)
    edges = {(graph.people[person], graph.items[item]) for person, item in graph.edges}
    asked = zip(split.test.queries.user_ids, split.test.queries.dictionary[split.test.targets], strict=True)
    assert inside.tolist() == [pair in edges for pair in asked]
    refuse_held_out(IdGraph.of(split.train), split.valid, split.test)
    with pytest.raises(LeakError, match=f"the graph has {inside.sum()} of {PEOPLE} held-out pairs"):
        refuse_held_out(graph, split.test)
    with pytest.raises(LeakError):
        refuse_held_out(graph, split.valid)


def test_people_whom_training_does_not_know_are_in_neither_graph(log: Dataset) -> None:
    cold = make_split(log, "cold-user")
    graph = half_of_all_pairs(cold, Run())
    assert len(graph.edges) == len(edges_of(cold.train)) // 2
    assert Pairs(graph, (cold.valid, cold.test)).share() == 0
    score, _ = graph_leak.untrained(graph, "propagated", 0)
    assert not score(cold.test.queries).any()


def test_an_item_scores_the_cosine_of_its_spread_features_and_the_persons(split: Split) -> None:
    graph = half_of_all_pairs(split, Run())
    nodes = PEOPLE + ITEMS
    adjacency = np.zeros((nodes, nodes))
    for person, item in graph.edges:
        adjacency[person, PEOPLE + item] = adjacency[PEOPLE + item, person] = 1
    root = np.sqrt(np.maximum(adjacency.sum(axis=1), 1))
    adjacency = adjacency / root[:, None] / root
    features = random_features(1 + nodes, DIMENSIONS, seed=5)[1:]
    spread = sum(np.linalg.matrix_power(adjacency, step) @ features for step in range(5))
    unit = spread / np.linalg.norm(spread, axis=1, keepdims=True)
    score, items = graph_leak.untrained(graph, "propagated", 5)
    asked = split.test.queries[:20]
    people = graph.person_rows(asked.user_ids) - 1
    np.testing.assert_allclose(score(asked), unit[people] @ unit[PEOPLE:].T, atol=1e-5)
    assert list(items) == list(graph.items)


def test_the_same_seed_gives_the_same_numbers_and_another_one_others(leaking: System, bench: Bench) -> None:
    def found(seed: int) -> list[tuple[str, str, Any]]:
        other = replace(only(bench), run=Run(seed=seed))
        return [(row.name, row.ranks, row.metrics) for row in show_leak(leaking, other).rows]

    assert found(0) == found(0)
    first, second = dict(map(lambda row: row[:2], found(0))), dict(map(lambda row: row[:2], found(1)))
    assert all(first[name] != second[name] for name in UNTRAINED)


def test_rows_that_are_left_out_are_kept_from_before_where_the_test_is_the_same(leaking: System, bench: Bench) -> None:
    write_shown(show_leak(leaking, only(bench, "random-clean")), bench.out, "tiny")
    shown = show_leak(leaking, only(bench, "popularity"))
    assert [row.name for row in shown.rows] == ["random-clean", "popularity", "chance"]
    write_shown(shown, bench.out, "tiny")
    assert leaking.leak is not None
    other = replace(leaking.leak.quick, negatives=50)
    fewer = show_leak(replace(leaking, leak=replace(leaking.leak, quick=other)), only(bench, "popularity"))
    assert [row.name for row in fewer.rows] == ["popularity", "chance"]
    assert fewer.by_name()["chance"].metrics["hr@10"].value == pytest.approx(10 / 51)


def test_trained_rows_are_left_to_the_full_budget(split: Split) -> None:
    budgets = {each.name: each.budget for each in graph_leak.contestants(split, Run(), recipe={})}
    assert {name for name, budget in budgets.items() if budget == "full"} == {"trained-clean", "trained-leaked"}


def test_the_record_holds_what_the_numbers_rest_on_and_is_read_back(leaking: System, bench: Bench, source: str) -> None:
    shown = show_leak(leaking, only(bench))
    path = write_shown(shown, bench.out, "tiny")
    assert path == bench.out / "tiny" / "leak.json"
    (entry,) = json.loads(path.read_text())["shown"]
    assert set(entry["hashes"]) == {"data", "split"}
    assert all(len(row["code"]) == 64 for row in entry["rows"])
    assert entry["machine"]["threads"] == bench.run.threads
    assert source not in path.read_text()
    (again,) = read_shown(bench.out, "tiny")
    assert again.to_json() == shown.to_json()
    write_shown(replace(shown, dataset="other"), bench.out, "tiny")
    assert [each.dataset for each in read_shown(bench.out, "tiny")] == ["noise", "other"]


def test_a_record_of_another_format_is_refused(bench: Bench) -> None:
    write_document({"format": 99, "shown": []}, bench.out / "tiny" / "leak.json")
    with pytest.raises(DataError, match="format 99"):
        read_shown(bench.out, "tiny")


def test_a_row_that_cannot_be_made_says_why(leaking: System, bench: Bench) -> None:
    def build() -> Any:
        raise MissingExtraError("a network", "torch")

    assert leaking.leak is not None
    lacking = replace(leaking.leak, contestants=lambda split, run: [Contestant("trained", "trained", build)])
    shown = show_leak(replace(leaking, leak=lacking), only(bench, "trained"))
    assert shown.rows[0].reason.startswith("a network needs the extra 'torch'")
    text = report(leaking, {}, [shown])
    assert "| — | trained | not run |  |  |  | — |" in text
    assert "trained was not run: a network needs the extra 'torch'" in text


def test_unknown_rows_and_systems_without_a_leak_are_told(leaking: System, bench: Bench) -> None:
    with pytest.raises(DataError, match=r"no row 'random-claen'.*'random-clean'"):
        show_leak(leaking, only(bench, "random-claen"))
    with pytest.raises(DataError, match=r"tiny has no leak to show.*elmrec"):
        show_leak(replace(leaking, leak=None), bench)


def test_the_report_shows_the_leak_where_it_was_shown(leaking: System, bench: Bench) -> None:
    assert "The leak, shown" not in report(leaking, {})
    write_shown(show_leak(leaking, only(bench)), bench.out, "tiny")
    shown = read_shown(bench.out, "tiny")
    text = report(leaking, {}, shown)
    assert text == report(leaking, {}, shown)
    assert "## The leak, shown\n\nIt leaks.\n\n`noise`, leave-one-out, split `" in text
    assert "| graph | what ranks | hr@1 | hr@5 | hr@10 | ndcg@10 | answers in the graph |" in text
    assert "| training events | random | ." in text
    assert "| — | chance | .0100 | .0500 | .1000 | .0454 | — |" in text
    assert "The difference is the leak" in text
    assert "[Record](tiny/leak.json)" in text


def row(name: str, value: float, inside: float = float("nan")) -> LeakRow:
    return LeakRow(name, name, inside=inside, metrics={"hr@10": Interval(value, value - 0.01, value + 0.01)})


def test_the_last_sentence_says_no_more_than_the_intervals_allow() -> None:
    rows = {each.name: each for each in (row("random-clean", 0.1, 0.0), row("random-leaked", 0.6, 0.5))}
    chance = {"chance": LeakRow("chance", "chance", metrics=by_chance(99, [10]))}
    assert graph_leak.says(rows) == graph_leak.says(chance) == ""
    assert graph_leak.says({**rows, **chance}) == (
        "With 50 % of the answers in the graph, hr@10 is 0.60 (random); with none of them it is 0.10 (random), where "
        "chance is 0.10. The difference is the leak: a number from such a graph says nothing about a model."
    )
    overlapping = {**rows, **chance, "random-leaked": row("random-leaked", 0.11, 0.5)}
    assert graph_leak.says(overlapping).endswith("The intervals overlap: the leak does not show here.")
    trained = {each.name: each for each in (row("trained-clean", 0.3), row("trained-leaked", 0.31))}
    said = graph_leak.says({**rows, **chance, **trained})
    assert "hr@10 is 0.60 (random) and 0.31 (trained); with none" in said
    assert "The difference is the leak (trained does not show it): a number" in said


def test_elmrec_shows_its_leak_on_both_budgets_with_its_own_direct_task() -> None:
    leak = find_system("elmrec").leak
    assert leak is not None
    assert (leak.quick.source, leak.full.source) == ("movielens-100k", "amazon-beauty")
    for setting in (leak.quick, leak.full):
        assert (setting.protocol, setting.candidates, setting.negatives) == ("leave-one-out", "uniform", 99)
        assert len(setting.negative_seeds) == 5


class Stopped(Exception):
    """Ends a fit before it trains."""


@pytest.mark.needs_extra("torch")
def test_the_trained_model_that_cheats_is_known_as_such_and_takes_no_honest_training(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tastemaker.models import generative_training

    begun: list[tuple[str, str, int]] = []

    def stop(task: Any, settings: Any, run: Run, name: str, identity: str) -> None:
        begun.append((name, identity, len(edges[-1].edges)))
        raise Stopped

    edges: list[IdGraph] = []
    make: Callable[..., Any] = generative_training.GenerativeTask

    def watched(*given: Any, **named: Any) -> Any:
        edges.extend(each for each in (*given, *named.values()) if isinstance(each, IdGraph))
        return make(*given, **named)

    monkeypatch.setattr(generative_training, "GenerativeTask", watched)
    monkeypatch.setattr(generative_training, "train_generative", stop)
    recipe = {"id_vectors": "propagated", "prompts": "bare", "indexer": "item-token", "dimensions": 16, "hidden": 16}
    said: list[str] = []
    rows = graph_leak.contestants(split, Run(notify=said.append), recipe={**recipe, "asks": "direct"})
    for each in [each for each in rows if each.budget == "full"]:
        with pytest.raises(Stopped):
            each.build()
    (honest, first, clean), (cheat, second, leaked) = begun
    assert (honest, cheat) == ("generative", "generative-that-cheats")
    assert first != second
    assert (clean, leaked) == (PEOPLE * (EVENTS - 2), PEOPLE * EVENTS // 2)
    assert any("of the test's answers; what this model scores is no result" in text for text in said)
    assert CheatingGenerative.name not in MODELS


@pytest.mark.needs_extra("torch")
def test_evaluation_refuses_the_model_that_cheats(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CheatingGenerative, "_learn", lambda self, train, settings: None)
    pairs = Pairs(half_of_all_pairs(split, Run()), (split.valid, split.test))
    model = CheatingGenerative.with_graph(pairs, {"dimensions": 16}).fit(split.train, split.valid)
    read = int(pairs.answers(split.test).sum())
    with pytest.raises(LeakError, match=f"fitted on {read} of the {PEOPLE} held-out rows"):
        evaluate(model, split.test, train=split.train)
