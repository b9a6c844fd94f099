"""Importing logs, catalogues, people and facts from files and databases into a data set's folder."""

from tastemaker.data.importing.columns import Guess, Match
from tastemaker.data.importing.events import EVENT_WEIGHTS
from tastemaker.data.importing.importer import import_events
from tastemaker.data.importing.manifest import FileReport
from tastemaker.data.importing.options import Options
from tastemaker.data.importing.report import ImportReport, read_report
from tastemaker.data.importing.sql import Query
from tastemaker.data.importing.text import Limits

__all__ = [
    "EVENT_WEIGHTS",
    "FileReport",
    "Guess",
    "ImportReport",
    "Limits",
    "Match",
    "Options",
    "Query",
    "import_events",
    "read_report",
]
