"""Models side by side on the answers to known events, ratings or clicks, beside the plainest prediction there is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError, ModelError, TastemakerError
from tastemaker.core.recommender import Predictor, Recommender
from tastemaker.core.run import Run
from tastemaker.data.labelled import labels_of
from tastemaker.data.sources.registry import caution_about
from tastemaker.data.splits.events import EventSplit
from tastemaker.evaluation import memory
from tastemaker.evaluation.bootstrap import LEVEL, REPLICATES, interval, resampled_counts
from tastemaker.evaluation.comparison import environment
from tastemaker.evaluation.evaluate import refuse_leaks
from tastemaker.evaluation.prediction_metrics import METRICS, Metrics
from tastemaker.evaluation.rows import Row, plain
from tastemaker.evaluation.significance import holm, p_value

FORMAT: Final = 1
BASELINES: Final = {"ratings": "bias", "clicks": "base-rate"}
"""Task -> the row that the others are compared with. The base rate is the share of likes in training, for everybody."""

_KINDS: Final = {"ratings": "rating", "clicks": "probability"}

Samples = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Predictions:
    """What a comparison of predictions found.

    Attributes:
        dataset: Name of the data set.
        fingerprint: sha256 of its content.
        task: ``ratings`` or ``clicks``.
        protocol: Name of the split's rule.
        split_hash: What was learnt from, selected on and tested on, in 12 digits.
        knobs: Every choice that decides the numbers.
        rows: One for each model, in the order they were given; the baseline first.
        counts: Sizes of the test.
        environment: Versions and platform.
        baseline: Name of the row that others are compared with.
    """

    dataset: str
    fingerprint: str
    task: str
    protocol: str
    split_hash: str
    knobs: Mapping[str, Any]
    rows: Sequence[Row]
    counts: Mapping[str, Any]
    environment: Mapping[str, str]
    baseline: str

    def done(self) -> list[Row]:
        """Return the rows that were run."""
        return [row for row in self.rows if row.status == "ok"]

    def notes(self) -> list[str]:
        """Return what a reader must know before believing the numbers, as sentences."""
        notes = [caution] if (caution := caution_about(self.dataset)) else []
        notes.extend(f"{row.model} was not run: {row.reason}." for row in self.rows if row.status != "ok")
        if self.task == "ratings":
            notes.append(
                "Ratings are of what people chose to rate; how well they are foreseen says nothing of rankings."
            )
        if self.protocol == "random-ratio":
            notes.append("Events were drawn at random, so models knew the future of each person.")
        return notes

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values; what is not a number is ``null``."""
        return {
            "format": FORMAT,
            "task": self.task,
            "dataset": self.dataset,
            "fingerprint": self.fingerprint,
            "protocol": self.protocol,
            "split_hash": self.split_hash,
            "baseline": self.baseline,
            "knobs": plain(self.knobs),
            "rows": [_row_json(row) for row in self.rows],
            "counts": plain(self.counts),
            "environment": dict(self.environment),
            "notes": self.notes(),
        }


_ROW: Final = (
    "model", "status", "reason", "metrics", "vs_baseline", "p_values", "settings", "settings_tried", "fit_seconds",
    "evaluate_seconds", "peak_mb",
)  # fmt: skip


def _row_json(row: Row) -> dict[str, Any]:
    whole = row.to_json()
    return {name: whole[name] for name in _ROW if name in whole}


def compare_predictions(
    models: Mapping[str, Recommender], split: EventSplit, *, run: Run | None = None, replicates: int = REPLICATES
) -> Predictions:
    """Fit every model on the training part, choose on the validation part, and predict the test part once.

    Models see histories, items and context of the test, never its answers. A model that cannot be fitted or does not
    predict is a row ``not run`` with the reason.

    Args:
        models: Name in the report -> unfitted model; for ratings with `BASELINES`' own among them.
        split: The three parts.
        run: Seed and progress.
        replicates: Bootstrap samples behind each interval.

    Raises:
        DataError: There are no models, or the baseline is not among them.
    """
    run, baseline = run or Run(), BASELINES[split.task]
    rest = [name for name in models if name != baseline]
    if split.task == "ratings" and baseline not in models:
        raise DataError(f"there is no '{baseline}' among the models to compare with", remedy="Add it.")
    rows: dict[str, Row] = {}
    measured: dict[str, Metrics] = {}
    with run.limited(), run.track("comparing predictions", len(models)) as advance:
        if split.task == "clicks":
            share = float(np.nanmean(labels_of(split.train)))
            rows[baseline] = Row(baseline, fit_seconds=0.0, evaluate_seconds=0.0)
            measured[baseline] = _measured(split, np.full(len(split.test.answers), share))
        for name in [baseline, *rest] if baseline in models else rest:
            memory.reset_peak()
            try:
                rows[name], found = predicted_events(name, models[name], split, run)
                measured[name] = _measured(split, found)
            except TastemakerError as error:
                rows[name] = Row(name, status="not run", reason=str(error).rstrip("."))
            advance(1)
    own = {
        "selection": "on validation only; the test part was used once",
        "averaging": "over events",
        "interval": f"{LEVEL:.0%} percentile, paired bootstrap over users",
        "bootstrap_replicates": replicates,
        "run_seed": run.seed,
        "baseline": baseline,
    }
    counts = {"train_events": len(split.train.interactions), "valid_events": len(split.valid.answers)}
    counts |= {"events": len(split.test.answers), "users": split.test.user_count, "items": len(split.train.items)}
    return Predictions(
        dataset=split.train.name,
        fingerprint=split.train.fingerprint,
        task=split.task,
        protocol=split.protocol,
        split_hash=split.hash,
        knobs={**split.knobs, **own},
        rows=_completed(rows, measured, baseline, replicates, run.seed),
        counts=counts,
        environment=environment(),
        baseline=baseline,
    )


def _measured(split: EventSplit, found: NDArray[np.float64]) -> Metrics:
    return METRICS[split.task](found, split.test.answers, split.test.users[split.test.query].astype(np.int64))


def predicted_events(name: str, model: Recommender, split: EventSplit, run: Run) -> tuple[Row, NDArray[np.float64]]:
    """Fit a model on the training part, choose on the validation part, and predict each event of the test part once.

    Returns:
        The row without metrics, and a rating or probability for each event, float64 ``[m]``.

    Raises:
        ModelError: The model predicts something else, or gave no usable number for some event.
        LeakError: It has seen what it would be tested on.
    """
    kind = _KINDS[split.task]
    if model.capabilities.score_kind != kind or not hasattr(model, "predict"):
        scores = {"relevance": "only put items in order", "rating": "are ratings", "probability": "are probabilities"}
        raise ModelError(f"{name} cannot predict {split.task}: its scores {scores[model.capabilities.score_kind]}")
    started = time.perf_counter()
    model.fit(split.train, split.valid, run=run)
    fitted = time.perf_counter()
    refuse_leaks(model, split.test, split.train, name)
    found = np.asarray(cast("Predictor", model).predict(split.test.unanswered(), split.test.context), dtype=np.float64)
    if found.shape != split.test.answers.shape or not np.isfinite(found).all():
        raise ModelError(f"{name} gave no number for some events, or not one for each")
    if kind == "probability" and ((found < 0) | (found > 1)).any():
        raise ModelError(f"{name} gave probabilities outside of 0 to 1")
    row = Row(
        name,
        settings=dict(getattr(model, "settings_", {})),
        settings_tried=int(getattr(model, "settings_tried_", 0)),
        fit_seconds=fitted - started,
        evaluate_seconds=time.perf_counter() - fitted,
        peak_mb=memory.peak_mb(),
    )
    return row, found


def _completed(
    rows: Mapping[str, Row], measured: Mapping[str, Metrics], baseline: str, replicates: int, seed: int
) -> list[Row]:
    """Return the rows with intervals, differences and p-values, all from the same resamples of people."""
    values = {name: metrics.whole() for name, metrics in measured.items()}
    samples: dict[str, list[Samples]] = {name: [] for name in measured}
    people = len(next(iter(measured.values())).events) if measured else 0
    for drawn in resampled_counts(people, replicates, seed) if people else ():
        for name, metrics in measured.items():
            samples[name].append(metrics.of(drawn))
    joined = {
        name: {metric: np.concatenate([block[metric] for block in blocks]) for metric in values[name]}
        for name, blocks in samples.items()
    }
    found = {}
    for name, row in rows.items():
        if name not in measured:
            found[name] = row
            continue
        known = {metric: interval(value, joined[name][metric]) for metric, value in values[name].items()}
        found[name] = replace(row, metrics=known)
        if name != baseline and baseline in measured:
            differences = {
                metric: interval(value - values[baseline][metric], joined[name][metric] - joined[baseline][metric])
                for metric, value in values[name].items()
            }
            found[name] = replace(found[name], vs_baseline=differences)
    return _corrected(list(found.values()), joined, baseline)


def _corrected(rows: list[Row], samples: Mapping[str, Samples], baseline: str) -> list[Row]:
    """Return the rows with the p-values of their differences, as they are and corrected over the rows (Holm)."""
    compared = [row for row in rows if row.vs_baseline]
    metrics = list(compared[0].vs_baseline) if compared else []
    plainly = {
        metric: {row.model: p_value(samples[row.model][metric] - samples[baseline][metric]) for row in compared}
        for metric in metrics
    }
    corrected = {metric: holm(values) for metric, values in plainly.items()}
    return [
        replace(
            row, p_values={metric: (plainly[metric][row.model], corrected[metric][row.model]) for metric in metrics}
        )
        if row.vs_baseline
        else row
        for row in rows
    ]
