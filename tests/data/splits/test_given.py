"""Splits that data bring along: as rows, as tables, or as a column that says which part each event is in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data import Dataset, Interactions, Split, load_dataset, make_split
from tastemaker.data.sources.gowalla import parse_gowalla_lightgcn
from tastemaker.data.split import Rules, given_frames, given_split

Of = Callable[..., Dataset]
Parts = Callable[[Split], tuple[list[int], list[int], list[int]]]
Questions = Callable[..., list[tuple[str, str, str]]]
Words = Callable[..., list[tuple[str, str, float | None]]]


def said(*parts: str | None) -> pl.Series:
    """Return a column of parts, one for each event."""
    return pl.Series(parts, dtype=pl.String)


def test_rows_may_be_named_or_masked(of: Of, parts: Parts, questions: Questions, words: Words) -> None:
    data = of(words(u="abcd", v="bcde"))
    split = given_split(data, test_rows=[1, 6], valid_rows=np.arange(8) == 0)
    assert parts(split) == ([2, 3, 4, 5, 7], [0], [1, 6])
    assert questions(split.valid) == [("u", "cd", "a")]
    assert questions(split.test) == [("u", "acd", "b"), ("v", "bce", "d")]
    before = given_split(data, test_rows=[3, 7], valid_rows=[2], history="before")
    assert questions(before.test) == [("u", "abc", "d"), ("v", "bcd", "e")]


def test_validation_is_drawn_from_training(of: Of, parts: Parts, words: Words) -> None:
    data = of(words(u="abcdefghij", v="bcdefghija"))
    train, valid, test = parts(given_split(data, test_rows=[9, 19], valid=0.2))
    assert test == [9, 19]
    assert [len(train), len(valid)] == [14, 4]
    assert len([row for row in valid if row < 10]) == 2
    assert parts(given_split(data, test_rows=[9, 19], valid=0.2, run=Run(seed=2)))[1] != valid
    everything = given_split(data, test_rows=[9, 19], rules=Rules(train_on_valid=True))
    assert parts(everything) == ([*range(9), *range(10, 19)], [], [9, 19])


def test_tables_of_a_given_split_are_put_together() -> None:
    train = pl.DataFrame({"user_id": ["u", "v", "u", None], "item_id": ["a", "b", "c", "d"]})
    test = pl.DataFrame({"item_id": ["d", "a"], "user_id": ["u", "v"], "weight": [1.0, 1.0]})
    valid = pl.DataFrame({"user_id": ["v"], "item_id": ["c"]})
    data, rows = given_frames(train, test, valid, name="given")
    assert (data.name, data.interactions.rejected["order"].to_list()) == ("given", [3])
    assert {name: found.tolist() for name, found in rows.items()} == {"test_rows": [4, 5], "valid_rows": [6]}
    assert "_part" not in data.interactions.frame.columns
    split = given_split(data, **rows)
    assert sorted(split.train.sequences.rows.tolist()) == [0, 1, 2]
    assert split.test.rows.tolist() == [4, 5]


def test_tables_with_positions_keep_their_parts() -> None:
    train = pl.DataFrame({"user_id": ["v", "u", "u"], "item_id": ["b", "c", "a"], "position": [0, 1, 0]})
    test = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["b", "a"], "position": [2, 1]})
    data, rows = given_frames(train, test)
    split = given_split(data, **rows, rules=Rules(train_on_valid=True))
    assert split.train.history("u") == ["a", "c"]
    assert split.test.queries.dictionary[split.test.targets].tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"test_rows": []}, "test_rows names no rows"),
        ({"test_rows": "test"}, "test_rows names no rows"),
        ({"test_rows": [0.5]}, "test_rows names no rows"),
        ({"test_rows": [99]}, "not one of the rows in test_rows is an event of the data"),
        ({"test_rows": [0, 1], "valid_rows": [1, 2]}, "1 rows are in test_rows and in valid_rows"),
        ({"test_rows": [3], "history": "all"}, "history is 'all', which is no choice"),
        ({"test_rows": [3], "valid": 1.5}, "a share of valid=1.5 leaves nothing to learn from"),
    ],
)
def test_rows_out_of_place_are_refused(of: Of, words: Words, knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        given_split(of(words(u="abcd", v="bcde")), **knobs)


# -- a column that says which part each event is in ----------------------------------------------------------------


def test_a_column_says_which_part_each_event_is_in(of: Of, parts: Parts, questions: Questions, words: Words) -> None:
    data = of(
        words(u="abcd", v="bcde"), split=said("train", "train", "valid", "test", "train", "train", "test", "test")
    )
    split = make_split(data, "given")
    assert parts(split) == ([0, 1, 4, 5], [2], [3, 6, 7])
    assert questions(split.valid) == [("u", "ab", "c")]
    assert questions(split.test) == [("u", "abc", "d"), ("v", "bc", "de")]
    assert {name: split.knobs[name] for name in ("column", "test_part", "valid_part", "valid")} == {
        "column": "split",
        "test_part": "test",
        "valid_part": "valid",
        "valid": "given",
    }
    by_rows = given_split(data, test_rows=[3, 6, 7], valid_rows=[2])
    assert parts(by_rows) == parts(split)


def test_without_a_validation_part_a_share_of_each_persons_training_is_drawn_by_the_seed(
    of: Of, parts: Parts, words: Words
) -> None:
    marks = ["train"] * 9 + ["test"]
    data = of(words(u="abcdefghij", v="bcdefghija"), split=said(*marks, *marks))
    split = make_split(data, "given", valid=0.2)
    train, valid, test = parts(split)
    assert test == [9, 19]
    assert [len(train), len(valid)] == [14, 4]
    assert len([row for row in valid if row < 10]) == 2
    assert (split.knobs["valid_part"], split.knobs["valid"], split.knobs["seed"]) == ("drawn from training", 0.2, 0)
    assert parts(make_split(data, "given", valid=0.2)) == (train, valid, test)
    assert parts(make_split(data, "given", valid=0.2, run=Run(seed=2)))[1] != valid
    everything = make_split(data, "given", train_on_valid=True)
    assert parts(everything) == ([*range(9), *range(10, 19)], [], [9, 19])


def test_words_of_others_for_the_parts_are_known(of: Of, parts: Parts, words: Words) -> None:
    data = of(words(u="abcdef"), fold=said("Training", " train ", "TRAIN", "val", "dev", "Test"))
    assert parts(make_split(data, "given", column="fold")) == ([0, 1, 2], [3, 4], [5])


def test_another_part_can_be_tested_on(of: Of, parts: Parts, words: Words) -> None:
    """As MIND is used, whose test part has no answers."""
    data = of(words(u="abcdefghij"), split=said(*["train"] * 8, "valid", "valid"))
    with pytest.raises(DataError, match=r"no event is in the part 'test' .* holds train, valid .*test_part=valid"):
        make_split(data, "given")
    train, valid, test = parts(make_split(data, "given", test_part="valid", valid=0.2))
    assert test == [8, 9]
    assert len(train) == 6
    assert sorted(train + valid) == list(range(8))
    named = of(words(u="abcdef"), split=said("train", "train", "train", "tune", "early", "early"))
    assert parts(make_split(named, "given", test_part="early", valid_part="tune")) == ([0, 1, 2], [3], [4, 5])


def test_the_column_holds_after_a_k_core(of: Of, parts: Parts, words: Words) -> None:
    marks = ["train", "train", "valid", "test"]
    data = of(words(u="abcd", v="abcd", w="xbcd"), split=said(*marks * 3))
    split = make_split(data, "given", core_items=2)
    assert parts(split) == ([0, 1, 4, 5, 9], [2, 6, 10], [3, 7, 11])


@pytest.mark.parametrize(
    ("marks", "knobs", "message"),
    [
        (None, {}, r"these data bring no split along: their events have no column 'split' .*says train, valid or test"),
        (["train", "test"], {"column": "fold"}, "their events have no column 'fold'"),
        (
            ["train", "later"],
            {},
            r"4 events are in no part of the split: column 'split' says 'later' .*Known: test, tr",
        ),
        (["train", None], {}, "column 'split' says nothing"),
        (["train", "train"], {}, r"no event is in the part 'test' of column 'split', which holds train"),
        (["test", "test"], {}, "the validation part of given is empty"),
    ],
)
def test_a_column_that_cannot_be_used_is_refused(
    of: Of, words: Words, marks: list[str | None] | None, knobs: dict[str, Any], message: str
) -> None:
    data = of(words(u="abcd", v="bcde"), **({} if marks is None else {"split": said(*marks * 4)}))
    with pytest.raises(DataError, match=message):
        make_split(data, "given", **knobs)


def test_a_source_with_an_official_split_is_cut_as_it_is_given(tmp_path: Path, parts: Parts) -> None:
    (tmp_path / "train.txt").write_text("0 0 1 2 3\n1 1 2 3 4\n2 0 4\n", encoding="utf-8")
    (tmp_path / "test.txt").write_text("0 4\n1 0\n2\n", encoding="utf-8")
    data = Dataset.of(Interactions.from_frame(parse_gowalla_lightgcn(tmp_path, "official").interactions))
    split = make_split(data, "given", valid=0.25)
    train, valid, test = parts(split)
    assert (len(train), len(valid), test) == (7, 3, [10, 11])
    assert split.test.queries.dictionary[split.test.targets].tolist() == ["4", "0"]
    assert {len(history) for history in map(split.train.history, "012")} == {1, 3}


def test_a_folder_of_ones_own_may_bring_its_split(tmp_path: Path, parts: Parts) -> None:
    rows = ["user_id,item_id,split", "u,a,train", "u,b,train", "v,b,train", "v,a,valid", "u,c,test", "v,c,test"]
    (tmp_path / "interactions.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert parts(make_split(load_dataset(str(tmp_path)), "given")) == ([0, 1, 2], [3], [4, 5])
