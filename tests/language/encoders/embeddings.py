"""What a server says to OpenAI's ``/v1/embeddings``."""

from __future__ import annotations

from typing import Any

import numpy as np

from tastemaker.language.encoders.controls import RandomVectors

DIM = 6


def embeddings(texts: list[str]) -> dict[str, Any]:
    """Return a right answer, whose vectors do not have length 1."""
    vectors = 3 * RandomVectors(dim=DIM).encode(texts)
    rows = [{"object": "embedding", "index": i, "embedding": v.tolist()} for i, v in enumerate(vectors)]
    return {"object": "list", "data": rows, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}


def expected(texts: list[str]) -> np.ndarray[Any, Any]:
    """Return the vectors of a right answer, of length 1."""
    return RandomVectors(dim=DIM).encode(texts)
