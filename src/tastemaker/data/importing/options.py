"""What an import is told, and how each of its sources is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tastemaker.core.errors import DataError, nearest
from tastemaker.data.importing.columns import KNOWN, Table
from tastemaker.data.importing.delimited import open_delimited
from tastemaker.data.importing.jsonlines import open_json_lines
from tastemaker.data.importing.parquet import ParquetInput
from tastemaker.data.importing.rows import Input
from tastemaker.data.importing.sql import Query, SqlInput
from tastemaker.data.importing.streams import is_parquet, open_stream
from tastemaker.data.importing.text import Encoding, Limits
from tastemaker.data.importing.times import UNITS, Unit

Source = Path | Query
_PACKED = (".gz", ".zst", ".zstd")


@dataclass(frozen=True)
class Options:
    """How files are to be read.

    Attributes:
        columns: Our name -> the file's name; ``items.title`` and the like for tables other than events.
        event_weights: Kind of event -> how much it counts; the file's names and ours are both understood.
        kind: What kind all events are, where no column says it, or not in words; ``None`` finds a column.
        ignore: Columns that stay behind.
        delimiter: Between the fields of CSV; ``None`` finds out.
        header: Whether the first line of CSV names the columns; ``None`` finds out.
        encoding: Of text; ``None`` finds out.
        time_unit: What numbers in the column of times count; ``None`` goes by their size.
        strict: Stop at the first bad row.
        limits: How much is held at once.

    Raises:
        DataError: A name is unknown.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    event_weights: Mapping[str, float] = field(default_factory=dict)
    kind: str | None = None
    ignore: tuple[str, ...] = ()
    delimiter: str | None = None
    header: bool | None = None
    encoding: Encoding | None = None
    time_unit: Unit | None = None
    strict: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.encoding not in (None, "utf-8", "latin-1"):
            raise DataError(f"'{self.encoding}' is no encoding that is read", remedy="utf-8 or latin-1.")
        if self.time_unit not in (None, *UNITS):
            raise DataError(f"'{self.time_unit}' is no unit of time", remedy=nearest(str(self.time_unit), UNITS))
        if self.kind is not None and "event" in self.columns_of("events"):
            raise DataError(
                f"all events are said to be '{self.kind}', and a column is said to tell their kinds",
                where=f"event={self.columns_of('events')['event']}",
                remedy="Give one of them.",
            )
        for name in self.columns:
            table, _, ours = name.rpartition(".")
            if table and table not in KNOWN:
                raise DataError(f"'{name}' names no table", remedy=nearest(table, KNOWN))
            known = KNOWN[table or "events"]  # type: ignore[index]
            if ours not in known:
                raise DataError(f"'{name}' is no column that is looked for", remedy=nearest(ours, known))

    def columns_of(self, table: Table) -> dict[str, str]:
        """Return what was given for one table: our name -> the file's name."""
        split = {name: name.rpartition(".") for name in self.columns}
        return {part[2]: self.columns[name] for name, part in split.items() if (part[0] or "events") == table}

    def weights(self) -> dict[str, float]:
        """Return the weights that were given, by kinds in lower case."""
        return {kind.strip().lower(): float(weight) for kind, weight in self.event_weights.items()}

    def settings(self, table: Table) -> dict[str, Any]:
        """Return what decides how a file of ``table`` comes out, as JSON values."""
        own: dict[str, Any] = {}
        if table == "events":
            own = {"event_weights": self.weights(), "kind": self.kind, "time_unit": self.time_unit}
        return {
            "columns": self.columns_of(table),
            "ignore": sorted(self.ignore),
            "delimiter": self.delimiter,
            "header": self.header,
            "encoding": self.encoding,
            "line": self.limits.line,
            **own,
        }


def open_source(source: Source, options: Options) -> Input:
    """Open a file by its content and its name, or a query.

    Raises:
        DataError: It is missing, empty, or of no kind that is read.
    """
    if isinstance(source, Query):
        return SqlInput(source)
    if is_parquet(source):
        return ParquetInput(source)
    suffixes = [suffix.lower() for suffix in source.suffixes if suffix.lower() not in _PACKED]
    if (suffixes and suffixes[-1] in (".jsonl", ".ndjson", ".json")) or _is_object(source):
        return open_json_lines(source, encoding=options.encoding, limits=options.limits)
    if suffixes and suffixes[-1] in (".xlsx", ".xls", ".ods", ".zip", ".orc", ".avro"):
        raise DataError(
            f"files of the kind {suffixes[-1]} are not read", where=str(source), remedy="Export CSV, JSONL or Parquet."
        )
    return open_delimited(
        source,
        delimiter=options.delimiter,
        header=options.header,
        encoding=options.encoding,
        limits=options.limits,
    )


def _is_object(path: Path) -> bool:
    with open_stream(path) as stream:
        return stream.read(256).lstrip().startswith(b"{")
