"""What the records of both kinds of experiment share: where they lie, how they are written, the pairs they compare."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tastemaker.core.errors import DataError
from tastemaker.core.files import atomic_file
from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.entries import Entry
from tastemaker.evaluation.rows import bounds, bounds_json


class Pair(NamedTuple):
    """Two rows whose difference is wanted."""

    model: str
    other: str
    metric: str
    part: str = ""


def differences_json(found: Mapping[Pair, Interval]) -> list[dict[str, Any]]:
    """Return differences as JSON values."""
    return [{**pair._asdict(), **bounds_json(known)} for pair, known in found.items()]


def read_differences(entry: Entry) -> dict[Pair, Interval]:
    """Read what `differences_json` wrote."""
    return {Pair(*(one[name].text() for name in Pair._fields)): bounds(one) for one in entry.each()}


def record_path(out: Path, system: str, cell: str) -> Path:
    """Return where the record of an experiment lies below the folder of results."""
    return out / system / f"{cell}.json"


def need_format(top: Entry, known: int, remedy: str = "Run the cell again, or use the version that wrote it.") -> None:
    """Refuse a record of another format version.

    Raises:
        DataError: It is one.
    """
    version = top["format"].whole()
    if version != known:
        raise DataError(
            f"this record has format {version}; this version reads format {known}", where=top.file, remedy=remedy
        )


def write_document(document: Mapping[str, Any], path: Path) -> None:
    """Write JSON values to a file, whole or not at all, so that a difference of two versions can be read.

    Raises:
        StorageError: It cannot be written.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(_written(document), encoding="utf-8")


def _written(value: Any, depth: int = 0) -> str:
    """Write JSON with what is innermost on one line."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not any(isinstance(part, dict | list) for part in parts):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    inner = "\n" + " " * (depth + 1)
    if isinstance(value, dict):
        lines = [f"{json.dumps(name)}: {_written(part, depth + 1)}" for name, part in value.items()]
        return "{" + inner + f",{inner}".join(lines) + "\n" + " " * depth + "}"
    lines = [_written(part, depth + 1) for part in value]
    return "[" + inner + f",{inner}".join(lines) + "\n" + " " * depth + "]"
