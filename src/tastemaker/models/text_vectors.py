"""An encoder at work in a model: vectors of its items and of what is asked for, and how they are saved with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.encoder import Encoder
from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.language.encoders import (
    EncoderSpec,
    encode_cached,
    fit_encoder,
    make_encoder,
    restored_encoder,
    store_encoder,
)
from tastemaker.language.texts import item_texts
from tastemaker.models import storage
from tastemaker.models.contrastive import directions

_TENSORS: Final = "encoder."


class TextVectors:
    """Gives items, and words, vectors of length 1, or of length 0 where the encoder has none for them.

    Args:
        encoder: One that has learnt what it learns.
        template: How the text of an item is made (`tastemaker.language.texts.item_texts`); empty for the usual one.
    """

    def __init__(self, encoder: Encoder, template: str = "") -> None:
        self.encoder = encoder
        self.template = template

    @classmethod
    def of(cls, train: Dataset, spec: EncoderSpec, template: str = "", run: Run | None = None) -> Self:
        """Return them with an encoder that, if it learns, has learnt from the items that have events in ``train``."""
        made = cls(make_encoder(spec), template)
        trained = np.unique(train.sequences.codes)
        texts = {text for text in made._texts(train.catalogue, train.items.ids[trained]) if text}
        if texts:
            fit_encoder(made.encoder, sorted(texts), run=run)
        return made

    def _texts(self, catalogue: Catalogue, item_ids: NDArray[np.object_]) -> list[str]:
        return item_texts(catalogue, item_ids.tolist(), self.template or None)

    def items(
        self, catalogue: Catalogue, item_ids: NDArray[np.object_], run: Run | None = None, *, wordless: bool = False
    ) -> NDArray[np.float32]:
        """Return the vectors of some items, float32 ``[n, d]``.

        Args:
            catalogue: What is known of them.
            item_ids: Their raw ids.
            run: Progress and threads.
            wordless: Whether it is all right if none of them has a word.

        Raises:
            DataError: None of them has a word.
        """
        texts = self._texts(catalogue, item_ids)
        if not wordless and not any(texts):
            raise DataError(
                "the catalogue has no words: no title, text, brand or categories",
                remedy="Add items.parquet with one of those columns, or leave models of words out.",
            )
        return directions(encode_cached(self.encoder, texts, "item", run=run))

    def words(self, texts: Sequence[str | None]) -> NDArray[np.float32]:
        """Return the vectors of what is asked for, float32 ``[q, d]``; zeros where nothing is."""
        said = [place for place, text in enumerate(texts) if text]
        found = np.zeros((len(texts), self.encoder.dim), dtype=np.float32)
        if said:
            found[said] = directions(self.encoder.encode([texts[place] or "" for place in said], "query"))
        return found

    def state(self) -> tuple[dict[str, Any], storage.Tensors]:
        """Return what `restored` needs: JSON values, and tensors whose names begin with ``encoder.``."""
        stored, tensors = store_encoder(self.encoder)
        return {**stored, "template": self.template}, {f"{_TENSORS}{name}": part for name, part in tensors.items()}

    @classmethod
    def restored(cls, fitted: Mapping[str, Any], tensors: storage.Tensors) -> Self:
        """Read what `state` gave."""
        own = {name.removeprefix(_TENSORS): part for name, part in tensors.items() if name.startswith(_TENSORS)}
        return cls(restored_encoder(fitted, own), str(fitted["template"]))
