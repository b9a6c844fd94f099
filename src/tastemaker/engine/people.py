"""The live people of one tenant: states in memory that follow the log, made on first need and kept as snapshots."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from tastemaker.core.clock import to_microseconds
from tastemaker.core.errors import StorageError
from tastemaker.core.query import Event
from tastemaker.engine.people_items import Numbering
from tastemaker.engine.people_reading import Kept, read_person, told_of
from tastemaker.engine.people_state import Barred, Following, LivePerson, Told
from tastemaker.pipeline.stage import Person
from tastemaker.store.ports import Served, Snapshot, StoredEvent

MOST_PEOPLE: Final = 50_000
MOST_BYTES: Final = 2**30
SNAPSHOT_AFTER: Final = 100
"""A state is kept again after so many signals; as many at most have to be read from the log when it is needed anew."""

_CHUNK: Final = 500
_MOST_MISSED: Final = 1_000
"""So many signals wait for somebody who is being made; beyond that it is begun again."""
_PAGE: Final = 10_000


class People:
    """The people of one tenant who were about lately.

    Whoever is asked for is made of the latest snapshot and the events of the log after it, and then follows what
    `apply` and `served` tell. All methods may be called from any thread. The log is read without holding the lock that
    `apply` takes; what it tells meanwhile is taken in afterwards.

    Args:
        kept: The tenant's store.
        following: What is worked out of events.
        most_people: How many are held in memory; those asked for longest ago make room.
        most_bytes: About how much memory they may take.
        snapshot_after: See `SNAPSHOT_AFTER`.
    """

    def __init__(
        self,
        kept: Kept,
        following: Following | None = None,
        *,
        most_people: int = MOST_PEOPLE,
        most_bytes: int = MOST_BYTES,
        snapshot_after: int = SNAPSHOT_AFTER,
    ) -> None:
        self.following = following or Following()
        self._kept = kept
        self._most_people, self._most_bytes, self._snapshot_after = most_people, most_bytes, snapshot_after
        self._lock = threading.Lock()
        self._made = threading.Condition(self._lock)
        # Taken before the lock above, and by whoever writes or deletes snapshots, so that none comes back.
        self._writing = threading.Lock()
        self._live: OrderedDict[str, LivePerson] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._bytes = 0
        self._names: dict[str, str] = {}
        self._making: dict[str, list[Told] | None] = {}
        self._unwritten: dict[str, Snapshot] = {}
        self._revision = kept.people.revision()

    def __len__(self) -> int:
        """Return how many people are in memory."""
        return len(self._live)

    @property
    def nbytes(self) -> int:
        """About how much memory they take."""
        return self._bytes

    # -- asking --------------------------------------------------------------------------------------------------

    def person(self, user_id: str | None, shelf: Numbering, now: datetime, session: Sequence[Event] = ()) -> Person:
        """Return somebody as of now.

        Args:
            user_id: Who; anybody may be asked for, and of somebody unknown nothing is known. ``None``: nobody.
            shelf: What numbers items.
            now: The present.
            session: What they did besides, in no log, oldest first.
        """
        moment = to_microseconds(now)
        if user_id is None:
            live = LivePerson(None, self.following)
        else:
            live = self._found(user_id)
            with self._lock:
                if not session:
                    return live.person(shelf, moment)
                live = live.copy()
        for event in session:
            live.take_session(event, moment)
        return live.person(shelf, moment)

    def barred(self, user_id: str, shelf: Numbering) -> Barred:
        """Return what somebody has touched and hidden as of now, and nothing else: `person` works out much more."""
        live = self._found(user_id)
        with self._lock:
            return live.barred(shelf)

    def _found(self, user_id: str) -> LivePerson:
        """Return a live person, made if need be; two who need the same one wait for one to make it."""
        while True:
            with self._lock:
                name = self._names.get(user_id, user_id)
                live = self._live.get(name)
                if live is not None:
                    self._live.move_to_end(name)
                    return live
                if name in self._making:
                    self._made.wait()
                    continue
                self._making[name] = []
            live = self._make(name, user_id)
            if live is not None:
                self._write()
                return live

    def _make(self, name: str, user_id: str) -> LivePerson | None:
        """Make a person; ``None`` where it has to be tried again: they are called otherwise, or changed meanwhile."""
        live: LivePerson | None = None
        try:
            current = self._kept.events.current(name)
            if current == name:
                live = read_person(self._kept, name, self.following)
        except BaseException:
            with self._lock:
                self._end_making(name)
            raise
        with self._lock:
            missed = self._end_making(name)
            if missed is None:
                return None
            if live is None:
                self._know_as(user_id, current)
                return None
            for signal in missed:
                live.take_signal(signal)
            self._hold(name, live)
        return live

    def _end_making(self, name: str) -> list[Told] | None:
        self._made.notify_all()
        return self._making.pop(name)

    def _know_as(self, user_id: str, current: str) -> None:
        if len(self._names) >= self._most_people:
            self._names.clear()
        self._names[user_id] = current

    # -- following -----------------------------------------------------------------------------------------------

    def apply(self, events: Iterable[StoredEvent]) -> None:
        """Take in events that were committed to the log, in its order; told twice, they count once.

        It never waits for the store, so that whoever writes the log may call it.
        """
        with self._lock:
            for stored in events:
                self._tell(stored.event.user_id, stored)
        self._write()

    def served(self, served: Served) -> None:
        """Take in that a list was shown."""
        if served.user_id is None:
            return
        with self._lock:
            self._tell(served.user_id, served)
        self._write()

    def _tell(self, user_id: str, signal: Told) -> None:
        name = self._names.get(user_id, user_id)
        live = self._live.get(name)
        if live is None:
            missed = self._making.get(name)
            if missed is not None:
                missed.append(signal)
                if len(missed) > _MOST_MISSED:
                    # Made anew from the log, which has them.
                    self._making[name] = None
            return
        live.take_signal(signal)
        self._count(name, live)
        if live.unsaved >= self._snapshot_after:
            self._save(name, live)
        self._make_room()

    def follow(self) -> None:
        """Take in what changed in profiles, here or in another process; to be called after a change, and now and then.

        Nothing is told of somebody who takes their consent back.
        """
        while changes := self._kept.people.changes(self._revision, _PAGE):
            rows = {name: row for _, name, row in changes if name}
            with self._lock:
                self._revision = max(self._revision, *(revision for revision, _, _ in changes))
                # Who was deleted is not said, so that it may be anybody.
                anybody = len(rows) < len(changes)
                about = set(self._live) if anybody else set(rows)
                for name in self._making.keys() if anybody else self._making.keys() & rows.keys():
                    self._making[name] = None
            if anybody:
                rows |= dict.fromkeys(about) | self._kept.people.get(sorted(about))
            with self._lock:
                for name in about & self._live.keys():
                    self._live[name].profile = told_of(rows[name])

    def follow_as(self, following: Following) -> None:
        """Work out something else from now on, of everybody: they are made anew from the log when they are needed."""
        with self._writing, self._lock:
            self.following = following
            self._live.clear()
            self._sizes.clear()
            self._bytes = 0
            self._unwritten.clear()
            for name in self._making:
                self._making[name] = None

    def forget(self, *names: str) -> None:
        """Drop somebody, under all their names, from memory and from the snapshots.

        To be called once they are erased from the log, or merged there: whoever is merged is made anew from it.
        """
        self._drop(*names)

    def _drop(self, *user_ids: str) -> None:
        with self._writing:
            with self._lock:
                names = {self._names.get(user_id, user_id) for user_id in user_ids} | set(user_ids)
                self._names.clear()
                for name in names:
                    self._live.pop(name, None)
                    self._bytes -= self._sizes.pop(name, 0)
                    self._unwritten.pop(name, None)
                    if name in self._making:
                        self._making[name] = None
            for name in names:
                self._kept.states.delete(name)

    # -- room, and what is kept ----------------------------------------------------------------------------------

    def _hold(self, name: str, live: LivePerson) -> None:
        self._live[name] = live
        self._count(name, live)
        self._make_room()

    def _make_room(self) -> None:
        while len(self._live) > 1 and (len(self._live) > self._most_people or self._bytes > self._most_bytes):
            gone, last = self._live.popitem(last=False)
            self._bytes -= self._sizes.pop(gone)
            if last.unsaved:
                self._save(gone, last)

    def _count(self, name: str, live: LivePerson) -> None:
        size = live.nbytes
        self._bytes += size - self._sizes.get(name, 0)
        self._sizes[name] = size

    def _save(self, name: str, live: LivePerson) -> None:
        live.unsaved = 0
        self._unwritten[name] = Snapshot(name, live.version, self.following.fingerprint, live.to_bytes())

    def _write(self) -> None:
        """Write what waits, unless somebody is at it; what cannot be written is no loss, the log has it."""
        if self._unwritten and self._writing.acquire(blocking=False):
            try:
                with suppress(StorageError):
                    self._put()
            finally:
                self._writing.release()

    def _put(self) -> None:
        with self._lock:
            snapshots = list(self._unwritten.values())
            self._unwritten = {}
        if snapshots:
            self._kept.states.put(snapshots)

    def flush(self) -> None:
        """Keep the states of everybody in memory, as at shutdown.

        Raises:
            StorageError: They could not be written; the log has everything.
        """
        with self._lock:
            unsaved = [name for name, live in self._live.items() if live.unsaved]
        for start in range(0, max(len(unsaved), 1), _CHUNK):
            with self._writing:
                with self._lock:
                    for name in unsaved[start : start + _CHUNK]:
                        if name in self._live:
                            self._save(name, self._live[name])
                self._put()
