"""Differences of two rows that expectations ask for, paired over people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.data.split import Split
from tastemaker.evaluation.bootstrap import Interval, interval, resampled_means
from tastemaker.evaluation.intervals import Measured
from tastemaker.evaluation.judge import Judge
from tastemaker.evaluation.slices import Part, parts, values_of
from tastemaker.systems.reproduction.records import Pair

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
            found[pair] = _difference(values[0] - values[1], _people(part, judge), seed)
    return found


def _difference(values: NDArray[np.float64], people: NDArray[np.float64], seed: int) -> Interval:
    """Return the mean of values over those people who count, with its interval."""
    columns = np.stack([values, people], axis=1)
    drawn = resampled_means(columns, seed=seed)
    share = np.divide(drawn[:, 0], drawn[:, 1], out=np.full(len(drawn), np.nan), where=drawn[:, 1] > 0)
    return interval(float(values.sum() / people.sum()), share)


def _of_people(row: Measured, metric: str, part: Part | None, judge: Judge) -> NDArray[np.float64]:
    """Return the metric of a row for each person, float64 ``[u]``, 0 outside the part; nothing if it has none."""
    if part is None:
        return row.of_users(metric) if metric in row.evaluations[0].per_user else _NOTHING
    short, _, k = metric.partition("@")
    if k != str(judge.ks[0]):
        return _NOTHING
    each = [values_of(judge, part, seed.ranks, [short])[metric] for seed in row.evaluations]
    return np.asarray(np.mean(each, axis=0))


def _people(part: Part | None, judge: Judge) -> NDArray[np.float64]:
    """Return who counts, float64 ``[u]``: everybody, or those who have an answer in the part."""
    if part is None:
        return np.ones(judge.held.user_count)
    people = np.zeros(judge.held.user_count)
    people[judge.held.users[judge.held.query[part.targets]]] = 1
    return people
