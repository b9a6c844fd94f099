"""Ranking metrics for each query, every convention under a name of its own; averaging over users is `per_user`.

Every metric takes ``ranks``, the places of a query's relevant items, from 1: an integer array ``[q]`` where
each query has one relevant item, ``[q, t]`` where it has several, filled up with `NONE`, or `TargetRanks`. A
relevant item that is not recommended at all has the rank `NEVER`. Plain lists become ranks by `ranks_in_lists`; all
four live in `tastemaker.evaluation.targets`.
Relevance is binary. A metric gives 0 for a query without relevant items and for an empty list, so that whoever
recommends nothing gains nothing; the mean over queries is left to the caller.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError, nearest
from tastemaker.evaluation.targets import NEVER, Ranks, TargetRanks, as_targets
from tastemaker.evaluation.ties import ordinals


def _cut(ranks: Ranks, k: int) -> tuple[TargetRanks, NDArray[np.bool_]]:
    """Return the targets, and which of them are among the first ``k``, bool ``[t]``."""
    if k < 1:
        raise DataError(f"a metric at k = {k} says nothing", where="k", remedy="Use k of at least 1.")
    targets = as_targets(ranks)
    return targets, targets.ranks <= k


def hits(ranks: Ranks, k: int) -> NDArray[np.float64]:
    """Count the relevant items among the first ``k``, float64 ``[q]``."""
    targets, hit = _cut(ranks, k)
    return targets.sum(hit)


def hit_rate(ranks: Ranks, k: int) -> NDArray[np.float64]:
    """Return 1 where a relevant item is among the first ``k``, else 0; float64 ``[q]``.

    ``HR@k = [hits > 0]``. Source: Deshpande and Karypis (2004), section 6.2, with one relevant item.

    >>> hit_rate(np.array([1, 10, 11]), k=10).tolist()
    [1.0, 1.0, 0.0]
    """
    return (hits(ranks, k) > 0).astype(np.float64)


def precision(ranks: Ranks, k: int) -> NDArray[np.float64]:
    """Return the share of the first ``k`` places that hold a relevant item, float64 ``[q]``.

    ``P@k = hits / k``, also where the list is shorter than ``k``. Source: trec_eval, ``P_k``.

    >>> precision(np.array([[1, 3], [7, 0]]), k=5).tolist()
    [0.4, 0.0]
    """
    return hits(ranks, k) / k


def precision_of_list(ranks: Ranks, k: int, lengths: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return the share of the items shown that are relevant, float64 ``[q]``.

    ``hits / min(k, length of the list)``: a short list is not punished. As in LensKit, which leaves empty lists
    out of the mean where this gives 0.

    Args:
        ranks: Places of the relevant items.
        k: Cut-off.
        lengths: Length of each list, int ``[q]``.

    >>> precision_of_list(np.array([[1, 3], [7, 0]]), 5, np.array([4, 9])).tolist()
    [0.5, 0.0]
    """
    return np.asarray(hits(ranks, k) / np.maximum(np.minimum(k, lengths), 1))


def precision_micro(ranks: Ranks, k: int) -> float:
    """Return all hits over all that were possible; a query with more relevant items weighs more.

    ``sum of hits / sum of min(k, |relevant|)``. Source: ``implicit.evaluation``, where it is called precision.

    >>> precision_micro(np.array([[1, 3], [7, 0]]), k=5)
    0.6666666666666666
    """
    found = hits(ranks, k).sum()
    return float(found / max(np.minimum(k, as_targets(ranks).relevant()).sum(), 1))


def recall(ranks: Ranks, k: int) -> NDArray[np.float64]:
    """Return the share of the relevant items that are among the first ``k``, float64 ``[q]``.

    ``R@k = hits / |relevant|``; 0 for a query without relevant items. Source: trec_eval, ``recall_k``.

    >>> recall(np.array([[1, 3], [2, 7]]), k=5).tolist()
    [1.0, 0.5]
    """
    return hits(ranks, k) / np.maximum(as_targets(ranks).relevant(), 1)


def recall_capped(ranks: Ranks, k: int) -> NDArray[np.float64]:
    """Return the hits over the most that ``k`` places can hold, float64 ``[q]``.

    ``hits / min(k, |relevant|)``. Source: Liang, Krishnan, Hoffman and Jebara (2018), "Variational autoencoders
    for collaborative filtering", equation 10; LensKit's recall of lists that are cut.

    >>> recall_capped(np.array([[1, 2, 9], [2, NEVER, NEVER]]), k=2).tolist()
    [1.0, 0.5]
    """
    return hits(ranks, k) / np.clip(as_targets(ranks).relevant(), 1, k)


def r_precision(ranks: Ranks) -> NDArray[np.float64]:
    """Return the share of relevant items among as many places as there are relevant items, float64 ``[q]``.

    Source: trec_eval, ``Rprec``.

    >>> r_precision(np.array([[1, 3], [2, 0]])).tolist()
    [0.5, 0.0]
    """
    targets = as_targets(ranks)
    relevant = targets.relevant()
    return targets.sum(targets.ranks <= relevant[targets.query]) / np.maximum(relevant, 1)


def mrr(ranks: Ranks, k: int) -> NDArray[np.float64]:
    """Return one over the rank of the first relevant item, 0 beyond ``k``; float64 ``[q]``.

    ``RR@k = 1 / min(rank)``; its mean over queries is MRR. Source: Voorhees (1999), cut at ``k``.

    >>> mrr(np.array([[4, 2], [11, 0]]), k=10).tolist()
    [0.5, 0.0]
    """
    targets, hit = _cut(ranks, k)
    first = np.zeros(targets.queries)
    np.maximum.at(first, targets.query[hit], 1.0 / targets.ranks[hit])
    return first


Denominator = Literal["achievable", "relevant", "k", "list"]


def average_precision(
    ranks: Ranks, k: int, denominator: Denominator = "achievable", lengths: NDArray[np.integer[Any]] | None = None
) -> NDArray[np.float64]:
    """Return the sum of the precisions at the hits over ``denominator``, float64 ``[q]``; its mean is MAP.

    Args:
        ranks: Places of the relevant items.
        k: Cut-off.
        denominator: ``achievable``: ``min(k, |relevant|)`` (RecBole, RePlay, implicit); ``relevant``:
            ``|relevant|`` (trec_eval, RecTools); ``k``: ``k`` (RecTools with ``divide_by_k``); ``list``:
            ``min(|relevant|, length of the list)`` (LensKit).
        lengths: Length of each list, int ``[q]``; for ``list``.

    Raises:
        DataError: There is no such denominator, or ``list`` comes without lengths.

    >>> average_precision(np.array([[2, 4, NEVER]]), k=5).tolist()
    [0.3333333333333333]
    >>> average_precision(np.array([[2, 4, NEVER]]), k=5, denominator="k").tolist()
    [0.2]
    """
    targets, hit = _cut(ranks, k)
    query, places = targets.query[hit], targets.ranks[hit]
    order = np.lexsort((places, query))
    query, places = query[order], places[order]
    total = np.bincount(query, weights=(ordinals(query) + 1) / places, minlength=targets.queries)
    relevant = targets.relevant()
    if denominator == "list" and lengths is not None:
        return np.asarray(total / np.maximum(np.minimum(relevant, np.minimum(k, lengths)), 1))
    over = {"achievable": np.clip(relevant, 1, k), "relevant": np.maximum(relevant, 1), "k": np.asarray(k)}
    if denominator not in over:
        raise DataError(
            f"average precision has no denominator '{denominator}' here",
            remedy="Give the lengths of the lists." if denominator == "list" else nearest(denominator, over),
        )
    return np.asarray(total / over[denominator])


def ndcg(
    ranks: Ranks, k: int, ideal: Literal["achievable", "k"] = "achievable", discount: Literal["log", "clipped"] = "log"
) -> NDArray[np.float64]:
    """Return the discounted gain over that of an ideal list, float64 ``[q]``.

    ``DCG@k`` is the sum of the discounts at the hits. Source: Järvelin and Kekäläinen (2002), with binary gains.

    Args:
        ranks: Places of the relevant items.
        k: Cut-off.
        ideal: ``achievable``: hits at ``1 .. min(k, |relevant|)`` (trec_eval's ``ndcg_cut``, RecBole, RePlay,
            implicit); ``k``: hits at ``1 .. k`` whatever there is to find (RecTools unless told otherwise), which
            no list reaches for a query with fewer than ``k`` relevant items.
        discount: ``log``: ``1 / log2(rank + 1)`` (Burges et al. 2005; everybody's); ``clipped``:
            ``1 / log2(max(rank, 2))`` (the original, and LensKit's), for which the first two places are worth the
            same.

    >>> ndcg(np.array([1, 3, 11]), k=10).tolist()
    [1.0, 0.5, 0.0]
    >>> ndcg(np.array([1, 3, 11]), k=2, ideal="k").round(4).tolist()
    [0.6131, 0.0, 0.0]
    >>> ndcg(np.array([2]), k=10, discount="clipped").tolist()
    [1.0]
    """
    targets, hit = _cut(ranks, k)

    def worth(places: NDArray[Any]) -> NDArray[np.float64]:
        return 1.0 / np.log2(np.maximum(places, 2) if discount == "clipped" else places + 1.0)

    gain = np.bincount(targets.query[hit], weights=worth(targets.ranks[hit]), minlength=targets.queries)
    best = np.cumsum(worth(np.arange(1, k + 1)))
    return np.asarray(gain / (best[-1] if ideal == "k" else best[np.clip(targets.relevant(), 1, k) - 1]))


def auc(ranks: Ranks, candidates: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return how often a relevant item stands before an irrelevant one, float64 ``[q]``; one half is chance.

    The statistic of Mann and Whitney (1947) over the whole ranking; a relevant item that is never recommended
    stands last. 0.5 where there is nothing to compare with.

    Args:
        ranks: Places of the relevant items.
        candidates: How many items were ranked, the relevant ones included, int ``[q]``.

    >>> auc(np.array([[1, 2], [1, 4], [NEVER, 0]]), np.array([4, 4, 4])).tolist()
    [1.0, 0.5, 0.0]
    """
    targets = as_targets(ranks)
    relevant = targets.relevant()
    lost = targets.ranks == NEVER
    missed = targets.sum(lost)
    last = missed * candidates - missed * (missed - 1) / 2
    total = targets.sum(np.where(lost, 0, targets.ranks)) + last - relevant * (relevant + 1) / 2
    pairs = relevant * (candidates - relevant)
    return np.asarray(np.where(pairs > 0, 1 - total / np.maximum(pairs, 1), 0.5))
