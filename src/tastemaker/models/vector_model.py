"""What models share that know items by the vectors of their texts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import QueryBatch
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.language.encoders import EncoderSpec
from tastemaker.models import storage
from tastemaker.models.base import Scores
from tastemaker.models.item_to_item import PRIOR_SCALE, popularity, prior
from tastemaker.models.selection import GridRecommender
from tastemaker.models.text_vectors import TextVectors

_STEPS: Final = 2.0**17


class VectorModel(GridRecommender):
    """Base of the recommenders that read texts through an encoder.

    Attributes:
        vectors_: Of the items' texts, float32 ``[n, t]``, of length 1, or 0 where the encoder has none.
        popularity_: Training events of each item, float32 ``[n]``; decides ties.
    """

    capabilities = Capabilities(cold_items=True, reads=frozenset({"history", "text"}))
    fixed: ClassVar[tuple[str, ...]] = ("encoder", "template")
    """Arguments of the constructor that validation does not choose."""

    vectors_: NDArray[np.float32]
    popularity_: NDArray[np.float32]

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments, ``None`` where a choice was left open."""
        given = {name: getattr(self, name) for name in (*self.fixed, *self.grid)}
        if not isinstance(given["encoder"], str | Mapping):
            given["encoder"] = given["encoder"].spec()
        return given

    def _encode(self, train: Dataset, spec: EncoderSpec, template: str, run: Run) -> None:
        """Set what is known of the items of ``train``.

        Raises:
            DataError: None of them has a word.
        """
        self._texts_of = TextVectors.of(train, spec, template, run)
        self.vectors_ = self._texts_of.items(train.catalogue, train.items.ids, run)
        self._count(train)

    def _count(self, train: Dataset) -> None:
        self.popularity_ = popularity(train)
        self._forget_caches()

    @cached_property
    def _prior(self) -> NDArray[np.float32]:
        return prior(self.popularity_) * np.float32(0.25 / (_STEPS * PRIOR_SCALE))

    def _settled(self, scores: Scores) -> Scores:
        """Return scores, changed in place, in which the better known of two equal items comes first.

        How a product is rounded depends on how many are made at once, and where in the array it stands. So scores
        are cut to steps that are coarser than that, and popularity adds a quarter of a step at most.
        """
        scores *= _STEPS
        np.rint(scores, out=scores)
        scores /= _STEPS
        scores += self._prior
        return scores

    def _forget_caches(self) -> None:
        self.__dict__.pop("_prior", None)

    def _words(self, queries: QueryBatch) -> NDArray[np.float32]:
        """Return what is asked for in words, float32 ``[q, t]``; zeros where nothing is."""
        if not queries.texts:
            return np.zeros((len(queries), self.vectors_.shape[1]), dtype=np.float32)
        return self._texts_of.words(queries.texts)

    def _understands(self, text: str) -> bool:
        return bool(self._texts_of.words([text]).any())

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        added = self._texts_of.items(catalogue, self.items_.ids[-new:], wordless=True)
        self.vectors_ = np.concatenate([self.vectors_, added])
        self.popularity_ = np.append(self.popularity_, np.zeros(new, np.float32))
        self._forget_caches()

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        words, tensors = self._texts_of.state()
        return {"words": words}, {**tensors, "vectors": self.vectors_, "popularity": self.popularity_}

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        self._texts_of = TextVectors.restored(fitted["words"], tensors)
        self.vectors_, self.popularity_ = tensors["vectors"], tensors["popularity"]
        self._forget_caches()
