"""States are written without waiting, and left out when the writer has too much to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.store.sqlite.test_writer import held_up

from tastemaker.store.ports import Snapshot
from tastemaker.store.sqlite import writer as module
from tastemaker.store.sqlite.database import Database
from tastemaker.store.sqlite.files import migrations
from tastemaker.store.sqlite.states import SQLiteStates


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(tmp_path / "store.sqlite", migrations("tenant"))) as database:
        yield database


def test_who_puts_a_state_does_not_wait_for_the_writer(database: Database) -> None:
    states = SQLiteStates(database)
    with held_up(database.writer):
        states.put([Snapshot("ann", 1, "code", b"")])
        assert database.value("SELECT count(*) FROM states") == 0
    assert states.get("ann", "code") == Snapshot("ann", 1, "code", b"")


def test_states_are_left_out_when_too_much_waits(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    states = SQLiteStates(database)
    monkeypatch.setattr(database.writer, "_most_waiting", 1)
    with held_up(database.writer):
        states.put([Snapshot("ann", 1, "code", b"")])
        states.put([Snapshot("bob", 1, "code", b"")])
    assert states.get("ann", "code") is not None
    assert states.get("bob", "code") is None
    assert "1 states were not written: the store is busy" in caplog.text
    assert module.MOST_ROWS_WAITING > 1
