"""Making a live person from the store: the latest snapshot, and what the logs hold after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final, Protocol

from tastemaker.core.errors import DataError
from tastemaker.engine.people_state import Following, LivePerson, Told
from tastemaker.store.ports import EventLog, Records, Row, Served, ServedLog, States, StoredEvent

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_NOT_TOLD: Final = ("user_id", "consent")


class Kept(Protocol):
    """What of a tenant's store is read and written here; a `tastemaker.store.ports.TenantStore` is one."""

    @property
    def events(self) -> EventLog:
        """The source of truth."""
        ...

    @property
    def people(self) -> Records:
        """Profiles."""
        ...

    @property
    def states(self) -> States:
        """Snapshots."""
        ...

    @property
    def served(self) -> ServedLog:
        """Lists that were shown."""
        ...


def read_person(kept: Kept, name: str, following: Following) -> LivePerson:
    """Make a person, whose current name this is."""
    live = _from_snapshot(kept, name, following) or LivePerson(name, following)
    events = kept.events.of_user(name, after=live.version)
    shown = [served for served in kept.served.of_user(name) if served.at > live.served_at]
    for signal in _in_order(events, shown):
        live.take_signal(signal)
    live.settle()
    live.profile = told_of(kept.people.get([name]).get(name))
    return live


def _from_snapshot(kept: Kept, name: str, following: Following) -> LivePerson | None:
    snapshot = kept.states.get(name, following.fingerprint)
    if snapshot is None:
        return None
    # A damaged one is no loss: the log has everything.
    with suppress(DataError):
        return LivePerson.from_bytes(name, following, snapshot.content)
    return None


def _in_order(events: Sequence[StoredEvent], shown: Sequence[Served]) -> list[Told]:
    """Return events in the order of the log, and lists between them by when the events were taken in."""
    signals: list[Told] = []
    place = 0
    for stored in events:
        while place < len(shown) and shown[place].at < stored.received:
            signals.append(shown[place])
            place += 1
        signals.append(stored)
    return [*signals, *shown[place:]]


def told_of(row: Row | None) -> Mapping[str, Any]:
    """Return what may be told of a person: nothing of somebody who did not agree to it."""
    if row is None or row.get("consent", True) is not True:
        return _NOTHING
    return MappingProxyType({name: each for name, each in row.items() if each is not None and name not in _NOT_TOLD})
