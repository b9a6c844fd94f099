"""Files of lists are read as they are meant, or refused with the line."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.evaluation.runs import read_run

TREC = "u1 Q0 i3 1 2.5 mine\nu1\tQ0  i1 2 1.5 mine\n\n007 Q0 🎬 1 9 mine\n"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_trec_run_is_read_by_score(tmp_path: Path) -> None:
    found = read_run(write(tmp_path, "bm25.run", TREC))
    assert (found.name, found.order) == ("bm25", "score, then rank")
    assert found.frame.rows() == [("u1", "i3", 2.5, 1.0), ("u1", "i1", 1.5, 2.0), ("007", "🎬", 9.0, 1.0)]


def test_a_packed_run_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "bm25.run.gz"
    path.write_bytes(gzip.compress(("\ufeff" + TREC).encode()))
    assert read_run(path).frame.equals(read_run(write(tmp_path, "bm25.run", TREC)).frame)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "csv.gz"])
def test_tables_keep_ids_as_text(tmp_path: Path, suffix: str) -> None:
    text = "\ufeffUser_ID,item_id,score,rank,note\n007,a b,0.5,2,x\n007,c/d,0.25,1,\n"
    path = tmp_path / f"lists.{suffix}"
    raw = text.replace(",", "\t") if suffix == "tsv" else text
    path.write_bytes(gzip.compress(raw.encode()) if suffix.endswith("gz") else raw.encode())
    found = read_run(path, "shop")
    assert (found.name, found.order) == ("shop", "rank")
    assert found.frame.rows() == [("007", "a b", 0.5, 2.0), ("007", "c/d", 0.25, 1.0)]


def test_parquet_with_numbers_as_ids(tmp_path: Path) -> None:
    path = tmp_path / "lists.parquet"
    pl.DataFrame({"user_id": [7, 8], "item_id": [1.0, 2.0], "score": [0.5, 0.25]}).write_parquet(path)
    found = read_run(path)
    assert found.order == "score"
    assert found.frame.rows() == [("7", "1", 0.5, None), ("8", "2", 0.25, None)]


def test_a_query_goes_before_its_user(tmp_path: Path) -> None:
    found = read_run(write(tmp_path, "a.csv", "user_id,query_id,item_id,rank\nu,u#2,i,1\n"))
    assert found.frame["query"].to_list() == ["u#2"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.run", "u1 Q0 i1 1 nan tag\n", r"the score is 'nan', which is no number .*a.run, line 1"),
        ("a.run", "u1 Q0 i1 1 2.0 tag\nu1 Q0 i2 x 1.0 tag\n", r"the rank is 'x'.*line 2"),
        ("a.run", "u1 Q0 i1 1 2.0 tag\nu1 Q0 Star Wars 2 1.0 tag\n", r"6 fields, and this one has 7 .*line 2.*spaces"),
        ("a.run", "\n", "there are no lists in it"),
        ("a.csv", "user_id,item_id,score\nu,i,0.5\nu,j,NaN\n", r"the score is 'NaN'.*a.csv, line 3"),
        ("a.csv", "user_id,item_id,score\nu,i,\n", r"the score is 'None'.*line 2"),
        ("a.csv", "user_id,item_id\nu,i\n", "in which order"),
        ("a.csv", "user_id,itemid,rank\nu,i,1\n", r"no column 'item_id'.*Did you mean 'itemid'"),
        ("a.csv", "user_id,item_id,rank\n,i,1\n", r"a row has no query .*line 2"),
        ("a.csv", "user_id,item_id,rank\n", "there are no lists in it"),
        ("a.csv", "", "the lists cannot be read"),
        ("a.parquet", "not parquet", "the lists cannot be read"),
        ("a.run.gz", "not packed", "the lists cannot be read"),
    ],
)
def test_what_cannot_be_used_names_the_line(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_run(write(tmp_path, name, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        read_run(tmp_path / "none.run")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    path.write_bytes(b"u1 Q0 \xff 1 2.0 tag\n")
    with pytest.raises(DataError, match="the lists cannot be read"):
        read_run(path)
