"""The search by text of a server that was given none."""

from __future__ import annotations

from typing import Any, Final, cast

import polars as pl

from tastemaker.data.catalogue import Catalogue
from tastemaker.engine import Engine
from tastemaker.retrieval import TextSearch
from tastemaker.server.service import Reader, Service

_PAGE: Final = 1000
_COLUMNS: Final[dict[str, Any]] = {
    "item_id": pl.String,
    "title": pl.String,
    "text": pl.String,
    "brand": pl.String,
    "categories": pl.List(pl.String),
}


def search_of(engine: Reader) -> TextSearch:
    """Return a search by words alone over the items that there are now."""
    if not engine.live:
        return TextSearch.over_catalogue(cast(Engine, engine).dataset.catalogue)
    rows = _rows(cast(Service, engine))
    return TextSearch.over_catalogue(Catalogue(pl.DataFrame(rows, schema=_COLUMNS)))


def _rows(engine: Service) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while page := engine.items(rows[-1]["item_id"] if rows else "", _PAGE):
        rows += [{**{name: row.get(name) for name in _COLUMNS}, "item_id": item} for item, row in page]
    return rows
