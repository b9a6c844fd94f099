"""Splits: nothing is learnt from what is tested on, and neither chance nor the place of a row decides anything."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data import Dataset, HeldOut, Split, global_time, leave_one_out, make_split
from tastemaker.testing import small_shop

START = datetime(2021, 9, 1, 18, 5, tzinfo=UTC)
Event = tuple[str, str, int | None]


def of(events: Sequence[Event], weights: list[float] | None = None) -> Dataset:
    rows = [(user, item, None if day is None else START + timedelta(days=day)) for user, item, day in events]
    schema = pl.Schema({"user_id": pl.String(), "item_id": pl.String(), "timestamp": pl.Datetime("us", "UTC")})
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return Dataset.of(frame if weights is None else frame.with_columns(pl.Series("weight", weights)))


def questions(held: HeldOut) -> list[tuple[str, list[str], str]]:
    """Return user, history and answer of each question."""
    indptr, positions = held.queries.flatten()
    items = held.queries.dictionary[held.queries.codes[positions]]
    return [
        (
            held.queries.user_ids[query],
            items[indptr[query] : indptr[query + 1]].tolist(),
            held.queries.dictionary[held.targets[target]],
        )
        for target, query in enumerate(held.query)
    ]


def answers(held: HeldOut) -> set[tuple[str, str]]:
    return {(user, item) for user, _, item in questions(held)}


def pairs(data: Dataset) -> set[tuple[str, str]]:
    return set(data.interactions.frame.select("user_id", "item_id").iter_rows())


DAYS = st.integers(0, 30)
LOGS = st.lists(
    st.tuples(st.sampled_from("stuvw"), st.sampled_from("abcdefghijkl"), DAYS), min_size=12, max_size=60
).map(list[Event])


def split_or_skip(data: Dataset, protocol: str, **knobs: Any) -> Split:
    try:
        return make_split(data, protocol, **knobs)
    except DataError as error:
        assume("empty" not in str(error) and "no events are left" not in str(error))
        raise


# -- both protocols -----------------------------------------------------------------------------------------------


@given(LOGS, st.sampled_from(["global-time", "leave-one-out"]))
@settings(max_examples=40)
def test_parts_share_no_row_and_what_is_dropped_is_accounted_for(log: list[Event], protocol: str) -> None:
    data = of(log)
    knobs = {"targets_per_user": None} if protocol == "global-time" else {}
    split = split_or_skip(data, protocol, **knobs)
    train, valid, test = (
        set(rows.tolist()) for rows in (split.train.sequences.rows, split.valid.rows, split.test.rows)
    )
    assert not train & valid
    assert not train & test
    assert not valid & test
    dropped = set(range(len(log))) - train - valid - test
    assert len(dropped) == split.valid.repeats + split.test.repeats
    events = [log[row][:2] for row in data.sequences.rows]
    places = {row: place for place, row in enumerate(data.sequences.rows.tolist())}
    for row in dropped:
        assert log[row][:2] in events[: places[row]]


@given(LOGS, st.sampled_from(["global-time", "leave-one-out"]))
@settings(max_examples=40)
def test_a_history_is_every_event_before_the_target(log: list[Event], protocol: str) -> None:
    data = of(log)
    split = split_or_skip(data, protocol)
    for held in (split.valid, split.test):
        for (user, history, item), row in zip(questions(held), held.rows, strict=True):
            rows = sorted(
                (place for place, event in enumerate(log) if event[0] == user), key=lambda place: (log[place][2], place)
            )
            before = rows[: rows.index(int(row))]
            assert history == [log[place][1] for place in before]
            assert item == log[row][1]
            assert item not in history


@given(LOGS)
@settings(max_examples=20)
def test_no_model_has_seen_what_it_is_tested_on(log: list[Event]) -> None:
    data = of(log)
    split = split_or_skip(data, "global-time")
    seen = split.train.provenance()
    for held in (split.valid, split.test):
        assert held.fingerprint == data.fingerprint
        assert seen.overlap(held.fingerprint, held.rows) == 0


def test_the_same_data_and_knobs_have_the_same_hash() -> None:
    data = small_shop()
    first = global_time(data)
    assert first.hash == global_time(data).hash
    assert len(first.hash) == 12
    others = {
        leave_one_out(data).hash,
        global_time(data, test=0.2).hash,
        global_time(data, targets_per_user=1).hash,
        global_time(data, run=Run(seed=1)).hash,
        global_time(small_shop(seed=1)).hash,
    }
    assert len(others | {first.hash}) == 6


def test_a_protocol_goes_by_its_name() -> None:
    data = small_shop()
    assert make_split(data, "leave-one-out").hash == leave_one_out(data).hash
    assert make_split(data, "global-time", test=0.2).knobs["test"] == 0.2
    with pytest.raises(DataError, match=r"no protocol 'leave-on-out'. Did you mean 'leave-one-out'"):
        make_split(data, "leave-on-out")


def test_dislikes_are_no_answers_but_belong_to_the_history() -> None:
    events: list[Event] = [("u", item, day) for day, item in enumerate("abcdef")]
    split = leave_one_out(of([*events, ("v", "a", 0), ("v", "b", 1), ("v", "c", 2)], [1, 1, 1, -1, 1, 1, 1, 1, -1]))
    assert questions(split.test) == [("u", ["a", "b", "c", "d", "e"], "f")]
    assert split.test.repeats == 0


def test_an_item_that_was_met_before_is_no_answer_and_counted() -> None:
    log: list[Event] = [("u", item, day) for day, item in enumerate("abcda")]
    other: list[Event] = [("v", item, day) for day, item in enumerate("abcd")]
    split = leave_one_out(of(log + other))
    assert questions(split.test) == [("v", ["a", "b", "c"], "d")]
    assert split.test.repeats == 1


# -- leave-one-out ------------------------------------------------------------------------------------------------


def test_leave_one_out_tests_on_the_last_and_selects_on_the_one_before() -> None:
    split = leave_one_out(of([("u", item, day) for day, item in enumerate("abcd")] + [("v", "a", 0), ("v", "b", 1)]))
    assert questions(split.test) == [("u", ["a", "b", "c"], "d")]
    assert questions(split.valid) == [("u", ["a", "b"], "c")]
    assert pairs(split.train) == {("u", "a"), ("u", "b"), ("v", "a"), ("v", "b")}
    assert split.knobs["ties"] == "file order"


def test_equal_times_keep_the_order_of_the_file_and_swapping_rows_swaps_the_answer() -> None:
    log: list[Event] = [("u", "a", 0), ("u", "b", 1), ("u", "c", 1), ("u", "d", 1)]
    assert questions(leave_one_out(of(log)).test)[0][2] == "d"
    log[2], log[3] = log[3], log[2]
    assert questions(leave_one_out(of(log)).test)[0][2] == "c"


@given(LOGS)
@settings(max_examples=40)
def test_leave_one_out_is_the_last_in_time_and_file(log: list[Event]) -> None:
    split = split_or_skip(of(log), "leave-one-out")
    for row in split.test.rows:
        user = log[row][0]
        assert row == max((place for place, event in enumerate(log) if event[0] == user), key=lambda p: (log[p][2], p))


def test_users_of_few_events_are_only_learnt_from() -> None:
    log: list[Event] = [("u", item, day) for day, item in enumerate("abcde")]
    log += [("v", item, day) for day, item in enumerate("abc")]
    assert {user for user, _, _ in questions(leave_one_out(of(log)).test)} == {"u", "v"}
    few = leave_one_out(of(log), min_events=4)
    assert {user for user, _, _ in questions(few.test)} == {"u"}
    assert ("v", "c") in pairs(few.train)
    # Two would leave nothing to learn from: three is the least, whatever is asked for.
    assert leave_one_out(of(log), min_events=1).knobs["min_events"] == 3
    assert leave_one_out(of(log), min_events=1).hash == leave_one_out(of(log)).hash


def test_leave_one_out_needs_no_times() -> None:
    split = leave_one_out(of([("u", item, None) for item in "abcd"]))
    assert questions(split.test) == [("u", ["a", "b", "c"], "d")]


def test_leave_one_out_of_too_little_says_which_part_is_empty() -> None:
    with pytest.raises(DataError, match="the validation part of leave-one-out is empty"):
        leave_one_out(of([("u", "a", 0), ("u", "b", 1)]))


# -- global time --------------------------------------------------------------------------------------------------

# Eleven events of four people over six days, after RecTools' tests/model_selection/test_time_split.py.
ELEVEN: list[Event] = [
    ("1", "1", 1),
    ("1", "2", 2),
    ("2", "1", 2),
    ("2", "2", 3),
    ("3", "2", 3),
    ("3", "3", 3),
    ("3", "4", 4),
    ("1", "2", 4),
    ("3", "1", 5),
    ("4", "2", 5),
    ("3", "3", 6),
]


@pytest.mark.parametrize("order", range(5))
def test_eleven_events_by_hand(order: int) -> None:
    shuffled = np.random.default_rng(order).permutation(len(ELEVEN)) if order else np.arange(len(ELEVEN))
    split = global_time(of([ELEVEN[row] for row in shuffled]), valid=0.4, test=0.2)
    # By day: 1 | 2 2 | 3 3 3 | 4 4 | 5 5 | 6. Of places 0 to 10 the windows begin at 4 (day 3) and at 8 (day 5).
    assert split.knobs["valid_from"] == int((START + timedelta(days=3)).timestamp() * 1e6)
    assert split.knobs["test_from"] == int((START + timedelta(days=5)).timestamp() * 1e6)
    assert pairs(split.train) == {("1", "1"), ("1", "2"), ("2", "1")}
    # ("1", "2") comes again on day 4 and ("3", "3") on day 6: no answers.
    assert answers(split.valid) == {("2", "2"), ("3", "2"), ("3", "3"), ("3", "4")}
    assert answers(split.test) == {("3", "1"), ("4", "2")}
    assert (split.valid.repeats, split.test.repeats) == (1, 1)
    histories = {user: history for user, history, _ in questions(split.test)}
    assert sorted(histories["3"]) == ["2", "3", "4"]  # what was answered in validation is history in the test
    assert histories["4"] == []  # nobody has to be known


@given(LOGS)
@settings(max_examples=40)
def test_everything_learnt_is_older_than_validation_and_that_than_the_test(log: list[Event]) -> None:
    split = split_or_skip(of(log), "global-time", valid=0.2, test=0.2)
    train = [log[row][2] for row in split.train.sequences.rows]
    valid = [log[row][2] for row in split.valid.rows]
    test = [log[row][2] for row in split.test.rows]
    assert max(train) < min(valid)
    assert max(valid) < min(test)


@given(st.permutations(range(40)))
@settings(max_examples=25)
def test_the_place_of_a_row_in_the_file_does_not_matter(order: list[int]) -> None:
    log: list[Event] = [("stuv"[n * 7 % 4], f"i{n * 3 % 11}", n) for n in range(40)]
    first = global_time(of(log), valid=0.25, test=0.25, targets_per_user=2)
    other = global_time(of([log[row] for row in order]), valid=0.25, test=0.25, targets_per_user=2)
    assert questions(first.test) == questions(other.test)
    assert questions(first.valid) == questions(other.valid)
    assert pairs(first.train) == pairs(other.train)


def test_windows_hold_their_shares() -> None:
    data = small_shop(users=200)
    split = global_time(data, valid=0.1, test=0.2, targets_per_user=None)
    events = len(data.interactions)
    assert len(split.train.interactions) / events == pytest.approx(0.7, abs=0.03)
    assert (len(split.test) + split.test.repeats) / events == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("most", [1, 2, 5])
def test_nobody_is_asked_more_than_the_cap(most: int) -> None:
    data = small_shop(users=30)
    everything = global_time(data, targets_per_user=None, valid=0.2, test=0.2)
    capped = global_time(data, targets_per_user=most, valid=0.2, test=0.2)
    for whole, part in ((everything.valid, capped.valid), (everything.test, capped.test)):
        users = np.bincount(whole.users)
        assert np.bincount(part.users).tolist() == np.minimum(users, most).tolist()
        assert set(part.rows) <= set(whole.rows)


def test_which_questions_are_drawn_depends_on_the_seed_alone() -> None:
    def drawn(seed: int) -> list[int]:
        split = global_time(small_shop(users=30), targets_per_user=1, test=0.3, run=Run(seed=seed))
        return sorted(split.test.rows.tolist())

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_a_split_by_time_needs_times() -> None:
    with pytest.raises(DataError, match="needs times, and these events have none") as caught:
        global_time(of([("u", item, None) for item in "abcdef"]))
    assert "--protocol leave-one-out" in str(caught.value)


@pytest.mark.parametrize(("valid", "test"), [(0, 0.1), (0.1, 0), (0.5, 0.5), (-0.1, 0.1), (0.1, 1.0)])
def test_shares_leave_something_to_learn_from(valid: float, test: float) -> None:
    with pytest.raises(DataError, match="leave nothing to learn from"):
        global_time(small_shop(), valid=valid, test=test)


def test_one_time_for_everything_cannot_be_cut() -> None:
    with pytest.raises(DataError, match=r"part of global-time is empty .*larger shares, or another protocol"):
        global_time(of([("u", f"i{n}", 3) for n in range(20)]))


def test_very_few_events_are_refused_in_words() -> None:
    with pytest.raises(DataError, match=r"empty|no events are left"):
        global_time(of([("u", "a", 0)]))


def test_an_event_without_a_time_goes_with_its_neighbour() -> None:
    log: list[Event] = [("u", f"i{n}", n) for n in range(20)]
    log.insert(19, ("u", "late", None))  # between the last two events of the file
    log.insert(0, ("u", "early", None))
    split = global_time(of(log), valid=0.2, test=0.2)
    assert ("u", "early") in pairs(split.train)
    assert ("u", "late") in answers(split.test)


def test_people_without_any_time_are_in_no_part() -> None:
    log: list[Event] = [("u", f"i{n}", n) for n in range(30)] + [("v", "a", None), ("v", "b", None)]
    split = global_time(of(log))
    known = pairs(split.train) | answers(split.valid) | answers(split.test)
    assert {user for user, _ in known} == {"u"}


def test_the_zone_of_the_machine_does_not_matter() -> None:
    program = (
        "from tastemaker.data import Dataset, global_time; import polars as pl;"
        "log = pl.DataFrame({'user_id': ['u'] * 48, 'item_id': [str(n) for n in range(48)],"
        "'timestamp': [f'2024-03-{30 + n // 24} {n % 24:02}:00:00' for n in range(48)]});"
        "print(global_time(Dataset.of(log)).hash)"
    )
    found = set()
    for zone in ("Pacific/Auckland", "America/Los_Angeles"):
        result = subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "TZ": zone}, capture_output=True, text=True, check=True
        )
        found.add(result.stdout)
    assert len(found) == 1


# -- held-out questions -------------------------------------------------------------------------------------------


def test_a_sample_draws_whole_users_and_about_as_many_questions_as_asked() -> None:
    held = global_time(small_shop(users=200), test=0.3, targets_per_user=None).test
    sample = held.sample(len(held) // 4, np.random.default_rng(0))
    assert len(sample) == pytest.approx(len(held) / 4, rel=0.3)
    whole, part = questions(held), questions(sample)
    users = {user for user, _, _ in part}
    assert part == [question for question in whole if question[0] in users]
    assert sample.user_count == len(users)
    assert sorted(set(sample.users)) == list(range(len(users)))


def test_a_sample_larger_than_what_there_is_is_everything() -> None:
    held = leave_one_out(small_shop()).test
    assert held.sample(10_000, np.random.default_rng(0)) is held


def test_a_block_of_questions_keeps_each_with_its_answer() -> None:
    held = leave_one_out(small_shop()).test
    block = np.asarray([3, 7, 11])
    whole = questions(held)
    assert questions(held[block]) == [whole[place] for place in block]
    assert held[block].rows.tolist() == held.rows[block].tolist()
    assert held[block].user_count == 3
