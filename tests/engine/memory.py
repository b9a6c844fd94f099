"""A tenant's store in plain dictionaries: what the tests of this floor need of the ports, and no more."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from tastemaker.core.errors import DataError, StorageError
from tastemaker.core.tenant import Tenant
from tastemaker.store.ports import (
    Artefact,
    Artefacts,
    EventLog,
    Job,
    Jobs,
    NewEvent,
    Notes,
    Receipt,
    Records,
    Row,
    Served,
    ServedLog,
    Snapshot,
    States,
    StoredEvent,
    VectorStore,
)


class MemoryEvents:
    """The log."""

    def __init__(self) -> None:
        self.stored: list[StoredEvent] = []
        self.places: dict[str, int] = {}
        self.aliases: dict[str, str] = {}
        self.last = 0
        self.calls = 0
        self.fail_after: int | None = None

    def submit(self, events: Sequence[NewEvent]) -> Future[list[Receipt]]:
        done: Future[list[Receipt]] = Future()
        self.calls += 1
        if self.fail_after is not None and self.calls > self.fail_after:
            done.set_exception(StorageError("the disk is full"))
            return done
        receipts = []
        for event in events:
            fresh = event.event_id not in self.places
            if fresh:
                self.last += 1
                self.places[event.event_id] = self.last
                who = replace(event, user_id=self.current(event.user_id))
                self.stored.append(StoredEvent(self.last, 0, who))
            receipts.append(Receipt(self.places[event.event_id], fresh))
        done.set_result(receipts)
        return done

    def append(self, events: Sequence[NewEvent]) -> list[Receipt]:
        return self.submit(events).result()

    def after(self, offset: int, limit: int = 10_000) -> list[StoredEvent]:
        start = bisect_right(self.stored, offset, key=lambda stored: stored.offset)
        return self.stored[start : start + limit]

    def of_user(self, user_id: str, *, after: int = 0, latest: int | None = None) -> list[StoredEvent]:
        found = [each for each in self.stored if each.event.user_id == user_id and each.offset > after]
        return found if latest is None else found[-latest:]

    def users(self, after: str = "", limit: int = 10_000) -> list[str]:
        return sorted(name for name in {each.event.user_id for each in self.stored} if name > after)[:limit]

    def last_offset(self) -> int:
        return self.last

    def __len__(self) -> int:
        return len(self.stored)

    def merge(self, source: str, target: str) -> int:
        moved = len(self.of_user(source))
        self.aliases[source] = target
        self.stored = [
            replace(each, event=replace(each.event, user_id=target)) if each.event.user_id == source else each
            for each in self.stored
        ]
        return moved

    def current(self, user_id: str) -> str:
        return self.aliases.get(user_id, user_id)

    def renamed(self, user_ids: Collection[str]) -> dict[str, str]:
        return {name: self.aliases[name] for name in user_ids if name in self.aliases}

    def names(self, user_id: str) -> list[str]:
        current = self.current(user_id)
        return [current, *sorted(source for source, target in self.aliases.items() if target == current)]

    def erase(self, user_id: str) -> int:
        gone = self.of_user(user_id)
        self.stored = [each for each in self.stored if each.event.user_id != user_id]
        for each in gone:
            del self.places[each.event.event_id]
        self.aliases = {source: target for source, target in self.aliases.items() if target != user_id}
        return len(gone)


class MemoryRecords:
    """Rows by id; revisions are not kept."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def put(self, rows: Mapping[str, Row]) -> int:
        self.rows.update({name: json.loads(json.dumps(row, allow_nan=False)) for name, row in rows.items()})
        return len(self.rows)

    def patch(self, record_id: str, changes: Row) -> Row | None:
        raise NotImplementedError

    def delete(self, ids: Sequence[str]) -> int:
        return sum(self.rows.pop(name, None) is not None for name in ids)

    def get(self, ids: Sequence[str]) -> dict[str, Row]:
        return {name: self.rows[name] for name in ids if name in self.rows}

    def scan(self, after: str = "", limit: int = 10_000) -> list[tuple[str, Row]]:
        return [(name, self.rows[name]) for name in sorted(self.rows) if name > after][:limit]

    def changes(self, after: int, limit: int = 10_000) -> list[tuple[int, str, Row | None]]:
        raise NotImplementedError

    def revision(self) -> int:
        return len(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class MemoryStates:
    """Derived states."""

    def __init__(self) -> None:
        self.kept: dict[str, Snapshot] = {}

    def put(self, snapshots: Sequence[Snapshot]) -> None:
        self.kept.update({each.user_id: each for each in snapshots})

    def get(self, user_id: str, fingerprint: str) -> Snapshot | None:
        found = self.kept.get(user_id)
        return found if found is not None and found.fingerprint == fingerprint else None

    def delete(self, user_id: str) -> bool:
        return self.kept.pop(user_id, None) is not None

    def clear(self) -> int:
        count = len(self.kept)
        self.kept.clear()
        return count


class MemoryServed:
    """Lists that were shown."""

    def __init__(self) -> None:
        self.kept: list[Served] = []

    def submit(self, served: Sequence[Served]) -> Future[None]:
        self.kept += served
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def get(self, recommendation_id: str) -> Served | None:
        return next((each for each in self.kept if each.recommendation_id == recommendation_id), None)

    def of_user(self, user_id: str, latest: int = 100) -> list[Served]:
        return [each for each in self.kept if each.user_id == user_id][-latest:]

    def scan(self, after: int = 0, limit: int = 10_000) -> list[tuple[int, Served]]:
        return list(enumerate(self.kept, start=1))[after : after + limit]

    def merge(self, source: str, target: str) -> int:
        raise NotImplementedError

    def erase(self, user_id: str) -> int:
        before = len(self.kept)
        self.kept = [each for each in self.kept if each.user_id != user_id]
        return before - len(self.kept)

    def erase_before(self, at: int) -> int:
        before = len(self.kept)
        self.kept = [each for each in self.kept if each.at >= at]
        return before - len(self.kept)


class MemoryArtefacts:
    """Folders, copied below another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: dict[str, Artefact] = {}
        self.names: dict[str, list[tuple[int, str, str]]] = {}

    def put(self, kind: str, folder: Path, facts: Row) -> Artefact:
        digest = hashlib.sha256()
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
        name = digest.hexdigest()
        if name not in self.kept:
            shutil.copytree(folder, self.folder / name)
            self.kept[name] = Artefact(name, kind, len(self.kept), json.loads(json.dumps(facts, allow_nan=False)))
        return self.kept[name]

    def open(self, artefact_id: str) -> Path:
        if artefact_id not in self.kept:
            raise StorageError("there is no such artefact", where=artefact_id)
        return self.folder / artefact_id

    def of_kind(self, kind: str) -> list[Artefact]:
        return [each for each in self.kept.values() if each.kind == kind]

    def point(self, name: str, artefact_id: str, reason: str = "") -> None:
        self.open(artefact_id)
        entries = self.names.setdefault(name, [])
        entries.append((len(entries), artefact_id, reason))

    def pointed(self, name: str) -> Artefact | None:
        entries = self.names.get(name)
        return self.kept[entries[-1][1]] if entries else None

    def history(self, name: str) -> list[tuple[int, str, str]]:
        return list(self.names.get(name, []))

    def delete(self, artefact_id: str) -> None:
        if any(entries[-1][1] == artefact_id for entries in self.names.values()):
            raise StorageError("a name means it", where=artefact_id)
        shutil.rmtree(self.open(artefact_id))
        del self.kept[artefact_id]


class MemoryJobs:
    """The queue; one lock, as one transaction would be."""

    def __init__(self) -> None:
        self.kept: dict[int, Job] = {}
        self.last = 0
        self.now = 0
        self.unique: dict[int, str | None] = {}
        self._lock = threading.Lock()

    def _change(self, job: Job, **changes: Any) -> None:
        self.kept[job.job_id] = replace(job, **changes)

    def enqueue(self, kind: str, payload: Row, *, run_at: int, unique: str | None = None) -> int:
        with self._lock:
            for number, job in self.kept.items():
                if unique and self.unique[number] == unique and job.state in ("waiting", "running"):
                    return number
            number = self.last = self.last + 1
            self.kept[number] = Job(number, kind, payload, "waiting", 0, run_at)
            self.unique[number] = unique
            return number

    def lease(self, kinds: Sequence[str], worker: str, *, now: int, until: int) -> Job | None:
        with self._lock:
            due = [
                job
                for job in self.kept.values()
                if job.kind in kinds
                and (
                    (job.state == "waiting" and job.run_at <= now)
                    or (job.state == "running" and (job.leased_until or 0) <= now)
                )
            ]
            if not due:
                return None
            first = min(due, key=lambda job: (job.run_at, job.job_id))
            self._change(first, state="running", attempts=first.attempts + 1, leased_until=until, worker=worker)
            return self.kept[first.job_id]

    def _held(self, job_id: int, worker: str) -> Job | None:
        job = self.kept[job_id]
        return job if job.state == "running" and job.worker == worker else None

    def extend(self, job_id: int, worker: str, until: int) -> bool:
        return self._end(job_id, worker, leased_until=until)

    def finish(self, job_id: int, worker: str, result: Row) -> bool:
        try:
            plain = json.loads(json.dumps(result, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise DataError(str(error)) from error
        return self._end(job_id, worker, state="done", result=plain, leased_until=None, ended=self.now)

    def fail(self, job_id: int, worker: str, error: str, *, retry_at: int | None) -> bool:
        state = "failed" if retry_at is None else "waiting"
        changes: dict[str, Any] = {"state": state, "result": {"error": error}, "leased_until": None}
        return self._end(
            job_id, worker, **changes, **({"ended": self.now} if retry_at is None else {"run_at": retry_at})
        )

    def _end(self, job_id: int, worker: str, **changes: Any) -> bool:
        with self._lock:
            job = self._held(job_id, worker)
            if job is not None:
                self._change(job, **changes)
            return job is not None

    def get(self, job_id: int) -> Job | None:
        return self.kept.get(job_id)

    def newest(self, kind: str | None = None, limit: int = 100) -> list[Job]:
        found = [job for job in reversed(self.kept.values()) if kind in (None, job.kind)]
        return found[:limit]

    def cancel(self, job_id: int) -> bool:
        with self._lock:
            job = self.kept.get(job_id)
            if job is None or job.state in ("done", "failed"):
                return False
            self._change(job, state="failed", result={"error": "cancelled"}, leased_until=None, ended=self.now)
            return True

    def erase(self, job_ids: Sequence[int]) -> int:
        return self._without({number for number in job_ids if self.kept[number].state != "running"})

    def erase_before(self, at: int) -> int:
        return self._without({number for number, job in self.kept.items() if job.ended is not None and job.ended < at})

    def _without(self, numbers: set[int]) -> int:
        self.kept = {number: job for number, job in self.kept.items() if number not in numbers}
        return len(numbers)


class MemoryNotes:
    """Values by name."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        found = self.kept.get(name)
        return None if found is None else json.loads(found)

    def put(self, name: str, value: Any) -> None:
        if value is None:
            self.kept.pop(name, None)
        else:
            self.kept[name] = json.dumps(value, allow_nan=False)


class MemoryTenant:
    """All of it: by the names of the ports, and by names of their own for tests that look inside or break something."""

    def __init__(self, folder: Path) -> None:
        self.tenant = Tenant()
        self.log, self.shown, self.queue, self.book = MemoryEvents(), MemoryServed(), MemoryJobs(), MemoryNotes()
        self.item_rows, self.people_rows, self.derived = MemoryRecords(), MemoryRecords(), MemoryStates()
        self.folders = MemoryArtefacts(folder)
        self.events: EventLog = self.log
        self.items: Records = self.item_rows
        self.people: Records = self.people_rows
        self.states: States = self.derived
        self.served: ServedLog = self.shown
        self.vectors: VectorStore = cast(VectorStore, None)
        self.artefacts: Artefacts = self.folders
        self.jobs: Jobs = self.queue
        self.notes: Notes = self.book

    def holds(self, text: str) -> list[str]:
        places: dict[str, Callable[[], object]] = {
            "events.user_id": lambda: [each.event for each in self.log.stored],
            "events.aliases": lambda: self.log.aliases,
            "items.row": lambda: self.item_rows.rows,
            "people.row": lambda: self.people_rows.rows,
            "states.user_id": lambda: list(self.derived.kept),
            "served.user_id": lambda: self.shown.kept,
            "jobs.payload": lambda: [job.payload for job in self.queue.kept.values()],
            "notes.value": lambda: self.book.kept,
        }
        return [place for place, content in places.items() if text in repr(content())]

    def close(self) -> None:
        """Nothing to let go of."""
