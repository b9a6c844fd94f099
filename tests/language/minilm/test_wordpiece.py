"""Word pieces: the ids are those of the library `tokenizers` (0.23.3, ``BertNormalizer``, ``BertPreTokenizer``)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.errors import DataError
from tastemaker.language.minilm.wordpiece import SPECIAL, WordPiece, basic_words

PIECES = (
    *SPECIAL, "the", "sea", "##side", "un", "##believ", "##able", "a", "##b", "b", "cafe", "naive", "istanbul",
    "οδυσσευς", "東", "京", "книга", "##s", "!", "?", ",", "-", "$", "+", "'", "l", "oreal", "x", "##x", "2", "##1",
    "ﬁ", "fine", "##ne", "strasse", "straße", "각", "가", "ᄀ", "##ᅡ", "##ᆨ", "🎉", "(", ")", "re", "issue", "12",
    "##oz", "i", "##e", "e", "مرحبا", "שלום", "हन", "##द", "ह", "##न",
)  # fmt: skip
TOKENIZER = WordPiece({piece: number for number, piece in enumerate(PIECES)})


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", []),
        ("   ", []),
        ("The SEA!", [5, 6, 22]),
        ("unbelievable", [8, 9, 10]),
        ("unbelievableq", [1]),
        ("UNBELIEVABLE, the seaside?", [8, 9, 10, 24, 5, 6, 7, 23]),
        ("Caf\xe9 na\xefve", [14, 15]),
        ("cafe\u0301", [14]),
        ("\u0130stanbul", [16]),
        ("\u039f\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3", [1]),  # no sigma at a word's end becomes final
        ("\u6771\u4eac", [18, 19]),
        ("the\u6771sea", [5, 18, 6]),
        ("\u043a\u043d\u0438\u0433\u0430\x00 \u200bthe\xadsea", [20, 1]),
        ("a\tb\nb\rb", [11, 13, 13, 13]),
        ("L'Or\xe9al", [29, 28, 30]),
        ("$2+2", [26, 33, 27, 33]),
        ("the [SEP] sea[MASK]", [5, 3, 6, 4]),
        ("[sep]", [1, 1, 1]),
        ("x" * 100, [31] + 99 * [32]),
        ("x" * 101, [1]),
        ("\ufb01ne", [35, 37]),
        ("Stra\xdfe", [39]),
        ("\uac01", [42, 43, 44]),
        ("\U0001f389 the sea \U0001f389\U0001f389", [45, 5, 6, 1]),
        ("(re-issue) 21 12oz", [46, 48, 25, 49, 47, 33, 34, 50, 51]),
        ("the\u2028sea\u3000the\xa0sea", [5, 6, 5, 6]),
        ("ab\u0301\u0323b", [11, 12, 12]),
        ("the\ufffdsea", [1]),
        ("\ue000the", [5]),
        ("\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd", [55, 56]),
        ("\u0939\u0928\u094d\u0926", [57, 58]),
        ("a\u1734b", [11, 12]),  # a mark when the reference was made, no longer one
        ("a\u166db", [11, 1, 13]),  # punctuation then, a symbol now
        ("the\u2e5d", [1]),  # punctuation that came later
        ("a\U0001e4ecb", [1]),  # a mark that came later
        ("\x07the\x85sea", [1]),
        ("xx!xx", [31, 32, 22, 31, 32]),
        ("--", [25, 25]),
    ],
)
def test_the_ids_are_those_of_the_reference(text: str, ids: list[int]) -> None:
    assert TOKENIZER.pieces(text) == ids


def test_lone_surrogates_are_dropped() -> None:
    assert TOKENIZER.pieces("the\ud800 sea") == TOKENIZER.pieces("the sea")


def test_start_and_end_stand_around_a_text() -> None:
    assert TOKENIZER.encode("the sea", 256) == ([2, 5, 6, 3], False)
    assert TOKENIZER.encode("", 256) == ([2, 3], False)


def test_a_long_text_is_cut_and_says_so() -> None:
    assert TOKENIZER.encode("the sea " * 10, 5) == ([2, 5, 6, 5, 3], True)
    assert TOKENIZER.encode("the sea the", 5) == ([2, 5, 6, 5, 3], False)


def test_a_text_of_100_kilobytes_is_read_no_further_than_needed() -> None:
    ids, cut = TOKENIZER.encode("the sea! " * 11_000, 256)
    assert (len(ids), cut) == (256, True)


def test_special_names_can_be_plain_text() -> None:
    plain = WordPiece(TOKENIZER.vocabulary, special=[])
    assert plain.pieces("[SEP]") == [1, 1, 1]


def test_a_vocabulary_file_has_a_piece_a_line() -> None:
    read = WordPiece.of_lines("[UNK]\nthe\n\u2028\n##s\n")
    assert read.vocabulary == {"[UNK]": 0, "the": 1, "\u2028": 2, "##s": 3}


def test_a_vocabulary_needs_the_unknown_piece() -> None:
    with pytest.raises(DataError, match=r"\[UNK\]"):
        WordPiece({"the": 0})


@given(st.text())
def test_any_text_gives_words_without_blanks_and_capitals(text: str) -> None:
    words = basic_words(text)
    assert all(word and not any(c.isspace() for c in word) for word in words)
    assert basic_words(" ".join(words)) == words


@given(st.text(), st.integers(3, 20))
def test_cutting_keeps_the_beginning(text: str, most: int) -> None:
    whole = TOKENIZER.pieces(text)
    ids, cut = TOKENIZER.encode(text, most)
    assert ids[1:-1] == whole[: most - 2]
    assert cut == (len(whole) > most - 2)
