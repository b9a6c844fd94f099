"""The answer to a batch of queries, and where a score came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Contribution:
    """One addend of a score.

    Attributes:
        kind: ``item`` (an event of the history), ``text`` (the words of the query), ``popularity``, ``feature``
            (something known of the person, the item or the moment, or an average).
        name: Raw id of the item, or what else it is, in words.
        amount: What it adds to the score.
        source: The part of a composed model that speaks; empty for a model of one piece.
    """

    kind: Literal["item", "text", "popularity", "feature"]
    name: str
    amount: float
    source: str = ""


@dataclass(frozen=True, slots=True)
class Contributions:
    """Where the score of one item came from.

    Attributes:
        item_id: The item that was scored.
        score: Its score.
        parts: Addends; they sum to ``score`` where ``additive`` is true.
        additive: Whether the model is a sum of its parts.
    """

    item_id: str
    score: float
    parts: tuple[Contribution, ...]
    additive: bool = True

    def by_item(self) -> dict[str, float]:
        """Return what each item of the history adds over all sources, largest first."""
        return self._sums(lambda part: part.name if part.kind == "item" else None)

    def by_source(self) -> dict[str, float]:
        """Return what each part of a composed model adds, largest first."""
        return self._sums(lambda part: part.source)

    def _sums(self, key: Callable[[Contribution], str | None]) -> dict[str, float]:
        sums: dict[str, float] = {}
        for part in self.parts:
            name = key(part)
            if name is not None:
                sums[name] = sums.get(name, 0.0) + part.amount
        return dict(sorted(sums.items(), key=lambda entry: -entry[1]))


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One row of an answer; ``rank`` starts at 1."""

    query: int
    item_id: str
    score: float
    rank: int


@dataclass(frozen=True)
class Recommendations:
    """A table of recommended items: distinct within a query, best first, at most ``k`` each.

    Scores order the items of one query; they compare across queries only if the model says so.

    Attributes:
        query: Number of the query, int32 ``[m]``, ascending.
        item_id: Raw ids, object ``[m]``.
        score: float32 ``[m]``, not increasing within a query.
        queries: How many queries were asked.
        degraded: Why the answer is less than what was asked for; empty if it is not.
    """

    query: NDArray[np.int32]
    item_id: NDArray[np.object_]
    score: NDArray[np.float32]
    queries: int
    degraded: tuple[str, ...] = ()
    _indptr: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        indptr = np.searchsorted(self.query, np.arange(self.queries + 1))
        object.__setattr__(self, "_indptr", indptr)

    @classmethod
    def of(
        cls, lists: Sequence[tuple[NDArray[np.object_], NDArray[np.float32]]], degraded: tuple[str, ...] = ()
    ) -> Recommendations:
        """Put together one ``(item_ids, scores)`` pair for each query."""
        if not lists:
            empty = np.empty(0, dtype=object)
            return cls(np.empty(0, np.int32), empty, np.empty(0, np.float32), 0, degraded)
        lengths = [len(items) for items, _ in lists]
        return cls(
            np.repeat(np.arange(len(lists), dtype=np.int32), lengths),
            np.concatenate([np.asarray(items, dtype=object) for items, _ in lists]),
            np.concatenate([np.asarray(scores, dtype=np.float32) for _, scores in lists]),
            len(lists),
            degraded,
        )

    @property
    def rank(self) -> NDArray[np.int32]:
        """Position within the query, from 1, int32 ``[m]``."""
        return (np.arange(len(self.query)) - self._indptr[self.query] + 1).astype(np.int32)

    def items(self, query: int = 0) -> list[str]:
        """Return the raw ids recommended for one query, best first."""
        return list(self.item_id[self._indptr[query] : self._indptr[query + 1]])

    def scores(self, query: int = 0) -> NDArray[np.float32]:
        """Return the scores of `items`, float32."""
        return self.score[self._indptr[query] : self._indptr[query + 1]]

    def __len__(self) -> int:
        return len(self.query)

    def __iter__(self) -> Iterator[Recommendation]:
        for query, item, score, rank in zip(self.query, self.item_id, self.score, self.rank, strict=True):
            yield Recommendation(int(query), item, float(score), int(rank))

    def to_frame(self) -> pl.DataFrame:
        """Return a Polars frame with the columns ``query, item_id, score, rank``."""
        import polars as pl

        return pl.DataFrame(
            {
                "query": self.query,
                "item_id": pl.Series(self.item_id.tolist(), dtype=pl.String),
                "score": self.score,
                "rank": self.rank,
            }
        )
