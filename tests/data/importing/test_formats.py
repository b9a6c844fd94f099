"""The same rows in every format give the same data set, fast path or careful one, in blocks of any size."""

from __future__ import annotations

import bz2
import gzip
import importlib.util
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tastemaker.core.errors import DataError, MissingExtraError
from tastemaker.data import read_folder
from tastemaker.data.importing import Limits, Options, import_events

from .conftest import SMALL, Import

ROWS = [(f"00{n % 7}", f"item {n % 11}/ü", 1_700_000_000 + n, ("view", "buy", None)[n % 3]) for n in range(300)]
FRAME = pl.DataFrame(ROWS, schema=["user_id", "item_id", "timestamp", "event"], orient="row")
HAS_ZSTD = sys.version_info >= (3, 14) or importlib.util.find_spec("backports") is not None


def csv(**options: Any) -> bytes:
    return str(FRAME.write_csv(**options)).encode()


def json_lines() -> bytes:
    return FRAME.write_ndjson().encode()


def parquet(tmp: Path) -> bytes:
    FRAME.with_columns(pl.from_epoch("timestamp")).write_parquet(tmp / "made.parquet")
    return (tmp / "made.parquet").read_bytes()


FORMATS: dict[str, Callable[[Path], bytes]] = {
    "events.csv": lambda tmp: csv(),
    "events.tsv": lambda tmp: csv(separator="\t"),
    "semicolons.csv": lambda tmp: csv(separator=";"),
    "pipes.txt": lambda tmp: csv(separator="|"),
    "quoted.csv": lambda tmp: csv(quote_style="always"),
    "crlf.csv": lambda tmp: csv(line_terminator="\r\n"),
    "crlf-quoted.csv": lambda tmp: csv(line_terminator="\r\n", quote_style="always"),
    "events.csv.gz": lambda tmp: gzip.compress(csv()),
    "gzip-without-the-name.csv": lambda tmp: gzip.compress(csv()),
    "events.jsonl": lambda tmp: json_lines(),
    "events.ndjson.gz": lambda tmp: gzip.compress(json_lines()),
    "json-without-the-name": lambda tmp: json_lines(),
    "events.parquet": parquet,
    "parquet-without-the-name": parquet,
}


@pytest.mark.parametrize("limits", [SMALL, Limits()], ids=["many blocks", "one block"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_rows(importing: Import, tmp_path: Path, name: str, limits: Limits) -> None:
    found = importing(FORMATS[name](tmp_path), name, limits=limits).events
    assert found["user_id"].to_list() == [user for user, *_ in ROWS]
    assert found["item_id"].to_list() == [item for _, item, *_ in ROWS]
    assert found["timestamp"].dt.epoch("s").to_list() == [time for _, _, time, _ in ROWS]
    assert found["event"].to_list() == [event or "interaction" for *_, event in ROWS]
    weights = [0.3 if event == "view" else 1.0 for *_, event in ROWS]
    assert found["weight"].to_list() == pytest.approx(weights)


@pytest.mark.parametrize("name", ["events.csv.zst", "events.jsonl.zst"])
@pytest.mark.needs_extra("zstd")
def test_zstandard_is_read(importing: Import, name: str) -> None:
    from backports import zstd

    data = zstd.compress(csv() if "csv" in name else json_lines())
    assert len(importing(data, name, limits=SMALL).pairs()) == len(ROWS)


@pytest.mark.needs_extra("zstd")
def test_zstandard_that_is_cut_off_is_refused(importing: Import) -> None:
    from backports import zstd

    data = zstd.compress(csv())
    with pytest.raises(DataError, match="damaged or cut off"):
        importing(data[: len(data) // 2], "events.csv.zst")


@pytest.mark.skipif(HAS_ZSTD, reason="Zstandard can be read here")
def test_zstandard_says_what_is_missing(importing: Import) -> None:
    with pytest.raises(MissingExtraError, match=r"tastemaker\[zstd\]"):
        importing(b"\x28\xb5\x2f\xfd and more", "events.csv.zst")


def test_another_compression_is_not_taken_for_text(importing: Import) -> None:
    with pytest.raises(DataError):
        importing(bz2.compress(csv()), "events.csv.bz2")


def test_a_block_that_the_fast_path_takes_comes_out_as_from_the_careful_one(importing: Import, tmp_path: Path) -> None:
    text = FRAME.write_csv(quote_style="always")
    fast = importing(text, "fast.csv").events
    careful = import_events([_with_a_bad_line(tmp_path, text)], tmp_path / "careful")
    assert careful.rejected() == {"wrong number of fields": 1}
    assert_frame_equal(pl.read_parquet(tmp_path / "careful" / "interactions.parquet"), fast)


def _with_a_bad_line(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "careful.csv"
    path.write_text(text + "x\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("kind", "given", "known"),
    [
        (pl.Int64, [7, 8], ["7", "8"]),
        (pl.Float64, [7.0, 8.5], ["7", "8.5"]),
        (pl.String, ["007", "a"], ["007", "a"]),
        (pl.Categorical, ["007", "a"], ["007", "a"]),
        (pl.UInt64, [2**64 - 1, 1], ["18446744073709551615", "1"]),
    ],
)
def test_ids_of_parquet_become_text(
    importing: Import, tmp_path: Path, kind: Any, given: list[Any], known: list[str]
) -> None:
    frame = pl.DataFrame({"user_id": pl.Series(given, dtype=kind), "item_id": [1, 2]})
    frame.write_parquet(tmp_path / "made.parquet")
    found = importing((tmp_path / "made.parquet").read_bytes(), "events.parquet")
    assert found.events["user_id"].to_list() == known


@pytest.mark.parametrize(
    "times",
    [
        pl.Series([1_700_000_000]),
        pl.Series([1_700_000_000_000]),
        pl.Series([1_700_000_000.0]),
        pl.Series(["2023-11-14T22:13:20Z"]),
        pl.Series([datetime(2023, 11, 14, 22, 13, 20)]),
        pl.Series([datetime(2023, 11, 14, 22, 13, 20)]).dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo"),
        pl.Series([datetime(2023, 11, 14, 22, 13, 20)]).dt.cast_time_unit("ns"),
    ],
)
def test_times_of_parquet_of_any_type_are_read(importing: Import, tmp_path: Path, times: pl.Series) -> None:
    pl.DataFrame({"user_id": ["u"], "item_id": ["i"], "timestamp": times}).write_parquet(tmp_path / "made.parquet")
    found = importing((tmp_path / "made.parquet").read_bytes(), "events.parquet")
    assert found.events["timestamp"].to_list() == [datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)]


def test_bad_rows_of_parquet_are_set_aside_with_their_number(importing: Import, tmp_path: Path) -> None:
    frame = pl.DataFrame({"user_id": ["u1", None, "u3"], "item_id": ["i1", "i2", ""], "price": [1.5, 2.5, None]})
    frame.write_parquet(tmp_path / "made.parquet")
    found = importing((tmp_path / "made.parquet").read_bytes(), "events.parquet")
    assert found.reasons == [(2, "no user"), (3, "no item")]
    assert json.loads(found.quarantine[0]["text"]) == {"user_id": None, "item_id": "i2", "price": 2.5}
    assert found.events["price"].to_list() == [1.5]


def test_nested_parquet_columns_are_no_ids(importing: Import, tmp_path: Path) -> None:
    pl.DataFrame({"user_id": [["u"]], "item_id": ["i"]}).write_parquet(tmp_path / "made.parquet")
    with pytest.raises(DataError, match=r"column 'user_id' holds List\(String\), not ids"):
        importing((tmp_path / "made.parquet").read_bytes(), "events.parquet")


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("7", "7"),
        ("7.0", "7"),
        ('"007"', "007"),
        ("1e3", "1000"),
        ("1234567890123456789012", "1234567890123456789012"),
    ],
)
def test_ids_of_json_become_text(importing: Import, given: str, known: str) -> None:
    found = importing(f'{{"user_id": {given}, "item_id": "i"}}\n', "events.jsonl")
    assert found.pairs() == [(known, "i")]


def test_the_first_of_a_repeated_key_counts_wherever_it_is_read(importing: Import) -> None:
    line = '{"user_id": "first", "user_id": "second", "item_id": "i"}\n'
    assert importing(line + "broken\n" + line, "events.jsonl").pairs() == [("first", "i")] * 2
    assert importing(line + line, "more.jsonl").pairs() == [("first", "i")] * 4


def test_a_key_that_comes_late_is_passed_over_and_told(importing: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tastemaker.data.importing.jsonlines._SAMPLED", 50)
    rows = [{"user_id": f"u{n}", "item_id": "i"} | ({"late": 1} if n >= 60 else {}) for n in range(100)]
    found = importing("".join(json.dumps(row) + "\n" for row in rows), "events.jsonl")
    assert found.events.columns == ["user_id", "item_id", "event", "weight"]
    assert found.report.files[0].notes == {
        "lines looked at have a key 'late' that the first 50 lack: it is passed over": 40
    }


def test_other_columns_come_along_and_ignored_ones_do_not(importing: Import) -> None:
    found = importing("user_id,item_id,device,secret\nu,i,phone,x\n", ignore=("secret",))
    assert found.events.columns == ["user_id", "item_id", "event", "weight", "device"]


def test_what_was_imported_is_read_as_a_data_set(importing: Import) -> None:
    found = importing(csv())
    dataset = read_folder(found.folder)
    assert dataset.name == "shop"
    assert len(dataset.interactions) == len(ROWS)
    assert dataset.interactions.frame.sort("order")["user_id"].to_list() == [user for user, *_ in ROWS]


def test_several_files_are_one_log(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user_id,item_id\nu1,i1\n", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"user_id": 2, "item_id": 2, "event": "buy"}\n', encoding="utf-8")
    report = import_events([tmp_path / "a.csv", tmp_path / "b.jsonl"], tmp_path / "shop", options=Options(strict=True))
    assert [file.kept for file in report.files] == [1, 1]
    events = pl.read_parquet(tmp_path / "shop" / "interactions.parquet")
    assert events["event"].to_list() == ["interaction", "buy"]
