"""Ranks of targets among drawn negatives; of a block's scores only those of the candidates are looked at.

What is drawn lives in `tastemaker.evaluation.negatives`, ranks over the whole catalogue in
`tastemaker.evaluation.ranking`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import QueryBatch
from tastemaker.core.run import Advance
from tastemaker.evaluation.counting import tie_keys, with_targets
from tastemaker.evaluation.negatives import Negatives
from tastemaker.evaluation.ranking import Ranking, Scorer, check_scores, columns_of
from tastemaker.evaluation.targets import NEVER
from tastemaker.evaluation.ties import mixed, places, stream

_SCORES_PER_BLOCK: Final = 2_000_000
_NUMBERS_PER_NEGATIVE: Final = 8
"""What drawing one holds at once, about."""


def rank_sampled(
    score: Scorer,
    negatives: Negatives,
    item_ids: NDArray[np.object_],
    *,
    reads_candidates: bool = False,
    k: int = 0,
    seed: int = 0,
    name: str = "the model",
    block: int | None = None,
    advance: Advance | None = None,
) -> Ranking:
    """Rank each target among its negatives, once for each draw, and list the first ``k`` candidates of the first draw.

    A negative that the model does not know comes last, a target that it does not know is missed.

    Args:
        score: Scores a block of queries over ``item_ids``, dense.
        negatives: The targets and what they are ranked among.
        item_ids: Raw ids of the columns of the scores, object ``[n]``.
        reads_candidates: Whether the scores depend on the candidates: each draw is then scored for itself, with
            `QueryBatch.candidates`. Otherwise one pass serves all draws.
        k: Length of the lists; 0 for none.
        seed: Decides the order among equal scores, together with the target's number and the draw's.
        name: What the model is called in errors.
        block: Targets at a time; by default as many as give 2 million scores, or fewer where items are few.
        advance: Is told how many targets are done.

    Returns:
        Ranks int64 ``[d, t]``, one row for each draw, and lists int32 ``[t, k]``.

    Raises:
        ModelError: Scores are NaN or of a wrong shape.
    """
    held, asked, n = negatives.held, negatives.asked, len(item_ids)
    columns = np.append(columns_of(held.queries.dictionary, item_ids), np.int32(-1))
    targets = columns[held.targets]
    ranks = np.empty((len(negatives.seeds), len(targets)), dtype=np.int64)
    lists = np.full((len(targets), k), -1, dtype=np.int32)
    size = block or max(1, _SCORES_PER_BLOCK // max(n, _NUMBERS_PER_NEGATIVE * negatives.count))

    def scored(queries: QueryBatch) -> Any:
        scores = score(queries)
        check_scores(scores, (len(queries), n), name, dense=True)
        return scores

    for start in range(0, len(targets), size):
        part = slice(start, min(start + size, len(targets)))
        draws = stream(seed, np.arange(part.start, part.stop))
        drawn = negatives.drawn(part)
        if not reads_candidates:
            query = asked.query[part].astype(np.int64)
            scores, owner = scored(asked.queries[int(query[0]) : int(query[-1]) + 1]), query - query[0]
        for draw, codes in enumerate(drawn):
            if reads_candidates:
                scores, owner = scored(negatives.with_candidates(part, codes, draw)), np.arange(len(codes))
            field = _Field.of(scores, owner, targets[part], columns[codes])
            ranks[draw, part] = field.ranks(mixed(draws ^ np.uint64(draw)))
            if draw == 0 and k:
                lists[part] = field.lists(ranks[0, part], draws, k)
        if advance is not None:
            advance(len(draws))
    ranks[:, targets < 0] = NEVER
    return Ranking(ranks, lists, int((targets < 0).sum()))


@dataclass(frozen=True)
class _Field:
    """Targets and those that they are ranked among, with their scores.

    Attributes:
        targets: Column of each target, int32 ``[t]``; -1 where the model does not know it.
        others: Columns of the negatives, int32 ``[t, c]``; -1 for one that the model does not know, or that is not
            there.
        wanted: Scores of the targets, float ``[t]``.
        given: Scores of the negatives, float ``[t, c]``; minus infinity where there is no column.
    """

    targets: NDArray[np.int32]
    others: NDArray[np.int32]
    wanted: NDArray[np.floating[Any]]
    given: NDArray[np.floating[Any]]

    @classmethod
    def of(cls, scores: Any, owner: NDArray[np.int64], targets: NDArray[np.int32], others: NDArray[np.int32]) -> _Field:
        """Gather from a block of scores ``[b, n]``; ``owner`` is the row of each target."""
        given = np.where(others >= 0, scores[owner[:, None], others], -np.inf)
        return cls(targets, others, np.where(targets >= 0, scores[owner, targets], -np.inf), given)

    def ranks(self, draws: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the rank of each target, ties at random, int64 ``[t]``."""
        above = (self.given > self.wanted[:, None]).sum(axis=1)
        tied = ((self.given == self.wanted[:, None]) & (self.others >= 0)).sum(axis=1)
        return np.asarray(1 + above + places(draws, tied))

    def lists(self, ranks: NDArray[np.int64], draws: NDArray[np.uint64], k: int) -> NDArray[np.int32]:
        """Return the first ``k`` columns of each row, targets where their ranks say, int32 ``[t, k]``."""
        order = np.lexsort((tie_keys(self.others, draws[:, None]), -self.given), axis=-1)[:, :k]
        listed = np.full((len(order), k), -1, dtype=np.int32)
        best = np.take_along_axis(self.given, order, axis=1)
        listed[:, : order.shape[1]] = np.where(best > -np.inf, np.take_along_axis(self.others, order, axis=1), -1)
        return with_targets(listed, ranks, self.targets, np.arange(len(order)), self.wanted > -np.inf)
