"""Words as short vectors: TF-IDF projected on the main directions of the texts in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import svds

from tastemaker.core.encoder import TextKind
from tastemaker.core.errors import NotFittedError
from tastemaker.core.run import Run
from tastemaker.language.encoders.identity import fingerprint_of
from tastemaker.language.encoders.registry import need_at_least
from tastemaker.language.tfidf import Tfidf, words

_DENSE = 4_000_000
"""Matrices of up to so many entries are decomposed whole."""


class TfidfSvd:
    """Latent semantic analysis (Deerwester et al., 1990): ``tfidf(text) @ V``, scaled to length 1.

    ``V`` holds the right singular vectors of the training texts with the largest singular values, each with the sign
    that makes its largest entry positive. A text without known words is zero.

    Args:
        dim: How many directions; fewer where the texts have fewer.
        min_texts: Words in fewer texts are passed over.

    Attributes:
        components_: ``V``, float32 ``[t, dim]``.
    """

    name: ClassVar[str] = "tfidf-svd"
    cached: ClassVar[bool] = False
    normalised: ClassVar[bool] = True
    truncated: ClassVar[int] = 0

    components_: NDArray[np.float32]

    def __init__(self, dim: int = 256, min_texts: int = 2) -> None:
        need_at_least(1, dim=dim, min_texts=min_texts)
        self._dim = dim
        self.min_texts = min_texts
        self._tfidf: Tfidf | None = None

    def fit(self, texts: Sequence[str], *, run: Run | None = None) -> Self:
        """Learn words, weights and directions from texts; each text counts once."""
        terms = [words(text) for text in dict.fromkeys(texts)]
        tfidf = Tfidf.of(terms, self.min_texts)
        with (run or Run()).limited():
            components = _directions(tfidf.vectors(terms), self._dim)
        return self._take(tfidf, components)

    def _take(self, tfidf: Tfidf, components: NDArray[np.float32]) -> Self:
        self._tfidf, self.components_ = tfidf, components
        self._fingerprint = fingerprint_of(self.spec(), self.learnt(), tensors=self.tensors())
        return self

    def _fitted(self) -> Tfidf:
        if self._tfidf is None:
            raise NotFittedError(
                "the encoder 'tfidf-svd' has not learnt from any texts yet",
                remedy="Call fit with the texts of the items in training.",
            )
        return self._tfidf

    @property
    def dim(self) -> int:
        """How long a vector is. Raises `NotFittedError` before `fit`."""
        self._fitted()
        return int(self.components_.shape[1])

    @property
    def fingerprint(self) -> str:
        """A hash of all that decides a vector. Raises `NotFittedError` before `fit`."""
        self._fitted()
        return self._fingerprint

    def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> NDArray[np.float32]:
        """Return the vectors of some texts, float32 ``[n, dim]``; all kinds are alike."""
        found = np.asarray(self._fitted().vectors(map(words, texts)) @ self.components_, dtype=np.float32)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        return np.asarray(found / np.where(lengths > 1e-6, lengths, np.inf), dtype=np.float32)

    def spec(self) -> dict[str, Any]:
        """Return what makes the same encoder again."""
        return {"name": self.name, "dim": self._dim, "min_texts": self.min_texts}

    def learnt(self) -> dict[str, Any]:
        """Return the words that have a weight."""
        return {"terms": self._fitted().terms}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the weights of the words and the directions."""
        return {"idf": self._fitted().idf, "components": self.components_}

    def restore(self, fitted: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Self:
        """Take back what was learnt."""
        return self._take(Tfidf(fitted["terms"], tensors["idf"]), tensors["components"])


def _directions(vectors: sparse.csr_array, dim: int) -> NDArray[np.float32]:
    """Return the right singular vectors of the largest singular values, float32 ``[t, d]`` with ``d`` at least 1."""
    n, t = vectors.shape
    if n * t <= _DENSE or min(n, t) <= dim + 1:
        if n * t == 0:
            return np.zeros((t, 1), dtype=np.float32)
        _, values, right = np.linalg.svd(vectors.toarray().astype(np.float64), full_matrices=False)
    else:
        start = np.random.default_rng(0).standard_normal(min(n, t))
        _, values, right = svds(vectors.astype(np.float64), k=dim, v0=start)
        order = np.argsort(-values, kind="stable")
        values, right = values[order], right[order]
    kept = max(1, min(dim, int((values > 1e-9 * max(values.max(initial=0), 1e-300)).sum())))
    right = right[:kept]
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])
    return np.ascontiguousarray((right * np.where(signs == 0, 1, signs)[:, None]).T, dtype=np.float32)
