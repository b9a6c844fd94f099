"""What a log may not have done after a crash is found, each kind by itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.parts.crashing import Found, Journal, Row, Sent, check_log

FIRST, SECOND = Sent("a", "ann", "tea", "like"), Sent("b", "ann", "milk", "hide")
LOG = [Row(1, *FIRST), Row(2, *SECOND)]


def journal(**acknowledged: int) -> Journal:
    return Journal({each.event_id: each for each in (FIRST, SECOND)}, acknowledged)


def kinds(found: Found) -> dict[str, int]:
    return {what: len(wrong) for what, wrong in vars(found).items() if wrong}


def test_a_log_that_holds_what_was_acknowledged_is_right() -> None:
    assert check_log(LOG, journal(a=1, b=2), (), LOG[:1]).all() == []


def test_what_was_sent_and_not_acknowledged_may_be_there_or_not() -> None:
    assert check_log(LOG, journal(a=1), (), ()).all() == []
    assert check_log(LOG[:1], journal(a=1), (), ()).all() == []


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (LOG[:1], {"lost": 1}),
        ([*LOG, Row(3, *FIRST)], {"doubled": 1, "changed": 1}),
        ([LOG[0], Row(2, *SECOND._replace(item_id="tea"))], {"changed": 1}),
        ([LOG[0], Row(3, *SECOND)], {"changed": 1}),
        ([*LOG, Row(3, "c", "ann", "tea", "like")], {"strange": 1}),
        ([LOG[1], LOG[0]], {"moved": 1}),
    ],
    ids=["lost", "doubled", "other content", "other place", "never sent", "falling places"],
)
def test_each_kind_of_wrong_is_found(log: list[Row], expected: dict[str, int]) -> None:
    assert kinds(check_log(log, journal(a=1, b=2), (), ())) == expected


def test_rows_that_were_there_before_have_to_stay() -> None:
    before = [Row(1, "c", "ann", "tea", "like"), *[Row(2, *FIRST), Row(3, *SECOND)]]
    assert kinds(check_log(before[1:], journal(a=2, b=3), "c", before)) == {"moved": 3}


def test_events_that_others_brought_are_not_strange() -> None:
    assert check_log([Row(1, "c", "bob", "tea", "view")], Journal(), ["c"], ()).all() == []


def test_a_journal_knows_what_is_hidden_what_is_seen_and_what_waits() -> None:
    known = journal(b=2)
    assert known.hidden() == {"ann": {"milk"}}
    assert known.seen() == {"ann": {"milk"}}
    assert known.waiting() == [FIRST]


def test_one_name_at_two_places_is_wrong() -> None:
    known = journal(a=1)
    assert known.join(journal(a=1, b=2)) == []
    assert known.join(journal(a=7)) == ["a was acknowledged at 1, then at 7"]


def test_a_journal_goes_on_after_the_last_whole_line(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    assert Journal.read(file) == (Journal(), 0)
    Journal().write(file, 0, Journal({"a": FIRST}, {"a": 1}))
    Journal().write(file, 1, Journal({"b": SECOND}, {}))
    whole, rounds = Journal.read(file)
    assert (whole.sent, whole.acknowledged, rounds) == ({"a": FIRST, "b": SECOND}, {"a": 1}, 2)
    with file.open("a") as out:
        out.write('{"round": 2, "sent": [["c"')
    assert Journal.read(file)[1] == 2
