"""What encoders have in common that are made of another one and learn from the texts in training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.encoder import TextKind
from tastemaker.core.errors import NotFittedError
from tastemaker.core.run import Run
from tastemaker.language.encoders.identity import fingerprint_of
from tastemaker.language.encoders.registry import EncoderSpec, is_learnt, make_encoder


class Wrapper(ABC):
    """An encoder of encoders; if the one inside learns, it is fitted on the same texts and kept along.

    Args:
        of: The encoder inside.
    """

    name: ClassVar[str]
    cached: ClassVar[bool] = False

    def __init__(self, of: EncoderSpec) -> None:
        self.of = make_encoder(of)
        self._fingerprint: str | None = None

    @abstractmethod
    def _learn(self, texts: Sequence[str], run: Run) -> None:
        """Learn from texts, each of which is there once; the encoder inside is fitted."""

    @abstractmethod
    def _own_spec(self) -> dict[str, Any]:
        """Return the arguments beside the encoder inside."""

    @abstractmethod
    def _own_tensors(self) -> dict[str, NDArray[Any]]:
        """Return what was learnt beside the encoder inside."""

    @abstractmethod
    def _restore(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Read what `_own_tensors` gave."""

    @abstractmethod
    def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> NDArray[np.float32]:
        """Return the vectors of some texts, float32 ``[n, dim]``."""

    def fit(self, texts: Sequence[str], *, run: Run | None = None) -> Self:
        """Learn from the texts of the items in training; each text counts once."""
        if is_learnt(self.of):
            self.of.fit(texts, run=run)
        self._learn(list(dict.fromkeys(texts)), run or Run())
        return self._sealed()

    def _sealed(self) -> Self:
        self._fingerprint = fingerprint_of(
            {"name": self.name, **self._own_spec()}, self.of.fingerprint, tensors=self._own_tensors()
        )
        return self

    def _need_fitted(self) -> str:
        if self._fingerprint is None:
            raise NotFittedError(
                f"the encoder '{self.name}' has not learnt from any texts yet",
                remedy="Call fit with the texts of the items in training.",
            )
        return self._fingerprint

    @property
    def dim(self) -> int:
        """How long a vector is."""
        return self.of.dim

    @property
    def normalised(self) -> bool:
        """Whether vectors have length 1."""
        return self.of.normalised

    @property
    def truncated(self) -> int:
        """How many texts the encoder inside has cut."""
        return self.of.truncated

    @property
    def fingerprint(self) -> str:
        """A hash of all that decides a vector. Raises `NotFittedError` before `fit`."""
        return self._need_fitted()

    def spec(self) -> dict[str, Any]:
        """Return what makes the same encoder again."""
        return {"name": self.name, "of": self.of.spec(), **self._own_spec()}

    def learnt(self) -> dict[str, Any]:
        """Return what the encoder inside has learnt and is no array."""
        self._need_fitted()
        return {"of": self.of.learnt()} if is_learnt(self.of) else {}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return what was learnt; what the encoder inside has learnt has names that start with ``of.``."""
        self._need_fitted()
        inside = self.of.tensors() if is_learnt(self.of) else {}
        return self._own_tensors() | {f"of.{name}": tensor for name, tensor in inside.items()}

    def restore(self, fitted: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Self:
        """Take back what was learnt."""
        if is_learnt(self.of):
            inside = {name.removeprefix("of."): tensor for name, tensor in tensors.items() if name.startswith("of.")}
            self.of.restore(fitted["of"], inside)
        self._restore(tensors)
        return self._sealed()
