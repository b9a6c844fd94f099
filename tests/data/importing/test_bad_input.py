"""Every kind of damage: what is kept, what is set aside, at which line and why."""

from __future__ import annotations

import gzip
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from tastemaker.core.errors import DataError
from tastemaker.data import make_split, read_folder
from tastemaker.data.importing import Limits, Options, import_events

from .conftest import SMALL, Import

HEAD = "user_id,item_id,timestamp\n"
GOOD = "u1,i1,1700000000\nu2,i2,1700000001\n"


@pytest.mark.parametrize(
    ("row", "reason", "column"),
    [
        ("u3,i3", "wrong number of fields: 2 instead of 3", None),
        ("u3,i3,1700000000,x", "wrong number of fields: 4 instead of 3", None),
        (",i3,1700000000", "no user", "user_id"),
        ("  ,i3,1700000000", "no user", "user_id"),
        ("null,i3,1700000000", "no user", "user_id"),
        ("u3,,1700000000", "no item", "item_id"),
        ("u3,\\N,1700000000", "no item", "item_id"),
        ("u3,i3,yesterday", "time cannot be read", "timestamp"),
        ("u3,i3,2023-02-30", "time cannot be read", "timestamp"),
        ("u3,i3,1700000000000", "time out of range: years 1 to 9999 can be kept", "timestamp"),
        ("u3,i3,253402300800", "time out of range: years 1 to 9999 can be kept", "timestamp"),
        ("u3,i3,-62135596801", "time out of range: years 1 to 9999 can be kept", "timestamp"),
        ("u3,i\x003,1700000000", "NUL byte", None),
        ('u3,"i3,1700000000', "quote is not closed", None),
        ('u3,"i"3,1700000000', "text after a closing quote", None),
        ("u3," + "i" * 1024 + ",1", "line too long: more than 1,024 bytes", None),
        ("u3," + "i" * 9000 + ",1", "line too long: more than 1,024 bytes", None),
    ],
)
def test_a_bad_row_is_set_aside_with_its_line_and_the_rest_is_kept(
    importing: Import, row: str, reason: str, column: str | None
) -> None:
    found = importing(HEAD + GOOD + row + "\n" + "u4,i4,1700000003\n", limits=SMALL)
    assert found.pairs() == [("u1", "i1"), ("u2", "i2"), ("u4", "i4")]
    (entry,) = found.quarantine
    assert (entry["line"], entry["reason"], entry.get("column")) == (4, reason, column)
    assert entry["file"].endswith("events.csv")
    assert entry["text"].startswith(row[:20])
    assert len(entry["text"]) <= 501
    (file,) = found.report.files
    assert (file.rows, file.kept, file.lines) == (4, 3, 4)
    assert file.rejected == {reason.partition(":")[0]: 1}


@pytest.mark.parametrize("row", ["u3,i3", ",i3,1700000000", "u3,i3,yesterday"])
def test_strict_stops_at_the_first_bad_row_and_names_file_line_and_column(importing: Import, row: str) -> None:
    with pytest.raises(DataError) as failure:
        importing(HEAD + GOOD + row + "\n,,\n", strict=True)
    assert failure.value.where is not None
    assert "events.csv, line 4" in failure.value.where
    if row.count(",") == 2:
        assert "column '" in failure.value.where
    assert "--strict" in str(failure.value)


def test_strict_leaves_nothing_behind(importing: Import, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        importing(HEAD + GOOD + ",,\n", strict=True)
    assert [path.name for path in tmp_path.iterdir()] == ["events.csv"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_marks_make_no_difference(importing: Import, end: str, mark: str) -> None:
    text = mark + (HEAD + GOOD + '"u 3","i,""3""",1700000002\n').replace("\n", end)
    found = importing(text)
    assert found.pairs() == [("u1", "i1"), ("u2", "i2"), ("u 3", 'i,"3"')]
    assert found.events.columns == ["user_id", "item_id", "timestamp", "event", "weight"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_with_its_mark_is_read(importing: Import, encoding: str) -> None:
    mark = "" if encoding == "utf-16" else "\ufeff"
    found = importing((mark + HEAD + "ü,😀,1700000000\n").encode(encoding))
    assert found.pairs() == [("ü", "😀")]


def test_latin_1_is_recognised_and_noted(importing: Import) -> None:
    found = importing((HEAD + "café,naïve,1700000000\nu2,i2,1700000001\nBjörk,“x”,1\n").encode("cp1252"))
    assert found.pairs() == [("café", "naïve"), ("u2", "i2"), ("Björk", "“x”")]
    assert found.report.files[0].notes == {"lines read as Windows-1252 (latin-1)": 2}


def test_a_damaged_row_of_a_utf_8_file_is_not_taken_for_latin_1(importing: Import) -> None:
    rows = "ü1,i1,1700000000\nü2,i2,1700000001\n".encode()
    found = importing(HEAD.encode() + rows + b"\xff\xfe,i3,1700000002\n")
    assert found.pairs() == [("ü1", "i1"), ("ü2", "i2")]
    assert found.reasons == [(4, "not UTF-8: byte 0xff at position 1")]


def test_an_encoding_that_is_given_is_not_second_guessed(importing: Import) -> None:
    found = importing(HEAD.encode() + GOOD.encode() + b"caf\xe9,i3,1700000002\n", encoding="utf-8")
    assert [reason for _, reason in found.reasons] == ["not UTF-8: byte 0xe9 at position 4"]


@pytest.mark.parametrize("torn", ["u3", "u3,i3", 'u3,"i'])
def test_a_torn_last_line_is_called_that(importing: Import, torn: str) -> None:
    found = importing(HEAD + GOOD + torn)
    assert found.pairs() == [("u1", "i1"), ("u2", "i2")]
    ((line, reason),) = found.reasons
    assert line == 4
    assert reason.startswith("torn last line: the file ends within it")


def test_a_whole_last_line_needs_no_newline(importing: Import) -> None:
    assert importing(HEAD + GOOD + "u3,i3,1700000002").pairs()[-1] == ("u3", "i3")


def test_lines_that_end_with_a_delimiter_are_whole_rows(importing: Import) -> None:
    found = importing("user_id\titem_id\tnote\nu1\ti1\ta\t\nu2\ti2\t\t\nu3\ti3\tx\ty\tz\nu4\ti4\tb\nu5\ti5\tc\t")
    assert found.pairs() == [("u1", "i1"), ("u2", "i2"), ("u5", "i5")]
    assert found.events["note"].to_list() == ["a", None, "c"]
    assert found.reasons == [
        (4, "wrong number of fields: 5 instead of 4"),
        (5, "wrong number of fields: 3 instead of 4"),
    ]


def test_some_lines_that_end_with_a_delimiter_are_bad_rows(importing: Import) -> None:
    found = importing("user_id,item_id\nu1,i1\nu2,i2,\nu3,i3\nu4,i4\n")
    assert found.reasons == [(3, "wrong number of fields: 3 instead of 2")]


def test_doubled_column_names_are_named(importing: Import) -> None:
    with pytest.raises(DataError, match=r"same name: 'user_id' \(.*line 1, columns 1, 3\)"):
        importing("user_id,item_id,user_id\nu1,i1,u1\n")


def test_quoted_fields_hold_delimiters_quotes_and_newlines(importing: Import) -> None:
    text = 'user_id,item_id,note\n"a,b","c\nd","say ""hi"""\nu2,i2,"x\n\ny"\nu3,"i3",plain\n'
    found = importing(text)
    assert found.pairs() == [("a,b", "c\nd"), ("u2", "i2"), ("u3", "i3")]
    assert found.events["note"].to_list() == ['say "hi"', "x\n\ny", "plain"]
    assert found.report.files[0].lines == 6


def test_lines_are_counted_over_quoted_newlines(importing: Import) -> None:
    found = importing('user_id,item_id\n"a\nb",i1\n,i2\n"c\nd",i3\nu4,\n')
    assert found.reasons == [(4, "no user"), (7, "no item")]


def test_a_stray_quote_costs_one_line(importing: Import) -> None:
    rows = "".join(f"u{n},i{n},{1700000000 + n}\n" for n in range(50))
    found = importing(HEAD + '"u,i,1\n' + rows + 'u"x,i"y,1\n')
    assert len(found.pairs()) == 51
    assert found.pairs()[-1] == ('u"x', 'i"y')
    assert found.reasons == [(2, "quote is not closed on its line")]


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("1700000000", "2023-11-14T22:13:20"),
        ("1700000000.25", "2023-11-14T22:13:20.250000"),
        ("1700000000250", "2023-11-14T22:13:20.250000"),
        ("1700000000250000", "2023-11-14T22:13:20.250000"),
        ("1700000000250000000", "2023-11-14T22:13:20.250000"),
        ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20"),
        ("2023-11-14T23:13:20+01:00", "2023-11-14T22:13:20"),
        ("2023-11-14T22:13:20", "2023-11-14T22:13:20"),
        ("2023-11-14 22:13:20.250", "2023-11-14T22:13:20.250000"),
        ("2023-11-14", "2023-11-14T00:00:00"),
        ("20231114", "2023-11-14T00:00:00"),
        ("0001-01-01", "0001-01-01T00:00:00"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59"),
        ("-62135596800", "0001-01-01T00:00:00"),
        ("253402300799", None),
    ],
)
def test_times_are_read_by_their_form_and_size(importing: Import, given: str, known: str | None) -> None:
    found = importing(f"{HEAD}u1,i1,{given}\n", **({} if known else {"time_unit": "s"}))
    (moment,) = found.events["timestamp"]
    assert moment.replace(tzinfo=None) == datetime.fromisoformat(known or "9999-12-31T23:59:59")


def test_times_of_one_file_may_have_several_forms_and_be_missing(importing: Import) -> None:
    rows = "u1,i1,1700000000\nu1,i2,\nu1,i3,2023-11-14T22:13:20Z\nu1,i4,NULL\nu1,i5, 1700000000 \n"
    times = importing(HEAD + rows).events["timestamp"]
    assert times.null_count() == 2
    assert times.drop_nulls().n_unique() == 1


def test_milliseconds_among_seconds_are_set_aside_rather_than_read_as_another_century(importing: Import) -> None:
    found = importing(HEAD + GOOD + "u3,i3,1700000000123\n")
    assert [reason.partition(":")[0] for _, reason in found.reasons] == ["time out of range"]


@pytest.mark.parametrize("user", ["007", "a b", "a/b", "😀", "0", "-1", "1e5", "7.0", "ÅÄÖ", "#1", "=1+1"])
def test_ids_stay_as_they_are(importing: Import, user: str) -> None:
    assert importing(f"{HEAD}{user},{user},1700000000\n", header=True).pairs() == [(user, user)]


@pytest.mark.parametrize("weight", ["much", "nan", "inf", "1e300", "1,5"])
def test_weights_that_are_no_numbers_are_set_aside(importing: Import, weight: str) -> None:
    found = importing(f"user_id;item_id;weight\nu1;i1;2.5\nu2;i2;{weight}\nu3;i3;\n")
    assert found.events["weight"].to_list() == [2.5, 1.0] if weight != "nan" else [2.5, 1.0, 1.0]
    if weight != "nan":  # a missing value, as pandas writes it
        assert found.reasons == [(3, "weight is not a number")]


def test_the_same_pair_again_is_kept_and_reported(importing: Import) -> None:
    found = importing(HEAD + "u1,i1,1700000000\n" * 3 + "u1,i1,1700000009\n")
    assert len(found.pairs()) == 4
    assert (found.report.profile.repeated_pairs, found.report.profile.repeated_events) == (3, 2)


def test_a_line_of_a_hundred_megabytes_is_set_aside_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "events.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write((HEAD + GOOD + "u3,").encode())
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b",1700000000\nu4,i4,1700000000\n")
    report = import_events([path], tmp_path / "shop", options=Options(limits=Limits(1 << 20, 1 << 19)))
    assert (report.rows, report.kept) == (4, 3)
    assert report.rejected() == {"line too long": 1}
    assert (tmp_path / "shop" / "quarantine.jsonl").stat().st_size < 2_000


LONG = """
import resource, sys
from pathlib import Path
from tastemaker.data.importing import import_events
path, before = Path(sys.argv[1]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start, end = (b'{"user_id": 1, "item_id": "', b'"}') if path.suffix == ".jsonl" else (b"u1,", b"")
with path.open("wb") as file:
    file.write(b"" if path.suffix == ".jsonl" else b"user_id,item_id")
    for length in (1, 100_000_000, 1):
        file.write(b"\\n" + start)
        for _ in range(0, length, 1_000_000):
            file.write(b"x" * min(length, 1_000_000))
        file.write(end)
report = import_events([path], path.with_suffix(""))
assert (report.kept, report.rejected()) == (2, {"line too long": 1}), report
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["events.csv", "events.jsonl"])
def test_such_a_line_is_never_held_in_memory(tmp_path: Path, name: str) -> None:
    words = [sys.executable, "-c", LONG, str(tmp_path / name)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Measured: 125 MB, of which the block and Polars' own are most; the line alone has 100 MB, and twice that as text.
    assert int(done.stdout) < 200


@pytest.mark.parametrize("cut", [0.5, 0.9])
def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path: Path, cut: float) -> None:
    path = tmp_path / "events.csv.gz"
    data = gzip.compress((HEAD + "".join(f"u{n * n},i{n},{n}\n" for n in range(5000))).encode())
    path.write_bytes(data[: int(cut * len(data))])
    with pytest.raises(DataError, match="damaged or cut off"):
        import_events([path], tmp_path / "shop")
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n\n", "the first line is empty"),
        (b"user_id,item_id\n", "the file has no rows"),
        (b"user_id,item_id\n,\n,\n", "none of the 2 rows can be used; most often: no user"),
        (b"a,b,c\n0.5,0.5,0.5\n", "no column looks like 'user_id'"),
        (b"PAR1 and then nothing", "cannot read the file as Parquet"),
        (
            b"user_id," + b"x" * 2_000_000 + b",item_id\n1,2,3\n",
            r"the first line is longer than 1,048,576 bytes .*line 1",
        ),
        (b'user_id,"item_id\n1,2\n', r"names of the columns cannot be read: a quote is not closed .*line 1"),
        (b'user_id,"item"_id\n1,2\n', r"names of the columns cannot be read: text after a closing quote .*line 1"),
    ],
)
def test_files_without_events_are_refused(importing: Import, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        importing(content)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read the file: No such file"):
        import_events([tmp_path / "none.csv"], tmp_path / "shop")
    with pytest.raises(DataError, match="this is a folder"):
        import_events([tmp_path], tmp_path / "shop")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"user_id": "u3", "item_id"', "not valid JSON"),
        ("[1, 2]", "not a JSON object"),
        ('{"user_id": ["u3"], "item_id": "i3"}', "a list is no id"),
        ('{"user_id": {"a": 1}, "item_id": "i3"}', "an object is no id"),
        ('{"user_id": true, "item_id": "i3"}', "true or false is no id"),
        ('{"item_id": "i3"}', "no user"),
        ('{"user_id": "u3", "item_id": null}', "no item"),
        ('{"user_id": "u3", "item_id": "i3", "timestamp": "soon"}', "time cannot be read"),
        ('{"user_id": "u\\u00003", "item_id": "i3"}', "NUL byte"),
        ('{"user_id": "\\ud83d", "item_id": "i3"}', "half of a surrogate pair, which is no character"),
        ('{"user_id": NaN, "item_id": "i3"}', "not valid JSON"),
        ('{"user_id": 1} {"user_id": 2}', "not valid JSON"),
        ('{"user_id": "' + "u" * 2000 + '", "item_id": 1}', "line too long"),
        ("[" * 900, "not valid JSON"),
    ],
)
def test_a_bad_line_of_json_is_set_aside(importing: Import, line: str, reason: str) -> None:
    good = '{"user_id": "u1", "item_id": 7, "timestamp": 1700000000}\n'
    found = importing(good + line + "\n\n" + good, name="events.jsonl", limits=SMALL)
    assert found.pairs() == [("u1", "7")] * 2
    ((number, said),) = found.reasons
    assert (number, said.partition(":")[0]) == (2, reason)
    assert found.report.files[0].blank == 1


def test_a_torn_line_of_json_is_called_that(importing: Import) -> None:
    good = '{"user_id": "u1", "item_id": 7}\n'
    ((line, reason),) = importing(good + good[:20], name="events.jsonl").reasons
    assert (line, reason.partition(":")[0]) == (2, "torn last line")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "mark"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_json_of_mixed_types_with_marks_and_other_line_ends(importing: Import, mark: bytes, end: bytes) -> None:
    lines = [
        b'{"user_id": 7, "item_id": "a/b c", "timestamp": 1700000000, "note": 1}',
        b'{"user_id": "007", "item_id": 8.0, "timestamp": "2023-11-14T22:13:20Z", "note": "x"}',
        b'{"user_id": 7.5, "item_id": "\xf0\x9f\x98\x80", "timestamp": null, "note": [1, true]}',
    ]
    found = importing(mark + end.join(lines) + end, name="events.jsonl")
    assert found.pairs() == [("7", "a/b c"), ("007", "8"), ("7.5", "😀")]
    assert found.events["timestamp"].dt.epoch("s").to_list() == [1_700_000_000, 1_700_000_000, None]
    assert found.events["note"].to_list() == ["1", "x", "[1, true]"]


def test_json_in_latin_1_is_recognised_and_noted(importing: Import) -> None:
    found = importing(
        '{"user_id": "Björk", "item_id": 1}\n{"user_id": "café", "item_id": 2}\n'.encode("latin-1"), "a.jsonl"
    )
    assert found.pairs() == [("Björk", "1"), ("café", "2")]
    assert found.report.files[0].notes == {"lines read as Windows-1252 (latin-1)": 2}


def test_the_first_and_the_last_year_survive_reading_profiling_and_splitting(importing: Import) -> None:
    days = ["0001-01-01", "0001-01-02", "1970-01-01", "2024-05-31", "9999-12-30", "9999-12-31T23:59:59Z"]
    rows = "".join(f"u{user},i{place},{day}\n" for user in range(5) for place, day in enumerate(days))
    found = importing(HEAD + rows)
    facts = found.report.profile
    assert (facts.first, facts.last) == ("0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00")
    assert sum(count for _, count in facts.events_by_time) == 30
    split = make_split(read_folder(found.folder), "global-time", valid=0.2, test=0.2)
    assert len(split.train.interactions) == 15
    assert set(split.test.queries.dictionary[split.test.targets]) == {"i4", "i5"}


def test_all_in_one_json_list_is_refused(importing: Import) -> None:
    with pytest.raises(DataError, match="none of the first lines is a JSON object"):
        importing('[{"user_id": 1, "item_id": 2}]', name="events.json")


def test_a_spreadsheet_is_refused_by_name(importing: Import) -> None:
    with pytest.raises(DataError, match=r"\.xlsx are not read"):
        importing(b"PK\x03\x04 and more", name="events.xlsx")
