"""What a study measures on, and what one of its rows gives: values of the same units, and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", covariant=True)


@dataclass(frozen=True, kw_only=True)
class Ground(Generic[T]):
    """Data that are there and cut, the same for all rows of a study.

    Attributes:
        holds: What rows are given.
        units: How many units have values, such as events or texts.
        digest: sha256 of all that rows may read and are judged by, and of how it was cut.
        data: Name of a data set -> sha256 of its content.
        clusters: Number of the one whom each unit belongs to, from 0 without gaps, int64 ``[u]``; ``None`` where the
            units are drawn themselves.
        counts: Sizes, by what is counted.
        cut: How the data were cut, in a few words.
        notes: What a reader must know before believing the numbers; sentences.
    """

    holds: T
    units: int
    digest: str
    data: Mapping[str, str]
    clusters: NDArray[np.int64] | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    cut: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one row gave.

    Attributes:
        values: Name of a measure -> one value a unit, float64 ``[u]``, NaN where a unit has none. A measure may be left
            out where the row has nothing to say on it.
        numbers: Numbers without intervals that come out the same again: counts, tokens, metrics of a whole corpus.
        costs: Numbers that another run gives anew, such as seconds for a question or money.
        settings: What the row was made with, or chose on validation.
        example: One thing that it did or wrote, to be shown; nothing that a person did or wrote.
    """

    values: Mapping[str, NDArray[np.float64]]
    numbers: Mapping[str, float] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    example: str = ""
