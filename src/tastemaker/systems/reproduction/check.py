"""Whether a cell that was measured anew gave the numbers of its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.systems.reproduction.records import Record

TOLERANCE: Final = 1e-6
"""How far two runs of the same code may be apart in a metric."""


def compare_records(before: Record, after: Record) -> tuple[list[str], list[str]]:
    """Return what differs in the numbers of two records, and what else is worth knowing; sentences both."""
    wrong, known = [], []
    for what in ("dataset", "fingerprint", "split_hash"):
        old, new = (getattr(record.comparison, what) for record in (before, after))
        if old != new:
            wrong.append(f"{what} is {new}, and was {old}")
    rows = {row.model: row for row in after.comparison.rows}
    for row in before.comparison.rows:
        new_row = rows.pop(row.model, None)
        if new_row is None or new_row.status != row.status:
            wrong.append(f"{row.model}: {'gone' if new_row is None else new_row.status}, and was {row.status}")
            continue
        wrong += [f"{row.model}: {text}" for text in _changed(row.metrics, new_row.metrics)]
        if new_row.rank_hash != row.rank_hash:
            known.append(f"{row.model}: answers have other ranks than before (metrics say whether that matters)")
    wrong += [f"{model}: a row that was not there" for model in rows]
    wrong += _changed(_by_name(before), _by_name(after))
    if before.code != after.code:
        known.append(f"the code is {after.code[:12]}, and was {before.code[:12]}")
    return wrong, known


def _changed(before: Mapping[str, Interval], after: Mapping[str, Interval]) -> Iterator[str]:
    """Say which values are not what they were."""
    for name, old in before.items():
        new = after.get(name, Interval(float("nan"))).value
        if not np.isclose(new, old.value, rtol=0, atol=TOLERANCE, equal_nan=True):
            yield f"{name} is {new:.6f}, and was {old.value:.6f}"


def _by_name(record: Record) -> dict[str, Interval]:
    return {" ".join(["difference", *pair]).strip(): found for pair, found in record.differences.items()}
