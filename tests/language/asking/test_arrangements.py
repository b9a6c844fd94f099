"""Chunks, orders and pairs hold everybody, and strengths are those of the likelihood."""

from __future__ import annotations

from itertools import combinations, islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemaker.language.asking.arrangements import balanced_orders, bradley_terry, chunks, next_pairs


@given(st.integers(2, 70), st.integers(3, 12), st.integers(0, 9))
def test_chunks_hold_every_place_once_and_are_of_one_size(count: int, most: int, seed: int) -> None:
    found = chunks(count, most, np.random.default_rng(seed))
    assert sorted(np.concatenate(found).tolist()) == list(range(count))
    sizes = [len(chunk) for chunk in found]
    assert 2 <= min(sizes) <= max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1


def test_every_chunk_has_its_share_of_the_first_places() -> None:
    for chunk in chunks(30, 10, np.random.default_rng(4)):
        assert (chunk // 3).tolist() == list(range(10))


@given(st.integers(1, 12), st.integers(0, 9))
def test_over_as_many_orders_as_places_each_has_been_in_every_slot(count: int, seed: int) -> None:
    orders = np.array(list(islice(balanced_orders(count, np.random.default_rng(seed)), count)))
    for slot in orders.T:
        assert sorted(slot.tolist()) == list(range(count))
    for order in orders:
        assert sorted(order.tolist()) == list(range(count))


def test_orders_are_drawn_anew_and_the_same_for_the_same_seed() -> None:
    def drawn(seed: int, orders: int) -> list[list[int]]:
        return [order.tolist() for order in islice(balanced_orders(8, np.random.default_rng(seed)), orders)]

    assert drawn(1, 20) == drawn(1, 20)
    assert drawn(1, 3) != drawn(2, 3)
    assert len({tuple(order) for order in drawn(1, 200)}) > 190


def test_who_stands_beside_whom_changes_from_order_to_order() -> None:
    orders = list(islice(balanced_orders(10, np.random.default_rng(0)), 10))
    neighbours = {
        frozenset(pair) for order in orders for pair in zip(order[:-1].tolist(), order[1:].tolist(), strict=True)
    }
    assert len(neighbours) > 18  # rotations of one order have 10


def test_a_round_pairs_neighbours_who_have_not_met() -> None:
    met = np.zeros((4, 4), dtype=bool)
    assert next_pairs(np.array([1.0, 4.0, 3.0, 2.0]), met) == [(1, 2), (3, 0)]
    met[1, 2] = met[2, 1] = True
    assert next_pairs(np.array([1.0, 4.0, 3.0, 2.0]), met) == [(1, 3), (2, 0)]
    assert next_pairs(np.zeros(3), np.ones((3, 3), dtype=bool)) == []


def test_the_odds_of_two_are_those_of_their_games() -> None:
    games = np.array([[0.0, 3e6], [1e6, 0.0]])
    strong, weak = bradley_terry(games)
    assert strong - weak == pytest.approx(np.log(3), abs=1e-5)


def test_who_was_never_compared_is_of_the_phantoms_strength() -> None:
    found = bradley_terry(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    assert found[2] == pytest.approx(0.0)
    assert found[0] > 0 > found[1]


@settings(max_examples=25)
@given(st.integers(2, 7), st.integers(0, 50))
def test_strengths_are_a_stationary_point_of_the_likelihood(count: int, seed: int) -> None:
    wins = np.random.default_rng(seed).random((count, count))
    np.fill_diagonal(wins, 0)
    found = bradley_terry(wins)

    def log_likelihood(strengths: np.ndarray) -> float:
        total = float(np.sum(0.1 * (strengths - 2 * np.log1p(np.exp(strengths)))))
        for one, other in combinations(range(count), 2):
            both = np.logaddexp(strengths[one], strengths[other])
            total += wins[one, other] * (strengths[one] - both) + wins[other, one] * (strengths[other] - both)
        return total

    best = log_likelihood(found)
    for place in range(count):
        for step in (-1e-3, 1e-3):
            moved = found.copy()
            moved[place] += step
            assert log_likelihood(moved) < best
