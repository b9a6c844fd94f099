"""Vectors kept on disk by the hash of their text, so that no text is encoded twice by the same encoder."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.encoder import Encoder, TextKind
from tastemaker.core.errors import ModelError, StorageError
from tastemaker.core.files import atomic_folder
from tastemaker.core.run import Run
from tastemaker.data.assets import cache_folder
from tastemaker.data.locks import locked
from tastemaker.language.encoders.identity import text_bytes

BATCH: Final = 512
"""So many texts are encoded again at most when the program was killed."""
MANY: Final = 32
"""More shards than this are joined."""
LARGE: Final = 65_536
"""Shards of so many vectors are not joined any more."""

Keys = NDArray[np.uint64]
_logger = logging.getLogger("tastemaker.encoders")


def encode_cached(
    encoder: Encoder, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None
) -> NDArray[np.float32]:
    """Return the vectors of some texts, float32 ``[n, dim]``, from disk where they have been encoded before.

    Each finished batch is kept at once, so that work that was cut off goes on where it stopped; processes may do this
    side by side. Vectors are kept as float16 with one factor each, and are returned so at the first time too: one
    run gives the same numbers as the next. Encoders with ``cached = False``, such as those that learn, are asked
    directly; what they are made of is cached.

    For the texts of a catalogue or of many people; a single query is sooner encoded than looked up.

    Args:
        encoder: Encodes what is not there yet, shortest texts first.
        texts: The texts.
        kind: What they are about.
        run: Progress and threads.

    Raises:
        ModelError: The encoder gave numbers that are none.
    """
    run = run or Run()
    if not getattr(encoder, "cached", True):
        return encoder.encode(texts, kind, run=run)
    distinct = list(dict.fromkeys(texts))
    keys, found = _keys(distinct), np.zeros((len(distinct), encoder.dim), dtype=np.float32)
    folder = encoder_folder(encoder) / kind
    missing = np.flatnonzero(~_look_up(folder, keys, found))
    missing = missing[np.argsort([len(distinct[place]) for place in missing], kind="stable")]
    with run.track(f"encoding with {encoder.name}", len(missing)) as advance:
        for start in range(0, len(missing), BATCH):
            places = missing[start : start + BATCH]
            vectors = encoder.encode([distinct[place] for place in places], kind, run=run)
            shard = Shard.of(keys[places], _finite(vectors, encoder))
            found[places] = shard.rows(np.arange(len(places)))
            _keep(folder, shard)
            advance(len(places))
    if len(missing):
        _join(folder, found.shape[1])
    if encoder.normalised:
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        found /= np.where(lengths > 0, lengths, 1)
    place_of = {text: place for place, text in enumerate(distinct)}
    return found[[place_of[text] for text in texts]]


def _finite(vectors: NDArray[np.float32], encoder: Encoder) -> NDArray[np.float32]:
    if not np.isfinite(vectors).all():
        raise ModelError(
            f"the encoder '{encoder.name}' gave numbers that are none (NaN or infinite)",
            remedy="Nothing of that was kept; `tastemaker.testing.check_encoder` may say what is wrong with it.",
        )
    return vectors


def vectors_folder() -> Path:
    """Return where vectors are kept: a folder for each encoder, and within it one for each kind of text."""
    return cache_folder() / "vectors"


def encoder_folder(encoder: Encoder) -> Path:
    """Return where the vectors of one encoder are kept: its name and its fingerprint tell it from others."""
    return vectors_folder() / f"{re.sub(r'[^a-zA-Z0-9.-]+', '_', encoder.name)}-{encoder.fingerprint[:32]}"


@dataclass(frozen=True)
class Shard:
    """Some vectors and the hashes of their texts.

    Attributes:
        keys: Two halves of each hash, uint64 ``[m, 2]``.
        factors: What the vectors are multiplied with, float32 ``[m]``: the largest entry of each, so that the range
            of float16 is no limit.
        vectors: float16 ``[m, dim]``, a view of the file where it was opened.
    """

    keys: Keys
    factors: NDArray[np.float32]
    vectors: NDArray[np.float16]

    @classmethod
    def of(cls, keys: Keys, vectors: NDArray[np.float32]) -> Shard:
        """Return the vectors in the form in which they are kept."""
        largest = np.abs(vectors).max(axis=1, initial=0)
        factors = np.where(largest > 0, largest, 1).astype(np.float32)
        return cls(keys, factors, (vectors / factors[:, None]).astype(np.float16))

    def rows(self, places: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return some of the vectors, float32 ``[k, dim]``."""
        return np.asarray(self.vectors[places], dtype=np.float32) * self.factors[places, None]

    def write(self, folder: Path) -> None:
        """Write the three arrays into a folder, sorted by their keys."""
        order = np.argsort(self.keys[:, 0], kind="stable")
        for name in ("keys", "factors", "vectors"):
            np.save(folder / f"{name}.npy", getattr(self, name)[order])

    @classmethod
    def open(cls, folder: Path) -> Shard:
        """Open what `write` wrote; the vectors stay in the file until they are asked for."""
        keys, factors = np.load(folder / "keys.npy"), np.load(folder / "factors.npy")
        vectors = np.load(folder / "vectors.npy", mmap_mode="r")
        if not len(keys) == len(factors) == len(vectors):
            raise ValueError("arrays of different lengths")
        return cls(keys, factors, vectors)


def _keys(texts: Sequence[str]) -> Keys:
    digests = b"".join(hashlib.blake2b(text_bytes(text), digest_size=16).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8").reshape(len(texts), 2).astype(np.uint64)


def _shards(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []


@lru_cache(maxsize=4 * MANY)
def _opened(path: Path) -> Shard | None:
    """Return a shard, which never changes once it is there; ``None`` where it is gone or damaged."""
    try:
        return Shard.open(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as error:
        _logger.warning("%s is damaged and passed over: %s", path, error)
        return None


def _look_up(folder: Path, keys: Keys, found: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Fill in the vectors that are there, and say which are."""
    known = np.zeros(len(keys), dtype=bool)
    # What another process joins between the listing and the opening is in a shard of the next listing.
    for _ in range(2):
        shards = [_opened(path) for path in _shards(folder)]
        for shard in shards:
            if shard is not None and len(shard.keys) and shard.vectors.shape[1] == found.shape[1]:
                places = np.minimum(np.searchsorted(shard.keys[:, 0], keys[:, 0]), len(shard.keys) - 1)
                here = np.flatnonzero((shard.keys[places] == keys).all(axis=1) & ~known)
                found[here] = shard.rows(places[here])
                known[here] = True
        if known.all() or None not in shards:
            break
    return known


def _keep(folder: Path, shard: Shard) -> None:
    """Write a shard under a name that nobody else has; a cache that cannot be written is no obstacle."""
    try:
        with atomic_folder(folder / uuid.uuid4().hex) as temporary:
            shard.write(temporary)
    except StorageError as error:
        _logger.warning("vectors are not kept: %s", error)


def _join(folder: Path, dim: int) -> None:
    """Replace many small shards by one, in one process at a time."""
    with suppress(StorageError), locked(folder / ".lock", "vectors", _logger.info):
        opened = [(path, shard) for path in _shards(folder) if (shard := _opened(path))]
        small = [(path, shard) for path, shard in opened if len(shard.keys) < LARGE and shard.vectors.shape[1] == dim]
        if len(small) <= MANY:
            return
        shards = [shard for _, shard in small]
        keys = np.concatenate([shard.keys for shard in shards])
        _, first = np.unique(keys, axis=0, return_index=True)
        factors = np.concatenate([shard.factors for shard in shards])
        vectors = np.concatenate([shard.vectors for shard in shards])
        with atomic_folder(folder / uuid.uuid4().hex) as temporary:
            Shard(keys[first], factors[first], vectors[first]).write(temporary)
        for path, _ in small:
            shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True)
class Kept:
    """The vectors of one encoder on disk.

    Attributes:
        name: Name and fingerprint of the encoder.
        vectors: How many there are.
        size: Bytes.
        folder: Where they lie.
    """

    name: str
    vectors: int
    size: int
    folder: Path


def kept_vectors() -> list[Kept]:
    """Return what the cache holds, the largest first."""
    found = []
    folders = [path for path in _shards(vectors_folder()) if path.is_dir()]
    for folder in folders:
        shards = [shard for kind in _shards(folder) for path in _shards(kind) if (shard := _opened(path))]
        size = sum(path.stat().st_size for path in folder.rglob("*.npy"))
        found.append(Kept(folder.name, sum(len(shard.keys) for shard in shards), size, folder))
    return sorted(found, key=lambda kept: -kept.size)


def forget_vectors(name: str = "") -> list[Kept]:
    """Delete the vectors of the encoders whose name, or name and fingerprint, begins so; of all if it is empty.

    Returns:
        What was deleted.
    """
    gone = [kept for kept in kept_vectors() if kept.name.startswith(name)]
    for kept in gone:
        shutil.rmtree(kept.folder, ignore_errors=True)
    return gone
