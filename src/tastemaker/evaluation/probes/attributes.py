"""Whether a column of the catalogue knows how popular items will be: a snapshot taken after the events."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import polars as pl
import scipy
from numpy.typing import NDArray

from tastemaker.core.query import NO_TIME
from tastemaker.data.dataset import Dataset
from tastemaker.data.split import Split
from tastemaker.evaluation.probes.chance import normal_tail
from tastemaker.evaluation.probes.finding import FALSE_ALARMS, Finding, not_run
from tastemaker.evaluation.probes.numbers import as_numbers

ATTRIBUTES: Final = "snapshot attributes"
NAMES: Final = "snapshot names"

SUSPICIOUS_SHARE, LEAK_SHARE = 0.2, 0.5
"""Shares of what could be known of the future that make a column suspicious, and a leak. What is known of an item
when it is listed stays below the first in all data sets we have looked at (docs/probes.md)."""

_SNAPSHOT: Final = re.compile(
    r"(sales?|best_?sell\w*|popularity|bsr)_?rank|rank_in_\w+|"
    r"(num|number|n|count|total)_?(of_)?_?(ratings?|reviews?|votes?|sales|views|plays|listens|purchases|downloads)|"
    r"(ratings?|reviews?|votes?|sales|views?|plays?|purchases?|downloads?|members|favou?rites?|likes?)_?"
    r"(count|number|num|total|sum)s?|"
    r"(avg|average|mean)_?(rating|score|stars|review|vote)s?|(rating|vote|score|stars)_?(avg|average|mean)|"
    r"popularity|members|favou?rites|views|plays|downloads|sold|units_sold|likes|"
    r"also_?(bought|viewed|buy|view|liked)|bought_?together|buy_?after_?view(ing|ed)?"
)
_FEWEST: Final = 50
_HALVINGS: Final = 8
_RECENT: Final = 0.2
_LEAST_KNOWABLE: Final = 0.05
_PRIOR: Final = 5.0


def attributes(split: Split, *, level: float = FALSE_ALARMS, rng: np.random.Generator | None = None) -> list[Finding]:
    """Ask of each column how much it tells of an item's later popularity beyond what the training part tells.

    For the items that occur in training, let ``y`` be the rank of the number of held-out events (validation and
    test), and ``Z`` what the training part tells: ranks of the number of events, of recent events (the last fifth),
    of the first and of the last event, and their squares. ``rho`` is the correlation of
    the residuals of the column's rank and of ``y`` given ``Z`` (partial Spearman correlation). Held-out events
    are few, so not even perfect knowledge of the rate at which they come would give ``rho = 1``: the residual's
    reliability ``r``, from random halves of the held-out events by Spearman and Brown's formula, bounds what can be
    known. Statistic: ``rho**2 / r``, the share of it that the column tells, at most 1. Numbers and times are taken
    as they are, text and lists by their length, and what takes repeated values also by its categories: the mean
    ``y`` of a category in one random half of the items scores those of the other half.

    Price, brand or age may tell a little honestly, as tastes change and counts are noisy, so the test (Fisher's z,
    one-sided) is not against 0 but against `SUSPICIOUS_SHARE`, and a leak is more than `LEAK_SHARE`.

    Args:
        split: What is held out, and the training part with the catalogue.
        level: False alarm rate, over all columns together.
        rng: Draws the halves.
    """
    rng = rng or np.random.default_rng(0)
    train = split.train
    frame = train.catalogue.frame
    place = train.items.index(frame["item_id"])
    codes = np.concatenate([part.targets for part in (split.valid, split.test)])
    known = np.bincount(train.sequences.codes, minlength=len(train.items)) > 0
    columns = [name for name in frame.columns if name != "item_id"]
    if known.sum() < _FEWEST or not len(codes) or not columns:
        reason = "the catalogue has no columns" if not columns else "too few items or held-out events"
        return [not_run(ATTRIBUTES, "catalogue", reason)]
    past = _past(train, train.interactions.has_times)[known]
    future = _Future.of(codes, known, past, rng)
    found = []
    for name in columns:
        best: tuple[float, int] | None = None
        for values in _readings(frame[name], future, place, known, rng):
            usable = np.isfinite(values)
            if usable.sum() < _FEWEST or np.ptp(values[usable]) == 0:
                continue
            rho = _partial(values[usable], future.counts[usable], past[usable])
            if best is None or abs(rho) > abs(best[0]):
                best = rho, int(usable.sum())
        if best is None:
            found.append(not_run(ATTRIBUTES, name, "it is constant, or few items have it"))
        else:
            found.append(_judged(name, *best, future.knowable, past.shape[1], level / (2 * len(columns))))
    return found


def _judged(name: str, rho: float, n: int, knowable: float, controls: int, level: float) -> Finding:
    scale = float(np.sqrt(max(n - controls - 3, 1)))
    share = rho**2 / knowable

    def beyond(bound: float) -> float:
        return float(
            scipy.stats.norm.sf((np.arctanh(min(abs(rho), 1 - 1e-12)) - np.arctanh(np.sqrt(bound * knowable))) * scale)
        )

    suspicious, leak = beyond(SUSPICIOUS_SHARE) < level, beyond(LEAK_SHARE) < level
    message = (
        f"tells {share:.0%} of what can be known of the later popularity of {n:,} items beyond their past "
        f"(partial rank correlation {rho:+.3f}, p {normal_tail(np.arctanh(min(abs(rho), 1 - 1e-12)) * scale):.1g} "
        "against none)."
    )
    if leak:
        message += " Nothing that is known when an item is listed does that."
    largest = float(np.tanh(np.arctanh(np.sqrt(SUSPICIOUS_SHARE * knowable)) + scipy.stats.norm.isf(level) / scale))
    return Finding(
        ATTRIBUTES,
        name,
        "leak" if leak else "suspicious" if suspicious else "clean",
        min(share, 1.0),
        0.0,
        (0.0, largest**2 / knowable),
        beyond(SUSPICIOUS_SHARE),
        level,
        message,
        f"Find out when '{name}' was recorded; if after the events, leave it out (ignore it in dataset.toml)."
        if suspicious
        else "",
    )


def snapshot_names(dataset: Dataset) -> list[Finding]:
    """Name the columns that are, by what they are called, totals or ranks taken at some moment, often the last.

    No statistic: a name is a hint that somebody should ask for the moment, also where `attributes` finds nothing.
    """
    return [
        Finding(
            NAMES,
            name,
            "suspicious",
            message="its name says that it is a total or a rank, which is taken at one moment; after the events, "
            "unless somebody kept the old ones.",
            remedy=f"Leave '{name}' out of what models read (ignore it in dataset.toml), or show when it was taken.",
        )
        for name in dataset.catalogue.frame.columns
        if _SNAPSHOT.fullmatch(name.lower())
    ]


def _readings(
    column: pl.Series, future: _Future, place: NDArray[np.int32], known: NDArray[np.bool_], rng: np.random.Generator
) -> list[NDArray[np.float64]]:
    """Return a column as numbers of the known items, float64 ``[m]`` each, NaN where there is no value."""
    readings: list[pl.Series] = []
    levels: pl.Series | None = None
    numbers = as_numbers(column.cast(pl.Int8) if column.dtype == pl.Boolean else column)
    if numbers is not None:
        readings.append(numbers.cast(pl.Float64))
    elif column.dtype.is_temporal():
        readings.append(column.to_physical().cast(pl.Float64))
    elif isinstance(column.dtype, pl.List):
        readings.append(column.list.len().cast(pl.Float64))
        levels = column.list.last().cast(pl.String, strict=False)
    else:
        levels = column.cast(pl.String, strict=False)
        readings.append(levels.str.len_chars().cast(pl.Float64))
    found = [_placed(reading.to_numpy(), place, known) for reading in readings]
    names = None if levels is None else levels.drop_nulls().unique()
    if levels is not None and names is not None and 1 < len(names) <= len(levels) / 2:
        codes = levels.cast(pl.Enum(names)).to_physical().cast(pl.Float64)
        found.append(_scored(_placed(codes.to_numpy(), place, known), future.counts, rng))
    return found


def _placed(values: NDArray[np.float64], place: NDArray[np.int32], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    placed = np.full(len(known), np.nan)
    placed[place] = values
    return placed[known]


def _scored(levels: NDArray[np.float64], counts: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Score each item by how popular its category is later among the items of the other random half."""
    ranks = scipy.stats.rankdata(counts)
    scores = np.full(len(levels), np.nan)
    given = np.isfinite(levels)
    codes = np.where(given, levels, 0).astype(np.int64)
    half = rng.random(len(levels)) < 0.5
    for learnt in (half & given, ~half & given):
        other = given & ~learnt
        centred = ranks[learnt] - ranks[learnt].mean()
        sums = np.bincount(codes[learnt], centred, minlength=int(codes.max()) + 1)
        sizes = np.bincount(codes[learnt], minlength=int(codes.max()) + 1)
        scores[other] = (sums / (sizes + _PRIOR))[codes[other]]
    return scores


def _past(train: Dataset, timed: bool) -> NDArray[np.float64]:
    """Return what the training part tells of each item, float64 ``[n, c]``."""
    sequences, n = train.sequences, len(train.items)
    told = [np.bincount(sequences.codes, minlength=n).astype(np.float64)]
    if timed:
        times = sequences.timestamps.astype(np.float64)
        dated = sequences.timestamps != NO_TIME
        first, last = np.full(n, np.inf), np.full(n, -np.inf)
        np.minimum.at(first, sequences.codes[dated], times[dated])
        np.maximum.at(last, sequences.codes[dated], times[dated])
        recent = dated & (times >= np.quantile(times[dated], 1 - _RECENT))
        told += [first, last, np.bincount(sequences.codes[recent], minlength=n).astype(np.float64)]
    return np.stack(told, axis=1)


class _Future:
    """The later popularity of the items that occur in training.

    Attributes:
        counts: Held-out events, float64 ``[m]``.
        knowable: Reliability of what the past does not tell of their rank.
    """

    def __init__(self, counts: NDArray[np.float64], knowable: float) -> None:
        self.counts, self.knowable = counts, knowable

    @classmethod
    def of(
        cls, codes: NDArray[np.int32], known: NDArray[np.bool_], past: NDArray[np.float64], rng: np.random.Generator
    ) -> _Future:
        """Count the held-out events, and halve them a few times at random."""
        controls = _controls(past)

        def residual(kept: NDArray[np.int32]) -> NDArray[np.float64]:
            return _residual(scipy.stats.rankdata(np.bincount(kept, minlength=len(known))[known]), controls)

        halves = []
        for _ in range(_HALVINGS):
            half = rng.random(len(codes)) < 0.5
            halves.append(_correlation(residual(codes[half]), residual(codes[~half])))
        half_reliability = max(float(np.mean(halves)), 0.0)
        reliability = 2 * half_reliability / (1 + half_reliability)
        counts = np.bincount(codes, minlength=len(known))[known].astype(np.float64)
        return cls(counts, max(reliability, _LEAST_KNOWABLE))


def _controls(past: NDArray[np.float64]) -> NDArray[np.float64]:
    ranks = np.apply_along_axis(scipy.stats.rankdata, 0, past) / len(past) - 0.5
    return np.column_stack([np.ones(len(past)), ranks, ranks**2])


def _residual(values: NDArray[np.float64], controls: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values - controls @ np.linalg.lstsq(controls, values, rcond=None)[0])


def _correlation(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    left, right = left - left.mean(), right - right.mean()
    size = float(np.sqrt((left @ left) * (right @ right)))
    return float(left @ right) / size if size > 0 else 0.0


def _partial(values: NDArray[np.float64], counts: NDArray[np.float64], past: NDArray[np.float64]) -> float:
    controls = _controls(past)
    return _correlation(
        _residual(scipy.stats.rankdata(values), controls), _residual(scipy.stats.rankdata(counts), controls)
    )
