"""Small generated data sets whose right answers are known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from tastemaker.data.catalogue import Catalogue, Users
from tastemaker.data.dataset import Dataset
from tastemaker.data.interactions import Interactions

_START = datetime(2024, 1, 1, tzinfo=UTC)


def checkerboard(size: int = 50, seed: int = 0) -> Dataset:
    """Return people and items of two tastes: even people touch even items, odd people odd ones.

    The item of each person's own number is left out, so that the best recommendation to person ``u`` is item
    ``u`` (after the universal model test of the library `implicit`). Titles repeat the taste in words.

    Args:
        size: Number of people and of items.
        seed: Decides the order of each person's events.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(size):
        items = [item for item in range(user % 2, size, 2) if item != user]
        for step, item in enumerate(rng.permutation(items)):
            rows.append((f"u{user}", f"i{item}", _START + timedelta(days=int(step), minutes=user)))
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    tastes = ["even lighthouse harbour", "odd volcano desert"]
    catalogue = pl.DataFrame(
        {"item_id": [f"i{item}" for item in range(size)], "title": [tastes[item % 2] for item in range(size)]}
    )
    return Dataset.of(Interactions.from_frame(events), Catalogue(catalogue), name="checkerboard")


def small_shop(users: int = 40, items: int = 30, events: int = 12, seed: int = 0) -> Dataset:
    """Return a made-up shop: people with a favourite shelf and an age, items with titles, categories and a year.

    A rating is 3, one more or less for what is of the favourite shelf or not, and half a point more or less as the
    item is good and the person generous.

    Args:
        users: Number of people.
        items: Number of items that are bought; three more are in the catalogue and never touched.
        events: Events of each person, at most ``items``.
        seed: Decides everything.
    """
    rng = np.random.default_rng(seed)
    shelves = ["garden", "kitchen", "music"]
    rows = []
    for user in range(users):
        liking = np.where(np.arange(items) % 3 == user % 3, 6.0, 1.0) / (1 + np.arange(items) / 6)
        chosen = rng.choice(items, size=min(events, items), replace=False, p=liking / liking.sum())
        begin = int(rng.integers(0, 60))
        rows += [
            (f"u{user:03}", f"i{item:03}", _START + timedelta(days=begin + step), _rating(user, int(item)))
            for step, item in enumerate(chosen)
        ]
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "rating"], orient="row")
    nouns = ["spade", "pan", "violin", "rake", "bowl", "drum", "hose", "oven", "flute", "seeds"]
    total = items + 3
    catalogue = pl.DataFrame(
        {
            "item_id": [f"i{item:03}" for item in range(total)],
            "title": [f"{shelves[item % 3].title()} {nouns[item % 10]} no. {item}" for item in range(total)],
            "categories": [[shelves[item % 3]] for item in range(total)],
            "year": [2000 + item % 20 for item in range(total)],
        }
    )
    people = pl.DataFrame(
        {"user_id": [f"u{user:03}" for user in range(users)], "age": [(20, 40, 60)[user % 3] for user in range(users)]}
    )
    return Dataset.of(Interactions.from_frame(log), Catalogue(catalogue), users=Users(people), name="small-shop")


def _rating(user: int, item: int) -> float:
    taste = 1.0 if item % 3 == user % 3 else -1.0
    return 3.0 + taste + 0.5 * ((item // 3) % 3 - 1) + 0.5 * ((user // 3) % 3 - 1)
