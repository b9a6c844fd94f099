"""The files that all three Amazon releases have in common: reviews and item descriptions, a record a line."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.data.catalogue import PATH_SEPARATOR
from tastemaker.data.folder import FolderMap, TableMap
from tastemaker.data.sources.reading import placeholder_free, records, seconds

NEVER_INPUTS: Final = ("p5_id", "sales_type", "sales_rank", "gram_text", "s3rec_attrs", "semantic_id")
"""Columns that know the future (ids by order of arrival, later sales ranks) or were made by other models."""
LICENCE: Final = "no licence stated; research use with citation; do not redistribute"
COLUMNS: Final = FolderMap(items=TableMap(ignore=[*NEVER_INPUTS, "idgenrec_text"]))
"""How a folder with the joined tables is read where it says nothing itself."""

_ITEMS: Final = pl.Schema(
    {
        "item_id": pl.String(),
        "title": pl.String(),
        "categories": pl.List(pl.String()),
        "brand": pl.String(),
        "price": pl.Float64(),
        "text": pl.String(),
    }
)
_ASIN: Final = re.compile(r"""['"](?:parent_)?asin['"]: *['"]([^'"]+)['"]""")
_PRICE: Final = re.compile(r"\$?\s*(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?")
_SCRIPT: Final = ("getTime", "<span", "<script", "var ")  # scraps of the web page in titles of the 2018 release


def read_reviews(path: Path) -> pl.DataFrame:
    """Read reviews of the 2014 and 2018 releases; a repeated pair of person and item stays repeated.

    Returns:
        ``user_id, item_id, rating, timestamp`` in the file's order. Texts, names and votes are passed over.

    Raises:
        DataError: A line is damaged or lacks one of the four; names the line.
    """
    rows: list[tuple[str, str, float, int]] = []
    for number, review in enumerate(records(path), 1):
        try:
            rows.append(
                (
                    str(review["reviewerID"]),
                    str(review["asin"]),
                    float(review["overall"]),
                    int(review["unixReviewTime"]),
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"not a review: {error!r}", where=f"{path}, record {number}", remedy="Fetch the file anew."
            ) from error
    schema = {"user_id": pl.String, "item_id": pl.String, "rating": pl.Float32, "timestamp": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(seconds("timestamp"))


def read_items(path: Path, wanted: pl.Series, style: Literal["json", "python"]) -> pl.DataFrame:
    """Read descriptions of items, of those with events only, the first of each.

    Returns:
        ``item_id, title, categories`` (one text a path), ``brand, price`` (dollars) and ``text``. What was counted
        after the events (sales ranks, ratings, "also bought") is passed over.

    Raises:
        DataError: A line is damaged; names the line.
    """
    left = set(wanted)
    rows = []
    for record in _described(path, style, left):
        item = str(record.get("parent_asin") or record.get("asin"))
        if item in left:
            left.remove(item)
            rows.append(
                (
                    item,
                    _title(record.get("title")),
                    _paths(record.get("categories") or record.get("category")),
                    _text(record.get("brand") or record.get("store")),
                    _price(record.get("price")),
                    _text(record.get("description")),
                )
            )
    return pl.DataFrame(rows, schema=_ITEMS, orient="row").with_columns(placeholder_free("title"))


def tidy(items: pl.DataFrame) -> pl.DataFrame:
    """Drop what must never be a model's input, and titles that are placeholders."""
    items = items.drop(NEVER_INPUTS, strict=False)
    return items.with_columns(placeholder_free("title")) if "title" in items.columns else items


def _described(path: Path, style: Literal["json", "python"], left: set[str]) -> Iterator[dict[str, Any]]:
    """Yield the records of wanted items; most lines are of others, and looking for the id is cheaper than parsing."""

    def wanted(line: str) -> bool:
        match = _ASIN.search(line)
        return match is None or match[1] in left

    return records(path, style, only=wanted)


def _title(value: Any) -> str | None:
    title = _text(value)
    return None if title is None or any(scrap in title for scrap in _SCRIPT) else title


def _text(value: Any) -> str | None:
    parts = value if isinstance(value, list) else [value]
    joined = " ".join(" ".join(part.split()) for part in parts if isinstance(part, str)).strip()
    return html.unescape(joined) or None


def _paths(value: Any) -> list[str]:
    """Return category paths: several lists (2014) are several paths, one list (2018, 2023) is one."""
    if not isinstance(value, list) or not value:
        return []
    paths = value if isinstance(value[0], list) else [value]
    steps = ([html.unescape(str(step)).strip() for step in path] for path in paths)
    return [PATH_SEPARATOR.join(path) for path in steps if path]


def _price(value: Any) -> float | None:
    if isinstance(value, int | float):
        return float(value)
    match = _PRICE.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(match[1].replace(",", "") + (match[2] or "")) if match else None
