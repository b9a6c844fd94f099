"""Whether an experiment that was measured anew gave the numbers of its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.systems.reproduction.documents import Pair
from tastemaker.systems.reproduction.records import Record
from tastemaker.systems.reproduction.study_record import StudyRecord

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
    wrong += _changed(_by_name(before.differences), _by_name(after.differences))
    return wrong, [*known, *_other_code(before.code, after.code)]


def compare_study_records(before: StudyRecord, after: StudyRecord) -> tuple[list[str], list[str]]:
    """Return what differs in the numbers of two records of a study, and what else is worth knowing; sentences both."""
    wrong, known = [], []
    for name, old in {**before.data, "digest": before.digest}.items():
        new = {**after.data, "digest": after.digest}.get(name, "not there")
        if old != new:
            wrong.append(f"{name} is {new}, and was {old}")
    rows = {row.name: row for row in after.rows}
    for row in before.rows:
        new_row = rows.pop(row.name, None)
        if new_row is None or bool(new_row.reason) != bool(row.reason):
            now = "gone" if new_row is None else "not run" if new_row.reason else "run"
            wrong.append(f"{row.name}: {now}, and was {'not run' if row.reason else 'run'}")
            continue
        wrong += [f"{row.name}: {text}" for text in _changed(row.values, new_row.values)]
        wrong += [f"{row.name}: {text}" for text in _changed(_plainly(row.numbers), _plainly(new_row.numbers))]
        if new_row.hash != row.hash:
            known.append(f"{row.name}: {before.units} have other values than before (means say whether that matters)")
    wrong += [f"{name}: a row that was not there" for name in rows]
    wrong += _changed(_by_name(before.differences), _by_name(after.differences))
    return wrong, [*known, *_other_code(before.code, after.code)]


def _other_code(before: str, after: str) -> Iterator[str]:
    if before != after:
        yield f"the code is {after[:12]}, and was {before[:12]}"


def _changed(before: Mapping[str, Interval], after: Mapping[str, Interval]) -> Iterator[str]:
    """Say which values are not what they were."""
    for name, old in before.items():
        new = after.get(name, Interval(float("nan"))).value
        if not np.isclose(new, old.value, rtol=0, atol=TOLERANCE, equal_nan=True):
            yield f"{name} is {new:.6f}, and was {old.value:.6f}"


def _by_name(differences: Mapping[Pair, Interval]) -> dict[str, Interval]:
    return {" ".join(["difference", *pair]).strip(): found for pair, found in differences.items()}


def _plainly(numbers: Mapping[str, float]) -> dict[str, Interval]:
    return {name: Interval(value) for name, value in numbers.items()}
