"""Completing the rows of a comparison: intervals, differences, p-values, parts and gaps, all from the same resamples.

Everybody is resampled alike for every model, metric and part, so that all differences are within people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.evaluation.bootstrap import Interval, interval, resampled_means
from tastemaker.evaluation.comparison import Gap, Row, SliceRow, Spread
from tastemaker.evaluation.gaps import accuracy_gap, exposure_gap, providers
from tastemaker.evaluation.judge import Evaluation, Judge, popularity_lift
from tastemaker.evaluation.significance import holm, p_value
from tastemaker.evaluation.slices import Part, values_of

Values = NDArray[np.float64]
Key = tuple[str, str, str]
"""Model, part and metric; no model for the people of a part, no part for the whole test."""

Found = dict[str, tuple[float, Values]]
"""Metric -> its value, and the same of each resample."""

_VALUES_AT_ONCE: Final = 16_000_000
_LIFT: Final = ("list_popularity", "history_popularity")


@dataclass(frozen=True)
class Measured:
    """A row on its way.

    Attributes:
        row: What is known of it so far.
        evaluations: What was measured, once for each seed; nothing where the model was not run.
        validation: NDCG@10 of the first seed for each person of the validation part, float64 ``[v]``.
    """

    row: Row
    evaluations: Sequence[Evaluation] = ()
    validation: Values = field(default_factory=lambda: np.empty(0))

    def mean(self, metric: str) -> float:
        """Return the mean over seeds of a metric."""
        return float(np.mean([judged.metrics[metric] for judged in self.evaluations]))

    def of_users(self, metric: str) -> Values:
        """Return the mean over seeds of a metric for each user, float64 ``[u]``."""
        return np.asarray(np.mean([judged.per_user[metric] for judged in self.evaluations], axis=0))


@dataclass(frozen=True)
class Setting:
    """What all rows share.

    Attributes:
        judge: Queries and metrics.
        parts: The parts that are looked at one by one.
        baseline: Name of the row that the others are compared with.
        seeds: The seeds of the rows.
        replicates: Bootstrap samples.
        provider: The column of items that names providers, if any.
    """

    judge: Judge
    parts: Sequence[Part] = field(default_factory=list)
    baseline: str = ""
    seeds: Sequence[int] = (0,)
    replicates: int = 1000
    provider: str | None = None

    @property
    def part_metrics(self) -> list[str]:
        """The metrics that are looked at in parts."""
        several = len(self.judge.held.targets) > len(self.judge.held)
        return ["ndcg", "hr", *(["recall"] if several else [])]


def completed(measured: Sequence[Measured], setting: Setting) -> list[Row]:
    """Return the rows with intervals and all that rests on them."""
    ran = [one for one in measured if one.evaluations]
    if not ran:
        return [one.row for one in measured]
    means = _resampled(_columns(ran, setting), setting)
    found = {one.row.model: _whole(one, means, setting) for one in ran}
    parts = {one.row.model: _in_parts(one, means, setting) for one in ran}
    rows = [_row(one, found, parts, setting) if one.evaluations else one.row for one in measured]
    return _corrected(rows, found, setting.baseline)


def _columns(ran: Sequence[Measured], setting: Setting) -> dict[Key, Values]:
    columns: dict[Key, Values] = {}
    for one in ran:
        model = one.row.model
        columns |= {(model, "", metric): one.of_users(metric) for metric in one.evaluations[0].per_user}
        for part in setting.parts:
            each = [values_of(setting.judge, part, seed.ranks, setting.part_metrics) for seed in one.evaluations]
            columns["", part.key, "users"] = each[0]["users"]
            for metric in each[0]:
                if metric != "users":
                    columns[model, part.key, metric] = np.mean([values[metric] for values in each], axis=0)
    return columns


def _resampled(columns: Mapping[Key, Values], setting: Setting) -> dict[Key, tuple[float, Values]]:
    """Return for each column its mean and the means of its resamples; the same people are drawn for all."""
    keys = list(columns)
    size = max(1, _VALUES_AT_ONCE // max(setting.judge.held.user_count, 1))
    found: dict[Key, tuple[float, Values]] = {}
    for start in range(0, len(keys), size):
        block = keys[start : start + size]
        values = np.stack([columns[key] for key in block], axis=1)
        drawn = resampled_means(values, replicates=setting.replicates, seed=setting.seeds[0])
        found |= {key: (float(values[:, place].mean()), drawn[:, place]) for place, key in enumerate(block)}
    return found


def _whole(one: Measured, means: Mapping[Key, tuple[float, Values]], setting: Setting) -> Found:
    found: Found = {}
    for metric in one.evaluations[0].metrics:
        short, _, k = metric.partition("@")
        if (one.row.model, "", metric) in means:
            found[metric] = means[one.row.model, "", metric]
        elif short == "popularity_lift":
            shown, known = (means[one.row.model, "", f"{part}@{k}"][1] for part in _LIFT)
            found[metric] = one.mean(metric), popularity_lift(shown, known)
    return found


def _in_parts(one: Measured, means: Mapping[Key, tuple[float, Values]], setting: Setting) -> dict[str, Found]:
    """Return for each part what `_whole` returns: sums of its people over how many of them were drawn."""
    found: dict[str, Found] = {}
    for part in setting.parts:
        users, drawn_users = means["", part.key, "users"]
        found[part.key] = {}
        for short in setting.part_metrics:
            value, drawn = means[one.row.model, part.key, f"{short}@{setting.judge.ks[0]}"]
            share = np.divide(drawn, drawn_users, out=np.full(len(drawn), np.nan), where=drawn_users > 0)
            found[part.key][f"{short}@{setting.judge.ks[0]}"] = value / users, share
    return found


def _row(one: Measured, found: Mapping[str, Found], parts: Mapping[str, dict[str, Found]], setting: Setting) -> Row:
    row, base = one.row, setting.baseline
    compared = base in found and base != row.model
    known = {metric: interval(value, drawn) for metric, (value, drawn) in found[row.model].items()}
    metrics = {metric: known.get(metric, Interval(one.mean(metric))) for metric in one.evaluations[0].metrics}
    slices = [
        SliceRow(
            part.family,
            part.name,
            part.queries,
            part.users,
            int(part.targets.sum()),
            part.small,
            {metric: interval(value, drawn) for metric, (value, drawn) in parts[row.model][part.key].items()},
            _differences(parts[row.model][part.key], parts[base][part.key]) if compared else {},
        )
        for part in setting.parts
    ]
    return replace(
        row,
        metrics=metrics,
        vs_baseline=_differences(found[row.model], found[base]) if compared else {},
        slices=slices,
        gaps=_gaps(one, parts[row.model], setting),
        spread=_spread(one, setting.seeds),
    )


def _differences(row: Found, baseline: Found) -> dict[str, Interval]:
    """Return ``row`` minus ``baseline``, metric by metric."""
    return {
        metric: interval(row[metric][0] - value, row[metric][1] - drawn) for metric, (value, drawn) in baseline.items()
    }


def _spread(one: Measured, seeds: Sequence[int]) -> Spread | None:
    if len(one.evaluations) < 2:
        return None
    metrics = one.evaluations[0].metrics
    return Spread(tuple(seeds), {name: [judged.metrics[name] for judged in one.evaluations] for name in metrics})


def _gaps(one: Measured, parts: Mapping[str, Found], setting: Setting) -> list[Gap]:
    """Return the accuracy gap of each column of people, and what each provider gets."""
    metric = f"ndcg@{setting.judge.ks[0]}"
    gaps = []
    for family in dict.fromkeys(part.family for part in setting.parts if part.family.startswith("group:")):
        large = {p.name: p.key for p in setting.parts if p.family == family and not p.small}
        widest = accuracy_gap({name: parts[key][metric][0] for name, key in large.items()})
        if widest is not None:
            value, best, worst = widest
            drawn = parts[large[best]][metric][1] - parts[large[worst]][metric][1]
            gaps.append(Gap(family, metric, interval(value, drawn), best, worst))
    if setting.provider is not None:
        # The lists of the first seed stand for all: attention is a sum over everybody.
        found = providers(setting.judge, one.evaluations[0], setting.provider)
        most = max(found, key=lambda each: each.exposure - each.events)
        least = min(found, key=lambda each: each.exposure - each.events)
        name = f"exposure@{setting.judge.ks[0]}"
        gap = Interval(exposure_gap(found))
        gaps.append(Gap(f"provider:{setting.provider}", name, gap, most.name, least.name, found))
    return gaps


def _corrected(rows: Sequence[Row], found: Mapping[str, Found], baseline: str) -> list[Row]:
    """Return the rows with the p-values of their differences, as they are and corrected over the rows (Holm)."""
    compared = [row for row in rows if row.vs_baseline]
    if not compared:
        return list(rows)
    plain = {
        metric: {row.model: p_value(found[row.model][metric][1] - found[baseline][metric][1]) for row in compared}
        for metric in compared[0].vs_baseline
    }
    adjusted = {metric: holm(values) for metric, values in plain.items()}
    return [
        replace(
            row,
            p_values={metric: (plain[metric][row.model], adjusted[metric][row.model]) for metric in row.vs_baseline},
        )
        if row.vs_baseline
        else row
        for row in rows
    ]
