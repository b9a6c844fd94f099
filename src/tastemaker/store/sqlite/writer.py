"""The one thread that writes to a database: it takes what waits, in order, and commits it together."""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Thread
from typing import Any, Final, TypeAlias, TypeVar

from tastemaker.core.errors import BusyError
from tastemaker.store.sqlite.trouble import closed, explained

T = TypeVar("T")
Work: TypeAlias = Callable[[sqlite3.Connection], T]
"""Changes the database and returns what came of it; may be run again where a commit failed."""

MOST_TOGETHER: Final = 1_000
MOST_ROWS_TOGETHER: Final = 20_000
MOST_ROWS_WAITING: Final = 50_000
_LONGEST_PAUSE: Final = 0.005
_PART: Final = 4
"""A pause before a commit takes at most this part of what the last one took."""


@dataclass(slots=True, eq=False)
class _Task:
    work: Work[Any]
    future: Future[Any]
    rows: int
    committed: Callable[[], None] | None
    alone: bool


class Writer:
    """Owns the connection that writes.

    While one commit waits for the disk, work gathers; the next commit takes all of it. So a single caller waits for
    one commit, and many callers share one; those who shared the last are given a moment to come again, or half of
    them would always be late for the next. Each piece of work stands or falls by itself.

    Args:
        connection: Used by nobody else from now on, in autocommit mode.
        path: Its file, for errors.
        most_waiting: Rows that may wait.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, most_waiting: int = MOST_ROWS_WAITING) -> None:
        self._connection = connection
        self._path = path
        self._most_waiting = most_waiting
        self._tasks: deque[_Task] = deque()
        self._rows = 0
        self._closing = False
        self._changed = Condition()
        self._shared = 1
        self._pause = 0.0
        # A program that ends without closing the store must not hang: what was committed is safe anyway.
        self._thread = Thread(target=self._write, name=f"writer of {path}", daemon=True)
        self._thread.start()

    def submit(self, work: Work[T], *, rows: int = 1, committed: Callable[[], None] | None = None) -> Future[T]:
        """Put work in line; the future is done when it is committed.

        Args:
            work: What to do.
            rows: How much that is, for the limits.
            committed: Called by the writer after the commit, in the order of the commits, before the future is done.

        Raises:
            BusyError: Too much waits already.
            StorageError: The writer was closed.
        """
        return self._put(_Task(work, Future(), rows, committed, alone=False), bounded=True)

    def run(self, work: Work[T], *, committed: Callable[[], None] | None = None, alone: bool = False) -> T:
        """Do work and wait until it is committed; it may always join the line, since its caller waits.

        Args:
            work: What to do.
            committed: See `submit`.
            alone: Outside of any transaction.
        """
        result: T = self._put(_Task(work, Future(), 1, committed, alone), bounded=False).result()
        return result

    def close(self) -> None:
        """Finish what is in line, then end; the connection is closed."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _put(self, task: _Task, *, bounded: bool) -> Future[Any]:
        with self._changed:
            if self._closing:
                raise closed(self._path)
            if bounded and self._tasks and self._rows + task.rows > self._most_waiting:
                raise BusyError(
                    f"the store has more to write than it can: {self._rows:,} rows wait",
                    where=str(self._path),
                    remedy="Try again in a moment, with fewer callers or larger batches.",
                )
            self._tasks.append(task)
            self._rows += task.rows
            self._changed.notify()
        return task.future

    def _write(self) -> None:
        while (tasks := self._next()) is not None:
            try:
                self._do(tasks)
            except Exception as error:  # a mistake of ours: at least nobody waits for ever
                for task in tasks:
                    if not task.future.done():
                        task.future.set_exception(error)
        self._connection.close()

    def _do(self, tasks: list[_Task]) -> None:
        if tasks and tasks[0].alone:
            self._finish(tasks[0], *self._attempt(tasks[0]))
        elif tasks:
            self._commit(tasks)

    def _next(self) -> list[_Task] | None:
        """Wait for work and take what is committed together; ``None`` at the end."""
        with self._changed:
            while not self._tasks:
                if self._closing:
                    return None
                self._changed.wait()
            self._gather()
            tasks: list[_Task] = []
            rows = 0
            while self._tasks and len(tasks) < MOST_TOGETHER and rows < MOST_ROWS_TOGETHER:
                if tasks and (tasks[0].alone or self._tasks[0].alone):
                    break
                task = self._tasks.popleft()
                self._rows -= task.rows
                # A caller may have given up: then nothing of it is done.
                if task.future.set_running_or_notify_cancel():
                    tasks.append(task)
                    rows += task.rows
            return tasks

    def _gather(self) -> None:
        """Wait a moment for as many as shared the last commit."""
        last = time.monotonic() + self._pause
        while len(self._tasks) < self._shared and not self._closing and (left := last - time.monotonic()) > 0:
            self._changed.wait(left)

    def _commit(self, tasks: list[_Task]) -> None:
        began = time.monotonic()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._attempt_within(task) for task in tasks]
            self._connection.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            if len(tasks) == 1:
                self._finish(tasks[0], None, error)
                return
            # One of them may have been too much, such as for the disk: the others need not pay for it.
            for task in tasks:
                self._commit([task])
            return
        self._shared, self._pause = len(tasks), min((time.monotonic() - began) / _PART, _LONGEST_PAUSE)
        for task, (value, failure) in zip(tasks, outcomes, strict=True):
            self._finish(task, value, failure)

    def _attempt_within(self, task: _Task) -> tuple[Any, Exception | None]:
        self._connection.execute("SAVEPOINT task")
        value, failure = self._attempt(task)
        if failure is not None:
            if not self._connection.in_transaction:
                raise failure  # SQLite took back the whole transaction, that of the others too
            self._connection.execute("ROLLBACK TO task")
        self._connection.execute("RELEASE task")
        return value, failure

    def _attempt(self, task: _Task) -> tuple[Any, Exception | None]:
        try:
            return task.work(self._connection), None
        except Exception as error:
            return None, error

    def _finish(self, task: _Task, value: Any, failure: Exception | None) -> None:
        if failure is None and task.committed is not None:
            try:
                task.committed()
            except Exception as error:
                failure = error
        if failure is None:
            task.future.set_result(value)
        else:
            task.future.set_exception(explained(failure, self._path))

    def _roll_back(self) -> None:
        # Where even this fails, so does whatever comes next, and says why.
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
