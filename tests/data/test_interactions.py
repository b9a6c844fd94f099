"""Events come in as they are, in an order that never depends on chance; what cannot be used is counted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.errors import DataError
from tastemaker.core.query import NEGATIVE_EVENTS
from tastemaker.data import Interactions
from tastemaker.data.interactions import as_time

NOON = datetime(2024, 5, 31, 12, tzinfo=UTC)
SECONDS = 1_717_156_800


def log(**columns: Any) -> pl.DataFrame:
    length = max(len(values) for values in columns.values())
    return pl.DataFrame({"user_id": ["u"] * length, "item_id": [f"i{n}" for n in range(length)], **columns})


def items(frame: pl.DataFrame) -> list[str]:
    return Interactions.from_frame(frame).frame["item_id"].to_list()


def test_seconds_is_noon() -> None:
    assert datetime.fromtimestamp(SECONDS, UTC) == NOON


# -- times --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        SECONDS,
        float(SECONDS),
        SECONDS * 1_000,
        SECONDS * 1_000_000,
        SECONDS * 1_000_000_000,
        str(SECONDS),
        f"{SECONDS}000",
        "2024-05-31T12:00:00Z",
        "2024-05-31T12:00:00",
        "2024-05-31 12:00:00",
        "2024-05-31T12:00",
        "2024-05-31T14:00:00+02:00",
        "2024-05-31T12:00:00.000Z",
        " 2024-05-31T12:00:00Z ",
        NOON,
        NOON.replace(tzinfo=None),
        NOON.astimezone(timezone(timedelta(hours=-5))),
    ],
)
def test_every_usual_way_to_write_noon_is_noon(value: Any) -> None:
    assert as_time(pl.Series("timestamp", [value, None])).to_list() == [NOON, None]


def test_a_date_is_midnight_utc() -> None:
    midnight = datetime(2024, 5, 31, tzinfo=UTC)
    assert as_time(pl.Series("timestamp", [date(2024, 5, 31)])).to_list() == [midnight]
    assert as_time(pl.Series("timestamp", ["2024-05-31"])).to_list() == [midnight]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_datetimes_of_any_unit_and_zone_are_utc_microseconds(unit: Any, zone: str | None) -> None:
    column = pl.Series("timestamp", [NOON.replace(tzinfo=None)]).dt.cast_time_unit(unit)
    if zone:
        column = column.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    found = as_time(column)
    assert found.dtype == pl.Datetime("us", "UTC")
    assert found.to_list() == [NOON]


def test_fractions_of_a_second_are_kept() -> None:
    expected = [NOON + timedelta(milliseconds=250)]
    assert as_time(pl.Series([SECONDS + 0.25])).to_list() == expected
    assert as_time(pl.Series([f"{SECONDS}.25"])).to_list() == expected
    assert as_time(pl.Series(["2024-05-31T12:00:00.25Z"])).to_list() == expected


def test_times_with_and_without_a_zone_may_stand_in_one_column() -> None:
    mixed = pl.Series(["2024-05-31T14:00:00+02:00", "2024-05-31T12:00:00", "2024-05-31T12:00:00Z"])
    assert as_time(mixed).to_list() == [NOON] * 3


@given(st.lists(st.integers(1_000_000_000, 2_000_000_000), min_size=1, max_size=20), st.sampled_from([1, 3, 6, 9]))
def test_the_unit_of_numbers_does_not_matter(seconds: list[int], power: int) -> None:
    scaled = [value * 10**power for value in seconds] if power > 1 else seconds
    assert as_time(pl.Series(scaled)).to_list() == [datetime.fromtimestamp(value, UTC) for value in seconds]


def test_one_absurd_number_does_not_become_a_wrong_time() -> None:
    column = pl.Series([SECONDS] * 20 + [2**62])
    assert as_time(column).to_list() == [NOON] * 20 + [None]


@pytest.mark.parametrize("nothing", [[None, None], ["", None], [float("nan"), None]])
def test_empty_cells_are_unknown_times(nothing: list[Any]) -> None:
    assert as_time(pl.Series("timestamp", nothing)).to_list() == [None, None]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["yesterday", "tomorrow"], r"'timestamp' are neither numbers nor ISO 8601 \(for example 'yesterday'\)"),
        (["31.05.2024 noon"], "neither numbers nor ISO 8601"),
        ([float("inf")], "neither numbers nor ISO 8601"),
        ([True], "holds Boolean, not times"),
        ([[1]], "holds List"),
    ],
)
def test_what_is_no_time_is_refused_with_an_example(column: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        as_time(pl.Series("timestamp", column))


def test_one_unreadable_time_in_many_sets_its_row_aside() -> None:
    times = ["2024-05-31T12:00:00Z"] * 19 + ["soon"]
    found = Interactions.from_frame(log(timestamp=times))
    assert len(found) == 19
    assert found.rejected.rows() == [(19, "time cannot be read")]


# -- columns ------------------------------------------------------------------------------------------------------


def test_the_least_that_is_needed_is_users_and_items() -> None:
    found = Interactions.from_frame(pl.DataFrame({"user_id": ["u"], "item_id": ["i"]}))
    assert found.frame.schema == {
        "user_id": pl.String,
        "item_id": pl.String,
        "timestamp": pl.Datetime("us", "UTC"),
        "order": pl.Int64,
        "event": pl.String,
        "weight": pl.Float32,
    }
    assert found.frame.row(0) == ("u", "i", None, 0, "interaction", 1.0)
    assert not found.has_times


def test_context_comes_along() -> None:
    found = Interactions.from_frame(log(rating=[5, 1], place=["home", None]))
    assert found.frame.columns[6:] == ["rating", "place"]
    assert found.frame["rating"].to_list() == [5, 1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7, 2**63 - 1], ["7", "9223372036854775807"]),
        (pl.Series([2**64 - 1], dtype=pl.UInt64), ["18446744073709551615"]),
        ([7.0, 12.0], ["7", "12"]),
        (["007", "a b"], ["007", "a b"]),
        (pl.Series(["x", "y"], dtype=pl.Categorical), ["x", "y"]),
        (["x" * 10_000], ["x" * 10_000]),
    ],
)
def test_ids_are_text_however_they_were_stored(values: Any, expected: list[str]) -> None:
    frame = pl.DataFrame({"user_id": ["u"] * len(expected), "item_id": values})
    assert items(frame) == expected


def test_whole_numbers_with_gaps_are_whole_numbers() -> None:
    frame = pl.DataFrame({"user_id": [1.0, None, float("nan")], "item_id": [10, 11, 12]})
    found = Interactions.from_frame(frame)
    assert found.frame["user_id"].to_list() == ["1"]
    assert found.rejected["reason"].to_list() == ["no user_id", "no user_id"]


@pytest.mark.parametrize("values", [[[1]], [b"\xff\xfe"]])
def test_what_cannot_be_an_id_is_refused(values: Any) -> None:
    with pytest.raises(DataError, match=r"column 'user_id' holds .*, not ids"):
        Interactions.from_frame(pl.DataFrame({"user_id": values, "item_id": ["i"]}))


@pytest.mark.parametrize("lacking", ["user_id", "item_id"])
def test_a_missing_column_is_named_with_those_there_are(lacking: str) -> None:
    frame = log(timestamp=[1]).drop(lacking)
    with pytest.raises(DataError, match=rf"no column '{lacking}' \(columns: .*timestamp") as caught:
        Interactions.from_frame(frame)
    assert "column map" in str(caught.value)


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(DataError, match="interactions are empty"):
        Interactions.from_frame(pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String}))


def test_a_column_called_order_does_not_decide_the_order() -> None:
    found = Interactions.from_frame(log(order=[5, 3]))
    assert found.frame["order"].to_list() == [0, 1]


# -- weights and kinds of event -----------------------------------------------------------------------------------


def test_an_event_without_a_weight_counts_one_and_a_dislike_counts_against() -> None:
    found = Interactions.from_frame(log(event=["view", "dislike", None, "hide"])).frame
    assert found["weight"].to_list() == [1.0, -1.0, 1.0, -1.0]
    assert found["event"].to_list() == ["view", "dislike", "interaction", "hide"]
    assert set(NEGATIVE_EVENTS) == {"dislike", "hide"}


def test_a_weight_that_is_given_decides() -> None:
    found = Interactions.from_frame(log(event=["view", "dislike", "view"], weight=[0.5, 2.0, None])).frame
    assert found["weight"].to_list() == [0.5, 2.0, 1.0]


def test_weights_may_be_text_and_what_is_no_number_is_set_aside() -> None:
    found = Interactions.from_frame(log(weight=["2", "much", "nan", "inf", "-1"]))
    assert found.frame["weight"].to_list() == [2.0, -1.0]
    assert found.rejected.rows() == [(row, "weight is not a number") for row in (1, 2, 3)]


def test_a_column_of_nothing_but_missing_weights_is_no_weight() -> None:
    assert Interactions.from_frame(log(weight=[None, None])).frame["weight"].to_list() == [1.0, 1.0]


# -- rows that cannot be used -------------------------------------------------------------------------------------


def test_rows_without_a_user_or_an_item_are_set_aside_and_counted() -> None:
    frame = pl.DataFrame({"user_id": ["u", None, "u", ""], "item_id": ["a", "b", None, "d"]})
    found = Interactions.from_frame(frame)
    assert found.frame["item_id"].to_list() == ["a"]
    assert found.rejected.rows() == [(1, "no user_id"), (2, "no item_id"), (3, "no user_id")]


def test_when_no_row_is_left_the_first_is_shown() -> None:
    frame = pl.DataFrame({"user_id": [None, None], "item_id": ["a", "b"]}, schema_overrides={"user_id": pl.String})
    with pytest.raises(DataError, match=r"all 2 rows of the interactions are unusable \(row 1: no user_id\)"):
        Interactions.from_frame(frame)


def test_set_aside_rows_are_called_by_their_place_in_the_file() -> None:
    frame = pl.DataFrame({"user_id": ["b", None, "a"], "item_id": ["x", "y", "z"], "position": [2, 1, 0]})
    assert Interactions.from_frame(frame).rejected["order"].to_list() == [1]


# -- order --------------------------------------------------------------------------------------------------------


def test_events_are_sorted_by_user_then_time_then_row() -> None:
    frame = pl.DataFrame({"user_id": ["v", "u", "u", "v", "u"], "item_id": list("abcde"), "timestamp": [3, 2, 1, 3, 1]})
    assert items(frame) == ["c", "e", "b", "a", "d"]


@given(st.lists(st.tuples(st.sampled_from("uvw"), st.integers(0, 3)), min_size=1, max_size=30))
def test_the_order_is_that_of_a_stable_sort(events: list[tuple[str, int]]) -> None:
    frame = pl.DataFrame(
        {
            "user_id": [user for user, _ in events],
            "item_id": [str(row) for row in range(len(events))],
            "timestamp": [SECONDS + moment for _, moment in events],
        }
    )
    expected = sorted(range(len(events)), key=lambda row: events[row])
    assert items(frame) == [str(row) for row in expected]


def test_without_times_the_order_of_the_file_stays() -> None:
    assert items(log(timestamp=[None, None, None])) == ["i0", "i1", "i2"]


def test_an_event_without_a_time_keeps_its_place_between_its_neighbours() -> None:
    times = [SECONDS, None, SECONDS + 20, SECONDS + 10, None]
    # i1 stays behind i0; i4 stays behind i3, which is older than i2.
    assert items(log(timestamp=times)) == ["i0", "i1", "i3", "i4", "i2"]


def test_an_event_without_a_time_at_the_beginning_stays_before_the_next() -> None:
    assert items(log(timestamp=[None, SECONDS + 5, SECONDS])) == ["i2", "i0", "i1"]


def test_a_missing_time_is_not_filled_from_another_user() -> None:
    frame = pl.DataFrame(
        {"user_id": ["u", "v", "v"], "item_id": ["a", "b", "c"], "timestamp": [SECONDS, None, SECONDS - 9]}
    )
    found = Interactions.from_frame(frame).frame
    assert found["item_id"].to_list() == ["a", "b", "c"]
    assert found["timestamp"].null_count() == 1


@pytest.mark.parametrize("positions", [[10, 9, 2], ["10", "9", "2"], [10.0, 9.5, None]])
def test_positions_order_the_events_as_numbers(positions: list[Any]) -> None:
    found = Interactions.from_frame(log(position=positions)).frame
    expected = ["i2", "i1", "i0"] if None not in positions else ["i1", "i0", "i2"]
    assert found["item_id"].to_list() == expected
    assert found["order"].to_list() == [0, 1, 2]
    assert "position" not in found.columns


@pytest.mark.parametrize(("known", "enough"), [(18, True), (17, False)])
def test_nine_in_ten_events_need_a_time(known: int, enough: bool) -> None:
    found = Interactions.from_frame(log(timestamp=[SECONDS] * known + [None] * (20 - known)))
    assert found.has_times is enough
