"""The candidates of one request on their way to the answer: where they came from, and what took others out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.int32]
Scores: TypeAlias = NDArray[np.float32]

_NONE: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Slate:
    """Candidates of one request, best first; every stage returns a new one.

    Attributes:
        items: Their numbers on the shelf, int32 ``[c]``, distinct.
        scores: What orders them, float32 ``[c]``.
        sources: Retriever or ranker -> what it gave each, float32 ``[c]``; NaN where it did not name the item.
        propensities: How likely each was to get its place, float64 ``[c]``; ``None`` where nothing was left to chance.
        marks: Item -> what rules did to it, such as ``pinned``.
        applied: Names of the filters that were applied, in order.
        dropped: Filter -> the numbers that it took out, int32.
        degraded: Why the list is less than what was asked for.
    """

    items: Numbers
    scores: Scores
    sources: Mapping[str, Scores] = field(default_factory=lambda: _NONE)
    propensities: NDArray[np.float64] | None = None
    marks: Mapping[int, tuple[str, ...]] = field(default_factory=lambda: _NONE)
    applied: tuple[str, ...] = ()
    dropped: Mapping[str, Numbers] = field(default_factory=lambda: _NONE)
    degraded: tuple[str, ...] = ()

    @classmethod
    def empty(cls) -> Self:
        """Return a slate without candidates."""
        return cls(np.empty(0, np.int32), np.empty(0, np.float32))

    def __len__(self) -> int:
        return len(self.items)

    def take(self, places: NDArray[Any] | slice) -> Self:
        """Return the candidates at ``places`` (a mask bool ``[c]``, or places in a new order), with what is theirs."""
        return replace(
            self,
            items=self.items[places],
            scores=self.scores[places],
            sources=MappingProxyType({name: given[places] for name, given in self.sources.items()}),
            propensities=None if self.propensities is None else self.propensities[places],
        )

    def drop(self, name: str, gone: NDArray[np.bool_]) -> Self:
        """Return the slate without the candidates that are ``gone``, bool ``[c]``, and note what filter took them."""
        before = self.dropped.get(name)
        lost = self.items[gone]
        kept = self if not len(lost) else self.take(~gone)
        return replace(
            kept,
            applied=self.applied if name in self.applied else (*self.applied, name),
            dropped=MappingProxyType(
                {**self.dropped, name: lost if before is None else np.concatenate([before, lost])}
            ),
        )

    def passed(self, names: Iterable[str]) -> Self:
        """Return the slate and note that filters took nothing of it, as `drop` would of each in turn."""
        applied = dict.fromkeys((*self.applied, *names))
        none = self.items[:0]
        dropped = {**self.dropped, **{name: none for name in applied if name not in self.dropped}}
        return replace(self, applied=tuple(applied), dropped=MappingProxyType(dropped))

    def distinct(self) -> Self:
        """Return the slate with every item at its first place alone; what stood again is dropped as ``repeated``."""
        if len(set(self.items.tolist())) == len(self):
            return self
        first = np.unique(self.items, return_index=True)[1]
        again = np.ones(len(self), dtype=bool)
        again[first] = False
        return self.drop("repeated", again)

    def ordered(self, scores: Scores) -> Self:
        """Return the candidates by new scores, best first; equal ones stay as they stood."""
        order = np.argsort(-scores, kind="stable")
        return replace(self.take(order), scores=scores[order])

    def top(self, k: int) -> Self:
        """Return the first ``k`` candidates."""
        return self if len(self) <= k else self.take(slice(k))

    def mark(self, item: int, said: str) -> Self:
        """Note what a rule did to an item."""
        return replace(self, marks=MappingProxyType({**self.marks, item: (*self.marks.get(item, ()), said)}))

    def note(self, *why: str) -> Self:
        """Note why the list is less than what was asked for."""
        if not why:
            return self
        return replace(self, degraded=tuple(dict.fromkeys((*self.degraded, *why))))
