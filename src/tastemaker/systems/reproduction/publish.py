"""The report of a system and its pictures as files beside the records, written and compared with what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tastemaker.core.errors import StorageError
from tastemaker.core.files import atomic_file
from tastemaker.evaluation.plots_standalone import MARK
from tastemaker.systems.reproduction.experiments import AnyRecord, read_records
from tastemaker.systems.reproduction.figures import Figure, figures, study_figure
from tastemaker.systems.reproduction.leak import read_shown
from tastemaker.systems.reproduction.records import Record
from tastemaker.systems.reproduction.report import report
from tastemaker.systems.reproduction.study import Study
from tastemaker.systems.reproduction.study_record import StudyRecord
from tastemaker.systems.reproduction.system import Cell, System


def report_path(out: Path, system: str) -> Path:
    """Return where the report of a system lies below the folder of results."""
    return out / f"{system}.md"


def report_files(system: System, out: Path) -> Mapping[Path, str]:
    """Return what the records below ``out`` give: each picture, then the report that shows them.

    Raises:
        DataError: A record is damaged, or of another format version.
    """
    records = read_records(out, system)
    files = {
        out / system.name / figure.name: figure.svg
        for cell in system.cells
        if cell.name in records
        for figure in _figures(cell, records[cell.name])
    }
    return {**files, report_path(out, system.name): report(system, records, read_shown(out, system.name))}


def _figures(cell: Cell | Study[Any], record: AnyRecord) -> list[Figure]:
    if isinstance(cell, Study) and isinstance(record, StudyRecord):
        figure = study_figure(cell, record)
        return [] if figure is None else [figure]
    return figures(cell, record) if isinstance(cell, Cell) and isinstance(record, Record) else []


def write_report(system: System, out: Path) -> Path:
    """Write the report of a system with its pictures, each file whole or not at all, and return the report's path.

    Pictures of cells that are gone are removed.

    Raises:
        DataError: A record is damaged, or of another format version.
        StorageError: A file cannot be written or removed.
    """
    files = report_files(system, out)
    for path, text in files.items():
        with atomic_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    for path in _left_over(system, out, files):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                f"could not remove: {error.strerror or error}", where=str(path), remedy="Remove it yourself."
            ) from error
    return report_path(out, system.name)


def outdated(system: System, out: Path) -> list[Path]:
    """Return the files of a report that are not what the records give, or should not be there; sorted.

    Where no report was ever written there are none.

    Raises:
        DataError: A record is damaged, or of another format version.
    """
    if not report_path(out, system.name).exists():
        return []
    files = report_files(system, out)
    changed = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    return sorted([*changed, *_left_over(system, out, files)])


def _left_over(system: System, out: Path, files: Mapping[Path, str]) -> Iterator[Path]:
    """Yield pictures of ours that no cell has any more; those of others are left alone."""
    for path in sorted((out / system.name).glob("*.svg")):
        if path not in files and MARK in path.read_text(encoding="utf-8", errors="replace"):
            yield path
