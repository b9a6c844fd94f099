"""Tokens and pairs of tokens as numbers of a fixed range, with signs, so that no dictionary of them is kept.

Source: Weinberger et al. (2009), "Feature hashing for large scale multitask learning", definition 1: with a second hash
for the sign, tokens that fall on the same number do not add up on average.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)


def hashes(tokens: Iterable[str]) -> Hashes:
    """Return 64 bits of each token, uint64 ``[t]``; the same on every machine."""
    found = [hashlib.blake2b(token.encode(), digest_size=8).digest() for token in tokens]
    return np.frombuffer(b"".join(found), dtype="<u8").astype(np.uint64)


def joined(first: Hashes, second: Hashes) -> Hashes:
    """Return 64 bits of each pair of tokens, mixed as in the generator SplitMix64 (Steele, Lea & Flood, 2014)."""
    mixed = first * _GOLDEN + second
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def places_and_signs(values: Hashes, bits: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return where hashes fall, int64 from 0 to ``2^bits - 1``, and their signs: the lowest bits and the highest."""
    places = (values & np.uint64((1 << bits) - 1)).astype(np.int64)
    return places, 1.0 - 2.0 * (values >> np.uint64(63)).astype(np.float64)
