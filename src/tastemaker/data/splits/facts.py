"""Facts that people stated, such as tags: which of them may be learnt from once the events are cut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.query import NO_TIME
from tastemaker.data.catalogue import Relations
from tastemaker.data.dataset import Dataset
from tastemaker.data.splits.questions import TRAIN

_STATED: Final = ("user_id", "head")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def learnable(dataset: Dataset, part: NDArray[np.int8]) -> Relations | None:
    """Return the facts that a model may know beside the training events.

    A fact without ``user_id`` is nobody's and stays. One that somebody stated goes with their events: it is left out
    if the person is held out whole, if their event with that item is held out, or if it was stated after the last
    event that is learnt from.

    Args:
        dataset: The events before they were cut.
        part: The part of each event, int8 ``[e]``.
    """
    relations = dataset.relations
    if relations is None or "user_id" not in relations.frame.columns:
        return relations
    sequences = dataset.sequences
    train = part == TRAIN
    user = sequences.user_of_event()
    learnt = np.zeros(len(sequences.user_ids), dtype=bool)
    learnt[user[train]] = True
    frame = relations.frame.with_columns(pl.col("user_id").cast(pl.String))
    strangers = pl.DataFrame({"user_id": sequences.user_ids[~learnt].tolist()}, schema={"user_id": pl.String})
    pairs = pl.DataFrame(
        {
            "user_id": sequences.user_ids[user[~train]].tolist(),
            "head": dataset.items.ids[sequences.codes[~train]].tolist(),
        },
        schema=dict.fromkeys(_STATED, pl.String),
    ).unique()
    kept = frame.join(strangers, on="user_id", how="anti", maintain_order="left")
    kept = kept.join(pairs, on=list(_STATED), how="anti", maintain_order="left")
    known = sequences.timestamps[train & (sequences.timestamps != NO_TIME)]
    if len(known) and kept.schema.get("timestamp") is not None and kept.schema["timestamp"].is_temporal():
        last = _EPOCH + timedelta(microseconds=int(known.max()))
        kept = kept.filter(pl.col("timestamp").is_null() | pl.col("user_id").is_null() | (pl.col("timestamp") <= last))
    return Relations(kept)
