"""Which column is which: by name, by values, or as the user says; and what kinds of event count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.data.importing import EVENT_WEIGHTS, Guess, Options, import_events
from tastemaker.data.importing.columns import guess_columns

from .conftest import Import


def guess(**columns: Any) -> Guess:
    return guess_columns(pl.DataFrame(columns), "events", "events.csv")


@pytest.mark.parametrize(
    "names",
    [
        ("user_id", "item_id", "timestamp"),
        ("userId", "movieId", "timestamp"),
        ("User ID", "Product ID", "Event Time"),
        ("visitorid", "itemid", "timestamp"),
        ("reviewerID", "asin", "unixReviewTime"),
        ("customer", "sku", "created_at"),
        ("session_id", "article_id", "ts"),
    ],
)
def test_names_that_others_use_are_recognised(names: tuple[str, str, str]) -> None:
    user, item, time = names
    found = guess(**{user: ["u1", "u2"], item: ["a", "b"], time: ["1700000000", "1700000001"]})
    assert found.columns == {"user_id": user, "item_id": item, "timestamp": time}
    assert {match.why for match in found.matches} == {"its name"}


def test_values_tell_what_names_do_not() -> None:
    many = [str(n) for n in range(100)]
    found = guess(
        c1=[f"u{n}" for n in many],
        c2=[f"p{n}" for n in many],
        c3=["click", "buy"] * 50,
        c4=[str(1_700_000_000 + n) for n in range(100)],
        c5=["0.5"] * 100,
    )
    assert found.columns == {"user_id": "c1", "item_id": "c2", "timestamp": "c4", "event": "c3"}
    assert found.others == ("c5",)
    assert found.matches[0].examples == ("u0", "u1", "u2")


@pytest.mark.parametrize(
    ("columns", "known"),
    [
        (("Book_ID", "ISBN", "Book-Title", "Year-Of-Publication"), ["Book_ID", "Book-Title", "Year-Of-Publication"]),
        (("anime_ids", "name", "episodes"), ["anime_ids", "name"]),
        (
            ("Wine ID", "ProductName", "Manufacturer", "Release Year"),
            ["Wine ID", "ProductName", "Manufacturer", "Release Year"],
        ),
    ],
)
def test_items_are_recognised_by_the_names_that_catalogues_have(columns: tuple[str, ...], known: list[str]) -> None:
    found = guess_columns(pl.DataFrame({name: ["a", "b"] for name in columns}), "items", "items.csv")
    assert [match.theirs for match in found.matches] == known
    assert {match.why for match in found.matches} == {"its name"}


def test_two_ids_of_an_item_are_not_chosen_between() -> None:
    with pytest.raises(DataError, match=r"no column looks like 'item_id'.*--column items\.item_id=NAME"):
        guess_columns(pl.DataFrame({"wine_id": ["a"], "cellar_id": ["b"]}), "items", "items.csv")


def test_ids_are_not_taken_for_times_nor_fractions_for_ids() -> None:
    with pytest.raises(DataError, match="no column looks like 'item_id'"):
        guess(user_id=["1", "2", "3"], score=["0.5", "0.25", "1.0"])


def test_a_file_without_names_goes_by_its_values(importing: Import) -> None:
    found = importing("196\t242\t3\t881250949\n186\t302\t3\t891717742\n22\t377\t1\t878887116\n", name="u.data")
    assert found.pairs() == [("196", "242"), ("186", "302"), ("22", "377")]
    assert found.events["timestamp"].dt.year().to_list() == [1997, 1998, 1997]


def test_what_the_user_says_is_not_overruled(importing: Import) -> None:
    text = "user_id,buyer,item_id,when\nx,u1,i1,5\n"
    found = importing(text, columns={"user_id": "buyer", "timestamp": "when"})
    assert found.pairs() == [("u1", "i1")]
    assert found.events.columns == ["user_id", "item_id", "timestamp", "event", "weight"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"user_id": "customr"}, r"there is no column 'customr'.*columns: customer, item.*Did you mean 'customer'"),
        ({"usr": "customer"}, r"'usr' is no column that is looked for"),
        ({"itms.title": "name"}, r"'itms.title' names no table. Did you mean 'items'"),
    ],
)
def test_a_wrong_column_names_the_nearest(importing: Import, columns: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        importing("customer,item\nu,i\n", columns=columns)


def test_the_guess_is_shown_before_rows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("customer,sku,when\nu1,i1,2024-01-01\n", encoding="utf-8")
    shown: list[Guess] = []
    import_events([path], tmp_path / "shop", on_guess=shown.append)
    (found,) = shown
    assert found.label.endswith("events.csv")
    assert found.columns == {"user_id": "customer", "item_id": "sku", "timestamp": "when"}


def test_kinds_of_event_have_weights(importing: Import) -> None:
    rows = "".join(f"u,i{number},{kind}\n" for number, kind in enumerate(EVENT_WEIGHTS))
    found = importing("user_id,item_id,event\n" + rows)
    assert found.events["weight"].to_list() == pytest.approx(list(EVENT_WEIGHTS.values()))
    assert found.report.unknown_events() == {}


def test_other_names_of_kinds_are_ours(importing: Import) -> None:
    text = "user_id,item_id,event\nu,1,addtocart\nu,2,Transaction\nu,3, purchase \nu,4,\nu,5,thumbs_down\n"
    found = importing(text)
    assert found.events["event"].to_list() == ["cart", "buy", "buy", "interaction", "dislike"]
    assert found.events["weight"].to_list() == pytest.approx([0.6, 1.0, 1.0, 1.0, -1.0])


def test_unknown_kinds_count_one_and_are_reported(importing: Import) -> None:
    found = importing("user_id,item_id,event\nu,1,Share\nu,2,Share\nu,3,buy\nu,4,rent\n")
    assert found.events["event"].to_list() == ["Share", "Share", "buy", "rent"]
    assert found.events["weight"].to_list() == [1.0] * 4
    assert found.report.unknown_events() == {"Share": 2, "rent": 1}


def test_given_weights_go_by_the_files_names_and_by_ours(importing: Import) -> None:
    text = "user_id,item_id,event\nu,1,Share\nu,2,purchase\nu,3,buy\nu,4,view\n"
    found = importing(text, event_weights={"share": 0.5, "purchase": 3, "buy": 2})
    assert found.events["weight"].to_list() == pytest.approx([0.5, 3.0, 2.0, 0.3])
    assert found.report.unknown_events() == {}


def test_all_events_can_be_said_to_be_of_one_kind(importing: Import) -> None:
    """As where a shop keeps a file for each kind, with a column of ones."""
    found = importing("user_id,item_id,event,word\nu,1,1,view\nu,2,1,view\n", kind="AddToCart")
    assert found.events.columns == ["user_id", "item_id", "event", "weight", "word"]
    assert found.events["event"].to_list() == ["cart", "cart"]
    assert found.events["weight"].to_list() == pytest.approx([0.6, 0.6])
    assert found.report.unknown_events() == {}


def test_one_kind_and_a_column_of_kinds_contradict_each_other() -> None:
    with pytest.raises(DataError, match=r"all events are said to be 'buy', and a column is said.*event=what"):
        Options(kind="buy", columns={"event": "what"})


def test_a_column_of_weights_wins_over_the_kind(importing: Import) -> None:
    found = importing("user_id,item_id,event,weight\nu,1,view,5\nu,2,view,\n")
    assert found.events["weight"].to_list() == pytest.approx([5.0, 0.3])


def test_ratings_come_along_as_numbers_and_are_no_weights(importing: Import) -> None:
    found = importing("userId,movieId,rating,timestamp\n1,10,4.5,1700000000\n1,11,bad,1700000000\n")
    assert found.events["rating"].to_list() == [4.5]
    assert found.events["weight"].to_list() == [1.0]
    assert found.reasons == [(3, "rating is not a number")]


@pytest.mark.parametrize("options", [{"encoding": "ebcdic"}, {"time_unit": "weeks"}, {"delimiter": "ab"}])
def test_options_are_checked(importing: Import, options: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        importing("user_id,item_id\nu,i\n", **options)


def test_a_delimiter_and_a_header_can_be_given(importing: Import) -> None:
    found = importing("u1^i1^5\n", delimiter="^", header=False, columns={"user_id": "column_2", "item_id": "column_1"})
    assert found.pairs() == [("i1", "u1")]


def test_options_are_values(tmp_path: Path) -> None:
    assert Options(columns={"items.title": "name", "user_id": "who"}).columns_of("items") == {"title": "name"}
