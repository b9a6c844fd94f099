"""MovieLens 1M and the CSV editions: official files, made up here, become exactly these frames."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tastemaker.core.errors import DataError
from tastemaker.data import Interactions
from tastemaker.data.sources.movielens import parse_movielens_1m, parse_movielens_csv
from tastemaker.data.sources.source import Tables

NOON = datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
LATER = datetime(2001, 9, 9, 1, 46, 41, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")


@pytest.fixture
def million(tmp_path: Path) -> Path:
    (tmp_path / "ratings.dat").write_bytes(b"2::30::5::1000000001\n1::10::3::1000000000\n2::10::1::1000000000\n")
    films = "10::Bäcker, Der (1931)::Drama|War\n20::Lighthouse, The (1940)::Comedy\n30::Number (42) (1999)::Sci-Fi\n"
    (tmp_path / "movies.dat").write_bytes(films.encode("latin-1"))
    (tmp_path / "users.dat").write_bytes(b"1::F::1::10::00123\n2::M::56::0::T8H1N\n")
    return tmp_path


def test_one_million_in_the_official_files(million: Path) -> None:
    tables = parse_movielens_1m(million, "official")
    assert_frame_equal(
        tables.interactions,
        pl.DataFrame(
            [("2", "30", 5.0, LATER), ("1", "10", 3.0, NOON), ("2", "10", 1.0, NOON)],
            schema={"user_id": pl.String, "item_id": pl.String, "rating": pl.Float32, "timestamp": TIME},
            orient="row",
        ),
    )
    assert tables.items is not None
    assert tables.items.rows() == [
        ("10", "Der Bäcker", 1931, ["Drama", "War"]),
        ("20", "The Lighthouse", 1940, ["Comedy"]),
        ("30", "Number (42)", 1999, ["Sci-Fi"]),
    ]
    assert tables.users is not None
    assert tables.users.rows() == [("1", 1, "F", "K-12 student", "00123"), ("2", 56, "M", "other", "T8H1N")]


def test_one_million_with_ratings_as_parquet_and_unknown_times(million: Path) -> None:
    frame = pl.DataFrame(
        {
            "user_id": [2, 1, 2],
            "movie_id": [30, 10, 10],
            "rating": [5, 3, 1],
            "timestamp": [1_000_000_001, None, 1_000_000_000],
        }
    )
    (million / "ratings.dat").unlink()
    frame.write_parquet(million / "ratings.parquet")
    events = parse_movielens_1m(million, "ratings-as-parquet").interactions
    assert events.rows() == [("2", "30", 5.0, LATER), ("1", "10", 3.0, None), ("2", "10", 1.0, NOON)]
    assert Interactions.from_frame(events).rejected.height == 0


@pytest.mark.parametrize("damaged", ["2::30::5\n", "2::30::five::1000000000\n", ""])
def test_damaged_ratings_are_an_error(million: Path, damaged: str) -> None:
    (million / "ratings.dat").write_text(damaged)
    with pytest.raises(DataError, match=r"ratings\.dat"):
        Tables.dataset(parse_movielens_1m(million, "official"), "x")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    files = {
        "ratings.csv": "userId,movieId,rating,timestamp\n1,3,4.5,1000000000\n1,1,0.5,1000000001\n2,3,4.5,1000000000\n",
        "movies.csv": 'movieId,title,genres\n1,"Été à Nîmes, L\' (Summer, A) (1990)",Comedy|Drama\n'
        "2,No Year,(no genres listed)\n"
        '3,"""Quoted"", He Said (2001)",Drama\n4,No Year,Drama\n',
        "links.csv": "movieId,imdbId,tmdbId\n1,0000007,12\n2,0000008,\n3,0113497,13\n",
        "tags.csv": 'userId,movieId,tag,timestamp\n2,3,"slow, quiet",1000000001\n1,3,Café,1000000000\n',
    }
    for name, text in files.items():
        (tmp_path / name).write_bytes(text.replace("\n", "\r\n").encode())
    return tmp_path


def test_the_csv_edition_with_crlf_quotes_links_and_tags(small: Path) -> None:
    tables = parse_movielens_csv(small, "official")
    assert tables.interactions.columns == ["user_id", "item_id", "rating", "timestamp"]
    assert tables.interactions.rows() == [("1", "3", 4.5, NOON), ("1", "1", 0.5, LATER), ("2", "3", 4.5, NOON)]
    assert tables.items is not None
    assert tables.items.columns == ["item_id", "title", "year", "categories", "imdb_id", "tmdb_id"]
    assert tables.items.rows() == [
        ("1", "L'Été à Nîmes (A Summer)", 1990, ["Comedy", "Drama"], "0000007", "12"),
        ("2", "No Year", None, [], "0000008", None),
        ("3", '"Quoted", He Said', 2001, ["Drama"], "0113497", "13"),
        ("4", "No Year", None, ["Drama"], None, None),
    ]
    assert tables.relations is not None
    assert tables.relations.columns == ["head", "relation", "tail", "user_id", "timestamp"]
    assert tables.relations.rows() == [
        ("3", "has_tag", "slow, quiet", "2", LATER),
        ("3", "has_tag", "Café", "1", NOON),
    ]


def test_the_csv_edition_becomes_a_data_set_with_duplicate_titles(small: Path) -> None:
    dataset = parse_movielens_csv(small, "official").dataset("small")
    assert len(dataset.catalogue) == 4
    assert dataset.catalogue.frame["title"].to_list().count("No Year") == 2
    assert dataset.history("1") == ["3", "1"]
    assert dataset.relations is not None
    assert len(dataset.relations) == 2


def test_links_and_tags_may_be_missing(small: Path) -> None:
    (small / "links.csv").unlink()
    (small / "tags.csv").unlink()
    tables = parse_movielens_csv(small, "official")
    assert tables.items is not None
    assert tables.items.columns == ["item_id", "title", "year", "categories"]
    assert tables.relations is None
