"""Maximal marginal relevance, against its formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.asking import asked, shop, slate

from tastemaker.core.errors import ConfigError
from tastemaker.pipeline.diversity import MaximalMarginalRelevance
from tastemaker.pipeline.item_vectors import ItemVectors
from tastemaker.pipeline.slate import Slate

SHELF = shop(12)


def by_the_formula(scores: list[float], vectors: np.ndarray, weight: float, k: int) -> list[int]:
    low, high = min(scores), max(scores)
    relevance = [(score - low) / (high - low) if high > low else 1.0 for score in scores]
    order: list[int] = []
    while len(order) < min(k, len(scores)):
        worth = {
            place: (1 - weight) * relevance[place]
            - (weight * max(float(vectors[place] @ vectors[above]) for above in order) if order else 0.0)
            for place in range(len(scores))
            if place not in order
        }
        order.append(max(worth, key=lambda place: worth[place]))
    return order


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.floats(0.05, 0.95), st.integers(1, 12))
def test_places_go_to_what_the_formula_says(seed: int, weight: float, k: int) -> None:
    rng = np.random.default_rng(seed)
    index = ItemVectors.of(rng.normal(size=(12, 4)))
    items, scores = rng.permutation(12).tolist(), np.sort(rng.random(12))[::-1].tolist()
    found = MaximalMarginalRelevance(weight, index)(slate(items, scores), asked(SHELF, k=k))
    vectors = index.take(np.asarray(items))
    expected = by_the_formula([float(np.float32(score)) for score in scores], vectors, weight, k)
    assert found.items[:k].tolist() == [items[place] for place in expected]
    rest = [item for place, item in enumerate(items) if place not in expected]
    assert found.items[k:].tolist() == rest
    assert (np.diff(found.scores) <= 0).all()


def test_twins_are_kept_apart() -> None:
    index = ItemVectors.of([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    found = MaximalMarginalRelevance(0.5, index)(slate([0, 1, 2], [1.0, 0.9, 0.5]), asked(SHELF, k=3))
    assert found.items.tolist() == [0, 2, 1]


def test_without_weight_the_order_stays() -> None:
    index = ItemVectors.of(np.ones((3, 2)))
    assert MaximalMarginalRelevance(0, index)(slate([2, 0, 1]), asked(SHELF)).items.tolist() == [2, 0, 1]


def test_with_all_weight_the_first_stays_first_and_the_next_is_the_most_unlike() -> None:
    index = ItemVectors.of([[1.0, 0.0], [0.9, 0.1], [-1.0, 0.0]])
    found = MaximalMarginalRelevance(1, index)(slate([0, 1, 2]), asked(SHELF, k=2))
    assert found.items.tolist() == [0, 2, 1]


def test_short_slates_stay_as_they_are() -> None:
    stage = MaximalMarginalRelevance(0.5, ItemVectors(2))
    assert len(stage(Slate.empty(), asked(SHELF))) == 0
    assert stage(slate([4]), asked(SHELF)).items.tolist() == [4]


def test_a_weight_beyond_1_is_refused() -> None:
    with pytest.raises(ConfigError):
        MaximalMarginalRelevance(1.1, ItemVectors(2))
