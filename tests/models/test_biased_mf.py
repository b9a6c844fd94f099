"""Matrix factorisation of ratings against its loss and dense solves."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from tests.models.rated import everybody, toy

from tastemaker.core.query import Event, Query, QueryBatch
from tastemaker.core.run import Run
from tastemaker.data import Dataset
from tastemaker.models import BiasedMF

SETTINGS: list[dict[str, Any]] = [
    {"dimensions": 3, "regularisation": 0.1, "frequency_power": 1.0},
    {"dimensions": 2, "regularisation": 0.8, "frequency_power": 0.0},
    {"dimensions": 2, "regularisation": 0.3, "frequency_power": 0.5},
]
BY_SETTINGS = pytest.mark.parametrize("chosen", SETTINGS, ids=lambda chosen: f"power-{chosen['frequency_power']}")


class Oracle:
    """The loss of the docstring, term by term, and each side of it by dense solves."""

    def __init__(self, given: NDArray[np.float64], chosen: dict[str, Any]) -> None:
        self.given, self.seen = given - np.nanmean(given), ~np.isnan(given)
        power = chosen["frequency_power"]
        self.ridges = [chosen["regularisation"] * self.seen.sum(axis) ** power for axis in (1, 0)]

    def loss(self, people: NDArray[np.float64], items: NDArray[np.float64]) -> float:
        """Return the loss of levels (first column) and vectors."""
        found = people[:, :1] + items[:, 0] + people[:, 1:] @ items[:, 1:].T
        fit = np.sum((self.given - found)[self.seen] ** 2)
        return float(
            fit + sum(ridge @ (side**2).sum(1) for ridge, side in zip(self.ridges, (people, items), strict=True))
        )

    def people(self, items: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._side(self.given, self.seen, self.ridges[0], items)

    def items(self, people: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._side(self.given.T, self.seen.T, self.ridges[1], people)

    @staticmethod
    def _side(given: Any, seen: Any, ridges: Any, other: NDArray[np.float64]) -> NDArray[np.float64]:
        found = []
        for row, known, ridge in zip(given, seen, ridges, strict=True):
            design = np.column_stack([np.ones(known.sum()), other[known, 1:]])
            left = row[known] - other[known, 0]
            found.append(np.linalg.solve(design.T @ design + ridge * np.eye(design.shape[1]), design.T @ left))
        return np.asarray(found)


def items_of(model: BiasedMF) -> NDArray[np.float64]:
    return np.column_stack([model.offsets_, model.vectors_])


@BY_SETTINGS
def test_each_sweep_lowers_the_loss(chosen: dict[str, Any]) -> None:
    data, given = toy()
    oracle, losses = Oracle(given, chosen), []
    for sweeps in (1, 2, 4, 8, 16):
        items = items_of(BiasedMF(sweeps=sweeps, **chosen).fit(data))
        losses.append(oracle.loss(oracle.people(items), items))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


@BY_SETTINGS
def test_it_ends_where_dense_solves_change_nothing(chosen: dict[str, Any]) -> None:
    data, given = toy()
    oracle = Oracle(given, chosen)
    items = items_of(BiasedMF(sweeps=1000, **chosen).fit(data))
    people = oracle.people(items)
    assert oracle.items(people) == pytest.approx(items, abs=1e-4)
    assert oracle.loss(people, items) <= oracle.loss(people * 1.001, items)


@BY_SETTINGS
def test_a_history_is_folded_in_by_the_same_loss(chosen: dict[str, Any]) -> None:
    data, given = toy()
    model = BiasedMF(sweeps=5, **chosen).fit(data)
    items = items_of(model)
    people = Oracle(given, chosen).people(items)
    expected = np.nanmean(given) + people[:, :1] + items[:, 0] + people[:, 1:] @ items[:, 1:].T
    assert model.score(data.histories(everybody(data))) == pytest.approx(expected, abs=1e-4)


@BY_SETTINGS
def test_a_score_is_the_sum_over_what_was_rated(chosen: dict[str, Any]) -> None:
    data, _ = toy()
    model = BiasedMF(sweeps=5, **chosen).fit(data)
    history = (Event("i1", rating=5.0), Event("i4", rating=1.0), Event("i1", rating=4.0), Event("i5"))
    query = Query(history=history)
    found = model.explain(query, "i3")
    score = model.score_candidates(QueryBatch.of([query]), ["i3"])[0, 0]
    assert sum(part.amount for part in found.parts) == pytest.approx(score, abs=1e-5)
    assert set(found.by_item()) == {"i1", "i4"}


def test_the_seed_decides_everything() -> None:
    data, _ = toy()
    first, again, other = (BiasedMF(dimensions=2).fit(data, run=Run(seed=seed)) for seed in (3, 3, 4))
    assert (first.vectors_ == again.vectors_).all()
    assert not np.allclose(first.vectors_, other.vectors_)


def test_a_taste_that_no_level_shows_is_found() -> None:
    # Everybody's mean and every item's mean is 3: only who rates what says anything.
    users, items = 20, 12
    pairs = [(u, i) for u in range(users) for i in range(items) if (3 * u + 5 * i) % 7]
    rows = [(f"u{u}", f"i{i}", 5.0 if (u + i) % 2 else 1.0) for u, i in pairs]
    data = Dataset.of(pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row"))
    model = BiasedMF(dimensions=2, regularisation=0.01).fit(data)
    columns = data.items.index([f"i{i}" for i in range(items)])
    found = model.score(data.histories([f"u{u}" for u in range(users)]))[:, columns]
    expected = np.where((np.arange(users)[:, None] + np.arange(items)) % 2, 5.0, 1.0)
    assert found == pytest.approx(expected, abs=0.3)


def test_a_new_item_gets_its_vector_from_new_ratings() -> None:
    data, _ = toy()
    chosen = SETTINGS[0]
    model = BiasedMF(sweeps=5, **chosen).fit(data)
    before = items_of(model)
    later = {"user_id": ["x", "x", "y", "y"], "item_id": ["i1", "new", "i2", "new"], "rating": [5.0, 4.0, 1.0, 2.0]}
    model.extend(interactions=Dataset.of(pl.DataFrame(later)))
    after = items_of(model)
    assert after[: len(before)] == pytest.approx(before)
    people = []
    for item, rating, new in (("i1", 5.0, 4.0), ("i2", 1.0, 2.0)):
        number = int(data.items.index([item])[0])
        design = np.array([[1, *before[number, 1:]], [1, 0, 0, 0]])
        left = np.array([rating - model.mean_ - before[number, 0], new - model.mean_])
        people.append(np.linalg.solve(design.T @ design + 0.1 * 2 * np.eye(4), design.T @ left))
    design = np.column_stack([np.ones(2), np.asarray(people)[:, 1:]])
    left = np.array([4.0, 2.0]) - model.mean_ - np.asarray(people)[:, 0]
    assert after[-1] == pytest.approx(
        np.linalg.solve(design.T @ design + 0.1 * 2 * np.eye(4), design.T @ left), abs=1e-5
    )


@pytest.mark.parametrize("chosen", [{"regularisation": 0.0}, {"dimensions": 40}])
def test_systems_without_full_rank_give_numbers(chosen: dict[str, Any]) -> None:
    data = Dataset.of(pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "a"], "rating": [3.0, 4.0]}))
    model = BiasedMF(**chosen).fit(data)
    assert np.isfinite(model.score(data.histories(["u", "v", "nobody"]))).all()
