"""Several data sets as one, for models that learn from more than one catalogue."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.interactions import Interactions

_EVENTS = ("user_id", "item_id", "timestamp", "event", "weight")


def joined(datasets: Sequence[Dataset]) -> Dataset:
    """Return all events and items of some data sets, whose ids begin with the name of where they come from.

    Nobody and nothing belongs to two of them. Ratings and context are left out.

    Raises:
        DataError: There is none, or two have one name.

    >>> from tastemaker.testing import checkerboard, small_shop
    >>> both = joined([small_shop(), checkerboard()])
    >>> both.name, both.history("checkerboard/u0")[0].partition("/")[0]
    ('small-shop + checkerboard', 'checkerboard')
    """
    names = [dataset.name for dataset in datasets]
    if not names or len(set(names)) < len(names):
        raise DataError(
            "data sets can be joined if each has a name of its own", where=", ".join(names) or "no data sets"
        )
    events, items = [], []
    for dataset in datasets:
        prefix = pl.lit(f"{dataset.name}/")
        events.append(
            dataset.interactions.frame.select(_EVENTS).with_columns(
                (prefix + pl.col(name)).alias(name) for name in ("user_id", "item_id")
            )
        )
        items.append(dataset.catalogue.frame.with_columns((prefix + pl.col("item_id")).alias("item_id")))
    return Dataset.of(
        Interactions.from_frame(pl.concat(events)),
        Catalogue(pl.concat(items, how="diagonal_relaxed")),
        name=" + ".join(names),
    )
