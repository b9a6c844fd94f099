"""The facts about a log, each on a log in which it is known by construction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from tastemaker.data import Dataset, Interactions
from tastemaker.data.profile import DataProfile, profile, profile_events

START = datetime(2024, 1, 1, tzinfo=UTC)
Row = tuple[str, str, datetime | None]


def log(rows: Sequence[Row]) -> pl.LazyFrame:
    schema: dict[str, Any] = {"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Datetime("us", "UTC")}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(event=pl.lit("buy"), weight=pl.lit(1.0, pl.Float32)).lazy()


def facts(rows: Sequence[Row], **options: int) -> DataProfile:
    return profile_events(log(rows), **options)


def at(days: float) -> datetime:
    return START + timedelta(days=days)


def random_log(people: int = 60, items: int = 200, each: int = 12, seed: int = 0) -> list[Row]:
    """People who draw items at random, a day apart."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = [
        (f"u{user}", str(item), at(user / 100 + step))
        for user in range(people)
        for step, item in enumerate(rng.choice(items, each, replace=False))
    ]
    return sorted(rows, key=lambda row: str(row[2]))


def test_counts_and_ranges() -> None:
    found = facts([("a", "x", at(0)), ("a", "y", at(3)), ("b", "x", None)])
    assert (found.events, found.users, found.items, found.without_time) == (3, 2, 2, 1)
    assert (found.first, found.last) == ("2024-01-01T00:00:00+00:00", "2024-01-04T00:00:00+00:00")
    assert found.kinds == {"buy": 3}
    assert found.events_per_user["median"] == 1.5
    assert found.users_by_events == ((1, 1, 1), (2, 3, 1))
    assert sum(count for _, count in found.events_by_time) == 2


def test_clean_data_raise_no_suspicion() -> None:
    found = facts(random_log())
    assert found.suspicions() == []
    assert found.arrival_order == pytest.approx(0.5, abs=0.15)
    assert (found.tied_last_two, found.one_sitting, found.repeated_pairs, found.repeated_events) == (0, 0, 0, 0)
    assert found.sorted_histories == 0


def test_repeats_are_told_apart() -> None:
    found = facts([("a", "x", at(0)), ("a", "x", at(0)), ("a", "x", at(1)), ("b", "x", at(0)), ("b", "y", at(0))])
    assert (found.repeated_pairs, found.repeated_events) == (2, 1)
    untimed = facts([("a", "x", None), ("a", "x", None)])
    assert (untimed.repeated_pairs, untimed.repeated_events) == (1, 0)


def test_ties_of_the_last_two_events() -> None:
    rows = [("a", "x", at(0)), ("a", "y", at(1)), ("a", "z", at(1)), ("b", "x", at(0)), ("b", "y", at(0.5))]
    found = facts([*rows, ("alone", "x", at(0)), ("untimed", "x", None), ("untimed", "y", None)])
    assert found.tied_last_two == 0.5
    assert any("leave-one-out" in sentence for sentence in found.suspicions())


def test_people_in_one_sitting() -> None:
    rows = [("a", "x", at(0)), ("a", "y", at(1)), ("b", "x", at(0)), ("b", "y", at(1.001))]
    assert facts(rows).one_sitting == 0.5


def test_histories_sorted_by_id_are_noticed() -> None:
    rows = [(user, item, None) for user, item, _ in random_log()]
    rows.sort(key=lambda row: (row[0], int(row[1])))
    found = facts(rows)
    assert found.sorted_histories == 1.0
    assert "order of the events was probably lost" in found.suspicions()[0]


def test_histories_in_one_order_that_is_not_that_of_ids_are_noticed() -> None:
    """As in several public copies of Book-Crossing and Gowalla: renumbered after they were sorted."""
    hidden = np.random.default_rng(1).permutation(200)
    rows = [(user, item, None) for user, item, _ in random_log(people=400)]
    rows.sort(key=lambda row: (row[0], hidden[int(row[1])]))
    found = facts(rows)
    assert (found.common_order, found.sorted_histories) == (1.0, 0.0)
    assert found.order_lost
    assert "stand in the same order in 100% of them" in found.suspicions()[0]
    honest = facts(random_log(people=400))
    assert honest.common_order == pytest.approx(0.5, abs=0.05)
    assert not honest.order_lost


def test_of_the_pairs_of_a_long_log_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_log(people=2_000, items=50)
    whole = facts(rows).common_order
    monkeypatch.setattr("tastemaker.data.orders._MOST_NEIGHBOURS", 6_000)
    part = facts(rows).common_order
    assert part != whole
    assert part == pytest.approx(whole, abs=0.02)


def test_few_neighbours_say_nothing_of_a_common_order() -> None:
    assert facts(random_log(people=3)).common_order is None


def test_numbers_are_sorted_as_numbers() -> None:
    found = facts([("a", item, at(day)) for day, item in enumerate(["8", "9", "10", "11", "100"])])
    assert found.sorted_histories == 1.0


def test_ids_in_order_of_arrival_are_noticed() -> None:
    numbers: dict[str, str] = {}
    rows = [(user, numbers.setdefault(item, str(len(numbers))), time) for user, item, time in random_log()]
    found = facts(rows)
    assert found.arrival_order == 1.0
    assert any("order in which items first appear" in sentence for sentence in found.suspicions())


def test_ids_in_order_of_arrival_along_histories_are_noticed() -> None:
    numbers: dict[str, str] = {}
    by_person = sorted(random_log(), key=lambda row: (row[0], row[2]))
    rows = [(user, numbers.setdefault(item, str(len(numbers))), time) for user, item, time in by_person]
    assert facts(rows).arrival_order == 1.0
    assert facts([(user, item, None) for user, item, _ in rows]).arrival_order == 1.0


def test_a_file_that_is_sorted_by_item_is_not_taken_for_order_of_arrival() -> None:
    rows = sorted(random_log(), key=lambda row: (row[0], int(row[1])))
    assert facts(rows).arrival_order == pytest.approx(0.5, abs=0.2)


def test_ids_with_spaces_around_them_are_noticed() -> None:
    assert facts([("a ", "x", at(0)), ("b", " y", at(0))]).padded_ids == 2


def test_a_data_set_is_profiled_in_the_order_of_its_file() -> None:
    rows = random_log()
    events = log(rows).collect()
    assert profile(Dataset.of(Interactions.from_frame(events))) == profile_events(events.lazy())


def test_a_log_without_times_has_no_times() -> None:
    found = profile_events(log([("a", "x", None), ("a", "y", None)]).drop("timestamp"))
    assert (found.first, found.tied_last_two, found.one_sitting, found.events_by_time) == (None, None, None, ())


def test_of_a_long_log_some_people_are_looked_at() -> None:
    rows = random_log(people=2_000, items=50)
    whole, part = facts(rows), facts(rows, exact=6_000)
    assert part.one_in == 4
    assert (part.events, part.users, part.items, part.first) == (whole.events, whole.users, whole.items, whole.first)
    assert part.arrival_order == whole.arrival_order
    assert sum(count for _, count in part.events_by_time) == pytest.approx(24_000, rel=0.2)


def test_blocks_of_people_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_log()
    rows += [(user, item, time) for user, item, time in rows[:50]]
    whole = facts(rows)
    monkeypatch.setattr("tastemaker.data.orders.AT_ONCE", 30)
    assert facts(rows) == whole
