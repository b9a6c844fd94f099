"""Clusters: of vectors by k-means, of items that the same people met by recursive spectral clustering."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.errors import ConfigError

Vectors = NDArray[np.float32]

_BLOCK: Final = 8192
_DENSE_BELOW: Final = 400


def nearest_centres(points: Vectors, centres: Vectors) -> tuple[NDArray[np.int64], Vectors]:
    """Return for each point ``[n, t]`` the nearest of ``centres`` ``[k, t]`` and the squared distance to it.

    Of equally near ones the first counts. Distances never exist for more than some thousand points at once.

    Returns:
        int64 ``[n]`` and float32 ``[n]``.
    """
    labels = np.empty(len(points), dtype=np.int64)
    distances = np.empty(len(points), dtype=np.float32)
    lengths = np.einsum("kt,kt->k", centres, centres)
    for start in range(0, len(points), _BLOCK):
        block = points[start : start + _BLOCK]
        apart = lengths - 2 * (block @ centres.T)
        best = apart.argmin(axis=1)
        labels[start : start + _BLOCK] = best
        nearest = apart[np.arange(len(block)), best] + np.einsum("nt,nt->n", block, block)
        distances[start : start + _BLOCK] = np.maximum(nearest, 0)
    return labels, distances


def _first_centres(points: Vectors, k: int, rng: np.random.Generator) -> Vectors:
    """Draw centres from the points, each with a chance that grows with the squared distance to those drawn."""
    chosen = np.empty((k, points.shape[1]), dtype=np.float32)
    chosen[0] = points[rng.integers(len(points))]
    apart = nearest_centres(points, chosen[:1])[1].astype(np.float64)
    for number in range(1, k):
        total = apart.sum()
        share = apart / total if total > 0 else None
        chosen[number] = points[rng.choice(len(points), p=share)]
        apart = np.minimum(apart, nearest_centres(points, chosen[number : number + 1])[1])
    return chosen


def k_means(
    points: Vectors, k: int, rng: np.random.Generator, *, rounds: int = 50, starts: int = 1
) -> tuple[Vectors, NDArray[np.int64]]:
    """Return centres and the cluster of each point: Lloyd's algorithm from k-means++ (Arthur and Vassilvitskii, 2007).

    A centre that loses its last point moves to the point that is farthest from its own, unless none is away from it.

    Args:
        points: float32 ``[n, t]``, at least one.
        k: How many centres; clusters stay empty where fewer points differ.
        rng: Draws the first centres.
        rounds: At most so often points go to their nearest centre and centres to the middle of their points.
        starts: So many attempts, of which the one with the smallest sum of squared distances counts.

    Returns:
        float32 ``[k, t]`` and int64 ``[n]``.
    """
    if k < 1 or not len(points):
        raise ConfigError(f"{len(points)} points cannot make {k} clusters", remedy="Give at least one of each.")
    best: tuple[float, Vectors, NDArray[np.int64]] | None = None
    for _ in range(starts):
        centres = _first_centres(points, k, rng)
        labels, distances = nearest_centres(points, centres)
        for _ in range(rounds):
            centres = _middles(points, labels, distances, centres)
            before = labels
            labels, distances = nearest_centres(points, centres)
            if np.array_equal(before, labels):
                break
        if best is None or float(distances.sum()) < best[0]:
            best = (float(distances.sum()), centres, labels)
    assert best is not None
    return best[1], best[2]


def _middles(points: Vectors, labels: NDArray[np.int64], distances: Vectors, centres: Vectors) -> Vectors:
    """Return the mean of each cluster, and for empty ones the points that are worst served."""
    k, n = len(centres), len(points)
    member = sparse.csr_matrix((np.ones(n, dtype=np.float32), (labels, np.arange(n))), shape=(k, n))
    sizes = np.bincount(labels, minlength=k)
    sums: Vectors = member @ points
    means = np.divide(sums, np.maximum(sizes, 1)[:, None], dtype=np.float32)
    empty = np.flatnonzero(sizes == 0)
    means[empty] = centres[empty]
    far = np.argsort(-distances, kind="stable")[: len(empty)]
    far = far[distances[far] > 0]
    means[empty[: len(far)]] = points[far]
    return means


def spectral_tree(likeness: Any, clusters: int, most: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Return the path of each node of a graph from the whole down to a cluster of at most ``most`` nodes.

    A group that is larger is split into ``clusters`` by the leading eigenvectors of its normalised adjacency, rows
    at unit length (Ng, Jordan and Weiss, 2001), with the mean degree spread evenly over all pairs, so that loose nodes
    do no harm (Qin and Rohe, 2013).

    Args:
        likeness: Symmetric, no negative values, nothing on the diagonal; scipy sparse ``[n, n]``.
        clusters: Parts of a group, at least 2.
        most: Nodes that a group may have without being split.
        rng: Draws the start of the eigenvectors and of k-means.

    Returns:
        For each node the numbers of its clusters, the largest first; empty where there is nothing to split.
    """
    if clusters < 2 or most < 1:
        raise ConfigError(
            f"{clusters} clusters of at most {most} cannot be made", remedy="Use 2 or more, of 1 or more."
        )
    matrix = sparse.csr_matrix(likeness, dtype=np.float64)
    paths: list[tuple[int, ...]] = [()] * matrix.shape[0]
    waiting = [np.arange(matrix.shape[0])]
    while waiting:
        group = waiting.pop()
        if len(group) <= most:
            continue
        labels = _split(matrix[group][:, group], min(clusters, len(group)), rng)
        for number, label in enumerate(np.unique(labels)):
            part = group[labels == label]
            for node in part:
                paths[node] = (*paths[node], number)
            waiting.append(part)
    return paths


def _split(matrix: Any, k: int, rng: np.random.Generator) -> NDArray[np.int64]:
    n = matrix.shape[0]
    if n <= k:
        return np.arange(n)
    vectors = _leading_vectors(matrix, k, rng)
    rows = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return k_means(rows.astype(np.float32), k, rng, starts=3)[1]


def _leading_vectors(matrix: Any, k: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the ``k`` leading eigenvectors of the regularised, normalised adjacency, the first first, ``[n, k]``."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    n = matrix.shape[0]
    degrees = np.asarray(matrix.sum(axis=1)).ravel()
    spread = float(degrees.mean()) or 1.0
    scale = 1 / np.sqrt(degrees + spread)

    def times(x: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = scale * x.ravel()
        found: NDArray[np.float64] = scale * (matrix @ scaled + spread * scaled.mean())
        return found

    if n < _DENSE_BELOW or n <= 3 * k:
        whole = scale[:, None] * (matrix.toarray() + spread / n) * scale
        dense: NDArray[np.float64] = np.linalg.eigh(whole)[1][:, ::-1][:, :k]
        return dense
    operator = LinearOperator((n, n), matvec=times, dtype=np.float64)
    values, vectors = eigsh(operator, k=k, which="LA", v0=rng.standard_normal(n), tol=1e-3, maxiter=50 * n)
    leading: NDArray[np.float64] = vectors[:, np.argsort(-values)]
    return leading
