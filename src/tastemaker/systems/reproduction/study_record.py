"""The record of a study: what every row gave, on what and by which code, as one JSON file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.entries import Entry, read_entry
from tastemaker.evaluation.rows import all_bounds, all_bounds_json, plain
from tastemaker.systems.reproduction.documents import (
    Pair,
    differences_json,
    need_format,
    read_differences,
    record_path,
    write_document,
)
from tastemaker.systems.reproduction.study import Measure

FORMAT: Final = 1
STUDY: Final = "study"


@dataclass(frozen=True, kw_only=True)
class StudyRow:
    """What one row gave.

    Attributes:
        name: The row.
        reason: Why it was not run; nothing where it was.
        values: Measure -> mean over units and seeds, with its interval.
        against: Measure -> difference to the baseline's row, paired over units; above 0 is better.
        by_seed: Measure -> its mean for each seed, where there are several.
        numbers: Numbers without intervals, means over seeds.
        costs: Numbers that another run gives anew, means over seeds.
        settings: What the row was made with, or chose on validation, with the last seed.
        example: One thing that it did or wrote, with the first seed.
        seconds: Wall time for all seeds.
        peak_mb: Peak memory in MB, where that is known.
        hash: sha256 of the values of all units, measures and seeds.
    """

    name: str
    reason: str = ""
    values: Mapping[str, Interval] = field(default_factory=dict)
    against: Mapping[str, Interval] = field(default_factory=dict)
    by_seed: Mapping[str, Sequence[float]] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    example: str = ""
    seconds: float = 0.0
    peak_mb: float | None = None
    hash: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "name": self.name,
            "reason": self.reason,
            "values": all_bounds_json(self.values),
            "against": all_bounds_json(self.against),
            "by_seed": plain(self.by_seed),
            "numbers": plain(self.numbers),
            "costs": plain(self.costs),
            "settings": plain(self.settings),
            "example": self.example,
            "seconds": self.seconds,
            "peak_mb": self.peak_mb,
            "hash": self.hash,
        }

    @classmethod
    def from_json(cls, entry: Entry) -> Self:
        """Read what `to_json` wrote."""
        peak = entry.known("peak_mb")
        return cls(
            name=entry["name"].text(),
            reason=entry["reason"].text(),
            values=all_bounds(entry["values"]),
            against=all_bounds(entry["against"]),
            by_seed={name: [value.number() for value in each.each()] for name, each in entry["by_seed"].items()},
            numbers={name: value.number() for name, value in entry["numbers"].items()},
            costs={name: value.number() for name, value in entry["costs"].items()},
            settings=entry["settings"].mapping(),
            example=entry["example"].text(),
            seconds=entry["seconds"].number(),
            peak_mb=None if peak is None else peak.number(),
            hash=entry["hash"].text(),
        )


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """What a study gave.

    Attributes:
        system: Name of the system.
        cell: Name of the study.
        measures: What was measured.
        units: What has a value each.
        drawn: Whom the intervals are over, where these are not the units.
        baseline: The row that others are compared with; none where empty.
        seeds: Each row was taken once for each.
        cut: How the data were cut.
        counts: Sizes, by what is counted.
        notes: What a reader must know before believing the numbers.
        data: Name of a data set -> sha256 of its content.
        digest: sha256 of all that rows may read and are judged by.
        code: sha256 of Tastemaker's source.
        words: Name of a row -> what decided its numbers, in a word; none for a row that may be run another time.
        rows: What each row gave.
        differences: The differences that expectations ask for, paired over units; above 0 is better.
        machine: What it ran on, without names and paths.
        environment: Versions and platform.
    """

    system: str
    cell: str
    measures: Sequence[Measure]
    units: str
    drawn: str
    baseline: str
    seeds: Sequence[int]
    cut: str
    counts: Mapping[str, int]
    notes: Sequence[str]
    data: Mapping[str, str]
    digest: str
    code: str
    words: Mapping[str, str]
    rows: Sequence[StudyRow]
    differences: Mapping[Pair, Interval]
    machine: Mapping[str, Any]
    environment: Mapping[str, str]

    @property
    def seconds(self) -> float:
        """Wall time of all rows, for all seeds, whenever that was."""
        return sum(row.seconds for row in self.rows)

    def done(self) -> list[StudyRow]:
        """Return the rows that were run."""
        return [row for row in self.rows if not row.reason]

    def row(self, name: str) -> StudyRow | None:
        """Return a row that was run."""
        return next((row for row in self.done() if row.name == name), None)

    def value(self, model: str, metric: str, part: str = "") -> Interval | None:
        """Return a measure or a number of a row; ``None`` if it is not there. A study has no parts."""
        row = self.row(model)
        if row is None or part:
            return None
        plainly = {name: Interval(value) for name, value in {**row.numbers, **row.costs}.items()}
        return row.values.get(metric, plainly.get(metric))

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "format": FORMAT,
            "kind": STUDY,
            "system": self.system,
            "cell": self.cell,
            "seconds": self.seconds,
            "machine": plain(self.machine),
            "environment": dict(self.environment),
            "hashes": {
                "code": self.code,
                "data": dict(self.data),
                "digest": self.digest,
                "rows": dict(self.words),
            },
            "cut": self.cut,
            "counts": plain(self.counts),
            "notes": list(self.notes),
            "units": self.units,
            "drawn": self.drawn,
            "baseline": self.baseline,
            "seeds": list(self.seeds),
            "measures": [
                {"name": each.name, "says": each.says, "lower": each.lower, "rooted": each.rooted}
                for each in self.measures
            ],
            "differences": differences_json(self.differences),
            "rows": [row.to_json() for row in self.rows],
        }

    @classmethod
    def from_json(cls, top: Entry) -> Self:
        """Read what `to_json` wrote.

        Raises:
            DataError: It is no record of a study, of another format version, or damaged.
        """
        if top["kind"].text() != STUDY:
            top["kind"].refuse(f"'{STUDY}'")
        need_format(top, FORMAT)
        hashes = top["hashes"]
        return cls(
            system=top["system"].text(),
            cell=top["cell"].text(),
            measures=[
                Measure(each["name"].text(), each["says"].text(), each["lower"].flag(), each["rooted"].flag())
                for each in top["measures"].each()
            ],
            units=top["units"].text(),
            drawn=top["drawn"].text(),
            baseline=top["baseline"].text(),
            seeds=[seed.whole() for seed in top["seeds"].each()],
            cut=top["cut"].text(),
            counts={name: count.whole() for name, count in top["counts"].items()},
            notes=[note.text() for note in top["notes"].each()],
            data={name: word.text() for name, word in hashes["data"].items()},
            digest=hashes["digest"].text(),
            code=hashes["code"].text(),
            words={name: word.text() for name, word in hashes["rows"].items()},
            rows=[StudyRow.from_json(row) for row in top["rows"].each()],
            differences=read_differences(top["differences"]),
            machine=top["machine"].mapping(),
            environment={name: word.text() for name, word in top["environment"].items()},
        )


def write_study_record(record: StudyRecord, out: Path) -> Path:
    """Write a record below the folder ``out``, whole or not at all, and return its path.

    Raises:
        StorageError: It cannot be written.
    """
    path = record_path(out, record.system, record.cell)
    write_document(record.to_json(), path)
    return path


def read_study_record(out: Path, system: str, study: str) -> StudyRecord | None:
    """Read the record of a study; ``None`` if there is none.

    Raises:
        DataError: It is damaged, of another format version, or of another kind.
    """
    path = record_path(out, system, study)
    return StudyRecord.from_json(read_entry(path)) if path.exists() else None
