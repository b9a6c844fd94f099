"""Vectors from any model of the library sentence-transformers, which has to be installed beside Tastemaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.encoder import TextKind
from tastemaker.core.errors import ConfigError
from tastemaker.core.run import Run
from tastemaker.language.cleaning import cleaned
from tastemaker.language.encoders.identity import fingerprint_of
from tastemaker.language.encoders.prefixes import checked_prefixes
from tastemaker.language.encoders.registry import need_at_least


class SentenceTransformers:
    """A model of sentence-transformers, its vectors scaled to length 1. It is loaded when it is first used.

    Args:
        model: A folder that holds one, or a name that the library knows how to fetch.
        prefixes: What stands before a text of each kind (``item``, ``query``, ``user``), for models that want it so.
        batch: Texts at a time.
    """

    name: ClassVar[str] = "sentence-transformers"
    normalised: ClassVar[bool] = True

    def __init__(self, model: str, prefixes: Mapping[str, str] | None = None, batch: int = 32) -> None:
        need_at_least(1, batch=batch)
        self.model = model
        self.prefixes = checked_prefixes(prefixes)
        self.batch = batch
        self.truncated = 0

    @cached_property
    def _loaded(self) -> Any:
        try:
            library = import_module("sentence_transformers")
        except ImportError as error:
            raise ConfigError(
                "the encoder 'sentence-transformers' needs the library of that name, which is not installed",
                remedy="Install it with: pip install sentence-transformers (it brings torch).",
            ) from error
        try:
            return library.SentenceTransformer(self.model)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"sentence-transformers cannot load '{self.model}': {error}",
                remedy="Name a folder with a model in it, or a model that the library can fetch.",
            ) from error

    @property
    def dim(self) -> int:
        """How long a vector is; loads the model."""
        new, old = "get_embedding_dimension", "get_sentence_embedding_dimension"
        return int(getattr(self._loaded, new if hasattr(self._loaded, new) else old)())

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the weights, the longest text that is read, and the prefixes; loads the model."""
        bare = (
            (name, tensor.detach().cpu().reshape(-1).contiguous()) for name, tensor in self._loaded.state_dict().items()
        )
        torch = import_module("torch")
        weights = {name: tensor.view(torch.uint8).numpy() for name, tensor in bare}
        return fingerprint_of(self.name, self._loaded.max_seq_length, self.prefixes, tensors=weights)

    def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> NDArray[np.float32]:
        """Return the vectors of some texts, float32 ``[n, dim]``.

        Raises:
            ConfigError: The library is not installed, or has no such model.
        """
        prefix = self.prefixes.get(kind, "")
        prepared = [prefix + cleaned(text) for text in texts]
        if not prepared:
            return np.zeros((0, self.dim), dtype=np.float32)
        self.truncated += self._too_long(prepared)
        with (run or Run()).limited():
            found = self._loaded.encode(
                prepared, batch_size=self.batch, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(found, dtype=np.float32)

    def _too_long(self, texts: Sequence[str]) -> int:
        """Count the texts of more tokens than the model reads; a text has at most as many as characters, and two."""
        most = self._loaded.max_seq_length
        if most is None:
            return 0
        long = [text for text in texts if len(text) + 2 > most]
        tokenizer = self._loaded.tokenizer
        return sum(len(tokenizer(text, truncation=False, verbose=False)["input_ids"]) > most for text in long)

    def spec(self) -> dict[str, Any]:
        """Return what makes the same encoder again."""
        return {"name": self.name, "model": self.model, "prefixes": dict(self.prefixes), "batch": self.batch}
