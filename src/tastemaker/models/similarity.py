"""How alike two rows of a matrix of ones are, and which are the most alike: what all neighbour models share.

A row is an item (and the columns are people) or a person (and the columns are items).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.errors import ModelError, nearest

SIMILARITIES: Final = ("cosine", "jaccard", "dot")
WEIGHTINGS: Final = ("none", "tf-idf", "bm25")

BM25_K1: Final = 1.2
BM25_B: Final = 0.75

Values = NDArray[np.floating[Any]]


def column_weights(matrix: sparse.csr_array, weighting: str) -> Values:
    """Return what a one in each column says, float32 ``[c]``.

    1 without a weighting, else the inverse document frequency ``log((1 + R) / (1 + n_c))`` where ``n_c`` of the
    ``R`` rows that are not empty hold column ``c``: a column that every row holds says nothing.

    Args:
        matrix: Ones, ``[r, c]``.
        weighting: One of `WEIGHTINGS`.

    Raises:
        ModelError: There is no such weighting.
    """
    _check("weighting", weighting, WEIGHTINGS)
    if weighting == "none":
        return np.ones(matrix.shape[1], dtype=np.float32)
    rows = np.count_nonzero(np.diff(matrix.indptr))
    held = np.bincount(matrix.indices, minlength=matrix.shape[1])
    return np.log((1 + rows) / (1 + held)).astype(np.float32)


def weighted(matrix: sparse.csr_array, weighting: str) -> sparse.csr_array:
    """Return a matrix of ones with its columns weighted, and with ``bm25`` its rows by their length as well.

    A one in row ``r`` and column ``c`` becomes ``idf_c`` (see `column_weights`) with ``tf-idf``, and
    ``idf_c * (k1 + 1) / (k1 * (1 - b + b * length_r / mean length) + 1)`` with ``bm25`` (Robertson & Walker, 1994,
    with a term frequency of 1), where ``k1 = 1.2`` and ``b = 0.75``.
    """
    if weighting == "none":
        return matrix
    weights = column_weights(matrix, weighting)[matrix.indices]
    if weighting == "bm25":
        lengths = np.diff(matrix.indptr)
        relative = lengths / max(lengths.sum() / max(np.count_nonzero(lengths), 1), 1)
        saturation = (BM25_K1 + 1) / (BM25_K1 * (1 - BM25_B + BM25_B * relative) + 1)
        weights = weights * np.repeat(saturation, lengths)
    return sparse.csr_array((weights.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def similarity(
    dots: Values, first: Values, second: Values, *, kind: str, alpha: float = 0.5, shrinkage: float = 0.0
) -> Values:
    """Return the similarity of pairs of vectors ``a`` and ``b``.

    - ``cosine``: ``a.b / (|a|^(2 alpha) * |b|^(2 (1 - alpha)) + shrinkage)``; with an ``alpha`` other than 0.5 it is
      the asymmetric cosine (Aiolli, 2013, equation 3)
    - ``jaccard``: ``a.b / (|a|^2 + |b|^2 - a.b + shrinkage)``, which on ones is the share of common columns
    - ``dot``: ``a.b / (1 + shrinkage)``

    Args:
        dots: ``a.b`` of each pair.
        first: ``|a|^2`` of each pair.
        second: ``|b|^2`` of each pair.
        kind: One of `SIMILARITIES`.
        alpha: Share of ``a`` in the norm of the cosine, from 0 to 1.
        shrinkage: Pulls similarities with little behind them towards zero.

    Raises:
        ModelError: There is no such similarity.
    """
    _check("similarity", kind, SIMILARITIES)
    if kind == "cosine":
        scale = np.power(first, alpha) * np.power(second, 1 - alpha) + shrinkage
    elif kind == "jaccard":
        scale = first + second - dots + shrinkage
    else:
        scale = np.full_like(dots, 1 + shrinkage)
    return np.divide(dots, scale, out=np.zeros_like(dots), where=scale > 0)


def strongest(matrix: sparse.csr_array, k: int) -> sparse.csr_array:
    """Keep the ``k`` largest values of each row; of equal ones those that are stored first."""
    indptr, values = matrix.indptr, matrix.data
    keep = np.ones(len(values), dtype=bool)
    for row in np.flatnonzero(np.diff(indptr) > k):
        part = values[indptr[row] : indptr[row + 1]]
        least = np.partition(part, len(part) - k)[len(part) - k]
        larger = part > least
        equal = np.flatnonzero(part == least)
        larger[equal[: k - np.count_nonzero(larger)]] = True
        keep[indptr[row] : indptr[row + 1]] = larger
    return keep_entries(matrix, keep)


def keep_entries(matrix: sparse.csr_array, keep: NDArray[np.bool_]) -> sparse.csr_array:
    """Return a matrix with those of its stored values that are marked, in the order in which they are stored."""
    if keep.all():
        return matrix
    indptr = np.append(0, np.cumsum(keep))[matrix.indptr].astype(matrix.indptr.dtype)
    return sparse.csr_array((matrix.data[keep], matrix.indices[keep], indptr), shape=matrix.shape)


def row_of_entry(matrix: sparse.csr_array) -> NDArray[np.int64]:
    """Return the row of each stored value, int64 ``[entries]``."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def squared_norms(matrix: sparse.csr_array) -> Values:
    """Return the squared length of each row, float32 ``[r]``."""
    return np.bincount(row_of_entry(matrix), matrix.data**2, matrix.shape[0]).astype(np.float32)


def _check(what: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise ModelError(f"there is no {what} '{given}'", remedy=nearest(given, known))
