"""Another encoder's vectors, moved and stretched so that over the items in training all directions weigh alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.encoder import TextKind
from tastemaker.core.errors import ConfigError
from tastemaker.core.run import Run
from tastemaker.language.encoders.cache import encode_cached
from tastemaker.language.encoders.registry import EncoderSpec, need_at_least
from tastemaker.language.encoders.wrapper import Wrapper


class Whitened(Wrapper):
    """``(v - mean) @ U @ diag(1 / sqrt(values))``, scaled to length 1.

    Source: Su et al. (2021), "Whitening sentence representations for better semantics and faster retrieval". ``U`` and
    ``values`` are eigenvectors and eigenvalues of the shrunk covariance ``(1 - s) C + s trace(C) / d I`` of the
    different texts in training. To turn the result back (ZCA) would change no product of two vectors, so it is not
    done. Vectors that are zero say nothing: they are not learnt from, and stay zero.

    Args:
        of: The other encoder.
        dim: How many directions to keep, those of the largest variance; ``None`` keeps all.
        shrinkage: ``s``, from 0 to 1; ``None`` takes that of Ledoit and Wolf (2004), "A well-conditioned estimator for
            large-dimensional covariance matrices", which is large where there are few texts.

    Attributes:
        mean_: float32 ``[d]``.
        matrix_: float32 ``[d, dim]``.
    """

    name: ClassVar[str] = "whitened"

    mean_: NDArray[np.float32]
    matrix_: NDArray[np.float32]

    def __init__(self, of: EncoderSpec = "minilm", dim: int | None = None, shrinkage: float | None = None) -> None:
        super().__init__(of)
        need_at_least(1, dim=dim)
        if shrinkage is not None and not 0 <= shrinkage <= 1:
            raise ConfigError(f"the argument 'shrinkage' of an encoder is {shrinkage}, but should be from 0 to 1")
        self._dim = dim
        self.shrinkage = shrinkage

    @property
    def dim(self) -> int:
        """How long a vector is. Raises `NotFittedError` before `fit`."""
        self._need_fitted()
        return int(self.matrix_.shape[1])

    @property
    def normalised(self) -> bool:
        """Whether vectors have length 1: they do."""
        return True

    def _learn(self, texts: Sequence[str], run: Run) -> None:
        vectors = encode_cached(self.of, texts, run=run).astype(np.float64)
        vectors = vectors[vectors.any(axis=1)]
        with run.limited():
            mean = vectors.mean(axis=0) if len(vectors) else np.zeros(vectors.shape[1])
            covariance, ledoit_wolf = covariance_of(vectors - mean)
            share = ledoit_wolf if self.shrinkage is None else self.shrinkage
            spread = np.trace(covariance) / len(covariance)
            values, directions = np.linalg.eigh((1 - share) * covariance + share * spread * np.eye(len(covariance)))
        order = np.argsort(-values, kind="stable")[: self._dim]
        values, directions = values[order], directions[:, order]
        # A direction in which no text differs from another says nothing about new ones either.
        weights = np.where(values > 1e-9 * spread, 1 / np.sqrt(np.maximum(values, 1e-300)), 0)
        places = np.abs(directions).argmax(axis=0)
        signs = np.sign(directions[places, np.arange(len(order))])
        self.mean_ = mean.astype(np.float32)
        self.matrix_ = np.ascontiguousarray(directions * signs * weights, dtype=np.float32)

    def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> NDArray[np.float32]:
        """Return the vectors of some texts, float32 ``[n, dim]``; all kinds are moved and stretched alike."""
        self._need_fitted()
        vectors = encode_cached(self.of, texts, kind, run=run)
        found = (vectors - self.mean_) @ self.matrix_
        found[~vectors.any(axis=1)] = 0
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        return np.asarray(found / np.where(lengths > 0, lengths, 1), dtype=np.float32)

    def _own_spec(self) -> dict[str, Any]:
        return {"dim": self._dim, "shrinkage": self.shrinkage}

    def _own_tensors(self) -> dict[str, NDArray[Any]]:
        return {"mean": self.mean_, "matrix": self.matrix_}

    def _restore(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self.mean_, self.matrix_ = tensors["mean"], tensors["matrix"]


def covariance_of(centred: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return the covariance of centred vectors, float64 ``[d, d]``, and how much to shrink it, from 0 to 1.

    Source: Ledoit and Wolf (2004), lemmas 3.2 to 3.5. Fewer than two vectors give no covariance, and 1.
    """
    n, d = centred.shape
    covariance = centred.T @ centred / max(n, 1)
    spread = np.trace(covariance) / d
    distance = float(np.square(covariance).sum() - d * spread**2)
    if n < 2 or distance <= 0:
        return covariance, 1.0
    fourth = float(np.square(np.square(centred).sum(axis=1)).sum())
    noise = (fourth / n - float(np.square(covariance).sum())) / n
    return covariance, min(max(noise, 0.0), distance) / distance
