"""Texts are cut into words and marks that make the same words again; the most frequent words are told."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.language.sentences import WordCounter, join_words, ngrams, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  \n ", []),
        ("Don't buy: it's bad!!", ["don't", "buy", ":", "it's", "bad", "!", "!"]),
        ("Déjà-vu 4.5", ["déjà", "-", "vu", "4", ".", "5"]),
        ("you\N{RIGHT SINGLE QUOTATION MARK}ll see<br/>this_one", ["you'll", "see", "this", "_", "one"]),
        ("<4.5>", ["<", "4", ".", "5", ">"]),
    ],
)
def test_words_and_marks_are_cut_apart(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@given(st.lists(st.sampled_from(["good", "it's", "'", "(", ")", ".", ",", "5", "%", "-", "[", "é"]), max_size=12))
def test_words_put_together_are_cut_into_the_same(words: list[str]) -> None:
    assert split_words(join_words(words)) == words


@given(st.lists(st.text("abc ", max_size=12), max_size=6), st.integers(1, 4), st.integers(0, 5))
def test_the_most_frequent_words_are_those_that_were_counted(texts: list[str], most: int, kept: int) -> None:
    counter, counts = WordCounter(), Counter[str]()
    for text in texts:
        read = counter.read(text, most)
        assert [counter.words[number] for number in read] == split_words(text)[:most]
        counts.update(split_words(text)[:most])
    frequent = {word for word, is_kept in zip(counter.words, counter.frequent(kept), strict=True) if is_kept}
    assert frequent == set(sorted(counts, key=lambda word: (-counts[word], word))[:kept])


def test_stretches_longer_than_the_text_are_none() -> None:
    assert ngrams(["a", "b"], 3) == []
