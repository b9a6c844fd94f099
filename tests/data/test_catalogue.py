"""Items, people and facts: agreed columns whatever the file held, ids unique, titles free to repeat."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tastemaker.core.errors import DataError, UnknownItemError
from tastemaker.data import Catalogue, Relations, Users
from tastemaker.data.catalogue import as_categories, as_flags


def of(**columns: Any) -> Catalogue:
    length = max(len(values) for values in columns.values())
    return Catalogue(pl.DataFrame({"item_id": [f"i{n}" for n in range(length)], **columns}))


def test_items_are_found_by_id() -> None:
    catalogue = of(title=["Heat", None], colour=["red", "blue"])
    assert len(catalogue) == 2
    assert "i1" in catalogue
    assert "i9" not in catalogue
    assert catalogue.item("i1") == {"item_id": "i1", "title": None, "colour": "blue"}
    with pytest.raises(UnknownItemError, match="no item 'i9' in the catalogue"):
        catalogue.item("i9")


def test_an_item_without_a_title_is_called_by_its_id() -> None:
    catalogue = of(title=["Heat", None, ""])
    assert [catalogue.title(item) for item in ("i0", "i1", "i2", "elsewhere")] == ["Heat", "i1", "i2", "elsewhere"]
    assert Catalogue.of_ids(["x"]).title("x") == "x"


def test_duplicate_titles_are_fine_and_duplicate_ids_are_not() -> None:
    assert len(of(title=["Battleship", "Battleship"])) == 2
    with pytest.raises(DataError, match=r"1 item ids occur more than once \(for example 'a'\)"):
        Catalogue(pl.DataFrame({"item_id": ["a", "b", "a"]}))
    with pytest.raises(DataError, match="more than once"):
        Catalogue(pl.DataFrame({"item_id": [1, 1]}))


@pytest.mark.parametrize("ids", [["a", None], ["a", ""]])
def test_an_item_without_an_id_is_refused_with_its_row(ids: list[str | None]) -> None:
    with pytest.raises(DataError, match=r"an item has no id \(row 2 of the catalogue\)"):
        Catalogue(pl.DataFrame({"item_id": ids}))


def test_a_catalogue_needs_ids() -> None:
    with pytest.raises(DataError, match=r"no column 'item_id' \(columns: title\)"):
        Catalogue(pl.DataFrame({"title": ["Heat"]}))


def test_ids_that_are_numbers_are_text() -> None:
    assert "7" in Catalogue(pl.DataFrame({"item_id": [7]}))
    assert "7" in Catalogue(pl.DataFrame({"item_id": [7.0]}))


def test_html_entities_of_texts_are_read() -> None:
    catalogue = of(title=["Tom &amp; Jerry"], text=["&quot;fun&quot;"], brand=["M&#228;rklin"], note=["a &amp; b"])
    assert catalogue.item("i0") == {
        "item_id": "i0",
        "title": "Tom & Jerry",
        "text": '"fun"',
        "brand": "Märklin",
        "note": "a &amp; b",
    }


def test_texts_that_were_escaped_twice_are_read_once_and_for_all() -> None:
    once = of(title=["Q&amp;amp;A", "AT&T", "&"])
    assert once.frame["title"].to_list() == ["Q&A", "AT&T", "&"]
    assert Catalogue(once.frame).frame.equals(once.frame)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["Action|Sci-Fi", "", None, "Drama "], [["Action", "Sci-Fi"], [], [], ["Drama"]]),
        (['["a", "b"]'], [["a", "b"]]),
        (['[["Toys", "Games"], ["Sale"]]'], [["Toys > Games", "Sale"]]),
        (["[REC]"], [["[REC]"]]),
        ([["a"], [], None], [["a"], [], None]),
        ([[1, 2]], [["1", "2"]]),
        ([[["Toys", "Games"], ["Sale"]]], [["Toys > Games", "Sale"]]),
        (pl.Series([["a", "b"]], dtype=pl.Array(pl.String, 2)), [["a", "b"]]),
    ],
)
def test_categories_become_lists_of_text(values: Any, expected: list[list[str] | None]) -> None:
    found = as_categories(pl.Series("categories", values))
    assert found.dtype == pl.List(pl.String)
    assert found.to_list() == expected


def test_years_and_prices_of_a_csv_become_numbers() -> None:
    catalogue = of(year=["1995", "1995.0", "", "soon"], price=["9.99", None, "free", "1"])
    assert catalogue.frame["year"].to_list() == [1995, 1995, None, None]
    assert catalogue.frame["price"].to_list() == [9.99, None, None, 1.0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["true", "False", "", None, " YES ", "0"], [True, False, None, None, True, False]),
        ([1, 0, None], [True, False, None]),
        ([1.0, 0.0], [True, False]),
        ([True, False, None], [True, False, None]),
    ],
)
def test_availability_is_yes_no_or_unknown(values: list[Any], expected: list[bool | None]) -> None:
    assert as_flags(pl.Series("available", values)).to_list() == expected


def test_availability_that_says_neither_is_refused() -> None:
    with pytest.raises(DataError, match=r"'available' says neither yes nor no \(row 2: 'soon'\)"):
        of(available=["true", "soon"])


def test_people_are_kept_once_and_need_ids() -> None:
    assert Users(pl.DataFrame({"user_id": [1, 2, 1], "age": [30, 40, 99]})).frame.rows() == [("1", 30), ("2", 40)]
    with pytest.raises(DataError, match=r"users have no column 'user_id' \(columns: age\)"):
        Users(pl.DataFrame({"age": [30]}))


def test_facts_need_head_relation_and_tail() -> None:
    facts = Relations(pl.DataFrame({"head": [1], "relation": ["by"], "tail": ["x"]}))
    assert len(facts) == 1
    assert facts.frame.row(0) == ("1", "by", "x")
    with pytest.raises(DataError, match=r"relations lack relation, tail \(columns: head\)"):
        Relations(pl.DataFrame({"head": [1]}))
