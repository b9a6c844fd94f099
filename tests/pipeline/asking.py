"""A small shop, a model that gives fixed scores, and requests, for the tests of stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import to_microseconds
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.vocabulary import Vocabulary
from tastemaker.models import storage
from tastemaker.models.base import DenseRecommender, Scores
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.stage import Chance, Context, Person

NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
BRANDS: Final = ("anvil", "bodkin", "chisel")


def row(number: int, **changes: Any) -> dict[str, Any]:
    """Return what is known of item ``i{number}``: brands in turn, one older by a day than the one before."""
    return {
        "title": f"Thing no. {number}",
        "brand": BRANDS[number % 3],
        "categories": [f"c{number % 4}", f"d{number % 2}"],
        "price": float(number),
        "added": (NOW - timedelta(days=number)).isoformat(),
        **changes,
    }


def shop(n: int = 12) -> Shelf:
    """Return a shelf with the items ``i0`` to ``i{n-1}``, numbered so."""
    shelf = Shelf()
    if n:
        shelf.put({f"i{number}": row(number) for number in range(n)}, to_microseconds(NOW - timedelta(days=400)))
    return shelf


def asked(shelf: Shelf, person: Person | None = None, *, seed: int = 0, **query: Any) -> Context:
    """Return a request."""
    deadline, clock = query.pop("deadline_at", None), query.pop("clock", None)
    context = Context(Query(**{"history": (), "now": NOW, **query}), person or Person(), shelf, NOW, Chance(seed))
    context.deadline = deadline
    if clock is not None:
        context.clock = clock
    return context


def numbers(*items: int) -> NDArray[np.int32]:
    """Return item numbers as persons and slates keep them."""
    return np.asarray(items, dtype=np.int32)


def slate(items: Sequence[int], scores: Sequence[float] | None = None, **more: Any) -> Slate:
    """Return candidates; by default with scores that fall by 1 from place to place."""
    given = scores if scores is not None else range(len(items), 0, -1)
    return Slate(numbers(*items), np.asarray(given, dtype=np.float32), **more)


class Table(DenseRecommender):
    """Gives each item a fixed score, whoever asks."""

    name: ClassVar[str] = "table"
    capabilities = Capabilities(reads=frozenset())

    def __init__(self, scores: Mapping[str, float]) -> None:
        self.items_ = Vocabulary(np.asarray([*scores, None], dtype=object)[:-1], (len(scores),))
        self.scores = np.asarray(list(scores.values()), dtype=np.float32)
        self.calls = 0

    def score(self, queries: QueryBatch) -> Scores:
        self.calls += 1
        return np.tile(self.scores, (len(queries), 1))

    def settings(self) -> dict[str, Any]:
        return {}

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Self:
        return self

    def _parts(self, query: Query, item: int) -> Contributions:
        raise NotImplementedError

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        raise NotImplementedError

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        raise NotImplementedError


def falling(n: int = 12) -> Table:
    """Return a model that likes ``i0`` best, then ``i1``, and so on."""
    return Table({f"i{number}": float(n - number) for number in range(n)})
