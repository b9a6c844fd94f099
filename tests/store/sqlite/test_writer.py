"""Work is committed together and in order, each piece stands or falls by itself, and too much is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import pytest

from tastemaker.core.errors import BusyError, DataError, StorageError
from tastemaker.store.sqlite import writer as module
from tastemaker.store.sqlite.files import connect, connect_to_write
from tastemaker.store.sqlite.writer import Work, Writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "numbers.sqlite"


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    connection = connect_to_write(path)
    connection.execute("CREATE TABLE numbers (number INTEGER UNIQUE, said TEXT)")
    writer = Writer(connection, path, most_waiting=10)
    yield writer
    writer.close()


def insert(number: int, said: str = "") -> Work[int]:
    return lambda connection: connection.execute("INSERT INTO numbers VALUES (?, ?)", (number, said)).rowcount


def kept(path: Path) -> list[int]:
    with closing(connect(path)) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM numbers ORDER BY rowid")]


@contextmanager
def held_up(writer: Writer) -> Iterator[list[str]]:
    """Let the writer be busy until the end of the block, so that work gathers; yield what it executes from then on."""
    statements: list[str] = []
    begun, over = Event(), Event()

    def wait(connection: sqlite3.Connection) -> None:
        begun.set()
        assert over.wait(60)
        connection.set_trace_callback(statements.append)

    waiting = writer.submit(wait)
    assert begun.wait(60)
    try:
        yield statements
    finally:
        over.set()
        waiting.result()


def test_work_that_gathered_is_committed_once(writer: Writer, path: Path) -> None:
    with held_up(writer) as statements:
        futures = [writer.submit(insert(number)) for number in range(10)]
    assert [future.result() for future in futures] == [1] * 10
    assert kept(path) == list(range(10))
    assert statements.count("COMMIT") == 2  # of what held it up, and of all ten


def test_a_commit_takes_no_more_than_it_may(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TOGETHER", 4)
    with held_up(writer) as statements:
        futures = [writer.submit(insert(number)) for number in range(10)]
    for future in futures:
        future.result()
    assert statements.count("COMMIT") == 1 + 3  # four, four and two


def test_a_commit_takes_no_more_rows_than_it_may(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS_TOGETHER", 4)
    with held_up(writer) as statements:
        futures = [writer.submit(insert(number), rows=3) for number in range(3)]
    for future in futures:
        future.result()
    assert statements.count("COMMIT") == 1 + 2  # 3 + 3 rows, then 3


def test_work_that_fails_fails_alone(writer: Writer, path: Path) -> None:
    def unhappy(connection: sqlite3.Connection) -> None:
        insert(77)(connection)
        raise DataError("no")

    with held_up(writer):
        good, doubled, ours, also_good = (writer.submit(work) for work in (insert(1), insert(1), unhappy, insert(2)))
    assert (good.result(), also_good.result()) == (1, 1)
    with pytest.raises(StorageError, match="UNIQUE"):
        doubled.result()
    with pytest.raises(DataError, match="no"):
        ours.result()
    assert kept(path) == [1, 2]


def test_what_does_not_fit_on_the_disk_fails_alone_and_the_writer_goes_on(writer: Writer, path: Path) -> None:
    writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 20").fetchone(), alone=True)
    with held_up(writer):
        small, large, last = (writer.submit(work) for work in (insert(1), insert(2, "x" * 200_000), insert(3)))
    assert (small.result(), last.result()) == (1, 1)
    with pytest.raises(StorageError, match="disk is full") as full:
        large.result()
    assert full.value.where == str(path)
    assert writer.run(insert(4)) == 1
    assert kept(path) == [1, 3, 4]


def test_a_commit_that_fails_keeps_nothing_and_says_so(writer: Writer, path: Path) -> None:
    """A foreign key that is checked at the end is the one way to let a commit fail on every system."""
    writer.run(lambda connection: connection.execute("PRAGMA foreign_keys = ON").rowcount, alone=True)
    writer.run(
        lambda connection: (
            connection.execute(
                "CREATE TABLE notes (of INTEGER REFERENCES numbers (number) DEFERRABLE INITIALLY DEFERRED)"
            ).rowcount
        )
    )
    with held_up(writer):
        good = writer.submit(insert(1))
        loose = writer.submit(lambda connection: connection.execute("INSERT INTO notes VALUES (99)").rowcount)
    assert good.result() == 1
    with pytest.raises(StorageError, match="FOREIGN KEY"):
        loose.result()
    assert kept(path) == [1]


def test_work_whose_caller_gave_up_is_not_done(writer: Writer, path: Path) -> None:
    with held_up(writer):
        first, second = writer.submit(insert(1)), writer.submit(insert(2))
        assert first.cancel()
    assert second.result() == 1
    assert kept(path) == [2]


def test_too_much_is_refused_until_there_is_room(writer: Writer, path: Path) -> None:
    with held_up(writer):
        for number in range(10):
            writer.submit(insert(number))
        with pytest.raises(BusyError, match="10 rows wait"):
            writer.submit(insert(10))
    assert writer.submit(insert(11)).result() == 1
    assert kept(path) == [*range(10), 11]


def test_a_large_piece_is_taken_where_nothing_waits(writer: Writer) -> None:
    assert writer.submit(insert(1), rows=1_000).result() == 1


def test_who_tells_is_told_after_the_commit_and_before_the_caller(writer: Writer, path: Path) -> None:
    told: list[tuple[int, list[int]]] = []
    futures: list[Future[int]] = []
    with held_up(writer):
        for number in (1, 2):
            futures.append(
                writer.submit(insert(number), committed=lambda number=number: told.append((number, kept(path))))  # type: ignore[misc]
            )
    assert [future.result() for future in futures] == [1, 1]
    assert told == [(1, [1, 2]), (2, [1, 2])]


def test_nobody_is_told_of_work_that_failed(writer: Writer) -> None:
    told: list[str] = []
    writer.run(insert(1))
    with pytest.raises(StorageError):
        writer.run(insert(1), committed=lambda: told.append("done"))
    assert told == []


def test_the_writer_outlives_a_listener_that_fails(writer: Writer) -> None:
    def listen() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        writer.run(insert(1), committed=listen)
    assert writer.run(insert(2)) == 1


def test_work_alone_is_in_no_transaction(writer: Writer) -> None:
    with held_up(writer):
        before = writer.submit(lambda connection: connection.in_transaction)
    assert before.result()
    assert not writer.run(lambda connection: connection.in_transaction, alone=True)


def test_the_end_comes_when_all_work_is_done(writer: Writer, path: Path) -> None:
    futures = [writer.submit(insert(number)) for number in range(5)]
    writer.close()
    assert [future.result() for future in futures] == [1] * 5
    for late in (writer.submit, writer.run):
        with pytest.raises(StorageError, match="closed"):
            late(insert(9))
    assert kept(path) == list(range(5))
