"""What came in: each file with what was kept and set aside, and the facts about the log that came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tastemaker.core.errors import DataError
from tastemaker.data.importing.manifest import FileReport
from tastemaker.data.profile import DataProfile

REPORT: Final = "import_report.json"
_MOST_DESCRIBED: Final = 0.5
_PEOPLE: Final = {"users": "people"}


@dataclass(frozen=True)
class ImportReport:
    """The outcome of an import.

    Attributes:
        name: What the data set is called.
        files: Every file that is in the folder, in the order they came.
        profile: The log as a whole.
        described: Where there are tables of items or people: how many of those with events are in them, by table.
        replaced: Rows of items, people and facts in whose place a later row of the same stands, by table.
        new: How many of ``files`` came with this import; 0 where all were there already.
        skipped: Files that were there already.
    """

    name: str
    files: tuple[FileReport, ...]
    profile: DataProfile
    described: Mapping[str, int] = field(default_factory=dict)
    replaced: Mapping[str, int] = field(default_factory=dict)
    new: int = 0
    skipped: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of all files, bad ones included."""
        return sum(file.rows for file in self.files)

    @property
    def kept(self) -> int:
        """Rows of all files that could be used."""
        return sum(file.kept for file in self.files)

    def rejected(self) -> dict[str, int]:
        """Return how many rows were set aside, by reason, the frequent ones first."""
        return _summed(file.rejected for file in self.files)

    def unknown_events(self) -> dict[str, int]:
        """Return the kinds of event that nobody knows, and their numbers."""
        return _summed(file.unknown_events for file in self.files)

    def suspicions(self) -> list[str]:
        """Say in sentences what should be looked into before results are believed."""
        found: list[str] = []
        for table, known in self.described.items():
            there = self.profile.items if table == "items" else self.profile.users
            share = known / there
            if share < _MOST_DESCRIBED:
                few = f"Only {known:,}" if known else "None"
                found.append(
                    f"{few} of the {there:,} {_PEOPLE.get(table, table)} with events stand in the table of {table}: do "
                    "both tables use the same ids?"
                )
        return found + self.profile.suspicions()

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values; it says nothing of when or how fast the import ran."""
        return {
            "name": self.name,
            "rows": self.rows,
            "kept": self.kept,
            "rejected": self.rejected(),
            "unknown_events": self.unknown_events(),
            "suspicions": self.suspicions(),
            "profile": self.profile.to_dict(),
            "described": dict(self.described),
            "replaced": dict(self.replaced),
            "files": [asdict(file) for file in self.files],
        }

    def of_this_import(self, new: int, skipped: tuple[str, ...]) -> ImportReport:
        """Return the report with what this import added to the folder."""
        return replace(self, new=new, skipped=skipped)


def read_report(folder: Path) -> ImportReport:
    """Read the report that an import left in its folder.

    Raises:
        DataError: There is none, or it is damaged.
    """
    path = folder / REPORT
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        files = tuple(FileReport(**file) for file in held["files"])
        facts = held["profile"]
        for name in ("users_by_events", "events_by_time"):
            facts[name] = tuple(map(tuple, facts[name]))
        return ImportReport(held["name"], files, DataProfile(**facts), held["described"], held["replaced"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"cannot read the report of the import: {error}", where=str(path), remedy="Import into a new folder."
        ) from error


def _summed(parts: Any) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        tally: Mapping[str, int] = part
        for name, count in tally.items():
            total[name] = total.get(name, 0) + count
    return dict(sorted(total.items(), key=lambda pair: (-pair[1], pair[0])))
