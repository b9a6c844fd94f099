"""Search by words over texts that change: the next question finds what was written, and nothing else."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.errors import QueryError
from tastemaker.retrieval import LexicalIndex
from tastemaker.retrieval.live_lexical import LiveLexicalIndex

TEXTS = ["a red ball", "a red red kite", "", "a blue kite", "the old mill by the river"]
WORDS = ("red", "blue", "kite", "ball", "mill")


def made(texts: list[str] = TEXTS) -> LiveLexicalIndex:
    index = LiveLexicalIndex()
    index.fill(range(len(texts)), texts)
    index.renew()
    return index


def found(index: LiveLexicalIndex, text: str, k: int = 10, allowed: np.ndarray | None = None) -> list[int]:
    return [number for number in index.search([text], k, allowed)[0][0].tolist() if number >= 0]


def test_what_never_changed_is_found_as_by_an_index_of_the_texts_that_there_are() -> None:
    whole = LexicalIndex([text for text in TEXTS if text])
    numbers, scores = made().search(["red kite", "mill"], 3)
    expected, worth = whole.search(["red kite", "mill"], 3)
    assert numbers.tolist() == np.where(expected >= 2, expected + 1, expected).tolist()
    np.testing.assert_allclose(scores, worth, rtol=1e-6)


def test_a_text_that_is_written_is_found_by_the_next_question() -> None:
    index = made()
    assert index.put(7, "a green kite")
    assert found(index, "green") == [7]
    assert set(found(index, "kite")) == {1, 3, 7}
    assert index.matched("the GREEN kite", 7) == ("green", "kite")
    assert index.text(7) == "a green kite"
    assert len(index) == 8


def test_a_changed_text_is_not_found_by_its_old_words() -> None:
    index = made()
    assert index.put(0, "a violin")
    assert found(index, "ball") == []
    assert found(index, "violin") == [0]
    assert index.put(0, "a cello")
    assert found(index, "violin") == []
    assert index.put(0, "")
    assert found(index, "cello") == []
    assert index.matched("a cello", 0) == ()


def test_writing_the_same_again_changes_nothing() -> None:
    index = made()
    assert not index.put(0, TEXTS[0])
    assert not index.put(9, "")


def test_what_was_written_goes_before_what_is_filled_in() -> None:
    index = LiveLexicalIndex()
    index.put(0, "a violin")
    index.put(1, "")
    index.fill([0, 1, 2], ["a ball", "a ball", "a ball"])
    index.renew()
    assert found(index, "violin") == [0]
    assert found(index, "ball") == [2]


def test_an_empty_index_takes_in_its_first_texts() -> None:
    index = LiveLexicalIndex()
    assert found(index, "red") == []
    index.put(0, "a red ball")
    index.put(1, "red red")
    assert set(found(index, "red")) == {0, 1}
    assert (index.search(["red"], 2)[1] > 0).all()


def test_only_what_is_allowed_is_found_whatever_the_length_of_the_mask() -> None:
    index = made()
    index.put(6, "a red sail")
    everything = np.ones(7, dtype=bool)
    assert set(found(index, "red", allowed=everything)) == {0, 1, 6}
    everything[[0, 6]] = False
    assert found(index, "red", allowed=everything) == [1]
    assert found(index, "red", allowed=np.ones(1, dtype=bool)) == [0]
    assert set(found(index, "red", allowed=np.ones(100, dtype=bool))) == {0, 1, 6}
    assert found(index, "red", allowed=np.zeros(0, dtype=bool)) == []


def test_no_more_than_k_are_found_and_k_is_at_least_1() -> None:
    index = made()
    index.put(6, "red red red")
    assert len(found(index, "red", 2)) == 2
    with pytest.raises(QueryError):
        index.search(["red"], 0)


def test_what_is_written_while_the_index_is_made_anew_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    index = made()
    of_terms = LexicalIndex.of_terms

    def meanwhile(*given: object) -> LexicalIndex:
        index.put(0, "a violin")
        index.put(8, "a red cello")
        return of_terms(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(LexicalIndex, "of_terms", meanwhile)
    index.renew()
    assert found(index, "violin") == [0]
    assert found(index, "ball") == []
    assert found(index, "cello") == [8]


def test_enough_changes_make_it_stale_and_renewing_ends_that() -> None:
    index = made()
    for number in range(1_200):
        index.put(number, f"thing number {number}")
    assert index.stale
    index.renew()
    assert not index.stale
    assert found(index, "1199") == [1199]


@given(st.lists(st.tuples(st.integers(0, 6), st.lists(st.sampled_from(WORDS), max_size=4)), max_size=20))
def test_any_writes_are_found_as_if_all_had_been_there_from_the_start(writes: list[tuple[int, list[str]]]) -> None:
    index, texts = made(), dict(enumerate(TEXTS))
    for number, said in writes:
        index.put(number, " ".join(said))
        texts[number] = " ".join(said)
    for word in WORDS:
        holding = {number for number, text in texts.items() if word in text.split()}
        assert set(found(index, word, 20)) == holding
    index.renew()
    there = sorted(number for number, text in texts.items() if text)
    whole = LexicalIndex([texts[number] for number in there])
    numbers, scores = index.search([" ".join(WORDS)], 5)
    expected, worth = whole.search([" ".join(WORDS)], 5)
    assert [there[number] if number >= 0 else -1 for number in expected[0].tolist()] == numbers[0].tolist()
    np.testing.assert_allclose(scores, worth, rtol=1e-5)


def test_questions_and_writes_may_come_from_many_threads() -> None:
    index = made()
    wrong: list[BaseException] = []

    def write(first: int) -> None:
        try:
            for number in range(first, first + 200):
                index.put(number, f"red {number}")
                index.search(["red"], 5)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=write, args=(start,)) for start in (10, 500, 1000)]
    for thread in threads:
        thread.start()
    index.renew()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(found(index, "red", 1_000)) == 602
