"""After an erasure the bytes are gone from the files, not only the rows from the tables."""

from __future__ import annotations

import errno
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from tests.store.contracts.opening import SHOP
from tests.store.sqlite.test_residue import INDEX_LEAF, TABLE_LEAF, hide

from tastemaker.core.errors import StorageError
from tastemaker.store.ports import NewEvent, Served, Snapshot, TenantStore
from tastemaker.store.sqlite import SQLiteStore, database

LOOK = """
import sys
from pathlib import Path
folder, *texts = sys.argv[1:]
content = b"".join(path.read_bytes() for path in Path(folder).rglob("*") if path.is_file())
print([text for text in texts if text.encode() in content])
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    with closing(SQLiteStore(tmp_path)) as store:
        yield store


@pytest.fixture
def tenant(store: SQLiteStore) -> TenantStore:
    return store.for_tenant(SHOP)


def in_the_files(folder: Path, *texts: str) -> list[str]:
    """Return which texts are anywhere in the files of a store, its journal included.

    By another process: to close a file that SQLite has open would end its locks on it.
    """
    command = [sys.executable, "-c", LOOK, str(folder), *texts]
    found: list[str] = eval(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def event(number: int, user_id: str, said: str = "") -> NewEvent:
    context = {"said": said} if said else {}
    return NewEvent(
        event_id=f"{number} by {user_id}", user_id=user_id, item_id="i", event="view", timestamp=0, context=context
    )


def test_events_names_and_contexts_are_gone(tenant: TenantStore, tmp_path: Path) -> None:
    texts = ("ann of the hills", "her old phone", "walks her dog", "bob")
    tenant.events.append([event(1, "ann of the hills", "walks her dog"), event(2, "bob"), event(3, "her old phone")])
    tenant.events.merge("her old phone", "ann of the hills")
    assert in_the_files(tmp_path, *texts) == list(texts)
    tenant.events.erase("ann of the hills")
    assert in_the_files(tmp_path, *texts) == ["bob"]


def test_a_context_of_many_pages_is_gone(tenant: TenantStore, tmp_path: Path) -> None:
    said = " ".join(f"word{number}" for number in range(5_000))
    tenant.events.append([event(1, "ann", said), event(2, "bob")])
    assert in_the_files(tmp_path, "word7", "word4999") == ["word7", "word4999"]
    tenant.events.erase("ann")
    assert in_the_files(tmp_path, "word7", "word4999") == []


def test_what_else_is_known_of_a_person_is_gone(tenant: TenantStore, tmp_path: Path) -> None:
    texts = ["lives uphill", "derived from ann", "asked for ann"]
    shown = Served(
        recommendation_id="r", user_id="ann", scenario="", at=1, item_ids=(), details={"query": "asked for ann"}
    )
    tenant.people.put({"ann": {"home": "lives uphill"}})
    tenant.states.put([Snapshot("ann", 1, "code", b"derived from ann")])
    tenant.served.submit([shown]).result()
    tenant.vectors.put("taste of ann", ["ann"], np.ones((1, 3), np.float32))
    assert in_the_files(tmp_path, *texts) == texts
    tenant.people.delete(["ann"])
    tenant.states.delete("ann")
    tenant.served.erase("ann")
    tenant.vectors.delete("taste of ann", ["ann"])
    assert in_the_files(tmp_path, *texts) == []


def test_a_replaced_value_is_gone_with_its_row(tenant: TenantStore, tmp_path: Path) -> None:
    for said in ("first home", "second home"):
        tenant.people.put({"ann": {"home": said}})
    tenant.people.delete(["ann"])
    assert in_the_files(tmp_path, "first home", "second home") == []


@pytest.mark.parametrize("kind", [TABLE_LEAF, INDEX_LEAF])
def test_a_copy_that_sqlite_left_between_the_rows_is_gone(tmp_path: Path, kind: int) -> None:
    with closing(SQLiteStore(tmp_path)) as store:
        tenant = store.for_tenant(SHOP)
        tenant.events.append([event(number, f"person {number % 50:03}") for number in range(600)])
        tenant.events.append([event(1_000, "ann of the hills")])
    hide(tmp_path / "shop" / "store.sqlite", b"...ann of the hills", kind)
    with closing(SQLiteStore(tmp_path)) as store:
        tenant = store.for_tenant(SHOP)
        tenant.events.erase("person 007")
        assert in_the_files(tmp_path, "ann of the hills", "person 007") == ["ann of the hills"]
        tenant.events.erase("ann of the hills")
        assert in_the_files(tmp_path, "ann of the hills") == []
        assert len(tenant.events.of_user("person 001")) == 12


def test_an_erasure_that_was_cut_off_is_made_good_by_asking_again(tmp_path: Path) -> None:
    """The rows are gone, and a copy of one is left: what a kill between the two leaves behind."""
    with closing(SQLiteStore(tmp_path)) as store:
        store.for_tenant(SHOP).events.append([event(number, f"person {number:03}") for number in range(600)])
    hide(tmp_path / "shop" / "store.sqlite", b"...ann of the hills", INDEX_LEAF)
    with closing(SQLiteStore(tmp_path)) as store:
        assert store.for_tenant(SHOP).events.erase("ann of the hills") == 0
    assert in_the_files(tmp_path, "ann of the hills") == []


def test_of_many_people_in_any_order_each_is_gone(tenant: TenantStore, tmp_path: Path) -> None:
    rng = random.Random(5)
    names = [f"person-{rng.getrandbits(rng.choice([20, 64, 160])):x}" for _ in range(150)]
    for first in range(0, 3_000, 500):
        several = range(first, first + 500)
        tenant.events.append(
            [event(number, rng.choice(names), "word " * rng.choice([1, 30, 900])) for number in several]
        )
    for name in names[:15]:
        tenant.events.erase(name)
    # Each is named with what follows it, so that no name is found in a longer one.
    assert in_the_files(tmp_path, *(f" by {name}" for name in names[:15])) == []
    assert set(tenant.events.users()) <= set(names[15:])


def test_an_erasure_during_a_long_reading_says_so_and_succeeds_after_it(
    tenant: TenantStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.events.append([event(1, "ann of the hills"), event(2, "bob")])
    with closing(sqlite3.connect(tmp_path / "shop" / "store.sqlite", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM events").fetchone() == (2,)
        monkeypatch.setattr(database, "_PATIENCE", 0.0)
        with pytest.raises(StorageError, match=r"rows were erased, but their bytes .* reading for too long"):
            tenant.events.erase("ann of the hills")
        assert tenant.holds("ann of the hills") == []
    assert tenant.events.erase("ann of the hills") == 0
    assert in_the_files(tmp_path, "ann of the hills") == []


def test_writing_goes_on_while_an_erasure_waits_for_a_reader(tenant: TenantStore, tmp_path: Path) -> None:
    tenant.events.append([event(1, "ann of the hills"), event(2, "bob")])
    with ThreadPoolExecutor(1) as threads:
        with closing(sqlite3.connect(tmp_path / "shop" / "store.sqlite", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM events").fetchone()
            erasure = threads.submit(tenant.events.erase, "ann of the hills")
            for number in range(3, 8):
                tenant.events.append([event(number, "bob")])
            assert not erasure.done()
        assert erasure.result() == 1
    assert in_the_files(tmp_path, "ann of the hills", "bob") == ["bob"]
    assert len(tenant.events) == 6


def test_an_erasure_for_which_the_disk_is_too_full_says_what_is_left(
    tenant: TenantStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bool:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    tenant.events.append([event(1, "ann"), event(2, "bob")])
    monkeypatch.setattr(database, "scrub", full)
    with pytest.raises(StorageError, match=r"rows were erased, but their bytes .* No space left"):
        tenant.events.erase("ann")
    assert (tenant.holds("ann"), len(tenant.events)) == ([], 1)
