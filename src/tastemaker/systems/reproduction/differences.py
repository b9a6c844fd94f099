"""Differences of two rows that expectations ask for, paired over people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.data.split import Split
from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.intervals import Measured
from tastemaker.evaluation.judge import Judge
from tastemaker.evaluation.slices import Part, parts, values_of
from tastemaker.evaluation.unit_means import Units
from tastemaker.systems.reproduction.documents import Pair

_NOTHING: Final = np.empty(0)


def differences(
    pairs: Sequence[Pair], measured: Mapping[str, Measured], split: Split, ks: Sequence[int], seed: int
) -> dict[Pair, Interval]:
    """Return those differences, ``model`` minus ``other``, whose rows were both run and have the metric.

    Args:
        pairs: What is wanted.
        measured: The rows.
        split: What they were tested on.
        ks: Cut-offs; metrics of parts are those at the first.
        seed: Start of the draws of people.
    """
    judge = Judge(split.test, split.train, ks)
    named = {part.key: part for part in parts(judge)} if any(pair.part for pair in pairs) else {}
    found = {}
    for pair in dict.fromkeys(pairs):
        part = named.get(pair.part)
        rows = [measured.get(name) for name in (pair.model, pair.other)]
        known = [row for row in rows if row is not None and row.evaluations]
        if len(known) < 2 or (pair.part and part is None):
            continue
        values = [_of_people(row, pair.metric, part, judge) for row in known]
        if all(map(len, values)):
            counted = np.where(_people(part, judge), values[0] - values[1], np.nan)
            found[pair] = Units(len(counted), seed=seed).mean(counted)
    return found


def _of_people(row: Measured, metric: str, part: Part | None, judge: Judge) -> NDArray[np.float64]:
    """Return the metric of a row for each person, float64 ``[u]``, 0 outside the part; nothing if it has none."""
    if part is None:
        return row.of_users(metric) if metric in row.evaluations[0].per_user else _NOTHING
    short, _, k = metric.partition("@")
    if k != str(judge.ks[0]):
        return _NOTHING
    each = [values_of(judge, part, seed.ranks, [short])[metric] for seed in row.evaluations]
    return np.asarray(np.mean(each, axis=0))


def _people(part: Part | None, judge: Judge) -> NDArray[np.bool_]:
    """Return who counts, bool ``[u]``: everybody, or those who have an answer in the part."""
    people = np.full(judge.held.user_count, part is None)
    if part is not None:
        people[judge.held.users[judge.held.query[part.targets]]] = True
    return people
