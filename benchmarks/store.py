"""What durable writes and reads of the event log cost, beside the disk and bare SQLite in the same run.

- one event an append, for 1, 8 and 32 callers that each wait until theirs is durable, beside the same rows written by
  bare SQLite with a commit each (WAL, ``synchronous=FULL``, the same tables), and beside a file that is flushed after
  each record: what the disk allows to who does not share its flushes;
- appends of 100 and 1,000 events by one caller, beside bare SQLite with as many rows a commit;
- a person's events out of a log of ``--events`` events, beside the bare query and beside building the same objects.

Rounds of all sides take turns; medians are printed. What the disk does depends on the machine, and on who else uses
it at that moment: compare ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from threading import Thread

from tastemaker.core.tenant import Tenant
from tastemaker.store.ports import EventLog, NewEvent
from tastemaker.store.sqlite import SQLiteStore
from tastemaker.store.sqlite.files import connect, connect_to_write, make_ready, migrations

LEAST_SHARE, LEAST_SHARED, MOST_READ = 0.5, 2.0, 3.0
CONTEXT = {"device": "phone", "place": "home"}
COLUMNS = "user_id, event_id, item_id, event, timestamp, context, received"
INSERT = f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
RANDOM = random.Random(0)


def event(user: int | None = None) -> NewEvent:
    """Return an event with a name that was never used, of one of 20,000 people."""
    user = RANDOM.randrange(20_000) if user is None else user
    return NewEvent(
        event_id=str(uuid.UUID(int=RANDOM.getrandbits(128))),
        user_id=f"user-{user}",
        item_id=f"item-{RANDOM.randrange(5_000)}",
        event="view",
        timestamp=time.time_ns() // 1000,
        context=CONTEXT,
    )


def row(of: NewEvent) -> tuple[object, ...]:
    """Return the columns that bare SQLite writes of an event."""
    context = json.dumps(dict(of.context), separators=(",", ":"))
    return (of.user_id, of.event_id, of.item_id, of.event, of.timestamp, context, of.timestamp)


def rate(count: int, work: Callable[[], object]) -> float:
    """Return how many a second."""
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def flush_each(path: Path, events: Sequence[NewEvent]) -> None:
    with path.open("ab", buffering=0) as file:
        for one in events:
            file.write(repr(row(one)).encode())
            os.fsync(file.fileno())


def commit_each(connection: sqlite3.Connection, batches: Sequence[Sequence[NewEvent]]) -> None:
    for batch in batches:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT, [row(one) for one in batch])
        connection.execute("COMMIT")


def append_each(log: EventLog, events: Sequence[NewEvent], callers: int) -> None:
    def call(some: Sequence[NewEvent]) -> None:
        for one in some:
            log.append([one])

    threads = [Thread(target=call, args=(events[caller::callers],)) for caller in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def verdict(good: bool, aim: str) -> str:
    return aim if good else f"{aim}: MISSED"


def singles(folder: Path, log: EventLog, bare: sqlite3.Connection, count: int, rounds: int) -> None:
    """Print durable appends of one event each."""
    sides: dict[str, Callable[[list[NewEvent]], None]] = {
        "a file, flushed each time": lambda events: flush_each(folder / "flushed", events),
        "bare SQLite, a commit each": lambda events: commit_each(bare, [[one] for one in events]),
        "store, 1 caller": lambda events: append_each(log, events, 1),
        "store, 8 callers": lambda events: append_each(log, events, 8),
        "store, 32 callers": lambda events: append_each(log, events, 32),
    }
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, work in sides.items():
            events = [event() for _ in range(count)]
            found[name].append(rate(count, lambda: work(events)))  # noqa: B023 (called at once)
    rates = {name: median(each) for name, each in found.items()}
    disk, sqlite = rates["a file, flushed each time"], rates["bare SQLite, a commit each"]
    aims = {"store, 1 caller": LEAST_SHARE, "store, 8 callers": LEAST_SHARED, "store, 32 callers": LEAST_SHARED}
    print("one event an append, durable when it returns")
    for name, each in rates.items():
        aim = f"   {verdict(each >= aims[name] * sqlite, f'aim: {aims[name]:g} of SQLite')}" if name in aims else ""
        print(f"  {name:28}{each:9,.0f} a second {each / sqlite:6.2f} of SQLite {each / disk:6.2f} of the disk{aim}")


def batches(log: EventLog, bare: sqlite3.Connection, count: int, rounds: int) -> None:
    """Print durable appends of many events each."""
    print("many events an append")
    for size in (100, 1_000):
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(rounds):
            parts = [[event() for _ in range(size)] for _ in range(max(1, count // size))]
            theirs.append(rate(size * len(parts), lambda: commit_each(bare, parts)))  # noqa: B023 (called at once)
            parts = [[event() for _ in range(size)] for _ in range(max(1, count // size))]
            ours.append(rate(size * len(parts), lambda: [log.append(part) for part in parts]))  # noqa: B023
        share = median(ours) / median(theirs)
        print(
            f"  {size:5,} at once: bare SQLite {median(theirs):9,.0f} rows a second, store {median(ours):9,.0f}:"
            f" {share:.2f} ({verdict(share >= LEAST_SHARE, f'aim: {LEAST_SHARE:g}')})"
        )


def reading(log: EventLog, path: Path, events: int, questions: int) -> None:
    """Print what it takes to read one person's events."""
    while (missing := events - len(log)) > 0:
        log.append([event() for _ in range(min(missing, 20_000))])
    query = "SELECT * FROM events WHERE user_id = ? AND place > 0 ORDER BY place"
    ours: list[float] = []
    theirs: list[float] = []
    rows = 0
    with closing(connect(path)) as bare:
        for _ in range(questions):
            name = f"user-{RANDOM.randrange(20_000)}"
            for times, work in (
                (theirs, lambda: bare.execute(query, (name,)).fetchall()),  # noqa: B023 (called at once)
                (ours, lambda: log.of_user(name)),  # noqa: B023
            ):
                started = time.perf_counter()
                found = work()
                times.append(1e6 * (time.perf_counter() - started))
            rows += len(found)
    share = median(ours) / median(theirs)
    print(f"one person's events ({rows / questions:.0f} each) of {len(log):,}")
    for name, times in (("bare query", theirs), ("store", ours)):
        high = sorted(times)[int(0.99 * len(times))]
        print(f"  {name:12}{median(times):8.0f} us, 99th of 100 {high:8.0f} us")
    print(f"  {share:.2f} times the bare query ({verdict(share <= MOST_READ, f'aim: {MOST_READ:g}')})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000, help="events in the log that is read from")
    parser.add_argument("--appends", type=int, default=1_000, help="events a round and side")
    parser.add_argument("--rounds", type=int, default=5, help="times to repeat")
    parser.add_argument("--folder", type=Path, help="where to write: on the disk that is asked about")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        make_ready(folder / "bare.sqlite", migrations("tenant"))
        with closing(SQLiteStore(folder / "store")) as store, closing(connect_to_write(folder / "bare.sqlite")) as bare:
            log = store.for_tenant(Tenant("shop")).events
            singles(folder, log, bare, asked.appends, asked.rounds)
            batches(log, bare, 10 * asked.appends, asked.rounds)
            reading(log, folder / "store" / "shop" / "store.sqlite", asked.events, asked.appends)


if __name__ == "__main__":
    main()
