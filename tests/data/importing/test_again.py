"""The same file again changes nothing, a new one is added, and what is in the way is left alone."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.data import read_folder
from tastemaker.data.importing import ImportReport, Options, import_events

from .conftest import content

FIRST = "user_id,item_id,timestamp\nu1,i1,1700000000\nu1,i2,1700000005\n,i3,1\n"
SECOND = "user_id,item_id,timestamp,device\nu2,i1,1700000001,phone\nu2,,1,tv\n"


def put(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def load(paths: list[Path], folder: Path, **options: object) -> tuple[ImportReport, list[str]]:
    notes: list[str] = []
    report = import_events(paths, folder, options=Options(**options), notify=notes.append)  # type: ignore[arg-type]
    return report, notes


def test_the_same_file_again_changes_nothing(tmp_path: Path) -> None:
    first, shop = put(tmp_path, "first.csv", FIRST), tmp_path / "shop"
    load([first], shop)
    before, times = content(shop), {path: path.stat().st_mtime_ns for path in shop.iterdir()}
    report, _ = load([first], shop)
    assert report.new == 0
    assert report.skipped == (str(first),)
    assert content(shop) == before
    assert {path: path.stat().st_mtime_ns for path in shop.iterdir()} == times
    renamed = first.rename(tmp_path / "other-name.csv")
    assert load([renamed], shop)[0].new == 0


def test_a_new_file_is_added_after_the_rows_that_are_there(tmp_path: Path) -> None:
    first, second, shop = put(tmp_path, "first.csv", FIRST), put(tmp_path, "second.csv", SECOND), tmp_path / "shop"
    load([first], shop)
    report, _ = load([first, second], shop)
    assert (report.new, report.skipped) == (1, (str(first),))
    assert (report.rows, report.kept, report.rejected()) == (5, 3, {"no item": 1, "no user": 1})
    assert read_folder(shop).interactions.frame["user_id"].to_list() == ["u1", "u1", "u2"]
    at_once = tmp_path / "at-once" / "shop"
    load([first, second], at_once)
    assert content(at_once) == content(shop)


def test_one_file_named_twice_is_imported_once(tmp_path: Path) -> None:
    first = put(tmp_path, "first.csv", FIRST)
    report, notes = load([first, first], tmp_path / "shop")
    assert report.kept == 2
    assert any("named twice" in note for note in notes)


def test_a_log_that_grew_is_not_imported_a_second_time(tmp_path: Path) -> None:
    first, shop = put(tmp_path, "first.csv", FIRST), tmp_path / "shop"
    load([first], shop)
    before = content(shop)
    put(tmp_path, "first.csv", FIRST + "u3,i3,1700000009\n")
    with pytest.raises(DataError, match=r"begins with all of .*first\.csv, which is imported already"):
        load([first], shop)
    assert content(shop) == before
    assert import_events([first], shop, replace=True).kept == 3


def test_other_content_under_the_same_name_is_added_with_a_note(tmp_path: Path) -> None:
    first, shop = put(tmp_path, "first.csv", FIRST), tmp_path / "shop"
    load([first], shop)
    put(tmp_path, "first.csv", SECOND)
    report, notes = load([first], shop)
    assert report.kept == 3
    assert any("imported before with other content" in note for note in notes)


def test_the_same_file_under_other_settings_is_refused(tmp_path: Path) -> None:
    first, shop = put(tmp_path, "first.csv", FIRST), tmp_path / "shop"
    load([first], shop)
    with pytest.raises(DataError, match="imported before with other settings: ignore"):
        load([first], shop, ignore=("timestamp",))


def test_replace_starts_anew(tmp_path: Path) -> None:
    first, second, shop = put(tmp_path, "first.csv", FIRST), put(tmp_path, "second.csv", SECOND), tmp_path / "shop"
    load([first], shop)
    report = import_events([second], shop, replace=True)
    assert [file.file for file in report.files] == [str(second)]
    assert pl.read_parquet(shop / "interactions.parquet")["user_id"].to_list() == ["u2"]


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "letters.txt").write_text("dear all", encoding="utf-8")
    for replace in (False, True):
        with pytest.raises(DataError, match="the folder holds other things"):
            import_events([put(tmp_path, "first.csv", FIRST)], shop, replace=replace)
    assert content(shop) == {"letters.txt": b"dear all"}


def test_an_empty_folder_may_be_there(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    assert load([put(tmp_path, "first.csv", FIRST)], tmp_path / "shop")[0].kept == 2


def test_a_damaged_manifest_is_said_so(tmp_path: Path) -> None:
    first, shop = put(tmp_path, "first.csv", FIRST), tmp_path / "shop"
    load([first], shop)
    (shop / "import.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="cannot read what was imported here before"):
        load([first], shop)


def test_an_import_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    first, shop = put(tmp_path, "first.csv", FIRST), tmp_path / "shop"
    load([first], shop)
    before = content(shop)
    with pytest.raises(DataError):
        load([put(tmp_path, "second.csv", SECOND)], shop, strict=True)
    assert content(shop) == before
    assert {path.name for path in tmp_path.iterdir()} == {"first.csv", "second.csv", "shop"}
