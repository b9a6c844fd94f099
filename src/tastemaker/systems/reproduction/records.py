"""The record of a cell: what was measured, on what and by which code, as one JSON file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.comparison import Comparison
from tastemaker.evaluation.entries import Entry, read_entry
from tastemaker.evaluation.rows import Row, plain
from tastemaker.systems.reproduction.documents import (
    Pair,
    differences_json,
    need_format,
    read_differences,
    record_path,
    write_document,
)

FORMAT: Final = 1


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
            "differences": differences_json(self.differences),
            "comparison": self.comparison.to_json(),
        }

    @classmethod
    def from_json(cls, top: Entry) -> Self:
        """Read what `to_json` wrote.

        Raises:
            DataError: It is no record, of another format version, or damaged.
        """
        need_format(top, FORMAT)
        hashes = top["hashes"]
        return cls(
            system=top["system"].text(),
            cell=top["cell"].text(),
            comparison=Comparison.from_json(top["comparison"].value, f"{top.file}: comparison"),
            code=hashes["code"].text(),
            rows={name: word.text() for name, word in hashes["rows"].items()},
            differences=read_differences(top["differences"]),
            machine=top["machine"].mapping(),
        )


def write_record(record: Record, out: Path) -> Path:
    """Write a record below the folder ``out``, whole or not at all, and return its path.

    Raises:
        StorageError: It cannot be written.
    """
    path = record_path(out, record.system, record.cell)
    write_document(record.to_json(), path)
    return path


def read_record(out: Path, system: str, cell: str) -> Record | None:
    """Read the record of a cell; ``None`` if there is none.

    Raises:
        DataError: It is damaged, or of another format version.
    """
    path = record_path(out, system, cell)
    return Record.from_json(read_entry(path)) if path.exists() else None
