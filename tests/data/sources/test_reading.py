"""Tables and records: separators, encodings, line ends, quotes and compression are as each source has them."""

from __future__ import annotations

import ast
import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.errors import DataError
from tastemaker.data.sources.reading import find, flat_record, need, placeholder_free, read_table, records, seconds

PAIR = {"id": pl.String, "name": pl.String}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("compressed", [True, False])
def test_line_ends_and_compression(tmp_path: Path, end: str, last: bool, compressed: bool) -> None:
    data = (end.join(["id,name", "007,Ann", "8,Bob"]) + (end if last else "")).encode()
    path = tmp_path / ("table.csv.gz" if compressed else "table.csv")
    path.write_bytes(gzip.compress(data) if compressed else data)
    assert read_table(path, PAIR).rows() == [("007", "Ann"), ("8", "Bob")]


def test_columns_are_found_by_name_and_others_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("name,size,id\nAnn,3,1\n")
    assert read_table(path, PAIR).rows() == [("1", "Ann")]


def test_a_separator_of_two_characters_and_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "table.dat"
    path.write_bytes("1::Café: the film::x\n2::a|b::y\n".encode("latin-1"))
    columns = {**PAIR, "more": pl.String}
    found = read_table(path, columns, separator="::", header=False, encoding="latin-1")
    assert found.rows() == [("1", "Café: the film", "x"), ("2", "a|b", "y")]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_one_encoding_is_tried_after_the_other(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "table.dat"
    path.write_bytes("id\tname\n1\tBjörk\n".encode(encoding))
    assert read_table(path, PAIR, separator="\t", encoding="utf-8, latin-1").rows() == [("1", "Björk")]


def test_quotes_are_ordinary_characters_unless_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('id,name\n1,"Ann, ""A"""\n')
    assert read_table(path, PAIR, quote='"').rows() == [("1", 'Ann, "A"')]
    path.write_text('id\tname\n1\t12" mix\n2\t"B\n')
    assert read_table(path, PAIR, separator="\t").rows() == [("1", '12" mix'), ("2", '"B')]


@pytest.mark.parametrize(
    "data", [b"", b"id,name\n", b"key,name\n1,x\n", b"id,name,size\n1,Ann,many\n", b"\x1f\x8b\x08broken"]
)
def test_a_bad_table_is_an_error_that_names_the_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"table\.csv.*Fetch the file anew"):
        read_table(path, {**PAIR, "size": pl.Int32} if b"size" in data else PAIR)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert find(tmp_path, "table.csv") is None
    with pytest.raises(DataError, match=r"the file table\.csv is missing"):
        need(tmp_path, "table.csv")
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress(b"id\n1\n"))
    assert need(tmp_path, "table.csv").name == "table.csv.gz"


def test_records_as_json_and_as_python_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text('{"a": 1}\n\n{"a": null}\n')
    assert list(records(path)) == [{"a": 1}, {"a": None}]
    path.write_text("{'a': u'it\\'s', \"b\": True}\n" + '{"a": true}\n')
    assert list(records(path, "python")) == [{"a": "it's", "b": True}, {"a": True}]
    assert list(records(path, "python", only=lambda line: "it" in line)) == [{"a": "it's", "b": True}]


@pytest.mark.parametrize("bad", ['{"a": 1', "[1, 2]", "{'a': 1}"])
def test_a_bad_record_is_an_error_that_names_the_line(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "records.json"
    path.write_text('{"a": 1}\n' + bad + "\n")
    with pytest.raises(DataError, match=r"records\.json, line 2"):
        list(records(path))


def test_a_line_of_python_is_data_and_is_never_run(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text("__import__('os').remove('x')\n")
    with pytest.raises(DataError, match=r"line 1"):
        list(records(path, "python"))


@given(
    st.dictionaries(
        st.sampled_from(["name", "text", "hours", "free"]),
        st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.booleans() | st.none(),
        min_size=1,
    )
)
def test_flat_records_are_what_python_reads(record: dict[str, Any]) -> None:
    line = repr(record)
    assert flat_record(line, list(record)) == ast.literal_eval(line) == record


def test_what_is_not_flat_is_left_to_python() -> None:
    for line in ("{'a': [1]}", "{'a': {'b': 1}}", "{'a': 1", "['a']", "{'a': __import__('os')}", "{}", "{'a': 1} x"):
        assert flat_record(line, ("a",)) is None


def test_a_torn_compressed_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "records.json.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 1000)[:-9])
    with pytest.raises(DataError, match=r"records\.json\.gz, line"):
        list(records(path))


def test_seconds_and_placeholders() -> None:
    frame = pl.DataFrame({"t": [0, None, 1_000_000_000], "title": ["title_12", "title_x", " "]})
    found = frame.select(seconds("t"), placeholder_free("title"))
    assert found["t"].to_list() == [
        datetime(1970, 1, 1, tzinfo=UTC), None, datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC),
    ]  # fmt: skip
    assert found["title"].to_list() == [None, "title_x", None]
