"""What an operator does to a store that a server has open: back-ups, jobs, and which model answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tastemaker.core.clock import Clock, system_clock, to_microseconds
from tastemaker.core.errors import BusyError, ConfigError, QueryError, nearest
from tastemaker.engine.frozen import FrozenQueries
from tastemaker.engine.registry import TOLERANCE, Registry, described
from tastemaker.store.ports import Job, Row, Store, TenantStore

if TYPE_CHECKING:
    from tastemaker.engine.trial import Verdict

KINDS: Final = frozenset({"train", "encode", "clean"})
"""Kinds of jobs that may be put in line by hand."""

_TESTING: Final = "another model is being tested"


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A back-up that was written.

    Attributes:
        name: Of its folder, among the back-ups.
        at: When it was begun, microseconds since the epoch.
        nbytes: How large it is.
        tenants: Whose data it holds.
    """

    name: str
    at: int
    nbytes: int
    tenants: tuple[str, ...]


class Administration:
    """An operator's part of a running server; may be called from any thread.

    Args:
        store: All of it, for back-ups.
        tenant: Whose jobs and models.
        backups: Folder that gets a folder for each back-up; ``None`` for none.
        kinds: Kinds of jobs that somebody does here.
        weights: Kind of event -> how much it counts, for the questions that test models.
        follow: Lets whoever answers move to the live model; is called after that has changed.
        clock: Where "now" comes from.
    """

    def __init__(
        self,
        store: Store,
        tenant: TenantStore,
        *,
        backups: Path | None = None,
        kinds: Collection[str] = KINDS,
        weights: Mapping[str, float] | None = None,
        follow: Callable[[], object] = lambda: None,
        clock: Clock = system_clock,
    ) -> None:
        self._store, self._tenant, self._backups = store, tenant, backups
        self._kinds, self._weights = KINDS.intersection(kinds), dict(weights or {})
        self._follow, self._clock = follow, clock
        self._registry = Registry(tenant)
        self._copying, self._moving = threading.Lock(), threading.Lock()

    # -- back-ups ------------------------------------------------------------------------------------------------

    @property
    def backs_up(self) -> bool:
        """Whether there is a folder for back-ups."""
        return self._backups is not None

    def back_up(self) -> BackedUp:
        """Write a copy of the whole store into a new folder among the back-ups, while work goes on.

        Raises:
            ConfigError: There is no folder for back-ups.
            BusyError: One is being written.
            StorageError: It could not be written whole.
        """
        if self._backups is None:
            raise ConfigError(
                "this server has no folder for back-ups",
                where="[serve] backups",
                remedy="Name one in the settings and start it anew.",
            )
        with _turn(self._copying, "a back-up is being written"):
            return self._copy(self._backups)

    def _copy(self, backups: Path) -> BackedUp:
        moment = self._clock()
        name = moment.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        backups.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = backups / name
        self._store.backup(folder)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        return BackedUp(name, to_microseconds(moment), size, tuple(each.name for each in self._store.tenants()))

    # -- jobs ----------------------------------------------------------------------------------------------------

    def jobs(self, kind: str | None = None, limit: int = 100) -> list[Job]:
        """Return the newest jobs first."""
        return self._tenant.jobs.newest(kind, limit)

    def job(self, job_id: int) -> Job | None:
        """Return one job."""
        return self._tenant.jobs.get(job_id)

    def enqueue(self, kind: str, payload: Row) -> Job:
        """Put work in line, to be done as soon as somebody can; the same is not put in line twice.

        Raises:
            QueryError: Nobody does jobs of this kind here.
        """
        if kind not in self._kinds:
            raise QueryError(f"there is no kind of job '{kind}'", where="kind", remedy=nearest(kind, self._kinds))
        unique = f"by hand: {kind} {json.dumps(payload, sort_keys=True)}"
        now = to_microseconds(self._clock())
        job = self._tenant.jobs.get(self._tenant.jobs.enqueue(kind, payload, run_at=now, unique=unique))
        assert job is not None
        return job

    def cancel(self, job_id: int) -> Job | None:
        """Let a job that waits or runs fail for good; return it as it stands, ``None`` where there is none."""
        self._tenant.jobs.cancel(job_id)
        return self._tenant.jobs.get(job_id)

    # -- models --------------------------------------------------------------------------------------------------

    def models(self) -> list[Row]:
        """Return all models as `tastemaker.engine.registry.described` tells of them, oldest first."""
        live, stale = self._registry.live(), self._registry.stale()
        return [described(artefact, live, stale) for artefact in self._registry.models()]

    def promote(self, artefact_id: str, *, tolerance: float = TOLERANCE, force: bool = False) -> Verdict:
        """Test a model, and let it answer if it passes; see `Registry.promote`.

        Raises:
            ModelError: There is no such model.
            BusyError: Another one is being tested.
        """
        with _turn(self._moving, _TESTING):
            queries = FrozenQueries.open(self._tenant) or FrozenQueries.freeze(self._tenant, weights=self._weights)
            verdict = self._registry.promote(artefact_id, queries=queries, tolerance=tolerance, force=force)
            if verdict.promoted:
                self._follow()
        return verdict

    def roll_back(self, reason: str) -> Row:
        """Let the model that answered before answer again; return it.

        Raises:
            ModelError: There is none before the live one, or it is gone.
            BusyError: Another one is being tested.
        """
        with _turn(self._moving, _TESTING):
            artefact = self._registry.rollback(reason)
            self._follow()
        return described(artefact, artefact, self._registry.stale())


@contextmanager
def _turn(lock: threading.Lock, what: str) -> Iterator[None]:
    """Hold a lock for as long as the block runs.

    Raises:
        BusyError: Somebody else holds it.
    """
    if not lock.acquire(blocking=False):
        raise BusyError(what, remedy="Try again when that is done.")
    try:
        yield
    finally:
        lock.release()
