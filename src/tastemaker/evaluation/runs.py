"""Reading lists that others made: TREC runs, and tables of users or queries and items from any library or system."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from tastemaker.core.errors import DataError, nearest
from tastemaker.data.interactions import as_id_column

_QUERY_COLUMNS: Final = ("query_id", "qid", "query", "user_id", "user")
_ITEM_COLUMNS: Final = ("item_id", "docid", "docno", "item")
_SEPARATORS: Final = {".csv": ",", ".tsv": "\t"}
_TREC: Final = "qid Q0 docid rank score tag"


@dataclass(frozen=True)
class RunFile:
    """Lists as they were read.

    Attributes:
        name: What they are called in reports.
        path: Where they came from.
        frame: ``query, item_id`` (text), ``score`` and ``rank`` (numbers; null where the file has none), one row an
            entry in the order of the file.
        order: What puts a list in order: ``score, then rank``, ``rank`` or ``score``.
    """

    name: str
    path: Path
    frame: pl.DataFrame
    order: str


def read_run(path: Path, name: str | None = None) -> RunFile:
    """Read lists: Parquet, CSV or TSV with a header by their suffix, anything else as a TREC run; ``.gz`` as well.

    Tables have a column ``query_id`` or ``user_id``, a column ``item_id``, and ``rank`` (from the smallest) or
    ``score`` (from the largest) or both, of which ``rank`` counts. Lines of a TREC run are
    ``qid Q0 docid rank score tag``; the score counts, as in trec_eval, and the rank among equal scores.

    Args:
        path: The file.
        name: What the lists are called; by default the file's name without its suffix.

    Raises:
        DataError: The file is missing or empty, lacks a column, or a score or rank is no number.
    """
    if not path.is_file():
        raise DataError("there is no such file", where=str(path), remedy="Name a file of lists with --run.")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    kind = (suffixes[:-1] if packed else suffixes)[-1:] or [""]
    stem = name or path.name.split(".")[0]
    try:
        if kind[0] == ".parquet":
            frame, order = _table(pl.read_parquet(path), path, 1)
        elif kind[0] in _SEPARATORS:
            text = pl.read_csv(path, separator=_SEPARATORS[kind[0]], infer_schema=False, encoding="utf8-lossy")
            frame, order = _table(text, path, 2)
        else:
            frame, order = _trec(path, packed=packed), "score, then rank"
    except (pl.exceptions.PolarsError, UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
        raise DataError(
            f"the lists cannot be read: {str(error).splitlines()[0]}",
            where=str(path),
            remedy=f"Write Parquet, CSV with the columns user_id, item_id, rank, or a TREC run: {_TREC}.",
        ) from error
    if not frame.height:
        raise DataError("there are no lists in it", where=str(path), remedy="Write at least one.")
    return RunFile(stem, path, frame, order)


def _column(frame: pl.DataFrame, names: tuple[str, ...], path: Path) -> pl.Series:
    for name in names:
        if name in frame.columns:
            return frame[name]
    raise DataError(
        f"there is no column '{names[0]}'",
        where=f"{path}; columns: {', '.join(frame.columns)}",
        remedy=nearest(names[0], frame.columns),
    )


def _table(given: pl.DataFrame, path: Path, first_line: int) -> tuple[pl.DataFrame, str]:
    """Bring a table into the form of `RunFile.frame`; ``first_line`` is the line of its first row."""
    columns = {name.strip().lstrip("\ufeff").lower(): name for name in given.columns}
    given = given.rename({old: new for new, old in columns.items()})
    query, item = _column(given, _QUERY_COLUMNS, path), _column(given, _ITEM_COLUMNS, path)
    if "rank" not in given.columns and "score" not in given.columns:
        raise DataError(
            "nothing says in which order the items of a list stand",
            where=f"{path}; columns: {', '.join(given.columns)}",
            remedy="Add a column rank (1 is best) or score (largest is best).",
        )
    frame = pl.DataFrame(
        {
            "query": as_id_column(query),
            "item_id": as_id_column(item),
            "score": _numbers(given, "score", path, first_line),
            "rank": _numbers(given, "rank", path, first_line),
        }
    )
    for name in ("query", "item_id"):
        lacking = (frame[name].fill_null("") == "").arg_true()
        if len(lacking):
            raise DataError(f"a row has no {name.replace('_', ' ')}", where=f"{path}, line {lacking[0] + first_line}")
    return frame, "rank" if "rank" in given.columns else "score"


def _numbers(given: pl.DataFrame, name: str, path: Path, first_line: int) -> pl.Series:
    if name not in given.columns:
        return pl.repeat(None, given.height, dtype=pl.Float64, eager=True)
    column = given[name]
    numbers = column.cast(pl.Float64, strict=False)
    wrong = (numbers.is_null() | numbers.is_nan()).arg_true()
    if len(wrong):
        raise _not_a_number(name, str(column[wrong[0]]), path, wrong[0] + first_line)
    return numbers


def _not_a_number(name: str, value: str, path: Path, line: int) -> DataError:
    return DataError(
        f"the {name} is {value!r}, which is no number",
        where=f"{path}, line {line}",
        remedy="Look for a division by zero, or leave the row out.",
    )


def _lines(path: Path, *, packed: bool) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8-sig") if packed else path.open(encoding="utf-8-sig") as file:
        yield from file


def _trec(path: Path, *, packed: bool) -> pl.DataFrame:
    queries: list[str] = []
    items: list[str] = []
    scores: list[float] = []
    ranks: list[float] = []
    for number, line in enumerate(_lines(path, packed=packed), start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 6:
            raise DataError(
                f"a line of a TREC run has 6 fields, and this one has {len(fields)}",
                where=f"{path}, line {number}",
                remedy=f"Write {_TREC}; ids with spaces need Parquet or CSV.",
            )
        queries.append(fields[0])
        items.append(fields[2])
        for name, text, values in (("rank", fields[3], ranks), ("score", fields[4], scores)):
            try:
                value = float(text)
            except ValueError:
                value = float("nan")
            if value != value:
                raise _not_a_number(name, text, path, number)
            values.append(value)
    return pl.DataFrame(
        {"query": queries, "item_id": items, "score": scores, "rank": ranks},
        schema={"query": pl.String, "item_id": pl.String, "score": pl.Float64, "rank": pl.Float64},
    )
