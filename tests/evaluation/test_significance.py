"""P-values, their correction, and what a test can show before it is looked at."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tastemaker.evaluation.bootstrap import resampled_means
from tastemaker.evaluation.significance import Detectable, holm, p_value


def test_without_a_difference_p_values_are_uniform() -> None:
    rng = np.random.default_rng(1)
    found = [p_value(resampled_means(rng.normal(size=(200, 1)), replicates=400, seed=i)[:, 0]) for i in range(300)]
    assert stats.kstest(found, "uniform").pvalue > 1e-3


def test_p_values_are_those_of_the_paired_test() -> None:
    difference = np.random.default_rng(2).normal(0.15, 1, 400)
    found = p_value(resampled_means(difference[:, None], replicates=20_000)[:, 0])
    assert found == pytest.approx(stats.ttest_1samp(difference, 0).pvalue, abs=0.003)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_multiplies_the_smallest_by_their_number_and_keeps_the_order(values: list[float]) -> None:
    given_values = {place: value for place, value in enumerate(values)}
    found = holm(given_values)
    assert list(found) == list(given_values)
    assert min(found.values()) == pytest.approx(min(1.0, len(values) * min(values)))
    assert all(value <= corrected <= 1 for value, corrected in zip(values, found.values(), strict=True))
    ordered = sorted(given_values, key=lambda key: given_values[key])
    assert [found[key] for key in ordered] == sorted(found.values())


def test_the_detectable_difference_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(5)
    known = Detectable.of("ndcg@10", "counts", rng.normal(0, 0.3, 5_000), users=400)
    found = 0
    for _ in range(600):
        shared = rng.normal(0, 0.3 * np.sqrt(0.5), 400)
        one, other = (shared + rng.normal(0, 0.3 * np.sqrt(0.5), 400) for _ in range(2))
        found += stats.ttest_rel(one + known.related, other).pvalue < 0.05
    assert stats.binomtest(found, 600, 0.8).pvalue > 1e-3
    assert known.unrelated == pytest.approx(known.related * np.sqrt(2))


def test_one_person_shows_nothing() -> None:
    known = Detectable.of("ndcg@10", "counts", np.array([0.5]), users=1)
    assert known.to_json()["related"] is None
