"""Questions for prompts: the same ones again and again, from the validation part, and as a file that proves itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.data import Catalogue, Dataset, make_split
from tastemaker.data.split import Split
from tastemaker.evaluation.frozen_questions import FrozenQuestions, Question, freeze_questions

PEOPLE, ITEMS, EVENTS = 30, 40, 8
START = datetime(2024, 1, 1, tzinfo=UTC)


def split_of(people: int = PEOPLE) -> Split:
    rng = np.random.default_rng(7)
    rows = [
        (f"u{person}", f"i{item}", START + timedelta(days=10 * step, minutes=person))
        for person in range(people)
        for step, item in enumerate(rng.permutation(ITEMS)[:EVENTS].tolist())
    ]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    items = pl.DataFrame(
        {
            "item_id": [f"i{item}" for item in range(ITEMS)],
            "title": [f"Book {item}" for item in range(ITEMS)],
            "categories": [["Novels"]] * ITEMS,
        }
    )
    found = make_split(Dataset.of(events, Catalogue(items), name="books"), "leave-one-out")
    assert isinstance(found, Split)
    return found


@pytest.fixture(scope="module")
def split() -> Split:
    return split_of()


@pytest.fixture(scope="module")
def frozen(split: Split) -> FrozenQuestions:
    return freeze_questions(split)


def test_the_same_data_give_the_same_questions(split: Split, frozen: FrozenQuestions) -> None:
    assert freeze_questions(split_of()).hash == frozen.hash
    assert freeze_questions(split, seed=1).hash != frozen.hash
    assert frozen.about["split"] == split.hash
    assert frozen.about["part"] == "validation"


def test_everybody_is_asked_once_about_what_came_next(split: Split, frozen: FrozenQuestions) -> None:
    valid = split.valid
    ids = valid.queries.dictionary
    expected = set()
    for place in range(len(valid)):
        positions = valid.queries[np.asarray([place])].flatten()[1]
        history = [f"Book {str(ids[code])[1:]}" for code in valid.queries.codes[positions]]
        expected.add((tuple(history), f"Book {str(ids[valid.targets[place]])[1:]}; Novels"))
    asked = {(question.history, question.candidates[question.answer]) for question in frozen.questions}
    assert len(asked) == len(frozen) == len(expected) == PEOPLE
    assert asked == expected


def test_the_others_are_distinct_and_were_met_in_no_part(split: Split, frozen: FrozenQuestions) -> None:
    test = split.test
    answers = {}
    for place in range(len(test)):
        positions = test.queries[np.asarray([place])].flatten()[1]
        met = {f"Book {str(test.queries.dictionary[code])[1:]}" for code in test.queries.codes[positions]}
        last = f"Book {str(test.queries.dictionary[test.targets[place]])[1:]}"
        answers[frozenset(met)] = met | {last}
    for question in frozen.questions:
        assert len(set(question.candidates)) == 5
        known = set(question.history) | {question.candidates[question.answer].removesuffix("; Novels")}
        met = answers[frozenset(known)]
        others = {line.removesuffix("; Novels") for line in question.candidates} - known
        assert len(others) == 4
        assert not others & met


def test_neither_the_place_nor_popularity_tells_the_answer(split: Split) -> None:
    frozen = freeze_questions(split_of(400), limit=400)
    places = np.bincount([question.answer for question in frozen.questions], minlength=5)
    assert places.min() > 50
    assert 0.13 < frozen.popularity < 0.33
    assert frozen.chance == pytest.approx(0.2)


def test_equally_popular_candidates_share() -> None:
    one = Question(("a",), ("b", "c", "d"), 0, (5, 5, 1))
    assert FrozenQuestions((one,), {}).popularity == 0.5
    assert FrozenQuestions((Question(("a",), ("b", "c"), 1, (5, 1)),), {}).popularity == 0.0


def test_a_history_is_cut_to_its_end(split: Split, frozen: FrozenQuestions) -> None:
    short = freeze_questions(split, history=2, limit=3)
    assert [question.history for question in short.questions] == [
        question.history[-2:] for question in frozen.questions[:3]
    ]


def test_a_file_holds_the_questions_and_proves_it(frozen: FrozenQuestions, tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    frozen.save(file)
    found = FrozenQuestions.load(file)
    assert (found.questions, found.hash, dict(found.about)) == (frozen.questions, frozen.hash, dict(frozen.about))
    assert found.first(3).questions == frozen.questions[:3]
    assert found.first(10_000).hash == frozen.hash


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace('"answer": ', '"answer": 1', 1), "not those that were written"),
        (lambda text: text.rsplit("\n", 2)[0] + "\n", "not those that were written"),
        (lambda text: text.replace('"format": 1', '"format": 9', 1), "not those that were written"),
        (lambda text: text.replace('{"history"', '{"story"', 1), "no file of frozen questions"),
        (lambda text: "", "no file of frozen questions"),
        (lambda text: "{", "no file of frozen questions"),
    ],
)
def test_a_file_that_was_changed_is_refused(
    frozen: FrozenQuestions, tmp_path: Path, damage: Callable[[str], str], message: str
) -> None:
    file = tmp_path / "questions.jsonl"
    frozen.save(file)
    file.write_text(damage(file.read_text("utf-8")), "utf-8")
    with pytest.raises(DataError, match=message):
        FrozenQuestions.load(file)


def test_what_cannot_be_asked_is_refused(split: Split, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no question can be made"):
        freeze_questions(split, others=ITEMS)
    with pytest.raises(DataError, match="1 or more"):
        freeze_questions(split, limit=0)
    with pytest.raises(DataError, match="no questions to read"):
        FrozenQuestions.load(tmp_path / "none.jsonl")
