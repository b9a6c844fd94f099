"""MiniLM as an encoder: any text, in any order, on any number of threads; and the real one, marked ``network``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tastemaker.core.encoder import Encoder
from tastemaker.core.errors import ConfigError
from tastemaker.core.run import Run
from tastemaker.data.assets import FetchedAsset
from tastemaker.language.minilm import MiniLM
from tastemaker.language.minilm.weights import DIM, MAX_TOKENS, VOCABULARY, WEIGHTS
from tastemaker.language.minilm.wordpiece import SPECIAL

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789!?.,"
TEXTS = [
    "", " ", "a", "?!", "quiet novels about the sea", "z" * 100_000, "x y " * 25_000, "\x00\x01\x1b\x7f",
    "東京 книга עברית हन्द", "\u202eright to left\u202c", "e\u0301" * 300, "🎉" * 50, "[SEP] [CLS]", "\ud800",
    "line\nbreak\ttab", "a, b!",
]  # fmt: skip
BACKENDS = [
    "numpy",
    pytest.param("onnx", marks=pytest.mark.needs_extra("onnx")),
    pytest.param("torch", marks=pytest.mark.needs_extra("torch")),
]


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_tensors: Callable[..., Any]) -> Path:
    """Put random weights of the real width and one layer in the place of the real ones."""
    vocabulary = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    tensors = make_tensors(words=len(vocabulary), dim=DIM, inner=64, layers=1, positions=MAX_TOKENS)
    save_file(tensors, tmp_path / WEIGHTS)
    (tmp_path / VOCABULARY).write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    monkeypatch.setattr("tastemaker.data.assets.fetch", lambda *_, **__: FetchedAsset(tmp_path, "safetensors", "test"))
    return tmp_path


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.usefixtures("small")
class TestAnyBackend:
    def test_any_text_has_a_vector_of_length_1(self, backend: Any) -> None:
        vectors = MiniLM(backend=backend).encode(TEXTS)
        assert vectors.shape == (len(TEXTS), DIM)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_order_and_company_do_not_matter(self, backend: Any) -> None:
        encoder = MiniLM(backend=backend)
        vectors, backwards = encoder.encode(TEXTS), encoder.encode(TEXTS[::-1])[::-1]
        alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
        assert (vectors * backwards).sum(axis=1).min() > 1 - 1e-4
        assert (vectors * alone).sum(axis=1).min() > 1 - 1e-4

    def test_threads_change_nothing(self, backend: Any) -> None:
        encoder, texts = MiniLM(backend=backend), [text[:50] for text in TEXTS] * 40
        one, two = encoder.encode(texts, run=Run(threads=1)), encoder.encode(texts, run=Run(threads=2))
        np.testing.assert_allclose(one, two, atol=1e-6)

    def test_cut_texts_are_counted(self, backend: Any) -> None:
        encoder = MiniLM(backend=backend)
        encoder.encode(["a " * 254, "a " * 255, "a " * 100_000])
        assert encoder.truncated == 2
        encoder.encode(["a " * 300])
        assert encoder.truncated == 3

    def test_no_texts_give_no_vectors(self, backend: Any) -> None:
        assert MiniLM(backend=backend).encode([]).shape == (0, DIM)

    def test_it_can_be_made_again(self, backend: Any) -> None:
        encoder = MiniLM(backend=backend)
        spec = encoder.spec()
        assert spec.pop("name") == "minilm"
        assert MiniLM(**spec).fingerprint == encoder.fingerprint


def test_what_an_encoder_is_is_known_before_any_file_is_fetched() -> None:
    encoder = MiniLM()
    assert isinstance(encoder, Encoder)
    assert (encoder.name, encoder.dim, encoder.normalised, encoder.truncated) == ("minilm", 384, True, 0)


def test_precision_is_part_of_the_fingerprint() -> None:
    assert len({MiniLM(backend=backend).fingerprint for backend in ("numpy", "onnx", "torch")}) == 3


def test_the_backend_of_auto_is_named_in_the_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert MiniLM().spec() == {"name": "minilm", "backend": "numpy"}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if name == "onnxruntime" else None)
    assert MiniLM(backend="auto").spec() == {"name": "minilm", "backend": "onnx"}


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'onnx'"):
        MiniLM(backend="onxx")  # type: ignore[arg-type]


REAL = [
    "quiet novels about the sea", "A whaling captain hunts the white whale that maimed him.",
    "A guide to growing tomatoes on a balcony", "Shampoo for dry hair, 12 oz", "Café crème brûlée, naïve",
    "東京 книга", "", "?!", "word " * 400,
]  # fmt: skip
# Of sentence-transformers 6.2.0 on torch 2.13.0: each text with the first, and the first four numbers of each vector.
COSINES = [1, 0.26679, 0.07542, 0.08934, -0.02469, 0.06900, -0.00726, -0.00347, 0.04537]
BEGINNINGS = [
    [-0.01134, 0.02463, 0.04050, 0.02068],
    [0.03617, 0.11775, 0.04122, 0.09102],
    [-0.06156, 0.06700, -0.09536, 0.02411],
    [-0.00487, 0.04410, 0.04039, -0.02277],
    [0.03088, -0.04676, -0.01828, 0.00032],
    [0.04290, 0.03990, 0.02725, 0.00049],
    [-0.11884, 0.04830, -0.00255, -0.01101],
    [-0.07859, 0.00554, -0.00777, 0.00914],
    [-0.00812, -0.09559, -0.03867, 0.04966],
]


@pytest.mark.network
@pytest.mark.parametrize(("backend", "most"), [("numpy", 2e-5), ("onnx", 0.05), ("torch", 5e-3)])
def test_the_real_model_gives_what_the_reference_gives(backend: Any, most: float) -> None:
    if backend != "numpy":
        pytest.importorskip({"onnx": "onnxruntime"}.get(backend, backend))
    vectors = MiniLM(backend=backend).encode(REAL)
    np.testing.assert_allclose(vectors @ vectors[0], COSINES, atol=most)
    np.testing.assert_allclose(vectors[:, :4], BEGINNINGS, atol=most)
