"""Prompts become arrays: the right tokens in the right order, each with its id and its phrase."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.blocks.codes import Codes
from tastemaker.blocks.digits import digit_codes
from tastemaker.language.prompts import Prompt
from tastemaker.models.prompting import Alphabet, Lists, Prompter

ITEMS = Codes(np.array([[0, 1], [2, -1], [3, 4]], dtype=np.int32), 5)
PEOPLE = digit_codes([1, 0, 2], 1, 3)
WORDS = Alphabet(ITEMS, PEOPLE, ("and", "for"))


def lists(*rows: list[int]) -> Lists:
    flat = np.array([item for row in rows for item in row], dtype=np.int64)
    return Lists(flat, np.cumsum([0, *map(len, rows)]))


def test_numbers_of_tokens_do_not_overlap() -> None:
    assert (WORDS.start, WORDS.end, WORDS.unknown, len(WORDS)) == (10, 11, 12, 13)
    assert WORDS.of_words(("for", "never", "and")).tolist() == [9, 12, 8]
    assert [WORDS.word(token) for token in (9, 8, 0, 10)] == ["for", "and", "", ""]


def test_a_prompt_is_spelt_out() -> None:
    prompt = Prompt.parsed("for {user} and {history}")
    found = Prompter(WORDS).write(prompt, np.array([2, -1]), history=lists([0, 1], [2, 0, 1]))
    # Tokens of people come after the five of items.
    assert found.tokens[0, :7].tolist() == [9, 7, 8, 0, 1, 2, 11]
    assert found.ids[0, :7].tolist() == [0, 3, 0, 4, 4, 5, 0]
    assert found.phrases[0, :7].tolist() == [0, 1, 0, 2, 2, 3, 0]
    # A stranger is passed over, so that the first item is the first phrase.
    assert found.tokens[1, :8].tolist() == [9, 8, 3, 4, 0, 1, 2, 11]
    assert found.ids[1, :8].tolist() == [0, 0, 6, 6, 4, 4, 5, 0]
    assert found.phrases[1, :8].tolist() == [0, 0, 1, 1, 2, 2, 3, 0]
    assert found.mask.sum(axis=1).tolist() == [7, 8]


def test_items_without_a_code_are_passed_over() -> None:
    found = Prompter(WORDS).write(Prompt.parsed("{history}"), np.array([-1]), history=lists([3, 1, 9]))
    assert found.tokens[found.mask].tolist() == [2, 11]


def test_a_prompt_of_nothing_still_has_its_end() -> None:
    found = Prompter(WORDS).write(Prompt.parsed("{user} {history}"), np.array([-1, 0]), history=lists([], []))
    assert found.tokens[0, 0] == 11
    assert found.mask.sum(axis=1).tolist() == [1, 2]


def test_text_stands_where_its_slot_is() -> None:
    found = Prompter(WORDS).write(Prompt.parsed("and {text}"), np.array([0, 1]), texts=lists([9, 8], []))
    assert found.tokens[0, :4].tolist() == [8, 9, 8, 11]
    assert found.tokens[1, :2].tolist() == [8, 11]


@given(
    st.lists(st.lists(st.integers(0, 2), max_size=6), min_size=1, max_size=5),
    st.integers(1, 4),
)
def test_every_row_is_what_it_would_be_alone(rows: list[list[int]], most: int) -> None:
    prompt, prompter = Prompt.parsed("{user} and {history} for"), Prompter(WORDS)
    people = np.arange(len(rows)) % 4 - 1
    together = prompter.write(prompt, people, history=lists(*rows).latest(most))
    for place, row in enumerate(rows):
        alone = prompter.write(prompt, people[place : place + 1], history=lists(row[-most:]))
        for name in ("tokens", "ids", "phrases"):
            whole = getattr(together, name)[place][together.mask[place]]
            assert whole.tolist() == getattr(alone, name)[alone.mask].tolist()


def test_tables_may_have_gaps() -> None:
    found = Lists.of_table(np.array([[1, -1, 2], [-1, -1, -1], [0, 1, 2]]))
    assert found.items.tolist() == [1, 2, 0, 1, 2]
    assert found.indptr.tolist() == [0, 2, 2, 5]


@pytest.mark.parametrize("most", [1, 2, 5])
def test_the_latest_are_the_last(most: int) -> None:
    rows = [[0, 1, 2], [], [2], [1, 1]]
    found = lists(*rows).latest(most)
    assert [found.items[a:b].tolist() for a, b in zip(found.indptr, found.indptr[1:], strict=False)] == [
        row[-most:] for row in rows
    ]


def test_rows_are_taken_cut_and_laid_out() -> None:
    rows = lists([0, 1, 2], [], [2], [1, 1])
    taken = rows.taken(np.array([3, 0, 0, 1]))
    assert taken.table(-1).tolist() == [[1, 1, -1], [0, 1, 2], [0, 1, 2], [-1, -1, -1]]
    assert rows.first(2).table(9).tolist() == [[0, 1], [9, 9], [2, 9], [1, 1]]
    assert rows.taken(np.array([], dtype=np.int64)).table(0).shape == (0, 0)
