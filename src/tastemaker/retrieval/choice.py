"""Which index suits some vectors, and reading back whichever was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.retrieval import folder as stored
from tastemaker.retrieval.approximate import UsearchIndex, usearch_installed
from tastemaker.retrieval.exact import ExactIndex
from tastemaker.retrieval.port import VectorIndex

EXACT_UP_TO: Final = 200_000
"""Vectors that are compared one by one in a few milliseconds; beyond, a graph is worth its building."""


def make_index(
    vectors: ArrayLike, *, run: Run | None = None, notify: Callable[[str], None] | None = None
) -> VectorIndex:
    """Return an index over some vectors: exact up to `EXACT_UP_TO`, beyond that usearch's if it is installed.

    Args:
        vectors: Numbers in rows ``[n, d]``.
        run: Gives the number of threads.
        notify: Is told where the graph would be quicker and usearch is missing.

    Raises:
        DataError: They are no such table, or hold NaN or infinities.
    """
    count = len(np.asarray(vectors))
    if count <= EXACT_UP_TO:
        return ExactIndex(vectors)
    if usearch_installed():
        return UsearchIndex(vectors, run=run)
    if notify is not None:
        notify(
            f"{count:,} vectors are compared one by one with each question; "
            "pip install 'tastemaker[ann]' brings an index that is quicker."
        )
    return ExactIndex(vectors)


def load_index(folder: Path, *, run: Run | None = None) -> VectorIndex:
    """Read an index that was saved.

    Raises:
        DataError: The folder is incomplete, damaged, or of something else.
        MissingExtraError: The index needs an extra that is not installed.
    """
    kind = stored.read_about(folder)["kind"]
    if kind == ExactIndex.kind:
        return ExactIndex.load(folder)
    if kind == UsearchIndex.kind:
        return UsearchIndex.load(folder, run=run)
    raise DataError(
        f"there is no vector index of the kind '{kind}'",
        where=str(folder),
        remedy=f"Known: {ExactIndex.kind}, {UsearchIndex.kind}",
    )
