"""Small positive definite systems by the thousand: one for each row of a sparse matrix, or one for each item.

Only arrays here; which numbers go in is the business of the models.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating[Any]]

_GATHERED: Final = 8192
"""Rows of ``factors`` that are copied at a time: small enough to stay in a processor's own cache."""

_PIECE: Final = 8192
"""Largest matrix that meets a vector at a time: BLAS would share a larger one out to threads, which costs more."""


@dataclass(frozen=True)
class Rows:
    """What each row of a sparse matrix says of its vector ``x``.

    Row ``r`` asks for the least ``x'(G + ridge_r I)x + sum_j curvature_rj (x'y_j)^2 - 2 sum_j pull_rj x'y_j``,
    that is ``(G + ridge_r I + sum_j curvature_rj y_j y_j') x = sum_j pull_rj y_j``. ``G``, the same for all rows, is
    what the pairs without events say.

    Attributes:
        indptr: Entries of row ``r`` are ``indptr[r]:indptr[r + 1]``, ``[m + 1]``.
        indices: Which ``y`` an entry speaks of, ``[e]``.
        curvature: float32 ``[e]``, at least 0.
        pull: float32 ``[e]``.
        ridge: float32 ``[m]``.
    """

    indptr: NDArray[Any]
    indices: NDArray[Any]
    curvature: NDArray[np.float32]
    pull: NDArray[np.float32]
    ridge: NDArray[np.float32]

    def blocks(self) -> Iterator[NDArray[np.int64]]:
        """Yield the rows that have entries, those of like length together."""
        lengths = np.diff(self.indptr)
        order = np.argsort(lengths, kind="stable")
        start = int(np.searchsorted(lengths[order], 1))
        while start < len(order):
            size = max(1, _GATHERED // int(lengths[order[start]]))
            longest = int(lengths[order[min(start + size, len(order)) - 1]])
            block = order[start : start + max(1, _GATHERED // longest)]
            yield block
            start += len(block)

    def padded(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], ...]:
        """Return ``indices``, ``curvature`` and ``pull`` of some rows, ``[b, l]``; missing entries weigh nothing."""
        lengths = self.indptr[rows + 1] - self.indptr[rows]
        steps = np.arange(lengths.max())
        there = steps < lengths[:, None]
        places = np.where(there, self.indptr[rows][:, None] + steps, 0)
        return (
            self.indices[places],
            np.where(there, self.curvature[places], np.float32(0)),
            np.where(there, self.pull[places], np.float32(0)),
        )


def products(vectors: Floats, factors: Floats) -> NDArray[np.float32]:
    """Return ``vectors @ factors.T``, float32 ``[q, n]``; a single vector never waits for a second thread."""
    vectors = vectors.astype(np.float32, copy=False)
    if len(vectors) != 1:
        return np.asarray(vectors @ factors.T)
    count, dimensions = factors.shape
    width = max(1, _PIECE // dimensions)
    whole = count - count % width
    found = np.empty((1, count), dtype=np.float32)
    np.matmul(factors[:whole].reshape(-1, width, dimensions), vectors[0], out=found[0, :whole].reshape(-1, width))
    np.matmul(factors[whole:], vectors[0], out=found[0, whole:])
    return found


def principal_axes(factors: Floats) -> NDArray[np.float32]:
    """Return the rotation ``Q`` after which ``(factors Q)'(factors Q)`` is diagonal, float32 ``[d, d]``.

    Vectors that are multiplied with those of ``factors`` are to be turned by it as well.
    """
    axes = np.linalg.eigh((factors.T @ factors).astype(np.float64))[1]
    return np.asarray(axes, dtype=np.float32)


def energies(factors: Floats) -> NDArray[np.float64]:
    """Return the diagonal of ``factors'factors``, float64 ``[d]``."""
    return np.asarray(np.square(factors, dtype=np.float64).sum(0))


def _diagonal(unobserved: NDArray[np.float64], ridge: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the diagonal of ``G + ridge I`` for some rows, ``[b, d]``; never zero."""
    least = np.finfo(np.float32).eps * max(float(unobserved.max(initial=0)), 1e-6)
    return np.maximum(unobserved + ridge[:, None], least)


def improve_rows(
    rows: Rows,
    factors: Floats,
    unobserved: NDArray[np.float64],
    start: Floats,
    steps: int = 3,
    threads: int = 1,
) -> NDArray[np.float32]:
    """Return a better ``x`` for each row by conjugate gradients from ``start``, float32 ``[m, d]``.

    Preconditioned by ``G + ridge I``: a row with ``e`` entries is solved in ``e + 1`` steps, and nearly in 3. Rows
    without entries are zero.

    Args:
        rows: What the rows say.
        factors: The vectors ``y``, float32 ``[n, d]``, turned so that ``G`` is diagonal (see `principal_axes`).
        unobserved: The diagonal of ``G``, ``[d]``.
        start: float32 ``[m, d]``.
        steps: How many.
        threads: How many blocks of rows are worked on side by side; what is found does not depend on it.
    """
    found = np.zeros(start.shape, dtype=np.float32)

    def improve(block: NDArray[np.int64]) -> None:
        indices, curvature, pull = rows.padded(block)
        diagonal = _diagonal(unobserved, rows.ridge[block]).astype(np.float32)
        product = _Product(factors[indices], curvature, diagonal)
        found[block] = _descend(product, pull, start[block], steps)

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(improve, rows.blocks()):
            pass
    return found


class _Product:
    """Multiplies the systems of some rows, ``(diag + sum_j curvature_j y_j y_j')``, by one vector each."""

    def __init__(self, vectors: Floats, curvature: Floats, diagonal: Floats) -> None:
        count, length, dimensions = vectors.shape
        width = min(length, max(1, _PIECE // dimensions))
        missing = -length % width
        if missing:
            vectors = np.pad(vectors, ((0, 0), (0, missing), (0, 0)))
            curvature = np.pad(curvature, ((0, 0), (0, missing)))
        self._missing = missing
        self._vectors = vectors.reshape(count, -1, width, dimensions)
        self._curvature = curvature.reshape(count, -1, width, 1)
        self.diagonal = diagonal

    def of_entries(self, amounts: Floats) -> Floats:
        """Return ``sum_j amount_j y_j``, ``[b, d]``."""
        shape = self._curvature.shape
        amounts = np.pad(amounts, ((0, 0), (0, self._missing))).reshape(shape)
        return np.asarray(np.matmul(self._vectors.swapaxes(2, 3), amounts)[..., 0].sum(1))

    def __call__(self, x: Floats) -> Floats:
        along = np.matmul(self._vectors, x[:, None, :, None]) * self._curvature
        back = np.matmul(self._vectors.swapaxes(2, 3), along)[..., 0].sum(1)
        return np.asarray(x * self.diagonal + back)


def _descend(product: _Product, pull: Floats, x: Floats, steps: int) -> Floats:
    left = product.of_entries(pull) - product(x)
    direction = left / product.diagonal
    size = _dots(left, direction)
    for step in range(steps):
        image = product(direction)
        length = size / np.maximum(_dots(direction, image), 1e-30)
        x = x + length * direction
        if step + 1 < steps:
            left = left - length * image
            conditioned = left / product.diagonal
            before, size = size, _dots(left, conditioned)
            direction = conditioned + size / np.maximum(before, 1e-30) * direction
    return x


def _dots(first: Floats, second: Floats) -> Floats:
    return np.asarray(np.einsum("bd,bd->b", first, second)[:, None])


def solve_rows(rows: Rows, factors: Floats, unobserved: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ``x`` of each row exactly, float64 ``[m, d]``; arguments as for `improve_rows`.

    A row with fewer entries than dimensions is solved in the space of its entries (Woodbury's identity).
    """
    found = np.zeros((len(rows.ridge), factors.shape[1]))
    for block in rows.blocks():
        indices, curvature, pull = rows.padded(block)
        vectors = factors[indices].astype(np.float64)
        diagonal = _diagonal(unobserved, rows.ridge[block])
        count, length, dimensions = vectors.shape
        if length < dimensions:
            scaled = vectors / diagonal[:, None, :]
            system = curvature[:, :, None] * (vectors @ scaled.swapaxes(1, 2))
            system.reshape(count, -1)[:, :: length + 1] += 1
            amounts = np.linalg.solve(system, pull[:, :, None].astype(np.float64))
            found[block] = (amounts.swapaxes(1, 2) @ scaled)[:, 0]
        else:
            system = vectors.swapaxes(1, 2) @ (curvature[:, :, None] * vectors)
            system.reshape(count, -1)[:, :: dimensions + 1] += diagonal
            sides = vectors.swapaxes(1, 2) @ pull[:, :, None]
            found[block] = np.linalg.solve(system, sides)[:, :, 0]
    return found


def elastic_nets(
    grams: NDArray[np.float32],
    targets: NDArray[np.float32],
    l1: float,
    l2: float,
    non_negative: bool,
    *,
    tolerance: float = 1e-5,
    most_sweeps: int = 500,
) -> NDArray[np.float32]:
    """Return the ``w`` of each problem that minimises ``w'Gw / 2 - g'w + l2 |w|^2 / 2 + l1 |w|_1``, ``[b, l]``.

    Coordinate descent (Friedman, Hastie & Tibshirani, 2010, section 2.2), the same coordinate of all problems at a
    time, until no weight moves by more than ``tolerance``.

    Args:
        grams: ``G``, float32 ``[b, l, l]``; coordinates with a row of zeros stay 0.
        targets: ``g``, float32 ``[b, l]``.
        l1: At least 0.
        l2: At least 0.
        non_negative: Keep ``w`` from being negative.
        tolerance: Largest move that is taken for none.
        most_sweeps: How often each coordinate is visited at most.
    """
    together = np.ascontiguousarray(grams.transpose(1, 2, 0))
    left = np.ascontiguousarray(targets.T)
    weights = np.zeros_like(left)
    own = np.ascontiguousarray(np.einsum("kkb->kb", together))
    scale = 1 / np.maximum(own + np.float32(l2), np.float32(1e-12))
    for _ in range(most_sweeps):
        moved = 0.0
        for k, before in enumerate(weights):
            wish = left[k] + own[k] * before
            if non_negative:
                after = np.maximum(wish - np.float32(l1), 0)
            else:
                after = np.sign(wish) * np.maximum(np.abs(wish) - np.float32(l1), 0)
            move = after * scale[k] - before
            largest = float(np.abs(move).max())
            if largest > 0:
                left -= together[k] * move
                weights[k] += move
                moved = max(moved, largest)
        if moved <= tolerance:
            break
    return np.ascontiguousarray(weights.T)
