"""The network in NumPy, float32: always there, and what the faster ways are measured against."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.language.minilm.weights import Array, Bert, Layer

EPSILON: Final = np.float32(1e-12)
_AT_ONCE: Final = 1 << 16
# erf takes 80 times as long as tanh here. Fitted by least maximum: x * Phi(x) is never off by more than 4e-6.
_GELU: Final = (1.1197144864e-06, -3.0591547087e-05, -1.248102933691e-04, 3.646871414409e-02, 7.978281548972e-01)
_GELU_ENDS_AT: Final = 5.5


def layer_norm(x: Array, norm: Array) -> Array:
    """Scale each row to mean 0 and variance 1, then by ``norm[0]``, and shift by ``norm[1]``. Works in place.

    Source: J. L. Ba, J. R. Kiros and G. E. Hinton (2016), Layer Normalization, equation 3.
    """
    x -= x.mean(axis=-1, keepdims=True)
    variance = np.einsum("...d,...d->...", x, x)[..., None] / np.float32(x.shape[-1])
    x *= 1 / np.sqrt(variance + EPSILON)
    x *= norm[0]
    x += norm[1]
    return x


def gelu(x: Array) -> Array:
    """Multiply each number by the standard normal distribution function at it, in place, to within 4e-6.

    Source: D. Hendrycks and K. Gimpel (2016), Gaussian Error Linear Units, section 2. The distribution function is
    taken as ``(1 + tanh(x p(x^2))) / 2`` with a polynomial ``p`` fitted to the exact one.
    """
    flat = x.reshape(-1)
    for begin in range(0, len(flat), _AT_ONCE):
        part = flat[begin : begin + _AT_ONCE]
        near = np.clip(part, -_GELU_ENDS_AT, _GELU_ENDS_AT)
        square = near * near
        sum_ = square * np.float32(_GELU[0])
        for coefficient in _GELU[1:-1]:
            sum_ += np.float32(coefficient)
            sum_ *= square
        sum_ += np.float32(_GELU[-1])
        sum_ *= near
        np.tanh(sum_, out=sum_)
        sum_ += np.float32(1)
        sum_ *= np.float32(0.5)
        part *= sum_
    return x


def softmax(scores: Array) -> Array:
    """Make each row positive with sum 1, in place."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores


def embed(bert: Bert, ids: NDArray[np.int64]) -> Array:
    """Return what enters the first block: word plus place, normed, float32 ``[b, t, d]``."""
    return layer_norm(bert.words[ids] + bert.positions[: ids.shape[1]], bert.norm)


def padding_bias(lengths: NDArray[np.int64], width: int) -> Array | None:
    """Return what keeps attention off the padding, float32 ``[b, 1, 1, width]``; nothing where there is none."""
    if int(lengths.min()) == width:
        return None
    return np.where(np.arange(width) < lengths[:, None], np.float32(0), np.float32(-1e9))[:, None, None, :]


class NumpyBert:
    """The network by matrix products of NumPy.

    Args:
        bert: Its weights.
    """

    precision = "float32"

    def __init__(self, bert: Bert) -> None:
        self.bert = bert

    def hidden(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> Array:
        """Return the last hidden states, float32 ``[b, t, d]``; those of padding mean nothing.

        Args:
            ids: Of the pieces, ``[b, t]``, padded with anything.
            lengths: How many pieces each row has, ``[b]``, at least 1.
        """
        # One row a token: a product of two matrices is faster than one for each text.
        x = embed(self.bert, ids).reshape(ids.size, -1)
        bias = padding_bias(lengths, ids.shape[1])
        for layer in self.bert.layers:
            x = self._block(x, layer, ids.shape, bias)
        return x.reshape(*ids.shape, -1)

    def _block(self, x: Array, layer: Layer, shape: tuple[int, ...], bias: Array | None) -> Array:
        return self._fed_forward(self._attended(x, layer, shape, bias), layer)

    def _fed_forward(self, x: Array, layer: Layer) -> Array:
        up = x @ layer.up
        up += layer.up_bias
        y = gelu(up) @ layer.down
        y += layer.down_bias
        y += x
        return layer_norm(y, layer.down_norm)

    def _attended(self, x: Array, layer: Layer, shape: tuple[int, ...], bias: Array | None) -> Array:
        """A. Vaswani et al. (2017), Attention is All You Need, equation 1, for each head."""
        qkv = x @ layer.qkv
        qkv += layer.qkv_bias
        query, key, value = qkv.reshape(*shape, 3, self.bert.heads, -1).transpose(2, 0, 3, 1, 4)
        scores = query @ key.swapaxes(-1, -2)
        if bias is not None:
            scores += bias
        mixed = (softmax(scores) @ value).swapaxes(1, 2).reshape(x.shape)
        y: Array = mixed @ layer.mix
        y += layer.mix_bias
        y += x
        return layer_norm(y, layer.mix_norm)
