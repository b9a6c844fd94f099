"""The encoder all-MiniLM-L6-v2 as everything else uses it: texts in, unit vectors out, whatever computes them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.encoder import TextKind
from tastemaker.core.errors import ConfigError, TastemakerError, nearest
from tastemaker.core.run import Run
from tastemaker.language.minilm.batches import Backend, unit_vectors
from tastemaker.language.minilm.weights import (
    ALL_MINILM,
    DIM,
    FILES,
    HEADS,
    MAX_TOKENS,
    VOCABULARY,
    WEIGHTS,
    load_bert,
)
from tastemaker.language.minilm.wordpiece import WordPiece

BackendName: TypeAlias = Literal["auto", "numpy", "onnx", "torch"]

# How each backend computes, as far as its vectors differ: another word is another fingerprint.
_ARITHMETIC: Final = {"numpy": "float32", "onnx": "int8, channels smoothed", "torch": "bfloat16"}


class MiniLM:
    """all-MiniLM-L6-v2: English sentences as 384 numbers of length 1, without torch.

    The mean of the hidden states of a text's word pieces, as the model's authors publish it. The weights are fetched
    and verified at the first use. A text of more than 256 pieces is cut. An empty text has a vector like any other.

    Args:
        backend: What computes it. ``"numpy"`` is always there and works in float32: what it gives is the reference to
            within rounding. ``"onnx"`` (extra ``onnx``) multiplies 8-bit numbers, several times as fast; the cosine to
            the reference is at least 0.98. ``"torch"`` (extra ``torch``) multiplies bfloat16 numbers; at least 0.999.
            ``"auto"`` is ``"onnx"`` where that is installed, else ``"numpy"``.
        data: A folder of the user's that holds the files; without it they come from the cache or the network.

    Raises:
        ConfigError: There is no such backend.
    """

    name = "minilm"
    normalised = True
    dim = DIM

    def __init__(self, *, backend: BackendName = "auto", data: Path | str | None = None) -> None:
        if backend != "auto" and backend not in _ARITHMETIC:
            raise ConfigError(
                f"there is no backend '{backend}'", where="backend", remedy=nearest(backend, ["auto", *_ARITHMETIC])
            )
        self.backend = chosen_backend() if backend == "auto" else backend
        self.data = Path(data) if data is not None else None
        self.truncated = 0
        self._lock = threading.Lock()
        self._parts: tuple[WordPiece, Backend] | None = None

    @property
    def fingerprint(self) -> str:
        """A hexadecimal hash of the files, the limit of a text and the precision of the arithmetic."""
        files = {name: content.sha256 for name, content in FILES.files.items()}
        facts = {"files": files, "max_tokens": MAX_TOKENS, "pooling": "mean", "precision": _ARITHMETIC[self.backend]}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> NDArray[np.float32]:
        """Return the vectors of some texts, float32 ``[n, 384]``; what a text is about makes no difference here.

        Args:
            texts: Any texts.
            kind: Not used by this model.
            run: Gives the threads, each of which works at a batch of its own.

        Raises:
            AssetError: The model's files could not be fetched.
            MissingExtraError: The backend needs an extra that is not installed.
        """
        run = run or Run()
        tokenizer, backend = self._opened(run)
        vectors, cut = unit_vectors(texts, tokenizer, backend, DIM, MAX_TOKENS, run)
        with self._lock:
            self.truncated += cut
        return vectors

    def spec(self) -> dict[str, Any]:
        """Return what makes the same encoder again, as JSON values: the backend by its name, never ``"auto"``."""
        return {"name": self.name, "backend": self.backend}

    def _opened(self, run: Run) -> tuple[WordPiece, Backend]:
        from tastemaker.data.assets import fetch

        with self._lock:
            if self._parts is None:
                folder = fetch(ALL_MINILM, data=self.data, progress=run.progress).folder
                tokenizer = WordPiece.of_lines((folder / VOCABULARY).read_text(encoding="utf-8"))
                self._parts = tokenizer, _open(self.backend, folder / WEIGHTS)
            return self._parts


def chosen_backend() -> BackendName:
    """Return what ``"auto"`` stands for here: the fastest backend that is installed and needs no torch."""
    return "onnx" if importlib.util.find_spec("onnxruntime") else "numpy"


def is_quick_here() -> bool:
    """Say whether the model's files are on this machine, and what multiplies its 8-bit numbers is installed."""
    from tastemaker.data.assets import fetch

    if chosen_backend() != "onnx":
        return False
    try:
        fetch(ALL_MINILM, offline=True)
    except TastemakerError:
        return False
    return True


def _open(backend: BackendName, weights: Path) -> Backend:
    bert = load_bert(weights, HEADS)
    if backend == "onnx":
        from tastemaker.language.minilm.onnx_bert import OnnxBert

        return OnnxBert(bert)
    if backend == "torch":
        from tastemaker.language.minilm.torch_bert import TorchBert

        return TorchBert(bert)
    from tastemaker.language.minilm.numpy_bert import NumpyBert

    return NumpyBert(bert)
