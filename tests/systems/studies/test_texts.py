"""Texts about items: nearness text by text, the most frequent one, and those of other items."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.evaluation.texts import rouge_l, rouge_n
from tastemaker.systems.studies.texts import common_words, grounded, most_frequent, nearness, sameness, to_others

WRITTEN = ["good for my skin", "it smells nice", ""]
MEANT = ["good for dry skin", "it smells", "dry"]


def test_nearness_text_by_text_has_the_mean_of_all_texts() -> None:
    near = nearness(WRITTEN, MEANT)
    assert near["rouge-1"].tolist() == [0.75, 0.8, 0.0]
    assert near["rouge-1"].mean() == pytest.approx(rouge_n(WRITTEN, MEANT, 1))
    assert near["rouge-l"].mean() == pytest.approx(rouge_l(WRITTEN, MEANT))


def test_what_is_said_of_all_texts_together() -> None:
    numbers = sameness(["so good", "so good"], ["so bad", "so good"])
    assert (numbers["unique"], numbers["distinct-1"], numbers["words"]) == (0.5, 0.5, 2.0)


def test_a_word_that_one_text_in_a_hundred_has_is_common() -> None:
    assert common_words(["a cream", *["a"] * 199]) == {"a"}
    assert common_words(["a cream", *["a"] * 99]) == {"a", "cream"}


def test_only_rarer_words_can_be_an_items_own() -> None:
    common = frozenset({"a", "for", "skin"})
    assert grounded(["a cream for skin", "lotion, cream 5", "a"], ["Skin cream"] * 3, common).tolist() == [1, 0.5, 0]


def test_the_most_frequent_text_is_found_whatever_its_marks_look_like() -> None:
    assert most_frequent(["Good", "so so", "good", "Bad", "bad"]) == "Bad"


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=40), st.integers(0, 5))
def test_everybody_gets_one_text_and_of_another_item_where_that_can_be(items: list[str], seed: int) -> None:
    taken = to_others(items, np.random.default_rng(seed))
    assert sorted(taken.tolist()) == list(range(len(items)))
    own = sum(items[place] == items[other] for place, other in enumerate(taken))
    assert own == max(0, 2 * max(Counter(items).values()) - len(items))
