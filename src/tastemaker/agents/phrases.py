"""Phrases that are known, found in a turn: the longest ones that cover it, in time linear in its length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MOST_WORDS: Final = 12
"""Longer phrases are not kept."""


class Phrases(Generic[T]):
    """Phrases and what is known of them, by their words."""

    def __init__(self) -> None:
        self._known: dict[str, list[T]] = {}
        self._lengths: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, phrase: object) -> bool:
        return phrase in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def add(self, words: Sequence[str], what: T) -> None:
        """Keep what is known of a phrase of folded words; twice the same is kept once."""
        if not 0 < len(words) <= MOST_WORDS:
            return
        kept = self._known.setdefault(" ".join(words), [])
        if what not in kept:
            kept.append(what)
        # A bit for each number of words that phrases with this beginning have.
        self._lengths[words[0]] = self._lengths.get(words[0], 0) | 1 << len(words)

    def get(self, phrase: str) -> Sequence[T]:
        """Return what is known of a phrase, nothing for one that is not."""
        return self._known.get(phrase, ())

    def at(self, words: Sequence[str], place: int) -> Iterator[tuple[int, Sequence[T]]]:
        """Yield how many words each phrase has that begins at a place, the longest first, and what is known of it."""
        lengths = self._lengths.get(words[place], 0)
        most = min(MOST_WORDS, len(words) - place, lengths.bit_length() - 1)
        for count in range(most, 0, -1):
            if lengths >> count & 1 and (found := self._known.get(" ".join(words[place : place + count]))):
                yield count, found


def cover(count: int, found: Mapping[int, Iterable[tuple[int, float]]]) -> list[tuple[int, int]]:
    """Return which phrases cover a turn best, ``(first, last)`` in order; words of no phrase are left out.

    A phrase of ``n`` words is worth ``n`` squared and what is added for its kind: long ones win, and of two ways to
    read a turn the one with fewer pieces.

    Args:
        count: How many words there are.
        found: First place -> how many words, and what is added.
    """
    worth = [0.0] * (count + 1)
    taken = [0] * (count + 1)
    for place in range(count - 1, -1, -1):
        worth[place] = worth[place + 1]
        for length, more in found.get(place, ()):
            gained = length * length + more + worth[place + length]
            if gained > worth[place]:
                worth[place], taken[place] = gained, length
    pieces, place = [], 0
    while place < count:
        length = taken[place]
        if length:
            pieces.append((place, place + length))
        place += length or 1
    return pieces
