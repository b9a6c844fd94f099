"""BM25: what the terms of a catalogue's texts say when somebody asks for them, as sparse vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.language.tfidf import counted, texts_with_each


class Bm25:
    """Texts as what they answer: ``idf * tf / (tf + k1 * (1 - b + b * length / mean length))``.

    Source: Robertson and Zaragoza (2009), "The probabilistic relevance framework: BM25 and beyond", equation 3.15.
    ``idf = log(1 + (n - df + 0.5) / (df + 0.5))`` as in Lucene, which is theirs (3.3) with a 1 added inside the
    logarithm, so that a term in more than half of the ``n`` texts does not count against a text that holds it.

    Args:
        terms: The terms that have a column, sorted.
        idf: The weight of each, float32 ``[t]``.
        mean_length: Mean number of terms of the texts learnt from.
        k1: How slowly a term that is repeated stops adding; 0 counts it once.
        b: How much a text's length counts, from 0 to 1.
    """

    def __init__(
        self, terms: Sequence[str], idf: NDArray[np.float32], mean_length: float, *, k1: float = 1.2, b: float = 0.75
    ) -> None:
        self.terms = list(terms)
        self.idf = idf
        self.mean_length = mean_length
        self.k1 = k1
        self.b = b
        self._places = {term: place for place, term in enumerate(self.terms)}

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]], *, k1: float = 1.2, b: float = 0.75) -> Bm25:
        """Learn terms and weights from texts given as lists of terms; every term has a column."""
        counts = texts_with_each(texts)
        terms = sorted(counts)
        df = np.asarray([counts[term] for term in terms], dtype=np.float64)
        idf = _idf(df, len(texts)).astype(np.float32)
        mean_length = sum(map(len, texts)) / max(len(texts), 1)
        return cls(terms, idf, mean_length, k1=k1, b=b)

    def vectors(self, texts: Iterable[Sequence[str]]) -> sparse.csr_array:
        """Return what each text answers to each term, float32 ``[m, t]``; its length counts unknown terms too."""
        texts = list(texts)
        matrix = counted(texts, self._places)
        relative = np.asarray([len(text) for text in texts]) / max(self.mean_length, 1e-12)
        saturation = np.repeat(self.k1 * (1 - self.b + self.b * relative), np.diff(matrix.indptr))
        matrix.data = (self.idf[matrix.indices] * matrix.data / (matrix.data + saturation)).astype(np.float32)
        matrix.sort_indices()
        return matrix

    def weight(self, term: str, holding: int, texts: int) -> float:
        """Return the ``idf`` of a term; of one that was not learnt, as if ``holding`` of so many ``texts`` held it."""
        place = self._places.get(term)
        return float(self.idf[place] if place is not None else _idf(np.float64(holding), texts))

    def shares(self, counts: Iterable[int], length: int) -> list[float]:
        """Return what one text answers to each of its terms, but for the term's ``idf``.

        Args:
            counts: How often it says each.
            length: How many terms it has.
        """
        # Where nothing was learnt from, every length is as good as the mean.
        relative = length / self.mean_length if self.mean_length else 1.0
        saturation = self.k1 * (1 - self.b + self.b * relative)
        return [count / (count + saturation) for count in counts]

    def queries(self, texts: Iterable[Sequence[str]]) -> sparse.csr_array:
        """Return the shares of the known terms in what each text asks for, float32 ``[m, t]``.

        The product with `vectors` is the BM25 score over the number of known terms of the query: a long query does
        not speak louder than a short one.
        """
        matrix = counted(texts, self._places)
        totals = matrix.sum(axis=1)
        matrix.data /= np.repeat(np.maximum(totals, 1), np.diff(matrix.indptr)).astype(np.float32)
        matrix.sort_indices()
        return matrix


def _idf(df: NDArray[np.float64] | np.float64, texts: int) -> NDArray[np.float64]:
    return np.asarray(np.log1p((texts - df + 0.5) / (df + 0.5)))
