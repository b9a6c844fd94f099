"""Learning that one thing belongs with another more than with others: loss, maps of vectors, and steps, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats: TypeAlias = NDArray[np.floating[Any]]
Weights: TypeAlias = Sequence[Floats]
"""One matrix ``[inputs, outputs]`` for a linear map; matrix, offset, matrix, offset for two layers."""

_SLOPE: Final = 0.01
_SMALLEST: Final = 1e-12


def start(inputs: int, outputs: int, hidden: int, rng: np.random.Generator) -> Weights:
    """Return the weights of a map that has learnt nothing, uniform within ``1 / sqrt(inputs)`` of zero, float32.

    Args:
        inputs: Length of the vectors that go in.
        outputs: Length of those that come out.
        hidden: Length of the layer between; 0 for a linear map without an offset.
        rng: Where they come from.
    """

    def uniform(fan: int, *shape: int) -> Floats:
        bound = 1 / np.sqrt(fan)
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    if not hidden:
        return [uniform(inputs, inputs, outputs)]
    return [
        uniform(inputs, inputs, hidden),
        uniform(inputs, hidden),
        uniform(hidden, hidden, outputs),
        uniform(hidden, outputs),
    ]


def mapped(weights: Weights, vectors: Floats) -> Floats:
    """Return what a map makes of vectors ``[m, inputs]``: ``[m, outputs]``."""
    return _forward(weights, vectors)[1]


def _forward(weights: Weights, vectors: Floats) -> tuple[Floats, Floats]:
    """Return the layer between, after LeakyReLU, or the vectors where there is none, and what comes out."""
    if len(weights) == 1:
        return vectors, vectors @ weights[0]
    between = vectors @ weights[0]
    between += weights[1]
    np.multiply(between, _SLOPE, out=between, where=between < 0)
    out = between @ weights[2]
    out += weights[3]
    return between, out


class Pass:
    """What a map makes of some vectors, kept for the way back.

    Attributes:
        out: ``[m, outputs]``.
    """

    def __init__(self, weights: Weights, vectors: Floats) -> None:
        self._weights = weights
        self._vectors = vectors
        self._between, self.out = _forward(weights, vectors)

    def gradients(self, slopes: Floats) -> Weights:
        """Return the gradient of a loss by each of the weights, from its gradient by ``out``, ``[m, outputs]``."""
        if len(self._weights) == 1:
            return [self._vectors.T @ slopes]
        back = slopes @ self._weights[2].T
        np.multiply(back, _SLOPE, out=back, where=self._between < 0)
        return [self._vectors.T @ back, back.sum(axis=0), self._between.T @ slopes, slopes.sum(axis=0)]


def infonce(
    asking: Floats, fitting: Floats, others: Floats, temperature: float
) -> tuple[float, tuple[Floats, Floats, Floats]]:
    """Return the contrastive loss with cosines (van den Oord et al., 2018, equation 4), and its gradients.

    It is the mean over ``b`` of ``-log(e(a_b, f_b) / (e(a_b, f_b) + sum_o e(a_b, o)))`` with
    ``e(x, y) = exp(cos(x, y) / t)``.

    Args:
        asking: ``[b, d]``.
        fitting: What belongs with each, ``[b, d]``.
        others: What belongs with none, the same for all, ``[o, d]``.
        temperature: ``t``.

    Returns:
        The loss, and its gradients by the three.
    """
    (a, a_lengths), (f, f_lengths), (o, o_lengths) = map(_directions, (asking, fitting, others))
    right = np.einsum("bd,bd->b", a, f) / temperature
    wrong = a @ o.T
    wrong /= temperature
    highest = np.maximum(right, wrong.max(axis=1)) if len(o) else right
    wrong -= highest[:, None]
    shares = np.exp(wrong, out=wrong)
    own = np.exp(right - highest)
    total = own + shares.sum(axis=1)
    loss = float((np.log(total) + highest - right).mean())
    unit = 1 / (len(a) * temperature)
    shares *= (unit / total)[:, None]
    pull = ((own / total - 1) * unit)[:, None]
    return loss, (
        _through_direction(pull * f + shares @ o, a, a_lengths),
        _through_direction(pull * a, f, f_lengths),
        _through_direction(shares.T @ a, o, o_lengths),
    )


def directions(vectors: Floats) -> NDArray[np.float32]:
    """Return vectors ``[m, d]`` at length 1, float32; those of length 0 stay as they are."""
    return np.asarray(_directions(vectors)[0], dtype=np.float32)


def _directions(vectors: Floats) -> tuple[Floats, Floats]:
    lengths = np.sqrt(np.einsum("md,md->m", vectors, vectors))[:, None]
    return vectors / np.maximum(lengths, _SMALLEST), lengths


def _through_direction(slopes: Floats, along: Floats, lengths: Floats) -> Floats:
    """Return the gradient by vectors, from that by their directions; nothing moves a vector of length 0."""
    across = slopes - np.einsum("md,md->m", slopes, along)[:, None] * along
    return np.asarray(np.divide(across, lengths, out=np.zeros_like(across), where=lengths > _SMALLEST))


class Adam:
    """Steps of Adam (Kingma and Ba, 2015, algorithm 1), with a ridge that is part of the gradient.

    Args:
        weights: What is learnt; changed in place.
        rate: Learning rate.
        ridge: Added to each gradient, times its weights.
    """

    def __init__(self, weights: Weights, rate: float, ridge: float) -> None:
        self._weights = weights
        self._rate = rate
        self._ridge = ridge
        self._first = [np.zeros_like(part) for part in weights]
        self._second = [np.zeros_like(part) for part in weights]
        self._steps = 0

    def descend(self, gradients: Sequence[Floats]) -> None:
        """Take a step against some gradients."""
        self._steps += 1
        keep, keep_square = 0.9, 0.999
        grown, grown_square = 1 - keep**self._steps, 1 - keep_square**self._steps
        for weights, gradient, first, second in zip(self._weights, gradients, self._first, self._second, strict=True):
            slope = gradient + self._ridge * weights
            first += (1 - keep) * (slope - first)
            second += (1 - keep_square) * (slope * slope - second)
            weights -= (self._rate / grown) * first / (np.sqrt(second / grown_square) + 1e-8)


def added(places: NDArray[np.int64], slopes: Floats, count: int) -> Floats:
    """Return slopes ``[b, d]`` at their places among ``count``, summed where a place occurs more than once."""
    ones = np.ones(len(places), dtype=slopes.dtype)
    gather = sparse.csr_array((ones, (places, np.arange(len(places)))), shape=(count, len(places)))
    return np.asarray(gather @ slopes)
