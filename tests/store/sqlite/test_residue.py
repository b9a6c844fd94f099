"""What lies unused in a file of SQLite is found wherever it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tastemaker.store.sqlite.residue import Residue, residue_of

TABLE_LEAF, INDEX_LEAF = 13, 10


def made(path: Path, page_size: int = 4_096) -> Path:
    """Write a table with an index over several pages, so that each of their pages has an unused middle."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {page_size}")
        connection.execute("CREATE TABLE people (name TEXT UNIQUE, said TEXT)")
        connection.execute("BEGIN")
        rows = [(f"name {number:05}", "x" * (number % 200)) for number in range(1_500)]
        connection.executemany("INSERT INTO people VALUES (?, ?)", rows)
        connection.execute("COMMIT")
        connection.execute("VACUUM")
    return path


def hide(path: Path, trace: bytes, kind: int, page_size: int = 4_096) -> None:
    """Write a trace into the unused middle of the last page of a kind, as SQLite leaves it there."""
    content = bytearray(path.read_bytes())
    for page in range(len(content) - page_size, 0, -page_size):
        cells = int.from_bytes(content[page + 3 : page + 5], "big")
        first = int.from_bytes(content[page + 5 : page + 7], "big") or 65_536
        if content[page] == kind and first - 8 - 2 * cells > len(trace):
            content[page + first - len(trace) : page + first] = trace
            path.write_bytes(content)
            return
    raise AssertionError("no page has room")


def found(path: Path) -> Residue:
    with path.open("rb") as file:
        return residue_of(file)


def test_what_is_in_use_is_no_residue(tmp_path: Path) -> None:
    residue = found(made(tmp_path / "x.sqlite"))
    assert b"name" not in residue.rows + residue.indexes


@pytest.mark.parametrize("page_size", [512, 4_096, 65_536])
def test_a_trace_is_found_where_it_lies(tmp_path: Path, page_size: int) -> None:
    path = made(tmp_path / "x.sqlite", page_size)
    hide(path, b"trace in rows", TABLE_LEAF, page_size)
    hide(path, b"trace in an index", INDEX_LEAF, page_size)
    residue = found(path)
    assert b"trace in rows" in residue.rows
    assert b"trace in rows" not in residue.indexes
    assert b"trace in an index" in residue.indexes
    assert b"trace in an index" not in residue.rows


def test_names_are_looked_for_everywhere_and_other_values_among_whole_rows() -> None:
    rows, indexes = Residue(b"..ann..", b""), Residue(b"", b"..ann..")
    assert rows.has(["ann"], [])
    assert indexes.has(["ann"], [])
    assert rows.has([], ["ann"])
    assert not indexes.has([], ["ann"])
    assert not rows.has(["bob"], [b"bob", ""])


@pytest.mark.parametrize("begin", range(0, 100, 7))
def test_part_of_a_long_value_is_enough(begin: int) -> None:
    said = "".join(f"{number:03}," for number in range(50))
    left = said.encode()[begin : begin + 60]
    assert Residue(b"..." + left, b"").has([], [said])
    assert not Residue(b"..." + left.replace(b",", b";"), b"").has([], [said])
