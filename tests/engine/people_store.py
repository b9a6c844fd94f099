"""What of a store live people need, in plain lists; the log says when an event was taken in, records what changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import StorageError
from tastemaker.store.ports import NewEvent, Receipt, Row, Served, Snapshot, StoredEvent


class Events:
    """The log."""

    def __init__(self) -> None:
        self.log: list[StoredEvent] = []
        self.names_: dict[str, str] = {}
        self.reads: list[tuple[str, int]] = []
        self.while_reading: Callable[[], None] = lambda: None

    def keep(self, event: NewEvent, received: int) -> StoredEvent:
        stored = StoredEvent(len(self.log) + 1, received, replace(event, user_id=self.current(event.user_id)))
        self.log.append(stored)
        return stored

    def of_user(self, user_id: str, *, after: int = 0, latest: int | None = None) -> list[StoredEvent]:
        self.reads.append((user_id, after))
        found = [each for each in self.log if each.event.user_id == user_id and each.offset > after]
        self.while_reading()
        return found if latest is None else found[-latest:]

    def current(self, user_id: str) -> str:
        return self.names_.get(user_id, user_id)

    def renamed(self, user_ids: Collection[str]) -> dict[str, str]:
        return {name: self.names_[name] for name in user_ids if name in self.names_}

    def names(self, user_id: str) -> list[str]:
        current = self.current(user_id)
        return [current, *sorted(source for source, target in self.names_.items() if target == current)]

    def merge(self, source: str, target: str) -> int:
        self.names_[source] = target
        self.log = [replace(e, event=replace(e.event, user_id=self.current(e.event.user_id))) for e in self.log]
        return 0

    def erase(self, user_id: str) -> int:
        self.log = [each for each in self.log if each.event.user_id != user_id]
        return 0

    def submit(self, events: Sequence[NewEvent]) -> Future[list[Receipt]]:
        raise NotImplementedError

    def append(self, events: Sequence[NewEvent]) -> list[Receipt]:
        raise NotImplementedError

    def after(self, offset: int, limit: int = 10_000) -> list[StoredEvent]:
        return [each for each in self.log if each.offset > offset][:limit]

    def users(self, after: str = "", limit: int = 10_000) -> list[str]:
        raise NotImplementedError

    def last_offset(self) -> int:
        return len(self.log)

    def __len__(self) -> int:
        return len(self.log)


class Rows:
    """Records with revisions."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[int, Row | None]] = {}

    def put(self, rows: Mapping[str, Row]) -> int:
        for name, row in rows.items():
            self.rows[name] = self.revision() + 1, dict(row)
        return self.revision()

    def delete(self, ids: Sequence[str]) -> int:
        for name in ids:
            self.rows[name] = self.revision() + 1, None
        return len(ids)

    def get(self, ids: Sequence[str]) -> dict[str, Row]:
        found = {name: self.rows[name][1] for name in ids if name in self.rows}
        return {name: row for name, row in found.items() if row is not None}

    def changes(self, after: int, limit: int = 10_000) -> list[tuple[int, str, Row | None]]:
        return sorted((at, name, row) for name, (at, row) in self.rows.items() if at > after)[:limit]

    def revision(self) -> int:
        return max((at for at, _ in self.rows.values()), default=0)

    def patch(self, record_id: str, changes: Row) -> Row | None:
        raise NotImplementedError

    def scan(self, after: str = "", limit: int = 10_000) -> list[tuple[str, Row]]:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.rows)


class Snapshots:
    """Derived states."""

    def __init__(self) -> None:
        self.kept: dict[str, Snapshot] = {}
        self.full = False
        self.while_writing: Callable[[], None] = lambda: None

    def put(self, snapshots: Sequence[Snapshot]) -> None:
        if self.full:
            raise StorageError("the disk is full")
        self.while_writing()
        for each in snapshots:
            known = self.kept.get(each.user_id)
            if known is None or known.offset <= each.offset:
                self.kept[each.user_id] = each

    def get(self, user_id: str, fingerprint: str) -> Snapshot | None:
        found = self.kept.get(user_id)
        return found if found is not None and found.fingerprint == fingerprint else None

    def delete(self, user_id: str) -> bool:
        return self.kept.pop(user_id, None) is not None

    def clear(self) -> int:
        raise NotImplementedError


class Shown:
    """Lists that were shown."""

    def __init__(self) -> None:
        self.kept: list[Served] = []

    def of_user(self, user_id: str, latest: int = 100) -> list[Served]:
        return [each for each in self.kept if each.user_id == user_id][-latest:]

    def submit(self, served: Sequence[Served]) -> Future[None]:
        raise NotImplementedError

    def get(self, recommendation_id: str) -> Served | None:
        raise NotImplementedError

    def scan(self, after: int = 0, limit: int = 10_000) -> list[tuple[int, Served]]:
        raise NotImplementedError

    def merge(self, source: str, target: str) -> int:
        raise NotImplementedError

    def erase(self, user_id: str) -> int:
        raise NotImplementedError

    def erase_before(self, at: int) -> int:
        raise NotImplementedError


class FakeStore:
    """A tenant's store, as far as live people go."""

    def __init__(self) -> None:
        self.events = Events()
        self.people = Rows()
        self.states = Snapshots()
        self.served = Shown()


class Counter:
    """A shelf: numbers items in the order in which they come, and counts how many it was asked for."""

    def __init__(self, ids: Sequence[str] = ()) -> None:
        self.number_of: dict[str, int] = {}
        self.arrivals = 0
        self.asked = 0
        self.add(ids)

    def add(self, ids: Sequence[str]) -> None:
        for item in ids:
            self.number_of.setdefault(item, len(self.number_of))
        self.arrivals += 1

    def numbers(self, ids: Sequence[str]) -> NDArray[np.int32]:
        self.asked += len(ids)
        return np.asarray([self.number_of.get(item, -1) for item in ids], dtype=np.int32)


class Axes:
    """A space in which an item called ``a`` to ``h`` has a direction of its own, and others have none."""

    def __init__(self, name: str = "axes", fingerprint: str = "1", dim: int = 8) -> None:
        self.name, self.fingerprint, self.dim = name, fingerprint, dim

    def vector(self, item_id: str) -> NDArray[np.floating[Any]] | None:
        place = "abcdefgh".find(item_id)
        return np.eye(self.dim, dtype=np.float32)[place] if place >= 0 else None
