"""What an import has to read: the sources that are new, and those that the folder holds already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tastemaker.core.errors import DataError
from tastemaker.data.importing.columns import Table
from tastemaker.data.importing.manifest import FileReport
from tastemaker.data.importing.options import Options, Source
from tastemaker.data.importing.sql import Query
from tastemaker.data.importing.streams import digest

Told = Callable[[str], None]


@dataclass
class Task:
    """One source that is to be read.

    Attributes:
        number: Its place among the new sources.
        source: The file or query.
        table: What it is read as.
        label: How it is called in messages.
        sha256: Of the file; empty for a query, whose rows are not known yet.
        size: Bytes of the file; 0 for a query.
    """

    number: int
    source: Source
    table: Table
    label: str
    sha256: str
    size: int

    def plan(self) -> dict[str, Any]:
        """Return what makes this task another than others, as JSON values."""
        return {"table": self.table, "file": self.label, "sha256": self.sha256}


def find_tasks(
    given: Mapping[Table, Sequence[Source]], held: list[FileReport], options: Options, notify: Told
) -> tuple[list[Task], list[str]]:
    """Return what is to be read, and what is in the folder already."""
    tasks: list[Task] = []
    skipped: list[str] = []
    for table, sources in given.items():
        known = {file.sha256: file for file in held if file.table == table}
        for source in sources:
            task = _task(len(tasks), source, table, held)
            before = known.get(task.sha256)
            if before is not None:
                _need_same_settings(task, before, options)
                skipped.append(task.label)
            elif any(task.plan() == other.plan() for other in tasks):
                notify(f"{task.label} is named twice; it is imported once.")
            else:
                if any(file.file == task.label and file.table == table for file in held):
                    notify(f"{task.label} was imported before with other content; its rows are added to those.")
                tasks.append(task)
    return tasks, skipped


def _task(number: int, source: Source, table: Table, held: list[FileReport]) -> Task:
    if isinstance(source, Query):
        return Task(number, source, table, source.label, "", 0)
    earlier = {file.size: file for file in held if file.table == table and file.size}
    sha256, starts = digest(source, set(earlier))
    size = source.stat().st_size
    for length, start in starts.items():
        if length < size and start == earlier[length].sha256:
            raise DataError(
                f"the file begins with all of {earlier[length].file}, which is imported already, and goes on",
                where=str(source),
                remedy="Import the new lines alone as a file of their own, or everything anew with --replace.",
            )
    return Task(number, source, table, str(source), sha256, size)


def _need_same_settings(task: Task, before: FileReport, options: Options) -> None:
    now = options.settings(task.table)
    different = [name for name, value in before.settings.items() if now.get(name) != value]
    if different:
        raise DataError(
            f"the file was imported before with other settings: {', '.join(different)}",
            where=task.label,
            remedy="Import everything anew with --replace, or into another folder.",
        )
