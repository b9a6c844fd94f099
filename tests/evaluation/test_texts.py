"""Metrics of written texts are what their formulas say, and what two other libraries find."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.errors import DataError
from tastemaker.evaluation.texts import (
    bleu,
    distinct,
    feature_coverage,
    feature_matching,
    rouge_l,
    rouge_n,
    text_metrics,
    unique_share,
)

TEXTS = [
    "my skin feels soft and the smell is nice",
    "a good product for dry hair",
    "i do not like the smell of it",
    "works very well and lasts long for me",
]
REFERENCES = [
    "my skin feels very soft and the smell is so nice",
    "it is a good product for my dry hair",
    "i do not like it",
    "works well and it lasts very long",
]


def test_bleu_is_the_geometric_mean_of_clipped_shares_times_a_penalty() -> None:
    texts, references = ["the the the cat", "a dog"], ["the cat sat on it", "a dog ran"]
    # Of 6 words 2 + 2 are met ("the" once), of 4 pairs ("the cat") and ("a dog"); 6 words against 8.
    assert bleu(texts, references, 2) == pytest.approx(math.exp(1 - 8 / 6) * math.sqrt(4 / 6 * 2 / 4))
    assert bleu(references, references, 3) == pytest.approx(1)
    assert bleu(texts, references) == 0
    # Longer than the reference there is no penalty: 3 of 5 words, 2 of 4 pairs.
    assert bleu(["a good cream it is"], ["a good cream"], 2) == pytest.approx(math.sqrt(3 / 5 * 2 / 4))


def test_rouge_is_the_mean_f1() -> None:
    texts, references = ["a b b c", "x"], ["b a b", "y"]
    assert rouge_n(texts, references, 1) == pytest.approx((2 * 3 / 7 + 0) / 2)
    assert rouge_n(texts, references, 2) == pytest.approx((2 * 1 / 5 + 0) / 2)
    assert rouge_l(texts, references) == pytest.approx((2 * 2 / 7 + 0) / 2)


def longest_common(one: list[str], other: list[str]) -> int:
    """Return the longest of all common subsequences, by trying them."""
    if not one or not other:
        return 0
    if one[0] == other[0]:
        return 1 + longest_common(one[1:], other[1:])
    return max(longest_common(one[1:], other), longest_common(one, other[1:]))


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=7), st.lists(st.sampled_from("abc"), min_size=1, max_size=7)
)
def test_rouge_l_goes_by_the_longest_common_subsequence(one: list[str], other: list[str]) -> None:
    expected = 2 * longest_common(one, other) / (len(one) + len(other))
    assert rouge_l([" ".join(one)], [" ".join(other)]) == pytest.approx(expected)


def test_sameness_is_told() -> None:
    texts = ["so good.", "So good .", "so bad", ""]
    assert distinct(texts, 1) == 4 / 8
    assert distinct(texts, 2) == 3 / 5
    assert unique_share(texts) == 3 / 4
    assert distinct(["one", "two"], 2) == 0


def test_features_are_looked_for_word_by_word() -> None:
    texts = ["for dry skin", "a skincare cream", "smells good"]
    features = ["dry skin", "skin", "smell"]
    assert feature_matching(texts, features) == 1 / 3
    assert feature_coverage(texts, features) == 2 / 3
    with pytest.raises(DataError, match="no features"):
        feature_coverage(texts, ["", " "])


def test_all_of_them_together() -> None:
    found = text_metrics(TEXTS, REFERENCES, ["smell", "hair", "smell", "price"])
    assert found["bleu-4"] == bleu(TEXTS, REFERENCES)
    assert (found["unique"], found["feature-matching"], found["feature-coverage"]) == (1, 3 / 4, 2 / 3)
    assert all(0 <= value <= 1 for value in found.values())
    assert "feature-coverage" not in text_metrics(TEXTS, REFERENCES)


@pytest.mark.parametrize("metric", [bleu, rouge_l, feature_matching])
def test_what_cannot_be_judged_is_an_error(metric: Callable[[list[str], list[str]], float]) -> None:
    with pytest.raises(DataError, match="no texts"):
        metric([], [])
    with pytest.raises(DataError, match="2 texts cannot be judged by 1"):
        metric(["a", "b"], ["a"])


def test_other_libraries_find_the_same() -> None:
    """The values are those of sacrebleu 2.6.0, unsmoothed and on words as they stand, and of rouge-score 0.1.2."""
    found = text_metrics(TEXTS, REFERENCES)
    expected = {
        "bleu-4": 0.40902666138509425,
        "rouge-1": 0.8173076923076923,
        "rouge-2": 0.4953379953379953,
        "rouge-l": 0.783974358974359,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert bleu(REFERENCES, TEXTS) == pytest.approx(0.4056724628947542)
