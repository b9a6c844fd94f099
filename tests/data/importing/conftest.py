"""A file goes in; what came of it is looked at."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tastemaker.data.importing import ImportReport, Limits, Options, import_events

SMALL = Limits(block=4096, line=1024)
"""Blocks so small that a test of some hundred rows has many."""


@dataclass(frozen=True)
class Imported:
    """What an import left."""

    folder: Path
    report: ImportReport

    @property
    def events(self) -> pl.DataFrame:
        return pl.read_parquet(self.folder / "interactions.parquet")

    @property
    def quarantine(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "quarantine.jsonl").read_bytes().splitlines()]

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(entry["line"], entry["reason"]) for entry in self.quarantine]

    def pairs(self) -> list[tuple[str, str]]:
        return self.events.select("user_id", "item_id").rows()


Import = Callable[..., Imported]


@pytest.fixture
def importing(tmp_path: Path) -> Import:
    """Write one file and import it; keyword arguments are `Options`."""

    def run(content: str | bytes, name: str = "events.csv", **options: Any) -> Imported:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        folder = tmp_path / "shop"
        return Imported(folder, import_events([path], folder, options=Options(**options)))

    return run


def content(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
