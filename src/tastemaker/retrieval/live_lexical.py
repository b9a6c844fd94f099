"""Lexical search over texts that change: what is written is found by the next question, and no index waits for it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.language.bm25 import Bm25
from tastemaker.language.tfidf import words
from tastemaker.retrieval.best import put_best
from tastemaker.retrieval.lexical import LexicalIndex
from tastemaker.retrieval.port import NOTHING, Allowed, Numbers, Scores, checked_k

_FEW: Final = 1_000
"""So many changed texts are never worth an index made anew."""
_SHARE: Final = 0.1


class LiveLexicalIndex:
    """A `LexicalIndex` over most texts, and the words of those that changed since it was made, searched as one.

    Writing a text costs as much as its words; `renew` makes the index anew, beside the work. Until then the weights of
    words are those of when it was made, and a word that came since weighs by how many of the changed texts hold it. All
    methods may be called from any thread.

    Texts are numbered by whoever writes them, from 0; the empty text stands for none.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._renewing = threading.Lock()
        self._texts: list[str | None] = []
        self._weights = Bm25.of([])
        self._index = LexicalIndex([])
        self._holds = np.zeros(0, dtype=np.bool_)
        self._answers: dict[str, dict[int, float]] = {}
        self._changed: dict[int, tuple[str, ...]] = {}
        self._meanwhile: set[int] | None = None

    def __len__(self) -> int:
        """Return how many numbers there are, those of empty texts included."""
        return len(self._texts)

    @property
    def stale(self) -> bool:
        """Whether so much changed that `renew` is worth its time."""
        return len(self._changed) > max(_FEW, _SHARE * len(self._index))

    def text(self, number: int) -> str:
        """Return the text of a number, empty where there is none."""
        return (self._texts[number] if number < len(self._texts) else None) or ""

    # -- writing -------------------------------------------------------------------------------------------------

    def put(self, number: int, text: str) -> bool:
        """Write the text of a number; say whether it is another than before."""
        with self._lock:
            self._make_room(number)
            before, self._texts[number] = self._texts[number], text
            if (before or "") == text:
                return False
            self._take(number, text)
            if self._meanwhile is not None:
                self._meanwhile.add(number)
        return True

    def fill(self, numbers: Iterable[int], texts: Iterable[str]) -> None:
        """Write the texts of numbers that nothing was written of yet; they are found after the next `renew`."""
        with self._lock:
            for number, text in zip(numbers, texts, strict=True):
                self._make_room(number)
                if self._texts[number] is None:
                    self._texts[number] = text

    def _make_room(self, number: int) -> None:
        self._texts.extend([None] * (number + 1 - len(self._texts)))

    def _take(self, number: int, text: str) -> None:
        """Let the changed texts speak for a number, and the index no more."""
        if number < len(self._holds):
            self._holds[number] = False
        for term in self._changed.pop(number, ()):
            del self._answers[term][number]
        terms = words(text)
        counts = Counter(terms)
        for term, share in zip(counts, self._weights.shares(counts.values(), len(terms)), strict=True):
            self._answers.setdefault(term, {})[number] = share
        self._changed[number] = tuple(counts)

    def renew(self) -> None:
        """Make the index anew over all texts; questions are answered meanwhile, and texts are written."""
        with self._renewing:
            with self._lock:
                texts = [text or "" for text in self._texts]
                self._meanwhile = set()
            terms = [words(text) for text in texts]
            weights = Bm25.of([each for each in terms if each])
            index = LexicalIndex.of_terms(terms, weights)
            with self._lock:
                late, self._meanwhile = self._meanwhile, None
                self._weights, self._index = weights, index
                self._holds = np.ones(len(index), dtype=np.bool_)
                self._answers, self._changed = {}, {}
                for number in late:
                    self._take(number, self._texts[number] or "")

    # -- asking --------------------------------------------------------------------------------------------------

    def search(self, queries: Sequence[str], k: int, allowed: Allowed | None = None) -> tuple[Numbers, Scores]:
        """Return the best ``k`` texts for each question: see `LexicalIndex.search`.

        Args:
            queries: Questions in words.
            k: How many at most, from 1.
            allowed: Which texts may be found, bool ``[n]``; numbers beyond its end may not. ``None`` for all.

        Raises:
            QueryError: ``k`` is less than 1.
        """
        numbers = np.full((len(queries), checked_k(k)), NOTHING, dtype=np.int32)
        scores = np.full(numbers.shape, -np.inf, dtype=np.float32)
        for place, query in enumerate(queries):
            with self._lock:
                index, open_to_it = self._index, _among(self._holds, allowed)
                found, values = self._among_changed(words(query))
            if allowed is not None:
                kept = found < len(allowed)
                kept[kept] = allowed[found[kept]]
                found, values = found[kept], values[kept]
            first, worth = index.search([query], k, open_to_it)
            there = first[0] != NOTHING
            put_best(
                numbers[place],
                scores[place],
                np.concatenate([first[0][there], found]),
                np.concatenate([worth[0][there], values]),
            )
        return numbers, scores

    def _among_changed(self, terms: Sequence[str]) -> tuple[Numbers, Scores]:
        sums: dict[int, float] = {}
        for term in terms:
            answers = self._answers.get(term)
            if answers:
                weight = self._weights.weight(term, len(answers), len(self._changed))
                for number, share in answers.items():
                    sums[number] = sums.get(number, 0.0) + weight * share
        return np.fromiter(sums, np.int32, len(sums)), np.fromiter(sums.values(), np.float32, len(sums))

    def matched(self, query: str, number: int) -> tuple[str, ...]:
        """Return the words of a question that a text holds, in their order, without case and accents."""
        with self._lock:
            index, said = self._index, self._changed.get(number)
        if said is None:
            return index.matched(query, number)
        return tuple(term for term in dict.fromkeys(words(query)) if term in said)


def _among(holds: Allowed, allowed: Allowed | None) -> NDArray[np.bool_]:
    """Return which texts of the index are still as they were and may be found, an array of its own."""
    found = holds.copy()
    if allowed is not None:
        found[: len(allowed)] &= allowed[: len(found)]
        found[len(allowed) :] = False
    return found
