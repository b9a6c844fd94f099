"""Explanations are cut by people, and rows write about the item that is asked about."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.systems.reproduction import Bench, Ground
from tastemaker.systems.studies import explanations
from tastemaker.systems.studies.explanations import FILE, Explained, split_explanations


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    rows = [
        {
            "uid": number % 60,
            "iid": number % 31,
            "title": f"Book{number % 31}x",
            "item_summary": f"Fans of dragon{number % 31}y stories. And more.",
            "explanation": f"The user would buy the book because of {number} dragons.",
        }
        for number in range(150)
    ]
    home = tmp_path / "books"
    home.mkdir()
    pl.DataFrame(rows).write_parquet(home / FILE)
    return Bench(tmp_path / "out", tmp_path)


@pytest.fixture
def ground(bench: Bench) -> Ground[Explained]:
    return split_explanations("books", bench, Run())


def test_nobody_is_in_two_parts_and_nothing_is_lost(ground: Ground[Explained]) -> None:
    data = ground.holds
    parts = [set(data.train.interactions.frame["user_id"]), set(data.valid["user_id"]), set(data.test["user_id"])]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 60
    assert len(data.learnt) + len(data.valid) + len(data.test) == 150
    assert len(data.train.items) == 31
    assert ground.units == len(data.test)
    assert ground.clusters is not None
    assert len(set(ground.clusters.tolist())) == ground.counts["people"] == len(parts[2])


def test_the_parts_are_the_same_whatever_the_seed(bench: Bench, ground: Ground[Explained]) -> None:
    other = split_explanations("books", bench, Run(seed=5))
    assert other.digest == ground.digest
    assert other.holds.test.equals(ground.holds.test)


def test_a_frame_tells_the_items_own_words_and_one_text_for_all_does_not(ground: Ground[Explained]) -> None:
    frame = explanations.in_a_frame("The book {title}: {summary}", ground.holds, Run())
    assert (frame.values["grounded"] == 1).all()
    title, summary = ground.holds.words[ground.holds.items[0]]
    assert frame.example == f"The book {title}: f{summary[1:-10]}"
    same = explanations.always_the_same(ground.holds, Run())
    assert same.numbers["unique"] == 1 / len(ground.holds.test)
    assert same.example in ground.holds.learnt
    assert not same.values["grounded"].any()


def test_the_given_texts_have_no_nearness_to_themselves(ground: Ground[Explained]) -> None:
    given = explanations.themselves(ground.holds, Run())
    assert set(given.values) == {"grounded"}
    assert "bleu-4" not in given.numbers


def test_data_that_are_not_there_or_others_are_told(tmp_path: Path, bench: Bench) -> None:
    with pytest.raises(DataError, match=r"there is no explanations_test\.parquet of 'films'"):
        split_explanations("films", bench, Run())
    (tmp_path / "books" / FILE).write_bytes(b"no table")
    with pytest.raises(DataError, match=r"cannot be read"):
        split_explanations("books", bench, Run())


def test_a_network_writes_and_its_texts_can_be_told_of_others(ground: Ground[Explained], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    recipe = {
        "tasks": {"explanation": 1.0, "direct": 0.1},
        "asks": "direct",
        "indexer": "title",
        "dimensions": 8,
        "heads": 2,
        "hidden": 8,
        "blocks": 1,
        "max_written": 6,
        "epochs": 1,
        "patience": 0,
    }
    run = Run(output=tmp_path / "trainings")
    own = explanations.written(recipe, ({"spread": 0.2},), ground.holds, run)
    moved = explanations.written_for_others(recipe, ({"spread": 0.2},), ground.holds, run)
    assert own.settings == moved.settings
    assert own.settings["spread"] == 0.2
    assert str(tmp_path) not in str(own.settings)
    assert own.numbers["distinct-1"] == moved.numbers["distinct-1"], "the same texts in another order"
    assert own.values["rouge-l"].shape == (len(ground.holds.test),)
