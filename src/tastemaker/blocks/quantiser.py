"""Residual k-means: a vector as a few numbers, each of which says what those before it left open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tastemaker.blocks.clustering import Vectors, k_means, nearest_centres
from tastemaker.core.errors import ConfigError, ModelError


@dataclass(frozen=True, eq=False)
class ResidualKMeans:
    """One codebook a level, each made by k-means of what the levels before it left over.

    Level ``l`` takes the nearest centre ``e`` of the residual ``r``, and leaves ``r - e`` to the next (Zeghidour et
    al., 2021, algorithm 1, without a network around it).

    Attributes:
        codebooks: Centres of each level, float32 ``[levels, codebook, t]``.
        normalised: Whether residuals are brought to unit length before each level.
    """

    codebooks: NDArray[np.float32]
    normalised: bool = False

    @classmethod
    def fit(
        cls,
        vectors: Vectors,
        levels: int,
        codebook: int,
        rng: np.random.Generator,
        *,
        normalised: bool = False,
        rounds: int = 50,
    ) -> ResidualKMeans:
        """Make the codebooks of float32 ``[n, t]``, at least one.

        Args:
            vectors: What is to be quantised; finite.
            levels: How many numbers a vector becomes.
            codebook: How many values each has.
            rng: Draws the first centres of k-means.
            normalised: Bring residuals to unit length before each level; what is quantised cannot be put together
                again then.
            rounds: Rounds of k-means at most.
        """
        if levels < 1 or codebook < 1:
            raise ConfigError(f"{levels} levels of {codebook} cannot be made", remedy="Use 1 or more of each.")
        residual = np.array(vectors, dtype=np.float32)
        books = []
        for _ in range(levels):
            if normalised:
                residual = at_unit_length(residual)
            centres, labels = k_means(residual, codebook, rng, rounds=rounds)
            books.append(centres)
            residual -= centres[labels]
        return cls(np.stack(books), normalised)

    def encode(self, vectors: Vectors) -> NDArray[np.int32]:
        """Return the numbers of vectors ``[n, t]``, int32 ``[n, levels]``, each from 0."""
        residual = np.array(vectors, dtype=np.float32)
        if residual.ndim != 2 or residual.shape[1] != self.codebooks.shape[2]:
            raise ModelError(
                f"vectors are {list(residual.shape)}, but the codebooks want [items, {self.codebooks.shape[2]}]",
                remedy="Take them from the encoder that the codebooks were made with.",
            )
        found = np.empty((len(residual), len(self.codebooks)), dtype=np.int32)
        for level, centres in enumerate(self.codebooks):
            if self.normalised:
                residual = at_unit_length(residual)
            found[:, level] = nearest_centres(residual, centres)[0]
            residual -= centres[found[:, level]]
        return found

    def decode(self, numbers: NDArray[np.int32]) -> Vectors:
        """Return what numbers ``[n, l]`` of the first ``l`` levels mean, float32 ``[n, t]``: the sum of their centres.

        Raises:
            ModelError: Residuals were normalised.
        """
        if self.normalised:
            raise ModelError("what was quantised at unit length cannot be put together", remedy="Use normalised=False.")
        found = np.zeros((len(numbers), self.codebooks.shape[2]), dtype=np.float32)
        for level in range(numbers.shape[1]):
            found += self.codebooks[level][numbers[:, level]]
        return found


def at_unit_length(vectors: Vectors) -> Vectors:
    """Return vectors ``[n, t]`` at unit length; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, np.where(lengths > 0, lengths, 1), dtype=np.float32)
