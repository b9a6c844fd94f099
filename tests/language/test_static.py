"""Static vectors: the mean of a text's pieces, from a folder in model2vec's layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tastemaker.core.encoder import Encoder
from tastemaker.core.errors import AssetError, ConfigError, DataError
from tastemaker.language.static import StaticVectors

PIECES = ["[PAD]", "[UNK]", "sea", "##side", "novel", "quiet"]
VECTORS = np.array([[9, 9], [8, 8], [1, 0], [0, 1], [3, 4], [-1, 1]], np.float32)


def described(**changes: Any) -> dict[str, Any]:
    """Return a ``tokenizer.json`` of BERT's kind; ``part__key=value`` changes a value of one of its parts."""
    made: dict[str, Any] = {
        "added_tokens": [{"id": 0, "content": "[PAD]"}, {"id": 1, "content": "[UNK]"}],
        "normalizer": {
            "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": {piece: number for number, piece in enumerate(PIECES)},
        },
    }  # fmt: skip
    for name, value in changes.items():
        part, key = name.split("__")
        made[part][key] = value
    return made


def write(
    folder: Path, tensors: dict[str, Any] | None = None, tokenizer: Any = None, config: dict[str, Any] | None = None
) -> Path:
    save_file({"embeddings": VECTORS} if tensors is None else tensors, folder / "model.safetensors")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer or described()), encoding="utf-8")
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_a_text_is_the_mean_of_its_known_pieces(tmp_path: Path) -> None:
    encoder = StaticVectors(write(tmp_path, config={"normalize": False}))
    found = encoder.encode(["Quiet seaside!", "sea sea novel", "", "xyz", "NOVEL"])
    np.testing.assert_allclose(found, [[0.0, 2 / 3], [5 / 3, 4 / 3], [0.0, 0.0], [0.0, 0.0], [3.0, 4.0]], atol=1e-6)
    assert not encoder.normalised


def test_vectors_have_length_1_unless_the_folder_says_otherwise(tmp_path: Path) -> None:
    encoder = StaticVectors(write(tmp_path))
    np.testing.assert_allclose(encoder.encode(["novel", ""]), [[0.6, 0.8], [0.0, 0.0]])
    assert isinstance(encoder, Encoder)
    assert (encoder.name, encoder.dim, encoder.normalised) == ("static", 2, True)


def test_weights_and_mapping_are_followed(tmp_path: Path) -> None:
    tensors = {
        "embeddings": np.array([[1, 0], [0, 2]], np.float16),
        "mapping": np.array([0, 0, 0, 1, 1, 0]),
        "weights": np.array([1, 1, 1, 0.5, 2, 3], np.float64),
    }
    encoder = StaticVectors(write(tmp_path, tensors, config={"normalize": False}))
    np.testing.assert_allclose(encoder.encode(["sea", "seaside", "novel quiet"]), [[1.0, 0.0], [0.5, 0.5], [1.5, 2.0]])


def test_a_long_text_is_cut_and_counted(tmp_path: Path) -> None:
    encoder = StaticVectors(write(tmp_path, config={"normalize": False}))
    found = encoder.encode(["sea " * 512, "sea " * 512 + "novel", "sea " * 25_000])
    np.testing.assert_allclose(found, [[1, 0]] * 3, rtol=1e-5)
    assert encoder.truncated == 2


@pytest.mark.parametrize("text", ["\x00\x01", "東京 книга", "e\u0301" * 1000, "\ud800", "z" * 100_000])
def test_any_text_has_a_vector(tmp_path: Path, text: str) -> None:
    assert np.isfinite(StaticVectors(write(tmp_path)).encode([text, "sea"])).all()


def test_it_can_be_made_again_and_other_numbers_are_another(tmp_path: Path) -> None:
    encoder = StaticVectors(write(tmp_path))
    spec = encoder.spec()
    assert spec.pop("name") == "static"
    assert StaticVectors(**spec).fingerprint == encoder.fingerprint
    write(tmp_path, {"embeddings": VECTORS + 1})
    assert StaticVectors(**spec).fingerprint != encoder.fingerprint


def test_a_distilled_one_is_known_before_anything_is_fetched() -> None:
    encoder = StaticVectors(dim=64)
    assert (encoder.dim, encoder.normalised, encoder.spec()) == (64, True, {"name": "static", "dim": 64})
    assert encoder.fingerprint != StaticVectors(dim=65).fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        {"model__type": "Unigram"},
        {"normalizer__lowercase": False},
        {"normalizer__strip_accents": False},
        {"pre_tokenizer__type": "Metaspace"},
        {"model__continuing_subword_prefix": "@@"},
        {"model__vocab": None},
    ],
)
def test_a_tokenizer_of_another_kind_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"word pieces.*potion-base"):
        StaticVectors(write(tmp_path, tokenizer=described(**changes))).encode(["sea"])


@pytest.mark.parametrize(
    "tensors",
    [
        {"other": VECTORS},
        {"embeddings": VECTORS[:5]},
        {"embeddings": VECTORS[0]},
        {"embeddings": VECTORS, "weights": np.ones(3, np.float32)},
        {"embeddings": VECTORS, "mapping": np.array([0, 1, 2, 3, 4, 6])},
    ],
)
def test_tensors_that_do_not_fit_are_refused(tmp_path: Path, tensors: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"model\.safetensors"):
        StaticVectors(write(tmp_path, tensors)).encode(["sea"])


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no static vectors"):
        StaticVectors(tmp_path).encode(["sea"])
    write(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(DataError, match="no static vectors"):
        StaticVectors(tmp_path).encode(["sea"])


def test_a_source_is_a_folder_or_a_name_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a folder nor a name"):
        StaticVectors(str(tmp_path / "nothing here")).encode(["sea"])
    with pytest.raises(AssetError, match="no checksum of its files is known"):
        StaticVectors("someone/some-model").encode(["sea"])


@pytest.mark.parametrize("dim", [0, 385])
def test_the_length_of_distilled_vectors_has_limits(dim: int) -> None:
    with pytest.raises(ConfigError, match="between 1 and 384"):
        StaticVectors(dim=dim)
