"""Amazon 2014, 2018 and 2023: official files, made up here, with the traps that the real ones have."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data.sources import SOURCES, load_dataset
from tastemaker.data.sources.amazon_2014 import parse_amazon_2014
from tastemaker.data.sources.amazon_2018 import parse_amazon_2018
from tastemaker.data.sources.amazon_2023 import parse_amazon_2023
from tastemaker.data.sources.amazon_files import NEVER_INPUTS

DAY = datetime(2013, 1, 1, tzinfo=UTC)
SECONDS = int(DAY.timestamp())


def pack(path: Path, *lines: str) -> None:
    path.write_bytes(gzip.compress("".join(line + "\n" for line in lines).encode()))


def review(user: str, item: str, stars: float, day: int = 0) -> str:
    return json.dumps(
        {
            "reviewerID": user,
            "asin": item,
            "reviewerName": 'A. "B" C',
            "reviewText": "It's {good}: 'asin': 'B9'",
            "overall": stars,
            "unixReviewTime": SECONDS + day * 86_400,
        }
    )


REVIEWS = (review("U2", "B1", 5.0), review("U1", "B1", 1.0, 1), review("U1", "B1", 4.0, 1), review("U1", "B2", 3.0))


def test_the_release_of_2014(tmp_path: Path) -> None:
    pack(tmp_path / "reviews_Beauty_5.json.gz", *REVIEWS)
    pack(
        tmp_path / "meta_Beauty.json.gz",
        "{'asin': 'B9', 'title': 'Nobody bought this'}",
        "{'asin': 'B1', 'title': 'Soap &amp; Brush', 'price': 12.5, 'salesRank': {'Beauty': 3}, "
        "'related': {'also_bought': ['B2']}, 'categories': [['Beauty', 'Bath'], ['Home', 'Gifts']], "
        "'brand': \"Ann's\", 'description': 'Smells  of\\nroses &lt;3'}",
        "{'asin': 'B2', 'title': 'title_4711', 'categories': [[]]}",
        "{'asin': 'B1', 'title': 'A second description'}",
    )
    tables = parse_amazon_2014(tmp_path, "official", "Beauty")
    assert tables.interactions.columns == ["user_id", "item_id", "rating", "timestamp"]
    next_day = datetime(2013, 1, 2, tzinfo=UTC)
    assert tables.interactions.rows() == [
        ("U2", "B1", 5.0, DAY),
        ("U1", "B1", 1.0, next_day),
        ("U1", "B1", 4.0, next_day),  # a repeated pair is two events
        ("U1", "B2", 3.0, DAY),
    ]
    assert tables.items is not None
    assert tables.items.columns == ["item_id", "title", "categories", "brand", "price", "text"]
    assert tables.items.rows() == [
        ("B1", "Soap & Brush", ["Beauty > Bath", "Home > Gifts"], "Ann's", 12.5, "Smells of roses <3"),
        ("B2", None, [], None, None, None),
    ]
    assert tables.dataset("x").history("U1") == ["B2", "B1", "B1"]


def test_reviews_alone_will_do(tmp_path: Path) -> None:
    (tmp_path / "reviews_Beauty_5.json").write_text("".join(line + "\n" for line in REVIEWS))
    assert parse_amazon_2014(tmp_path, "unpacked", "Beauty").items is None


@pytest.mark.parametrize("bad", ['{"reviewerID": "U", "asin": "B"}', '{"asin": "B"', "null"])
def test_a_bad_review_is_named(tmp_path: Path, bad: str) -> None:
    pack(tmp_path / "reviews_Beauty_5.json.gz", REVIEWS[0], bad)
    with pytest.raises(DataError, match=r"reviews_Beauty_5\.json\.gz, (line|record) 2"):
        parse_amazon_2014(tmp_path, "official", "Beauty")


def test_the_release_of_2018(tmp_path: Path) -> None:
    pack(tmp_path / "Software_5.json.gz", *REVIEWS)
    pack(
        tmp_path / "meta_Software.json.gz",
        json.dumps(
            {
                "asin": "B1",
                "title": "Maps &#39;18",
                "category": ["Software", "Maps &amp; Travel"],
                "brand": "Ann",
                "price": "$1,012.99",
                "rank": "3 in Software",
                "description": ["One.", "Two."],
            }
        ),
        json.dumps({"asin": "B2", "title": "var aPageStart = (new Date()).getTime();", "price": ".a-box { }"}),
    )
    tables = parse_amazon_2018(tmp_path, "official", "Software")
    assert tables.interactions.height == 4
    assert tables.items is not None
    assert tables.items.rows() == [
        ("B1", "Maps '18", ["Software > Maps & Travel"], "Ann", 1012.99, "One. Two."),
        ("B2", None, [], None, None, None),
    ]


def test_the_partial_copy_of_2018(tmp_path: Path) -> None:
    events = {"user_id": ["U", "U", "U"], "item_id": [0, 1, 0], "pos": [0, 2, 1], "part": ["history", "test", "valid"]}
    pl.DataFrame(events).write_parquet(tmp_path / "interactions_partial.parquet")
    items = {
        "item_id": [0, 1, 2],
        "title": ["Tape", "title_1", "Glue"],
        "categories": ["", "", ""],
        "description": ["['Sticks.', 'Long\\n']", "", "['cut off"],
        "semantic_id": ["<a_1>", "<a_2>", "<a_3>"],
    }
    pl.DataFrame(items).write_parquet(tmp_path / "items.parquet")
    dataset = parse_amazon_2018(tmp_path, "partial", "Industrial_and_Scientific").dataset("x")
    assert dataset.history("U") == ["0", "0", "1"]
    assert dataset.interactions.frame["split"].to_list() == ["train", "valid", "test"]
    assert dataset.catalogue.frame["title"].to_list() == ["Tape", None, "Glue"]
    assert dataset.catalogue.frame["text"].to_list() == ["Sticks. Long", None, "cut off"]
    assert "semantic_id" not in dataset.catalogue.frame.columns


def test_the_release_of_2023_has_milliseconds(tmp_path: Path) -> None:
    pack(
        tmp_path / "Software.csv.gz",
        "user_id,parent_asin,rating,timestamp",
        f"AE_1,B1,5.0,{SECONDS}250",
        f"AE_1,B2,1.0,{SECONDS}000",
    )
    pack(
        tmp_path / "meta_Software.jsonl.gz",
        json.dumps(
            {
                "parent_asin": "B1",
                "title": "Maps",
                "store": "Ann",
                "price": 3,
                "average_rating": 4.9,
                "categories": ["Software", "Maps"],
                "description": [],
            }
        ),
    )
    tables = parse_amazon_2023(tmp_path, "official", "Software")
    assert tables.interactions.rows() == [
        ("AE_1", "B1", 5.0, DAY.replace(microsecond=250_000)),
        ("AE_1", "B2", 1.0, DAY),
    ]
    assert tables.items is not None
    assert tables.items.rows() == [("B1", "Maps", ["Software > Maps"], "Ann", 3.0, None)]


def joined(folder: Path) -> Path:
    folder.mkdir()
    events = {"user_id": ["U", "U"], "asin": ["B1", "B2"], "pos": [1, 0], "timestamp": [SECONDS, SECONDS]}
    pl.DataFrame(events).write_parquet(folder / "interactions.parquet")
    items = {
        "asin": ["B1", "B2"],
        "p5_id": [1, 2],
        "title": ["Soap &amp; Brush", "title_2"],
        "categories": ['[["Beauty", "Bath"], ["Home"]]', None],
        "sales_rank": [1.0, 2.0],
        "sales_type": ["Beauty", "Beauty"],
        "idgenrec_text": ["soap", "brush"],
        "gram_text": ["|soap", "|brush"],
        "s3rec_attrs": ["1 2", "3"],
    }
    pl.DataFrame(items).write_parquet(folder / "items.parquet")
    return folder


@pytest.mark.parametrize("with_map", [False, True])
def test_the_joined_tables_never_bring_what_no_model_may_see(tmp_path: Path, with_map: bool) -> None:
    folder = joined(tmp_path / "amazon2014-beauty")
    if with_map:
        (folder / "dataset.toml").write_text('name = "mine"\n')
    dataset = load_dataset("amazon-beauty", tmp_path)
    assert dataset.name == ("mine" if with_map else "amazon-beauty")
    assert dataset.history("U") == ["B2", "B1"]
    items = dataset.catalogue.frame
    assert not set(items.columns) & set(NEVER_INPUTS)
    assert items["title"].to_list() == ["Soap & Brush", None]
    assert items["categories"].to_list() == [["Beauty > Bath", "Home"], []]


def test_sports_has_keywords_for_titles(tmp_path: Path) -> None:
    folder = joined(tmp_path / "amazon2014-sports")
    items = load_dataset("amazon-sports", folder).catalogue.frame
    assert items["text"].to_list() == ["soap", "brush"]
    assert not set(items.columns) & set(NEVER_INPUTS)


def test_a_part_goes_by_the_name_of_its_folder(tmp_path: Path) -> None:
    said: list[str] = []
    joined(tmp_path / "amazon2014-books-1m-users")
    dataset = load_dataset("amazon-books", tmp_path, notify=said.append)
    assert dataset.name == "amazon2014-books-1m-users"
    assert "holds a part or a rewritten copy of amazon-books" in said[0]


def test_files_of_another_data_set_are_refused_by_their_number_of_events(tmp_path: Path) -> None:
    pack(tmp_path / "reviews_Beauty_5.json.gz", *REVIEWS)
    with pytest.raises(DataError, match=r"hold 4 events, and amazon-beauty has 198,502"):
        SOURCES["amazon-beauty"].load(tmp_path, Run(), lambda text: None)
