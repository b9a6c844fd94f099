"""What is asked of the library sentence-transformers, by a stand-in for it."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tastemaker.core.errors import ConfigError
from tastemaker.language.encoders import make_encoder
from tastemaker.language.encoders.controls import RandomVectors


class StandIn:
    """A model of five numbers a text, which reads six words at most."""

    max_seq_length = 6

    def __init__(self, model: str) -> None:
        if model != "a-model":
            raise OSError("no such model")
        self.seen: list[list[str]] = []

    def get_sentence_embedding_dimension(self) -> int:
        return 5

    def tokenizer(self, text: str, **options: Any) -> dict[str, list[str]]:
        assert options["truncation"] is False
        return {"input_ids": text.split()}

    def encode(self, texts: list[str], **options: Any) -> Any:
        assert options["normalize_embeddings"] is True
        assert options["batch_size"] == 2
        self.seen.append(texts)
        return RandomVectors(dim=5).encode(texts).astype(np.float64)


@pytest.fixture(autouse=True)
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    library = ModuleType("sentence_transformers")
    library.SentenceTransformer = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)


def spec(**more: Any) -> dict[str, Any]:
    return {"name": "sentence-transformers", "model": "a-model", "batch": 2, "prefixes": {"query": "ask: "}, **more}


def test_texts_reach_the_model_clean_and_with_their_prefix() -> None:
    encoder = make_encoder(spec())
    found = encoder.encode(["the sea\x00", "\ud800", ""], "query")
    assert found.shape == (3, encoder.dim)
    assert found.dtype == np.float32
    asked = ["ask: the sea", "ask: \N{REPLACEMENT CHARACTER}", "ask: "]
    np.testing.assert_allclose(found, RandomVectors(dim=5).encode(asked), atol=1e-6)
    np.testing.assert_allclose(encoder.encode(["the sea"]), RandomVectors(dim=5).encode(["the sea"]), atol=1e-6)


def test_texts_that_the_model_cuts_are_counted() -> None:
    encoder = make_encoder(spec())
    encoder.encode(["one two three", "a b c d e f g", "a b c d e f g h", "incomprehensibilities"])
    assert encoder.truncated == 2


def test_the_spec_makes_the_same_encoder() -> None:
    assert make_encoder(spec()).spec() == spec()
    assert make_encoder("sentence-transformers:a-model").spec()["model"] == "a-model"


def test_no_texts_are_no_vectors() -> None:
    assert make_encoder(spec()).encode([]).shape == (0, 5)


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(ConfigError, match="cannot load 'another'"):
        make_encoder(spec(model="another")).encode(["the sea"])


def test_unknown_kinds_of_prefixes_are_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'item'"):
        make_encoder(spec(prefixes={"items": ""}))
