"""Putting the finished blocks together as a data set's folder, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Final

import polars as pl

from tastemaker.core.errors import StorageError
from tastemaker.data.importing.columns import Table
from tastemaker.data.importing.journal import Journal
from tastemaker.data.importing.manifest import FileReport, write_manifest
from tastemaker.data.importing.report import REPORT, ImportReport
from tastemaker.data.importing.values import as_text
from tastemaker.data.profile import profile_events

FILES: Final[Mapping[Table, str]] = {
    "events": "interactions.parquet",
    "items": "items.parquet",
    "users": "users.parquet",
    "relations": "relations.parquet",
}
QUARANTINE: Final = "quarantine.jsonl"
_KEYS: Final[Mapping[Table, list[str]]] = {
    "items": ["item_id"],
    "users": ["user_id"],
    "relations": ["head", "relation", "tail"],
}
_OWN_IDS: Final[Mapping[Table, str]] = {"items": "item_id", "users": "user_id"}
_TYPES: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {"price": pl.Float64, "year": pl.Int32}

Parts = Mapping[Table, list[list[Path]]]
"""The Parquet files of each table: a list for each input, in order."""
Also = Callable[[ImportReport, Path], None]


def assemble(
    journal: Journal,
    target: Path,
    name: str,
    parts: Parts,
    rejects: list[tuple[str, Table, list[Path]]],
    files: list[FileReport],
    *,
    keep: bool,
    also: Also | None = None,
) -> ImportReport:
    """Write the folder, with what stood there before first.

    Args:
        journal: Where it is built.
        target: The folder.
        name: What the data set is called.
        parts: New rows.
        rejects: New bad rows: label, table and files of each input.
        files: What is said of all files, those from before included.
        keep: Whether what stands in ``target`` is kept.
        also: Writes more files into the folder before it takes its name.

    Raises:
        StorageError: It cannot be written; what stood there stays.
    """
    with journal.replacing(target) as temporary:
        for table, file in FILES.items():
            before = target / file if keep and (target / file).exists() else None
            new = [paths for paths in parts.get(table, []) if paths]
            if new:
                _merge(table, before, new, temporary / file)
            elif before is not None:
                _take_over(before, temporary / file)
        with (temporary / QUARANTINE).open("wb") as quarantine:
            if keep and (target / QUARANTINE).exists():
                with (target / QUARANTINE).open("rb") as earlier:
                    shutil.copyfileobj(earlier, quarantine)
            for label, table, paths in rejects:
                _append(quarantine, label, table, paths)
        (temporary / "dataset.toml").write_text(f"name = {json.dumps(name)}\n", encoding="utf-8")
        write_manifest(temporary, files)
        profile = profile_events(pl.scan_parquet(temporary / FILES["events"]))
        report = ImportReport(name, tuple(files), profile, _described(temporary), _replaced(temporary, files))
        text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False)
        (temporary / REPORT).write_text(text + "\n", encoding="utf-8")
        if also is not None:
            also(report, temporary)
    return report


def _merge(table: Table, before: Path | None, new: list[list[Path]], to: Path) -> None:
    scans = [pl.scan_parquet(before, glob=False)] if before is not None else []
    scans += [pl.scan_parquet(paths, glob=False) for paths in new]
    rows = pl.concat(_alike(scans), how="diagonal_relaxed") if len(scans) > 1 else scans[0]
    try:
        if table == "events":
            rows.sink_parquet(to)
            return
        # A later row says what is true now; of equal facts one is enough.
        frame = rows.collect().unique(_KEYS[table], keep="last", maintain_order=True)
        frame.with_columns(_typed(frame)).write_parquet(to)
    except pl.exceptions.PolarsError as error:
        raise StorageError(
            f"could not write: {str(error).splitlines()[0]}",
            where=str(to),
            remedy="Free some space and run the same import again; what stood there before is untouched.",
        ) from error


def _alike(scans: list[pl.LazyFrame]) -> list[pl.LazyFrame]:
    """Return the tables with lists and structures as JSON text where another table has the column as something else."""
    schemas = [scan.collect_schema() for scan in scans]
    kinds: dict[str, set[pl.DataType]] = {}
    for schema in schemas:
        for name, kind in schema.items():
            kinds.setdefault(name, set()).add(kind)
    written = {name for name, found in kinds.items() if len(found) > 1 and any(kind.is_nested() for kind in found)}
    return [
        scan.with_columns(
            pl.col(name).map_batches(_as_json, return_dtype=pl.String)
            for name, kind in schema.items()
            if name in written and kind.is_nested()
        )
        for scan, schema in zip(scans, schemas, strict=True)
    ]


def _as_json(column: pl.Series) -> pl.Series:
    return pl.Series(column.name, [as_text(value) for value in column.to_list()], dtype=pl.String)


def _described(folder: Path) -> dict[str, int]:
    """Return how many of the items and of the people with events have a row of their own, where there are such rows."""
    found: dict[str, int] = {}
    for table, column in _OWN_IDS.items():
        if (folder / FILES[table]).exists():
            met = pl.scan_parquet(folder / FILES["events"]).select(column).unique()
            known = pl.scan_parquet(folder / FILES[table]).select(pl.col(column).cast(pl.String))
            both = met.join(known, on=column, how="semi").select(pl.len()).collect(engine="streaming")
            found[table] = int(both.item())
    return found


def _replaced(folder: Path, files: list[FileReport]) -> dict[str, int]:
    """Return how many rows of the tables but the events stand no longer, because a later one is of the same."""
    found: dict[str, int] = {}
    for table in _KEYS:
        if (folder / FILES[table]).exists():
            height = int(pl.scan_parquet(folder / FILES[table]).select(pl.len()).collect().item())
            found[table] = sum(file.kept for file in files if file.table == table) - height
    return {table: count for table, count in found.items() if count}


def _typed(frame: pl.DataFrame) -> list[pl.Series]:
    """Return the columns that hold numbers throughout as numbers."""
    found: list[pl.Series] = []
    for name, kind in _TYPES.items():
        if name in frame.columns and frame[name].dtype == pl.String:
            numbers = frame[name].cast(pl.Float64, strict=False)
            whole = kind != pl.Int32 or (numbers.drop_nulls() == numbers.drop_nulls().round()).all()
            if numbers.null_count() == frame[name].null_count() and whole:
                found.append(numbers.cast(kind))
    return found


def _take_over(before: Path, to: Path) -> None:
    try:
        os.link(before, to)
    except OSError:  # no hard links here
        shutil.copy2(before, to)


def _append(quarantine: IO[bytes], label: str, table: Table, paths: list[Path]) -> None:
    start = json.dumps({"file": label, "table": table}, ensure_ascii=False)[:-1].encode()
    for path in paths:
        with path.open("rb") as file:
            for line in file:
                quarantine.write(start + b", " + line[1:])
