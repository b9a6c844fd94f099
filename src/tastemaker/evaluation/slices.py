"""Parts of a test that behave differently: cold and popular answers, short and long histories, groups of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.clock import MICROSECONDS_PER_DAY
from tastemaker.core.errors import DataError, nearest
from tastemaker.core.query import NO_TIME
from tastemaker.data.dataset import Dataset
from tastemaker.evaluation.conventions import RANKS
from tastemaker.evaluation.judge import Judge, membership
from tastemaker.evaluation.targets import TargetRanks

SMALL: Final = 100
"""A part with fewer people than this says little, and is marked."""

FEW: Final = 5
"""An item with fewer events in training than this is as good as new."""

BANDS: Final = ((0, 0), (1, 4), (5, 9), (10, 19), (20, 49), (50, None))
"""Lengths of histories, first and last."""

_THIRDS: Final = ("head", "torso", "tail")
_MOST_GROUPS: Final = 12
OTHER: Final = "other"
UNKNOWN: Final = "unknown"


@dataclass(frozen=True)
class Part:
    """A part of the targets.

    Attributes:
        family: What divides the test: ``popularity``, ``events``, ``history``, ``day``, ``category``, or
            ``group:COLUMN``.
        name: Which part of it.
        targets: Which targets belong to it, bool ``[t]``.
        queries: How many queries have a target in it.
        users: How many people have one.
    """

    family: str
    name: str
    targets: NDArray[np.bool_]
    queries: int
    users: int

    @property
    def key(self) -> str:
        """The name in reports, such as ``history: 5-9``."""
        return f"{self.family}: {self.name}"

    @property
    def small(self) -> bool:
        """Whether there are too few people for its numbers to say much."""
        return self.users < SMALL


def parts(judge: Judge, groups: Sequence[str] = ()) -> list[Part]:
    """Return the parts of a test that have targets.

    - ``popularity``: ``cold`` answers have no event in training; the items that make up the first third of the
      training events, counted from the most popular, are the ``head``, those of the next third the ``torso``, the
      rest the ``tail``.
    - ``events``: whether the answer has fewer than five events in training (``0-4``), as new items do, or more.
    - ``history``: how many events came before.
    - ``day``: whether the answer came on the ``same day`` (UTC) as the last event of the history, as what lies in one
      basket does, or on a ``later day``; only where both times are known.
    - ``category``: whether the answer shares a category with anything in the history (``known``) or not (``new to
      the person``); only where the catalogue has categories.
    - ``group:COLUMN``: the value of a column of people; values beyond the twelve most frequent are ``other``.

    Raises:
        DataError: There is no such column of people.
    """
    named: dict[tuple[str, str], NDArray[np.bool_]] = {}
    popularity = _popularity(judge)
    for place, name in enumerate(("cold", *_THIRDS)):
        named["popularity", name] = popularity == place - 1
    named["events", f"0-{FEW - 1}"] = judge.popularity_of_targets < FEW
    named["events", f"{FEW}+"] = judge.popularity_of_targets >= FEW
    length = judge.held.queries.lengths()[judge.held.query]
    for low, high in BANDS:
        name = f"{low}+" if high is None else str(low) if low == high else f"{low}-{high}"
        named["history", name] = (length >= low) & (length <= (np.inf if high is None else high))
    same, later = _days(judge)
    named["day", "same day"], named["day", "later day"] = same, later
    if "categories" in judge.train.catalogue.frame.columns:
        known = _category_known(judge)
        named["category", "known"], named["category", "new to the person"] = known, ~known
    for column in groups:
        labels = group_of_users(judge.train, column, judge.held.queries.user_ids)[judge.held.query]
        named |= {(f"group:{column}", str(name)): labels == name for name in sorted(set(labels.tolist()))}
    found = []
    for (family, name), mask in named.items():
        queries = np.unique(judge.held.query[mask])
        if len(queries):
            users = len(np.unique(judge.held.users[queries]))
            found.append(Part(family, name, mask, len(queries), users))
    return found


def _popularity(judge: Judge) -> NDArray[np.int64]:
    """Return -1 for cold targets, else the third of the training events that the item stands in, int64 ``[t]``."""
    counts = np.bincount(judge.train.sequences.codes, minlength=len(judge.train.items))
    order = np.argsort(-counts, kind="stable")
    before = np.empty(len(counts) + 1)
    before[order] = np.cumsum(counts[order]) - counts[order]
    before[-1] = 0
    third = np.minimum(3 * before / max(counts.sum(), 1), 2).astype(np.int64)
    return np.where(judge.popularity_of_targets > 0, third[judge.targets], -1)


def _days(judge: Judge) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return whether each target came on the day of the last event before it, and whether on a later one, bool ``[t]``.

    Both are false where a time is unknown.
    """
    queries = judge.held.queries
    last = np.full(len(queries), NO_TIME)
    asked = queries.ends > queries.starts
    last[asked] = queries.timestamps[queries.ends[asked] - 1]
    known = (last != NO_TIME) & (queries.now != NO_TIME)
    same = queries.now // MICROSECONDS_PER_DAY == last // MICROSECONDS_PER_DAY
    return (known & same)[judge.held.query], (known & ~same)[judge.held.query]


def _category_known(judge: Judge) -> NDArray[np.bool_]:
    """Return whether each target shares a category with its history, bool ``[t]``."""
    frame, held, queries = judge.train.catalogue.frame, judge.held, judge.held.queries
    table = membership(frame["categories"].to_list(), judge.train.items.index(frame["item_id"]))
    table = np.vstack([table, np.zeros((1, table.shape[1]), dtype=np.bool_)])
    numbers = judge.train.items.index(queries.dictionary)
    known = np.empty(len(held.targets), dtype=np.bool_)
    bounds = np.searchsorted(held.query, np.arange(len(held) + 1))
    for number, (start, end) in enumerate(zip(queries.starts.tolist(), queries.ends.tolist(), strict=True)):
        part = slice(bounds[number], bounds[number + 1])
        met = table[numbers[queries.codes[start:end]]].any(axis=0)
        known[part] = (table[judge.targets[part]] & met).any(axis=1)
    return known


def group_of_users(train: Dataset, column: str, user_ids: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the value of a column of people for each of ``user_ids``, object ``[q]``; `UNKNOWN` where it is missing.

    Raises:
        DataError: Nothing is known of people, or there is no such column.
    """
    columns = [] if train.users is None else [name for name in train.users.frame.columns if name != "user_id"]
    if train.users is None or column not in columns:
        raise DataError(
            f"there is no column '{column}' of people",
            where=train.name,
            remedy=nearest(column, columns) if columns else "Give the data set a file users.csv.",
        )
    frame = train.users.frame.select("user_id", pl.col(column).cast(pl.String).fill_null(UNKNOWN))
    values = dict(frame.iter_rows())
    return folded([values.get(user, UNKNOWN) for user in user_ids.tolist()])


def folded(labels: Sequence[str]) -> NDArray[np.object_]:
    """Return labels as an array in which all but the twelve most frequent are `OTHER`."""
    found = np.asarray([*labels, None], dtype=object)[:-1]
    names, counts = np.unique(found.astype(str), return_counts=True)
    if len(names) > _MOST_GROUPS:
        kept = set(names[np.argsort(-counts, kind="stable")[:_MOST_GROUPS]].tolist())
        found = np.asarray([*(label if label in kept else OTHER for label in labels), None], dtype=object)[:-1]
    return found


def values_of(judge: Judge, part: Part, ranks: NDArray[np.int64], names: Sequence[str]) -> Mapping[str, Any]:
    """Return each metric of a part for each user, float64 ``[u]``; 0 for users without a target in it.

    Only the targets of the part count as relevant; ranks stay those among all unseen items, int64 ``[t]``, or among
    candidates that were drawn ``d`` times, ``[d, t]``. ``users`` marks, as 1, the users that have one.
    """
    held = judge.held
    queries, query = np.unique(held.query[part.targets], return_inverse=True)
    inside = [TargetRanks(draw[part.targets], query, len(queries)) for draw in np.atleast_2d(ranks)]
    users, everybody = held.users[queries], held.user_count
    asked = np.bincount(users, minlength=everybody)
    found = {"users": (asked > 0).astype(np.float64)}
    k = judge.ks[0]
    for name in names:
        measure = RANKS[name].measure
        assert measure is not None
        values = np.mean([measure(draw, k, np.full(len(queries), k)) for draw in inside], axis=0)
        total = np.bincount(users, weights=values, minlength=everybody)
        found[f"{name}@{k}"] = total / np.maximum(asked, 1)
    return found
