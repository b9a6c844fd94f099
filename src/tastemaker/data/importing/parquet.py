"""Parquet files, some rows at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.data.importing.rows import Batch, Place, shown

ROWS: Final = 500_000


class ParquetInput:
    """A Parquet file.

    Args:
        path: The file.
        rows: How many rows are held at once.

    Raises:
        DataError: It is missing or damaged.
    """

    unit = "row"

    def __init__(self, path: Path, rows: int = ROWS) -> None:
        self.label = str(path)
        self._path, self._rows = path, rows
        self.columns = self._read(pl.scan_parquet(path, glob=False).head(0)).columns

    def sample(self) -> pl.DataFrame:
        """Return the first ten thousand rows."""
        return self._read(pl.scan_parquet(self._path, glob=False).head(10_000))

    def batches(self, place: Place | None, ids: frozenset[str]) -> Iterator[Batch]:
        """Read on from ``place``: ``row``."""
        start = place["row"] if place else 0
        table = pl.scan_parquet(self._path, glob=False)
        height = int(self._read(table.select(pl.len())).item())
        while start < height:
            frame = self._read(table.slice(start, self._rows))
            lines = np.arange(start + 1, start + 1 + frame.height, dtype=np.int64)
            start += frame.height

            def raw(row: int, frame: pl.DataFrame = frame) -> str:
                return shown(json.dumps(frame.row(row, named=True), ensure_ascii=False, default=str))

            yield Batch(frame, lines, raw, {"row": start}, frame.height)

    def _read(self, table: pl.LazyFrame) -> pl.DataFrame:
        try:
            return table.collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(
                f"cannot read the file as Parquet: {str(error).splitlines()[0]}",
                where=self.label,
                remedy="Copy or export it again.",
            ) from error
