"""What all systems share: experiments and what is expected of them, running and resuming them, records and reports."""

from tastemaker.systems.reproduction.bench import Bench, Outcome
from tastemaker.systems.reproduction.expectations import AtLeast, Beats, Published, Verdict
from tastemaker.systems.reproduction.experiments import check_experiment, read_records, run_experiment
from tastemaker.systems.reproduction.leak import Leak
from tastemaker.systems.reproduction.reading import Ground, Reading
from tastemaker.systems.reproduction.records import Record, read_record, write_record
from tastemaker.systems.reproduction.registry import find_system, system_names
from tastemaker.systems.reproduction.report import report
from tastemaker.systems.reproduction.run import check_cell, run_cell
from tastemaker.systems.reproduction.study import Measure, Study, Subject
from tastemaker.systems.reproduction.study_record import StudyRecord, read_study_record
from tastemaker.systems.reproduction.study_run import check_study, run_study
from tastemaker.systems.reproduction.system import Cell, Setting, System, Trial, shipped

__all__ = [
    "AtLeast",
    "Beats",
    "Bench",
    "Cell",
    "Ground",
    "Leak",
    "Measure",
    "Outcome",
    "Published",
    "Reading",
    "Record",
    "Setting",
    "Study",
    "StudyRecord",
    "Subject",
    "System",
    "Trial",
    "Verdict",
    "check_cell",
    "check_experiment",
    "check_study",
    "find_system",
    "read_record",
    "read_records",
    "read_study_record",
    "report",
    "run_cell",
    "run_experiment",
    "run_study",
    "shipped",
    "system_names",
    "write_record",
]
