"""What events say outright: the ratings that were given, whether what was shown was liked, what was written."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.interactions import Interactions

LABEL: Final = "label"
"""Column of events that says 1 or 0: liked or not, clicked or not."""

LIKED_FROM: Final = 4.0
"""A rating from here on is a like, where nothing else says what was liked: the usual cut of a scale from 1 to 5."""

TEXTS: Final = ("text", "summary", "explanation")
"""Columns of events that somebody wrote afterwards: a review, a few words for it, a sentence with reasons."""

_NOT_CONTEXT: Final = ("user_id", "item_id", "order", "event", "weight", "rating", "reason", LABEL, *TEXTS)


@dataclass(frozen=True)
class LabelledEvents(HeldOut):
    """Held-out events whose ratings or labels are known: as `HeldOut`, but nothing is left out of them.

    A target is an event, so an item can be asked for twice, and one that was disliked is asked for too.

    Attributes:
        answers: The rating of each target, or its label 0 or 1, float64 ``[t]``.
        context: What else is known of each: ``timestamp`` and the columns of the log that are no answers, ``[t]`` rows.
    """

    answers: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    context: pl.DataFrame = field(default_factory=pl.DataFrame)

    def __getitem__(self, block: NDArray[np.int64]) -> LabelledEvents:
        """Return the queries at the ascending positions ``block``."""
        part = self.unanswered()[block]
        kept = np.isin(self.query, block)
        known = {name.name: getattr(part, name.name) for name in fields(part)}
        return LabelledEvents(**known, answers=self.answers[kept], context=self.context.filter(pl.Series(kept)))

    def unanswered(self) -> HeldOut:
        """Return what a model may see of them, beside the context."""
        return HeldOut(**{name.name: getattr(self, name.name) for name in fields(HeldOut)})


def context_of(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of some events that are neither ids nor answers; ``timestamp`` is among them."""
    return frame.drop(_NOT_CONTEXT, strict=False)


def ratings_of(dataset: Dataset) -> NDArray[np.float64]:
    """Return the rating of each event, float64 ``[e]``, NaN where none was given.

    Raises:
        DataError: There are no ratings at all.
    """
    ratings = dataset.sequences.ratings
    if ratings is None or np.isnan(ratings).all():
        raise DataError(
            "these events carry no ratings",
            where=dataset.name,
            remedy="Name the column 'rating' (in dataset.toml, or when importing), or use a model of likes or visits.",
        )
    return ratings.astype(np.float64)


def texts_of(dataset: Dataset, column: str) -> list[str]:
    """Return what was written of each event, ``[e]`` texts, empty where nothing was.

    Args:
        dataset: The events.
        column: One of `TEXTS`.

    Raises:
        DataError: There is no such column, or nothing in it.
    """
    frame = dataset.interactions.frame
    there = column in frame.columns and not frame[column].dtype.is_nested()
    texts = frame[column].cast(pl.String, strict=False).fill_null("").to_list() if there else []
    if not any(texts):
        raise DataError(
            f"these events have no texts in a column '{column}'",
            where=dataset.name,
            remedy=f'Name it in dataset.toml: [interactions] columns = {{{column} = "..."}}; or leave the task out.',
        )
    return texts


def labels_of(dataset: Dataset, liked_from: float = LIKED_FROM) -> NDArray[np.float64]:
    """Return whether each event is a like or a click, float64 ``[e]``: 1, 0, or NaN where nothing says so.

    The column ``label`` decides where there is one, else the ``rating``, which is a like from ``liked_from`` on, else
    the weight: above 0 for what was clicked, 0 for what was shown and passed over, below for what was disliked.

    Args:
        dataset: The events.
        liked_from: The lowest rating that is a like.

    Raises:
        DataError: A label is neither 0 nor 1, or there is one kind of label only.
    """
    frame = dataset.interactions.frame
    if LABEL in frame.columns:
        labels = frame[LABEL].cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
        if wrong := int((~np.isin(labels, (0, 1)) & ~np.isnan(labels)).sum()):
            raise DataError(f"{wrong} labels are neither 0 nor 1", where=f"{dataset.name}, column '{LABEL}'")
    elif "rating" in frame.columns:
        ratings = ratings_of(dataset)
        labels = np.where(np.isnan(ratings), ratings, ratings >= liked_from)
    else:
        labels = (dataset.sequences.weights > 0).astype(np.float64)
    kinds = np.unique(labels[~np.isnan(labels)])
    if len(kinds) < 2:
        what = "likes" if 1 in kinds else "dislikes" if 0 in kinds else "without a label"
        raise DataError(
            f"all events are {what}, so there is nothing to tell apart",
            where=dataset.name,
            remedy="Clicks need what was shown and not clicked: rows with a column label (0 or 1), or of weight 0.",
        )
    return np.asarray(labels)


def with_labels(dataset: Dataset, liked_from: float = LIKED_FROM) -> Dataset:
    """Return the data set with the column ``label`` in its events, as `labels_of` reads them.

    Raises:
        DataError: See `labels_of`.
    """
    labels = pl.Series(LABEL, labels_of(dataset, liked_from)).fill_nan(None).cast(pl.Int8)
    frame = dataset.interactions.frame.with_columns(labels)
    return replace(dataset, interactions=Interactions(frame, dataset.interactions.rejected))
