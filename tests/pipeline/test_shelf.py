"""The shelf: numbers that stay, rows in columns, what is available, masks that are remembered."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemaker.core.errors import DataError, QueryError, UnknownItemError
from tastemaker.core.query import NO_TIME
from tastemaker.data.catalogue import Catalogue
from tastemaker.pipeline.filters import FilterError, Moment, parse
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.table import MAX_FIELDS
from tastemaker.pipeline.text_lists import TextListColumn

MOMENT = Moment()


def shelf_of(**rows: dict[str, Any]) -> Shelf:
    shelf = Shelf()
    shelf.put(rows)
    return shelf


def found(shelf: Shelf, where: str, moment: Moment = MOMENT) -> list[str]:
    ids: list[str] = shelf.ids[shelf.mask(where, moment)].tolist()
    return ids


# -- numbers ---------------------------------------------------------------------------------------------------------


def test_items_are_numbered_as_they_come_and_keep_their_numbers() -> None:
    shelf = Shelf()
    assert shelf.put({"b": {}, "a": {}}).tolist() == [0, 1]
    assert shelf.put({"c": {}, "b": {}}).tolist() == [2, 0]
    assert shelf.ids.tolist() == ["b", "a", "c"]
    assert shelf.numbers(["c", "x", "b"]).tolist() == [2, -1, 0]


def test_a_withdrawn_item_keeps_its_number_and_has_it_again() -> None:
    shelf = shelf_of(a={"title": "A", "price": 1}, b={})
    assert shelf.remove(["a", "a", "x"]) == 1
    assert "a" not in shelf
    assert "b" in shelf
    assert len(shelf) == 2
    assert shelf.numbers(["a"]).tolist() == [0]
    assert shelf.present.tolist() == [False, True]
    assert shelf.title(0) == "a"
    assert shelf.remove(["a"]) == 0
    assert shelf.put({"c": {}, "a": {}}).tolist() == [2, 0]
    assert shelf.present.tolist() == [True, True, True]
    assert shelf.value(0, "price") is None


def test_a_shelf_without_items_answers_too() -> None:
    shelf = Shelf()
    assert len(shelf) == 0
    assert shelf.put({}).tolist() == []
    assert shelf.mask("price < 5 or distance(0, 0) < 1 km", MOMENT).shape == (0,)
    assert shelf.open_at(0).shape == shelf.added.shape == shelf.column("price").shape == (0,)
    assert shelf.revision == shelf.arrivals == 0


def test_revisions_grow_with_every_change_and_arrivals_with_new_numbers_only() -> None:
    shelf = Shelf()
    seen = [(shelf.revision, shelf.arrivals)]
    for change in (
        lambda: shelf.put({"a": {}}),
        lambda: shelf.put({"a": {"price": 2}}),
        lambda: shelf.patch("a", {"price": 3}),
        lambda: shelf.remove(["a"]),
        lambda: shelf.put({"a": {}}),
        lambda: shelf.put({"b": {}, "c": {}}),
    ):
        change()
        seen.append((shelf.revision, shelf.arrivals))
    assert seen == [(0, 0), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 2)]


def test_the_numbering_of_a_model_is_remembered_and_follows_arrivals() -> None:
    shelf = shelf_of(a={}, b={})
    ids = np.asarray(["b", "z", "a"], dtype=object)
    first = shelf.numbering(ids)
    assert first.tolist() == [0 if item == "a" else 1 if item == "b" else -1 for item in ids]
    shelf.patch("a", {"price": 1})
    assert shelf.numbering(ids) is first
    shelf.put({"y": {}, "z": {}})
    assert shelf.numbering(ids).tolist() == [1, 3, 0]
    assert first.tolist() == [1, -1, 0]


def test_the_numbering_of_one_array_is_never_taken_for_that_of_another() -> None:
    shelf = shelf_of(a={}, b={})
    for _ in range(50):
        # A new array often lies where the old one was.
        assert shelf.numbering(np.asarray(["a"], dtype=object)).tolist() == [0]
        assert shelf.numbering(np.asarray(["b"], dtype=object)).tolist() == [1]


def test_what_is_handed_out_cannot_be_written_to() -> None:
    shelf = shelf_of(a={"price": 1.0})
    ids = np.asarray(["a"], dtype=object)
    for array in (shelf.ids, shelf.present, shelf.available, shelf.added, shelf.column("price"), shelf.numbering(ids)):
        assert not array.flags.writeable
    assert not shelf.mask("true", MOMENT).flags.writeable


# -- rows ------------------------------------------------------------------------------------------------------------


def test_a_row_replaces_all_that_was_known_and_a_patch_only_what_it_names() -> None:
    shelf = shelf_of(a={"title": "Old", "price": 1, "brand": "x", "categories": ["c"], "green": True, "tags": ["t"]})
    assert shelf.patch("a", {"price": 2, "brand": None, "size": "L"}) == 0
    assert [shelf.value(0, name) for name in ("price", "brand", "size", "title", "categories")] == [
        2.0,
        None,
        "L",
        "Old",
        ("c",),
    ]
    shelf.put({"a": {"price": 3}})
    assert shelf.value(0, "price") == 3
    for name in ("title", "brand", "categories", "green", "tags", "size"):
        assert shelf.value(0, name) is None
        assert found(shelf, f"{name} is missing") == ["a"]


def test_only_what_is_there_can_be_patched() -> None:
    shelf = shelf_of(a={})
    with pytest.raises(UnknownItemError, match="'b'"):
        shelf.patch("b", {"price": 1})
    shelf.remove(["a"])
    with pytest.raises(UnknownItemError, match="'a'"):
        shelf.patch("a", {"price": 1})


def test_a_bad_row_leaves_everything_as_it_was() -> None:
    shelf = shelf_of(a={"price": 1})
    before = shelf.revision
    bad: list[dict[str, dict[str, Any]]] = [
        {"b": {"new": "x"}, "a": {"price": "cheap"}},
        {"c": {"new": 1}, "d": {"new": "x"}},
    ]
    for rows in bad:
        for refusing in (shelf.check, shelf.put):
            with pytest.raises(DataError):
                refusing(rows)
    assert (shelf.revision, len(shelf), shelf.value(0, "price")) == (before, 1, 1)
    assert "new" not in shelf.fields()
    assert "b" not in shelf


def test_a_row_that_could_be_put_is_only_looked_at() -> None:
    shelf = shelf_of(a={"price": 1})
    shelf.check({"b": {"price": 2, "new": "x"}})
    assert (len(shelf), shelf.revision) == (1, 1)
    assert "new" not in shelf.fields()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("price", "9.99", "'9.99', and must be a number"),
        ("price", True, "True, and must be a number"),
        ("price", float("inf"), "inf, and must be a number"),
        ("year", 10**400, "must be a number"),
        ("brand", 5, "5, and must be text"),
        ("title", ["x"], "must be text"),
        ("available", 1, "1, and must be true or false"),
        ("categories", "Crime", "'Crime', and must be a list of texts"),
        ("categories", ["Crime", 5], "must be a list of texts"),
        ("added", "yesterday", "'yesterday', and must be a date or a moment"),
        ("available_from", 2**70, "must be a date or a moment"),
        ("price", {"amount": 5}, "must be a number"),
    ],
)
def test_a_value_of_another_kind_is_refused_by_item_and_field(field: str, value: Any, said: str) -> None:
    shelf = Shelf()
    with pytest.raises(DataError) as refused:
        shelf.put({"fine": {}, "i7": {field: value}})
    assert f"'{field}' of item 'i7'" in str(refused.value)
    assert said in str(refused.value)
    assert refused.value.remedy


def test_a_field_takes_the_kind_of_what_is_seen_first() -> None:
    first = {
        "number": 5,
        "text": "the description is read by models",
        "colour": "red",
        "flag": False,
        "tags": ["a"],
        "day": date(2026, 3, 1),
    }
    shelf = shelf_of(none={"colour": None, "tags": []}, a=first)
    kinds = {name: shelf.fields()[name] for name in first if name in shelf.fields()}
    assert kinds == {
        "number": "number",
        "colour": "text",
        "flag": "yes or no",
        "tags": "list of text",
        "day": "time",
    }
    for field, value in (("number", "5"), ("colour", 5), ("flag", "yes"), ("tags", "a"), ("day", "soon")):
        with pytest.raises(DataError, match=field):
            shelf.patch("a", {field: value})


def test_what_nothing_can_be_filtered_by_is_no_field() -> None:
    shelf = shelf_of(a={"size": {"w": 1}, "vector": [0.5, 1.0], "price": 1})
    assert not {"size", "vector"} & shelf.fields().keys()
    with pytest.raises(QueryError, match="no item has a field 'vector'"):
        shelf.column("vector")


def test_what_is_no_field_may_stand_beside_what_is_in_any_order() -> None:
    rows: dict[str, dict[str, Any]] = {"a": {"size": {"w": 1}}, "b": {"size": "L"}, "c": {"size": [1, 2]}}
    for order in (["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]):
        one_by_one, at_once = Shelf(), Shelf()
        for item in order:
            one_by_one.put({item: rows[item]})
        at_once.put({item: rows[item] for item in order})
        for shelf in (one_by_one, at_once):
            assert found(shelf, 'size = "L"') == ["b"]
            assert sorted(found(shelf, "size is missing")) == ["a", "c"]


def test_fields_are_not_without_number() -> None:
    shelf = shelf_of(a={})
    with pytest.raises(DataError, match="fields"):
        shelf.put({"a": {f"f{number}": 1 for number in range(MAX_FIELDS)}})
    assert "f0" not in shelf.fields()


def test_empty_text_and_not_a_number_are_missing() -> None:
    shelf = shelf_of(a={"brand": "", "price": float("nan"), "title": "", "categories": ["", "c"], "tags": [""]})
    assert shelf.value(0, "brand") is shelf.value(0, "price") is None
    assert shelf.title(0) == "a"
    assert shelf.value(0, "categories") == ("c",)
    assert found(shelf, "brand is missing and price is missing and title is missing") == ["a"]


# -- what an item says -----------------------------------------------------------------------------------------------


def test_title_year_and_categories_of_an_item() -> None:
    shelf = shelf_of(a={"title": "Amélie", "year": 2001, "categories": ["B > C", "D", "B > C"]}, b={})
    assert (shelf.title(0), shelf.title(1)) == ("Amélie", "b")
    assert (shelf.year(0), shelf.year(1)) == (2001, None)
    names = [shelf.categories[code] for code in shelf.category_numbers(0).tolist()]
    assert names == ["B > C", "D"]
    assert shelf.category_numbers(1).tolist() == []
    assert Shelf().categories == ()


def test_columns_are_arrays_with_a_sign_for_what_is_missing() -> None:
    shelf = shelf_of(
        a={"price": 2.5, "brand": "x", "flag": True, "tags": ["t", "u"], "available_from": 7, "title": "T"},
        b={"brand": "y"},
        c={"brand": "x", "flag": False, "tags": ["u"]},
    )
    assert np.array_equal(shelf.column("price"), [2.5, np.nan, np.nan], equal_nan=True)
    brand, tags = shelf.column("brand"), shelf.column("tags")
    assert brand[0] == brand[2] != brand[1]
    assert shelf.column("flag").tolist() == [1, -1, 0]
    assert tags[1] == -1
    assert tags[0] != tags[2]
    assert shelf.column("available_from").tolist() == [7, NO_TIME, NO_TIME]
    assert shelf.column("title").tolist() == ["T", "", ""]
    assert np.isnan(shelf.column("stock")).all()


def test_an_unknown_column_is_refused_with_the_nearest() -> None:
    with pytest.raises(QueryError, match="Did you mean 'price'"):
        Shelf().column("prise")


def test_the_moment_of_coming_is_what_the_row_says_or_when_it_was_first_put() -> None:
    shelf = Shelf()
    rows: dict[str, dict[str, Any]] = {
        "own": {"added": 5},
        "stamp": {"timestamp": "1970-01-01T00:00:01Z"},
        "none": {},
        "both": {"added": 3, "timestamp": 4},
    }
    shelf.put(rows, at=100)
    assert shelf.added.tolist() == [5, 1_000_000, 100, 3]
    shelf.put({"own": {}, "none": {}}, at=200)
    assert shelf.added.tolist() == [100, 1_000_000, 100, 3]
    shelf.patch("none", {"added": datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)})
    shelf.patch("both", {"added": None})
    shelf.patch("own", {"price": 5})
    assert shelf.added.tolist() == [100, 1_000_000, 2_000_000, 100]


def test_an_item_is_available_unless_it_is_said_not_to_be() -> None:
    shelf = shelf_of(said={"available": True}, silent={}, off={"available": False}, gone={"available": True})
    shelf.remove(["gone"])
    assert shelf.available.tolist() == [True, True, False, False]
    assert found(shelf, "available = true") == ["said", "silent"]
    shelf.patch("off", {"available": None})
    shelf.patch("said", {"available": False})
    assert shelf.available.tolist() == [False, True, True, False]


def test_an_item_is_open_from_its_first_moment_to_its_last() -> None:
    shelf = shelf_of(
        always={},
        later={"available_from": 10},
        before={"available_until": 20},
        both={"available_from": 10, "available_until": 20},
        off={"available_from": 10, "available": False},
    )

    def opened(now: int) -> list[str]:
        ids: list[str] = shelf.ids[shelf.open_at(now)].tolist()
        return ids

    assert opened(9) == ["always", "before"]
    assert opened(10) == opened(20) == ["always", "later", "before", "both"]
    assert opened(21) == ["always", "later"]


def test_what_was_open_is_not_changed_afterwards() -> None:
    shelf = shelf_of(a={})
    before = shelf.open_at(0)
    shelf.patch("a", {"available": False})
    assert before.tolist() == [True]
    assert shelf.open_at(0).tolist() == [False]


# -- masks -----------------------------------------------------------------------------------------------------------


def test_withdrawn_items_fit_no_filter() -> None:
    shelf = shelf_of(a={"price": 1}, b={"price": 9})
    shelf.remove(["b"])
    assert found(shelf, "not price < 5") == []
    assert found(shelf, "true") == ["a"]
    assert parse("not price < 5").mask(shelf, MOMENT).tolist() == [False, True]


def test_a_mask_is_remembered_until_something_changes() -> None:
    shelf = shelf_of(a={"price": 1}, b={"price": 9})
    first = shelf.mask("price < 5", MOMENT)
    assert shelf.mask(parse("price<5.0"), Moment(now=7)) is first
    shelf.patch("b", {"price": 2})
    assert first.tolist() == [True, False]
    assert shelf.mask("price < 5", MOMENT).tolist() == [True, True]


def test_a_mask_is_remembered_for_what_it_reads_of_the_moment() -> None:
    shelf = shelf_of(a={"price": 1}, b={"price": 9})
    for budget in (5, 10, 5, 0):
        expected = [item for item, price in (("a", 1), ("b", 9)) if price < budget]
        assert found(shelf, "price < $budget", Moment(context={"budget": budget, "other": budget * 2})) == expected
    assert shelf.mask("price < $budget", Moment(1, {"budget": 5})) is shelf.mask(
        "price < $budget", Moment(2, {"budget": 5, "other": 1})
    )


def test_a_request_that_asks_otherwise_is_not_answered_from_memory() -> None:
    shelf = shelf_of(a={"price": 1.0})
    assert found(shelf, "price = $x", Moment(context={"x": 1})) == ["a"]
    with pytest.raises(QueryError, match=r"\$x of the request is True"):
        found(shelf, "price = $x", Moment(context={"x": True}))
    assert shelf.mask("nothing = 1", MOMENT, strict=False).tolist() == [False]
    with pytest.raises(FilterError, match="no item has a field 'nothing'"):
        shelf.mask("nothing = 1", MOMENT)


def test_more_masks_than_are_remembered_are_all_right() -> None:
    shelf = shelf_of(**{f"i{number}": {"price": number} for number in range(3)})
    for turn in range(600):
        assert found(shelf, "price > $x", Moment(context={"x": 1.5 + turn})) == (["i2"] if turn == 0 else [])
    assert found(shelf, "price > $x", Moment(context={"x": 1.5})) == ["i2"]


# -- a catalogue -----------------------------------------------------------------------------------------------------


def test_a_catalogue_becomes_what_its_rows_would() -> None:
    frame = pl.DataFrame(
        {
            "item_id": ["a", "b", "c"],
            "title": ["One", None, "Three"],
            "text": ["long", "longer", None],
            "categories": [["B > C", "D"], None, []],
            "year": [1999, None, 2001],
            "price": [1.5, 2.0, None],
            "stock": ["5", "many", None],
            "available": ["yes", "no", None],
            "made": pl.Series(["x", "y", "x"], dtype=pl.Categorical),
            "tags": [["t"], ["u", None], None],
            "added": [datetime(2026, 1, 1), None, datetime(2026, 1, 2)],
            "vector": pl.Series([[1.0, 2.0]] * 3, dtype=pl.Array(pl.Float64, 2)),
            "size": [{"w": 1}] * 3,
        }
    )
    shelf = Shelf.of_catalogue(Catalogue(frame), now=77)
    second = 1_000_000
    expected = Shelf()
    new_year = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * second
    expected.put(
        {
            "a": {"title": "One", "categories": ["B > C", "D"], "year": 1999, "price": 1.5, "stock": 5, "made": "x"},
            "b": {"price": 2, "available": False, "made": "y", "tags": ["u"]},
            "c": {"title": "Three", "year": 2001, "made": "x", "added": new_year + 86_400 * second},
        },
        at=77,
    )
    expected.patch("a", {"tags": ["t"], "added": new_year})
    assert shelf.ids.tolist() == expected.ids.tolist()
    assert shelf.fields() == expected.fields()
    assert shelf.added.tolist() == expected.added.tolist()
    assert shelf.available.tolist() == expected.available.tolist()
    for name in expected.fields():
        assert [shelf.value(n, name) for n in range(3)] == [expected.value(n, name) for n in range(3)]


def test_a_value_of_a_catalogue_that_cannot_be_read_is_named() -> None:
    frame = pl.DataFrame({"item_id": ["a", "b"], "available_from": ["2026-01-01", "soon"]})
    with pytest.raises(DataError, match="'available_from' of item 'b' is 'soon'"):
        Shelf.of_catalogue(Catalogue(frame))


# -- many changes ----------------------------------------------------------------------------------------------------

ROWS = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(["x", "y", ""]),
        "price": st.sampled_from([0, 1.5, -2, None]),
        "brand": st.sampled_from(["p", "q", None]),
        "flag": st.booleans(),
        "categories": st.lists(st.sampled_from(["A", "A > B", "A > B > C", "D"]), max_size=3),
        "available": st.sampled_from([True, False, None]),
    },
)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.dictionaries(st.sampled_from("abcdefgh"), ROWS, min_size=1, max_size=4)),
        st.tuples(st.just("patch"), st.tuples(st.sampled_from("abcdefgh"), ROWS)),
        st.tuples(st.just("remove"), st.lists(st.sampled_from("abcdefgh"), max_size=3)),
    ),
    max_size=12,
)


@settings(max_examples=40)
@given(changes=CHANGES)
def test_after_any_changes_the_shelf_says_what_the_rows_say(changes: list[tuple[str, Any]]) -> None:
    shelf, rows, order = Shelf(), dict[str, dict[str, Any]](), list[str]()
    for how, what in changes:
        if how == "put":
            shelf.put(what)
            rows |= what
            order += [item for item in what if item not in order]
        elif how == "patch" and what[0] in rows:
            shelf.patch(*what)
            rows[what[0]] = {**rows[what[0]], **what[1]}
        elif how == "remove":
            assert shelf.remove(what) == len(rows.keys() & set(what))
            rows = {item: row for item, row in rows.items() if item not in what}
    assert shelf.ids.tolist() == order
    assert shelf.present.tolist() == [item in rows for item in order]
    assert shelf.available.tolist() == [
        rows.get(item, {"available": False}).get("available") is not False for item in order
    ]
    for number, item in enumerate(order):
        row = rows.get(item, {})
        for name in ("title", "price", "brand", "flag"):
            if name in shelf.fields():
                assert shelf.value(number, name) == (None if row.get(name) == "" else row.get(name))
        assert shelf.value(number, "categories") == (tuple(dict.fromkeys(row.get("categories") or ())) or None)
    below_a = {"A": ("A", "A > B", "A > B > C"), "B": ("A > B", "A > B > C"), "A > B": ("A > B", "A > B > C")}
    for step, paths in below_a.items():
        fitting = [item for item in order if set(rows.get(item, {}).get("categories") or ()) & set(paths)]
        assert found(shelf, f'category = "{step}"') == fitting


def test_lists_that_change_again_and_again_are_kept_right() -> None:
    shelf = Shelf()
    last = dict[str, list[str]]()
    for turn in range(1500):
        item = f"i{turn * 7 % 11}"
        last[item] = [f"t{(turn + step) % 5}" for step in range(turn % 4)]
        shelf.put({item: {"tags": last[item]}})
    for tag in (f"t{number}" for number in range(5)):
        assert set(found(shelf, f'tags has "{tag}"')) == {item for item, tags in last.items() if tag in tags}
    for item, tags in last.items():
        assert shelf.value(int(shelf.numbers([item])[0]), "tags") == (tuple(tags) or None)


def test_texts_that_no_item_says_any_more_are_forgotten() -> None:
    shelf = shelf_of(a={"seen": "first"}, b={"seen": "b stays"})
    for turn in range(3000):
        shelf.patch("a", {"seen": f"text {turn}"})
    assert shelf.value(0, "seen") == "text 2999"
    assert found(shelf, 'seen = "b stays"') == ["b"]
    assert found(shelf, 'seen = "text 2999"') == ["a"]
    assert found(shelf, 'seen contains "text 2998"') == []
    assert int(shelf.column("seen").max()) < 2500


def test_a_mask_shows_all_of_a_change_or_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = shelf_of(a={"price": 0, "tags": ["t0"]})
    seen: list[list[str]] = []
    reader = threading.Thread(target=lambda: seen.append(found(shelf, 'price = 1 and tags has "t1"')))
    write = TextListColumn.write

    def interrupted(column: TextListColumn, numbers: Any, values: Any) -> None:
        # By now the price is written. Whoever looks gets as long as they need, unless they are made to wait.
        reader.start()
        reader.join(timeout=0.1)
        write(column, numbers, values)

    monkeypatch.setattr(TextListColumn, "write", interrupted)
    shelf.put({"a": {"price": 1, "tags": ["t1"]}})
    reader.join()
    assert seen == [["a"]]


def test_threads_may_change_and_ask_at_the_same_time() -> None:
    shelf = Shelf()
    faults: list[BaseException] = []

    def change(name: str) -> None:
        try:
            for turn in range(200):
                shelf.put({f"{name}{turn}": {"price": turn, "tags": [name, f"t{turn % 3}"]}})
                assert shelf.mask(f'tags has "{name}"', MOMENT).sum() == turn + 1
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=change, args=(name,)) for name in ("x", "y", "z")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(shelf) == shelf.present.sum() == 600
    assert shelf.numbers(shelf.ids.tolist()).tolist() == list(range(600))
