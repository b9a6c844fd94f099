"""Events of equal time in another order: how much of a result is the order of the file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from tastemaker.core.clock import MICROSECONDS_PER_DAY
from tastemaker.core.query import NO_TIME
from tastemaker.data.dataset import Dataset
from tastemaker.data.interactions import Interactions
from tastemaker.data.splits.checks import choice, need_times

UNITS = ("time", "day")


def shuffle_ties(dataset: Dataset, rng: np.random.Generator, unit: str = "time") -> Dataset:
    """Return a view in which events of one user at one time stand in random order.

    Row numbers, vocabulary and fingerprint stay; sequences and histories follow the new order. Events without a
    time keep their places.

    Args:
        dataset: What to reorder.
        rng: Draws the order.
        unit: ``time`` shuffles among equal times; ``day`` among the times of one day in UTC, and the view then
            knows only the day of each event.

    Raises:
        DataError: The unit is unknown, or there are no times to be equal.
    """
    choice("tie_unit", unit, UNITS)
    need_times(dataset, "shuffling ties", "Name the time column in dataset.toml, or keep ties='file'.")
    sequences, frame = dataset.sequences, dataset.interactions.frame
    known = np.flatnonzero(sequences.timestamps != NO_TIME)
    times, user = sequences.timestamps[known], sequences.user_of_event()[known]
    if unit == "day":
        times = times // MICROSECONDS_PER_DAY
        frame = frame.with_columns(pl.col("timestamp").dt.truncate("1d"))
    new = np.ones(len(known) + 1, dtype=bool)
    new[1:-1] = (times[1:] != times[:-1]) | (user[1:] != user[:-1])
    tied = ~(new[:-1] & new[1:])
    run, places = np.cumsum(new[:-1])[tied], known[tied]
    order = np.arange(len(frame))
    order[places] = places[np.argsort(run + rng.random(len(run)))]
    return replace(dataset, interactions=Interactions(frame[order], dataset.interactions.rejected))
