"""Words that are spelt nearly as one that is known: a letter too many, one too few, two exchanged, or a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_SHORTEST: Final = 5
_WRONG_LETTER: Final = 7
"""In shorter words a wrong letter makes another word too easily: a house is no horse."""


class Spelling:
    """Known words, found by one that is a single slip away (Damerau, 1964), in time that does not grow with them.

    Args:
        words: Words that may be meant.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = {word for word in words if len(word) >= _SHORTEST and word.isalpha()}
        self._lacking: dict[tuple[int, str], list[str]] = {}
        for word in self.words:
            for place in range(len(word)):
                self._lacking.setdefault((place, word[:place] + word[place + 1 :]), []).append(word)
        self._shorter = {shorter: found[0] for (_, shorter), found in self._lacking.items()}

    def nearest(self, word: str) -> str | None:
        """Return the one known word that a word is a slip away from; ``None`` where there is none, or several.

        >>> Spelling(["comedy", "horror"]).nearest("comdy")
        'comedy'
        """
        if len(word) < _SHORTEST - 1 or word in self.words:
            return None
        found = set()
        if word in self._shorter and len(word) >= _SHORTEST - 1:
            found.add(self._shorter[word])
        for place in range(len(word)):
            lacking = word[:place] + word[place + 1 :]
            if lacking in self.words:
                found.add(lacking)
            if len(word) >= _WRONG_LETTER:
                found.update(self._lacking.get((place, lacking), ()))
            exchanged = word[:place] + word[place + 1 : place + 2] + word[place : place + 1] + word[place + 2 :]
            if exchanged in self.words:
                found.add(exchanged)
        # The first letter is hardly ever wrong.
        found = {each for each in found if each[0] == word[0]}
        return found.pop() if len(found) == 1 else None
