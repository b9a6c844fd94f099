"""Codes are checked when they are made, say how they collide, and are made distinct by one more token."""

from __future__ import annotations

import json
from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from tastemaker.blocks.codes import Codes
from tastemaker.core.errors import DataError, ModelFormatError

ROWS = st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=30)


def codes(rows: list[list[int]], vocabulary: int = 10, **more: object) -> Codes:
    return Codes(np.asarray(rows, dtype=np.int32), vocabulary, **more)  # type: ignore[arg-type]


def test_a_code_that_begins_another_is_refused_with_both_items_named() -> None:
    with pytest.raises(DataError, match=r"beginning of another's \(item 3: 1 2; item 1: 1 2 5\)"):
        codes([[0, 1, 2], [1, 2, 5], [1, 3, 0], [1, 2, -1]])


def test_beginnings_are_found_wherever_they_stand_among_other_codes() -> None:
    with pytest.raises(DataError, match="item 0: 1; item 2: 1 0"):
        codes([[1, -1], [1, 5], [1, 0], [0, -1]])


def test_equal_codes_are_allowed_until_they_are_resolved() -> None:
    assert codes([[1, 2], [1, 2]]).collisions().shared == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0, 10]], r"none of 0 to 9 \(item 0\)"),
        ([[0, 1], [0, -2]], r"none of 0 to 9 \(item 1\)"),
        ([[0, 1], [-1, 1]], r"padding between its tokens \(item 1\)"),
        ([[0, 1], [-1, -1]], r"no token \(item 1\)"),
    ],
)
def test_what_is_no_code_is_refused(rows: list[list[int]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        codes(rows)


def test_a_table_of_another_type_or_with_too_few_names_is_refused() -> None:
    with pytest.raises(DataError, match="no table of tokens"):
        Codes(np.zeros((2, 2)), 3)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="2 names are given for 10 tokens"):
        codes([[1]], words=("a", "b"))


def test_the_report_counts_collisions_and_tokens() -> None:
    report = codes([[0, 4], [0, 4], [0, 5], [1, 5], [1, 5], [1, 5], [2, -1]]).collisions()
    assert (report.items, report.distinct, report.shared, report.largest) == (7, 4, 5, 3)
    assert report.distinct_share == pytest.approx(4 / 7)
    assert report.used == (3, 2)
    assert report.perplexity[0] == pytest.approx(exp(-2 * 3 / 7 * log(3 / 7) - 1 / 7 * log(1 / 7)))
    assert report.perplexity[1] == pytest.approx(exp(-2 / 6 * log(2 / 6) - 4 / 6 * log(4 / 6)))


def test_evenly_used_tokens_have_the_perplexity_of_their_number() -> None:
    assert codes([[0], [1], [2], [3]]).collisions().perplexity == pytest.approx((4.0,))


def test_one_more_token_counts_the_items_of_a_code() -> None:
    shared = codes([[0, 5], [1, 5], [0, 5], [0, 6]], 7, levels=(0, 5), words=tuple("abcdefg"))
    found = shared.resolved()
    assert found.tokens.tolist() == [[0, 5, 7], [1, 5, 7], [0, 5, 8], [0, 6, 7]]
    assert found.levels == (0, 5, 7)
    assert found.text(2) == "a f <1>"
    assert (found.collisions().shared, found.collisions().counted) == (0, 2)


def test_only_items_that_share_a_code_need_the_counting_token() -> None:
    found = codes([[0, 5], [1, -1], [0, 5]], 6).resolved(everywhere=False)
    assert found.tokens.tolist() == [[0, 5, 6], [1, -1, -1], [0, 5, 7]]
    assert found.lengths().tolist() == [3, 1, 3]
    alone = codes([[0], [1]])
    assert alone.resolved(everywhere=False) is alone


@given(ROWS, st.booleans())
def test_resolved_codes_are_distinct_and_keep_what_they_said(rows: list[list[int]], everywhere: bool) -> None:
    found = codes(rows).resolved(everywhere=everywhere)
    report = found.collisions()
    assert (report.distinct, report.shared) == (len(rows), 0)
    assert report.counted == sum(rows.count(row) > 1 for row in rows)
    assert found.tokens[:, :3].tolist() == rows


@given(ROWS)
def test_codes_of_later_items_change_no_earlier_ones(rows: list[list[int]]) -> None:
    later = codes([*rows, [0, 0, 0], [0, 0, 0]]).resolved()
    assert later.tokens[: len(rows)].tolist() == codes(rows).resolved().tokens.tolist()


def test_codes_can_be_saved_and_read() -> None:
    first = codes([[0, 1], [2, -1]], 3, levels=(0, 1), words=("x", "y", "z")).resolved()
    described = json.loads(json.dumps(first.to_json()))
    again = Codes.from_saved(described, load(save(first.to_tensors())))
    assert again.tokens.tolist() == first.tokens.tolist()
    assert again.to_json() == first.to_json()
    assert again.words == first.words
    del described["levels"]
    with pytest.raises(ModelFormatError, match="lack 'levels'"):
        Codes.from_saved(described, first.to_tensors())


def test_no_items_have_codes_too() -> None:
    none = Codes(np.empty((0, 2), dtype=np.int32), 0)
    assert none.collisions().distinct_share == 1.0
    assert none.collisions().largest == 0
