"""Raw ids and their numbers: append-only in epochs, permuted within each, so that a number never tells age."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import repeat
from typing import Any
from weakref import ref

import numpy as np
import polars as pl
from numpy.typing import NDArray

UNKNOWN = -1
"""The number of an id that the vocabulary does not hold."""


class Vocabulary:
    """Distinct raw ids, numbered from 0.

    Ids that arrive together form an epoch: they are sorted and then permuted by the seed, so a number says
    neither when an item arrived nor how its id compares with others. Numbers never change.

    >>> first = Vocabulary.of(["b", "a"], seed=1)
    >>> later = first.extend(["c", "a"])
    >>> later.index(["c", "zebra"]).tolist(), later.epochs
    ([2, -1], (2, 1))

    Args:
        ids: Distinct raw ids in the order of their numbers, object ``[n]``.
        epochs: How many ids each epoch brought; sums to ``n``.
        seed: Seed of the permutations.
    """

    def __init__(self, ids: NDArray[np.object_], epochs: tuple[int, ...], seed: int = 0) -> None:
        self.ids = ids
        self.epochs = epochs
        self.seed = seed
        self._remembered: dict[int, tuple[ref[Any], NDArray[np.int32]]] = {}

    @classmethod
    def of(cls, ids: Iterable[str], seed: int = 0) -> Vocabulary:
        """Number the distinct ``ids`` as one epoch."""
        return cls(np.empty(0, dtype=object), (), seed).extend(ids)

    def extend(self, ids: Iterable[str]) -> Vocabulary:
        """Return a vocabulary that also holds ``ids``; those it knows already keep their numbers."""
        new = sorted(set(ids) - self._places.keys())
        if not new:
            return self
        rng = np.random.default_rng([self.seed, len(self.epochs)])
        added = np.asarray([*new, None], dtype=object)[:-1][rng.permutation(len(new))]
        return Vocabulary(np.concatenate([self.ids, added]), (*self.epochs, len(new)), self.seed)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, raw: object) -> bool:
        return raw in self._places

    @cached_property
    def _places(self) -> dict[str, int]:
        return {raw: number for number, raw in enumerate(self.ids)}

    def index(self, ids: Iterable[Any]) -> NDArray[np.int32]:
        """Return the numbers of ``ids``, int32 ``[m]``, with `UNKNOWN` for ids not held.

        The very array `ids` of this vocabulary costs no look-up, and neither does a read-only array the second time;
        what is returned for such a one is read-only as well.
        """
        if ids is self.ids:
            return np.arange(len(self), dtype=np.int32)
        key, lasting = id(ids), isinstance(ids, np.ndarray) and not ids.flags.writeable
        known = self._remembered.get(key) if lasting else None
        if known is not None and known[0]() is ids:
            return known[1]
        listed = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
        found = np.fromiter(map(self._places.get, listed, repeat(UNKNOWN)), np.int32, len(listed))
        if lasting:
            found.setflags(write=False)
            forget = self._remembered.pop
            self._remembered[key] = ref(ids, lambda _: forget(key, None)), found
        return found

    def encode(self, ids: pl.Series) -> NDArray[np.int32]:
        """Return the numbers of a String column, all of whose ids must be held, int32 ``[m]``."""
        known = pl.Enum(pl.Series(self.ids.tolist(), dtype=pl.String))
        return ids.cast(known).to_physical().cast(pl.Int32).to_numpy()

    def to_frame(self) -> pl.DataFrame:
        """Return the columns ``id, epoch`` in the order of the numbers."""
        epochs = np.repeat(np.arange(len(self.epochs), dtype=np.int32), self.epochs)
        return pl.DataFrame({"id": pl.Series(self.ids.tolist(), dtype=pl.String), "epoch": epochs})

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, seed: int = 0) -> Vocabulary:
        """Read what `to_frame` wrote."""
        counts = frame.group_by("epoch").len().sort("epoch")["len"].to_list()
        return cls(np.asarray([*frame["id"].to_list(), None], dtype=object)[:-1], tuple(counts), seed)
