"""Draws among equals are uniform and depend on nothing but the seed and the query."""

import numpy as np
from scipy import stats

from tastemaker.evaluation.ties import mixed, places, stream


def test_a_draw_depends_on_seed_and_number_alone() -> None:
    whole = stream(3, np.arange(100))
    assert (stream(3, np.arange(40, 60)) == whole[40:60]).all()
    assert not (stream(4, np.arange(100)) == whole).any()


def test_numbers_stay_apart() -> None:
    assert len(np.unique(stream(0, np.arange(100_000)))) == 100_000


def test_negative_and_huge_seeds_are_seeds() -> None:
    assert stream(-1, np.arange(3)).tolist() == stream(2**64 - 1, np.arange(3)).tolist()


def test_the_finaliser_is_that_of_splitmix64() -> None:
    # The first outputs of SplitMix64 from the state 1234567 (published test vector).
    step = 0x9E3779B97F4A7C15
    states = np.array([(1234567 + place * step) % 2**64 for place in range(3)], dtype=np.uint64)
    assert mixed(states).tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_every_place_among_equals_is_equally_likely() -> None:
    drawn = places(stream(11, np.arange(60_000)), np.full(60_000, 5))
    assert stats.chisquare(np.bincount(drawn, minlength=6)).pvalue > 1e-4
    assert drawn.max() == 5
