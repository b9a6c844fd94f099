"""Fusion: one ranked list from several, by the ranks that things have in them or by their scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.retrieval.best import put_best
from tastemaker.retrieval.port import NOTHING, Numbers, Scores, checked_k

Found: TypeAlias = tuple[Numbers, Scores]
"""Ranked lists as searches return them: numbers int32 ``[q, k]`` and scores float32 ``[q, k]``."""

RRF_CONSTANT: Final = 60
"""The constant of Cormack et al. (2009): how little the first ranks stand out."""


def reciprocal_rank_fusion(
    lists: Sequence[Found], k: int, *, constant: float = RRF_CONSTANT, weights: Sequence[float] | None = None
) -> Found:
    """Return the best ``k`` by ``sum_l weight_l / (constant + rank_l)``; ranks are from 1, and absence adds nothing.

    Source: Cormack, Clarke and Buettcher (2009), "Reciprocal rank fusion outperforms Condorcet and individual rank
    learning methods", with a weight for each list, which are all 1 there.

    Args:
        lists: Ranked lists of the same queries, best first.
        k: How many at most.
        constant: How little the first ranks stand out.
        weights: How much each list counts; the same if not given.

    Returns:
        Numbers int32 ``[q, k]`` and fused scores float32 ``[q, k]``; equal ones by number.

    Raises:
        DataError: The lists are of other queries, or the weights do not fit them.
    """
    points = [np.broadcast_to(1 / (constant + 1 + np.arange(numbers.shape[1])), numbers.shape) for numbers, _ in lists]
    return _fused(lists, points, k, weights)


def score_fusion(
    lists: Sequence[Found],
    k: int,
    *,
    weights: Sequence[float] | None = None,
    scale: Literal["min-max", "as-is"] = "min-max",
) -> Found:
    """Return the best ``k`` by ``sum_l weight_l * score_l``; what a list does not hold gets nothing from it.

    With ``min-max`` the scores of each list and query go from 0 to 1 (Lee, 1997, "Analyses of multiple evidence
    combination"): the last of a list then counts as much as what is not in it, and a list of equal scores is all 1.
    With ``as-is`` the scores must be comparable, and not negative.

    Args:
        lists: Ranked lists of the same queries, best first.
        k: How many at most.
        weights: How much each list counts; the same if not given.
        scale: What is done to scores before they are added.

    Returns:
        Numbers int32 ``[q, k]`` and fused scores float32 ``[q, k]``; equal ones by number.

    Raises:
        DataError: The lists are of other queries, or the weights do not fit them.
    """
    scaled = _as_they_are if scale == "as-is" else _from_0_to_1
    return _fused(lists, [scaled(*found) for found in lists], k, weights)


def _as_they_are(numbers: Numbers, scores: Scores) -> NDArray[np.float64]:
    return scores.astype(np.float64)


def _from_0_to_1(numbers: Numbers, scores: Scores) -> NDArray[np.float64]:
    there = numbers != NOTHING
    wide = scores.astype(np.float64)
    low = np.where(there, wide, np.inf).min(axis=1, initial=np.inf, keepdims=True)
    high = np.where(there, wide, -np.inf).max(axis=1, initial=-np.inf, keepdims=True)
    differ = high > low
    low = np.where(differ, low, 0.0)
    spread = np.where(differ, high - low, 1.0)
    return np.where(differ, (np.where(there, wide, low) - low) / spread, 1.0)


def _fused(
    lists: Sequence[Found], points: Sequence[NDArray[np.floating[Any]]], k: int, weights: Sequence[float] | None
) -> Found:
    weighed = _weights(lists, weights)
    queries = len(lists[0][0])
    fused = np.full((queries, checked_k(k)), NOTHING, dtype=np.int32)
    scores = np.full(fused.shape, -np.inf, dtype=np.float32)
    for query in range(queries):
        rows = [numbers[query] for numbers, _ in lists]
        values = [weight * one[query] for weight, one in zip(weighed, points, strict=True)]
        numbers, worth = np.concatenate(rows), np.concatenate(values)
        there = numbers != NOTHING
        distinct, places = np.unique(numbers[there], return_inverse=True)
        sums = np.bincount(places, weights=worth[there], minlength=len(distinct))
        put_best(fused[query], scores[query], distinct, sums.astype(np.float32))
    return fused, scores


def _weights(lists: Sequence[Found], weights: Sequence[float] | None) -> NDArray[np.float64]:
    if len({len(numbers) for numbers, _ in lists}) != 1:
        raise DataError("lists to be fused must be there, and be of the same queries")
    chosen = np.ones(len(lists)) if weights is None else np.asarray(weights, dtype=np.float64)
    if chosen.shape != (len(lists),) or not (chosen >= 0).all() or not np.isfinite(chosen).all():
        raise DataError(f"the weights must be {len(lists)} numbers of at least 0", where=f"weights: {weights}")
    return chosen
