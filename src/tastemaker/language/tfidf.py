"""Words as weights: the tokeniser and the TF-IDF vectors of a catalogue's texts. No encoder model lives here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Return the words of a text without case and accents.

    >>> words("Les Misérables, vol. 2")
    ['les', 'miserables', 'vol', '2']
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(c for c in folded if not unicodedata.combining(c))
    return _WORD.findall(plain)


def texts_with_each(texts: Iterable[Sequence[str]]) -> dict[str, int]:
    """Return how many of the texts, given as lists of terms, hold each term."""
    counts: dict[str, int] = {}
    for text in texts:
        for term in set(text):
            counts[term] = counts.get(term, 0) + 1
    return counts


def counted(texts: Iterable[Sequence[str]], places: Mapping[str, int]) -> sparse.csr_array:
    """Return how often each text holds each term, float32 ``[m, t]``; terms without a place are passed over."""
    indptr: list[int] = [0]
    indices: list[int] = []
    data: list[int] = []
    for text in texts:
        counts: dict[int, int] = {}
        for term in text:
            place = places.get(term)
            if place is not None:
                counts[place] = counts.get(place, 0) + 1
        indices.extend(counts)
        data.extend(counts.values())
        indptr.append(len(indices))
    return sparse.csr_array(
        (np.asarray(data, dtype=np.float32), np.asarray(indices, dtype=np.int32), np.asarray(indptr, dtype=np.int32)),
        shape=(len(indptr) - 1, len(places)),
    )


class Tfidf:
    """Texts as unit vectors: ``(1 + log tf) * log(n / df)``, scaled to length 1 (Salton & Buckley, 1988, "ltc").

    Args:
        terms: The terms that have a column, sorted.
        idf: The weight of each, float32 ``[t]``.
    """

    def __init__(self, terms: Sequence[str], idf: NDArray[np.float32]) -> None:
        self.terms = list(terms)
        self.idf = idf
        self._places = {term: place for place, term in enumerate(self.terms)}

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]], min_texts: int = 2) -> Tfidf:
        """Learn terms and weights from texts given as lists of terms.

        Args:
            texts: The texts.
            min_texts: Terms in fewer texts have no column.
        """
        counts = texts_with_each(texts)
        kept = sorted(term for term, count in counts.items() if count >= min_texts)
        frequency = np.asarray([counts[term] for term in kept], dtype=np.float64)
        return cls(kept, np.log(len(texts) / np.maximum(frequency, 1)).astype(np.float32))

    def vectors(self, texts: Iterable[Sequence[str]]) -> sparse.csr_array:
        """Return the texts as rows of unit length, float32 ``[m, t]``; a text without known terms is zero."""
        matrix = counted(texts, self._places)
        matrix.data = (1 + np.log(matrix.data)) * self.idf[matrix.indices]
        lengths = np.sqrt(np.add.reduceat(np.append(matrix.data**2, 0), matrix.indptr[:-1]))
        lengths[np.diff(matrix.indptr) == 0] = 1
        matrix.data /= np.repeat(np.maximum(lengths, 1e-12), np.diff(matrix.indptr)).astype(np.float32)
        matrix.sort_indices()
        return matrix
