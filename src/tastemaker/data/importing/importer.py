"""Importing: sources in, a data set's folder out; block by block, so that nothing has to fit in memory at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data.importing.assemble import FILES, Also, assemble
from tastemaker.data.importing.columns import Table
from tastemaker.data.importing.journal import Journal
from tastemaker.data.importing.manifest import NAME, FileReport, read_manifest
from tastemaker.data.importing.options import Options, Source
from tastemaker.data.importing.reading import OnGuess, read_task
from tastemaker.data.importing.report import ImportReport, read_report
from tastemaker.data.importing.tasks import Task, Told, find_tasks


def import_events(
    sources: Sequence[Source],
    folder: Path,
    *,
    items: Sequence[Source] = (),
    users: Sequence[Source] = (),
    relations: Sequence[Source] = (),
    options: Options | None = None,
    name: str | None = None,
    replace: bool = False,
    also: Also | None = None,
    run: Run | None = None,
    notify: Told = lambda text: None,
    on_guess: OnGuess = lambda guess: None,
) -> ImportReport:
    """Read event logs, and what is known of items and people, into a folder that `read_folder` reads.

    Rows keep the order of their files. A row that cannot be used is set aside in ``quarantine.jsonl`` with its line
    and the reason. A file that is in the folder already (by its sha256) is passed over; other files are added to
    what is there; of items and people a later row replaces an earlier one. The folder is complete or as it was
    before; an import that was cut off goes on after its last finished block when it is started again.

    Args:
        sources: Event logs: CSV, TSV, JSON Lines (each also as .gz and .zst), Parquet, or a `Query`.
        folder: Where the data set goes.
        items: The catalogue.
        users: What is known of people.
        relations: Facts: head, relation, tail.
        options: How files are read.
        name: What the data set is called; the folder's name by default.
        replace: Do not keep what an earlier import left in the folder.
        also: Writes more files into the folder before it takes its name.
        run: Shows progress.
        notify: Is told what is worth knowing.
        on_guess: Is shown what the columns of each file are taken for.

    Raises:
        DataError: A source is missing, damaged or lacks a needed column; with ``strict``, a row is bad; or no row
            is left.
        StorageError: Something cannot be written; the folder is as it was before.
        MissingExtraError: A source needs an extra that is not installed.
    """
    given: dict[Table, Sequence[Source]] = {"events": sources, "items": items, "users": users, "relations": relations}
    target = folder.resolve()
    journal = Journal.beside(target)
    with journal.locked():
        journal.recover(target)
        held = [] if replace else read_manifest(target)
        _need_room(target, replace=replace, held=held)
        options = options or Options()
        tasks, skipped = find_tasks(given, held, options, notify)
        if not tasks and held:
            journal.discard()
            return read_report(target).of_this_import(0, tuple(skipped))
        _need_events(tasks, held, folder)
        if journal.begin(_plan(tasks, held, options, replace=replace)):
            notify("An import of these files was cut off; it goes on after the last block that was finished.")
        try:
            done = [read_task(task, held, journal, options, run or Run(), on_guess) for task in tasks]
            pairs = [(task, file) for task, file in zip(tasks, done, strict=True) if file is not None]
            if pairs or not held:
                report = _finish(journal, target, name or target.name, pairs, held, also, replace)
            else:
                report = read_report(target)
        except DataError:
            journal.discard()
            raise
        journal.discard()
    same = [task.label for task, file in zip(tasks, done, strict=True) if file is None]
    return report.of_this_import(len(pairs), (*skipped, *same))


def _plan(tasks: list[Task], held: list[FileReport], options: Options, *, replace: bool) -> dict[str, Any]:
    """Return what has to be the same for an import to go on where another one was cut off."""
    return {
        "tasks": [task.plan() | options.settings(task.table) for task in tasks],
        "held": [file.sha256 for file in held],
        "block": options.limits.block,
        "replace": replace,
    }


def _need_room(folder: Path, *, replace: bool, held: list[FileReport]) -> None:
    if held or not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (replace and (folder / NAME).exists()):
        raise DataError(
            f"the folder holds other things: it has no {NAME}",
            where=str(folder),
            remedy="Import into a new or an empty folder; nothing was touched.",
        )


def _need_events(tasks: list[Task], held: list[FileReport], folder: Path) -> None:
    if not any(task.table == "events" for task in tasks) and not any(file.table == "events" for file in held):
        raise DataError("there are no events to import", where=str(folder), remedy="Name a log of events first.")


def _finish(
    journal: Journal,
    target: Path,
    name: str,
    pairs: list[tuple[Task, FileReport]],
    held: list[FileReport],
    also: Also | None,
    replace: bool,
) -> ImportReport:
    files = held + [file for _, file in pairs]
    if not any(file.kept for file in files if file.table == "events"):
        _say_all_bad("events", pairs, journal)
    for table in ("items", "users", "relations"):
        new = [file for _, file in pairs if file.table == table]
        if any(file.rows for file in new) and not any(file.kept for file in new):
            _say_all_bad(table, pairs, journal)
    parts: dict[Table, list[list[Path]]] = {table: [] for table in FILES}
    rejects: list[tuple[str, Table, list[Path]]] = []
    for task, _ in pairs:
        records = journal.records(task.number)
        parts[task.table].append(journal.parts(task.number, records))
        rejects.append((task.label, task.table, journal.rejected(task.number, records)))
    return assemble(journal, target, name, parts, rejects, files, keep=not replace, also=also)


def _say_all_bad(table: str, pairs: list[tuple[Task, FileReport]], journal: Journal) -> None:
    found = [(task, file) for task, file in pairs if task.table == table]
    task, file = next((pair for pair in found if pair[1].rows), found[0])
    if not file.rows:
        raise DataError("the file has no rows", where=task.label, remedy="Export it again.")
    reason = next(iter(file.rejected))
    for path in journal.rejected(task.number, journal.records(task.number)):
        with path.open(encoding="utf-8") as lines:
            first = json.loads(next(lines))
        raise DataError(
            f"none of the {file.rows:,} rows can be used; most often: {reason}",
            where=f"{task.label}, line {first['line']}: {first['reason']}",
            remedy="Check the columns (--column) and the delimiter.",
        )
