"""The store in SQLite keeps every contract; what only it promises is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.contracts.artefacts import ArtefactsContract
from tests.store.contracts.events import EventLogContract
from tests.store.contracts.jobs import JobsContract
from tests.store.contracts.keys import KeysContract
from tests.store.contracts.notes import NotesContract
from tests.store.contracts.opening import OpenStore, SetClock
from tests.store.contracts.records import ItemsContract, PeopleContract
from tests.store.contracts.served import ServedLogContract
from tests.store.contracts.states import StatesContract
from tests.store.contracts.store import StoreContract
from tests.store.contracts.vectors import VectorStoreContract

from tastemaker.store.sqlite import SQLiteStore, files


class Folders:
    """Keeps `OpenStore`."""

    def __init__(self, root: Path, clock: SetClock) -> None:
        self.root = root
        self.clock = clock
        self.opened: dict[str, SQLiteStore] = {}

    def __call__(self, name: str = "store") -> SQLiteStore:
        if name in self.opened:
            self.opened[name].close()
        self.opened[name] = SQLiteStore(self.place(name), clock=self.clock)
        return self.opened[name]

    def place(self, name: str) -> Path:
        return self.root / name


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def open_store(tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenStore]:
    # Waiting for the disk would be most of the time, and no contract can see it; test_files and test_crash do.
    settings = [setting.replace("synchronous = FULL", "synchronous = OFF") for setting in files._SETTINGS]
    monkeypatch.setattr(files, "_SETTINGS", settings)
    folders = Folders(tmp_path / "stores", clock)
    yield folders
    for store in folders.opened.values():
        store.close()


class TestEventLog(EventLogContract): ...


class TestItems(ItemsContract): ...


class TestPeople(PeopleContract): ...


class TestStates(StatesContract): ...


class TestServedLog(ServedLogContract): ...


class TestVectorStore(VectorStoreContract): ...


class TestArtefacts(ArtefactsContract): ...


class TestJobs(JobsContract): ...


class TestNotes(NotesContract): ...


class TestKeys(KeysContract): ...


class TestStore(StoreContract): ...
