"""The port of vector search: what every index keeps, and what it refuses. No way of searching lives here."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tastemaker.core.errors import DataError, QueryError

Numbers: TypeAlias = NDArray[np.int32]
Scores: TypeAlias = NDArray[np.float32]
Allowed: TypeAlias = NDArray[np.bool_]

NOTHING: Final = -1
"""Stands where fewer than ``k`` were found; its score is minus infinity."""

LONGEST: Final = 1e18
"""No vector may be longer: products of two would leave the range of float32."""

_ROWS: Final = 65_536


@runtime_checkable
class VectorIndex(Protocol):
    """Finds the vectors whose inner products with a query are largest; of vectors of length 1, the cosine.

    Vectors are numbered from 0 in the order in which they came. Best come first, and equal scores in the order of
    their numbers. A query finds the same alone and among others. `tests/retrieval/test_port.py` is what another
    implementation, such as one over pgvector, has to pass.
    """

    @property
    def dim(self) -> int:
        """How long a vector is."""
        ...

    def __len__(self) -> int:
        """Return how many vectors there are."""
        ...

    def search(self, queries: NDArray[np.float32], k: int, allowed: Allowed | None = None) -> tuple[Numbers, Scores]:
        """Return the best ``k`` for each query.

        Args:
            queries: Float32 ``[q, dim]``.
            k: How many at most, from 1.
            allowed: Which vectors may be found, bool ``[n]``; ``None`` for all.

        Returns:
            Numbers int32 ``[q, k]`` and their inner products float32 ``[q, k]``; where there are fewer, `NOTHING`
            and minus infinity.

        Raises:
            DataError: The queries have another length or hold NaN or infinities, or the mask has another length.
            QueryError: ``k`` is less than 1.
        """
        ...

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Take in more vectors, float32 ``[m, dim]``; they are numbered on from the last.

        Raises:
            DataError: They have another length, or hold NaN or infinities.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the index as a folder, whole or not at all; `load_index` reads it.

        Raises:
            StorageError: It could not be written.
        """
        ...


def checked_vectors(vectors: ArrayLike, dim: int | None = None, what: str = "vectors") -> NDArray[np.float32]:
    """Return vectors as contiguous float32 ``[n, d]``, themselves where they are that already.

    Raises:
        DataError: They are no table of numbers, of another length than ``dim``, not finite, or longer than `LONGEST`.
    """
    given = np.asarray(vectors)
    if given.ndim != 2 or given.dtype.kind not in "fiub":
        raise DataError(
            f"{what} must be numbers in rows, [n, d], and are {given.dtype} {list(given.shape)}",
            remedy="A single vector is a table of one row: vector[None, :].",
        )
    if given.shape[1] != (dim or given.shape[1]) or not given.shape[1]:
        raise DataError(
            f"{what} have {given.shape[1]} dimensions, and {dim or 'at least 1'} are needed",
            remedy="Queries and what they search must come from the same encoder.",
        )
    with np.errstate(over="ignore"):
        table = np.ascontiguousarray(given, dtype=np.float32)
    for start in range(0, len(table), _ROWS):
        part = table[start : start + _ROWS]
        # An infinity or NaN is the largest, or makes it NaN; no array of flags is needed.
        if not max(-float(part.min()), float(part.max())) < LONGEST / np.sqrt(part.shape[1]):
            _refuse(part, start, what)
    return table


def _refuse(part: NDArray[np.float32], start: int, what: str) -> None:
    lost = ~np.isfinite(part).all(axis=1)
    if lost.any():
        raise DataError(
            f"{what} hold {int(lost.sum()):,} rows that are not finite (NaN or infinite)",
            where=f"row {start + int(lost.argmax())}",
            remedy="Look at what made them: an empty text, a division by zero, a faulty endpoint.",
        )
    raise DataError(f"{what} are longer than {LONGEST:.0e}", remedy="Scale them, for example to length 1.")


def checked_k(k: int) -> int:
    """Return ``k``.

    Raises:
        QueryError: It is less than 1.
    """
    if k < 1:
        raise QueryError(f"k is {k}, but must be at least 1", where="k")
    return int(k)


def checked_mask(allowed: ArrayLike | None, n: int) -> Allowed | None:
    """Return which of ``n`` things may be found, bool ``[n]``; ``None`` where all may.

    Raises:
        DataError: It is no mask of ``n`` truth values.
    """
    if allowed is None:
        return None
    mask = np.asarray(allowed)
    if mask.dtype != np.bool_ or mask.shape != (n,):
        raise DataError(
            f"'allowed' is {mask.dtype} {list(mask.shape)}, and must be bool [{n}]",
            remedy="Say true or false for each vector, in the order of their numbers.",
        )
    return None if mask.all() else mask
