"""What may be kept is kept to the last digit, and what may not is refused with its name and place."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemaker.core.errors import DataError
from tastemaker.store.values import (
    checked_json,
    checked_name,
    checked_number,
    checked_row,
    checked_text,
    checked_whole,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(VALUES)
def test_every_json_value_comes_back_as_it_was(value: Any) -> None:
    text = checked_json(value, "row a", "row")
    assert json.loads(text) == value
    text.encode()


def test_json_is_written_without_blanks_and_with_letters_as_they_are() -> None:
    assert checked_json({"a": [1, "é"]}, "row a", "row") == '{"a":[1,"é"]}'


def test_a_tuple_becomes_a_list() -> None:
    assert checked_json((1, (2,)), "row a", "row") == "[1,[2]]"


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": {"b": [0, math.nan]}}, "row.a.b[1]"),
        ({"a": -math.inf}, "row.a"),
        ({"a": {1: 2}}, "row.a"),
        ({"a": {None: 2}}, "row.a"),
        ({"a": [{1}]}, "row.a[0]"),
        ({"a": b""}, "row.a"),
        ({"a": np.int64(1)}, "row.a"),
        ({"a": "\ud800"}, "row.a"),
        ({"a": {"\udfff": 1}}, "row.a"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_whose_it_is_and_where(value: Any, place: str) -> None:
    with pytest.raises(DataError) as refused:
        checked_json(value, "row a", "row")
    assert refused.value.where == place
    assert refused.value.message.startswith(f"row a: '{place}'")


def test_a_number_with_more_digits_than_can_be_written_is_refused() -> None:
    with pytest.raises(DataError, match="row a"):
        checked_json(10**5_000, "row a", "row")


def test_a_row_is_any_mapping_and_nothing_else() -> None:
    assert checked_row(MappingProxyType({"a": 1}), "row a", "row") == '{"a":1}'
    assert checked_row({}, "row a", "row") == "{}"
    for wrong in (["no names"], "text", None):
        with pytest.raises(DataError, match="must be named values"):
            checked_row(wrong, "row a", "row")


@pytest.mark.parametrize(
    ("check", "value", "kept"),
    [
        (checked_name, "é", "é"),
        (checked_text, "", ""),
        (checked_whole, np.int64(7), 7),
        (checked_whole, 1 - 2**63, 1 - 2**63),
        (checked_number, 3, 3.0),
        (checked_number, np.float32(0.5), 0.5),
    ],
)
def test_numbers_and_names_are_kept_as_plain_ones(check: Callable[[Any, str, str], Any], value: Any, kept: Any) -> None:
    found = check(value, "event e", "field")
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (checked_name, ""),
        (checked_name, None),
        (checked_text, b"bytes"),
        (checked_text, "half \ud83d"),
        (checked_whole, 1.0),
        (checked_whole, "1"),
        (checked_whole, 2**63),
        (checked_number, math.nan),
        (checked_number, math.inf),
        (checked_number, "1"),
        (checked_number, None),
        (checked_number, 10**400),
    ],
)
def test_what_is_no_name_or_number_is_refused_with_whose_it_is_and_where(
    check: Callable[[Any, str, str], Any], value: Any
) -> None:
    with pytest.raises(DataError, match="event e: 'field'") as refused:
        check(value, "event e", "field")
    assert refused.value.where == "field"
