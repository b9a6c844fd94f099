"""MovieLens: each layout of the files is read into the same frames. The rows here are made up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tastemaker.core.errors import AssetError, DataError
from tastemaker.data.assets import fetch
from tastemaker.data.mirrors import Mirror
from tastemaker.data.movielens import ML_100K, parse_movielens_100k, plain_title

EVENTS = "7\t2\t4\t1000000001\n3\t1\t5\t1000000000\n7\t4\t1\t1000000000\n"
USERS = [("3", "31", "F", "baker", "01234"), ("7", "62", "M", "pilot", "T8H1N")]
GENRES = 19


def flags(*genres: int) -> str:
    return "|".join("1" if place in genres else "0" for place in range(GENRES))


@pytest.fixture
def official(tmp_path: Path) -> Path:
    folder = tmp_path / "official"
    folder.mkdir()
    (folder / "u.data").write_text(EVENTS)
    (folder / "u.user").write_text("".join("|".join(user) + "\n" for user in USERS))
    rows = [
        f"1|Lighthouse, The (1931)|01-Jan-1931||http://example.org|{flags(1, 15)}",
        f"2|Été à Nîmes, L' (1990)|01-Jan-1990||http://example.org|{flags(8)}",
        f"3|unknown||||{flags(0)}",
        f"4|Harbour Tales III (1988) (V)|01-Jan-1988||http://example.org|{flags(3, 4)}",
    ]
    (folder / "u.item").write_text("\n".join(rows) + "\n", encoding="latin-1")
    return folder


@pytest.fixture
def recbole(tmp_path: Path) -> Path:
    folder = tmp_path / "recbole"
    folder.mkdir()
    header = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    (folder / "ml-100k.inter").write_text(header + EVENTS.removesuffix("\n"))
    header = "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
    (folder / "ml-100k.user").write_text(header + "".join("\t".join(user) + "\n" for user in USERS))
    rows = [
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq",
        "1\tLighthouse, The\t1931\tAction Sci-Fi",
        "2\tÉté à Nîmes, L'\t1990\tDrama",
        "3\tunkonwn\tunkonwn\tunknown",
        "4\tHarbour Tales III (1988)\tV\tAnimation Children's",
    ]
    (folder / "ml-100k.item").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def test_the_official_files_become_frames(official: Path) -> None:
    events, items, users = parse_movielens_100k(official, "official")
    assert events.schema == {
        "user_id": pl.String,
        "item_id": pl.String,
        "rating": pl.Float32,
        "timestamp": pl.Datetime("us", "UTC"),
    }
    first = datetime(2001, 9, 9, 1, 46, 41, tzinfo=UTC)
    assert events.row(0) == ("7", "2", 4.0, first)
    assert events["user_id"].to_list() == ["7", "3", "7"]  # the order of the file
    assert items.schema == {
        "item_id": pl.String,
        "title": pl.String,
        "year": pl.Int32,
        "categories": pl.List(pl.String),
    }
    assert items.rows() == [
        ("1", "The Lighthouse", 1931, ["Action", "Sci-Fi"]),
        ("2", "L'Été à Nîmes", 1990, ["Drama"]),
        ("3", None, None, []),
        ("4", "Harbour Tales III", 1988, ["Animation", "Children's"]),
    ]
    assert users.rows() == [("3", 31, "F", "baker", "01234"), ("7", 62, "M", "pilot", "T8H1N")]


def test_both_layouts_give_equal_frames(official: Path, recbole: Path) -> None:
    for one, other in zip(
        parse_movielens_100k(official, "official"), parse_movielens_100k(recbole, "recbole"), strict=True
    ):
        assert_frame_equal(one, other)


@pytest.mark.parametrize(
    ("listed", "title", "year"),
    [
        ("Lighthouse, The (1931)", "The Lighthouse", 1931),
        ("Quiet Street: Home Again, A (1975)", "A Quiet Street: Home Again", 1975),
        ("Old Pilot, An (1960)", "An Old Pilot", 1960),
        ("Rivière, La (River, The) (1980)", "La Rivière (The River)", 1980),
        ("Baker (Bäcker, Der) (1982)", "Baker (Der Bäcker)", 1982),
        ("Isola, L' (1950)", "L'Isola", 1950),
        ("Harbours, Los (1999)", "Los Harbours", 1999),
        ("Rome, Georgia (1991)", "Rome, Georgia", 1991),
        ("Go, Go, Go (1991)", "Go, Go, Go", 1991),
        ("To Stay, or Not (1991)", "To Stay, or Not", 1991),
        ("Winter, the (1991)", "Winter, the", 1991),
        ("1984 (1956)", "1984", 1956),
        ("Number (42) (1999)", "Number (42)", 1999),
        ("Unknown (1988)", "Unknown", 1988),
        ("No Year", "No Year", None),
        ("unknown", None, None),
        ("", None, None),
    ],
)
def test_titles_are_written_as_a_person_would_type_them(listed: str, title: str | None, year: int | None) -> None:
    assert plain_title(listed) == (title, year)


def test_a_line_that_is_cut_is_named(official: Path) -> None:
    path = official / "u.item"
    path.write_bytes(path.read_bytes()[:-11])
    with pytest.raises(DataError, match=r"19 fields instead of 24 .*u\.item, line 4"):
        parse_movielens_100k(official, "official")


@pytest.mark.parametrize("damaged", [b"", b"\x89PNG\r\n\x1a\n\x00\xff", b"7\t2\t4\n", b"7\t2\tfour\t1\n"])
def test_events_that_cannot_be_read_are_an_error(official: Path, damaged: bytes) -> None:
    (official / "u.data").write_bytes(damaged)
    with pytest.raises(DataError, match=r"u\.data.*Fetch the file anew"):
        parse_movielens_100k(official, "official")


@pytest.mark.parametrize("name", ["u.data", "u.item", "u.user"])
def test_a_missing_file_is_named(official: Path, name: str) -> None:
    (official / name).unlink()
    with pytest.raises(DataError, match=f"cannot read the file: .*{name}"):
        parse_movielens_100k(official, "official")


def test_an_unknown_layout_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no layout 'csv'\. Known: official, recbole"):
        parse_movielens_100k(tmp_path, "csv")


def test_the_asset_names_every_file_of_its_layouts() -> None:
    for mirror in ML_100K.mirrors:
        assert set(mirror.members) == set(mirror.layout.files)


def fetch_from(mirror: Mirror, cache: Path) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    try:
        fetched = fetch(replace(ML_100K, mirrors=(mirror,)), cache=cache)
    except AssetError as error:
        if "cannot connect" in error.message or "no answer" in error.message:
            pytest.skip(f"out of reach from here: {mirror}")
        raise
    return parse_movielens_100k(fetched.folder, fetched.layout)


@pytest.mark.network
@pytest.mark.parametrize("mirror", ML_100K.mirrors, ids=[mirror.layout.name for mirror in ML_100K.mirrors])
def test_each_mirror_gives_the_whole_data_set(mirror: Mirror, tmp_path: Path) -> None:
    events, items, users = fetch_from(mirror, tmp_path)
    assert (events.height, items.height, users.height) == (100_000, 1682, 943)
    assert (events["user_id"].n_unique(), events["item_id"].n_unique()) == (943, 1682)
    assert events["rating"].unique().sort().to_list() == [1, 2, 3, 4, 5]
    assert items["title"].null_count() == 1
    assert "The Usual Suspects" in items["title"]


@pytest.mark.network
def test_the_mirrors_give_equal_frames(tmp_path: Path) -> None:
    first, second = (fetch_from(mirror, tmp_path / mirror.layout.name) for mirror in ML_100K.mirrors)
    for one, other in zip(first, second, strict=True):
        assert_frame_equal(one, other)
