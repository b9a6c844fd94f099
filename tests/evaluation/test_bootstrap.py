"""Bootstrap intervals cover what they promise, are paired, and take little memory."""

import tracemalloc

import numpy as np
import pytest
from scipy import stats

from tastemaker.core.errors import DataError
from tastemaker.evaluation import bootstrap
from tastemaker.evaluation.bootstrap import Interval, interval, resampled_means


def test_the_spread_of_resampled_means_is_the_standard_error() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=(800, 3))
    means = resampled_means(values, replicates=4000, seed=2)
    expected = values.std(axis=0) / np.sqrt(len(values))
    assert means.std(axis=0) == pytest.approx(expected, rel=0.05)
    assert means.mean(axis=0) == pytest.approx(values.mean(axis=0), abs=0.1 * expected.max())


def test_intervals_are_those_of_the_normal_approximation() -> None:
    values = np.random.default_rng(3).normal(0.3, 0.2, size=(1500, 1))
    found = interval(float(values.mean()), resampled_means(values, replicates=10_000)[:, 0])
    error = values.std() / np.sqrt(len(values))
    low, high = stats.norm.interval(0.95, values.mean(), error)
    assert found.low == pytest.approx(low, abs=0.15 * error)
    assert found.high == pytest.approx(high, abs=0.15 * error)


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    rng = np.random.default_rng(4)
    held = 0
    for trial in range(400):
        values = rng.binomial(1, 0.3, size=(150, 1)).astype(np.float64)
        found = interval(float(values.mean()), resampled_means(values, replicates=300, seed=trial)[:, 0])
        held += found.low <= 0.3 <= found.high
    assert stats.binomtest(held, 400, 0.95).pvalue > 1e-3


def test_a_difference_is_judged_within_people() -> None:
    rng = np.random.default_rng(5)
    hard = rng.normal(0, 1, 500)
    pair = np.stack([hard + rng.normal(0, 0.1, 500), hard + 0.05 + rng.normal(0, 0.1, 500)], axis=1)
    means = resampled_means(pair)
    apart = interval(float(pair[:, 1].mean()), means[:, 1])
    difference = interval(float((pair[:, 1] - pair[:, 0]).mean()), means[:, 1] - means[:, 0])
    assert not apart.excludes_zero()
    assert difference.excludes_zero()
    expected = (pair[:, 1] - pair[:, 0]).std() / np.sqrt(500)
    assert difference.detectable() == pytest.approx(2.8 * expected, rel=0.1)


def test_equal_columns_never_differ() -> None:
    values = np.random.default_rng(6).random((50, 1))
    means = resampled_means(np.hstack([values, values]))
    assert (means[:, 0] == means[:, 1]).all()


def test_the_same_seed_draws_the_same_people_whatever_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(7).random((101, 2))
    whole = resampled_means(values, replicates=60, seed=9)
    monkeypatch.setattr(bootstrap, "_WEIGHTS_PER_BLOCK", 700)
    assert resampled_means(values, replicates=60, seed=9) == pytest.approx(whole, abs=1e-12)
    assert not np.allclose(resampled_means(values, replicates=60, seed=10), whole)


def test_memory_does_not_grow_with_replicates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_WEIGHTS_PER_BLOCK", 200_000)
    values = np.random.default_rng(8).random((5_000, 4))
    tracemalloc.start()
    resampled_means(values, replicates=50)
    few = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    resampled_means(values, replicates=400)
    many = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert many < few * 1.2


def test_one_user_has_no_spread() -> None:
    assert (resampled_means(np.array([[0.5]]), replicates=5) == 0.5).all()


def test_nobody_cannot_be_resampled() -> None:
    with pytest.raises(DataError, match="no users"):
        resampled_means(np.empty((0, 2)))


def test_an_interval_that_touches_zero_does_not_exclude_it() -> None:
    assert not Interval(0.1, 0.0, 0.2).excludes_zero()
    assert Interval(-0.1, -0.2, -0.01).excludes_zero()
