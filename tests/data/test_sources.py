"""Data sets go by names or by paths; a local folder stands in for a download."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tastemaker.core.errors import AssetError, DataError, TastemakerError
from tastemaker.data import SOURCES, load_dataset, write_folder
from tastemaker.data.sources import local_folder
from tastemaker.testing import small_shop

BEAUTY = SOURCES["amazon-beauty"]


@pytest.fixture
def beauty(tmp_path: Path) -> Path:
    """The joined tables of Amazon Beauty, as small as they get."""
    folder = tmp_path / "all" / "amazon2014-beauty"
    folder.mkdir(parents=True)
    pl.DataFrame(
        {"user_id": ["u", "u", "v"], "asin": ["B2", "B1", "B1"], "pos": [1, 0, 0], "timestamp": [9, 9, 9]}
    ).write_parquet(folder / "interactions.parquet")
    pl.DataFrame(
        {"asin": ["B1", "B2"], "title": ["Soap", "Salt"], "p5_id": [1, 2], "sales_rank": [5, 6]}
    ).write_parquet(folder / "items.parquet")
    return folder


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_says_what_it_is_and_under_which_terms(name: str) -> None:
    source = SOURCES[name]
    assert source.name == name
    assert name == name.lower()
    assert source.title
    assert source.licence
    assert source.homepage.startswith("http")
    assert source.size >= 0


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(DataError, match="no data source 'movielens-100', and no folder of that name") as caught:
        load_dataset("movielens-100")
    assert "movielens-100k" in str(caught.value.remedy)


def test_a_path_is_a_folder_in_our_own_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(small_shop(), tmp_path / "shop")
    monkeypatch.chdir(tmp_path)
    for name in (str(tmp_path / "shop"), "shop", "./shop"):
        assert load_dataset(name).fingerprint == small_shop().fingerprint
    with pytest.raises(DataError, match=r"there is no such folder \(nowhere\)"):
        load_dataset("./nowhere")


def test_joined_tables_are_read_in_their_own_order_and_without_what_knows_the_future(beauty: Path) -> None:
    data = load_dataset("amazon-beauty", beauty)
    assert data.name == "amazon-beauty"
    assert data.history("u") == ["B1", "B2"]  # equal times: the position decides
    assert data.catalogue.title("B1") == "Soap"
    assert not {"p5_id", "sales_rank"} & set(data.catalogue.frame.columns)


def test_a_folder_of_data_sets_is_searched_for_the_right_one(beauty: Path) -> None:
    assert local_folder(BEAUTY, beauty.parent) == beauty
    assert local_folder(BEAUTY, beauty) == beauty
    assert load_dataset("amazon-beauty", beauty.parent).history("v") == ["B1"]


def test_the_environment_may_name_the_folder_of_data_sets(beauty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert local_folder(BEAUTY, None) is None
    monkeypatch.setenv("TASTEMAKER_DATA", str(beauty.parent))
    assert local_folder(BEAUTY, None) == beauty
    monkeypatch.setenv("TASTEMAKER_DATA", str(beauty))
    assert local_folder(BEAUTY, None) is None


def test_a_missing_local_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no such folder .*Check the path given as --data"):
        load_dataset("movielens-100k", tmp_path / "nowhere")


def test_a_folder_that_is_named_like_another_source_is_told_apart(tmp_path: Path) -> None:
    folder = tmp_path / "gowalla-lightgcn"
    folder.mkdir()
    pairs = pl.DataFrame({"user_id": [0, 1], "item_id": [3, 3]})
    for part in ("train", "test"):
        pairs.write_parquet(folder / f"{part}.parquet")
    with pytest.raises(DataError, match=r"gowalla is not in this folder .*--source gowalla-lightgcn"):
        load_dataset("gowalla", folder)


def test_a_local_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing here")
    for name in ("movielens-100k", "amazon-beauty"):
        with pytest.raises((DataError, AssetError)) as caught:
            load_dataset(name, tmp_path)
        assert str(tmp_path) in str(caught.value)


def test_without_network_and_cache_the_way_out_is_a_local_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TASTEMAKER_DATA", raising=False)
    with pytest.raises(TastemakerError, match=r"--data|TASTEMAKER_DATA"):
        load_dataset("amazon-beauty")
