"""Ratings of known events: how far each model is off, event by event, on the split of ``compare --task ratings``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

import numpy as np

from tastemaker.core.recommender import Recommender
from tastemaker.core.run import Run
from tastemaker.data import EventSplit, split_events
from tastemaker.evaluation.predictions import predicted_events
from tastemaker.systems.reproduction.bench import Bench, dataset_of, words_hash
from tastemaker.systems.reproduction.reading import Ground, Reading

RMSE: Final = "rmse"
MAE: Final = "mae"


def split_ratings(source: str, protocol: str, bench: Bench, run: Run) -> Ground[EventSplit]:
    """Return the events of a source, cut for ratings; the test events are the units, and people are drawn."""
    dataset = dataset_of(source, bench, run)
    split = split_events(dataset, "ratings", protocol, run=run)
    return Ground(
        holds=split,
        units=len(split.test.answers),
        clusters=split.test.users[split.test.query].astype(np.int64),
        digest=hashlib.sha256(f"{split.hash} {words_hash(dataset)}".encode()).hexdigest(),
        data={dataset.name: dataset.fingerprint},
        counts={
            "test events": len(split.test.answers),
            "people": split.test.user_count,
            "items": len(dataset.items),
            "events to learn from": len(split.train.interactions),
        },
        cut=f"{split.protocol}, split {split.hash}",
        notes=_notes(split),
    )


def _notes(split: EventSplit) -> list[str]:
    known = set(split.train.sequences.user_ids)
    strangers = np.array([user not in known for user in split.test.queries.user_ids])[split.test.query].mean()
    notes = [
        "Ratings are of what people chose to rate; how well they are foreseen says nothing of rankings.",
        f"{strangers:.0%} of the test events are of people who have no event in training.".replace("%", " %"),
    ]
    if split.protocol == "random-ratio":
        notes.append("Events were drawn at random, as in papers on ratings, so models knew the future of each person.")
    return notes


def rated(build: Callable[[], Recommender], split: EventSplit, run: Run) -> Reading:
    """Fit a model and return how far each predicted rating is off, squared and in size."""
    row, found = predicted_events("this row", build(), split, run)
    off = found - split.test.answers
    best = {name: value for name, value in row.settings.items() if name in ("epochs", "best_epoch", "l2")}
    return Reading(
        values={RMSE: off**2, MAE: np.abs(off)},
        numbers={"settings tried": float(row.settings_tried)},
        costs={"seconds to fit": row.fit_seconds, "seconds to predict": row.evaluate_seconds},
        settings=best,
    )
