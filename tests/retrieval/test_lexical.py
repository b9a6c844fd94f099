"""Search by words: BM25 scores, a full list, and the words that a text holds."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.errors import DataError, QueryError
from tastemaker.language import Bm25, words
from tastemaker.retrieval import LexicalIndex

TEXTS = [
    "The Sea, the Sea",
    "A quiet island",
    "Storms at sea",
    "Cooking with fire",
    "",
    "Quiet storms, quiet sea",
    "Les Misérables",
]


@pytest.fixture
def index() -> LexicalIndex:
    return LexicalIndex(TEXTS)


def test_texts_with_any_of_the_words_are_found_best_first(index: LexicalIndex) -> None:
    numbers, scores = index.search(["quiet sea"], 10)
    assert numbers[0, 0] == 5
    assert set(numbers[0].tolist()) == {5, 0, 1, 2, -1}
    assert np.array_equal(numbers == -1, scores == -np.inf)
    assert (np.diff(scores[0, :4]) <= 0).all()


def test_a_score_is_that_of_the_formula(index: LexicalIndex) -> None:
    # "island" is in one of 7 texts, which has 3 of 19 / 7 words on average.
    _, scores = index.search(["island"], 1)
    idf = math.log(1 + (7 - 1 + 0.5) / (1 + 0.5))
    mean = sum(len(words(text)) for text in TEXTS) / 7
    assert scores[0, 0] == pytest.approx(idf / (1 + 1.2 * (1 - 0.75 + 0.75 * 3 / mean)))


def test_case_and_accents_do_not_count(index: LexicalIndex) -> None:
    assert index.search(["les miserables", "LES MISÉRABLES"], 1)[0].tolist() == [[6], [6]]


@pytest.mark.parametrize("question", ["", "zeppelin", "?!", "\x00"])
def test_what_no_text_holds_finds_nothing(index: LexicalIndex, question: str) -> None:
    numbers, _ = index.search([question], 3)
    assert (numbers == -1).all()
    assert index.matched(question, 0) == ()


def test_only_what_is_allowed_is_found_and_the_list_is_full(index: LexicalIndex) -> None:
    allowed = np.asarray([True, True, True, True, True, False, True])
    numbers, _ = index.search(["quiet sea"], 2, allowed)
    assert set(numbers[0].tolist()) < {0, 1, 2}
    assert (index.search(["quiet sea"], 2, np.zeros(7, bool))[0] == -1).all()


def test_equal_scores_come_by_number() -> None:
    index = LexicalIndex(["red apple"] * 40 + ["blue"] * 60)
    assert index.search(["red"], 5)[0].tolist() == [[0, 1, 2, 3, 4]]


def test_it_says_which_words_a_text_holds(index: LexicalIndex) -> None:
    assert index.matched("the quiet, QUIET sea of storms", 5) == ("quiet", "sea", "storms")
    assert index.matched("the quiet sea", 3) == ()


def test_wrong_questions_are_refused(index: LexicalIndex) -> None:
    with pytest.raises(QueryError, match="at least 1"):
        index.search(["sea"], 0)
    with pytest.raises(DataError, match="bool"):
        index.search(["sea"], 1, np.ones(6, bool))


def test_no_texts_and_no_questions() -> None:
    assert (LexicalIndex([]).search(["sea"], 2)[0] == -1).all()
    assert LexicalIndex(TEXTS).search([], 2)[0].shape == (0, 2)


def test_a_saved_index_answers_the_same(index: LexicalIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "words")
    read = LexicalIndex.load(tmp_path / "words")
    assert len(read) == 7
    for before, after in zip(index.search(["quiet sea"], 5), read.search(["quiet sea"], 5), strict=True):
        assert np.array_equal(before, after)
    (tmp_path / "words" / "terms.json").write_text("[")
    with pytest.raises(DataError, match="not as it was written"):
        LexicalIndex.load(tmp_path / "words")


def test_an_index_of_nothing_can_be_saved(tmp_path: Path) -> None:
    LexicalIndex([]).save(tmp_path / "words")
    assert len(LexicalIndex.load(tmp_path / "words")) == 0


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), min_size=1, max_size=120),
    st.lists(st.sampled_from("abcdefghz"), min_size=1, max_size=5),
    st.integers(1, 130),
)
def test_it_ranks_as_the_product_of_the_vectors_does(texts: list[list[str]], query: list[str], k: int) -> None:
    numbers, scores = LexicalIndex([" ".join(text) for text in texts]).search([" ".join(query)], k)
    weights = Bm25.of(texts)
    known = sum(any(term in text for text in texts) for term in query)
    expected = known * (weights.vectors(texts) @ weights.queries([query]).T).toarray().ravel()
    found = numbers[0][numbers[0] >= 0]
    assert len(found) == min(k, int((expected > 0).sum()))
    assert scores[0][: len(found)] == pytest.approx(expected[found], abs=1e-5)
    assert scores[0][: len(found)] == pytest.approx(np.sort(expected)[::-1][: len(found)], abs=1e-5)
