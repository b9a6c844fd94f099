"""Rows from databases: SQLite everywhere, PostgreSQL where its extra and a server are."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from tastemaker.core.errors import DataError, MissingExtraError
from tastemaker.data.importing import Options, Query, import_events, read_report
from tastemaker.data.importing.sql import SqlInput, without_password

from .conftest import content

SELECT = "SELECT customer AS user_id, sku AS item_id, at AS timestamp, kind AS event FROM sales ORDER BY at"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE sales (customer, sku, at, kind)")
        rows: list[tuple[object, ...]] = [
            ("007", 7, 1_700_000_000, "buy"),
            (1, "ü😀", 1_700_000_001, "view"),
            (None, "x", 1_700_000_002, None),
        ]
        rows += [(2.0, 3.5, None, "buy"), ("u", b"\xff\xfe", 1_700_000_003, "buy")]
        connection.executemany("INSERT INTO sales VALUES (?, ?, ?, ?)", rows)
    return path


def test_sqlite_is_read(database: Path, tmp_path: Path) -> None:
    report = import_events([Query(f"sqlite:///{database}", SELECT)], tmp_path / "out")
    events = pl.read_parquet(tmp_path / "out" / "interactions.parquet")
    assert sorted(events.select("user_id", "item_id").rows()) == [("007", "7"), ("1", "ü😀"), ("2", "3.5")]
    assert report.rejected() == {"no user": 1, "not UTF-8": 1}


def test_a_strict_import_names_the_row(database: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no user \(sqlite:.*, row 4, column 'user_id'\)"):
        import_events([Query(f"sqlite:///{database}", SELECT)], tmp_path / "out", options=Options(strict=True))


def test_the_same_rows_again_change_nothing_and_other_rows_are_refused(database: Path, tmp_path: Path) -> None:
    query = Query(f"sqlite:///{database}", SELECT)
    import_events([query], tmp_path / "out")
    before = content(tmp_path / "out")
    assert import_events([query], tmp_path / "out").new == 0
    assert content(tmp_path / "out") == before
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO sales VALUES ('new', 'i', 1700000009, 'buy')")
    with pytest.raises(DataError, match="the query was imported before and gives other rows now"):
        import_events([query], tmp_path / "out")
    later = Query(query.dsn, SELECT.replace("ORDER", "WHERE at > 1700000003 ORDER"))
    assert import_events([later], tmp_path / "out").kept == 4
    assert len(read_report(tmp_path / "out").files) == 2


def test_nothing_can_be_changed_by_a_query(database: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the database says: attempt to write a readonly database"):
        import_events([Query(f"sqlite:///{database}", "DELETE FROM sales")], tmp_path / "out")


@pytest.mark.parametrize(
    ("dsn", "sql", "message"),
    [
        ("sqlite:///none.db", SELECT, "there is no such database file"),
        ("sqlite:///DATABASE", "SELECT nonsense", "the database says: no such column: nonsense"),
        ("sqlite:///DATABASE", "SELECT customer, customer FROM sales", "several columns have the same name: customer"),
        ("mysql://me:secret@host/shop", SELECT, "databases of the kind 'mysql' cannot be read"),
    ],
)
def test_what_a_database_refuses_is_said(database: Path, tmp_path: Path, dsn: str, sql: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as failure:
        import_events([Query(dsn.replace("DATABASE", str(database)), sql)], tmp_path / "out")
    assert "secret" not in str(failure.value)


def test_passwords_are_never_shown() -> None:
    assert without_password("postgresql://u:s3cret@h:5432/d?sslmode=require") == (
        "postgresql://u@h:5432/d?sslmode=require"
    )
    assert "s3cret" not in without_password("postgresql://h/d?user=u&password=s3cret")


def test_many_rows_come_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "many.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE log (user_id, item_id)")
        connection.executemany("INSERT INTO log VALUES (?, ?)", [(n, n % 7) for n in range(1000)])
    source = SqlInput(Query(f"sqlite:///{path}", "SELECT * FROM log"), rows=300)
    assert [batch.frame.height for batch in source.batches(None, frozenset({"user_id"}))] == [300, 300, 300, 100]


def test_postgres_without_its_extra_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"tastemaker\[postgres\]"):
        import_events([Query("postgresql://127.0.0.1/none", "SELECT 1")], tmp_path / "out")


@pytest.fixture
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server in which a table can be made."""
    import psycopg

    dsn = os.environ.get("TASTEMAKER_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")
    with socket.socket() as probe:
        probe.settimeout(2)
        if probe.connect_ex(("127.0.0.1", 5432)) and "TASTEMAKER_TEST_POSTGRES" not in os.environ:
            pytest.skip("no PostgreSQL listens here (TASTEMAKER_TEST_POSTGRES names one)")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS tastemaker_import_test")
        connection.execute(
            "CREATE TABLE tastemaker_import_test (id uuid DEFAULT gen_random_uuid(), customer int, sku text, "
            "at timestamptz, amount numeric)"
        )
        connection.execute(
            "INSERT INTO tastemaker_import_test (customer, sku, at, amount) "
            "SELECT n, 'sku ' || n % 3, timestamptz '2024-01-01 12:00+02' + n * interval '1 s', 1.5 "
            "FROM generate_series(1, 250) n"
        )
        yield dsn
        connection.execute("DROP TABLE tastemaker_import_test")


@pytest.mark.needs_extra("postgres")
def test_postgres_is_read(postgres: str, tmp_path: Path) -> None:
    query = Query(postgres, "SELECT customer, sku, at, amount FROM tastemaker_import_test ORDER BY at")
    options = Options(columns={"timestamp": "at"})
    report = import_events([query], tmp_path / "out", options=options)
    events = pl.read_parquet(tmp_path / "out" / "interactions.parquet")
    assert (report.kept, events.height) == (250, 250)
    assert events.row(0)[:2] == ("1", "sku 1")
    assert str(events["timestamp"][0]) == "2024-01-01 10:00:01+00:00"
    assert events["amount"].to_list() == ["1.5"] * 250
    assert import_events([query], tmp_path / "out", options=options).new == 0


@pytest.mark.needs_extra("postgres")
def test_postgres_says_what_is_wrong(postgres: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'the database says: relation "nothing" does not exist'):
        import_events([Query(postgres, "SELECT * FROM nothing")], tmp_path / "out")
    with pytest.raises(DataError, match=r"the database says: .*connection"):
        import_events([Query("postgresql://root:pw@127.0.0.1:1/test", "SELECT 1")], tmp_path / "out")
