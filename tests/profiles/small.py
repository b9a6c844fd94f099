"""A library with a reader whose tastes are known, and lines to cite."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from tastemaker.data import Dataset
from tastemaker.data.catalogue import Users
from tastemaker.profiles.facts import content_words
from tastemaker.profiles.seen import Line

BOOKS = {
    "b1": ("The Long Voyage", 1991, ["Fiction > Sea Stories"], "A whaler and its captain."),
    "b2": ("Salt", 1992, ["Fiction > Sea Stories"], "Two sailors on a small boat."),
    "b3": ("Night House", 2003, ["Fiction > Horror"], "A ghost in an attic."),
    "b4": ("Cold Blood", 2004, ["Fiction > Horror"], "A killer in the snow."),
    "b5": ("Soup", 1995, ["Cooking"], "Broths for every week."),
    "b6": ("Harbour", 1996, ["Fiction > Sea Stories"], "Ships and those who mend them."),
}
RATINGS = {
    "ann": {"b1": 5, "b3": 1, "b2": 5, "b4": 2, "b5": 3},
    "bob": {"b3": 5, "b4": 4, "b1": 2},
    "eve": {"b5": 5, "b1": 5, "b6": 4},
}


def library(consent: bool | None = None) -> Dataset:
    """Return readers who rated books, one a day, in the order of `RATINGS`."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    rows = [
        (user, item, start + timedelta(days=day), float(rating))
        for user, given in RATINGS.items()
        for day, (item, rating) in enumerate(given.items())
    ]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "rating"], orient="row")
    items = [(item, *facts) for item, facts in BOOKS.items()]
    catalogue = pl.DataFrame(items, schema=["item_id", "title", "year", "categories", "text"], orient="row")
    users = None if consent is None else Users(pl.DataFrame({"user_id": ["ann"], "consent": [consent]}))
    return Dataset.of(events, catalogue, users=users, name="library")


def line(item: str, tone: int, words: str) -> Line:
    """Return a line of which every word is a fact."""
    return Line(item, words, tone, content_words(words))
