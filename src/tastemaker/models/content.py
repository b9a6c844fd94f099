"""Items whose words are alike: TF-IDF of what the catalogue says, compared with what the history says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.errors import DataError
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.data.catalogue import PATH_SEPARATOR, Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.language.tfidf import Tfidf, words
from tastemaker.models import storage
from tastemaker.models.base import Scores, Settings
from tastemaker.models.history import AGE_DECAYS, MAX_HISTORY
from tastemaker.models.item_to_item import ItemToItem, dense, popularity
from tastemaker.models.selection import BlockScorer
from tastemaker.models.space import Choice, Space

_WORDY: Final = ("title", "text", "brand", "categories")


def item_terms(catalogue: Catalogue, item_ids: NDArray[np.object_]) -> list[list[str]]:
    """Return the terms of each item: words of title, text and brand, and every prefix of its category paths."""
    columns = [name for name in _WORDY if name in catalogue.frame.columns]
    terms: dict[str, list[str]] = {}
    for row in catalogue.frame.select("item_id", *columns).iter_rows(named=True):
        found = [word for name in ("title", "text", "brand") if row.get(name) for word in words(row[name])]
        for path in row.get("categories") or []:
            steps = path.split(PATH_SEPARATOR)
            found.extend(f"category:{PATH_SEPARATOR.join(steps[: depth + 1])}" for depth in range(len(steps)))
        terms[row["item_id"]] = found
    return [terms.get(item, []) for item in item_ids]


class ContentKNN(ItemToItem):
    """Scores ``sum_j age_decay(age_j) * cosine(text_j, text_i)`` over the latest 20 events; no events needed to learn.

    Items that nobody has touched are scored like any other. The words of a query count as one more event.

    Args:
        age_decay: A key of `tastemaker.models.history.AGE_DECAYS`.

    Attributes:
        vectors_: TF-IDF of the items, float32 ``[n, t]``, rows of unit length.
    """

    name: ClassVar[str] = "content-knn"
    capabilities = Capabilities(cold_items=True, reads=frozenset({"history", "text"}))
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {"age_decay": ("1/a", "1/a^2", "0.6^(a-1)", "0.8^(a-1)", "uniform")}
    space: ClassVar[Space] = {"age_decay": Choice(tuple(AGE_DECAYS))}
    last: ClassVar[int | None] = MAX_HISTORY

    vectors_: sparse.csr_array

    def __init__(self, *, age_decay: str | None = None) -> None:
        self.age_decay = age_decay

    def _learn(self, train: Dataset, settings: Settings) -> None:
        if not any(name in train.catalogue.frame.columns for name in _WORDY):
            raise DataError(
                "the catalogue has no words: no title, text, brand or categories",
                remedy="Add items.parquet with one of those columns, or leave the content model out.",
            )
        self.popularity_ = popularity(train)
        self._forget_caches()
        self._weigh(item_terms(train.catalogue, self.items_.ids), settings)

    def _weigh(self, terms: list[list[str]], settings: Settings) -> None:
        """Learn what terms weigh, and set ``vectors_``."""
        self._tfidf = Tfidf.of(terms)
        self.vectors_ = self._tfidf.vectors(terms)

    def _vectors_of(self, terms: list[list[str]]) -> sparse.csr_array:
        """Return new items as rows of ``vectors_``."""
        return self._tfidf.vectors(terms)

    @property
    def _wishes(self) -> sparse.csr_array:
        """What each item asks for when it stands in a history, float32 ``[n, t]``."""
        return self.vectors_

    def _asked(self, texts: Iterable[Sequence[str]]) -> sparse.csr_array:
        """Return what some words ask for, float32 ``[q, t]``."""
        return self._tfidf.vectors(texts)

    def _profile(self, queries: QueryBatch, decay: str) -> sparse.csr_array:
        profile = self._history_matrix(queries, self.items_, decay) @ self._wishes
        if queries.texts:
            profile = profile + self._asked(words(text or "") for text in queries.texts)
        return sparse.csr_array(profile)

    def _understands(self, text: str) -> bool:
        return bool(self._asked([words(text)]).nnz)

    def score(self, queries: QueryBatch) -> Scores:
        """Score the whole vocabulary, float32 ``[q, n]``."""
        self._need_fitted()
        return self._scored(queries, self._decay)

    def _scored(self, queries: QueryBatch, decay: str) -> Scores:
        return dense(self._profile(queries, decay) @ self._by_term) + self._prior

    @cached_property
    def _by_term(self) -> sparse.csr_array:
        """The vectors turned round once, and not for every question, float32 ``[t, n]``."""
        return sparse.csr_array(self.vectors_.T)

    def _forget_caches(self) -> None:
        super()._forget_caches()
        self.__dict__.pop("_by_term", None)

    def _candidates(
        self, train: Dataset, sample: HeldOut, combinations: list[Settings]
    ) -> Iterator[tuple[Settings, BlockScorer]]:
        self._learn(train, combinations[0])
        for settings in combinations:
            yield settings, partial(self._scored, decay=settings["age_decay"])

    def _column(self, history: NDArray[np.int32], item: int) -> NDArray[np.float32]:
        return np.asarray((self._wishes[history] @ self.vectors_[[item]].T).toarray()).ravel()

    def _parts(self, query: Query, item: int) -> Contributions:
        found = super()._parts(query, item)
        if not query.text:
            return found
        said = self._asked([words(query.text)]) @ self.vectors_[[item]].T
        part = Contribution("text", query.text, float(said.toarray()[0, 0]))
        return Contributions(found.item_id, found.score + part.amount, (*found.parts, part))

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        tensors = {"popularity": self.popularity_, "idf": self._tfidf.idf}
        return {"terms": self._tfidf.terms}, tensors | storage.pack_sparse("vectors", self.vectors_)

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        self.popularity_ = tensors["popularity"]
        self._forget_caches()
        self._tfidf = Tfidf(fitted["terms"], tensors["idf"])
        self.vectors_ = storage.unpack_sparse("vectors", tensors)

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        self.popularity_ = np.append(self.popularity_, np.zeros(new, np.float32))
        self._forget_caches()
        added = self._vectors_of(item_terms(catalogue, self.items_.ids[-new:]))
        self.vectors_ = sparse.csr_array(sparse.vstack([self.vectors_, added]))
