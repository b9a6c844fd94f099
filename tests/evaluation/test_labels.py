"""Metrics of scores against labels are their formulas, whatever the order of the rows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.errors import DataError
from tastemaker.evaluation.labels import auc_of_labels, calibration_error, grouped_auc, log_loss, mae, rmse

rows = st.lists(
    st.tuples(st.integers(0, 4).map(lambda level: level / 4), st.integers(0, 1), st.integers(0, 3)),
    min_size=1,
    max_size=30,
)


def auc_by_pairs(scores: list[float], labels: list[int]) -> float | None:
    pairs = [
        (a, b) for a, x in zip(scores, labels, strict=True) if x for b, y in zip(scores, labels, strict=True) if not y
    ]
    return sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs) if pairs else None


@given(rows)
def test_auc_counts_pairs(given_rows: list[tuple[float, int, int]]) -> None:
    scores, labels, _ = map(list, zip(*given_rows, strict=True))
    expected = auc_by_pairs(scores, labels)
    found = auc_of_labels(scores, labels)
    assert math.isnan(found) if expected is None else found == pytest.approx(expected)


@given(rows, st.sampled_from(["events", "positives", "equal"]), st.randoms(use_true_random=False))
def test_grouped_auc_weighs_the_auc_of_each_group(
    given_rows: list[tuple[float, int, int]], weights: str, random: object
) -> None:
    random.shuffle(given_rows)  # type: ignore[attr-defined]
    scores, labels, groups = map(list, zip(*given_rows, strict=True))
    total = weight = 0.0
    for group in set(groups):
        own = [place for place, other in enumerate(groups) if other == group]
        value = auc_by_pairs([scores[i] for i in own], [labels[i] for i in own])
        if value is not None:
            size = {"events": len(own), "positives": sum(labels[i] for i in own), "equal": 1}[weights]
            total, weight = total + size * value, weight + size
    found = grouped_auc(scores, labels, groups, weights)  # type: ignore[arg-type]
    assert math.isnan(found) if not weight else found == pytest.approx(total / weight)


def test_log_loss_is_that_of_the_formula_and_never_infinite() -> None:
    assert log_loss([0.9, 0.2], [1, 0]) == pytest.approx(-(math.log(0.9) + math.log(0.8)) / 2)
    assert log_loss([0.0], [1]) == pytest.approx(-math.log(1e-15))


def test_errors_of_ratings() -> None:
    assert rmse([1, 2, 3], [1, 4, 3]) == pytest.approx(math.sqrt(4 / 3))
    assert mae([1, 2, 3], [1, 4, 3]) == pytest.approx(2 / 3)


def test_calibration_error_by_hand() -> None:
    scores, labels = [0.05, 0.15, 0.95, 1.0], [0, 1, 1, 0]
    # Bins of a tenth: one row each for .05 and .15, two for .95 and 1.
    assert calibration_error(scores, labels, bins=10) == pytest.approx((0.05 + 0.85 + 2 * abs(0.5 - 0.975)) / 4)
    assert calibration_error(scores, labels, bins=2, edges="equal count") == pytest.approx(
        (2 * abs(0.5 - 0.1) + 2 * abs(0.5 - 0.975)) / 4
    )


def test_perfect_probabilities_are_calibrated() -> None:
    rng = np.random.default_rng(1)
    chance = rng.random(200_000)
    assert calibration_error(chance, rng.random(200_000) < chance) < 0.01


@pytest.mark.parametrize(
    ("scores", "labels", "words"),
    [
        ([0.1], [0, 1], "1 predictions cannot be judged by 2 labels"),
        ([], [], "nothing to judge"),
        ([0.1, math.nan], [0, 1], r"predictions are not numbers \(NaN\) \(row 2\)"),
        ([0.1, 0.2], [0, 2], r"labels must be 0 or 1 \(row 2\)"),
        ([0.1, 1.2], [0, 1], "needs probabilities"),
    ],
)
def test_what_cannot_be_judged_is_refused(scores: list[float], labels: list[int], words: str) -> None:
    with pytest.raises(DataError, match=words):
        log_loss(scores, labels)


def test_an_unknown_way_to_weigh_groups_is_refused() -> None:
    with pytest.raises(DataError, match="Did you mean 'events'"):
        grouped_auc([0.1], [1], [0], weights="event")  # type: ignore[arg-type]
