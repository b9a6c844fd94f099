"""What all systems share: cells and what is expected of them, running and resuming them, records and reports."""

from tastemaker.systems.reproduction.expectations import AtLeast, Beats, Published, Verdict
from tastemaker.systems.reproduction.leak import Leak
from tastemaker.systems.reproduction.records import Record, read_record, write_record
from tastemaker.systems.reproduction.registry import find_system, system_names
from tastemaker.systems.reproduction.report import report
from tastemaker.systems.reproduction.run import Bench, Outcome, check_cell, run_cell
from tastemaker.systems.reproduction.system import Cell, Setting, System, Trial, shipped

__all__ = [
    "AtLeast",
    "Beats",
    "Bench",
    "Cell",
    "Leak",
    "Outcome",
    "Published",
    "Record",
    "Setting",
    "System",
    "Trial",
    "Verdict",
    "check_cell",
    "find_system",
    "read_record",
    "report",
    "run_cell",
    "shipped",
    "system_names",
    "write_record",
]
