"""A file is made whole, brought up to date step by step, held by one process, and refused where it is damaged."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.store.contracts.opening import CINEMA, SHOP

from tastemaker.core.errors import StorageError
from tastemaker.store.ports import Key, NewEvent
from tastemaker.store.sqlite import SQLiteStore
from tastemaker.store.sqlite.database import Database
from tastemaker.store.sqlite.files import connect_to_write, make_ready, migrations

TODAY = migrations("tenant")
MADE_UP = "ALTER TABLE items ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey'; CREATE TABLE shelves (id TEXT);"
OPEN = "from tastemaker.store import open_store; from tastemaker.core.tenant import Tenant; import sys; "


def elsewhere(program: str, *given: object) -> subprocess.CompletedProcess[str]:
    """Run a program in another process."""
    command = [sys.executable, "-c", program, *map(str, given)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        found: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return found


def test_a_second_store_of_the_same_process_is_refused(tmp_path: Path) -> None:
    with closing(SQLiteStore(tmp_path)) as first, closing(SQLiteStore(tmp_path)) as second:
        tenant = first.for_tenant(SHOP)
        with pytest.raises(StorageError, match="another process has this store open") as refused:
            second.for_tenant(SHOP)
        assert "Stop that process" in str(refused.value.remedy)
        assert second.for_tenant(CINEMA).tenant == CINEMA
        tenant.close()
        assert second.for_tenant(SHOP).tenant == SHOP


def test_another_process_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    with closing(SQLiteStore(tmp_path)) as store:
        store.for_tenant(SHOP).notes.put("n", 1)
        other = elsewhere(OPEN + "open_store(sys.argv[1]).for_tenant(Tenant('shop')).notes.put('n', 2)", tmp_path)
        assert "StorageError: another process has this store open" in other.stderr
        assert store.for_tenant(SHOP).notes.get("n") == 1


def test_a_process_that_ends_without_closing_lets_go(tmp_path: Path) -> None:
    program = "s = open_store(sys.argv[1]).for_tenant(Tenant('shop')); s.notes.put('n', 2); import os; os._exit(9)"
    assert elsewhere(OPEN + program, tmp_path).returncode == 9
    with closing(SQLiteStore(tmp_path)) as store:
        assert store.for_tenant(SHOP).notes.get("n") == 2


def test_keys_can_be_changed_by_two_at_once(tmp_path: Path) -> None:
    key = Key(key_id="k", tenant="shop", secret_hash="ab", scopes=frozenset(), name="", created=1)
    with closing(SQLiteStore(tmp_path)) as first, closing(SQLiteStore(tmp_path)) as second:
        first.keys.put(key)
        assert second.keys.revoke("k", 5)
        found = first.keys.get("k")
    assert found is not None
    assert found.revoked == 5


@pytest.mark.parametrize("kind", ["tenant", "keys"])
def test_steps_are_numbered_without_a_gap(kind: str) -> None:
    folder = Path(__file__).parents[3] / "src/tastemaker/store/sqlite/migrations" / kind
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{number:04}.sql" for number in range(1, len(names) + 1)]
    assert migrations(kind) == [(folder / name).read_text() for name in names]


@pytest.mark.parametrize("older", range(1, len(TODAY) + 1))
def test_a_store_of_every_earlier_version_is_brought_up_to_date(tmp_path: Path, older: int) -> None:
    path = tmp_path / "store.sqlite"
    make_ready(path, TODAY[:older])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO items (id, revision, content) VALUES ('tea', 1, '{}')")
    with closing(Database(path, [*TODAY, MADE_UP])) as database:
        assert database.rows("SELECT id, colour FROM items") == [("tea", "grey")]
    assert version(path) == len(TODAY) + 1


def test_a_new_store_has_the_version_of_today(tmp_path: Path) -> None:
    make_ready(tmp_path / "store.sqlite", TODAY)
    assert version(tmp_path / "store.sqlite") == len(TODAY)
    assert [path.name for path in tmp_path.iterdir()] == ["store.sqlite"]


def test_a_step_that_fails_leaves_the_version_before_it(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    make_ready(path, TODAY)
    with pytest.raises(StorageError, match="nothing_of_the_kind"):
        Database(path, [*TODAY, MADE_UP, "CREATE TABLE half (id TEXT); DROP TABLE nothing_of_the_kind;"])
    assert version(path) == len(TODAY) + 1
    with closing(Database(path, [*TODAY, MADE_UP])) as database:
        names = database.rows("SELECT name FROM sqlite_master WHERE name IN ('half', 'shelves')")
    assert names == [("shelves",)]


def test_making_a_store_leaves_nothing_where_it_fails(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="syntax error"):
        Database(tmp_path / "store.sqlite", ["CREATE TABLE fine (id TEXT); NONSENSE;"])
    assert not list(tmp_path.glob("*.sqlite*"))


def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "shop" / "store.sqlite"
    path.parent.mkdir()
    make_ready(path, [*TODAY, MADE_UP])
    before = path.read_bytes()
    with closing(SQLiteStore(tmp_path)) as store, pytest.raises(StorageError, match="newer version") as refused:
        store.for_tenant(SHOP)
    assert refused.value.where == str(path)
    assert path.read_bytes() == before


def cut_off(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def write_over(path: Path) -> None:
    path.write_text("This was a shopping list. " * 1_000)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def of_somebody_else(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE theirs (id TEXT)")


def lose_all_but_the_journal(path: Path) -> None:
    path.rename(path.with_name("store.sqlite-wal"))


@pytest.mark.parametrize("harm", [cut_off, write_over, empty, of_somebody_else, lose_all_but_the_journal])
def test_a_damaged_file_is_named_and_not_touched(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    path = tmp_path / "shop" / "store.sqlite"
    with closing(SQLiteStore(tmp_path)) as store:
        store.for_tenant(SHOP).items.put({f"i{number}": {"title": "x" * 100} for number in range(200)})
    harm(path)
    before = {file.name: file.read_bytes() for file in path.parent.glob("store.sqlite*")}
    with closing(SQLiteStore(tmp_path)) as store, pytest.raises(StorageError) as refused:
        store.for_tenant(SHOP)
    assert str(refused.value.where).startswith(str(path))
    assert "back-up" in str(refused.value.remedy)
    assert {file.name: file.read_bytes() for file in path.parent.glob("store.sqlite*")} == before


def test_a_damage_that_is_met_later_is_named_as_well(tmp_path: Path) -> None:
    path = tmp_path / "shop" / "store.sqlite"
    events = [NewEvent(event_id=f"e{n}", user_id="u", item_id="i", event="view", timestamp=n) for n in range(2_000)]
    with closing(SQLiteStore(tmp_path)) as store:
        store.for_tenant(SHOP).events.append(events)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * (size // 4))
    with closing(SQLiteStore(tmp_path)) as store, pytest.raises(StorageError, match="damaged") as refused:
        store.for_tenant(SHOP).events.after(0)
    assert refused.value.where == str(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="could not write"):
        SQLiteStore(tmp_path / "file")


def test_a_commit_is_flushed_to_the_disk_and_a_deletion_overwrites(tmp_path: Path) -> None:
    with closing(connect_to_write(tmp_path / "x.sqlite")) as connection:
        names = ("journal_mode", "synchronous", "secure_delete", "temp_store", "fullfsync", "checkpoint_fullfsync")
        found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]
    assert found == ["wal", 2, 1, 2, 1, 1]  # 2 is FULL, and MEMORY
