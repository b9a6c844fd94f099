"""TF-IDF as in Salton and Buckley (1988), "ltc": log counts, inverse document frequency, unit length."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.language import Tfidf, words

TEXTS = [["red", "apple", "red"], ["red", "pear"], ["green", "pear"], ["plum"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Toy Story (1995)", ["toy", "story", "1995"]),
        ("Amélie À la CARTE", ["amelie", "a", "la", "carte"]),
        ("Straße", ["strasse"]),
        ("東京 物語", ["東京", "物語"]),
        ("don't", ["don", "t"]),
        ("  ", []),
        ("!?", []),
    ],
)
def test_words_are_without_case_accents_and_punctuation(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_terms_in_enough_texts_have_a_column_in_order() -> None:
    assert Tfidf.of(TEXTS).terms == ["pear", "red"]
    assert Tfidf.of(TEXTS, min_texts=1).terms == ["apple", "green", "pear", "plum", "red"]


def test_a_term_weighs_the_log_of_how_rare_its_texts_are() -> None:
    found = Tfidf.of(TEXTS, min_texts=1)
    assert dict(zip(found.terms, found.idf, strict=True)) == pytest.approx(
        {"apple": math.log(4), "green": math.log(4), "pear": math.log(2), "plum": math.log(4), "red": math.log(2)}
    )


def test_vectors_by_hand() -> None:
    found = Tfidf.of(TEXTS, min_texts=1)
    # "red apple red": apple 1 * log 4, red (1 + log 2) * log 2.
    apple, red = math.log(4), (1 + math.log(2)) * math.log(2)
    length = math.hypot(apple, red)
    row = found.vectors([TEXTS[0]]).toarray()[0]
    assert row[found.terms.index("apple")] == pytest.approx(apple / length)
    assert row[found.terms.index("red")] == pytest.approx(red / length)
    assert np.count_nonzero(row) == 2


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=8), max_size=8), st.integers(1, 3))
def test_vectors_are_what_dense_arithmetic_gives(texts: list[list[str]], min_texts: int) -> None:
    found = Tfidf.of(texts, min_texts)
    expected = np.zeros((len(texts), len(found.terms)))
    for row, text in enumerate(texts):
        for column, term in enumerate(found.terms):
            frequency = sum(term in other for other in texts)
            if term in text:
                expected[row, column] = (1 + math.log(text.count(term))) * math.log(len(texts) / frequency)
    lengths = np.sqrt((expected**2).sum(axis=1, keepdims=True))
    expected /= np.where(lengths > 0, lengths, 1)
    actual = found.vectors(texts)
    assert actual.shape == expected.shape
    assert actual.dtype == np.float32
    assert actual.toarray() == pytest.approx(expected, abs=1e-6)


def test_texts_of_unknown_terms_are_zero_wherever_they_stand() -> None:
    found = Tfidf.of(TEXTS)
    vectors = found.vectors([["kiwi"], ["red"], [], ["pear"], ["kiwi"]]).toarray()
    assert vectors.sum(axis=1).tolist() == [0, 1, 0, 1, 0]
    assert np.isfinite(vectors).all()


def test_a_term_of_every_text_weighs_nothing_and_divides_by_nothing() -> None:
    vectors = Tfidf.of([["the"], ["the"]]).vectors([["the"]]).toarray()
    assert vectors.tolist() == [[0.0]]


def test_nothing_to_learn_from_gives_no_columns() -> None:
    assert Tfidf.of([]).vectors([["a"]]).shape == (1, 0)
    assert Tfidf.of(TEXTS).vectors([]).shape == (0, 2)
