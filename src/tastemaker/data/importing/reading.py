"""Reading one source to its end: what its columns are, block after block into the journal, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data.importing.columns import Guess, guess_columns
from tastemaker.data.importing.journal import Journal
from tastemaker.data.importing.judging import IDS, Judged, judge
from tastemaker.data.importing.manifest import FileReport, file_report
from tastemaker.data.importing.options import Options, open_source
from tastemaker.data.importing.rows import Batch, Input, Reject
from tastemaker.data.importing.sql import Query, SqlInput
from tastemaker.data.importing.tasks import Task

OnGuess = Callable[[Guess], None]

_NO_COUNTS: Final = dict.fromkeys(("lines", "blank", "rows", "kept", "kept_lines", "rejected_lines"), 0)


def read_task(
    task: Task,
    held: list[FileReport],
    journal: Journal,
    options: Options,
    run: Run,
    on_guess: OnGuess,
) -> FileReport | None:
    """Read one source to its end; return what came of it, or nothing where a query gave what is there already."""
    source = open_source(task.source, options)
    guess = guess_columns(
        source.sample(),
        task.table,
        task.label,
        options.columns_of(task.table),
        frozenset(options.ignore),
        options.kind,
    )
    if options.time_unit is not None:
        guess = replace(guess, unit=options.time_unit)
    on_guess(guess)
    records = journal.records(task.number)
    if not records or not records[-1]["done"]:
        if isinstance(source, SqlInput):
            journal.forget(task.number)
            records = []
        records = _read_on(task, source, guess, records, journal, options, run)
    sha256 = records[-1].get("sha256", task.sha256)
    if isinstance(task.source, Query):
        before = next((file for file in held if file.table == task.table and file.file == task.label), None)
        if before is not None and before.sha256 == sha256:
            return None
        if before is not None:
            raise DataError(
                "the query was imported before and gives other rows now",
                where=task.label,
                remedy="Ask for the new rows alone, or import everything anew with --replace.",
            )
    start = {
        "file": task.label,
        "table": task.table,
        "sha256": sha256,
        "size": task.size,
        "settings": options.settings(task.table),
    }
    return file_report(start, records, guess.columns)


def _read_on(
    task: Task,
    source: Input,
    guess: Guess,
    records: list[dict[str, Any]],
    journal: Journal,
    options: Options,
    run: Run,
) -> list[dict[str, Any]]:
    """Read a source from where it was left; each block is judged and written while the next one is parsed."""
    ids = frozenset(theirs for ours, theirs in guess.columns.items() if ours in IDS)
    place = records[-1]["place"] if records else None
    weights = options.weights()

    def settle(batch: Batch, block: int) -> None:
        judged = judge(batch, guess, weights)
        if options.strict and judged.rejects:
            raise _strict_error(judged.rejects[0], source)
        record = {"done": False, "counts": _counts(batch, judged)}
        journal.commit(task.number, block, judged.kept, judged.rejects, batch.place, record)

    settling: Future[None] | None = None
    block = len(records)
    with ThreadPoolExecutor(1) as worker, run.track(f"Importing {task.label}", task.size or None) as advance:
        done = 0
        for batch in source.batches(place, ids):
            if settling is not None:
                settling.result()
            settling = worker.submit(settle, batch, block)
            block += 1
            offset = min(int(batch.place.get("offset", 0)), task.size)
            advance(max(0, offset - done))
            done = max(done, offset)
        if settling is not None:
            settling.result()
    last: dict[str, Any] = {"done": True, "counts": _NO_COUNTS | {"rejected": {}, "unknown_events": {}, "notes": {}}}
    if isinstance(source, SqlInput):
        last["sha256"] = source.sha256()
    journal.commit(task.number, block, pl.DataFrame(), [], {}, last)
    return journal.records(task.number)


def _counts(batch: Batch, judged: Judged) -> dict[str, Any]:
    return {
        "lines": batch.read,
        "blank": batch.blank,
        "rows": judged.kept.height + len(judged.rejects),
        "kept": judged.kept.height,
        "kept_lines": judged.kept_lines,
        "rejected_lines": judged.rejected_lines,
        "rejected": dict(Counter(reject.kind for reject in judged.rejects)),
        "unknown_events": dict(judged.unknown),
        "notes": batch.notes,
    }


def _strict_error(reject: Reject, source: Input) -> DataError:
    column = f", column '{reject.column}'" if reject.column else ""
    return DataError(
        reject.reason,
        where=f"{source.label}, {source.unit} {reject.line}{column}",
        remedy="Correct it, or import without --strict: bad rows are then set aside with their lines.",
    )
