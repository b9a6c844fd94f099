"""Ranks of targets over the whole catalogue, by counting in blocks; users x items never exist at once.

The rank of a target is one plus the number of items that score higher, plus a random share of those that score
the same. Items of the history are left out, the targets themselves never. Lists come from the same pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.errors import ModelError
from tastemaker.core.query import QueryBatch
from tastemaker.core.run import Advance
from tastemaker.data.heldout import HeldOut
from tastemaker.evaluation.counting import Block, rank_dense
from tastemaker.evaluation.counting_sparse import rank_sparse
from tastemaker.evaluation.metrics import ndcg
from tastemaker.evaluation.targets import NEVER, Ranks, TargetRanks, per_user
from tastemaker.evaluation.ties import stream

Scorer = Callable[[QueryBatch], Any]
"""Scores a block of queries: a dense array ``[q, n]``, or a `scipy.sparse` CSR of scores of at least 0."""

_SCORES_PER_BLOCK: Final = 2_000_000


@dataclass(frozen=True)
class Ranking:
    """Where the targets of some queries stand.

    Attributes:
        ranks: Rank of each target, from 1, int64 ``[t]`` in the order of ``held.targets``; `targets.NEVER` where
            the model does not know it. The targets of one query have different ranks. Ranks among sampled candidates
            are ``[d, t]``, one row for each draw.
        lists: The first ``k`` items of each query as places in the model's ``item_ids``, int32 ``[q, k]``, -1
            where there are no more; ``k`` is 0 unless lists were asked for.
        unknown_targets: How many targets the model does not know.
    """

    ranks: NDArray[np.int64]
    lists: NDArray[np.int32]
    unknown_targets: int


def columns_of(dictionary: NDArray[np.object_], item_ids: NDArray[np.object_]) -> NDArray[np.int32]:
    """Return where each raw id of ``dictionary`` stands in ``item_ids``, int32 ``[d]``, -1 where it does not."""
    if dictionary is item_ids:
        return np.arange(len(item_ids), dtype=np.int32)
    places = {raw: column for column, raw in enumerate(item_ids)}
    return np.asarray([places.get(raw, -1) for raw in dictionary], dtype=np.int32)


def rank_targets(
    score: Scorer,
    held: HeldOut,
    item_ids: NDArray[np.object_],
    *,
    k: int = 0,
    seed: int = 0,
    name: str = "the model",
    block: int | None = None,
    advance: Advance | None = None,
) -> Ranking:
    """Rank the targets of every query among all unseen items, and list the first ``k`` items.

    Args:
        score: Scores a block of queries over ``item_ids``.
        held: The queries and their targets.
        item_ids: Raw ids of the columns of the scores, object ``[n]``.
        k: Length of the lists; 0 for none. Lists need dense scores.
        seed: Decides the order among equal scores, together with the query's number.
        name: What the model is called in errors.
        block: Queries at a time; by default as many as give 2 million scores.
        advance: Is told how many queries are done.

    Raises:
        ModelError: Scores are NaN or of a wrong shape.
    """
    n = len(item_ids)
    columns = columns_of(held.queries.dictionary, item_ids)
    targets = columns[held.targets]
    draws = stream(seed, np.arange(len(held)))
    ranks = np.empty(len(targets), dtype=np.int64)
    lists = np.full((len(held), k), -1, dtype=np.int32)
    size = block or max(1, _SCORES_PER_BLOCK // max(n, 1))
    for start in range(0, len(held), size):
        part = slice(start, min(start + size, len(held)))
        queries = held.queries[part]
        scores = score(queries)
        check_scores(scores, (len(queries), n), name, dense=k > 0)
        asked = slice(*np.searchsorted(held.query, [part.start, part.stop]).tolist())
        owner = held.query[asked].astype(np.int64) - start
        work = Block.of(queries, columns, targets[asked], owner, draws[part])
        if sparse.issparse(scores):
            ranks[asked] = rank_sparse(scores.tocsr(), work)
        else:
            ranks[asked], lists[part] = rank_dense(scores, work, k)
        if advance is not None:
            advance(len(queries))
    ranks[targets < 0] = NEVER
    return Ranking(ranks, lists, int((targets < 0).sum()))


def check_scores(scores: Any, shape: tuple[int, int], name: str, *, dense: bool) -> None:
    """Raise `ModelError` unless scores are numbers, of this shape, and an array where they must be ``dense``."""
    if sparse.issparse(scores) and dense:
        raise ModelError(f"{name} gave sparse scores where an array was asked for", remedy="Return an array.")
    if scores.shape != shape:
        raise ModelError(f"{name} gave scores of shape {scores.shape} where {shape} was asked for")
    values = scores.data if sparse.issparse(scores) else scores
    with np.errstate(invalid="ignore"):
        lost = values.size and np.isnan(values.max())
    if lost:
        raise ModelError(
            f"{name} gave scores that are not numbers (NaN)",
            remedy="Look for a division by zero, or a training that diverged.",
        )
    if sparse.issparse(scores) and values.size and values.min() < 0:
        raise ModelError(f"{name} gave negative scores in a sparse matrix, where a missing score is 0")


def validation_ranks(
    score: Scorer, held: HeldOut, item_ids: NDArray[np.object_], *, seed: int = 0, name: str = "the model"
) -> NDArray[np.int64]:
    """Return the rank of every target, int64 ``[t]``, as `rank_targets` does; for choosing settings.

    A sparse matrix of scores is never made dense. Its rows may be in any order and must not name an item twice.
    """
    return rank_targets(score, held, item_ids, seed=seed, name=name).ranks


def validation_ndcg(
    score: Scorer,
    held: HeldOut,
    item_ids: NDArray[np.object_],
    *,
    k: int = 10,
    seed: int = 0,
    name: str = "the model",
) -> float:
    """Return NDCG at ``k``, averaged within each user and then over users; see `validation_ranks`."""
    ranks = validation_ranks(score, held, item_ids, seed=seed, name=name)
    return float(per_user(ndcg(of_targets(ranks, held), k), held.users).mean())


def of_targets(ranks: NDArray[np.int64], held: HeldOut) -> Ranks:
    """Return the ranks of ``held.targets`` in the form that metrics take: what belongs to each query together."""
    return ranks if len(ranks) == len(held) else TargetRanks(ranks, held.query, len(held))
