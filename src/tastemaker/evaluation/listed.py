"""Putting lists from elsewhere to our test: which query each belongs to, where its targets stand, and what is amiss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.data.vocabulary import Vocabulary
from tastemaker.evaluation.judge import Evaluation, Judge
from tastemaker.evaluation.queries import query_ids
from tastemaker.evaluation.runs import RunFile
from tastemaker.evaluation.targets import NEVER
from tastemaker.evaluation.ties import mixed, stream

Seen = Literal["keep", "drop"]

SEEN: Final = {"keep": "counted as they stand in the lists", "drop": "taken out before places are counted"}


@dataclass(frozen=True)
class Listed:
    """Lists from elsewhere in terms of our queries.

    Attributes:
        ranks: Place of each target in its list, int64 ``[t]``; `NEVER` where the list lacks it.
        lists: The first ``k`` items as numbers of the training data, int32 ``[q, k]``; -1 for none and for unknown.
        lengths: Length of each list, int64 ``[q]``.
        counts: ``rows, lists``, and how many ``unknown_items, unknown_queries, duplicates, seen, missing_queries,
            missing_users, short_lists`` there are.
    """

    ranks: NDArray[np.int64]
    lists: NDArray[np.int32]
    lengths: NDArray[np.int64]
    counts: Mapping[str, int]


def evaluate_lists(run: RunFile, judge: Judge, *, seen: Seen = "keep", seed: int = 0) -> tuple[Evaluation, Listed]:
    """Measure lists from elsewhere on the judge's queries, as the lists of a model are measured.

    A list belongs to the query that its id names (see `query_ids`), or to every query of the user that it names. An
    item that a list repeats counts where it stands first; an item that we do not know keeps its place; a query without
    a list has missed all its targets.

    Args:
        run: The lists.
        judge: Queries and metrics.
        seen: What becomes of items that the person had met before: they ``keep`` their places, or are dropped.
        seed: Decides the order among equal scores.

    Raises:
        DataError: Not one list belongs to a query of the test.
    """
    found = placed(run, judge, seen=seen, seed=seed)
    name, unknown = run.name, int((judge.targets < 0).sum())
    return judge.measure(name, found.ranks, found.lists, float("nan"), unknown, lengths=found.lengths), found


def placed(run: RunFile, judge: Judge, *, seen: Seen = "keep", seed: int = 0) -> Listed:
    """Return where each target stands; see `evaluate_lists`."""
    held = judge.held
    rows, unknown_queries = _assigned(run, judge)
    number = rows["number"].to_numpy()
    names = rows["item_id"].unique(maintain_order=True)
    code = rows["item_id"].replace_strict(names, np.arange(len(names)), return_dtype=pl.Int64).to_numpy()
    ours = judge.train.items.index(names)
    asked = Vocabulary(held.queries.dictionary, ()).index(names)
    order = _order(run.order, rows, number, code, len(held), seed)
    number, code = number[order], code[order]
    first = np.sort(np.unique(number * len(names) + code, return_index=True)[1])
    duplicates = len(number) - len(first)
    number, code = number[first], code[first]
    met = _met(judge, number, asked[code])
    if seen == "drop":
        number, code = number[~met], code[~met]
    lengths = np.bincount(number, minlength=len(held))
    place = np.arange(len(number)) - np.searchsorted(number, number) + 1
    lists = np.full((len(held), max(judge.ks)), -1, dtype=np.int32)
    top = place <= lists.shape[1]
    lists[number[top], place[top] - 1] = ours[code[top]]
    missing = lengths == 0
    counts = {
        "rows": run.frame.height,
        "lists": int((~missing).sum()),
        "unknown_items": int((ours[code] < 0).sum()),
        "unknown_queries": unknown_queries,
        "duplicates": duplicates,
        "seen": int(met.sum()),
        "missing_queries": int(missing.sum()),
        "missing_users": held.user_count - len(np.unique(held.users[~missing])),
        "short_lists": int(((lengths < max(judge.ks)) & ~missing).sum()),
    }
    return Listed(_places(judge, number, asked[code], place), lists, lengths, counts)


def _assigned(run: RunFile, judge: Judge) -> tuple[pl.DataFrame, int]:
    """Return the rows with the ``number`` of their query, and how many of the file's queries are none of ours.

    Raises:
        DataError: None of them is ours.
    """
    ids, users = query_ids(judge.held), [str(user) for user in judge.held.queries.user_ids]
    numbers = np.arange(len(ids), dtype=np.int64)
    names = pl.DataFrame({"query": pl.Series(ids.tolist(), dtype=pl.String), "number": numbers, "exact": True})
    people = pl.DataFrame({"query": pl.Series(users, dtype=pl.String), "number": numbers, "exact": False})
    people = people.join(names, on="query", how="anti")
    frame = run.frame.with_row_index("line").with_columns(pl.col("line").cast(pl.Int64))
    rows = frame.join(pl.concat([names, people]), on="query", how="inner")
    if not rows.height:
        raise DataError(
            "not one of its lists is for a query of the test",
            where=f"{run.path}: '{run.frame['query'][0]}' and others; the test asks for '{ids[0]}' and others",
            remedy="tastemaker evaluate --write-queries FOLDER writes the queries with their ids.",
        )
    rows = rows.filter(pl.col("exact") | ~pl.col("exact").any().over("number")).sort("line")
    unknown = frame.join(rows.select("line").unique(), on="line", how="anti")["query"].n_unique()
    return rows, int(unknown)


def _order(
    kind: str, rows: pl.DataFrame, number: NDArray[np.int64], code: NDArray[np.int64], queries: int, seed: int
) -> NDArray[np.int64]:
    """Return the order in which the rows stand: by query, then best first; equal scores without a rank at random."""
    line = rows["line"].to_numpy()
    if kind == "rank":
        return np.lexsort((line, rows["rank"].to_numpy(), number))
    score = -rows["score"].to_numpy()
    if kind == "score":
        draws = stream(seed, np.arange(queries))[number]
        return np.lexsort((line, mixed(mixed(code.astype(np.uint64)) ^ draws), score, number))
    return np.lexsort((line, rows["rank"].to_numpy(), score, number))


def _met(judge: Judge, number: NDArray[np.int64], item: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Mark the rows whose item is in the history of their query and not one of its targets."""
    held, size = judge.held, len(judge.held.queries.dictionary) + 1
    indptr, positions = held.queries.flatten()
    row = np.repeat(np.arange(len(held)), np.diff(indptr))
    history = row * size + held.queries.codes[positions]
    answers = held.query.astype(np.int64) * size + held.targets
    return np.isin(number * size + item, np.setdiff1d(history, answers)) & (item >= 0)


def _places(
    judge: Judge, number: NDArray[np.int64], item: NDArray[np.integer[Any]], place: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the place of each target in the list of its query, int64 ``[t]``."""
    held, size = judge.held, len(judge.held.queries.dictionary)
    known = item >= 0
    cells = number[known] * size + item[known]
    order = np.argsort(cells)
    wanted = held.query.astype(np.int64) * size + held.targets
    at = np.minimum(np.searchsorted(cells[order], wanted), max(len(cells) - 1, 0))
    if not len(cells):
        return np.full(len(wanted), NEVER, dtype=np.int64)
    found = cells[order][at] == wanted
    return np.where(found, place[known][order][at], NEVER)
