"""The ports of the store: what every adapter keeps. No way of keeping anything lives here.

Nothing is reached but through `Store.for_tenant`. `tests/store/contracts` is what an adapter has to pass.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.tenant import Tenant

Json: TypeAlias = Any
"""A value that JSON can hold."""

Row: TypeAlias = Mapping[str, Json]
Vectors: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """Something that a person did, as it is handed in.

    Attributes:
        event_id: Named by the sender; what was sent before under this name counts once.
        user_id: Who.
        item_id: With which item.
        event: Kind, such as ``view``, ``buy``, ``like``, ``hide``.
        timestamp: When it happened, microseconds since the epoch.
        weight: How much it says; ``None`` leaves that to its kind.
        rating: What the item was given, if anything.
        session_id: The visit it belongs to.
        recommendation_id: The list it answers.
        context: What else is known of the moment.
    """

    event_id: str
    user_id: str
    item_id: str
    event: str
    timestamp: int
    weight: float | None = None
    rating: float | None = None
    session_id: str | None = None
    recommendation_id: str | None = None
    context: Row = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event of the log.

    Attributes:
        offset: Its place in the log, from 1, growing; a place is never given twice.
        received: When it was taken in, microseconds since the epoch.
        event: What was handed in; of merged people the name that they have now.
    """

    offset: int
    received: int
    event: NewEvent


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an event: its place in the log, and whether it is new or was there before."""

    offset: int
    fresh: bool


@runtime_checkable
class EventLog(Protocol):
    """The source of truth: events in the order in which they were taken in, each once."""

    def submit(self, events: Sequence[NewEvent]) -> Future[list[Receipt]]:
        """Hand events in; the future is done once they would survive a loss of power, all or none.

        Several callers share one commit. The receipts are in the order of ``events``; an event whose ``event_id`` is
        in the log, or earlier in ``events``, is not taken in again, whatever else it says.
        """
        ...

    def append(self, events: Sequence[NewEvent]) -> list[Receipt]:
        """Hand events in and wait for `submit`.

        Raises:
            StorageError: They could not be kept; none was.
        """
        ...

    def after(self, offset: int, limit: int = 10_000) -> list[StoredEvent]:
        """Return the first events beyond a place of the log, in its order; 0 begins at the first."""
        ...

    def of_user(self, user_id: str, *, after: int = 0, latest: int | None = None) -> list[StoredEvent]:
        """Return a person's events beyond a place of the log, in its order; only the ``latest`` so many if given.

        A name that was merged into another stands for the same person.
        """
        ...

    def users(self, after: str = "", limit: int = 10_000) -> list[str]:
        """Return people with events in the order of their names, those beyond ``after``."""
        ...

    def last_offset(self) -> int:
        """Return the place of the newest event, 0 before the first."""
        ...

    def __len__(self) -> int:
        """Return how many events there are."""
        ...

    def merge(self, source: str, target: str) -> int:
        """Give all events of one person to another, for good; what ``source`` sends later is ``target``'s as well.

        The derived states of both are forgotten with it.

        Returns:
            How many events changed hands.
        """
        ...

    def current(self, user_id: str) -> str:
        """Return the name under which a person is known after merges; mostly their own."""
        ...

    def renamed(self, user_ids: Collection[str]) -> dict[str, str]:
        """Return the `current` names of those among some people whose name is not their own any more, in one look."""
        ...

    def names(self, user_id: str) -> list[str]:
        """Return all names of a person: the one that they have now, and those that were merged into it."""
        ...

    def erase(self, user_id: str) -> int:
        """Forget all events of a person and the names merged into theirs, physically; return how many events."""
        ...


@runtime_checkable
class Records(Protocol):
    """Rows of named values by id, each with the revision of its last change: items, or people.

    Revisions grow by one a changed row over the whole table, deletions included, so that another process can follow.
    """

    def put(self, rows: Mapping[str, Row]) -> int:
        """Write whole rows, all or none, durably; a row that was there is replaced. Returns the newest revision."""
        ...

    def patch(self, record_id: str, changes: Row) -> Row | None:
        """Change some values of a row, ``None`` taking one away; return the row, or ``None`` where there is none."""
        ...

    def delete(self, ids: Sequence[str]) -> int:
        """Take rows away, physically; return how many were there."""
        ...

    def get(self, ids: Sequence[str]) -> dict[str, Row]:
        """Return the rows that are there."""
        ...

    def scan(self, after: str = "", limit: int = 10_000) -> list[tuple[str, Row]]:
        """Return rows in the order of their ids, those beyond ``after``."""
        ...

    def changes(self, after: int, limit: int = 10_000) -> list[tuple[int, str, Row | None]]:
        """Return what changed beyond a revision, oldest first, each id at its last change; ``None`` was deleted.

        No name outlives an erasure: of people who were deleted the id is empty, and all share one entry, that of the
        last. Who follows then drops what they hold of everybody.
        """
        ...

    def revision(self) -> int:
        """Return the newest revision, 0 before the first change."""
        ...

    def __len__(self) -> int:
        """Return how many rows there are."""
        ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was derived of a person from the log up to a place, by code of one fingerprint; can be made anew."""

    user_id: str
    offset: int
    fingerprint: str
    content: bytes


@runtime_checkable
class States(Protocol):
    """Derived states of people. Losing one costs time, never truth, so that writing need not wait for the disk."""

    def put(self, snapshots: Sequence[Snapshot]) -> None:
        """Keep states; an older one of the same person is replaced, a newer one stays."""
        ...

    def get(self, user_id: str, fingerprint: str) -> Snapshot | None:
        """Return a person's state if it was derived by that code."""
        ...

    def delete(self, user_id: str) -> bool:
        """Forget a person's state; say whether there was one."""
        ...

    def clear(self) -> int:
        """Forget all states; return how many."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A list that was shown: what is needed to page on, to credit feedback and to evaluate other policies.

    Attributes:
        recommendation_id: Its name.
        user_id: To whom, if known.
        scenario: For which placement.
        at: When, microseconds since the epoch.
        item_ids: Items shown, best first.
        propensities: How likely each was to be shown in its place; empty where nothing was left to chance.
        model: Which model answered.
        details: What else is known: session, policy state, sources, query.
    """

    recommendation_id: str
    user_id: str | None
    scenario: str
    at: int
    item_ids: tuple[str, ...]
    propensities: tuple[float, ...] = ()
    model: str = ""
    details: Row = field(default_factory=dict, hash=False)


@runtime_checkable
class ServedLog(Protocol):
    """Lists that were shown. Written soon after the answer, not before it."""

    def submit(self, served: Sequence[Served]) -> Future[None]:
        """Keep lists, each once by its name; the future is done once they are committed.

        As in the log of events, lists of merged people are kept under the name that they have now.
        """
        ...

    def get(self, recommendation_id: str) -> Served | None:
        """Return one list."""
        ...

    def of_user(self, user_id: str, latest: int = 100) -> list[Served]:
        """Return a person's latest lists, oldest first."""
        ...

    def scan(self, after: int = 0, limit: int = 10_000) -> list[tuple[int, Served]]:
        """Return lists with their places in the order in which they were kept, those beyond a place."""
        ...

    def merge(self, source: str, target: str) -> int:
        """Give all lists of one person to another; return how many."""
        ...

    def erase(self, user_id: str) -> int:
        """Forget all lists of a person, physically; return how many."""
        ...

    def erase_before(self, at: int) -> int:
        """Forget lists older than a moment; return how many."""
        ...


@runtime_checkable
class VectorStore(Protocol):
    """Vectors by id in named spaces; a space is what one encoder, by its fingerprint, made."""

    def put(self, space: str, ids: Sequence[str], vectors: Vectors) -> None:
        """Keep vectors, float32 ``[m, d]``, durably; those of ids that were there are replaced.

        Raises:
            DataError: Another length than the space's, not finite, or another number than ids.
        """
        ...

    def get(self, space: str, ids: Sequence[str]) -> tuple[list[str], Vectors]:
        """Return the ids that have vectors, in the order asked, and those vectors."""
        ...

    def search(
        self, space: str, queries: Vectors, k: int, allowed: frozenset[str] | None = None
    ) -> list[list[tuple[str, float]]]:
        """Return the best ``k`` ids by inner product for each query, float32 ``[q, d]``, best first."""
        ...

    def scan(self, space: str) -> Iterator[tuple[list[str], Vectors]]:
        """Return all of a space in blocks, in the order of the ids."""
        ...

    def delete(self, space: str, ids: Sequence[str]) -> int:
        """Forget vectors, physically; return how many were there."""
        ...

    def spaces(self) -> dict[str, int]:
        """Return how many vectors each space holds."""
        ...


@dataclass(frozen=True, slots=True)
class Artefact:
    """A folder that is kept: a model, an index, a report.

    Attributes:
        artefact_id: SHA-256 over its files' names and contents, in hexadecimal.
        kind: What it is.
        created: When it was put, microseconds since the epoch.
        facts: Lineage and measurements.
    """

    artefact_id: str
    kind: str
    created: int
    facts: Row = field(default_factory=dict, hash=False)


@runtime_checkable
class Artefacts(Protocol):
    """Folders by content, and names that point at them, such as the live model."""

    def put(self, kind: str, folder: Path, facts: Row) -> Artefact:
        """Keep a copy of a folder, whole or not at all; the same content again gives the same artefact."""
        ...

    def open(self, artefact_id: str) -> Path:
        """Return a folder to read from, checked to be whole.

        Raises:
            StorageError: There is none, or it was damaged.
        """
        ...

    def of_kind(self, kind: str) -> list[Artefact]:
        """Return the artefacts of a kind, oldest first."""
        ...

    def point(self, name: str, artefact_id: str, reason: str = "") -> None:
        """Let a name mean an artefact from now on, durably.

        Raises:
            StorageError: There is no such artefact.
        """
        ...

    def pointed(self, name: str) -> Artefact | None:
        """Return what a name means."""
        ...

    def history(self, name: str) -> list[tuple[int, str, str]]:
        """Return when a name came to mean what, and why: ``(at, artefact_id, reason)``, oldest first."""
        ...

    def delete(self, artefact_id: str) -> None:
        """Forget an artefact.

        Raises:
            StorageError: A name means it.
        """
        ...


JobState: TypeAlias = Literal["waiting", "running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work.

    Attributes:
        job_id: Its number.
        kind: What is to be done.
        payload: With what.
        state: How far it is; ``failed`` is final.
        attempts: How often it was leased.
        run_at: Not before this moment, microseconds since the epoch.
        leased_until: When another worker may take it over.
        worker: Who has it.
        result: What came of it, or what went wrong.
        ended: When it was done, or failed for good; microseconds since the epoch.
    """

    job_id: int
    kind: str
    payload: Row
    state: JobState
    attempts: int
    run_at: int
    leased_until: int | None = None
    worker: str | None = None
    result: Row | None = None
    ended: int | None = None


@runtime_checkable
class Jobs(Protocol):
    """Work that waits, is leased to one worker at a time, and is taken over from a worker that went silent."""

    def enqueue(self, kind: str, payload: Row, *, run_at: int, unique: str | None = None) -> int:
        """Put work in line and return its number; what waits or runs under the same ``unique`` name is not doubled."""
        ...

    def lease(self, kinds: Sequence[str], worker: str, *, now: int, until: int) -> Job | None:
        """Take the job that has been due for longest, or one whose lease ran out; ``None`` if nothing is due."""
        ...

    def extend(self, job_id: int, worker: str, until: int) -> bool:
        """Keep a lease; ``False`` says that it was lost to somebody else."""
        ...

    def finish(self, job_id: int, worker: str, result: Row) -> bool:
        """Say that a job is done; ``False`` says that the lease was lost and the result was not taken."""
        ...

    def fail(self, job_id: int, worker: str, error: str, *, retry_at: int | None) -> bool:
        """Say that a job failed, for good unless it may be tried again at ``retry_at``; ``False`` as in `finish`."""
        ...

    def get(self, job_id: int) -> Job | None:
        """Return one job."""
        ...

    def newest(self, kind: str | None = None, limit: int = 100) -> list[Job]:
        """Return the newest jobs first."""
        ...

    def cancel(self, job_id: int) -> bool:
        """Let a job that waits or runs fail for good; ``False`` where there is none, or it has ended.

        Whoever runs it learns that their lease is lost.
        """
        ...

    def erase(self, job_ids: Sequence[int]) -> int:
        """Forget jobs, physically, those that run excepted; return how many."""
        ...

    def erase_before(self, at: int) -> int:
        """Forget jobs that ended before a moment, physically; return how many."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key as it is kept: never the secret that opens the server, only the hash.

    Attributes:
        key_id: The part that may be shown.
        tenant: Whose data it opens.
        secret_hash: SHA-256 of the secret, hexadecimal; secrets are random and long, so that no salt is needed.
        scopes: What it allows.
        name: What somebody called it.
        created: Microseconds since the epoch.
        expires: After this moment it opens nothing; ``None`` for never.
        revoked: When it was taken back.
        signing: Secret with which a shop's server signs for whom a request with this key acts; ``None`` where it may
            act for anybody. It is kept as it is, because without it no signature can be checked.
    """

    key_id: str
    tenant: str
    secret_hash: str
    scopes: frozenset[str]
    name: str
    created: int
    expires: int | None = None
    revoked: int | None = None
    signing: str | None = None


@runtime_checkable
class Keys(Protocol):
    """API keys of all tenants."""

    def put(self, key: Key) -> None:
        """Keep a key, durably."""
        ...

    def get(self, key_id: str) -> Key | None:
        """Return a key."""
        ...

    def revoke(self, key_id: str, at: int) -> bool:
        """Take a key back; ``False`` where there is none."""
        ...

    def all(self, tenant: str | None = None) -> list[Key]:
        """Return keys, oldest first, those taken back included."""
        ...


@runtime_checkable
class Notes(Protocol):
    """A few small values by name, such as which data set was taken in."""

    def get(self, name: str) -> Json:
        """Return a value, or ``None``."""
        ...

    def put(self, name: str, value: Json) -> None:
        """Keep a value, durably; ``None`` forgets it."""
        ...


@runtime_checkable
class TenantStore(Protocol):
    """All that one tenant has; nothing of another can be reached from here."""

    tenant: Tenant
    events: EventLog
    items: Records
    people: Records
    states: States
    served: ServedLog
    vectors: VectorStore
    artefacts: Artefacts
    jobs: Jobs
    notes: Notes

    def holds(self, text: str) -> list[str]:
        """Return every place, as ``table.column``, whose stored content has ``text`` in it: empty after an erasure."""
        ...

    def close(self) -> None:
        """Finish what was handed in, and let go of files and connections."""
        ...


@runtime_checkable
class Store(Protocol):
    """Everything that outlives the process."""

    keys: Keys

    def for_tenant(self, tenant: Tenant) -> TenantStore:
        """Return what one tenant has, made and brought up to date where needed; the same object every time.

        Raises:
            StorageError: It was written by a newer version, is damaged, or cannot be opened.
        """
        ...

    def tenants(self) -> list[Tenant]:
        """Return the tenants, by name."""
        ...

    def backup(self, folder: Path) -> None:
        """Write a consistent copy of everything into a new folder while work goes on; a store opens on it.

        Raises:
            StorageError: It could not be written whole, or the folder is not empty.
        """
        ...

    def close(self) -> None:
        """Close every tenant."""
        ...
