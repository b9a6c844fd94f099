"""Metrics of predictions over resamples of people are those of the plain functions on the resampled events."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tastemaker.evaluation.bootstrap import resampled_counts, resampled_means
from tastemaker.evaluation.labels import auc_of_labels, calibration_error, grouped_auc, log_loss, mae, rmse
from tastemaker.evaluation.prediction_metrics import ClickMetrics, RatingMetrics

RNG = np.random.default_rng(2)
PEOPLE = np.repeat(np.arange(12), RNG.integers(1, 9, 12))
LABELS = RNG.integers(0, 2, len(PEOPLE)).astype(float)
CHANCES = np.round(RNG.random(len(PEOPLE)), 1)  # with ties
RATINGS, GUESSES = RNG.integers(1, 6, len(PEOPLE)).astype(float), 1 + 4 * RNG.random(len(PEOPLE))
DRAWN = np.concatenate([np.ones((1, 12)), next(resampled_counts(12, 5, seed=0))])


def repeated(drawn: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the events of a resample, each as often as its person was drawn."""
    return np.repeat(np.arange(len(PEOPLE)), drawn[PEOPLE].astype(int))


@pytest.mark.parametrize("row", range(len(DRAWN)))
def test_ratings(row: int) -> None:
    found = RatingMetrics(GUESSES, RATINGS, PEOPLE).of(DRAWN)
    events = repeated(DRAWN[row])
    assert found["rmse"][row] == pytest.approx(rmse(GUESSES[events], RATINGS[events]))
    assert found["mae"][row] == pytest.approx(mae(GUESSES[events], RATINGS[events]))


@pytest.mark.parametrize("row", range(len(DRAWN)))
def test_clicks(row: int) -> None:
    found = ClickMetrics(CHANCES, LABELS, PEOPLE).of(DRAWN)
    events = repeated(DRAWN[row])
    chances, labels = CHANCES[events], LABELS[events]
    assert found["log_loss"][row] == pytest.approx(log_loss(chances, labels))
    assert found["auc"][row] == pytest.approx(auc_of_labels(chances, labels))
    assert found["ece"][row] == pytest.approx(calibration_error(chances, labels))
    # A person who is drawn twice is two groups with the same AUC, which weigh as one group of twice the events.
    assert found["gauc"][row] == pytest.approx(grouped_auc(chances, labels, PEOPLE[events]))


def test_the_whole_is_everybody_once() -> None:
    assert RatingMetrics(GUESSES, RATINGS, PEOPLE).whole()["rmse"] == pytest.approx(rmse(GUESSES, RATINGS))


def test_labels_of_one_kind_have_no_auc_and_the_rest_stands() -> None:
    found = ClickMetrics(CHANCES, np.ones_like(LABELS), PEOPLE).whole()
    assert np.isnan(found["auc"])
    assert np.isnan(found["gauc"])
    assert np.isfinite(found["log_loss"])


def test_the_same_people_are_drawn_for_counts_and_means() -> None:
    values = RNG.random((12, 2))
    counts = np.concatenate(list(resampled_counts(12, 30, seed=3)))
    assert counts.sum(axis=1).tolist() == [12.0] * 30
    assert resampled_means(values, replicates=30, seed=3) == pytest.approx(counts @ values / 12)
