"""Writing a split for others: what they may learn from and the very questions we ask, without the answers.

Lists that another system makes for these questions come back through `tastemaker.evaluation.runs`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.files import atomic_folder
from tastemaker.core.query import NO_TIME
from tastemaker.data.heldout import HeldOut
from tastemaker.data.interactions import TIME
from tastemaker.data.split import Split

FORMAT: Final = 1
MARK: Final = "split.json"
"""The file by which a folder is known to be ours."""

_HOW: Final = (
    "Learn from train.parquet. Answer every row of test.parquet with items of items.parquet, best first, without those "
    "of its history. Write a Parquet or CSV file with the columns query_id, item_id, rank (from 1), or a TREC run. "
    "Choose settings on valid.parquet, which holds its answers. Then: tastemaker evaluate --run FILE."
)


def query_ids(held: HeldOut) -> NDArray[np.object_]:
    """Return a name for each query, object ``[q]``: the user's id, with ``#1``, ``#2`` ... where a user asks again.

    The sign is repeated until no two queries have the same name.
    """
    users = [str(user) for user in held.queries.user_ids]
    often: dict[str, int] = {}
    for user in users:
        often[user] = often.get(user, 0) + 1
    sign = "#"
    while True:
        asked: dict[str, int] = {}
        names = []
        for user in users:
            asked[user] = asked.get(user, 0) + 1
            names.append(user if often[user] == 1 else f"{user}{sign}{asked[user]}")
        if len(set(names)) == len(names):
            return np.asarray([*names, None], dtype=object)[:-1]
        sign += "#"


def query_frame(held: HeldOut, *, answers: bool) -> pl.DataFrame:
    """Return one row a query: ``query_id, user_id, now, history, weights`` and, if asked for, ``targets``.

    ``history`` holds item ids, oldest first; ``weights`` what each event says, below 0 for a dislike.
    """
    queries = held.queries
    ids = queries.dictionary
    indptr, positions = queries.flatten()
    items = pl.Series(ids[queries.codes[positions]].tolist(), dtype=pl.String)
    now = pl.Series(queries.now).replace(NO_TIME, None).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    columns: dict[str, Any] = {
        "query_id": pl.Series(query_ids(held).tolist(), dtype=pl.String),
        "user_id": pl.Series([str(user) for user in queries.user_ids], dtype=pl.String),
        "now": now.cast(TIME),
        "history": _nested(items, indptr),
        "weights": _nested(pl.Series(queries.weights[positions], dtype=pl.Float32), indptr),
    }
    if answers:
        bounds = np.searchsorted(held.query, np.arange(len(held) + 1))
        columns["targets"] = _nested(pl.Series(ids[held.targets].tolist(), dtype=pl.String), bounds)
    return pl.DataFrame(columns)


def _nested(values: pl.Series, indptr: NDArray[np.integer[Any]]) -> pl.Series:
    """Return values as lists, the ``i``-th of them ``values[indptr[i]:indptr[i + 1]]``."""
    rows = [values[start:end] for start, end in zip(indptr[:-1].tolist(), indptr[1:].tolist(), strict=True)]
    return pl.Series(rows, dtype=pl.List(values.dtype))


def write_queries(split: Split, folder: Path) -> list[Path]:
    """Write ``train, valid, test, items`` as Parquet files and ``split.json`` into a folder, whole or not at all.

    The answers of the test part are not among them.

    Raises:
        StorageError: The folder cannot be written.
    """
    about = {
        "format": FORMAT,
        "dataset": split.train.name,
        "fingerprint": split.train.fingerprint,
        "protocol": split.protocol,
        "knobs": dict(split.knobs),
        "split_hash": split.hash,
        "queries": len(split.test),
        "users": split.test.user_count,
        "how": _HOW,
    }
    frames = {
        "train": split.train.interactions.frame.drop("order"),
        "valid": query_frame(split.valid, answers=True),
        "test": query_frame(split.test, answers=False),
        "items": split.train.catalogue.frame,
    }
    with atomic_folder(folder, replaces=MARK) as temporary:
        for name, frame in frames.items():
            frame.write_parquet(temporary / f"{name}.parquet")
        (temporary / MARK).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return [folder / f"{name}.parquet" for name in frames] + [folder / MARK]
