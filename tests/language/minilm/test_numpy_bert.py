"""The network in NumPy, against its formulas written out in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr

from tastemaker.core.errors import DataError
from tastemaker.language.minilm.numpy_bert import NumpyBert, gelu, layer_norm, softmax
from tastemaker.language.minilm.weights import Bert, read_bert


def by_formula(tensors: dict[str, Any], ids: list[int], heads: int, layers: int) -> NDArray[np.float64]:
    """Return the hidden states ``[t, d]`` of one text without padding: Devlin et al. (2019), written out."""
    t = {name: np.asarray(array, np.float64) for name, array in tensors.items()}

    def norm(x: Any, name: str) -> Any:
        mean, deviation = x.mean(axis=1, keepdims=True), x.std(axis=1, keepdims=True)
        return (x - mean) / deviation * t[f"{name}.weight"] + t[f"{name}.bias"]

    def dense(x: Any, name: str) -> Any:
        return x @ t[f"{name}.weight"].T + t[f"{name}.bias"]

    x = t["embeddings.word_embeddings.weight"][ids] + t["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + t["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for number in range(layers):
        at = f"encoder.layer.{number}"
        parts = [np.split(dense(x, f"{at}.attention.self.{part}"), heads, axis=1) for part in ("query", "key", "value")]
        mixed = []
        for query, key, value in zip(*parts, strict=True):
            weights = np.exp(query @ key.T / np.sqrt(query.shape[1]))
            mixed.append(weights / weights.sum(axis=1, keepdims=True) @ value)
        x = norm(x + dense(np.hstack(mixed), f"{at}.attention.output.dense"), f"{at}.attention.output.LayerNorm")
        up = dense(x, f"{at}.intermediate.dense")
        x = norm(x + dense(up * ndtr(up), f"{at}.output.dense"), f"{at}.output.LayerNorm")
    return np.asarray(x)


def test_hidden_states_are_those_of_the_formulas(tensors: dict[str, Any], bert: Bert, padded: Any) -> None:
    ids, lengths = padded
    hidden = NumpyBert(bert).hidden(ids, lengths)
    for row, length, found in zip(ids, lengths, hidden, strict=True):
        expected = by_formula(tensors, row[:length].tolist(), heads=4, layers=2)
        np.testing.assert_allclose(found[:length], expected, atol=5e-5)


def test_padding_changes_nothing(bert: Bert, padded: Any) -> None:
    ids, lengths = padded
    network = NumpyBert(bert)
    together = network.hidden(ids, lengths)
    alone = network.hidden(ids[1:2, :4], lengths[1:2])
    np.testing.assert_allclose(together[1, :4], alone[0], atol=1e-5)


def test_gelu_is_near_the_exact_one() -> None:
    x = np.linspace(-30, 30, 300_001)
    np.testing.assert_allclose(gelu(x.astype(np.float32)), x * ndtr(x), atol=8e-6)


def test_layer_norm_gives_mean_and_deviation() -> None:
    rng = np.random.default_rng(0)
    x = layer_norm(rng.normal(3, 5, (7, 64)).astype(np.float32), np.stack([np.full(64, 2), np.full(64, 1)]))
    np.testing.assert_allclose(x.mean(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(x.std(axis=1), 2, rtol=1e-5)


def test_softmax_stands_large_scores() -> None:
    np.testing.assert_allclose(
        softmax(np.array([[1000.0, 1000.0], [-1000.0, 0.0]], np.float32)), [[0.5, 0.5], [0.0, 1.0]]
    )


def test_a_missing_tensor_is_named(tensors: dict[str, Any]) -> None:
    del tensors["encoder.layer.1.output.dense.bias"]
    with pytest.raises(DataError, match=r"encoder\.layer\.1\.output\.dense\.bias"):
        read_bert(tensors, heads=4)
