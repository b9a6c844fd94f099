"""Covers for items that have no picture: a colour, a motif and initials that follow from id and title."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from tastemaker.data.titles import normalise

HUES: Final = 24
MOTIFS: Final = 8
TURNS: Final = 4
_PASSED_OVER: Final = frozenset({"the", "a", "an", "of", "and"})


@dataclass(frozen=True)
class Cover:
    """How an item is drawn.

    Attributes:
        hue: From 0 to 23; a class of the style sheet.
        motif: From 0 to 7; a symbol of the page.
        turn: How the motif is turned, in degrees.
        initials: One or two letters of the title.
    """

    hue: int
    motif: int
    turn: int
    initials: str

    @classmethod
    def of(cls, item_id: str, title: str) -> Cover:
        """Return the cover of an item; the same item always looks the same."""
        digest = hashlib.sha256(item_id.encode()).digest()
        return cls(digest[0] % HUES, digest[1] % MOTIFS, digest[2] % TURNS * 90, initials(title))


def initials(title: str) -> str:
    """Return up to two initials of a title's telling words.

    >>> initials("The Empire Strikes Back"), initials("Heat"), initials("\N{FISH}")
    ('ES', 'H', '\N{FISH}')
    """
    words = normalise(title).split()
    telling = [word for word in words if word not in _PASSED_OVER] or words
    return "".join(word[0] for word in telling[:2]).upper() or title.strip()[:1]
