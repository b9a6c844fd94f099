"""What one event does to the disk before it is acknowledged, as the system's calls tell it; needs strace (Linux)."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks.parts.processes import Caller, Served

CALLS: Final = "fsync,fdatasync,pwrite64,write,sendto,recvfrom"
FLUSHES: Final = ("fsync", "fdatasync")
_WRITES: Final = ("pwrite64", "write")
_LINE: Final = re.compile(r"(?P<thread>\d+) +(?P<hour>\d+):(?P<minute>\d+):(?P<second>[\d.]+) (?P<said>.*)")
_BEGUN: Final = re.compile(r"(?P<name>\w+)\((?P<given>.*)")
_RESUMED: Final = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<given>.*)")
_UNFINISHED: Final = " <unfinished ...>"
_TOOK: Final = re.compile(r" <(?P<seconds>[\d.]+)>$")
_TARGET: Final = re.compile(r"\d+<(?P<path>.*?)>")


@dataclass(frozen=True)
class Call:
    """One call of the system.

    Attributes:
        name: Such as ``fdatasync``.
        given: What it was given and what came of it, as strace writes it.
        thread: Whose.
        began: Seconds of the day.
        ended: Seconds of the day; infinite if the trace ends before.
    """

    name: str
    given: str
    thread: int
    began: float
    ended: float

    @property
    def target(self) -> str:
        """Return the name of the file, without its folder, or ``TCP``; what threads wake each other by has none."""
        found = _TARGET.match(self.given)
        path = found["path"] if found else ""
        return "TCP" if path.startswith("TCP") else path.rpartition("/")[2]


def parse(text: str) -> list[Call]:
    """Return the calls of a trace (``strace -f -tt -T -yy``) in the order in which they began."""
    calls: list[Call] = []
    open_calls: dict[tuple[int, str], int] = {}
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        thread, at, said, seconds = _told(found)
        if resumed := _RESUMED.match(said):
            place = open_calls.pop((thread, resumed["name"]), None)
            if place is not None:
                calls[place] = replace(calls[place], given=calls[place].given + resumed["given"], ended=at)
        elif begun := _BEGUN.match(said):
            unfinished = said.endswith(_UNFINISHED)
            if unfinished:
                open_calls[thread, begun["name"]] = len(calls)
            given = begun["given"].removesuffix(_UNFINISHED)
            calls.append(Call(begun["name"], given, thread, at, float("inf") if unfinished else at + seconds))
    return calls


def _told(line: re.Match[str]) -> tuple[int, float, str, float]:
    """Return thread, second of the day, what was called, and how long that took."""
    at = 3600 * int(line["hour"]) + 60 * int(line["minute"]) + float(line["second"])
    took = _TOOK.search(line["said"])
    return int(line["thread"]), at, _TOOK.sub("", line["said"]), float(took["seconds"]) if took else 0.0


def last_event(calls: Sequence[Call]) -> list[Call]:
    """Return what was done from the last event that came in to its answer, both included; nothing without both.

    What only wakes other threads is left out.
    """
    for first in range(len(calls) - 1, -1, -1):
        if calls[first].name == "recvfrom" and "POST /v1/events" in calls[first].given:
            break
    else:
        return []
    found = []
    for call in calls[first:]:
        if call.target == "TCP" or call.name in FLUSHES or (call.name in _WRITES and ".sqlite" in call.target):
            found.append(call)
        if call.name == "sendto" and "HTTP/1.1 200" in call.given:
            return found
    return []


def flushed_before_answer(calls: Sequence[Call]) -> bool:
    """Say whether, of `last_event`, all that was written had been flushed when the answer began to be sent."""
    if not calls:
        return False
    answer = calls[-1]
    written = [call.began for call in calls if call.name in _WRITES]
    return bool(written) and any(
        call.name in FLUSHES and call.began > max(written) and call.ended <= answer.began and call.given.endswith("= 0")
        for call in calls
    )


def trace_one_event(model: Path, store: Path, person: str, item: str) -> int:
    """Send events to a server under strace and print what the last of them did; return the exit code."""
    if shutil.which("strace") is None:
        print("not traced: strace is not installed, and nothing here stands in for it (Debian: apt install strace)")
        return 0
    with tempfile.TemporaryDirectory() as name:
        trace = Path(name) / "trace"
        before = ["strace", "-f", "-tt", "-T", "-yy", "-s", "60", "-e", f"trace={CALLS}", "-o", str(trace)]
        with Served("shop", model, store, before=before).wait_until_ready() as server:
            with closing(Caller(server.address)) as caller:
                for number in range(3):
                    event = {"event_id": f"traced-{number}", "user_id": person, "item_id": item, "event": "view"}
                    status, _ = caller.ask("POST", "/v1/events", event)
                    assert status == 200, status
            server.stop()
        calls = last_event(parse(trace.read_text(errors="replace")))
    for call in calls:
        since = 1e6 * (call.began - calls[0].began)
        took = 1e6 * (call.ended - call.began)
        about = f" for {took:,.0f} us" if call.name in FLUSHES else ""
        print(f"  {since:9,.0f} us  {call.name:10}{call.target}{about}")
    good = flushed_before_answer(calls)
    print("flushed to the disk before it was acknowledged" if good else "MISSED: acknowledged before it was flushed")
    return 0 if good else 1
