"""Static vectors distilled from a network: components and weights against their formulas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from tastemaker.core.run import Run
from tastemaker.language.minilm.distil import distil, principal_components, zipf_weights
from tastemaker.language.minilm.numpy_bert import NumpyBert
from tastemaker.language.minilm.weights import Bert
from tastemaker.language.minilm.wordpiece import SPECIAL, WordPiece
from tastemaker.language.static import StaticVectors


def test_components_are_those_of_the_singular_values() -> None:
    vectors = np.random.default_rng(0).normal(2, [5, 3, 2, 1, 0.1], (200, 5)).astype(np.float32)
    left, values, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    found = principal_components(vectors, 3)
    np.testing.assert_allclose(np.abs(found), np.abs(left * values)[:, :3], atol=1e-3)


def test_weights_grow_as_pieces_become_rare() -> None:
    # Of three pieces: ranks 2, 3, 4; shares 6/13, 4/13, 3/13.
    expected = [0.5 / (0.5 + share / 13) for share in (6, 4, 3)]
    np.testing.assert_allclose(zipf_weights(3, sif=0.5), expected, rtol=1e-6)


def test_a_distilled_folder_holds_each_piece_encoded_alone(bert: Bert, tmp_path: Path) -> None:
    pieces = [*SPECIAL, "[unused0]", *(f"w{number}" for number in range(44))]
    tokenizer = WordPiece({piece: number for number, piece in enumerate(pieces)})
    network = NumpyBert(bert)
    distil(tmp_path / "static", tokenizer, network, bert.dim, 8, Run())
    described: Any = json.loads((tmp_path / "static" / "tokenizer.json").read_text(encoding="utf-8"))
    kept = described["model"]["vocab"]
    assert list(kept) == [piece for piece in pieces if piece != "[unused0]"]
    states = [network.hidden(np.array([[2, tokenizer.vocabulary[piece], 3]]), np.array([3]))[0] for piece in kept]
    expected = principal_components(np.stack([state.mean(axis=0) for state in states]), 8)
    expected *= zipf_weights(len(kept))[:, None]
    found = load_file(tmp_path / "static" / "model.safetensors")["embeddings"]
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())
    vector = StaticVectors(tmp_path / "static").encode(["w3 w7"])[0]
    both = expected[kept["w3"]] + expected[kept["w7"]]
    np.testing.assert_allclose(vector, both / np.linalg.norm(both), atol=1e-3)
