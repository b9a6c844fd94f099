"""Moving the candidates of a slate about: what rules, diversity and exploration share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastemaker.pipeline.slate import Slate


def rearranged(slate: Slate, order: NDArray[np.integer[Any]] | Sequence[int]) -> Slate:
    """Return the candidates in a new order, in which scores stay with the places and so still fall."""
    return replace(slate.take(np.asarray(order, dtype=np.int64)), scores=-np.sort(-slate.scores))


def from_0_to_1(scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return scores scaled so that the lowest is 0 and the highest 1, float64 ``[c]``; equal ones are all 1."""
    if not len(scores):
        return np.empty(0)
    wide = scores.astype(np.float64)
    low, high = wide.min(), wide.max()
    return (wide - low) / (high - low) if high > low else np.ones(len(wide))


def marked(slate: Slate, items: NDArray[np.integer[Any]], said: str) -> Slate:
    """Note the same of several items; those of which it is noted already are left as they are."""
    marks = dict(slate.marks)
    for item in items.tolist():
        if said not in marks.get(item, ()):
            marks[item] = (*marks.get(item, ()), said)
    return replace(slate, marks=MappingProxyType(marks))
