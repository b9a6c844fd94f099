"""Cells and studies alike: run, checked, and read from what is on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from tastemaker.systems.reproduction.bench import Bench, Outcome
from tastemaker.systems.reproduction.records import Record, read_record
from tastemaker.systems.reproduction.run import check_cell, run_cell
from tastemaker.systems.reproduction.study import Study
from tastemaker.systems.reproduction.study_record import StudyRecord, read_study_record
from tastemaker.systems.reproduction.study_run import check_study, run_study
from tastemaker.systems.reproduction.system import Cell, System

AnyRecord: TypeAlias = Record | StudyRecord


def run_experiment(system: System, cell: Cell | Study[Any], bench: Bench) -> Outcome[AnyRecord]:
    """Run a cell or a study; see `run_cell` and `run_study`."""
    return run_study(system.name, cell, bench) if isinstance(cell, Study) else run_cell(system, cell, bench)


def check_experiment(system: System, cell: Cell | Study[Any], bench: Bench) -> tuple[list[str], list[str]]:
    """Measure a cell or a study anew and compare it with its record; see `check_cell` and `check_study`."""
    return check_study(system.name, cell, bench) if isinstance(cell, Study) else check_cell(system, cell, bench)


def read_any_record(out: Path, system: System, cell: Cell | Study[Any]) -> AnyRecord | None:
    """Read the record of a cell or a study; ``None`` if there is none.

    Raises:
        DataError: It is damaged, of another format version, or of the other kind.
    """
    if isinstance(cell, Study):
        return read_study_record(out, system.name, cell.name)
    return read_record(out, system.name, cell.name)


def read_records(out: Path, system: System) -> dict[str, AnyRecord]:
    """Read the records of those cells and studies of a system that have one, by their names."""
    found = {cell.name: read_any_record(out, system, cell) for cell in system.cells}
    return {name: record for name, record in found.items() if record is not None}
