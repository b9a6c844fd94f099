"""Whatever bytes a file holds: no other error than ours, and no line is lost or made up."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tastemaker.core.errors import TastemakerError
from tastemaker.data.importing import Limits, Options, import_events
from tastemaker.data.importing.careful import RecordReader
from tastemaker.data.importing.delimited import Delimited
from tastemaker.data.importing.jsonlines import JsonLines
from tastemaker.data.importing.text import Block

from .conftest import SMALL, Imported

CSV_HEAD = b"user_id,item_id,timestamp,note\n"
CSV_ROWS = [f"u{n % 5},item {n},{1_700_000_000 + n},{'ü' if n % 3 else 'n'}\n".encode() for n in range(40)]
JSON_ROWS = [
    f'{{"user_id": "u{n % 5}", "item_id": {n}, "timestamp": {1_700_000_000 + n}, "note": null}}\n'.encode()
    for n in range(40)
]
# Bytes that mean something, beside those that do not.
TELLING = st.sampled_from(
    [b"\n", b"\r", b"\r\n", b'"', b'""', b",", b"\0", b"\xff", b"\xc3", b"\t", b"{", b"}", b"\\", b""]
)
PIECE = st.one_of(TELLING, st.binary(max_size=4), st.binary(min_size=1200, max_size=1300))
Cut = tuple[float, int, bytes]
CUTS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), PIECE), max_size=8)


def mutated(data: bytes, cuts: list[Cut]) -> bytes:
    for place, removed, inserted in cuts:
        at = int(place * len(data))
        data = data[:at] + inserted + data[at + removed :]
    return data


def accounted(head: bytes, body: bytes, name: str, limits: Limits) -> None:
    """Import a file; every line below the header is kept, set aside or blank."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / name
        path.write_bytes(head + body)
        folder = Path(place) / "shop"
        try:
            report = import_events([path], folder, options=Options(limits=limits))
        except TastemakerError:
            assert not folder.exists()
            return
        found = Imported(folder, report)
        (file,) = report.files
        lines = body.split(b"\n")
        assert file.lines == len(lines) - (lines[-1] == b"")
        assert file.kept_lines + file.rejected_lines + file.blank == file.lines
        assert file.kept == found.events.height
        assert sum(file.rejected.values()) == len(found.quarantine) == file.rejected_lines
        assert file.rows == file.kept + len(found.quarantine)
        numbers = [entry["line"] for entry in found.quarantine]
        assert numbers == sorted(set(numbers))
        _whole_ids(found, body)


def _whole_ids(found: Imported, body: bytes) -> None:
    """Nothing is made up: each id stands in the file."""
    for column in ("user_id", "item_id"):
        for value in found.events[column].unique():
            plain = value.replace('"', '""')
            stands = [plain.encode(), value.encode(), value.encode("cp1252", errors="replace")]
            unescaped = any(mark in body for mark in (b"\\", b"\r")) or "\n" in value or not value.isascii()
            assert unescaped or any(part in body for part in stands)


@pytest.mark.slow
@settings(max_examples=60)
@given(CUTS, st.sampled_from([SMALL, Limits()]))
def test_damaged_csv_loses_and_invents_nothing(cuts: list[Cut], limits: Limits) -> None:
    accounted(CSV_HEAD, mutated(b"".join(CSV_ROWS), cuts), "events.csv", limits)


@pytest.mark.slow
@settings(max_examples=60)
@given(CUTS, st.sampled_from([SMALL, Limits()]))
def test_damaged_json_lines_lose_and_invent_nothing(cuts: list[Cut], limits: Limits) -> None:
    accounted(b"", mutated(b"".join(JSON_ROWS), cuts), "events.jsonl", limits)


@pytest.mark.slow
@settings(max_examples=30)
@given(st.binary(max_size=3000), st.sampled_from(["x.csv", "x.jsonl", "x.parquet", "x.csv.gz", "x"]))
def test_any_bytes_at_all_end_in_a_data_set_or_in_our_error(data: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / name
        for start in (b"", b"user_id,item_id\n", b"\x1f\x8b", b"PAR1", b"\xff\xfe", b'{"user_id":1,"item_id":2}\n'):
            path.write_bytes(start + data)
            try:
                import_events([path], Path(place) / "shop", replace=(Path(place) / "shop").exists())
            except TastemakerError:
                continue


FIELD = st.text(alphabet=st.sampled_from('ab ü"\n,;7'), max_size=6)


@settings(max_examples=300)
@given(st.lists(st.tuples(FIELD, FIELD, FIELD), min_size=1, max_size=12), st.booleans(), CUTS)
def test_csv_comes_out_alike_at_once_and_record_by_record(
    rows: list[tuple[str, str, str]], always: bool, cuts: list[Cut]
) -> None:
    columns = ["a", "b", "c"]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
    text = frame.write_csv(include_header=False, quote_style="always" if always else "necessary")
    for data in (text.encode(), mutated(text.encode(), cuts)):
        _alike(data, columns)


def _alike(data: bytes, columns: list[str]) -> None:
    block = Block(data, last=True, encoding=None, line=1)
    if not data:
        return
    at_once = Delimited(columns, ",")._at_once(block, Limits())
    if at_once is None:
        return
    one, used = at_once
    other, also_used = RecordReader(columns, ",").parse(block, Limits())
    assert_frame_equal(one.frame, other.frame)
    assert (used, one.lines.tolist(), one.read, other.rejects) == (also_used, other.lines.tolist(), other.read, [])
    assert other.kept_lines is not None
    assert [one.lines_of(row) for row in range(len(one.lines))] == other.kept_lines.tolist()
    for row in range(len(one.lines)):
        assert one.raw(row).replace("\r\n", "\n") == other.raw(row).replace("\r\n", "\n")


def test_well_formed_csv_takes_the_fast_path() -> None:
    frame = pl.DataFrame({"a": ["x", 'q"q', "new\nline"], "b": ["", "1", "2"], "c": ["d,e", "f", "g"]})
    for style in ("necessary", "always", "non_numeric"):
        data = frame.write_csv(include_header=False, quote_style=style).encode()
        found = Delimited(["a", "b", "c"], ",")._at_once(Block(data, True, None, 1), Limits())
        assert found is not None
        assert found[0].frame["a"].to_list() == frame["a"].to_list()


SCALAR: st.SearchStrategy[object] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.sampled_from(["true", "7.0", "[x", "1e5", "007"]),
)


@settings(max_examples=300)
@given(st.lists(st.fixed_dictionaries({"user_id": SCALAR, "item_id": SCALAR, "note": SCALAR}), min_size=1, max_size=8))
def test_json_comes_out_alike_at_once_and_line_by_line(rows: list[dict[str, object]]) -> None:
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(errors="replace")
    reader, ids = JsonLines(["user_id", "item_id", "note"]), frozenset({"user_id", "item_id"})
    block = Block(data, last=True, encoding=None, line=1)
    lines = data.split(b"\n")[:-1]
    at_once = reader._at_once(block, lines, Limits(), ids)
    if at_once is None:
        return
    other = reader._careful(block, lines, Limits(), ids)
    assert other.rejects == []
    keys = ["user_id", "item_id"]
    assert_frame_equal(at_once.frame.select(keys), other.frame.select(keys))
    for fast, slow in zip(at_once.frame["note"], other.frame["note"], strict=True):
        assert fast == slow or float(fast) == float(slow)


def test_plain_json_takes_the_fast_path() -> None:
    data = b"".join(JSON_ROWS)
    reader = JsonLines(["user_id", "item_id", "timestamp", "note"])
    block = Block(data, last=True, encoding=None, line=1)
    found = reader._at_once(block, data.split(b"\n")[:-1], Limits(), frozenset({"user_id", "item_id"}))
    assert found is not None
    assert found.frame["item_id"].to_list() == [str(n) for n in range(40)]


@pytest.mark.parametrize("piece", [1, 40, 1000])
def test_the_size_of_pieces_makes_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    rows = [b'"%d","a\nb",x\n' % n if n % 3 else b'%d,"open,x\n%d,plain,y\n,none,\n' % (n, n) for n in range(60)]
    lines = b"".join(b'{"user_id": %d, "item_id": %s}\n' % (n, b"{" if n % 9 == 5 else b"7") for n in range(200))
    for name, data in (("a.csv", b"user_id,item_id,note\n" + b"".join(rows)), ("b.jsonl", lines + b'{"user')):
        (tmp_path / name).write_bytes(data)
        whole = import_events([tmp_path / name], tmp_path / "whole" / name)
        with monkeypatch.context() as patch:
            patch.setattr("tastemaker.data.importing.delimited._PIECE", piece)
            patch.setattr("tastemaker.data.importing.jsonlines._PIECE", piece)
            import_events([tmp_path / name], tmp_path / "pieces" / name)
        assert whole.rejected()
        one, other = Imported(tmp_path / "whole" / name, whole), Imported(tmp_path / "pieces" / name, whole)
        assert one.quarantine == other.quarantine
        assert_frame_equal(one.events, other.events)


@pytest.mark.parametrize("size", [200, 201, 333, 512, 1000])
def test_the_size_of_blocks_makes_no_difference(tmp_path: Path, size: int) -> None:
    rows = [b'"%d","a\nb",x\n' % n if n % 4 else b'%d,"open,x\n%d,5" pipe,y\n' % (n, n) for n in range(80)]
    path = tmp_path / "events.csv"
    path.write_bytes(b"user_id,item_id,note\n" + b"".join(rows))
    large = import_events([path], tmp_path / "large")
    small = import_events([path], tmp_path / "small", options=Options(limits=Limits(size, 100)))
    assert small.files[0].rejected == large.files[0].rejected
    assert small.files[0].kept == large.files[0].kept > 60
    assert Imported(tmp_path / "small", small).quarantine == Imported(tmp_path / "large", large).quarantine
    one, other = (pl.read_parquet(tmp_path / name / "interactions.parquet") for name in ("large", "small"))
    assert_frame_equal(one, other)
