"""The record of a cell: what was measured, on what and by which code, as one JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from tastemaker.core.errors import DataError
from tastemaker.core.files import atomic_file
from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.comparison import Comparison
from tastemaker.evaluation.entries import Entry, read_entry
from tastemaker.evaluation.rows import Row, bounds, bounds_json, plain

FORMAT: Final = 1


class Pair(NamedTuple):
    """Two rows whose difference is wanted."""

    model: str
    other: str
    metric: str
    part: str = ""


@dataclass(frozen=True)
class Record:
    """What one cell gave.

    Attributes:
        system: Name of the system.
        cell: Name of the cell.
        comparison: The rows, the data's fingerprint, the split's hash, and every choice.
        code: sha256 of Tastemaker's source.
        rows: Name of a row -> what decided its numbers, in a word; none for a row that may be run another time.
        differences: The differences that expectations ask for, paired over people.
        machine: What it ran on, without names and paths.
    """

    system: str
    cell: str
    comparison: Comparison
    code: str
    rows: Mapping[str, str]
    differences: Mapping[Pair, Interval] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Wall time of fitting and testing all rows, for all seeds, whenever that was."""
        seeds = self.comparison.knobs.get("seeds", [0])
        return len(seeds) * sum(row.seconds for row in self.comparison.done())

    def row(self, model: str) -> Row | None:
        """Return a row that was run."""
        return next((row for row in self.comparison.done() if row.model == model), None)

    def value(self, model: str, metric: str, part: str = "") -> Interval | None:
        """Return a metric of a row, or of a part such as ``popularity: cold``; ``None`` if it is not there."""
        row = self.row(model)
        if row is None:
            return None
        if not part:
            return row.metrics.get(metric)
        found = (piece.metrics.get(metric) for piece in row.slices if f"{piece.family}: {piece.name}" == part)
        return next(found, None)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        differences = [{**pair._asdict(), **bounds_json(found)} for pair, found in self.differences.items()]
        return {
            "format": FORMAT,
            "system": self.system,
            "cell": self.cell,
            "seconds": self.seconds,
            "machine": plain(self.machine),
            "hashes": {
                "code": self.code,
                "data": self.comparison.fingerprint,
                "split": self.comparison.split_hash,
                "rows": dict(self.rows),
                "ranks": {row.model: row.rank_hash for row in self.comparison.done()},
            },
            "differences": differences,
            "comparison": self.comparison.to_json(),
        }

    @classmethod
    def from_json(cls, top: Entry) -> Self:
        """Read what `to_json` wrote.

        Raises:
            DataError: It is no record, of another format version, or damaged.
        """
        version = top["format"].whole()
        if version != FORMAT:
            raise DataError(
                f"this record has format {version}; this version reads format {FORMAT}",
                where=top.file,
                remedy="Run the cell again, or use the version that wrote it.",
            )
        hashes = top["hashes"]
        return cls(
            system=top["system"].text(),
            cell=top["cell"].text(),
            comparison=Comparison.from_json(top["comparison"].value, f"{top.file}: comparison"),
            code=hashes["code"].text(),
            rows={name: word.text() for name, word in hashes["rows"].items()},
            differences={
                Pair(*(one[name].text() for name in Pair._fields)): bounds(one) for one in top["differences"].each()
            },
            machine=top["machine"].mapping(),
        )


def record_path(out: Path, system: str, cell: str) -> Path:
    """Return where the record of a cell lies below the folder of results."""
    return out / system / f"{cell}.json"


def write_record(record: Record, out: Path) -> Path:
    """Write a record below the folder ``out``, whole or not at all, and return its path.

    Raises:
        StorageError: It cannot be written.
    """
    path = record_path(out, record.system, record.cell)
    write_document(record.to_json(), path)
    return path


def write_document(document: Mapping[str, Any], path: Path) -> None:
    """Write JSON values to a file, whole or not at all, so that a difference of two versions can be read.

    Raises:
        StorageError: It cannot be written.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(_written(document), encoding="utf-8")


def read_record(out: Path, system: str, cell: str) -> Record | None:
    """Read the record of a cell; ``None`` if there is none.

    Raises:
        DataError: It is damaged, or of another format version.
    """
    path = record_path(out, system, cell)
    return Record.from_json(read_entry(path)) if path.exists() else None


def read_records(out: Path, system: str, cells: Sequence[str]) -> dict[str, Record]:
    """Read the records of those cells that have one."""
    found = {cell: read_record(out, system, cell) for cell in cells}
    return {cell: record for cell, record in found.items() if record is not None}


def _written(value: Any, depth: int = 0) -> str:
    """Write JSON with what is innermost on one line."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not any(isinstance(part, dict | list) for part in parts):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    inner = "\n" + " " * (depth + 1)
    if isinstance(value, dict):
        lines = [f"{json.dumps(name)}: {_written(part, depth + 1)}" for name, part in value.items()]
        return "{" + inner + f",{inner}".join(lines) + "\n" + " " * depth + "}"
    lines = [_written(part, depth + 1) for part in value]
    return "[" + inner + f",{inner}".join(lines) + "\n" + " " * depth + "]"
