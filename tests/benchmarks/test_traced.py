"""A trace of the system's calls is read, and tells whether an event was flushed before it was acknowledged."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.parts.traced import flushed_before_answer, last_event, parse

# As strace 6.1 writes it, with shorter paths.
ASKED = '1 01:00:00.000100 recvfrom(7<TCP:[[::1]:80->[::1]:99]>, "POST /v1/events HTTP/1.1"..., 9, 0) = 9 <0.000005>'
WRITTEN = '2 01:00:00.000200 pwrite64(5</s/store.sqlite-wal>, "\\0\\1"..., 4096, 32) = 4096 <0.000010>'
FLUSHED = "2 01:00:00.000300 fdatasync(5</s/store.sqlite-wal>) = 0 <0.000150>"
BEGUN = "2 01:00:00.000300 fdatasync(5</s/store.sqlite-wal> <unfinished ...>"
RESUMED = "2 01:00:00.{} <... fdatasync resumed>) = 0 <0.000150>"
ANSWERED = '1 01:00:00.000500 sendto(7<TCP:[[::1]:80->[::1]:99]>, "HTTP/1.1 200 OK"..., 9, 0) = 9 <0.000005>'


def event(*lines: str) -> bool:
    return flushed_before_answer(last_event(parse("\n".join(lines))))


def test_calls_are_read_with_their_threads_times_and_files() -> None:
    calls = parse("\n".join([ASKED, WRITTEN, BEGUN, RESUMED.format("000450"), ANSWERED, "2 01:00:00.9 +++ exited +++"]))
    assert [(call.thread, call.name, call.target) for call in calls] == [
        (1, "recvfrom", "TCP"),
        (2, "pwrite64", "store.sqlite-wal"),
        (2, "fdatasync", "store.sqlite-wal"),
        (1, "sendto", "TCP"),
    ]
    assert calls[1].ended == pytest.approx(3600.00021)
    flush = calls[2]
    assert flush.began == pytest.approx(3600.0003)
    assert flush.ended == pytest.approx(3600.00045)
    assert flush.given.endswith("= 0")


def test_only_the_last_event_counts_up_to_its_answer() -> None:
    text = "\n".join([ASKED, WRITTEN, ANSWERED, ASKED, WRITTEN, FLUSHED, ANSWERED, WRITTEN])
    assert [call.name for call in last_event(parse(text))] == ["recvfrom", "pwrite64", "fdatasync", "sendto"]


def test_what_wakes_other_threads_is_left_out() -> None:
    woken = '2 01:00:00.000400 write(9<socket:[12]>, "\\0", 1) = 1'
    noise = '2 01:00:00.000400 write(1</dev/pts/0>, "x", 1) = 1'
    assert [call.target for call in last_event(parse("\n".join([ASKED, noise, ANSWERED])))] == ["TCP", "TCP"]
    assert event(ASKED, WRITTEN, FLUSHED, woken, ANSWERED)


def test_flushed_before_the_answer_is_good() -> None:
    assert event(ASKED, WRITTEN, FLUSHED, ANSWERED)
    assert event(ASKED, WRITTEN, BEGUN, RESUMED.format("000450"), ANSWERED)


@pytest.mark.parametrize(
    "lines",
    [
        (ASKED, WRITTEN, ANSWERED),
        (ASKED, FLUSHED, ANSWERED),
        (ASKED, FLUSHED, WRITTEN.replace("000200", "000400"), ANSWERED),
        (ASKED, WRITTEN, FLUSHED.replace("000300", "000450"), ANSWERED),
        (ASKED, WRITTEN, BEGUN, ANSWERED, RESUMED.format("000600")),
        (ASKED, WRITTEN, BEGUN, ANSWERED),
        (ASKED, WRITTEN, FLUSHED.replace("= 0 ", "= -1 EIO (Input/output error) "), ANSWERED),
        (ASKED, WRITTEN, FLUSHED),
        (),
    ],
    ids=[
        "none",
        "nothing written",
        "before the write",
        "still at it",
        "too late",
        "never ends",
        "failed",
        "no answer",
        "no trace",
    ],
)
def test_anything_else_is_not(lines: tuple[str, ...]) -> None:
    assert not event(*lines)
