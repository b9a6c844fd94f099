"""Worked examples are drawn by the seed, agree with what was measured, and hold what a person did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tastemaker.core.run import Run
from tastemaker.data import Dataset, HeldOut, leave_one_out
from tastemaker.evaluation import Comparison, Judge, compare
from tastemaker.evaluation.entries import Entry
from tastemaker.evaluation.examples import FOREIGN, Example, drawn, worked

Make = Callable[..., Any]
Ask = Callable[..., HeldOut]


def test_each_person_is_drawn_once_with_one_of_their_questions(ask: Ask) -> None:
    held = ask([1, 2, 3, 4, 5, 1], items=6, users=[0, 0, 0, 1, 2, 2])
    found = [drawn(held, 3, np.random.default_rng(seed)).tolist() for seed in range(40)]
    for queries in found:
        assert sorted(held.users[queries].tolist()) == [0, 1, 2]
    assert {query for queries in found for query in queries} == set(range(6))
    assert drawn(held, 2, np.random.default_rng(0)).tolist() == drawn(held, 2, np.random.default_rng(0)).tolist()
    assert len(drawn(held, 99, np.random.default_rng(0))) == 3
    assert len(drawn(held, 0, np.random.default_rng(0))) == 0


def test_an_example_holds_history_answer_and_lists(club: Dataset, rich: Comparison) -> None:
    assert len(rich.examples) == 3
    for example in rich.examples:
        history = club.history(example.user_id)
        assert [item.item_id for item in example.history] == history[-6:-1]
        assert [item.item_id for item in example.answers] == history[-1:]
        assert (example.events, example.asked) == (len(history) - 1, 1)
        assert all(item.title == club.catalogue.title(item.item_id) for item in example.history)
        assert list(example.lists) == [row.model for row in rich.done()]


def test_hits_stand_where_the_ranks_say(rich: Comparison) -> None:
    models = [row.model for row in rich.done() if row.lists is None]
    for example in rich.examples:
        for name in models:
            shown = example.lists[name]
            rank = shown.ranks[0]
            assert rank is not None
            places = [place for place, hit in enumerate(shown.hits, start=1) if hit]
            assert places == ([rank] if rank <= 5 else [])
            assert len(shown.items) == 5
            assert not {item.item_id for item in shown.items} & {item.item_id for item in example.history}


def test_lists_from_elsewhere_are_shown_with_what_nobody_knows(ask: Ask, club: Dataset) -> None:
    names = club.items.index([f"i{number}" for number in range(4)])
    held = ask([1, 2], [[0], [0]], items=30)
    judge = Judge(held, club, (4,), kept=[1])
    lists = np.array([[names[1], names[2], names[3], -1], [names[3], -1, names[2], -1]], dtype=np.int32)
    found = judge.measure("theirs", np.array([1, 3]), lists, 0.0)
    shown = worked(judge, {"theirs": found})[0].lists["theirs"]
    assert [item.title for item in shown.items] == ["Film 3", FOREIGN, "Film 2"]
    assert list(shown.hits) == [False, False, True]
    assert list(shown.ranks) == [3]


def test_of_many_answers_some_are_shown_and_all_are_counted(ask: Ask, club: Dataset) -> None:
    held = ask([list(range(1, 9))], [[0]], items=30)
    judge = Judge(held, club, (10,), kept=[0])
    names = club.items.index([f"i{number}" for number in range(30)])
    found = judge.measure("m", np.arange(1, 9), names[None, 1:11].astype(np.int32), 0.0)
    example = worked(judge, {"m": found})[0]
    assert (example.asked, len(example.answers)) == (8, 5)
    assert list(example.lists["m"].hits) == [True] * 5


def test_the_seed_decides_who_is_drawn_and_none_can_be_asked_for(club: Dataset, counts: Make) -> None:
    split = leave_one_out(club)

    def people(**asked: Any) -> list[str]:
        found = compare({"sequential-rules": counts()}, split, replicates=5, **asked)
        return [example.user_id for example in found.examples]

    assert people(run=Run(seed=1)) == people(run=Run(seed=1)) != people(run=Run(seed=2))
    assert len(people(examples=1)) == 1
    assert people(examples=0) == []


def test_lists_that_were_kept_for_others_are_left_out(ask: Ask, club: Dataset) -> None:
    held = ask([1, 2], [[0], [0]], items=30)
    before = Judge(held, club, (3,)).measure("m", np.array([1, 1]), np.zeros((2, 3), dtype=np.int32), 0.0)
    assert worked(Judge(held, club, (3,), kept=[0]), {"m": before})[0].lists == {}


def test_json_gives_the_same_example_again(rich: Comparison) -> None:
    for example in rich.examples:
        assert Example.from_json(Entry(example.to_json(), "run.json")).to_json() == example.to_json()
