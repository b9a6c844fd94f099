"""Hashes that tell texts and encoders apart, in every process and on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def text_bytes(text: str) -> bytes:
    """Return a text as UTF-8, half surrogates and all, so that any string has bytes of its own."""
    return text.encode("utf-8", "surrogatepass")


def fingerprint_of(*facts: Any, tensors: Mapping[str, NDArray[Any]] | None = None) -> str:
    """Return a hash of JSON values and arrays, 32 hexadecimal digits.

    Args:
        facts: JSON values; the order of keys does not matter.
        tensors: Arrays by name; the byte order of the machine does not matter.
    """
    found = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name, tensor in sorted((tensors or {}).items()):
        plain = np.ascontiguousarray(tensor)
        little = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
        found.update(f"{name} {little.dtype.str} {little.shape}".encode())
        found.update(little.tobytes())
    return found.hexdigest()[:32]


def pack_texts(name: str, texts: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return texts as two arrays whose names start with ``name``: their bytes, and where each ends."""
    packed = [text_bytes(text) for text in texts]
    return {
        f"{name}.bytes": np.frombuffer(b"".join(packed), dtype=np.uint8),
        f"{name}.ends": np.cumsum([len(each) for each in packed], dtype=np.int64),
    }


def unpack_texts(name: str, tensors: Mapping[str, NDArray[Any]]) -> list[str]:
    """Read what `pack_texts` wrote."""
    everything, ends = tensors[f"{name}.bytes"].tobytes(), tensors[f"{name}.ends"].tolist()
    starts = [0, *ends[:-1]]
    return [everything[a:b].decode("utf-8", "surrogatepass") for a, b in zip(starts, ends, strict=True)]
