"""Counts of pairs against a count by two loops, whichever way they are added up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tastemaker.data import Dataset
from tastemaker.data.interactions import Interactions
from tastemaker.models import pair_counts
from tastemaker.models.pair_counts import LikedEvents

PEOPLE, ITEMS = 25, 9


def log() -> Dataset:
    """Return people with none to many events, some of them dislikes."""
    rng = np.random.default_rng(0)
    rows = [
        (f"u{user:02}", f"i{rng.integers(ITEMS)}", float(rng.choice([1, 1, 2, -1])), 1_000_000 + place)
        for user in range(PEOPLE)
        for place in range(int(rng.integers(0, 14)))
    ]
    schema = ["user_id", "item_id", "weight", "timestamp"]
    return Dataset.of(Interactions.from_frame(pl.DataFrame(rows, schema=schema, orient="row")))


def by_loops(
    data: Dataset, decay: Callable[[int], float], first: int, last: int, reverse: float
) -> NDArray[np.float64]:
    found = np.zeros((len(data.items), len(data.items)))
    for user in data.sequences.user_ids:
        history = data.histories([user])
        own = slice(int(history.starts[0]), int(history.ends[0]))
        liked = data.items.index(history.dictionary)[history.codes[own][history.weights[own] > 0]]
        for place, one in enumerate(liked):
            for gap, other in enumerate(liked[place + 1 :], start=1):
                if first <= gap <= last:
                    found[one, other] += decay(gap)
                    found[other, one] += reverse * decay(gap)
    return found


@pytest.mark.parametrize("cells_a_pair", [0, 1000])
@pytest.mark.parametrize("at_once", [1, 60, 10_000])
@pytest.mark.parametrize(("first", "last", "reverse"), [(1, 3, 0.0), (1, 50, 0.5), (4, 6, 1.0), (40, 50, 1.0)])
def test_every_pair_is_counted_by_its_gap(
    monkeypatch: pytest.MonkeyPatch, cells_a_pair: int, at_once: int, first: int, last: int, reverse: float
) -> None:
    monkeypatch.setattr(pair_counts, "_CELLS_A_PAIR", cells_a_pair)
    monkeypatch.setattr(pair_counts, "_CELLS_AT_ONCE", at_once)
    monkeypatch.setattr(pair_counts, "_PAIRS_AT_ONCE", at_once)
    data = log()
    found = LikedEvents.of(data).pairs(lambda gap: 1 / gap, first, last, reverse=reverse)
    assert found.toarray() == pytest.approx(by_loops(data, lambda gap: 1 / gap, first, last, reverse), abs=1e-5)
    assert found.has_canonical_format
    assert found.dtype == np.float32
    assert found.indices.dtype == found.indptr.dtype == np.int32


def test_nobody_with_two_events_has_no_pairs() -> None:
    data = Dataset.of(pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"]}))
    assert LikedEvents.of(data).pairs(lambda gap: 1.0, 1, 10, reverse=1.0).nnz == 0
