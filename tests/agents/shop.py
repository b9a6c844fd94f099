"""A shop of forty made-up books with an engine, and a reader that says what it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tastemaker.agents.acts import Act
from tastemaker.agents.state import State
from tastemaker.data import Dataset
from tastemaker.engine import Engine
from tastemaker.models import make_model

MOODS = ("dark", "funny", "quiet", "grand")
LENGTHS = ("short", "medium", "long")
BOOKS: list[dict[str, Any]] = [
    {
        "item_id": f"b{number:02}",
        "title": f"Book {number:02}",
        "moods": [MOODS[number % 4], MOODS[number % 3]] if number % 4 != number % 3 else [MOODS[number % 4]],
        "length": LENGTHS[number % 3],
        "year": 1800.0 + number,
        "text": f"A tale of {'the sea' if number % 5 == 0 else 'the town'}.",
    }
    for number in range(40)
]


def shop() -> Engine:
    """Return an engine over the books; everybody has read three that follow each other."""
    events = [
        {"user_id": f"u{reader}", "item_id": f"b{(reader + k) % 40:02}"} for reader in range(60) for k in range(3)
    ]
    dataset = Dataset.of(pl.DataFrame(events), pl.DataFrame(BOOKS), name="books")
    return Engine(make_model("item-knn").fit(dataset), dataset)


@dataclass
class Told:
    """What a reader gives."""

    acts: Sequence[Act] = ()
    notes: Sequence[str] = ()


@dataclass
class Prompter:
    """A reader that gives what it was told to, whatever the words."""

    acts: list[Act] = field(default_factory=list)

    def read(self, text: str, state: State) -> Told:
        return Told(self.acts)
