"""Means over units: their intervals come of drawing clusters, and differences are paired over units that have both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.errors import DataError
from tastemaker.evaluation.bootstrap import interval, resampled_counts
from tastemaker.evaluation.prediction_metrics import RatingMetrics
from tastemaker.evaluation.unit_means import Units

NAN = float("nan")


def test_a_mean_is_over_the_units_that_have_a_value() -> None:
    units = Units(5)
    assert units.mean(np.array([1.0, NAN, 3.0, NAN, 8.0])).value == 4.0
    assert np.isnan(units.mean(np.full(5, NAN)).value)


def test_a_root_is_of_the_mean_and_not_of_each_value() -> None:
    assert Units(2).mean(np.array([1.0, 49.0]), rooted=True).value == 5.0


def test_a_difference_is_over_the_units_that_have_both() -> None:
    one, other = np.array([1.0, NAN, 5.0, 100.0]), np.array([0.0, 7.0, 2.0, NAN])
    assert Units(4).difference(one, other).value == 2.0
    assert Units(4).difference(one**2, other**2, rooted=True).value == pytest.approx(13**0.5 - 2**0.5)


def test_what_is_the_same_in_all_units_is_known_exactly_and_its_difference_too() -> None:
    base = np.random.default_rng(1).normal(size=50)
    found = Units(50).difference(base + 0.25, base)
    assert [found.low, found.high] == pytest.approx([0.25, 0.25])
    assert Units(50).mean(base).low < base.mean() < Units(50).mean(base).high


def test_intervals_are_those_of_the_metrics_of_ratings() -> None:
    """The peer draws people and sums over their events in its own way."""
    rng = np.random.default_rng(2)
    people = np.sort(rng.integers(0, 30, size=200))
    people = np.unique(people, return_inverse=True)[1]
    answers, predicted = rng.integers(1, 6, size=200).astype(float), rng.normal(3, 1, size=200)
    peer = RatingMetrics(predicted, answers, people)
    draws = [peer.of(block) for block in resampled_counts(len(peer.events), 1000, 7)]
    samples = {name: np.concatenate([block[name] for block in draws]) for name in ("rmse", "mae")}
    units, off = Units(200, people.astype(np.int64), seed=7), predicted - answers
    for name, values, rooted in (("rmse", off**2, True), ("mae", np.abs(off), False)):
        known = interval(peer.whole()[name], samples[name])
        found = units.mean(values, rooted=rooted)
        assert [found.value, found.low, found.high] == pytest.approx([known.value, known.low, known.high])


def test_units_of_one_person_are_not_taken_for_several() -> None:
    values = np.repeat(np.random.default_rng(3).normal(size=20), 50)
    alone, clustered = Units(1000), Units(1000, np.repeat(np.arange(20), 50))
    assert clustered.drawn == 20
    assert clustered.mean(values).value == pytest.approx(alone.mean(values).value)
    narrow, wide = (found.high - found.low for found in (alone.mean(values), clustered.mean(values)))
    assert wide > 4 * narrow


def test_units_without_a_cluster_are_refused() -> None:
    with pytest.raises(DataError, match="3 units, and 2 of them"):
        Units(3, np.array([0, 1]))


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=20), st.integers(0, 3))
def test_an_interval_holds_the_value_of_equal_clusters_and_turns_with_the_sign(values: list[float], seed: int) -> None:
    column, zero = np.array(values), np.zeros(len(values))
    units = Units(len(values), seed=seed, replicates=50)
    there, back = units.difference(column, zero), units.difference(zero, column)
    assert there.value == pytest.approx(float(column.mean()))
    assert [there.low, there.high] == pytest.approx([-back.high, -back.low])
