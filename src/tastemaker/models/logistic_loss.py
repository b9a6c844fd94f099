"""Logistic regression as arithmetic: the loss with its gradient, the fit by L-BFGS, and calibration afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

Array = NDArray[np.float64]


def sigmoid(logits: Array) -> Array:
    """Return the probabilities of log-odds."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)))


def logistic_loss(parameters: Array, design: Any, labels: Array, l2: float) -> tuple[float, Array]:
    """Return ``sum log(1 + exp(z)) - y z + l2 / 2 |w|^2`` for ``z = design w + c``, and its gradient.

    Args:
        parameters: ``w`` and, last, ``c``, which has no penalty, float64 ``[d + 1]``.
        design: Sparse or dense, ``[m, d]``.
        labels: From 0 to 1, float64 ``[m]``.
        l2: Strength of the penalty.
    """
    weights = parameters[:-1]
    logits = design @ weights + parameters[-1]
    value = np.sum(np.logaddexp(0, logits) - labels * logits) + l2 / 2 * weights @ weights
    off = sigmoid(logits) - labels
    return float(value), np.append(design.T @ off + l2 * weights, off.sum())


def fit_logistic(design: sparse.csr_array, labels: Array, l2: float, most_steps: int = 300) -> Array:
    """Return the parameters of the least `logistic_loss`, float64 ``[d + 1]``, by L-BFGS (Liu & Nocedal, 1989).

    It begins with no weights and the log-odds of the labels. Columns without an entry keep the weight 0 and cost
    nothing; the others are searched in units of how curved the loss can be along them.

    Args:
        design: float64 ``[m, d]``.
        labels: From 0 to 1, float64 ``[m]``.
        l2: Strength of the penalty.
        most_steps: How many steps at most; some two hundred settle a million weights.
    """
    used = np.unique(design.indices)
    filled = design[:, used]
    squares = np.bincount(filled.indices, filled.data**2, len(used))
    units = 1 / np.sqrt(np.append(l2 + squares / 4, len(labels) / 4))
    share = np.clip(labels.mean(), 1e-6, 1 - 1e-6)
    start = np.append(np.zeros(len(used)), np.log(share / (1 - share)) / units[-1])
    scale = 1 / len(labels)  # so that the tolerances mean the same for few events and for many

    def scaled(parameters: Array) -> tuple[float, Array]:
        value, slope = logistic_loss(parameters * units, filled, labels, l2)
        return value * scale, slope * units * scale

    options = {"maxiter": most_steps, "gtol": 1e-9, "ftol": 1e-8}
    found = optimize.minimize(scaled, start, jac=True, method="L-BFGS-B", options=options).x * units
    parameters = np.zeros(design.shape[1] + 1)
    parameters[used], parameters[-1] = found[:-1], found[-1]
    return parameters


def calibrated(logits: Array, labels: Array) -> tuple[float, float]:
    """Return ``a`` and ``c`` for which ``sigmoid(a z + c)`` fits the labels of events that were not learnt from.

    Source: Platt (1999), "Probabilistic outputs for support vector machines", with his smoothed labels.
    """
    positives = labels.sum()
    high, low = (positives + 1) / (positives + 2), 1 / (len(labels) - positives + 2)
    slope, shift = fit_logistic(sparse.csr_array(logits[:, None]), np.where(labels > 0, high, low), 0.0)
    return float(slope), float(shift)
