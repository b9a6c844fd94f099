"""The network in ONNX Runtime, its matrix products in 8-bit numbers: several times as fast as float32.

The graph is put together from the verified weights when it is opened, so that nothing lies in the cache which could go
stale. Each output of a weight has a scale, and so has each token of an activation, found as it comes ("vector-wise" of
T. Dettmers et al., 2022, LLM.int8(), section 2.1). One scale for a whole batch would be a little faster, but then a
text's vector would hang on the texts beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import MissingExtraError
from tastemaker.language.minilm.numpy_bert import EPSILON, NumpyBert, embed, padding_bias
from tastemaker.language.minilm.onnx_format import Graph
from tastemaker.language.minilm.weights import Array, Bert, Layer

_MICROSOFT: Final = "com.microsoft"
# Processors without VNNI add two products of 8-bit numbers in 16 bits; with weights of 7 bits that never overflows.
_LARGEST_WEIGHT: Final = 63
# GELU is never below -0.17: of the 256 numbers of a byte, 28 are enough for what is below 0.
_ABOVE_ZERO, _BELOW_ZERO, _GELU_MINIMUM = 227, 28, 0.17
# What the network is watched at: rows of pieces between those of a start and an end, picked by a step through them.
_WATCHED_TEXTS, _WATCHED_LENGTH, _LARGE_PRIME = 32, 16, 7919
_START, _END = 101, 102


def quantised(weight: Array) -> tuple[NDArray[np.int8], Array]:
    """Return whole numbers of 7 bits ``[k, n]`` and a scale for each output ``[n]``; the product is near the weight."""
    scale = np.maximum(np.abs(weight).max(axis=0) / _LARGEST_WEIGHT, 1e-12).astype(np.float32)
    return np.round(weight / scale).astype(np.int8), scale


class _Watched(NumpyBert):
    """Notes how large each channel gets that enters a product after a norm: two for each block, in their order."""

    def __init__(self, bert: Bert) -> None:
        super().__init__(bert)
        self.largest: list[Array] = []

    def _attended(self, x: Array, layer: Layer, shape: tuple[int, ...], bias: Array | None) -> Array:
        self.largest.append(np.abs(x).max(axis=0))
        return super()._attended(x, layer, shape, bias)

    def _fed_forward(self, x: Array, layer: Layer) -> Array:
        self.largest.append(np.abs(x).max(axis=0))
        return super()._fed_forward(x, layer)


def channel_sizes(bert: Bert) -> list[Array]:
    """Return how large the channels get that enter the blocks' products, ``[d]`` each, over arbitrary pieces."""
    watched = _Watched(bert)
    pieces = np.arange(1, _WATCHED_TEXTS * _WATCHED_LENGTH + 1).reshape(_WATCHED_TEXTS, _WATCHED_LENGTH)
    ids = pieces * _LARGE_PRIME % len(bert.words)
    ids[:, 0], ids[:, -1] = _START % len(bert.words), _END % len(bert.words)
    watched.hidden(ids, np.full(_WATCHED_TEXTS, _WATCHED_LENGTH))
    return watched.largest


class _Blocks:
    """Puts the blocks of the network into a graph."""

    def __init__(self, graph: Graph, heads: int, bias: str) -> None:
        self.graph = graph
        self.heads = heads
        self.bias = bias

    def add(self, x: str, layer: Layer, sizes: Sequence[Array]) -> str:
        """Add a block after ``x`` and return the name of what comes out of it."""
        graph = self.graph
        parts = graph.add_with_outputs(3, "Split", self._smooth_product(x, layer.qkv, sizes[0]), axis=-1)
        mixed = graph.add(
            "MultiHeadAttention", *parts, graph.constant(layer.qkv_bias), "", self.bias, domain=_MICROSOFT,
            num_heads=self.heads, scale=1.0,
        )  # fmt: skip
        x = self._normed_sum(self._product(mixed, layer.mix), x, layer.mix_norm, layer.mix_bias)
        up = self._smooth_product(x, layer.up, sizes[1])
        up = graph.add("BiasGelu", up, graph.constant(layer.up_bias), domain=_MICROSOFT)
        return self._normed_sum(self._product(up, layer.down, gelu=True), x, layer.down_norm, layer.down_bias)

    def _smooth_product(self, x: str, weight: Array, size: Array) -> str:
        """Add ``x @ weight`` with the channels of ``x`` made like each other first, at the weight's expense.

        A few channels are ten times as large as the rest, which a scale for each token would leave few numbers.
        Source: G. Xiao et al. (2023), SmoothQuant, equation 4 with alpha = 0.5.
        """
        spread = np.sqrt(np.maximum(size, 1e-6) / np.maximum(np.abs(weight).max(axis=1), 1e-6)).astype(np.float32)
        return self._product(self.graph.add("Mul", x, self.graph.constant(1 / spread)), weight * spread[:, None])

    def _product(self, x: str, weight: Array, *, gelu: bool = False) -> str:
        """Add ``x @ weight``, for which each row of ``x`` is brought into the range of a byte and the result back."""
        graph = self.graph
        if gelu:
            largest, zero, least = _ABOVE_ZERO, _BELOW_ZERO, _ABOVE_ZERO * _GELU_MINIMUM / _BELOW_ZERO
            size = graph.add("ReduceMax", x, axes=[-1], keepdims=1)
        else:
            largest, zero, least = 127, 128, 1e-12
            size = graph.add("ReduceMax", graph.add("Abs", x), axes=[-1], keepdims=1)
        size = graph.add("Max", size, graph.constant(np.float32(least)))
        factor = graph.add("Div", graph.constant(np.float32(largest)), size)
        one, middle = graph.constant(np.float32(1)), graph.constant(np.uint8(zero))
        rows = graph.add("QuantizeLinear", graph.add("Mul", x, factor), one, middle)
        whole, scale = quantised(weight)
        y = graph.add(
            "MatMulIntegerToFloat", rows, graph.constant(whole), one, graph.constant(scale), middle, domain=_MICROSOFT
        )
        return graph.add("Mul", y, graph.add("Mul", size, graph.constant(np.float32(1 / largest))))

    def _normed_sum(self, x: str, before: str, norm: Array, bias: Array) -> str:
        graph = self.graph
        total = graph.add("Add", graph.add("Add", x, graph.constant(bias)), before)
        scale, shift = graph.constant(norm[0]), graph.constant(norm[1])
        return graph.add("LayerNormalization", total, scale, shift, axis=-1, epsilon=float(EPSILON))


def int8_graph(bert: Bert) -> bytes:
    """Return the blocks as an ONNX file: ``x [b, t, d]`` and ``bias [b, 1, t, t]`` in, hidden states out."""
    graph = Graph({"x": ("float32", ["b", "t", bert.dim]), "bias": ("float32", ["b", 1, "t", "t"])})
    blocks, x, sizes = _Blocks(graph, bert.heads, "bias"), "x", channel_sizes(bert)
    for number, layer in enumerate(bert.layers):
        x = blocks.add(x, layer, sizes[2 * number : 2 * number + 2])
    return graph.model(x, "float32", ["b", "t", bert.dim])


class OnnxBert:
    """The network by ONNX Runtime, one thread a call.

    Args:
        bert: Its weights.

    Raises:
        MissingExtraError: The extra ``onnx`` is not installed.
    """

    precision = "int8"

    def __init__(self, bert: Bert) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError("the MiniLM encoder in ONNX Runtime", "onnx") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # The fusions beyond these would put SkipLayerNormalization in, which takes ten times as long as its parts.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        self._session = onnxruntime.InferenceSession(int8_graph(bert), options, providers=["CPUExecutionProvider"])
        self._bert = bert

    def hidden(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> Array:
        """Return the last hidden states, float32 ``[b, t, d]``; see `NumpyBert.hidden`."""
        batch, width = ids.shape
        bias = padding_bias(lengths, width)
        full = np.zeros((batch, 1, width, width), np.float32)
        if bias is not None:
            full += bias
        hidden: Array = self._session.run(None, {"x": embed(self._bert, ids), "bias": full})[0]
        return hidden
