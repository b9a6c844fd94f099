"""What a catalogue cannot take is named, and all the rest is there."""

from __future__ import annotations

import logging

import pytest
from tests.engine.memory import MemoryRecords

from tastemaker.engine.item_rows import RowCheck, read_numbers
from tastemaker.engine.shop import Shop
from tastemaker.store.ports import Row


def records(**rows: Row) -> MemoryRecords:
    stored = MemoryRecords()
    stored.put(rows)
    return stored


def test_a_stored_value_that_no_column_takes_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    stored = records(a={"price": 5.0}, b={"title": "B", "price": "cheap", "stock": 2}, c={"price": 7.0})
    with caplog.at_level(logging.WARNING, "tastemaker.engine"):
        shop = Shop.of_records(stored)
    assert len(shop) == 3
    number = int(shop.shelf.numbers(["b"])[0])
    assert (shop.shelf.title(number), shop.shelf.value(number, "stock")) == ("B", 2)
    assert shop.shelf.value(number, "price") is None
    (said,) = [record.getMessage() for record in caplog.records]
    assert "'price' of item 'b' is 'cheap'" in said
    assert "field 'price'" in said


def test_many_bad_values_are_counted_and_the_first_are_named(caplog: pytest.LogCaptureFixture) -> None:
    stored = MemoryRecords()
    stored.put({f"i{number:03}": {"stock": "many", "title": "T"} for number in range(50)})
    with caplog.at_level(logging.WARNING, "tastemaker.engine"):
        assert len(Shop.of_records(stored)) == 50
    assert len(caplog.records) == 21
    assert "30 more values" in caplog.records[-1].getMessage()


def test_the_first_value_of_a_field_says_its_kind(caplog: pytest.LogCaptureFixture) -> None:
    shop = Shop.of_records(records(a={"size": 1}, b={"size": "large"}))
    assert shop.shelf.fields()["size"] == "number"
    fit, wrong = RowCheck(records(a={"size": "large"})).sorted({"b": {"size": 1}, "c": {"size": "small"}})
    assert (list(fit), wrong) == (["c"], ["'size' of item 'b' is 1, and must be text"])


def test_rows_are_held_against_those_before_them() -> None:
    fit, wrong = RowCheck(MemoryRecords()).sorted({"a": {"size": 1}, "b": {"size": "large"}, "c": {"size": 3}})
    assert list(fit) == ["a", "c"]
    assert len(wrong) == 1


def test_a_row_with_too_many_fields_is_named() -> None:
    rows: dict[str, Row] = {"a": {"x": 1}, "b": {f"f{number}": 1 for number in range(300)}}
    fit, wrong = RowCheck(MemoryRecords()).sorted(rows)
    assert list(fit) == ["a"]
    assert wrong[0].startswith("item 'b' cannot be kept: items have more than")


@pytest.mark.parametrize("text", ["many", "nan", "inf", "1_000"])
def test_text_that_is_no_number_stays_text(text: str) -> None:
    assert read_numbers({"price": text}) == {"price": text}
