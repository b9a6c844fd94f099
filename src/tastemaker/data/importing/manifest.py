"""What an imported folder says of its files: `import.json`, by which a file that comes again is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from tastemaker.core.errors import DataError

NAME: Final = "import.json"
_FORMAT: Final = 1


@dataclass(frozen=True)
class FileReport:
    """What came of one file.

    Attributes:
        file: Its path as it was given, or the query.
        table: What it was read as.
        sha256: Of its bytes; of the rows, for a query.
        size: Its bytes; 0 for a query.
        lines: Lines, or rows of a table, that were read below the header, blank lines included.
        blank: Blank lines.
        rows: Rows that were found, bad ones included.
        kept: Rows that are in the data set.
        rejected: How many were set aside, by reason.
        kept_lines: Lines that the kept rows took up.
        rejected_lines: Lines that the others took up.
        unknown_events: Kinds of event that were given weight 1 because nobody knows them, and their numbers.
        notes: What else is worth knowing, counted.
        columns: Our name -> the file's name.
        settings: How it was asked for.
    """

    file: str
    table: str
    sha256: str
    size: int
    lines: int
    blank: int
    rows: int
    kept: int
    rejected: Mapping[str, int]
    kept_lines: int
    rejected_lines: int
    unknown_events: Mapping[str, int]
    notes: Mapping[str, int]
    columns: Mapping[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)


def read_manifest(folder: Path) -> list[FileReport]:
    """Return what an imported folder says of its files; nothing where it was not imported.

    Raises:
        DataError: The manifest is damaged or of another version.
    """
    path = folder / NAME
    if not path.is_file():
        return []
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        if held["format"] != _FORMAT:
            raise ValueError(f"format {held['format']}")
        return [FileReport(**entry) for entry in held["files"]]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"cannot read what was imported here before: {error}",
            where=str(path),
            remedy="Import into a new folder.",
        ) from error


def write_manifest(folder: Path, files: list[FileReport]) -> None:
    """Write `import.json`."""
    held = {"format": _FORMAT, "files": [asdict(file) for file in files]}
    (folder / NAME).write_text(json.dumps(held, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def file_report(start: dict[str, Any], records: list[dict[str, Any]], columns: Mapping[str, str]) -> FileReport:
    """Add up the records of a file's blocks."""
    counts: dict[str, Any] = {
        name: sum(record["counts"][name] for record in records)
        for name in ("lines", "blank", "rows", "kept", "kept_lines", "rejected_lines")
    }
    tallies: dict[str, Any] = {name: _added(record["counts"][name] for record in records) for name in _TALLIES}
    return FileReport(**start, **counts, **tallies, columns=columns)


_TALLIES: Final = ("rejected", "unknown_events", "notes")


def _added(parts: Any) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        for name, count in part.items():
            total[name] = total.get(name, 0) + count
    return dict(sorted(total.items(), key=lambda pair: (-pair[1], pair[0])))
