"""Metrics of predicted scores against labels or ratings: clicks that came or not, stars that were given.

They judge predictions of known pairs, one row an event; metrics of rankings live in `tastemaker.evaluation.metrics`.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tastemaker.core.errors import DataError, nearest

SMALLEST: Final = 1e-15


def _pairs(predicted: ArrayLike, given: ArrayLike, *, binary: bool = False) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return both as float64 ``[m]``.

    Raises:
        DataError: They differ in length, are empty, or hold what is not a number; or labels are not 0 and 1.
    """
    scores, labels = np.asarray(predicted, dtype=np.float64), np.asarray(given, dtype=np.float64)
    if scores.shape != labels.shape or scores.ndim != 1:
        raise DataError(f"{scores.size} predictions cannot be judged by {labels.size} labels")
    if not len(scores):
        raise DataError("there is nothing to judge: no predictions")
    for name, values in (("predictions", scores), ("labels", labels)):
        if np.isnan(values).any():
            raise DataError(f"{name} are not numbers (NaN)", where=f"row {int(np.isnan(values).argmax()) + 1}")
    if binary and not np.isin(labels, (0, 1)).all():
        raise DataError("labels must be 0 or 1", where=f"row {int((~np.isin(labels, (0, 1))).argmax()) + 1}")
    return scores, labels


def rmse(predicted: ArrayLike, ratings: ArrayLike) -> float:
    """Return the root of the mean squared error.

    >>> rmse([3.0, 5.0], [4.0, 4.0])
    1.0
    """
    scores, labels = _pairs(predicted, ratings)
    return float(np.sqrt(np.mean((scores - labels) ** 2)))


def mae(predicted: ArrayLike, ratings: ArrayLike) -> float:
    """Return the mean absolute error.

    >>> mae([3.0, 5.0], [4.0, 4.5])
    0.75
    """
    scores, labels = _pairs(predicted, ratings)
    return float(np.mean(np.abs(scores - labels)))


def log_loss(predicted: ArrayLike, labels: ArrayLike) -> float:
    """Return the mean negative log-likelihood of labels 0 and 1, in nats; probabilities are cut at 1e-15.

    >>> round(log_loss([0.5, 0.5], [0, 1]), 6)
    0.693147
    """
    scores, given = _pairs(predicted, labels, binary=True)
    if ((scores < 0) | (scores > 1)).any():
        raise DataError("the log loss needs probabilities", remedy="Send scores through a sigmoid first.")
    kept = np.clip(scores, SMALLEST, 1 - SMALLEST)
    return float(-np.mean(np.where(given == 1, np.log(kept), np.log1p(-kept))))


def grouped_auc(
    predicted: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike,
    weights: Literal["events", "positives", "equal"] = "events",
) -> float:
    """Return the mean AUC over groups (people, sessions), gAUC; NaN where no group has both labels.

    Groups with one kind of label only say nothing and are left out. Source: Zhu et al. (2017), "Optimized cost per
    click in Taobao display advertising", equation 5, which weighs by events.

    Args:
        predicted: Scores of any scale, ``[m]``.
        labels: 0 or 1, ``[m]``.
        groups: Whom each row belongs to, ``[m]``.
        weights: A group counts by its number of ``events`` (rows), of ``positives``, or all are ``equal``.

    >>> grouped_auc([0.9, 0.1, 0.2, 0.3, 0.1], [1, 0, 0, 1, 0], ["a", "a", "b", "b", "b"])
    1.0
    """
    if weights not in ("events", "positives", "equal"):
        raise DataError(
            f"groups cannot be weighed by '{weights}'", remedy=nearest(weights, ["events", "positives", "equal"])
        )
    scores, given = _pairs(predicted, labels, binary=True)
    group = np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    if len(group) != len(scores):
        raise DataError(f"{len(scores)} predictions cannot belong to {len(group)} groups")
    values = auc_of_groups(scores, given, group)
    both = ~np.isnan(values)
    if not both.any():
        return float("nan")
    by = {"events": np.bincount(group), "positives": np.bincount(group, weights=given), "equal": np.ones(len(values))}
    return float(np.average(values[both], weights=by[weights][both]))


def auc_of_groups(scores: NDArray[Any], labels: NDArray[Any], group: NDArray[Any]) -> NDArray[np.float64]:
    """Return the AUC of each group, float64 ``[groups]``; NaN for those with one kind of label.

    Args:
        scores: ``[m]``.
        labels: 0 or 1, ``[m]``.
        group: Number of the group of each row, from 0, ``[m]``; every number occurs.
    """
    order = np.lexsort((scores, group))
    changes = (np.diff(scores[order]) != 0) | (np.diff(group[order]) != 0)
    run = np.r_[0, np.cumsum(changes)]
    starts = np.r_[0, np.flatnonzero(changes) + 1]
    ends = np.r_[starts[1:], len(order)]
    first = np.searchsorted(group[order], group[order])
    ranks = ((starts + ends + 1) / 2)[run] - first
    size = np.bincount(group)
    positives = np.bincount(group, weights=labels)
    total = np.bincount(group[order], weights=ranks * labels[order])
    pairs = positives * (size - positives)
    found = np.full(len(size), np.nan)
    np.divide(total - positives * (positives + 1) / 2, pairs, out=found, where=pairs > 0)
    return found


def auc_of_labels(predicted: ArrayLike, labels: ArrayLike) -> float:
    """Return how often an event with label 1 scores higher than one with label 0; equal scores count half.

    >>> auc_of_labels([0.8, 0.4, 0.4, 0.1], [1, 1, 0, 0])
    0.875
    """
    return grouped_auc(predicted, labels, np.zeros(np.size(np.asarray(labels)), dtype=np.int8))


def calibration_error(
    predicted: ArrayLike,
    labels: ArrayLike,
    bins: int = 15,
    edges: Literal["equal width", "equal count"] = "equal width",
) -> float:
    """Return the expected calibration error, ECE: how far shares of labels 1 are from what was predicted.

    ``sum over bins of (rows / m) * |mean label - mean prediction|``. Source: Naeini, Cooper and Hauskrecht (2015);
    15 bins as in Guo et al. (2017). The value depends on the bins, so name them.

    Args:
        predicted: Probabilities, ``[m]``.
        labels: 0 or 1, ``[m]``.
        bins: How many bins.
        edges: Bins of ``equal width`` over 0 to 1, or of ``equal count``.

    >>> round(calibration_error([0.9, 0.9, 0.1, 0.1], [1, 0, 0, 0], bins=10), 6)
    0.25
    """
    scores, given = _pairs(predicted, labels, binary=True)
    if ((scores < 0) | (scores > 1)).any():
        raise DataError("calibration needs probabilities", remedy="Send scores through a sigmoid first.")
    if edges == "equal width":
        place = np.minimum((scores * bins).astype(np.int64), bins - 1)
    else:
        place = np.empty(len(scores), dtype=np.int64)
        place[np.argsort(scores, kind="stable")] = np.arange(len(scores)) * bins // len(scores)
    gaps = np.bincount(place, weights=given - scores, minlength=bins)
    return float(np.abs(gaps).sum() / len(scores))
