"""The network in ONNX Runtime: near float32, and the same for a text whatever stands beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.errors import MissingExtraError
from tastemaker.language.minilm.numpy_bert import NumpyBert
from tastemaker.language.minilm.onnx_bert import OnnxBert, quantised
from tastemaker.language.minilm.onnx_format import Graph, varint
from tastemaker.language.minilm.weights import Bert, read_bert

onnx = pytest.mark.needs_extra("onnx")


def cosines(one: Any, other: Any) -> Any:
    return (one * other).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)


@onnx
def test_hidden_states_are_near_those_of_float32(bert: Bert, padded: Any, same_texts: Callable[..., Any]) -> None:
    quick, exact = same_texts(OnnxBert(bert).hidden(*padded), NumpyBert(bert).hidden(*padded))
    assert cosines(quick, exact).min() > 0.98


@onnx
def test_channels_that_are_much_larger_than_others_do_no_harm(make_tensors: Callable[..., Any]) -> None:
    tensors = make_tensors(dim=96, inner=192)
    for name in [name for name in tensors if name.endswith("LayerNorm.weight")]:
        tensors[name][:2] *= 15
    ids = np.random.default_rng(2).integers(0, 50, (20, 12))
    bert, lengths = read_bert(tensors, heads=4), np.full(20, 12)
    quick, exact = OnnxBert(bert).hidden(ids, lengths), NumpyBert(bert).hidden(ids, lengths)
    # Without the large channels, which alone would make any two vectors alike.
    assert cosines(quick[..., 2:].mean(axis=1), exact[..., 2:].mean(axis=1)).min() > 0.98


@onnx
def test_a_text_has_the_same_states_alone_and_among_others(bert: Bert, padded: Any) -> None:
    ids, lengths = padded
    network = OnnxBert(bert)
    together = network.hidden(ids, lengths)
    for row, length, found in zip(ids, lengths, together, strict=True):
        alone = network.hidden(row[None, :length], np.array([length]))[0]
        np.testing.assert_allclose(found[:length], alone, atol=1e-5)


@onnx
def test_the_graph_computes_what_was_put_in() -> None:
    import onnxruntime

    graph = Graph({"x": ("float32", ["n", 3])})
    doubled = graph.add("Mul", "x", graph.constant(np.float32(2)))
    first, second = graph.add_with_outputs(2, "Split", graph.add("Transpose", doubled, perm=[1, 0]), graph.constant(
        np.array([1, 2])), axis=0)  # fmt: skip
    total = graph.add("Concat", second, graph.add("LeakyRelu", first, alpha=0.5), axis=-2)
    session = onnxruntime.InferenceSession(graph.model(total, "float32", [3, "n"]))
    x = np.array([[-1, 2, 3], [4, 5, 6]], np.float32)
    np.testing.assert_array_equal(session.run(None, {"x": x})[0], [[4, 10], [6, 12], [-1, 8]])


@given(st.integers(0, 1 << 63))
def test_a_varint_reads_back(number: int) -> None:
    groups = [byte & 0x7F for byte in varint(number)]
    assert sum(group << 7 * place for place, group in enumerate(groups)) == number
    assert [byte >> 7 for byte in varint(number)] == [1] * (len(groups) - 1) + [0]


def test_a_number_below_0_is_written_as_protocol_buffers_do() -> None:
    assert varint(-1) == b"\xff" * 9 + b"\x01"


def test_quantised_weights_are_within_half_a_step() -> None:
    weight = np.random.default_rng(0).normal(size=(40, 9)).astype(np.float32)
    weight[:, 3] = 0
    whole, scale = quantised(weight)
    assert np.abs(whole).max() == 63
    assert (np.abs(whole * scale - weight) <= scale / 2 + 1e-6).all()


def test_without_the_extra_the_remedy_is_named(bert: Bert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"tastemaker\[onnx\]"):
        OnnxBert(bert)
