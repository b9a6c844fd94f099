"""Whether held-out pairs of a person and an item stand in the training rows, or in a graph that a model is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl
import scipy
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME
from tastemaker.data.catalogue import Relations
from tastemaker.data.dataset import Dataset
from tastemaker.data.split import Split
from tastemaker.evaluation.probes.finding import FALSE_ALARMS, Finding, not_run

ROWS: Final = "test rows in training"
EDGES: Final = "test edges in a graph"

Edges = Relations | Any
"""Facts, or a `scipy.sparse` matrix: people by items, or people and items by people and items."""


def answers_in_training(split: Split) -> Finding:
    """Look for the answers among the training rows; exact, no statistic.

    A leak is a held-out row that is in training itself, or a copy of one (same person, item and time). The same
    pair at another time is a repeat, which is told and is none.
    """
    train = split.train.sequences
    held = [part for part in (split.valid, split.test) if len(part)]
    rows = np.unique(np.concatenate([part.rows for part in held]))
    same = int(np.isin(rows, train.rows).sum())
    answers = _answers(split)
    learnt = split.train.interactions.frame.select("user_id", "item_id", "timestamp").unique()
    pairs = answers.join(learnt.select("user_id", "item_id").unique(), on=["user_id", "item_id"], how="semi").height
    dated = answers.filter(pl.col("timestamp").is_not_null())
    copies = dated.join(learnt, on=["user_id", "item_id", "timestamp"], how="semi").height
    found = max(same, copies)
    message = f"{same:,} of {len(rows):,} held-out rows are in training, and {copies:,} have a copy there."
    if pairs > found:
        message += f" {pairs - found:,} pairs occur there at another time: repeats, not leaks."
    return Finding(
        ROWS,
        split.protocol,
        "leak" if found else "clean",
        found / len(rows),
        0.0,
        (0.0, 0.0),
        message=message,
        remedy="Split anew, or drop the copies before splitting." if found else "",
    )


def answers_in_graph(
    split: Split,
    edges: Edges,
    *,
    user_ids: Sequence[str] | None = None,
    item_ids: Sequence[str] | None = None,
    name: str = "edges",
    level: float = FALSE_ALARMS,
) -> Finding:
    """Look for the answers among the edges of a graph.

    Statistic: the share of the held-out pairs that are edges, pairs that are in training as well left out. Chance:
    a person's edges that are not in training hit each answer with the share that the answer's item has among all
    such edges; the sum has a Poisson-binomial law, whose tail the Poisson law bounds (Hoeffding 1956). More than
    chance is a leak, unless a model that saw only the training part predicted the edges: then it is skill.

    Args:
        split: What is held out, and the training part.
        edges: Facts whose heads and tails are people and items, in either direction; or a sparse matrix, people by
            items, or square over people and then items.
        user_ids: People of the matrix in order; by default those of the training part, sorted.
        item_ids: Items of the matrix in order; by default the vocabulary's.
        name: What the graph is called in the report.
        level: False alarm rate.

    Raises:
        DataError: The matrix is of another shape.
    """
    given = _pairs_of(split.train, edges, user_ids, item_ids)
    pair = ["user_id", "item_id"]
    learnt = split.train.interactions.frame.select(pair).unique()
    extra = given.unique().join(learnt, on=pair, how="anti")
    answers = _answers(split).select(pair).unique().join(learnt, on=pair, how="anti")
    if not given.height or not answers.height:
        return not_run(
            EDGES, name, "no edge joins a person and an item of the data" if answers.height else "no answers"
        )
    hits = answers.join(extra, on=pair, how="semi").height
    degree = extra.group_by("user_id").agg(pl.len().alias("degree"))
    weight = extra.group_by("item_id").agg((pl.len() / max(extra.height, 1)).alias("weight"))
    met = answers.join(degree, on="user_id", how="left").join(weight, on="item_id", how="left").fill_null(0)
    expected = float(np.minimum(met["degree"].to_numpy() * met["weight"].to_numpy(), 1.0).sum())
    p_value = float(scipy.stats.poisson.sf(hits - 1, expected)) if hits else 1.0
    leak = p_value < level
    total = answers.height
    return Finding(
        EDGES,
        name,
        "leak" if leak else "clean",
        hits / total,
        expected / total,
        (0.0, float(scipy.stats.poisson.isf(level, expected)) / total),
        p_value,
        level,
        f"{hits:,} of {total:,} held-out pairs are edges ({hits / total:.1%}); {expected:,.1f} would be by chance. "
        f"{extra.height:,} of {given.height:,} edges are not in training.",
        "Build the graph from split.train alone." if leak else "",
    )


def _answers(split: Split) -> pl.DataFrame:
    """Return the held-out pairs as ``user_id, item_id, timestamp``, validation and test together."""
    frames = []
    for part in (split.valid, split.test):
        queries = part.queries
        moment = pl.Series(queries.now[part.query]).cast(pl.Datetime("us", "UTC"))
        frames.append(
            pl.DataFrame(
                {
                    "user_id": pl.Series(queries.user_ids[part.query].tolist(), dtype=pl.String),
                    "item_id": pl.Series(queries.dictionary[part.targets].tolist(), dtype=pl.String),
                    "timestamp": moment.set(pl.Series(queries.now[part.query] == NO_TIME), None),
                }
            )
        )
    return pl.concat(frames)


def _pairs_of(
    train: Dataset, edges: Edges, user_ids: Sequence[str] | None, item_ids: Sequence[str] | None
) -> pl.DataFrame:
    """Return the edges that join a person and an item as ``user_id, item_id``."""
    if isinstance(edges, Relations):
        return _facts(train, edges)
    people = list(train.sequences.user_ids if user_ids is None else user_ids)
    items = list(train.items.ids if item_ids is None else item_ids)
    matrix = sparse.coo_array(edges)
    size = len(people) + len(items)
    row, column = matrix.coords
    stored = matrix.data != 0
    row, column = row[stored].astype(np.int64), column[stored].astype(np.int64)
    if matrix.shape == (size, size):
        flipped = row >= len(people)
        row, column = np.where(flipped, column, row), np.where(flipped, row, column) - len(people)
        across = (row < len(people)) & (column >= 0)
        row, column = row[across], column[across]
    elif matrix.shape != (len(people), len(items)):
        raise DataError(
            f"the graph is {matrix.shape[0]} x {matrix.shape[1]}, not {len(people)} x {len(items)} nor {size} x {size}",
            remedy="Give its people and items in order as user_ids and item_ids.",
        )
    return pl.DataFrame({"user_id": _named(people, row), "item_id": _named(items, column)})


def _named(names: list[str], numbers: NDArray[np.int64]) -> pl.Series:
    return pl.Series(names, dtype=pl.String).gather(numbers)


def _facts(train: Dataset, relations: Relations) -> pl.DataFrame:
    """Return the facts between a person and an item; with ids that are both, in either direction."""
    people = pl.DataFrame({"user_id": pl.Series(train.sequences.user_ids.tolist(), dtype=pl.String)})
    items = train.catalogue.frame.select("item_id")
    frames = []
    for person, item in (("head", "tail"), ("tail", "head")):
        facts = relations.frame.select(user_id=person, item_id=item)
        frames.append(facts.join(people, on="user_id", how="semi").join(items, on="item_id", how="semi"))
    return pl.concat(frames)
