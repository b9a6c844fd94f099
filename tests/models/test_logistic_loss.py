"""Logistic regression: exact gradients, a minimum that nothing improves, and probabilities that mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, sparse

from tastemaker.evaluation.labels import calibration_error
from tastemaker.models.logistic_loss import calibrated, fit_logistic, logistic_loss, sigmoid


def problem(seed: int = 0, events: int = 40, columns: int = 5) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    design = rng.integers(-1, 2, (events, columns)).astype(float)
    return design, (rng.random(events) < sigmoid(design @ rng.normal(size=columns) + 0.5)).astype(float)


@pytest.mark.parametrize("l2", [0.0, 0.7, 10.0])
def test_the_gradient_is_that_of_finite_differences(l2: float) -> None:
    design, labels = problem()
    for seed in range(3):
        parameters = np.random.default_rng(seed).normal(size=design.shape[1] + 1)
        _, slope = logistic_loss(parameters, sparse.csr_array(design), labels, l2)
        numeric = [
            (
                logistic_loss(parameters + step, design, labels, l2)[0]
                - logistic_loss(parameters - step, design, labels, l2)[0]
            )
            / 2e-6
            for step in 1e-6 * np.eye(len(parameters))
        ]
        assert slope == pytest.approx(np.asarray(numeric), rel=1e-5, abs=1e-6)


def test_the_loss_is_the_negative_log_likelihood_and_the_penalty_spares_the_level() -> None:
    design, labels = problem()
    parameters = np.arange(6.0) / 5
    chance = 1 / (1 + np.exp(-(design @ parameters[:-1] + parameters[-1])))
    plain = -np.sum(np.log(np.where(labels == 1, chance, 1 - chance)))
    assert logistic_loss(parameters, design, labels, 0.0)[0] == pytest.approx(plain)
    penalty = logistic_loss(parameters, design, labels, 3.0)[0] - plain
    assert penalty == pytest.approx(1.5 * np.sum(parameters[:-1] ** 2))


def test_numbers_far_out_do_not_overflow() -> None:
    design, labels = np.asarray([[1.0], [1.0]]), np.asarray([0.0, 1.0])
    value, slope = logistic_loss(np.asarray([1e4, 0.0]), design, labels, 0.0)
    assert value == pytest.approx(1e4)
    assert slope == pytest.approx([1.0, 1.0])
    assert sigmoid(np.asarray([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("l2", [0.5, 5.0])
def test_the_fit_is_where_newton_ends_too(l2: float) -> None:
    design, labels = problem()
    found = fit_logistic(sparse.csr_array(design), labels, l2)
    best = optimize.minimize(logistic_loss, np.zeros(6), args=(design, labels, l2), jac=True, method="BFGS", tol=1e-10)
    assert logistic_loss(found, design, labels, l2)[0] == pytest.approx(best.fun, rel=1e-6)
    assert found == pytest.approx(best.x, abs=2e-3)


def test_without_penalty_on_the_level_the_mean_prediction_is_the_mean_label() -> None:
    design, labels = problem()
    found = fit_logistic(sparse.csr_array(design), labels, 2.0)
    assert sigmoid(design @ found[:-1] + found[-1]).mean() == pytest.approx(labels.mean(), abs=1e-4)


def test_columns_without_entries_get_no_weight_and_change_nothing() -> None:
    design, labels = problem()
    wide = np.zeros((len(design), 50))
    wide[:, [3, 11, 20, 30, 49]] = design
    found, narrow = (fit_logistic(sparse.csr_array(each), labels, 1.0) for each in (wide, design))
    assert found[[3, 11, 20, 30, 49, 50]] == pytest.approx(narrow)
    assert np.count_nonzero(found) == 6


def test_one_kind_of_label_is_no_trouble() -> None:
    design, labels = problem()
    found = fit_logistic(sparse.csr_array(design), np.ones_like(labels), 1.0)
    assert np.isfinite(found).all()


def test_calibration_undoes_what_was_done_to_the_log_odds() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=20_000)
    labels = (rng.random(len(truth)) < sigmoid(truth)).astype(float)
    bent = 3 * truth - 2  # too sure of itself, and too low
    slope, shift = calibrated(bent, labels)
    assert slope == pytest.approx(1 / 3, rel=0.05)
    assert shift == pytest.approx(2 / 3, abs=0.05)
    assert calibration_error(sigmoid(slope * bent + shift), labels) < 0.015 < calibration_error(sigmoid(bent), labels)


def test_labels_that_are_told_apart_without_fault_do_not_make_it_sure() -> None:
    slope, shift = calibrated(np.asarray([-1.0, -2.0, 1.0, 2.0]), np.asarray([0.0, 0, 1, 1]))
    found = sigmoid(slope * np.asarray([-2.0, 2.0]) + shift)
    assert 0.1 < found[0] < found[1] < 0.9  # Platt's labels are 1/4 and 3/4 here
