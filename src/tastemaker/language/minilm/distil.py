"""Static vectors from MiniLM: each piece of the vocabulary encoded once, alone, so that a text needs no network.

The method is that of S. Tulkens and T. van Dongen (2024), Model2Vec: vectors of the pieces, principal components, and
weights by which frequent pieces count less (S. Arora, Y. Liang and T. Ma, 2017, A Simple but Tough-to-Beat Baseline
for Sentence Embeddings), where the place in the vocabulary stands for the frequency (Zipf's law). What comes out is a
folder in model2vec's layout, which `tastemaker.language.static` reads and model2vec as well.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.files import atomic_folder
from tastemaker.core.run import Run
from tastemaker.data.assets import cache_folder, fetch, log
from tastemaker.data.locks import locked
from tastemaker.language.minilm.batches import Backend, encode_pieces
from tastemaker.language.minilm.numpy_bert import NumpyBert
from tastemaker.language.minilm.weights import ALL_MINILM, DIM, FILES, HEADS, VOCABULARY, WEIGHTS, load_bert
from tastemaker.language.minilm.wordpiece import END, LONGEST_WORD, START, UNKNOWN, WordPiece

SIF: Final = 1e-4
_UNUSED: Final = re.compile(r"\[unused\d+\]")


def principal_components(vectors: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """Return vectors, centred, in the directions in which they differ most: float32 ``[n, dim]``, most first.

    Each direction points to where its largest part is positive, so that the same vectors give the same numbers.

    Source: K. Pearson (1901), On Lines and Planes of Closest Fit to Systems of Points in Space.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)
    chosen = directions[:, ::-1][:, :dim]
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])])
    return np.asarray(centred @ chosen, dtype=np.float32)


def zipf_weights(count: int, sif: float = SIF) -> NDArray[np.float32]:
    """Return ``a / (a + p)`` for pieces from the most to the least frequent, with ``p`` in proportion to 1 / rank.

    Source: Arora, Liang and Ma (2017), equation 3, with ``a`` = ``sif``; ranks begin at 2, as in model2vec.
    """
    share = 1 / np.arange(2, count + 2)
    share /= share.sum()
    return (sif / (sif + share)).astype(np.float32)


def recipe(dim: int) -> dict[str, Any]:
    """Return all that decides the vectors that `distilled_folder` gives."""
    files = {name: content.sha256 for name, content in FILES.files.items()}
    return {"distilled from": files, "precision": "float32", "dim": dim, "sif": SIF, "version": 1}


def distilled_folder(dim: int, run: Run) -> Path:
    """Return the folder in the cache with MiniLM's static vectors, which are distilled where it is not there yet.

    Raises:
        AssetError: The model's files could not be fetched.
        StorageError: The cache could not be written.
    """
    name = hashlib.sha256(json.dumps(recipe(dim), sort_keys=True).encode()).hexdigest()[:16]
    folder = cache_folder() / "distilled" / f"minilm-{name}"
    with locked(folder.parent / f".{folder.name}.lock", "static vectors", log):
        if not folder.is_dir():
            log("Distilling static vectors from MiniLM, once; this takes about half a minute")
            files = fetch(ALL_MINILM, progress=run.progress).folder
            tokenizer = WordPiece.of_lines((files / VOCABULARY).read_text(encoding="utf-8"))
            distil(folder, tokenizer, NumpyBert(load_bert(files / WEIGHTS, HEADS)), DIM, dim, run)
    return folder


def distil(folder: Path, tokenizer: WordPiece, backend: Backend, width: int, dim: int, run: Run) -> None:
    """Write static vectors of a network's vocabulary into a folder, in model2vec's layout.

    Args:
        folder: Written whole or not at all.
        tokenizer: Holds the vocabulary, most frequent pieces first; those named ``[unused...]`` are left out.
        backend: Computes the network.
        width: How long its vectors are.
        dim: How many principal components to keep.
        run: Gives the threads, and is told how far it is.

    Raises:
        StorageError: The folder could not be written.
    """
    from safetensors.numpy import save_file

    pieces = [piece for piece in tokenizer.vocabulary if not _UNUSED.fullmatch(piece)]
    start, end = tokenizer.vocabulary[START], tokenizer.vocabulary[END]
    ids = [[start, tokenizer.vocabulary[piece], end] for piece in pieces]
    with run.track("Distilling static vectors", len(ids)) as advance:
        vectors = encode_pieces(ids, backend, width, run.threads, advance)
    vectors = principal_components(vectors, dim) * zipf_weights(len(pieces))[:, None]
    with atomic_folder(folder) as temporary:
        save_file({"embeddings": np.ascontiguousarray(vectors)}, temporary / "model.safetensors")
        (temporary / "config.json").write_text(
            json.dumps({"normalize": True, "sif_coefficient": SIF}), encoding="utf-8"
        )
        (temporary / "tokenizer.json").write_text(json.dumps(_described(pieces)), encoding="utf-8")


def _described(pieces: list[str]) -> dict[str, Any]:
    """Return a ``tokenizer.json`` of uncased word pieces, in the format of the library `tokenizers`."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "WordPiece",
            "unk_token": UNKNOWN,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": LONGEST_WORD,
            "vocab": {piece: number for number, piece in enumerate(pieces)},
        },
    }
