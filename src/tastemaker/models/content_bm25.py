"""Items whose words are alike, by BM25: what the history says is the query, and every item a text to be found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, ClassVar

from scipy import sparse

from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.language.bm25 import Bm25
from tastemaker.models import storage
from tastemaker.models.base import Settings
from tastemaker.models.content import ContentKNN, item_terms
from tastemaker.models.history import AGE_DECAYS
from tastemaker.models.selection import BlockScorer
from tastemaker.models.space import Choice, Real, Space


class ContentBM25(ContentKNN):
    """Scores ``sum_j age_decay(age_j) * bm25(text_j, text_i) / terms_j`` over the latest 20 events.

    The text of an item of the history is the query, over its number of terms, so that a long text does not speak
    louder than a short one; unlike the cosine of `ContentKNN` this is not symmetric, and terms that only one item
    has are found. The words of a query count as one more event, and put items in the order of BM25 itself.

    Args:
        age_decay: A key of `tastemaker.models.history.AGE_DECAYS`.
        k1: How slowly a term that a text repeats stops adding (see `tastemaker.language.Bm25`).
        b: How much a text's length counts, from 0 to 1.

    Attributes:
        vectors_: What each item's text answers to each term, float32 ``[n, t]``.
        wishes_: Shares of the terms in each item's text, float32 ``[n, t]``.
    """

    name: ClassVar[str] = "content-bm25"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        **ContentKNN.grid,
        "k1": (1.2, 0.6, 2.0),
        "b": (0.75, 0.4, 0.0),
    }
    steps: ClassVar[tuple[tuple[str, ...], ...]] = (("age_decay",), ("k1", "b"))
    space: ClassVar[Space] = {"age_decay": Choice(tuple(AGE_DECAYS)), "k1": Real(0.1, 5, log=True), "b": Real(0, 1)}

    wishes_: sparse.csr_array

    def __init__(self, *, age_decay: str | None = None, k1: float | None = None, b: float | None = None) -> None:
        super().__init__(age_decay=age_decay)
        self.k1 = k1
        self.b = b

    def _weigh(self, terms: list[list[str]], settings: Settings) -> None:
        self._bm25 = Bm25.of(terms, k1=settings["k1"], b=settings["b"])
        self.vectors_, self.wishes_ = self._bm25.vectors(terms), self._bm25.queries(terms)

    def _vectors_of(self, terms: list[list[str]]) -> sparse.csr_array:
        return self._bm25.vectors(terms)

    @property
    def _wishes(self) -> sparse.csr_array:
        return self.wishes_

    def _asked(self, texts: Iterable[Sequence[str]]) -> sparse.csr_array:
        return self._bm25.queries(texts)

    def _candidates(
        self, train: Dataset, sample: HeldOut, combinations: list[Settings]
    ) -> Iterator[tuple[Settings, BlockScorer]]:
        """Weigh the words once for all settings that differ only in how a history is read."""
        for _, group in groupby(combinations, key=lambda settings: (settings["k1"], settings["b"])):
            same = list(group)
            self._learn(train, same[0])
            for settings in same:
                yield settings, partial(self._scored, decay=settings["age_decay"])

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        words = self._bm25
        tensors = {"popularity": self.popularity_, "idf": words.idf}
        tensors |= storage.pack_sparse("vectors", self.vectors_) | storage.pack_sparse("wishes", self.wishes_)
        return {"terms": words.terms, "mean_length": words.mean_length}, tensors

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        self.popularity_ = tensors["popularity"]
        self._forget_caches()
        chosen = {name: float(self.settings_[name]) for name in ("k1", "b")}
        self._bm25 = Bm25(fitted["terms"], tensors["idf"], float(fitted["mean_length"]), **chosen)
        self.vectors_ = storage.unpack_sparse("vectors", tensors)
        self.wishes_ = storage.unpack_sparse("wishes", tensors)

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        super()._grow(catalogue, new)
        added = self._bm25.queries(item_terms(catalogue, self.items_.ids[-new:]))
        self.wishes_ = sparse.csr_array(sparse.vstack([self.wishes_, added]))
