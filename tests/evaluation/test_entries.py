"""Whatever is wrong with a JSON document is told with its place."""

from __future__ import annotations

import codecs
import json
import math
from pathlib import Path
from typing import Any

import pytest

from tastemaker.core.errors import DataError
from tastemaker.evaluation.entries import Entry, read_entry


def entry(value: Any) -> Entry:
    return Entry(value, "run.json")


def test_parts_know_their_way() -> None:
    top = entry({"rows": [{"metrics": {"ndcg@10": {"low": None}}}]})
    low = next(top["rows"].each())["metrics"]["ndcg@10"]["low"]
    assert low.path == "rows[0].metrics.ndcg@10.low"
    assert math.isnan(low.number())
    assert [name for name, _ in top.items()] == ["rows"]


def test_null_is_nothing_known() -> None:
    assert entry({"a": None}).known("a") is None
    assert entry({"a": 1}).known("a") is not None


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("x", "number", "a number"),
        (True, "number", "a number"),
        (10**400, "number", "fits into 64 bits"),
        (1.5, "whole", "a whole number of at least 0"),
        (-1, "whole", "a whole number of at least 0"),
        (True, "whole", "a whole number"),
        (3, "text", "text"),
        (None, "text", "text"),
        (1, "flag", "true or false"),
        ([], "mapping", "an object"),
    ],
)
def test_what_is_of_another_kind_is_refused_with_its_place(value: Any, kind: str, expected: str) -> None:
    with pytest.raises(DataError, match=expected) as error:
        getattr(entry({"part": {"name": value}})["part"]["name"], kind)()
    assert error.value.where == "run.json: part.name"


def test_what_is_missing_is_named() -> None:
    with pytest.raises(DataError, match="'rows' is missing") as error:
        entry({"a": {}})["a"]["rows"]
    assert error.value.where == "run.json: a"
    with pytest.raises(DataError, match="a list belongs"):
        list(entry({"a": {}})["a"].each())


def test_a_long_value_is_not_repeated_in_full() -> None:
    with pytest.raises(DataError) as error:
        entry("x" * 1000).number()
    assert len(error.value.message) < 120


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_be_in_any_unicode(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"title": "Amélie"}, ensure_ascii=False), encoding=encoding)
    assert read_entry(path)["title"].text() == "Amélie"


@pytest.mark.parametrize(
    ("content", "message", "place"),
    [
        (b"", "empty", ""),
        (b" \n", "empty", ""),
        (b'{"a": 1,\n "b": [1, 2', "no whole JSON document", ", line 2, column 12"),
        (b'{"a": "\xff\xff"}', "no text in utf-8", ", byte 7"),
        (b"[" * 200_000, "no JSON document of ours", ""),
        (b'{"a": ' + b"9" * 5000 + b"}", "no JSON document of ours", ""),
        (codecs.BOM_UTF16_LE + b"xyz", "no text in utf-16-le", ", byte 4"),
    ],
)
def test_a_damaged_file_is_told_with_its_place(tmp_path: Path, content: bytes, message: str, place: str) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        read_entry(path)
    assert error.value.where == f"{path}{place}"


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_entry(tmp_path / "run.json")
