"""Replaying a log in time order: what is won by knowing what somebody did a minute ago, and not only yesterday."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import from_microseconds
from tastemaker.core.errors import ConfigError, nearest
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.engine.replay_arms import Arm, ByInterests, ByModel, ByPolicy, Judged, Log
from tastemaker.engine.replay_moments import Moments, moments_of
from tastemaker.evaluation.bootstrap import REPLICATES, Interval, interval, resampled_means

__all__ = ["BINS", "Arm", "ByInterests", "ByModel", "ByPolicy", "ReplayRow", "Replayed", "replay_events"]

BINS: Final[Mapping[str, float]] = {"<5 min": 5, "5-30 min": 30, "30-120 min": 120, "2-24 h": 1_440, ">24 h": math.inf}
"""Minutes since the person's last event: name of a bin -> where it ends."""

ALL: Final = "all"
KNOWN_YESTERDAY: Final = "known yesterday"
NEW_TODAY: Final = "new today"


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One arm at some of the moments.

    Attributes:
        part: A bin, or `ALL`, or those of people who had, or had not, done anything before the last midnight.
        arm: Its name.
        moments: How many.
        people: Of how many people.
        hit: Share of lists that hold what came, everybody counting the same.
        ndcg: The same of NDCG.
        against: The arm that it is compared with; empty for none.
        hit_difference: What it has more than that one.
        ndcg_difference: The same of NDCG.
    """

    part: str
    arm: str
    moments: int
    people: int
    hit: Interval
    ndcg: Interval
    against: str = ""
    hit_difference: Interval | None = None
    ndcg_difference: Interval | None = None


@dataclass(frozen=True)
class Replayed:
    """What a replay found.

    Attributes:
        dataset: Name of the data.
        since: Where the window began, microseconds since the epoch.
        k: Length of the lists.
        rows: Part after part, arm after arm.
        dropped: Events of the window that ask nothing, by reason.
    """

    dataset: str
    since: int
    k: int
    rows: tuple[ReplayRow, ...]
    dropped: Mapping[str, int]

    def row(self, part: str, arm: str) -> ReplayRow:
        """Return one row.

        Raises:
            ConfigError: There is none.
        """
        for row in self.rows:
            if (row.part, row.arm) == (part, arm):
                return row
        raise ConfigError(f"there is no row '{arm}' of '{part}'", remedy=nearest(arm, {row.arm for row in self.rows}))

    def text(self) -> str:
        """Return the table as plain text."""
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in self.dropped.items()) or "nothing"
        lines = [
            f"{self.dataset}, events since {from_microseconds(self.since):%Y-%m-%d %H:%M} UTC; left out: {left_out}",
            "Items met before are left out of all lists alike, up to the moment; 95 % intervals, people resampled.",
        ]
        width = max(len(row.arm) for row in self.rows)
        for place, row in enumerate(self.rows):
            if not place or self.rows[place - 1].part != row.part:
                lines.append(f"{row.part}: {row.moments:,} moments of {row.people:,} people")
                lines.append(f"  {'':{width}}  {f'hit@{self.k}':<22}{f'ndcg@{self.k}':<22}difference in hits")
            known = row.hit_difference
            more = "" if known is None else f"{_bounded(known, '+.3f')}{_mark(known)} to {row.against}"
            lines.append(f"  {row.arm:{width}}  {_bounded(row.hit):<22}{_bounded(row.ndcg):<22}{more}".rstrip())
        return "\n".join(lines) + "\n"


def replay_events(
    dataset: Dataset,
    arms: Sequence[Arm],
    *,
    since: int,
    until: int | None = None,
    against: Mapping[str, str] | None = None,
    bins: Mapping[str, float] = BINS,
    k: int = 10,
    per_user: int | None = None,
    replicates: int = REPLICATES,
    run: Run | None = None,
) -> Replayed:
    """Ask every arm before each event of a window, and compare them by how long ago the person's last event was.

    The whole catalogue is ranked. What the person met before the moment is left out for all arms alike, so that those
    which know only yesterday differ in taste and not in what they repeat; in a shop they would also repeat what was
    just bought.

    Args:
        dataset: The whole log; vectors and models must come from what lies before the window.
        arms: What is compared.
        since: Where the window begins, microseconds since the epoch.
        until: Where it ends; ``None`` at the last event.
        against: Arm -> the arm it is compared with, person by person.
        bins: Name -> where it ends, in minutes since the last event, ascending.
        k: Length of the lists.
        per_user: Moments for each person at most, drawn at random; ``None`` for all.
        replicates: Bootstrap samples.
        run: Gives the seed.

    Raises:
        DataError: There are no times, or nothing to ask.
        LeakError: A model has seen the window.
        ConfigError: Two arms have one name, or one is compared with an arm that is not there.
    """
    names = [arm.name for arm in arms]
    against = against or {}
    if len(set(names)) < len(names):
        raise ConfigError("two arms have the same name", where=", ".join(names))
    for name in (*against, *against.values()):
        if name not in names:
            raise ConfigError(f"there is no arm '{name}'", remedy=nearest(name, names))
    run = run or Run()
    moments = moments_of(dataset, since, until, per_user=per_user, run=run)
    log = Log(dataset, since, k, run.seed)
    judged = {}
    with run.limited(), run.track("Replaying", len(arms)) as advance:
        for arm in arms:
            judged[arm.name] = arm.judged(log, moments)
            advance(1)
    rows: list[ReplayRow] = []
    for part, member in _parts(moments, bins).items():
        if member.any():
            rows += _rows(part, member, moments, judged, against, replicates, run.seed)
    return Replayed(dataset.name, since, k, tuple(rows), moments.dropped)


def _parts(moments: Moments, bins: Mapping[str, float]) -> dict[str, NDArray[np.bool_]]:
    """Return which moments belong to each part, bool ``[t]``."""
    parts = {ALL: np.ones(len(moments), dtype=bool)}
    begin = 0.0
    for name, end in bins.items():
        parts[name] = (moments.minutes >= begin) & (moments.minutes < end)
        begin = end
    known = moments.yesterday > moments.held.queries.starts
    return {**parts, KNOWN_YESTERDAY: known, NEW_TODAY: ~known}


def _rows(
    part: str,
    member: NDArray[np.bool_],
    moments: Moments,
    judged: Mapping[str, Judged],
    against: Mapping[str, str],
    replicates: int,
    seed: int,
) -> list[ReplayRow]:
    users = np.unique(moments.held.users[member], return_inverse=True)[1]
    counts = np.bincount(users)
    values = {
        (arm, metric): np.bincount(users, weights=getattr(found, metric)[member]) / counts
        for arm, found in judged.items()
        for metric in ("hit", "ndcg")
    }
    keys = list(values)
    drawn = resampled_means(np.stack([values[key] for key in keys], axis=1), replicates=replicates, seed=seed)
    samples = {key: drawn[:, column] for column, key in enumerate(keys)}

    def known(arm: str, metric: str, other: str | None = None) -> Interval | None:
        value, sample = float(values[arm, metric].mean()), samples[arm, metric]
        if other is None:
            return interval(value, sample)
        return interval(value - float(values[other, metric].mean()), sample - samples[other, metric])

    rows = []
    for arm in judged:
        hit, ndcg, other = known(arm, "hit"), known(arm, "ndcg"), against.get(arm)
        assert hit is not None
        assert ndcg is not None
        row = ReplayRow(part, arm, int(member.sum()), len(counts), hit, ndcg)
        if other is not None:
            differences = known(arm, "hit", other), known(arm, "ndcg", other)
            row = ReplayRow(part, arm, row.moments, row.people, hit, ndcg, other, *differences)
        rows.append(row)
    return rows


def _bounded(known: Interval, pattern: str = ".3f") -> str:
    return f"{known.value:{pattern}} [{known.low:{pattern}}, {known.high:{pattern}}]"


def _mark(known: Interval) -> str:
    return "*" if known.excludes_zero() else ""
