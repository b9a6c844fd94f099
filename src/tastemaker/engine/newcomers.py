"""New items reach a fitted model: one that can score what nobody touched learns of them by what is known of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from tastemaker.data.catalogue import Catalogue
from tastemaker.data.vocabulary import UNKNOWN
from tastemaker.models import DenseRecommender
from tastemaker.store.ports import Row

_logger = logging.getLogger("tastemaker.engine")

_FIELDS: Final[Mapping[str, Any]] = {
    "title": pl.String,
    "text": pl.String,
    "brand": pl.String,
    "author": pl.String,
    "year": pl.Int32,
    "price": pl.Float64,
    "categories": pl.List(pl.String),
}
"""What models read of items, and as what."""


def introduced(model: DenseRecommender, rows: Mapping[str, Row]) -> tuple[DenseRecommender, int]:
    """Return a model that knows items as well, and how many are new to it; the one that is given stays as it is.

    It may go on answering meanwhile. One that cannot take them in is returned itself and goes on without them until
    it is fitted again: they come from other sources, such as what came last.
    """
    if not model.capabilities.cold_items or not rows:
        return model, 0
    ids = list(rows)
    new = [item for item, number in zip(ids, model.items_.index(ids), strict=True) if number == UNKNOWN]
    if not new:
        return model, 0
    try:
        other = model.twin().extend(items=as_catalogue({item: rows[item] for item in new}))
    except Exception:
        # The items are kept and shown by other sources; a model, or its encoder's endpoint, must not undo that.
        _logger.warning("'%s' could not take in %d new items", model.name, len(new), exc_info=True)
        return model, 0
    return other, len(new)


def as_catalogue(rows: Mapping[str, Row]) -> Catalogue:
    """Return rows of a store as a catalogue with the fields that models read."""
    columns: dict[str, pl.Series] = {"item_id": pl.Series("item_id", list(rows), dtype=pl.String)}
    for name, kind in _FIELDS.items():
        values = [row.get(name) for row in rows.values()]
        if any(value is not None for value in values):
            columns[name] = pl.Series(name, values, dtype=kind, strict=False)
    return Catalogue(pl.DataFrame(columns))
