"""Columns become what JSON can hold, and JSON values become columns again."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemaker.engine.json_columns import as_json_frame, column_of, json_rows

FRAME = pl.DataFrame(
    {
        "id": ["a", "b"],
        "flag": [True, None],
        "number": [1.5, float("nan")],
        "infinite": [float("inf"), 2.0],
        "exact": [Decimal("1.25"), None],
        "day": [date(2024, 2, 29), None],
        "moment": [datetime(2024, 2, 29, 12, 30, tzinfo=UTC), None],
        "clock": [time(7, 5), None],
        "kind": pl.Series(["x", "y"], dtype=pl.Enum(["x", "y"])),
        "words": [["red", None, "blue"], []],
        "days": [[date(2024, 1, 1)], None],
    }
)


def test_rows_hold_what_json_holds_and_no_nulls() -> None:
    plain, left_out = as_json_frame(FRAME)
    first, second = json_rows(plain)
    assert left_out == []
    assert first == {
        "id": "a",
        "flag": True,
        "number": 1.5,
        "exact": 1.25,
        "day": "2024-02-29",
        "moment": "2024-02-29T12:30:00.000000+00:00",
        "clock": "07:05:00",
        "kind": "x",
        "words": ["red", "blue"],
        "days": ["2024-01-01"],
    }
    assert second == {"id": "b", "infinite": 2.0, "kind": "y", "words": []}
    assert json.loads(json.dumps([first, second], allow_nan=False)) == [first, second]


@pytest.mark.parametrize(
    "column",
    [
        pl.Series("odd", [{"x": 1}]),
        pl.Series("odd", [b"raw"]),
        pl.Series("odd", [timedelta(days=1)]),
        pl.Series("odd", [[["nested"]]]),
        pl.Series("odd", [[{"x": 1}]]),
    ],
    ids=str,
)
def test_what_json_cannot_hold_is_named(column: pl.Series) -> None:
    plain, left_out = as_json_frame(pl.DataFrame([pl.Series("id", ["a"]), column]))
    assert left_out == ["odd"]
    assert plain.columns == ["id"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, None, False], pl.Boolean),
        ([1, None, 3], pl.Int64),
        ([1, 2.5], pl.Float64),
        ([2**70, 1], pl.Float64),
        (["a", None], pl.String),
        (["a", 1], pl.String),
        ([["a"], None, []], pl.List(pl.String)),
        ([["a"], "b"], pl.String),
        ([True, 1], pl.String),
        ([{"x": 1}], pl.String),
    ],
    ids=str,
)
def test_a_column_has_the_kind_that_all_its_values_have(values: list[Any], kind: Any) -> None:
    column = column_of("c", values)
    assert column is not None
    assert column.dtype == kind
    assert column.null_count() == sum(value is None for value in values)


def test_values_of_mixed_kinds_are_written_as_text() -> None:
    column = column_of("c", ["a", 1, True, ["b", "ü"], {"x": None}])
    assert column is not None
    assert column.to_list() == ["a", "1", "true", '["b", "ü"]', '{"x": null}']


def test_no_values_are_no_column() -> None:
    assert column_of("c", [None, None]) is None


_SCALARS = st.one_of(
    st.lists(st.none() | st.booleans()),
    st.lists(st.none() | st.integers(-(2**62), 2**62)),
    st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False)),
    st.lists(st.none() | st.text()),
    st.lists(st.none() | st.lists(st.text())),
)


@settings(max_examples=50)
@given(_SCALARS)
def test_values_come_back_as_they_were(values: list[Any]) -> None:
    column = column_of("c", values)
    if column is None:
        assert all(value is None for value in values)
        return
    plain, _ = as_json_frame(column.to_frame())
    assert [row.get("c") for row in json_rows(plain)] == values
