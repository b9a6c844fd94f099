"""Texts as words and marks: how they are cut and put together again, and which words occur most often."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.language.cleaning import plain

_PIECE: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]|_")
_CLOSING: Final = frozenset(".,!?;:%)]}")
_OPENING: Final = frozenset("([{")


def split_words(text: str) -> list[str]:
    """Return the words of a text in small letters, and its marks, each alone; tags of web pages are left out.

    >>> split_words("It's <b>good</b>, 10/10!")
    ["it's", 'good', ',', '10', '/', '10', '!']
    """
    return _PIECE.findall(plain(text).lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def join_words(words: Iterable[str]) -> str:
    """Return words and marks as a text, with spaces where they are usual; `split_words` finds the same in it.

    >>> join_words(["good", "(", "for", "me", ")", "."])
    'good (for me).'
    """
    found, glued = "", True
    for word in words:
        found += word if glued or word in _CLOSING else f" {word}"
        glued = word in _OPENING
    return found


class WordCounter:
    """Numbers words as they first come, and counts them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._seen: list[NDArray[np.int64]] = []

    def read(self, text: str, most: int) -> NDArray[np.int64]:
        """Return the numbers of the first words of a text, at most so many, int64."""
        numbers = self._numbers
        found = np.array([numbers.setdefault(word, len(numbers)) for word in split_words(text)[:most]], dtype=np.int64)
        self._seen.append(found)
        return found

    @property
    def words(self) -> list[str]:
        """All words, by their number."""
        return list(self._numbers)

    def frequent(self, most: int) -> NDArray[np.bool_]:
        """Return which words are among the most frequent, bool by number; of equals the first in the alphabet."""
        words = self.words
        counts = np.bincount(np.concatenate([np.empty(0, np.int64), *self._seen]), minlength=len(words))
        order = sorted(range(len(words)), key=lambda number: (-counts[number], words[number]))
        kept = np.zeros(len(words), dtype=bool)
        kept[order[:most]] = True
        return kept


def ngrams(words: Sequence[str], length: int) -> list[tuple[str, ...]]:
    """Return all stretches of so many words, in order.

    >>> ngrams(["a", "b", "c"], 2)
    [('a', 'b'), ('b', 'c')]
    """
    return [tuple(words[first : first + length]) for first in range(len(words) - length + 1)]
