"""The store in a folder: a database and a folder of artefacts for each tenant, and a database of keys."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Final

from tastemaker.core.clock import Clock, system_clock
from tastemaker.core.errors import QueryError, StorageError
from tastemaker.core.files import atomic_folder
from tastemaker.core.tenant import Tenant
from tastemaker.store.ports import (
    Artefacts,
    EventLog,
    Jobs,
    Keys,
    Notes,
    Records,
    ServedLog,
    States,
    TenantStore,
    VectorStore,
)
from tastemaker.store.sqlite.artefacts import SQLiteArtefacts
from tastemaker.store.sqlite.database import Database
from tastemaker.store.sqlite.events import SQLiteEventLog
from tastemaker.store.sqlite.files import migrations
from tastemaker.store.sqlite.jobs import SQLiteJobs
from tastemaker.store.sqlite.keys import SQLiteKeys
from tastemaker.store.sqlite.notes import SQLiteNotes
from tastemaker.store.sqlite.records import SQLiteRecords
from tastemaker.store.sqlite.served import SQLiteServedLog
from tastemaker.store.sqlite.states import SQLiteStates
from tastemaker.store.sqlite.trouble import closed
from tastemaker.store.sqlite.vectors import SQLiteVectorStore

DATABASE: Final = "store.sqlite"
KEYS: Final = "keys.sqlite"
ARTEFACTS: Final = "artefacts"


class SQLiteTenantStore:
    """Keeps `TenantStore` in one folder."""

    def __init__(self, tenant: Tenant, folder: Path, clock: Clock) -> None:
        self.tenant = tenant
        self._database = database = Database(folder / DATABASE, migrations("tenant"))
        self._artefacts = SQLiteArtefacts(database, folder / ARTEFACTS, clock)
        self.events: EventLog = SQLiteEventLog(database, clock)
        self.items: Records = SQLiteRecords(database, "items", keeps_names=True)
        self.people: Records = SQLiteRecords(database, "people", keeps_names=False)
        self.states: States = SQLiteStates(database)
        self.served: ServedLog = SQLiteServedLog(database)
        self.vectors: VectorStore = SQLiteVectorStore(database)
        self.artefacts: Artefacts = self._artefacts
        self.jobs: Jobs = SQLiteJobs(database, clock)
        self.notes: Notes = SQLiteNotes(database)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._database.closed

    def holds(self, text: str) -> list[str]:
        """See `TenantStore.holds`."""
        return self._database.holds(text)

    def copy_to(self, folder: Path) -> None:
        """Write a copy as of this moment into a folder."""
        folder.mkdir()
        with self._artefacts.unchanged:
            self._database.copy_to(folder / DATABASE)
            self._artefacts.copy_to(folder / ARTEFACTS)

    def close(self) -> None:
        """See `TenantStore.close`."""
        self._database.close()


class SQLiteStore:
    """Keeps `Store` in a folder; one process at a time may have a tenant open.

    Args:
        folder: Made where it is not there.
        clock: What the time is.

    Raises:
        StorageError: The keys are damaged, of a newer version, or cannot be opened.
    """

    def __init__(self, folder: Path, *, clock: Clock = system_clock) -> None:
        self._folder = Path(folder)
        self._clock = clock
        self._guard = RLock()
        self._tenants: dict[Tenant, SQLiteTenantStore] = {}
        self._closed = False
        self._keys = Database(self._folder / KEYS, migrations("keys"), shared=True)
        self.keys: Keys = SQLiteKeys(self._keys)

    def for_tenant(self, tenant: Tenant) -> TenantStore:
        """See `Store.for_tenant`; one that was closed is opened again."""
        return self._opened(tenant)

    def tenants(self) -> list[Tenant]:
        """See `Store.tenants`."""
        found = []
        for path in self._folder.glob(f"*/{DATABASE}"):
            with suppress(QueryError):  # a folder of another name is not ours
                found.append(Tenant(path.parent.name))
        return sorted(found, key=lambda tenant: tenant.name)

    def backup(self, folder: Path) -> None:
        """See `Store.backup`; of the time at which each tenant is copied, one after the other."""
        folder = Path(folder)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise StorageError(
                "a back-up needs a new folder, and this one is not empty",
                where=str(folder),
                remedy="Name another one; nothing was touched.",
            )
        with atomic_folder(folder) as copy:
            self._keys.copy_to(copy / KEYS)
            for tenant in self.tenants():
                self._opened(tenant).copy_to(copy / tenant.name)

    def close(self) -> None:
        """See `Store.close`."""
        with self._guard:
            self._closed = True
            for tenant in self._tenants.values():
                tenant.close()
            self._keys.close()

    def _opened(self, tenant: Tenant) -> SQLiteTenantStore:
        with self._guard:
            if self._closed:
                raise closed(self._folder)
            store = self._tenants.get(tenant)
            if store is None or store.closed:
                store = SQLiteTenantStore(tenant, self._folder / tenant.name, self._clock)
                self._tenants[tenant] = store
            return store
