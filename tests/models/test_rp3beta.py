"""RP3beta against walks worked out by hand and by dense matrices."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tastemaker.data import Dataset
from tastemaker.models import RP3beta
from tastemaker.testing import small_shop

SMALL = {"u": ["a", "b"], "v": ["a", "b", "c"], "w": ["a"]}


def log_of(histories: dict[str, list[str]]) -> Dataset:
    rows = [(user, item, place) for user, items in histories.items() for place, item in enumerate(items)]
    return Dataset.of(pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row"))


def weights_of(model: RP3beta, items: str) -> np.ndarray:
    order = model.items_.index(items)
    return np.asarray(model.weights_.toarray()[np.ix_(order, order)])


def test_three_steps_by_hand() -> None:
    # a -> {u, v, w}, b -> {u, v}, c -> {v}; u -> 2 items, v -> 3, w -> 1. Largest: b -> a = 1/2 (1/2 + 1/3) = 5/12.
    model = RP3beta(alpha=1.0, beta=0.0, neighbours=9, age_decay="uniform").fit(log_of(SMALL))
    expected = np.array([[0, 5 / 18, 1 / 9], [5 / 12, 0, 1 / 6], [1 / 3, 1 / 3, 0]]) / (5 / 12)
    assert weights_of(model, "abc") == pytest.approx(expected, rel=1e-6)


def test_popular_items_are_divided_by_their_popularity() -> None:
    model = RP3beta(alpha=1.0, beta=1.0, neighbours=9, age_decay="uniform").fit(log_of(SMALL))
    expected = np.array([[0, 5 / 36, 1 / 9], [5 / 36, 0, 1 / 6], [1 / 9, 1 / 6, 0]]) / (1 / 6)
    assert weights_of(model, "abc") == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (0.6, 0.4), (1.2, 0.8)])
def test_weights_are_those_of_the_dense_transition_matrices(alpha: float, beta: float) -> None:
    data = small_shop()
    model = RP3beta(alpha=alpha, beta=beta, neighbours=1000, age_decay="uniform").fit(data)
    touched = np.zeros((len(data.sequences.user_ids), len(data.items)))
    touched[data.sequences.user_of_event(), data.sequences.codes] = 1
    n_item, n_user = touched.sum(axis=0), touched.sum(axis=1)
    to_person = np.divide(touched.T, n_item[:, None], where=n_item[:, None] > 0, out=np.zeros_like(touched.T))
    to_item = touched / n_user[:, None]
    expected = to_person**alpha @ to_item**alpha / np.maximum(n_item, 1) ** beta
    np.fill_diagonal(expected, 0)
    assert model.weights_.toarray() == pytest.approx(expected / expected.max(), abs=1e-6)


def test_items_that_nobody_touched_say_and_get_nothing() -> None:
    data = small_shop()
    weights = RP3beta().fit(data).weights_.toarray()
    cold = np.setdiff1d(np.arange(len(data.items)), data.sequences.codes)
    assert len(cold) == 3
    assert not weights[cold].any()
    assert not weights[:, cold].any()


def test_each_item_keeps_its_largest_weights() -> None:
    everything = RP3beta(neighbours=1000).fit(small_shop()).weights_.toarray()
    kept = RP3beta(neighbours=4).fit(small_shop()).weights_.toarray()
    assert (np.count_nonzero(kept, axis=1) <= 4).all()
    assert np.sort(kept, axis=1)[:, -4:] == pytest.approx(np.sort(everything, axis=1)[:, -4:])
