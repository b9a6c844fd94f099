"""Word pieces: the tokenizer of uncased BERT models, with the ids that the reference implementation gives.

Text is cleaned, folded and split as in J. Devlin, M. Chang, K. Lee and K. Toutanova (2019), BERT: Pre-training of Deep
Bidirectional Transformers, and each word cut greedily into the longest pieces of the vocabulary, as in Y. Wu et al.
(2016), Google's Neural Machine Translation System, section 4.1. Reading a model's files is the caller's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tastemaker.core.errors import DataError

PAD, UNKNOWN, START, END, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
SPECIAL: Final = (PAD, UNKNOWN, START, END, MASK)
LONGEST_WORD: Final = 100
_WORDS_KEPT: Final = 200_000
_IDEOGRAPHS: Final = (
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2B81F), (0x2B920, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)  # fmt: skip
# The reference knows Unicode 8. Marks, punctuation and invisible characters that came later are letters to it, and it
# must not depend on the version of Unicode that this Python knows: between these ends lie all such up to Unicode 18.
_LATER: Final = (
    (0x5C8, 0x5C9), (0x61D, 0x61D), (0x7FD, 0x7FD), (0x890, 0x8E2), (0x9FD, 0x9FE), (0xA76, 0xA76), (0xAFA, 0xAFF),
    (0xB53, 0xB55), (0xC04, 0xC3C), (0xC77, 0xC77), (0xC84, 0xC84), (0xD00, 0xD00), (0xD3B, 0xD3C), (0xD81, 0xD81),
    (0xEBA, 0xEBA), (0xECE, 0xECE), (0x180F, 0x1886), (0x1ABF, 0x1AF0), (0x1B4E, 0x1B4F), (0x1B7D, 0x1B7F),
    (0x1DF6, 0x1DFB), (0x2E43, 0x2E63), (0xA82C, 0xA82C), (0xA8C5, 0xA8C5), (0xA8FF, 0xA8FF), (0xA9BD, 0xA9BD),
    (0x10D24, 0x10F89), (0x11070, 0x11074), (0x110C2, 0x110CD), (0x111C9, 0x111C9), (0x111CF, 0x111CF),
    (0x1123E, 0x11241), (0x1133B, 0x1133B), (0x113BB, 0x1145E), (0x11660, 0x1166C), (0x116B9, 0x116B9),
    (0x1182F, 0x11FFF), (0x12FF1, 0x1612F), (0x16D6D, 0x16F4F), (0x16FE2, 0x16FE4), (0x1CF00, 0x1D128),
    (0x1D25B, 0x1D25C), (0x1E000, 0x1E6F5), (0x1E944, 0x1E95F),
)  # fmt: skip
# Three characters whose category has changed since.
_CATEGORY_THEN: Final = {0x166D: "Po", 0x1734: "Mn", 0x111C9: "Po"}


def _category(character: str) -> str:
    """Return the general category that the reference gives to a character."""
    code = ord(character)
    if code in _CATEGORY_THEN:
        return _CATEGORY_THEN[code]
    return "Lo" if _within(code, _LATER) else unicodedata.category(character)


def _within(code: int, ranges: Sequence[tuple[int, int]]) -> bool:
    return any(first <= code <= last for first, last in ranges)


class _Folding(dict[int, str]):
    """A table for ``str.translate`` that asks once about each character it meets."""

    def __init__(self, fold: Callable[[str], str]) -> None:
        self._fold = fold

    def __missing__(self, code: int) -> str:
        self[code] = folded = self._fold(chr(code))
        return folded


def _clean(character: str) -> str:
    """Drop what is invisible, make every white space a blank, and set an ideograph apart as a word."""
    if character in "\t\n\r":
        return " "
    category = _category(character)
    if character in "\0\ufffd" or category in ("Cc", "Cf", "Co", "Cs"):
        return ""
    if _within(ord(character), _IDEOGRAPHS):
        return f" {character} "
    return " " if character.isspace() else character


def _plain(character: str) -> str:
    """Drop an accent that decomposition has set free, fold case, and set punctuation apart as a word."""
    category = _category(character)
    if category == "Mn":
        return ""
    # Symbols such as $ and + are punctuation too, where ASCII has them.
    symbol = character.isascii() and character.isprintable() and not character.isalnum() and character != " "
    return f" {character} " if symbol or category[0] == "P" else character.lower()


_CLEAN: Final = _Folding(_clean)
_PLAIN: Final = _Folding(_plain)


def basic_words(text: str) -> list[str]:
    r"""Return the words of a text as BERT sees them: lower case, no accents, punctuation and ideographs apart.

    >>> basic_words("Les Misérables,\tvol. 2 東京")
    ['les', 'miserables', ',', 'vol', '.', '2', '東', '京']
    """
    text = text.translate(_CLEAN)
    if not text.isascii():
        text = unicodedata.normalize("NFD", text)
    return text.translate(_PLAIN).split()


class WordPiece:
    """Cuts texts into the pieces of a vocabulary.

    Args:
        vocabulary: Piece -> id; ``##`` begins those that continue a word. What cannot be cut becomes ``[UNK]``.
        special: Pieces whose names within a text stand for themselves, as in the reference; those that there are.

    Raises:
        DataError: The vocabulary lacks ``[UNK]``.
    """

    def __init__(self, vocabulary: Mapping[str, int], special: Sequence[str] = SPECIAL) -> None:
        if UNKNOWN not in vocabulary:
            raise DataError(f"the vocabulary of word pieces lacks {UNKNOWN}")
        self.vocabulary = dict(vocabulary)
        self._words: dict[str, tuple[int, ...]] = {}
        self._longest = max(map(len, vocabulary))
        known = "|".join(re.escape(piece) for piece in special if piece in vocabulary)
        self._special = re.compile(f"({known})") if known else None

    @classmethod
    def of_lines(cls, text: str) -> WordPiece:
        """Read a ``vocab.txt``: a piece a line, whose number from 0 on is its id."""
        return cls({piece: number for number, piece in enumerate(text.removesuffix("\n").split("\n"))})

    def pieces(self, text: str, most: int | None = None) -> list[int]:
        """Return the ids of a text's pieces, without those that mark its start and end.

        Args:
            text: Any text.
            most: Stop when there are more than so many, which the length of the result then tells.
        """
        ids: list[int] = []
        parts = self._special.split(text) if self._special else (text,)
        for number, part in enumerate(parts):
            if number % 2:
                ids.append(self.vocabulary[part])
                continue
            for word in basic_words(part):
                known = self._words.get(word)
                ids.extend(self._remembered(word) if known is None else known)
                if most is not None and len(ids) > most:
                    return ids
        return ids

    def encode(self, text: str, max_tokens: int) -> tuple[list[int], bool]:
        """Return the ids of a text between those of its start and end, and whether it had to be cut to the limit."""
        ids = self.pieces(text, max_tokens - 2)
        whole = [self.vocabulary[START], *ids[: max_tokens - 2], self.vocabulary[END]]
        return whole, len(ids) > max_tokens - 2

    def _remembered(self, word: str) -> tuple[int, ...]:
        if len(self._words) >= _WORDS_KEPT:
            self._words.clear()
        self._words[word] = ids = self._cut(word)
        return ids

    def _cut(self, word: str) -> tuple[int, ...]:
        unknown = (self.vocabulary[UNKNOWN],)
        if len(word) > LONGEST_WORD:
            return unknown
        ids: list[int] = []
        begin = 0
        while begin < len(word):
            prefix = "##" if begin else ""
            for end in range(min(len(word), begin + self._longest), begin, -1):
                if (found := self.vocabulary.get(prefix + word[begin:end])) is not None:
                    break
            else:
                return unknown
            ids.append(found)
            begin = end
        return tuple(ids)
