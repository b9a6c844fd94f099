"""A tiny BERT of random weights, shared by the tests of what computes one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tastemaker.language.minilm.weights import Bert, read_bert

Tensors = dict[str, NDArray[np.float32]]


def random_tensors(
    *, words: int = 50, dim: int = 24, inner: int = 48, layers: int = 2, positions: int = 40, seed: int = 0
) -> Tensors:
    """Return a checkpoint by the names of Hugging Face's ``BertModel``, with numbers of the usual sizes."""
    rng = np.random.default_rng(seed)
    made: Tensors = {}

    def normal(name: str, *shape: int, scale: float = 1.0, around: float = 0.0) -> None:
        made[name] = (around + scale * rng.normal(size=shape)).astype(np.float32)

    def norm(name: str) -> None:
        normal(f"{name}.weight", dim, scale=0.2, around=1.0)
        normal(f"{name}.bias", dim, scale=0.2)

    def dense(name: str, outputs: int, inputs: int) -> None:
        normal(f"{name}.weight", outputs, inputs, scale=inputs**-0.5)
        normal(f"{name}.bias", outputs, scale=0.3)

    normal("embeddings.word_embeddings.weight", words, dim)
    normal("embeddings.position_embeddings.weight", positions, dim, scale=0.3)
    normal("embeddings.token_type_embeddings.weight", 2, dim, scale=0.3)
    norm("embeddings.LayerNorm")
    for number in range(layers):
        at = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            dense(f"{at}.attention.self.{part}", dim, dim)
        dense(f"{at}.attention.output.dense", dim, dim)
        norm(f"{at}.attention.output.LayerNorm")
        dense(f"{at}.intermediate.dense", inner, dim)
        dense(f"{at}.output.dense", dim, inner)
        norm(f"{at}.output.LayerNorm")
    return made


@pytest.fixture
def make_tensors() -> Callable[..., Tensors]:
    return random_tensors


@pytest.fixture
def tensors() -> Tensors:
    return random_tensors()


@pytest.fixture
def bert(tensors: Tensors) -> Bert:
    return read_bert(tensors, heads=4)


@pytest.fixture
def padded() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ids of three texts, padded, and their lengths."""
    ids = np.random.default_rng(1).integers(0, 50, (3, 9))
    lengths = np.array([9, 4, 1])
    ids[np.arange(9) >= lengths[:, None]] = 0
    return ids, lengths


@pytest.fixture
def same_texts(padded: tuple[NDArray[np.int64], NDArray[np.int64]]) -> Callable[..., tuple[Any, Any]]:
    """Return what picks the hidden states of the real pieces, for two ways to compute them."""

    def pick(one: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[Any, Any]:
        real = np.arange(9) < padded[1][:, None]
        return one[real], other[real]

    return pick
