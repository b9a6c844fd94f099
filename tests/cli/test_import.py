"""`tastemaker import`: the guess, the report, the settings, and what is wrong with a command line."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tastemaker.cli.settings import load_settings, template
from tastemaker.data import read_folder

Run = Callable[..., Any]

EVENTS = (
    "customer,sku,when,what\nu1,i1,2024-01-01,view\nu1,i2,2024-01-02,buy\nu2,i1,2024-01-03,rent\n,i1,2024-01-03,buy\n"
)


@pytest.fixture
def events(shop: Path) -> Path:
    path = shop / "events.csv"
    path.write_text(EVENTS, encoding="utf-8")
    return path


def test_the_guess_and_the_report_are_shown(run: Run, events: Path) -> None:
    done = run("import", events, "--to", "mine")
    assert done.code == 0, done.err
    guess = " ".join(done.err.split())
    assert "events.csv, read as events" in guess
    assert "customer user_id its name u1, u2" in guess
    assert "what event its values view, buy, rent" in guess
    shown = " ".join(done.out.split())
    assert "rows 4, of which 3 were kept" in shown
    assert "set aside no user (1); see quarantine.jsonl" in shown
    assert "unknown events rent (1): each counts 1; --weight says otherwise" in shown
    assert "Wrote mine" in shown
    assert len(read_folder(Path("mine")).interactions) == 3


def test_the_page_is_complete_in_itself(run: Run, events: Path) -> None:
    events.write_text(EVENTS.replace("rent", "<script>"), encoding="utf-8")
    assert run("import", events, "--to", "mine").code == 0
    page = Path("mine/import_report.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "3 of 4 rows were kept" in page
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_json_is_one_document(run: Run, events: Path) -> None:
    done = run("import", events, "--to", "mine", "--json")
    assert done.json["rejected"] == {"no user": 1}
    assert done.json["guesses"][0]["columns"]["user_id"] == "customer"
    assert done.json["profile"]["events"] == 3
    again = run("import", events, "--to", "mine", "--json")
    assert (again.json["new"], again.json["skipped"]) == (0, [str(events)])


def test_the_same_again_says_that_nothing_changed(run: Run, events: Path) -> None:
    run("import", events, "--to", "mine")
    assert "Nothing new" in run("import", events, "--to", "mine").out


def test_columns_and_weights_from_the_command_line(run: Run, events: Path) -> None:
    words = ("--column", "user_id=sku", "--column", "item_id=customer", "--weight", "rent=0.5", "--ignore", "when")
    done = run("import", events, "--to", "mine", *words, "--name", "rentals")
    assert done.code == 0, done.err
    dataset = read_folder(Path("mine"))
    assert dataset.name == "rentals"
    assert set(dataset.interactions.frame["user_id"]) == {"i1", "i2"}
    assert 0.5 in dataset.interactions.frame["weight"]
    assert not dataset.interactions.has_times


def test_columns_and_weights_from_the_settings(run: Run, events: Path) -> None:
    text = '[import]\ncolumns = { user_id = "sku", item_id = "customer" }\n[import.events]\nview = 7\n'
    Path("tastemaker.toml").write_text(text, encoding="utf-8")
    assert run("import", events, "--to", "mine", "--weight", "rent=2").code == 0
    frame = read_folder(Path("mine")).interactions.frame
    assert set(frame["user_id"]) == {"i1", "i2"}
    assert {7.0, 2.0} <= set(frame["weight"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[import]\ncolums = {}\n", "unknown key 'import.colums'"),
        ('[import.events]\nview = "much"\n', "'import.events'"),
    ],
)
def test_wrong_settings_are_refused(run: Run, events: Path, text: str, message: str) -> None:
    Path("tastemaker.toml").write_text(text, encoding="utf-8")
    done = run("import", events, "--json")
    assert done.code == 3
    assert message in done.error["message"]


def test_the_section_is_explained_in_a_new_file(shop: Path) -> None:
    text = template()
    assert "[import]" in text
    uncommented = text.replace("# columns = ", "columns = ").replace("# events = ", "events = ")
    (shop / "new.toml").write_text(uncommented, encoding="utf-8")
    settings = load_settings(shop / "new.toml").settings
    assert settings.import_.columns == {"user_id": "customer"}
    assert settings.import_.events["hide"] == -1.0


def test_strict_fails_with_the_place(run: Run, events: Path) -> None:
    done = run("import", events, "--to", "mine", "--strict", "--json")
    assert done.code == 4
    assert done.error["message"] == "no user"
    assert done.error["where"] == f"{events}, line 5, column 'customer'"
    assert not Path("mine").exists()


def test_items_people_and_facts(run: Run, events: Path) -> None:
    Path("items.csv").write_text("id,name\ni1,One\n", encoding="utf-8")
    Path("people.csv").write_text("id,age\nu1,30\n", encoding="utf-8")
    Path("facts.csv").write_text("head,relation,tail\ni1,like,i2\n", encoding="utf-8")
    words = ("--items", "items.csv", "--users", "people.csv", "--relations", "facts.csv")
    assert run("import", events, *words, "--to", "mine").code == 0
    dataset = read_folder(Path("mine"))
    assert dataset.catalogue.title("i1") == "One"
    assert dataset.users is not None
    assert dataset.relations is not None


def test_rows_are_counted_by_table_and_items_without_a_row_are_told(run: Run, events: Path) -> None:
    Path("items.csv").write_text("id,name\ni1,One\ni9,Nine,x\n", encoding="utf-8")
    shown = " ".join(run("import", events, "--items", "items.csv", "--to", "mine").out.split())
    assert "rows 6, of which 4 were kept: events 3 of 4, items 1 of 2" in shown
    assert "described 1 of 2 items" in shown
    assert "do both tables use the same ids?" not in shown
    Path("other.csv").write_text("id,name\n1,One\n", encoding="utf-8")
    done = run("import", events, "--items", "other.csv", "--to", "yours")
    assert "! None of the 2 items with events stand in the table of items" in " ".join(done.out.split())


def test_a_file_of_one_kind_of_event(run: Run, shop: Path) -> None:
    Path("buys.tsv").write_text("visitorid\titemid\tevent\n1\t1\t1\n1\t2\t1\n", encoding="utf-8")
    done = run("import", "buys.tsv", "--event", "purchase", "--weight", "buy=3", "--to", "mine")
    assert done.code == 0, done.err
    assert "event given purchase" in " ".join(done.err.split())
    assert read_folder(Path("mine")).interactions.frame.select("event", "weight").rows() == [("buy", 3.0)] * 2
    guess = run("import", "buys.tsv", "--event", "purchase", "--to", "yours", "--json").json["guesses"][0]
    assert (guess["kind"], guess["columns"]) == ("purchase", {"user_id": "visitorid", "item_id": "itemid"})


@pytest.mark.parametrize(
    ("rows", "protocol"),
    [
        (["u1,i1,2024-01-01", "u1,i2,2024-01-02"], None),
        ([f"u{user},{item}," for user in range(3) for item in (5, 3, 1, 4, 2)], "leave-one-out"),
        ([f"u{user},{item}," for user in range(3) for item in range(6)], "random-ratio"),
    ],
    ids=["times", "order", "no order"],
)
def test_the_comparison_that_comes_next_is_one_that_the_data_allow(
    run: Run, events: Path, rows: list[str], protocol: str | None
) -> None:
    events.write_text("\n".join(["user_id,item_id,timestamp", *rows]) + "\n", encoding="utf-8")
    said = run("import", events, "--to", "mine").out
    assert f"tastemaker compare --source ./mine{f' --protocol {protocol}' if protocol else ''}\n" in said


def test_a_database_is_asked(run: Run, shop: Path) -> None:
    with closing(sqlite3.connect("shop.db")) as connection, connection:
        connection.execute("CREATE TABLE sales (customer, sku)")
        connection.execute("INSERT INTO sales VALUES (1, 2)")
    done = run("import", "sqlite:///shop.db", "--query", "SELECT * FROM sales", "--to", "mine")
    assert done.code == 0, done.err
    assert read_folder(Path("mine")).history("1") == ["2"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--column", "user_id"), "not of the form NAME=VALUE"),
        (("--weight", "view=much"), "could not convert"),
        (("sqlite:///shop.db",), "a database needs a question"),
    ],
)
def test_a_wrong_command_line_is_usage(run: Run, events: Path, words: tuple[str, ...], message: str) -> None:
    done = run("import", events, *words)
    assert done.code == 2
    assert message in done.err


def test_the_report_holds_no_moment_of_the_import(run: Run, events: Path) -> None:
    run("import", events, "--to", "one")
    run("import", events, "--to", "two", "--name", "one")
    one, two = (Path(name, "import_report.json").read_bytes() for name in ("one", "two"))
    assert one == two
    assert json.loads(one)["kept"] == 3
