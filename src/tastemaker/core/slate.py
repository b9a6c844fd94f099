"""The candidates of one request on their way to the answer, with what was filtered and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Slate:
    """Candidates of one query, best first; every stage returns a new one.

    Attributes:
        item_ids: Raw ids, object ``[c]``, distinct.
        scores: The scores that order them, float32 ``[c]``.
        applied: Names of the filters that were applied, in order.
        dropped: Filter name -> the ids that it dropped.
    """

    item_ids: NDArray[np.object_]
    scores: NDArray[np.float32]
    applied: tuple[str, ...] = ()
    dropped: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def __len__(self) -> int:
        return len(self.item_ids)

    def drop(self, name: str, unwanted: frozenset[str]) -> Slate:
        """Return the slate without ``unwanted``, and note under ``name`` what was dropped."""
        gone = np.fromiter((item in unwanted for item in self.item_ids), dtype=bool, count=len(self))
        return replace(
            self,
            item_ids=self.item_ids[~gone],
            scores=self.scores[~gone],
            applied=(*self.applied, name),
            dropped=MappingProxyType({**self.dropped, name: (*self.dropped.get(name, ()), *self.item_ids[gone])}),
        )

    def top(self, k: int) -> Slate:
        """Return the first ``k`` candidates."""
        return replace(self, item_ids=self.item_ids[:k], scores=self.scores[:k])
