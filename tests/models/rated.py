"""Made-up ratings for tests of models that predict them."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.data import Dataset


def toy(users: int = 12, items: int = 8, share: float = 0.6, seed: int = 4) -> tuple[Dataset, NDArray[np.float64]]:
    """Return ratings in halves from 0.5 to 5, and the same as a matrix with NaN where none is, ``[u, n]``.

    Rows of the matrix are people in the order of the data, columns items in the order of its vocabulary.
    """
    rng = np.random.default_rng(seed)
    given = np.where(rng.random((users, items)) < share, rng.integers(1, 11, (users, items)) / 2, np.nan)
    given[:, 0], given[0] = 3.0, 4.0
    rows = [(f"u{u:02}", f"i{i}", given[u, i]) for u, i in zip(*np.nonzero(~np.isnan(given)), strict=True)]
    data = Dataset.of(pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row"))
    return data, given[:, [int(raw[1:]) for raw in data.items.ids]]


def everybody(data: Dataset) -> list[str]:
    """Return all people, in the order of the rows of `toy`."""
    return list(data.sequences.user_ids)
