"""The contract that every text encoder keeps, from random vectors to a language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.run import Run

TextKind: TypeAlias = Literal["item", "query", "user"]
"""What a text is about; some encoders put another instruction before each."""


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into vectors.

    The same text of the same kind gives the same vector whatever stands beside it, up to rounding. An empty text gives
    a vector too, which may be zero; none is ever NaN.
    """

    @property
    def name(self) -> str:
        """The name under which it is made and listed, such as ``minilm``."""
        ...

    @property
    def dim(self) -> int:
        """How long a vector is. Raises `NotFittedError` where that is learnt and has not been yet."""
        ...

    @property
    def normalised(self) -> bool:
        """Whether vectors have length 1 (or are zero), so that their product is their cosine."""
        ...

    @property
    def fingerprint(self) -> str:
        """A hexadecimal hash of all that decides a vector; encoders with the same one are interchangeable."""
        ...

    @property
    def truncated(self) -> int:
        """How many texts were longer than the encoder reads, and cut, since it was made."""
        ...

    def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> NDArray[np.float32]:
        """Return the vectors of some texts, float32 ``[n, dim]``, in their order."""
        ...

    def spec(self) -> dict[str, Any]:
        """Return what makes the same encoder again, as JSON values, ``name`` among them; never a key or password."""
        ...


@runtime_checkable
class LearntEncoder(Encoder, Protocol):
    """An encoder that has to see texts before it can encode any: those of the items in training, never others."""

    def fit(self, texts: Sequence[str], *, run: Run | None = None) -> Self:
        """Learn from texts. Returns itself."""
        ...

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return what was learnt, by name."""
        ...

    def restore(self, fitted: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Self:
        """Take back what was learnt: the JSON values of `learnt` and the arrays of `tensors`. Returns itself."""
        ...

    def learnt(self) -> dict[str, Any]:
        """Return what was learnt and is no array, as JSON values."""
        ...
