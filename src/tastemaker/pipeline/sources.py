"""What a source names joins the slate: distinct candidates, and a column of scores for each source."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastemaker.pipeline.slate import Scores, Slate


def add(slate: Slate, name: str, numbers: NDArray[np.integer[Any]], scores: NDArray[np.floating[Any]]) -> Slate:
    """Return the slate with what a source named.

    What was there keeps its place and score; what is new comes after it, in the order given, with scores that are no
    higher. The source's own scores are in its column, NaN where it named nothing.

    Args:
        slate: The candidates so far.
        name: The source.
        numbers: What it named, ``[m]``, distinct, best first.
        scores: What it gave each, ``[m]``.
    """
    given = np.asarray(scores, dtype=np.float32)
    if not len(slate) and not slate.sources and slate.propensities is None:
        first = np.asarray(numbers, dtype=np.int32)
        return replace(slate, items=first, scores=given, sources=MappingProxyType({name: given}))
    place = places_of(slate, numbers)
    known = place >= 0
    wider = append(slate, np.asarray(numbers)[~known], given[~known])
    column = np.full(len(wider), np.nan, dtype=np.float32)
    if name in wider.sources:
        column[:] = wider.sources[name]
    column[place[known]] = given[known]
    column[len(slate) :] = given[~known]
    return replace(wider, sources=MappingProxyType({**wider.sources, name: column}))


def append(slate: Slate, numbers: NDArray[np.integer[Any]], scores: Scores) -> Slate:
    """Return the slate with more candidates behind it that it did not have; no source has named them yet."""
    lowest = slate.scores.min(initial=np.inf)
    none = np.full(len(numbers), np.nan, dtype=np.float32)
    sure = slate.propensities
    return replace(
        slate,
        items=np.concatenate([slate.items, np.asarray(numbers, dtype=np.int32)]),
        scores=np.concatenate([slate.scores, np.minimum(scores, lowest).astype(np.float32)]),
        sources=MappingProxyType({name: np.concatenate([column, none]) for name, column in slate.sources.items()}),
        # Given what stands above it, what comes behind had no other place to go.
        propensities=None if sure is None else np.concatenate([sure, np.ones(len(numbers))]),
    )


def places_of(slate: Slate, numbers: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return where items stand in the slate, int64 ``[m]``; -1 for those that it does not have."""
    if not len(slate):
        return np.full(len(numbers), -1, dtype=np.int64)
    order = np.argsort(slate.items)
    place = order[np.minimum(np.searchsorted(slate.items, numbers, sorter=order), len(slate) - 1)]
    return np.where(slate.items[place] == numbers, place, -1)


def best_of(values: NDArray[Any], n: int) -> NDArray[np.int64]:
    """Return the places of the ``n`` largest values, best first; equal ones by place. NaN and infinities never come."""
    if n < len(values):
        places = np.argpartition(-values, n - 1)[:n]
        places.sort()
    else:
        places = np.arange(len(values))
    found = places[np.argsort(-values[places], kind="stable")]
    return np.asarray(found[np.isfinite(values[found])])
