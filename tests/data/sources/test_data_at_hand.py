"""Real data sets load whole, from the folder that ``TASTEMAKER_DATA`` names; without it these tests are skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tastemaker.core.errors import DataError
from tastemaker.data import Dataset, load_dataset, make_split
from tastemaker.data.sources.amazon_files import NEVER_INPUTS

ROOT = os.environ.get("TASTEMAKER_DATA")

pytestmark = pytest.mark.skipif(not ROOT, reason="needs real data: set TASTEMAKER_DATA to a folder that holds them")

# source, folder, name of the data set, events, people, items with events, items in the catalogue, events without time
COUNTS = [
    ("movielens-100k", "ml-100k", "movielens-100k", 100_000, 943, 1_682, 1_682, 0),
    ("movielens-1m", "ml-1m", "movielens-1m", 1_000_209, 6_040, 3_706, 3_883, 519),
    ("movielens-latest-small", "ml-latest-small-2018", "movielens-latest-small", 100_836, 610, 9_724, 9_742, 0),
    ("amazon-beauty", "amazon2014-beauty", "amazon-beauty", 198_502, 22_363, 12_101, 12_101, 287),
    ("amazon-sports", "amazon2014-sports", "amazon-sports", 296_337, 35_598, 18_357, 18_357, 296_337),
    ("amazon-toys", "amazon2014-toys", "amazon-toys", 167_597, 19_412, 11_924, 11_924, 2_350),
    ("amazon-clothing", "amazon2014-clothing", "amazon2014-clothing", 277_534, 39_230, 22_948, 22_948, 0),
    ("amazon-health", "amazon2014-health", "amazon2014-health", 343_831, 38_329, 18_427, 18_427, 0),
    ("amazon-books", "amazon2014-books-1m-users", "amazon2014-books-1m-users", 517_167, 38_234, 38_519, 38_519, 0),
    (
        "amazon-electronics", "amazon2014-electronics-1m-users", "amazon2014-electronics-1m-users",
        241_198, 28_566, 15_743, 15_743, 0,
    ),
    ("amazon-2018-all-beauty", "amazon2018-all-beauty-5core", "amazon-2018-all-beauty", 5_269, 991, 85, 85, 0),
    (
        "amazon-2018-electronics", "amazon2018-electronics-1m-users", "amazon2018-electronics-1m-users",
        374_989, 43_462, 23_133, 23_133, 0,
    ),
    ("amazon-2018-video-games", "amazon2018-games", "amazon2018-games", 453_637, 50_597, 16_874, 16_874, 0),
    (
        "amazon-2018-industrial-and-scientific", "amazon2018-industrial", "amazon2018-industrial",
        22_743, 3_285, 3_541, 3_686, 22_743,
    ),
    ("steam", "steam-100k-users", "steam-100k-users", 126_824, 10_369, 3_593, 3_593, 0),
    ("lastfm", "lastfm-2k", "lastfm", 92_834, 1_892, 17_632, 17_632, 92_834),
    ("retailrocket", "retailrocket", "retailrocket-cleaned", 78_371 + 9_028 + 5_088, 3_431, 8_885, 8_885, 92_487),
    ("yoochoose", "yoochoose-buys", "yoochoose-buys", 292_230, 43_107, 4_659, 4_659, 0),
    ("yoochoose", "yoochoose-clicks-100k-sessions", "yoochoose-clicks-100k-sessions", 145_716, 17_744, 5_630, 5_630, 0),
    ("gowalla-lightgcn", "gowalla-lightgcn", "gowalla-lightgcn", 810_128 + 217_242, 29_858, 40_981, 40_981, 1_027_370),
    ("mind", "mind-reclm", "mind-reclm", 89_734 + 88_362, 57_128, 3_827, 3_827, 178_096),
    ("open-bandit", "open-bandit-small", "open-bandit", 20_000, 280, 80, 80, 0),
    ("open-bandit-men", "open-bandit-small", "open-bandit-men", 20_000, 265, 34, 34, 0),
    ("open-bandit-women", "open-bandit-small", "open-bandit-women", 20_000, 245, 46, 46, 0),
]  # fmt: skip


def load(source: str, folder: str) -> Dataset:
    path = Path(str(ROOT)) / folder
    if not path.is_dir():
        pytest.skip(f"TASTEMAKER_DATA holds no {folder}")
    return load_dataset(source, path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "folder", "name", "events", "people", "met", "items", "undated"),
    COUNTS,
    ids=[f"{row[0]}-from-{row[1]}" for row in COUNTS],
)
def test_published_counts(
    source: str, folder: str, name: str, events: int, people: int, met: int, items: int, undated: int
) -> None:
    dataset = load(source, folder)
    frame = dataset.interactions.frame
    assert dataset.name == name
    assert dataset.interactions.rejected.height == 0
    assert frame.height == events
    assert (frame["user_id"].n_unique(), frame["item_id"].n_unique()) == (people, met)
    assert len(dataset.catalogue) == items
    assert frame["timestamp"].null_count() == undated
    assert not set(dataset.catalogue.frame.columns) & set(NEVER_INPUTS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "folder", "history", "train", "test"),
    [
        ("gowalla-lightgcn", "gowalla-lightgcn", "train", 810_128, 217_242),
        ("mind", "mind-reclm", "train", 89_734, 88_362),
        ("amazon-2018-industrial-and-scientific", "amazon2018-industrial", "before", 13_678 + 4_532, 4_533),
    ],
)
def test_official_splits_are_cut_as_they_are_given(
    source: str, folder: str, history: str, train: int, test: int
) -> None:
    split = make_split(load(source, folder), "given", history=history, train_on_valid=True)
    assert len(split.train.interactions) == train
    assert len(split.test.targets) + sum(split.test.dropped.values()) == test


def test_one_million_has_the_published_histogram() -> None:
    ratings = load("movielens-1m", "ml-1m").interactions.frame["rating"]
    assert dict(ratings.value_counts().sort("rating").iter_rows()) == {
        1.0: 56_174, 2.0: 107_557, 3.0: 261_197, 4.0: 348_971, 5.0: 226_310,
    }  # fmt: skip


def test_beauty_has_the_attributes_that_were_counted() -> None:
    items = load("amazon-beauty", "amazon2014-beauty").catalogue.frame
    known = {column: items.height - items[column].null_count() for column in ("title", "brand", "price")}
    assert known == {"title": 12_094, "brand": 10_001, "price": 11_512}
    assert items["categories"].list.len().min() == 1


def test_lastfm_has_its_tags_and_friends() -> None:
    relations = load("lastfm", "lastfm-2k").relations
    assert relations is not None
    assert dict(relations.frame["relation"].value_counts().iter_rows()) == {"has_tag": 186_479, "friend_of": 25_434}


def test_latest_small_has_its_tags_and_links() -> None:
    dataset = load("movielens-latest-small", "ml-latest-small-2018")
    assert dataset.relations is not None
    assert len(dataset.relations) == 3_683
    assert dataset.catalogue.item("1")["imdb_id"] == "0114709"


def test_a_catalogue_without_ratings_says_so() -> None:
    with pytest.raises(DataError, match=r"the books of goodbooks-10k and not their ratings"):
        load("goodbooks-10k", "goodbooks-10k-catalogue")


def test_the_environment_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    if not (Path(str(ROOT)) / "ml-1m").is_dir():
        pytest.skip("TASTEMAKER_DATA holds no ml-1m")
    monkeypatch.setenv("TASTEMAKER_DATA", str(ROOT))
    assert len(load_dataset("movielens-1m").interactions) == 1_000_209
