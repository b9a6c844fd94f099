"""Lexical search: the texts that hold the words of a question, by BM25."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from tastemaker.core.files import atomic_folder
from tastemaker.language.bm25 import Bm25
from tastemaker.language.tfidf import words
from tastemaker.retrieval import folder as stored
from tastemaker.retrieval.best import put_best
from tastemaker.retrieval.port import NOTHING, Numbers, Scores, checked_k, checked_mask

_TERMS: Final = "terms.json"
_PARTS: Final = ("data", "indices", "indptr")


class LexicalIndex:
    """Finds texts by their words, ranked by BM25 (`tastemaker.language.Bm25`), as vector indexes find vectors.

    Every text's answer to every term is computed once; a question costs as much as its terms are frequent. Texts
    without any of its words are not found. Texts are numbered from 0; when they change, the index is made anew.

    Args:
        texts: The texts.
        k1: How slowly a term that is repeated stops adding.
        b: How much a text's length counts, from 0 to 1.
    """

    kind: ClassVar[str] = "bm25"

    def __init__(self, texts: Sequence[str], *, k1: float = 1.2, b: float = 0.75) -> None:
        terms = [words(text) for text in texts]
        self._weigh(terms, Bm25.of(terms, k1=k1, b=b))

    @classmethod
    def of_terms(cls, texts: Sequence[Sequence[str]], weights: Bm25) -> Self:
        """Return an index over texts given as lists of terms, with weights that were learnt before."""
        index = cls([])
        index._weigh(texts, weights)
        return index

    def _weigh(self, texts: Sequence[Sequence[str]], weights: Bm25) -> None:
        self._set(weights.terms, sparse.csr_array(weights.vectors(texts).T))

    def _set(self, terms: list[str], answers: sparse.csr_array) -> None:
        self._terms = terms
        self._places = {term: place for place, term in enumerate(terms)}
        self._answers = answers

    def __len__(self) -> int:
        return int(self._answers.shape[1])

    def search(self, queries: Sequence[str], k: int, allowed: ArrayLike | None = None) -> tuple[Numbers, Scores]:
        """Return the best ``k`` texts for each question.

        Args:
            queries: Questions in words; a word that is said twice counts twice.
            k: How many at most, from 1.
            allowed: Which texts may be found, bool ``[n]``; ``None`` for all.

        Returns:
            Numbers int32 ``[q, k]`` and BM25 scores float32 ``[q, k]``, equal ones by number; where fewer texts hold
            any of the words, -1 and minus infinity.

        Raises:
            DataError: The mask has another length.
            QueryError: ``k`` is less than 1.
        """
        mask = checked_mask(allowed, len(self))
        numbers = np.full((len(queries), checked_k(k)), NOTHING, dtype=np.int32)
        scores = np.full(numbers.shape, -np.inf, dtype=np.float32)
        for place, query in enumerate(queries):
            found, values = self._scored(query)
            if mask is not None:
                found, values = found[mask[found]], values[mask[found]]
            if len(values) > k:
                kept = values >= np.partition(values, len(values) - k)[len(values) - k]
                found, values = found[kept], values[kept]
            put_best(numbers[place], scores[place], found, values)
        return numbers, scores

    def _scored(self, query: str) -> tuple[Numbers, Scores]:
        rows = [self._row(place) for term in words(query) if (place := self._places.get(term)) is not None]
        if not rows:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        if sum(len(found) for found, _ in rows) < len(self) // 16:
            found, places = np.unique(np.concatenate([found for found, _ in rows]), return_inverse=True)
            return found, np.bincount(places, weights=np.concatenate([v for _, v in rows])).astype(np.float32)
        total = np.zeros(len(self), dtype=np.float64)
        for found, values in rows:
            total[found] += values
        found = np.flatnonzero(total).astype(np.int32)
        return found, total[found].astype(np.float32)

    def _row(self, place: int) -> tuple[Numbers, Scores]:
        part = slice(*self._answers.indptr[place : place + 2].tolist())
        return self._answers.indices[part].astype(np.int32, copy=False), self._answers.data[part]

    def matched(self, query: str, number: int) -> tuple[str, ...]:
        """Return the words of a question that a text holds, in their order, without case and accents."""
        asked = [term for term in dict.fromkeys(words(query)) if term in self._places]
        return tuple(term for term in asked if number in self._row(self._places[term])[0])

    def save(self, folder: Path) -> None:
        """Write the index as a folder, whole or not at all."""
        with atomic_folder(Path(folder), replaces=stored.ABOUT) as place:
            (place / _TERMS).write_text(json.dumps(self._terms, ensure_ascii=False), encoding="utf-8")
            for part in _PARTS:
                stored.write_array(place / f"{part}.npy", getattr(self._answers, part))
            stored.write_about(place, self.kind, {"texts": len(self)})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            DataError: The folder is incomplete, damaged, or of something else.
        """
        about = stored.read_about(folder, cls.kind)
        terms = stored.read_json(folder, _TERMS)
        data, indices, indptr = (stored.read_array(folder, f"{part}.npy") for part in _PARTS)
        index = cls([])
        index._set(
            terms,
            sparse.csr_array((data, indices, indptr), shape=(len(terms), int(stored.number(about, "texts", folder)))),
        )
        return index
