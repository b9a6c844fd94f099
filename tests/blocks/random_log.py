"""A log in which nothing tells anything: everybody touches items drawn uniformly."""

from __future__ import annotations

import numpy as np
import polars as pl

from tastemaker.data.dataset import Dataset


def random_log(people: int = 400, items: int = 300, events: int = 8, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    rows = [
        (f"u{person}", f"i{item}", 1_600_000_000 + 86_400 * day)
        for person in range(people)
        for day, item in enumerate(rng.choice(items, events, replace=False))
    ]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return Dataset.of(frame, pl.DataFrame({"item_id": [f"i{item}" for item in range(items)]}))
