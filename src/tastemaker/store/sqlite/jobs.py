"""Work that waits and is leased, in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from tastemaker.core.clock import Clock, system_clock, to_microseconds
from tastemaker.store.ports import Job, Row
from tastemaker.store.sqlite.database import Database
from tastemaker.store.sqlite.erasing import take_away
from tastemaker.store.values import checked_name, checked_row, checked_text, checked_whole

_SELECT: Final = "SELECT job_id, kind, payload, state, attempts, run_at, leased_until, worker, result, ended FROM jobs"
_OVER: Final = "leased_until = NULL, ended = ?, result = ?"
_CANCELLED: Final = {"error": "cancelled"}
_HELD: Final = "job_id = ? AND worker = ? AND state = 'running'"


class SQLiteJobs:
    """Keeps `Jobs`.

    Args:
        database: Where.
        clock: Tells when a job ended.
    """

    def __init__(self, database: Database, clock: Clock = system_clock) -> None:
        self._database, self._clock = database, clock

    def enqueue(self, kind: str, payload: Row, *, run_at: int, unique: str | None = None) -> int:
        """See `Jobs.enqueue`."""
        row = (
            checked_name(kind, "a job", "kind"),
            checked_row(payload, f"a job '{kind}'", "payload"),
            checked_whole(run_at, f"a job '{kind}'", "run_at"),
            None if unique is None else checked_name(unique, f"a job '{kind}'", "unique"),
        )

        def work(connection: sqlite3.Connection) -> int:
            query = "SELECT job_id FROM jobs WHERE unique_name = ? AND state IN ('waiting', 'running')"
            if there := connection.execute(query, (unique,)).fetchone():
                return int(there[0])
            insert = (
                "INSERT INTO jobs (kind, payload, state, attempts, run_at, unique_name)"
                " VALUES (?, ?, 'waiting', 0, ?, ?)"
            )
            return int(connection.execute(insert, row).lastrowid or 0)

        return self._database.writer.run(work)

    def lease(self, kinds: Sequence[str], worker: str, *, now: int, until: int) -> Job | None:
        """See `Jobs.lease`."""
        checked_name(worker, "a lease", "worker")
        due = (
            f"SELECT job_id FROM jobs WHERE kind IN ({', '.join('?' * len(kinds))})"
            " AND ((state = 'waiting' AND run_at <= ?) OR (state = 'running' AND leased_until <= ?))"
            " ORDER BY run_at, job_id LIMIT 1"
        )
        # Workers ask again and again: as long as nothing is due the writer is left alone.
        if self._database.value(due, (*kinds, now, now)) is None:
            return None

        def work(connection: sqlite3.Connection) -> Job | None:
            found = connection.execute(due, (*kinds, now, now)).fetchone()
            if found is None:
                return None
            connection.execute(
                "UPDATE jobs SET state = 'running', attempts = attempts + 1, leased_until = ?, worker = ?"
                " WHERE job_id = ?",
                (until, worker, *found),
            )
            return _job(connection.execute(f"{_SELECT} WHERE job_id = ?", found).fetchone())

        return self._database.writer.run(work)

    def extend(self, job_id: int, worker: str, until: int) -> bool:
        """See `Jobs.extend`."""
        return self._change("leased_until = ?", (until,), job_id, worker)

    def finish(self, job_id: int, worker: str, result: Row) -> bool:
        """See `Jobs.finish`."""
        text = checked_row(result, f"job {job_id}", "result")
        return self._change(f"state = 'done', {_OVER}", (self._now(), text), job_id, worker)

    def fail(self, job_id: int, worker: str, error: str, *, retry_at: int | None) -> bool:
        """See `Jobs.fail`; the result is then ``{"error": ...}``."""
        text = checked_row({"error": checked_text(error, f"job {job_id}", "error")}, f"job {job_id}", "result")
        if retry_at is None:
            return self._change(f"state = 'failed', {_OVER}", (self._now(), text), job_id, worker)
        again = "state = 'waiting', leased_until = NULL, worker = NULL, result = ?, run_at = ?"
        return self._change(again, (text, checked_whole(retry_at, f"job {job_id}", "retry_at")), job_id, worker)

    def get(self, job_id: int) -> Job | None:
        """See `Jobs.get`."""
        found = self._database.rows(f"{_SELECT} WHERE job_id = ?", (job_id,))
        return _job(found[0]) if found else None

    def newest(self, kind: str | None = None, limit: int = 100) -> list[Job]:
        """See `Jobs.newest`."""
        query = f"{_SELECT} WHERE ?1 IS NULL OR kind = ?1 ORDER BY job_id DESC LIMIT ?2"
        return [_job(row) for row in self._database.rows(query, (kind, limit))]

    def cancel(self, job_id: int) -> bool:
        """See `Jobs.cancel`; the result is then ``{"error": "cancelled"}``."""
        query = f"UPDATE jobs SET state = 'failed', {_OVER} WHERE job_id = ? AND state IN ('waiting', 'running')"
        given = (self._now(), checked_row(_CANCELLED, f"job {job_id}", "result"), job_id)
        return bool(self._database.writer.run(lambda connection: connection.execute(query, given).rowcount))

    def erase(self, job_ids: Sequence[int]) -> int:
        """See `Jobs.erase`."""
        if not job_ids:
            return 0
        return self._erase("state != 'running' AND job_id IN (SELECT value FROM json_each(?))", json.dumps([*job_ids]))

    def erase_before(self, at: int) -> int:
        """See `Jobs.erase_before`."""
        return self._erase("ended < ?", at)

    def _erase(self, condition: str, given: str | int) -> int:
        keys, contents = ("unique_name",), ("payload", "result")
        return self._database.erase(
            lambda connection: take_away(connection, "jobs", condition, (given,), keys=keys, contents=contents)
        )

    def _now(self) -> int:
        return to_microseconds(self._clock())

    def _change(self, what: str, given: Sequence[Any], job_id: int, worker: str) -> bool:
        query = f"UPDATE jobs SET {what} WHERE {_HELD}"
        return bool(
            self._database.writer.run(lambda connection: connection.execute(query, (*given, job_id, worker)).rowcount)
        )


def _job(row: tuple[Any, ...]) -> Job:
    job_id, kind, payload, state, attempts, run_at, leased_until, worker, result, ended = row
    return Job(
        job_id=job_id,
        kind=kind,
        payload=json.loads(payload),
        state=state,
        attempts=attempts,
        run_at=run_at,
        leased_until=leased_until,
        worker=worker,
        result=None if result is None else json.loads(result),
        ended=ended,
    )
