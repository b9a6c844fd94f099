"""What holds for every protocol and every log, after LensKit's tests/splitting."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tastemaker.core.errors import DataError
from tastemaker.data import Dataset, HeldOut, Split
from tastemaker.data.split import make_splits

Of = Callable[..., Dataset]
Log = list[tuple[str, str, int]]

PROTOCOLS: list[tuple[str, dict[str, Any]]] = [
    ("global-time", {"valid": 0.2, "test": 0.2, "targets_per_user": None}),
    ("global-time", {"folds": 2, "valid": 0.2, "test": 0.15, "targets_per_user": None}),
    ("global-time", {"folds": 2, "test_days": 4, "align": "day", "targets": "together", "targets_per_user": None}),
    ("global-time", {"borders": ["2021-09-12", "2021-09-20"], "train_days": 8, "targets_per_user": None}),
    ("leave-one-out", {}),
    ("leave-last-n", {"test_events": 2, "valid_events": 2}),
    ("leave-last-n", {"test_events": 3, "targets": "together"}),
    ("user-ratio", {"valid": 0.2, "test": 0.3}),
    ("random-ratio", {"valid": 0.2, "test": 0.2}),
    ("random-ratio", {"valid": 0.2, "test": 0.2, "per": "all"}),
    ("cold-item", {"valid": 0.2, "test": 0.2, "targets_per_user": None}),
    ("cold-user", {"valid": 0.3, "test": 0.3, "shown": 2, "asked": 2}),
    ("user-k-fold", {"folds": 3, "test_events": 2}),
]
COMPLETE = [pair for pair in PROTOCOLS if pair[0] != "cold-user" and "test_days" not in pair[1]]


def drawn(seed: int) -> Log:
    """Return a log in which users, items and days repeat."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(30, 80))
    return [
        ("stuvwx"[user], "abcdefghijkl"[item], int(day))
        for user, item, day in rng.integers(0, (6, 12, 28), size=(size, 3))
    ]


LOGS = st.integers(0, 2**32).map(drawn)
DISTINCT = st.lists(
    st.tuples(st.sampled_from("stuvwx"), st.sampled_from("abcdefghijkl")), min_size=30, max_size=70
).map(lambda pairs: [(user, item, 1 + place / 3) for place, (user, item) in enumerate(pairs)])


def splits_or_skip(data: Dataset, protocol: str, knobs: dict[str, Any]) -> list[Split]:
    try:
        return list(make_splits(data, protocol, **knobs))
    except DataError as error:
        assume(not any(said in str(error) for said in ("empty", "needs users with", "shares of", "at least")))
        raise


def rows_of(split: Split) -> tuple[set[int], set[int], set[int]]:
    train, valid, test = (
        set(found.tolist()) for found in (split.train.sequences.rows, split.valid.rows, split.test.rows)
    )
    return train, valid, test


@pytest.mark.parametrize(("protocol", "knobs"), PROTOCOLS)
@given(log=LOGS)
@settings(max_examples=20)
def test_parts_share_no_row_and_no_pair_is_asked_that_was_known(
    of: Of, protocol: str, knobs: dict[str, Any], log: Log
) -> None:
    data = of(log)
    for split in splits_or_skip(data, protocol, knobs):
        train, valid, test = rows_of(split)
        assert not (train | valid) & test
        assert not train & valid
        for held in (split.valid, split.test):
            indptr, positions = held.queries.flatten()
            for query in range(len(held)):
                history = held.queries.codes[positions[indptr[query] : indptr[query + 1]]]
                targets = held.targets[held.query == query]
                assert len(targets) == len(set(targets)) > 0
                assert not set(history) & set(targets)


@pytest.mark.parametrize(("protocol", "knobs"), COMPLETE)
@given(log=LOGS)
@settings(max_examples=20)
def test_every_event_is_in_a_part_or_counted(of: Of, protocol: str, knobs: dict[str, Any], log: Log) -> None:
    data = of(log)
    for split in splits_or_skip(
        data,
        protocol,
        {**knobs, "drop_seen": False, "targets": "each"} if "targets" in knobs else {**knobs, "drop_seen": False},
    ):
        parts = rows_of(split)
        dropped = sum(split.valid.dropped.values()) + sum(split.test.dropped.values())
        outside = 0
        if protocol == "global-time":
            times = data.sequences.timestamps
            start, end = (split.knobs[name] for name in ("train_from", "test_to"))
            outside = int(((times < int(start or 0)) | (times >= int(end or 2**62))).sum())
        assert sum(map(len, parts)) + dropped + outside == len(log)


@pytest.mark.parametrize(("protocol", "knobs"), [pair for pair in PROTOCOLS if pair[0] == "global-time"])
@given(log=LOGS)
@settings(max_examples=20)
def test_training_is_older_than_validation_and_that_than_the_test(
    of: Of, protocol: str, knobs: dict[str, Any], log: Log
) -> None:
    data = of(log)
    time_of = dict(zip(data.sequences.rows.tolist(), data.sequences.timestamps.tolist(), strict=True))
    before: set[int] = set()
    ends: list[Any] = []
    for split in splits_or_skip(data, protocol, knobs):
        train, valid, test = ([time_of[row] for row in part] for part in rows_of(split))
        assert max(train) < split.knobs["valid_from"] <= min(valid)
        assert max(valid) < split.knobs["test_from"] <= min(test)
        assert not before & rows_of(split)[2]
        before |= rows_of(split)[2]
        ends.append((split.knobs["test_from"], split.knobs["test_to"]))
    assert all(ends[fold][1] == ends[fold + 1][0] for fold in range(len(ends) - 1))


@given(log=LOGS, protocol=st.sampled_from(["global-time", "user-ratio", "random-ratio"]), least=st.integers(0, 6))
@settings(max_examples=25)
def test_who_is_asked_has_as_many_events_as_are_needed(of: Of, log: Log, protocol: str, least: int) -> None:
    data = of(log)
    knobs: dict[str, Any] = {"valid": 0.2, "test": 0.3, "min_history": least, "train_on_valid": True}
    for split in splits_or_skip(data, protocol, knobs):
        assert min(len(split.train.history(user)) for user in split.test.queries.user_ids) >= least


@given(log=LOGS, folds=st.integers(2, 5))
@settings(max_examples=20)
def test_user_folds_part_the_users(of: Of, log: Log, folds: int) -> None:
    data = of(log)
    splits = splits_or_skip(data, "user-k-fold", {"folds": folds, "drop_seen": False})
    tested = [set(split.test.queries.user_ids) for split in splits]
    assert sum(map(len, tested)) == len(set.union(*tested))
    lengths = np.diff(data.sequences.indptr)
    assert set.union(*tested) == set(data.sequences.user_ids[lengths > 1])


def described(held: HeldOut) -> list[tuple[Any, ...]]:
    indptr, positions = held.queries.flatten()
    ids = held.queries.dictionary
    return [
        (
            held.queries.user_ids[query],
            ids[held.queries.codes[positions[indptr[query] : indptr[query + 1]]]].tolist(),
            ids[held.targets[held.query == query]].tolist(),
        )
        for query in range(len(held))
    ]


@pytest.mark.parametrize(("protocol", "knobs"), PROTOCOLS)
@given(log=DISTINCT, data=st.data())
@settings(max_examples=12)
def test_the_place_of_a_row_in_the_file_does_not_matter(
    of: Of, protocol: str, knobs: dict[str, Any], log: Any, data: Any
) -> None:
    order = data.draw(st.permutations(range(len(log))))
    for first, other in zip(
        splits_or_skip(of(log), protocol, knobs),
        splits_or_skip(of([log[row] for row in order]), protocol, knobs),
        strict=True,
    ):
        columns = ("user_id", "item_id", "timestamp")
        assert first.train.interactions.frame.select(columns).equals(other.train.interactions.frame.select(columns))
        assert described(first.valid) == described(other.valid)
        assert described(first.test) == described(other.test)
        assert first.knobs == other.knobs


def test_the_zone_of_the_machine_does_not_matter() -> None:
    program = (
        "from tastemaker.data import Dataset; from tastemaker.data.split import make_splits; import polars as pl;"
        "from datetime import datetime, date;"
        "log = pl.DataFrame({'user_id': ['u'] * 96, 'item_id': [str(n) for n in range(96)],"
        "'timestamp': [f'2024-03-{28 + n // 24} {n % 24:02}:30:00' for n in range(96)]});"
        "data = Dataset.of(log);"
        "cuts = [dict(test_days=0.5, align='day', folds=2), dict(borders=[datetime(2024, 3, 30, 12)], valid_days=1),"
        "dict(borders=[date(2024, 3, 31)], ties='shuffle', tie_unit='day')];"
        "print([split.hash for knobs in cuts for split in make_splits(data, 'global-time', **knobs)])"
    )
    found = set()
    for zone in ("Pacific/Auckland", "America/Los_Angeles", "UTC"):
        result = subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "TZ": zone}, capture_output=True, text=True, check=True
        )
        found.add(result.stdout)
    assert len(found) == 1
