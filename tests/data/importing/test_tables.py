"""Items, people and facts come in beside the events, and a later row replaces an earlier one."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.data import read_folder
from tastemaker.data.importing import Guess, Options, import_events, read_report

EVENTS = "user_id,item_id\nu1,i1\nu2,i2\n"


@pytest.fixture
def events(tmp_path: Path) -> Path:
    return put(tmp_path, "events.csv", EVENTS)


def put(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_items_people_and_facts_are_read(tmp_path: Path, events: Path) -> None:
    items = put(
        tmp_path,
        "items.csv",
        'id,name,category,price,year,colour\ni1,Tom &amp; Jerry,a|b,9.5,1940,red\ni2,"A, ""B""",,,,\n,no id,,,,\n',
    )
    users = put(tmp_path, "users.jsonl", '{"id": "u1", "age": 30, "likes": ["x", "y"]}\n{"age": 5}\n')
    facts = put(tmp_path, "facts.tsv", "head\trelation\ttail\ni1\tmade_by\tHanna\ni1\tmade_by\tHanna\ni2\t\tX\n")
    report = import_events([events], tmp_path / "shop", items=[items], users=[users], relations=[facts])
    assert [(file.table, file.kept) for file in report.files] == [
        ("events", 2),
        ("items", 2),
        ("users", 1),
        ("relations", 2),
    ]
    assert report.rejected() == {"no item": 1, "no relation": 1, "no user": 1}
    assert report.replaced == {"relations": 1}
    dataset = read_folder(tmp_path / "shop")
    assert dataset.catalogue.title("i1") == "Tom & Jerry"
    assert dataset.catalogue.item("i1") | {"title": ""} == {
        "item_id": "i1",
        "title": "",
        "categories": ["a", "b"],
        "price": 9.5,
        "year": 1940,
        "colour": "red",
    }
    assert dataset.users is not None
    assert dataset.users.frame.row(0, named=True) == {"user_id": "u1", "age": "30", "likes": '["x", "y"]'}
    assert dataset.relations is not None
    assert dataset.relations.frame.rows() == [("i1", "made_by", "Hanna")]


def test_a_later_row_of_an_item_replaces_the_earlier(tmp_path: Path, events: Path) -> None:
    old = put(tmp_path, "old.csv", "item_id,title,price\ni1,Old,1\ni2,Two,cheap\n")
    new = put(tmp_path, "new.csv", "item_id,title,price\ni1,New,2\n")
    import_events([events], tmp_path / "shop", items=[old])
    assert pl.read_parquet(tmp_path / "shop" / "items.parquet")["price"].to_list() == ["1", "cheap"]
    before = (tmp_path / "shop" / "interactions.parquet").read_bytes()
    report = import_events([], tmp_path / "shop", items=[new])
    assert report.replaced == read_report(tmp_path / "shop").replaced == {"items": 1}
    catalogue = read_folder(tmp_path / "shop").catalogue
    assert [catalogue.title(item) for item in ("i1", "i2")] == ["New", "Two"]
    assert (tmp_path / "shop" / "interactions.parquet").read_bytes() == before


def test_items_may_be_parquet_with_lists(tmp_path: Path, events: Path) -> None:
    frame = pl.DataFrame({"item_id": [1, 2], "categories": [["a", "b"], []], "title": ["x", "y"]})
    frame.write_parquet(tmp_path / "items.parquet")
    import_events([events], tmp_path / "shop", items=[tmp_path / "items.parquet"])
    assert read_folder(tmp_path / "shop").catalogue.item("1")["categories"] == ["a", "b"]


def test_columns_of_another_table_are_named_with_it(tmp_path: Path, events: Path) -> None:
    items = put(tmp_path, "items.csv", "key,label\ni1,One\n")
    options = Options(columns={"items.item_id": "key", "items.title": "label"})
    import_events([events], tmp_path / "shop", items=[items], options=options)
    assert read_folder(tmp_path / "shop").catalogue.title("i1") == "One"


def test_items_without_ids_say_how_to_name_the_column(tmp_path: Path, events: Path) -> None:
    with pytest.raises(DataError, match=r"no column looks like 'item_id'.*--column items\.item_id=NAME"):
        import_events([events], tmp_path / "shop", items=[put(tmp_path, "items.csv", "label,colour\nOne,red\n")])


def test_there_must_be_events_first(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no events to import"):
        import_events([], tmp_path / "shop", items=[put(tmp_path, "items.csv", "item_id\ni1\n")])


GENRES = ["Drama, War", "War, Drama", "Drama", "War", "Drama, Comedy", "Comedy,War", "", "Comedy"]


def test_categories_with_commas_between_them_are_taken_apart(tmp_path: Path, events: Path) -> None:
    rows = "".join(f'i{number};"{genres}"\n' for number, genres in enumerate(GENRES))
    items = put(tmp_path, "items.csv", "id;genres\n" + rows)
    guesses: list[Guess] = []
    import_events([events], tmp_path / "shop", items=[items], on_guess=guesses.append)
    assert [guess.separator for guess in guesses] == [None, ","]
    catalogue = read_folder(tmp_path / "shop").catalogue
    assert [catalogue.item(f"i{number}")["categories"] for number in (0, 2, 5, 6)] == [
        ["Drama", "War"],
        ["Drama"],
        ["Comedy", "War"],
        [],
    ]


@pytest.mark.parametrize(
    "names",
    [["Arts, Crafts & Sewing", "Clothing, Shoes", "Books", "Music"], ['["a, b"]', '["a"]', '["b"]', '["b, a"]']],
)
def test_a_comma_within_a_category_stays(tmp_path: Path, events: Path, names: list[str]) -> None:
    rows = "".join(f"i{number}\t{name}\n" for number, name in enumerate(names))
    import_events([events], tmp_path / "shop", items=[put(tmp_path, "items.tsv", "item_id\tcategory\n" + rows)])
    assert read_folder(tmp_path / "shop").catalogue.item("i0")["categories"] == [names[0].strip('[]"')]


def test_categories_as_text_and_as_lists_come_together(tmp_path: Path, events: Path) -> None:
    pl.DataFrame({"item_id": ["i1"], "categories": [["a", "b"]]}).write_parquet(tmp_path / "first.parquet")
    import_events([events], tmp_path / "shop", items=[tmp_path / "first.parquet"])
    import_events([], tmp_path / "shop", items=[put(tmp_path, "second.csv", "item_id,categories\ni2,c|d\n")])
    catalogue = read_folder(tmp_path / "shop").catalogue
    assert [catalogue.item(item)["categories"] for item in ("i1", "i2")] == [["a", "b"], ["c", "d"]]


def test_columns_of_events_may_be_of_another_type_in_another_file(tmp_path: Path, events: Path) -> None:
    frame = pl.DataFrame({"user_id": ["u3"], "item_id": ["i3"], "tags": [["a", "ü"]], "price": [1.5], "at": [{"x": 1}]})
    frame.write_parquet(tmp_path / "typed.parquet")
    text = put(tmp_path, "text.csv", "user_id,item_id,tags,price,at\nu4,i4,b,cheap,\n")
    import_events([events, tmp_path / "typed.parquet", text], tmp_path / "shop")
    found = pl.read_parquet(tmp_path / "shop" / "interactions.parquet").select("tags", "price", "at").tail(2)
    assert found.rows() == [('["a", "ü"]', "1.5", '{"x": 1}'), ("b", "cheap", None)]


def test_a_table_of_which_no_row_can_be_used_is_refused(tmp_path: Path, events: Path) -> None:
    items = put(tmp_path, "items.csv", "item_id,title\ni1,One,x\ni2,Two,y\n")
    with pytest.raises(DataError, match=r"none of the 2 rows can be used; most often: wrong number of fields .*line 2"):
        import_events([events], tmp_path / "shop", items=[items])
    assert not (tmp_path / "shop").exists()


def test_tables_that_share_no_id_with_the_events_are_suspicious(tmp_path: Path, events: Path) -> None:
    items = put(tmp_path, "items.csv", "item_id,title\n1,One\n2,Two\n")
    users = put(tmp_path, "users.csv", "user_id,age\nu1,30\nu2,31\nu3,32\n")
    report = import_events([events], tmp_path / "shop", items=[items], users=[users])
    assert report.described == {"items": 0, "users": 2}
    assert report.suspicions()[0] == (
        "None of the 2 items with events stand in the table of items: do both tables use the same ids?"
    )
    assert read_report(tmp_path / "shop").suspicions() == report.suspicions()
    more = put(tmp_path, "more.csv", "item_id,title\ni1,One\ni2,Two\n")
    assert import_events([], tmp_path / "shop", items=[more]).suspicions() == []
