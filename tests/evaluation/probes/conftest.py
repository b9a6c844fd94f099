"""Logs of a shop in which nothing leaks, and the means to plant what leaks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.data import Catalogue, Dataset, Split, global_time, leave_one_out

_START = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
_DAY = 86_400


@dataclass
class Log:
    """Events of people with a favourite shelf, some of them on the same day, with items that come and go.

    Attributes:
        user: int64 ``[e]``, ascending.
        item: int64 ``[e]``; distinct for each person.
        day: int64 ``[e]``, ascending for each person.
    """

    user: NDArray[np.int64]
    item: NDArray[np.int64]
    day: NDArray[np.int64]
    items: int
    columns: dict[str, Any] = field(default_factory=dict)

    def dataset(self, names: NDArray[np.int64] | None = None, *, prefix: str = "", times: bool = True) -> Dataset:
        """Return the data set with item ``i`` called ``names[i]``."""
        names = np.arange(self.items) if names is None else names
        named = [f"{prefix}{name}" for name in names]
        events = pl.DataFrame(
            {
                "user_id": [f"u{user:05}" for user in self.user],
                "item_id": [named[item] for item in self.item],
                **({"timestamp": _START + self.day * _DAY} if times else {}),
            }
        )
        return Dataset.of(events, Catalogue(pl.DataFrame({"item_id": named, **self.columns})), name="log")

    def sorted_by(self, *keys: NDArray[np.int64]) -> Log:
        """Return the log in another order of its rows; the last key counts most, after the person."""
        order = np.lexsort((*keys, self.user))
        return Log(self.user[order], self.item[order], self.day[order], self.items, self.columns)


def honest_log(seed: int, people: int = 300, items: int = 150) -> Log:
    """Return a log in which the order of ids, of ties and of columns is left to chance."""
    rng = np.random.default_rng(seed)
    shelf = rng.integers(0, 5, size=items)
    appeal = rng.gamma(0.7, size=items) + 0.02
    peak, width = rng.uniform(-50, 450, size=items), rng.uniform(80, 400, size=items)
    users, chosen, days = [], [], []
    for user in range(people):
        liking = appeal * np.where(shelf == user % 5, 5.0, 1.0)
        day, left = int(rng.integers(0, 200)), np.ones(items, dtype=bool)
        for _ in range(min(int(rng.integers(4, 14)), items)):
            weight = liking * np.exp(-(((day - peak) / width) ** 2)) * left + 1e-9 * left
            item = int(rng.choice(items, p=weight / weight.sum()))
            left[item] = False
            users.append(user)
            chosen.append(item)
            days.append(day)
            day += int(rng.choice([0, 1, 30], p=[0.4, 0.3, 0.3]))
    price = np.round(np.exp(rng.normal(3, 1, size=items) + 0.2 * np.log(appeal)), 2)
    columns = {
        "title": [f"Thing {'x' * int(rng.integers(0, 30))}{item}" for item in range(items)],
        "price": price,
        "categories": [[f"shelf {number}"] for number in shelf],
        "colour": rng.choice(["red", "green", "blue"], size=items).tolist(),
    }
    return Log(np.asarray(users), np.asarray(chosen), np.asarray(days), items, columns)


def shuffled_names(log: Log, seed: int) -> NDArray[np.int64]:
    """Return a name for each item that tells nothing."""
    return np.random.default_rng([seed, 1]).permutation(log.items)


def names_by_arrival(log: Log) -> NDArray[np.int64]:
    """Return the place of each item's first event in the file; items without events come last."""
    first = np.full(log.items, len(log.item))
    np.minimum.at(first, log.item, np.arange(len(log.item)))
    names = np.empty(log.items, dtype=np.int64)
    names[np.argsort(first, kind="stable")] = np.arange(log.items)
    return names


def honest(seed: int, **sizes: int) -> Dataset:
    log = honest_log(seed, **sizes)
    return log.dataset(shuffled_names(log, seed))


def splits(dataset: Dataset) -> tuple[Split, Split]:
    return leave_one_out(dataset), global_time(dataset)
