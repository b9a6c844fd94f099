"""A person's words as tokens: cleaned, folded, each with its place in the text; nothing of what they mean."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from tastemaker.language.cleaning import shortened

LONGEST: Final = 20_000
"""So many characters of a turn are read."""

_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]+")
_LETTER: Final = r"(?:[^\W\d_]|[\u0300-\u036f])"
_TOKEN: Final = re.compile(
    rf"\d+(?:[.,]\d+)*|{_LETTER}+(?:['\u2019\u02bc]{_LETTER}+)*"
    r"|[$€£¥#%]|[.,;:!?()\"“”„«»*\n]|[-\u2013\u2014/+&]"
)
_APOSTROPHES: Final = str.maketrans("", "", "'\u2019\u02bc")
_DASHES: Final = frozenset("-\u2013\u2014")
_STOPS: Final = frozenset(".!?;:\n()*")
_QUOTES: Final = frozenset('"“”„«»')
_PUNCTUATION: Final = _STOPS | _QUOTES | _DASHES | frozenset(",/")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number or a mark.

    Attributes:
        said: As it stands in the text.
        form: In small letters without accents and apostrophes.
        start: Its place in the text.
        end: Where it ends.
        glued: Whether it stands right behind the one before.
    """

    said: str
    form: str
    start: int
    end: int
    glued: bool

    @property
    def stops(self) -> bool:
        """Whether it ends a sentence."""
        return self.form in _STOPS

    @property
    def comma(self) -> bool:
        """Whether it is a comma, or a dash that stands for one."""
        return self.form == "," or (self.form in _DASHES and not self.glued)

    @property
    def quotes(self) -> bool:
        """Whether it is a quotation mark."""
        return self.form in _QUOTES

    @property
    def mark(self) -> bool:
        """Whether it is no word, no number and no sign of money."""
        return self.form in _PUNCTUATION

    @property
    def capital(self) -> bool:
        """Whether it begins with a large letter."""
        return self.said[0].isupper()

    @property
    def number(self) -> bool:
        """Whether it is a number in figures."""
        return self.said[0].isdecimal()


def readable(text: str) -> str:
    r"""Return a text without what cannot be seen, cut where nobody would read on.

    >>> readable("fun\u200bny\x00 books")
    'funny  books'
    """
    kept = text if len(text) <= LONGEST else shortened(text[: LONGEST + 1], LONGEST)
    if not kept.isprintable():
        kept = "".join(letter for letter in kept if unicodedata.category(letter) not in ("Cf", "Cs", "Co", "Cn"))
        kept = _CONTROL.sub(" ", kept.replace("\r\n", "\n"))
    return kept


def folded(word: str) -> str:
    """Return a word in small letters without accents and apostrophes.

    >>> folded("Brontë's"), folded("Straße")
    ('brontes', 'strasse')
    """
    if word.isascii():
        return word.lower().replace("'", "")
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).translate(_APOSTROPHES)


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a text that `readable` gave.

    >>> [token.form for token in tokens_of("Sci-fi, under $20!")]
    ['sci', '-', 'fi', ',', 'under', '$', '20', '!']
    """
    found: list[Token] = []
    end = -1
    for match in _TOKEN.finditer(text):
        said = match[0]
        found.append(Token(said, folded(said) or said, match.start(), match.end(), match.start() == end))
        end = match.end()
    return found


def words_of(text: str) -> list[str]:
    """Return the folded words and numbers of a text, without marks; what phrases are compared by.

    >>> words_of("Science-Fiction & Utopias")
    ['science', 'fiction', '&', 'utopias']
    """
    return [token.form for token in tokens_of(text) if not token.mark]
