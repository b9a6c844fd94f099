"""BM25 as in Robertson and Zaragoza (2009), with Lucene's inverse document frequency."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.language import Bm25

TEXTS = [["red", "apple", "red"], ["red", "pear"], ["green", "pear", "tart", "pear"], ["plum"], []]


def scores(texts: list[list[str]], query: list[str], **chosen: float) -> np.ndarray:
    found = Bm25.of(texts, **chosen)
    return np.asarray(len(query) * (found.vectors(texts) @ found.queries([query]).T).toarray()).ravel()


def test_a_score_by_hand() -> None:
    # "red" is in 2 of 5 texts, twice in the first, whose 3 terms are 1.5 times the mean of 2.
    idf = math.log(1 + (5 - 2 + 0.5) / (2 + 0.5))
    expected = idf * 2 / (2 + 1.2 * (1 - 0.75 + 0.75 * 1.5))
    assert scores(TEXTS, ["red"])[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (["red"], [0.47970888, 0.39794034, 0, 0, 0]),
        (["pear", "red"], [0.47970888, 0.7958807, 0.42705792, 0, 0]),
        (["plum", "plum"], [0, 0, 0, 1.5843364, 0]),
    ],
)
def test_scores_are_those_of_bm25s(query: list[str], expected: list[float]) -> None:
    # bm25s 0.3.16, method="lucene", k1=1.2, b=0.75, which follows the formula.
    assert scores(TEXTS, query) == pytest.approx(expected, abs=1e-7)


@given(
    st.lists(st.lists(st.sampled_from("abcdef"), max_size=8), min_size=1, max_size=8),
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4),
    st.sampled_from([0.0, 0.6, 2.0]),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_scores_are_what_the_formula_gives(texts: list[list[str]], query: list[str], k1: float, b: float) -> None:
    known = [term for term in query if any(term in text for text in texts)]
    mean = sum(map(len, texts)) / len(texts)
    expected = np.zeros(len(texts))
    for row, text in enumerate(texts):
        for term in known:
            df = sum(term in other for other in texts)
            tf = text.count(term)
            if tf:
                idf = math.log(1 + (len(texts) - df + 0.5) / (df + 0.5))
                expected[row] += idf * tf / (tf + k1 * (1 - b + b * len(text) / mean))
    assert scores(texts, query, k1=k1, b=b) * (len(known) / len(query)) == pytest.approx(expected, abs=1e-5)


def test_a_query_says_its_terms_in_shares_whatever_its_length() -> None:
    found = Bm25.of(TEXTS)
    rows = found.queries([["red"], ["red", "pear"], ["red", "kiwi"], ["kiwi"], []]).toarray()
    assert rows.sum(axis=1).tolist() == [1, 1, 1, 0, 0]
    assert rows[1, found.terms.index("red")] == pytest.approx(0.5)


def test_unknown_terms_make_a_text_longer_and_mean_nothing() -> None:
    found = Bm25.of(TEXTS)
    short, long = found.vectors([["red"], ["red", "kiwi", "kiwi", "kiwi"]]).toarray()
    assert np.count_nonzero(long) == 1
    assert 0 < long.sum() < short.sum()


def test_nothing_to_learn_from_gives_no_columns() -> None:
    assert Bm25.of([]).vectors([["a"]]).shape == (1, 0)
    assert Bm25.of([[], []]).queries([["a"]]).shape == (1, 0)
